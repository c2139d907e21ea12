//! What phones get, word for word.

use std::sync::Arc;
use std::time::Duration;

use pbx_core::model::{
    CallId, CallUuid, DeviceId, Environment, PushProvider, Redacted, TargetHealth, TokenHistory, UnixMillis, WakeId,
    WakeKind, WakeRequest, WakeTarget,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ApnsStyle, CallerWords, NAME_BYTES, NUMBER_BYTES, apns_token, fcm, fcm_token, send_time};

const NOW: UnixMillis = UnixMillis(1_795_293_251_000);

fn target(call: Option<&str>, notice: Option<&str>) -> WakeTarget {
    let token = |it: &str| Redacted::new(it.to_owned());
    WakeTarget {
        provider: PushProvider::Apns,
        app_id: "com.example.phone".into(),
        environment: Environment::Production,
        call_token: call.map(token),
        notice_token: notice.map(token),
        learned_at: NOW,
        health: TargetHealth::Good,
        switched_off: None,
        history: TokenHistory::default(),
    }
}

fn request(kind: WakeKind, target: WakeTarget) -> WakeRequest {
    WakeRequest {
        wake_id: WakeId(Uuid::from_u128(0x6ba7_b810_9dad_11d1_80b4_00c0_4fd4_30c8)),
        call: Some(CallId(7)),
        call_uuid: CallUuid(Uuid::from_u128(0x6ba7_b811_9dad_11d1_80b4_00c0_4fd4_30c8)),
        kind,
        device: DeviceId(3),
        extension: "101".parse().unwrap(),
        target: Arc::new(target),
        caller_number: "0301234567".into(),
        caller_name: "Alice Ärger".into(),
        has_video: false,
        ringing_url: Some("https://pbx.example.com/api/v1/calls/6ba7b811-9dad-11d1-80b4-00c04fd430c8/ringing".into()),
        sent_at: NOW,
        expires_at: NOW + Duration::from_secs(30),
    }
}

#[test]
fn an_android_phone_gets_data_only_and_can_show_the_call_without_any_network() {
    let request = request(WakeKind::Call, target(Some("token"), None));
    let body = serde_json::to_value(fcm::body(&request, fcm_token(&request.target).unwrap(), NOW)).unwrap();
    assert_eq!(
        body,
        json!({ "message": { "token": "token", "android": {
            "priority": "HIGH",
            "ttl": "30s",
            "direct_boot_ok": true,
            "data": {
                "t": "call",
                "call": "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
                "ext": "101",
                "caller": "0301234567",
                "name": "Alice Ärger",
                "exp": "1795293281",
                "uuid": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
                "call-id": "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
                "from-uri": "sip:0301234567@anonymous.invalid",
                "sip-from": "Alice Ärger",
                "display-name": "Alice Ärger",
                "loc-key": "IC_MSG",
                "loc-args": "Alice Ärger",
                "send-time": "2026-11-21 20:34:11",
                "tag": "call-6ba7b811-9dad-11d1-80b4-00c04fd430c8",
                "ringing_url": "https://pbx.example.com/api/v1/calls/6ba7b811-9dad-11d1-80b4-00c04fd430c8/ringing",
            },
        }}})
    );
}

#[test]
fn an_android_phone_is_told_why_the_call_is_over() {
    for (kind, why, priority) in
        [(WakeKind::MissedCall, "missed", "HIGH"), (WakeKind::AnsweredElsewhere, "elsewhere", "NORMAL")]
    {
        let mut request = request(kind, target(Some("token"), None));
        request.ringing_url = None;
        let body = serde_json::to_value(fcm::body(&request, fcm_token(&request.target).unwrap(), NOW)).unwrap();
        assert_eq!(
            body["message"]["android"],
            json!({
                "priority": priority,
                "ttl": "30s",
                "direct_boot_ok": true,
                "data": {
                    "t": "cancel",
                    "why": why,
                    "call": "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
                    "ext": "101",
                    "caller": "0301234567",
                    "name": "Alice Ärger",
                    "at": "1795293251",
                    "tag": "call-6ba7b811-9dad-11d1-80b4-00c04fd430c8",
                },
            })
        );
    }
}

