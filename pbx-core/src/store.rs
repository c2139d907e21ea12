//! SQL: open, migrate, seal, group commit. One file per table family.
//!
//! SQLite in WAL mode or a PostgreSQL server, both with one writer and several readers; a write transaction of SQLite is
//! `BEGIN IMMEDIATE`, so no reader is ever upgraded into a deadlock. One SQL text serves both ([`sql`]). Tables of other crates are written by those crates through [`Store::begin`].
//!
//! Invariants: one process at a time holds a data directory; the files are readable by their owner only; a database and a
//! master key that do not belong together are refused at start; what a newer version wrote is never touched.

pub mod backup;
pub mod call_log;
mod change;
mod credential;
mod defence;
mod device;
mod error;
mod extension;
mod id_high;
mod inspect;
mod load;
mod open;
mod parked_call;
mod seal;
mod setting;
pub mod sql;
mod udp_binding;
mod url;
mod wake_times;
mod writer;

use std::fs::File;
use std::sync::Arc;

pub use call_log::CallFilter;
pub use credential::open_credential;
pub use error::StoreError;
pub use inspect::{Inspection, inspect, inspect_postgres};
#[cfg(any(test, feature = "test-store"))]
pub use open::OldDatabase;
pub use seal::{SealError, Sealer};
pub use url::DatabaseUrl;
pub use wake_times::KeptWakes;
pub use writer::{SavingState, Writer};

use sql::{Pool, Transaction};

/// Every migration of every crate: one database has one history.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../migrations/sqlite");
/// The same steps for PostgreSQL, with the same numbers.
pub static POSTGRES_MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../migrations/postgres");

/// The database of one installation; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    readers: Pool,
    writer: Pool,
    sealer: Sealer,
    journal: Arc<parked_call::ParkJournal>,
    /// Where key, certificate and journal are.
    folder: Arc<std::path::Path>,
    saving: SavingState,
    /// The restore that nobody was told of yet.
    restored: Option<backup::RestoreNote>,
    /// Held open for its lock; the lock goes with the last clone, or with the process.
    _lock: Arc<File>,
}

impl Store {
    /// Connections for reading.
    pub fn reader(&self) -> &Pool {
        &self.readers
    }

    /// The one write transaction; others wait until it is committed or dropped.
    ///
    /// Nobody may wait for the switchboard while holding it: the switchboard's own saves queue behind it.
    pub async fn begin(&self) -> Result<Transaction, StoreError> {
        self.writer.begin().await.map_err(StoreError::Begin)
    }

    /// Whether the database takes what the switchboard wants saved.
    pub const fn saving(&self) -> &SavingState {
        &self.saving
    }

    /// Seals and unseals secrets under the installation's master key.
    pub fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// The data directory.
    pub fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    /// The backup that was put back before this opening, unless [`Self::forget_restored`] was called since.
    pub const fn restored(&self) -> Option<&backup::RestoreNote> {
        self.restored.as_ref()
    }

    /// The restore was told: the next opening does not tell it again.
    pub fn forget_restored(&self) {
        backup::swap::forget_note(&self.folder);
    }

    /// Writes back the journal and closes every connection.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

#[cfg(test)]
mod tests;
