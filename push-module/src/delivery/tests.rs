//! Delivery with made-up time.

mod circuits;
mod night;
mod random;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pbx_core::model::{
    CallId, CallUuid, DeviceId, Environment, Moment, Now, PushProvider, Redacted, TargetHealth, TokenHistory,
    UnixMillis, Verdict, WakeEvent, WakeId, WakeKind, WakeRequest, WakeTarget,
};
use uuid::Uuid;

use super::*;

const FIRST: CredentialId = CredentialId(1);
const SECOND: CredentialId = CredentialId(2);
const RING: Duration = Duration::from_secs(30);

fn at(millis: u64) -> Now {
    Now {
        mono: Moment::from_micros(millis * 1000),
        wall: UnixMillis(1_795_000_000_000 + i64::try_from(millis).unwrap()),
    }
}

fn target(token: &str) -> WakeTarget {
    WakeTarget {
        provider: PushProvider::Apns,
        app_id: "com.example.phone".into(),
        environment: Environment::Production,
        call_token: Some(Redacted::new(token.into())),
        notice_token: None,
        learned_at: UnixMillis(0),
        health: TargetHealth::Good,
        switched_off: None,
        history: TokenHistory::default(),
    }
}

fn wake_id(number: u64) -> WakeId {
    WakeId(Uuid::from_u128(u128::from(number)))
}

/// A wake of device `device` for call `call`, ordered at `now`.
fn request(number: u64, kind: WakeKind, call: i64, device: i64, now: Now) -> WakeRequest {
    WakeRequest {
        wake_id: wake_id(number),
        call: (!matches!(kind, WakeKind::Test | WakeKind::Refresh)).then_some(CallId(call)),
        call_uuid: CallUuid(Uuid::from_u128(call.unsigned_abs().into())),
        kind,
        device: DeviceId(device),
        extension: "101".parse().unwrap(),
        target: Arc::new(target("aa")),
        caller_number: "030".into(),
        caller_name: String::new(),
        has_video: false,
        ringing_url: None,
        sent_at: now.wall,
        expires_at: now.wall + RING,
    }
}

fn route(credential: CredentialId) -> Result<Route, Refusal> {
    Ok(Route {
        credential,
        environment: Environment::Production,
        service: None,
        other: Some((credential, Environment::Sandbox)),
        second: None,
    })
}

/// The machine with its outputs sorted.
#[derive(Default)]
struct Bench {
    machine: Delivery,
    attempts: Vec<Attempt>,
    abandoned: Vec<(WakeId, u32)>,
    events: BTreeMap<WakeId, Vec<WakeEvent>>,
}

impl Bench {
    fn drain(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Report(report) => self.events.entry(report.wake_id).or_default().push(report.event),
                Output::Attempt(attempt) => self.attempts.push(attempt),
                Output::Abandon { wake_id, attempt } => self.abandoned.push((wake_id, attempt)),
            }
        }
    }

    fn handle(&mut self, input: Input, now: Now) {
        self.machine.handle(input, now);
        self.drain();
    }

    fn call(&mut self, number: u64, now: Now) {
        let request = request(number, WakeKind::Call, 1, 1, now);
        self.handle(Input::Wake { request, route: route(FIRST) }, now);
    }

    fn answer(&mut self, number: u64, attempt: u32, answer: Answer, now: Now) {
        let outcome = Outcome::Answered(answer);
        self.handle(Input::Ended { wake_id: wake_id(number), attempt, outcome }, now);
    }

    fn unreachable(&mut self, number: u64, attempt: u32, now: Now) {
        let outcome = Outcome::Unreachable { why: "no route".into() };
        self.handle(Input::Ended { wake_id: wake_id(number), attempt, outcome }, now);
    }

    fn pass(&mut self, now: Now) {
        self.machine.handle_timeout(now);
        self.drain();
        assert!(self.machine.poll_timeout().is_none_or(|next| next > now.mono), "a deadline stayed behind");
    }

    fn events(&self, number: u64) -> &[WakeEvent] {
        self.events.get(&wake_id(number)).map(Vec::as_slice).unwrap_or_default()
    }

    fn gave_up(&self, number: u64) -> Option<&str> {
        self.events(number).iter().find_map(|event| match event {
            WakeEvent::GaveUp { code, .. } => Some(code.as_str()),
            WakeEvent::Sent { .. } | WakeEvent::Answered { .. } => None,
        })
    }

    fn load(&self, credential: CredentialId) -> (usize, usize) {
        let status = self.machine.status(credential);
        (status.waiting, status.sending)
    }

    fn next_deadline(&self) -> Duration {
        self.machine.poll_timeout().unwrap().since(Moment::START)
    }
}

