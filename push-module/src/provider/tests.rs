//! Every documented answer of every provider, from files in `tests/fixtures/push`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pbx_core::model::{
    CallId, DeviceId, Environment, PushProvider, Redacted, TargetHealth, TokenHistory, UnixMillis, Verdict, WakeEvent,
    WakeId, WakeKind, WakeReport, WakeTarget,
};
use pbx_core::registrar::judge;
use serde::Deserialize;
use uuid::Uuid;

use super::token::{AccessStep, TokenStep, access_step, apns_step};
use super::{Reply, access, acrobits, apns, fcm, webhook, webpush};
use crate::delivery::{Answer, Remedy};

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/push/", $name))
    };
}

/// One answer and what it must mean.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    status: u16,
    body: String,
    #[serde(default)]
    retry_after: Option<String>,
    #[serde(default = "half_an_hour")]
    token_age: u64,
    verdict: String,
    remedy: String,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    since: Option<i64>,
    /// What the admin must read; every refusal has it.
    #[serde(default)]
    says: Option<String>,
    /// What becomes of the phone's record.
    #[serde(default = "good")]
    record: String,
    #[serde(default)]
    provider_id: Option<String>,
}

fn good() -> String {
    "good".to_owned()
}

fn half_an_hour() -> u64 {
    1800
}

fn cases(json: &str) -> Vec<Case> {
    serde_json::from_str(json).unwrap()
}

fn reply(case: &Case) -> Reply {
    Reply {
        status: case.status,
        apns_id: None,
        retry_after: case.retry_after.as_ref().and_then(|it| it.parse().ok()).map(Duration::from_secs),
        date: None,
        body: Bytes::from(case.body.clone()),
    }
}

fn verdict_word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Accepted => "accepted",
        Verdict::RetryAfter { .. } => "retry_after",
        Verdict::TokenGone { .. } => "token_gone",
        Verdict::TokenWrong { .. } => "token_wrong",
        Verdict::Misconfigured { .. } => "misconfigured",
        Verdict::Refused { .. } => "refused",
    }
}

fn remedy_words(remedy: Remedy) -> String {
    let with = |word: &str, wait: Option<Duration>| match wait {
        Some(wait) => format!("{word} {}", wait.as_secs()),
        None => word.to_owned(),
    };
    match remedy {
        Remedy::Nothing => "nothing".to_owned(),
        Remedy::TrySoon { wish } => with("try_soon", wish),
        Remedy::Wait(wait) => with("wait", wait),
        Remedy::RenewToken => "renew_token".to_owned(),
        Remedy::NewConnection => "new_connection".to_owned(),
        Remedy::OtherEnvironment => "other_environment".to_owned(),
    }
}

/// What becomes of a phone's record that was good.
fn record_after(verdict: &Verdict) -> &'static str {
    let mut record = Arc::new(WakeTarget {
        provider: PushProvider::Apns,
        app_id: "com.example.phone".to_owned(),
        environment: Environment::Production,
        call_token: Some(Redacted::new("aa11".to_owned())),
        notice_token: None,
        learned_at: UnixMillis(0),
        health: TargetHealth::Good,
        switched_off: None,
        history: TokenHistory::default(),
    });
    let report = WakeReport {
        wake_id: WakeId(Uuid::from_u128(1)),
        call: Some(CallId(1)),
        device: DeviceId(1),
        target: Arc::clone(&record),
        kind: WakeKind::Call,
        at: UnixMillis(1_800_000_000_000),
        event: WakeEvent::Sent { attempt: 1 },
    };
    judge(&mut record, &report, verdict);
    match record.health {
        TargetHealth::Good => "good",
        TargetHealth::Suspect { .. } => "suspect",
        TargetHealth::Revoked { .. } => "revoked",
        TargetHealth::Moved { .. } => "moved",
    }
}

