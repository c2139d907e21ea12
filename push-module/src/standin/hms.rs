//! A strict stand-in for HMS Push Kit v1 and for Huawei's token endpoint, as their documents describe them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use pbx_core::model::{Environment, PushProvider, Redacted};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::task::AbortHandle;

use super::push::{AcceptedPush, Ledger, StandinError, Target, announcer, unix_seconds};
use super::serve::{HangUp, serve};
use super::tls::{Authority, listen};
use crate::credential::{NewCredential, NewHmsApp};

const TOKEN_PATH: &str = "/oauth2/v3/token";
/// Huawei's limits: the message without its tokens, and the tokens of one request.
const MESSAGE_BYTES: usize = 4096;
const TOKENS: std::ops::RangeInclusive<usize> = 1..=1000;
const TTL_SECONDS: u64 = 15 * 86_400;
/// More than any request.
const BODY_BYTES: usize = 64 * 1024;
const ACCESS_SECONDS: i64 = 3600;

/// What the stand-in does instead of answering properly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HmsFault {
    /// 200 with this code.
    Code(&'static str),
    /// This status with this body.
    Answer(u16, String),
    /// The connection closes without an answer.
    Disconnect,
}

/// One send request as the stand-in saw it: well-formed.
#[derive(Debug, Clone, PartialEq)]
pub struct HmsRequest {
    /// The whole body.
    pub body: Value,
    /// What stands in `message.data`.
    pub data: Value,
    /// The code it was answered with; `None` for a scripted answer.
    pub code: Option<&'static str>,
}

#[derive(Debug)]
struct State {
    /// App secrets by app id.
    apps: BTreeMap<String, String>,
    /// App ids by token of a phone.
    phones: BTreeMap<String, String>,
    /// App id and end by access token.
    access: BTreeMap<String, (String, i64)>,
    issued: u64,
    ledger: Ledger<HmsRequest, HmsFault>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    accepted: broadcast::Sender<AcceptedPush>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running stand-in; it stops when it is dropped.
#[derive(Debug)]
pub struct HmsStandin {
    shared: Arc<Shared>,
    address: SocketAddr,
    ca_pem: String,
    task: AbortHandle,
}

impl Drop for HmsStandin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl HmsStandin {
    /// Listens on a free port of 127.0.0.1 with a certificate authority of its own.
    pub async fn start() -> Result<Self, StandinError> {
        let authority = Authority::new(&["h2", "http/1.1"])?;
        let ca_pem = authority.ca_pem.clone();
        let (listener, address) = listen().await?;
        let state = State {
            apps: BTreeMap::new(),
            phones: BTreeMap::new(),
            access: BTreeMap::new(),
            issued: 0,
            ledger: Ledger::new(),
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), accepted: announcer() });
        let answering = Arc::clone(&shared);
        let server = serve(listener, authority, move |request| answer(Arc::clone(&answering), request));
        Ok(Self { shared, address, ca_pem, task: tokio::spawn(server).abort_handle() })
    }

    /// Makes an app with a secret and gives the matching upload.
    pub fn new_credential(&self, app_id: &str) -> NewCredential {
        let secret = format!("{app_id:0>64}");
        self.shared.state().apps.insert(app_id.to_owned(), secret.clone());
        NewCredential::Hms(NewHmsApp {
            label: "Stand-in for HMS".to_owned(),
            app_id: app_id.to_owned(),
            app_secret: Redacted::new(secret),
            base_url: Some(format!("https://{}", self.address)),
            token_url: Some(format!("https://{}{TOKEN_PATH}", self.address)),
            extra_ca_pem: Some(self.ca_pem.clone()),
        })
    }

    /// A phone whose app got this token.
    pub fn register(&self, token: &str, app_id: &str) {
        self.shared.state().phones.insert(token.to_owned(), app_id.to_owned());
    }

    /// The app was removed from the phone.
    pub fn forget(&self, token: &str) {
        self.shared.state().phones.remove(token);
    }

    /// The app's secret is no longer the one that was handed out, and its access tokens end.
    pub fn change_secret(&self, app_id: &str) {
        let mut state = self.shared.state();
        state.apps.insert(app_id.to_owned(), "changed".to_owned());
        state.access.clear();
    }

    /// Every access token that was handed out has expired.
    pub fn expire_access(&self) {
        self.shared.state().access.values_mut().for_each(|(_, ends_at)| *ends_at = 0);
    }

    /// Plays `fault` for the next `times` well-formed pushes to this token.
    pub fn script(&self, target: impl Into<Target>, fault: HmsFault, times: u32) {
        self.shared.state().ledger.script(target.into(), fault, times);
    }

    /// Every well-formed push, in order.
    pub fn requests(&self) -> Vec<HmsRequest> {
        self.shared.state().ledger.requests()
    }

    /// Hears of each push that was accepted.
    pub fn subscribe(&self) -> broadcast::Receiver<AcceptedPush> {
        self.shared.accepted.subscribe()
    }
}

