//! `/settings/web-proxy`: the proxy that secure connections leave through.

use askama::Template;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use pbx_core::model::Redacted;
use push_module::{NewWebProxy, USUAL_PROXY_PORT, USUALLY_WITHOUT, WebProxySetting};
use serde::Deserialize;

use super::confirm::Confirm;
use super::{Page, go};
use crate::error::{Refusal, render};
use crate::form::{Errors, Input};
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;
use crate::t;
use crate::words::When;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ProxyForm {
    host: String,
    port: String,
    username: String,
    password: Redacted<String>,
    without: String,
}

impl ProxyForm {
    fn of(setting: Option<&WebProxySetting>) -> Self {
        let Some(setting) = setting else {
            return Self { port: USUAL_PROXY_PORT.to_string(), without: USUALLY_WITHOUT.join("\n"), ..Self::default() };
        };
        Self {
            host: setting.host.clone(),
            port: setting.port.to_string(),
            username: setting.username.clone(),
            password: Redacted::default(),
            without: setting.without.join("\n"),
        }
    }

    fn parsed(&self, errors: &mut Errors) -> NewWebProxy {
        let port = match self.port.trim() {
            "" => None,
            text => text.parse().ok().or_else(|| {
                errors.put("port", t("web-proxy-give-a-number-between-1-and"));
                None
            }),
        };
        let separators = |c: char| c.is_whitespace() || c == ',' || c == ';';
        NewWebProxy {
            host: self.host.clone(),
            port,
            username: self.username.clone(),
            password: Some(self.password.clone()).filter(|it| !it.reveal().is_empty()),
            without: Some(self.without.split(separators).filter(|it| !it.is_empty()).map(str::to_owned).collect()),
        }
    }
}

#[derive(Template)]
#[template(path = "web_proxy.html")]
struct ProxyPage {
    layout: Layout,
    saved: Option<When>,
    /// The environment's proxy, while none is saved.
    environment: Option<String>,
    problem: String,
    inputs: Vec<Input>,
    without: Input,
}

async fn shown(
    state: &AdminState,
    layout: Layout,
    form: Option<ProxyForm>,
    errors: &Errors,
) -> Result<ProxyPage, Refusal> {
    let setting = state.push.web_proxy().await?;
    let form = form.unwrap_or_else(|| ProxyForm::of(setting.as_ref()));
    let plain = "autocomplete=off autocapitalize=none spellcheck=false";
    let text = |name, label, value: &str, hint: &str| Input::new(name, label, value, errors).hint(hint);
    let password = if setting.as_ref().is_some_and(|it| it.has_password) {
        t("web-proxy-one-is-stored-empty-keeps-it")
    } else {
        t("web-proxy-stored-encrypted-and-never-shown-again")
    };
    Ok(ProxyPage {
        layout,
        saved: setting.as_ref().map(|it| When::exact(it.changed_at)),
        environment: state.push.web_proxy_in_use().filter(|_| setting.is_none()),
        problem: errors.of(""),
        inputs: vec![
            text("host", t("web-proxy-proxy"), &form.host, t("web-proxy-its-name-or-address-for-example")).more(plain),
            text("port", t("mail-port"), &form.port, t("web-proxy-usually-3128-or-8080"))
                .more("inputmode=numeric autocomplete=off"),
            text(
                "username",
                t("web-proxy-user-name-optional"),
                &form.username,
                t("web-proxy-empty-for-a-proxy-that-asks"),
            )
            .more(plain),
            text("password", t("web-proxy-password-optional"), "", password)
                .kind("password")
                .more("autocomplete=new-password"),
        ],
        without: text(
            "without",
            t("web-proxy-reached-without-the-proxy"),
            &form.without,
            t("web-proxy-one-name-address-or-range-a"),
        )
        .rows(7)
        .more(plain),
    })
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame) -> Page {
    Ok(render(&shown(&state, frame.layout(t("common-web-proxy"), Menu::Settings), None, &Errors::default()).await?))
}

pub(crate) async fn save(State(state): State<AdminState>, frame: Frame, Form(form): Form<ProxyForm>) -> Page {
    let mut errors = Errors::default();
    let new = form.parsed(&mut errors);
    if errors.is_empty() {
        match state.push.set_web_proxy(new).await {
            Ok(setting) => {
                crate::audit::note(format!("web proxy {}:{}", setting.host, setting.port));
                return go("/settings/web-proxy?done=saved");
            }
            Err(refused) => errors.take(refused.into())?,
        }
    }
    let page = shown(&state, frame.layout(t("common-web-proxy"), Menu::Settings), Some(form), &errors).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)).into_response())
}

pub(crate) async fn confirm_remove(State(_): State<AdminState>, frame: Frame) -> Page {
    let confirm = Confirm {
        fields: Vec::new(),
        layout: frame.layout(t("web-proxy-forget-the-web-proxy-2"), Menu::Settings),
        lines: vec![t("web-proxy-its-password-is-deleted-and-pushes").into()],
        action: "/settings/web-proxy/remove".into(),
        button: t("web-proxy-forget-the-web-proxy"),
        back: "/settings/web-proxy".into(),
    };
    Ok(confirm.page())
}

pub(crate) async fn remove(State(state): State<AdminState>) -> Page {
    state.push.remove_web_proxy().await?;
    go("/settings/web-proxy?done=removed")
}
