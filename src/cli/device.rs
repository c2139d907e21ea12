//! A phone as the commands show it: both records, side by side.

use pbx_core::model::{LastWake, Presence, UnixMillis, WakeKind};
use serde::Deserialize;

use super::extension::presence;
use super::output::{clean, time};

/// One device of the API.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Device {
    pub(super) id: i64,
    pub(super) extension: String,
    user_agent: String,
    pub(super) presence: Presence,
    pub(super) reason: String,
    live_binding: Option<LiveBinding>,
    pub(super) wake_target: Option<WakeTarget>,
    push_policy: String,
    pub(super) last_wake: Option<LastWake>,
}

/// Record 1.
#[derive(Debug, Clone, Deserialize)]
struct LiveBinding {
    state: String,
    live: bool,
    transport: String,
    remote: String,
    since: UnixMillis,
    expires_at: UnixMillis,
}

/// Record 2; a push token itself is never shown.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct WakeTarget {
    pub(super) state: Option<String>,
    provider: String,
    app_id: String,
    environment: String,
    call_token: Option<String>,
    notice_token: Option<String>,
    learned_at: UnixMillis,
    why: String,
    switched_off: Option<String>,
}

impl Device {
    /// Its program without the long details behind it, or its row.
    pub(super) fn name(&self) -> String {
        let short: String = self.user_agent.split(['(', ';']).next().unwrap_or("").trim().chars().take(30).collect();
        if short.is_empty() { format!("phone {}", self.id) } else { short }
    }

    /// Record 1 in a cell.
    pub(super) fn binding_cell(&self) -> String {
        self.live_binding.as_ref().map_or_else(String::new, |binding| {
            if binding.live {
                format!("{} {}", binding.transport, binding.remote)
            } else {
                format!("no longer ({})", binding.state.replace('_', " "))
            }
        })
    }

    /// Record 2 in a cell.
    pub(super) fn target_cell(&self) -> String {
        self.wake_target.as_ref().map_or_else(String::new, |target| {
            let state = target.state.as_deref().unwrap_or("unknown").replace('_', " ");
            format!("{state} ({} {})", target.provider, target.app_id)
        })
    }

    /// The last wake in a cell.
    pub(super) fn wake_cell(&self) -> String {
        self.last_wake.as_ref().map_or_else(String::new, |wake| {
            let kind = match wake.kind {
                WakeKind::Call => "call",
                WakeKind::MissedCall => "missed call",
                WakeKind::AnsweredElsewhere => "answered elsewhere",
                WakeKind::Test => "test",
                WakeKind::Refresh => "renewal",
            };
            format!("{kind} {}: {}", time(wake.at), wake.outcome)
        })
    }

    /// Everything, in lines.
    pub(super) fn described(&self) -> String {
        let none = || "none".to_owned();
        let binding = self.live_binding.as_ref().map_or_else(none, LiveBinding::described);
        let target = self.wake_target.as_ref().map_or_else(none, WakeTarget::described);
        let wake = self.wake_cell();
        let wake = if wake.is_empty() { "never".to_owned() } else { wake };
        let lines = [
            format!("Phone {}  {}", self.id, self.name()),
            format!("  {}", presence(self.presence, &self.reason)),
            format!("  live binding  {binding}"),
            format!("  wake target   {target}"),
            format!("  push policy   {}", self.push_policy),
            format!("  last wake     {wake}"),
        ];
        lines.iter().map(|line| format!("{}\n", clean(line))).collect()
    }
}

impl LiveBinding {
    fn described(&self) -> String {
        let Self { state, live, transport, remote, since, expires_at } = self;
        let state = state.replace('_', " ");
        if *live {
            format!("{transport} {remote}, {state}, since {}, until {}", time(*since), time(*expires_at))
        } else {
            format!("{state}, was {transport} {remote}, since {}", time(*since))
        }
    }
}

impl WakeTarget {
    fn described(&self) -> String {
        let state = self.state.as_deref().unwrap_or("unknown").replace('_', " ");
        let mut text = format!(
            "{state}, {} {} ({}), learned {}",
            self.provider,
            self.app_id,
            self.environment,
            time(self.learned_at)
        );
        for (what, token) in [("call token", &self.call_token), ("notice token", &self.notice_token)] {
            if let Some(fingerprint) = token {
                text += &format!(", {what} {fingerprint}");
            }
        }
        if let Some(by) = &self.switched_off {
            text += &format!(", switched off by {by}");
        }
        if !self.why.is_empty() {
            text += &format!("; {}", self.why);
        }
        text
    }
}
