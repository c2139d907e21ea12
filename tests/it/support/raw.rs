//! SIP by hand: for what no telephone sends. Sources are addresses of the loopback network, so that one test can be
//! several offices and several attackers at once.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use md5::{Digest as _, Md5};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::time::timeout;

use super::SOON;

/// Numbers that no two requests share.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// An address of the loopback network: 127.0.0.`last`.
pub(crate) fn loopback(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, last))
}

/// A request as it is written down; what is not said is as a phone would say it.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) uri: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) call_id: String,
    pub(crate) cseq: u32,
    /// Further header lines, without line ends.
    pub(crate) headers: Vec<String>,
    pub(crate) body: String,
}

impl Ask {
    /// A request of this method by `user` to `uri`.
    pub(crate) fn new(method: &str, user: &str, uri: &str) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            method: method.to_owned(),
            uri: uri.to_owned(),
            from: format!("<sip:{user}@127.0.0.1>;tag=f{number}"),
            to: format!("<{uri}>"),
            call_id: format!("call-{number}-{}", uuid::Uuid::new_v4().simple()),
            cseq: 1,
            headers: Vec::new(),
            body: String::new(),
        }
    }

    /// A REGISTER of `user` for an hour, with a Contact at port 5099.
    pub(crate) fn register(user: &str) -> Self {
        let ask = Self::new("REGISTER", user, "sip:127.0.0.1").to(&format!("<sip:{user}@127.0.0.1>"));
        ask.with(&format!("Contact: <sip:{user}@127.0.0.1:5099>"))
    }

    /// An INVITE of `user` to `number`, with an offer.
    pub(crate) fn invite(user: &str, number: &str) -> Self {
        let mut ask = Self::new("INVITE", user, &format!("sip:{number}@127.0.0.1"));
        ask.body =
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0\r\n"
                .into();
        ask.with(&format!("Contact: <sip:{user}@127.0.0.1:5099>")).with("Content-Type: application/sdp")
    }

    pub(crate) fn with(mut self, line: &str) -> Self {
        self.headers.push(line.to_owned());
        self
    }

    pub(crate) fn to(mut self, to: &str) -> Self {
        self.to = to.to_owned();
        self
    }

    pub(crate) fn from(mut self, from: &str) -> Self {
        self.from = from.to_owned();
        self
    }

    /// The same once more, as the next request of its dialog.
    pub(crate) fn next(&self) -> Self {
        let mut next = Self { cseq: self.cseq + 1, ..self.clone() };
        next.headers.retain(|line| !line.contains("uthorization:"));
        next
    }

    /// The text, with a Via of its own.
    pub(crate) fn text(&self, transport: &str, local: SocketAddr) -> String {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let Self { method, uri, from, to, call_id, cseq, headers, body } = self;
        let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{transport} {local};branch=z9hG4bKraw{number};rport\r\n\
             Max-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n\
             {lines}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// With an answer to the challenge, counted 1.
    pub(crate) fn proving(self, challenge: &Heard, user: &str, secret: &str) -> Self {
        self.proving_with(challenge, user, secret, "00000001")
    }

    /// With an answer to the challenge and this `nc`.
    pub(crate) fn proving_with(self, challenge: &Heard, user: &str, secret: &str, nc: &str) -> Self {
        let (name, value) = match challenge.header("WWW-Authenticate") {
            Some(value) => ("Authorization", value),
            None => ("Proxy-Authorization", challenge.header("Proxy-Authenticate").expect("a challenge")),
        };
        let nonce = value.split("nonce=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a nonce").to_owned();
        let answer = self.answer(&nonce, user, secret, nc);
        self.with(&format!("{name}: {answer}"))
    }

    /// A digest answer by MD5 for the realm `nightbell`.
    pub(crate) fn answer(&self, nonce: &str, user: &str, secret: &str, nc: &str) -> String {
        let hex = |text: String| Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let ha1 = hex(format!("{user}:nightbell:{secret}"));
        let ha2 = hex(format!("{}:{}", self.method, self.uri));
        let response = hex(format!("{ha1}:{nonce}:{nc}:c:auth:{ha2}"));
        format!(
            "Digest username=\"{user}\", realm=\"nightbell\", nonce=\"{nonce}\", uri=\"{}\", response=\"{response}\", \
             algorithm=MD5, qop=auth, nc={nc}, cnonce=\"c\"",
            self.uri
        )
    }
}

