//! Every push as it leaves, header by header, beside the vendor's document it follows; and whatever a caller is called, no
//! push breaks.
//!
//! `NIGHTBELL_GOLDEN=write cargo test -p push-module --all-features golden` writes the files anew; the change is then
//! reviewed like any other.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use pbx_core::model::{
    CallId, CallUuid, DeviceId, Environment, PushProvider, Redacted, TargetHealth, TokenHistory, UnixMillis, WakeId,
    WakeKind, WakeRequest, WakeTarget,
};
use proptest::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use super::apns::{ALERT_BYTES, VOIP_BYTES};
use super::fcm::DATA_BYTES;
use super::hms::BODY_BYTES as HMS_BYTES;
use crate::provider::webpush::encryption::{Fresh, PLAIN_BYTES};
use crate::provider::{acrobits, apns, fcm, hms, webhook, webpush};

const NOW: UnixMillis = UnixMillis(1_795_293_251_000);
const KINDS: [WakeKind; 5] =
    [WakeKind::Call, WakeKind::MissedCall, WakeKind::AnsweredElsewhere, WakeKind::Test, WakeKind::Refresh];
const PROVIDERS: [Way; 7] =
    [Way::Apns, Way::ApnsWithoutCallKit, Way::Fcm, Way::Hms, Way::WebPush, Way::Acrobits, Way::Webhook];

/// Number and name: usual, name unknown, withheld, emoji, right to left with direction marks, and one that tries to break out.
const CALLERS: [(&str, &str, &str); 6] = [
    ("named", "0301234567", "Alice Ärger"),
    ("number", "0301234567", ""),
    ("withheld", "", ""),
    ("emoji", "+4930123", "👩‍👩‍👧 Familie 🎉"),
    ("rtl", "+97235551234", "\u{202e}שלום\u{202c} Dr. الاسم"),
    ("hostile", "1\r\nevil: 1\"}", "\"},\"aps\":{\u{0}}\r\n\\u0000</script>"),
];

/// A way to a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Apns,
    ApnsWithoutCallKit,
    Fcm,
    Hms,
    WebPush,
    Acrobits,
    Webhook,
}

impl Way {
    const fn name(self) -> &'static str {
        match self {
            Self::Apns => "apns",
            Self::ApnsWithoutCallKit => "apns-alert",
            Self::Fcm => "fcm",
            Self::Hms => "hms",
            Self::WebPush => "webpush",
            Self::Acrobits => "acrobits",
            Self::Webhook => "webhook",
        }
    }

    const fn document(self) -> &'static str {
        match self {
            Self::Apns | Self::ApnsWithoutCallKit => {
                "Apple, User Notifications: Sending notification requests to APNs; PushKit: Responding to VoIP notifications"
            }
            Self::Fcm => "Firebase, REST reference: projects.messages (AndroidConfig), Method: projects.messages.send",
            Self::Hms => {
                "Huawei, HMS Core References: Downlink Message Sending (v1); verified against the documents only"
            }
            Self::WebPush => "RFC 8030 section 5, RFC 8291; the text before encryption, see docs/web-push.md",
            Self::Acrobits => "Acrobits, doc.acrobits.net: Push Notifications over HTTP; SIPIS-less push calls",
            Self::Webhook => "Standard Webhooks specification; docs/webhook.md",
        }
    }

    fn target(self) -> WakeTarget {
        let token = |text: &str| Some(Redacted::new(text.to_owned()));
        let apns = |call: Option<Redacted<String>>| WakeTarget {
            provider: PushProvider::Apns,
            app_id: "com.example.phone".into(),
            environment: Environment::Production,
            call_token: call,
            notice_token: token(&"bb22".repeat(16)),
            learned_at: NOW,
            health: TargetHealth::Good,
            switched_off: None,
            history: TokenHistory::default(),
        };
        let voip = apns(token(&"aa11".repeat(16)));
        match self {
            Self::Apns | Self::Webhook => voip,
            Self::ApnsWithoutCallKit => apns(None),
            Self::Fcm => WakeTarget {
                provider: PushProvider::Fcm,
                app_id: "example-phone".into(),
                call_token: token("fcm-Token_1:APA91bExample"),
                notice_token: None,
                ..voip
            },
            Self::Hms => WakeTarget {
                provider: PushProvider::Hms,
                app_id: "104567890".into(),
                call_token: token("IQAAAACy0PcXAADx-huawei_Token"),
                notice_token: None,
                ..voip
            },
            Self::WebPush => WakeTarget {
                provider: PushProvider::WebPush,
                app_id: "push.example.net".into(),
                call_token: token(SUBSCRIPTION),
                notice_token: None,
                ..voip
            },
            Self::Acrobits => WakeTarget {
                provider: PushProvider::Acrobits,
                app_id: "cz.acrobits.softphone.aliengroundwire.voip".into(),
                call_token: token(ACROBITS_CALL),
                notice_token: token(ACROBITS_NOTICE),
                ..voip
            },
        }
    }
}

