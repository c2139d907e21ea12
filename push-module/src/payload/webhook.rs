//! What a webhook is sent: one JSON document for each wake, documented in docs/webhook.md.
//!
//! It holds the device's tokens, because the relay pushes in our place; that is why it goes over TLS only.

use pbx_core::model::{Environment, Redacted, UnixMillis, WakeKind, WakeRequest};
use serde::Serialize;

use super::{CallerWords, send_time};

/// The whole document, in the outline of the Standard Webhooks specification.
#[derive(Debug, Serialize)]
pub struct WebhookBody<'a> {
    /// `call`, `missed`, `elsewhere`, `test`, `refresh`; `check` for the live check.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// When the order was given, RFC 3339.
    pub timestamp: String,
    /// What it is about; nothing for the live check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<WebhookData<'a>>,
}

/// One wake.
#[derive(Debug, Serialize)]
pub struct WebhookData<'a> {
    /// The Call-ID of the INVITE that the app will get.
    pub call: String,
    /// Whose device it is.
    pub extension: String,
    /// Who calls.
    pub caller: WebhookCaller,
    /// Unix seconds; after that the push is worthless.
    pub expires_at: i64,
    /// Where the app can ask whether the call still rings; only in calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ringing_url: Option<&'a str>,
    /// Whether the caller offers video; only in calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_video: Option<bool>,
    /// Whom to push.
    pub device: WebhookDevice<'a>,
}

/// The caller, cut and cleaned as in every push.
#[derive(Debug, Serialize)]
pub struct WebhookCaller {
    /// The number.
    pub number: String,
    /// The name; may be empty.
    pub name: String,
}

/// The device as it registered itself (RFC 8599).
#[derive(Debug, Serialize)]
pub struct WebhookDevice<'a> {
    /// `apns` or `fcm`.
    pub provider: &'static str,
    /// The bundle id or the project.
    pub app_id: &'a str,
    /// `production` or `sandbox`.
    pub environment: &'static str,
    /// The token for calls.
    pub call_token: Option<&'a Redacted<String>>,
    /// The token for notices.
    pub notice_token: Option<&'a Redacted<String>>,
}

/// The document for a wake.
pub fn body(wake: &WakeRequest) -> WebhookBody<'_> {
    let caller = CallerWords::new(&wake.caller_number, &wake.caller_name);
    let data = WebhookData {
        call: wake.call_uuid.to_string(),
        extension: wake.extension.to_string(),
        caller: WebhookCaller { number: caller.number.clone(), name: caller.name.clone() },
        expires_at: wake.expires_at.seconds(),
        ringing_url: wake.ringing_url.as_deref(),
        has_video: (wake.kind == WakeKind::Call).then_some(wake.has_video),
        device: WebhookDevice {
            provider: wake.target.provider.as_str(),
            app_id: &wake.target.app_id,
            environment: match wake.target.environment {
                Environment::Production => "production",
                Environment::Sandbox => "sandbox",
            },
            call_token: wake.target.call_token.as_ref(),
            notice_token: wake.target.notice_token.as_ref(),
        },
    };
    WebhookBody { kind: wake.kind.as_str(), timestamp: rfc3339(wake.sent_at), data: Some(data) }
}

/// The document of the live check: a relay answers it like any other and pushes nobody.
pub fn check_body(now: UnixMillis) -> WebhookBody<'static> {
    WebhookBody { kind: "check", timestamp: rfc3339(now), data: None }
}

fn rfc3339(at: UnixMillis) -> String {
    send_time(at).replacen(' ', "T", 1) + "Z"
}
