//! The sockets and the one driver that feeds the switchboard.
//!
//! ```text
//!  UDP sockets ───────────────────────────────┐ read by the driver itself: their queue is the kernel's buffer
//!  TCP, TLS ── one task each ── 1024 events ──┤
//!  commands, wake reports, saved, relay ──────┤──> driver thread ──> machine.handle(input, now) ──> outputs, in order
//!  the machine's own deadline ────────────────┘
//! ```
//!
//! The driver owns the machine on a thread of its own and never waits for anything but its next input: every queue that
//! leads out is bounded, and a full one comes back as an input ([`Input::SendFailed`], [`Input::NotSaved`], a wake given
//! up). Stream connections and TLS handshakes run as tasks of the runtime that called [`Driver::start`], so that neither
//! their cryptography nor a peer that stalls delays a call.
//!
//! [`Input::SendFailed`]: crate::switchboard::input::Input::SendFailed
//! [`Input::NotSaved`]: crate::switchboard::input::Input::NotSaved

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

use crate::handle::SwitchboardEnd;
use crate::media::relay::RelayConfig;
use crate::model::{CallId, Transport, WakeReport, WakeRequest};
use crate::port_check::PortCheck;
use crate::switchboard::output::{SaveJob, Saved};

mod clock;
mod driver;
mod gate;
mod ladder;
mod listen;
mod machine;
mod outbox;
mod overload;
mod stream;
mod tally;
mod tcp;
mod tls;
mod udp;

#[cfg(test)]
mod tests;

pub use driver::{Driver, Machine};
pub use gate::StreamLimits;
pub use ladder::{Ladder, LadderLeg, LadderMessage, Ladders};
pub use listen::raise_open_files;
pub use tally::{Calls, Histogram, Tally, WAKE_STEPS_MS, WakeTimes};
pub use tls::{TlsIdentity, TlsIdentityError};

/// Wakes that may wait for the push side; beyond it a branch fails at once and the call goes on.
pub const WAKE_QUEUE: usize = 1024;
/// Wake reports that may wait for the switchboard; beyond it delivery waits.
pub const WAKE_REPORT_QUEUE: usize = 1024;
/// Calls whose pending wakes are to be dropped; as many as wakes may wait.
pub const STOP_WAKES_QUEUE: usize = 1024;
/// Changes that may wait for the store; beyond it what needs durability fails with an answer that says so.
pub const SAVE_QUEUE: usize = 4096;
/// Answers of the store that may wait for the switchboard; the store waits beyond it.
pub const SAVED_QUEUE: usize = 4096;

/// Where to listen and how much to bear.
#[derive(Debug, Clone)]
pub struct DriverConfig {
    /// UDP addresses; port 0 takes any free port.
    pub udp: Vec<SocketAddr>,
    /// TCP addresses.
    pub tcp: Vec<SocketAddr>,
    /// TLS addresses; used only with an identity.
    pub tls: Vec<SocketAddr>,
    /// The certificate in use; keep a clone to replace it while everything runs.
    pub tls_identity: Option<TlsIdentity>,
    /// Bounds for stream connections.
    pub limits: StreamLimits,
    /// The relay's ports, address and times.
    pub relay: RelayConfig,
    /// How long the machine may take to end its calls after [`Stopper::stop`].
    pub drain: Duration,
}

/// The queues that connect the driver with the rest of the program.
#[derive(Debug)]
pub struct Channels {
    /// Commands in, notices out.
    pub switchboard: SwitchboardEnd,
    /// Wakes out, bound [`WAKE_QUEUE`].
    pub wakes: mpsc::Sender<WakeRequest>,
    /// Calls whose pending wakes are worthless, bound [`STOP_WAKES_QUEUE`]. Read it after `wakes`, not before, so that
    /// a stop never overtakes the wake it is for.
    pub stop_wakes: mpsc::Sender<CallId>,
    /// Wake reports in, bound [`WAKE_REPORT_QUEUE`].
    pub wake_reports: mpsc::Receiver<WakeReport>,
    /// Changes out, bound [`SAVE_QUEUE`].
    pub saves: mpsc::Sender<SaveJob>,
    /// The store's answers in, bound [`SAVED_QUEUE`].
    pub saved: mpsc::Receiver<Saved>,
}

/// A running driver: what it is bound to, in the order of the configuration.
#[derive(Debug)]
pub struct Bound {
    /// UDP addresses with their real ports.
    pub udp: Vec<SocketAddr>,
    /// TCP addresses with their real ports.
    pub tcp: Vec<SocketAddr>,
    /// TLS addresses with their real ports.
    pub tls: Vec<SocketAddr>,
    /// Stops it gracefully.
    pub stopper: Stopper,
    /// Completes when the driver has ended, whether asked to or not; awaiting it costs no thread.
    pub ended: oneshot::Receiver<()>,
    /// The driver's thread.
    pub thread: JoinHandle<()>,
    /// Running totals.
    pub counters: Arc<Counters>,
    /// What was said in the last calls.
    pub ladders: Ladders,
    /// Whom to tell which questions from outside are to be answered.
    pub port_check: PortCheck,
}

