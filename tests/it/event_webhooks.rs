//! Programs are told what happens to calls and phones: signed, in order, again until they take it, and nobody waits for them.

use std::time::Duration;

use nightbell::phone::{Phone, Transport};
use push_module::standin::{EventReceiver, ReceivedEvent, ReceiverFault};
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use crate::support::SOON;
use crate::support::installation::Installation;
use crate::support::server::{Local, TestServer};

const CALLS: [&str; 5] = ["call.incoming", "call.ringing", "call.answered", "call.missed", "call.ended"];

fn body(receiver: &EventReceiver, events: &[&str]) -> Value {
    json!({ "name": "CRM", "url": receiver.url(), "events": events, "allow_private": true, "authority": receiver.ca_pem() })
}

/// Adds a receiver and lets it trust its secret; gives its id.
async fn tell(api: &Local, receiver: &EventReceiver, events: &[&str]) -> i64 {
    let (status, made) = api.post("/event-webhooks", &body(receiver, events)).await;
    assert_eq!(status, 201, "{made}");
    receiver.trust(made["secret"].as_str().unwrap());
    made["id"].as_i64().unwrap()
}

fn kinds(events: &[ReceivedEvent]) -> Vec<String> {
    events.iter().map(|event| event.kind().to_owned()).collect()
}

/// Waits until that many events of this kind were taken.
async fn took(receiver: &EventReceiver, kind: &str, times: usize) -> Vec<ReceivedEvent> {
    let enough = |all: &[ReceivedEvent]| all.iter().filter(|it| it.taken && it.kind() == kind).count() >= times;
    let waited = timeout(SOON, receiver.until(enough)).await;
    assert!(waited.is_ok(), "{times} times {kind}: {:?}", kinds(&receiver.attempts()));
    receiver.taken()
}

async fn phones(server: &TestServer) -> (Phone, Phone) {
    server.add_extension("101", "Anna").await;
    server.add_extension("102", "Ben").await;
    let anna = server.phone("101").instance(Uuid::new_v4()).build().unwrap();
    let ben = server.phone("102").instance(Uuid::new_v4()).build().unwrap();
    anna.register(300, SOON).await.unwrap();
    ben.register(300, SOON).await.unwrap();
    (anna, ben)
}

/// A call that rings, is answered and hung up.
async fn talk(anna: &Phone, ben: &Phone) {
    let call = anna.call("102", SOON).await.unwrap();
    let bell = ben.incoming(SOON).await.unwrap();
    bell.ring().unwrap();
    call.ringing(SOON).await.unwrap();
    bell.answer().unwrap();
    call.answered(SOON).await.unwrap();
    bell.confirmed(SOON).await.unwrap();
    call.hang_up(SOON).await.unwrap();
    bell.ended(SOON).await.unwrap();
}

#[tokio::test]
async fn a_call_is_told_from_its_beginning_to_its_end_in_order_and_signed() {
    let server = TestServer::start().await;
    let api = server.local();
    let receiver = EventReceiver::start().await.unwrap();
    let id = tell(&api, &receiver, &CALLS).await;
    let (anna, ben) = phones(&server).await;
    talk(&anna, &ben).await;
    let events = took(&receiver, "call.ended", 1).await;
    assert_eq!(kinds(&events), ["call.incoming", "call.ringing", "call.answered", "call.ended"]);
    let data = |event: &ReceivedEvent| event.document["data"].clone();
    assert!(events.iter().all(|event| data(event)["call"] == data(&events[0])["call"] && event.signatures == 1));
    assert_eq!(data(&events[0])["caller"], json!({ "number": "101", "name": "Anna" }));
    assert_eq!(data(&events[0])["callee"], "102");
    assert_eq!(data(&events[2])["device"], data(&events[1])["device"], "the phone that rang answered");
    assert_eq!(data(&events[3])["ending"], "completed");
    // And one that nobody takes.
    let call = anna.call("102", SOON).await.unwrap();
    let bell = ben.incoming(SOON).await.unwrap();
    bell.ring().unwrap();
    call.ringing(SOON).await.unwrap();
    call.cancel(SOON).await.unwrap();
    let events = took(&receiver, "call.missed", 1).await;
    assert_eq!(kinds(&events[4..]), ["call.incoming", "call.ringing", "call.ended", "call.missed"]);
    // The receiver has answered before its answer is written down.
    let listed = async {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        loop {
            let (_, listed) = api.get(&format!("/event-webhooks/{id}/deliveries")).await;
            if listed["waiting"] == 0 {
                return listed;
            }
            tick.tick().await;
        }
    };
    let listed = timeout(SOON, listed).await.expect("nothing waits any more");
    assert_eq!(listed["deliveries"].as_array().unwrap().len(), 8, "{listed}");
    server.stop().await;
}

#[tokio::test]
async fn a_phone_that_comes_and_goes_is_told_once_each_way() {
    let server = TestServer::start().await;
    let receiver = EventReceiver::start().await.unwrap();
    tell(&server.local(), &receiver, &["device.registered", "device.unregistered"]).await;
    server.add_extension("101", "Anna").await;
    let anna = server.phone("101").instance(Uuid::new_v4()).build().unwrap();
    anna.register(300, SOON).await.unwrap();
    took(&receiver, "device.registered", 1).await;
    anna.register(300, SOON).await.unwrap();
    anna.unregister(SOON).await.unwrap();
    let events = took(&receiver, "device.unregistered", 1).await;
    assert_eq!(kinds(&events), ["device.registered", "device.unregistered"], "a refresh is no news");
    assert_eq!(events[0].document["data"]["extension"], "101");
    assert_eq!(events[0].document["data"]["presence"], "registered");
    server.stop().await;
}

