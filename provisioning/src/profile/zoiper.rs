//! The document a Zoiper app fetches from the address in its QR code.

use super::Profile;
use super::xml::Element;
use crate::public_info::bracketed;

/// The document.
pub fn xml(profile: &Profile) -> String {
    xml_with_name(profile, profile.display_name.as_str())
}

/// The document with any text for the owner's name.
pub(super) fn xml_with_name(profile: &Profile, name: &str) -> String {
    let mut account = Element::new("account");
    account
        .text("protocol", "sip")
        .text("name", format!("{} {name}", profile.extension).trim_end())
        .text("SIP_domain", &bracketed(&profile.domain))
        .text("SIP_outbound_proxy", &profile.server.host_and_port())
        .text("SIP_use_outbound_proxy", "true")
        .text("username", &profile.extension.to_string())
        .text("SIP_auth_username", profile.username.as_str())
        .text("password", profile.secret.reveal())
        .text("SIP_callerId", name)
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
