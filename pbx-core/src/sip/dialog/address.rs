//! Addresses as they stand in From, To, Contact, Route and Record-Route: display name, URI, parameters.

use bytesstr::BytesStr;

use crate::sip::message::{HeaderName, Headers};

/// One value of an address header in pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address<'a> {
    /// The display name with its quotes, maybe empty.
    pub(super) display: &'a str,
    /// The URI without angle brackets.
    pub(super) uri: &'a str,
    /// The header parameters, each with its leading `;`.
    pub(super) params: &'a str,
}

impl<'a> Address<'a> {
    /// Takes one value apart. Without angle brackets every parameter is the header's (RFC 3261 section 20.10).
    pub(super) fn parse(value: &'a str) -> Self {
        let value = value.trim();
        match unquoted(value, '<') {
            Some(open) => {
                let inside = &value[open + 1..];
                let close = inside.find('>').unwrap_or(inside.len());
                let params = inside[close..].trim_start_matches('>').trim();
                Self { display: value[..open].trim(), uri: inside[..close].trim(), params }
            }
            None => {
                let end = value.find(';').unwrap_or(value.len());
                Self { display: "", uri: value[..end].trim(), params: value[end..].trim() }
            }
        }
    }

    /// The value of a header parameter, empty when it has none.
    pub(super) fn param(&self, wanted: &str) -> Option<&'a str> {
        param(self.params, wanted)
    }

    /// Display name and URI in angle brackets, without header parameters.
    pub(super) fn bare(&self) -> String {
        if self.display.is_empty() { format!("<{}>", self.uri) } else { format!("{} <{}>", self.display, self.uri) }
    }
}

/// The value of a `;name=value` parameter, empty when it has none.
pub(super) fn param<'a>(params: &'a str, wanted: &str) -> Option<&'a str> {
    let mut rest = params;
    while let Some(start) = rest.find(';') {
        rest = &rest[start + 1..];
        let end = unquoted(rest, ';').unwrap_or(rest.len());
        let (name, value) = rest[..end].split_once('=').unwrap_or((&rest[..end], ""));
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value.trim());
        }
        rest = &rest[end..];
    }
    None
}

/// Every value of an address header, line by line, each trimmed; commas inside quotes or angle brackets do not count.
pub(super) fn values(headers: &Headers, name: &HeaderName) -> Vec<String> {
    headers.all(name).flat_map(split).filter(|value| !value.is_empty()).map(String::from).collect()
}

fn split(line: &BytesStr) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = line.as_str();
    while let Some(end) = value_end(rest) {
        found.push(rest[..end].trim());
        rest = &rest[end + 1..];
    }
    found.push(rest.trim());
    found
}

fn value_end(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped, mut bracketed) = (false, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' if !bracketed => quoted = !quoted,
            '<' if !quoted => bracketed = true,
            '>' if !quoted => bracketed = false,
            ',' if !quoted && !bracketed => return Some(at),
            _ => {}
        }
    }
    None
}

/// Where `wanted` first stands outside quotes.
fn unquoted(text: &str, wanted: char) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            c if c == wanted && !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// A URI as it may stand in a request line: no headers, no `method` parameter (RFC 3261 section 19.1.1).
pub(super) fn request_uri(uri: &str) -> String {
    let uri = uri.split('?').next().unwrap_or_default();
    // Parameters begin after the host; the user part may hold `;` of its own.
    let host_at = uri.rfind('@').map_or(0, |at| at + 1);
    let params_at = uri[host_at..].find(';').map_or(uri.len(), |at| host_at + at);
    let mut text = uri[..params_at].to_owned();
    for param in uri[params_at..].split(';').skip(1) {
        let name = param.split('=').next().unwrap_or_default();
        if !name.trim().eq_ignore_ascii_case("method") {
            text.push(';');
            text.push_str(param);
        }
    }
    text
}

/// Whether a route's URI asks for loose routing (`;lr`, whatever value follows).
pub(super) fn is_loose(uri: &str) -> bool {
    let host_at = uri.rfind('@').map_or(0, |at| at + 1);
    param(uri[host_at..].split('?').next().unwrap_or_default(), "lr").is_some()
}
