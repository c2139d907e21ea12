//! The front door: bytes become a message, or a refusal with the answer that may be given to it.
//!
//! The checks run from cheap to dear: size, start line, lines, framing, character set, mandatory headers, and then the
//! text of those headers every path relies on. What passes has one From, To, Call-ID and CSeq, well-formed Vias, a
//! Request-URI of a scheme we know and a body exactly as long as its Content-Length. Lenient where real phones are
//! odd: `tel:` in From and To, Latin-1 names, compact names, folding, bare LF, a missing Content-Length on datagrams.
//!
//! No input can make the guard panic, allocate more than a few times its own size, or take more than linear time.

use bytes::Bytes;

use self::head::Head;
use super::cseq::CSeq;
use super::lines::{HeadEnd, head_end};
use super::message::{HeaderName, Headers, Message, Method, Request, Response};
use super::scan::{find_any, split_once};
use super::uri::{NameAddr, Scheme, Uri, UriError, split_list};
use super::via::{MAGIC_COOKIE, Via};
use crate::model::Transport;

mod head;
mod refusal;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod torture_tests;

pub(crate) use refusal::reply_to;

/// The largest datagram taken: four times what a phone with video and many codecs sends; the limit Kamailio ships.
pub const MAX_DATAGRAM: usize = 16 * 1024;
/// The largest message on a stream: a datagram can carry no more than this either.
pub const MAX_STREAM_MESSAGE: usize = 64 * 1024;
/// The most header lines; real requests have 12 to 40.
const MAX_HEADERS: usize = 128;
/// The longest header line, continuations included; the longest real ones are Authorization and Identity, 1 to 4 KiB.
const MAX_LINE: usize = 8 * 1024;
/// The longest Request-URI; the limit Kamailio ships.
const MAX_URI: usize = 512;
/// The longest method name: RFC 4475 section 3.1.1.2 has one of 43 characters, real ones have at most 9.
const MAX_METHOD: usize = 64;
/// The most Via values: RFC 4475 section 3.1.1.7 has 34; Max-Forwards allows 70 hops.
const MAX_VIAS: usize = 70;
/// The most Route values; a phone behind several proxies sends 2 to 4.
const MAX_ROUTES: usize = 16;
/// The longest tag, branch or Call-ID: real ones have at most 80 characters, RFC 4475 section 3.1.1.7 has 239.
const MAX_TOKEN: usize = 256;

/// A message that is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The answer, when the sender is owed one and enough could be read to make it; else the message is dropped.
    pub reply: Option<Bytes>,
    /// The status of that answer, also when none can be given.
    pub status: u16,
    /// Why, in few words; one of a fixed set, fit for counters.
    pub reason: &'static str,
}

/// What is wrong, before it is known whether an answer can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fault {
    status: u16,
    reason: &'static str,
}

const fn bad(reason: &'static str) -> Fault {
    Fault { status: 400, reason }
}

/// Reads one datagram, or one frame that the [`super::framer::Framer`] cut from a stream.
pub fn check(raw: Bytes, transport: Transport) -> Result<Message, Refusal> {
    read(&raw, transport).map_err(|fault| Refusal {
        reply: reply_to(&raw, fault.status, fault.reason),
        status: fault.status,
        reason: fault.reason,
    })
}

fn read(raw: &Bytes, transport: Transport) -> Result<Message, Fault> {
    let limit = if transport.is_reliable() { MAX_STREAM_MESSAGE } else { MAX_DATAGRAM };
    if raw.len() > limit {
        return Err(Fault { status: 413, reason: "The message is too large" });
    }
    // Blank lines before the start line are keep-alive leftovers (RFC 3261 section 7.5).
    let blank = raw.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let HeadEnd::At(body_at) = head_end(raw, blank) else {
        return Err(bad("The headers do not end with an empty line"));
    };
    let head = Head::read(raw.slice(blank..body_at))?;
    let body = body_of(raw.slice(body_at..), head.content_length, transport)?;
    match status_line(&head.start_line)? {
        Some((status, reason)) => {
            let reason = head.start_line.slice_ref(reason);
            check_response(&head.headers)?;
            Ok(Message::Response(Response { status, reason, headers: head.headers, body }))
        }
        None => {
            let (method, uri) = request_line(&head.start_line)?;
            let method = Method::from_text(head.start_line.slice_ref(method));
            let uri = head.start_line.slice_ref(uri);
            let request = Request { method, uri, headers: head.headers, body };
            check_request(&request)?;
            Ok(Message::Request(request))
        }
    }
}

