//! The network check in the pages and the API.

use axum::extract::ConnectInfo;

use super::*;
use crate::network_check::{Level, Observation, Topic, Vantage, store};

async fn ask(bench: &Bench, path: &str, body: &serde_json::Value) -> Answer {
    let mut request = request(Method::POST, &format!("/api/v1{path}"), "")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    let from: std::net::SocketAddr = "203.0.113.50:4000".parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(from));
    bench.send(request).await
}

fn report() -> serde_json::Value {
    serde_json::json!({
        "addresses": ["198.51.100.9"],
        "https": { "chain": [], "trust": { "verdict": "not_shown", "why": "it does not answer" } },
        "answers": [],
    })
}

#[tokio::test]
async fn a_code_is_good_for_one_plan_and_a_plan_for_one_report() {
    let (bench, cookie) = Bench::signed_in().await;
    let made = bench.api(Method::POST, "/network-check/code", "").await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let code = made.json()["code"].as_str().unwrap().to_owned();
    assert_eq!(made.json()["command"], format!("nightbell probe {BASE}"));
    assert!(bench.get("/system/network", &cookie).await.body.contains("A code is out"));
    let wish = serde_json::json!({ "code": code });
    let plan = ask(&bench, "/port-check/plan", &wish).await;
    assert_eq!(plan.status, StatusCode::OK, "{}", plan.body);
    assert_eq!(plan.json()["seen_from"], "203.0.113.50");
    assert!(!plan.json()["questions"].as_array().unwrap().is_empty(), "{}", plan.body);
    assert!(bench.get("/system/network", &cookie).await.body.contains("A machine outside is asking"));
    assert_eq!(ask(&bench, "/port-check/plan", &wish).await.json()["code"], "no_such_check", "used up");
    let check = plan.json()["check"].clone();
    let wish = serde_json::json!({ "check": check, "report": report() });
    let told = ask(&bench, "/port-check/report", &wish).await;
    assert_eq!((told.status, told.json()["level"].as_str()), (StatusCode::OK, Some("fail")), "{}", told.body);
    assert!(told.body.contains("tls_not_spoken"), "{}", told.body);
    assert_eq!(ask(&bench, "/port-check/report", &wish).await.status, StatusCode::NOT_FOUND);
    assert!(!bench.state.site.surroundings.port_check.is_running(), "nothing is answered any more");
    let runs = bench.api(Method::GET, "/network-check/runs", "").await.json();
    assert_eq!(
        (runs["runs"][0]["vantage"].as_str(), runs["runs"][0]["seen_from"].as_str()),
        (Some("outside"), Some("203.0.113.50"))
    );
    let page = bench.get("/system/network", &cookie).await;
    assert!(page.body.contains("No certificate was seen"), "{}", page.body);
    let shown = bench.get(&format!("/system/network/runs/{}", runs["runs"][0]["id"]), &cookie).await;
    assert!(shown.body.contains("Copy for support"), "{}", shown.body);
}

#[tokio::test]
async fn nothing_is_answered_to_those_who_have_no_code() {
    let bench = Bench::new().await;
    for code in ["", "x", "../..", &"a".repeat(500)] {
        let answer = ask(&bench, "/port-check/plan", &serde_json::json!({ "code": code })).await;
        assert_eq!(answer.json()["code"], "no_such_check", "{code}: {}", answer.body);
    }
    let wish = serde_json::json!({ "check": "x", "report": report() });
    assert_eq!(ask(&bench, "/port-check/report", &wish).await.status, StatusCode::NOT_FOUND);
    assert!(!bench.state.site.surroundings.port_check.is_running());
}

#[tokio::test]
async fn codes_that_nobody_uses_make_room_and_the_page_shows_the_code_once() {
    let (bench, cookie) = Bench::signed_in().await;
    let page = bench.post("/system/network/code", &cookie, "").await;
    assert!(page.body.contains("nightbell probe https://pbx.example.com"), "{}", page.body);
    let mut codes = Vec::new();
    for _ in 0..6 {
        codes.push(bench.api(Method::POST, "/network-check/code", "").await.json()["code"].clone());
    }
    let first = ask(&bench, "/port-check/plan", &serde_json::json!({ "code": codes[0] })).await;
    assert_eq!(first.status, StatusCode::NOT_FOUND, "it gave way");
    let last = ask(&bench, "/port-check/plan", &serde_json::json!({ "code": codes[5] })).await;
    assert_eq!(last.status, StatusCode::OK, "{}", last.body);
    assert!(!bench.get("/system/network", &cookie).await.body.contains(codes[4].as_str().unwrap()));
}

fn seen(code: &str, text: &str, level: Level) -> Observation {
    Observation { topic: Topic::Ports, level, code: code.into(), text: text.into(), fix: String::new() }
}

#[tokio::test]
async fn before_and_after_stand_side_by_side_and_old_checks_give_way() {
    let (bench, cookie) = Bench::signed_in().await;
    let at = (UnixMillis(0), UnixMillis(1));
    for number in 0..40 {
        let one = [seen("port_closed", &format!("TLS 5061 is closed <{number}>."), Level::Fail)];
        store::put(&bench.store, Vantage::Outside, "203.0.113.50", at, &one).await.unwrap();
    }
    let after = [seen("port_reached", "TLS 5061 is reached.", Level::Ok)];
    let id = store::put(&bench.store, Vantage::Outside, "203.0.113.50", at, &after).await.unwrap();
    let runs = store::list(&bench.store).await.unwrap();
    assert_eq!((runs.len(), runs[0].level, runs[1].level), (30, Level::Ok, Level::Fail));
    let page = bench.get(&format!("/system/network/runs/{id}"), &cookie).await;
    assert!(page.body.contains("No longer a problem") && page.body.contains("&#60;39&#62;"), "{}", page.body);
    assert!(page.body.contains("Not so in the check before"), "{}", page.body);
    assert_eq!(bench.get("/system/network/runs/1", &cookie).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn who_is_asked_can_be_changed_and_bad_names_are_refused() {
    let (bench, cookie) = Bench::signed_in().await;
    let new = r#"{"stun_servers":["stun.example.com"],"echo_urls":[]}"#;
    assert_eq!(bench.api(Method::PUT, "/network-check/settings", new).await.status, StatusCode::OK);
    let bad = bench.api(Method::PUT, "/network-check/settings", r#"{"stun_servers":[],"echo_urls":["ftp://x"]}"#).await;
    assert_eq!((bad.status, bad.json()["field"].as_str()), (StatusCode::UNPROCESSABLE_ENTITY, Some("echo_urls")));
    let page = bench.post("/system/network/settings", &cookie, "stun_servers=a+b%0D%0Ac%3A0&echo_urls=").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.body.contains("c:0"), "{}", page.body);
    let saved =
        bench.post("/system/network/settings", &cookie, "stun_servers=&echo_urls=https%3A%2F%2Fip.example").await;
    assert_eq!(saved.header(header::LOCATION), "/system/network?done=saved");
    let shown = bench.api(Method::GET, "/network-check/settings", "").await.json();
    assert_eq!(shown, serde_json::json!({ "stun_servers": [], "echo_urls": ["https://ip.example"] }));
}
