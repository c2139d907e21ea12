//! The profile for Linphone: its remote provisioning document (lpconfig).
//!
//! The secret goes in plain, because the digest form (`ha1`) is bound to one algorithm and the app would then fail
//! against the other; the app itself replaces it by its digest once it has registered. `transient_provisioning` makes
//! the app forget the link after the first fetch, so that it does not knock with a used one at every start.

use askama::Template as _;

use super::Profile;
use super::xml::allowed;
use crate::public_info::bracketed;

/// The document.
pub fn xml(profile: &Profile) -> Result<String, askama::Error> {
    xml_with_name(profile, profile.display_name.as_str())
}

/// The document with any text for the owner's name.
pub(super) fn xml_with_name(profile: &Profile, name: &str) -> Result<String, askama::Error> {
    Document {
        extension: profile.extension.to_string(),
        userid: profile.username.as_str(),
        passwd: profile.secret.reveal(),
        realm: profile.realm.chars().filter(|c| allowed(*c)).collect(),
        domain: bracketed(&profile.domain).into_owned(),
        server: profile.server.uri(),
        identity: identity(profile, name),
        expires: profile.register_seconds,
        push: profile.push_parameters(),
    }
    .render()
}

/// The address with the owner's name as a quoted string (RFC 3261 section 25.1).
fn identity(profile: &Profile, name: &str) -> String {
    let mut quoted = String::new();
    for c in name.chars().filter(|c| allowed(*c)) {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    if quoted.is_empty() { format!("<{}>", profile.address()) } else { format!("\"{quoted}\" <{}>", profile.address()) }
}

#[derive(askama::Template)]
#[template(path = "linphone.xml")]
struct Document<'a> {
    extension: String,
    userid: &'a str,
    passwd: &'a str,
    realm: String,
    domain: String,
    server: String,
    identity: String,
    expires: u32,
    /// Read by liblinphone as `push_parameters`; the app adds its token.
    push: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_as_agreed() {
        assert_eq!(xml(&super::super::sample()).unwrap().trim(), include_str!("golden/linphone.xml").trim());
    }

    #[test]
    fn an_android_phone_is_told_the_sender_once_there_is_one() {
        let with = xml(&super::super::android()).unwrap();
        let line = r#"<entry name="push_parameters" overwrite="true">pn-provider=fcm;pn-param=123456789012</entry>"#;
        assert!(with.contains(line), "{with}");
        let before = Profile { offer: pbx_core::model::PushOffer::default(), ..super::super::android() };
        assert!(!xml(&before).unwrap().contains("push_parameters"));
        assert!(!xml(&super::super::sample()).unwrap().contains("push_parameters"), "an iPhone knows its own");
    }

    #[test]
    fn an_owner_without_name_has_a_bare_address() {
        assert_eq!(identity(&super::super::sample(), ""), "<sip:101@example.com>");
    }

    #[test]
    fn characters_xml_forbids_are_left_out() {
        let mut profile = super::super::sample();
        profile.display_name = "A\u{ffff}B\u{fffe}".parse().unwrap();
        assert!(xml(&profile).unwrap().contains("&#34;AB&#34; &#60;sip:101@example.com&#62;"));
    }
}
