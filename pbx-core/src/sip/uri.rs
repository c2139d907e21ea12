//! SIP and tel URIs, name-addr values, parameters and comma lists, read in place without copying.
//!
//! Lenient where real phones are odd: `_` in hosts, raw `#` and non-ASCII characters in the user part, `@` twice.
//! Strict where laxness would let text change its meaning: blanks, quotes and angle brackets are never part of a URI.
//! Every reader is linear in the length of its text.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use thiserror::Error;

#[cfg(test)]
mod tests;

/// Which kind of URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:`
    Tel,
    /// A valid scheme we do not know.
    Other,
}

/// Why a text is not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum UriError {
    /// No valid scheme before the first colon.
    #[error("the address has no scheme such as sip:")]
    NoScheme,
    /// A blank, control character, quote or angle bracket.
    #[error("the address holds a blank, a quote or an angle bracket")]
    Character,
    /// The host is empty or no host name or IP address.
    #[error("the address has no valid host; an IPv6 address stands in square brackets")]
    Host,
    /// The port is no number up to 65535.
    #[error("the port is not a number from 0 to 65535")]
    Port,
    /// A quote or an angle bracket is not closed.
    #[error("a quote or an angle bracket is not closed")]
    Unbalanced,
    /// An unquoted name holds a comma or a semicolon.
    #[error("the name holds a comma or a semicolon and must stand in quotes")]
    DisplayName,
    /// Text behind the closing angle bracket that is no parameter.
    #[error("text stands where only parameters may follow")]
    Trailing,
    /// A URI with `?` or `,` that is not in angle brackets (RFC 3261 section 20).
    #[error("an address with a question mark or a comma must stand in angle brackets")]
    NeedsBrackets,
}

/// A URI, as slices of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uri<'a> {
    /// Which kind.
    pub scheme: Scheme,
    /// The user part as written, without password; for `tel:` the number. `None` when absent or empty.
    pub user: Option<&'a str>,
    /// The host as written, IPv6 addresses with their brackets; empty for `tel:` and unknown schemes.
    pub host: &'a str,
    /// The port, if one is written.
    pub port: Option<u16>,
    /// The parameters with their leading `;`, or empty.
    pub params: &'a str,
    /// What follows `?`, without it.
    pub headers: &'a str,
}

impl<'a> Uri<'a> {
    /// Reads one URI that fills the whole text.
    pub fn parse(text: &'a str) -> Result<Self, UriError> {
        if text.bytes().fold(false, |bad, byte| bad | (byte <= b' ') | matches!(byte, b'<' | b'>' | b'"' | 0x7f)) {
            return Err(UriError::Character);
        }
        let (name, rest) = text.split_once(':').ok_or(UriError::NoScheme)?;
        let scheme = scheme(name).ok_or(UriError::NoScheme)?;
        match scheme {
            Scheme::Sip | Scheme::Sips => Self::parse_sip(scheme, rest),
            Scheme::Tel => {
                let (number, params) = split_before(rest, b";");
                let user = Some(number).filter(|number| !number.is_empty());
                Ok(Self { scheme, user, host: "", port: None, params, headers: "" })
            }
            Scheme::Other => Ok(Self { scheme, user: None, host: "", port: None, params: "", headers: "" }),
        }
    }

    fn parse_sip(scheme: Scheme, rest: &'a str) -> Result<Self, UriError> {
        let (userinfo, tail) = split_user(rest);
        let (host_port, after) = split_before(tail, b";?");
        let (params, headers) = after.split_once('?').unwrap_or((after, ""));
        let (host, port) = split_host_port(host_port)?;
        let user = userinfo.map(|text| text.split_once(':').map_or(text, |(user, _password)| user));
        Ok(Self { scheme, user: user.filter(|user| !user.is_empty()), host, port, params, headers })
    }

    /// The URI parameter of this name in any case; a parameter without value is an empty text.
    pub fn param(&self, name: &str) -> Option<&'a str> {
        param(self.params, name)
    }

    /// The user part with each `%` escape replaced once. Escapes that make no UTF-8 are left as written.
    pub fn decoded_user(&self) -> Option<Cow<'a, str>> {
        self.user.map(percent_decoded)
    }

    /// Whether `other` names the same user at the same host; scheme, port and parameters do not matter.
    pub fn same_user_and_host(&self, other: &Uri<'_>) -> bool {
        self.decoded_user() == other.decoded_user() && self.host.eq_ignore_ascii_case(other.host)
    }
}

/// Splits `text` before the first of some ASCII bytes.
fn split_before<'a>(text: &'a str, stops: &[u8]) -> (&'a str, &'a str) {
    let at = text.bytes().position(|byte| stops.contains(&byte)).unwrap_or(text.len());
    text.split_at_checked(at).unwrap_or((text, ""))
}

