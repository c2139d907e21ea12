//! `/account/sessions`: the browsers in which one is signed in, and ending them.

use askama::Template;
use axum::extract::{Path, State};

use super::second_factor::user;
use super::{Page, go};
use crate::accounts::{self, SessionLine};
use crate::audit;
use crate::clock;
use crate::error::{ErrorPage, Refusal, render};
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;
use crate::words::When;
use crate::{say, t};

#[derive(Template)]
#[template(path = "sessions.html")]
struct SessionsPage {
    layout: Layout,
    lines: Vec<Line>,
}

struct Line {
    id: String,
    browser: String,
    address: String,
    since: When,
    seen: When,
    this: bool,
}

/// A browser's own words, cut to what people recognise.
fn browser(user_agent: &str) -> String {
    let known = [("Firefox/", "Firefox"), ("Edg/", "Edge"), ("Chrome/", "Chrome"), ("Safari/", "Safari")];
    let name = known.into_iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| name);
    let systems = [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ];
    let system = systems.into_iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| name);
    match (name, system) {
        (Some(name), Some(system)) => say("sessions-on").with("name", &name).with("system", &system).text(),
        (Some(name), None) => name.to_owned(),
        (None, _) if user_agent.is_empty() => t("sessions-a-program-that-does-not-say").to_owned(),
        (None, _) => user_agent.chars().take(60).collect(),
    }
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame) -> Page {
    let now = clock::now();
    let lines = accounts::sessions(&state.store, user(&frame)?, now).await?;
    let line = |line: SessionLine| Line {
        this: line.is(&frame.signed_in.session),
        id: line.id,
        browser: browser(&line.user_agent),
        address: line.address,
        since: When::relative(line.created_at, now),
        seen: When::relative(line.seen_at, now),
    };
    let lines = lines.into_iter().map(line).collect();
    Ok(render(&SessionsPage { layout: frame.layout(t("sessions-where-you-are-signed-in"), Menu::Account), lines }))
}

pub(crate) async fn end(State(state): State<AdminState>, frame: Frame, Path(id): Path<String>) -> Page {
    if !accounts::end_session(&state.store, user(&frame)?, &id).await? {
        let detail = t("account-that-session-is-over-already");
        return Err(ErrorPage(Refusal::not_found("no_such_session", detail)));
    }
    go("/account/sessions?done=session-ended")
}

pub(crate) async fn end_others(State(state): State<AdminState>, frame: Frame) -> Page {
    let ended = accounts::end_other_sessions(&state.store, user(&frame)?, &frame.signed_in.session).await?;
    audit::note(format!("{ended} sessions ended"));
    go("/account/sessions?done=session-ended")
}
