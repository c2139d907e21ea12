//! Google's rules (RFC 7523 as the token service applies it, `projects.messages.send` of FCM HTTP v1), each broken once.

use http::Method;
use serde_json::{Value, json};

use super::super::push::unix_seconds;
use super::super::{FcmStandin, TestServiceAccount};
use super::{Asked, Change, ask, change, rs256};

const PROJECT: &str = "example-phone";
const TOKEN: &str = "fcm-Token_1:APA91bExample";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const FORM: &str = "application/x-www-form-urlencoded";

struct Scene {
    google: FcmStandin,
    account: TestServiceAccount,
    now: i64,
}

impl Scene {
    async fn set() -> Self {
        let google = FcmStandin::start().await.unwrap();
        let account = TestServiceAccount::generate(PROJECT, &google.token_uri()).unwrap();
        google.accept_account(&account);
        google.register_token(TOKEN, PROJECT);
        google.register_token("token-of-another", "another-project");
        Self { google, account, now: unix_seconds() }
    }

    /// An assertion with these changes; null takes a field away.
    fn assertion_by(&self, account: &TestServiceAccount, header: Value, changes: &Value) -> String {
        let file: Value = serde_json::from_str(account.json.reveal()).unwrap();
        let mut claims = json!({
            "iss": self.account.client_email,
            "aud": self.google.token_uri(),
            "scope": "https://www.googleapis.com/auth/firebase.messaging",
            "iat": self.now,
            "exp": self.now + 3600,
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        rs256(file["private_key"].as_str().unwrap(), &header, &claims)
    }

    fn assertion(&self, changes: &Value) -> String {
        self.assertion_by(&self.account, json!({ "alg": "RS256", "typ": "JWT" }), changes)
    }

    fn sign_in(&self, assertion: &str) -> Asked {
        let body = format!("grant_type={}&assertion={assertion}", GRANT.replace(':', "%3A"));
        let headers = vec![("content-type", FORM.to_owned())];
        Asked { method: Method::POST, url: self.google.token_uri(), headers, body: body.into_bytes() }
    }

    async fn says(&self, asked: Asked) -> (u16, Value) {
        let (status, body) = ask(self.google.ca_pem(), true, asked).await.unwrap();
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    async fn access(&self) -> String {
        let (status, answer) = self.says(self.sign_in(&self.assertion(&json!({})))).await;
        assert_eq!(status, 200, "{answer}");
        answer["access_token"].as_str().unwrap().to_owned()
    }

    fn message(&self, access: &str, body: &Value) -> Asked {
        let url = format!("{}/v1/projects/{PROJECT}/messages:send", self.google.url());
        let headers =
            vec![("authorization", format!("Bearer {access}")), ("content-type", "application/json".to_owned())];
        Asked { method: Method::POST, url, headers, body: body.to_string().into_bytes() }
    }
}

#[tokio::test]
async fn google_answers_each_wrong_sign_in_with_its_error() {
    let scene = Scene::set().await;
    let stranger = TestServiceAccount::generate(PROJECT, &scene.google.token_uri()).unwrap();
    let now = scene.now;
    let claims = |changes: Value| {
        let asked = scene.sign_in(&scene.assertion(&changes));
        move |it: &mut Asked| it.body.clone_from(&asked.body)
    };
    let body = |text: &'static str| move |it: &mut Asked| it.body = text.as_bytes().to_vec();
    let by_a_stranger = scene.sign_in(&scene.assertion_by(&stranger, json!({ "alg": "RS256" }), &json!({})));
    let other_algorithm = scene.sign_in(&scene.assertion_by(&scene.account, json!({ "alg": "none" }), &json!({})));
    let good = scene.assertion(&json!({}));
    let rows: Vec<(Change<'_>, &str)> = vec![
        (change("GET", |it| it.method = Method::GET), "invalid_request"),
        (change("JSON", |it| it.set("content-type", "application/json")), "invalid_request"),
        (change("no grant type", |it| it.body = format!("assertion={good}").into_bytes()), "unsupported_grant_type"),
        (change("another grant type", body("grant_type=client_credentials&assertion=x")), "unsupported_grant_type"),
        (
            change("no assertion", body("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer")),
            "invalid_request",
        ),
        (
            change("no JWT", body("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=a.b")),
            "invalid_request",
        ),
        (change("another algorithm", |it| it.body.clone_from(&other_algorithm.body)), "invalid_request"),
        (change("an unknown account", claims(json!({ "iss": "nobody@example.com" }))), "invalid_grant"),
        (change("no account", claims(json!({ "iss": null }))), "invalid_grant"),
        (change("signed by another key", |it| it.body.clone_from(&by_a_stranger.body)), "invalid_grant"),
        (change("for somebody else", claims(json!({ "aud": "https://oauth2.example.com/token" }))), "invalid_grant"),
        (
            change("another scope", claims(json!({ "scope": "https://www.googleapis.com/auth/cloud-platform" }))),
            "invalid_scope",
        ),
        (change("no scope", claims(json!({ "scope": null }))), "invalid_scope"),
        (change("from the future", claims(json!({ "iat": now + 600, "exp": now + 4200 }))), "invalid_grant"),
        (change("ended", claims(json!({ "iat": now - 3700, "exp": now - 100 }))), "invalid_grant"),
        (change("longer than an hour", claims(json!({ "exp": now + 3601 }))), "invalid_grant"),
        (change("ends before it begins", claims(json!({ "iat": now + 30, "exp": now + 10 }))), "invalid_grant"),
        (change("no end", claims(json!({ "exp": null }))), "invalid_request"),
    ];
    for ((what, how), error) in rows {
        let mut asked = scene.sign_in(&good);
        how(&mut asked);
        let (status, answer) = scene.says(asked).await;
        assert_eq!((status, answer["error"].as_str()), (400, Some(error)), "{what}: {answer}");
        assert!(answer["error_description"].as_str().is_some_and(|it| !it.is_empty()), "{what}: {answer}");
    }
    assert_eq!(scene.google.tokens_issued(), 0);
    scene.access().await;
    scene.google.forget_account(&scene.account.client_email);
    let (status, answer) = scene.says(scene.sign_in(&good)).await;
    assert_eq!((status, answer["error"].as_str()), (400, Some("invalid_grant")), "a deleted account: {answer}");
}

#[tokio::test]
async fn google_answers_each_wrong_message_with_its_error_and_the_field() {
    let scene = Scene::set().await;
    let access = scene.access().await;
    let android = |android: Value| json!({ "message": { "token": TOKEN, "android": android } });
    let call = android(json!({ "priority": "HIGH", "ttl": "30s", "direct_boot_ok": true, "data": { "t": "call" } }));
    let (status, answer) = scene.says(scene.message(&access, &call)).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer["name"].as_str().is_some_and(|it| it.starts_with("projects/example-phone/messages/")), "{answer}");
    let rows = [
        (json!(null), ""),
        (json!({ "token": TOKEN }), "token"),
        (json!({ "message": {} }), "message"),
        (json!({ "message": { "token": TOKEN, "topic": "all" } }), "message"),
        (json!({ "message": { "token": "" } }), "message.token"),
        (json!({ "message": { "token": "a-token-nobody-has" } }), "message.token"),
        (json!({ "message": { "token": TOKEN, "priority": "high" } }), "message.priority"),
        (json!({ "message": { "token": TOKEN }, "validate_only": "yes" }), "validate_only"),
        (android(json!({ "time_to_live": 30 })), "message.android.time_to_live"),
        (android(json!({ "priority": "high" })), "message.android.priority"),
        (android(json!({ "ttl": 30 })), "message.android.ttl"),
        (android(json!({ "ttl": "30" })), "message.android.ttl"),
        (android(json!({ "ttl": "3.s" })), "message.android.ttl"),
        (android(json!({ "ttl": "2419201s" })), "message.android.ttl"),
        (android(json!({ "direct_boot_ok": "true" })), "message.android.direct_boot_ok"),
        (android(json!({ "data": { "exp": 7 } })), "message.android.data[exp]"),
        (android(json!({ "data": { "ring": null } })), "message.android.data[ring]"),
        (android(json!({ "data": { "from": "030" } })), "message.android.data[from]"),
        (android(json!({ "data": { "gcm": "x" } })), "message.android.data[gcm]"),
        (android(json!({ "data": { "google.x": "y" } })), "message.android.data[google.x]"),
        (android(json!({ "data": { "x": "y".repeat(4096) } })), "message.android.data[]"),
    ];
    for (body, field) in rows {
        let (status, answer) = scene.says(scene.message(&access, &body)).await;
        assert_eq!(status, 400, "{body}: {answer}");
        assert_eq!(answer["error"]["status"], "INVALID_ARGUMENT", "{body}");
        assert_eq!(answer["error"]["details"][1]["fieldViolations"][0]["field"], field, "{body}: {answer}");
    }
}

#[tokio::test]
async fn google_answers_each_wrong_address_and_bearer_with_its_error() {
    let scene = Scene::set().await;
    let access = scene.access().await;
    let body = json!({ "message": { "token": TOKEN } });
    let url = scene.google.url();
    let rows: Vec<(Change<'_>, u16, &str)> = vec![
        (change("no bearer", |it| it.remove("authorization")), 401, "UNAUTHENTICATED"),
        (change("an unknown bearer", |it| it.set("authorization", "Bearer ya29.nobody")), 401, "UNAUTHENTICATED"),
        (change("a server key of old", |it| it.set("authorization", "key=AAAAexample")), 401, "UNAUTHENTICATED"),
        (
            change("another project", |it| it.url = format!("{url}/v1/projects/another-project/messages:send")),
            403,
            "PERMISSION_DENIED",
        ),
    ];
    for ((what, how), status, word) in rows {
        let mut asked = scene.message(&access, &body);
        how(&mut asked);
        let (said, answer) = scene.says(asked).await;
        assert_eq!((said, answer["error"]["status"].as_str()), (status, Some(word)), "{what}: {answer}");
    }
    // A path that is no method of the API is a page of the front end.
    for (what, path) in
        [("the interface of old", "/fcm/send"), ("another verb", "/v1/projects/example-phone/messages:get")]
    {
        let mut asked = scene.message(&access, &body);
        asked.url = format!("{url}{path}");
        let (status, page) = ask(scene.google.ca_pem(), true, asked).await.unwrap();
        assert!(status == 404 && page.starts_with("<!DOCTYPE html>"), "{what}: {status} {page}");
    }
    let mut get = scene.message(&access, &body);
    get.method = Method::GET;
    assert_eq!(ask(scene.google.ca_pem(), true, get).await.unwrap().0, 404);

    let foreign = json!({ "message": { "token": "token-of-another" } });
    let (status, answer) = scene.says(scene.message(&access, &foreign)).await;
    assert_eq!((status, answer["error"]["details"][0]["errorCode"].as_str()), (403, Some("SENDER_ID_MISMATCH")));
    scene.google.expire_tokens();
    assert_eq!(scene.says(scene.message(&access, &body)).await.0, 401, "an access token ends");
}
