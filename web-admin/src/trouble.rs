//! What is wrong with calls, by what people say: a sign-in fails, no sound, sound one way, calls that drop, a phone that sleeps on.
//!
//! Each complaint walks the checks that can explain it, over what Nightbell has seen of the last calls (sound packets of each
//! side, how long they lasted, how they ended), the registrations and the blocks. What it cannot see from here is a list of
//! things to look at. Pure: the same facts give the same findings.

mod network;
mod unanswered;

use std::collections::BTreeMap;

use pbx_core::defence::BlockedAddress;
use pbx_core::model::{CallEnding, CallRecord, DeviceId, ExtensionNumber, Presence, Settings};
use pbx_core::net::Ladder;
use push_module::NetworkCheck;
use serde::{Deserialize, Serialize};

use crate::advice::{Facts, Finding, Level};
use crate::diagnosis::{self, Symptom};
use crate::network_check::Run;
use crate::{say, t};

/// What people say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Complaint {
    /// A phone cannot sign in.
    LoginFails,
    /// Nobody hears anything.
    NoSound,
    /// Only one of both is heard.
    SoundOneWay,
    /// Calls end by themselves, often after half a minute or a minute.
    CallDrops,
    /// A sleeping phone does not ring.
    PhoneDoesNotWake,
}

impl Complaint {
    pub(crate) const ALL: [Self; 5] =
        [Self::LoginFails, Self::NoSound, Self::SoundOneWay, Self::CallDrops, Self::PhoneDoesNotWake];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::LoginFails => "login_fails",
            Self::NoSound => "no_sound",
            Self::SoundOneWay => "sound_one_way",
            Self::CallDrops => "call_drops",
            Self::PhoneDoesNotWake => "phone_does_not_wake",
        }
    }

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::LoginFails => t("trouble-a-phone-cannot-sign-in"),
            Self::NoSound => t("trouble-nobody-hears-anything"),
            Self::SoundOneWay => t("trouble-only-one-of-both-is-heard"),
            Self::CallDrops => t("trouble-calls-end-by-themselves"),
            Self::PhoneDoesNotWake => t("trouble-a-sleeping-phone-does-not-ring"),
        }
    }
}

/// What the walk looks at, beside the facts of the advice.
#[derive(Default)]
pub(crate) struct Evidence {
    /// The last calls, the newest first.
    pub(crate) calls: Vec<CallRecord>,
    pub(crate) blocked: Vec<BlockedAddress>,
    pub(crate) settings: Settings,
    pub(crate) network: Option<NetworkCheck>,
    /// The newest network check from inside.
    pub(crate) inside: Option<Run>,
    /// The newest one from outside.
    pub(crate) outside: Option<Run>,
    /// The SIP messages of the last calls, as far as they are kept.
    pub(crate) ladders: Vec<Ladder>,
}

/// Calls that are looked at: a day of a small office, and one page of the log.
pub(crate) const CALLS: u32 = 200;
/// Calls whose SIP messages are looked at.
pub(crate) const LADDERS: usize = 50;
/// A side that sent fewer packets in a call of some seconds sent nothing but the odd keep-alive: 20 ms of sound are one.
const SILENT: u64 = 10;
/// Shorter calls say nothing: nobody spoke yet.
const LONG_ENOUGH_MS: i64 = 3_000;
/// An answer that is not confirmed is given up after 64 times T1 = 32 s (RFC 3261 section 13.3.1.4).
const UNCONFIRMED_MS: std::ops::RangeInclusive<i64> = 30_000..=34_000;
/// Routers forget idle UDP ways after 30 or 60 s; session timers end calls at multiples of that.
const FORGOTTEN_MS: std::ops::RangeInclusive<i64> = 28_000..=66_000;

/// Walks the checks of one complaint, problems first; `extension` narrows it to one.
pub(crate) fn findings(
    complaint: Complaint,
    extension: Option<ExtensionNumber>,
    facts: &Facts,
    evidence: &Evidence,
) -> Vec<Finding> {
    let mut found = match complaint {
        Complaint::LoginFails => login(extension, facts, evidence),
        Complaint::NoSound => no_sound(evidence),
        Complaint::SoundOneWay => one_way(evidence),
        Complaint::CallDrops => drops(evidence),
        Complaint::PhoneDoesNotWake => asleep(extension, facts, evidence),
    };
    found.extend(network::findings(complaint, evidence.inside.as_ref(), evidence.outside.as_ref()));
    found.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    found
}

