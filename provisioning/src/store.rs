//! The table of links. Whether a link has expired is not stored: it follows from the clock.

use pbx_core::model::{ExtensionNumber, SipUsername, UnixMillis};
use pbx_core::store::sql::{query, query_as};
use pbx_core::store::{Store, StoreError};
use sqlx::FromRow;

use crate::enrolment::{Enrolment, EnrolmentId, EnrolmentState};
use crate::link::TokenHash;

/// Links one page shows; the newest ones, because only claimed links stay for ever.
const LIST_LIMIT: i64 = 200;
/// Old links cleared away when a new one is issued; more than one, so that they do not pile up.
const CLEAR_AT_ONCE: i64 = 4;

const ISSUED: &str = "issued";
const CLAIMED: &str = "claimed";
const REVOKED: &str = "revoked";

/// Inserts a new link; `false` when its user name is taken by another link, so that another name is to be drawn.
pub(crate) async fn insert(store: &Store, link: &Enrolment, hash: TokenHash) -> Result<bool, StoreError> {
    const DOING: &str = "saving an enrolment link";
    let mut transaction = store.begin().await?;
    let done = query(
        "INSERT INTO enrolment (id, extension, token_hash, label, username, created_at, expires_at, state, renews) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (username) DO NOTHING",
    )
    .bind(link.id.to_string())
    .bind(link.extension.to_string())
    .bind(hash.0.as_slice())
    .bind(link.label.as_str())
    .bind(link.username.as_str())
    .bind(link.created_at.0)
    .bind(link.expires_at.0)
    .bind(ISSUED)
    .bind(link.renews.as_ref().map(SipUsername::as_str))
    .execute(&mut transaction)
    .await
    .map_err(StoreError::doing(DOING))?;
    transaction.commit().await.map_err(StoreError::doing(DOING))?;
    Ok(done.rows_affected() == 1)
}

/// Marks an issued link that has not expired as claimed; `false` when it is not there to be claimed any more.
pub(crate) async fn mark_claimed(store: &Store, id: EnrolmentId, now: UnixMillis) -> Result<bool, StoreError> {
    const DOING: &str = "marking an enrolment link as used";
    let mut transaction = store.begin().await?;
    let done =
        query("UPDATE enrolment SET state = $3, claimed_at = $2 WHERE id = $1 AND state = $4 AND expires_at > $2")
            .bind(id.to_string())
            .bind(now.0)
            .bind(CLAIMED)
            .bind(ISSUED)
            .execute(&mut transaction)
            .await
            .map_err(StoreError::doing(DOING))?;
    transaction.commit().await.map_err(StoreError::doing(DOING))?;
    Ok(done.rows_affected() == 1)
}

/// Marks a link as revoked, whatever it was before.
pub(crate) async fn mark_revoked(store: &Store, id: EnrolmentId, now: UnixMillis) -> Result<(), StoreError> {
    const DOING: &str = "marking an enrolment link as revoked";
    let mut transaction = store.begin().await?;
    query("UPDATE enrolment SET state = $3, revoked_at = $2 WHERE id = $1")
        .bind(id.to_string())
        .bind(now.0)
        .bind(REVOKED)
        .execute(&mut transaction)
        .await
        .map_err(StoreError::doing(DOING))?;
    transaction.commit().await.map_err(StoreError::doing(DOING))
}

/// Some links that ended before `before`: unclaimed, or revoked.
pub(crate) async fn ended(store: &Store, before: UnixMillis) -> Result<Vec<Enrolment>, StoreError> {
    let rows: Vec<Row> = query_as(
        "SELECT id, extension, label, username, created_at, expires_at, state, claimed_at, revoked_at, renews FROM enrolment \
         WHERE (state = $2 AND expires_at < $1) OR (state = $3 AND revoked_at < $1) ORDER BY created_at LIMIT $4",
    )
    .bind(before.0)
    .bind(ISSUED)
    .bind(REVOKED)
    .bind(CLEAR_AT_ONCE)
    .fetch_all(store.reader())
    .await
    .map_err(StoreError::doing("looking for old enrolment links"))?;
    rows.into_iter().map(Row::into_enrolment).collect()
}

