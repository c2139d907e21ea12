//! Every rule Apple documents for a push request, checked one by one; the first broken one is the answer.

use std::collections::BTreeMap;

use aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED;
use http::{HeaderMap, Method};
use pbx_core::model::Environment;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::super::jwt::Unverified;

/// Bodies that every real push fits into.
const VOIP_BYTES: usize = 5120;
const ALERT_BYTES: usize = 4096;
/// A provider token's life, the allowed difference of clocks, and the least time between two tokens, in seconds.
const TOKEN_LIFE: i64 = 3600;
const SKEW: i64 = 60;
const TOKEN_UPDATES: i64 = 20 * 60;

/// A refusal: HTTP status and reason.
pub(super) type Refused = (u16, &'static str);

/// A signing key that is accepted.
#[derive(Debug, Clone)]
pub(super) struct KnownKey {
    pub(super) team_id: String,
    pub(super) public_key: Vec<u8>,
    /// Bundle ids; empty means any.
    pub(super) bundle_ids: Vec<String>,
    /// The `iat` of the last token seen.
    pub(super) last_issued_at: Option<i64>,
}

/// A device that is known.
#[derive(Debug, Clone)]
pub(super) struct KnownToken {
    pub(super) topic: String,
    pub(super) environment: Environment,
}

/// A request as it came.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

/// The device token in the path, however bad it is.
pub(super) fn token_in(path: &str) -> &str {
    path.strip_prefix("/3/device/").unwrap_or_default()
}

/// Checks the form of a request; gives the parsed body.
pub(super) fn check_form(asked: &Asked<'_>) -> Result<Value, Refused> {
    if asked.method != Method::POST {
        return Err((405, "MethodNotAllowed"));
    }
    if !asked.path.starts_with("/3/device/") {
        return Err((404, "BadPath"));
    }
    for name in asked.headers.keys() {
        if asked.headers.get_all(name).iter().count() > 1 {
            return Err((400, "DuplicateHeaders"));
        }
    }
    let token = token_in(asked.path);
    if token.is_empty() {
        return Err((400, "MissingDeviceToken"));
    }
    if token.len() > 200 || !token.len().is_multiple_of(2) || !token.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err((400, "BadDeviceToken"));
    }
    check_headers(asked.headers)?;
    check_body(asked)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn check_headers(headers: &HeaderMap) -> Result<(), Refused> {
    let Some(topic) = text(headers, "apns-topic") else { return Err((400, "MissingTopic")) };
    let push_type = text(headers, "apns-push-type");
    let is_voip = topic.ends_with(".voip");
    match push_type {
        Some("voip") if is_voip => {}
        Some("alert" | "background") if !is_voip => {}
        _ => return Err((400, "InvalidPushType")),
    }
    match text(headers, "apns-priority") {
        None if push_type == Some("background") => return Err((400, "BadPriority")),
        None | Some("5") => {}
        Some("10" | "1") if push_type != Some("background") => {}
        Some(_) => return Err((400, "BadPriority")),
    }
    if let Some(expiration) = headers.get("apns-expiration")
        && !expiration.to_str().is_ok_and(|it| it.parse::<u64>().is_ok_and(|seconds| seconds < 1 << 40))
    {
        return Err((400, "BadExpirationDate"));
    }
    if headers.get("apns-collapse-id").is_some_and(|it| it.is_empty() || it.len() > 64) {
        return Err((400, "BadCollapseId"));
    }
    if let Some(id) = headers.get("apns-id") {
        let id = id.to_str().unwrap_or_default();
        // The documented form is lower case with hyphens.
        if !Uuid::try_parse(id).is_ok_and(|uuid| uuid.as_hyphenated().to_string() == id) {
            return Err((400, "BadMessageId"));
        }
    }
    Ok(())
}

fn check_body(asked: &Asked<'_>) -> Result<Value, Refused> {
    let push_type = text(asked.headers, "apns-push-type").unwrap_or_default();
    let limit = if push_type == "voip" { VOIP_BYTES } else { ALERT_BYTES };
    if asked.body.is_empty() {
        return Err((400, "PayloadEmpty"));
    }
    if asked.body.len() > limit {
        return Err((413, "PayloadTooLarge"));
    }
    let payload: Value = serde_json::from_slice(asked.body).map_err(|_| (400, "PayloadEmpty"))?;
    let Some(aps) = payload.get("aps").and_then(Value::as_object) else { return Err((400, "PayloadEmpty")) };
    let shows = |aps: &Map<String, Value>| ["alert", "sound", "badge"].iter().any(|key| aps.contains_key(*key));
    let fits = match push_type {
        "background" => aps.get("content-available").and_then(Value::as_i64) == Some(1) && !shows(aps),
        "alert" => shows(aps),
        _ => true,
    };
    if fits { Ok(payload) } else { Err((400, "InvalidPushType")) }
}

/// Checks the provider token; gives the key id. `last` is the key id this connection began with.
pub(super) fn check_provider_token(
    headers: &HeaderMap,
    keys: &mut BTreeMap<String, KnownKey>,
    connection_key: &mut Option<String>,
    now: i64,
) -> Result<String, Refused> {
    let Some(bearer) = text(headers, "authorization") else { return Err((403, "MissingProviderToken")) };
    let invalid = (403, "InvalidProviderToken");
    let (scheme, token) = bearer.split_once(' ').ok_or(invalid)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(invalid);
    }
    let token = Unverified::parse(token).ok_or(invalid)?;
    if token.header.keys().any(|key| !matches!(key.as_str(), "alg" | "kid" | "typ")) {
        return Err(invalid);
    }
    if token.claims.keys().any(|key| !matches!(key.as_str(), "iss" | "iat")) {
        return Err(invalid);
    }
    if token.header_text("alg") != Some("ES256") {
        return Err(invalid);
    }
    let key_id = token.header_text("kid").ok_or(invalid)?.to_owned();
    if connection_key.get_or_insert_with(|| key_id.clone()) != &key_id {
        return Err((403, "UnrelatedKeyIdInToken"));
    }
    let key = keys.get_mut(&key_id).ok_or(invalid)?;
    if token.claim_text("iss") != Some(key.team_id.as_str()) {
        return Err(invalid);
    }
    if !token.is_signed_by(&ECDSA_P256_SHA256_FIXED, &key.public_key) {
        return Err(invalid);
    }
    let issued_at = token.claim_number("iat").ok_or(invalid)?;
    if issued_at > now + SKEW {
        return Err(invalid);
    }
    if now - issued_at >= TOKEN_LIFE {
        return Err((403, "ExpiredProviderToken"));
    }
    if let Some(last) = key.last_issued_at
        && last != issued_at
        && (issued_at - last).abs() < TOKEN_UPDATES
    {
        return Err((429, "TooManyProviderTokenUpdates"));
    }
    key.last_issued_at = Some(issued_at);
    Ok(key_id)
}

