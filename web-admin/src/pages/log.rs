//! `/system/log`: the last lines, and how much is written.

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use serde::Deserialize;

use super::{Page, go};
use crate::api::log::set;
use crate::error::render;
use crate::form::{Errors, Input};
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;
use crate::t;

/// Lines on the page.
const ON_A_PAGE: usize = 300;

#[derive(Template)]
#[template(path = "log.html")]
struct LogPage {
    layout: Layout,
    search: String,
    follow: bool,
    lines: Vec<String>,
    filter: String,
    boot: String,
    inputs: Vec<Input>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct View {
    #[serde(default)]
    search: String,
    #[serde(default)]
    follow: String,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct LevelForm {
    #[serde(default)]
    filter: String,
    #[serde(default)]
    minutes: String,
}

fn shown(state: &AdminState, frame: &Frame, view: View, (form, errors): (&LevelForm, &Errors)) -> Page {
    let (filter, boot) = state.site.log.filter();
    let follow = view.follow == "on";
    let page = LogPage {
        layout: frame.layout(t("common-log"), Menu::System),
        lines: state.site.log.tail().last(&view.search, ON_A_PAGE),
        inputs: vec![
            Input::new("filter", t("log-write"), &form.filter, errors)
                .hint(t("log-error-warn-info-debug-trace-or"))
                .more("autocomplete=off autocapitalize=none spellcheck=false required"),
            Input::new("minutes", t("log-for-how-many-minutes"), &form.minutes, errors)
                .more("inputmode=numeric autocomplete=off"),
        ],
        search: view.search,
        follow,
        filter,
        boot,
    };
    let mut answer = render(&page);
    if follow {
        answer.headers_mut().insert(header::REFRESH, HeaderValue::from_static("2"));
    }
    if !errors.is_empty() {
        *answer.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(answer)
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame, Query(view): Query<View>) -> Page {
    let form = LevelForm { filter: "debug".into(), minutes: "10".into() };
    shown(&state, &frame, view, (&form, &Errors::default()))
}

pub(crate) async fn level(State(state): State<AdminState>, frame: Frame, Form(form): Form<LevelForm>) -> Page {
    let mut errors = Errors::default();
    match form.minutes.trim().parse() {
        Err(_) => errors.put("minutes", t("log-write-a-number-for-example-10")),
        Ok(minutes) => match set(&state, &form.filter, minutes) {
            Ok(()) => return go("/system/log?done=saved"),
            Err(refused) => errors.take(refused)?,
        },
    }
    shown(&state, &frame, View::default(), (&form, &errors))
}
