//! How many HTTPS connections may be open: no single address, and not the whole world, takes every file descriptor from
//! the SIP side. An IPv6 customer owns a whole /64, so that counts as one.
//!
//! A connection that finds no room waits for some, before it costs a handshake: after a power cut a building of desk phones
//! comes from one address in one instant, and each is done within milliseconds.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum_server::accept::Accept;
use pbx_core::model::Network;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::Service;

/// Connections in all; an office with open pages and provisioning phones needs a few dozen.
const MAX_OPEN: usize = 512;
/// Connections of one address; an office behind one address has a dozen browsers with six connections each.
const MAX_OF_ONE: usize = 96;
/// Connections that wait for room, each a socket and nothing else; a building of 1,000 phones behind one address fits.
const MAX_WAITING: usize = 1024;
/// How long they wait; phones that have waited so long in vain come again by themselves.
const WAIT: Duration = Duration::from_secs(30);

/// Counts open connections by address.
#[derive(Debug, Clone)]
pub(crate) struct Slots {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    open: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    addresses: Mutex<BTreeMap<Network, Address>>,
    /// How long a connection waits for room.
    wait: Duration,
}

/// An address with connections that are open or wait; there are at most [`MAX_OPEN`] and [`MAX_WAITING`] of those.
#[derive(Debug)]
struct Address {
    open: Arc<Semaphore>,
    connections: usize,
}

/// One connection of an address; dropping it forgets the address with its last one.
#[derive(Debug)]
struct Counted {
    slots: Slots,
    address: Network,
}

/// One open connection; dropping it makes room.
#[derive(Debug)]
struct Slot {
    _counted: Counted,
    _of_one: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Default for Slots {
    fn default() -> Self {
        Self::waiting(WAIT)
    }
}

impl Slots {
    fn waiting(wait: Duration) -> Self {
        let inner = Inner {
            open: Arc::new(Semaphore::new(MAX_OPEN)),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
            addresses: Mutex::default(),
            wait,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Room for one connection, at once or within [`WAIT`].
    async fn take(self, address: IpAddr) -> Option<Slot> {
        let (counted, of_one) = self.count(address.into());
        let of_all = Arc::clone(&self.inner.open);
        if let (Ok(of_one), Ok(of_all)) =
            (Arc::clone(&of_one).try_acquire_owned(), Arc::clone(&of_all).try_acquire_owned())
        {
            return Some(Slot { _counted: counted, _of_one: of_one, _of_all: of_all });
        }
        let _waiting = Arc::clone(&self.inner.waiting).try_acquire_owned().ok()?;
        // The own place first: who waits for it must not keep one of the places of all.
        let both = async { Some((of_one.acquire_owned().await.ok()?, of_all.acquire_owned().await.ok()?)) };
        let (of_one, of_all) = tokio::time::timeout(self.inner.wait, both).await.ok()??;
        Some(Slot { _counted: counted, _of_one: of_one, _of_all: of_all })
    }

    fn count(&self, address: Network) -> (Counted, Arc<Semaphore>) {
        let mut addresses = self.addresses();
        let fresh = || Address { open: Arc::new(Semaphore::new(MAX_OF_ONE)), connections: 0 };
        let known = addresses.entry(address).or_insert_with(fresh);
        known.connections += 1;
        (Counted { slots: self.clone(), address }, Arc::clone(&known.open))
    }

    fn addresses(&self) -> MutexGuard<'_, BTreeMap<Network, Address>> {
        self.inner.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut addresses = self.slots.addresses();
        if let Some(known) = addresses.get_mut(&self.address) {
            known.connections = known.connections.saturating_sub(1);
            if known.connections == 0 {
                addresses.remove(&self.address);
            }
        }
    }
}

/// A connection with its slot, once there is room.
type Accepting<S> = Pin<Box<dyn Future<Output = io::Result<(TcpStream, Held<S>)>> + Send>>;

impl<S: Send + 'static> Accept<TcpStream, S> for Slots {
    type Stream = TcpStream;
    type Service = Held<S>;
    type Future = Accepting<S>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let slots = self.clone();
        Box::pin(async move {
            let peer = stream.peer_addr()?;
            let slot = slots.take(peer.ip()).await;
            let slot = slot.ok_or_else(|| io::Error::other("too many HTTPS connections are open"))?;
            // The last part of a page would wait 40 ms for the browser's delayed acknowledgement of the part before.
            stream.set_nodelay(true)?;
            Ok((stream, Held { service, _slot: Arc::new(slot) }))
        })
    }
}

/// A connection's service; holds its slot as long as the connection lives.
#[derive(Debug, Clone)]
pub(crate) struct Held<S> {
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

    /// Room that is there at once.
    async fn taken(slots: &Slots, i: u8) -> Option<Slot> {
        tokio::time::timeout(Duration::from_millis(20), slots.clone().take(address(i))).await.ok().flatten()
    }

    async fn full(slots: &Slots) -> Vec<Slot> {
        let mut held = Vec::new();
        for _ in 0..MAX_OF_ONE {
            held.push(taken(slots, 1).await.unwrap());
        }
        held
    }

    async fn until_waiting(slots: &Slots, count: usize) {
        while slots.inner.waiting.available_permits() > MAX_WAITING - count {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn one_address_cannot_take_every_connection_and_waits_for_its_own() {
        let slots = Slots::default();
        let mut held = full(&slots).await;
        assert!(taken(&slots, 1).await.is_none());
        assert!(taken(&slots, 2).await.is_some());
        let waiting = tokio::spawn(slots.clone().take(address(1)));
        until_waiting(&slots, 1).await;
        assert!(!waiting.is_finished());
        held.pop();
        assert!(waiting.await.unwrap().is_some(), "room was made");
        assert!(taken(&slots, 1).await.is_some(), "and the connection that waited is closed again");
    }

    #[tokio::test]
    async fn who_waits_too_long_or_in_too_large_a_crowd_is_turned_away() {
        let wait = Duration::from_millis(500);
        let slots = Slots::waiting(wait);
        let _held = full(&slots).await;
        let began = tokio::time::Instant::now();
        let crowd: Vec<_> = (0..MAX_WAITING).map(|_| tokio::spawn(slots.clone().take(address(1)))).collect();
        until_waiting(&slots, MAX_WAITING).await;
        assert!(slots.clone().take(address(1)).await.is_none(), "there is no room to wait");
        for one in crowd {
            assert!(one.await.unwrap().is_none());
        }
        assert!(began.elapsed() >= wait, "{:?}", began.elapsed());
        assert_eq!(slots.inner.waiting.available_permits(), MAX_WAITING);
    }

    #[tokio::test]
    async fn many_addresses_cannot_take_more_than_there_are_and_closing_makes_room() {
        let slots = Slots::default();
        let mut held = Vec::new();
        for i in (0..=u8::MAX).flat_map(|i| [i, i]) {
            held.extend(taken(&slots, i).await);
        }
        assert_eq!(held.len(), MAX_OPEN);
        assert!(taken(&slots, 0).await.is_none());
        drop(held);
        assert!(taken(&slots, 0).await.is_some());
        assert!(slots.addresses().is_empty());
    }
}
