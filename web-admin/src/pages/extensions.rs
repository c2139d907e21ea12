//! `/extensions`: the list, and adding one.

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use pbx_core::model::{ExtensionNumber, Redacted};
use pbx_core::switchboard::command::{Command, ExtensionLine, Reply};
use serde::Deserialize;

use super::Page;
use crate::adding::{self, Shown, Wanted, unexpected};
use crate::api::body::number;
use crate::api::extensions::{display_name, email};
use crate::error::{Problem, Refusal, render};
use crate::form::{Errors, Input};
use crate::layout::{Frame, Layout, Menu};
use crate::session::percent_encode;
use crate::state::AdminState;
use crate::words::{self, Badge};
use crate::{say, t};

/// Lines on a page: more than a screen, less than a wait.
const ON_A_PAGE: usize = 50;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct ListQuery {
    #[serde(default)]
    search: String,
    #[serde(default)]
    after: String,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct AddForm {
    #[serde(default)]
    number: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    secret: Redacted<String>,
}

/// One line of the list.
pub(crate) struct Line {
    pub(crate) line: ExtensionLine,
    pub(crate) presence: Badge,
    pub(crate) reason: String,
    /// Its phones are switched off.
    pub(crate) off: Option<Badge>,
}

#[derive(Template)]
#[template(path = "extensions.html")]
struct ListPage {
    layout: Layout,
    search: String,
    lines: Vec<Line>,
    total: usize,
    /// The address of the next page, empty on the last.
    next: String,
    /// Not on the first page.
    later: bool,
    form: AddInputs,
}

/// The form for one extension.
struct AddInputs {
    open: bool,
    problem: String,
    number: Input,
    name: Input,
    email: Input,
    secret: Input,
}

fn inputs(form: &AddForm, errors: &Errors) -> AddInputs {
    AddInputs {
        open: !errors.is_empty(),
        problem: errors.of(""),
        number: Input::new("number", t("common-number"), &form.number, errors)
            .hint(t("extensions-2-to-15-digits-for-example"))
            .more("inputmode=numeric autocomplete=off required maxlength=15"),
        name: Input::new("name", t("common-name"), &form.name, errors)
            .hint(t("extension-shown-on-the-phones-that-are"))
            .more("autocomplete=off maxlength=64"),
        email: Input::new("email", t("extension-mail-address-optional"), &form.email, errors)
            .kind("email")
            .more("autocomplete=off"),
        secret: Input::new("secret", t("extensions-sip-secret-optional"), "", errors)
            .hint(t("extensions-leave-it-empty-a-strong-one"))
            .kind("password")
            .more("autocomplete=new-password"),
    }
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame, Query(query): Query<ListQuery>) -> Page {
    list(&state, &frame, &query, inputs(&AddForm::default(), &Errors::default())).await
}

async fn list(state: &AdminState, frame: &Frame, query: &ListQuery, form: AddInputs) -> Page {
    let after = query.after.parse::<ExtensionNumber>().ok();
    let search = query.search.trim().to_owned();
    let command = Command::ListExtensions { after, limit: ON_A_PAGE, search: search.clone() };
    let Reply::Extensions(page) = state.switchboard.ask(command).await? else { return Err(unexpected().into()) };
    let next = match page.extensions.last().filter(|_| page.more) {
        Some(last) => format!("/extensions?search={}&after={}", percent_encode(&search), last.extension.number),
        None => String::new(),
    };
    let lines = page.extensions.into_iter().map(|line| Line {
        presence: words::presence(line.presence),
        reason: words::sentence(&line.reason),
        off: line.extension.phones_are_off().then(|| Badge::new("off", "○", t("extensions-phones-switched-off"))),
        line,
    });
    Ok(render(&ListPage {
        layout: frame.layout(t("common-extensions"), Menu::Extensions),
        search,
        lines: lines.collect(),
        total: page.total,
        next,
        later: after.is_some(),
        form,
    }))
}

#[derive(Template)]
#[template(path = "secret.html")]
struct SecretPage {
    layout: Layout,
    number: String,
    /// Just added, not renewed.
    added: bool,
    username: String,
    realm: String,
    server: String,
    secret: String,
    minted: bool,
}

/// The page that shows a secret, once.
pub(crate) fn shown_once(state: &AdminState, layout: Layout, shown: Shown, added: bool) -> Response {
    let host = state.site.public_url.split("://").nth(1).unwrap_or("");
    render(&SecretPage {
        layout,
        number: shown.number.to_string(),
        added,
        username: shown.username,
        realm: shown.realm,
        server: host.rsplit_once(':').map_or(host, |(name, _)| name).to_owned(),
        secret: shown.secret.into_inner(),
        minted: shown.minted,
    })
}

pub(crate) async fn add(State(state): State<AdminState>, frame: Frame, Form(form): Form<AddForm>) -> Page {
    let mut errors = Errors::default();
    if let Some(wanted) = parsed(&form, &mut errors)? {
        match adding::add_one(&state, wanted).await {
            Ok(shown) => {
                let layout = frame.layout(
                    say("extensions-extension-is-ready").with("number", &shown.number).text(),
                    Menu::Extensions,
                );
                return Ok(shown_once(&state, layout, shown, true));
            }
            Err(refusal) => errors.take(refusal)?,
        }
    }
    let shown = list(&state, &frame, &ListQuery::default(), inputs(&form, &errors)).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response())
}

/// Parses every field, so that all errors are shown at once.
fn parsed(form: &AddForm, errors: &mut Errors) -> Result<Option<Wanted>, Refusal> {
    let number = kept(number(form.number.trim()), errors)?;
    let name = kept(display_name(&form.name), errors)?;
    let email = kept(email(&form.email), errors)?;
    let secret = Some(form.secret.clone()).filter(|secret| !secret.reveal().is_empty());
    if let Some(secret) = &secret {
        kept(crate::secret::check(secret.reveal()).map_err(Refusal::from), errors)?;
    }
    let whole = number.zip(name).zip(email).filter(|_| errors.is_empty());
    Ok(whole.map(|((number, name), email)| Wanted { number, name, email, secret }))
}

/// A parsed field, or its error beside it.
pub(crate) fn kept<T>(parsed: Result<T, Refusal>, errors: &mut Errors) -> Result<Option<T>, Refusal> {
    match parsed {
        Ok(value) => Ok(Some(value)),
        Err(refusal) => errors.take(refusal).map(|()| None),
    }
}

pub(crate) async fn export(state: State<AdminState>) -> Result<Response, Problem> {
    crate::api::extensions::export(state).await
}
