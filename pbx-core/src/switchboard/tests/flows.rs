//! A phone with two connections (RFC 5626) is called over the newer one and reached over the other when that one dies.

use crate::model::WakeKind;

use super::world::{self, APP, DESK, World};

fn flow_of(text: &str, reg_id: u8) -> String {
    let text = text.replacen("Expires:", "Supported: path, outbound\r\nExpires:", 1);
    text.replace(";+sip.instance", &format!(";reg-id={reg_id};+sip.instance"))
}

/// The app with two connections; the older one.
fn two_flows(world: &mut World) -> crate::model::Flow {
    world.register(DESK, 3600);
    assert_eq!(world::status(&world.register_as(APP, |text| flow_of(&text, 1))), 200);
    let older = world.connect_anew(APP);
    assert_eq!(world::status(&world.register_as(APP, |text| flow_of(&text, 2))), 200);
    older
}

#[test]
fn a_call_goes_over_the_newer_connection_only() {
    let mut world = World::new();
    let older = two_flows(&mut world);
    world.call(DESK, APP);
    world.take_request(APP, "INVITE");
    assert_eq!(world.take_on(older), None);
}

#[test]
fn a_connection_that_dies_while_it_rings_is_replaced_by_the_other_without_a_push() {
    let mut world = World::new();
    let older = two_flows(&mut world);
    world.call(DESK, APP);
    let invite = world.take_request(APP, "INVITE");
    world.answer(APP, &invite, 180, "");
    let newer = world.connect_anew(APP);
    world.lose(newer);
    let again = world.take_on(older).expect("the call goes on over the older connection");
    assert!(again.starts_with("INVITE "), "{again}");
    assert!(world.wakes().is_empty(), "the phone is awake");
    world.lose(older);
    world.take_wake(WakeKind::Call);
}

#[test]
fn a_second_connection_that_registers_while_the_first_rings_does_not_ring_again() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register_as(APP, |text| flow_of(&text, 1));
    world.call(DESK, APP);
    let invite = world.take_request(APP, "INVITE");
    world.answer(APP, &invite, 180, "");
    let ringing = world.connect_anew(APP);
    world.register_as(APP, |text| flow_of(&text, 2));
    assert_eq!(world.try_take(APP), None, "it rings already");
    assert_eq!(world.take_on(ringing), None, "and goes on ringing");
}

#[test]
fn a_woken_phone_whose_connection_is_reset_gets_the_call_over_the_next_one() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    world.lose_flow(APP);
    world.call(DESK, APP);
    world.take_wake(WakeKind::Call);
    world.move_to_new_port(APP);
    world.register(APP, 3600);
    world.take_request(APP, "INVITE");
    world.lose_flow(APP);
    assert_eq!(world.try_take(DESK), None, "the caller goes on ringing");
    world.move_to_new_port(APP);
    world.register(APP, 3600);
    world.take_request(APP, "INVITE");
    assert!(world.wakes().is_empty(), "no second push");
}

#[test]
fn a_registration_that_is_saved_after_its_connection_died_does_not_end_the_wait() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    world.lose_flow(APP);
    world.call(DESK, APP);
    world.take_wake(WakeKind::Call);
    world.move_to_new_port(APP);
    world.hold_saves();
    // A new token, so the answer waits for the save.
    let new_token = |text: String| text.replace("pn-prid=abcd1234", "pn-prid=beef5678");
    world.try_register_as(APP, new_token);
    world.lose_flow(APP);
    world.release_saves();
    assert_eq!(world.try_take(DESK), None, "the caller goes on ringing");
    world.move_to_new_port(APP);
    assert_eq!(world::status(&world.register_as(APP, new_token)), 200);
    assert!(world.take_request(APP, "INVITE").starts_with("INVITE"));
}

#[test]
fn a_caller_whose_connection_dies_while_it_rings_has_hung_up() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    world.call(APP, DESK);
    let invite = world.take_request(DESK, "INVITE");
    world.answer(DESK, &invite, 180, "");
    world.lose_flow(APP);
    world.take_request(DESK, "CANCEL");
    assert_eq!(world.status().calls, 0);
}

#[test]
fn a_caller_whose_connection_dies_before_its_ack_does_not_hold_a_call_for_ever() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    world.call(APP, DESK);
    let invite = world.take_request(DESK, "INVITE");
    world.answer(DESK, &invite, 200, world::SDP);
    world.take_request(DESK, "ACK");
    world.lose_flow(APP);
    world.pass(std::time::Duration::from_secs(33));
    assert_eq!(world.status().calls, 0);
    world.take_request(DESK, "BYE");
}

#[test]
fn a_phone_that_repeats_its_register_is_sent_the_invite_that_it_has_not_answered() {
    let mut world = World::new();
    let challenge = world.send(DESK, &world.register_text(DESK, 3600));
    let register = world.with_digest(DESK, "REGISTER", &world.register_text(DESK, 3600), &challenge);
    world.deliver(DESK, &register);
    assert_eq!(world::status(&world.take(DESK)), 200);
    world.register(APP, 3600);
    world.call(APP, DESK);
    let first = world.take_request(DESK, "INVITE");
    world.deliver(DESK, &register);
    assert_eq!(world::status(&world.take(DESK)), 200);
    assert_eq!(world.take_request(DESK, "INVITE"), first, "the same once more");
    world.answer(DESK, &first, 180, "");
    world.deliver(DESK, &register);
    assert_eq!(world::status(&world.take(DESK)), 200);
    assert_eq!(world.try_take(DESK), None, "who rings needs no INVITE");
}
