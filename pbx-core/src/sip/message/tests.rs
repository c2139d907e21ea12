//! Names in any spelling, and values that cannot make a line of their own.

use super::*;

fn request() -> Request {
    let mut request = Request::new(Method::Invite, "sip:a@b");
    for (name, value) in [
        (HeaderName::Via, "SIP/2.0/UDP a;branch=1"),
        (HeaderName::Via, "SIP/2.0/UDP b;branch=2"),
        (HeaderName::From, "<sip:a>;tag=f"),
        (HeaderName::To, "<sip:b>"),
        (HeaderName::CallId, "c"),
        (HeaderName::CSeq, "1 INVITE"),
        (HeaderName::Contact, "<sip:a>"),
    ] {
        request.headers.push(name, value);
    }
    request
}

#[test]
fn every_name_is_found_in_any_case_and_in_its_short_form() {
    for (long, short) in [
        ("Via", "v"),
        ("From", "f"),
        ("To", "t"),
        ("Call-ID", "i"),
        ("Contact", "m"),
        ("Supported", "k"),
        ("Content-Length", "l"),
        ("Content-Type", "c"),
        ("Event", "o"),
        ("Refer-To", "r"),
        ("Session-Expires", "x"),
        ("Content-Encoding", "e"),
        ("Subject", "s"),
    ] {
        let name = HeaderName::known(long).unwrap();
        assert_eq!(name.as_str(), long);
        for spelling in [short, &short.to_uppercase(), &long.to_lowercase(), &long.to_uppercase()] {
            assert_eq!(HeaderName::known(spelling).as_ref(), Some(&name), "{spelling}");
        }
    }
    for long in
        ["CSeq", "Max-Forwards", "Authorization", "Proxy-Authorization", "Expires", "Replaces", "RAck", "RSeq", "Path"]
    {
        assert_eq!(HeaderName::from_text(long.to_lowercase().into()).as_str(), long);
    }
    assert_eq!(HeaderName::from_text("X-Via".into()), HeaderName::Other("X-Via".into()));
    assert_eq!((HeaderName::known(""), HeaderName::known("w"), HeaderName::known("Vib")), (None, None, None));
}

#[test]
fn methods_are_case_sensitive() {
    assert_eq!(Method::from_text("INVITE".into()), Method::Invite);
    assert_eq!(Method::from_text("Invite".into()), Method::Other("Invite".into()));
    assert_eq!(Method::from_text("INVITEX".into()).as_str(), "INVITEX");
}

#[test]
fn no_text_can_start_a_line_of_its_own() {
    let mut request = Request::new(Method::Other("A\r\nX: 1".into()), "sip:a\r\nX: 2");
    request.headers.push(HeaderName::Subject, "a\r\nX: 3");
    request.headers.set(HeaderName::Reason, "a\nX: 4\0");
    request.headers.set(HeaderName::Reason, "b\nX: 5\0");
    assert_eq!(
        request.to_bytes(),
        "A  X: 1 sip:a  X: 2 SIP/2.0\r\nSubject: a  X: 3\r\nReason: b X: 5 \r\nContent-Length: 0\r\n\r\n"
    );
}

#[test]
fn setting_a_header_leaves_one_line_in_the_place_of_the_first() {
    let mut headers = request().headers;
    headers.set(HeaderName::Via, "x");
    let names: Vec<_> = headers.iter().map(|header| (header.name.as_str(), header.value.as_str())).take(2).collect();
    assert_eq!(names, [("Via", "x"), ("From", "<sip:a>;tag=f")]);
    headers.set(HeaderName::Expires, "1");
    assert_eq!(headers.iter().last().unwrap().name, HeaderName::Expires);
    headers.remove(&HeaderName::Via);
    assert_eq!((headers.get(&HeaderName::Via), headers.len(), headers.is_empty()), (None, 6, false));
}

#[test]
fn an_answer_repeats_what_it_must_and_tags_to_once() {
    let answer = Response::to(&request(), 180, "Ringing", "t1");
    assert_eq!(
        answer.to_bytes(),
        "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP a;branch=1\r\nVia: SIP/2.0/UDP b;branch=2\r\nFrom: <sip:a>;tag=f\r\n\
         To: <sip:b>;tag=t1\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
    );
    assert!(!Response::to(&request(), 100, "Trying", "t1").to_bytes().windows(2).any(|window| window == b"t1"));
    let mut in_dialog = request();
    in_dialog.headers.set(HeaderName::To, "<sip:b>;tag=old");
    let answer = Response::to(&in_dialog, 200, "OK", "t1");
    assert_eq!(answer.headers.get(&HeaderName::To).unwrap().as_str(), "<sip:b>;tag=old");
}

#[test]
fn a_body_is_counted() {
    let mut request = request();
    request.body = "v=0\r\n".into();
    assert!(request.to_bytes().ends_with(b"Content-Length: 5\r\n\r\nv=0\r\n"));
}

#[test]
fn a_tag_is_found_only_where_it_is_a_parameter() {
    assert_eq!(tag_of("\"x;tag=1\" <sip:a;tag=2>;x=\">;tag=3\";TAG = 4"), Some("4"));
    assert_eq!(tag_of("sip:a;tag=5"), Some("5"));
    assert!(!has_tag("<sip:a;tag=2>") && !has_tag("<sip:a>;tag=") && !has_tag("\"<sip:a>;tag=1"));
}
