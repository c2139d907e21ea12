use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use pbx_core::model::{PortRange, Transport, UnixMillis};
use pbx_core::port_check::{Arrival, Key, Nonce, PortCheck, sip_question};

use super::judge::{Known, chain, differences, observations};
use super::public_address::{Found, Learned, Method, ahead, judged};
use super::settings::host_and_port;
use super::sound_ports::{SoundPorts, places};
use super::*;
use crate::probe::served::Certificate;
use crate::probe::{Answer, Outcome, Plan, PortKind, Question, Served, Trust};

const OUTSIDE: &str = "203.0.113.50";
const PUBLIC: &str = "198.51.100.9";
const RANGE: PortRange = PortRange { first: 10_000, last: 19_999 };

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn nonce(number: u8) -> Nonce {
    Nonce([number; 16])
}

fn plan(questions: &[(PortKind, u16)]) -> Plan {
    let question = |(at, (kind, port)): (usize, &(PortKind, u16))| Question {
        kind: *kind,
        port: *port,
        nonce: nonce(u8::try_from(at).unwrap()),
    };
    Plan {
        check: "x".into(),
        key: Key::new([1; 16]),
        host: "pbx.example.com".into(),
        seen_from: ip(OUTSIDE),
        questions: questions.iter().enumerate().map(question).collect(),
        expires_at: UnixMillis(0),
    }
}

fn answer(number: u8, outcome: Outcome) -> Answer {
    let (sent, received) = (String::new(), String::new());
    Answer { nonce: nonce(number), address: ip(PUBLIC), outcome, sent, received, served: None, took_ms: 5 }
}

fn reached(port: u16) -> Outcome {
    Outcome::Answered { port, seen: SocketAddr::new(ip(OUTSIDE), 40_000) }
}

fn arrival(number: u8, transport: Transport, port: u16) -> Arrival {
    Arrival {
        nonce: nonce(number),
        transport,
        local: SocketAddr::new(ip("192.168.1.2"), port),
        remote: SocketAddr::new(ip(OUTSIDE), 40_000),
        question: Bytes::new(),
        answer: Bytes::new(),
    }
}

fn certificate(names: &[&str]) -> Certificate {
    Certificate {
        subject: "CN=pbx.example.com".into(),
        issuer: "CN=R11".into(),
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        not_after: UnixMillis(1_790_000_000_000),
        fingerprint: "own".into(),
    }
}

fn good() -> Served {
    Served { chain: vec![certificate(&["pbx.example.com"])], trust: Trust::Good }
}

fn known(arrived: &[Arrival]) -> Known<'_> {
    Known {
        vantage: Vantage::Outside,
        arrived,
        bound: &[],
        range: RANGE,
        passed_over: &[],
        public_ip: None,
        certificate: ("own", false),
    }
}

fn told(plan: &Plan, answers: &[Answer], known: &Known<'_>) -> Vec<Observation> {
    observations(plan, (&[ip(PUBLIC)], &good()), answers, known)
}

/// The one observation with this code.
#[track_caller]
fn the<'a>(seen: &'a [Observation], code: &str) -> &'a Observation {
    seen.iter().find(|one| one.code == code).unwrap_or_else(|| panic!("{code} is not in {seen:#?}"))
}

#[test]
fn a_wrong_forward_is_named_whether_its_answer_gets_back_or_not() {
    let plan = plan(&[(PortKind::SipTls, 6061), (PortKind::SipTls, 5061)]);
    let seen = told(&plan, &[answer(0, reached(5061)), answer(1, reached(5061))], &known(&[]));
    assert!(the(&seen, "port_forwarded_wrong").text.starts_with("6061 is forwarded to 5061"), "{seen:#?}");
    assert!(the(&seen, "port_reached").text.contains("TLS 5061"));
    let arrived = [arrival(0, Transport::Udp, 5060)];
    let lost = told(&plan, &[answer(0, Outcome::Silent), answer(1, reached(5061))], &known(&arrived));
    assert!(the(&lost, "port_forwarded_wrong").text.starts_with("6061 is forwarded to 5060"));
}

#[test]
fn a_question_that_arrives_without_its_answer_getting_back_is_told_apart_from_a_closed_port() {
    let plan = plan(&[(PortKind::SipUdp, 5060), (PortKind::SipTcp, 5060)]);
    let arrived = [arrival(0, Transport::Udp, 5060)];
    let seen = told(&plan, &[answer(0, Outcome::Silent), answer(1, Outcome::Refused)], &known(&arrived));
    assert!(the(&seen, "answer_lost").text.contains("UDP 5060"));
    let closed = the(&seen, "port_closed");
    assert!(closed.text.contains("TCP 5060") && closed.text.contains("refused"), "{}", closed.text);
    assert_eq!(worst(&seen), Level::Fail);
}

