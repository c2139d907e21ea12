//! What the promises are tested with: real telephones as child processes, and the whole server.

pub(crate) mod baresip;
pub(crate) mod browser;
pub(crate) mod installation;
pub(crate) mod linphone;
pub(crate) mod lossy;
pub(crate) mod office;
pub(crate) mod program;
pub(crate) mod raw;
pub(crate) mod server;
pub(crate) mod sipp;

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::time::Duration;

/// Long enough for anything on a busy machine, short enough for a person to wait.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A port that is free on the loopback for UDP and TCP, for programs that cannot be told to choose one themselves.
///
/// Ports are taken from the kernel one at a time; a program that comes much later than this call may find it taken.
pub(crate) fn free_port() -> u16 {
    for _ in 0..100 {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback has a free port");
        let port = tcp.local_addr().expect("a bound socket has an address").port();
        if UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free for both UDP and TCP on the loopback");
}

/// `count` ports in a row, the first even, all free for UDP: what telephones want for RTP and RTCP.
pub(crate) fn free_port_range(count: u16) -> (u16, u16) {
    for _ in 0..100 {
        let first = free_port() & !1;
        let Some(last) = first.checked_add(count - 1) else { continue };
        let held: Vec<_> = (first..=last).map(|port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port))).collect();
        if held.iter().all(Result::is_ok) {
            return (first, last);
        }
    }
    panic!("no {count} ports in a row are free for UDP on the loopback");
}
