//! `/sign-in` and `/sign-out`.

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use pbx_core::model::Redacted;
use serde::Deserialize;

use super::{Page, go};
use crate::accounts::{self, AdminUser};
use crate::audit::store::Entry;
use crate::clock;
use crate::error::{Refusal, render};
use crate::form::{Errors, Input};
use crate::layout::{self, Layout};
use crate::session::{self, Caller, safe_next};
use crate::state::AdminState;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct SignInQuery {
    #[serde(default)]
    next: String,
    #[serde(default)]
    done: String,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct SignInForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: Redacted<String>,
    #[serde(default)]
    next: String,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    layout: Layout,
    next: String,
    problem: String,
    /// Nobody can sign in yet: the setup link is needed.
    nobody: bool,
    name: Input,
    password: Input,
}

pub(crate) async fn form(State(state): State<AdminState>, Query(query): Query<SignInQuery>) -> Page {
    let mut layout = Layout::bare("Sign in");
    layout.done = layout::sentence(&query.done);
    let form = SignInForm { next: query.next, ..SignInForm::default() };
    page(&state, layout, &form, &Errors::default()).await
}

pub(crate) async fn submit(State(state): State<AdminState>, caller: Caller, Form(form): Form<SignInForm>) -> Page {
    let now = clock::now();
    if let Err(wait) = state.throttle.attempt(&form.name, caller.address, now) {
        let seconds = wait.as_secs().max(1);
        let mut errors = Errors::default();
        errors.put("", format!("Too many failed attempts from here. Wait {seconds} s and try again."));
        let shown = page(&state, Layout::bare("Sign in"), &form, &errors).await?;
        let after = [(header::RETRY_AFTER, HeaderValue::from(seconds))];
        return Ok((StatusCode::TOO_MANY_REQUESTS, after, shown).into_response());
    }
    let user = accounts::user_by_name(&state.store, &form.name).await?;
    let stored = user.as_ref().map(|user| user.password_hash.clone());
    let right = match state.passwords.verify(form.password.reveal().clone(), stored).await {
        Ok(right) => right,
        Err(failed) => {
            state.throttle.undecided(&form.name, caller.address);
            let mut errors = Errors::default();
            errors.take(Refusal::from(failed))?;
            let shown = page(&state, Layout::bare("Sign in"), &form, &errors).await?;
            return Ok((StatusCode::SERVICE_UNAVAILABLE, shown).into_response());
        }
    };
    match user.clone().filter(|_| right) {
        Some(user) => {
            state.throttle.succeeded(&form.name, caller.address, now);
            audited(&state, &caller, Some(&user), "done").await;
            let cookie = session::start(&state, user.id, &caller).await?;
            let mut response = go(safe_next(&form.next))?;
            response.headers_mut().insert(header::SET_COOKIE, cookie);
            Ok(response)
        }
        None => {
            tracing::info!(address = %caller.address, "a sign-in failed");
            audited(&state, &caller, user.as_ref(), "refused (401)").await;
            let mut errors = Errors::default();
            errors.put(
                "",
                "User name or password is wrong. If the password is lost, run `nightbell setup-link` on the machine.",
            );
            let shown = page(&state, Layout::bare("Sign in"), &form, &errors).await?;
            Ok((StatusCode::UNAUTHORIZED, shown).into_response())
        }
    }
}

/// A name nobody has is not written down: people type passwords into the wrong field.
async fn audited(state: &AdminState, caller: &Caller, user: Option<&AdminUser>, result: &str) {
    let entry = Entry {
        who: user.map_or_else(|| "somebody unknown".to_owned(), |user| user.name.clone()),
        role: String::new(),
        door: "open",
        address: caller.address.to_string(),
        action: "sign-in".to_owned(),
        target: "/sign-in".to_owned(),
        result: result.to_owned(),
        detail: String::new(),
    };
    if result == "done" {
        state.audit.record(&state.store, entry).await;
    } else {
        state.audit.record_stranger(&state.store, entry).await;
    }
}

async fn page(state: &AdminState, layout: Layout, form: &SignInForm, errors: &Errors) -> Page {
    Ok(render(&SignInPage {
        layout,
        next: safe_next(&form.next).to_owned(),
        problem: errors.of(""),
        nobody: !accounts::any_user(&state.store).await?,
        name: Input::new("name", "User name or mail address", &form.name, errors)
            .more("autocomplete=username autocapitalize=none spellcheck=false required autofocus"),
        password: Input::new("password", "Password", "", errors)
            .kind("password")
            .more("autocomplete=current-password required"),
    }))
}

pub(crate) async fn sign_out(State(state): State<AdminState>, headers: HeaderMap) -> Page {
    if let Some(session) = session::session_hash(&headers) {
        accounts::drop_session(&state.store, &session).await?;
    }
    let mut response = go("/sign-in?done=signed-out")?;
    response.headers_mut().insert(header::SET_COOKIE, session::removal());
    Ok(response)
}
