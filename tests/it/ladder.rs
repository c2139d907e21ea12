//! Every SIP message of a call can be read afterwards, and no secret is among them.

use serde_json::Value;

use crate::support::SOON;
use crate::support::office::Office;

#[tokio::test]
async fn a_call_can_be_read_message_by_message_without_a_secret() {
    let mut office = Office::with_sleeping_app().await;
    let call = office.desk.call("102", SOON).await.unwrap();
    office.push("voip").await;
    office.app.register(300, SOON).await.unwrap();
    let bell = office.app.incoming(SOON).await.unwrap();
    bell.ring().unwrap();
    bell.answer().unwrap();
    call.answered(SOON).await.unwrap();
    bell.confirmed(SOON).await.unwrap();
    call.hang_up(SOON).await.unwrap();
    let (record, _) = office.server.last_call("ended", SOON, |call| call.ended_at.is_some()).await;
    let (status, shown) = office.server.local().get(&format!("/calls/{}", record.id)).await;
    assert_eq!(status, 200, "{shown}");
    let ladder = &shown["ladder"];
    let legs = ladder["legs"].as_array().expect("legs");
    assert_eq!(legs.len(), 2, "{ladder}");
    assert_eq!((&legs[0]["is_caller"], &legs[0]["transport"]), (&Value::Bool(true), &Value::from("udp")));
    assert_eq!((&legs[1]["is_caller"], &legs[1]["transport"]), (&Value::Bool(false), &Value::from("tcp")));
    let told: Vec<(u64, bool, String)> = ladder["messages"]
        .as_array()
        .expect("messages")
        .iter()
        .map(|one| {
            let title = one["title"].as_str().unwrap_or_default().to_owned();
            (one["leg"].as_u64().unwrap_or(9), one["received"] == true, title)
        })
        .collect();
    let at = |leg: u64, received: bool, title: &str| {
        let wanted = (leg, received, title.to_owned());
        told.iter().position(|one| *one == wanted).unwrap_or_else(|| panic!("{wanted:?} is not in {told:#?}"))
    };
    // The caller's INVITE, the phone's, its answer, the caller's answer, both ACKs, and the end on both sides.
    let way = [
        at(0, true, "INVITE"),
        at(1, false, "INVITE"),
        at(1, true, "180 Ringing"),
        at(1, true, "200 OK"),
        at(0, false, "200 OK"),
        at(0, true, "ACK"),
        at(0, true, "BYE"),
        at(1, false, "BYE"),
    ];
    assert!(way.is_sorted(), "{told:#?}");
    at(1, false, "ACK");
    let whole = shown.to_string();
    assert!(whole.contains("Authorization: Digest (hidden)"), "{whole}");
    for secret in [office.tokens.voip.as_str(), &office.tokens.remote, "secret-of-101", "response="] {
        assert!(!whole.contains(secret), "{secret} is in {whole}");
    }
    office.server.stop().await;
}
