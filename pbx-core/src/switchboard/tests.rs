//! The whole core with made-up time: phones made of text, a store and a push side that answer at once.

mod check_sync;
mod clocks;
mod flows;
mod moved_token;
mod probes;
mod promises;
mod sleeping_in_a_call;
mod switched_off;
mod test_calls;
mod within_a_call;
mod world;

use std::time::Duration;

use crate::model::{CallEnding, TimelineStep, Verdict, WakeEvent, WakeKind};

use world::{APP, DESK, World};

#[test]
fn a_phone_registers_only_with_its_secret() {
    let mut world = World::new();
    let challenge = world.send(DESK, &world.register_text(DESK, 3600));
    assert_eq!(world::status(&challenge), 401);
    world.register(DESK, 3600);
    let status = world.status();
    assert_eq!((status.registered, status.armed), (1, 0));
}

#[test]
fn a_call_between_two_live_phones_is_connected_and_ended() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    let call = world.call(DESK, APP);
    let invite = world.take_request(APP, "INVITE");
    assert!(invite.contains("m=audio") && !invite.contains("49170"), "the offer must point at the relay: {invite}");
    world.answer(APP, &invite, 180, "");
    assert_eq!(world::status(&world.take(DESK)), 180);
    world.answer(APP, &invite, 200, world::SDP);
    let ok = world.take(DESK);
    assert_eq!(world::status(&ok), 200);
    assert!(world.take_request(APP, "ACK").contains("ACK"));
    world.ack(DESK, &call, &ok);
    assert_eq!(world.status().calls, 1);
    world.bye(DESK, &call, &ok);
    assert_eq!(world::status(&world.take(DESK)), 200);
    let bye = world.take_request(APP, "BYE");
    world.answer(APP, &bye, 200, "");
    assert_eq!(world.status().calls, 0);
    assert_eq!(world.ending(), Some(CallEnding::Completed));
}

#[test]
fn a_sleeping_phone_is_woken_and_gets_the_call_when_it_registers() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    world.lose_flow(APP);
    assert_eq!(world.status().armed, 1);
    let call = world.call(DESK, APP);
    let wake = world.take_wake(WakeKind::Call);
    assert_eq!(wake.caller_number, "101");
    world.report(&wake, WakeEvent::Answered { attempt: 1, verdict: Verdict::Accepted, provider_id: None });
    assert_eq!(world::status(&world.take(DESK)), 180);
    world.pass(Duration::from_secs(25));
    world.move_to_new_port(APP);
    world.register(APP, 3600);
    let invite = world.take_request(APP, "INVITE");
    assert!(invite.contains(&wake.call_uuid.to_string()), "push and INVITE carry one Call-ID");
    world.forget_repeated(DESK);
    world.answer(APP, &invite, 200, world::SDP);
    let ok = world.take(DESK);
    assert_eq!(world::status(&ok), 200);
    world.ack(DESK, &call, &ok);
    let steps = world.steps();
    for step in [
        TimelineStep::Invited,
        TimelineStep::PushQueued,
        TimelineStep::PushAccepted,
        TimelineStep::Registered,
        TimelineStep::InviteSent,
        TimelineStep::Answered,
    ] {
        assert!(steps.contains(&step), "{step:?} is missing in {steps:?}");
    }
}

#[test]
fn the_callers_first_answer_waits_for_the_park_journal_and_the_push_does_not() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    world.lose_flow(APP);
    world.hold_saves();
    world.call_number(DESK, APP);
    assert_eq!(world.wakes().len(), 1);
    assert_eq!(world.try_take(DESK), None, "a caller who was told that somebody takes care is told the end as well");
    world.release_saves();
    assert_eq!(world.wakes().len(), 1, "one push is enough");
    assert_eq!(world::status(&world.take(DESK)), 100);
}

#[test]
fn a_phone_that_rings_before_the_journal_is_written_is_heard_ringing_after_it() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    world.hold_saves();
    world.call_number(DESK, APP);
    let invite = world.take_request(APP, "INVITE");
    world.answer(APP, &invite, 180, "");
    assert_eq!(world.try_take(DESK), None);
    world.release_saves();
    assert_eq!(world::status(&world.take(DESK)), 180);
    assert_eq!(world.try_take(DESK), None, "nothing older follows");
}

