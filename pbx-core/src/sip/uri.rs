//! SIP and tel URIs, name-addr values, parameters and comma lists, read in place without copying.
//!
//! Lenient where real phones are odd: `_` in hosts, raw `#` and non-ASCII characters in the user part, `@` twice, nothing
//! before `@` (which we never write ourselves).
//! Strict where laxness would let text change its meaning: blanks, quotes and angle brackets are never part of a URI.
//! Every reader is linear in the length of its text.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use thiserror::Error;

use super::scan::{Found, find_any, find_byte, outside_quotes, split_before, split_once, split_outside_quotes};

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
        let (name, rest) = split_once(text, b':').ok_or(UriError::NoScheme)?;
        let scheme = scheme(name).ok_or(UriError::NoScheme)?;
        match scheme {
            Scheme::Sip | Scheme::Sips => Self::parse_sip(scheme, rest),
            Scheme::Tel => {
                let (number, params) = split_before(rest, [b';']);
                let user = Some(number).filter(|number| !number.is_empty());
                Ok(Self { scheme, user, host: "", port: None, params, headers: "" })
            }
            Scheme::Other => Ok(Self { scheme, user: None, host: "", port: None, params: "", headers: "" }),
        }
    }

    fn parse_sip(scheme: Scheme, rest: &'a str) -> Result<Self, UriError> {
        let (userinfo, tail) = split_user(rest);
        let (host_port, after) = split_before(tail, [b';', b'?']);
        let (params, headers) = split_once(after, b'?').unwrap_or((after, ""));
        let (host, port) = split_host_port(host_port)?;
        let user = userinfo.map(|text| split_once(text, b':').map_or(text, |(user, _password)| user));
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
    let Some((first, tail)) = split_once(rest, b'@') else {
        return (None, rest);
    };
    let (host_part, _) = split_before(tail, [b';', b'?']);
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
    let (_, rest) = split_once(uri, b':').unwrap_or(("", uri));
    let (_, tail) = split_user(rest);
    let (_, after_host) = split_before(tail, [b';', b'?']);
    let (params, headers) = split_before(after_host, [b'?']);
    (uri.strip_suffix(after_host).unwrap_or(uri), params, headers)
}

/// Splits and checks `host[:port]`, blanks around the colon allowed (Via); an empty port counts as none.
pub(super) fn split_host_port(text: &str) -> Result<(&str, Option<u16>), UriError> {
    let (host, port) = if text.starts_with('[') {
        let end = find_byte(text.as_bytes(), b']').ok_or(UriError::Host)?;
        let (host, after) = text.split_at_checked(end + 1).ok_or(UriError::Host)?;
        match after.trim_ascii_start().strip_prefix(':') {
            Some(port) => (host, port),
            None if after.trim_ascii().is_empty() => (host, ""),
            None => return Err(UriError::Host),
        }
    } else {
        split_once(text, b':').unwrap_or((text, ""))
    };
    let (host, port) = (host.trim_ascii_end(), port.trim_ascii());
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
    if find_byte(text.as_bytes(), b'%').is_none() {
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
        let text = text.trim_ascii();
        match outside_quotes(text, [b'"', b'<']) {
            Found::At(open) => Self::parse_bracketed(text, open),
            Found::Nowhere => Self::parse_bare(text),
            Found::OpenQuote => Err(UriError::Unbalanced),
        }
    }

    fn parse_bracketed(text: &'a str, open: usize) -> Result<Self, UriError> {
        let (display, rest) = text.split_at_checked(open).ok_or(UriError::Unbalanced)?;
        let display = display.trim_ascii_end();
        let (uri, params) =
            rest.strip_prefix('<').and_then(|rest| split_once(rest, b'>')).ok_or(UriError::Unbalanced)?;
        if outside_quotes(display, [b'"', b',', b';']) != Found::Nowhere {
            return Err(UriError::DisplayName);
        }
        let params = params.trim_ascii_start();
        check_params(params)?;
        Ok(Self { display, uri, params })
    }

    /// Without brackets every `;` starts a header parameter, never one of the URI (RFC 3261 section 20).
    fn parse_bare(text: &'a str) -> Result<Self, UriError> {
        let (uri, params) = split_before(text, [b';']);
        check_params(params)?;
        let uri = uri.trim_ascii_end();
        if find_any(uri.as_bytes(), [b'?', b',']).is_some() {
            return Err(UriError::NeedsBrackets);
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
    match outside_quotes(params, [b'"', b',']) {
        Found::At(_) => Err(UriError::Trailing),
        Found::OpenQuote => Err(UriError::Unbalanced),
        Found::Nowhere => Ok(()),
    }
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
            let piece = piece.trim_ascii();
            if piece.is_empty() {
                continue;
            }
            return Some(match split_once(piece, b'=') {
                Some((name, value)) => (name.trim_ascii_end(), Some(value.trim_ascii_start())),
                None => (piece, None),
            });
        }
        None
    }
}

/// The values of a comma list, trimmed; commas in quotes and angle brackets do not separate. Empty values are given.
pub fn split_list(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        match find_comma(text) {
            Some(comma) => {
                rest = text.get(comma + 1..);
                text.get(..comma).map(str::trim_ascii)
            }
            None => {
                rest = None;
                Some(text.trim_ascii())
            }
        }
    })
}

/// Where the first value of a comma list ends, if another follows.
fn find_comma(text: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = text.get(at..)?;
        let Found::At(found) = outside_quotes(rest, [b'"', b',', b'<']) else {
            return None;
        };
        if rest.as_bytes().get(found) == Some(&b',') {
            return Some(at + found);
        }
        at += found + find_byte(rest.as_bytes().get(found..)?, b'>')?;
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
