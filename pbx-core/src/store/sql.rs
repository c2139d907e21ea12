//! One SQL text for both databases: a thin layer over the two native drivers.
//!
//! [`query`], [`query_as`] and [`query_scalar`] are used like sqlx's own. What may be bound is what both databases store alike
//! ([`Bind`]): numbers of 64 bits, switches, texts and bytes; a missing value keeps its type, because PostgreSQL asks for it.
//! What comes back is any type that sqlx can read from a row of either. Texts are in the portable subset that
//! `migrations/README.md` describes.

use std::convert::identity;
use std::marker::PhantomData;

use sqlx::postgres::{PgArguments, PgConnection, PgPool, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqlitePool, SqliteRow};
use sqlx::{Arguments, Error, Postgres, Row as _, SqlSafeStr, SqlStr, Sqlite};

/// No reader is ever upgraded into a deadlock.
const BEGIN: &str = "BEGIN IMMEDIATE";

/// Connections to one of the two databases.
#[derive(Debug, Clone)]
pub enum Pool {
    /// A file.
    Sqlite(SqlitePool),
    /// A server.
    Postgres(PgPool),
}

impl Pool {
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }

    /// Begins a transaction that may write.
    pub(super) async fn begin(&self) -> Result<Transaction, Error> {
        match self {
            Self::Sqlite(pool) => {
                let mut begun = pool.begin_with(BEGIN).await;
                // SQLite ends a transaction by itself when the disk is full or fails; the driver still believes in it, and
                // its connection is of no use any more.
                if let Err(Error::InvalidSavePointStatement) = begun {
                    pool.acquire().await?.close().await?;
                    begun = pool.begin_with(BEGIN).await;
                }
                begun.map(Transaction::Sqlite)
            }
            Self::Postgres(pool) => pool.begin().await.map(Transaction::Postgres),
        }
    }
}

/// A transaction; dropped without a commit it leaves no trace.
#[derive(Debug)]
pub enum Transaction {
    /// Of a file.
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    /// Of a server.
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Transaction {
    /// Makes everything durable.
    pub async fn commit(self) -> Result<(), Error> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await,
            Self::Postgres(transaction) => transaction.commit().await,
        }
    }
}

/// What a query runs on: `&Pool` or `&mut Transaction`.
#[derive(Debug)]
pub enum On<'c> {
    /// Any connection of a pool of SQLite.
    SqlitePool(&'c SqlitePool),
    /// This connection of SQLite.
    Sqlite(&'c mut SqliteConnection),
    /// Any connection of a pool of PostgreSQL.
    PostgresPool(&'c PgPool),
    /// This connection of PostgreSQL.
    Postgres(&'c mut PgConnection),
}

impl<'c> From<&'c Pool> for On<'c> {
    fn from(pool: &'c Pool) -> Self {
        match pool {
            Pool::Sqlite(pool) => Self::SqlitePool(pool),
            Pool::Postgres(pool) => Self::PostgresPool(pool),
        }
    }
}

impl<'c> From<&'c mut Transaction> for On<'c> {
    fn from(transaction: &'c mut Transaction) -> Self {
        match transaction {
            Transaction::Sqlite(transaction) => Self::Sqlite(transaction),
            Transaction::Postgres(transaction) => Self::Postgres(transaction),
        }
    }
}

/// A value as both databases store it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// BIGINT.
    Number(Option<i64>),
    /// BOOLEAN.
    Switch(Option<bool>),
    /// TEXT.
    Text(Option<String>),
    /// BLOB or BYTEA.
    Bytes(Option<Vec<u8>>),
}

/// What can be bound to a placeholder.
pub trait Bind {
    /// The missing value of this type.
    const NULL: Value;
    /// This value.
    fn value(self) -> Value;
}

macro_rules! bind {
    ($($type:ty => $kind:ident, $own:expr;)*) => {$(
        impl Bind for $type {
            const NULL: Value = Value::$kind(None);
            fn value(self) -> Value {
                let own: fn(Self) -> _ = $own;
                Value::$kind(Some(own(self)))
            }
        }
    )*};
}

