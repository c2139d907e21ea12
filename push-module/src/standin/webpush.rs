//! A strict stand-in for a push service (RFC 8030) with the phones behind it: it hands out subscriptions, checks every push
//! to the letter and really decrypts it with the phone's key (RFC 8291), after it has verified who sent it (RFC 8292).

mod rules;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{LOCATION, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use pbx_core::model::{Environment, PushProvider};
use serde_json::Value;
use tokio::sync::broadcast;
use tokio::task::AbortHandle;

use super::push::{AcceptedPush, Ledger, StandinError, Target, announcer, unix_seconds};
use super::serve::{HangUp, serve};
use super::tls::{Authority, listen};
use crate::credential::{NewCredential, NewWebPush};
use crate::provider::webpush::encryption::{BODY_BYTES, decrypt};

/// What the stand-in does instead of answering properly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebPushFault {
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

/// One push as the stand-in saw it: sound and well signed.
#[derive(Debug, Clone, PartialEq)]
pub struct WebPushRequest {
    /// The subscription as the phone named it.
    pub token: String,
    /// The header `TTL`, in seconds.
    pub ttl: u64,
    /// The header `Urgency`.
    pub urgency: String,
    /// The header `Topic`.
    pub topic: String,
    /// The whole length on the wire.
    pub bytes: usize,
    /// What the phone reads; null for a push without a body.
    pub payload: Value,
    /// The status it was answered with; `None` when it got no answer.
    pub status: Option<u16>,
}

/// A phone's side of a subscription.
#[derive(Debug)]
struct Phone {
    key: PrivateKey,
    auth: [u8; 16],
    /// The text that the phone registers with.
    token: String,
    /// The only key that may push it (RFC 8292 section 4), base64url.
    vapid_key: Option<String>,
}

#[derive(Debug)]
struct State {
    ledger: Ledger<WebPushRequest, WebPushFault>,
    phones: BTreeMap<String, Phone>,
    next: u32,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    accepted: broadcast::Sender<AcceptedPush>,
    origin: String,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running stand-in; it stops when it is dropped.
#[derive(Debug)]
pub struct WebPushStandin {
    shared: Arc<Shared>,
    ca_pem: String,
    task: AbortHandle,
}

impl Drop for WebPushStandin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl WebPushStandin {
    /// Listens on a free port of 127.0.0.1 with a certificate authority of its own; subscriptions name it `localhost`.
    pub async fn start() -> Result<Self, StandinError> {
        let authority = Authority::new(&["h2", "http/1.1"])?;
        let ca_pem = authority.ca_pem.clone();
        let (listener, address): (_, SocketAddr) = listen().await?;
        let state = State { ledger: Ledger::new(), phones: BTreeMap::new(), next: 1 };
        let origin = format!("https://localhost:{}", address.port());
        let shared = Arc::new(Shared { state: Mutex::new(state), accepted: announcer(), origin });
        let answering = Arc::clone(&shared);
        let server = serve(listener, authority, move |request| answer(Arc::clone(&answering), request));
        Ok(Self { shared, ca_pem, task: tokio::spawn(server).abort_handle() })
    }

    /// The certificate authority in PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The matching upload, which allows this host although it is on the loopback.
    pub fn new_credential(&self) -> NewCredential {
        NewCredential::WebPush(NewWebPush {
            label: "Stand-in for Web Push".to_owned(),
            contact: "mailto:admin@example.com".to_owned(),
            allowed_hosts: vec!["localhost".to_owned()],
            extra_ca_pem: Some(self.ca_pem.clone()),
        })
    }

    /// A new subscription as a phone puts it into `pn-prid`: address and keys. With a key, only that one may push it.
    pub fn subscribe(&self, vapid_key: Option<&str>) -> Result<String, StandinError> {
        let key = PrivateKey::generate(&ECDH_P256).map_err(|_| StandinError::Key)?;
        let public = key.compute_public_key().map_err(|_| StandinError::Key)?;
        let mut auth = [0u8; 16];
        getrandom::fill(&mut auth).map_err(|_| StandinError::Key)?;
        let mut state = self.shared.state();
        let path = format!("/push/subscription-{}", state.next);
        state.next += 1;
        let (p256dh, secret) = (URL_SAFE_NO_PAD.encode(public.as_ref()), URL_SAFE_NO_PAD.encode(auth));
        let token = format!("{}{path}#p256dh={p256dh}&auth={secret}", self.shared.origin);
        let phone = Phone { key, auth, token: token.clone(), vapid_key: vapid_key.map(str::to_owned) };
        state.phones.insert(path, phone);
        Ok(token)
    }

