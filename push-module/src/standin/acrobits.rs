//! A strict stand-in for Acrobits' push mediator: it takes the documented JSON and no field more, and knows its phones.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use pbx_core::model::{Environment, PushProvider};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::task::AbortHandle;

use super::push::{AcceptedPush, Ledger, StandinError, Target, announcer};
use super::serve::{HangUp, serve};
use super::tls::{Authority, listen};
use crate::credential::{NewAcrobits, NewCredential};

/// The path of the mediator.
const PATH: &str = "/pnm2/send";
/// A token of 2 kB and some words.
const BODY_BYTES: usize = 8 * 1024;

/// What the stand-in does instead of answering properly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AcrobitsFault {
    /// This status with this body.
    Answer(u16, String),
    /// The connection closes without an answer.
    Disconnect,
}

/// One push as the stand-in saw it: well-formed.
#[derive(Debug, Clone, PartialEq)]
pub struct AcrobitsRequest {
    /// The object.
    pub body: Value,
    /// The `code` it was answered with; `None` when it got no answer of the mediator.
    pub code: Option<u16>,
}

#[derive(Debug)]
struct State {
    ledger: Ledger<AcrobitsRequest, AcrobitsFault>,
    /// App id and device token of every phone.
    phones: BTreeSet<(String, String)>,
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
pub struct AcrobitsStandin {
    shared: Arc<Shared>,
    address: SocketAddr,
    ca_pem: String,
    task: AbortHandle,
}

impl Drop for AcrobitsStandin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl AcrobitsStandin {
    /// Listens on a free port of 127.0.0.1 with a certificate authority of its own.
    pub async fn start() -> Result<Self, StandinError> {
        let authority = Authority::new(&["h2", "http/1.1"])?;
        let ca_pem = authority.ca_pem.clone();
        let (listener, address) = listen().await?;
        let state = State { ledger: Ledger::new(), phones: BTreeSet::new() };
        let shared = Arc::new(Shared { state: Mutex::new(state), accepted: announcer() });
        let answering = Arc::clone(&shared);
        let server = serve(listener, authority, move |request| answer(Arc::clone(&answering), request));
        Ok(Self { shared, address, ca_pem, task: tokio::spawn(server).abort_handle() })
    }

    /// The matching upload.
    pub fn new_credential(&self, app_ids: &[&str]) -> NewCredential {
        NewCredential::Acrobits(NewAcrobits {
            label: "Stand-in for Acrobits".to_owned(),
            url: Some(format!("https://{}{PATH}", self.address)),
            app_ids: app_ids.iter().map(|&app| app.to_owned()).collect(),
            extra_ca_pem: Some(self.ca_pem.clone()),
        })
    }

    /// A phone that the mediator knows.
    pub fn register(&self, app_id: &str, device_token: &str) {
        self.shared.state().phones.insert((app_id.to_owned(), device_token.to_owned()));
    }

    /// The app was removed from the phone.
    pub fn forget(&self, device_token: &str) {
        self.shared.state().phones.retain(|(_, token)| token != device_token);
    }

    /// Plays `fault` for the next `times` well-formed pushes to this token.
    pub fn script(&self, target: impl Into<Target>, fault: AcrobitsFault, times: u32) {
        self.shared.state().ledger.script(target.into(), fault, times);
    }

    /// Every well-formed push, in order.
    pub fn requests(&self) -> Vec<AcrobitsRequest> {
        self.shared.state().ledger.requests()
    }

    /// Hears of each push that was accepted.
    pub fn subscribe(&self) -> broadcast::Receiver<AcceptedPush> {
        self.shared.accepted.subscribe()
    }
}

/// The object, to the letter.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Push {
    #[serde(rename = "verb")]
    verb: String,
    app_id: String,
    device_token: String,
    selector: Option<String>,
    id: Option<String>,
    user_name: Option<String>,
    user_display_name: Option<String>,
    message: Option<String>,
}

impl Push {
    /// What the documents ask of each verb.
    fn check(&self) -> Result<(), &'static str> {
        let empty = |text: &Option<String>| text.as_deref().is_none_or(str::is_empty);
        if self.app_id.is_empty() || self.device_token.is_empty() {
            return Err("AppId and DeviceToken are required");
        }
        match self.verb.as_str() {
            "NotifyIncomingCall" | "NotifyIncomingCallMissed" | "NotifyIncomingCallAnsweredElsewhere" => {
                if empty(&self.selector) || empty(&self.id) || self.message.is_some() {
                    return Err("a call needs Selector and Id, and no Message");
                }
                let longest = 1024;
                let named = [&self.user_name, &self.user_display_name];
                if named.into_iter().flatten().any(|name| name.is_empty() || name.len() > longest) {
                    return Err("a name is empty or too long");
                }
                Ok(())
            }
            "NotifyGenericTextMessage" if empty(&self.message) => Err("a text needs a Message"),
            "NotifyGenericTextMessage" => Ok(()),
            _ => Err("the verb is unknown"),
        }
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, HangUp> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_BYTES).collect().await else { return Ok(says(413, String::new())) };
    let body = body.to_bytes();
    if parts.uri.path() != PATH || parts.method != Method::POST {
        return Ok(says(404, "<html>Not found</html>".to_owned()));
    }
    if parts.headers.get(CONTENT_TYPE).is_none_or(|kind| kind != "application/json") {
        return Ok(says(415, String::new()));
    }
    let push: Push = match serde_json::from_slice(&body) {
        Ok(push) => push,
        Err(_) => return Ok(verdict(400, "this is not the documented JSON")),
    };
    if let Err(problem) = push.check() {
        return Ok(verdict(400, problem));
    }
    let mut state = shared.state();
    let fault = state.ledger.next_fault(&push.device_token);
    let known = state.phones.contains(&(push.app_id.clone(), push.device_token.clone()));
    let code = if known { 200 } else { 404 };
    let payload: Value = serde_json::from_slice(&body).unwrap_or_default();
    state.ledger.record(AcrobitsRequest { body: payload.clone(), code: fault.is_none().then_some(code) });
    match fault {
        Some(AcrobitsFault::Disconnect) => Err(HangUp),
        Some(AcrobitsFault::Answer(status, body)) => Ok(says(status, body)),
        None if known => {
            // Nobody listening is fine.
            let _ = shared.accepted.send(AcceptedPush {
                provider: PushProvider::Acrobits,
                token: push.device_token,
                app: push.app_id,
                environment: Environment::Production,
                kind: push.verb,
                id: push.id.unwrap_or_default(),
                collapse_id: None,
                payload,
            });
            Ok(verdict(200, "Sent"))
        }
        None => Ok(verdict(404, "Device token not registered")),
    }
}

fn verdict(code: u16, response: &str) -> Response<Full<Bytes>> {
    says(200, json!({ "code": code, "response": response }).to_string())
}

fn says(status: u16, body: String) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer
}