#[test]
fn a_closed_middle_of_the_sound_range_is_named() {
    let questions = [(PortKind::Sound, 10_000), (PortKind::Sound, 14_998), (PortKind::Sound, 19_998)];
    let answers = [answer(0, reached(10_000)), answer(1, Outcome::Silent), answer(2, reached(19_998))];
    let seen = told(&plan(&questions), &answers, &known(&[]));
    let closed = the(&seen, "sound_port_closed");
    assert!(closed.text.starts_with("The middle of the range for sound is closed: UDP 14998"), "{}", closed.text);
    assert!(closed.fix.contains("10000 to 19999"), "{}", closed.fix);
    assert_eq!(seen.iter().filter(|one| one.code == "port_reached").count(), 2);
    assert_eq!(places(RANGE), [10_000, 14_998, 19_998]);
}

#[test]
fn an_alg_that_rewrites_the_via_is_caught_in_either_direction() {
    let plan = plan(&[(PortKind::SipUdp, 5060), (PortKind::SipTls, 5061)]);
    let way = ("pbx.example.com", SocketAddr::new(ip("10.0.0.9"), 4000));
    let sent = String::from_utf8(sip_question(&plan.key, nonce(0), 5060, way, Transport::Udp).to_vec()).unwrap();
    let mut arrived = [arrival(0, Transport::Udp, 5060), arrival(1, Transport::Tls, 5061)];
    arrived[0].question = sent.replace("10.0.0.9:4000;branch", "203.0.113.50:61000;branch").into();
    arrived[0].answer = "SIP/2.0 200 OK\r\nContact: <sip:port-check@192.168.1.2:5060>\r\n\r\n".into();
    arrived[1].question = sent.clone().into();
    let mut answers = [answer(0, reached(5060)), answer(1, reached(5061))];
    answers[0].sent.clone_from(&sent);
    answers[0].received = "SIP/2.0 200 OK\r\nContact: <sip:port-check@198.51.100.9:5060>\r\n\r\n".into();
    answers[1].sent = sent;
    let seen = told(&plan, &answers, &known(&arrived));
    let alg = the(&seen, "sip_alg");
    assert!(
        alg.text.contains("over UDP") && alg.text.contains("Via (sent") && alg.text.contains("Contact of the answer"),
        "{}",
        alg.text
    );
    assert!(the(&seen, "sip_unchanged").text.contains("TLS"));
    assert!(differences("A\r\nX: 1\r\n\r\n", "A\r\nX: 1\r\nY: 2\r\n\r\n").contains_key("Y"));
}

#[test]
fn a_check_that_was_not_made_from_outside_and_a_router_that_hides_the_sender_are_said() {
    let mut near = plan(&[(PortKind::SipUdp, 5060)]);
    near.seen_from = ip("192.168.1.77");
    assert!(the(&told(&near, &[], &known(&[])), "not_outside").text.contains("192.168.1.77"));
    let plan = plan(&[(PortKind::SipUdp, 5060)]);
    let hidden = Outcome::Answered { port: 5060, seen: SocketAddr::new(ip("192.168.1.1"), 7) };
    assert!(the(&told(&plan, &[answer(0, hidden)], &known(&[])), "source_hidden").text.contains("192.168.1.1"));
}

#[test]
fn every_state_of_a_chain_has_its_sentence() {
    let shown = |trust: Trust| Served { chain: vec![certificate(&["other.example"])], trust };
    let code = |served: &Served, own: (&str, bool)| chain("pbx.example.com", "the web server", served, own).code;
    for (trust, expected) in [
        (Trust::Good, "certificate_good"),
        (Trust::Incomplete { missing: "CN=R11".into() }, "chain_incomplete"),
        (Trust::SelfSigned, "certificate_self_signed"),
        (Trust::Ended, "certificate_expired"),
        (Trust::NotBegun, "certificate_not_begun"),
        (Trust::OtherName, "certificate_other_name"),
        (Trust::UnknownAuthority { authority: "CN=x".into() }, "authority_unknown"),
        (Trust::Bad { why: "y".into() }, "certificate_bad"),
        (Trust::NotShown { why: "z".into() }, "tls_not_spoken"),
    ] {
        assert_eq!(code(&shown(trust.clone()), ("own", false)), expected, "{trust:?}");
        assert_eq!(code(&shown(trust), ("another", false)), "certificate_of_another");
    }
    assert_eq!(code(&shown(Trust::SelfSigned), ("own", true)), "certificate_self_made");
    let alone = chain(
        "pbx.example.com",
        "the web server",
        &shown(Trust::Incomplete { missing: "CN=R11".into() }),
        ("own", false),
    );
    assert!(alone.text.contains("“CN=R11”") && alone.fix.contains("fullchain.pem"), "{alone:?}");
}

