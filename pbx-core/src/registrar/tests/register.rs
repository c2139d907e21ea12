//! What a REGISTER may say, and what it is answered.

use std::time::Duration;

use crate::model::{DeviceId, LastWake, UnixMillis, WakeKind, WakeState};
use crate::registrar::{Contacts, OfferedPush, Refusal, RegisterOutcome, RegistrarEvent};
use crate::switchboard::output::Change;

use super::support::*;

#[test]
fn contacts_come_back_exactly_as_they_were_sent_with_the_time_left() {
    let mut bench = Bench::new();
    let sent = app("urn:uuid:a", "token-a");
    let answer = bench.bind(tls(1), sent.clone());
    assert_eq!((&answer.contacts[0].uri, &answer.contacts[0].params), (&sent.uri, &sent.params));
    assert_eq!(answer.contacts[0].expires_seconds, 600);
    bench.pass(Duration::from_millis(100_500));
    let query = bench.request(tls(1), Contacts::Query);
    let answer = bound(bench.send(query));
    assert_eq!(answer.contacts[0].uri, sent.uri);
    assert_eq!(answer.contacts[0].expires_seconds, 500);
    assert!(answer.changes.is_empty());
}

#[test]
fn other_devices_come_last_and_without_their_push_parameters() {
    let mut bench = Bench::new();
    bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    let answer = bench.bind(udp(5060), desk(5060));
    let uris: Vec<_> = answer.contacts.iter().map(|contact| &*contact.uri).collect();
    assert_eq!(uris, ["sip:101@10.0.0.9:5060;transport=tls", "sip:101@10.0.0.5:40000;transport=tls"]);
}

#[test]
fn wishes_are_granted_within_the_settings() {
    let mut bench = Bench::new();
    for (wish, granted) in [(None, 3600), (Some(60), 60), (Some(86_400), 86_400), (Some(u32::MAX), 86_400)] {
        let mut contact = app("urn:uuid:a", "token-a");
        contact.expires = wish;
        let seconds = bench.bind(udp(5060), contact).contacts[0].expires_seconds;
        assert!((granted - granted / 10..=granted).contains(&seconds), "{wish:?}: {seconds}");
    }
    for wish in [1, 59] {
        let refusal = bench.refused(tls(1), with_expires(app("urn:uuid:a", "token-a"), wish));
        assert_eq!(refusal, Refusal::TooBrief { min_expires: 60 });
        assert_eq!((refusal.status().0, refusal.min_expires()), (423, Some(60)));
    }
}

#[test]
fn on_a_stream_a_registration_never_outlives_an_idle_connection() {
    let mut bench = Bench::new();
    for (wish, granted) in [(None, 3600), (Some(60), 60), (Some(3601), 3600), (Some(86_400), 3600)] {
        let mut contact = app("urn:uuid:a", "token-a");
        contact.expires = wish;
        let seconds = bench.bind(tls(1), contact).contacts[0].expires_seconds;
        assert!((granted - granted / 10..=granted).contains(&seconds), "{wish:?}: {seconds}");
    }
}

#[test]
fn one_bad_contact_changes_nothing() {
    let mut bench = Bench::new();
    bench.bind(udp(5060), desk(5060));
    bench.events();
    let (devices, disk) = (bench.registrar.list_devices(None, 99), bench.disk.clone());
    let mut unsupported = desk(5063);
    unsupported.push = Some(OfferedPush::Unsupported("acme".into()));
    let mut no_token = desk(5063);
    no_token.push = Some(OfferedPush::Target(target("")));
    let mut long = desk(5063);
    long.uri = format!("sip:{}@h", "x".repeat(3000)).into();
    for (bad, status) in [(with_expires(desk(5063), 5), 423), (unsupported, 555), (no_token, 400), (long, 400)] {
        let list = vec![app("urn:uuid:a", "token-a"), with_expires(desk(5060), 0), bad];
        let request = bench.request(udp(5060), Contacts::List(list));
        assert_eq!(refusal(bench.send(request)).status().0, status);
        assert_eq!(bench.events(), []);
        assert_eq!(bench.registrar.list_devices(None, 99), devices);
    }
    assert_eq!(bench.disk, disk);
}

#[test]
fn an_unregister_is_never_refused_for_its_push_parameters() {
    let mut bench = Bench::new();
    bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    let mut farewell = with_expires(app("urn:uuid:a", "token-a"), 0);
    farewell.push = Some(OfferedPush::Unsupported("acme".into()));
    bench.bind(tls(1), farewell);
    assert_eq!(bench.wake_state(1), Some(WakeState::Armed));
    bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    let mut farewell = with_expires(app("urn:uuid:a", "token-a"), 0);
    farewell.push = Some(OfferedPush::Target(target("")));
    bench.bind(tls(1), farewell);
    assert_eq!(bench.wake_state(1), Some(WakeState::Armed));
}

