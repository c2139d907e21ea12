use pbx_core::model::{Verdict, WakeEvent, WakeKind};

use super::office::{FCM_TOKEN, Office, PROJECT, fcm_target, gave_up, google, verdicts};
use crate::standin::{AnyToken, FcmFault};

#[tokio::test]
async fn a_call_becomes_one_data_message_of_high_priority() {
    let mut office = Office::open().await;
    let google = google(&office).await;
    let mut pushes = google.subscribe();
    let events = office.wake(WakeKind::Call, fcm_target()).await;
    assert_eq!(verdicts(&events), [Verdict::Accepted]);
    let WakeEvent::Answered { provider_id: Some(name), .. } = &events[1] else { panic!("{events:?}") };
    assert!(name.starts_with(&format!("projects/{PROJECT}/messages/")));
    let push = pushes.recv().await.unwrap();
    assert_eq!(push.token, FCM_TOKEN);
    assert_eq!(push.payload["t"], "call");
    let asked = google.requests();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].message["android"]["priority"], "HIGH");
    assert!(asked[0].message.get("notification").is_none());
}

#[tokio::test]
async fn one_access_token_serves_every_message() {
    let mut office = Office::open().await;
    let google = google(&office).await;
    for kind in [WakeKind::Call, WakeKind::MissedCall, WakeKind::AnsweredElsewhere, WakeKind::Test] {
        assert_eq!(verdicts(&office.wake(kind, fcm_target()).await), [Verdict::Accepted], "{kind:?}");
    }
    assert_eq!(google.tokens_issued(), 1);
}

#[tokio::test]
async fn a_phone_that_names_the_project_number_is_reached() {
    let mut office = Office::open().await;
    let _google = google(&office).await;
    let mut target = fcm_target();
    target.app_id = "123456789012".to_owned();
    assert_eq!(verdicts(&office.wake(WakeKind::Call, target).await), [Verdict::Accepted]);
}

#[tokio::test]
async fn refusals_are_told_apart_by_their_reason() {
    let mut office = Office::open().await;
    let google = google(&office).await;
    let refusals = [
        (FcmFault::Unregistered, "token_gone"),
        (FcmFault::SenderIdMismatch, "token_wrong"),
        (FcmFault::InvalidToken, "token_wrong"),
        (FcmFault::PermissionDenied, "fcm_permission"),
        (FcmFault::QuotaExceeded { retry_after: Some(60) }, "provider_busy"),
        (FcmFault::QuotaExceeded { retry_after: None }, "provider_busy"),
    ];
    for (number, (fault, code)) in refusals.into_iter().enumerate() {
        google.script(AnyToken, fault.clone(), 1);
        let events = office.wake(WakeKind::Call, fcm_target()).await;
        assert_eq!(gave_up(&events), Some(code), "{fault:?}");
        assert_eq!(google.requests().len(), number + 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_hiccup_of_google_is_bridged_by_a_retry() {
    let mut office = Office::open().await;
    let google = google(&office).await;
    let hiccups = [
        FcmFault::InternalError,
        FcmFault::BadGatewayHtml,
        FcmFault::ServiceUnavailable { retry_after: Some(30) },
        FcmFault::Disconnect,
        FcmFault::BlackHole,
    ];
    for fault in hiccups {
        google.script(AnyToken, fault.clone(), 1);
        let events = office.wake(WakeKind::Call, fcm_target()).await;
        assert_eq!(verdicts(&events).last(), Some(&Verdict::Accepted), "{fault:?}: {events:?}");
    }
}

#[tokio::test]
async fn an_access_token_that_google_forgot_is_fetched_again_when_it_is_not_brand_new() {
    let mut office = Office::open().await;
    let google = google(&office).await;
    assert_eq!(verdicts(&office.wake(WakeKind::Call, fcm_target()).await), [Verdict::Accepted]);
    let entry = office.gateway.shared.entries()[0].clone();
    entry.line.as_ref().unwrap().backdate_access_token().await;
    google.expire_tokens();
    let events = office.wake(WakeKind::Call, fcm_target()).await;
    assert_eq!(verdicts(&events).last(), Some(&Verdict::Accepted), "{events:?}");
    // A second 401 right after is not the token's fault.
    google.script(AnyToken, FcmFault::Unauthenticated, 2);
    let events = office.wake(WakeKind::Call, fcm_target()).await;
    assert_eq!(gave_up(&events), Some("fcm_unauthenticated"));
}

#[tokio::test]
async fn a_deleted_service_account_key_is_named() {
    let mut office = Office::open().await;
    let google = google(&office).await;
    google.forget_account(&format!("nightbell@{PROJECT}.iam.gserviceaccount.com"));
    let entry = office.gateway.shared.entries()[0].clone();
    entry.line.as_ref().unwrap().forget_access_token().await;
    let events = office.wake(WakeKind::Call, fcm_target()).await;
    assert_eq!(gave_up(&events), Some("fcm_key"), "{events:?}");
    let health = office.gateway.health();
    assert_eq!(health[0].state.as_str(), "failing");
    assert_eq!(health[0].last_failure.as_ref().unwrap().code, "fcm_key");
}
