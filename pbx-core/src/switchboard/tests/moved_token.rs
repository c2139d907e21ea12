//! A phone that signed in as another extension: the calls of the first one stop pushing it, once it has proved that.

use std::time::Duration;

use crate::model::{Verdict, WakeEvent, WakeKind, WakeState};
use crate::switchboard::command::{Command, Reply};

use super::world::{self, APP, DESK, World};

/// The second account.
const OTHER: &str = "103";
/// Longer than a call rings and its wake is remembered.
const AFTERWARDS: Duration = Duration::from_secs(150);

/// The REGISTER of the second account with the token of the app.
fn with_token_of_app(text: String) -> String {
    World::with_push(&text).replace("beef5678", "abcd1234")
}

fn register_other(world: &mut World) {
    assert_eq!(world::status(&world.register_as(OTHER, with_token_of_app)), 200);
}

/// The app of 102 has signed in as 103 as well, on the same connection or on another one, and sleeps.
fn two_accounts(on_one_connection: bool) -> World {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    world.second_account(OTHER, APP);
    if !on_one_connection {
        world.move_to_new_port(OTHER);
    }
    register_other(&mut world);
    world.lose_flow(OTHER);
    world.lose_flow(APP);
    assert_eq!(world.status().armed, 2);
    world
}

/// A call for 102 that is pushed and accepted; the phone comes as it is told; the call ends without an answer.
fn call_in_vain(world: &mut World, comes_as: &[&'static str]) {
    world.pass(Duration::from_secs(1));
    world.call(DESK, APP);
    let wake = world.take_wake(WakeKind::Call);
    world.report(&wake, WakeEvent::Answered { attempt: 1, verdict: Verdict::Accepted, provider_id: None });
    for account in comes_as {
        world.move_to_new_port(account);
        if *account == OTHER {
            register_other(world);
        } else {
            world.register_as(APP, |text| text);
        }
    }
    world.pass(AFTERWARDS);
    for account in [APP, OTHER] {
        world.lose_flow(account);
        while world.try_take(account).is_some() {}
    }
    while world.try_take(DESK).is_some() {}
    world.forget_wakes();
}

fn state_of_app(world: &mut World) -> Option<WakeState> {
    let reply = world.ask(Command::ListDevices { after: None, limit: 10 });
    let Reply::Devices(devices) = reply else { panic!("{reply:?}") };
    devices.into_iter().find(|device| device.extension.to_string() == APP)?.wake_state
}

#[test]
fn a_phone_that_signed_in_as_another_extension_and_comes_as_it_is_not_pushed_for_the_first_one() {
    let mut world = two_accounts(true);
    call_in_vain(&mut world, &[OTHER]);
    assert_eq!(state_of_app(&mut world), Some(WakeState::Moved));
    world.call_number(DESK, APP);
    assert!(world.wakes().is_empty(), "there is nobody to wake");
    assert_eq!(world::status(&world.take(DESK)), 480);
    // Signing in again brings it back.
    world.move_to_new_port(APP);
    world.register_as(APP, |text| text);
    assert_eq!(state_of_app(&mut world), Some(WakeState::Resting));
}

#[test]
fn a_phone_with_two_accounts_keeps_both() {
    for comes_as in [&[APP, OTHER][..], &[OTHER, APP], &[APP], &[]] {
        let mut world = two_accounts(true);
        call_in_vain(&mut world, comes_as);
        assert_eq!(state_of_app(&mut world), Some(WakeState::Armed), "{comes_as:?}");
    }
}

#[test]
fn a_thief_who_registers_the_token_whenever_its_owner_is_called_silences_nobody() {
    let mut world = two_accounts(false);
    for _ in 0..3 {
        call_in_vain(&mut world, &[OTHER]);
        assert_eq!(state_of_app(&mut world), Some(WakeState::Armed));
    }
}

#[test]
fn a_push_that_was_not_accepted_proves_nothing() {
    let mut world = two_accounts(true);
    world.pass(Duration::from_secs(1));
    world.call(DESK, APP);
    let wake = world.take_wake(WakeKind::Call);
    let verdict = Verdict::RetryAfter { wait: None, why: "503".into() };
    world.report(&wake, WakeEvent::Answered { attempt: 1, verdict, provider_id: None });
    world.move_to_new_port(OTHER);
    register_other(&mut world);
    world.pass(AFTERWARDS);
    assert_eq!(state_of_app(&mut world), Some(WakeState::Armed));
}
