//! What the guard lets in, what it answers and what it drops; and that nothing can make it panic.

use bytes::Bytes;
use proptest::prelude::*;

use super::{MAX_DATAGRAM, MAX_STREAM_MESSAGE, MAX_VIAS, Refusal, check};
use crate::model::Transport;
use crate::sip::message::{HeaderName, Message, Method, Request};

/// A REGISTER as a phone app sends it, with Authorization and push parameters.
pub(in crate::sip) const REGISTER: &str = concat!(
    "REGISTER sip:pbx.example.com SIP/2.0\r\n",
    "Via: SIP/2.0/TLS 10.0.0.23:49152;branch=z9hG4bK.Lq1dT0xYp;rport\r\n",
    "From: \"Alice Ämter\" <sip:101@pbx.example.com>;tag=5FJ~xkPqR\r\n",
    "To: sip:101@pbx.example.com\r\n",
    "CSeq: 21 REGISTER\r\n",
    "Call-ID: 3nR2zYc8Qw\r\n",
    "Max-Forwards: 70\r\n",
    "Supported: replaces, outbound, gruu, path, record-aware\r\n",
    "Accept: application/sdp, text/plain, application/vnd.gsma.rcs-ft-http+xml\r\n",
    "Contact: <sip:101@10.0.0.23:49152;transport=tls;pn-prid=740f4707bebcf74f9b7c25d48e3358945f6aa01da5ddb387462c7eaf61bb78ad:voip",
    ";pn-provider=apns;pn-param=ABCD1234.com.example.phone.voip;pn-silent=1;pn-timeout=0>;",
    "+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000a95a0e128>\";reg-id=1;expires=3600\r\n",
    "Expires: 3600\r\n",
    "User-Agent: ExamplePhone/5.2.0 (iPhone) ExampleSDK/5.3.0\r\n",
    "Authorization: Digest realm=\"pbx.example.com\", nonce=\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\", algorithm=SHA-256, ",
    "username=\"101\", uri=\"sip:pbx.example.com\", ",
    "response=\"8ca523f5e9506fed4657c9700eebdbec8ca523f5e9506fed4657c9700eebdbec\", cnonce=\"0a4f113b7f2a\", ",
    "nc=00000001, qop=auth\r\n",
    "Content-Length: 0\r\n",
    "\r\n",
);

const OPTIONS: &str = "OPTIONS sip:pbx SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
                       To: <sip:pbx>\r\nCall-ID: c1\r\nCSeq: 1 OPTIONS\r\n\r\n";

fn udp(text: &str) -> Result<Message, Refusal> {
    check(Bytes::copy_from_slice(text.as_bytes()), Transport::Udp)
}

