//! Keys that are replaced, removed and added again, and what pages say about them meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use pbx_core::model::{Environment, Redacted, Verdict, WakeEvent, WakeId, WakeKind};
use pbx_core::store::sql::query_scalar;

use super::office::{APP, CALL_TOKEN, NOTICE_TOKEN, Office, apns_target, apple, gave_up, verdicts};
use crate::standin::{AnyToken, ApnsFault, ApnsStandin};
use crate::{AlarmCode, Circuit};

/// Wakes that are under way while the key is replaced.
const WAKES: usize = 300;

fn codes(office: &Office, credential: usize) -> Vec<AlarmCode> {
    office.gateway.health()[credential].alarms.iter().map(|alarm| alarm.code).collect()
}

#[tokio::test]
async fn a_key_that_is_removed_and_added_again_keeps_its_provider_token() {
    let mut office = Office::open().await;
    let apple = ApnsStandin::start().await.unwrap();
    apple.register_token(CALL_TOKEN, &format!("{APP}.voip"), Environment::Production);
    let key = apple.new_credential(&[APP]).unwrap();
    let first = office.add(key.clone()).await;
    office.stored("SELECT issued_at FROM push_provider_token").await;
    let entry = office.gateway.shared.entries()[0].clone();
    let line = entry.line.as_ref().unwrap();
    let issued_at = line.provider_token().unwrap().issued_at - 600;
    assert!(line.backdate_provider_token(issued_at));
    assert_eq!(verdicts(&office.wake(WakeKind::Call, apns_target()).await), [Verdict::Accepted]);
    office.gateway.remove_credential(first.id).await.unwrap();
    let mut office = office.restart().await;
    let second = office.add(key).await;
    assert_ne!(first.id, second.id);
    let kept = office.gateway.shared.entries()[0].line.as_ref().unwrap().provider_token().unwrap();
    assert_eq!(kept.issued_at, issued_at, "Apple refuses a second token within 20 minutes");
    assert_eq!(verdicts(&office.wake(WakeKind::Call, apns_target()).await), [Verdict::Accepted]);
    let left: i64 =
        query_scalar("SELECT count(*) FROM push_token_of_removed").fetch_one(office.store.reader()).await.unwrap();
    assert_eq!(left, 0, "it is needed once");
}

#[tokio::test]
async fn no_push_is_lost_while_a_key_is_replaced() {
    let mut office = Office::open().await;
    let (old, new) = (ApnsStandin::start().await.unwrap(), ApnsStandin::start().await.unwrap());
    let token = |number: usize| format!("{number:064x}");
    for number in 0..WAKES {
        old.register_token(&token(number), &format!("{APP}.voip"), Environment::Production);
        new.register_token(&token(number), &format!("{APP}.voip"), Environment::Production);
    }
    let first = office.add(old.new_credential(&[APP]).unwrap()).await;
    let mut waiting = BTreeMap::new();
    for number in 0..WAKES {
        let target = pbx_core::model::WakeTarget { call_token: Some(Redacted::new(token(number))), ..apns_target() };
        let request = office.request(WakeKind::Call, target, Duration::from_secs(30));
        waiting.insert(request.wake_id, 0usize);
        office.send(request).await;
        if number == WAKES / 2 {
            office.add(new.new_credential(&[APP]).unwrap()).await;
        }
    }
    office.gateway.remove_credential(first.id).await.unwrap();
    let mut left = WAKES;
    while left > 0 {
        let report = office.report().await;
        let accepted = waiting.get_mut(&report.wake_id).unwrap();
        match report.event {
            WakeEvent::Answered { verdict: Verdict::Accepted, .. } => {
                *accepted += 1;
                left -= 1;
            }
            WakeEvent::Sent { .. } | WakeEvent::Answered { .. } => {}
            WakeEvent::GaveUp { code, why } => panic!("{code}: {why}"),
        }
    }
    assert!(waiting.values().all(|times| *times == 1));
    assert!(new.requests().len() >= WAKES / 2 - 1, "the new key takes over as soon as it is there");
    let mut seen: BTreeMap<WakeId, usize> = BTreeMap::new();
    for asked in old.requests().into_iter().chain(new.requests()).filter(|asked| asked.status == Some(200)) {
        let id = asked.apns_id.as_deref().and_then(|id| uuid::Uuid::parse_str(id).ok()).map(WakeId).unwrap();
        *seen.entry(id).or_default() += 1;
    }
    assert!(seen.len() == WAKES && seen.values().all(|times| *times == 1), "no phone rings twice");
}

