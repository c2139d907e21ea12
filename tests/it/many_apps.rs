//! Several apps of one person: each is woken by its own provider, and each hears how the call went on without it.

use std::time::Duration;

use nightbell::phone::{CallEnd, Phone, Transport};
use pbx_core::model::PushProvider;
use push_module::standin::FcmStandin;
use uuid::Uuid;

use crate::support::SOON;
use crate::support::office::{Office, rings};

#[tokio::test]
async fn equal_tokens_of_two_providers_are_two_apps_and_both_are_pushed() {
    let mut office = Office::with_sleeping_app().await;
    let fcm = FcmStandin::start().await.unwrap();
    let mut accepted = fcm.subscribe();
    office.server.app.push.add_credential(fcm.new_credential("my-project", None).unwrap()).await.unwrap();
    let token = office.tokens.voip.clone();
    fcm.register_token(&token, "my-project");
    let android = Phone::builder(office.server.tcp())
        .extension("102")
        .secret("secret-of-102")
        .name("android")
        .transport(Transport::Tcp)
        .instance(Uuid::new_v4())
        .push_params(format!(";pn-provider=fcm;pn-param=my-project;pn-prid={token}"))
        .build()
        .unwrap();
    android.register(300, SOON).await.unwrap();
    android.unregister(SOON).await.unwrap();
    android.background().await;
    let call = office.desk.call("102", SOON).await.unwrap();
    let apple = office.push("voip").await;
    let google = tokio::time::timeout(SOON, accepted.recv()).await.unwrap().unwrap();
    assert_eq!((apple.token, google.token), (token.clone(), token));
    assert_eq!((apple.provider, google.provider), (PushProvider::Apns, PushProvider::Fcm));
    assert_eq!(apple.payload["call"], google.payload["call"], "one call, one id");
    call.cancel(SOON).await.unwrap();
    let missed = tokio::time::timeout(SOON, accepted.recv()).await.unwrap().unwrap();
    assert_eq!((missed.payload["t"].as_str(), missed.payload["why"].as_str()), (Some("cancel"), Some("missed")));
    assert_eq!(missed.payload["tag"], google.payload["tag"], "the app rewrites its ringing notice");
    office.server.stop().await;
}

#[tokio::test]
async fn the_app_that_answered_is_told_nothing_and_the_one_that_slept_on_is_told_in_the_background() {
    let mut office = Office::with_sleeping_app().await;
    let (other, other_tokens) = office.second_app("other").await;
    other.unregister(SOON).await.unwrap();
    other.background().await;
    let call = office.desk.call("102", SOON).await.unwrap();
    office.push("voip").await;
    office.push("voip").await;
    office.app.wake(300, SOON).await.unwrap();
    let bell = office.app.incoming(SOON).await.unwrap();
    bell.answer().unwrap();
    call.answered(SOON).await.unwrap();
    let told = office.push("background").await;
    assert_eq!(told.token, other_tokens.remote, "only the app that did not come");
    assert_eq!((told.payload["t"].as_str(), told.payload["aps"]["alert"].as_str()), (Some("elsewhere"), None));
    call.hang_up(SOON).await.unwrap();
    bell.ended(SOON).await.unwrap();
    let pushes: Vec<_> = office.apns.standin.requests().into_iter().filter_map(|one| one.push_type).collect();
    assert_eq!(pushes, ["voip", "voip", "background"], "nobody is told of a missed call that was answered");
    assert_eq!(rings(&other), 0);
    office.server.stop().await;
}

