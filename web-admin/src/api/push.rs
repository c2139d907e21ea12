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
use crate::settings_again::Marked;
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

#[derive(Debug, utoipa::ToSchema, Serialize)]
#[schema(as = CredentialList)]
pub(crate) struct ListView {
    credentials: Vec<CredentialSummary>,
    health: Vec<ProviderHealth>,
}

#[utoipa::path(get, path = "/push/credentials", operation_id = "push_list", tag = "Push", summary = "The push credentials and how they are doing.", responses((status = 200, description = "All of them.", body = ListView)))]
pub(crate) async fn list(State(state): State<AdminState>) -> Answer<Json<ListView>> {
    let credentials = state.push.list_credentials().await?;
    Ok(Json(ListView { credentials, health: state.push.health() }))
}

#[derive(Debug, utoipa::ToSchema, Serialize)]
pub(crate) struct MatrixView {
    apps: Vec<Row>,
    /// Phones that are to fetch their settings again, also those that have sent no token yet.
    needs_settings: Vec<Marked>,
}

#[utoipa::path(get, path = "/push/matrix", operation_id = "push_matrix", tag = "Push", summary = "Which apps can be pushed, and if not, why.", responses((status = 200, description = "What does not work first.", body = MatrixView)))]
pub(crate) async fn matrix(State(state): State<AdminState>) -> Answer<Json<MatrixView>> {
    let facts = advice::facts(&state).await?;
    let apps = reach::matrix(&facts.devices, &facts.credentials, &facts.health);
    let apps = reach::with_marks(apps, &facts.devices, &facts.credentials, &facts.marks);
    Ok(Json(MatrixView { apps, needs_settings: facts.marks.all(&facts.devices, &facts.credentials) }))
}

#[derive(Debug, utoipa::ToSchema, Serialize)]
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

#[utoipa::path(get, path = "/push/network-check", operation_id = "push_network_check", tag = "Push", summary = "The last check of the way to the push providers.", responses((status = 200, description = "`ok` is null while it runs.", body = NetworkView)))]
pub(crate) async fn network_check(State(state): State<AdminState>) -> Json<NetworkView> {
    Json(network_view(&state))
}

#[utoipa::path(post, path = "/push/network-check", operation_id = "push_start_network_check", tag = "Push", summary = "Begins a check unless one is under way.", responses((status = 202, description = "It runs.", body = NetworkView)))]
pub(crate) async fn start_network_check(State(state): State<AdminState>) -> (StatusCode, Json<NetworkView>) {
    state.push.start_network_check();
    (StatusCode::ACCEPTED, Json(network_view(&state)))
}

#[derive(Debug, utoipa::IntoParams, Deserialize)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DiagnosisParams {
    symptom: Symptom,
    device: Option<i64>,
}

#[derive(Debug, utoipa::ToSchema, Serialize)]
pub(crate) struct DiagnosisView {
    symptom: Symptom,
    findings: Vec<Finding>,
    to_check: Vec<&'static str>,
}

#[utoipa::path(get, path = "/push/diagnosis", operation_id = "push_diagnosis", tag = "Push", summary = "Why sleeping phones do not ring, by what is seen.", params(DiagnosisParams), responses((status = 200, description = "The findings.", body = DiagnosisView)))]
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

#[utoipa::path(post, path = "/push/credentials", operation_id = "push_add", tag = "Push", summary = "Adds a push credential.", request_body = NewCredential, responses((status = 201, description = "It is used from this moment.", body = CredentialSummary), (status = 409, description = ""), (status = 422, description = "")))]
pub(crate) async fn add(
    State(state): State<AdminState>,
    Body(new): Body<NewCredential>,
) -> Answer<(StatusCode, Json<CredentialSummary>)> {
    let credential = state.push.add_credential(new).await?;
    crate::audit::note(format!("push credential {}", credential.id.0));
    Ok((StatusCode::CREATED, Json(credential)))
}

#[utoipa::path(post, path = "/push/credentials/{id}/check", operation_id = "push_check", tag = "Push", summary = "Asks the provider whether it takes the credential.", params(("id" = i64, Path, description = "Which one, by its id")), responses((status = 200, description = "What it said.", body = CheckOutcome), (status = 404, description = ""), (status = 409, description = ""), (status = 422, description = "")))]
pub(crate) async fn check(State(state): State<AdminState>, Path(id): Path<i64>) -> Answer<Json<CheckOutcome>> {
    Ok(Json(state.push.check_credential(CredentialId(id)).await?))
}

#[utoipa::path(delete, path = "/push/credentials/{id}", operation_id = "push_remove", tag = "Push", summary = "Removes a push credential.", params(("id" = i64, Path, description = "Which one, by its id")), responses((status = 204, description = "It is gone."), (status = 404, description = "")))]
pub(crate) async fn remove(State(state): State<AdminState>, Path(id): Path<i64>) -> Answer<StatusCode> {
    state.push.remove_credential(CredentialId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
