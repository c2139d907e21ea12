//! `/desk-phones`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use pbx_core::model::{ExtensionNumber, Redacted, UnixMillis};
use provisioning::desk_phone::{DeskPhone, DeskPhoneError, Mac};
use provisioning::desk_phones::{DeskPhoneView, DeskPhonesError, FirstAddress, NewDeskPhone};
use serde::{Deserialize, Serialize};

use super::Answer;
use super::body::{Body, number};
use crate::audit;
use crate::error::Refusal;
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
            DeskPhonesError::NoSuchPhone(_) => Self::new(StatusCode::NOT_FOUND, code, text),
            DeskPhonesError::Taken(_) => Self::new(StatusCode::CONFLICT, code, text).field("mac"),
            DeskPhonesError::Full | DeskPhonesError::NoServer | DeskPhonesError::NotSettled(_) => {
                Self::new(StatusCode::CONFLICT, code, text)
            }
        }
    }
}

/// The phone in a path.
pub(crate) fn mac(text: &str) -> Result<Mac, Refusal> {
    text.parse().map_err(|wrong: DeskPhoneError| DeskPhonesError::from(wrong).into())
}

/// A phone to be added, as typed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
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

/// A phone with what is known of its registration.
#[derive(Debug, Serialize)]
pub(crate) struct PhoneView {
    #[serde(flatten)]
    phone: DeskPhoneView,
    registered_at: Option<UnixMillis>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ListView {
    desk_phones: Vec<PhoneView>,
}

pub(crate) async fn list(State(state): State<AdminState>) -> Answer<Json<ListView>> {
    let registered = state.desk_phones.registered().await?;
    let view = |phone: DeskPhoneView| PhoneView { registered_at: registered.get(&phone.mac).copied(), phone };
    Ok(Json(ListView { desk_phones: state.desk_phones.list().into_iter().map(view).collect() }))
}

pub(crate) async fn get(State(state): State<AdminState>, Path(text): Path<String>) -> Answer<Json<PhoneView>> {
    let phone = state.desk_phones.get(mac(&text)?)?;
    let registered_at = state.desk_phones.registered().await?.get(&phone.mac).copied();
    Ok(Json(PhoneView { phone, registered_at }))
}

/// An address that is shown this once.
#[derive(Debug, Serialize)]
pub(crate) struct AddressView {
    mac: Mac,
    url: Redacted<String>,
    expires_at: UnixMillis,
}

impl From<FirstAddress> for AddressView {
    fn from(first: FirstAddress) -> Self {
        Self { mac: first.mac, url: first.url, expires_at: first.expires_at }
    }
}

pub(crate) async fn add(
    State(state): State<AdminState>,
    Body(body): Body<AddBody>,
) -> Answer<(StatusCode, Json<AddressView>)> {
    Ok((StatusCode::CREATED, Json(add_one(&state, &body).await?.into())))
}

pub(crate) async fn renew_address(
    State(state): State<AdminState>,
    Path(text): Path<String>,
) -> Answer<(StatusCode, Json<AddressView>)> {
    Ok((StatusCode::CREATED, Json(state.desk_phones.renew_address(mac(&text)?).await?.into())))
}

pub(crate) async fn rotate(State(state): State<AdminState>, Path(text): Path<String>) -> Answer<Json<DeskPhoneView>> {
    let mac = mac(&text)?;
    state.desk_phones.rotate(mac).await?;
    Ok(Json(state.desk_phones.get(mac)?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WindowBody {
    open: bool,
}

pub(crate) async fn window(
    State(state): State<AdminState>,
    Path(text): Path<String>,
    Body(body): Body<WindowBody>,
) -> Answer<Json<DeskPhoneView>> {
    Ok(Json(state.desk_phones.set_window(mac(&text)?, body.open)?))
}

pub(crate) async fn remove(State(state): State<AdminState>, Path(text): Path<String>) -> Answer<StatusCode> {
    state.desk_phones.remove(mac(&text)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
