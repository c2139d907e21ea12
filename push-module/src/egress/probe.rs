//! The steps to one place, one after the other; the first that fails ends them.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::proxy::ProxySettings;
use super::tls::{Unsafe, secure};
use super::{EgressPlace, EgressStep, STEP_TIMEOUT, StepResult};

/// Addresses of one name that are tried; more than two ways are rare.
const ADDRESSES: usize = 4;
/// What a proxy may answer to CONNECT before it is no proxy.
const PROXY_ANSWER: usize = 4096;
/// The client's greeting and empty SETTINGS (RFC 9113 section 3.4).
const GREETING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
/// The type of a SETTINGS frame (RFC 9113 section 6.5), the first a server sends.
const SETTINGS: u8 = 4;

type Outcome<T> = Result<(T, String), Unsafe>;

/// Asks one place; `tell` gets each step as it is done.
pub(crate) async fn probe(place: &EgressPlace, proxies: &ProxySettings, mut tell: impl FnMut(StepResult)) {
    // A step that failed has been told already.
    let _ = steps(place, proxies, &mut tell).await;
}

async fn steps(place: &EgressPlace, proxies: &ProxySettings, tell: &mut impl FnMut(StepResult)) -> Option<()> {
    let proxy = if place.plain { None } else { proxies.on_the_way_to(&place.host) };
    let (host, port) = proxy.unwrap_or((&place.host, place.port));
    let addresses = step(EgressStep::Name, resolve(host, port), || resolving_took_too_long(host), tell).await?;
    let connecting = connect(&addresses, host, port);
    let mut stream = step(EgressStep::Connect, connecting, || connecting_took_too_long(host, port), tell).await?;
    if proxy.is_some() {
        let asking = ask_proxy(&mut stream, place);
        step(EgressStep::Proxy, asking, || proxy_refuses(host, "does not answer"), tell).await?;
    }
    if place.plain {
        return Some(());
    }
    let securing = async {
        let extra = place.extra_ca_pem.as_deref();
        let (stream, issuer) = secure(stream, &place.host, extra, place.needs_http2).await?;
        Ok((stream, format!("the certificate was issued by “{issuer}”")))
    };
    let mut stream = step(EgressStep::Tls, securing, || securing_took_too_long(&place.host), tell).await?;
    let agreed = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    if agreed || place.needs_http2 {
        let greeting = greet(&mut stream, &place.host);
        step(EgressStep::Http2, greeting, || no_http2(&place.host), tell).await?;
    }
    Some(())
}

