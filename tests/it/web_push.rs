//! Web Push: an app in a browser, or on a phone without Google, is woken through the push service that it chose itself.

use nightbell::phone::{CallEnd, Phone, PhoneBuilder, Transport};
use pbx_core::model::Presence;
use push_module::standin::{AcceptedPush, WebPushStandin};
use tokio::sync::broadcast;
use uuid::Uuid;

use crate::support::SOON;
use crate::support::office::device;
use crate::support::push_service::PushService;
use crate::support::server::TestServer;

/// A server with Web Push enabled, its public key, and the push service of the app.
struct Office {
    server: TestServer,
    service: WebPushStandin,
    accepted: broadcast::Receiver<AcceptedPush>,
    desk: Phone,
}

impl Office {
    async fn open() -> Self {
        let server = TestServer::start().await;
        let service = WebPushStandin::start().await.unwrap();
        let accepted = service.subscribe_to_pushes();
        server.app.push.add_credential(service.new_credential()).await.unwrap();
        server.add_extension("101", "Front desk").await;
        server.add_extension("102", "Anna").await;
        let desk = server.phone("101").build().unwrap();
        desk.register(300, SOON).await.unwrap();
        Self { server, service, accepted, desk }
    }

    fn app(&self) -> PhoneBuilder {
        Phone::builder(self.server.tcp())
            .extension("102")
            .secret("secret-of-102")
            .name("browser")
            .transport(Transport::Tcp)
    }

    async fn push(&mut self) -> AcceptedPush {
        tokio::time::timeout(SOON, self.accepted.recv()).await.expect("a push comes soon").unwrap()
    }
}

/// A `pvalue` of RFC 8599 holds no `=`, `;`, `?`, `@`, `,` and no `#`.
fn escaped(subscription: &str) -> String {
    ["%25", "%3D", "%3F", "%40", "%2C", "%3B", "%23"]
        .iter()
        .zip(['%', '=', '?', '@', ',', ';', '#'])
        .fold(subscription.to_owned(), |text, (code, plain)| text.replace(plain, code))
}

#[tokio::test]
async fn an_app_learns_the_key_subscribes_loses_its_connection_and_is_woken_for_the_call() {
    let mut office = Office::open().await;
    let instance = Uuid::new_v4();

    // The key comes with the answer to a question (RFC 8599 section 4.1.4), so the app needs nothing but its account.
    let asking = office.app().instance(instance).push_params(";pn-provider=webpush").build().unwrap();
    let key = loop {
        let caps = asking.register(300, SOON).await.unwrap().feature_caps;
        // The new credential is announced beside the calls; the app asks again until it is.
        let Some(line) = caps.first() else { continue };
        let rest = line.strip_prefix("*;+sip.pns=\"webpush\";+sip.vapid=\"").unwrap();
        break rest.split('"').next().unwrap().to_owned();
    };
    asking.background().await;

    let subscription = office.service.subscribe(Some(&key)).unwrap();
    let params = format!(";pn-provider=webpush;pn-prid={}", escaped(&subscription));
    let app = office.app().instance(instance).push_params(params).build().unwrap();
    app.register(300, SOON).await.unwrap();
    app.background().await;
    let armed = device(&office.server, |device| device.presence == Presence::ReachableByPush).await;
    assert_eq!(armed.wake_target.unwrap().app_id, subscription["https://".len()..].split('/').next().unwrap());

    let call = office.desk.call("102", SOON).await.unwrap();
    let push = office.push().await;
    assert_eq!((push.payload["t"].as_str(), push.payload["caller"].as_str()), (Some("call"), Some("101")));
    app.wake(300, SOON).await.unwrap();
    let bell = app.incoming(SOON).await.unwrap();
    bell.answer().unwrap();
    call.answered(SOON).await.unwrap();
    call.hang_up(SOON).await.unwrap();
    assert!(matches!(bell.ended(SOON).await.unwrap(), CallEnd::PeerHungUp(_)));
    let sent = office.service.requests();
    assert_eq!((sent.len(), sent[0].urgency.as_str()), (1, "high"), "one call, one push");
    office.server.stop().await;
}

