//! Desk phones: the configuration files of each vendor, and what each phone asks for by which name.
//!
//! Pure: `(DeskPhone, Account, ServerInfo, Options) -> files`. Every vendor turns one phone into a flat list of
//! [`Setting`]s; one writer for each format puts them into a file. A value never reaches a file except through its writer,
//! so no value, whoever typed it, can change a file's structure. A partner's template is a list of such settings as well
//! ([`template`]), and what we serve is looked through by [`lint`], which knows the silent traps of each format.
//!
//! Reading order: this file (the words), `xml` (escaping), one vendor, [`lint`].

#[cfg(feature = "web")]
pub mod factory;
pub mod fanvil;
pub mod grandstream;
pub mod lint;
pub mod mac;
pub mod polycom;
pub mod snom;
pub mod template;
pub mod trial;
pub mod user_agent;
pub mod yealink;

mod xml;

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use pbx_core::model::{ExtensionNumber, Redacted, SipUsername};
use pbx_core::switchboard::command::CheckSyncEvent;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use mac::Mac;

use crate::public_info::{SipServer, bracketed};
use template::Template;

/// Characters of a name that a display shows; more is cut.
const NAME_CHARS: usize = 64;
/// How often a phone looks for a changed configuration by itself, in minutes: once a day.
const LOOK_MINUTES: u32 = 24 * 60;
/// The certificate a phone is told to trust, beside its configuration.
pub const TRUST_FILE: &str = "ca.pem";

/// A maker of desk phones whose format we write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vendor {
    /// Yealink, firmware V80 and later.
    Yealink,
    /// Snom, firmware 8.7 and later.
    Snom,
    /// Grandstream GXP, GRP, HT.
    Grandstream,
    /// Fanvil, text and XML families.
    Fanvil,
    /// Polycom and Poly with UC Software 4 and later.
    Polycom,
}

impl Vendor {
    /// All of them, in the order of lists.
    pub const ALL: [Self; 5] = [Self::Yealink, Self::Snom, Self::Grandstream, Self::Fanvil, Self::Polycom];

    /// The word in columns, the API and the CLI.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yealink => "yealink",
            Self::Snom => "snom",
            Self::Grandstream => "grandstream",
            Self::Fanvil => "fanvil",
            Self::Polycom => "polycom",
        }
    }

    /// The name of the admin in the phone's own menu.
    pub const fn menu_user(self) -> &'static str {
        match self {
            Self::Yealink | Self::Snom | Self::Grandstream | Self::Fanvil => "admin",
            Self::Polycom => "Polycom",
        }
    }

    /// The name on the box.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Yealink => "Yealink",
            Self::Snom => "Snom",
            Self::Grandstream => "Grandstream",
            Self::Fanvil => "Fanvil",
            Self::Polycom => "Poly (Polycom)",
        }
    }

    /// The `Event` of the NOTIFY after which a phone fetches its configuration again, without a restart where it can.
    pub const fn check_sync(self) -> CheckSyncEvent {
        match self {
            Self::Yealink | Self::Snom => CheckSyncEvent::WithoutRestart,
            // These three know the event without parameter only and refuse or ignore the other.
            Self::Grandstream | Self::Fanvil | Self::Polycom => CheckSyncEvent::Plain,
        }
    }
}

impl fmt::Display for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a phone's description is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DeskPhoneError {
    /// Not one of the vendors.
    #[error("“{0}” is not a vendor we know; give yealink, snom, grandstream, fanvil or polycom")]
    Vendor(String),
    /// Not a model name.
    #[error("“{0}” is not a model name; write it as on the phone, for example T46S, D785, GRP2614, X4 or VVX411")]
    Model(String),
    /// Not a MAC address.
    #[error(
        "“{0}” is not a MAC address; copy the twelve hex digits from the back of the phone, for example 80:5e:c0:d5:7d:72"
    )]
    Mac(String),
}

impl FromStr for Vendor {
    type Err = DeskPhoneError;

    fn from_str(text: &str) -> Result<Self, DeskPhoneError> {
        let wanted = text.trim().to_ascii_lowercase();
        let wanted = if wanted == "poly" { "polycom" } else { wanted.as_str() };
        Self::ALL
            .into_iter()
            .find(|vendor| vendor.as_str() == wanted)
            .ok_or_else(|| DeskPhoneError::Vendor(text.chars().take(40).collect()))
    }
}