#[tokio::test]
async fn a_key_that_was_revoked_at_apple_before_it_was_removed_here_costs_no_push() {
    let mut office = Office::open().await;
    let (revoked, good) = (ApnsStandin::start().await.unwrap(), ApnsStandin::start().await.unwrap());
    good.register_token(CALL_TOKEN, &format!("{APP}.voip"), Environment::Production);
    revoked.script(AnyToken, ApnsFault::InvalidProviderToken, u32::MAX);
    office.add(good.new_credential(&[APP]).unwrap()).await;
    office.add(revoked.new_credential(&[APP]).unwrap()).await;
    let events = office.wake(WakeKind::Call, apns_target()).await;
    assert!(matches!(verdicts(&events)[..], [Verdict::RetryAfter { .. }, Verdict::Accepted]), "{events:?}");
    assert_eq!(codes(&office, 1), [AlarmCode::KeyRefused]);
    assert_eq!(verdicts(&office.wake(WakeKind::Call, apns_target()).await), [Verdict::Accepted], "at once from now on");
    assert_eq!((revoked.requests().len(), good.requests().len()), (1, 2));
}

#[tokio::test]
async fn a_test_build_does_not_make_a_key_for_production_look_broken() {
    let mut office = Office::open().await;
    let apple = apple(&office).await;
    apple.script(CALL_TOKEN, ApnsFault::BadDeviceToken, 1);
    apple.script(CALL_TOKEN, ApnsFault::Answer { status: 403, reason: "BadEnvironmentKeyIdInToken".to_owned() }, 1);
    let events = office.wake(WakeKind::Call, apns_target()).await;
    assert_eq!(gave_up(&events), Some("token_wrong"));
    let health = office.gateway.health();
    assert_eq!(health[0].state.as_str(), "working");
    assert_eq!((health[0].attempts.token_wrong, health[0].attempts.misconfigured), (2, 0));
    assert_eq!(codes(&office, 0), [AlarmCode::KeyEnvironment]);
    assert!(health[0].alarms[0].text.contains("test build"), "{}", health[0].alarms[0].text);
    assert_eq!(verdicts(&office.wake(WakeKind::MissedCall, apns_target()).await), [Verdict::Accepted]);
    assert_eq!(office.gateway.health()[0].success_percent, Some(100));
}

#[tokio::test]
async fn the_health_counts_every_attempt_and_raises_one_alarm_for_each_trouble() {
    let mut office = Office::open().await;
    let apple = apple(&office).await;
    assert_eq!(office.gateway.health()[0].success_percent, None);
    office.wake(WakeKind::Call, apns_target()).await;
    apple.script(AnyToken, ApnsFault::TooManyRequests { retry_after: None }, 1);
    office.wake(WakeKind::Call, apns_target()).await;
    let health = office.gateway.health();
    assert_eq!((health[0].attempts.accepted, health[0].attempts.try_again), (1, 1));
    assert_eq!((health[0].success_percent, health[0].circuit), (Some(50), Circuit::Closed));
    assert_eq!(codes(&office, 0), [AlarmCode::Quota]);
    assert!(health[0].alarms[0].text.contains("too many pushes"), "{}", health[0].alarms[0].text);
    apple.script(AnyToken, ApnsFault::Answer { status: 403, reason: "ExpiredProviderToken".to_owned() }, 1);
    office.wake(WakeKind::Call, apns_target()).await;
    assert_eq!(codes(&office, 0), [AlarmCode::ClockSkew, AlarmCode::Quota]);
    apple.register_token(NOTICE_TOKEN, APP, Environment::Production);
    office.wake(WakeKind::MissedCall, apns_target()).await;
    assert_eq!(codes(&office, 0), [AlarmCode::Quota]);
}

#[tokio::test]
async fn a_provider_that_does_not_answer_opens_the_circuit_and_the_first_answer_closes_it() {
    let mut office = Office::open().await;
    let apple = apple(&office).await;
    apple.script(AnyToken, ApnsFault::Reset, 3);
    let events = office.wake(WakeKind::Call, apns_target()).await;
    assert_eq!(gave_up(&events), Some("unreachable"), "{events:?}");
    let health = office.gateway.health();
    assert_eq!((health[0].circuit, health[0].unanswered_in_a_row), (Circuit::Open, 3));
    assert_eq!(codes(&office, 0), [AlarmCode::Unreachable]);
    assert_eq!(verdicts(&office.wake(WakeKind::Call, apns_target()).await), [Verdict::Accepted]);
    assert_eq!(office.gateway.health()[0].circuit, Circuit::Closed);
    assert!(codes(&office, 0).is_empty());
}
