//! Every rule Google documents for sign-in and for messages, checked one by one.

use std::collections::BTreeMap;

use aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256;
use serde_json::{Map, Value};

use super::super::jwt::Unverified;

const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Seconds.
const ASSERTION_LIFE: i64 = 3600;
const SKEW: i64 = 60;
/// The data of a message.
const DATA_BYTES: usize = 4096;

/// A service account that is accepted.
#[derive(Debug, Clone)]
pub(super) struct KnownAccount {
    pub(super) project_id: String,
    pub(super) public_key: Vec<u8>,
}

/// An access token that was handed out.
#[derive(Debug, Clone)]
pub(super) struct Access {
    pub(super) project_id: String,
    /// Unix seconds.
    pub(super) ends_at: i64,
}

/// Why sign-in was refused: `error` and `error_description`.
pub(super) type SignInRefused = (&'static str, &'static str);

/// Checks a sign-in form; gives the account's project.
pub(super) fn check_sign_in(
    form: &BTreeMap<String, String>,
    accounts: &BTreeMap<String, KnownAccount>,
    token_uri: &str,
    now: i64,
) -> Result<String, SignInRefused> {
    if form.get("grant_type").map(String::as_str) != Some(GRANT) {
        return Err(("unsupported_grant_type", "Invalid grant_type"));
    }
    let malformed = ("invalid_request", "Invalid JWT");
    let assertion = form.get("assertion").and_then(|it| Unverified::parse(it)).ok_or(malformed)?;
    if assertion.header_text("alg") != Some("RS256") {
        return Err(malformed);
    }
    let account = assertion
        .claim_text("iss")
        .and_then(|iss| accounts.get(iss))
        .ok_or(("invalid_grant", "Invalid grant: account not found"))?;
    if !assertion.is_signed_by(&RSA_PKCS1_2048_8192_SHA256, &account.public_key) {
        return Err(("invalid_grant", "Invalid JWT Signature."));
    }
    if assertion.claim_text("aud") != Some(token_uri) {
        return Err(("invalid_grant", "Invalid JWT: Failed audience check."));
    }
    if assertion.claim_text("scope") != Some(SCOPE) {
        return Err(("invalid_scope", "Invalid OAuth scope or ID token audience provided."));
    }
    let (Some(issued), Some(ends)) = (assertion.claim_number("iat"), assertion.claim_number("exp")) else {
        return Err(malformed);
    };
    if issued > now + SKEW || ends <= now || ends - issued > ASSERTION_LIFE || ends <= issued {
        let reason = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.";
        return Err(("invalid_grant", reason));
    }
    Ok(account.project_id.clone())
}

/// A broken rule of the message schema: the field and what is wrong with it.
pub(super) type Violation = (String, String);

/// Checks a send request's body strictly: an unknown field is an error.
pub(super) fn check_message(body: &Value) -> Result<(), Violation> {
    let violation = |field: &str, why: &str| Err((field.to_owned(), why.to_owned()));
    let Some(top) = body.as_object() else { return violation("", "Root element must be a message.") };
    only(top, &["validate_only", "message"], "")?;
    if top.get("validate_only").is_some_and(|it| !it.is_boolean()) {
        return violation("validate_only", "Invalid value (TYPE_BOOL)");
    }
    let Some(message) = top.get("message").and_then(Value::as_object) else {
        return violation("message", "Message is missing");
    };
    let known =
        ["name", "data", "notification", "android", "webpush", "apns", "fcm_options", "token", "topic", "condition"];
    only(message, &known, "message.")?;
    let targets = ["token", "topic", "condition"].iter().filter(|it| message.contains_key(**it)).count();
    if targets != 1 {
        return violation("message", "Exactly one of token, topic or condition must be set");
    }
    if message.get("token").is_some_and(|it| it.as_str().is_none_or(str::is_empty)) {
        return violation("message.token", "The registration token is not a valid FCM registration token");
    }
    if let Some(data) = message.get("data") {
        check_data(data, "message.data")?;
    }
    match message.get("android") {
        None => Ok(()),
        Some(android) => check_android(android),
    }
}

fn check_android(android: &Value) -> Result<(), Violation> {
    let violation = |field: &str, why: &str| Err((field.to_owned(), why.to_owned()));
    let Some(android) = android.as_object() else { return violation("message.android", "Invalid value") };
    let known = [
        "collapse_key",
        "priority",
        "ttl",
        "restricted_package_name",
        "data",
        "notification",
        "fcm_options",
        "direct_boot_ok",
    ];
    only(android, &known, "message.android.")?;
    if !matches!(android.get("priority").and_then(Value::as_str), None | Some("NORMAL" | "HIGH")) {
        return violation("message.android.priority", "Invalid value (type.googleapis.com/AndroidMessagePriority)");
    }
    if let Some(ttl) = android.get("ttl")
        && !ttl.as_str().is_some_and(is_duration)
    {
        return violation("message.android.ttl", "Illegal duration format; duration must end with 's'");
    }
    if android.get("direct_boot_ok").is_some_and(|it| !it.is_boolean()) {
        return violation("message.android.direct_boot_ok", "Invalid value (TYPE_BOOL)");
    }
    match android.get("data") {
        None => Ok(()),
        Some(data) => check_data(data, "message.android.data"),
    }
}

fn check_data(data: &Value, field: &str) -> Result<(), Violation> {
    let violation = |key: &str, why: &str| Err((format!("{field}[{key}]"), why.to_owned()));
    let Some(data) = data.as_object() else { return violation("", "Invalid value") };
    let mut bytes = 0;
    for (key, value) in data {
        if matches!(key.as_str(), "from" | "gcm" | "message_type" | "collapse_key") || key.starts_with("google") {
            return violation(key, "Invalid data payload key");
        }
        let Some(value) = value.as_str() else { return violation(key, "Invalid value (TYPE_STRING)") };
        bytes += key.len() + value.len();
    }
    if bytes > DATA_BYTES { violation("", "Android message is too big") } else { Ok(()) }
}

fn only(object: &Map<String, Value>, known: &[&str], prefix: &str) -> Result<(), Violation> {
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err((format!("{prefix}{key}"), format!("Cannot find field: {key}"))),
    }
}

/// `^\d+(\.\d{1,9})?s$`, at most four weeks.
fn is_duration(text: &str) -> bool {
    let Some(number) = text.strip_suffix('s') else { return false };
    let (whole, fraction) = number.split_once('.').map_or((number, None), |(whole, fraction)| (whole, Some(fraction)));
    let digits = |it: &str| !it.is_empty() && it.bytes().all(|b| b.is_ascii_digit());
    digits(whole)
        && fraction.is_none_or(|it| digits(it) && it.len() <= 9)
        && whole.parse::<u64>().is_ok_and(|seconds| seconds <= 2_419_200)
}

#[cfg(test)]
mod tests;
