//! What a command prints: aligned tables and local times for people, JSON for scripts.

use std::io::{self, Write as _};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use pbx_core::model::UnixMillis;
use serde_json::Value;

use super::Exit;

/// What a command gives back.
#[derive(Debug)]
pub(super) struct Report {
    /// For people; lines end with a line break, the last one too.
    pub(super) text: String,
    /// For scripts.
    pub(super) json: Value,
    /// How it ended.
    pub(super) exit: Exit,
}

impl Report {
    /// Everything went well.
    pub(super) fn done(text: impl Into<String>, json: Value) -> Self {
        Self { text: text.into(), json, exit: Exit::Ok }
    }

    /// The same with another ending.
    pub(super) const fn ending(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    pub(super) fn print(&self, json: bool) {
        if json {
            if !self.json.is_null() {
                print_json(&self.json);
            }
        } else {
            print(&self.text);
        }
    }
}

/// Prints to standard output; a reader that went away (`| head`) is no error.
pub(super) fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints one JSON document.
pub(super) fn print_json(value: &Value) {
    print(&format!("{value:#}\n"));
}

/// Prints lines to standard error.
pub(super) fn print_error(text: &str) {
    let mut err = io::stderr().lock();
    let _ = writeln!(err, "{}", clean_lines(text));
}

/// Text from phones and strangers without anything that could steer a terminal: control and direction characters.
pub(super) fn clean(text: &str) -> String {
    text.chars().filter(|c| !steers(*c)).collect()
}

fn clean_lines(text: &str) -> String {
    text.chars().filter(|c| *c == '\n' || !steers(*c)).collect()
}

fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Rows under a header, columns as wide as their longest value.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new<const N: usize>(header: [&str; N]) -> Self {
        Self { rows: vec![header.map(str::to_owned).to_vec()] }
    }

    /// Adds a row; empty cells are shown as `-`.
    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        let shown = |cell: String| {
            let cell = clean(&cell);
            if cell.is_empty() { "-".to_owned() } else { cell }
        };
        self.rows.push(cells.map(shown).to_vec());
    }

    /// The table, or `nothing` when it has no rows.
    pub(super) fn text(&self, nothing: &str) -> String {
        if self.rows.len() < 2 {
            return format!("{nothing}\n");
        }
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max())
            .map(Option::unwrap_or_default)
            .collect();
        self.rows.iter().map(|row| line(row, &widths)).collect()
    }
}

fn line(row: &[String], widths: &[usize]) -> String {
    let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
    format!("{}\n", cells.join("  ").trim_end())
}

/// An instant in the machine's time zone, to the millisecond: `2026-11-21 23:02:13.045`.
pub(super) fn time(at: UnixMillis) -> String {
    let instant = Timestamp::from_millisecond(at.0).unwrap_or_default();
    instant.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

/// A span between two instants: `812 ms`, `4.2 s`, `12 min 5 s`, `1 h 2 min`.
pub(super) fn span(from: UnixMillis, until: UnixMillis) -> String {
    let millis = until.0.saturating_sub(from.0).max(0);
    let (hours, minutes, seconds) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1000 % 60);
    if hours > 0 {
        format!("{hours} h {minutes} min")
    } else if minutes > 0 {
        format!("{minutes} min {seconds} s")
    } else if millis >= 1000 {
        format!("{seconds}.{} s", millis % 1000 / 100)
    } else {
        format!("{millis} ms")
    }
}

/// `1 phone`, `2 phones`.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_longest_value_and_no_line_ends_in_blanks() {
        let mut table = Table::new(["NUMBER", "NAME", "NOTE"]);
        table.row(["1".into(), "Åsa Öberg".into(), String::new()]);
        table.row(["10200".into(), String::new(), "x".into()]);
        assert_eq!(table.text(""), "NUMBER  NAME       NOTE\n1       Åsa Öberg  -\n10200   -          x\n");
    }

    #[test]
    fn an_empty_table_says_so_in_words() {
        assert_eq!(Table::new(["A"]).text("There is nothing."), "There is nothing.\n");
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\u{202e}c\r\nd"), "a[2Jbcd");
        assert_eq!(clean_lines("one\ntwo\u{9b}1m"), "one\ntwo1m");
    }

    #[test]
    fn instants_show_their_milliseconds() {
        let text = time(UnixMillis(1_795_000_000_045));
        assert!(text.ends_with(".045"), "{text}");
        assert_eq!(text.len(), "2026-11-21 23:02:13.045".len());
    }

    #[test]
    fn spans_name_the_units_that_matter() {
        let cases = [(812, "812 ms"), (4_290, "4.2 s"), (125_000, "2 min 5 s"), (3_720_000, "1 h 2 min"), (-5, "0 ms")];
        for (millis, text) in cases {
            assert_eq!(span(UnixMillis(0), UnixMillis(millis)), text);
        }
    }
}
