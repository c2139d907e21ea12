//! Opening the data directory: lock, key, database, migrations, in this order.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

use super::parked_call::ParkJournal;
use super::sql::{Pool, query, query_scalar};
use super::{DatabaseUrl, MIGRATOR, SavingState, SealError, Sealer, Store, StoreError, backup};

mod marker;
pub(super) mod postgres;
#[cfg(any(test, feature = "test-store"))]
mod testing;

#[cfg(any(test, feature = "test-store"))]
pub use testing::OldDatabase;

/// Readers at work at once; pages and the API are short, so a handful keeps them apart.
const READERS: u32 = 4;
/// How long a statement waits for a lock held by another process (a backup, `sqlite3` on the console).
const BUSY: Duration = WAIT;
/// How long anybody waits for the right to write: a page says so then, instead of hanging.
const WAIT: Duration = Duration::from_secs(5);
/// Rows a reader fetches ahead; the start reads hundreds of thousands, and each hand-over between threads costs.
const ROWS_AHEAD: usize = 1024;
/// A journal that once grew (a long backup) is cut back to this at the next checkpoint.
const JOURNAL_BYTES: &str = "16777216";

pub(super) const DATABASE: &str = "nightbell.db";
pub(super) const LOCK: &str = "nightbell.lock";
/// What the key check holds; its text is of no importance.
const CHECK_TEXT: &[u8] = b"nightbell";
pub(super) const CHECK_PLACE: &str = "seal_check.sealed:1";

impl Store {
    /// Opens (or creates) `nightbell.db` in the data directory, brings it to this version, and loads the master key.
    ///
    /// Refused with a text for the admin: a directory that cannot be written, one that another process uses, a database
    /// of a newer version, a damaged or missing key file, a key file of another installation, and an empty database where
    /// there was one.
    pub async fn open(data_dir: &Path) -> Result<Self, StoreError> {
        let lock = lock(data_dir)?;
        let path = data_dir.join(DATABASE);
        let fresh = !holds_data(&path).map_err(|source| StoreError::DataDir { path: path.clone(), source })?;
        let sealer = if fresh { Sealer::load_or_create(data_dir)? } else { Sealer::load(data_dir)? };
        make_private(&path).map_err(|source| StoreError::DataDir { path: path.clone(), source })?;
        let (writer, readers) = connect(data_dir, &path).await?;
        Self::finish(data_dir, lock, sealer, (Pool::Sqlite(writer), Pool::Sqlite(readers)), DATABASE).await
    }

    /// The same with the tables on a PostgreSQL server, when `url` names one. Key, journal and socket stay in the directory.
    pub async fn open_at(data_dir: &Path, url: Option<&DatabaseUrl>) -> Result<Self, StoreError> {
        let Some(url) = url else { return Self::open(data_dir).await };
        let lock = lock(data_dir)?;
        let (writer, filled) = postgres::writer(url).await?;
        let name = url.to_string();
        if !filled {
            marker::check_empty(data_dir, &name)?;
        }
        let sealer = if filled { Sealer::load(data_dir)? } else { Sealer::load_or_create(data_dir)? };
        postgres::migrate(&writer, url).await?;
        let readers = postgres::readers(url).await?;
        Self::finish(data_dir, lock, sealer, (Pool::Postgres(writer), readers), &name).await
    }

    /// Holds a data directory without opening its database, as long as the file lives; a restore that waits there is ended first.
    pub fn hold(data_dir: &Path) -> Result<File, StoreError> {
        lock(data_dir)
    }

    async fn finish(
        data_dir: &Path,
        lock: File,
        sealer: Sealer,
        (writer, readers): (Pool, Pool),
        name: &str,
    ) -> Result<Self, StoreError> {
        check_key(&writer, &sealer).await?;
        marker::put(data_dir, name)?;
        let journal = Arc::new(ParkJournal::open(data_dir)?);
        let restored = backup::swap::note(data_dir);
        Ok(Self {
            readers,
            writer,
            sealer,
            journal,
            folder: data_dir.into(),
            saving: SavingState::default(),
            restored,
            _lock: Arc::new(lock),
        })
    }
}

