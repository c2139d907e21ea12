//! What each act must have left behind: in the call log, at the stand-ins and at the phones.

use std::time::Duration;

use pbx_core::model::{CallEnding, TimelineStep};
use serde::Deserialize;

use super::acts::expect;
use super::stage::{ANNA, PhoneApp, RECEPTION, Stage};
use super::story::{ANDROID, DESK, IPHONE, PROOF, Story};
use super::{DemoError, SOON, Seen};
use crate::cli::call_timeline::{CallDetail, Step, words};
use crate::cli::client::Answer;
use crate::cli::output::clean;
use crate::phone::EventKind;

/// Between two looks at the call log.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How a call must stand in the call log.
pub(super) struct Expected<'a> {
    pub(super) ending: CallEnding,
    /// Which app answered; `None` leaves it open.
    pub(super) answered_by: Option<&'a PhoneApp>,
    /// The steps of each chain in this order, with others in between.
    pub(super) chains: &'a [&'a [TimelineStep]],
}

/// Reads the newest call as soon as it is over, compares it, and quotes its timeline.
pub(super) async fn call(stage: &Stage, story: &mut Story, expected: &Expected<'_>) -> Seen<()> {
    let Answer { raw, known } = finished(stage, story.calls().len() + 1).await?;
    let CallDetail { call, timeline, .. } = &known;
    story.keep_call(raw);
    expect("the call log should say how the call ended", call.ending == Some(expected.ending), || {
        format!("it says {:?}: {}", call.ending, call.reason)
    })?;
    for chain in expected.chains {
        in_order(timeline, chain)?;
    }
    if let Some(app) = expected.answered_by {
        let device = stage.target_is(app, "resting").await?;
        let what = format!("the call log should say that the {} answered", app.phone.name());
        let named = call.answered_by.map(|answered| answered.0);
        expect(&what, named == Some(device), || format!("it names {named:?}"))?;
    }
    quote(stage, story, &known).await
}

/// Waits until there are `count` calls and the newest is over, with the relay's last word about its sound.
async fn finished(stage: &Stage, count: usize) -> Seen<Answer<CallDetail>> {
    #[derive(Deserialize)]
    struct Line {
        id: i64,
    }
    #[derive(Deserialize)]
    struct Page {
        calls: Vec<Line>,
    }
    let mut instead = "no call".to_owned();
    let looking = async {
        loop {
            let page = stage.client.get::<Page>("/calls").await?.known;
            if page.calls.len() == count
                && let Some(Line { id }) = page.calls.first()
            {
                let detail = stage.client.get::<CallDetail>(&format!("/calls/{id}")).await?;
                if is_finished(&detail.known) {
                    return Ok(detail);
                }
                instead = format!("{:?}", detail.known);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let looked = tokio::time::timeout(SOON, looking).await;
    looked.unwrap_or_else(|_| {
        Err(DemoError::not_seen(
            "the call log should hold the finished call with its sound packets",
            format!("it holds {instead}"),
        ))
    })
}

fn is_finished(detail: &CallDetail) -> bool {
    let CallDetail { call, timeline, .. } = detail;
    let sound_counted = call.answered_at.is_none() || call.packets_from_caller.min(call.packets_from_callee) > 0;
    call.ended_at.is_some() && sound_counted && timeline.iter().any(|step| step.step == TimelineStep::Ended)
}

fn in_order(timeline: &[Step], steps: &[TimelineStep]) -> Seen<()> {
    let mut rest = timeline.iter();
    for wanted in steps {
        expect(
            &format!("the call's timeline should have the step “{}” in its place", words(*wanted)),
            rest.any(|step| step.step == *wanted),
            || format!("it has {:?}", timeline.iter().map(|step| step.step.as_str()).collect::<Vec<_>>()),
        )?;
    }
    Ok(())
}

/// The call log's own timeline, as the admin sees it.
async fn quote(stage: &Stage, story: &Story, detail: &CallDetail) -> Seen<()> {
    let mut names: Vec<(i64, &str)> = Vec::new();
    for (extension, with_target, without) in [(RECEPTION, ANDROID, DESK), (ANNA, IPHONE, IPHONE)] {
        for device in stage.devices(extension).await? {
            names.push((device.id, if device.wake_target.is_some() { with_target } else { without }));
        }
    }
    story.quote("This call in the call log:");
    for step in &detail.timeline {
        let device = step.device.and_then(|id| names.iter().find(|(known, _)| *known == id.0));
        let name = device.map_or("", |(_, name)| name);
        // The provider's id of a push is for support, not for a first look.
        let detail = step.detail.split(" (").next().unwrap_or_default();
        let what = if detail.is_empty() { String::new() } else { format!(": {}", clean(detail)) };
        story.quote(&format!("{:>6}  {name:<11}  {}{what}", format!("+{}", step.offset_ms), words(step.step)));
    }
    Ok(())
}

/// How many pushes each token has got since the start; every one of them must have been accepted.
pub(super) fn pushes(stage: &Stage, wanted: &[(&String, usize)]) -> Seen<()> {
    let apns = stage.apns.requests().into_iter().map(|asked| (Some(asked.token), asked.status));
    let fcm = stage.fcm.requests().into_iter().map(|asked| (asked.token, asked.status));
    let asked: Vec<(Option<String>, Option<u16>)> = apns.chain(fcm).collect();
    for (token, count) in wanted {
        let mine: Vec<Option<u16>> = asked
            .iter()
            .filter(|(asked, _)| asked.as_deref() == Some(token.as_str()))
            .map(|(_, status)| *status)
            .collect();
        let all_well = mine.len() == *count && mine.iter().all(|status| *status == Some(200));
        expect(&format!("the push service should have accepted exactly {count} pushes"), all_well, || {
            format!("it was asked {} times and answered {mine:?}", mine.len())
        })?;
    }
    Ok(())
}

/// How many calls have arrived at each phone since the start, none of them twice.
pub(super) fn calls_rung(story: &Story, wanted: &[(&str, usize)]) -> Seen<()> {
    for (phone, count) in wanted {
        let events = story.events();
        let rung = events.count(phone, |kind| matches!(kind, EventKind::CallArrived(_)));
        let twice = events.count(phone, |kind| matches!(kind, EventKind::CallArrivedTwice(_)));
        expect(&format!("the {phone} should have been rung {count} times"), rung == *count && twice == 0, || {
            format!("it was rung {rung} times, {twice} calls came twice")
        })?;
    }
    Ok(())
}

/// The act's last line.
pub(super) fn told(story: &mut Story, what: &str) {
    story.tell(PROOF, what);
}
