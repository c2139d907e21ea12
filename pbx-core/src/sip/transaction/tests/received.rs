//! Requests of others.

use super::*;

const ANSWER_TIMES: [u64; 11] = [0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];

fn invite() -> Request {
    from_phone(Method::Invite, "z9hG4bKone", 1)
}

#[test]
fn the_request_says_where_it_came_from() {
    let mut bench = Bench::new();
    let mut request = invite();
    request.headers.set(
        HeaderName::Via,
        "SIP/2.0/UDP 10.0.0.5:5060;received=198.51.100.1;rport;branch=z9hG4bKone, SIP/2.0/UDP far;branch=z9hG4bKfar",
    );
    let Incoming::Request { request } = bench.receive(udp(), &request) else { panic!("not new") };
    let via = request.headers.get(&HeaderName::Via).unwrap();
    assert!(via.contains(";received=203.0.113.9"), "{}", via.as_str());
    assert!(via.contains(";rport=40000"));
    assert!(!via.contains("198.51.100.1"));
    assert!(via.ends_with(", SIP/2.0/UDP far;branch=z9hG4bKfar"));
}

#[test]
fn a_repeated_invite_fetches_the_last_provisional_again() {
    let mut bench = Bench::new();
    let (tx, request) = bench.accepted(udp(), &invite());
    assert_eq!(bench.receive(udp(), &invite()), Incoming::Absorbed);
    assert_eq!(bench.take_sent(), [], "there is nothing to say yet");
    bench.respond(tx, &request, 100);
    assert_eq!(bench.receive(udp(), &invite()), Incoming::Absorbed);
    assert_eq!(bench.take_sent(), [(0, "100 INVITE".into()), (0, "100 INVITE".into())]);
    bench.respond(tx, &request, 180);
    assert_eq!(bench.receive(udp(), &invite()), Incoming::Absorbed);
    assert_eq!(bench.times_of("180 INVITE"), [0, 0]);
}

#[test]
fn a_ringing_answer_is_repeated_after_a_second_on_udp_and_every_minute_everywhere_but_a_100_never() {
    for (flow, times) in [(udp(), &[0, 1000, 61_000, 121_000][..]), (tcp(), &[0, 60_000, 120_000][..])] {
        let mut bench = Bench::new();
        let (tx, request) = bench.accepted(flow, &invite());
        bench.respond(tx, &request, 180);
        bench.pass_millis(125_000);
        assert_eq!(bench.times_of("180 INVITE"), times);
        bench.respond(tx, &request, 100);
        bench.pass_millis(125_000);
        assert_eq!(bench.times_of("100 INVITE"), [125_000]);
    }
}

#[test]
fn a_failure_on_udp_is_repeated_until_32_seconds_without_ack() {
    let mut bench = Bench::new();
    let (tx, request) = bench.accepted(udp(), &invite());
    bench.respond(tx, &request, 486);
    bench.pass_millis(40_000);
    assert_eq!(bench.times_of("486 INVITE"), ANSWER_TIMES);
    assert_eq!((bench.all.live(), bench.told.len()), (0, 0));
}

#[test]
fn a_failure_on_a_stream_is_sent_once_and_waits_for_its_ack() {
    let mut bench = Bench::new();
    let (tx, request) = bench.accepted(tcp(), &invite());
    bench.respond(tx, &request, 486);
    bench.pass_millis(31_000);
    assert_eq!(bench.times_of("486 INVITE"), [0]);
    assert_eq!(bench.all.live(), 1);
    assert_eq!(bench.receive(tcp(), &from_phone(Method::Ack, "z9hG4bKone", 1)), Incoming::Absorbed);
    assert_eq!(bench.all.live(), 0, "timer I is zero on a stream");
}

#[test]
fn the_ack_of_a_failure_ends_its_repetition_and_repeated_acks_and_invites_are_absorbed() {
    let mut bench = Bench::new();
    let ack = from_phone(Method::Ack, "z9hG4bKone", 1);
    let (tx, request) = bench.accepted(udp(), &invite());
    bench.respond(tx, &request, 486);
    bench.pass_millis(600);
    assert_eq!(bench.receive(udp(), &invite()), Incoming::Absorbed);
    assert_eq!(bench.times_of("486 INVITE"), [0, 500, 600]);
    assert_eq!(bench.receive(udp(), &ack), Incoming::Absorbed);
    bench.pass_millis(4000);
    assert_eq!(bench.receive(udp(), &ack), Incoming::Absorbed);
    assert_eq!(bench.receive(udp(), &invite()), Incoming::Absorbed);
    assert_eq!(bench.take_sent(), []);
    bench.pass_millis(1000);
    assert_eq!(bench.all.live(), 0, "timer I is 5 s");
}

