//! Until when a device is pushed: push policy `app` (the default) and `rfc8599`.

use std::time::Duration;

use super::support::{Bench, MINUTE, app, at, tls, udp, with_expires, with_settings, without_push};
use crate::model::{DeviceId, PushPolicy, PushProvider, SwitchedOffBy, WakeState};
use crate::registrar::{Contacts, OfferedContact, OfferedPush, Registrar, RegistrarEvent};

const APP: DeviceId = DeviceId(1);

fn token() -> OfferedContact {
    app("urn:uuid:a", "token-a")
}

/// An app under `rfc8599`, registered over TLS for ten minutes.
fn strict() -> Bench {
    let mut bench = Bench::new();
    bench.bind(tls(1), token());
    let change = bench.registrar.set_push_policy(APP, PushPolicy::Rfc8599).unwrap().unwrap();
    bench.disk.apply(change);
    bench.bind(tls(1), token());
    bench.events();
    bench
}

fn switched_off(bench: &Bench) -> Option<SwitchedOffBy> {
    bench.disk.devices[&APP].wake_target.as_ref().unwrap().switched_off
}

#[test]
fn under_rfc8599_signing_off_ends_the_pushes_until_the_next_token() {
    let mut bench = strict();
    let bound = bench.bind(tls(1), with_expires(token(), 0));
    assert!(bound.durable, "the end of the pushes is acknowledged with the end of the registration");
    assert_eq!(bench.wake_state(1), Some(WakeState::SwitchedOff));
    assert_eq!(switched_off(&bench), Some(SwitchedOffBy::RegistrationEnd));
    let why = bench.registrar.device(APP).unwrap().reason();
    assert!(why.contains("rfc8599"), "{why}");
    bench.bind(tls(2), token());
    assert_eq!(bench.wake_state(1), Some(WakeState::Resting));
    assert_eq!(switched_off(&bench), None);
}

#[test]
fn under_rfc8599_a_dead_connection_is_pushed_until_the_registration_runs_out() {
    let mut bench = strict();
    bench.pass(MINUTE);
    bench.registrar.flow_lost(tls(1), bench.now);
    assert_eq!(bench.wake_state(1), Some(WakeState::Armed));
    bench.pass(MINUTE * 8);
    assert_eq!(bench.wake_state(1), Some(WakeState::Armed));
    bench.pass(MINUTE);
    assert_eq!(bench.wake_state(1), Some(WakeState::SwitchedOff));
    bench.events();
    assert_eq!(switched_off(&bench), Some(SwitchedOffBy::RegistrationEnd));
    assert!(bench.registrar.poll_timeout().is_none(), "nothing is due any more");
}

#[test]
fn under_rfc8599_running_out_on_a_live_connection_ends_the_pushes() {
    let mut bench = strict();
    bench.pass(MINUTE * 10);
    assert_eq!(bench.wake_state(1), Some(WakeState::SwitchedOff));
}

#[test]
fn under_rfc8599_a_restart_does_not_end_the_registration_and_does_not_prolong_it() {
    let mut bench = strict();
    bench.pass(MINUTE * 5);
    let mut restored = bench.disk.restored(&crate::model::Settings::default());
    let mut again = Registrar::restore(&mut restored, bench.now);
    let state = |registrar: &Registrar| registrar.device(APP).unwrap().wake_state();
    assert_eq!(state(&again), Some(WakeState::Armed));
    again.handle_timeout(at(601));
    assert_eq!(state(&again), Some(WakeState::SwitchedOff));
}

#[test]
fn under_rfc8599_a_registration_may_last_a_month_and_its_end_is_saved_now_and_then_only() {
    let mut bench = strict();
    let month = 30 * 86_400;
    let granted = bench.bind(tls(1), with_expires(token(), u32::MAX));
    assert_eq!(granted.contacts[0].expires_seconds, month);
    assert!(!granted.changes.is_empty());
    bench.pass(MINUTE * 60);
    assert_eq!(bench.bind(tls(1), with_expires(token(), month)).changes, []);
    bench.pass(Duration::from_secs(20 * 86_400));
    assert_ne!(bench.bind(tls(1), with_expires(token(), month)).changes, []);
}

