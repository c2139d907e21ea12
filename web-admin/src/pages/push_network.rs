//! `/push/network`: the way to every provider, step by step, and the list for the firewall admin.

use std::borrow::Cow;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use push_module::{EgressResult, FIREWALL, FirewallRule, NO_LONGER_NEEDED, StepResult, Where};

use super::{Page, go};
use crate::clock;
use crate::error::render;
use crate::language::retold;
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;
use crate::t;
use crate::words::{self, Badge, When};

#[derive(Template)]
#[template(path = "push_network.html")]
struct NetworkPage {
    layout: Layout,
    tab: &'static str,
    /// A check is under way: the page looks again every second.
    running: bool,
    ended: Option<When>,
    done: usize,
    /// Host and port.
    proxy: Option<String>,
    places: Vec<PlaceView>,
    rules: Vec<(Cow<'static, str>, Vec<RuleView>)>,
    no_longer_needed: Cow<'static, str>,
}

/// A line for the firewall admin.
#[derive(Clone)]
struct RuleView {
    to: Cow<'static, str>,
    ports: Cow<'static, str>,
    why: Cow<'static, str>,
}

impl RuleView {
    fn of(rule: &'static FirewallRule) -> Self {
        Self { to: retold(rule.to), ports: retold(rule.ports), why: retold(rule.why) }
    }
}

struct PlaceView {
    host: String,
    port: u16,
    used_by: String,
    badge: Badge,
    steps: Vec<StepView>,
}

struct StepView {
    name: &'static str,
    badge: Badge,
    text: String,
    fix: String,
    took: String,
}

fn step_view(step: StepResult) -> StepView {
    StepView {
        name: step.step.words(),
        badge: if step.ok {
            Badge::new("ok", "✓", t("push-network-works"))
        } else {
            Badge::new("bad", "✕", t("push-network-fails"))
        },
        text: words::sentence(&step.text),
        fix: words::sentence(&step.fix),
        took: clock::span(step.took_ms),
    }
}

fn place_view(result: EgressResult) -> PlaceView {
    PlaceView {
        badge: match result.ok() {
            Some(true) => Badge::new("ok", "✓", t("push-network-reached")),
            Some(false) => Badge::new("bad", "✕", t("push-network-not-reached")),
            None => Badge::new("push", "◐", t("push-network-being-asked")),
        },
        used_by: result.place.used_by.join(", "),
        steps: result.steps.into_iter().map(step_view).collect(),
        host: result.place.host,
        port: result.place.port,
    }
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame) -> Page {
    let check = state.push.network_check();
    let rules = |from: Where| {
        let list = FIREWALL.iter().filter(|rule| rule.from == from).map(RuleView::of);
        (retold(from.words()), list.collect())
    };
    let running = check.as_ref().is_some_and(|check| check.finished_at.is_none());
    let ended = check.as_ref().and_then(|check| check.finished_at);
    let places: Vec<EgressResult> = check.map(|check| check.places).unwrap_or_default();
    let page = NetworkPage {
        layout: frame.layout(t("push-network-push-network"), Menu::Push),
        tab: "network",
        running,
        ended: ended.map(|at| When::relative(at, clock::now())),
        done: places.iter().filter(|place| place.finished).count(),
        proxy: state.push.web_proxy_in_use(),
        places: places.into_iter().map(place_view).collect(),
        rules: Where::ALL.map(rules).to_vec(),
        no_longer_needed: retold(NO_LONGER_NEEDED),
    };
    let mut response = render(&page);
    if running {
        response.headers_mut().insert(header::REFRESH, HeaderValue::from_static("1"));
    }
    Ok(response)
}

pub(crate) async fn start(State(state): State<AdminState>) -> Page {
    state.push.start_network_check();
    go("/push/network")
}
