//! UDP: read in batches by the driver itself, answered from the very address that was asked.
//!
//! There is no queue of ours between the kernel's receive buffer and the driver: under a flood the kernel drops, and what
//! is read is current. Invariant: the local address of a flow is never the unspecified one.
//!
//! Datagrams that came back (ICMP) are read from the socket's error queue after each round of sending. The kernel also
//! reports such an error at the next send or read, whomever that concerns; those are simply tried again.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use rustix::net::sockopt::{self, Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery};
use rustix::net::{RecvFlags, recvfrom};
use socket2::{MsgHdr, SockAddr, SockRef};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::model::{ConnectionId, Flow, Transport};

use super::Counters;

/// What one read may give: the kernel may join datagrams of one sender up to this size (GRO).
const BUFFER: usize = 64 * 1024;
/// Datagrams that may wait for a socket whose send buffer is full; the kernel's holds hundreds before them, and what
/// waits longer than that is sent again by its transaction anyway.
const BACKLOG: usize = 1024;

/// Errors of earlier sends that may be in the way of one system call. Each is reported once, so a second one is rare.
const FOREIGN_ERRORS: usize = 2;
/// Datagrams that came back and are read in one round: more than a round sends.
const REFUSED: usize = 256;

/// The receive buffers, shared by all sockets.
pub(super) struct Batch {
    buffers: [Box<[u8]>; BATCH_SIZE],
    meta: [RecvMeta; BATCH_SIZE],
    filled: usize,
}

impl Batch {
    pub(super) fn new() -> Self {
        Self {
            buffers: std::array::from_fn(|_| vec![0; BUFFER].into_boxed_slice()),
            meta: [RecvMeta::default(); BATCH_SIZE],
            filled: 0,
        }
    }

    /// Reads what waits, one system call unless an error of an earlier send is in the way. `false` when nothing did.
    pub(super) fn fill(&mut self, socket: &Socket) -> bool {
        self.filled = 0;
        let Self { buffers, meta, filled } = self;
        for _ in 0..=FOREIGN_ERRORS {
            let read = socket.io.try_io(Interest::READABLE, || {
                let mut slices = buffers.each_mut().map(|buffer| IoSliceMut::new(buffer));
                *filled = socket.state.recv((&socket.io).into(), &mut slices, meta)?;
                // Fewer than asked for: the socket is empty, and saying so saves the call that would find out.
                if *filled < BATCH_SIZE { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
            });
            // Errors of earlier sends surface here; they say nothing about the datagrams that follow.
            if !read.is_err_and(|error| is_about_another(&error)) {
                break;
            }
        }
        *filled > 0
    }

    /// The datagrams of the last [`Self::fill`] of the socket bound here, with the flow each came on.
    pub(super) fn datagrams(&self, bound: SocketAddr) -> impl Iterator<Item = (Flow, &[u8])> {
        self.buffers.iter().zip(&self.meta).take(self.filled).flat_map(move |(buffer, meta)| {
            let local = SocketAddr::new(meta.dst_ip.unwrap_or(bound.ip()), bound.port());
            let flow = Flow { transport: Transport::Udp, local, remote: meta.addr, connection: ConnectionId(0) };
            let received = buffer.get(..meta.len).unwrap_or(&[]);
            received.chunks(meta.stride.max(1)).map(move |datagram| (flow, datagram))
        })
    }
}

/// One bound socket.
#[derive(Debug)]
pub(super) struct Socket {
    io: UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
    backlog: VecDeque<(Flow, Bytes)>,
    /// Something was sent since the error queue was read.
    sent: bool,
}

impl Socket {
    /// Takes over a bound socket; must be called inside the runtime that will read it.
    fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
        let local = socket.local_addr()?;
        let io = UdpSocket::from_std(socket)?;
        let state = UdpSocketState::new((&io).into())?;
        state.enable_transport_errors((&io).into())?;
        // `UdpSocketState` forbids fragments, as QUIC wants it. An INVITE with many codecs is longer than a packet.
        match local {
            SocketAddr::V4(_) => sockopt::set_ip_mtu_discover(&io, Ipv4PathMtuDiscovery::WANT)?,
            SocketAddr::V6(_) => sockopt::set_ipv6_mtu_discover(&io, Ipv6PathMtuDiscovery::WANT)?,
        }
        Ok(Self { io, state, local, backlog: VecDeque::new(), sent: false })
    }

