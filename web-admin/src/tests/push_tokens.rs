//! The tokens: page and API filter alike, acts want a confirmation, and no token is shown.

use pbx_core::model::DeviceId;

use super::*;

/// Three phones of two extensions; the second one's token is revoked.
async fn office() -> (Bench, String) {
    let (bench, cookie) = Bench::signed_in().await;
    bench.add("101", "Anna").await;
    bench.add("102", "Ben").await;
    bench.give_device(sleeping(1, "101", "com.example.app"));
    let mut gone = sleeping(2, "102", "com.example.app");
    if let Some(target) = &mut gone.wake_target {
        target.health = TargetHealth::Revoked { since: UnixMillis(1_790_000_000_000), why: "410 Unregistered".into() };
    }
    bench.give_device(gone);
    bench.give_device(sleeping(3, "102", "org.other.app"));
    (bench, cookie)
}

fn devices(bench: &Bench) -> Vec<i64> {
    bench.fake.world.lock().unwrap().devices.iter().map(|device| device.id.0).collect()
}

#[tokio::test]
async fn page_and_api_list_the_same_tokens_by_the_same_filters() {
    let (bench, cookie) = office().await;
    let page = bench.get("/push/tokens", &cookie).await.body;
    assert!(page.contains("410 Unregistered") && page.contains("org.other.app"), "{page}");
    assert!(!page.contains(CALL_TOKEN), "a token is never shown");
    let listed = bench.api(Method::GET, "/push/tokens?state=revoked&extension=102", "").await.json();
    let rows = listed["tokens"].as_array().unwrap();
    assert_eq!((rows.len(), &rows[0]["device"], &rows[0]["why"]), (1, &2.into(), &"410 Unregistered".into()));
    assert_eq!((&listed["total"], &listed["counts"]["revoked"]), (&1.into(), &1.into()));
    let found = bench.get("/push/tokens?state=revoked&search=ben&extension=&sort=app", &cookie).await.body;
    assert!(found.contains("No token is as you filter"), "a name is no part of a token: {found}");
    let found = bench.get("/push/tokens?state=revoked&extension=102", &cookie).await.body;
    assert!(found.contains("value=\"2\"") && !found.contains("org.other.app"), "{found}");
    let first = bench.api(Method::GET, "/push/tokens?limit=2", "").await.json();
    assert_eq!((&first["next"], first["tokens"].as_array().unwrap().len()), (&2.into(), 2));
    let rest = bench.api(Method::GET, "/push/tokens?limit=2&after=2", "").await.json();
    assert_eq!((&rest["next"], rest["tokens"].as_array().unwrap().len()), (&serde_json::Value::Null, 1));
    let wrong = bench.api(Method::GET, "/push/tokens?state=rotten", "").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn selected_tokens_are_forgotten_after_a_confirmation_and_the_audit_log_names_them() {
    let (bench, cookie) = office().await;
    let form = "device=2&device=3&act=forget&back=%2Fpush%2Ftokens%3Fextension%3D102";
    let asked = bench.post("/push/tokens", &cookie, form).await;
    assert!(asked.body.contains("Forget the push tokens of 2 phones?"), "{}", asked.body);
    assert_eq!(asked.body.matches("name=\"device\"").count(), 2);
    assert_eq!(devices(&bench), [1, 2, 3], "asking does nothing");
    let done = bench.post("/push/tokens", &cookie, &format!("{form}&sure=yes")).await;
    assert_eq!(done.header(header::LOCATION), "/push/tokens?extension=102&done=tokens-forgotten");
    assert_eq!(devices(&bench), [1]);
    let log = bench.api(Method::GET, "/audit?search=forgot", "").await.json();
    let line = &log["lines"][0];
    assert_eq!(line["detail"], "forgot the push tokens of 2 phones: 2, 3", "{log}");
    assert_eq!(line["action"], "POST /push/tokens");
}

#[tokio::test]
async fn what_cannot_be_done_for_one_phone_holds_up_no_other_and_is_said() {
    let (bench, cookie) = office().await;
    let body = r#"{ "act": "test_push", "devices": [1, 77] }"#;
    let outcome = bench.api(Method::POST, "/push/tokens", body).await.json();
    assert_eq!((&outcome["done"], &outcome["left"][0]["code"]), (&[1].into(), &"no_such_device".into()));
    let left = bench.post("/push/tokens", &cookie, "device=1&device=77&act=forget&sure=yes").await.body;
    assert!(left.contains("It was done for one phone") && left.contains("there is no device 77"), "{left}");
    assert_eq!(devices(&bench), [2, 3]);
    let nobody = bench.api(Method::POST, "/push/tokens", r#"{ "act": "forget", "devices": [] }"#).await;
    assert_eq!((nobody.status, nobody.json()["code"].clone()), (StatusCode::UNPROCESSABLE_ENTITY, "nobody".into()));
    let many: Vec<i64> = (0..501).collect();
    let body = serde_json::json!({ "act": "forget", "devices": many }).to_string();
    assert_eq!(bench.api(Method::POST, "/push/tokens", &body).await.json()["code"], "too_many");
}

#[tokio::test]
async fn an_order_without_a_choice_does_nothing_and_leads_nowhere_else() {
    let (bench, cookie) = office().await;
    for form in ["act=forget", "device=1", "device=x&act=forget", "device=1&act=burn"] {
        let answer = bench.post("/push/tokens", &cookie, &format!("{form}&back=https%3A%2F%2Fevil.example%2F")).await;
        assert_eq!(answer.header(header::LOCATION), "/push/tokens?done=nothing-selected", "{form}");
    }
    assert_eq!(devices(&bench), [1, 2, 3]);
    let all = bench.get("/push/tokens?all=yes", &cookie).await.body;
    assert_eq!(all.matches(" checked").count(), 3, "all are selected without a script");
    assert!(bench.fake.world.lock().unwrap().devices.iter().any(|device| device.id == DeviceId(1)));
}
