//! The REST API, over HTTPS with a session and at the Unix socket.

use serde_json::{Value, json};

use super::*;
use pbx_core::store::sql::query;

fn problem(answer: &Answer) -> (u16, String, String) {
    assert_eq!(answer.header(header::CONTENT_TYPE), "application/problem+json", "{}", answer.body);
    let body = answer.json();
    assert_eq!(body["status"].as_u64(), Some(u64::from(answer.status.as_u16())));
    assert!(!body["detail"].as_str().unwrap().is_empty());
    let text = |name: &str| body[name].as_str().unwrap_or("").to_owned();
    (answer.status.as_u16(), text("code"), text("field"))
}

#[tokio::test]
async fn an_extension_is_added_with_a_secret_that_is_shown_once() {
    let bench = Bench::new().await;
    let body = json!({ "number": "101", "name": "Anna", "email": "anna@example.com" }).to_string();
    let answer = bench.api(Method::POST, "/extensions", &body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    let made = answer.json();
    let secret = made["secret"].as_str().unwrap().to_owned();
    assert_eq!((secret.len(), &made["minted"], &made["username"]), (20, &json!(true), &json!("101")));
    assert_eq!(made["extension"]["presence"], json!("unreachable"));
    let stored = bench.fake.world.lock().unwrap().accounts.values().next().unwrap().clone();
    assert_eq!(
        stored,
        crate::secret::own_credential("101".parse().unwrap(), "nightbell", &Redacted::new(secret.clone())).unwrap()
    );
    for path in ["/extensions", "/extensions/101", "/extensions/export", "/doctor", "/status"] {
        assert!(!bench.api(Method::GET, path, "").await.body.contains(&secret), "{path}");
    }
}

#[tokio::test]
async fn refusals_are_problems_with_code_and_field() {
    let bench = Bench::new().await;
    bench.add("101", "Anna").await;
    let cases = [
        (Method::POST, "/extensions", r#"{"number":"101"}"#, (409, "number_taken", "number")),
        (Method::POST, "/extensions", r#"{"number":"1a"}"#, (400, "number_malformed", "number")),
        (Method::POST, "/extensions", r#"{"number":"102","email":"x"}"#, (400, "owner_malformed", "email")),
        (Method::POST, "/extensions", r#"{"number":"102","secret":"short"}"#, (400, "secret_malformed", "secret")),
        (Method::POST, "/extensions", r#"{"number":"102","nmae":"x"}"#, (400, "unknown_field", "")),
        (Method::POST, "/extensions", r#"{"number":"#, (400, "malformed", "")),
        (Method::GET, "/extensions/102", "", (404, "no_such_extension", "")),
        (Method::GET, "/extensions/abc", "", (400, "number_malformed", "number")),
        (Method::GET, "/extensions?limit=0", "", (400, "malformed", "limit")),
        (Method::GET, "/extensions?lmit=5", "", (400, "malformed", "")),
        (Method::POST, "/extensions/101/test-push", "", (409, "nothing_to_push", "")),
        (Method::PATCH, "/devices/7", r#"{"push_enabled":true}"#, (404, "no_such_device", "")),
        (Method::DELETE, "/calls/active/9", "", (404, "no_such_call", "")),
        (Method::GET, "/calls/9", "", (404, "no_such_call", "")),
        (Method::GET, "/calls/x", "", (400, "malformed", "")),
        (Method::PUT, "/settings", r#"{"ring_seconds":1}"#, (422, "setting_out_of_range", "ring_seconds")),
        (Method::PUT, "/settings", r#"{"realm":"other"}"#, (409, "realm_in_use", "realm")),
        (Method::DELETE, "/push/credentials/9", "", (404, "no_such_credential", "")),
        (Method::DELETE, "/enrolments/x", "", (404, "no_such_enrolment", "")),
        (Method::DELETE, "/tokens/9", "", (404, "no_such_token", "")),
        (Method::GET, "/nothing", "", (404, "no_such_route", "")),
        (Method::PUT, "/extensions", "{}", (405, "method_not_allowed", "")),
    ];
    for (method, path, body, (status, code, field)) in cases {
        let answer = bench.api(method.clone(), path, body).await;
        assert_eq!(problem(&answer), (status, code.to_owned(), field.to_owned()), "{method} {path} {}", answer.body);
    }
    let form = request(Method::POST, "/api/v1/extensions", "").body(Body::from("number=5")).unwrap();
    let answer = Answer::of(bench.local.clone().oneshot(form).await.unwrap()).await;
    assert_eq!(problem(&answer).1, "not_json");
    let huge = format!(r#"{{"number":"102","name":"{}"}}"#, "x".repeat(300_000));
    assert_eq!(problem(&bench.api(Method::POST, "/extensions", &huge).await), (413, "too_large".into(), String::new()));
}

#[tokio::test]
async fn pages_of_the_list_follow_one_another() {
    let bench = Bench::new().await;
    for number in ["101", "102", "103"] {
        bench.add(number, "x").await;
    }
    let first = bench.api(Method::GET, "/extensions?limit=2", "").await.json();
    assert_eq!((&first["total"], &first["next"]), (&json!(3), &json!("102")));
    let second = bench.api(Method::GET, "/extensions?limit=2&after=102", "").await.json();
    assert_eq!((second["extensions"].as_array().unwrap().len(), &second["next"]), (1, &Value::Null));
}

#[tokio::test]
async fn a_change_leaves_out_what_is_not_named_and_null_clears() {
    let bench = Bench::new().await;
    let body = r#"{"number":"101","name":"Anna","email":"anna@example.com"}"#;
    bench.api(Method::POST, "/extensions", body).await;
    let named = bench.api(Method::PATCH, "/extensions/101", r#"{"name":"Ben"}"#).await.json();
    assert_eq!((&named["name"], &named["email"]), (&json!("Ben"), &json!("anna@example.com")));
    let cleared = bench.api(Method::PATCH, "/extensions/101", r#"{"email":null}"#).await.json();
    assert_eq!((&cleared["name"], &cleared["email"]), (&json!("Ben"), &Value::Null));
    let off = bench.api(Method::POST, "/extensions/101/push", r#"{"enabled":false}"#).await.json();
    assert_eq!(off["push_enabled"], json!(false));
    assert_eq!(bench.api(Method::DELETE, "/extensions/101", "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(bench.api(Method::GET, "/extensions/101", "").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn devices_show_both_records_and_never_a_token() {
    let bench = Bench::new().await;
    bench.add("101", "Anna").await;
    bench.give_device(sleeping(7, "101", "com.example.app"));
    for path in ["/extensions/101", "/registrations", "/doctor"] {
        let answer = bench.api(Method::GET, path, "").await;
        assert!(!answer.body.contains(CALL_TOKEN), "{path}: {}", answer.body);
    }
    let device = bench.api(Method::GET, "/extensions/101", "").await.json()["device_list"][0].clone();
    assert_eq!(device["live_binding"]["live"], json!(false));
    assert_eq!(device["wake_target"]["state"], json!("armed"));
    assert_eq!(device["wake_target"]["call_token"].as_str().unwrap().len(), 12);
    let strict = bench.api(Method::PATCH, "/devices/7", r#"{"push_policy":"rfc8599"}"#).await.json();
    assert_eq!(strict["push_policy"], json!("rfc8599"));
    let off = bench.api(Method::PATCH, "/devices/7", r#"{"push_enabled":false}"#).await.json();
    assert_eq!(off["wake_target"]["switched_off"], json!("admin"));
    assert_eq!(bench.api(Method::POST, "/extensions/101/test-push", "").await.json(), json!({ "devices": [7] }));
    assert_eq!(bench.api(Method::DELETE, "/devices/7", "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(bench.api(Method::GET, "/registrations", "").await.json()["devices"], json!([]));
}

#[tokio::test]
async fn a_dry_run_changes_nothing_and_an_import_is_all_or_nothing() {
    let bench = Bench::new().await;
    bench.add("105", "Eve").await;
    let good = "number,name\n101,Anna\n102,Ben\n";
    let dry = bench.api(Method::POST, "/extensions/import", &json!({ "csv": good, "dry_run": true }).to_string()).await;
    assert_eq!((dry.status, &dry.json()["added"]), (StatusCode::OK, &json!(0)));
    assert_eq!(dry.json()["extensions"][0]["secret"], Value::Null);
    assert_eq!(bench.fake.world.lock().unwrap().extensions.len(), 1);

    let bad = format!("{good}105,Taken\n10x,Typo\n");
    let refused = bench.api(Method::POST, "/extensions/import", &json!({ "csv": bad }).to_string()).await;
    assert_eq!(problem(&refused), (422, "import_has_errors".into(), String::new()));
    let errors = refused.json()["errors"].clone();
    assert_eq!(
        (&errors[0]["line"], &errors[0]["code"], &errors[0]["column"]),
        (&json!(4), &json!("number_taken"), &json!("number"))
    );
    assert_eq!((&errors[1]["line"], &errors[1]["code"]), (&json!(5), &json!("number_malformed")));
    assert_eq!(bench.fake.world.lock().unwrap().extensions.len(), 1, "not even the good lines");

    let done = bench.api(Method::POST, "/extensions/import", &json!({ "csv": good }).to_string()).await.json();
    assert_eq!(done["added"], json!(2));
    assert_eq!(done["extensions"][1]["secret"].as_str().unwrap().len(), 20);
    assert_eq!(bench.fake.world.lock().unwrap().extensions.len(), 3);
}

#[tokio::test]
async fn an_export_defuses_formulas_and_can_be_imported_again() {
    let bench = Bench::new().await;
    bench.add("101", "=HYPERLINK(1)").await;
    bench.add("102", "Müller, Anna").await;
    let answer = bench.api(Method::GET, "/extensions/export", "").await;
    assert_eq!(answer.body, "number,name,email\n101,'=HYPERLINK(1),\n102,\"Müller, Anna\",\n");
    let parsed = crate::import::parse(&answer.body);
    assert_eq!(parsed.rows[0].name.as_str(), "=HYPERLINK(1)");
    assert_eq!(parsed.errors, []);
}

#[tokio::test]
async fn an_enrolment_link_is_issued_listed_and_revoked() {
    let bench = Bench::new().await;
    bench.add("101", "Anna").await;
    let add_to_store = "INSERT INTO extension (number, name, push_enabled, created_at) VALUES ('101', 'Anna', TRUE, 0)";
    let mut tx = bench.store.begin().await.unwrap();
    query(add_to_store).execute(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    let made = bench.api(Method::POST, "/extensions/101/enrolments", r#"{"label":"Anna's phone","hours":2}"#).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let made = made.json();
    assert!(made["url"].as_str().unwrap().starts_with("https://pbx.example.com/p/"));
    assert!(made["svg"].as_str().unwrap().starts_with("<svg"));
    let list = bench.api(Method::GET, "/enrolments?extension=101", "").await;
    assert_eq!(
        (&list.json()["enrolments"][0]["state"], &list.json()["enrolments"][0]["id"]),
        (&json!("issued"), &made["id"])
    );
    let token = made["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    assert!(!list.body.contains(&token));
    let path = format!("/enrolments/{}", made["id"].as_str().unwrap());
    assert_eq!(bench.api(Method::DELETE, &path, "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(problem(&bench.api(Method::DELETE, &path, "").await).1, "link_revoked");
}

#[tokio::test]
async fn settings_keep_what_is_left_out_and_are_live() {
    let bench = Bench::new().await;
    let changed = bench.api(Method::PUT, "/settings", r#"{"ring_seconds":45}"#).await.json();
    assert_eq!((&changed["ring_seconds"], &changed["realm"]), (&json!(45), &json!("nightbell")));
    assert_eq!(bench.fake.world.lock().unwrap().settings.ring_seconds, 45);
    assert_eq!(bench.api(Method::GET, "/settings", "").await.json(), changed);
}

#[tokio::test]
async fn a_push_credential_is_refused_in_the_push_sides_own_words() {
    let bench = Bench::new().await;
    let body = json!({ "provider": "apns", "p8": "x", "key_id": "ABC123DEFG", "team_id": "DEF123GHIJ" }).to_string();
    let answer = bench.api(Method::POST, "/push/credentials", &body).await;
    assert_eq!(problem(&answer), (422, "not_a_key".into(), "p8".into()));
    assert_eq!(
        bench.api(Method::GET, "/push/credentials", "").await.json(),
        json!({ "credentials": [], "health": [] })
    );
}

#[tokio::test]
async fn doctor_names_the_first_steps() {
    let bench = Bench::new().await;
    let report = bench.api(Method::GET, "/doctor", "").await.json();
    let codes: Vec<_> = report["findings"].as_array().unwrap().iter().map(|it| it["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["no_extensions", "no_push_credential", "certificate_self_made"]);
    assert_eq!(report["level"], json!("warn"));
}

#[tokio::test]
async fn a_stopped_switchboard_is_said_and_not_hidden() {
    let bench = Bench::new().await;
    assert_eq!(bench.get("/healthz", "").await.status, StatusCode::OK);
    let (handle, end) = pbx_core::handle::connect();
    drop(end);
    let state = AdminState { switchboard: handle, ..bench.state.clone() };
    let health = router(state.clone()).oneshot(request(Method::GET, "/healthz", "").body(Body::empty()).unwrap());
    assert_eq!(health.await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    let asked = local_router(state).oneshot(request(Method::GET, "/api/v1/status", "").body(Body::empty()).unwrap());
    assert_eq!(problem(&Answer::of(asked.await.unwrap()).await), (503, "stopping".into(), String::new()));
}

#[tokio::test]
async fn an_app_may_ask_whether_its_call_still_rings_and_learns_nothing_else() {
    use pbx_core::model::{CallId, CallUuid, UnixMillis};
    let bench = Bench::new().await;
    let call = CallUuid::or_none("6ba7b811-9dad-11d1-80b4-00c04fd430c8");
    let far = UnixMillis(4_000_000_000_000);
    bench.fake.ringing.rings(CallId(1), call, far);
    let rings = bench.get(&format!("/api/v1/calls/{call}/ringing"), "").await;
    assert_eq!((rings.status, rings.body.as_str()), (StatusCode::OK, r#"{"ringing":true,"until":4000000000000}"#));
    bench.fake.ringing.stopped(CallId(1));
    let silent = r#"{"ringing":false,"until":null}"#;
    for id in [&call.to_string(), "00000000-0000-0000-0000-000000000000", "1", "..%2f..", "%00", &"x".repeat(2000)] {
        let answer = bench.get(&format!("/api/v1/calls/{id}/ringing"), "").await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, silent), "{id}");
    }
}

#[tokio::test]
async fn the_metrics_are_for_whoever_has_a_token_and_hold_no_secret() {
    let (bench, cookie) = Bench::signed_in().await;
    assert_eq!(bench.get("/api/v1/metrics", "").await.status, StatusCode::UNAUTHORIZED);
    bench.give_device(sleeping(1, "101", "com.example.app"));
    let answer = bench.get("/api/v1/metrics", &cookie).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert!(answer.header(header::CONTENT_TYPE).starts_with("application/openmetrics-text"));
    for line in [
        "# TYPE nightbell_push_attempts counter",
        "# TYPE nightbell_wake_seconds histogram",
        "nightbell_build{version=\"0.1.0\"} 1",
        "nightbell_calls_active 0",
        "nightbell_sip_dropped_total{reason=\"busy\"} 0",
        "# EOF",
    ] {
        assert!(answer.body.lines().any(|it| it == line), "{line} is not in:\n{}", answer.body);
    }
    assert!(!answer.body.contains(CALL_TOKEN));
}
