//! A strict stand-in for a program that is told what happens (docs/event-webhooks.md): signature first, as libraries for
//! Standard Webhooks check it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::push::{StandinError, unix_seconds};
use super::serve::{HangUp, serve};
use super::tls::{Authority, listen};

/// The largest document of an event.
const BODY_BYTES: usize = 8 * 1024;
/// How far the clocks may be apart, as the specification recommends.
const SKEW_SECONDS: i64 = 300;

/// What the receiver does instead of taking an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiverFault {
    /// This status.
    Answer(u16),
    /// The connection closes without an answer.
    Disconnect,
    /// No answer, for ever.
    Silence,
}

/// An attempt that was well-formed and well signed.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedEvent {
    /// The header `webhook-id`.
    pub id: String,
    /// The document.
    pub document: Value,
    /// How many signatures it had.
    pub signatures: usize,
    /// Whether it was taken.
    pub taken: bool,
}

impl ReceivedEvent {
    /// The event's `type`.
    pub fn kind(&self) -> &str {
        self.document["type"].as_str().unwrap_or_default()
    }
}

#[derive(Debug, Default)]
struct State {
    keys: Vec<Vec<u8>>,
    script: VecDeque<ReceiverFault>,
    events: Vec<ReceivedEvent>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    seen: watch::Sender<u64>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running stand-in; it stops when it is dropped.
#[derive(Debug)]
pub struct EventReceiver {
    shared: Arc<Shared>,
    address: SocketAddr,
    ca_pem: String,
    task: AbortHandle,
}

impl Drop for EventReceiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl EventReceiver {
    /// Listens on a free port of 127.0.0.1 with a certificate authority of its own.
    pub async fn start() -> Result<Self, StandinError> {
        let authority = Authority::new(&["h2", "http/1.1"])?;
        let ca_pem = authority.ca_pem.clone();
        let (listener, address) = listen().await?;
        let shared = Arc::new(Shared { state: Mutex::default(), seen: watch::channel(0).0 });
        let answering = Arc::clone(&shared);
        let server = serve(listener, authority, move |request| answer(Arc::clone(&answering), request));
        Ok(Self { shared, address, ca_pem, task: tokio::spawn(server).abort_handle() })
    }

    /// Where it is told.
    pub fn url(&self) -> String {
        format!("https://localhost:{}/telephone", self.address.port())
    }

    /// The certificate authority in PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Takes what is signed with this secret (`whsec_…`) and no other.
    pub fn trust(&self, secret: &str) {
        let key = STANDARD.decode(secret.trim_start_matches("whsec_")).unwrap_or_default();
        self.shared.state().keys = vec![key];
    }

    /// Does this with the next `times` events.
    pub fn script(&self, fault: ReceiverFault, times: usize) {
        self.shared.state().script.extend(std::iter::repeat_n(fault, times));
    }

    /// Takes whatever comes from now on.
    pub fn recover(&self) {
        self.shared.state().script.clear();
    }

    /// Every attempt, in order.
    pub fn attempts(&self) -> Vec<ReceivedEvent> {
        self.shared.state().events.clone()
    }

    /// The events that were taken, in order.
    pub fn taken(&self) -> Vec<ReceivedEvent> {
        self.attempts().into_iter().filter(|event| event.taken).collect()
    }

    /// Returns once what was seen is as wanted.
    pub async fn until(&self, wanted: impl Fn(&[ReceivedEvent]) -> bool) {
        // The sender lives as long as we.
        let _ = self.shared.seen.subscribe().wait_for(|_| wanted(&self.shared.state().events)).await;
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, HangUp> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_BYTES).collect().await else { return Ok(plain(413)) };
    let body = body.to_bytes();
    if parts.method != Method::POST || parts.uri.path() != "/telephone" {
        return Ok(plain(404));
    }
    if parts.headers.get(CONTENT_TYPE).is_none_or(|kind| kind != "application/json") {
        return Ok(plain(415));
    }
    let header = |name: &str| parts.headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let (id, signatures) = (header("webhook-id").to_owned(), header("webhook-signature"));
    let fault = {
        let mut state = shared.state();
        if !is_signed(&state.keys, (&id, header("webhook-timestamp")), signatures, &body) {
            return Ok(plain(401));
        }
        let Ok(document) = serde_json::from_slice(&body) else { return Ok(plain(400)) };
        let fault = state.script.pop_front();
        let signatures = signatures.split(' ').count();
        state.events.push(ReceivedEvent { id, document, signatures, taken: fault.is_none() });
        fault
    };
    shared.seen.send_modify(|seen| *seen += 1);
    match fault {
        None => Ok(plain(204)),
        Some(ReceiverFault::Answer(status)) => Ok(plain(status)),
        Some(ReceiverFault::Disconnect) => Err(HangUp),
        Some(ReceiverFault::Silence) => std::future::pending().await,
    }
}

fn is_signed(keys: &[Vec<u8>], (id, timestamp): (&str, &str), signatures: &str, body: &[u8]) -> bool {
    let Ok(at) = timestamp.parse::<i64>() else { return false };
    if id.is_empty() || id.contains('.') || (unix_seconds() - at).abs() > SKEW_SECONDS {
        return false;
    }
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    let given: Vec<Vec<u8>> =
        signatures.split(' ').filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok()).collect();
    keys.iter().any(|key| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        given.iter().any(|one| hmac::verify(&key, &signed, one).is_ok())
    })
}

fn plain(status: u16) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::new()));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer
}
