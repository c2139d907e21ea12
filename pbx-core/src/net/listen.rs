//! Binding: the sockets are open, with the options they need, before [`super::Driver::start`] returns.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, UdpSocket};

use rustix::process::{Resource, getrlimit, setrlimit};
use socket2::{Domain, Protocol, Socket, Type};

use crate::model::Transport;

use super::StartError;

/// Connections that may wait to be accepted while an accept loop backs off.
const BACKLOG: i32 = 1024;
/// A burst of some 5,000 REGISTERs; the kernel may grant less.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;

/// A bound UDP socket.
pub(super) fn udp(address: SocketAddr) -> Result<UdpSocket, StartError> {
    let bind = || {
        let socket = open(address, Type::DGRAM, Protocol::UDP)?;
        // More than the system's limit needs CAP_NET_ADMIN; what we get without it is enough for a small office.
        if rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER).is_err() {
            let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
        }
        socket.bind(&address.into())?;
        // After the bind, so that a second Nightbell is still refused: another socket of ours may then take the same port of a
        // multicast group.
        rustix::net::sockopt::set_socket_reuseport(&socket, true)?;
        Ok(UdpSocket::from(socket))
    };
    bind().map_err(|source| explain(Transport::Udp, address, source))
}

/// A listening socket for TCP or TLS.
pub(super) fn stream(transport: Transport, address: SocketAddr) -> Result<TcpListener, StartError> {
    let bind = || {
        let socket = open(address, Type::STREAM, Protocol::TCP)?;
        // Connections of the last run that linger in TIME_WAIT must not keep us from starting.
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(TcpListener::from(socket))
    };
    bind().map_err(|source| explain(transport, address, source))
}

/// The address a socket got, with its real port.
pub(super) fn bound(
    transport: Transport,
    asked: SocketAddr,
    got: io::Result<SocketAddr>,
) -> Result<SocketAddr, StartError> {
    got.map_err(|source| StartError::Listen { transport, address: asked, source })
}

fn open(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        // IPv4 has sockets of its own, so that no address ever looks like ::ffff:192.0.2.1.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn explain(transport: Transport, address: SocketAddr, source: io::Error) -> StartError {
    let kind = source.kind();
    if kind == ErrorKind::AddrInUse {
        StartError::InUse { transport, address }
    } else if kind == ErrorKind::PermissionDenied {
        StartError::Forbidden { transport, address }
    } else if kind == ErrorKind::AddrNotAvailable {
        StartError::NotOurs { transport, address }
    } else {
        StartError::Listen { transport, address, source }
    }
}

/// Raises this process's limit of open files to what the system allows, and gives the new limit.
///
/// Each call needs four sockets for its sound and each connected phone one, and the usual soft limit of 1,024 is kept
/// only for programs that use `select`.
pub fn raise_open_files() -> io::Result<u64> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        setrlimit(Resource::Nofile, limit)?;
    }
    Ok(limit.current.unwrap_or(u64::MAX))
}