fn login(extension: Option<ExtensionNumber>, facts: &Facts, evidence: &Evidence) -> Vec<Finding> {
    let mut found = Vec::new();
    let name = extension.map(|number| number.to_string());
    let concerns = |block: &&BlockedAddress| match (&block.account, &name) {
        (Some(account), Some(name)) => account.split('.').next() == Some(name.as_str()),
        (None, _) | (_, None) => true,
    };
    for block in evidence.blocked.iter().filter(concerns) {
        let whom = block
            .account
            .as_ref()
            .map_or_else(String::new, |account| say("trouble-for-account").with("account", &account).text());
        let text =
            say("trouble-is-blocked-too-many-wrong-secrets").with("address", &block.address).with("whom", &whom).text();
        let fix = t("trouble-correct-the-secret-in-the-phone");
        found.push(Finding::new(Level::Fail, "address_blocked", text, fix, "/security"));
    }
    let own: Vec<_> = facts.devices.iter().filter(|device| Some(device.extension) == extension).collect();
    let off = extension.and_then(|number| diagnosis::phones_off(number, facts));
    if let Some(off) = off {
        found.push(off);
    } else if extension.is_some() && own.is_empty() {
        let text = t("trouble-no-phone-of-this-extension-has");
        let fix = t("trouble-show-a-qr-code-under-add");
        found.push(Finding::new(Level::Fail, "never_registered", text, fix, "/extensions"));
    }
    let on = extension.filter(|number| !facts.switched_off.contains(number));
    if on.is_some() && !own.is_empty() && own.iter().all(|device| device.presence == Presence::Unreachable) {
        let text = t("trouble-phones-of-this-extension-signed-in");
        found.push(Finding::new(
            Level::Warn,
            "was_registered",
            text,
            t("trouble-look-at-the-reason-beside-each"),
            "/extensions",
        ));
    }
    if facts.certificate.self_made {
        let text = t("trouble-the-certificate-is-made-by-nightbell");
        let fix = t("trouble-use-a-certificate-of-a-public");
        found.push(Finding::new(Level::Warn, "certificate_self_made", text, fix, "/system"));
    }
    if !evidence.settings.allow_md5 {
        let text = t("trouble-only-sha-256-is-taken-as");
        found.push(Finding::new(Level::Warn, "md5_off", text, t("trouble-allow-md5-for-such-phones"), "/settings"));
    }
    found
}

/// Calls that were answered and lasted long enough to say something.
fn talked(evidence: &Evidence) -> Vec<&CallRecord> {
    let long = |call: &&CallRecord| lasted(call).is_some_and(|lasted| lasted >= LONG_ENOUGH_MS);
    evidence.calls.iter().filter(long).collect()
}

fn lasted(call: &CallRecord) -> Option<i64> {
    Some(call.ended_at?.0 - call.answered_at?.0)
}

fn nothing_to_see(calls: &[&CallRecord]) -> Option<Finding> {
    calls.is_empty().then(|| {
        Finding::new(
            Level::Warn,
            "no_calls_to_look_at",
            t("trouble-no-call-of-more-than-three"),
            t("trouble-make-a-call-talk-for-ten"),
            "/calls",
        )
    })
}

fn no_sound(evidence: &Evidence) -> Vec<Finding> {
    let calls = talked(evidence);
    let mut found: Vec<Finding> = nothing_to_see(&calls).into_iter().collect();
    let silent = |call: &&&CallRecord| call.packets_from_caller < SILENT && call.packets_from_callee < SILENT;
    let mute = calls.iter().filter(silent).count();
    let range = evidence.settings.rtp_ports;
    if mute > 0 {
        let text = say("trouble-in-of-the-last-calls-no").with("mute", &mute).with("calls", &calls.len()).text();
        let fix = say("trouble-open-udp-to-towards-this-machine")
            .with("first", &range.first)
            .with("last", &range.last)
            .text();
        let level = if mute * 2 >= calls.len() { Level::Fail } else { Level::Warn };
        found.push(Finding::new(level, "no_sound_from_either", text, fix, "/calls"));
    } else if !calls.is_empty() {
        let text = say("trouble-sound-arrived-from-at-least-one").with("calls", &calls.len()).text();
        found.push(Finding::new(Level::Ok, "sound_arrives", text, t("trouble-look-at-only-one-of-both"), "/calls"));
    }
    found
}

fn one_way(evidence: &Evidence) -> Vec<Finding> {
    let calls = talked(evidence);
    let mut found: Vec<Finding> = nothing_to_see(&calls).into_iter().collect();
    let mut silent: BTreeMap<&str, usize> = BTreeMap::new();
    let mut spoke: BTreeMap<&str, usize> = BTreeMap::new();
    for call in &calls {
        for (who, packets, other) in [
            (&call.caller, call.packets_from_caller, call.packets_from_callee),
            (&call.callee, call.packets_from_callee, call.packets_from_caller),
        ] {
            if packets >= SILENT {
                *spoke.entry(who).or_default() += 1;
            } else if other >= SILENT {
                *silent.entry(who).or_default() += 1;
            }
        }
    }
    for (who, count) in &silent {
        let heard = spoke.get(who).copied().unwrap_or_default();
        let (level, text, fix) = if heard == 0 {
            (
                Level::Fail,
                say("trouble-no-sound-of-arrived-here-in").with("who", &who).with("count", &count).text(),
                t("trouble-it-is-the-network-of-that"),
            )
        } else {
            (
                Level::Warn,
                say("trouble-no-sound-of-arrived-here-in-2")
                    .with("who", &who)
                    .with("count", &count)
                    .with("heard", &heard)
                    .text(),
                t("trouble-it-depends-on-where-the-phone"),
            )
        };
        found.push(Finding::new(level, "no_sound_from_one", text, fix, "/calls"));
    }
    if silent.is_empty() && !calls.is_empty() {
        let text = say("trouble-sound-arrived-from-both-sides-in").with("calls", &calls.len()).text();
        let fix = t("trouble-what-arrives-here-is-sent-on");
        found.push(Finding::new(Level::Ok, "sound_both_ways", text, fix, "/calls"));
    }
    found
}

