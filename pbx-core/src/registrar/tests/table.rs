//! The table in `registrar.rs`, row by row.

use crate::model::{
    BindingState, DeviceId, Environment, Presence, SwitchedOffBy, TargetHealth, UnixMillis, Verdict, WakeKind,
    WakeState,
};
use crate::registrar::{BindingFailure, Contacts, GoneReason, OfferedPush, RegistrarEvent};
use crate::switchboard::command::CommandError;
use crate::switchboard::output::Change;

use super::support::*;

/// A bench whose device 1 is an app with a live binding on connection 1.
fn registered_app() -> Bench {
    let mut bench = Bench::new();
    bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    bench.events();
    bench
}

fn last_state(bench: &Bench) -> Option<BindingState> {
    bench.registrar.device(DeviceId(1)).unwrap().last_binding().map(|binding| binding.state())
}

fn gone(why: GoneReason) -> RegistrarEvent {
    RegistrarEvent::BindingGone { extension: number("101"), device: DeviceId(1), state: why.state(), why }
}

#[test]
fn a_register_makes_a_fresh_binding_and_lets_the_wake_target_rest() {
    let mut bench = Bench::new();
    bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    assert_eq!(last_state(&bench), Some(BindingState::Fresh));
    assert_eq!(bench.wake_state(1), Some(WakeState::Resting));
    let (extension, device) = (number("101"), DeviceId(1));
    assert_eq!(
        bench.events().first(),
        Some(&RegistrarEvent::Registered { extension, device, fresh: true, restarted: false, flow: tls(1) })
    );
}

#[test]
fn a_second_register_refreshes_it_and_still_releases_parked_branches() {
    let mut bench = registered_app();
    bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    assert_eq!(last_state(&bench), Some(BindingState::Refreshed));
    let (extension, device) = (number("101"), DeviceId(1));
    let refreshed = RegistrarEvent::Registered { extension, device, fresh: false, restarted: false, flow: tls(1) };
    assert_eq!(bench.events(), [refreshed]);
}

#[test]
fn an_unregister_arms_at_once_with_and_without_its_token() {
    for farewell in [app("urn:uuid:a", "token-a"), without_push(app("urn:uuid:a", "token-a"))] {
        let mut bench = registered_app();
        bench.bind(tls(1), with_expires(farewell, 0));
        assert_eq!(last_state(&bench), Some(BindingState::Removed));
        assert_eq!(bench.wake_state(1), Some(WakeState::Armed));
        assert_eq!(bench.events().first(), Some(&gone(GoneReason::Unregistered)));
        assert_eq!(bench.disk.devices[&DeviceId(1)].wake_target.as_ref().unwrap().switched_off, None);
    }
}

#[test]
fn removing_all_contacts_arms_every_device_of_the_extension() {
    let mut bench = registered_app();
    bench.bind(tls(2), app("urn:uuid:b", "token-b"));
    let request = bench.request(tls(2), Contacts::RemoveAll);
    assert!(bound(bench.send(request)).contacts.is_empty());
    assert_eq!(bench.wake_state(1), Some(WakeState::Armed));
    assert_eq!(bench.wake_state(2), Some(WakeState::Armed));
}

#[test]
fn an_expiry_arms_at_once() {
    let mut bench = registered_app();
    assert_eq!(bench.registrar.poll_timeout(), Some(at(600).mono));
    bench.registrar.handle_timeout(at(599));
    assert!(bench.is_live(1));
    bench.registrar.handle_timeout(at(600));
    assert_eq!(last_state(&bench), Some(BindingState::Lapsed));
    assert_eq!(bench.wake_state(1), Some(WakeState::Armed));
    assert_eq!(bench.events().first(), Some(&gone(GoneReason::Expired)));
    assert_eq!(bench.registrar.poll_timeout(), None);
}

