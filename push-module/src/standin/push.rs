//! What both stand-ins share: what they tell subscribers, and which token a scripted fault is for.

use std::collections::VecDeque;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use pbx_core::model::{Environment, PushProvider};
use serde_json::Value;
use thiserror::Error;
use tokio::sync::broadcast;

/// A push that a stand-in accepted and that the fake phone now gets.
#[derive(Debug, Clone, PartialEq)]
pub struct AcceptedPush {
    /// Who accepted it.
    pub provider: PushProvider,
    /// For which phone.
    pub token: String,
    /// APNs: the topic; FCM: the project id.
    pub app: String,
    /// Always production for FCM.
    pub environment: Environment,
    /// APNs: the push type (`voip`, `alert`, …); FCM: `data`.
    pub kind: String,
    /// APNs: the `apns-id`; FCM: the message name.
    pub id: String,
    /// APNs: `apns-collapse-id`; FCM: `collapse_key`.
    pub collapse_id: Option<String>,
    /// APNs: the whole body; FCM: the data map.
    pub payload: Value,
}

/// Why a stand-in could not start or make something.
#[derive(Debug, Error)]
pub enum StandinError {
    /// Opening the listening socket.
    #[error("the stand-in cannot listen: {0}")]
    Listen(#[from] io::Error),
    /// Making its certificate.
    #[error("the stand-in cannot make its certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// Setting up TLS.
    #[error("the stand-in cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// Making a key.
    #[error("a key could not be made")]
    Key,
}

/// Any token, for scripted faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnyToken;

/// Which token a scripted fault is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Whatever comes next.
    Any,
    /// This one only.
    Token(String),
}

impl Target {
    pub(crate) fn covers(&self, token: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Token(one) => one == token,
        }
    }
}

impl From<&str> for Target {
    fn from(token: &str) -> Self {
        Self::Token(token.to_owned())
    }
}

impl From<AnyToken> for Target {
    fn from(_: AnyToken) -> Self {
        Self::Any
    }
}

/// Requests that are remembered; a demo may run for weeks.
const REMEMBERED: usize = 10_000;
/// Accepted pushes a slow subscriber may lag behind.
const SUBSCRIBER_QUEUE: usize = 1024;

/// What a stand-in remembers, and whom it tells.
#[derive(Debug)]
pub(super) struct Ledger<R, F> {
    requests: VecDeque<R>,
    scripts: VecDeque<Script<F>>,
}

#[derive(Debug)]
struct Script<F> {
    target: Target,
    fault: F,
    left: u32,
}

impl<R: Clone, F: Clone> Ledger<R, F> {
    pub(super) fn new() -> Self {
        Self { requests: VecDeque::new(), scripts: VecDeque::new() }
    }

    pub(super) fn record(&mut self, request: R) {
        if self.requests.len() >= REMEMBERED {
            self.requests.pop_front();
        }
        self.requests.push_back(request);
    }

    pub(super) fn requests(&self) -> Vec<R> {
        self.requests.iter().cloned().collect()
    }

    pub(super) fn script(&mut self, target: Target, fault: F, times: u32) {
        self.scripts.push_back(Script { target, fault, left: times });
    }

    /// The fault to play for this token now, if any; scripts are played in the order they were given.
    pub(super) fn next_fault(&mut self, token: &str) -> Option<F> {
        self.scripts.retain(|it| it.left > 0);
        let script = self.scripts.iter_mut().find(|it| it.target.covers(token))?;
        script.left -= 1;
        Some(script.fault.clone())
    }
}

/// Where accepted pushes go.
pub(super) fn announcer() -> broadcast::Sender<AcceptedPush> {
    broadcast::channel(SUBSCRIBER_QUEUE).0
}

/// The wall clock in Unix seconds.
#[expect(clippy::disallowed_methods, reason = "a stand-in is a server: it reads the wall clock")]
pub(super) fn unix_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
