//! The CSeq header: a number below 2^31 and the method it counts (RFC 3261 section 8.1.1.5).

use super::message::{HeaderName, Headers};
use super::scan::{find_any, split_before};

/// CSeq numbers are below 2^31 (RFC 3261 section 8.1.1.5).
const LIMIT: u32 = 1 << 31;

/// A typed CSeq value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CSeq<'a> {
    /// The number, below 2^31.
    pub number: u32,
    /// The method as written.
    pub method: &'a str,
}

impl<'a> CSeq<'a> {
    /// Reads a CSeq value; `None` when it is not a number below 2^31 and one method name.
    pub fn parse(value: &'a str) -> Option<Self> {
        let (number, method) = split_before(value.trim_ascii(), [b' ', b'\t']);
        let method = method.trim_ascii_start();
        let blank = find_any(method.as_bytes(), [b' ', b'\t']).is_some();
        if !number.bytes().all(|byte| byte.is_ascii_digit()) || method.is_empty() || blank {
            return None;
        }
        let number = number.parse().ok().filter(|number| *number < LIMIT)?;
        Some(Self { number, method })
    }
}

/// The CSeq of a message.
pub fn of(headers: &Headers) -> Option<CSeq<'_>> {
    headers.get(&HeaderName::CSeq).and_then(|value| CSeq::parse(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_zeros_and_wide_blanks_are_read() {
        assert_eq!(CSeq::parse("0009  INVITE"), Some(CSeq { number: 9, method: "INVITE" }));
        assert_eq!(CSeq::parse("2147483647 ACK"), Some(CSeq { number: 2_147_483_647, method: "ACK" }));
    }

    #[test]
    fn numbers_from_two_to_the_31_signs_and_missing_parts_are_refused() {
        for value in
            ["2147483648 ACK", "4294967296 ACK", "-1 ACK", "+1 ACK", "1", "ACK", "", " ", "1 ACK INVITE", "1x ACK"]
        {
            assert_eq!(CSeq::parse(value), None, "{value:?}");
        }
    }
}
