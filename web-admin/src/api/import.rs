//! `POST /extensions/import`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use pbx_core::model::{EmailAddress, ExtensionNumber, Redacted};
use serde::{Deserialize, Serialize};

use super::Answer;
use super::body::Body;
use crate::adding::{self, Imported};
use crate::error::{Problem, Refusal};
use crate::import::RowError;
use crate::state::AdminState;

#[derive(Debug, utoipa::ToSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportBody {
    #[schema(value_type = String)]
    csv: Redacted<String>,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Debug, utoipa::ToSchema, Serialize)]
pub(crate) struct ImportView {
    dry_run: bool,
    rows: usize,
    added: usize,
    errors: Vec<RowError>,
    extensions: Vec<ImportLine>,
}

#[derive(Debug, utoipa::ToSchema, Serialize)]
struct ImportLine {
    line: u64,
    number: ExtensionNumber,
    name: String,
    email: Option<EmailAddress>,
    secret_minted: bool,
    #[schema(value_type = Option<String>)]
    secret: Option<Redacted<String>>,
}

#[utoipa::path(post, path = "/extensions/import", operation_id = "import_import", tag = "Extensions", summary = "Imports a list: all or nothing.", request_body = ImportBody, responses((status = 200, description = "What was, or in a dry run would be, imported.", body = ImportView), (status = 409, description = ""), (status = 422, description = "")))]
pub(crate) async fn import(State(state): State<AdminState>, Body(body): Body<ImportBody>) -> Answer<Json<ImportView>> {
    let imported = adding::import(&state, body.csv.reveal(), body.dry_run).await?;
    if !body.dry_run && !imported.parsed.errors.is_empty() {
        let wrong = imported.parsed.errors.len();
        let mut refusal = Refusal::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "import_has_errors",
            format!(
                "nothing was imported: {wrong} problems in {} lines; correct them and import again",
                imported.parsed.lines
            ),
        );
        refusal.rows = imported.parsed.errors;
        return Err(Problem(refusal));
    }
    Ok(Json(view(imported, body.dry_run)))
}

fn view(imported: Imported, dry_run: bool) -> ImportView {
    let Imported { parsed, shown } = imported;
    let added = shown.len();
    let mut secrets = shown.into_iter().map(|shown| Some(shown.secret)).chain(std::iter::repeat_with(|| None));
    let extensions = parsed
        .rows
        .into_iter()
        .map(|row| ImportLine {
            line: row.line,
            number: row.number,
            name: row.name.into(),
            email: row.email,
            secret_minted: row.secret.is_none(),
            secret: secrets.next().flatten(),
        })
        .collect();
    ImportView { dry_run, rows: parsed.lines, added, errors: parsed.errors, extensions }
}
