//! The three calls, step by step. Nothing is told that was not observed.

use std::time::Duration;

use super::post_box::Delivered;
use super::proof::{self, Expected};
use super::stage::{ANNA, PhoneApp, RECEPTION, Stage};
use super::story::{ANDROID, APNS, DESK, FCM, IPHONE, SERVER, Story};
use super::{DemoError, SOON, Seen};
use crate::phone::{CallEnd, IncomingCall, OutgoingCall};
use pbx_core::model::{CallEnding, TimelineStep};

/// How long a phone takes to start an app that was pushed; a real one takes a second or two.
const APP_START: Duration = Duration::from_millis(300);
/// How long a person takes to lift a receiver, or to lose patience.
const PERSON: Duration = Duration::from_millis(200);
/// Seconds a registration is asked for.
const HOUR: u32 = 3600;
/// Packets that make half a second of speech.
const SPEECH: u64 = 25;

pub(super) async fn play(stage: &mut Stage, story: &mut Story) -> Seen<()> {
    woken(stage, story).await?;
    answered_elsewhere(stage, story).await?;
    given_up(stage, story).await
}

/// Act 1: register, background, call, push, wake, answer, talk, hang up.
async fn woken(stage: &mut Stage, story: &mut Story) -> Seen<()> {
    story.act("1. A sleeping iPhone gets its call");
    let registered = stage.desk.register(HOUR, SOON).await?;
    story.tell(DESK, &format!("registers as {RECEPTION} over UDP for {} s", registered.expires));
    register(&stage.iphone, "APNs", story).await?;
    to_sleep(stage, &stage.iphone, story).await?;

    let call = stage.desk.call(ANNA, SOON).await?;
    story.tell(DESK, &format!("calls {ANNA}"));
    let push = call_push(stage, false, story).await?;
    hears_ringing(&call, DESK, story).await?;
    tokio::time::sleep(APP_START).await;
    wakes(&stage.iphone, story).await?;
    let bell = rings(&stage.iphone, RECEPTION, story).await?;
    expect("the call that rings is the one the push announced", bell.call_id() == push.field("call"), || {
        format!("the push named {} and the INVITE {}", push.field("call"), bell.call_id())
    })?;
    bell.answer()?;
    call.answered(SOON).await?;
    story.tell(IPHONE, "answers, and the desk phone hears it");
    talk(&call, &bell, story).await?;
    call.hang_up(SOON).await?;
    expect_end(&bell, "the iPhone should learn that the caller hung up", |end| matches!(end, CallEnd::PeerHungUp(_)))
        .await?;
    story.tell(DESK, "hangs up, and the iPhone app hears that");

    let chain = [
        TimelineStep::Invited,
        TimelineStep::PushQueued,
        TimelineStep::PushSent,
        TimelineStep::PushAccepted,
        TimelineStep::Registered,
        TimelineStep::InviteSent,
        TimelineStep::Ringing,
        TimelineStep::Answered,
        TimelineStep::Ended,
    ];
    let expected = Expected { ending: CallEnding::Completed, answered_by: Some(&stage.iphone), chains: &[&chain] };
    proof::call(stage, story, &expected).await?;
    proof::pushes(stage, &[(&stage.iphone.call_token, 1), (&stage.iphone.notice_token, 0)])?;
    proof::calls_rung(story, &[(IPHONE, 1), (DESK, 0)])?;
    proof::told(story, "one VoIP push, one wake, one ring: seen by both phones, by APNs and in the call log");
    Ok(())
}

