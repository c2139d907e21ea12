//! `/desk-phones`: which there are, what each fetched and was told, and adding one.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use pbx_core::model::UnixMillis;
use provisioning::desk_phone::Vendor;
use provisioning::desk_phones::{FirstAddress, Progress, TurnedAway};
use serde::Deserialize;

use super::confirm::Confirm;
use super::{Page, go};
use crate::api::desk_phone_options::{OptionsBody, choose};
use crate::api::desk_phones::{AddBody, add_one, mac};
use crate::clock;
use crate::error::{Refusal, render};
use crate::form::{Errors, Input};
use crate::language::retold;
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;
use crate::words::{Badge, When, sentence};
use crate::{say, t};

#[derive(Template)]
#[template(path = "desk_phones.html")]
struct ListPage {
    layout: Layout,
    lines: Vec<Line>,
    problem: String,
    fields: Vec<Input>,
    plain_url: String,
    pnp: bool,
    pnp_problem: String,
    http_password: bool,
    without_password: usize,
    turned_away: Vec<TurnedAwayLine>,
    /// Makers whose phones have not moved to their own addresses: word and title.
    waiting: Vec<(&'static str, &'static str)>,
}

struct Line {
    mac: String,
    model: String,
    extension: String,
    label: String,
    progress: Badge,
    settled: bool,
    window: Option<When>,
    told: bool,
    asked: Option<AskedLine>,
    fetched: Option<Fetched>,
    registered: Option<When>,
}

struct TurnedAwayLine {
    mac: String,
    model: String,
    why: String,
    at: When,
    count: u32,
    from: String,
    file: String,
    /// What it calls itself, for the form.
    said: String,
    vendor: &'static str,
    added: bool,
}

impl TurnedAwayLine {
    fn of(one: TurnedAway, now: UnixMillis) -> Self {
        let vendor = one.mac.vendor();
        let maker = vendor.map_or("", Vendor::title);
        let said = one.model.unwrap_or_default();
        Self {
            mac: one.mac.to_string(),
            model: format!("{maker} {said}").trim().to_owned(),
            said,
            vendor: vendor.map_or("", Vendor::as_str),
            added: one.added,
            why: sentence(&one.why.to_string()),
            at: When::relative(one.at, now),
            count: one.count,
            from: one.from.to_string(),
            file: one.file,
        }
    }
}

struct AskedLine {
    at: When,
    said: String,
}

struct Fetched {
    at: When,
    file: String,
    told: String,
    from: String,
}

fn badge(progress: Progress) -> Badge {
    match progress {
        Progress::Waiting => Badge::new("off", "○", t("desk-phones-waits-for-the-phone")),
        Progress::Told => Badge::new("push", "◐", t("desk-phones-was-told-its-address")),
        Progress::Settled => Badge::new("ok", "●", t("desk-phones-has-its-own-address")),
        Progress::Rotating => Badge::new("push", "◐", t("desk-phones-gets-another-address")),
        Progress::RanOut => Badge::new("bad", "✕", t("desk-phones-the-first-address-ran-out")),
    }
}

fn fields(body: &AddBody, errors: &Errors) -> Vec<Input> {
    let vendors: Vec<(&'static str, &'static str)> =
        Vendor::ALL.into_iter().map(|vendor| (vendor.as_str(), vendor.title())).collect();
    vec![
        Input::new("mac", t("desk-phones-mac-address"), &body.mac, errors)
            .hint(t("desk-phones-twelve-hex-digits-on-the-back"))
            .more("autocomplete=off required maxlength=20"),
        Input::new("vendor", t("desk-phones-vendor"), &body.vendor, errors).choices(&vendors),
        Input::new("model", t("desk-phones-model"), &body.model, errors)
            .hint(t("desk-phones-as-on-the-phone-t46s-d785"))
            .more("autocomplete=off required maxlength=24"),
        Input::new("extension", t("common-extension"), &body.extension, errors)
            .more("autocomplete=off required maxlength=20 inputmode=numeric"),
        Input::new("label", t("desk-phones-where-it-stands"), &body.label, errors)
            .more("autocomplete=off maxlength=64"),
    ]
}

async fn list_page(state: &AdminState, frame: &Frame, body: &AddBody, errors: &Errors) -> Result<Response, Refusal> {
    let now = clock::now();
    let registered = state.desk_phones.registered().await?;
    let options = state.desk_phones.options();
    let phones = state.desk_phones.list();
    let waits = |vendor: &Vendor| {
        phones.iter().any(|one| one.vendor == *vendor && matches!(one.progress, Progress::Waiting | Progress::RanOut))
    };
    let waiting = Vendor::ALL.into_iter().filter(waits).map(|vendor| (vendor.as_str(), vendor.title())).collect();
    let lines = phones.into_iter().map(|phone| Line {
        model: format!("{} {}", phone.vendor.title(), phone.model),
        extension: phone.extension.to_string(),
        label: phone.label,
        progress: badge(phone.progress),
        settled: phone.progress == Progress::Settled,
        told: !matches!(phone.progress, Progress::Waiting | Progress::RanOut),
        asked: phone.asked.map(|asked| AskedLine {
            at: When::relative(asked.at, now),
            said: retold(&asked.outcome.to_string()).into_owned(),
        }),
        window: phone.pairing_until.map(|until| When::relative(until, now)),
        fetched: phone.last_fetch.map(|fetch| Fetched {
            at: When::relative(fetch.at, now),
            file: fetch.file,
            told: retold(&fetch.told).into_owned(),
            from: fetch.from,
        }),
        registered: registered.get(&phone.mac).map(|at| When::relative(*at, now)),
        mac: phone.mac.to_string(),
    });
    Ok(render(&ListPage {
        lines: lines.collect(),
        layout: frame.layout(t("common-desk-phones"), Menu::DeskPhones),
        problem: errors.of(""),
        fields: fields(body, errors),
        plain_url: format!("{}/d/", state.site.public_url),
        turned_away: state.desk_phones.turned_away().into_iter().map(|one| TurnedAwayLine::of(one, now)).collect(),
        waiting,
        pnp: options.pnp,
        pnp_problem: state.desk_phones.pnp().problem.unwrap_or_default(),
        http_password: options.http_password,
        without_password: state.desk_phones.without_password(),
    }))
}

