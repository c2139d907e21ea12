//! `/account/confirm`: prove once more who you are, before secrets and people are touched.

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use pbx_core::model::Redacted;
use serde::Deserialize;

use super::{Page, go};
use crate::accounts;
use crate::clock;
use crate::error::{ErrorPage, Refusal, render};
use crate::form::{Errors, Input};
use crate::layout::{Frame, Menu};
use crate::session::{self, Caller, safe_next};
use crate::state::AdminState;

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
    next: String,
}

#[derive(Template)]
#[template(path = "confirm_self.html")]
struct ConfirmPage {
    layout: crate::layout::Layout,
    next: String,
    problem: String,
    password: Input,
}

pub(crate) async fn form(frame: Frame, Query(query): Query<NextQuery>) -> Page {
    Ok(page(&frame, &query.next, &Errors::default()))
}

fn page(frame: &Frame, next: &str, errors: &Errors) -> axum::response::Response {
    render(&ConfirmPage {
        layout: frame.layout("Confirm that it is you", Menu::Account),
        next: safe_next(next).to_owned(),
        problem: errors.of(""),
        password: Input::new("password", "Your password", "", errors)
            .kind("password")
            .more("autocomplete=current-password required autofocus"),
    })
}

pub(crate) async fn submit(
    State(state): State<AdminState>,
    frame: Frame,
    caller: Caller,
    Form(form): Form<ConfirmForm>,
) -> Page {
    let name = frame.signed_in.name.clone();
    let now = clock::now();
    let mut errors = Errors::default();
    if state.throttle.attempt(&name, caller.address, now).is_err() {
        errors.put("password", "too many wrong passwords; wait a minute and try again");
        return Ok((StatusCode::TOO_MANY_REQUESTS, page(&frame, &form.next, &errors)).into_response());
    }
    let user = accounts::user_by_name(&state.store, &name).await?.ok_or_else(|| ErrorPage(Refusal::signed_out()))?;
    match state.passwords.verify(form.password.reveal().clone(), Some(user.password_hash)).await {
        Ok(true) => {
            state.throttle.succeeded(&name, caller.address, now);
            let cookie = session::renew(&state, &frame.signed_in.session).await?;
            let next = safe_next(&form.next);
            let mut response = go(if next == "/" { "/account?done=confirmed" } else { next })?;
            response.headers_mut().insert(header::SET_COOKIE, cookie);
            Ok(response)
        }
        Ok(false) => {
            errors.put("password", "this is not your password");
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&frame, &form.next, &errors)).into_response())
        }
        Err(busy) => {
            state.throttle.undecided(&name, caller.address);
            Err(ErrorPage(Refusal::from(busy)))
        }
    }
}
