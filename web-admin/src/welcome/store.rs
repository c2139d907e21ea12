//! SQL of the areas this crate keeps in the live settings: one JSON value each.

use pbx_core::store::sql::query;
use pbx_core::store::{Store, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What an area holds; `None` while nothing was saved.
pub(crate) async fn load<T: DeserializeOwned>(store: &Store, area: &str) -> Result<Option<T>, StoreError> {
    let doing = "reading the settings";
    let row = query("SELECT value FROM setting WHERE name = $1")
        .bind(area.to_owned())
        .fetch_optional(store.reader())
        .await
        .map_err(StoreError::doing(doing))?;
    let Some(row) = row else { return Ok(None) };
    let value: String = row.try_get("value").map_err(StoreError::doing(doing))?;
    // What cannot be read any more is asked for again.
    Ok(serde_json::from_str(&value).ok())
}

/// Replaces what an area holds.
pub(crate) async fn put(store: &Store, area: &str, value: &impl Serialize) -> Result<(), StoreError> {
    let doing = "saving the settings";
    let text = serde_json::to_string(value).map_err(|_| StoreError::inconsistent("setting", "value", "to be saved"))?;
    let mut tx = store.begin().await?;
    query("INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
        .bind(area.to_owned())
        .bind(text)
        .execute(&mut tx)
        .await
        .map_err(StoreError::doing(doing))?;
    tx.commit().await.map_err(StoreError::doing(doing))
}
