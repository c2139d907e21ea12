//! `/desk-phones/templates`, and what a phone is told.

use axum::Json;
use axum::extract::{Path, State};
use pbx_core::model::UnixMillis;
use provisioning::desk_phone::{ConfigFile, Family};
use provisioning::desk_phones::{DeskPhonesError, TemplateView as Known};
use serde::{Deserialize, Serialize};

use super::Answer;
use super::body::{Body, Params};
use super::desk_phones::mac;
use crate::audit;
use crate::error::Refusal;
use crate::state::AdminState;

/// A template as typed.
#[derive(Debug, Clone, Default, utoipa::ToSchema, Deserialize)]
#[serde(deny_unknown_fields)]
#[schema(as = NewDeskPhoneTemplate)]
pub(crate) struct TemplateBody {
    /// `yealink`, `snom`, `grandstream`, `fanvil_text`, `fanvil_xml` or `polycom`.
    pub(crate) family: String,
    /// How the models begin that it is for; empty for all.
    #[serde(default)]
    pub(crate) model: String,
    /// `key = value`, one a line; lines that begin with `#` are remarks.
    pub(crate) settings: String,
}

/// The format with this word.
pub(crate) fn family(text: &str) -> Result<Family, Refusal> {
    let wrong = || DeskPhonesError::Family(text.chars().take(40).collect());
    Ok(Family::from_name(text.trim()).ok_or_else(wrong)?)
}

/// A template, and how many phones it is for.
#[derive(Debug, utoipa::ToSchema, Serialize)]
#[schema(as = DeskPhoneTemplate)]
pub(crate) struct TemplateView {
    family: &'static str,
    model: String,
    settings: String,
    count: usize,
    phones: usize,
    changed_at: UnixMillis,
}

impl From<Known> for TemplateView {
    fn from(known: Known) -> Self {
        let Known { family, model, settings, count, phones, changed_at } = known;
        Self { family: family.as_str(), model, settings, count, phones, changed_at }
    }
}

#[derive(Debug, utoipa::ToSchema, Serialize)]
#[schema(as = DeskPhoneTemplateList)]
pub(crate) struct ListView {
    templates: Vec<TemplateView>,
}

#[utoipa::path(get, path = "/desk-phones/templates", operation_id = "desk_phone_templates_list", tag = "Desk phones", summary = "Settings that are put over ours, by format and model.", responses((status = 200, description = "All of them.", body = ListView)))]
pub(crate) async fn list(State(state): State<AdminState>) -> Json<ListView> {
    Json(ListView { templates: state.desk_phones.templates().into_iter().map(TemplateView::from).collect() })
}

/// How many phones are told something else.
#[derive(Debug, utoipa::ToSchema, Serialize)]
#[schema(as = DeskPhoneTemplateSaved)]
pub(crate) struct SavedView {
    phones: usize,
}

/// Saves a template; shared with the page.
pub(crate) async fn save(state: &AdminState, body: &TemplateBody) -> Result<usize, Refusal> {
    let family = family(&body.family)?;
    let phones = state.desk_phones.set_template(family, &body.model, &body.settings).await?;
    audit::note(format!("template of {} {}: {phones} phones", family.as_str(), body.model.trim()));
    Ok(phones)
}

/// Takes a template away; shared with the page.
pub(crate) async fn take_away(state: &AdminState, which: &Which) -> Result<usize, Refusal> {
    let family = family(&which.family)?;
    let phones = state.desk_phones.reset_template(family, &which.model).await?;
    audit::note(format!("template of {} {} taken away: {phones} phones", family.as_str(), which.model.trim()));
    Ok(phones)
}

#[utoipa::path(put, path = "/desk-phones/templates", operation_id = "desk_phone_templates_put", tag = "Desk phones", summary = "Saves a template; the phones it is for are asked to fetch their settings again.", request_body = TemplateBody, responses((status = 200, description = "It is in force.", body = SavedView), (status = 409, description = ""), (status = 422, description = "Every wrong line with its reason.")))]
pub(crate) async fn put(State(state): State<AdminState>, Body(body): Body<TemplateBody>) -> Answer<Json<SavedView>> {
    Ok(Json(SavedView { phones: save(&state, &body).await? }))
}

/// Which template.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// The format.
    pub(crate) family: String,
    /// How the models begin; empty for all.
    #[serde(default)]
    pub(crate) model: String,
}

#[utoipa::path(delete, path = "/desk-phones/templates", operation_id = "desk_phone_templates_remove", tag = "Desk phones", summary = "Takes a template away: the phones have Nightbell's own settings again.", params(Which), responses((status = 200, description = "It is gone.", body = SavedView), (status = 404, description = "")))]
pub(crate) async fn remove(State(state): State<AdminState>, Params(which): Params<Which>) -> Answer<Json<SavedView>> {
    Ok(Json(SavedView { phones: take_away(&state, &which).await? }))
}

/// A template that is tried and not saved.
#[derive(Debug, utoipa::ToSchema, Deserialize)]
#[serde(deny_unknown_fields)]
#[schema(as = TryDeskPhoneTemplate)]
pub(crate) struct TryBody {
    family: String,
    #[serde(default)]
    model: String,
    settings: String,
    /// A phone whose file with this template is shown.
    #[serde(default)]
    mac: Option<String>,
}

/// A file of a phone, with `(secret)` where a secret stands.
#[derive(Debug, utoipa::ToSchema, Serialize)]
#[schema(as = DeskPhonePreview)]
pub(crate) struct PreviewView {
    name: String,
    text: String,
}

impl From<ConfigFile> for PreviewView {
    fn from(file: ConfigFile) -> Self {
        Self { name: file.name, text: file.text.into_inner() }
    }
}

#[derive(Debug, utoipa::ToSchema, Serialize)]
#[schema(as = DeskPhoneTemplateTried)]
pub(crate) struct TriedView {
    preview: Option<PreviewView>,
}

#[utoipa::path(post, path = "/desk-phones/templates/check", operation_id = "desk_phone_templates_check", tag = "Desk phones", summary = "Looks through a template and shows what a phone would be told; saves nothing.", request_body = TryBody, responses((status = 200, description = "It could be saved.", body = TriedView), (status = 404, description = ""), (status = 409, description = ""), (status = 422, description = "Every wrong line with its reason.")))]
pub(crate) async fn check(State(state): State<AdminState>, Body(body): Body<TryBody>) -> Answer<Json<TriedView>> {
    let family = family(&body.family)?;
    state.desk_phones.try_template(family, &body.model, &body.settings)?;
    let preview = match &body.mac {
        Some(text) => {
            let template = (family, body.model.as_str(), body.settings.as_str());
            Some(state.desk_phones.preview_with(mac(text)?, template).await?.into())
        }
        None => None,
    };
    Ok(Json(TriedView { preview }))
}

#[utoipa::path(get, path = "/desk-phones/{mac}/preview", operation_id = "desk_phones_preview", tag = "Desk phones", summary = "What the phone is told, without its secrets.", params(("mac" = String, Path, description = "Its MAC address in any spelling")), responses((status = 200, description = "The file.", body = PreviewView), (status = 404, description = ""), (status = 409, description = "")))]
pub(crate) async fn preview(State(state): State<AdminState>, Path(text): Path<String>) -> Answer<Json<PreviewView>> {
    Ok(Json(state.desk_phones.preview(mac(&text)?).await?.into()))
}
