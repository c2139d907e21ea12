//! The messages of the pages: which files there are, and in which language a request is answered.
//!
//! Templates and code name a message by its key: `crate::t("common-calls")` without arguments, [`say`] and `with` with them,
//! [`rich`] where the message contains markup of ours. `provisioning::language` has the machinery.
//!
//! The order: what the signed-in person chose, the language of the company, `Accept-Language`, English. The API and
//! everything else that programs read is English, whoever asks. A test proves that every key exists, is used, and has the
//! same arguments and markup in both languages.

use std::sync::LazyLock;

use axum::http::{HeaderMap, Uri, header};
use provisioning::language::{Catalogue, Count, Rich, Said};

pub(crate) use self::retold::retold;
pub(crate) use provisioning::language::{Language, current, in_language, speaking};

mod retold;
#[cfg(test)]
mod tests;

/// The files by name, each in both languages.
macro_rules! files {
    ($($name:literal),* $(,)?) => {
        const ENGLISH: &[&str] = &[$(include_str!(concat!("../messages/en/", $name, ".ftl"))),*];
        const GERMAN: &[&str] = &[$(include_str!(concat!("../messages/de/", $name, ".ftl"))),*];
        #[cfg(test)]
        const NAMES: &[&str] = &[$($name),*];
    };
}

files![
    "common",
    "frame",
    "dashboard",
    "extensions",
    "phones",
    "push",
    "access",
    "settings",
    "system",
    "welcome",
    "words",
    "advice",
    "problems",
    "core",
];

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::new(ENGLISH, GERMAN));

/// A message without arguments.
pub(crate) fn t(key: &'static str) -> &'static str {
    CATALOGUE.plain(key)
}

/// A message with arguments; its text is escaped by the template.
pub(crate) fn say(key: &'static str) -> Said {
    CATALOGUE.say(key)
}

/// A message with markup of ours; its arguments are escaped.
pub(crate) fn rich(key: &'static str) -> Rich {
    CATALOGUE.rich(key)
}

/// A count as people write it.
pub(crate) fn number(count: impl Count) -> String {
    current().number(count.count())
}

/// The languages as a form offers them, behind the words for having none.
pub(crate) fn choices(none: &'static str) -> Vec<(&'static str, &'static str)> {
    let all = Language::ALL.into_iter().map(|language| (language.code(), language.own_name()));
    std::iter::once(("", none)).chain(all).collect()
}

/// The language to answer somebody in who has not said, or has not signed in yet.
pub(crate) fn of_request(uri: &Uri, headers: &HeaderMap, company: Option<Language>) -> Language {
    if for_programs(uri.path()) {
        return Language::English;
    }
    let browser = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    company.or_else(|| browser.and_then(Language::accepted)).unwrap_or_default()
}

/// Whether programs read what is at this address.
pub(crate) fn for_programs(path: &str) -> bool {
    path.starts_with("/api/") || matches!(path, "/metrics" | "/healthz" | "/readyz")
}
