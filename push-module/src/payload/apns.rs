//! APNs bodies: a VoIP body that CallKit can show without any network, and ordinary alerts.
//!
//! The VoIP body also carries what Linphone's app reads from Flexisip: `aps.loc-key`, `aps.loc-args`, `aps.call-id`,
//! `from-uri`, `display-name`, `pn_ttl`.

use a2::request::payload::{Payload, PayloadLike};
use a2::{DefaultNotificationBuilder, NotificationBuilder as _, NotificationOptions};
use pbx_core::model::{UnixMillis, WakeKind, WakeRequest};
use serde::Serialize;

use super::{CallerWords, send_time};

/// Apple's limit for a VoIP push.
pub const VOIP_BYTES: usize = 5120;
/// Apple's limit for every other push.
pub const ALERT_BYTES: usize = 4096;

/// The body of a VoIP push.
#[derive(Debug, Serialize)]
pub struct VoipBody<'a> {
    #[serde(skip)]
    token: &'a str,
    #[serde(skip)]
    options: NotificationOptions<'a>,
    aps: VoipAps,
    #[serde(flatten)]
    own: OwnKeys,
    #[serde(rename = "has-video")]
    has_video: bool,
    #[serde(rename = "from-uri")]
    from_uri: String,
    #[serde(rename = "display-name")]
    display_name: String,
    pn_ttl: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct VoipAps {
    sound: &'static str,
    loc_key: &'static str,
    loc_args: [String; 1],
    call_id: String,
    uuid: String,
    send_time: String,
}

/// Our own keys, the same in every APNs body.
#[derive(Debug, Serialize)]
struct OwnKeys {
    t: &'static str,
    call: String,
    ext: String,
    caller: String,
    name: String,
    /// Unix seconds: calls: the end of ringing; notices: when it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<i64>,
    /// Where to ask whether the call still rings; only in calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    ringing_url: Option<String>,
}

/// The body of a background push.
#[derive(Debug, Serialize)]
pub struct BackgroundBody<'a> {
    #[serde(skip)]
    token: &'a str,
    #[serde(skip)]
    options: NotificationOptions<'a>,
    aps: BackgroundAps,
    #[serde(flatten)]
    own: OwnKeys,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct BackgroundAps {
    content_available: u8,
}

impl PayloadLike for BackgroundBody<'_> {
    fn get_device_token(&self) -> &str {
        self.token
    }

    fn get_options(&self) -> &NotificationOptions<'_> {
        &self.options
    }
}

impl PayloadLike for VoipBody<'_> {
    fn get_device_token(&self) -> &str {
        self.token
    }

    fn get_options(&self) -> &NotificationOptions<'_> {
        &self.options
    }
}

/// The body for a new call.
pub fn voip<'a>(wake: &WakeRequest, token: &'a str, options: NotificationOptions<'a>, now: UnixMillis) -> VoipBody<'a> {
    let caller = CallerWords::new(&wake.caller_number, &wake.caller_name);
    VoipBody {
        token,
        options,
        aps: VoipAps {
            sound: "",
            loc_key: "IC_MSG",
            loc_args: [caller.title().to_owned()],
            call_id: wake.call_uuid.to_string(),
            uuid: wake.wake_id.to_string(),
            send_time: send_time(now),
        },
        has_video: wake.has_video,
        from_uri: caller.uri(),
        display_name: caller.title().to_owned(),
        pn_ttl: remaining_seconds(wake, now),
        own: own_keys(wake, caller),
    }
}

/// The body for what nobody has to read: a call that was answered on another phone, and the wish that the app registers.
pub fn background<'a>(wake: &WakeRequest, token: &'a str, options: NotificationOptions<'a>) -> BackgroundBody<'a> {
    let caller = CallerWords::new(&wake.caller_number, &wake.caller_name);
    BackgroundBody { token, options, aps: BackgroundAps { content_available: 1 }, own: own_keys(wake, caller) }
}

/// The body for everything a person is told: a missed call, a test, and both the call and its answer elsewhere for an app
/// that has no VoIP token.
pub fn alert<'a>(
    wake: &WakeRequest,
    token: &'a str,
    options: NotificationOptions<'a>,
) -> Result<Payload<'a>, a2::Error> {
    let caller = CallerWords::new(&wake.caller_number, &wake.caller_name);
    let builder = DefaultNotificationBuilder::new().thread_id(match wake.kind {
        WakeKind::Call | WakeKind::MissedCall | WakeKind::AnsweredElsewhere => "calls",
        WakeKind::Test | WakeKind::Refresh => "test",
    });
    let builder = match wake.kind {
        WakeKind::Call => builder
            .title("Incoming call")
            .body(format!("Call from {}", caller.both()))
            .sound("default")
            .time_sensitive_interruption_level(),
        WakeKind::MissedCall => builder.title("Missed call").body(caller.both()).sound("default"),
        WakeKind::AnsweredElsewhere => {
            builder.title("Answered on another phone").body(caller.both()).passive_interruption_level()
        }
        // A renewal is never shown; it is sent in the background.
        WakeKind::Test | WakeKind::Refresh => builder
            .title("Push works")
            .body(format!("This is a test from your telephone system for extension {}.", wake.extension))
            .sound("default"),
    };
    let mut payload = builder.build(token, options);
    // The builder always writes 0, which only tells iOS not to start an extension that nobody has.
    payload.aps.mutable_content = None;
    let own = serde_json::to_value(own_keys(wake, caller))?;
    if let serde_json::Value::Object(own) = own {
        for (key, value) in own {
            payload.add_custom_data(key, &value)?;
        }
    }
    Ok(payload)
}

fn own_keys(wake: &WakeRequest, caller: CallerWords) -> OwnKeys {
    let (exp, at) = match wake.kind {
        WakeKind::Call => (Some(wake.expires_at.seconds()), None),
        WakeKind::MissedCall | WakeKind::AnsweredElsewhere | WakeKind::Test | WakeKind::Refresh => {
            (None, Some(wake.sent_at.seconds()))
        }
    };
    OwnKeys {
        t: wake.kind.as_str(),
        call: wake.call_uuid.to_string(),
        ext: wake.extension.to_string(),
        caller: caller.number,
        name: caller.name,
        exp,
        at,
        ringing_url: wake.ringing_url.clone(),
    }
}

/// Whole seconds until the wake is worthless.
pub(crate) fn remaining_seconds(wake: &WakeRequest, now: UnixMillis) -> i64 {
    i64::try_from(wake.expires_at.since(now).as_secs()).unwrap_or(i64::MAX)
}
