//! `/system/network`: the network check from inside and from outside, the last checks, and whom they ask.

use std::borrow::Cow;
use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use pbx_core::model::Redacted;
use serde::Deserialize;

use super::{Page, go};
use crate::api::network_check::{command, one_run};
use crate::clock;
use crate::error::{Refusal, render};
use crate::form::{Errors, Input};
use crate::language::retold;
use crate::layout::{Frame, Layout, Menu};
use crate::network_check::inside::{self, Progress};
use crate::network_check::outside::{self, Stage};
use crate::network_check::{Level, NetworkCheckSettings, Observation, Run, Topic, Vantage, store};
use crate::state::AdminState;
use crate::t;
use crate::words::{Badge, When};

#[derive(Template)]
#[template(path = "network_check.html")]
struct CheckPage {
    layout: Layout,
    /// A check is under way: the page looks again every second.
    running: bool,
    done: usize,
    total: usize,
    /// What is being looked at.
    at: &'static str,
    ended: Option<When>,
    seen: Vec<Seen>,
    /// A code is out, until then.
    waiting: Option<When>,
    asking: bool,
    outside_at: Option<(When, String)>,
    seen_outside: Vec<Seen>,
    runs: Vec<RunLine>,
    problem: String,
    inputs: Vec<Input>,
}

struct Seen {
    level: Level,
    topic: Cow<'static, str>,
    text: String,
    fix: String,
    /// What it was in the check before; empty when it was the same.
    before: String,
}

struct RunLine {
    id: i64,
    at: When,
    vantage: Cow<'static, str>,
    seen_from: String,
    badge: Badge,
    problems: usize,
}

fn seen(observations: &[Observation]) -> Vec<Seen> {
    let line = |one: &Observation| Seen {
        level: one.level,
        topic: retold(one.topic.words()),
        text: retold(&one.text).into_owned(),
        fix: retold(&one.fix).into_owned(),
        before: String::new(),
    };
    observations.iter().map(line).collect()
}

fn badge(level: Level) -> Badge {
    let mark = match level {
        Level::Ok => "✓",
        Level::Warn => "▲",
        Level::Fail => "✕",
    };
    Badge::new(level.class(), mark, level.word())
}

fn run_line(run: &Run) -> RunLine {
    RunLine {
        id: run.id,
        at: When::exact(run.finished_at),
        vantage: retold(run.vantage.words()),
        seen_from: run.seen_from.clone(),
        badge: badge(run.level),
        problems: run.observations.iter().filter(|one| one.level > Level::Ok).count(),
    }
}

fn inputs(typed: &BTreeMap<&'static str, String>, errors: &Errors) -> Vec<Input> {
    let plain = "autocomplete=off autocapitalize=none spellcheck=false";
    let field = |name, label, hint: &str| {
        Input::new(name, label, typed.get(name).cloned().unwrap_or_default(), errors).hint(hint).rows(3).more(plain)
    };
    vec![
        field("stun_servers", t("network-check-stun"), t("network-check-stun-hint")),
        field("echo_urls", t("network-check-echo"), t("network-check-echo-hint")),
    ]
}

async fn shown(
    state: &AdminState,
    layout: Layout,
    typed: Option<BTreeMap<&'static str, String>>,
    errors: &Errors,
) -> Result<CheckPage, Refusal> {
    let now = clock::now();
    let settings = NetworkCheckSettings::load(&state.store).await?;
    let saved = || {
        BTreeMap::from([
            ("stun_servers", settings.stun_servers.join("\n")),
            ("echo_urls", settings.echo_urls.join("\n")),
        ])
    };
    let progress = inside::progress(state);
    let running = progress.as_ref().is_some_and(Progress::is_running);
    let runs = store::list(&state.store).await?;
    let newest = |vantage| runs.iter().find(|run| run.vantage == vantage);
    let (done, total) = progress.as_ref().map_or((0, 1), |progress| (progress.done.len(), progress.total));
    let seen_inside = match (&progress, newest(Vantage::Inside)) {
        (Some(progress), _) => seen(&progress.observations),
        (None, Some(run)) => seen(&run.observations),
        (None, None) => Vec::new(),
    };
    let ended = match &progress {
        Some(progress) => progress.finished_at,
        None => newest(Vantage::Inside).map(|run| run.finished_at),
    };
    let stage = outside::stage(state);
    let last_outside = newest(Vantage::Outside);
    Ok(CheckPage {
        layout,
        running,
        done,
        total,
        at: Topic::INSIDE.get(done).map_or("", |topic| topic.words()),
        ended: ended.map(|at| When::relative(at, now)),
        seen: seen_inside,
        waiting: match stage {
            Stage::Waiting(until) => Some(When::relative(until, now)),
            Stage::Nothing | Stage::Running => None,
        },
        asking: stage == Stage::Running,
        outside_at: last_outside.map(|run| (When::relative(run.finished_at, now), run.seen_from.clone())),
        seen_outside: last_outside.map(|run| seen(&run.observations)).unwrap_or_default(),
        runs: runs.iter().map(run_line).collect(),
        problem: errors.of(""),
        inputs: inputs(&typed.unwrap_or_else(saved), errors),
    })
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame) -> Page {
    let page = shown(&state, frame.layout(t("network-check"), Menu::System), None, &Errors::default()).await?;
    let again = match (page.running, page.asking || page.waiting.is_some()) {
        (true, _) => Some("1"),
        (false, true) => Some("5"),
        (false, false) => None,
    };
    let mut response = render(&page);
    if let Some(seconds) = again {
        response.headers_mut().insert(header::REFRESH, HeaderValue::from_static(seconds));
    }
    Ok(response)
}

