//! `/devices/unseen`: phones that have not registered for a while. `/devices/compare`: what two phones differ in, for "it works on
//! that phone and not on this one".

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use pbx_core::model::{DeviceId, DeviceSummary, ExtensionNumber, UnixMillis};
use serde::{Deserialize, Serialize};

use super::Answer;
use super::body::{Body, Params};
use super::devices::{page, show};
use super::installations::{InstallationView, views};
use super::view::{complaint, is_live};
use crate::clock;
use crate::error::Refusal;
use crate::say;
use crate::state::AdminState;
use crate::token::fingerprint;
use crate::words;

/// Phones looked at with one command.
const PAGE: usize = 500;
/// Phones in the list; an office that has more cleans up in steps.
const LIST: usize = 1000;
/// Somebody may be on holiday for four weeks.
pub(crate) const USUAL_DAYS: u32 = 30;
/// Ten years.
const MOST_DAYS: u32 = 3650;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnseenParams {
    days: Option<u32>,
}

/// One phone that has not been seen.
#[derive(Debug, Serialize)]
pub(crate) struct UnseenView {
    pub(crate) id: DeviceId,
    pub(crate) extension: String,
    pub(crate) name: String,
    pub(crate) last_seen_at: UnixMillis,
    /// Whether it could still be woken.
    pub(crate) wakeable: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct UnseenList {
    days: u32,
    devices: Vec<UnseenView>,
}

#[utoipa::path(get, path = "/devices/unseen", operation_id = "devices_unseen", tag = "Devices", summary = "Phones that have not registered for some days, the longest first.", params(("days" = Option<u32>, Query, description = "1 to 3650; 30 when it is left out")), responses((status = 200, description = "The phones.", body = serde_json::Value)))]
pub(crate) async fn unseen(
    State(state): State<AdminState>,
    Params(params): Params<UnseenParams>,
) -> Answer<Json<UnseenList>> {
    let days = params.days.unwrap_or(USUAL_DAYS);
    Ok(Json(UnseenList { days, devices: unseen_for(&state, days).await? }))
}

/// Phones without a live binding that were last seen longer ago than this, the longest first.
pub(crate) async fn unseen_for(state: &AdminState, days: u32) -> Result<Vec<UnseenView>, Refusal> {
    if !(1..=MOST_DAYS).contains(&days) {
        let text = say("phones-days-is-a-number-from-1").with("most-days", &MOST_DAYS).text();
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "malformed", text).field("days"));
    }
    let before = clock::now() - Duration::from_secs(u64::from(days) * 24 * 3600);
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let devices = page(state, after, PAGE).await?;
        let full = devices.len() == PAGE;
        after = devices.last().map(|device| device.id);
        found.extend(devices.into_iter().filter(|device| is_unseen(device, before)).map(unseen_view));
        if !full || after.is_none() {
            break;
        }
    }
    found.sort_by_key(|device| device.last_seen_at);
    found.truncate(LIST);
    Ok(found)
}

fn is_unseen(device: &DeviceSummary, before: UnixMillis) -> bool {
    let live = device.live_binding.as_ref().is_some_and(|binding| is_live(binding.state));
    !live && device.last_seen_at < before
}

fn unseen_view(device: DeviceSummary) -> UnseenView {
    UnseenView {
        id: device.id,
        extension: device.extension.to_string(),
        name: words::device_name(&device.user_agent, device.id),
        last_seen_at: device.last_seen_at,
        wakeable: device.wake_target.is_some_and(|target| target.switched_off.is_none()),
    }
}