fn accepted() -> Answer {
    Answer::accepted(Some("id".into()))
}

fn hiccup() -> Answer {
    let verdict = Verdict::RetryAfter { wait: None, why: "hiccup".into() };
    Answer::with_remedy(verdict, Remedy::TrySoon { wish: Some(Duration::from_secs(20)) })
}

fn busy(wait: Option<Duration>) -> Answer {
    Answer::with_remedy(Verdict::RetryAfter { wait, why: "busy".into() }, Remedy::Wait(wait))
}

fn elsewhere() -> Answer {
    let verdict = Verdict::TokenWrong { why: "BadDeviceToken".into(), accepted_in: None };
    Answer::with_remedy(verdict, Remedy::OtherEnvironment)
}

#[test]
fn an_accepted_wake_is_sent_once_and_ends() {
    let mut bench = Bench::default();
    bench.call(1, at(0));
    assert_eq!(bench.attempts.len(), 1);
    bench.answer(1, 1, accepted(), at(80));
    let sent = WakeEvent::Sent { attempt: 1 };
    let answered = WakeEvent::Answered { attempt: 1, verdict: Verdict::Accepted, provider_id: Some("id".into()) };
    assert_eq!(bench.events(1), [sent, answered]);
    assert_eq!(bench.machine.pending(), 0);
}

#[test]
fn a_second_wake_for_the_same_call_and_device_follows_the_first() {
    let mut bench = Bench::default();
    bench.call(1, at(0));
    bench.call(2, at(10));
    bench.answer(1, 1, accepted(), at(80));
    bench.call(3, at(90));
    assert_eq!(bench.attempts.len(), 1);
    for number in [2, 3] {
        let last = bench.events(number).last();
        assert!(matches!(last, Some(WakeEvent::Answered { verdict: Verdict::Accepted, .. })), "{number}: {last:?}");
    }
}

#[test]
fn the_very_same_wake_again_changes_nothing() {
    let mut bench = Bench::default();
    bench.call(1, at(0));
    bench.call(1, at(10));
    bench.answer(1, 1, accepted(), at(80));
    assert_eq!(bench.attempts.len(), 1);
    assert_eq!(bench.events(1).len(), 2);
}

#[test]
fn a_wake_for_a_newer_token_is_another_wake() {
    let mut bench = Bench::default();
    bench.call(1, at(0));
    let mut second = request(2, WakeKind::Call, 1, 1, at(10));
    second.target = Arc::new(target("bb"));
    bench.handle(Input::Wake { request: second, route: route(FIRST) }, at(10));
    assert_eq!(bench.attempts.len(), 2);
    bench.handle(Input::StopWakes(CallId(1)), at(20));
    bench.unreachable(1, 1, at(30));
    bench.unreachable(2, 1, at(30));
    assert_eq!((bench.gave_up(1), bench.gave_up(2)), (Some("stopped"), Some("stopped")));
}

#[test]
fn a_second_test_is_sent_once_the_first_has_ended() {
    let mut bench = Bench::default();
    for number in [1, 2] {
        let test = request(number, WakeKind::Test, 0, 1, at(0));
        bench.handle(Input::Wake { request: test, route: route(FIRST) }, at(0));
        bench.answer(number, 1, accepted(), at(50));
    }
    assert_eq!(bench.attempts.len(), 2);
}

#[test]
fn too_many_followers_are_turned_away() {
    let mut bench = Bench::default();
    let last = 2 + u64::try_from(FOLLOWERS).unwrap();
    for number in 1..=last {
        bench.call(number, at(0));
    }
    assert_eq!(bench.gave_up(last), Some("push_duplicate"));
    assert_eq!(bench.attempts.len(), 1);
}

