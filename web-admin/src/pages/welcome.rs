//! `/welcome`: the first run, step by step; every step can be skipped and come back to.

use askama::Template;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::{Page, go};
use crate::clock;
use crate::error::{Refusal, render};
use crate::form::{Errors, Input};
use crate::language;
use crate::layout::{Frame, Layout, Menu};
use crate::place::countries::COUNTRIES;
use crate::place::{self, Place};
use crate::state::AdminState;
use crate::welcome::{Progress, Step, keep, kept, progress};
use crate::words::Badge;
use crate::{say, t};

/// One line of the list.
struct Line {
    step: Step,
    badge: Badge,
    open: bool,
}

fn badge(progress: Progress) -> Badge {
    match progress {
        Progress::Done => Badge::new("ok", "✓", t("welcome-done")),
        Progress::Skipped => Badge::new("off", "○", t("welcome-skipped")),
        Progress::Open => Badge::new("push", "◐", t("advice-to-do")),
    }
}

#[derive(Template)]
#[template(path = "welcome.html")]
struct WelcomePage {
    layout: Layout,
    lines: Vec<Line>,
    done: usize,
    /// The first step that is neither done nor skipped.
    next: Option<Step>,
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame) -> Page {
    let steps = progress(&state).await?;
    let is = |wanted: Progress| move |(_, progress): &&(Step, Progress)| *progress == wanted;
    Ok(render(&WelcomePage {
        layout: frame.layout(t("welcome-set-up-nightbell"), Menu::Setup),
        done: steps.iter().filter(is(Progress::Done)).count(),
        next: steps.iter().find(is(Progress::Open)).map(|(step, _)| *step),
        lines: steps
            .iter()
            .map(|&(step, progress)| Line { step, badge: badge(progress), open: progress == Progress::Open })
            .collect(),
    }))
}

#[derive(Debug, Deserialize)]
pub(crate) struct SkipForm {
    step: String,
}

pub(crate) async fn skip(State(state): State<AdminState>, Form(form): Form<SkipForm>) -> Page {
    let Some(step) = Step::from_code(&form.step) else {
        let detail = say("welcome-there-is-no-step-in-the").with("step", &form.step).text();
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "no_such_step", detail).field("step").into());
    };
    let mut kept = kept(&state).await?;
    kept.skipped.insert(step);
    keep(&state, &kept).await?;
    go("/welcome")
}

pub(crate) async fn close(State(state): State<AdminState>) -> Page {
    let mut kept = kept(&state).await?;
    kept.closed = true;
    keep(&state, &kept).await?;
    go("/?done=setup-closed")
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct PlaceForm {
    #[serde(default)]
    country: String,
    #[serde(default)]
    time_zone: String,
    #[serde(default)]
    language: String,
}

#[derive(Template)]
#[template(path = "welcome_place.html")]
struct PlacePage {
    layout: Layout,
    language: Input,
    country: Input,
    zone: Input,
    zones: Vec<String>,
    now: String,
}

fn place_page(frame: &Frame, typed: &PlaceForm, errors: &Errors) -> Response {
    let mut zones: Vec<String> = jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
    zones.retain(|name| name.contains('/') && !name.starts_with("Etc/"));
    let mut countries = vec![("", t("welcome-choose-a-country"))];
    let mut named: Vec<_> = COUNTRIES.iter().map(|one| (one.code, place::name_of(one))).collect();
    named.sort_by_key(|(_, name)| place::in_order(name));
    countries.extend(named);
    render(&PlacePage {
        layout: frame.layout(Step::Place.title(), Menu::Setup),
        language: Input::new("language", t("place-language"), &typed.language, errors)
            .choices(&language::choices(t("place-language-of-browser")))
            .hint(t("place-language-hint")),
        country: Input::new("country", t("welcome-country"), &typed.country, errors).choices(&countries),
        zone: Input::new("time_zone", t("system-time-zone"), typed.time_zone.trim(), errors)
            .hint(t("welcome-leave-it-empty-for-that-of"))
            .more("list=zones autocomplete=off autocapitalize=none spellcheck=false"),
        zones,
        now: clock::stamp(clock::now()).text,
    })
}

pub(crate) async fn place_form(State(state): State<AdminState>, frame: Frame) -> Page {
    let saved = place::place(&state.store).await?;
    let Place { country, time_zone, language } = saved;
    Ok(place_page(&frame, &PlaceForm { country, time_zone, language }, &Errors::default()))
}

pub(crate) async fn save_place(State(state): State<AdminState>, frame: Frame, Form(form): Form<PlaceForm>) -> Page {
    match Place::read(&form.country, &form.time_zone) {
        Ok(place) => {
            state.place.save(&state.store, &place.speaking(&form.language)).await?;
            go("/welcome?done=saved")
        }
        Err(unfit) => {
            let mut errors = Errors::default();
            errors.put(unfit.field, unfit.problem);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, place_page(&frame, &form, &errors)).into_response())
        }
    }
}

#[derive(Template)]
#[template(path = "welcome_push.html")]
struct PushPage {
    layout: Layout,
    apps: [App; 6],
}

/// What people use, and what Nightbell needs for it.
struct App {
    name: &'static str,
    needs: &'static str,
    button: &'static str,
    /// Where that is given; empty when nothing is needed.
    link: &'static str,
}

fn apps() -> [App; 6] {
    [
        App {
            name: t("welcome-an-app-for-iphones-with-a"),
            needs: t("welcome-the-apns-key-p8-of-the"),
            button: t("welcome-add-the-apns-key"),
            link: "/push/apns",
        },
        App {
            name: t("welcome-an-app-for-android-with-a"),
            needs: t("welcome-the-firebase-service-account-json-of"),
            button: t("welcome-add-the-firebase-account"),
            link: "/push/fcm",
        },
        App {
            name: t("welcome-groundwire-or-another-app-of-acrobits"),
            needs: t("welcome-nothing-but-your-word-the-keys"),
            button: t("welcome-switch-acrobits-on"),
            link: "/push/acrobits",
        },
        App {
            name: t("welcome-an-app-whose-publisher-keeps-the"),
            needs: t("welcome-the-address-and-the-secret-of"),
            button: t("welcome-add-the-push-relay"),
            link: "/push/webhook",
        },
        App {
            name: t("welcome-a-browser-or-an-app-with"),
            needs: t("welcome-a-key-that-nightbell-makes-itself"),
            button: t("push-enable-web-push"),
            link: "/push/webpush",
        },
        App {
            name: t("welcome-desk-phones-only"),
            needs: t("welcome-nothing-they-stay-registered-and-ring"),
            button: "",
            link: "",
        },
    ]
}

pub(crate) async fn push(frame: Frame) -> Page {
    Ok(render(&PushPage { layout: frame.layout(Step::Push.title(), Menu::Setup), apps: apps() }))
}
