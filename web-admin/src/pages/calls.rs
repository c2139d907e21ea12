//! `/calls`: the log, and one call's timeline in milliseconds.

mod ladder;
mod support_text;

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, Query, State};
use pbx_core::model::{CallEnding, CallId, CallRecord, DeviceId, TimelineEntry};
use pbx_core::store::call_log::{CallFilter, CallPage as Found, SEARCHED};
use pbx_core::switchboard::command::{Command, CommandError};
use serde::Deserialize;

use self::ladder::LadderView;
use super::confirm::Confirm;
use super::{Page, go};
use crate::api::calls::{page as log_page, record};
use crate::api::devices;
use crate::clock;
use crate::error::render;
use crate::language::retold;
use crate::layout::{Frame, Layout, Menu};
use crate::session::percent_encode;
use crate::state::AdminState;
use crate::words::{self, Badge, When};
use crate::{say, t};

/// Calls on a page.
const ON_A_PAGE: usize = 50;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct ListQuery {
    #[serde(default)]
    number: String,
    #[serde(default)]
    ending: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    until: String,
    #[serde(default)]
    before: String,
}

/// One line of the log.
pub(crate) struct CallLine {
    pub(crate) id: CallId,
    pub(crate) caller: String,
    pub(crate) caller_name: String,
    pub(crate) callee: String,
    pub(crate) at: When,
    pub(crate) badge: Badge,
    /// How long was talked; empty when nobody answered.
    pub(crate) talked: String,
    pub(crate) reason: String,
}

pub(crate) fn line(call: CallRecord) -> CallLine {
    let end = call.ended_at.unwrap_or_else(clock::now);
    let talked = call.answered_at.map(|at| u64::try_from(end.since(at).as_millis()).unwrap_or(u64::MAX));
    CallLine {
        id: call.id,
        at: When::exact(call.started_at),
        badge: words::ending(call.ending, call.answered_at.is_some()),
        talked: talked.map(clock::span).unwrap_or_default(),
        caller: caller(&call),
        caller_name: if call.is_test() { t("calls-test-call").into() } else { call.caller_name },
        callee: call.callee,
        reason: words::sentence(&call.reason),
    }
}

/// Who called, as pages name them.
fn caller(call: &CallRecord) -> String {
    if call.is_test() { "Nightbell".into() } else { call.caller.clone() }
}

