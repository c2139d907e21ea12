//! Passkeys with a device in software: adding, signing in, and every way in which it must not work.

mod device;

use std::time::Duration;

use serde_json::{Value, json};

use self::device::Device;
use super::*;

impl Bench {
    async fn send_json(&self, path: &str, cookie: &str, body: &Value) -> Answer {
        let request = request(Method::POST, &format!("/api/v1{path}"), cookie)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        self.send(request).await
    }

    /// Registers a key of this device for whoever has the cookie.
    async fn register(&self, cookie: &str, name: &str, device: &mut Device) -> Answer {
        let begun = self.send_json("/account/passkeys/challenge", cookie, &json!({ "name": name })).await;
        assert_eq!(begun.status, StatusCode::OK, "{}", begun.body);
        let begun = begun.json();
        let credential = device.create(&begun["options"]);
        self.send_json("/account/passkeys", cookie, &json!({ "id": begun["id"], "credential": credential })).await
    }

    async fn challenge(&self) -> Value {
        let answer = self.post("/api/v1/passkey/challenge", "", "").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.json()
    }

    async fn show(&self, challenge: &Value, credential: Value) -> Answer {
        self.send_json("/passkey", "", &json!({ "id": challenge["id"], "credential": credential })).await
    }

    async fn sign_in_with(&self, device: &mut Device) -> Answer {
        let challenge = self.challenge().await;
        let credential = device.get(&challenge["options"]);
        self.show(&challenge, credential).await
    }
}

fn cookie_of(answer: &Answer) -> String {
    answer.header(header::SET_COOKIE).split(';').next().unwrap().to_owned()
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str, says: &str) {
    let problem = answer.json();
    assert_eq!((answer.status.as_u16(), problem["code"].as_str()), (status, Some(code)), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains(says), "{problem}");
    assert!(answer.headers.get(header::SET_COOKIE).is_none(), "nobody is signed in");
}

/// An owner `anna` with a passkey.
async fn anna() -> (Bench, String, Device) {
    let (bench, cookie) = Bench::signed_in().await;
    let mut device = Device::new();
    let added = bench.register(&cookie, "Anna's phone", &mut device).await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.body);
    (bench, cookie, device)
}

