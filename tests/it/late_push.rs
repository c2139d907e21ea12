//! A push that comes late fools nobody: it says for which call and until when it was, and where to ask whether it still rings.

use pbx_core::model::CallEnding;
use serde_json::{Value, json};

use crate::support::SOON;
use crate::support::office::Office;

#[tokio::test]
async fn an_app_that_wakes_long_after_the_call_asks_registers_and_rings_for_nobody() {
    let mut office = Office::with_sleeping_app().await;
    let call = office.desk.call("102", SOON).await.unwrap();
    let push = office.push("voip").await;
    let url = push.payload["ringing_url"].as_str().expect("the push says where to ask").to_owned();
    let id = push.payload["call"].as_str().unwrap();
    assert!(url.starts_with(&office.server.app.base_url) && url.contains(id), "{url}");
    let until = push.payload["exp"].as_i64().unwrap();

    let (status, said) = office.ask(&url).await;
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((status, &said["ringing"]), (200, &json!(true)));
    assert_eq!(said["until"].as_i64().unwrap() / 1000, until, "the same end of ringing as in the push");

    call.cancel(SOON).await.unwrap();
    office.push("alert").await;
    let silent = (200, r#"{"ringing":false,"until":null}"#.to_owned());
    assert_eq!(office.ask(&url).await, silent);
    let unknown = url.replace(id, "6ba7b811-9dad-11d1-80b4-00c04fd430c8");
    assert_eq!(office.ask(&unknown).await, silent, "an unknown call and one that is over look the same");
    assert_eq!(office.ask(&url.replace(id, "1")).await, silent);

    office.app.wake(300, SOON).await.unwrap();
    office.server.last_call("given up", SOON, |call| call.ending == Some(CallEnding::CallerGaveUp)).await;
    assert_eq!(office.rings(), 0);
    office.server.stop().await;
}

#[tokio::test]
async fn an_answered_call_rings_no_more() {
    let mut office = Office::with_sleeping_app().await;
    let beside = office.server.phone("102").name("beside").build().unwrap();
    beside.register(300, SOON).await.unwrap();
    let call = office.desk.call("102", SOON).await.unwrap();
    let push = office.push("voip").await;
    let url = push.payload["ringing_url"].as_str().unwrap().to_owned();
    assert!(office.ask(&url).await.1.contains("true"));
    beside.incoming(SOON).await.unwrap().answer().unwrap();
    call.answered(SOON).await.unwrap();
    assert!(office.ask(&url).await.1.contains("false"));
    call.hang_up(SOON).await.unwrap();
    office.server.stop().await;
}
