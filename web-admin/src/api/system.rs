//! `/status`, `/doctor`, `/tokens` and, at the Unix socket, `/setup-link`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderName, StatusCode, header};
use pbx_core::model::{Redacted, UnixMillis};
use pbx_core::switchboard::command::{Command, Reply, Status};
use serde::{Deserialize, Serialize};

use super::Answer;
use super::body::Body;
use crate::accounts::{self, ApiToken, MAX_API_TOKENS};
use crate::adding::unexpected;
use crate::advice::{self, Finding, Level};
use crate::clock;
use crate::error::{Problem, Refusal};
use crate::metrics;
use crate::session::API_TOKEN_PREFIX;
use crate::setup::{self, SetupError};
use crate::state::AdminState;
use crate::token;

/// Names longer than this are not names.
const MAX_TOKEN_NAME: usize = 64;

#[derive(Debug, utoipa::ToSchema, Serialize)]
pub(crate) struct StatusView {
    version: &'static str,
    public_url: String,
    tls_fingerprint: String,
    tls_self_made: bool,
    started_at: UnixMillis,
    #[serde(flatten)]
    status: Status,
}

#[utoipa::path(get, path = "/status", operation_id = "status", tag = "System", summary = "What this installation is and how much is on.", responses((status = 200, description = "The state.", body = StatusView)))]
pub(crate) async fn status(State(state): State<AdminState>) -> Answer<Json<StatusView>> {
    let Reply::Status(status) = state.switchboard.ask(Command::Status).await? else { return Err(unexpected().into()) };
    let certificate = state.site.certificate.info();
    Ok(Json(StatusView {
        version: state.site.version,
        public_url: state.site.public_url.clone(),
        tls_fingerprint: certificate.fingerprint,
        tls_self_made: certificate.self_made,
        started_at: state.site.started_at,
        status,
    }))
}

#[derive(Debug, utoipa::ToSchema, Serialize)]
pub(crate) struct DoctorView {
    level: Level,
    findings: Vec<Finding>,
}

#[utoipa::path(get, path = "/doctor", operation_id = "doctor", tag = "System", summary = "What needs attention: cause, fix and where.", responses((status = 200, description = "The findings.", body = DoctorView)))]
pub(crate) async fn doctor(State(state): State<AdminState>) -> Answer<Json<DoctorView>> {
    let findings = advice::findings(&advice::facts(&state).await?);
    Ok(Json(DoctorView { level: advice::worst(&findings), findings }))
}

/// The numbers of this installation, for Prometheus.
#[utoipa::path(get, path = "/metrics", operation_id = "metrics", tag = "System", summary = "The numbers for Prometheus, as OpenMetrics text.", responses((status = 200, description = "The numbers.", body = String, content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8")))]
pub(crate) async fn metrics(State(state): State<AdminState>) -> Answer<([(HeaderName, &'static str); 1], String)> {
    let Reply::Status(status) = state.switchboard.ask(Command::Status).await? else { return Err(unexpected().into()) };
    let snapshot = metrics::Snapshot {
        version: state.site.version,
        started_seconds: state.site.started_at.seconds(),
        status,
        health: state.push.health(),
        attempts: state.push.attempts(),
        counters: Arc::clone(&state.site.counters),
    };
    let text = metrics::page(snapshot).map_err(|failure| Refusal::internal(&failure))?;
    Ok(([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text))
}

#[derive(Debug, utoipa::ToSchema, Serialize)]
pub(crate) struct TokensView {
    tokens: Vec<ApiToken>,
}

#[utoipa::path(get, path = "/tokens", operation_id = "tokens", tag = "System", summary = "The API tokens, without themselves.", responses((status = 200, description = "All of them.", body = TokensView)))]
pub(crate) async fn tokens(State(state): State<AdminState>) -> Answer<Json<TokensView>> {
    Ok(Json(TokensView { tokens: accounts::api_tokens(&state.store).await? }))
}

#[derive(Debug, utoipa::ToSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTokenBody {
    name: String,
}

/// A token that is shown this once.
#[derive(Debug, utoipa::ToSchema, Serialize)]
pub(crate) struct NewTokenView {
    id: i64,
    name: String,
    #[schema(value_type = String)]
    pub(crate) token: Redacted<String>,
}

/// Makes an API token.
pub(crate) async fn make_token(state: &AdminState, name: &str) -> Result<NewTokenView, Refusal> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > MAX_TOKEN_NAME || name.chars().any(char::is_control) {
        let detail = format!("name the token after what uses it, in 1 to {MAX_TOKEN_NAME} characters");
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "malformed", detail).field("name"));
    }
    let minted = token::mint(API_TOKEN_PREFIX)?;
    let row = accounts::put_api_token(&state.store, name, &minted.hash, clock::now()).await?;
    let full = || {
        let detail = format!("there are {MAX_API_TOKENS} API tokens already; delete one that is no longer used");
        Refusal::new(StatusCode::CONFLICT, "full", detail)
    };
    let id = row.ok_or_else(full)?;
    Ok(NewTokenView { id, name: name.to_owned(), token: Redacted::new(minted.text) })
}

#[utoipa::path(post, path = "/tokens", operation_id = "add_token", tag = "System", summary = "Makes an API token; shown this once.", request_body = NewTokenBody, responses((status = 201, description = "The token.", body = NewTokenView), (status = 409, description = "")))]
pub(crate) async fn add_token(
    State(state): State<AdminState>,
    Body(body): Body<NewTokenBody>,
) -> Answer<(StatusCode, Json<NewTokenView>)> {
    Ok((StatusCode::CREATED, Json(make_token(&state, &body.name).await?)))
}

#[utoipa::path(delete, path = "/tokens/{id}", operation_id = "remove_token", tag = "System", summary = "Removes an API token.", params(("id" = i64, Path, description = "Which one, by its id")), responses((status = 204, description = "It is gone."), (status = 404, description = "")))]
pub(crate) async fn remove_token(State(state): State<AdminState>, Path(id): Path<i64>) -> Answer<StatusCode> {
    if accounts::drop_api_token(&state.store, id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem(Refusal::not_found("no_such_token", format!("there is no API token {id}"))))
    }
}

#[derive(Debug, utoipa::ToSchema, Serialize)]
pub(crate) struct SetupLinkView {
    #[schema(value_type = String)]
    url: Redacted<String>,
    expires_at: UnixMillis,
}

#[utoipa::path(post, path = "/setup-link", operation_id = "setup_link", tag = "System", summary = "Makes a setup link; at the Unix socket only.", responses((status = 201, description = "The link.", body = SetupLinkView)))]
pub(crate) async fn setup_link(State(state): State<AdminState>) -> Answer<(StatusCode, Json<SetupLinkView>)> {
    let link = setup::setup_link(&state.store, &state.site.public_url).await.map_err(|error| match error {
        SetupError::Random(error) => Refusal::from(error),
        SetupError::Store(error) => Refusal::from(error),
    })?;
    let view = SetupLinkView { url: Redacted::new(link.url), expires_at: link.expires_at };
    Ok((StatusCode::CREATED, Json(view)))
}
