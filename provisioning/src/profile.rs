//! Everything a phone needs to register, with its secret: made at redemption, written into one answer, then forgotten.

pub mod acrobits;
pub mod app;
pub mod bria;
pub mod json;
pub mod linphone;
pub mod nethvoice;
mod xml;
pub mod zoiper;

#[cfg(test)]
mod format_tests;

use pbx_core::model::{DisplayName, ExtensionNumber, PushOffer, PushProvider, Redacted, SipUsername};

use crate::public_info::{SipServer, bracketed};

/// One account as one device is told it.
#[derive(Debug, Clone)]
pub struct Profile {
    /// The number; the user part of the address.
    pub extension: ExtensionNumber,
    /// The owner; may be empty.
    pub display_name: DisplayName,
    /// The name for authentication.
    pub username: SipUsername,
    /// The plain secret.
    pub secret: Redacted<String>,
    /// The digest realm.
    pub realm: String,
    /// What stands behind the `@`.
    pub domain: String,
    /// Where to connect; the first is the best.
    pub server: SipServer,
    /// The other ways.
    pub other_servers: Vec<SipServer>,
    /// For how long to register, in seconds.
    pub register_seconds: u32,
    /// Who can wake this device, as far as its platform is known.
    pub push_provider: Option<PushProvider>,
    /// What phones can be woken with.
    pub offer: PushOffer,
}

impl Profile {
    /// What the app is to put into its Contact (RFC 8599) before it knows its token: `pn-provider=fcm;pn-param=…` for an Android
    /// phone once a Firebase project is there. Apple's apps know their own parameters.
    pub fn push_parameters(&self) -> Option<String> {
        let project = self.offer.firebase.first().filter(|_| self.push_provider == Some(PushProvider::Fcm))?;
        Some(format!("pn-provider=fcm;pn-param={}", project.param()))
    }

    /// The address without a name, for example `sip:101@example.com`.
    pub fn address(&self) -> String {
        format!("sip:{}@{}", self.extension, bracketed(&self.domain))
    }
}

/// Who wakes the platform a User-Agent names; `None` when it names none.
pub fn push_provider(user_agent: &str) -> Option<PushProvider> {
    let user_agent = user_agent.to_ascii_lowercase();
    let names = |platforms: &[&str]| platforms.iter().any(|platform| user_agent.contains(platform));
    if names(&["android"]) {
        Some(PushProvider::Fcm)
    } else if names(&["iphone", "ipad", "ios"]) {
        Some(PushProvider::Apns)
    } else {
        None
    }
}

#[cfg(test)]
use pbx_core::model::FirebaseProject;

#[cfg(test)]
pub(crate) fn sample() -> Profile {
    Profile {
        extension: "101".parse().unwrap(),
        display_name: "Anna \"<Ärger>\" & Söhne \\".parse().unwrap(),
        username: "101.kqzwrt".parse().unwrap(),
        secret: Redacted::new("abcdefghijkmnpqrstuvwxyz".into()),
        realm: "night & bell".into(),
        domain: "example.com".into(),
        server: SipServer { host: "pbx.example.com".into(), port: 5061, transport: "tls" },
        other_servers: vec![SipServer { host: "pbx.example.com".into(), port: 5060, transport: "udp" }],
        register_seconds: 3600,
        push_provider: Some(PushProvider::Apns),
        offer: PushOffer::default(),
    }
}

#[cfg(test)]
pub(crate) fn android() -> Profile {
    let project = FirebaseProject { project_id: "acme-phone".into(), sender_id: Some("123456789012".into()) };
    let offer = PushOffer { firebase: vec![project], ..PushOffer::default() };
    Profile { push_provider: Some(PushProvider::Fcm), offer, ..sample() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_platform_is_read_from_the_user_agent() {
        for (user_agent, provider) in [
            ("LinphoneAndroid/5.2.5 (Pixel 8) LinphoneSDK/5.3", Some(PushProvider::Fcm)),
            ("LinphoneiOS/5.2.1 (iPhone) LinphoneSDK/5.3", Some(PushProvider::Apns)),
            ("Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X)", Some(PushProvider::Apns)),
            ("Linphone-Desktop/5.1", None),
            ("", None),
        ] {
            assert_eq!(push_provider(user_agent), provider, "{user_agent}");
        }
    }

    #[test]
    fn a_profile_does_not_print_its_secret() {
        let profile = sample();
        assert!(!format!("{profile:?}").contains(profile.secret.reveal()));
    }
}
