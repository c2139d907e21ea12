//! `/audit`.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, header};
use serde::{Deserialize, Serialize};

use super::Answer;
use super::body::{Params, limit};
use crate::audit::store::{self, Filter, Line, Verdict};
use crate::state::AdminState;

/// Lines on a page unless the caller wishes another number.
const USUAL_LIMIT: usize = 100;
/// Lines of one export at most, which is some 60 MB; the rest is asked for with `after`.
const EXPORT_LINES: i64 = 200_000;
/// Lines read at once.
const READ_AT_ONCE: i64 = 2_000;

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    #[serde(default)]
    search: String,
    before: Option<i64>,
    limit: Option<usize>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AuditView {
    lines: Vec<Line>,
    /// The `before` of the next page.
    next: Option<i64>,
}

#[utoipa::path(get, path = "/audit", operation_id = "audit_list", tag = "People", summary = "Who did what, the newest first, a page at a time.", params(ListParams), responses((status = 200, description = "A page.", body = AuditView)))]
pub(crate) async fn list(
    State(state): State<AdminState>,
    Params(params): Params<ListParams>,
) -> Answer<Json<AuditView>> {
    let limit = limit(params.limit, USUAL_LIMIT)?;
    let filter = Filter { before: params.before, search: params.search };
    let (lines, next) = page(&state, &filter, limit).await?;
    Ok(Json(AuditView { lines, next }))
}

/// A page of the log, newest first, and where the next one begins.
pub(crate) async fn page(
    state: &AdminState,
    filter: &Filter,
    limit: usize,
) -> Result<(Vec<Line>, Option<i64>), crate::error::Refusal> {
    let mut lines = store::page(&state.store, filter, limit + 1).await?;
    let more = lines.len() > limit;
    lines.truncate(limit);
    let next = if more { lines.last().map(|line| line.seq) } else { None };
    Ok((lines, next))
}

#[utoipa::path(get, path = "/audit/verify", operation_id = "audit_verify", tag = "People", summary = "Whether the chain of the audit log is whole.", responses((status = 200, description = "What was found.", body = Verdict)))]
pub(crate) async fn verify(State(state): State<AdminState>) -> Answer<Json<Verdict>> {
    Ok(Json(state.audit.check(&state.store).await?))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportParams {
    #[serde(default)]
    after: i64,
}

/// The log as JSON lines, oldest first.
#[utoipa::path(get, path = "/audit/export", operation_id = "audit_export", tag = "People", summary = "The audit log as JSON lines, the oldest first.", params(ExportParams), responses((status = 200, description = "One line for each act.", body = String, content_type = "application/x-ndjson")))]
pub(crate) async fn export(
    State(state): State<AdminState>,
    Params(params): Params<ExportParams>,
) -> Answer<([(HeaderName, &'static str); 2], String)> {
    let (mut text, mut after, mut count) = (String::new(), params.after, 0);
    while count < EXPORT_LINES {
        let some = store::behind(&state.store, after, READ_AT_ONCE).await?;
        let Some(last) = some.last() else { break };
        (after, count) = (last.seq, count + READ_AT_ONCE);
        for line in &some {
            text.push_str(&serde_json::to_string(line).unwrap_or_default());
            text.push('\n');
        }
    }
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"nightbell-audit.ndjson\""),
    ];
    Ok((headers, text))
}
