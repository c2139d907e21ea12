//! How one credential is doing: written by the driver and the live check, read by pages.

use pbx_core::model::{UnixMillis, Verdict};

use super::ProviderFailure;
use crate::credential::{CheckOutcome, CredentialState};
use crate::delivery::{Outcome, Remedy};

#[derive(Debug, Clone)]
pub(super) struct Board {
    pub(super) state: CredentialState,
    pub(super) last_success: Option<UnixMillis>,
    pub(super) last_failure: Option<ProviderFailure>,
    pub(super) last_check: Option<CheckOutcome>,
    pub(super) waiting: usize,
    pub(super) sending: usize,
}

impl Board {
    /// After a start the last live check is all that is known.
    pub(super) fn new(last_check: Option<CheckOutcome>) -> Self {
        let state = match &last_check {
            None => CredentialState::Untried,
            Some(check) => state_of(check),
        };
        Self { state, last_success: None, last_failure: None, last_check, waiting: 0, sending: 0 }
    }

    pub(super) fn note_check(&mut self, check: CheckOutcome) {
        if check.ok {
            self.note_success(check.at);
        } else {
            self.note_failure(&check.code, &check.text, check.at);
        }
        self.last_check = Some(check);
    }

    /// What an attempt says about the credential; a refusal of one phone or one push says nothing against it.
    pub(super) fn note_outcome(&mut self, outcome: &Outcome, at: UnixMillis) {
        match outcome {
            Outcome::Unreachable { why } => self.note_failure("unreachable", why, at),
            Outcome::Answered(answer) => match &answer.verdict {
                Verdict::Accepted | Verdict::TokenGone { .. } | Verdict::TokenWrong { .. } => self.note_success(at),
                Verdict::Misconfigured { code, what } => self.note_failure(code, what, at),
                Verdict::RetryAfter { why, .. } if is_trouble(answer.remedy) => {
                    self.note_failure("provider_busy", why, at);
                }
                Verdict::RetryAfter { .. } | Verdict::Refused { .. } => {}
            },
        }
    }

    pub(super) fn note_success(&mut self, at: UnixMillis) {
        self.last_success = Some(at);
        self.state = CredentialState::Working;
    }

    pub(super) fn note_failure(&mut self, code: &str, text: &str, at: UnixMillis) {
        self.last_failure = Some(ProviderFailure { at, code: code.to_owned(), text: text.to_owned() });
        let since = match &self.state {
            CredentialState::Failing { code: before, since, .. } if before == code => *since,
            CredentialState::Failing { .. } | CredentialState::Untried | CredentialState::Working => at,
        };
        self.state = CredentialState::Failing { code: code.to_owned(), text: text.to_owned(), since };
    }
}

/// Whether the provider itself is in trouble; too many pushes for one phone are that phone's affair.
fn is_trouble(remedy: Remedy) -> bool {
    match remedy {
        Remedy::TrySoon { .. } => true,
        Remedy::Nothing | Remedy::Wait(_) | Remedy::RenewToken | Remedy::NewConnection | Remedy::OtherEnvironment => {
            false
        }
    }
}

fn state_of(check: &CheckOutcome) -> CredentialState {
    if check.ok {
        CredentialState::Working
    } else {
        CredentialState::Failing { code: check.code.clone(), text: check.text.clone(), since: check.at }
    }
}