/// Makes the data directory if there is none (mode 0700), takes the lock in it, and ends a restore that waits there.
fn lock(data_dir: &Path) -> Result<File, StoreError> {
    let refused = |source| StoreError::DataDir { path: data_dir.to_owned(), source };
    // An existing directory keeps its mode: the files are private by themselves, and it may be somebody else's.
    fs::DirBuilder::new().recursive(true).mode(0o700).create(data_dir).map_err(refused)?;
    let lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(data_dir.join(LOCK))
        .map_err(refused)?;
    match lock.try_lock() {
        Ok(()) => {
            backup::swap::finish(data_dir).map_err(refused)?;
            Ok(lock)
        }
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(data_dir.to_owned())),
        Err(TryLockError::Error(source)) => Err(refused(source)),
    }
}

/// Whether there is a database that may hold secrets sealed under an existing key.
fn holds_data(database: &Path) -> io::Result<bool> {
    match fs::metadata(database) {
        Ok(file) => Ok(file.len() > 0),
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// Makes the file before SQLite does, because SQLite would let everybody read it; its journal takes over the mode.
pub(super) fn make_private(database: &Path) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(database)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

async fn connect(data_dir: &Path, path: &Path) -> Result<(SqlitePool, SqlitePool), StoreError> {
    let open = |source| opening(path, source);
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .pragma("journal_size_limit", JOURNAL_BYTES)
        .row_buffer_size(ROWS_AHEAD)
        // The start reads everything there is, which sqlx would call slow; a page says itself when it had to wait.
        .disable_statement_logging();
    let pool = || SqlitePoolOptions::new().idle_timeout(None).max_lifetime(None).acquire_timeout(WAIT);
    let writer = pool().max_connections(1).connect_with(options.clone()).await.map_err(open)?;
    look_for_damage(&writer, path).await?;
    if !has_tables(&writer, path).await? {
        marker::check_empty(data_dir, DATABASE)?;
    }
    MIGRATOR.run(&writer).await.map_err(|source| {
        if let sqlx::migrate::MigrateError::Execute(source) = source {
            return opening(path, source);
        }
        StoreError::migrate(path.display().to_string(), source)
    })?;
    let readers = pool().max_connections(READERS).connect_with(options.read_only(true)).await.map_err(open)?;
    Ok((writer, readers))
}

/// Why the file cannot be opened; damage is told apart, because the way out of it is a backup.
fn opening(path: &Path, source: sqlx::Error) -> StoreError {
    let database = path.display().to_string();
    if super::error::is_damage(&source) {
        return damaged(path, source.to_string());
    }
    StoreError::Open { database, source }
}

fn damaged(path: &Path, problem: String) -> StoreError {
    let backup = path.parent().and_then(backup::newest);
    StoreError::Damaged { database: path.display().to_string(), problem, backup }
}

/// Looks at every page before anything is written; the file stays as it is when something is wrong with it.
async fn look_for_damage(writer: &SqlitePool, path: &Path) -> Result<(), StoreError> {
    let found: String =
        sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(writer).await.map_err(|source| opening(path, source))?;
    if found == "ok" { Ok(()) } else { Err(damaged(path, found)) }
}

/// Whether the file was filled by an earlier run.
async fn has_tables(writer: &SqlitePool, path: &Path) -> Result<bool, StoreError> {
    sqlx::query_scalar("SELECT count(*) > 0 FROM sqlite_schema WHERE name = 'seal_check'")
        .fetch_one(writer)
        .await
        .map_err(|source| opening(path, source))
}

/// Refuses a key that did not seal this database; a new database gets its check value.
async fn check_key(writer: &Pool, sealer: &Sealer) -> Result<(), StoreError> {
    const DOING: &str = "checking the master key";
    let check: Option<Vec<u8>> = query_scalar("SELECT sealed FROM seal_check WHERE id = 1")
        .fetch_optional(writer)
        .await
        .map_err(StoreError::doing(DOING))?;
    if let Some(sealed) = check {
        return match sealer.open(CHECK_PLACE, &sealed) {
            Ok(_) => Ok(()),
            Err(_) => Err(SealError::OtherKey.into()),
        };
    }
    query("INSERT INTO seal_check (id, sealed) VALUES (1, $1)")
        .bind(sealer.seal(CHECK_PLACE, CHECK_TEXT)?)
        .execute(writer)
        .await
        .map_err(StoreError::doing(DOING))?;
    Ok(())
}

#[cfg(test)]
mod both;
#[cfg(test)]
mod tests;
