//! How a phone is described before it is switched on.

use std::net::SocketAddr;

use rustls::pki_types::CertificateDer;
use uuid::Uuid;

use super::agent::Phone;
use super::error::PhoneError;
use super::event::Events;

/// How the phone reaches its server.
#[derive(Debug, Clone)]
pub enum Transport {
    /// One datagram socket for everything.
    Udp,
    /// One connection, opened by the phone.
    Tcp,
    /// One TLS connection, opened by the phone.
    Tls(TlsTrust),
}

/// Whom a phone on TLS believes.
#[derive(Debug, Clone)]
pub enum TlsTrust {
    /// Certificates signed by one of these authorities (PEM text) for this host name or address.
    Authority {
        /// One or more certificates in PEM.
        pem: String,
        /// The name the server's certificate must carry.
        name: String,
    },
    /// Exactly this certificate, whatever name or date it carries.
    Pinned(CertificateDer<'static>),
}

/// Which of several offered digest algorithms the phone answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DigestChoice {
    /// The first one it understands (RFC 8760 section 2.4).
    #[default]
    Topmost,
    /// Only MD5, as most desk phones do.
    Md5,
    /// Only SHA-256.
    Sha256,
}

/// What a phone is; [`PhoneBuilder::build`] switches it on.
#[derive(Debug, Clone)]
pub struct PhoneBuilder {
    pub(super) server: SocketAddr,
    pub(super) extension: String,
    pub(super) username: Option<String>,
    pub(super) secret: pbx_core::model::Redacted<String>,
    pub(super) domain: Option<String>,
    pub(super) name: Option<String>,
    pub(super) user_agent: String,
    pub(super) transport: Transport,
    pub(super) instance: Option<Uuid>,
    pub(super) flow: Option<u32>,
    pub(super) register_lines: Vec<(String, String)>,
    pub(super) push_params: String,
    pub(super) digest: DigestChoice,
    pub(super) bind: Option<SocketAddr>,
    pub(super) events: Events,
}

impl PhoneBuilder {
    pub(super) fn new(server: SocketAddr) -> Self {
        Self {
            server,
            extension: String::new(),
            username: None,
            secret: pbx_core::model::Redacted::new(String::new()),
            domain: None,
            name: None,
            user_agent: "nightbell-phone".to_owned(),
            transport: Transport::Udp,
            instance: None,
            flow: None,
            register_lines: Vec::new(),
            push_params: String::new(),
            digest: DigestChoice::default(),
            bind: None,
            events: Events::new(),
        }
    }

    /// The number it registers for; the user part of its address of record.
    #[must_use]
    pub fn extension(mut self, extension: impl Into<String>) -> Self {
        self.extension = extension.into();
        self
    }

    /// The digest username; the extension unless given.
    #[must_use]
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self
    }

    /// The SIP secret.
    #[must_use]
    pub fn secret(mut self, secret: impl Into<String>) -> Self {
        self.secret = pbx_core::model::Redacted::new(secret.into());
        self
    }

    /// The host part of its address of record; the server's IP address unless given.
    #[must_use]
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Its name in the event log; the extension unless given.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// What it calls itself (User-Agent); `nightbell-phone` unless given.
    #[must_use]
    pub fn user_agent(mut self, program: impl Into<String>) -> Self {
        self.user_agent = program.into();
        self
    }

    /// How it reaches the server; UDP unless given.
    #[must_use]
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// Its instance id (`+sip.instance`, RFC 5626); none unless given.
    #[must_use]
    pub fn instance(mut self, instance: Uuid) -> Self {
        self.instance = Some(instance);
        self
    }

    /// Registers one of several flows of its instance (RFC 5626): `reg-id` and `Supported: outbound`.
    #[must_use]
    pub fn flow(mut self, reg_id: u32) -> Self {
        self.flow = Some(reg_id);
        self
    }

    /// One more header line in every REGISTER, for example a Path as an edge proxy adds it.
    #[must_use]
    pub fn register_line(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.register_lines.push((name.into(), value.into()));
        self
    }

    /// RFC 8599 parameters for the Contact URI, such as
    /// `;pn-provider=apns;pn-param=TEAM.com.example.app.voip&remote;pn-prid=token:voip&token2:remote`.
    #[must_use]
    pub fn push_params(mut self, params: impl Into<String>) -> Self {
        self.push_params = params.into();
        self
    }

    /// Which digest algorithm it answers.
    #[must_use]
    pub fn digest(mut self, choice: DigestChoice) -> Self {
        self.digest = choice;
        self
    }

    /// The local address of its UDP socket; a free port unless given. Only for UDP.
    #[must_use]
    pub fn bind(mut self, local: SocketAddr) -> Self {
        self.bind = Some(local);
        self
    }

    /// The log it writes into; one of its own unless given.
    #[must_use]
    pub fn events(mut self, events: Events) -> Self {
        self.events = events;
        self
    }

    /// The phone; its socket opens with the first request or with [`Phone::connect`].
    pub fn build(self) -> Result<Phone, PhoneError> {
        let plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && b != b'"');
        if !plain(&self.extension) {
            return Err(PhoneError::Setup(format!("the extension '{}' is not a number or a name", self.extension)));
        }
        if !self.push_params.is_empty() && !self.push_params.starts_with(';') {
            return Err(PhoneError::Setup("push parameters must begin with a semicolon".to_owned()));
        }
        Ok(Phone::new(self))
    }
}
