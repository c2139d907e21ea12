//! `/invite/{token}`: a person sets their own password. Looking uses nothing up; sending the form does.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use pbx_core::model::Redacted;
use serde::Deserialize;

use super::setup::void;
use super::{Page, go};
use crate::clock;
use crate::error::{Refusal, render};
use crate::form::{Errors, Input};
use crate::layout::Layout;
use crate::password::{self, MIN_CHARS};
use crate::session::Caller;
use crate::state::AdminState;
use crate::token;
use crate::users::store::{self, User};
use crate::{say, t};

#[derive(Debug, Default, Deserialize)]
pub(crate) struct PasswordForm {
    #[serde(default)]
    password: Redacted<String>,
    #[serde(default)]
    again: Redacted<String>,
}

#[derive(Template)]
#[template(path = "invitation.html")]
struct InvitationPage {
    layout: Layout,
    action: String,
    name: String,
    problem: String,
    password: Input,
    again: Input,
}

async fn invited(state: &AdminState, text: &str) -> Result<Option<(String, User)>, Refusal> {
    let Some(hash) = token::hash(text) else { return Ok(None) };
    Ok(store::invited(&state.store, &hash, clock::now()).await?.map(|user| (hash, user)))
}

fn page(text: &str, user: &User, errors: &Errors) -> Response {
    render(&InvitationPage {
        layout: Layout::bare(if user.has_password {
            t("invitation-set-a-new-password")
        } else {
            t("invitation-welcome-to-nightbell")
        }),
        action: format!("/invite/{text}"),
        name: user.name.clone(),
        problem: errors.of(""),
        password: Input::new("password", t("invitation-password"), "", errors)
            .kind("password")
            .hint(say("account-at-least-characters-for-example-four").with("min-chars", &MIN_CHARS).text())
            .more("autocomplete=new-password required minlength=12"),
        again: Input::new("again", t("invitation-the-password-again"), "", errors)
            .kind("password")
            .more("autocomplete=new-password required"),
    })
}

pub(crate) async fn form(State(state): State<AdminState>, Path(text): Path<String>) -> Page {
    match invited(&state, &text).await? {
        Some((_, user)) => Ok(page(&text, &user, &Errors::default())),
        None => Ok(void()),
    }
}

pub(crate) async fn submit(
    State(state): State<AdminState>,
    Path(text): Path<String>,
    caller: Caller,
    Form(form): Form<PasswordForm>,
) -> Page {
    let Some((hash, user)) = invited(&state, &text).await? else { return Ok(void()) };
    let mut errors = Errors::default();
    if let Err(weak) = password::check_new(form.password.reveal(), &user.name) {
        errors.put("password", weak.to_string());
    } else if form.password != form.again {
        errors.put("again", t("account-the-two-passwords-differ-type-the"));
    } else {
        match state.passwords.hash(form.password.reveal().clone()).await {
            Ok(hashed) => {
                let now = clock::now();
                if !store::use_invitation(&state.store, &hash, &hashed, now).await? {
                    return Ok(void());
                }
                state.throttle.succeeded(&user.name, caller.address, now);
                return go("/sign-in?done=ready");
            }
            Err(failed) => errors.take(Refusal::from(failed))?,
        }
    }
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&text, &user, &errors)).into_response())
}
