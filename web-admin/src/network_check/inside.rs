//! The check from inside: what this machine can find out about itself. It runs beside everything else and shows each part as
//! it is done.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use pbx_core::model::UnixMillis;
use tokio::time::Instant;

use super::judge::{self, Known};
use super::outside::{bound, own_fingerprint, plan};
use super::public_address::{self, Learned};
use super::sound_ports::SoundPorts;
use super::{NetworkCheckSettings, Observation, Topic, Vantage, is_private, store};
use crate::adding::settings;
use crate::clock;
use crate::error::Refusal;
use crate::probe::served::look_at;
use crate::probe::{Roots, Served, Trust, ask_all, resolve};
use crate::state::AdminState;
use crate::words;

/// How long the check of the push providers may take; its own limits are shorter.
const PUSH: Duration = Duration::from_secs(35);
/// Between two looks at it.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// So long questions to ourselves are answered.
const ANSWERED: Duration = Duration::from_secs(120);
/// A clock that is further off makes trouble with certificates and pushes.
const CLOCK_BAD: i64 = 120_000;
/// A clock that is set by nobody.
const CLOCK_OFF: i64 = 5_000;
/// Free space below which a database soon stops.
const DISK_FULL: u64 = 200 * 1024 * 1024;
/// Free space at which somebody should look.
const DISK_LOW: u64 = 1024 * 1024 * 1024;
/// A name that nobody has (RFC 6761 section 6.4).
const NOBODY: &str = "nightbell-network-check.invalid";

/// A check under way, or the last one of this process.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = NetworkCheckProgress)]
pub(crate) struct Progress {
    pub(crate) started_at: UnixMillis,
    /// Null while it runs.
    pub(crate) finished_at: Option<UnixMillis>,
    /// What has been looked at.
    pub(crate) done: Vec<Topic>,
    /// How much there is to look at.
    pub(crate) total: usize,
    /// What was seen so far.
    pub(crate) observations: Vec<Observation>,
}

impl Progress {
    pub(crate) fn is_running(&self) -> bool {
        self.finished_at.is_none()
    }
}

/// The check under way, or the last one of this process.
pub(crate) fn progress(state: &AdminState) -> Option<Progress> {
    state.network_checks.progress().clone()
}

/// Begins a check unless one is under way.
pub(crate) fn start(state: &AdminState) {
    let mut progress = state.network_checks.progress();
    if progress.as_ref().is_some_and(Progress::is_running) {
        return;
    }
    *progress = Some(Progress {
        started_at: clock::now(),
        finished_at: None,
        done: Vec::new(),
        total: Topic::INSIDE.len(),
        observations: Vec::new(),
    });
    drop(progress);
    let state = state.clone();
    tokio::spawn(async move { run(&state).await });
}

async fn run(state: &AdminState) {
    let ended = Ended(state);
    let tell = |topic: Topic, seen: Vec<Observation>| {
        if let Some(progress) = state.network_checks.progress().as_mut() {
            progress.observations.extend(seen);
            progress.done.push(topic);
        }
    };
    let host = state.site.host().to_owned();
    tell(Topic::Dns, name_servers(&host).await);
    let addresses = resolve(&host).await.unwrap_or_default();
    tell(Topic::PublicName, name(&host, &addresses));
    let asked = NetworkCheckSettings::load(&state.store).await.unwrap_or_default();
    let learned = public_address::learn(&asked).await;
    let set = state.site.surroundings.public_ip;
    tell(Topic::PublicAddress, public_address::judged(&learned, set, (&host, &addresses)));
    let roots = Roots::new([]).map(Arc::new);
    match &roots {
        Ok(roots) => tell(Topic::Certificate, certificates(state, &host, roots).await),
        Err(why) => {
            let fix = "Install the package ca-certificates.";
            tell(
                Topic::Certificate,
                vec![Observation::fail(Topic::Certificate, "no_roots", words::sentence(why), fix)],
            );
        }
    }
    tell(Topic::Clock, vec![clock_of(&learned)]);
    let seen = match &roots {
        Ok(roots) => hairpin(state, &addresses, roots).await.unwrap_or_else(|refusal| {
            vec![Observation::warn(Topic::Hairpin, refusal.code, words::sentence(&refusal.detail), "Check again.")]
        }),
        Err(_) => Vec::new(),
    };
    tell(Topic::Hairpin, seen);
    tell(Topic::Push, push(state).await);
    tell(Topic::Disk, disk(state));
    keep(state).await;
    drop(ended);
}

/// Marks the check as ended, also when its task panics.
struct Ended<'a>(&'a AdminState);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        if let Some(progress) = self.0.network_checks.progress().as_mut() {
            progress.observations.sort_by_key(|one| std::cmp::Reverse(one.level));
            progress.finished_at = Some(clock::now());
        }
    }
}

