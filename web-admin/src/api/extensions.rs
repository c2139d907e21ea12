//! `/extensions`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use pbx_core::model::{DisplayName, EmailAddress, ExtensionNumber, Redacted};
use pbx_core::switchboard::command::{Command, ExtensionChange, ExtensionLine, Reply};
use serde::{Deserialize, Serialize};

use super::Answer;
use super::body::{Body, OptionalBody, Params, limit, number};
use super::view::DetailView;
use crate::adding::{self, Shown, Wanted, unexpected};
use crate::error::Refusal;
use crate::import::harmless;
use crate::settings_again::Marks;
use crate::state::AdminState;

/// Lines on a page unless the caller wishes another number.
const USUAL_LIMIT: usize = 100;

#[derive(Debug, utoipa::IntoParams, Deserialize)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    #[serde(default)]
    search: String,
    after: Option<ExtensionNumber>,
    limit: Option<usize>,
}

#[derive(Debug, utoipa::ToSchema, Serialize)]
#[schema(as = ExtensionList)]
pub(crate) struct ListView {
    extensions: Vec<ExtensionLine>,
    total: usize,
    next: Option<ExtensionNumber>,
}

#[utoipa::path(get, path = "/extensions", operation_id = "extensions_list", tag = "Extensions", summary = "The extensions, a page at a time, in the order of their numbers.", params(ListParams), responses((status = 200, description = "A page.", body = ListView)))]
pub(crate) async fn list(
    State(state): State<AdminState>,
    Params(params): Params<ListParams>,
) -> Answer<Json<ListView>> {
    let limit = limit(params.limit, USUAL_LIMIT)?;
    let command = Command::ListExtensions { after: params.after, limit, search: params.search };
    let Reply::Extensions(page) = state.switchboard.ask(command).await? else { return Err(unexpected().into()) };
    let last = page.extensions.last().map(|line| line.extension.number);
    let next = if page.more { last } else { None };
    Ok(Json(ListView { extensions: page.extensions, total: page.total, next }))
}

#[derive(Debug, utoipa::ToSchema, Deserialize)]
#[serde(deny_unknown_fields)]
#[schema(as = NewExtension)]
pub(crate) struct NewBody {
    number: String,
    #[serde(default)]
    name: String,
    email: Option<String>,
    #[schema(value_type = Option<String>)]
    secret: Option<Redacted<String>>,
}

#[derive(Debug, utoipa::ToSchema, Serialize)]
pub(crate) struct AddedView {
    /// `null` when Nightbell was too busy to read it back; it is there.
    extension: Option<ExtensionLine>,
    #[serde(flatten)]
    account: AccountView,
}

/// An account with its secret, shown this once.
#[derive(Debug, utoipa::ToSchema, Serialize)]
pub(crate) struct AccountView {
    username: String,
    realm: String,
    #[schema(value_type = String)]
    secret: Redacted<String>,
    minted: bool,
}

impl From<Shown> for AccountView {
    fn from(shown: Shown) -> Self {
        Self { username: shown.username, realm: shown.realm, secret: shown.secret, minted: shown.minted }
    }
}

pub(crate) fn display_name(text: &str) -> Result<DisplayName, Refusal> {
    text.parse().map_err(|wrong: pbx_core::model::ExtensionError| {
        Refusal::new(StatusCode::BAD_REQUEST, "owner_malformed", wrong.to_string()).field("name")
    })
}

/// An address; blank means none.
pub(crate) fn email(text: &str) -> Result<Option<EmailAddress>, Refusal> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|wrong: pbx_core::model::ExtensionError| {
        Refusal::new(StatusCode::BAD_REQUEST, "owner_malformed", wrong.to_string()).field("email")
    })
}

#[utoipa::path(post, path = "/extensions", operation_id = "extensions_add", tag = "Extensions", summary = "Adds an extension; its secret is shown this once.", request_body = NewBody, responses((status = 201, description = "It is there and can be called.", body = AddedView), (status = 409, description = "")))]
pub(crate) async fn add(
    State(state): State<AdminState>,
    Body(new): Body<NewBody>,
) -> Answer<(StatusCode, Json<AddedView>)> {
    let wanted = Wanted {
        number: number(&new.number)?,
        name: display_name(&new.name)?,
        email: email(new.email.as_deref().unwrap_or(""))?,
        secret: new.secret,
    };
    let shown = adding::add_one(&state, wanted).await?;
    // The secret is shown this once, so nothing may come between it and its reader any more.
    let extension = show(&state, shown.number).await.ok().map(|detail| detail.line);
    Ok((StatusCode::CREATED, Json(AddedView { extension, account: shown.into() })))
}

/// Asks for one extension with its devices.
pub(crate) async fn show(
    state: &AdminState,
    number: ExtensionNumber,
) -> Result<pbx_core::switchboard::command::ExtensionDetail, Refusal> {
    let Reply::Extension(detail) = state.switchboard.ask(Command::ShowExtension(number)).await? else {
        return Err(unexpected());
    };
    Ok(*detail)
}

#[utoipa::path(get, path = "/extensions/{number}", operation_id = "extensions_get", tag = "Extensions", summary = "An extension with its devices.", params(("number" = ExtensionNumber, Path, description = "The extension")), responses((status = 200, description = "The extension.", body = DetailView), (status = 404, description = "")))]
pub(crate) async fn get(State(state): State<AdminState>, Path(text): Path<String>) -> Answer<Json<DetailView>> {
    detail(&state, number(&text)?).await
}

async fn detail(state: &AdminState, number: ExtensionNumber) -> Answer<Json<DetailView>> {
    let credentials = state.push.list_credentials().await?;
    let marks = Marks::load(state, Some(number)).await?;
    Ok(Json(DetailView::new(show(state, number).await?, &credentials, &marks)))
}

