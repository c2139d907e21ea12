//! `/registrations` and `/devices`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use pbx_core::model::{DeviceId, DeviceSummary, PushPolicy};
use pbx_core::switchboard::command::{Command, CommandError, Reply};
use serde::{Deserialize, Serialize};

use super::Answer;
use super::body::{Body, Params, limit};
use super::view::DeviceView;
use crate::adding::unexpected;
use crate::error::Refusal;
use crate::state::AdminState;

/// Devices on a page unless the caller wishes another number.
const USUAL_LIMIT: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParams {
    after: Option<i64>,
    limit: Option<usize>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ListView {
    devices: Vec<DeviceView>,
    next: Option<DeviceId>,
}

pub(crate) async fn registrations(
    State(state): State<AdminState>,
    Params(params): Params<ListParams>,
) -> Answer<Json<ListView>> {
    let limit = limit(params.limit, USUAL_LIMIT)?;
    let devices = page(&state, params.after.map(DeviceId), limit).await?;
    let next = if devices.len() < limit { None } else { devices.last().map(|device| device.id) };
    let credentials = state.push.list_credentials().await?;
    let devices = devices.into_iter().map(|device| DeviceView::new(device, &credentials)).collect();
    Ok(Json(ListView { devices, next }))
}

/// A page of devices in order of their rows.
pub(crate) async fn page(
    state: &AdminState,
    after: Option<DeviceId>,
    limit: usize,
) -> Result<Vec<DeviceSummary>, Refusal> {
    let Reply::Devices(devices) = state.switchboard.ask(Command::ListDevices { after, limit }).await? else {
        return Err(unexpected());
    };
    Ok(devices)
}

/// One device.
pub(crate) async fn show(state: &AdminState, id: DeviceId) -> Result<DeviceSummary, Refusal> {
    let found = page(state, Some(DeviceId(id.0.saturating_sub(1))), 1).await?;
    found.into_iter().find(|device| device.id == id).ok_or_else(|| CommandError::NoSuchDevice(id).into())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeBody {
    push_enabled: Option<bool>,
    push_policy: Option<PushPolicy>,
}

pub(crate) async fn change(
    State(state): State<AdminState>,
    Path(id): Path<i64>,
    Body(body): Body<ChangeBody>,
) -> Answer<Json<DeviceView>> {
    let device = DeviceId(id);
    if let Some(policy) = body.push_policy {
        state.switchboard.ask(Command::SetPushPolicy { device, policy }).await?;
    }
    if let Some(enabled) = body.push_enabled {
        state.switchboard.ask(Command::SetDevicePush { device, enabled }).await?;
    }
    let credentials = state.push.list_credentials().await?;
    Ok(Json(DeviceView::new(show(&state, device).await?, &credentials)))
}

pub(crate) async fn test_push(State(state): State<AdminState>, Path(id): Path<i64>) -> Answer<StatusCode> {
    state.switchboard.ask(Command::TestPushDevice(DeviceId(id))).await?;
    Ok(StatusCode::ACCEPTED)
}

pub(crate) async fn remove(State(state): State<AdminState>, Path(id): Path<i64>) -> Answer<StatusCode> {
    state.switchboard.ask(Command::RemoveDevice(DeviceId(id))).await?;
    Ok(StatusCode::NO_CONTENT)
}
