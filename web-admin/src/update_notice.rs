//! Whether there is a newer Nightbell, without telemetry: off until an admin names an address.
//!
//! That address is asked once a day, by a plain GET that carries no version, no id and no cookie, and says of this machine what
//! every web server sees: its network address. It holds the newest version, as plain text (`0.2.0`), as the JSON of a release
//! (GitHub, Gitea, Forgejo: `tag_name`, `html_url`), or as a list of such. Nothing is downloaded or installed.

use std::time::Duration;

use pbx_core::model::UnixMillis;
use pbx_core::store::{Store, StoreError};
use serde::{Deserialize, Serialize};

use crate::advice::{Finding, Level};
use crate::clock;
use crate::network_check::plain_client;
use crate::say;
use crate::state::AdminState;
use crate::welcome::store as area;

/// Its names in the live settings.
const SETTING: &str = "update_notice";
const FOUND: &str = "update_notice_found";
/// Between two questions.
const EVERY: Duration = Duration::from_secs(24 * 3600);
/// Between two looks at the clock, so that a suspended machine asks soon after it wakes.
const LOOK_EVERY: Duration = Duration::from_secs(600);
/// For the whole answer.
const WITHIN: Duration = Duration::from_secs(15);
/// A list of releases with their texts.
const LONGEST: usize = 1024 * 1024;
/// Longer is no address anybody typed.
const LONGEST_URL: usize = 300;

/// Where the newest version is written; empty asks nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateNotice)]
pub(crate) struct Setting {
    /// `https://…`, or empty.
    pub(crate) url: String,
}

impl Setting {
    /// Refuses what cannot be asked.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let fits = self.url.len() <= LONGEST_URL
            && reqwest::Url::parse(&self.url).is_ok_and(|url| url.scheme() == "https" && url.has_host());
        if self.url.is_empty() || fits {
            Ok(())
        } else {
            Err("give an address that begins with https://, or leave it empty")
        }
    }

    pub(crate) async fn load(store: &Store) -> Result<Self, StoreError> {
        Ok(area::load(store, SETTING).await?.unwrap_or_default())
    }

    /// Saves it and forgets what another address said.
    pub(crate) async fn save(&self, store: &Store) -> Result<(), StoreError> {
        area::put(store, SETTING, self).await?;
        area::put(store, FOUND, &Found::default()).await
    }
}

/// What was found at the last question.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = UpdateFound)]
pub(crate) struct Found {
    /// When it was asked; null when it never was.
    pub(crate) asked_at: Option<UnixMillis>,
    /// The newest version there; empty when none could be read.
    pub(crate) version: String,
    /// A page about it; may be empty.
    pub(crate) page: String,
    /// Why nothing was learned; empty when something was.
    pub(crate) problem: String,
}

impl Found {
    pub(crate) async fn load(store: &Store) -> Result<Self, StoreError> {
        Ok(area::load(store, FOUND).await?.unwrap_or_default())
    }

    /// The line for the advice, if this version is older.
    pub(crate) fn finding(&self, own: &str) -> Option<Finding> {
        is_newer(&self.version, own).then(|| {
            Finding::new(
                Level::Warn,
                "update_available",
                say("advice-update-is-there").with("version", &self.version).with("own", &own).text(),
                say("advice-update-make-a-backup").with("page", &self.page).text(),
                "/system",
            )
        })
    }
}

/// Asks once a day for ever; run it as a task and drop it to stop.
pub(crate) async fn run(state: AdminState) {
    let mut every = tokio::time::interval(LOOK_EVERY);
    loop {
        every.tick().await;
        if let Err(error) = ask_if_due(&state.store).await {
            tracing::warn!(%error, "whether there is an update cannot be kept");
        }
    }
}

async fn ask_if_due(store: &Store) -> Result<(), StoreError> {
    let setting = Setting::load(store).await?;
    let found = Found::load(store).await?;
    let now = clock::now();
    // A clock that was set back asks once too often, and then daily again.
    let is_due = found.asked_at.is_none_or(|at| now.since(at) >= EVERY || at > now);
    if !setting.url.is_empty() && is_due {
        ask(store, &setting).await?;
    }
    Ok(())
}

/// Asks now, and keeps what was found. The last version that was read stays, whatever goes wrong.
pub(crate) async fn ask(store: &Store, setting: &Setting) -> Result<Found, StoreError> {
    let before = Found::load(store).await?;
    let asked_at = Some(clock::now());
    let found = match fetch(&setting.url).await {
        Ok((version, page)) => Found { asked_at, version, page, problem: String::new() },
        Err(problem) => Found { asked_at, problem, ..before },
    };
    area::put(store, FOUND, &found).await?;
    Ok(found)
}

