//! States in words. Colour never stands alone: every badge has a mark and a word.

use std::fmt;

use askama::filters::HtmlSafe;
use pbx_core::defence::BlockReason;
use pbx_core::model::{
    BindingState, CallEnding, DeviceId, Environment, Presence, PushProvider, SwitchedOffBy, TimelineStep, Transport,
    UnixMillis, WakeKind, WakeState,
};
use push_module::{CredentialKind, CredentialState};

use crate::clock;

/// A state as pages show it; made of our own words only, so it is safe in HTML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Badge {
    class: &'static str,
    mark: &'static str,
    word: &'static str,
}

impl Badge {
    pub(crate) const fn new(class: &'static str, mark: &'static str, word: &'static str) -> Self {
        Self { class, mark, word }
    }
}

impl fmt::Display for Badge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { class, mark, word } = self;
        write!(f, "<span class=\"badge {class}\"><span class=\"mark\" aria-hidden=\"true\">{mark}</span>{word}</span>")
    }
}

impl HtmlSafe for Badge {}

impl Badge {
    /// The word alone, for choices.
    pub(crate) const fn word(self) -> &'static str {
        self.word
    }
}

/// An instant as pages show it; digits and signs only, so it is safe in HTML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct When {
    at: UnixMillis,
    now: Option<UnixMillis>,
}

impl When {
    /// The full date and time.
    pub(crate) const fn exact(at: UnixMillis) -> Self {
        Self { at, now: None }
    }

    /// How long ago or ahead, with the full date and time on hover.
    pub(crate) const fn relative(at: UnixMillis, now: UnixMillis) -> Self {
        Self { at, now: Some(now) }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stamp = clock::stamp(self.at);
        match self.now {
            None => write!(f, "<time datetime=\"{}\">{}</time>", stamp.exact, stamp.text),
            Some(now) => {
                let text = clock::relative(self.at, now);
                write!(f, "<time datetime=\"{}\" title=\"{}\">{text}</time>", stamp.exact, stamp.text)
            }
        }
    }
}

impl HtmlSafe for When {}

/// Whether an extension or device can be reached.
pub(crate) const fn presence(presence: Presence) -> Badge {
    match presence {
        Presence::Registered => Badge::new("ok", "●", "Registered"),
        Presence::ReachableByPush => Badge::new("push", "◐", "Reachable by push"),
        Presence::Unreachable => Badge::new("bad", "○", "Unreachable"),
    }
}

/// Record 1.
pub(crate) const fn binding(state: BindingState) -> Badge {
    match state {
        BindingState::Fresh => Badge::new("ok", "●", "Live, just registered"),
        BindingState::Refreshed => Badge::new("ok", "●", "Live, renewed"),
        BindingState::Lapsed => Badge::new("off", "○", "Ran out"),
        BindingState::Removed => Badge::new("off", "○", "Signed off by the phone"),
        BindingState::FlowLost => Badge::new("off", "○", "Connection lost"),
    }
}

/// Record 2.
pub(crate) const fn wake(state: Option<WakeState>) -> Badge {
    match state {
        Some(WakeState::Resting) => Badge::new("ok", "●", "Resting: the phone is registered"),
        Some(WakeState::Armed) => Badge::new("push", "◐", "Armed: the next call wakes it"),
        Some(WakeState::Suspect) => Badge::new("warn", "▲", "Suspect: still tried"),
        Some(WakeState::Revoked) => Badge::new("bad", "✕", "Gone at the provider"),
        Some(WakeState::Moved) => Badge::new("off", "→", "Moved to another extension"),
        Some(WakeState::SwitchedOff) => Badge::new("off", "○", "Switched off"),
        None => Badge::new("off", "○", "None"),
    }
}

/// A push credential.
pub(crate) const fn credential(state: &CredentialState) -> Badge {
    match state {
        CredentialState::Untried => Badge::new("off", "○", "Not tried yet"),
        CredentialState::Working => Badge::new("ok", "●", "Working"),
        CredentialState::Failing { .. } => Badge::new("bad", "✕", "Failing"),
    }
}

/// How a call ended, or that it goes on.
pub(crate) const fn ending(ending: Option<CallEnding>, answered: bool) -> Badge {
    match ending {
        Some(CallEnding::Completed) => Badge::new("ok", "✓", "Answered"),
        Some(CallEnding::CallerGaveUp) => Badge::new("off", "○", "Caller gave up"),
        Some(CallEnding::NoAnswer) => Badge::new("warn", "▲", "No answer"),
        Some(CallEnding::Busy) => Badge::new("warn", "▲", "Busy"),
        Some(CallEnding::Declined) => Badge::new("off", "○", "Declined"),
        Some(CallEnding::Unreachable) => Badge::new("bad", "✕", "Unreachable"),
        Some(CallEnding::NoSuchNumber) => Badge::new("off", "○", "No such number"),
        Some(CallEnding::Silence) => Badge::new("bad", "✕", "No sound"),
        Some(CallEnding::ServerStopped) => Badge::new("bad", "✕", "Cut by a restart"),
        Some(CallEnding::Failed) => Badge::new("bad", "✕", "Failed"),
        None if answered => Badge::new("ok", "●", "Talking"),
        None => Badge::new("push", "◐", "Ringing"),
    }
}

