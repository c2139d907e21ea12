//! FCM messages: data only, so that the app starts and shows the call itself.
//!
//! The keys `from`, `gcm` and everything beginning with `google` are reserved and never used. High priority only for
//! what leads to something visible (a call, a missed call), because FCM slows down apps that waste it.
//!
//! `tag` is the same in every message about one call: an app that shows its notices under it replaces the ringing one by the
//! missed call. There is no `collapse_key`: FCM keeps four of them for a phone that is off, and missed calls would be lost.

use pbx_core::model::{Redacted, UnixMillis, WakeKind, WakeRequest};
use serde::Serialize;
use std::collections::BTreeMap;

use super::{CallerWords, send_time};

/// FCM's limit for the data of a message.
pub const DATA_BYTES: usize = 4096;
/// FCM's limit for storing a message: 28 days.
const TTL_SECONDS: u64 = 2_419_200;

/// The body of `messages:send`.
#[derive(Debug, Serialize)]
pub struct FcmBody<'a> {
    /// Only check, do not deliver.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub validate_only: bool,
    /// The message.
    pub message: FcmMessage<'a>,
}

/// One message to one phone (or, for the live check, to a topic nobody reads).
#[derive(Debug, Serialize)]
pub struct FcmMessage<'a> {
    /// The registration token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<&'a Redacted<String>>,
    /// A topic; for the live check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<&'static str>,
    /// What Android gets.
    pub android: AndroidConfig,
}

/// The part for Android.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AndroidConfig {
    /// `HIGH` or `NORMAL`.
    pub priority: &'static str,
    /// Seconds with an `s`.
    pub ttl: String,
    /// Deliver before the phone was unlocked for the first time after a restart.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub direct_boot_ok: bool,
    /// Texts only.
    pub data: BTreeMap<&'static str, String>,
}

/// The message for a wake.
pub fn body<'a>(wake: &WakeRequest, token: &'a Redacted<String>, now: UnixMillis) -> FcmBody<'a> {
    let ttl = wake.expires_at.since(now).as_secs().min(TTL_SECONDS);
    let (priority, direct_boot_ok) = match wake.kind {
        WakeKind::Call | WakeKind::MissedCall => ("HIGH", true),
        WakeKind::AnsweredElsewhere => ("NORMAL", true),
        WakeKind::Test | WakeKind::Refresh => ("NORMAL", false),
    };
    let android = AndroidConfig { priority, ttl: format!("{ttl}s"), direct_boot_ok, data: data(wake, now) };
    FcmBody { validate_only: false, message: FcmMessage { token: Some(token), topic: None, android } }
}

/// The message of the live check: valid in every respect, delivered to nobody.
pub fn check_body() -> FcmBody<'static> {
    let android = AndroidConfig {
        priority: "NORMAL",
        ttl: "0s".to_owned(),
        direct_boot_ok: false,
        data: BTreeMap::from([("t", "check".to_owned())]),
    };
    FcmBody { validate_only: true, message: FcmMessage { token: None, topic: Some("nightbell-check"), android } }
}

pub(super) fn data(wake: &WakeRequest, now: UnixMillis) -> BTreeMap<&'static str, String> {
    let caller = CallerWords::new(&wake.caller_number, &wake.caller_name);
    let call = wake.call_uuid.to_string();
    let tag = format!("call-{call}");
    let mut data = BTreeMap::from([
        ("call", call.clone()),
        ("ext", wake.extension.to_string()),
        ("caller", caller.number.clone()),
        ("name", caller.name.clone()),
    ]);
    match wake.kind {
        WakeKind::Call => {
            data.insert("t", "call".to_owned());
            data.insert("exp", wake.expires_at.seconds().to_string());
            // What Linphone's app reads from Flexisip.
            data.insert("uuid", wake.wake_id.to_string());
            data.insert("call-id", call);
            data.insert("from-uri", caller.uri());
            data.insert("sip-from", caller.title().to_owned());
            data.insert("display-name", caller.title().to_owned());
            data.insert("loc-key", "IC_MSG".to_owned());
            data.insert("loc-args", caller.title().to_owned());
            data.insert("send-time", send_time(now));
            data.insert("tag", tag);
            data.extend(wake.ringing_url.clone().map(|url| ("ringing_url", url)));
        }
        WakeKind::MissedCall | WakeKind::AnsweredElsewhere => {
            data.insert("t", "cancel".to_owned());
            data.insert("why", wake.kind.as_str().to_owned());
            data.insert("at", wake.sent_at.seconds().to_string());
            data.insert("tag", tag);
        }
        WakeKind::Refresh => {
            data.insert("t", "refresh".to_owned());
            data.insert("at", wake.sent_at.seconds().to_string());
        }
        WakeKind::Test => {
            data.insert("t", "test".to_owned());
            data.insert("at", wake.sent_at.seconds().to_string());
        }
    }
    data
}
