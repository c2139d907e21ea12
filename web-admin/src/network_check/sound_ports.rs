//! Ports of the range for sound, held while a check asks them: the first, one in the middle and the last.
//!
//! A port that a call uses, or that is held for the next one, cannot be had: the check leaves it alone, takes the next and says
//! so. What the check holds, the relay passes over in the same way.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use pbx_core::model::{PortRange, Transport};
use pbx_core::port_check::PortCheck;
use tokio::net::UdpSocket;
use tokio::task::AbortHandle;

use crate::clock;

/// How many ports further on a place is looked for.
const LOOK: u16 = 20;
/// More than any question of ours.
const LONGEST: usize = 2048;

/// Sockets that answer; closed when this is dropped.
#[derive(Debug, Default)]
pub(super) struct SoundPorts {
    /// Start, middle and end of the range, as far as a port there could be had.
    pub(super) held: Vec<u16>,
    /// Ports that were in use.
    pub(super) passed_over: Vec<u16>,
    tasks: Vec<AbortHandle>,
}

impl Drop for SoundPorts {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

/// The even ports at the start, in the middle and at the end.
pub(super) fn places(range: PortRange) -> [u16; 3] {
    let first = range.first.next_multiple_of(2);
    let last = range.last.saturating_sub(1) & !1;
    [first, first.midpoint(last) & !1, last.max(first)]
}

impl SoundPorts {
    /// Holds what can be had, and answers there.
    pub(super) fn open(range: PortRange, port_check: &PortCheck) -> Self {
        let mut all = Self::default();
        let [first, middle, last] = places(range);
        let onwards =
            |from: u16| (0..LOOK).map(move |step| from.saturating_add(step * 2)).filter(move |port| *port < range.last);
        let back = (0..LOOK).map(|step| last.saturating_sub(step * 2)).filter(|port| *port >= range.first);
        let tries: [Vec<u16>; 3] = [onwards(first).collect(), onwards(middle).collect(), back.collect()];
        for tries in tries {
            for port in tries.into_iter().filter(|port| !all.held.contains(port)).collect::<Vec<_>>() {
                match bind(port) {
                    Ok(socket) => {
                        all.held.push(port);
                        all.tasks.push(tokio::spawn(answer(socket, port_check.clone())).abort_handle());
                        break;
                    }
                    Err(_) if all.passed_over.contains(&port) => {}
                    Err(_) => all.passed_over.push(port),
                }
            }
        }
        all
    }
}

fn bind(port: u16) -> io::Result<UdpSocket> {
    // As the relay does: one socket for both families where there are both.
    let both = std::net::UdpSocket::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)));
    let bound = match both {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            std::net::UdpSocket::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))
        }
        other => other,
    }?;
    bound.set_nonblocking(true)?;
    UdpSocket::from_std(bound)
}

async fn answer(socket: UdpSocket, port_check: PortCheck) {
    let Ok(local) = socket.local_addr() else { return };
    let mut buffer = vec![0; LONGEST];
    loop {
        // Errors are those of answers that came back; they concern nobody here.
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
            tokio::task::yield_now().await;
            continue;
        };
        let question = buffer.get(..length).unwrap_or_default();
        if let Some(answer) = port_check.answer(Transport::Udp, (local, from), question, clock::now()) {
            let _ = socket.send_to(&answer, from).await;
        }
    }
}
