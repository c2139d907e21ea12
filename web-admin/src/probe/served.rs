//! The certificates as a server shows them, and what a phone would say to them.
//!
//! Phones do not fetch what a server forgot to send (no AIA), and neither do we: a missing intermediate certificate is named by
//! its subject, which is what NethVoice's guide sends people to ssllabs.com for.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pbx_core::model::UnixMillis;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_platform_verifier::Verifier;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// For the whole handshake.
const WITHIN: Duration = Duration::from_secs(5);
/// Certificates that are looked at; chains have two or three.
const MOST: usize = 10;
/// Names that are listed of one certificate.
const NAMES: usize = 40;

/// The authorities that are trusted: the system's, and perhaps a company's own.
pub struct Roots(Verifier);

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Roots")
    }
}

impl Roots {
    /// The system's, and these; the error is for an admin.
    pub fn new(extra: impl IntoIterator<Item = CertificateDer<'static>>) -> Result<Self, String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        Verifier::new_with_extra_roots(extra, provider).map(Self).map_err(|why| {
            format!("the system's root certificates cannot be read ({why}); install the package ca-certificates")
        })
    }

    fn verify(&self, chain: &[CertificateDer<'static>], host: &str) -> Result<(), Error> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| CertificateError::NotValidForName)?;
        let Some((first, rest)) = chain.split_first() else { return Err(Error::NoCertificatesPresented) };
        self.0.verify_server_cert(first, rest, &name, &[], UnixTime::now()).map(drop)
    }
}

/// One certificate of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ServedCertificate)]
pub struct Certificate {
    /// Whose.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// The names it is for.
    pub names: Vec<String>,
    /// When it ends.
    pub not_after: UnixMillis,
    /// SHA-256 in lower-case hexadecimal digits.
    pub fingerprint: String,
}

/// What a phone says to a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "verdict", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = ServedTrust)]
pub enum Trust {
    /// It connects.
    Good,
    /// The certificate of this issuer is not sent along.
    Incomplete {
        /// Its subject.
        missing: String,
    },
    /// It signed itself.
    SelfSigned,
    /// It has ended.
    Ended,
    /// It has not begun, or a clock is wrong.
    NotBegun,
    /// It is for other names.
    OtherName,
    /// Nobody knows the authority.
    UnknownAuthority {
        /// Its name.
        authority: String,
    },
    /// Something else.
    Bad {
        /// What.
        why: String,
    },
    /// No certificate was seen.
    NotShown {
        /// Why.
        why: String,
    },
}

/// A chain as it was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ServedChain)]
pub struct Served {
    /// The server's own first.
    pub chain: Vec<Certificate>,
    /// What a phone says to it.
    pub trust: Trust,
}

impl Served {
    fn not_shown(why: impl Into<String>) -> Self {
        Self { chain: Vec::new(), trust: Trust::NotShown { why: why.into() } }
    }

    /// Why there is no connection; empty when there is one.
    pub(super) fn problem_words(&self) -> String {
        match &self.trust {
            Trust::NotShown { why } => why.clone(),
            Trust::Good
            | Trust::Incomplete { .. }
            | Trust::SelfSigned
            | Trust::Ended
            | Trust::NotBegun
            | Trust::OtherName
            | Trust::UnknownAuthority { .. }
            | Trust::Bad { .. } => String::new(),
        }
    }
}

/// Secures a connection, whatever certificate is shown, and says what a phone would say to it.
pub async fn look(stream: TcpStream, host: &str, roots: &Arc<Roots>) -> (Option<TlsStream<TcpStream>>, Served) {
    let Ok(name) = ServerName::try_from(host.to_owned()) else { return (None, Served::not_shown("it is no name")) };
    let config = match any_certificate() {
        Ok(config) => config,
        Err(why) => return (None, Served::not_shown(why.to_string())),
    };
    let secured = timeout(WITHIN, TlsConnector::from(Arc::new(config)).connect(name, stream)).await;
    let stream = match secured {
        Ok(Ok(stream)) => stream,
        Ok(Err(why)) => return (None, Served::not_shown(format!("what answers there does not speak TLS ({why})"))),
        Err(_) => return (None, Served::not_shown("it takes the connection and then says nothing")),
    };
    let chain: Vec<CertificateDer<'static>> = stream.get_ref().1.peer_certificates().unwrap_or_default().to_vec();
    let served = judge(&chain, host, roots);
    (Some(stream), served)
}