/// Extensions that one order switches; a whole installation of the size this is for, four times.
const SWITCHED_AT_ONCE: usize = 1000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SwitchBody {
    extensions: Vec<ExtensionNumber>,
    enabled: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct SwitchView {
    accounts: usize,
}

/// Switches all phones of these extensions off or on; in force when it is answered.
#[utoipa::path(post, path = "/phones/switch", operation_id = "phones_switch", tag = "Devices", summary = "Switches all phones of some extensions off or on; nobody needs a new code.", request_body(content = serde_json::Value, description = "Extensions, and enabled or not."), responses((status = 200, description = "How many accounts were switched.", body = serde_json::Value), (status = 404, description = ""), (status = 409, description = ""), (status = 422, description = "")))]
pub(crate) async fn switch(State(state): State<AdminState>, Body(body): Body<SwitchBody>) -> Answer<Json<SwitchView>> {
    if body.extensions.len() > SWITCHED_AT_ONCE {
        let text = say("phones-at-most-extensions-at-once-switch").with("switched-at-once", &SWITCHED_AT_ONCE).text();
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "too_many", text).field("extensions").into());
    }
    let mut accounts = 0;
    for number in body.extensions {
        accounts += state.enrolments.switch_phones(number, body.enabled).await?;
    }
    Ok(Json(SwitchView { accounts }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompareParams {
    a: i64,
    b: i64,
}

/// One thing two phones can differ in.
#[derive(Debug, Serialize)]
pub(crate) struct DifferenceView {
    pub(crate) field: &'static str,
    pub(crate) a: String,
    pub(crate) b: String,
    pub(crate) same: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    fields: Vec<DifferenceView>,
}

#[utoipa::path(get, path = "/devices/compare", operation_id = "devices_compare", tag = "Devices", summary = "What two phones differ in.", params(("a" = i64, Query, description = "A phone"), ("b" = i64, Query, description = "Another one")), responses((status = 200, description = "Every field of both.", body = serde_json::Value), (status = 404, description = "")))]
pub(crate) async fn compare(
    State(state): State<AdminState>,
    Params(params): Params<CompareParams>,
) -> Answer<Json<Comparison>> {
    Ok(Json(Comparison { fields: compared(&state, DeviceId(params.a), DeviceId(params.b)).await? }))
}

/// Every field of two phones side by side; push tokens are fingerprints.
pub(crate) async fn compared(state: &AdminState, a: DeviceId, b: DeviceId) -> Result<Vec<DifferenceView>, Refusal> {
    let (a, b) = (show(state, a).await?, show(state, b).await?);
    let apps = views(state, None).await?;
    let fields = described(&a, &apps).into_iter().zip(described(&b, &apps));
    Ok(fields.map(|((field, a), (_, b))| DifferenceView { field, same: a == b, a, b }).collect())
}

fn described(device: &DeviceSummary, apps: &[InstallationView]) -> Vec<(&'static str, String)> {
    let binding = device.live_binding.as_ref();
    let target = device.wake_target.as_ref();
    let token = |token: Option<&pbx_core::model::Redacted<String>>| {
        token.map_or_else(|| "none".to_owned(), |token| fingerprint(token.reveal()))
    };
    let key = device.key.as_str().strip_prefix("i:").unwrap_or("");
    let app = apps.iter().find(|app| !key.is_empty() && app.instance.eq_ignore_ascii_case(key));
    let of_app = |read: fn(&InstallationView) -> String| app.map(read).unwrap_or_default();
    vec![
        ("extension", device.extension.to_string()),
        ("software", device.user_agent.clone()),
        ("presence", format!("{:?}", device.presence)),
        ("reason", device.reason.clone()),
        ("transport", binding.map(|binding| words::transport(binding.transport).to_owned()).unwrap_or_default()),
        ("address", binding.map(|binding| binding.remote.ip().to_string()).unwrap_or_default()),
        ("spare connections", binding.map(|binding| binding.spare_flows.to_string()).unwrap_or_default()),
        ("push provider", target.map(|target| words::provider(target.provider).to_owned()).unwrap_or_default()),
        ("app id", target.map(|target| target.app_id.clone()).unwrap_or_default()),
        ("environment", target.map(|target| words::environment(target.environment).to_owned()).unwrap_or_default()),
        ("call token", target.map(|target| token(target.call_token.as_ref())).unwrap_or_default()),
        ("notice token", target.map(|target| token(target.notice_token.as_ref())).unwrap_or_default()),
        ("provider's complaint", target.map(|target| complaint(&target.health).to_owned()).unwrap_or_default()),
        (
            "push switched off",
            target.and_then(|target| target.switched_off).map(|by| format!("{by:?}")).unwrap_or_default(),
        ),
        ("push policy", device.push_policy.as_str().to_owned()),
        ("last wake", device.last_wake.as_ref().map(|wake| wake.outcome.clone()).unwrap_or_default()),
        ("phone", of_app(|app| app.record.model.clone())),
        ("system", of_app(|app| format!("{} {}", app.record.platform.words(), app.record.os_version))),
        ("app version", of_app(|app| app.record.app_version.clone())),
        ("problems", of_app(|app| app.problems.iter().map(|one| one.code).collect::<Vec<_>>().join(", "))),
        ("has current settings", of_app(|app| if app.profile_current { "yes".into() } else { "no".into() })),
    ]
}
