//! Whom the check asks for this machine's public address. Nobody is asked without a click.

use pbx_core::store::{Store, StoreError};
use serde::{Deserialize, Serialize};

use crate::welcome::store as area;

/// Its name in the live settings.
const AREA: &str = "network_check";
/// Servers of one kind; four opinions are enough.
const MOST: usize = 4;
/// Longer is no name of a server.
const LONGEST: usize = 200;

/// Whom a check asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NetworkCheckSettings {
    /// STUN servers, `host` or `host:port` (RFC 8489); empty asks none.
    pub(crate) stun_servers: Vec<String>,
    /// Addresses that answer with nothing but the address of whoever asks, `https://…`; empty asks none.
    pub(crate) echo_urls: Vec<String>,
}

impl Default for NetworkCheckSettings {
    /// Of four operators, so that no single one has to be right or up.
    fn default() -> Self {
        let own = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
        Self {
            stun_servers: own(&["stun.cloudflare.com:3478", "stun.l.google.com:19302"]),
            echo_urls: own(&["https://api.ipify.org", "https://icanhazip.com"]),
        }
    }
}

/// A field that cannot be used: its name and what is wrong.
pub(crate) type Wrong = (&'static str, String);

impl NetworkCheckSettings {
    /// Refuses what cannot be asked.
    pub(crate) fn check(&self) -> Result<(), Wrong> {
        for (field, list) in [("stun_servers", &self.stun_servers), ("echo_urls", &self.echo_urls)] {
            if list.len() > MOST {
                return Err((field, format!("give {MOST} at most")));
            }
            if let Some(long) = list.iter().find(|one| one.is_empty() || one.len() > LONGEST) {
                return Err((field, format!("“{}” is no name of a server", long.chars().take(40).collect::<String>())));
            }
        }
        if let Some(odd) = self.stun_servers.iter().find(|server| host_and_port(server).is_none()) {
            return Err(("stun_servers", format!("“{odd}” is no server; give a name, or name:port")));
        }
        let secure =
            |url: &&String| reqwest::Url::parse(url).is_ok_and(|url| url.scheme() == "https" && url.has_host());
        if let Some(odd) = self.echo_urls.iter().find(|url| !secure(url)) {
            return Err(("echo_urls", format!("“{odd}” is no address; give https://…")));
        }
        Ok(())
    }

    pub(crate) async fn load(store: &Store) -> Result<Self, StoreError> {
        Ok(area::load(store, AREA).await?.unwrap_or_default())
    }

    pub(crate) async fn save(&self, store: &Store) -> Result<(), StoreError> {
        area::put(store, AREA, self).await
    }
}

/// `host`, `host:port`, `[2001:db8::1]:port`; 3478 without a port (RFC 8489 section 18.6).
pub(super) fn host_and_port(server: &str) -> Option<(&str, u16)> {
    const STUN: u16 = 3478;
    if let Some(rest) = server.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        host.parse::<std::net::Ipv6Addr>().ok()?;
        return match rest.strip_prefix(':') {
            Some(port) => Some((host, port.parse().ok()?)),
            None => rest.is_empty().then_some((host, STUN)),
        };
    }
    let (host, port) = match server.split_once(':') {
        Some((host, port)) => (host, port.parse().ok().filter(|port| *port != 0)?),
        None => (server, STUN),
    };
    let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    (!host.is_empty() && host.bytes().all(named)).then_some((host, port))
}
