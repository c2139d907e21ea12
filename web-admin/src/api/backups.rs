//! `/backups`: what is in the folder, making one, bringing one, putting one back. `/backup-policy`: when they are made.

use axum::Json;
use axum::body::Body as Raw;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use pbx_core::model::{Redacted, UnixMillis};
use pbx_core::store::backup::BackupError;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt as _;

use super::Answer;
use super::body::Body;
use crate::audit;
use crate::backups::{BackupsError, Kept, Outcome, Policy, TimeOfDay, Work};
use crate::error::Refusal;
use crate::state::AdminState;
use crate::t;

/// A piece of a download.
const PIECE: usize = 128 * 1024;

impl From<BackupsError> for Refusal {
    fn from(error: BackupsError) -> Self {
        let text = error.to_string();
        let invalid = |code, field: &str| Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, text.clone()).field(field);
        match error {
            BackupsError::Store(store) => Self::from(store),
            BackupsError::Backup(odd) => Self::from(odd),
            BackupsError::Busy => Self::new(StatusCode::CONFLICT, "backup_busy", text),
            BackupsError::NoPassphrase => Self::new(StatusCode::CONFLICT, "no_passphrase", text).field("passphrase"),
            BackupsError::ShortPassphrase | BackupsError::LongPassphrase => invalid("passphrase_unfit", "passphrase"),
            BackupsError::Keep => invalid("keep_out_of_range", "keep"),
            BackupsError::NoSuchBackup => Self::not_found("no_such_backup", text),
            BackupsError::Name(_) => invalid("backup_name_malformed", "name"),
            BackupsError::NameTaken => Self::new(StatusCode::CONFLICT, "backup_name_taken", text).field("name"),
            BackupsError::OnServer => Self::new(StatusCode::CONFLICT, "restore_by_command", text),
        }
    }
}

impl From<BackupError> for Refusal {
    fn from(error: BackupError) -> Self {
        let text = error.to_string();
        let unfit = |code| Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, text.clone());
        match error {
            BackupError::Store(store) => Self::from(store),
            BackupError::Passphrase => unfit("passphrase_wrong").field("passphrase"),
            BackupError::NoBackup(_) => unfit("no_backup").field("file"),
            BackupError::Damaged { .. } => unfit("backup_damaged").field("file"),
            BackupError::Newer(_) => unfit("backup_newer").field("file"),
            BackupError::Waiting => Self::new(StatusCode::CONFLICT, "backup_busy", text),
            BackupError::NotEmpty(_) => Self::new(StatusCode::CONFLICT, "restore_by_command", text),
            // The reason (a full disk) is for whoever runs the machine, and no secret.
            BackupError::File { .. } => Self::new(StatusCode::INSUFFICIENT_STORAGE, "backup_file", text),
        }
    }
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = BackupList)]
pub(crate) struct ListView {
    backups: Vec<Kept>,
    work: Work,
    /// Rows that the work in hand has come to.
    rows: u64,
    last: Option<Outcome>,
    /// Why the last restore was given up.
    restore_problem: Option<String>,
}

#[utoipa::path(get, path = "/backups", operation_id = "backups_list", tag = "Backups", summary = "The backups in the folder, the newest first, and what is going on.", responses((status = 200, description = "The backups.", body = ListView)))]
pub(crate) async fn list(State(state): State<AdminState>) -> Answer<Json<ListView>> {
    let now = state.backups.now();
    Ok(Json(ListView {
        backups: state.backups.list()?,
        work: now.work,
        rows: now.progress.rows(),
        last: state.backups.outcome().await?,
        restore_problem: now.restore_problem,
    }))
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = BackupBegun)]
pub(crate) struct BegunView {
    /// Under which name it will be in the list.
    name: String,
}

#[utoipa::path(post, path = "/backups", operation_id = "backups_make", tag = "Backups", summary = "Begins a backup; `GET /backups` shows when it is there.", responses((status = 202, description = "It has begun.", body = BegunView), (status = 409, description = "")))]
pub(crate) async fn make(State(state): State<AdminState>) -> Answer<(StatusCode, Json<BegunView>)> {
    let name = state.backups.begin().await?;
    audit::note(name.clone());
    Ok((StatusCode::ACCEPTED, Json(BegunView { name })))
}

#[utoipa::path(get, path = "/backups/{name}", operation_id = "backups_download", tag = "Backups", summary = "A backup, as the encrypted file it is.", params(("name" = String, Path, description = "Its name in the list")), responses((status = 200, description = "The file.", body = String, content_type = "application/octet-stream"), (status = 404, description = "")))]
pub(crate) async fn download(State(state): State<AdminState>, Path(name): Path<String>) -> Answer<Response> {
    Ok(file(&state, &name).await?)
}

/// The file as a stream: it may be larger than what memory should hold.
pub(crate) async fn file(state: &AdminState, name: &str) -> Result<Response, Refusal> {
    let path = state.backups.path(name)?;
    let refused = |source| Refusal::from(BackupError::File { path: path.clone(), source });
    let file = tokio::fs::File::open(&path).await.map_err(refused)?;
    let bytes = file.metadata().await.map_err(refused)?.len();
    let pieces = futures_util::stream::unfold(file, async |mut file| {
        let mut piece = vec![0; PIECE];
        match file.read(&mut piece).await {
            Ok(0) => None,
            Ok(count) => {
                piece.truncate(count);
                Some((Ok::<_, std::io::Error>(piece), file))
            }
            Err(cut) => Some((Err(cut), file)),
        }
    });
    let mut response = Raw::from_stream(pieces).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
    // The name was held against what names may be.
    if let Ok(attached) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, attached);
    }
    Ok(response)
}

