//! When two REGISTERs are about the same device.

use crate::model::{DeviceId, PushProvider, WakeState};
use crate::registrar::{Contacts, OfferedContact, OfferedPush};

use super::support::*;

/// An app that sends a token and no instance id.
fn nameless(token: &str, address: &str) -> OfferedContact {
    let mut nameless = contact(address);
    nameless.push = Some(OfferedPush::Target(target(token)));
    nameless
}

#[test]
fn fifty_registers_from_fifty_ports_are_one_binding() {
    let mut bench = Bench::new();
    for port in 0..50u16 {
        let mut contact = app("urn:uuid:a", "token-a");
        contact.uri = format!("sip:101@10.0.0.5:{}", 40_000 + port).into();
        let answer = bench.bind(tls(u64::from(port)), contact);
        assert_eq!(answer.contacts.len(), 1);
    }
    assert_eq!(bench.devices(), [1]);
    assert_eq!(bench.registrar.counts().registered, 1);
}

#[test]
fn an_instance_id_has_no_case() {
    let mut bench = Bench::new();
    bench.bind(tls(1), app("urn:uuid:ABC", "token-a"));
    bench.bind(tls(2), app("urn:uuid:abc", "token-a"));
    assert_eq!(bench.devices(), [1]);
}

#[test]
fn an_app_without_instance_id_is_known_by_its_token() {
    let mut bench = Bench::new();
    bench.bind(tls(1), nameless("token-a", "101@10.0.0.5:1"));
    bench.bind(tls(2), nameless("token-a", "101@10.0.0.6:2"));
    assert_eq!(bench.devices(), [1]);
    assert!(!bench.disk.devices[&DeviceId(1)].key.as_str().contains("token-a"));
}

#[test]
fn equal_token_texts_of_two_providers_are_two_devices() {
    let mut bench = Bench::new();
    bench.bind(tls(1), nameless("token-a", "101@10.0.0.5:1"));
    let mut other = nameless("token-a", "101@10.0.0.5:2");
    if let Some(OfferedPush::Target(target)) = &mut other.push {
        target.provider = PushProvider::Fcm;
    }
    bench.bind(tls(2), other);
    assert_eq!(bench.devices(), [1, 2]);
}

#[test]
fn a_nameless_app_that_renews_its_token_in_place_stays_the_same_device() {
    let mut bench = Bench::new();
    for contact in
        [contact("101@10.0.0.5:1"), nameless("token-a", "101@10.0.0.5:1"), nameless("token-b", "101@10.0.0.5:1")]
    {
        bench.bind(tls(1), contact);
        assert_eq!(bench.devices(), [1]);
    }
    assert!(bench.disk.devices[&DeviceId(1)].key.as_str().starts_with("p:"));
    let mut named = app("urn:uuid:a", "token-c");
    named.uri = "sip:101@10.0.0.5:1".into();
    bench.bind(tls(1), named);
    assert_eq!(bench.devices(), [1]);
    assert_eq!(bench.disk.devices[&DeviceId(1)].key.as_str(), "i:urn:uuid:a");
}

#[test]
fn behind_an_edge_proxy_the_same_address_proves_nothing() {
    let mut bench = Bench::new();
    for token in ["token-a", "token-b"] {
        let mut request = bench.request(tls(1), Contacts::List(vec![nameless(token, "101@192.168.1.5:5060")]));
        request.path = vec!["<sip:edge;lr>".into()];
        bound(bench.send(request));
    }
    assert_eq!(bench.devices(), [1, 2]);
}

#[test]
fn two_instances_at_one_address_stay_two_devices() {
    let mut bench = Bench::new();
    bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    bench.bind(tls(1), app("urn:uuid:b", "token-b"));
    assert_eq!(bench.devices(), [1, 2]);
}

