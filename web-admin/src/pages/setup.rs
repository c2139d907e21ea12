//! `/setup/{token}`: the first account, and the way back in. Looking uses nothing up; sending the form does.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use pbx_core::model::Redacted;
use serde::Deserialize;

use super::{Page, go};
use crate::accounts;
use crate::clock;
use crate::error::{Refusal, render};
use crate::form::{Errors, Input};
use crate::layout::Layout;
use crate::password::{self, MIN_CHARS};
use crate::session::Caller;
use crate::state::AdminState;
use crate::token;
use crate::users;
use crate::{say, t};

#[derive(Debug, Default, Deserialize)]
pub(crate) struct SetupForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: Redacted<String>,
    #[serde(default)]
    again: Redacted<String>,
}

#[derive(Template)]
#[template(path = "setup.html")]
struct SetupPage {
    layout: Layout,
    action: String,
    /// Somebody can sign in already, so this is a lost password.
    known: bool,
    problem: String,
    name: Input,
    password: Input,
    again: Input,
}

#[derive(Template)]
#[template(path = "setup_void.html")]
struct VoidPage {
    layout: Layout,
}

pub(crate) async fn form(State(state): State<AdminState>, Path(text): Path<String>) -> Page {
    let Some(_) = valid(&state, &text).await? else { return Ok(void()) };
    page(&state, &text, &SetupForm::default(), &Errors::default()).await
}

pub(crate) async fn submit(
    State(state): State<AdminState>,
    Path(text): Path<String>,
    caller: Caller,
    Form(form): Form<SetupForm>,
) -> Page {
    let Some(hash) = valid(&state, &text).await? else { return Ok(void()) };
    let mut errors = Errors::default();
    let name = form.name.trim();
    if let Err(why) = users::check_name(name) {
        errors.put("name", why);
    }
    if let Err(weak) = password::check_new(form.password.reveal(), name) {
        errors.put("password", weak.to_string());
    } else if form.password != form.again {
        errors.put("again", t("account-the-two-passwords-differ-type-the"));
    }
    if errors.is_empty() {
        match state.passwords.hash(form.password.reveal().clone()).await {
            Ok(hashed) => {
                let now = clock::now();
                let first = !accounts::any_user(&state.store).await?;
                return if accounts::use_setup(&state.store, &hash, name, &hashed, now).await? {
                    // Whoever holds the link may sign in at once, whatever strangers do meanwhile.
                    state.throttle.succeeded(name, caller.address, now);
                    go(if first { "/sign-in?done=ready&next=/welcome" } else { "/sign-in?done=ready" })
                } else {
                    Ok(void())
                };
            }
            Err(failed) => errors.take(Refusal::from(failed))?,
        }
    }
    let shown = page(&state, &text, &form, &errors).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response())
}

async fn valid(state: &AdminState, text: &str) -> Result<Option<String>, Refusal> {
    let Some(hash) = token::hash(text) else { return Ok(None) };
    Ok(accounts::setup_works(&state.store, &hash, clock::now()).await?.then_some(hash))
}

pub(super) fn void() -> Response {
    let page = VoidPage { layout: Layout::bare(t("setup-this-link-does-not-work")) };
    (StatusCode::NOT_FOUND, render(&page)).into_response()
}

async fn page(state: &AdminState, text: &str, form: &SetupForm, errors: &Errors) -> Page {
    let known = accounts::any_user(&state.store).await?;
    let rule = say("setup-at-least-characters-four-unrelated-words").with("min-chars", &MIN_CHARS).text();
    Ok(render(&SetupPage {
        layout: Layout::bare(if known {
            t("invitation-set-a-new-password")
        } else {
            t("invitation-welcome-to-nightbell")
        }),
        action: format!("/setup/{text}"),
        known,
        problem: errors.of(""),
        name: Input::new("name", t("setup-user-name-or-mail-address"), &form.name, errors)
            .more("autocomplete=username autocapitalize=none spellcheck=false required autofocus"),
        password: Input::new("password", t("invitation-password"), "", errors)
            .kind("password")
            .hint(rule)
            .more("autocomplete=new-password required minlength=12"),
        again: Input::new("again", t("setup-the-same-password-again"), "", errors)
            .kind("password")
            .more("autocomplete=new-password required"),
    }))
}
