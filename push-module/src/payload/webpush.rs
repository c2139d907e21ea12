//! What an app gets by Web Push: one JSON object, encrypted for it alone. Documented in docs/web-push.md.
//!
//! The keys are those of the other providers, so that an app that exists for several reads one form.

use pbx_core::model::{WakeKind, WakeRequest};
use serde::Serialize;

use super::CallerWords;

/// The whole text before encryption.
#[derive(Debug, Serialize)]
pub struct WebPushBody {
    /// `call`, `missed`, `elsewhere`, `test` or `refresh`.
    pub t: &'static str,
    /// Whose device it is.
    pub ext: String,
    /// What is only there when it is about a call.
    #[serde(flatten)]
    pub call: Option<WebPushCall>,
    /// Unix seconds: ringing ends then; calls only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// Unix seconds: when it was ordered; everything but calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<i64>,
    /// Where the app can ask whether the call still rings; calls only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ringing_url: Option<String>,
}

/// Which call, and whose.
#[derive(Debug, Serialize)]
pub struct WebPushCall {
    /// The Call-ID of the INVITE that the app will get.
    pub call: String,
    /// The caller's number; empty when withheld.
    pub caller: String,
    /// The caller's name; empty when unknown.
    pub name: String,
    /// The `tag` to show notices under: the missed call takes the place of the ringing one.
    pub tag: String,
}

/// The text for a wake.
pub fn body(wake: &WakeRequest) -> WebPushBody {
    let caller = CallerWords::new(&wake.caller_number, &wake.caller_name);
    let call = wake.call_uuid.to_string();
    let about = WebPushCall { tag: format!("call-{call}"), call, caller: caller.number, name: caller.name };
    let (call, exp) = match wake.kind {
        WakeKind::Call => (Some(about), Some(wake.expires_at.seconds())),
        WakeKind::MissedCall | WakeKind::AnsweredElsewhere => (Some(about), None),
        WakeKind::Test | WakeKind::Refresh => (None, None),
    };
    WebPushBody {
        t: wake.kind.as_str(),
        ext: wake.extension.to_string(),
        call,
        exp,
        at: exp.is_none().then(|| wake.sent_at.seconds()),
        ringing_url: exp.and_then(|_| wake.ringing_url.clone()),
    }
}
