//! A phone with two connections (RFC 5626): the second stands in for the first, and a push only for both.

use nightbell::phone::{Phone, Transport};

use crate::support::SOON;
use crate::support::office::{Office, rings};

/// The app's two connections, the newer one second.
async fn two_flows(office: &Office) -> (Phone, Phone) {
    let flow = |number: u32, name: &str| office.same_app(&Transport::Tcp).name(name).flow(number).build().unwrap();
    let (first, second) = (flow(1, "first"), flow(2, "second"));
    let registered = first.register(300, SOON).await.unwrap();
    assert_eq!(registered.flow_timer, Some(120), "the server says how often to keep the flow alive");
    second.register(300, SOON).await.unwrap();
    (first, second)
}

#[tokio::test]
async fn the_newer_connection_is_called_the_other_stands_in_and_a_push_comes_when_both_are_dead() {
    let mut office = Office::open().await;
    let (first, second) = two_flows(&office).await;
    let device = office.device(|device| device.live_binding.as_ref().is_some_and(|one| one.spare_flows == 1)).await;

    let call = office.desk.call("102", SOON).await.unwrap();
    second.incoming(SOON).await.unwrap().busy().unwrap();
    call.ended(SOON).await.unwrap();
    assert_eq!(rings(&first), 0);

    second.background().await;
    office.device(|one| one.id == device.id && one.live_binding.as_ref().is_some_and(|one| one.spare_flows == 0)).await;
    let call = office.desk.call("102", SOON).await.unwrap();
    first.incoming(SOON).await.unwrap().busy().unwrap();
    call.ended(SOON).await.unwrap();
    assert_eq!(office.apns.accepted("voip"), 0, "the phone was reachable all the time");

    first.background().await;
    office.asleep().await;
    let call = office.desk.call("102", SOON).await.unwrap();
    office.push("voip").await;
    call.cancel(SOON).await.unwrap();
    office.server.stop().await;
}

#[tokio::test]
async fn a_connection_that_dies_while_it_rings_hands_the_call_to_the_other() {
    let office = Office::open().await;
    let (first, second) = two_flows(&office).await;
    let call = office.desk.call("102", SOON).await.unwrap();
    second.incoming(SOON).await.unwrap().ring().unwrap();
    call.ringing(SOON).await.unwrap();
    second.background().await;
    let bell = first.incoming(SOON).await.unwrap();
    bell.answer().unwrap();
    call.answered(SOON).await.unwrap();
    call.hang_up(SOON).await.unwrap();
    assert_eq!(office.apns.accepted("voip"), 0);
    office.server.stop().await;
}
