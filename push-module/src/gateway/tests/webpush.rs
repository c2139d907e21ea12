use pbx_core::model::{Redacted, UnixMillis, Verdict, WakeKind, WakeTarget};

use super::office::{Office, apns_target, gave_up, verdicts};
use crate::standin::{AnyToken, WebPushFault, WebPushStandin};
use crate::{CredentialError, CredentialKind, CredentialState, NewCredential};

fn target(token: &str) -> WakeTarget {
    WakeTarget {
        provider: pbx_core::model::PushProvider::WebPush,
        app_id: "localhost".to_owned(),
        call_token: Some(Redacted::new(token.to_owned())),
        notice_token: None,
        ..apns_target()
    }
}

/// The office with Web Push enabled, its key, and a push service.
async fn enabled() -> (Office, String, WebPushStandin) {
    let office = Office::open().await;
    let service = WebPushStandin::start().await.unwrap();
    let added = office.add(service.new_credential()).await;
    assert_eq!(added.provider, CredentialKind::WebPush);
    (office, added.public_key.unwrap(), service)
}

fn says(status: u16, body: &str) -> WebPushFault {
    WebPushFault::Answer { status, body: body.to_owned(), retry_after: None }
}

#[tokio::test]
async fn every_kind_of_wake_reaches_the_phone_encrypted_and_signed() {
    let (mut office, key, service) = enabled().await;
    let token = service.subscribe(Some(&key)).unwrap();
    let kinds = [WakeKind::Call, WakeKind::MissedCall, WakeKind::AnsweredElsewhere, WakeKind::Test, WakeKind::Refresh];
    for kind in kinds {
        let events = office.wake(kind, target(&token)).await;
        assert_eq!(verdicts(&events), [Verdict::Accepted], "{kind:?}: {events:?}");
        let pushes = service.requests();
        let push = pushes.last().unwrap();
        assert_eq!(push.payload["t"], kind.as_str());
        assert_eq!(push.urgency, if kind == WakeKind::Call { "high" } else { "normal" });
        assert!((29..=30).contains(&push.ttl), "the rest of the ring time: {}", push.ttl);
    }
    let call = &service.requests()[0];
    assert_eq!(
        (call.payload["caller"].as_str(), call.payload["name"].as_str()),
        (Some("0301234567"), Some("Alice Ärger"))
    );
    assert_eq!(call.bytes, 86 + 1024 + 1 + 16, "padded");
}

#[tokio::test]
async fn a_phone_without_keys_is_woken_by_an_empty_push_and_gets_no_notices() {
    let (mut office, _, service) = enabled().await;
    let token = service.subscribe(None).unwrap();
    let bare = token.split_once('#').unwrap().0;
    let events = office.wake(WakeKind::Call, target(bare)).await;
    assert_eq!(verdicts(&events), [Verdict::Accepted]);
    assert_eq!((service.requests()[0].bytes, service.requests()[0].payload.is_null()), (0, true));
    let events = office.wake(WakeKind::MissedCall, target(bare)).await;
    assert_eq!(gave_up(&events), Some("no_subscription_keys"));
}

#[tokio::test]
async fn a_subscription_that_ended_or_was_made_with_another_key_says_so() {
    let (mut office, _, service) = enabled().await;
    let token = service.subscribe(None).unwrap();
    service.unsubscribe(&token);
    let events = office.wake(WakeKind::Call, target(&token)).await;
    assert!(matches!(verdicts(&events)[..], [Verdict::TokenGone { since: None, .. }]), "{events:?}");
    let foreign = service.subscribe(Some("BAAA")).unwrap();
    let events = office.wake(WakeKind::Call, target(&foreign)).await;
    assert!(matches!(verdicts(&events)[..], [Verdict::TokenWrong { accepted_in: None, .. }]), "{events:?}");
}

#[tokio::test]
async fn a_hiccup_is_tried_again_and_a_refused_signature_is_made_anew_once() {
    let (mut office, _, service) = enabled().await;
    let token = service.subscribe(None).unwrap();
    for fault in [says(503, ""), says(401, "JWT expired"), WebPushFault::Disconnect] {
        service.script(token.as_str(), fault.clone(), 1);
        let events = office.wake(WakeKind::Call, target(&token)).await;
        assert_eq!(verdicts(&events).last(), Some(&Verdict::Accepted), "{fault:?}: {events:?}");
    }
    service.script(AnyToken, says(401, "JWT expired"), 2);
    let events = office.wake(WakeKind::Call, target(&token)).await;
    assert_eq!(gave_up(&events), Some("webpush_signature"), "{events:?}");
    assert!(matches!(office.gateway.health()[0].state, CredentialState::Failing { .. }));
}