/// A message that came back.
#[derive(Debug, Clone)]
pub(crate) struct Heard(pub(crate) String);

impl Heard {
    /// The status; 0 for a request.
    pub(crate) fn status(&self) -> u16 {
        self.0.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.0.lines().skip(1).find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// Whether it challenges with `stale=true`.
    pub(crate) fn is_stale(&self) -> bool {
        self.0.contains("stale=true")
    }

    /// Without what differs between two answers to the same question.
    pub(crate) fn masked(&self) -> String {
        let mut masked = String::new();
        for line in self.0.lines() {
            let line = match line.split_once(": ") {
                Some(("Via" | "From" | "Call-ID" | "CSeq", _)) => continue,
                Some(("To", value)) => format!("To: {}", value.split(";tag=").next().unwrap_or("").len()),
                Some((name, value)) => match value.split_once("nonce=\"") {
                    Some((before, after)) => {
                        let nonce = after.split('"').next().unwrap_or("");
                        format!("{name}: {before}nonce({}){}", nonce.len(), &after[nonce.len()..])
                    }
                    None => line.to_owned(),
                },
                None => line.to_owned(),
            };
            masked += &line;
            masked.push('\n');
        }
        masked
    }
}

/// A datagram socket at an address of our choice.
pub(crate) struct Datagrams {
    socket: UdpSocket,
    /// The same socket without the runtime, which learns of a datagram later than the kernel.
    at_once: std::net::UdpSocket,
    /// Where it stands.
    pub(crate) local: SocketAddr,
}

impl Datagrams {
    pub(crate) fn at(from: IpAddr, server: SocketAddr) -> Self {
        let at_once = std::net::UdpSocket::bind((from, 0)).unwrap();
        at_once.connect(server).unwrap();
        at_once.set_nonblocking(true).unwrap();
        let socket = UdpSocket::from_std(at_once.try_clone().unwrap()).unwrap();
        let local = socket.local_addr().unwrap();
        Self { socket, at_once, local }
    }

    pub(crate) async fn send(&self, bytes: &[u8]) {
        self.socket.send(bytes).await.unwrap();
    }

    pub(crate) async fn hear(&self) -> Heard {
        timeout(SOON, self.hear_any()).await.expect("an answer")
    }

    async fn hear_any(&self) -> Heard {
        let mut buffer = vec![0; 65_536];
        let length = self.socket.recv(&mut buffer).await.unwrap();
        Heard(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }

    /// What has arrived by now.
    pub(crate) fn heard_so_far(&self) -> Vec<Heard> {
        let mut buffer = vec![0; 65_536];
        let mut all = Vec::new();
        while let Ok(length) = self.at_once.recv(&mut buffer) {
            all.push(Heard(String::from_utf8_lossy(&buffer[..length]).into_owned()));
        }
        all
    }

    /// Sends a request and takes what comes back first.
    pub(crate) async fn ask(&self, ask: &Ask) -> Heard {
        self.send(ask.text("UDP", self.local).as_bytes()).await;
        self.hear().await
    }

    /// Sends a request; what has come back once `beside`, at an address of its own, has had its answer to a later question.
    ///
    /// The server reads one socket in order, so silence needs no waiting.
    pub(crate) async fn ask_in_vain(&self, ask: &Ask, beside: &Self) -> Vec<Heard> {
        self.send(ask.text("UDP", self.local).as_bytes()).await;
        beside.is_served().await;
        self.heard_so_far()
    }

    /// OPTIONS gets its 200.
    pub(crate) async fn is_served(&self) {
        let heard = self.ask(&Ask::new("OPTIONS", "probe", "sip:127.0.0.1")).await;
        assert_eq!(heard.status(), 200, "{heard:?}");
    }

    /// The answer to this very request, past everything else that arrives.
    pub(crate) async fn ask_past(&self, ask: &Ask) -> Heard {
        self.send(ask.text("UDP", self.local).as_bytes()).await;
        loop {
            let heard = self.hear().await;
            if heard.status() >= 200 && heard.header("Call-ID") == Some(&ask.call_id) {
                return heard;
            }
        }
    }

    /// OPTIONS gets its 200 behind whatever else arrives.
    pub(crate) async fn is_served_past(&self) {
        let heard = self.ask_past(&Ask::new("OPTIONS", "probe", "sip:127.0.0.1")).await;
        assert_eq!(heard.status(), 200, "{heard:?}");
    }

    /// Answers a request that came, with one more header.
    pub(crate) async fn refuse(&self, request: &Heard, status: u16, header: &str) {
        let kept = |name: &'static str| request.0.lines().filter(move |line| line.starts_with(name)).map(str::to_owned);
        let mut lines: Vec<String> = kept("Via: ").chain(kept("From: ")).collect();
        lines.extend(kept("To: ").map(|to| if to.contains(";tag=") { to } else { format!("{to};tag=callee") }));
        lines.extend(kept("Call-ID: ").chain(kept("CSeq: ")));
        let head: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        let text = format!("SIP/2.0 {status} Because\r\n{head}{header}\r\nContent-Length: 0\r\n\r\n");
        self.send(text.as_bytes()).await;
    }

    /// Asks, answers the challenge, and takes the next answer.
    pub(crate) async fn prove(&self, ask: &Ask, user: &str, secret: &str) -> Heard {
        let challenge = self.ask(ask).await;
        self.ask(&ask.next().proving(&challenge, user, secret)).await
    }
}

/// A TCP connection from an address of our choice.
pub(crate) struct Stream {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Where it stands.
    pub(crate) local: SocketAddr,
}

impl Stream {
    pub(crate) async fn at(from: IpAddr, server: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        let stream = timeout(SOON, socket.connect(server)).await.expect("a connection").unwrap();
        let local = stream.local_addr().unwrap();
        Self { stream, buffer: Vec::new(), local }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        // A connection that the server has closed shows when it is read.
        let _ = self.stream.write_all(bytes).await;
    }

