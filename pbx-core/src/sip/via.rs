//! The Via header: which way an answer goes, and what our side of that way looked like (RFC 3261, RFC 3581).

use std::fmt::Write as _;

use bytesstr::BytesStr;

use super::message::{HeaderName, Headers, Request};
use super::scan::{find_byte, split_before, split_once};
use super::uri::{Params, param, split_host_port, split_list};
use crate::model::Flow;

/// The start of every branch made by RFC 3261 (section 8.1.1.7).
pub const MAGIC_COOKIE: &str = "z9hG4bK";

/// One Via value, as slices of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Via<'a> {
    /// `UDP`, `TCP`, `TLS`, `WS`, … as written.
    pub transport: &'a str,
    /// The host of sent-by as written, IPv6 addresses with their brackets.
    pub host: &'a str,
    /// The port of sent-by, if one is written.
    pub port: Option<u16>,
    /// The parameters with their leading `;`, or empty.
    pub params: &'a str,
}

impl<'a> Via<'a> {
    /// Reads one value (not a list): `SIP/2.0/UDP host:port;params`, blanks allowed around each part.
    pub fn parse(value: &'a str) -> Option<Self> {
        let (protocol, rest) = split_once(value, b'/')?;
        let (_version, rest) = split_once(rest, b'/')?;
        if !protocol.trim_ascii().eq_ignore_ascii_case("SIP") {
            return None;
        }
        let (transport, rest) = split_before(rest.trim_ascii_start(), [b' ', b'\t']);
        let (sent_by, params) = split_before(rest, [b';']);
        if transport.is_empty() || find_byte(params.as_bytes(), b'"').is_some() {
            return None;
        }
        let (host, port) = split_host_port(sent_by.trim_ascii()).ok()?;
        Some(Self { transport, host, port, params })
    }

    /// The `branch` parameter.
    pub fn branch(&self) -> Option<&'a str> {
        param(self.params, "branch")
    }

    /// The `received` parameter.
    pub fn received(&self) -> Option<&'a str> {
        param(self.params, "received")
    }

    /// The `rport` parameter; an empty text asks the server to fill it in (RFC 3581).
    pub fn rport(&self) -> Option<&'a str> {
        param(self.params, "rport")
    }
}

/// The first Via value of a message: the one whose sender gets the answer.
pub fn top(headers: &Headers) -> Option<Via<'_>> {
    headers.get(&HeaderName::Via).and_then(|line| split_list(line).next()).and_then(Via::parse)
}

/// Writes where the request really came from into its top Via, so that every answer made from it carries that.
///
/// `received` and `rport` are always written, whatever the phone asked for: answers go to the source address anyway,
/// and what a phone claims in these parameters must never be echoed as our finding.
pub fn stamp(request: &mut Request, flow: &Flow) {
    let Some(line) = request.headers.first_mut(&HeaderName::Via) else {
        return;
    };
    let first = split_list(line).next().unwrap_or("");
    // The first value of a list is its trimmed beginning, so what follows it is found by length.
    let lead = line.len() - line.trim_ascii_start().len();
    let rest = line.get(lead + first.len()..).unwrap_or("");
    let (head, params) = split_before(first, [b';']);
    let mut stamped = String::with_capacity(line.len() + 64);
    stamped.push_str(head.trim_ascii_end());
    for (name, value) in Params::new(params) {
        if name.eq_ignore_ascii_case("received") || name.eq_ignore_ascii_case("rport") {
            continue;
        }
        stamped.push(';');
        stamped.push_str(name);
        if let Some(value) = value {
            stamped.push('=');
            stamped.push_str(value);
        }
    }
    // Writing into memory cannot fail.
    let _ = write!(stamped, ";received={};rport={}", flow.remote.ip().to_canonical(), flow.remote.port());
    stamped.push_str(rest);
    *line = BytesStr::from(stamped);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ConnectionId, Transport};
    use crate::sip::message::Method;

    fn stamped(via: &str, remote: &str) -> String {
        let mut request = Request::new(Method::Options, "sip:pbx");
        request.headers.push(HeaderName::Via, via);
        let flow = Flow {
            transport: Transport::Udp,
            local: "192.0.2.1:5060".parse().unwrap(),
            remote: remote.parse().unwrap(),
            connection: ConnectionId(0),
        };
        stamp(&mut request, &flow);
        request.headers.get(&HeaderName::Via).unwrap().to_string()
    }

    #[test]
    fn the_torture_spelling_with_blanks_everywhere_is_read() {
        let via = Via::parse("SIP  / 2.0  / TCP     spindle.example.com : 5070  ;  branch  =   z9hG4bK9ikj8").unwrap();
        assert_eq!((via.transport, via.host, via.port), ("TCP", "spindle.example.com", Some(5070)));
        assert_eq!(via.branch(), Some("z9hG4bK9ikj8"));
    }

    #[test]
    fn ipv6_senders_are_read_with_and_without_port() {
        let via = Via::parse("SIP/2.0/UDP [2001:db8::9:1]:6050;received=[2001:db8::9:255];branch=z9hG4bKas3").unwrap();
        assert_eq!((via.host, via.port, via.received()), ("[2001:db8::9:1]", Some(6050), Some("[2001:db8::9:255]")));
        assert_eq!(Via::parse("SIP/2.0/UDP [2001:db8::9:1]").unwrap().port, None);
    }

    #[test]
    fn what_is_no_via_is_refused() {
        for text in
            ["", ";", "SIP/2.0/UDP", "SIP/2.0/UDP ", "HTTP/1.1/TCP a", "SIP/2.0/UDP a b", "SIP/2.0/UDP a:x", "UDP a"]
        {
            assert_eq!(Via::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_source_is_written_whether_asked_for_or_not() {
        let stamped_here = |via| stamped(via, "203.0.113.9:40000");
        assert_eq!(
            stamped_here("SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bK1"),
            "SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bK1;received=203.0.113.9;rport=40000"
        );
        assert_eq!(
            stamped_here("SIP/2.0/UDP 10.0.0.5;rport;branch=z9hG4bK1"),
            "SIP/2.0/UDP 10.0.0.5;branch=z9hG4bK1;received=203.0.113.9;rport=40000"
        );
    }

    #[test]
    fn what_the_phone_claims_about_its_source_is_replaced() {
        assert_eq!(
            stamped(
                "SIP/2.0/UDP a;received=198.51.100.7;RPORT=1;branch=b, SIP/2.0/TCP b;branch=c",
                "[::ffff:192.0.2.4]:9"
            ),
            "SIP/2.0/UDP a;branch=b;received=192.0.2.4;rport=9, SIP/2.0/TCP b;branch=c"
        );
        assert_eq!(
            stamped("SIP/2.0/UDP a;branch=b", "[2001:db8::1]:9"),
            "SIP/2.0/UDP a;branch=b;received=2001:db8::1;rport=9"
        );
    }
}
