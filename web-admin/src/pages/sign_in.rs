//! `/sign-in`, its second step `/sign-in/code`, and `/sign-out`.

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use pbx_core::model::Redacted;
use serde::Deserialize;

use super::second_factor::code_account;
use super::{Page, go};
use crate::accounts::{self, AdminUser};
use crate::assets;
use crate::audit::store::Entry;
use crate::clock;
use crate::error::{Refusal, render};
use crate::form::{Errors, Input};
use crate::layout::{self, Layout};
use crate::passkeys;
use crate::password::Passwords;
use crate::second_factor::{self, store as factors};
use crate::session::{self, Caller, safe_next};
use crate::state::AdminState;
use crate::throttle::Origin;
use crate::token;
use crate::{say, t};

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
    /// Somebody has a passkey, and here is the script that asks for it.
    passkeys: Option<&'static str>,
    name: Input,
    password: Input,
}

pub(crate) async fn form(State(state): State<AdminState>, Query(query): Query<SignInQuery>) -> Page {
    let mut layout = Layout::bare(t("common-sign-in"));
    layout.done = layout::sentence(&query.done);
    let form = SignInForm { next: query.next, ..SignInForm::default() };
    page(&state, layout, &form, &Errors::default()).await
}

/// Whom failures are counted for: a browser this person has signed in from before, or else the address.
pub(crate) async fn origin(
    state: &AdminState,
    name: &str,
    headers: &HeaderMap,
    caller: &Caller,
) -> Result<Origin, Refusal> {
    if let Some(browser) = session::browser_hash(headers)
        && factors::browser_known(&state.store, &accounts::key(name), &browser).await?
    {
        return Ok(Origin::Browser(browser));
    }
    Ok(caller.address.into())
}

pub(crate) async fn submit(
    State(state): State<AdminState>,
    headers: HeaderMap,
    caller: Caller,
    Form(form): Form<SignInForm>,
) -> Page {
    let now = clock::now();
    let origin = origin(&state, &form.name, &headers, &caller).await?;
    let mut errors = Errors::default();
    if let Err(wait) = state.throttle.attempt(&form.name, origin.clone(), now) {
        let seconds = wait.as_secs().max(1);
        errors.put("", say("sign-in-too-many-failed-attempts-from-here").with("seconds", &seconds).text());
        let shown = page(&state, Layout::bare(t("common-sign-in")), &form, &errors).await?;
        let after = [(header::RETRY_AFTER, HeaderValue::from(seconds))];
        return Ok((StatusCode::TOO_MANY_REQUESTS, after, shown).into_response());
    }
    let user = accounts::user_by_name(&state.store, &form.name).await?;
    let stored = user.as_ref().map(|user| user.password_hash.clone());
    let right = match state.passwords.verify(form.password.reveal().clone(), stored).await {
        Ok(right) => right,
        Err(failed) => {
            state.throttle.undecided(&form.name, origin);
            errors.take(Refusal::from(failed))?;
            let shown = page(&state, Layout::bare(t("common-sign-in")), &form, &errors).await?;
            return Ok((StatusCode::SERVICE_UNAVAILABLE, shown).into_response());
        }
    };
    let Some(user) = user.clone().filter(|_| right) else {
        tracing::info!(address = %caller.address, "a sign-in failed");
        audited(&state, &caller, user.as_ref(), ("password", "refused (401)")).await;
        errors.put("", t("sign-in-user-name-or-password-is-wrong"));
        let shown = page(&state, Layout::bare(t("common-sign-in")), &form, &errors).await?;
        return Ok((StatusCode::UNAUTHORIZED, shown).into_response());
    };
    state.throttle.succeeded(&form.name, origin, now);
    rehash(&state, &user, &form.password).await;
    if second_factor::has_codes(&state, user.id).await? {
        let half = token::mint("")?;
        state.waiting.put(half.hash.clone(), user.id, now);
        let mut response = code_page(&form.next, &Errors::default());
        response.headers_mut().append(header::SET_COOKIE, session::half_cookie(&half.text)?);
        return Ok(response);
    }
    audited(&state, &caller, Some(&user), ("password", "done")).await;
    welcome(&state, user.id, (&caller, &headers), &form.next).await
}

