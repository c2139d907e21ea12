//! `/device/…`: the API for apps written for Nightbell (docs/device-api.md). Open like `/sign-in`: pairing proves itself with a
//! one-time link, everything else with the credential that pairing gave to this one installation.
//!
//! Wrong credentials all get the same 401 and cost the same look-up; only they are counted and slowed down, so a guesser
//! shuts nobody out who sits behind the same address.

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use pbx_core::model::{CallUuid, Environment, PushProvider, Redacted};
use pbx_core::registrar::{AppActivity, OfferedTarget};
use pbx_core::switchboard::command::{Command, Reply};
use provisioning::installation::{
    AppRecord, BatteryState, DeviceToken, Installation, Permission, Platform, shown_text,
};
use provisioning::profile::app::{AppPush, FirebaseSender, NamedApps, WebPushKey};
use provisioning::{PairError, Paired};
use push_module::CredentialKind;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Answer;
use super::body::Body;
use super::calls::RingingView;
use crate::adding::unexpected;
use crate::clock;
use crate::error::{Problem, Refusal};
use crate::session::Caller;
use crate::state::AdminState;

/// Longer push tokens than any provider's are no tokens; a Web Push subscription is the longest.
const MAX_TOKEN: usize = 4096;
/// Longer app ids than any store allows.
const MAX_APP_ID: usize = 155;

/// The installation that asks.
pub(crate) struct App(pub(crate) Installation);

impl FromRequestParts<AdminState> for App {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AdminState) -> Result<Self, Response> {
        let Ok(caller) = Caller::from_request_parts(parts, state).await;
        let presented = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or("");
        let bearer = presented.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        // What is no credential is looked up as one that nobody has, so that it costs the same.
        let nobody = DeviceToken::from_random([0; 32]);
        let token = bearer.and_then(|(_, token)| token.trim().parse().ok()).unwrap_or(nobody);
        match state.enrolments.installations().by_token(&token).await {
            Ok(Some(installation)) => Ok(Self(installation)),
            Ok(None) => Err(signed_out(state, &caller)),
            Err(failure) => Err(Problem::from(failure).into_response()),
        }
    }
}

/// The installation that asks, while the phones of its extension are on.
pub(crate) struct AppInUse(pub(crate) Installation);

impl FromRequestParts<AdminState> for AppInUse {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AdminState) -> Result<Self, Response> {
        let App(app) = App::from_request_parts(parts, state).await?;
        match state.enrolments.phones_are_off(app.extension).await {
            Ok(false) => Ok(Self(app)),
            Ok(true) => Err(phones_off(&app)),
            Err(failure) => Err(Problem::from(Refusal::from(failure)).into_response()),
        }
    }
}

/// How often an app asks whether its phones are on again.
const ASK_AGAIN_SECONDS: u64 = 600;

fn phones_off(app: &Installation) -> Response {
    let text = format!(
        "the admin switched the phones of extension {} off; keep the account and ask again later: nothing is lost, and the \
         phone rings again once they are switched on",
        app.extension
    );
    let refused = Problem(Refusal::new(StatusCode::FORBIDDEN, "phones_off", text));
    ([(header::RETRY_AFTER, HeaderValue::from(ASK_AGAIN_SECONDS))], refused).into_response()
}

fn signed_out(state: &AdminState, caller: &Caller) -> Response {
    if let Some(wait) = state.enrolments.missed(caller.address) {
        return wait_first(wait.as_secs() + 1);
    }
    let text = "this installation is signed out: its account was removed, or the credential is wrong; pair it again";
    let mut response = Problem(Refusal::new(StatusCode::UNAUTHORIZED, "signed_out", text)).into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

fn wait_first(seconds: u64) -> Response {
    let text = format!("too many wrong credentials came from this address; wait {seconds} s");
    let refused = Problem(Refusal::new(StatusCode::TOO_MANY_REQUESTS, "busy", text));
    ([(header::RETRY_AFTER, HeaderValue::from(seconds))], refused).into_response()
}

/// What an app says of itself; every field may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct About {
    platform: Option<Platform>,
    model: Option<String>,
    os_version: Option<String>,
    app_id: Option<String>,
    app_version: Option<String>,
}