bind! {
    i64 => Number, |number| number;
    i32 => Number, i64::from;
    u32 => Number, i64::from;
    u16 => Number, i64::from;
    u8 => Number, i64::from;
    &i64 => Number, |number| *number;
    bool => Switch, |switch| switch;
    String => Text, |text| text;
    &String => Text, Clone::clone;
    &str => Text, str::to_owned;
    Vec<u8> => Bytes, |bytes| bytes;
    &Vec<u8> => Bytes, Clone::clone;
    &[u8] => Bytes, <[u8]>::to_vec;
}

impl<T: Bind> Bind for Option<T> {
    const NULL: Value = T::NULL;
    fn value(self) -> Value {
        self.map_or(Self::NULL, T::value)
    }
}

impl Bind for Value {
    const NULL: Value = Self::Text(None);
    fn value(self) -> Value {
        self
    }
}

/// A row type that both drivers can fill: `#[derive(sqlx::FromRow)]`, or a tuple.
pub trait FromRow: Send + Unpin + for<'r> sqlx::FromRow<'r, SqliteRow> + for<'r> sqlx::FromRow<'r, PgRow> {}
impl<T> FromRow for T where T: Send + Unpin + for<'r> sqlx::FromRow<'r, SqliteRow> + for<'r> sqlx::FromRow<'r, PgRow> {}

/// A value that both drivers can read.
pub trait Column:
    Send
    + Unpin
    + sqlx::Type<Sqlite>
    + for<'r> sqlx::Decode<'r, Sqlite>
    + sqlx::Type<Postgres>
    + for<'r> sqlx::Decode<'r, Postgres>
{
}
impl<T> Column for T where
    T: Send
        + Unpin
        + sqlx::Type<Sqlite>
        + for<'r> sqlx::Decode<'r, Sqlite>
        + sqlx::Type<Postgres>
        + for<'r> sqlx::Decode<'r, Postgres>
{
}

/// A row whose columns are asked for by name.
#[derive(Debug)]
pub enum Row {
    /// Of SQLite.
    Sqlite(SqliteRow),
    /// Of PostgreSQL.
    Postgres(PgRow),
}

impl Row {
    /// The value of a column.
    pub fn try_get<T: Column>(&self, column: &str) -> Result<T, Error> {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
    }
}

/// How many rows a statement changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done(u64);

impl Done {
    /// How many rows a statement changed.
    pub fn rows_affected(&self) -> u64 {
        self.0
    }
}

/// A statement with its values.
#[derive(Debug)]
#[must_use = "a statement does nothing until it is executed or fetched"]
pub struct Query {
    sql: SqlStr,
    values: Vec<Value>,
}

/// A statement whose rows become values of `T`.
#[derive(Debug)]
#[must_use = "a statement does nothing until it is fetched"]
pub struct QueryAs<T> {
    query: Query,
    rows: PhantomData<fn() -> T>,
}

/// A statement whose rows have one column, of type `T`.
#[derive(Debug)]
#[must_use = "a statement does nothing until it is fetched"]
pub struct QueryScalar<T>(QueryAs<(T,)>);

/// A statement that is executed, or whose rows are read by column.
pub fn query(sql: impl SqlSafeStr) -> Query {
    Query { sql: sql.into_sql_str(), values: Vec::new() }
}

/// A statement whose rows become values of `T`.
pub fn query_as<T>(sql: impl SqlSafeStr) -> QueryAs<T> {
    QueryAs { query: query(sql), rows: PhantomData }
}

/// A statement whose rows have one column.
pub fn query_scalar<T>(sql: impl SqlSafeStr) -> QueryScalar<T> {
    QueryScalar(query_as(sql))
}

/// Makes sqlx's query for the driver at hand with `$make` and runs it; what comes back goes through `$sqlite` or `$postgres`.
macro_rules! run {
    ($on:expr, $query:expr, $make:path, $fetch:ident, $sqlite:expr, $postgres:expr) => {{
        let Query { sql, values } = $query;
        match $on.into() {
            On::SqlitePool(pool) => $make(sql, sqlite_arguments(values)?).$fetch(pool).await.map($sqlite),
            On::Sqlite(one) => $make(sql, sqlite_arguments(values)?).$fetch(one).await.map($sqlite),
            On::PostgresPool(pool) => $make(sql, postgres_arguments(values)?).$fetch(pool).await.map($postgres),
            On::Postgres(one) => $make(sql, postgres_arguments(values)?).$fetch(one).await.map($postgres),
        }
    }};
}

impl Query {
    /// Binds the next placeholder.
    pub fn bind(mut self, value: impl Bind) -> Self {
        self.values.push(value.value());
        self
    }

