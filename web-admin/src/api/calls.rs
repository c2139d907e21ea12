//! `/calls`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use pbx_core::model::{CallId, CallRecord, CallUuid, DeviceId, TimelineEntry, TimelineStep, UnixMillis};
use pbx_core::net::Ladder;
use pbx_core::store::call_log::{self, CallFilter, CallPage};
use pbx_core::switchboard::command::{ActiveCall, Command, CommandError, Reply};
use serde::{Deserialize, Serialize};

use super::Answer;
use super::body::{Params, limit};
use crate::adding::unexpected;
use crate::clock;
use crate::error::Refusal;
use crate::say;
use crate::state::AdminState;

/// Calls on a page unless the caller wishes another number.
const USUAL_LIMIT: usize = 50;

#[derive(Debug, utoipa::IntoParams, Deserialize)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    #[serde(default)]
    number: String,
    before: Option<i64>,
    limit: Option<usize>,
}

#[derive(Debug, utoipa::ToSchema, Serialize)]
#[schema(as = CallList)]
pub(crate) struct ListView {
    pub(crate) calls: Vec<CallRecord>,
    pub(crate) next: Option<CallId>,
}

#[utoipa::path(get, path = "/calls", operation_id = "calls_list", tag = "Calls", summary = "The call log, the newest first, a page at a time. A search looks through 10,000 calls at a time: a page may be short, and `next` says that it can go on.", params(ListParams), responses((status = 200, description = "A page.", body = ListView)))]
pub(crate) async fn list(
    State(state): State<AdminState>,
    Params(params): Params<ListParams>,
) -> Answer<Json<ListView>> {
    let limit = limit(params.limit, USUAL_LIMIT)?;
    let filter = CallFilter { search: params.number, ..CallFilter::default() };
    let CallPage { calls, next, .. } = page(&state, &filter, params.before.map(CallId), limit).await?;
    Ok(Json(ListView { calls, next }))
}

/// A page of the call log, and where the next one begins.
pub(crate) async fn page(
    state: &AdminState,
    filter: &CallFilter,
    before: Option<CallId>,
    limit: usize,
) -> Result<CallPage, Refusal> {
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    Ok(call_log::page(&state.store, filter, before, limit).await?)
}

#[derive(Debug, utoipa::ToSchema, Serialize)]
pub(crate) struct CallView {
    call: CallRecord,
    timeline: Vec<StepView>,
    /// Every SIP message with secrets masked; null for calls that are older than what is kept, or of an earlier start.
    ladder: Option<Ladder>,
}

#[derive(Debug, utoipa::ToSchema, Serialize)]
struct StepView {
    at: UnixMillis,
    offset_ms: i64,
    step: TimelineStep,
    device: Option<DeviceId>,
    detail: String,
}

/// One call of the log.
pub(crate) async fn record(state: &AdminState, id: CallId) -> Result<(CallRecord, Vec<TimelineEntry>), Refusal> {
    let call = call_log::one(&state.store, id).await?;
    let missing = || Refusal::not_found("no_such_call", say("calls-there-is-no-call-in-the").with("id", &id).text());
    let call = call.ok_or_else(missing)?;
    Ok((call, call_log::timeline(&state.store, id).await?))
}

#[utoipa::path(get, path = "/calls/{id}", operation_id = "calls_get", tag = "Calls", summary = "A call with its timeline and its SIP messages.", params(("id" = i64, Path, description = "Which one, by its id")), responses((status = 200, description = "The call.", body = CallView), (status = 404, description = "")))]
pub(crate) async fn get(State(state): State<AdminState>, Path(id): Path<i64>) -> Answer<Json<CallView>> {
    let (call, entries) = record(&state, CallId(id)).await?;
    let began = call.started_at;
    let timeline = entries
        .into_iter()
        .map(|entry| StepView {
            at: entry.at,
            offset_ms: entry.at.0.saturating_sub(began.0),
            step: entry.step,
            device: entry.device,
            detail: entry.detail,
        })
        .collect();
    let ladder = state.site.surroundings.ladders.get(call.id);
    Ok(Json(CallView { call, timeline, ladder }))
}

/// Whether a call still rings; the same shape for every id, known or not.
#[derive(Debug, utoipa::ToSchema, Serialize)]
pub(crate) struct RingingView {
    ringing: bool,
    until: Option<UnixMillis>,
}

/// Answers an app that got a push late: ring, or drop it. It knows the call's id from the push, and learns nothing else.
#[utoipa::path(get, path = "/calls/{id}/ringing", operation_id = "calls_ringing", tag = "Calls", summary = "Whether a call still rings, for apps that got a push late.", params(("id" = String, Path, description = "Which one, by its id")), responses((status = 200, description = "The same shape for every id, known or not.", body = RingingView)))]
pub(crate) async fn ringing(State(state): State<AdminState>, Path(id): Path<String>) -> Json<RingingView> {
    // What is no id is looked up as the one that no call has, so that it costs the same.
    let until = state.switchboard.ringing_until(CallUuid::or_none(&id), clock::now());
    Json(RingingView { ringing: until.is_some(), until })
}

/// The calls that live now.
pub(crate) async fn living(state: &AdminState) -> Result<Vec<ActiveCall>, Refusal> {
    let Reply::Calls(calls) = state.switchboard.ask(Command::ListCalls).await? else { return Err(unexpected()) };
    Ok(calls)
}

#[derive(Debug, utoipa::ToSchema, Serialize)]
pub(crate) struct ActiveView {
    calls: Vec<ActiveCall>,
}

#[utoipa::path(get, path = "/calls/active", operation_id = "calls_active", tag = "Calls", summary = "The calls that live at this moment.", responses((status = 200, description = "All of them.", body = ActiveView)))]
pub(crate) async fn active(State(state): State<AdminState>) -> Answer<Json<ActiveView>> {
    Ok(Json(ActiveView { calls: living(&state).await? }))
}

#[utoipa::path(delete, path = "/calls/active/{id}", operation_id = "calls_hang_up", tag = "Calls", summary = "Ends a call.", params(("id" = i64, Path, description = "Which one, by its id")), responses((status = 204, description = "It is ended."), (status = 404, description = "")))]
pub(crate) async fn hang_up(State(state): State<AdminState>, Path(id): Path<i64>) -> Answer<StatusCode> {
    match state.switchboard.ask(Command::HangUp(CallId(id))).await {
        Ok(_) => Ok(StatusCode::NO_CONTENT),
        Err(error @ CommandError::NoSuchCall(_)) => Err(Refusal::not_found(error.code(), error.to_string()).into()),
        Err(error) => Err(error.into()),
    }
}