#[test]
fn an_unregister_may_bring_a_new_token() {
    let mut bench = Bench::new();
    bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    let answer = bench.bind(tls(1), with_expires(app("urn:uuid:a", "token-b"), 0));
    assert!(answer.durable);
    let stored = bench.disk.devices[&DeviceId(1)].wake_target.clone().unwrap();
    assert_eq!(stored.call_token.unwrap().reveal(), "token-b");
    assert_eq!(bench.wake_state(1), Some(WakeState::Armed));
}

#[test]
fn an_unknown_extension_is_not_found() {
    let mut bench = Bench::new();
    let mut request = bench.request(udp(5060), Contacts::Query);
    request.extension = number("999");
    assert_eq!(refusal(bench.send(request)), Refusal::NoSuchExtension);
}

#[test]
fn a_lower_cseq_is_refused_and_an_equal_one_is_answered_again() {
    let mut bench = Bench::new();
    let first = bench.request(tls(1), Contacts::List(vec![app("urn:uuid:a", "token-a")]));
    let second = bench.request(tls(1), Contacts::List(vec![with_expires(app("urn:uuid:a", "token-a"), 0)]));
    let answer = bound(bench.send(first.clone()));
    bench.registrar.saved(&answer.saving);
    bench.events();
    let again = bound(bench.send(first.clone()));
    assert_eq!(again.contacts, answer.contacts);
    assert!(again.changes.is_empty() && !again.durable);
    assert_eq!(bench.events(), []);
    bound(bench.send(second.clone()));
    let refusal = refusal(bench.send(first.clone()));
    assert_eq!((refusal.status().0, bench.is_live(1)), (500, false));
    assert!(bound(bench.send(second)).contacts.is_empty());
    // A phone that was switched off for a while may count from the start again.
    bench.pass(MINUTE);
    assert_eq!(bound(bench.send(first)).contacts.len(), 1);
}

#[test]
fn a_register_that_is_repeated_over_another_transport_moves_the_binding() {
    let mut bench = Bench::new();
    let mut request = bench.request(udp(5060), Contacts::List(vec![app("urn:uuid:a", "token-a")]));
    bound(bench.send(request.clone()));
    request.flow = tls(1);
    bound(bench.send(request));
    let view = bench.registrar.device(DeviceId(1)).unwrap();
    assert_eq!(view.live_binding().map(|binding| binding.flow()), Some(tls(1)));
}

#[test]
fn another_call_id_starts_its_own_count() {
    let mut bench = Bench::new();
    bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    let mut request = bench.request(tls(1), Contacts::List(vec![app("urn:uuid:a", "token-a")]));
    request.call_id = "other".into();
    request.cseq = 0;
    assert_eq!(bound(bench.send(request)).contacts.len(), 1);
}

#[test]
fn a_retransmission_binds_again_when_the_server_lost_the_binding() {
    let mut bench = Bench::new();
    let first = bench.request(udp(5060), Contacts::List(vec![app("urn:uuid:a", "token-a")]));
    bound(bench.send(first.clone()));
    bench.registrar.binding_failed(DeviceId(1), udp(5060), crate::registrar::BindingFailure::TransportError, bench.now);
    bound(bench.send(first));
    assert!(bench.is_live(1));
}

#[test]
fn only_a_new_or_changed_record_makes_the_answer_wait() {
    let mut bench = Bench::new();
    let first = bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    assert!(first.durable);
    assert!(matches!(&first.changes[..], [Change::PutDevice(_)]));
    let refresh = bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    assert!(!refresh.durable && refresh.changes.is_empty() && refresh.saving.is_empty());
    let moved = bench.bind(tls(2), app("urn:uuid:a", "token-a"));
    assert!(!moved.durable && moved.changes.is_empty());
    let rotated = bench.bind(tls(2), app("urn:uuid:a", "token-b"));
    assert!(rotated.durable);
    assert!(matches!(&rotated.changes[..], [Change::PutDevice(_)]));
}

#[test]
fn a_save_that_is_not_known_to_have_succeeded_is_tried_again() {
    let mut bench = Bench::new();
    let request = bench.request(tls(1), Contacts::List(vec![app("urn:uuid:a", "token-a")]));
    let lost = bound(bench.send(request.clone()));
    let again = bound(bench.send(request));
    assert!(again.durable, "a retransmission must not be answered before the save");
    assert_eq!(again.changes, lost.changes);
    let refresh = bench.request(tls(1), Contacts::List(vec![app("urn:uuid:a", "token-b")]));
    let refresh = bound(bench.send(refresh));
    bench.registrar.saved(&lost.saving);
    let next = bench.request(tls(1), Contacts::List(vec![app("urn:uuid:a", "token-b")]));
    assert!(bound(bench.send(next)).durable, "an older save says nothing about the newer token");
    bench.registrar.saved(&refresh.saving);
    assert!(!bench.bind(tls(1), app("urn:uuid:a", "token-b")).durable);
}