#[test]
fn a_lost_connection_arms_every_device_on_it_and_no_other() {
    let mut bench = registered_app();
    bench.bind(tls(1), app("urn:uuid:b", "token-b"));
    bench.bind(tls(2), app("urn:uuid:c", "token-c"));
    bench.registrar.flow_lost(tls(1), bench.now);
    assert_eq!(last_state(&bench), Some(BindingState::FlowLost));
    assert_eq!(bench.wake_state(1), Some(WakeState::Armed));
    assert_eq!(bench.wake_state(2), Some(WakeState::Armed));
    assert_eq!(bench.wake_state(3), Some(WakeState::Resting));
}

#[test]
fn a_late_loss_of_the_old_connection_does_not_touch_the_new_binding() {
    let mut bench = registered_app();
    bench.bind(tls(2), app("urn:uuid:a", "token-a"));
    bench.registrar.flow_lost(tls(1), bench.now);
    bench.registrar.binding_failed(DeviceId(1), tls(1), BindingFailure::TransportError, bench.now);
    assert!(bench.is_live(1));
}

#[test]
fn a_transport_error_or_silence_arms_at_once() {
    for (why, reason) in
        [(BindingFailure::TransportError, GoneReason::TransportError), (BindingFailure::NoAnswer, GoneReason::NoAnswer)]
    {
        let mut bench = registered_app();
        bench.registrar.binding_failed(DeviceId(1), tls(1), why, bench.now);
        assert_eq!(last_state(&bench), Some(BindingState::FlowLost));
        assert_eq!(bench.wake_state(1), Some(WakeState::Armed));
        assert_eq!(bench.events().first(), Some(&gone(reason)));
    }
}

#[test]
fn silence_does_not_end_the_binding_of_a_phone_that_cannot_be_woken() {
    let mut bench = Bench::new();
    bench.bind(udp(5060), desk(5060));
    bench.events();
    bench.registrar.binding_failed(DeviceId(1), udp(5060), BindingFailure::NoAnswer, bench.now);
    assert!(bench.is_live(1));
    assert_eq!(bench.events(), []);
    bench.registrar.binding_failed(DeviceId(1), udp(5060), BindingFailure::TransportError, bench.now);
    assert!(bench.is_live(1), "on UDP an error may be our own");
    bench.bind(tls(1), desk(5061));
    bench.registrar.binding_failed(DeviceId(2), tls(1), BindingFailure::TransportError, bench.now);
    assert!(!bench.is_live(2), "a stream that took nothing is dead");
}

#[test]
fn a_sign_after_all_brings_the_binding_back() {
    let mut bench = registered_app();
    bench.registrar.binding_failed(DeviceId(1), tls(1), BindingFailure::NoAnswer, bench.now);
    bench.registrar.binding_answered(DeviceId(1), tls(2), bench.now);
    assert!(!bench.is_live(1), "another connection proves nothing");
    bench.registrar.binding_answered(DeviceId(1), tls(1), bench.now);
    assert_eq!(last_state(&bench), Some(BindingState::Refreshed));
    assert_eq!(bench.wake_state(1), Some(WakeState::Resting));
    bench.registrar.binding_failed(DeviceId(1), tls(1), BindingFailure::TransportError, bench.now);
    bench.registrar.binding_answered(DeviceId(1), tls(1), bench.now);
    assert!(!bench.is_live(1), "a dead connection does not come back");
}

