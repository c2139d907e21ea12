//! The table of app installations, and the one place where reports of one app are kept in order.

use std::sync::Arc;

use pbx_core::model::{ExtensionNumber, SipUsername, UnixMillis};
use pbx_core::store::sql::{query, query_as};
use pbx_core::store::{Store, StoreError};
use sqlx::FromRow;
use tokio::sync::Mutex;

use crate::installation::{AppRecord, DeviceToken, Installation};

/// Reports of different apps rarely meet in one of these; those of one app always do.
const LANES: usize = 16;
/// `seen_at` is written at most this often for one app, in milliseconds.
const SEEN_EVERY: i64 = 60_000;

/// App installations; cheap to clone.
#[derive(Debug, Clone)]
pub struct Installations {
    store: Store,
    lanes: Arc<[Mutex<()>; LANES]>,
}

impl Installations {
    /// Kept in `store`.
    pub fn new(store: Store) -> Self {
        Self { store, lanes: Arc::new(std::array::from_fn(|_| Mutex::default())) }
    }

    /// Held while a report of this app is carried out, so that two reports take effect in the order of their numbers.
    pub async fn in_order(&self, username: &SipUsername) -> tokio::sync::MutexGuard<'_, ()> {
        let sum = username.as_str().bytes().fold(0usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        self.lanes[sum % LANES].lock().await
    }

    /// A new installation of an account that exists.
    pub async fn add(&self, installation: &Installation, token: &DeviceToken) -> Result<(), StoreError> {
        const DOING: &str = "saving an app installation";
        let mut change = self.store.begin().await?;
        query(
            "INSERT INTO app_installation (username, extension, token_hash, instance, record, state_seq, profile_seen, \
             created_at, seen_at) VALUES ($1, $2, $3, $4, $5, 0, $6, $7, $7) \
             ON CONFLICT (username) DO UPDATE SET token_hash = excluded.token_hash, instance = excluded.instance, \
             record = excluded.record, state_seq = 0, profile_seen = excluded.profile_seen, seen_at = excluded.seen_at",
        )
        .bind(installation.username.as_str())
        .bind(installation.extension.to_string())
        .bind(token.hash().0.as_slice())
        .bind(&installation.instance)
        .bind(installation.record.to_text())
        .bind(&installation.profile_seen)
        .bind(installation.created_at.0)
        .execute(&mut change)
        .await
        .map_err(StoreError::doing(DOING))?;
        change.commit().await.map_err(StoreError::doing(DOING))
    }

    /// The installation with this credential.
    pub async fn by_token(&self, token: &DeviceToken) -> Result<Option<Installation>, StoreError> {
        let row: Option<Row> = query_as(
            "SELECT username, extension, instance, record, profile_seen, created_at, seen_at FROM app_installation \
             WHERE token_hash = $1",
        )
        .bind(token.hash().0.as_slice())
        .fetch_optional(self.store.reader())
        .await
        .map_err(StoreError::doing("looking up an app installation"))?;
        row.map(Row::into_installation).transpose()
    }

    /// The installations of one extension, or all.
    pub async fn list(&self, extension: Option<ExtensionNumber>) -> Result<Vec<Installation>, StoreError> {
        let rows: Vec<Row> = query_as(
            "SELECT username, extension, instance, record, profile_seen, created_at, seen_at FROM app_installation \
             WHERE $1 = '' OR extension = $1 ORDER BY extension, username",
        )
        .bind(extension.map(|number| number.to_string()).unwrap_or_default())
        .fetch_all(self.store.reader())
        .await
        .map_err(StoreError::doing("reading the app installations"))?;
        rows.into_iter().map(Row::into_installation).collect()
    }

    /// The installation with this account as it is now; `None` when it is gone.
    pub async fn of(&self, username: &SipUsername) -> Result<Option<Installation>, StoreError> {
        let row: Option<Row> = query_as(
            "SELECT username, extension, instance, record, profile_seen, created_at, seen_at FROM app_installation \
             WHERE username = $1",
        )
        .bind(username.as_str())
        .fetch_optional(self.store.reader())
        .await
        .map_err(StoreError::doing("looking up an app installation"))?;
        row.map(Row::into_installation).transpose()
    }

