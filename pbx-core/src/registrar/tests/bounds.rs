//! How many devices an extension may have, and that nothing grows without bound.

use crate::model::{DeviceId, Presence, Settings, Verdict};
use crate::registrar::{Contacts, GoneReason, MAX_DEVICES, Refusal, RegistrarEvent};

use super::support::*;

fn limited(devices: u16) -> Bench {
    Bench::with(with_settings(&Settings { devices_per_extension: devices, ..Settings::default() }))
}

fn asleep(bench: &mut Bench, nth: usize) {
    let contact = app(&format!("urn:uuid:{nth}"), &format!("token-{nth}"));
    bench.bind(tls(nth as u64), contact.clone());
    bench.bind(tls(nth as u64), with_expires(contact, 0));
}

#[test]
fn the_thirteenth_contact_of_one_register_is_refused() {
    let mut bench = limited(12);
    let contacts = |count: u16| Contacts::List((0..count).map(|nth| desk(5060 + nth)).collect());
    let request = bench.request(udp(5060), contacts(13));
    assert_eq!(refusal(bench.send(request)).status().0, 403);
    assert_eq!(bench.devices().len(), 0);
    let request = bench.request(udp(5060), contacts(12));
    assert_eq!(bound(bench.send(request)).contacts.len(), 12);
}

#[test]
fn more_contacts_than_live_devices_are_refused() {
    let mut bench = limited(1);
    let request = bench.request(udp(5060), Contacts::List(vec![desk(5060), desk(5061)]));
    assert_eq!(refusal(bench.send(request)), Refusal::TooManyContacts { offered: 2, most: 1 });
}

#[test]
fn the_device_not_heard_of_for_longest_gives_way() {
    let mut bench = limited(2);
    bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    bench.pass(MINUTE);
    bench.bind(tls(2), app("urn:uuid:b", "token-b"));
    bench.pass(MINUTE);
    bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    bench.events();
    bench.bind(tls(3), app("urn:uuid:c", "token-c"));
    assert_eq!((bench.is_live(1), bench.is_live(2), bench.is_live(3)), (true, false, true));
    let why = GoneReason::Displaced;
    let displaced =
        RegistrarEvent::BindingGone { extension: number("101"), device: DeviceId(2), state: why.state(), why };
    assert!(bench.events().contains(&displaced));
    assert_eq!(bench.registrar.device(DeviceId(2)).unwrap().presence(), Presence::Unreachable, "no call goes there");
    bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    assert!(bench.is_live(3), "a refresh displaces nobody");
}

#[test]
fn a_displaced_desk_phone_is_forgotten() {
    let mut bench = limited(1);
    bench.bind(udp(5060), desk(5060));
    bench.bind(udp(5061), desk(5061));
    assert_eq!(bench.devices(), [2]);
    assert_eq!(bench.disk.devices.len(), 1);
}

#[test]
fn phones_without_instance_id_that_change_their_port_do_not_pile_up() {
    let mut bench = limited(12);
    for port in 0..500 {
        bench.bind(udp(port), desk(port));
        assert!(bench.devices().len() <= MAX_DEVICES);
    }
    bench.pass(MINUTE * 60);
    bench.events();
    assert_eq!(bench.devices().len(), 0);
    assert_eq!((bench.disk.devices.len(), bench.disk.bindings.len()), (0, 0));
}

#[test]
fn the_thirteenth_sleeping_app_is_refused_until_one_is_of_no_use_any_more() {
    let mut bench = limited(12);
    for nth in 0..MAX_DEVICES {
        asleep(&mut bench, nth);
    }
    let refusal = bench.refused(tls(99), app("urn:uuid:99", "token-99"));
    assert_eq!(refusal, Refusal::TooManyDevices { most: MAX_DEVICES });
    assert_eq!(bench.devices().len(), MAX_DEVICES);
    bench.bind(tls(5), app("urn:uuid:5", "token-5"));
    bench.verdict(3, &Verdict::TokenGone { since: None, why: "Unregistered".into() });
    bench.bind(tls(99), app("urn:uuid:99", "token-99"));
    assert_eq!(bench.devices().len(), MAX_DEVICES);
    assert!(bench.registrar.device(DeviceId(3)).is_none());
}

