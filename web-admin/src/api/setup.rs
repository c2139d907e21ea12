//! `/setup`: the first run by one document.

use axum::Json;
use axum::extract::State;

use super::Answer;
use super::body::Body;
use crate::setup_file::{self, Document, Outcome};
use crate::state::AdminState;

#[utoipa::path(post, path = "/setup", operation_id = "setup", tag = "System", summary = "Sets the installation up by one document, checked whole before anything is changed; at the Unix socket only.", request_body = Document, responses((status = 200, description = "What was changed, and what was there already.", body = Outcome), (status = 409, description = ""), (status = 422, description = "Nothing was changed; `fields` names what is wrong.")))]
pub(crate) async fn carry_out(
    State(state): State<AdminState>,
    Body(document): Body<Document>,
) -> Answer<Json<Outcome>> {
    Ok(Json(setup_file::carry_out(&state, document).await?))
}