/// The same for somebody who connects to `address` only to look.
pub async fn look_at(address: std::net::SocketAddr, host: &str, roots: &Arc<Roots>) -> Served {
    match timeout(WITHIN, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => look(stream, host, roots).await.1,
        Ok(Err(why)) => Served::not_shown(format!("it is not reached ({why})")),
        Err(_) => Served::not_shown("it does not answer"),
    }
}

/// A client that takes every certificate, for who looks at it and says nothing.
pub(crate) fn any_certificate() -> Result<ClientConfig, Error> {
    client(None)
}

/// A client that speaks with one server only: the one with this certificate (SHA-256, lower-case hexadecimal digits).
pub fn only_this(fingerprint: String) -> Result<ClientConfig, Error> {
    client(Some(fingerprint))
}

fn client(fingerprint: Option<String>) -> Result<ClientConfig, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let verifier = Arc::new(Only { fingerprint, provider });
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

fn judge(chain: &[CertificateDer<'static>], host: &str, roots: &Roots) -> Served {
    let seen: Vec<Certificate> = chain.iter().take(MOST).filter_map(describe).collect();
    let trust = match roots.verify(chain, host) {
        Ok(()) => Trust::Good,
        Err(Error::InvalidCertificate(wrong)) => refused(&wrong, &seen),
        Err(other) => Trust::Bad { why: other.to_string() },
    };
    Served { chain: seen, trust }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the library's list of errors is open")]
fn refused(wrong: &CertificateError, chain: &[Certificate]) -> Trust {
    match wrong {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Trust::Ended,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Trust::NotBegun,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Trust::OtherName,
        CertificateError::UnknownIssuer => unknown_issuer(chain),
        // A certificate that calls itself an authority and is shown as a server's.
        _ if chain.first().is_some_and(|first| first.subject == first.issuer) => Trust::SelfSigned,
        other => Trust::Bad { why: other.to_string() },
    }
}

/// Follows the chain from signer to signer, to where it breaks off.
fn unknown_issuer(chain: &[Certificate]) -> Trust {
    let Some(first) = chain.first() else { return Trust::Bad { why: "no certificate can be read".to_owned() } };
    if first.subject == first.issuer {
        return Trust::SelfSigned;
    }
    let mut last = first;
    for _ in 0..chain.len() {
        match chain.iter().find(|one| one.subject == last.issuer && one.fingerprint != last.fingerprint) {
            Some(signer) => last = signer,
            None => break,
        }
    }
    if last.fingerprint == first.fingerprint && first.issuer != first.subject {
        return Trust::Incomplete { missing: first.issuer.clone() };
    }
    Trust::UnknownAuthority { authority: last.issuer.clone() }
}

fn describe(certificate: &CertificateDer<'_>) -> Option<Certificate> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let names = match parsed.subject_alternative_name() {
        Ok(Some(found)) => found.value.general_names.iter().filter_map(name).take(NAMES).collect(),
        Ok(None) | Err(_) => Vec::new(),
    };
    let short = |name: String| name.chars().filter(|c| !c.is_control()).take(120).collect();
    Some(Certificate {
        subject: short(parsed.subject().to_string()),
        issuer: short(parsed.issuer().to_string()),
        names,
        not_after: UnixMillis(parsed.validity().not_after.timestamp().saturating_mul(1000)),
        fingerprint: fingerprint(certificate),
    })
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    let GeneralName::DNSName(name) = name else { return None };
    Some(name.chars().filter(|c| !c.is_control()).take(255).collect())
}

fn fingerprint(certificate: &[u8]) -> String {
    crate::token::hex(&Sha256::digest(certificate))
}

/// Takes every certificate, or one only. The handshake's signature is checked in either case.
#[derive(Debug)]
struct Only {
    fingerprint: Option<String>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Only {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.fingerprint {
            Some(wanted) if *wanted != fingerprint(shown) => {
                Err(CertificateError::ApplicationVerificationFailure.into())
            }
            Some(_) | None => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
    use rustls::ServerConfig;
    use rustls::pki_types::PrivateKeyDer;
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    const HOST: &str = "pbx.example.com";

    fn params(name: &str, ca: bool) -> CertificateParams {
        let mut params = CertificateParams::new(if ca { Vec::new() } else { vec![name.to_owned()] }).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        if ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        params
    }

    /// What phones say to this chain, shown by a real server.
    async fn shown(chain: &[&rcgen::Certificate], key: &KeyPair, host: &str, roots: &Arc<Roots>) -> Served {
        let chain = chain.iter().map(|one| one.der().clone()).collect();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            TlsAcceptor::from(Arc::new(config)).accept(stream).await.map(drop)
        });
        let served = look_at(address, host, roots).await;
        serving.abort();
        served
    }

    #[tokio::test]
    async fn a_chain_without_its_intermediate_is_refused_and_the_missing_one_named() {
        let [root_key, middle_key, leaf_key] = std::array::from_fn(|_| KeyPair::generate().unwrap());
        let root = params("A public root", true);
        let root_certificate = root.self_signed(&root_key).unwrap();
        let root = Issuer::new(root, root_key);
        let middle = params("R11", true);
        let middle_certificate = middle.signed_by(&middle_key, &root).unwrap();
        let middle = Issuer::new(middle, middle_key);
        let leaf = params(HOST, false).signed_by(&leaf_key, &middle).unwrap();
        let trusting = Arc::new(Roots::new([root_certificate.der().clone()]).unwrap());
        let doubting = Arc::new(Roots::new([]).unwrap());
        let whole = [&leaf, &middle_certificate];
        let good = shown(&whole, &leaf_key, HOST, &trusting).await;
        assert_eq!((&good.trust, good.chain.len()), (&Trust::Good, 2));
        assert_eq!(good.chain[0].names, [HOST]);
        let alone = shown(&[&leaf], &leaf_key, HOST, &trusting).await;
        let Trust::Incomplete { missing } = &alone.trust else { panic!("{alone:?}") };
        assert!(missing.contains("R11"), "{missing}");
        let other = shown(&whole, &leaf_key, "other.example.com", &trusting).await;
        assert_eq!(other.trust, Trust::OtherName);
        let unknown = shown(&whole, &leaf_key, HOST, &doubting).await;
        assert!(
            matches!(&unknown.trust, Trust::UnknownAuthority { authority } if authority.contains("A public root")),
            "{unknown:?}"
        );
        let mut ended = params(HOST, false);
        ended.not_after = rcgen::date_time_ymd(2020, 1, 1);
        let ended = ended.signed_by(&leaf_key, &middle).unwrap();
        let ended = shown(&[&ended, &middle_certificate], &leaf_key, HOST, &trusting).await;
        assert_eq!(ended.trust, Trust::Ended);
        let own = params(HOST, false).self_signed(&leaf_key).unwrap();
        assert_eq!(shown(&[&own], &leaf_key, HOST, &trusting).await.trust, Trust::SelfSigned);
    }

    #[tokio::test]
    async fn what_speaks_no_tls_is_told_apart_from_what_is_not_there() {
        let roots = Arc::new(Roots::new([]).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"SIP/2.0 400 Bad Request\r\n\r\n").await;
            stream
        });
        let odd = look_at(address, HOST, &roots).await;
        assert!(matches!(&odd.trust, Trust::NotShown { why } if why.contains("does not speak TLS")), "{odd:?}");
        drop(serving.await.unwrap());
        let nobody = look_at(address, HOST, &roots).await;
        assert!(matches!(&nobody.trust, Trust::NotShown { why } if why.contains("not reached")), "{nobody:?}");
    }

    fn certificate(subject: &str, issuer: &str) -> Certificate {
        Certificate {
            subject: subject.into(),
            issuer: issuer.into(),
            names: Vec::new(),
            not_after: UnixMillis(0),
            fingerprint: subject.into(),
        }
    }

    #[test]
    fn a_chain_that_breaks_off_names_what_is_missing() {
        let leaf = certificate("CN=pbx.example.com", "CN=R11");
        assert_eq!(unknown_issuer(std::slice::from_ref(&leaf)), Trust::Incomplete { missing: "CN=R11".into() });
        let other = [leaf.clone(), certificate("CN=Old", "CN=Root")];
        assert_eq!(unknown_issuer(&other), Trust::Incomplete { missing: "CN=R11".into() }, "a signer of somebody else");
        let private = [leaf, certificate("CN=R11", "CN=Our own root")];
        assert_eq!(unknown_issuer(&private), Trust::UnknownAuthority { authority: "CN=Our own root".into() });
        assert_eq!(unknown_issuer(&[certificate("CN=a", "CN=a")]), Trust::SelfSigned);
    }
}
