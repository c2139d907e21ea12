//! One bulkhead: who waits, whose turn it is, how many are on the wire, and whether the provider answers.
//!
//! Calls take turns: each call that waits is served one wake after the other, so a call with 500 devices holds up no other call's
//! single push; and no call may fill the wire alone, so even a provider that falls silent keeps places for the next call.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use pbx_core::model::{CallId, Environment, Moment, WakeId};

use super::circuit::Breaker;
use crate::credential::CredentialId;

/// Attempts on the wire of one lane, unless the provider is known to take more ([`super::Delivery::set_slots`]).
pub const SENDING: usize = 64;
/// Calls that may wait in one lane: a group of 500 phones, and as many again for everybody else.
pub const CALLS_WAITING: usize = 1024;
/// Notices and tests that may wait in one lane.
pub const NOTICES_WAITING: usize = 512;

/// Which bulkhead a wake goes through: a credential, each of the provider's environments, and for Web Push each push service,
/// because the phones name them and one that never answers must not take the places of the others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LaneKey {
    /// The credential.
    pub credential: CredentialId,
    /// Production or sandbox.
    pub environment: Environment,
    /// Web Push: the service's host and port.
    pub service: Option<Arc<str>>,
}

#[derive(Debug)]
pub(super) struct Lane {
    slots: usize,
    calls: BTreeMap<Option<CallId>, VecDeque<WakeId>>,
    /// Every call that waits, once.
    turns: VecDeque<Option<CallId>>,
    notices: VecDeque<WakeId>,
    /// Wakes that waited long enough: they go before everybody else, whatever the circuit says.
    urgent: VecDeque<(WakeId, Seat)>,
    /// How many of `calls` wait, without those in `urgent`.
    waiting_calls: usize,
    sending_by_call: BTreeMap<Option<CallId>, usize>,
    sending_calls: usize,
    sending_notices: usize,
    pub(super) breaker: Breaker,
}

/// Who is served first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Call,
    Notice,
}

/// What a wake sits in a lane as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seat {
    pub(super) class: Class,
    pub(super) call: Option<CallId>,
}

/// Who may go on the wire next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// This one.
    Send(WakeId),
    /// This one, to find out whether the provider answers again.
    Probe(WakeId),
}

impl Lane {
    pub(super) fn new(slots: usize) -> Self {
        Self {
            slots,
            calls: BTreeMap::new(),
            turns: VecDeque::new(),
            notices: VecDeque::new(),
            urgent: VecDeque::new(),
            waiting_calls: 0,
            sending_by_call: BTreeMap::new(),
            sending_calls: 0,
            sending_notices: 0,
            breaker: Breaker::default(),
        }
    }

    pub(super) fn set_slots(&mut self, slots: usize) {
        self.slots = slots;
    }

    /// At most so many slots for notices and tests, so that a burst of missed-call notices never holds up a call.
    fn notice_slots(&self) -> usize {
        self.slots / 2
    }

    /// At most so many slots for one call.
    fn call_slots(&self) -> usize {
        self.slots - self.slots / 4
    }

    /// Adds a wake at the end, or says that the lane is full.
    pub(super) fn join(&mut self, wake: WakeId, seat: Seat) -> bool {
        let (waiting, bound) = match seat.class {
            Class::Call => (self.waiting_calls, CALLS_WAITING),
            Class::Notice => (self.notices.len(), NOTICES_WAITING),
        };
        if waiting >= bound {
            return false;
        }
        self.rejoin(wake, seat);
        true
    }

    /// Puts back a wake that has waited once already; it has a place in the total, so no bound is asked.
    pub(super) fn rejoin(&mut self, wake: WakeId, seat: Seat) {
        match seat.class {
            Class::Call => {
                let waiting = self.calls.entry(seat.call).or_default();
                if waiting.is_empty() {
                    self.turns.push_back(seat.call);
                }
                waiting.push_back(wake);
                self.waiting_calls += 1;
            }
            Class::Notice => self.notices.push_back(wake),
        }
    }

