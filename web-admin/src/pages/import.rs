//! `/extensions/import`: paste or upload a list; first a dry run, then all of it or nothing.

use askama::Template;
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::Page;
use crate::adding::{self, Imported};
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
#[template(path = "import.html")]
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
    number: String,
    name: String,
    email: String,
    minted: bool,
}

#[derive(Template)]
#[template(path = "imported.html")]
struct ImportedPage {
    layout: Layout,
    realm: String,
    accounts: Vec<AccountLine>,
}

struct AccountLine {
    number: String,
    username: String,
    secret: String,
}

fn example_hint() -> &'static str {
    t("import-the-first-line-names-the-columns")
}

fn page(layout: Layout, text: &str, imported: Option<Imported>) -> Response {
    let errors = Errors::default();
    let (rows, found, count) = match imported {
        Some(mut imported) => {
            for error in &mut imported.parsed.errors {
                error.message = words::sentence(&error.message);
            }
            let count = imported.parsed.rows.len();
            let rows = imported.parsed.rows.into_iter().take(PREVIEW).map(|row| PreviewLine {
                line: row.line,
                number: row.number.to_string(),
                name: row.name.to_string(),
                email: row.email.map(String::from).unwrap_or_default(),
                minted: row.secret.is_none(),
            });
            (rows.collect(), imported.parsed.errors, count)
        }
        None => (Vec::new(), Vec::new(), 0),
    };
    let ready = found.is_empty() && count > 0;
    render(&ImportPage {
        layout,
        csv: Input::new("csv", t("import-paste-the-list"), text, &errors)
            .hint(example_hint())
            .rows(10)
            .more("spellcheck=false autocapitalize=none"),
        checked: if ready { text.to_owned() } else { String::new() },
        errors: found,
        rows,
        count,
    })
}

pub(crate) async fn form(frame: Frame) -> Page {
    Ok(page(frame.layout(t("import-add-many-extensions"), Menu::Extensions), "", None))
}

pub(crate) async fn submit(State(state): State<AdminState>, frame: Frame, multipart: Multipart) -> Page {
    let parts = Parts::read(multipart).await?;
    let text = parts.file_or_text("file", "csv");
    let dry_run = parts.text("act") != "import";
    let imported = adding::import(&state, text.reveal(), dry_run).await?;
    if !dry_run && imported.parsed.errors.is_empty() {
        let count = imported.shown.len();
        let realm = imported.shown.first().map(|shown| shown.realm.clone()).unwrap_or_default();
        let accounts = imported.shown.into_iter().map(|shown| AccountLine {
            number: shown.number.to_string(),
            username: shown.username,
            secret: shown.secret.into_inner(),
        });
        return Ok(render(&ImportedPage {
            layout: frame.layout(say("import-extensions-added").with("count", &count).text(), Menu::Extensions),
            realm,
            accounts: accounts.collect(),
        }));
    }
    let status = if imported.parsed.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let layout = frame.layout(t("import-add-many-extensions"), Menu::Extensions);
    Ok((status, page(layout, text.reveal(), Some(imported))).into_response())
}
