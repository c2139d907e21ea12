//! The stock of bound relay ports, so that an SDP never names a port that turns out to be taken.

use std::collections::VecDeque;

use super::input::RelayPort;

/// Port pairs kept ready: two for each call, so 32 calls can start before the relay has bound more.
const STOCK: usize = 64;

/// Free ports held bound by the relay.
#[derive(Debug, Default)]
pub(super) struct PortStock {
    free: VecDeque<RelayPort>,
    ordered: usize,
}

impl PortStock {
    pub(super) fn add(&mut self, ports: Vec<RelayPort>) {
        self.ordered = self.ordered.saturating_sub(ports.len());
        if ports.is_empty() {
            // The range is exhausted for now: ask again when the stock falls further.
            self.ordered = 0;
        }
        self.free.extend(ports);
    }

    /// Two ports taken for a call that did not begin.
    pub(super) fn give_back(&mut self, one: RelayPort, other: RelayPort) {
        self.free.extend([one, other]);
    }

    /// Two ports for a call.
    pub(super) fn take_pair(&mut self) -> Option<(RelayPort, RelayPort)> {
        if self.free.len() < 2 {
            return None;
        }
        Some((self.free.pop_front()?, self.free.pop_front()?))
    }

    /// How many to order now, if any.
    pub(super) fn wanted(&mut self) -> Option<usize> {
        let have = self.free.len() + self.ordered;
        if have > STOCK / 2 {
            return None;
        }
        let more = STOCK - have;
        self.ordered += more;
        Some(more)
    }
}
