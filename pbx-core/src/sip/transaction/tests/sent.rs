//! Requests of ours.

use super::*;

const INVITE_TIMES: [u64; 7] = [0, 500, 1500, 3500, 7500, 15_500, 31_500];
const OTHER_TIMES: [u64; 11] = [0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];

#[test]
fn an_unanswered_invite_on_udp_is_repeated_with_doubling_gaps_and_times_out_after_32_seconds() {
    let mut bench = Bench::new();
    let (tx, _) = bench.request(udp(), Method::Invite);
    bench.pass_millis(40_000);
    assert_eq!(bench.times_of("INVITE"), INVITE_TIMES);
    assert_eq!(bench.told, [(32_000, TxEvent::TimedOut { tx })]);
    assert_eq!(bench.all.live(), 0);
    assert_eq!(bench.all.poll_timeout(), None);
}

#[test]
fn an_unanswered_request_on_a_stream_is_sent_once_and_times_out_after_32_seconds() {
    for method in [Method::Invite, Method::Options] {
        let mut bench = Bench::new();
        let (tx, _) = bench.request(tcp(), method.clone());
        bench.pass_millis(40_000);
        assert_eq!(bench.times_of(method.as_str()), [0]);
        assert_eq!(bench.told, [(32_000, TxEvent::TimedOut { tx })]);
        assert_eq!(bench.all.live(), 0);
    }
}

#[test]
fn another_request_on_udp_is_repeated_at_most_every_4_seconds() {
    let mut bench = Bench::new();
    let (tx, _) = bench.request(udp(), Method::Bye);
    bench.pass_millis(40_000);
    assert_eq!(bench.times_of("BYE"), OTHER_TIMES);
    assert_eq!(bench.told, [(32_000, TxEvent::TimedOut { tx })]);
}

#[test]
fn after_a_provisional_another_request_is_repeated_every_4_seconds() {
    let mut bench = Bench::new();
    let (tx, sent) = bench.request(udp(), Method::Options);
    bench.pass_millis(100);
    assert!(is_response(&bench.answer(&sent, 100, ""), tx, 100));
    bench.pass_millis(40_000);
    assert_eq!(
        bench.times_of("OPTIONS"),
        [0, 500, 4500, 8500, 12_500, 16_500, 20_500, 24_500, 28_500],
        "the next would come when timer F ends it"
    );
    assert_eq!(bench.told, [(32_000, TxEvent::TimedOut { tx })]);
}

#[test]
fn a_final_answer_ends_the_repetition_and_its_own_repetitions_are_absorbed() {
    let mut bench = Bench::new();
    let (tx, sent) = bench.request(udp(), Method::Options);
    bench.pass_millis(700);
    assert!(is_response(&bench.answer(&sent, 200, "theirs"), tx, 200));
    bench.pass_millis(4000);
    assert_eq!(bench.answer(&sent, 200, "theirs"), Incoming::Absorbed);
    assert_eq!(bench.times_of("OPTIONS"), [0, 500]);
    bench.pass_millis(1001);
    assert_eq!(bench.all.live(), 0, "timer K is 5 s");
    assert_eq!(bench.answer(&sent, 200, "theirs"), Incoming::Absorbed);
    assert_eq!(bench.told, []);
}

#[test]
fn on_a_stream_the_final_answer_ends_the_transaction_at_once() {
    let mut bench = Bench::new();
    let (tx, sent) = bench.request(tcp(), Method::Options);
    assert!(is_response(&bench.answer(&sent, 200, "theirs"), tx, 200));
    assert_eq!(bench.all.live(), 0);
}

#[test]
fn a_provisional_stops_the_invite_and_each_further_one_reaches_the_user() {
    let mut bench = Bench::new();
    let (tx, sent) = bench.request(udp(), Method::Invite);
    bench.pass_millis(600);
    assert!(is_response(&bench.answer(&sent, 100, ""), tx, 100));
    assert!(is_response(&bench.answer(&sent, 180, "theirs"), tx, 180));
    assert!(is_response(&bench.answer(&sent, 180, "theirs"), tx, 180));
    bench.pass_millis(60_000);
    assert_eq!(bench.times_of("INVITE"), [0, 500]);
    assert_eq!(bench.told, []);
}

