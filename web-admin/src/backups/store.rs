//! The tables of `0080_backup.sql`.

use pbx_core::model::{Redacted, UnixMillis};
use pbx_core::store::sql::{query, query_as};
use pbx_core::store::{Store, StoreError};

use super::{Outcome, Policy};

/// Where the passphrase is sealed.
const PASSPHRASE: &str = "backup_policy.passphrase";

/// The policy and the passphrase; `None` when none was ever saved.
pub(super) async fn policy(store: &Store) -> Result<Option<(Policy, Option<Redacted<String>>)>, StoreError> {
    let row: Option<(String, Option<Vec<u8>>)> = query_as("SELECT details, passphrase FROM backup_policy WHERE id = 1")
        .fetch_optional(store.reader())
        .await
        .map_err(StoreError::doing("reading when backups are made"))?;
    let Some((details, sealed)) = row else { return Ok(None) };
    let odd = |column| StoreError::inconsistent("backup_policy", column, 1);
    let policy = serde_json::from_str(&details).map_err(|_| odd("details"))?;
    let Some(sealed) = sealed else { return Ok(Some((policy, None))) };
    let opened = store.sealer().open(PASSPHRASE, &sealed)?;
    let text = std::str::from_utf8(&opened).map_err(|_| odd("passphrase"))?;
    Ok(Some((policy, Some(Redacted::new(text.to_owned())))))
}

/// Replaces the policy, and the passphrase when a new one is given.
pub(super) async fn put_policy(
    store: &Store,
    policy: &Policy,
    passphrase: Option<&Redacted<String>>,
    now: UnixMillis,
) -> Result<(), StoreError> {
    const DOING: &str = "saving when backups are made";
    let details = serde_json::to_string(policy).map_err(|_| StoreError::inconsistent("backup_policy", "details", 1))?;
    let sealed = match passphrase {
        Some(new) => Some(store.sealer().seal(PASSPHRASE, new.reveal().as_bytes())?),
        None => None,
    };
    let mut change = store.begin().await?;
    query(
        "INSERT INTO backup_policy (id, details, passphrase, changed_at) VALUES (1, $1, $2, $3) \
         ON CONFLICT (id) DO UPDATE SET details = excluded.details, changed_at = excluded.changed_at, \
         passphrase = coalesce(excluded.passphrase, backup_policy.passphrase)",
    )
    .bind(details)
    .bind(sealed)
    .bind(now.0)
    .execute(&mut change)
    .await
    .map_err(StoreError::doing(DOING))?;
    change.commit().await.map_err(StoreError::doing(DOING))
}

/// How the last backup ended.
pub(super) async fn outcome(store: &Store) -> Result<Option<Outcome>, StoreError> {
    let row: Option<(i64, String)> = query_as("SELECT at, problem FROM backup_outcome WHERE id = 1")
        .fetch_optional(store.reader())
        .await
        .map_err(StoreError::doing("reading how the last backup ended"))?;
    Ok(row.map(|(at, problem)| Outcome { at: UnixMillis(at), problem }))
}

/// Keeps how a backup ended.
pub(super) async fn put_outcome(store: &Store, outcome: &Outcome) -> Result<(), StoreError> {
    const DOING: &str = "saving how the backup ended";
    let mut change = store.begin().await?;
    query(
        "INSERT INTO backup_outcome (id, at, problem) VALUES (1, $1, $2) \
         ON CONFLICT (id) DO UPDATE SET at = excluded.at, problem = excluded.problem",
    )
    .bind(outcome.at.0)
    .bind(&outcome.problem)
    .execute(&mut change)
    .await
    .map_err(StoreError::doing(DOING))?;
    change.commit().await.map_err(StoreError::doing(DOING))
}