/// A password kept with weaker parameters than today's is kept with today's from now on.
async fn rehash(state: &AdminState, user: &AdminUser, password: &Redacted<String>) {
    if !Passwords::is_old(&user.password_hash) {
        return;
    }
    // Whoever signs in is not held up by it: the next sign-in tries again.
    if let Ok(hash) = state.passwords.hash(password.reveal().clone()).await
        && let Err(error) = accounts::put_hash(&state.store, user.id, (&user.password_hash, &hash)).await
    {
        tracing::warn!(%error, "a password hash could not be renewed");
    }
}

/// Starts the session and remembers the browser.
async fn welcome(state: &AdminState, user: i64, (caller, headers): (&Caller, &HeaderMap), next: &str) -> Page {
    let mut response = go(safe_next(next))?;
    for cookie in session::start(state, user, caller, headers).await? {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct CodeForm {
    #[serde(default)]
    code: Redacted<String>,
    #[serde(default)]
    next: String,
}

#[derive(Template)]
#[template(path = "sign_in_code.html")]
struct CodePage {
    layout: Layout,
    next: String,
    problem: String,
    code: Input,
}

fn code_page(next: &str, errors: &Errors) -> Response {
    render(&CodePage {
        layout: Layout::bare(t("sign-in-code-one-more-step")),
        next: safe_next(next).to_owned(),
        problem: errors.of(""),
        code: Input::new("code", t("sign-in-the-code-your-app-shows-or"), "", errors).more(
            "autocomplete=one-time-code autocapitalize=characters spellcheck=false required autofocus maxlength=40",
        ),
    })
}

pub(crate) async fn submit_code(
    State(state): State<AdminState>,
    headers: HeaderMap,
    caller: Caller,
    Form(form): Form<CodeForm>,
) -> Page {
    let now = clock::now();
    let half = session::half_hash(&headers);
    let Some((half, user)) = half.and_then(|half| state.waiting.attempt(&half, now).map(|user| (half, user))) else {
        return go("/sign-in?done=again");
    };
    let Some(user) = accounts::user_by_id(&state.store, user).await? else { return go("/sign-in?done=again") };
    let account = code_account(&user.name);
    let origin = origin(&state, &user.name, &headers, &caller).await?;
    let mut errors = Errors::default();
    if let Err(wait) = state.throttle.attempt(&account, origin.clone(), now) {
        errors.put("", say("sign-in-too-many-wrong-codes-wait-s").with("wait", &wait.as_secs().max(1)).text());
        return Ok((StatusCode::TOO_MANY_REQUESTS, code_page(&form.next, &errors)).into_response());
    }
    if second_factor::check(&state, user.id, form.code.reveal()).await? {
        state.throttle.succeeded(&account, origin, now);
        state.waiting.done(&half);
        audited(&state, &caller, Some(&user), ("password and code", "done")).await;
        return welcome(&state, user.id, (&caller, &headers), &form.next).await;
    }
    audited(&state, &caller, Some(&user), ("code", "refused (401)")).await;
    errors.put("code", t("sign-in-this-code-is-wrong-or-was"));
    Ok((StatusCode::UNAUTHORIZED, code_page(&form.next, &errors)).into_response())
}

/// A name nobody has is not written down: people type passwords into the wrong field.
pub(crate) async fn audited(state: &AdminState, caller: &Caller, user: Option<&AdminUser>, (by, result): (&str, &str)) {
    let entry = Entry {
        who: user.map_or_else(|| "somebody unknown".to_owned(), |user| user.name.clone()),
        role: String::new(),
        door: "open",
        address: caller.address.to_string(),
        action: "sign-in".to_owned(),
        target: "/sign-in".to_owned(),
        result: result.to_owned(),
        detail: format!("by {by}"),
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
        passkeys: (state.passkeys.possible() && passkeys::store::anybody(&state.store).await?)
            .then(|| assets::passkey_script().url.as_str()),
        name: Input::new("name", t("setup-user-name-or-mail-address"), &form.name, errors)
            .hint(t("sign-in-not-the-number-of-an-extension"))
            .more("autocomplete=username autocapitalize=none spellcheck=false required autofocus"),
        password: Input::new("password", t("invitation-password"), "", errors)
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
