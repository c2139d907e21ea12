//! A strict stand-in for APNs: both environments, HTTP/2 only, every documented rule, every fault on demand.

mod certificate;
mod connection;
mod rules;
mod streams;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pbx_core::model::{Environment, Redacted, UnixMillis};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};
use tokio::task::{AbortHandle, JoinSet};

use super::key::TestApnsKey;
use super::push::{AcceptedPush, Ledger, StandinError, Target, announcer};
use super::tls::{Authority, listen};
use crate::credential::{ApnsEnvironment, Endpoint, NewApnsCertificate, NewApnsKey, NewCredential};
use certificate::Permitted;
use rules::{KnownKey, KnownToken};

pub use certificate::{CertificateKind, TestCertificate};

/// What the stand-in does instead of answering properly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApnsFault {
    /// 410 `Unregistered` with this time.
    Gone {
        /// When the token ended.
        timestamp: UnixMillis,
    },
    /// 410 `ExpiredToken`.
    ExpiredToken,
    /// 400 `BadDeviceToken`.
    BadDeviceToken,
    /// 400 `DeviceTokenNotForTopic`.
    DeviceTokenNotForTopic,
    /// 403 `ExpiredProviderToken`.
    ExpiredProviderToken,
    /// 403 `InvalidProviderToken`.
    InvalidProviderToken,
    /// 429 `TooManyRequests`.
    TooManyRequests {
        /// The `retry-after` header in seconds.
        retry_after: Option<u32>,
    },
    /// 429 `TooManyProviderTokenUpdates`.
    TooManyProviderTokenUpdates,
    /// 500 `InternalServerError`.
    InternalError,
    /// 503 `ServiceUnavailable`.
    ServiceUnavailable,
    /// 503 `Shutdown`.
    Shutdown,
    /// GOAWAY without an answer, then the connection closes.
    GoAway,
    /// RST_STREAM without an answer.
    Reset,
    /// The TCP connection closes without an answer.
    Disconnect,
    /// The whole connection falls silent: no answer, no PING answer, for ever.
    BlackHole,
    /// The right answer, but late.
    Slow(Duration),
    /// Any status and reason.
    Answer {
        /// HTTP status.
        status: u16,
        /// The reason string.
        reason: String,
    },
}

/// One request as the stand-in saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct ApnsRequest {
    /// Counts the connections from 1.
    pub connection: u64,
    /// Which of the two hosts.
    pub environment: Environment,
    /// The device token in the path.
    pub token: String,
    /// Header `apns-topic`.
    pub topic: Option<String>,
    /// Header `apns-push-type`.
    pub push_type: Option<String>,
    /// Header `apns-priority`.
    pub priority: Option<String>,
    /// Header `apns-expiration`.
    pub expiration: Option<String>,
    /// Header `apns-collapse-id`.
    pub collapse_id: Option<String>,
    /// Header `apns-id`.
    pub apns_id: Option<String>,
    /// The `iat` of the provider token, when it could be read.
    pub issued_at: Option<i64>,
    /// The body.
    pub payload: Value,
    /// The status it was answered with; `None` when it got no answer.
    pub status: Option<u16>,
    /// The reason it was answered with.
    pub reason: Option<String>,
}

/// What the connections share.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    pushes: broadcast::Sender<AcceptedPush>,
    connections: AtomicU64,
    keys_made: AtomicU64,
    /// Connections that were closed because the client opened too many streams.
    violations: AtomicU64,
    /// A refusal leaves one stream.
    throttles: AtomicBool,
    silence: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    keys: BTreeMap<String, KnownKey>,
    /// What the certificates that were issued permit, by their DER; a revoked one is not here.
    certificates: BTreeMap<Vec<u8>, Permitted>,
    tokens: BTreeMap<String, KnownToken>,
    ledger: Ledger<ApnsRequest, ApnsFault>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The listening tasks; they and all their connections end with it.
#[derive(Debug)]
struct Server {
    shared: Arc<Shared>,
    production: SocketAddr,
    sandbox: SocketAddr,
    authority: Authority,
    tasks: Vec<AbortHandle>,
}

impl Drop for Server {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// A running stand-in; clones share it, and it stops when the last one is dropped.
#[derive(Debug, Clone)]
pub struct ApnsStandin {
    server: Arc<Server>,
}

impl ApnsStandin {
    /// Listens on two free ports of 127.0.0.1, one for each environment, with a certificate authority of its own.
    pub async fn start() -> Result<Self, StandinError> {
        let authority = Authority::new(&["h2"])?;
        let state = State {
            keys: BTreeMap::new(),
            certificates: BTreeMap::new(),
            tokens: BTreeMap::new(),
            ledger: Ledger::new(),
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            pushes: announcer(),
            connections: AtomicU64::new(0),
            keys_made: AtomicU64::new(0),
            violations: AtomicU64::new(0),
            throttles: AtomicBool::new(false),
            silence: watch::channel(0).0,
        });
        let (for_production, production) = listen().await?;
        let (for_sandbox, sandbox) = listen().await?;
        let tasks = [(for_production, Environment::Production), (for_sandbox, Environment::Sandbox)]
            .map(|(listener, environment)| {
                let accepting = accept(listener, authority.clone(), Arc::clone(&shared), environment);
                tokio::spawn(accepting).abort_handle()
            })
            .to_vec();
        Ok(Self { server: Arc::new(Server { shared, production, sandbox, authority, tasks }) })
    }