pub(crate) async fn start(State(state): State<AdminState>) -> Page {
    inside::start(&state);
    go("/system/network")
}

#[derive(Template)]
#[template(path = "network_check_code.html")]
struct CodePage {
    layout: Layout,
    command: String,
    code: Redacted<String>,
    expires: When,
}

pub(crate) async fn make_code(State(state): State<AdminState>, frame: Frame) -> Page {
    let made = outside::make_code(&state)?;
    Ok(render(&CodePage {
        layout: frame.layout(t("network-check-from-outside"), Menu::System),
        command: command(&state),
        code: Redacted::new(made.code),
        expires: When::relative(made.expires_at, clock::now()),
    }))
}

#[derive(Debug, Deserialize)]
pub(crate) struct SettingsForm {
    #[serde(default)]
    stun_servers: String,
    #[serde(default)]
    echo_urls: String,
}

pub(crate) async fn save(State(state): State<AdminState>, frame: Frame, Form(form): Form<SettingsForm>) -> Page {
    let list = |text: &str| text.split_whitespace().map(str::to_owned).collect();
    let new = NetworkCheckSettings { stun_servers: list(&form.stun_servers), echo_urls: list(&form.echo_urls) };
    if let Err((field, problem)) = new.check() {
        let mut errors = Errors::default();
        errors.put(field, problem);
        let typed = BTreeMap::from([("stun_servers", form.stun_servers), ("echo_urls", form.echo_urls)]);
        let page = shown(&state, frame.layout(t("network-check"), Menu::System), Some(typed), &errors).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)).into_response());
    }
    new.save(&state.store).await?;
    go("/system/network?done=saved")
}

#[derive(Template)]
#[template(path = "network_check_run.html")]
struct RunPage {
    layout: Layout,
    line: RunLine,
    /// When the check before was made.
    before_at: Option<When>,
    seen: Vec<Seen>,
    /// Problems of the check before that are gone.
    gone: Vec<String>,
    support: String,
}

pub(crate) async fn run(State(state): State<AdminState>, frame: Frame, Path(id): Path<i64>) -> Page {
    let (run, older) = one_run(&state, id).await?;
    let before = older.into_iter().find(|one| one.vantage == run.vantage);
    let mut lines = seen(&run.observations);
    let mut gone = Vec::new();
    if let Some(before) = &before {
        let same = |left: &Observation, right: &Observation| left.code == right.code && left.text == right.text;
        for (line, one) in lines.iter_mut().zip(&run.observations) {
            if !before.observations.iter().any(|other| same(other, one)) {
                t("network-check-new").clone_into(&mut line.before);
            }
        }
        let ended = before.observations.iter().filter(|one| one.level > Level::Ok);
        gone = ended
            .filter(|one| !run.observations.iter().any(|other| same(other, one)))
            .map(|one| retold(&one.text).into_owned())
            .collect();
    }
    Ok(render(&RunPage {
        layout: frame.layout(t("network-check"), Menu::System),
        line: run_line(&run),
        before_at: before.map(|before| When::exact(before.finished_at)),
        seen: lines,
        gone,
        support: support_text(&run, state.site.version),
    }))
}

/// The same as text, for a mail.
fn support_text(run: &Run, version: &str) -> String {
    let mut text = format!("Nightbell {version}, network check {}\n", run.vantage.words().to_lowercase());
    text.push_str(&format!("{} (from {})\n", clock::stamp(run.finished_at).exact, clock::stamp(run.started_at).exact));
    for one in &run.observations {
        text.push_str(&format!("\n[{}] {} ({})\n  {}\n", one.level.word(), one.topic.words(), one.code, one.text));
        if !one.fix.is_empty() {
            text.push_str(&format!("  {}\n", one.fix));
        }
    }
    text
}
