//! `/log`: the last lines. `/log/level`: how much is written.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::Answer;
use super::body::{Body, Params, limit};
use crate::audit;
use crate::error::Refusal;
use crate::log::MINUTES;
use crate::state::AdminState;
use crate::{say, t};

/// Lines of an answer unless the caller wishes another number.
const USUAL_LIMIT: usize = 200;
/// How long a changed filter holds unless the caller says so.
const USUAL_MINUTES: u32 = 60;

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LinesParams {
    #[serde(default)]
    search: String,
    limit: Option<usize>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = LogLines)]
pub(crate) struct LinesView {
    /// In the order they were written.
    lines: Vec<String>,
}

#[utoipa::path(get, path = "/log", operation_id = "log_lines", tag = "System", summary = "The last lines of the log, since the start at most.", params(LinesParams), responses((status = 200, description = "The lines.", body = LinesView)))]
pub(crate) async fn lines(
    State(state): State<AdminState>,
    Params(params): Params<LinesParams>,
) -> Answer<Json<LinesView>> {
    let limit = limit(params.limit, USUAL_LIMIT)?;
    Ok(Json(LinesView { lines: state.site.log.tail().last(&params.search, limit) }))
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = LogLevel)]
pub(crate) struct FilterView {
    /// In force.
    filter: String,
    /// Of the boot settings.
    boot: String,
}

fn view(state: &AdminState) -> Json<FilterView> {
    let (filter, boot) = state.site.log.filter();
    Json(FilterView { filter, boot })
}

#[utoipa::path(get, path = "/log/level", operation_id = "log_level", tag = "System", summary = "How much is written into the log.", responses((status = 200, description = "The filter.", body = FilterView)))]
pub(crate) async fn level(State(state): State<AdminState>) -> Json<FilterView> {
    view(&state)
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewLogLevel)]
pub(crate) struct FilterBody {
    /// `debug`, or parts such as `pbx_core=debug,info`.
    filter: String,
    /// After so many the filter of the boot settings comes back; 60 when left out.
    minutes: Option<u32>,
}

#[utoipa::path(put, path = "/log/level", operation_id = "log_put_level", tag = "System", summary = "Changes how much is written into the log, for some time.", request_body = FilterBody, responses((status = 200, description = "The filter.", body = FilterView), (status = 422, description = "")))]
pub(crate) async fn put_level(
    State(state): State<AdminState>,
    Body(body): Body<FilterBody>,
) -> Answer<Json<FilterView>> {
    set(&state, &body.filter, body.minutes.unwrap_or(USUAL_MINUTES))?;
    Ok(view(&state))
}

/// Puts a filter in force that was written by hand.
pub(crate) fn set(state: &AdminState, filter: &str, minutes: u32) -> Result<(), Refusal> {
    let refused = |field: &str, text| Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "log_level", text).field(field);
    if !MINUTES.contains(&minutes) {
        return Err(refused("minutes", t("log-write-between-1-and-1440-minutes").to_owned()));
    }
    let wrong = |why| {
        let text = say("log-is-no-filter-write-error-warn").with("filter", &filter).with("why", &why).text();
        refused("filter", text)
    };
    state.site.log.set(filter.trim(), minutes).map_err(wrong)?;
    audit::note(format!("{} for {minutes} min", filter.trim()));
    Ok(())
}
