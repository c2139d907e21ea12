//! Save, restore, continue, compare.

use std::time::Duration;

use crate::model::{BindingState, DeviceId, Settings, WakeState};
use crate::registrar::{Contacts, Registrar};

use super::support::*;

fn restart(bench: &mut Bench, downtime: Duration) {
    bench.events();
    bench.now = bench.now.after(downtime);
    let mut restored = bench.disk.restored(&Settings::default());
    bench.registrar = Registrar::restore(&mut restored, bench.now);
}

#[test]
fn a_desk_phone_on_udp_survives_and_an_app_on_tls_is_armed() {
    let mut bench = Bench::new();
    bench.bind(udp(5060), desk(5060));
    bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    restart(&mut bench, MINUTE);
    let view = bench.registrar.device(DeviceId(1)).unwrap();
    let binding = view.live_binding().unwrap();
    assert_eq!((binding.flow(), binding.state()), (udp(5060), BindingState::Refreshed));
    assert_eq!(binding.request_uri(), "sip:101@10.0.0.9:5060;transport=tls");
    assert_eq!(binding.since(), at(0).wall);
    assert_eq!(bench.registrar.poll_timeout(), Some(at(600).mono));
    assert_eq!(bench.wake_state(2), Some(WakeState::Armed));
    assert_eq!(bench.events(), []);
    bench.pass(MINUTE * 10);
    assert!(!bench.is_live(1));
}

#[test]
fn what_ran_out_in_the_meantime_is_deleted() {
    let mut bench = Bench::new();
    bench.bind(udp(5060), desk(5060));
    bench.bind(udp(5061), app("urn:uuid:a", "token-a"));
    bench.bind(tls(1), contact("101@10.0.0.77:5060"));
    restart(&mut bench, MINUTE * 60);
    assert_eq!(bench.devices(), [2], "an app can still be woken");
    bench.events();
    assert_eq!(bench.disk.devices.len(), 1);
    assert_eq!(bench.disk.bindings.len(), 0);
}

#[test]
fn a_clock_that_was_set_back_does_not_make_bindings_immortal() {
    let mut bench = Bench::new();
    bench.bind(udp(5060), desk(5060));
    bench.events();
    let mut restored = bench.disk.restored(&Settings::default());
    restored.udp_bindings[0].expires_at = at(10_000_000).wall;
    let registrar = Registrar::restore(&mut restored, bench.now);
    assert_eq!(registrar.poll_timeout(), Some(at(86_400).mono));
}

#[test]
fn a_replayed_register_from_before_the_restart_is_refused_and_ids_go_on() {
    let mut bench = Bench::new();
    let first = bench.request(udp(5060), Contacts::List(vec![desk(5060)]));
    bench.bind(udp(5060), desk(5060));
    restart(&mut bench, Duration::ZERO);
    assert_eq!(refusal(bench.send(first)).status().0, 500);
    bench.bind(udp(5061), desk(5061));
    assert_eq!(bench.devices(), [1, 2]);
}

#[test]
fn a_restart_in_the_middle_changes_nothing_that_is_durable() {
    let run = |restart_after: Option<usize>| {
        let mut bench = Bench::new();
        for step in 0..6 {
            match step {
                0 => drop(bench.bind(udp(5060), app("urn:uuid:a", "token-a"))),
                1 => drop(bench.bind(udp(5061), desk(5061))),
                2 => drop(bench.registrar.set_device_push(DeviceId(1), false).unwrap().map(|c| bench.disk.apply(c))),
                3 => drop(bench.bind(udp(5062), app("urn:uuid:a", "token-b"))),
                4 => drop(bench.bind(udp(5061), with_expires(desk(5061), 0))),
                _ => drop(bench.bind(udp(5063), app("urn:uuid:c", "token-c"))),
            }
            bench.events();
            if restart_after == Some(step) {
                restart(&mut bench, Duration::ZERO);
            }
            bench.pass(Duration::from_secs(10));
        }
        bench.events();
        let callable: Vec<_> = bench.registrar.callable_devices(number("101")).iter().map(|v| v.id()).collect();
        (bench.disk, callable, bench.registrar.counts())
    };
    let undisturbed = run(None);
    for step in 0..6 {
        assert_eq!(run(Some(step)), undisturbed, "restart after step {step}");
    }
}