fn found(method: Method, address: &str, local: &str) -> Found {
    let local = (!local.is_empty()).then(|| ip(local));
    Found { method, from: "x".into(), address: ip(address), local, clock_ahead_ms: None }
}

fn learned(found: &[Found]) -> Learned {
    Learned { found: found.to_vec(), failed: BTreeSet::new() }
}

#[test]
fn answers_that_differ_are_two_lines() {
    let one = found(Method::Stun, PUBLIC, "192.168.1.2");
    let other = found(Method::Https, "203.0.113.200", "");
    let all: Vec<Found> = std::iter::repeat_n(one, 12).chain(std::iter::repeat_n(other, 8)).collect();
    let seen = judged(&learned(&all), None, ("pbx.example.com", &[]));
    let text = &the(&seen, "multi_wan").text;
    assert!(text.contains("198.51.100.9 12 times (STUN)") && text.contains("203.0.113.200 8 times (HTTPS)"), "{text}");
    assert!(text.contains("of 20 answers"), "{text}");
}

#[test]
fn the_address_is_compared_with_what_is_set_and_with_the_name() {
    let behind = learned(&[found(Method::Stun, PUBLIC, "192.168.1.2")]);
    let name = ("pbx.example.com", &[ip(PUBLIC)][..]);
    assert!(the(&judged(&behind, None, name), "public_ip_not_set").fix.contains("public_ip = \"198.51.100.9\""));
    assert!(the(&judged(&behind, Some(ip("203.0.113.1")), name), "public_ip_wrong").text.contains("203.0.113.1"));
    assert_eq!(worst(&judged(&behind, Some(ip(PUBLIC)), name)), Level::Ok);
    let direct = learned(&[found(Method::Stun, PUBLIC, PUBLIC)]);
    assert_eq!(worst(&judged(&direct, None, name)), Level::Ok);
    let elsewhere = ("pbx.example.com", &[ip("203.0.113.7")][..]);
    assert!(the(&judged(&direct, None, elsewhere), "name_leads_elsewhere").text.contains("203.0.113.7"));
    let inner = ("pbx.example.com", &[ip("192.168.1.2")][..]);
    assert_eq!(worst(&judged(&direct, None, inner)), Level::Ok, "split DNS");
    let shared = learned(&[found(Method::Stun, "100.64.3.4", "192.168.1.2")]);
    the(&judged(&shared, None, name), "carrier_grade_nat");
    let silent = Learned { found: Vec::new(), failed: [(Method::Stun, "x".to_owned())].into() };
    the(&judged(&silent, None, name), "public_address_unknown");
}

#[test]
fn a_date_header_tells_how_far_the_clock_is_off() {
    let began = UnixMillis(1_790_000_000_000);
    let date = httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_790_000_130));
    assert_eq!(ahead(&date, began, UnixMillis(1_790_000_001_000)), Some(130_000));
    assert_eq!(ahead("yesterday", began, began), None);
}

#[test]
fn servers_are_read_with_and_without_a_port() {
    for (text, expected) in [
        ("stun.example.com", Some(("stun.example.com", 3478))),
        ("stun.example.com:19302", Some(("stun.example.com", 19302))),
        ("[2001:db8::1]:7", Some(("2001:db8::1", 7))),
        ("[2001:db8::1]", Some(("2001:db8::1", 3478))),
        ("a b", None),
        ("x:0", None),
        ("x:99999", None),
        ("https://x", None),
        ("", None),
    ] {
        assert_eq!(host_and_port(text), expected, "{text}");
    }
    let settings = |stun: &str, echo: &str| NetworkCheckSettings {
        stun_servers: vec![stun.to_owned()],
        echo_urls: vec![echo.to_owned()],
    };
    assert_eq!(NetworkCheckSettings::default().check(), Ok(()));
    assert_eq!(settings("a b", "https://x.example").check().unwrap_err().0, "stun_servers");
    assert_eq!(settings("a", "http://x.example").check().unwrap_err().0, "echo_urls");
}

#[tokio::test]
async fn a_port_that_a_call_uses_is_left_alone_and_said_so() {
    let busy = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let first = busy.local_addr().unwrap().port() & !1;
    let range = PortRange { first, last: first + 60 };
    let ports = SoundPorts::open(range, &PortCheck::default());
    assert!(ports.passed_over.contains(&first) || busy.local_addr().unwrap().port() != first, "{ports:?}");
    assert!(!ports.held.contains(&busy.local_addr().unwrap().port()));
    assert!(ports.held.len() <= 3 && !ports.held.is_empty(), "{ports:?}");
    drop(ports);
    drop(busy);
}
