//! A strict stand-in for a push relay: it checks what docs/webhook.md promises, signature first.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use pbx_core::model::Redacted;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::AbortHandle;

use super::push::{AnyToken, Ledger, StandinError, unix_seconds};
use super::serve::{HangUp, serve};
use super::tls::{Authority, listen};
use crate::credential::{NewCredential, NewWebhook};

/// The path of the relay.
const PATH: &str = "/nightbell";
/// The largest document: two tokens of 4 kB and some words.
const BODY_BYTES: usize = 16 * 1024;
/// How far the clocks may be apart, as the specification recommends.
const SKEW_SECONDS: i64 = 300;
/// The secret of every stand-in, 32 bytes.
const SECRET: &[u8; 32] = b"a secret only a test may ever us";

/// What the stand-in does instead of answering properly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookFault {
    /// This status with this body.
    Answer {
        /// The status.
        status: u16,
        /// The body, JSON or not.
        body: String,
        /// The `retry-after` header in seconds.
        retry_after: Option<u32>,
    },
    /// The connection closes without an answer.
    Disconnect,
}

/// One request as the stand-in saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookRequest {
    /// The header `webhook-id`.
    pub id: String,
    /// The document.
    pub document: Value,
    /// The status it was answered with; `None` when it got no answer.
    pub status: Option<u16>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    ledger: Ledger<WebhookRequest, WebhookFault>,
    /// The document of each id: a repeat must be the same.
    seen: BTreeMap<String, Bytes>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running stand-in; it stops when it is dropped.
#[derive(Debug)]
pub struct WebhookStandin {
    shared: Arc<Shared>,
    address: SocketAddr,
    ca_pem: String,
    task: AbortHandle,
}

impl Drop for WebhookStandin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl WebhookStandin {
    /// Listens on a free port of 127.0.0.1 with a certificate authority of its own.
    pub async fn start() -> Result<Self, StandinError> {
        let authority = Authority::new(&["h2", "http/1.1"])?;
        let ca_pem = authority.ca_pem.clone();
        let (listener, address) = listen().await?;
        let state = State { ledger: Ledger::new(), seen: BTreeMap::new() };
        let shared = Arc::new(Shared { state: Mutex::new(state) });
        let answering = Arc::clone(&shared);
        let server = serve(listener, authority, move |request| answer(Arc::clone(&answering), request));
        Ok(Self { shared, address, ca_pem, task: tokio::spawn(server).abort_handle() })
    }

    /// The matching upload.
    pub fn new_credential(&self, app_ids: &[&str]) -> NewCredential {
        NewCredential::Webhook(NewWebhook {
            label: "Stand-in for a relay".to_owned(),
            url: format!("https://{}{PATH}", self.address),
            app_ids: app_ids.iter().map(|&app| app.to_owned()).collect(),
            secret: Redacted::new(format!("whsec_{}", STANDARD.encode(SECRET))),
            extra_ca_pem: Some(self.ca_pem.clone()),
        })
    }

    /// Plays `fault` for the next `times` well-formed requests.
    pub fn script(&self, fault: WebhookFault, times: u32) {
        self.shared.state().ledger.script(AnyToken.into(), fault, times);
    }

    /// Every request that was well-formed and well signed, in order.
    pub fn requests(&self) -> Vec<WebhookRequest> {
        self.shared.state().ledger.requests()
    }
}

/// The document, to the letter: a field more or less is refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    r#type: String,
    timestamp: String,
    data: Option<Data>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    call: String,
    extension: String,
    caller: Caller,
    expires_at: i64,
    ringing_url: Option<String>,
    has_video: Option<bool>,
    device: Device,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Caller {
    number: String,
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Device {
    provider: String,
    app_id: String,
    environment: String,
    call_token: Option<String>,
    notice_token: Option<String>,
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, HangUp> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_BYTES).collect().await else { return Ok(plain(413)) };
    let body = body.to_bytes();
    if parts.uri.path() != PATH {
        return Ok(plain(404));
    }
    if parts.method != Method::POST {
        return Ok(plain(405));
    }
    let header = |name: &str| parts.headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let id = header("webhook-id").to_owned();
    if !is_signed(&id, header("webhook-timestamp"), header("webhook-signature"), &body) {
        return Ok(plain(401));
    }
    if parts.headers.get(CONTENT_TYPE).is_none_or(|kind| kind != "application/json") {
        return Ok(refusal("the content type is not JSON"));
    }
    if let Err(problem) = check(&body) {
        return Ok(refusal(problem));
    }
    let document: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut state = shared.state();
    if state.seen.insert(id.clone(), body.clone()).is_some_and(|before| before != body) {
        return Ok(refusal("this id came with another document"));
    }
    let fault = state.ledger.next_fault("");
    let status = match &fault {
        None => Some(202),
        Some(WebhookFault::Answer { status, .. }) => Some(*status),
        Some(WebhookFault::Disconnect) => None,
    };
    state.ledger.record(WebhookRequest { id: id.clone(), document, status });
    match fault {
        None => Ok(with_body(202, json!({ "id": format!("relayed-{id}") }).to_string())),
        Some(WebhookFault::Disconnect) => Err(HangUp),
        Some(WebhookFault::Answer { status, body, retry_after }) => {
            let mut answer = with_body(status, body);
            if let Some(seconds) = retry_after {
                answer.headers_mut().insert(RETRY_AFTER, seconds.into());
            }
            Ok(answer)
        }
    }
}

fn is_signed(id: &str, timestamp: &str, signature: &str, body: &[u8]) -> bool {
    let Ok(at) = timestamp.parse::<i64>() else { return false };
    if id.is_empty() || (unix_seconds() - at).abs() > SKEW_SECONDS {
        return false;
    }
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    signature
        .split(' ')
        .filter_map(|one| one.strip_prefix("v1,"))
        .any(|one| STANDARD.decode(one).is_ok_and(|given| hmac::verify(&key, &signed, &given).is_ok()))
}

fn check(body: &[u8]) -> Result<(), &'static str> {
    let document: Document = serde_json::from_slice(body).map_err(|_| "this is not the documented JSON")?;
    if document.timestamp.len() != 20 || !document.timestamp.ends_with('Z') {
        return Err("the timestamp is not RFC 3339");
    }
    let Some(data) = document.data else {
        return if document.r#type == "check" { Ok(()) } else { Err("the data is missing") };
    };
    if !["call", "missed", "elsewhere", "test"].contains(&document.r#type.as_str()) {
        return Err("the type is unknown");
    }
    if data.expires_at <= unix_seconds() {
        return Err("this is over already");
    }
    let device = data.device;
    let tokens = [device.call_token, device.notice_token];
    if tokens.iter().flatten().all(String::is_empty) || device.app_id.is_empty() {
        return Err("the device is not named");
    }
    let words = ["apns", "fcm"].contains(&device.provider.as_str())
        && ["production", "sandbox"].contains(&device.environment.as_str());
    let caller = data.caller.number.len() + data.caller.name.len() < 1024;
    let call = data.call.len() == 36
        && !data.extension.is_empty()
        && data.has_video.is_some() == (document.r#type == "call")
        && data.ringing_url.is_none_or(|url| url.starts_with("https://"));
    if words && caller && call { Ok(()) } else { Err("a field is not as documented") }
}

fn refusal(problem: &str) -> Response<Full<Bytes>> {
    with_body(400, json!({ "error": "refused", "message": problem }).to_string())
}

fn plain(status: u16) -> Response<Full<Bytes>> {
    with_body(status, String::new())
}

fn with_body(status: u16, body: String) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer
}
