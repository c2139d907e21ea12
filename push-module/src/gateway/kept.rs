//! How push did, kept across restarts: saved behind the pushes, at most every minute and at the stop. A crash costs the last
//! minute of a statistic and nothing else.

use std::collections::BTreeMap;

use pbx_core::model::UnixMillis;
use pbx_core::store::{Store, StoreError};
use serde::{Deserialize, Serialize};

use super::health::{Attempts, ProviderFailure};
use crate::credential::{CredentialId, CredentialKind};

/// What is kept of a credential, or of all of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Record {
    #[serde(default)]
    pub(super) last_success: Option<UnixMillis>,
    #[serde(default)]
    pub(super) last_failure: Option<ProviderFailure>,
    #[serde(default)]
    pub(super) attempts: Attempts,
}

/// Whom a record is about.
pub(super) fn of_credential(id: CredentialId) -> String {
    format!("credential:{id}")
}

/// The totals of a kind of credential.
pub(super) fn of_kind(kind: CredentialKind) -> String {
    format!("kind:{}", kind.as_str())
}

/// The totals by kind of credential.
pub(super) fn totals(records: &BTreeMap<String, Record>) -> BTreeMap<CredentialKind, Attempts> {
    let total = |(subject, record): (&String, &Record)| {
        let kind = subject.strip_prefix("kind:")?.to_owned();
        Some((serde_json::from_value(serde_json::Value::String(kind)).ok()?, record.attempts))
    };
    records.iter().filter_map(total).collect()
}

/// Reads and writes the table of `0013_push_health.sql`; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct KeptStore {
    store: Store,
}

impl KeptStore {
    pub(super) fn new(store: Store) -> Self {
        Self { store }
    }

    /// Every record; one that cannot be read is a statistic that begins anew.
    pub(super) async fn load(&self) -> Result<BTreeMap<String, Record>, StoreError> {
        let rows: Vec<(String, String)> = sqlx::query_as("SELECT subject, record FROM push_health")
            .fetch_all(self.store.reader())
            .await
            .map_err(StoreError::doing("reading how push did"))?;
        Ok(rows.into_iter().filter_map(|(subject, json)| Some((subject, serde_json::from_str(&json).ok()?))).collect())
    }

    /// Replaces these records.
    pub(super) async fn save(&self, records: &BTreeMap<String, Record>, now: UnixMillis) -> Result<(), StoreError> {
        let doing = "keeping how push did";
        let mut change = self.store.begin().await?;
        for (subject, record) in records {
            let json = serde_json::to_string(record).map_err(|_| StoreError::Inconsistent {
                table: "push_health",
                column: "record",
                row: subject.clone(),
            })?;
            sqlx::query(
                "INSERT INTO push_health (subject, record, saved_at) VALUES ($1, $2, $3) \
                 ON CONFLICT (subject) DO UPDATE SET record = excluded.record, saved_at = excluded.saved_at",
            )
            .bind(subject)
            .bind(json)
            .bind(now.0)
            .execute(&mut *change)
            .await
            .map_err(StoreError::doing(doing))?;
        }
        change.commit().await.map_err(StoreError::doing(doing))
    }

    /// Forgets a credential that was removed; the totals of its kind stay.
    pub(super) async fn forget(&self, id: CredentialId) -> Result<(), StoreError> {
        let doing = "forgetting how a removed push credential did";
        let mut change = self.store.begin().await?;
        sqlx::query("DELETE FROM push_health WHERE subject = $1")
            .bind(of_credential(id))
            .execute(&mut *change)
            .await
            .map_err(StoreError::doing(doing))?;
        change.commit().await.map_err(StoreError::doing(doing))
    }
}
