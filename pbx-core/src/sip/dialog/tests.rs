use proptest::prelude::*;

use super::*;
use crate::model::{ConnectionId, Transport};

fn flow() -> Flow {
    Flow {
        transport: Transport::Tls,
        local: "192.0.2.1:5061".parse().unwrap(),
        remote: "203.0.113.9:40000".parse().unwrap(),
        connection: ConnectionId(7),
    }
}

fn invite() -> Request {
    let mut invite = Request::new(Method::Invite, "sip:20@10.0.0.5:5060;ob?Subject=x");
    let headers = &mut invite.headers;
    headers.push(HeaderName::From, "\"Desk; <one>\" <sip:10@pbx.example;user=phone>;tag=aa;epid=7");
    headers.push(HeaderName::To, "<sip:20@pbx.example>");
    headers.push(HeaderName::CallId, "call-1");
    headers.push(HeaderName::CSeq, "4 INVITE");
    headers.push(HeaderName::Contact, "<sip:10@10.0.0.9:5062;transport=tls?X=y>;expires=60, <sip:other@x>");
    headers.push(HeaderName::RecordRoute, "<sip:p1.example;lr>, \"P, two\" <sip:p2.example;lr=on>;x=1");
    headers.push(HeaderName::RecordRoute, "<sip:p3.example;lr>");
    invite
}

fn ok(contact: Option<&'static str>) -> Response {
    let mut response = Response::to(&invite(), 200, "OK", "bb");
    if let Some(contact) = contact {
        response.headers.push(HeaderName::Contact, contact);
    }
    response.headers.push(HeaderName::RecordRoute, "<sip:p1.example;lr>,<sip:p2.example;lr>");
    response
}

fn received() -> Dialog {
    Dialog::of_received(flow(), &invite(), "bb").unwrap()
}

fn sent() -> Dialog {
    Dialog::of_sent(flow(), &invite(), &ok(Some("<sip:20@10.0.0.5:5060;ob>"))).unwrap()
}

fn text(request: &Request, name: HeaderName) -> String {
    request.headers.all(&name).map(|value| value.as_str()).collect::<Vec<_>>().join(" | ")
}

/// A request of the peer in [`received`].
fn theirs(method: Method, cseq: u32) -> Request {
    let mut request = Request::new(method.clone(), "sip:pbx@192.0.2.1");
    request.headers.push(HeaderName::From, "<sip:10@pbx.example>;tag=aa");
    request.headers.push(HeaderName::To, "<sip:20@pbx.example>;tag=bb");
    request.headers.push(HeaderName::CallId, "call-1");
    request.headers.push(HeaderName::CSeq, format!("{cseq} {method}"));
    request
}

#[test]
fn the_called_side_keeps_the_routes_in_order_and_swaps_from_and_to() {
    let mut dialog = received();
    let bye = dialog.request(Method::Bye);
    assert_eq!(bye.uri.as_str(), "sip:10@10.0.0.9:5062;transport=tls");
    assert_eq!(text(&bye, HeaderName::From), "<sip:20@pbx.example>;tag=bb");
    assert_eq!(text(&bye, HeaderName::To), "\"Desk; <one>\" <sip:10@pbx.example;user=phone>;tag=aa");
    assert_eq!(
        text(&bye, HeaderName::Route),
        "<sip:p1.example;lr> | \"P, two\" <sip:p2.example;lr=on>;x=1 | <sip:p3.example;lr>"
    );
    assert_eq!(text(&bye, HeaderName::CallId), "call-1");
    assert_eq!(text(&bye, HeaderName::MaxForwards), "70");
    assert_eq!(text(&bye, HeaderName::CSeq), "1 BYE");
    assert_eq!(text(&dialog.request(Method::Update), HeaderName::CSeq), "2 UPDATE");
}

#[test]
fn the_calling_side_reverses_the_routes_and_goes_on_counting() {
    let mut dialog = sent();
    let bye = dialog.request(Method::Bye);
    assert_eq!(bye.uri.as_str(), "sip:20@10.0.0.5:5060;ob");
    assert_eq!(text(&bye, HeaderName::From), "\"Desk; <one>\" <sip:10@pbx.example;user=phone>;tag=aa");
    assert_eq!(text(&bye, HeaderName::To), "<sip:20@pbx.example>;tag=bb");
    assert_eq!(text(&bye, HeaderName::Route), "<sip:p2.example;lr> | <sip:p1.example;lr>");
    assert_eq!(text(&bye, HeaderName::CSeq), "5 BYE");
    assert_eq!(dialog.remote_cseq, None);
}

#[test]
fn the_ack_carries_the_number_of_its_invite_and_counts_nothing() {
    let mut dialog = sent();
    let reinvite = dialog.request(Method::Invite);
    assert_eq!(text(&reinvite, HeaderName::CSeq), "5 INVITE");
    let ack = dialog.ack(4);
    assert_eq!(text(&ack, HeaderName::CSeq), "4 ACK");
    assert_eq!(ack.uri.as_str(), "sip:20@10.0.0.5:5060;ob");
    assert_eq!(text(&ack, HeaderName::Route), "<sip:p2.example;lr> | <sip:p1.example;lr>");
    assert_eq!(dialog.local_cseq, 5);
}