fn assert_means(case: &Case, answer: &Answer) {
    let name = &case.name;
    assert_eq!(verdict_word(&answer.verdict), case.verdict, "{name}: {answer:?}");
    assert_eq!(remedy_words(answer.remedy), case.remedy, "{name}");
    let (code, since) = match &answer.verdict {
        Verdict::Misconfigured { code, .. } => (Some(code.clone()), None),
        Verdict::TokenGone { since, .. } => (None, since.map(|it| it.0)),
        Verdict::Accepted | Verdict::RetryAfter { .. } | Verdict::TokenWrong { .. } | Verdict::Refused { .. } => {
            (None, None)
        }
    };
    assert_eq!(code, case.code, "{name}");
    assert_eq!(since, case.since, "{name}");
    assert_eq!(record_after(&answer.verdict), case.record, "{name}");
    assert!(case.says.is_some() || answer.verdict == Verdict::Accepted, "{name}: what does the admin read?");
    if let Some(says) = &case.says {
        assert!(answer.why().contains(says.as_str()), "{name}: “{}” lacks “{says}”", answer.why());
    }
    if let Some(provider_id) = &case.provider_id {
        assert_eq!(answer.provider_id.as_ref(), Some(provider_id), "{name}");
    }
}

const APPLES_REASONS: [&str; 32] = [
    "BadCertificate",
    "BadCertificateEnvironment",
    "BadCollapseId",
    "BadDeviceToken",
    "BadEnvironmentKeyIdInToken",
    "BadExpirationDate",
    "BadMessageId",
    "BadPath",
    "BadPriority",
    "BadTopic",
    "DeviceTokenNotForTopic",
    "DuplicateHeaders",
    "ExpiredProviderToken",
    "ExpiredToken",
    "Forbidden",
    "IdleTimeout",
    "InternalServerError",
    "InvalidProviderToken",
    "InvalidPushType",
    "MethodNotAllowed",
    "MissingDeviceToken",
    "MissingProviderToken",
    "MissingTopic",
    "PayloadEmpty",
    "PayloadTooLarge",
    "ServiceUnavailable",
    "Shutdown",
    "TooManyProviderTokenUpdates",
    "TooManyRequests",
    "TopicDisallowed",
    "Unregistered",
    "UnrelatedKeyIdInToken",
];

#[test]
fn every_answer_of_apple_is_understood_by_its_reason() {
    let cases = cases(fixture!("apns_answers.json"));
    assert!(cases.len() > 40, "{}", cases.len());
    // Apple, "Handling notification responses from APNs", and the reasons of certificates and topic-scoped keys.
    for reason in APPLES_REASONS {
        assert!(cases.iter().any(|case| case.body.contains(&format!("\"{reason}\""))), "{reason} is not in the table");
    }
    for case in &cases {
        let answer = apns::classify(&reply(case), Environment::Production, Duration::from_secs(case.token_age));
        assert_means(case, &answer);
    }
}

#[test]
fn every_answer_of_google_is_understood_by_its_reason() {
    let cases = cases(fixture!("fcm_answers.json"));
    assert!(cases.len() > 20, "{}", cases.len());
    for case in &cases {
        assert_means(case, &fcm::classify(&reply(case)));
    }
}

#[test]
fn every_answer_of_a_relay_is_understood_by_its_reason() {
    let cases = cases(fixture!("webhook_answers.json"));
    assert!(cases.len() > 12, "{}", cases.len());
    for case in &cases {
        assert_means(case, &webhook::classify(&reply(case)));
    }
}

#[test]
fn every_answer_of_a_web_push_service_is_understood() {
    let cases = cases(fixture!("webpush_answers.json"));
    assert!(cases.len() > 15, "{}", cases.len());
    for case in &cases {
        assert_means(case, &webpush::classify(&reply(case)));
    }
}

#[test]
fn every_answer_of_acrobits_is_understood_by_its_code() {
    let cases = cases(fixture!("acrobits_answers.json"));
    assert!(cases.len() > 10, "{}", cases.len());
    for case in &cases {
        assert_means(case, &acrobits::classify(&reply(case)));
    }
}

