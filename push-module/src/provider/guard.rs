//! Keeps phones from making Nightbell ask hosts of its own network: a Web Push address is a stranger's wish
//! (server-side request forgery).
//!
//! Names are judged by the addresses they resolve to, and what was judged is what is connected to, by ourselves or by a web proxy
//! (`egress/way.rs`), so that nothing can change between the judgement and the connection. Redirects are not followed.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

#[cfg(test)]
use url::Url;

/// The push services of the browsers (docs/web-push.md). Their names may be given to a web proxy as names: no phone commands
/// their DNS.
const KNOWN: [&str; 3] = ["fcm.googleapis.com", "updates.push.services.mozilla.com", "web.push.apple.com"];
/// Microsoft's has a name for each region.
const KNOWN_ENDS: [&str; 1] = [".notify.windows.com"];

/// Where nothing is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocked {
    /// This machine.
    Loopback,
    /// A network that is not part of the internet.
    NotPublic,
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loopback => "this machine itself",
            Self::NotPublic => "a private network",
        })
    }
}

impl std::error::Error for Blocked {}

/// The rule of one credential; cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// Hosts of the admin's own, in lower case without port: asked wherever they are.
    allowed: Arc<[String]>,
}

impl Guard {
    /// `allowed` are hosts without port, in lower case.
    pub fn new(allowed: &[String]) -> Self {
        Self { allowed: allowed.into() }
    }

    fn allows(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').trim_start_matches('[').trim_end_matches(']');
        self.allowed.iter().any(|one| one.eq_ignore_ascii_case(host))
    }

    /// Whether a web proxy may look the name up, because no phone can make it lead to us.
    pub fn may_be_named(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.allows(&host) || KNOWN.contains(&host.as_str()) || KNOWN_ENDS.iter().any(|end| host.ends_with(end))
    }

    /// Judges an address that stands in the URL itself; a name is judged when it is looked up.
    pub fn check_address(&self, host: &str, address: IpAddr) -> Result<(), Blocked> {
        if self.allows(host) { Ok(()) } else { judge(address) }
    }

    /// Those of the addresses that may be connected to.
    pub(crate) fn passed(&self, host: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Blocked> {
        if self.allows(host) {
            return Ok(found);
        }
        let judged: Vec<_> = found.into_iter().map(|address| judge(address.ip()).map(|()| address)).collect();
        match judged.iter().find_map(|one| one.err()) {
            Some(blocked) if judged.iter().all(Result::is_err) => Err(blocked),
            Some(_) | None => Ok(judged.into_iter().flatten().collect()),
        }
    }
}

/// Whether an address is on the internet, where anybody could ask it as well.
pub fn judge(address: IpAddr) -> Result<(), Blocked> {
    if address.to_canonical().is_loopback() {
        return Err(Blocked::Loopback);
    }
    let public = match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    };
    if public { Ok(()) } else { Err(Blocked::NotPublic) }
}

/// IANA's registry of special-purpose addresses (RFC 6890) and everything that is no unicast.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        // "This network", multicast, reserved, broadcast.
        || a == 0
        || a >= 224
        // Shared by a provider's customers (RFC 6598), protocol assignments, 6to4 relays, benchmarks (RFC 2544).
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19)))
}

/// Only 2000::/3 is given out; what carries an IPv4 address in it is judged by that.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match (a, b) {
        // IPv4-mapped, NAT64 (RFC 6052), 6to4.
        (0, 0) if [c, d, e, f] == [0, 0, 0, 0xffff] => v4(g, h),
        (0x64, 0xff9b) if [c, d, e, f] == [0, 0, 0, 0] => v4(g, h),
        (0x2002, high) => v4(high, c),
        // Teredo and other protocol assignments, documentation.
        (0x2001, b) if b < 0x200 || b == 0xdb8 => false,
        (0x3fff, b) if b < 0x1000 => false,
        (a, _) => a & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_pass() {
        for public in [
            "8.8.8.8",
            "100.63.0.1",
            "172.32.0.1",
            "223.255.255.254",
            "2a00:1450:4001::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
        ] {
            assert_eq!(judge(public.parse().unwrap()), Ok(()), "{public}");
        }
        for private in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.168.1.1",
            "192.0.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::1",
            "::10.0.0.1",
            "5f00::1",
        ] {
            assert_eq!(judge(private.parse().unwrap()), Err(Blocked::NotPublic), "{private}");
        }
        for own in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(judge(own.parse().unwrap()), Err(Blocked::Loopback), "{own}");
        }
    }

    #[test]
    fn an_address_in_the_url_is_judged_however_it_is_written() {
        let guard = Guard::new(&["127.0.0.1".to_owned()]);
        // The URL has normalized every way of writing an address (octal, one number) to the usual one.
        let checked = |url: &str| {
            let url = Url::parse(url).unwrap();
            let host = url.host_str().unwrap().trim_matches(['[', ']']);
            host.parse().map_or(Ok(()), |address| guard.check_address(host, address))
        };
        for url in [
            "https://2130706434/x",
            "https://0177.0.0.2/",
            "https://0x7f.2/",
            "https://[::1]:8443/",
            "https://[::ffff:127.0.0.2]/",
        ] {
            assert_eq!(checked(url), Err(Blocked::Loopback), "{url}");
        }
        assert_eq!(checked("https://169.254.169.254/latest"), Err(Blocked::NotPublic));
        for url in ["https://127.0.0.1:8443/x", "https://2130706433/x", "https://8.8.8.8/", "https://push.example.net/"]
        {
            assert_eq!(checked(url), Ok(()), "{url}");
        }
    }

    #[test]
    fn a_name_is_judged_by_its_addresses_and_an_allowed_one_is_not() {
        let guard = Guard::new(&["push.example.lan".to_owned()]);
        let at = |text: &str| SocketAddr::from((text.parse::<IpAddr>().unwrap(), 0));
        let both = vec![at("10.0.0.1"), at("8.8.8.8")];
        assert_eq!(guard.passed("evil.example", both.clone()), Ok(vec![at("8.8.8.8")]));
        assert_eq!(guard.passed("evil.example", vec![at("10.0.0.1")]), Err(Blocked::NotPublic));
        assert_eq!(guard.passed("PUSH.example.lan.", both.clone()), Ok(both));
        assert_eq!(guard.passed("evil.push.example.lan", vec![at("::1")]), Err(Blocked::Loopback));
    }

    #[test]
    fn a_proxy_is_given_only_names_that_no_phone_commands() {
        let guard = Guard::new(&["push.example.lan".to_owned()]);
        for named in ["fcm.googleapis.com", "WEB.push.apple.com.", "wns2-par02p.notify.windows.com", "push.example.lan"]
        {
            assert!(guard.may_be_named(named), "{named}");
        }
        for looked_up in
            ["evil.example", "fcm.googleapis.com.evil.example", "evilnotify.windows.com", "x.push.example.lan"]
        {
            assert!(!guard.may_be_named(looked_up), "{looked_up}");
        }
    }
}
