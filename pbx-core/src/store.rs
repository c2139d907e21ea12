//! SQL: open, migrate, seal, group commit. One file per table family.
//!
//! SQLite in WAL mode with one writer and several readers; every write transaction is `BEGIN IMMEDIATE`, so no reader is
//! ever upgraded into a deadlock. Tables of other crates are written by those crates through [`Store::begin`].

pub mod call_log;
mod seal;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, Transaction};
use thiserror::Error;

pub use seal::{SealError, Sealer};

/// Every migration of every crate: one database has one history.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../migrations/sqlite");

/// Readers at work at once; pages and the API are short, so a handful keeps them apart.
const READERS: u32 = 4;
/// How long a statement waits for a lock held by another process (a backup, `sqlite3` on the console).
const BUSY: Duration = Duration::from_secs(5);

/// What the store was doing when it failed.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Opening or creating the file.
    #[error("the database {path} cannot be opened: {source}")]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: sqlx::Error,
    },
    /// The database was written by a newer version.
    #[error(
        "the database {path} was written by a newer Nightbell (it knows migration {version}); install that version again or restore a backup made by this one"
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// The newest migration in it.
        version: i64,
    },
    /// Bringing the tables to this version.
    #[error("the database {path} cannot be brought to this version: {source}")]
    Migrate {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: sqlx::migrate::MigrateError,
    },
    /// Reading or writing.
    #[error("{doing}: {source}")]
    Query {
        /// What was being done, in plain words.
        doing: &'static str,
        /// Why it failed.
        source: sqlx::Error,
    },
    /// A stored value is not what the type allows.
    #[error("the database holds an impossible value in {table}.{column}, row {row}")]
    Inconsistent {
        /// Table.
        table: &'static str,
        /// Column.
        column: &'static str,
        /// Row key as text.
        row: String,
    },
    /// Sealing or unsealing a secret.
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl StoreError {
    /// Wraps a query's failure with what was being done.
    pub fn doing(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Query { doing, source }
    }

    /// Names the stored value that makes no sense.
    pub fn inconsistent(table: &'static str, column: &'static str, row: impl std::fmt::Display) -> Self {
        Self::Inconsistent { table, column, row: row.to_string() }
    }
}

/// The database of one installation; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    readers: SqlitePool,
    writer: SqlitePool,
    sealer: Sealer,
}

impl Store {
    /// Opens (or creates) `nightbell.db` in the data directory, brings it to this version, and loads the master key.
    pub async fn open(data_dir: &Path) -> Result<Self, StoreError> {
        let path = data_dir.join("nightbell.db");
        let open = |source| StoreError::Open { path: path.clone(), source };
        let sealer = Sealer::load_or_create(data_dir)?;
        let options = SqliteConnectOptions::from_str("sqlite://")
            .map_err(open)?
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY);
        let writer = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await.map_err(open)?;
        MIGRATOR.run(&writer).await.map_err(|source| match source {
            sqlx::migrate::MigrateError::VersionMissing(version) => StoreError::Newer { path: path.clone(), version },
            source => StoreError::Migrate { path: path.clone(), source },
        })?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(options.read_only(true))
            .await
            .map_err(open)?;
        Ok(Self { readers, writer, sealer })
    }

    /// Connections for reading.
    pub fn reader(&self) -> &SqlitePool {
        &self.readers
    }

    /// The one write transaction; others wait until it is committed or dropped.
    pub async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(StoreError::doing("starting a change"))
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
