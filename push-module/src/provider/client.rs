//! The HTTP clients. APNs: HTTP/2 only, with PINGs while idle, because Apple no longer answers on a connection that was
//! silent for hours, and a small office is silent every night.

use std::time::Duration;

use pbx_core::model::Redacted;
use reqwest::redirect::Policy;

use super::guard::Guard;
use crate::credential::roots;

/// Between PINGs on an idle connection; Apple's other large users take 15 to 60 s, and NAT entries live longer.
const PING_EVERY: Duration = Duration::from_secs(60);
/// An unanswered PING closes the connection, so the next push opens a new one.
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// Within one attempt (3 s) there must be time left to answer.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(2500);
/// The delivery abandons an attempt after 3 s; this only ends what nobody waits for any more.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Phones name as many push services as they like; a connection that none of them used for so long is closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(600);

/// How the providers are spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/2 without asking (APNs).
    Http2Only,
    /// Whatever TLS agrees on (FCM).
    Negotiated,
    /// Whatever TLS agrees on, with hosts that phones name (Web Push).
    Guarded(Guard),
}

/// A new client with no open connection, which shows `identity_pem` (certificates and key) when it is asked for a
/// certificate; the error is for an admin.
pub fn build(
    protocol: &Protocol,
    extra_ca_pem: Option<&str>,
    identity_pem: Option<&Redacted<String>>,
) -> Result<reqwest::Client, String> {
    // `main` installs it first thing; a library user or a test may not have.
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // It fails only when somebody else was faster, which is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("nightbell/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .pool_idle_timeout(None)
        .http2_keep_alive_interval(PING_EVERY)
        .http2_keep_alive_timeout(PING_TIMEOUT)
        .http2_keep_alive_while_idle(true)
        .tcp_nodelay(true);
    match protocol {
        Protocol::Http2Only => builder = builder.http2_prior_knowledge(),
        Protocol::Negotiated => {}
        Protocol::Guarded(guard) => {
            builder = builder
                .dns_resolver(guard.clone())
                .no_proxy()
                .https_only(true)
                .pool_idle_timeout(IDLE_TIMEOUT)
                .pool_max_idle_per_host(1);
        }
    }
    if let Some(pem) = extra_ca_pem {
        builder = builder.tls_certs_merge(roots(pem)?);
    }
    if let Some(pem) = identity_pem {
        let identity = reqwest::Identity::from_pem(pem.reveal().as_bytes());
        builder = builder
            .identity(identity.map_err(|_| "the stored certificate cannot be used; upload it again under Push")?);
    }
    builder.build().map_err(|error| {
        let mut cause: &dyn std::error::Error = &error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        format!(
            "a secure connection cannot be set up ({cause}); install the system's root certificates (package ca-certificates)"
        )
    })
}
