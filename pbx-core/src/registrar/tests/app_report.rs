//! What apps report over the device API: each row of the table in `app_report.rs`.

use super::support::{Bench, MINUTE, app, number, target, tls, without_push};
use crate::model::{SipUsername, WakeState};
use crate::registrar::{AppActivity, AppName, RegistrarEvent};

const INSTANCE: &str = "urn:uuid:a";

fn account() -> SipUsername {
    "101".parse().unwrap()
}

fn report(bench: &mut Bench, activity: AppActivity) -> bool {
    let (username, now) = (account(), bench.now);
    let app = AppName { extension: number("101"), username: &username, instance: INSTANCE };
    let Some((_, changes)) = bench.registrar.report_activity(app, activity, now) else { return false };
    changes.into_iter().for_each(|change| bench.disk.apply(change));
    true
}

fn install(bench: &mut Bench, token: &str) -> usize {
    let (username, now) = (account(), bench.now);
    let app = AppName { extension: number("101"), username: &username, instance: INSTANCE };
    let (_, changes) = bench.registrar.report_installation(app, "App/1", Some(&target(token)), now).unwrap();
    let count = changes.len();
    changes.into_iter().for_each(|change| bench.disk.apply(change));
    count
}

#[test]
fn an_app_that_never_registered_is_a_device_that_can_be_woken_and_its_register_finds_it() {
    let mut bench = Bench::new();
    assert_eq!(install(&mut bench, "token-a"), 1);
    assert_eq!(install(&mut bench, "token-a"), 0, "the same again changes nothing");
    assert_eq!((bench.devices(), bench.wake_state(1)), (vec![1], Some(WakeState::Armed)));
    bench.bind(tls(1), app(INSTANCE, "token-a"));
    assert_eq!((bench.devices(), bench.wake_state(1)), (vec![1], Some(WakeState::Resting)));
    assert_eq!(install(&mut bench, "token-b"), 1, "a new token is one change");
    assert_eq!(bench.disk.devices.len(), 1);
}

#[test]
fn an_app_in_the_background_is_armed_at_once_and_back_in_front_it_is_registered_again() {
    let mut bench = Bench::new();
    bench.bind(tls(1), app(INSTANCE, "token-a"));
    bench.events();
    assert!(report(&mut bench, AppActivity::Background));
    assert_eq!((bench.is_live(1), bench.wake_state(1)), (false, Some(WakeState::Armed)));
    assert!(bench.events().iter().any(|event| matches!(event, RegistrarEvent::BindingGone { .. })));
    assert!(report(&mut bench, AppActivity::Foreground));
    assert_eq!((bench.is_live(1), bench.wake_state(1)), (true, Some(WakeState::Resting)));
    assert!(bench.events().iter().any(|event| matches!(event, RegistrarEvent::Revived { .. })));
}

#[test]
fn a_connection_that_died_meanwhile_or_a_time_that_ran_out_is_not_brought_back() {
    let mut bench = Bench::new();
    bench.bind(tls(1), app(INSTANCE, "token-a"));
    report(&mut bench, AppActivity::Background);
    bench.registrar.flow_lost(tls(1), bench.now);
    report(&mut bench, AppActivity::Foreground);
    assert!(!bench.is_live(1));
    bench.bind(tls(2), app(INSTANCE, "token-a"));
    report(&mut bench, AppActivity::Background);
    bench.pass(MINUTE * 24 * 60);
    report(&mut bench, AppActivity::Foreground);
    assert!(!bench.is_live(1));
}

#[test]
fn an_app_that_cannot_be_woken_stays_registered_in_the_background() {
    let mut bench = Bench::new();
    bench.bind(tls(1), without_push(app(INSTANCE, "token-a")));
    report(&mut bench, AppActivity::Background);
    assert!(bench.is_live(1), "nothing could take the place of its binding");
}

#[test]
fn a_report_of_an_app_without_a_device_changes_nothing() {
    let mut bench = Bench::new();
    assert!(!report(&mut bench, AppActivity::Background));
    assert!(bench.devices().is_empty());
}