#[tokio::test]
async fn a_passkey_signs_in_alone_and_counts_as_both_factors() {
    let (bench, cookie, mut device) = anna().await;
    // Owners need a second factor: a password alone leads to setting one up, a passkey is one.
    let policy = bench.api(Method::PUT, "/second-factor", r#"{"roles":["owner"]}"#).await;
    assert!(policy.status.is_success(), "{}", policy.body);
    let signed_in = bench.sign_in_with(&mut device).await;
    assert_eq!((signed_in.status, signed_in.body.as_str()), (StatusCode::NO_CONTENT, ""));
    let by_passkey = cookie_of(&signed_in);
    assert_eq!(bench.get("/extensions", &by_passkey).await.status, StatusCode::OK);
    assert_ne!(
        bench.get("/extensions", &cookie).await.status,
        StatusCode::OK,
        "the session by password has one factor"
    );
    let listed = bench.get("/api/v1/account/passkeys", &by_passkey).await.json();
    assert_eq!(listed["passkeys"][0]["name"], "Anna's phone");
    assert!(listed["passkeys"][0]["last_used_at"].is_i64(), "{listed}");
    let audit = bench.api(Method::GET, "/audit", "").await.body;
    assert!(audit.contains("by passkey “Anna's phone”") && audit.contains("passkey “Anna's phone” added"), "{audit}");
    // The password still signs in.
    assert!(bench.sign_in("anna", PASSWORD).await.is_some());
}

#[tokio::test]
async fn another_page_another_name_and_a_device_that_does_not_check_are_refused() {
    let (bench, cookie, device) = anna().await;
    let mut device = device;
    let cases = [
        ("origin", "https://pbx.example.com.evil.example", "pbx.example.com", true, "under another name"),
        ("port", "https://pbx.example.com:8443", "pbx.example.com", true, "under another name"),
        ("RP id", BASE, "example.com", true, "under another name"),
        ("no user verification", BASE, "pbx.example.com", false, "did not check that it is you"),
    ];
    for (what, origin, rp_id, verifies, says) in cases {
        let bend = |it: &mut Device| {
            (it.origin, it.rp_id, it.verifies) = (origin.to_owned(), rp_id.to_owned(), verifies);
        };
        bend(&mut device);
        let answer = bench.sign_in_with(&mut device).await;
        println!("{what}: {}", answer.body);
        refused(&answer, 401, "passkey_refused", says);
        let mut other = Device::new();
        bend(&mut other);
        refused(&bench.register(&cookie, what, &mut other).await, 422, "passkey_refused", says);
        bench.state.throttle.succeeded("anna\u{1}passkey", std::net::IpAddr::from([0, 0, 0, 0]), crate::clock::now());
    }
    (device.origin, device.rp_id, device.verifies) = (BASE.to_owned(), "pbx.example.com".to_owned(), true);
    assert_eq!(bench.sign_in_with(&mut device).await.status, StatusCode::NO_CONTENT, "and the right one still works");
    let listed = bench.get("/api/v1/account/passkeys", &cookie).await.json();
    assert_eq!(listed["passkeys"].as_array().unwrap().len(), 1, "none of the bent ones was kept");
}

#[tokio::test]
async fn a_challenge_is_good_for_one_answer_and_for_five_minutes() {
    let (bench, cookie, mut device) = anna().await;
    let challenge = bench.challenge().await;
    let credential = device.get(&challenge["options"]);
    assert_eq!(bench.show(&challenge, credential.clone()).await.status, StatusCode::NO_CONTENT);
    refused(&bench.show(&challenge, credential.clone()).await, 401, "passkey_expired", "answered already");
    // The answer to another challenge.
    let other = bench.challenge().await;
    refused(&bench.show(&other, credential).await, 401, "passkey_expired", "try again");
    let late = bench.challenge().await;
    let credential = device.get(&late["options"]);
    bench.state.passkeys.age(Duration::from_secs(5 * 60));
    refused(&bench.show(&late, credential).await, 401, "passkey_expired", "took too long");
    // A registration's challenge signs nobody in, and one of a stranger registers nothing.
    let begun = bench.send_json("/account/passkeys/challenge", &cookie, &json!({ "name": "x" })).await.json();
    let asked = json!({ "publicKey": { "challenge": begun["options"]["publicKey"]["challenge"], "userVerification": "required" } });
    let credential = device.get(&asked);
    refused(&bench.show(&begun, credential).await, 401, "passkey_expired", "try again");
    let ben = bench.session_of("ben", Role::Admin, None).await;
    let begun = bench.send_json("/account/passkeys/challenge", &cookie, &json!({ "name": "x" })).await.json();
    let credential = Device::new().create(&begun["options"]);
    let answer = json!({ "id": begun["id"], "credential": credential });
    refused(&bench.send_json("/account/passkeys", &ben, &answer).await, 409, "passkey_expired", "try again");
}

#[tokio::test]
async fn a_key_answers_for_its_owner_and_for_nobody_else() {
    let (bench, _, mut annas) = anna().await;
    let ben = bench.session_of("ben", Role::Admin, None).await;
    let mut bens = Device::new();
    assert_eq!(bench.register(&ben, "Ben's key", &mut bens).await.status, StatusCode::CREATED);
    // Ben's key says that it is Anna's.
    let bens_handle = std::mem::replace(&mut bens.handle, annas.handle.clone());
    refused(&bench.sign_in_with(&mut bens).await, 401, "passkey_refused", "does not sign in here");
    bens.handle = bens_handle;
    // Ben's key says that it is Anna's credential: the signature is not hers.
    let own = std::mem::replace(&mut bens.credential, annas.credential.clone());
    bens.handle = annas.handle.clone();
    refused(&bench.sign_in_with(&mut bens).await, 401, "passkey_refused", "does not sign in here");
    // A key nobody knows, and a registration of a key that is somebody's.
    refused(&bench.sign_in_with(&mut Device::new()).await, 401, "passkey_refused", "does not sign in here");
    bens.credential = own;
    let again = bench.register(&ben, "again", &mut annas).await;
    refused(&again, 409, "duplicate", "registered already");
}

#[tokio::test]
async fn a_counter_that_does_not_grow_is_refused() {
    let (bench, _, mut device) = anna().await;
    device.counter = 7;
    assert_eq!(bench.sign_in_with(&mut device).await.status, StatusCode::NO_CONTENT);
    for lower in [7, 3, 0] {
        device.counter = lower;
        refused(&bench.sign_in_with(&mut device).await, 401, "passkey_refused", "counts backwards");
    }
    device.counter = 8;
    assert_eq!(bench.sign_in_with(&mut device).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn of_two_answers_with_one_counter_one_counts() {
    let (bench, _, mut device) = anna().await;
    device.counter = 5;
    let (one, other) = (bench.challenge().await, bench.challenge().await);
    let answers = (device.get(&one["options"]), device.get(&other["options"]));
    let (first, second) = tokio::join!(bench.show(&one, answers.0), bench.show(&other, answers.1));
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 401]);
}

#[tokio::test]
async fn failures_are_slowed_down_and_a_disabled_owner_stays_out() {
    let (bench, _, mut device) = anna().await;
    device.verifies = false;
    let mut last = bench.sign_in_with(&mut device).await;
    for _ in 0..5 {
        last = bench.sign_in_with(&mut device).await;
    }
    refused(&last, 429, "busy", "too many failed attempts");
    let ben = bench.session_of("ben", Role::Owner, None).await;
    let mut bens = Device::new();
    assert_eq!(bench.register(&ben, "Ben's key", &mut bens).await.status, StatusCode::CREATED);
    assert_eq!(bench.sign_in_with(&mut bens).await.status, StatusCode::NO_CONTENT, "his neighbour is not slowed down");
    let users = bench.api(Method::GET, "/users", "").await.json();
    let of_ben = users["users"].as_array().unwrap().iter().find(|user| user["name"] == "ben").unwrap()["id"].clone();
    let disabled = bench.api(Method::PATCH, &format!("/users/{of_ben}"), r#"{"disabled":true}"#).await;
    assert!(disabled.status.is_success(), "{}", disabled.body);
    refused(&bench.sign_in_with(&mut bens).await, 401, "passkey_refused", "does not sign in here");
}

#[tokio::test]
async fn adding_and_removing_want_a_recent_proof_and_an_owner_removes_everybodys() {
    let (bench, cookie, mut device) = anna().await;
    let page = bench.get("/account/passkeys", &cookie).await;
    assert!(page.body.contains("Anna&#39;s phone"), "{}", page.body);
    assert!(bench.get("/account/passkeys/add", &cookie).await.body.contains("/static/passkey."));
    let mut tx = bench.store.begin().await.unwrap();
    query("UPDATE admin_session SET confirmed_at = 0").execute(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    let stale = bench.send_json("/account/passkeys/challenge", &cookie, &json!({ "name": "x" })).await;
    assert_eq!((stale.status.as_u16(), stale.json()["code"].as_str()), (403, Some("confirm_needed")));
    let form = bench.get("/account/passkeys/add", &cookie).await;
    assert!(form.header(header::LOCATION).starts_with("/account/confirm"), "{form:?}");
    let signed_in = bench.sign_in_with(&mut device).await;
    let by_passkey = cookie_of(&signed_in);
    let ben = bench.session_of("ben", Role::Owner, None).await;
    let others = bench.post("/account/passkeys/1/remove", &ben, "").await;
    assert_eq!(others.status, StatusCode::SEE_OTHER);
    let id = bench.get("/api/v1/account/passkeys", &by_passkey).await.json()["passkeys"][0]["id"].clone();
    assert!(id.is_i64(), "nobody removes another's passkey as their own");
    let users = bench.api(Method::GET, "/users", "").await.json();
    let anna = users["users"].as_array().unwrap().iter().find(|user| user["name"] == "anna").unwrap()["id"].clone();
    let removed = bench.post(&format!("/users/{anna}/passkeys"), &ben, "").await;
    assert_eq!(removed.status, StatusCode::SEE_OTHER, "{}", removed.body);
    refused(&bench.sign_in_with(&mut device).await, 401, "passkey_refused", "does not sign in here");
    assert_ne!(bench.get("/account", &by_passkey).await.status, StatusCode::OK, "what began with it is over");
    assert!(bench.sign_in("anna", PASSWORD).await.is_some(), "the password stays");
}

#[tokio::test]
async fn without_javascript_the_pages_say_so_and_passwords_work() {
    let (bench, cookie, _) = anna().await;
    let add = bench.get("/account/passkeys/add", &cookie).await.body;
    assert!(add.contains("<noscript>") && add.contains("switched off"), "{add}");
    let sign_in = bench.get("/sign-in", "").await.body;
    assert!(sign_in.contains("<noscript>") && sign_in.contains("data-passkey=\"sign-in\""), "{sign_in}");
}

#[tokio::test]
async fn what_is_no_answer_of_a_device_is_named() {
    let (bench, cookie, _) = anna().await;
    let challenge = bench.challenge().await;
    let wrong = bench.show(&challenge, json!({ "id": 1 })).await;
    assert_eq!((wrong.status.as_u16(), wrong.json()["field"].as_str()), (400, Some("credential")), "{}", wrong.body);
    for name in ["", "a\nb"] {
        let refused = bench.send_json("/account/passkeys/challenge", &cookie, &json!({ "name": name })).await;
        assert_eq!((refused.status.as_u16(), refused.json()["code"].as_str()), (422, Some("passkey_name")));
    }
}