    /// What it is bound to.
    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    fn try_send(&self, flow: &Flow, bytes: &[u8]) -> io::Result<()> {
        let named = !flow.local.ip().is_unspecified() && self.local.ip().is_unspecified();
        let source = named.then_some(flow.local.ip());
        match self.transmit(flow.remote, source, bytes) {
            // The address of an old flow may be gone from this machine; the phone may still take it from another.
            Err(error) if source.is_some() && is_about_the_source(&error) => self.transmit(flow.remote, None, bytes),
            other => other,
        }
    }

    fn transmit(&self, to: SocketAddr, source: Option<IpAddr>, bytes: &[u8]) -> io::Result<()> {
        let transmit = Transmit { destination: to, ecn: None, contents: bytes, segment_size: None, src_ip: source };
        let send = || match self.state.try_send((&self.io).into(), &transmit) {
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::MSGSIZE.raw_os_error()) => {
                self.send_in_fragments(to, source, bytes)
            }
            other => other,
        };
        let mut sent = self.io.try_io(Interest::WRITABLE, send);
        for _ in 0..FOREIGN_ERRORS {
            if !sent.as_ref().is_err_and(is_about_another) {
                break;
            }
            sent = self.io.try_io(Interest::WRITABLE, send);
        }
        sent
    }

    /// Where datagrams came back from since the last time: nobody listens there, or no way leads there.
    ///
    /// Anybody can forge such a message, so it is a hint and no more.
    fn refused(&mut self) -> Vec<SocketAddr> {
        if !std::mem::take(&mut self.sent) {
            return Vec::new();
        }
        let next = || {
            let (_, _, from) = recvfrom(&self.io, &mut [0u8; 1], RecvFlags::ERRQUEUE | RecvFlags::DONTWAIT).ok()?;
            SocketAddr::try_from(from?).ok()
        };
        std::iter::from_fn(next).take(REFUSED).collect()
    }

    /// IPv6 fragments only where the message itself allows it, because `UdpSocketState` forbids it for the socket.
    fn send_in_fragments(&self, to: SocketAddr, source: Option<IpAddr>, bytes: &[u8]) -> io::Result<()> {
        if to.is_ipv4() {
            return Err(ErrorKind::InvalidInput.into());
        }
        let control = control_messages(source);
        let destination = SockAddr::from(to);
        let contents = [IoSlice::new(bytes)];
        let message = MsgHdr::new().with_addr(&destination).with_buffers(&contents).with_control(&control);
        SockRef::from(&self.io).sendmsg(&message, 0).map(drop)
    }

    /// Sends or queues; `Err` only for an error that concerns this destination.
    fn send(&mut self, flow: &Flow, bytes: Bytes, counters: &Counters) -> io::Result<()> {
        self.sent = true;
        if self.backlog.is_empty() {
            match self.try_send(flow, &bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Ok(()) => {
                    counters.datagrams_out.add(1);
                    return Ok(());
                }
                // As good as lost on the way: the phone is asked again, and its timers decide.
                Err(error) if is_our_own(&error) => {
                    counters.datagrams_dropped.add(1);
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        if self.backlog.len() < BACKLOG {
            self.backlog.push_back((*flow, bytes));
        } else {
            counters.datagrams_dropped.add(1);
        }
        Ok(())
    }

    /// Sends what waits, as far as the kernel takes it.
    fn flush(&mut self, counters: &Counters) {
        while let Some((flow, bytes)) = self.backlog.pop_front() {
            match self.try_send(&flow, &bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.backlog.push_front((flow, bytes));
                    return;
                }
                Ok(()) => counters.datagrams_out.add(1),
                Err(_) => counters.datagrams_dropped.add(1),
            }
        }
    }
}

/// All bound sockets.
#[derive(Debug)]
pub(super) struct Sockets {
    all: Vec<Socket>,
    counters: Arc<Counters>,
}

impl Sockets {
    /// Takes over bound sockets; must be called inside the runtime that will read them.
    pub(super) fn new(bound: Vec<std::net::UdpSocket>, counters: Arc<Counters>) -> io::Result<Self> {
        Ok(Self { all: bound.into_iter().map(Socket::new).collect::<io::Result<_>>()?, counters })
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn get(&self, index: usize) -> Option<&Socket> {
        self.all.get(index)
    }

    /// Sends a datagram from the socket the flow belongs to. A full send buffer is not an error.
    pub(super) fn send(&mut self, flow: &Flow, bytes: Bytes) -> io::Result<()> {
        let counters = &self.counters;
        match self.all.iter_mut().max_by_key(|socket| fitness(socket.local, flow)) {
            Some(socket) if socket.local.is_ipv4() == flow.remote.is_ipv4() => socket.send(flow, bytes, counters),
            Some(_) | None => Err(ErrorKind::AddrNotAvailable.into()),
        }
    }

    pub(super) fn flush(&mut self) {
        for socket in &mut self.all {
            socket.flush(&self.counters);
        }
    }

    /// Where datagrams came back from since the last time (ICMP).
    pub(super) fn refused(&mut self) -> Vec<SocketAddr> {
        self.all.iter_mut().flat_map(Socket::refused).collect()
    }

    /// Completes when a socket has something to read, or room for what waits.
    pub(super) async fn ready(&self) {
        poll_fn(|context| {
            let ready = self.all.iter().any(|socket| {
                let readable = socket.io.poll_recv_ready(context).is_ready();
                readable || (!socket.backlog.is_empty() && socket.io.poll_send_ready(context).is_ready())
            });
            if ready { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// How well a socket fits a flow: bound to its very address, to all addresses on its port, or at least of its family.
fn fitness(bound: SocketAddr, flow: &Flow) -> u8 {
    if bound.is_ipv4() != flow.remote.is_ipv4() {
        0
    } else if bound == flow.local {
        3
    } else if bound.port() == flow.local.port() {
        2
    } else {
        1
    }
}

/// Whether a datagram failed on this machine and so says nothing about the phone: full buffers, a firewall rule, a network
/// that is down or has no route for a moment.
fn is_our_own(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let ours = [Errno::NOBUFS, Errno::NOMEM, Errno::PERM, Errno::NETDOWN, Errno::NETUNREACH];
    error.raw_os_error().is_some_and(|code| ours.iter().any(|errno| errno.raw_os_error() == code))
}

/// An error of an earlier datagram to somebody else, reported here because the socket is one for all.
fn is_about_another(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable)
}

fn is_about_the_source(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::AddrNotAvailable | ErrorKind::NotFound)
        || error.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error())
        || error.raw_os_error() == Some(rustix::io::Errno::NETUNREACH.raw_os_error())
}

/// `IPV6_DONTFRAG` off and, if named, the source address, as `sendmsg` takes them (RFC 3542 sections 6 and 11.2).
fn control_messages(source: Option<IpAddr>) -> Vec<u8> {
    const IPPROTO_IPV6: i32 = 41;
    const IPV6_PKTINFO: i32 = 50;
    const IPV6_DONTFRAG: i32 = 62;
    let mut control = Vec::with_capacity(64);
    let mut push = |kind: i32, data: &[u8]| {
        let word = size_of::<usize>();
        // A cmsghdr (length, level, type), the data, and padding to the next word.
        let length = word + 2 * size_of::<i32>() + data.len();
        control.extend_from_slice(&length.to_ne_bytes());
        control.extend_from_slice(&IPPROTO_IPV6.to_ne_bytes());
        control.extend_from_slice(&kind.to_ne_bytes());
        control.extend_from_slice(data);
        control.resize(control.len().next_multiple_of(word), 0);
    };
    push(IPV6_DONTFRAG, &0_i32.to_ne_bytes());
    if let Some(IpAddr::V6(source)) = source {
        let mut info = [0; 20];
        info[..16].copy_from_slice(&source.octets());
        push(IPV6_PKTINFO, &info);
    }
    control
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_this_machine_is_no_word_of_the_phone() {
        use rustix::io::Errno;
        for (errno, ours) in [
            (Errno::NOBUFS, true),
            (Errno::PERM, true),
            (Errno::NETUNREACH, true),
            (Errno::CONNREFUSED, false),
            (Errno::HOSTUNREACH, false),
        ] {
            let error = io::Error::from_raw_os_error(errno.raw_os_error());
            assert_eq!(is_our_own(&error), ours, "{error}");
        }
    }
}