fn accepted(text: &str) -> Request {
    match udp(text) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

/// `OPTIONS` with one piece of text replaced; the piece must be there.
fn changed(from: &str, to: &str) -> String {
    assert!(OPTIONS.contains(from), "{from:?}");
    OPTIONS.replacen(from, to, 1)
}

fn refused(text: &str) -> (u16, &'static str) {
    let refusal = udp(text).unwrap_err();
    let reply = refusal.reply.unwrap_or_else(|| panic!("no reply: {}", refusal.reason));
    assert!(reply.starts_with(format!("SIP/2.0 {} {}\r\n", refusal.status, refusal.reason).as_bytes()));
    assert!(check(reply, Transport::Udp).is_ok(), "the phone could not read the answer");
    (refusal.status, refusal.reason)
}

#[test]
fn a_register_is_read_without_copying_its_headers() {
    let raw = Bytes::from_static(REGISTER.as_bytes());
    let Ok(Message::Request(request)) = check(raw.clone(), Transport::Tls) else { panic!() };
    assert_eq!((request.method, request.uri.as_str()), (Method::Register, "sip:pbx.example.com"));
    assert_eq!(request.headers.len(), 12);
    let range = raw.as_ptr_range();
    assert!(request.headers.iter().all(|header| range.contains(&header.value.as_ptr())));
}

#[test]
fn what_the_guard_read_is_written_back_as_it_was() {
    let Ok(Message::Request(request)) = udp(REGISTER) else { panic!() };
    assert_eq!(request.to_bytes(), REGISTER);
}

#[test]
fn odd_phones_are_let_in() {
    let oddities = [
        ("sip:pbx SIP", "tel:+4930123456 SIP"),
        ("<sip:a@b>", "tel:+4930123456"),
        ("sip:pbx SIP", "sip:*21#@pbx SIP"),
        ("<sip:a@b>", "\"J \\\"Q\\\" X\" <sip:*21#@my_pbx.local>"),
        ("From", "f"),
        ("Call-ID: c1", "i:c1"),
        ("CSeq: 1 OPTIONS", "CSEQ :\t1 \t OPTIONS"),
        ("To: <sip:pbx>", "To:\r\n <sip:pbx>"),
        (";branch=z9hG4bK1", ""),
        (";tag=1", ""),
        ("OPTIONS sip", "\r\n\r\nOPTIONS sip"),
        ("SIP/2.0\r\nVia", "sip/2.0\r\nVia"),
        ("To: <sip:pbx>", "To: <http://unknown.example>"),
        ("CSeq: 1", "X-Empty:\r\nCSeq: 1"),
        ("CSeq: 1", "Content-Length: 0\r\nl: 0\r\nCSeq: 1"),
    ];
    for (from, to) in oddities {
        accepted(&changed(from, to));
    }
    accepted(&OPTIONS.replace("\r\n", "\n"));
}

#[test]
fn a_latin_1_name_becomes_utf_8_and_the_body_stays_as_it_is() {
    let mut raw = changed("<sip:a@b>", "\"Jxrg\" <sip:a@b>").into_bytes();
    let at = raw.windows(4).position(|window| window == b"Jxrg").unwrap() + 1;
    raw[at] = 0xf6;
    raw.extend([0xff, 0x00, 0xfe]);
    let Ok(Message::Request(request)) = check(raw.into(), Transport::Udp) else { panic!() };
    assert_eq!(request.headers.get(&HeaderName::From).unwrap().as_str(), "\"Jörg\" <sip:a@b>;tag=1");
    assert_eq!(request.body.as_ref(), [0xff, 0x00, 0xfe]);
}

#[test]
fn a_datagram_body_is_cut_at_content_length_and_a_short_one_refused() {
    let with = |length: &str, body: &str| format!("{}{body}", changed("CSeq", &format!("l: {length}\r\nCSeq")));
    assert_eq!(accepted(&with("3", "abcdef")).body, "abc");
    assert_eq!(accepted(&format!("{OPTIONS}abcdef")).body, "abcdef");
    assert_eq!(refused(&with("7", "abcdef")).0, 400);
    for length in ["-1", "+1", "1e3", "0x5", "18446744073709551615", "18446744073709551616", "", "1, 1", "5 5"] {
        assert_eq!(refused(&with(length, "abcdef")).0, 400, "{length:?}");
    }
}

#[test]
fn each_fault_has_its_status() {
    let long = |text: &str, count: usize| text.repeat(count);
    let faults = [
        (changed("SIP/2.0\r\n", "SIP/3.0\r\n"), 505),
        (changed("sip:pbx SIP", "mailto:a@b SIP"), 416),
        (changed("sip:pbx SIP", &format!("sip:{} SIP", long("a", 509))), 414),
        (changed("sip:pbx SIP", "sip:2001:db8::1 SIP"), 400),
        (changed("sip:pbx SIP", "sip:a@ SIP"), 400),
        (changed("sip:pbx SIP", "pbx SIP"), 400),
        (changed("OPTIONS sip", "OPT(IONS sip"), 400),
        (changed("1 OPTIONS", "1 INVITE"), 400),
        (changed("1 OPTIONS", "2147483648 OPTIONS"), 400),
        (changed("Call-ID: c1", &format!("Call-ID: {}", long("a", 257))), 400),
        (changed("tag=1", &format!("tag={}", long("a", 257))), 400),
        (changed("z9hG4bK1", &format!("z9hG4bK{}", long("a", 250))), 400),
        (changed("CSeq", "no colon here\r\nCSeq"), 400),
        (changed("CSeq", "Bad Name: 1\r\nCSeq"), 400),
        (changed("CSeq", "X\u{a0}: 1\r\nCSeq"), 400),
        (changed("CSeq", "X: a\u{7}b\r\nCSeq"), 400),
        (changed("CSeq", "X: a\0b\r\nCSeq"), 400),
        (changed("CSeq", "X: a\rb\r\nCSeq"), 400),
        (changed("CSeq", &format!("{}CSeq", long("X: 1\r\n", 124))), 400),
        (changed("CSeq", &format!("X: {}\r\nCSeq", long("a", 8190))), 400),
        (changed("CSeq", &format!("Route: {}\r\nCSeq", ["<sip:a>"; 17].join(","))), 400),
        (changed("CSeq", "To: <sip:b>\r\nCSeq"), 400),
        (changed("CSeq", "Contact: <sip:a@b\r\nCSeq"), 400),
    ];
    for (text, status) in faults {
        let refusal = udp(&text).unwrap_err();
        assert_eq!((refusal.status, refusal.reply.is_some()), (status, true), "{text}");
    }
}

#[test]
fn the_limits_themselves_are_let_in() {
    accepted(&changed("sip:pbx SIP", &format!("sip:{} SIP", "a".repeat(508))));
    accepted(&changed("Call-ID: c1", &format!("Call-ID: {}", "a".repeat(256))));
    accepted(&changed("CSeq", &format!("{}CSeq", "X: 1\r\n".repeat(123))));
    accepted(&changed("CSeq", &format!("X: {}\r\nCSeq", "a".repeat(8189))));
    accepted(&changed("CSeq", &format!("Route: {}\r\nCSeq", ["<sip:a>"; 16].join(","))));
    accepted(&changed("CSeq: 1", "CSeq: 2147483647"));
    accepted(&format!("{OPTIONS}{}", "x".repeat(MAX_DATAGRAM - OPTIONS.len())));
}

#[test]
fn too_large_a_message_is_refused_with_its_own_headers_repeated() {
    assert_eq!(udp(&format!("{OPTIONS}{}", "x".repeat(MAX_DATAGRAM))).unwrap_err().status, 413);
    let stream = format!("{OPTIONS}{}", "x".repeat(MAX_STREAM_MESSAGE));
    let refusal = check(stream.into(), Transport::Tcp).unwrap_err();
    assert_eq!(refusal.status, 413);
    let reply = String::from_utf8(refusal.reply.unwrap().to_vec()).unwrap();
    assert!(reply.contains("\r\nCall-ID: c1\r\n") && reply.len() < 300, "{reply}");
}

#[test]
fn a_refusal_repeats_the_request_and_always_has_the_same_tag() {
    let text = changed("sip:pbx SIP", "mailto:a SIP");
    let reply = udp(&text).unwrap_err().reply.unwrap();
    assert_eq!(Some(&reply), udp(&text).unwrap_err().reply.as_ref());
    let Ok(Message::Response(response)) = check(reply, Transport::Udp) else { panic!() };
    assert_eq!(response.status, 416);
    let value = |name| response.headers.get(&name).unwrap().to_string();
    assert_eq!(value(HeaderName::Via), "SIP/2.0/UDP a;branch=z9hG4bK1");
    assert_eq!(value(HeaderName::CSeq), "1 OPTIONS");
    assert!(value(HeaderName::To).starts_with("<sip:pbx>;tag="));
}

#[test]
fn a_refusal_carries_no_control_character_back() {
    let text = changed("Call-ID: c1", "Call-ID: c\u{1b}[2J\0");
    let reply = udp(&text).unwrap_err().reply.unwrap();
    assert!(reply.iter().all(|&byte| byte >= b' ' || byte == b'\r' || byte == b'\n'));
}

#[test]
fn acks_responses_and_fragments_are_dropped_without_an_answer() {
    let ack = OPTIONS.replace("OPTIONS", "ACK").replace("tag=1", "tag=<");
    assert_eq!(udp(&ack.replace("sip:pbx SIP", "mailto:a SIP")).unwrap_err().reply, None);
    let response = OPTIONS.replace("OPTIONS sip:pbx SIP/2.0", "SIP/2.0 200 OK");
    assert!(udp(&response).is_ok());
    for broken in ["SIP/2.0 99 Low", "SIP/2.0 700 High", "SIP/2.0 20 Short", "SIP/2.0 2000 Long", "SIP/3.0 200 OK"] {
        assert_eq!(udp(&response.replace("SIP/2.0 200 OK", broken)).unwrap_err().reply, None, "{broken}");
    }
    for header in ["Via", "From", "To", "Call-ID", "CSeq"] {
        let missing = OPTIONS.replace(&format!("{header}:"), "X:");
        assert_eq!(udp(&missing).unwrap_err().reply, None, "{header}");
    }
    for text in ["", "\r\n\r\n", "\0\0", "OPTIONS", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", ": \r\n\r\n", "\r\n \r\n\r\n"]
    {
        assert_eq!(udp(text).unwrap_err().reply, None, "{text:?}");
    }
}

#[test]
fn a_stream_message_needs_its_content_length() {
    assert_eq!(
        check(Bytes::from_static(OPTIONS.as_bytes()), Transport::Tcp).unwrap_err().reason,
        "Content-Length is missing"
    );
    assert!(check(changed("CSeq", "l: 0\r\nCSeq").into(), Transport::Tcp).is_ok());
}

#[test]
fn a_message_that_went_too_far_round_is_refused() {
    let with = |count: usize| changed("Via: ", &format!("Via: {}", "SIP/2.0/UDP b;branch=z9hG4bK2,".repeat(count - 1)));
    accepted(&with(MAX_VIAS));
    let refusal = udp(&with(MAX_VIAS + 1)).unwrap_err();
    assert_eq!((refusal.status, refusal.reason), (400, "Too many Via or Route values"));
}

/// Bytes that look like SIP often enough to get past the first checks.
fn sip_like() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        "INVITE",
        "ACK",
        "SIP/2.0",
        " ",
        "\r\n",
        "\n",
        "\r",
        "\r\n ",
        "\t",
        ":",
        ";",
        ",",
        "=",
        "<",
        ">",
        "\"",
        "\\",
        "@",
        "%",
        "%4",
        "%41",
        "[",
        "]",
        "::1",
        "sip:",
        "tel:",
        "Via",
        "v",
        "From",
        "To",
        "Call-ID",
        "CSeq",
        "Contact",
        "*",
        "Content-Length",
        "l",
        "0",
        "1",
        "99999999999999999999",
        "-1",
        "branch",
        "z9hG4bK",
        "tag",
        "z",
        "é",
        "\0",
        "?",
        "SIP/2.0/UDP",
        "SIP / 2.0 / UDP",
        "received",
        "rport",
        "Digest",
        "nonce",
        "\r\n\r\n",
        "expires",
        "q",
        "Route",
    ]);
    let piece = prop_oneof![8 => pieces.prop_map(|text| text.as_bytes().to_vec()), 1 => prop::collection::vec(any::<u8>(), 1..3)];
    prop::collection::vec(piece, 0..80).prop_map(|pieces| pieces.concat())
}

