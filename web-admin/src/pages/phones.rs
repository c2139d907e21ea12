//! `/devices/unseen` and `/devices/compare`.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use pbx_core::model::DeviceId;
use serde::Deserialize;

use super::extension::{SwitchForm, in_path};
use super::{Page, go};
use crate::api::phones::{DifferenceView, USUAL_DAYS, compared, unseen_for};
use crate::clock;
use crate::error::render;
use crate::language::retold;
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;
use crate::t;
use crate::words::When;

#[derive(Template)]
#[template(path = "unseen.html")]
struct UnseenPage {
    layout: Layout,
    days: u32,
    lines: Vec<(i64, String, String, When, bool)>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct UnseenQuery {
    days: Option<u32>,
}

pub(crate) async fn unseen(State(state): State<AdminState>, frame: Frame, Query(query): Query<UnseenQuery>) -> Page {
    let days = query.days.unwrap_or(USUAL_DAYS);
    let now = clock::now();
    let lines = unseen_for(&state, days).await?.into_iter();
    let lines = lines.map(|it| (it.id.0, it.extension, it.name, When::relative(it.last_seen_at, now), it.wakeable));
    let layout = frame.layout(t("unseen-phones-not-seen"), Menu::Phones);
    Ok(render(&UnseenPage { layout, days, lines: lines.collect() }))
}

/// All phones of an extension off or on; the wanted state, so that a double click does no harm.
pub(crate) async fn switch(
    State(state): State<AdminState>,
    Path(text): Path<String>,
    Form(form): Form<SwitchForm>,
) -> Page {
    let number = in_path(&text)?;
    state.enrolments.switch_phones(number, form.enabled).await?;
    go(&format!("/extensions/{number}?done={}", if form.enabled { "phones-on" } else { "phones-off" }))
}

#[derive(Template)]
#[template(path = "compare.html")]
struct ComparePage {
    layout: Layout,
    a: String,
    b: String,
    fields: Vec<DifferenceView>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct CompareQuery {
    #[serde(default)]
    a: String,
    #[serde(default)]
    b: String,
}

pub(crate) async fn compare(State(state): State<AdminState>, frame: Frame, Query(query): Query<CompareQuery>) -> Page {
    let fields = match (query.a.trim().parse(), query.b.trim().parse()) {
        (Ok(a), Ok(b)) => compared(&state, DeviceId(a), DeviceId(b)).await?,
        _ => Vec::new(),
    };
    let fields = fields.into_iter().map(in_words).collect();
    let layout = frame.layout(t("compare-compare-two-phones"), Menu::Phones);
    Ok(render(&ComparePage { layout, a: query.a, b: query.b, fields }))
}

/// A difference as the page says it; the API names the fields in English.
fn in_words(difference: DifferenceView) -> DifferenceView {
    let field = match difference.field {
        "extension" => t("compare-field-extension"),
        "software" => t("compare-field-software"),
        "presence" => t("compare-field-presence"),
        "reason" => t("compare-field-reason"),
        "transport" => t("compare-field-transport"),
        "address" => t("compare-field-address"),
        "spare connections" => t("compare-field-spare-connections"),
        "push provider" => t("compare-field-push-provider"),
        "app id" => t("compare-field-app-id"),
        "environment" => t("compare-field-environment"),
        "call token" => t("compare-field-call-token"),
        "notice token" => t("compare-field-notice-token"),
        "provider's complaint" => t("compare-field-provider-s-complaint"),
        "push switched off" => t("compare-field-push-switched-off"),
        "push policy" => t("compare-field-push-policy"),
        "last wake" => t("compare-field-last-wake"),
        "phone" => t("compare-field-phone"),
        "system" => t("compare-field-system"),
        "app version" => t("compare-field-app-version"),
        "problems" => t("compare-field-problems"),
        "has current settings" => t("compare-field-has-current-settings"),
        other => other,
    };
    let said = |value: &str| retold(value).into_owned();
    DifferenceView { field, a: said(&difference.a), b: said(&difference.b), same: difference.same }
}
