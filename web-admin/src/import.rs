//! Reads a pasted or uploaded CSV of extensions. Pure: what is already there is checked by the caller.

use std::collections::BTreeMap;

use pbx_core::model::{DisplayName, EmailAddress, ExtensionNumber, Redacted};

use crate::say;
use crate::secret;
use crate::sheet::{self, Form, Record, plain};
pub(crate) use crate::sheet::{RowError, harmless};

const FORM: Form = Form {
    things: ["extension", "extensions"],
    columns: &["number", "name", "email", "secret"],
    needed: &[("number", "no_number_column")],
    most: 5000,
};

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

/// A list that was read.
pub(crate) type Parsed = sheet::Parsed<Row>;

/// Reads the text.
pub(crate) fn parse(text: &str) -> Parsed {
    let mut seen = BTreeMap::new();
    sheet::read(&FORM, text, |record, parsed| row(record, &mut seen, parsed))
}

fn row(record: &Record<'_>, seen: &mut BTreeMap<ExtensionNumber, u64>, parsed: &mut Parsed) {
    let line = record.line;
    let errors_before = parsed.errors.len();
    let number = record.cell("number").parse::<ExtensionNumber>();
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
    let name = plain(record.cell("name")).parse::<DisplayName>();
    if let Err(wrong) = &name {
        parsed.error(line, "name", "owner_malformed", wrong.to_string());
    }
    let email = match plain(record.cell("email")) {
        "" => Ok(None),
        given => given.parse::<EmailAddress>().map(Some),
    };
    if let Err(wrong) = &email {
        parsed.error(line, "email", "owner_malformed", wrong.to_string());
    }
    let given = record.cell("secret");
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