#[test]
fn a_failure_is_acknowledged_here_and_so_is_each_of_its_repetitions() {
    let mut bench = Bench::new();
    let (tx, sent) = bench.request(udp(), Method::Invite);
    assert!(is_response(&bench.answer(&sent, 486, "theirs"), tx, 486));
    let ack = bench.last_sent();
    assert!(ack.starts_with(b"ACK sip:20@10.0.0.5:5060;ob SIP/2.0\r\n"));
    for name in [HeaderName::Via, HeaderName::From, HeaderName::CallId, HeaderName::Route] {
        assert_eq!(header(&ack, name.clone()), sent.headers.get(&name).unwrap().as_str());
    }
    assert_eq!(header(&ack, HeaderName::To), "<sip:20@pbx.example>;tag=theirs");
    assert_eq!(header(&ack, HeaderName::CSeq), "4 ACK");
    assert_eq!(header(&ack, HeaderName::Contact), "");
    bench.take_sent();
    bench.pass_millis(500);
    assert_eq!(bench.answer(&sent, 486, "theirs"), Incoming::Absorbed);
    assert_eq!(bench.times_of("ACK"), [500]);
    bench.pass_millis(31_499);
    assert_eq!(bench.all.live(), 1, "timer D is 32 s");
    bench.pass_millis(1);
    assert_eq!(bench.all.live(), 0);
    assert_eq!(bench.answer(&sent, 486, "theirs"), Incoming::Absorbed);
    assert_eq!(bench.take_sent(), []);
}

#[test]
fn a_failure_on_a_stream_is_acknowledged_and_ends_the_invite() {
    let mut bench = Bench::new();
    let (tx, sent) = bench.request(tcp(), Method::Invite);
    assert!(is_response(&bench.answer(&sent, 603, "theirs"), tx, 603));
    assert_eq!(bench.take_sent(), [(0, "INVITE".into()), (0, "ACK".into())]);
    assert_eq!(bench.all.live(), 0);
}

#[test]
fn each_2xx_of_the_accepted_invite_reaches_the_user_and_nothing_else_does() {
    let mut bench = Bench::new();
    let (tx, sent) = bench.request(udp(), Method::Invite);
    assert!(is_response(&bench.answer(&sent, 200, "theirs"), tx, 200));
    bench.pass_millis(31_999);
    assert!(is_response(&bench.answer(&sent, 200, "theirs"), tx, 200));
    assert_eq!(bench.answer(&sent, 180, "theirs"), Incoming::Absorbed);
    assert_eq!(bench.answer(&sent, 486, "theirs"), Incoming::Absorbed);
    assert_eq!(bench.times_of("INVITE"), [0], "the ACK is the user's");
    bench.pass_millis(1);
    assert_eq!(bench.all.live(), 0, "timer M is 32 s");
    assert!(matches!(bench.answer(&sent, 200, "theirs"), Incoming::Stray { response } if response.status == 200));
    assert_eq!(bench.told, [(32_000, TxEvent::Closed { tx })]);
}

#[test]
fn uas_forked_200_both_answers_reach_the_user() {
    let mut bench = Bench::new();
    let (tx, sent) = bench.request(udp(), Method::Invite);
    bench.answer(&sent, 180, "one");
    bench.answer(&sent, 180, "two");
    assert!(is_response(&bench.answer(&sent, 200, "one"), tx, 200));
    let Incoming::Response { response, .. } = bench.answer(&sent, 200, "two") else { panic!("lost") };
    assert_eq!(response.headers.get(&HeaderName::To).unwrap().as_str(), "<sip:20@pbx.example>;tag=two");
}

#[test]
fn a_2xx_after_a_failure_is_stray_so_that_it_can_be_hung_up() {
    let mut bench = Bench::new();
    let (_, sent) = bench.request(udp(), Method::Invite);
    bench.answer(&sent, 486, "one");
    assert!(matches!(bench.answer(&sent, 200, "two"), Incoming::Stray { .. }));
}

#[test]
fn a_stray_2xx_with_a_branch_we_never_made_is_absorbed() {
    let mut bench = Bench::new();
    let mut forged = from_us(Method::Invite);
    forged
        .headers
        .push_front(HeaderName::Via, "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK00112233445566778899aabbccddeeff;rport");
    assert_eq!(bench.answer(&forged, 200, "theirs"), Incoming::Absorbed);
    forged.headers.set(HeaderName::Via, "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKé");
    assert_eq!(bench.answer(&forged, 200, "theirs"), Incoming::Absorbed);
    forged.headers.remove(&HeaderName::Via);
    assert_eq!(bench.answer(&forged, 200, "theirs"), Incoming::Absorbed);
}

