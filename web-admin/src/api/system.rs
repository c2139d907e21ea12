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

#[derive(Debug, Serialize)]
pub(crate) struct StatusView {
    version: &'static str,
    public_url: String,
    tls_fingerprint: String,
    tls_self_made: bool,
    started_at: UnixMillis,
    #[serde(flatten)]
    status: Status,
}

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

#[derive(Debug, Serialize)]
pub(crate) struct DoctorView {
    level: Level,
    findings: Vec<Finding>,
}

pub(crate) async fn doctor(State(state): State<AdminState>) -> Answer<Json<DoctorView>> {
    let findings = advice::findings(&advice::facts(&state).await?);
    Ok(Json(DoctorView { level: advice::worst(&findings), findings }))
}

/// The numbers of this installation, for Prometheus.
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

#[derive(Debug, Serialize)]
pub(crate) struct SetupLinkView {
    url: Redacted<String>,
    expires_at: UnixMillis,
}

pub(crate) async fn setup_link(State(state): State<AdminState>) -> Answer<(StatusCode, Json<SetupLinkView>)> {
    let link = setup::setup_link(&state.store, &state.site.public_url).await.map_err(|error| match error {
        SetupError::Random(error) => Refusal::from(error),
        SetupError::Store(error) => Refusal::from(error),
    })?;
    let view = SetupLinkView { url: Redacted::new(link.url), expires_at: link.expires_at };
    Ok((StatusCode::CREATED, Json(view)))
}