#[test]
fn uac_bad_ack_an_ack_with_another_branch_does_not_end_the_repetition_of_a_failure() {
    let mut bench = Bench::new();
    let (tx, request) = bench.accepted(udp(), &invite());
    bench.respond(tx, &request, 486);
    assert!(matches!(bench.receive(udp(), &from_phone(Method::Ack, "z9hG4bKtwo", 1)), Incoming::Ack { .. }));
    bench.pass_millis(40_000);
    assert_eq!(bench.times_of("486 INVITE"), ANSWER_TIMES);
    assert_eq!(bench.all.live(), 0);
}

#[test]
fn a_2xx_is_repeated_on_every_transport_until_its_ack_is_missed() {
    for flow in [udp(), tcp()] {
        let mut bench = Bench::new();
        let (tx, request) = bench.accepted(flow, &invite());
        bench.respond(tx, &request, 200);
        bench.pass_millis(40_000);
        assert_eq!(bench.times_of("200 INVITE"), ANSWER_TIMES);
        assert_eq!(bench.told, [(32_000, TxEvent::AckMissing { tx })]);
        assert_eq!(bench.all.live(), 0);
    }
}

#[test]
fn uac_inv_retrans_after_ack_a_late_invite_is_no_new_call() {
    let mut bench = Bench::new();
    let (tx, request) = bench.accepted(udp(), &invite());
    bench.respond(tx, &request, 200);
    bench.pass_millis(600);
    assert!(matches!(bench.receive(udp(), &from_phone(Method::Ack, "z9hG4bKtwo", 1)), Incoming::Ack { .. }));
    bench.all.acknowledged(tx);
    assert_eq!(bench.times_of("200 INVITE"), [0, 500]);
    bench.pass_millis(500);
    assert_eq!(bench.receive(udp(), &invite()), Incoming::Absorbed);
    assert!(matches!(bench.receive(udp(), &from_phone(Method::Ack, "z9hG4bKtwo", 1)), Incoming::Ack { .. }));
    bench.pass_millis(30_899);
    assert_eq!(bench.all.live(), 1);
    bench.pass_millis(1);
    assert_eq!(bench.all.live(), 0, "timer L counts from the 2xx");
    assert_eq!(bench.take_sent(), []);
    assert_eq!(bench.told, []);
}

#[test]
fn an_ack_of_a_2xx_that_repeats_the_branch_of_the_invite_still_reaches_the_user() {
    let mut bench = Bench::new();
    let (tx, request) = bench.accepted(udp(), &invite());
    bench.respond(tx, &request, 200);
    assert!(matches!(bench.receive(udp(), &from_phone(Method::Ack, "z9hG4bKone", 1)), Incoming::Ack { .. }));
}

#[test]
fn an_ack_before_any_final_answer_is_absorbed_and_an_ack_of_nothing_is_the_users() {
    let mut bench = Bench::new();
    bench.accepted(udp(), &invite());
    assert_eq!(bench.receive(udp(), &from_phone(Method::Ack, "z9hG4bKone", 1)), Incoming::Absorbed);
    assert!(matches!(bench.receive(udp(), &from_phone(Method::Ack, "z9hG4bKnone", 9)), Incoming::Ack { .. }));
    assert_eq!(bench.all.live(), 1);
}

#[test]
fn answers_after_the_final_one_are_ignored_but_the_same_2xx_may_be_sent_again() {
    let mut bench = Bench::new();
    let (tx, request) = bench.accepted(udp(), &invite());
    bench.respond(tx, &request, 200);
    for status in [180, 486, 200] {
        bench.respond(tx, &request, status);
    }
    assert_eq!(bench.times_of("200 INVITE"), [0, 0]);
    let (tx, request) = bench.accepted(udp(), &from_phone(Method::Invite, "z9hG4bKtwo", 2));
    bench.respond(tx, &request, 486);
    for status in [180, 486, 200] {
        bench.respond(tx, &request, status);
    }
    assert_eq!(bench.times_of("486 INVITE"), [0]);
}

