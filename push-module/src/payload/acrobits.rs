//! What Acrobits' push mediator is sent: one JSON object for each wake (doc.acrobits.net, "Push Notifications over HTTP" and
//! "SIPIS-less push calls").
//!
//! The verb for calls goes to the token for calls only, everything else to the other one: on iPhones the first is a VoIP
//! token. `Id` is the Call-ID of the INVITE, so the app finds the call by itself and needs no `X-Push-ID`.

use pbx_core::model::{AcrobitsToken, WakeKind, WakeRequest, WakeTarget};
use serde::Serialize;

use super::{CallerWords, bad_token, no_token};
use crate::delivery::Refusal;

/// The whole object; a missing part is left out.
#[derive(Serialize)]
pub struct AcrobitsBody<'a> {
    /// What the push means.
    pub verb: &'static str,
    /// Which app.
    #[serde(rename = "AppId")]
    pub app_id: &'a str,
    /// Which phone.
    #[serde(rename = "DeviceToken")]
    pub device_token: &'a str,
    /// Which account of the app; a text needs none.
    #[serde(rename = "Selector", skip_serializing_if = "Option::is_none")]
    pub selector: Option<&'a str>,
    /// Which call.
    #[serde(rename = "Id", skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The caller's number.
    #[serde(rename = "UserName", skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// The caller's name.
    #[serde(rename = "UserDisplayName", skip_serializing_if = "Option::is_none")]
    pub user_display_name: Option<String>,
    /// The words of a text.
    #[serde(rename = "Message", skip_serializing_if = "Option::is_none")]
    pub message: Option<&'static str>,
}

/// The token for a kind of wake, or why there is none.
pub fn acrobits_token(kind: WakeKind, target: &WakeTarget) -> Result<AcrobitsToken, Refusal> {
    let token = match kind {
        WakeKind::Call => target.call_token.as_ref(),
        // An app that reported one token only, as on Android, takes everything with it.
        WakeKind::MissedCall | WakeKind::AnsweredElsewhere | WakeKind::Test => {
            target.notice_token.as_ref().or(target.call_token.as_ref())
        }
        WakeKind::Refresh => {
            return Err(Refusal {
                code: "no_refresh_push",
                why: "Acrobits' mediator knows no push that only makes an app register".to_owned(),
            });
        }
    };
    AcrobitsToken::parse(token.ok_or_else(no_token)?.reveal()).ok_or_else(bad_token)
}

/// The object for a wake that goes to this token.
pub fn body<'a>(wake: &WakeRequest, token: &'a AcrobitsToken) -> AcrobitsBody<'a> {
    let (verb, is_about_a_call) = match wake.kind {
        WakeKind::Call => ("NotifyIncomingCall", true),
        WakeKind::MissedCall => ("NotifyIncomingCallMissed", true),
        WakeKind::AnsweredElsewhere => ("NotifyIncomingCallAnsweredElsewhere", true),
        WakeKind::Test | WakeKind::Refresh => ("NotifyGenericTextMessage", false),
    };
    let caller = CallerWords::new(&wake.caller_number, &wake.caller_name);
    let about = |text: String| Some(text).filter(|text| is_about_a_call && !text.is_empty());
    AcrobitsBody {
        verb,
        app_id: token.app_id(),
        device_token: token.device_token(),
        selector: is_about_a_call.then(|| token.selector()),
        id: about(wake.call_uuid.to_string()),
        user_display_name: about(caller.title().to_owned()),
        user_name: about(caller.number),
        message: (!is_about_a_call).then_some("Push works: Nightbell can wake this app."),
    }
}

/// The object of the live check: a text for a phone that nobody has.
pub const fn check_body() -> AcrobitsBody<'static> {
    AcrobitsBody {
        verb: "NotifyGenericTextMessage",
        app_id: "org.example.nightbell-check",
        device_token: "nightbell-check",
        selector: None,
        id: None,
        user_name: None,
        user_display_name: None,
        message: Some("check"),
    }
}
