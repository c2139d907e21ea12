//! A network that loses: a UDP relay between one phone and the server that drops what it is told to drop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::UdpSocket;
use tokio::task::JoinSet;

/// A relay for one phone.
pub(crate) struct Lossy {
    address: SocketAddr,
    lost: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Lossy {
    /// In front of `server`; the first `lose` datagrams of the phone are lost.
    pub(crate) async fn before(server: SocketAddr, lose: usize) -> Self {
        let near = Arc::new(UdpSocket::bind("127.0.0.1:0").await.expect("a free port"));
        let far = Arc::new(UdpSocket::bind("127.0.0.1:0").await.expect("a free port"));
        far.connect(server).await.expect("loopback");
        let address = near.local_addr().expect("bound");
        let phone = Arc::new(tokio::sync::Mutex::new(None));
        let lost = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        tasks.spawn(out(Arc::clone(&near), Arc::clone(&far), Arc::clone(&phone), (Arc::clone(&lost), lose)));
        tasks.spawn(back(near, far, phone));
        Self { address, lost, _tasks: tasks }
    }

    /// Where the phone believes the server.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many datagrams were lost so far.
    pub(crate) fn lost(&self) -> usize {
        self.lost.load(Ordering::Relaxed)
    }
}

type Phone = Arc<tokio::sync::Mutex<Option<SocketAddr>>>;

async fn out(near: Arc<UdpSocket>, far: Arc<UdpSocket>, phone: Phone, (lost, lose): (Arc<AtomicUsize>, usize)) {
    let mut buffer = vec![0; 65_536];
    while let Ok((length, from)) = near.recv_from(&mut buffer).await {
        *phone.lock().await = Some(from);
        if lost.load(Ordering::Relaxed) < lose {
            lost.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let _ = far.send(&buffer[..length]).await;
    }
}

async fn back(near: Arc<UdpSocket>, far: Arc<UdpSocket>, phone: Phone) {
    let mut buffer = vec![0; 65_536];
    while let Ok(length) = far.recv(&mut buffer).await {
        if let Some(phone) = *phone.lock().await {
            let _ = near.send_to(&buffer[..length], phone).await;
        }
    }
}
