//! Delivery: attempts to hand one wake to a provider, until the call is over.
//!
//! ```text
//!            +--------+  slot free   +---------+  accepted            +----------+
//!  wake ---->| Queued |------------->| Sending |--------------------->| Accepted |
//!            +--------+              +---------+                      +----------+
//!                ^  |                  |  ^  |
//!                |  | expired,         |  |  | no remedy, expired,   +--------+
//!                |  | stopped          |  |  | stopped, removed      |        |
//!                |  +------------------|--|--+---------------------->| GaveUp |
//!                |                     v  |                          |        |
//!                |         +----------------+  expired, stopped      |        |
//!                +---------| WaitingToRetry |----------------------->+--------+
//!                 time up  +----------------+
//! ```
//!
//! Invariants:
//! - One call and one device is one wake; every attempt carries its id. A second wake for the same device, call and kind
//!   follows the first and gets the same reports.
//! - Every wake ends exactly once: with an accepting answer or with one `GaveUp`.
//! - No attempt starts at or after the end of the wake's time, and none for a call that is over.
//! - A credential that is removed or refused while another one serves the same app loses no wake: what waits moves on at
//!   once, what is on the wire moves on unless it is accepted.
//! - Each credential, each environment and each push service is a bulkhead (a lane) with its own queue and its own attempts
//!   on the wire, so a slow one delays nobody else; within a lane calls take turns and go before notices.
//! - A lane whose provider left several attempts in a row without an answer is open: one probe at a time goes out, over a new
//!   connection; the others wait and go at once when anything is answered, or go on with another credential that serves the
//!   same app. A wake that has waited so for half its time goes in any case.
//! - Pure: no clock, no randomness, no I/O. The driver brings `now` and the outcomes and carries out the outputs in order.

mod answer;
mod circuit;
mod lane;
mod lanes;
mod machine;
#[cfg(test)]
mod tests;
mod wake;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pbx_core::model::{CallId, Environment, Verdict, WakeId, WakeReport, WakeRequest};

use crate::credential::CredentialId;

#[cfg(feature = "providers")]
pub(crate) use answer::KEY_ENVIRONMENT;
pub use answer::{Answer, Remedy};
pub use circuit::{Circuit, OPEN_AFTER, PROBE_PAUSE, PROBE_PAUSE_STOOD_IN};
pub use lane::{CALLS_WAITING, LaneKey, NOTICES_WAITING, SENDING};
pub use lanes::{LANES, LaneStatus, SilentService};
pub use machine::{Delivery, FOLLOWERS, PENDING, PENDING_NOTICES, REMEMBERED};
pub use wake::{ATTEMPT_TIMEOUT, ATTEMPTS};

/// Which credential and which environment a wake goes through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The credential; its lane.
    pub credential: CredentialId,
    /// Production or sandbox.
    pub environment: Environment,
    /// Web Push: the push service's host and port, which get a lane of their own.
    pub service: Option<Arc<str>>,
    /// Where to try once when the provider says that the token is not of this environment.
    pub other: Option<(CredentialId, Environment)>,
    /// Another credential for the same app and environment, for when the provider refuses the first or it is removed.
    pub second: Option<CredentialId>,
}

/// Why a wake cannot even be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// A stable code.
    pub code: &'static str,
    /// Cause and fix in plain words.
    pub why: String,
}

/// Everything that can happen to deliveries, besides the passing of time.
#[derive(Debug, Clone)]
pub enum Input {
    /// A new order, with its route or the reason why there is none.
    Wake {
        /// The order.
        request: WakeRequest,
        /// Where it goes.
        route: Result<Route, Refusal>,
    },
    /// The call is over; its wakes are worthless, its notices are not.
    StopWakes(CallId),
    /// An attempt has ended.
    Ended {
        /// Which wake.
        wake_id: WakeId,
        /// Which attempt, from 1.
        attempt: u32,
        /// How.
        outcome: Outcome,
    },
    /// The admin removed a credential.
    Removed {
        /// Which.
        credential: CredentialId,
        /// New routes for its wakes (see [`Delivery::wakes_of`]); those without one give up.
        routes: BTreeMap<WakeId, Route>,
    },
    /// The provider of this credential answered something outside of a wake (a live check, a sign-in).
    Answers(CredentialId),
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The provider answered.
    Answered(Answer),
    /// Nobody was asked: the push could not be put together or signed.
    Unasked(Answer),
    /// No answer: the connection failed.
    Unreachable {
        /// In plain words, without secrets.
        why: String,
    },
}

impl Outcome {
    /// Whether it says that a provider took the credential or refused it, and not only how a provider is doing.
    pub fn is_about_the_key(&self) -> bool {
        match self {
            Self::Unreachable { .. } => false,
            Self::Answered(answer) | Self::Unasked(answer) => match answer.verdict {
                Verdict::Accepted | Verdict::TokenGone { .. } | Verdict::Misconfigured { .. } => true,
                Verdict::RetryAfter { .. } | Verdict::TokenWrong { .. } | Verdict::Refused { .. } => false,
            },
        }
    }
}

/// Which connection an attempt uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// The one that is open, if any.
    Usual,
    /// A new one: the one used before failed this wake.
    Fresh,
}

/// One order to the driver: ask the provider.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Which wake; the `apns-id`.
    pub wake_id: WakeId,
    /// 1 for the first.
    pub number: u32,
    /// What to send.
    pub request: Arc<WakeRequest>,
    /// With which credential.
    pub credential: CredentialId,
    /// To which of the provider's environments.
    pub environment: Environment,
    /// Over which connection.
    pub connection: Connection,
    /// Get a new provider token first: the last one was refused as expired.
    pub renew_token: bool,
    /// It tries whether the token belongs to the provider's other environment, so a refusal of that environment says
    /// nothing against the credential.
    pub elsewhere: bool,
    /// When the attempt will be abandoned, from now.
    pub timeout: Duration,
}

/// Everything a delivery can ask for.
#[derive(Debug, Clone)]
pub enum Output {
    /// Tell the core.
    Report(WakeReport),
    /// Ask the provider.
    Attempt(Attempt),
    /// Forget an attempt that took too long; its outcome no longer counts.
    Abandon {
        /// Which wake.
        wake_id: WakeId,
        /// Which attempt.
        attempt: u32,
    },
}
