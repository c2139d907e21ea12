//! HMS Push Kit messages: data only, so that the app starts and shows the call itself (Huawei, HMS Core References, "Downlink
//! Message Sending", v1). The data is one text; in it stands the same JSON object as FCM has in its map.

use std::collections::BTreeMap;

use pbx_core::model::{Redacted, UnixMillis, WakeKind, WakeRequest};
use serde::Serialize;

use super::fcm;

/// Huawei's limit for the body without the tokens.
pub const BODY_BYTES: usize = 4096;
/// Huawei stores a message for 15 days at most.
const TTL_SECONDS: u64 = 15 * 86_400;

/// The body of `messages:send`.
#[derive(Debug, Serialize)]
pub struct HmsBody<'a> {
    /// Only check, do not deliver.
    pub validate_only: bool,
    /// The message.
    pub message: HmsMessage<'a>,
}

/// One message to one phone.
#[derive(Debug, Serialize)]
pub struct HmsMessage<'a> {
    /// What the app gets: a JSON object as a text.
    pub data: String,
    /// How it is delivered.
    pub android: HmsAndroid,
    /// The phones; one, so that the answer is about it alone.
    pub token: [&'a Redacted<String>; 1],
}

/// How a message is delivered.
#[derive(Debug, Serialize)]
pub struct HmsAndroid {
    /// `HIGH` or `NORMAL`.
    pub urgency: &'static str,
    /// Seconds with an `s`.
    pub ttl: String,
}

/// The message for a wake.
pub fn body<'a>(
    wake: &WakeRequest,
    token: &'a Redacted<String>,
    now: UnixMillis,
) -> Result<HmsBody<'a>, serde_json::Error> {
    let ttl = wake.expires_at.since(now).as_secs().clamp(1, TTL_SECONDS);
    let urgency = match wake.kind {
        WakeKind::Call | WakeKind::MissedCall => "HIGH",
        WakeKind::AnsweredElsewhere | WakeKind::Test | WakeKind::Refresh => "NORMAL",
    };
    message(false, fcm::data(wake, now), urgency, format!("{ttl}s"), token)
}

/// The message of the live check, for a token that no phone has.
pub fn check_body(token: &Redacted<String>) -> Result<HmsBody<'_>, serde_json::Error> {
    message(true, BTreeMap::from([("t", "check".to_owned())]), "NORMAL", "1s".to_owned(), token)
}

fn message<'a>(
    validate_only: bool,
    data: BTreeMap<&'static str, String>,
    urgency: &'static str,
    ttl: String,
    token: &'a Redacted<String>,
) -> Result<HmsBody<'a>, serde_json::Error> {
    let data = serde_json::to_string(&data)?;
    Ok(HmsBody { validate_only, message: HmsMessage { data, android: HmsAndroid { urgency, ttl }, token: [token] } })
}
