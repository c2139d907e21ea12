//! `/certificate`: the certificate in force, and the authority that gives one by itself.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use pbx_core::model::UnixMillis;
use serde::Serialize;

use super::Answer;
use super::body::Body;
use crate::acme::setting::NewSetting;
use crate::acme::{AcmeError, View};
use crate::error::Refusal;
use crate::state::AdminState;

impl From<AcmeError> for Refusal {
    fn from(error: AcmeError) -> Self {
        let text = error.to_string();
        match error {
            AcmeError::Store(store) => Self::from(store),
            AcmeError::NotChosen => Self::new(StatusCode::CONFLICT, "acme_not_chosen", text),
            AcmeError::Malformed(wrong) => {
                let refusal = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "acme_malformed", text);
                if wrong.field.is_empty() { refusal } else { refusal.field(wrong.field) }
            }
        }
    }
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = CertificateView)]
pub(crate) struct CertificateView {
    /// SHA-256 of the certificate in force.
    fingerprint: String,
    /// Nightbell made it itself: phones and browsers do not trust it.
    self_made: bool,
    /// When it ends.
    not_after: UnixMillis,
    /// The names and addresses it is for.
    names: Vec<String>,
    /// The authority that gives one by itself; null while none is chosen.
    acme: Option<View>,
}

async fn view(state: &AdminState) -> Answer<Json<CertificateView>> {
    let info = state.site.certificate.info();
    Ok(Json(CertificateView {
        fingerprint: info.fingerprint,
        self_made: info.self_made,
        not_after: info.not_after,
        names: info.names,
        acme: state.acme.view().await?,
    }))
}

#[utoipa::path(get, path = "/certificate", operation_id = "certificate", tag = "System", summary = "The certificate in force for HTTPS and SIP over TLS, and how it is got.", responses((status = 200, description = "`acme` is null while no authority is chosen.", body = CertificateView)))]
pub(crate) async fn get(State(state): State<AdminState>) -> Answer<Json<CertificateView>> {
    view(&state).await
}

#[utoipa::path(put, path = "/certificate/acme", operation_id = "acme_put", tag = "System", summary = "Chooses an authority (ACME) that gives the certificate by itself; the order begins at once.", request_body = NewSetting, responses((status = 200, description = "As it is; `acme.phase` and `acme.problem` say how the order goes on.", body = CertificateView), (status = 422, description = "")))]
pub(crate) async fn put(State(state): State<AdminState>, Body(new): Body<NewSetting>) -> Answer<Json<CertificateView>> {
    state.acme.choose(new).await?;
    let shown = view(&state).await?;
    if let Some(acme) = &shown.acme {
        crate::audit::note(format!("certificates of {}", acme.setting.directory));
    }
    Ok(shown)
}

#[utoipa::path(delete, path = "/certificate/acme", operation_id = "acme_remove", tag = "System", summary = "Forgets the authority, our account there and its certificate; the one in the folder `tls` is in force again.", responses((status = 204, description = "It is gone.")))]
pub(crate) async fn remove(State(state): State<AdminState>) -> Answer<StatusCode> {
    state.acme.forget().await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(post, path = "/certificate/acme/order", operation_id = "acme_order", tag = "System", summary = "Orders a certificate now, as far as the authority's limits allow.", responses((status = 202, description = "It begins; `next_at` says when, if a limit is in the way.", body = CertificateView), (status = 409, description = "")))]
pub(crate) async fn order(State(state): State<AdminState>) -> Answer<(StatusCode, Json<CertificateView>)> {
    state.acme.order_now().await?;
    Ok((StatusCode::ACCEPTED, view(&state).await?))
}
