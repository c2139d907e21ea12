//! Apple's rules (`Sending notification requests to APNs`, `Handling notification responses from APNs`, `Establishing a
//! token-based connection to APNs`), each broken once.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING};
use http::Method;
use pbx_core::model::Environment;
use serde_json::{Value, json};

use super::super::push::unix_seconds;
use super::super::{ApnsStandin, TestApnsKey};
use super::{Asked, Change, ask, change, es256};

const VOIP: &str = "aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11";
const ALERT: &str = "bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22";
const APP: &str = "com.example.phone";

struct Scene {
    apple: ApnsStandin,
    key: TestApnsKey,
    now: i64,
    bearer: String,
}

impl Scene {
    async fn set() -> Self {
        let apple = ApnsStandin::start().await.unwrap();
        let key = TestApnsKey::generate("WIRE000001", "NIGHTBELL1").unwrap();
        apple.accept_key_for(&key, &[APP]);
        apple.register_token(VOIP, &format!("{APP}.voip"), Environment::Production);
        apple.register_token(ALERT, APP, Environment::Production);
        let now = unix_seconds();
        let mut scene = Self { apple, key, now, bearer: String::new() };
        scene.bearer = scene.token(&json!({}), &json!({}));
        scene
    }

    /// A provider token with these changes; null takes a field away.
    fn token(&self, header: &Value, claims: &Value) -> String {
        self.token_by(&self.key.p8.reveal().clone(), header, claims)
    }

    fn token_by(&self, p8: &str, header: &Value, claims: &Value) -> String {
        let (header, claims) = self.parts(header, claims);
        es256(p8, &ECDSA_P256_SHA256_FIXED_SIGNING, &header, &claims)
    }

    fn parts(&self, header: &Value, claims: &Value) -> (Value, Value) {
        let changed = |mut usual: Value, changes: &Value| {
            for (name, value) in changes.as_object().unwrap() {
                usual[name] = value.clone();
            }
            usual.as_object_mut().unwrap().retain(|_, value| !value.is_null());
            usual
        };
        let header = changed(json!({ "alg": "ES256", "kid": self.key.key_id }), header);
        (header, changed(json!({ "iss": self.key.team_id, "iat": self.now }), claims))
    }