#[test]
fn a_device_displaced_by_a_newer_one_says_so_and_is_armed_when_its_turn_comes() {
    let settings = crate::model::Settings { devices_per_extension: 1, ..Default::default() };
    let mut bench = Bench::with(with_settings(&settings));
    bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    bench.events();
    bench.pass(MINUTE);
    let answer = bench.bind(tls(2), app("urn:uuid:b", "token-b"));
    assert_eq!(answer.contacts.len(), 1);
    assert_eq!(last_state(&bench), Some(BindingState::Removed));
    assert_eq!(bench.wake_state(1), Some(WakeState::Displaced));
    assert_eq!(bench.events().first(), Some(&gone(GoneReason::Displaced)));
    let callable: Vec<_> = bench.registrar.callable_devices(number("101")).iter().map(|view| view.id().0).collect();
    assert_eq!(callable, [2], "a call must not wake the device that gave way");
    let (view, line) = (bench.registrar.device(DeviceId(1)).unwrap(), bench.registrar.extension_line(number("101")));
    assert_eq!((view.presence(), line.unwrap().armed, bench.registrar.displaced()), (Presence::Unreachable, 0, 1));
    let words = "Another phone of extension 101 took its place, because no more than 1 may be reached at once";
    assert!(view.reason().starts_with(words), "{}", view.reason());
    bench.bind(tls(2), with_expires(app("urn:uuid:b", "token-b"), 0));
    assert_eq!(
        (bench.wake_state(1), bench.wake_state(2)),
        (Some(WakeState::Displaced), Some(WakeState::Armed)),
        "asleep, the other one is still the one that is called"
    );
    bench.registrar.remove_device(DeviceId(2)).unwrap();
    assert_eq!((bench.wake_state(1), bench.registrar.displaced()), (Some(WakeState::Armed), 0));
    assert_eq!(bench.registrar.device(DeviceId(1)).unwrap().reason(), "");
}

#[test]
fn gone_revokes_the_current_token_for_good_and_keeps_the_record() {
    let mut bench = registered_app();
    bench.bind(tls(1), with_expires(app("urn:uuid:a", "token-a"), 0));
    bench.verdict(1, &Verdict::TokenGone { since: None, why: "Unregistered".into() });
    assert_eq!(bench.wake_state(1), Some(WakeState::Revoked));
    let view = bench.registrar.device(DeviceId(1)).unwrap();
    assert!(view.usable_target().is_none());
    assert_eq!(view.presence(), Presence::Unreachable);
    assert!(view.reason().contains("Unregistered"), "{}", view.reason());
    bench.events();
    assert!(matches!(
        bench.disk.devices[&DeviceId(1)].wake_target.as_ref().unwrap().health,
        TargetHealth::Revoked { .. }
    ));
    bench.bind(tls(2), app("urn:uuid:a", "token-a"));
    assert_eq!(bench.wake_state(1), Some(WakeState::Revoked), "the same dead token proves nothing");
    bench.bind(tls(2), app("urn:uuid:a", "token-new"));
    assert_eq!(bench.wake_state(1), Some(WakeState::Resting));
}

#[test]
fn gone_for_an_older_token_or_an_older_time_does_not_count() {
    let mut bench = registered_app();
    let old = bench.report(1, WakeKind::Call);
    bench.pass(MINUTE);
    bench.bind(tls(1), app("urn:uuid:a", "token-new"));
    let verdict = Verdict::TokenGone { since: None, why: "Unregistered".into() };
    bench.registrar.wake_verdict(&old, &verdict);
    assert_eq!(bench.wake_state(1), Some(WakeState::Resting));
    let since = Some(UnixMillis(bench.now.wall.0 - 1));
    bench.verdict(1, &Verdict::TokenGone { since, why: "Unregistered".into() });
    assert_eq!(bench.wake_state(1), Some(WakeState::Resting));
    bench.verdict(1, &Verdict::TokenGone { since: Some(bench.now.wall), why: "Unregistered".into() });
    assert_eq!(bench.wake_state(1), Some(WakeState::Revoked));
}

#[test]
fn gone_for_the_notice_token_alone_leaves_the_device_callable() {
    let mut bench = Bench::new();
    let mut two = app("urn:uuid:a", "voip");
    if let Some(OfferedPush::Target(target)) = &mut two.push {
        target.notice_token = Some(crate::model::Redacted::new("remote".into()));
    }
    bench.bind(tls(1), two);
    let report = bench.report(1, WakeKind::MissedCall);
    bench.registrar.wake_verdict(&report, &Verdict::TokenGone { since: None, why: "Unregistered".into() });
    assert_eq!(bench.wake_state(1), Some(WakeState::Resting));
    bench.verdict(1, &Verdict::TokenGone { since: None, why: "Unregistered".into() });
    assert_eq!(bench.wake_state(1), Some(WakeState::Revoked));
}

