//! RFC 8599 as a phone meets it: which providers there are, what is refused, and until when it is pushed.

use nightbell::phone::{CallEnd, Phone, PhoneError, Transport};
use pbx_core::model::{Presence, PushPolicy};
use pbx_core::switchboard::command::{Command, Reply};
use uuid::Uuid;

use crate::support::SOON;
use crate::support::office::{Office, devices};
use crate::support::server::TestServer;

fn asking(server: &TestServer, params: &str) -> Phone {
    server.phone("101").instance(Uuid::new_v4()).push_params(params).build().unwrap()
}

#[tokio::test]
async fn a_phone_learns_which_providers_there_are_as_soon_as_their_key_is_there() {
    let server = TestServer::start().await;
    server.add_extension("101", "Anna").await;
    let phone = asking(&server, ";pn-provider");
    assert_eq!(phone.register(300, SOON).await.unwrap().feature_caps, [] as [String; 0], "no key, no promise");
    let apns = server.apns().await;
    let search = async {
        loop {
            let caps = phone.register(300, SOON).await.unwrap().feature_caps;
            if !caps.is_empty() {
                return caps;
            }
        }
    };
    let caps = tokio::time::timeout(SOON, search).await.expect("the key is announced soon");
    assert_eq!(caps, ["*;+sip.pns=\"apns\""]);
    assert!(devices(&server).await.iter().all(|device| device.wake_target.is_none()), "a question is no token");
    drop(apns);
    server.stop().await;
}

#[tokio::test]
async fn a_provider_nobody_knows_is_refused_with_555() {
    let server = TestServer::start().await;
    server.add_extension("101", "Anna").await;
    match asking(&server, ";pn-provider=adm;pn-prid=x").register(300, SOON).await {
        Err(PhoneError::Refused { status, reason, .. }) => {
            assert_eq!((status, reason.as_str()), (555, "Push Notification Service Not Supported"));
        }
        other => panic!("it was not refused: {other:?}"),
    }
    assert!(devices(&server).await.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn under_rfc8599_a_goodbye_ends_the_pushes_and_a_dead_connection_does_not() {
    let mut office = Office::open().await;
    let device = office.device(|device| device.push_policy == PushPolicy::App).await.id;
    let done = office.server.app.switchboard.ask(Command::SetPushPolicy { device, policy: PushPolicy::Rfc8599 }).await;
    assert!(matches!(done, Ok(Reply::Done)), "{done:?}");

    office.app.background().await;
    office.asleep().await;
    let call = office.desk.call("102", SOON).await.unwrap();
    office.push("voip").await;
    office.app.wake(300, SOON).await.unwrap();
    office.app.incoming(SOON).await.unwrap().busy().unwrap();
    call.ended(SOON).await.unwrap();

    office.app.unregister(SOON).await.unwrap();
    let gone = office.device(|device| device.presence == Presence::Unreachable).await;
    assert!(gone.reason.contains("rfc8599"), "the page says why: {}", gone.reason);
    let call = office.desk.call("102", SOON).await.unwrap();
    assert!(matches!(call.ended(SOON).await.unwrap(), CallEnd::Refused(480, _)));
    assert_eq!(office.apns.accepted("voip"), 1);

    office.app.register(300, SOON).await.unwrap();
    office.app.background().await;
    office.asleep().await;
    let call = office.desk.call("102", SOON).await.unwrap();
    office.push("voip").await;
    call.cancel(SOON).await.unwrap();
    office.server.stop().await;
}

#[tokio::test]
async fn nobody_else_ever_sees_a_push_token() {
    let office = Office::open().await;
    let beside = Phone::builder(office.server.tcp())
        .extension("102")
        .secret("secret-of-102")
        .name("beside")
        .transport(Transport::Tcp)
        .build()
        .unwrap();
    let listed = beside.register(300, SOON).await.unwrap().contacts.join("\n");
    assert!(
        listed.contains("@127.0.0.1") && !listed.contains("pn-") && !listed.contains(&office.tokens.voip),
        "{listed}"
    );
    let call = office.app.call("101", SOON).await.unwrap();
    let bell = office.desk.incoming(SOON).await.unwrap();
    let invite = String::from_utf8_lossy(&bell.invite().to_bytes()).into_owned();
    assert!(!invite.contains("pn-") && !invite.contains(&office.tokens.voip), "{invite}");
    bell.busy().unwrap();
    call.ended(SOON).await.unwrap();
    let own = office.app.query(SOON).await.unwrap().contacts.join("\n");
    assert!(own.contains(&office.tokens.voip), "the phone itself gets its Contact back as it sent it: {own}");
    office.server.stop().await;
}
