//! A token that shows up at a second extension: it is moved with proof, and nobody takes it away without.

use std::time::Duration;

use crate::model::{DeviceId, Flow, PushProvider, Settings, TargetHealth, Verdict, WakeState};
use crate::registrar::{Contacts, OfferedContact, OfferedPush, Registrar};

use super::support::*;

/// A REGISTER for 102 by 102's account.
fn bind_102(bench: &mut Bench, flow: Flow, contact: OfferedContact, path: &[&str]) {
    let mut request = bench.request(flow, Contacts::List(vec![contact]));
    request.extension = number("102");
    request.username = "102".parse().unwrap();
    request.call_id = "call-id-102".into();
    request.path = path.iter().map(|value| Box::from(*value)).collect();
    let bound = bound(bench.send(request));
    bench.registrar.saved(&bound.saving);
}

/// The phone of 101 signs off and signs in as 102 on the same connection, then sleeps.
fn signed_in_elsewhere() -> Bench {
    let mut bench = Bench::new();
    bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    bench.bind(tls(1), with_expires(app("urn:uuid:a", "token-a"), 0));
    bind_102(&mut bench, tls(1), app("urn:uuid:a", "token-a"), &[]);
    bench.registrar.flow_lost(tls(1), bench.now);
    bench.pass(MINUTE);
    bench
}

/// A call for 101 was pushed a moment ago, and the phone came as 102.
fn comes_as_102(bench: &mut Bench) -> bool {
    let ordered = bench.now.wall;
    bench.now = bench.now.after(Duration::from_secs(2));
    bench.registrar.came_as_other(DeviceId(1), DeviceId(2), ordered, bench.now)
}

fn health(bench: &Bench, device: i64) -> TargetHealth {
    bench.registrar.device(DeviceId(device)).unwrap().wake_target().unwrap().health.clone()
}

#[test]
fn a_phone_that_proved_both_secrets_and_comes_as_the_other_takes_its_token_along() {
    let mut bench = signed_in_elsewhere();
    assert_eq!(bench.wake_state(1), Some(WakeState::Armed), "signing in elsewhere alone ends nothing");
    assert_eq!(bench.registrar.same_phone(DeviceId(1)), Some(DeviceId(2)));
    assert!(comes_as_102(&mut bench));
    assert_eq!((bench.wake_state(1), bench.wake_state(2)), (Some(WakeState::Moved), Some(WakeState::Armed)));
    assert_eq!(health(&bench, 1), TargetHealth::Moved { to: number("102"), device: DeviceId(2), at: bench.now.wall });
    let view = bench.registrar.device(DeviceId(1)).unwrap();
    assert!(view.usable_target().is_none());
    assert!(view.reason().contains("signed in as extension 102"), "{}", view.reason());
    assert!(!comes_as_102(&mut bench), "it has moved already");
}

#[test]
fn a_thief_who_knows_only_the_token_neither_takes_it_nor_silences_its_owner() {
    let token_a = || app("urn:uuid:thief", "token-a");
    // Another connection, the connection of an edge proxy, the same UDP port, the very instance id of the phone.
    let same_instance = || app("urn:uuid:a", "token-a");
    for (flow, contact, path) in [
        (tls(2), token_a(), &[][..]),
        (tls(2), same_instance(), &[][..]),
        (tls(1), token_a(), &["<sip:edge;lr>"][..]),
        (udp(5060), same_instance(), &[][..]),
    ] {
        let mut bench = Bench::new();
        bench.bind(if flow == udp(5060) { flow } else { tls(1) }, app("urn:uuid:a", "token-a"));
        bind_102(&mut bench, flow, contact, path);
        assert_eq!(bench.registrar.same_phone(DeviceId(1)), None, "{flow:?} {path:?}");
        bench.registrar.flow_lost(tls(1), bench.now);
        bench.pass(MINUTE * 20);
        for _ in 0..5 {
            assert!(!comes_as_102(&mut bench));
        }
        assert_eq!(bench.wake_state(1), Some(WakeState::Armed), "101 is woken as before");
        let others = bench.registrar.others_with_token(DeviceId(1));
        assert_eq!(others, [DeviceId(2)], "the admin sees that two extensions have it");
    }
}

