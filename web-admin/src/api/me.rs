//! `/me`: one's own extension, for a signed-in person.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use pbx_core::model::{CallId, CallRecord, ExtensionNumber};
use pbx_core::store::call_log::{CallFilter, CallPage};
use pbx_core::switchboard::command::Command;
use provisioning::{Enrolment, EnrolmentError};
use serde::{Deserialize, Serialize};

use super::Answer;
use super::body::{OptionalBody, Params, limit};
use super::calls::{ListView as CallsView, page};
use super::enrolments::{IssueBody, IssuedView, issued};
use super::view::DetailView;
use crate::api::extensions::show;
use crate::enrolment;
use crate::error::Refusal;
use crate::pages::me::{own_call, own_device};
use crate::role::Role;
use crate::session::SignedIn;
use crate::settings_again::Marks;
use crate::state::AdminState;
use crate::t;

/// Calls on a page unless the caller wishes another number.
const USUAL_LIMIT: usize = 50;

fn own(who: &SignedIn) -> Result<ExtensionNumber, Refusal> {
    who.extension.ok_or_else(|| Refusal::not_found("no_extension", t("me-your-account-belongs-to-no-extension")))
}

/// Who asks, and their extension.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Me)]
pub(crate) struct MeView {
    name: String,
    role: Role,
    extension: DetailView,
}

#[utoipa::path(get, path = "/me", operation_id = "me_get", tag = "One's own extension", summary = "Who asks, and their extension.", responses((status = 200, description = "Both.", body = MeView), (status = 404, description = "")))]
pub(crate) async fn get(State(state): State<AdminState>, Extension(who): Extension<SignedIn>) -> Answer<Json<MeView>> {
    let credentials = state.push.list_credentials().await?;
    let detail = show(&state, own(&who)?).await?;
    let marks = Marks::load(&state, Some(detail.line.extension.number)).await?;
    Ok(Json(MeView { extension: DetailView::new(detail, &credentials, &marks), name: who.name, role: who.role }))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CallsParams {
    before: Option<i64>,
    limit: Option<usize>,
}

#[utoipa::path(get, path = "/me/calls", operation_id = "me_calls", tag = "One's own extension", summary = "One's own calls, the newest first, a page at a time.", params(CallsParams), responses((status = 200, description = "A page.", body = CallsView), (status = 404, description = "")))]
pub(crate) async fn calls(
    State(state): State<AdminState>,
    Extension(who): Extension<SignedIn>,
    Params(params): Params<CallsParams>,
) -> Answer<Json<CallsView>> {
    let filter = CallFilter { extension: Some(own(&who)?), ..CallFilter::default() };
    let limit = limit(params.limit, USUAL_LIMIT)?;
    let CallPage { calls, next, .. } = page(&state, &filter, params.before.map(CallId), limit).await?;
    Ok(Json(CallsView { calls, next }))
}

#[utoipa::path(get, path = "/me/calls/{id}", operation_id = "me_call", tag = "One's own extension", summary = "One of one's own calls.", params(("id" = i64, Path, description = "Which one, by its id")), responses((status = 200, description = "The call.", body = CallRecord), (status = 404, description = "")))]
pub(crate) async fn call(
    State(state): State<AdminState>,
    Extension(who): Extension<SignedIn>,
    Path(id): Path<i64>,
) -> Answer<Json<CallRecord>> {
    Ok(Json(own_call(&state, own(&who)?, CallId(id)).await?))
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = OwnEnrolmentList)]
pub(crate) struct LinksView {
    enrolments: Vec<Enrolment>,
}

#[utoipa::path(get, path = "/me/enrolments", operation_id = "me_enrolments", tag = "One's own extension", summary = "The links for one's own phones.", responses((status = 200, description = "The links.", body = LinksView), (status = 404, description = "")))]
pub(crate) async fn enrolments(
    State(state): State<AdminState>,
    Extension(who): Extension<SignedIn>,
) -> Answer<Json<LinksView>> {
    Ok(Json(LinksView { enrolments: state.enrolments.list(own(&who)?).await? }))
}

#[utoipa::path(post, path = "/me/enrolments", operation_id = "me_issue", tag = "One's own extension", summary = "Makes a link for a phone of one's own; shown this once.", request_body = Option<IssueBody>, responses((status = 201, description = "The link.", body = IssuedView), (status = 404, description = ""), (status = 409, description = "")))]
pub(crate) async fn issue(
    State(state): State<AdminState>,
    Extension(who): Extension<SignedIn>,
    OptionalBody(body): OptionalBody<IssueBody>,
) -> Answer<(StatusCode, Json<IssuedView>)> {
    issued(&state, own(&who)?, &body).await
}

#[utoipa::path(delete, path = "/me/enrolments/{id}", operation_id = "me_revoke", tag = "One's own extension", summary = "Takes a link of one's own back.", params(("id" = String, Path, description = "Which one, by its id")), responses((status = 204, description = "It is gone."), (status = 404, description = ""), (status = 409, description = "")))]
pub(crate) async fn revoke(
    State(state): State<AdminState>,
    Extension(who): Extension<SignedIn>,
    Path(text): Path<String>,
) -> Answer<StatusCode> {
    let id = enrolment::id(&text)?;
    let links = state.enrolments.list(own(&who)?).await?;
    if !links.iter().any(|link| link.id == id) {
        return Err(EnrolmentError::NoSuchLink.into());
    }
    state.enrolments.revoke(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(post, path = "/me/devices/{id}/test-push", operation_id = "me_test_push", tag = "One's own extension", summary = "Sends a test notice to a phone of one's own.", params(("id" = i64, Path, description = "Which one, by its id")), responses((status = 202, description = "It is pushed."), (status = 404, description = ""), (status = 409, description = "")))]
pub(crate) async fn test_push(
    State(state): State<AdminState>,
    Extension(who): Extension<SignedIn>,
    Path(id): Path<i64>,
) -> Answer<StatusCode> {
    let device = own_device(&state, own(&who)?, id).await?;
    state.switchboard.ask(Command::TestPushDevice(device.id)).await?;
    Ok(StatusCode::ACCEPTED)
}
