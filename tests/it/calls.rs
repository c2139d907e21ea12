//! Calls between scripted phones: heard both ways, refused in the right words, ended everywhere.

use std::time::Duration;

use nightbell::phone::{CallEnd, EventKind, IncomingCall, OutgoingCall, Phone, PhoneError, TlsTrust, Transport};
use pbx_core::model::CallEnding;
use uuid::Uuid;

use crate::support::SOON;
use crate::support::server::TestServer;

/// Half a second of voice.
const VOICE: u64 = 25;

/// Phones of 101 and 102, registered: the first on UDP, the second on `transport`.
pub(crate) async fn two_phones(server: &TestServer, transport: Transport) -> (Phone, Phone) {
    server.add_extension("101", "Anna").await;
    server.add_extension("102", "Ben").await;
    let anna = server.phone("101").instance(Uuid::new_v4()).build().unwrap();
    let address = match transport {
        Transport::Udp => server.udp(),
        Transport::Tcp => server.tcp(),
        Transport::Tls(_) => server.tls(),
    };
    let ben = Phone::builder(address)
        .extension("102")
        .secret("secret-of-102")
        .transport(transport)
        .instance(Uuid::new_v4())
        .build()
        .unwrap();
    anna.register(300, SOON).await.unwrap();
    ben.register(300, SOON).await.unwrap();
    (anna, ben)
}

/// A call that is answered and confirmed on both sides.
pub(crate) async fn talk(caller: &Phone, called: &Phone) -> (OutgoingCall, IncomingCall) {
    let call = caller.call(called.extension(), SOON).await.unwrap();
    let bell = called.incoming(SOON).await.unwrap();
    bell.ring().unwrap();
    call.ringing(SOON).await.unwrap();
    bell.answer().unwrap();
    call.answered(SOON).await.unwrap();
    bell.confirmed(SOON).await.unwrap();
    (call, bell)
}