    /// Runs it for its effect.
    pub async fn execute<'c>(self, on: impl Into<On<'c>>) -> Result<Done, Error> {
        run!(on, self, sqlx::query_with, execute, |done| Done(done.rows_affected()), |done| Done(done.rows_affected()))
    }

    /// The one row; none is an error.
    pub async fn fetch_one<'c>(self, on: impl Into<On<'c>>) -> Result<Row, Error> {
        run!(on, self, sqlx::query_with, fetch_one, Row::Sqlite, Row::Postgres)
    }

    /// The first row, if there is one.
    pub async fn fetch_optional<'c>(self, on: impl Into<On<'c>>) -> Result<Option<Row>, Error> {
        run!(on, self, sqlx::query_with, fetch_optional, |row| row.map(Row::Sqlite), |row| row.map(Row::Postgres))
    }

    /// Every row.
    pub async fn fetch_all<'c>(self, on: impl Into<On<'c>>) -> Result<Vec<Row>, Error> {
        run!(on, self, sqlx::query_with, fetch_all, |rows| rows.into_iter().map(Row::Sqlite).collect(), |rows| rows
            .into_iter()
            .map(Row::Postgres)
            .collect())
    }
}

impl<T: FromRow> QueryAs<T> {
    /// Binds the next placeholder.
    pub fn bind(mut self, value: impl Bind) -> Self {
        self.query = self.query.bind(value);
        self
    }

    /// The one row; none is an error.
    pub async fn fetch_one<'c>(self, on: impl Into<On<'c>>) -> Result<T, Error> {
        run!(on, self.query, sqlx::query_as_with, fetch_one, identity, identity)
    }

    /// The first row, if there is one.
    pub async fn fetch_optional<'c>(self, on: impl Into<On<'c>>) -> Result<Option<T>, Error> {
        run!(on, self.query, sqlx::query_as_with, fetch_optional, identity, identity)
    }

    /// Every row.
    pub async fn fetch_all<'c>(self, on: impl Into<On<'c>>) -> Result<Vec<T>, Error> {
        run!(on, self.query, sqlx::query_as_with, fetch_all, identity, identity)
    }
}

impl<T: Column> QueryScalar<T> {
    /// Binds the next placeholder.
    pub fn bind(mut self, value: impl Bind) -> Self {
        self.0.query = self.0.query.bind(value);
        self
    }

    /// The one value; none is an error.
    pub async fn fetch_one<'c>(self, on: impl Into<On<'c>>) -> Result<T, Error> {
        self.0.fetch_one(on).await.map(|(value,)| value)
    }

    /// The first value, if there is one.
    pub async fn fetch_optional<'c>(self, on: impl Into<On<'c>>) -> Result<Option<T>, Error> {
        Ok(self.0.fetch_optional(on).await?.map(|(value,)| value))
    }

    /// Every value.
    pub async fn fetch_all<'c>(self, on: impl Into<On<'c>>) -> Result<Vec<T>, Error> {
        Ok(self.0.fetch_all(on).await?.into_iter().map(|(value,)| value).collect())
    }
}

fn sqlite_arguments(values: Vec<Value>) -> Result<SqliteArguments, Error> {
    let mut arguments = SqliteArguments::default();
    for value in values {
        let added = match value {
            Value::Number(number) => Arguments::add(&mut arguments, number),
            Value::Switch(switch) => Arguments::add(&mut arguments, switch),
            Value::Text(text) => Arguments::add(&mut arguments, text),
            Value::Bytes(bytes) => Arguments::add(&mut arguments, bytes),
        };
        added.map_err(Error::Encode)?;
    }
    Ok(arguments)
}

fn postgres_arguments(values: Vec<Value>) -> Result<PgArguments, Error> {
    let mut arguments = PgArguments::default();
    for value in values {
        let added = match value {
            Value::Number(number) => arguments.add(number),
            Value::Switch(switch) => arguments.add(switch),
            // A text of PostgreSQL cannot hold the character NUL, which a hostile name may.
            Value::Text(Some(text)) if text.contains('\0') => arguments.add(text.replace('\0', "\u{fffd}")),
            Value::Text(text) => arguments.add(text),
            Value::Bytes(bytes) => arguments.add(bytes),
        };
        added.map_err(Error::Encode)?;
    }
    Ok(arguments)
}
