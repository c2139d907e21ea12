//! What the promises are tested with: real telephones as child processes, and the whole server.

pub(crate) mod baresip;
pub(crate) mod browser;
pub(crate) mod installation;
pub(crate) mod linphone;
pub(crate) mod lossy;
pub(crate) mod office;
pub(crate) mod postgres;
pub(crate) mod program;
pub(crate) mod push_service;
pub(crate) mod raw;
pub(crate) mod server;
pub(crate) mod sipp;
pub(crate) mod smtp;

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Long enough for anything on a busy machine, short enough for a person to wait.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Looks again and again until something is so that nobody announces; fails when that takes too long.
pub(crate) async fn eventually(what: &str, is_so: impl AsyncFn() -> bool) {
    let looking = async {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        while !is_so().await {
            tick.tick().await;
        }
    };
    assert!(tokio::time::timeout(SOON, looking).await.is_ok(), "waited {SOON:?} for {what}");
}

/// Ports that programs are given: below those that the kernel gives out by itself (32768 and up on Linux), so that no
/// socket of another test can take one between the choice and the program's start; above the servers' sound ports.
const GIVEN_PORTS: std::ops::Range<u16> = 20_002..32_000;

/// How many ports were given so far: none is given twice while the others last.
static GIVEN: AtomicU32 = AtomicU32::new(0);

/// A port that is free on the loopback for UDP and TCP, for programs that cannot be told to choose one themselves.
pub(crate) fn free_port() -> u16 {
    free_port_range(1).0
}

/// `count` ports in a row, the first even, all free for UDP and TCP: what telephones want for RTP and RTCP.
pub(crate) fn free_port_range(count: u16) -> (u16, u16) {
    let stock = u32::from(GIVEN_PORTS.end - GIVEN_PORTS.start);
    // Test programs that run side by side begin at different places.
    let start = std::process::id().wrapping_mul(97);
    let step = u32::from(count.next_multiple_of(2));
    for _ in 0..stock / step {
        let place = start.wrapping_add(GIVEN.fetch_add(step, Ordering::Relaxed)) % stock;
        let first =
            GIVEN_PORTS.start + u16::try_from(place).expect("the stock is smaller than the ports there are") / 2 * 2;
        let last = first + count - 1;
        if last < GIVEN_PORTS.end && (first..=last).all(is_free) {
            return (first, last);
        }
    }
    panic!("no {count} ports in a row are free for UDP and TCP on the loopback");
}

fn is_free(port: u16) -> bool {
    let address = (Ipv4Addr::LOCALHOST, port);
    TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok()
}