#[test]
fn a_cancel_of_a_ringing_invite_is_answered_and_told_once() {
    let mut bench = Bench::new();
    let cancel = from_phone(Method::Cancel, "z9hG4bKone", 1);
    let (tx, request) = bench.accepted(udp(), &invite());
    bench.respond(tx, &request, 180);
    bench.take_sent();
    let Incoming::Cancel { invite: told, .. } = bench.receive(udp(), &cancel) else { panic!("no CANCEL") };
    assert_eq!(told, Some(tx));
    let answer = bench.last_sent();
    assert_eq!(gist(&answer), "200 CANCEL");
    assert_eq!(header(&answer, HeaderName::To), "<sip:20@pbx.example>;tag=ours", "the tag of the 180");
    assert!(header(&answer, HeaderName::Via).contains("rport=40000"));
    assert!(matches!(bench.receive(udp(), &cancel), Incoming::Cancel { invite: None, .. }));
    assert_eq!(bench.times_of("200 CANCEL"), [0, 0]);
    bench.respond(tx, &request, 487);
    bench.pass_millis(40_000);
    assert_eq!(bench.times_of("487 INVITE"), ANSWER_TIMES);
    assert_eq!(bench.all.live(), 0);
}

#[test]
fn a_cancel_that_crosses_our_200_is_answered_200_and_changes_nothing() {
    let mut bench = Bench::new();
    let (tx, request) = bench.accepted(udp(), &invite());
    bench.respond(tx, &request, 200);
    let incoming = bench.receive(udp(), &from_phone(Method::Cancel, "z9hG4bKone", 1));
    assert!(matches!(incoming, Incoming::Cancel { invite: None, .. }));
    bench.pass_millis(600);
    let sent: Vec<String> = bench.take_sent().into_iter().map(|(_, gist)| gist).collect();
    assert_eq!(sent, ["200 INVITE", "200 CANCEL", "200 INVITE"]);
}

#[test]
fn a_cancel_of_nothing_is_answered_481_with_the_same_tag_each_time() {
    let mut bench = Bench::new();
    let cancel = from_phone(Method::Cancel, "z9hG4bKone", 1);
    assert!(matches!(bench.receive(udp(), &cancel), Incoming::Cancel { invite: None, .. }));
    assert!(matches!(bench.receive(udp(), &cancel), Incoming::Cancel { invite: None, .. }));
    bench.drain();
    assert_eq!(gist(&bench.sent[0].2), "481 CANCEL");
    assert_eq!(bench.sent[0].2, bench.sent[1].2);
    assert!(header(&bench.sent[0].2, HeaderName::To).contains(";tag="));
    bench.take_sent();
    assert!(matches!(bench.receive(udp(), &invite()), Incoming::Request { .. }), "a CANCEL overtook its INVITE");
}

#[test]
fn a_cancelled_invite_the_user_forgets_ends_without_a_word() {
    let mut bench = Bench::new();
    let (tx, request) = bench.accepted(udp(), &invite());
    bench.respond(tx, &request, 180);
    bench.receive(udp(), &from_phone(Method::Cancel, "z9hG4bKone", 1));
    bench.take_sent();
    bench.pass_millis(32_000);
    assert_eq!((bench.take_sent(), bench.all.live()), (vec![], 0));
    bench.respond(tx, &request, 487);
    assert_eq!(bench.take_sent(), []);
}

#[test]
fn an_invite_the_user_leaves_alone_is_brought_back_to_mind_and_then_forgotten() {
    let mut bench = Bench::new();
    let (tx, request) = bench.accepted(udp(), &invite());
    bench.respond(tx, &request, 100);
    bench.pass_millis(600_000);
    assert_eq!(bench.told, [(600_000, TxEvent::Unanswered { tx })]);
    bench.pass_millis(31_000);
    bench.respond(tx, &request, 408);
    bench.pass_millis(40_000);
    assert_eq!(bench.all.live(), 0);
    assert_eq!(bench.take_sent().len(), 1 + ANSWER_TIMES.len());
    let (tx, _) = bench.accepted(udp(), &invite());
    bench.told.clear();
    bench.pass_millis(632_000);
    assert_eq!(bench.told, [(1_271_000, TxEvent::Unanswered { tx })]);
    assert_eq!(bench.all.live(), 0);
}

#[test]
fn uas_early_bye_a_bye_before_the_final_answer_is_a_request_of_its_own() {
    let mut bench = Bench::new();
    let (tx, request) = bench.accepted(udp(), &invite());
    bench.respond(tx, &request, 180);
    let mut bye = from_phone(Method::Bye, "z9hG4bKbye", 2);
    bye.headers.set(HeaderName::To, "<sip:20@pbx.example>;tag=ours");
    let (bye_tx, bye_request) = bench.accepted(udp(), &bye);
    bench.respond(bye_tx, &bye_request, 200);
    bench.respond(tx, &request, 487);
    let sent: Vec<String> = bench.take_sent().into_iter().map(|(_, gist)| gist).collect();
    assert_eq!(sent, ["180 INVITE", "200 BYE", "487 INVITE"]);
    assert_eq!(bench.receive(udp(), &bye), Incoming::Absorbed);
    assert_eq!(bench.times_of("200 BYE"), [0]);
}

