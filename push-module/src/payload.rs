//! What a phone is sent, for every kind of wake: bodies only, no headers, no sockets.
//!
//! Invariants:
//! - A VoIP push means "new call" and nothing else. A missed call and a test are ordinary alerts; what nobody has to read
//!   (the call was answered on another phone, register again) is a background push.
//! - A phone that gets the push without any network can show the call: number, name, id, and when it ends.
//! - Names and numbers come from strangers: control and direction characters are dropped, the rest is cut on character
//!   boundaries, so that no body reaches a provider's limit.

pub mod acrobits;
#[cfg(feature = "providers")]
pub mod apns;
pub mod fcm;
#[cfg(test)]
mod tests;
mod text;
#[cfg(feature = "providers")]
pub mod webhook;
pub mod webpush;

use pbx_core::model::{Redacted, WakeKind, WakeTarget};

use crate::delivery::Refusal;

pub(crate) use text::send_time;
pub use text::{CallerWords, NAME_BYTES, NUMBER_BYTES};

/// The longest token that is put on the wire; Apple says to expect up to 100 bytes in hex, Google's have about 180.
const TOKEN_BYTES: usize = 4096;

/// The token for a kind of wake, or why there is none. For FCM one token serves all kinds.
pub fn fcm_token(target: &WakeTarget) -> Result<&Redacted<String>, Refusal> {
    match target.call_token.as_ref().or(target.notice_token.as_ref()) {
        Some(token) if is_printable(token.reveal()) => Ok(token),
        Some(_) => Err(bad_token()),
        None => Err(no_token()),
    }
}

/// How APNs is to present a wake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApnsStyle {
    /// PushKit: the app shows the call itself. Calls only.
    Voip,
    /// An ordinary notification.
    Alert,
    /// Nothing is shown; the app is started for a moment.
    Background,
}

/// The style for a kind of wake and the token, whatever it looks like; `None` when there is none for it.
pub fn apns_style(kind: WakeKind, target: &WakeTarget) -> Option<(ApnsStyle, &Redacted<String>)> {
    match (kind, target.call_token.as_ref(), target.notice_token.as_ref()) {
        (WakeKind::Call, Some(token), _) => Some((ApnsStyle::Voip, token)),
        (WakeKind::Call, None, Some(token)) => Some((ApnsStyle::Alert, token)),
        (WakeKind::Call, None, None) => None,
        // An app without CallKit rang by an alert, and only another alert takes the place of that one.
        (WakeKind::MissedCall | WakeKind::Test, _, Some(token)) | (WakeKind::AnsweredElsewhere, None, Some(token)) => {
            Some((ApnsStyle::Alert, token))
        }
        (WakeKind::AnsweredElsewhere, Some(_), Some(token)) | (WakeKind::Refresh, _, Some(token)) => {
            Some((ApnsStyle::Background, token))
        }
        (WakeKind::MissedCall | WakeKind::AnsweredElsewhere | WakeKind::Test | WakeKind::Refresh, _, None) => None,
    }
}

/// The token and the style for a kind of wake, or why there is none.
pub fn apns_token(kind: WakeKind, target: &WakeTarget) -> Result<(ApnsStyle, &Redacted<String>), Refusal> {
    let Some((style, token)) = apns_style(kind, target) else {
        return Err(if kind == WakeKind::Call {
            no_token()
        } else {
            Refusal {
                code: "no_notice_token",
                why: "this phone gave a token for calls only, so it gets no notices; its app must register its notification token too"
                    .to_owned(),
            }
        });
    };
    if is_hex(token.reveal()) { Ok((style, token)) } else { Err(bad_token()) }
}

fn no_token() -> Refusal {
    Refusal {
        code: "no_token",
        why: "this phone gave no push token; open the app once so that it registers".to_owned(),
    }
}

fn bad_token() -> Refusal {
    Refusal {
        code: "bad_token",
        why: "the push token this phone gave is damaged; log out and in again in the app".to_owned(),
    }
}

fn is_hex(token: &str) -> bool {
    !token.is_empty() && token.len() <= 200 && token.bytes().all(|b| b.is_ascii_hexdigit())
}

fn is_printable(token: &str) -> bool {
    !token.is_empty() && token.len() <= TOKEN_BYTES && token.bytes().all(|b| b.is_ascii_graphic())
}
