//! Test calls: Nightbell itself rings an extension, with everything that a call has.

use std::time::Duration;

use crate::model::{CallEnding, CallId, WakeKind};
use crate::switchboard::command::{Command, CommandError, Reply};
use crate::switchboard::output::Side;

use super::world::{self, APP, DESK, World, header};

fn place(world: &mut World, number: &str) -> CallId {
    let reply = world.ask(Command::PlaceTestCall(number.parse().unwrap()));
    let Reply::TestCall(call) = reply else { panic!("{reply:?}") };
    call
}

#[test]
fn a_phone_that_answers_a_test_call_hears_the_echo_and_is_hung_up_after_a_minute() {
    let mut world = World::new();
    world.register(APP, 3600);
    place(&mut world, APP);
    let invite = world.take_request(APP, "INVITE");
    assert!(header(&invite, "From").starts_with("\"Nightbell test call\" <sip:nightbell@"), "{invite}");
    assert!(
        invite.contains("RTP/AVP 8 0 101") && !invite.contains("49999"),
        "the sound goes through the relay: {invite}"
    );
    assert_eq!(world.aims, [(Side::Caller, "127.0.0.1:49999".parse().unwrap())]);
    world.answer(APP, &invite, 180, "");
    world.answer(APP, &invite, 200, world::SDP);
    world.take_request(APP, "ACK");
    world.pass(Duration::from_secs(59));
    assert_eq!((world.try_take(APP), world.status().calls), (None, 1));
    world.pass(Duration::from_secs(1));
    let bye = world.take_request(APP, "BYE");
    world.answer(APP, &bye, 200, "");
    assert_eq!(world.ending(), Some(CallEnding::Completed));
    world.pass(Duration::from_secs(60));
    assert!(world.is_empty(), "{:?}", world.leftovers());
}

#[test]
fn a_test_call_wakes_a_sleeping_phone_and_waits_for_it() {
    let mut world = World::new();
    world.register(APP, 3600);
    world.lose_flow(APP);
    place(&mut world, APP);
    let wake = world.take_wake(WakeKind::Call);
    assert_eq!(wake.caller_name, "Nightbell test call");
    world.move_to_new_port(APP);
    world.register(APP, 3600);
    let invite = world.take_request(APP, "INVITE");
    world.answer(APP, &invite, 200, world::SDP);
    world.take_request(APP, "ACK");
    // The phone hangs up.
    let (placed, ok) = world.answered_by(APP, &invite);
    world.bye(APP, &placed, &ok);
    assert_eq!(world::status(&world.take(APP)), 200);
    assert_eq!(world.ending(), Some(CallEnding::Completed));
    world.pass(Duration::from_secs(60));
    assert!(world.is_empty(), "{:?}", world.leftovers());
}

#[test]
fn the_phone_inside_agrees_to_hold_and_stays_in_the_call() {
    let mut world = World::new();
    world.register(APP, 3600);
    place(&mut world, APP);
    let invite = world.take_request(APP, "INVITE");
    world.answer(APP, &invite, 200, world::SDP);
    world.take_request(APP, "ACK");
    let (placed, ok) = world.answered_by(APP, &invite);
    let hold = world.reinvite(APP, &placed, &ok, &world::SDP.replace("sendrecv", "sendonly"));
    let answers = world.take_all(APP);
    let answer = answers.iter().find(|text| world::status(text) == 200).unwrap_or_else(|| panic!("{answers:?}"));
    assert!(answer.contains("a=recvonly"), "{answer}");
    world.ack_within(APP, &hold);
    assert_eq!(world.status().calls, 1);
}

#[test]
fn a_test_call_that_nobody_answers_ends_when_ringing_does_and_one_that_is_refused_at_once() {
    let mut world = World::new();
    world.register(APP, 3600);
    place(&mut world, APP);
    let invite = world.take_request(APP, "INVITE");
    world.answer(APP, &invite, 180, "");
    world.pass(Duration::from_secs(120));
    assert_eq!(world.ending(), Some(CallEnding::NoAnswer));
    world.take_all(APP);
    let mut world = World::new();
    world.register(DESK, 3600);
    place(&mut world, DESK);
    let invite = world.take_request(DESK, "INVITE");
    world.answer(DESK, &invite, 486, "");
    assert_eq!(world.ending(), Some(CallEnding::Busy));
    world.pass(Duration::from_secs(60));
    assert!(world.is_empty(), "{:?}", world.leftovers());
}

#[test]
fn a_test_call_is_refused_in_words_when_it_cannot_ring() {
    let mut world = World::new();
    let number = APP.parse().unwrap();
    let place = Command::PlaceTestCall;
    assert_eq!(world.refusal(place(number)), CommandError::NobodyToRing(number));
    let nobody = "999".parse().unwrap();
    assert_eq!(world.refusal(place(nobody)), CommandError::NoSuchExtension(nobody));
    world.register(APP, 3600);
    world.ask(place(number));
    assert_eq!(world.refusal(place(number)), CommandError::TestCallUnderWay(number));
    world.drain();
    assert_eq!(world.refusal(place(number)), CommandError::Stopping);
}
