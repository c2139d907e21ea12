//! `/desk-phones/import`: paste or upload a list; first a dry run, then all of it or nothing.

use askama::Template;
use axum::extract::{Form, Multipart, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::Page;
use crate::api::desk_phone_import::{RedirectionBody, list_for};
use crate::desk_phone_import::{Imported, import};
use crate::error::render;
use crate::form::{Errors, Input, Parts};
use crate::import::RowError;
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;
use crate::words;
use crate::{say, t};

/// Lines of the preview; the rest is counted.
const PREVIEW: usize = 200;

#[derive(Template)]
#[template(path = "desk_phone_import.html")]
struct ImportPage {
    layout: Layout,
    csv: Input,
    /// The text that was checked, to be sent again with the import.
    checked: String,
    errors: Vec<RowError>,
    rows: Vec<PreviewLine>,
    count: usize,
}

struct PreviewLine {
    line: u64,
    mac: String,
    model: String,
    extension: String,
    label: String,
}

#[derive(Template)]
#[template(path = "desk_phones_imported.html")]
struct ImportedPage {
    layout: Layout,
    phones: Vec<AddressLine>,
}

struct AddressLine {
    mac: String,
    model: String,
    extension: String,
    url: String,
}

fn page(layout: Layout, text: &str, imported: Option<Imported>) -> Response {
    let (rows, found, count) = match imported {
        Some(mut imported) => {
            for error in &mut imported.parsed.errors {
                error.message = words::sentence(&error.message);
            }
            let count = imported.parsed.rows.len();
            let rows = imported.parsed.rows.into_iter().take(PREVIEW).map(|row| PreviewLine {
                line: row.line,
                mac: row.new.phone.mac.to_string(),
                model: format!("{} {}", row.new.phone.vendor.title(), row.new.phone.model),
                extension: row.new.extension.to_string(),
                label: row.new.label,
            });
            (rows.collect(), imported.parsed.errors, count)
        }
        None => (Vec::new(), Vec::new(), 0),
    };
    let ready = found.is_empty() && count > 0;
    render(&ImportPage {
        layout,
        csv: Input::new("csv", t("import-paste-the-list"), text, &Errors::default())
            .hint(t("desk-phone-import-the-first-line-names-the-columns"))
            .rows(10)
            .more("spellcheck=false autocapitalize=none"),
        checked: if ready { text.to_owned() } else { String::new() },
        errors: found,
        rows,
        count,
    })
}

pub(crate) async fn form(frame: Frame) -> Page {
    Ok(page(frame.layout(t("desk-phone-import-add-many-desk-phones"), Menu::DeskPhones), "", None))
}

pub(crate) async fn submit(State(state): State<AdminState>, frame: Frame, multipart: Multipart) -> Page {
    let parts = Parts::read(multipart).await?;
    let text = parts.file_or_text("file", "csv");
    let dry_run = parts.text("act") != "import";
    let imported = import(&state, text.reveal(), dry_run).await?;
    if !dry_run && imported.parsed.errors.is_empty() {
        let count = imported.shown.len();
        let phones = imported.parsed.rows.into_iter().zip(imported.shown).map(|(row, first)| AddressLine {
            mac: first.mac.to_string(),
            model: format!("{} {}", row.new.phone.vendor.title(), row.new.phone.model),
            extension: row.new.extension.to_string(),
            url: first.url.into_inner(),
        });
        return Ok(render(&ImportedPage {
            layout: frame
                .layout(say("desk-phone-import-desk-phones-added").with("count", &count).text(), Menu::DeskPhones),
            phones: phones.collect(),
        }));
    }
    let status = if imported.parsed.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let layout = frame.layout(t("desk-phone-import-add-many-desk-phones"), Menu::DeskPhones);
    Ok((status, page(layout, text.reveal(), Some(imported))).into_response())
}

pub(crate) async fn redirection(State(state): State<AdminState>, Form(body): Form<RedirectionBody>) -> Page {
    Ok(list_for(&state, &body.vendor).await?)
}