#[derive(Template)]
#[template(path = "calls.html")]
struct ListPage {
    layout: Layout,
    number: String,
    /// Every ending: its code, its words, and whether it is wanted.
    endings: Vec<(&'static str, Badge, bool)>,
    from: String,
    until: String,
    /// Something is filtered.
    filtered: bool,
    first: String,
    problem: String,
    calls: Vec<CallLine>,
    next: String,
    later: bool,
    /// A search stopped here, before its page was full: its day and how many calls it looked through.
    searched_to: Option<(When, u32)>,
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame, Query(query): Query<ListQuery>) -> Page {
    let (from, until) = (clock::start_of_day(&query.from, 0), clock::start_of_day(&query.until, 1));
    let unread = |typed: &str, read: Option<_>| !typed.trim().is_empty() && read.is_none();
    let problem =
        if unread(&query.from, from) || unread(&query.until, until) { t("calls-a-day-is-written-as-2026") } else { "" };
    let filter = CallFilter {
        search: query.number.trim().to_owned(),
        ending: CallEnding::from_code(&query.ending),
        from,
        until,
        ..CallFilter::default()
    };
    let before = query.before.parse().ok().map(CallId);
    let Found { calls, next, searched_to } = log_page(&state, &filter, before, ON_A_PAGE).await?;
    let first = format!(
        "/calls?number={}&ending={}&from={}&until={}",
        percent_encode(&filter.search),
        percent_encode(&query.ending),
        percent_encode(&query.from),
        percent_encode(&query.until)
    );
    let next = next.map(|call| format!("{first}&before={call}"));
    let endings = CallEnding::ALL
        .map(|ending| (ending.as_str(), words::ending(Some(ending), true), filter.ending == Some(ending)));
    Ok(render(&ListPage {
        layout: frame.layout(t("common-calls"), Menu::Calls),
        filtered: filter != CallFilter::default(),
        number: filter.search,
        endings: endings.to_vec(),
        from: query.from,
        until: query.until,
        first,
        problem: problem.to_owned(),
        calls: calls.into_iter().map(line).collect(),
        next: next.unwrap_or_default(),
        later: before.is_some(),
        searched_to: searched_to.map(|at| (When::exact(at), SEARCHED)),
    }))
}

#[derive(Template)]
#[template(path = "call.html")]
struct CallPage {
    layout: Layout,
    line: CallLine,
    uuid: String,
    living: bool,
    /// From the call's begin to the answer, or to its end.
    rang: String,
    answered_by: String,
    packets_from_caller: u64,
    packets_from_callee: u64,
    /// Somebody answered but a side was not heard.
    one_way: &'static str,
    steps: Vec<StepLine>,
    /// Every SIP message, as far as they are kept.
    ladder: Option<LadderView>,
    /// The same without numbers, names and addresses.
    support: String,
}

struct StepLine {
    offset: String,
    /// Time since the step before.
    gap: String,
    class: &'static str,
    text: &'static str,
    device: String,
    detail: String,
}

pub(crate) async fn detail(State(state): State<AdminState>, frame: Frame, Path(id): Path<i64>) -> Page {
    let (call, entries) = record(&state, CallId(id)).await?;
    let names = names(&state, &call, &entries).await;
    let named = |device: DeviceId| {
        names.get(&device).cloned().unwrap_or_else(|| say("calls-phone").with("device", &device).text())
    };
    let told: Vec<(TimelineEntry, String)> =
        entries.iter().map(|entry| (entry.clone(), entry.device.map(&named).unwrap_or_default())).collect();
    let messages = state.site.surroundings.ladders.get(call.id);
    let support = support_text::of(&call, &told, messages.as_ref(), state.site.version);
    let mut before = call.started_at;
    let steps = entries.into_iter().map(|entry| {
        let offset = entry.at.0.saturating_sub(call.started_at.0);
        let gap = entry.at.0.saturating_sub(before.0);
        before = entry.at;
        StepLine {
            offset: format!("{offset} ms"),
            gap: if gap > 0 { format!("+{gap}") } else { String::new() },
            class: words::step_class(entry.step),
            text: words::step(entry.step),
            device: entry.device.map(&named).unwrap_or_default(),
            detail: retold(&entry.detail).into_owned(),
        }
    });
    let steps = steps.collect();
    let rang_until = call.answered_at.or(call.ended_at).unwrap_or_else(clock::now);
    let rang = u64::try_from(rang_until.since(call.started_at).as_millis()).unwrap_or(u64::MAX);
    Ok(render(&CallPage {
        layout: frame.layout(
            say("calls-call-to").with("caller", &caller(&call)).with("callee", &call.callee).text(),
            Menu::Calls,
        ),
        uuid: call.uuid.to_string(),
        living: call.ended_at.is_none(),
        rang: clock::span(rang),
        answered_by: call.answered_by.map(named).unwrap_or_default(),
        packets_from_caller: call.packets_from_caller,
        packets_from_callee: call.packets_from_callee,
        one_way: one_way(&call),
        steps,
        ladder: messages.map(|messages| ladder::view(&messages, &call)),
        support,
        line: line(call),
    }))
}

/// What missing sound points to; empty when both sides were heard or nobody talked.
fn one_way(call: &CallRecord) -> &'static str {
    let talked = call.answered_at.is_some() && call.ended_at.is_some();
    match (talked, call.packets_from_caller, call.packets_from_callee) {
        (true, 0, 0) => t("calls-no-sound-arrived-from-either-phone"),
        (true, 0, _) => t("calls-no-sound-arrived-from-the-caller"),
        (true, _, 0) => t("calls-no-sound-arrived-from-the-called"),
        _ => "",
    }
}

/// Names of the devices in a timeline; a device that is gone keeps its row number.
async fn names(state: &AdminState, call: &CallRecord, entries: &[TimelineEntry]) -> BTreeMap<DeviceId, String> {
    let mut names = BTreeMap::new();
    for id in entries.iter().filter_map(|entry| entry.device).chain(call.answered_by) {
        if names.contains_key(&id) {
            continue;
        }
        let name = match devices::show(state, id).await {
            Ok(device) => words::device_name(&device.user_agent, id),
            Err(_) => say("calls-phone-gone").with("id", &id).text(),
        };
        names.insert(id, name);
    }
    names
}

pub(crate) async fn confirm_hang_up(State(state): State<AdminState>, frame: Frame, Path(id): Path<i64>) -> Page {
    let (call, _) = record(&state, CallId(id)).await?;
    let confirm = Confirm {
        layout: frame.layout(t("calls-end-this-call"), Menu::Calls),
        lines: vec![
            say("calls-the-call-from-to-ends-at").with("caller", &caller(&call)).with("callee", &call.callee).text(),
        ],
        action: format!("/calls/{id}/hang-up"),
        fields: Vec::new(),
        button: t("call-end-the-call"),
        back: format!("/calls/{id}"),
    };
    Ok(confirm.page())
}

pub(crate) async fn hang_up(State(state): State<AdminState>, Path(id): Path<i64>) -> Page {
    match state.switchboard.ask(Command::HangUp(CallId(id))).await {
        Ok(_) | Err(CommandError::NoSuchCall(_)) => go(&format!("/calls/{id}?done=hung-up")),
        Err(error) => Err(error.into()),
    }
}
