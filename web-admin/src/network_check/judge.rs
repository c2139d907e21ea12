//! What the answers of the ports mean: what was asked, what arrived here, and what the one who asked got back. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use pbx_core::model::PortRange;
use pbx_core::port_check::Arrival;

use super::{Level, Observation, Topic, Vantage, is_private};
use crate::clock;
use crate::probe::{Answer, Outcome, Plan, PortKind, Question, Served, Trust};

/// Lines that differ and are named in one sentence.
const NAMED: usize = 4;

/// What is known here.
#[derive(Debug, Clone)]
pub(super) struct Known<'a> {
    pub(super) vantage: Vantage,
    pub(super) arrived: &'a [Arrival],
    /// Every SIP address, as bound.
    pub(super) bound: &'a [SocketAddr],
    pub(super) range: PortRange,
    /// Ports for sound that were in use.
    pub(super) passed_over: &'a [u16],
    pub(super) public_ip: Option<IpAddr>,
    /// The certificate in use: SHA-256 in lower-case hexadecimal digits, and whether Nightbell made it.
    pub(super) certificate: (&'a str, bool),
}

/// What was seen of the name, the certificates and the ports.
pub(super) fn observations(
    plan: &Plan,
    (addresses, https): (&[IpAddr], &Served),
    answers: &[Answer],
    known: &Known<'_>,
) -> Vec<Observation> {
    let mut seen = Vec::new();
    if known.vantage == Vantage::Outside {
        seen.extend(vantage(plan.seen_from));
        seen.extend(name(plan, addresses, known.public_ip));
        seen.push(chain(&plan.host, "the web server", https, known.certificate));
    }
    let mut done: BTreeSet<(PortKind, u16)> = BTreeSet::new();
    for question in &plan.questions {
        let of_it: Vec<&Answer> = answers.iter().filter(|answer| answer.nonce == question.nonce).collect();
        seen.extend(of_it.iter().flat_map(|answer| port(plan, question, answer, known)));
        if let Some(served) = of_it.iter().find_map(|answer| answer.served.as_ref()).filter(|it| !it.chain.is_empty())
            && known.vantage == Vantage::Outside
            && done.insert((question.kind, question.port))
        {
            seen.push(chain(&plan.host, &format!("SIP over TLS, port {}", question.port), served, known.certificate));
        }
    }
    seen.extend(changed(plan, answers, known));
    if !known.passed_over.is_empty() && plan.questions.iter().any(|question| question.kind == PortKind::Sound) {
        let list: Vec<String> = known.passed_over.iter().map(ToString::to_string).collect();
        let text = format!(
            "Left alone, because a call uses it or it is held for the next one: UDP {}. A port beside it was asked instead.",
            list.join(", ")
        );
        seen.push(Observation::good(Topic::Sound, "sound_port_in_use", text));
    }
    seen.sort_by_key(|one| std::cmp::Reverse(one.level));
    seen
}

fn vantage(from: IpAddr) -> Option<Observation> {
    is_private(from).then(|| {
        let text = format!("The check was made from {from}, which is inside this network, so it says nothing about phones outside.");
        let fix = "Run nightbell probe on a machine that is not in this network, for example a notebook on the mobile network.";
        Observation::warn(Topic::Ports, "not_outside", text, fix)
    })
}

fn name(plan: &Plan, addresses: &[IpAddr], public_ip: Option<IpAddr>) -> Option<Observation> {
    let host = &plan.host;
    if addresses.is_empty() {
        let text = format!("Outside, the name {host} leads nowhere.");
        let fix = format!("Make a DNS record (A) for {host} with the public address of this installation.");
        return Some(Observation::fail(Topic::PublicName, "name_not_resolved", text, fix));
    }
    let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    if let Some(set) = public_ip
        && addresses.iter().any(|one| one.is_ipv4() == set.is_ipv4())
        && !addresses.contains(&set)
    {
        let text = format!("Outside, {host} leads to {}, but public_ip is set to {set}.", list.join(", "));
        let fix = format!("Point the DNS record of {host} at {set}, or correct public_ip in config.toml.");
        return Some(Observation::fail(Topic::PublicName, "name_leads_elsewhere", text, fix));
    }
    let text = format!("Outside, {host} leads to {}.", list.join(", "));
    Some(Observation::good(Topic::PublicName, "name_resolved", text))
}