/// A model's name without the vendor's, for example `T46S`; letters, digits, `_`, `-` and blanks, at most 24.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Model(Box<str>);

impl Model {
    /// The name as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name without blanks, `-` and `_`, in upper case: how two spellings are compared.
    pub fn plain(&self) -> String {
        plain(&self.0)
    }

    /// Whether another spelling, for example that of a User-Agent, means this model.
    pub fn is(&self, other: &str) -> bool {
        let (own, other) = (self.plain(), plain(other));
        own == other
            || own.strip_prefix("SIP").is_some_and(|own| own == other)
            || other.strip_prefix("SIP").is_some_and(|other| own == other)
    }
}

fn plain(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

impl FromStr for Model {
    type Err = DeskPhoneError;

    fn from_str(text: &str) -> Result<Self, DeskPhoneError> {
        let text = text.trim();
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ' ');
        if text.is_empty() || text.len() > 24 || !text.chars().all(allowed) || plain(text).is_empty() {
            return Err(DeskPhoneError::Model(text.chars().take(40).collect()));
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for Model {
    type Error = DeskPhoneError;

    fn try_from(text: String) -> Result<Self, DeskPhoneError> {
        text.parse()
    }
}

impl From<Model> for String {
    fn from(model: Model) -> Self {
        model.0.into()
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeskPhone {
    /// Its address on the network: a name, never a proof.
    pub mac: Mac,
    /// Who made it.
    pub vendor: Vendor,
    /// What it is.
    pub model: Model,
}

impl DeskPhone {
    /// The format its firmware reads.
    pub fn family(&self) -> Family {
        match self.vendor {
            Vendor::Yealink => Family::Yealink,
            Vendor::Snom => Family::Snom,
            Vendor::Grandstream => Family::Grandstream,
            Vendor::Fanvil if fanvil::reads_text(&self.model) => Family::FanvilText,
            Vendor::Fanvil => Family::FanvilXml,
            Vendor::Polycom => Family::Polycom,
        }
    }
}

/// A file format, shared by the phones that read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// `key = value` below a version line.
    Yealink,
    /// XML with `perm` attributes.
    Snom,
    /// XML of P-values.
    Grandstream,
    /// The old text of modules.
    FanvilText,
    /// `sysConf`.
    FanvilXml,
    /// Attributes, listed by a manifest.
    Polycom,
}

impl Family {
    /// All of them, in the order of lists.
    pub const ALL: [Self; 6] =
        [Self::Yealink, Self::Snom, Self::Grandstream, Self::FanvilText, Self::FanvilXml, Self::Polycom];

    /// The word in columns, the API and the CLI.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yealink => "yealink",
            Self::Snom => "snom",
            Self::Grandstream => "grandstream",
            Self::FanvilText => "fanvil_text",
            Self::FanvilXml => "fanvil_xml",
            Self::Polycom => "polycom",
        }
    }

    /// The family with this word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.as_str() == name)
    }
}

/// The SIP account the phone is given.
#[derive(Debug, Clone)]
pub struct Account {
    /// The number; the user part of the address.
    pub extension: ExtensionNumber,
    /// The owner as typed by somebody; may be anything.
    pub display_name: String,
    /// The name for authentication.
    pub username: SipUsername,
    /// The plain SIP secret.
    pub secret: Redacted<String>,
}

impl Account {
    /// What the phone shows for the line: the cleaned name, or the number.
    fn label(&self) -> String {
        let name = clean(&self.display_name);
        if name.is_empty() { self.extension.to_string() } else { name }
    }
}

/// Where the phone registers and where it fetches its configuration next.
#[derive(Debug, Clone)]
pub struct ServerInfo {
    /// Where to connect.
    pub sip: SipServer,
    /// For how long to register, in seconds.
    pub register_seconds: u32,
    /// The folder the phone fetches from next time, its secret in the path, without a slash at the end.
    pub next_url: Redacted<String>,
    /// Our certificate is self-made, and lies beside the configuration as [`TRUST_FILE`].
    pub own_certificate: bool,
}

/// What differs from phone to phone beside its account.
#[derive(Debug, Clone)]
pub struct Options {
    /// The password of the phone's own pages and menus; there is no default one.
    pub admin_password: Redacted<String>,
    /// User name and password the phone gives when it fetches; `None` when the path is enough.
    pub http: Option<(String, Redacted<String>)>,
    /// Counts up with each change; Fanvil takes a configuration only under a higher version.
    pub revision: u64,
    /// A partner's settings, put over ours.
    pub template: Template,
}

/// One setting in a vendor's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The vendor's name of it.
    pub key: String,
    /// Its plain value, not escaped.
    pub value: String,
    /// Account, trust or provisioning: no template may replace it.
    pub locked: bool,
}

