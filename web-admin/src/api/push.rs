//! `/push/credentials`; the shapes are those of the push side itself, which never gives a key away.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use pbx_core::model::DeviceId;
use push_module::{
    CheckOutcome, CredentialError, CredentialId, CredentialSummary, FIREWALL, FirewallRule, NetworkCheck,
    NewCredential, ProviderHealth,
};
use serde::{Deserialize, Serialize};

use super::Answer;
use super::body::{Body, Params};
use crate::advice::{self, Finding};
use crate::diagnosis::{self, Symptom};
use crate::error::Refusal;
use crate::reach::{self, Row};
use crate::state::AdminState;

impl From<CredentialError> for Refusal {
    fn from(error: CredentialError) -> Self {
        let (code, field, text) = (error.code(), error.field(), error.to_string());
        if let CredentialError::Store(store) = error {
            return Self::from(store);
        }
        let status = if matches!(error, CredentialError::NotFound(_)) {
            StatusCode::NOT_FOUND
        } else if matches!(error, CredentialError::Duplicate { .. } | CredentialError::TooMany { .. }) {
            StatusCode::CONFLICT
        } else if matches!(error, CredentialError::Unreadable { .. }) {
            StatusCode::INTERNAL_SERVER_ERROR
        } else if matches!(error, CredentialError::Stopping) {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::UNPROCESSABLE_ENTITY
        };
        let code = if status == StatusCode::NOT_FOUND { "no_such_credential" } else { code };
        let refusal = Self::new(status, code, text);
        match field {
            Some(field) => refusal.field(field),
            None => refusal,
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct ListView {
    credentials: Vec<CredentialSummary>,
    health: Vec<ProviderHealth>,
}

pub(crate) async fn list(State(state): State<AdminState>) -> Answer<Json<ListView>> {
    let credentials = state.push.list_credentials().await?;
    Ok(Json(ListView { credentials, health: state.push.health() }))
}

#[derive(Debug, Serialize)]
pub(crate) struct MatrixView {
    apps: Vec<Row>,
}

pub(crate) async fn matrix(State(state): State<AdminState>) -> Answer<Json<MatrixView>> {
    let facts = advice::facts(&state).await?;
    Ok(Json(MatrixView { apps: reach::matrix(&facts.devices, &facts.credentials, &facts.health) }))
}

#[derive(Debug, Serialize)]
pub(crate) struct NetworkView {
    /// `null` before the first.
    check: Option<NetworkCheck>,
    ok: Option<bool>,
    firewall: &'static [FirewallRule],
}

fn network_view(state: &AdminState) -> NetworkView {
    let check = state.push.network_check();
    NetworkView { ok: check.as_ref().and_then(NetworkCheck::ok), check, firewall: FIREWALL }
}

pub(crate) async fn network_check(State(state): State<AdminState>) -> Json<NetworkView> {
    Json(network_view(&state))
}

pub(crate) async fn start_network_check(State(state): State<AdminState>) -> (StatusCode, Json<NetworkView>) {
    state.push.start_network_check();
    (StatusCode::ACCEPTED, Json(network_view(&state)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiagnosisParams {
    symptom: Symptom,
    device: Option<i64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct DiagnosisView {
    symptom: Symptom,
    findings: Vec<Finding>,
    to_check: &'static [&'static str],
}

pub(crate) async fn diagnosis(
    State(state): State<AdminState>,
    Params(params): Params<DiagnosisParams>,
) -> Answer<Json<DiagnosisView>> {
    let facts = advice::facts(&state).await?;
    let network = state.push.network_check();
    let device = params.device.map(DeviceId);
    let findings = diagnosis::findings(params.symptom, &facts, network.as_ref(), device);
    Ok(Json(DiagnosisView { symptom: params.symptom, findings, to_check: diagnosis::to_check(params.symptom) }))
}

pub(crate) async fn add(
    State(state): State<AdminState>,
    Body(new): Body<NewCredential>,
) -> Answer<(StatusCode, Json<CredentialSummary>)> {
    let credential = state.push.add_credential(new).await?;
    crate::audit::note(format!("push credential {}", credential.id.0));
    Ok((StatusCode::CREATED, Json(credential)))
}

pub(crate) async fn check(State(state): State<AdminState>, Path(id): Path<i64>) -> Answer<Json<CheckOutcome>> {
    Ok(Json(state.push.check_credential(CredentialId(id)).await?))
}

pub(crate) async fn remove(State(state): State<AdminState>, Path(id): Path<i64>) -> Answer<StatusCode> {
    state.push.remove_credential(CredentialId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