/// On datagrams what lies behind Content-Length is cut, and without it the body is the rest (RFC 3261 section 18.3).
fn body_of(rest: Bytes, length: Option<usize>, transport: Transport) -> Result<Bytes, Fault> {
    match length {
        Some(length) if length > rest.len() => Err(bad("The body is shorter than Content-Length says")),
        Some(length) => Ok(rest.slice(..length)),
        None if transport.is_reliable() => Err(bad("Content-Length is missing")),
        None => Ok(rest),
    }
}

/// The status and reason of a response; `None` when the line does not start one.
fn status_line(line: &str) -> Result<Option<(u16, &str)>, Fault> {
    let Some((_, rest)) = line.split_at_checked(8).filter(|(version, _)| version.eq_ignore_ascii_case("SIP/2.0 "))
    else {
        return Ok(None);
    };
    let (code, reason) = split_once(rest, b' ').unwrap_or((rest, ""));
    let status = if code.len() == 3 { code.parse().ok() } else { None };
    match status {
        Some(status @ 100..=699) => Ok(Some((status, reason))),
        Some(_) | None => Err(bad("The status is not a number from 100 to 699")),
    }
}

/// The method and the Request-URI: three parts with exactly one blank between them (RFC 3261 section 7.1).
fn request_line(line: &str) -> Result<(&str, &str), Fault> {
    let (method, rest) = split_once(line, b' ').ok_or(bad("The start line has no Request-URI"))?;
    let (uri, version) = split_once(rest, b' ').ok_or(bad("The start line has no SIP version"))?;
    if !is_token(method) || method.len() > MAX_METHOD {
        return Err(bad("The method is not a word"));
    }
    if !version.eq_ignore_ascii_case("SIP/2.0") {
        let other = version.get(..4).is_some_and(|name| name.eq_ignore_ascii_case("SIP/"))
            && version.bytes().skip(4).all(|byte| byte.is_ascii_digit() || byte == b'.');
        return Err(if other {
            Fault { status: 505, reason: "SIP version not supported" }
        } else {
            bad("The start line does not end with SIP/2.0")
        });
    }
    check_request_uri(uri)?;
    Ok((method, uri))
}

fn check_request_uri(text: &str) -> Result<(), Fault> {
    if text.len() > MAX_URI {
        return Err(Fault { status: 414, reason: "The Request-URI is too long" });
    }
    let uri = Uri::parse(text).map_err(|_| bad("The Request-URI is not an address"))?;
    match uri.scheme {
        // Headers of the URI must never become headers of the request (RFC 3261 section 19.1.1).
        Scheme::Sip | Scheme::Sips if !uri.headers.is_empty() => Err(bad("The Request-URI holds headers")),
        Scheme::Sip | Scheme::Sips | Scheme::Tel => Ok(()),
        Scheme::Other => Err(Fault { status: 416, reason: "Unsupported URI scheme" }),
    }
}

/// A token of RFC 3261 section 25.1.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
        })
}

/// The headers every message must have, once each, and how many there are of those with a limit.
struct Mandatory<'a> {
    from: NameAddr<'a>,
    to: NameAddr<'a>,
    cseq: CSeq<'a>,
    vias: usize,
}

