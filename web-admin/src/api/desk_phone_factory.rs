//! `/desk-phones/factory` and `/desk-phones/turned-away`: phones that prove themselves by their factory certificates, and phones
//! that were told nothing.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use pbx_core::model::UnixMillis;
use provisioning::desk_phone::{DeskPhoneError, Vendor};
use provisioning::desk_phones::{AuthorityView as Known, DeskPhonesError, FactorySettings, FactoryView, TurnedAway};
use serde::{Deserialize, Serialize};

use super::Answer;
use super::body::Body;
use crate::audit;
use crate::error::Refusal;
use crate::factory_door;
use crate::state::AdminState;

/// What is chosen about factory certificates.
#[derive(Debug, Clone, Copy, Default, utoipa::ToSchema, Deserialize)]
#[serde(deny_unknown_fields)]
#[schema(as = NewDeskPhoneFactory)]
pub(crate) struct FactoryBody {
    /// The TCP port at which phones are asked for their certificates; `null` closes it.
    #[schema(minimum = 1)]
    pub(crate) port: Option<u16>,
    /// Certificates that have ended count as well.
    #[serde(default)]
    pub(crate) accept_ended: bool,
}

/// Factory certificates as they stand.
#[derive(Debug, utoipa::ToSchema, Serialize)]
#[schema(as = DeskPhoneFactory)]
pub(crate) struct View {
    port: Option<u16>,
    /// Where phones may come; it is no secret.
    url: Option<String>,
    /// Why nobody is heard at the port.
    problem: Option<String>,
    accept_ended: bool,
    authorities: Vec<AuthorityView>,
}

/// Whose word counts for the phones of a vendor.
#[derive(Debug, utoipa::ToSchema, Serialize)]
#[schema(as = DeskPhoneAuthority)]
pub(crate) struct AuthorityView {
    vendor: &'static str,
    subject: String,
    /// SHA-256 of the certificate.
    fingerprint: String,
    ends_at: UnixMillis,
}

impl From<Known> for AuthorityView {
    fn from(known: Known) -> Self {
        let Known { vendor, subject, fingerprint, ends_at } = known;
        Self { vendor: vendor.as_str(), subject, fingerprint, ends_at }
    }
}

fn view(state: &AdminState) -> View {
    let FactoryView { settings, url, problem, authorities } = state.desk_phones.factory();
    View {
        port: settings.port,
        url,
        problem,
        accept_ended: settings.ended_too,
        authorities: authorities.into_iter().map(AuthorityView::from).collect(),
    }
}

/// Chooses; shared with the page. A port that cannot be opened changes nothing.
pub(crate) async fn choose(state: &AdminState, body: FactoryBody) -> Result<(), Refusal> {
    let there = state.desk_phones.factory();
    if let Some(port) = body.port
        && (there.settings.port != Some(port) || there.problem.is_some())
    {
        factory_door::check(state.site.listen.ip(), port)?;
    }
    state.desk_phones.set_factory(FactorySettings { port: body.port, ended_too: body.accept_ended }).await?;
    let port = body.port.map_or_else(|| "closed".to_owned(), |port| port.to_string());
    audit::note(format!("factory certificates of desk phones: port {port}, ended ones count: {}", body.accept_ended));
    Ok(())
}

#[utoipa::path(get, path = "/desk-phones/factory", operation_id = "desk_phone_factory_get", tag = "Desk phones", summary = "Phones that prove themselves by the certificate they were made with: port and authorities.", responses((status = 200, description = "As it is.", body = View)))]
pub(crate) async fn get(State(state): State<AdminState>) -> Json<View> {
    Json(view(&state))
}

#[utoipa::path(put, path = "/desk-phones/factory", operation_id = "desk_phone_factory_put", tag = "Desk phones", summary = "Chooses the port at which phones are asked for their certificates; in force at once.", request_body = FactoryBody, responses((status = 200, description = "As it is.", body = View), (status = 422, description = "Nothing can listen at the port; nothing was changed.")))]
pub(crate) async fn put(State(state): State<AdminState>, Body(body): Body<FactoryBody>) -> Answer<Json<View>> {
    choose(&state, body).await?;
    Ok(Json(view(&state)))
}

