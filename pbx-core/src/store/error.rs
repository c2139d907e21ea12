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
    /// Another process writes to the database on a server.
    #[error(
        "the database {0} is in use by another Nightbell; stop that one first, or give this one a database of its own"
    )]
    DatabaseInUse(String),
    /// Opening or creating the file, or connecting to the server.
    #[error("the database {database} cannot be opened: {source}{}", sql_advice(.source))]
    Open {
        /// Which file or server.
        database: String,
        /// Why.
        source: sqlx::Error,
    },
    /// SQLite found that the file is not what it wrote.
    #[error(
        "the database {database} is damaged ({problem}); it is left as it is. {}",
        backup_advice(.backup.as_deref())
    )]
    Damaged {
        /// Which file.
        database: String,
        /// What was found.
        problem: String,
        /// The newest backup in the data directory.
        backup: Option<PathBuf>,
    },
    /// There was a database here, and what is there is empty.
    #[error(
        "the database {database} is empty, but this data directory belongs to an installation that had one; nothing was changed. {} To begin an empty installation instead, remove {marker}",
        backup_advice(.backup.as_deref())
    )]
    Lost {
        /// Which file or server.
        database: String,
        /// The file that remembers it.
        marker: PathBuf,
        /// The newest backup in the data directory.
        backup: Option<PathBuf>,
    },
    /// The database was written by a newer version.
    #[error(
        "the database {database} was written by a newer Nightbell (it knows migration {version}); install that version again or restore a backup made by this one"
    )]
    Newer {
        /// Which file or server.
        database: String,
        /// A migration in it that this version does not know.
        version: i64,
    },
    /// Bringing the tables to this version.
    #[error("the database {database} cannot be brought to this version: {source}")]
    Migrate {
        /// Which file or server.
        database: String,
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

    /// Whether the same may succeed later: the database takes nothing from anybody now.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Begin(_) => true,
            Self::Query { source, .. } => passes(source),
            Self::DataDir { .. }
            | Self::InUse(_)
            | Self::DatabaseInUse(_)
            | Self::Open { .. }
            | Self::Damaged { .. }
            | Self::Lost { .. }
            | Self::Newer { .. }
            | Self::Migrate { .. }
            | Self::Inconsistent { .. }
            | Self::Interrupted(_)
            | Self::Seal(_) => false,
        }
    }

    /// Why the tables could not be brought to this version.
    pub(super) fn migrate(database: String, source: sqlx::migrate::MigrateError) -> Self {
        if let sqlx::migrate::MigrateError::VersionMissing(version) = source {
            return Self::Newer { database, version };
        }
        Self::Migrate { database, source }
    }

    /// Names the stored value that makes no sense.
    pub fn inconsistent(table: &'static str, column: &'static str, row: impl std::fmt::Display) -> Self {
        Self::Inconsistent { table, column, row: row.to_string() }
    }
}

/// Where to go on from when the database is lost.
fn backup_advice(newest: Option<&std::path::Path>) -> String {
    match newest {
        Some(path) => format!("Put the newest backup back: nightbell backup restore {}", path.display()),
        None => "There is no backup in the data directory; restore it from a copy you keep elsewhere (nightbell backup restore)".to_owned(),
    }
}

/// Whether SQLite says that the file is damaged, or no database at all (SQLITE_CORRUPT, SQLITE_NOTADB).
pub(super) fn is_damage(failure: &sqlx::Error) -> bool {
    let code = failure.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| matches!(code & 0xff, 11 | 26))
}

/// Whether the database refuses everybody now: full, locked, unreachable, or a disk that fails.
fn passes(failure: &sqlx::Error) -> bool {
    if let sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed =
        failure
    {
        return true;
    }
    let Some(database) = failure.as_database_error() else { return false };
    let Some(code) = database.code() else { return false };
    if database.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
        // Connection, resources, operator, read-only standby, lock (PostgreSQL manual, appendix A).
        return ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class))
            || code == "25006"
            || code == "55P03";
    }
    // Busy, locked, read-only, I/O, full, cannot open (sqlite.org/rescode.html).
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 8 | 10 | 13 | 14))
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

/// The fix for a failure of the database.
fn sql_advice(failure: &sqlx::Error) -> &'static str {
    if let sqlx::Error::PoolTimedOut = failure {
        return "; the database does not answer in time: see whether another program holds it or the server is down";
    }
    if let sqlx::Error::Io(_) = failure {
        return "; the database server cannot be reached: start it, and check the address and the network";
    }
    let Some(database) = failure.as_database_error() else { return "" };
    if database.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
        return database.code().map_or("", |state| postgres_advice(&state));
    }
    database.code().and_then(|code| code.parse::<u32>().ok()).map_or("", sqlite_advice)
}

/// By SQLite's primary result code (sqlite.org/rescode.html).
fn sqlite_advice(extended: u32) -> &'static str {
    match extended & 0xff {
        5 | 6 => "; another program holds the database: end it (for example an open sqlite3 console)",
        8 => "; the file is read-only: give the user that runs Nightbell the right to write it and its directory",
        10 => "; the disk does not read or write as it should: look at the system's log",
        11 | 26 => "; the file is damaged or no database: restore it from your backup",
        13 => "; the disk is full: free some space",
        14 => "; give the user that runs Nightbell the right to write in its directory",
        _ => "",
    }
}

/// By SQLSTATE (PostgreSQL manual, appendix A).
fn postgres_advice(state: &str) -> &'static str {
    match state {
        "28P01" | "28000" => "; check user and password in database_url",
        "3D000" => "; there is no such database on the server: make it (createdb)",
        "42501" => "; give the user of database_url the right to create tables in the database (make it its owner)",
        "53100" => "; the disk of the database server is full: free some space there",
        "53300" => "; the database server has no connection left: raise max_connections there",
        "55P03" => "; another program holds the tables: end it (for example an open psql console)",
        "25006" => "; the database server only lets us read: connect to the primary server",
        "57P01" | "57P02" | "57P03" => "; the database server is starting or stopping: wait until it runs",
        _ => "",
    }
}