/// Act 2: the desk phone answers while the app of the same extension wakes.
async fn answered_elsewhere(stage: &mut Stage, story: &mut Story) -> Seen<()> {
    story.act("2. The desk phone answers while the app wakes up");
    register(&stage.android, "FCM", story).await?;
    to_sleep(stage, &stage.android, story).await?;

    let call = stage.iphone.phone.call(RECEPTION, SOON).await?;
    story.tell(IPHONE, &format!("calls {RECEPTION}, which has a desk phone and a sleeping app"));
    let bell = stage.desk.incoming(SOON).await?;
    bell.ring()?;
    story.tell(DESK, "rings at once");
    let push = call_push(stage, true, story).await?;
    hears_ringing(&call, IPHONE, story).await?;
    tokio::time::sleep(PERSON).await;
    bell.answer()?;
    call.answered(SOON).await?;
    story.tell(DESK, "answers; the Android app is still starting");
    let notice = notice(stage, true).await?;
    expect("FCM should be told that the call was answered elsewhere", notice.field("why") == "elsewhere", || {
        format!("it got {}", notice.push.payload)
    })?;
    expect("the notice is about the same call", notice.field("call") == push.field("call"), || {
        format!("it got {}", notice.push.payload)
    })?;
    story.tell_at(notice.at, FCM, "takes the notice “answered elsewhere” for it");
    wakes(&stage.android, story).await?;
    talk(&call, &bell, story).await?;
    bell.hang_up(SOON).await?;
    expect_end(&call, "the caller should learn that the desk phone hung up", |end| {
        matches!(end, CallEnd::PeerHungUp(_))
    })
    .await?;
    story.tell(DESK, "hangs up");

    let at_the_desk = [
        TimelineStep::Invited,
        TimelineStep::InviteSent,
        TimelineStep::Ringing,
        TimelineStep::Answered,
        TimelineStep::Ended,
    ];
    // Twice: for the call and for the notice.
    let at_the_app =
        [TimelineStep::PushSent, TimelineStep::PushAccepted, TimelineStep::PushSent, TimelineStep::PushAccepted];
    let chains = [at_the_desk.as_slice(), at_the_app.as_slice()];
    let expected = Expected { ending: CallEnding::Completed, answered_by: None, chains: &chains };
    proof::call(stage, story, &expected).await?;
    proof::pushes(stage, &[(&stage.android.call_token, 2)])?;
    proof::calls_rung(story, &[(DESK, 1), (ANDROID, 0), (IPHONE, 1)])?;
    proof::told(story, "the app woke, was told, and never rang: no ghost call");
    Ok(())
}

/// Act 3: the caller gives up before the app is there; it learns of the missed call.
async fn given_up(stage: &mut Stage, story: &mut Story) -> Seen<()> {
    story.act("3. The caller gives up before the app is there");
    to_sleep(stage, &stage.iphone, story).await?;
    let call = stage.desk.call(ANNA, SOON).await?;
    story.tell(DESK, &format!("calls {ANNA}"));
    let push = call_push(stage, false, story).await?;
    hears_ringing(&call, DESK, story).await?;
    tokio::time::sleep(PERSON).await;
    let end = call.cancel(SOON).await?;
    expect(
        "the caller's call should be over",
        matches!(end, CallEnd::Cancelled(_) | CallEnd::Refused(487, _)),
        || format!("it ended so: {end}"),
    )?;
    story.tell(DESK, "gives up while the iPhone app is still starting");
    let notice = notice(stage, false).await?;
    expect("APNs should be told of the missed call by an ordinary notice", notice.push.kind == "alert", || {
        format!("it was a {} push", notice.push.kind)
    })?;
    let replaces = format!("call-{}", push.field("call"));
    expect("the notice replaces the ringing one", notice.push.collapse_id.as_deref() == Some(&replaces), || {
        format!("it has the id {:?}", notice.push.collapse_id)
    })?;
    story.tell_at(notice.at, APNS, &format!("takes the notice “Missed call” from {} for it", notice.field("caller")));
    wakes(&stage.iphone, story).await?;
    stage.target_is(&stage.iphone, "resting").await?;

    let chain = [
        TimelineStep::Invited,
        TimelineStep::PushSent,
        TimelineStep::PushAccepted,
        TimelineStep::CallerHearsRinging,
        TimelineStep::Ended,
    ];
    let expected = Expected { ending: CallEnding::CallerGaveUp, answered_by: None, chains: &[&chain] };
    proof::call(stage, story, &expected).await?;
    proof::pushes(stage, &[(&stage.iphone.call_token, 2), (&stage.iphone.notice_token, 1)])?;
    proof::calls_rung(story, &[(IPHONE, 1)])?;
    proof::told(story, "the app came too late, did not ring, and shows a missed call instead");
    Ok(())
}

