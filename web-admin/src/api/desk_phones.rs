//! `/desk-phones`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use pbx_core::model::{ExtensionNumber, Redacted, SipUsername, UnixMillis};
use provisioning::desk_phone::template::TemplateError;
use provisioning::desk_phone::{DeskPhone, DeskPhoneError, Mac};
use provisioning::desk_phones::{
    DeskPhoneEdit, DeskPhoneView, DeskPhonesError, FirstAddress, MenuPassword, NewDeskPhone, Progress,
};
use serde::{Deserialize, Serialize};

use super::Answer;
use super::body::{Body, number};
use crate::audit;
use crate::error::Refusal;
use crate::import::RowError;
use crate::state::AdminState;

impl From<DeskPhonesError> for Refusal {
    fn from(error: DeskPhonesError) -> Self {
        let (code, text) = (error.code(), error.to_string());
        let bad = |field| Self::new(StatusCode::BAD_REQUEST, code, text.clone()).field(field);
        match error {
            DeskPhonesError::Store(store) => Self::from(store),
            DeskPhonesError::Switchboard(refused) => Self::from(refused),
            DeskPhonesError::Random | DeskPhonesError::OddAnswer | DeskPhonesError::Seal(_) => Self::internal(&error),
            DeskPhonesError::Phone(DeskPhoneError::Mac(_)) | DeskPhonesError::OtherVendor { .. } => bad("mac"),
            DeskPhonesError::Phone(DeskPhoneError::Vendor(_)) => bad("vendor"),
            DeskPhonesError::Phone(DeskPhoneError::Model(_)) => bad("model"),
            DeskPhonesError::Label(_) => bad("label"),
            DeskPhonesError::Template(wrong) => {
                let mut refusal = Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, text).field("settings");
                refusal.rows = wrong.iter().map(wrong_line).collect();
                refusal
            }
            DeskPhonesError::EmptyTemplate => bad("settings"),
            DeskPhonesError::Family(_) => bad("family"),
            DeskPhonesError::Beginning(_) => bad("model"),
            DeskPhonesError::Authority(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, text).field("certificates")
            }
            DeskPhonesError::AuthorityOf(_) => Self::new(StatusCode::CONFLICT, code, text).field("vendor"),
            DeskPhonesError::NoSuchPhone(_) | DeskPhonesError::NoSuchTemplate | DeskPhonesError::NoSuchAuthority => {
                Self::new(StatusCode::NOT_FOUND, code, text)
            }
            DeskPhonesError::TemplateOfOthers(_) => Self::new(StatusCode::CONFLICT, code, text).field("mac"),
            DeskPhonesError::Taken(_) => Self::new(StatusCode::CONFLICT, code, text).field("mac"),
            DeskPhonesError::Full
            | DeskPhonesError::TooManyTemplates
            | DeskPhonesError::TooManyAuthorities
            | DeskPhonesError::NoServer
            | DeskPhonesError::NotTold(_)
            | DeskPhonesError::NotSettled(_) => Self::new(StatusCode::CONFLICT, code, text),
        }
    }
}

fn wrong_line(wrong: &TemplateError) -> RowError {
    let line = u64::try_from(wrong.line).unwrap_or(u64::MAX);
    RowError { line, column: "settings", code: "setting_refused", message: wrong.problem.clone() }
}

/// The phone in a path.
pub(crate) fn mac(text: &str) -> Result<Mac, Refusal> {
    text.parse().map_err(|wrong: DeskPhoneError| DeskPhonesError::from(wrong).into())
}

/// A phone to be added, as typed.
#[derive(Debug, Default, utoipa::ToSchema, Deserialize)]
#[serde(deny_unknown_fields)]
#[schema(as = NewDeskPhone)]
pub(crate) struct AddBody {
    pub(crate) mac: String,
    pub(crate) vendor: String,
    pub(crate) model: String,
    pub(crate) extension: String,
    #[serde(default)]
    pub(crate) label: String,
}

impl AddBody {
    fn parsed(&self) -> Result<NewDeskPhone, Refusal> {
        let wrong = |wrong: DeskPhoneError| Refusal::from(DeskPhonesError::from(wrong));
        let phone = DeskPhone {
            mac: self.mac.parse().map_err(wrong)?,
            vendor: self.vendor.parse().map_err(wrong)?,
            model: self.model.parse().map_err(wrong)?,
        };
        let extension: ExtensionNumber = number(&self.extension).map_err(|refusal| refusal.field("extension"))?;
        Ok(NewDeskPhone { phone, extension, label: self.label.clone() })
    }
}

