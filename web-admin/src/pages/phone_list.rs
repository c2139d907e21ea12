//! `/phones`: every phone of every extension on one list, to be searched, sorted and changed many at once.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use pbx_core::model::{DeviceId, DeviceSummary, ExtensionNumber, Presence};
use pbx_core::switchboard::command::Command;
use serde::Deserialize;

use super::bulk::{Marked, ordered_mails};
use super::{Page, go};
use crate::adding::all_extensions;
use crate::api::devices::page as devices_page;
use crate::clock;
use crate::error::{Refusal, render};
use crate::language::retold;
use crate::layout::{Frame, Layout, Menu};
use crate::reach::honest;
use crate::session::percent_encode;
use crate::state::AdminState;
use crate::words::{self, Badge, When};
use crate::{say, t};

/// Phones on a page: what one may want to mark with one look.
const ON_A_PAGE: usize = 100;
/// Phones asked for at once.
const AT_ONCE: usize = 1000;
/// Phones looked through; an installation beyond that searches by extension.
const LOOKED_THROUGH: usize = 20_000;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct ListQuery {
    #[serde(default)]
    search: String,
    #[serde(default)]
    presence: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    page: usize,
}

/// What the list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Extension,
    Seen,
    Software,
}

impl Sort {
    fn all() -> [(Self, &'static str, &'static str); 3] {
        [
            (Self::Extension, "extension", t("common-extension")),
            (Self::Seen, "seen", t("phone-list-last-seen-the-longest-ago-first")),
            (Self::Software, "software", t("phone-list-app-and-version")),
        ]
    }

    fn from_code(code: &str) -> Self {
        Self::all().into_iter().find(|(_, known, _)| *known == code).map_or(Self::Extension, |(sort, ..)| sort)
    }
}

fn presences() -> [(Presence, &'static str, &'static str); 3] {
    [
        (Presence::Registered, "registered", t("desk-phones-registered")),
        (Presence::ReachableByPush, "push", t("phone-list-reachable-by-push")),
        (Presence::Unreachable, "unreachable", t("phone-list-unreachable")),
    ]
}

/// One phone.
struct Line {
    id: DeviceId,
    extension: ExtensionNumber,
    owner: String,
    name: String,
    software: String,
    presence: Badge,
    reason: String,
    push: Badge,
    /// How old the token is, and how the last wake went.
    push_more: String,
    seen: When,
}

/// A choice of a selection: value, words, chosen.
type Choice = (&'static str, &'static str, bool);

#[derive(Template)]
#[template(path = "phone_list.html")]
struct ListPage {
    layout: Layout,
    search: String,
    presences: Vec<Choice>,
    sorts: Vec<Choice>,
    lines: Vec<Line>,
    found: usize,
    total: usize,
    before: String,
    next: String,
    problem: String,
}

async fn all_devices(state: &AdminState) -> Result<Vec<DeviceSummary>, Refusal> {
    let credentials = state.push.list_credentials().await?;
    let mut all: Vec<DeviceSummary> = Vec::new();
    loop {
        let some = devices_page(state, all.last().map(|device| device.id), AT_ONCE).await?;
        let full = some.len() == AT_ONCE;
        all.extend(some.into_iter().map(|device| honest(device, &credentials)));
        if !full || all.len() >= LOOKED_THROUGH {
            return Ok(all);
        }
    }
}

fn matches(device: &DeviceSummary, owner: &str, search: &str) -> bool {
    search.is_empty()
        || device.extension.to_string().contains(search)
        || owner.to_lowercase().contains(search)
        || device.user_agent.to_lowercase().contains(search)
}

fn line(device: DeviceSummary, owner: &str) -> Line {
    let now = clock::now();
    let token = device.wake_target.as_ref().map(|target| {
        let provider = words::provider(target.provider);
        say("phone-list-token-known-since")
            .with("provider", &provider)
            .with("relative", &clock::relative(target.learned_at, now))
            .text()
    });
    let wake = device.last_wake.as_ref().map(|wake| match wake.woke_after_ms {
        Some(after) => say("phone-list-woke-in")
            .with("span", &clock::span(after))
            .with("relative", &clock::relative(wake.at, now))
            .text(),
        None => say("phone-list-last-push")
            .with("relative", &clock::relative(wake.at, now))
            .with("outcome", &retold(&wake.outcome))
            .text(),
    });
    Line {
        push: words::wake(device.wake_state),
        push_more: token.into_iter().chain(wake).collect::<Vec<_>>().join("; "),
        id: device.id,
        extension: device.extension,
        owner: owner.to_owned(),
        name: words::device_name(&device.user_agent, device.id),
        software: device.user_agent,
        presence: words::presence(device.presence),
        reason: words::sentence(&device.reason),
        seen: When::relative(device.last_seen_at, now),
    }
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame, Query(query): Query<ListQuery>) -> Page {
    shown(&state, &frame, query, String::new()).await
}

