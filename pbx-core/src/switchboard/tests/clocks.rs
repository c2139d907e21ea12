//! The wall clock is set while phones are registered and calls wait, and the machine sleeps: what counts is the time that passed.

use std::time::Duration;

use crate::model::WakeKind;

use super::world::{self, APP, DESK, World};

const HOUR: i64 = 3_600_000;
/// Summer time, a wrong zone, a machine whose battery was empty, and one set to next year.
const JUMPS: [i64; 6] = [HOUR, -HOUR, 40 * 24 * HOUR, -40 * 24 * HOUR, 400 * 24 * HOUR, -1_795_000_000_000];

/// A registered desk, and an app that sleeps.
fn asleep() -> World {
    let mut world = World::new();
    world.register(DESK, 300);
    world.register(APP, 300);
    world.lose_flow(APP);
    world
}

#[test]
fn a_registration_lasts_as_long_as_it_was_granted_whatever_the_wall_clock_does() {
    for jump in JUMPS {
        let mut world = asleep();
        world.set_wall(jump);
        world.pass(Duration::from_secs(250));
        assert_eq!((world.status().registered, world.status().armed), (1, 1), "ended too early, jump of {jump} ms");
        world.set_wall(-jump);
        world.pass(Duration::from_secs(100));
        assert_eq!((world.status().registered, world.status().armed), (0, 1), "goes on for ever, jump of {jump} ms");
    }
}

#[test]
fn a_call_that_waits_for_a_phone_waits_as_long_as_it_should_whatever_the_wall_clock_does() {
    for jump in JUMPS {
        let mut world = asleep();
        world.call(DESK, APP);
        world.take_wake(WakeKind::Call);
        world.set_wall(jump);
        world.pass(Duration::from_secs(10));
        world.move_to_new_port(APP);
        world.register(APP, 300);
        let invite = world.take_request(APP, "INVITE");
        world.answer(APP, &invite, 200, world::SDP);
        assert_eq!(world::status(&world.last_of(DESK)), 200, "jump of {jump} ms");

        let mut world = asleep();
        world.call(DESK, APP);
        world.set_wall(jump);
        world.pass(Duration::from_secs(120));
        assert!(world::status(&world.last_of(DESK)) >= 400, "the caller waits for ever, jump of {jump} ms");
        assert_eq!(world.status().calls, 0, "jump of {jump} ms");
    }
}

/// A machine that slept does at once what became due meanwhile, each thing once.
#[test]
fn a_machine_that_slept_catches_up_without_a_storm() {
    let mut world = asleep();
    world.call(DESK, APP);
    world.take_wake(WakeKind::Call);
    world.forget_messages();
    world.sleep(Duration::from_secs(3600));
    assert_eq!(world.status().registered, 0, "its registration ended in the sleep");
    assert_eq!(world.status().calls, 0);
    let said = world.messages_to(DESK);
    assert!((1..=2).contains(&said), "{said} messages to the desk for one call that ended");
    assert!(world.wakes().len() <= 1, "{:?}", world.wakes());
}