#[test]
fn an_answer_with_the_right_branch_and_the_wrong_method_is_absorbed() {
    let mut bench = Bench::new();
    let (_, mut sent) = bench.request(udp(), Method::Options);
    sent.headers.set(HeaderName::CSeq, "4 BYE");
    assert_eq!(bench.answer(&sent, 200, "theirs"), Incoming::Absorbed);
    let (_, mut sent) = bench.request(udp(), Method::Invite);
    sent.headers.set(HeaderName::CSeq, "4 OPTIONS");
    assert_eq!(bench.answer(&sent, 200, "theirs"), Incoming::Absorbed);
}

#[test]
fn a_cancel_waits_for_the_first_provisional_and_copies_the_invite() {
    let mut bench = Bench::new();
    let (tx, sent) = bench.request(udp(), Method::Invite);
    bench.all.cancel(tx, Some("SIP;cause=200;text=\"Call completed elsewhere\""), bench.now);
    bench.pass_millis(400);
    assert_eq!(bench.times_of("INVITE"), [0]);
    assert!(is_response(&bench.answer(&sent, 180, "theirs"), tx, 180));
    let cancel = bench.last_sent();
    assert!(cancel.starts_with(b"CANCEL sip:20@10.0.0.5:5060;ob SIP/2.0\r\n"));
    for name in [HeaderName::Via, HeaderName::From, HeaderName::To, HeaderName::CallId, HeaderName::Route] {
        assert_eq!(header(&cancel, name.clone()), sent.headers.get(&name).unwrap().as_str());
    }
    assert_eq!(header(&cancel, HeaderName::CSeq), "4 CANCEL");
    assert_eq!(header(&cancel, HeaderName::Reason), "SIP;cause=200;text=\"Call completed elsewhere\"");
    bench.all.cancel(tx, None, bench.now);
    bench.pass_millis(2000);
    assert_eq!(bench.times_of("CANCEL"), [400, 900, 1900]);
}

#[test]
fn the_answer_to_the_cancel_stops_it_and_the_487_ends_the_invite() {
    let mut bench = Bench::new();
    let (tx, sent) = bench.request(udp(), Method::Invite);
    bench.answer(&sent, 180, "theirs");
    bench.all.cancel(tx, None, bench.now);
    let Message::Request(cancel) = parsed(&bench.last_sent()) else { panic!("no CANCEL") };
    assert_eq!(bench.answer(&cancel, 200, "theirs"), Incoming::Absorbed);
    bench.take_sent();
    bench.pass_millis(3000);
    assert_eq!(bench.take_sent(), []);
    assert!(is_response(&bench.answer(&sent, 487, "theirs"), tx, 487));
    assert_eq!(bench.times_of("ACK"), [3000]);
    bench.pass_millis(32_000);
    assert_eq!((bench.all.live(), bench.told.len()), (0, 0));
}

#[test]
fn a_200_that_crosses_the_cancel_is_delivered() {
    let mut bench = Bench::new();
    let (tx, sent) = bench.request(udp(), Method::Invite);
    bench.answer(&sent, 180, "theirs");
    bench.all.cancel(tx, None, bench.now);
    assert!(is_response(&bench.answer(&sent, 200, "theirs"), tx, 200));
    bench.take_sent();
    bench.pass_millis(10_000);
    assert_eq!(bench.take_sent(), [], "the CANCEL is repeated no more");
}

#[test]
fn a_2xx_or_a_failure_before_the_waiting_cancel_could_leave_makes_it_needless() {
    for status in [200, 486] {
        let mut bench = Bench::new();
        let (tx, sent) = bench.request(udp(), Method::Invite);
        bench.all.cancel(tx, None, bench.now);
        assert!(is_response(&bench.answer(&sent, status, "theirs"), tx, status));
        bench.pass_millis(40_000);
        assert!(bench.take_sent().iter().all(|(_, gist)| gist != "CANCEL"));
        let closed = if status == 200 { vec![(32_000, TxEvent::Closed { tx })] } else { Vec::new() };
        assert_eq!((bench.all.live(), bench.told.as_slice()), (0, closed.as_slice()));
    }
}

