//! `/desk-phones/templates`: settings put over ours for all phones of a kind, tried before they are saved.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use provisioning::desk_phone::Family;
use serde::Deserialize;

use super::confirm::Confirm;
use super::{Page, go};
use crate::api::desk_phone_templates::{TemplateBody, Which, family, save, take_away};
use crate::api::desk_phones::mac;
use crate::clock;
use crate::error::{Refusal, render};
use crate::form::{Errors, Input};
use crate::import::RowError;
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;
use crate::words::{self, When};
use crate::{say, t};

/// What a format is called, and how a setting looks in it.
const fn title(family: Family) -> &'static str {
    match family {
        Family::Yealink => "Yealink",
        Family::Snom => "Snom",
        Family::Grandstream => "Grandstream (P-values)",
        Family::FanvilText => "Fanvil, text (X1S to X7C, X210)",
        Family::FanvilXml => "Fanvil, XML (others)",
        Family::Polycom => "Poly (Polycom)",
    }
}

#[derive(Template)]
#[template(path = "desk_phone_templates.html")]
struct TemplatesPage {
    layout: Layout,
    lines: Vec<Line>,
    problem: String,
    wrong: Vec<RowError>,
    fields: Vec<Input>,
    tried: bool,
    preview: Option<File>,
}

struct Line {
    family: &'static str,
    title: &'static str,
    model: String,
    count: usize,
    phones: usize,
    changed: When,
}

struct File {
    name: String,
    text: String,
}

/// The form: a template, and what to do with it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct TemplateForm {
    #[serde(default)]
    family: String,
    #[serde(default)]
    model: String,
    #[serde(default)]
    settings: String,
    #[serde(default)]
    mac: String,
    #[serde(default)]
    act: String,
}

/// Which template to begin with.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Chosen {
    #[serde(default)]
    family: String,
    #[serde(default)]
    model: String,
}

fn fields(form: &TemplateForm, errors: &Errors) -> Vec<Input> {
    let families: Vec<(&'static str, &'static str)> =
        Family::ALL.into_iter().map(|family| (family.as_str(), title(family))).collect();
    vec![
        Input::new("family", t("desk-phone-templates-format"), &form.family, errors).choices(&families),
        Input::new("model", t("desk-phone-templates-models-that-begin-with"), &form.model, errors)
            .hint(t("desk-phone-templates-empty-for-all-models-t4-means"))
            .more("autocomplete=off maxlength=24"),
        Input::new("settings", t("common-settings"), &form.settings, errors)
            .hint(t("desk-phone-templates-one-a-line-as-key-value"))
            .rows(12)
            .more("spellcheck=false autocapitalize=none"),
        Input::new("mac", t("desk-phone-templates-show-the-file-of-this-phone"), &form.mac, errors)
            .hint(t("desk-phone-templates-a-mac-address-if-you-want"))
            .more("autocomplete=off maxlength=20"),
    ]
}

fn shown(
    state: &AdminState,
    frame: &Frame,
    form: &TemplateForm,
    (errors, wrong): (&Errors, Vec<RowError>),
    (tried, preview): (bool, Option<File>),
) -> Response {
    let now = clock::now();
    let lines = state.desk_phones.templates().into_iter().map(|known| Line {
        family: known.family.as_str(),
        title: title(known.family),
        model: known.model,
        count: known.count,
        phones: known.phones,
        changed: When::relative(known.changed_at, now),
    });
    render(&TemplatesPage {
        layout: frame.layout(t("desk-phone-templates-templates-of-desk-phones"), Menu::DeskPhones),
        lines: lines.collect(),
        problem: errors.of(""),
        wrong,
        fields: fields(form, errors),
        tried,
        preview,
    })
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame, Query(chosen): Query<Chosen>) -> Page {
    let known = state.desk_phones.templates();
    let found = known.into_iter().find(|one| one.family.as_str() == chosen.family && one.model == chosen.model);
    let form = TemplateForm {
        settings: found.map(|one| one.settings).unwrap_or_default(),
        family: chosen.family,
        model: chosen.model,
        ..TemplateForm::default()
    };
    Ok(shown(&state, &frame, &form, (&Errors::default(), Vec::new()), (false, None)))
}

/// Tries a template; `None` for the file when no phone is named.
async fn tried(state: &AdminState, form: &TemplateForm) -> Result<Option<File>, Refusal> {
    let family = family(&form.family)?;
    state.desk_phones.try_template(family, &form.model, &form.settings)?;
    if form.mac.trim().is_empty() {
        return Ok(None);
    }
    let template = (family, form.model.as_str(), form.settings.as_str());
    let file = state.desk_phones.preview_with(mac(&form.mac)?, template).await?;
    Ok(Some(File { name: file.name, text: file.text.into_inner() }))
}

pub(crate) async fn submit(State(state): State<AdminState>, frame: Frame, Form(form): Form<TemplateForm>) -> Page {
    let done = if form.act == "save" {
        let TemplateForm { family, model, settings, .. } = &form;
        let body = TemplateBody { family: family.clone(), model: model.clone(), settings: settings.clone() };
        save(&state, &body).await.map(|_| None)
    } else {
        tried(&state, &form).await.map(Some)
    };
    match done {
        Ok(None) => go("/desk-phones/templates?done=template-saved"),
        Ok(Some(preview)) => Ok(shown(&state, &frame, &form, (&Errors::default(), Vec::new()), (true, preview))),
        Err(mut refusal) => {
            let mut wrong = std::mem::take(&mut refusal.rows);
            for row in &mut wrong {
                row.message = words::sentence(&row.message);
            }
            let mut errors = Errors::default();
            errors.take(refusal)?;
            let page = shown(&state, &frame, &form, (&errors, wrong), (false, None));
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

pub(crate) async fn confirm_remove(State(state): State<AdminState>, frame: Frame, Query(which): Query<Which>) -> Page {
    let known = state.desk_phones.templates();
    let known = known.into_iter().find(|one| one.family.as_str() == which.family && one.model == which.model);
    let known = known.ok_or_else(|| Refusal::from(provisioning::desk_phones::DeskPhonesError::NoSuchTemplate))?;
    let confirm = Confirm {
        layout: frame.layout(
            say("desk-phone-templates-take-the-template-of-away")
                .with("title", &title(known.family))
                .with("model", &known.model)
                .text(),
            Menu::DeskPhones,
        ),
        lines: vec![
            say("desk-phone-templates-phones-have-nightbells-own-settings-again").with("phones", &known.phones).text(),
        ],
        action: format!("/desk-phones/templates/remove?family={}&model={}", known.family.as_str(), known.model),
        fields: Vec::new(),
        button: t("desk-phone-templates-take-the-template-away"),
        back: "/desk-phones/templates".into(),
    };
    Ok(confirm.page())
}

pub(crate) async fn remove(State(state): State<AdminState>, Query(which): Query<Which>) -> Page {
    take_away(&state, &which).await?;
    go("/desk-phones/templates?done=template-removed")
}

#[derive(Template)]
#[template(path = "desk_phone_preview.html")]
struct PreviewPage {
    layout: Layout,
    name: String,
    text: String,
}

pub(crate) async fn preview(State(state): State<AdminState>, frame: Frame, Path(text): Path<String>) -> Page {
    let mac = mac(&text)?;
    let file = state.desk_phones.preview(mac).await?;
    Ok(render(&PreviewPage {
        layout: frame.layout(say("desk-phone-templates-what-is-told").with("mac", &mac).text(), Menu::DeskPhones),
        name: file.name,
        text: file.text.into_inner(),
    }))
}
