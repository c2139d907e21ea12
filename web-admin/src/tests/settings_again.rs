//! Phones that need their settings again: every place says so, one click helps, and the fetch ends it.

use pbx_core::store::sql::query;

use super::*;

/// 101 with a phone that has fetched its settings, and one that was set up by hand.
async fn office() -> (Bench, String) {
    let (bench, cookie) = Bench::signed_in().await;
    bench.add("101", "Anna").await;
    let mut tx = bench.store.begin().await.unwrap();
    query("INSERT INTO extension (number, name, push_enabled, created_at) VALUES ('101', 'Anna', TRUE, 0)")
        .execute(&mut tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    bench.give_device(sleeping(1, "101", "com.example.app"));
    let mut by_hand = sleeping(2, "101", "com.example.app");
    by_hand.username = "101.byhand".parse().unwrap();
    bench.give_device(by_hand);
    fetches(&bench).await;
    (bench, cookie)
}

async fn fetches(bench: &Bench) {
    let (username, number) = ("101".parse().unwrap(), "101".parse().unwrap());
    bench.state.enrolments.note_fetched(&username, number, None).await.unwrap();
}

async fn mark(bench: &Bench) -> serde_json::Value {
    bench.api(Method::GET, "/extensions/101", "").await.json()["device_list"][0]["needs_settings"].clone()
}

#[tokio::test]
async fn selected_phones_are_marked_until_they_fetch_and_every_place_says_so() {
    let (bench, cookie) = office().await;
    assert_eq!(mark(&bench).await, serde_json::Value::Null);
    let form = "device=1&device=2&act=renew_settings";
    assert!(bench.post("/push/tokens", &cookie, form).await.body.contains("Mark 2 phones"));
    let left = bench.post("/push/tokens", &cookie, &format!("{form}&sure=yes")).await.body;
    assert!(left.contains("It was done for one phone") && left.contains("set up by hand"), "{left}");
    let shown = mark(&bench).await;
    assert_eq!((&shown["code"], &shown["by_itself"]), (&"needs_settings".into(), &false.into()));
    let text = "An admin asked that it fetches its settings again";
    let apps = bench.get("/push/apps", &cookie).await.body;
    assert!(apps.contains(text) && apps.contains("/devices/1/settings-link"), "{apps}");
    let page = bench.get("/extensions/101", &cookie).await.body;
    let ben = bench.session_of("ben", Role::User, Some("101")).await;
    let own = bench.get("/me", &ben).await.body;
    assert!(own.contains("This phone needs its settings again: An admin asked"), "{own}");
    assert!(page.contains("It needs its settings again") && page.contains("/devices/1/settings-link"), "{page}");
    let matrix = bench.api(Method::GET, "/push/matrix", "").await.json();
    assert_eq!((&matrix["needs_settings"][0]["device"], &matrix["apps"][0]["needs_settings"]), (&1.into(), &1.into()));
    let doctor = bench.api(Method::GET, "/doctor", "").await.json();
    assert!(doctor["findings"].as_array().unwrap().iter().any(|one| one["code"] == "needs_settings"), "{doctor}");
    fetches(&bench).await;
    assert_eq!(mark(&bench).await, serde_json::Value::Null);
    assert!(!bench.get("/push/apps", &cookie).await.body.contains("settings-link"));
}

#[tokio::test]
async fn one_click_shows_a_code_for_the_phone_that_is_set_up_already() {
    let (bench, cookie) = office().await;
    let page = bench.post("/devices/1/settings-link", &cookie, "").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(page.body.contains("keeps its number and account") && page.body.contains("<svg"), "{}", page.body);
    let issued = bench.api(Method::POST, "/devices/1/enrolments", "").await;
    assert_eq!(issued.status, StatusCode::CREATED, "{}", issued.body);
    let links = bench.api(Method::GET, "/enrolments?extension=101", "").await.json();
    assert!(links["enrolments"].as_array().unwrap().iter().all(|link| link["renews"] == "101"), "{links}");
    let gone = bench.api(Method::POST, "/devices/2/enrolments", "").await;
    assert_eq!((gone.status, gone.json()["code"].clone()), (StatusCode::NOT_FOUND, "no_such_account".into()));
    let unsent = bench.api(Method::POST, "/devices/1/settings-mail", "").await;
    assert_eq!((unsent.status, unsent.json()["code"].clone()), (StatusCode::CONFLICT, "no_mail_server".into()));
}