impl Setting {
    fn locked(key: impl Into<String>, value: impl ToString) -> Self {
        Self { key: key.into(), value: value.to_string(), locked: true }
    }

    fn open(key: impl Into<String>, value: impl ToString) -> Self {
        Self { key: key.into(), value: value.to_string(), locked: false }
    }
}

/// A file as the phone gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFile {
    /// The name the phone asks for first.
    pub name: String,
    /// For the `Content-Type` header.
    pub content_type: &'static str,
    /// The text; holds secrets.
    pub text: Redacted<String>,
}

/// What a name that a phone asked for means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The file that names the other files.
    Manifest,
    /// The settings.
    Settings,
    /// The certificate to trust.
    Trust,
    /// One of the names phones probe, under which nothing is kept.
    Nothing,
}

/// What `name` means to this phone. Names of other phones mean nothing.
pub fn asked(phone: &DeskPhone, name: &str) -> Asked {
    if name == TRUST_FILE {
        return Asked::Trust;
    }
    match phone.vendor {
        Vendor::Yealink => yealink::asked(phone, name),
        Vendor::Snom => snom::asked(phone, name),
        Vendor::Grandstream => grandstream::asked(phone, name),
        Vendor::Fanvil => fanvil::asked(phone, name),
        Vendor::Polycom => polycom::asked(phone, name),
    }
}

/// The file that names the others, where the vendor has one; it holds no secret.
pub fn manifest(phone: &DeskPhone) -> Option<ConfigFile> {
    match phone.vendor {
        Vendor::Yealink => Some(yealink::manifest(phone)),
        Vendor::Polycom => Some(polycom::manifest(phone)),
        Vendor::Snom | Vendor::Grandstream | Vendor::Fanvil => None,
    }
}

/// All files of one phone: a manifest where the vendor has one, then the settings.
pub fn render(phone: &DeskPhone, account: &Account, server: &ServerInfo, options: &Options) -> Vec<ConfigFile> {
    let settings = settings(phone, account, server, options);
    match phone.family() {
        Family::Yealink => vec![yealink::manifest(phone), yealink::write(phone, &settings)],
        Family::Snom => vec![snom::write(phone, &settings, server)],
        Family::Grandstream => vec![grandstream::write(phone, &settings)],
        Family::FanvilText => vec![fanvil::write_text(phone, &settings, options.revision)],
        Family::FanvilXml => vec![fanvil::write_xml(phone, &settings, options.revision)],
        Family::Polycom => vec![polycom::manifest(phone), polycom::write(phone, &settings)],
    }
}

/// The settings of one phone with the partner's put over them.
pub fn settings(phone: &DeskPhone, account: &Account, server: &ServerInfo, options: &Options) -> Vec<Setting> {
    let ours = own_settings(phone, account, server, options);
    options.template.over(ours, phone, account)
}

fn own_settings(phone: &DeskPhone, account: &Account, server: &ServerInfo, options: &Options) -> Vec<Setting> {
    match phone.family() {
        Family::Yealink => yealink::settings(account, server, options),
        Family::Snom => snom::settings(account, server, options),
        Family::Grandstream => grandstream::settings(account, server, options),
        Family::FanvilText => fanvil::text_settings(phone, account, server, options),
        Family::FanvilXml => fanvil::xml_settings(account, server, options),
        Family::Polycom => polycom::settings(account, server, options),
    }
}

/// A text as a phone may show it: one line, no control characters, nothing that turns the direction of what follows, at
/// most 64 characters.
pub fn clean(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let kept = text.chars().filter(|c| !turns(*c) && !matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}'));
    let line: String = kept.map(|c| if c.is_control() || c.is_whitespace() { ' ' } else { c }).collect();
    let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(NAME_CHARS).collect::<String>().trim_end().to_owned()
}

/// The number of a transport in the words of Yealink and Grandstream: 0 UDP, 1 TCP, 2 TLS.
fn transport_number(server: &SipServer) -> u8 {
    match server.transport {
        "tls" => 2,
        "tcp" => 1,
        _ => 0,
    }
}

/// A host as it stands before a port.
fn host(server: &SipServer) -> String {
    bracketed(&server.host).into_owned()
}