#[test]
fn an_android_phone_that_is_to_register_again_is_not_hurried() {
    let request = request(WakeKind::Refresh, target(Some("token"), None));
    let body = serde_json::to_value(fcm::body(&request, fcm_token(&request.target).unwrap(), NOW)).unwrap();
    assert_eq!(body["message"]["android"]["priority"], "NORMAL", "high priority must lead to something visible");
    assert_eq!(body["message"]["android"]["data"]["t"], "refresh");
}

#[test]
fn a_test_of_an_android_phone_is_of_normal_priority() {
    let request = request(WakeKind::Test, target(Some("token"), None));
    let body = serde_json::to_value(fcm::body(&request, fcm_token(&request.target).unwrap(), NOW)).unwrap();
    assert_eq!(body["message"]["android"]["priority"], "NORMAL");
    assert_eq!(body["message"]["android"]["data"]["t"], "test");
}

#[test]
fn a_call_takes_the_voip_token_and_everything_else_the_notice_token() {
    let both = target(Some("aa"), Some("bb"));
    let (style, token) = apns_token(WakeKind::Call, &both).unwrap();
    assert_eq!((style, token.reveal().as_str()), (ApnsStyle::Voip, "aa"));
    for (kind, shown) in [
        (WakeKind::MissedCall, ApnsStyle::Alert),
        (WakeKind::AnsweredElsewhere, ApnsStyle::Background),
        (WakeKind::Refresh, ApnsStyle::Background),
        (WakeKind::Test, ApnsStyle::Alert),
    ] {
        let (style, token) = apns_token(kind, &both).unwrap();
        assert_eq!((style, token.reveal().as_str()), (shown, "bb"), "{kind:?}");
        assert_eq!(apns_token(kind, &target(Some("aa"), None)).unwrap_err().code, "no_notice_token");
    }
    let (style, _) = apns_token(WakeKind::AnsweredElsewhere, &target(None, Some("bb"))).unwrap();
    assert_eq!(style, ApnsStyle::Alert, "an app that rang by an alert gets another in its place");
    let (style, _) = apns_token(WakeKind::Call, &target(None, Some("bb"))).unwrap();
    assert_eq!(style, ApnsStyle::Alert);
    assert_eq!(apns_token(WakeKind::Call, &target(None, None)).unwrap_err().code, "no_token");
}

#[test]
fn a_token_that_could_change_the_path_is_refused() {
    for token in ["", "aa/../bb", "aa?x", "zz", "aa\r\nb"] {
        assert_eq!(apns_token(WakeKind::Call, &target(Some(token), None)).unwrap_err().code, "bad_token", "{token}");
    }
    assert_eq!(fcm_token(&target(Some("a b"), None)).unwrap_err().code, "bad_token");
    assert_eq!(fcm_token(&target(None, None)).unwrap_err().code, "no_token");
}

#[test]
fn callers_are_named_as_far_as_they_are_known() {
    let both = CallerWords::new("030", "Alice");
    assert_eq!((both.title(), both.both().as_str()), ("Alice", "Alice (030)"));
    let number = CallerWords::new("030", "");
    assert_eq!((number.title(), number.both().as_str()), ("030", "030"));
    assert_eq!(CallerWords::new("", "").title(), "Unknown caller");
    assert_eq!(CallerWords::new("030", "030").both(), "030");
    assert_eq!(CallerWords::new("", "").uri(), "sip:anonymous@anonymous.invalid");
    assert_eq!(CallerWords::new("a b@c#", "").uri(), "sip:a%20b%40c%23@anonymous.invalid");
}

#[test]
fn names_cannot_dress_up_as_others() {
    let words = CallerWords::new("030\r\n", "\u{202e}knaB\u{202c} \u{7}");
    assert_eq!(words, CallerWords { number: "030".into(), name: "knaB".into() });
}

