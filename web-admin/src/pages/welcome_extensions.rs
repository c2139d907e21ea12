//! `/welcome/extensions`: one person on each line, with or without a number; looked at first, then added all or none.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::{Page, go};
use crate::adding::{self, Imported, all_extensions};
use crate::error::{Refusal, render};
use crate::form::{Errors, Input};
use crate::import::RowError;
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;
use crate::welcome::Step;
use crate::words;

/// The number of the first person without one; three digits leave room and are quickly dialled.
const FIRST_NUMBER: u64 = 101;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct PeopleForm {
    #[serde(default)]
    people: String,
    #[serde(default)]
    act: String,
}

#[derive(Template)]
#[template(path = "welcome_extensions.html")]
struct PeoplePage {
    layout: Layout,
    people: Input,
    /// What was looked at and may be added as it is; empty before.
    checked: String,
    errors: Vec<RowError>,
    rows: Vec<(String, String)>,
    /// Extensions that are there already.
    there: usize,
}

/// The typed lines as CSV with the same line numbers; who has no number gets the next free one.
fn as_csv(people: &str, taken: &BTreeSet<u64>) -> String {
    let split = |line: &str| {
        let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, rest) = line.split_at(digits);
        let rest = rest.trim_start_matches([' ', '\t', ',', ';', ':', '–', '-']).trim().to_owned();
        (number.to_owned(), rest)
    };
    let lines: Vec<(String, String)> = people.lines().map(|line| split(line.trim())).collect();
    let mut used = taken.clone();
    used.extend(lines.iter().filter_map(|(number, _)| number.parse::<u64>().ok()));
    let mut next = FIRST_NUMBER;
    let mut csv = String::from("number,name\n");
    for (number, name) in lines {
        if number.is_empty() && name.is_empty() {
            continue;
        }
        let number = if number.is_empty() {
            while !used.insert(next) {
                next += 1;
            }
            next.to_string()
        } else {
            number
        };
        csv.push_str(&format!("{number},\"{}\"\n", name.replace('"', "\"\"")));
    }
    csv
}

async fn looked_at(state: &AdminState, people: &str, dry_run: bool) -> Result<Imported, Refusal> {
    let there = all_extensions(state).await?;
    let taken = there.iter().filter_map(|line| line.extension.number.to_string().parse().ok()).collect();
    adding::import(state, &as_csv(people, &taken), dry_run).await
}

async fn shown(state: &AdminState, frame: &Frame, text: &str, imported: Option<Imported>) -> Result<Response, Refusal> {
    let errors = Errors::default();
    let (rows, mut found) = match imported {
        Some(imported) => {
            let rows = imported.parsed.rows.iter().map(|row| (row.number.to_string(), row.name.to_string()));
            (rows.collect(), imported.parsed.errors)
        }
        None => (Vec::new(), Vec::new()),
    };
    for error in &mut found {
        error.message = words::sentence(&error.message);
        // The heading that was put in front is no line of the admin's.
        error.line = error.line.saturating_sub(1);
    }
    let ready = found.is_empty() && !rows.is_empty();
    Ok(render(&PeoplePage {
        layout: frame.layout(Step::Extensions.title(), Menu::Extensions),
        people: Input::new("people", "One person on each line", text, &errors)
            .hint("“Anna Berg” gets the next free number, “120 Ben Carter” that one.")
            .rows(8)
            .more("spellcheck=false autocapitalize=words required"),
        checked: if ready { text.to_owned() } else { String::new() },
        errors: found,
        rows,
        there: all_extensions(state).await?.len(),
    }))
}

pub(crate) async fn form(State(state): State<AdminState>, frame: Frame) -> Page {
    Ok(shown(&state, &frame, "", None).await?)
}

pub(crate) async fn submit(State(state): State<AdminState>, frame: Frame, Form(form): Form<PeopleForm>) -> Page {
    let dry_run = form.act != "add";
    let imported = looked_at(&state, &form.people, dry_run).await?;
    let good = imported.parsed.errors.is_empty() && !imported.parsed.rows.is_empty();
    if good && !dry_run {
        return go("/welcome?done=added");
    }
    let status = if good { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, shown(&state, &frame, &form.people, Some(imported)).await?).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_get_the_next_free_number_and_given_numbers_stay() {
        let taken = BTreeSet::from([101]);
        let csv = as_csv("Anna Berg\n\n102 Ben \"B\" Carter\n  Carla\n120; Dora\n", &taken);
        assert_eq!(csv, "number,name\n103,\"Anna Berg\"\n102,\"Ben \"\"B\"\" Carter\"\n104,\"Carla\"\n120,\"Dora\"\n");
    }
}