/// Adds one phone; shared with the page.
pub(crate) async fn add_one(state: &AdminState, body: &AddBody) -> Result<FirstAddress, Refusal> {
    let first = state.desk_phones.add(body.parsed()?).await.map_err(|error| {
        let refusal = Refusal::from(error);
        if refusal.code == "no_such_extension" { refusal.field("extension") } else { refusal }
    })?;
    audit::note(format!("desk phone {}", first.mac));
    Ok(first)
}

/// What is to be changed of a phone; what is left out stays.
#[derive(Debug, Default, utoipa::ToSchema, Deserialize)]
#[serde(deny_unknown_fields)]
#[schema(as = DeskPhoneEdit)]
pub(crate) struct EditBody {
    /// Whose it becomes: it loses its account and gets one of this extension with its next fetch.
    #[serde(default)]
    pub(crate) extension: Option<String>,
    #[serde(default)]
    pub(crate) model: Option<String>,
    #[serde(default)]
    pub(crate) label: Option<String>,
}

/// Changes one phone; shared with the page.
pub(crate) async fn edit_one(state: &AdminState, mac: Mac, body: &EditBody) -> Result<(), Refusal> {
    let wrong = |wrong: DeskPhoneError| Refusal::from(DeskPhonesError::from(wrong));
    let extension = body.extension.as_deref().map(number).transpose();
    let edit = DeskPhoneEdit {
        extension: extension.map_err(|refusal| refusal.field("extension"))?,
        model: body.model.as_deref().map(str::parse).transpose().map_err(wrong)?,
        label: body.label.clone(),
    };
    let view = state.desk_phones.edit(mac, edit).await.map_err(|error| {
        let refusal = Refusal::from(error);
        if refusal.code == "no_such_extension" { refusal.field("extension") } else { refusal }
    })?;
    audit::note(format!("desk phone {mac}: extension {}, model {}, {}", view.extension, view.model, view.label));
    Ok(())
}

/// How to get into a phone's own menu; shared with the page.
pub(crate) fn open_menu(state: &AdminState, mac: Mac) -> Result<MenuPassword, Refusal> {
    let menu = state.desk_phones.menu_password(mac)?;
    audit::note(format!("the password of the menu of desk phone {mac} was shown"));
    Ok(menu)
}

/// A phone with what is known of its registration.
#[derive(Debug, utoipa::ToSchema, Serialize)]
#[schema(as = DeskPhone)]
pub(crate) struct PhoneView {
    mac: String,
    vendor: &'static str,
    model: String,
    extension: ExtensionNumber,
    label: String,
    username: SipUsername,
    /// `waiting`, `told`, `settled`, `rotating` or `ran_out`.
    #[schema(value_type = String)]
    progress: Progress,
    revision: i64,
    pairing_until: Option<UnixMillis>,
    last_fetch: Option<FetchView>,
    /// It would be told something else than at its last fetch, as far as that was looked at since Nightbell started.
    needs_settings: bool,
    /// When it was asked to fetch again, and what it said.
    asked: Option<AskedView>,
    created_at: UnixMillis,
    registered_at: Option<UnixMillis>,
}

/// What a phone asked for last, and what came of it.
#[derive(Debug, utoipa::ToSchema, Serialize)]
#[schema(as = DeskPhoneFetch)]
struct FetchView {
    at: UnixMillis,
    from: String,
    user_agent: String,
    file: String,
    told: String,
}

/// When a phone was asked to fetch its settings again (SIP NOTIFY, `check-sync`), and what it said.
#[derive(Debug, utoipa::ToSchema, Serialize)]
#[schema(as = DeskPhoneAsked)]
struct AskedView {
    at: UnixMillis,
    /// `asking`, `will_fetch`, `refused`, `not_registered`, `wants_a_password`, `no_answer` or `busy`.
    outcome: &'static str,
    /// The SIP status of its answer.
    status: Option<u16>,
    /// The same for people.
    text: String,
}

