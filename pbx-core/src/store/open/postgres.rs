//! Opening a database on a PostgreSQL server.
//!
//! One connection writes, as with SQLite, and it holds an advisory lock: whoever writes holds the lock, also after a
//! connection was lost and made anew, so that two servers never write to one database.

use std::str::FromStr as _;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};

use super::super::{DatabaseUrl, POSTGRES_MIGRATOR, Pool, StoreError};
use super::{READERS, WAIT};

/// The class of our advisory lock, "nbel"; the object is the schema, so that each schema has a lock of its own.
const LOCK_CLASS: i32 = 0x6e62_656c;
/// How long a statement waits for a lock that another program holds.
const LOCK_TIMEOUT: &str = "5000";
/// How long the server lets us wait for a connection at start.
const CONNECT: Duration = Duration::from_secs(10);

/// A writer that holds the lock of the database; whether the database was made by an earlier run.
pub(in crate::store) async fn writer(url: &DatabaseUrl) -> Result<(PgPool, bool), StoreError> {
    let refused = |source| StoreError::Open { database: url.to_string(), source };
    let options = options(url)?;
    // Asked for by itself first: a pool would try again and again, and not say why.
    let mut first = connect(url).await?;
    let there: bool = sqlx::query_scalar("SELECT to_regclass('seal_check') IS NOT NULL")
        .fetch_one(&mut first)
        .await
        .map_err(refused)?;
    if !lock(&mut first).await.map_err(refused)? {
        return Err(StoreError::DatabaseInUse(url.to_string()));
    }
    // The pool's connection takes the lock anew; closing gives it free first.
    sqlx::Connection::close(first).await.map_err(refused)?;
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(WAIT)
        .after_connect(|connection, _| {
            Box::pin(async move {
                if lock(connection).await? {
                    Ok(())
                } else {
                    Err(sqlx::Error::Configuration("another Nightbell writes to this database".into()))
                }
            })
        })
        .connect_with(options)
        .await
        .map_err(refused)?;
    let filled = there
        && sqlx::query_scalar::<_, bool>("SELECT EXISTS (SELECT 1 FROM seal_check)")
            .fetch_one(&pool)
            .await
            .map_err(refused)?;
    Ok((pool, filled))
}

/// One connection, or the reason why there is none.
pub(in crate::store) async fn connect(url: &DatabaseUrl) -> Result<PgConnection, StoreError> {
    let refused = |source| StoreError::Open { database: url.to_string(), source };
    tokio::time::timeout(CONNECT, options(url)?.connect())
        .await
        .map_err(|_| refused(sqlx::Error::PoolTimedOut))?
        .map_err(refused)
}

/// Whether a Nightbell writes to this database.
pub(in crate::store) async fn is_in_use(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let free = lock(connection).await?;
    if free {
        let _: bool = sqlx::query_scalar("SELECT pg_advisory_unlock($1, hashtext(current_schema()::text))")
            .bind(LOCK_CLASS)
            .fetch_one(connection)
            .await?;
    }
    Ok(!free)
}

/// Brings the tables to this version.
pub(super) async fn migrate(writer: &PgPool, url: &DatabaseUrl) -> Result<(), StoreError> {
    POSTGRES_MIGRATOR.run(writer).await.map_err(|source| StoreError::migrate(url.to_string(), source))
}

/// Connections that cannot write.
pub(super) async fn readers(url: &DatabaseUrl) -> Result<Pool, StoreError> {
    let options = options(url)?.options([("default_transaction_read_only", "on")]);
    let pool = PgPoolOptions::new().max_connections(READERS).acquire_timeout(WAIT).connect_with(options).await;
    pool.map(Pool::Postgres).map_err(|source| StoreError::Open { database: url.to_string(), source })
}

fn options(url: &DatabaseUrl) -> Result<PgConnectOptions, StoreError> {
    let options = PgConnectOptions::from_str(url.reveal())
        .map_err(|source| StoreError::Open { database: url.to_string(), source })?;
    Ok(options.application_name("nightbell").options([("lock_timeout", LOCK_TIMEOUT)]).disable_statement_logging())
}

async fn lock(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT pg_try_advisory_lock($1, hashtext(current_schema()::text))")
        .bind(LOCK_CLASS)
        .fetch_one(connection)
        .await
}
