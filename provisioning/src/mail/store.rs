//! The tables of `0040_mail.sql`.

use pbx_core::model::{Redacted, UnixMillis};
use pbx_core::store::sql::{query, query_as};
use pbx_core::store::{Store, StoreError};
use sqlx::FromRow;
use zeroize::Zeroizing;

use super::account::MailAccount;
use super::{BatchId, Mail, MailId, MailState, Progress};
use crate::EnrolmentId;

/// Where the password is sealed.
const PASSWORD: &str = "mail_account.password";
/// How long an ended mail is remembered, in milliseconds: a quarter of a year.
const KEEP: i64 = 90 * 24 * 3600 * 1000;

const QUEUED: &str = "queued";
const SENT: &str = "sent";
const FAILED: &str = "failed";

/// The account and its password; `None` when there is none.
pub(super) async fn account(store: &Store) -> Result<Option<(MailAccount, Option<Redacted<String>>)>, StoreError> {
    let row: Option<(String, Option<Vec<u8>>, i64)> =
        query_as("SELECT details, password, changed_at FROM mail_account WHERE id = 1")
            .fetch_optional(store.reader())
            .await
            .map_err(StoreError::doing("reading the mail account"))?;
    let Some((details, sealed, changed_at)) = row else { return Ok(None) };
    let odd = |column| StoreError::inconsistent("mail_account", column, 1);
    let mut account: MailAccount = serde_json::from_str(&details).map_err(|_| odd("details"))?;
    account.changed_at = UnixMillis(changed_at);
    let password = match sealed {
        Some(sealed) => {
            let opened = store.sealer().open(PASSWORD, &sealed)?;
            let text = std::str::from_utf8(&opened).map_err(|_| odd("password"))?;
            Some(Redacted::new(text.to_owned()))
        }
        None => None,
    };
    Ok(Some((account, password)))
}

/// Replaces the account.
pub(super) async fn put_account(
    store: &Store,
    account: &MailAccount,
    password: Option<&Redacted<String>>,
    now: UnixMillis,
) -> Result<(), StoreError> {
    const DOING: &str = "saving the mail account";
    let details = serde_json::to_string(account).map_err(|_| StoreError::inconsistent("mail_account", "details", 1))?;
    let sealed = match password {
        Some(password) => {
            let plain = Zeroizing::new(password.reveal().clone());
            Some(store.sealer().seal(PASSWORD, plain.as_bytes())?)
        }
        None => None,
    };
    let mut change = store.begin().await?;
    query(
        "INSERT INTO mail_account (id, details, password, changed_at) VALUES (1, $1, $2, $3) \
         ON CONFLICT (id) DO UPDATE SET details = excluded.details, password = excluded.password, \
         changed_at = excluded.changed_at",
    )
    .bind(details)
    .bind(sealed)
    .bind(now.0)
    .execute(&mut change)
    .await
    .map_err(StoreError::doing(DOING))?;
    change.commit().await.map_err(StoreError::doing(DOING))
}

/// Removes the account.
pub(super) async fn remove_account(store: &Store) -> Result<(), StoreError> {
    const DOING: &str = "removing the mail account";
    let mut change = store.begin().await?;
    query("DELETE FROM mail_account").execute(&mut change).await.map_err(StoreError::doing(DOING))?;
    change.commit().await.map_err(StoreError::doing(DOING))
}

/// Adds mails, all or none, and forgets what ended long ago.
pub(super) async fn insert(store: &Store, mails: &[Mail], now: UnixMillis) -> Result<(), StoreError> {
    const DOING: &str = "ordering mails";
    let mut change = store.begin().await?;
    query("DELETE FROM mail WHERE ended_at < $1")
        .bind(now.0 - KEEP)
        .execute(&mut change)
        .await
        .map_err(StoreError::doing(DOING))?;
    for mail in mails {
        query(
            "INSERT INTO mail (id, batch, extension, address, hours, state, attempts, detail, created_at, next_at, renews) \
             VALUES ($1, $2, $3, $4, $5, $6, 0, '', $7, $7, $8)",
        )
        .bind(mail.id.to_string())
        .bind(mail.batch.to_string())
        .bind(mail.extension.to_string())
        .bind(mail.address.as_str())
        .bind(i64::from(mail.hours))
        .bind(QUEUED)
        .bind(mail.created_at.0)
        .bind(mail.renews.as_ref().map(pbx_core::model::SipUsername::as_str))
        .execute(&mut change)
        .await
        .map_err(StoreError::doing(DOING))?;
    }
    change.commit().await.map_err(StoreError::doing(DOING))
}

/// Saves where a mail stands.
pub(super) async fn update(store: &Store, mail: &Mail) -> Result<(), StoreError> {
    const DOING: &str = "saving what became of a mail";
    let mut change = store.begin().await?;
    query(
        "UPDATE mail SET enrolment = $2, state = $3, attempts = $4, detail = $5, next_at = $6, ended_at = $7 WHERE id = $1",
    )
    .bind(mail.id.to_string())
    .bind(mail.enrolment.map(|id| id.to_string()))
    .bind(match mail.state {
        MailState::Queued => QUEUED,
        MailState::Sent => SENT,
        MailState::Failed => FAILED,
    })
    .bind(i64::from(mail.attempts))
    .bind(&mail.detail)
    .bind(mail.next_at.0)
    .bind(mail.ended_at.map(|at| at.0))
    .execute(&mut change)
    .await
    .map_err(StoreError::doing(DOING))?;
    change.commit().await.map_err(StoreError::doing(DOING))
}