impl PhoneView {
    fn new(phone: DeskPhoneView, registered: &BTreeMap<Mac, UnixMillis>) -> Self {
        Self {
            registered_at: registered.get(&phone.mac).copied(),
            mac: phone.mac.to_string(),
            vendor: phone.vendor.as_str(),
            model: phone.model.to_string(),
            extension: phone.extension,
            label: phone.label,
            username: phone.username,
            progress: phone.progress,
            revision: phone.revision,
            pairing_until: phone.pairing_until,
            last_fetch: phone.last_fetch.map(|fetch| FetchView {
                at: fetch.at,
                from: fetch.from,
                user_agent: fetch.user_agent,
                file: fetch.file,
                told: fetch.told,
            }),
            needs_settings: phone.old,
            asked: phone.asked.map(|asked| AskedView {
                at: asked.at,
                outcome: asked.outcome.word(),
                status: asked.outcome.status(),
                text: format!("the phone {}", asked.outcome),
            }),
            created_at: phone.created_at,
        }
    }
}

#[derive(Debug, utoipa::ToSchema, Serialize)]
#[schema(as = DeskPhoneList)]
pub(crate) struct ListView {
    desk_phones: Vec<PhoneView>,
}

#[utoipa::path(get, path = "/desk-phones", operation_id = "desk_phones_list", tag = "Desk phones", summary = "Every desk phone, in order of MAC.", responses((status = 200, description = "All of them.", body = ListView)))]
pub(crate) async fn list(State(state): State<AdminState>) -> Answer<Json<ListView>> {
    let registered = state.desk_phones.registered().await?;
    let view = |phone| PhoneView::new(phone, &registered);
    Ok(Json(ListView { desk_phones: state.desk_phones.list().into_iter().map(view).collect() }))
}

#[utoipa::path(get, path = "/desk-phones/{mac}", operation_id = "desk_phones_get", tag = "Desk phones", summary = "One desk phone.", params(("mac" = String, Path, description = "Its MAC address in any spelling")), responses((status = 200, description = "As it is.", body = PhoneView), (status = 404, description = "")))]
pub(crate) async fn get(State(state): State<AdminState>, Path(text): Path<String>) -> Answer<Json<PhoneView>> {
    shown(&state, mac(&text)?).await
}

async fn shown(state: &AdminState, mac: Mac) -> Answer<Json<PhoneView>> {
    let phone = state.desk_phones.get(mac)?;
    Ok(Json(PhoneView::new(phone, &state.desk_phones.registered().await?)))
}

/// An address that is shown this once.
#[derive(Debug, utoipa::ToSchema, Serialize)]
#[schema(as = DeskPhoneAddress)]
pub(crate) struct AddressView {
    mac: String,
    #[schema(value_type = String)]
    url: Redacted<String>,
    expires_at: UnixMillis,
}

impl From<FirstAddress> for AddressView {
    fn from(first: FirstAddress) -> Self {
        Self { mac: first.mac.to_string(), url: first.url, expires_at: first.expires_at }
    }
}

#[utoipa::path(post, path = "/desk-phones", operation_id = "desk_phones_add", tag = "Desk phones", summary = "Adds a desk phone; the address it fetches from is shown this once.", request_body = AddBody, responses((status = 201, description = "It is added.", body = AddressView), (status = 404, description = ""), (status = 409, description = "")))]
pub(crate) async fn add(
    State(state): State<AdminState>,
    Body(body): Body<AddBody>,
) -> Answer<(StatusCode, Json<AddressView>)> {
    Ok((StatusCode::CREATED, Json(add_one(&state, &body).await?.into())))
}

#[utoipa::path(post, path = "/desk-phones/{mac}/address", operation_id = "desk_phones_address", tag = "Desk phones", summary = "Makes a new first address for a phone that was reset; the running phone goes on.", params(("mac" = String, Path, description = "Its MAC address in any spelling")), responses((status = 201, description = "It is made.", body = AddressView), (status = 404, description = "")))]
pub(crate) async fn renew_address(
    State(state): State<AdminState>,
    Path(text): Path<String>,
) -> Answer<(StatusCode, Json<AddressView>)> {
    Ok((StatusCode::CREATED, Json(state.desk_phones.renew_address(mac(&text)?).await?.into())))
}

#[utoipa::path(post, path = "/desk-phones/{mac}/rotate", operation_id = "desk_phones_rotate", tag = "Desk phones", summary = "Gives the phone another address at its next fetch.", params(("mac" = String, Path, description = "Its MAC address in any spelling")), responses((status = 200, description = "It will be told.", body = PhoneView), (status = 404, description = ""), (status = 409, description = "")))]
pub(crate) async fn rotate(State(state): State<AdminState>, Path(text): Path<String>) -> Answer<Json<PhoneView>> {
    let mac = mac(&text)?;
    state.desk_phones.rotate(mac).await?;
    shown(&state, mac).await
}

