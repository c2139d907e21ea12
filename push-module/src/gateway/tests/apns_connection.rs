//! What Apple's connections demand: one stream until the first good provider token, sometimes one again after a refusal, one
//! key for each connection, and no two proofs of identity within 20 minutes.

use std::collections::BTreeMap;
use std::time::Duration;

use pbx_core::model::{Environment, Redacted, Verdict, WakeEvent, WakeKind, WakeTarget};

use super::office::{APP, CALL_TOKEN, Office, apns_target, apple, gave_up, verdicts};
use crate::standin::{ApnsFault, ApnsStandin};

const BURST: u64 = 60;

fn token(number: u64) -> String {
    format!("{number:064x}")
}

fn target(token: String) -> WakeTarget {
    WakeTarget { call_token: Some(Redacted::new(token)), ..apns_target() }
}

/// Pushes one call to each of a group's phones at once; what became of each, by its token.
async fn burst(office: &mut Office, apple: &ApnsStandin) -> BTreeMap<String, Vec<WakeEvent>> {
    let mut wakes = BTreeMap::new();
    for number in 0..BURST {
        apple.register_token(&token(number), &format!("{APP}.voip"), Environment::Production);
        let request = office.request(WakeKind::Call, target(token(number)), Duration::from_secs(30));
        wakes.insert(request.wake_id, (token(number), Vec::new()));
        office.send(request).await;
    }
    let mut left = BURST;
    while left > 0 {
        let report = office.report().await;
        left -= u64::from(match &report.event {
            WakeEvent::Answered { verdict, .. } => *verdict == Verdict::Accepted,
            WakeEvent::GaveUp { .. } => true,
            WakeEvent::Sent { .. } => false,
        });
        wakes.get_mut(&report.wake_id).unwrap().1.push(report.event);
    }
    wakes.into_values().collect()
}

fn attempts(events: &[WakeEvent]) -> usize {
    events.iter().filter(|event| matches!(event, WakeEvent::Sent { .. })).count()
}

#[tokio::test]
async fn a_burst_over_a_new_connection_begins_with_one_stream_and_nobody_is_refused() {
    let mut office = Office::open().await;
    let apple = apple(&office).await;
    let wakes = burst(&mut office, &apple).await;
    for (token, events) in &wakes {
        assert_eq!((verdicts(events), attempts(events)), (vec![Verdict::Accepted], 1), "{token}: {events:?}");
    }
    assert_eq!((apple.connections(), apple.stream_violations()), (1, 0));
    assert_eq!(apple.requests().len(), usize::try_from(BURST).unwrap());
}

#[tokio::test]
async fn a_connection_that_falls_back_to_one_stream_after_each_refusal_loses_no_push() {
    let mut office = Office::open().await;
    let apple = apple(&office).await;
    apple.throttle_after_refusals();
    assert_eq!(verdicts(&office.wake(WakeKind::Call, apns_target()).await), [Verdict::Accepted]);
    let refused: Vec<String> = [3, 17, 18, 40].into_iter().map(token).collect();
    for token in &refused {
        apple.script(token.as_str(), ApnsFault::DeviceTokenNotForTopic, 1);
    }
    let wakes = burst(&mut office, &apple).await;
    for (token, events) in &wakes {
        assert_eq!(attempts(events), 1, "{token}: {events:?}");
        match refused.contains(token) {
            true => assert_eq!(gave_up(events), Some("token_wrong"), "{token}"),
            false => assert_eq!(verdicts(events), [Verdict::Accepted], "{token}"),
        }
    }
    assert_eq!((apple.connections(), apple.stream_violations()), (1, 0));
    // And the next call finds a connection that works.
    let events = office.wake(WakeKind::Call, apns_target()).await;
    assert_eq!((verdicts(&events), attempts(&events)), (vec![Verdict::Accepted], 1));
}

#[tokio::test]
async fn every_key_has_a_connection_of_its_own_in_each_environment() {
    let mut office = Office::open().await;
    let apple = ApnsStandin::start().await.unwrap();
    let other_app = "com.example.other";
    for app in [APP, other_app] {
        office.add(apple.new_credential(&[app]).unwrap()).await;
    }
    apple.register_token(&token(1), &format!("{APP}.voip"), Environment::Production);
    apple.register_token(&token(2), &format!("{other_app}.voip"), Environment::Production);
    for round in 1..=3 {
        for (number, app) in [(1, APP), (2, other_app)] {
            let target = WakeTarget { app_id: app.to_owned(), ..target(token(number)) };
            let events = office.wake(WakeKind::Call, target).await;
            assert_eq!(verdicts(&events), [Verdict::Accepted], "round {round}, {app}: {events:?}");
        }
    }
    let asked = apple.requests();
    let of = |app: &str| {
        let topic = Some(format!("{app}.voip"));
        let mine = asked.iter().filter(|it| it.topic == topic).map(|it| it.connection);
        mine.collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!((of(APP).len(), of(other_app).len()), (1, 1));
    assert!(of(APP).is_disjoint(&of(other_app)), "Apple refuses a second key on a connection");
    assert!(asked.iter().all(|it| it.reason.is_none()), "{asked:?}");
}

#[tokio::test]
async fn a_second_proof_of_identity_within_20_minutes_is_refused_by_apple_named_and_not_repeated() {
    let mut office = Office::open().await;
    let apple = apple(&office).await;
    assert_eq!(verdicts(&office.wake(WakeKind::Call, apns_target()).await), [Verdict::Accepted]);
    // As a second program that shares the key would do it.
    let entry = office.gateway.shared.entries()[0].clone();
    let line = entry.line.as_ref().unwrap();
    let issued_at = line.provider_token().unwrap().issued_at;
    assert!(line.backdate_provider_token(issued_at - 300));
    let events = office.wake(WakeKind::Call, apns_target()).await;
    assert_eq!(gave_up(&events), Some("apns_token_updates"), "{events:?}");
    assert_eq!(attempts(&events), 1);
    let Some(WakeEvent::GaveUp { why, .. }) = events.last() else { panic!("{events:?}") };
    assert!(why.contains("another program uses the same push key"), "{why}");
    let refusal = apple.requests().pop().unwrap();
    assert_eq!((refusal.status, refusal.reason.as_deref()), (Some(429), Some("TooManyProviderTokenUpdates")));
    assert_eq!(refusal.token, CALL_TOKEN);
}

#[tokio::test]
async fn a_key_whose_proof_is_young_is_not_signed_anew_whatever_happens() {
    let mut office = Office::open().await;
    let apple = apple(&office).await;
    for fault in [ApnsFault::ExpiredProviderToken, ApnsFault::InvalidProviderToken, ApnsFault::Disconnect] {
        apple.script(CALL_TOKEN, fault, 1);
        office.wake(WakeKind::Call, apns_target()).await;
    }
    let mut office = office.restart().await;
    assert_eq!(verdicts(&office.wake(WakeKind::Call, apns_target()).await), [Verdict::Accepted]);
    let issued: std::collections::BTreeSet<_> = apple.requests().iter().map(|it| it.issued_at).collect();
    assert_eq!(issued.len(), 1, "{issued:?}");
}
