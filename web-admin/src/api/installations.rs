//! `/installations`: apps that use the device API, what keeps them from ringing, and whether they have the current settings.

use axum::Json;
use axum::extract::State;
use pbx_core::model::{ExtensionNumber, UnixMillis};
use provisioning::installation::{AppRecord, Installation};
use serde::{Deserialize, Serialize};

use super::Answer;
use super::body::Params;
use super::device_app::current;
use crate::error::Refusal;
use crate::state::AdminState;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParams {
    extension: Option<ExtensionNumber>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ListView {
    installations: Vec<InstallationView>,
}

/// One installation, without its credential.
#[derive(Debug, Serialize)]
pub(crate) struct InstallationView {
    pub(crate) extension: ExtensionNumber,
    pub(crate) username: String,
    pub(crate) instance: String,
    #[serde(flatten)]
    pub(crate) record: AppRecord,
    pub(crate) problems: Vec<ProblemView>,
    /// Whether the app has fetched the settings as they are now.
    pub(crate) profile_current: bool,
    pub(crate) created_at: UnixMillis,
    pub(crate) seen_at: UnixMillis,
}

/// Something that keeps a phone from ringing, with its fix.
#[derive(Debug, Serialize)]
pub(crate) struct ProblemView {
    pub(crate) code: &'static str,
    pub(crate) text: &'static str,
}

#[utoipa::path(get, path = "/installations", operation_id = "installations_list", tag = "Apps", summary = "Apps that use the device API.", params(("extension" = Option<String>, Query, description = "Only those of this extension")), responses((status = 200, description = "What each says of its phone, and whether it has the current settings.", body = serde_json::Value), (status = 404, description = "")))]
pub(crate) async fn list(
    State(state): State<AdminState>,
    Params(params): Params<ListParams>,
) -> Answer<Json<ListView>> {
    Ok(Json(ListView { installations: views(&state, params.extension).await? }))
}

/// The installations of one extension, or all.
pub(crate) async fn views(
    state: &AdminState,
    extension: Option<ExtensionNumber>,
) -> Result<Vec<InstallationView>, Refusal> {
    let mut views = Vec::new();
    for app in state.enrolments.installations().list(extension).await? {
        let (_, revision) = current(state, &app).await?;
        views.push(view(app, &revision));
    }
    Ok(views)
}

fn view(app: Installation, revision: &str) -> InstallationView {
    let problems = app.record.problems().into_iter().map(|(code, text)| ProblemView { code, text }).collect();
    InstallationView {
        extension: app.extension,
        username: app.username.to_string(),
        profile_current: app.profile_seen == revision,
        instance: app.instance,
        record: app.record,
        problems,
        created_at: app.created_at,
        seen_at: app.seen_at,
    }
}
