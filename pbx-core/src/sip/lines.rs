//! The lines of a message head, cut the same way by the guard (datagrams and frames) and by the framer (streams).
//!
//! A line ends at LF; a CR before it belongs to the line end. A line that starts with a blank or a tab continues the
//! one before (RFC 3261 section 7.3.1). The head ends behind the first empty line. Everything here is linear.

use super::scan::find_byte;

/// What a search for the end of a head found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeadEnd {
    /// The body starts at this offset.
    At(usize),
    /// Not there yet; go on from this offset when more bytes have come.
    SearchFrom(usize),
}

/// Looks for the end of the head in `bytes`, whose part before `from` has been searched already.
pub(super) fn head_end(bytes: &[u8], from: usize) -> HeadEnd {
    let mut at = from;
    while let Some(newline) = bytes.get(at..).and_then(|rest| find_byte(rest, b'\n')).map(|found| at + found) {
        match (bytes.get(newline + 1), bytes.get(newline + 2)) {
            (Some(b'\n'), _) => return HeadEnd::At(newline + 2),
            (Some(b'\r'), Some(b'\n')) => return HeadEnd::At(newline + 3),
            (None, _) | (Some(b'\r'), None) => return HeadEnd::SearchFrom(newline),
            (Some(_), _) => at = newline + 1,
        }
    }
    HeadEnd::SearchFrom(bytes.len().max(from))
}

/// One logical line: a start line or a header with its continuations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    /// Offset of its first byte.
    pub(super) start: usize,
    /// Offset behind its last byte, without the line end.
    pub(super) end: usize,
    /// Whether it goes over several physical lines.
    pub(super) folded: bool,
}

/// The logical lines of a head, up to its empty line.
pub(super) struct Lines<'a> {
    head: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    /// Cuts `head`.
    pub(super) fn new(head: &'a [u8]) -> Self {
        Self { head, at: 0 }
    }
}

impl Iterator for Lines<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        let start = self.at;
        let mut from = start;
        loop {
            let rest = self.head.get(from..).filter(|rest| !rest.is_empty())?;
            let newline = from + find_byte(rest, b'\n').unwrap_or(rest.len());
            let without_cr = match newline.checked_sub(1).and_then(|at| self.head.get(at)) {
                Some(b'\r') if newline > start => newline - 1,
                Some(_) | None => newline,
            };
            if without_cr == start {
                return None;
            }
            if matches!(self.head.get(newline + 1), Some(b' ' | b'\t')) {
                from = newline + 1;
                continue;
            }
            self.at = newline + 1;
            return Some(Line { start, end: without_cr, folded: from != start });
        }
    }
}

/// A folded value on one line: each line end with the blanks around it becomes one blank.
pub(super) fn unfold(value: &str) -> String {
    let mut joined = String::with_capacity(value.len());
    for part in value.split('\n') {
        let part = part.trim_matches([' ', '\t', '\r']);
        if !part.is_empty() && !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(part);
    }
    joined
}

/// The number in a Content-Length value, if it is one that fits.
pub(super) fn content_length(value: &str) -> Option<usize> {
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) { None } else { value.parse().ok() }
}
