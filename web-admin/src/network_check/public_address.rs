//! Which address this machine has outside: by STUN (RFC 8489) and by HTTPS, twenty times in all, each time from a port of its own.
//! Routers with two lines choose one for each connection, so several answers mean several lines ("multi-WAN").

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use pbx_core::model::UnixMillis;
use pbx_core::sip::stun;
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::settings::host_and_port;
use super::{NetworkCheckSettings, Observation, Topic, is_private};
use crate::clock;

/// Questions in all, spread over everybody who is asked (`facts/capabilities.md`, N16: n = 20, several destinations).
const QUESTIONS: usize = 20;
/// Questions on the way at once.
const AT_ONCE: usize = 4;
/// For the first answer, then twice as long (RFC 8489 section 6.2.1: RTO 500 ms).
const STUN_WAITS: [Duration; 3] =
    [Duration::from_millis(500), Duration::from_millis(1000), Duration::from_millis(2000)];
/// For an answer over HTTPS.
const ECHO: Duration = Duration::from_secs(6);
/// An address is no longer than this.
const ECHO_BYTES: usize = 256;

/// How an address was learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Method {
    Stun,
    Https,
}

impl Method {
    const fn words(self) -> &'static str {
        match self {
            Self::Stun => "STUN",
            Self::Https => "HTTPS",
        }
    }
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) method: Method,
    pub(super) from: String,
    pub(super) address: IpAddr,
    /// The address of this machine on that way.
    pub(super) local: Option<IpAddr>,
    /// How far the clock of the server that answered is ahead of ours, in milliseconds.
    pub(super) clock_ahead_ms: Option<i64>,
}

/// Everything that was learned.
#[derive(Debug, Clone, Default)]
pub(super) struct Learned {
    pub(super) found: Vec<Found>,
    /// Who gave no answer.
    pub(super) failed: BTreeSet<(Method, String)>,
}

/// Asks everybody in turns.
pub(super) async fn learn(settings: &NetworkCheckSettings) -> Learned {
    let stun = settings.stun_servers.iter().map(|server| (Method::Stun, server.clone()));
    let all: Vec<(Method, String)> =
        stun.chain(settings.echo_urls.iter().map(|url| (Method::Https, url.clone()))).collect();
    if all.is_empty() {
        return Learned::default();
    }
    let turns = all.iter().cycle().take(QUESTIONS.max(all.len())).cloned();
    let asked = stream::iter(turns).map(|(method, server)| async move {
        let found = match method {
            Method::Stun => by_stun(&server).await,
            Method::Https => by_https(&server).await,
        };
        (method, server, found)
    });
    let answers: Vec<_> = asked.buffered(AT_ONCE).collect().await;
    let mut learned = Learned::default();
    for (method, server, found) in answers {
        match found {
            Some(found) => learned.found.push(found),
            None => drop(learned.failed.insert((method, server))),
        }
    }
    learned
}

async fn by_stun(server: &str) -> Option<Found> {
    let place = host_and_port(server)?;
    let to = timeout(ECHO, tokio::net::lookup_host(place)).await.ok()?.ok()?;
    let to: Vec<SocketAddr> = to.collect();
    // IPv4 is what routers translate.
    let to = to.iter().find(|address| address.is_ipv4()).or(to.first()).copied()?;
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await.ok()?;
    socket.connect(to).await.ok()?;
    let mut transaction = [0; 12];
    getrandom::fill(&mut transaction).ok()?;
    let request = stun::request(transaction);
    let mut buffer = [0; 1024];
    for wait in STUN_WAITS {
        socket.send(&request).await.ok()?;
        let answer = async {
            loop {
                let length = socket.recv(&mut buffer).await.ok()?;
                // Anything else is an answer to somebody else, or made up.
                if let Some(mapped) = stun::mapped_address(buffer.get(..length)?, transaction) {
                    return Some(mapped);
                }
            }
        };
        if let Ok(Some(mapped)) = timeout(wait, answer).await {
            let local = socket.local_addr().ok().map(|local| local.ip());
            let address = mapped.ip().to_canonical();
            return Some(Found { method: Method::Stun, from: server.to_owned(), address, local, clock_ahead_ms: None });
        }
    }
    None
}

/// A new connection each time, straight out: SIP and sound do not leave through a web proxy either.
async fn by_https(url: &str) -> Option<Found> {
    let client = plain_client(ECHO)?;
    let began = clock::now();
    let mut response = client.get(url).send().await.ok().filter(|response| response.status().is_success())?;
    let ended = clock::now();
    let ahead = response.headers().get(reqwest::header::DATE).and_then(|date| ahead(date.to_str().ok()?, began, ended));
    let mut text = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        text.extend_from_slice(&chunk);
        if text.len() > ECHO_BYTES {
            return None;
        }
    }
    let address: IpAddr = std::str::from_utf8(&text).ok()?.trim().parse().ok()?;
    Some(Found {
        method: Method::Https,
        from: url.to_owned(),
        address: address.to_canonical(),
        local: None,
        clock_ahead_ms: ahead,
    })
}

/// A client that says nothing about this installation: no version, no cookie, no proxy, no redirect.
pub(crate) fn plain_client(within: Duration) -> Option<reqwest::Client> {
    let client = reqwest::Client::builder().no_proxy().timeout(within).user_agent("nightbell");
    client.redirect(reqwest::redirect::Policy::none()).build().ok()
}

