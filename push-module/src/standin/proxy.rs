//! A strict stand-in for a web proxy: it connects (CONNECT, RFC 9110 section 9.3.6) for whoever asks to the letter, and plays every
//! trouble that offices have with theirs.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use super::push::StandinError;
use super::tls::{Authority, listen};

/// More than any request for a tunnel.
const REQUEST_BYTES: usize = 4096;

/// What the proxy does instead of connecting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyFault {
    /// This status, with a page.
    Answer(u16),
    /// No answer, for ever.
    BlackHole,
    /// It connects, but late.
    Slow(Duration),
    /// It hangs up without an answer.
    HangUp,
    /// It connects and hangs up as soon as the secured connection begins.
    CloseAmid,
    /// Headers without end.
    HeaderFlood,
    /// It opens TLS itself, with a certificate of its own authority.
    Resign,
}

/// One request for a tunnel, well-formed or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyRequest {
    /// `host:port`.
    pub target: String,
    /// What was answered; `None` for no answer.
    pub status: Option<u16>,
}

#[derive(Debug)]
struct State {
    requests: Vec<ProxyRequest>,
    script: VecDeque<ProxyFault>,
    /// Names that only this proxy knows.
    names: BTreeMap<String, SocketAddr>,
}

#[derive(Debug)]
struct Shared {
    /// The header that is asked for.
    authorization: Option<String>,
    authority: Authority,
    state: Mutex<State>,
    seen: watch::Sender<usize>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, target: &str, status: Option<u16>) {
        let mut state = self.state();
        state.requests.push(ProxyRequest { target: target.to_owned(), status });
        self.seen.send_replace(state.requests.len());
    }
}

/// A running stand-in; it and all its tunnels end when it is dropped.
#[derive(Debug)]
pub struct ProxyStandin {
    shared: Arc<Shared>,
    address: SocketAddr,
    task: AbortHandle,
}

impl Drop for ProxyStandin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl ProxyStandin {
    /// Listens on a free port of 127.0.0.1; with a user name and a password it asks for them.
    pub async fn start(account: Option<(&str, &str)>) -> Result<Self, StandinError> {
        let (listener, address) = listen().await?;
        let state = State { requests: Vec::new(), script: VecDeque::new(), names: BTreeMap::new() };
        let authorization =
            account.map(|(name, password)| format!("Basic {}", STANDARD.encode(format!("{name}:{password}"))));
        let authority = Authority::new(&["h2", "http/1.1"])?;
        let shared = Arc::new(Shared { authorization, authority, state: Mutex::new(state), seen: watch::channel(0).0 });
        let serving = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            let mut tunnels = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        let Ok((stream, _)) = accepted else { continue };
                        tunnels.spawn(serve(Arc::clone(&serving), stream));
                    }
                    Some(_) = tunnels.join_next() => {}
                }
            }
        });
        Ok(Self { shared, address, task: task.abort_handle() })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// This name leads there, whatever DNS says.
    pub fn lead(&self, name: &str, address: SocketAddr) {
        self.shared.state().names.insert(name.to_owned(), address);
    }

    /// Does this with the next `times` well-formed requests that show the right account.
    pub fn script(&self, fault: ProxyFault, times: usize) {
        self.shared.state().script.extend(std::iter::repeat_n(fault, times));
    }

    /// Every request, in order.
    pub fn requests(&self) -> Vec<ProxyRequest> {
        self.shared.state().requests.clone()
    }

    /// Returns once that many requests have come.
    pub async fn saw(&self, requests: usize) {
        // The sender lives as long as we.
        let _ = self.shared.seen.subscribe().wait_for(|seen| *seen >= requests).await;
    }
}