#[test]
fn uas_reinv_glare_both_sides_refuse_and_both_transactions_end() {
    let mut bench = Bench::new();
    let (ours, sent) = bench.request(udp(), Method::Invite);
    let mut theirs = from_phone(Method::Invite, "z9hG4bKglare", 9);
    theirs.headers.set(HeaderName::To, "<sip:20@pbx.example>;tag=ours");
    let (tx, request) = bench.accepted(udp(), &theirs);
    bench.respond(tx, &request, 491);
    assert!(is_response(&bench.answer(&sent, 491, "theirs"), ours, 491));
    assert_eq!(bench.receive(udp(), &from_phone(Method::Ack, "z9hG4bKglare", 9)), Incoming::Absorbed);
    let sent: Vec<String> = bench.take_sent().into_iter().map(|(_, gist)| gist).collect();
    assert_eq!(sent, ["INVITE", "491 INVITE", "ACK"]);
    bench.pass_millis(32_000);
    assert_eq!((bench.all.live(), bench.told.len()), (0, 0));
}

#[test]
fn the_same_request_by_another_way_is_refused_as_merged() {
    let mut bench = Bench::new();
    bench.accepted(udp(), &invite());
    let other_way = from_phone(Method::Invite, "z9hG4bKother", 1);
    assert_eq!(bench.receive(tcp(), &other_way), Incoming::Absorbed);
    let answer = bench.last_sent();
    assert_eq!(gist(&answer), "482 INVITE");
    assert_eq!(bench.sent[0].1, tcp());
    assert!(header(&answer, HeaderName::To).contains(";tag="));
    let mut in_dialog = other_way.clone();
    in_dialog.headers.set(HeaderName::To, "<sip:20@pbx.example>;tag=ours");
    assert!(matches!(bench.receive(udp(), &in_dialog), Incoming::Request { .. }));
    let next = from_phone(Method::Invite, "z9hG4bKother", 2);
    assert!(matches!(bench.receive(udp(), &next), Incoming::Request { .. }));
    bench.all.flow_lost(udp(), bench.now);
    assert!(matches!(bench.receive(tcp(), &other_way), Incoming::Request { .. }), "nothing to merge with any more");
}

#[test]
fn two_phones_with_one_private_address_and_one_branch_are_two_calls() {
    let mut bench = Bench::new();
    let (one, _) = bench.accepted(udp(), &invite());
    let mut neighbour = invite();
    neighbour.headers.set(HeaderName::CallId, "call-9");
    let (two, _) = bench.accepted(Flow { remote: "203.0.113.77:5060".parse().unwrap(), ..udp() }, &neighbour);
    assert_ne!(one, two);
}

#[test]
fn a_new_request_that_reuses_the_branch_is_not_taken_for_a_repetition() {
    let mut bench = Bench::new();
    let (one, _) = bench.accepted(udp(), &invite());
    let (two, _) = bench.accepted(udp(), &from_phone(Method::Invite, "z9hG4bKone", 2));
    assert_ne!(one, two);
}

#[test]
fn branch_and_sent_by_are_compared_without_case_and_blanks() {
    let mut bench = Bench::new();
    bench.accepted(udp(), &invite());
    let mut again = invite();
    again.headers.set(HeaderName::Via, "SIP / 2.0 / UDP   10.0.0.5 : 5060 ; branch = Z9HG4BKONE");
    assert_eq!(bench.receive(udp(), &again), Incoming::Absorbed);
    again.headers.set(HeaderName::Via, "SIP/2.0/UDP 10.0.0.6:5060;branch=z9hG4bKone");
    assert!(!matches!(bench.receive(udp(), &again), Incoming::Request { .. }), "merged: another sent-by");
    assert_eq!(bench.times_of("482 INVITE"), [0]);
}

#[test]
fn a_client_of_rfc_2543_is_matched_by_what_it_says() {
    let mut bench = Bench::new();
    let (tx, request) = bench.accepted(udp(), &from_phone(Method::Invite, "1", 1));
    assert_eq!(bench.receive(udp(), &from_phone(Method::Invite, "1", 1)), Incoming::Absorbed);
    let mut other = from_phone(Method::Invite, "1", 1);
    other.headers.set(HeaderName::From, "<sip:11@pbx.example>;tag=other");
    assert!(matches!(bench.receive(udp(), &other), Incoming::Request { .. }));
    bench.respond(tx, &request, 486);
    let mut ack = from_phone(Method::Ack, "1", 1);
    ack.headers.set(HeaderName::Via, "SIP/2.0/UDP 10.0.0.5:5060;branch=1");
    assert_eq!(bench.receive(udp(), &ack), Incoming::Absorbed);
    bench.pass_millis(3000);
    assert_eq!(bench.times_of("486 INVITE"), [0]);
}