/// By how much a `Date` header is ahead of the middle of the exchange.
pub(super) fn ahead(date: &str, began: UnixMillis, ended: UnixMillis) -> Option<i64> {
    let there = httpdate::parse_http_date(date).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    // The header counts whole seconds, so it lags by half of one.
    let there = i64::try_from(there.as_millis()).ok()?.saturating_add(500);
    Some(there - began.0.midpoint(ended.0))
}

/// What the answers mean, beside what is set.
pub(super) fn judged(learned: &Learned, set: Option<IpAddr>, name: (&str, &[IpAddr])) -> Vec<Observation> {
    const TOPIC: Topic = Topic::PublicAddress;
    let mut seen = Vec::new();
    for (method, server) in &learned.failed {
        let text = format!("{server} gave no answer ({}).", method.words());
        let fix = match method {
            Method::Stun => "Let UDP out of this machine, or name another STUN server below.",
            Method::Https => "Let TCP 443 out of this machine, or name another address below.",
        };
        seen.push(Observation::warn(TOPIC, "address_not_told", text, fix));
    }
    for four in [true, false] {
        let found: Vec<&Found> = learned.found.iter().filter(|one| one.address.is_ipv4() == four).collect();
        let mut times: BTreeMap<IpAddr, (usize, BTreeSet<Method>)> = BTreeMap::new();
        for one in &found {
            let entry = times.entry(one.address).or_default();
            entry.0 += 1;
            entry.1.insert(one.method);
        }
        match times.len() {
            0 => {}
            1 => seen.extend(times.keys().flat_map(|address| one_address(*address, &found, set, name))),
            _ => seen.push(several(&times, found.len())),
        }
    }
    if learned.found.is_empty() && !learned.failed.is_empty() {
        let text = "The public address of this machine cannot be learned: nobody who was asked answered.";
        let fix = "See whether this machine reaches the internet at all (ping, name servers, firewall).";
        seen.push(Observation::fail(TOPIC, "public_address_unknown", text, fix));
    } else if learned.found.is_empty() {
        let text = "Nobody is set who could tell the public address of this machine.";
        let fix = "Name a STUN server or an HTTPS address below.";
        seen.push(Observation::warn(TOPIC, "public_address_unknown", text, fix));
    }
    seen
}

fn several(times: &BTreeMap<IpAddr, (usize, BTreeSet<Method>)>, asked: usize) -> Observation {
    let list: Vec<String> = times
        .iter()
        .map(|(address, (count, methods))| {
            let by: Vec<&str> = methods.iter().map(|method| method.words()).collect();
            format!("{address} {count} times ({})", by.join(" and "))
        })
        .collect();
    Observation::fail(
        Topic::PublicAddress,
        "multi_wan",
        format!(
            "This machine leaves by several public addresses: {} of {asked} answers. Phones take an answer from one address only.",
            list.join(", ")
        ),
        "Give this machine a fixed way out: a policy rule at the router (multi-WAN) that sends everything of it over one line.",
    )
}

fn one_address(
    address: IpAddr,
    found: &[&Found],
    set: Option<IpAddr>,
    (host, leads_to): (&str, &[IpAddr]),
) -> Vec<Observation> {
    const TOPIC: Topic = Topic::PublicAddress;
    let by: BTreeSet<&str> = found.iter().map(|one| one.method.words()).collect();
    let by: Vec<&str> = by.into_iter().collect();
    let text = format!("Outside, this machine is {address}: {} answers by {} say so.", found.len(), by.join(" and "));
    let mut seen = vec![Observation::good(TOPIC, "public_address", text)];
    let local = found.iter().find_map(|one| one.local).map(|local| local.to_canonical());
    let behind = local.filter(|local| *local != address);
    match (set, behind) {
        (Some(set), _) if set.is_ipv4() == address.is_ipv4() && set != address => {
            let text = format!(
                "public_ip is set to {set}, but this machine leaves as {address}: phones outside send their sound to the wrong place."
            );
            let fix = format!(
                "Set public_ip = \"{address}\" in config.toml and restart, or let the router send this machine out as {set}."
            );
            seen.push(Observation::fail(TOPIC, "public_ip_wrong", text, fix));
        }
        (None, Some(local)) if address.is_ipv4() => {
            let text = format!(
                "A router stands in between ({local} here, {address} outside), and public_ip is not set: phones outside are told to send their sound to {local}."
            );
            let fix = format!("Set public_ip = \"{address}\" in config.toml and restart.");
            seen.push(Observation::fail(TOPIC, "public_ip_not_set", text, fix));
        }
        (Some(_) | None, _) => {}
    }
    if is_private(address) {
        let text = format!(
            "{address} is no public address: the provider puts several customers behind one (carrier-grade NAT), and nobody outside can reach this machine."
        );
        let fix = "Ask the provider for a public IPv4 address, or use IPv6 for phones outside.";
        seen.push(Observation::fail(TOPIC, "carrier_grade_nat", text, fix));
    }
    let same_family: Vec<&IpAddr> = leads_to.iter().filter(|one| one.is_ipv4() == address.is_ipv4()).collect();
    if !same_family.is_empty() && !same_family.contains(&&address) && !same_family.iter().all(|one| is_private(**one)) {
        let list: Vec<String> = same_family.iter().map(ToString::to_string).collect();
        let text = format!("{host} leads to {}, but this machine is {address} outside.", list.join(", "));
        let fix = format!("Point the DNS record of {host} at {address}; with a changing address use dynamic DNS.");
        seen.push(Observation::fail(Topic::PublicName, "name_leads_elsewhere", text, fix));
    }
    seen
}
