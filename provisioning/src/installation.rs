//! An app installation written for Nightbell: its credential for the device API, and what it says of its phone.
//!
//! The credential is minted at pairing, shown once and kept as its SHA-256. It hangs on the SIP account of the device: when the
//! account goes (logout, "lost phone", enrolment revoked), the row goes with it in the same statement.
//!
//! What the app says is one JSON record with a version. A record of an earlier version is brought up to date when it is read;
//! one of a later version (after a downgrade) is shown as unknown and is not overwritten field by field but replaced whole by
//! the app's next report. Push tokens are not in it: they belong to the wake target.

use std::fmt;
use std::str::FromStr;

use pbx_core::model::{ExtensionNumber, PushProvider, SipUsername, UnixMillis};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::link::{LinkToken, NotAToken, TokenHash};

/// What a device credential begins with, so that a leaked one is recognised.
pub const DEVICE_TOKEN_PREFIX: &str = "nbd_";
/// The version of records that is written.
pub const RECORD_VERSION: u32 = 2;
/// Texts an app gives about itself; only shown.
const MAX_TEXT_CHARS: usize = 64;

/// The credential of one installation. Does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceToken(LinkToken);

impl DeviceToken {
    /// From random bytes.
    pub const fn from_random(bytes: [u8; 32]) -> Self {
        Self(LinkToken::from_random(bytes))
    }

    /// The credential as it is shown once.
    pub fn reveal(&self) -> String {
        format!("{DEVICE_TOKEN_PREFIX}{}", self.0.reveal())
    }

    /// What is stored.
    pub fn hash(&self) -> TokenHash {
        self.0.hash()
    }
}

impl FromStr for DeviceToken {
    type Err = NotAToken;

    fn from_str(text: &str) -> Result<Self, NotAToken> {
        text.strip_prefix(DEVICE_TOKEN_PREFIX).ok_or(NotAToken)?.parse().map(Self)
    }
}

impl fmt::Debug for DeviceToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceToken(hidden)")
    }
}

/// One installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// Whose phone it is.
    pub extension: ExtensionNumber,
    /// Its SIP account.
    pub username: SipUsername,
    /// The value of its `+sip.instance`, `urn:uuid:…`.
    pub instance: String,
    /// What it says of itself.
    pub record: AppRecord,
    /// The revision of the profile it fetched last; empty before.
    pub profile_seen: String,
    /// When it was paired.
    pub created_at: UnixMillis,
    /// When it last asked for anything, to the minute.
    pub seen_at: UnixMillis,
}

/// What kind of system an app runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    /// Apple's phones and tablets.
    Ios,
    /// Android, with or without Google.
    Android,
    /// A browser.
    Web,
    /// A computer.
    Desktop,
    /// Not said.
    #[default]
    Unknown,
}

impl Platform {
    /// Who wakes phones of this system, as a rule.
    pub const fn push_provider(self) -> Option<PushProvider> {
        match self {
            Self::Ios => Some(PushProvider::Apns),
            Self::Android => Some(PushProvider::Fcm),
            Self::Web => Some(PushProvider::WebPush),
            Self::Desktop | Self::Unknown => None,
        }
    }

    /// As pages say it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Ios => "iOS",
            Self::Android => "Android",
            Self::Web => "a browser",
            Self::Desktop => "a computer",
            Self::Unknown => "an unknown system",
        }
    }
}

/// Whether the system lets an app do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// The user allowed it.
    Granted,
    /// The user refused it.
    Denied,
    /// The user was not asked yet.
    NotAsked,
}

/// How the system saves power at the app's cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatteryState {
    /// The app is exempt.
    Exempt,
    /// As for every app.
    Optimised,
    /// The system keeps it from waking.
    Restricted,
}

/// What an app says of the phone it runs on, brought up to date.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AppRecord {
    /// The kind of system.
    #[serde(default)]
    pub platform: Platform,
    /// The phone's model.
    #[serde(default)]
    pub model: String,
    /// The system's version.
    #[serde(default)]
    pub os_version: String,
    /// The app's id in its store.
    #[serde(default)]
    pub app_id: String,
    /// The app's version.
    #[serde(default)]
    pub app_version: String,
    /// Whether it may show notices.
    #[serde(default)]
    pub notifications: Option<Permission>,
    /// Whether it may use the microphone.
    #[serde(default)]
    pub microphone: Option<Permission>,
    /// Whether it may show a call over the lock screen (Android).
    #[serde(default)]
    pub full_screen: Option<Permission>,
    /// How the system saves power at its cost.
    #[serde(default)]
    pub battery: Option<BatteryState>,
    /// When it said so.
    #[serde(default)]
    pub reported_at: UnixMillis,
    /// In front of its user (`true`) or in the background, as it said last.
    #[serde(default)]
    pub in_front: Option<bool>,
}

