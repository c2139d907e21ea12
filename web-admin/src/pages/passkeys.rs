//! `/account/passkeys`: one's own passkeys. The device is asked by a script (`static/passkey.js`); everything else works without.

use askama::Template;
use axum::extract::{Path, State};

use super::confirm::Confirm;
use super::second_factor::user;
use super::{Page, go};
use crate::assets;
use crate::audit;
use crate::clock;
use crate::error::{Refusal, render};
use crate::form::{Errors, Input};
use crate::layout::{Frame, Layout, Menu};
use crate::passkeys::store::{self, PasskeyLine};
use crate::state::AdminState;
use crate::words::When;
use crate::{say, t};

#[derive(Template)]
#[template(path = "passkeys.html")]
struct PasskeysPage {
    layout: Layout,
    public_name: String,
    possible: bool,
    self_made: bool,
    lines: Vec<Line>,
}

struct Line {
    id: i64,
    name: String,
    made: When,
    used: Option<When>,
    /// The public name it was made for, when that is another one.
    elsewhere: Option<String>,
}

impl Line {
    fn of(line: PasskeyLine, public_name: &str) -> Self {
        let now = clock::now();
        Self {
            id: line.id,
            name: line.name,
            made: When::relative(line.created_at, now),
            used: line.last_used_at.map(|at| When::relative(at, now)),
            elsewhere: Some(line.public_name).filter(|name| name != public_name),
        }
    }
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame) -> Page {
    let public_name = state.passkeys.public_name().to_owned();
    let lines = store::list(&state.store, user(&frame)?).await?;
    Ok(render(&PasskeysPage {
        layout: frame.layout(t("passkeys-passkeys"), Menu::Account),
        possible: state.passkeys.possible(),
        self_made: state.site.certificate.info().self_made,
        lines: lines.into_iter().map(|line| Line::of(line, &public_name)).collect(),
        public_name,
    }))
}

#[derive(Template)]
#[template(path = "passkey_add.html")]
struct AddPage {
    layout: Layout,
    name: Input,
    script: &'static str,
}

pub(crate) async fn add_form(frame: Frame) -> Page {
    Ok(render(&AddPage {
        layout: frame.layout(t("passkeys-add-a-passkey"), Menu::Account),
        name: Input::new("name", t("passkeys-what-you-call-it"), "", &Errors::default())
            .hint(t("passkeys-so-that-you-know-it-again"))
            .more("required maxlength=60 autocomplete=off autofocus"),
        script: assets::passkey_script().url.as_str(),
    }))
}

pub(crate) async fn confirm_remove(State(state): State<AdminState>, frame: Frame, Path(id): Path<i64>) -> Page {
    let lines = store::list(&state.store, user(&frame)?).await?;
    let missing = || Refusal::not_found("no_such_passkey", "you have no passkey with this id");
    let line = lines.into_iter().find(|line| line.id == id).ok_or_else(missing)?;
    let confirm = Confirm {
        layout: frame.layout(t("passkeys-remove-this-passkey"), Menu::Account),
        lines: vec![
            say("passkeys-signs-in-no-more-it-may").with("name", &line.name).text(),
            t("passkeys-your-password-goes-on-working").into(),
        ],
        action: format!("/account/passkeys/{id}/remove"),
        fields: Vec::new(),
        button: t("passkeys-remove-the-passkey"),
        back: "/account/passkeys".into(),
    };
    Ok(confirm.page())
}

pub(crate) async fn remove(State(state): State<AdminState>, frame: Frame, Path(id): Path<i64>) -> Page {
    if let Some(name) = store::remove(&state.store, user(&frame)?, id).await? {
        audit::note(format!("passkey “{name}” removed"));
    }
    go("/account/passkeys?done=removed")
}

/// Somebody else's, by an owner.
pub(crate) async fn remove_of_user(State(state): State<AdminState>, Path(id): Path<i64>) -> Page {
    let removed = store::remove_all(&state.store, id).await?;
    audit::note(format!("{removed} passkeys removed"));
    go(&format!("/users/{id}?done=removed"))
}
