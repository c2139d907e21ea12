//! The way to one place: its name, a connection, the web proxy if there is one, TLS. Pushes and the network check walk it with the
//! same code, so that what the check says is true of pushes.
//!
//! **Hosts that phones name.** The guard against asking hosts of our own network (`provider/guard.rs`) judges addresses. Without
//! a proxy it judges those that are connected to. A proxy would look the name up anew, and might find another address, so
//! with a proxy such a name is looked up and judged here, and the proxy is asked to connect to the judged address; the
//! certificate is still checked against the name. Only names whose DNS no phone can command are given to the proxy as names: the
//! push services of the browsers and the hosts that the admin allowed.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::client::TlsStream;

use super::proxy::{ProxySettings, WebProxy};
use super::tls::Securing;
use super::{EgressStep, Hindrance, tunnel};
use crate::provider::guard::{Blocked, Guard};

/// Addresses of one name that are tried; more than two ways are rare.
const ADDRESSES: usize = 4;
/// So long an address has before the next one is tried beside it (RFC 8305 section 5).
const STAGGER: Duration = Duration::from_millis(250);

/// A connection on which the provider can be spoken to.
#[derive(Debug)]
pub(crate) enum Opened {
    /// Plain HTTP on the loopback.
    Plain(TcpStream),
    /// Everything else.
    Secure(Box<TlsStream<TcpStream>>),
}

/// Why a place is not reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WayError {
    /// A phone named it, and it is in a network of ours.
    Blocked(Blocked),
    /// Something on the way.
    Hindered(Hindrance),
}

impl From<Hindrance> for WayError {
    fn from(hindrance: Hindrance) -> Self {
        Self::Hindered(hindrance)
    }
}

/// When steps are given up.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limit {
    /// Each after so long.
    Each(Duration),
    /// All of them at this moment.
    Until(Instant),
}

impl Limit {
    fn next(self) -> Instant {
        match self {
            Self::Each(limit) => Instant::now() + limit,
            Self::Until(end) => end,
        }
    }
}

/// A place and how it is walked to.
#[derive(Debug)]
pub(crate) struct Way<'a> {
    /// Name or address, without brackets.
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    /// Plain HTTP on the loopback: neither proxy nor TLS.
    pub(crate) plain: bool,
    pub(crate) proxies: &'a ProxySettings,
    /// For hosts that phones name.
    pub(crate) guard: Option<&'a Guard>,
    pub(crate) securing: &'a Securing,
    pub(crate) limit: Limit,
}

/// What a step came to, told as it ends.
pub(crate) type Told<'a> = (EgressStep, Result<&'a str, &'a Hindrance>, Duration);

