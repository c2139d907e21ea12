//! What the public pages of links and the mails say, in each language (`language`).

use std::sync::LazyLock;

use crate::language::{Catalogue, Rich, Said};

static CATALOGUE: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue::new(&[include_str!("../messages/en.ftl")], &[include_str!("../messages/de.ftl")]));

/// A message without arguments.
pub(crate) fn t(key: &'static str) -> &'static str {
    CATALOGUE.plain(key)
}

/// A message with arguments; templates escape it.
pub(crate) fn say(key: &'static str) -> Said {
    CATALOGUE.say(key)
}

/// A message with markup of ours; its arguments are escaped.
pub(crate) fn rich(key: &'static str) -> Rich {
    CATALOGUE.rich(key)
}
