//! One relay: four sockets, and a task for each that hands packets to the other side.

use std::cell::{Cell, RefCell};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;

use tokio::net::UdpSocket;
use tokio::task::AbortHandle;

use crate::switchboard::output::Side;

use super::latch::{Announcement, Latch, Source, Tick};
use super::packet::{MAX_PACKET, Packet};

/// Packets one socket may hand on before the others get their turn: a flood on one call is not heard on another.
const BURST: usize = 32;

/// What all relays share; only the relay's thread touches it.
#[derive(Debug)]
pub(super) struct Commons {
    /// Coarse time.
    pub(super) now: Cell<Tick>,
    /// One packet at a time is in hand, so one buffer serves all; one byte more than a packet shows what is too long.
    buffer: RefCell<Box<[u8; MAX_PACKET + 1]>>,
}

impl Commons {
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Self { now: Cell::new(0), buffer: RefCell::new(Box::new([0; MAX_PACKET + 1])) })
    }
}

/// Which of a side's two sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lane {
    Rtp,
    Rtcp,
}

/// What came from one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Traffic {
    /// RTP packets accepted.
    pub(super) packets: u64,
    /// Their bytes.
    pub(super) bytes: u64,
    /// Packets that were no RTP or RTCP, too long or malformed.
    pub(super) malformed: u64,
    /// Packets from a source that is not this side.
    pub(super) foreign: u64,
    /// Accepted packets that could not be passed on: the other side is on hold or unknown, or the network is full.
    pub(super) undelivered: u64,
}

/// Where a side wants to be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heading {
    /// Nowhere: it holds.
    Hold,
    /// There.
    Towards { rtp: Announcement, rtcp: Announcement },
}

/// One side's state.
#[derive(Debug, Default)]
struct SideState {
    rtp: Latch,
    rtcp: Latch,
    rtcp_mux: bool,
    on_hold: bool,
    aimed: bool,
    traffic: Traffic,
}

/// One side: its sockets and its state.
#[derive(Debug)]
struct Leg {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    state: RefCell<SideState>,
    /// Whether anything was accepted since [`Session::was_heard`] asked.
    heard: Cell<bool>,
}

impl Leg {
    fn socket(&self, lane: Lane) -> &UdpSocket {
        match lane {
            Lane::Rtp => &self.rtp,
            Lane::Rtcp => &self.rtcp,
        }
    }

    /// The socket and the address for a packet of this kind towards this side.
    ///
    /// RTCP shares the RTP port only when both sides take it there (RFC 5761 section 5.1.1): the offer passed through us,
    /// so who offered it falls back to two ports when the other side did not agree.
    fn way(&self, kind: Lane, other_takes_mux: bool) -> Option<(&UdpSocket, SocketAddr)> {
        let state = self.state.borrow();
        if state.on_hold {
            return None;
        }
        match kind {
            Lane::Rtcp if !(state.rtcp_mux && other_takes_mux) => Some((&self.rtcp, state.rtcp.target()?)),
            Lane::Rtp | Lane::Rtcp => Some((&self.rtp, state.rtp.target()?)),
        }
    }
}

/// One relay.
#[derive(Debug)]
pub(super) struct Session {
    caller: Leg,
    callee: Leg,
    commons: Rc<Commons>,
}

/// The sockets of one side, in the relay's runtime.
#[derive(Debug)]
pub(super) struct LegSockets {
    pub(super) rtp: UdpSocket,
    pub(super) rtcp: UdpSocket,
}

impl Session {
    /// Starts the four tasks; they end when aborted.
    pub(super) fn start(caller: LegSockets, callee: LegSockets, commons: Rc<Commons>) -> (Rc<Self>, [AbortHandle; 4]) {
        let leg = |LegSockets { rtp, rtcp }| Leg { rtp, rtcp, state: RefCell::default(), heard: Cell::new(false) };
        let session = Rc::new(Self { caller: leg(caller), callee: leg(callee), commons });
        let tasks = [
            (Side::Caller, Lane::Rtp),
            (Side::Caller, Lane::Rtcp),
            (Side::Callee, Lane::Rtp),
            (Side::Callee, Lane::Rtcp),
        ]
        .map(|(side, lane)| tokio::task::spawn_local(pump(Rc::clone(&session), side, lane)).abort_handle());
        (session, tasks)
    }

    fn legs(&self, side: Side) -> (&Leg, &Leg) {
        match side {
            Side::Caller => (&self.caller, &self.callee),
            Side::Callee => (&self.callee, &self.caller),
        }
    }

