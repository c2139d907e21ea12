//! A SIP message as it may be shown: whatever lets somebody sign in, push or decrypt is hidden.
//!
//! Works on the bytes as they were on the wire, also on those that no parser would take. Hidden are: what proves an account
//! (Authorization and its kin), the values of push parameters (`pn-…`, RFC 8599 and older), passwords in URIs, keys of
//! encrypted sound in SDP (`a=crypto`, `a=ice-pwd`, `k=`), every header we do not know whose name sounds like a secret, and
//! every body that is not SDP.

use std::borrow::Cow;

use crate::sip::message::HeaderName;

/// A message is cut behind this; a long INVITE has half of it.
const LONGEST: usize = 4096;
/// In place of what is hidden.
const HIDDEN: &str = "(hidden)";
/// Words in the names of headers that nobody outside their makers knows.
const SECRET_WORDS: [&str; 8] = ["token", "secret", "auth", "key", "push", "pass", "cookie", "identity"];

/// What is shown of a message.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) title: String,
    pub(super) cseq: String,
    pub(super) agent: String,
    pub(super) text: String,
}

/// The Call-ID of a message, without reading more of it than needed.
pub(super) fn call_id(raw: &[u8]) -> Option<&str> {
    let lines = raw.split(|byte| *byte == b'\n').skip(1);
    for line in lines.take_while(|line| !line.is_empty() && *line != b"\r") {
        let value = match line {
            [b'C' | b'c', b'a' | b'A', b'l' | b'L', b'l' | b'L', b'-', b'I' | b'i', b'D' | b'd', rest @ ..] => rest,
            [b'i' | b'I', rest @ ..] if matches!(rest, [b':' | b' ' | b'\t', ..]) => rest,
            _ => continue,
        };
        let value = std::str::from_utf8(value).ok()?.trim_start().strip_prefix(':')?;
        return Some(value.trim());
    }
    None
}

/// What may be shown.
pub(super) fn shown(raw: &[u8]) -> Shown {
    let text = String::from_utf8_lossy(raw);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let mut shown = Shown::default();
    let mut kind = String::new();
    let mut out = String::with_capacity(text.len().min(LONGEST));
    // A folded line belongs to the one before, and is hidden with it.
    let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    for (index, line) in head.split("\r\n").enumerate() {
        if index == 0 {
            shown.title = title(line);
            out.push_str(&without_parameters(line));
        } else {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let (name, value) = (name.trim(), value.trim());
            match HeaderName::known(name) {
                Some(HeaderName::CSeq) => value.clone_into(&mut shown.cseq),
                Some(HeaderName::UserAgent | HeaderName::Server) => shown.agent = value.chars().take(80).collect(),
                Some(HeaderName::ContentType) => kind = value.to_ascii_lowercase(),
                Some(_) | None => {}
            }
            out.extend(["\n", name, ": "]);
            out.push_str(&value_shown(name, value));
        }
        if out.len() > LONGEST {
            break;
        }
    }
    if !body.is_empty() {
        out.push_str("\n\n");
        if kind.starts_with("application/sdp") {
            out.extend(body.lines().map(|line| format!("{}\n", sdp_line(line))));
        } else {
            out.push_str(&format!("({} bytes that are not shown)", body.len()));
        }
    }
    cut(&mut out);
    shown.text = out;
    shown
}

/// The method, or the status with its reason.
fn title(start: &str) -> String {
    let title = match start.strip_prefix("SIP/2.0 ") {
        Some(status) => status,
        None => start.split(' ').next().unwrap_or(""),
    };
    title.chars().filter(|c| !c.is_control()).take(80).collect()
}

fn cut(text: &mut String) {
    if text.len() > LONGEST {
        let end = text.floor_char_boundary(LONGEST);
        text.truncate(end);
        text.push_str("\n… (cut)");
    }
}

fn value_shown<'a>(name: &str, value: &'a str) -> Cow<'a, str> {
    match HeaderName::known(name) {
        Some(
            HeaderName::Authorization
            | HeaderName::ProxyAuthorization
            | HeaderName::WwwAuthenticate
            | HeaderName::ProxyAuthenticate,
        ) => {
            let scheme = value.split(' ').next().unwrap_or("");
            Cow::Owned(format!("{scheme} {HIDDEN}"))
        }
        Some(_) => without_parameters(value),
        None => {
            let name = name.to_ascii_lowercase();
            if SECRET_WORDS.iter().any(|word| name.contains(word)) {
                Cow::Borrowed(HIDDEN)
            } else {
                without_parameters(value)
            }
        }
    }
}

/// The text without the values of push parameters and without passwords in URIs.
fn without_parameters(text: &str) -> Cow<'_, str> {
    let lower = text.to_ascii_lowercase();
    if !lower.contains("pn-") && !lower.contains("sip:") && !lower.contains("sips:") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let low = lower.get(at..).unwrap_or("");
        // A parameter begins behind a semicolon, a question mark or an ampersand, escaped or not.
        let starts_word = at == 0 || !text.as_bytes().get(at - 1).is_some_and(u8::is_ascii_alphanumeric);
        if low.starts_with("pn-") && starts_word {
            let name = rest.find(['=', ';', '>', ',', ' ', '"']).unwrap_or(rest.len());
            out.push_str(rest.get(..name).unwrap_or(""));
            at += name;
            let value = text.get(at..).unwrap_or("");
            if value.starts_with('=') {
                let end = value.find([';', '>', ',', ' ', '&']).unwrap_or(value.len());
                out.push('=');
                out.push_str(HIDDEN);
                at += end;
            }
        } else if low.starts_with("sip:") || low.starts_with("sips:") {
            let scheme = low.find(':').map_or(4, |colon| colon + 1);
            out.push_str(rest.get(..scheme).unwrap_or(""));
            at += scheme;
            let uri = text.get(at..).unwrap_or("");
            let end = uri.find(['>', ' ', ',', '"']).unwrap_or(uri.len());
            if let Some((user, _)) = uri.get(..end).unwrap_or("").split_once('@')
                && let Some((name, _)) = user.split_once(':')
            {
                out.extend([name, ":", HIDDEN]);
                at += user.len();
            }
        } else {
            let length = rest.chars().next().map_or(1, char::len_utf8);
            out.push_str(rest.get(..length).unwrap_or(""));
            at += length;
        }
    }
    Cow::Owned(out)
}

fn sdp_line(line: &str) -> Cow<'_, str> {
    let low = line.to_ascii_lowercase();
    if let Some(at) = low.find("inline:") {
        return Cow::Owned(format!("{}inline:{HIDDEN}", line.get(..at).unwrap_or("")));
    }
    for hidden in ["a=crypto", "a=ice-pwd", "a=key-mgmt", "k="] {
        if low.starts_with(hidden) {
            return Cow::Owned(format!("{hidden} {HIDDEN}"));
        }
    }
    Cow::Borrowed(line)
}
