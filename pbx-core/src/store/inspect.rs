//! Looking at a data directory without changing a byte in it: for `doctor` while no server runs.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use super::open::{CHECK_PLACE, DATABASE, LOCK, postgres};
use super::{DatabaseUrl, MIGRATOR, POSTGRES_MIGRATOR, SealError, Sealer, StoreError};

/// What a start would meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inspection {
    /// Nothing: the first start makes the database.
    Nothing,
    /// A database of this version, closed properly, with its key.
    Ready,
    /// A database of an older version; the next start brings it to this one in so many steps.
    Older(usize),
    /// The last run was killed; the next start takes over what it had saved.
    Unclean,
}

/// Looks at the database of a data directory; refused for the same reasons as [`Store::open`](super::Store::open).
pub async fn inspect(data_dir: &Path) -> Result<Inspection, StoreError> {
    let path = data_dir.join(DATABASE);
    let unreadable = |source| StoreError::DataDir { path: path.clone(), source };
    let found = fs::exists(&path).map_err(unreadable)?;
    if !found {
        return Ok(Inspection::Nothing);
    }
    // A shared look at the lock: it is let go when this function ends.
    if let Ok(lock) = File::open(data_dir.join(LOCK))
        && matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock))
    {
        return Err(StoreError::InUse(data_dir.to_owned()));
    }
    File::open(&path).map_err(unreadable)?;
    let sealer = Sealer::load(data_dir)?;
    let journal = fs::metadata(data_dir.join(format!("{DATABASE}-wal")));
    if journal.is_ok_and(|journal| journal.len() > 0) {
        return Ok(Inspection::Unclean);
    }
    // Immutable: SQLite makes neither a journal nor its index beside the file.
    let options = SqliteConnectOptions::new().filename(&path).read_only(true).immutable(true);
    let open = |source| StoreError::Open { database: path.display().to_string(), source };
    let mut connection = SqliteConnection::connect_with(&options).await.map_err(open)?;
    let looked = look(&mut connection, &sealer, &path).await;
    // It was read only; nothing can be lost.
    let _ = connection.close().await;
    looked
}

/// Looks at a database on a PostgreSQL server: its version, and what a start would meet. Reads only, and takes no lock for
/// longer than the look.
pub async fn inspect_postgres(data_dir: &Path, url: &DatabaseUrl) -> Result<(String, Inspection), StoreError> {
    let refused = |source| StoreError::Open { database: url.to_string(), source };
    let mut connection = postgres::connect(url).await?;
    let looked = async {
        let version: String =
            sqlx::query_scalar("SHOW server_version").fetch_one(&mut connection).await.map_err(refused)?;
        if postgres::is_in_use(&mut connection).await.map_err(refused)? {
            return Err(StoreError::DatabaseInUse(url.to_string()));
        }
        let made: bool = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
            .fetch_one(&mut connection)
            .await
            .map_err(refused)?;
        if !made {
            return Ok((version, Inspection::Nothing));
        }
        let done: Vec<(i64,)> = sqlx::query_as("SELECT version FROM _sqlx_migrations ORDER BY version")
            .fetch_all(&mut connection)
            .await
            .map_err(refused)?;
        if let Some((newer,)) = done.iter().find(|(version,)| !POSTGRES_MIGRATOR.version_exists(*version)) {
            return Err(StoreError::Newer { database: url.to_string(), version: *newer });
        }
        let check: Option<(Vec<u8>,)> = sqlx::query_as("SELECT sealed FROM seal_check WHERE id = 1")
            .fetch_optional(&mut connection)
            .await
            .map_err(refused)?;
        if let Some((sealed,)) = check {
            Sealer::load(data_dir)?.open(CHECK_PLACE, &sealed).map_err(|_| SealError::OtherKey)?;
        }
        let steps = POSTGRES_MIGRATOR.iter().count().saturating_sub(done.len());
        Ok((version, if steps == 0 { Inspection::Ready } else { Inspection::Older(steps) }))
    };
    let looked = looked.await;
    // It was read only; nothing can be lost.
    let _ = connection.close().await;
    looked
}

async fn look(connection: &mut SqliteConnection, sealer: &Sealer, path: &Path) -> Result<Inspection, StoreError> {
    let done: Vec<(i64,)> = sqlx::query_as("SELECT version FROM _sqlx_migrations ORDER BY version")
        .fetch_all(&mut *connection)
        .await
        .map_err(|source| StoreError::Open { database: path.display().to_string(), source })?;
    if let Some((version,)) = done.iter().find(|(version,)| !MIGRATOR.version_exists(*version)) {
        return Err(StoreError::Newer { database: path.display().to_string(), version: *version });
    }
    let check: Option<(Vec<u8>,)> = sqlx::query_as("SELECT sealed FROM seal_check WHERE id = 1")
        .fetch_optional(&mut *connection)
        .await
        .map_err(StoreError::doing("checking the master key"))?;
    if let Some((sealed,)) = check {
        sealer.open(CHECK_PLACE, &sealed).map_err(|_| SealError::OtherKey)?;
    }
    let steps = MIGRATOR.iter().count().saturating_sub(done.len());
    Ok(if steps == 0 { Inspection::Ready } else { Inspection::Older(steps) })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::sql::query;
    use super::*;
    use crate::store::Store;

    /// Every file with its size and the time it was changed.
    fn listing(folder: &Path) -> BTreeMap<String, (u64, std::time::SystemTime)> {
        let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
        let line = |entry: fs::DirEntry| {
            let file = entry.metadata().unwrap();
            (entry.file_name().into_string().unwrap(), (file.len(), file.modified().unwrap()))
        };
        entries.map(line).collect()
    }

    #[tokio::test]
    async fn a_look_sees_what_a_start_would_meet_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(inspect(folder.path()).await.unwrap(), Inspection::Nothing);
        assert!(listing(folder.path()).is_empty());
        let store = Store::open(folder.path()).await.unwrap();
        assert!(matches!(inspect(folder.path()).await, Err(StoreError::InUse(_))));
        store.close().await;
        drop(store);
        let before = listing(folder.path());
        assert_eq!(inspect(folder.path()).await.unwrap(), Inspection::Ready);
        assert_eq!(listing(folder.path()), before);
    }

    #[tokio::test]
    async fn a_killed_run_an_older_and_a_newer_version_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let latest = "DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)";
        query(latest).execute(&store.writer).await.unwrap();
        store.close().await;
        drop(store);
        assert_eq!(inspect(folder.path()).await.unwrap(), Inspection::Older(1));
        fs::write(folder.path().join("nightbell.db-wal"), b"left").unwrap();
        assert_eq!(inspect(folder.path()).await.unwrap(), Inspection::Unclean);
    }

    #[tokio::test]
    async fn a_database_without_its_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        store.close().await;
        drop(store);
        fs::remove_file(folder.path().join("master.key")).unwrap();
        assert!(matches!(inspect(folder.path()).await, Err(StoreError::Seal(SealError::KeyMissing(_)))));
    }
}
