//! A certificate authority that lives as long as its stand-in, and the listening socket behind it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::push::StandinError;

/// A name that no DNS server knows (RFC 6761), for stand-ins behind a proxy that does.
pub(super) const NAME: &str = "provider.test";

/// An authority and the acceptor with a certificate for 127.0.0.1, localhost and [`NAME`].
#[derive(Clone)]
pub(super) struct Authority {
    pub(super) ca_pem: String,
    acceptor: TlsAcceptor,
    issuer: Arc<Issuer<'static, KeyPair>>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority")
    }
}

impl Authority {
    /// A new authority whose servers speak these protocols (ALPN).
    ///
    /// Clients may show a certificate of this authority; one of any other, or one that has ended, ends the handshake.
    pub(super) fn new(protocols: &[&str]) -> Result<Self, StandinError> {
        let ca_key = KeyPair::generate()?;
        let mut ca = CertificateParams::default();
        ca.distinguished_name.push(DnType::CommonName, "Nightbell stand-in authority");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca_certificate = ca.self_signed(&ca_key)?;
        let ca_pem = ca_certificate.pem();
        let issuer = Issuer::new(ca, ca_key);
        let key = KeyPair::generate()?;
        let leaf = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned(), NAME.to_owned()])?;
        let certificate = leaf.signed_by(&key, &issuer)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(ca_certificate.der().clone())?;
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(clients)
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            )?;
        config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
        Ok(Self { ca_pem, acceptor: TlsAcceptor::from(Arc::new(config)), issuer: Arc::new(issuer) })
    }

    /// A certificate of this authority with its key.
    pub(super) fn issue(&self, params: CertificateParams) -> Result<(rcgen::Certificate, KeyPair), StandinError> {
        let key = KeyPair::generate()?;
        Ok((params.signed_by(&key, &*self.issuer)?, key))
    }

    /// The handshake; `None` when the client does not like us or agreed on no protocol.
    pub(super) async fn accept(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        stream.set_nodelay(true).ok()?;
        let stream = self.acceptor.accept(stream).await.ok()?;
        stream.get_ref().1.alpn_protocol()?;
        Some(stream)
    }
}

/// A free port of 127.0.0.1.
pub(super) async fn listen() -> Result<(TcpListener, SocketAddr), StandinError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
