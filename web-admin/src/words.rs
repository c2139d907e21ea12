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
use crate::language;
use crate::{say, t};

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
pub(crate) fn presence(presence: Presence) -> Badge {
    match presence {
        Presence::Registered => Badge::new("ok", "●", t("desk-phones-registered")),
        Presence::ReachableByPush => Badge::new("push", "◐", t("phone-list-reachable-by-push")),
        Presence::Unreachable => Badge::new("bad", "○", t("phone-list-unreachable")),
    }
}

/// Record 1.
pub(crate) fn binding(state: BindingState) -> Badge {
    match state {
        BindingState::Fresh => Badge::new("ok", "●", t("words-live-just-registered")),
        BindingState::Refreshed => Badge::new("ok", "●", t("words-live-renewed")),
        BindingState::Lapsed => Badge::new("off", "○", t("words-ran-out")),
        BindingState::Removed => Badge::new("off", "○", t("words-signed-off-by-the-phone")),
        BindingState::FlowLost => Badge::new("off", "○", t("words-connection-lost")),
        BindingState::SwitchedOff => Badge::new("off", "○", t("words-phones-off")),
    }
}

/// Record 2.
pub(crate) fn wake(state: Option<WakeState>) -> Badge {
    match state {
        Some(WakeState::Resting) => Badge::new("ok", "●", t("words-resting-the-phone-is-registered")),
        Some(WakeState::Armed) => Badge::new("push", "◐", t("words-armed-the-next-call-wakes-it")),
        Some(WakeState::Suspect) => Badge::new("warn", "▲", t("words-suspect-still-tried")),
        Some(WakeState::Revoked) => Badge::new("bad", "✕", t("words-gone-at-the-provider")),
        Some(WakeState::Moved) => Badge::new("off", "→", t("words-moved-to-another-extension")),
        Some(WakeState::Displaced) => Badge::new("off", "○", t("words-displaced")),
        Some(WakeState::SwitchedOff) => Badge::new("off", "○", t("event-webhooks-switched-off")),
        None => Badge::new("off", "○", t("words-none")),
    }
}

/// A push credential.
pub(crate) fn credential(state: &CredentialState) -> Badge {
    match state {
        CredentialState::Untried => Badge::new("off", "○", t("push-apps-not-tried-yet")),
        CredentialState::Working => Badge::new("ok", "●", t("event-webhooks-working")),
        CredentialState::Failing { .. } => Badge::new("bad", "✕", t("words-failing")),
    }
}

/// A size as people say it: `812 B`, `4.2 MB`, in German `4,2 MB`.
pub(crate) fn bytes(count: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match units.into_iter().find(|(size, _)| count >= *size) {
        Some((size, unit)) => {
            let (whole, tenths) = (count / size, count % size * 10 / size);
            format!("{whole}{}{tenths} {unit}", language::current().decimal_sign())
        }
        None => format!("{count} B"),
    }
}

/// How a call ended, or that it goes on.
pub(crate) fn ending(ending: Option<CallEnding>, answered: bool) -> Badge {
    match ending {
        Some(CallEnding::Completed) => Badge::new("ok", "✓", t("words-answered")),
        Some(CallEnding::CallerGaveUp) => Badge::new("off", "○", t("words-caller-gave-up")),
        Some(CallEnding::NoAnswer) => Badge::new("warn", "▲", t("welcome-certificate-no-answer")),
        Some(CallEnding::Busy) => Badge::new("warn", "▲", t("words-busy")),
        Some(CallEnding::Declined) => Badge::new("off", "○", t("words-declined")),
        Some(CallEnding::Unreachable) => Badge::new("bad", "✕", t("phone-list-unreachable")),
        Some(CallEnding::NoSuchNumber) => Badge::new("off", "○", t("words-no-such-number")),
        Some(CallEnding::Silence) => Badge::new("bad", "✕", t("words-no-sound")),
        Some(CallEnding::ServerStopped) => Badge::new("bad", "✕", t("words-cut-by-a-restart")),
        Some(CallEnding::Failed) => Badge::new("bad", "✕", t("push-failed")),
        None if answered => Badge::new("ok", "●", t("dashboard-talking")),
        None => Badge::new("push", "◐", t("dashboard-ringing")),
    }
}