#[test]
fn long_names_are_cut_between_characters() {
    let words = CallerWords::new(&"1".repeat(500), &"ä".repeat(500));
    assert_eq!(words.number.len(), NUMBER_BYTES);
    assert_eq!(words.name, "ä".repeat(NAME_BYTES / 2));
}

#[test]
fn the_send_time_is_a_date_in_utc() {
    for (seconds, text) in [
        (0, "1970-01-01 00:00:00"),
        (951_827_696, "2000-02-29 12:34:56"),
        (1_795_293_251, "2026-11-21 20:34:11"),
        (4_102_444_799, "2099-12-31 23:59:59"),
        (-1, "1969-12-31 23:59:59"),
    ] {
        assert_eq!(send_time(UnixMillis(seconds * 1000)), text);
    }
}

proptest! {
    #[test]
    fn no_caller_makes_a_message_too_large_or_uses_a_reserved_key(number in "\\PC{0,300}", name in ".{0,300}") {
        for kind in [WakeKind::Call, WakeKind::MissedCall, WakeKind::AnsweredElsewhere, WakeKind::Test, WakeKind::Refresh] {
            let mut request = request(kind, target(Some("aa"), Some("bb")));
            request.caller_number.clone_from(&number);
            request.caller_name.clone_from(&name);
            let body = serde_json::to_value(fcm::body(&request, fcm_token(&request.target).unwrap(), NOW)).unwrap();
            let data = body["message"]["android"]["data"].as_object().unwrap();
            prop_assert!(data.values().all(Value::is_string));
            prop_assert!(data.keys().all(|key| key != "from" && key != "gcm" && !key.starts_with("google")));
            let bytes: usize = data.iter().map(|(key, value)| key.len() + value.as_str().unwrap().len()).sum();
            prop_assert!(bytes <= fcm::DATA_BYTES, "{} bytes", bytes);
        }
    }
}

#[cfg(feature = "providers")]
mod apns {
    use super::*;
    use crate::payload::apns::{ALERT_BYTES, VOIP_BYTES};
    use crate::provider::apns::build;

    fn built(kind: WakeKind, target: WakeTarget) -> (http::HeaderMap, Value) {
        let message = build(&request(kind, target), NOW).unwrap();
        (message.headers, serde_json::from_slice(&message.body).unwrap())
    }