#[tokio::test]
async fn a_missed_call_takes_the_place_of_the_ringing_one_and_a_dead_subscription_is_not_asked_again() {
    let mut office = Office::open().await;
    let subscription = office.service.subscribe(None).unwrap();
    let params = format!(";pn-provider=webpush;pn-prid={}", escaped(&subscription));
    let app = office.app().instance(Uuid::new_v4()).push_params(params).build().unwrap();
    app.register(300, SOON).await.unwrap();
    app.unregister(SOON).await.unwrap();
    app.background().await;

    let call = office.desk.call("102", SOON).await.unwrap();
    let ringing = office.push().await;
    call.cancel(SOON).await.unwrap();
    let missed = office.push().await;
    assert_eq!(missed.payload["t"].as_str(), Some("missed"));
    assert_eq!(
        (missed.collapse_id, missed.payload["tag"].clone()),
        (ringing.collapse_id, ringing.payload["tag"].clone())
    );

    office.service.unsubscribe(&subscription);
    let call = office.desk.call("102", SOON).await.unwrap();
    assert!(matches!(call.ended(SOON).await.unwrap(), CallEnd::Refused(480, _)));
    let gone = device(&office.server, |device| device.presence == Presence::Unreachable).await;
    assert!(matches!(gone.wake_target.unwrap().health, pbx_core::model::TargetHealth::Revoked { .. }));
    office.server.stop().await;
}

/// The office's key as the app learns it with the answer to its question.
async fn vapid_key(server: &TestServer) -> String {
    let asking = Phone::builder(server.tcp()).extension("102").secret("secret-of-102").transport(Transport::Tcp);
    let asking = asking.instance(Uuid::new_v4()).push_params(";pn-provider=webpush").build().unwrap();
    loop {
        let caps = asking.register(300, SOON).await.unwrap().feature_caps;
        // The new credential is announced beside the calls; the app asks again until it is.
        let Some(line) = caps.first() else { continue };
        let rest = line.strip_prefix("*;+sip.pns=\"webpush\";+sip.vapid=\"").unwrap();
        asking.unregister(SOON).await.unwrap();
        return rest.split('"').next().unwrap().to_owned();
    }
}

#[tokio::test]
async fn a_push_service_that_others_wrote_verifies_and_decrypts_what_it_gets() {
    let server = TestServer::start().await;
    let service = PushService::start().await;
    server.app.push.add_credential(service.new_credential()).await.unwrap();
    server.add_extension("101", "Front desk").await;
    server.add_extension("102", "Anna").await;
    let desk = server.phone("101").build().unwrap();
    desk.register(300, SOON).await.unwrap();
    let subscribed = service.subscribe(&vapid_key(&server).await).await;
    let app = Phone::builder(server.tcp()).extension("102").secret("secret-of-102").transport(Transport::Tcp);
    let params = format!(";pn-provider=webpush;pn-prid={}", escaped(&subscribed.token));
    let app = app.instance(Uuid::new_v4()).push_params(params).build().unwrap();
    app.register(300, SOON).await.unwrap();
    app.unregister(SOON).await.unwrap();
    app.background().await;

    let call = desk.call("102", SOON).await.unwrap();
    let messages = service.messages(&subscribed, 1).await;
    let text = |message: &serde_json::Value, key: &str| message[key].as_str().unwrap_or_default().to_owned();
    assert_eq!((text(&messages[0], "t"), text(&messages[0], "caller")), ("call".to_owned(), "101".to_owned()));
    assert_eq!((text(&messages[0], "name"), text(&messages[0], "ext")), ("Front desk".to_owned(), "102".to_owned()));
    call.cancel(SOON).await.unwrap();
    let messages = service.messages(&subscribed, 2).await;
    assert_eq!(text(&messages[1], "t"), "missed");
    assert_eq!(
        (text(&messages[1], "tag"), text(&messages[1], "call")),
        (text(&messages[0], "tag"), text(&messages[0], "call"))
    );

    // The app was removed: the service says 410, and the phone is shown as out of reach.
    service.expire(&subscribed).await;
    let call = desk.call("102", SOON).await.unwrap();
    assert!(matches!(call.ended(SOON).await.unwrap(), CallEnd::Refused(480, _)));
    let gone = device(&server, |device| device.wake_target.is_some() && device.presence == Presence::Unreachable).await;
    assert!(matches!(gone.wake_target.unwrap().health, pbx_core::model::TargetHealth::Revoked { .. }));
    assert_eq!(service.messages(&subscribed, 2).await.len(), 2);
    server.stop().await;
}
