//! `/enrolments`.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use pbx_core::model::{DeviceId, ExtensionNumber, Redacted, UnixMillis};
use provisioning::{DEFAULT_LIFETIME, Enrolment, EnrolmentId};
use serde::{Deserialize, Serialize};

use super::Answer;
use super::body::{OptionalBody, Params, number};
use super::devices::show;
use crate::enrolment;
use crate::state::AdminState;

#[derive(Debug, utoipa::IntoParams, Deserialize)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    extension: ExtensionNumber,
}

#[derive(Debug, utoipa::ToSchema, Serialize)]
#[schema(as = EnrolmentList)]
pub(crate) struct ListView {
    enrolments: Vec<Enrolment>,
}

#[utoipa::path(get, path = "/enrolments", operation_id = "enrolments_list", tag = "Enrolments", summary = "The enrolment links of an extension.", params(ListParams), responses((status = 200, description = "The links.", body = ListView)))]
pub(crate) async fn list(
    State(state): State<AdminState>,
    Params(params): Params<ListParams>,
) -> Answer<Json<ListView>> {
    Ok(Json(ListView { enrolments: state.enrolments.list(params.extension).await? }))
}

#[derive(Debug, utoipa::ToSchema, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IssueBody {
    #[serde(default)]
    label: String,
    hours: Option<u32>,
}

/// A link that is shown this once.
#[derive(Debug, utoipa::ToSchema, Serialize)]
pub(crate) struct IssuedView {
    #[schema(value_type = uuid::Uuid)]
    id: EnrolmentId,
    #[schema(value_type = String)]
    url: Redacted<String>,
    #[schema(value_type = String)]
    svg: Redacted<String>,
    expires_at: UnixMillis,
}

/// A lifetime in hours; the usual one when none is given.
pub(crate) fn lifetime(hours: Option<u32>) -> Duration {
    hours.map_or(DEFAULT_LIFETIME, |hours| Duration::from_secs(u64::from(hours) * 3600))
}

#[utoipa::path(post, path = "/extensions/{number}/enrolments", operation_id = "enrolments_issue", tag = "Enrolments", summary = "Makes a link and a QR code for one phone; shown this once.", params(("number" = ExtensionNumber, Path, description = "The extension")), request_body = Option<IssueBody>, responses((status = 201, description = "The link.", body = IssuedView), (status = 404, description = ""), (status = 409, description = "")))]
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

/// A link by which a phone that is set up already fetches its settings again; nothing changes for it until then.
#[utoipa::path(post, path = "/devices/{id}/enrolments", operation_id = "enrolments_issue_again", tag = "Enrolments", summary = "Makes a link by which a phone fetches its settings again, with the account it has; shown this once.", params(("id" = i64, Path, description = "The phone")), responses((status = 201, description = "The link.", body = IssuedView), (status = 404, description = ""), (status = 409, description = "")))]
pub(crate) async fn issue_again(
    State(state): State<AdminState>,
    Path(id): Path<i64>,
) -> Answer<(StatusCode, Json<IssuedView>)> {
    let device = show(&state, DeviceId(id)).await?;
    let link = state.enrolments.issue_again(device.extension, &device.username, lifetime(None)).await?;
    let view = IssuedView { id: link.id, url: link.url, svg: link.svg, expires_at: link.expires_at };
    Ok((StatusCode::CREATED, Json(view)))
}

/// "Lost phone": the link and its phone are out, another link is shown.
#[utoipa::path(post, path = "/enrolments/{id}/replace", operation_id = "enrolments_replace", tag = "Enrolments", summary = "Signs a lost phone out and makes another link.", params(("id" = String, Path, description = "Which one, by its id")), responses((status = 201, description = "The link; it is shown this once.", body = IssuedView), (status = 404, description = ""), (status = 409, description = "")))]
pub(crate) async fn replace(
    State(state): State<AdminState>,
    Path(text): Path<String>,
) -> Answer<(StatusCode, Json<IssuedView>)> {
    let link = state.enrolments.replace(enrolment::id(&text)?).await?;
    let view = IssuedView { id: link.id, url: link.url, svg: link.svg, expires_at: link.expires_at };
    Ok((StatusCode::CREATED, Json(view)))
}

#[utoipa::path(delete, path = "/enrolments/{id}", operation_id = "enrolments_revoke", tag = "Enrolments", summary = "Takes a link back; a paired phone loses its account.", params(("id" = String, Path, description = "Which one, by its id")), responses((status = 204, description = "It is gone."), (status = 404, description = ""), (status = 409, description = "")))]
pub(crate) async fn revoke(State(state): State<AdminState>, Path(text): Path<String>) -> Answer<StatusCode> {
    state.enrolments.revoke(enrolment::id(&text)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
