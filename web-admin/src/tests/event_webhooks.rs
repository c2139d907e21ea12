//! Event webhooks in the pages and the API: added, shown, switched off, and their queues.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::event_webhooks::event::{Event, EventKind};
use crate::event_webhooks::store::{self, News, QUEUE, Tried};
use crate::event_webhooks::{DeliveryState, Receiver};

async fn added(bench: &Bench) -> Receiver {
    let body = json!({ "url": "https://crm.example.com/told", "events": ["call.ended", "call.missed"] }).to_string();
    let answer = bench.api(Method::POST, "/event-webhooks", &body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    store::one(&bench.store, answer.json()["id"].as_i64().unwrap()).await.unwrap().unwrap()
}

fn news(first: i64, count: i64) -> News {
    let event = |number: i64| Event { id: format!("event-{number}"), kind: EventKind::CallEnded, body: "{}".into() };
    News { events: (first..first + count).map(event).collect(), calls: BTreeMap::new() }
}

#[tokio::test]
async fn the_api_shows_the_secret_once_and_names_wrong_fields() {
    let bench = Bench::new().await;
    let body = json!({ "url": "https://crm.example.com/told", "events": ["call.missed", "call.ended", "call.missed"] });
    let made = bench.api(Method::POST, "/event-webhooks", &body.to_string()).await;
    let secret = made.json()["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_") && secret.len() > 40, "{secret}");
    assert_eq!(
        (made.json()["name"].as_str(), made.json()["allow_private"].as_bool()),
        (Some("crm.example.com"), Some(false))
    );
    assert_eq!(made.json()["events"], json!(["call.missed", "call.ended"]));
    for path in ["/event-webhooks", "/event-webhooks/1", "/event-webhooks/1/deliveries"] {
        let shown = bench.api(Method::GET, path, "").await;
        assert!(shown.status == StatusCode::OK && !shown.body.contains(&secret), "{path}: {}", shown.body);
    }
    for (body, field) in [
        (json!({ "url": "ftp://crm.example.com", "events": ["call.ended"] }), "url"),
        (json!({ "url": "http://crm.example.com", "events": ["call.ended"] }), "url"),
        (json!({ "url": "https://crm.example.com", "events": [] }), "events"),
        (json!({ "url": "https://crm.example.com", "events": ["call.ended"], "authority": "nothing" }), "authority"),
        (json!({ "url": "https://crm.example.com", "events": ["call.ended"], "name": "x".repeat(65) }), "name"),
    ] {
        let refused = bench.api(Method::POST, "/event-webhooks", &body.to_string()).await;
        assert_eq!(
            (refused.json()["code"].as_str(), refused.json()["field"].as_str()),
            (Some("event_webhook_malformed"), Some(field))
        );
    }
    let unknown = json!({ "url": "https://crm.example.com", "events": ["call.dreamt"] }).to_string();
    assert_eq!(bench.api(Method::POST, "/event-webhooks", &unknown).await.status, StatusCode::BAD_REQUEST);
    let renewed = bench.api(Method::POST, "/event-webhooks/1/secret", "").await;
    assert_ne!(renewed.json()["secret"], secret.as_str());
    assert_ne!(renewed.json()["fingerprint"], made.json()["fingerprint"]);
    assert_eq!(bench.api(Method::DELETE, "/event-webhooks/1", "").await.status, StatusCode::NO_CONTENT);
    for (method, path) in [(Method::GET, "/event-webhooks/1"), (Method::POST, "/event-webhooks/1/test")] {
        assert_eq!(bench.api(method, path, "").await.json()["code"], "no_such_event_webhook");
    }
}

