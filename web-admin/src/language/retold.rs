//! Sentences that were written in English elsewhere, said anew in the language of the request.
//!
//! Reasons of calls, answers of push providers and refused values come from crates that know no pages, and many lie in the
//! database. `core.ftl` has each as a pattern: its English text with `{ $name }` where a value stands. A text that fits a
//! pattern is said in the other language with the same values, which may be such sentences themselves; a text that fits
//! none stays as it is. A test finds every pattern in the sources, so none outlives the sentence it was made for.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use super::{Language, current, say, t};

const PATTERNS: &str = include_str!("../../messages/en/core.ftl");
/// Values within values: a reason in a verdict in a state. Deeper ones stay as they are.
const DEEPEST: u8 = 3;

/// One sentence with values.
#[derive(Debug)]
pub(super) struct Pattern {
    key: &'static str,
    /// What stands before, between and behind the values; one more than there are values.
    pub(super) pieces: Vec<&'static str>,
    names: Vec<&'static str>,
}

struct Known {
    plain: HashMap<&'static str, &'static str>,
    patterns: Vec<Pattern>,
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let (mut plain, mut patterns) = (HashMap::new(), Vec::new());
    for pattern in patterns_of(PATTERNS) {
        match pattern.pieces.as_slice() {
            [whole] => {
                let _ = plain.insert(*whole, pattern.key);
            }
            _ => patterns.push(pattern),
        }
    }
    Known { plain, patterns }
});

/// The patterns of a message file.
pub(super) fn patterns_of(file: &'static str) -> impl Iterator<Item = Pattern> {
    file.lines().filter(|line| line.starts_with("core-")).filter_map(|line| {
        let (key, text) = line.split_once(" = ")?;
        let (mut pieces, mut names, mut rest) = (Vec::new(), Vec::new(), text);
        while let Some((before, after)) = rest.split_once("{ $") {
            let (name, behind) = after.split_once(" }")?;
            pieces.push(before);
            names.push(name);
            rest = behind;
        }
        pieces.push(rest);
        Some(Pattern { key, pieces, names })
    })
}

/// The text in the language of the request, as far as it is known.
pub(crate) fn retold(text: &str) -> Cow<'_, str> {
    match current() {
        Language::English => Cow::Borrowed(text),
        Language::German => retell(text, DEEPEST).map_or(Cow::Borrowed(text), Cow::Owned),
    }
}

fn retell(text: &str, depth: u8) -> Option<String> {
    if text.is_empty() || depth == 0 {
        return None;
    }
    exactly(text, depth).or_else(|| {
        // As a sentence of its own it has a capital and a full stop that the pattern has not.
        let first = text.chars().next()?;
        let small: String = first.to_lowercase().chain(text.chars().skip(1)).collect();
        exactly(&small, depth)
            .or_else(|| exactly(small.trim_end_matches('.'), depth))
            .or_else(|| exactly(text.trim_end_matches('.'), depth))
            .map(|said| crate::words::as_sentence(&said))
            .or_else(|| both(text, depth))
    })
}

/// A problem and its fix in one line: `{text}; {fix}`.
fn both(text: &str, depth: u8) -> Option<String> {
    text.match_indices("; ").find_map(|(at, sign)| {
        let (problem, fix) = (retell(&text[..at], depth - 1)?, retell(&text[at + sign.len()..], depth - 1)?);
        Some(format!("{problem}; {fix}"))
    })
}

fn exactly(text: &str, depth: u8) -> Option<String> {
    if let Some(key) = KNOWN.plain.get(text) {
        return Some(t(key).to_owned());
    }
    KNOWN.patterns.iter().find_map(|pattern| {
        let values = pattern.values(text)?;
        let mut said = say(pattern.key);
        for (name, value) in pattern.names.iter().zip(values) {
            match retell(value, depth - 1) {
                Some(value) => said = said.with(name, &value),
                None => said = said.with(name, &value),
            }
        }
        Some(said.text())
    })
}

impl Pattern {
    /// The values of a text that fits.
    fn values<'a>(&self, text: &'a str) -> Option<Vec<&'a str>> {
        let (first, others) = self.pieces.split_first()?;
        let (last, between) = others.split_last()?;
        let mut rest = text.strip_prefix(first)?.strip_suffix(last)?;
        let mut values = Vec::with_capacity(self.names.len());
        for piece in between {
            let (value, behind) = rest.split_once(piece)?;
            values.push(value);
            rest = behind;
        }
        values.push(rest);
        values.iter().all(|value| !value.is_empty()).then_some(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::in_language;

    #[test]
    fn a_stored_sentence_is_said_in_german_with_its_values() {
        let german = |text: &str| in_language(Language::German, || retold(text).into_owned());
        assert_eq!(german("Nobody answered within the ring time."), "Innerhalb der Klingelzeit nahm niemand an.");
        assert_eq!(german("there is no extension 101"), "es gibt keine Nebenstelle 101");
        assert_eq!(german("There is no extension 101."), "Es gibt keine Nebenstelle 101.");
        let nested = "The phone could not be woken: the push token is gone: the relay refuses this push";
        let said =
            "Das Telefon konnte nicht geweckt werden: das Push-Token ist erloschen: das Relay lehnt diesen Push ab";
        assert_eq!(german(nested), said);
        assert_eq!(german("Nobody knows this one"), "Nobody knows this one");
        assert_eq!(german(""), "");
        assert_eq!(retold("The call was declined."), "The call was declined.");
    }
}
