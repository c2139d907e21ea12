//! A phone falls asleep within a call: a request for it wakes it and reaches it over its new connection.

use std::time::Duration;

use crate::model::{PushProvider, WakeKind};
use crate::switchboard::command::Command;

use super::world::{self, APP, DESK, Placed, World};

/// The desk has called the app, which answered.
fn connected() -> (World, Placed, String) {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    let call = world.call(DESK, APP);
    let invite = world.take_request(APP, "INVITE");
    world.answer(APP, &invite, 200, world::SDP);
    world.take_request(APP, "ACK");
    let ok = world.take(DESK);
    world.ack(DESK, &call, &ok);
    (world, call, ok)
}

#[test]
fn a_resumed_call_wakes_the_phone_that_was_on_hold() {
    let (mut world, call, ok) = connected();
    world.lose_flow(APP);
    world.reinvite(DESK, &call, &ok, world::SDP);
    assert_eq!(world::status(&world.take(DESK)), 100);
    world.take_wake(WakeKind::Refresh);
    assert_eq!(world.try_take(DESK), None, "the asker waits");
    world.move_to_new_port(APP);
    world.register(APP, 3600);
    let carried = world.take_request(APP, "INVITE");
    world.answer(APP, &carried, 200, world::SDP);
    assert_eq!(world::status(&world.take(DESK)), 200);
    assert!(world.wakes().is_empty());
}

#[test]
fn a_phone_that_does_not_wake_up_leaves_the_call_as_it_was() {
    let (mut world, call, ok) = connected();
    world.lose_flow(APP);
    world.reinvite(DESK, &call, &ok, world::SDP);
    world.take(DESK);
    world.pass(Duration::from_secs(25));
    assert_eq!(world::status(&world.take(DESK)), 504);
    assert_eq!(world.status().calls, 1);
    world.reinvite(DESK, &call, &ok, world::SDP);
    let answer = world.take(DESK);
    assert_eq!(world::status(&answer), 100, "it may be asked again");
}

#[test]
fn the_end_of_a_call_reaches_a_phone_that_slept_through_it() {
    let (mut world, call, ok) = connected();
    world.lose_flow(APP);
    world.bye(DESK, &call, &ok);
    assert_eq!(world::status(&world.take(DESK)), 200);
    world.take_wake(WakeKind::Refresh);
    world.move_to_new_port(APP);
    world.register(APP, 3600);
    let bye = world.take_request(APP, "BYE");
    world.answer(APP, &bye, 200, "");
    world.pass(Duration::from_secs(60));
    assert!(world.is_empty(), "{:?}", world.leftovers());
}

#[test]
fn a_farewell_is_not_kept_for_ever() {
    let (mut world, call, ok) = connected();
    world.lose_flow(APP);
    world.bye(DESK, &call, &ok);
    world.pass(Duration::from_secs(60));
    world.move_to_new_port(APP);
    world.register(APP, 3600);
    assert_eq!(world.try_take(APP), None);
    assert!(world.is_empty(), "{:?}", world.leftovers());
}

#[test]
fn a_call_that_ends_while_a_request_waits_answers_the_request() {
    let (mut world, call, ok) = connected();
    world.lose_flow(APP);
    world.reinvite(DESK, &call, &ok, world::SDP);
    world.take(DESK);
    world.bye(DESK, &call, &ok);
    let answers: Vec<u16> = std::iter::from_fn(|| world.try_take(DESK)).map(|text| world::status(&text)).collect();
    assert!(answers.contains(&200) && answers.contains(&504), "{answers:?}");
}

#[test]
fn a_phone_that_changed_network_in_a_call_is_hung_up_over_its_new_connection() {
    let (mut world, call, ok) = connected();
    world.lose_flow(APP);
    world.move_to_new_port(APP);
    world.register(APP, 3600);
    world.bye(DESK, &call, &ok);
    world.take_request(APP, "BYE");
    assert!(world.wakes().is_empty());
}

/// The app calls the desk over a connection it has not registered on, and names itself or not; then it loses both
/// connections and the desk puts the call on hold.
fn held_after_a_call_of_the_app(names_itself: bool) -> World {
    let mut world = World::new();
    world.ask(Command::SetPushOffer(vec![PushProvider::Apns].into()));
    world.register(DESK, 3600);
    let ok = world.register_as(APP, |text| text);
    let purr = ok.split("+sip.pnspurr=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let registered = world.connect_anew(APP);
    let named = |text: String| text.replacen(">\r\nContent-Type", &format!(";pn-purr={purr}>\r\nContent-Type"), 1);
    let call = world.call_changed(APP, DESK, |text| if names_itself { named(text) } else { text });
    let invite = world.take_request(DESK, "INVITE");
    assert!(!invite.contains(&purr), "the name is nobody else's business: {invite}");
    world.answer(DESK, &invite, 200, world::SDP);
    world.take_request(DESK, "ACK");
    let ok = world.take(APP);
    world.ack(APP, &call, &ok);
    world.lose(registered);
    world.lose_flow(APP);
    let (own, to) = world.answered_by(DESK, &invite);
    world.reinvite(DESK, &own, &to, world::SDP);
    assert_eq!(world::status(&world.take(DESK)), 100);
    world
}

#[test]
fn a_caller_that_names_itself_is_woken_too() {
    let mut world = held_after_a_call_of_the_app(true);
    world.take_wake(WakeKind::Refresh);
    world.move_to_new_port(APP);
    world.register(APP, 3600);
    world.take_request(APP, "INVITE");
}

#[test]
fn a_caller_that_nobody_knows_is_not_guessed() {
    let world = held_after_a_call_of_the_app(false);
    assert!(world.wakes().is_empty());
}
