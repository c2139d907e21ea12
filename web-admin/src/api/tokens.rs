//! `/tokens`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use pbx_core::model::{AddressRange, UnixMillis};
use serde::{Deserialize, Serialize};

use super::Answer;
use super::body::Body;
use crate::role::Scope;
use crate::session::SignedIn;
use crate::state::AdminState;
use crate::tokens::store::{self, ApiToken};
use crate::tokens::{self, Made, Wish};

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TokensView {
    tokens: Vec<ApiToken>,
}

#[utoipa::path(get, path = "/tokens", operation_id = "tokens_list", tag = "People", summary = "The API tokens, without themselves.", responses((status = 200, description = "All of them.", body = TokensView)))]
pub(crate) async fn list(State(state): State<AdminState>) -> Answer<Json<TokensView>> {
    Ok(Json(TokensView { tokens: store::list(&state.store).await? }))
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTokenBody {
    name: String,
    scopes: Vec<Scope>,
    #[serde(default)]
    addresses: Vec<AddressRange>,
    expires_at: Option<UnixMillis>,
}

#[utoipa::path(post, path = "/tokens", operation_id = "tokens_add", tag = "People", summary = "Makes an API token; shown this once.", request_body = NewTokenBody, responses((status = 201, description = "The token.", body = Made), (status = 409, description = "")))]
pub(crate) async fn add(
    State(state): State<AdminState>,
    Extension(who): Extension<SignedIn>,
    Body(body): Body<NewTokenBody>,
) -> Answer<(StatusCode, Json<Made>)> {
    let NewTokenBody { name, scopes, addresses, expires_at } = body;
    let wish = Wish { name, scopes, addresses, expires_at };
    Ok((StatusCode::CREATED, Json(tokens::make(&state, &who, &wish).await?)))
}

#[utoipa::path(delete, path = "/tokens/{id}", operation_id = "tokens_remove", tag = "People", summary = "Removes an API token.", params(("id" = i64, Path, description = "Which one, by its id")), responses((status = 204, description = "It is gone."), (status = 404, description = "")))]
pub(crate) async fn remove(State(state): State<AdminState>, Path(id): Path<i64>) -> Answer<StatusCode> {
    tokens::remove(&state, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
