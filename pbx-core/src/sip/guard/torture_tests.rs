//! The torture messages of RFC 4475 and RFC 5118, each with the verdict the guard gives it.
//!
//! A verdict that needs the switchboard (401, 420, 481, 483, 501, …) is `Processed` here.

use std::fs;
use std::net::SocketAddr;

use bytes::Bytes;

use super::{Refusal, check};
use crate::model::{ConnectionId, Flow, Transport};
use crate::registrar::Contacts;
use crate::sip::framer::{Frame, Framer};
use crate::sip::message::{HeaderName, Message, Method, Request};
use crate::sip::uri::{NameAddr, Uri, split_list};
use crate::sip::{translate, via};

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Processed,
    Refused(u16),
    Dropped,
}

use Verdict::{Dropped, Processed, Refused};

const RFC_4475: [(&str, Verdict); 49] = [
    ("wsinv", Processed),
    ("intmeth", Processed),
    ("esc01", Processed),
    ("escnull", Processed),
    ("esc02", Processed),
    ("lwsdisp", Processed),
    ("longreq", Processed),
    ("dblreq", Processed),
    ("semiuri", Processed),
    ("transports", Processed),
    ("mpart01", Processed),
    ("unreason", Processed),
    ("noreason", Processed),
    ("badinv01", Refused(400)),
    ("clerr", Refused(400)),
    ("ncl", Refused(400)),
    ("scalar02", Refused(400)),
    ("scalarlg", Dropped),
    ("quotbal", Refused(400)),
    ("ltgtruri", Refused(400)),
    ("lwsruri", Refused(400)),
    ("lwsstart", Refused(400)),
    ("trws", Refused(400)),
    ("escruri", Refused(400)),
    ("baddate", Processed),
    ("regbadct", Refused(400)),
    ("badaspec", Refused(400)),
    ("baddn", Refused(400)),
    ("badvers", Refused(505)),
    ("mismatch01", Refused(400)),
    ("mismatch02", Processed),
    ("bigcode", Dropped),
    ("badbranch", Refused(400)),
    ("insuf", Dropped),
    ("unkscm", Refused(416)),
    ("novelsc", Refused(416)),
    ("unksm2", Refused(400)),
    ("bext01", Processed),
    ("invut", Processed),
    ("regaut01", Processed),
    ("multi01", Refused(400)),
    ("mcl01", Refused(400)),
    ("bcast", Dropped),
    ("zeromf", Processed),
    ("cparam01", Processed),
    ("cparam02", Processed),
    ("regescrt", Processed),
    ("sdp01", Processed),
    ("inv2543", Processed),
];

const RFC_5118: [(&str, Verdict); 12] = [
    ("ipv6-good", Processed),
    ("ipv6-bad", Refused(400)),
    ("port-ambiguous", Processed),
    ("port-unambiguous", Processed),
    ("via-received-param-with-delim", Processed),
    ("via-received-param-no-delim", Processed),
    ("ipv6-in-sdp", Processed),
    ("mult-ip-in-header", Processed),
    ("mult-ip-in-sdp", Processed),
    ("ipv4-mapped-ipv6", Processed),
    ("ipv6-bug-abnf-3-colons", Processed),
    ("ipv6-correct-abnf-2-colons", Processed),
];

fn fixture(folder: &str, name: &str) -> Bytes {
    let path = format!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/sip/{}/{}.dat"), folder, name);
    Bytes::from(fs::read(path).unwrap())
}

fn request(name: &str) -> Request {
    let folder = if RFC_5118.iter().any(|(known, _)| *known == name) { "rfc5118" } else { "rfc4475" };
    match check(fixture(folder, name), Transport::Udp) {
        Ok(Message::Request(request)) => request,
        other => panic!("{name}: {other:?}"),
    }
}

/// The status of an answer.
fn status(reply: &Bytes) -> u16 {
    std::str::from_utf8(&reply[8..11]).unwrap().parse().unwrap()
}

