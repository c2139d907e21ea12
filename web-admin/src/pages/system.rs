//! `/system`: version, certificate, counts and the findings of `doctor`.

use askama::Template;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use pbx_core::switchboard::command::Status;

use super::{Page, go};
use crate::advice::{self, Finding};
use crate::api::update_notice as api_update;
use crate::clock;
use crate::error::{Refusal, render};
use crate::form::{Errors, Input};
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;
use crate::t;
use crate::tls::CertificateInfo;
use crate::update_notice::{Found, Setting};
use crate::words::When;

#[derive(Template)]
#[template(path = "system.html")]
struct SystemPage {
    layout: Layout,
    version: &'static str,
    public_url: String,
    up: When,
    zone: String,
    status: Status,
    certificate: CertificateInfo,
    ends: When,
    findings: Vec<Finding>,
    /// Somebody is asked for updates.
    asks: bool,
    asked: Option<When>,
    found: Found,
    update_url: Input,
}

async fn shown(
    state: &AdminState,
    layout: Layout,
    typed: Option<String>,
    errors: &Errors,
) -> Result<SystemPage, Refusal> {
    let facts = advice::facts(state).await?;
    let findings = advice::findings(&facts);
    let setting = Setting::load(&state.store).await?;
    let found = facts.update.0;
    Ok(SystemPage {
        layout,
        version: state.site.version,
        public_url: facts.public_url,
        up: When::relative(state.site.started_at, facts.now),
        zone: clock::zone_name(),
        status: facts.status,
        ends: When::relative(facts.certificate.not_after, facts.now),
        certificate: facts.certificate,
        findings,
        asks: !setting.url.is_empty(),
        asked: found.asked_at.map(|at| When::relative(at, facts.now)),
        found,
        update_url: Input::new("url", t("system-update-address"), typed.unwrap_or(setting.url), errors)
            .hint(t("system-update-address-hint"))
            .more("autocomplete=off autocapitalize=none spellcheck=false inputmode=url"),
    })
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame) -> Page {
    Ok(render(&shown(&state, frame.layout(t("common-system"), Menu::System), None, &Errors::default()).await?))
}

pub(crate) async fn save_update_notice(
    State(state): State<AdminState>,
    frame: Frame,
    Form(new): Form<Setting>,
) -> Page {
    let new = Setting { url: new.url.trim().to_owned() };
    let mut errors = Errors::default();
    match api_update::save(&state, &new).await {
        Ok(()) => return go("/system?done=saved"),
        Err(refused) => errors.take(refused)?,
    }
    let page = shown(&state, frame.layout(t("common-system"), Menu::System), Some(new.url), &errors).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)).into_response())
}

pub(crate) async fn check_update(State(state): State<AdminState>) -> Page {
    api_update::ask(&state).await?;
    go("/system#updates")
}
