//! `/users`: who may sign in and what they may do. Only owners change it.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use pbx_core::model::ExtensionNumber;
use serde::Deserialize;

use super::confirm::Confirm;
use super::{Page, go};
use crate::clock;
use crate::error::{Refusal, render};
use crate::form::{Errors, Input};
use crate::layout::{Frame, Layout, Menu};
use crate::role::Role;
use crate::second_factor;
use crate::state::AdminState;
use crate::users::store::{User, UserChange};
use crate::users::{self, Invitation};
use crate::words::{Badge, When};
use crate::{say, t};

#[derive(Template)]
#[template(path = "users.html")]
struct UsersPage {
    layout: Layout,
    tab: &'static str,
    lines: Vec<Line>,
    /// One check box for each role: whether it needs a second factor.
    policy: Vec<Input>,
}

struct Line {
    id: i64,
    name: String,
    role: &'static str,
    extension: String,
    state: Badge,
    seen: Option<When>,
}

fn line(user: User) -> Line {
    Line {
        id: user.id,
        state: state_of(&user),
        name: user.name,
        role: user.role.words(),
        extension: user.extension.map(|number| number.to_string()).unwrap_or_default(),
        seen: user.last_seen_at.map(|at| When::relative(at, clock::now())),
    }
}

fn state_of(user: &User) -> Badge {
    let invited = user.invited_until.is_some_and(|until| until > clock::now());
    match (user.disabled_at, user.has_password, invited) {
        (Some(_), _, _) => Badge::new("off", "✕", t("users-disabled")),
        (None, true, _) => Badge::new("ok", "●", t("users-can-sign-in")),
        (None, false, true) => Badge::new("push", "◐", t("users-invited")),
        (None, false, false) => Badge::new("warn", "○", t("users-link-ran-out")),
    }
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame) -> Page {
    let lines = users::store::list(&state.store).await?.into_iter().map(line).collect();
    let needed = second_factor::store::roles(&state.store).await?;
    let policy = Role::ALL.map(|role| {
        let value = if needed.contains(&role) { "on" } else { "" };
        Input::new(role.as_str(), role.words(), value, &Errors::default()).kind("checkbox")
    });
    Ok(render(&UsersPage {
        layout: frame.layout(t("common-users"), Menu::Users),
        tab: "users",
        lines,
        policy: policy.into(),
    }))
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct UserForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    extension: String,
}

#[derive(Template)]
#[template(path = "user_add.html")]
struct AddPage {
    layout: Layout,
    problem: String,
    name: Input,
    role: Input,
    extension: Input,
}

fn choices() -> [(&'static str, &'static str); 4] {
    [
        ("user", t("users-user-their-own-extension-only")),
        ("read_only", t("users-read-only-sees-everything-changes-nothing")),
        ("admin", t("users-admin-changes-everything-but-people")),
        ("owner", t("users-owner-changes-everything")),
    ]
}

fn role_input(form: &UserForm, errors: &Errors) -> Input {
    Input::new("role", t("users-what-may-they-do"), &form.role, errors).choices(&choices())
}

fn extension_input(form: &UserForm, errors: &Errors) -> Input {
    Input::new("extension", t("users-their-extension"), &form.extension, errors)
        .hint(t("users-needed-for-a-user-anybody-else"))
        .more("inputmode=tel autocomplete=off")
}

fn add_page(frame: &Frame, form: &UserForm, errors: &Errors) -> Response {
    render(&AddPage {
        layout: frame.layout(t("common-add-a-user"), Menu::Users),
        problem: errors.of(""),
        name: Input::new("name", t("setup-user-name-or-mail-address"), &form.name, errors)
            .more("autocomplete=off autocapitalize=none spellcheck=false required maxlength=254"),
        role: role_input(form, errors),
        extension: extension_input(form, errors),
    })
}

pub(crate) async fn add_form(frame: Frame) -> Page {
    let form = UserForm { role: "user".into(), ..UserForm::default() };
    Ok(add_page(&frame, &form, &Errors::default()))
}

/// What a form says about role and extension.
fn parsed(form: &UserForm, errors: &mut Errors) -> Option<(Role, Option<ExtensionNumber>)> {
    let role = form.role.parse::<Role>();
    if role.is_err() {
        errors.put("role", t("users-choose-one-of-the-roles"));
    }
    let extension = match form.extension.trim() {
        "" => Some(None),
        text => text.parse().map(Some).map_err(|wrong| errors.put("extension", format!("{wrong}"))).ok(),
    };
    Some((role.ok()?, extension?))
}

#[derive(Template)]
#[template(path = "user_link.html")]
struct LinkPage {
    layout: Layout,
    id: i64,
    name: String,
    url: String,
    expires: When,
}

fn link_page(frame: &Frame, user: User, invitation: Invitation) -> Response {
    render(&LinkPage {
        layout: frame.layout(say("users-a-link-for").with("name", &user.name).text(), Menu::Users),
        id: user.id,
        name: user.name,
        url: invitation.url.into_inner(),
        expires: When::relative(invitation.expires_at, clock::now()),
    })
}

