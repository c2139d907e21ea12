//! The stock of bound port pairs, and which addresses sound may be sent to.
//!
//! Ports are picked at random: an attacker who knows one call's port learns nothing about the next (CVE-2017-16671 and its
//! kin). A port that carried a call is closed and rests before it is bound again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};
use tracing::{debug, warn};

use crate::model::PortRange;
use crate::switchboard::input::RelayPort;

use super::latch::Tick;

/// Pairs that may be owed or held: more calls at once than one machine carries.
const MAX_PAIRS: usize = 4096;
/// Binds in one go; a range that other programs sit in must not hold up orders.
const ATTEMPTS: usize = 512;
/// Packets that may wait in the kernel for one socket: more than a second of sound, less than an attacker would like.
const RECEIVE_BUFFER: usize = 64 * 1024;
/// Expedited Forwarding (RFC 3246), the class of sound, as it stands in the TOS byte.
const EXPEDITED: u32 = 0xb8;

/// An even port and the next odd one, bound.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) rtp: UdpSocket,
    pub(super) rtcp: UdpSocket,
}

/// All pairs that carry no call at the moment.
#[derive(Debug)]
pub(super) struct Stock {
    address: Option<IpAddr>,
    range: PortRange,
    held: BTreeMap<u16, Pair>,
    open: BTreeSet<u16>,
    resting: VecDeque<(Tick, u16)>,
    owed: usize,
}

impl Stock {
    pub(super) fn new(address: Option<IpAddr>, range: PortRange) -> Self {
        Self { address, range, held: BTreeMap::new(), open: BTreeSet::new(), resting: VecDeque::new(), owed: 0 }
    }

    pub(super) fn set_range(&mut self, range: PortRange) {
        self.range = range;
    }

    /// Notes a wish; [`Self::bind_owed`] fulfils it. Wishes add up: whoever asks counts what is on its way.
    pub(super) fn want(&mut self, pairs: usize) {
        self.owed = self.owed.saturating_add(pairs).min(MAX_PAIRS.saturating_sub(self.held.len()));
    }

    /// Binds what is owed, as far as there are ports.
    pub(super) fn bind_owed(&mut self, now: Tick) -> Vec<RelayPort> {
        while self.resting.front().is_some_and(|(until, _)| *until <= now) {
            self.resting.pop_front();
        }
        let mut bound = Vec::new();
        let candidates = if self.owed == 0 { Vec::new() } else { self.candidates() };
        for port in candidates {
            if self.owed == 0 {
                break;
            }
            match bind_pair(self.address, port) {
                Ok(pair) => {
                    self.held.insert(port, pair);
                    bound.push(RelayPort(port));
                    self.owed -= 1;
                }
                Err(error) if error.kind() == ErrorKind::AddrInUse => debug!(port, "another program uses this port"),
                Err(error) => {
                    warn!(port, %error, "no port can be bound for sound; is the limit of open files too low?");
                    break;
                }
            }
        }
        bound
    }

    /// Whether more ports are wanted than were to be had.
    pub(super) fn owes(&self) -> bool {
        self.owed > 0
    }

    /// Free even ports of the range in random order, at most [`ATTEMPTS`].
    fn candidates(&self) -> Vec<u16> {
        let first = self.range.first.next_multiple_of(2);
        let resting: BTreeSet<u16> = self.resting.iter().map(|(_, port)| *port).collect();
        let mut free: Vec<u16> = (first..self.range.last)
            .step_by(2)
            .filter(|port| !self.held.contains_key(port) && !self.open.contains(port) && !resting.contains(port))
            .collect();
        let wanted = free.len().min(ATTEMPTS);
        // Fisher and Yates, only as far as needed.
        for at in 0..wanted {
            let left = free.len() - at;
            free.swap(at, at + random(left));
        }
        free.truncate(wanted);
        free
    }

    /// Takes a held pair for a call.
    pub(super) fn take(&mut self, port: RelayPort) -> Option<Pair> {
        let pair = self.held.remove(&port.0)?;
        self.open.insert(port.0);
        Some(pair)
    }

    /// A call has ended: its sockets are closed, its port rests.
    pub(super) fn rest(&mut self, port: RelayPort, until: Tick) {
        if self.open.remove(&port.0) {
            self.resting.push_back((until, port.0));
        }
    }

    /// Whether this address is one of our own sound ports: sending there would make a loop.
    pub(super) fn is_ours(&self, address: SocketAddr) -> bool {
        let even = address.port() & !1;
        (self.held.contains_key(&even) || self.open.contains(&even)) && is_local(address.ip())
    }
}

/// A number below `bound`.
fn random(bound: usize) -> usize {
    // Without randomness ports come in order, which is worse, but better than no sound.
    let number = getrandom::u64().unwrap_or(0);
    usize::try_from(number % u64::try_from(bound.max(1)).unwrap_or(1)).unwrap_or(0)
}

/// Whether this machine has the address: only then can it be bound.
fn is_local(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}

fn bind_pair(address: Option<IpAddr>, port: u16) -> io::Result<Pair> {
    let odd = port.checked_add(1).ok_or(ErrorKind::InvalidInput)?;
    Ok(Pair { rtp: bind(address, port)?, rtcp: bind(address, odd)? })
}

fn bind(address: Option<IpAddr>, port: u16) -> io::Result<UdpSocket> {
    match address {
        Some(ip) => bind_to(SocketAddr::new(ip, port)),
        // One socket for both families; a machine without IPv6 has only the other kind.
        None => match bind_to(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))) {
            Err(error) if error.kind() != ErrorKind::AddrInUse => {
                bind_to(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))
            }
            bound => bound,
        },
    }
}

