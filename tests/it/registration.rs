//! A phone registers, refreshes, leaves and comes back; nobody else can take its place.

use nightbell::phone::{DigestChoice, PhoneError, TlsTrust, Transport, load};
use pbx_core::model::{BindingState, Presence};
use uuid::Uuid;

use crate::support::SOON;
use crate::support::office::{device, devices};
use crate::support::server::TestServer;

#[tokio::test]
async fn a_phone_registers_over_udp_tcp_and_tls_with_either_digest() {
    let server = TestServer::start().await;
    server.add_extension("101", "Anna").await;
    let trust = TlsTrust::Authority { pem: server.authority(), name: "localhost".to_owned() };
    let ways = [(server.udp(), Transport::Udp), (server.tcp(), Transport::Tcp), (server.tls(), Transport::Tls(trust))];
    for (address, transport) in ways {
        // SHA-256 is offered on TLS only: phones that give up at the sight of it are on plain transports.
        let sha256 = matches!(transport, Transport::Tls(_)).then_some(DigestChoice::Sha256);
        for digest in [DigestChoice::Topmost, DigestChoice::Md5].into_iter().chain(sha256) {
            let phone = nightbell::phone::Phone::builder(address)
                .extension("101")
                .secret("secret-of-101")
                .transport(transport.clone())
                .digest(digest)
                .instance(Uuid::new_v4())
                .build()
                .unwrap();
            let registered = phone.register(120, SOON).await.unwrap();
            assert_eq!(registered.expires, 120, "{transport:?} {digest:?}");
            let again = phone.register(180, SOON).await.unwrap();
            assert_eq!(again.expires, 180, "{transport:?} {digest:?}");
            assert!(phone.unregister(SOON).await.unwrap().contacts.iter().all(|line| !line.contains("expires=180")));
        }
    }
    assert!(devices(&server).await.iter().all(|device| device.presence == Presence::Unreachable));
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_secret_an_unknown_number_and_a_foreign_number_are_refused() {
    let server = TestServer::start().await;
    server.add_extension("101", "Anna").await;
    server.add_extension("102", "Ben").await;
    let wrong = server.phone("101").secret("guessed").build().unwrap();
    assert!(matches!(wrong.register(60, SOON).await, Err(PhoneError::Challenge { .. } | PhoneError::Refused { .. })));
    let unknown = server.phone("999").build().unwrap();
    assert!(matches!(unknown.register(60, SOON).await, Err(PhoneError::Challenge { .. } | PhoneError::Refused { .. })));
    let foreign = server.phone("101").username("102").secret("secret-of-102").build().unwrap();
    match foreign.register(60, SOON).await {
        Err(PhoneError::Refused { status, .. }) => assert_eq!(status, 403),
        other => panic!("a foreign number was not refused: {other:?}"),
    }
    assert!(devices(&server).await.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn a_registration_that_is_too_short_is_refused_with_the_shortest_allowed() {
    let server = TestServer::start().await;
    server.add_extension("101", "Anna").await;
    let phone = server.phone("101").build().unwrap();
    match phone.register(5, SOON).await {
        Err(PhoneError::Refused { status, .. }) => assert_eq!(status, 423),
        other => panic!("five seconds were not refused: {other:?}"),
    }
    server.stop().await;
}

#[tokio::test]
async fn an_app_that_comes_back_from_a_new_port_is_the_same_device() {
    let server = TestServer::start().await;
    server.add_extension("101", "Anna").await;
    let phone = server.phone("101").instance(Uuid::new_v4()).build().unwrap();
    phone.register(120, SOON).await.unwrap();
    for _ in 0..50 {
        phone.background().await;
        phone.wake(120, SOON).await.unwrap();
    }
    let devices = devices(&server).await;
    assert_eq!(devices.len(), 1, "{devices:?}");
    let binding = devices.first().and_then(|device| device.live_binding.clone()).unwrap();
    assert_eq!(Some(binding.remote), phone.local_addr());
    server.stop().await;
}

#[tokio::test]
async fn two_records_the_push_record_outlives_registration_and_connection() {
    let server = TestServer::start().await;
    server.add_extension("101", "Anna").await;
    let apns = server.apns().await;
    let tokens = apns.tokens();
    let app = nightbell::phone::Phone::builder(server.tcp())
        .extension("101")
        .secret("secret-of-101")
        .transport(Transport::Tcp)
        .instance(Uuid::new_v4())
        .push_params(format!(";{}", tokens.params()))
        .build()
        .unwrap();
    let registered = app.register(300, SOON).await.unwrap();
    assert!(
        registered.feature_caps.iter().any(|caps| caps.contains("+sip.pns=\"apns\"")),
        "RFC 8599 wants Feature-Caps: {registered:?}"
    );
    let before = devices(&server).await;
    assert_eq!(before.first().map(|device| device.presence), Some(Presence::Registered));

    app.unregister(SOON).await.unwrap();
    let after = devices(&server).await;
    assert_eq!(after.first().map(|device| device.presence), Some(Presence::ReachableByPush), "{after:?}");

    app.register(300, SOON).await.unwrap();
    app.background().await;
    let lost = device(&server, |device| device.presence == Presence::ReachableByPush).await;
    assert_eq!(lost.live_binding.map(|binding| binding.state), Some(BindingState::FlowLost));
    server.stop().await;
}

#[tokio::test]
async fn two_hundred_phones_register_at_once_and_again() {
    let server = TestServer::start().await;
    let mut accounts = Vec::new();
    for number in 2000..2200 {
        let number = number.to_string();
        let secret = server.add_extension(&number, "").await;
        accounts.push((number, secret));
    }
    let load = load::RegisterLoad {
        server: server.udp(),
        accounts,
        in_flight: 32,
        expires: 300,
        within: SOON,
        spread: std::time::Duration::ZERO,
        local: None,
    };
    for _ in 0..2 {
        let report = load::register(load.clone()).await.unwrap();
        assert_eq!((report.accepted, report.timed_out), (200, 0), "{:?}", report.refused);
    }
    server.stop().await;
}