/// Makes every queued mail due.
pub(super) async fn hurry(store: &Store, now: UnixMillis) -> Result<(), StoreError> {
    const DOING: &str = "trying the mails that wait";
    let mut change = store.begin().await?;
    query("UPDATE mail SET next_at = $2 WHERE state = $1 AND next_at > $2")
        .bind(QUEUED)
        .bind(now.0)
        .execute(&mut change)
        .await
        .map_err(StoreError::doing(DOING))?;
    change.commit().await.map_err(StoreError::doing(DOING))
}

/// The queued mail that is due first.
pub(super) async fn next(store: &Store) -> Result<Option<Mail>, StoreError> {
    let row: Option<Row> = query_as(
        "SELECT id, batch, extension, address, hours, enrolment, state, attempts, detail, created_at, next_at, ended_at, renews \
         FROM mail WHERE state = $1 ORDER BY next_at, created_at, id LIMIT 1",
    )
    .bind(QUEUED)
    .fetch_optional(store.reader())
    .await
    .map_err(StoreError::doing("looking for the next mail"))?;
    row.map(Row::into_mail).transpose()
}

/// One mail.
pub(super) async fn by_id(store: &Store, id: MailId) -> Result<Option<Mail>, StoreError> {
    let row: Option<Row> = query_as(
        "SELECT id, batch, extension, address, hours, enrolment, state, attempts, detail, created_at, next_at, ended_at, renews \
         FROM mail WHERE id = $1",
    )
    .bind(id.to_string())
    .fetch_optional(store.reader())
    .await
    .map_err(StoreError::doing("reading a mail"))?;
    row.map(Row::into_mail).transpose()
}

/// The newest mails; of one order, of one extension, or of all.
pub(super) async fn list(
    store: &Store,
    (batch, extension): (Option<BatchId>, Option<pbx_core::model::ExtensionNumber>),
    limit: u32,
) -> Result<Vec<Mail>, StoreError> {
    let rows: Vec<Row> = query_as(
        "SELECT id, batch, extension, address, hours, enrolment, state, attempts, detail, created_at, next_at, ended_at, renews \
         FROM mail WHERE ($1 = '' OR batch = $1) AND ($2 = '' OR extension = $2) \
         ORDER BY created_at DESC, extension, id LIMIT $3",
    )
    .bind(batch.map(|batch| batch.to_string()).unwrap_or_default())
    .bind(extension.map(|number| number.to_string()).unwrap_or_default())
    .bind(i64::from(limit))
    .fetch_all(store.reader())
    .await
    .map_err(StoreError::doing("reading the mails"))?;
    rows.into_iter().map(Row::into_mail).collect()
}

/// How far an order is.
pub(super) async fn progress(store: &Store, batch: BatchId) -> Result<Progress, StoreError> {
    let rows: Vec<(String, i64)> = query_as("SELECT state, COUNT(*) FROM mail WHERE batch = $1 GROUP BY state")
        .bind(batch.to_string())
        .fetch_all(store.reader())
        .await
        .map_err(StoreError::doing("counting mails"))?;
    let mut progress = Progress::default();
    for (state, count) in rows {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        progress.total = progress.total.saturating_add(count);
        match state.as_str() {
            SENT => progress.sent = count,
            FAILED => progress.failed = count,
            _ => {}
        }
    }
    Ok(progress)
}

#[derive(FromRow)]
struct Row {
    id: String,
    batch: String,
    extension: String,
    address: String,
    hours: i64,
    enrolment: Option<String>,
    state: String,
    attempts: i64,
    detail: String,
    created_at: i64,
    next_at: i64,
    ended_at: Option<i64>,
    renews: Option<String>,
}

impl Row {
    fn into_mail(self) -> Result<Mail, StoreError> {
        let odd = |column| StoreError::inconsistent("mail", column, &self.id);
        let enrolment: Option<EnrolmentId> =
            self.enrolment.as_ref().map(|id| id.parse().map_err(|_| odd("enrolment"))).transpose()?;
        Ok(Mail {
            id: self.id.parse().map_err(|_| odd("id"))?,
            batch: self.batch.parse().map_err(|_| odd("batch"))?,
            extension: self.extension.parse().map_err(|_| odd("extension"))?,
            renews: self.renews.as_ref().map(|name| name.parse().map_err(|_| odd("renews"))).transpose()?,
            address: self.address.parse().map_err(|_| odd("address"))?,
            hours: u32::try_from(self.hours).map_err(|_| odd("hours"))?,
            enrolment,
            state: match self.state.as_str() {
                QUEUED => MailState::Queued,
                SENT => MailState::Sent,
                FAILED => MailState::Failed,
                _ => return Err(odd("state")),
            },
            attempts: u32::try_from(self.attempts).map_err(|_| odd("attempts"))?,
            detail: self.detail,
            created_at: UnixMillis(self.created_at),
            next_at: UnixMillis(self.next_at),
            ended_at: self.ended_at.map(UnixMillis),
        })
    }
}
