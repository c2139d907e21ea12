//! The stock of bound relay ports, so that an SDP never names a port that turns out to be taken.

use std::collections::VecDeque;

use super::input::RelayPort;

/// Port pairs kept ready: two for each call, so 128 calls can start before the relay has bound more. A relay that waits
/// for a busy processor needs some ten milliseconds for that, and a crowd of callers does not wait.
const STOCK: usize = 256;

/// Free ports held bound by the relay.
#[derive(Debug, Default)]
pub(super) struct PortStock {
    free: VecDeque<RelayPort>,
    ordered: usize,
}

impl PortStock {
    pub(super) fn add(&mut self, ports: Vec<RelayPort>) {
        // What the relay could not bind now it still owes: asking again would only spin.
        self.ordered = self.ordered.saturating_sub(ports.len());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_that_is_used_up_is_asked_for_once_and_not_again_and_again() {
        let mut stock = PortStock::default();
        assert_eq!(stock.wanted(), Some(STOCK));
        stock.add(Vec::new());
        assert_eq!(stock.wanted(), None);
        stock.add((0..256).map(|n| RelayPort(10_000 + 2 * n)).collect());
        assert_eq!(stock.wanted(), None);
        while stock.take_pair().is_some() {}
        assert_eq!(stock.wanted(), Some(STOCK));
    }
}
