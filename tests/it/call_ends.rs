//! A caller who gives up is answered within half a second, whatever the phones do, and every device learns it in the right way.

use std::time::Duration;

use nightbell::phone::{CallEnd, EventKind};
use pbx_core::model::CallEnding;

use crate::support::SOON;
use crate::support::office::Office;

/// What a person takes for "at once".
const HALF_A_SECOND: Duration = Duration::from_millis(500);

#[tokio::test]
async fn while_the_call_is_parked() {
    let mut office = Office::with_sleeping_app().await;
    let call = office.desk.call("102", SOON).await.unwrap();
    office.push("voip").await;
    assert_eq!(call.cancel(HALF_A_SECOND).await.unwrap(), CallEnd::Cancelled(None));
    office.push("alert").await;
    office.server.stop().await;
}

#[tokio::test]
async fn while_one_phone_hangs_on_a_connection_that_is_dead() {
    let mut office = Office::open().await;
    office.app.fall_silent(true);
    let call = office.desk.call("102", SOON).await.unwrap();
    let ignored = |kind: &EventKind| *kind == EventKind::Ignored("INVITE".to_owned());
    assert!(office.app.events().wait("102", SOON, ignored).await.is_some());
    assert_eq!(call.cancel(HALF_A_SECOND).await.unwrap(), CallEnd::Cancelled(None));
    office.server.last_call("given up", SOON, |call| call.ending == Some(CallEnding::CallerGaveUp)).await;
    // After the grace time the same phone is pushed, and told of the missed call by push.
    office.settings(|settings| settings.grace_ms = 200).await;
    let call = office.desk.call("102", SOON).await.unwrap();
    office.push("voip").await;
    assert_eq!(call.cancel(HALF_A_SECOND).await.unwrap(), CallEnd::Cancelled(None));
    let missed = office.push("alert").await;
    assert_eq!(missed.payload["t"], "missed");
    office.server.stop().await;
}

#[tokio::test]
async fn a_missed_call_is_told_and_logged_whenever_the_caller_gives_up() {
    let mut office = Office::with_sleeping_app().await;
    let mut last = None;
    for moment in ["pushed", "heard ringing", "rang out"] {
        if moment == "rang out" {
            office.settings(|settings| settings.ring_seconds = 5).await;
        }
        let call = office.desk.call("102", SOON).await.unwrap();
        let ringing = office.push("voip").await;
        match moment {
            "pushed" => drop(call.cancel(SOON).await.unwrap()),
            "heard ringing" => {
                call.ringing(SOON).await.unwrap();
                call.cancel(SOON).await.unwrap();
            }
            _ => drop(call.ended(Duration::from_secs(30)).await.unwrap()),
        }
        let missed = office.push("alert").await;
        assert_eq!(missed.payload["t"], "missed", "{moment}");
        assert_eq!(missed.payload["call"], ringing.payload["call"], "{moment}");
        let name = ringing.payload["call"].as_str().unwrap_or_default().to_owned();
        assert_eq!(missed.collapse_id, Some(format!("call-{name}")), "{moment}");
        let is_it = |call: &pbx_core::model::CallRecord| call.ended_at.is_some() && call.uuid.to_string() == name;
        last = Some(office.server.last_call(moment, SOON, is_it).await.0.ending);
    }
    assert_eq!(last, Some(Some(CallEnding::NoAnswer)));
    office.server.stop().await;
}
