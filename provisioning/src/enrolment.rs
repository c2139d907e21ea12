//! The life of an enrolment link: issued, then claimed by one device, expired, or revoked.
//!
//! | from \ event | claim | time runs out | revoke |
//! |---|---|---|---|
//! | issued | claimed | expired | revoked |
//! | claimed | refused | - | revoked, the device's account goes |
//! | expired | refused | - | revoked |
//! | revoked | refused | - | refused |
//!
//! Every transition consumes the old state. The SIP user name is fixed when the link is issued, so that a redemption that
//! was cut short and is done again replaces its own account and never makes a second one.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use pbx_core::model::{ExtensionNumber, SipUsername, UnixMillis};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

/// How long a link lives when nothing else is said.
pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// A shorter life would end before the mail is read.
pub const SHORTEST_LIFETIME: Duration = Duration::from_secs(3600);
/// A longer life leaves an open door in a mailbox.
pub const LONGEST_LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);
/// Labels are one line on a page.
const MAX_LABEL_CHARS: usize = 64;

/// Names a link for the admin; says nothing about its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct EnrolmentId(pub Uuid);

impl fmt::Display for EnrolmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl FromStr for EnrolmentId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Uuid::parse_str(text).map(Self)
    }
}

/// What the admin writes beside a link, for example whose phone it is; may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Label(Box<str>);

/// The text is no label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a label has at most 64 characters and no line breaks or control characters")]
pub struct LabelError;

impl Label {
    /// The label, without surrounding blanks.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Label {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        let text = text.trim();
        if text.chars().count() > MAX_LABEL_CHARS || text.chars().any(char::is_control) {
            return Err(LabelError);
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for Label {
    type Error = LabelError;

    fn try_from(text: String) -> Result<Self, LabelError> {
        text.parse()
    }
}

impl From<Label> for String {
    fn from(label: Label) -> Self {
        label.0.into()
    }
}

/// One link, as pages and the API show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Enrolment {
    /// Its name.
    #[cfg_attr(feature = "openapi", schema(value_type = Uuid))]
    pub id: EnrolmentId,
    /// Whose device it sets up.
    pub extension: ExtensionNumber,
    /// What the admin wrote beside it.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub label: Label,
    /// The account its device gets, or would get.
    pub username: SipUsername,
    /// The account of a phone that fetches its settings again by this link; `null` for a link that sets up another phone.
    pub renews: Option<SipUsername>,
    /// When it was issued.
    pub created_at: UnixMillis,
    /// When it ends unless it is claimed.
    pub expires_at: UnixMillis,
    /// Where it stands.
    #[serde(flatten)]
    pub state: EnrolmentState,
}

/// Where a link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum EnrolmentState {
    /// Waits for its device.
    Issued,
    /// One device has its account through it.
    Claimed {
        /// When.
        claimed_at: UnixMillis,
    },
    /// Nobody came in time.
    Expired,
    /// An admin took it back.
    Revoked {
        /// When a device had claimed it, if one had.
        claimed_at: Option<UnixMillis>,
        /// When.
        revoked_at: UnixMillis,
    },
}

/// Why a link cannot do what is asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// One device has it already.
    #[error("the link was used already; issue a new one for another device")]
    Claimed,
    /// Nobody came in time.
    #[error("the link has expired; issue a new one")]
    Expired,
    /// It was taken back.
    #[error("the link was revoked already")]
    Revoked,
}

impl Enrolment {
    /// A new link that waits for its device.
    pub fn issue(id: EnrolmentId, extension: ExtensionNumber, username: SipUsername, times: Times) -> Self {
        Self {
            id,
            extension,
            label: Label::default(),
            username,
            renews: None,
            created_at: times.now,
            expires_at: times.now + times.lifetime,
            state: EnrolmentState::Issued,
        }
    }

    /// The same link as it stands at `now`: one that waited too long has expired.
    pub fn at(self, now: UnixMillis) -> Self {
        let state = match self.state {
            EnrolmentState::Issued if now >= self.expires_at => EnrolmentState::Expired,
            same @ (EnrolmentState::Issued
            | EnrolmentState::Claimed { .. }
            | EnrolmentState::Expired
            | EnrolmentState::Revoked { .. }) => same,
        };
        Self { state, ..self }
    }

    /// One device takes the link.
    pub fn claim(self, now: UnixMillis) -> Result<Self, Refusal> {
        let current = self.at(now);
        match current.state {
            EnrolmentState::Issued => Ok(Self { state: EnrolmentState::Claimed { claimed_at: now }, ..current }),
            EnrolmentState::Claimed { .. } => Err(Refusal::Claimed),
            EnrolmentState::Expired => Err(Refusal::Expired),
            EnrolmentState::Revoked { .. } => Err(Refusal::Revoked),
        }
    }

