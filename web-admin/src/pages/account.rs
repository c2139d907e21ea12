//! `/account`: one's own password, and tokens for scripts.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use pbx_core::model::Redacted;
use serde::Deserialize;

use super::confirm::Confirm;
use super::{Page, go};
use crate::accounts;
use crate::api::system::make_token;
use crate::clock;
use crate::error::{ErrorPage, Refusal, render};
use crate::form::{Errors, Input};
use crate::layout::{Frame, Layout, Menu};
use crate::password::{self, MIN_CHARS};
use crate::session::Caller;
use crate::state::AdminState;
use crate::words::When;

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    layout: Layout,
    name: String,
    problem: String,
    current: Input,
    new: Input,
    again: Input,
    token_name: Input,
    tokens: Vec<TokenLine>,
    /// A token that was just made, shown this once.
    made: String,
    public_url: String,
}

struct TokenLine {
    id: i64,
    name: String,
    made: When,
    used: Option<When>,
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

#[derive(Debug, Default, Deserialize)]
pub(crate) struct TokenForm {
    #[serde(default)]
    token_name: String,
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame) -> Page {
    shown(&state, &frame, &Errors::default(), (&TokenForm::default(), String::new())).await
}

async fn shown(state: &AdminState, frame: &Frame, errors: &Errors, (form, made): (&TokenForm, String)) -> Page {
    let now = clock::now();
    let tokens = accounts::api_tokens(&state.store).await?.into_iter().map(|token| TokenLine {
        id: token.id,
        name: token.name,
        made: When::exact(token.created_at),
        used: token.last_used_at.map(|at| When::relative(at, now)),
    });
    let secret = |name, label| Input::new(name, label, "", errors).kind("password");
    Ok(render(&AccountPage {
        layout: frame.layout("Account", Menu::Account),
        name: frame.signed_in.name.clone(),
        problem: errors.of(""),
        current: secret("current", "Password now").more("autocomplete=current-password required"),
        new: secret("new", "New password")
            .hint(format!("At least {MIN_CHARS} characters, for example four unrelated words."))
            .more("autocomplete=new-password required minlength=12"),
        again: secret("again", "The new password again").more("autocomplete=new-password required"),
        token_name: Input::new("token_name", "What is it for?", &form.token_name, errors)
            .hint("For example the name of a script. The token may do everything an admin may.")
            .more("autocomplete=off required maxlength=64"),
        tokens: tokens.collect(),
        made,
        public_url: state.site.public_url.clone(),
    }))
}

pub(crate) async fn change_password(
    State(state): State<AdminState>,
    frame: Frame,
    caller: Caller,
    Form(form): Form<PasswordForm>,
) -> Page {
    let name = frame.signed_in.name.clone();
    let user = accounts::user_by_name(&state.store, &name).await?;
    let user = user.ok_or_else(|| ErrorPage(Refusal::signed_out()))?;
    let mut errors = Errors::default();
    let now = clock::now();
    if state.throttle.attempt(&name, caller.address, now).is_err() {
        errors.put("current", "too many wrong passwords; wait a minute and try again");
    } else {
        match state.passwords.verify(form.current.reveal().clone(), Some(user.password_hash)).await {
            Ok(true) => state.throttle.succeeded(&name, caller.address, now),
            Ok(false) => errors.put("current", "this is not your password"),
            Err(busy) => {
                state.throttle.undecided(&name, caller.address);
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
    let page = shown(&state, &frame, &errors, (&TokenForm::default(), String::new())).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

pub(crate) async fn add_token(State(state): State<AdminState>, frame: Frame, Form(form): Form<TokenForm>) -> Page {
    match make_token(&state, &form.token_name).await {
        Ok(made) => {
            let fresh = (&TokenForm::default(), made.token.into_inner());
            shown(&state, &frame, &Errors::default(), fresh).await
        }
        Err(refusal) => {
            let mut errors = Errors::default();
            errors.take(Refusal { field: Some("token_name".into()), ..refusal })?;
            let page = shown(&state, &frame, &errors, (&form, String::new())).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

pub(crate) async fn confirm_remove_token(State(state): State<AdminState>, frame: Frame, Path(id): Path<i64>) -> Page {
    let tokens = accounts::api_tokens(&state.store).await?;
    let missing = || ErrorPage(Refusal::not_found("no_such_token", format!("there is no API token {id}")));
    let token = tokens.into_iter().find(|token| token.id == id).ok_or_else(missing)?;
    let confirm = Confirm {
        layout: frame.layout("Delete this API token?", Menu::Account),
        lines: vec![format!("Whatever uses “{}” is refused from now on.", token.name)],
        action: format!("/account/tokens/{id}/remove"),
        button: "Delete the token",
        back: "/account".into(),
    };
    Ok(confirm.page())
}

pub(crate) async fn remove_token(State(state): State<AdminState>, Path(id): Path<i64>) -> Page {
    accounts::drop_api_token(&state.store, id).await?;
    go("/account?done=removed")
}