#[test]
fn an_attempt_without_an_answer_is_abandoned_for_a_fresh_connection() {
    let mut bench = Bench::default();
    bench.call(1, at(0));
    assert_eq!(bench.next_deadline(), ATTEMPT_TIMEOUT);
    bench.pass(at(3000));
    assert_eq!(bench.abandoned, [(wake_id(1), 1)]);
    let second = &bench.attempts[1];
    assert_eq!((second.wake_id, second.number, second.connection), (wake_id(1), 2, Connection::Fresh));
    // The first attempt's late answer no longer counts.
    bench.answer(1, 1, hiccup(), at(3100));
    bench.answer(1, 2, accepted(), at(3200));
    assert_eq!(bench.events(1).len(), 3);
    assert_eq!(bench.gave_up(1), None);
}

#[test]
fn a_lost_connection_is_retried_at_once_then_once_more_after_a_second() {
    let mut bench = Bench::default();
    bench.call(1, at(0));
    bench.unreachable(1, 1, at(5));
    assert_eq!(bench.attempts.len(), 2);
    bench.unreachable(1, 2, at(10));
    assert_eq!(bench.attempts.len(), 2);
    bench.pass(at(1010));
    assert_eq!(bench.attempts[2].connection, Connection::Fresh);
    bench.unreachable(1, 3, at(1020));
    assert_eq!(bench.gave_up(1), Some("unreachable"));
    assert_eq!(bench.machine.pending(), 0);
}

#[test]
fn a_hiccup_is_retried_once_soon_while_a_caller_waits() {
    let mut bench = Bench::default();
    bench.call(1, at(0));
    bench.answer(1, 1, hiccup(), at(50));
    assert_eq!(bench.next_deadline(), Duration::from_millis(350));
    bench.pass(at(350));
    bench.answer(1, 2, hiccup(), at(400));
    assert_eq!(bench.gave_up(1), Some("provider_busy"));
}

#[test]
fn a_notice_has_more_patience_and_obeys_the_provider() {
    let mut bench = Bench::default();
    let mut notice = request(1, WakeKind::MissedCall, 1, 1, at(0));
    notice.expires_at = at(0).wall + Duration::from_secs(3600);
    bench.handle(Input::Wake { request: notice, route: route(FIRST) }, at(0));
    bench.answer(1, 1, hiccup(), at(0));
    assert_eq!(bench.next_deadline(), Duration::from_secs(20));
    bench.pass(at(20_000));
    bench.answer(1, 2, hiccup(), at(20_000));
    bench.pass(at(40_000));
    bench.answer(1, 3, hiccup(), at(40_000));
    assert_eq!(bench.next_deadline(), Duration::from_secs(100));
    bench.pass(at(100_000));
    bench.answer(1, 4, hiccup(), at(100_000));
    assert_eq!(bench.gave_up(1), Some("provider_busy"));
}

#[test]
fn too_many_requests_are_waited_for_only_while_the_caller_rings() {
    let mut bench = Bench::default();
    bench.call(1, at(0));
    bench.answer(1, 1, busy(Some(Duration::from_secs(5))), at(0));
    bench.pass(at(5000));
    bench.answer(1, 2, busy(Some(Duration::from_secs(25))), at(5000));
    assert_eq!(bench.gave_up(1), Some("provider_busy"), "5 s + 25 s is the end of ringing");
}

#[test]
fn too_many_requests_without_a_time_end_a_call_but_not_a_notice() {
    let mut bench = Bench::default();
    bench.call(1, at(0));
    bench.answer(1, 1, busy(None), at(0));
    assert_eq!(bench.gave_up(1), Some("provider_busy"));
    let mut notice = request(2, WakeKind::MissedCall, 1, 1, at(0));
    notice.expires_at = at(0).wall + Duration::from_secs(3600);
    bench.handle(Input::Wake { request: notice, route: route(FIRST) }, at(0));
    bench.answer(2, 1, busy(None), at(0));
    assert_eq!(bench.next_deadline(), Duration::from_secs(60));
    assert_eq!(bench.gave_up(2), None);
}