#[test]
fn a_udp_binding_whose_save_failed_is_saved_with_the_next_register() {
    let mut bench = Bench::new();
    let request = bench.request(udp(5060), Contacts::List(vec![desk(5060)]));
    let lost = bound(bench.registrar.register(request, bench.now));
    assert_eq!(lost.changes.len(), 2);
    let refresh = bench.bind(udp(5060), desk(5060));
    assert!(matches!(&refresh.changes[..], [Change::PutDevice(_), Change::PutUdpBinding(_)]));
    assert!(bench.bind(udp(5060), desk(5060)).changes.is_empty());
}

#[test]
fn a_token_that_comes_later_or_is_renewed_replaces_the_old_one_at_once() {
    let mut bench = Bench::new();
    bench.bind(tls(1), without_push(app("urn:uuid:a", "")));
    assert_eq!(bench.wake_state(1), None);
    for token in ["token-a", "token-b"] {
        bench.pass(MINUTE);
        bench.bind(tls(1), app("urn:uuid:a", token));
        let view = bench.registrar.device(DeviceId(1)).unwrap();
        let target = view.wake_target().unwrap();
        assert_eq!(target.call_token.as_ref().unwrap().reveal(), token);
        assert_eq!(target.learned_at, bench.now.wall);
    }
    assert_eq!(bench.devices(), [1]);
}

#[test]
fn udp_bindings_are_saved_only_when_it_matters_and_behind_unless_the_phone_came_or_moved() {
    let mut bench = Bench::new();
    let first = bench.bind(udp(5060), desk(5060));
    assert!(matches!(&first.changes[..], [Change::PutDevice(_), Change::PutUdpBinding(_)]));
    bench.pass(Duration::from_secs(120));
    assert!(bench.bind(udp(5060), desk(5060)).changes.is_empty(), "the saved end lags by a fifth");
    bench.pass(Duration::from_secs(200));
    let refresh = bench.bind(udp(5060), desk(5060));
    assert!(matches!(&refresh.changes[..], [Change::PutUdpBinding(_)]));
    assert!(!refresh.durable);
    let moved = bench.bind(udp(5062), desk(5060));
    assert!(moved.durable, "after a crash, the phone would be called where it was");
    assert!(matches!(&moved.changes[..], [Change::PutDevice(_), Change::PutUdpBinding(_)]));
    let shorter = bench.bind(udp(5062), with_expires(desk(5060), 60));
    assert!(matches!(&shorter.changes[..], [Change::PutUdpBinding(_)]));
}

#[test]
fn an_hour_is_granted_with_up_to_a_tenth_less_so_that_refreshes_spread() {
    let mut bench = Bench::new();
    let mut granted: Vec<u32> = (0..1000)
        .map(|phone| {
            let contact = with_expires(desk(5060), 3600);
            let request = crate::registrar::Registration {
                call_id: format!("call-{phone}").into(),
                ..bench.request(udp(5060), Contacts::List(vec![contact]))
            };
            bound(bench.send(request)).contacts[0].expires_seconds
        })
        .collect();
    granted.sort_unstable();
    assert!(granted[0] >= 3240 && granted[999] <= 3600);
    // No minute of the six holds much more than its share.
    for minute in 0..6 {
        let from = 3240 + minute * 60;
        let share = granted.iter().filter(|seconds| (from..from + 60).contains(*seconds)).count();
        assert!((100..240).contains(&share), "{share} in the minute from {from}");
    }
}

#[test]
fn a_goodbye_over_udp_is_answered_once_it_is_saved() {
    let mut bench = Bench::new();
    bench.bind(udp(5060), desk(5060));
    let gone = bench.bind(udp(5060), with_expires(desk(5060), 0));
    assert!(gone.durable && !gone.changes.is_empty(), "after a crash, a phone that is gone would be called");
    bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    let gone = bench.bind(tls(1), with_expires(app("urn:uuid:a", "token-a"), 0));
    assert!(!gone.durable, "a stream is not on disk");
}

