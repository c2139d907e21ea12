//! `/network-check` and its parts, and `/port-check`, where a machine outside takes its plan and leaves its report.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use pbx_core::model::{Redacted, UnixMillis};
use serde::{Deserialize, Serialize};

use super::Answer;
use super::body::Body;
use crate::error::Refusal;
use crate::network_check::inside::{self, Progress};
use crate::network_check::outside;
use crate::network_check::settings::Wrong;
use crate::network_check::{Level, NetworkCheckSettings, Observation, Run, store, worst};
use crate::probe::{Plan, Report};
use crate::session::Caller;
use crate::state::AdminState;

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct NetworkCheckView {
    /// The check under way, or the last one since the start; null before the first.
    check: Option<Progress>,
    /// Its worst level; null while it runs.
    level: Option<Level>,
}

fn view(state: &AdminState) -> NetworkCheckView {
    let check = inside::progress(state);
    let ended = check.as_ref().filter(|check| !check.is_running());
    NetworkCheckView { level: ended.map(|check| worst(&check.observations)), check }
}

#[utoipa::path(get, path = "/network-check", operation_id = "network_check", tag = "System", summary = "The network check from inside: what was seen so far.", responses((status = 200, description = "`level` is null while it runs.", body = NetworkCheckView)))]
pub(crate) async fn get(State(state): State<AdminState>) -> Json<NetworkCheckView> {
    Json(view(&state))
}

#[utoipa::path(post, path = "/network-check", operation_id = "network_check_start", tag = "System", summary = "Begins a network check from inside, unless one is under way.", responses((status = 202, description = "It is under way.", body = NetworkCheckView)))]
pub(crate) async fn start(State(state): State<AdminState>) -> (StatusCode, Json<NetworkCheckView>) {
    inside::start(&state);
    (StatusCode::ACCEPTED, Json(view(&state)))
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct NetworkCheckRuns {
    runs: Vec<Run>,
}

#[utoipa::path(get, path = "/network-check/runs", operation_id = "network_check_runs", tag = "System", summary = "The last checks, from inside and from outside, the newest first.", responses((status = 200, description = "All that are kept.", body = NetworkCheckRuns)))]
pub(crate) async fn runs(State(state): State<AdminState>) -> Answer<Json<NetworkCheckRuns>> {
    Ok(Json(NetworkCheckRuns { runs: store::list(&state.store).await? }))
}

/// One of the checks that are kept.
pub(crate) async fn one_run(state: &AdminState, id: i64) -> Result<(Run, Vec<Run>), Refusal> {
    let mut runs = store::list(&state.store).await?;
    let missing = || Refusal::not_found("no_such_check", format!("there is no network check {id}"));
    let at = runs.iter().position(|run| run.id == id).ok_or_else(missing)?;
    let older = runs.split_off(at + 1);
    Ok((runs.remove(at), older))
}

#[utoipa::path(get, path = "/network-check/runs/{id}", operation_id = "network_check_run", tag = "System", summary = "One of the last checks.", params(("id" = i64, Path, description = "Which one")), responses((status = 200, description = "What was seen.", body = Run), (status = 404, description = "")))]
pub(crate) async fn run(State(state): State<AdminState>, Path(id): Path<i64>) -> Answer<Json<Run>> {
    Ok(Json(one_run(&state, id).await?.0))
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CodeView {
    /// For one check; shown only now.
    #[schema(value_type = String)]
    code: Redacted<String>,
    /// Until when it may be used.
    expires_at: UnixMillis,
    /// What to run on a machine outside; it asks for the code.
    command: String,
}

#[utoipa::path(post, path = "/network-check/code", operation_id = "network_check_code", tag = "System", summary = "Makes a code for one check from outside.", responses((status = 201, description = "The code.", body = CodeView)))]
pub(crate) async fn make_code(State(state): State<AdminState>) -> Answer<(StatusCode, Json<CodeView>)> {
    let made = outside::make_code(&state)?;
    let command = command(&state);
    let view = CodeView { code: Redacted::new(made.code), expires_at: made.expires_at, command };
    Ok((StatusCode::CREATED, Json(view)))
}

/// What to run on a machine outside.
pub(crate) fn command(state: &AdminState) -> String {
    format!("nightbell probe {}", state.site.public_url)
}

impl From<Wrong> for Refusal {
    fn from((field, problem): Wrong) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "network_check_malformed", problem).field(field)
    }
}

#[utoipa::path(get, path = "/network-check/settings", operation_id = "network_check_settings", tag = "System", summary = "Whom the check asks for the public address.", responses((status = 200, description = "As they are.", body = NetworkCheckSettings)))]
pub(crate) async fn settings(State(state): State<AdminState>) -> Answer<Json<NetworkCheckSettings>> {
    Ok(Json(NetworkCheckSettings::load(&state.store).await?))
}

#[utoipa::path(put, path = "/network-check/settings", operation_id = "network_check_settings_put", tag = "System", summary = "Sets whom the check asks for the public address.", request_body = NetworkCheckSettings, responses((status = 200, description = "As they are.", body = NetworkCheckSettings), (status = 422, description = "")))]
pub(crate) async fn put_settings(
    State(state): State<AdminState>,
    Body(new): Body<NetworkCheckSettings>,
) -> Answer<Json<NetworkCheckSettings>> {
    new.check().map_err(Refusal::from)?;
    new.save(&state.store).await?;
    Ok(Json(new))
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlanWish {
    /// The code of `POST /network-check/code`.
    #[schema(value_type = String)]
    code: Redacted<String>,
}

#[utoipa::path(post, path = "/port-check/plan", operation_id = "port_check_plan", tag = "System", summary = "Takes the plan of a check from outside; open, the code is the key and is used up.", request_body = PlanWish, responses((status = 200, description = "What to ask, and until when.", body = Plan), (status = 404, description = ""), (status = 409, description = "")))]
pub(crate) async fn take_plan(
    State(state): State<AdminState>,
    caller: Caller,
    Body(wish): Body<PlanWish>,
) -> Answer<Json<Plan>> {
    Ok(Json(outside::begin(&state, wish.code.reveal(), caller.address).await?))
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReportWish {
    /// `check` of the plan.
    #[schema(value_type = String)]
    check: Redacted<String>,
    report: Report,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ReportView {
    level: Level,
    observations: Vec<Observation>,
}

#[utoipa::path(post, path = "/port-check/report", operation_id = "port_check_report", tag = "System", summary = "Leaves the report of a check from outside, and gives what it means; open, the plan's check is the key and is used up.", request_body = ReportWish, responses((status = 200, description = "What it means.", body = ReportView), (status = 404, description = "")))]
pub(crate) async fn leave_report(
    State(state): State<AdminState>,
    Body(wish): Body<ReportWish>,
) -> Answer<Json<ReportView>> {
    let run = outside::report(&state, wish.check.reveal(), &wish.report).await?;
    Ok(Json(ReportView { level: run.level, observations: run.observations }))
}
