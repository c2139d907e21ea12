//! The stand-in is strict: each rule, broken once.

use serde_json::json;

use super::*;
use crate::credential::FcmAccount;
use crate::standin::TestServiceAccount;

const NOW: i64 = 1_795_293_251;
const TOKEN_URI: &str = "https://127.0.0.1:1/token";

fn broken(body: &Value) -> String {
    check_message(body).unwrap_err().0
}

fn android(android: &Value) -> Value {
    json!({ "message": { "token": "t", "android": android } })
}

#[test]
fn a_proper_message_passes() {
    let body = android(&json!({ "priority": "HIGH", "ttl": "30s", "direct_boot_ok": true, "data": { "t": "call" } }));
    assert_eq!(check_message(&body), Ok(()));
    assert_eq!(check_message(&json!({ "validate_only": true, "message": { "topic": "x" } })), Ok(()));
}

#[test]
fn every_broken_rule_names_its_field() {
    let cases = [
        (json!([]), ""),
        (json!({}), "message"),
        (json!({ "message": {} }), "message"),
        (json!({ "message": { "token": "t", "topic": "x" } }), "message"),
        (json!({ "message": { "token": "" } }), "message.token"),
        (json!({ "message": { "token": "t" }, "dry_run": true }), "dry_run"),
        (json!({ "message": { "token": "t" }, "validate_only": "yes" }), "validate_only"),
        (json!({ "message": { "token": "t", "priority": "high" } }), "message.priority"),
        (json!({ "message": { "token": "t", "data": { "from": "x" } } }), "message.data[from]"),
        (android(&json!([])), "message.android"),
        (android(&json!({ "time_to_live": 30 })), "message.android.time_to_live"),
        (android(&json!({ "priority": "high" })), "message.android.priority"),
        (android(&json!({ "ttl": 30 })), "message.android.ttl"),
        (android(&json!({ "ttl": "30" })), "message.android.ttl"),
        (android(&json!({ "ttl": "-1s" })), "message.android.ttl"),
        (android(&json!({ "ttl": "2419201s" })), "message.android.ttl"),
        (android(&json!({ "direct_boot_ok": "true" })), "message.android.direct_boot_ok"),
        (android(&json!({ "data": { "exp": 7 } })), "message.android.data[exp]"),
        (android(&json!({ "data": { "google.x": "y" } })), "message.android.data[google.x]"),
        (android(&json!({ "data": { "gcm": "y" } })), "message.android.data[gcm]"),
        (android(&json!({ "data": { "x": "y".repeat(4096) } })), "message.android.data[]"),
    ];
    for (body, field) in cases {
        assert_eq!(broken(&body), field, "{body}");
    }
    assert!(is_duration("3.5s") && !is_duration("3.s") && !is_duration("s"));
}

fn sign_in(assertion: &str, accounts: &BTreeMap<String, KnownAccount>, now: i64) -> Result<String, SignInRefused> {
    let form =
        BTreeMap::from([("grant_type".to_owned(), GRANT.to_owned()), ("assertion".to_owned(), assertion.to_owned())]);
    check_sign_in(&form, accounts, TOKEN_URI, now)
}

#[test]
fn sign_in_is_verified_to_the_last_bit() {
    let test = TestServiceAccount::generate("example-phone", TOKEN_URI).unwrap();
    let known = KnownAccount { project_id: "example-phone".into(), public_key: test.public_key.clone() };
    let accounts = BTreeMap::from([(test.client_email.clone(), known)]);
    let account = FcmAccount::parse(test.json.reveal()).unwrap();
    let assertion = account.assertion(NOW).unwrap().into_inner();
    assert_eq!(sign_in(&assertion, &accounts, NOW), Ok("example-phone".to_owned()));
    assert_eq!(sign_in(&assertion, &accounts, NOW - 120).unwrap_err().0, "invalid_grant");
    assert_eq!(sign_in(&assertion, &accounts, NOW + 3600).unwrap_err().0, "invalid_grant");
    assert_eq!(sign_in("abc", &accounts, NOW).unwrap_err().0, "invalid_request");
    let (signed, _) = assertion.rsplit_once('.').unwrap();
    let unsigned = format!("{signed}.AAAA");
    assert_eq!(sign_in(&unsigned, &accounts, NOW).unwrap_err(), ("invalid_grant", "Invalid JWT Signature."));
    assert_eq!(sign_in(&assertion, &BTreeMap::new(), NOW).unwrap_err().1, "Invalid grant: account not found");
    let elsewhere = check_sign_in(
        &BTreeMap::from([("grant_type".to_owned(), GRANT.to_owned()), ("assertion".to_owned(), assertion)]),
        &accounts,
        "https://other.example/token",
        NOW,
    );
    assert_eq!(elsewhere.unwrap_err().1, "Invalid JWT: Failed audience check.");
}
