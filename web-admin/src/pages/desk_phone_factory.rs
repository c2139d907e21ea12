//! `/desk-phones/factory`: the port for factory certificates, and whose authorities count.

use askama::Template;
use axum::extract::{Form, Multipart, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use provisioning::desk_phone::Vendor;
use serde::Deserialize;

use super::confirm::Confirm;
use super::{Page, go};
use crate::api::desk_phone_factory::{AuthoritiesBody, FactoryBody, choose, distrust, trust};
use crate::clock;
use crate::error::{Refusal, render};
use crate::form::{Errors, Input, Parts};
use crate::language::retold;
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;
use crate::words::When;
use crate::{say, t};

#[derive(Template)]
#[template(path = "desk_phone_factory.html")]
struct FactoryPage {
    layout: Layout,
    url: Option<String>,
    trouble: String,
    lines: Vec<Line>,
    settings: Vec<Input>,
    settings_problem: String,
    upload: Vec<Input>,
    upload_problem: String,
}

struct Line {
    vendor: &'static str,
    subject: String,
    fingerprint: String,
    ends: When,
    ended: bool,
}

/// What was typed, to be shown again.
#[derive(Debug, Default)]
struct Typed {
    port: Option<String>,
    accept_ended: Option<bool>,
    vendor: String,
    certificates: String,
}

fn page_of(state: &AdminState, frame: &Frame, typed: &Typed, (chosen, uploaded): (&Errors, &Errors)) -> Response {
    let there = state.desk_phones.factory();
    let now = clock::now();
    let port = typed.port.clone().unwrap_or_else(|| there.settings.port.map(|it| it.to_string()).unwrap_or_default());
    let ended = if typed.accept_ended.unwrap_or(there.settings.ended_too) { "on" } else { "" };
    let vendors: Vec<_> = Vendor::ALL.into_iter().map(|vendor| (vendor.as_str(), vendor.title())).collect();
    render(&FactoryPage {
        layout: frame.layout(t("factory-factory-certificates"), Menu::DeskPhones),
        url: there.url,
        trouble: there.problem.map(|text| crate::words::sentence(&text)).unwrap_or_default(),
        lines: there
            .authorities
            .into_iter()
            .map(|one| Line {
                vendor: one.vendor.title(),
                subject: one.subject,
                fingerprint: one.fingerprint,
                ends: When::relative(one.ends_at, now),
                ended: one.ends_at <= now,
            })
            .collect(),
        settings_problem: chosen.of(""),
        settings: vec![
            Input::new("port", t("factory-port"), &port, chosen)
                .hint(t("factory-empty-closes-it-for-example-8444"))
                .more("inputmode=numeric autocomplete=off maxlength=5"),
            Input::new("accept_ended", t("factory-certificates-that-have-ended-count"), ended, chosen)
                .kind("checkbox")
                .hint(t("factory-phones-outlive-their-certificates")),
        ],
        upload_problem: uploaded.of(""),
        upload: vec![
            Input::new("vendor", t("desk-phones-vendor"), &typed.vendor, uploaded).choices(&vendors),
            Input::new("certificates", t("factory-or-paste-it-here"), &typed.certificates, uploaded)
                .rows(6)
                .more("spellcheck=false autocapitalize=none autocomplete=off"),
        ],
    })
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame) -> Page {
    Ok(page_of(&state, &frame, &Typed::default(), (&Errors::default(), &Errors::default())))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct SettingsForm {
    port: String,
    accept_ended: String,
}

pub(crate) async fn settings(State(state): State<AdminState>, frame: Frame, Form(form): Form<SettingsForm>) -> Page {
    let accept_ended = form.accept_ended == "on";
    let chosen = match form.port.trim() {
        "" => choose(&state, FactoryBody { port: None, accept_ended }).await,
        text => match text.parse() {
            Ok(port) => choose(&state, FactoryBody { port: Some(port), accept_ended }).await,
            Err(_) => Err(crate::factory_door::no_port()),
        },
    };
    let Err(refusal) = chosen else { return go("/desk-phones/factory?done=phone-options") };
    let mut errors = Errors::default();
    errors.take(refusal)?;
    let typed = Typed { port: Some(form.port), accept_ended: Some(accept_ended), ..Typed::default() };
    let page = page_of(&state, &frame, &typed, (&errors, &Errors::default()));
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

pub(crate) async fn add(State(state): State<AdminState>, frame: Frame, multipart: Multipart) -> Page {
    let parts = Parts::read(multipart).await?;
    let body = AuthoritiesBody {
        vendor: parts.text("vendor").to_owned(),
        certificates: parts.file_or_text("file", "certificates").into_inner(),
    };
    let Err(refusal) = trust(&state, &body).await else { return go("/desk-phones/factory?done=phone-options") };
    let mut errors = Errors::default();
    errors.take(refusal)?;
    // A file is not shown as if it had been typed; a private key least of all.
    let typed = Typed { vendor: body.vendor, ..Typed::default() };
    let page = page_of(&state, &frame, &typed, (&Errors::default(), &errors));
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

pub(crate) async fn confirm_remove(
    State(state): State<AdminState>,
    frame: Frame,
    Path(fingerprint): Path<String>,
) -> Page {
    let known = state.desk_phones.factory().authorities;
    let known = known.into_iter().find(|one| one.fingerprint == fingerprint);
    let known = known.ok_or_else(|| Refusal::from(provisioning::desk_phones::DeskPhonesError::NoSuchAuthority))?;
    let confirm = Confirm {
        layout: frame.layout(
            say("factory-remove-the-authority").with("subject", &retold(&known.subject)).text(),
            Menu::DeskPhones,
        ),
        lines: vec![say("factory-phones-of-are-no-longer-believed").with("vendor", &known.vendor.title()).text()],
        action: format!("/desk-phones/factory/authorities/{fingerprint}/remove"),
        fields: Vec::new(),
        button: t("factory-remove-the-authority-button"),
        back: "/desk-phones/factory".into(),
    };
    Ok(confirm.page())
}

pub(crate) async fn remove(State(state): State<AdminState>, Path(fingerprint): Path<String>) -> Page {
    distrust(&state, &fingerprint).await?;
    go("/desk-phones/factory?done=removed")
}