#[test]
fn a_phone_that_answers_before_the_journal_is_written_has_the_call() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    world.hold_saves();
    let call = world.call_number(DESK, APP);
    let invite = world.take_request(APP, "INVITE");
    world.answer(APP, &invite, 200, world::SDP);
    let ok = world.take(DESK);
    assert_eq!(world::status(&ok), 200);
    world.ack(DESK, &call, &ok);
    world.release_saves();
    assert_eq!(world.try_take(DESK), None, "nothing provisional follows the answer");
}

#[test]
fn a_journal_that_cannot_be_written_holds_up_nobody() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    world.lose_flow(APP);
    world.fail_saves();
    world.call(DESK, APP);
    assert_eq!(world.wakes().len(), 1);
}

#[test]
fn a_new_wake_target_is_durable_before_the_answer_and_a_refresh_does_not_wait() {
    let mut world = World::new();
    let challenge = world.send(APP, &world.register_text(APP, 3600));
    world.hold_saves();
    let text = world.with_digest(APP, "REGISTER", &world.register_text(APP, 3600), &challenge);
    world.deliver(APP, &text);
    assert!(world.try_take(APP).is_none(), "no 200 before the save");
    world.release_saves();
    assert_eq!(world::status(&world.take(APP)), 200);
    world.hold_saves();
    world.register(APP, 3600);
}

#[test]
fn a_phone_that_comes_back_on_udp_gets_its_call_before_the_disk_has_its_binding() {
    let with_push = |text: String| World::with_push(&text);
    let mut world = World::new();
    world.register(APP, 3600);
    world.register_as(DESK, with_push);
    world.register_as(DESK, |text| with_push(text).replace("Expires: 3600", "Expires: 0"));
    world.call(APP, DESK);
    world.take_wake(WakeKind::Call);
    world.hold_saves();
    world.try_register_as(DESK, with_push);
    world.take_request(DESK, "INVITE");
    assert_eq!(world.try_take(DESK), None, "no 200 before the save");
    world.release_saves();
    assert_eq!(world::status(&world.take(DESK)), 200);
    assert_eq!(world.try_take(DESK), None, "one INVITE is enough");
}

#[test]
fn a_save_that_fails_is_no_registration() {
    let mut world = World::new();
    let challenge = world.send(APP, &world.register_text(APP, 3600));
    world.fail_saves();
    let text = world.with_digest(APP, "REGISTER", &world.register_text(APP, 3600), &challenge);
    world.deliver(APP, &text);
    assert_eq!(world::status(&world.take(APP)), 503);
}

#[test]
fn a_caller_who_gives_up_gets_487_and_the_sleeping_phone_a_missed_call_and_no_late_ring() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    world.lose_flow(APP);
    let call = world.call(DESK, APP);
    world.take_wake(WakeKind::Call);
    world.cancel(DESK, &call);
    assert_eq!(world::status(&world.take(DESK)), 200, "the CANCEL itself");
    assert_eq!(world::status(&world.take(DESK)), 487);
    world.take_wake(WakeKind::MissedCall);
    world.register(APP, 3600);
    assert!(world.try_take(APP).is_none(), "a call that is over rings nobody");
    assert_eq!(world.ending(), Some(CallEnding::CallerGaveUp));
}

#[test]
fn nobody_comes_and_the_caller_gets_one_final_answer_at_the_end_of_ringing() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    world.lose_flow(APP);
    world.call(DESK, APP);
    world.take_wake(WakeKind::Call);
    world.pass(Duration::from_secs(29));
    assert!(world.try_take(DESK).is_none());
    world.pass(Duration::from_secs(1));
    assert_eq!(world::status(&world.take(DESK)), 480);
    assert_eq!(world.ending(), Some(CallEnding::NoAnswer));
}

#[test]
fn an_unknown_number_gets_404_and_stands_in_the_call_log() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.call_number(DESK, "999");
    assert_eq!(world::status(&world.take(DESK)), 404);
    assert_eq!(world.ending(), Some(CallEnding::NoSuchNumber));
}

