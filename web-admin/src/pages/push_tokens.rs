//! `/push/tokens`: every push token by its state, with filters, and bulk acts behind a confirmation.

use askama::Template;
use axum::extract::{Form, Query, State};
use pbx_core::model::{Environment, PushProvider};
use serde::Deserialize;

use super::confirm::Confirm;
use super::{Page, go};
use crate::api::push_tokens::{LeftOut, TokenAct, carry_out, find};
use crate::clock;
use crate::error::render;
use crate::hygiene::{TokenFilter, TokenRow, TokenSort, TokenState};
use crate::layout::{Frame, Layout, Menu};
use crate::session::percent_encode;
use crate::state::AdminState;
use crate::words::{self, Badge, When};
use crate::{say, t};

/// Lines on a page: more than a screen, less than a wait.
const ON_A_PAGE: usize = 50;

/// The filter as the form sends it; what is empty does not limit.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct TokensQuery {
    #[serde(default)]
    state: String,
    #[serde(default)]
    provider: String,
    #[serde(default)]
    app: String,
    #[serde(default)]
    extension: String,
    #[serde(default)]
    unseen_days: String,
    #[serde(default)]
    shared: String,
    #[serde(default)]
    search: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    after: String,
    /// Every box is ticked: selecting all without a script.
    #[serde(default)]
    all: String,
}

impl TokensQuery {
    fn filter(&self) -> TokenFilter {
        let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let sort = sorts().iter().find(|(name, ..)| *name == self.sort).map(|(_, sort, _)| *sort);
        TokenFilter {
            state: TokenState::ALL.into_iter().find(|state| state.as_str() == self.state),
            provider: PushProvider::from_name(&self.provider),
            app: text(&self.app),
            extension: self.extension.trim().parse().ok(),
            unseen_days: self.unseen_days.trim().parse().ok(),
            shared: (self.shared == "yes").then_some(true),
            search: text(&self.search),
            sort,
            descending: None,
            after: self.after.parse().ok(),
            limit: Some(ON_A_PAGE),
        }
    }

    /// The address of a page with this filter.
    fn address(&self, after: usize) -> String {
        let fields = [
            ("state", &self.state),
            ("provider", &self.provider),
            ("app", &self.app),
            ("extension", &self.extension),
            ("unseen_days", &self.unseen_days),
            ("shared", &self.shared),
            ("search", &self.search),
            ("sort", &self.sort),
        ];
        let given = fields.into_iter().filter(|(_, value)| !value.is_empty());
        let mut address: String = given.map(|(name, value)| format!("{name}={}&", percent_encode(value))).collect();
        if after > 0 {
            address.push_str(&format!("after={after}&"));
        }
        format!("/push/tokens?{}", address.trim_end_matches('&'))
    }

    /// Whether anything is left out of the list.
    fn limits(&self) -> bool {
        let TokensQuery { state, provider, app, extension, unseen_days, shared, search, .. } = self;
        [state, provider, app, extension, unseen_days, shared, search].into_iter().any(|text| !text.trim().is_empty())
    }
}

fn sorts() -> [(&'static str, TokenSort, &'static str); 5] {
    [
        ("state", TokenSort::State, t("push-tokens-what-wants-a-look-first")),
        ("last_seen", TokenSort::LastSeen, t("push-tokens-longest-unseen-first")),
        ("learned", TokenSort::Learned, t("push-tokens-oldest-token-first")),
        ("extension", TokenSort::Extension, t("push-tokens-by-extension")),
        ("app", TokenSort::App, t("push-tokens-by-app")),
    ]
}

const PROVIDERS: [PushProvider; 5] =
    [PushProvider::Apns, PushProvider::Fcm, PushProvider::WebPush, PushProvider::Hms, PushProvider::Acrobits];