    /// Removes the credential of an account's app.
    pub async fn forget(&self, username: &SipUsername) -> Result<(), StoreError> {
        const DOING: &str = "removing the credential of an app";
        let mut change = self.store.begin().await?;
        query("DELETE FROM app_installation WHERE username = $1")
            .bind(username.as_str())
            .execute(&mut change)
            .await
            .map_err(StoreError::doing(DOING))?;
        change.commit().await.map_err(StoreError::doing(DOING))
    }

    /// Whether a state report with this number is newer than every one that took effect.
    pub async fn is_newer(&self, username: &SipUsername, number: i64) -> Result<bool, StoreError> {
        let row: Option<(i64,)> = query_as("SELECT state_seq FROM app_installation WHERE username = $1")
            .bind(username.as_str())
            .fetch_optional(self.store.reader())
            .await
            .map_err(StoreError::doing("looking at a state report"))?;
        Ok(row.is_some_and(|(taken,)| taken < number))
    }

    /// Takes the number of a state report; `false` when it is not above every number taken before, so that the report is old.
    pub async fn take_number(&self, username: &SipUsername, number: i64) -> Result<bool, StoreError> {
        const DOING: &str = "taking a state report";
        let mut change = self.store.begin().await?;
        let done = query("UPDATE app_installation SET state_seq = $2 WHERE username = $1 AND state_seq < $2")
            .bind(username.as_str())
            .bind(number)
            .execute(&mut change)
            .await
            .map_err(StoreError::doing(DOING))?;
        change.commit().await.map_err(StoreError::doing(DOING))?;
        Ok(done.rows_affected() == 1)
    }

    /// Replaces what an app says of itself.
    pub async fn put_record(
        &self,
        username: &SipUsername,
        record: &AppRecord,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        const DOING: &str = "saving what an app says of itself";
        let mut change = self.store.begin().await?;
        query("UPDATE app_installation SET record = $2, seen_at = $3 WHERE username = $1")
            .bind(username.as_str())
            .bind(record.to_text())
            .bind(now.0)
            .execute(&mut change)
            .await
            .map_err(StoreError::doing(DOING))?;
        change.commit().await.map_err(StoreError::doing(DOING))
    }

    /// Notes that an app has this revision of its profile.
    pub async fn note_profile(
        &self,
        username: &SipUsername,
        revision: &str,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        const DOING: &str = "noting which settings an app has";
        let mut change = self.store.begin().await?;
        query(
            "UPDATE app_installation SET profile_seen = $2, seen_at = $3 \
             WHERE username = $1 AND (profile_seen <> $2 OR seen_at < $4)",
        )
        .bind(username.as_str())
        .bind(revision)
        .bind(now.0)
        .bind(now.0 - SEEN_EVERY)
        .execute(&mut change)
        .await
        .map_err(StoreError::doing(DOING))?;
        change.commit().await.map_err(StoreError::doing(DOING))
    }
}

#[derive(FromRow)]
struct Row {
    username: String,
    extension: String,
    instance: String,
    record: String,
    profile_seen: String,
    created_at: i64,
    seen_at: i64,
}

impl Row {
    fn into_installation(self) -> Result<Installation, StoreError> {
        let odd = |column| StoreError::inconsistent("app_installation", column, &self.username);
        Ok(Installation {
            extension: self.extension.parse().map_err(|_| odd("extension"))?,
            username: self.username.parse().map_err(|_| odd("username"))?,
            // One that a later version wrote says nothing here until the app reports again.
            record: AppRecord::from_text(&self.record).unwrap_or_default(),
            profile_seen: self.profile_seen,
            instance: self.instance,
            created_at: UnixMillis(self.created_at),
            seen_at: UnixMillis(self.seen_at),
        })
    }
}
