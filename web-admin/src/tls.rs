//! The certificate for HTTPS and SIP over TLS: one pair of files, made by ourselves until the admin puts better ones there.
//!
//! `tls/cert.pem` and `tls/key.pem` in the data directory. Both listeners resolve the certificate at each handshake, so
//! replaced files are in force a few seconds later, without a restart. A self-made certificate is renewed before it ends
//! and made anew when the public name changes; a certificate of the admin's is never touched. A certificate that an authority
//! gave by itself (`acme.rs`) is kept sealed in the database and goes before the files as long as it is there.

mod files;
pub(crate) mod reach;
mod self_made;

pub(crate) use files::validity;
pub(crate) use self_made::own_addresses;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use pbx_core::model::UnixMillis;
use rustls::ServerConfig;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, NoClientAuth, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use thiserror::Error;

use crate::clock;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Why there is no certificate to serve with.
#[derive(Debug, Error)]
pub enum TlsError {
    /// Reading or writing the files.
    #[error("the TLS file {path} cannot be read or written: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Only one of the two files is there.
    #[error(
        "of the two TLS files only one is there; put both cert.pem and key.pem into {0}, or remove the one to get a self-made certificate"
    )]
    HalfThere(PathBuf),
    /// A file is not what it should be.
    #[error("the TLS file {path} cannot be used: {problem}")]
    Unusable {
        /// Which.
        path: PathBuf,
        /// What is wrong with it, with the fix.
        problem: String,
    },
    /// Making a certificate failed.
    #[error("a certificate could not be made: {0}")]
    Make(#[from] rcgen::Error),
    /// The library refused the configuration.
    #[error("TLS could not be set up: {0}")]
    Configure(#[from] rustls::Error),
}

/// How errors name the two fields of an upload.
const CERT_FIELD: &str = "certificate";
const KEY_FIELD: &str = "key";

/// Why a certificate is not put in force.
#[derive(Debug, Error)]
pub(crate) enum Unfit {
    /// It or its key cannot be read, or they do not belong together; or they cannot be written.
    #[error(transparent)]
    Files(#[from] TlsError),
    /// Phones and browsers would refuse it.
    #[error("the certificate ended on {0}; ask its authority for a new one")]
    Ended(String),
    /// Phones and browsers would refuse it.
    #[error(
        "the certificate is for {names}, but phones connect to {host}; get one for {host}, or correct public_host in config.toml"
    )]
    OtherName {
        /// What it is for.
        names: String,
        /// What it should be for.
        host: String,
    },
}

impl Unfit {
    /// The field it stands beside.
    pub(crate) fn field(&self) -> &'static str {
        match self {
            Self::Files(TlsError::Unusable { path, .. }) if path.as_os_str() == KEY_FIELD => KEY_FIELD,
            Self::Files(_) | Self::Ended(_) | Self::OtherName { .. } => CERT_FIELD,
        }
    }
}

/// Whether a certificate for `name` is good for `host` (RFC 6125: a star stands for one label).
fn covers(name: &str, host: &str) -> bool {
    let behind = |text: &str| text.split_once('.').map(|(_, rest)| rest.to_ascii_lowercase());
    match (name.parse::<std::net::IpAddr>(), host.parse::<std::net::IpAddr>()) {
        (Ok(name), Ok(host)) => name == host,
        _ => name.eq_ignore_ascii_case(host) || (name.starts_with("*.") && behind(name) == behind(host)),
    }
}

/// What pages and `doctor` show of the certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateInfo {
    /// SHA-256 of the certificate, as pairs of hex digits with colons, the way browsers show it.
    pub fingerprint: String,
    /// Made by Nightbell itself: browsers and phones must be told to trust it.
    pub self_made: bool,
    /// When it ends.
    pub not_after: UnixMillis,
    /// The names and addresses it is for.
    pub names: Vec<String>,
}

/// A key with its chain, and what is shown of it.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) key: Arc<CertifiedKey>,
    pub(crate) info: CertificateInfo,
}

/// The certificate in use; cheap to clone, every clone follows a reload.
#[derive(Debug, Clone)]
pub struct LiveCertificate {
    place: Arc<Place>,
    now: Arc<RwLock<Arc<Loaded>>>,
    /// Goes before the files: an authority gave it by itself.
    issued: Arc<RwLock<Option<Arc<Loaded>>>>,
    /// What an authority that validates by TLS-ALPN-01 (RFC 8737) is shown; only while it validates.
    challenge: Arc<RwLock<Option<Arc<CertifiedKey>>>>,
}

/// The protocol by which an authority asks (RFC 8737 section 6.2).
const ACME_TLS: &[u8] = b"acme-tls/1";

#[derive(Debug)]
struct Place {
    folder: PathBuf,
    public_host: String,
}

/// Loads the certificate of this installation, or makes one for `public_host`, `localhost` and the machine's addresses.
pub fn load_or_make(data_dir: &Path, public_host: &str) -> Result<LiveCertificate, TlsError> {
    let place = Place { folder: data_dir.join("tls"), public_host: public_host.to_owned() };
    let loaded = load(&place)?;
    Ok(LiveCertificate {
        place: Arc::new(place),
        now: Arc::new(RwLock::new(Arc::new(loaded))),
        issued: Arc::default(),
        challenge: Arc::default(),
    })
}

fn load(place: &Place) -> Result<Loaded, TlsError> {
    if let Some(found) = files::read(&place.folder)? {
        let good = !found.info.self_made || self_made::still_good(&found.info, &place.public_host, clock::now());
        if good {
            return Ok(found);
        }
    }
    let (chain, key) = self_made::make(&place.public_host, clock::now())?;
    files::write(&place.folder, &chain, &key)?;
    files::read(&place.folder)?.ok_or_else(|| TlsError::HalfThere(place.folder.clone()))
}

