//! `/update-notice`: where the newest version is written, and what was found there.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;

use super::Answer;
use super::body::Body;
use crate::error::Refusal;
use crate::state::AdminState;
use crate::update_notice::{self, Found, Setting};

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct UpdateNoticeView {
    /// Where the newest version is written; empty asks nobody.
    url: String,
    /// The version of this program.
    version: &'static str,
    found: Found,
}

async fn view(state: &AdminState) -> Answer<Json<UpdateNoticeView>> {
    let Setting { url } = Setting::load(&state.store).await?;
    Ok(Json(UpdateNoticeView { url, version: state.site.version, found: Found::load(&state.store).await? }))
}

#[utoipa::path(get, path = "/update-notice", operation_id = "update_notice", tag = "System", summary = "Where the newest version is written, and what was found there.", responses((status = 200, description = "`url` is empty when nobody is asked.", body = UpdateNoticeView)))]
pub(crate) async fn get(State(state): State<AdminState>) -> Answer<Json<UpdateNoticeView>> {
    view(&state).await
}

#[utoipa::path(put, path = "/update-notice", operation_id = "update_notice_put", tag = "System", summary = "Sets the address that is asked once a day; empty asks nobody.", request_body = Setting, responses((status = 200, description = "As it is.", body = UpdateNoticeView), (status = 422, description = "")))]
pub(crate) async fn put(State(state): State<AdminState>, Body(new): Body<Setting>) -> Answer<Json<UpdateNoticeView>> {
    save(&state, &new).await?;
    view(&state).await
}

/// Keeps a setting that can be asked.
pub(crate) async fn save(state: &AdminState, new: &Setting) -> Result<(), Refusal> {
    let wrong =
        |problem| Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "update_notice_malformed", problem).field("url");
    new.check().map_err(wrong)?;
    new.save(&state.store).await?;
    Ok(())
}

#[utoipa::path(post, path = "/update-notice/check", operation_id = "update_notice_check", tag = "System", summary = "Asks now.", responses((status = 200, description = "What was found.", body = UpdateNoticeView), (status = 409, description = "")))]
pub(crate) async fn check(State(state): State<AdminState>) -> Answer<Json<UpdateNoticeView>> {
    ask(&state).await?;
    view(&state).await
}

/// Asks now, if there is an address.
pub(crate) async fn ask(state: &AdminState) -> Result<Found, Refusal> {
    let setting = Setting::load(&state.store).await?;
    if setting.url.is_empty() {
        let text = "no address is set that could be asked; give one first";
        return Err(Refusal::new(StatusCode::CONFLICT, "update_notice_off", text).field("url"));
    }
    Ok(update_notice::ask(&state.store, &setting).await?)
}