fn verdict(outcome: &Result<Message, Refusal>) -> Verdict {
    match outcome {
        Ok(_) => Processed,
        Err(Refusal { reply: None, .. }) => Dropped,
        Err(Refusal { reply: Some(reply), status: said, .. }) => {
            assert_eq!(status(reply), *said);
            Refused(*said)
        }
    }
}

#[test]
fn every_torture_message_in_a_datagram_gets_its_verdict() {
    for (folder, table) in [("rfc4475", &RFC_4475[..]), ("rfc5118", &RFC_5118[..])] {
        for (name, expected) in table {
            let outcome = check(fixture(folder, name), Transport::Udp);
            assert_eq!(verdict(&outcome), *expected, "{name}: {outcome:?}");
        }
    }
}

#[test]
fn every_torture_message_on_a_stream_gets_its_verdict_or_breaks_the_stream() {
    for (folder, table) in [("rfc4475", &RFC_4475[..]), ("rfc5118", &RFC_5118[..])] {
        for (name, expected) in table {
            let mut framer = Framer::new();
            framer.push(&fixture(folder, name));
            let first = framer.next();
            match *name {
                // The stream waits for what was promised: a body of 9999 bytes, the end of the head.
                "clerr" | "baddn" => {
                    assert_eq!(first, Ok(None), "{name}");
                    assert!(framer.is_mid_message(), "{name}");
                }
                "ncl" | "mcl01" | "inv2543" => {
                    assert_eq!(status(&first.unwrap_err().reply.unwrap()), 400, "{name}");
                }
                _ => {
                    let Ok(Some(Frame::Message(frame))) = first else { panic!("{name}: {first:?}") };
                    let outcome = check(frame, Transport::Tcp);
                    assert_eq!(verdict(&outcome), *expected, "{name}: {outcome:?}");
                }
            }
        }
    }
}

#[test]
fn two_requests_in_one_datagram_are_one_and_on_a_stream_two() {
    let raw = fixture("rfc4475", "dblreq");
    let Ok(Message::Request(register)) = check(raw.clone(), Transport::Udp) else { panic!() };
    assert_eq!((register.method, register.body.len()), (Method::Register, 0));
    let mut framer = Framer::new();
    framer.push(&raw);
    let mut methods = Vec::new();
    let broken = loop {
        match framer.next() {
            Ok(Some(Frame::Message(frame))) => match check(frame, Transport::Tcp) {
                Ok(Message::Request(request)) => methods.push(request.method),
                other => panic!("{other:?}"),
            },
            other => break other,
        }
    };
    assert_eq!(methods, [Method::Register, Method::Invite]);
    // The second body is three bytes longer than its Content-Length says.
    assert!(broken.is_err());
}

