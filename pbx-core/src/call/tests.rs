use std::net::SocketAddr;
use std::time::Duration;

use super::*;
use crate::model::{ConnectionId, Transport, Verdict};

const RING: Duration = Duration::from_secs(30);
const GRACE: Duration = Duration::from_secs(2);

fn policy() -> CallPolicy {
    CallPolicy { ring: RING, grace: GRACE, early_ringing: EarlyRinging::WhenPushAccepted }
}

fn flow(port: u16) -> Flow {
    Flow {
        transport: Transport::Tls,
        local: SocketAddr::from(([127, 0, 0, 1], 5061)),
        remote: SocketAddr::from(([127, 0, 0, 1], port)),
        connection: ConnectionId(u64::from(port)),
    }
}

fn device(number: i64) -> DeviceId {
    DeviceId(number)
}

fn outputs(call: &mut Call) -> Vec<CallOutput> {
    std::iter::from_fn(|| call.poll_output()).filter(|output| !matches!(output, CallOutput::Note { .. })).collect()
}

fn invite_of(outputs: &[CallOutput], wanted: DeviceId) -> Option<BranchId> {
    outputs.iter().find_map(|output| {
        let CallOutput::Invite { branch, device } = output else { return None };
        (*device == wanted).then_some(*branch)
    })
}

fn sleeping(number: i64) -> Candidate {
    Candidate::Sleeping { device: device(number) }
}

fn live(number: i64, can_be_woken: bool) -> Candidate {
    Candidate::Live { device: device(number), flow: flow(1000 + u16::try_from(number).unwrap()), can_be_woken }
}

fn at(seconds: u64) -> Moment {
    Moment::START + Duration::from_secs(seconds)
}

fn registered(number: i64, port: u16) -> CallInput {
    CallInput::Registered { device: device(number), flow: flow(port), can_be_woken: true, restarted: false }
}

fn accepted(number: i64) -> CallInput {
    let event = WakeEvent::Answered { attempt: 1, verdict: Verdict::Accepted, provider_id: None };
    CallInput::Wake { device: device(number), event }
}

fn given_up(number: i64) -> CallInput {
    let event = WakeEvent::GaveUp { code: "gone".into(), why: "the token is gone".into() };
    CallInput::Wake { device: device(number), event }
}

#[test]
fn a_sleeping_device_is_woken_once_and_invited_once_when_it_registers() {
    let mut call = Call::start(policy(), [sleeping(1)], at(0));
    assert_eq!(outputs(&mut call), [CallOutput::Wake { branch: BranchId(1), device: device(1) }]);
    call.handle(registered(1, 2000), at(3));
    let first = outputs(&mut call);
    assert!(invite_of(&first, device(1)).is_some(), "{first:?}");
    call.handle(registered(1, 2000), at(4));
    assert_eq!(outputs(&mut call), [], "a refresh on the same flow is no second call");
}

#[test]
fn a_push_that_was_accepted_lets_the_caller_hear_ringing_once() {
    let mut call = Call::start(policy(), [sleeping(1)], at(0));
    outputs(&mut call);
    call.handle(accepted(1), at(1));
    assert_eq!(outputs(&mut call), [CallOutput::TellCallerItRings]);
    call.handle(registered(1, 2000), at(2));
    let branch = invite_of(&outputs(&mut call), device(1)).unwrap();
    call.handle(CallInput::Rings { branch }, at(3));
    assert_eq!(outputs(&mut call), []);
}

#[test]
fn with_the_strict_setting_only_a_ringing_phone_lets_the_caller_hear_ringing() {
    let strict = CallPolicy { early_ringing: EarlyRinging::WhenPhoneRings, ..policy() };
    let mut call = Call::start(strict, [sleeping(1)], at(0));
    outputs(&mut call);
    call.handle(accepted(1), at(1));
    assert_eq!(outputs(&mut call), []);
    call.handle(registered(1, 2000), at(2));
    let branch = invite_of(&outputs(&mut call), device(1)).unwrap();
    call.handle(CallInput::Rings { branch }, at(3));
    assert_eq!(outputs(&mut call), [CallOutput::TellCallerItRings]);
}

