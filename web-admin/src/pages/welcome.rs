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
use crate::layout::{Frame, Layout, Menu};
use crate::place::countries::COUNTRIES;
use crate::place::{self, Place};
use crate::state::AdminState;
use crate::welcome::{Progress, Step, keep, kept, progress};
use crate::words::Badge;

/// One line of the list.
struct Line {
    step: Step,
    badge: Badge,
    open: bool,
}

const fn badge(progress: Progress) -> Badge {
    match progress {
        Progress::Done => Badge::new("ok", "✓", "Done"),
        Progress::Skipped => Badge::new("off", "○", "Skipped"),
        Progress::Open => Badge::new("push", "◐", "To do"),
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
        layout: frame.layout("Set up Nightbell", Menu::Setup),
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
        let detail = format!("there is no step “{}” in the setup", form.step);
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
}

#[derive(Template)]
#[template(path = "welcome_place.html")]
struct PlacePage {
    layout: Layout,
    country: Input,
    zone: Input,
    zones: Vec<String>,
    now: String,
}

fn place_page(frame: &Frame, (country, zone): (&str, &str), errors: &Errors) -> Response {
    let mut zones: Vec<String> = jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
    zones.retain(|name| name.contains('/') && !name.starts_with("Etc/"));
    let mut countries = vec![("", "Choose a country")];
    countries.extend(COUNTRIES.iter().map(|one| (one.code, one.name)));
    render(&PlacePage {
        layout: frame.layout(Step::Place.title(), Menu::Setup),
        country: Input::new("country", "Country", country, errors).choices(&countries),
        zone: Input::new("time_zone", "Time zone", zone, errors)
            .hint(
                "Leave it empty for that of your country. Otherwise a continent and a city, for example Europe/Berlin.",
            )
            .more("list=zones autocomplete=off autocapitalize=none spellcheck=false"),
        zones,
        now: clock::stamp(clock::now()).text,
    })
}

pub(crate) async fn place_form(State(state): State<AdminState>, frame: Frame) -> Page {
    let saved = place::place(&state.store).await?;
    Ok(place_page(&frame, (&saved.country, &saved.time_zone), &Errors::default()))
}

pub(crate) async fn save_place(State(state): State<AdminState>, frame: Frame, Form(form): Form<PlaceForm>) -> Page {
    match Place::read(&form.country, &form.time_zone) {
        Ok(place) => {
            state.place.save(&state.store, &place).await?;
            go("/welcome?done=saved")
        }
        Err(unfit) => {
            let mut errors = Errors::default();
            errors.put(unfit.field, unfit.problem);
            let page = place_page(&frame, (&form.country, form.time_zone.trim()), &errors);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

#[derive(Template)]
#[template(path = "welcome_push.html")]
struct PushPage {
    layout: Layout,
    apps: &'static [App],
}

/// What people use, and what Nightbell needs for it.
struct App {
    name: &'static str,
    needs: &'static str,
    button: &'static str,
    /// Where that is given; empty when nothing is needed.
    link: &'static str,
}

const APPS: &[App] = &[
    App {
        name: "An app for iPhones with a publisher of its own",
        needs: "The APNs key (.p8) of the publisher, with key id, team id and bundle id.",
        button: "Add the APNs key",
        link: "/push/apns",
    },
    App {
        name: "An app for Android with a publisher of its own",
        needs: "The Firebase service account (JSON) of the publisher.",
        button: "Add the Firebase account",
        link: "/push/fcm",
    },
    App {
        name: "Groundwire or another app of Acrobits",
        needs: "Nothing but your word: the keys stay with Acrobits, whose service is asked to wake the phone.",
        button: "Switch Acrobits on",
        link: "/push/acrobits",
    },
    App {
        name: "An app whose publisher keeps the keys to himself",
        needs: "The address and the secret of his push relay. He can run one for you.",
        button: "Add the push relay",
        link: "/push/webhook",
    },
    App {
        name: "A browser, or an app with UnifiedPush",
        needs: "A key that Nightbell makes itself.",
        button: "Enable Web Push",
        link: "/push/webpush",
    },
    App { name: "Desk phones only", needs: "Nothing: they stay registered and ring at once.", button: "", link: "" },
];

pub(crate) async fn push(frame: Frame) -> Page {
    Ok(render(&PushPage { layout: frame.layout(Step::Push.title(), Menu::Setup), apps: APPS }))
}