fn bind_to(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.set_nonblocking(true)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    // Routers that care give sound the right of way; nothing is lost where it cannot be set.
    let _ = socket.set_tos_v4(EXPEDITED);
    socket.bind(&address.into())?;
    Ok(UdpSocket::from(socket))
}

/// Whether an announced address may be sent to before a packet has come from it.
///
/// A phone may only name addresses as far away as itself: one that signals from the internet cannot make us send into
/// our own network or to this machine (the flaw class of CVE-2020-26262).
pub(super) fn may_be_sent_to(announced: SocketAddr, signalled_from: IpAddr) -> bool {
    let ip = announced.ip();
    if announced.port() == 0 || ip.is_unspecified() || ip.is_multicast() {
        return false;
    }
    reach(ip).is_some_and(|there| reach(signalled_from).is_some_and(|here| there >= here))
}

/// How far an address reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Machine,
    Link,
    Site,
    World,
}

fn reach(ip: IpAddr) -> Option<Reach> {
    match ip.to_canonical() {
        IpAddr::V4(four) => {
            let [a, b, ..] = four.octets();
            if four.is_broadcast() || a == 0 || a >= 240 {
                None
            } else if four.is_loopback() {
                Some(Reach::Machine)
            } else if four.is_link_local() {
                Some(Reach::Link)
            } else if four.is_private() || (a == 100 && b & 0xc0 == 64) {
                Some(Reach::Site)
            } else {
                Some(Reach::World)
            }
        }
        IpAddr::V6(six) if six.is_loopback() => Some(Reach::Machine),
        IpAddr::V6(six) if six.is_unicast_link_local() => Some(Reach::Link),
        IpAddr::V6(six) if six.is_unique_local() => Some(Reach::Site),
        IpAddr::V6(_) => Some(Reach::World),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));

    #[test]
    fn a_phone_can_only_name_addresses_as_far_away_as_itself() {
        for (announced, from, expected) in [
            ("203.0.113.9:4000", "203.0.113.9", true),
            ("203.0.113.9:4000", "198.51.100.1", true),
            ("192.168.1.5:4000", "192.168.1.5", true),
            ("203.0.113.9:4000", "192.168.1.5", true),
            ("127.0.0.1:4000", "127.0.0.1", true),
            ("192.168.1.5:4000", "127.0.0.1", true),
            ("192.168.1.5:4000", "203.0.113.9", false),
            ("100.64.0.1:4000", "203.0.113.9", false),
            ("127.0.0.1:4000", "192.168.1.5", false),
            ("169.254.169.254:80", "192.168.1.5", false),
            ("[::1]:4000", "2001:db8::1", false),
            ("[fe80::1]:4000", "2001:db8::1", false),
            ("[fd00::1]:4000", "2001:db8::1", false),
            ("[::ffff:127.0.0.1]:4000", "203.0.113.9", false),
            ("[2001:db8::2]:4000", "2001:db8::1", true),
            ("203.0.113.9:0", "203.0.113.9", false),
            ("0.0.0.0:4000", "127.0.0.1", false),
            ("224.0.0.1:4000", "127.0.0.1", false),
            ("255.255.255.255:4000", "127.0.0.1", false),
            ("[ff02::1]:4000", "::1", false),
        ] {
            assert_eq!(
                may_be_sent_to(announced.parse().unwrap(), from.parse().unwrap()),
                expected,
                "{announced} {from}"
            );
        }
    }

    #[test]
    fn ports_are_even_random_and_rest_before_they_come_again() {
        let range = PortRange { first: 42_101, last: 42_160 };
        let mut stock = Stock::new(LOOPBACK, range);
        stock.want(6);
        let first = stock.bind_owed(0);
        assert_eq!(first.len(), 6);
        assert!(first.iter().all(|port| port.0 % 2 == 0 && (42_102..42_160).contains(&port.0)));
        let ascending = first.windows(2).all(|pair| pair[0].0 + 2 == pair[1].0);
        assert!(!ascending, "{first:?}");
        assert!(stock.bind_owed(0).is_empty(), "nothing is owed any more");

        let taken = first[0];
        assert!(stock.take(taken).is_some());
        assert!(stock.take(taken).is_none(), "one port carries one call");
        assert!(stock.is_ours(SocketAddr::from(([127, 0, 0, 1], taken.0 + 1))));
        assert!(!stock.is_ours(SocketAddr::from(([192, 0, 2, 1], taken.0))));
        stock.rest(taken, 8);
        assert!(!stock.is_ours(SocketAddr::from(([127, 0, 0, 1], taken.0))));

        stock.want(100);
        let rest = stock.bind_owed(7);
        assert!(!rest.is_empty() && !rest.contains(&taken), "it rests");
        assert!(stock.owes());
        assert_eq!(stock.bind_owed(8), [taken]);
    }

    #[test]
    fn wishes_that_come_before_the_last_one_is_fulfilled_add_up() {
        let mut stock = Stock::new(LOOPBACK, PortRange { first: 42_200, last: 42_299 });
        stock.want(6);
        stock.want(4);
        assert_eq!(stock.bind_owed(0).len(), 10);
        assert!(!stock.owes());
    }

    #[test]
    fn a_port_in_use_by_another_program_is_passed_over() {
        let other = UdpSocket::bind("127.0.0.1:0").unwrap();
        let busy = other.local_addr().unwrap().port();
        let even = busy & !1;
        let mut stock = Stock::new(LOOPBACK, PortRange { first: even, last: even + 1 });
        stock.want(1);
        assert!(stock.bind_owed(0).is_empty());
        drop(other);
        assert_eq!(stock.bind_owed(1), [RelayPort(even)]);
    }
}