    /// Takes a side's announcement. On hold, whatever was learned is kept for later.
    pub(super) fn aim(&self, side: Side, heading: Heading, rtcp_mux: bool, relearn_until: Tick) {
        let mut state = self.legs(side).0.state.borrow_mut();
        state.aimed = true;
        state.rtcp_mux = rtcp_mux;
        match heading {
            Heading::Hold => state.on_hold = true,
            Heading::Towards { rtp, rtcp } => {
                state.on_hold = false;
                state.rtp.aim(rtp, relearn_until);
                state.rtcp.aim(rtcp, relearn_until);
            }
        }
    }

    /// Whether both sides have announced themselves.
    pub(super) fn is_complete(&self) -> bool {
        self.caller.state.borrow().aimed && self.callee.state.borrow().aimed
    }

    /// Whether a side is on hold.
    pub(super) fn is_on_hold(&self) -> bool {
        self.caller.state.borrow().on_hold || self.callee.state.borrow().on_hold
    }

    /// Whether anything was accepted from this side since the last time this was asked.
    pub(super) fn was_heard(&self, side: Side) -> bool {
        self.legs(side).0.heard.take()
    }

    /// What came from a side so far.
    pub(super) fn traffic(&self, side: Side) -> Traffic {
        self.legs(side).0.state.borrow().traffic
    }

    /// Hands on one datagram that `side` is said to have sent.
    fn packet(&self, side: Side, lane: Lane, datagram: &[u8], from: SocketAddr) {
        let (leg, other) = self.legs(side);
        let mut state = leg.state.borrow_mut();
        let from = canonical(from);
        let now = self.commons.now.get();
        let kind = match (Packet::of(datagram), lane) {
            (Packet::Rtp { source }, Lane::Rtp) => {
                state.rtp.hears(Source { address: from, ssrc: source }, now).then_some(Lane::Rtp)
            }
            // With or without mux: some phones send RTCP to the RTP port unasked. It teaches us nothing.
            (Packet::Rtcp { .. }, Lane::Rtp) => state.rtp.knows(from).then_some(Lane::Rtcp),
            (Packet::Rtcp { source }, Lane::Rtcp) => {
                let same_host = state.rtp.learned().is_none_or(|rtp| rtp.address.ip() == from.ip());
                (same_host && state.rtcp.hears(Source { address: from, ssrc: source }, now)).then_some(Lane::Rtcp)
            }
            (Packet::Rtp { .. }, Lane::Rtcp) | (Packet::Other, Lane::Rtp | Lane::Rtcp) => {
                state.traffic.malformed += 1;
                return;
            }
        };
        let Some(kind) = kind else {
            state.traffic.foreign += 1;
            return;
        };
        if kind == Lane::Rtp {
            state.traffic.packets += 1;
            state.traffic.bytes += datagram.len() as u64;
        }
        leg.heard.set(true);
        let sent = other.way(kind, state.rtcp_mux).is_some_and(|(socket, to)| {
            socket.local_addr().is_ok_and(|local| socket.try_send_to(datagram, as_seen_by(local, to)).is_ok())
        });
        if !sent {
            state.traffic.undelivered += 1;
        }
    }
}

/// Reads one socket until aborted.
async fn pump(session: Rc<Session>, side: Side, lane: Lane) {
    let socket = session.legs(side).0.socket(lane);
    loop {
        if socket.readable().await.is_err() {
            return;
        }
        let mut left = BURST;
        while left > 0 {
            let mut buffer = session.commons.buffer.borrow_mut();
            match socket.try_recv_from(&mut buffer[..]) {
                Ok((length, from)) => session.packet(side, lane, buffer.get(..length).unwrap_or(&[]), from),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // An error of an earlier send; the socket itself is sound.
                Err(_) => {}
            }
            left -= 1;
        }
        if left == 0 {
            tokio::task::yield_now().await;
        }
    }
}

/// IPv4 peers of a socket for both families look like `::ffff:192.0.2.1`; inside they never do.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// The address in the family of the socket it is sent from.
fn as_seen_by(local: SocketAddr, to: SocketAddr) -> SocketAddr {
    match (local, to) {
        (SocketAddr::V6(_), SocketAddr::V4(four)) => SocketAddr::from((four.ip().to_ipv6_mapped(), four.port())),
        (SocketAddr::V6(_) | SocketAddr::V4(_), to) => to,
    }
}
