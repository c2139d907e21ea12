//! Asks the ports: one datagram or one short connection each, some at a time.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use pbx_core::model::Transport;
use pbx_core::port_check::{read_answer, sip_question, sound_question};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout};

use super::served::{Roots, look};
use super::{Answer, Outcome, Plan, PortKind, Question};

/// Questions on the way at once: few, so that no firewall takes it for a scan.
const AT_ONCE: usize = 6;
/// A datagram is sent again after this, as SIP does (RFC 3261 section 17.1.2.1: T1), up to [`TRIES`] times.
const AGAIN: Duration = Duration::from_millis(700);
const TRIES: u32 = 4;
/// For a connection, and again for an answer on it.
const STREAM: Duration = Duration::from_secs(5);
/// More than any answer of ours.
const LONGEST: usize = 4096;
/// What is reported of a strange answer.
const WORDS: usize = 120;

/// The addresses of a name, as this machine looks it up.
pub async fn resolve(host: &str) -> io::Result<Vec<IpAddr>> {
    let found = timeout(STREAM, tokio::net::lookup_host((host, 0))).await.map_err(|_| io::ErrorKind::TimedOut)??;
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in found.map(|found| found.ip().to_canonical()) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

/// Asks every question at the first IPv4 and the first IPv6 address; `tell` is called after each.
pub async fn ask_all(
    plan: &Plan,
    addresses: &[IpAddr],
    roots: &Arc<Roots>,
    tell: &mut (impl FnMut() + Send),
) -> Vec<Answer> {
    let first = |four: bool| addresses.iter().find(|address| address.is_ipv4() == four).copied();
    let targets = [first(true), first(false)].into_iter().flatten();
    let mut all = Vec::new();
    for address in targets {
        all.extend(plan.questions.iter().map(|question| ask(plan, question, address, roots)));
    }
    let mut asking = stream::iter(all).buffered(AT_ONCE);
    let mut answers = Vec::new();
    while let Some(answer) = asking.next().await {
        answers.push(answer);
        tell();
    }
    answers
}

async fn ask(plan: &Plan, question: &Question, address: IpAddr, roots: &Arc<Roots>) -> Answer {
    let began = Instant::now();
    let mut answer = Answer {
        nonce: question.nonce,
        address,
        outcome: Outcome::Silent,
        sent: String::new(),
        received: String::new(),
        served: None,
        took_ms: 0,
    };
    let to = SocketAddr::new(address, question.port);
    let asked = match question.kind {
        PortKind::SipUdp | PortKind::Sound => datagram(plan, question, to, &mut answer).await,
        PortKind::SipTcp | PortKind::SipTls => stream_of(plan, question, to, roots, &mut answer).await,
    };
    match asked {
        Ok(raw) => answer.outcome = outcome(plan, question, &raw),
        Err(outcome) => answer.outcome = outcome,
    }
    answer.took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    answer
}

/// What the bytes mean.
fn outcome(plan: &Plan, question: &Question, raw: &[u8]) -> Outcome {
    match read_answer(&plan.key, raw) {
        Some(read) if read.nonce == question.nonce => Outcome::Answered { port: read.port, seen: read.seen },
        Some(_) | None => {
            let text = String::from_utf8_lossy(raw);
            let line = text.lines().next().unwrap_or("");
            Outcome::Odd { said: line.chars().filter(|c| !c.is_control()).take(WORDS).collect() }
        }
    }
}

fn failed(error: &io::Error) -> Outcome {
    let kind = error.kind();
    if kind == io::ErrorKind::ConnectionRefused {
        return Outcome::Refused;
    }
    let no_way = [io::ErrorKind::NetworkUnreachable, io::ErrorKind::AddrNotAvailable, io::ErrorKind::Unsupported]
        .contains(&kind);
    // Among the others: a host that a router on the way does not reach.
    if no_way { Outcome::NoWay } else { Outcome::Silent }
}

async fn datagram(plan: &Plan, question: &Question, to: SocketAddr, answer: &mut Answer) -> Result<Vec<u8>, Outcome> {
    let any = if to.is_ipv4() { IpAddr::from(Ipv4Addr::UNSPECIFIED) } else { Ipv6Addr::UNSPECIFIED.into() };
    let failed = |error: io::Error| failed(&error);
    let socket = UdpSocket::bind((any, 0)).await.map_err(failed)?;
    socket.connect(to).await.map_err(failed)?;
    let raw = if question.kind == PortKind::Sound {
        sound_question(&plan.key, question.nonce, question.port)
    } else {
        let own = socket.local_addr().map_err(failed)?;
        let raw = sip_question(&plan.key, question.nonce, question.port, (&plan.host, own), Transport::Udp);
        answer.sent = String::from_utf8_lossy(&raw).into_owned();
        raw
    };
    let mut outcome = Outcome::Silent;
    let mut buffer = vec![0; LONGEST];
    for _ in 0..TRIES {
        // A refusal may be a forged or an old one, so the others are sent all the same.
        let exchange = async {
            socket.send(&raw).await?;
            socket.recv(&mut buffer).await
        };
        match timeout(AGAIN, exchange).await {
            Ok(Ok(length)) => {
                let read = buffer.get(..length).unwrap_or_default().to_vec();
                if question.kind != PortKind::Sound {
                    answer.received = String::from_utf8_lossy(&read).into_owned();
                }
                return Ok(read);
            }
            Ok(Err(error)) => {
                outcome = failed(error);
                tokio::time::sleep(AGAIN / 4).await;
            }
            Err(_) => {}
        }
    }
    Err(outcome)
}

async fn stream_of(
    plan: &Plan,
    question: &Question,
    to: SocketAddr,
    roots: &Arc<Roots>,
    answer: &mut Answer,
) -> Result<Vec<u8>, Outcome> {
    let stream = match timeout(STREAM, TcpStream::connect(to)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(failed(&error)),
        Err(_) => return Err(Outcome::Silent),
    };
    let own = stream.local_addr().map_err(|error| failed(&error))?;
    let transport = if question.kind == PortKind::SipTls { Transport::Tls } else { Transport::Tcp };
    let raw = sip_question(&plan.key, question.nonce, question.port, (&plan.host, own), transport);
    answer.sent = String::from_utf8_lossy(&raw).into_owned();
    let read = if transport == Transport::Tls {
        let (stream, served) = look(stream, &plan.host, roots).await;
        let said = served.problem_words();
        answer.served = Some(served);
        let Some(stream) = stream else { return Err(Outcome::Odd { said }) };
        exchange(stream, &raw).await
    } else {
        exchange(stream, &raw).await
    };
    if read.is_empty() {
        return Err(Outcome::Silent);
    }
    answer.received = String::from_utf8_lossy(&read).into_owned();
    Ok(read)
}

/// Sends the question and reads until the end of a head; empty when nothing came.
async fn exchange(mut io: impl AsyncRead + AsyncWrite + Unpin, raw: &[u8]) -> Vec<u8> {
    let mut read = Vec::new();
    let talk = async {
        io.write_all(raw).await?;
        io.flush().await?;
        let mut part = [0; 1024];
        while read.len() < LONGEST && !read.windows(4).any(|four| four == b"\r\n\r\n") {
            let length = io.read(&mut part).await?;
            if length == 0 {
                break;
            }
            read.extend_from_slice(part.get(..length).unwrap_or_default());
        }
        Ok::<_, io::Error>(())
    };
    // Whatever came before it broke off is what there is to see.
    let _ = timeout(STREAM, talk).await;
    read
}
