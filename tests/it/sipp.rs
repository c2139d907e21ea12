//! Many calls at once, made by another SIP stack than ours.

use std::time::Duration;

use nightbell::phone::{CallEnd, Phone};
use uuid::Uuid;

use crate::support::server::TestServer;
use crate::support::sipp::{Sipp, SippRun, authorized_rows, register_port};
use crate::support::{SOON, free_port};

const CALLS: u32 = 20;

/// One scenario pair through the server: SIPp calls SIPp.
async fn through_the_server(caller: &str, transport: &str, called: &str) {
    let server = TestServer::start().await;
    let caller_secret = server.add_extension("101", "Caller").await;
    let called_secret = server.add_extension("102", "Called").await;
    let port = free_port();
    register_port(server.udp(), "102", &called_secret, port).await;
    let rows = authorized_rows(server.udp(), ("101", &caller_secret), "102", CALLS).await;
    let answering = SippRun {
        scenario: called,
        transport: "u1",
        port: Some(port),
        calls: CALLS,
        rate: 10,
        talk: Duration::from_millis(200),
        server: None,
        rows: Vec::new(),
    };
    let phones = Sipp::start(&answering);
    phones.listens(SOON).await;
    let address = if transport == "t1" { server.tcp() } else { server.udp() };
    let calling = SippRun { scenario: caller, transport, port: None, server: Some(address), rows, ..answering };
    let counts = Sipp::start(&calling).finish(SOON * 2).await;
    assert_eq!((counts.successful, counts.failed), (u64::from(CALLS), 0), "{caller} over {transport}");
    let counts = phones.finish(SOON).await;
    assert_eq!((counts.successful, counts.failed), (u64::from(CALLS), 0), "{called}");
    server.stop().await;
}

#[tokio::test]
async fn calls_are_answered_over_udp() {
    through_the_server("uac_call", "u1", "uas_answer").await;
}

#[tokio::test]
async fn calls_are_answered_over_tcp() {
    through_the_server("uac_call", "t1", "uas_answer").await;
}

#[tokio::test]
async fn callers_who_give_up_leave_no_phone_ringing() {
    through_the_server("uac_cancel", "u1", "uas_cancelled").await;
}

#[tokio::test]
async fn a_busy_phone_makes_a_busy_caller() {
    through_the_server("uac_busy", "u1", "uas_busy").await;
}

#[tokio::test]
async fn a_caller_waits_for_a_phone_that_wakes_late() {
    let server = TestServer::start().await;
    let mut apns = server.apns().await;
    let caller_secret = server.add_extension("101", "Caller").await;
    server.add_extension("102", "Called").await;
    let app: Phone = server
        .phone("102")
        .instance(Uuid::new_v4())
        .push_params(format!(";{}", apns.tokens().params()))
        .build()
        .unwrap();
    app.register(300, SOON).await.unwrap();
    app.unregister(SOON).await.unwrap();
    app.background().await;
    let rows = authorized_rows(server.udp(), ("101", &caller_secret), "102", 1).await;
    let caller = Sipp::start(&SippRun {
        scenario: "uac_call",
        transport: "u1",
        port: None,
        calls: 1,
        rate: 1,
        talk: Duration::from_millis(200),
        server: Some(server.udp()),
        rows,
    });
    apns.push(SOON).await;
    app.wake(300, SOON).await.unwrap();
    let bell = app.incoming(SOON).await.unwrap();
    bell.ring().unwrap();
    bell.answer().unwrap();
    bell.confirmed(SOON).await.unwrap();
    assert!(matches!(bell.ended(SOON).await.unwrap(), CallEnd::PeerHungUp(_)));
    assert_eq!(caller.finish(SOON).await.successful, 1);
    server.stop().await;
}
