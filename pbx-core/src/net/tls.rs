//! TLS: the certificate in use, and the handshake in a task of its own.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::debug;

use super::tcp::Shared;

/// The certificate that new connections get. Clones share it: a replaced certificate is live at once, open connections
/// keep theirs.
#[derive(Clone)]
pub struct TlsIdentity(Arc<RwLock<Arc<ServerConfig>>>);

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsIdentity(hidden)")
    }
}

/// Why a certificate and its key cannot be used.
#[derive(Debug, Error)]
pub enum TlsIdentityError {
    /// The certificate text is no PEM.
    #[error("the TLS certificate is not readable as PEM: {0}")]
    Certificate(rustls::pki_types::pem::Error),
    /// The certificate file holds none.
    #[error("the TLS certificate file holds no certificate; it must begin with -----BEGIN CERTIFICATE-----")]
    NoCertificate,
    /// The key text is no PEM.
    #[error("the TLS private key is not readable as PEM: {0}")]
    Key(rustls::pki_types::pem::Error),
    /// They do not fit each other, or the key's kind is not supported.
    #[error("the TLS certificate and its private key cannot be used together: {0}")]
    Unusable(#[from] rustls::Error),
}

impl TlsIdentity {
    /// Starts with this configuration.
    pub fn new(config: Arc<ServerConfig>) -> Self {
        Self(Arc::new(RwLock::new(config)))
    }

    /// From a certificate chain (own certificate first) and its key; TLS 1.2 and 1.3, no client certificates.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsIdentityError> {
        Ok(Self::new(server_config(chain, key)?))
    }

    /// New connections get this configuration from now on.
    pub fn replace(&self, config: Arc<ServerConfig>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = config;
    }

    /// As [`Self::replace`], from PEM; on an error the old certificate stays.
    pub fn replace_pem(&self, chain: &[u8], key: &[u8]) -> Result<(), TlsIdentityError> {
        self.replace(server_config(chain, key)?);
        Ok(())
    }

    /// The configuration for a connection that begins now.
    pub fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn server_config(chain: &[u8], key: &[u8]) -> Result<Arc<ServerConfig>, TlsIdentityError> {
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>().map_err(TlsIdentityError::Certificate)?;
    if chain.is_empty() {
        return Err(TlsIdentityError::NoCertificate);
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(TlsIdentityError::Key)?;
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(Arc::new(config))
}

/// Shakes hands within the time allowed; `None` when the peer would not or could not.
pub(super) async fn handshake(io: TcpStream, identity: &TlsIdentity, shared: &Shared) -> Option<TlsStream<TcpStream>> {
    let accept = TlsAcceptor::from(identity.current()).accept(io);
    let failure = match timeout(shared.limits.handshake, accept).await {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it took too long".to_owned(),
    };
    shared.counters.handshakes_failed.add(1);
    debug!(failure, "TLS handshake failed");
    None
}
