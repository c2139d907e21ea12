//! `/diagnosis`: what is wrong with calls, by what people say.

use axum::Json;
use axum::extract::State;
use pbx_core::model::ExtensionNumber;
use pbx_core::store::call_log::{self, CallFilter};
use serde::{Deserialize, Serialize};

use super::body::Params;
use super::{Answer, blocklist};
use crate::adding::settings;
use crate::advice::{self, Finding, Level};
use crate::error::Refusal;
use crate::network_check::{self, Vantage};
use crate::state::AdminState;
use crate::trouble::{self, CALLS, Complaint, Evidence, LADDERS};

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TroubleParams {
    /// What people say.
    complaint: Complaint,
    /// Only this extension; left out, all of them.
    extension: Option<ExtensionNumber>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Diagnosis)]
pub(crate) struct TroubleView {
    complaint: Complaint,
    extension: Option<ExtensionNumber>,
    level: Level,
    findings: Vec<Finding>,
    to_check: Vec<&'static str>,
}

/// Collects the evidence and walks the checks.
pub(crate) async fn walk(
    state: &AdminState,
    complaint: Complaint,
    extension: Option<ExtensionNumber>,
) -> Result<Vec<Finding>, Refusal> {
    let facts = advice::facts(state).await?;
    let filter = CallFilter { extension, ..CallFilter::default() };
    let calls = call_log::page(&state.store, &filter, None, CALLS).await?.calls;
    let ladders = &state.site.surroundings.ladders;
    let runs = network_check::store::list(&state.store).await?;
    let newest = |vantage| runs.iter().find(|run| run.vantage == vantage).cloned();
    let evidence = Evidence {
        ladders: calls.iter().take(LADDERS).filter_map(|call| ladders.get(call.id)).collect(),
        inside: newest(Vantage::Inside),
        outside: newest(Vantage::Outside),
        calls,
        blocked: blocklist::blocked(state).await?,
        settings: settings(state).await?,
        network: state.push.network_check(),
    };
    Ok(trouble::findings(complaint, extension, &facts, &evidence))
}

/// Walks the checks of a complaint.
#[utoipa::path(
    get,
    path = "/diagnosis",
    operation_id = "diagnosis",
    tag = "System",
    summary = "What is wrong with calls, by what people say.",
    params(TroubleParams),
    responses((status = 200, description = "Problems first.", body = TroubleView))
)]
pub(crate) async fn diagnosis(
    State(state): State<AdminState>,
    Params(params): Params<TroubleParams>,
) -> Answer<Json<TroubleView>> {
    let TroubleParams { complaint, extension } = params;
    let findings = walk(&state, complaint, extension).await?;
    let (level, to_check) = (advice::worst(&findings), trouble::to_check(complaint));
    Ok(Json(TroubleView { complaint, extension, level, findings, to_check }))
}