#[expect(clippy::wildcard_enum_match_arm, reason = "every other header is optional, whatever it is")]
fn mandatory(headers: &Headers) -> Result<Mandatory<'_>, Fault> {
    let (mut from, mut to, mut call_id, mut cseq) = (None, None, None, None);
    let (mut vias, mut routes) = (0, 0);
    for header in headers.iter() {
        let twice = match header.name {
            HeaderName::From => from.replace(&header.value).is_some(),
            HeaderName::To => to.replace(&header.value).is_some(),
            HeaderName::CallId => call_id.replace(&header.value).is_some(),
            HeaderName::CSeq => cseq.replace(&header.value).is_some(),
            HeaderName::Via => {
                vias += check_vias(&header.value, vias == 0)?;
                false
            }
            HeaderName::Route => {
                routes += split_list(&header.value).count();
                false
            }
            _ => false,
        };
        if twice {
            return Err(bad("From, To, Call-ID or CSeq is given twice"));
        }
    }
    if vias == 0 {
        return Err(bad("Via is missing"));
    }
    if vias > MAX_VIAS || routes > MAX_ROUTES {
        return Err(bad("Too many Via or Route values"));
    }
    let call_id = call_id.filter(|value| !value.is_empty()).ok_or(bad("Call-ID is missing"))?;
    if call_id.len() > MAX_TOKEN || find_any(call_id.as_bytes(), [b' ', b'\t']).is_some() {
        return Err(bad("Call-ID is too long or holds a blank"));
    }
    let cseq = cseq.ok_or(bad("CSeq is missing"))?;
    Ok(Mandatory {
        from: address(from.ok_or(bad("From is missing"))?, "From is not an address")?,
        to: address(to.ok_or(bad("To is missing"))?, "To is not an address")?,
        cseq: CSeq::parse(cseq).ok_or(bad("CSeq is not a number below 2147483648 and a method"))?,
        vias,
    })
}

/// A From or To value: an address of any scheme with a tag of usual length.
fn address<'a>(value: &'a str, reason: &'static str) -> Result<NameAddr<'a>, Fault> {
    let address = NameAddr::parse(value).map_err(|_| bad(reason))?;
    if address.tag().is_some_and(|tag| tag.len() > MAX_TOKEN) {
        return Err(bad("A tag is too long"));
    }
    Ok(address)
}

/// Counts the values of one Via line and checks each; `first` when they include the top Via of the message.
fn check_vias(line: &str, mut first: bool) -> Result<usize, Fault> {
    let mut count = 0;
    for value in split_list(line) {
        let via = Via::parse(value).ok_or(bad("A Via is malformed"))?;
        if via.branch().is_some_and(|branch| branch.len() > MAX_TOKEN) {
            return Err(bad("A Via branch is too long"));
        }
        // The cookie alone names no transaction (RFC 4475 section 3.2.1).
        if first && via.branch() == Some(MAGIC_COOKIE) {
            return Err(bad("The Via branch is empty"));
        }
        first = false;
        count += 1;
    }
    Ok(count)
}

fn check_request(request: &Request) -> Result<(), Fault> {
    let head = mandatory(&request.headers)?;
    // A method nobody knows is answered 501 by the switchboard, whatever its CSeq says (RFC 4475 section 3.1.2.18).
    let known = !matches!(request.method, Method::Other(_));
    if known && head.cseq.method != request.method.as_str() {
        return Err(bad("The method in CSeq is another one"));
    }
    uri_of(&head.from, "The From address is malformed")?;
    let to = uri_of(&head.to, "The To address is malformed")?;
    if request.method == Method::Register && to == Scheme::Other {
        return Err(bad("Only a sip: address can be registered"));
    }
    for line in request.headers.all(&HeaderName::Contact) {
        for value in split_list(line).filter(|value| *value != "*") {
            let contact = NameAddr::parse(value).map_err(|_| bad("Contact is not an address"))?;
            uri_of(&contact, "The Contact address is malformed")?;
        }
    }
    Ok(())
}

fn uri_of(address: &NameAddr<'_>, reason: &'static str) -> Result<Scheme, Fault> {
    address.parsed_uri().map(|uri| uri.scheme).map_err(|_: UriError| bad(reason))
}

/// A response is for us only when our own Via is all it carries: we never pass one on (RFC 3261 section 8.1.3.3).
fn check_response(headers: &Headers) -> Result<(), Fault> {
    let head = mandatory(headers)?;
    if head.vias == 1 { Ok(()) } else { Err(bad("The response is for somebody else")) }
}
