//! `/account/confirm`: prove once more who you are, before secrets and people are touched.

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use pbx_core::model::Redacted;
use serde::Deserialize;

use super::second_factor::{code_account, user};
use super::{Page, go};
use crate::accounts;
use crate::clock;
use crate::error::{ErrorPage, Refusal, render};
use crate::form::{Errors, Input};
use crate::layout::{Frame, Menu};
use crate::second_factor;
use crate::session::{self, safe_next};
use crate::state::AdminState;
use crate::t;
use crate::throttle::Origin;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct NextQuery {
    #[serde(default)]
    next: String,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct ConfirmForm {
    #[serde(default)]
    password: Redacted<String>,
    #[serde(default)]
    code: Redacted<String>,
    #[serde(default)]
    next: String,
}

#[derive(Template)]
#[template(path = "confirm_self.html")]
struct ConfirmPage {
    layout: crate::layout::Layout,
    next: String,
    problem: String,
    password: Input,
    /// A code of the app will do instead, for those who have one.
    code: Option<Input>,
}

pub(crate) async fn form(State(state): State<AdminState>, frame: Frame, Query(query): Query<NextQuery>) -> Page {
    page(&state, &frame, &query.next, &Errors::default()).await
}

async fn page(state: &AdminState, frame: &Frame, next: &str, errors: &Errors) -> Page {
    let has_codes = second_factor::has_codes(state, user(frame)?).await?;
    let code = Input::new("code", t("confirm-self-or-the-code-your-app-shows"), "", errors)
        .more("inputmode=numeric autocomplete=one-time-code maxlength=40");
    Ok(render(&ConfirmPage {
        layout: frame.layout(t("common-confirm-that-it-is-you"), Menu::Account),
        next: safe_next(next).to_owned(),
        problem: errors.of(""),
        password: Input::new("password", t("confirm-self-your-password"), "", errors).kind("password").more(
            if has_codes {
                "autocomplete=current-password autofocus"
            } else {
                "autocomplete=current-password required autofocus"
            },
        ),
        code: has_codes.then_some(code),
    }))
}

pub(crate) async fn submit(State(state): State<AdminState>, frame: Frame, Form(form): Form<ConfirmForm>) -> Page {
    let by_code = form.password.reveal().is_empty() && !form.code.reveal().is_empty();
    let name = frame.signed_in.name.clone();
    let account = if by_code { code_account(&name) } else { name };
    // Counted for this session: strangers cannot slow it down, and whoever stole it gets no further than they.
    let (origin, now) = (Origin::Browser(frame.signed_in.session.clone()), clock::now());
    let mut errors = Errors::default();
    if state.throttle.attempt(&account, origin.clone(), now).is_err() {
        errors.put("", t("confirm-self-too-many-wrong-attempts-wait-a"));
        let shown = page(&state, &frame, &form.next, &errors).await?;
        return Ok((StatusCode::TOO_MANY_REQUESTS, shown).into_response());
    }
    let right = if by_code {
        second_factor::check(&state, user(&frame)?, form.code.reveal()).await?
    } else {
        let user = accounts::user_by_id(&state.store, user(&frame)?).await?;
        let user = user.ok_or_else(|| ErrorPage(Refusal::signed_out()))?;
        match state.passwords.verify(form.password.reveal().clone(), Some(user.password_hash)).await {
            Ok(right) => right,
            Err(busy) => {
                state.throttle.undecided(&account, origin);
                return Err(ErrorPage(Refusal::from(busy)));
            }
        }
    };
    if !right {
        let (field, problem) = if by_code {
            ("code", t("confirm-self-this-code-is-wrong-or-was"))
        } else {
            ("password", t("account-this-is-not-your-password"))
        };
        errors.put(field, problem);
        let shown = page(&state, &frame, &form.next, &errors).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response());
    }
    state.throttle.succeeded(&account, origin, now);
    let cookie = session::renew(&state, &frame.signed_in.session).await?;
    let next = safe_next(&form.next);
    let mut response = go(if next == "/" { "/account?done=confirmed" } else { next })?;
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}
