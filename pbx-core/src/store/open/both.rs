//! The two databases are one: same steps, same tables, same columns.

use std::collections::BTreeSet;

use tempfile::TempDir;

use super::super::sql::{Pool, query_as};
use super::super::{MIGRATOR, POSTGRES_MIGRATOR, Store};

#[test]
fn both_databases_have_the_same_migrations() {
    let steps = |migrator: &sqlx::migrate::Migrator| {
        migrator.iter().map(|step| (step.version, step.description.to_string())).collect::<Vec<_>>()
    };
    assert_eq!(steps(&MIGRATOR), steps(&POSTGRES_MIGRATOR), "migrations/sqlite and migrations/postgres");
}

/// Every column with its type in the words of PostgreSQL and whether it may be missing.
type Columns = BTreeSet<(String, String, String, bool)>;

/// Compared in the run that has a server; the run on SQLite reads SQLite's list twice.
#[tokio::test]
async fn both_databases_have_the_same_tables_and_columns() {
    let directory = TempDir::new().unwrap();
    let file = Store::open(directory.path()).await.unwrap();
    let columns: Vec<(String, String, String, bool)> = query_as(
        "SELECT m.name, c.name, c.type, c.\"notnull\" = 0 AND c.pk = 0 FROM sqlite_schema m \
         JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND substr(m.name, 1, 7) <> 'sqlite_' \
         AND m.name <> '_sqlx_migrations'",
    )
    .fetch_all(file.reader())
    .await
    .unwrap();
    let words = |word: &str| match word {
        "BLOB" => "bytea",
        "TEXT" => "text",
        "BOOLEAN" => "boolean",
        "BIGINT" | "INTEGER" => "bigint",
        other => panic!("{other} is no type of the portable subset"),
    };
    let ours: Columns = columns.into_iter().map(|(t, c, kind, null)| (t, c, words(&kind).to_owned(), null)).collect();
    assert!(ours.len() > 60, "{ours:?}");
    let other = TempDir::new().unwrap();
    let server = Store::open_for_test(other.path()).await.unwrap();
    if let Pool::Postgres(_) = server.reader() {
        let theirs: Vec<(String, String, String, bool)> = query_as(
            "SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'YES' \
             FROM information_schema.columns WHERE table_schema = current_schema() AND table_name <> '_sqlx_migrations'",
        )
        .fetch_all(server.reader())
        .await
        .unwrap();
        let theirs: Columns = theirs.into_iter().collect();
        assert_eq!(ours.difference(&theirs).collect::<Vec<_>>(), Vec::<&_>::new(), "only in SQLite");
        assert_eq!(theirs.difference(&ours).collect::<Vec<_>>(), Vec::<&_>::new(), "only in PostgreSQL");
    }
}

/// On PostgreSQL a lock in the database, on SQLite the lock in the directory.
#[tokio::test]
async fn one_database_has_one_server() {
    let directory = TempDir::new().unwrap();
    let first = Store::open_for_test(directory.path()).await.unwrap();
    assert!(Store::open_for_test(directory.path()).await.is_err());
    if let Pool::Postgres(_) = first.reader() {
        // From another machine the directory's lock is not seen.
        std::fs::remove_file(directory.path().join("nightbell.lock")).unwrap();
        let refused = Store::open_for_test(directory.path()).await.unwrap_err();
        assert!(matches!(refused, super::super::StoreError::DatabaseInUse(_)), "{refused:?}");
    }
    first.close().await;
    drop(first);
    Store::open_for_test(directory.path()).await.unwrap();
}
