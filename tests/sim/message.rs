//! SIP text as a phone reads and writes it. Deliberately not the product's parser.

use std::fmt::Write as _;

use md5::{Digest as _, Md5};

/// What every phone offers and answers with.
pub(crate) const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0\r\na=sendrecv\r\n";
/// The digest realm of the office.
pub(crate) const REALM: &str = "nightbell";

/// The status of a response, `None` for a request.
pub(crate) fn status(text: &str) -> Option<u16> {
    text.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
}

/// The method of a request, or `SIP/2.0` for a response.
pub(crate) fn method(text: &str) -> &str {
    text.split(' ').next().unwrap_or("")
}

/// The first header of this name, or nothing.
pub(crate) fn header<'a>(text: &'a str, name: &'a str) -> &'a str {
    headers(text, name).next().unwrap_or("")
}

/// All headers of this name.
pub(crate) fn headers<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let head = text.split("\r\n\r\n").next().unwrap_or(text);
    head.split("\r\n").skip(1).filter_map(move |line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// The tag of a From or To value.
pub(crate) fn tag(value: &str) -> Option<&str> {
    let rest = value.split_once(";tag=")?.1;
    Some(rest.split(';').next().unwrap_or(rest))
}

/// The branch of the top Via.
pub(crate) fn branch(text: &str) -> &str {
    let via = header(text, "Via");
    via.split_once(";branch=").map_or("", |(_, rest)| rest.split(';').next().unwrap_or(rest))
}

/// Number and method of CSeq.
pub(crate) fn cseq(text: &str) -> (u32, &str) {
    let (number, method) = header(text, "CSeq").split_once(' ').unwrap_or(("0", ""));
    (number.parse().unwrap_or(0), method)
}

/// The address between angle brackets.
pub(crate) fn uri(value: &str) -> &str {
    value.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or(value, |(uri, _)| uri)
}

/// An answer to a request.
pub(crate) fn answer(request: &str, status: u16, to_tag: &str, contact: &str, body: &str) -> String {
    let mut text = format!("SIP/2.0 {status} {}\r\n", reason(status));
    for via in headers(request, "Via") {
        let _ = write!(text, "Via: {via}\r\n");
    }
    let to = header(request, "To");
    let tagged = status == 100 || to_tag.is_empty() || tag(to).is_some();
    let tag = if tagged { String::new() } else { format!(";tag={to_tag}") };
    let _ = write!(
        text,
        "From: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n",
        header(request, "From"),
        header(request, "Call-ID"),
        header(request, "CSeq")
    );
    if !contact.is_empty() {
        let _ = write!(text, "Contact: <{contact}>\r\n");
    }
    close(&mut text, body);
    text
}

fn reason(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        200 => "OK",
        482 => "Loop Detected",
        486 => "Busy Here",
        487 => "Request Terminated",
        603 => "Decline",
        _ => "Refused",
    }
}

fn close(text: &mut String, body: &str) {
    if !body.is_empty() {
        text.push_str("Content-Type: application/sdp\r\n");
    }
    let _ = write!(text, "Content-Length: {}\r\n\r\n{body}", body.len());
}

/// A request to be written.
pub(crate) struct Ask<'a> {
    pub(crate) method: &'a str,
    pub(crate) uri: &'a str,
    /// Transport and our address, as in `TLS 127.0.0.1:20001`.
    pub(crate) via: &'a str,
    pub(crate) branch: &'a str,
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
    pub(crate) call_id: &'a str,
    pub(crate) cseq: u32,
    /// More header lines, each with its line end.
    pub(crate) more: &'a str,
    pub(crate) body: &'a str,
}

impl Ask<'_> {
    pub(crate) fn text(&self) -> String {
        let kind = self.method;
        let mut text = format!(
            "{kind} {} SIP/2.0\r\nVia: SIP/2.0/{};branch={};rport\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\n\
             Call-ID: {}\r\nCSeq: {} {kind}\r\n{}",
            self.uri, self.via, self.branch, self.from, self.to, self.call_id, self.cseq, self.more
        );
        close(&mut text, self.body);
        text
    }
}

/// A challenge that was met, to be used again with the next count.
#[derive(Debug, Clone)]
pub(crate) struct Nonce {
    value: String,
    count: u32,
}

impl Nonce {
    /// The nonce of a 401 or 407.
    pub(crate) fn of(challenge: &str) -> Option<Self> {
        let value = challenge.split_once("nonce=\"")?.1.split('"').next()?;
        Some(Self { value: value.to_owned(), count: 0 })
    }

    /// The header line that answers it (RFC 7616 with MD5, as old phones do).
    pub(crate) fn line(&mut self, name: &str, user: &str, ha1: &str, (method, uri): (&str, &str)) -> String {
        self.count += 1;
        let ha2 = hex(&format!("{method}:{uri}"));
        let response = hex(&format!("{ha1}:{}:{:08x}:c:auth:{ha2}", self.value, self.count));
        format!(
            "{name}: Digest username=\"{user}\", realm=\"{REALM}\", nonce=\"{}\", uri=\"{uri}\", response=\"{response}\", \
             algorithm=MD5, qop=auth, nc={:08x}, cnonce=\"c\"\r\n",
            self.value, self.count
        )
    }
}

/// MD5 in hexadecimal.
pub(crate) fn hex(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut hex = String::with_capacity(32);
    for byte in Md5::digest(text) {
        hex.push(char::from(DIGITS[usize::from(byte >> 4)]));
        hex.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    hex
}