/// Why an address is blocked.
pub(crate) const fn blocked(reason: BlockReason) -> &'static str {
    match reason {
        BlockReason::WrongSecrets => "Too many wrong secrets",
        BlockReason::ManyFailures => "Guessed at many accounts",
        BlockReason::Scanner => "Calls itself a scanner",
        BlockReason::Garbage => "Sent too much that is not SIP",
    }
}

/// A step of a call.
pub(crate) const fn step(step: TimelineStep) -> &'static str {
    match step {
        TimelineStep::Invited => "The call came in",
        TimelineStep::PushQueued => "Wake ordered",
        TimelineStep::PushSent => "Push sent",
        TimelineStep::PushAccepted => "Push accepted by the provider",
        TimelineStep::PushFailed => "Push failed",
        TimelineStep::AppWoke => "The app got the push",
        TimelineStep::Registered => "The phone woke and registered",
        TimelineStep::InviteSent => "Call handed to the phone",
        TimelineStep::Ringing => "The phone rings",
        TimelineStep::CallerHearsRinging => "The caller hears ringing",
        TimelineStep::Answered => "Answered",
        TimelineStep::BranchEnded => "This phone is out",
        TimelineStep::Ended => "The call ended",
    }
}

/// The class of a step's dot in the timeline.
pub(crate) const fn step_class(step: TimelineStep) -> &'static str {
    match step {
        TimelineStep::PushFailed => "bad",
        TimelineStep::Answered | TimelineStep::Ringing | TimelineStep::Registered | TimelineStep::AppWoke => "ok",
        TimelineStep::PushQueued | TimelineStep::PushSent | TimelineStep::PushAccepted => "push",
        TimelineStep::Invited
        | TimelineStep::InviteSent
        | TimelineStep::CallerHearsRinging
        | TimelineStep::BranchEnded
        | TimelineStep::Ended => "off",
    }
}

pub(crate) const fn kind(kind: WakeKind) -> &'static str {
    match kind {
        WakeKind::Call => "Call",
        WakeKind::MissedCall => "Missed call",
        WakeKind::AnsweredElsewhere => "Answered elsewhere",
        WakeKind::Test => "Test",
        WakeKind::Refresh => "Renewal",
    }
}

/// Which certificate of a credential ends.
pub(crate) const fn certificate(ending: push_module::Ending) -> &'static str {
    match ending {
        push_module::Ending::Own => "the certificate",
        push_module::Ending::Root => "its root certificate",
    }
}

pub(crate) const fn credential_kind(kind: CredentialKind) -> &'static str {
    match kind {
        CredentialKind::Apns => provider(PushProvider::Apns),
        CredentialKind::Fcm => provider(PushProvider::Fcm),
        CredentialKind::Hms => provider(PushProvider::Hms),
        CredentialKind::Webhook => "Push relay",
        CredentialKind::WebPush => provider(PushProvider::WebPush),
        CredentialKind::Acrobits => provider(PushProvider::Acrobits),
    }
}

pub(crate) const fn provider(provider: PushProvider) -> &'static str {
    match provider {
        PushProvider::Apns => "Apple (APNs)",
        PushProvider::Fcm => "Google (FCM)",
        PushProvider::WebPush => "Web Push",
        PushProvider::Hms => "Huawei (HMS)",
        PushProvider::Acrobits => "Acrobits",
    }
}

/// The phones a provider wakes.
pub(crate) const fn platform(provider: PushProvider) -> &'static str {
    match provider {
        PushProvider::Apns => "iPhone",
        PushProvider::Fcm => "Android",
        PushProvider::WebPush => "Browser, UnifiedPush",
        PushProvider::Hms => "Huawei",
        PushProvider::Acrobits => "Groundwire, Cloud Softphone",
    }
}

pub(crate) const fn environment(environment: Environment) -> &'static str {
    match environment {
        Environment::Production => "production",
        Environment::Sandbox => "sandbox (test builds)",
    }
}

pub(crate) const fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "UDP",
        Transport::Tcp => "TCP",
        Transport::Tls => "TLS",
    }
}

pub(crate) const fn switched_off(by: SwitchedOffBy) -> &'static str {
    match by {
        SwitchedOffBy::Admin => "by an admin, for this device",
        SwitchedOffBy::Extension => "for the whole extension",
        SwitchedOffBy::Device => "by the phone itself",
        SwitchedOffBy::RegistrationEnd => "by the end of its registration",
    }
}

/// A text as a sentence of its own: a capital at the front, a full stop at the end.
pub(crate) fn sentence(text: &str) -> String {
    let mut chars = text.trim().chars();
    let Some(first) = chars.next() else { return String::new() };
    // An address stays as it is.
    let is_address = text.trim_start().split(' ').next().is_some_and(|word| word.contains("://"));
    let mut sentence: String =
        if is_address { text.trim().to_owned() } else { first.to_uppercase().chain(chars).collect() };
    if !sentence.ends_with(['.', '!', '?', '…', ')', ']', ':']) {
        sentence.push('.');
    }
    sentence
}

/// What a device is called: its User-Agent up to the first long detail, else its row.
pub(crate) fn device_name(user_agent: &str, id: DeviceId) -> String {
    let short: String = user_agent.split(['(', ';']).next().unwrap_or("").trim().chars().take(40).collect();
    if short.is_empty() { format!("Phone {id}") } else { short }
}
