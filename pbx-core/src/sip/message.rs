//! A SIP message as text slices of the received bytes: cheap to make, exact to echo.
//!
//! Header values are kept as received (unfolded, trimmed); they are typed only where a path needs them. Invariant:
//! no value contains CR, LF or NUL, so that writing a message can never make a header nobody meant.

use std::fmt;
use std::fmt::Write as _;

use bytes::{Bytes, BytesMut};
use bytesstr::BytesStr;

use super::uri::NameAddr;

macro_rules! methods {
    ($($variant:ident $text:literal),+ $(,)?) => {
        /// A request method; anything the server does not act on is `Other`.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each variant is the method of that name")]
        pub enum Method {
            $($variant,)+
            Other(BytesStr),
        }

        impl Method {
            /// The method with exactly this name; methods are case-sensitive (RFC 3261 section 7.1).
            pub fn from_text(text: BytesStr) -> Self {
                match text.as_str() {
                    $($text => Self::$variant,)+
                    _ => Self::Other(text),
                }
            }

            /// The name on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(text) => text,
                }
            }
        }
    };
}

methods! {
    Invite "INVITE", Ack "ACK", Bye "BYE", Cancel "CANCEL", Register "REGISTER", Options "OPTIONS", Update "UPDATE",
    Info "INFO", Prack "PRACK", Message "MESSAGE", Subscribe "SUBSCRIBE", Notify "NOTIFY", Refer "REFER",
    Publish "PUBLISH",
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! header_names {
    ($($variant:ident $text:literal $($short:literal)?),+ $(,)?) => {
        /// A header name; compact forms are the same name.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each variant is the header of that name")]
        pub enum HeaderName {
            $($variant,)+
            Other(BytesStr),
        }

        impl HeaderName {
            /// The header with this name in any case, long or compact.
            pub fn from_text(text: BytesStr) -> Self {
                Self::known(&text).unwrap_or(Self::Other(text))
            }

            /// The header with this name in any case, long or compact, unless it is one we have no word for.
            pub fn known(text: &str) -> Option<Self> {
                // Length and first letter tell nearly all names apart, so a name is compared in full about once.
                let key = name_key(text);
                $(if (key == const { name_key($text) } && text.eq_ignore_ascii_case($text))
                    $(|| key == const { name_key($short) })?
                {
                    return Some(Self::$variant);
                })+
                None
            }

            /// The long form.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(text) => text,
                }
            }
        }
    };
}

header_names! {
    Via "Via" "v", From "From" "f", To "To" "t", CallId "Call-ID" "i", CSeq "CSeq", Contact "Contact" "m",
    MaxForwards "Max-Forwards", ContentLength "Content-Length" "l", Authorization "Authorization",
    ProxyAuthorization "Proxy-Authorization", Expires "Expires", UserAgent "User-Agent", Supported "Supported" "k",
    Allow "Allow", ContentType "Content-Type" "c", Route "Route", RecordRoute "Record-Route", Path "Path",
    Require "Require", ProxyRequire "Proxy-Require", Unsupported "Unsupported", WwwAuthenticate "WWW-Authenticate",
    ProxyAuthenticate "Proxy-Authenticate", MinExpires "Min-Expires", FeatureCaps "Feature-Caps", Reason "Reason",
    RetryAfter "Retry-After", Accept "Accept", Event "Event" "o", Server "Server", Warning "Warning", Date "Date",
    SessionExpires "Session-Expires" "x", ReferTo "Refer-To" "r", Replaces "Replaces", Rack "RAck", Rseq "RSeq",
    ContentEncoding "Content-Encoding" "e", Subject "Subject" "s", FlowTimer "Flow-Timer",
}

