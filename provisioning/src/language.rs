//! In which language people are written to: message files compiled into the program, and who is answered in what.
//!
//! A message is named by a key and stands in the Fluent files of both languages (`messages/en`, `messages/de` of this crate
//! and of `web-admin`). The language of the request that is being answered is task-local, so no page hands it down; outside
//! of a request, and for programs (API, logs, command line), it is English. Messages without arguments are formatted once,
//! when the files are first read, and handed out as they are; the others are formatted by Fluent without bidi marks.
//!
//! Invariant: an argument is never markup. [`Said`] is escaped by the template like any other text; [`Rich`] contains the
//! fixed markup of our own files, and escapes each argument unless it is made of our own words only.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use askama::filters::{Escaper as _, Html, HtmlSafe};
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};

/// A language that pages and mails are written in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Language {
    /// `en`
    #[default]
    English,
    /// `de`
    German,
}

impl Language {
    /// All of them, as choices show them.
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    /// The code of ISO 639, as `<html lang>` has it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// What the language calls itself.
    pub const fn own_name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::German => "Deutsch",
        }
    }

    /// The language of a tag such as `de`, `de-AT` or `EN_us`.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_']).next().unwrap_or("");
        Self::ALL.into_iter().find(|language| language.code().eq_ignore_ascii_case(primary))
    }

    /// The best language of an `Accept-Language` header (RFC 9110, 12.5.4), if it names one of ours.
    pub fn accepted(header: &str) -> Option<Self> {
        let mut best: Option<(Self, f32)> = None;
        for range in header.split(',').take(MAX_RANGES) {
            let mut parts = range.split(';');
            let Some(language) = parts.next().and_then(Self::from_tag) else { continue };
            let weight =
                parts.find_map(|part| part.trim().strip_prefix("q=")?.trim().parse::<f32>().ok()).unwrap_or(1.0);
            if weight > 0.0 && best.is_none_or(|(_, known)| weight > known) {
                best = Some((language, weight));
            }
        }
        best.map(|(language, _)| language)
    }

    /// What stands between groups of three digits.
    pub const fn group_sign(self) -> char {
        match self {
            Self::English => ',',
            Self::German => '.',
        }
    }

    /// What stands before the tenths.
    pub const fn decimal_sign(self) -> char {
        match self {
            Self::English => '.',
            Self::German => ',',
        }
    }

    /// A count with its groups: `12,345` or `12.345`. Numbers that are names (of extensions, of ports) are no counts.
    pub fn number(self, number: u64) -> String {
        let digits = number.to_string();
        let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                grouped.push(self.group_sign());
            }
            grouped.push(digit);
        }
        grouped
    }
}

/// Ranges of an `Accept-Language` header that are looked at; browsers send fewer than ten.
const MAX_RANGES: usize = 32;

tokio::task_local! {
    /// The language of the request that is being answered.
    static CURRENT: Language;
}

/// The language to write in now; English outside of a request.
pub fn current() -> Language {
    CURRENT.try_with(|language| *language).unwrap_or_default()
}

/// Answers in this language.
pub async fn speaking<F: Future>(language: Language, answering: F) -> F::Output {
    CURRENT.scope(language, answering).await
}

/// Writes something in this language.
pub fn in_language<T>(language: Language, write: impl FnOnce() -> T) -> T {
    CURRENT.sync_scope(language, write)
}

/// The language of the company, as far as somebody has chosen it; every clone sees a change.
#[derive(Debug, Clone, Default)]
pub struct CompanyLanguage(Arc<RwLock<Option<Language>>>);

impl CompanyLanguage {
    /// What was chosen.
    pub fn get(&self) -> Option<Language> {
        *self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What pages and mails are written in from now on.
    pub fn set(&self, language: Option<Language>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = language;
    }
}

/// The message files of one crate, read once.
pub struct Catalogue {
    english: Spoken,
    german: Spoken,
}

struct Spoken {
    bundle: FluentBundle<FluentResource>,
    /// Messages without arguments.
    plain: HashMap<String, String>,
    messages: usize,
}

impl fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalogue").field("messages", &self.english.plain.len()).finish_non_exhaustive()
    }
}

impl Catalogue {
    /// Reads the files of both languages, which are part of the program.
    ///
    /// # Panics
    /// If a file is no Fluent or has a key twice; a test reads all of them.
    pub fn new(english: &[&str], german: &[&str]) -> Self {
        Self { english: Spoken::new(Language::English, english), german: Spoken::new(Language::German, german) }
    }

    /// How many messages there are in each language.
    ///
    /// # Panics
    /// If one language has a message that the other lacks.
    pub fn languages(&self) -> usize {
        let (english, german) = (self.english.messages, self.german.messages);
        assert_eq!(english, german, "a message stands in one language only");
        english
    }

    const fn spoken(&self, language: Language) -> &Spoken {
        match language {
            Language::English => &self.english,
            Language::German => &self.german,
        }
    }

