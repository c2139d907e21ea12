//! `/system/backups`: when backups are made, those there are, and putting one back.

use askama::Template;
use axum::extract::{Form, Multipart, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse as _;
use pbx_core::model::Redacted;
use serde::Deserialize;

use super::confirm::Confirm;
use super::{Page, go};
use crate::api::backups::file;
use crate::audit;
use crate::backups::{BackupsError, Now, Policy, Work};
use crate::clock;
use crate::error::{Refusal, render};
use crate::form::{Errors, Input};
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;
use crate::words::{When, bytes, sentence};
use crate::{say, t};

#[derive(Template)]
#[template(path = "backups.html")]
struct BackupsPage {
    layout: Layout,
    problem: String,
    /// Something is at work: what, and how far it is.
    work: Option<(&'static str, u64)>,
    restarting: bool,
    restore_problem: String,
    last: Option<(When, String)>,
    ready: bool,
    inputs: Vec<Input>,
    upload: Input,
    lines: Vec<Line>,
}

struct Line {
    name: String,
    size: String,
    at: When,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct PolicyForm {
    #[serde(default)]
    daily_at: String,
    #[serde(default)]
    keep: String,
    #[serde(default)]
    passphrase: Redacted<String>,
}

impl PolicyForm {
    fn of(policy: &Policy) -> Self {
        let daily_at = policy.daily_at.map(|time| time.to_string()).unwrap_or_default();
        Self { daily_at, keep: policy.keep.to_string(), passphrase: Redacted::default() }
    }

    fn parsed(&self, errors: &mut Errors) -> Policy {
        let daily_at = match self.daily_at.trim() {
            "" => None,
            text => match text.parse() {
                Ok(time) => Some(time),
                Err(wrong) => {
                    errors.put("daily_at", say("backups-x").with("text", &text).with("wrong", &wrong).text());
                    None
                }
            },
        };
        let keep = self.keep.trim().parse().unwrap_or_else(|_| {
            errors.put("keep", t("backups-write-a-number-for-example-14"));
            0
        });
        Policy { daily_at, keep }
    }
}

fn inputs(form: &PolicyForm, has_passphrase: bool, errors: &Errors) -> Vec<Input> {
    let hint = if has_passphrase {
        t("backups-one-is-stored-empty-keeps-it")
    } else {
        t("backups-at-least-12-characters-whoever-restores")
    };
    vec![
        Input::new("daily_at", t("backups-every-day-at"), &form.daily_at, errors)
            .hint(say("backups-in-the-time-zone-empty-only").with("zone-name", &clock::zone_name()).text())
            .kind("time"),
        Input::new("keep", t("backups-how-many-to-keep"), &form.keep, errors)
            .hint(t("backups-the-oldest-are-removed-after-a"))
            .more("inputmode=numeric autocomplete=off required"),
        Input::new("passphrase", t("backups-passphrase"), "", errors)
            .hint(hint)
            .kind("password")
            .more("autocomplete=new-password"),
    ]
}

async fn shown(state: &AdminState, frame: &Frame, form: Option<PolicyForm>, errors: &Errors) -> Page {
    let (policy, ready) = state.backups.policy().await.map_err(Refusal::from)?;
    let form = form.unwrap_or_else(|| PolicyForm::of(&policy));
    let Now { work, progress, restore_problem } = state.backups.now();
    let now = clock::now();
    let last = state.backups.outcome().await.map_err(Refusal::from)?;
    let kept = state.backups.list().map_err(Refusal::from)?;
    let page = BackupsPage {
        layout: frame.layout(t("common-backups"), Menu::System),
        problem: errors.of(""),
        work: match work {
            Work::Idle => None,
            Work::BackingUp => Some((t("backups-a-backup-is-being-made"), progress.rows())),
            Work::Restoring => Some((t("backups-the-backup-is-being-read-and"), progress.rows())),
            Work::Restarting => Some((t("backups-the-backup-is-whole-nightbell-restarts"), progress.rows())),
        },
        restarting: work == Work::Restarting,
        restore_problem: restore_problem.map(|text| sentence(&text)).unwrap_or_default(),
        last: last.map(|last| (When::relative(last.at, now), sentence(&last.problem))),
        ready,
        inputs: inputs(&form, ready, errors),
        upload: Input::new("file", t("backups-a-file-from-elsewhere"), "", errors)
            .hint(t("backups-it-is-put-into-the-list"))
            .kind("file")
            .more("accept=.nightbell required"),
        lines: kept
            .into_iter()
            .map(|kept| Line { name: kept.name, size: bytes(kept.bytes), at: When::relative(kept.at, now) })
            .collect(),
    };
    let mut answer = render(&page);
    if work != Work::Idle {
        // Without a script the page looks again by itself, too; after a restart the sign-in page is what it finds.
        let every = if page.restarting { "5" } else { "1" };
        answer.headers_mut().insert(header::REFRESH, HeaderValue::from_static(every));
    }
    if !errors.is_empty() {
        *answer.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(answer)
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame) -> Page {
    shown(&state, &frame, None, &Errors::default()).await
}

pub(crate) async fn save(State(state): State<AdminState>, frame: Frame, Form(form): Form<PolicyForm>) -> Page {
    let mut errors = Errors::default();
    let policy = form.parsed(&mut errors);
    if errors.is_empty() {
        let passphrase = Some(&form.passphrase).filter(|given| !given.reveal().is_empty());
        if passphrase.is_some() {
            audit::note("a new passphrase");
        }
        match state.backups.set_policy(&policy, passphrase).await {
            Ok(()) => return go("/system/backups?done=saved"),
            Err(refused) => errors.take(refused.into())?,
        }
    }
    shown(&state, &frame, Some(form), &errors).await
}

/// What was refused stands at the head of the page.
async fn told(state: &AdminState, frame: &Frame, refused: BackupsError) -> Page {
    let mut errors = Errors::default();
    let refusal = Refusal::from(refused);
    errors.take(Refusal { field: None, ..refusal })?;
    shown(state, frame, None, &errors).await
}

pub(crate) async fn make(State(state): State<AdminState>, frame: Frame) -> Page {
    match state.backups.begin().await {
        Ok(name) => {
            audit::note(name);
            go("/system/backups")
        }
        Err(refused) => told(&state, &frame, refused).await,
    }
}

pub(crate) async fn download(State(state): State<AdminState>, Path(name): Path<String>) -> Page {
    Ok(file(&state, &name).await?)
}

pub(crate) async fn upload(State(state): State<AdminState>, frame: Frame, mut parts: Multipart) -> Page {
    let mut errors = Errors::default();
    match take(&state, &mut parts).await {
        Ok(name) => {
            audit::note(name);
            return go("/system/backups?done=uploaded");
        }
        Err(refusal) => errors.take(Refusal { field: Some("file".to_owned()), ..refusal })?,
    }
    shown(&state, &frame, None, &errors).await
}

/// Writes the one file of the form into the folder, piece by piece.
async fn take(state: &AdminState, parts: &mut Multipart) -> Result<String, Refusal> {
    let broken = |error: axum::extract::multipart::MultipartError| {
        Refusal::new(
            error.status(),
            "malformed",
            say("backups-the-file-did-not-arrive-whole-2").with("error", &error).text(),
        )
    };
    while let Some(mut part) = parts.next_field().await.map_err(broken)? {
        if part.name() != Some("file") {
            continue;
        }
        let name = part.file_name().unwrap_or_default().to_owned();
        let mut upload = state.backups.upload(&name)?;
        while let Some(piece) = part.chunk().await.map_err(broken)? {
            upload.write(&piece)?;
        }
        upload.finish()?;
        return Ok(name);
    }
    Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "no_backup", t("backups-choose-a-file-first")))
}

pub(crate) async fn confirm_remove(State(state): State<AdminState>, frame: Frame, Path(name): Path<String>) -> Page {
    state.backups.path(&name).map_err(Refusal::from)?;
    let confirm = Confirm {
        layout: frame.layout(t("backups-remove-this-backup"), Menu::System),
        lines: vec![say("backups-is-deleted-from-this-machine-copies").with("name", &name).text()],
        action: format!("/system/backups/{name}/remove"),
        fields: Vec::new(),
        button: t("backups-remove-the-backup"),
        back: "/system/backups".into(),
    };
    Ok(confirm.page())
}

pub(crate) async fn remove(State(state): State<AdminState>, Path(name): Path<String>) -> Page {
    state.backups.remove(&name).map_err(Refusal::from)?;
    go("/system/backups?done=removed")
}

#[derive(Template)]
#[template(path = "backup_restore.html")]
struct RestorePage {
    layout: Layout,
    name: String,
    passphrase: Input,
    problem: String,
}

fn restore_page(frame: &Frame, name: String, errors: &Errors) -> axum::response::Response {
    render(&RestorePage {
        layout: frame.layout(t("backups-put-this-backup-back"), Menu::System),
        problem: errors.of(""),
        passphrase: Input::new("passphrase", t("backups-passphrase-of-the-backup"), "", errors)
            .hint(t("backups-empty-the-one-that-is-stored"))
            .kind("password")
            .more("autocomplete=off"),
        name,
    })
}

pub(crate) async fn confirm_restore(State(state): State<AdminState>, frame: Frame, Path(name): Path<String>) -> Page {
    state.backups.path(&name).map_err(Refusal::from)?;
    Ok(restore_page(&frame, name, &Errors::default()))
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct RestoreForm {
    #[serde(default)]
    passphrase: Redacted<String>,
}

pub(crate) async fn restore(
    State(state): State<AdminState>,
    frame: Frame,
    Path(name): Path<String>,
    Form(form): Form<RestoreForm>,
) -> Page {
    let passphrase = Some(form.passphrase).filter(|given| !given.reveal().is_empty());
    match state.backups.restore(&name, passphrase).await {
        Ok(()) => go("/system/backups"),
        Err(refused) => {
            let mut errors = Errors::default();
            errors.take(refused.into())?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, restore_page(&frame, name, &errors)).into_response())
        }
    }
}
