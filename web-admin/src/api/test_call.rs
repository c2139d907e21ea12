//! Test calls: Nightbell itself rings an extension.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use pbx_core::model::{CallId, ExtensionNumber};
use pbx_core::switchboard::command::{Command, Reply};
use serde::Serialize;

use super::Answer;
use super::body::number;
use crate::adding::unexpected;
use crate::error::Refusal;
use crate::state::AdminState;

#[derive(Debug, utoipa::ToSchema, Serialize)]
#[schema(as = TestCall)]
pub(crate) struct TestCallView {
    call: CallId,
}

#[utoipa::path(post, path = "/extensions/{number}/test-call", operation_id = "extensions_test_call", tag = "Extensions", summary = "Rings every phone of the extension; whoever answers hears themselves.", params(("number" = ExtensionNumber, Path, description = "The extension")), responses((status = 202, description = "The call that rings.", body = TestCallView), (status = 404, description = ""), (status = 409, description = "")))]
pub(crate) async fn place(
    State(state): State<AdminState>,
    Path(text): Path<String>,
) -> Answer<(StatusCode, Json<TestCallView>)> {
    let call = ring(&state, number(&text)?).await?;
    Ok((StatusCode::ACCEPTED, Json(TestCallView { call })))
}

/// Rings the extension.
pub(crate) async fn ring(state: &AdminState, number: ExtensionNumber) -> Result<CallId, Refusal> {
    let Reply::TestCall(call) = state.switchboard.ask(Command::PlaceTestCall(number)).await? else {
        return Err(unexpected());
    };
    Ok(call)
}
