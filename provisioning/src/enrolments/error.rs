//! Why a link was not issued or revoked, and why one gave no account.

use pbx_core::model::{ExtensionNumber, SipUsername};
use pbx_core::store::StoreError;
use pbx_core::switchboard::command::CommandError;
use thiserror::Error;

use super::OPEN_LINKS;
use crate::enrolment::{LabelError, Refusal};

/// Why a link was not issued, listed or revoked.
#[derive(Debug, Error)]
pub enum EnrolmentError {
    /// The label is malformed.
    #[error(transparent)]
    Label(#[from] LabelError),
    /// The lifetime is out of range.
    #[error("a link lives between 1 hour and 7 days")]
    Lifetime,
    /// Too many links wait already.
    #[error("{OPEN_LINKS} links of extension {0} wait for a phone already; revoke one that is not needed")]
    TooManyOpen(ExtensionNumber),
    /// No SIP port is offered to phones.
    #[error("phones have no way to connect: no SIP port is open; set a listen address for TLS, TCP or UDP")]
    NoServer,
    /// There is no such link.
    #[error("there is no such enrolment link")]
    NoSuchLink,
    /// The phone has no account that could be given again.
    #[error("the account {0} is gone or switched off; add the phone anew")]
    NoSuchAccount(SipUsername),
    /// The link is not in a state for that.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The link's address does not fit a QR code.
    #[error("the address of the public pages is too long for a QR code; shorten it")]
    TooLong,
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    Random,
    /// The switchboard refused.
    #[error(transparent)]
    Switchboard(#[from] CommandError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A bug: the switchboard answered another question.
    #[error("the switchboard gave an answer that does not fit the question")]
    OddAnswer,
}

impl EnrolmentError {
    /// The stable code in the API and in the log.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Label(_) => "label_malformed",
            Self::Lifetime => "lifetime_out_of_range",
            Self::TooManyOpen(_) => "too_many_links",
            Self::NoServer => "no_sip_port",
            Self::NoSuchLink => "no_such_link",
            Self::NoSuchAccount(_) => "no_such_account",
            Self::Refused(Refusal::Claimed) => "link_used",
            Self::Refused(Refusal::Expired) => "link_expired",
            Self::Refused(Refusal::Revoked) => "link_revoked",
            Self::TooLong => "link_too_long",
            Self::Random => "no_randomness",
            Self::Switchboard(refused) => refused.code(),
            Self::Store(_) => "not_saved",
            Self::OddAnswer => "bug",
        }
    }
}

/// Why a redemption gave no account.
#[derive(Debug, Error)]
pub enum PairError {
    /// No link with this token waits for a device; whether there ever was one is not said.
    #[error("no such link waits for a phone")]
    Gone,
    /// An admin switched the phones of the extension off; the link is still good. Only who holds it learns that.
    #[error(
        "the phones of extension {0} were switched off by the admin; the link stays good, use it once they are switched on again"
    )]
    PhonesOff(ExtensionNumber),
    /// The link is still good, but not right now.
    #[error(transparent)]
    Unavailable(#[from] EnrolmentError),
}

impl From<StoreError> for PairError {
    fn from(failure: StoreError) -> Self {
        Self::Unavailable(failure.into())
    }
}
