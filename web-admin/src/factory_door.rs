//! The port at which desk phones are asked for the certificates they were made with (mutual TLS).
//!
//! A port of its own, so that no browser is ever asked. The handshake takes any certificate whose key the phone has, and none as
//! well: who is to be believed is judged behind it, so that a phone with a certificate nobody knows gets an answer and
//! the admin a reason. What it shows goes with each request of the connection; everything else is as on the other port.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::middleware::AddExtension;
use axum::{Extension, Router};
use axum_server::accept::Accept;
use axum_server::tls_rustls::RustlsAcceptor;
use provisioning::desk_phones::{DeskPhones, FactorySettings, Shown};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, SignatureScheme};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::server::TlsStream;
use tower::Layer as _;

use crate::error::Refusal;
use crate::serve::{self, Held, Slots};
use crate::t;
use crate::tls::LiveCertificate;

/// Between two tries to listen, when the port could not be had.
const TRY_AGAIN: Duration = Duration::from_secs(30);

/// Serves phones at the port that is chosen, wherever it moves, until `stopping` says stop.
pub async fn keep(phones: DeskPhones, certificate: LiveCertificate, ip: IpAddr, mut stopping: watch::Receiver<bool>) {
    let mut chosen = phones.factory_settings();
    loop {
        let FactorySettings { port, .. } = *chosen.borrow_and_update();
        // Dropping it closes the port; open connections finish.
        let open = port.and_then(|port| open(&phones, &certificate, (ip, port)));
        let again = async {
            match (port, &open) {
                (Some(_), None) => tokio::time::sleep(TRY_AGAIN).await,
                (None, _) | (Some(_), Some(_)) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = again => {}
            changed = until_another(&mut chosen, port) => if !changed { return },
            _ = stopping.wait_for(|stop| *stop) => return,
        }
    }
}

/// Whether another port was chosen; otherwise nobody chooses any more.
async fn until_another(chosen: &mut watch::Receiver<FactorySettings>, port: Option<u16>) -> bool {
    chosen.wait_for(|settings| settings.port != port).await.is_ok()
}

fn open(phones: &DeskPhones, certificate: &LiveCertificate, (ip, port): (IpAddr, u16)) -> Option<watch::Sender<()>> {
    let config = match certificate.asking_config(AnyClient::verifier()) {
        Ok(config) => config,
        Err(error) => {
            phones.set_factory_problem(Some(error.to_string()));
            return None;
        }
    };
    match serve::bind(ip, port) {
        Ok(listener) => {
            let (open, mut closed) = watch::channel(());
            let router = Router::new().nest("/d", phones.routes()).fallback(async || StatusCode::NOT_FOUND);
            let acceptor = Asking { inner: serve::acceptor(config), phones: phones.clone() };
            // An error of the channel means that the port was closed.
            let until_closed = async move { drop(closed.changed().await) };
            let router = serve::bounded(router);
            tokio::spawn(serve::serve_with(listener, acceptor, router, until_closed));
            phones.set_factory_problem(None);
            tracing::info!(port, "desk phones may come by their factory certificates");
            Some(open)
        }
        Err(error) => {
            tracing::warn!(port, %error, "the port for factory certificates could not be opened");
            phones.set_factory_problem(Some(Unfit::of(&error, port).to_string()));
            None
        }
    }
}

/// Why nothing can listen at a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
enum Unfit {
    #[error("another program on this machine listens at port {0}; choose another port, or stop that program")]
    Taken(u16),
    #[error("this user may not listen at port {0}; choose a port above 1023")]
    Forbidden(u16),
    #[error("nothing can listen at port {0}; look at this machine's network, or choose another port")]
    Other(u16),
}

impl Unfit {
    fn of(error: &io::Error, port: u16) -> Self {
        if error.kind() == io::ErrorKind::AddrInUse {
            Self::Taken(port)
        } else if error.kind() == io::ErrorKind::PermissionDenied {
            Self::Forbidden(port)
        } else {
            Self::Other(port)
        }
    }
}

/// Refuses a port that cannot be opened, and opens nothing for good.
pub(crate) fn check(ip: IpAddr, port: u16) -> Result<(), Refusal> {
    if port == 0 {
        return Err(no_port());
    }
    serve::bind(ip, port).map(drop).map_err(|error| refused(&Unfit::of(&error, port).to_string()))
}

/// What was given is no number of a port.
pub(crate) fn no_port() -> Refusal {
    refused(t("certificate-give-a-number-between-1-and"))
}

fn refused(text: &str) -> Refusal {
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "port_unfit", text).field("port")
}

/// Takes connections, and notes what each showed.
#[derive(Clone)]
struct Asking {
    inner: RustlsAcceptor<Slots>,
    phones: DeskPhones,
}

type Accepting<S> =
    Pin<Box<dyn Future<Output = io::Result<(TlsStream<TcpStream>, AddExtension<Held<S>, Shown>)>> + Send>>;

impl<S: Send + 'static> Accept<TcpStream, S> for Asking {
    type Stream = TlsStream<TcpStream>;
    type Service = AddExtension<Held<S>, Shown>;
    type Future = Accepting<S>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let from: Option<SocketAddr> = stream.peer_addr().ok();
        let accepted = self.inner.accept(stream, service);
        let phones = self.phones.clone();
        Box::pin(async move {
            let (stream, service) = accepted.await.inspect_err(|error| {
                tracing::debug!(?from, %error, "a handshake at the port for factory certificates failed");
            })?;
            let shown = phones.judge(stream.get_ref().1.peer_certificates().unwrap_or_default());
            Ok((stream, Extension(shown).layer(service)))
        })
    }
}

/// Asks for a certificate, and takes any whose key the peer has.
#[derive(Debug)]
struct AnyClient {
    provider: CryptoProvider,
}

impl AnyClient {
    fn verifier() -> Arc<dyn ClientCertVerifier> {
        Arc::new(Self { provider: rustls::crypto::aws_lc_rs::default_provider() })
    }
}

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    // With none named, every phone shows what it has (RFC 8446 section 4.2.4).
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _own: &CertificateDer<'_>,
        _above: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, own, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, own, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