#[test]
fn a_live_device_without_a_sign_is_pushed_as_well_and_its_invite_stays_out() {
    let mut call = Call::start(policy(), [live(1, true)], at(0));
    let branch = invite_of(&outputs(&mut call), device(1)).unwrap();
    assert_eq!(call.poll_timeout(), Some(at(0) + GRACE));
    call.handle_timeout(at(2));
    assert_eq!(
        outputs(&mut call),
        [CallOutput::FlowSilent { branch, device: device(1) }, CallOutput::Wake { branch, device: device(1) }]
    );
    assert_eq!(call.poll_timeout(), Some(at(30)));
    call.handle(registered(1, 2000), at(5));
    let newer = invite_of(&outputs(&mut call), device(1)).unwrap();
    call.handle(CallInput::Progress { branch: newer }, at(6));
    assert_eq!(outputs(&mut call), [CallOutput::EndBranch { branch, end: BranchEnd::Superseded }]);
}

#[test]
fn a_phone_that_kept_its_ringing_call_on_another_network_goes_on_ringing() {
    let mut call = Call::start(policy(), [live(1, true)], at(0));
    let branch = invite_of(&outputs(&mut call), device(1)).unwrap();
    call.handle(CallInput::Rings { branch }, at(1));
    outputs(&mut call);
    call.handle(registered(1, 2000), at(2));
    let newer = invite_of(&outputs(&mut call), device(1)).unwrap();
    call.handle(CallInput::HasAlready { branch: newer }, at(3));
    assert_eq!(outputs(&mut call), [CallOutput::MoveBranch { branch, flow: flow(2000) }]);
    call.handle(CallInput::Answered { branch }, at(4));
    let after = outputs(&mut call);
    assert!(after.contains(&CallOutput::Connect { branch, device: device(1) }), "{after:?}");
    assert!(!after.iter().any(|output| matches!(output, CallOutput::EndBranch { .. })), "{after:?}");
}

#[test]
fn a_phone_that_kept_its_call_and_is_then_started_anew_rings_again() {
    let mut call = Call::start(policy(), [live(1, true)], at(0));
    let branch = invite_of(&outputs(&mut call), device(1)).unwrap();
    call.handle(CallInput::Rings { branch }, at(1));
    call.handle(registered(1, 2000), at(2));
    let newer = invite_of(&outputs(&mut call), device(1)).unwrap();
    call.handle(CallInput::HasAlready { branch: newer }, at(3));
    outputs(&mut call);
    call.handle(registered(1, 2000), at(4));
    assert_eq!(outputs(&mut call), []);
    let again = CallInput::Registered { device: device(1), flow: flow(2000), can_be_woken: true, restarted: true };
    call.handle(again, at(5));
    let third = invite_of(&outputs(&mut call), device(1)).unwrap();
    call.handle(CallInput::Rings { branch: third }, at(6));
    assert_eq!(outputs(&mut call), [CallOutput::EndBranch { branch, end: BranchEnd::Superseded }]);
}

#[test]
fn a_phone_on_datagrams_that_registers_without_having_its_invite_gets_it_at_once() {
    let udp = Flow { transport: Transport::Udp, connection: ConnectionId(0), ..flow(2000) };
    let candidate = Candidate::Live { device: device(1), flow: udp, can_be_woken: false };
    let mut call = Call::start(policy(), [candidate], at(0));
    let branch = invite_of(&outputs(&mut call), device(1)).unwrap();
    let here = CallInput::Registered { device: device(1), flow: udp, can_be_woken: false, restarted: false };
    call.handle(here.clone(), at(5));
    assert_eq!(outputs(&mut call), [CallOutput::RepeatInvite { branch }]);
    call.handle(CallInput::Progress { branch }, at(6));
    call.handle(here, at(7));
    assert_eq!(outputs(&mut call), []);
}

#[test]
fn a_phone_that_refuses_a_call_as_merged_without_having_it_counts_as_failed() {
    let mut call = Call::start(policy(), [live(1, false)], at(0));
    let branch = invite_of(&outputs(&mut call), device(1)).unwrap();
    call.handle(CallInput::HasAlready { branch }, at(1));
    assert!(call.is_ended());
}

#[test]
fn when_one_device_declines_the_others_learn_that() {
    let mut call = Call::start(policy(), [live(1, false), live(2, false)], at(0));
    let started = outputs(&mut call);
    let (one, two) = (invite_of(&started, device(1)).unwrap(), invite_of(&started, device(2)).unwrap());
    call.handle(CallInput::Rejected { branch: one, rejection: Rejection::DeclinedEverywhere }, at(1));
    assert!(outputs(&mut call).contains(&CallOutput::EndBranch { branch: two, end: BranchEnd::DeclinedElsewhere }));
}

