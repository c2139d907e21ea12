//! How a credential is doing, as pages, the API and the metrics see it.

use pbx_core::model::{Environment, UnixMillis, Verdict};
use serde::{Deserialize, Serialize};

use super::alarm::Alarm;
use crate::credential::{CredentialId, CredentialKind, CredentialState};
use crate::delivery::{Circuit, KEY_ENVIRONMENT, Outcome};

/// How one credential is doing, as pages show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProviderHealth {
    /// Which credential.
    pub id: CredentialId,
    /// What kind.
    pub provider: CredentialKind,
    /// Its name on pages.
    pub label: String,
    /// How it is doing.
    #[serde(flatten)]
    pub state: CredentialState,
    /// When the provider last accepted it, since this process started.
    pub last_success: Option<UnixMillis>,
    /// What went wrong last, since this process started.
    pub last_failure: Option<ProviderFailure>,
    /// When the provider last said "too many pushes", and its words.
    pub last_quota: Option<ProviderFailure>,
    /// Wakes waiting for their turn.
    pub waiting: usize,
    /// Attempts on the wire.
    pub sending: usize,
    /// Attempts since this process started, by what came of them.
    pub attempts: Attempts,
    /// Of the last 100 attempts, how many in a hundred the provider took; what is wrong with a phone's token is not counted.
    pub success_percent: Option<u8>,
    /// Whether the provider answers, and who may ask it while it does not.
    pub circuit: Circuit,
    /// Attempts in a row without an answer.
    pub unanswered_in_a_row: u32,
    /// How many seconds this machine's clock is ahead of the provider's (below zero: behind), by the date of its last answer;
    /// `None` before the first, and for relays and push services of phones, whose clocks may be as wrong as ours.
    pub clock_skew_seconds: Option<i64>,
    /// Web Push: push services that do not answer, each with its attempts in a row.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub silent_services: Vec<(String, u32)>,
    /// The environment in which Apple did not accept the key, and when; an alarm says so in words.
    #[serde(skip)]
    pub refused_environment: Option<(Environment, UnixMillis)>,
    /// When its certificate, or the additional root certificate, ends; keys and accounts themselves have no end.
    pub expires_at: Option<UnixMillis>,
    /// Which of the two that is.
    pub ending: Option<Ending>,
    /// Every trouble, the worst first.
    pub alarms: Vec<Alarm>,
}

/// What of a credential ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The client certificate that is the credential.
    Own,
    /// The additional root certificate.
    Root,
}

/// What went wrong with a credential, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProviderFailure {
    /// When.
    pub at: UnixMillis,
    /// A stable code.
    pub code: String,
    /// Cause and fix in plain words.
    pub text: String,
}

/// What came of attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Attempts {
    /// The provider took the push.
    pub accepted: u64,
    /// It wants to be asked again later.
    pub try_again: u64,
    /// The phone's token is gone.
    pub token_gone: u64,
    /// The phone's token does not fit the app or the environment.
    pub token_wrong: u64,
    /// The credential or the set-up is at fault.
    pub misconfigured: u64,
    /// Refused for another reason.
    pub refused: u64,
    /// No answer.
    pub unanswered: u64,
}

impl Attempts {
    /// Counts an attempt; says whether it was taken, or nothing when the fault is the phone's token.
    pub(super) fn count(&mut self, outcome: &Outcome, elsewhere: bool) -> Option<bool> {
        let (count, taken) = match outcome {
            Outcome::Unreachable { .. } => (&mut self.unanswered, Some(false)),
            Outcome::Answered(answer) | Outcome::Unasked(answer) => match &answer.verdict {
                Verdict::Accepted => (&mut self.accepted, Some(true)),
                Verdict::RetryAfter { .. } => (&mut self.try_again, Some(false)),
                Verdict::TokenGone { .. } => (&mut self.token_gone, None),
                Verdict::TokenWrong { .. } => (&mut self.token_wrong, None),
                Verdict::Misconfigured { code, .. } if code == KEY_ENVIRONMENT && elsewhere => {
                    (&mut self.token_wrong, None)
                }
                Verdict::Misconfigured { .. } => (&mut self.misconfigured, Some(false)),
                Verdict::Refused { .. } => (&mut self.refused, Some(false)),
            },
        };
        *count += 1;
        taken
    }

    /// Of the attempts that say something about the credential and the way to its provider, how many in a hundred were
    /// taken; `None` before the first.
    pub fn success_percent(&self) -> Option<u64> {
        let failed = self.try_again + self.misconfigured + self.refused + self.unanswered;
        (self.accepted * 100).checked_div(self.accepted + failed)
    }

    /// The counts with their names, for metrics.
    pub const fn named(&self) -> [(&'static str, u64); 7] {
        [
            ("accepted", self.accepted),
            ("try_again", self.try_again),
            ("token_gone", self.token_gone),
            ("token_wrong", self.token_wrong),
            ("misconfigured", self.misconfigured),
            ("refused", self.refused),
            ("unanswered", self.unanswered),
        ]
    }
}