#[tokio::test]
async fn what_one_phone_refuses_another_may_still_answer_unless_it_is_declined_for_all() {
    let office = Office::open().await;
    let beside = office.server.phone("102").name("beside").instance(Uuid::new_v4()).build().unwrap();
    beside.register(300, SOON).await.unwrap();
    for (status, for_all) in [(486, false), (480, false), (603, true)] {
        let call = office.desk.call("102", SOON).await.unwrap();
        let one = office.app.incoming(SOON).await.unwrap();
        let other = beside.incoming(SOON).await.unwrap();
        other.ring().unwrap();
        call.ringing(SOON).await.unwrap();
        one.refuse(status, "No").unwrap();
        if for_all {
            assert!(matches!(other.ended(SOON).await.unwrap(), CallEnd::Cancelled(_)), "{status}");
            assert_eq!(call.ended(SOON).await.unwrap(), CallEnd::Refused(603, "Decline".into()));
        } else {
            other.answer().unwrap();
            call.answered(SOON).await.unwrap();
            call.hang_up(SOON).await.unwrap();
            other.ended(SOON).await.unwrap();
        }
    }
    for ((one, other), told) in [((486, 486), 486), ((486, 480), 486), ((480, 480), 480)] {
        let call = office.desk.call("102", SOON).await.unwrap();
        office.app.incoming(SOON).await.unwrap().refuse(one, "No").unwrap();
        beside.incoming(SOON).await.unwrap().refuse(other, "No").unwrap();
        let end = call.ended(SOON).await.unwrap();
        assert!(matches!(end, CallEnd::Refused(status, _) if status == told), "{one} and {other}: {end:?}");
    }
    assert_eq!(office.apns.accepted("voip"), 0, "both are awake");
    office.server.stop().await;
}

#[tokio::test]
async fn each_way_a_call_ends_stands_in_the_log_in_plain_words() {
    let office = Office::open().await;
    let beside = office.server.phone("102").name("beside").instance(Uuid::new_v4()).build().unwrap();
    beside.register(300, SOON).await.unwrap();
    let call = office.desk.call("102", SOON).await.unwrap();
    let (one, other) = (office.app.incoming(SOON).await.unwrap(), beside.incoming(SOON).await.unwrap());
    other.ring().unwrap();
    one.answer().unwrap();
    call.answered(SOON).await.unwrap();
    call.hang_up(SOON).await.unwrap();
    let said = |reason: &'static str| move |call: &pbx_core::model::CallRecord| call.reason == reason;
    let (_, timeline) = office.server.last_call("who hung up", SOON, said("The caller hung up.")).await;
    let lines: Vec<_> = timeline.iter().map(|entry| entry.detail.as_str()).collect();
    assert!(lines.contains(&"Answered on another phone."), "{lines:?}");

    let call = office.desk.call("102", SOON).await.unwrap();
    office.app.incoming(SOON).await.unwrap().busy().unwrap();
    beside.incoming(SOON).await.unwrap().busy().unwrap();
    call.ended(SOON).await.unwrap();
    office.server.last_call("busy", SOON, said("Every phone that could be reached is busy.")).await;

    let call = office.desk.call("102", SOON).await.unwrap();
    office.app.incoming(SOON).await.unwrap().decline().unwrap();
    call.ended(SOON).await.unwrap();
    office.server.last_call("declined", SOON, said("The call was declined.")).await;

    let call = office.desk.call("102", SOON).await.unwrap();
    office.app.incoming(SOON).await.unwrap().ring().unwrap();
    call.ringing(SOON).await.unwrap();
    call.cancel(SOON).await.unwrap();
    office.server.last_call("given up", SOON, said("The caller hung up before anybody answered.")).await;

    office.settings(|settings| settings.ring_seconds = 5).await;
    let call = office.desk.call("102", SOON).await.unwrap();
    office.app.incoming(SOON).await.unwrap().ring().unwrap();
    assert!(matches!(call.ended(Duration::from_secs(30)).await.unwrap(), CallEnd::Refused(480, _)));
    office.server.last_call("no answer", SOON, said("Nobody answered within the ring time.")).await;

    office.server.add_extension("103", "Nobody").await;
    let call = office.desk.call("103", SOON).await.unwrap();
    call.ended(SOON).await.unwrap();
    let nobody = "No phone of this extension is registered, and none can be reached by push.";
    office.server.last_call("unreachable", SOON, said(nobody)).await;
    office.server.stop().await;
}