fn scheme(name: &str) -> Option<Scheme> {
    if name.eq_ignore_ascii_case("sip") {
        return Some(Scheme::Sip);
    }
    if name.eq_ignore_ascii_case("sips") {
        return Some(Scheme::Sips);
    }
    if name.eq_ignore_ascii_case("tel") {
        return Some(Scheme::Tel);
    }
    let valid = name.bytes().next().is_some_and(|first| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    valid.then_some(Scheme::Other)
}

/// The user part may hold `;` and `?`, so it ends at the first `@`; a further `@` before the host ends is part of it.
fn split_user(rest: &str) -> (Option<&str>, &str) {
    let Some((first, tail)) = rest.split_once('@') else {
        return (None, rest);
    };
    let (host_part, _) = split_before(tail, b";?");
    match host_part.rfind('@').map(|at| first.len() + 1 + at) {
        None => (Some(first), tail),
        Some(at) => match (rest.get(..at), rest.get(at + 1..)) {
            (Some(user), Some(tail)) => (Some(user), tail),
            (_, None) | (None, _) => (Some(first), tail),
        },
    }
}

/// A URI in three parts: up to its parameters, these, and what follows them.
pub(super) fn around_params(uri: &str) -> (&str, &str, &str) {
    let (_, rest) = uri.split_once(':').unwrap_or(("", uri));
    let (_, tail) = split_user(rest);
    let (_, after_host) = split_before(tail, b";?");
    let (params, headers) = split_before(after_host, b"?");
    (uri.strip_suffix(after_host).unwrap_or(uri), params, headers)
}

/// Splits and checks `host[:port]`, blanks around the colon allowed (Via); an empty port counts as none.
pub(super) fn split_host_port(text: &str) -> Result<(&str, Option<u16>), UriError> {
    let (host, port) = if text.starts_with('[') {
        let end = text.find(']').ok_or(UriError::Host)?;
        let (host, after) = text.split_at_checked(end + 1).ok_or(UriError::Host)?;
        match after.trim_start().strip_prefix(':') {
            Some(port) => (host, port),
            None if after.trim().is_empty() => (host, ""),
            None => return Err(UriError::Host),
        }
    } else {
        text.split_once(':').unwrap_or((text, ""))
    };
    let (host, port) = (host.trim_end(), port.trim());
    if !is_host(host) {
        return Err(UriError::Host);
    }
    if port.is_empty() {
        return Ok((host, None));
    }
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(UriError::Port);
    }
    port.parse().map(|port| (host, Some(port))).map_err(|_| UriError::Port)
}

/// A host name (with the `_` some networks use), an IPv4 address or a bracketed IPv6 address with an optional zone.
///
/// Inside the brackets only the characters are checked: RFC 5118 section 4.10 asks for tolerance of a third colon.
fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => {
            let (address, zone) = inner.split_once('%').unwrap_or((inner, ""));
            address.contains(':')
                && address.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'))
                && zone.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~'))
        }
        None => {
            !host.is_empty()
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
        }
    }
}

/// `text` with each `%` escape replaced once; unchanged when the result would be no UTF-8.
pub fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if let (b'%', [high, low, after @ ..]) = (first, tail)
            && let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low))
        {
            decoded.push(high << 4 | low);
            rest = after;
        } else {
            decoded.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(decoded).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// The value of one hexadecimal digit.
pub(super) fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// A From, To, Contact, Route or Path value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// The display name as written, quotes included; empty when absent.
    pub display: &'a str,
    /// The URI as written, without angle brackets.
    pub uri: &'a str,
    /// The header parameters with their leading `;`, or empty.
    pub params: &'a str,
}

impl<'a> NameAddr<'a> {
    /// Reads one value (not a list; see [`split_list`]).
    pub fn parse(text: &'a str) -> Result<Self, UriError> {
        let text = text.trim();
        match Quotes::new(text).find(|(_, byte)| *byte == b'<') {
            Some((open, _)) => Self::parse_bracketed(text, open),
            None => Self::parse_bare(text),
        }
    }

    fn parse_bracketed(text: &'a str, open: usize) -> Result<Self, UriError> {
        let (display, rest) = text.split_at_checked(open).ok_or(UriError::Unbalanced)?;
        let display = display.trim_end();
        let (uri, params) = rest.strip_prefix('<').and_then(|rest| rest.split_once('>')).ok_or(UriError::Unbalanced)?;
        if Quotes::new(display).any(|(_, byte)| matches!(byte, b',' | b';')) {
            return Err(UriError::DisplayName);
        }
        let params = params.trim_start();
        check_params(params)?;
        Ok(Self { display, uri, params })
    }

    /// Without brackets every `;` starts a header parameter, never one of the URI (RFC 3261 section 20).
    fn parse_bare(text: &'a str) -> Result<Self, UriError> {
        let (uri, params) = split_before(text, b";");
        check_params(params)?;
        let uri = uri.trim_end();
        if uri.contains(['?', ',']) {
            return Err(UriError::NeedsBrackets);
        }
        if uri.contains('"') {
            return Err(UriError::Unbalanced);
        }
        Ok(Self { display: "", uri, params })
    }

