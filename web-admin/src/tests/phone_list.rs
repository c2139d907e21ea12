//! Lists on which many things are marked and changed at once, and the call log by outcome and day.

use super::*;

#[tokio::test]
async fn phones_are_found_sorted_and_changed_many_at_once() {
    let (bench, cookie) = Bench::signed_in().await;
    assert!(bench.get("/phones", &cookie).await.body.contains("No phone yet"));
    bench.add("101", "Anna Berg").await;
    bench.add("102", "Ben Carter").await;
    bench.give_device(sleeping(1, "101", "com.example.app"));
    let mut other = sleeping(2, "102", "com.example.app");
    other.user_agent = "Yealink SIP-T54W".into();
    other.presence = Presence::Registered;
    bench.give_device(other);
    let all = bench.get("/phones?sort=software", &cookie).await.body;
    assert!(all.contains("2 of 2 phones") && all.contains("Anna Berg") && all.contains("Yealink"), "{all}");
    assert!(!all.contains(CALL_TOKEN));
    let (linphone, yealink) = (all.find("LinphoneiOS").unwrap(), all.find("Yealink").unwrap());
    assert!(linphone < yealink, "sorted by app");
    let found = bench.get("/phones?search=ben", &cookie).await.body;
    assert!(found.contains("1 of 2 phones") && !found.contains("Anna Berg"), "{found}");
    let registered = bench.get("/phones?presence=registered", &cookie).await.body;
    assert!(registered.contains("1 of 2 phones") && registered.contains("Yealink"));

    let nothing = bench.post("/phones", &cookie, "act=push_off").await;
    assert!(nothing.status == StatusCode::UNPROCESSABLE_ENTITY && nothing.body.contains("Mark the phones first"));
    let off = bench.post("/phones", &cookie, "device=1&device=2&act=push_off").await;
    assert_eq!(off.header(header::LOCATION), "/phones?done=push-off");
    let switched = |it: &DeviceSummary| it.wake_target.as_ref().unwrap().switched_off.is_some();
    assert!(bench.fake.world.lock().unwrap().devices.iter().all(switched));
    let asked = bench.post("/phones", &cookie, "device=2&act=forget").await.body;
    assert!(asked.contains("102: Yealink") && asked.contains("forget_now"), "{asked}");
    assert_eq!(bench.fake.world.lock().unwrap().devices.len(), 2, "asking forgets nothing");
    bench.post("/phones", &cookie, "device=2&act=forget_now").await;
    assert_eq!(bench.fake.world.lock().unwrap().devices.len(), 1);
    assert_eq!(bench.post("/phones", &cookie, "device=1&act=tea").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn marked_extensions_are_switched_at_once() {
    let (bench, cookie) = Bench::signed_in().await;
    for number in ["101", "102", "103"] {
        bench.add(number, "Somebody").await;
    }
    let done = bench.post("/extensions/bulk", &cookie, "extension=101&extension=103&act=push_off").await;
    assert_eq!(done.header(header::LOCATION), "/extensions?done=push-off");
    let on: Vec<bool> = bench.fake.world.lock().unwrap().extensions.values().map(|it| it.push_enabled).collect();
    assert_eq!(on, [false, true, false]);
    assert_eq!(bench.post("/extensions/bulk", &cookie, "act=push_off").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn phones_that_are_switched_off_are_shown_so_in_the_list_on_the_page_and_by_doctor() {
    let (bench, cookie) = Bench::signed_in().await;
    for number in ["101", "102"] {
        bench.add(number, "Somebody").await;
    }
    assert!(!bench.get("/extensions", &cookie).await.body.contains("Switched off"));
    let done = bench.post("/extensions/bulk", &cookie, "extension=102&act=phones_off").await;
    assert_eq!(done.header(header::LOCATION), "/extensions?done=phones-off");
    let list = bench.get("/extensions", &cookie).await.body;
    assert_eq!(list.matches("Switched off").count(), 1, "{list}");
    let page = bench.get("/extensions/102", &cookie).await.body;
    assert!(page.contains("Phones switched off by the admin") && page.contains("Switch the phones on again"), "{page}");
    let doctor = bench.api(Method::GET, "/doctor", "").await.body;
    assert!(doctor.contains("\"phones_off\"") && doctor.contains("switched off (102)"), "{doctor}");
    let off = bench.api(Method::GET, "/extensions/102", "").await.json();
    assert!(off["phones_off_at"].is_i64(), "{off}");
    bench.post("/extensions/102/phones", &cookie, "enabled=true").await;
    assert!(!bench.get("/extensions", &cookie).await.body.contains("Switched off"));
    assert!(!bench.api(Method::GET, "/doctor", "").await.body.contains("phones_off"));
}

#[tokio::test]
async fn the_call_log_is_filtered_by_outcome_and_day_and_a_wrong_day_is_named() {
    let (bench, cookie) = Bench::signed_in().await;
    let mut tx = bench.store.begin().await.unwrap();
    for (id, callee, ending, at) in
        [(1, "102", "completed", 1_790_000_000_000_i64), (2, "103", "no_answer", 1_790_200_000_000)]
    {
        query(
            "INSERT INTO call (id, uuid, caller, caller_name, callee, started_at, ended_at, ending, reason, packets_from_caller,
                               packets_from_callee)
             VALUES ($1, $2, '101', 'Anna Berg', $3, $4, $4, $5, 'Somebody at 192.0.2.7 hung up.', 0, 0)",
        )
        .bind(i64::from(id))
        .bind(uuid::Uuid::from_u128(u128::try_from(id).unwrap()).to_string())
        .bind(callee)
        .bind(at)
        .bind(ending)
        .execute(&mut tx)
        .await
        .unwrap();
    }
    tx.commit().await.unwrap();
    let shows = async |query: &str| {
        let body = bench.get(&format!("/calls?{query}"), &cookie).await.body;
        (body.contains("href=\"/calls/1\""), body.contains("href=\"/calls/2\""), body)
    };
    let (one, two, _) = shows("").await;
    assert!(one && two);
    let (one, two, body) = shows("ending=no_answer").await;
    assert!(!one && two && body.contains("value=\"no_answer\" selected"));
    let (one, two, _) = shows("until=2026-09-22").await;
    assert!(one && !two, "the day of the first call is within");
    let (one, two, _) = shows("from=2026-09-23").await;
    assert!(!one && two);
    let (one, two, body) = shows("from=yesterday").await;
    assert!(one && two && body.contains("A day is written as"), "{body}");
    let detail = bench.get("/calls/1", &cookie).await.body;
    let support = detail.split("id=\"support\">").nth(1).unwrap().split("</pre>").next().unwrap();
    assert!(support.contains("A (3 digits) called B (3 digits)") && support.contains("(address)"), "{support}");
    assert!(!support.contains("Anna") && !support.contains("192.0.2.7"), "{support}");
}
