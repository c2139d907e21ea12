//! What can go wrong with a phone, told from the phone's side.

use std::net::SocketAddr;
use std::time::Duration;

use thiserror::Error;

/// Why a phone could not do what its script asked.
#[derive(Debug, Error)]
pub enum PhoneError {
    /// The builder was given too little or something impossible.
    #[error("the phone cannot be built: {0}")]
    Setup(String),
    /// A socket could not be opened.
    #[error("phone {phone}: no connection to {server}: {source}")]
    Connect {
        /// Whose.
        phone: String,
        /// Where to.
        server: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The phone sleeps, or the server closed the connection.
    #[error("phone {0} has no connection: it sleeps, or the server closed it")]
    NoConnection(String),
    /// Nothing came in the time allowed.
    #[error("phone {phone}: waited {within:?} for {what}, but it did not come")]
    Timeout {
        /// Whose.
        phone: String,
        /// For what.
        what: String,
        /// How long.
        within: Duration,
    },
    /// The server refused.
    #[error("phone {phone}: the {method} was refused with {status} {reason}")]
    Refused {
        /// Whose.
        phone: String,
        /// Which request.
        method: String,
        /// The SIP status.
        status: u16,
        /// The reason phrase.
        reason: String,
    },
    /// The challenge cannot be answered.
    #[error("phone {phone}: the server's challenge cannot be answered: {why}")]
    Challenge {
        /// Whose.
        phone: String,
        /// Why.
        why: String,
    },
    /// The call is over, and the script expected otherwise.
    #[error("phone {phone}: the call ended ({end}) while waiting for {what}")]
    CallOver {
        /// Whose.
        phone: String,
        /// For what.
        what: String,
        /// How it ended.
        end: String,
    },
    /// The script asks for something the call's state does not allow.
    #[error("phone {phone}: {what} is not possible now")]
    NotPossible {
        /// Whose.
        phone: String,
        /// What was asked.
        what: &'static str,
    },
    /// A message could not be understood.
    #[error("phone {phone}: the server sent something that is not SIP: {why}")]
    BadMessage {
        /// Whose.
        phone: String,
        /// What was wrong.
        why: String,
    },
}
