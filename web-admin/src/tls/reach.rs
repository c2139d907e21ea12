//! Who answers under the public name, as a phone would find it: the same certificate as here, another one, or nobody.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{CertificateInfo, files};
use crate::probe::served::any_certificate;
use crate::{say, t};

/// The page waits for it.
const WITHIN: Duration = Duration::from_secs(3);

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answers {
    /// This machine, with the certificate in force.
    Here,
    /// Somebody, with a certificate for these names.
    SomebodyElse(String),
    /// Nobody speaks TLS there, for this reason.
    Nobody(String),
}

/// Asks `host` at `port` and compares with the certificate in force. Whom the certificate convinces is not asked: that is
/// told beside it.
pub(crate) async fn who_answers(host: &str, port: u16, own: &CertificateInfo) -> Answers {
    match tokio::time::timeout(WITHIN, shown_at(host, port)).await {
        Ok(Ok(shown)) if shown.fingerprint == own.fingerprint => Answers::Here,
        Ok(Ok(shown)) => Answers::SomebodyElse(shown.names.join(", ")),
        Ok(Err(why)) => Answers::Nobody(why),
        Err(_) => Answers::Nobody(say("reach-no-answer-within-s").with("within", &WITHIN.as_secs()).text()),
    }
}

async fn shown_at(host: &str, port: u16) -> Result<CertificateInfo, String> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| t("reach-it-is-no-name").to_owned())?;
    let config = any_certificate().map_err(|why| why.to_string())?;
    let stream = TcpStream::connect((host, port)).await.map_err(|why| why.to_string())?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|why| why.to_string())?;
    let (_, connection) = stream.get_ref();
    let shown = connection.peer_certificates().and_then(<[_]>::first);
    shown.and_then(files::describe).ok_or_else(|| t("reach-it-shows-no-certificate").to_owned())
}