    /// A message without arguments, in the language of the request.
    pub fn plain(&'static self, key: &'static str) -> &'static str {
        let found = self.spoken(current()).plain.get(key).map(String::as_str);
        debug_assert!(found.is_some(), "there is no plain message {key}");
        found.unwrap_or(key)
    }

    /// A message with arguments.
    pub const fn say(&'static self, key: &'static str) -> Said {
        Said { catalogue: self, key, arguments: Vec::new() }
    }

    /// A message with markup of ours.
    pub const fn rich(&'static self, key: &'static str) -> Rich {
        Rich(self.say(key))
    }
}

impl Spoken {
    fn new(language: Language, files: &[&str]) -> Self {
        let code = language.code().parse().expect("our own codes are language tags");
        let mut bundle: FluentBundle<FluentResource> = FluentBundle::new_concurrent(vec![code]);
        bundle.set_use_isolating(false);
        bundle.set_formatter(Some(match language {
            Language::English => |value, _| grouped(Language::English, value),
            Language::German => |value, _| grouped(Language::German, value),
        }));
        let mut plain = HashMap::new();
        for file in files {
            let resource = FluentResource::try_new((*file).to_owned())
                .unwrap_or_else(|(_, errors)| panic!("a message file of {language:?} is no Fluent: {errors:?}"));
            bundle.add_resource(resource).unwrap_or_else(|errors| panic!("messages of {language:?}: {errors:?}"));
        }
        for key in files.iter().flat_map(|file| keys(file)) {
            let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else { continue };
            let mut errors = Vec::new();
            let text = bundle.format_pattern(pattern, None, &mut errors);
            if errors.is_empty() {
                plain.insert(key.to_owned(), text.into_owned());
            }
        }
        let messages = files.iter().map(|file| keys(file).count()).sum();
        Self { bundle, plain, messages }
    }
}

/// The keys a message file defines.
pub fn keys(file: &str) -> impl Iterator<Item = &str> {
    file.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase())).filter_map(|line| {
        let (key, _) = line.split_once('=')?;
        Some(key.trim())
    })
}

fn grouped(language: Language, value: &FluentValue<'_>) -> Option<String> {
    match value {
        FluentValue::Number(number) if number.value >= 0.0 && number.value.fract() == 0.0 => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a whole number, not below zero"
            )]
            let whole = number.value as u64;
            Some(language.number(whole))
        }
        FluentValue::String(_)
        | FluentValue::Number(_)
        | FluentValue::Custom(_)
        | FluentValue::None
        | FluentValue::Error => None,
    }
}

/// A number that is counted, not one that names something.
pub trait Count {
    /// How many.
    fn count(self) -> u64;
}

macro_rules! count {
    ($($kind:ty),*) => {$(
        impl Count for $kind {
            fn count(self) -> u64 {
                u64::try_from(self).unwrap_or(u64::MAX)
            }
        }
    )*};
}

count!(u8, u16, u32, u64, usize, i64);

impl<T: Count + Copy> Count for &T {
    fn count(self) -> u64 {
        (*self).count()
    }
}

/// A message and its arguments: plain text, which templates escape.
#[derive(Debug, Clone)]
pub struct Said {
    catalogue: &'static Catalogue,
    key: &'static str,
    arguments: Vec<(&'static str, FluentValue<'static>)>,
}

impl Said {
    /// Fills in a text.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &dyn fmt::Display) -> Self {
        self.arguments.push((name, value.to_string().into()));
        self
    }

    /// Fills in a number, which the message may choose its words by.
    #[must_use]
    pub fn count(mut self, name: &'static str, number: impl Count) -> Self {
        self.arguments.push((name, FluentValue::from(number.count())));
        self
    }

    /// The text in the language of the request.
    pub fn text(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spoken = self.catalogue.spoken(current());
        let Some(pattern) = spoken.bundle.get_message(self.key).and_then(|message| message.value()) else {
            debug_assert!(false, "there is no message {}", self.key);
            return f.write_str(self.key);
        };
        let arguments: FluentArgs<'_> = self.arguments.iter().map(|(name, value)| (*name, value.clone())).collect();
        let mut errors = Vec::new();
        let text = spoken.bundle.format_pattern(pattern, Some(&arguments), &mut errors);
        debug_assert!(errors.is_empty(), "message {}: {errors:?}", self.key);
        f.write_str(&text)
    }
}

impl From<Said> for String {
    fn from(said: Said) -> Self {
        said.to_string()
    }
}

/// A message with fixed markup of ours; safe in HTML, because its arguments are escaped.
#[derive(Debug, Clone)]
pub struct Rich(Said);

impl Rich {
    /// Fills in a text, escaped.
    #[must_use]
    pub fn with(self, name: &'static str, value: &dyn fmt::Display) -> Self {
        let mut escaped = String::new();
        // Writing to a string does not fail.
        let _ = Html.write_escaped_str(&mut escaped, &value.to_string());
        Self(self.0.with(name, &escaped))
    }

    /// Fills in what is safe in HTML already, such as a time.
    #[must_use]
    pub fn html(self, name: &'static str, value: &impl HtmlSafe) -> Self {
        Self(self.0.with(name, value))
    }

    /// Fills in a number, which the message may choose its words by.
    #[must_use]
    pub fn count(self, name: &'static str, number: impl Count) -> Self {
        Self(self.0.count(name, number))
    }
}

impl fmt::Display for Rich {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl HtmlSafe for Rich {}

#[cfg(test)]
mod tests;
