//! A provider that does not answer, and calls that share one that does.

use super::*;

/// One call of its own, with ring time.
fn one_call(bench: &mut Bench, number: u64, second: Option<CredentialId>, now: Now) {
    let call = request(number, WakeKind::Call, i64::try_from(number).unwrap(), 1, now);
    let route = route(FIRST).map(|route| Route { second, ..route });
    bench.handle(Input::Wake { request: call, route }, now);
}

/// A notice, which has time to wait for a probe.
fn one_notice(bench: &mut Bench, number: u64, now: Now) {
    let notice = request(number, WakeKind::MissedCall, i64::try_from(number).unwrap(), 1, now);
    bench.handle(Input::Wake { request: notice, route: route(FIRST) }, now);
}

fn circuit(bench: &Bench, credential: CredentialId) -> Circuit {
    bench.machine.status(credential).circuit
}

/// Three attempts in a row without an answer: 1 of the first wake, 1 of each of two more.
fn open(bench: &mut Bench, now: Now) {
    for number in 1..=3 {
        one_call(bench, number, None, now);
    }
    for number in 1..=3 {
        // The repeat of the first two is on the wire already when the circuit opens.
        bench.unreachable(number, 1, now);
    }
    assert_eq!(circuit(bench, FIRST), Circuit::Open);
}

fn sent(bench: &Bench) -> Vec<(u64, u32)> {
    let number = |it: &Attempt| u64::try_from(it.wake_id.0.as_u128()).unwrap();
    bench.attempts.iter().map(|it| (number(it), it.number)).collect()
}

#[test]
fn a_provider_that_leaves_three_attempts_without_an_answer_is_asked_by_one_probe_at_a_time() {
    let mut bench = Bench::default();
    open(&mut bench, at(0));
    assert_eq!(sent(&bench), [(1, 1), (2, 1), (3, 1), (1, 2), (2, 2)]);
    bench.unreachable(1, 2, at(10));
    bench.unreachable(2, 2, at(10));
    for number in 4..=9 {
        one_notice(&mut bench, number, at(20));
    }
    assert_eq!(bench.attempts.len(), 5, "nobody else goes before the probe");
    bench.pass(at(500));
    assert_eq!(sent(&bench)[5..], [(3, 2)], "the one that waited longest");
    assert_eq!((bench.attempts[5].connection, circuit(&bench, FIRST)), (Connection::Fresh, Circuit::HalfOpen));
    bench.pass(at(800));
    assert_eq!(bench.attempts.len(), 6);
    bench.answer(3, 2, accepted(), at(900));
    assert_eq!(circuit(&bench, FIRST), Circuit::Closed);
    assert_eq!(sent(&bench)[6..], [(4, 1), (5, 1), (6, 1), (7, 1), (8, 1), (9, 1)], "at once");
    assert!(bench.attempts[6..].iter().all(|it| it.connection == Connection::Usual));
}

#[test]
fn probes_that_fail_go_round_among_all_who_wait() {
    let mut bench = Bench::default();
    open(&mut bench, at(0));
    bench.unreachable(1, 2, at(0));
    bench.unreachable(2, 2, at(0));
    one_notice(&mut bench, 4, at(0));
    one_notice(&mut bench, 5, at(0));
    let calls_first = [(500, (3, 2)), (1000, (1, 3)), (1500, (2, 3)), (2000, (3, 3)), (2500, (4, 1)), (3000, (5, 1))];
    for (millis, probe) in calls_first {
        bench.pass(at(millis));
        assert_eq!(sent(&bench).last(), Some(&probe));
        bench.unreachable(probe.0, probe.1, at(millis));
    }
    assert_eq!(circuit(&bench, FIRST), Circuit::Open);
}

#[test]
fn a_call_waits_a_tenth_of_a_second_for_the_probe_of_another_and_then_goes_itself() {
    let mut bench = Bench::default();
    open(&mut bench, at(0));
    one_call(&mut bench, 4, None, at(20));
    bench.pass(at(119));
    assert_eq!(sent(&bench).last(), Some(&(2, 2)));
    bench.pass(at(120));
    assert_eq!(sent(&bench).last(), Some(&(4, 1)));
    assert_eq!(circuit(&bench, FIRST), Circuit::Open, "its end is nobody else's chance");
}

