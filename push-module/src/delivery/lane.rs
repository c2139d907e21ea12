//! One credential's bulkhead: who waits, how many are on the wire.

use std::collections::VecDeque;

use pbx_core::model::WakeId;

/// Attempts on the wire for one credential; a provider takes hundreds, and 64 keep one dead connection's damage small.
pub const SENDING: usize = 64;
/// Of these, at most so many for notices and tests, so that a burst of missed-call notices never holds up a call.
pub const NOTICES_SENDING: usize = 32;
/// Calls that may wait in one lane: eight rounds of attempts, which is as long as a caller waits.
pub const CALLS_WAITING: usize = 512;
/// Notices and tests that may wait in one lane.
pub const NOTICES_WAITING: usize = 512;

#[derive(Debug, Default)]
pub(super) struct Lane {
    calls: VecDeque<WakeId>,
    notices: VecDeque<WakeId>,
    sending_calls: usize,
    sending_notices: usize,
}

/// Who is served first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Call,
    Notice,
}

impl Lane {
    /// Adds a wake at the end, or says that the lane is full.
    pub(super) fn join(&mut self, wake: WakeId, class: Class) -> bool {
        let (queue, bound) = match class {
            Class::Call => (&mut self.calls, CALLS_WAITING),
            Class::Notice => (&mut self.notices, NOTICES_WAITING),
        };
        if queue.len() >= bound {
            return false;
        }
        queue.push_back(wake);
        true
    }

    /// Puts back a wake that has waited once already; it has a place in the total, so no bound is asked.
    pub(super) fn rejoin(&mut self, wake: WakeId, class: Class) {
        match class {
            Class::Call => self.calls.push_front(wake),
            Class::Notice => self.notices.push_front(wake),
        }
    }

    /// Takes a wake out of its queue.
    pub(super) fn leave(&mut self, wake: WakeId, class: Class) {
        match class {
            Class::Call => self.calls.retain(|it| *it != wake),
            Class::Notice => self.notices.retain(|it| *it != wake),
        }
    }

    /// The next wake that may go on the wire; it holds a slot until [`Lane::release`].
    pub(super) fn next(&mut self) -> Option<WakeId> {
        if self.sending_calls + self.sending_notices >= SENDING {
            return None;
        }
        if let Some(wake) = self.calls.pop_front() {
            self.sending_calls += 1;
            return Some(wake);
        }
        if self.sending_notices >= NOTICES_SENDING {
            return None;
        }
        let wake = self.notices.pop_front()?;
        self.sending_notices += 1;
        Some(wake)
    }

    /// Gives a slot back.
    pub(super) fn release(&mut self, class: Class) {
        let sending = match class {
            Class::Call => &mut self.sending_calls,
            Class::Notice => &mut self.sending_notices,
        };
        *sending = sending.saturating_sub(1);
    }

    pub(super) fn waiting(&self) -> usize {
        self.calls.len() + self.notices.len()
    }

    pub(super) fn sending(&self) -> usize {
        self.sending_calls + self.sending_notices
    }

    pub(super) fn is_idle(&self) -> bool {
        self.waiting() == 0 && self.sending() == 0
    }
}
