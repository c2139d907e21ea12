//! The web proxy that secure connections leave through, and the hosts that are reached without it.
//!
//! What an admin saves goes before the environment (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`), and is in force with the next
//! connection: [`LiveProxy`] is read whenever one is opened, and its version tells a client that holds connections that
//! they took another way. The proxy is asked to connect (RFC 9110 section 9.3.6) and sees no more than host and port.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pbx_core::model::{AddressRange, Redacted, UnixMillis};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use url::{Host, Url};

/// Names end here (RFC 1035 section 2.3.4).
const HOST_BYTES: usize = 253;
/// User names and passwords of proxies are shorter; more is a pasted file.
const SECRET_BYTES: usize = 256;
/// More than anybody keeps by hand; all are looked at for each connection.
const EXCEPTIONS: usize = 64;
/// What proxies usually listen on.
pub const USUAL_PROXY_PORT: u16 = 3128;
/// Reached without a proxy unless an admin says otherwise: this machine and the networks of offices.
pub const USUALLY_WITHOUT: [&str; 7] =
    ["localhost", "127.0.0.0/8", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];

/// A proxy and what it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WebProxy {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// `Proxy-Authorization` (RFC 7617).
    pub(crate) authorization: Option<Redacted<String>>,
}

impl WebProxy {
    fn new(host: String, port: u16, username: &str, password: &Redacted<String>) -> Self {
        let shown = || Redacted::new(format!("Basic {}", STANDARD.encode(format!("{username}:{}", password.reveal()))));
        Self { host, port, authorization: (!username.is_empty()).then(shown) }
    }
}

/// A host, or hosts, that are reached without the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Exception {
    All,
    /// This name and every name below it.
    Name(String),
    /// Addresses; a name is not looked up for it.
    Range(AddressRange),
}

impl Exception {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_end_matches('.').to_ascii_lowercase();
        if text == "*" {
            return Some(Self::All);
        }
        if let Ok(range) = text.trim_matches(['[', ']']).parse() {
            return Some(Self::Range(range));
        }
        let name = text.trim_start_matches("*.").trim_start_matches('.');
        is_host(name).then(|| Self::Name(name.to_owned()))
    }

    fn covers(&self, host: &str) -> bool {
        match self {
            Self::All => true,
            Self::Name(name) => {
                host == name || host.strip_suffix(name.as_str()).is_some_and(|front| front.ends_with('.'))
            }
            Self::Range(range) => host.parse::<IpAddr>().is_ok_and(|address| range.contains(address)),
        }
    }
}

/// Which proxy secure connections use, and which hosts they reach without it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ProxySettings {
    proxy: Option<WebProxy>,
    without: Vec<Exception>,
}

impl ProxySettings {
    /// From `HTTPS_PROXY` or `ALL_PROXY`, and `NO_PROXY`; small letters go first.
    pub(crate) fn of_environment() -> Self {
        let value = |names: &[&str]| names.iter().find_map(|name| std::env::var(name).ok().filter(|it| !it.is_empty()));
        let proxy = value(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]);
        Self::of_words(proxy.as_deref(), value(&["no_proxy", "NO_PROXY"]).as_deref().unwrap_or(""))
    }

    fn of_words(proxy: Option<&str>, without: &str) -> Self {
        let url = proxy.and_then(|text| {
            let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
            Url::parse(&text).ok()
        });
        let proxy = url.and_then(|url| {
            let plain = |text: &str| percent_decoded(text);
            let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
            let password = Redacted::new(plain(url.password().unwrap_or_default()));
            Some(WebProxy::new(host, url.port_or_known_default().unwrap_or(80), &plain(url.username()), &password))
        });
        Self { proxy, without: without.split(',').filter_map(Exception::parse).collect() }
    }

    /// As an admin saved it.
    pub(crate) fn of_setting(setting: &WebProxySetting, password: &Redacted<String>) -> Self {
        let proxy = WebProxy::new(setting.host.clone(), setting.port, &setting.username, password);
        Self { proxy: Some(proxy), without: setting.without.iter().filter_map(|it| Exception::parse(it)).collect() }
    }

    /// The proxy on the way to a host, if there is one.
    pub(crate) fn on_the_way_to(&self, host: &str) -> Option<&WebProxy> {
        let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
        self.proxy.as_ref().filter(|_| !self.without.iter().any(|exception| exception.covers(&host)))
    }

    /// Host and port of the proxy, for pages.
    pub(crate) fn place(&self) -> Option<String> {
        self.proxy.as_ref().map(|proxy| format!("{}:{}", proxy.host, proxy.port))
    }
}