#[test]
fn wrong_makes_suspect_still_tried_and_accepted_makes_it_good_again() {
    let mut bench = registered_app();
    bench.verdict(1, &Verdict::TokenWrong { why: "BadDeviceToken".into(), accepted_in: None });
    assert_eq!(bench.wake_state(1), Some(WakeState::Suspect));
    bench.bind(tls(1), with_expires(app("urn:uuid:a", "token-a"), 0));
    let view = bench.registrar.device(DeviceId(1)).unwrap();
    assert!(view.usable_target().is_some());
    assert_eq!(view.presence(), Presence::Unreachable);
    assert!(view.reason().contains("BadDeviceToken"));
    bench.verdict(1, &Verdict::Accepted);
    assert_eq!(bench.wake_state(1), Some(WakeState::Armed));
}

#[test]
fn the_environment_that_took_the_token_is_kept_although_the_phone_names_the_other() {
    let mut bench = registered_app();
    let why = String::from("BadDeviceToken");
    bench.verdict(1, &Verdict::TokenWrong { why, accepted_in: Some(Environment::Sandbox) });
    let environment = |bench: &Bench| bench.registrar.device(DeviceId(1)).unwrap().wake_target().unwrap().environment;
    assert_eq!(environment(&bench), Environment::Sandbox);
    assert_eq!(bench.wake_state(1), Some(WakeState::Resting));
    bench.events();
    assert_eq!(bench.disk.devices[&DeviceId(1)].wake_target.as_ref().unwrap().environment, Environment::Sandbox);
    let answer = bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    assert!(!answer.durable);
    assert_eq!(environment(&bench), Environment::Sandbox);
}

#[test]
fn answers_that_say_nothing_about_the_token_change_nothing() {
    let mut bench = registered_app();
    for verdict in [
        Verdict::Accepted,
        Verdict::RetryAfter { wait: None, why: "busy".into() },
        Verdict::Misconfigured { code: "c".into(), what: "w".into() },
        Verdict::Refused { why: "r".into() },
    ] {
        bench.verdict(1, &verdict);
    }
    assert_eq!(bench.events(), []);
}

#[test]
fn an_admin_switches_a_device_off_and_on_and_a_new_token_does_not_undo_it() {
    let mut bench = registered_app();
    let change = bench.registrar.set_device_push(DeviceId(1), false).unwrap().unwrap();
    bench.disk.apply(change);
    assert_eq!(bench.wake_state(1), Some(WakeState::SwitchedOff));
    assert_eq!(bench.registrar.set_device_push(DeviceId(1), false), Ok(None));
    bench.bind(tls(1), app("urn:uuid:a", "token-new"));
    assert_eq!(bench.wake_state(1), Some(WakeState::SwitchedOff));
    bench.bind(tls(1), with_expires(app("urn:uuid:a", "token-new"), 0));
    let view = bench.registrar.device(DeviceId(1)).unwrap();
    assert!(view.usable_target().is_none());
    assert!(view.reason().contains("switched off for this device"));
    assert!(matches!(bench.registrar.set_device_push(DeviceId(1), true), Ok(Some(Change::PutDevice(_)))));
    assert_eq!(bench.wake_state(1), Some(WakeState::Armed));
}

