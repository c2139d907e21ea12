//! The stand-in is strict: each rule, broken once.

use http::{HeaderName, HeaderValue};
use serde_json::json;

use super::*;
use crate::credential::ApnsKey;
use crate::standin::TestApnsKey;

const NOW: i64 = 1_795_293_251;

fn headers(changes: &[(&'static str, Option<&str>)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let usual = [
        ("apns-topic", "com.example.phone.voip"),
        ("apns-push-type", "voip"),
        ("apns-priority", "10"),
        ("apns-expiration", "1795293281"),
        ("apns-id", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
    ];
    for (name, value) in usual {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    for (name, value) in changes {
        headers.remove(*name);
        if let Some(value) = value {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
    }
    headers
}

fn form(path: &str, headers: &HeaderMap, body: &[u8]) -> Result<Value, Refused> {
    check_form(&Asked { method: &Method::POST, path, headers, body })
}

fn with(changes: &[(&'static str, Option<&str>)], body: &Value) -> Result<Value, Refused> {
    form("/3/device/aabb", &headers(changes), body.to_string().as_bytes())
}

#[test]
fn a_proper_push_passes() {
    assert!(with(&[], &json!({ "aps": {} })).is_ok());
}

#[test]
fn every_broken_rule_has_its_reason() {
    let voip = json!({ "aps": {} });
    let alert = [("apns-topic", Some("com.example.phone")), ("apns-push-type", Some("alert"))];
    let background = [
        ("apns-topic", Some("com.example.phone")),
        ("apns-push-type", Some("background")),
        ("apns-priority", Some("5")),
    ];
    let cases = [
        (with(&[("apns-topic", None)], &voip), "MissingTopic"),
        (with(&[("apns-topic", Some("com.example.phone"))], &voip), "InvalidPushType"),
        (with(&[("apns-push-type", Some("alert"))], &voip), "InvalidPushType"),
        (with(&[("apns-push-type", None)], &voip), "InvalidPushType"),
        (with(&[("apns-priority", Some("7"))], &voip), "BadPriority"),
        (with(&[("apns-expiration", Some("soon"))], &voip), "BadExpirationDate"),
        (with(&[("apns-expiration", Some("1795293281000"))], &voip), "BadExpirationDate"),
        (with(&[("apns-collapse-id", Some(&"x".repeat(65)))], &voip), "BadCollapseId"),
        (with(&[("apns-id", Some("7"))], &voip), "BadMessageId"),
        (with(&[("apns-id", Some("6BA7B810-9DAD-11D1-80B4-00C04FD430C8"))], &voip), "BadMessageId"),
        (with(&[], &json!({ "call": 1 })), "PayloadEmpty"),
        (with(&[], &json!({ "aps": {}, "x": "x".repeat(5120) })), "PayloadTooLarge"),
        (with(&alert, &json!({ "aps": {} })), "InvalidPushType"),
        (with(&alert, &json!({ "aps": { "alert": "x" }, "x": "x".repeat(4096) })), "PayloadTooLarge"),
        (with(&background, &json!({ "aps": { "content-available": 1, "sound": "x" } })), "InvalidPushType"),
        (with(&background, &json!({ "aps": {} })), "InvalidPushType"),
        (form("/3/device/", &headers(&[]), b"{}"), "MissingDeviceToken"),
        (form("/3/device/xyz", &headers(&[]), b"{}"), "BadDeviceToken"),
        (form("/4/device/aabb", &headers(&[]), b"{}"), "BadPath"),
        (form("/3/device/aabb", &headers(&[]), b""), "PayloadEmpty"),
        (form("/3/device/aabb", &headers(&[]), b"no"), "PayloadEmpty"),
    ];
    for (number, (result, reason)) in cases.into_iter().enumerate() {
        assert_eq!(result.unwrap_err().1, reason, "case {number}");
    }
    assert!(with(&background, &json!({ "aps": { "content-available": 1 } })).is_ok());
    let get = Asked { method: &Method::GET, path: "/3/device/aa", headers: &headers(&[]), body: b"" };
    assert_eq!(check_form(&get).unwrap_err(), (405, "MethodNotAllowed"));
    let mut twice = headers(&[]);
    twice.append("apns-priority", HeaderValue::from_static("5"));
    assert_eq!(form("/3/device/aabb", &twice, b"{}").unwrap_err().1, "DuplicateHeaders");
}

/// A key that is known, and its holder.
fn known() -> (BTreeMap<String, KnownKey>, ApnsKey) {
    let key = TestApnsKey::generate("ABC123DEFG", "TEAM123456").unwrap();
    let known = KnownKey {
        team_id: key.team_id.clone(),
        public_key: key.public_key.clone(),
        bundle_ids: vec!["com.example.phone".into()],
        last_issued_at: None,
    };
    let holder = ApnsKey::parse(&key.key_id, &key.team_id, key.p8.reveal()).unwrap();
    (BTreeMap::from([(key.key_id, known)]), holder)
}

fn bearer(token: &str) -> HeaderMap {
    headers(&[("authorization", Some(&format!("bearer {token}")))])
}

#[test]
fn provider_tokens_are_verified_to_the_last_bit() {
    let (mut keys, holder) = known();
    let token = |issued_at| holder.provider_token(issued_at).unwrap().into_inner();
    let mut check = |headers: &HeaderMap| check_provider_token(headers, &mut keys, &mut None, NOW).map_err(|it| it.1);
    assert_eq!(check(&headers(&[])), Err("MissingProviderToken"));
    assert_eq!(check(&bearer("abc")), Err("InvalidProviderToken"));
    assert_eq!(check(&bearer(&token(NOW + 61))), Err("InvalidProviderToken"));
    assert_eq!(check(&bearer(&token(NOW - 3600))), Err("ExpiredProviderToken"));
    let good = token(NOW - 1300);
    assert_eq!(check(&bearer(&good)), Ok("ABC123DEFG".to_owned()));
    assert_eq!(check(&bearer(&format!("{good}="))), Err("InvalidProviderToken"));
    let other = TestApnsKey::generate("ABC123DEFG", "TEAM123456").unwrap();
    let forged = ApnsKey::parse(&other.key_id, &other.team_id, other.p8.reveal()).unwrap();
    assert_eq!(check(&bearer(forged.provider_token(NOW).unwrap().reveal())), Err("InvalidProviderToken"));
    assert_eq!(check(&bearer(&token(NOW - 101))), Err("TooManyProviderTokenUpdates"));
    assert_eq!(check(&bearer(&token(NOW))), Ok("ABC123DEFG".to_owned()));
}

#[test]
fn a_connection_belongs_to_one_key() {
    let (mut keys, holder) = known();
    let token = holder.provider_token(NOW).unwrap().into_inner();
    let mut connection_key = Some("OTHERKEY01".to_owned());
    let refused = check_provider_token(&bearer(&token), &mut keys, &mut connection_key, NOW);
    assert_eq!(refused, Err((403, "UnrelatedKeyIdInToken")));
}

#[test]
fn a_device_is_known_for_one_topic_in_one_environment() {
    let known = KnownToken { topic: "com.example.phone.voip".into(), environment: Environment::Production };
    let check = |headers: &HeaderMap, known, environment| check_device(headers, known, environment).map_err(|it| it.1);
    assert_eq!(check(&headers(&[]), Some(&known), Environment::Production), Ok(()));
    assert_eq!(check(&headers(&[]), Some(&known), Environment::Sandbox), Err("BadDeviceToken"));
    assert_eq!(check(&headers(&[]), None, Environment::Production), Err("BadDeviceToken"));
    let other = headers(&[("apns-topic", Some("com.example.other.voip"))]);
    assert_eq!(check(&other, Some(&known), Environment::Production), Err("DeviceTokenNotForTopic"));
}
