//! API tokens: scopes, addresses, an end, and never more than their maker.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use serde_json::{Value, json};

use super::*;

async fn make(bench: &Bench, body: Value) -> String {
    let answer = bench.api(Method::POST, "/tokens", &body.to_string()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    answer.json()["token"].as_str().unwrap().to_owned()
}

async fn ask(bench: &Bench, token: &str, method: Method, path: &str, from: &str) -> StatusCode {
    let mut request = request(method, &format!("/api/v1{path}"), "")
        .header("authorization", format!("Bearer {token}"))
        .body(Body::empty())
        .unwrap();
    let from: SocketAddr = format!("{from}:50000").parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(from));
    bench.send(request).await.status
}

const HERE: &str = "192.0.2.7";

#[tokio::test]
async fn a_token_for_prometheus_reads_the_numbers_and_nothing_else() {
    let bench = Bench::new().await;
    let token = make(&bench, json!({ "name": "prometheus", "scopes": ["metrics"] })).await;
    assert_eq!(ask(&bench, &token, Method::GET, "/metrics", HERE).await, StatusCode::OK);
    for (method, path) in
        [(Method::GET, "/extensions"), (Method::GET, "/status"), (Method::GET, "/audit"), (Method::POST, "/extensions")]
    {
        assert_eq!(ask(&bench, &token, method, path, HERE).await, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn a_token_works_from_its_addresses_and_from_nowhere_else() {
    let bench = Bench::new().await;
    let token = make(&bench, json!({ "name": "x", "scopes": ["read"], "addresses": ["192.0.2.0/29"] })).await;
    for (from, wanted) in [("192.0.2.7", StatusCode::OK), ("192.0.2.8", StatusCode::UNAUTHORIZED)] {
        assert_eq!(ask(&bench, &token, Method::GET, "/status", from).await, wanted, "{from}");
    }
    let mapped = "[::ffff:192.0.2.7]";
    assert_eq!(ask(&bench, &token, Method::GET, "/status", mapped).await, StatusCode::OK);
}

#[tokio::test]
async fn a_token_that_has_run_out_opens_nothing() {
    let bench = Bench::new().await;
    let soon = crate::clock::now() + std::time::Duration::from_secs(3600);
    let token = make(&bench, json!({ "name": "x", "scopes": ["read"], "expires_at": soon })).await;
    assert_eq!(ask(&bench, &token, Method::GET, "/status", HERE).await, StatusCode::OK);
    let mut tx = bench.store.begin().await.unwrap();
    sqlx::query("UPDATE admin_api_token SET expires_at = 1").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(ask(&bench, &token, Method::GET, "/status", HERE).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_reaches_no_further_than_its_maker_and_ends_with_them() {
    let (bench, owner) = Bench::signed_in().await;
    let admin = bench.session_of("ben", Role::Admin, None).await;
    let refused = bench.post("/tokens/add", &admin, "name=x&scope_users=on&days=").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = bench.post("/tokens/add", &admin, "name=x&scope_read=on&days=90").await.body;
    let start = page.find("nbt_").unwrap();
    let token: String = page[start..].chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
    assert_eq!(ask(&bench, &token, Method::GET, "/status", HERE).await, StatusCode::OK);
    assert_eq!(bench.api(Method::PATCH, "/users/2", r#"{"disabled":true}"#).await.status, StatusCode::OK);
    assert_eq!(ask(&bench, &token, Method::GET, "/status", HERE).await, StatusCode::UNAUTHORIZED);
    bench.api(Method::PATCH, "/users/2", r#"{"disabled":false}"#).await;
    assert_eq!(ask(&bench, &token, Method::GET, "/status", HERE).await, StatusCode::OK);
    assert_eq!(bench.post("/users/2/remove", &owner, "").await.status, StatusCode::SEE_OTHER);
    assert_eq!(ask(&bench, &token, Method::GET, "/status", HERE).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn bad_wishes_name_the_field() {
    let bench = Bench::new().await;
    for (body, field) in [
        (json!({ "name": "", "scopes": ["read"] }), "name"),
        (json!({ "name": "x", "scopes": [] }), "scopes"),
        (json!({ "name": "x", "scopes": ["read"], "expires_at": 1 }), "expires_at"),
    ] {
        let answer = bench.api(Method::POST, "/tokens", &body.to_string()).await;
        assert_eq!((answer.status, &answer.json()["field"]), (StatusCode::BAD_REQUEST, &json!(field)), "{body}");
    }
    for body in [json!({ "name": "x" }), json!({ "name": "x", "scopes": ["all"] })] {
        assert_eq!(bench.api(Method::POST, "/tokens", &body.to_string()).await.status, StatusCode::BAD_REQUEST);
    }
    let (bench, cookie) = Bench::signed_in().await;
    let form = bench.post("/tokens/add", &cookie, "name=script&scope_read=on&addresses=nowhere&days=90").await;
    assert_eq!(form.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(form.body.contains("is no address") && form.body.contains("value=\"script\""), "{}", form.body);
}