/// The keys of RFC 8291 appendix A.
const SUBSCRIPTION: &str = "https://push.example.net/p/abc#p256dh=BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4&auth=BTBZMqHH6r4Tts7J_aSIgg";
/// App id, device token and selector.
const ACROBITS_CALL: &str = "cz.acrobits.groundwire.voip ab+/c= 12869E:7C3A";
const ACROBITS_NOTICE: &str = "cz.acrobits.groundwire de+/f= 12869E:7C3A";

fn request(way: Way, kind: WakeKind, number: &str, name: &str) -> WakeRequest {
    let ringing_url = "https://pbx.example.com/api/v1/calls/6ba7b811-9dad-11d1-80b4-00c04fd430c8/ringing";
    let is_about_a_call = matches!(kind, WakeKind::Call | WakeKind::MissedCall | WakeKind::AnsweredElsewhere);
    WakeRequest {
        wake_id: WakeId(Uuid::from_u128(0x6ba7_b810_9dad_11d1_80b4_00c0_4fd4_30c8)),
        call: is_about_a_call.then_some(CallId(7)),
        call_uuid: CallUuid(Uuid::from_u128(0x6ba7_b811_9dad_11d1_80b4_00c0_4fd4_30c8)),
        kind,
        device: DeviceId(3),
        extension: "101".parse().unwrap(),
        target: Arc::new(way.target()),
        caller_number: number.to_owned(),
        caller_name: name.to_owned(),
        has_video: false,
        ringing_url: (kind == WakeKind::Call).then(|| ringing_url.to_owned()),
        sent_at: NOW,
        expires_at: NOW + Duration::from_secs(30),
    }
}

/// Headers in order and the body as it leaves; for Web Push the text before encryption.
fn built(way: Way, wake: &WakeRequest) -> Result<(HeaderMap, Vec<u8>), &'static str> {
    match way {
        Way::Apns | Way::ApnsWithoutCallKit => {
            apns::build(wake, NOW).map(|it| (it.headers, it.body.to_vec())).map_err(|refusal| refusal.code)
        }
        Way::Fcm => fcm::build(wake, NOW).map(|it| (HeaderMap::new(), it.body.to_vec())).map_err(|it| it.code),
        Way::Hms => hms::build(wake, NOW).map(|it| (HeaderMap::new(), it.body.to_vec())).map_err(|it| it.code),
        Way::WebPush => webpush::build(wake, &Fresh::draw().unwrap(), NOW)
            .map(|it| (it.headers, serde_json::to_vec(&super::webpush::body(wake)).unwrap()))
            .map_err(|it| it.code),
        Way::Acrobits => acrobits::build(wake).map(|it| (HeaderMap::new(), it.body.to_vec())).map_err(|it| it.code),
        Way::Webhook => webhook::build(wake)
            .map(|it| {
                let mut headers = HeaderMap::new();
                headers.insert("webhook-id", it.id.parse().unwrap());
                (headers, it.body.to_vec())
            })
            .map_err(|it| it.code),
    }
}

fn written(way: Way, kind: WakeKind) -> String {
    let mut text = format!("# {}\n", way.document());
    let about_a_caller = matches!(kind, WakeKind::Call | WakeKind::MissedCall | WakeKind::AnsweredElsewhere);
    let callers = if about_a_caller { &CALLERS[..] } else { &[("nobody", "", "")] };
    for (caller, number, name) in callers {
        writeln!(text, "\n== caller: {caller}").unwrap();
        text.push_str(&one(way, &request(way, kind, number, name)));
    }
    if kind == WakeKind::Call {
        let (caller, number, name) = CALLERS[0];
        writeln!(text, "\n== caller: {caller}, offers video").unwrap();
        text.push_str(&one(way, &WakeRequest { has_video: true, ..request(way, kind, number, name) }));
    }
    text
}

