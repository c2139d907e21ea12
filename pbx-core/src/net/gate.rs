//! How many stream connections there may be, in all and from one address, and how long each may take for what it does.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::model::Network;

/// Bounds for stream connections; the defaults suit a small business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamLimits {
    /// Connections in all; the usual bound of SIP proxies, and far more than the phones of one office.
    pub connections: usize,
    /// Connections from one IPv4 address or one IPv6 /64: a whole office behind one NAT has to fit.
    pub per_address: usize,
    /// From the first byte of a message to its last: a phone sends it in one go, who drips it wants to hold us up.
    pub message: Duration,
    /// From the connection's start to the end of its first message.
    pub first_message: Duration,
    /// Without any message or keep-alive after the first message. Registered phones refresh within an hour.
    pub idle: Duration,
    /// For the TLS handshake.
    pub handshake: Duration,
    /// For writing one message: a peer that does not read is as good as gone.
    pub write: Duration,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self {
            connections: 2048,
            per_address: 64,
            message: Duration::from_secs(10),
            first_message: Duration::from_secs(300),
            idle: Duration::from_secs(3600),
            handshake: Duration::from_secs(5),
            write: Duration::from_secs(10),
        }
    }
}

/// Counts the connections inside.
#[derive(Debug)]
pub(super) struct Gate {
    limits: StreamLimits,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    total: usize,
    by_address: BTreeMap<Network, usize>,
}

impl Gate {
    pub(super) fn new(limits: StreamLimits) -> Arc<Self> {
        Arc::new(Self { limits, inside: Mutex::default() })
    }

    /// Lets one connection in, or refuses it.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Permit> {
        let address = Network::from(address);
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let here = inside.by_address.get(&address).copied().unwrap_or(0);
        if inside.total >= self.limits.connections || here >= self.limits.per_address {
            return None;
        }
        inside.total += 1;
        inside.by_address.insert(address, here + 1);
        Some(Permit { gate: Arc::clone(self), address })
    }

    fn leave(&self, address: Network) {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.total = inside.total.saturating_sub(1);
        match inside.by_address.get_mut(&address) {
            Some(here) if *here > 1 => *here -= 1,
            _ => {
                inside.by_address.remove(&address);
            }
        }
    }
}

/// One connection's place; given back when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    gate: Arc<Gate>,
    address: Network,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.gate.leave(self.address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(connections: usize, per_address: usize) -> Arc<Gate> {
        Gate::new(StreamLimits { connections, per_address, ..StreamLimits::default() })
    }

    #[test]
    fn one_address_cannot_take_all_places_and_gives_back_what_it_took() {
        let gate = gate(3, 2);
        let (a, b) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let first = gate.enter(a).unwrap();
        let second = gate.enter(a).unwrap();
        assert!(gate.enter(a).is_none());
        let third = gate.enter(b).unwrap();
        assert!(gate.enter(b).is_none(), "the total is reached");
        drop(first);
        let again = gate.enter(a).unwrap();
        drop((second, third, again));
        let inside = gate.inside.lock().unwrap();
        assert_eq!((inside.total, inside.by_address.len()), (0, 0));
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address_and_a_mapped_address_as_ipv4() {
        let gate = gate(9, 1);
        let _one = gate.enter("2001:db8::1".parse().unwrap()).unwrap();
        assert!(gate.enter("2001:db8::2".parse().unwrap()).is_none());
        let _other = gate.enter("2001:db8:0:1::1".parse().unwrap()).unwrap();
        let _four = gate.enter("10.0.0.1".parse().unwrap()).unwrap();
        assert!(gate.enter("::ffff:10.0.0.1".parse().unwrap()).is_none());
    }
}