/// What a phone says to a chain of ours.
pub(super) fn chain(host: &str, at: &str, served: &Served, (own, self_made): (&str, bool)) -> Observation {
    const TOPIC: Topic = Topic::Certificate;
    let shown = served.chain.first();
    if let Some(shown) = shown.filter(|shown| shown.fingerprint != own) {
        let text = format!(
            "At {at} somebody else answers: a certificate for {} is shown, not the one of this installation.",
            names(&shown.names)
        );
        let fix = "See where the router forwards that port, and whether a proxy or a firewall that inspects TLS stands in between.";
        return Observation::fail(TOPIC, "certificate_of_another", text, fix);
    }
    match &served.trust {
        Trust::Good => {
            let ends = shown.map(|shown| clock::stamp(shown.not_after).text).unwrap_or_default();
            let text = format!(
                "Phones trust the certificate of {at}: its chain is complete, it is for {host} and good until {ends}."
            );
            Observation::good(TOPIC, "certificate_good", text)
        }
        Trust::SelfSigned | Trust::UnknownAuthority { .. } if self_made => Observation::warn(
            TOPIC,
            "certificate_self_made",
            format!("The certificate of {at} was made by Nightbell itself; most phone apps refuse it."),
            PUBLIC_AUTHORITY,
        ),
        Trust::SelfSigned
        | Trust::UnknownAuthority { .. }
        | Trust::Incomplete { .. }
        | Trust::Ended
        | Trust::NotBegun
        | Trust::OtherName
        | Trust::Bad { .. }
        | Trust::NotShown { .. } => {
            let (code, text, fix) = refused(host, at, served);
            Observation::fail(TOPIC, code, text, fix)
        }
    }
}

/// What to do about a certificate that phones cannot trust.
const PUBLIC_AUTHORITY: &str = "Use a certificate of a public authority, for example Let's Encrypt.";

/// Code, text and fix of a chain that phones refuse.
fn refused(host: &str, at: &str, served: &Served) -> (&'static str, String, &'static str) {
    match &served.trust {
        Trust::Good => ("certificate_good", String::new(), ""),
        Trust::Incomplete { missing } => (
            "chain_incomplete",
            format!(
                "The certificate of {at} comes alone: that of its issuer, “{missing}”, is not sent along, and phones do not fetch it."
            ),
            "Put the issuer's certificates behind your own into cert.pem (Let's Encrypt calls the whole file fullchain.pem).",
        ),
        Trust::SelfSigned => (
            "certificate_self_signed",
            format!("The certificate of {at} signed itself; phones refuse it."),
            PUBLIC_AUTHORITY,
        ),
        Trust::UnknownAuthority { authority } => (
            "authority_unknown",
            format!(
                "The certificate of {at} was issued by “{authority}”, which phones do not know, or a certificate in between is missing."
            ),
            "Use a certificate of a public authority with its whole chain, or install the company's own root on every phone.",
        ),
        Trust::Ended => (
            "certificate_expired",
            format!("The certificate of {at} has ended; phones refuse it."),
            "Renew it. If it was renewed, this installation still shows the old one: put the new files into its folder tls.",
        ),
        Trust::NotBegun => (
            "certificate_not_begun",
            format!("The certificate of {at} is not valid yet, or the clock of the machine that asked is behind."),
            "Compare the clocks.",
        ),
        Trust::OtherName => {
            let shown = served.chain.first().map_or(&[][..], |shown| &shown.names);
            (
                "certificate_other_name",
                format!("The certificate of {at} is for {}, not for {host}.", names(shown)),
                "Get a certificate for the name that phones use, or set public_host to a name in the certificate.",
            )
        }
        Trust::Bad { why } => {
            ("certificate_bad", format!("Phones refuse the certificate of {at}: {why}."), "Get a new certificate.")
        }
        Trust::NotShown { why } => (
            "tls_not_spoken",
            format!("No certificate was seen at {at}: {why}."),
            "See where the router forwards that port, and that the firewall lets it pass.",
        ),
    }
}

fn names(names: &[String]) -> String {
    if names.is_empty() { "no name".to_owned() } else { names.join(", ") }
}