#[test]
fn a_live_device_that_gives_a_sign_in_time_is_not_pushed() {
    let mut call = Call::start(policy(), [live(1, true)], at(0));
    let branch = invite_of(&outputs(&mut call), device(1)).unwrap();
    call.handle(CallInput::Progress { branch }, at(1));
    assert_eq!(call.poll_timeout(), Some(at(30)));
    call.handle_timeout(at(2));
    assert_eq!(outputs(&mut call), []);
}

#[test]
fn a_dead_flow_turns_into_a_wake_at_once() {
    let mut call = Call::start(policy(), [live(1, true)], at(0));
    let branch = invite_of(&outputs(&mut call), device(1)).unwrap();
    call.handle(CallInput::FlowDead { branch }, at(0));
    assert_eq!(outputs(&mut call), [CallOutput::Wake { branch, device: device(1) }]);
    call.handle(registered(1, 2000), at(2));
    assert!(invite_of(&outputs(&mut call), device(1)).is_some());
}

#[test]
fn a_woken_phone_whose_new_connection_dies_is_waited_for_without_another_push() {
    let mut call = Call::start(policy(), [sleeping(1)], at(0));
    outputs(&mut call);
    call.handle(registered(1, 2000), at(3));
    let branch = invite_of(&outputs(&mut call), device(1)).unwrap();
    call.handle(CallInput::FlowDead { branch }, at(4));
    assert_eq!(outputs(&mut call), [], "no refusal and no second push");
    call.handle(registered(1, 3000), at(5));
    let branch = invite_of(&outputs(&mut call), device(1)).unwrap();
    call.handle(CallInput::Rings { branch }, at(6));
    call.handle(CallInput::FlowDead { branch }, at(7));
    outputs(&mut call);
    assert_eq!(call.poll_timeout(), Some(at(30)), "and as long as it rings");
    call.handle_timeout(at(30));
    assert!(outputs(&mut call).contains(&CallOutput::Notify { device: device(1), end: BranchEnd::NoAnswer }));
}

#[test]
fn a_woken_phone_that_has_given_no_sign_is_told_by_push_how_the_call_ended() {
    for (rings, told) in [(false, true), (true, false)] {
        let mut call = Call::start(policy(), [sleeping(1)], at(0));
        outputs(&mut call);
        call.handle(registered(1, 2000), at(3));
        let branch = invite_of(&outputs(&mut call), device(1)).unwrap();
        if rings {
            call.handle(CallInput::Rings { branch }, at(3));
        }
        call.handle(CallInput::CallerGone { reason: String::new() }, at(4));
        let notice = CallOutput::Notify { device: device(1), end: BranchEnd::CallerGaveUp };
        assert_eq!(outputs(&mut call).contains(&notice), told, "rings: {rings}");
    }
}

#[test]
fn a_ringing_phone_is_followed_through_every_change_of_network() {
    let mut call = Call::start(policy(), [live(1, true)], at(0));
    let branch = invite_of(&outputs(&mut call), device(1)).unwrap();
    call.handle(CallInput::Rings { branch }, at(1));
    for (port, second) in [(2000, 2), (3000, 4)] {
        outputs(&mut call);
        call.handle(registered(1, port), at(second));
        let newer = invite_of(&outputs(&mut call), device(1)).unwrap();
        call.handle(CallInput::HasAlready { branch: newer }, at(second + 1));
        assert_eq!(outputs(&mut call), [CallOutput::MoveBranch { branch, flow: flow(port) }]);
    }
}

#[test]
fn the_desk_phone_answers_while_the_app_wakes_and_the_app_is_told() {
    let mut call = Call::start(policy(), [live(1, false), sleeping(2)], at(0));
    let desk = invite_of(&outputs(&mut call), device(1)).unwrap();
    call.handle(CallInput::Rings { branch: desk }, at(1));
    outputs(&mut call);
    call.handle(CallInput::Answered { branch: desk }, at(2));
    assert_eq!(
        outputs(&mut call),
        [
            CallOutput::StopWakes,
            CallOutput::Connect { branch: desk, device: device(1) },
            CallOutput::Notify { device: device(2), end: BranchEnd::AnsweredElsewhere },
        ]
    );
    call.handle(registered(2, 2000), at(3));
    assert_eq!(outputs(&mut call), [], "no late ring");
}

