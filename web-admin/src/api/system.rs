//! `/status`, `/doctor` and, at the Unix socket, `/setup-link`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use pbx_core::model::{Redacted, UnixMillis};
use pbx_core::switchboard::command::{Command, Reply, Status};
use serde::Serialize;

use super::Answer;
use crate::adding::unexpected;
use crate::advice::{self, Finding, Level};
use crate::error::Refusal;
use crate::metrics;
use crate::setup::{self, SetupError};
use crate::state::AdminState;

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
        saving: state.store.saving().clone(),
    };
    let text = metrics::page(snapshot).map_err(|failure| Refusal::internal(&failure))?;
    Ok(([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text))
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
