//! How the outside reaches this installation: what links and profiles say.

use std::borrow::Cow;

use serde::Serialize;

/// The names and ports phones are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicInfo {
    /// Scheme, host and port of the public pages, for example `https://pbx.example.com`; no slash at the end.
    pub https_base_url: String,
    /// What stands behind the `@` of an address, for example `example.com`.
    pub sip_domain: String,
    /// The host phones connect to: a name, or an address (IPv6 without brackets).
    pub sip_host: String,
    /// The ports it listens on.
    pub sip_ports: SipPorts,
}

/// SIP ports by transport; `None` for one that is not offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SipPorts {
    /// Datagrams, usually 5060.
    pub udp: Option<u16>,
    /// Plain streams, usually 5060.
    pub tcp: Option<u16>,
    /// TLS, usually 5061.
    pub tls: Option<u16>,
}

/// One way to reach the switchboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SipServer {
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// `tls`, `tcp` or `udp`.
    pub transport: &'static str,
}

impl PublicInfo {
    /// The ways to reach the switchboard, the best first: TLS hides what is said, a stream survives big messages.
    pub fn servers(&self) -> Vec<SipServer> {
        let ports = [("tls", self.sip_ports.tls), ("tcp", self.sip_ports.tcp), ("udp", self.sip_ports.udp)];
        let offered = ports.into_iter().filter_map(|(transport, port)| Some((transport, port?)));
        offered.map(|(transport, port)| SipServer { host: self.sip_host.clone(), port, transport }).collect()
    }
}

impl SipServer {
    /// The server as a SIP URI, for example `sip:pbx.example.com:5061;transport=tls`.
    pub fn uri(&self) -> String {
        format!("sip:{};transport={}", self.host_and_port(), self.transport)
    }

    /// Host and port as they stand in URIs, for example `pbx.example.com:5061` or `[2001:db8::1]:5061`.
    pub fn host_and_port(&self) -> String {
        format!("{}:{}", bracketed(&self.host), self.port)
    }
}

/// A host as it stands in URIs and before a port: an IPv6 address in brackets (RFC 3261 section 25.1, `IPv6reference`).
pub fn bracketed(host: &str) -> Cow<'_, str> {
    let bare_ipv6 = host.contains(':') && !host.starts_with('[');
    if bare_ipv6 { Cow::Owned(format!("[{host}]")) } else { Cow::Borrowed(host) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_safest_way_comes_first_and_missing_ones_are_left_out() {
        let mut info = PublicInfo {
            https_base_url: "https://pbx.example.com".into(),
            sip_domain: "example.com".into(),
            sip_host: "2001:db8::1".into(),
            sip_ports: SipPorts { udp: Some(5060), tcp: None, tls: Some(5061) },
        };
        let uris: Vec<String> = info.servers().iter().map(SipServer::uri).collect();
        assert_eq!(uris, ["sip:[2001:db8::1]:5061;transport=tls", "sip:[2001:db8::1]:5060;transport=udp"]);
        info.sip_ports = SipPorts::default();
        assert!(info.servers().is_empty());
    }
}