async fn fetch(url: &str) -> Result<(String, String), String> {
    let client = plain_client(WITHIN).ok_or("a secure connection cannot be set up")?;
    let mut answer = client.get(url).send().await.map_err(|why| format!("it is not reached: {}", why.without_url()))?;
    if !answer.status().is_success() {
        return Err(format!("it answers with HTTP {}", answer.status().as_u16()));
    }
    let mut text = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|why| format!("it broke off: {}", why.without_url()))? {
        text.extend_from_slice(&chunk);
        if text.len() > LONGEST {
            return Err("what is there is longer than any list of releases".to_owned());
        }
    }
    read(&String::from_utf8_lossy(&text)).ok_or_else(|| "what is there names no version".to_owned())
}

#[derive(Debug, Deserialize)]
struct Release {
    tag_name: String,
    #[serde(default)]
    html_url: String,
    #[serde(default)]
    draft: bool,
    #[serde(default)]
    prerelease: bool,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Releases {
    Many(Vec<Release>),
    One(Box<Release>),
}

/// Version and page, as they are written there.
fn read(text: &str) -> Option<(String, String)> {
    let release = match serde_json::from_str::<Releases>(text) {
        Ok(Releases::One(release)) => Some(*release),
        Ok(Releases::Many(all)) => {
            all.into_iter().filter(|one| !one.draft && !one.prerelease).max_by_key(|one| parts(&one.tag_name))
        }
        Err(_) => None,
    };
    if let Some(release) = release {
        let page = Some(release.html_url).filter(|page| page.starts_with("https://") && page.len() <= LONGEST_URL);
        return Some((plain(&release.tag_name)?, page.unwrap_or_default()));
    }
    Some((plain(text.lines().next()?.trim())?, String::new()))
}

/// A version without its `v`; `None` for anything else.
fn plain(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches(['v', 'V']);
    parts(text).map(|_| text.to_owned())
}

/// Major, minor and patch; what stands behind them does not count.
fn parts(text: &str) -> Option<[u32; 3]> {
    let text = text.trim_start_matches(['v', 'V']);
    let core = text.split(['-', '+']).next()?;
    let mut numbers = core.split('.').map(|part| part.parse().ok());
    let all = [numbers.next()??, numbers.next()??, numbers.next().unwrap_or(Some(0))?];
    (numbers.next().is_none() && text.len() <= 40).then_some(all)
}

fn is_newer(there: &str, own: &str) -> bool {
    parts(there).zip(parts(own)).is_some_and(|(there, own)| there > own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_from_text_from_a_release_and_from_a_list() {
        let version = |text: &str| read(text).map(|(version, _)| version);
        assert_eq!(version("v0.2.0\nand more"), Some("0.2.0".into()));
        assert_eq!(version("1.4"), Some("1.4".into()));
        let one = r#"{"tag_name":"v1.2.3","html_url":"https://example.com/r","body":"<b>"}"#;
        assert_eq!(read(one), Some(("1.2.3".into(), "https://example.com/r".into())));
        let many = r#"[{"tag_name":"2.0.0-rc1","prerelease":true},{"tag_name":"1.9.9"},{"tag_name":"1.10.0"},{"tag_name":"9.0.0","draft":true}]"#;
        assert_eq!(version(many), Some("1.10.0".into()));
        let odd = r#"{"tag_name":"1.2.3","html_url":"javascript:alert(1)"}"#;
        assert_eq!(read(odd), Some(("1.2.3".into(), String::new())));
        for nothing in ["", "<html>", "latest", "1", "1.2.3.4", "[]", r#"{"tag_name":"nightly"}"#] {
            assert_eq!(version(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn only_a_newer_version_is_advice() {
        let found = |version: &str| Found { version: version.into(), ..Found::default() }.finding("0.9.1");
        for same in ["0.9.1", "0.9.0", "0.9.1-rc1", ""] {
            assert_eq!(found(same), None, "{same}");
        }
        let advice = found("0.10.0").unwrap();
        assert_eq!((advice.level, advice.code), (Level::Warn, "update_available"));
        assert!(advice.text.contains("0.10.0") && advice.text.contains("0.9.1"), "{}", advice.text);
    }

    #[test]
    fn only_secure_addresses_are_asked() {
        for (url, good) in [
            ("", true),
            ("https://example.com/v", true),
            ("http://example.com", false),
            ("x", false),
            ("https://", false),
        ] {
            assert_eq!(Setting { url: url.into() }.check().is_ok(), good, "{url}");
        }
    }
}