/// A vendor's authorities.
#[derive(Debug, Default, utoipa::ToSchema, Deserialize)]
#[serde(deny_unknown_fields)]
#[schema(as = NewDeskPhoneAuthorities)]
pub(crate) struct AuthoritiesBody {
    /// `yealink`, `snom`, `grandstream`, `fanvil` or `polycom`.
    pub(crate) vendor: String,
    /// One or more certificates of authorities, in PEM; or one as Base64 of its DER.
    pub(crate) certificates: String,
}

/// Puts authorities in force; shared with the page.
pub(crate) async fn trust(state: &AdminState, body: &AuthoritiesBody) -> Result<(), Refusal> {
    let vendor: Vendor =
        body.vendor.parse().map_err(|wrong: DeskPhoneError| Refusal::from(DeskPhonesError::from(wrong)))?;
    state.desk_phones.add_authorities(vendor, &body.certificates).await?;
    audit::note(format!("authorities for factory certificates of {}", vendor.title()));
    Ok(())
}

#[utoipa::path(post, path = "/desk-phones/factory/authorities", operation_id = "desk_phone_authorities_add", tag = "Desk phones", summary = "Puts a vendor's authorities in force; those that are there stay.", request_body = AuthoritiesBody, responses((status = 201, description = "All as they are.", body = View), (status = 409, description = ""), (status = 422, description = "")))]
pub(crate) async fn add_authorities(
    State(state): State<AdminState>,
    Body(body): Body<AuthoritiesBody>,
) -> Answer<(StatusCode, Json<View>)> {
    trust(&state, &body).await?;
    Ok((StatusCode::CREATED, Json(view(&state))))
}

/// Takes an authority out of force; shared with the page.
pub(crate) async fn distrust(state: &AdminState, fingerprint: &str) -> Result<(), Refusal> {
    let gone = state.desk_phones.remove_authority(fingerprint).await?;
    audit::note(format!("authority for factory certificates of {}: {}", gone.vendor.title(), gone.subject));
    Ok(())
}

#[utoipa::path(delete, path = "/desk-phones/factory/authorities/{fingerprint}", operation_id = "desk_phone_authorities_remove", tag = "Desk phones", summary = "Takes an authority out of force; phones with addresses of their own go on.", params(("fingerprint" = String, Path, description = "SHA-256 of its certificate")), responses((status = 204, description = "It is gone."), (status = 404, description = "")))]
pub(crate) async fn remove_authority(
    State(state): State<AdminState>,
    Path(fingerprint): Path<String>,
) -> Answer<StatusCode> {
    distrust(&state, &fingerprint).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A phone that asked and was told nothing.
#[derive(Debug, utoipa::ToSchema, Serialize)]
#[schema(as = DeskPhoneTurnedAway)]
pub(crate) struct TurnedAwayView {
    mac: String,
    /// Whose phones have such a MAC.
    vendor: Option<&'static str>,
    /// The model it calls itself.
    model: Option<String>,
    /// It is one of the desk phones here.
    added: bool,
    at: UnixMillis,
    /// How often it came, from this network, with this MAC.
    count: u32,
    from: String,
    file: String,
    /// Why it was told nothing; it itself hears the same for each reason.
    why: String,
}

impl From<TurnedAway> for TurnedAwayView {
    fn from(one: TurnedAway) -> Self {
        Self {
            vendor: one.mac.vendor().map(Vendor::as_str),
            mac: one.mac.to_string(),
            model: one.model,
            added: one.added,
            at: one.at,
            count: one.count,
            from: one.from.to_string(),
            file: one.file,
            why: one.why.to_string(),
        }
    }
}

#[derive(Debug, utoipa::ToSchema, Serialize)]
#[schema(as = DeskPhoneTurnedAwayList)]
pub(crate) struct TurnedAwayList {
    turned_away: Vec<TurnedAwayView>,
}

#[utoipa::path(get, path = "/desk-phones/turned-away", operation_id = "desk_phones_turned_away", tag = "Desk phones", summary = "Phones that asked for a configuration within a day and were told nothing, the newest first; at most 64.", responses((status = 200, description = "All of them.", body = TurnedAwayList)))]
pub(crate) async fn turned_away(State(state): State<AdminState>) -> Json<TurnedAwayList> {
    Json(TurnedAwayList {
        turned_away: state.desk_phones.turned_away().into_iter().map(TurnedAwayView::from).collect(),
    })
}
