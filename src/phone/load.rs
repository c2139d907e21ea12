//! Load for tests and benches: many registrations with digest over one UDP socket, in a closed loop.
//!
//! Or, to see an avalanche, every registration begins at its own moment of a window, however many are under way.
//! A closed loop keeps a fixed number of registrations under way and starts the next one when one ends, so it finds the
//! rate the server bears by itself. Latency runs from the first REGISTER to its 200, the challenge included.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::builder::DigestChoice;
use super::digest::DigestClient;
use super::error::PhoneError;
use super::line::own_address;
use super::message::Message;
use super::transaction::{T1, T2};

/// What to register.
#[derive(Debug, Clone)]
pub struct RegisterLoad {
    /// The server's UDP address.
    pub server: SocketAddr,
    /// Extension and secret of each phone; each registers once.
    pub accounts: Vec<(String, String)>,
    /// How many registrations are under way at the same time; at least one.
    pub in_flight: usize,
    /// Seconds asked for.
    pub expires: u32,
    /// How long one registration may take.
    pub within: Duration,
    /// Over how long the first requests are spread evenly; zero for the closed loop.
    pub spread: Duration,
    /// The address they come from; the one that leads to the server unless given.
    pub local: Option<IpAddr>,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Registrations accepted.
    pub accepted: u64,
    /// Refused, by status; 0 stands for a challenge that could not be answered.
    pub refused: BTreeMap<u16, u64>,
    /// Without an answer in time.
    pub timed_out: u64,
    /// Requests sent again.
    pub retransmissions: u64,
    /// From the first REGISTER to the last 200.
    pub took: Duration,
    /// Latencies of the accepted ones, sorted.
    latencies: Vec<Duration>,
}

impl LoadReport {
    /// The latency that this share of the accepted registrations did not exceed: 0.5, 0.99, 1.0.
    pub fn percentile(&self, share: f64) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        let position = (share.clamp(0.0, 1.0) * last as f64).round();
        self.latencies.get(position as usize).copied().unwrap_or_default()
    }

    /// Accepted registrations for each second of the run.
    pub fn rate(&self) -> f64 {
        self.accepted as f64 / self.took.as_secs_f64().max(f64::EPSILON)
    }

    fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Accepted(latency) => {
                self.accepted += 1;
                self.latencies.push(latency);
            }
            Outcome::Refused(status) => *self.refused.entry(status).or_default() += 1,
            Outcome::TimedOut => self.timed_out += 1,
        }
    }
}

/// How one registration went.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    Accepted(Duration),
    Refused(u16),
    TimedOut,
}

/// Waiting answers by Via branch.
type Waiting = Arc<Mutex<BTreeMap<String, oneshot::Sender<Message>>>>;

struct Desk {
    load: RegisterLoad,
    socket: UdpSocket,
    local: SocketAddr,
    waiting: Waiting,
    next: AtomicUsize,
    begun: Instant,
    retransmissions: AtomicU64,
}

/// Registers every account once.
pub async fn register(load: RegisterLoad) -> Result<LoadReport, PhoneError> {
    let connect = |source| PhoneError::Connect { phone: "load".to_owned(), server: load.server, source };
    let ip = match load.local {
        Some(ip) => ip,
        None => own_address(load.server).await.map_err(connect)?,
    };
    let socket = UdpSocket::bind((ip, 0)).await.map_err(connect)?;
    socket.connect(load.server).await.map_err(connect)?;
    let local = socket.local_addr().map_err(connect)?;
    let most = if load.spread.is_zero() { load.in_flight } else { load.accounts.len() };
    let workers = most.clamp(1, load.accounts.len().max(1));
    let desk = Arc::new(Desk {
        load,
        socket,
        local,
        waiting: Waiting::default(),
        next: AtomicUsize::new(0),
        begun: Instant::now(),
        retransmissions: AtomicU64::new(0),
    });
    let started = Instant::now();
    let mut reader = JoinSet::new();
    reader.spawn(read(Arc::clone(&desk)));
    let mut running = JoinSet::new();
    for _ in 0..workers {
        running.spawn(work(Arc::clone(&desk)));
    }
    let mut report = LoadReport::default();
    for outcome in running.join_all().await.into_iter().flatten() {
        report.add(outcome);
    }
    report.took = started.elapsed();
    report.retransmissions = desk.retransmissions.load(Ordering::Relaxed);
    report.latencies.sort_unstable();
    Ok(report)
}

async fn read(desk: Arc<Desk>) {
    let mut buffer = vec![0; 65_536];
    loop {
        // A refusal by ICMP shows up here as an error; the socket stays good.
        let Ok(length) = desk.socket.recv(&mut buffer).await else { continue };
        let Ok(message) = Message::parse(buffer.get(..length).unwrap_or_default()) else { continue };
        let Some(branch) = message.branch().filter(|_| message.status().is_some_and(|status| status >= 200)) else {
            continue;
        };
        let waiting = desk.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(branch);
        if let Some(waiting) = waiting {
            // Nobody waits any more when the time is over.
            let _ = waiting.send(message);
        }
    }
}