/// Length and first letter in lower case; zero for an empty text.
const fn name_key(text: &str) -> usize {
    match text.as_bytes() {
        [first, ..] => text.len() << 8 | first.to_ascii_lowercase() as usize,
        [] => 0,
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One header line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: HeaderName,
    /// Its value, unfolded and trimmed.
    pub value: BytesStr,
}

/// Header lines in the order received.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<Header>);

impl Headers {
    /// No headers, with room for `lines`.
    pub fn with_capacity(lines: usize) -> Self {
        Self(Vec::with_capacity(lines))
    }

    /// Appends a line. CR, LF and NUL in `value` are replaced by blanks: no value can make a header of its own.
    pub fn push(&mut self, name: HeaderName, value: impl Into<BytesStr>) {
        self.0.push(Header { name, value: on_one_line(value.into()) });
    }

    /// Puts a line before all others, as a new top Via must be (RFC 3261 section 8.1.1.7).
    pub fn push_front(&mut self, name: HeaderName, value: impl Into<BytesStr>) {
        self.push(name, value);
        self.0.rotate_right(1);
    }

    /// Appends a line whose value is known to hold no CR, LF or NUL.
    pub(super) fn push_clean(&mut self, name: HeaderName, value: BytesStr) {
        self.0.push(Header { name, value });
    }

    /// The first value of this name, to be changed to another text on one line.
    pub(super) fn first_mut(&mut self, name: &HeaderName) -> Option<&mut BytesStr> {
        self.0.iter_mut().find(|header| header.name == *name).map(|header| &mut header.value)
    }

    /// The first value of this name.
    pub fn get(&self, name: &HeaderName) -> Option<&BytesStr> {
        self.0.iter().find(|header| header.name == *name).map(|header| &header.value)
    }

    /// Every line of this name, in order. A line may hold several comma-separated values.
    pub fn all<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a BytesStr> {
        self.0.iter().filter(move |header| header.name == *name).map(|header| &header.value)
    }

    /// Replaces every line of this name by one, in the place of the first, or at the end.
    pub fn set(&mut self, name: HeaderName, value: impl Into<BytesStr>) {
        let value = on_one_line(value.into());
        let mut value = Some(value);
        self.0.retain_mut(|header| {
            if header.name != name {
                return true;
            }
            match value.take() {
                Some(value) => header.value = value,
                None => return false,
            }
            true
        });
        if let Some(value) = value {
            self.push_clean(name, value);
        }
    }

    /// Removes every line of this name.
    pub fn remove(&mut self, name: &HeaderName) {
        self.0.retain(|header| header.name != *name);
    }

    /// Every line.
    pub fn iter(&self) -> impl Iterator<Item = &Header> {
        self.0.iter()
    }

    /// How many lines.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is asked.
    pub method: Method,
    /// The Request-URI as received.
    pub uri: BytesStr,
    /// Header lines; `Content-Length` is not among them, it is written from the body.
    pub headers: Headers,
    /// The body, exactly as long as Content-Length said.
    pub body: Bytes,
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// 100 to 699.
    pub status: u16,
    /// The reason phrase.
    pub reason: BytesStr,
    /// Header lines; `Content-Length` is not among them, it is written from the body.
    pub headers: Headers,
    /// The body, exactly as long as Content-Length said.
    pub body: Bytes,
}

/// A request or a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

impl Request {
    /// A request without headers.
    pub fn new(method: Method, uri: impl Into<BytesStr>) -> Self {
        Self { method, uri: uri.into(), headers: Headers::with_capacity(16), body: Bytes::new() }
    }

    /// The bytes on the wire.
    pub fn to_bytes(&self) -> Bytes {
        write([self.method.as_str(), " ", &self.uri, " ", "SIP/2.0"], &self.headers, &self.body)
    }
}

impl Response {
    /// An answer to `request`: Via, From, To, Call-ID and CSeq as received (RFC 3261 section 8.2.6.2).
    ///
    /// `to_tag` is added to To when the request carried none and the status is not 100.
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other header is repeated, whatever it is")]
    pub fn to(request: &Request, status: u16, reason: &'static str, to_tag: &str) -> Self {
        let mut headers = Headers::with_capacity(12);
        for header in request.headers.iter() {
            match header.name {
                HeaderName::Via | HeaderName::From | HeaderName::CallId | HeaderName::CSeq => {
                    headers.0.push(header.clone());
                }
                HeaderName::To if status == 100 || has_tag(&header.value) => headers.0.push(header.clone()),
                HeaderName::To => {
                    let tagged = format!("{};tag={to_tag}", header.value.as_str());
                    headers.0.push(Header { name: HeaderName::To, value: tagged.into() });
                }
                _ => {}
            }
        }
        Self { status, reason: BytesStr::from_static(reason), headers, body: Bytes::new() }
    }

    /// The bytes on the wire.
    pub fn to_bytes(&self) -> Bytes {
        let status = status_text(self.status);
        let status = std::str::from_utf8(&status).unwrap_or("500");
        write(["SIP/2.0 ", status, " ", &self.reason, ""], &self.headers, &self.body)
    }
}

impl Message {
    /// The header lines.
    pub fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }
}

/// Whether a From or To value carries a `tag` parameter outside its angle brackets and quotes.
pub fn has_tag(value: &str) -> bool {
    tag_of(value).is_some()
}

/// The `tag` parameter of a From or To value.
pub fn tag_of(value: &str) -> Option<&str> {
    NameAddr::parse(value).ok().and_then(|address| address.tag()).filter(|tag| !tag.is_empty())
}

/// Three digits.
fn status_text(status: u16) -> [u8; 3] {
    [status / 100, status / 10, status].map(|digits| b'0' + u8::try_from(digits % 10).unwrap_or(0))
}

/// `value` with CR, LF and NUL replaced by blanks.
fn on_one_line(value: BytesStr) -> BytesStr {
    if value.bytes().fold(false, |bad, byte| bad | matches!(byte, b'\r' | b'\n' | 0)) {
        BytesStr::from(value.replace(['\r', '\n', '\0'], " "))
    } else {
        value
    }
}

/// Writes a message; `start` holds the parts of its start line.
fn write(start: [&str; 5], headers: &Headers, body: &Bytes) -> Bytes {
    let lines: usize = headers.iter().map(|header| header.name.as_str().len() + header.value.len() + 4).sum();
    let start_len: usize = start.iter().map(|part| part.len()).sum();
    // Behind the lines come Content-Length with at most 20 digits and three line ends.
    let mut out = BytesMut::with_capacity(start_len + lines + body.len() + 48);
    for part in start {
        // A blank for what cannot stand in a start line: its parts are public and may come from anywhere.
        if part.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            out.extend(part.bytes().map(|byte| if matches!(byte, b'\r' | b'\n' | 0) { b' ' } else { byte }));
        } else {
            out.extend_from_slice(part.as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
    for header in headers.iter() {
        out.extend_from_slice(header.name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(header.value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"Content-Length: ");
    match body.len() {
        0 => out.extend_from_slice(b"0"),
        // Writing into memory cannot fail.
        length => drop(write!(out, "{length}")),
    }
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(body);
    out.freeze()
}

#[cfg(test)]
mod tests;