    /// Two hands for one connection: one to hear with, one to send with.
    pub(crate) fn split(self) -> (Hearing, Sending) {
        let (reading, writing) = self.stream.into_split();
        (Hearing { reading, buffer: self.buffer }, Sending { writing })
    }

    /// Says that nothing more will be sent.
    pub(crate) async fn half_close(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// The next message; `None` when the server closes the connection.
    pub(crate) async fn hear(&mut self) -> Option<Heard> {
        timeout(SOON, self.hear_any()).await.expect("an answer or the end")
    }

    async fn hear_any(&mut self) -> Option<Heard> {
        read_message(&mut self.stream, &mut self.buffer).await
    }

    /// Sends a request and takes what comes back; `None` when the server closes the connection instead.
    pub(crate) async fn ask(&mut self, ask: &Ask) -> Option<Heard> {
        let text = ask.text("TCP", self.local);
        self.send(text.as_bytes()).await;
        self.hear().await
    }

    /// The raw bytes that come next, at most so many.
    pub(crate) async fn bytes(&mut self, most: usize, within: Duration) -> Vec<u8> {
        let mut bytes = vec![0; most];
        let read = timeout(within, self.stream.read(&mut bytes)).await.expect("bytes or the end");
        bytes.truncate(read.unwrap_or(0));
        bytes
    }
}

/// The half of a connection that hears.
pub(crate) struct Hearing {
    reading: OwnedReadHalf,
    buffer: Vec<u8>,
}

impl Hearing {
    pub(crate) async fn hear(&mut self) -> Option<Heard> {
        timeout(SOON, read_message(&mut self.reading, &mut self.buffer)).await.expect("an answer or the end")
    }
}

/// The half of a connection that sends.
pub(crate) struct Sending {
    writing: OwnedWriteHalf,
}

impl Sending {
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        // A connection that the server has closed shows when it is read.
        let _ = self.writing.write_all(bytes).await;
    }
}

async fn read_message(from: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Option<Heard> {
    loop {
        let text = String::from_utf8_lossy(buffer).into_owned();
        if let Some(end) = text.find("\r\n\r\n") {
            let length = text[..end].lines().find_map(|line| line.strip_prefix("Content-Length: "));
            let whole = end + 4 + length.and_then(|text| text.trim().parse::<usize>().ok()).unwrap_or(0);
            if buffer.len() >= whole {
                buffer.drain(..whole);
                return Some(Heard(text[..whole].to_owned()));
            }
        }
        let mut chunk = [0; 4096];
        match from.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(length) => buffer.extend_from_slice(&chunk[..length]),
        }
    }
}
