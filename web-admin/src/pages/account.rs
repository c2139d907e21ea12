//! `/account`: one's own password and language.

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
use crate::language::{self, Language};
use crate::layout::{Frame, Layout, Menu};
use crate::password::{self, MIN_CHARS};
use crate::state::AdminState;
use crate::throttle::Origin;
use crate::{say, t};

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    layout: Layout,
    name: String,
    problem: String,
    current: Input,
    new: Input,
    again: Input,
    language: Input,
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
    let chosen = frame.signed_in.language.map_or("", Language::code);
    let secret = |name, label| Input::new(name, label, "", errors).kind("password");
    render(&AccountPage {
        layout: frame.layout(t("common-account"), Menu::Account),
        name: frame.signed_in.name.clone(),
        problem: errors.of(""),
        current: secret("current", t("account-password-now")).more("autocomplete=current-password required"),
        new: secret("new", t("account-new-password"))
            .hint(say("account-at-least-characters-for-example-four").with("min-chars", &MIN_CHARS).text())
            .more("autocomplete=new-password required minlength=12"),
        again: secret("again", t("account-the-new-password-again")).more("autocomplete=new-password required"),
        language: Input::new("language", t("account-language"), chosen, errors)
            .choices(&language::choices(t("account-language-of-company"))),
    })
}

#[derive(Debug, Deserialize)]
pub(crate) struct LanguageForm {
    #[serde(default)]
    language: String,
}

/// Keeps the language somebody wants to be answered in; the next page has it.
pub(crate) async fn set_language(
    State(state): State<AdminState>,
    frame: Frame,
    Form(form): Form<LanguageForm>,
) -> Page {
    let user = frame.signed_in.user.ok_or_else(|| ErrorPage(Refusal::signed_out()))?;
    accounts::put_language(&state.store, user, Language::from_tag(&form.language)).await?;
    go("/account?done=saved")
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
        errors.put("current", t("account-too-many-wrong-passwords-wait-a"));
    } else {
        match state.passwords.verify(form.current.reveal().clone(), Some(user.password_hash)).await {
            Ok(true) => state.throttle.succeeded(&name, origin, now),
            Ok(false) => errors.put("current", t("account-this-is-not-your-password")),
            Err(busy) => {
                state.throttle.undecided(&name, origin);
                return Err(ErrorPage(Refusal::from(busy)));
            }
        }
    }
    if let Err(weak) = password::check_new(form.new.reveal(), &name) {
        errors.put("new", weak.to_string());
    } else if form.new != form.again {
        errors.put("again", t("account-the-two-passwords-differ-type-the"));
    }
    if errors.is_empty() {
        let hash = state.passwords.hash(form.new.reveal().clone()).await?;
        accounts::change_password(&state.store, user.id, &hash, now).await?;
        return go("/sign-in?done=password");
    }
    Ok((StatusCode::UNPROCESSABLE_ENTITY, shown(&frame, &errors)).into_response())
}
