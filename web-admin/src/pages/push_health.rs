//! `/push/health`: alarms, how each credential is doing, and how long phones take to wake.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use pbx_core::model::PushProvider;
use pbx_core::net::{Histogram, WAKE_STEPS_MS};
use push_module::{Alarm, Circuit, CredentialState, ProviderHealth};

use super::Page;
use crate::clock;
use crate::error::render;
use crate::language::retold;
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;
use crate::words::{self, Badge, When};
use crate::{say, t};

/// The widest bar of a histogram, in units of its drawing.
const FULL: u64 = 100;

#[derive(Template)]
#[template(path = "push_health.html")]
struct HealthPage {
    layout: Layout,
    tab: &'static str,
    alarms: Vec<AlarmView>,
    credentials: Vec<CredentialView>,
    platforms: Vec<PlatformView>,
    wakes: Vec<WakesView>,
}

/// An alarm as pages show it.
pub(crate) struct AlarmView {
    pub(crate) badge: Badge,
    pub(crate) code: &'static str,
    pub(crate) text: String,
    pub(crate) fix: String,
}

struct CredentialView {
    label: String,
    provider: &'static str,
    badge: Badge,
    success: String,
    circuit: Badge,
    last_success: Option<When>,
    last_failure: Option<(When, String)>,
    ends: Option<(When, &'static str)>,
    waiting: usize,
}

struct PlatformView {
    platform: &'static str,
    attempts: u64,
    accepted: u64,
    token_trouble: u64,
    success: String,
}

struct WakesView {
    platform: &'static str,
    ordered: u64,
    came: u64,
    half: String,
    most: String,
    steps: Vec<StepView>,
}

struct StepView {
    name: String,
    count: u64,
    /// Of [`FULL`].
    width: u64,
}

pub(crate) fn alarm_view(alarm: &Alarm) -> AlarmView {
    let badge = if alarm.code.is_failure() {
        Badge::new("bad", "✕", t("common-problem"))
    } else {
        Badge::new("warn", "▲", t("push-health-warning"))
    };
    AlarmView {
        badge,
        code: alarm.code.as_str(),
        text: retold(&alarm.text).into_owned(),
        fix: retold(alarm.fix).into_owned(),
    }
}

pub(crate) fn circuit_badge(circuit: Circuit) -> Badge {
    match circuit {
        Circuit::Closed => Badge::new("ok", "●", t("push-health-answers")),
        Circuit::HalfOpen => Badge::new("warn", "▲", t("push-health-being-tried-again")),
        Circuit::Open => Badge::new("bad", "✕", t("push-health-does-not-answer")),
    }
}

/// A rate in words.
pub(crate) fn percent(percent: Option<u64>) -> String {
    percent.map_or_else(
        || t("push-health-no-pushes-yet").to_owned(),
        |percent| say("push-health-x").with("percent", &percent).text(),
    )
}

fn credential_view(health: ProviderHealth) -> CredentialView {
    let now = clock::now();
    // A failure that was followed by a success is history, and stays visible as that.
    let failing = matches!(health.state, CredentialState::Failing { .. });
    let word = if failing { "" } else { "Over: " };
    CredentialView {
        provider: words::credential_kind(health.provider),
        badge: words::credential(&health.state),
        success: percent(health.success_percent.map(u64::from)),
        circuit: circuit_badge(health.circuit),
        last_success: health.last_success.map(|at| When::relative(at, now)),
        last_failure: health
            .last_failure
            .map(|failure| (When::relative(failure.at, now), format!("{word}{}", words::sentence(&failure.text)))),
        ends: health.expires_at.and_then(|at| Some((When::exact(at), words::certificate(health.ending?)))),
        waiting: health.waiting + health.sending,
        label: health.label,
    }
}

fn wakes_view(provider: PushProvider, ordered: u64, took: &Histogram) -> WakesView {
    let within = |percent| match took.within(percent) {
        Some(end) => clock::span(end),
        None if took.total() == 0 => String::new(),
        None => t("push-health-more-than-30-s").to_owned(),
    };
    let highest = took.counts.iter().copied().max().unwrap_or(0).max(1);
    let names = WAKE_STEPS_MS
        .iter()
        .map(|end| say("push-health-up-to").with("span", &clock::span(*end)).text())
        .chain([t("words-longer").to_owned()]);
    let step = |(name, count): (String, u64)| StepView { name, count, width: count * FULL / highest };
    WakesView {
        platform: words::platform(provider),
        ordered,
        came: took.total(),
        half: within(50),
        most: within(95),
        steps: names.zip(took.counts).map(step).collect(),
    }
}

fn wakes(state: &AdminState) -> Vec<WakesView> {
    let took: BTreeMap<PushProvider, Histogram> = state.site.counters.wakes.took();
    let ordered = state.site.counters.wakes.ordered().into_iter();
    ordered
        .map(|(provider, ordered)| wakes_view(provider, ordered, &took.get(&provider).copied().unwrap_or_default()))
        .collect()
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame) -> Page {
    let health = state.push.health();
    let platforms = state.push.attempts().into_iter().map(|(kind, attempts)| PlatformView {
        platform: words::credential_kind(kind),
        attempts: attempts.named().iter().map(|(_, count)| count).sum(),
        accepted: attempts.accepted,
        token_trouble: attempts.token_gone + attempts.token_wrong,
        success: percent(attempts.success_percent()),
    });
    Ok(render(&HealthPage {
        layout: frame.layout(t("push-health-push-health"), Menu::Push),
        tab: "health",
        alarms: health.iter().flat_map(|one| &one.alarms).map(alarm_view).collect(),
        platforms: platforms.collect(),
        wakes: wakes(&state),
        credentials: health.into_iter().map(credential_view).collect(),
    }))
}