pub(super) fn expect(what: &str, seen: bool, instead: impl FnOnce() -> String) -> Seen<()> {
    if seen { Ok(()) } else { Err(DemoError::not_seen(what, instead())) }
}

async fn expect_end(leg: &crate::phone::Leg, what: &str, wanted: impl Fn(&CallEnd) -> bool) -> Seen<()> {
    let end = leg.ended(SOON).await?;
    expect(what, wanted(&end), || format!("it ended so: {end}"))
}

async fn register(app: &PhoneApp, provider: &str, story: &mut Story) -> Seen<()> {
    let registered = app.phone.register(HOUR, SOON).await?;
    let what =
        format!("registers as {} over TLS for {} s and leaves its {provider} token", app.extension, registered.expires);
    story.tell(app.phone.name(), &what);
    Ok(())
}

/// The app goes to the background as real ones do: its connection is gone, nothing is said.
async fn to_sleep(stage: &Stage, app: &PhoneApp, story: &mut Story) -> Seen<()> {
    app.phone.background().await;
    story.tell(app.phone.name(), "goes to the background; its connection closes without a word");
    stage.target_is(app, "armed").await?;
    story.tell(SERVER, &format!("has noticed: the push record of the {} is armed", app.phone.name()));
    Ok(())
}

/// Waits for the push that wakes the Android app or the iPhone app.
async fn call_push(stage: &mut Stage, android: bool, story: &mut Story) -> Seen<Delivered> {
    let app = if android { &stage.android } else { &stage.iphone };
    let (provider, kind) = if android { (FCM, "data") } else { (APNS, "voip") };
    let name = app.phone.name().to_owned();
    let push = stage.post_box.take(&app.call_token, SOON).await;
    let push =
        push.ok_or_else(|| DemoError::not_seen(format!("{provider} should get a push for the {name}"), "none came"))?;
    let fits = push.push.kind == kind && push.field("t") == "call" && !push.field("call").is_empty();
    expect("the push should announce a call", fits, || {
        format!("it is a {} push with {}", push.push.kind, push.push.payload)
    })?;
    let word = if android { "high-priority message" } else { "VoIP push" };
    story.tell_at(push.at, provider, &format!("takes the {word} “call from {}” for the {name}", push.field("caller")));
    Ok(push)
}

/// Waits for the notice after a call.
async fn notice(stage: &mut Stage, android: bool) -> Seen<Delivered> {
    let app = if android { &stage.android } else { &stage.iphone };
    let notice = stage.post_box.take(&app.notice_token, SOON).await;
    notice.ok_or_else(|| DemoError::not_seen(format!("the {} should get a notice", app.phone.name()), "none came"))
}

async fn hears_ringing(call: &OutgoingCall, who: &str, story: &mut Story) -> Seen<()> {
    call.ringing(SOON).await?;
    story.tell(who, "hears ringing");
    Ok(())
}

async fn wakes(app: &PhoneApp, story: &mut Story) -> Seen<()> {
    app.phone.wake(HOUR, SOON).await?;
    // What the switchboard had for it when it registered has arrived when it answers once more.
    app.phone.query(SOON).await?;
    let port = app.phone.local_addr().map_or(0, |address| address.port());
    story.tell(app.phone.name(), &format!("has started and registers again, from a new port ({port})"));
    Ok(())
}

async fn rings(app: &PhoneApp, caller: &str, story: &mut Story) -> Seen<IncomingCall> {
    let bell = app.phone.incoming(SOON).await?;
    expect("the caller's number should be shown", bell.caller() == caller, || format!("it shows {}", bell.caller()))?;
    bell.ring()?;
    story.tell(app.phone.name(), &format!("is handed the waiting call and rings: {caller}"));
    Ok(bell)
}

/// Both sides hear each other.
async fn talk(call: &OutgoingCall, bell: &IncomingCall, story: &mut Story) -> Seen<()> {
    let (there, here) = tokio::try_join!(bell.heard(SPEECH, SOON), call.heard(SPEECH, SOON))?;
    let what = format!("hear each other: {} and {} sound packets so far", there.recognised, here.recognised);
    story.tell("Both", &what);
    Ok(())
}
