//! The TLS step: as a push does it, but the certificate is looked at also when it is refused, because its issuer names the
//! box in the middle.

use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};

use pbx_core::model::Redacted;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_platform_verifier::Verifier;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Hindrance;

/// Passes every question on and remembers who issued the certificate that was shown.
#[derive(Debug)]
struct Recorder {
    inner: Verifier,
    /// Of which host, and by whom.
    issuer: Mutex<Option<(String, String)>>,
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let of = server_name.to_str().into_owned();
        *self.issuer.lock().unwrap_or_else(PoisonError::into_inner) = issuer(end_entity).map(|by| (of, by));
        self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// How connections are secured: trusted roots, what is shown in the handshake, and what is spoken afterwards.
#[derive(Debug, Clone)]
pub(crate) struct Securing {
    config: Arc<ClientConfig>,
    recorder: Arc<Recorder>,
}

impl Securing {
    /// Trusts the system's roots and `extra_ca_pem`, shows `identity_pem` (certificates and key) to whoever asks for a
    /// certificate; the error is for an admin.
    pub(crate) fn new(
        extra_ca_pem: Option<&str>,
        identity_pem: Option<&Redacted<String>>,
        needs_http2: bool,
    ) -> Result<Self, String> {
        let broken = |why: &dyn Display| {
            format!(
                "a secure connection cannot be set up ({why}); install the system's root certificates (package ca-certificates)"
            )
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let roots = extra_ca_pem.map_or(Ok(Vec::new()), crate::credential::roots)?;
        let inner = Verifier::new_with_extra_roots(roots, Arc::clone(&provider)).map_err(|why| broken(&why))?;
        let recorder = Arc::new(Recorder { inner, issuer: Mutex::default() });
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|why| broken(&why))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&recorder) as Arc<dyn ServerCertVerifier>);
        let mut config = match identity_pem {
            None => config.with_no_client_auth(),
            Some(pem) => {
                let unusable = || "the stored certificate cannot be used; upload it again under Push".to_owned();
                let (chain, key) = identity(pem).ok_or_else(unusable)?;
                config.with_client_auth_cert(chain, key).map_err(|_| unusable())?
            }
        };
        config.alpn_protocols =
            if needs_http2 { vec![b"h2".to_vec()] } else { vec![b"h2".to_vec(), b"http/1.1".to_vec()] };
        Ok(Self { config: Arc::new(config), recorder })
    }

    /// Secures a connection; gives the issuer of the certificate with it.
    pub(super) async fn secure(
        &self,
        stream: TcpStream,
        host: &str,
    ) -> Result<(TlsStream<TcpStream>, String), Hindrance> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| Hindrance {
            code: "tls_setup",
            text: format!("{host} is no name that a certificate could be made for"),
            fix: "correct the host".to_owned(),
        })?;
        let secured = TlsConnector::from(Arc::clone(&self.config)).connect(name, stream).await;
        let seen = self.recorder.issuer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let issuer = seen.filter(|(of, _)| of == host).map(|(_, issuer)| issuer);
        match secured {
            Ok(stream) => Ok((stream, issuer.unwrap_or_default())),
            Err(error) => {
                let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
                Err(explain(tls, host, issuer.as_deref()))
            }
        }
    }
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn identity(pem: &Redacted<String>) -> Option<Identity> {
    let pem = pem.reveal().as_bytes();
    let chain = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().ok()?;
    Some((chain, PrivateKeyDer::from_pem_slice(pem).ok()?))
}

/// What went wrong, for somebody who runs an office and not a network.
fn explain(error: Option<&Error>, host: &str, issuer: Option<&str>) -> Hindrance {
    let by = issuer.unwrap_or("an unnamed issuer");
    match error {
        Some(Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. })) => {
            Hindrance {
                code: "tls_wrong_time",
                text: format!("the certificate of {host} has ended, or this machine's clock is ahead"),
                fix: "compare the clock (timedatectl) and set it by NTP".to_owned(),
            }
        }
        Some(Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        )) => Hindrance {
            code: "tls_wrong_time",
            text: format!("the certificate of {host} is not valid yet, so this machine's clock is behind"),
            fix: "set the clock by NTP (timedatectl set-ntp true)".to_owned(),
        },
        Some(Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => Hindrance {
            code: "tls_wrong_name",
            text: format!(
                "what answers at {host} shows a certificate for another name, issued by “{by}”: something on the way answers in its place"
            ),
            fix: format!("let the firewall or the web filter pass {host} untouched"),
        },
        Some(Error::InvalidCertificate(_)) => Hindrance {
            code: "tls_resigned",
            text: format!(
                "the certificate shown for {host} was issued by “{by}”, which this machine does not trust: a proxy in the middle re-signs TLS"
            ),
            fix: format!(
                "let the proxy pass {host} without inspection, or give its root certificate with the credential; if there is no proxy, update the package ca-certificates"
            ),
        },
        Some(Error::AlertReceived(AlertDescription::NoApplicationProtocol)) => Hindrance {
            code: "no_http2",
            text: format!("what answers at {host} does not offer HTTP/2: a proxy in between speaks HTTP/1.1 only"),
            fix: format!("let the proxy pass {host} without inspection"),
        },
        Some(Error::InvalidMessage(_)) => Hindrance {
            code: "tls_not_spoken",
            text: format!(
                "what answers at {host} does not speak TLS: a web filter or a sign-in page of the network answers in its place"
            ),
            fix: format!("let the firewall pass {host} untouched"),
        },
        Some(_) | None => Hindrance {
            code: "tls_cut",
            text: format!(
                "the connection to {host} is cut while it is being secured: a firewall that inspects TLS does that"
            ),
            fix: format!("exempt {host} from TLS inspection"),
        },
    }
}

/// The name of whoever signed a certificate.
fn issuer(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let issuer = certificate.issuer();
    let mut names = issuer.iter_organization().chain(issuer.iter_common_name());
    let name = names.find_map(|name| name.as_str().ok())?;
    Some(name.chars().filter(|c| !c.is_control()).take(80).collect())
}
