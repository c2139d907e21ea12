//! What makes two messages parts of one transaction (RFC 3261 sections 17.1.3, 17.2.3 and 8.2.2.2), and the top Via.

use sha2::{Digest as _, Sha256};

use crate::model::Flow;
use crate::sip::message::{HeaderName, Headers, Method, Request, tag_of};

/// What every branch of an RFC 3261 client begins with.
pub(super) const MAGIC_COOKIE: &str = "z9hG4bK";

/// Names a server transaction: a digest of branch, sent-by, Call-ID, CSeq number and (INVITE or other) method.
///
/// Call-ID and CSeq number go beyond the RFC: ACK and CANCEL repeat them anyway, and two phones with the same private
/// address and a poor random source do not fall into one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key([u8; 16]);

/// Names what a request asks, whatever way it came (RFC 3261 section 8.2.2.2): Call-ID, From tag and CSeq.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Origin([u8; 16]);

impl Key {
    /// The key of the transaction that `request` belongs to. An ACK or CANCEL belongs to that of its INVITE.
    pub(super) fn of(request: &Request) -> Self {
        let headers = &request.headers;
        let via = top_via(headers);
        let method = match &request.method {
            Method::Ack | Method::Cancel => Method::Invite.as_str(),
            other => other.as_str(),
        };
        let branch = via.param("branch").unwrap_or_default().to_ascii_lowercase();
        let sent_by: String =
            via.sent_by.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_lowercase()).collect();
        // Branches of RFC 2543 need not be unique, so the From tag counts as well.
        let modern = branch.starts_with("z9hg4bk");
        let from_tag = if modern { "" } else { tag(headers, &HeaderName::From) };
        Self(digest(&["key", method, &branch, &sent_by, from_tag, call_id(headers), cseq_text(headers)]))
    }

    /// The bytes, as the seed of a repeatable tag.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Origin {
    /// The origin of a request outside a dialog; `None` inside one (To carries a tag).
    pub(super) fn of(request: &Request) -> Option<Self> {
        let headers = &request.headers;
        if headers.get(&HeaderName::To).is_some_and(|to| tag_of(to).is_some()) {
            return None;
        }
        let from_tag = tag(headers, &HeaderName::From);
        Some(Self(digest(&["origin", request.method.as_str(), from_tag, call_id(headers), cseq_text(headers)])))
    }
}

/// The number in CSeq, if there is one.
pub(super) fn cseq_number(headers: &Headers) -> Option<u32> {
    cseq_text(headers).parse().ok()
}

/// The method in CSeq.
pub(super) fn cseq_method(headers: &Headers) -> &str {
    headers.get(&HeaderName::CSeq).and_then(|value| value.split_whitespace().nth(1)).unwrap_or_default()
}

fn cseq_text(headers: &Headers) -> &str {
    headers.get(&HeaderName::CSeq).and_then(|value| value.split_whitespace().next()).unwrap_or_default()
}

fn call_id(headers: &Headers) -> &str {
    headers.get(&HeaderName::CallId).map(|value| value.as_str()).unwrap_or_default()
}

fn tag<'a>(headers: &'a Headers, name: &HeaderName) -> &'a str {
    headers.get(name).and_then(|value| tag_of(value)).unwrap_or_default()
}

/// A digest of the fields with their lengths, so that no field can be moved into its neighbour.
fn digest(fields: &[&str]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for field in fields {
        hash.update((field.len() as u64).to_be_bytes());
        hash.update(field.as_bytes());
    }
    let mut short = [0; 16];
    for (to, from) in short.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
    short
}

/// One Via value in pieces.
pub(super) struct Via<'a> {
    protocol: &'a str,
    sent_by: &'a str,
    params: &'a str,
}

/// The top Via; empty pieces where the text is no Via.
pub(super) fn top_via(headers: &Headers) -> Via<'_> {
    let line = headers.get(&HeaderName::Via).map(|value| value.as_str()).unwrap_or_default();
    let value = &line[..first_value_end(line)];
    let (head, params) = match value.find(';') {
        Some(at) => (&value[..at], &value[at..]),
        None => (value, ""),
    };
    let head = head.trim();
    // `SIP / 2.0 / UDP host` may hold blanks around the slashes: the sent-by begins after the blank that follows the
    // last slash and the transport's name.
    let after_slash = head.rfind('/').map_or(0, |at| at + 1);
    let name = head[after_slash..].trim_start();
    let name_at = head.len() - name.len();
    let name_end = name.find(char::is_whitespace).map_or(head.len(), |at| name_at + at);
    Via { protocol: &head[..name_end], sent_by: head[name_end..].trim(), params }
}

impl<'a> Via<'a> {
    /// A parameter's value, empty when it has none.
    pub(super) fn param(&self, wanted: &str) -> Option<&'a str> {
        self.params.split(';').skip(1).find_map(|param| {
            let (name, value) = param.split_once('=').unwrap_or((param, ""));
            name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim())
        })
    }

    /// The value with `received` and `rport` as RFC 3581 section 4 and RFC 3261 section 18.2.1 want them.
    fn stamped(&self, flow: Flow) -> String {
        let mut text = format!("{} {}", self.protocol, self.sent_by);
        for param in self.params.split(';').skip(1) {
            let name = param.split('=').next().unwrap_or_default().trim();
            if !name.eq_ignore_ascii_case("received") && !name.eq_ignore_ascii_case("rport") {
                text.push(';');
                text.push_str(param.trim());
            }
        }
        text.push_str(&format!(";received={}", flow.remote.ip().to_canonical()));
        if self.param("rport").is_some() {
            text.push_str(&format!(";rport={}", flow.remote.port()));
        }
        text
    }
}

/// Writes into the top Via where the request really came from.
pub(super) fn stamp(headers: &mut Headers, flow: Flow) {
    let Some(line) = headers.get(&HeaderName::Via) else { return };
    let rest = line[first_value_end(line)..].to_owned();
    let stamped = top_via(headers).stamped(flow) + &rest;
    headers.set_first(&HeaderName::Via, stamped);
}

/// Where the first of several comma-separated values ends; a comma inside quotes does not count.
fn first_value_end(line: &str) -> usize {
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => return at,
            _ => {}
        }
    }
    line.len()
}