#[test]
fn a_cancelled_invite_that_nobody_answers_is_not_sent_again_and_its_cancel_leaves_after_t1() {
    let mut bench = Bench::new();
    let (tx, _) = bench.request(udp(), Method::Invite);
    bench.pass_millis(1000);
    bench.all.cancel(tx, None, bench.now);
    bench.pass_millis(40_000);
    assert_eq!(bench.sent_times("INVITE"), [0, 500]);
    assert_eq!(bench.sent_times("CANCEL")[..4], [1500, 2000, 3000, 5000]);
    assert_eq!(bench.told, [(32_000, TxEvent::TimedOut { tx })]);
}

#[test]
fn a_cancelled_invite_that_nobody_answers_on_a_stream_waits_for_its_provisional() {
    let mut bench = Bench::new();
    let (tx, sent) = bench.request(tcp(), Method::Invite);
    bench.all.cancel(tx, None, bench.now);
    bench.pass_millis(10_000);
    assert!(bench.sent_times("CANCEL").is_empty());
    bench.answer(&sent, 100, "");
    assert_eq!(bench.sent_times("CANCEL"), [10_000]);
}

#[test]
fn a_cancel_that_overtook_its_invite_is_sent_again_when_the_phone_has_it() {
    let mut bench = Bench::new();
    let (tx, sent) = bench.request(udp(), Method::Invite);
    bench.all.cancel(tx, None, bench.now);
    bench.pass_millis(500);
    let Message::Request(cancel) = parsed(&bench.last_sent()) else { panic!("no CANCEL") };
    assert_eq!(bench.answer(&cancel, 481, "other"), Incoming::Absorbed);
    bench.pass_millis(3000);
    assert_eq!(bench.sent_times("CANCEL"), [500]);
    bench.answer(&sent, 180, "theirs");
    assert_eq!(bench.sent_times("CANCEL"), [500, 3500]);
    bench.answer(&cancel, 200, "theirs");
    bench.answer(&sent, 487, "theirs");
    bench.pass_millis(40_000);
    assert_eq!((bench.sent_times("CANCEL").len(), bench.all.live()), (2, 0));
}

#[test]
fn uas_cancel_no_final_the_invite_times_out_64_t1_after_the_cancel() {
    let mut bench = Bench::new();
    let (tx, sent) = bench.request(udp(), Method::Invite);
    bench.answer(&sent, 180, "theirs");
    bench.pass_millis(5000);
    bench.all.cancel(tx, None, bench.now);
    let Message::Request(cancel) = parsed(&bench.last_sent()) else { panic!("no CANCEL") };
    bench.answer(&cancel, 200, "theirs");
    bench.pass_millis(20_000);
    assert!(is_response(&bench.answer(&sent, 180, "theirs"), tx, 180), "a 1xx buys no time");
    bench.pass_millis(20_000);
    assert_eq!(bench.told, [(37_000, TxEvent::TimedOut { tx })]);
    assert!(matches!(bench.answer(&sent, 200, "theirs"), Incoming::Stray { .. }));
}

#[test]
fn an_unanswered_cancel_on_udp_is_repeated_like_any_request_and_on_a_stream_never() {
    for (flow, times) in [(udp(), &OTHER_TIMES[..]), (tcp(), &[0][..])] {
        let mut bench = Bench::new();
        let (tx, sent) = bench.request(flow, Method::Invite);
        bench.answer(&sent, 180, "theirs");
        bench.take_sent();
        bench.all.cancel(tx, None, bench.now);
        bench.pass_millis(40_000);
        assert_eq!(bench.times_of("CANCEL"), times);
        assert_eq!(bench.told, [(32_000, TxEvent::TimedOut { tx })]);
    }
}

#[test]
fn a_provisional_answer_to_the_cancel_slows_its_repetition() {
    let mut bench = Bench::new();
    let (tx, sent) = bench.request(udp(), Method::Invite);
    bench.answer(&sent, 180, "theirs");
    bench.take_sent();
    bench.all.cancel(tx, None, bench.now);
    let Message::Request(cancel) = parsed(&bench.last_sent()) else { panic!("no CANCEL") };
    assert_eq!(bench.answer(&cancel, 100, ""), Incoming::Absorbed);
    bench.pass_millis(10_000);
    assert_eq!(bench.times_of("CANCEL"), [0, 500, 4500, 8500]);
}

