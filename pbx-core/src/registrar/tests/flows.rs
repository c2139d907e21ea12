//! One device, several flows (RFC 5626): the newest is used, the others take over, and only the last end counts.

use super::support::{Bench, MINUTE, app, tls, udp, with_expires};
use crate::model::{DeviceId, Flow, WakeState};
use crate::registrar::{BindingFailure, Contacts, OfferedContact, RegistrarEvent};

const APP: DeviceId = DeviceId(1);

fn flow_of(reg_id: u32) -> OfferedContact {
    let mut contact = app("urn:uuid:a", "token-a");
    contact.reg_id = Some(reg_id);
    contact
}

/// An app with its first flow over connection 1 and its second, newer, over connection 2.
fn two_flows() -> Bench {
    let mut bench = Bench::new();
    bench.bind(tls(1), flow_of(1));
    bench.bind(tls(2), flow_of(2));
    bench.events();
    bench
}

fn flows(bench: &Bench) -> Vec<Flow> {
    bench.registrar.device(APP).unwrap().live_flows().collect()
}

#[test]
fn a_second_flow_is_one_more_way_to_the_same_device() {
    let mut bench = two_flows();
    assert_eq!(bench.devices(), [1]);
    assert_eq!(flows(&bench), [tls(2), tls(1)]);
    assert_eq!(bench.registrar.device(APP).unwrap().summary().live_binding.unwrap().spare_flows, 1);
    let bound = bench.bind(tls(1), flow_of(1));
    assert_eq!(bound.contacts.len(), 2, "each flow is a binding of its own in the answer");
    assert_eq!(flows(&bench), [tls(1), tls(2)], "the one that registered last is preferred");
}

#[test]
fn the_next_flow_takes_over_when_one_dies_and_push_only_when_none_is_left() {
    let mut bench = two_flows();
    bench.registrar.flow_lost(tls(2), bench.now);
    let events = bench.events();
    let changed = RegistrarEvent::FlowChanged { extension: "101".parse().unwrap(), device: APP, flow: tls(1) };
    assert!(events.contains(&changed), "{events:?}");
    assert!(!events.iter().any(|event| matches!(event, RegistrarEvent::BindingGone { .. })), "{events:?}");
    assert_eq!(bench.wake_state(1), Some(WakeState::Resting));
    bench.registrar.flow_lost(tls(1), bench.now);
    assert_eq!(bench.wake_state(1), Some(WakeState::Armed));
}

#[test]
fn a_spare_flow_that_dies_is_forgotten_without_a_word() {
    let mut bench = two_flows();
    bench.registrar.flow_lost(tls(1), bench.now);
    assert_eq!(flows(&bench), [tls(2)]);
    bench.registrar.binding_failed(APP, tls(2), BindingFailure::NoAnswer, bench.now);
    assert_eq!(bench.wake_state(1), Some(WakeState::Armed));
}

#[test]
fn silence_on_one_flow_leads_to_the_next() {
    let mut bench = two_flows();
    bench.registrar.binding_failed(APP, tls(2), BindingFailure::NoAnswer, bench.now);
    assert_eq!(flows(&bench), [tls(1)]);
}

#[test]
fn each_flow_has_its_own_time() {
    let mut bench = two_flows();
    bench.pass(MINUTE * 5);
    bench.bind(tls(1), flow_of(1));
    bench.pass(MINUTE * 6);
    assert_eq!(flows(&bench), [tls(1)], "the second flow was not renewed");
    bench.pass(MINUTE * 5);
    assert_eq!(flows(&bench), []);
    assert_eq!(bench.wake_state(1), Some(WakeState::Armed));
}

#[test]
fn one_flow_can_be_taken_back_and_a_star_takes_back_all() {
    let mut bench = two_flows();
    bench.bind(tls(2), with_expires(flow_of(2), 0));
    assert_eq!(flows(&bench), [tls(1)]);
    bench.bind(tls(2), flow_of(2));
    bench.bind(tls(1), with_expires(flow_of(1), 0));
    assert_eq!(flows(&bench), [tls(2)]);
    bench.bind(tls(1), flow_of(1));
    let all = bench.request(tls(1), Contacts::RemoveAll);
    bench.send(all);
    assert_eq!(flows(&bench), []);
    assert_eq!(bench.wake_state(1), Some(WakeState::Armed));
}

#[test]
fn the_same_flow_number_over_a_new_connection_replaces_the_old_one() {
    let mut bench = two_flows();
    bench.bind(tls(3), flow_of(1));
    assert_eq!(flows(&bench), [tls(3), tls(2)]);
    assert!(bench.events().contains(&RegistrarEvent::CloseFlow(tls(1))));
    let mut plain = flow_of(1);
    plain.reg_id = None;
    bench.bind(udp(5060), plain);
    assert_eq!(flows(&bench), [udp(5060)], "a REGISTER without a flow number is about the device as a whole");
}

#[test]
fn no_more_flows_are_kept_than_a_phone_can_use() {
    let mut bench = Bench::new();
    for number in 1..=9 {
        bench.bind(tls(number), flow_of(u32::try_from(number).unwrap()));
    }
    assert_eq!(flows(&bench), [tls(9), tls(8), tls(7)]);
    bench.registrar.flow_lost(tls(1), bench.now);
    assert_eq!(flows(&bench).len(), 3);
}

#[test]
fn flows_that_register_out_of_step_do_not_overtake_each_other() {
    let mut bench = two_flows();
    let late = bench.request(tls(1), Contacts::List(vec![flow_of(1)]));
    bench.bind(tls(2), flow_of(2));
    let outcome = bench.send(late);
    assert!(matches!(outcome, crate::registrar::RegisterOutcome::Bound(_)), "{outcome:?}");
    assert_eq!(flows(&bench).len(), 2);
}