#[utoipa::path(put, path = "/backups/{name}", operation_id = "backups_upload", tag = "Backups", summary = "Brings a backup from elsewhere into the folder.", params(("name" = String, Path, description = "Under which name; it ends in `.nightbell`")), request_body(content_type = "application/octet-stream", content = Vec<u8>), responses((status = 204, description = "It is in the list."), (status = 409, description = ""), (status = 422, description = ""), (status = 507, description = "")))]
pub(crate) async fn upload(
    State(state): State<AdminState>,
    Path(name): Path<String>,
    request: Request,
) -> Answer<StatusCode> {
    let mut upload = state.backups.upload(&name)?;
    let mut pieces = request.into_body().into_data_stream();
    while let Some(piece) = pieces.next().await {
        let cut = |_| Refusal::new(StatusCode::BAD_REQUEST, "malformed", t("backups-the-file-did-not-arrive-whole"));
        upload.write(&piece.map_err(cut)?)?;
    }
    upload.finish()?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(delete, path = "/backups/{name}", operation_id = "backups_remove", tag = "Backups", summary = "Removes a backup from the folder.", params(("name" = String, Path, description = "Its name in the list")), responses((status = 204, description = "It is gone."), (status = 404, description = "")))]
pub(crate) async fn remove(State(state): State<AdminState>, Path(name): Path<String>) -> Answer<StatusCode> {
    state.backups.remove(&name)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BackupPassphrase)]
pub(crate) struct PassphraseBody {
    /// Left out, the stored one.
    #[schema(value_type = Option<String>)]
    passphrase: Option<Redacted<String>>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = BackupContents)]
pub(crate) struct ContentsView {
    made_at: UnixMillis,
    /// The version that made it.
    made_by: String,
    /// The public name of the installation.
    host: String,
    rows: u64,
    tables: usize,
}

#[utoipa::path(post, path = "/backups/{name}/verify", operation_id = "backups_verify", tag = "Backups", summary = "Reads a backup to its end and says what is in it.", params(("name" = String, Path, description = "Its name in the list")), request_body = PassphraseBody, responses((status = 200, description = "It is whole.", body = ContentsView), (status = 404, description = ""), (status = 409, description = ""), (status = 422, description = "")))]
pub(crate) async fn verify(
    State(state): State<AdminState>,
    Path(name): Path<String>,
    Body(body): Body<PassphraseBody>,
) -> Answer<Json<ContentsView>> {
    let contents = state.backups.verify(&name, body.passphrase).await?;
    let rows = contents.rows();
    let manifest = contents.manifest;
    Ok(Json(ContentsView {
        made_at: manifest.made_at,
        made_by: manifest.made_by,
        host: manifest.host,
        rows,
        tables: contents.tables.len(),
    }))
}

#[utoipa::path(post, path = "/backups/{name}/restore", operation_id = "backups_restore", tag = "Backups", summary = "Begins to put a backup back; when it is whole and checked, Nightbell restarts with it.", params(("name" = String, Path, description = "Its name in the list")), request_body = PassphraseBody, responses((status = 202, description = "It has begun; `GET /backups` shows how far it is."), (status = 404, description = ""), (status = 409, description = "")))]
pub(crate) async fn restore(
    State(state): State<AdminState>,
    Path(name): Path<String>,
    Body(body): Body<PassphraseBody>,
) -> Answer<StatusCode> {
    state.backups.restore(&name, body.passphrase).await?;
    Ok(StatusCode::ACCEPTED)
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = BackupPolicy)]
pub(crate) struct PolicyView {
    /// Every day at this time of the company's time zone; null: only by hand.
    #[schema(value_type = Option<String>)]
    daily_at: Option<TimeOfDay>,
    /// How many stay in the folder.
    keep: u32,
    /// Whether there is a passphrase; without one no backup is made.
    has_passphrase: bool,
}

#[utoipa::path(get, path = "/backup-policy", operation_id = "backup_policy", tag = "Backups", summary = "When backups are made, without the passphrase.", responses((status = 200, description = "The policy.", body = PolicyView)))]
pub(crate) async fn policy(State(state): State<AdminState>) -> Answer<Json<PolicyView>> {
    let (Policy { daily_at, keep }, has_passphrase) = state.backups.policy().await?;
    Ok(Json(PolicyView { daily_at, keep, has_passphrase }))
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewBackupPolicy)]
pub(crate) struct PolicyBody {
    #[schema(value_type = Option<String>)]
    daily_at: Option<TimeOfDay>,
    keep: u32,
    /// Left out, the stored one is kept.
    #[schema(value_type = Option<String>)]
    passphrase: Option<Redacted<String>>,
}

#[utoipa::path(put, path = "/backup-policy", operation_id = "backup_put_policy", tag = "Backups", summary = "Sets when backups are made and how many are kept.", request_body = PolicyBody, responses((status = 200, description = "As it is.", body = PolicyView), (status = 422, description = "")))]
pub(crate) async fn put_policy(
    State(state): State<AdminState>,
    Body(body): Body<PolicyBody>,
) -> Answer<Json<PolicyView>> {
    let PolicyBody { daily_at, keep, passphrase } = body;
    if passphrase.is_some() {
        audit::note("a new passphrase");
    }
    state.backups.set_policy(&Policy { daily_at, keep }, passphrase.as_ref()).await?;
    policy(State(state)).await
}