#[test]
fn an_app_that_was_installed_anew_keeps_its_record() {
    let mut bench = Bench::new();
    bench.bind(tls(1), app("urn:uuid:old", "token-a"));
    bench.bind(tls(2), app("urn:uuid:new", "token-a"));
    assert_eq!(bench.devices(), [1]);
    assert_eq!(bench.disk.devices[&DeviceId(1)].key.as_str(), "i:urn:uuid:new");
    assert_eq!(bench.disk.devices.len(), 1);
}

#[test]
fn a_token_belongs_to_the_device_of_the_extension_that_offered_it_last() {
    let mut bench = Bench::new();
    bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    bench.bind(tls(2), app("urn:uuid:b", "token-b"));
    bench.bind(tls(2), app("urn:uuid:b", "token-a"));
    assert_eq!((bench.wake_state(1), bench.wake_state(2)), (None, Some(WakeState::Resting)));
    assert_eq!(bench.disk.devices[&DeviceId(1)].wake_target, None);
    // A device that is asleep and loses its token is an installation that was replaced.
    bench.bind(tls(3), app("urn:uuid:c", "token-c"));
    bench.bind(tls(3), with_expires(app("urn:uuid:c", "token-c"), 0));
    bench.bind(tls(2), app("urn:uuid:b", "token-c"));
    assert_eq!(bench.devices(), [1, 2]);
    assert_eq!(bench.disk.devices.len(), 2);
}

#[test]
fn another_extension_with_the_same_token_has_a_record_of_its_own() {
    let mut bench = Bench::new();
    bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    let mut request = bench.request(tls(2), Contacts::List(vec![app("urn:uuid:x", "token-a")]));
    request.extension = number("102");
    request.username = "102".parse().unwrap();
    bound(bench.send(request));
    assert_eq!(bench.wake_state(1), Some(WakeState::Resting), "nobody can take a token away from another extension");
    assert_eq!(bench.registrar.callable_devices(number("101")).len(), 1);
    assert_eq!(bench.registrar.callable_devices(number("102")).len(), 1);
    let changes = bench.registrar.remove_account(number("102"), &"102".parse().unwrap());
    assert_eq!(changes.len(), 1);
    assert_eq!(bench.devices(), [1]);
}

#[test]
fn a_new_address_and_the_farewell_of_the_old_one_in_one_register_move_the_binding() {
    let mut bench = Bench::new();
    let mut old = app("urn:uuid:a", "token-a");
    bench.bind(tls(1), old.clone());
    let mut new = old.clone();
    new.uri = "sip:101@203.0.113.4:7777".into();
    old.expires = Some(0);
    for list in [vec![new.clone(), old.clone()], vec![old, new]] {
        let request = bench.request(tls(1), Contacts::List(list));
        let answer = bound(bench.send(request));
        assert_eq!(&*answer.contacts[0].uri, "sip:101@203.0.113.4:7777");
        assert_eq!((answer.contacts.len(), bench.devices()), (1, vec![1]));
    }
}

#[test]
fn an_unregister_without_instance_id_finds_the_binding_by_its_address() {
    let mut bench = Bench::new();
    bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    bench.bind(tls(1), with_expires(contact("101@10.0.0.5:40000"), 0));
    assert_eq!(bench.wake_state(1), Some(WakeState::Armed));
    bench.bind(tls(1), with_expires(contact("101@10.0.0.5:40000"), 0));
    assert_eq!(bench.devices(), [1], "what is not bound cannot be removed");
}

#[test]
fn a_device_follows_the_account_it_registers_with() {
    let mut bench = Bench::new();
    bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    let mut request = bench.request(tls(1), Contacts::List(vec![app("urn:uuid:a", "token-a")]));
    request.username = "101-phone".parse().unwrap();
    assert!(bound(bench.send(request)).durable);
    assert!(bench.registrar.remove_account(number("101"), &"101".parse().unwrap()).is_empty());
    assert_eq!(bench.registrar.remove_account(number("101"), &"101-phone".parse().unwrap()).len(), 1);
}
