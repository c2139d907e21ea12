//! `/push/apps`: which apps can be pushed, and if not, why and what to do.

use askama::Template;
use axum::extract::State;
use pbx_core::model::{Environment, PushProvider};

use super::Page;
use crate::advice;
use crate::error::render;
use crate::layout::{Frame, Layout, Menu};
use crate::reach::{Row, Verdict, matrix, with_marks};
use crate::state::AdminState;
use crate::t;
use crate::words::{self, Badge};

#[derive(Template)]
#[template(path = "push_apps.html")]
struct AppsPage {
    layout: Layout,
    tab: &'static str,
    rows: Vec<RowView>,
    marked: Vec<MarkedView>,
}

/// A phone that is to fetch its settings again.
struct MarkedView {
    id: i64,
    extension: String,
    phone: String,
    text: String,
    fix: String,
    by_itself: bool,
}

struct RowView {
    app_id: String,
    platform: &'static str,
    /// Only worth a word when it is Apple's sandbox.
    environment: &'static str,
    devices: usize,
    remark: String,
    badge: Badge,
    credential: String,
    text: String,
    fix: String,
    link: &'static str,
    link_words: &'static str,
}

pub(crate) fn badge(verdict: Verdict) -> Badge {
    match verdict {
        Verdict::Yes => Badge::new("ok", "✓", t("push-apps-yes")),
        Verdict::Untried => Badge::new("off", "○", t("push-apps-not-tried-yet")),
        Verdict::Troubled => Badge::new("bad", "▲", t("error-not-now")),
        Verdict::No => Badge::new("bad", "✕", t("test-push-no")),
    }
}

fn view(row: Row) -> RowView {
    let (link, link_words) = match (row.can_be_pushed, row.provider) {
        (Verdict::No, PushProvider::Apns) => ("/push/apns", t("advice-add-the-key")),
        (Verdict::No, PushProvider::Fcm) => ("/push/fcm", t("advice-add-the-account")),
        (Verdict::No, PushProvider::Hms) => ("/push/hms", t("push-apps-add-the-app")),
        (Verdict::No, PushProvider::Acrobits) => ("/push/acrobits", t("push-add-acrobits")),
        (Verdict::No, PushProvider::WebPush) => ("/push/webpush", t("push-enable-web-push")),
        (Verdict::Yes | Verdict::Untried | Verdict::Troubled, _) => ("/push", t("push-apps-open-the-credential")),
    };
    let counts = [
        (row.registered, t("words-registered-count")),
        (row.switched_off, t("push-apps-switched-off")),
        (row.token_gone, t("push-apps-token-gone")),
        (row.needs_settings, t("push-apps-to-fetch-settings-again")),
    ];
    let remarks: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    RowView {
        app_id: row.app_id,
        platform: row.platform,
        environment: match row.environment {
            Environment::Production => "",
            Environment::Sandbox => words::environment(Environment::Sandbox),
        },
        devices: row.devices,
        remark: remarks.join(", "),
        badge: badge(row.can_be_pushed),
        credential: row.credential_label.unwrap_or_default(),
        text: words::sentence(&row.text),
        fix: words::sentence(&row.fix),
        link,
        link_words,
    }
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame) -> Page {
    let facts = advice::facts(&state).await?;
    let rows = matrix(&facts.devices, &facts.credentials, &facts.health);
    let rows = with_marks(rows, &facts.devices, &facts.credentials, &facts.marks).into_iter().map(view).collect();
    let marked = facts.marks.all(&facts.devices, &facts.credentials).into_iter().map(|marked| MarkedView {
        id: marked.device.0,
        extension: marked.extension.to_string(),
        phone: marked.phone,
        text: words::sentence(marked.mark.text),
        fix: words::sentence(marked.mark.fix),
        by_itself: marked.mark.by_itself,
    });
    let layout = frame.layout(t("push-apps-push-apps"), Menu::Push);
    Ok(render(&AppsPage { layout, tab: "apps", rows, marked: marked.collect() }))
}
