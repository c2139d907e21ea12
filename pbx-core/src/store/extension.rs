//! Extensions: an internal number and its owner.

use sqlx::FromRow;

use super::StoreError;
use super::sql::{Pool, Transaction, query, query_as};
use crate::model::{DisplayName, EmailAddress, Extension, ExtensionNumber, UnixMillis};

/// Inserts or replaces an extension; its accounts and devices stay.
pub(super) async fn put(db: &mut Transaction, extension: &Extension) -> Result<(), StoreError> {
    query(
        "INSERT INTO extension (number, name, email, push_enabled, created_at, phones_off_at) \
         VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (number) DO UPDATE SET name = excluded.name, email = excluded.email, \
         push_enabled = excluded.push_enabled, created_at = excluded.created_at, \
         phones_off_at = excluded.phones_off_at",
    )
    .bind(extension.number.to_string())
    .bind(extension.name.as_str())
    .bind(extension.email.as_ref().map(EmailAddress::as_str))
    .bind(extension.push_enabled)
    .bind(extension.created_at.0)
    .bind(extension.phones_off_at.map(|at| at.0))
    .execute(db)
    .await
    .map_err(StoreError::doing("saving an extension"))?;
    Ok(())
}

/// Deletes an extension with its accounts, devices and enrolment links.
pub(super) async fn delete(db: &mut Transaction, number: ExtensionNumber) -> Result<(), StoreError> {
    query("DELETE FROM extension WHERE number = $1")
        .bind(number.to_string())
        .execute(db)
        .await
        .map_err(StoreError::doing("removing an extension"))?;
    Ok(())
}

/// All extensions.
pub(super) async fn all(readers: &Pool) -> Result<Vec<Extension>, StoreError> {
    let rows: Vec<Row> =
        query_as("SELECT number, name, email, push_enabled, created_at, phones_off_at FROM extension ORDER BY number")
            .fetch_all(readers)
            .await
            .map_err(StoreError::doing("reading the extensions"))?;
    rows.into_iter().map(Row::into_extension).collect()
}

#[derive(FromRow)]
struct Row {
    number: String,
    name: String,
    email: Option<String>,
    push_enabled: bool,
    created_at: i64,
    phones_off_at: Option<i64>,
}

impl Row {
    fn into_extension(self) -> Result<Extension, StoreError> {
        let odd = |column| StoreError::inconsistent("extension", column, &self.number);
        Ok(Extension {
            number: self.number.parse().map_err(|_| odd("number"))?,
            name: self.name.parse::<DisplayName>().map_err(|_| odd("name"))?,
            email: match &self.email {
                Some(address) => Some(address.parse().map_err(|_| odd("email"))?),
                None => None,
            },
            push_enabled: self.push_enabled,
            created_at: UnixMillis(self.created_at),
            phones_off_at: self.phones_off_at.map(UnixMillis),
        })
    }
}
