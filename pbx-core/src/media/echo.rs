//! The echo: gives back every packet of sound to whoever sent it, so that somebody who answers a test call hears themselves.
//!
//! It listens on the loopback only, where nobody but this machine's relay sends to it, and knows no call: the relay tells
//! calls apart by their ports.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::UdpSocket;

/// The largest datagram of sound; more than any network carries in one piece.
const MAX_PACKET: usize = 2048;

/// An echo that has its port and does not run yet.
#[derive(Debug)]
pub struct Echo {
    socket: UdpSocket,
    address: SocketAddr,
}

impl Echo {
    /// Takes a free port of 127.0.0.1.
    pub async fn bind() -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Gives back packets for ever; run it as a task and drop it to stop.
    pub async fn run(self) {
        let mut packet = [0; MAX_PACKET];
        loop {
            // A relay that closed meanwhile is reported here (ICMP), and is nobody's trouble.
            let Ok((length, from)) = self.socket.recv_from(&mut packet).await else { continue };
            if let Some(packet) = packet.get(..length) {
                let _ = self.socket.send_to(packet, from).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_packet_comes_back_to_its_sender() {
        let echo = Echo::bind().await.unwrap();
        let address = echo.address();
        let running = tokio::spawn(echo.run());
        let [one, other] = [(), ()].map(|()| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)));
        let (one, other) = (one.await.unwrap(), other.await.unwrap());
        one.send_to(b"one", address).await.unwrap();
        other.send_to(b"other", address).await.unwrap();
        let mut heard = [0; 16];
        let (length, from) = one.recv_from(&mut heard).await.unwrap();
        assert_eq!((&heard[..length], from), (&b"one"[..], address));
        let (length, _) = other.recv_from(&mut heard).await.unwrap();
        assert_eq!(&heard[..length], b"other");
        running.abort();
    }
}
