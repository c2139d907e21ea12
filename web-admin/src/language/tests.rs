//! Every message exists, is used and says the same in both languages; no template holds words of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::*;

/// Words that are the same in every language: names, code, and what one types.
const UNTRANSLATED: &[&str] = &[
    "Nightbell",
    "– Nightbell",
    "Yealink",
    "Snom",
    "Grandstream",
    "Fanvil",
    "Poly",
    "SHA-256",
    "openapi.json",
    "API",
    "Realm",
    "rfc8599",
    "app",
    "nightbell setup-link",
    "curl -H \"Authorization: Bearer nbt_…\"",
    "/api/v1/status",
    "Groundwire",
    "Zoiper",
];
/// The messages of the crate below, whose pages and mails are under the same rules.
const BELOW: [&str; 2] =
    [include_str!("../../../provisioning/messages/en.ftl"), include_str!("../../../provisioning/messages/de.ftl")];

/// Keys and texts of one language, with the file each stands in.
fn messages(files: &[&'static str], below: &'static str) -> BTreeMap<&'static str, (&'static str, String)> {
    let mut all = BTreeMap::new();
    for (name, file) in NAMES.iter().zip(files).chain([(&"below", &below)]) {
        let mut key = "";
        for line in file.lines() {
            match line.split_once(" =") {
                Some((found, rest)) if line.starts_with(|first: char| first.is_ascii_lowercase()) => {
                    key = found;
                    assert!(all.insert(key, (*name, rest.to_owned())).is_none(), "{key} stands twice");
                }
                _ if line.starts_with(' ') => all.get_mut(key).unwrap().1.push_str(line),
                _ => assert!(line.is_empty() || line.starts_with('#'), "{name}: {line}"),
            }
        }
    }
    all
}

/// What stands between two signs, such as the variables `{ $name }` or the tags `<b>`.
fn between(text: &str, open: &str, close: &[char]) -> BTreeSet<String> {
    let parts = text.split(open).skip(1);
    parts.map(|part| part.split(close).next().unwrap_or_default().to_owned()).collect()
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The sources of this crate and its templates: where keys are used.
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in [root.to_owned(), root.join("../provisioning")] {
        files(&folder.join("src"), &mut found);
        files(&folder.join("templates"), &mut found);
    }
    let read = |kind: &std::ffi::OsStr| kind == "rs" || kind == "html" || kind == "txt";
    found.retain(|path| path.extension().is_some_and(read) && !path.ends_with("language/tests.rs"));
    found.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn both_languages_have_the_same_keys_arguments_and_markup() {
    let (english, german) = (messages(ENGLISH, BELOW[0]), messages(GERMAN, BELOW[1]));
    assert!(english.len() > 500, "the files are read: {}", english.len());
    let keys = |all: &BTreeMap<&'static str, (&'static str, String)>| {
        all.iter().map(|(key, (file, _))| (*file, *key)).collect::<BTreeSet<_>>()
    };
    assert_eq!(keys(&english), keys(&german), "a message stands in one language only, or in another file");
    for (key, (_, text)) in &english {
        let other = &german[key].1;
        for (open, close) in [("$", [' ', '}']), ("<", ['>', '>'])] {
            assert_eq!(between(text, open, &close), between(other, open, &close), "{key}");
        }
        assert!(!text.trim().is_empty() && !other.trim().is_empty(), "{key} is empty");
    }
    // They are parsed, and no key is there twice.
    assert_eq!(CATALOGUE.languages(), english.values().filter(|(file, _)| *file != "below").count());
}

