//! Searching text eight bytes at a time: nearly all the time of reading a message is spent here.
//!
//! Only ASCII bytes are searched for, so every offset found is a character boundary. Everything here is linear.

/// A word with `byte` in all its eight places.
const fn everywhere(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Where the first of some bytes is.
#[inline]
pub(super) fn find_any<const N: usize>(hay: &[u8], needles: [u8; N]) -> Option<usize> {
    let (words, tail) = hay.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // A zero byte of `difference` sets the top bit of its place in `hits`; places above it may be set as well, but
        // never one below, so the lowest is right.
        let hits = needles.iter().fold(0, |hits, &needle| {
            let difference = word ^ everywhere(needle);
            hits | (difference.wrapping_sub(everywhere(1)) & !difference & everywhere(0x80))
        });
        if hits != 0 {
            return Some(index * 8 + hits.trailing_zeros() as usize / 8);
        }
    }
    tail.iter().position(|byte| needles.contains(byte)).map(|at| words.len() * 8 + at)
}

/// Where the first `needle` is.
#[inline]
pub(super) fn find_byte(hay: &[u8], needle: u8) -> Option<usize> {
    find_any(hay, [needle])
}

/// What stands before and behind the first `stop`.
#[inline]
pub(super) fn split_once(text: &str, stop: u8) -> Option<(&str, &str)> {
    let at = find_byte(text.as_bytes(), stop)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Splits before the first of some bytes, which stays with the second part; that is empty when there is none.
#[inline]
pub(super) fn split_before<const N: usize>(text: &str, stops: [u8; N]) -> (&str, &str) {
    let at = find_any(text.as_bytes(), stops).unwrap_or(text.len());
    text.split_at_checked(at).unwrap_or((text, ""))
}

/// What a search outside quoted strings found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// The first stop is at this offset.
    At(usize),
    /// There is no stop, and every quote is closed.
    Nowhere,
    /// A quote is not closed, and there is no stop before it.
    OpenQuote,
}

/// Where the first of `stops` outside quoted strings is. The first of them must be the quote itself.
#[inline]
pub(super) fn outside_quotes<const N: usize>(text: &str, stops: [u8; N]) -> Found {
    debug_assert_eq!(stops.first(), Some(&b'"'));
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| find_any(rest, stops)) {
        at += found;
        if bytes.get(at) != Some(&b'"') {
            return Found::At(at);
        }
        match end_of_quote(bytes, at + 1) {
            Some(end) => at = end,
            None => return Found::OpenQuote,
        }
    }
    Found::Nowhere
}

/// The offset behind the quote that closes the string whose text starts at `at`.
fn end_of_quote(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += find_any(bytes.get(at..)?, [b'"', b'\\'])?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        // What follows a backslash never ends the string.
        at += 2;
    }
}

/// Splits at the first `stop` outside quotes; the stop itself is in neither part. Without one, or behind a quote that
/// is not closed, everything is in the first part.
#[inline]
pub(super) fn split_outside_quotes(text: &str, stop: u8) -> (&str, &str) {
    match outside_quotes(text, [b'"', stop]) {
        Found::At(at) => (text.get(..at).unwrap_or(text), text.get(at + 1..).unwrap_or("")),
        Found::Nowhere | Found::OpenQuote => (text, ""),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quoted_and_escaped_stops_do_not_count() {
        assert_eq!(outside_quotes("a;b", [b'"', b';']), Found::At(1));
        assert_eq!(outside_quotes("\"a;\\\";\";b", [b'"', b';']), Found::At(7));
        assert_eq!(outside_quotes("\"a;\" b", [b'"', b';']), Found::Nowhere);
        assert_eq!(outside_quotes("\"a;\\\"", [b'"', b';']), Found::OpenQuote);
        assert_eq!(outside_quotes("\"a\\", [b'"', b';']), Found::OpenQuote);
        assert_eq!(split_outside_quotes("a=\";\";b", b';'), ("a=\";\"", "b"));
    }

    proptest! {
        #[test]
        fn the_first_of_some_bytes_is_found(hay in prop::collection::vec(prop::sample::select(vec![0, b'"', b'\\', b';', b'<', 0x80, 0xbb, 0xff]), 0..40)) {
            let slow = |needles: &[u8]| hay.iter().position(|byte| needles.contains(byte));
            prop_assert_eq!(find_any(&hay, [b'"', b'\\']), slow(b"\"\\"));
            prop_assert_eq!(find_any(&hay, [b'"', b';', b'<']), slow(b"\";<"));
            prop_assert_eq!(find_byte(&hay, b';'), slow(b";"));
        }
    }
}
