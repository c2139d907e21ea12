//! Whose packets these are: one IPv4 address or one IPv6 /64, because one customer commands a whole /64.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// One IPv4 address, or one IPv6 /64 (written `2001:db8::/64`); IPv4 in IPv6 counts as IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Network(IpAddr);

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(four) => IpAddr::V4(four),
            IpAddr::V6(six) => {
                let [a, b, c, d, ..] = six.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        })
    }
}

impl Network {
    /// Its first address.
    pub const fn address(self) -> IpAddr {
        self.0
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(four) => four.fmt(f),
            IpAddr::V6(six) => write!(f, "{six}/64"),
        }
    }
}

/// Why a text names no address or range.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("“{0}” is no address; give one such as 203.0.113.7, 2001:db8::7, 10.0.0.0/8 or 2001:db8::/32")]
pub struct AddressError(String);

impl FromStr for Network {
    type Err = AddressError;

    /// Any address of the network, with or without `/64`.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let address = text.trim().trim_end_matches("/64");
        address.parse::<IpAddr>().map(Self::from).map_err(|_| wrong(text))
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl TryFrom<String> for Network {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

/// All addresses that begin with the same bits (RFC 4632): `10.0.0.0/8`, or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct AddressRange {
    base: IpAddr,
    bits: u8,
}

impl AddressRange {
    /// Whether an address belongs to it.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(one)) => same_start(base.to_bits(), one.to_bits(), self.bits),
            (IpAddr::V6(base), IpAddr::V6(one)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                base.to_bits() & mask == one.to_bits() & mask
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

fn same_start(a: u32, b: u32, bits: u8) -> bool {
    let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
    a & mask == b & mask
}

impl FromStr for AddressRange {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (address, bits) = match text.trim().split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text.trim(), None),
        };
        let base = address.parse::<IpAddr>().map_err(|_| wrong(text))?.to_canonical();
        let all = if base.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(all), str::parse).map_err(|_| wrong(text))?;
        if bits > all { Err(wrong(text)) } else { Ok(Self { base, bits }) }
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = if self.base.is_ipv4() { 32 } else { 128 };
        if self.bits == all { self.base.fmt(f) } else { write!(f, "{}/{}", self.base, self.bits) }
    }
}

impl From<AddressRange> for String {
    fn from(range: AddressRange) -> Self {
        range.to_string()
    }
}

impl TryFrom<String> for AddressRange {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

/// What was given, cut to what an error can show.
fn wrong(text: &str) -> AddressError {
    AddressError(text.chars().filter(|c| !c.is_control()).take(64).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_is_an_ipv4_address_or_an_ipv6_64_and_reads_back() {
        for (address, shown) in [
            ("203.0.113.7", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ] {
            let network = Network::from(ip(address));
            assert_eq!(network.to_string(), shown);
            assert_eq!(shown.parse::<Network>().unwrap(), network);
        }
        assert!("203.0.113".parse::<Network>().is_err());
    }

    #[test]
    fn a_range_holds_what_begins_alike() {
        let office: AddressRange = "10.1.0.0/16".parse().unwrap();
        assert!(office.contains(ip("10.1.255.1")) && office.contains(ip("::ffff:10.1.0.9")));
        assert!(!office.contains(ip("10.2.0.1")) && !office.contains(ip("2001:db8::1")));
        let everything: AddressRange = "0.0.0.0/0".parse().unwrap();
        assert!(everything.contains(ip("198.51.100.1")));
        let six: AddressRange = "2001:db8::/32".parse().unwrap();
        assert!(six.contains(ip("2001:db8:ffff::1")) && !six.contains(ip("2001:db9::1")));
        let one: AddressRange = "203.0.113.7".parse().unwrap();
        assert!(one.contains(ip("203.0.113.7")) && !one.contains(ip("203.0.113.8")));
    }

    #[test]
    fn a_range_that_cannot_be_is_named_in_the_error() {
        for text in ["10.0.0.0/33", "::/129", "office", "10.0.0.0/", "10.0.0.0/-1"] {
            let error = text.parse::<AddressRange>().unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
        }
        assert_eq!("10.0.0.0/8".parse::<AddressRange>().unwrap().to_string(), "10.0.0.0/8");
    }
}