/// Stops the driver; cheap to clone.
#[derive(Debug, Clone)]
pub struct Stopper(Arc<watch::Sender<bool>>);

impl Stopper {
    fn new() -> (Self, watch::Receiver<bool>) {
        let (sender, receiver) = watch::channel(false);
        (Self(Arc::new(sender)), receiver)
    }

    /// Gives the machine `Input::Drain` and ends the driver when the machine is drained or its time is up.
    pub fn stop(&self) {
        // Nobody listening means that the driver has ended already.
        let _ = self.0.send(true);
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// Running totals since the start, for `doctor` and the dashboard.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[$doc])* pub $name: Counter,)+
            /// Messages the guard refused, by reason.
            pub refusals: Tally,
            /// How long phones took to wake.
            pub wakes: WakeTimes,
            /// Calls, by how they ended.
            pub calls: Calls,
        }
    };
}

counters! {
    /// Datagrams received, keep-alives included.
    datagrams_in,
    /// Datagrams sent.
    datagrams_out,
    /// Datagrams dropped because a socket's send queue was full.
    datagrams_dropped,
    /// Messages that passed the guard.
    messages_in,
    /// Messages the guard refused.
    messages_refused,
    /// Requests declined with 503 because the switchboard's queue was full.
    requests_declined,
    /// Wakes that the push side could not take.
    wakes_refused,
    /// Changes without an answer waiting for them that the store could not take; they are lost.
    changes_lost,
    /// Stream connections open now.
    connections_open,
    /// Stream connections refused because of a limit.
    connections_refused,
    /// TLS handshakes that failed or took too long.
    handshakes_failed,
}

/// One running total.
#[derive(Debug, Default)]
pub struct Counter(std::sync::atomic::AtomicU64);

impl Counter {
    /// The total now.
    pub fn get(&self) -> u64 {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn add(&self, count: u64) {
        self.0.fetch_add(count, std::sync::atomic::Ordering::Relaxed);
    }

    /// Counts one, and says whether to log it: the 1st, 2nd, 4th, 8th, so that a flood of failures is no flood of lines.
    fn is_notable(&self) -> bool {
        self.add(1);
        self.get().is_power_of_two()
    }

    fn sub(&self, count: u64) {
        self.0.fetch_sub(count, std::sync::atomic::Ordering::Relaxed);
    }
}

/// Why the driver did not start; nothing is left running or bound.
#[derive(Debug, Error)]
pub enum StartError {
    /// The address is in use by another program.
    #[error(
        "{} port {} on {} is in use by another program: stop it or choose another port under [sip] in config.toml",
        name(*.transport), .address.port(), .address.ip()
    )]
    InUse {
        /// UDP, TCP or TLS.
        transport: Transport,
        /// Where.
        address: SocketAddr,
    },
    /// The port is below 1024 and we may not use it.
    #[error(
        "{} port {} on {} needs a permission that Nightbell does not have: choose a port above 1023 under [sip] in config.toml, or give the service AmbientCapabilities=CAP_NET_BIND_SERVICE",
        name(*.transport), .address.port(), .address.ip()
    )]
    Forbidden {
        /// UDP, TCP or TLS.
        transport: Transport,
        /// Where.
        address: SocketAddr,
    },
    /// This machine does not have the address.
    #[error(
        "{} cannot listen on {}: this machine does not have that address; give one it has, or 0.0.0.0 for all, under [sip] in config.toml",
        name(*.transport), .address.ip()
    )]
    NotOurs {
        /// UDP, TCP or TLS.
        transport: Transport,
        /// Where.
        address: SocketAddr,
    },
    /// Another reason.
    #[error("{} cannot listen on {address}: {source}; check the addresses under [sip] in config.toml", name(*.transport))]
    Listen {
        /// UDP, TCP or TLS.
        transport: Transport,
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// TLS addresses without a certificate.
    #[error(
        "TLS is to listen on {0}, but there is no certificate: add one, or remove the address under [sip] in config.toml"
    )]
    NoCertificate(SocketAddr),
    /// The relay could not be started.
    #[error("the sound relay cannot start: {0}")]
    Relay(io::Error),
    /// A thread or runtime could not be made.
    #[error("the switchboard's thread cannot start: {0}; the machine may be out of memory or of processes")]
    Thread(io::Error),
    /// Called outside a tokio runtime.
    #[error("the driver was started outside a tokio runtime, which its TCP and TLS connections need")]
    NoRuntime,
}

fn name(transport: Transport) -> &'static str {
    transport.via_name()
}