    /// An admin takes the link back; the account of a device that claimed it is to be removed.
    pub fn revoke(self, now: UnixMillis) -> Result<Self, Refusal> {
        let claimed_at = match self.state {
            EnrolmentState::Issued | EnrolmentState::Expired => None,
            EnrolmentState::Claimed { claimed_at } => Some(claimed_at),
            EnrolmentState::Revoked { .. } => return Err(Refusal::Revoked),
        };
        Ok(Self { state: EnrolmentState::Revoked { claimed_at, revoked_at: now }, ..self })
    }

    /// The account of the device that has it, or would get it: of a link that renews an account and that nobody has claimed, it is
    /// the one that was never made.
    pub fn account(&self) -> &SipUsername {
        let is_claimed = match self.state {
            EnrolmentState::Claimed { .. } | EnrolmentState::Revoked { claimed_at: Some(_), .. } => true,
            EnrolmentState::Issued | EnrolmentState::Expired | EnrolmentState::Revoked { claimed_at: None, .. } => {
                false
            }
        };
        self.renews.as_ref().filter(|_| is_claimed).unwrap_or(&self.username)
    }

    /// The same link for a phone that has an account already.
    pub fn renewing(self, renews: Option<SipUsername>) -> Self {
        Self { renews, ..self }
    }

    /// The same link with a label.
    pub fn labelled(self, label: Label) -> Self {
        Self { label, ..self }
    }
}

/// When a link is issued, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Now.
    pub now: UnixMillis,
    /// How long the link lives.
    pub lifetime: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: UnixMillis = UnixMillis(1_790_000_000_000);

    fn issued() -> Enrolment {
        let times = Times { now: START, lifetime: SHORTEST_LIFETIME };
        let id = EnrolmentId(Uuid::from_u128(1));
        Enrolment::issue(id, "101".parse().unwrap(), "101.abcdef".parse().unwrap(), times)
    }

    #[test]
    fn a_link_is_claimed_once() {
        let claimed = issued().claim(START).unwrap();
        assert_eq!(claimed.state, EnrolmentState::Claimed { claimed_at: START });
        assert_eq!(claimed.claim(START), Err(Refusal::Claimed));
    }

    #[test]
    fn a_link_expires_in_the_very_millisecond_it_says() {
        let last = START + SHORTEST_LIFETIME - Duration::from_millis(1);
        issued().claim(last).unwrap();
        assert_eq!(issued().claim(START + SHORTEST_LIFETIME), Err(Refusal::Expired));
        assert_eq!(issued().at(START + SHORTEST_LIFETIME).state, EnrolmentState::Expired);
    }

    #[test]
    fn a_claimed_link_never_expires() {
        let claimed = issued().claim(START).unwrap();
        let much_later = START + LONGEST_LIFETIME * 1000;
        assert_eq!(claimed.clone().at(much_later).state, claimed.state);
    }

    #[test]
    fn a_revoked_link_is_not_claimed_and_not_revoked_again() {
        let revoked = issued().revoke(START).unwrap();
        assert_eq!(revoked.clone().claim(START), Err(Refusal::Revoked));
        assert_eq!(revoked.revoke(START), Err(Refusal::Revoked));
    }

    #[test]
    fn revoking_remembers_whether_a_device_had_it() {
        let later = START + Duration::from_secs(5);
        let revoked = issued().claim(START).unwrap().revoke(later).unwrap();
        assert_eq!(revoked.state, EnrolmentState::Revoked { claimed_at: Some(START), revoked_at: later });
    }

    #[test]
    fn a_link_that_renews_an_account_touches_it_only_once_it_is_claimed() {
        let link = issued().renewing(Some("101.zzzzzz".parse().unwrap()));
        assert_eq!(link.account().as_str(), "101.abcdef");
        assert_eq!(link.clone().revoke(START).unwrap().account().as_str(), "101.abcdef");
        let claimed = link.claim(START).unwrap();
        assert_eq!(claimed.account().as_str(), "101.zzzzzz");
        assert_eq!(claimed.revoke(START).unwrap().account().as_str(), "101.zzzzzz");
    }

    #[test]
    fn labels_are_one_short_line() {
        assert_eq!(" Anna's phone ".parse::<Label>().unwrap().as_str(), "Anna's phone");
        assert_eq!("a\nb".parse::<Label>(), Err(LabelError));
        assert_eq!("x".repeat(65).parse::<Label>(), Err(LabelError));
    }
}