#[test]
fn a_caller_who_gives_up_ends_ringing_phones_and_notifies_waking_ones() {
    let mut call = Call::start(policy(), [live(1, false), sleeping(2)], at(0));
    let desk = invite_of(&outputs(&mut call), device(1)).unwrap();
    call.handle(CallInput::CallerGone { reason: "The caller hung up.".into() }, at(4));
    let end = BranchEnd::CallerGaveUp;
    assert_eq!(
        outputs(&mut call),
        [
            CallOutput::StopWakes,
            CallOutput::Refuse { ending: CallEnding::CallerGaveUp },
            CallOutput::EndBranch { branch: desk, end },
            CallOutput::Notify { device: device(2), end },
            CallOutput::Ended { ending: CallEnding::CallerGaveUp, reason: "The caller hung up.".into() },
        ]
    );
    assert!(call.is_ended());
    assert_eq!(call.poll_timeout(), None);
}

#[test]
fn the_second_answer_is_hung_up() {
    let mut call = Call::start(policy(), [live(1, false), live(2, false)], at(0));
    let first = outputs(&mut call);
    let (one, two) = (invite_of(&first, device(1)).unwrap(), invite_of(&first, device(2)).unwrap());
    call.handle(CallInput::Answered { branch: one }, at(1));
    outputs(&mut call);
    call.handle(CallInput::Answered { branch: two }, at(1));
    assert_eq!(outputs(&mut call), [CallOutput::EndBranch { branch: two, end: BranchEnd::AnsweredElsewhere }]);
}

#[test]
fn busy_waits_for_the_others_and_is_the_answer_when_nobody_is_left() {
    let mut call = Call::start(policy(), [live(1, false), sleeping(2)], at(0));
    let desk = invite_of(&outputs(&mut call), device(1)).unwrap();
    call.handle(CallInput::Rejected { branch: desk, rejection: Rejection::Busy }, at(1));
    assert_eq!(outputs(&mut call), []);
    call.handle(given_up(2), at(2));
    assert!(outputs(&mut call).contains(&CallOutput::Refuse { ending: CallEnding::Busy }));
}

#[test]
fn a_decline_everywhere_ends_the_call_for_all() {
    let mut call = Call::start(policy(), [live(1, false), live(2, false)], at(0));
    let first = outputs(&mut call);
    let one = invite_of(&first, device(1)).unwrap();
    call.handle(CallInput::Rejected { branch: one, rejection: Rejection::DeclinedEverywhere }, at(1));
    assert!(outputs(&mut call).contains(&CallOutput::Refuse { ending: CallEnding::Declined }));
}

#[test]
fn nobody_to_call_is_refused_at_once() {
    let mut call = Call::start(policy(), [], at(0));
    assert!(outputs(&mut call).contains(&CallOutput::Refuse { ending: CallEnding::Unreachable }));
}

#[test]
fn the_caller_waits_as_long_as_it_rings_and_not_longer() {
    for seconds in [0, 1, 5, 7, 15, 25, 29] {
        let mut call = Call::start(policy(), [sleeping(1)], at(0));
        outputs(&mut call);
        call.handle(registered(1, 2000), at(seconds));
        assert!(invite_of(&outputs(&mut call), device(1)).is_some(), "after {seconds} s");
    }
    let mut call = Call::start(policy(), [sleeping(1)], at(0));
    outputs(&mut call);
    call.handle_timeout(at(30));
    assert!(outputs(&mut call).contains(&CallOutput::Refuse { ending: CallEnding::NoAnswer }));
    call.handle(registered(1, 2000), at(31));
    assert_eq!(outputs(&mut call), []);
}

#[test]
fn a_device_that_could_not_be_woken_may_still_come_by_itself() {
    let mut call = Call::start(policy(), [sleeping(1), live(2, false)], at(0));
    outputs(&mut call);
    call.handle(given_up(1), at(1));
    outputs(&mut call);
    call.handle(registered(1, 2000), at(5));
    assert!(invite_of(&outputs(&mut call), device(1)).is_some());
}

#[test]
fn a_device_that_was_busy_is_not_invited_again_when_it_registers() {
    let mut call = Call::start(policy(), [live(1, false), live(2, false)], at(0));
    let one = invite_of(&outputs(&mut call), device(1)).unwrap();
    call.handle(CallInput::Rejected { branch: one, rejection: Rejection::Busy }, at(1));
    outputs(&mut call);
    call.handle(registered(1, 2000), at(2));
    assert_eq!(outputs(&mut call), []);
}

#[test]
fn a_phone_that_keeps_changing_network_is_invited_a_bounded_number_of_times() {
    let mut call = Call::start(policy(), [sleeping(1)], at(0));
    outputs(&mut call);
    let invites = (0..100u16)
        .filter(|n| {
            call.handle(registered(1, 2000 + n), at(1));
            invite_of(&outputs(&mut call), device(1)).is_some()
        })
        .count();
    assert_eq!(invites, usize::try_from(MAX_REPLACEMENTS).unwrap());
}

