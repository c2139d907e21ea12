//! What goes in and out of the desk phones of an installation: a phone to be added, its first address, a phone as it is shown.

use pbx_core::model::{ExtensionNumber, Redacted, SipUsername, UnixMillis};
use serde::{Deserialize, Serialize};

use super::{Asked, Kept, Kind};
use crate::desk_phone::{DeskPhone, Mac, Model, Vendor};

/// How far a phone has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// It has fetched nothing.
    Waiting,
    /// It was told its own address and has not used it yet.
    Told,
    /// It fetches from its own address.
    Settled,
    /// The same, and it will be told a new one.
    Rotating,
    /// The first address ran out before the phone came.
    RanOut,
}

/// A desk phone as pages, the API and the CLI show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeskPhoneView {
    /// Its address.
    pub mac: Mac,
    /// Who made it.
    pub vendor: Vendor,
    /// What it is.
    pub model: Model,
    /// Whose it is.
    pub extension: ExtensionNumber,
    /// Where it stands, in the admin's words.
    pub label: String,
    /// The name of its SIP account.
    pub username: SipUsername,
    /// How far it has come.
    pub progress: Progress,
    /// Counts up with each change of what it is told.
    pub revision: i64,
    /// Until when it may come by its MAC alone.
    pub pairing_until: Option<UnixMillis>,
    /// Its last fetch.
    pub last_fetch: Option<LastFetch>,
    /// Whether it would be told something else than at its last fetch, as far as that was looked at since the start.
    pub old: bool,
    /// When it was asked to fetch again, and what it said.
    pub asked: Option<Asked>,
    /// When it was added.
    pub created_at: UnixMillis,
}

/// What a phone asked for last, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastFetch {
    /// When.
    pub at: UnixMillis,
    /// From which address.
    pub from: String,
    /// What it called itself.
    pub user_agent: String,
    /// Which file.
    pub file: String,
    /// What it was told.
    pub told: String,
}

/// A phone to be added.
#[derive(Debug, Clone)]
pub struct NewDeskPhone {
    /// Which.
    pub phone: DeskPhone,
    /// Whose.
    pub extension: ExtensionNumber,
    /// Where it stands; may be empty.
    pub label: String,
}

/// What is to be changed of a phone; `None` leaves it.
#[derive(Debug, Clone, Default)]
pub struct DeskPhoneEdit {
    /// Whose it becomes.
    pub extension: Option<ExtensionNumber>,
    /// What it is.
    pub model: Option<Model>,
    /// Where it stands; may be empty.
    pub label: Option<String>,
}

/// How to get into a phone's own menu.
#[derive(Debug, Clone)]
pub struct MenuPassword {
    /// The name of its admin.
    pub user: &'static str,
    /// The password it was told.
    pub password: Redacted<String>,
}

/// The first address of a phone; this is the only time it can be shown.
#[derive(Debug, Clone)]
pub struct FirstAddress {
    /// Which phone.
    pub mac: Mac,
    /// The folder the phone fetches from, its secret in the path, with a slash at the end.
    pub url: Redacted<String>,
    /// When it ends unless the phone has come by then.
    pub expires_at: UnixMillis,
}

impl Kept {
    pub(super) fn view(&self, now: UnixMillis) -> DeskPhoneView {
        let progress = match (self.token(Kind::Current), self.token(Kind::Next), self.token(Kind::First)) {
            (Some(_), Some(_), _) => Progress::Rotating,
            (Some(_), None, _) => Progress::Settled,
            (None, Some(_), _) => Progress::Told,
            (None, None, Some(first)) if first.expires_at.is_some_and(|end| end <= now) => Progress::RanOut,
            (None, None, _) => Progress::Waiting,
        };
        DeskPhoneView {
            mac: self.phone.mac,
            vendor: self.phone.vendor,
            model: self.phone.model.clone(),
            extension: self.extension,
            label: self.label.as_str().to_owned(),
            username: self.username.clone(),
            progress,
            revision: self.revision,
            pairing_until: self.window.map(|window| window.until).filter(|until| *until > now),
            last_fetch: self.last_fetch.clone(),
            old: self.old,
            asked: self.asked,
            created_at: self.created_at,
        }
    }
}