#[test]
fn every_key_that_is_used_exists_and_every_message_is_used() {
    let english = messages(ENGLISH, BELOW[0]);
    let sources = sources();
    let mut literals = BTreeSet::new();
    let mut wrong = Vec::new();
    for (path, text) in &sources {
        for call in ["t(\"", "say(\"", "rich(\""] {
            for (at, _) in text.match_indices(call) {
                let is_whole =
                    !text[..at].ends_with(|before: char| before.is_alphanumeric() || matches!(before, '_' | '.'));
                let key = text[at + call.len()..].split('"').next().unwrap();
                if is_whole && !english.contains_key(key) {
                    wrong.push(format!("{}: {call}{key}", path.display()));
                }
                let with_arguments = english.get(key).is_some_and(|(_, text)| text.contains("{ $"));
                if is_whole && call == "t(\"" && with_arguments {
                    wrong.push(format!("{}: {key} has arguments", path.display()));
                }
            }
        }
        literals.extend(text.split('"').filter(|part| english.contains_key(part)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Sentences of `core.ftl` are found by their text, not by their key.
    let unused: Vec<_> = english.keys().filter(|key| !literals.contains(**key) && english[*key].0 != "core").collect();
    assert!(unused.is_empty(), "no page says: {unused:#?}");
}

#[test]
fn every_sentence_that_is_retold_is_still_written_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
    let mut found = Vec::new();
    for folder in ["pbx-core", "push-module", "provisioning", "web-admin"] {
        files(&root.join(folder).join("src"), &mut found);
    }
    found.retain(|path| path.extension().is_some_and(|kind| kind == "rs"));
    let mut written = String::new();
    for path in found {
        // A string goes on behind a backslash at the end of its line.
        let text = std::fs::read_to_string(path).unwrap();
        for (at, part) in text.split("\\\n").enumerate() {
            written.push_str(if at == 0 { part } else { part.trim_start() });
        }
    }
    let mut gone = Vec::new();
    for (at, file) in NAMES.iter().enumerate().filter(|(_, name)| **name == "core") {
        assert_eq!(*file, "core");
        for pattern in retold::patterns_of(ENGLISH[at]) {
            gone.extend(pattern.pieces.into_iter().filter(|piece| !written.contains(piece)));
        }
    }
    assert!(gone.is_empty(), "nobody writes: {gone:#?}");
}

#[test]
fn no_template_holds_words_of_its_own() {
    let mut bare = Vec::new();
    for (path, text) in
        sources().iter().filter(|(path, _)| path.extension().is_some_and(|kind| kind == "html" || kind == "txt"))
    {
        for words in words_of(text) {
            let words = words.trim();
            let is_word = words.split(|letter: char| !letter.is_alphabetic()).any(|word| word.chars().count() > 1);
            if is_word && !UNTRANSLATED.contains(&words) {
                bare.push(format!("{}: {words}", path.file_name().unwrap().display()));
            }
        }
    }
    assert!(bare.is_empty(), "put these into messages/en and messages/de: {bare:#?}");
}

/// What a template shows of its own: text between tags and expressions, and attributes that people read.
fn words_of(template: &str) -> Vec<String> {
    let plain = without(&without(&without(template, "{%", "%}"), "{#", "#}"), "{{", "}}");
    let mut words = Vec::new();
    for piece in plain.split('<') {
        let (tag, text) = piece.split_once('>').unwrap_or(("", piece));
        words.extend(text.split('\u{0}').map(|text| text.replace("&amp;", "&")));
        for name in ["placeholder=\"", "aria-label=\"", "title=\"", "alt=\"", "data-label=\"", "label=\""] {
            for (at, _) in tag.match_indices(name) {
                words.push(tag[at + name.len()..].split('"').next().unwrap_or_default().replace('\u{0}', " "));
            }
        }
    }
    words
}

/// The text with each piece between two signs replaced by a zero byte.
fn without(text: &str, open: &str, close: &str) -> String {
    let mut left = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(open) {
        left.push_str(before);
        left.push('\u{0}');
        rest = after.split_once(close).map_or("", |(_, after)| after);
    }
    left + rest
}

#[test]
fn the_order_is_company_browser_english_and_programs_read_english() {
    let mut headers = HeaderMap::new();
    let asked =
        |path: &'static str, headers: &HeaderMap, company| of_request(&Uri::from_static(path), headers, company);
    assert_eq!(asked("/sign-in", &headers, None), Language::English);
    headers.insert(header::ACCEPT_LANGUAGE, "de-CH,de;q=0.9".parse().unwrap());
    assert_eq!(asked("/sign-in", &headers, None), Language::German);
    assert_eq!(asked("/sign-in", &headers, Some(Language::English)), Language::English);
    for path in ["/api/v1/advice", "/metrics", "/healthz"] {
        assert_eq!(asked(path, &headers, Some(Language::German)), Language::English, "{path}");
    }
}