    fn header<'a>(headers: &'a http::HeaderMap, name: &str) -> Option<&'a str> {
        headers.get(name).map(|it| it.to_str().unwrap())
    }

    #[test]
    fn an_iphone_gets_a_voip_push_that_callkit_can_show_without_any_network() {
        let (headers, body) = built(WakeKind::Call, target(Some("aa"), Some("bb")));
        assert_eq!(
            body,
            json!({
                "aps": {
                    "sound": "",
                    "loc-key": "IC_MSG",
                    "loc-args": ["Alice Ärger"],
                    "call-id": "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
                    "uuid": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
                    "send-time": "2026-11-21 20:34:11",
                },
                "t": "call",
                "call": "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
                "ext": "101",
                "caller": "0301234567",
                "name": "Alice Ärger",
                "exp": 1_795_293_281_i64,
                "ringing_url": "https://pbx.example.com/api/v1/calls/6ba7b811-9dad-11d1-80b4-00c04fd430c8/ringing",
                "has-video": false,
                "from-uri": "sip:0301234567@anonymous.invalid",
                "display-name": "Alice Ärger",
                "pn_ttl": 30,
            })
        );
        for (name, value) in [
            ("apns-id", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
            ("apns-push-type", "voip"),
            ("apns-topic", "com.example.phone.voip"),
            ("apns-priority", "10"),
            ("apns-expiration", "1795293281"),
        ] {
            assert_eq!(header(&headers, name), Some(value), "{name}");
        }
        assert_eq!(header(&headers, "apns-collapse-id"), None);
    }

    #[test]
    fn a_caller_who_offers_video_is_announced_as_such() {
        let target = target(Some("aa"), Some("bb"));
        let wake = WakeRequest { has_video: true, ..request(WakeKind::Call, target) };
        let body: Value = serde_json::from_slice(&build(&wake, NOW).unwrap().body).unwrap();
        assert_eq!(body["has-video"], true);
        let relayed = serde_json::to_value(crate::payload::webhook::body(&wake)).unwrap();
        assert_eq!(relayed["data"]["has_video"], true);
        let missed = WakeRequest { kind: WakeKind::MissedCall, ..wake };
        let relayed = serde_json::to_value(crate::payload::webhook::body(&missed)).unwrap();
        assert_eq!(relayed["data"].get("has_video"), None);
    }

    #[test]
    fn an_app_without_callkit_gets_a_notice_that_rings() {
        let (headers, body) = built(WakeKind::Call, target(None, Some("bb")));
        assert_eq!(
            body,
            json!({
                "aps": {
                    "alert": { "title": "Incoming call", "body": "Call from Alice Ärger (0301234567)" },
                    "sound": "default",
                    "thread-id": "calls",
                    "interruption-level": "time-sensitive",
                },
                "t": "call",
                "call": "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
                "ext": "101",
                "caller": "0301234567",
                "name": "Alice Ärger",
                "exp": 1_795_293_281_i64,
                "ringing_url": "https://pbx.example.com/api/v1/calls/6ba7b811-9dad-11d1-80b4-00c04fd430c8/ringing",
            })
        );
        assert_eq!(header(&headers, "apns-push-type"), Some("alert"));
        assert_eq!(header(&headers, "apns-topic"), Some("com.example.phone"));
        assert_eq!(header(&headers, "apns-collapse-id"), Some("call-6ba7b811-9dad-11d1-80b4-00c04fd430c8"));
    }

    #[test]
    fn a_missed_call_replaces_the_ringing_notice_and_never_wakes_callkit() {
        let (headers, body) = built(WakeKind::MissedCall, target(Some("aa"), Some("bb")));
        assert_eq!(header(&headers, "apns-push-type"), Some("alert"));
        assert_eq!(header(&headers, "apns-topic"), Some("com.example.phone"));
        assert_eq!(header(&headers, "apns-priority"), Some("10"));
        assert_eq!(header(&headers, "apns-collapse-id"), Some("call-6ba7b811-9dad-11d1-80b4-00c04fd430c8"));
        assert_eq!(body["aps"]["alert"]["title"], "Missed call");
        assert_eq!(body["aps"]["thread-id"], "calls");
        assert_eq!(body["t"], "missed");
        assert_eq!(body["at"], 1_795_293_251_i64);
        let (headers, body) = built(WakeKind::Test, target(Some("aa"), Some("bb")));
        assert_eq!(header(&headers, "apns-push-type"), Some("alert"));
        assert_eq!(header(&headers, "apns-collapse-id"), None);
        assert_eq!(body["aps"]["alert"]["title"], "Push works");
    }

    #[test]
    fn what_nobody_has_to_read_comes_in_the_background() {
        for (kind, collapse) in [
            (WakeKind::AnsweredElsewhere, Some("call-6ba7b811-9dad-11d1-80b4-00c04fd430c8")),
            (WakeKind::Refresh, None),
        ] {
            let (headers, body) = built(kind, target(Some("aa"), Some("bb")));
            assert_eq!(header(&headers, "apns-push-type"), Some("background"));
            assert_eq!(header(&headers, "apns-topic"), Some("com.example.phone"));
            assert_eq!(header(&headers, "apns-priority"), Some("5"), "Apple allows no other");
            assert_eq!(header(&headers, "apns-collapse-id"), collapse);
            assert_eq!(body["aps"], json!({ "content-available": 1 }));
            assert_eq!(body["t"], kind.as_str());
        }
        let (headers, body) = built(WakeKind::AnsweredElsewhere, target(None, Some("bb")));
        assert_eq!(header(&headers, "apns-push-type"), Some("alert"));
        assert_eq!(body["aps"]["alert"]["title"], "Answered on another phone");
        assert_eq!(body["aps"]["interruption-level"], "passive");
    }

    #[test]
    fn an_app_id_that_could_break_a_header_is_refused() {
        let mut target = target(Some("aa"), None);
        target.app_id = "com.example\r\nx".into();
        assert_eq!(build(&request(WakeKind::Call, target), NOW).unwrap_err().code, "bad_app_id");
    }

    #[test]
    fn a_push_shows_no_token_when_it_is_printed() {
        let message = build(&request(WakeKind::Call, target(Some("aabbccdd"), None)), NOW).unwrap();
        assert!(!format!("{message:?}").contains("aabbccdd"));
    }

    proptest! {
        #[test]
        fn no_caller_makes_a_push_too_large(number in "\\PC{0,300}", name in ".{0,300}") {
            for kind in [WakeKind::Call, WakeKind::MissedCall, WakeKind::AnsweredElsewhere, WakeKind::Test, WakeKind::Refresh] {
                let mut request = request(kind, target(Some("aa"), Some("bb")));
                request.caller_number.clone_from(&number);
                request.caller_name.clone_from(&name);
                let limit = if kind == WakeKind::Call { VOIP_BYTES } else { ALERT_BYTES };
                prop_assert!(build(&request, NOW).unwrap().body.len() <= limit);
            }
        }
    }
}

