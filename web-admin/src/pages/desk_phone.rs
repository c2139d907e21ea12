//! `/desk-phones/{mac}`: changing one phone, and the password of its own menu.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use provisioning::desk_phone::Mac;
use serde::Deserialize;

use super::confirm::Confirm;
use super::{Page, go};
use crate::api::desk_phones::{EditBody, edit_one, mac, open_menu};
use crate::error::{Refusal, render};
use crate::form::{Errors, Input};
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;
use crate::{say, t};

#[derive(Template)]
#[template(path = "desk_phone.html")]
struct PhonePage {
    layout: Layout,
    mac: String,
    problem: String,
    fields: Vec<Input>,
}

/// The form: all of it is sent.
#[derive(Debug, Deserialize)]
pub(crate) struct EditForm {
    extension: String,
    model: String,
    label: String,
}

fn page_of(
    state: &AdminState,
    frame: &Frame,
    mac: Mac,
    (form, errors): (&EditForm, &Errors),
) -> Result<Response, Refusal> {
    let phone = state.desk_phones.get(mac)?;
    let title = format!("{} {}, {}", phone.vendor.title(), phone.model, phone.mac);
    Ok(render(&PhonePage {
        layout: frame.layout(&title, Menu::DeskPhones),
        mac: phone.mac.to_string(),
        problem: errors.of(""),
        fields: vec![
            Input::new("extension", t("common-extension"), &form.extension, errors)
                .hint(t("desk-phone-it-loses-the-account-of-the"))
                .more("autocomplete=off required maxlength=20 inputmode=numeric"),
            Input::new("model", t("desk-phones-model"), &form.model, errors)
                .more("autocomplete=off required maxlength=24"),
            Input::new("label", t("desk-phones-where-it-stands"), &form.label, errors)
                .more("autocomplete=off maxlength=64"),
        ],
    }))
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame, Path(text): Path<String>) -> Page {
    let mac = mac(&text)?;
    let phone = state.desk_phones.get(mac)?;
    let form = EditForm { extension: phone.extension.to_string(), model: phone.model.to_string(), label: phone.label };
    Ok(page_of(&state, &frame, mac, (&form, &Errors::default()))?)
}

pub(crate) async fn change(
    State(state): State<AdminState>,
    frame: Frame,
    Path(text): Path<String>,
    Form(form): Form<EditForm>,
) -> Page {
    let mac = mac(&text)?;
    let EditForm { extension, model, label } = &form;
    let body = EditBody { extension: Some(extension.clone()), model: Some(model.clone()), label: Some(label.clone()) };
    match edit_one(&state, mac, &body).await {
        Ok(_) => go("/desk-phones?done=saved"),
        Err(refusal) => {
            let mut errors = Errors::default();
            errors.take(refusal)?;
            let page = page_of(&state, &frame, mac, (&form, &errors))?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

pub(crate) async fn confirm_menu(State(state): State<AdminState>, frame: Frame, Path(text): Path<String>) -> Page {
    let phone = state.desk_phones.get(mac(&text)?)?;
    let confirm = Confirm {
        layout: frame
            .layout(say("desk-phone-the-password-of-the-menu-of").with("mac", &phone.mac).text(), Menu::DeskPhones),
        lines: vec![t("desk-phone-whoever-has-it-can-change-everything").into()],
        action: format!("/desk-phones/{}/menu-password", phone.mac),
        fields: Vec::new(),
        button: t("desk-phone-show-the-password"),
        back: format!("/desk-phones/{}", phone.mac),
    };
    Ok(confirm.page())
}

#[derive(Template)]
#[template(path = "desk_phone_menu.html")]
struct MenuPage {
    layout: Layout,
    mac: String,
    user: &'static str,
    password: String,
}

pub(crate) async fn menu(State(state): State<AdminState>, frame: Frame, Path(text): Path<String>) -> Page {
    let mac = mac(&text)?;
    let menu = open_menu(&state, mac)?;
    Ok(render(&MenuPage {
        layout: frame.layout(say("desk-phone-the-password-of-the-menu-of").with("mac", &mac).text(), Menu::DeskPhones),
        mac: mac.to_string(),
        user: menu.user,
        password: menu.password.into_inner(),
    }))
}
