//! From the headers of an authenticated REGISTER to the registrar's words.
//!
//! Contact text is kept as received, because it is given back byte for byte; only what the registrar decides on is
//! typed. Whatever could reach a push provider (app id, token) is checked here to the last character.

use std::borrow::Cow;

use super::message::{HeaderName, Request};
use super::uri::{NameAddr, Params, Scheme, Uri, split_list, unquoted};
use crate::registrar::{Contacts, OfferedContact};

#[cfg(test)]
mod fixture_tests;
mod push;
#[cfg(test)]
mod tests;

/// The most Contact values of one REGISTER; Flexisip's limit, and more phones than one person carries.
const MAX_CONTACTS: usize = 12;
/// The longest Contact URI or parameters kept: several times what Linphone sends with two APNs tokens.
const MAX_CONTACT_TEXT: usize = 2048;
/// The longest instance id: a URN with a UUID has 45 characters.
const MAX_INSTANCE: usize = 256;

/// A REGISTER that cannot be taken, and what to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// The status of the answer.
    pub status: u16,
    /// Its reason phrase.
    pub reason: &'static str,
}

const fn bad(reason: &'static str) -> Refused {
    Refused { status: 400, reason }
}

/// What the Contact and Expires headers of a REGISTER ask for (RFC 3261 section 10.3).
pub fn contacts(request: &Request) -> Result<Contacts, Refused> {
    let expires = request.headers.get(&HeaderName::Expires).and_then(|value| seconds(value));
    let mut offered = Vec::new();
    let mut star = false;
    for line in request.headers.all(&HeaderName::Contact) {
        for value in split_list(line) {
            if star || (value == "*" && !offered.is_empty()) {
                return Err(bad("Contact * must be the only Contact"));
            }
            if value == "*" {
                star = true;
            } else if offered.len() == MAX_CONTACTS {
                return Err(Refused { status: 403, reason: "Too many Contacts" });
            } else {
                offered.push(contact(value, expires)?);
            }
        }
    }
    match (star, expires) {
        (true, Some(0)) => Ok(Contacts::RemoveAll),
        (true, _) => Err(bad("Contact * needs Expires: 0")),
        (false, _) if offered.is_empty() => Ok(Contacts::Query),
        (false, _) => Ok(Contacts::List(offered)),
    }
}

/// Whether the request says that its sender knows this extension.
pub fn lists_option(request: &Request, option: &str) -> bool {
    [HeaderName::Supported, HeaderName::Require]
        .iter()
        .flat_map(|name| request.headers.all(name))
        .flat_map(|line| line.as_str().split(','))
        .any(|tag| tag.trim().eq_ignore_ascii_case(option))
}

/// Whether a REGISTER is about one of several flows of a device (RFC 5626 section 6). When it is not, `reg-id` says
/// nothing and is taken out.
///
/// It is when the phone supports `outbound`, has an instance id, and either reached us itself (one Via) or came through an
/// edge proxy that keeps its flow (`ob` in the Path value of the first hop, the last one).
pub fn outbound(request: &Request, contacts: &mut Contacts) -> Result<bool, Refused> {
    let Contacts::List(list) = contacts else { return Ok(false) };
    let offers = |contact: &OfferedContact| contact.reg_id.is_some() && contact.instance.is_some();
    if !lists_option(request, "outbound") || !list.iter().any(offers) {
        for contact in list {
            contact.reg_id = None;
        }
        return Ok(false);
    }
    let bound = list.iter().filter(|contact| offers(contact) && contact.expires != Some(0)).count();
    if bound > 1 {
        return Err(bad("One flow for each REGISTER"));
    }
    let hops = request.headers.all(&HeaderName::Via).flat_map(|line| split_list(line)).count();
    let first_hop_keeps_flows = path(request)
        .last()
        .and_then(|value| NameAddr::parse(value).ok()?.parsed_uri().ok().map(|uri| uri.param("ob").is_some()))
        .unwrap_or(false);
    if hops > 1 && !first_hop_keeps_flows {
        return Err(Refused { status: 439, reason: "First Hop Lacks Outbound Support" });
    }
    for contact in list.iter_mut().filter(|contact| contact.instance.is_none()) {
        contact.reg_id = None;
    }
    Ok(true)
}

/// The Path values of a REGISTER in order (RFC 3327), each as received.
pub fn path(request: &Request) -> Vec<Box<str>> {
    request.headers.all(&HeaderName::Path).flat_map(|line| split_list(line)).map(Into::into).collect()
}

fn contact(value: &str, default_expires: Option<u32>) -> Result<OfferedContact, Refused> {
    let address = NameAddr::parse(value).map_err(|_| bad("Contact is not an address"))?;
    let uri = address.parsed_uri().map_err(|_| bad("The Contact address is malformed"))?;
    match uri.scheme {
        Scheme::Sip | Scheme::Sips => {}
        Scheme::Tel | Scheme::Other => return Err(bad("Contact must be a sip: address")),
    }
    if address.uri.len() > MAX_CONTACT_TEXT || address.params.len() > MAX_CONTACT_TEXT {
        return Err(bad("Contact is too long"));
    }
    let instance = address.param("+sip.instance").map(instance_id).filter(|id| !id.is_empty());
    if instance.as_ref().is_some_and(|id| id.len() > MAX_INSTANCE) {
        return Err(bad("+sip.instance is too long"));
    }
    let expires = match address.param("expires") {
        Some(text) => seconds(&unquoted(text)),
        None => default_expires,
    };
    Ok(OfferedContact {
        uri: address.uri.into(),
        params: params_without_expires(address.params),
        user_at_host_port: user_at_host_port(&uri),
        instance,
        reg_id: address.param("reg-id").and_then(|text| text.parse().ok()).filter(|id| *id > 0),
        expires,
        push: push::offered(&uri, &address)?,
        needs_refresh_push: address.param("+sip.pnsreg").is_some(),
    })
}

/// Seconds; too large a number is the largest, anything else none.
fn seconds(text: &str) -> Option<u32> {
    let text = text.trim();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u32::MAX))
}

/// The instance id without quotes and angle brackets.
fn instance_id(text: &str) -> Box<str> {
    let text = unquoted(text);
    let text = text.trim();
    text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(text).into()
}

fn params_without_expires(params: &str) -> Box<str> {
    let mut kept = String::with_capacity(params.len());
    for (name, value) in Params::new(params).filter(|(name, _)| !name.eq_ignore_ascii_case("expires")) {
        kept.push(';');
        kept.push_str(name);
        if let Some(value) = value {
            kept.push('=');
            kept.push_str(value);
        }
    }
    kept.into()
}

fn user_at_host_port(uri: &Uri<'_>) -> Box<str> {
    let user = uri.user.map_or(String::new(), |user| format!("{user}@"));
    let port = uri.port.map_or(String::new(), |port| format!(":{port}"));
    format!("{user}{}{port}", uri.host.to_ascii_lowercase()).into()
}

/// `uri` without every parameter that names a push service, token or app: no peer and no page may see them
/// (RFC 8599 section 14).
pub fn strip_push_params(uri: &str) -> Cow<'_, str> {
    push::stripped(uri)
}

/// The header parameters of a Contact without those that name a push service, token or app.
pub fn strip_push_header_params(params: &str) -> Cow<'_, str> {
    push::stripped_params(params)
}

/// A Contact URI as a request line may carry it: without push parameters and without `?headers`.
pub fn callable_uri(uri: &str) -> String {
    push::request_uri(uri)
}