impl Way<'_> {
    /// Walks it; `tell` gets each step as it is done, and the first that fails ends it.
    pub(crate) async fn walk(&self, tell: &mut (impl FnMut(Told<'_>) + Send)) -> Result<Opened, WayError> {
        if let (Some(guard), Ok(address)) = (self.guard, self.host.parse()) {
            guard.check_address(self.host, address).map_err(WayError::Blocked)?;
        }
        let proxy = if self.plain { None } else { self.proxies.on_the_way_to(self.host) };
        let stream = match proxy {
            None => {
                let addresses = self.resolve(self.host, self.port, tell).await?;
                let addresses = self.judged(addresses)?;
                self.connect(&addresses, None, tell).await?
            }
            Some(proxy) => self.through(proxy, tell).await?,
        };
        if self.plain {
            return Ok(Opened::Plain(stream));
        }
        let securing = async {
            let (stream, issuer) = self.securing.secure(stream, self.host).await?;
            Ok((stream, format!("the certificate was issued by “{issuer}”")))
        };
        let stream = self.step(EgressStep::Tls, securing, || securing_took_too_long(self.host), tell).await?;
        Ok(Opened::Secure(Box::new(stream)))
    }

    async fn through(&self, proxy: &WebProxy, tell: &mut (impl FnMut(Told<'_>) + Send)) -> Result<TcpStream, WayError> {
        let target = match self.guard.filter(|guard| !guard.may_be_named(self.host)) {
            None => authority(self.host, self.port),
            Some(_) => {
                let addresses = self.resolve(self.host, self.port, tell).await?;
                let judged = self.judged(addresses)?;
                judged.first().map_or_else(|| authority(self.host, self.port), ToString::to_string)
            }
        };
        let addresses = self.resolve(&proxy.host, proxy.port, tell).await.map_err(|error| of_proxy(error, proxy))?;
        let mut stream = self.connect(&addresses, Some(proxy), tell).await?;
        let asking = async {
            tunnel::open(&mut stream, proxy, &target).await?;
            Ok(((), format!("the web proxy connects to {target}")))
        };
        self.step(EgressStep::Proxy, asking, || tunnel::silent(proxy, &target), tell).await?;
        Ok(stream)
    }

    /// Runs one step within its limit and tells what came of it.
    async fn step<T>(
        &self,
        step: EgressStep,
        doing: impl Future<Output = Result<(T, String), Hindrance>>,
        late: impl FnOnce() -> Hindrance,
        tell: &mut (impl FnMut(Told<'_>) + Send),
    ) -> Result<T, Hindrance> {
        let began = Instant::now();
        let done = timeout_at(self.limit.next(), doing).await.unwrap_or_else(|_| Err(late()));
        let took = began.elapsed();
        match done {
            Ok((value, text)) => {
                tell((step, Ok(&text), took));
                Ok(value)
            }
            Err(hindrance) => {
                tell((step, Err(&hindrance), took));
                Err(hindrance)
            }
        }
    }

    async fn resolve(
        &self,
        host: &str,
        port: u16,
        tell: &mut (impl FnMut(Told<'_>) + Send),
    ) -> Result<Vec<SocketAddr>, WayError> {
        let looking = async {
            let found = tokio::net::lookup_host((host, port)).await.map(|found| take_turns(found.collect()));
            match found {
                Ok(addresses) if !addresses.is_empty() => {
                    let text = addresses.first().map(|first| format!("{host} is {}", first.ip())).unwrap_or_default();
                    Ok((addresses, text))
                }
                Ok(_) | Err(_) => Err(not_resolved(host)),
            }
        };
        Ok(self.step(EgressStep::Name, looking, || resolving_took_too_long(host), tell).await?)
    }

    fn judged(&self, addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, WayError> {
        match self.guard {
            None => Ok(addresses),
            Some(guard) => guard.passed(self.host, addresses).map_err(WayError::Blocked),
        }
    }

    async fn connect(
        &self,
        addresses: &[SocketAddr],
        proxy: Option<&WebProxy>,
        tell: &mut (impl FnMut(Told<'_>) + Send),
    ) -> Result<TcpStream, WayError> {
        let place = proxy.map_or((self.host, self.port), |proxy| (proxy.host.as_str(), proxy.port));
        let connecting = async {
            let (stream, address) = first_of(addresses).await.map_err(|error| not_connected(error, place))?;
            // A push is one small message; an old kernel without the option costs 40 ms.
            let _ = stream.set_nodelay(true);
            Ok((stream, format!("connected to {address}")))
        };
        let done = self
            .step(EgressStep::Connect, connecting, || connecting_took_too_long(place), &mut |(step, result, took)| {
                match (result, proxy) {
                    (Err(hindrance), Some(proxy)) => {
                        tell((step, Err(&proxy_not_reached(hindrance.clone(), proxy)), took));
                    }
                    (Ok(_) | Err(_), _) => tell((step, result, took)),
                }
            })
            .await;
        Ok(done.map_err(|hindrance| match proxy {
            Some(proxy) => proxy_not_reached(hindrance, proxy),
            None => hindrance,
        })?)
    }
}

/// Connects to whichever address answers first.
async fn first_of(addresses: &[SocketAddr]) -> Result<(TcpStream, SocketAddr), io::Error> {
    let mut waiting = addresses.iter().copied();
    let mut tries = JoinSet::new();
    let mut last = None;
    loop {
        match waiting.next() {
            Some(address) => {
                tries.spawn(async move { TcpStream::connect(address).await.map(|stream| (stream, address)) });
            }
            None if tries.is_empty() => return Err(last.unwrap_or_else(|| io::ErrorKind::NotFound.into())),
            None => {}
        }
        tokio::select! {
            Some(done) = tries.join_next() => match done {
                Ok(Ok(opened)) => return Ok(opened),
                Ok(Err(error)) => last = Some(error),
                Err(_) => {}
            },
            () = tokio::time::sleep(STAGGER), if waiting.len() > 0 => {}
        }
    }
}

/// The first addresses, the two families in turns, so that a machine whose IPv6 leads nowhere gets on.
fn take_turns(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = found.first().is_some_and(SocketAddr::is_ipv6);
    let (like_first, others): (Vec<_>, Vec<_>) = found.into_iter().partition(|it| it.is_ipv6() == first_is_v6);
    let (mut like_first, mut others) = (like_first.into_iter(), others.into_iter());
    let mut turns = Vec::new();
    while turns.len() < ADDRESSES {
        match (like_first.next(), others.next()) {
            (None, None) => break,
            (one, other) => turns.extend(one.into_iter().chain(other)),
        }
    }
    turns
}

/// `host:port`, an IPv6 address in brackets.
fn authority(host: &str, port: u16) -> String {
    match host.parse::<IpAddr>() {
        Ok(address) => SocketAddr::new(address, port).to_string(),
        Err(_) => format!("{host}:{port}"),
    }
}

fn of_proxy(error: WayError, proxy: &WebProxy) -> WayError {
    match error {
        WayError::Hindered(Hindrance { code, text, .. }) => WayError::Hindered(Hindrance {
            code,
            text: format!("the web proxy is not found: {text}"),
            fix: format!("correct {} under Settings, Web proxy, or check this machine's DNS server", proxy.host),
        }),
        WayError::Blocked(blocked) => WayError::Blocked(blocked),
    }
}

fn not_resolved(host: &str) -> Hindrance {
    Hindrance {
        code: "name_not_resolved",
        text: format!("the name {host} cannot be looked up: no DNS server answers, or it does not know the name"),
        fix: "check the DNS server of this machine (/etc/resolv.conf), and that a DNS filter lets the name pass"
            .to_owned(),
    }
}

fn resolving_took_too_long(host: &str) -> Hindrance {
    Hindrance {
        code: "name_not_resolved",
        text: format!("no DNS server answers when the name {host} is looked up"),
        fix: "check the DNS server of this machine (/etc/resolv.conf), and that the firewall lets DNS pass".to_owned(),
    }
}

fn not_connected(error: io::Error, (host, port): (&str, u16)) -> Hindrance {
    if error.kind() == io::ErrorKind::ConnectionRefused {
        return Hindrance {
            code: "connect_refused",
            text: format!("{host} port {port} is refused: a firewall rejects it, or nothing listens there"),
            fix: format!("allow TCP {port} from this machine to {host}"),
        };
    }
    Hindrance {
        code: "connect_failed",
        text: format!("there is no way to {host} port {port} ({error})"),
        fix: "check the network connection and the default route of this machine".to_owned(),
    }
}

fn connecting_took_too_long((host, port): (&str, u16)) -> Hindrance {
    Hindrance {
        code: "connect_timeout",
        text: format!("{host} port {port} does not answer: a firewall drops it without a word"),
        fix: format!("allow TCP {port} from this machine to {host}"),
    }
}

fn proxy_not_reached(Hindrance { text, .. }: Hindrance, proxy: &WebProxy) -> Hindrance {
    Hindrance {
        code: "proxy_unreachable",
        text: format!("the web proxy is not reached: {text}"),
        fix: format!(
            "look whether the proxy runs, and whether {}:{} under Settings, Web proxy is right",
            proxy.host, proxy.port
        ),
    }
}

fn securing_took_too_long(host: &str) -> Hindrance {
    Hindrance {
        code: "tls_timeout",
        text: format!("{host} accepts the connection but does not go on: a firewall holds back what it cannot read"),
        fix: format!("exempt {host} from TLS inspection"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_families_are_tried_in_turns() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let found: Vec<SocketAddr> = ["[2001:db8::1]:1", "[2001:db8::2]:1", "[2001:db8::3]:1", "10.0.0.1:1"]
            .map(|it| it.parse().unwrap())
            .to_vec();
        assert_eq!(
            take_turns(found),
            [at("[2001:db8::1]:1"), at("10.0.0.1:1"), at("[2001:db8::2]:1"), at("[2001:db8::3]:1")]
        );
        assert!(take_turns(Vec::new()).is_empty());
        assert_eq!(authority("2001:db8::1", 443), "[2001:db8::1]:443");
        assert_eq!(authority("example.com", 443), "example.com:443");
    }
}
