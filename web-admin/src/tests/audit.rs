//! The audit log: every change is in it, and a line that was changed, cut or added is found.

use serde_json::json;

use super::*;

async fn lines(bench: &Bench) -> Vec<serde_json::Value> {
    bench.api(Method::GET, "/audit?limit=500", "").await.json()["lines"].as_array().unwrap().clone()
}

async fn verdict(bench: &Bench) -> serde_json::Value {
    bench.api(Method::GET, "/audit/verify", "").await.json()
}

async fn by_hand(bench: &Bench, sql: &'static str) {
    let mut tx = bench.store.begin().await.unwrap();
    sqlx::query(sql).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
}

/// An installation with six lines: a sign-in and five changes.
async fn with_lines() -> Bench {
    let (bench, _) = Bench::signed_in().await;
    for number in 101..106 {
        bench.add(&number.to_string(), "").await;
    }
    assert_eq!(lines(&bench).await.len(), 6);
    assert_eq!(verdict(&bench).await, json!({ "lines": 6, "broken": null }));
    bench
}

#[tokio::test]
async fn who_did_what_from_where_by_which_door_and_how_it_ended_is_written_down() {
    let (bench, cookie) = Bench::signed_in().await;
    bench.post("/extensions", &cookie, "number=101&name=Anna").await;
    bench.post("/extensions", &cookie, "number=101&name=Anna").await;
    let reader = bench.session_of("rita", Role::ReadOnly, None).await;
    bench.post("/extensions", &reader, "number=102").await;
    bench.get("/users/add", &reader).await;
    bench.api(Method::DELETE, "/extensions/101", "").await;
    bench.post("/sign-in", "", "name=anna&password=wrong").await;
    bench.post("/sign-in", "", "name=my+password+by+mistake&password=x").await;
    let lines = lines(&bench).await;
    let told: Vec<String> = lines
        .iter()
        .rev()
        .map(|line| ["who", "door", "action", "result"].map(|key| line[key].as_str().unwrap()).join(" | "))
        .collect();
    let expected = [
        "anna | open | sign-in | done",
        "anna | session | POST /extensions | done",
        "anna | session | POST /extensions | refused (422)",
        "rita | session | POST /extensions | refused (403)",
        "rita | session | GET /users/add | refused (403)",
        "owner | socket | DELETE /api/v1/extensions/{number} | done",
        "anna | open | sign-in | refused (401)",
        "somebody unknown | open | sign-in | refused (401)",
    ];
    assert_eq!(told, expected);
    assert_eq!(lines[2]["target"], "/api/v1/extensions/101");
    assert!(lines[0]["at"].as_i64().unwrap() > 1_700_000_000_000);
}

#[tokio::test]
async fn what_changed_about_a_person_is_said() {
    let (bench, _) = Bench::signed_in().await;
    bench.api(Method::POST, "/users", r#"{"name":"ben","role":"admin"}"#).await;
    bench.api(Method::PATCH, "/users/2", r#"{"role":"read_only"}"#).await;
    let lines = lines(&bench).await;
    assert_eq!(lines[0]["detail"], "user ben: admin -> read_only");
    assert_eq!(lines[1]["detail"], "user ben, admin");
}

#[tokio::test]
async fn a_line_that_was_changed_is_found() {
    let bench = with_lines().await;
    by_hand(&bench, "UPDATE admin_audit SET who = 'eve' WHERE seq = 3").await;
    let found = verdict(&bench).await;
    assert_eq!((&found["lines"], &found["broken"]["seq"]), (&json!(2), &json!(3)), "{found}");
    let (_, cookie) = (0, bench.session_of("rita", Role::ReadOnly, None).await);
    assert!(bench.get("/audit?check=yes", &cookie).await.body.contains("Line 3 does not fit"));
}

#[tokio::test]
async fn a_line_that_was_taken_out_is_found() {
    let bench = with_lines().await;
    by_hand(&bench, "DELETE FROM admin_audit WHERE seq = 4").await;
    assert_eq!(verdict(&bench).await["broken"], json!({ "seq": 4, "why": "the line is missing" }));
}

#[tokio::test]
async fn a_log_whose_end_or_whole_was_cut_off_is_found() {
    let bench = with_lines().await;
    by_hand(&bench, "DELETE FROM admin_audit WHERE seq > 4").await;
    assert_eq!(verdict(&bench).await["broken"]["seq"], 5);
    by_hand(&bench, "DELETE FROM admin_audit").await;
    assert_eq!(verdict(&bench).await["broken"]["seq"], 1);
    by_hand(&bench, "DELETE FROM admin_audit_head").await;
    // Whoever empties both leaves no evidence here; the export and the log of the system have it.
    assert_eq!(verdict(&bench).await["broken"], json!(null));
}

#[tokio::test]
async fn a_chain_that_somebody_computed_anew_does_not_fit_the_sealed_end() {
    let bench = with_lines().await;
    // The last line with a right hash for other words, as whoever has the database but not the key could write it.
    let mut lines = crate::audit::store::behind(&bench.store, 4, 10).await.unwrap();
    let (before, mut last) = (lines.remove(0), lines.remove(0));
    last.who = "eve".into();
    let hash = last.expected(&before.hash);
    let mut tx = bench.store.begin().await.unwrap();
    let sql = "UPDATE admin_audit SET who = 'eve', hash = $1 WHERE seq = 6";
    sqlx::query(sql).bind(hash).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    let found = verdict(&bench).await;
    assert_eq!(found["broken"]["seq"], 6, "{found}");
    assert!(found["broken"]["why"].as_str().unwrap().contains("something else"));
}

#[tokio::test]
async fn strangers_fill_neither_the_log_nor_hide_themselves() {
    let bench = Bench::new().await;
    for i in 0..80 {
        let entry = crate::audit::store::Entry { who: format!("{i}"), ..Default::default() };
        bench.state.audit.record_stranger(&bench.store, entry).await;
    }
    assert_eq!(lines(&bench).await.len(), 30);
}

#[tokio::test]
async fn the_log_is_searched_paged_and_exported() {
    let bench = with_lines().await;
    let found = bench.api(Method::GET, "/audit?search=SIGN-IN", "").await.json();
    assert_eq!(found["lines"].as_array().unwrap().len(), 1);
    let first = bench.api(Method::GET, "/audit?limit=4", "").await.json();
    assert_eq!(first["next"], 3);
    let second = bench.api(Method::GET, "/audit?limit=4&before=3", "").await.json();
    assert_eq!((second["lines"].as_array().unwrap().len(), &second["next"]), (2, &json!(null)));
    let cookie = bench.session_of("rita", Role::ReadOnly, None).await;
    let export = bench.get("/audit/export", &cookie).await;
    assert_eq!(export.body.lines().count(), 6);
    assert!(export.header(header::CONTENT_DISPOSITION).contains("attachment"));
    assert!(bench.get("/audit?search=105", &cookie).await.body.contains("extension 105"));
}
