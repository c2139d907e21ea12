//! What a provider's answer means, and what may still be done about it.

use std::time::Duration;

use pbx_core::model::{Environment, UnixMillis, Verdict};

/// A provider's answer, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What it means if nothing further is done.
    pub verdict: Verdict,
    /// What may be done about it.
    pub remedy: Remedy,
    /// The provider's own id of the message, if given.
    pub provider_id: Option<String>,
    /// The provider's clock when it answered, if given; whole seconds.
    pub date: Option<UnixMillis>,
}

/// What may be done about an answer; each within limits that the delivery keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing: the answer is final.
    Nothing,
    /// The provider has a hiccup: try again soon.
    TrySoon {
        /// The provider's wish; notices obey it, a ringing call does not wait for it.
        wish: Option<Duration>,
    },
    /// Too many requests: try again not earlier than the provider says.
    Wait(Option<Duration>),
    /// Get a new provider token, then try again.
    RenewToken,
    /// The connection is at fault: try again at once over a new one.
    NewConnection,
    /// The token may belong to the provider's other environment.
    OtherEnvironment,
}

impl Answer {
    /// The provider took the message.
    pub fn accepted(provider_id: Option<String>) -> Self {
        Self { verdict: Verdict::Accepted, remedy: Remedy::Nothing, provider_id, date: None }
    }

    /// A final answer.
    pub fn is_final(verdict: Verdict) -> Self {
        Self { verdict, remedy: Remedy::Nothing, provider_id: None, date: None }
    }

    /// An answer that something can be done about.
    pub fn with_remedy(verdict: Verdict, remedy: Remedy) -> Self {
        Self { verdict, remedy, provider_id: None, date: None }
    }

    /// The same answer when it ended a try in the provider's other environment: a key that is not for that environment is
    /// no fault of the key then. The phone's token belongs there, and the key does not reach it.
    pub(super) fn about_the_phone(self, tried: Environment) -> Self {
        match &self.verdict {
            Verdict::Misconfigured { code, .. } if code == KEY_ENVIRONMENT => {
                let why = of_the_other_environment(tried).to_owned();
                Self { verdict: Verdict::TokenWrong { why, accepted_in: None }, remedy: Remedy::Nothing, ..self }
            }
            Verdict::Misconfigured { .. }
            | Verdict::Accepted
            | Verdict::RetryAfter { .. }
            | Verdict::TokenGone { .. }
            | Verdict::TokenWrong { .. }
            | Verdict::Refused { .. } => self,
        }
    }

    /// The verdict's words.
    pub fn why(&self) -> &str {
        why(&self.verdict)
    }
}

/// The code of a key that is not valid in the environment it was used in.
pub(crate) const KEY_ENVIRONMENT: &str = "apns_key_environment";

fn of_the_other_environment(tried: Environment) -> &'static str {
    match tried {
        Environment::Sandbox => {
            "Apple does not know this phone's token in production, and the push key is for production only; this phone probably runs a test build of the app, so install it from the store or TestFlight, or add a key for the sandbox under Push"
        }
        Environment::Production => {
            "Apple does not know this phone's token in its sandbox, and the push key is for the sandbox only; this phone probably runs the app from the store, so add a key for production under Push"
        }
    }
}

/// The plain words of a verdict.
pub(super) fn why(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Accepted => "accepted",
        Verdict::RetryAfter { why, .. }
        | Verdict::TokenGone { why, .. }
        | Verdict::TokenWrong { why, .. }
        | Verdict::Refused { why } => why,
        Verdict::Misconfigured { what, .. } => what,
    }
}

/// The code under which a wake gives up after this verdict.
pub(super) fn code(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Accepted => "accepted",
        Verdict::RetryAfter { .. } => "provider_busy",
        Verdict::TokenGone { .. } => "token_gone",
        Verdict::TokenWrong { .. } => "token_wrong",
        Verdict::Misconfigured { code, .. } => code,
        Verdict::Refused { .. } => "refused",
    }
}