    /// The URI, typed.
    pub fn parsed_uri(&self) -> Result<Uri<'a>, UriError> {
        Uri::parse(self.uri)
    }

    /// The header parameter of this name in any case, quotes as written; one without value is an empty text.
    pub fn param(&self, name: &str) -> Option<&'a str> {
        param(self.params, name)
    }

    /// The `tag` parameter.
    pub fn tag(&self) -> Option<&'a str> {
        self.param("tag")
    }

    /// The display name for people: without quotes and escapes.
    pub fn display_name(&self) -> Cow<'a, str> {
        unquoted(self.display)
    }
}

/// Parameters start with `;`, hold no comma outside quotes, and close their quotes.
fn check_params(params: &str) -> Result<(), UriError> {
    if !params.is_empty() && !params.starts_with(';') {
        return Err(UriError::Trailing);
    }
    let mut quotes = Quotes::new(params);
    if quotes.any(|(_, byte)| byte == b',') {
        return Err(UriError::Trailing);
    }
    if quotes.open { Err(UriError::Unbalanced) } else { Ok(()) }
}

/// A quoted string without its quotes and escapes; other text as it is.
pub fn unquoted(text: &str) -> Cow<'_, str> {
    let Some(inner) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Cow::Borrowed(text);
    };
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut plain = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        plain.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    Cow::Owned(plain)
}

/// The parameter of this name in any case in a `;name=value` text; one without value is an empty text.
pub fn param<'a>(params: &'a str, name: &str) -> Option<&'a str> {
    Params::new(params).find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.unwrap_or(""))
}

/// The parameters of a `;name=value;flag` text, blanks trimmed, quotes kept, empty ones skipped.
#[derive(Debug, Clone)]
pub struct Params<'a> {
    rest: &'a str,
}

impl<'a> Params<'a> {
    /// Reads `text`, which starts with `;` or is empty. What stands before the first `;` counts as a parameter.
    pub fn new(text: &'a str) -> Self {
        Self { rest: text }
    }
}

impl<'a> Iterator for Params<'a> {
    type Item = (&'a str, Option<&'a str>);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let (piece, rest) = split_outside_quotes(self.rest, b';');
            self.rest = rest;
            let piece = piece.trim();
            if piece.is_empty() {
                continue;
            }
            return Some(match piece.split_once('=') {
                Some((name, value)) => (name.trim_end(), Some(value.trim_start())),
                None => (piece, None),
            });
        }
        None
    }
}

/// Splits at the first `stop` outside quotes; the stop itself is in neither part.
pub(super) fn split_outside_quotes(text: &str, stop: u8) -> (&str, &str) {
    match Quotes::new(text).find(|(_, byte)| *byte == stop) {
        Some((at, _)) => (text.get(..at).unwrap_or(text), text.get(at + 1..).unwrap_or("")),
        None => (text, ""),
    }
}

/// The values of a comma list, trimmed; commas in quotes and angle brackets do not separate. Empty values are given.
pub fn split_list(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut bracketed = false;
        let comma = Quotes::new(text).find(|(_, byte)| {
            match byte {
                b'<' => bracketed = true,
                b'>' => bracketed = false,
                _ => {}
            }
            *byte == b',' && !bracketed
        });
        match comma {
            Some((at, _)) => {
                rest = text.get(at + 1..);
                text.get(..at).map(str::trim)
            }
            None => {
                rest = None;
                Some(text.trim())
            }
        }
    })
}

/// The bytes of a text that stand outside quoted strings, with their offsets.
struct Quotes<'a> {
    bytes: std::iter::Enumerate<std::slice::Iter<'a, u8>>,
    open: bool,
}

impl<'a> Quotes<'a> {
    fn new(text: &'a str) -> Self {
        Self { bytes: text.as_bytes().iter().enumerate(), open: false }
    }
}

impl Iterator for Quotes<'_> {
    type Item = (usize, u8);

    fn next(&mut self) -> Option<(usize, u8)> {
        while let Some((at, &byte)) = self.bytes.next() {
            match (self.open, byte) {
                (_, b'"') => self.open = !self.open,
                // What follows a backslash inside quotes never ends them.
                (true, b'\\') => drop(self.bytes.next()),
                (true, _) => {}
                (false, _) => return Some((at, byte)),
            }
        }
        None
    }
}

/// An IP address as a URI writes it: IPv6 in brackets.
pub fn host_text(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

/// An address and port as a URI writes them.
pub fn host_port_text(ip: IpAddr, port: u16) -> String {
    SocketAddr::new(ip, port).to_string()
}

/// A name in front of angle brackets: quoted, escaped, with the blank that follows; empty for an empty name.
pub fn quoted_display_name(name: &str) -> String {
    if name.is_empty() {
        return String::new();
    }
    let escaped: String = name
        .chars()
        .filter(|c| !c.is_control())
        .flat_map(|c| matches!(c, '"' | '\\').then_some('\\').into_iter().chain([c]))
        .collect();
    format!("\"{escaped}\" ")
}