async fn serve(shared: Arc<Shared>, mut stream: TcpStream) -> Option<()> {
    let request = read(&mut stream).await?;
    let target = match judge(&request, shared.authorization.as_deref()) {
        Ok(target) => target,
        Err((target, status)) => {
            shared.note(&target, Some(status));
            return refuse(&mut stream, status).await;
        }
    };
    let fault = shared.state().script.pop_front();
    let status = match fault {
        Some(ProxyFault::Answer(status)) => Some(status),
        Some(ProxyFault::BlackHole | ProxyFault::HangUp) => None,
        Some(ProxyFault::Slow(_) | ProxyFault::CloseAmid | ProxyFault::HeaderFlood | ProxyFault::Resign) | None => {
            Some(200)
        }
    };
    shared.note(&target, status);
    match fault {
        None => {}
        Some(ProxyFault::Slow(wait)) => tokio::time::sleep(wait).await,
        Some(ProxyFault::Answer(status)) => return refuse(&mut stream, status).await,
        Some(ProxyFault::BlackHole) => std::future::pending().await,
        Some(ProxyFault::HangUp) => return None,
        Some(ProxyFault::HeaderFlood) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n").await.ok()?;
            while stream.write_all(b"X-Flood: and one more\r\n").await.is_ok() {}
            return None;
        }
        Some(ProxyFault::CloseAmid) => {
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.ok()?;
            stream.read_u8().await.ok()?;
            return None;
        }
        Some(ProxyFault::Resign) => {
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.ok()?;
            let _opened = shared.authority.accept(stream).await?;
            return None;
        }
    }
    let known = shared.state().names.get(target.rsplit_once(':')?.0).copied();
    let connected = match known {
        Some(address) => TcpStream::connect(address).await,
        None => TcpStream::connect(&target).await,
    };
    let Ok(mut onwards) = connected else { return refuse(&mut stream, 502).await };
    stream.write_all(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 stand-in\r\n\r\n").await.ok()?;
    // Whoever ends it first, ends it for both.
    copy_bidirectional(&mut stream, &mut onwards).await.ok()?;
    Some(())
}

async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if request.len() == REQUEST_BYTES {
            return None;
        }
        request.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(request).ok()
}

/// The target of a request that is right to the letter; else what it named, and the status.
fn judge(request: &str, authorization: Option<&str>) -> Result<String, (String, u16)> {
    let mut lines = request.trim_end_matches("\r\n").split("\r\n");
    let words: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let ["CONNECT", target, "HTTP/1.1"] = words[..] else { return Err((words.join(" "), 400)) };
    let bad = || (target.to_owned(), 400);
    let port = target.rsplit_once(':').and_then(|(host, port)| (!host.is_empty()).then(|| port.parse::<u16>().ok())?);
    if port.is_none_or(|port| port == 0) {
        return Err(bad());
    }
    let mut headers = BTreeMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").ok_or_else(bad)?;
        if headers.insert(name.to_ascii_lowercase(), value.to_owned()).is_some() {
            return Err(bad());
        }
    }
    // A request for a tunnel has no body, and nothing in it is for the provider (RFC 9110 section 9.3.6).
    let is_known = |name: &String| matches!(name.as_str(), "host" | "proxy-authorization");
    if headers.get("host").map(String::as_str) != Some(target) || !headers.keys().all(is_known) {
        return Err(bad());
    }
    match (headers.get("proxy-authorization").map(String::as_str), authorization) {
        (given, wanted) if given == wanted => Ok(target.to_owned()),
        (_, Some(_)) => Err((target.to_owned(), 407)),
        // A password that nobody asked for.
        (_, None) => Err(bad()),
    }
}

async fn refuse(stream: &mut TcpStream, status: u16) -> Option<()> {
    let ask = if status == 407 { "Proxy-Authenticate: Basic realm=\"office\"\r\n" } else { "" };
    let page = "<html>The stand-in refuses.</html>";
    let answer = format!("HTTP/1.1 {status} Refused\r\n{ask}Content-Length: {}\r\n\r\n{page}", page.len());
    stream.write_all(answer.as_bytes()).await.ok()
}
