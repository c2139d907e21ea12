//! Which apps can be pushed, and if not, why and what to do: one row for each app on each platform.
//!
//! The rule is the push side's own ([`push_module::choose`]), the one calls use, so a page never promises what a call does
//! not keep, and a credential that is added makes its row good at once.

use std::collections::BTreeMap;

use pbx_core::model::{
    DeviceSummary, Environment, Presence, PushProvider, TargetHealth, TokenHistory, UnixMillis, WakeState, WakeTarget,
};
use push_module::{Candidate, CredentialId, CredentialKind, CredentialSummary, ProviderHealth, choose, obstacle};
use serde::Serialize;

use crate::settings_again::Marks;
use crate::t;
use crate::words;

/// Whether the phones of a row can be pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CanBePushed)]
pub(crate) enum Verdict {
    /// No.
    No,
    /// There is a credential, but something is wrong with it now.
    Troubled,
    /// There is a credential; whether its provider accepts it is not known yet.
    Untried,
    /// Yes.
    Yes,
}

/// An app on a platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = App)]
pub(crate) struct Row {
    /// The app as its phones name it.
    pub(crate) app_id: String,
    pub(crate) provider: PushProvider,
    pub(crate) platform: &'static str,
    pub(crate) environment: Environment,
    /// Phones with that app.
    pub(crate) devices: usize,
    /// Of these, registered now.
    pub(crate) registered: usize,
    /// Of these, push switched off.
    pub(crate) switched_off: usize,
    /// Of these, with a token that its provider calls gone.
    pub(crate) token_gone: usize,
    /// Of these, to fetch their settings again.
    pub(crate) needs_settings: usize,
    pub(crate) can_be_pushed: Verdict,
    /// The credential that a call would use.
    pub(crate) credential: Option<CredentialId>,
    pub(crate) credential_label: Option<String>,
    /// Why not, by a stable code; empty when it can be pushed.
    pub(crate) code: &'static str,
    /// The same in words.
    pub(crate) text: String,
    /// What to do.
    pub(crate) fix: String,
}

type Key = (PushProvider, String, bool);

fn key(target: &WakeTarget) -> Key {
    (target.provider, target.app_id.clone(), target.environment == Environment::Sandbox)
}

/// Every app that phones here use or that a credential names, what does not work first.
pub(crate) fn matrix(
    devices: &[DeviceSummary],
    credentials: &[CredentialSummary],
    health: &[ProviderHealth],
) -> Vec<Row> {
    let mut rows: BTreeMap<Key, Row> = BTreeMap::new();
    for (device, target) in devices.iter().filter_map(|device| Some((device, device.wake_target.as_ref()?))) {
        let row = rows.entry(key(target)).or_insert_with(|| row(target, credentials, health));
        row.devices += 1;
        row.registered += usize::from(device.presence == Presence::Registered);
        row.switched_off += usize::from(device.wake_state == Some(WakeState::SwitchedOff));
        row.token_gone += usize::from(matches!(target.health, TargetHealth::Revoked { .. }));
    }
    for target in credentials.iter().flat_map(named_apps) {
        rows.entry(key(&target)).or_insert_with(|| row(&target, credentials, health));
    }
    let mut rows: Vec<Row> = rows.into_values().collect();
    rows.sort_by_key(|row| (row.can_be_pushed, std::cmp::Reverse(row.devices)));
    rows
}

/// The same rows with the number of phones that are to fetch their settings again.
pub(crate) fn with_marks(
    mut rows: Vec<Row>,
    devices: &[DeviceSummary],
    credentials: &[CredentialSummary],
    marks: &Marks,
) -> Vec<Row> {
    for device in devices.iter().filter(|device| marks.of(device, credentials).is_some()) {
        let Some(target) = &device.wake_target else { continue };
        let is_its = |row: &&mut Row| {
            (row.provider, &row.app_id, row.environment) == (target.provider, &target.app_id, target.environment)
        };
        if let Some(row) = rows.iter_mut().find(is_its) {
            row.needs_settings += 1;
        }
    }
    rows
}

/// The apps a credential of our own names; a relay says nothing about platforms.
fn named_apps(credential: &CredentialSummary) -> Vec<WakeTarget> {
    let environment = credential.environment.and_then(|given| given.list().first().copied());
    let target = |provider, app_id: &String| WakeTarget {
        provider,
        app_id: app_id.clone(),
        environment: environment.unwrap_or(Environment::Production),
        call_token: None,
        notice_token: None,
        learned_at: UnixMillis(0),
        health: TargetHealth::Good,
        switched_off: None,
        history: TokenHistory::default(),
    };
    match credential.provider {
        CredentialKind::Apns => credential.app_ids.iter().map(|app| target(PushProvider::Apns, app)).collect(),
        // The sender id is another name of the same project.
        CredentialKind::Fcm => credential.app_ids.iter().take(1).map(|app| target(PushProvider::Fcm, app)).collect(),
        CredentialKind::Hms => credential.app_ids.iter().map(|app| target(PushProvider::Hms, app)).collect(),
        CredentialKind::Webhook | CredentialKind::WebPush | CredentialKind::Acrobits => Vec::new(),
    }
}

fn row(target: &WakeTarget, credentials: &[CredentialSummary], health: &[ProviderHealth]) -> Row {
    let candidates: Vec<Candidate<'_>> = credentials.iter().map(Candidate::from).collect();
    let blank = Row {
        app_id: target.app_id.clone(),
        provider: target.provider,
        platform: words::platform(target.provider),
        environment: target.environment,
        devices: 0,
        registered: 0,
        switched_off: 0,
        token_gone: 0,
        needs_settings: 0,
        can_be_pushed: Verdict::Yes,
        credential: None,
        credential_label: None,
        code: "",
        text: String::new(),
        fix: String::new(),
    };
    let chosen = match choose(&candidates, target) {
        Ok(choice) => choice.credential,
        Err(obstacle) => {
            let (code, text, fix) = (obstacle.code, obstacle.text, obstacle.fix);
            return Row { can_be_pushed: Verdict::No, code, text, fix, ..blank };
        }
    };
    let summary = credentials.iter().find(|one| one.id == chosen);
    let row = Row { credential: Some(chosen), credential_label: summary.map(|one| one.label.clone()), ..blank };
    let health = health.iter().find(|one| one.id == chosen);
    let alarm = health.and_then(|one| one.alarms.iter().find(|alarm| alarm.code.is_failure()));
    match (alarm, summary.map(|one| one.state.as_str())) {
        (Some(alarm), _) => Row {
            can_be_pushed: Verdict::Troubled,
            code: alarm.code.as_str(),
            text: alarm.text.clone(),
            fix: alarm.fix.to_owned(),
            ..row
        },
        (None, Some("untried")) => Row {
            can_be_pushed: Verdict::Untried,
            code: "push_credential_untried",
            text: t("reach-its-credential-has-not-been-tried").to_owned(),
            fix: t("reach-check-it-under-push-that-reaches").to_owned(),
            ..row
        },
        (None, _) => row,
    }
}

/// A device as pages show it: one whose app no credential covers is not reachable by push, whatever its wake target says.
pub(crate) fn honest(mut device: DeviceSummary, credentials: &[CredentialSummary]) -> DeviceSummary {
    if device.presence == Presence::ReachableByPush
        && let Some(obstacle) = device.wake_target.as_ref().and_then(|target| obstacle(credentials, target))
    {
        device.presence = Presence::Unreachable;
        device.reason = obstacle.line();
    }
    device
}

#[cfg(test)]
pub(crate) mod tests;
