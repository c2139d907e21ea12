//! `/healthz`: for `healthcheck`, containers and monitors; says whether the switchboard answers, and nothing else.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use pbx_core::switchboard::command::Command;

use crate::state::AdminState;

/// A switchboard that needs longer is not healthy.
const WITHIN: Duration = Duration::from_secs(2);

pub(crate) async fn healthz(State(state): State<AdminState>) -> (StatusCode, &'static str) {
    match tokio::time::timeout(WITHIN, state.switchboard.ask(Command::Status)).await {
        Ok(Ok(_)) => (StatusCode::OK, "ok\n"),
        Ok(Err(_)) | Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the switchboard does not answer\n"),
    }
}