fn percent_decoded(text: &str) -> String {
    // A form is decoded the same way, apart from “+”, which is kept here.
    let pair = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
    url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// The settings in force; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct LiveProxy {
    current: Arc<RwLock<(u64, Arc<ProxySettings>)>>,
}

impl LiveProxy {
    pub(crate) fn new(settings: ProxySettings) -> Self {
        Self { current: Arc::new(RwLock::new((0, Arc::new(settings)))) }
    }

    pub(crate) fn settings(&self) -> Arc<ProxySettings> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).1)
    }

    /// Another number means that connections were opened on another way.
    pub(crate) fn version(&self) -> u64 {
        self.current.read().unwrap_or_else(PoisonError::into_inner).0
    }

    pub(crate) fn replace(&self, settings: ProxySettings) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if *current.1 != settings {
            *current = (current.0 + 1, Arc::new(settings));
        }
    }
}

/// What an admin gives.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewWebProxy {
    /// Its name or address, without `http://`.
    pub host: String,
    /// Left out, 3128.
    #[serde(default)]
    pub port: Option<u16>,
    /// Left out or empty for a proxy that asks for none.
    #[serde(default)]
    pub username: String,
    /// Left out, the stored one stays, as long as host, port and user name stay as well.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub password: Option<Redacted<String>>,
    /// Names and addresses that are reached without it: `example.com` (and everything below), `10.0.0.0/8`, `*`. Left out: this
    /// machine and private networks.
    #[serde(default)]
    pub without: Option<Vec<String>>,
}

/// The setting without its password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WebProxySetting {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whom it knows us as; empty for a proxy that asks for none.
    pub username: String,
    /// Names and addresses that are reached without it.
    pub without: Vec<String>,
    /// Whether a password is stored.
    pub has_password: bool,
    /// When it was saved.
    pub changed_at: UnixMillis,
}

/// Which field cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{problem}")]
pub struct WebProxyError {
    /// The field's name in the API and in the form.
    pub field: &'static str,
    /// The problem and the fix.
    pub problem: String,
}

fn refuse<T>(field: &'static str, problem: impl Into<String>) -> Result<T, WebProxyError> {
    Err(WebProxyError { field, problem: problem.into() })
}

impl NewWebProxy {
    /// Checks every field against what is stored; gives the setting and the password if another one is to be stored.
    pub(crate) fn checked(
        self,
        stored: Option<&WebProxySetting>,
        now: UnixMillis,
    ) -> Result<(WebProxySetting, Option<Redacted<String>>), WebProxyError> {
        let host = self.host.trim().trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
        if !is_host(&host) {
            return refuse("host", "give the proxy's name or address only, such as proxy.example.com or 10.0.0.5");
        }
        let port = self.port.unwrap_or(USUAL_PROXY_PORT);
        if port == 0 {
            return refuse("port", "0 is no port; web proxies usually listen on 3128 or 8080");
        }
        let username = self.username.trim().to_owned();
        if username.len() > SECRET_BYTES || username.contains(|c: char| c == ':' || c.is_control()) {
            return refuse("username", "a user name has at most 256 bytes and no colon (RFC 7617)");
        }
        let same = stored.is_some_and(|it| it.host == host && it.port == port && it.username == username);
        let has_password = match &self.password {
            Some(password)
                if password.reveal().len() > SECRET_BYTES || password.reveal().contains(char::is_control) =>
            {
                return refuse("password", "a password is one line of at most 256 bytes");
            }
            Some(password) => !password.reveal().is_empty(),
            None => same && stored.is_some_and(|it| it.has_password),
        };
        if username.is_empty() && has_password {
            return refuse("username", "a password needs a user name");
        }
        if self.password.is_none() && !same && stored.is_some_and(|it| it.has_password) && !username.is_empty() {
            return refuse(
                "password",
                "host, port or user name are others than before, so give the password again: the stored one is shown to nobody else",
            );
        }
        let without = exceptions(self.without)?;
        let setting = WebProxySetting { host, port, username, without, has_password, changed_at: now };
        Ok((setting, self.password))
    }
}

fn exceptions(given: Option<Vec<String>>) -> Result<Vec<String>, WebProxyError> {
    let Some(given) = given else { return Ok(USUALLY_WITHOUT.map(str::to_owned).to_vec()) };
    if given.len() > EXCEPTIONS {
        return refuse("without", "give at most 64 names and addresses; a range such as 10.0.0.0/8 counts as one");
    }
    let mut without = Vec::new();
    for text in given.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
        if Exception::parse(text).is_none() {
            let text: String = text.chars().take(60).collect();
            return refuse(
                "without",
                format!("“{text}” is no name, address or range; write example.com, 10.0.0.7 or 10.0.0.0/8"),
            );
        }
        without.push(text.to_ascii_lowercase());
    }
    Ok(without)
}

