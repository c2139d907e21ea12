//! The profile for Linphone: its remote provisioning document (lpconfig).
//!
//! The secret goes in plain, because the digest form (`ha1`) is bound to one algorithm and the app would then fail
//! against the other; the app itself replaces it by its digest once it has registered. `transient_provisioning` makes
//! the app forget the link after the first fetch, so that it does not knock with a used one at every start.

use askama::Template as _;

use super::Profile;
use super::xml::allowed;

/// The document.
pub fn xml(profile: &Profile) -> Result<String, askama::Error> {
    Document {
        extension: profile.extension.to_string(),
        userid: profile.username.as_str(),
        passwd: profile.secret.reveal(),
        realm: &profile.realm,
        domain: &profile.domain,
        server: profile.server.uri(),
        identity: identity(profile),
        expires: profile.register_seconds,
        push: profile.push_parameters(),
    }
    .render()
}

/// The address with the owner's name as a quoted string (RFC 3261 section 25.1).
fn identity(profile: &Profile) -> String {
    let mut name = String::new();
    for c in profile.display_name.as_str().chars().filter(|c| allowed(*c)) {
        if matches!(c, '"' | '\\') {
            name.push('\\');
        }
        name.push(c);
    }
    if name.is_empty() { format!("<{}>", profile.address()) } else { format!("\"{name}\" <{}>", profile.address()) }
}

#[derive(askama::Template)]
#[template(path = "linphone.xml")]
struct Document<'a> {
    extension: String,
    userid: &'a str,
    passwd: &'a str,
    realm: &'a str,
    domain: &'a str,
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
        let mut profile = super::super::sample();
        profile.display_name = "".parse().unwrap();
        assert_eq!(identity(&profile), "<sip:101@example.com>");
    }

    #[test]
    fn characters_xml_forbids_are_left_out() {
        let mut profile = super::super::sample();
        profile.display_name = "A\u{ffff}B\u{fffe}".parse().unwrap();
        assert!(xml(&profile).unwrap().contains("&#34;AB&#34; &#60;sip:101@example.com&#62;"));
    }
}
