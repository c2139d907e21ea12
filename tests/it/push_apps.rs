//! Credentials and phones may come in any order, and every place says the same about what cannot be pushed.

use nightbell::phone::{Phone, Transport};
use pbx_core::model::Presence;
use push_module::standin::FcmStandin;
use serde_json::Value;
use uuid::Uuid;

use crate::support::SOON;
use crate::support::office::device;
use crate::support::server::TestServer;

const PROJECT: &str = "acme-phone";

/// What the API says at the admin socket.
async fn said(server: &TestServer, path: &str) -> String {
    let http = reqwest::Client::builder().unix_socket(server.socket()).build().unwrap();
    let answer = http.get(format!("http://nightbell/api/v1{path}")).send().await.unwrap();
    answer.text().await.unwrap()
}

async fn ask(server: &TestServer, path: &str) -> Value {
    serde_json::from_str(&said(server, path).await).unwrap()
}

#[tokio::test]
async fn a_credential_that_is_added_after_the_phones_makes_them_pushable_at_once() {
    let server = TestServer::start().await;
    server.add_extension("101", "Front desk").await;
    server.add_extension("102", "Anna").await;
    let fcm = FcmStandin::start().await.unwrap();
    let mut pushes = fcm.subscribe();
    fcm.register_token("token-of-anna", PROJECT);
    let app = Phone::builder(server.tcp())
        .extension("102")
        .secret("secret-of-102")
        .transport(Transport::Tcp)
        .instance(Uuid::new_v4())
        .push_params(format!(";pn-provider=fcm;pn-param={PROJECT};pn-prid=token-of-anna"))
        .build()
        .unwrap();
    app.register(300, SOON).await.unwrap();
    app.unregister(SOON).await.unwrap();
    app.background().await;
    device(&server, |device| device.presence == Presence::ReachableByPush).await;

    let text = "cannot be pushed: no credential for acme-phone (FCM)";
    let matrix = ask(&server, "/push/matrix").await;
    let row = &matrix["apps"][0];
    assert_eq!((&row["text"], &row["can_be_pushed"], &row["devices"]), (&text.into(), &"no".into(), &1.into()));
    let shown = ask(&server, "/extensions/102").await;
    assert_eq!(shown["device_list"][0]["wake_target"]["obstacle"]["text"], text);
    let doctor = ask(&server, "/doctor").await;
    let found = doctor["findings"].as_array().unwrap().iter().find(|one| one["code"] == "no_credential").unwrap();
    assert_eq!(found["text"], format!("One phone {text}."));
    let desk = server.phone("101").build().unwrap();
    desk.register(300, SOON).await.unwrap();
    let call = desk.call("102", SOON).await.unwrap();
    call.ended(SOON).await.unwrap();
    let (_, timeline) = server.last_call("a call that failed", SOON, |call| call.ending.is_some()).await;
    assert!(timeline.iter().any(|entry| entry.detail.starts_with(text)), "{timeline:?}");

    server.app.push.add_credential(fcm.new_credential(PROJECT, None).unwrap()).await.unwrap();
    let matrix = ask(&server, "/push/matrix").await;
    assert_ne!(matrix["apps"][0]["can_be_pushed"], "no", "{matrix}");
    let call = desk.call("102", SOON).await.unwrap();
    let push = tokio::time::timeout(SOON, pushes.recv()).await.unwrap().unwrap();
    assert_eq!(push.token, "token-of-anna", "no phone was set up anew");
    app.wake(300, SOON).await.unwrap();
    app.incoming(SOON).await.unwrap().answer().unwrap();
    call.answered(SOON).await.unwrap();
    assert_eq!(ask(&server, "/push/matrix").await["apps"][0]["can_be_pushed"], "yes");

    let metrics = said(&server, "/metrics").await;
    for line in [
        "nightbell_wake_seconds_count{provider=\"fcm\"} 1",
        "nightbell_wakes_ordered_total{provider=\"fcm\"} 2",
        "nightbell_push_attempts_total{provider=\"fcm\",verdict=\"accepted\"} 1",
        "nightbell_push_circuit_open{credential=\"1\",provider=\"fcm\"} 0",
        "nightbell_calls_active 1",
    ] {
        assert!(metrics.lines().any(|it| it == line), "{line} is not in:\n{metrics}");
    }
    server.stop().await;
}
