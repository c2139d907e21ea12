//! The document a Zoiper app fetches from the address in its QR code.

use super::Profile;
use super::xml::Element;

/// The document.
pub fn xml(profile: &Profile) -> String {
    let server = format!("{}:{}", profile.server.host, profile.server.port);
    let mut account = Element::new("account");
    account
        .text("protocol", "sip")
        .text("name", &format!("{} {}", profile.extension, profile.display_name))
        .text("SIP_domain", &profile.domain)
        .text("SIP_outbound_proxy", &server)
        .text("SIP_use_outbound_proxy", "true")
        .text("username", &profile.extension.to_string())
        .text("SIP_auth_username", profile.username.as_str())
        .text("password", profile.secret.reveal())
        .text("SIP_callerId", profile.display_name.as_str())
        .text("SIP_transport_type", profile.server.transport)
        .text("reregistration_time", &profile.register_seconds.to_string())
        .text("SIP_srtp_mode", "none")
        .text("register_on_startup", "true");
    let mut accounts = Element::new("accounts");
    accounts.raw(&account.to_text());
    let mut options = Element::new("options");
    options.raw(&accounts.to_text());
    options.document()
}