/// A real message with some bytes changed, cut out or doubled.
pub(in crate::sip) fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let sample = prop::sample::select(vec![REGISTER, OPTIONS]);
    let change = (any::<prop::sample::Index>(), 0_u8..4, any::<u8>(), 1_usize..12);
    (sample, prop::collection::vec(change, 1..8)).prop_map(|(sample, changes)| {
        let mut bytes = sample.as_bytes().to_vec();
        for (index, kind, byte, len) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = index.index(bytes.len());
            let end = (at + len).min(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => drop(bytes.drain(at..end)),
                2 => bytes.insert(at, byte),
                _ => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
            }
        }
        bytes
    })
}

/// Whatever is let in can be written and read again to the same message.
fn survives(bytes: Vec<u8>, transport: Transport) {
    match check(bytes.into(), transport) {
        Ok(Message::Request(request)) => {
            let again = check(request.to_bytes(), transport);
            assert_eq!(again, Ok(Message::Request(request)));
        }
        Ok(Message::Response(response)) => {
            let again = check(response.to_bytes(), transport);
            assert_eq!(again, Ok(Message::Response(response)));
        }
        Err(refusal) => {
            if let Some(reply) = refusal.reply {
                assert!(reply.starts_with(b"SIP/2.0 "));
            }
        }
    }
}

proptest! {
    #[test]
    fn random_text_never_panics_and_what_is_let_in_survives_writing(bytes in sip_like()) {
        survives(bytes.clone(), Transport::Udp);
        survives(bytes, Transport::Tcp);
    }

    #[test]
    fn mutated_messages_never_panic_and_what_is_let_in_survives_writing(bytes in mutated()) {
        survives(bytes, Transport::Udp);
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        survives(bytes, Transport::Udp);
    }
}
