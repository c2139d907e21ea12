//! Wrong tokens, counted for each address. No guess ever hits 256 bits; this keeps a guesser from costing anything.
//!
//! Only misses count, so an office behind one address can set up all its phones at once.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pbx_core::model::{Network, UnixMillis};

/// Misses an address has in one window: a few mistyped or old links for each phone of a small office.
pub(crate) const MISSES: u32 = 30;
/// How long misses are remembered.
pub(crate) const WINDOW: Duration = Duration::from_secs(600);
/// Addresses remembered at once, about 300 kB; beyond it the one whose window ends first is forgotten.
const ADDRESSES: usize = 4096;

/// Counts misses for each address.
#[derive(Debug, Default)]
pub struct Throttle {
    windows: Mutex<BTreeMap<Network, Window>>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    began: UnixMillis,
    misses: u32,
}

impl Throttle {
    /// How long this address has to wait; `None` when it may try.
    pub fn wait(&self, from: IpAddr, now: UnixMillis) -> Option<Duration> {
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.get(&Network::from(from)).filter(|window| !window.is_over(now))?;
        (window.misses >= MISSES).then(|| (window.began + WINDOW).since(now))
    }

    /// Notes a wrong token.
    pub fn missed(&self, from: IpAddr, now: UnixMillis) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let network = Network::from(from);
        if !windows.contains_key(&network) && windows.len() >= ADDRESSES {
            make_room(&mut windows, now);
        }
        let window = windows.entry(network).or_insert(Window { began: now, misses: 0 });
        if window.is_over(now) {
            *window = Window { began: now, misses: 0 };
        }
        window.misses = window.misses.saturating_add(1);
    }
}

impl Window {
    fn is_over(self, now: UnixMillis) -> bool {
        // A clock set back must not lock anybody out for longer.
        now >= self.began + WINDOW || now < self.began
    }
}

fn make_room(windows: &mut BTreeMap<Network, Window>, now: UnixMillis) {
    windows.retain(|_, window| !window.is_over(now));
    if windows.len() >= ADDRESSES {
        let oldest = windows.iter().min_by_key(|(_, window)| window.began).map(|(from, _)| *from);
        if let Some(from) = oldest {
            windows.remove(&from);
        }
    }
}

/// Stands for every peer whose address is not known.
pub(crate) const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn thirty_misses_shut_one_address_out_until_the_window_is_over() {
        let throttle = Throttle::default();
        for _ in 0..MISSES {
            assert_eq!(throttle.wait(address("192.0.2.1"), NOW), None);
            throttle.missed(address("192.0.2.1"), NOW);
        }
        let later = NOW + Duration::from_secs(100);
        assert_eq!(throttle.wait(address("192.0.2.1"), later), Some(Duration::from_secs(500)));
        assert_eq!(throttle.wait(address("192.0.2.2"), later), None);
        assert_eq!(throttle.wait(address("192.0.2.1"), NOW + WINDOW), None);
        assert_eq!(throttle.wait(address("192.0.2.1"), NOW - Duration::from_secs(5)), None);
    }

    #[test]
    fn neighbours_in_one_64_network_count_as_one() {
        let throttle = Throttle::default();
        for host in 0..MISSES {
            throttle.missed(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, u16::try_from(host).unwrap())), NOW);
        }
        assert!(throttle.wait(address("2001:db8:0:1:ffff::1"), NOW).is_some());
        assert!(throttle.wait(address("2001:db8:0:2::1"), NOW).is_none());
    }

    #[test]
    fn the_table_is_bounded_and_forgets_the_oldest() {
        let throttle = Throttle::default();
        let first = address("10.255.0.1");
        for _ in 0..MISSES {
            throttle.missed(first, NOW);
        }
        for n in 0..u32::try_from(ADDRESSES).unwrap() {
            throttle.missed(IpAddr::V4(Ipv4Addr::from_bits(n)), NOW + Duration::from_millis(1));
        }
        assert_eq!(throttle.windows.lock().unwrap().len(), ADDRESSES);
        assert_eq!(throttle.wait(first, NOW + Duration::from_millis(1)), None);
    }
}