#[test]
fn under_app_signing_off_is_going_to_sleep() {
    let mut bench = strict();
    let change = bench.registrar.set_push_policy(APP, PushPolicy::App).unwrap().unwrap();
    bench.disk.apply(change);
    assert_eq!(bench.registrar.set_push_policy(APP, PushPolicy::App), Ok(None));
    bench.bind(tls(1), with_expires(token(), 0));
    assert_eq!(bench.wake_state(1), Some(WakeState::Armed));
}

#[test]
fn changing_the_policy_of_a_device_that_has_signed_off_takes_effect_at_once() {
    let mut bench = Bench::new();
    bench.bind(tls(1), token());
    bench.bind(tls(1), with_expires(token(), 0));
    assert_eq!(bench.wake_state(1), Some(WakeState::Armed));
    bench.registrar.set_push_policy(APP, PushPolicy::Rfc8599).unwrap();
    assert_eq!(bench.wake_state(1), Some(WakeState::SwitchedOff));
    bench.registrar.set_device_push(APP, true).unwrap();
    assert_eq!(bench.wake_state(1), Some(WakeState::SwitchedOff), "the switch does not undo the policy");
    bench.registrar.set_push_policy(APP, PushPolicy::App).unwrap();
    assert_eq!(bench.wake_state(1), Some(WakeState::Armed));
}

/// An app that cannot wake itself and has a token for notices.
fn helpless() -> OfferedContact {
    let mut contact = token();
    contact.needs_refresh_push = true;
    if let Some(OfferedPush::Target(target)) = &mut contact.push {
        target.notice_token = Some(crate::model::Redacted::new("notice".into()));
    }
    contact
}

#[test]
fn an_app_that_asks_for_it_is_pushed_two_minutes_before_its_registration_runs_out() {
    let mut bench = strict();
    let bound = bench.bind(tls(1), helpless());
    assert_eq!(bound.refresh_push, Some(130));
    bench.events();
    bench.pass(Duration::from_secs(474));
    assert!(!bench.events().contains(&RegistrarEvent::RefreshDue { device: APP }));
    bench.pass(Duration::from_secs(1));
    assert!(bench.events().contains(&RegistrarEvent::RefreshDue { device: APP }));
    bench.pass(Duration::from_secs(60));
    assert!(!bench.events().contains(&RegistrarEvent::RefreshDue { device: APP }), "once");
    bench.bind(tls(1), helpless());
    bench.bind(tls(1), with_expires(helpless(), 0));
    bench.events();
    bench.pass(MINUTE * 10);
    assert!(!bench.events().contains(&RegistrarEvent::RefreshDue { device: APP }), "it has signed off");
}

#[test]
fn a_renewal_is_not_promised_where_it_could_not_be_kept() {
    let mut bench = strict();
    let mut voip_only = token();
    voip_only.needs_refresh_push = true;
    assert_eq!(bench.bind(tls(1), voip_only).refresh_push, None, "a VoIP push means a call and nothing else");
    assert_eq!(bench.bind(tls(1), with_expires(helpless(), 120)).refresh_push, None, "too short");
    bench.registrar.set_push_policy(APP, PushPolicy::App).unwrap();
    assert_eq!(bench.bind(tls(1), helpless()).refresh_push, None, "its wake target outlives the registration");
}

#[test]
fn only_providers_with_a_credential_are_named_and_only_those_that_were_asked_for() {
    let mut bench = Bench::with(with_settings(&crate::model::Settings::default()));
    assert_eq!(bench.bind(tls(1), token()).feature_caps, [PushProvider::Apns]);
    let mut all = token();
    all.push = Some(OfferedPush::Query(None));
    assert_eq!(bench.bind(tls(1), all.clone()).feature_caps, [PushProvider::Apns, PushProvider::Fcm]);
    bench.registrar.set_push_providers(vec![PushProvider::Fcm]);
    assert_eq!(bench.bind(tls(1), all).feature_caps, [PushProvider::Fcm]);
    assert_eq!(
        bench.bind(tls(1), token()).feature_caps,
        [],
        "the phone is told not to rely on it, and its token is kept"
    );
    assert_eq!(bench.wake_state(1), Some(WakeState::Resting));
    assert_eq!(bench.bind(udp(5060), without_push(token())).feature_caps, []);
    let bound = bench.request(tls(1), Contacts::Query);
    let _ = bench.send(bound);
}
