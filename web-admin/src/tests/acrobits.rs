//! The open route for push tokens of Acrobits' apps.

use pbx_core::registrar::PushReport;
use serde_json::{Value, json};

use super::*;

const PATH: &str = "/api/v1/acrobits/push-token";

fn report(password: &str) -> Value {
    json!({
        "username": "101", "password": password, "selector": "12869E:7C3A",
        "appId": "cz.acrobits.groundwire.voip", "token": "ab+/c=",
        "appIdOther": "cz.acrobits.groundwire", "tokenOther": "de+/f=",
    })
}

async fn send(bench: &Bench, body: &Value) -> Answer {
    send_to(bench, PATH, body).await
}

async fn send_to(bench: &Bench, path: &str, body: &Value) -> Answer {
    let request = request(Method::POST, path, "")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    bench.send(request).await
}

#[tokio::test]
async fn an_app_reports_with_the_secret_of_its_account_and_nobody_without() {
    let bench = Bench::new().await;
    let secret = bench.api(Method::POST, "/extensions", r#"{"number":"101"}"#).await.json()["secret"].clone();
    let answer = send(&bench, &report(secret.as_str().unwrap())).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::NO_CONTENT, ""));
    let reported = bench.fake.world.lock().unwrap().reported.clone();
    let PushReport::Has(offered) = reported[0].clone() else { panic!("{reported:?}") };
    let (call, notice) = (offered.call_token.clone().unwrap(), offered.notice_token.clone().unwrap());
    assert_eq!(call.reveal(), "cz.acrobits.groundwire.voip ab+/c= 12869E:7C3A");
    assert_eq!(notice.reveal(), "cz.acrobits.groundwire de+/f= 12869E:7C3A");
    assert_eq!(send(&bench, &report("wrong")).await.status, StatusCode::UNAUTHORIZED);
    let mut stranger = report("wrong");
    for name in ["999", "no name", ""] {
        stranger["username"] = name.into();
        let answer = send(&bench, &stranger).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (StatusCode::UNAUTHORIZED, Some("wrong_secret")));
    }
    assert_eq!(bench.fake.world.lock().unwrap().reported.len(), 1);
    let gone = send_to(&bench, "/api/v1/acrobits/logged-out", &report(secret.as_str().unwrap())).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(bench.fake.world.lock().unwrap().reported[1], PushReport::Gone(offered));
}

#[tokio::test]
async fn guesses_are_slowed_down() {
    let bench = Bench::new().await;
    let mut waits = 0;
    for _ in 0..10 {
        let answer = send(&bench, &report("wrong")).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            waits += 1;
            assert_ne!(answer.header(header::RETRY_AFTER), "");
        }
    }
    assert!(waits >= 5, "{waits} of 10 guesses had to wait");
}

#[tokio::test]
async fn what_the_app_did_not_fill_in_is_named() {
    let bench = Bench::new().await;
    for (field, value, blamed) in [
        ("token", json!("%pushTokenIncomingCall%"), "token"),
        ("selector", json!(""), "selector"),
        ("appIdOther", json!("a b"), "appId"),
    ] {
        let mut body = report("wrong");
        body[field] = value;
        let answer = send(&bench, &body).await;
        assert_eq!((answer.status, answer.json()["field"].as_str()), (StatusCode::BAD_REQUEST, Some(blamed)));
    }
    assert_eq!(send(&bench, &json!({ "username": "101" })).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(send(&bench, &json!({ "token": "x".repeat(10_000) })).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(bench.get(PATH, "").await.status, StatusCode::METHOD_NOT_ALLOWED);
}
