//! `/tokens`: what scripts and Prometheus may do, from where and until when.

use std::collections::BTreeMap;
use std::time::Duration;

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::confirm::Confirm;
use super::{Page, go};
use crate::clock;
use crate::error::{ErrorPage, Refusal, render};
use crate::form::{Errors, Input};
use crate::layout::{Frame, Layout, Menu};
use crate::role::Scope;
use crate::state::AdminState;
use crate::tokens::{self, Made, Wish, store};
use crate::words::When;
use crate::{say, t};

#[derive(Template)]
#[template(path = "tokens.html")]
struct TokensPage {
    layout: Layout,
    tab: &'static str,
    lines: Vec<Line>,
}

struct Line {
    id: i64,
    name: String,
    scopes: String,
    addresses: String,
    made_by: String,
    made: When,
    expires: Option<When>,
    over: bool,
    used: Option<When>,
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame) -> Page {
    let now = clock::now();
    let lines = store::list(&state.store).await?.into_iter().map(|token| Line {
        id: token.id,
        name: token.name,
        scopes: token.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", "),
        addresses: token.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        made_by: token.made_by.unwrap_or_else(|| t("tokens-the-machines-owner").to_owned()),
        made: When::exact(token.created_at),
        over: token.expires_at.is_some_and(|end| end <= now),
        expires: token.expires_at.map(|end| When::relative(end, now)),
        used: token.last_used_at.map(|at| When::relative(at, now)),
    });
    Ok(render(&TokensPage {
        layout: frame.layout(t("common-api-tokens"), Menu::Users),
        tab: "tokens",
        lines: lines.collect(),
    }))
}

#[derive(Template)]
#[template(path = "token_add.html")]
struct AddPage {
    layout: Layout,
    problem: String,
    scopes_problem: String,
    name: Input,
    scopes: Vec<Input>,
    addresses: Input,
    days: Input,
}

/// The fields of the form by name; scopes are check boxes of their own.
type Fields = BTreeMap<String, String>;

/// Days a token may live, as the form offers them.
fn lives() -> [(&'static str, &'static str); 4] {
    [
        ("90", t("tokens-90-days")),
        ("30", t("tokens-30-days")),
        ("365", t("tokens-a-year")),
        ("", t("tokens-until-it-is-deleted")),
    ]
}

fn box_of(scope: Scope) -> (&'static str, &'static str) {
    match scope {
        Scope::Read => ("scope_read", t("tokens-look-at-everything-change-nothing")),
        Scope::Extensions => ("scope_extensions", t("tokens-extensions-and-qr-links")),
        Scope::Devices => ("scope_devices", t("common-phones")),
        Scope::Push => ("scope_push", t("tokens-push-credentials")),
        Scope::Calls => ("scope_calls", t("common-calls")),
        Scope::Settings => ("scope_settings", t("common-settings")),
        Scope::Security => ("scope_security", t("security-blocked-addresses")),
        Scope::Metrics => ("scope_metrics", t("tokens-numbers-for-prometheus-nothing-else")),
        Scope::System => ("scope_system", t("tokens-state-advice-and-checks")),
        Scope::Users => ("scope_users", t("tokens-users-tokens-and-the-audit-log")),
    }
}

fn add_page(frame: &Frame, fields: &Fields, errors: &Errors) -> Response {
    let value = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let scopes = Scope::ALL.into_iter().filter(|scope| frame.signed_in.role >= scope.least()).map(|scope| {
        let (name, label) = box_of(scope);
        Input::new(name, label, value(name), errors).kind("checkbox")
    });
    render(&AddPage {
        layout: frame.layout(t("token-add-make-an-api-token"), Menu::Users),
        problem: errors.of(""),
        scopes_problem: errors.of("scopes"),
        name: Input::new("name", t("tokens-what-is-it-for"), value("name"), errors)
            .hint(t("tokens-for-example-the-name-of-a"))
            .more("autocomplete=off required maxlength=64"),
        scopes: scopes.collect(),
        addresses: Input::new("addresses", t("tokens-from-where-may-it-be-used"), value("addresses"), errors)
            .hint(t("tokens-addresses-or-ranges-such-as-192"))
            .more("autocomplete=off"),
        days: Input::new("days", t("tokens-how-long-does-it-work"), value("days"), errors).choices(&lives()),
    })
}

pub(crate) async fn add_form(frame: Frame) -> Page {
    Ok(add_page(&frame, &Fields::from([("days".to_owned(), "90".to_owned())]), &Errors::default()))
}

fn wish(fields: &Fields) -> Result<Wish, Refusal> {
    let value = |name: &str| fields.get(name).map_or("", String::as_str);
    let scopes = Scope::ALL.into_iter().filter(|scope| value(box_of(*scope).0) == "on").collect();
    let days = value("days");
    let wrong =
        |_| Refusal::new(StatusCode::BAD_REQUEST, "malformed", t("tokens-choose-one-of-the-times")).field("days");
    let days = if days.is_empty() { None } else { Some(days.parse::<u16>().map_err(wrong)?) };
    Ok(Wish {
        name: value("name").to_owned(),
        scopes,
        addresses: tokens::addresses(value("addresses"))?,
        expires_at: days.map(|days| clock::now() + Duration::from_secs(u64::from(days) * 86_400)),
    })
}

#[derive(Template)]
#[template(path = "token_made.html")]
struct MadePage {
    layout: Layout,
    token: String,
    public_url: String,
}

pub(crate) async fn add(State(state): State<AdminState>, frame: Frame, Form(fields): Form<Fields>) -> Page {
    let made = match wish(&fields) {
        Ok(wish) => tokens::make(&state, &frame.signed_in, &wish).await,
        Err(refusal) => Err(refusal),
    };
    match made {
        Ok(Made { name, token, .. }) => Ok(render(&MadePage {
            layout: frame.layout(say("tokens-the-token-for").with("name", &name).text(), Menu::Users),
            token: token.into_inner(),
            public_url: state.site.public_url.clone(),
        })),
        Err(refusal) => {
            let mut errors = Errors::default();
            errors.take(refusal)?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, add_page(&frame, &fields, &errors)).into_response())
        }
    }
}

pub(crate) async fn confirm_remove(State(state): State<AdminState>, frame: Frame, Path(id): Path<i64>) -> Page {
    let tokens = store::list(&state.store).await?;
    let missing =
        || ErrorPage(Refusal::not_found("no_such_token", say("tokens-there-is-no-api-token").with("id", &id).text()));
    let token = tokens.into_iter().find(|token| token.id == id).ok_or_else(missing)?;
    let confirm = Confirm {
        layout: frame.layout(t("tokens-delete-this-api-token"), Menu::Users),
        lines: vec![say("tokens-whatever-uses-is-refused-from-now").with("name", &token.name).text()],
        action: format!("/tokens/{id}/remove"),
        fields: Vec::new(),
        button: t("tokens-delete-the-token"),
        back: "/tokens".into(),
    };
    Ok(confirm.page())
}

pub(crate) async fn remove(State(state): State<AdminState>, Path(id): Path<i64>) -> Page {
    tokens::remove(&state, id).await?;
    go("/tokens?done=removed")
}
