//! Client certificates in place of a token key.

use std::time::Duration;

use pbx_core::model::{Environment, Verdict, WakeKind};

use super::office::{APP, CALL_TOKEN, NOTICE_TOKEN, Office, apns_target, gave_up, verdicts};
use crate::gateway::clock::Clock;
use crate::gateway::line::ended;
use crate::standin::{ApnsStandin, CertificateKind};
use crate::{AlarmCode, ApnsEnvironment, CredentialError};

const YEAR: Duration = Duration::from_secs(365 * 86_400);

async fn apple() -> ApnsStandin {
    let apple = ApnsStandin::start().await.expect("a stand-in");
    apple.register_token(CALL_TOKEN, &format!("{APP}.voip"), Environment::Production);
    apple.register_token(NOTICE_TOKEN, APP, Environment::Production);
    apple
}

#[tokio::test]
async fn a_certificate_wakes_and_notifies_without_a_provider_token_also_after_a_restart() {
    let mut office = Office::open().await;
    let apple = apple().await;
    let now = Clock::start().now().wall;
    let added = office.add(apple.new_certificate(CertificateKind::Universal, APP, now + YEAR).unwrap()).await;
    assert_eq!((added.environment, added.app_ids), (Some(ApnsEnvironment::Both), vec![APP.to_owned()]));
    assert_eq!(added.topics.unwrap(), [APP.to_owned(), format!("{APP}.voip"), format!("{APP}.complication")]);
    let check = office.gateway.check_credential(added.id).await.unwrap();
    assert!(check.ok, "{}", check.text);
    for kind in [WakeKind::Call, WakeKind::MissedCall, WakeKind::AnsweredElsewhere, WakeKind::Test] {
        assert_eq!(verdicts(&office.wake(kind, apns_target()).await), [Verdict::Accepted], "{kind:?}");
    }
    assert!(apple.requests().iter().all(|asked| asked.issued_at.is_none()), "a certificate needs no provider token");
    let mut office = office.restart().await;
    assert_eq!(verdicts(&office.wake(WakeKind::Call, apns_target()).await), [Verdict::Accepted]);
}

#[tokio::test]
async fn each_push_leaves_with_the_certificate_for_its_topic() {
    let mut office = Office::open().await;
    let (calls, notices) = (apple().await, apple().await);
    let now = Clock::start().now().wall;
    let voip = office.add(calls.new_certificate(CertificateKind::Voip, APP, now + YEAR).unwrap()).await;
    let check = office.gateway.check_credential(voip.id).await.unwrap();
    assert!(check.ok, "{}", check.text);
    let before = calls.requests().len();
    let events = office.wake(WakeKind::MissedCall, apns_target()).await;
    assert_eq!(gave_up(&events), Some("no_credential_for_topic"), "{events:?}");
    office.add(notices.new_certificate(CertificateKind::Production, APP, now + YEAR).unwrap()).await;
    assert_eq!(verdicts(&office.wake(WakeKind::Call, apns_target()).await), [Verdict::Accepted]);
    assert_eq!(verdicts(&office.wake(WakeKind::MissedCall, apns_target()).await), [Verdict::Accepted]);
    let topics = |apple: &ApnsStandin, from: usize| {
        apple.requests()[from..].iter().map(|asked| asked.topic.clone().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(topics(&calls, before), [format!("{APP}.voip")]);
    assert_eq!(topics(&notices, 0), [APP]);
}

#[tokio::test]
async fn a_certificate_that_was_revoked_costs_no_push_when_a_key_stands_beside_it() {
    let mut office = Office::open().await;
    let apple = apple().await;
    let now = Clock::start().now().wall;
    office.add(apple.new_credential(&[APP]).unwrap()).await;
    office.add(apple.new_certificate(CertificateKind::Universal, APP, now + YEAR).unwrap()).await;
    apple.revoke_certificates();
    let events = office.wake(WakeKind::Call, apns_target()).await;
    assert!(matches!(verdicts(&events)[..], [Verdict::RetryAfter { .. }, Verdict::Accepted]), "{events:?}");
    let alarms = &office.gateway.health()[1].alarms;
    assert_eq!(alarms[0].code, AlarmCode::KeyRefused);
    assert!(alarms[0].text.contains("BadCertificate"), "{}", alarms[0].text);
}

#[tokio::test]
async fn the_end_of_a_certificate_is_announced_a_month_and_a_week_before_and_then_it_is_not_used() {
    let office = Office::open().await;
    let apple = apple().await;
    let now = Clock::start().now().wall;
    let day = Duration::from_secs(86_400);
    for (left, code) in [(31, None), (29, Some(AlarmCode::EndsSoon)), (6, Some(AlarmCode::EndsThisWeek))] {
        let new = apple.new_certificate(CertificateKind::Universal, APP, now + day * left).unwrap();
        let added = office.add(new).await;
        let health = office.gateway.health();
        let alarm = health.last().unwrap().alarms.first();
        assert_eq!(alarm.map(|alarm| alarm.code), code, "{left} days");
        assert!(alarm.is_none_or(|alarm| alarm.fix.contains("APNs key")), "{alarm:?}");
        office.gateway.remove_credential(added.id).await.unwrap();
    }
    let past = apple.new_certificate(CertificateKind::Universal, APP, now - day).unwrap();
    let refused = office.gateway.add_credential(past).await.unwrap_err();
    assert!(matches!(refused, CredentialError::CertificateEnded { .. }), "{refused}");
    let added = office.add(apple.new_certificate(CertificateKind::Universal, APP, now + day).unwrap()).await;
    let entry = office.gateway.shared.entry(added.id).unwrap();
    let crate::credential::Details::ApnsCertificate(details) = &entry.details else { panic!("another kind") };
    assert!(ended(details, now).is_none());
    let answer = ended(details, now + day).unwrap();
    assert!(matches!(answer.verdict, Verdict::Misconfigured { ref code, .. } if code == "apns_certificate_ended"));
}

#[tokio::test]
async fn a_certificate_for_test_builds_is_not_asked_for_a_phone_from_the_store() {
    let mut office = Office::open().await;
    let apple = apple().await;
    let now = Clock::start().now().wall;
    let added = office.add(apple.new_certificate(CertificateKind::Development, APP, now + YEAR).unwrap()).await;
    assert_eq!(added.environment, Some(ApnsEnvironment::Sandbox));
    let events = office.wake(WakeKind::MissedCall, apns_target()).await;
    assert_eq!(gave_up(&events), Some("no_credential_for_environment"), "{events:?}");
    assert!(apple.requests().is_empty());
}
