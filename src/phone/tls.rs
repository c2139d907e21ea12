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

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    use rustls::ServerConfig;
    use rustls::pki_types::PrivateKeyDer;
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::super::{Phone, PhoneError, TlsTrust, Transport};
    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    /// A TLS server for `localhost`; its address, its certificate and its authority's PEM.
    async fn server() -> (SocketAddr, CertificateDer<'static>, String) {
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = authority.self_signed(&authority_key).unwrap().pem();
        let issuer = Issuer::from_params(&authority, &authority_key);
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap().der().clone();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(Arc::new(config));
            let mut open = Vec::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // A client that does not believe us leaves in the handshake.
                if let Ok(stream) = acceptor.accept(stream).await {
                    open.push(stream);
                }
            }
        });
        (address, certificate, pem)
    }

    async fn connects(address: SocketAddr, trust: TlsTrust) -> bool {
        let phone = Phone::builder(address).extension("101").transport(Transport::Tls(trust)).build().unwrap();
        match phone.connect(SOON).await {
            Ok(_) => true,
            Err(PhoneError::Connect { .. }) => false,
            Err(other) => panic!("{other}"),
        }
    }

    #[tokio::test]
    async fn a_phone_believes_its_authority_for_the_right_name_and_its_pinned_certificate_only() {
        let (address, certificate, pem) = server().await;
        let (_, other_certificate, other_pem) = server().await;
        let authority = |pem: &str, name: &str| TlsTrust::Authority { pem: pem.to_owned(), name: name.to_owned() };
        assert!(connects(address, authority(&pem, "localhost")).await);
        assert!(!connects(address, authority(&pem, "elsewhere.example")).await);
        assert!(!connects(address, authority(&other_pem, "localhost")).await);
        assert!(connects(address, TlsTrust::Pinned(certificate)).await);
        assert!(!connects(address, TlsTrust::Pinned(other_certificate)).await);
    }
}
