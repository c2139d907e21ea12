//! `/account`: one's own password.

use askama::Template;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use pbx_core::model::Redacted;
use serde::Deserialize;

use super::{Page, go};
use crate::accounts;
use crate::clock;
use crate::error::{ErrorPage, Refusal, render};
use crate::form::{Errors, Input};
use crate::layout::{Frame, Layout, Menu};
use crate::password::{self, MIN_CHARS};
use crate::state::AdminState;
use crate::throttle::Origin;

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    layout: Layout,
    name: String,
    problem: String,
    current: Input,
    new: Input,
    again: Input,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PasswordForm {
    #[serde(default)]
    current: Redacted<String>,
    #[serde(default)]
    new: Redacted<String>,
    #[serde(default)]
    again: Redacted<String>,
}

pub(crate) async fn page(frame: Frame) -> Page {
    Ok(shown(&frame, &Errors::default()))
}

fn shown(frame: &Frame, errors: &Errors) -> Response {
    let secret = |name, label| Input::new(name, label, "", errors).kind("password");
    render(&AccountPage {
        layout: frame.layout("Account", Menu::Account),
        name: frame.signed_in.name.clone(),
        problem: errors.of(""),
        current: secret("current", "Password now").more("autocomplete=current-password required"),
        new: secret("new", "New password")
            .hint(format!("At least {MIN_CHARS} characters, for example four unrelated words."))
            .more("autocomplete=new-password required minlength=12"),
        again: secret("again", "The new password again").more("autocomplete=new-password required"),
    })
}

pub(crate) async fn change_password(
    State(state): State<AdminState>,
    frame: Frame,
    Form(form): Form<PasswordForm>,
) -> Page {
    let name = frame.signed_in.name.clone();
    let user = accounts::user_by_name(&state.store, &name).await?;
    let user = user.ok_or_else(|| ErrorPage(Refusal::signed_out()))?;
    let mut errors = Errors::default();
    let now = clock::now();
    // Counted for this session: strangers cannot slow it down, and whoever stole it gets no further than they.
    let origin = Origin::Browser(frame.signed_in.session.clone());
    if state.throttle.attempt(&name, origin.clone(), now).is_err() {
        errors.put("current", "too many wrong passwords; wait a minute and try again");
    } else {
        match state.passwords.verify(form.current.reveal().clone(), Some(user.password_hash)).await {
            Ok(true) => state.throttle.succeeded(&name, origin, now),
            Ok(false) => errors.put("current", "this is not your password"),
            Err(busy) => {
                state.throttle.undecided(&name, origin);
                return Err(ErrorPage(Refusal::from(busy)));
            }
        }
    }
    if let Err(weak) = password::check_new(form.new.reveal(), &name) {
        errors.put("new", weak.to_string());
    } else if form.new != form.again {
        errors.put("again", "the two passwords differ; type the same one twice");
    }
    if errors.is_empty() {
        let hash = state.passwords.hash(form.new.reveal().clone()).await?;
        accounts::change_password(&state.store, user.id, &hash, now).await?;
        return go("/sign-in?done=password");
    }
    Ok((StatusCode::UNPROCESSABLE_ENTITY, shown(&frame, &errors)).into_response())
}
