//! What the store was doing when it failed, and what the admin can do about it.

use std::path::PathBuf;

use thiserror::Error;

use super::SealError;

/// What the store was doing when it failed.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Making or entering the data directory, or making a file in it.
    #[error("the data directory {path} cannot be used: {source}{}", io_advice(.source))]
    DataDir {
        /// Which directory or file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another process works in the data directory.
    #[error(
        "the data directory {0} is in use by another Nightbell; stop that one first, or give this one a data directory of its own"
    )]
    InUse(PathBuf),
    /// Opening or creating the file.
    #[error("the database {path} cannot be opened: {source}{}", sql_advice(.source))]
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
        /// A migration in it that this version does not know.
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
    /// Waiting for the right to write.
    #[error("starting a change: {}{}", .0, sql_advice(.0))]
    Begin(sqlx::Error),
    /// Reading or writing.
    #[error("{doing}: {source}{}", sql_advice(.source))]
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
    /// The task that did it was ended.
    #[error("{0}: ended before it was done")]
    Interrupted(&'static str),
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

/// The fix for a failure of the file system.
pub(super) fn io_advice(failure: &std::io::Error) -> &'static str {
    #[expect(clippy::wildcard_enum_match_arm, reason = "io::ErrorKind is not ours and open for more kinds")]
    match failure.kind() {
        std::io::ErrorKind::PermissionDenied => "; give the user that runs Nightbell the right to write there",
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => "; the disk is full: free some space",
        std::io::ErrorKind::ReadOnlyFilesystem => "; the disk is mounted read-only: mount it writable",
        _ => "",
    }
}

/// The fix for a failure of SQLite, by its primary result code (sqlite.org/rescode.html).
fn sql_advice(failure: &sqlx::Error) -> &'static str {
    let code = failure.as_database_error().and_then(|database| database.code()?.parse::<u32>().ok());
    match code.map(|extended| extended & 0xff) {
        Some(5 | 6) => "; another program holds the database: end it (for example an open sqlite3 console)",
        Some(8) => "; the file is read-only: give the user that runs Nightbell the right to write it and its directory",
        Some(10) => "; the disk does not read or write as it should: look at the system's log",
        Some(11 | 26) => "; the file is damaged or no database: restore it from your backup",
        Some(13) => "; the disk is full: free some space",
        Some(14) => "; give the user that runs Nightbell the right to write in its directory",
        Some(_) | None => "",
    }
}