fn drops(evidence: &Evidence) -> Vec<Finding> {
    let calls = talked(evidence);
    let mut found: Vec<Finding> = nothing_to_see(&calls).into_iter().collect();
    let count = |wanted: &dyn Fn(&CallRecord, i64) -> bool| {
        calls.iter().filter(|call| lasted(call).is_some_and(|lasted| wanted(call, lasted))).count()
    };
    let failed = |call: &CallRecord| call.ending == Some(CallEnding::Failed);
    let unconfirmed = count(&|call, lasted| failed(call) && UNCONFIRMED_MS.contains(&lasted));
    let silence = count(&|call, _| call.ending == Some(CallEnding::Silence));
    let half_minute =
        count(&|call, lasted| call.ending == Some(CallEnding::Completed) && FORGOTTEN_MS.contains(&lasted));
    if unconfirmed > 0 {
        let text = say("trouble-calls-ended-after-32-seconds-because").with("unconfirmed", &unconfirmed).text();
        let fix = t("trouble-the-router-of-that-phone-changes");
        found.push(Finding::new(Level::Fail, "answer_not_confirmed", text, fix, "/calls"));
    }
    found.extend(never_answered(evidence));
    if silence > 0 {
        let seconds = evidence.settings.rtp_silence_seconds;
        let text = say("trouble-calls-were-ended-by-nightbell-because")
            .with("silence", &silence)
            .with("seconds", &seconds)
            .text();
        let fix = t("trouble-look-at-nobody-hears-anything-the");
        found.push(Finding::new(Level::Fail, "ended_for_silence", text, fix, "/calls"));
    }
    // People hang up then, too: only when it is most of the calls it is a pattern.
    if half_minute >= 3 && half_minute * 2 > calls.len() {
        let text = say("trouble-of-calls-were-hung-up-by")
            .with("half-minute", &half_minute)
            .with("calls", &calls.len())
            .text();
        let fix = t("trouble-a-router-forgets-the-way-to");
        found.push(Finding::new(Level::Warn, "hung_up_by_the_minute", text, fix, "/calls"));
    }
    if found.is_empty() {
        let text = say("trouble-none-of-the-last-calls-ended").with("calls", &calls.len()).text();
        found.push(Finding::new(Level::Ok, "no_dropped_calls", text, "", "/calls"));
    }
    found
}

/// Requests within a call that went out again and again: the way to that phone was lost.
fn never_answered(evidence: &Evidence) -> Option<Finding> {
    let found: Vec<unanswered::Unanswered> = evidence.ladders.iter().filter_map(unanswered::of).collect();
    let first = found.first()?;
    let text = say("trouble-a-phone-gave-no-answer")
        .with("calls", &found.len())
        .with("all", &evidence.ladders.len())
        .with("what", &first.what)
        .with("times", &first.times)
        .text();
    let fix = t("trouble-the-router-has-forgotten-the-way");
    Some(Finding::new(Level::Fail, "request_unanswered", text, fix, "/calls"))
}

fn asleep(extension: Option<ExtensionNumber>, facts: &Facts, evidence: &Evidence) -> Vec<Finding> {
    let network = evidence.network.as_ref();
    let Some(number) = extension else { return diagnosis::findings(Symptom::AllPhones, facts, network, None) };
    if let Some(off) = diagnosis::phones_off(number, facts) {
        return vec![off];
    }
    let own: Vec<DeviceId> =
        facts.devices.iter().filter(|device| device.extension == number).map(|device| device.id).collect();
    let of_one = |id| diagnosis::findings(Symptom::OnlyThisDevice, facts, network, Some(id));
    own.into_iter().flat_map(of_one).collect()
}

/// What only somebody with the phone or at the router can see.
pub(crate) fn to_check(complaint: Complaint) -> Vec<&'static str> {
    match complaint {
        Complaint::LoginFails => vec![
            t("trouble-does-the-phone-show-the-name"),
            t("trouble-does-it-work-over-the-mobile"),
            t("trouble-is-the-clock-of-the-phone"),
        ],
        Complaint::NoSound | Complaint::SoundOneWay => vec![
            t("trouble-is-the-microphone-allowed-for-the"),
            t("trouble-does-it-work-between-two-phones"),
            t("trouble-is-sip-alg-sip-helper-or"),
        ],
        Complaint::CallDrops => vec![
            t("trouble-after-how-many-seconds-32-is"),
            t("trouble-is-sip-alg-on-in-one"),
            t("trouble-does-the-phone-change-from-wi"),
        ],
        Complaint::PhoneDoesNotWake => diagnosis::to_check(Symptom::OnlyThisDevice),
    }
}

#[cfg(test)]
mod tests;