    /// Takes a wake that waits out of the lane.
    pub(super) fn leave(&mut self, wake: WakeId, seat: Seat) {
        self.urgent.retain(|(it, _)| *it != wake);
        match seat.class {
            Class::Call => {
                if let Some(waiting) = self.calls.get_mut(&seat.call) {
                    let before = waiting.len();
                    waiting.retain(|it| *it != wake);
                    self.waiting_calls -= before - waiting.len();
                    if waiting.is_empty() {
                        self.calls.remove(&seat.call);
                        self.turns.retain(|it| *it != seat.call);
                    }
                }
            }
            Class::Notice => self.notices.retain(|it| *it != wake),
        }
    }

    /// This wake has waited long enough.
    pub(super) fn hurry(&mut self, wake: WakeId, seat: Seat) {
        self.leave(wake, seat);
        self.urgent.push_back((wake, seat));
    }

    /// The next wake that may go on the wire; it holds a slot until [`Lane::release`].
    pub(super) fn next(&mut self, now: Moment) -> Option<Next> {
        if self.sending() >= self.slots {
            return None;
        }
        if let Some((wake, seat)) = self.urgent.pop_front() {
            self.occupy(seat);
            return Some(Next::Send(wake));
        }
        if self.breaker.is_closed() {
            return self.next_in_turn().map(Next::Send);
        }
        if self.breaker.probe_at().is_none_or(|at| at > now) {
            return None;
        }
        let probe = self.next_in_turn()?;
        self.breaker.begin_probe(probe);
        Some(Next::Probe(probe))
    }

    fn next_in_turn(&mut self) -> Option<WakeId> {
        let bound = self.call_slots();
        let on_the_wire = |call: &Option<CallId>| self.sending_by_call.get(call).copied().unwrap_or_default();
        if let Some(index) = self.turns.iter().position(|call| on_the_wire(call) < bound)
            && let Some(call) = self.turns.remove(index)
            && let Some(waiting) = self.calls.get_mut(&call)
            && let Some(wake) = waiting.pop_front()
        {
            if waiting.is_empty() {
                self.calls.remove(&call);
            } else {
                self.turns.push_back(call);
            }
            self.waiting_calls = self.waiting_calls.saturating_sub(1);
            self.occupy(Seat { class: Class::Call, call });
            return Some(wake);
        }
        if self.sending_notices >= self.notice_slots() {
            return None;
        }
        let wake = self.notices.pop_front()?;
        self.occupy(Seat { class: Class::Notice, call: None });
        Some(wake)
    }

    fn occupy(&mut self, seat: Seat) {
        match seat.class {
            Class::Call => {
                self.sending_calls += 1;
                *self.sending_by_call.entry(seat.call).or_default() += 1;
            }
            Class::Notice => self.sending_notices += 1,
        }
    }

    /// Gives a slot back.
    pub(super) fn release(&mut self, seat: Seat) {
        match seat.class {
            Class::Call => {
                self.sending_calls = self.sending_calls.saturating_sub(1);
                if let Some(count) = self.sending_by_call.get_mut(&seat.call) {
                    *count = count.saturating_sub(1);
                    if *count == 0 {
                        self.sending_by_call.remove(&seat.call);
                    }
                }
            }
            Class::Notice => self.sending_notices = self.sending_notices.saturating_sub(1),
        }
    }

    /// Everybody who waits, in no particular order.
    pub(super) fn all_waiting(&self) -> Vec<WakeId> {
        let calls = self.calls.values().flatten();
        calls.chain(&self.notices).chain(self.urgent.iter().map(|(wake, _)| wake)).copied().collect()
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting_calls + self.notices.len() + self.urgent.len()
    }

    pub(super) fn sending(&self) -> usize {
        self.sending_calls + self.sending_notices
    }

    /// Whether nothing would be lost if it were forgotten.
    pub(super) fn is_forgettable(&self) -> bool {
        self.is_idle() && self.breaker.unanswered() == 0
    }

    pub(super) fn is_idle(&self) -> bool {
        self.waiting() == 0 && self.sending() == 0
    }
}
