//! Whom a phone on TLS believes: an authority of its own, or exactly one certificate.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_rustls::TlsConnector;

use super::builder::TlsTrust;

/// A connector and the name to ask for; the error says what is wrong with the trust it was given.
pub(super) fn connector(trust: &TlsTrust) -> Result<(TlsConnector, ServerName<'static>), String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let (config, name) = match trust {
        TlsTrust::Authority { pem, name } => {
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let certificate = certificate.map_err(|error| format!("the authority is not PEM: {error:?}"))?;
                roots.add(certificate).map_err(|error| format!("the authority cannot be used: {error}"))?;
            }
            (builder.with_root_certificates(roots).with_no_client_auth(), name.clone())
        }
        TlsTrust::Pinned(certificate) => {
            let pinned = Arc::new(Pinned { certificate: certificate.clone(), provider });
            let config = builder.dangerous().with_custom_certificate_verifier(pinned).with_no_client_auth();
            (config, "pinned.invalid".to_owned())
        }
    };
    let name = ServerName::try_from(name).map_err(|_| "the server name is not a DNS name or an IP address")?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}

/// Believes one certificate and the signatures made with its key.
#[derive(Debug)]
struct Pinned {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if *end_entity == self.certificate {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::General("the server shows another certificate than the pinned one".to_owned()))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
