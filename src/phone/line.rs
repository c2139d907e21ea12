//! One open socket to the server: a datagram socket, a TCP or a TLS connection.
//!
//! Sending never waits: a datagram goes out at once, a stream has a short queue of its own. Dropping or closing a line
//! ends it without a word, as a phone without coverage does.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::builder::Transport;
use super::message::{Message, find_head_end};
use super::tls;

/// Messages waiting to be written to a stream; a phone never has more than a few.
const WRITE_QUEUE: usize = 64;
/// The most bytes collected for one message on a stream.
const STREAM_MAX: usize = 70_000;

/// What came in on a line.
#[derive(Debug)]
pub(super) enum Arrival {
    /// A message and who sent it.
    Message(Box<Message>, SocketAddr),
    /// The answer to a keep-alive (RFC 5626 section 4.4.1).
    Pong,
    /// Bytes that are no message, and why.
    Bad(String),
    /// The other side closed the stream.
    Closed,
}

/// Takes arrivals; called from the line's reading task.
pub(super) type Deliver = Arc<dyn Fn(Arrival) + Send + Sync>;

#[derive(Debug)]
enum Way {
    Datagrams(Arc<UdpSocket>),
    Stream(mpsc::Sender<Vec<u8>>),
}

/// An open socket.
#[derive(Debug)]
pub(super) struct Line {
    local: SocketAddr,
    server: SocketAddr,
    protocol: &'static str,
    way: Way,
    tasks: Mutex<JoinSet<()>>,
}

impl Line {
    /// Opens a socket to `server`; arrivals go to `deliver` until the line ends.
    pub(super) async fn open(
        transport: &Transport,
        server: SocketAddr,
        bind: Option<SocketAddr>,
        deliver: Deliver,
    ) -> io::Result<Self> {
        match transport {
            Transport::Udp => Self::open_udp(server, bind, deliver).await,
            Transport::Tcp => {
                let stream = TcpStream::connect(server).await?;
                let local = stream.local_addr()?;
                stream.set_nodelay(true)?;
                Ok(Self::stream("TCP", stream, local, server, deliver))
            }
            Transport::Tls(trust) => {
                let (connector, name) =
                    tls::connector(trust).map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, why))?;
                let stream = TcpStream::connect(server).await?;
                let local = stream.local_addr()?;
                stream.set_nodelay(true)?;
                let stream = connector.connect(name, stream).await?;
                Ok(Self::stream("TLS", stream, local, server, deliver))
            }
        }
    }

    async fn open_udp(server: SocketAddr, bind: Option<SocketAddr>, deliver: Deliver) -> io::Result<Self> {
        let bind = match bind {
            Some(bind) => bind,
            None => (own_address(server).await?, 0).into(),
        };
        let socket = Arc::new(UdpSocket::bind(bind).await?);
        // Sending without waiting works only after the runtime has seen the socket writable once.
        socket.writable().await?;
        let mut tasks = JoinSet::new();
        tasks.spawn(read_datagrams(Arc::clone(&socket), deliver));
        let local = socket.local_addr()?;
        Ok(Self { local, server, protocol: "UDP", way: Way::Datagrams(socket), tasks: Mutex::new(tasks) })
    }

    fn stream<S>(protocol: &'static str, stream: S, local: SocketAddr, server: SocketAddr, deliver: Deliver) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (read, write) = split(stream);
        let (queue, queued) = mpsc::channel(WRITE_QUEUE);
        let mut tasks = JoinSet::new();
        tasks.spawn(read_stream(read, server, deliver));
        tasks.spawn(write_stream(write, queued));
        Self { local, server, protocol, way: Way::Stream(queue), tasks: Mutex::new(tasks) }
    }

    /// Sends to the server, or over UDP to `to`; what cannot be sent is lost, as on a network.
    pub(super) fn send(&self, bytes: &[u8], to: Option<SocketAddr>) {
        let lost = match &self.way {
            Way::Datagrams(socket) => socket.try_send_to(bytes, to.unwrap_or(self.server)).is_err(),
            Way::Stream(queue) => queue.try_send(bytes.to_vec()).is_err(),
        };
        if lost {
            tracing::debug!(local = %self.local, "a message of the phone could not be sent");
        }
    }

    /// Ends the line; when this returns the socket is closed and its port is free.
    pub(super) async fn close(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
    }

    /// The phone's own address.
    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    /// The name of the transport in a Via.
    pub(super) fn protocol(&self) -> &'static str {
        self.protocol
    }

    /// Whether the transport delivers everything, so that nothing has to be repeated.
    pub(super) fn is_reliable(&self) -> bool {
        matches!(self.way, Way::Stream(_))
    }
}