    /// The base URL of one environment.
    pub fn url(&self, environment: Environment) -> String {
        match environment {
            Environment::Production => format!("https://{}", self.server.production),
            Environment::Sandbox => format!("https://{}", self.server.sandbox),
        }
    }

    /// The certificate authority in PEM.
    pub fn ca_pem(&self) -> &str {
        &self.server.authority.ca_pem
    }

    /// Both URLs and the authority, ready for a [`NewApnsKey`].
    pub fn endpoint(&self) -> Endpoint {
        Endpoint {
            production_url: Some(self.url(Environment::Production)),
            sandbox_url: Some(self.url(Environment::Sandbox)),
            extra_ca_pem: Some(self.ca_pem().to_owned()),
        }
    }

    /// Makes a key, accepts it for `bundle_ids` (empty: any) and gives the matching upload.
    pub fn new_credential(&self, bundle_ids: &[&str]) -> Result<NewCredential, StandinError> {
        let number = self.server.shared.keys_made.fetch_add(1, Ordering::AcqRel) + 1;
        let key = TestApnsKey::generate(&format!("STANDIN{number:03}"), "NIGHTBELL1")?;
        self.accept_key_for(&key, bundle_ids);
        Ok(NewCredential::Apns(NewApnsKey {
            label: "Stand-in for APNs".to_owned(),
            key_id: key.key_id,
            team_id: key.team_id,
            bundle_ids: bundle_ids.iter().map(|it| (*it).to_owned()).collect(),
            p8: key.p8,
            environment: ApnsEnvironment::Both,
            endpoint: self.endpoint(),
        }))
    }

    /// Issues a client certificate for `app` that is good until `ends_at`.
    pub fn issue(
        &self,
        kind: CertificateKind,
        app: &str,
        ends_at: UnixMillis,
    ) -> Result<TestCertificate, StandinError> {
        let (made, der, permitted) = certificate::issue(&self.server.authority, kind, app, ends_at)?;
        self.server.shared.state().certificates.insert(der, permitted);
        Ok(made)
    }

    /// Issues a client certificate and gives the matching upload, in PEM.
    pub fn new_certificate(
        &self,
        kind: CertificateKind,
        app: &str,
        ends_at: UnixMillis,
    ) -> Result<NewCredential, StandinError> {
        let made = self.issue(kind, app, ends_at)?;
        Ok(NewCredential::ApnsCertificate(NewApnsCertificate {
            label: String::new(),
            certificate: Redacted::new(made.certificate_pem),
            key: Some(made.key_pem),
            password: None,
            endpoint: self.endpoint(),
        }))
    }

    /// Every certificate that was issued is refused from now on.
    pub fn revoke_certificates(&self) {
        self.server.shared.state().certificates.clear();
    }

    /// Accepts provider tokens signed by this key, for any topic.
    pub fn accept_key(&self, key: &TestApnsKey) {
        self.accept_key_for(key, &[]);
    }

    /// Accepts provider tokens signed by this key, for these bundle ids (empty: any).
    pub fn accept_key_for(&self, key: &TestApnsKey, bundle_ids: &[&str]) {
        let known = KnownKey {
            team_id: key.team_id.clone(),
            public_key: key.public_key.clone(),
            bundle_ids: bundle_ids.iter().map(|it| (*it).to_owned()).collect(),
            last_issued_at: None,
        };
        self.server.shared.state().keys.insert(key.key_id.clone(), known);
    }

    /// Knows this device: the token is valid for `topic` (a bundle id, or with `.voip`) in `environment`.
    pub fn register_token(&self, token: &str, topic: &str, environment: Environment) {
        let known = KnownToken { topic: topic.to_owned(), environment };
        self.server.shared.state().tokens.insert(token.to_owned(), known);
    }

    /// Plays `fault` for the next `times` well-formed requests to `target`, after earlier scripts for it.
    pub fn script(&self, target: impl Into<Target>, fault: ApnsFault, times: u32) {
        self.server.shared.state().ledger.script(target.into(), fault, times);
    }

    /// Every open connection falls silent, as after a night behind a NAT; new ones work.
    pub fn silence_connections(&self) {
        self.server.shared.silence.send_modify(|nights| *nights += 1);
    }

    /// After every refusal the connection allows one stream (SETTINGS), and all of them again after the next acceptance
    /// (openradar 27870881).
    pub fn throttle_after_refusals(&self) {
        self.server.shared.throttles.store(true, Ordering::Release);
    }

    /// How often a client opened more streams than it had confirmed; each time the connection ends with GOAWAY.
    pub fn stream_violations(&self) -> u64 {
        self.server.shared.violations.load(Ordering::Acquire)
    }

    /// Everything that was asked, in order; the oldest are forgotten after some thousands.
    pub fn requests(&self) -> Vec<ApnsRequest> {
        self.server.shared.state().ledger.requests()
    }

    /// How many connections were opened so far.
    pub fn connections(&self) -> u64 {
        self.server.shared.connections.load(Ordering::Acquire)
    }

    /// Every push accepted from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<AcceptedPush> {
        self.server.shared.pushes.subscribe()
    }
}

/// Accepts connections until it is aborted; they end with it.
async fn accept(listener: TcpListener, authority: Authority, shared: Arc<Shared>, environment: Environment) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let (authority, shared) = (authority.clone(), Arc::clone(&shared));
                let silence = shared.silence.subscribe();
                connections.spawn(async move {
                    let Some(stream) = authority.accept(stream).await else { return };
                    let number = shared.connections.fetch_add(1, Ordering::AcqRel) + 1;
                    connection::serve(stream, shared, environment, number, silence).await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
