//! Tokens that come outside of SIP (Acrobits).

use std::time::Duration;

use super::support::{Bench, desk, number, udp, with_expires, without_push};
use crate::model::{DeviceId, PushProvider, SwitchedOffBy, WakeState};
use crate::registrar::{MAX_DEVICES, OfferedTarget, PushReport};

fn offered(token: &str) -> OfferedTarget {
    OfferedTarget { provider: PushProvider::Acrobits, ..super::support::target(token) }
}

fn report(bench: &mut Bench, token: &str) -> usize {
    tell(bench, PushReport::Has(offered(token)))
}

fn tell(bench: &mut Bench, report: PushReport) -> usize {
    let account = "101".parse().unwrap();
    let changes = bench.registrar.report_push((number("101"), &account), report, bench.now);
    let count = changes.len();
    for change in changes {
        bench.disk.apply(change);
    }
    count
}

fn token(bench: &Bench, device: i64) -> Option<String> {
    let target = bench.registrar.device(DeviceId(device))?.wake_target()?.clone();
    target.call_token.as_ref().map(|token| token.reveal().clone())
}

#[test]
fn a_report_arms_the_device_of_its_account_and_plain_registers_leave_it_alone() {
    let mut bench = Bench::new();
    bench.bind(udp(5060), desk(5060));
    assert_eq!(report(&mut bench, "app token selector"), 1);
    assert_eq!(report(&mut bench, "app token selector"), 0, "nothing new");
    assert_eq!(bench.disk.devices[&DeviceId(1)].wake_target.as_ref().unwrap().provider, PushProvider::Acrobits);
    bench.bind(udp(5060), desk(5060));
    assert_eq!(bench.wake_state(1), Some(WakeState::Resting), "a REGISTER without a token says nothing");
    bench.bind(udp(5060), with_expires(desk(5060), 0));
    assert_eq!(bench.wake_state(1), Some(WakeState::Armed));
    let target = bench.registrar.device(DeviceId(1)).unwrap().wake_target().unwrap().clone();
    assert_ne!(target.switched_off, Some(SwitchedOffBy::Device));
}

#[test]
fn a_report_that_comes_before_the_register_waits_for_it() {
    let mut bench = Bench::new();
    assert_eq!(report(&mut bench, "app token selector"), 0);
    assert!(bench.devices().is_empty());
    bench.bind(udp(5060), desk(5060));
    assert_eq!(token(&bench, 1).as_deref(), Some("app token selector"));
    assert!(bench.disk.devices[&DeviceId(1)].wake_target.is_some(), "durable with the REGISTER");
}

#[test]
fn a_woken_app_without_an_instance_id_is_the_same_device_from_another_port() {
    let mut bench = Bench::new();
    bench.bind(udp(5060), desk(5060));
    report(&mut bench, "app token selector");
    bench.bind(udp(5060), with_expires(desk(5060), 0));
    bench.bind(udp(5070), desk(5070));
    assert_eq!(bench.devices(), [1]);
    assert!(bench.is_live(1));
    bench.bind(udp(5070), with_expires(desk(5070), 0));
    let mut other = bench.request(udp(5080), crate::registrar::Contacts::List(vec![desk(5080)]));
    other.user_agent = "Desk/2".into();
    bench.send(other);
    assert_eq!(bench.devices(), [1, 2], "another program is another phone");
    assert_eq!(token(&bench, 2), None);
}

#[test]
fn a_token_belongs_to_the_device_that_has_it_and_never_to_one_that_another_provider_wakes() {
    let mut bench = Bench::new();
    bench.bind(udp(5060), desk(5060));
    report(&mut bench, "app token selector");
    bench.pass(Duration::from_secs(5));
    bench.bind(udp(5070), super::support::app("urn:uuid:1", "aa11"));
    assert_eq!(report(&mut bench, "app token selector"), 0);
    assert_eq!(report(&mut bench, "app new selector"), 1);
    assert_eq!((token(&bench, 1).as_deref(), token(&bench, 2).as_deref()), (Some("app new selector"), Some("aa11")));
    bench.bind(udp(5070), without_push(super::support::app("urn:uuid:1", "aa11")));
    assert_eq!(bench.wake_state(2), Some(WakeState::SwitchedOff), "the rule of RFC 8599 holds for the others");
    assert!(bench.devices().len() <= MAX_DEVICES);
}

#[test]
fn an_app_whose_user_logs_out_is_woken_no_more() {
    let mut bench = Bench::new();
    let gone = || PushReport::Gone(offered("app token selector"));
    report(&mut bench, "app token selector");
    assert_eq!(tell(&mut bench, gone()), 0, "the report that waited is dropped");
    bench.bind(udp(5060), desk(5060));
    assert_eq!(token(&bench, 1), None);
    report(&mut bench, "app token selector");
    assert_eq!(tell(&mut bench, PushReport::Gone(offered("app other selector"))), 0, "another phone's");
    assert_eq!(tell(&mut bench, gone()), 1);
    assert_eq!((token(&bench, 1), bench.disk.devices[&DeviceId(1)].wake_target.is_none()), (None, true));
    assert!(bench.is_live(1), "what it registers is its own affair");
}
