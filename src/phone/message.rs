//! A SIP message as lines of text: read and written with as little cleverness as possible.
//!
//! Invariant: a header value holds no CR or LF.

use std::fmt::Write as _;

/// The largest message read; far above what a PBX sends.
const MESSAGE_MAX: usize = 65_535;
/// The most header lines read.
const HEADERS_MAX: usize = 200;

/// Compact header forms (RFC 3261 section 7.3.3 and later documents).
const COMPACT: [(&str, &str); 12] = [
    ("v", "Via"),
    ("f", "From"),
    ("t", "To"),
    ("i", "Call-ID"),
    ("m", "Contact"),
    ("l", "Content-Length"),
    ("c", "Content-Type"),
    ("e", "Content-Encoding"),
    ("k", "Supported"),
    ("s", "Subject"),
    ("o", "Event"),
    ("r", "Refer-To"),
];

/// A request or a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The first line.
    start: String,
    /// Name and value of each header line, in order; `Content-Length` is written from the body.
    headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Message {
    /// A request without headers.
    pub fn request(method: &str, uri: &str) -> Self {
        Self { start: format!("{method} {uri} SIP/2.0"), headers: Vec::new(), body: Vec::new() }
    }

    /// An answer to `request`: Via, Record-Route, From, To, Call-ID and CSeq as received (RFC 3261 section 8.2.6.2); To gets
    /// `to_tag` if it has none and the status is above 100.
    pub fn answer(request: &Self, status: u16, reason: &str, to_tag: &str) -> Self {
        let mut answer = Self { start: format!("SIP/2.0 {status} {reason}"), headers: Vec::new(), body: Vec::new() };
        for (name, value) in &request.headers {
            let echoed = ["Via", "Record-Route", "From", "To", "Call-ID", "CSeq"];
            if !echoed.iter().any(|echo| name.eq_ignore_ascii_case(echo)) {
                continue;
            }
            if name.eq_ignore_ascii_case("To") && status > 100 && param_of(value, "tag").is_none() {
                answer.push(name, format!("{value};tag={to_tag}"));
            } else {
                answer.push(name, value.clone());
            }
        }
        answer
    }

    /// Reads one whole message; the error says what is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > MESSAGE_MAX {
            return Err(format!("{} bytes are more than {MESSAGE_MAX}", bytes.len()));
        }
        let head_end = find_head_end(bytes).ok_or("it has no empty line after the headers")?;
        let (head, rest) = bytes.split_at(head_end);
        let head = std::str::from_utf8(head).map_err(|_| "its headers are not UTF-8")?;
        let mut lines = head.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines.filter(|line| !line.is_empty()) {
            if line.starts_with([' ', '\t']) {
                let (_, last) = headers.last_mut().ok_or("its first header line is a continuation")?;
                last.push(' ');
                last.push_str(line.trim());
                continue;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| format!("the line '{line}' has no colon"))?;
            headers.push((long_name(name.trim()), value.trim().to_owned()));
            if headers.len() > HEADERS_MAX {
                return Err(format!("more than {HEADERS_MAX} header lines"));
            }
        }
        let mut message = Self { start, headers, body: Vec::new() };
        if message.status().is_none() && message.method().is_none() {
            return Err(format!("the first line is '{}'", message.start));
        }
        let length = match message.header("Content-Length") {
            Some(text) => text.parse().map_err(|_| format!("Content-Length is '{text}'"))?,
            None => rest.len(),
        };
        message.body = rest.get(..length).ok_or_else(|| format!("the body is shorter than {length} bytes"))?.to_vec();
        message.headers.retain(|(name, _)| name != "Content-Length");
        Ok(message)
    }

    /// The bytes on the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut head = String::with_capacity(1024);
        // Writing into memory cannot fail.
        let _ = write!(head, "{}\r\n", self.start);
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = write!(head, "Content-Length: {}\r\n\r\n", self.body.len());
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Appends a header line; CR and LF become blanks.
    pub fn push(&mut self, name: &str, value: impl Into<String>) {
        self.headers.push((name.to_owned(), value.into().replace(['\r', '\n'], " ")));
    }

    /// The same message with one more header line.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.push(name, value);
        self
    }

    /// Puts a header line before all others.
    pub(super) fn push_front(&mut self, name: &str, value: impl Into<String>) {
        self.headers.insert(0, (name.to_owned(), value.into()));
    }

    /// Removes every line of this name.
    pub(super) fn remove(&mut self, name: &str) {
        self.headers.retain(|(have, _)| !have.eq_ignore_ascii_case(name));
    }

    /// The method, when this is a request.
    pub fn method(&self) -> Option<&str> {
        let mut words = self.start.split(' ');
        let (method, _uri, version) = (words.next()?, words.next()?, words.next()?);
        (version == "SIP/2.0" && words.next().is_none()).then_some(method)
    }

    /// The Request-URI, when this is a request.
    pub fn uri(&self) -> Option<&str> {
        self.method()?;
        self.start.split(' ').nth(1)
    }

    /// The status, when this is a response.
    pub fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// The reason phrase; empty for a request.
    pub fn reason(&self) -> &str {
        self.start.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(4..)).unwrap_or_default()
    }

    /// The first value of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Every line of this name, in order.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The number and the method of CSeq.
    pub fn cseq(&self) -> Option<(u32, &str)> {
        let (number, method) = self.header("CSeq")?.split_once(' ')?;
        Some((number.trim().parse().ok()?, method.trim()))
    }

    /// The branch of the topmost Via.
    pub fn branch(&self) -> Option<&str> {
        let top = self.header("Via")?.split(',').next()?;
        top.split(';').skip(1).find_map(|param| param.trim().strip_prefix("branch="))
    }

    /// The tag of From (`"From"`) or To (`"To"`).
    pub fn tag(&self, header: &str) -> Option<&str> {
        param_of(self.header(header)?, "tag")
    }
}

