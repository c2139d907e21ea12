//! Reads a pasted or uploaded CSV of extensions. Pure: what is already there is checked by the caller.
//!
//! Spreadsheets write what they like, so the separator and a byte order mark are sniffed; the columns are not guessed but
//! named in the first line. Every error names its line and column, and all errors are reported at once.

use std::collections::BTreeMap;

use pbx_core::model::{DisplayName, EmailAddress, ExtensionNumber, Redacted};
use serde::Serialize;

use crate::secret;
use crate::{say, t};

/// Extensions in one import; more come from a mistake.
const MAX_ROWS: usize = 5000;
/// Errors worth reading.
const MAX_ERRORS: usize = 100;
const COLUMNS: [&str; 4] = ["number", "name", "email", "secret"];

/// One line that would become an extension.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Its line in the text, counted from 1.
    pub(crate) line: u64,
    pub(crate) number: ExtensionNumber,
    pub(crate) name: DisplayName,
    pub(crate) email: Option<EmailAddress>,
    pub(crate) secret: Option<Redacted<String>>,
}

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
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) rows: Vec<Row>,
    pub(crate) errors: Vec<RowError>,
    /// Lines with content behind the header.
    pub(crate) lines: usize,
}

impl Parsed {
    pub(crate) fn error(&mut self, line: u64, column: &'static str, code: &'static str, message: impl Into<String>) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(RowError { line, column, code, message: message.into() });
        }
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

/// Reads the text.
pub(crate) fn parse(text: &str) -> Parsed {
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
        parsed.error(1, "", "empty", t("import-there-is-nothing-to-import-the"));
        return parsed;
    };
    let Some(places) = places(&header, &mut parsed) else { return parsed };
    let mut seen = BTreeMap::new();
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
        if parsed.lines > MAX_ROWS {
            let line = record.position().map_or(0, csv::Position::line);
            parsed.error(
                line,
                "",
                "too_many",
                say("import-an-import-has-at-most-extensions").with("max-rows", &MAX_ROWS).text(),
            );
            break;
        }
        row((line, &record), &places, &mut seen, &mut parsed);
    }
    if parsed.lines == 0 && parsed.errors.is_empty() {
        parsed.error(2, "", "empty", t("import-there-is-no-extension-below-the"));
    }
    parsed
}

/// The separator that is most frequent in the first line.
fn separator(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or("");
    let count = |separator: u8| first.bytes().filter(|b| *b == separator).count();
    [b',', b';', b'\t'].into_iter().max_by_key(|s| (count(*s), *s == b',')).unwrap_or(b',')
}

fn places(header: &csv::StringRecord, parsed: &mut Parsed) -> Option<Places> {
    let mut places = Places::new();
    for (place, given) in header.iter().enumerate() {
        let given_key = given.to_lowercase();
        match COLUMNS.into_iter().find(|column| *column == given_key) {
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
                    say("import-is-not-a-known-column-the").with("given", &given).text(),
                );
            }
        }
    }
    if parsed.errors.is_empty() && !places.contains_key("number") {
        parsed.error(1, "number", "no_number_column", t("import-the-column-number-is-missing-in"));
    }
    parsed.errors.is_empty().then_some(places)
}