#[test]
fn an_admin_switches_a_whole_extension_off_and_on() {
    let mut bench = registered_app();
    bench.bind(tls(1), with_expires(app("urn:uuid:a", "token-a"), 0));
    assert_eq!(bench.registrar.counts().armed, 1);
    assert!(matches!(bench.registrar.set_push(number("101"), false), Ok(Some(Change::PutExtension(_)))));
    assert_eq!(bench.wake_state(1), Some(WakeState::SwitchedOff));
    assert_eq!(bench.registrar.counts().armed, 0);
    assert!(bench.registrar.device(DeviceId(1)).unwrap().reason().contains("extension 101"));
    assert!(bench.registrar.set_push(number("101"), true).unwrap().is_some());
    assert_eq!(bench.wake_state(1), Some(WakeState::Armed));
    assert_eq!(bench.registrar.counts().armed, 1);
}

#[test]
fn a_device_that_registers_without_its_token_switches_push_off_until_it_sends_it_again() {
    let mut bench = registered_app();
    let answer = bench.bind(tls(1), without_push(app("urn:uuid:a", "token-a")));
    assert!(answer.durable);
    let stored = |bench: &Bench| bench.disk.devices[&DeviceId(1)].wake_target.clone().unwrap();
    assert_eq!(stored(&bench).switched_off, Some(SwitchedOffBy::Device));
    assert_eq!(bench.wake_state(1), Some(WakeState::SwitchedOff));
    assert!(!bench.bind(tls(1), without_push(app("urn:uuid:a", "token-a"))).durable);
    assert!(bench.bind(tls(1), app("urn:uuid:a", "token-a")).durable);
    assert_eq!(bench.wake_state(1), Some(WakeState::Resting));
    assert_eq!(stored(&bench).switched_off, None);
    assert_eq!(stored(&bench).learned_at, at(0).wall, "it is the same token");
}

#[test]
fn a_query_leaves_the_wake_target_alone_and_lists_the_providers() {
    let mut bench = registered_app();
    let mut query = app("urn:uuid:a", "token-a");
    query.push = Some(OfferedPush::Query(None));
    query.needs_refresh_push = true;
    let answer = bench.bind(tls(1), query);
    assert_eq!(answer.feature_caps.len(), 2);
    assert_eq!(answer.refresh_push, None, "under `app` nothing is promised");
    assert!(!answer.durable);
    assert_eq!(bench.wake_state(1), Some(WakeState::Resting));
}

#[test]
fn logout_deletes_both_records_of_that_account_only() {
    let mut bench = registered_app();
    let mut other = bench.request(tls(2), Contacts::List(vec![app("urn:uuid:b", "token-b")]));
    other.username = "101-b".parse().unwrap();
    bound(bench.send(other));
    bench.events();
    let changes = bench.registrar.remove_account(number("101"), &"101-b".parse().unwrap());
    assert_eq!(changes, [Change::DeleteDevice(DeviceId(2))]);
    assert_eq!(bench.devices(), [1]);
    let (extension, device) = (number("101"), DeviceId(2));
    let why = GoneReason::DeviceRemoved;
    assert_eq!(
        bench.events(),
        [
            RegistrarEvent::BindingGone { extension, device, state: why.state(), why },
            RegistrarEvent::DeviceGone { extension, device }
        ]
    );
    assert_eq!(bench.registrar.flow_lost(tls(2), bench.now), ());
    assert_eq!(bench.events(), []);
}

#[test]
fn removing_a_device_or_an_extension_deletes_everything_about_it() {
    let mut bench = registered_app();
    assert_eq!(bench.registrar.remove_device(DeviceId(7)), Err(CommandError::NoSuchDevice(DeviceId(7))));
    assert_eq!(bench.registrar.remove_device(DeviceId(1)), Ok(Change::DeleteDevice(DeviceId(1))));
    bench.disk.apply(Change::DeleteDevice(DeviceId(1)));
    bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    assert_eq!(bench.devices(), [2], "ids are never used again");
    assert_eq!(bench.registrar.remove_extension(number("101")), Ok(Change::DeleteExtension(number("101"))));
    assert_eq!(bench.registrar.counts(), crate::registrar::Counts { extensions: 1, ..Default::default() });
    assert_eq!(bench.registrar.list_devices(None, 10), []);
}
