//! Account XML for Groundwire and apps made with Cloud Softphone (External Provisioning, doc.acrobits.net).
//!
//! Pushes go through Acrobits' mediator: the app reports its token to `pushTokenReporterUrl` with the secret of its account, as
//! `docs/acrobits.md` says. Re-provisioning is off (`extProvInterval` 0), because the secret is told once and kept nowhere.
//! `sipisDisabled` and `pushNotificationsEnabled` are not written: they are preferences of the app and no nodes of an account
//! ("SIPIS-less push calls", doc.acrobits.net).

use super::Profile;
use super::xml::{Element, allowed};
use crate::public_info::bracketed;

/// For how long a woken app stays registered and waits for the INVITE, in seconds: as long as a caller rings by default. The app's
/// own 3 (iOS) or 5 (Android) are short for a slow network (`secondsToBeRegistered`, "SIPIS-less push calls").
const SECONDS_TO_BE_REGISTERED: &str = "30";

/// What the app reports its token with; it fills in the placeholders. `authUsername` is the name a REGISTER proves itself with, and
/// stands in every account written here.
const TOKEN_REPORT: &str = "{\"username\":\"%account[authUsername]%\",\"password\":\"%account[password]%\",\
                            \"selector\":\"%selector%\",\"appId\":\"%pushappid_incoming_call%\",\
                            \"token\":\"%pushTokenIncomingCall%\",\"appIdOther\":\"%pushappid_other%\",\
                            \"tokenOther\":\"%pushTokenOther%\"}";

/// The document.
pub fn xml(profile: &Profile, base_url: &str) -> String {
    xml_with_name(profile, profile.display_name.as_str(), base_url)
}

/// The document with any text for the owner's name.
pub(super) fn xml_with_name(profile: &Profile, name: &str, base_url: &str) -> String {
    // An account without a title is not saved, so a name of which nothing can be written is none.
    let title = if name.chars().all(|c| !allowed(c) || c.is_whitespace()) {
        profile.extension.to_string()
    } else {
        name.to_owned()
    };
    let transport = if profile.server.transport == "tls" { "tls+sip:" } else { profile.server.transport };
    let mut account = Element::new("account");
    account
        .text("title", &title)
        .text("username", &profile.extension.to_string())
        .text("authUsername", profile.username.as_str())
        .text("password", profile.secret.reveal())
        .text("userDisplayName", name)
        .text("host", &bracketed(&profile.domain))
        .text("proxy", &profile.server.host_and_port())
        .text("transport", transport)
        .text("expires", &profile.register_seconds.to_string())
        .text("icm", "push")
        .text("secondsToBeRegistered", SECONDS_TO_BE_REGISTERED)
        .text("sdesIncoming", "disabled")
        .text("sdesOutgoing", "disabled")
        .text("allowVideo", "0")
        .text("extProvInterval", "0")
        .text("pushTokenReporterUrl", &format!("{base_url}/api/v1/acrobits/push-token"))
        .text("pushTokenReporterPostData", TOKEN_REPORT)
        .text("pushTokenReporterContentType", "application/json");
    account.document()
}

/// What a Cloud Softphone app scans: the one-time token stands where the password would; the app splits at the last `@`.
pub fn csc(extension: &str, token: &str, cloud_id: &str) -> String {
    format!("csc:{}:{}@{cloud_id}", percent(extension), percent(token))
}

fn percent(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
