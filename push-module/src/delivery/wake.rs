//! One wake on its way: its state, and how much patience it has left.

use std::sync::Arc;
use std::time::Duration;

use pbx_core::model::{CallId, DeviceId, Environment, Moment, Verdict, WakeId, WakeKind, WakeRequest, WakeTarget};

use super::lane::{Class, LaneKey, Seat};
use super::{Remedy, Route};
use crate::credential::CredentialId;

/// One attempt; both providers answer within 0.3 s, and a caller must not lose more than this to a dead connection.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// Attempts of one wake, whatever the reasons; the ladders below end earlier, this ends a loop nobody thought of.
pub const ATTEMPTS: u32 = 8;

/// After a provider's hiccup while a caller waits: once, soon.
const CALL_HICCUP: &[Duration] = &[Duration::from_millis(300)];
/// Without an answer while a caller waits: the first retry is immediate, this one bridges a short outage.
const CALL_UNREACHABLE: &[Duration] = &[Duration::from_secs(1)];
/// Notices have time; three waits bridge a restart of a router.
const NOTICE_WAITS: &[Duration] = &[Duration::from_secs(1), Duration::from_secs(10), Duration::from_secs(60)];
/// After "too many requests" without a time.
const NOTICE_BUSY: Duration = Duration::from_secs(60);
/// How often "too many requests" is waited for.
const BUSY_WAITS: usize = 2;

/// How long a call waits for the probe of another while its provider is silent: a probe under way may be answered by then, and a
/// push is promised within moments of the call.
const PROBE_PATIENCE: Duration = Duration::from_millis(100);

/// Where a wake stands; accepted and given-up wakes leave the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Waits for a slot.
    Queued,
    /// On the wire, abandoned at the deadline.
    Sending { deadline: Moment },
    /// The next attempt is due then.
    WaitingToRetry { until: Moment },
}

/// A second wake for the same device, call and kind.
#[derive(Debug)]
pub(super) struct Follower {
    pub(super) wake_id: WakeId,
    pub(super) target: Arc<WakeTarget>,
}

/// What makes two wakes the same; tests of one device are the same while one is pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sameness {
    call: Option<CallId>,
    device: DeviceId,
    kind: u8,
}

impl Sameness {
    pub(super) fn of(request: &WakeRequest) -> Self {
        let kind = match request.kind {
            WakeKind::Call => 0,
            WakeKind::MissedCall => 1,
            WakeKind::AnsweredElsewhere => 2,
            WakeKind::Test => 3,
            WakeKind::Refresh => 4,
        };
        Self { device: request.device, call: request.call, kind }
    }

    /// The least of a call, in the order of all.
    pub(super) const fn first_of(call: CallId) -> Self {
        Self { call: Some(call), device: DeviceId(i64::MIN), kind: 0 }
    }

    pub(super) fn is_about(&self, call: CallId) -> bool {
        self.call == Some(call)
    }

    pub(super) fn is_wake_of(&self, call: CallId) -> bool {
        self.kind == 0 && self.call == Some(call)
    }

    /// A call's wake is remembered after it was accepted: a second VoIP push for one call would be a second ring.
    pub(super) fn is_remembered(&self) -> bool {
        self.kind == 0 && self.call.is_some()
    }
}

/// What to do after an attempt without success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// At once, over a new connection.
    AgainFresh,
    /// At once, with a new provider token.
    AgainRenewed,
    /// At once, in the other environment.
    AgainElsewhere(CredentialId, Environment),
    /// At once, with the credential that can stand in, because the provider of this one does not answer.
    AgainStoodIn,
    /// After this time.
    After(Duration),
    /// Never.
    GiveUp,
}

/// How often each remedy was used.
#[derive(Debug, Default)]
struct Spent {
    fresh: bool,
    renewed: bool,
    elsewhere: bool,
    waits: usize,
    busy: usize,
}

#[derive(Debug)]
pub(super) struct Wake {
    pub(super) request: Arc<WakeRequest>,
    pub(super) followers: Vec<Follower>,
    pub(super) credential: CredentialId,
    pub(super) environment: Environment,
    service: Option<Arc<str>>,
    other: Option<(CredentialId, Environment)>,
    second: Option<CredentialId>,
    /// Its credential was removed while an attempt was on the wire: where to go on unless that is accepted.
    pub(super) moved: Option<Route>,
    pub(super) state: State,
    pub(super) attempts: u32,
    pub(super) expires: Moment,
    /// From here on it waits for no probe of another any more.
    last_chance: Moment,
    /// It has waited that long.
    pub(super) hurried: bool,
    pub(super) stopped: bool,
    /// The next attempt needs a new connection.
    pub(super) fresh: bool,
    /// The next attempt needs a new provider token.
    pub(super) renew: bool,
    spent: Spent,
}

impl Wake {
    pub(super) fn new(request: WakeRequest, route: Route, now: Moment, left: Duration) -> Self {
        Self {
            request: Arc::new(request),
            followers: Vec::new(),
            credential: route.credential,
            environment: route.environment,
            service: route.service,
            other: route.other,
            second: route.second,
            moved: None,
            state: State::Queued,
            attempts: 0,
            expires: now + left,
            last_chance: now + left / 2,
            hurried: false,
            stopped: false,
            fresh: false,
            renew: false,
            spent: Spent::default(),
        }
    }

    /// Its lane's circuit is open: a call waits only shortly for a probe, a notice has time.
    pub(super) fn meets_open_circuit(&mut self, now: Moment) {
        match self.class() {
            Class::Call => self.last_chance = self.last_chance.min(now + PROBE_PATIENCE),
            Class::Notice => {}
        }
    }

