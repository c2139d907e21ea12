//! Reads a pasted or uploaded CSV. Pure: what its cells mean is the caller's.
//!
//! Spreadsheets write what they like, so the separator and a byte order mark are sniffed; the columns are not guessed but
//! named in the first line. Every error names its line and column, and all errors are reported at once.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::language::retold;
use crate::{say, t};

/// Errors worth reading.
const MAX_ERRORS: usize = 100;

/// What is wrong with one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct RowError {
    /// Its line in the text, counted from 1.
    pub(crate) line: u64,
    /// Which column, empty when the whole line is meant.
    pub(crate) column: &'static str,
    /// Stable.
    pub(crate) code: &'static str,
    /// The problem and the fix.
    pub(crate) message: String,
}

/// A text that was read: `rows` are good by themselves, `errors` say what is not.
#[derive(Debug)]
pub(crate) struct Parsed<R> {
    pub(crate) rows: Vec<R>,
    pub(crate) errors: Vec<RowError>,
    /// Lines with content behind the header.
    pub(crate) lines: usize,
}

impl<R> Default for Parsed<R> {
    fn default() -> Self {
        Self { rows: Vec::new(), errors: Vec::new(), lines: 0 }
    }
}

impl<R> Parsed<R> {
    pub(crate) fn error(&mut self, line: u64, column: &'static str, code: &'static str, message: impl Into<String>) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(RowError { line, column, code, message: message.into() });
        }
    }
}

/// What a list may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    /// One line of it and several, for people.
    pub(crate) things: [&'static str; 2],
    pub(crate) columns: &'static [&'static str],
    /// The columns that must be there, each with the code of its absence.
    pub(crate) needed: &'static [(&'static str, &'static str)],
    /// More lines come from a mistake.
    pub(crate) most: usize,
}

/// One line of a list.
pub(crate) struct Record<'a> {
    /// Its line in the text, counted from 1.
    pub(crate) line: u64,
    record: &'a csv::StringRecord,
    places: &'a Places,
}

impl<'a> Record<'a> {
    /// The text of a cell; empty when there is no such column.
    pub(crate) fn cell(&self, column: &str) -> &'a str {
        self.places.get(column).and_then(|place| self.record.get(*place)).unwrap_or("")
    }
}

/// Counts lines: the reader's own position is before the line breaks it skips.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line of the record that was found behind this position; positions only go forward.
    fn of(&mut self, position: Option<&csv::Position>) -> u64 {
        let start = position.and_then(|position| usize::try_from(position.byte()).ok()).unwrap_or(self.at);
        let bytes = self.text.as_bytes();
        let breaks = bytes.iter().skip(start).take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let passed = bytes.get(self.at..start + breaks).unwrap_or_default();
        self.line += u64::try_from(passed.iter().filter(|b| **b == b'\n').count()).unwrap_or(0);
        self.at = self.at.max(start + breaks);
        self.line
    }
}

/// Where each known column stands.
type Places = BTreeMap<&'static str, usize>;

/// Reads the text; each good line is given to `row`.
pub(crate) fn read<R>(form: &Form, text: &str, mut row: impl FnMut(&Record<'_>, &mut Parsed<R>)) -> Parsed<R> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parsed = Parsed::default();
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator(text))
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut records = reader.records();
    let mut lines = Lines { text, at: 0, line: 1 };
    let Some(Ok(header)) = records.next() else {
        let columns = form.columns.join(",");
        parsed.error(1, "", "empty", say("sheet-there-is-nothing-to-import-the").with("columns", &columns).text());
        return parsed;
    };
    let Some(places) = places(form, &header, &mut parsed) else { return parsed };
    for record in records {
        let record = match record {
            Ok(record) => record,
            Err(broken) => {
                let line = lines.of(broken.position());
                parsed.error(line, "", "unreadable", t("import-this-line-cannot-be-read-look"));
                break;
            }
        };
        if record.iter().all(str::is_empty) {
            continue;
        }
        let line = lines.of(record.position());
        parsed.lines += 1;
        if parsed.lines > form.most {
            let line = record.position().map_or(0, csv::Position::line);
            let ([_, things], most) = (form.things, form.most);
            parsed.error(
                line,
                "",
                "too_many",
                say("sheet-an-import-has-at-most-split").with("most", &most).with("things", &retold(things)).text(),
            );
            break;
        }
        row(&Record { line, record: &record, places: &places }, &mut parsed);
    }
    if parsed.lines == 0 && parsed.errors.is_empty() {
        parsed.error(
            2,
            "",
            "empty",
            say("sheet-there-is-no-below-the-first").with("things", &retold(form.things[0])).text(),
        );
    }
    parsed
}

/// The separator that is most frequent in the first line.
fn separator(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or("");
    let count = |separator: u8| first.bytes().filter(|b| *b == separator).count();
    [b',', b';', b'\t'].into_iter().max_by_key(|s| (count(*s), *s == b',')).unwrap_or(b',')
}

fn places<R>(form: &Form, header: &csv::StringRecord, parsed: &mut Parsed<R>) -> Option<Places> {
    let mut places = Places::new();
    for (place, given) in header.iter().enumerate() {
        let given_key = given.to_lowercase();
        match form.columns.iter().copied().find(|column| *column == given_key) {
            Some(column) => {
                if places.insert(column, place).is_some() {
                    parsed.error(
                        1,
                        column,
                        "column_twice",
                        say("import-the-column-occurs-twice-keep-one").with("column", &column).text(),
                    );
                }
            }
            None if given.is_empty() => {}
            None => {
                let given: String = given.chars().take(40).collect();
                parsed.error(
                    1,
                    "",
                    "unknown_column",
                    say("sheet-is-not-a-known-column-the")
                        .with("given", &given)
                        .with("columns", &form.columns.join(", "))
                        .text(),
                );
            }
        }
    }
    for &(column, code) in form.needed {
        if parsed.errors.is_empty() && !places.contains_key(column) {
            parsed.error(1, column, code, say("sheet-the-column-is-missing-in-the").with("column", &column).text());
        }
    }
    parsed.errors.is_empty().then_some(places)
}

/// Undoes the apostrophe that keeps a spreadsheet from taking a cell for a formula.
pub(crate) fn plain(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if rest.starts_with(FORMULA_SIGNS) => rest,
        Some(_) | None => cell,
    }
}

const FORMULA_SIGNS: [char; 4] = ['=', '+', '-', '@'];

/// A cell that no spreadsheet takes for a formula; read back with [`plain`].
pub(crate) fn harmless(cell: &str) -> String {
    if cell.starts_with(FORMULA_SIGNS) { format!("'{cell}") } else { cell.to_owned() }
}
