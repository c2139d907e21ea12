//! A call as text for whoever helps: what happened and when, without the numbers, names and addresses of people.

use std::net::{IpAddr, SocketAddr};

use pbx_core::model::{CallRecord, TimelineEntry};
use pbx_core::net::Ladder;

use super::ladder;
use crate::clock;
use crate::words;

/// The caller in the text, and who was called.
const CALLER: &str = "A";
const CALLED: &str = "B";

/// The text. `device` names a phone by its make, which is no secret and often the cause.
pub(super) fn of(
    call: &CallRecord,
    steps: &[(TimelineEntry, String)],
    messages: Option<&Ladder>,
    version: &str,
) -> String {
    let hidden = |text: &str| masked(text, call);
    let mut text = format!("Nightbell {version}, call {}\nbegan {}\n", call.uuid, clock::stamp(call.started_at).exact);
    let kind = if call.is_test() { ", a test call" } else { "" };
    let digits = |number: &str| number.chars().filter(char::is_ascii_digit).count();
    text += &format!(
        "{CALLER} ({} digits) called {CALLED} ({} digits){kind}\n",
        digits(&call.caller),
        digits(&call.callee)
    );
    for (entry, device) in steps {
        let offset = entry.at.0.saturating_sub(call.started_at.0);
        text += &format!("{offset:>7} ms  {}", words::step(entry.step));
        for part in [hidden(device), hidden(&entry.detail)] {
            if !part.is_empty() {
                text += &format!(" | {part}");
            }
        }
        text.push('\n');
    }
    let ending = call.ending.map_or("still going on", |ending| ending.as_str());
    text += &format!("ending: {ending}. {}\n", hidden(&call.reason));
    text += &format!(
        "sound packets: {} from {CALLER}, {} from {CALLED}\n",
        call.packets_from_caller, call.packets_from_callee
    );
    if let Some(messages) = messages {
        text += &hidden(&ladder::support_lines(messages, call));
    }
    text
}

/// The text without both numbers, the caller's name and every address.
fn masked(text: &str, call: &CallRecord) -> String {
    let named =
        if call.caller_name.trim().is_empty() { text.to_owned() } else { text.replace(&call.caller_name, CALLER) };
    let words = named.split_inclusive(char::is_whitespace).map(|piece| {
        let word = piece.trim_end();
        let (bare, blank) =
            (word.trim_matches([',', '.', ';', '(', ')', '“', '”']), piece.get(word.len()..).unwrap_or(""));
        let is_address = bare.parse::<SocketAddr>().is_ok() || bare.parse::<IpAddr>().is_ok();
        let shown = if is_address {
            word.replace(bare, "(address)")
        } else if !bare.is_empty() && bare == call.callee {
            word.replace(bare, CALLED)
        } else if !bare.is_empty() && bare == call.caller {
            word.replace(bare, CALLER)
        } else {
            word.to_owned()
        };
        shown + blank
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use pbx_core::model::{CallEnding, CallId, CallUuid, TimelineStep, UnixMillis};

    use super::*;

    #[test]
    fn no_number_name_or_address_of_anybody_is_in_the_text() {
        let call = CallRecord {
            id: CallId(1),
            uuid: CallUuid(uuid::Uuid::nil()),
            caller: "4930123456".into(),
            caller_name: "Anna Berg".into(),
            callee: "102".into(),
            started_at: UnixMillis(1_790_000_000_000),
            answered_at: None,
            ended_at: Some(UnixMillis(1_790_000_030_000)),
            ending: Some(CallEnding::NoAnswer),
            reason: "Nobody at 102 answered Anna Berg (4930123456).".into(),
            answered_by: None,
            packets_from_caller: 3,
            packets_from_callee: 0,
        };
        let step = |at: i64, step, detail: &str| TimelineEntry {
            call: call.id,
            at: UnixMillis(1_790_000_000_000 + at),
            step,
            device: None,
            detail: detail.into(),
        };
        let steps = [
            (step(0, TimelineStep::Invited, "4930123456 calls 102"), String::new()),
            (step(12, TimelineStep::InviteSent, "to 192.0.2.7:5060"), "LinphoneiOS/6.1".into()),
        ];
        let text = of(&call, &steps, None, "0.1.0");
        for secret in ["4930123456", "102", "Anna", "192.0.2.7"] {
            assert!(!text.contains(secret), "{secret} is in:\n{text}");
        }
        for told in
            ["A calls B", "12 ms", "to (address)", "LinphoneiOS/6.1", "no_answer", "Nobody at B answered A (A)."]
        {
            assert!(text.contains(told), "{told} is not in:\n{text}");
        }
    }
}