    pub(super) fn class(&self) -> Class {
        match self.request.kind {
            WakeKind::Call => Class::Call,
            WakeKind::MissedCall | WakeKind::AnsweredElsewhere | WakeKind::Test | WakeKind::Refresh => Class::Notice,
        }
    }

    pub(super) fn seat(&self) -> Seat {
        Seat { class: self.class(), call: self.request.call }
    }

    /// The bulkhead it goes through.
    pub(super) fn lane(&self) -> LaneKey {
        self.lane_of(self.credential)
    }

    /// The bulkhead of the credential that can stand in.
    pub(super) fn second_lane(&self) -> Option<LaneKey> {
        self.second.map(|second| self.lane_of(second))
    }

    fn lane_of(&self, credential: CredentialId) -> LaneKey {
        LaneKey { credential, environment: self.environment, service: self.service.clone() }
    }

    /// Goes on with the credential that can stand in; the other one can stand in for that from now on.
    pub(super) fn swap_credentials(&mut self) {
        if let Some(second) = self.second.as_mut() {
            std::mem::swap(second, &mut self.credential);
        }
    }

    /// Whether it wakes a device for this call (a notice about it is something else).
    pub(super) fn is_of(&self, call: CallId) -> bool {
        self.request.kind == WakeKind::Call && self.request.call == Some(call)
    }

    /// Whether the attempts have moved on to the other environment.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.spent.elsewhere
    }

    /// The next deadline.
    pub(super) fn deadline(&self) -> Moment {
        match self.state {
            State::Queued if self.attempts == 0 && !self.hurried => self.last_chance,
            State::Queued => self.expires,
            State::Sending { deadline } => deadline,
            State::WaitingToRetry { until } => until,
        }
    }

    /// What to do after no answer came.
    pub(super) fn after_silence(&mut self, now: Moment) -> Step {
        if !self.may_go_on() {
            return Step::GiveUp;
        }
        if !self.spent.fresh {
            self.spent.fresh = true;
            return Step::AgainFresh;
        }
        let ladder = match self.class() {
            Class::Call => CALL_UNREACHABLE,
            Class::Notice => NOTICE_WAITS,
        };
        self.fresh = true;
        self.climb(ladder, None, now)
    }

    /// What to do after an answer that was no acceptance.
    pub(super) fn after_answer(&mut self, remedy: Remedy, now: Moment) -> Step {
        if !self.may_go_on() {
            return Step::GiveUp;
        }
        match remedy {
            Remedy::Nothing => Step::GiveUp,
            Remedy::TrySoon { wish } => match self.class() {
                Class::Call => self.climb(CALL_HICCUP, None, now),
                Class::Notice => self.climb(NOTICE_WAITS, wish, now),
            },
            Remedy::Wait(wish) => self.wait(wish, now),
            Remedy::NewConnection if self.spent.fresh => Step::GiveUp,
            Remedy::NewConnection => {
                self.spent.fresh = true;
                Step::AgainFresh
            }
            Remedy::RenewToken if self.spent.renewed => Step::GiveUp,
            Remedy::RenewToken => {
                self.spent.renewed = true;
                Step::AgainRenewed
            }
            Remedy::OtherEnvironment => match self.other.take() {
                Some((credential, environment)) => {
                    self.spent.elsewhere = true;
                    Step::AgainElsewhere(credential, environment)
                }
                None => Step::GiveUp,
            },
        }
    }

    /// What to do after an answer that only another credential can cure; asked when nothing else is left.
    pub(super) fn with_the_second(&mut self, verdict: &Verdict) -> Step {
        match verdict {
            Verdict::Misconfigured { .. } if self.may_go_on() => match self.second.take() {
                Some(second) => Step::AgainElsewhere(second, self.environment),
                None => Step::GiveUp,
            },
            Verdict::Misconfigured { .. }
            | Verdict::Accepted
            | Verdict::RetryAfter { .. }
            | Verdict::TokenGone { .. }
            | Verdict::TokenWrong { .. }
            | Verdict::Refused { .. } => Step::GiveUp,
        }
    }

    /// From now on by another route.
    pub(super) fn take_route(&mut self, route: Route) {
        self.credential = route.credential;
        self.second = route.second;
        self.service = route.service;
        // The other environment is tried once, whatever the route.
        if !self.spent.elsewhere {
            self.environment = route.environment;
            self.other = route.other;
        }
    }

    pub(super) fn may_go_on(&self) -> bool {
        !self.stopped && self.attempts < ATTEMPTS
    }

    fn climb(&mut self, ladder: &[Duration], wish: Option<Duration>, now: Moment) -> Step {
        let Some(step) = ladder.get(self.spent.waits) else { return Step::GiveUp };
        self.spent.waits += 1;
        self.within_time((*step).max(wish.unwrap_or_default()), now)
    }

    fn wait(&mut self, wish: Option<Duration>, now: Moment) -> Step {
        if self.spent.busy >= BUSY_WAITS {
            return Step::GiveUp;
        }
        self.spent.busy += 1;
        let wait = match (wish, self.class()) {
            (Some(wait), Class::Call | Class::Notice) => wait,
            (None, Class::Notice) => NOTICE_BUSY,
            (None, Class::Call) => return Step::GiveUp,
        };
        // A provider may say 0; the wait must still end later than now.
        self.within_time(wait.max(Duration::from_millis(1)), now)
    }

    fn within_time(&self, wait: Duration, now: Moment) -> Step {
        if now + wait < self.expires { Step::After(wait) } else { Step::GiveUp }
    }
}