/// Checks that the key may push to the topic.
pub(super) fn check_topic(headers: &HeaderMap, key: &KnownKey) -> Result<(), Refused> {
    let topic = text(headers, "apns-topic").unwrap_or_default();
    let app = topic.strip_suffix(".voip").unwrap_or(topic);
    if key.bundle_ids.is_empty() || key.bundle_ids.iter().any(|it| it == app) {
        Ok(())
    } else {
        Err((400, "TopicDisallowed"))
    }
}

/// Checks that the token is a known device's, of this topic and environment.
pub(super) fn check_device(
    headers: &HeaderMap,
    known: Option<&KnownToken>,
    environment: Environment,
) -> Result<(), Refused> {
    let topic = text(headers, "apns-topic").unwrap_or_default();
    match known {
        None => Err((400, "BadDeviceToken")),
        Some(known) if known.environment != environment => Err((400, "BadDeviceToken")),
        Some(known) if known.topic != topic => Err((400, "DeviceTokenNotForTopic")),
        Some(_) => Ok(()),
    }
}

/// The `iat` of the provider token, if it can be read at all.
pub(super) fn issued_at(headers: &HeaderMap) -> Option<i64> {
    let (_, token) = text(headers, "authorization")?.split_once(' ')?;
    Unverified::parse(token)?.claim_number("iat")
}

/// A header as text, for the record.
pub(super) fn recorded(headers: &HeaderMap, name: &str) -> Option<String> {
    text(headers, name).map(str::to_owned)
}

#[cfg(test)]
mod tests;
