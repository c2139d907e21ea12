//! The event stream of the API.

use futures_util::StreamExt as _;

use super::*;

/// Opens the stream; reads frames until one holds `until`.
async fn read(bench: &Bench, last: Option<&str>, act: impl AsyncFnOnce(), until: &str) -> String {
    let mut asked = request(Method::GET, "/api/v1/events", "");
    if let Some(last) = last {
        asked = asked.header("last-event-id", last);
    }
    let response = bench.local.clone().oneshot(asked.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    let mut frames = response.into_body().into_data_stream();
    act().await;
    let mut text = String::new();
    while !text.contains(until) {
        text.push_str(&String::from_utf8_lossy(&frames.next().await.expect("the stream goes on").unwrap()));
    }
    text
}

#[tokio::test]
async fn events_have_ids_and_a_reader_goes_on_where_it_was() {
    let bench = Bench::new().await;
    let first = read(&bench, None, async || bench.add("101", "Anna").await, "101").await;
    assert!(first.contains("event: extension") && first.contains("id: 0-1"), "{first}");
    bench.add("102", "Ben").await;
    let second = read(&bench, Some("0-1"), async || bench.add("103", "Eve").await, "103").await;
    assert!(second.contains("\"extension\":\"102\"") && !second.contains("\"101\""), "{second}");
    assert!(!second.contains("resync"), "{second}");
}

#[tokio::test]
async fn a_reader_with_an_unknown_id_is_told_to_read_everything_anew() {
    let bench = Bench::new().await;
    for last in ["1-1", "0-99", "nonsense"] {
        let text = read(&bench, Some(last), async || {}, "resync").await;
        assert!(text.starts_with("event: resync"), "{last}: {text}");
    }
}

#[tokio::test]
async fn a_slow_reader_is_told_to_read_everything_anew_and_dropped() {
    let bench = Bench::new().await;
    let asked = request(Method::GET, "/api/v1/events", "").body(Body::empty()).unwrap();
    let response = bench.local.clone().oneshot(asked).await.unwrap();
    for number in 2000..4000 {
        bench.add(&number.to_string(), "x").await;
    }
    let text = String::from_utf8(to_bytes(response.into_body(), 10_000_000).await.unwrap().to_vec()).unwrap();
    assert!(text.contains("event: resync"), "{} bytes", text.len());
}