#[utoipa::path(post, path = "/desk-phones/{mac}/check-sync", operation_id = "desk_phones_check_sync", tag = "Desk phones", summary = "Asks the phone to fetch its settings again; waits a few seconds for its word.", params(("mac" = String, Path, description = "Its MAC address in any spelling")), responses((status = 200, description = "As it is; `asked` says what the phone said.", body = PhoneView), (status = 404, description = "")))]
pub(crate) async fn check_sync(State(state): State<AdminState>, Path(text): Path<String>) -> Answer<Json<PhoneView>> {
    let mac = mac(&text)?;
    state.desk_phones.fetch_again(mac).await?;
    shown(&state, mac).await
}

/// How many phones are being asked.
#[derive(Debug, utoipa::ToSchema, Serialize)]
#[schema(as = DeskPhonesAsked)]
pub(crate) struct AllAskedView {
    asked: usize,
}

#[utoipa::path(post, path = "/desk-phones/check-sync", operation_id = "desk_phones_check_sync_all", tag = "Desk phones", summary = "Asks every phone that has fetched its settings to fetch them again; `asked` of each phone says what it said.", responses((status = 202, description = "They are being asked.", body = AllAskedView)))]
pub(crate) async fn check_sync_all(State(state): State<AdminState>) -> (StatusCode, Json<AllAskedView>) {
    (StatusCode::ACCEPTED, Json(AllAskedView { asked: state.desk_phones.all_fetch_again() }))
}

#[utoipa::path(patch, path = "/desk-phones/{mac}", operation_id = "desk_phones_edit", tag = "Desk phones", summary = "Changes a phone: its extension, model or label. It keeps its address.", params(("mac" = String, Path, description = "Its MAC address in any spelling")), request_body = EditBody, responses((status = 200, description = "As it is.", body = PhoneView), (status = 404, description = "")))]
pub(crate) async fn edit(
    State(state): State<AdminState>,
    Path(text): Path<String>,
    Body(body): Body<EditBody>,
) -> Answer<Json<PhoneView>> {
    let mac = mac(&text)?;
    edit_one(&state, mac, &body).await?;
    shown(&state, mac).await
}

/// How to get into a phone's own menu.
#[derive(Debug, utoipa::ToSchema, Serialize)]
#[schema(as = DeskPhoneMenuPassword)]
pub(crate) struct MenuView {
    user: &'static str,
    #[schema(value_type = String)]
    password: Redacted<String>,
}

#[utoipa::path(post, path = "/desk-phones/{mac}/menu-password", operation_id = "desk_phones_menu_password", tag = "Desk phones", summary = "Shows the password of the phone's own menu; the audit log says who asked.", params(("mac" = String, Path, description = "Its MAC address in any spelling")), responses((status = 200, description = "It is the one the phone was told.", body = MenuView), (status = 404, description = ""), (status = 409, description = "")))]
pub(crate) async fn menu_password(State(state): State<AdminState>, Path(text): Path<String>) -> Answer<Json<MenuView>> {
    let menu = open_menu(&state, mac(&text)?)?;
    Ok(Json(MenuView { user: menu.user, password: menu.password }))
}

#[derive(Debug, utoipa::ToSchema, Deserialize)]
#[serde(deny_unknown_fields)]
#[schema(as = DeskPhoneWindow)]
pub(crate) struct WindowBody {
    open: bool,
}

#[utoipa::path(post, path = "/desk-phones/{mac}/window", operation_id = "desk_phones_window", tag = "Desk phones", summary = "Opens or closes the ten minutes in which this phone may come by its MAC.", params(("mac" = String, Path, description = "Its MAC address in any spelling")), request_body = WindowBody, responses((status = 200, description = "As it is.", body = PhoneView), (status = 404, description = "")))]
pub(crate) async fn window(
    State(state): State<AdminState>,
    Path(text): Path<String>,
    Body(body): Body<WindowBody>,
) -> Answer<Json<PhoneView>> {
    let mac = mac(&text)?;
    state.desk_phones.set_window(mac, body.open)?;
    shown(&state, mac).await
}

#[utoipa::path(delete, path = "/desk-phones/{mac}", operation_id = "desk_phones_remove", tag = "Desk phones", summary = "Removes a desk phone; its account is gone at once.", params(("mac" = String, Path, description = "Its MAC address in any spelling")), responses((status = 204, description = "It is gone."), (status = 404, description = "")))]
pub(crate) async fn remove(State(state): State<AdminState>, Path(text): Path<String>) -> Answer<StatusCode> {
    state.desk_phones.remove(mac(&text)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