/// A field that may be absent (leave it), `null` (clear it) or a value.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(deserializer).map(Some)
}

#[derive(Debug, utoipa::ToSchema, Deserialize)]
#[serde(deny_unknown_fields)]
#[schema(as = ExtensionChange)]
pub(crate) struct ChangeBody {
    name: Option<String>,
    #[serde(default, deserialize_with = "present")]
    email: Option<Option<String>>,
    push_enabled: Option<bool>,
}

#[utoipa::path(patch, path = "/extensions/{number}", operation_id = "extensions_change", tag = "Extensions", summary = "Changes what is named and leaves the rest.", params(("number" = ExtensionNumber, Path, description = "The extension")), request_body = ChangeBody, responses((status = 200, description = "As it is.", body = DetailView), (status = 404, description = "")))]
pub(crate) async fn change(
    State(state): State<AdminState>,
    Path(text): Path<String>,
    Body(body): Body<ChangeBody>,
) -> Answer<Json<DetailView>> {
    let number = number(&text)?;
    let change = ExtensionChange {
        name: body.name.as_deref().map(display_name).transpose()?,
        email: body.email.map(|given| email(given.as_deref().unwrap_or(""))).transpose()?,
        push_enabled: body.push_enabled,
    };
    state.switchboard.ask(Command::ChangeExtension { number, change }).await?;
    detail(&state, number).await
}

#[utoipa::path(delete, path = "/extensions/{number}", operation_id = "extensions_remove", tag = "Extensions", summary = "Removes an extension with its devices and accounts.", params(("number" = ExtensionNumber, Path, description = "The extension")), responses((status = 204, description = "It is gone."), (status = 404, description = "")))]
pub(crate) async fn remove(State(state): State<AdminState>, Path(text): Path<String>) -> Answer<StatusCode> {
    let number = number(&text)?;
    state.switchboard.ask(Command::RemoveExtension(number)).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, utoipa::ToSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PushBody {
    enabled: bool,
}

#[utoipa::path(post, path = "/extensions/{number}/push", operation_id = "extensions_switch_push", tag = "Extensions", summary = "Switches push on or off for an extension.", params(("number" = ExtensionNumber, Path, description = "The extension")), request_body = PushBody, responses((status = 200, description = "As it is.", body = DetailView), (status = 404, description = "")))]
pub(crate) async fn switch_push(
    State(state): State<AdminState>,
    Path(text): Path<String>,
    Body(body): Body<PushBody>,
) -> Answer<Json<DetailView>> {
    let number = number(&text)?;
    let change = ExtensionChange { push_enabled: Some(body.enabled), ..ExtensionChange::default() };
    state.switchboard.ask(Command::ChangeExtension { number, change }).await?;
    detail(&state, number).await
}

#[derive(Debug, utoipa::ToSchema, Serialize)]
pub(crate) struct TestView {
    devices: Vec<pbx_core::model::DeviceId>,
}

#[utoipa::path(post, path = "/extensions/{number}/test-push", operation_id = "extensions_test_push", tag = "Extensions", summary = "Sends a test notice to each phone; outcomes appear as `last_wake` of each device.", params(("number" = ExtensionNumber, Path, description = "The extension")), responses((status = 202, description = "The phones that are pushed.", body = TestView), (status = 404, description = ""), (status = 409, description = "")))]
pub(crate) async fn test_push(
    State(state): State<AdminState>,
    Path(text): Path<String>,
) -> Answer<(StatusCode, Json<TestView>)> {
    let command = Command::TestPush(number(&text)?);
    let Reply::TestPushes(devices) = state.switchboard.ask(command).await? else { return Err(unexpected().into()) };
    Ok((StatusCode::ACCEPTED, Json(TestView { devices })))
}

#[derive(Debug, utoipa::ToSchema, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretBody {
    #[schema(value_type = Option<String>)]
    secret: Option<Redacted<String>>,
}

#[utoipa::path(post, path = "/extensions/{number}/secret", operation_id = "extensions_renew_secret", tag = "Extensions", summary = "Gives the account a new secret, shown this once.", params(("number" = ExtensionNumber, Path, description = "The extension")), request_body = Option<SecretBody>, responses((status = 200, description = "The account.", body = AccountView), (status = 404, description = ""), (status = 409, description = "")))]
pub(crate) async fn renew_secret(
    State(state): State<AdminState>,
    Path(text): Path<String>,
    OptionalBody(body): OptionalBody<SecretBody>,
) -> Answer<Json<AccountView>> {
    Ok(Json(adding::renew_secret(&state, number(&text)?, body.secret).await?.into()))
}

#[utoipa::path(get, path = "/extensions/export", operation_id = "extensions_export", tag = "Extensions", summary = "Number, name and address of every extension, without secrets; can be imported again.", responses((status = 200, description = "The list.", body = String, content_type = "text/csv")))]
pub(crate) async fn export(State(state): State<AdminState>) -> Answer<Response> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let failed = |failure: csv::Error| Refusal::internal(&failure);
    writer.write_record(["number", "name", "email"]).map_err(failed)?;
    for line in adding::all_extensions(&state).await? {
        let extension = line.extension;
        let email = extension.email.as_ref().map_or("", EmailAddress::as_str);
        let cells = [extension.number.to_string(), harmless(extension.name.as_str()), harmless(email)];
        writer.write_record(&cells).map_err(failed)?;
    }
    let text = writer.into_inner().map_err(|failure| Refusal::internal(failure.error()))?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"extensions.csv\""),
    ];
    Ok((headers, text).into_response())
}
