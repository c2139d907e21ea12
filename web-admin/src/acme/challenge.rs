//! What an authority finds when it asks whether the name leads here: a line of text at port 80, or a certificate at port 443.
//!
//! Doors are open only while an order waits for the question, and show nothing else. With TLS-ALPN-01 the HTTPS listener answers
//! by itself; another door is opened only where it listens at another port.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use instant_acme::KeyAuthorization;
use rcgen::{CertificateParams, CustomExtension, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::CertifiedKey;
use tokio::sync::watch;

use super::schedule::Trouble;
use super::setting::{Setting, Validation};
use super::words::Failed;
use crate::serve::{self, serve_https, serve_plain};
use crate::tls::LiveCertificate;

/// Answers by token.
#[derive(Debug, Clone, Default)]
struct Answers(Arc<Mutex<BTreeMap<String, String>>>);

/// Open doors; dropping it closes them and forgets the answers.
#[derive(Debug)]
pub(super) struct Doors {
    answers: Answers,
    certificate: LiveCertificate,
    validation: Validation,
    /// Closing it ends the listener.
    _open: Option<watch::Sender<()>>,
}

impl Drop for Doors {
    fn drop(&mut self) {
        self.certificate.set_challenge(None);
    }
}

/// Where the pages are served.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pages {
    pub(super) listen: SocketAddr,
}

impl Doors {
    /// Opens what the authority's question needs.
    pub(super) fn open(setting: &Setting, pages: Pages, certificate: &LiveCertificate) -> Result<Self, Failed> {
        let answers = Answers::default();
        let open = match setting.validation {
            Validation::Tls if setting.port == pages.listen.port() => None,
            Validation::Tls => {
                let listener = bind(pages.listen.ip(), setting.port)?;
                let config = certificate.https_config().map_err(|why| at_port(setting.port, &why.to_string()))?;
                let (open, closed) = watch::channel(());
                tokio::spawn(serve_https(listener, config, Router::new(), ended(closed)));
                Some(open)
            }
            Validation::Http => {
                let listener = bind(pages.listen.ip(), setting.port)?;
                let router =
                    Router::new().route("/.well-known/acme-challenge/{token}", get(answer)).with_state(answers.clone());
                let (open, closed) = watch::channel(());
                tokio::spawn(serve_plain(listener, router, ended(closed)));
                Some(open)
            }
        };
        Ok(Self { answers, certificate: certificate.clone(), validation: setting.validation, _open: open })
    }

    /// What is shown for this challenge from now on.
    pub(super) fn show(&self, host: &str, token: &str, answer: &KeyAuthorization) -> Result<(), Failed> {
        match self.validation {
            Validation::Http => {
                let mut answers = self.answers.0.lock().unwrap_or_else(PoisonError::into_inner);
                answers.insert(token.to_owned(), answer.as_str().to_owned());
            }
            Validation::Tls => {
                let shown = proof(host, answer.digest().as_ref()).map_err(|why| {
                    Failed::new(
                        Trouble::Here,
                        "acme_proof",
                        format!("no proof could be made: {why}"),
                        "Please report this.",
                    )
                })?;
                self.certificate.set_challenge(Some(Arc::new(shown)));
            }
        }
        Ok(())
    }
}

async fn ended(mut closed: watch::Receiver<()>) {
    // An error means that the doors were dropped.
    let _ = closed.changed().await;
}

async fn answer(State(answers): State<Answers>, Path(token): Path<String>) -> Response {
    let known = answers.0.lock().unwrap_or_else(PoisonError::into_inner).get(&token).cloned();
    match known {
        Some(text) => ([(header::CONTENT_TYPE, "application/octet-stream")], text).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Listens at the addresses of the pages, at this port.
fn bind(ip: IpAddr, port: u16) -> Result<TcpListener, Failed> {
    serve::bind(ip, port).map_err(|why| {
        if why.kind() == io::ErrorKind::PermissionDenied {
            return Failed::new(
                Trouble::Here,
                "acme_port_forbidden",
                format!("this user may not listen at port {port}, where the certificate authority asks"),
                "Run Nightbell by its systemd unit, which allows it (CAP_NET_BIND_SERVICE), or forward that port in the router to a port above 1023 and enter that here.",
            );
        }
        if why.kind() == io::ErrorKind::AddrInUse {
            return Failed::new(
                Trouble::Here,
                "acme_port_taken",
                format!("another program on this machine listens at port {port}, where the certificate authority asks"),
                "Stop that program, or choose another port here and forward the question to it.",
            );
        }
        at_port(port, &why.to_string())
    })
}

fn at_port(port: u16, why: &str) -> Failed {
    let text = format!("nothing can listen at port {port}, where the certificate authority asks: {why}");
    Failed::new(Trouble::Here, "acme_port", text, "Look at this machine's network.")
}

/// The certificate of RFC 8737 section 3, with a key of its own.
fn proof(host: &str, digest: &[u8]) -> Result<CertifiedKey, Box<dyn std::error::Error + Send + Sync>> {
    let mut params = CertificateParams::new(vec![host.to_owned()])?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let certificate = params.self_signed(&key)?;
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    // Not checked against each other: the check refuses the critical extension that makes this a proof.
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key)?;
    Ok(CertifiedKey::new(vec![certificate.der().clone()], key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proof_holds_the_digest_in_a_critical_extension_and_the_name() {
        use x509_parser::prelude::{FromDer as _, X509Certificate};

        let proof = proof("pbx.example.com", &[7; 32]).unwrap();
        let (_, parsed) = X509Certificate::from_der(&proof.cert[0]).unwrap();
        let found = parsed.extensions().iter().find(|it| it.oid.to_id_string() == "1.3.6.1.5.5.7.1.31").unwrap();
        assert!(found.critical);
        assert_eq!(found.value, [&[4, 32][..], &[7; 32]].concat(), "an OCTET STRING (RFC 8737 section 3)");
        let names = parsed.subject_alternative_name().unwrap().unwrap();
        assert_eq!(names.value.general_names.len(), 1);
    }
}
