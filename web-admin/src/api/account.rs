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

#[derive(Debug, Serialize)]
pub(crate) struct SessionsView {
    sessions: Vec<SessionLine>,
}

fn user(who: &SignedIn) -> Result<i64, Refusal> {
    who.user.ok_or_else(Refusal::signed_out)
}

pub(crate) async fn sessions(
    State(state): State<AdminState>,
    Extension(who): Extension<SignedIn>,
) -> Answer<Json<SessionsView>> {
    Ok(Json(SessionsView { sessions: accounts::sessions(&state.store, user(&who)?, clock::now()).await? }))
}

pub(crate) async fn end_session(
    State(state): State<AdminState>,
    Extension(who): Extension<SignedIn>,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    if accounts::end_session(&state.store, user(&who)?, &id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Refusal::not_found("no_such_session", "that session is over already").into())
    }
}