impl About {
    fn put_into(&self, record: &mut AppRecord) {
        record.platform = self.platform.unwrap_or(record.platform);
        for (given, field) in [
            (&self.model, &mut record.model),
            (&self.os_version, &mut record.os_version),
            (&self.app_id, &mut record.app_id),
            (&self.app_version, &mut record.app_version),
        ] {
            if let Some(text) = given {
                *field = shown_text(text);
            }
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PairBody {
    /// The link, its last part alone, or `USERNAME;TOKEN;FQDN`.
    code: Redacted<String>,
    /// The app's own id for this installation; it becomes the instance id.
    installation_id: Option<Uuid>,
    #[serde(default)]
    device: About,
}

/// Redeems a link for an app: its account, its secret and its credential, all shown once.
#[utoipa::path(post, path = "/device/pair", operation_id = "device_pair", tag = "Apps", summary = "Redeems a link for an app; open, the link is the key.", request_body(content = serde_json::Value, description = "As docs/device-api.md says."), responses((status = 201, description = "The profile, with the secret and the credential of the app, both told this once.", body = serde_json::Value), (status = 403, description = ""), (status = 404, description = ""), (status = 409, description = ""), (status = 429, description = "")))]
pub(crate) async fn pair(
    State(state): State<AdminState>,
    caller: Caller,
    Body(body): Body<PairBody>,
) -> Answer<Response> {
    let mut record = AppRecord { reported_at: clock::now(), ..AppRecord::default() };
    body.device.put_into(&mut record);
    let paired = match state.enrolments.pair(body.code.reveal(), body.installation_id, record).await {
        Ok(paired) => paired,
        Err(PairError::Gone) => {
            if let Some(wait) = state.enrolments.missed(caller.address) {
                return Ok(wait_first(wait.as_secs() + 1));
            }
            let text = "this code does not work any more; ask for a new one";
            return Err(Refusal::not_found("no_such_link", text).into());
        }
        Err(off @ PairError::PhonesOff(_)) => {
            return Err(Refusal::new(StatusCode::FORBIDDEN, "phones_off", off.to_string()).into());
        }
        Err(PairError::Unavailable(why)) => return Err(why.into()),
    };
    let Paired { profile, installation, token } = paired;
    let push = app_push(&state).await?;
    let base = state.enrolments.base_url();
    let (mut body, revision) = provisioning::profile::app::body(&profile, &installation.instance, &push, base);
    body["account"]["secret"] = profile.secret.reveal().as_str().into();
    body["device_token"] = token.reveal().into();
    state.enrolments.installations().note_profile(&installation.username, &revision, clock::now()).await?;
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

/// How apps are woken here, from the credentials as they are now.
pub(crate) async fn app_push(state: &AdminState) -> Result<AppPush, Refusal> {
    let Reply::Settings(settings) = state.switchboard.ask(Command::ShowSettings).await? else {
        return Err(unexpected());
    };
    let mut push = AppPush { ring_seconds: settings.ring_seconds.into(), ..AppPush::default() };
    for credential in state.push.list_credentials().await? {
        match credential.provider {
            CredentialKind::Apns => {
                push.apns.get_or_insert(NamedApps { app_ids: Vec::new() }).app_ids.extend(credential.app_ids);
            }
            CredentialKind::Fcm => {
                let Some(project_id) = credential.project_id else { continue };
                let sender_id = credential.app_ids.into_iter().find(|id| *id != project_id);
                push.fcm.get_or_insert_default().push(FirebaseSender { project_id, sender_id });
            }
            CredentialKind::WebPush => {
                push.webpush = credential.public_key.map(|public_key| WebPushKey { public_key }).or(push.webpush);
            }
            CredentialKind::Hms => {
                push.hms.get_or_insert(NamedApps { app_ids: Vec::new() }).app_ids.extend(credential.app_ids);
            }
            // Nothing an app has to know beforehand: what it needs is built into it.
            CredentialKind::Webhook | CredentialKind::Acrobits => {}
        }
    }
    Ok(push)
}

/// The revision of the profile an installation would get now.
pub(crate) async fn current(state: &AdminState, app: &Installation) -> Result<(Value, String), Refusal> {
    let push = app_push(state).await?;
    let profile = state.enrolments.profile_of(app.extension, app.username.clone()).await?;
    Ok(provisioning::profile::app::body(&profile, &app.instance, &push, state.enrolments.base_url()))
}

/// The profile without its secret; 304 when the app has it already.
#[utoipa::path(get, path = "/device/profile", operation_id = "device_profile", tag = "Apps", summary = "The profile of an app without its secret; open, the credential of the app is the key.", responses((status = 200, description = "The profile, with its revision as ETag.", body = serde_json::Value), (status = 304, description = "The app has it already."), (status = 401, description = ""), (status = 403, description = ""), (status = 429, description = ""), (status = 404, description = "")))]
pub(crate) async fn profile(
    State(state): State<AdminState>,
    AppInUse(app): AppInUse,
    headers: HeaderMap,
) -> Answer<Response> {
    let (body, revision) = current(&state, &app).await?;
    state.enrolments.installations().note_profile(&app.username, &revision, clock::now()).await?;
    let provider = app.record.platform.push_provider();
    state.enrolments.note_fetched(&app.username, app.extension, provider).await?;
    let tag = format!("\"{revision}\"");
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or("");
    let tags = [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, "no-store".to_owned())];
    if known.split(',').any(|one| one.trim() == tag) {
        return Ok((StatusCode::NOT_MODIFIED, tags).into_response());
    }
    Ok((tags, Json(body)).into_response())
}

/// How the app is woken.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PushBody {
    provider: PushProvider,
    #[serde(default)]
    app_id: String,
    #[serde(default)]
    environment: Option<Environment>,
    call_token: Option<Redacted<String>>,
    notice_token: Option<Redacted<String>>,
}

impl PushBody {
    fn offered(self) -> Result<OfferedTarget, Refusal> {
        let wrong = |field: &'static str, text: &str| {
            Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "push_malformed", text).field(field))
        };
        let odd = |token: &Redacted<String>| {
            token.reveal().is_empty()
                || token.reveal().len() > MAX_TOKEN
                || token.reveal().chars().any(char::is_control)
        };
        if [&self.call_token, &self.notice_token].into_iter().flatten().any(odd) {
            return wrong("push.call_token", "a push token is one line of at most 4096 bytes and not empty");
        }
        if self.call_token.is_none() && self.notice_token.is_none() {
            return wrong("push.call_token", "name at least one token, or leave push out");
        }
        if self.app_id.len() > MAX_APP_ID || self.app_id.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return wrong("push.app_id", "an app id is at most 155 bytes without blanks");
        }
        if self.provider == PushProvider::Acrobits {
            return wrong("push.provider", "apps of Acrobits report to /api/v1/acrobits/push-token");
        }
        if self.app_id.is_empty() {
            return wrong(
                "push.app_id",
                "name the bundle id (apns), the project or sender id (fcm), the app id (hms) or the host of the push service (webpush)",
            );
        }
        Ok(OfferedTarget {
            provider: self.provider,
            app_id: self.app_id.into(),
            environment: self.environment.unwrap_or(Environment::Production),
            call_token: self.call_token,
            notice_token: self.notice_token,
        })
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct InstallationBody {
    installation_id: Option<Uuid>,
    device: About,
    push: Option<PushBody>,
    notifications: Option<Permission>,
    microphone: Option<Permission>,
    full_screen: Option<Permission>,
    battery: Option<BatteryState>,
}