#[test]
fn every_refusal_to_sign_in_at_google_is_understood() {
    for case in &cases(fixture!("google_sign_in_answers.json")) {
        let refused = fcm::sign_in_refusal(&reply(case));
        assert_means(case, &refused);
    }
}

#[test]
fn an_access_token_ends_when_google_says_but_never_later_than_in_an_hour() {
    for (expires_in, seconds) in [("3599", 3599), ("10", 10), ("999999", 3600)] {
        let body = format!(r#"{{"access_token":"ya29.x","expires_in":{expires_in},"token_type":"Bearer"}}"#);
        let reply = Reply { status: 200, apns_id: None, retry_after: None, date: None, body: Bytes::from(body) };
        let access = access::granted(&reply, UnixMillis(1000)).unwrap();
        assert_eq!(access.ends_at, UnixMillis(1000 + seconds * 1000));
        assert_eq!(format!("{:?}", access.token), "<6 bytes hidden>");
    }
}

#[test]
fn apple_s_id_of_the_push_is_kept_with_a_refusal() {
    let reply = Reply {
        status: 400,
        apns_id: Some("eabeae54-14a8-11e5-b60b-1697f925ec7b".into()),
        retry_after: None,
        date: None,
        body: Bytes::from_static(br#"{"reason":"BadPriority"}"#),
    };
    let answer = apns::classify(&reply, Environment::Production, Duration::ZERO);
    assert_eq!(answer.provider_id.as_deref(), Some("eabeae54-14a8-11e5-b60b-1697f925ec7b"));
}

#[test]
fn apple_s_words_are_cut_and_cleaned_before_anyone_sees_them() {
    let long = format!(r#"{{"reason":"{}\u0007\nEvil"}}"#, "x".repeat(500));
    let reply = Reply { status: 400, apns_id: None, retry_after: None, date: None, body: Bytes::from(long) };
    let answer = apns::classify(&reply, Environment::Production, Duration::ZERO);
    assert!(answer.why().len() < 130, "{}", answer.why());
    assert!(!answer.why().chars().any(char::is_control));
}

fn minutes(minutes: i64) -> UnixMillis {
    UnixMillis(1_795_000_000_000 + minutes * 60_000)
}

#[test]
fn a_provider_token_is_made_every_50_minutes_and_never_within_20() {
    let issued = Some(minutes(0).seconds());
    let cases = [
        (None, 0, false, TokenStep::Mint),
        (issued, 0, false, TokenStep::Use),
        (issued, 49, false, TokenStep::Use),
        (issued, 50, false, TokenStep::Mint),
        (issued, 19, true, TokenStep::Use),
        (issued, 20, true, TokenStep::Mint),
        // The clock was set back by an hour, by half a minute.
        (issued, -60, false, TokenStep::Mint),
        (issued, 0, true, TokenStep::Use),
    ];
    for (issued_at, now, refused, step) in cases {
        assert_eq!(apns_step(issued_at, minutes(now), refused), step, "{now} min, refused: {refused}");
    }
    assert_eq!(apns_step(issued, UnixMillis(minutes(0).0 - 30_000), false), TokenStep::Use);
    assert_eq!(apns_step(Some(i64::MAX), minutes(0), false), TokenStep::Mint);
}

#[test]
fn an_access_token_is_fetched_five_minutes_before_its_end_without_making_calls_wait() {
    let ends = Some(minutes(60));
    let cases = [
        (None, 0, false, AccessStep::Fetch),
        (ends, 0, false, AccessStep::Use),
        (ends, 54, false, AccessStep::Use),
        (ends, 55, false, AccessStep::UseAndFetch),
        (ends, 59, false, AccessStep::UseAndFetch),
        (ends, 60, false, AccessStep::Fetch),
        (ends, 0, true, AccessStep::Fetch),
    ];
    for (ends_at, now, refused, step) in cases {
        assert_eq!(access_step(ends_at, minutes(now), refused), step, "{now} min, refused: {refused}");
    }
}
