//! The real telephones do what their wrappers promise, before any server of ours is involved: they are called directly.

use std::net::SocketAddr;
use std::time::Duration;

use nightbell::phone::{CallEnd, Phone};
use uuid::Uuid;

use crate::support::baresip::{Baresip, BaresipAccount};
use crate::support::linphone::{LinphoneAccount, LinphoneApp, LinphoneTransport};
use crate::support::sipp::{CallRow, Sipp, SippRun};
use crate::support::{SOON, free_port};

/// A second of speech.
const SECOND: u64 = 50;

#[tokio::test]
async fn baresip_answers_a_call_and_both_sides_hear_each_other() {
    let account = BaresipAccount { extension: "202", secret: "", server: None, auto_answer: false };
    let mut desk = Baresip::start(&account).await;
    let phone = Phone::builder(desk.address()).extension("101").build().unwrap();
    let call = phone.call("202", SOON).await.unwrap();
    desk.rings(SOON).await;
    assert_eq!(call.ringing(SOON).await.unwrap(), 180);
    desk.answer().await;
    call.answered(SOON).await.unwrap();
    desk.hears(SOON).await;
    call.heard_anything(SECOND, SOON).await.unwrap();
    call.hang_up(SOON).await.unwrap();
    desk.event("CALL_CLOSED", SOON).await;
}

#[tokio::test]
async fn baresip_refuses_a_call_it_does_not_want() {
    let account = BaresipAccount { extension: "202", secret: "", server: None, auto_answer: false };
    let mut desk = Baresip::start(&account).await;
    let phone = Phone::builder(desk.address()).extension("101").build().unwrap();
    let call = phone.call("202", SOON).await.unwrap();
    desk.rings(SOON).await;
    desk.hang_up().await;
    assert!(matches!(call.ended(SOON).await.unwrap(), CallEnd::Refused(480 | 486 | 603, _)));
}

#[tokio::test]
async fn linphone_answers_a_call_and_both_sides_hear_each_other() {
    let port = free_port();
    let app = LinphoneApp::install(&LinphoneAccount {
        extension: "201",
        secret: "",
        server: None,
        transport: LinphoneTransport::Udp(port),
        instance: Uuid::new_v4(),
        push: "",
    });
    let mut linphone = app.start();
    let address: SocketAddr = ([127, 0, 0, 1], port).into();
    let phone = Phone::builder(address).extension("101").build().unwrap();
    let call = phone.call("201", SOON).await.unwrap();
    linphone.rings(SOON).await;
    call.ringing(SOON).await.unwrap();
    linphone.answer().await;
    call.answered(SOON).await.unwrap();
    linphone.talks(SOON).await;
    call.heard_anything(SECOND, SOON).await.unwrap();
    linphone.hang_up().await;
    assert_eq!(call.ended(SOON).await.unwrap(), CallEnd::PeerHungUp(None));
    let rtp = linphone.rtp_statistics(SOON).await;
    // The two do not start at the same moment.
    assert!(rtp.sent >= SECOND / 2 && rtp.received >= SECOND / 2, "{rtp:?}");
    linphone.quit(SOON).await;
}

#[tokio::test]
async fn every_sipp_scenario_goes_through_between_two_sipps() {
    for (caller, called) in [("uac_call", "uas_answer"), ("uac_cancel", "uas_cancelled"), ("uac_busy", "uas_busy")] {
        for transport in ["u1", "t1"] {
            let quiet = SippRun {
                scenario: called,
                transport,
                port: None,
                calls: 2,
                rate: 10,
                talk: Duration::from_millis(100),
                server: None,
                rows: Vec::new(),
            };
            let phone = Sipp::start(&quiet);
            phone.listens(SOON).await;
            let row = CallRow {
                caller: "101".to_owned(),
                called: "102".to_owned(),
                authorization: "X-Authorization: none".to_owned(),
            };
            let server = ([127, 0, 0, 1], phone.port()).into();
            let busy = SippRun { scenario: caller, server: Some(server), rows: vec![row], ..quiet };
            let counts = Sipp::start(&busy).finish(SOON).await;
            assert_eq!((counts.successful, counts.failed), (2, 0), "{caller} over {transport}");
            let counts = phone.finish(SOON).await;
            assert_eq!((counts.successful, counts.failed), (2, 0), "{called} over {transport}");
        }
    }
}
