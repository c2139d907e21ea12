//! What the API shows of devices: both records, and a fingerprint in place of every token.

use pbx_core::model::{
    BindingState, DeviceId, DeviceSummary, Environment, ExtensionNumber, LastWake, LiveBindingSummary, Presence,
    PushPolicy, PushProvider, SwitchedOffBy, TargetHealth, Transport, UnixMillis, WakeState, WakeTarget,
};
use pbx_core::switchboard::command::{ExtensionDetail, ExtensionLine};
use push_module::{CredentialSummary, Obstacle, obstacle};
use serde::Serialize;

use crate::reach::honest;
use crate::settings_again::{Mark, Marks};
use crate::token::fingerprint;

/// An extension with its devices.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct DetailView {
    #[serde(flatten)]
    line: ExtensionLine,
    device_list: Vec<DeviceView>,
    accounts: Vec<String>,
}

impl DetailView {
    pub(crate) fn new(detail: ExtensionDetail, credentials: &[CredentialSummary], marks: &Marks) -> Self {
        let view = |device| DeviceView::new(device, credentials, marks);
        Self {
            line: detail.line,
            device_list: detail.device_list.into_iter().map(view).collect(),
            accounts: detail.accounts.into_iter().map(String::from).collect(),
        }
    }
}

/// One device.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct DeviceView {
    id: DeviceId,
    extension: ExtensionNumber,
    key: String,
    user_agent: String,
    first_seen_at: UnixMillis,
    last_seen_at: UnixMillis,
    presence: Presence,
    reason: String,
    live_binding: Option<BindingView>,
    wake_target: Option<TargetView>,
    push_policy: PushPolicy,
    last_wake: Option<LastWake>,
    /// It is to fetch its settings again; `null` when it has what it needs.
    needs_settings: Option<Mark>,
}

/// Record 1.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct BindingView {
    state: BindingState,
    live: bool,
    transport: Transport,
    remote: String,
    contact: String,
    spare_flows: usize,
    suspect: bool,
    user_agent: String,
    since: UnixMillis,
    expires_at: UnixMillis,
}

/// Record 2 without its tokens.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct TargetView {
    state: Option<WakeState>,
    provider: PushProvider,
    app_id: String,
    environment: Environment,
    call_token: Option<String>,
    notice_token: Option<String>,
    learned_at: UnixMillis,
    /// Why no credential can push it; `null` when one can.
    obstacle: Option<Obstacle>,
    why: String,
    switched_off: Option<SwitchedOffBy>,
}

/// Whether a binding of this state is in force.
pub(crate) const fn is_live(state: BindingState) -> bool {
    match state {
        BindingState::Fresh | BindingState::Refreshed => true,
        BindingState::Lapsed | BindingState::Removed | BindingState::FlowLost | BindingState::SwitchedOff => false,
    }
}

/// The provider's complaint about a target, empty when there is none.
pub(crate) fn complaint(health: &TargetHealth) -> &str {
    match health {
        TargetHealth::Good | TargetHealth::Moved { .. } => "",
        TargetHealth::Suspect { why, .. } | TargetHealth::Revoked { why, .. } => why,
    }
}

impl From<LiveBindingSummary> for BindingView {
    fn from(binding: LiveBindingSummary) -> Self {
        Self {
            state: binding.state,
            live: is_live(binding.state),
            transport: binding.transport,
            remote: binding.remote.to_string(),
            contact: binding.contact,
            spare_flows: binding.spare_flows,
            suspect: binding.suspect,
            user_agent: binding.user_agent,
            since: binding.since,
            expires_at: binding.expires_at,
        }
    }
}

impl TargetView {
    fn new(target: WakeTarget, state: Option<WakeState>, credentials: &[CredentialSummary]) -> Self {
        let shown = |token: &pbx_core::model::Redacted<String>| fingerprint(token.reveal());
        Self {
            state,
            provider: target.provider,
            environment: target.environment,
            call_token: target.call_token.as_ref().map(shown),
            notice_token: target.notice_token.as_ref().map(shown),
            learned_at: target.learned_at,
            obstacle: obstacle(credentials, &target),
            why: complaint(&target.health).to_owned(),
            switched_off: target.switched_off,
            app_id: target.app_id,
        }
    }
}

impl DeviceView {
    pub(crate) fn new(device: DeviceSummary, credentials: &[CredentialSummary], marks: &Marks) -> Self {
        let needs_settings = marks.of(&device, credentials);
        let device = honest(device, credentials);
        let state = device.wake_state;
        Self {
            id: device.id,
            extension: device.extension,
            key: device.key.to_string(),
            user_agent: device.user_agent,
            first_seen_at: device.first_seen_at,
            last_seen_at: device.last_seen_at,
            presence: device.presence,
            reason: device.reason,
            live_binding: device.live_binding.map(BindingView::from),
            wake_target: device.wake_target.map(|target| TargetView::new(target, state, credentials)),
            push_policy: device.push_policy,
            last_wake: device.last_wake,
            needs_settings,
        }
    }
}
