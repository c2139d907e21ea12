use std::time::Duration;

use pbx_core::model::{Environment, UnixMillis, Verdict, WakeEvent, WakeKind};

use super::office::{APP, CALL_TOKEN, NOTICE_TOKEN, Office, apns_target, apple, gave_up, verdicts};
use crate::standin::{AnyToken, ApnsFault};

#[tokio::test]
async fn a_call_becomes_one_voip_push_that_apple_accepts() {
    let mut office = Office::open().await;
    let apple = apple(&office).await;
    let mut pushes = apple.subscribe();
    let request = office.request(WakeKind::Call, apns_target(), Duration::from_secs(30));
    office.send(request.clone()).await;
    let events = office.events_of(request.wake_id).await;
    assert_eq!(
        events,
        [
            WakeEvent::Sent { attempt: 1 },
            WakeEvent::Answered {
                attempt: 1,
                verdict: Verdict::Accepted,
                provider_id: Some(request.wake_id.to_string())
            },
        ]
    );
    let push = pushes.recv().await.unwrap();
    assert_eq!(push.kind, "voip");
    assert_eq!(push.app, format!("{APP}.voip"));
    assert_eq!(push.payload["call"], request.call_uuid.to_string());
    assert_eq!(push.payload["name"], "Alice Ärger");
    let asked = apple.requests();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].priority.as_deref(), Some("10"));
    assert_eq!(asked[0].expiration, Some(request.expires_at.seconds().to_string()));
}

#[tokio::test]
async fn notices_and_tests_are_never_voip_pushes() {
    let mut office = Office::open().await;
    let apple = apple(&office).await;
    for kind in [WakeKind::MissedCall, WakeKind::AnsweredElsewhere, WakeKind::Test, WakeKind::Refresh] {
        let events = office.wake(kind, apns_target()).await;
        assert_eq!(verdicts(&events), [Verdict::Accepted], "{kind:?}");
    }
    let kinds: Vec<_> = apple.requests().into_iter().filter_map(|asked| asked.push_type).collect();
    assert_eq!(kinds, ["alert", "background", "alert", "background"]);
    for asked in apple.requests() {
        assert_eq!(asked.token, NOTICE_TOKEN);
        assert_eq!(asked.topic.as_deref(), Some(APP));
    }
}

#[tokio::test]
async fn a_missed_call_replaces_the_notice_of_the_same_call() {
    let mut office = Office::open().await;
    let apple = apple(&office).await;
    let mut target = apns_target();
    target.call_token = None;
    let ringing = office.request(WakeKind::Call, target.clone(), Duration::from_secs(30));
    let mut missed = office.request(WakeKind::MissedCall, target, Duration::from_secs(3600));
    missed.call_uuid = ringing.call_uuid;
    for request in [ringing, missed] {
        let wake_id = request.wake_id;
        office.send(request).await;
        assert_eq!(verdicts(&office.events_of(wake_id).await), [Verdict::Accepted]);
    }
    let asked = apple.requests();
    assert_eq!(asked[0].payload["aps"]["alert"]["body"], "Call from Alice Ärger (0301234567)");
    assert_eq!(asked[1].payload["aps"]["alert"]["title"], "Missed call");
    assert!(asked[0].collapse_id.as_deref().unwrap().starts_with("call-"));
    assert_eq!(asked[0].collapse_id, asked[1].collapse_id);
}

#[tokio::test]
async fn a_phone_without_a_notice_token_gets_no_notice() {
    let mut office = Office::open().await;
    let apple = apple(&office).await;
    let mut target = apns_target();
    target.notice_token = None;
    let events = office.wake(WakeKind::MissedCall, target).await;
    assert_eq!(gave_up(&events), Some("no_notice_token"));
    assert!(apple.requests().is_empty());
}

