//! How one credential is doing: written by the driver and the live check, read by pages.

use std::collections::{BTreeSet, VecDeque};

use pbx_core::model::{Environment, UnixMillis, Verdict};

use super::alarm::{Alarm, AlarmCode};
use super::health::{Attempts, ProviderFailure};
use crate::credential::{CheckOutcome, CredentialState};
use crate::delivery::{Circuit, KEY_ENVIRONMENT, LaneStatus, Outcome, Remedy};

/// Attempts the success rate is drawn from: a small office's day, a large one's minutes.
const RECENT: usize = 100;

#[derive(Debug, Clone)]
pub(super) struct Board {
    pub(super) state: CredentialState,
    pub(super) last_success: Option<UnixMillis>,
    pub(super) last_failure: Option<ProviderFailure>,
    pub(super) last_quota: Option<ProviderFailure>,
    pub(super) last_check: Option<CheckOutcome>,
    pub(super) refused_environment: Option<(Environment, UnixMillis)>,
    /// As the delivery last told.
    pub(super) lanes: LaneStatus,
    pub(super) attempts: Attempts,
    /// How far our clock is ahead of the provider's, in seconds; below zero when it is behind.
    pub(super) clock_skew: Option<i64>,
    /// Whether each of the last attempts was taken.
    recent: VecDeque<bool>,
    /// Alarms that stand in the log as raised.
    raised: BTreeSet<AlarmCode>,
}

/// Which attempt an outcome is of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tried {
    pub(super) environment: Environment,
    /// A try whether the token belongs to the other environment.
    pub(super) elsewhere: bool,
}

impl Board {
    /// After a start the last live check is all that is known.
    pub(super) fn new(last_check: Option<CheckOutcome>) -> Self {
        let state = match &last_check {
            None => CredentialState::Untried,
            Some(check) => state_of(check),
        };
        Self {
            state,
            last_success: None,
            last_failure: None,
            last_quota: None,
            last_check,
            refused_environment: None,
            lanes: LaneStatus::default(),
            attempts: Attempts::default(),
            clock_skew: None,
            recent: VecDeque::new(),
            raised: BTreeSet::new(),
        }
    }

    pub(super) fn note_check(&mut self, check: CheckOutcome) {
        if check.ok {
            self.note_success(check.at);
        } else {
            self.note_failure(&check.code, &check.text, check.at);
        }
        self.last_check = Some(check);
    }

    /// Counts an attempt and notes what it says about the credential.
    pub(super) fn note_attempt(&mut self, outcome: &Outcome, tried: Tried, at: UnixMillis) {
        if let Some(taken) = self.attempts.count(outcome, tried.elsewhere) {
            if self.recent.len() >= RECENT {
                self.recent.pop_front();
            }
            self.recent.push_back(taken);
        }
        self.note_outcome(outcome, tried, at);
    }

    /// Measures our clock by the provider's, at the moment of its answer.
    pub(super) fn note_date(&mut self, date: UnixMillis, now: UnixMillis) {
        self.clock_skew = Some((now.0 - date.0) / 1000);
    }

    /// What an outcome says about the credential; a refusal of one phone or one push says nothing against it.
    pub(super) fn note_outcome(&mut self, outcome: &Outcome, tried: Tried, at: UnixMillis) {
        match outcome {
            Outcome::Unreachable { why } => {
                self.note_failure("unreachable", why, at);
            }
            Outcome::Answered(answer) | Outcome::Unasked(answer) => {
                match &answer.verdict {
                    Verdict::Accepted => {
                        self.refused_environment = self.refused_environment.filter(|(it, _)| *it != tried.environment);
                        self.note_success(at);
                    }
                    Verdict::TokenGone { .. } | Verdict::TokenWrong { .. } => self.note_success(at),
                    // The key is good for the other environment as far as this tells; only phones of this one suffer.
                    Verdict::Misconfigured { code, .. } if code == KEY_ENVIRONMENT => {
                        self.refused_environment = Some((tried.environment, at));
                    }
                    Verdict::Misconfigured { code, what } => self.note_failure(code, what, at),
                    Verdict::RetryAfter { why, .. } => self.note_delay(answer.remedy, why, at),
                    Verdict::Refused { .. } => {}
                }
            }
        }
    }

    /// Trouble of the provider itself is a failure; too many pushes for one phone are that phone's affair, but worth telling.
    fn note_delay(&mut self, remedy: Remedy, why: &str, at: UnixMillis) {
        match remedy {
            Remedy::TrySoon { .. } => self.note_failure("provider_busy", why, at),
            Remedy::Wait(_) => {
                let code = AlarmCode::Quota.as_str().to_owned();
                self.last_quota = Some(ProviderFailure { at, code, text: why.to_owned() });
            }
            Remedy::Nothing | Remedy::RenewToken | Remedy::NewConnection | Remedy::OtherEnvironment => {}
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

    /// Takes what the delivery says; tells whether a circuit opened or closed.
    pub(super) fn note_lanes(&mut self, lanes: LaneStatus) -> bool {
        let silent = |it: &LaneStatus| (it.circuit == Circuit::Closed, it.silent_services.len());
        let turned = silent(&self.lanes) != silent(&lanes);
        self.lanes = lanes;
        turned
    }

    pub(super) fn success_percent(&self) -> Option<u8> {
        let taken = self.recent.iter().filter(|taken| **taken).count();
        u8::try_from((taken * 100).checked_div(self.recent.len())?).ok()
    }

    /// Notes what is in the log now; gives the codes that were raised and those that were lifted since.
    pub(super) fn log(&mut self, alarms: &[Alarm]) -> (BTreeSet<AlarmCode>, BTreeSet<AlarmCode>) {
        let now: BTreeSet<AlarmCode> = alarms.iter().map(|alarm| alarm.code).collect();
        let raised = now.difference(&self.raised).copied().collect();
        let lifted = self.raised.difference(&now).copied().collect();
        self.raised = now;
        (raised, lifted)
    }
}

fn state_of(check: &CheckOutcome) -> CredentialState {
    if check.ok {
        CredentialState::Working
    } else {
        CredentialState::Failing { code: check.code.clone(), text: check.text.clone(), since: check.at }
    }
}