#[derive(Template)]
#[template(path = "push_tokens.html")]
struct TokensPage {
    layout: Layout,
    tab: &'static str,
    query: TokensQuery,
    limited: bool,
    /// Address, word, number, chosen.
    states: Vec<(String, &'static str, usize, bool)>,
    /// Value, word, chosen.
    providers: Vec<(&'static str, &'static str, bool)>,
    sorts: Vec<(&'static str, &'static str, bool)>,
    lines: Vec<Line>,
    total: usize,
    unseen_days: u16,
    ticked: bool,
    all: String,
    next: String,
    later: bool,
    back: String,
}

struct Line {
    id: i64,
    extension: String,
    phone: String,
    state: Badge,
    why: String,
    since: Option<When>,
    /// The provider, or Apple's sandbox.
    platform: String,
    app_id: String,
    token: String,
    learned: When,
    seen: When,
    registered: bool,
    /// The last push in one sentence.
    pushed: String,
    pushed_at: Option<When>,
    elsewhere: String,
    /// Something can be done with it.
    current: bool,
}

/// The state of a token.
fn badge(state: TokenState) -> Badge {
    match state {
        TokenState::Live => Badge::new("ok", "●", t("push-tokens-live")),
        TokenState::Suspect => Badge::new("warn", "▲", t("push-tokens-suspect")),
        TokenState::Revoked => Badge::new("bad", "✕", t("extension-revoked")),
        TokenState::Unseen => Badge::new("warn", "◷", t("push-tokens-unseen")),
        TokenState::Moved => Badge::new("off", "→", t("push-tokens-moved")),
        TokenState::SwitchedOff => Badge::new("off", "○", t("event-webhooks-switched-off")),
        TokenState::Replaced => Badge::new("off", "↻", t("push-tokens-replaced")),
    }
}

fn word(state: TokenState) -> &'static str {
    match state {
        TokenState::Live => t("push-tokens-live"),
        TokenState::Suspect => t("push-tokens-suspect"),
        TokenState::Revoked => t("extension-revoked"),
        TokenState::Unseen => t("push-tokens-unseen"),
        TokenState::Moved => t("push-tokens-moved"),
        TokenState::SwitchedOff => t("event-webhooks-switched-off"),
        TokenState::Replaced => t("push-tokens-replaced"),
    }
}

fn line(row: TokenRow) -> Line {
    let now = clock::now();
    let sandbox = match row.environment {
        Environment::Production => String::new(),
        Environment::Sandbox => format!(", {}", words::environment(Environment::Sandbox)),
    };
    let holders = row.elsewhere.iter().map(|holder| match holder.same_phone {
        true => say("push-tokens-the-same-phone").with("extension", &holder.extension).text(),
        false => say("push-tokens-not-proved-to-be-the-same").with("extension", &holder.extension).text(),
    });
    Line {
        id: row.device.0,
        extension: row.extension.to_string(),
        phone: row.phone,
        state: badge(row.state),
        why: words::sentence(&row.why),
        since: row.since.map(|since| When::relative(since, now)),
        platform: format!("{}{sandbox}", words::provider(row.provider)),
        app_id: row.app_id,
        token: row.token,
        learned: When::relative(row.learned_at, now),
        seen: When::relative(row.last_seen_at, now),
        registered: row.presence == pbx_core::model::Presence::Registered,
        pushed: row.last_wake.as_ref().map(|wake| words::sentence(&wake.outcome)).unwrap_or_default(),
        pushed_at: row.last_wake.as_ref().map(|wake| When::relative(wake.at, now)),
        elsewhere: holders.collect::<Vec<_>>().join(", "),
        current: row.state != TokenState::Replaced,
    }
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame, Query(query): Query<TokensQuery>) -> Page {
    let filter = query.filter();
    let found = find(&state, &filter).await?;
    let of_state = |one: TokenState| {
        let chosen = filter.state == Some(one);
        let name = if chosen { String::new() } else { one.as_str().to_owned() };
        let address = TokensQuery { state: name, ..query.clone() }.address(0);
        (address, word(one), found.counts.get(one.as_str()).copied().unwrap_or(0), chosen)
    };
    let after = filter.after.unwrap_or(0);
    let here = query.address(after);
    let joint = if here.ends_with('?') { "" } else { "&" };
    Ok(render(&TokensPage {
        layout: frame.layout(t("push-tokens-push-tokens"), Menu::Push),
        tab: "tokens",
        limited: query.limits(),
        states: TokenState::ALL.into_iter().map(of_state).collect(),
        providers: PROVIDERS.map(|one| (one.as_str(), words::provider(one), filter.provider == Some(one))).to_vec(),
        sorts: sorts().map(|(name, sort, text)| (name, text, filter.sort.unwrap_or_default() == sort)).to_vec(),
        total: found.total,
        unseen_days: found.unseen_days,
        ticked: query.all == "yes",
        all: format!("{here}{joint}all=yes"),
        next: found.next.map(|next| query.address(next)).unwrap_or_default(),
        later: after > 0,
        back: here,
        lines: found.tokens.into_iter().map(line).collect(),
        query,
    }))
}

