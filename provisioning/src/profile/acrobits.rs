//! Account XML for Groundwire and apps made with Cloud Softphone (External Provisioning, doc.acrobits.net).
//!
//! Pushes go through Acrobits' mediator: the app reports its token to `pushTokenReporterUrl` with the secret of its account, as
//! `docs/acrobits.md` says. Re-provisioning is off (`extProvInterval` 0), because the secret is told once and kept nowhere.

use super::Profile;
use super::xml::Element;

/// The document.
pub fn xml(profile: &Profile, base_url: &str) -> String {
    let host = if profile.server.host.contains(':') {
        format!("[{}]", profile.server.host)
    } else {
        profile.server.host.clone()
    };
    let title = match profile.display_name.as_str() {
        "" => profile.extension.to_string(),
        name => name.to_owned(),
    };
    // The placeholders are filled in by the app.
    let report = "{\"username\":\"%account[authUsername]%\",\"password\":\"%account[password]%\",\"selector\":\"%selector%\",\
                  \"appId\":\"%pushappid_incoming_call%\",\"token\":\"%pushTokenIncomingCall%\",\
                  \"appIdOther\":\"%pushappid_other%\",\"tokenOther\":\"%pushTokenOther%\"}";
    let transport = if profile.server.transport == "tls" { "tls+sip:" } else { profile.server.transport };
    let mut account = Element::new("account");
    account
        .text("title", &title)
        .text("username", &profile.extension.to_string())
        .text("authUsername", profile.username.as_str())
        .text("password", profile.secret.reveal())
        .text("userDisplayName", profile.display_name.as_str())
        .text("host", &profile.domain)
        .text("proxy", &format!("{host}:{}", profile.server.port))
        .text("transport", transport)
        .text("expires", &profile.register_seconds.to_string())
        .text("icm", "push")
        .text("sdesIncoming", "disabled")
        .text("sdesOutgoing", "disabled")
        .text("allowVideo", "0")
        .text("extProvInterval", "0")
        .text("pushTokenReporterUrl", &format!("{base_url}/api/v1/acrobits/push-token"))
        .text("pushTokenReporterPostData", report)
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