async fn keep(state: &AdminState) {
    let Some(mut progress) = progress(state) else { return };
    progress.observations.sort_by_key(|one| std::cmp::Reverse(one.level));
    let span = (progress.started_at, clock::now());
    if let Err(error) = store::put(&state.store, Vantage::Inside, "", span, &progress.observations).await {
        tracing::warn!(%error, "a network check cannot be kept");
    }
}

async fn name_servers(host: &str) -> Vec<Observation> {
    const TOPIC: Topic = Topic::Dns;
    let listed = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let servers: Vec<&str> =
        listed.lines().filter_map(|line| line.strip_prefix("nameserver")).map(str::trim).take(3).collect();
    let servers = if servers.is_empty() { "no name server is listed".to_owned() } else { servers.join(", ") };
    if host == "localhost" || host.parse::<IpAddr>().is_ok() {
        let text = format!("Phones use {host}, so no name server is needed ({servers}).");
        return vec![Observation::good(TOPIC, "dns_not_needed", text)];
    }
    let began = Instant::now();
    if resolve(host).await.is_err() {
        let text = format!("The name {host} cannot be looked up here (/etc/resolv.conf: {servers}).");
        let fix = "Make a DNS record for it, or correct the name servers of this machine.";
        return vec![Observation::fail(TOPIC, "name_not_resolved", text, fix)];
    }
    let took = began.elapsed().as_millis();
    if let Ok(found) = resolve(NOBODY).await
        && let Some(address) = found.first()
    {
        let text =
            format!("The name servers here ({servers}) make up answers: a name that nobody has leads to {address}.");
        let fix = "Use name servers that tell the truth, for example those of the provider of the line without “search help”.";
        return vec![Observation::warn(TOPIC, "dns_makes_up_answers", text, fix)];
    }
    vec![Observation::good(TOPIC, "dns_works", format!("Names are looked up ({servers}), in {took} ms."))]
}

fn name(host: &str, addresses: &[IpAddr]) -> Vec<Observation> {
    const TOPIC: Topic = Topic::PublicName;
    if host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()) {
        let text = format!("The public name is {host}, which is every machine's name for itself.");
        let fix = "Set public_host in config.toml to the name that phones use.";
        return vec![Observation::warn(TOPIC, "public_name_is_local", text, fix)];
    }
    if addresses.is_empty() {
        return Vec::new();
    }
    let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let text = format!("{host} leads to {}.", list.join(", "));
    if addresses.iter().all(|address| is_private(*address)) {
        let text = format!(
            "{text} These addresses are of this network only; that is right if another name server tells phones outside the public address."
        );
        return vec![Observation::good(TOPIC, "name_private", text)];
    }
    vec![Observation::good(TOPIC, "name_resolved", text)]
}

async fn certificates(state: &AdminState, host: &str, roots: &Arc<Roots>) -> Vec<Observation> {
    let around = &state.site.surroundings;
    let own = own_fingerprint(state);
    let self_made = state.site.certificate.info().self_made;
    let https = around.https.iter().map(|at| (*at, "the web server".to_owned()));
    let mut tls: Vec<SocketAddr> = around.tls.clone();
    tls.sort_by_key(|at| (at.port(), at.is_ipv6()));
    tls.dedup_by_key(|at| at.port());
    let tls = tls.into_iter().map(|at| (at, format!("SIP over TLS, port {}", at.port())));
    let mut seen = Vec::new();
    for (at, named) in https.chain(tls) {
        let served = look_at(reachable(at), host, roots).await;
        seen.push(judge::chain(host, &named, &served, (&own, self_made)));
    }
    seen
}

/// The address at which a listener is reached from here.
fn reachable(at: SocketAddr) -> SocketAddr {
    match at.ip() {
        IpAddr::V4(four) if four.is_unspecified() => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), at.port()),
        IpAddr::V6(six) if six.is_unspecified() => SocketAddr::new(Ipv6Addr::LOCALHOST.into(), at.port()),
        IpAddr::V4(_) | IpAddr::V6(_) => at,
    }
}

fn clock_of(learned: &Learned) -> Observation {
    const TOPIC: Topic = Topic::Clock;
    let mut ahead: Vec<i64> = learned.found.iter().filter_map(|one| one.clock_ahead_ms).collect();
    ahead.sort_unstable();
    let Some(median) = ahead.get(ahead.len() / 2) else {
        let text = "The clock could not be compared with another one: nobody answered over HTTPS.";
        return Observation::warn(TOPIC, "clock_not_compared", text, "Look with timedatectl whether it is set by NTP.");
    };
    let seconds = median.unsigned_abs() / 1000;
    let way = if *median > 0 { "behind" } else { "ahead" };
    let fix = "Switch on NTP: timedatectl set-ntp true.";
    match median.abs() {
        off if off >= CLOCK_BAD => {
            let text = format!(
                "The clock of this machine is {seconds} s {way}: certificates and pushes are refused for that."
            );
            Observation::fail(TOPIC, "clock_wrong", text, fix)
        }
        off if off >= CLOCK_OFF => {
            let text = format!("The clock of this machine is {seconds} s {way}.");
            Observation::warn(TOPIC, "clock_off", text, fix)
        }
        _ => Observation::good(TOPIC, "clock_right", "The clock is right, to a second or two."),
    }
}

