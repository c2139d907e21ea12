//! Phones of an extension are switched off and on again.

use std::time::Duration;

use crate::model::{BindingState, DeviceId, Presence, Settings, WakeState};
use crate::registrar::{AppActivity, AppName, Contacts, GoneReason, Refusal, Registrar, RegistrarEvent};
use crate::switchboard::command::CommandError;

use super::support::*;

fn switch(bench: &mut Bench, enabled: bool) {
    let changes = bench.registrar.switch_phones(number("101"), enabled, bench.now).unwrap();
    assert!(!changes.is_empty(), "it is durable");
    changes.into_iter().for_each(|change| bench.disk.apply(change));
    bench.events();
}

fn restart(bench: &mut Bench, downtime: Duration) {
    bench.now = bench.now.after(downtime);
    let mut restored = bench.disk.restored(&Settings::default());
    bench.registrar = Registrar::restore(&mut restored, bench.now);
    bench.events();
}

fn callable(bench: &Bench) -> Vec<i64> {
    bench.registrar.callable_devices(number("101")).iter().map(|view| view.id().0).collect()
}

#[test]
fn off_ends_the_live_binding_keeps_the_token_and_on_arms_it_at_once() {
    let mut bench = Bench::new();
    bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    bench.events();
    let stored = bench.disk.devices.clone();
    let (extension, device) = (number("101"), DeviceId(1));
    bench.registrar.switch_phones(extension, false, bench.now).unwrap();
    let why = GoneReason::PhonesOff;
    assert_eq!(
        bench.events(),
        [
            RegistrarEvent::BindingGone { extension, device, state: BindingState::SwitchedOff, why },
            RegistrarEvent::DeviceChanged { extension, device }
        ]
    );
    assert_eq!(bench.wake_state(1), Some(WakeState::SwitchedOff));
    assert!(callable(&bench).is_empty());
    let view = bench.registrar.device(device).unwrap();
    assert_eq!((view.presence(), view.usable_target()), (Presence::Unreachable, None));
    assert!(
        view.reason().starts_with("The phones of extension 101 were switched off by the admin"),
        "{}",
        view.reason()
    );
    let line = bench.registrar.extension_line(extension).unwrap();
    assert_eq!((line.reason, line.registered, line.armed), (view.reason(), 0, 0));
    assert_eq!(bench.registrar.switched_off(), [extension]);
    assert_eq!(bench.disk.devices, stored, "nothing of the device is written");

    switch(&mut bench, true);
    assert_eq!((bench.wake_state(1), callable(&bench)), (Some(WakeState::Armed), vec![1]));
    assert_eq!(bench.registrar.device(device).unwrap().presence(), Presence::ReachableByPush);
    assert!(bench.registrar.switched_off().is_empty());
    assert_eq!(bench.disk.devices, stored);
}

#[test]
fn who_knows_the_secret_changes_nothing_while_the_phones_are_off() {
    let mut bench = Bench::new();
    bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    switch(&mut bench, false);
    let before = (bench.registrar.list_devices(None, 9), bench.disk.clone());
    assert_eq!(bench.refused(tls(2), app("urn:uuid:a", "token-of-a-thief")), Refusal::PhonesOff);
    assert_eq!(bench.refused(tls(2), app("urn:uuid:b", "token-a")), Refusal::PhonesOff);
    assert_eq!(bench.refused(tls(1), with_expires(app("urn:uuid:a", "token-a"), 0)), Refusal::PhonesOff);
    let everything = bench.request(tls(1), Contacts::RemoveAll);
    let refused = refusal(bench.send(everything));
    assert_eq!(refused.status(), (403, "Phones Switched Off By The Admin"));
    bench.registrar.binding_answered(DeviceId(1), tls(1), bench.now);
    let (extension, username) = (number("101"), "101".parse().unwrap());
    let app = AppName { extension, username: &username, instance: "urn:uuid:a" };
    bench.registrar.report_activity(app, AppActivity::Foreground, bench.now);
    assert_eq!(bench.events(), []);
    assert_eq!((bench.registrar.list_devices(None, 9), bench.disk.clone()), before);
}

