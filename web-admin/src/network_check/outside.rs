//! A check from outside: a code for one use, the plan it is given for, and the report.
//!
//! The code is shown once and kept as a hash; it is good for a quarter of an hour and for one check. It carries the fingerprint of
//! the certificate in use, so that the machine outside knows this installation also when that certificate is what is wrong.

use std::net::IpAddr;
use std::time::Duration;

use axum::http::StatusCode;
use pbx_core::model::UnixMillis;
use pbx_core::port_check::{Answering, Key, Nonce};

use super::judge::{self, Known};
use super::sound_ports::SoundPorts;
use super::{Run, Vantage, store, worst};
use crate::adding::settings;
use crate::clock;
use crate::error::Refusal;
use crate::probe::{Plan, PortKind, Question, Report};
use crate::state::AdminState;
use crate::token::{self, NoRandom};

/// So long a code may be used.
pub(crate) const CODE_LIVES: Duration = Duration::from_secs(15 * 60);
/// So long questions are answered; a whole check takes half a minute at most.
const ANSWERED: Duration = Duration::from_secs(3 * 60);
/// Codes that wait at once; the oldest gives way.
const WAITING: usize = 4;
/// Ports of one transport; more listeners are asked for nobody.
const PORTS_EACH: usize = 6;
/// Letters of the fingerprint in a code: 128 bits.
const PINNED: usize = 32;

/// Codes that wait for a machine outside, and checks that wait for its report.
#[derive(Debug, Default)]
pub(crate) struct Outside {
    waiting: Vec<Waiting>,
    running: Vec<Running>,
}

#[derive(Debug)]
struct Waiting {
    hash: String,
    expires_at: UnixMillis,
}

/// A check whose questions are answered.
#[derive(Debug)]
struct Running {
    hash: String,
    plan: Plan,
    started_at: UnixMillis,
    answering: Answering,
    sound: SoundPorts,
}

/// A code that was just made.
#[derive(Debug)]
pub(crate) struct MadeCode {
    pub(crate) code: String,
    pub(crate) expires_at: UnixMillis,
}

/// What the pages show of checks from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Nothing,
    /// A code is out, until then.
    Waiting(UnixMillis),
    /// A machine outside is asking.
    Running,
}

impl Outside {
    fn tidy(&mut self, now: UnixMillis) {
        self.waiting.retain(|one| one.expires_at > now);
        self.running.retain(|one| one.plan.expires_at > now);
    }
}

/// Makes a code for one check.
pub(crate) fn make_code(state: &AdminState) -> Result<MadeCode, Refusal> {
    let minted = token::mint("")?;
    let now = clock::now();
    let expires_at = now + CODE_LIVES;
    let mut outside = state.network_checks.outside();
    outside.tidy(now);
    if outside.waiting.len() >= WAITING {
        outside.waiting.remove(0);
    }
    outside.waiting.push(Waiting { hash: minted.hash, expires_at });
    let pin: String = own_fingerprint(state).chars().take(PINNED).collect();
    Ok(MadeCode { code: format!("{}.{pin}", minted.text), expires_at })
}

/// How far it is.
pub(crate) fn stage(state: &AdminState) -> Stage {
    let mut outside = state.network_checks.outside();
    outside.tidy(clock::now());
    match (outside.running.is_empty(), outside.waiting.last()) {
        (false, _) => Stage::Running,
        (true, Some(waiting)) => Stage::Waiting(waiting.expires_at),
        (true, None) => Stage::Nothing,
    }
}

/// Takes a code and begins to answer the questions of its plan.
pub(crate) async fn begin(state: &AdminState, code: &str, from: IpAddr) -> Result<Plan, Refusal> {
    let secret = code.split('.').next().unwrap_or("");
    let hash = token::hash(secret).ok_or_else(no_such_check)?;
    let now = clock::now();
    {
        let mut outside = state.network_checks.outside();
        outside.tidy(now);
        let at = outside.waiting.iter().position(|one| one.hash == hash).ok_or_else(no_such_check)?;
        outside.waiting.remove(at);
    }
    let range = settings(state).await?.rtp_ports;
    let sound = SoundPorts::open(range, &state.site.surroundings.port_check);
    let made = token::mint("")?;
    let plan = plan(state, &sound, (made.text, from), now + ANSWERED)?;
    let nonces = plan.questions.iter().map(|question| question.nonce);
    let begun = state.site.surroundings.port_check.begin(plan.key.clone(), nonces, plan.expires_at);
    let answering = begun.ok_or_else(|| {
        let text = "too many network checks are under way; try again in three minutes";
        Refusal::new(StatusCode::CONFLICT, "check_under_way", text)
    })?;
    let running = Running { hash: made.hash, plan: plan.clone(), started_at: now, answering, sound };
    state.network_checks.outside().running.push(running);
    Ok(plan)
}