#[test]
fn the_other_environment_is_tried_once_and_a_success_corrects_the_record() {
    let mut bench = Bench::default();
    bench.call(1, at(0));
    bench.answer(1, 1, elsewhere(), at(50));
    assert_eq!(bench.attempts[1].environment, Environment::Sandbox);
    bench.answer(1, 2, accepted(), at(100));
    let Some(WakeEvent::Answered { verdict: Verdict::TokenWrong { accepted_in, .. }, .. }) = bench.events(1).last()
    else {
        panic!("{:?}", bench.events(1))
    };
    assert_eq!(*accepted_in, Some(Environment::Sandbox));
    assert_eq!(bench.machine.pending(), 0);
}

#[test]
fn a_token_wrong_in_both_environments_is_wrong() {
    let mut bench = Bench::default();
    bench.call(1, at(0));
    bench.answer(1, 1, elsewhere(), at(50));
    bench.answer(1, 2, elsewhere(), at(100));
    assert_eq!(bench.gave_up(1), Some("token_wrong"));
    assert_eq!(bench.attempts.len(), 2);
}

#[test]
fn another_key_can_serve_the_other_environment() {
    let mut bench = Bench::default();
    let both = Route {
        credential: FIRST,
        environment: Environment::Production,
        service: None,
        other: Some((SECOND, Environment::Sandbox)),
        second: None,
    };
    let call = request(1, WakeKind::Call, 1, 1, at(0));
    bench.handle(Input::Wake { request: call, route: Ok(both) }, at(0));
    bench.answer(1, 1, elsewhere(), at(50));
    assert_eq!(bench.attempts[1].credential, SECOND);
    assert_eq!(bench.load(FIRST), (0, 0));
    assert_eq!(bench.load(SECOND), (0, 1));
}

#[test]
fn a_provider_token_is_renewed_once() {
    let mut bench = Bench::default();
    bench.call(1, at(0));
    let stale = Verdict::Misconfigured { code: "apns_clock".into(), what: "too old".into() };
    let answer = Answer::with_remedy(stale, Remedy::RenewToken);
    bench.answer(1, 1, answer.clone(), at(50));
    assert!(bench.attempts[1].renew_token);
    bench.answer(1, 2, answer, at(100));
    assert_eq!(bench.gave_up(1), Some("apns_clock"));
}

#[test]
fn a_closed_connection_is_replaced_once() {
    let mut bench = Bench::default();
    bench.call(1, at(0));
    let verdict = Verdict::RetryAfter { wait: None, why: "Shutdown".into() };
    let answer = Answer::with_remedy(verdict, Remedy::NewConnection);
    bench.answer(1, 1, answer.clone(), at(50));
    assert_eq!(bench.attempts[1].connection, Connection::Fresh);
    bench.answer(1, 2, answer, at(100));
    assert_eq!(bench.gave_up(1), Some("provider_busy"));
}

#[test]
fn stopping_ends_what_waits_and_lets_what_is_on_the_wire_be_answered() {
    let mut bench = Bench::default();
    bench.call(1, at(0));
    bench.handle(Input::StopWakes(CallId(1)), at(10));
    assert_eq!(bench.gave_up(1), None);
    bench.answer(1, 1, hiccup(), at(50));
    assert_eq!(bench.gave_up(1), Some("stopped"));
    assert_eq!(bench.attempts.len(), 1);
    bench.call(2, at(60));
    bench.answer(2, 1, hiccup(), at(70));
    bench.handle(Input::StopWakes(CallId(1)), at(80));
    assert_eq!(bench.gave_up(2), Some("stopped"));
}

#[test]
fn stopping_a_call_leaves_its_notices_alone() {
    let mut bench = Bench::default();
    let notice = request(1, WakeKind::MissedCall, 1, 1, at(0));
    bench.handle(Input::Wake { request: notice, route: route(FIRST) }, at(0));
    bench.answer(1, 1, hiccup(), at(10));
    bench.handle(Input::StopWakes(CallId(1)), at(20));
    assert_eq!(bench.gave_up(1), None);
}

