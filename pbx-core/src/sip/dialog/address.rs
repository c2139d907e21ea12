//! Addresses as a dialog writes them: bare names, clean Request-URIs, routes.

use crate::sip::message::{HeaderName, Headers};
use crate::sip::uri::{NameAddr, Params, Uri, around_params, split_list};

/// Display name and URI in angle brackets, without header parameters.
pub(super) fn bare(address: &NameAddr<'_>) -> String {
    if address.display.is_empty() {
        format!("<{}>", address.uri)
    } else {
        format!("{} <{}>", address.display, address.uri)
    }
}

/// Every value of an address header, line by line, each trimmed.
pub(super) fn values(headers: &Headers, name: &HeaderName) -> Vec<String> {
    headers.all(name).flat_map(|line| split_list(line)).filter(|value| !value.is_empty()).map(String::from).collect()
}

/// A URI as it may stand in a request line: no headers, no `method` parameter (RFC 3261 section 19.1.1). `None` for a
/// text that is no URI and could end the request line early.
pub(super) fn request_uri(uri: &str) -> Option<String> {
    Uri::parse(uri).ok()?;
    let (address, params, _headers) = around_params(uri);
    let mut text = address.to_owned();
    for (name, value) in Params::new(params).filter(|(name, _)| !name.eq_ignore_ascii_case("method")) {
        text.push(';');
        text.push_str(name);
        if let Some(value) = value {
            text.push('=');
            text.push_str(value);
        }
    }
    Some(text)
}

/// The URI of a route that wants the old strict routing: one without `lr`. A text that is no URI is carried as it is.
pub(super) fn strict_router(route: &str) -> Option<String> {
    let uri = NameAddr::parse(route).ok()?.parsed_uri().ok()?;
    if uri.param("lr").is_some() {
        return None;
    }
    request_uri(NameAddr::parse(route).ok()?.uri)
}