pub(crate) async fn add(State(state): State<AdminState>, frame: Frame, Form(form): Form<UserForm>) -> Page {
    let mut errors = Errors::default();
    if let Some((role, extension)) = parsed(&form, &mut errors) {
        match users::add(&state, &form.name, role, extension).await {
            Ok((user, invitation)) => return Ok(link_page(&frame, user, invitation)),
            Err(refusal) => errors.take(refusal)?,
        }
    }
    Ok((StatusCode::UNPROCESSABLE_ENTITY, add_page(&frame, &form, &errors)).into_response())
}

#[derive(Template)]
#[template(path = "user.html")]
struct UserPage {
    layout: Layout,
    id: i64,
    name: String,
    state: Badge,
    disabled: bool,
    has_password: bool,
    made: When,
    seen: Option<When>,
    problem: String,
    role: Input,
    extension: Input,
}

fn user_page(frame: &Frame, user: &User, form: &UserForm, errors: &Errors) -> Response {
    render(&UserPage {
        layout: frame.layout(user.name.clone(), Menu::Users),
        id: user.id,
        name: user.name.clone(),
        state: state_of(user),
        disabled: user.disabled_at.is_some(),
        has_password: user.has_password,
        made: When::exact(user.created_at),
        seen: user.last_seen_at.map(|at| When::relative(at, clock::now())),
        problem: errors.of(""),
        role: role_input(form, errors),
        extension: extension_input(form, errors),
    })
}

fn form_of(user: &User) -> UserForm {
    let extension = user.extension.map(|number| number.to_string()).unwrap_or_default();
    UserForm { name: user.name.clone(), role: user.role.as_str().to_owned(), extension }
}

pub(crate) async fn detail(State(state): State<AdminState>, frame: Frame, Path(id): Path<i64>) -> Page {
    let user = users::show(&state, id).await?;
    Ok(user_page(&frame, &user, &form_of(&user), &Errors::default()))
}

async fn refused(state: &AdminState, frame: &Frame, id: i64, refusal: Refusal) -> Page {
    let user = users::show(state, id).await?;
    let mut errors = Errors::default();
    errors.take(refusal)?;
    Ok((StatusCode::CONFLICT, user_page(frame, &user, &form_of(&user), &errors)).into_response())
}

pub(crate) async fn change(
    State(state): State<AdminState>,
    frame: Frame,
    Path(id): Path<i64>,
    Form(form): Form<UserForm>,
) -> Page {
    let user = users::show(&state, id).await?;
    let mut errors = Errors::default();
    if let Some((role, extension)) = parsed(&form, &mut errors) {
        let change = UserChange { role: Some(role), extension: Some(extension), disabled: None };
        match users::change(&state, id, change).await {
            Ok(_) => return go(&format!("/users/{id}?done=saved")),
            Err(refusal) => errors.take(refusal)?,
        }
    }
    Ok((StatusCode::UNPROCESSABLE_ENTITY, user_page(&frame, &user, &form, &errors)).into_response())
}

#[derive(Debug, Deserialize)]
pub(crate) struct DisableForm {
    disabled: bool,
}

pub(crate) async fn disable(
    State(state): State<AdminState>,
    frame: Frame,
    Path(id): Path<i64>,
    Form(form): Form<DisableForm>,
) -> Page {
    let change = UserChange { disabled: Some(form.disabled), ..UserChange::default() };
    match users::change(&state, id, change).await {
        Ok(_) => go(&format!("/users/{id}?done=saved")),
        Err(refusal) => refused(&state, &frame, id, refusal).await,
    }
}

pub(crate) async fn invite(State(state): State<AdminState>, frame: Frame, Path(id): Path<i64>) -> Page {
    match users::invite(&state, id).await {
        Ok(invitation) => Ok(link_page(&frame, users::show(&state, id).await?, invitation)),
        Err(refusal) => refused(&state, &frame, id, refusal).await,
    }
}

pub(crate) async fn confirm_remove(State(state): State<AdminState>, frame: Frame, Path(id): Path<i64>) -> Page {
    let user = users::show(&state, id).await?;
    let confirm = Confirm {
        layout: frame.layout(say("users-remove").with("name", &user.name).text(), Menu::Users),
        lines: vec![
            say("users-is-signed-out-everywhere-and-cannot").with("name", &user.name).text(),
            t("users-api-tokens-they-made-stop-working").into(),
        ],
        action: format!("/users/{id}/remove"),
        fields: Vec::new(),
        button: t("users-remove-the-user"),
        back: format!("/users/{id}"),
    };
    Ok(confirm.page())
}

pub(crate) async fn remove(State(state): State<AdminState>, frame: Frame, Path(id): Path<i64>) -> Page {
    match users::remove(&state, id).await {
        Ok(()) => go("/users?done=removed"),
        Err(refusal) => refused(&state, &frame, id, refusal).await,
    }
}

pub(crate) async fn save_policy(State(state): State<AdminState>, Form(ticked): Form<BTreeMap<String, String>>) -> Page {
    let on = |role: &Role| ticked.get(role.as_str()).is_some_and(|value| value == "on");
    users::put_policy(&state, &Role::ALL.into_iter().filter(on).collect::<Vec<_>>()).await?;
    go("/users?done=saved")
}

pub(crate) async fn reset_factor(State(state): State<AdminState>, Path(id): Path<i64>) -> Page {
    users::reset_factor(&state, id).await?;
    go(&format!("/users/{id}?done=saved"))
}