#[test]
fn the_last_attempt_ends_with_the_ringing() {
    let mut bench = Bench::default();
    let mut call = request(1, WakeKind::Call, 1, 1, at(0));
    call.expires_at = at(1200).wall;
    bench.handle(Input::Wake { request: call, route: route(FIRST) }, at(0));
    assert_eq!(bench.attempts[0].timeout, Duration::from_millis(1200));
    bench.pass(at(1200));
    assert_eq!(bench.gave_up(1), Some("expired"));
    assert_eq!(bench.attempts.len(), 1);
    let mut late = request(2, WakeKind::Call, 2, 1, at(0));
    late.expires_at = at(1300).wall;
    bench.handle(Input::Wake { request: late, route: route(FIRST) }, at(1300));
    assert_eq!(bench.gave_up(2), Some("expired"));
}

#[test]
fn a_refused_route_gives_up_with_its_reason() {
    let mut bench = Bench::default();
    let refusal = Refusal { code: "no_credential", why: "add one".into() };
    let call = request(1, WakeKind::Call, 1, 1, at(0));
    bench.handle(Input::Wake { request: call, route: Err(refusal) }, at(0));
    assert_eq!(bench.events(1), [WakeEvent::GaveUp { code: "no_credential".into(), why: "add one".into() }]);
}

#[test]
fn a_full_lane_delays_no_other_lane_and_overflows_with_a_reason() {
    let mut bench = Bench::default();
    let room = u64::try_from(SENDING + CALLS_WAITING).unwrap();
    for number in 1..=room + 1 {
        let call = request(number, WakeKind::Call, i64::try_from(number).unwrap(), 1, at(0));
        bench.handle(Input::Wake { request: call, route: route(FIRST) }, at(0));
    }
    assert_eq!(bench.attempts.len(), SENDING);
    assert_eq!(bench.load(FIRST), (CALLS_WAITING, SENDING));
    assert_eq!(bench.gave_up(room + 1), Some("push_queue_full"));
    assert_eq!(bench.gave_up(room), None);
    let other = request(9_999, WakeKind::Call, 9_999, 1, at(0));
    bench.handle(Input::Wake { request: other, route: route(SECOND) }, at(0));
    assert_eq!(bench.attempts.last().map(|it| it.credential), Some(SECOND));
}

#[test]
fn calls_go_before_notices_and_notices_leave_them_slots() {
    let mut bench = Bench::default();
    for number in 1..=u64::try_from((SENDING / 2) + 5).unwrap() {
        let notice = request(number, WakeKind::MissedCall, i64::try_from(number).unwrap(), 1, at(0));
        bench.handle(Input::Wake { request: notice, route: route(FIRST) }, at(0));
    }
    assert_eq!(bench.attempts.len(), (SENDING / 2));
    bench.call(1_000, at(1));
    assert_eq!(bench.attempts.last().map(|it| it.wake_id), Some(wake_id(1_000)));
    bench.answer(1, 1, accepted(), at(5));
    assert_eq!(bench.attempts.len(), (SENDING / 2) + 2);
}

#[test]
fn all_lanes_together_are_bounded_and_keep_room_for_calls() {
    let mut bench = Bench::default();
    let mut number = 0;
    for lane in 1..=8 {
        for _ in 0..NOTICES_WAITING + (SENDING / 2) {
            number += 1;
            let notice = request(number, WakeKind::MissedCall, i64::try_from(number).unwrap(), 1, at(0));
            bench.handle(Input::Wake { request: notice, route: route(CredentialId(lane)) }, at(0));
        }
    }
    assert_eq!(bench.machine.pending(), PENDING_NOTICES);
    assert_eq!(bench.gave_up(number), Some("push_queue_full"));
    let call = request(number + 1, WakeKind::Call, 1, 1, at(0));
    bench.handle(Input::Wake { request: call, route: route(CredentialId(8)) }, at(0));
    assert_eq!(bench.gave_up(number + 1), None);
}

#[test]
fn a_removed_credential_ends_its_wakes() {
    let mut bench = Bench::default();
    bench.call(1, at(0));
    let other = request(2, WakeKind::Call, 2, 1, at(0));
    bench.handle(Input::Wake { request: other, route: route(SECOND) }, at(0));
    bench.handle(Input::Removed { credential: FIRST, routes: BTreeMap::new() }, at(10));
    assert_eq!(bench.gave_up(1), Some("no_credential"));
    assert_eq!(bench.abandoned, [(wake_id(1), 1)]);
    assert_eq!(bench.gave_up(2), None);
}

