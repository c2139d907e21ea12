//! `/account/second-factor`: codes of an app, set up by scanning and a first code; recovery codes, shown once.

use askama::Template;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use pbx_core::model::Redacted;
use serde::Deserialize;

use super::confirm::Confirm;
use super::{Page, go};
use crate::audit;
use crate::clock;
use crate::error::{ErrorPage, Refusal, render};
use crate::form::{Errors, Input};
use crate::layout::{Frame, Layout, Menu};
use crate::second_factor::{self, store};
use crate::state::AdminState;
use crate::t;
use crate::throttle::Origin;

#[derive(Template)]
#[template(path = "second_factor.html")]
struct FactorPage {
    layout: Layout,
    /// Codes are asked for at sign-in.
    on: bool,
    codes_left: i64,
    /// The owner wants one for this role.
    needed: bool,
    /// The QR code of a seed that waits for its first code; empty without one.
    svg: String,
    base32: String,
    code: Input,
}

pub(crate) fn user(frame: &Frame) -> Result<i64, Refusal> {
    frame.signed_in.user.ok_or_else(Refusal::signed_out)
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame) -> Page {
    shown(&state, &frame, &Errors::default()).await
}

async fn shown(state: &AdminState, frame: &Frame, errors: &Errors) -> Page {
    let user = user(frame)?;
    let enrolling = second_factor::enrolling(state, user, &frame.signed_in.name).await?;
    let (svg, base32) = enrolling.map(|it| (it.svg.into_inner(), it.base32.into_inner())).unwrap_or_default();
    Ok(render(&FactorPage {
        layout: frame.layout(t("common-second-factor"), Menu::Account),
        on: second_factor::has_codes(state, user).await?,
        codes_left: store::codes_left(&state.store, user).await?,
        needed: store::roles(&state.store).await?.contains(&frame.signed_in.role),
        svg,
        base32: base32.as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" "),
        code: Input::new("code", t("second-factor-the-code-the-app-shows"), "", errors)
            .more("inputmode=numeric autocomplete=one-time-code required maxlength=12"),
    }))
}

pub(crate) async fn begin(State(state): State<AdminState>, frame: Frame) -> Page {
    second_factor::begin(&state, user(&frame)?).await?;
    go("/account/second-factor")
}

#[derive(Debug, Deserialize)]
pub(crate) struct CodeForm {
    #[serde(default)]
    pub(crate) code: Redacted<String>,
}

#[derive(Template)]
#[template(path = "recovery_codes.html")]
struct CodesPage {
    layout: Layout,
    codes: Vec<String>,
}

fn codes_page(frame: &Frame, codes: Vec<String>) -> Response {
    render(&CodesPage { layout: frame.layout(t("recovery-codes-recovery-codes"), Menu::Account), codes })
}

pub(crate) async fn finish(State(state): State<AdminState>, frame: Frame, Form(form): Form<CodeForm>) -> Page {
    let user = user(&frame)?;
    let (account, now) = (code_account(&frame.signed_in.name), clock::now());
    let origin = Origin::Browser(frame.signed_in.session.clone());
    let mut errors = Errors::default();
    if state.throttle.attempt(&account, origin.clone(), now).is_err() {
        errors.put("code", t("second-factor-too-many-wrong-codes-wait-a"));
    } else if let Some(codes) = second_factor::finish(&state, user, form.code.reveal()).await? {
        state.throttle.succeeded(&account, origin, now);
        audit::note("second factor on");
        return Ok(codes_page(&frame, codes));
    } else {
        errors.put("code", t("second-factor-this-is-not-the-code-of"));
    }
    let page = shown(&state, &frame, &errors).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

/// Under which name wrong codes are counted, apart from wrong passwords: a right password must not forgive wrong codes.
pub(crate) fn code_account(name: &str) -> String {
    format!("{name}\u{1}code")
}

pub(crate) async fn renew(State(state): State<AdminState>, frame: Frame) -> Page {
    let user = user(&frame)?;
    if !second_factor::has_codes(&state, user).await? {
        return go("/account/second-factor");
    }
    Ok(codes_page(&frame, second_factor::renew_codes(&state, user).await?))
}

pub(crate) async fn confirm_remove(frame: Frame) -> Page {
    let confirm = Confirm {
        layout: frame.layout(t("second-factor-sign-in-without-codes"), Menu::Account),
        lines: vec![t("second-factor-whoever-knows-the-password-can-sign").into()],
        action: "/account/second-factor/off".into(),
        fields: Vec::new(),
        button: t("second-factor-switch-the-second-factor-off"),
        back: "/account/second-factor".into(),
    };
    Ok(confirm.page())
}

pub(crate) async fn remove(State(state): State<AdminState>, frame: Frame) -> Page {
    if store::roles(&state.store).await?.contains(&frame.signed_in.role) {
        let detail = t("second-factor-an-owner-wants-a-second-factor-2");
        return Err(ErrorPage(Refusal::new(StatusCode::CONFLICT, "second_factor_needed", detail)));
    }
    store::remove(&state.store, user(&frame)?).await?;
    audit::note("second factor off");
    go("/account/second-factor?done=saved")
}