#[test]
fn a_transaction_costs_little_memory_besides_its_message() {
    assert!(size_of::<Server>() <= 256, "{}", size_of::<Server>());
    assert!(size_of::<Client>() <= 256, "{}", size_of::<Client>());
}

#[test]
fn a_cancel_after_the_final_answer_or_of_another_request_does_nothing() {
    let mut bench = Bench::new();
    let (tx, sent) = bench.request(udp(), Method::Invite);
    bench.answer(&sent, 200, "theirs");
    bench.all.cancel(tx, None, bench.now);
    let (bye, _) = bench.request(udp(), Method::Bye);
    bench.all.cancel(bye, None, bench.now);
    assert_eq!(bench.take_sent(), [(0, "INVITE".into()), (0, "BYE".into())]);
}

#[test]
fn an_invite_without_a_word_for_longer_than_timer_c_is_cancelled() {
    let mut bench = Bench::new();
    let (tx, sent) = bench.request(udp(), Method::Invite);
    bench.answer(&sent, 180, "theirs");
    bench.pass_millis(60_000);
    bench.answer(&sent, 180, "theirs");
    bench.take_sent();
    bench.pass_millis(184_999);
    assert_eq!(bench.take_sent(), []);
    bench.pass_millis(1);
    assert_eq!(bench.times_of("CANCEL"), [245_000]);
    bench.pass_millis(32_000);
    assert_eq!(bench.told, [(277_000, TxEvent::TimedOut { tx })]);
    assert_eq!(bench.all.live(), 0);
}

#[test]
fn when_the_stream_is_lost_waiting_requests_fail_at_once_and_finished_ones_vanish() {
    let mut bench = Bench::new();
    let (ringing, sent) = bench.request(tcp(), Method::Invite);
    bench.answer(&sent, 180, "theirs");
    let (cancelled, sent) = bench.request(tcp(), Method::Invite);
    bench.answer(&sent, 180, "theirs");
    bench.all.cancel(cancelled, None, bench.now);
    let (options, _) = bench.request(tcp(), Method::Options);
    let (connected, answered) = bench.request(tcp(), Method::Invite);
    bench.answer(&answered, 200, "theirs");
    let (elsewhere, _) = bench.request(udp(), Method::Options);
    bench.all.flow_lost(tcp(), bench.now);
    bench.drain();
    let mut told = [ringing, cancelled, options].map(|tx| (0, TxEvent::TransportFailed { tx })).to_vec();
    told.push((0, TxEvent::Closed { tx: connected }));
    assert_eq!(bench.told, told);
    assert_eq!(bench.all.live(), 1);
    bench.pass_millis(32_000);
    assert_eq!(bench.told.last(), Some(&(32_000, TxEvent::TimedOut { tx: elsewhere })));
}

#[test]
fn when_a_send_fails_waiting_requests_fail_and_the_accepted_invite_still_hears_its_2xx() {
    let mut bench = Bench::new();
    let (accepted, answered) = bench.request(udp(), Method::Invite);
    bench.answer(&answered, 200, "theirs");
    let (waiting, _) = bench.request(udp(), Method::Invite);
    bench.all.send_failed(udp(), bench.now);
    bench.drain();
    assert_eq!(bench.told, [(0, TxEvent::TransportFailed { tx: waiting })]);
    assert!(is_response(&bench.answer(&answered, 200, "theirs"), accepted, 200));
}

#[test]
fn a_failed_send_ends_a_ringing_invite_on_udp_and_not_on_a_stream() {
    for (flow, live) in [(udp(), 0), (tcp(), 2)] {
        let mut bench = Bench::new();
        for method in [Method::Invite, Method::Options] {
            let (_, sent) = bench.request(flow, method);
            bench.answer(&sent, 100, "");
        }
        bench.request(flow, Method::Invite);
        bench.request(flow, Method::Options);
        bench.all.send_failed(flow, bench.now);
        bench.drain();
        assert_eq!((bench.all.live(), bench.told.len()), (live, 4 - live));
    }
}

