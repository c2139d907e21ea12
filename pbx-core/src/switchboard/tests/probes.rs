//! Phones on UDP that are gone without a word: asked now and then, and pushed at once when they kept silent.

use std::time::Duration;

use crate::model::{DeviceId, DeviceKey, Extension, Moment, Now, PushPolicy, Settings, UnixMillis, WakeKind};
use crate::switchboard::command::Command;
use crate::switchboard::output::{Restored, StoredBinding, StoredDevice};

use super::world::{self, APP, DESK, World};

const ROUND: Duration = Duration::from_secs(15);

/// The app is at DESK's place: on UDP, with a token.
fn app_on_udp() -> World {
    let mut world = World::new();
    world.ask(Command::ChangeSettings(Settings { probe_udp_seconds: 15, ..Settings::default() }));
    assert_eq!(world::status(&world.register_as(DESK, |text| World::with_push(&text))), 200);
    world.register(APP, 3600);
    world
}

#[test]
fn nobody_is_asked_unless_an_admin_wants_it() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.pass(Duration::from_secs(600));
    assert_eq!(world.try_take(DESK), None);
}

#[test]
fn a_phone_on_udp_is_asked_once_in_a_round_and_a_stream_never() {
    let mut world = app_on_udp();
    let mut asked = 0;
    for _ in 0..46 {
        world.pass(Duration::from_secs(1));
        while let Some(question) = world.try_take(DESK) {
            assert!(question.starts_with("OPTIONS ") && !question.contains("pn-"), "{question}");
            world.answer(DESK, &question, 200, "");
            asked += 1;
        }
        assert_eq!(world.try_take(APP), None, "a stream tells by itself when it dies");
    }
    assert_eq!(asked, 3, "in 46 seconds, at a round of 15");
    assert!(!world.devices()[0].live_binding.as_ref().unwrap().suspect);
}

#[test]
fn a_phone_that_kept_silent_is_called_and_pushed_at_once() {
    let mut world = app_on_udp();
    world.pass(ROUND + Duration::from_secs(40));
    assert!(world.devices()[0].live_binding.as_ref().unwrap().suspect);
    while world.try_take(DESK).is_some() {}
    world.call(APP, DESK);
    world.take_request(DESK, "INVITE");
    world.take_wake(WakeKind::Call);
}

#[test]
fn any_answer_clears_the_suspicion() {
    let mut world = app_on_udp();
    world.pass(ROUND + Duration::from_secs(40));
    let mut last = String::new();
    while let Some(question) = world.try_take(DESK) {
        last = question;
    }
    world.pass(ROUND);
    while let Some(question) = world.try_take(DESK) {
        last = question;
    }
    world.answer(DESK, &last, 501, "");
    assert!(!world.devices()[0].live_binding.as_ref().unwrap().suspect, "501 is a sign of life");
    world.call(APP, DESK);
    world.take_request(DESK, "INVITE");
    assert!(world.wakes().is_empty());
}

#[test]
fn a_datagram_that_came_back_pushes_at_once_and_gives_nothing_up() {
    let mut world = app_on_udp();
    world.call(APP, DESK);
    let invite = world.take_request(DESK, "INVITE");
    world.refuse_datagrams(DESK);
    world.take_wake(WakeKind::Call);
    world.refuse_datagrams(DESK);
    assert!(world.wakes().is_empty(), "one push for one call");
    world.answer(DESK, &invite, 180, "");
    assert_eq!(world.status().registered, 2, "anybody can forge such a message; the phone is there");
}

#[test]
fn a_forged_refusal_costs_a_phone_that_cannot_be_woken_nothing() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    world.call(APP, DESK);
    let invite = world.take_request(DESK, "INVITE");
    world.refuse_datagrams(DESK);
    world.answer(DESK, &invite, 180, "");
    world.take(APP);
    assert_eq!((world.status().registered, world.status().calls), (2, 1));
}

#[test]
fn a_send_that_failed_leaves_a_phone_that_cannot_be_woken_registered() {
    let mut world = World::new();
    world.register(DESK, 3600);
    world.register(APP, 3600);
    world.call(APP, DESK);
    world.take_request(DESK, "INVITE");
    world.fail_sends(DESK);
    assert_eq!(world.status().calls, 0, "this call fails");
    assert_eq!(world.status().registered, 2, "the next one may not");
}

#[test]
fn a_send_that_failed_pushes_at_once_during_a_call() {
    let mut world = app_on_udp();
    world.call(APP, DESK);
    world.take_request(DESK, "INVITE");
    world.fail_sends(DESK);
    world.take_wake(WakeKind::Call);
}

#[test]
fn ten_thousand_phones_are_never_asked_in_one_burst() {
    let mut restored = Restored::default();
    restored.settings.probe_udp_seconds = 15;
    let now = Now { mono: Moment::START, wall: UnixMillis(1_795_000_000_000) };
    for phone in 0..10_000_i64 {
        let number = format!("{}", 10_000 + phone);
        restored.extensions.push(Extension {
            number: number.parse().unwrap(),
            name: "".parse().unwrap(),
            email: None,
            push_enabled: true,
            created_at: now.wall,
            phones_off_at: None,
        });
        restored.devices.push(StoredDevice {
            id: DeviceId(phone + 1),
            extension: number.parse().unwrap(),
            key: DeviceKey::from_instance(&number),
            username: number.parse().unwrap(),
            user_agent: String::new(),
            first_seen_at: now.wall,
            last_seen_at: now.wall,
            wake_target: None,
            last_wake: None,
            push_policy: PushPolicy::App,
            registered_until: None,
        });
        let port = u16::try_from(20_000 + phone).unwrap();
        restored.udp_bindings.push(StoredBinding {
            device: DeviceId(phone + 1),
            contact: format!("sip:{number}@127.0.0.1:{port}"),
            remote: ([127, 0, 0, 1], port).into(),
            local: ([127, 0, 0, 1], 5060).into(),
            path: Vec::new(),
            call_id: "c".into(),
            cseq: 1,
            since: now.wall,
            expires_at: now.wall + Duration::from_secs(3600),
        });
    }
    let mut world = World::with(restored, now);
    let mut asked = 0;
    for second in 0..60 {
        world.pass(Duration::from_secs(1));
        let new = world.questions() - asked;
        asked += new;
        assert!(new <= 200, "{new} in second {second}");
    }
    assert_eq!(asked, 10_000, "one round takes 50 seconds");
}
