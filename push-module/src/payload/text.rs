//! The caller in words, safe to show and short enough to send.

use pbx_core::model::UnixMillis;

/// A caller's name; longer ones do not fit on any lock screen.
pub const NAME_BYTES: usize = 128;
/// A caller's number or SIP user part.
pub const NUMBER_BYTES: usize = 64;

/// Who calls, cleaned and cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerWords {
    /// The number; empty when withheld.
    pub number: String,
    /// The name; empty when unknown.
    pub name: String,
}

impl CallerWords {
    /// Cleans and cuts what the network gave.
    pub fn new(number: &str, name: &str) -> Self {
        Self { number: clean(number, NUMBER_BYTES), name: clean(name, NAME_BYTES) }
    }

    /// For a call screen: the name, else the number.
    pub fn title(&self) -> &str {
        match (self.name.is_empty(), self.number.is_empty()) {
            (false, _) => &self.name,
            (true, false) => &self.number,
            (true, true) => "Unknown caller",
        }
    }

    /// For a sentence: both, as far as they are known and differ.
    pub fn both(&self) -> String {
        if self.name.is_empty() || self.number.is_empty() || self.name == self.number {
            self.title().to_owned()
        } else {
            format!("{} ({})", self.name, self.number)
        }
    }

    /// A SIP URI for apps that parse one; the number is its user part, escaped (RFC 3261 section 25.1).
    pub fn uri(&self) -> String {
        use std::fmt::Write as _;
        let mut uri = String::from("sip:");
        for byte in if self.number.is_empty() { "anonymous".bytes() } else { self.number.bytes() } {
            if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte) {
                uri.push(char::from(byte));
            } else {
                // Writing to a String cannot fail.
                let _ = write!(uri, "%{byte:02X}");
            }
        }
        uri.push_str("@anonymous.invalid");
        uri
    }
}

/// Drops what does not belong on a screen and cuts at a character boundary.
fn clean(text: &str, bytes: usize) -> String {
    let mut clean = String::with_capacity(text.len().min(bytes));
    for c in text.trim().chars().filter(|c| !c.is_control() && !is_direction(*c)) {
        if clean.len() + c.len_utf8() > bytes {
            break;
        }
        clean.push(c);
    }
    clean.truncate(clean.trim_end().len());
    clean
}

/// Characters that reorder the text around them, with which a caller could dress up as another.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// `2026-11-21 22:54:05`, UTC, as Linphone reads it.
pub(crate) fn send_time(at: UnixMillis) -> String {
    let seconds = at.seconds();
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days to civil date: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}
