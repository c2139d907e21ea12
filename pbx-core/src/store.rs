//! SQL: open, migrate, seal, group commit. One file per table family.
//!
//! SQLite in WAL mode with one writer and several readers; every write transaction is `BEGIN IMMEDIATE`, so no reader is
//! ever upgraded into a deadlock. Tables of other crates are written by those crates through [`Store::begin`].
//!
//! Invariants: one process at a time holds a data directory; the files are readable by their owner only; a database and a
//! master key that do not belong together are refused at start; what a newer version wrote is never touched.

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
mod udp_binding;
mod wake_times;
mod writer;

use std::fs::File;
use std::sync::Arc;

use sqlx::sqlite::SqlitePool;
use sqlx::{Sqlite, Transaction};

pub use call_log::CallFilter;
pub use credential::open_credential;
pub use error::StoreError;
pub use inspect::{Inspection, inspect};
pub use seal::{SealError, Sealer};
pub use wake_times::KeptWakes;
pub use writer::Writer;

/// Every migration of every crate: one database has one history.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../migrations/sqlite");

/// The database of one installation; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    readers: SqlitePool,
    writer: SqlitePool,
    sealer: Sealer,
    journal: Arc<parked_call::ParkJournal>,
    /// Held open for its lock; the lock goes with the last clone, or with the process.
    _lock: Arc<File>,
}

impl Store {
    /// Connections for reading.
    pub fn reader(&self) -> &SqlitePool {
        &self.readers
    }

    /// The one write transaction; others wait until it is committed or dropped.
    ///
    /// Nobody may wait for the switchboard while holding it: the switchboard's own saves queue behind it.
    pub async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(StoreError::Begin)
    }

    /// Seals and unseals secrets under the installation's master key.
    pub fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// Writes back the journal and closes every connection.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

#[cfg(test)]
mod tests;
