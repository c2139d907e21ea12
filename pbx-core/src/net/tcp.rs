//! Accepting stream connections: a loop for each listening socket, a task for each connection.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, warn};

use crate::model::{ConnectionId, Flow, Transport};

use super::gate::{Gate, Permit};
use super::stream::{self, StreamEvent};
use super::{Counters, StreamLimits, TlsIdentity, tls};

/// The pause after a failed accept, doubled up to [`LONGEST_PAUSE`]: with no file descriptor left, accepting again at
/// once would only burn the processor that could free one.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// A dead peer is noticed after this much silence plus five probes.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(120);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(15);
const KEEPALIVE_PROBES: u32 = 5;
/// Written bytes that nobody acknowledges for this long end the connection (RFC 5482).
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// What every connection of one driver shares.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) limits: StreamLimits,
    pub(super) gate: Arc<Gate>,
    pub(super) events: mpsc::Sender<StreamEvent>,
    pub(super) counters: Arc<Counters>,
    next: AtomicU64,
    /// Dropped with the last connection: the driver waits for that at its end, so that farewells are still written.
    _alive: oneshot::Sender<()>,
}

impl Shared {
    /// What connections share, and a receiver that completes (with an error) when the last of them has ended.
    pub(super) fn new(
        limits: StreamLimits,
        events: mpsc::Sender<StreamEvent>,
        counters: Arc<Counters>,
    ) -> (Arc<Self>, oneshot::Receiver<()>) {
        let (alive, all_ended) = oneshot::channel();
        // Zero names datagrams.
        let next = AtomicU64::new(1);
        (Arc::new(Self { limits, gate: Gate::new(limits), events, counters, next, _alive: alive }), all_ended)
    }

    fn next_connection(&self) -> ConnectionId {
        ConnectionId(self.next.fetch_add(1, Ordering::Relaxed))
    }
}

/// Accepts until the driver is gone. With an identity the connections speak TLS.
pub(super) async fn accept(listener: TcpListener, identity: Option<TlsIdentity>, shared: Arc<Shared>) {
    let mut pause = SHORTEST_PAUSE;
    loop {
        let accepted = tokio::select! {
            () = shared.events.closed() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((io, remote)) => {
                pause = SHORTEST_PAUSE;
                admit(io, remote, identity.clone(), &shared);
            }
            Err(error) if is_the_peers_fault(&error) => debug!(%error, "a connection ended before it was accepted"),
            Err(error) => {
                warn!(%error, "no connection can be accepted for the moment; is the limit of open files too low?");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

fn admit(io: TcpStream, remote: SocketAddr, identity: Option<TlsIdentity>, shared: &Arc<Shared>) {
    let Some(permit) = shared.gate.enter(remote.ip()) else {
        shared.counters.connections_refused.add(1);
        return;
    };
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let open = Open::count(Arc::clone(&shared.counters), permit);
        if let Err(error) = serve(io, remote, identity, &shared).await {
            debug!(%error, %remote, "a connection could not be served");
        }
        drop(open);
    });
}

/// Counts one open connection for as long as it lives, also when its task panics.
struct Open {
    counters: Arc<Counters>,
    _permit: Permit,
}

impl Open {
    fn count(counters: Arc<Counters>, permit: Permit) -> Self {
        counters.connections_open.add(1);
        Self { counters, _permit: permit }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.counters.connections_open.sub(1);
    }
}

async fn serve(
    io: TcpStream,
    remote: SocketAddr,
    identity: Option<TlsIdentity>,
    shared: &Arc<Shared>,
) -> io::Result<()> {
    let local = io.local_addr()?;
    io.set_nodelay(true)?;
    keep_alive(&io)?;
    let connection = shared.next_connection();
    match identity {
        None => {
            let flow = Flow { transport: Transport::Tcp, local, remote, connection };
            stream::run(io, flow, shared).await;
        }
        Some(identity) => {
            if let Some(io) = tls::handshake(io, &identity, shared).await {
                let flow = Flow { transport: Transport::Tls, local, remote, connection };
                stream::run(io, flow, shared).await;
            }
        }
    }
    Ok(())
}

fn keep_alive(io: &TcpStream) -> io::Result<()> {
    sockopt::set_socket_keepalive(io, true)?;
    sockopt::set_tcp_keepidle(io, KEEPALIVE_AFTER)?;
    sockopt::set_tcp_keepintvl(io, KEEPALIVE_EVERY)?;
    sockopt::set_tcp_keepcnt(io, KEEPALIVE_PROBES)?;
    sockopt::set_tcp_user_timeout(io, u32::try_from(UNACKNOWLEDGED.as_millis()).unwrap_or(u32::MAX))?;
    Ok(())
}

/// Errors that concern only the connection that was about to be accepted.
fn is_the_peers_fault(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused)
}