/// Why an address is blocked.
pub(crate) fn blocked(reason: BlockReason) -> &'static str {
    match reason {
        BlockReason::WrongSecrets => t("words-too-many-wrong-secrets"),
        BlockReason::ManyFailures => t("words-guessed-at-many-accounts"),
        BlockReason::Scanner => t("words-calls-itself-a-scanner"),
        BlockReason::Garbage => t("words-sent-too-much-that-is-not"),
    }
}

/// A step of a call.
pub(crate) fn step(step: TimelineStep) -> &'static str {
    match step {
        TimelineStep::Invited => t("words-the-call-came-in"),
        TimelineStep::PushQueued => t("words-wake-ordered"),
        TimelineStep::PushSent => t("words-push-sent"),
        TimelineStep::PushAccepted => t("words-push-accepted-by-the-provider"),
        TimelineStep::PushFailed => t("words-push-failed"),
        TimelineStep::AppWoke => t("words-the-app-got-the-push"),
        TimelineStep::Registered => t("words-the-phone-woke-and-registered"),
        TimelineStep::InviteSent => t("words-call-handed-to-the-phone"),
        TimelineStep::Ringing => t("words-the-phone-rings"),
        TimelineStep::CallerHearsRinging => t("settings-the-caller-hears-ringing"),
        TimelineStep::Answered => t("words-answered"),
        TimelineStep::BranchEnded => t("words-this-phone-is-out"),
        TimelineStep::Ended => t("words-the-call-ended"),
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

pub(crate) fn kind(kind: WakeKind) -> &'static str {
    match kind {
        WakeKind::Call => t("words-call"),
        WakeKind::MissedCall => t("words-missed-call"),
        WakeKind::AnsweredElsewhere => t("words-answered-elsewhere"),
        WakeKind::Test => t("words-test"),
        WakeKind::Refresh => t("words-renewal"),
    }
}

/// Which certificate of a credential ends.
pub(crate) fn certificate(ending: push_module::Ending) -> &'static str {
    match ending {
        push_module::Ending::Own => t("words-the-certificate"),
        push_module::Ending::Root => t("words-its-root-certificate"),
    }
}

pub(crate) fn credential_kind(kind: CredentialKind) -> &'static str {
    match kind {
        CredentialKind::Apns => provider(PushProvider::Apns),
        CredentialKind::Fcm => provider(PushProvider::Fcm),
        CredentialKind::Hms => provider(PushProvider::Hms),
        CredentialKind::Webhook => t("words-push-relay"),
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
pub(crate) fn platform(provider: PushProvider) -> &'static str {
    match provider {
        PushProvider::Apns => "iPhone",
        PushProvider::Fcm => "Android",
        PushProvider::WebPush => t("words-browser-unifiedpush"),
        PushProvider::Hms => "Huawei",
        PushProvider::Acrobits => "Groundwire, Cloud Softphone",
    }
}

pub(crate) fn environment(environment: Environment) -> &'static str {
    match environment {
        Environment::Production => t("words-production"),
        Environment::Sandbox => t("push-sandbox-test-builds"),
    }
}

pub(crate) const fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "UDP",
        Transport::Tcp => "TCP",
        Transport::Tls => "TLS",
    }
}

pub(crate) fn switched_off(by: SwitchedOffBy) -> &'static str {
    match by {
        SwitchedOffBy::Admin => t("words-by-an-admin-for-this-device"),
        SwitchedOffBy::Extension => t("words-for-the-whole-extension"),
        SwitchedOffBy::Device => t("words-by-the-phone-itself"),
        SwitchedOffBy::RegistrationEnd => t("words-by-the-end-of-its-registration"),
    }
}

/// A text as a sentence of its own, in the language of the request: a capital at the front, a full stop at the end.
pub(crate) fn sentence(text: &str) -> String {
    as_sentence(&language::retold(text.trim()))
}

/// A text with a capital at the front and a full stop at the end.
pub(crate) fn as_sentence(text: &str) -> String {
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
    if short.is_empty() { say("words-phone").with("id", &id).text() } else { short }
}
