//! Live settings: one JSON value for each area. Fields an older version did not know get their defaults.

use super::StoreError;
use super::sql::{Pool, Transaction, query, query_as};
use crate::model::Settings;

/// The switchboard's area; other crates that keep settings here choose another name.
const SWITCHBOARD: &str = "switchboard";

/// Replaces the live settings.
pub(super) async fn put(db: &mut Transaction, settings: &Settings) -> Result<(), StoreError> {
    let value =
        serde_json::to_string(settings).map_err(|_| StoreError::inconsistent("setting", "value", SWITCHBOARD))?;
    query("INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
        .bind(SWITCHBOARD)
        .bind(value)
        .execute(db)
        .await
        .map_err(StoreError::doing("saving the settings"))?;
    Ok(())
}

/// The live settings, if any were ever saved.
pub(super) async fn load(readers: &Pool) -> Result<Option<Settings>, StoreError> {
    let row: Option<(String,)> = query_as("SELECT value FROM setting WHERE name = $1")
        .bind(SWITCHBOARD)
        .fetch_optional(readers)
        .await
        .map_err(StoreError::doing("reading the settings"))?;
    let odd = |_| StoreError::inconsistent("setting", "value", SWITCHBOARD);
    row.map(|(value,)| serde_json::from_str(&value).map_err(odd)).transpose()
}