/// A name or an address, and nothing around it.
fn is_host(text: &str) -> bool {
    let bracketed = if text.contains(':') { format!("[{text}]") } else { text.to_owned() };
    let is_plain = !text.is_empty() && text.len() <= HOST_BYTES && !text.contains(['/', '@', '%', ' ', '[', ']', '*']);
    is_plain && Host::parse(&bracketed).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(settings: &ProxySettings, host: &str) -> Option<String> {
        settings.on_the_way_to(host).map(|proxy| format!("{}:{}", proxy.host, proxy.port))
    }

    #[test]
    fn a_proxy_is_on_the_way_to_every_host_that_is_not_excepted() {
        let words = "localhost, .example.net,10.0.0.1,192.168.0.0/16,*.lan";
        let settings = ProxySettings::of_words(Some("proxy.example.com:3128"), words);
        assert_eq!(place(&settings, "api.push.apple.com").as_deref(), Some("proxy.example.com:3128"));
        for excepted in ["localhost", "example.net", "A.example.net.", "10.0.0.1", "192.168.7.7", "crm.lan"] {
            assert_eq!(place(&settings, excepted), None, "{excepted}");
        }
        for proxied in ["notexample.net", "10.0.0.2", "[2001:db8::1]", "lan.example.com"] {
            assert!(place(&settings, proxied).is_some(), "{proxied}");
        }
        assert_eq!(place(&ProxySettings::of_words(None, ""), "a"), None);
        assert_eq!(place(&ProxySettings::of_words(Some("http://p"), "*"), "a"), None);
        assert_eq!(place(&ProxySettings::of_words(Some("http://p"), ""), "a").as_deref(), Some("p:80"));
    }

    #[test]
    fn the_environments_user_is_shown_to_the_proxy_and_nowhere_printed() {
        let settings = ProxySettings::of_words(Some("http://us%40er:se+cret%26@proxy.example.com"), "");
        let proxy = settings.on_the_way_to("a").unwrap();
        let shown = proxy.authorization.as_ref().unwrap().reveal();
        assert_eq!(shown, &format!("Basic {}", STANDARD.encode("us@er:se+cret&")));
        assert!(!format!("{settings:?}").contains("Basic"));
    }

    fn new(host: &str, username: &str, password: Option<&str>) -> NewWebProxy {
        let password = password.map(|it| Redacted::new(it.to_owned()));
        NewWebProxy { host: host.to_owned(), port: None, username: username.to_owned(), password, without: None }
    }

    #[test]
    fn wrong_fields_are_named() {
        let field = |new: NewWebProxy| new.checked(None, UnixMillis(1)).unwrap_err().field;
        for host in ["", "http://proxy", "proxy:3128", "a b", "proxy/x", "user@proxy", "256.1.1.1"] {
            assert_eq!(field(new(host, "", None)), "host", "{host}");
        }
        assert_eq!(field(NewWebProxy { port: Some(0), ..new("p", "", None) }), "port");
        assert_eq!(field(new("p", "a:b", Some("x"))), "username");
        assert_eq!(field(new("p", "", Some("x"))), "username");
        assert_eq!(field(new("p", "a", Some("x\r\nHost: y"))), "password");
        let without = |it: &str| NewWebProxy { without: Some(vec![it.to_owned()]), ..new("p", "", None) };
        for wrong in ["10.0.0.0/33", "a b", "http://x"] {
            assert_eq!(field(without(wrong)), "without", "{wrong}");
        }
        assert!(without("*.example.com").checked(None, UnixMillis(1)).is_ok());
    }

    #[test]
    fn a_stored_password_stays_for_the_same_proxy_and_is_never_shown_to_another() {
        let (stored, password) = new("proxy.lan", "bell", Some("secret")).checked(None, UnixMillis(1)).unwrap();
        assert!(stored.has_password && password.is_some());
        let (kept, other) = new("proxy.lan", "bell", None).checked(Some(&stored), UnixMillis(2)).unwrap();
        assert!(kept.has_password && other.is_none());
        let moved = new("evil.example", "bell", None).checked(Some(&stored), UnixMillis(2)).unwrap_err();
        assert_eq!(moved.field, "password");
        let (open, none) = new("proxy.lan", "", None).checked(Some(&stored), UnixMillis(2)).unwrap();
        assert!(!open.has_password && none.is_none());
    }

    #[test]
    fn only_another_way_has_another_number() {
        let live = LiveProxy::new(ProxySettings::default());
        let other = ProxySettings::of_words(Some("p:1"), "");
        live.replace(other.clone());
        live.replace(other.clone());
        assert_eq!((live.version(), live.settings().as_ref()), (1, &other));
    }
}