#[test]
fn any_answer_closes_the_circuit_even_a_refusal() {
    let mut bench = Bench::default();
    open(&mut bench, at(0));
    let gone = Answer::is_final(Verdict::TokenGone { since: None, why: "gone".into() });
    bench.answer(1, 2, gone, at(10));
    assert_eq!((circuit(&bench, FIRST), bench.machine.status(FIRST).unanswered), (Circuit::Closed, 0));
    assert_eq!(sent(&bench).last(), Some(&(3, 2)), "who waited goes at once");
}

#[test]
fn what_was_never_asked_says_nothing_about_the_provider() {
    let mut bench = Bench::default();
    open(&mut bench, at(0));
    bench.unreachable(1, 2, at(0));
    bench.unreachable(2, 2, at(0));
    bench.pass(at(500));
    let unsigned = Answer::is_final(Verdict::Refused { why: "unbuildable".into() });
    bench.handle(Input::Ended { wake_id: wake_id(3), attempt: 2, outcome: Outcome::Unasked(unsigned) }, at(510));
    assert_eq!((circuit(&bench, FIRST), bench.gave_up(3)), (Circuit::Open, Some("refused")));
    one_call(&mut bench, 4, None, at(520));
    assert_eq!(sent(&bench).last(), Some(&(4, 1)), "the next one is the probe");
}

#[test]
fn a_call_gets_an_attempt_of_its_own_within_half_its_ring_time() {
    let mut bench = Bench::default();
    bench.machine.set_slots(FIRST, 1000, at(0));
    let first = 10;
    for number in first..first + 600 {
        let call = i64::try_from(number % 2).unwrap();
        let call = request(number, WakeKind::Call, call, i64::try_from(number).unwrap(), at(0));
        bench.handle(Input::Wake { request: call, route: route(FIRST) }, at(0));
    }
    assert_eq!(bench.attempts.len(), 600);
    // All are swallowed by a black hole, whoever comes next waits.
    bench.pass(at(3_000));
    assert_ne!(circuit(&bench, FIRST), Circuit::Closed);
    for number in 1_000..1_400 {
        let call = request(number, WakeKind::Call, 3, i64::try_from(number).unwrap(), at(3_100));
        bench.handle(Input::Wake { request: call, route: route(FIRST) }, at(3_100));
    }
    for millis in (3_200..40_000).step_by(100) {
        bench.pass(at(millis));
    }
    for number in (first..first + 600).chain(1_000..1_400) {
        let tried = bench.attempts.iter().any(|it| it.wake_id == wake_id(number));
        assert!(tried, "{number} got no attempt");
        let why = bench.gave_up(number);
        assert!(matches!(why, Some("unreachable" | "expired")), "{number} is told why: {why:?}");
    }
    assert_eq!(bench.machine.pending(), 0);
}

#[test]
fn another_credential_stands_in_while_the_provider_of_the_first_is_silent() {
    let mut bench = Bench::default();
    open(&mut bench, at(0));
    bench.unreachable(1, 2, at(0));
    bench.unreachable(2, 2, at(0));
    one_call(&mut bench, 4, Some(SECOND), at(10));
    assert_eq!(bench.attempts.last().map(|it| (it.wake_id, it.credential)), Some((wake_id(4), SECOND)), "at once");
    // Half a minute later one call finds out, and goes on with the other when it was in vain.
    bench.handle(Input::StopWakes(CallId(3)), at(20));
    one_call(&mut bench, 5, Some(SECOND), at(40_000));
    assert_eq!(bench.attempts.last().map(|it| (it.wake_id, it.credential)), Some((wake_id(5), FIRST)));
    bench.unreachable(5, 1, at(40_010));
    assert_eq!(bench.attempts.last().map(|it| (it.wake_id, it.credential)), Some((wake_id(5), SECOND)));
    bench.answer(5, 2, accepted(), at(40_100));
    assert_eq!(bench.gave_up(5), None);
}