/// Removes a link.
pub(crate) async fn delete(store: &Store, id: EnrolmentId) -> Result<(), StoreError> {
    const DOING: &str = "removing an old enrolment link";
    let mut transaction = store.begin().await?;
    query("DELETE FROM enrolment WHERE id = $1")
        .bind(id.to_string())
        .execute(&mut transaction)
        .await
        .map_err(StoreError::doing(DOING))?;
    transaction.commit().await.map_err(StoreError::doing(DOING))
}

/// The link with this token.
pub(crate) async fn by_token(store: &Store, hash: TokenHash) -> Result<Option<Enrolment>, StoreError> {
    let row: Option<Row> = query_as(
        "SELECT id, extension, label, username, created_at, expires_at, state, claimed_at, revoked_at, renews \
         FROM enrolment WHERE token_hash = $1",
    )
    .bind(hash.0.as_slice())
    .fetch_optional(store.reader())
    .await
    .map_err(StoreError::doing("looking up an enrolment link"))?;
    row.map(Row::into_enrolment).transpose()
}

/// The link with this id.
pub(crate) async fn by_id(store: &Store, id: EnrolmentId) -> Result<Option<Enrolment>, StoreError> {
    let row: Option<Row> = query_as(
        "SELECT id, extension, label, username, created_at, expires_at, state, claimed_at, revoked_at, renews \
         FROM enrolment WHERE id = $1",
    )
    .bind(id.to_string())
    .fetch_optional(store.reader())
    .await
    .map_err(StoreError::doing("looking up an enrolment link"))?;
    row.map(Row::into_enrolment).transpose()
}

/// An extension's links, the newest first.
pub(crate) async fn list(store: &Store, extension: ExtensionNumber) -> Result<Vec<Enrolment>, StoreError> {
    let rows: Vec<Row> = query_as(
        "SELECT id, extension, label, username, created_at, expires_at, state, claimed_at, revoked_at, renews \
         FROM enrolment WHERE extension = $1 ORDER BY created_at DESC, id LIMIT $2",
    )
    .bind(extension.to_string())
    .bind(LIST_LIMIT)
    .fetch_all(store.reader())
    .await
    .map_err(StoreError::doing("reading the enrolment links"))?;
    rows.into_iter().map(Row::into_enrolment).collect()
}

/// How many of an extension's links wait for a device.
pub(crate) async fn count_open(store: &Store, extension: ExtensionNumber, now: UnixMillis) -> Result<i64, StoreError> {
    let (count,): (i64,) =
        query_as("SELECT COUNT(*) FROM enrolment WHERE extension = $1 AND state = $2 AND expires_at > $3")
            .bind(extension.to_string())
            .bind(ISSUED)
            .bind(now.0)
            .fetch_one(store.reader())
            .await
            .map_err(StoreError::doing("counting the enrolment links"))?;
    Ok(count)
}

#[derive(FromRow)]
struct Row {
    id: String,
    extension: String,
    label: String,
    username: String,
    created_at: i64,
    expires_at: i64,
    state: String,
    claimed_at: Option<i64>,
    revoked_at: Option<i64>,
    renews: Option<String>,
}

impl Row {
    fn into_enrolment(self) -> Result<Enrolment, StoreError> {
        let odd = |column| StoreError::inconsistent("enrolment", column, &self.id);
        let claimed_at = self.claimed_at.map(UnixMillis);
        let state = match self.state.as_str() {
            ISSUED => EnrolmentState::Issued,
            CLAIMED => EnrolmentState::Claimed { claimed_at: claimed_at.ok_or_else(|| odd("claimed_at"))? },
            REVOKED => {
                let revoked_at = self.revoked_at.map(UnixMillis).ok_or_else(|| odd("revoked_at"))?;
                EnrolmentState::Revoked { claimed_at, revoked_at }
            }
            _ => return Err(odd("state")),
        };
        Ok(Enrolment {
            id: self.id.parse().map_err(|_| odd("id"))?,
            extension: self.extension.parse().map_err(|_| odd("extension"))?,
            label: self.label.parse().map_err(|_| odd("label"))?,
            username: self.username.parse().map_err(|_| odd("username"))?,
            renews: self.renews.as_ref().map(|name| name.parse().map_err(|_| odd("renews"))).transpose()?,
            created_at: UnixMillis(self.created_at),
            expires_at: UnixMillis(self.expires_at),
            state,
        })
    }
}
