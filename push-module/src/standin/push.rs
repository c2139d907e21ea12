//! What both stand-ins share: what they tell subscribers, and which token a scripted fault is for.

use std::io;

use pbx_core::model::{Environment, PushProvider};
use serde_json::Value;
use thiserror::Error;

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