#[test]
fn a_silent_phone_and_one_in_the_background_do_not_come_back_while_they_are_off() {
    let mut bench = Bench::new();
    bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    bench.bind(tls(2), app("urn:uuid:b", "token-b"));
    let (extension, username) = (number("101"), "101".parse().unwrap());
    let app = AppName { extension, username: &username, instance: "urn:uuid:b" };
    bench.registrar.binding_failed(DeviceId(1), tls(1), crate::registrar::BindingFailure::NoAnswer, bench.now);
    bench.registrar.report_activity(app, AppActivity::Background, bench.now);
    switch(&mut bench, false);
    bench.registrar.binding_answered(DeviceId(1), tls(1), bench.now);
    bench.registrar.report_activity(app, AppActivity::Foreground, bench.now);
    assert!(!bench.is_live(1) && !bench.is_live(2));
    switch(&mut bench, true);
    assert_eq!(callable(&bench), [1, 2]);
}

#[test]
fn a_desk_phone_is_registered_again_as_long_as_its_time_lasts_also_over_a_restart() {
    for restarts in [false, true] {
        let mut bench = Bench::new();
        bench.bind(udp(5060), desk(5060));
        bench.pass(MINUTE);
        switch(&mut bench, false);
        assert!(!bench.is_live(1));
        if restarts {
            restart(&mut bench, MINUTE);
            assert!(!bench.is_live(1), "a restart leaves it switched off");
        }
        assert_eq!(bench.refused(udp(5060), desk(5060)), Refusal::PhonesOff);
        bench.registrar.switch_phones(number("101"), true, bench.now).unwrap();
        let revived = RegistrarEvent::Revived { extension: number("101"), device: DeviceId(1), flow: udp(5060) };
        assert!(bench.events().contains(&revived));
        assert!(bench.is_live(1));
        assert_eq!(bench.disk.bindings.len(), 1);
        bench.pass(MINUTE * 10);
        assert!(bench.devices().is_empty(), "it ends when it would have ended");
    }
}

#[test]
fn a_desk_phone_whose_time_or_connection_is_over_does_not_come_back_by_itself() {
    let mut bench = Bench::new();
    bench.bind(udp(5060), desk(5060));
    bench.bind(tls(1), contact("101@10.0.0.77:5060"));
    switch(&mut bench, false);
    bench.registrar.flow_lost(tls(1), bench.now);
    bench.pass(MINUTE * 11);
    switch(&mut bench, true);
    assert_eq!((bench.devices(), bench.disk.bindings.len()), (vec![], 0));
}

#[test]
fn an_app_on_udp_is_woken_and_not_taken_for_registered_after_a_restart() {
    let mut bench = Bench::new();
    bench.bind(udp(5060), app("urn:uuid:a", "token-a"));
    switch(&mut bench, false);
    switch(&mut bench, true);
    assert_eq!(bench.wake_state(1), Some(WakeState::Armed));
    assert!(bench.disk.bindings.is_empty());
    restart(&mut bench, MINUTE);
    assert_eq!(bench.wake_state(1), Some(WakeState::Armed));
}

#[test]
fn push_that_was_off_before_is_off_afterwards_and_twice_is_once() {
    let mut bench = Bench::new();
    bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    bench.registrar.set_device_push(DeviceId(1), false).unwrap();
    switch(&mut bench, false);
    assert_eq!(bench.registrar.switch_phones(number("101"), false, bench.now), Ok(Vec::new()));
    assert_eq!(bench.events(), []);
    switch(&mut bench, true);
    assert_eq!(bench.wake_state(1), Some(WakeState::SwitchedOff));
    assert_eq!(bench.registrar.switch_phones(number("101"), true, bench.now), Ok(Vec::new()));
    let missing = bench.registrar.switch_phones(number("999"), true, bench.now);
    assert_eq!(missing, Err(CommandError::NoSuchExtension(number("999"))));
}