    /// The app was removed from the phone: pushes to this subscription are answered 410 from now on.
    pub fn unsubscribe(&self, token: &str) {
        self.shared.state().phones.retain(|_, phone| phone.token != token);
    }

    /// Plays `fault` for the next `times` sound pushes to this subscription.
    pub fn script(&self, target: impl Into<Target>, fault: WebPushFault, times: u32) {
        self.shared.state().ledger.script(target.into(), fault, times);
    }

    /// Every sound push, in order.
    pub fn requests(&self) -> Vec<WebPushRequest> {
        self.shared.state().ledger.requests()
    }

    /// Hears of each push that was accepted.
    pub fn subscribe_to_pushes(&self) -> broadcast::Receiver<AcceptedPush> {
        self.shared.accepted.subscribe()
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, HangUp> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_BYTES).collect().await else { return Ok(says(413, "Payload too large")) };
    let body = body.to_bytes();
    let mut state = shared.state();
    let push = match read(&shared.origin, &state, &parts, &body) {
        Ok(push) => push,
        Err((status, problem)) => return Ok(says(status, problem)),
    };
    let fault = state.ledger.next_fault(&push.token);
    let status = match &fault {
        None => Some(201),
        Some(WebPushFault::Answer { status, .. }) => Some(*status),
        Some(WebPushFault::Disconnect) => None,
    };
    state.ledger.record(WebPushRequest { status, ..push.clone() });
    match fault {
        Some(WebPushFault::Disconnect) => Err(HangUp),
        Some(WebPushFault::Answer { status, body, retry_after }) => {
            let mut answer = says(status, &body);
            if let Some(seconds) = retry_after {
                answer.headers_mut().insert(RETRY_AFTER, seconds.into());
            }
            Ok(answer)
        }
        None => {
            // Nobody listening is fine.
            let _ = shared.accepted.send(AcceptedPush {
                provider: PushProvider::WebPush,
                token: push.token,
                app: shared.origin.clone(),
                environment: Environment::Production,
                kind: push.urgency,
                id: String::new(),
                collapse_id: Some(push.topic),
                payload: push.payload,
            });
            let mut answer = says(201, "");
            answer.headers_mut().insert(LOCATION, HeaderValue::from_static("/message/1"));
            Ok(answer)
        }
    }
}

/// Checks a push to the letter; the error is a status with a reason.
fn read(origin: &str, state: &State, parts: &Parts, body: &Bytes) -> Result<WebPushRequest, (u16, &'static str)> {
    let phone = state.phones.get(parts.uri.path()).ok_or((410, "Unsubscribed"))?;
    if parts.method != Method::POST {
        return Err((405, "Only POST"));
    }
    let header = |name: &str| rules::only(&parts.headers, name);
    rules::signed(header("authorization")?, origin, phone.vapid_key.as_deref(), unix_seconds())?;
    let ttl = header("ttl")?.parse().map_err(|_| (400, "TTL is no number"))?;
    let urgency = rules::urgency(header("urgency")?)?.to_owned();
    let topic = rules::topic(header("topic")?)?.to_owned();
    let payload = if body.is_empty() {
        if parts.headers.contains_key("content-encoding") {
            return Err((400, "an empty body has no encoding"));
        }
        Value::Null
    } else {
        if header("content-encoding")? != "aes128gcm" {
            return Err((400, "the encoding is not aes128gcm"));
        }
        let text = decrypt(body, &phone.key, phone.auth).ok_or((400, "the phone cannot decrypt it"))?;
        serde_json::from_slice(&text).map_err(|_| (400, "the phone reads no JSON"))?
    };
    let token = phone.token.clone();
    Ok(WebPushRequest { token, ttl, urgency, topic, bytes: body.len(), payload, status: None })
}

fn says(status: u16, text: &str) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from(text.to_owned())));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer
}