/// RFC 8030 (headers), RFC 8291 (body), docs/web-push.md (text).
#[cfg(feature = "standin")]
mod webpush {
    use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;
    use crate::credential::VapidKey;
    use crate::provider::webpush::build;
    use crate::provider::webpush::encryption::{BODY_BYTES, Fresh, decrypt};

    /// The phone of RFC 8291 appendix A.
    const SUBSCRIPTION: &str = "https://push.example.net:8443/p/abc#p256dh=BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4&auth=BTBZMqHH6r4Tts7J_aSIgg";
    const OWN_KEY: &str = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94";

    fn browser(token: &str) -> WakeTarget {
        WakeTarget {
            provider: PushProvider::WebPush,
            app_id: "push.example.net:8443".into(),
            ..target(Some(token), None)
        }
    }

    fn read(body: &[u8]) -> Value {
        let own = PrivateKey::from_private_key(&ECDH_P256, &URL_SAFE_NO_PAD.decode(OWN_KEY).unwrap()).unwrap();
        let auth = URL_SAFE_NO_PAD.decode("BTBZMqHH6r4Tts7J_aSIgg").unwrap().try_into().unwrap();
        serde_json::from_slice(&decrypt(body, &own, auth).unwrap()).unwrap()
    }

    /// Every header by name, in order.
    fn headers(map: &http::HeaderMap) -> Vec<(&str, &str)> {
        let mut all: Vec<_> = map.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn a_browser_gets_the_call_at_once_and_can_show_it() {
        let push = build(&request(WakeKind::Call, browser(SUBSCRIPTION)), &Fresh::draw().unwrap(), NOW).unwrap();
        assert_eq!(push.url.as_str(), "https://push.example.net:8443/p/abc", "the keys stay here");
        assert_eq!(
            headers(&push.headers),
            [
                ("content-encoding", "aes128gcm"),
                ("content-type", "application/octet-stream"),
                ("topic", "a6e4EZ2tEdGAtADAT9QwyA"),
                ("ttl", "30"),
                ("urgency", "high"),
            ]
        );
        assert_eq!(
            read(&push.body),
            json!({
                "t": "call",
                "call": "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
                "ext": "101",
                "caller": "0301234567",
                "name": "Alice Ärger",
                "tag": "call-6ba7b811-9dad-11d1-80b4-00c04fd430c8",
                "exp": 1_795_293_281_i64,
                "ringing_url": "https://pbx.example.com/api/v1/calls/6ba7b811-9dad-11d1-80b4-00c04fd430c8/ringing",
            })
        );
    }

    /// `tests/web_push_independent` has this push read by programs that others wrote.
    #[test]
    fn a_push_and_its_signature_hold_all_that_another_program_needs_to_read_them() {
        let wake = request(WakeKind::Call, browser(SUBSCRIPTION));
        let push = build(&wake, &Fresh::draw().unwrap(), NOW).unwrap();
        let key = VapidKey::parse(VapidKey::generate().unwrap().reveal()).unwrap();
        let audience = crate::provider::webpush::audience(&push.url);
        assert_eq!(audience, "https://push.example.net:8443", "with the port (RFC 8292 section 2)");
        let ends_at = 4_102_444_800;
        let token = key.token(&audience, "mailto:admin@example.com", ends_at).unwrap();
        let sample = json!({
            "own_key": OWN_KEY,
            "auth": "BTBZMqHH6r4Tts7J_aSIgg",
            "body": URL_SAFE_NO_PAD.encode(&push.body),
            "text": read(&push.body),
            "authorization": token.authorization(),
            "audience": audience,
        });
        if let Some(file) = std::env::var_os("NIGHTBELL_WEB_PUSH_SAMPLE") {
            std::fs::write(file, sample.to_string()).unwrap();
        }
        assert_eq!(sample["text"]["t"], "call");
    }

    #[test]
    fn what_follows_a_call_replaces_it_and_the_rest_stands_alone() {
        for (kind, topic) in [
            (WakeKind::MissedCall, "a6e4EZ2tEdGAtADAT9QwyA"),
            (WakeKind::AnsweredElsewhere, "a6e4EZ2tEdGAtADAT9QwyA"),
            (WakeKind::Test, "test"),
            (WakeKind::Refresh, "refresh"),
        ] {
            let push = build(&request(kind, browser(SUBSCRIPTION)), &Fresh::draw().unwrap(), NOW).unwrap();
            let all = headers(&push.headers);
            assert!(all.contains(&("topic", topic)) && all.contains(&("urgency", "normal")), "{kind:?}: {all:?}");
            let about_a_call = topic.len() > 10;
            let mut expected = json!({ "t": kind.as_str(), "ext": "101", "at": 1_795_293_251_i64 });
            if about_a_call {
                expected["call"] = "6ba7b811-9dad-11d1-80b4-00c04fd430c8".into();
                expected["tag"] = "call-6ba7b811-9dad-11d1-80b4-00c04fd430c8".into();
                expected["caller"] = "0301234567".into();
                expected["name"] = "Alice Ärger".into();
            }
            assert_eq!(read(&push.body), expected, "{kind:?}");
        }
    }

    #[test]
    fn an_address_without_keys_gets_a_push_without_a_body() {
        let bare = "https://push.example.net/p/abc";
        let push = build(&request(WakeKind::Call, browser(bare)), &Fresh::draw().unwrap(), NOW).unwrap();
        assert!(push.body.is_empty());
        assert_eq!(headers(&push.headers), [("topic", "a6e4EZ2tEdGAtADAT9QwyA"), ("ttl", "30"), ("urgency", "high")]);
        for broken in ["", "x", "http://push.example.net/", "https://push.example.net/#auth=x"] {
            let refused = build(&request(WakeKind::Call, browser(broken)), &Fresh::draw().unwrap(), NOW).err().unwrap();
            assert_eq!(refused.code, "bad_token", "{broken}");
        }
    }

    #[test]
    fn the_time_to_live_is_what_is_left_of_the_ringing() {
        let wake = request(WakeKind::Call, browser(SUBSCRIPTION));
        for (seconds, ttl) in [(0, "30"), (12, "18"), (30, "0"), (99, "0")] {
            let push = build(&wake, &Fresh::draw().unwrap(), NOW + Duration::from_secs(seconds)).unwrap();
            assert!(headers(&push.headers).contains(&("ttl", ttl)), "after {seconds} s");
        }
    }

    proptest! {
        #[test]
        fn no_caller_breaks_the_text_or_the_limit(number in "\\PC{0,300}", name in ".{0,300}") {
            for kind in [WakeKind::Call, WakeKind::MissedCall, WakeKind::AnsweredElsewhere] {
                let mut request = request(kind, browser(SUBSCRIPTION));
                request.caller_number.clone_from(&number);
                request.caller_name.clone_from(&name);
                let push = build(&request, &Fresh::draw().unwrap(), NOW).unwrap();
                prop_assert!(push.body.len() <= BODY_BYTES);
                prop_assert_eq!(&read(&push.body)["t"], kind.as_str());
                prop_assert_eq!(headers(&push.headers).len(), 5, "no header comes from a caller");
            }
        }
    }
}

/// doc.acrobits.net, "Push Notifications over HTTP" and "SIPIS-less push calls".
#[cfg(feature = "providers")]
mod acrobits {
    use super::*;
    use crate::provider::acrobits::build;

