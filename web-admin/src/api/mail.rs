//! `/mail`: the account at a mail server. `/mails`: welcome mails, and what became of each.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use pbx_core::model::{DeviceId, EmailAddress, ExtensionNumber, Redacted};
use provisioning::mail::{
    BatchId, Mail, MailAccount, MailError, MailId, MailSecurity, NewMailAccount, Ordered, Progress,
};
use serde::{Deserialize, Serialize};

use super::Answer;
use super::body::{Body, Params, limit};
use super::devices::show;
use crate::error::Refusal;
use crate::state::AdminState;
use crate::t;

/// Mails on a page unless the caller wishes another number.
const USUAL_LIMIT: usize = 100;

impl From<MailError> for Refusal {
    fn from(error: MailError) -> Self {
        let (code, text) = (error.code(), error.to_string());
        match error {
            MailError::Store(store) => Self::from(store),
            MailError::Enrolment(refused) => Self::from(refused),
            MailError::Account(wrong) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, text).field(wrong.field),
            MailError::NoSuchMail => Self::not_found(code, text),
            MailError::Nobody | MailError::TooMany => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, text).field("extensions")
            }
            MailError::NoAccount | MailError::StillQueued | MailError::NoAddress(_) => {
                Self::new(StatusCode::CONFLICT, code, text)
            }
            MailError::Delivery { .. } => Self::new(StatusCode::BAD_GATEWAY, code, text),
        }
    }
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = MailAccountView)]
pub(crate) struct AccountView {
    account: Option<MailAccount>,
}

#[utoipa::path(get, path = "/mail/account", operation_id = "mail_account", tag = "Mail", summary = "The account at the mail server, without its password.", responses((status = 200, description = "`account` is null when none is set.", body = AccountView)))]
pub(crate) async fn account(State(state): State<AdminState>) -> Answer<Json<AccountView>> {
    Ok(Json(AccountView { account: state.mailer.account().await? }))
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewMailAccount)]
pub(crate) struct AccountBody {
    host: String,
    port: Option<u16>,
    #[serde(default = "starttls")]
    security: MailSecurity,
    #[serde(default)]
    username: String,
    #[schema(value_type = Option<String>)]
    password: Option<Redacted<String>>,
    from_address: String,
    #[serde(default)]
    from_name: String,
    #[serde(default)]
    authority: String,
}

impl From<AccountBody> for NewMailAccount {
    fn from(body: AccountBody) -> Self {
        let AccountBody { host, port, security, username, password, from_address, from_name, authority } = body;
        Self { host, port, security, username, password, from_address, from_name, authority }
    }
}

const fn starttls() -> MailSecurity {
    MailSecurity::StartTls
}

#[utoipa::path(put, path = "/mail/account", operation_id = "mail_put_account", tag = "Mail", summary = "Sets the account at the mail server; without `password` the stored one is kept, as long as host, port, username, security and authority stay.", request_body = AccountBody, responses((status = 200, description = "As it is.", body = AccountView), (status = 422, description = "")))]
pub(crate) async fn put_account(
    State(state): State<AdminState>,
    Body(body): Body<AccountBody>,
) -> Answer<Json<AccountView>> {
    Ok(Json(AccountView { account: Some(state.mailer.set_account(body.into()).await?) }))
}

#[utoipa::path(delete, path = "/mail/account", operation_id = "mail_remove_account", tag = "Mail", summary = "Removes the account at the mail server.", responses((status = 204, description = "It is gone.")))]
pub(crate) async fn remove_account(State(state): State<AdminState>) -> Answer<StatusCode> {
    state.mailer.remove_account().await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TestMail)]
pub(crate) struct TestBody {
    to: EmailAddress,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = TestMailAnswer)]
pub(crate) struct TestView {
    answer: String,
}

#[utoipa::path(post, path = "/mail/test", operation_id = "mail_test", tag = "Mail", summary = "Sends a test mail and waits for the server.", request_body = TestBody, responses((status = 200, description = "What the server answered.", body = TestView), (status = 409, description = ""), (status = 502, description = "")))]
pub(crate) async fn test(State(state): State<AdminState>, Body(body): Body<TestBody>) -> Answer<Json<TestView>> {
    Ok(Json(TestView { answer: state.mailer.send_test(&body.to).await? }))
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MailOrder)]
pub(crate) struct OrderBody {
    /// Who; left out, everybody who has no phone yet.
    extensions: Option<Vec<ExtensionNumber>>,
    hours: Option<u32>,
}

