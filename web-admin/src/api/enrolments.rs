//! `/enrolments`.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use pbx_core::model::{ExtensionNumber, Redacted, UnixMillis};
use provisioning::{DEFAULT_LIFETIME, Enrolment, EnrolmentId};
use serde::{Deserialize, Serialize};

use super::Answer;
use super::body::{OptionalBody, Params, number};
use crate::enrolment;
use crate::state::AdminState;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParams {
    extension: ExtensionNumber,
}

#[derive(Debug, Serialize)]
pub(crate) struct ListView {
    enrolments: Vec<Enrolment>,
}

pub(crate) async fn list(
    State(state): State<AdminState>,
    Params(params): Params<ListParams>,
) -> Answer<Json<ListView>> {
    Ok(Json(ListView { enrolments: state.enrolments.list(params.extension).await? }))
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IssueBody {
    #[serde(default)]
    label: String,
    hours: Option<u32>,
}

/// A link that is shown this once.
#[derive(Debug, Serialize)]
pub(crate) struct IssuedView {
    id: EnrolmentId,
    url: Redacted<String>,
    svg: Redacted<String>,
    expires_at: UnixMillis,
}

/// A lifetime in hours; the usual one when none is given.
pub(crate) fn lifetime(hours: Option<u32>) -> Duration {
    hours.map_or(DEFAULT_LIFETIME, |hours| Duration::from_secs(u64::from(hours) * 3600))
}

pub(crate) async fn issue(
    State(state): State<AdminState>,
    Path(text): Path<String>,
    OptionalBody(body): OptionalBody<IssueBody>,
) -> Answer<(StatusCode, Json<IssuedView>)> {
    issued(&state, number(&text)?, &body).await
}

/// Makes a link for this extension.
pub(crate) async fn issued(
    state: &AdminState,
    extension: ExtensionNumber,
    body: &IssueBody,
) -> Answer<(StatusCode, Json<IssuedView>)> {
    let link = state.enrolments.issue(extension, &body.label, lifetime(body.hours)).await?;
    let view = IssuedView { id: link.id, url: link.url, svg: link.svg, expires_at: link.expires_at };
    Ok((StatusCode::CREATED, Json(view)))
}

pub(crate) async fn revoke(State(state): State<AdminState>, Path(text): Path<String>) -> Answer<StatusCode> {
    state.enrolments.revoke(enrolment::id(&text)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