/// What the form begins with.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Known {
    mac: String,
    vendor: String,
    model: String,
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame, Query(known): Query<Known>) -> Page {
    let Known { mac, vendor, model } = known;
    let body = AddBody { mac, vendor, model, ..AddBody::default() };
    Ok(list_page(&state, &frame, &body, &Errors::default()).await?)
}

#[derive(Template)]
#[template(path = "desk_phone_address.html")]
struct AddressPage {
    layout: Layout,
    mac: String,
    url: String,
    ends: When,
    own_certificate: bool,
}

fn address_page(state: &AdminState, frame: &Frame, first: FirstAddress) -> Response {
    render(&AddressPage {
        layout: frame.layout(t("desk-phones-the-address-for-this-phone"), Menu::DeskPhones),
        mac: first.mac.to_string(),
        url: first.url.into_inner(),
        ends: When::exact(first.expires_at),
        own_certificate: state.site.certificate.info().self_made,
    })
}

pub(crate) async fn add(State(state): State<AdminState>, frame: Frame, Form(body): Form<AddBody>) -> Page {
    match add_one(&state, &body).await {
        Ok(first) => Ok(address_page(&state, &frame, first)),
        Err(refusal) => {
            let mut errors = Errors::default();
            errors.take(refusal)?;
            let page = list_page(&state, &frame, &body, &errors).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

pub(crate) async fn renew_address(State(state): State<AdminState>, frame: Frame, Path(text): Path<String>) -> Page {
    let first = state.desk_phones.renew_address(mac(&text)?).await?;
    Ok(address_page(&state, &frame, first))
}

pub(crate) async fn rotate(State(state): State<AdminState>, Path(text): Path<String>) -> Page {
    state.desk_phones.rotate(mac(&text)?).await?;
    go("/desk-phones?done=rotating")
}

/// A ticked box is sent with any value, one that is not ticked is not sent.
#[derive(Debug, Deserialize)]
pub(crate) struct OptionsForm {
    pnp: Option<String>,
    http_password: Option<String>,
}

pub(crate) async fn options(State(state): State<AdminState>, Form(form): Form<OptionsForm>) -> Page {
    let body = OptionsBody { pnp: form.pnp.is_some(), http_password: form.http_password.is_some() };
    choose(&state, body).await?;
    go("/desk-phones?done=phone-options")
}

pub(crate) async fn check_sync(State(state): State<AdminState>, Path(text): Path<String>) -> Page {
    state.desk_phones.fetch_again(mac(&text)?).await?;
    go("/desk-phones?done=asked")
}

pub(crate) async fn check_sync_all(State(state): State<AdminState>) -> Page {
    state.desk_phones.all_fetch_again();
    go("/desk-phones?done=all-asked")
}

#[derive(Debug, Deserialize)]
pub(crate) struct WindowForm {
    open: String,
}

pub(crate) async fn window(
    State(state): State<AdminState>,
    Path(text): Path<String>,
    Form(form): Form<WindowForm>,
) -> Page {
    let open = form.open == "yes";
    state.desk_phones.set_window(mac(&text)?, open)?;
    go(if open { "/desk-phones?done=window-open" } else { "/desk-phones?done=window-closed" })
}

pub(crate) async fn confirm_remove(State(state): State<AdminState>, frame: Frame, Path(text): Path<String>) -> Page {
    let phone = state.desk_phones.get(mac(&text)?)?;
    let confirm = Confirm {
        layout: frame.layout(say("desk-phones-remove-the-desk-phone").with("mac", &phone.mac).text(), Menu::DeskPhones),
        lines: vec![
            say("desk-phones-it-loses-its-account-of-extension").with("extension", &phone.extension).text(),
            t("desk-phones-its-addresses-stop-working-the-phone").into(),
        ],
        action: format!("/desk-phones/{}/remove", phone.mac),
        fields: Vec::new(),
        button: t("desk-phones-remove-the-phone"),
        back: "/desk-phones".into(),
    };
    Ok(confirm.page())
}

pub(crate) async fn remove(State(state): State<AdminState>, Path(text): Path<String>) -> Page {
    state.desk_phones.remove(mac(&text)?).await?;
    go("/desk-phones?done=removed")
}
