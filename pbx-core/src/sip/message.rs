//! A SIP message as text slices of the received bytes: cheap to make, exact to echo.
//!
//! Header values are kept as received (unfolded, trimmed); they are typed only where a path needs them. Invariant:
//! no value contains CR, LF or NUL, so that writing a message can never make a header nobody meant.

use std::fmt;
use std::fmt::Write as _;

use bytes::{Bytes, BytesMut};
use bytesstr::BytesStr;

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
                $(if text.eq_ignore_ascii_case($text) $(|| text.eq_ignore_ascii_case($short))? {
                    return Self::$variant;
                })+
                Self::Other(text)
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
    ContentEncoding "Content-Encoding" "e", Subject "Subject" "s",
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
        self.0.push(Header { name, value: clean(value.into()) });
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
        match self.0.iter().position(|header| header.name == name) {
            Some(at) => {
                let mut index = 0;
                self.0.retain(|header| {
                    index += 1;
                    header.name != name || index - 1 == at
                });
                self.0[at].value = clean(value.into());
            }
            None => self.push(name, value),
        }
    }

    /// Puts a line before all others, as a new top Via must be (RFC 3261 section 8.1.1.7).
    pub fn push_front(&mut self, name: HeaderName, value: impl Into<BytesStr>) {
        self.push(name, value);
        self.0.rotate_right(1);
    }

    /// Replaces the value of the first line of this name and leaves the others; nothing happens when there is none.
    pub fn set_first(&mut self, name: &HeaderName, value: impl Into<BytesStr>) {
        let value = clean(value.into());
        if let Some(header) = self.0.iter_mut().find(|header| header.name == *name) {
            header.value = value;
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
        let mut out = start(&self.headers, &self.body);
        // Writing into memory cannot fail.
        let _ = write!(out, "{} {} SIP/2.0\r\n", self.method, self.uri.as_str());
        finish(out, &self.headers, &self.body)
    }
}

impl Response {
    /// An answer to `request`: Via, From, To, Call-ID and CSeq as received (RFC 3261 section 8.2.6.2).
    ///
    /// `to_tag` is added to To when the request carried none and the status is not 100.
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
        let mut out = start(&self.headers, &self.body);
        // Writing into memory cannot fail.
        let _ = write!(out, "SIP/2.0 {} {}\r\n", self.status, self.reason.as_str());
        finish(out, &self.headers, &self.body)
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
    let params = match value.rfind('>') {
        Some(end) => &value[end + 1..],
        None => value,
    };
    params.split(';').skip(1).find_map(|param| {
        let (name, tag) = param.split_once('=')?;
        name.trim().eq_ignore_ascii_case("tag").then(|| tag.trim())
    })
}

fn clean(value: BytesStr) -> BytesStr {
    if value.bytes().any(|b| matches!(b, b'\r' | b'\n' | 0)) {
        BytesStr::from(value.replace(['\r', '\n', '\0'], " "))
    } else {
        value
    }
}

fn start(headers: &Headers, body: &Bytes) -> BytesMut {
    let lines: usize = headers.iter().map(|header| header.name.as_str().len() + header.value.len() + 4).sum();
    // 160 bytes hold the start line of any request that passed the guard's usual sizes, and Content-Length.
    BytesMut::with_capacity(lines + body.len() + 160)
}

fn finish(mut out: BytesMut, headers: &Headers, body: &Bytes) -> Bytes {
    for header in headers.iter() {
        out.extend_from_slice(header.name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(header.value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    // Writing into memory cannot fail.
    let _ = write!(out, "Content-Length: {}\r\n\r\n", body.len());
    out.extend_from_slice(body);
    out.freeze()
}
