//! `/account`: one's own sessions, for a signed-in person.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Serialize;

use super::Answer;
use crate::accounts::{self, SessionLine};
use crate::clock;
use crate::error::Refusal;
use crate::session::SignedIn;
use crate::state::AdminState;
use crate::t;

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SessionsView {
    sessions: Vec<SessionLine>,
}

fn user(who: &SignedIn) -> Result<i64, Refusal> {
    who.user.ok_or_else(Refusal::signed_out)
}

#[utoipa::path(get, path = "/account/sessions", operation_id = "account_sessions", tag = "People", summary = "The browsers in which one is signed in.", responses((status = 200, description = "All of them.", body = SessionsView)))]
pub(crate) async fn sessions(
    State(state): State<AdminState>,
    Extension(who): Extension<SignedIn>,
) -> Answer<Json<SessionsView>> {
    Ok(Json(SessionsView { sessions: accounts::sessions(&state.store, user(&who)?, clock::now()).await? }))
}

#[utoipa::path(delete, path = "/account/sessions/{id}", operation_id = "account_end_session", tag = "People", summary = "Ends one of one's own sessions.", params(("id" = String, Path, description = "Which one, by its id")), responses((status = 204, description = "It is over."), (status = 404, description = "")))]
pub(crate) async fn end_session(
    State(state): State<AdminState>,
    Extension(who): Extension<SignedIn>,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    if accounts::end_session(&state.store, user(&who)?, &id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Refusal::not_found("no_such_session", t("account-that-session-is-over-already")).into())
    }
}
