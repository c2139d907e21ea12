//! Databases for tests: SQLite, or PostgreSQL when the environment names a server; of this version, or as an earlier one left it.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::super::sql::Pool;
use super::super::{DatabaseUrl, MIGRATOR, POSTGRES_MIGRATOR, Sealer, Store, StoreError};
use super::{DATABASE, check_key, make_private, opening, postgres};

/// Names the PostgreSQL database in which tests work, each in a schema of its own.
const SERVER: &str = "NIGHTBELL_TEST_POSTGRES";

impl Store {
    /// Opens the database of a test directory: `nightbell.db` in it or, with `NIGHTBELL_TEST_POSTGRES=url` in the
    /// environment, a schema there that belongs to this directory. Opened again, it is the same database.
    pub async fn open_for_test(data_dir: &Path) -> Result<Self, StoreError> {
        Self::open_at(data_dir, Self::url_for_test(data_dir).await.as_ref()).await
    }

    /// Where the database of a test directory is, when it is on a server.
    pub async fn url_for_test(data_dir: &Path) -> Option<DatabaseUrl> {
        let server = std::env::var(SERVER).ok()?;
        Some(schema_of(&server, data_dir).await)
    }
}

/// A database as an earlier version left it: its tables, the master key with its check value, and the rows a test writes in that
/// version's words.
#[derive(Debug)]
pub struct OldDatabase {
    pool: Pool,
    sealer: Sealer,
}

impl OldDatabase {
    /// Makes the database of a test directory whose newest migration is `step`.
    pub async fn at_step(data_dir: &Path, step: i64) -> Result<Self, StoreError> {
        let sealer = Sealer::load_or_create(data_dir)?;
        let pool = match Store::url_for_test(data_dir).await {
            None => {
                let path = data_dir.join(DATABASE);
                make_private(&path).map_err(|source| StoreError::DataDir { path: path.clone(), source })?;
                let options = SqliteConnectOptions::new().filename(&path).foreign_keys(true);
                let one = SqlitePoolOptions::new().max_connections(1).connect_with(options).await;
                let pool = one.map_err(|source| opening(&path, source))?;
                let refused = |source| StoreError::migrate(path.display().to_string(), source);
                MIGRATOR.run_to(step, &pool).await.map_err(refused)?;
                Pool::Sqlite(pool)
            }
            Some(url) => {
                let (pool, _) = postgres::writer(&url).await?;
                let refused = |source| StoreError::migrate(url.to_string(), source);
                POSTGRES_MIGRATOR.run_to(step, &pool).await.map_err(refused)?;
                Pool::Postgres(pool)
            }
        };
        check_key(&pool, &sealer).await?;
        Ok(Self { pool, sealer })
    }

    /// Where the rows of that version are written.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// What that version sealed secrets with.
    pub fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// Ends that version, so that [`Store::open_for_test`] brings the database to this one.
    pub async fn close(self) {
        self.pool.close().await;
    }
}

/// The address of this directory's schema, which is made when it is not there.
async fn schema_of(server: &str, data_dir: &Path) -> DatabaseUrl {
    use std::hash::{Hash as _, Hasher as _};
    let mut hash = std::hash::DefaultHasher::new();
    data_dir.hash(&mut hash);
    let schema = format!("t{:016x}", hash.finish());
    let mut connection = PgConnection::connect(server).await.expect("the server in NIGHTBELL_TEST_POSTGRES runs");
    sqlx::query(AssertSqlSafe(format!("CREATE SCHEMA IF NOT EXISTS {schema}")))
        .execute(&mut connection)
        .await
        .expect("the user in NIGHTBELL_TEST_POSTGRES may make schemas");
    let joined = if server.contains('?') { '&' } else { '?' };
    let url = format!("{server}{joined}options=-csearch_path%3D{schema}");
    url.parse().expect("NIGHTBELL_TEST_POSTGRES is postgres://user@host/database")
}