/// Every order of everything that can happen to a call with one or two devices: exactly one final answer to the caller,
/// each device woken at most once, nobody invited after the end, every invited branch ends or wins, no deadline left.
#[test]
fn in_every_order_the_caller_gets_one_answer_and_nobody_rings_late() {
    let starts: [&[Candidate]; 4] =
        [&[sleeping(1)], &[live(1, true)], &[live(1, false), sleeping(2)], &[live(1, true), live(2, true)]];
    let mut histories = 0;
    for start in starts {
        permute(&mut (0..STEPS).collect(), 0, &mut |order| {
            histories += 1;
            check_history(start, order);
        });
    }
    assert_eq!(histories, 4 * 40_320);
}

/// The same while connections come and go: a device that can be woken is waited for as long as it rings.
#[test]
fn in_every_order_of_dying_connections_nobody_who_can_be_woken_is_given_up() {
    // Two registrations on different flows, two dead flows, the rest once each.
    const STORMY: [usize; STEPS] = [2, 8, 5, 5, 3, 4, 6, 7];
    for start in
        [[sleeping(1)].as_slice(), &[live(1, true)], &[live(1, false), sleeping(2)], &[live(1, true), live(2, true)]]
    {
        permute(&mut (0..STEPS).collect(), 0, &mut |order| {
            let order: Vec<usize> = order.iter().filter_map(|step| STORMY.get(*step).copied()).collect();
            let seen = check_history(start, &order);
            let given_up = CallOutput::Refuse { ending: CallEnding::Unreachable };
            assert!(!seen.contains(&given_up), "{order:?}: {seen:?}");
        });
    }
}

const STEPS: usize = 8;

fn permute(steps: &mut Vec<usize>, from: usize, visit: &mut impl FnMut(&[usize])) {
    if from == steps.len() {
        return visit(steps);
    }
    for other in from..steps.len() {
        steps.swap(from, other);
        permute(steps, from + 1, visit);
        steps.swap(from, other);
    }
}

fn check_history(start: &[Candidate], order: &[usize]) -> Vec<CallOutput> {
    let mut call = Call::start(policy(), start.iter().copied(), at(0));
    let mut seen = outputs(&mut call);
    for (second, step) in order.iter().enumerate() {
        let now = at(u64::try_from(second).unwrap() + 1);
        let newest = seen.iter().rev().find_map(|output| {
            let CallOutput::Invite { branch, .. } = output else { return None };
            Some(*branch)
        });
        let branch = newest.unwrap_or(BranchId(1));
        let ended_before = call.is_ended();
        match step {
            0 => call.handle(accepted(1), now),
            1 => call.handle(given_up(1), now),
            2 => call.handle(registered(1, 2000), now),
            3 => call.handle(CallInput::Rings { branch }, now),
            4 => call.handle(CallInput::Answered { branch }, now),
            5 => call.handle(CallInput::FlowDead { branch }, now),
            6 => call.handle_timeout(now),
            8 => call.handle(registered(1, 3000), now),
            _ => call.handle(CallInput::CallerGone { reason: String::new() }, now),
        }
        let new = outputs(&mut call);
        assert!(!ended_before || new.is_empty(), "{order:?}: {new:?} after the end");
        seen.extend(new);
    }
    if !call.is_ended() {
        call.handle_timeout(at(30));
        call.handle(CallInput::CallerGone { reason: String::new() }, at(31));
        seen.extend(outputs(&mut call));
    }
    judge(order, &call, &seen);
    seen
}

fn judge(order: &[usize], call: &Call, seen: &[CallOutput]) {
    let count = |matches: fn(&CallOutput) -> bool| seen.iter().filter(|output| matches(output)).count();
    let finals = count(|o| matches!(o, CallOutput::Connect { .. } | CallOutput::Refuse { .. }));
    assert_eq!(finals, 1, "{order:?}: {seen:?}");
    assert_eq!(count(|o| matches!(o, CallOutput::Ended { .. })), 1, "{order:?}: {seen:?}");
    assert!(call.is_ended() && call.poll_timeout().is_none(), "{order:?}");
    for number in [1, 2] {
        let wakes = seen
            .iter()
            .filter(|output| matches!(output, CallOutput::Wake { device, .. } if *device == DeviceId(number)))
            .count();
        assert!(wakes <= 1, "{order:?}: device {number} woken {wakes} times");
    }
    assert!(call.branches().all(|(_, branch)| !branch.is_open()), "{order:?}: a branch is left open");
}