#[test]
fn a_busy_phone_is_told_as_busy() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    world.call(DESK, APP);
    let invite = world.take_request(APP, "INVITE");
    world.answer(APP, &invite, 486, "");
    world.take_request(APP, "ACK");
    assert_eq!(world::status(&world.take(DESK)), 486);
}

#[test]
fn a_silent_live_phone_is_pushed_after_the_grace_time() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    world.call(DESK, APP);
    world.take_request(APP, "INVITE");
    assert!(world.wakes().is_empty());
    world.pass(Duration::from_secs(2));
    world.take_wake(WakeKind::Call);
}

#[test]
fn a_parked_caller_gets_a_final_answer_after_a_crash_and_nobody_rings() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    world.lose_flow(APP);
    world.call(DESK, APP);
    world.take_wake(WakeKind::Call);
    let mut after = world.crash_and_restart();
    assert_eq!(world::status(&after.take(DESK)), 503);
    after.register(APP, 3600);
    assert!(after.try_take(APP).is_none());
    assert_eq!(after.status().calls, 0);
}

#[test]
fn a_caller_who_hears_ringing_gets_a_final_answer_after_a_crash() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    world.call(DESK, APP);
    let invite = world.take_request(APP, "INVITE");
    world.answer(APP, &invite, 180, "");
    assert_eq!(world::status(&world.take(DESK)), 180);
    let mut after = world.crash_and_restart();
    assert_eq!(world::status(&after.take(DESK)), 503);
    assert_eq!(after.status().calls, 0);
}

#[test]
fn a_connected_caller_hears_nothing_more_of_the_call_after_a_crash() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    let call = world.call(DESK, APP);
    let invite = world.take_request(APP, "INVITE");
    world.answer(APP, &invite, 200, world::SDP);
    let ok = world.take(DESK);
    world.ack(DESK, &call, &ok);
    let mut after = world.crash_and_restart();
    assert_eq!(after.try_take(DESK), None);
}

#[test]
fn hold_is_carried_to_the_other_side_and_back() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    let call = world.call(DESK, APP);
    let invite = world.take_request(APP, "INVITE");
    world.answer(APP, &invite, 200, world::SDP);
    let ok = world.take(DESK);
    world.take_request(APP, "ACK");
    world.ack(DESK, &call, &ok);
    world.reinvite(DESK, &call, &ok, &world::SDP.replace("sendrecv", "sendonly"));
    assert_eq!(world::status(&world.take(DESK)), 100);
    let hold = world.take_request(APP, "INVITE");
    assert!(hold.contains("a=sendonly"), "{hold}");
    assert!(hold.contains("Contact: <sip:101@"), "who calls, as in the first INVITE: {hold}");
    world.answer(APP, &hold, 200, &world::SDP.replace("sendrecv", "recvonly"));
    let answer = world.take(DESK);
    assert_eq!(world::status(&answer), 200);
    assert!(answer.contains("a=recvonly"), "{answer}");
    assert!(answer.contains("Contact: <sip:102@"), "who was called: {answer}");
    world.take_request(APP, "ACK");
}

#[test]
fn an_invite_says_how_long_it_may_ring() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    world.lose_flow(APP);
    world.call(DESK, APP);
    world.pass(Duration::from_millis(10_500));
    world.move_to_new_port(APP);
    world.register(APP, 3600);
    let invite = world.take_request(APP, "INVITE");
    assert!(invite.contains("\r\nExpires: 20\r\n"), "30 s of ringing, 10.5 s are over: {invite}");
}

#[test]
fn proxies_on_the_callers_way_stay_in_the_call() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    let routes = "Record-Route: <sip:near.example;lr>, <sip:mid.example;lr>\r\nRecord-Route: <sip:far.example;lr>\r\n";
    world.call_as(DESK, APP, |text| text.replacen("Contact:", &format!("{routes}Contact:"), 1));
    let invite = world.take_request(APP, "INVITE");
    assert!(!invite.contains("Record-Route"), "it is our own dialog: {invite}");
    world.answer(APP, &invite, 180, "");
    world.answer(APP, &invite, 200, world::SDP);
    for (answer, expected) in world.take_all(DESK).iter().zip([100, 180, 200]) {
        assert_eq!((world::status(answer), answer.contains(routes)), (expected, expected > 100), "{answer}");
    }
}

