//! The rules of waking, with scripted phones: one push, one ring, no ghosts, whatever the app does.

use std::time::Duration;

use nightbell::phone::{CallEnd, EventKind};
use pbx_core::model::{CallEnding, Presence, UnixMillis, WakeState};
use push_module::standin::ApnsFault;

use crate::support::SOON;
use crate::support::office::{Office, devices};

/// Half a second of voice.
const VOICE: u64 = 25;

/// Whether and how the app can be reached.
async fn presence(office: &Office) -> Presence {
    let devices = devices(&office.server).await;
    let app = devices.into_iter().find(|device| device.wake_target.is_some());
    app.map_or(Presence::Unreachable, |device| device.presence)
}

#[tokio::test]
async fn the_call_waits_for_the_app_and_is_delivered_once() {
    let mut office = Office::with_sleeping_app().await;
    let call = office.desk.call("102", SOON).await.unwrap();
    let push = office.apns.push(SOON).await;
    assert_eq!((push.kind.as_str(), &push.token), ("voip", &office.tokens.voip));
    call.ringing(SOON).await.unwrap();
    office.app.wake(300, SOON).await.unwrap();
    let bell = office.app.incoming(SOON).await.unwrap();
    let text = push.payload.to_string();
    assert!(text.contains(bell.call_id()), "the push names the Call-ID of the INVITE that follows: {text}");
    // The app refreshes while it rings, as apps do after a start.
    office.app.register(300, SOON).await.unwrap();
    bell.ring().unwrap();
    bell.answer().unwrap();
    call.answered(SOON).await.unwrap();
    call.heard(VOICE, SOON).await.unwrap();
    bell.heard(VOICE, SOON).await.unwrap();
    call.hang_up(SOON).await.unwrap();
    bell.ended(SOON).await.unwrap();
    office.server.good_call(SOON).await;
    assert_eq!((office.apns.accepted("voip"), office.rings()), (1, 1));
    office.server.stop().await;
}

#[tokio::test]
async fn a_connection_that_just_died_is_pushed_past() {
    let mut office = Office::open().await;
    office.app.background().await;
    let call = office.desk.call("102", SOON).await.unwrap();
    office.apns.push(SOON).await;
    office.app.wake(300, SOON).await.unwrap();
    let bell = office.app.incoming(SOON).await.unwrap();
    bell.answer().unwrap();
    call.answered(SOON).await.unwrap();
    call.hang_up(SOON).await.unwrap();
    assert_eq!((office.apns.accepted("voip"), office.rings()), (1, 1));
    office.server.stop().await;
}

#[tokio::test]
async fn an_app_that_hangs_on_a_live_connection_is_pushed_after_the_grace_time() {
    let mut office = Office::open().await;
    office.app.fall_silent(true);
    let call = office.desk.call("102", SOON).await.unwrap();
    let ignored = |kind: &EventKind| *kind == EventKind::Ignored("INVITE".to_owned());
    assert!(office.app.events().wait("102", SOON, ignored).await.is_some(), "a live connection is tried first");
    office.apns.push(SOON).await;
    office.app.background().await;
    office.app.fall_silent(false);
    office.app.wake(300, SOON).await.unwrap();
    let bell = office.app.incoming(SOON).await.unwrap();
    bell.answer().unwrap();
    call.answered(SOON).await.unwrap();
    call.heard(VOICE, SOON).await.unwrap();
    call.hang_up(SOON).await.unwrap();
    office.server.stop().await;
}

#[tokio::test]
async fn an_app_that_is_awake_is_not_pushed() {
    let office = Office::open().await;
    let call = office.desk.call("102", SOON).await.unwrap();
    let bell = office.app.incoming(SOON).await.unwrap();
    bell.ring().unwrap();
    call.ringing(SOON).await.unwrap();
    bell.answer().unwrap();
    call.answered(SOON).await.unwrap();
    call.hang_up(SOON).await.unwrap();
    office.server.last_call("the end", SOON, |call| call.ended_at.is_some()).await;
    assert_eq!(office.apns.accepted("voip"), 0);
    office.server.stop().await;
}

#[tokio::test]
async fn an_app_that_wakes_after_the_caller_gave_up_rings_for_nobody_and_is_told_of_the_missed_call() {
    let mut office = Office::with_sleeping_app().await;
    let call = office.desk.call("102", SOON).await.unwrap();
    office.apns.push(SOON).await;
    assert_eq!(call.cancel(Duration::from_secs(1)).await.unwrap(), CallEnd::Cancelled(None));
    let notice = office.apns.push(SOON).await;
    assert_eq!((notice.kind.as_str(), &notice.token), ("alert", &office.tokens.remote), "cancel is never a VoIP push");
    office.app.wake(300, SOON).await.unwrap();
    // A later call is the only one the app gets.
    let call = office.desk.call("102", SOON).await.unwrap();
    let bell = office.app.incoming(SOON).await.unwrap();
    bell.busy().unwrap();
    call.ended(SOON).await.unwrap();
    assert_eq!((office.apns.accepted("voip"), office.rings()), (1, 1));
    office.server.stop().await;
}

