//! `/welcome/extensions`: one person on each line, with or without a number, or a CSV; looked at first, then added all or none.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::{Page, go};
use crate::adding::{self, Imported, all_extensions};
use crate::error::{Refusal, render};
use crate::form::{Errors, Input, Parts};
use crate::import::RowError;
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;
use crate::t;
use crate::welcome::Step;
use crate::words;

/// The number of the first person without one; three digits leave room and are quickly dialled.
const FIRST_NUMBER: u64 = 101;

#[derive(Template)]
#[template(path = "welcome_extensions.html")]
struct PeoplePage {
    layout: Layout,
    people: Input,
    /// What was looked at and may be added as it is; empty before.
    checked: String,
    errors: Vec<RowError>,
    rows: Vec<PersonLine>,
    /// Extensions that are there already.
    there: usize,
}

/// Somebody who would be added.
struct PersonLine {
    number: String,
    name: String,
    email: String,
}

/// What was typed as CSV, and the lines put in front of it: who has no number gets the next free one, a word with an @ is the
/// mail address. A list whose first line names its columns is CSV already.
fn as_csv(people: &str, taken: &BTreeSet<u64>) -> (String, u64) {
    let first = people.trim_start_matches('\u{feff}').lines().next().unwrap_or_default().to_ascii_lowercase();
    if first.split([',', ';', '\t']).any(|column| column.trim().trim_matches('"') == "number") {
        return (people.to_owned(), 0);
    }
    let lines: Vec<Typed> = people.lines().map(Typed::read).collect();
    let mut used = taken.clone();
    used.extend(lines.iter().filter_map(|line| line.number.parse::<u64>().ok()));
    let mut next = FIRST_NUMBER;
    let mut csv = String::from("number,name,email\n");
    for Typed { number, name, email } in lines {
        let number = if number.is_empty() && !(name.is_empty() && email.is_empty()) {
            while !used.insert(next) {
                next += 1;
            }
            next.to_string()
        } else {
            number
        };
        csv.push_str(&format!("{number},\"{}\",\"{}\"\n", name.replace('"', "\"\""), email.replace('"', "\"\"")));
    }
    (csv, 1)
}

/// One typed line.
struct Typed {
    number: String,
    name: String,
    email: String,
}

impl Typed {
    fn read(line: &str) -> Self {
        let parts = |c: char| c.is_whitespace() || matches!(c, ',' | ';');
        let line = line.trim();
        let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, rest) = line.split_at(digits);
        let rest = rest.trim_start_matches(|c| parts(c) || matches!(c, ':' | '–' | '-'));
        let email = rest.split(parts).find(|word| word.contains('@')).unwrap_or_default();
        let name = if email.is_empty() { rest.to_owned() } else { rest.replacen(email, " ", 1) };
        let name = name.trim_matches(|c| parts(c) || matches!(c, '<' | '>')).to_owned();
        let email = email.trim_matches(['<', '>']).to_owned();
        Self { number: number.to_owned(), name, email }
    }
}

/// What an import of the typed lines finds or does; its errors name the lines as they were typed.
async fn looked_at(state: &AdminState, people: &str, dry_run: bool) -> Result<Imported, Refusal> {
    let there = all_extensions(state).await?;
    let taken = there.iter().filter_map(|line| line.extension.number.to_string().parse().ok()).collect();
    let (csv, in_front) = as_csv(people, &taken);
    let mut imported = adding::import(state, &csv, dry_run).await?;
    for error in &mut imported.parsed.errors {
        error.message = words::sentence(&error.message);
        error.line = error.line.saturating_sub(in_front);
    }
    Ok(imported)
}

async fn shown(state: &AdminState, frame: &Frame, text: &str, imported: Option<Imported>) -> Result<Response, Refusal> {
    let errors = Errors::default();
    let (rows, found) = match imported {
        Some(imported) => {
            let rows = imported.parsed.rows.iter().map(|row| PersonLine {
                number: row.number.to_string(),
                name: row.name.to_string(),
                email: row.email.as_ref().map(|email| email.as_str().to_owned()).unwrap_or_default(),
            });
            (rows.collect(), imported.parsed.errors)
        }
        None => (Vec::new(), Vec::new()),
    };
    let ready = found.is_empty() && !rows.is_empty();
    Ok(render(&PeoplePage {
        layout: frame.layout(Step::Extensions.title(), Menu::Setup),
        people: Input::new("people", t("welcome-extensions-one-person-on-each-line"), text, &errors)
            .hint(t("welcome-extensions-anna-berg-gets-the-next-free"))
            .rows(8)
            .more("spellcheck=false autocapitalize=words"),
        checked: if ready { text.to_owned() } else { String::new() },
        errors: found,
        rows,
        there: all_extensions(state).await?.len(),
    }))
}

pub(crate) async fn form(State(state): State<AdminState>, frame: Frame) -> Page {
    Ok(shown(&state, &frame, "", None).await?)
}

pub(crate) async fn submit(State(state): State<AdminState>, frame: Frame, multipart: Multipart) -> Page {
    let parts = Parts::read(multipart).await?;
    let people = parts.file_or_text("file", "people").into_inner();
    let dry_run = parts.text("act") != "add";
    let imported = looked_at(&state, &people, dry_run).await?;
    let good = imported.parsed.errors.is_empty() && !imported.parsed.rows.is_empty();
    if good && !dry_run {
        return go("/welcome?done=added");
    }
    let status = if good { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, shown(&state, &frame, &people, Some(imported)).await?).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_get_the_next_free_number_and_given_numbers_stay() {
        let taken = BTreeSet::from([101]);
        let typed = "Anna Berg\n\n102 Ben \"B\" Carter\n  Carla <carla@example.com>\n120; Dora, dora@example.com\n";
        let (csv, in_front) = as_csv(typed, &taken);
        assert_eq!(
            csv,
            "number,name,email\n103,\"Anna Berg\",\"\"\n,\"\",\"\"\n102,\"Ben \"\"B\"\" Carter\",\"\"\n\
             104,\"Carla\",\"carla@example.com\"\n120,\"Dora\",\"dora@example.com\"\n"
        );
        assert_eq!(in_front, 1);
    }

    #[test]
    fn a_list_with_headings_is_taken_as_it_is() {
        let csv = "Number;Name\n101;Anna\n";
        assert_eq!(as_csv(csv, &BTreeSet::new()), (csv.to_owned(), 0));
    }
}