#[tokio::test]
async fn a_queue_is_bounded_and_the_oldest_event_gives_way() {
    let bench = Bench::new().await;
    let receiver = added(&bench).await;
    let receivers = [receiver.clone()];
    let touched = store::enqueue(&bench.store, &receivers, &news(0, QUEUE + 3), UnixMillis(1)).await.unwrap();
    assert_eq!(touched, [receiver.id]);
    let (_, waiting) = store::deliveries(&bench.store, receiver.id, 1).await.unwrap();
    assert_eq!(waiting, QUEUE);
    let head = store::head(&bench.store, receiver.id).await.unwrap().unwrap();
    assert_eq!(head.event_id, "event-3", "in order, the oldest are gone");
    // The same event again is no second event.
    store::enqueue(&bench.store, &receivers, &news(QUEUE, 3), UnixMillis(2)).await.unwrap();
    assert_eq!(store::deliveries(&bench.store, receiver.id, 1).await.unwrap().1, QUEUE);
    // What ended is forgotten, but not at once.
    let tried = |seq| Tried {
        seq,
        state: DeliveryState::Delivered,
        status: Some(204),
        detail: String::new(),
        failures: 0,
        failing_since: None,
        next_at: UnixMillis(0),
        disabled: None,
    };
    store::put_tried(&bench.store, receiver.id, &tried(head.seq), UnixMillis(3)).await.unwrap();
    let (all, waiting) = store::deliveries(&bench.store, receiver.id, 5000).await.unwrap();
    assert_eq!((waiting, all.iter().filter(|it| it.state != DeliveryState::Queued).count()), (QUEUE - 1, 0));
    let after = store::one(&bench.store, receiver.id).await.unwrap().unwrap();
    assert_eq!(after.last_success_at, Some(UnixMillis(3)));
}

#[tokio::test]
async fn a_webhook_that_was_switched_off_is_an_alarm_until_it_is_switched_on() {
    let (bench, cookie) = Bench::signed_in().await;
    let receiver = added(&bench).await;
    store::enqueue(&bench.store, std::slice::from_ref(&receiver), &news(0, 2), crate::clock::now()).await.unwrap();
    let head = store::head(&bench.store, receiver.id).await.unwrap().unwrap();
    let tried = Tried {
        seq: head.seq,
        state: DeliveryState::Failed,
        status: Some(410),
        detail: "it wants none".into(),
        failures: 1,
        failing_since: Some(UnixMillis(1)),
        next_at: UnixMillis(1),
        disabled: Some("it wants none".into()),
    };
    store::put_tried(&bench.store, receiver.id, &tried, crate::clock::now()).await.unwrap();
    assert!(store::head(&bench.store, receiver.id).await.unwrap().is_none(), "what waits is given up");
    let alarmed = async || bench.api(Method::GET, "/doctor", "").await.body.contains("event_webhook_disabled");
    assert!(alarmed().await);
    let page = bench.get(&format!("/event-webhooks/{}", receiver.id), &cookie).await;
    assert!(page.body.contains("Switched off by itself") && page.body.contains("It wants none"), "{}", page.body);
    let switched = bench.post(&format!("/event-webhooks/{}/switch", receiver.id), &cookie, "enabled=on").await;
    assert_eq!(switched.status, StatusCode::SEE_OTHER);
    assert!(!alarmed().await);
}

#[tokio::test]
async fn the_pages_add_a_webhook_show_its_secret_once_and_keep_what_was_typed() {
    let (bench, cookie) = Bench::signed_in().await;
    assert!(bench.get("/event-webhooks", &cookie).await.body.contains("No event webhooks"));
    let form = bench.get("/event-webhooks/add", &cookie).await;
    assert!(form.body.contains("name=\"call_missed\" value=\"on\" checked"), "{}", form.body);
    let wrong =
        bench.post("/event-webhooks/add", &cookie, "url=http%3A%2F%2Fcrm.example.com&call_ended=on&name=CRM").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("must begin with https://") && wrong.body.contains("value=\"CRM\""), "{}", wrong.body);
    let made =
        bench.post("/event-webhooks/add", &cookie, "url=https%3A%2F%2Fcrm.example.com&call_ended=on&name=CRM").await;
    assert_eq!(made.status, StatusCode::OK);
    let secret = made.body.split("whsec_").nth(1).unwrap().split('<').next().unwrap().to_owned();
    for path in ["/event-webhooks", "/event-webhooks/1"] {
        let page = bench.get(path, &cookie).await;
        assert!(page.body.contains("CRM") && !page.body.contains(&secret), "{path}: {}", page.body);
    }
    let changed =
        bench.post("/event-webhooks/1", &cookie, "url=https%3A%2F%2Fcrm.example.com%2Fx&call_missed=on").await;
    assert_eq!(changed.header(header::LOCATION), "/event-webhooks/1?done=saved", "{}", changed.body);
    let after = store::one(&bench.store, 1).await.unwrap().unwrap();
    assert_eq!((after.url.as_str(), after.events), ("https://crm.example.com/x", vec![EventKind::CallMissed]));
    let rotated = bench.post("/event-webhooks/1/secret", &cookie, "").await;
    assert!(rotated.body.contains("whsec_") && !rotated.body.contains(&secret));
    assert_eq!(bench.post("/event-webhooks/1/remove", &cookie, "").await.status, StatusCode::SEE_OTHER);
}