#[derive(Debug, Serialize)]
pub(crate) struct InstallationView {
    device: pbx_core::model::DeviceId,
    revision: String,
}

/// Registers the installation, its tokens and its permissions; the same again changes nothing.
#[utoipa::path(put, path = "/device", operation_id = "device_install", tag = "Apps", summary = "Registers an app installation, its push tokens and its permissions; open, the credential of the app is the key.", request_body(content = serde_json::Value, description = "As docs/device-api.md says."), responses((status = 200, description = "The device and the revision of its profile.", body = serde_json::Value), (status = 401, description = ""), (status = 403, description = ""), (status = 429, description = ""), (status = 404, description = ""), (status = 409, description = ""), (status = 422, description = "")))]
pub(crate) async fn install(
    State(state): State<AdminState>,
    AppInUse(app): AppInUse,
    caller: Caller,
    Body(body): Body<InstallationBody>,
) -> Answer<Json<InstallationView>> {
    if body.installation_id.is_some_and(|id| instance_of(id) != app.instance) {
        let text = "this credential belongs to another installation; an app that was copied to another phone is to be paired anew";
        return Err(Refusal::new(StatusCode::CONFLICT, "other_installation", text).field("installation_id").into());
    }
    let target = body.push.map(PushBody::offered).transpose()?;
    let mut record = app.record.clone();
    body.device.put_into(&mut record);
    record.notifications = body.notifications.or(record.notifications);
    record.microphone = body.microphone.or(record.microphone);
    record.full_screen = body.full_screen.or(record.full_screen);
    record.battery = body.battery.or(record.battery);
    let now = clock::now();
    record.reported_at = now;
    let installations = state.enrolments.installations();
    let _in_order = installations.in_order(&app.username).await;
    let command = Command::ReportInstallation {
        username: app.username.clone(),
        instance: app.instance.clone(),
        user_agent: caller.user_agent,
        target,
    };
    let Reply::Device(device) = state.switchboard.ask(command).await? else { return Err(unexpected().into()) };
    installations.put_record(&app.username, &record, now).await?;
    let (_, revision) = current(&state, &app).await?;
    Ok(Json(InstallationView { device, revision }))
}

