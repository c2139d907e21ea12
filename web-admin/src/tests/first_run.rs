//! The first run: its steps follow what is there, survive a restart, and refuse what is wrong beside its field.

use super::*;

#[tokio::test]
async fn the_steps_follow_what_is_there_and_skipping_is_remembered() {
    let (bench, cookie) = Bench::signed_in().await;
    let first = bench.get("/welcome", &cookie).await;
    assert!(first.body.contains("0 of 8 steps are done"), "{}", first.body);
    assert!(bench.get("/", &cookie).await.body.contains("8 steps of the setup are open"));
    bench.add("101", "Anna").await;
    assert!(bench.get("/welcome", &cookie).await.body.contains("1 of 8 steps are done"));
    assert_eq!(bench.post("/welcome/skip", &cookie, "step=mail").await.status, StatusCode::SEE_OTHER);
    assert!(bench.get("/welcome", &cookie).await.body.contains("Skipped"));
    assert_eq!(crate::welcome::kept(&bench.state).await.unwrap().skipped.len(), 1);
    assert_eq!(bench.post("/welcome/skip", &cookie, "step=tea").await.status, StatusCode::BAD_REQUEST);
    let menu = "<a href=\"/welcome\"";
    assert!(bench.get("/push", &cookie).await.body.contains(menu), "the way back is on every page");
    assert_eq!(bench.post("/welcome/close", &cookie, "").await.status, StatusCode::SEE_OTHER);
    assert!(!bench.get("/", &cookie).await.body.contains("of the setup"));
    assert!(!bench.get("/push", &cookie).await.body.contains(menu));
}

#[tokio::test]
async fn times_are_written_in_the_zone_of_the_company_at_once() {
    let (bench, cookie) = Bench::signed_in().await;
    let wrong = bench.post("/welcome/place", &cookie, "time_zone=Europe/Nowhere").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("is no time zone") && wrong.body.contains("value=\"Europe/Nowhere\""));
    let unclear = bench.post("/welcome/place", &cookie, "country=US&time_zone=").await;
    assert!(unclear.body.contains("There is more than one time zone in United States"), "{}", unclear.body);
    assert_eq!(bench.post("/welcome/place", &cookie, "country=JP&time_zone=").await.status, StatusCode::SEE_OTHER);
    assert!(bench.get("/system", &cookie).await.body.contains("Asia/Tokyo"));
    let stored = crate::place::LivePlace::default().zone(&bench.store).await;
    assert_eq!(stored.iana_name(), Some("Asia/Tokyo"), "it holds after a restart");
}

#[tokio::test]
async fn people_are_looked_at_first_and_then_added_all_or_none() {
    let (bench, cookie) = Bench::signed_in().await;
    let people = ("people", "Anna Berg anna@example.com\n102 Ben");
    let looked = bench.upload("/welcome/extensions", &cookie, &[people]).await;
    assert!(looked.status == StatusCode::OK && looked.body.contains("Ready to be added: 2"), "{}", looked.body);
    assert!(bench.fake.world.lock().unwrap().extensions.is_empty());
    let added = bench.upload("/welcome/extensions", &cookie, &[people, ("act", "add")]).await;
    assert_eq!(added.status, StatusCode::SEE_OTHER, "{}", added.body);
    assert_eq!(bench.fake.world.lock().unwrap().extensions.len(), 2);
    let people = ("people", "Carla\n102 Ben");
    let again = bench.upload("/welcome/extensions", &cookie, &[people, ("act", "add")]).await;
    assert!(again.status == StatusCode::UNPROCESSABLE_ENTITY && again.body.contains("exists already"));
    assert!(again.body.contains("class=\"num\">2</td>"), "the line as it was typed: {}", again.body);
    assert_eq!(bench.fake.world.lock().unwrap().extensions.len(), 2, "all or none");
    let csv = [("people", ""), ("file", "name;number\nDora;140\n"), ("act", "add")];
    assert_eq!(bench.upload("/welcome/extensions", &cookie, &csv).await.status, StatusCode::SEE_OTHER);
    assert!(bench.fake.world.lock().unwrap().extensions.contains_key(&"140".parse().unwrap()));
}

#[tokio::test]
async fn the_first_phone_gets_a_code_and_the_page_says_what_it_waits_for() {
    let (bench, cookie) = Bench::signed_in().await;
    assert!(bench.get("/welcome/phone", &cookie).await.body.contains("No extension yet"));
    bench.add("101", "Anna").await;
    let mut tx = bench.store.begin().await.unwrap();
    query("INSERT INTO extension (number, name, push_enabled, created_at) VALUES ('101', 'Anna', TRUE, 0)")
        .execute(&mut tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let code = bench.post("/welcome/phone", &cookie, "number=101").await;
    assert!(code.body.contains("<svg") && code.body.contains("Waiting for the phone"), "{}", code.body);
    let later = bench.get("/welcome/phone/101", &cookie).await;
    assert!(later.status == StatusCode::OK && !later.body.contains("<svg"), "the link is shown once");
    let nobody = bench.post("/welcome/phone/101/ring", &cookie, "").await;
    assert!(nobody.status == StatusCode::CONFLICT && nobody.body.contains("can be reached now"), "{}", nobody.body);
    bench.give_device(sleeping(1, "101", CALL_TOKEN));
    let page = bench.get("/welcome/phone/101", &cookie).await.body;
    assert!(page.contains("id=\"call-me\"") && page.contains("http-equiv=\"refresh\""), "{page}");
    assert_eq!(bench.post("/welcome/phone/101/ring", &cookie, "").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn every_step_shows_its_page() {
    let (bench, cookie) = Bench::signed_in().await;
    for path in ["/welcome/place", "/welcome/certificate", "/welcome/extensions", "/welcome/push"] {
        assert_eq!(bench.get(path, &cookie).await.status, StatusCode::OK, "{path}");
    }
    let wrong = bench.upload("/welcome/certificate", &cookie, &[("certificate", "tea"), ("key", "")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("id=\"key-error\""), "{}", wrong.body);
}
