//! `/me`: one's own extension, for a signed-in person.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use pbx_core::model::{CallId, CallRecord, ExtensionNumber};
use pbx_core::store::call_log::CallFilter;
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
use crate::state::AdminState;

/// Calls on a page unless the caller wishes another number.
const USUAL_LIMIT: usize = 50;

fn own(who: &SignedIn) -> Result<ExtensionNumber, Refusal> {
    who.extension.ok_or_else(|| Refusal::not_found("no_extension", "your account belongs to no extension"))
}

/// Who asks, and their extension.
#[derive(Debug, Serialize)]
pub(crate) struct MeView {
    name: String,
    role: Role,
    extension: DetailView,
}

pub(crate) async fn get(State(state): State<AdminState>, Extension(who): Extension<SignedIn>) -> Answer<Json<MeView>> {
    let credentials = state.push.list_credentials().await?;
    let detail = show(&state, own(&who)?).await?;
    Ok(Json(MeView { extension: DetailView::new(detail, &credentials), name: who.name, role: who.role }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallsParams {
    before: Option<i64>,
    limit: Option<usize>,
}

pub(crate) async fn calls(
    State(state): State<AdminState>,
    Extension(who): Extension<SignedIn>,
    Params(params): Params<CallsParams>,
) -> Answer<Json<CallsView>> {
    let filter = CallFilter { extension: Some(own(&who)?), ..CallFilter::default() };
    let limit = limit(params.limit, USUAL_LIMIT)?;
    let (calls, next) = page(&state, &filter, params.before.map(CallId), limit).await?;
    Ok(Json(CallsView { calls, next }))
}

pub(crate) async fn call(
    State(state): State<AdminState>,
    Extension(who): Extension<SignedIn>,
    Path(id): Path<i64>,
) -> Answer<Json<CallRecord>> {
    Ok(Json(own_call(&state, own(&who)?, CallId(id)).await?))
}

#[derive(Debug, Serialize)]
pub(crate) struct LinksView {
    enrolments: Vec<Enrolment>,
}

pub(crate) async fn enrolments(
    State(state): State<AdminState>,
    Extension(who): Extension<SignedIn>,
) -> Answer<Json<LinksView>> {
    Ok(Json(LinksView { enrolments: state.enrolments.list(own(&who)?).await? }))
}

pub(crate) async fn issue(
    State(state): State<AdminState>,
    Extension(who): Extension<SignedIn>,
    OptionalBody(body): OptionalBody<IssueBody>,
) -> Answer<(StatusCode, Json<IssuedView>)> {
    issued(&state, own(&who)?, &body).await
}

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

pub(crate) async fn test_push(
    State(state): State<AdminState>,
    Extension(who): Extension<SignedIn>,
    Path(id): Path<i64>,
) -> Answer<StatusCode> {
    let device = own_device(&state, own(&who)?, id).await?;
    state.switchboard.ask(Command::TestPushDevice(device.id)).await?;
    Ok(StatusCode::ACCEPTED)
}
