//! The timeline of a call in telephone words, for `calls show` and the demo.

use pbx_core::model::{CallRecord, DeviceId, TimelineStep, UnixMillis};
use serde::Deserialize;

use super::calls::outcome;
use super::output::{clean, span, time};

/// What `GET /calls/{id}` gives back.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct CallDetail {
    pub(super) call: CallRecord,
    pub(super) timeline: Vec<Step>,
    /// Its SIP messages, as far as the server still has them.
    #[serde(default)]
    pub(super) ladder: Option<Ladder>,
}

/// The SIP messages of a call, of which this shows what the page shows unopened.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Ladder {
    legs: Vec<Leg>,
    messages: Vec<Message>,
}

/// One way on which messages went.
#[derive(Debug, Clone, Deserialize)]
struct Leg {
    is_caller: bool,
    remote: String,
}

/// One message.
#[derive(Debug, Clone, Deserialize)]
struct Message {
    at: UnixMillis,
    leg: usize,
    received: bool,
    title: String,
    cseq: String,
}

/// One line of it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Step {
    pub(super) offset_ms: i64,
    pub(super) step: TimelineStep,
    pub(super) device: Option<DeviceId>,
    pub(super) detail: String,
}

/// The call and its timeline in lines.
pub(super) fn told(detail: &CallDetail) -> String {
    let CallDetail { call, timeline, ladder } = detail;
    let who = if call.caller_name.is_empty() {
        call.caller.clone()
    } else {
        format!("{} ({})", call.caller, call.caller_name)
    };
    let mut text =
        format!("Call {}: {} called {} at {}\n", call.id, clean(&who), clean(&call.callee), time(call.started_at));
    text += &match (call.answered_at, call.ended_at) {
        (Some(answered), Some(ended)) => format!(
            "  {}: rang {}, talked {}; sound packets: {} from the caller, {} back\n",
            outcome(call),
            span(call.started_at, answered),
            span(answered, ended),
            call.packets_from_caller,
            call.packets_from_callee
        ),
        (None, Some(ended)) => format!("  {} after {}\n", outcome(call), span(call.started_at, ended)),
        (Some(_) | None, None) => format!("  {}\n", outcome(call)),
    };
    if !call.reason.is_empty() {
        text += &format!("  {}\n", clean(&call.reason));
    }
    text.push('\n');
    text = timeline.iter().fold(text, |text, step| text + &line(step));
    if let Some(ladder) = ladder {
        text.push_str("\nSIP messages:\n");
        text.extend(ladder.messages.iter().map(|message| message_line(ladder, message, call.started_at)));
    }
    text
}

/// `   +812 ms  caller 192.0.2.7:5060 ->  INVITE [1 INVITE]`
fn message_line(ladder: &Ladder, message: &Message, began: UnixMillis) -> String {
    let offset = message.at.0.saturating_sub(began.0);
    let way = if message.received { "->" } else { "<-" };
    let who = ladder.legs.get(message.leg).map(|leg| {
        let role = if leg.is_caller { "caller" } else { "phone" };
        format!("{role} {}", leg.remote)
    });
    let who = who.unwrap_or_default();
    let (title, cseq) = (clean(&message.title), clean(&message.cseq));
    format!("{:>7} ms  {:<28} {way}  {title} [{cseq}]\n", format!("+{offset}"), clean(&who))
}

/// `   +812 ms  phone 7   the phone rings`
pub(super) fn line(step: &Step) -> String {
    let phone = step.device.map(|device| format!("phone {device}")).unwrap_or_default();
    let detail = if step.detail.is_empty() { String::new() } else { format!(": {}", clean(&step.detail)) };
    format!("{:>7} ms  {phone:<9}  {}{detail}\n", format!("+{}", step.offset_ms), words(step.step))
}

/// A step in telephone words.
pub(super) const fn words(step: TimelineStep) -> &'static str {
    match step {
        TimelineStep::Invited => "the call comes in",
        TimelineStep::PushQueued => "a wake is ordered",
        TimelineStep::PushSent => "push sent",
        TimelineStep::PushAccepted => "push accepted",
        TimelineStep::PushFailed => "push failed",
        TimelineStep::AppWoke => "the app got the push",
        TimelineStep::Registered => "the phone woke and registered",
        TimelineStep::InviteSent => "the call is handed to the phone",
        TimelineStep::Ringing => "the phone rings",
        TimelineStep::CallerHearsRinging => "the caller hears ringing",
        TimelineStep::Answered => "answered",
        TimelineStep::BranchEnded => "this phone is out",
        TimelineStep::Ended => "the call ends",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_the_millisecond_the_phone_and_the_step() {
        let step = Step {
            offset_ms: 812,
            step: TimelineStep::Registered,
            device: Some(DeviceId(7)),
            detail: "over \u{1b}[1mTLS".to_owned(),
        };
        assert_eq!(line(&step), "   +812 ms  phone 7    the phone woke and registered: over [1mTLS\n");
    }
}
