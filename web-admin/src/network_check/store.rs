//! The table of `0084_network_check.sql`: the last checks.

use pbx_core::model::UnixMillis;
use pbx_core::store::sql::{Row, query};
use pbx_core::store::{Store, StoreError};

use super::{Level, Observation, Run, Vantage};

/// Checks that are kept of each kind: enough for a day at the router.
const KEPT: i64 = 30;

/// Keeps a check, and gives its id.
pub(crate) async fn put(
    store: &Store,
    vantage: Vantage,
    seen_from: &str,
    (started_at, finished_at): (UnixMillis, UnixMillis),
    observations: &[Observation],
) -> Result<i64, StoreError> {
    const DOING: &str = "keeping a network check";
    let text = serde_json::to_string(observations)
        .map_err(|_| StoreError::inconsistent("network_check", "observations", "to be saved"))?;
    let mut tx = store.begin().await?;
    let row = query(
        "INSERT INTO network_check (vantage, seen_from, started_at, finished_at, observations) \
         VALUES ($1, $2, $3, $4, $5) RETURNING id",
    )
    .bind(vantage.as_str())
    .bind(seen_from.to_owned())
    .bind(started_at.0)
    .bind(finished_at.0)
    .bind(text)
    .fetch_one(&mut tx)
    .await
    .map_err(StoreError::doing(DOING))?;
    let id: i64 = row.try_get("id").map_err(StoreError::doing(DOING))?;
    query(
        "DELETE FROM network_check WHERE vantage = $1 AND id NOT IN \
         (SELECT id FROM network_check WHERE vantage = $1 ORDER BY id DESC LIMIT $2)",
    )
    .bind(vantage.as_str())
    .bind(KEPT)
    .execute(&mut tx)
    .await
    .map_err(StoreError::doing(DOING))?;
    tx.commit().await.map_err(StoreError::doing(DOING))?;
    Ok(id)
}

/// All that are kept, the newest first.
pub(crate) async fn list(store: &Store) -> Result<Vec<Run>, StoreError> {
    const DOING: &str = "reading the network checks";
    let rows = query(
        "SELECT id, vantage, seen_from, started_at, finished_at, observations FROM network_check ORDER BY id DESC",
    )
    .fetch_all(store.reader())
    .await
    .map_err(StoreError::doing(DOING))?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<Run, StoreError> {
    let failed = StoreError::doing("reading the network checks");
    let get = || -> Result<_, _> {
        Ok((
            row.try_get::<i64>("id")?,
            row.try_get::<String>("vantage")?,
            row.try_get::<String>("seen_from")?,
            row.try_get::<i64>("started_at")?,
            row.try_get::<i64>("finished_at")?,
            row.try_get::<String>("observations")?,
        ))
    };
    let (id, vantage, seen_from, started_at, finished_at, text) = get().map_err(failed)?;
    let odd = |column| StoreError::inconsistent("network_check", column, id);
    let vantage = Vantage::from_code(&vantage).ok_or_else(|| odd("vantage"))?;
    let observations: Vec<Observation> = serde_json::from_str(&text).map_err(|_| odd("observations"))?;
    let level: Level = super::worst(&observations);
    let (started_at, finished_at) = (UnixMillis(started_at), UnixMillis(finished_at));
    Ok(Run { id, vantage, seen_from, started_at, finished_at, level, observations })
}