fn row(
    (line, record): (u64, &csv::StringRecord),
    places: &Places,
    seen: &mut BTreeMap<ExtensionNumber, u64>,
    parsed: &mut Parsed,
) {
    let errors_before = parsed.errors.len();
    let cell = |column: &str| places.get(column).and_then(|place| record.get(*place)).unwrap_or("");
    let number = cell("number").parse::<ExtensionNumber>();
    match &number {
        Ok(number) => {
            if let Some(first) = seen.insert(*number, line) {
                let message = say("import-extension-stands-in-line-already-keep")
                    .with("number", &number)
                    .with("first", &first)
                    .text();
                parsed.error(line, "number", "number_twice", message);
            }
        }
        Err(wrong) => parsed.error(line, "number", "number_malformed", wrong.to_string()),
    }
    let name = plain(cell("name")).parse::<DisplayName>();
    if let Err(wrong) = &name {
        parsed.error(line, "name", "owner_malformed", wrong.to_string());
    }
    let email = match plain(cell("email")) {
        "" => Ok(None),
        given => given.parse::<EmailAddress>().map(Some),
    };
    if let Err(wrong) = &email {
        parsed.error(line, "email", "owner_malformed", wrong.to_string());
    }
    let given = cell("secret");
    let secret =
        if given.is_empty() { Ok(None) } else { secret::check(given).map(|()| Some(Redacted::new(given.to_owned()))) };
    if let Err(wrong) = &secret {
        parsed.error(line, "secret", "secret_malformed", wrong.to_string());
    }
    if parsed.errors.len() == errors_before
        && let (Ok(number), Ok(name), Ok(email), Ok(secret)) = (number, name, email, secret)
    {
        parsed.rows.push(Row { line, number, name, email, secret });
    }
}

/// Undoes the apostrophe that keeps a spreadsheet from taking a cell for a formula.
fn plain(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if rest.starts_with(FORMULA_SIGNS) => rest,
        Some(_) | None => cell,
    }
}

const FORMULA_SIGNS: [char; 4] = ['=', '+', '-', '@'];

/// A cell that no spreadsheet takes for a formula; read back by [`parse`].
pub(crate) fn harmless(cell: &str) -> String {
    if cell.starts_with(FORMULA_SIGNS) { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(parsed: &Parsed) -> Vec<(u64, &'static str, &'static str)> {
        parsed.errors.iter().map(|error| (error.line, error.column, error.code)).collect()
    }

    #[test]
    fn a_spreadsheet_with_semicolons_and_a_byte_order_mark_is_read() {
        let parsed = parse("\u{feff}Number;Name;Email\r\n101;\"Müller; Anna\";anna@example.com\r\n\r\n102;Ben;\r\n");
        assert_eq!(parsed.errors, []);
        assert_eq!(parsed.lines, 2);
        assert_eq!(parsed.rows[0].name.as_str(), "Müller; Anna");
        assert_eq!(parsed.rows[1].email, None);
        assert_eq!(parsed.rows[1].line, 4);
    }

    #[test]
    fn columns_may_stand_in_any_order_and_be_left_out() {
        let parsed = parse("name,number\nAnna,101\n");
        assert_eq!(parsed.errors, []);
        assert_eq!(parsed.rows[0].number.to_string(), "101");
    }

    #[test]
    fn every_wrong_cell_is_named_with_its_line() {
        let parsed = parse("number,name,email,secret\n10a,Anna,anna,short\n101,Ben,,\n101,Carl,,\n");
        assert_eq!(
            lines(&parsed),
            [
                (2, "number", "number_malformed"),
                (2, "email", "owner_malformed"),
                (2, "secret", "secret_malformed"),
                (4, "number", "number_twice"),
            ]
        );
        assert_eq!(parsed.rows.len(), 1);
    }

    #[test]
    fn a_missing_header_line_is_noticed() {
        assert_eq!(lines(&parse("101,Anna\n")).first(), Some(&(1, "", "unknown_column")));
        assert_eq!(lines(&parse("name,email\nAnna,\n")), [(1, "number", "no_number_column")]);
        assert_eq!(lines(&parse("")), [(1, "", "empty")]);
        assert_eq!(lines(&parse("number\n")), [(2, "", "empty")]);
    }

    #[test]
    fn an_endless_file_ends() {
        let text = std::iter::once("number\n".to_owned())
            .chain((10_000..20_000).map(|n| format!("{n}\n")))
            .collect::<String>();
        let parsed = parse(&text);
        assert_eq!(lines(&parsed), [(5002, "", "too_many")]);
    }

    #[test]
    fn formulas_are_defused_on_the_way_out_and_restored_on_the_way_in() {
        let written = harmless("=cmd()");
        assert_eq!(written, "'=cmd()");
        let parsed = parse(&format!("number,name\n101,{written}\n"));
        assert_eq!(parsed.rows[0].name.as_str(), "=cmd()");
    }
}
