//! Databases for tests: SQLite, or PostgreSQL when the environment names a server.

use std::path::Path;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::super::{DatabaseUrl, Store, StoreError};

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