/// The body, to the letter.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    validate_only: bool,
    message: Message,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    data: String,
    android: Android,
    token: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Android {
    urgency: String,
    ttl: String,
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, HangUp> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_BYTES).collect().await else { return Ok(says(413, String::new())) };
    let body = body.to_bytes();
    if parts.method != Method::POST {
        return Ok(says(405, String::new()));
    }
    let kind = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if parts.uri.path() == TOKEN_PATH {
        return Ok(if kind == "application/x-www-form-urlencoded" {
            grant(&shared, &body)
        } else {
            says(415, String::new())
        });
    }
    let path = parts.uri.path().strip_prefix("/v1/").and_then(|path| path.strip_suffix("/messages:send"));
    let Some(app_id) = path else { return Ok(says(404, "<html>Not found</html>".to_owned())) };
    if !kind.starts_with("application/json") {
        return Ok(says(415, String::new()));
    }
    let bearer =
        parts.headers.get(AUTHORIZATION).and_then(|it| it.to_str().ok()).and_then(|it| it.strip_prefix("Bearer "));
    push(&shared, app_id, bearer.unwrap_or_default(), &body)
}

fn grant(shared: &Shared, body: &[u8]) -> Response<Full<Bytes>> {
    let text = String::from_utf8_lossy(body);
    let field = |name: &str| {
        text.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default().to_owned()
    };
    let mut state = shared.state();
    let (app_id, secret) = (field("client_id"), field("client_secret"));
    if field("grant_type") != "client_credentials" || state.apps.get(&app_id).is_none_or(|known| *known != secret) {
        let refused = json!({ "error": 1101, "sub_error": 20001, "error_description": "invalid client" });
        return says(400, refused.to_string());
    }
    state.issued += 1;
    let access = format!("hms-access-{}", state.issued);
    state.access.insert(access.clone(), (app_id, unix_seconds() + ACCESS_SECONDS));
    says(200, json!({ "access_token": access, "expires_in": ACCESS_SECONDS, "token_type": "Bearer" }).to_string())
}

fn push(shared: &Shared, app_id: &str, bearer: &str, body: &[u8]) -> Result<Response<Full<Bytes>>, HangUp> {
    let mut state = shared.state();
    match state.access.get(bearer) {
        Some((of, ends_at)) if of == app_id && *ends_at > unix_seconds() => {}
        Some((of, _)) if of == app_id => return Ok(verdict("80200003", "OAuth token expired")),
        Some(_) | None => return Ok(verdict("80200001", "OAuth authentication error")),
    }
    let parsed = match check(body) {
        Ok(parsed) => parsed,
        Err((code, problem)) => return Ok(verdict(code, problem)),
    };
    let token = parsed.message.token.first().cloned().unwrap_or_default();
    let data: Value = serde_json::from_str(&parsed.message.data).unwrap_or(Value::Null);
    let known = state.phones.get(&token).is_some_and(|of| of == app_id);
    let code = if known { "80000000" } else { "80300007" };
    let fault = state.ledger.next_fault(&token);
    let whole = serde_json::from_slice(body).unwrap_or_default();
    state.ledger.record(HmsRequest { body: whole, data: data.clone(), code: fault.is_none().then_some(code) });
    match fault {
        Some(HmsFault::Disconnect) => return Err(HangUp),
        Some(HmsFault::Code(code)) => return Ok(verdict(code, "as scripted")),
        Some(HmsFault::Answer(status, body)) => return Ok(says(status, body)),
        None => {}
    }
    if known && !parsed.validate_only {
        // Nobody listening is fine.
        let _ = shared.accepted.send(AcceptedPush {
            provider: PushProvider::Hms,
            token,
            app: app_id.to_owned(),
            environment: Environment::Production,
            kind: "data".to_owned(),
            id: String::new(),
            collapse_id: None,
            payload: data,
        });
    }
    Ok(verdict(code, if known { "Success" } else { "All tokens are invalid" }))
}

fn check(body: &[u8]) -> Result<Body, (&'static str, &'static str)> {
    let parsed: Body = serde_json::from_slice(body).map_err(|_| ("80100003", "Incorrect message structure"))?;
    let message = &parsed.message;
    let tokens: usize = message.token.iter().map(|token| token.len() + 2).sum();
    if !TOKENS.contains(&message.token.len()) {
        return Err(("80300010", "The number of tokens is not allowed"));
    }
    if body.len() - tokens.min(body.len()) > MESSAGE_BYTES {
        return Err(("80300008", "The message body is too large"));
    }
    let ttl = message.android.ttl.strip_suffix('s').and_then(|seconds| seconds.parse::<u64>().ok());
    if !ttl.is_some_and(|seconds| (1..=TTL_SECONDS).contains(&seconds)) {
        return Err(("80100004", "Incorrect message TTL"));
    }
    if !matches!(message.android.urgency.as_str(), "HIGH" | "NORMAL") || message.data.is_empty() {
        return Err(("80100001", "Some parameters are incorrect"));
    }
    Ok(parsed)
}

fn verdict(code: &str, msg: &str) -> Response<Full<Bytes>> {
    says(200, json!({ "code": code, "msg": msg, "requestId": "160209653167346065000206" }).to_string())
}

fn says(status: u16, body: String) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer
}
