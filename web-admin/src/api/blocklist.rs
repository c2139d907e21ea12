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

#[derive(Debug, utoipa::ToSchema, Serialize)]
#[schema(as = BlockList)]
pub(crate) struct ListView {
    blocked: Vec<BlockedAddress>,
}

#[utoipa::path(get, path = "/blocklist", operation_id = "blocklist_list", tag = "Security", summary = "Every block that holds, the newest first.", responses((status = 200, description = "All of them.", body = ListView)))]
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

#[utoipa::path(delete, path = "/blocklist/{address}", operation_id = "blocklist_remove", tag = "Security", summary = "Lifts every block of an address.", params(("address" = String, Path, description = "As the list shows it, or any address of the network")), responses((status = 204, description = "It is lifted."), (status = 404, description = "")))]
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
