//! The phones of an extension are switched off and on again.

use crate::model::{CallEnding, TimelineStep, WakeKind};
use crate::switchboard::command::{Command, CommandError, Reply};

use super::world::{self, APP, DESK, World};

fn switch(world: &mut World, enabled: bool) {
    let number = APP.parse().unwrap();
    assert!(matches!(world.ask(Command::SwitchPhones { number, enabled }), Reply::Done));
}

fn is_not_reached(world: &mut World) {
    world.call_number(DESK, APP);
    let answer = world.last_of(DESK);
    assert_eq!(world::status(&answer), 480, "{answer}");
    world.forget_messages();
    assert!(world.wakes().is_empty(), "nobody is pushed");
    assert_eq!(world.ending(), Some(CallEnding::Unreachable));
    assert!(world.reason().starts_with("The phones of extension 102 were switched off by the admin"));
}

#[test]
fn a_sleeping_phone_that_was_off_over_a_restart_is_woken_by_the_next_call_once_it_is_on() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    world.lose_flow(APP);
    switch(&mut world, false);
    assert_eq!(world.status().armed, 0);
    is_not_reached(&mut world);
    let mut world = world.crash_and_restart();
    world.register(DESK, 3600);
    is_not_reached(&mut world);
    let answer = world.register_as(APP, |text| text);
    assert_eq!(world::status(&answer), 403);
    assert!(answer.starts_with("SIP/2.0 403 Phones Switched Off By The Admin"), "{answer}");
    world.call_number(APP, DESK);
    let answer = world.last_of(APP);
    assert!(answer.starts_with("SIP/2.0 403 Phones Switched Off By The Admin"), "{answer}");
    world.forget_messages();
    let number = APP.parse().unwrap();
    for command in [Command::TestPush(number), Command::PlaceTestCall(number)] {
        assert_eq!(world.refusal(command), CommandError::PhonesOff(number));
    }
    assert!(world.wakes().is_empty());

    switch(&mut world, true);
    assert_eq!(world.status().armed, 1);
    world.call(DESK, APP);
    world.take_wake(WakeKind::Call);
    world.register(APP, 3600);
    let invite = world.take_request(APP, "INVITE");
    world.answer(APP, &invite, 200, world::SDP);
    let ok = world.last_of(DESK);
    assert_eq!(world::status(&ok), 200, "{ok}");
}

#[test]
fn a_phone_that_rings_when_it_is_switched_off_stops_and_the_caller_hears_it() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    world.call(DESK, APP);
    let invite = world.take_request(APP, "INVITE");
    world.answer(APP, &invite, 180, "");
    switch(&mut world, false);
    world.take_request(APP, "CANCEL");
    let answer = world.last_of(DESK);
    assert_eq!(world::status(&answer), 480, "{answer}");
    assert_eq!(world.ending(), Some(CallEnding::Unreachable));
    assert!(world.steps().contains(&TimelineStep::BranchEnded));
    assert!(world.wakes().is_empty(), "no notice either");
}

#[test]
fn a_call_that_is_answered_goes_on_when_the_phones_are_switched_off() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    let call = world.call(DESK, APP);
    let invite = world.take_request(APP, "INVITE");
    world.answer(APP, &invite, 200, world::SDP);
    let ok = world.take(DESK);
    world.ack(DESK, &call, &ok);
    switch(&mut world, false);
    assert_eq!(world.status().calls, 1);
    world.bye(DESK, &call, &ok);
    assert_eq!(world.ending(), Some(CallEnding::Completed));
}