#[test]
fn a_drain_ends_every_call_with_a_final_answer_and_takes_no_new_one() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    world.call(DESK, APP);
    world.take_request(APP, "INVITE");
    world.drain();
    assert_eq!(world::status(&world.take(DESK)), 503);
}

#[test]
fn nothing_is_left_of_a_thousand_calls() {
    let mut world = World::new();
    world.register(DESK, 86_400);
    world.register(APP, 86_400);
    for round in 0..1000 {
        if round % 50 == 0 {
            // On a stream a registration lasts an hour, and fifty calls take some 35 minutes here.
            world.register(APP, 3600);
        }
        let call = world.call(DESK, APP);
        let invite = world.take_request(APP, "INVITE");
        world.answer(APP, &invite, 100, "");
        world.cancel(DESK, &call);
        world.take(DESK);
        let refused = world.take(DESK);
        world.ack_refusal(DESK, &call, &refused);
        let cancel = world.take_request(APP, "CANCEL");
        world.answer(APP, &cancel, 200, "");
        world.answer(APP, &invite, 487, "");
        world.take_request(APP, "ACK");
        world.pass(Duration::from_secs(40));
    }
    assert!(world.is_empty(), "{:?}", world.leftovers());
}

#[test]
fn a_caller_who_gives_up_while_the_journal_is_written_hears_nothing_of_progress_after_it() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    world.lose_flow(APP);
    world.hold_saves();
    let call = world.call_number(DESK, APP);
    world.take_wake(WakeKind::Call);
    world.cancel(DESK, &call);
    world.take_wake(WakeKind::MissedCall);
    assert_eq!(world::status(&world.take(DESK)), 200, "the CANCEL itself");
    assert_eq!(world::status(&world.take(DESK)), 487);
    world.release_saves();
    assert_eq!(world.try_take(DESK), None);
}

#[test]
fn an_answer_that_crosses_the_cancel_is_hung_up_once() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    let call = world.call(DESK, APP);
    let invite = world.take_request(APP, "INVITE");
    world.answer(APP, &invite, 180, "");
    world.cancel(DESK, &call);
    world.take_request(APP, "CANCEL");
    world.answer(APP, &invite, 200, world::SDP);
    world.take_request(APP, "ACK");
    world.take_request(APP, "BYE");
    assert_eq!(world.try_take(APP), None);
}

#[test]
fn a_phone_that_answers_and_changes_network_before_the_ack_keeps_its_call() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    world.call(DESK, APP);
    let invite = world.take_request(APP, "INVITE");
    world.answer(APP, &invite, 200, world::SDP);
    world.lose_flow(APP);
    world.move_to_new_port(APP);
    world.answer(APP, &invite, 200, world::SDP);
    world.take_request(APP, "ACK");
    assert_eq!(world.try_take(APP), None, "its call is not hung up");
    assert_eq!(world.status().calls, 1);
}

#[test]
fn a_phone_that_rings_on_another_network_has_one_call_and_may_answer_the_first_invite() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    world.call(DESK, APP);
    let first = world.take_request(APP, "INVITE");
    world.answer(APP, &first, 180, "");
    assert_eq!(world::status(&world.take(DESK)), 180);
    world.move_to_new_port(APP);
    world.register(APP, 3600);
    let second = world.take_request(APP, "INVITE");
    for name in ["From", "Call-ID", "CSeq"] {
        assert_eq!(world::header(&first, name), world::header(&second, name), "{name}");
    }
    world.answer(APP, &second, 482, "");
    world.take_request(APP, "ACK");
    world.answer(APP, &first, 200, world::SDP);
    assert_eq!(world::status(&world.take(DESK)), 200);
    world.take_request(APP, "ACK");
    assert_eq!(world.try_take(APP), None);
}

