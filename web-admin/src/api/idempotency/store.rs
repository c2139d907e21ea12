//! The table of kept answers.

use std::time::Duration;

use pbx_core::model::UnixMillis;
use pbx_core::store::{Store, StoreError};
use sqlx::Row as _;

/// How long an answer is kept.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);
/// Answers kept at most, the newest win: a thousand creations an hour for a day do not come near.
const MAX_KEPT: i64 = 20_000;
/// Binds a sealed body to this table.
const CONTEXT: &str = "idempotent_answer.body";

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) request_hash: String,
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// The answer under this key, if there is one that is not too old.
pub(super) async fn find(store: &Store, caller: &str, key: &str, now: UnixMillis) -> Result<Option<Kept>, StoreError> {
    let doing = "looking for an answer under an Idempotency-Key";
    let row = sqlx::query(
        "SELECT request_hash, status, sealed_body FROM idempotent_answer
         WHERE caller = $1 AND key = $2 AND created_at > $3",
    )
    .bind(caller)
    .bind(key)
    .bind(oldest(now))
    .fetch_optional(store.reader())
    .await
    .map_err(StoreError::doing(doing))?;
    let Some(row) = row else { return Ok(None) };
    let sealed: Vec<u8> = row.get("sealed_body");
    // Sealed under a master key that is gone, it is as good as not there.
    let Ok(body) = store.sealer().open(CONTEXT, &sealed) else { return Ok(None) };
    let status = u16::try_from(row.get::<i64, _>("status")).unwrap_or_default();
    Ok(Some(Kept { request_hash: row.get("request_hash"), status, body: body.to_vec() }))
}

fn oldest(now: UnixMillis) -> i64 {
    now.0.saturating_sub(i64::try_from(KEPT_FOR.as_millis()).unwrap_or(i64::MAX))
}

/// Keeps an answer, and drops those that are too old or too many.
pub(super) async fn keep(
    store: &Store,
    caller: &str,
    key: &str,
    kept: &Kept,
    now: UnixMillis,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let sealed = store.sealer().seal(CONTEXT, &kept.body)?;
    let mut tx = store.begin().await?;
    sqlx::query("DELETE FROM idempotent_answer WHERE created_at <= $1").bind(oldest(now)).execute(&mut *tx).await?;
    sqlx::query(
        "DELETE FROM idempotent_answer WHERE created_at < (SELECT MIN(newest.created_at) FROM
         (SELECT created_at FROM idempotent_answer ORDER BY created_at DESC LIMIT $1) AS newest)",
    )
    .bind(MAX_KEPT - 1)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "INSERT INTO idempotent_answer (caller, key, request_hash, status, sealed_body, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (caller, key) DO UPDATE SET request_hash = excluded.request_hash, status = excluded.status,
         sealed_body = excluded.sealed_body, created_at = excluded.created_at",
    )
    .bind(caller)
    .bind(key)
    .bind(&kept.request_hash)
    .bind(i64::from(kept.status))
    .bind(sealed)
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}
