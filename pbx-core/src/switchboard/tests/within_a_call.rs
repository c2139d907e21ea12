//! Requests within a call: each answer and each ACK belongs to one request, whatever is lost or repeated on the way.

use std::time::Duration;

use crate::model::CallEnding;
use crate::switchboard::output::Side;

use super::world::{self, APP, DESK, Placed, World, header, status};

/// The desk phone puts the call on hold; the re-INVITE as it sent it and as the app got it.
fn hold(world: &mut World, call: &Placed, ok: &str) -> (String, String) {
    let asked = world.reinvite(DESK, call, ok, &world::SDP.replace("sendrecv", "sendonly"));
    assert_eq!(status(&world.take(DESK)), 100);
    let carried = world.take_request(APP, "INVITE");
    (asked, carried)
}

fn number(text: &str) -> &str {
    header(text, "CSeq").split(' ').next().unwrap()
}

fn finals(texts: &[String]) -> Vec<u16> {
    texts.iter().map(|text| status(text)).filter(|status| *status >= 200).collect()
}

#[test]
fn a_repeated_answer_to_a_re_invite_is_acknowledged_again_when_the_asker_has_confirmed_it() {
    let (mut world, call, ok) = World::connected();
    let (asked, carried) = hold(&mut world, &call, &ok);
    world.answer(APP, &carried, 200, world::SDP);
    let first = world.take_request(APP, "ACK");
    assert_eq!(status(&world.take(DESK)), 200);
    world.ack_within(DESK, &asked);
    world.answer(APP, &carried, 200, world::SDP);
    assert_eq!(world.take_request(APP, "ACK"), first);
}

#[test]
fn an_old_answer_that_is_repeated_is_not_taken_for_that_of_the_next_re_invite() {
    let (mut world, call, ok) = World::connected();
    let (asked, carried) = hold(&mut world, &call, &ok);
    world.answer(APP, &carried, 200, world::SDP);
    let first = world.take_request(APP, "ACK");
    world.take(DESK);
    world.ack_within(DESK, &asked);
    let resumed = world.reinvite(DESK, &call, &ok, world::SDP);
    assert_eq!(status(&world.take(DESK)), 100);
    let second = world.take_request(APP, "INVITE");
    world.answer(APP, &carried, 200, world::SDP);
    assert_eq!(world.take_request(APP, "ACK"), first, "the old ACK for the old answer");
    assert_eq!(world.try_take(DESK), None, "and nothing for the asker");
    world.answer(APP, &second, 200, world::SDP);
    assert_eq!(number(&world.take_request(APP, "ACK")), number(&second));
    let answer = world.take(DESK);
    assert_eq!((status(&answer), number(&answer)), (200, number(&resumed)));
}

#[test]
fn a_repeated_ack_of_the_first_invite_confirms_no_re_invite() {
    let (mut world, call, ok) = World::connected();
    hold(&mut world, &call, &ok);
    world.ack(DESK, &call, &ok);
    world.reinvite(DESK, &call, &ok, world::SDP);
    assert_eq!(status(&world.take(DESK)), 491, "the first one is still open");
}

#[test]
fn a_re_invite_whose_answer_is_never_confirmed_ends_the_call_on_both_sides() {
    let (mut world, call, ok) = World::connected();
    let (_, carried) = hold(&mut world, &call, &ok);
    world.answer(APP, &carried, 200, world::SDP);
    world.take_request(APP, "ACK");
    world.pass(Duration::from_secs(33));
    assert_eq!(world.status().calls, 0);
    assert_eq!(world.ending(), Some(CallEnding::Failed));
    world.take_request(APP, "BYE");
    assert!(world.take_all(DESK).iter().any(|text| text.starts_with("BYE ")));
    world.pass(Duration::from_secs(100));
    assert!(world.is_empty(), "{:?}", world.leftovers());
}

#[test]
fn another_request_that_runs_out_does_not_end_a_pending_re_invite() {
    let (mut world, call, ok) = World::connected();
    let info = world.in_dialog(DESK, &call, &ok, "INFO", "");
    world.deliver(DESK, &info);
    world.take_request(APP, "INFO");
    world.pass(Duration::from_secs(20));
    hold(&mut world, &call, &ok);
    world.pass(Duration::from_secs(13));
    world.take_all(DESK);
    world.reinvite(DESK, &call, &ok, world::SDP);
    assert_eq!(status(&world.take(DESK)), 491, "the re-INVITE is still open");
}

#[test]
fn a_re_invite_that_its_asker_takes_back_is_taken_back_at_the_other_side() {
    let (mut world, call, ok) = World::connected();
    let (asked, carried) = hold(&mut world, &call, &ok);
    world.answer(APP, &carried, 180, "");
    world.cancel_request(DESK, &asked);
    world.take_request(APP, "CANCEL");
    world.answer(APP, &carried, 487, "");
    assert_eq!(finals(&world.take_all(DESK)), [200, 487]);
    assert_eq!(world.status().calls, 1, "the call itself goes on");
}

#[test]
fn nothing_is_kept_of_requests_that_have_their_answer() {
    let (mut world, call, ok) = World::connected();
    for _ in 0..20 {
        let info = world.in_dialog(DESK, &call, &ok, "INFO", "");
        world.deliver(DESK, &info);
        let carried = world.take_request(APP, "INFO");
        world.answer(APP, &carried, 200, "");
        assert_eq!(status(&world.take(DESK)), 200);
    }
    let (asked, carried) = hold(&mut world, &call, &ok);
    world.answer(APP, &carried, 200, world::SDP);
    world.take(DESK);
    world.ack_within(DESK, &asked);
    world.pass(Duration::from_secs(40));
    assert_eq!(world.requests_in_hand(), 0);
}