#[test]
fn who_waits_when_the_circuit_opens_goes_on_with_the_other_credential() {
    let mut bench = Bench::default();
    bench.machine.set_slots(FIRST, 4, at(0));
    for number in 1..=6 {
        one_call(&mut bench, number, Some(SECOND), at(0));
    }
    assert_eq!(bench.attempts.len(), 4);
    bench.pass(at(3_000));
    let moved: std::collections::BTreeSet<_> =
        bench.attempts.iter().filter(|it| it.credential == SECOND).map(|it| it.wake_id).collect();
    assert!(moved.contains(&wake_id(5)) && moved.contains(&wake_id(6)), "{moved:?}");
    assert!(
        moved.contains(&wake_id(3)) && moved.contains(&wake_id(4)),
        "and so do those that were swallowed: {moved:?}"
    );
}

#[test]
fn a_live_check_that_is_answered_closes_the_circuit() {
    let mut bench = Bench::default();
    open(&mut bench, at(0));
    bench.handle(Input::Answers(FIRST), at(5));
    assert_eq!(circuit(&bench, FIRST), Circuit::Closed);
    assert_eq!(sent(&bench).last(), Some(&(3, 2)));
}

#[test]
fn a_group_of_500_holds_up_no_other_call_and_never_fills_the_wire() {
    let mut bench = Bench::default();
    bench.machine.set_slots(FIRST, 100, at(0));
    for number in 1..=500 {
        let call = request(number, WakeKind::Call, 1, i64::try_from(number).unwrap(), at(0));
        bench.handle(Input::Wake { request: call, route: route(FIRST) }, at(0));
    }
    assert_eq!(bench.attempts.len(), 75, "a quarter is left to others");
    let other = request(1_000, WakeKind::Call, 2, 1_000, at(1));
    bench.handle(Input::Wake { request: other, route: route(FIRST) }, at(1));
    assert_eq!(bench.attempts.last().map(|it| it.wake_id), Some(wake_id(1_000)));
    // With the wire full, whoever has waited is served in turn.
    for number in 2_000..2_050 {
        let call = request(number, WakeKind::Call, 3, i64::try_from(number).unwrap(), at(2));
        bench.handle(Input::Wake { request: call, route: route(FIRST) }, at(2));
    }
    let before = bench.attempts.len();
    assert_eq!(before, 100);
    for number in 1..=20 {
        bench.answer(number, 1, accepted(), at(100));
    }
    let third = bench.attempts[before..].iter().filter(|it| it.request.call == Some(CallId(3))).count();
    assert!((9..=11).contains(&third), "turn by turn, not 500 first: {third}");
}

#[test]
fn a_group_that_comes_before_the_slots_of_its_credential_goes_out_as_soon_as_they_are_known() {
    let mut bench = Bench::default();
    for number in 1..=500 {
        let call = request(number, WakeKind::Call, 1, i64::try_from(number).unwrap(), at(0));
        bench.handle(Input::Wake { request: call, route: route(FIRST) }, at(0));
    }
    assert_eq!(bench.attempts.len(), SENDING - SENDING / 4);
    bench.machine.set_slots(FIRST, 1000, at(1));
    bench.drain();
    assert_eq!(bench.attempts.len(), 500);
}

#[test]
fn a_push_service_that_never_answers_takes_no_place_of_the_others() {
    let mut bench = Bench::default();
    let to =
        |service: &str| route(FIRST).map(|route| Route { service: Some(Arc::from(service)), other: None, ..route });
    for number in 1..=200 {
        let call = request(number, WakeKind::Call, i64::try_from(number).unwrap(), 1, at(0));
        bench.handle(Input::Wake { request: call, route: to("silent.example") }, at(0));
    }
    assert_eq!(bench.attempts.len(), SENDING);
    let other = request(1_000, WakeKind::Call, 1_000, 1, at(1));
    bench.handle(Input::Wake { request: other, route: to("push.example:8443") }, at(1));
    assert_eq!(bench.attempts.last().map(|it| it.wake_id), Some(wake_id(1_000)));
    bench.answer(1_000, 1, accepted(), at(50));
    bench.pass(at(3_000));
    let status = bench.machine.status(FIRST);
    assert_eq!(status.circuit, Circuit::Closed, "the key is not accused");
    let silent: Vec<_> = status.silent_services.iter().map(|it| &*it.service).collect();
    assert_eq!(silent, ["silent.example"]);
}