    fn call(&self) -> Asked {
        let headers = [
            ("authorization", format!("bearer {}", self.bearer)),
            ("apns-topic", format!("{APP}.voip")),
            ("apns-push-type", "voip".to_owned()),
            ("apns-priority", "10".to_owned()),
            ("apns-expiration", (self.now + 30).to_string()),
            ("apns-id", "6ba7b810-9dad-11d1-80b4-00c04fd430c8".to_owned()),
        ];
        let url = format!("{}/3/device/{VOIP}", self.apple.url(Environment::Production));
        Asked { method: Method::POST, url, headers: headers.into(), body: br#"{"aps":{}}"#.to_vec() }
    }

    fn notice(&self) -> Asked {
        let mut asked = self.call();
        asked.url = format!("{}/3/device/{ALERT}", self.apple.url(Environment::Production));
        asked.set("apns-topic", APP);
        asked.set("apns-push-type", "alert");
        asked.body = br#"{"aps":{"alert":"x"}}"#.to_vec();
        asked
    }

    fn background(&self) -> Asked {
        let mut asked = self.notice();
        asked.set("apns-push-type", "background");
        asked.set("apns-priority", "5");
        asked.body = br#"{"aps":{"content-available":1}}"#.to_vec();
        asked
    }

    async fn says(&self, asked: Asked) -> (u16, String) {
        let (status, body) = ask(self.apple.ca_pem(), true, asked).await.unwrap();
        let reason = serde_json::from_str::<Value>(&body).ok();
        (status, reason.and_then(|it| it["reason"].as_str().map(str::to_owned)).unwrap_or_default())
    }

    async fn refuses(&self, usual: Asked, rows: Vec<(Change<'_>, u16, &str)>) {
        let (status, reason) = self.says(usual.clone()).await;
        assert_eq!((status, reason.as_str()), (200, ""), "before anything is wrong");
        for ((what, how), status, reason) in rows {
            let mut asked = usual.clone();
            how(&mut asked);
            let said = self.says(asked).await;
            assert_eq!(said, (status, reason.to_owned()), "{what}");
        }
    }
}

#[tokio::test]
async fn apple_answers_each_wrong_address_header_and_body_with_its_reason() {
    let scene = Scene::set().await;
    let path = |rest: &'static str| {
        let base = scene.apple.url(Environment::Production);
        move |asked: &mut Asked| asked.url = format!("{base}{rest}")
    };
    let sandbox = scene.apple.url(Environment::Sandbox);
    let rows = vec![
        (change("GET", |it| it.method = Method::GET), 405, "MethodNotAllowed"),
        (change("another version", path("/4/device/aabb")), 404, "BadPath"),
        (change("another path", path("/push")), 404, "BadPath"),
        (change("no token", path("/3/device/")), 400, "MissingDeviceToken"),
        (change("a token that is no hex", path("/3/device/xyz1")), 400, "BadDeviceToken"),
        (change("a token nobody has", path("/3/device/aabb")), 400, "BadDeviceToken"),
        (change("the other environment", |it| it.url = format!("{sandbox}/3/device/{VOIP}")), 400, "BadDeviceToken"),
        (
            change(
                "the token of another topic",
                path("/3/device/bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22"),
            ),
            400,
            "DeviceTokenNotForTopic",
        ),
        (change("no topic", |it| it.remove("apns-topic")), 400, "MissingTopic"),
        (
            change("an app of somebody else", |it| it.set("apns-topic", "com.example.other.voip")),
            400,
            "TopicDisallowed",
        ),
        (change("no type", |it| it.remove("apns-push-type")), 400, "InvalidPushType"),
        (change("an unknown type", |it| it.set("apns-push-type", "call")), 400, "InvalidPushType"),
        (change("voip without the topic for it", |it| it.set("apns-topic", APP)), 400, "InvalidPushType"),
        (change("the topic for voip without it", |it| it.set("apns-push-type", "alert")), 400, "InvalidPushType"),
        (change("a priority that is none", |it| it.set("apns-priority", "7")), 400, "BadPriority"),
        (change("an end in words", |it| it.set("apns-expiration", "soon")), 400, "BadExpirationDate"),
        (change("an end in milliseconds", |it| it.set("apns-expiration", "1795293281000")), 400, "BadExpirationDate"),
        (change("a long collapse id", |it| it.set("apns-collapse-id", "x".repeat(65))), 400, "BadCollapseId"),
        (change("an id that is no UUID", |it| it.set("apns-id", "7")), 400, "BadMessageId"),
        (
            change("an id in capitals", |it| it.set("apns-id", "6BA7B810-9DAD-11D1-80B4-00C04FD430C8")),
            400,
            "BadMessageId",
        ),
        (change("a header twice", |it| it.headers.push(("apns-priority", "10".to_owned()))), 400, "DuplicateHeaders"),
        (change("no body", |it| it.body.clear()), 400, "PayloadEmpty"),
        (change("a body that is no JSON", |it| it.body = b"ring".to_vec()), 400, "PayloadEmpty"),
        (change("a body without aps", |it| it.body = br#"{"call":1}"#.to_vec()), 400, "PayloadEmpty"),
        (change("5,121 bytes", |it| it.body = sized(5121)), 413, "PayloadTooLarge"),
    ];
    scene.refuses(scene.call(), rows).await;
    let mut largest = scene.call();
    largest.body = sized(5120);
    assert_eq!(scene.says(largest).await.0, 200);
}

#[tokio::test]
async fn apple_answers_each_wrong_notice_with_its_reason() {
    let scene = Scene::set().await;
    let rows = vec![
        (change("an alert that shows nothing", |it| it.body = br#"{"aps":{}}"#.to_vec()), 400, "InvalidPushType"),
        (change("4,097 bytes", |it| it.body = sized(4097)), 413, "PayloadTooLarge"),
    ];
    scene.refuses(scene.notice(), rows).await;
    let rows = vec![
        (change("in a hurry", |it| it.set("apns-priority", "10")), 400, "BadPriority"),
        (change("in a hurry by default", |it| it.remove("apns-priority")), 400, "BadPriority"),
        (change("without content-available", |it| it.body = br#"{"aps":{}}"#.to_vec()), 400, "InvalidPushType"),
        (
            change("with a sound", |it| it.body = br#"{"aps":{"content-available":1,"sound":"x"}}"#.to_vec()),
            400,
            "InvalidPushType",
        ),
        (
            change("with an alert", |it| it.body = br#"{"aps":{"content-available":1,"alert":"x"}}"#.to_vec()),
            400,
            "InvalidPushType",
        ),
        (
            change("with a badge", |it| it.body = br#"{"aps":{"content-available":1,"badge":1}}"#.to_vec()),
            400,
            "InvalidPushType",
        ),
    ];
    scene.refuses(scene.background(), rows).await;
}

/// A body of exactly so many bytes.
fn sized(bytes: usize) -> Vec<u8> {
    let frame = r#"{"aps":{"alert":"x"},"x":""}"#.len();
    format!(r#"{{"aps":{{"alert":"x"}},"x":"{}"}}"#, "y".repeat(bytes - frame)).into_bytes()
}

#[tokio::test]
async fn apple_answers_each_wrong_proof_of_identity_with_its_reason() {
    let scene = Scene::set().await;
    let stranger = TestApnsKey::generate("WIRE000001", "NIGHTBELL1").unwrap();
    let none = json!({});
    let bearer = |token: String| move |asked: &mut Asked| asked.set("authorization", format!("bearer {token}"));
    let claims = |claims: Value| bearer(scene.token(&none, &claims));
    let header = |header: Value| bearer(scene.token(&header, &none));
    let (usual_header, usual_claims) = scene.parts(&none, &none);
    let der = es256(scene.key.p8.reveal(), &ECDSA_P256_SHA256_ASN1_SIGNING, &usual_header, &usual_claims);
    let by_a_stranger = scene.token_by(stranger.p8.reveal(), &none, &none);
    let padded = format!("{}=", scene.bearer);
    let scheme = |asked: &mut Asked| asked.set("authorization", format!("Basic {}", scene.bearer));
    let invalid = "InvalidProviderToken";
    let rows = vec![
        (change("none", |it| it.remove("authorization")), 403, "MissingProviderToken"),
        (change("another scheme", scheme), 403, invalid),
        (change("two segments", bearer("eyJ.eyJ".to_owned())), 403, invalid),
        (change("no JWT", bearer("abc".to_owned())), 403, invalid),
        (change("padding (RFC 7515 has none)", bearer(padded)), 403, invalid),
        (change("another algorithm", header(json!({ "alg": "HS256" }))), 403, invalid),
        (change("no key id", header(json!({ "kid": null }))), 403, invalid),
        (change("an unknown key id", header(json!({ "kid": "UNKNOWN001" }))), 403, invalid),
        (change("a field of our own in the header", header(json!({ "jku": "https://x" }))), 403, invalid),
        (change("a claim of our own", claims(json!({ "aud": "apple" }))), 403, invalid),
        (change("another team", claims(json!({ "iss": "OTHERTEAM1" }))), 403, invalid),
        (change("no team", claims(json!({ "iss": null }))), 403, invalid),
        (change("no time", claims(json!({ "iat": null }))), 403, invalid),
        (change("a time in words", claims(json!({ "iat": "now" }))), 403, invalid),
        (change("from the future", claims(json!({ "iat": scene.now + 600 }))), 403, invalid),
        (change("signed in DER", bearer(der)), 403, invalid),
        (change("signed by another key", bearer(by_a_stranger)), 403, invalid),
        (change("an hour old", claims(json!({ "iat": scene.now - 3600 }))), 403, "ExpiredProviderToken"),
        (
            change("a second one within 20 minutes", claims(json!({ "iat": scene.now - 1100 }))),
            429,
            "TooManyProviderTokenUpdates",
        ),
    ];
    scene.refuses(scene.call(), rows).await;
}

#[tokio::test]
async fn apple_speaks_http_2_over_tls_only_and_to_one_key_on_a_connection() {
    let scene = Scene::set().await;
    let refused = ask(scene.apple.ca_pem(), false, scene.call()).await;
    assert!(refused.is_err(), "HTTP/1.1: {refused:?}");
    let mut plain = scene.call();
    plain.url = plain.url.replace("https://", "http://");
    let refused = ask(scene.apple.ca_pem(), true, plain).await;
    assert!(refused.is_err(), "without TLS: {refused:?}");

    let second = TestApnsKey::generate("WIRE000002", "NIGHTBELL1").unwrap();
    scene.apple.accept_key(&second);
    let authority = reqwest::Certificate::from_pem(scene.apple.ca_pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([authority]).http2_prior_knowledge();
    let client = client.build().unwrap();
    let by_the_second = scene.token_by(second.p8.reveal(), &json!({ "kid": second.key_id }), &json!({}));
    let mut said = Vec::new();
    for bearer in [&scene.bearer, &by_the_second, &scene.bearer] {
        let mut asked = scene.call();
        asked.set("authorization", format!("bearer {bearer}"));
        let mut request = client.post(asked.url).body(asked.body);
        for (name, value) in asked.headers {
            request = request.header(name, value);
        }
        let response = request.send().await.unwrap();
        said.push((response.status().as_u16(), response.text().await.unwrap()));
    }
    let unrelated = (403, r#"{"reason":"UnrelatedKeyIdInToken"}"#.to_owned());
    assert_eq!(said, [(200, String::new()), unrelated, (200, String::new())]);
    assert_eq!(scene.apple.connections(), 1);
}