fn one(way: Way, wake: &WakeRequest) -> String {
    let (headers, body) = match built(way, wake) {
        Ok(built) => built,
        Err(code) => return format!("not sent: {code}\n"),
    };
    let mut lines: Vec<String> =
        headers.iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap())).collect();
    lines.sort();
    format!("{}\n{}\n", lines.concat(), String::from_utf8(body).unwrap())
}

#[test]
fn every_push_is_word_for_word_what_its_golden_file_says() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/payload/golden");
    let is_writing = std::env::var("NIGHTBELL_GOLDEN").is_ok_and(|it| it == "write");
    for way in PROVIDERS {
        for kind in KINDS {
            let file = folder.join(format!("{}-{}.txt", way.name(), kind.as_str()));
            let now = written(way, kind);
            if is_writing {
                std::fs::write(&file, &now).unwrap();
            }
            let golden = std::fs::read_to_string(&file).unwrap_or_default();
            assert_eq!(now, golden, "{}", file.display());
        }
    }
}

#[test]
fn an_apple_token_for_calls_gets_nothing_but_calls() {
    for kind in KINDS {
        let (headers, _) = built(Way::Apns, &request(Way::Apns, kind, "1", "a")).unwrap();
        let is_voip = headers["apns-push-type"] == "voip" || headers["apns-topic"].to_str().unwrap().ends_with(".voip");
        assert_eq!(is_voip, kind == WakeKind::Call, "{kind:?}");
    }
}

/// Any bytes as a header of SIP may bring them: read as UTF-8, what is none replaced.
fn caller_text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,80}",
        proptest::collection::vec(any::<u8>(), 0..4096).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        proptest::collection::vec(any::<char>(), 0..4096).prop_map(String::from_iter),
        "(👩‍👩‍👧|שלום|\u{202e}|\"|\\\\|\r\n|\u{0}|\\}|,){0,600}",
    ]
}

/// What stands in a body and came from a caller, wherever it is.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
        Value::Object(values) => values.values().for_each(|value| texts(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn keys(value: &Value) -> Vec<String> {
    match value {
        Value::Object(values) => {
            values.iter().flat_map(|(key, value)| std::iter::once(key.clone()).chain(keys(value))).collect()
        }
        Value::Array(values) => values.iter().flat_map(keys).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

proptest! {
    #[test]
    fn no_caller_breaks_the_json_a_header_or_the_limit_of_any_provider(number in caller_text(), name in caller_text()) {
        for way in PROVIDERS {
            for kind in KINDS {
                let plain = built(way, &request(way, kind, "1", "a"));
                let pushed = built(way, &request(way, kind, &number, &name));
                let (Ok((plain_headers, plain_body)), Ok((headers, body))) = (&plain, &pushed) else {
                    prop_assert!(plain.is_err() && pushed.is_err(), "{:?} {:?}", way, kind);
                    continue;
                };
                prop_assert_eq!(headers, plain_headers, "no header comes from a caller");
                let limit = match (way, kind) {
                    (Way::Apns, WakeKind::Call) => VOIP_BYTES,
                    (Way::Apns | Way::ApnsWithoutCallKit, _) => ALERT_BYTES,
                    (Way::Fcm, _) => DATA_BYTES,
                    (Way::Hms, _) => HMS_BYTES,
                    (Way::WebPush, _) => PLAIN_BYTES,
                    // Neither vendor states one; docs/webhook.md promises 16 kB.
                    (Way::Acrobits | Way::Webhook, _) => 16 * 1024,
                };
                prop_assert!(body.len() <= limit, "{:?} {:?}: {} bytes", way, kind, body.len());
                let value: Value = serde_json::from_slice(body).expect("JSON");
                let plain: Value = serde_json::from_slice(plain_body).expect("JSON");
                // A name that cleans to nothing leaves out its key, where a provider wants that.
                let known = keys(&plain);
                prop_assert!(keys(&value).iter().all(|key| known.contains(key)), "{:?}", keys(&value));
                let mut found = Vec::new();
                texts(&value, &mut found);
                for text in found {
                    prop_assert!(!text.chars().any(char::is_control), "a control character: {:?}", text);
                }
            }
        }
    }
}