/// The first credential is removed; all its wakes may go through the second.
fn replace_first(bench: &mut Bench, now: Now) {
    let its = bench.machine.wakes_of(FIRST).into_iter();
    let routes = its.map(|(wake_id, _)| (wake_id, route(SECOND).unwrap())).collect();
    bench.handle(Input::Removed { credential: FIRST, routes }, now);
}

#[test]
fn wakes_of_a_replaced_credential_go_through_the_new_one() {
    let mut bench = Bench::default();
    for number in 1..=SENDING as u64 + 2 {
        let call = request(number, WakeKind::Call, i64::try_from(number).unwrap(), 1, at(0));
        bench.handle(Input::Wake { request: call, route: route(FIRST) }, at(0));
    }
    assert_eq!(bench.attempts.len(), SENDING);
    replace_first(&mut bench, at(10));
    let moved: Vec<_> = bench.attempts[SENDING..].iter().map(|it| (it.wake_id, it.credential)).collect();
    let (one, other) = (wake_id(SENDING as u64 + 1), wake_id(SENDING as u64 + 2));
    assert_eq!(moved, [(one, SECOND), (other, SECOND)], "what waited goes on at once");
    assert!(bench.abandoned.is_empty(), "what is on the wire may still be accepted");
    bench.answer(1, 1, accepted(), at(20));
    assert_eq!(bench.attempts.len(), SENDING + 2, "an accepted push is not sent again");
    let revoked = Answer::is_final(Verdict::Misconfigured { code: "apns_key".into(), what: "revoked".into() });
    bench.answer(2, 1, revoked, at(30));
    let again = bench.attempts.last().unwrap();
    assert_eq!((again.wake_id, again.number, again.credential), (wake_id(2), 2, SECOND));
    bench.answer(2, 2, accepted(), at(40));
    let gone = Answer::is_final(Verdict::TokenGone { since: None, why: "gone".into() });
    bench.answer(3, 1, gone, at(50));
    assert_eq!((bench.gave_up(2), bench.gave_up(3)), (None, Some("token_gone")));
    assert_eq!(bench.load(FIRST), (0, 0));
}

#[test]
fn a_key_that_the_provider_refuses_is_stood_in_for_once_by_the_second() {
    let mut bench = Bench::default();
    let call = request(1, WakeKind::Call, 1, 1, at(0));
    let route = route(FIRST).map(|route| Route { second: Some(SECOND), ..route });
    bench.handle(Input::Wake { request: call, route }, at(0));
    let revoked = || Answer::is_final(Verdict::Misconfigured { code: "apns_key".into(), what: "revoked".into() });
    bench.answer(1, 1, revoked(), at(10));
    let credentials: Vec<_> = bench.attempts.iter().map(|it| it.credential).collect();
    assert_eq!(credentials, [FIRST, SECOND]);
    bench.answer(1, 2, revoked(), at(20));
    assert_eq!((bench.attempts.len(), bench.gave_up(1)), (2, Some("apns_key")));
}

#[test]
fn a_key_that_is_not_for_the_environment_a_token_was_tried_in_is_no_fault_of_the_key() {
    let mut bench = Bench::default();
    bench.call(1, at(0));
    bench.answer(1, 1, elsewhere(), at(10));
    assert!(bench.attempts[1].elsewhere);
    let bound = Verdict::Misconfigured { code: KEY_ENVIRONMENT.into(), what: "not in sandbox".into() };
    bench.answer(1, 2, Answer::is_final(bound), at(20));
    let Some(WakeEvent::GaveUp { code, why }) = bench.events(1).last() else { panic!("{:?}", bench.events(1)) };
    assert_eq!(code, "token_wrong");
    assert!(why.contains("test build"), "{why}");
}

#[test]
fn outputs_that_wait_are_due_at_once() {
    let mut machine = Delivery::new();
    let call = request(1, WakeKind::Call, 1, 1, at(5));
    machine.handle(Input::Wake { request: call, route: route(FIRST) }, at(5));
    assert_eq!(machine.poll_timeout(), Some(Moment::START));
    while machine.poll_output().is_some() {}
    assert_eq!(machine.poll_timeout(), Some(at(3005).mono));
}
