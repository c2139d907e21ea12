//! How many HTTPS connections may be open: no single address, and not the whole world, takes every file descriptor from
//! the SIP side. An IPv6 customer owns a whole /64, so that counts as one.

use std::collections::BTreeMap;
use std::future::{Ready, ready};
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum_server::accept::Accept;
use pbx_core::model::Network;
use tokio::net::TcpStream;
use tower::Service;

/// Connections in all; an office with open pages and provisioning phones needs a few dozen.
const MAX_OPEN: usize = 512;
/// Connections of one address; an office behind one address has a dozen browsers with six connections each.
const MAX_OF_ONE: usize = 96;

/// Counts open connections by address.
#[derive(Debug, Clone, Default)]
pub(super) struct Slots {
    open: Arc<Mutex<BTreeMap<Network, usize>>>,
}

/// One open connection; dropping it makes room.
#[derive(Debug)]
struct Slot {
    slots: Slots,
    address: Network,
}

impl Slots {
    fn take(&self, address: IpAddr) -> Option<Slot> {
        let address = Network::from(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let of_one = open.get(&address).copied().unwrap_or(0);
        if of_one >= MAX_OF_ONE || open.values().sum::<usize>() >= MAX_OPEN {
            return None;
        }
        open.insert(address, of_one + 1);
        Some(Slot { slots: self.clone(), address })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.slots.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

impl<S> Accept<TcpStream, S> for Slots {
    type Stream = TcpStream;
    type Service = Held<S>;
    type Future = Ready<io::Result<(TcpStream, Held<S>)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let accepted = stream.peer_addr().and_then(|peer| {
            let slot = self.take(peer.ip()).ok_or_else(|| io::Error::other("too many HTTPS connections are open"))?;
            // The last part of a page would wait 40 ms for the browser's delayed acknowledgement of the part before.
            stream.set_nodelay(true)?;
            Ok((stream, Held { service, _slot: Arc::new(slot) }))
        });
        ready(accepted)
    }
}

/// A connection's service; holds its slot as long as the connection lives.
#[derive(Debug, Clone)]
pub(super) struct Held<S> {
    service: S,
    _slot: Arc<Slot>,
}

impl<S: Service<R>, R> Service<R> for Held<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.service.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(i: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, i])
    }

    #[test]
    fn one_address_cannot_take_every_connection() {
        let slots = Slots::default();
        let mut held: Vec<_> = (0..MAX_OF_ONE).map(|_| slots.take(address(1)).unwrap()).collect();
        assert!(slots.take(address(1)).is_none());
        assert!(slots.take(address(2)).is_some());
        held.pop();
        assert!(slots.take(address(1)).is_some());
    }

    #[test]
    fn many_addresses_cannot_take_more_than_there_are_and_closing_makes_room() {
        let slots = Slots::default();
        let held: Vec<_> =
            (0..=u8::MAX).flat_map(|i| [slots.take(address(i)), slots.take(address(i))]).flatten().collect();
        assert_eq!(held.len(), MAX_OPEN);
        assert!(slots.take(address(0)).is_none());
        drop(held);
        assert!(slots.open.lock().unwrap().is_empty());
    }
}
