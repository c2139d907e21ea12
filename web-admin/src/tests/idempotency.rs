//! A creation that is sent again.

use serde_json::json;

use super::*;
use pbx_core::store::sql::{query, query_scalar};

async fn add(bench: &Bench, key: &str, body: &str) -> Answer {
    let request = request(Method::POST, "/api/v1/extensions", "")
        .header(header::CONTENT_TYPE, "application/json")
        .header("Idempotency-Key", key)
        .body(Body::from(body.to_owned()))
        .unwrap();
    let answer = Answer::of(bench.local.clone().oneshot(request).await.unwrap()).await;
    contract::keep(&Method::POST, "/api/v1/extensions", &answer);
    answer
}

const ANNA: &str = r#"{"number":"101","name":"Anna"}"#;

#[tokio::test]
async fn a_creation_that_is_sent_again_is_answered_as_the_first_time() {
    let bench = Bench::new().await;
    let first = add(&bench, "order-1", ANNA).await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (StatusCode::CREATED, ""));
    let again = add(&bench, "order-1", ANNA).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (StatusCode::CREATED, "true"));
    assert_eq!(first.json(), again.json(), "the same secret, too");
    assert_eq!(bench.fake.world.lock().unwrap().extensions.len(), 1);

    let secret = first.json()["secret"].as_str().unwrap().to_owned();
    let raw: Vec<u8> =
        query_scalar("SELECT sealed_body FROM idempotent_answer").fetch_one(bench.store.reader()).await.unwrap();
    assert!(!String::from_utf8_lossy(&raw).contains(&secret), "kept sealed");
}

#[tokio::test]
async fn the_same_key_for_another_request_is_refused() {
    let bench = Bench::new().await;
    add(&bench, "order-1", ANNA).await;
    let other = add(&bench, "order-1", r#"{"number":"102"}"#).await;
    assert_eq!((other.status.as_u16(), &other.json()["code"]), (422, &json!("idempotency_key_reused")));
    for bad in ["", "a b", &"x".repeat(65), "ä"] {
        let refused = add(&bench, bad, ANNA).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.json()["code"]),
            (400, &json!("idempotency_key_malformed")),
            "{bad:?}"
        );
    }
}

#[tokio::test]
async fn a_refusal_made_nothing_and_is_not_kept() {
    let bench = Bench::new().await;
    bench.add("101", "Anna").await;
    assert_eq!(add(&bench, "order-1", ANNA).await.status, StatusCode::CONFLICT);
    bench.api(Method::DELETE, "/extensions/101", "").await;
    assert_eq!(add(&bench, "order-1", ANNA).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn of_two_at_once_one_makes_it_and_the_other_is_told_to_wait_or_gets_the_same_answer() {
    let bench = Bench::new().await;
    let (one, other) = tokio::join!(add(&bench, "order-1", ANNA), add(&bench, "order-1", ANNA));
    assert_eq!(bench.fake.world.lock().unwrap().extensions.len(), 1);
    let (made, other) = if one.status == StatusCode::CREATED { (one, other) } else { (other, one) };
    assert_eq!(made.status, StatusCode::CREATED, "{} {}", made.body, other.body);
    if other.status == StatusCode::CREATED {
        // It came when the first was through.
        assert_eq!(made.json(), other.json());
    } else {
        assert_eq!((other.status.as_u16(), &other.json()["code"]), (409, &json!("idempotency_key_in_use")));
    }
}

#[tokio::test]
async fn an_answer_is_kept_for_a_day() {
    let bench = Bench::new().await;
    add(&bench, "order-1", ANNA).await;
    let mut tx = bench.store.begin().await.unwrap();
    let day = 24 * 3600 * 1000_i64;
    query("UPDATE idempotent_answer SET created_at = created_at - $1").bind(day).execute(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    let late = add(&bench, "order-1", ANNA).await;
    assert_eq!((late.status.as_u16(), &late.json()["code"]), (409, &json!("number_taken")));
}
