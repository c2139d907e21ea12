//! The attributes of Bria (Stretto), for the admin who maintains profiles there.
//!
//! Two spellings are in use: that of the vendor's older documents (`accountN.credentials.domain`, `bria.push.enabled`) and that
//! of real profiles (`accountNSip.domain`, `accountN.briaPush.enabled`). Both are written; an installation ignores what it does not
//! know. Account numbers are 1 to 5, registration modes 0 to 3.
//!
//! Bria's own push server wakes the app, and keeps the account's secret for that. Whether it does follows the extension's push
//! switch: where the admin wants no pushes, nobody else is to have the secret either.

use std::collections::BTreeMap;

use super::Profile;
use crate::public_info::bracketed;

/// Mode 0: phone and push server register alternately. This registrar takes several registrations of one account.
const STANDARD: &str = "0";

/// The attributes of account `n`, with Bria's push server or without; `None` for a number that Bria does not have.
pub fn attributes(profile: &Profile, n: u8, push_enabled: bool) -> Option<BTreeMap<String, String>> {
    attributes_with_name((profile, profile.display_name.as_str()), n, push_enabled)
}

/// The attributes with any text for the owner's name.
pub(super) fn attributes_with_name(
    (profile, name): (&Profile, &str),
    n: u8,
    push_enabled: bool,
) -> Option<BTreeMap<String, String>> {
    if !(1..=5).contains(&n) {
        return None;
    }
    let domain = bracketed(&profile.domain).into_owned();
    let expires = profile.register_seconds.to_string();
    let option = match profile.server.transport {
        "tls" => "2",
        "tcp" => "1",
        _ => "0",
    };
    let (word, digit) = if push_enabled { ("true", "1") } else { ("false", "0") };
    let mut pairs = vec![
        (format!("account{n}.accountName"), profile.extension.to_string()),
        (format!("account{n}Sip.accountName"), profile.extension.to_string()),
        (format!("account{n}.credentials.domain"), domain.clone()),
        (format!("account{n}Sip.domain"), domain),
        (format!("account{n}Sip.credentials.username"), profile.extension.to_string()),
        (format!("account{n}Sip.credentials.password"), profile.secret.reveal().clone()),
        (format!("account{n}Sip.credentials.authorizationName"), profile.username.to_string()),
        (format!("account{n}Sip.credentials.displayName"), name.to_owned()),
        ("bria.push.enabled".to_owned(), word.to_owned()),
        (format!("account{n}.briaPush.enabled"), digit.to_owned()),
        (format!("account{n}.briaPush.RegistrationMode"), STANDARD.to_owned()),
        (format!("account{n}Sip.briaPush.RegistrationMode"), STANDARD.to_owned()),
        (format!("account{n}Sip.briaPush.RegistrationRefresh"), expires),
        (format!("account{n}Sip.briaPush.NATEmulation"), "false".to_owned()),
        (format!("Account{n}.bria.push.AutoSend180"), "false".to_owned()),
        (format!("account{n}.ignoreTlsCertVerify"), "false".to_owned()),
        ("mob.network.siptransport.option".to_owned(), option.to_owned()),
        ("mob.network.siptransport.encryptAudio".to_owned(), "0".to_owned()),
    ];
    if let Some(server) = outbound_proxy(profile) {
        pairs.push((format!("account{n}Sip.outboundProxy"), server.clone()));
        pairs.push((format!("account{n}.briaPush.OutboundProxy"), server));
    }
    Some(pairs.into_iter().map(|(name, value)| (name, one_line(&value))).collect())
}

/// Where to connect, if the domain alone does not lead there: another host, or another port than the transport's own (RFC 3261
/// section 19.1.2).
fn outbound_proxy(profile: &Profile) -> Option<String> {
    let default_port = if profile.server.transport == "tls" { 5061 } else { 5060 };
    let same = profile.server.host == profile.domain && profile.server.port == default_port;
    (!same).then(|| profile.server.host_and_port())
}

/// The attributes as lines `name=value`; no value holds a line break.
pub fn text(profile: &Profile, push_enabled: bool) -> String {
    text_with_name(profile, profile.display_name.as_str(), push_enabled)
}

/// The lines with any text for the owner's name.
pub(super) fn text_with_name(profile: &Profile, name: &str, push_enabled: bool) -> String {
    let attributes = attributes_with_name((profile, name), 1, push_enabled).unwrap_or_default();
    attributes.into_iter().map(|(name, value)| format!("{name}={value}\n")).collect()
}

/// A value without what would end its line: controls, and the separators of Unicode that some readers take for a line's end.
fn one_line(value: &str) -> String {
    value.chars().filter(|c| !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}')).collect()
}