    fn groundwire() -> WakeTarget {
        let call = "cz.acrobits.groundwire.voip ab+/c= 12869E:7C3A";
        let notice = "cz.acrobits.groundwire de+/f= 12869E:7C3A";
        WakeTarget { provider: PushProvider::Acrobits, ..target(Some(call), Some(notice)) }
    }

    fn built(kind: WakeKind) -> Value {
        serde_json::from_slice(&build(&request(kind, groundwire())).unwrap().body).unwrap()
    }

    #[test]
    fn groundwire_is_told_of_the_call_by_the_call_id_of_its_invite() {
        assert_eq!(
            built(WakeKind::Call),
            json!({
                "verb": "NotifyIncomingCall",
                "AppId": "cz.acrobits.groundwire.voip",
                "DeviceToken": "ab+/c=",
                "Selector": "12869E:7C3A",
                "Id": "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
                "UserName": "0301234567",
                "UserDisplayName": "Alice Ärger",
            })
        );
    }

    #[test]
    fn what_follows_goes_to_the_other_token_and_a_test_is_a_text() {
        for (kind, verb) in [
            (WakeKind::MissedCall, "NotifyIncomingCallMissed"),
            (WakeKind::AnsweredElsewhere, "NotifyIncomingCallAnsweredElsewhere"),
        ] {
            assert_eq!(
                built(kind),
                json!({
                    "verb": verb,
                    "AppId": "cz.acrobits.groundwire",
                    "DeviceToken": "de+/f=",
                    "Selector": "12869E:7C3A",
                    "Id": "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
                    "UserName": "0301234567",
                    "UserDisplayName": "Alice Ärger",
                })
            );
        }
        assert_eq!(
            built(WakeKind::Test),
            json!({
                "verb": "NotifyGenericTextMessage",
                "AppId": "cz.acrobits.groundwire",
                "DeviceToken": "de+/f=",
                "Message": "Push works: Nightbell can wake this app.",
            })
        );
        let broken = target(Some("one two"), None);
        let broken = WakeTarget { provider: PushProvider::Acrobits, ..broken };
        assert_eq!(build(&request(WakeKind::Call, broken)).err().unwrap().code, "bad_token");
    }

    proptest! {
        #[test]
        fn no_caller_breaks_the_json_or_makes_it_large(number in "\\PC{0,300}", name in ".{0,300}") {
            for kind in [WakeKind::Call, WakeKind::MissedCall, WakeKind::AnsweredElsewhere] {
                let mut request = request(kind, groundwire());
                request.caller_number.clone_from(&number);
                request.caller_name.clone_from(&name);
                let body = build(&request).unwrap().body;
                prop_assert!(body.len() <= 1024, "{} bytes", body.len());
                let body: Value = serde_json::from_slice(&body).unwrap();
                prop_assert_eq!(&body["DeviceToken"], if kind == WakeKind::Call { "ab+/c=" } else { "de+/f=" });
            }
        }
    }
}