#[utoipa::path(post, path = "/mails", operation_id = "mails_order", tag = "Mail", summary = "Sends welcome mails with a link and a QR code.", request_body = OrderBody, responses((status = 202, description = "They are on their way.", body = Ordered), (status = 404, description = ""), (status = 409, description = ""), (status = 422, description = "")))]
pub(crate) async fn order(
    State(state): State<AdminState>,
    Body(body): Body<OrderBody>,
) -> Answer<(StatusCode, Json<Ordered>)> {
    let ordered = match &body.extensions {
        Some(extensions) => state.mailer.welcome(extensions, body.hours).await?,
        None => state.mailer.welcome_all(body.hours).await?,
    };
    Ok((StatusCode::ACCEPTED, Json(ordered)))
}

#[utoipa::path(post, path = "/devices/{id}/settings-mail", operation_id = "mails_settings_again", tag = "Mail", summary = "Mails a link by which a phone fetches its settings again.", params(("id" = i64, Path, description = "The phone")), responses((status = 202, description = "It is on its way, or `skipped` says why not.", body = Ordered), (status = 404, description = ""), (status = 409, description = "")))]
pub(crate) async fn settings_again(
    State(state): State<AdminState>,
    Path(id): Path<i64>,
) -> Answer<(StatusCode, Json<Ordered>)> {
    let device = show(&state, DeviceId(id)).await?;
    let ordered = state.mailer.settings_again(device.extension, &device.username).await?;
    Ok((StatusCode::ACCEPTED, Json(ordered)))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    batch: Option<String>,
    extension: Option<ExtensionNumber>,
    limit: Option<usize>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = MailList)]
pub(crate) struct ListView {
    mails: Vec<Mail>,
    /// Of the order that was asked for.
    progress: Option<Progress>,
}

#[utoipa::path(get, path = "/mails", operation_id = "mails_list", tag = "Mail", summary = "Welcome mails and what became of each, the newest first.", params(ListParams), responses((status = 200, description = "The mails.", body = ListView)))]
pub(crate) async fn list(
    State(state): State<AdminState>,
    Params(params): Params<ListParams>,
) -> Answer<Json<ListView>> {
    let batch = params.batch.as_deref().map(batch).transpose()?;
    let limit = u32::try_from(limit(params.limit, USUAL_LIMIT)?).unwrap_or(u32::MAX);
    // The mails first: whoever sees that the last one was sent, sees it counted too.
    let mails = state.mailer.list(batch, params.extension, limit).await?;
    let progress = match batch {
        Some(batch) => Some(state.mailer.progress(batch).await?),
        None => None,
    };
    Ok(Json(ListView { mails, progress }))
}

#[utoipa::path(post, path = "/mails/{id}/resend", operation_id = "mails_resend", tag = "Mail", summary = "Sends a mail again, with a new link.", params(("id" = String, Path, description = "Which one, by its id")), responses((status = 202, description = "It is on its way.", body = Ordered), (status = 404, description = ""), (status = 409, description = "")))]
pub(crate) async fn resend(
    State(state): State<AdminState>,
    Path(id): Path<String>,
) -> Answer<(StatusCode, Json<Ordered>)> {
    Ok((StatusCode::ACCEPTED, Json(state.mailer.resend(mail_id(&id)?).await?)))
}

/// An order's name from a query.
pub(crate) fn batch(text: &str) -> Result<BatchId, Refusal> {
    let no_such = |_| Refusal::new(StatusCode::BAD_REQUEST, "malformed", t("mail-this-is-no-name-of-an"));
    text.parse().map_err(no_such).map_err(|refusal| refusal.field("batch"))
}

/// A mail's name from a path.
pub(crate) fn mail_id(text: &str) -> Result<MailId, Refusal> {
    text.parse().map_err(|_| MailError::NoSuchMail.into())
}
