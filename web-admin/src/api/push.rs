//! `/push/credentials`; the shapes are those of the push side itself, which never gives a key away.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use push_module::{CheckOutcome, CredentialError, CredentialId, CredentialSummary, NewCredential, ProviderHealth};
use serde::Serialize;

use super::Answer;
use super::body::Body;
use crate::advice;
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

pub(crate) async fn add(
    State(state): State<AdminState>,
    Body(new): Body<NewCredential>,
) -> Answer<(StatusCode, Json<CredentialSummary>)> {
    Ok((StatusCode::CREATED, Json(state.push.add_credential(new).await?)))
}

pub(crate) async fn check(State(state): State<AdminState>, Path(id): Path<i64>) -> Answer<Json<CheckOutcome>> {
    Ok(Json(state.push.check_credential(CredentialId(id)).await?))
}

pub(crate) async fn remove(State(state): State<AdminState>, Path(id): Path<i64>) -> Answer<StatusCode> {
    state.push.remove_credential(CredentialId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
