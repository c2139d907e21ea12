//! A head cut into its start line and header lines, as slices of the received bytes wherever that is possible.

use bytes::Bytes;
use bytesstr::BytesStr;

use super::{Fault, MAX_HEADERS, MAX_LINE, bad, is_token};
use crate::sip::lines::{Line, Lines, content_length, unfold};
use crate::sip::message::{HeaderName, Headers};
use crate::sip::scan::split_once;

/// What a head holds.
pub(super) struct Head {
    pub(super) start_line: BytesStr,
    pub(super) headers: Headers,
    /// What Content-Length says, if it is there; it is not among the headers.
    pub(super) content_length: Option<usize>,
}

impl Head {
    /// Reads the bytes up to and including the empty line.
    pub(super) fn read(bytes: Bytes) -> Result<Self, Fault> {
        let text = readable(bytes)?;
        let mut lines = Lines::new(text.as_bytes());
        let start = lines.next().filter(|line| !line.folded).ok_or(bad("The start line is malformed"))?;
        let start_line = slice(&text, start).ok_or(bad("The start line is malformed"))?;
        let mut head =
            Self { start_line: text.slice_ref(start_line), headers: Headers::with_capacity(24), content_length: None };
        for (count, line) in lines.enumerate() {
            if count == MAX_HEADERS {
                return Err(bad("Too many header lines"));
            }
            if line.end - line.start > MAX_LINE {
                return Err(bad("A header line is too long"));
            }
            head.add(&text, line)?;
        }
        Ok(head)
    }

    fn add(&mut self, text: &BytesStr, line: Line) -> Result<(), Fault> {
        let (name, value) =
            slice(text, line).and_then(|line| split_once(line, b':')).ok_or(bad("A header line has no colon"))?;
        let (name, value) = (name.trim_ascii_end(), value.trim_ascii());
        if !is_token(name) {
            return Err(bad("A header name is malformed"));
        }
        let value = if line.folded { BytesStr::from(unfold(value)) } else { text.slice_ref(value) };
        let name = HeaderName::known(name).unwrap_or_else(|| HeaderName::Other(text.slice_ref(name)));
        if name == HeaderName::ContentLength {
            let length = content_length(&value).ok_or(bad("Content-Length is not a number"))?;
            if self.content_length.replace(length).is_some_and(|before| before != length) {
                return Err(bad("Content-Length is given twice with different numbers"));
            }
        } else {
            self.headers.push_clean(name, value);
        }
        Ok(())
    }
}

fn slice(text: &BytesStr, line: Line) -> Option<&str> {
    text.as_str().get(line.start..line.end)
}

/// The head as text: UTF-8 as it came, anything else read as Latin-1; control characters refused.
fn readable(bytes: Bytes) -> Result<BytesStr, Fault> {
    if !has_control(&bytes)
        && let Ok(text) = BytesStr::from_utf8_bytes(bytes.clone())
    {
        return Ok(text);
    }
    let text = without_escaped_controls(&latin1_where_not_utf8(&bytes));
    if has_control(text.as_bytes()) {
        return Err(bad("The headers hold a control character"));
    }
    Ok(BytesStr::from(text))
}

/// Whether a control character other than tab and line ends is in `bytes`, or a CR that ends no line.
fn has_control(bytes: &[u8]) -> bool {
    let pairs = bytes.iter().zip(bytes.iter().skip(1));
    let inside = pairs.fold(false, |bad, (&byte, &next)| bad | is_control(byte) | ((byte == b'\r') & (next != b'\n')));
    inside | bytes.last().is_some_and(|&byte| is_control(byte) || byte == b'\r')
}

fn is_control(byte: u8) -> bool {
    ((byte < b' ') & (byte != b'\t') & (byte != b'\n') & (byte != b'\r')) | (byte == 0x7f)
}

/// Bytes that are no UTF-8 become the characters they are in Latin-1, as old phones mean them.
pub(super) fn latin1_where_not_utf8(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|&byte| char::from(byte)));
    }
    text
}

/// A control character behind a backslash is legal in a quoted string (RFC 3261 section 25.1) and becomes a blank.
fn without_escaped_controls(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut escaped = false;
    for c in text.chars() {
        let replaced = escaped && u8::try_from(c).is_ok_and(is_control);
        plain.push(if replaced { ' ' } else { c });
        escaped = c == '\\' && !escaped;
    }
    plain
}

/// `text` on one line with every control character blanked, fit to be echoed in a refusal.
pub(super) fn one_line(text: &str) -> String {
    unfold(text).replace(|c: char| c.is_control(), " ")
}