#[test]
fn what_a_provider_says_to_the_thief_of_a_token_does_not_touch_its_owner() {
    let mut bench = Bench::new();
    bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    bind_102(&mut bench, tls(2), app("urn:uuid:thief", "token-a"), &[]);
    bench.verdict(2, &Verdict::TokenGone { since: None, why: "Unregistered".into() });
    assert_eq!((bench.wake_state(1), bench.wake_state(2)), (Some(WakeState::Resting), Some(WakeState::Revoked)));
    let changes = bench.registrar.remove_account(number("102"), &"102".parse().unwrap());
    assert_eq!(changes.len(), 1, "and signing the thief out takes nothing else along");
}

#[test]
fn a_phone_that_was_heard_of_since_is_not_moved() {
    let mut bench = signed_in_elsewhere();
    let ordered = bench.now.wall;
    bench.pass(Duration::from_secs(3));
    bench.bind(tls(5), app("urn:uuid:a", "token-a"));
    assert!(!bench.registrar.came_as_other(DeviceId(1), DeviceId(2), ordered, bench.now), "it is registered");
    bench.registrar.flow_lost(tls(5), bench.now);
    assert!(!bench.registrar.came_as_other(DeviceId(1), DeviceId(2), ordered, bench.now), "it came for that call");
    assert_eq!(bench.wake_state(1), Some(WakeState::Armed));
}

#[test]
fn a_moved_token_is_back_when_its_phone_registers_with_the_secret_of_the_first_extension() {
    let mut bench = signed_in_elsewhere();
    assert!(comes_as_102(&mut bench));
    bench.verdict(1, &Verdict::TokenGone { since: None, why: "late news".into() });
    assert_eq!(bench.wake_state(1), Some(WakeState::Moved), "late answers change nothing");
    bench.bind(tls(6), app("urn:uuid:a", "token-a"));
    assert_eq!((bench.wake_state(1), bench.wake_state(2)), (Some(WakeState::Resting), Some(WakeState::Armed)));
    assert_eq!(health(&bench, 1), TargetHealth::Good);
}

#[test]
fn proof_and_move_outlive_a_restart() {
    let mut bench = signed_in_elsewhere();
    let restart = |bench: &mut Bench| {
        bench.events();
        let mut restored = bench.disk.restored(&Settings::default());
        bench.registrar = Registrar::restore(&mut restored, bench.now);
    };
    restart(&mut bench);
    assert_eq!(bench.registrar.same_phone(DeviceId(1)), Some(DeviceId(2)));
    assert!(comes_as_102(&mut bench));
    restart(&mut bench);
    assert_eq!(bench.wake_state(1), Some(WakeState::Moved));
}

#[test]
fn a_phone_whose_other_account_is_gone_stays_where_it_is() {
    let mut bench = signed_in_elsewhere();
    bench.registrar.remove_account(number("102"), &"102".parse().unwrap());
    assert!(!comes_as_102(&mut bench));
    assert_eq!(bench.wake_state(1), Some(WakeState::Armed));
}

#[test]
fn a_token_that_replaces_another_remembers_which() {
    let mut bench = Bench::new();
    bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    let first = bench.registrar.summary(DeviceId(1)).unwrap().wake_target.unwrap();
    bench.pass(MINUTE);
    bench.bind(tls(1), app("urn:uuid:a", "token-b"));
    let target = bench.registrar.device(DeviceId(1)).unwrap().wake_target().unwrap().clone();
    let replaced = target.history.replaced.clone().unwrap();
    assert_eq!(&replaced.fingerprint, first.call_token.unwrap().reveal());
    assert_eq!((replaced.learned_at, replaced.at), (first.learned_at, bench.now.wall));
    assert!(!replaced.fingerprint.contains("token-a"));
    // The same token for another app, or once more, is no other token.
    let mut renamed = app("urn:uuid:a", "token-b");
    if let Some(OfferedPush::Target(target)) = &mut renamed.push {
        target.app_id = "org.example.beta".into();
    }
    bench.bind(tls(1), renamed);
    let target = bench.registrar.device(DeviceId(1)).unwrap().wake_target().unwrap().clone();
    assert_eq!((target.history.replaced.clone(), target.provider), (Some(replaced), PushProvider::Apns));
}