#[test]
fn a_device_that_an_admin_switched_off_does_not_make_room() {
    let mut bench = limited(12);
    for nth in 0..MAX_DEVICES {
        asleep(&mut bench, nth);
    }
    bench.registrar.set_device_push(DeviceId(1), false).unwrap();
    bench.refused(tls(99), app("urn:uuid:99", "token-99"));
    bench.bind(tls(2), app("urn:uuid:1", "token-1"));
    bench.bind(tls(2), without_push(app("urn:uuid:1", "token-1")));
    bench.bind(tls(2), with_expires(app("urn:uuid:1", ""), 0));
    bench.bind(tls(99), app("urn:uuid:99", "token-99"));
    assert!(bench.registrar.device(DeviceId(2)).is_none(), "one that wants no pushes does");
}

#[test]
fn a_desk_phone_that_moves_fits_even_when_every_record_is_taken() {
    let mut bench = limited(12);
    for port in 0..12 {
        bench.bind(udp(port), desk(port));
    }
    let list = vec![desk(99), with_expires(desk(3), 0)];
    let request = bench.request(udp(3), Contacts::List(list));
    assert_eq!(bound(bench.send(request)).contacts.len(), 12);
    assert_eq!(bench.disk.devices.len(), 12);
}

#[test]
fn a_lower_limit_counts_from_the_next_register_on() {
    let mut bench = limited(8);
    for nth in 0..8 {
        bench.bind(tls(nth), app(&format!("urn:uuid:{nth}"), &format!("token-{nth}")));
    }
    bench.registrar.apply_settings(&Settings { devices_per_extension: 2, ..Settings::default() });
    assert_eq!(bench.registrar.counts().registered, 8);
    bench.bind(tls(0), app("urn:uuid:0", "token-0"));
    assert_eq!(bench.registrar.counts().registered, 2);
    assert!(bench.is_live(1) && bench.is_live(8));
}

#[test]
fn every_length_has_a_limit() {
    let mut bench = Bench::new();
    let mut cases = Vec::new();
    let mut request = bench.request(udp(1), Contacts::List(vec![desk(1)]));
    request.call_id = "c".repeat(257).into();
    cases.push(("Call-ID", request));
    let mut request = bench.request(udp(1), Contacts::List(vec![desk(1)]));
    request.path = vec!["p".repeat(400).into(), "p".repeat(400).into()];
    cases.push(("Path", request));
    let instance = bench.request(udp(1), Contacts::List(vec![app(&"i".repeat(257), "t")]));
    cases.push(("+sip.instance", instance));
    let token = bench.request(udp(1), Contacts::List(vec![app("i", &"t".repeat(1025))]));
    cases.push(("pn-prid", token));
    let mut contact = app("i", "t");
    if let Some(crate::registrar::OfferedPush::Target(target)) = &mut contact.push {
        target.app_id = "a".repeat(10_000).into();
    }
    let param = bench.request(udp(1), Contacts::List(vec![contact]));
    cases.push(("pn-param", param));
    for (field, request) in cases {
        let refusal = refusal(bench.send(request));
        assert!(matches!(refusal, Refusal::TooLong { field: named, .. } if named == field), "{field}: {refusal:?}");
    }
    let mut request = bench.request(udp(1), Contacts::List(vec![desk(1)]));
    request.user_agent = "ü".repeat(100).into();
    bound(bench.send(request));
    let shown = bench.registrar.summary(DeviceId(1)).unwrap().user_agent;
    assert_eq!(shown, "ü".repeat(64));
}

#[test]
fn pages_of_devices_and_extensions_continue_where_the_last_one_ended() {
    let mut bench = Bench::new();
    for nth in 0..5 {
        bench.bind(tls(nth), app(&format!("urn:uuid:{nth}"), &format!("token-{nth}")));
    }
    let ids = |after, limit| -> Vec<i64> {
        bench.registrar.list_devices(after, limit).iter().map(|device| device.id.0).collect()
    };
    assert_eq!(ids(None, 2), [1, 2]);
    assert_eq!(ids(Some(DeviceId(2)), 9), [3, 4, 5]);
    let behind: Vec<_> = bench.registrar.extensions_after(Some(number("101"))).map(|one| one.number).collect();
    assert_eq!(behind, [number("102")]);
    let line = bench.registrar.extension_line(number("101")).unwrap();
    assert_eq!((line.devices, line.registered, line.armed, line.presence), (5, 5, 0, Presence::Registered));
    let line = bench.registrar.extension_line(number("102")).unwrap();
    assert_eq!(line.presence, Presence::Unreachable);
    assert!(line.reason.contains("QR code"));
}
