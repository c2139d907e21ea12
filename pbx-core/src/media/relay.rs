//! The RTP relay: carries the sound of every call between two ports, on one thread of its own.
//!
//! The port a side sends to is also the port the other side's sound comes to it from (symmetric RTP, RFC 4961). Payloads
//! are passed on untouched. Invariants: nothing is sent to an address that was neither announced nor proved by a packet;
//! once a side is learned ([`latch`]), only its exact source is heard; a port rests after a call before it carries another.
//!
//! One thread suffices: a packet costs some 3 µs, so 400 calls (40,000 packets a second) are an eighth of one core. There
//! is no lock and no allocation on the packet path; orders and reports travel in two bounded queues.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::model::PortRange;
use crate::switchboard::input::RelayPort;
use crate::switchboard::output::{RelayId, Side};

mod latch;
mod packet;
mod ports;
mod session;
mod stage;

#[cfg(test)]
mod tests;

/// Orders that may wait for the relay: ten for each of a hundred calls that begin at once.
const ORDER_QUEUE: usize = 1024;

/// The relay's ports and times. Tests make the times small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayConfig {
    /// The address to bind, `None` for all of IPv4 and IPv6.
    pub address: Option<IpAddr>,
    /// Ports to take pairs from.
    pub ports: PortRange,
    /// Without a packet from either side for this long, a call is silent.
    pub silence: Duration,
    /// Without a packet from one side for this long, while the other talks and nobody holds: that side is gone without a
    /// word, and the call with it. Long, because a muted phone may rightly send nothing.
    pub silence_of_one: Duration,
    /// The same while a side is on hold, when phones rightly send nothing: long, but a call never lives for ever.
    pub silence_on_hold: Duration,
    /// How long a port stays closed after a call, so that late packets of the old call never reach a new one.
    pub rest: Duration,
    /// How long after a new announcement a changed source is accepted.
    pub relearn: Duration,
    /// How often silence, rested ports and owed ports are looked at.
    pub tick: Duration,
}

impl RelayConfig {
    /// The usual times with these ports and this silence limit.
    pub fn new(ports: PortRange, silence: Duration) -> Self {
        Self {
            address: None,
            ports,
            silence,
            silence_of_one: Duration::from_secs(1800),
            silence_on_hold: Duration::from_secs(3600),
            rest: Duration::from_secs(5),
            relearn: Duration::from_secs(5),
            tick: Duration::from_millis(250),
        }
    }
}

/// One side's announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aim {
    /// Whose.
    pub side: Side,
    /// The announced address; unspecified means "on hold".
    pub announced: SocketAddr,
    /// Where its signalling comes from.
    pub signalled_from: IpAddr,
    /// It takes RTCP on the RTP port.
    pub rtcp_mux: bool,
}

/// What the relay is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelayOrder {
    /// Bind this many more pairs; what cannot be had now follows when ports have rested.
    WantPorts(usize),
    /// Begin a relay on two held ports.
    Open {
        /// Its name.
        relay: RelayId,
        /// The port the caller sends to.
        caller_port: RelayPort,
        /// The port the callee sends to.
        callee_port: RelayPort,
    },
    /// A side announced where it listens.
    Aim {
        /// Which relay.
        relay: RelayId,
        /// What it announced.
        aim: Aim,
    },
    /// End a relay and give its ports back.
    Close(RelayId),
    /// Settings changed; relays that live keep their ports.
    Settings {
        /// New range.
        ports: PortRange,
        /// New silence limit.
        silence: Duration,
    },
}

/// What the relay reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelayEvent {
    /// More pairs are held. Fewer than wanted when the range is used up.
    Ports(Vec<RelayPort>),
    /// No packet from either side, or from one of them, for the limit of that. Said once, and again only after a packet or a new announcement.
    Silent(RelayId),
    /// A relay has ended.
    Closed {
        /// Which.
        relay: RelayId,
        /// RTP packets accepted from the caller.
        from_caller: u64,
        /// RTP packets accepted from the callee.
        from_callee: u64,
    },
}

/// Gives orders to a running relay, which ends when this is dropped.
#[derive(Debug)]
pub struct RelayHandle {
    orders: mpsc::Sender<RelayOrder>,
}

impl RelayHandle {
    /// Gives an order without waiting; the order comes back when the queue is full.
    pub fn try_order(&self, order: RelayOrder) -> Result<(), TrySendError<RelayOrder>> {
        self.orders.try_send(order)
    }

    /// Completes when an order can be given.
    pub async fn has_room(&self) {
        // An ended relay takes every order, in that it drops it.
        drop(self.orders.reserve().await);
    }
}

/// Starts the relay's thread.
pub fn start(config: RelayConfig, events: mpsc::Sender<RelayEvent>) -> io::Result<RelayHandle> {
    let (orders, received) = mpsc::channel(ORDER_QUEUE);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("relay".into()).spawn(move || {
        let local = tokio::task::LocalSet::new();
        runtime.block_on(local.run_until(stage::run(config, received, events)));
    })?;
    Ok(RelayHandle { orders })
}