impl LiveCertificate {
    /// What is in use at this moment.
    pub fn info(&self) -> CertificateInfo {
        self.loaded().info.clone()
    }

    /// The self-made certificate in PEM, for phones that must be told to trust it; `None` for one of the admin's.
    pub fn own_pem(&self) -> Option<String> {
        if !self.info().self_made {
            return None;
        }
        std::fs::read_to_string(self.place.folder.join("cert.pem")).ok()
    }

    /// For HTTPS: HTTP/2 and HTTP/1.1, and an authority that validates.
    pub fn https_config(&self) -> Result<Arc<ServerConfig>, TlsError> {
        self.config(&[b"h2", b"http/1.1", ACME_TLS])
    }

    /// For SIP over TLS: no protocol negotiation, because phones offer none.
    pub fn sip_config(&self) -> Result<Arc<ServerConfig>, TlsError> {
        self.config(&[])
    }

    /// For HTTPS with peers that are asked for their own certificates.
    pub(crate) fn asking_config(&self, peers: Arc<dyn ClientCertVerifier>) -> Result<Arc<ServerConfig>, TlsError> {
        self.config_for(peers, &[b"h2", b"http/1.1"])
    }

    fn config(&self, protocols: &[&[u8]]) -> Result<Arc<ServerConfig>, TlsError> {
        self.config_for(Arc::new(NoClientAuth), protocols)
    }

    fn config_for(
        &self,
        peers: Arc<dyn ClientCertVerifier>,
        protocols: &[&[u8]],
    ) -> Result<Arc<ServerConfig>, TlsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(peers)
            .with_cert_resolver(Arc::new(self.clone()));
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(Arc::new(config))
    }

    /// Reads the files again; on any error the certificate in use stays. Gives back whether it changed.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let fresh = load(&self.place)?;
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        let changed = fresh.info != now.info;
        if changed {
            *now = Arc::new(fresh);
        }
        Ok(changed && !self.is_issued())
    }

    /// Whether the certificate in force is one that an authority gave by itself.
    pub fn is_issued(&self) -> bool {
        self.issued.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Checks a certificate that an authority gave and puts it in force before the files, at the next handshake.
    pub(crate) fn put_issued(&self, chain: &str, key: &str) -> Result<CertificateInfo, Unfit> {
        let info = self.check(chain, key)?;
        let named = |name: &str| PathBuf::from(name);
        let loaded = files::parse(chain.as_bytes(), key.as_bytes(), &named(CERT_FIELD), &named(KEY_FIELD))?;
        *self.issued.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(loaded));
        Ok(info)
    }

    /// The files are in force again.
    pub(crate) fn drop_issued(&self) {
        *self.issued.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Shows this to an authority that validates; `None` when it has.
    pub(crate) fn set_challenge(&self, shown: Option<Arc<CertifiedKey>>) {
        *self.challenge.write().unwrap_or_else(PoisonError::into_inner) = shown;
    }

    /// Checks a certificate of the admin's with its key, both in PEM.
    pub(crate) fn check(&self, chain: &str, key: &str) -> Result<CertificateInfo, Unfit> {
        let named = |name: &str| PathBuf::from(name);
        let found = files::parse(chain.as_bytes(), key.as_bytes(), &named(CERT_FIELD), &named(KEY_FIELD))?.info;
        let host = &self.place.public_host;
        if found.not_after <= clock::now() {
            return Err(Unfit::Ended(clock::stamp(found.not_after).text));
        }
        if !found.names.iter().any(|name| covers(name, host)) {
            return Err(Unfit::OtherName { names: found.names.join(", "), host: host.clone() });
        }
        Ok(found)
    }

    /// Checks it and puts it in force at once. On any error the certificate in use stays, and so do the files.
    pub(crate) fn install(&self, chain: &str, key: &str) -> Result<CertificateInfo, Unfit> {
        self.check(chain, key)?;
        files::write(&self.place.folder, chain, key)?;
        self.drop_issued();
        self.reload()?;
        Ok(self.info())
    }

    /// The name phones and browsers use for this machine.
    pub(crate) fn public_host(&self) -> &str {
        &self.place.public_host
    }

    /// Follows the files for ever; run it as a task and drop it to stop.
    pub async fn follow(self) {
        let mut every = tokio::time::interval(LOOK_EVERY);
        let mut complained = None;
        loop {
            every.tick().await;
            let live = self.clone();
            let Ok(outcome) = tokio::task::spawn_blocking(move || live.reload()).await else { return };
            match outcome {
                Ok(true) => tracing::info!(fingerprint = %self.info().fingerprint, "a new TLS certificate is in force"),
                Ok(false) => complained = None,
                Err(error) => {
                    let text = error.to_string();
                    if complained.as_ref() != Some(&text) {
                        tracing::error!("{text}; the certificate before it stays in force");
                        complained = Some(text);
                    }
                }
            }
        }
    }

    fn loaded(&self) -> Arc<Loaded> {
        if let Some(issued) = &*self.issued.read().unwrap_or_else(PoisonError::into_inner) {
            return Arc::clone(issued);
        }
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for LiveCertificate {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // An authority offers this protocol alone; without an open validation it gets no connection.
        if hello.alpn().is_some_and(|mut offered| offered.next() == Some(ACME_TLS) && offered.next().is_none()) {
            return self.challenge.read().unwrap_or_else(PoisonError::into_inner).clone();
        }
        Some(self.loaded().key.clone())
    }
}

#[cfg(test)]
mod tests;
