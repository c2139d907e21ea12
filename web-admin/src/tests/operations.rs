//! The log of the process, and whether calls can be taken.

use serde_json::json;

use super::*;

#[tokio::test]
async fn the_last_lines_are_shown_and_searched_by_page_and_api() {
    let (bench, cookie) = Bench::signed_in().await;
    let tail = bench.state.site.log.tail().clone();
    tail.push(b"INFO nightbell: phone <101> registered\n");
    tail.push(b"WARN nightbell: something else\n");
    let found = bench.api(Method::GET, "/log?search=phone&limit=10", "").await.json();
    assert_eq!(found, json!({ "lines": ["INFO nightbell: phone <101> registered"] }));
    let page = bench.get("/system/log?search=phone&follow=on", &cookie).await;
    assert!(
        page.body.contains("phone &#60;101&#62; registered") && !page.body.contains("something else"),
        "{}",
        page.body
    );
    assert_eq!(page.header(header::REFRESH), "2");
}

#[tokio::test]
async fn the_filter_is_changed_for_some_time_and_a_wrong_one_is_named() {
    let (bench, cookie) = Bench::signed_in().await;
    let set = bench.api(Method::PUT, "/log/level", r#"{"filter":"debug","minutes":5}"#).await;
    assert_eq!(set.json(), json!({ "filter": "debug", "boot": "info" }));
    for (body, field) in [(r#"{"filter":"a=b"}"#, "filter"), (r#"{"filter":"debug","minutes":0}"#, "minutes")] {
        let refused = bench.api(Method::PUT, "/log/level", body).await;
        assert_eq!((refused.status.as_u16(), refused.json()["field"].as_str()), (422, Some(field)), "{body}");
    }
    let page = bench.post("/system/log", &cookie, "filter=a%3Db&minutes=10").await;
    assert!(page.status == StatusCode::UNPROCESSABLE_ENTITY && page.body.contains("is no filter"), "{}", page.body);
    let saved = bench.post("/system/log", &cookie, "filter=trace&minutes=10").await;
    assert_eq!(saved.header(header::LOCATION), "/system/log?done=saved");
    assert_eq!(bench.api(Method::GET, "/log/level", "").await.json()["filter"], "trace");
}

#[tokio::test]
async fn a_monitor_hears_whether_calls_can_be_taken() {
    let bench = Bench::new().await;
    let ready = bench.get("/readyz", "").await;
    assert_eq!((ready.status, ready.body.as_str()), (StatusCode::OK, "ready\n"));
    bench.store.close().await;
    let gone = bench.get("/readyz", "").await;
    assert_eq!((gone.status, gone.body.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n"));
    assert_eq!(bench.get("/healthz", "").await.status, StatusCode::OK, "a restart would not help");
}