async fn shown(state: &AdminState, frame: &Frame, query: ListQuery, problem: String) -> Page {
    let extensions = all_extensions(state).await?.into_iter();
    let owners: BTreeMap<ExtensionNumber, String> =
        extensions.map(|line| (line.extension.number, line.extension.name.to_string())).collect();
    let owner = |device: &DeviceSummary| owners.get(&device.extension).map_or("", String::as_str);
    let devices = all_devices(state).await?;
    let total = devices.len();
    let search = query.search.trim().to_lowercase();
    let presence = presences().iter().find(|(_, code, _)| *code == query.presence).map(|(presence, ..)| *presence);
    let mut devices: Vec<DeviceSummary> = devices
        .into_iter()
        .filter(|device| presence.is_none_or(|wanted| device.presence == wanted))
        .filter(|device| matches(device, owner(device), &search))
        .collect();
    let sort = Sort::from_code(&query.sort);
    match sort {
        Sort::Extension => devices.sort_by_key(|device| (device.extension, device.id)),
        Sort::Seen => devices.sort_by_key(|device| (device.last_seen_at, device.id)),
        Sort::Software => devices.sort_by(|a, b| (&a.user_agent, a.id).cmp(&(&b.user_agent, b.id))),
    }
    let found = devices.len();
    let at = |page: usize| {
        let (search, presence, sort) =
            (percent_encode(&query.search), percent_encode(&query.presence), percent_encode(&query.sort));
        format!("/phones?search={search}&presence={presence}&sort={sort}&page={page}")
    };
    let start = query.page.saturating_mul(ON_A_PAGE);
    let lines = devices.into_iter().skip(start).take(ON_A_PAGE).map(|device| {
        let owner = owner(&device).to_owned();
        line(device, &owner)
    });
    let lines: Vec<Line> = lines.collect();
    Ok(render(&ListPage {
        layout: frame.layout(t("common-phones"), Menu::Phones),
        before: if query.page > 0 { at(query.page - 1) } else { String::new() },
        next: if start.saturating_add(ON_A_PAGE) < found { at(query.page + 1) } else { String::new() },
        presences: presences().iter().map(|(it, code, words)| (*code, *words, presence == Some(*it))).collect(),
        sorts: Sort::all().iter().map(|(it, code, words)| (*code, *words, sort == *it)).collect(),
        search: query.search,
        lines,
        found,
        total,
        problem,
    }))
}

/// Everything marked, at once: push on or off, forgotten, or a new code for their owners by mail.
pub(crate) async fn change(
    State(state): State<AdminState>,
    frame: Frame,
    Form(fields): Form<Vec<(String, String)>>,
) -> Page {
    let marked = Marked::<i64>::read(&fields, "device");
    if marked.all.is_empty() {
        let problem = t("phone-list-mark-the-phones-first-that-are").to_owned();
        let page = shown(&state, &frame, ListQuery::default(), problem).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let devices: Vec<DeviceId> = marked.all.iter().copied().map(DeviceId).collect();
    match marked.act.as_str() {
        "push_on" | "push_off" => {
            let enabled = marked.act == "push_on";
            for device in devices {
                state.switchboard.ask(Command::SetDevicePush { device, enabled }).await?;
            }
            go(if enabled { "/phones?done=push-on" } else { "/phones?done=push-off" })
        }
        "forget" => Ok(super::bulk::confirm_forgetting(&state, &frame, &devices).await?),
        "forget_now" => {
            for device in devices {
                state.switchboard.ask(Command::RemoveDevice(device)).await?;
            }
            go("/phones?done=forgotten")
        }
        "mail" => {
            let mut numbers: Vec<ExtensionNumber> = Vec::new();
            for device in devices {
                let number = crate::api::devices::show(&state, device).await?.extension;
                if !numbers.contains(&number) {
                    numbers.push(number);
                }
            }
            ordered_mails(&state, &numbers).await
        }
        other => {
            let detail = say("phone-list-is-nothing-that-can-be-done").with("other", &other).text();
            Err(Refusal::new(StatusCode::BAD_REQUEST, "malformed", detail).field("act").into())
        }
    }
}