/// A parameter behind the angle brackets of a name-addr value.
pub(super) fn param_of<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let params = brackets(value).and_then(|(_, end)| value.get(end + 1..)).unwrap_or(value);
    params.split(';').skip(1).find_map(|param| {
        let (have, text) = param.split_once('=')?;
        have.trim().eq_ignore_ascii_case(name).then(|| text.trim().trim_matches('"'))
    })
}

/// The URI inside a name-addr value, without its angle brackets.
pub(super) fn uri_of(value: &str) -> &str {
    match brackets(value) {
        Some((start, end)) => value.get(start + 1..end).unwrap_or_default(),
        None => value.split(';').next().unwrap_or_default().trim(),
    }
}

/// Where the angle brackets around the URI stand; those inside quotes (a display name, an instance id) do not count.
fn brackets(value: &str) -> Option<(usize, usize)> {
    let mut quoted = false;
    let mut start = None;
    for (at, byte) in value.bytes().enumerate() {
        match (byte, start) {
            (b'"', None) => quoted = !quoted,
            (b'<', None) if !quoted => start = Some(at),
            (b'>', Some(start)) => return Some((start, at)),
            _ => {}
        }
    }
    None
}

/// The user part of the URI inside a name-addr value; empty when it has none.
pub(super) fn user_of(value: &str) -> &str {
    let uri = uri_of(value);
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    rest.split_once('@').map_or("", |(user, _)| user)
}

/// Where the head ends: the index behind the empty line.
pub(super) fn find_head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

fn long_name(name: &str) -> String {
    let known =
        COMPACT.iter().find(|(short, long)| short.eq_ignore_ascii_case(name) || long.eq_ignore_ascii_case(name));
    known.map_or(name, |(_, long)| long).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_read_back_as_written() {
        let mut request = Message::request("OPTIONS", "sip:101@192.0.2.1");
        request.push("Via", "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKabc;rport");
        request.push("From", "\"A;B\" <sip:102@192.0.2.1;x=y>;tag=one");
        request.push("To", "<sip:101@192.0.2.1>");
        request.push("Call-ID", "c1");
        request.push("CSeq", "7 OPTIONS");
        let mut answer = Message::answer(&request, 200, "OK", "two");
        answer.body = b"hello".to_vec();
        let read = Message::parse(&answer.to_bytes()).unwrap();
        assert_eq!(read, answer);
        assert_eq!((read.status(), read.reason()), (Some(200), "OK"));
        assert_eq!((read.tag("From"), read.tag("To")), (Some("one"), Some("two")));
        assert_eq!(read.branch(), Some("z9hG4bKabc"));
        assert_eq!(read.cseq(), Some((7, "OPTIONS")));
        assert_eq!(user_of(read.header("f").unwrap_or_default()), "");
        assert_eq!(user_of(read.header("From").unwrap_or_default()), "102");
    }

    #[test]
    fn folded_and_compact_headers_are_understood() {
        let text = b"INVITE sip:101@h SIP/2.0\r\nv: SIP/2.0/TCP h\r\n ;branch=z9hG4bK1\r\nL: 2\r\n\r\nabcd";
        let message = Message::parse(text).unwrap();
        assert_eq!(message.branch(), Some("z9hG4bK1"));
        assert_eq!(message.body, b"ab");
        assert_eq!((message.method(), message.uri()), (Some("INVITE"), Some("sip:101@h")));
    }

    #[test]
    fn angle_brackets_inside_quotes_are_text() {
        let value = "\"a <b> c\" <sip:1@h;x=y>;expires=300;+sip.instance=\"<urn:uuid:1>\";reg-id=1";
        assert_eq!(uri_of(value), "sip:1@h;x=y");
        assert_eq!((param_of(value, "expires"), param_of(value, "reg-id")), (Some("300"), Some("1")));
        assert_eq!(param_of("sip:1@h;tag=t", "tag"), Some("t"));
    }

    #[test]
    fn what_is_not_sip_is_refused_with_a_reason() {
        assert!(Message::parse(b"GET / HTTP/1.1\r\n\r\n").unwrap_err().contains("first line"));
        assert!(Message::parse(b"SIP/2.0 200 OK\r\nContent-Length: 9\r\n\r\nab").unwrap_err().contains("shorter"));
        assert!(Message::parse(b"SIP/2.0 200 OK\r\n").unwrap_err().contains("empty line"));
    }

    #[test]
    fn a_header_value_cannot_make_a_header() {
        let message = Message::request("OPTIONS", "sip:h").with("Subject", "a\r\nEvil: yes");
        let read = Message::parse(&message.to_bytes()).unwrap();
        assert_eq!(read.header("Evil"), None);
    }
}