#[test]
fn a_strict_router_gets_the_request_uri_and_the_target_becomes_the_last_route() {
    let mut dialog = sent();
    dialog.route_set = vec!["<sip:strict.example;method=INVITE?a=b>".into(), "<sip:p1.example;lr>".into()];
    let bye = dialog.request(Method::Bye);
    assert_eq!(bye.uri.as_str(), "sip:strict.example");
    assert_eq!(text(&bye, HeaderName::Route), "<sip:p1.example;lr> | <sip:20@10.0.0.5:5060;ob>");
}

#[test]
fn lr_counts_only_as_a_parameter_of_the_uri() {
    let loose = ["sip:a;lr", "sip:a;LR=on;x", "sip:u;x@a;transport=tcp;lr", "sip:a;lr?h=v"];
    let strict = ["sip:a", "sip:lr@a", "sip:u;lr@a", "sip:a?x=;lr", "sip:a;lrx"];
    for uri in loose {
        assert_eq!(strict_router(&format!("<{uri}>;x")), None, "{uri}");
    }
    for uri in strict {
        assert!(strict_router(&format!("Proxy <{uri}>;lr")).is_some(), "{uri}");
    }
    assert_eq!(strict_router("<not a route"), None, "carried as it is");
}

#[test]
fn the_2xx_after_an_early_dialog_brings_its_own_routes_and_target() {
    let mut early = ok(Some("<sip:early@10.0.0.5>"));
    early.status = 180;
    early.headers.remove(&HeaderName::RecordRoute);
    let mut dialog = Dialog::of_sent(flow(), &invite(), &early).unwrap();
    assert!(dialog.route_set.is_empty());
    dialog.answered(&ok(Some("<sip:final@10.0.0.5>"))).unwrap();
    assert_eq!(dialog.remote_target, "sip:final@10.0.0.5");
    assert_eq!(dialog.route_set, ["<sip:p2.example;lr>", "<sip:p1.example;lr>"]);
}

#[test]
fn a_target_refresh_changes_the_target_and_not_the_routes_or_the_flow() {
    let mut dialog = received();
    let before = dialog.clone();
    let mut reinvite = theirs(Method::Invite, 5);
    dialog.refresh(&reinvite.headers);
    assert_eq!(dialog, before, "no Contact, no change");
    reinvite.headers.push(HeaderName::Contact, "sip:10@10.0.0.77;x=1");
    reinvite.headers.push(HeaderName::RecordRoute, "<sip:new.example;lr>");
    dialog.refresh(&reinvite.headers);
    assert_eq!(dialog.remote_target, "sip:10@10.0.0.77", "without brackets the parameter is the header's");
    assert_eq!((dialog.route_set, dialog.flow), (before.route_set, before.flow));
}

#[test]
fn a_contact_that_could_break_the_request_line_or_says_nothing_is_not_used() {
    for contact in ["<sip:a b@c>", "*", "<>", "", "<sip:a\tSIP/2.0>"] {
        let dialog = Dialog::of_sent(flow(), &invite(), &ok(Some(contact))).unwrap();
        assert_eq!(dialog.remote_target, "sip:20@10.0.0.5:5060;ob", "{contact:?}");
    }
    assert_eq!(Dialog::of_sent(flow(), &invite(), &ok(None)).unwrap().remote_target, "sip:20@10.0.0.5:5060;ob");
    let mut no_contact = invite();
    no_contact.headers.remove(&HeaderName::Contact);
    let dialog = Dialog::of_received(flow(), &no_contact, "bb").unwrap();
    assert_eq!(dialog.remote_target, "sip:10@pbx.example;user=phone");
}

#[test]
fn a_message_without_its_headers_makes_no_dialog() {
    for name in [HeaderName::From, HeaderName::To, HeaderName::CallId, HeaderName::CSeq] {
        let mut broken = invite();
        broken.headers.remove(&name);
        let error = Dialog::of_received(flow(), &broken, "bb").unwrap_err();
        assert_eq!(error, DialogError::Header(name.clone()));
        assert!(error.to_string().contains(name.as_str()));
    }
    for cseq in ["", "x INVITE", "-1 INVITE", "99999999999 INVITE"] {
        let mut broken = invite();
        broken.headers.set(HeaderName::CSeq, cseq);
        assert_eq!(Dialog::of_received(flow(), &broken, "bb"), Err(DialogError::Header(HeaderName::CSeq)));
    }
}

#[test]
fn too_many_routes_make_no_dialog() {
    let mut long = invite();
    long.headers.set(HeaderName::RecordRoute, vec!["<sip:p.example;lr>"; MAX_ROUTES + 1].join(","));
    assert_eq!(Dialog::of_received(flow(), &long, "bb"), Err(DialogError::TooManyRoutes(MAX_ROUTES + 1)));
}

