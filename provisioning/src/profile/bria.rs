//! The attributes of Bria (Stretto), for the admin who maintains profiles there.
//!
//! Two spellings are in use: that of the vendor's older documents (`accountN.credentials.domain`, `bria.push.enabled`) and that
//! of real profiles (`accountNSip.domain`, `accountN.briaPush.enabled`). Both are written; an installation ignores what it does not
//! know. Account numbers are 1 to 5, registration modes 0 to 3.

use std::collections::BTreeMap;

use super::Profile;

/// Mode 0: phone and push server register alternately. This registrar takes several registrations of one account.
const STANDARD: &str = "0";

/// The attributes of account `n`; `None` for a number that Bria does not have.
pub fn attributes(profile: &Profile, n: u8) -> Option<BTreeMap<String, String>> {
    if !(1..=5).contains(&n) {
        return None;
    }
    let server = format!("{}:{}", bracketed(&profile.server.host), profile.server.port);
    let name: String = profile.display_name.as_str().chars().filter(|c| !c.is_control()).collect();
    let expires = profile.register_seconds.to_string();
    let option = match profile.server.transport {
        "tls" => "2",
        "tcp" => "1",
        _ => "0",
    };
    let pairs = [
        (format!("account{n}.accountName"), profile.extension.to_string()),
        (format!("account{n}Sip.accountName"), profile.extension.to_string()),
        (format!("account{n}.credentials.domain"), profile.domain.clone()),
        (format!("account{n}Sip.domain"), profile.domain.clone()),
        (format!("account{n}Sip.credentials.username"), profile.extension.to_string()),
        (format!("account{n}Sip.credentials.password"), profile.secret.reveal().clone()),
        (format!("account{n}Sip.credentials.authorizationName"), profile.username.to_string()),
        (format!("account{n}Sip.credentials.displayName"), name),
        (format!("account{n}Sip.outboundProxy"), server.clone()),
        (format!("account{n}.briaPush.OutboundProxy"), server),
        ("bria.push.enabled".to_owned(), "true".to_owned()),
        (format!("account{n}.briaPush.enabled"), "1".to_owned()),
        (format!("account{n}.briaPush.RegistrationMode"), STANDARD.to_owned()),
        (format!("account{n}Sip.briaPush.RegistrationMode"), STANDARD.to_owned()),
        (format!("account{n}Sip.briaPush.RegistrationRefresh"), expires),
        (format!("account{n}Sip.briaPush.NATEmulation"), "false".to_owned()),
        (format!("Account{n}.bria.push.AutoSend180"), "false".to_owned()),
        (format!("account{n}.ignoreTlsCertVerify"), "false".to_owned()),
        ("mob.network.siptransport.option".to_owned(), option.to_owned()),
        ("mob.network.siptransport.encryptAudio".to_owned(), "0".to_owned()),
    ];
    Some(pairs.into_iter().collect())
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

/// The attributes as lines `name=value`; no value holds a line break.
pub fn text(profile: &Profile) -> String {
    let attributes = attributes(profile, 1).unwrap_or_default();
    attributes.into_iter().map(|(name, value)| format!("{name}={value}\n")).collect()
}
