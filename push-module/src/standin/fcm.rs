//! A strict stand-in for FCM HTTP v1 and for Google's token endpoint.

mod handlers;
mod rules;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::broadcast;
use tokio::task::AbortHandle;

use super::key::TestServiceAccount;
use super::push::{AcceptedPush, Ledger, StandinError, Target, announcer};
use super::serve::serve;
use super::tls::{Authority, listen};
use crate::credential::{NewCredential, NewFcmAccount};
use rules::{Access, KnownAccount};

/// What the stand-in does instead of answering properly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FcmFault {
    /// 404 with the detail `UNREGISTERED`.
    Unregistered,
    /// 403 with the detail `SENDER_ID_MISMATCH`.
    SenderIdMismatch,
    /// 429 with the detail `QUOTA_EXCEEDED`.
    QuotaExceeded {
        /// The `retry-after` header in seconds.
        retry_after: Option<u32>,
    },
    /// 401 `UNAUTHENTICATED`.
    Unauthenticated,
    /// 403 `PERMISSION_DENIED`.
    PermissionDenied,
    /// 400 with a violation of the field `message.token`.
    InvalidToken,
    /// 500 with the detail `INTERNAL`.
    InternalError,
    /// 502 with an HTML page.
    BadGatewayHtml,
    /// 503 with the detail `UNAVAILABLE`.
    ServiceUnavailable {
        /// The `retry-after` header in seconds.
        retry_after: Option<u32>,
    },
    /// The connection closes without an answer.
    Disconnect,
    /// No answer, for ever.
    BlackHole,
    /// The right answer, but late.
    Slow(Duration),
}

/// One send request as the stand-in saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct FcmRequest {
    /// The project in the path.
    pub project_id: String,
    /// The registration token, if the message has one.
    pub token: Option<String>,
    /// Whether it was only to be validated.
    pub validate_only: bool,
    /// The `message` object.
    pub message: Value,
    /// The status it was answered with; `None` when it got no answer.
    pub status: Option<u16>,
}

/// What the connections share.
#[derive(Debug)]
struct Shared {
    token_uri: String,
    state: Mutex<State>,
    pushes: broadcast::Sender<AcceptedPush>,
}

#[derive(Debug)]
struct State {
    accounts: BTreeMap<String, KnownAccount>,
    tokens: BTreeMap<String, String>,
    access: BTreeMap<String, Access>,
    issued: u64,
    messages: u64,
    ledger: Ledger<FcmRequest, FcmFault>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The listening task; it and all its connections end with it.
#[derive(Debug)]
struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    ca_pem: String,
    task: AbortHandle,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A running stand-in; clones share it, and it stops when the last one is dropped.
#[derive(Debug, Clone)]
pub struct FcmStandin {
    server: Arc<Server>,
}

impl FcmStandin {
    /// Listens on a free port of 127.0.0.1 with a certificate authority of its own.
    pub async fn start() -> Result<Self, StandinError> {
        let authority = Authority::new(&["h2", "http/1.1"])?;
        let ca_pem = authority.ca_pem.clone();
        let (listener, address) = listen().await?;
        let state = State {
            accounts: BTreeMap::new(),
            tokens: BTreeMap::new(),
            access: BTreeMap::new(),
            issued: 0,
            messages: 0,
            ledger: Ledger::new(),
        };
        let shared = Arc::new(Shared {
            token_uri: format!("https://{address}/token"),
            state: Mutex::new(state),
            pushes: announcer(),
        });
        let task = tokio::spawn(serve(listener, authority, {
            let shared = Arc::clone(&shared);
            move |request| handlers::answer(Arc::clone(&shared), request)
        }))
        .abort_handle();
        Ok(Self { server: Arc::new(Server { shared, address, ca_pem, task }) })
    }

    /// The base URL for sending.
    pub fn url(&self) -> String {
        format!("https://{}", self.server.address)
    }

    /// The token endpoint.
    pub fn token_uri(&self) -> String {
        self.server.shared.token_uri.clone()
    }

    /// The certificate authority in PEM.
    pub fn ca_pem(&self) -> &str {
        &self.server.ca_pem
    }

    /// Makes a service account of `project_id`, accepts it and gives the matching upload.
    pub fn new_credential(&self, project_id: &str, sender_id: Option<&str>) -> Result<NewCredential, StandinError> {
        let account = TestServiceAccount::generate(project_id, &self.token_uri())?;
        self.accept_account(&account);
        Ok(NewCredential::Fcm(NewFcmAccount {
            label: "Stand-in for FCM".to_owned(),
            service_account_json: account.json,
            sender_id: sender_id.map(str::to_owned),
            base_url: Some(self.url()),
            extra_ca_pem: Some(self.ca_pem().to_owned()),
        }))
    }

    /// Accepts assertions of this account.
    pub fn accept_account(&self, account: &TestServiceAccount) {
        let known = KnownAccount { project_id: account.project_id.clone(), public_key: account.public_key.clone() };
        self.server.shared.state().accounts.insert(account.client_email.clone(), known);
    }

    /// Refuses this account from now on, as after its key was deleted.
    pub fn forget_account(&self, client_email: &str) {
        self.server.shared.state().accounts.remove(client_email);
    }

    /// Knows this phone: the token is valid in `project_id`.
    pub fn register_token(&self, token: &str, project_id: &str) {
        self.server.shared.state().tokens.insert(token.to_owned(), project_id.to_owned());
    }

    /// Plays `fault` for the next `times` well-formed send requests to `target`, after earlier scripts for it.
    pub fn script(&self, target: impl Into<Target>, fault: FcmFault, times: u32) {
        self.server.shared.state().ledger.script(target.into(), fault, times);
    }

    /// Every access token handed out so far is expired from now on.
    pub fn expire_tokens(&self) {
        self.server.shared.state().access.clear();
    }

    /// How often the token endpoint handed out a token.
    pub fn tokens_issued(&self) -> u64 {
        self.server.shared.state().issued
    }

    /// Every send request, in order; the oldest are forgotten after some thousands.
    pub fn requests(&self) -> Vec<FcmRequest> {
        self.server.shared.state().ledger.requests()
    }

    /// Every push accepted from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<AcceptedPush> {
        self.server.shared.pushes.subscribe()
    }
}
