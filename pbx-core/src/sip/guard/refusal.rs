//! The answer to a request that is not let in, made from whatever of it could be read.
//!
//! Nothing read here goes any further than back to its sender, so reading is as tolerant as it can be. No answer goes
//! to an ACK, to a response, or to what lacks one of Via, From, To, Call-ID and CSeq. An answer repeats only those
//! headers, so it is hardly ever longer than the request.

use bytes::Bytes;
use bytesstr::BytesStr;

use super::head::{latin1_where_not_utf8, one_line};
use super::{MAX_DATAGRAM, MAX_LINE, MAX_VIAS};
use crate::sip::lines::Lines;
use crate::sip::message::{HeaderName, Headers, Response, has_tag};

/// The answer to `raw` with this status, if one can be made and is owed.
pub(crate) fn reply_to(raw: &[u8], status: u16, reason: &'static str) -> Option<Bytes> {
    let start = raw.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let end = raw.len().min(start.saturating_add(MAX_DATAGRAM));
    let text = latin1_where_not_utf8(raw.get(start..end)?);
    let mut lines = Lines::new(text.as_bytes());
    let start_line = lines.next().and_then(|line| text.get(line.start..line.end))?;
    let is_response = start_line.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("SIP/"));
    if is_response || start_line.starts_with("ACK ") {
        return None;
    }
    let mut found = Echo::default();
    for line in lines {
        let Some((name, value)) = text.get(line.start..line.end).and_then(|line| line.split_once(':')) else {
            continue;
        };
        if value.len() > MAX_LINE {
            continue;
        }
        found.keep(HeaderName::known(name.trim_ascii_end()), value.trim_ascii());
    }
    found.answer(status, reason)
}

/// The headers an answer must repeat (RFC 3261 section 8.2.6.2).
#[derive(Default)]
struct Echo {
    vias: Vec<String>,
    from: Option<String>,
    to: Option<String>,
    call_id: Option<String>,
    cseq: Option<String>,
}

impl Echo {
    fn keep(&mut self, name: Option<HeaderName>, value: &str) {
        let single = match name {
            Some(HeaderName::Via) => return self.vias.push(one_line(value)),
            Some(HeaderName::From) => &mut self.from,
            Some(HeaderName::To) => &mut self.to,
            Some(HeaderName::CallId) => &mut self.call_id,
            Some(HeaderName::CSeq) => &mut self.cseq,
            _ => return,
        };
        single.get_or_insert_with(|| one_line(value));
    }

    fn answer(self, status: u16, reason: &'static str) -> Option<Bytes> {
        let (mut to, call_id, cseq) = (self.to?, self.call_id?, self.cseq?);
        let empty = [&to, &call_id, &cseq].into_iter().chain(&self.vias).any(String::is_empty);
        if empty || self.vias.is_empty() || self.vias.len() > MAX_VIAS || cseq.ends_with("ACK") {
            return None;
        }
        if !has_tag(&to) {
            to.push_str(";tag=");
            to.push_str(&tag(&call_id, &cseq));
        }
        let mut headers = Headers::with_capacity(self.vias.len() + 4);
        for via in self.vias {
            headers.push(HeaderName::Via, via);
        }
        headers.push(HeaderName::From, self.from?);
        headers.push(HeaderName::To, to);
        headers.push(HeaderName::CallId, call_id);
        headers.push(HeaderName::CSeq, cseq);
        let response = Response { status, reason: BytesStr::from_static(reason), headers, body: Bytes::new() };
        Some(response.to_bytes())
    }
}

/// The same tag for every repetition of the same request, without keeping state (RFC 3261 section 8.2.7).
///
/// FNV-1a: the tag only has to be stable, nobody relies on it being hard to guess.
fn tag(call_id: &str, cseq: &str) -> String {
    let hash = call_id
        .bytes()
        .chain(cseq.bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{hash:016x}")
}
