//! Whether a provider answers, and who may ask it while it does not.

use std::time::Duration;

use pbx_core::model::{Moment, WakeId};
use serde::Serialize;

/// Attempts in a row without an answer after which the way to the provider counts as interrupted: one may be lost with an old
/// connection, its repeat with a network that changes, the third is no accident.
pub const OPEN_AFTER: u32 = 3;
/// From a probe that failed to the next: short, because a caller waits, and long enough that a refused connection is no hot loop.
pub const PROBE_PAUSE: Duration = Duration::from_millis(500);
/// While another credential stands in, a call is risked for a probe only so long after the one before.
pub const PROBE_PAUSE_STOOD_IN: Duration = Duration::from_secs(30);

/// Whether a provider answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Circuit {
    /// It answers.
    #[default]
    Closed,
    /// It did not answer [`OPEN_AFTER`] times in a row or more; one attempt at a time, over a new connection, finds out whether
    /// it does now.
    HalfOpen,
    /// The same, and the next such attempt is not due yet or nobody is to be woken.
    Open,
}

impl Circuit {
    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Closed,
    Open {
        probe_at: Moment,
    },
    HalfOpen {
        probe: WakeId,
    },
}

/// The circuit of one lane.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    state: State,
    unanswered: u32,
}

impl Breaker {
    pub(super) fn circuit(&self) -> Circuit {
        match self.state {
            State::Closed => Circuit::Closed,
            State::Open { .. } => Circuit::Open,
            State::HalfOpen { .. } => Circuit::HalfOpen,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Attempts in a row without an answer.
    pub(super) fn unanswered(&self) -> u32 {
        self.unanswered
    }

    /// When the next probe may start; `None` while the circuit is closed or one is under way.
    pub(super) fn probe_at(&self) -> Option<Moment> {
        match self.state {
            State::Open { probe_at } => Some(probe_at),
            State::Closed | State::HalfOpen { .. } => None,
        }
    }

    /// This wake goes to find out.
    pub(super) fn begin_probe(&mut self, probe: WakeId) {
        match self.state {
            State::Open { .. } => self.state = State::HalfOpen { probe },
            State::Closed | State::HalfOpen { .. } => {}
        }
    }

    /// A probe that is due cannot start yet.
    pub(super) fn postpone(&mut self, now: Moment) {
        match self.state {
            State::Open { probe_at } if probe_at <= now => self.state = State::Open { probe_at: now + PROBE_PAUSE },
            State::Open { .. } | State::Closed | State::HalfOpen { .. } => {}
        }
    }

    /// Any answer shows that the provider is there.
    pub(super) fn answered(&mut self) {
        self.unanswered = 0;
        self.state = State::Closed;
    }

    /// An attempt of this wake got none.
    pub(super) fn unanswered_by(&mut self, wake: WakeId, now: Moment) {
        self.unanswered = self.unanswered.saturating_add(1);
        match self.state {
            State::Closed if self.unanswered < OPEN_AFTER => {}
            // What was sent before the circuit opened tells nothing about the probe that is under way.
            State::HalfOpen { probe } if probe != wake => {}
            State::Open { .. } => {}
            State::Closed | State::HalfOpen { .. } => self.state = State::Open { probe_at: now + PROBE_PAUSE },
        }
    }

    /// The attempt of this wake never reached the network.
    pub(super) fn unasked_by(&mut self, wake: WakeId, now: Moment) {
        match self.state {
            State::HalfOpen { probe } if probe == wake => self.state = State::Open { probe_at: now },
            State::HalfOpen { .. } | State::Closed | State::Open { .. } => {}
        }
    }
}