/// Takes the report of a machine outside, and keeps what it means.
pub(crate) async fn report(state: &AdminState, check: &str, report: &Report) -> Result<Run, Refusal> {
    let hash = token::hash(check).ok_or_else(no_such_check)?;
    let running = {
        let mut outside = state.network_checks.outside();
        outside.tidy(clock::now());
        let at = outside.running.iter().position(|one| one.hash == hash).ok_or_else(no_such_check)?;
        outside.running.remove(at)
    };
    let bound = bound(state);
    let own = own_fingerprint(state);
    let known = Known {
        vantage: Vantage::Outside,
        arrived: &running.answering.arrived(),
        bound: &bound,
        range: settings(state).await?.rtp_ports,
        passed_over: &running.sound.passed_over,
        public_ip: state.site.surroundings.public_ip,
        certificate: (&own, state.site.certificate.info().self_made),
    };
    let seen = judge::observations(&running.plan, (&report.addresses, &report.https), &report.answers, &known);
    let (started_at, finished_at) = (running.started_at, clock::now());
    let seen_from = running.plan.seen_from.to_string();
    let id = store::put(&state.store, Vantage::Outside, &seen_from, (started_at, finished_at), &seen).await?;
    let level = worst(&seen);
    Ok(Run { id, vantage: Vantage::Outside, seen_from, started_at, finished_at, level, observations: seen })
}

fn no_such_check() -> Refusal {
    Refusal::not_found(
        "no_such_check",
        "the code was used, has run out, or never was; make a new one under System, Network check",
    )
}

/// Every port of ours that phones may use, each with a nonce of its own.
pub(super) fn plan(
    state: &AdminState,
    sound: &SoundPorts,
    (check, seen_from): (String, IpAddr),
    expires_at: UnixMillis,
) -> Result<Plan, NoRandom> {
    let around = &state.site.surroundings;
    let of = |kind, all: &[std::net::SocketAddr]| {
        let mut ports: Vec<u16> = all.iter().map(std::net::SocketAddr::port).collect();
        ports.sort_unstable();
        ports.dedup();
        ports.truncate(PORTS_EACH);
        ports.into_iter().map(move |port| (kind, port)).collect::<Vec<(PortKind, u16)>>()
    };
    let sip = [
        of(PortKind::SipTls, &around.tls),
        of(PortKind::SipTcp, &around.tcp),
        of(PortKind::SipUdp, &around.udp),
        sound.held.iter().map(|port| (PortKind::Sound, *port)).collect(),
    ];
    let random = || {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map(|()| bytes).map_err(|_| NoRandom)
    };
    let questions: Result<Vec<Question>, NoRandom> =
        sip.concat().into_iter().map(|(kind, port)| Ok(Question { kind, port, nonce: Nonce(random()?) })).collect();
    Ok(Plan {
        check,
        key: Key::new(random()?),
        host: state.site.host().to_owned(),
        seen_from,
        questions: questions?,
        expires_at,
    })
}

/// Every SIP address.
pub(super) fn bound(state: &AdminState) -> Vec<std::net::SocketAddr> {
    let around = &state.site.surroundings;
    [around.udp.as_slice(), &around.tcp, &around.tls].concat()
}

/// The certificate in use, in the form of [`crate::probe::served::Certificate`].
pub(super) fn own_fingerprint(state: &AdminState) -> String {
    let shown = state.site.certificate.info().fingerprint;
    shown.chars().filter(char::is_ascii_hexdigit).map(|digit| digit.to_ascii_lowercase()).collect()
}