/// Runs one step within its limit and tells what came of it.
async fn step<T>(
    step: EgressStep,
    doing: impl Future<Output = Outcome<T>>,
    late: impl FnOnce() -> Unsafe,
    tell: &mut impl FnMut(StepResult),
) -> Option<T> {
    let began = now();
    let done = timeout(STEP_TIMEOUT, doing).await.unwrap_or_else(|_| Err(late()));
    let took_ms = u64::try_from(elapsed(began).as_millis()).unwrap_or(u64::MAX);
    match done {
        Ok((value, text)) => {
            tell(StepResult { step, ok: true, code: "ok", text, fix: String::new(), took_ms });
            Some(value)
        }
        Err(Unsafe { code, text, fix }) => {
            tell(StepResult { step, ok: false, code, text, fix, took_ms });
            None
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a check of the network measures how long each step takes")]
fn now() -> Instant {
    Instant::now()
}

fn elapsed(began: Instant) -> Duration {
    now().saturating_duration_since(began)
}

async fn resolve(host: &str, port: u16) -> Outcome<Vec<SocketAddr>> {
    let found = tokio::net::lookup_host((host.trim_matches(['[', ']']), port)).await;
    let addresses: Vec<SocketAddr> = found.map(|found| found.take(ADDRESSES).collect()).unwrap_or_default();
    let Some(first) = addresses.first() else {
        return Err(Unsafe {
            code: "name_not_resolved",
            text: format!("the name {host} cannot be looked up: no DNS server answers, or it does not know the name"),
            fix: "check the DNS server of this machine (/etc/resolv.conf), and that a DNS filter lets the name pass"
                .to_owned(),
        });
    };
    let text = format!("{host} is {}", first.ip());
    Ok((addresses, text))
}

fn resolving_took_too_long(host: &str) -> Unsafe {
    Unsafe {
        code: "name_not_resolved",
        text: format!("no DNS server answers when the name {host} is looked up"),
        fix: "check the DNS server of this machine (/etc/resolv.conf), and that the firewall lets DNS pass".to_owned(),
    }
}

async fn connect(addresses: &[SocketAddr], host: &str, port: u16) -> Outcome<TcpStream> {
    let mut last = None;
    let each = STEP_TIMEOUT / u32::try_from(addresses.len().max(1)).unwrap_or(1);
    for address in addresses {
        match timeout(each, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok((stream, format!("connected to {address}"))),
            Ok(Err(error)) => last = Some(error),
            Err(_) => {}
        }
    }
    Err(match last {
        None => connecting_took_too_long(host, port),
        Some(error) if error.kind() == io::ErrorKind::ConnectionRefused => Unsafe {
            code: "connect_refused",
            text: format!("{host} port {port} is refused: a firewall rejects it, or nothing listens there"),
            fix: format!("allow TCP {port} from this machine to {host}"),
        },
        Some(error) => Unsafe {
            code: "connect_failed",
            text: format!("there is no way to {host} port {port} ({error})"),
            fix: "check the network connection and the default route of this machine".to_owned(),
        },
    })
}

fn connecting_took_too_long(host: &str, port: u16) -> Unsafe {
    Unsafe {
        code: "connect_timeout",
        text: format!("{host} port {port} does not answer: a firewall drops it without a word"),
        fix: format!("allow TCP {port} from this machine to {host}"),
    }
}

async fn ask_proxy(stream: &mut TcpStream, place: &EgressPlace) -> Outcome<()> {
    let (host, port) = (&place.host, place.port);
    let asked = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n");
    let mut answer = Vec::new();
    let talk = async {
        stream.write_all(asked.as_bytes()).await?;
        while !answer.ends_with(b"\r\n\r\n") && answer.len() < PROXY_ANSWER {
            answer.push(stream.read_u8().await?);
        }
        io::Result::Ok(())
    };
    let talked = talk.await;
    let status = std::str::from_utf8(&answer).ok().and_then(|text| text.split(' ').nth(1)).unwrap_or("");
    match (talked, status) {
        (Ok(()), "200") => Ok(((), "the proxy connects".to_owned())),
        (Ok(()), "407") => Err(proxy_refuses(host, "wants a password")),
        (Ok(()) | Err(_), _) => Err(proxy_refuses(host, "refuses")),
    }
}

fn proxy_refuses(host: &str, how: &str) -> Unsafe {
    Unsafe {
        code: "proxy_refused",
        text: format!("the proxy set in HTTPS_PROXY {how} on the way to {host}"),
        fix: format!(
            "allow CONNECT to {host} at the proxy, or put the host into NO_PROXY and open the firewall for it"
        ),
    }
}

fn securing_took_too_long(host: &str) -> Unsafe {
    Unsafe {
        code: "tls_timeout",
        text: format!("{host} accepts the connection but does not go on: a firewall holds back what it cannot read"),
        fix: format!("exempt {host} from TLS inspection"),
    }
}

async fn greet(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), host: &str) -> Outcome<()> {
    let mut head = [0u8; 9];
    let talk = async {
        stream.write_all(GREETING).await?;
        stream.flush().await?;
        stream.read_exact(&mut head).await
    };
    let talked = talk.await;
    match (talked, head) {
        (Ok(_), [_, _, _, SETTINGS, ..]) => Ok(((), "the provider speaks HTTP/2".to_owned())),
        (Ok(_) | Err(_), _) => Err(no_http2(host)),
    }
}

fn no_http2(host: &str) -> Unsafe {
    Unsafe {
        code: "no_http2",
        text: format!("what answers at {host} does not speak HTTP/2: a proxy in between takes it apart"),
        fix: format!("let the proxy pass {host} without inspection"),
    }
}