#[test]
fn folded_short_and_oddly_spaced_headers_are_read() {
    let request = request("wsinv");
    let value = |name| request.headers.get(&name).unwrap().as_str();
    assert_eq!(value(HeaderName::CSeq), "0009 INVITE");
    assert_eq!(value(HeaderName::From), r#""J Rosenberg \\\""       <sip:jdrosen@example.com> ; tag = 98asjd8"#);
    assert_eq!(value(HeaderName::Subject), "");
    assert_eq!(value(HeaderName::Other("NewFangledHeader".into())), "newfangled value continued newfangled value");
    assert_eq!(value(HeaderName::Other("UnknownHeaderWithUnusualValue".into())), ";;,,;;,;");
    assert_eq!(NameAddr::parse(value(HeaderName::From)).unwrap().display_name(), r#"J Rosenberg \""#);
    assert_eq!(NameAddr::parse(value(HeaderName::To)).unwrap().tag(), Some("1918181833n"));
    let contact = NameAddr::parse(value(HeaderName::Contact)).unwrap();
    assert_eq!((contact.param("newparam"), contact.param("q")), (Some("newvalue"), Some("0.33")));
    let top = via::top(&request.headers).unwrap();
    assert_eq!((top.transport, top.host, top.branch()), ("UDP", "192.0.2.2", Some("390skdjuw")));
    assert_eq!(request.body.len(), 150);
}

#[test]
fn control_characters_are_blanked_where_a_backslash_makes_them_legal() {
    let request = request("intmeth");
    let to = request.headers.get(&HeaderName::To).unwrap();
    assert_eq!(NameAddr::parse(to).unwrap().display_name(), "BEL:  NUL:  DEL: ");
    assert_eq!(request.method.as_str(), "!interesting-Method0123456789_*+`.%indeed'~");
}

#[test]
fn escapes_are_undone_once_and_never_in_names() {
    let esc01 = request("esc01");
    let uri = Uri::parse(&esc01.uri).unwrap();
    assert_eq!((uri.decoded_user().unwrap(), uri.host), ("sips:user@example.com".into(), "example.net"));
    let escnull = request("escnull");
    let to = NameAddr::parse(escnull.headers.get(&HeaderName::To).unwrap()).unwrap();
    assert_eq!(to.parsed_uri().unwrap().decoded_user().unwrap(), "null-\0-null");
    let esc02 = request("esc02");
    assert_eq!(esc02.method, Method::Other("RE%47IST%45R".into()));
    assert_eq!(esc02.headers.all(&HeaderName::Contact).count(), 2);
}

#[test]
fn a_user_part_may_hold_semicolons_and_question_marks() {
    let semiuri = request("semiuri");
    assert_eq!(Uri::parse(&semiuri.uri).unwrap().decoded_user().unwrap(), "user;par=u@example.net");
    let intmeth = request("intmeth");
    assert_eq!(Uri::parse(&intmeth.uri).unwrap().host, "example.com");
}

#[test]
fn a_binary_body_and_unknown_headers_leave_as_they_came() {
    let raw = fixture("rfc4475", "mpart01");
    let request = request("mpart01");
    assert!(raw.ends_with(&request.body));
    let written = request.to_bytes();
    assert!(written.ends_with(&raw[raw.len() - 557..]), "the empty line and the body");
    let Ok(Message::Request(again)) = check(written, Transport::Udp) else { panic!() };
    assert_eq!(again, request);
}

#[test]
fn contact_parameters_stay_on_their_side_of_the_bracket() {
    let listed = |name: &str| match translate::contacts(&request(name)).unwrap() {
        Contacts::List(contacts) => contacts.into_iter().map(|one| (one.uri, one.params)).collect::<Vec<_>>(),
        other @ (Contacts::Query | Contacts::RemoveAll) => panic!("{name}: {other:?}"),
    };
    let gateway = "sip:+19725552222@gw1.example.net";
    assert_eq!(listed("cparam01"), [(gateway.into(), ";unknownparam".into())]);
    assert_eq!(listed("cparam02"), [(format!("{gateway};unknownparam").into(), "".into())]);
    assert_eq!(listed("regescrt"), [("sip:user@example.com?Route=%3Csip:sip.example.com%3E".into(), "".into())]);
}

#[test]
fn brackets_decide_what_is_a_port() {
    let port = |name: &str| Uri::parse(&request(name).uri).unwrap().port;
    assert_eq!((port("port-ambiguous"), port("port-unambiguous")), (None, Some(5070)));
}

#[test]
fn a_stamp_replaces_a_received_that_was_there_before() {
    let mut request = request("via-received-param-with-delim");
    let remote: SocketAddr = "[2001:db8::9:1]:5060".parse().unwrap();
    let flow = Flow { transport: Transport::Udp, local: remote, remote, connection: ConnectionId(0) };
    via::stamp(&mut request, &flow);
    let line = request.headers.get(&HeaderName::Via).unwrap();
    assert_eq!(split_list(line).count(), 1);
    let via = via::top(&request.headers).unwrap();
    assert_eq!((via.received(), via.rport()), (Some("2001:db8::9:1"), Some("5060")));
}

#[test]
fn a_name_with_a_comma_is_refused_for_that_reason() {
    let mut raw = fixture("rfc4475", "baddn").to_vec();
    raw.extend(b"\r\n");
    assert_eq!(check(raw.into(), Transport::Udp).unwrap_err().reason, "From is not an address");
}