/// A record that this version cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the record is not of a version this program knows")]
pub struct UnknownVersion;

impl AppRecord {
    /// The record as it is stored.
    pub fn to_text(&self) -> String {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        if let Some(fields) = value.as_object_mut() {
            fields.insert("version".into(), RECORD_VERSION.into());
        }
        value.to_string()
    }

    /// A stored record of this or any earlier version.
    pub fn from_text(text: &str) -> Result<Self, UnknownVersion> {
        let mut value: Value = serde_json::from_str(text).map_err(|_| UnknownVersion)?;
        let version = value.get("version").and_then(Value::as_u64).ok_or(UnknownVersion)?;
        if version == 1 {
            from_version_1(&mut value);
        } else if version != u64::from(RECORD_VERSION) {
            return Err(UnknownVersion);
        }
        serde_json::from_value(value).map_err(|_| UnknownVersion)
    }

    /// The problems an admin should know of, each with its fix; empty when all is well.
    pub fn problems(&self) -> Vec<(&'static str, &'static str)> {
        let mut found = Vec::new();
        if self.notifications == Some(Permission::Denied) {
            found.push((
                "app_notifications_denied",
                "the phone does not let the app show calls; allow notifications for the app in the phone's settings",
            ));
        }
        if self.microphone == Some(Permission::Denied) {
            found.push(("app_microphone_denied", "the phone does not let the app use the microphone, so nobody hears its user; allow it in the phone's settings"));
        }
        if self.full_screen == Some(Permission::Denied) {
            found.push(("app_full_screen_denied", "the phone does not show calls over the lock screen; allow full-screen notifications for the app in the phone's settings"));
        }
        if self.battery == Some(BatteryState::Restricted) {
            found.push(("app_battery_restricted", "the phone keeps the app from waking to save power; set its battery use to “unrestricted” in the phone's settings"));
        }
        found
    }
}

/// Version 1 had one field `battery_optimised` and no platform apart from `os`, such as `ios 17.4`.
fn from_version_1(value: &mut Value) {
    let Some(fields) = value.as_object_mut() else { return };
    if let Some(optimised) = fields.remove("battery_optimised").and_then(|it| it.as_bool()) {
        fields.insert("battery".into(), if optimised { "optimised" } else { "exempt" }.into());
    }
    if let Some(os) = fields.remove("os").and_then(|os| os.as_str().map(str::to_owned)) {
        let (name, version) = os.split_once(' ').unwrap_or((os.as_str(), ""));
        let platform = if matches!(name, "ios" | "android" | "web" | "desktop") { name } else { "unknown" };
        fields.insert("platform".into(), platform.into());
        fields.insert("os_version".into(), version.into());
    }
}

/// A text of an app on one line of ours.
pub fn shown_text(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_TEXT_CHARS).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_reads_back_and_does_not_print() {
        let token = DeviceToken::from_random([7; 32]);
        assert_eq!(token.reveal().parse::<DeviceToken>(), Ok(token.clone()));
        assert!(token.reveal()[4..].parse::<DeviceToken>().is_err(), "a link's token is no credential");
        assert_eq!(format!("{token:?}"), "DeviceToken(hidden)");
    }

    #[test]
    fn records_of_every_version_are_read() {
        let v1 = include_str!("../fixtures/app_record_v1.json");
        let v2 = include_str!("../fixtures/app_record_v2.json");
        let now = AppRecord::from_text(v2).unwrap();
        assert_eq!(AppRecord::from_text(v1).unwrap(), now, "the same phone, written by each version");
        assert_eq!(AppRecord::from_text(&now.to_text()).unwrap(), now);
        assert_eq!((now.platform, now.battery), (Platform::Android, Some(BatteryState::Optimised)));
    }

    #[test]
    fn a_record_of_a_later_version_is_not_misread() {
        assert_eq!(AppRecord::from_text(r#"{"version":99,"platform":"ios"}"#), Err(UnknownVersion));
        assert_eq!(AppRecord::from_text("{}"), Err(UnknownVersion));
        assert_eq!(AppRecord::from_text("no json"), Err(UnknownVersion));
    }

    #[test]
    fn what_keeps_a_phone_from_ringing_is_named_with_its_fix() {
        let bad = AppRecord {
            notifications: Some(Permission::Denied),
            battery: Some(BatteryState::Restricted),
            ..AppRecord::default()
        };
        let codes: Vec<_> = bad.problems().into_iter().map(|(code, _)| code).collect();
        assert_eq!(codes, ["app_notifications_denied", "app_battery_restricted"]);
        assert!(AppRecord::default().problems().is_empty());
    }
}
