//! Whether this machine reaches its push providers, step by step: name, connection, TLS, HTTP/2.
//!
//! A push that fails says "no answer"; this says which box on the way is to blame. Each place is asked as a push asks it (the
//! same names, ports, web proxy and trusted roots, by the same code: [`way`]), nothing is sent to it but a greeting, and
//! every step has its own limit, so a check is over within half a minute whatever the network does.

mod connector;
mod firewall;
mod probe;
mod proxy;
#[cfg(all(test, feature = "standin"))]
mod tests;
mod tls;
mod tunnel;
mod way;

use std::time::Duration;

use pbx_core::model::UnixMillis;
use serde::Serialize;

pub(crate) use connector::Connector;
pub use firewall::{FIREWALL, FirewallRule, NO_LONGER_NEEDED, Where, firewall_text};
pub(crate) use probe::probe;
pub(crate) use proxy::{LiveProxy, ProxySettings};
pub use proxy::{NewWebProxy, USUAL_PROXY_PORT, USUALLY_WITHOUT, WebProxyError, WebProxySetting};
pub(crate) use tls::Securing;
pub(crate) use way::WayError;

/// What stands in the way, for somebody who runs an office and not a network: the same words on the page of the check and in what a
/// push ends with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hindrance {
    /// Stable.
    pub(crate) code: &'static str,
    /// What is wrong.
    pub(crate) text: String,
    /// What to do.
    pub(crate) fix: String,
}

/// The limit of each step; a push gives up a connection sooner.
pub const STEP_TIMEOUT: Duration = Duration::from_secs(5);

/// A provider's host and port, as the credentials name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EgressPlace {
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Plain HTTP on the loopback: no TLS.
    pub plain: bool,
    /// Only HTTP/2 will do (APNs).
    pub needs_http2: bool,
    /// What it is for: the names of the credentials that use it.
    pub used_by: Vec<String>,
    /// Additional trusted roots of those credentials.
    #[serde(skip)]
    pub(crate) extra_ca_pem: Option<String>,
}

/// One step on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum EgressStep {
    /// The name is looked up (DNS).
    Name,
    /// A connection is made (TCP), to the proxy if one is set.
    Connect,
    /// The proxy is asked to connect.
    Proxy,
    /// The connection is secured, and the certificate is the provider's.
    Tls,
    /// The provider speaks HTTP/2.
    Http2,
}

impl EgressStep {
    /// The step in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Name => "Name (DNS)",
            Self::Connect => "Connection (TCP)",
            Self::Proxy => "Proxy",
            Self::Tls => "Security (TLS)",
            Self::Http2 => "HTTP/2",
        }
    }
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StepResult {
    /// Which.
    pub step: EgressStep,
    /// Whether it worked; the first that did not is the last.
    pub ok: bool,
    /// `ok`, or what is wrong.
    pub code: &'static str,
    /// In plain words.
    pub text: String,
    /// What to do; empty when it worked.
    pub fix: String,
    /// How long it took.
    pub took_ms: u64,
}

/// A place and what is known about the way to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EgressResult {
    /// Where.
    #[serde(flatten)]
    pub place: EgressPlace,
    /// The steps so far.
    pub steps: Vec<StepResult>,
    /// Whether no further step follows.
    pub finished: bool,
}

impl EgressResult {
    /// Whether every step worked; `None` while it is under way.
    pub fn ok(&self) -> Option<bool> {
        self.finished.then(|| self.steps.iter().all(|step| step.ok))
    }
}

/// A check of every place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NetworkCheck {
    /// When it began.
    pub started_at: UnixMillis,
    /// When it ended; `None` while it is under way.
    pub finished_at: Option<UnixMillis>,
    /// One entry for each place.
    pub places: Vec<EgressResult>,
}

impl NetworkCheck {
    /// Whether every place is reached; `None` while it is under way.
    pub fn ok(&self) -> Option<bool> {
        self.finished_at.map(|_| self.places.iter().all(|place| place.ok() == Some(true)))
    }
}
