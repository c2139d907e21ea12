//! Phones that change network, port and way: the newest one counts, also within a call, and nothing piles up.

use nightbell::phone::{EventKind, Transport};

use crate::support::SOON;
use crate::support::office::{Office, devices, rings};
use crate::support::server::TestServer;

#[tokio::test]
async fn a_call_goes_over_the_newest_connection_and_never_over_the_one_before() {
    let office = Office::open().await;
    office.app.fall_silent(true);
    let newer = office.same_app(&Transport::Tcp).name("newer").build().unwrap();
    newer.register(300, SOON).await.unwrap();
    let call = office.desk.call("102", SOON).await.unwrap();
    let bell = newer.incoming(SOON).await.unwrap();
    bell.answer().unwrap();
    call.answered(SOON).await.unwrap();
    call.hang_up(SOON).await.unwrap();
    let ignored = |kind: &EventKind| matches!(kind, EventKind::Ignored(_));
    assert_eq!((office.app.events().count("102", ignored), office.rings()), (0, 0));
    assert_eq!(office.apns.accepted("voip"), 0);
    office.server.stop().await;
}

#[tokio::test]
async fn a_phone_behind_an_edge_proxy_is_called_through_it() {
    let server = TestServer::start().await;
    server.add_extension("101", "Anna").await;
    server.add_extension("102", "Ben").await;
    let anna = server.phone("101").build().unwrap();
    anna.register(300, SOON).await.unwrap();
    let path = "<sip:edge.example.com;transport=tcp;lr>";
    let ben = server.phone("102").register_line("Path", path).build().unwrap();
    assert_eq!(ben.register(300, SOON).await.unwrap().path, [path]);
    let call = anna.call("102", SOON).await.unwrap();
    let bell = ben.incoming(SOON).await.unwrap();
    assert_eq!(bell.invite().header("Route"), Some(path));
    bell.busy().unwrap();
    call.ended(SOON).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn phones_without_a_name_of_their_own_do_not_pile_up() {
    let server = TestServer::start().await;
    server.add_extension("101", "Anna").await;
    let phone = server.phone("101").build().unwrap();
    phone.register(300, SOON).await.unwrap();
    for _ in 0..30 {
        phone.background().await;
        phone.wake(300, SOON).await.unwrap();
    }
    let known = devices(&server).await;
    let live = known.iter().filter(|device| device.presence == pbx_core::model::Presence::Registered).count();
    assert!(live <= 8 && known.len() <= 12, "{live} live of {}", known.len());
    server.stop().await;
}

#[tokio::test]
async fn a_call_on_hold_wakes_the_app_that_fell_asleep_and_goes_on() {
    let mut office = Office::open().await;
    let call = office.desk.call("102", SOON).await.unwrap();
    let bell = office.app.incoming(SOON).await.unwrap();
    bell.answer().unwrap();
    call.answered(SOON).await.unwrap();
    bell.confirmed(SOON).await.unwrap();
    office.app.background().await;
    office.asleep().await;
    let hold = call.hold(SOON);
    let wake = async {
        let push = office.apns.push(SOON).await;
        assert_eq!((push.kind.as_str(), push.payload["t"].as_str()), ("background", Some("refresh")), "{push:?}");
        office.app.wake(300, SOON).await.unwrap();
    };
    let (held, ()) = tokio::join!(hold, wake);
    held.unwrap();
    bell.wait("hold", SOON, |view| view.on_hold).await.unwrap();
    call.hang_up(SOON).await.unwrap();
    bell.ended(SOON).await.unwrap();
    assert_eq!((office.apns.accepted("voip"), rings(&office.app)), (0, 1), "a VoIP push only ever means a new call");
    office.server.stop().await;
}
