//! Two phones talk to each other without a server: what either does wrong, the other sees.

use std::net::SocketAddr;
use std::time::Duration;

use super::{CallEnd, EventKind, Phone, PhoneError};

const SOON: Duration = Duration::from_secs(10);
const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9);

/// A phone that is called and one that calls it directly over UDP.
async fn pair() -> (Phone, Phone) {
    let called = Phone::builder(NOWHERE).extension("102").build().unwrap();
    let address = called.connect(SOON).await.unwrap();
    let caller = Phone::builder(address).extension("101").build().unwrap();
    (caller, called)
}

#[tokio::test]
async fn a_call_is_made_answered_heard_held_resumed_and_ended() {
    let (caller, called) = pair().await;
    let call = caller.call("102", SOON).await.unwrap();
    let bell = called.incoming(SOON).await.unwrap();
    assert_eq!(bell.caller(), "101");
    bell.ring().unwrap();
    assert_eq!(call.ringing(SOON).await.unwrap(), 180);
    bell.answer().unwrap();
    call.answered(SOON).await.unwrap();
    bell.confirmed(SOON).await.unwrap();
    assert_eq!(call.heard(10, SOON).await.unwrap().speaker, "102");
    assert_eq!(bell.heard(10, SOON).await.unwrap().speaker, "101");

    call.hold(SOON).await.unwrap();
    bell.wait("hold", SOON, |view| view.on_hold).await.unwrap();
    call.resume(SOON).await.unwrap();
    bell.wait("the end of hold", SOON, |view| !view.on_hold).await.unwrap();
    assert_eq!(bell.view().renegotiated, 2);
    call.heard(5, SOON).await.unwrap();

    call.hang_up(SOON).await.unwrap();
    assert_eq!(bell.ended(SOON).await.unwrap(), CallEnd::PeerHungUp(None));
    assert_eq!(call.ended(SOON).await.unwrap(), CallEnd::HungUp);
    assert!(caller.events().wait("101", SOON, |kind| *kind == EventKind::FirstSound).await.is_some());
}

#[tokio::test]
async fn a_caller_can_give_up_and_the_phone_stops_ringing() {
    let (caller, called) = pair().await;
    let call = caller.call("102", SOON).await.unwrap();
    let bell = called.incoming(SOON).await.unwrap();
    bell.ring().unwrap();
    assert_eq!(call.cancel(SOON).await.unwrap(), CallEnd::Cancelled(None));
    assert_eq!(bell.ended(SOON).await.unwrap(), CallEnd::Cancelled(None));
    assert!(matches!(bell.answer(), Err(PhoneError::NotPossible { .. })));
}

#[tokio::test]
async fn a_busy_and_a_declining_phone_refuse_in_their_own_words() {
    let (caller, called) = pair().await;
    let call = caller.call("102", SOON).await.unwrap();
    called.incoming(SOON).await.unwrap().busy().unwrap();
    assert_eq!(call.ended(SOON).await.unwrap(), CallEnd::Refused(486, "Busy Here".to_owned()));
    let call = caller.call("102", SOON).await.unwrap();
    called.incoming(SOON).await.unwrap().decline().unwrap();
    assert_eq!(call.ended(SOON).await.unwrap(), CallEnd::Refused(603, "Decline".to_owned()));
    assert!(matches!(call.answered(SOON).await, Err(PhoneError::CallOver { .. })));
}

#[tokio::test]
async fn the_called_side_can_hang_up_too() {
    let (caller, called) = pair().await;
    // The called phone's server is nowhere; in a call its requests go to the caller's address only through a server, so
    // here the caller hangs up after the called side answered without ringing.
    let call = caller.call("102", SOON).await.unwrap();
    let bell = called.incoming(SOON).await.unwrap();
    bell.answer().unwrap();
    call.answered(SOON).await.unwrap();
    call.hang_up(SOON).await.unwrap();
    assert_eq!(bell.ended(SOON).await.unwrap(), CallEnd::PeerHungUp(None));
}

#[tokio::test]
async fn a_silent_phone_logs_what_it_ignores() {
    let (caller, called) = pair().await;
    called.fall_silent(true);
    let call = caller.call("102", SOON).await.unwrap();
    let ignored = |kind: &EventKind| *kind == EventKind::Ignored("INVITE".to_owned());
    assert!(called.events().wait("102", SOON, ignored).await.is_some());
    assert!(call.view().provisional.is_empty());
    // The repetition of the INVITE finds the phone awake again.
    called.fall_silent(false);
    called.incoming(SOON).await.unwrap().busy().unwrap();
    call.ended(SOON).await.unwrap();
}

#[tokio::test]
async fn a_phone_in_the_background_leaves_its_port_free_and_comes_back_on_another_socket() {
    let (_caller, called) = pair().await;
    let port = called.local_addr().unwrap();
    called.background().await;
    assert_eq!(called.local_addr(), None);
    let taken = tokio::net::UdpSocket::bind(port).await.unwrap();
    assert_ne!(called.connect(SOON).await.unwrap(), taken.local_addr().unwrap());
}

#[tokio::test]
async fn without_a_server_a_wait_ends_when_the_caller_says_so() {
    let phone = Phone::builder(NOWHERE).extension("101").build().unwrap();
    let error = phone.register(60, Duration::from_millis(50)).await.unwrap_err();
    assert!(matches!(error, PhoneError::Timeout { within, .. } if within.as_millis() <= 50), "{error}");
}