/// What one answer says about its port.
fn port(plan: &Plan, question: &Question, answer: &Answer, known: &Known<'_>) -> Vec<Observation> {
    let topic = topic_of(question.kind, known.vantage);
    let named = named(question);
    let (port, proto) = (question.port, question.kind.protocol());
    let arrived: Vec<&Arrival> = known
        .arrived
        .iter()
        .filter(|one| {
            one.nonce == question.nonce && one.remote.ip().to_canonical().is_ipv4() == answer.address.is_ipv4()
        })
        .collect();
    if let Some(elsewhere) = landed(&answer.outcome, &arrived).filter(|at| *at != port) {
        return vec![wrong_forward(question, elsewhere, topic)];
    }
    match &answer.outcome {
        Outcome::Answered { seen, .. } => {
            let from = if known.vantage == Vantage::Outside { "from outside" } else { "by the public address" };
            let text = format!("{named} is reached {from} ({}).", answer.address);
            let mut all = vec![Observation::good(topic, "port_reached", text)];
            all.extend(hidden_source(plan, &named, *seen, known.vantage));
            all
        }
        // The machine that asks has no IPv6, which says nothing about this one.
        Outcome::NoWay => Vec::new(),
        Outcome::Refused | Outcome::Silent if arrived.iter().any(|one| one.local.port() == port) => {
            let text = format!("What is sent to {named} arrives here, but the answer does not get back.");
            let fix = format!(
                "Let {proto} {port} of this machine out again: a firewall or the router keeps the answers back, or sends them out over another line."
            );
            vec![observation(known.vantage, topic, "answer_lost", text, fix)]
        }
        Outcome::Refused | Outcome::Silent => vec![not_reached(question, answer, known, topic)],
        Outcome::Odd { said } => {
            let text = format!("Something else answers at {named}: “{said}”.");
            let fix =
                format!("See where the router forwards {proto} {port}: it must lead to port {port} of this machine.");
            vec![observation(known.vantage, topic, "port_of_another", text, fix)]
        }
    }
}

fn topic_of(kind: PortKind, vantage: Vantage) -> Topic {
    match (vantage, kind) {
        (Vantage::Inside, _) => Topic::Hairpin,
        (Vantage::Outside, PortKind::Sound) => Topic::Sound,
        (Vantage::Outside, PortKind::SipUdp | PortKind::SipTcp | PortKind::SipTls) => Topic::Ports,
    }
}

/// What fails by hairpin fails for phones in the office only.
fn observation(vantage: Vantage, topic: Topic, code: &str, text: String, fix: String) -> Observation {
    let level = if vantage == Vantage::Outside { Level::Fail } else { Level::Warn };
    Observation { topic, level, code: code.to_owned(), text, fix }
}

fn named(question: &Question) -> String {
    format!("{} {}", question.kind.words(), question.port)
}

/// The port of ours at which a question came in.
fn landed(outcome: &Outcome, arrived: &[&Arrival]) -> Option<u16> {
    match outcome {
        Outcome::Answered { port, .. } => Some(*port),
        Outcome::Refused | Outcome::Silent | Outcome::NoWay | Outcome::Odd { .. } => {
            arrived.first().map(|one| one.local.port())
        }
    }
}

fn wrong_forward(question: &Question, landed: u16, topic: Topic) -> Observation {
    let (port, proto) = (question.port, question.kind.protocol());
    let text = format!(
        "{port} is forwarded to {landed}: what is sent to {} arrives at port {landed} of this machine.",
        named(question)
    );
    let fix = format!("Correct the forward in the router: {proto} {port} must lead to port {port} of this machine.");
    Observation::fail(topic, "port_forwarded_wrong", text, fix)
}

fn not_reached(question: &Question, answer: &Answer, known: &Known<'_>, topic: Topic) -> Observation {
    let (port, proto, named) = (question.port, question.kind.protocol(), named(question));
    let here_only = question.kind != PortKind::Sound
        && known.bound.iter().filter(|one| one.port() == port).all(|one| one.ip().is_loopback())
        && known.bound.iter().any(|one| one.port() == port);
    if here_only && !answer.address.is_loopback() {
        let text = format!("{named} listens on this machine only (127.0.0.1).");
        let fix = "Listen on 0.0.0.0 under [sip] in config.toml, or leave that transport out.".to_owned();
        return observation(known.vantage, topic, "port_local_only", text, fix);
    }
    let how = if answer.outcome == Outcome::Refused { "it is refused" } else { "nothing comes back" };
    if known.vantage == Vantage::Inside {
        let text = format!("{named} is not reached by the public address from inside ({}): {how}.", answer.address);
        let fix = "Phones in the office's Wi-Fi cannot use the public name. Switch on NAT loopback (hairpin NAT) in the router, or let the name lead to the inner address there (split DNS).".to_owned();
        return observation(known.vantage, topic, "no_hairpin", text, fix);
    }
    if question.kind == PortKind::Sound {
        let range = known.range;
        let place = place(range, port);
        let text = format!(
            "The {place} of the range for sound is closed: UDP {port} is not reached from outside ({}), {how}.",
            answer.address
        );
        let fix = format!(
            "Forward UDP {} to {} of the router to the same ports of this machine, all of them, and let the firewall pass them.",
            range.first, range.last
        );
        return Observation::fail(topic, "sound_port_closed", text, fix);
    }
    let text = format!("{named} is not reached from outside ({}): {how}.", answer.address);
    let fix = format!(
        "Forward {proto} {port} of the router to port {port} of this machine, and let the firewall pass it. If no phone outside uses {}, leave it closed.",
        question.kind.words()
    );
    Observation::fail(topic, "port_closed", text, fix)
}