#[tokio::test]
async fn voices_cross_from_udp_to_every_transport_and_back() {
    for name in ["udp", "tcp", "tls"] {
        let server = TestServer::start().await;
        let trust = TlsTrust::Authority { pem: server.authority(), name: "localhost".to_owned() };
        let transport = match name {
            "udp" => Transport::Udp,
            "tcp" => Transport::Tcp,
            _ => Transport::Tls(trust),
        };
        let (anna, ben) = two_phones(&server, transport).await;
        for (caller, called) in [(&anna, &ben), (&ben, &anna)] {
            let (call, bell) = talk(caller, called).await;
            assert_eq!(bell.caller(), caller.extension(), "{name}");
            assert_eq!(call.heard(VOICE, SOON).await.unwrap().speaker, called.extension(), "{name}");
            let heard = bell.heard(VOICE, SOON).await.unwrap();
            assert_eq!(heard.speaker, caller.extension(), "{name}");
            assert_eq!(
                (heard.damaged, heard.echoed, heard.junk, heard.source_changes),
                (0, 0, 0, 0),
                "{name}: {heard:?}"
            );
            assert_ne!(heard.from, Some(call.media_addr()), "sound goes through the relay");
            call.hang_up(SOON).await.unwrap();
            assert!(matches!(bell.ended(SOON).await.unwrap(), CallEnd::PeerHungUp(_)), "{name}");
            server.good_call(SOON).await;
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn the_called_side_can_hang_up() {
    let server = TestServer::start().await;
    let (anna, ben) = two_phones(&server, Transport::Tcp).await;
    let (call, bell) = talk(&anna, &ben).await;
    bell.hang_up(SOON).await.unwrap();
    assert!(matches!(call.ended(SOON).await.unwrap(), CallEnd::PeerHungUp(_)));
    server.stop().await;
}

#[tokio::test]
async fn either_side_can_hold_and_resume() {
    let server = TestServer::start().await;
    let (anna, ben) = two_phones(&server, Transport::Udp).await;
    let (call, bell) = talk(&anna, &ben).await;
    call.hold(SOON).await.unwrap();
    bell.wait("hold", SOON, |view| view.on_hold).await.unwrap();
    call.resume(SOON).await.unwrap();
    bell.wait("the end of hold", SOON, |view| !view.on_hold).await.unwrap();
    bell.hold(SOON).await.unwrap();
    call.wait("hold", SOON, |view| view.on_hold).await.unwrap();
    bell.resume(SOON).await.unwrap();
    call.wait("the end of hold", SOON, |view| !view.on_hold).await.unwrap();
    call.heard(VOICE, SOON).await.unwrap();
    bell.heard(VOICE, SOON).await.unwrap();
    call.hang_up(SOON).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn busy_declined_unknown_and_unreachable_each_have_their_word() {
    let server = TestServer::start().await;
    let (anna, ben) = two_phones(&server, Transport::Udp).await;
    server.add_extension("103", "Nobody").await;

    let call = anna.call("102", SOON).await.unwrap();
    ben.incoming(SOON).await.unwrap().busy().unwrap();
    assert!(matches!(call.ended(SOON).await.unwrap(), CallEnd::Refused(486, _)));
    server.last_call("a busy call", SOON, |call| call.ending == Some(CallEnding::Busy)).await;

    let call = anna.call("102", SOON).await.unwrap();
    ben.incoming(SOON).await.unwrap().decline().unwrap();
    assert!(matches!(call.ended(SOON).await.unwrap(), CallEnd::Refused(603, _)));
    server.last_call("a declined call", SOON, |call| call.ending == Some(CallEnding::Declined)).await;

    let call = anna.call("999", SOON).await.unwrap();
    assert!(matches!(call.ended(SOON).await.unwrap(), CallEnd::Refused(404, _)));

    let call = anna.call("103", SOON).await.unwrap();
    assert!(matches!(call.ended(SOON).await.unwrap(), CallEnd::Refused(480, _)));
    server.stop().await;
}

#[tokio::test]
async fn a_caller_who_gives_up_is_answered_at_once_and_the_phone_falls_silent() {
    let server = TestServer::start().await;
    let (anna, ben) = two_phones(&server, Transport::Udp).await;
    let call = anna.call("102", SOON).await.unwrap();
    let bell = ben.incoming(SOON).await.unwrap();
    bell.ring().unwrap();
    call.ringing(SOON).await.unwrap();
    let half_a_second = Duration::from_millis(500);
    assert_eq!(call.cancel(half_a_second).await.unwrap(), CallEnd::Cancelled(None));
    let end = bell.ended(SOON).await.unwrap();
    let CallEnd::Cancelled(reason) = &end else { panic!("the phone was not cancelled: {end:?}") };
    assert!(!reason.as_deref().unwrap_or_default().contains("elsewhere"), "nobody answered elsewhere");
    server.last_call("a call given up", SOON, |call| call.ending == Some(CallEnding::CallerGaveUp)).await;
    server.stop().await;
}

#[tokio::test]
async fn every_phone_of_an_extension_rings_and_the_losers_learn_where_it_was_answered() {
    let server = TestServer::start().await;
    let (anna, desk) = two_phones(&server, Transport::Udp).await;
    let mobile = Phone::builder(server.tcp())
        .extension("102")
        .name("102 mobile")
        .secret("secret-of-102")
        .transport(Transport::Tcp)
        .instance(Uuid::new_v4())
        .build()
        .unwrap();
    mobile.register(300, SOON).await.unwrap();
    let call = anna.call("102", SOON).await.unwrap();
    let (at_desk, in_hand) = (desk.incoming(SOON).await.unwrap(), mobile.incoming(SOON).await.unwrap());
    at_desk.ring().unwrap();
    in_hand.ring().unwrap();
    call.ringing(SOON).await.unwrap();
    in_hand.answer().unwrap();
    call.answered(SOON).await.unwrap();
    let end = at_desk.ended(SOON).await.unwrap();
    let CallEnd::Cancelled(Some(reason)) = &end else { panic!("the desk phone was not told: {end:?}") };
    assert!(reason.contains("cause=200") && reason.contains("Call completed elsewhere"), "{reason}");
    call.heard(VOICE, SOON).await.unwrap();
    in_hand.heard(VOICE, SOON).await.unwrap();
    call.hang_up(SOON).await.unwrap();
    in_hand.ended(SOON).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn a_phone_that_registers_again_while_it_rings_is_not_called_twice() {
    let server = TestServer::start().await;
    let (anna, ben) = two_phones(&server, Transport::Udp).await;
    let call = anna.call("102", SOON).await.unwrap();
    let bell = ben.incoming(SOON).await.unwrap();
    bell.ring().unwrap();
    ben.register(300, SOON).await.unwrap();
    ben.register(300, SOON).await.unwrap();
    bell.answer().unwrap();
    call.answered(SOON).await.unwrap();
    call.hang_up(SOON).await.unwrap();
    bell.ended(SOON).await.unwrap();
    let arrived = |kind: &EventKind| matches!(kind, EventKind::CallArrived(_) | EventKind::CallArrivedTwice(_));
    assert_eq!(ben.events().count("102", arrived), 1);
    server.stop().await;
}

#[tokio::test]
async fn nobody_can_call_without_an_account() {
    let server = TestServer::start().await;
    let (_anna, ben) = two_phones(&server, Transport::Udp).await;
    let stranger = server.phone("101").secret("guessed").build().unwrap();
    let call = stranger.call("102", SOON).await.unwrap();
    assert!(matches!(call.ended(SOON).await.unwrap(), CallEnd::Failed(_) | CallEnd::Refused(..)));
    // A good call behind it shows that the bad one never reached the phone.
    let friend = server.phone("101").name("friend").build().unwrap();
    friend.register(300, SOON).await.unwrap();
    let call = friend.call("102", SOON).await.unwrap();
    ben.incoming(SOON).await.unwrap().busy().unwrap();
    call.ended(SOON).await.unwrap();
    let arrived = |kind: &EventKind| matches!(kind, EventKind::CallArrived(_));
    assert_eq!(ben.events().count("102", arrived), 1);
    assert!(matches!(ben.incoming(Duration::from_millis(1)).await, Err(PhoneError::Timeout { .. })));
    server.stop().await;
}
