//! `nightbell extension import`: a dry run first, every error with its line, then all of it or nothing.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use clap::Args;
use pbx_core::model::{ExtensionNumber, Redacted};
use serde::Deserialize;
use serde_json::json;

use super::Exit;
use super::client::{Answer, Client, RowError};
use super::failure::{Failure, NAME};
use super::output::{self, Report, Table, clean, count};

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The CSV file; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only check it: nothing is changed
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Deserialize)]
struct Import {
    rows: usize,
    added: usize,
    errors: Vec<RowError>,
    extensions: Vec<ImportedLine>,
}

#[derive(Debug, Deserialize)]
struct ImportedLine {
    number: ExtensionNumber,
    name: String,
    secret_minted: bool,
    secret: Option<Redacted<String>>,
}

pub(super) async fn run(client: &Client, args: &ImportArgs) -> Result<Report, Failure> {
    let csv = read(&args.file)?;
    let checked = import(client, &csv, true).await?;
    if !checked.known.errors.is_empty() && args.dry_run {
        return Ok(refused(checked));
    }
    let rows = checked.known.rows;
    if args.dry_run {
        let text = format!("{} can be imported; nothing was changed.\n", count(rows, "extension", "extensions"));
        return Ok(Report::done(text, checked.raw));
    }
    let done = import(client, &csv, false).await?;
    Ok(Report::done(told(&done.known), done.raw))
}

async fn import(client: &Client, csv: &str, dry_run: bool) -> Result<Answer<Import>, Failure> {
    Ok(client.post::<Import>("/extensions/import", &json!({ "csv": csv, "dry_run": dry_run })).await?)
}

/// Errors belong to standard error, also when the report itself goes to standard output as JSON.
fn refused(checked: Answer<Import>) -> Report {
    let errors = &checked.known.errors;
    let rows: String = errors.iter().map(|error| format!("{}\n", error.text())).collect();
    let summary = format!(
        "{rows}{NAME}: nothing was imported: {} in {}; correct the file and import it again",
        count(errors.len(), "problem", "problems"),
        count(checked.known.rows, "line", "lines")
    );
    output::print_error(&summary);
    Report::done(String::new(), checked.raw).ending(Exit::Failure)
}

fn told(done: &Import) -> String {
    let mut text = format!("{} imported.\n", count(done.added, "extension", "extensions"));
    if done.extensions.iter().any(|line| line.secret_minted) {
        let mut table = Table::new(["NUMBER", "NAME", "SECRET"]);
        for line in done.extensions.iter().filter(|line| line.secret_minted) {
            let secret = line.secret.as_ref().map(|secret| secret.reveal().clone()).unwrap_or_default();
            table.row([line.number.to_string(), line.name.clone(), secret]);
        }
        text += &format!("\nThese secrets were made now and are not shown again:\n\n{}", table.text(""));
    }
    text
}

/// The file as text; spreadsheets of old write Latin-1, which is said in words.
pub(super) fn read(file: &Path) -> Result<String, Failure> {
    let unreadable = |source| Failure::Read { what: "the list", path: file.to_owned(), source };
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        io::stdin().lock().read_to_end(&mut bytes).map_err(unreadable)?;
    } else {
        bytes = std::fs::read(file).map_err(unreadable)?;
    }
    String::from_utf8(bytes).map_err(|error| {
        let line =
            error.as_bytes().iter().take(error.utf8_error().valid_up_to()).filter(|byte| **byte == b'\n').count() + 1;
        let why = format!("line {line} is not UTF-8; save the file as “CSV UTF-8” in the spreadsheet");
        unreadable(io::Error::new(io::ErrorKind::InvalidData, clean(&why)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_in_latin_1_is_refused_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("people.csv");
        std::fs::write(&file, b"number,name\n101,Anna\n102,J\xf6rg\n").unwrap();
        let text = read(&file).unwrap_err().to_string();
        assert!(text.contains("line 3 is not UTF-8"), "{text}");
    }

    #[test]
    fn minted_secrets_are_shown_once_and_given_ones_never() {
        let done: Import = serde_json::from_value(json!({
            "dry_run": false, "rows": 2, "added": 2, "errors": [],
            "extensions": [
                { "line": 2, "number": "101", "name": "Anna", "email": null, "secret_minted": true, "secret": "minted-one" },
                { "line": 3, "number": "102", "name": "Ben", "email": null, "secret_minted": false, "secret": "given-one" },
            ],
        }))
        .unwrap();
        let text = told(&done);
        assert!(text.starts_with("2 extensions imported."), "{text}");
        assert!(text.contains("101     Anna  minted-one"), "{text}");
        assert!(!text.contains("given-one"), "{text}");
    }
}