#[test]
fn requests_in_order_are_taken_and_older_ones_refused() {
    let mut dialog = received();
    assert_eq!(dialog.check(&theirs(Method::Info, 5)), InDialog::Ok);
    assert_eq!(dialog.check(&theirs(Method::Info, 9)), InDialog::Ok, "gaps are allowed");
    assert_eq!(dialog.check(&theirs(Method::Bye, 8)), InDialog::OldCseq);
    assert_eq!(dialog.check(&theirs(Method::Bye, 10)), InDialog::Ok);
    assert_eq!(dialog.remote_cseq, Some(10));
}

#[test]
fn an_ack_or_cancel_of_an_older_invite_is_taken_and_counts_nothing() {
    let mut dialog = received();
    assert_eq!(dialog.check(&theirs(Method::Info, 7)), InDialog::Ok);
    assert_eq!(dialog.check(&theirs(Method::Ack, 4)), InDialog::Ok);
    assert_eq!(dialog.check(&theirs(Method::Cancel, 4)), InDialog::Ok);
    assert_eq!(dialog.remote_cseq, Some(7));
}

#[test]
fn the_first_request_of_the_called_side_may_have_any_number() {
    let mut dialog = sent();
    let mut bye = theirs(Method::Bye, 0);
    bye.headers.set(HeaderName::From, "<sip:20@pbx.example>;tag=bb");
    bye.headers.set(HeaderName::To, "<sip:10@pbx.example>;tag=aa");
    assert_eq!(dialog.check(&bye), InDialog::Ok);
    assert_eq!(dialog.remote_cseq, Some(0));
}

#[test]
fn requests_with_another_tag_or_call_id_are_not_ours_and_change_nothing() {
    let before = received();
    let changes = [
        (HeaderName::From, "<sip:10@pbx.example>;tag=other"),
        (HeaderName::From, "<sip:10@pbx.example>"),
        (HeaderName::To, "<sip:20@pbx.example>;tag=other"),
        (HeaderName::To, "<sip:20@pbx.example>"),
        (HeaderName::To, "<sip:20@pbx.example;tag=bb>"),
        (HeaderName::CallId, "call-2"),
    ];
    for (name, value) in changes {
        let mut dialog = before.clone();
        let mut bye = theirs(Method::Bye, 9);
        bye.headers.set(name, value);
        assert_eq!(dialog.check(&bye), InDialog::NotOurs, "{value}");
        assert_eq!(dialog, before);
    }
    assert!(before.matches("call-1", "bb"));
    assert!(!before.matches("call-1", "aa"));
    assert!(!before.matches("Call-1", "bb"));
}

#[test]
fn a_peer_of_rfc_2543_has_no_tag_and_is_still_understood() {
    let mut old = invite();
    old.headers.set(HeaderName::From, "sip:10@pbx.example;user=x");
    let mut dialog = Dialog::of_received(flow(), &old, "bb").unwrap();
    let bye = dialog.request(Method::Bye);
    assert_eq!(text(&bye, HeaderName::To), "<sip:10@pbx.example>");
    let mut theirs = theirs(Method::Bye, 9);
    theirs.headers.set(HeaderName::From, "sip:10@pbx.example");
    assert_eq!(dialog.check(&theirs), InDialog::Ok);
}

#[test]
fn forked_answers_make_dialogs_that_only_their_own_requests_fit() {
    let other = Response::to(&invite(), 200, "OK", "cc");
    let mut one = sent();
    let mut two = Dialog::of_sent(flow(), &invite(), &other).unwrap();
    let mut bye = theirs(Method::Bye, 1);
    bye.headers.set(HeaderName::From, "<sip:20@pbx.example>;tag=cc");
    bye.headers.set(HeaderName::To, "<sip:10@pbx.example>;tag=aa");
    assert_eq!((one.check(&bye), two.check(&bye)), (InDialog::NotOurs, InDialog::Ok));
}

proptest! {
    #[test]
    fn whatever_the_peer_writes_our_requests_keep_their_shape(
        value in "[ -~é\t]{0,60}",
        other in "[<>\";,@:?= a]{0,30}",
        which in 0..5_usize,
    ) {
        let names =
            [HeaderName::From, HeaderName::To, HeaderName::Contact, HeaderName::RecordRoute, HeaderName::CallId];
        let mut hostile = invite();
        hostile.headers.set(names[which].clone(), format!("{value}{other}"));
        if let Ok(mut dialog) = Dialog::of_received(flow(), &hostile, "bb") {
            let bytes = dialog.request(Method::Bye).to_bytes();
            let text = std::str::from_utf8(&bytes).unwrap();
            let (start, rest) = text.split_once("\r\n").unwrap();
            prop_assert_eq!(start.split(' ').count(), 3, "{}", start);
            prop_assert!(start.ends_with(" SIP/2.0"));
            prop_assert_eq!(rest.matches("\r\nCSeq: 1 BYE\r\n").count(), 1);
            dialog.check(&hostile);
            dialog.refresh(&hostile.headers);
        }
    }
}