#[tokio::test]
async fn the_troubles_of_one_push_service_do_not_accuse_the_key() {
    let (mut office, _, service) = enabled().await;
    let token = service.subscribe(None).unwrap();
    assert_eq!(verdicts(&office.wake(WakeKind::Call, target(&token)).await), [Verdict::Accepted]);
    service.script(AnyToken, WebPushFault::Answer { status: 429, body: String::new(), retry_after: Some(600) }, 1);
    let events = office.wake(WakeKind::Call, target(&token)).await;
    assert!(gave_up(&events).is_some(), "{events:?}");
    let unreachable = token.replace("localhost", "localhost.invalid");
    let events = office.wake(WakeKind::Call, target(&unreachable)).await;
    assert!(gave_up(&events).is_some(), "{events:?}");
    assert_eq!(office.gateway.health()[0].state, CredentialState::Working);
}

#[tokio::test]
async fn no_phone_makes_us_ask_our_own_network() {
    let mut office = Office::open().await;
    let service = WebPushStandin::start().await.unwrap();
    let NewCredential::WebPush(mut new) = service.new_credential() else { unreachable!() };
    new.allowed_hosts.clear();
    office.add(NewCredential::WebPush(new)).await;
    let token = service.subscribe(None).unwrap();
    for host in ["localhost", "127.0.0.1", "[::1]", "2130706433", "10.0.0.1", "169.254.169.254"] {
        let events = office.wake(WakeKind::Call, target(&token.replace("localhost", host))).await;
        let [Verdict::Refused { why }] = &verdicts(&events)[..] else { panic!("{host}: {events:?}") };
        assert!(why.contains("where Nightbell sends nothing"), "{host}: {why}");
        assert!(!why.contains("subscription-1"), "the address is a secret: {why}");
    }
    assert!(service.requests().is_empty());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (mut office, _, service) = enabled().await;
    let token = service.subscribe(None).unwrap();
    service.script(AnyToken, says(307, ""), 1);
    let events = office.wake(WakeKind::Call, target(&token)).await;
    assert!(matches!(verdicts(&events)[..], [Verdict::Refused { .. }]), "{events:?}");
    assert_eq!(service.requests().len(), 1);
}

#[tokio::test]
async fn the_key_is_made_once_and_outlives_restart_and_removal() {
    let (office, key, service) = enabled().await;
    assert_eq!(office.gateway.offer().borrow().vapid_key.as_deref(), Some(key.as_str()));
    let again = office.gateway.add_credential(service.new_credential()).await.unwrap_err();
    assert!(matches!(again, CredentialError::Duplicate { .. }), "{again}");
    let office = office.restart().await;
    assert_eq!(office.gateway.offer().borrow().vapid_key.as_deref(), Some(key.as_str()));
    let listed = office.gateway.list_credentials().await.unwrap();
    office.gateway.remove_credential(listed[0].id).await.unwrap();
    assert_eq!(office.gateway.offer().borrow().vapid_key, None);
    let back = office.add(service.new_credential()).await;
    assert_eq!(back.public_key, Some(key), "apps stay subscribed");
    let checked = office.gateway.check_credential(back.id).await.unwrap();
    assert!(checked.ok && checked.at > UnixMillis(0), "{checked:?}");
}

#[tokio::test]
async fn bad_fields_are_named() {
    let office = Office::open().await;
    let service = WebPushStandin::start().await.unwrap();
    let NewCredential::WebPush(good) = service.new_credential() else { unreachable!() };
    for (field, contact, host) in [("contact", "nobody", "localhost"), ("allowed_hosts", "a@example.com", "https://x")]
    {
        let mut new = good.clone();
        (new.contact, new.allowed_hosts) = (contact.to_owned(), vec![host.to_owned()]);
        let refused = office.gateway.add_credential(NewCredential::WebPush(new)).await.unwrap_err();
        assert_eq!(refused.field(), Some(field), "{refused}");
    }
}