#[test]
fn a_change_within_a_call_that_ends_is_refused() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    let call = world.call(DESK, APP);
    let invite = world.take_request(APP, "INVITE");
    world.answer(APP, &invite, 200, world::SDP);
    let ok = world.take(DESK);
    world.ack(DESK, &call, &ok);
    world.reinvite(DESK, &call, &ok, world::SDP);
    assert_eq!(world::status(&world.take(DESK)), 100);
    world.bye(DESK, &call, &ok);
    assert_eq!(world::status(&world.take(DESK)), 200);
    assert_eq!(world::status(&world.take(DESK)), 487);
}

#[test]
fn who_hangs_up_without_an_ack_hears_the_answer_no_more() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    let call = world.call(DESK, APP);
    let invite = world.take_request(APP, "INVITE");
    world.answer(APP, &invite, 200, world::SDP);
    let ok = world.take(DESK);
    world.bye(DESK, &call, &ok);
    assert_eq!(world::status(&world.take(DESK)), 200);
    world.pass(Duration::from_secs(10));
    assert_eq!(world.try_take(DESK), None);
}

#[test]
fn a_caller_is_hung_up_on_when_it_has_confirmed_the_answer_and_not_before() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    let call = world.call(DESK, APP);
    let invite = world.take_request(APP, "INVITE");
    world.answer(APP, &invite, 200, world::SDP);
    let ok = world.take(DESK);
    world.drain();
    assert_eq!(world.try_take(DESK), None, "a BYE could overtake the 200");
    world.ack(DESK, &call, &ok);
    let bye = world.take_request(DESK, "BYE");
    world.answer(DESK, &bye, 200, "");
}

#[test]
fn a_register_whose_200_was_lost_gets_it_again_and_nothing_else_may_use_its_answer() {
    let mut world = World::new();
    let text = world.register_text(DESK, 600);
    let challenge = world.send(DESK, &text);
    let proven = world.with_digest(DESK, "REGISTER", &text, &challenge);
    assert_eq!(world::status(&world.send(DESK, &proven)), 200);
    let again = world.send(DESK, &proven);
    assert_eq!(world::status(&again), 200, "{again}");
    assert!(again.contains("expires=600"), "{again}");
    // The same answer under another CSeq, for the end of the registration, or from another address: proof is due.
    let other = proven.replacen("CSeq: 1 ", "CSeq: 2 ", 1);
    let refused = world.send(DESK, &other);
    assert!(world::status(&refused) == 401 && refused.contains("stale=true"), "{refused}");
    world.move_to_new_port(DESK);
    let refused = world.send(DESK, &proven);
    assert!(world::status(&refused) == 401 && refused.contains("stale=true"), "{refused}");
}

#[test]
fn a_phone_on_udp_that_rings_at_a_crash_is_told_to_stop() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    world.call(APP, DESK);
    let invite = world.take_request(DESK, "INVITE");
    world.answer(DESK, &invite, 180, "");
    let mut after = world.crash_and_restart();
    let cancel = after.take_request(DESK, "CANCEL");
    for name in ["Via", "Call-ID", "From", "To"] {
        assert_eq!(world::header(&cancel, name), world::header(&invite, name));
    }
    after.answer(DESK, &cancel, 200, "");
    after.answer(DESK, &invite, 487, "");
    after.take_request(DESK, "ACK");
    assert_eq!(after.try_take(DESK), None);
    let mut later = after.crash_and_restart();
    assert_eq!(later.try_take(DESK), None, "once is enough");
}

#[test]
fn a_phone_that_is_picked_up_after_a_crash_is_hung_up() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    world.call(APP, DESK);
    let invite = world.take_request(DESK, "INVITE");
    let mut after = world.crash_and_restart();
    after.take_request(DESK, "CANCEL");
    after.answer(DESK, &invite, 200, world::SDP);
    after.take_request(DESK, "ACK");
    after.take_request(DESK, "BYE");
    after.answer(DESK, &invite, 200, world::SDP);
    after.take_request(DESK, "ACK");
    assert_eq!(after.try_take(DESK), None, "one BYE is enough");
}

#[test]
fn a_call_that_was_connected_before_a_crash_leaves_no_phone_to_be_told() {
    let (world, ..) = World::connected();
    let mut after = world.crash_and_restart();
    assert_eq!(after.try_take(DESK), None);
    assert_eq!(after.try_take(APP), None);
}
