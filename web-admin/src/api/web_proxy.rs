//! `/web-proxy`: the proxy that secure connections leave through. Its password goes in and never comes out.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use push_module::{NewWebProxy, SetWebProxyError, WebProxySetting};
use serde::Serialize;

use super::Answer;
use super::body::Body;
use crate::error::Refusal;
use crate::state::AdminState;

impl From<SetWebProxyError> for Refusal {
    fn from(error: SetWebProxyError) -> Self {
        match error {
            SetWebProxyError::Store(store) => Self::from(store),
            SetWebProxyError::Field(wrong) => {
                let text = wrong.to_string();
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "web_proxy_malformed", text).field(wrong.field)
            }
        }
    }
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = WebProxyView)]
pub(crate) struct WebProxyView {
    /// As it was saved; null when none was.
    web_proxy: Option<WebProxySetting>,
    /// `host:port` of the proxy in use, which without a saved one is the environment's; null without any.
    in_use: Option<String>,
}

async fn view(state: &AdminState) -> Answer<Json<WebProxyView>> {
    let web_proxy = state.push.web_proxy().await?;
    Ok(Json(WebProxyView { web_proxy, in_use: state.push.web_proxy_in_use() }))
}

#[utoipa::path(get, path = "/web-proxy", operation_id = "web_proxy", tag = "System", summary = "The web proxy that pushes leave through, without its password.", responses((status = 200, description = "`web_proxy` is null when none was saved.", body = WebProxyView)))]
pub(crate) async fn get(State(state): State<AdminState>) -> Answer<Json<WebProxyView>> {
    view(&state).await
}

#[utoipa::path(put, path = "/web-proxy", operation_id = "web_proxy_put", tag = "System", summary = "Sets the web proxy; in force with the next connection.", request_body = NewWebProxy, responses((status = 200, description = "As it is.", body = WebProxyView), (status = 422, description = "")))]
pub(crate) async fn put(State(state): State<AdminState>, Body(new): Body<NewWebProxy>) -> Answer<Json<WebProxyView>> {
    let setting = state.push.set_web_proxy(new).await?;
    crate::audit::note(format!("web proxy {}:{}", setting.host, setting.port));
    view(&state).await
}

#[utoipa::path(delete, path = "/web-proxy", operation_id = "web_proxy_remove", tag = "System", summary = "Forgets the web proxy and its password.", responses((status = 204, description = "It is gone.")))]
pub(crate) async fn remove(State(state): State<AdminState>) -> Answer<StatusCode> {
    state.push.remove_web_proxy().await?;
    Ok(StatusCode::NO_CONTENT)
}
