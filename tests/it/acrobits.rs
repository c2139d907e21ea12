//! Groundwire: a bought app whose push keys nobody else has is woken through Acrobits' mediator.

use nightbell::phone::{CallEnd, Phone, Transport};
use pbx_core::model::{Presence, TargetHealth};
use push_module::standin::AcrobitsStandin;
use serde_json::{Value, json};

use crate::support::SOON;
use crate::support::office::{device, devices};
use crate::support::server::TestServer;

const APP: &str = "cz.acrobits.softphone.aliengroundwire";

/// What the app sends to the token reporter at each start.
async fn report(server: &TestServer, token: &str) -> u16 {
    report_as(server, ("102", "secret-of-102"), token).await
}

async fn report_as(server: &TestServer, (username, password): (&str, &str), token: &str) -> u16 {
    let authority = reqwest::Certificate::from_pem(server.authority().as_bytes()).unwrap();
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([authority]).build().unwrap();
    let body: Value = json!({
        "username": username, "password": password, "selector": "12869E0E:7C3A0D14",
        "appId": APP, "token": token, "appIdOther": APP, "tokenOther": token,
    });
    let url = format!("{}/api/v1/acrobits/push-token", server.app.base_url);
    let request = http.post(url).header("content-type", "application/json").body(body.to_string());
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn an_app_that_reported_its_token_is_woken_and_gets_the_call_until_it_is_removed() {
    let server = TestServer::start().await;
    let mediator = AcrobitsStandin::start().await.unwrap();
    mediator.register(APP, "ab+/c=");
    let mut accepted = mediator.subscribe();
    server.app.push.add_credential(mediator.new_credential(&[])).await.unwrap();
    server.add_extension("101", "Front desk").await;
    server.add_extension("102", "Anna").await;
    let desk = server.phone("101").build().unwrap();
    desk.register(300, SOON).await.unwrap();

    for stranger in [("102", "secret-of-101"), ("999", "secret-of-102")] {
        assert_eq!(report_as(&server, stranger, "ab+/c=").await, 401, "{stranger:?}");
    }
    // The app reports first and registers without any push parameter, and without an instance id.
    assert_eq!(report(&server, "ab+/c=").await, 204);
    let app = Phone::builder(server.tcp())
        .extension("102")
        .secret("secret-of-102")
        .name("groundwire")
        .user_agent("Groundwire/6.1")
        .transport(Transport::Tcp)
        .build()
        .unwrap();
    app.register(300, SOON).await.unwrap();
    app.background().await;
    device(&server, |device| device.presence == Presence::ReachableByPush).await;

    let call = desk.call("102", SOON).await.unwrap();
    let push = tokio::time::timeout(SOON, accepted.recv()).await.unwrap().unwrap();
    assert_eq!((push.kind.as_str(), push.payload["UserName"].as_str()), ("NotifyIncomingCall", Some("101")));
    app.wake(300, SOON).await.unwrap();
    let bell = app.incoming(SOON).await.unwrap();
    bell.answer().unwrap();
    call.answered(SOON).await.unwrap();
    call.hang_up(SOON).await.unwrap();
    bell.ended(SOON).await.unwrap();
    let phones = devices(&server).await.into_iter().filter(|device| device.extension.to_string() == "102").count();
    assert_eq!(phones, 1, "from another port it is the same phone");

    app.unregister(SOON).await.unwrap();
    app.background().await;
    mediator.forget("ab+/c=");
    let call = desk.call("102", SOON).await.unwrap();
    assert!(matches!(call.ended(SOON).await.unwrap(), CallEnd::Refused(480, _)));
    let gone = device(&server, |device| device.presence == Presence::Unreachable).await;
    assert!(matches!(gone.wake_target.unwrap().health, TargetHealth::Revoked { .. }));
    server.stop().await;
}
