//! The way to the mail server, and its answers in plain words.

use std::time::Duration;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{Error, PoolConfig};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use pbx_core::model::Redacted;

use super::account::{MailAccount, MailSecurity};

/// Mail servers answer in seconds; greylisting ones refuse rather than wait.
const PATIENCE: Duration = Duration::from_secs(20);
/// Of a server's words.
const MAX_WORDS: usize = 300;

/// A connection that is kept between mails.
pub(super) type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// Why a mail was not taken.
#[derive(Debug)]
pub(super) struct NotTaken {
    pub(super) code: &'static str,
    /// The problem and the fix.
    pub(super) text: String,
    /// Whether a later attempt may succeed.
    pub(super) again: bool,
}

/// Prepares the way; nothing is connected yet.
pub(super) fn open(
    account: &MailAccount,
    password: Option<&Redacted<String>>,
    hello: &str,
) -> Result<Transport, NotTaken> {
    let broken = |failure: &Error| NotTaken {
        code: "mail_tls",
        text: format!(
            "the mail server's certificate authority cannot be used: {failure}; correct it under Settings > Mail"
        ),
        again: false,
    };
    let tls = match account.security {
        MailSecurity::StartTls => Tls::Required(parameters(account).map_err(|failure| broken(&failure))?),
        MailSecurity::Tls => Tls::Wrapper(parameters(account).map_err(|failure| broken(&failure))?),
        MailSecurity::None => Tls::None,
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(account.host.as_str())
        .port(account.port)
        .tls(tls)
        .timeout(Some(PATIENCE))
        .hello_name(match hello.parse() {
            Ok(std::net::IpAddr::V4(address)) => ClientId::Ipv4(address),
            Ok(std::net::IpAddr::V6(address)) => ClientId::Ipv6(address),
            Err(_) => ClientId::Domain(hello.to_owned()),
        })
        .pool_config(PoolConfig::new().max_size(1));
    if let Some(password) = password.filter(|_| !account.username.is_empty()) {
        builder = builder.credentials(Credentials::new(account.username.clone(), password.reveal().clone()));
    }
    Ok(builder.build())
}

fn parameters(account: &MailAccount) -> Result<TlsParameters, Error> {
    let mut builder = TlsParameters::builder(account.host.clone());
    if !account.authority.is_empty() {
        builder = builder.add_root_certificate(Certificate::from_pem(account.authority.as_bytes())?);
    }
    builder.build_rustls()
}

/// Sends one mail; gives the server's words.
pub(super) async fn send(transport: &Transport, account: &MailAccount, mail: Message) -> Result<String, NotTaken> {
    match transport.send(mail).await {
        Ok(answer) => {
            let words = answer.message().collect::<Vec<_>>().join(" ");
            Ok(shown(&format!("{} {words}", answer.code())))
        }
        Err(failure) => Err(in_words(account, &failure)),
    }
}

fn in_words(account: &MailAccount, failure: &Error) -> NotTaken {
    let server = format!("{}:{}", account.host, account.port);
    let words = shown(&with_sources(failure));
    let status: Option<u16> = failure.status().map(Into::into);
    let (code, text, again) = if status.is_some_and(|status| matches!(status, 530 | 534 | 535 | 538)) {
        (
            "mail_login_refused",
            format!(
                "the mail server {server} refused the sign-in ({words}); check user name and password under Settings > Mail (many providers want an app password)"
            ),
            false,
        )
    } else if failure.is_permanent() {
        (
            "mail_refused",
            format!(
                "the mail server {server} refused the mail ({words}); check the recipient's address and the address mails come from"
            ),
            false,
        )
    } else if failure.is_transient() {
        (
            "mail_deferred",
            format!("the mail server {server} wants to be asked again later ({words}); it is tried again by itself"),
            true,
        )
    } else if failure.is_tls() {
        (
            "mail_tls",
            format!(
                "the connection to the mail server {server} could not be protected ({words}); check its name and port, and whether it has a certificate of its own authority"
            ),
            false,
        )
    } else if failure.is_timeout() {
        (
            "mail_timeout",
            format!(
                "the mail server {server} did not answer within {} seconds; check name, port and firewall",
                PATIENCE.as_secs()
            ),
            true,
        )
    } else if failure.is_client() {
        (
            "mail_unfit",
            format!(
                "the mail server {server} does not offer what is set ({words}); try the other kind of encryption, or another port"
            ),
            false,
        )
    } else {
        (
            "mail_unreachable",
            format!("the mail server {server} cannot be reached ({words}); check name, port and firewall"),
            true,
        )
    };
    NotTaken { code, text, again }
}

fn with_sources(failure: &Error) -> String {
    let mut text = failure.to_string();
    let mut source = std::error::Error::source(failure);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// A stranger's words on one line of ours.
fn shown(words: &str) -> String {
    words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_WORDS).collect::<String>().trim().to_owned()
}