#[test]
fn our_via_stands_on_top_with_a_branch_of_its_own() {
    let mut bench = Bench::new();
    let (_, one) = bench.request(udp(), Method::Options);
    let (_, two) = bench.request(udp(), Method::Options);
    let via = |request: &Request| request.headers.iter().next().unwrap().value.to_string();
    assert!(via(&one).starts_with("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK"), "{}", via(&one));
    assert!(via(&one).ends_with(";rport"));
    assert_ne!(via(&one), via(&two));
    bench.all.set_public_address(Some("pbx.example.com".into()));
    let (_, named) = bench.request(tcp(), Method::Options);
    assert!(via(&named).starts_with("SIP/2.0/TCP pbx.example.com:5060;branch=z9hG4bK"));
    for address in ["2001:db8::1", "[2001:db8::1]"] {
        bench.all.set_public_address(Some(address.into()));
        let (_, six) = bench.request(udp(), Method::Options);
        assert!(via(&six).starts_with("SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bK"));
    }
}

#[test]
fn the_ack_of_a_2xx_gets_a_via_and_can_be_sent_again_as_it_was() {
    let mut bench = Bench::new();
    let ack = bench.all.send_ack(udp(), from_us(Method::Ack));
    bench.all.send(udp(), ack.clone());
    bench.drain();
    assert_eq!(bench.sent[0].2, bench.sent[1].2);
    assert!(header(&ack, HeaderName::Via).contains("branch=z9hG4bK"));
    assert_eq!(bench.all.live(), 0);
    assert_eq!(bench.all.poll_timeout(), None);
}

#[test]
fn outputs_that_wait_ask_to_be_fetched_at_once() {
    let mut bench = Bench::new();
    assert_eq!(bench.all.poll_timeout(), None);
    bench.all.request(udp(), from_us(Method::Options), bench.now);
    assert_eq!(bench.all.poll_timeout(), Some(Moment::START));
    bench.drain();
    assert_eq!(bench.all.poll_timeout(), Some(bench.now + T1));
}

#[test]
fn the_same_seed_makes_the_same_tokens_and_another_seed_others() {
    let tokens = |seed| {
        let mut all = Transactions::new([seed; 32]);
        (all.tokens.branch().text(), all.tokens.branch().text())
    };
    assert_eq!(tokens(1), tokens(1));
    assert_ne!(tokens(1), tokens(2));
    assert_ne!(tokens(1).0, tokens(1).1);
}

#[test]
fn the_tag_of_a_stateless_answer_is_the_same_for_each_repetition_and_unguessable() {
    let all = Transactions::new([1; 32]);
    let one = from_phone(Method::Invite, "z9hG4bKone", 1);
    assert_eq!(all.tag_for(&one), all.tag_for(&one.clone()));
    assert_ne!(all.tag_for(&one), all.tag_for(&from_phone(Method::Invite, "z9hG4bKtwo", 1)));
    assert_ne!(all.tag_for(&one), Transactions::new([2; 32]).tag_for(&one));
}

#[test]
fn beyond_the_cap_a_request_fails_at_once_and_new_calls_are_refused_before_requests_in_dialogs() {
    let mut bench = Bench::new();
    while bench.all.live() < MAX_LIVE_FOR_NEW {
        bench.all.request(tcp(), from_us(Method::Options), bench.now);
        bench.all.poll_send();
    }
    let invite = from_phone(Method::Invite, "z9hG4bKa", 1);
    assert_eq!(bench.all.accept(udp(), &invite, bench.now), None);
    let mut bye = from_phone(Method::Bye, "z9hG4bKb", 2);
    bye.headers.set(HeaderName::To, "<sip:20@pbx.example>;tag=ours");
    assert!(bench.all.accept(udp(), &bye, bench.now).is_some());
    while bench.all.live() < MAX_LIVE {
        bench.all.request(tcp(), from_us(Method::Options), bench.now);
        bench.all.poll_send();
    }
    let mut next = from_phone(Method::Bye, "z9hG4bKc", 3);
    next.headers.set(HeaderName::To, "<sip:20@pbx.example>;tag=ours");
    assert_eq!(bench.all.accept(udp(), &next, bench.now), None);
    let refused = bench.all.request(udp(), from_us(Method::Bye), bench.now);
    assert_eq!(bench.all.poll_send(), None);
    assert_eq!(bench.all.poll_event(), Some(TxEvent::NoRoom { tx: refused }));
    assert_eq!(bench.all.live(), MAX_LIVE);
    bench.all.flow_lost(tcp(), bench.now);
    assert_eq!(bench.all.live(), 1, "only the BYE on UDP is left");
}