/// Asks ourselves by the public name, as a phone in the office's Wi-Fi does.
async fn hairpin(state: &AdminState, addresses: &[IpAddr], roots: &Arc<Roots>) -> Result<Vec<Observation>, Refusal> {
    if addresses.is_empty() {
        let text = "The way back in by the public name was not tried, because the name leads nowhere.";
        return Ok(vec![Observation::warn(Topic::Hairpin, "hairpin_not_tried", text, "Mend the name first.")]);
    }
    let range = settings(state).await?.rtp_ports;
    let port_check = &state.site.surroundings.port_check;
    let sound = SoundPorts::open(range, port_check);
    let own = addresses.first().copied().unwrap_or(Ipv4Addr::LOCALHOST.into());
    let until = clock::now() + ANSWERED;
    let plan = plan(state, &sound, (String::new(), own), until)?;
    let nonces = plan.questions.iter().map(|question| question.nonce);
    let Some(answering) = port_check.begin(plan.key.clone(), nonces, until) else {
        let text = "The way back in by the public name was not tried, because other checks are under way.";
        return Ok(vec![Observation::warn(Topic::Hairpin, "hairpin_not_tried", text, "Check again in three minutes.")]);
    };
    let answers = ask_all(&plan, addresses, roots, &mut || {}).await;
    let nothing = Served { chain: Vec::new(), trust: Trust::Good };
    let known = Known {
        vantage: Vantage::Inside,
        arrived: &answering.arrived(),
        bound: &bound(state),
        range,
        passed_over: &sound.passed_over,
        public_ip: state.site.surroundings.public_ip,
        certificate: (&own_fingerprint(state), state.site.certificate.info().self_made),
    };
    let seen = judge::observations(&plan, (addresses, &nothing), &answers, &known);
    Ok(together(seen))
}

/// What is well is said in one line.
fn together(seen: Vec<Observation>) -> Vec<Observation> {
    let (reached, mut rest): (Vec<_>, Vec<_>) = seen.into_iter().partition(|one| one.code == "port_reached");
    if !reached.is_empty() {
        let text = format!(
            "By the public name this machine reaches {} of its own ports; phones in the office can use that name.",
            reached.len()
        );
        rest.push(Observation::good(Topic::Hairpin, "hairpin", text));
    }
    rest
}

async fn push(state: &AdminState) -> Vec<Observation> {
    const TOPIC: Topic = Topic::Push;
    state.push.start_network_check();
    let until = Instant::now() + PUSH;
    let ended = loop {
        let check = state.push.network_check().filter(|check| check.finished_at.is_some());
        if check.is_some() || Instant::now() >= until {
            break check;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    let Some(check) = ended else {
        let text = "The check of the push providers did not end in time.";
        return vec![Observation::warn(TOPIC, "push_not_checked", text, "Look under Push, Network.")];
    };
    let failed = check.places.iter().filter_map(|place| place.steps.iter().find(|step| !step.ok));
    let mut seen: Vec<Observation> = failed
        .map(|step| Observation::fail(TOPIC, step.code, words::sentence(&step.text), words::sentence(&step.fix)))
        .collect();
    let reached = check.places.iter().filter(|place| place.ok() == Some(true)).count();
    if reached > 0 {
        let text = format!("{reached} of {} push services are reached.", check.places.len());
        seen.push(Observation::good(TOPIC, "push_reached", text));
    }
    seen
}

fn disk(state: &AdminState) -> Vec<Observation> {
    const TOPIC: Topic = Topic::Disk;
    let folder = &state.site.surroundings.data_dir;
    let Ok(found) = rustix::fs::statvfs(folder) else {
        let text = format!("The free space of {} cannot be read.", folder.display());
        return vec![Observation::warn(TOPIC, "disk_unknown", text, "Look with df -h.")];
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let text = format!("{} MB are free where the database is ({}).", free / 1024 / 1024, folder.display());
    let fix = "Make room: old backups, logs (journalctl --vacuum-size=200M).";
    vec![match free {
        free if free < DISK_FULL => Observation::fail(TOPIC, "disk_full", text, fix),
        free if free < DISK_LOW => Observation::warn(TOPIC, "disk_low", text, fix),
        _ => Observation::good(TOPIC, "disk_space", text),
    }]
}