/// The address this machine uses towards `server`; no packet leaves for finding out.
pub(super) async fn own_address(server: SocketAddr) -> io::Result<IpAddr> {
    let any: IpAddr = if server.is_ipv4() { [0, 0, 0, 0].into() } else { [0; 16].into() };
    let probe = UdpSocket::bind((any, 0)).await?;
    probe.connect(server).await?;
    Ok(probe.local_addr()?.ip())
}

async fn read_datagrams(socket: Arc<UdpSocket>, deliver: Deliver) {
    let mut buffer = vec![0; 65_536];
    loop {
        // A refusal by ICMP shows up here as an error; the socket stays good.
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
        let datagram = buffer.get(..length).unwrap_or_default();
        if datagram.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            deliver(Arrival::Pong);
            continue;
        }
        deliver(match Message::parse(datagram) {
            Ok(message) => Arrival::Message(Box::new(message), from),
            Err(why) => Arrival::Bad(why),
        });
    }
}

async fn read_stream<R: AsyncRead + Unpin>(mut read: R, server: SocketAddr, deliver: Deliver) {
    let mut buffer: Vec<u8> = Vec::with_capacity(4096);
    loop {
        while let Some(arrival) = next_arrival(&mut buffer, server) {
            let broken = matches!(arrival, Arrival::Bad(_));
            deliver(arrival);
            if broken {
                // Behind a broken message the stream has no known start of the next one.
                deliver(Arrival::Closed);
                return;
            }
        }
        match read.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => {
                deliver(Arrival::Closed);
                return;
            }
            Ok(_) => {}
        }
    }
}

/// Takes the next whole thing out of the collected bytes.
fn next_arrival(buffer: &mut Vec<u8>, server: SocketAddr) -> Option<Arrival> {
    if buffer.starts_with(b"\r\n") {
        buffer.drain(..2);
        return Some(Arrival::Pong);
    }
    if buffer.len() > STREAM_MAX {
        return Some(Arrival::Bad(format!("a message is longer than {STREAM_MAX} bytes")));
    }
    let head_end = find_head_end(buffer)?;
    let head = String::from_utf8_lossy(buffer.get(..head_end)?).into_owned();
    let length = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let name = name.trim();
        (name.eq_ignore_ascii_case("Content-Length") || name.eq_ignore_ascii_case("l"))
            .then(|| value.trim().parse::<usize>().ok())?
    });
    let Some(length) = length else {
        return Some(Arrival::Bad("a message on a stream has no Content-Length".to_owned()));
    };
    let end = head_end.checked_add(length)?;
    let whole = buffer.get(..end)?;
    let arrival = match Message::parse(whole) {
        Ok(message) => Arrival::Message(Box::new(message), server),
        Err(why) => Arrival::Bad(why),
    };
    buffer.drain(..end);
    Some(arrival)
}

async fn write_stream<W: AsyncWrite + Unpin>(mut write: W, mut queued: mpsc::Receiver<Vec<u8>>) {
    while let Some(bytes) = queued.recv().await {
        if write.write_all(&bytes).await.is_err() || write.flush().await.is_err() {
            // The reading half reports the end of the connection.
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_cut_into_messages_and_pongs() {
        let server: SocketAddr = ([127, 0, 0, 1], 5060).into();
        let mut buffer = b"\r\nSIP/2.0 200 OK\r\nl: 2\r\n\r\nabSIP/2.0 100 Trying\r\nContent-Le".to_vec();
        assert!(matches!(next_arrival(&mut buffer, server), Some(Arrival::Pong)));
        let Some(Arrival::Message(message, _)) = next_arrival(&mut buffer, server) else { panic!("no message") };
        assert_eq!(message.body, b"ab");
        assert!(next_arrival(&mut buffer, server).is_none());
        buffer.extend_from_slice(b"ngth: 0\r\n\r\n");
        let Some(Arrival::Message(message, _)) = next_arrival(&mut buffer, server) else { panic!("no message") };
        assert_eq!(message.status(), Some(100));
        assert!(buffer.is_empty());
    }
}
