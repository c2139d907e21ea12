//! The tables of a database, read from its own catalogue, those that others refer to first.

use super::super::StoreError;
use super::super::sql::{Transaction, query_as};
use super::line::{Kind, Table};

const SQLITE_COLUMNS: &str = "SELECT m.name, c.name, c.type FROM sqlite_schema m JOIN pragma_table_info(m.name) c \
    WHERE m.type = 'table' AND substr(m.name, 1, 7) <> 'sqlite_' AND m.name <> '_sqlx_migrations' ORDER BY m.name, c.cid";
const SQLITE_REFERENCES: &str = "SELECT m.name, f.\"table\" FROM sqlite_schema m JOIN pragma_foreign_key_list(m.name) f \
    WHERE m.type = 'table' ORDER BY m.name";
const POSTGRES_COLUMNS: &str = "SELECT table_name::text, column_name::text, data_type::text \
    FROM information_schema.columns WHERE table_schema = current_schema() AND table_name <> '_sqlx_migrations' \
    ORDER BY table_name, ordinal_position";
const POSTGRES_REFERENCES: &str = "SELECT a.relname::text, b.relname::text FROM pg_constraint c \
    JOIN pg_class a ON a.oid = c.conrelid JOIN pg_class b ON b.oid = c.confrelid \
    WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace";

/// Every table of ours.
pub(super) async fn tables(db: &mut Transaction) -> Result<Vec<Table>, StoreError> {
    const DOING: &str = "reading the list of tables";
    let (columns, references) = match db {
        Transaction::Sqlite(_) => (SQLITE_COLUMNS, SQLITE_REFERENCES),
        Transaction::Postgres(_) => (POSTGRES_COLUMNS, POSTGRES_REFERENCES),
    };
    let columns: Vec<(String, String, String)> =
        query_as(columns).fetch_all(&mut *db).await.map_err(StoreError::doing(DOING))?;
    let references: Vec<(String, String)> =
        query_as(references).fetch_all(&mut *db).await.map_err(StoreError::doing(DOING))?;
    let mut tables: Vec<Table> = Vec::new();
    for (table, column, kind) in columns {
        let kind = Kind::from_name(&kind).ok_or_else(|| StoreError::inconsistent("schema", "type", &column))?;
        match tables.last_mut() {
            Some(last) if last.name == table => last.columns.push((column, kind)),
            _ => tables.push(Table { name: table, columns: vec![(column, kind)] }),
        }
    }
    Ok(sorted(tables, &references))
}

/// A table comes after those that it refers to; `references` are pairs of (from, to).
fn sorted(mut rest: Vec<Table>, references: &[(String, String)]) -> Vec<Table> {
    let mut placed: Vec<Table> = Vec::new();
    while !rest.is_empty() {
        let waits = |table: &Table| {
            let to = references.iter().filter(|(from, to)| *from == table.name && to != from);
            to.into_iter().any(|(_, to)| !placed.iter().any(|done| done.name == *to))
        };
        // Tables in a circle, which there are none of, would come in the order of their names.
        let next = rest.iter().position(|table| !waits(table)).unwrap_or(0);
        let table = rest.remove(next);
        placed.push(table);
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_comes_after_those_it_refers_to() {
        let table = |name: &str| Table { name: name.to_owned(), columns: Vec::new() };
        let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        let order = sorted(
            vec![table("a"), table("b"), table("c"), table("d")],
            &[pair("a", "c"), pair("c", "b"), pair("b", "b"), pair("b", "d")],
        );
        assert_eq!(order.iter().map(|table| table.name.as_str()).collect::<String>(), "dbca");
    }
}