#[tokio::test]
async fn an_app_without_a_credential_is_told_apart() {
    let mut office = Office::open().await;
    let _apple = apple(&office).await;
    let mut target = apns_target();
    target.app_id = "com.example.other".to_owned();
    let events = office.wake(WakeKind::Call, target).await;
    let [WakeEvent::GaveUp { code, why }] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(code, "no_credential");
    assert!(
        why.starts_with("cannot be pushed: no credential for com.example.other (APNs); ask the publisher"),
        "{why}"
    );
}

#[tokio::test]
async fn a_token_that_is_gone_is_reported_with_the_time() {
    let mut office = Office::open().await;
    let apple = apple(&office).await;
    apple.script(CALL_TOKEN, ApnsFault::Gone { timestamp: UnixMillis(1_699_999_999_123) }, 1);
    let events = office.wake(WakeKind::Call, apns_target()).await;
    let [Verdict::TokenGone { since: Some(since), .. }] = verdicts(&events)[..] else { panic!("{events:?}") };
    assert_eq!(since, UnixMillis(1_699_999_999_123));
    assert_eq!(gave_up(&events), Some("token_gone"));
    assert_eq!(apple.requests().len(), 1);
}

#[tokio::test]
async fn refusals_that_are_final_are_not_tried_again() {
    let mut office = Office::open().await;
    let apple = apple(&office).await;
    let refusals = [
        (ApnsFault::ExpiredToken, "token_gone"),
        (ApnsFault::DeviceTokenNotForTopic, "token_wrong"),
        (ApnsFault::InvalidProviderToken, "apns_key"),
        (ApnsFault::TooManyProviderTokenUpdates, "apns_token_updates"),
        (ApnsFault::TooManyRequests { retry_after: None }, "provider_busy"),
        (ApnsFault::TooManyRequests { retry_after: Some(3600) }, "provider_busy"),
        // The provider token is new, so making another one would not help.
        (ApnsFault::ExpiredProviderToken, "apns_clock"),
        (ApnsFault::Answer { status: 403, reason: "Forbidden".to_owned() }, "apns_forbidden"),
        (ApnsFault::Answer { status: 410, reason: "SomethingNew".to_owned() }, "refused"),
    ];
    for (number, (fault, code)) in refusals.into_iter().enumerate() {
        apple.script(AnyToken, fault.clone(), 1);
        let events = office.wake(WakeKind::Call, apns_target()).await;
        assert_eq!(gave_up(&events), Some(code), "{fault:?}");
        assert_eq!(apple.requests().len(), number + 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_hiccup_of_apple_is_bridged_by_one_retry_with_the_same_id() {
    let mut office = Office::open().await;
    let apple = apple(&office).await;
    let hiccups = [
        ApnsFault::InternalError,
        ApnsFault::ServiceUnavailable,
        ApnsFault::Shutdown,
        ApnsFault::GoAway,
        ApnsFault::Reset,
        ApnsFault::Disconnect,
        ApnsFault::TooManyRequests { retry_after: Some(0) },
    ];
    for fault in hiccups {
        let before = apple.requests().len();
        apple.script(AnyToken, fault.clone(), 1);
        let events = office.wake(WakeKind::Call, apns_target()).await;
        assert_eq!(verdicts(&events).last(), Some(&Verdict::Accepted), "{fault:?}: {events:?}");
        let asked = apple.requests();
        assert_eq!(asked.len(), before + 2, "{fault:?}");
        assert_eq!(asked[before].apns_id, asked[before + 1].apns_id, "{fault:?}");
    }
}

#[tokio::test]
async fn a_provider_that_stays_in_trouble_is_given_up() {
    let mut office = Office::open().await;
    let apple = apple(&office).await;
    apple.script(AnyToken, ApnsFault::ServiceUnavailable, 100);
    let events = office.wake(WakeKind::Call, apns_target()).await;
    assert_eq!(gave_up(&events), Some("provider_busy"));
    assert_eq!(apple.requests().len(), 2);
}

#[tokio::test]
async fn a_black_hole_is_left_for_a_new_connection() {
    let mut office = Office::open().await;
    let apple = apple(&office).await;
    assert_eq!(verdicts(&office.wake(WakeKind::Call, apns_target()).await), [Verdict::Accepted]);
    apple.script(AnyToken, ApnsFault::BlackHole, 1);
    let events = office.wake(WakeKind::Call, apns_target()).await;
    assert_eq!(verdicts(&events), [Verdict::Accepted], "{events:?}");
    assert_eq!(events.len(), 3, "two attempts, one answer");
    assert_eq!(apple.connections(), 2);
}

#[tokio::test]
async fn a_connection_that_died_in_the_night_costs_one_attempt_and_no_call() {
    let mut office = Office::open().await;
    let apple = apple(&office).await;
    assert_eq!(verdicts(&office.wake(WakeKind::Call, apns_target()).await), [Verdict::Accepted]);
    apple.silence_connections();
    let events = office.wake(WakeKind::Call, apns_target()).await;
    assert_eq!(verdicts(&events), [Verdict::Accepted], "{events:?}");
    assert_eq!(events.len(), 3, "two attempts, one answer");
    // Nobody pays for it again.
    assert_eq!(office.wake(WakeKind::Call, apns_target()).await.len(), 2);
}

#[tokio::test]
async fn a_sandbox_token_is_found_and_the_record_corrected() {
    let mut office = Office::open().await;
    let apple = apple(&office).await;
    apple.register_token(CALL_TOKEN, &format!("{APP}.voip"), Environment::Sandbox);
    let events = office.wake(WakeKind::Call, apns_target()).await;
    let answers = verdicts(&events);
    assert!(matches!(answers[0], Verdict::RetryAfter { .. }), "{answers:?}");
    assert!(matches!(answers[1], Verdict::TokenWrong { accepted_in: Some(Environment::Sandbox), .. }), "{answers:?}");
    assert_eq!(gave_up(&events), None);
}

#[tokio::test]
async fn a_token_of_no_environment_is_wrong_in_both() {
    let mut office = Office::open().await;
    let apple = apple(&office).await;
    apple.script(AnyToken, ApnsFault::BadDeviceToken, 2);
    let events = office.wake(WakeKind::Call, apns_target()).await;
    assert!(matches!(verdicts(&events)[1], Verdict::TokenWrong { accepted_in: None, .. }), "{events:?}");
    assert_eq!(gave_up(&events), Some("token_wrong"));
    let environments: Vec<_> = apple.requests().iter().map(|it| it.environment).collect();
    assert_eq!(environments, [Environment::Production, Environment::Sandbox]);
}

#[tokio::test]
async fn the_provider_token_survives_a_restart() {
    let mut office = Office::open().await;
    let apple = apple(&office).await;
    assert_eq!(verdicts(&office.wake(WakeKind::Call, apns_target()).await), [Verdict::Accepted]);
    let first = office.stored("SELECT issued_at FROM push_provider_token").await;
    let mut office = office.restart().await;
    assert_eq!(verdicts(&office.wake(WakeKind::Call, apns_target()).await), [Verdict::Accepted]);
    let issued: Vec<_> = apple.requests().iter().map(|it| it.issued_at).collect();
    assert_eq!(issued, [Some(first), Some(first)]);
}

#[tokio::test]
async fn a_provider_token_refused_as_expired_is_renewed_once_it_is_old_enough() {
    let mut office = Office::open().await;
    let apple = apple(&office).await;
    let now = office.stored("SELECT issued_at FROM push_provider_token").await;
    // As if the process had started half an hour ago.
    let key = office.gateway.shared.entries()[0].clone();
    let Some(line) = &key.line else { panic!("a usable key") };
    let old = line.backdate_provider_token(now - 1800);
    assert!(old, "there is a token to make older");
    apple.script(AnyToken, ApnsFault::ExpiredProviderToken, 1);
    let events = office.wake(WakeKind::Call, apns_target()).await;
    assert_eq!(verdicts(&events).last(), Some(&Verdict::Accepted), "{events:?}");
    let issued: Vec<_> = apple.requests().iter().map(|it| it.issued_at.unwrap()).collect();
    assert_eq!(issued[0], now - 1800);
    assert!(issued[1] >= now);
}

#[tokio::test]
async fn a_call_that_is_over_is_not_pushed_any_more() {
    let mut office = Office::open().await;
    let apple = apple(&office).await;
    apple.script(AnyToken, ApnsFault::TooManyRequests { retry_after: Some(20) }, 1);
    let request = office.request(WakeKind::Call, apns_target(), Duration::from_secs(30));
    let (wake_id, call) = (request.wake_id, request.call.unwrap());
    office.send(request).await;
    while !matches!(office.report().await.event, WakeEvent::Answered { .. }) {}
    office.stop(call).await;
    let events = office.events_of(wake_id).await;
    assert_eq!(gave_up(&events), Some("stopped"));
    assert_eq!(apple.requests().len(), 1);
}

#[tokio::test]
async fn a_burst_on_a_cold_connection_is_accepted_to_the_last_push() {
    let mut office = Office::open().await;
    let apple = apple(&office).await;
    let count = 40;
    for _ in 0..count {
        let request = office.request(WakeKind::Call, apns_target(), Duration::from_secs(30));
        office.send(request).await;
    }
    let mut accepted = 0;
    while accepted < count {
        match office.report().await.event {
            WakeEvent::Answered { verdict, .. } => {
                assert_eq!(verdict, Verdict::Accepted);
                accepted += 1;
            }
            WakeEvent::Sent { attempt } => assert_eq!(attempt, 1),
            WakeEvent::GaveUp { code, why } => panic!("{code}: {why}"),
        }
    }
    assert_eq!(apple.connections(), 1);
}

#[tokio::test]
async fn a_silent_provider_does_not_delay_another_credential() {
    let mut office = Office::open().await;
    let apple = apple(&office).await;
    let google = super::office::google(&office).await;
    apple.script(AnyToken, ApnsFault::BlackHole, 100);
    for _ in 0..100 {
        let request = office.request(WakeKind::Call, apns_target(), Duration::from_secs(30));
        office.send(request).await;
    }
    let request = office.request(WakeKind::Call, super::office::fcm_target(), Duration::from_secs(30));
    let wake_id = request.wake_id;
    office.send(request).await;
    loop {
        let report = office.report().await;
        if report.wake_id == wake_id && matches!(report.event, WakeEvent::Answered { .. }) {
            break;
        }
        assert!(!matches!(report.event, WakeEvent::Sent { attempt: 2 }), "Google had to wait for Apple");
    }
    assert_eq!(google.requests().len(), 1);
}

#[tokio::test]
async fn an_apple_that_cannot_be_reached_is_named_without_the_token() {
    let mut office = Office::open().await;
    let apple = apple(&office).await;
    let url = apple.url(Environment::Production);
    drop(apple);
    let events = office.wake(WakeKind::Call, apns_target()).await;
    let Some(WakeEvent::GaveUp { code, why }) = events.last() else { panic!("{events:?}") };
    assert_eq!(code, "unreachable");
    let port = url.rsplit(':').next().unwrap();
    assert!(why.contains(&format!("127.0.0.1 port {port} is refused")), "{why}");
    assert!(!why.contains(CALL_TOKEN) && !why.contains("eyJ"), "{why}");
    assert_eq!(office.gateway.health()[0].state.as_str(), "failing");
}

#[tokio::test]
async fn health_shows_the_last_success() {
    let mut office = Office::open().await;
    let _apple = apple(&office).await;
    assert_eq!(office.gateway.health()[0].state.as_str(), "untried");
    assert_eq!(verdicts(&office.wake(WakeKind::Call, apns_target()).await), [Verdict::Accepted]);
    let health = office.gateway.health();
    assert_eq!(health[0].state.as_str(), "working");
    assert!(health[0].last_success.is_some());
    assert_eq!((health[0].waiting, health[0].sending), (0, 0));
}