/// What the form names: `device` once for each ticked box, `act`, where to go back to, and whether it was confirmed.
struct Order {
    act: Option<TokenAct>,
    devices: Vec<i64>,
    back: String,
    sure: bool,
}

impl Order {
    fn read(pairs: Vec<(String, String)>) -> Self {
        let mut order = Self { act: None, devices: Vec::new(), back: String::new(), sure: false };
        for (name, value) in pairs {
            match name.as_str() {
                "act" if value == "forget" => order.act = Some(TokenAct::Forget),
                "act" if value == "test_push" => order.act = Some(TokenAct::TestPush),
                "act" if value == "renew_settings" => order.act = Some(TokenAct::RenewSettings),
                "device" => order.devices.extend(value.parse::<i64>()),
                // Only our own list: an address from outside would make an open redirect.
                "back" if value.starts_with("/push/tokens?") => order.back = value,
                "sure" => order.sure = value == "yes",
                _ => {}
            }
        }
        if order.back.is_empty() {
            order.back = "/push/tokens?".into();
        }
        order
    }

    fn back_with(&self, done: &str) -> String {
        let joint = if self.back.ends_with('?') { "" } else { "&" };
        format!("{}{joint}done={done}", self.back)
    }
}

pub(crate) async fn act(
    State(state): State<AdminState>,
    frame: Frame,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Page {
    let order = Order::read(pairs);
    let Some(act) = order.act.filter(|_| !order.devices.is_empty()) else {
        return go(&order.back_with("nothing-selected"));
    };
    if !order.sure {
        return Ok(confirm(&frame, act, &order).page());
    }
    let outcome = carry_out(&state, act, &order.devices).await?;
    if outcome.left.is_empty() {
        let done = match act {
            TokenAct::Forget => "tokens-forgotten",
            TokenAct::TestPush => "tokens-tested",
            TokenAct::RenewSettings => "settings-asked",
        };
        return go(&order.back_with(done));
    }
    let page = LeftOutPage {
        layout: frame.layout(t("push-tokens-not-all-of-them"), Menu::Push),
        done: outcome.done.len(),
        left: outcome.left,
        back: order.back,
    };
    Ok(render(&page))
}

fn confirm(frame: &Frame, act: TokenAct, order: &Order) -> Confirm {
    let count = match order.devices.len() {
        1 => t("push-tokens-one-phone").to_owned(),
        more => say("push-tokens-phones").with("more", &more).text(),
    };
    let (title, lines, button) = match act {
        TokenAct::Forget => (
            say("push-tokens-forget-the-push-tokens-of").with("count", &count).text(),
            vec![
                t("push-tokens-they-are-not-woken-any-more").into(),
                t("push-tokens-an-app-that-still-has-its").into(),
            ],
            t("push-tokens-forget-the-tokens"),
        ),
        TokenAct::TestPush => (
            format!("Send a test push to {count}?"),
            vec![t("push-tokens-each-shows-a-notice-revoked-tokens").into()],
            t("push-tokens-send-the-test-pushes"),
        ),
        TokenAct::RenewSettings => (
            format!("Mark {count} as needing the settings again?"),
            vec![
                t("push-tokens-the-mark-stands-on-their-extensions").into(),
                t("push-tokens-nothing-changes-for-them-before-that").into(),
            ],
            t("push-tokens-mark-them"),
        ),
    };
    let name = match act {
        TokenAct::Forget => "forget",
        TokenAct::TestPush => "test_push",
        TokenAct::RenewSettings => "renew_settings",
    };
    let named = [("act", name.to_owned()), ("sure", "yes".to_owned()), ("back", order.back.clone())];
    let devices = order.devices.iter().map(|id| ("device", id.to_string()));
    Confirm {
        layout: frame.layout(title, Menu::Push),
        lines,
        action: "/push/tokens".into(),
        fields: named.into_iter().chain(devices).collect(),
        button,
        back: order.back.clone(),
    }
}

/// An order that could not be carried out for every phone.
#[derive(Template)]
#[template(path = "push_tokens_left.html")]
struct LeftOutPage {
    layout: Layout,
    done: usize,
    left: Vec<LeftOut>,
    back: String,
}
