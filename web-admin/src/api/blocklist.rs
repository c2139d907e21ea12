//! `/blocklist`: who is blocked, and lifting a block.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use pbx_core::defence::BlockedAddress;
use pbx_core::model::Network;
use pbx_core::switchboard::command::{Command, Reply};
use serde::Serialize;

use super::Answer;
use crate::adding::unexpected;
use crate::error::Refusal;
use crate::state::AdminState;

#[derive(Debug, Serialize)]
pub(crate) struct ListView {
    blocked: Vec<BlockedAddress>,
}

pub(crate) async fn list(State(state): State<AdminState>) -> Answer<Json<ListView>> {
    Ok(Json(ListView { blocked: blocked(&state).await? }))
}

/// Every block that holds now, the newest first.
pub(crate) async fn blocked(state: &AdminState) -> Result<Vec<BlockedAddress>, Refusal> {
    let Reply::Blocked(blocked) = state.switchboard.ask(Command::ListBlocked).await? else {
        return Err(unexpected());
    };
    Ok(blocked)
}

pub(crate) async fn remove(State(state): State<AdminState>, Path(address): Path<String>) -> Answer<StatusCode> {
    unblock(&state, &address).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lifts every block of an address.
pub(crate) async fn unblock(state: &AdminState, address: &str) -> Result<Network, Refusal> {
    let network: Network = address.parse().map_err(|wrong: pbx_core::model::AddressError| {
        Refusal::new(StatusCode::BAD_REQUEST, "malformed", wrong.to_string()).field("address")
    })?;
    state.switchboard.ask(Command::Unblock(network)).await?;
    Ok(network)
}