fn place(range: PortRange, port: u16) -> &'static str {
    let third = (range.last - range.first) / 3;
    if port < range.first + third {
        "start"
    } else if port > range.last - third {
        "end"
    } else {
        "middle"
    }
}

/// A router that puts its own address in the place of the sender's.
fn hidden_source(plan: &Plan, named: &str, seen: SocketAddr, vantage: Vantage) -> Option<Observation> {
    let hidden = vantage == Vantage::Outside && is_private(seen.ip()) && !is_private(plan.seen_from);
    hidden.then(|| {
        let text = format!("What comes to {named} carries the address {} instead of the sender's: the router hides who calls, so one bad guest is all guests.", seen.ip());
        let fix = "Switch off source NAT (masquerading) for forwarded connections in the router.";
        Observation::warn(Topic::Ports, "source_hidden", text, fix)
    })
}

/// Whether SIP arrives as it was sent, in both directions.
fn changed(plan: &Plan, answers: &[Answer], known: &Known<'_>) -> Vec<Observation> {
    let mut by_kind: BTreeMap<PortKind, (bool, BTreeMap<String, String>)> = BTreeMap::new();
    let pairs = answers.iter().filter(|answer| !answer.sent.is_empty());
    for (answer, question) in pairs
        .filter_map(|answer| Some((answer, plan.questions.iter().find(|question| question.nonce == answer.nonce)?)))
    {
        let found = known.arrived.iter().find(|one| {
            one.nonce == answer.nonce && one.remote.ip().to_canonical().is_ipv4() == answer.address.is_ipv4()
        });
        let Some(arrival) = found else { continue };
        let entry = by_kind.entry(question.kind).or_default();
        entry.0 = true;
        entry.1.extend(differences(&answer.sent, &String::from_utf8_lossy(&arrival.question)));
        if !answer.received.is_empty() {
            let back = differences(&String::from_utf8_lossy(&arrival.answer), &answer.received);
            entry.1.extend(back.into_iter().map(|(line, how)| (format!("{line} of the answer"), how)));
        }
    }
    let mut seen = Vec::new();
    let mut clean = Vec::new();
    for (kind, (_, lines)) in &by_kind {
        if lines.is_empty() {
            clean.push(kind.words());
            continue;
        }
        let list: Vec<String> = lines.iter().take(NAMED).map(|(line, how)| format!("{line} ({how})")).collect();
        let text = format!("Something on the way changes SIP over {}: {}.", kind.words(), list.join("; "));
        let fix = "Switch off SIP ALG (also “SIP helper”, “SIP passthrough”, “VoIP assistant”) in the router here and at the machine that asked; or use TLS in the phones, which nobody can change.";
        seen.push(observation(known.vantage, Topic::SipAlg, "sip_alg", text, fix.to_owned()));
    }
    if !clean.is_empty() {
        let text = format!("SIP arrives as it was sent, in both directions: {}.", clean.join(", "));
        seen.push(Observation::good(Topic::SipAlg, "sip_unchanged", text));
    }
    seen
}

/// The lines of a message that did not arrive as they were sent: name, and how they differ.
pub(super) fn differences(sent: &str, arrived: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let (left, right) = (lines(sent), lines(arrived));
    for (name, value) in &left {
        match right.get(name) {
            None => drop(found.insert(name.clone(), "missing".to_owned())),
            Some(other) if other != value => {
                drop(found.insert(name.clone(), format!("sent “{}”, came as “{}”", short(value), short(other))));
            }
            Some(_) => {}
        }
    }
    for (name, value) in right.iter().filter(|(name, _)| !left.contains_key(*name)) {
        found.insert(name.clone(), format!("added “{}”", short(value)));
    }
    found
}

/// Header lines by name; those of one name together.
fn lines(message: &str) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for (index, line) in message.split("\r\n").take_while(|line| !line.is_empty()).enumerate() {
        let (name, value) = if index == 0 {
            ("first line", line)
        } else {
            line.split_once(':').map_or((line, ""), |(name, value)| (name.trim(), value.trim()))
        };
        let entry = all.entry(name.to_owned()).or_default();
        if !entry.is_empty() {
            entry.push_str(", ");
        }
        entry.push_str(value);
    }
    all
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(90).collect()
}