#[tokio::test]
async fn a_token_that_is_gone_ends_the_call_and_the_wake_target() {
    let office = Office::with_sleeping_app().await;
    assert_eq!(presence(&office).await, Presence::ReachableByPush);
    let far_future = UnixMillis(4_000_000_000_000);
    office.apns.standin.script(office.tokens.voip.as_str(), ApnsFault::Gone { timestamp: far_future }, 1);
    let call = office.desk.call("102", SOON).await.unwrap();
    assert!(matches!(call.ended(SOON).await.unwrap(), CallEnd::Refused(480, _)));
    assert_eq!(presence(&office).await, Presence::Unreachable);
    office.server.last_call("why", SOON, |call| call.ending == Some(CallEnding::Unreachable)).await;
    office.server.stop().await;
}

#[tokio::test]
async fn a_phone_in_whose_place_another_came_is_shown_as_unreachable_and_is_not_pushed() {
    let mut office = Office::open().await;
    office.settings(|settings| settings.devices_per_extension = 1).await;
    let (second, tokens) = office.second_app("second").await;
    let first = office.device(|device| device.presence == Presence::Unreachable).await;
    let words = "Another phone of extension 102 took its place, because no more than 1 may be reached at once";
    assert!(first.reason.starts_with(words), "{}", first.reason);
    assert_eq!(first.wake_state, Some(WakeState::Displaced));
    second.unregister(SOON).await.unwrap();
    second.background().await;
    office.device(|device| device.id != first.id && device.presence == Presence::ReachableByPush).await;
    let call = office.desk.call("102", SOON).await.unwrap();
    assert_eq!(office.push("voip").await.token, tokens.voip);
    second.wake(300, SOON).await.unwrap();
    second.incoming(SOON).await.unwrap().answer().unwrap();
    call.answered(SOON).await.unwrap();
    call.hang_up(SOON).await.unwrap();
    assert_eq!((office.apns.accepted("voip"), office.rings()), (1, 0));
    // It is the one that is called again as soon as its app is opened.
    office.app.register(300, SOON).await.unwrap();
    office.device(|device| device.id == first.id && device.presence == Presence::Registered).await;
    office.server.stop().await;
}

#[tokio::test]
async fn a_desk_phone_rings_at_once_while_the_app_wakes_and_the_first_answer_wins() {
    let mut office = Office::with_sleeping_app().await;
    let beside = office.server.phone("102").name("102 desk").build().unwrap();
    beside.register(300, SOON).await.unwrap();
    let call = office.desk.call("102", SOON).await.unwrap();
    let at_desk = beside.incoming(SOON).await.unwrap();
    at_desk.ring().unwrap();
    office.apns.push(SOON).await;
    office.app.wake(300, SOON).await.unwrap();
    let in_hand = office.app.incoming(SOON).await.unwrap();
    in_hand.ring().unwrap();
    at_desk.answer().unwrap();
    call.answered(SOON).await.unwrap();
    let end = in_hand.ended(SOON).await.unwrap();
    let CallEnd::Cancelled(Some(reason)) = &end else { panic!("the app was not told: {end:?}") };
    assert!(reason.contains("Call completed elsewhere"), "{reason}");
    call.hang_up(SOON).await.unwrap();
    office.server.stop().await;
}

#[tokio::test]
async fn two_callers_reach_the_same_sleeping_app_with_one_push_each() {
    let mut office = Office::with_sleeping_app().await;
    office.server.add_extension("103", "Second caller").await;
    let other = office.server.phone("103").build().unwrap();
    other.register(300, SOON).await.unwrap();
    let first = office.desk.call("102", SOON).await.unwrap();
    office.apns.push(SOON).await;
    let second = other.call("102", SOON).await.unwrap();
    office.apns.push(SOON).await;
    office.app.wake(300, SOON).await.unwrap();
    let (one, two) = (office.app.incoming(SOON).await.unwrap(), office.app.incoming(SOON).await.unwrap());
    let mut callers = [one.caller(), two.caller()];
    callers.sort();
    assert_eq!(callers, ["101", "103"]);
    one.busy().unwrap();
    two.busy().unwrap();
    first.ended(SOON).await.unwrap();
    second.ended(SOON).await.unwrap();
    assert_eq!((office.apns.accepted("voip"), office.rings()), (2, 2));
    office.server.stop().await;
}
