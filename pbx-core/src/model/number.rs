//! An extension's number: 2 to 15 digits, packed into one word so that hot maps compare integers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// The shortest number that can be dialled without waiting for more digits on common desk phones.
const MIN_DIGITS: usize = 2;
/// E.164 numbers have at most 15 digits; no internal number needs more.
const MAX_DIGITS: usize = 15;

/// An internal number such as `101`; leading zeros count.
///
/// Packed as the digits behind a leading 1, so `7` of `07` and `007` differ and the order is by length, then value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtensionNumber(u64);

/// Why a text is not an extension number.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NumberError {
    /// Nothing was given.
    #[error("the number is empty; give 2 to 15 digits, for example 101")]
    Empty,
    /// A character that is no digit.
    #[error("“{found}” is not a digit; a number has 2 to 15 digits and nothing else, for example 101")]
    NotADigit {
        /// The first offending character.
        found: char,
    },
    /// Too few or too many digits.
    #[error("the number has {digits} digits; it must have 2 to 15")]
    Length {
        /// How many were given.
        digits: usize,
    },
}

impl FromStr for ExtensionNumber {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        if text.is_empty() {
            return Err(NumberError::Empty);
        }
        if let Some(found) = text.chars().find(|c| !c.is_ascii_digit()) {
            return Err(NumberError::NotADigit { found });
        }
        if !(MIN_DIGITS..=MAX_DIGITS).contains(&text.len()) {
            return Err(NumberError::Length { digits: text.len() });
        }
        Ok(Self(text.bytes().fold(1, |packed, digit| packed * 10 + u64::from(digit - b'0'))))
    }
}

impl fmt::Display for ExtensionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0u8; MAX_DIGITS];
        let mut at = MAX_DIGITS;
        let mut rest = self.0;
        while rest > 1 {
            at -= 1;
            digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
        f.pad(std::str::from_utf8(&digits[at..]).unwrap_or(""))
    }
}

impl fmt::Debug for ExtensionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExtensionNumber({self})")
    }
}

impl Serialize for ExtensionNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ExtensionNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_they_were_written() {
        for text in ["10", "101", "007", "000000000000000", "999999999999999"] {
            assert_eq!(text.parse::<ExtensionNumber>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn leading_zeros_make_another_number() {
        assert_ne!("07".parse::<ExtensionNumber>().unwrap(), "007".parse::<ExtensionNumber>().unwrap());
    }

    #[test]
    fn letters_and_lengths_are_refused_with_the_reason() {
        assert_eq!("10a".parse::<ExtensionNumber>(), Err(NumberError::NotADigit { found: 'a' }));
        assert_eq!("1".parse::<ExtensionNumber>(), Err(NumberError::Length { digits: 1 }));
        assert_eq!("1234567890123456".parse::<ExtensionNumber>(), Err(NumberError::Length { digits: 16 }));
        assert_eq!("".parse::<ExtensionNumber>(), Err(NumberError::Empty));
        assert_eq!("1\u{662}".parse::<ExtensionNumber>(), Err(NumberError::NotADigit { found: '\u{662}' }));
    }
}