#[test]
fn a_request_that_is_open_when_the_call_ends_gets_its_answer() {
    let (mut world, call, ok) = World::connected();
    let (_, carried) = hold(&mut world, &call, &ok);
    world.bye(DESK, &call, &ok);
    assert_eq!(finals(&world.take_all(DESK)), [200, 487]);
    let bye = world.take_request(APP, "BYE");
    world.answer(APP, &carried, 200, world::SDP);
    assert_eq!(number(&world.take_request(APP, "ACK")), number(&carried), "the answer crossed the end");
    world.answer(APP, &carried, 200, world::SDP);
    world.take_request(APP, "ACK");
    world.answer(APP, &bye, 200, "");
    assert_eq!(world.take_all(DESK), Vec::<String>::new());
    world.pass(Duration::from_secs(60));
    assert!(world.is_empty(), "{:?}", world.leftovers());
}

#[test]
fn an_update_without_an_offer_is_answered_here() {
    let (mut world, call, ok) = World::connected();
    let update = world.in_dialog(DESK, &call, &ok, "UPDATE", "");
    let answer = world.send(DESK, &update);
    assert_eq!(status(&answer), 200);
    assert!(answer.contains("Contact: <sip:102@"), "{answer}");
    assert_eq!(world.try_take(APP), None, "a session timer is no business of the other side");
}

#[test]
fn an_update_with_an_offer_is_carried_unless_a_re_invite_is_open() {
    let (mut world, call, ok) = World::connected();
    let update = world.in_dialog(DESK, &call, &ok, "UPDATE", world::SDP);
    world.deliver(DESK, &update);
    let carried = world.take_request(APP, "UPDATE");
    world.answer(APP, &carried, 200, world::SDP);
    assert_eq!(status(&world.take(DESK)), 200);
    hold(&mut world, &call, &ok);
    let update = world.in_dialog(DESK, &call, &ok, "UPDATE", world::SDP);
    assert_eq!(status(&world.send(DESK, &update)), 491);
}

#[test]
fn a_re_invite_in_a_call_that_is_over_finds_no_call() {
    let (mut world, call, ok) = World::connected();
    world.keep_relays_open();
    world.bye(DESK, &call, &ok);
    assert_eq!(status(&world.take(DESK)), 200);
    world.reinvite(DESK, &call, &ok, world::SDP);
    assert_eq!(status(&world.take(DESK)), 481);
}

#[test]
fn a_refused_offer_leaves_the_sound_where_it_was() {
    let (mut world, call, ok) = World::connected();
    let moved = world::SDP.replace("49170", "50000");
    for status_of_answer in [488, 200] {
        world.aims.clear();
        world.reinvite(DESK, &call, &ok, &moved);
        let carried = world.take_request(APP, "INVITE");
        assert_eq!(world.aims, [], "an offer alone changes nothing");
        let body = if status_of_answer == 200 { world::SDP } else { "" };
        world.answer(APP, &carried, status_of_answer, body);
        world.take_request(APP, "ACK");
        let aimed: Vec<(Side, u16)> = world.aims.iter().map(|(side, to)| (*side, to.port())).collect();
        let expected =
            if status_of_answer == 200 { vec![(Side::Caller, 50_000), (Side::Callee, 49_170)] } else { vec![] };
        assert_eq!(aimed, expected);
        let refusal = world.take_all(DESK).pop().unwrap();
        if status(&refusal) == 488 {
            world.ack_within(DESK, &refusal);
        }
    }
}

#[test]
fn another_account_cannot_speak_within_a_call() {
    let (mut world, call, ok) = World::connected();
    world.move_to_another_address(DESK);
    let bye = world.in_dialog(DESK, &call, &ok, "BYE", "");
    let challenge = world.send(DESK, &bye);
    assert_eq!(status(&challenge), 407);
    let stranger = world.with_digest(APP, "BYE", &bye, &challenge);
    assert_eq!(status(&world.send(DESK, &stranger)), 403);
    assert_eq!(world.status().calls, 1);
    let challenge = world.send(DESK, &bye.replace("z9hG4bKdBYE", "z9hG4bKe"));
    let own = world.with_digest(DESK, "BYE", &bye.replace("z9hG4bKdBYE", "z9hG4bKf"), &challenge);
    assert_eq!(status(&world.send(DESK, &own)), 200);
    assert_eq!(world.status().calls, 0);
}

#[test]
fn an_overheard_answer_moves_no_call() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    let call = world.call(DESK, APP);
    let invite = world.take_request(APP, "INVITE");
    world.answer(APP, &invite, 200, world::SDP);
    world.take_request(APP, "ACK");
    let ok = world.take(DESK);
    world.ack(DESK, &call, &ok);
    world.pass(Duration::from_secs(40));
    let registered = world.move_to_another_address(APP);
    world.answer(APP, &invite, 200, world::SDP);
    world.take_all(APP);
    world.bye(DESK, &call, &ok);
    assert_eq!(world.try_take(APP), None, "nothing of the call goes to the stranger");
    assert!(world.take_on(registered).is_some_and(|text| text.starts_with("BYE ")));
}