#[test]
fn a_phone_that_changes_to_tls_leaves_no_udp_binding_on_disk() {
    let mut bench = Bench::new();
    bench.bind(udp(5060), app("urn:uuid:a", "token-a"));
    assert_eq!(bench.disk.bindings.len(), 1);
    bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    assert_eq!(bench.disk.bindings.len(), 0);
    bench.bind(udp(5060), app("urn:uuid:a", "token-a"));
    bench.bind(udp(5060), with_expires(app("urn:uuid:a", "token-a"), 0));
    assert_eq!(bench.disk.bindings.len(), 0);
}

#[test]
fn a_lapse_found_by_a_register_is_saved_before_the_new_binding() {
    let mut bench = Bench::new();
    bench.bind(udp(5060), app("urn:uuid:a", "token-a"));
    bench.events();
    bench.now = at(3600);
    let answer = bench.bind(udp(5060), app("urn:uuid:a", "token-a"));
    assert!(matches!(
        &answer.changes[..],
        [Change::DeleteUdpBinding(_), Change::PutDevice(_), Change::PutUdpBinding(_)]
    ));
    assert!(!bench.events().iter().any(|event| matches!(event, RegistrarEvent::Save(_))));
    assert_eq!(bench.disk.bindings.len(), 1);
    bench.now = at(7300);
    bench.refused(udp(5060), with_expires(app("urn:uuid:a", "token-a"), 1));
    bench.events();
    assert_eq!(bench.disk.bindings.len(), 0, "also when the REGISTER is refused");
}

#[test]
fn a_superseded_connection_is_closed_unless_somebody_else_is_on_it() {
    let mut bench = Bench::new();
    bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    bench.bind(tls(1), app("urn:uuid:b", "token-b"));
    bench.events();
    bench.bind(tls(2), app("urn:uuid:a", "token-a"));
    assert!(!bench.events().contains(&RegistrarEvent::CloseFlow(tls(1))));
    bench.bind(tls(3), app("urn:uuid:b", "token-b"));
    assert!(bench.events().contains(&RegistrarEvent::CloseFlow(tls(1))));
    let mut second = app("urn:uuid:b", "token-b");
    second.reg_id = Some(2);
    bench.bind(tls(4), second);
    assert!(!bench.events().contains(&RegistrarEvent::CloseFlow(tls(3))), "two flows of RFC 5626 stay open");
}

#[test]
fn path_becomes_the_route_and_the_request_uri_has_no_token() {
    let mut bench = Bench::new();
    let mut request = bench.request(tls(1), Contacts::List(vec![app("urn:uuid:a", "SECRET")]));
    request.path = vec!["<sip:edge;lr>".into()];
    assert!(!format!("{request:?}").contains("SECRET"));
    let outcome = bench.send(request);
    if let RegisterOutcome::Bound(bound) = &outcome {
        assert!(!format!("{:?}", bound.contacts).contains("SECRET"));
    }
    let view = bench.registrar.device(DeviceId(1)).unwrap();
    let binding = view.live_binding().unwrap();
    assert_eq!(binding.path().iter().map(|value| &**value).collect::<Vec<_>>(), ["<sip:edge;lr>"]);
    assert_eq!(binding.request_uri(), "sip:101@10.0.0.5:40000;transport=tls");
    assert!(!format!("{binding:?}").contains("SECRET"));
    let summary = serde_json::to_string(&view.summary()).unwrap();
    assert!(!summary.contains("SECRET") && summary.contains("sha256:"), "{summary}");
    assert!(!format!("{:?}", bench.registrar).contains("SECRET"));
}

#[test]
fn no_provider_is_named_while_push_is_off_for_the_extension() {
    let mut bench = Bench::new();
    bench.registrar.set_push(number("101"), false).unwrap();
    let answer = bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    assert!(answer.feature_caps.is_empty(), "the phone must not rely on being woken");
    assert_eq!(bench.wake_state(1), Some(WakeState::SwitchedOff));
    assert!(bench.bind(udp(5060), desk(5060)).feature_caps.is_empty());
}

#[test]
fn the_last_wake_is_kept_saved_and_shown() {
    let mut bench = Bench::new();
    bench.bind(tls(1), app("urn:uuid:a", "token-a"));
    bench.events();
    let wake = LastWake {
        at: UnixMillis(5),
        kind: WakeKind::Call,
        outcome: "woke".into(),
        woke_after_ms: Some(900),
        accepted: true,
    };
    bench.registrar.note_last_wake(DeviceId(1), wake.clone());
    bench.registrar.note_last_wake(DeviceId(1), wake.clone());
    assert_eq!(bench.events().len(), 2, "one save and one notice");
    assert_eq!(bench.disk.devices[&DeviceId(1)].last_wake, Some(wake.clone()));
    assert_eq!(bench.registrar.summary(DeviceId(1)).unwrap().last_wake, Some(wake));
}