/// The instance id that belongs to an installation id.
fn instance_of(id: Uuid) -> String {
    format!("urn:uuid:{}", id.as_hyphenated())
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Activity {
    Foreground,
    Background,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StateBody {
    state: Activity,
    /// Rises with every report, for example the Unix time in milliseconds.
    seq: i64,
}

/// Whether the app is in front. Answered when it is in force on both records; an old report is recognised and does nothing.
#[utoipa::path(put, path = "/device/state", operation_id = "device_state", tag = "Apps", summary = "Reports whether an app is in front; open, the credential of the app is the key.", request_body(content = serde_json::Value, description = "As docs/device-api.md says."), responses((status = 200, description = "Whether it took effect; an old report does not.", body = serde_json::Value), (status = 401, description = ""), (status = 403, description = ""), (status = 429, description = ""), (status = 404, description = ""), (status = 422, description = "")))]
pub(crate) async fn report_state(
    State(state): State<AdminState>,
    AppInUse(app): AppInUse,
    Body(body): Body<StateBody>,
) -> Answer<Json<Value>> {
    if body.seq <= 0 {
        let text = "seq rises with every report and is above 0; the Unix time in milliseconds will do";
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "seq_malformed", text).field("seq").into());
    }
    let installations = state.enrolments.installations();
    let _in_order = installations.in_order(&app.username).await;
    if !installations.take_number(&app.username, body.seq).await? {
        return Ok(Json(json!({ "applied": false })));
    }
    let activity = match body.state {
        Activity::Foreground => AppActivity::Foreground,
        Activity::Background => AppActivity::Background,
    };
    let (username, instance) = (app.username.clone(), app.instance.clone());
    state.switchboard.ask(Command::ReportActivity { username, instance, activity }).await?;
    let in_front = Some(activity == AppActivity::Foreground);
    let record = AppRecord { in_front, ..app.record };
    installations.put_record(&app.username, &record, clock::now()).await?;
    Ok(Json(json!({ "applied": true })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AckBody {
    /// The call's id from the push.
    call: String,
    #[serde(default = "yes")]
    shown: bool,
}

const fn yes() -> bool {
    true
}

/// A push reached the app: a line in the call's timeline.
#[utoipa::path(post, path = "/device/push-ack", operation_id = "device_push_ack", tag = "Apps", summary = "Reports that a push reached an app; open, the credential of the app is the key.", request_body(content = serde_json::Value, description = "As docs/device-api.md says."), responses((status = 204, description = "It is in the timeline of the call."), (status = 401, description = ""), (status = 403, description = ""), (status = 429, description = ""), (status = 404, description = "")))]
pub(crate) async fn acknowledge(
    State(state): State<AdminState>,
    AppInUse(app): AppInUse,
    Body(body): Body<AckBody>,
) -> Answer<StatusCode> {
    let call = CallUuid::or_none(&body.call);
    let (username, instance) = (app.username, app.instance);
    state.switchboard.ask(Command::AcknowledgePush { username, instance, call, shown: body.shown }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether a call still rings, for an app that got its push late.
#[utoipa::path(get, path = "/device/calls/{id}", operation_id = "device_ringing", tag = "Apps", summary = "Whether a call still rings; open, the credential of the app is the key.", params(("id" = String, Path, description = "The id from the push")), responses((status = 200, description = "Ringing or not.", body = RingingView), (status = 401, description = ""), (status = 403, description = ""), (status = 429, description = "")))]
pub(crate) async fn ringing(state: State<AdminState>, _app: AppInUse, id: Path<String>) -> Json<RingingView> {
    super::calls::ringing(state, id).await
}

/// Logs the installation out: its account, both records and this credential are gone.
#[utoipa::path(delete, path = "/device", operation_id = "device_log_out", tag = "Apps", summary = "Logs an app out; open, the credential of the app is the key.", responses((status = 204, description = "Its account, both records and its credential are gone."), (status = 401, description = ""), (status = 429, description = "")))]
pub(crate) async fn log_out(State(state): State<AdminState>, App(app): App) -> Answer<StatusCode> {
    match state.enrolments.log_out(&app.username).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(error.into()),
    }
}
