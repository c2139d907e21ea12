//! `POST /desk-phones/import` and `POST /desk-phones/redirection`.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use pbx_core::model::{ExtensionNumber, Redacted, UnixMillis};
use provisioning::desk_phone::{DeskPhoneError, Vendor};
use provisioning::desk_phones::DeskPhonesError;
use serde::{Deserialize, Serialize};

use super::Answer;
use super::body::Body;
use crate::audit;
use crate::desk_phone_import::{Imported, import as carry_out};
use crate::error::{Problem, Refusal};
use crate::import::{RowError, harmless};
use crate::state::AdminState;

#[derive(Debug, utoipa::ToSchema, Deserialize)]
#[serde(deny_unknown_fields)]
#[schema(as = DeskPhoneImport)]
pub(crate) struct ImportBody {
    /// The first line names the columns: mac, vendor (may be missing), model, extension, label (may be missing).
    csv: String,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Debug, utoipa::ToSchema, Serialize)]
#[schema(as = DeskPhoneImported)]
pub(crate) struct ImportView {
    dry_run: bool,
    rows: usize,
    added: usize,
    errors: Vec<RowError>,
    desk_phones: Vec<ImportLine>,
}

#[derive(Debug, utoipa::ToSchema, Serialize)]
#[schema(as = DeskPhoneImportLine)]
struct ImportLine {
    line: u64,
    mac: String,
    vendor: &'static str,
    model: String,
    extension: ExtensionNumber,
    label: String,
    /// Shown this once; missing in a dry run.
    #[schema(value_type = Option<String>)]
    url: Option<Redacted<String>>,
    expires_at: Option<UnixMillis>,
}

#[utoipa::path(post, path = "/desk-phones/import", operation_id = "desk_phones_import", tag = "Desk phones", summary = "Imports a list of desk phones: all or nothing; the addresses they fetch from are shown this once.", request_body = ImportBody, responses((status = 200, description = "What was, or in a dry run would be, imported.", body = ImportView), (status = 409, description = ""), (status = 422, description = "Every wrong line with its reason.")))]
pub(crate) async fn import(State(state): State<AdminState>, Body(body): Body<ImportBody>) -> Answer<Json<ImportView>> {
    let imported = carry_out(&state, &body.csv, body.dry_run).await?;
    if !body.dry_run && !imported.parsed.errors.is_empty() {
        let (wrong, lines) = (imported.parsed.errors.len(), imported.parsed.lines);
        let text = format!("nothing was imported: {wrong} problems in {lines} lines; correct them and import again");
        let mut refusal = Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "import_has_errors", text);
        refusal.rows = imported.parsed.errors;
        return Err(Problem(refusal));
    }
    Ok(Json(view(imported, body.dry_run)))
}

fn view(imported: Imported, dry_run: bool) -> ImportView {
    let Imported { parsed, shown } = imported;
    let added = shown.len();
    let mut addresses = shown.into_iter();
    let line = |row: crate::desk_phone_import::Row| {
        let address = addresses.next();
        ImportLine {
            line: row.line,
            mac: row.new.phone.mac.to_string(),
            vendor: row.new.phone.vendor.as_str(),
            model: row.new.phone.model.to_string(),
            extension: row.new.extension,
            label: row.new.label,
            expires_at: address.as_ref().map(|first| first.expires_at),
            url: address.map(|first| first.url),
        }
    };
    let desk_phones = parsed.rows.into_iter().map(line).collect();
    ImportView { dry_run, rows: parsed.lines, added, errors: parsed.errors, desk_phones }
}

/// Whose phones.
#[derive(Debug, utoipa::ToSchema, Deserialize)]
#[serde(deny_unknown_fields)]
#[schema(as = DeskPhoneRedirection)]
pub(crate) struct RedirectionBody {
    pub(crate) vendor: String,
}

#[utoipa::path(post, path = "/desk-phones/redirection", operation_id = "desk_phones_redirection", tag = "Desk phones", summary = "New first addresses of a vendor's phones that have not moved to their own, as a list for the vendor's redirect service.", request_body = RedirectionBody, responses((status = 200, description = "MAC, address, model, extension and label of each.", body = String, content_type = "text/csv")))]
pub(crate) async fn redirection(
    State(state): State<AdminState>,
    Body(body): Body<RedirectionBody>,
) -> Answer<Response> {
    Ok(list_for(&state, &body.vendor).await?)
}

/// The list; shared with the page. Whoever has it can set these phones up, so it is made anew each time and kept nowhere.
pub(crate) async fn list_for(state: &AdminState, vendor: &str) -> Result<Response, Refusal> {
    let vendor: Vendor = vendor.parse().map_err(|wrong: DeskPhoneError| DeskPhonesError::from(wrong))?;
    let failed = |failure: csv::Error| Refusal::internal(&failure);
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["mac", "url", "model", "extension", "label"]).map_err(failed)?;
    let all = state.desk_phones.addresses_for_redirection(vendor).await?;
    audit::note(format!("addresses of {} phones of {vendor} for its redirect service", all.len()));
    for (phone, first) in all {
        let mac = phone.mac.upper();
        let (model, extension) = (phone.model.to_string(), phone.extension.to_string());
        let cells = [mac.as_str(), first.url.reveal(), &model, &extension, &harmless(&phone.label)];
        writer.write_record(cells).map_err(failed)?;
    }
    let text = writer.into_inner().map_err(|failure| Refusal::internal(failure.error()))?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{vendor}-phones.csv\"")),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, text).into_response())
}