#[tokio::test]
async fn a_receiver_that_is_dead_slows_neither_calls_nor_the_others() {
    let server = TestServer::start().await;
    let api = server.local();
    let (dead, good) = (EventReceiver::start().await.unwrap(), EventReceiver::start().await.unwrap());
    dead.script(ReceiverFault::Silence, 1000);
    let dead_id = tell(&api, &dead, &CALLS).await;
    tell(&api, &good, &CALLS).await;
    let (anna, ben) = phones(&server).await;
    for calls in 1..=10 {
        // Every step has its own limit of SOON; a call that waited for a receiver would wait for its ten seconds.
        let all = timeout(Duration::from_secs(8), talk(&anna, &ben)).await;
        assert!(all.is_ok(), "call {calls} waited");
    }
    let events = took(&good, "call.ended", 10).await;
    assert_eq!(events.len(), 40);
    assert!(dead.taken().is_empty() && dead.attempts().len() == 1, "one attempt at a time: {:?}", dead.attempts());
    let (_, listed) = api.get(&format!("/event-webhooks/{dead_id}/deliveries")).await;
    assert_eq!(listed["waiting"], 40, "{listed}");
    server.stop().await;
}

#[tokio::test]
async fn what_was_not_taken_before_a_crash_is_told_after_it_and_under_the_same_id() {
    let mut here = Installation::start().await;
    let receiver = EventReceiver::start().await.unwrap();
    let (status, made) = here
        .api()
        .ask(reqwest::Method::POST, "/event-webhooks", Some(&body(&receiver, &["call.incoming", "call.ended"])))
        .await
        .unwrap();
    assert!(status.is_success(), "{made}");
    receiver.trust(made["secret"].as_str().unwrap());
    receiver.script(ReceiverFault::Disconnect, 1000);
    let (one, two) = (here.add("101").await, here.add("102").await);
    let phone = |number: &str, secret: &str| {
        Phone::builder(here.tcp).extension(number).secret(secret).transport(Transport::Tcp).instance(Uuid::new_v4())
    };
    let (anna, ben) = (phone("101", &one).build().unwrap(), phone("102", &two).build().unwrap());
    anna.register(300, SOON).await.unwrap();
    ben.register(300, SOON).await.unwrap();
    talk(&anna, &ben).await;
    timeout(SOON, receiver.until(|all| !all.is_empty())).await.expect("an attempt");
    let first = receiver.attempts()[0].id.clone();
    let id = made["id"].as_i64().unwrap();
    let queued = async {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        while here.api().get(&format!("/event-webhooks/{id}/deliveries")).await["waiting"] != 2 {
            tick.tick().await;
        }
    };
    timeout(SOON, queued).await.expect("both events wait");
    here.kill().await;
    receiver.recover();
    here.serve().await;
    // The pause of the last attempt is kept over the restart, and a change of the receiver ends it.
    let retry = json!({ "enabled": true });
    here.api().ask(reqwest::Method::PATCH, &format!("/event-webhooks/{id}"), Some(&retry)).await.unwrap();
    let events = took(&receiver, "call.ended", 1).await;
    assert_eq!(kinds(&events), ["call.incoming", "call.ended"]);
    assert_eq!(events[0].id, first);
    here.kill().await;
}

#[tokio::test]
async fn a_new_secret_and_the_one_before_sign_together_and_a_test_says_what_is_wrong() {
    let server = TestServer::start().await;
    let api = server.local();
    let receiver = EventReceiver::start().await.unwrap();
    let id = tell(&api, &receiver, &["call.ended"]).await;
    let test = async || api.post(&format!("/event-webhooks/{id}/test"), &json!({})).await.1;
    assert_eq!(test().await, json!({ "ok": true, "status": 204, "detail": "the receiver took it" }));
    let (_, made) = api.post(&format!("/event-webhooks/{id}/secret"), &json!({})).await;
    assert!(made["old_secret_until"].is_i64(), "{made}");
    assert_eq!(test().await["ok"], true, "the receiver knows the secret before only");
    receiver.trust(made["secret"].as_str().unwrap());
    assert_eq!(test().await["ok"], true, "the receiver knows the new secret only");
    assert!(receiver.attempts()[1..].iter().all(|event| event.signatures == 2), "{:?}", receiver.attempts());
    receiver.trust("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    let refused = test().await;
    assert_eq!((refused["ok"].as_bool(), refused["status"].as_i64()), (Some(false), Some(401)));
    assert!(refused["detail"].as_str().unwrap().contains("its secret and both clocks"), "{refused}");
    // Our own network is asked only where the admin says so.
    let (_, changed) = api.patch(&format!("/event-webhooks/{id}"), &json!({ "allow_private": false })).await;
    assert_eq!(changed["allow_private"], false);
    let before = receiver.attempts().len();
    let blocked = test().await;
    assert!(blocked["detail"].as_str().unwrap().contains("only if you allow private addresses"), "{blocked}");
    assert_eq!(receiver.attempts().len(), before);
    server.stop().await;
}
