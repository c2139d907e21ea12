//! The main job with real telephones: a sleeping app is woken by a push, registers and gets the call.

use std::net::SocketAddr;

use pbx_core::model::TimelineStep;
use uuid::Uuid;

use crate::support::SOON;
use crate::support::baresip::{Baresip, BaresipAccount};
use crate::support::linphone::{LinphoneAccount, LinphoneApp, LinphoneTransport};
use crate::support::server::{TestApns, TestServer};

/// A second of speech.
const SECOND: u64 = 50;

/// A server with a desk phone at 101 (baresip on UDP) and an app at 102 (linphone) that has registered once.
struct Office {
    server: TestServer,
    apns: TestApns,
    desk: Baresip,
    app: LinphoneApp,
    voip_token: String,
}

impl Office {
    async fn open(connect: impl Fn(&TestServer) -> (SocketAddr, LinphoneTransport)) -> Self {
        let server = TestServer::start().await;
        let apns = server.apns().await;
        let desk_secret = server.add_extension("101", "Front desk").await;
        let app_secret = server.add_extension("102", "Anna").await;
        let tokens = apns.tokens();
        let (address, transport) = connect(&server);
        let app = LinphoneApp::install(&LinphoneAccount {
            extension: "102",
            secret: &app_secret,
            server: Some(address),
            transport,
            instance: Uuid::new_v4(),
            push: &tokens.params(),
        });
        let desk = Baresip::start(&BaresipAccount {
            extension: "101",
            secret: &desk_secret,
            server: Some(server.udp()),
            auto_answer: false,
        })
        .await;
        desk.registered(SOON).await;
        Self { server, apns, desk, app, voip_token: tokens.voip }
    }

    /// The desk calls the sleeping app, which is woken by the push, answers, and talks.
    async fn desk_wakes_the_app(mut self) {
        self.desk.dial("102").await;
        let push = self.apns.push(SOON).await;
        assert_eq!((push.kind.as_str(), push.token.as_str()), ("voip", self.voip_token.as_str()));
        let mut app = self.app.start();
        app.registered(SOON).await;
        app.rings(SOON).await;
        app.answer().await;
        app.talks(SOON).await;
        self.desk.event("CALL_ESTABLISHED", SOON).await;
        self.desk.hears(SOON).await;
        self.desk.rtp_both_ways(SECOND, SOON).await;
        self.desk.hang_up().await;
        app.state("Released", SOON).await;
        let (_, timeline) = self.server.good_call(SOON).await;
        let steps: Vec<_> = timeline.iter().map(|entry| entry.step).collect();
        let expected = [
            TimelineStep::Invited,
            TimelineStep::PushSent,
            TimelineStep::PushAccepted,
            TimelineStep::Registered,
            TimelineStep::InviteSent,
            TimelineStep::Ringing,
            TimelineStep::Answered,
            TimelineStep::Ended,
        ];
        let mut rest = steps.iter();
        for step in expected {
            assert!(rest.any(|have| *have == step), "{step:?} is missing or too early in {steps:?}");
        }
        assert_eq!(self.apns.accepted("voip"), 1, "one call, one VoIP push");
        app.quit(SOON).await;
        drop(self.desk);
        self.server.stop().await;
    }
}

#[tokio::test]
async fn an_app_killed_on_tls_is_woken_and_answers() {
    let office = Office::open(|server| (server.tls(), LinphoneTransport::Tls(server.authority()))).await;
    let mut app = office.app.start();
    app.registered(SOON).await;
    assert!(app.contact().contains("pn-provider=apns"), "{}", app.contact());
    app.kill().await;
    office.desk_wakes_the_app().await;
}

#[tokio::test]
async fn an_app_that_unregistered_on_tcp_is_woken_and_answers() {
    let office = Office::open(|server| (server.tcp(), LinphoneTransport::Tcp)).await;
    let mut app = office.app.start();
    app.registered(SOON).await;
    app.quit(SOON).await;
    office.desk_wakes_the_app().await;
}

#[tokio::test]
async fn the_app_calls_the_desk() {
    let mut office = Office::open(|server| (server.tls(), LinphoneTransport::Tls(server.authority()))).await;
    let mut app = office.app.start();
    app.registered(SOON).await;
    app.call("101").await;
    office.desk.rings(SOON).await;
    app.state("OutgoingRinging", SOON).await;
    office.desk.answer().await;
    app.talks(SOON).await;
    office.desk.rtp_both_ways(SECOND, SOON).await;
    app.hang_up().await;
    office.desk.event("CALL_CLOSED", SOON).await;
    let rtp = app.rtp_statistics(SOON).await;
    assert!(rtp.sent >= SECOND && rtp.received >= SECOND, "{rtp:?}");
    office.server.good_call(SOON).await;
    assert_eq!(office.apns.accepted("voip"), 0, "nobody sleeps, nobody is pushed");
    app.quit(SOON).await;
    drop(office.desk);
    office.server.stop().await;
}
