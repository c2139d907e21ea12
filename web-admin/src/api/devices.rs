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
use crate::settings_again::Marks;
use crate::state::AdminState;

/// Devices on a page unless the caller wishes another number.
const USUAL_LIMIT: usize = 100;

#[derive(Debug, utoipa::IntoParams, Deserialize)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    after: Option<i64>,
    limit: Option<usize>,
}

#[derive(Debug, utoipa::ToSchema, Serialize)]
#[schema(as = DeviceList)]
pub(crate) struct ListView {
    devices: Vec<DeviceView>,
    next: Option<DeviceId>,
}

#[utoipa::path(get, path = "/registrations", operation_id = "devices_registrations", tag = "Devices", summary = "The devices, a page at a time, in the order of their rows.", params(ListParams), responses((status = 200, description = "A page.", body = ListView)))]
pub(crate) async fn registrations(
    State(state): State<AdminState>,
    Params(params): Params<ListParams>,
) -> Answer<Json<ListView>> {
    let limit = limit(params.limit, USUAL_LIMIT)?;
    let devices = page(&state, params.after.map(DeviceId), limit).await?;
    let next = if devices.len() < limit { None } else { devices.last().map(|device| device.id) };
    let credentials = state.push.list_credentials().await?;
    let marks = Marks::load(&state, None).await?;
    let devices = devices.into_iter().map(|device| DeviceView::new(device, &credentials, &marks)).collect();
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

#[derive(Debug, utoipa::ToSchema, Deserialize)]
#[serde(deny_unknown_fields)]
#[schema(as = DeviceChange)]
pub(crate) struct ChangeBody {
    push_enabled: Option<bool>,
    push_policy: Option<PushPolicy>,
}

#[utoipa::path(patch, path = "/devices/{id}", operation_id = "devices_change", tag = "Devices", summary = "Switches push for one phone, or chooses its policy.", params(("id" = i64, Path, description = "Which one, by its id")), request_body = ChangeBody, responses((status = 200, description = "As it is.", body = DeviceView), (status = 404, description = "")))]
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
    let device = show(&state, device).await?;
    let marks = Marks::load(&state, Some(device.extension)).await?;
    Ok(Json(DeviceView::new(device, &credentials, &marks)))
}

#[utoipa::path(post, path = "/devices/{id}/test-push", operation_id = "devices_test_push", tag = "Devices", summary = "Sends a test notice to a phone; the outcome appears as its `last_wake`.", params(("id" = i64, Path, description = "Which one, by its id")), responses((status = 202, description = "It is pushed."), (status = 404, description = ""), (status = 409, description = "")))]
pub(crate) async fn test_push(State(state): State<AdminState>, Path(id): Path<i64>) -> Answer<StatusCode> {
    state.switchboard.ask(Command::TestPushDevice(DeviceId(id))).await?;
    Ok(StatusCode::ACCEPTED)
}

#[utoipa::path(delete, path = "/devices/{id}", operation_id = "devices_remove", tag = "Devices", summary = "Forgets both records; the phone may register again.", params(("id" = i64, Path, description = "Which one, by its id")), responses((status = 204, description = "It is gone."), (status = 404, description = "")))]
pub(crate) async fn remove(State(state): State<AdminState>, Path(id): Path<i64>) -> Answer<StatusCode> {
    state.switchboard.ask(Command::RemoveDevice(DeviceId(id))).await?;
    Ok(StatusCode::NO_CONTENT)
}
