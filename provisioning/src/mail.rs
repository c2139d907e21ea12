//! Welcome mails: one act puts a link and its QR code into the owner's mailbox, and the page says what became of it.
//!
//! A mail is a row in a queue from the order until the mail server has taken or refused it for good. The row holds no link:
//! the link is issued when the mail is written and lives in memory until the server took it, so a stolen database opens no
//! phone. After a restart a mail that still waits gets a new link, and the one it had is revoked; a mail that the server took
//! in the very moment of the crash comes twice, and only the link of the second works. Before each attempt the link is looked
//! at: one that was used or taken back meanwhile is not sent.
//!
//! | state | next |
//! |---|---|
//! | queued | sent, also when its link was used although the server's word was lost; queued again after a temporary refusal, later each time; failed |
//! | sent | - (the server took it; "resend" makes another mail) |
//! | failed | - (its link was revoked; "resend" makes another mail) |
//!
//! Invariants: a password or a link is never in a log, a row or an answer; nothing is sent in plain text but to a server on
//! this machine; one mail goes out at a time, and one that has to wait does not hold up the others.

mod account;
mod compose;
mod store;
mod transport;
mod worker;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use pbx_core::model::{EmailAddress, ExtensionNumber, SipUsername, UnixMillis};
use pbx_core::store::StoreError;
use serde::Serialize;
use thiserror::Error;
use uuid::Uuid;

pub use account::{AccountError, MailAccount, MailSecurity, NewMailAccount};
pub use worker::Mailer;

use crate::EnrolmentError;

/// How long the link in a mail lives when nothing else is said: a mail of Friday is read on Monday.
pub const MAIL_LIFETIME: Duration = Duration::from_secs(72 * 3600);
/// Mails of one order: a whole installation of the size this is for, four times.
pub const MAILS_AT_ONCE: usize = 1000;

/// Names a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct MailId(pub Uuid);

/// Names the mails of one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct BatchId(pub Uuid);

impl fmt::Display for MailId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl FromStr for MailId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Uuid::parse_str(text).map(Self)
    }
}

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl FromStr for BatchId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Uuid::parse_str(text).map(Self)
    }
}

/// Whether a mail was sent or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum MailState {
    /// Waits for its turn, or for the next attempt.
    Queued,
    /// The mail server took it, or a phone has used its link.
    Sent,
    /// It will not be sent.
    Failed,
}

/// One mail, as pages and the API show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Mail {
    /// Its name.
    pub id: MailId,
    /// What it was ordered with.
    pub batch: BatchId,
    /// Whose phone its link sets up.
    pub extension: ExtensionNumber,
    /// The account whose phone fetches its settings again by the link; `null` for a link that sets up another phone.
    pub renews: Option<SipUsername>,
    /// Where it goes.
    pub address: EmailAddress,
    /// How long its link lives from the moment it is written, in hours.
    pub hours: u32,
    /// The link it carries, once it was written.
    pub enrolment: Option<crate::EnrolmentId>,
    /// Sent or not.
    pub state: MailState,
    /// Attempts so far.
    pub attempts: u32,
    /// The mail server's last words, or why there were none; empty before the first attempt.
    pub detail: String,
    /// When it was ordered.
    pub created_at: UnixMillis,
    /// When it is tried next, while it is queued.
    pub next_at: UnixMillis,
    /// When it was sent or given up.
    pub ended_at: Option<UnixMillis>,
}

/// How far the mails of one order are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Progress {
    /// All.
    pub total: u32,
    /// Taken by the mail server.
    pub sent: u32,
    /// Given up.
    pub failed: u32,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Ordered {
    /// Names the mails.
    pub batch: BatchId,
    /// How many mails are on their way.
    pub queued: usize,
    /// Who gets none, and why.
    pub skipped: Vec<Skipped>,
}

/// An extension that gets no mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Skipped {
    /// Which.
    pub extension: ExtensionNumber,
    /// Why, with the fix.
    pub why: String,
}

/// Why something about mail was refused.
#[derive(Debug, Error)]
pub enum MailError {
    /// No mail server is known.
    #[error("no mail server is set up yet; name one under Settings > Mail, then order the mail again")]
    NoAccount,
    /// A field of the account.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// Nobody to write to.
    #[error("nobody was named; choose at least one extension")]
    Nobody,
    /// Too many at once.
    #[error("at most {MAILS_AT_ONCE} mails can be ordered at once; order the rest afterwards")]
    TooMany,
    /// No such mail.
    #[error("there is no such mail")]
    NoSuchMail,
    /// The mail still waits, so a second one would be a double.
    #[error("this mail still waits to be sent; it needs no second one")]
    StillQueued,
    /// The extension has no address.
    #[error("extension {0} has no mail address; give it one under Owner, then order the mail again")]
    NoAddress(ExtensionNumber),
    /// The mail server refused or was not reached; the text says which.
    #[error("{text}")]
    Delivery {
        /// The stable code.
        code: &'static str,
        /// The problem and the fix.
        text: String,
    },
    /// Links or the switchboard.
    #[error(transparent)]
    Enrolment(#[from] EnrolmentError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl MailError {
    /// The stable code in the API and in the log.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoAccount => "no_mail_server",
            Self::Account(_) => "mail_setting_malformed",
            Self::Nobody => "nobody",
            Self::TooMany => "too_many",
            Self::NoSuchMail => "no_such_mail",
            Self::StillQueued => "mail_queued",
            Self::NoAddress(_) => "no_mail_address",
            Self::Delivery { code, .. } => code,
            Self::Enrolment(refused) => refused.code(),
            Self::Store(_) => "not_saved",
        }
    }
}

/// Tells the time.
type Clock = Arc<dyn Fn() -> UnixMillis + Send + Sync>;
