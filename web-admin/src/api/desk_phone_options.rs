//! `/desk-phones/options`.

use axum::Json;
use axum::extract::State;
use provisioning::desk_phones::DeskPhoneOptions;
use serde::{Deserialize, Serialize};

use super::Answer;
use super::body::Body;
use crate::audit;
use crate::error::Refusal;
use crate::state::AdminState;

/// What is chosen for all desk phones; both are off unless somebody switched them on.
#[derive(Debug, Clone, Copy, Default, utoipa::ToSchema, Deserialize)]
#[serde(deny_unknown_fields)]
#[schema(as = NewDeskPhoneOptions)]
pub(crate) struct OptionsBody {
    /// Phones that look for their configuration on the local network (PnP) are answered while their pairing window is open.
    pub(crate) pnp: bool,
    /// Phones give a password of their own besides the secret in the path.
    pub(crate) http_password: bool,
}

#[derive(Debug, utoipa::ToSchema, Serialize)]
#[schema(as = DeskPhoneOptions)]
pub(crate) struct OptionsView {
    pnp: bool,
    /// Why nobody on the local network is heard although that is on.
    pnp_problem: Option<String>,
    http_password: bool,
    /// Phones that give no password yet; each does from its next fetch on.
    without_password: usize,
}

/// Chooses; shared with the page.
pub(crate) async fn choose(state: &AdminState, body: OptionsBody) -> Result<(), Refusal> {
    let OptionsBody { pnp, http_password } = body;
    state.desk_phones.set_options(DeskPhoneOptions { pnp, http_password }).await?;
    audit::note(format!("desk phones: PnP {}, HTTP password {}", word(pnp), word(http_password)));
    Ok(())
}

const fn word(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

fn view(state: &AdminState) -> OptionsView {
    let DeskPhoneOptions { pnp, http_password } = state.desk_phones.options();
    OptionsView {
        pnp,
        pnp_problem: state.desk_phones.pnp().problem,
        http_password,
        without_password: state.desk_phones.without_password(),
    }
}

#[utoipa::path(get, path = "/desk-phones/options", operation_id = "desk_phone_options_get", tag = "Desk phones", summary = "What is chosen for all desk phones.", responses((status = 200, description = "As it is.", body = OptionsView)))]
pub(crate) async fn get(State(state): State<AdminState>) -> Json<OptionsView> {
    Json(view(&state))
}

#[utoipa::path(put, path = "/desk-phones/options", operation_id = "desk_phone_options_put", tag = "Desk phones", summary = "Chooses for all desk phones; in force at once.", request_body = OptionsBody, responses((status = 200, description = "As it is.", body = OptionsView)))]
pub(crate) async fn put(State(state): State<AdminState>, Body(body): Body<OptionsBody>) -> Answer<Json<OptionsView>> {
    choose(&state, body).await?;
    Ok(Json(view(&state)))
}