#[test]
fn another_request_is_answered_again_for_32_seconds_on_udp() {
    let mut bench = Bench::new();
    let options = from_phone(Method::Options, "z9hG4bKo", 1);
    let (tx, request) = bench.accepted(udp(), &options);
    assert_eq!(bench.receive(udp(), &options), Incoming::Absorbed);
    assert_eq!(bench.take_sent(), []);
    bench.respond(tx, &request, 100);
    bench.receive(udp(), &options);
    assert_eq!(bench.times_of("100 OPTIONS"), [0, 0]);
    bench.pass_millis(1000);
    bench.respond(tx, &request, 200);
    bench.respond(tx, &request, 500);
    bench.pass_millis(31_999);
    assert_eq!(bench.receive(udp(), &options), Incoming::Absorbed);
    assert_eq!(bench.times_of("200 OPTIONS"), [1000, 32_999]);
    bench.pass_millis(1);
    assert_eq!(bench.all.live(), 0, "timer J");
    assert!(matches!(bench.receive(udp(), &options), Incoming::Request { .. }));
}

#[test]
fn another_request_on_a_stream_ends_with_its_answer_and_unanswered_ones_after_32_seconds() {
    let mut bench = Bench::new();
    let (tx, request) = bench.accepted(tcp(), &from_phone(Method::Options, "z9hG4bKo", 1));
    bench.respond(tx, &request, 200);
    assert_eq!(bench.all.live(), 0);
    let (late, request) = bench.accepted(tcp(), &from_phone(Method::Options, "z9hG4bKp", 2));
    bench.pass_millis(32_000);
    assert_eq!(bench.all.live(), 0);
    bench.respond(late, &request, 200);
    assert_eq!(bench.times_of("200 OPTIONS"), [0], "the client has given up");
}

#[test]
fn when_the_stream_is_lost_what_came_on_it_is_forgotten_and_a_failed_send_forgets_nothing() {
    let mut bench = Bench::new();
    let (tx, request) = bench.accepted(tcp(), &invite());
    bench.all.send_failed(tcp(), bench.now);
    assert_eq!(bench.all.live(), 1);
    bench.all.flow_lost(tcp(), bench.now);
    assert_eq!(bench.all.live(), 0);
    bench.respond(tx, &request, 200);
    assert_eq!((bench.take_sent(), bench.told.len()), (vec![], 0));
    assert_eq!(bench.all.poll_timeout(), None);
}

#[test]
fn when_the_stream_is_lost_between_the_2xx_and_its_ack_the_missing_ack_is_told() {
    for acknowledged in [false, true] {
        let mut bench = Bench::new();
        let (tx, request) = bench.accepted(tcp(), &invite());
        bench.respond(tx, &request, 200);
        bench.all.flow_lost(tcp(), bench.now);
        if acknowledged {
            bench.all.acknowledged(tx);
        }
        bench.pass_millis(40_000);
        assert_eq!(bench.times_of("200 INVITE"), [0], "not repeated to nobody");
        let told = if acknowledged { vec![] } else { vec![(32_000, TxEvent::AckMissing { tx })] };
        assert_eq!((bench.told.as_slice(), bench.all.live()), (told.as_slice(), 0));
    }
}

#[test]
fn answers_go_where_the_request_came_from_even_when_it_is_repeated_from_elsewhere() {
    let mut bench = Bench::new();
    let (tx, request) = bench.accepted(udp(), &invite());
    bench.respond(tx, &request, 180);
    let elsewhere = Flow { remote: "198.51.100.66:5060".parse().unwrap(), ..udp() };
    assert_eq!(bench.receive(elsewhere, &invite()), Incoming::Absorbed);
    bench.drain();
    assert!(bench.sent.iter().all(|(_, flow, _)| *flow == udp()));
}

#[test]
fn accepting_a_request_twice_gives_one_transaction() {
    let mut bench = Bench::new();
    let (tx, request) = bench.accepted(udp(), &invite());
    assert_eq!(bench.all.accept(udp(), &request, bench.now), Some(tx));
    assert_eq!(bench.all.live(), 1);
}
