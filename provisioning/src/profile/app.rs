//! The profile for apps written for Nightbell, as the device API gives it: at pairing with the secret, later without.
//!
//! Unknown fields are to be ignored; `schema` rises when one changes its meaning. `revision` is a hash of everything else, so
//! any change of settings, ports or push credentials makes a new one, and an app that asks with it as `If-None-Match` is told
//! when nothing changed.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::Profile;
use crate::public_info::SipServer;

const SCHEMA: u32 = 1;
/// Bytes of the hash in a revision.
const REVISION_BYTES: usize = 12;

/// How apps of this installation are woken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AppPush {
    /// For how long a caller hears ringing, so for how long a wake is worth anything.
    pub ring_seconds: u32,
    /// Apple's push service; `None` while no key is there.
    pub apns: Option<NamedApps>,
    /// Firebase; `None` while no service account is there.
    pub fcm: Option<Vec<FirebaseSender>>,
    /// Huawei's Push Kit; `None` while no app of it is there.
    pub hms: Option<NamedApps>,
    /// Web Push; `None` while it is not enabled.
    pub webpush: Option<WebPushKey>,
}

/// Which apps can be woken through Apple or Huawei.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NamedApps {
    /// Bundle ids (Apple; empty for any) or app ids of AppGallery Connect (Huawei).
    pub app_ids: Vec<String>,
}

/// The Firebase project whose tokens can be pushed to; an app registers for a token of this sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FirebaseSender {
    /// The project.
    pub project_id: String,
    /// The sender (project number), if the admin gave it.
    pub sender_id: Option<String>,
}

/// What a browser subscribes with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WebPushKey {
    /// `applicationServerKey`, base64url.
    pub public_key: String,
}

/// The profile without its revision.
#[derive(Debug, Serialize)]
struct Body<'a> {
    schema: u32,
    account: Account<'a>,
    sip: Sip<'a>,
    push: &'a AppPush,
    device_api: String,
}

#[derive(Debug, Serialize)]
struct Account<'a> {
    extension: String,
    display_name: &'a str,
    address: String,
    username: String,
    auth_username: &'a str,
    realm: &'a str,
    domain: &'a str,
}

#[derive(Debug, Serialize)]
struct Sip<'a> {
    servers: Vec<&'a SipServer>,
    expires_seconds: u32,
    /// For `+sip.instance`, without quotes and angle brackets.
    instance_id: &'a str,
    media_encryption: &'static str,
}

/// The profile as a JSON value and its revision. The secret is not in it.
pub fn body(profile: &Profile, instance: &str, push: &AppPush, base_url: &str) -> (serde_json::Value, String) {
    body_with_name((profile, profile.display_name.as_str()), instance, push, base_url)
}

/// The profile with any text for the owner's name.
pub(super) fn body_with_name(
    (profile, name): (&Profile, &str),
    instance: &str,
    push: &AppPush,
    base_url: &str,
) -> (serde_json::Value, String) {
    let body = Body {
        schema: SCHEMA,
        account: Account {
            extension: profile.extension.to_string(),
            display_name: name,
            address: profile.address(),
            username: profile.extension.to_string(),
            auth_username: profile.username.as_str(),
            realm: &profile.realm,
            domain: &profile.domain,
        },
        sip: Sip {
            servers: std::iter::once(&profile.server).chain(&profile.other_servers).collect(),
            expires_seconds: profile.register_seconds,
            instance_id: instance,
            media_encryption: "none",
        },
        push,
        device_api: format!("{base_url}/api/v1/device"),
    };
    let mut value = serde_json::to_value(&body).unwrap_or_default();
    let revision = revision(&value);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("revision".into(), revision.clone().into());
    }
    (value, revision)
}

fn revision(value: &serde_json::Value) -> String {
    let hash = Sha256::digest(value.to_string().as_bytes());
    hash.iter().take(REVISION_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::sample;

    const INSTANCE: &str = "urn:uuid:6ba7b811-9dad-11d1-80b4-00c04fd430c8";

    #[test]
    fn the_profile_is_as_the_golden_file_says_and_holds_no_secret() {
        let push = AppPush {
            ring_seconds: 30,
            apns: Some(NamedApps { app_ids: vec!["com.example.nightbell".into()] }),
            fcm: Some(vec![FirebaseSender {
                project_id: "nightbell-1".into(),
                sender_id: Some("123456789012".into()),
            }]),
            hms: Some(NamedApps { app_ids: vec!["104567890".into()] }),
            webpush: Some(WebPushKey { public_key: "BKey".into() }),
        };
        let (value, revision) = body(&sample(), INSTANCE, &push, "https://pbx.example.com");
        let golden: serde_json::Value = serde_json::from_str(include_str!("../../fixtures/app.json")).unwrap();
        let mut expected = golden;
        expected["revision"] = revision.clone().into();
        assert_eq!(value, expected);
        assert!(!value.to_string().contains(sample().secret.reveal()));
        assert_eq!(revision.len(), 24);
    }

    #[test]
    fn every_change_makes_another_revision_and_the_same_settings_the_same() {
        let of = |profile: &Profile, push: &AppPush| body(profile, INSTANCE, push, "https://pbx.example.com").1;
        let (profile, push) = (sample(), AppPush::default());
        assert_eq!(of(&profile, &push), of(&profile, &push));
        let ringing = AppPush { ring_seconds: 45, ..AppPush::default() };
        assert_ne!(of(&profile, &push), of(&profile, &ringing));
        let mut other = sample();
        other.register_seconds = 600;
        assert_ne!(of(&profile, &push), of(&other, &push));
    }
}
