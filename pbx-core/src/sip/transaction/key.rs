//! What makes two messages parts of one transaction (RFC 3261 sections 17.1.3, 17.2.3 and 8.2.2.2).

use sha2::{Digest as _, Sha256};

use crate::sip::cseq;
use crate::sip::message::{HeaderName, Headers, Method, Request, tag_of};
use crate::sip::via::{self, MAGIC_COOKIE};

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
        let method = if matches!(request.method, Method::Ack | Method::Cancel) {
            Method::Invite.as_str()
        } else {
            request.method.as_str()
        };
        // The guard lets nothing in without a readable Via; one made here without is matched by the rest.
        let (branch, host, port) = via::top(headers).map_or(("", "", None), |via| {
            let port = via.port.map(|port| port.to_be_bytes());
            (via.branch().unwrap_or_default(), via.host, port)
        });
        let branch = branch.to_ascii_lowercase();
        // Branches of RFC 2543 need not be unique, so the From tag counts as well.
        let cookie = branch.get(..MAGIC_COOKIE.len()).is_some_and(|start| start.eq_ignore_ascii_case(MAGIC_COOKIE));
        let from_tag = if cookie { "" } else { tag(headers) };
        Self(digest(&[
            b"key",
            method.as_bytes(),
            branch.as_bytes(),
            host.to_ascii_lowercase().as_bytes(),
            port.as_ref().map_or(&[], |port| port),
            from_tag.as_bytes(),
            call_id(headers),
            &cseq_number(headers),
        ]))
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
        let method = request.method.as_str().as_bytes();
        Some(Self(digest(&[b"origin", method, tag(headers).as_bytes(), call_id(headers), &cseq_number(headers)])))
    }
}

fn cseq_number(headers: &Headers) -> [u8; 4] {
    cseq::of(headers).map_or([0; 4], |cseq| cseq.number.to_be_bytes())
}

fn call_id(headers: &Headers) -> &[u8] {
    headers.get(&HeaderName::CallId).map(|value| value.as_bytes()).unwrap_or_default()
}

fn tag(headers: &Headers) -> &str {
    headers.get(&HeaderName::From).and_then(|value| tag_of(value)).unwrap_or_default()
}

/// A digest of the fields with their lengths, so that no field can be moved into its neighbour.
fn digest(fields: &[&[u8]]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for field in fields {
        hash.update((field.len() as u64).to_be_bytes());
        hash.update(field);
    }
    let mut short = [0; 16];
    for (to, from) in short.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
    short
}