async fn work(desk: Arc<Desk>) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    loop {
        let number = desk.next.fetch_add(1, Ordering::Relaxed);
        let Some((extension, secret)) = desk.load.accounts.get(number) else { return outcomes };
        tokio::time::sleep_until(desk.begins(number)).await;
        let started = Instant::now();
        let outcome = timeout(desk.load.within, desk.register_one(extension, secret)).await;
        outcomes.push(match outcome {
            Ok(200) => Outcome::Accepted(started.elapsed()),
            Ok(status) => Outcome::Refused(status),
            Err(_) => Outcome::TimedOut,
        });
    }
}

/// How long a server that is busy wants to be left alone (RFC 3261 section 20.33).
fn retry_after(response: &Message) -> Option<Duration> {
    let seconds = response.header("Retry-After")?.split([';', '(', ' ']).next()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

impl Desk {
    /// When the registration at this place begins.
    fn begins(&self, number: usize) -> Instant {
        let share = number as f64 / self.load.accounts.len().max(1) as f64;
        self.begun + self.load.spread.mul_f64(share)
    }

    /// One registration with its challenge; the final status.
    async fn register_one(&self, extension: &str, secret: &str) -> u16 {
        let mut digest = DigestClient::new(extension, secret, DigestChoice::Topmost);
        let (call_id, tag) = (Uuid::new_v4().to_string(), Uuid::new_v4().simple().to_string());
        let domain = self.load.server.ip();
        let mut cseq = 0;
        loop {
            cseq += 1;
            let branch = format!("z9hG4bK{}", Uuid::new_v4().simple());
            let mut request = Message::request("REGISTER", &format!("sip:{domain}"))
                .with("Via", format!("SIP/2.0/UDP {};branch={branch};rport", self.local))
                .with("Max-Forwards", "70")
                .with("From", format!("<sip:{extension}@{domain}>;tag={tag}"))
                .with("To", format!("<sip:{extension}@{domain}>"))
                .with("Call-ID", &call_id)
                .with("CSeq", format!("{cseq} REGISTER"))
                .with("Contact", format!("<sip:{extension}@{}>", self.local))
                .with("Expires", self.load.expires.to_string());
            digest.authorize(&mut request);
            let response = self.exchange(&request, branch).await;
            let status = response.status().unwrap_or_default();
            if let (503, Some(seconds)) = (status, retry_after(&response)) {
                tokio::time::sleep(seconds).await;
                continue;
            }
            if status != 401 {
                return status;
            }
            if digest.learn(&request, &response).is_err() {
                return 0;
            }
        }
    }

    /// Sends until there is a final answer; the caller's deadline ends it.
    async fn exchange(&self, request: &Message, branch: String) -> Message {
        let bytes = request.to_bytes();
        let (sender, mut answer) = oneshot::channel();
        let place = Place { waiting: Arc::clone(&self.waiting), branch };
        place.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(place.branch.clone(), sender);
        let mut interval = T1;
        loop {
            // What the socket refuses is lost, and sent again like what the network loses.
            let _ = self.socket.send(&bytes).await;
            if let Ok(Ok(message)) = timeout(interval, &mut answer).await {
                return message;
            }
            self.retransmissions.fetch_add(1, Ordering::Relaxed);
            interval = (interval * 2).min(T2);
        }
    }
}

/// A place among the waiting, given up when the wait ends in whatever way.
struct Place {
    waiting: Waiting,
    branch: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.branch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A registrar that challenges once and then accepts, except extension 666.
    async fn stand_in() -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                let request = Message::parse(&buffer[..length]).unwrap();
                let answer = match request.header("Authorization") {
                    None => Message::answer(&request, 401, "Unauthorized", "t")
                        .with("WWW-Authenticate", r#"Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256"#),
                    Some(text) if text.contains("username=\"666\"") => Message::answer(&request, 403, "Forbidden", "t"),
                    Some(_) => Message::answer(&request, 200, "OK", "t"),
                };
                socket.send_to(&answer.to_bytes(), from).await.unwrap();
            }
        });
        address
    }

    #[tokio::test]
    async fn every_account_registers_once_and_refusals_are_counted() {
        let server = stand_in().await;
        let mut accounts: Vec<_> = (100..150).map(|number| (number.to_string(), "s".to_owned())).collect();
        accounts.push(("666".to_owned(), "s".to_owned()));
        let within = Duration::from_secs(10);
        let report = register(RegisterLoad {
            server,
            accounts,
            in_flight: 8,
            expires: 60,
            within,
            spread: Duration::ZERO,
            local: None,
        })
        .await
        .unwrap();
        assert_eq!((report.accepted, report.timed_out), (50, 0));
        assert_eq!(report.refused, BTreeMap::from([(403, 1)]));
        assert!(report.percentile(0.5) <= report.percentile(1.0));
        assert!(report.rate() > 1.0);
    }

    #[tokio::test]
    async fn a_server_that_is_silent_is_counted_as_such() {
        let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let server = silent.local_addr().unwrap();
        let accounts = vec![("101".to_owned(), "s".to_owned())];
        let within = Duration::from_millis(50);
        let report = register(RegisterLoad {
            server,
            accounts,
            in_flight: 4,
            expires: 60,
            within,
            spread: Duration::ZERO,
            local: None,
        })
        .await
        .unwrap();
        assert_eq!((report.accepted, report.timed_out), (0, 1));
        assert_eq!(report.percentile(0.5), Duration::ZERO);
    }
}
