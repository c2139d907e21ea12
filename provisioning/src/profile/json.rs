//! The profile for apps that speak JSON. Unknown fields are to be ignored; `schema` rises when one changes its meaning.

use serde::Serialize;

use super::Profile;
use crate::public_info::SipServer;

const SCHEMA: u32 = 1;

/// The profile as a JSON text.
pub fn json(profile: &Profile) -> Result<String, serde_json::Error> {
    json_with_name(profile, profile.display_name.as_str())
}

/// The profile with any text for the owner's name.
pub(super) fn json_with_name(profile: &Profile, name: &str) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(&Body {
        schema: SCHEMA,
        account: Account {
            extension: profile.extension.to_string(),
            display_name: name,
            address: profile.address(),
            username: profile.extension.to_string(),
            auth_username: profile.username.as_str(),
            secret: profile.secret.reveal(),
            realm: &profile.realm,
            domain: &profile.domain,
        },
        sip: Sip {
            servers: std::iter::once(&profile.server).chain(&profile.other_servers).collect(),
            expires_seconds: profile.register_seconds,
        },
        push: Push {
            pn_provider: profile.push_provider.map(|provider| provider.as_str()),
            parameters: profile.push_parameters(),
        },
    })
}

#[derive(Serialize)]
struct Body<'a> {
    schema: u32,
    account: Account<'a>,
    sip: Sip<'a>,
    push: Push,
}

#[derive(Serialize)]
struct Account<'a> {
    extension: String,
    display_name: &'a str,
    address: String,
    username: String,
    auth_username: &'a str,
    secret: &'a str,
    realm: &'a str,
    domain: &'a str,
}

#[derive(Serialize)]
struct Sip<'a> {
    servers: Vec<&'a SipServer>,
    expires_seconds: u32,
}

/// What to put into the Contact (RFC 8599); the app adds `pn-param` and `pn-prid`, which only it knows.
#[derive(Serialize)]
struct Push {
    pn_provider: Option<&'static str>,
    /// The same with `pn-param`, when we know it (the sender of Firebase).
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_says_everything_a_phone_needs() {
        let body: serde_json::Value = serde_json::from_str(&json(&super::super::sample()).unwrap()).unwrap();
        assert_eq!(
            body,
            serde_json::json!({
                "schema": 1,
                "account": {
                    "extension": "101",
                    "display_name": "Anna \"<Ärger>\" & Söhne \\",
                    "address": "sip:101@example.com",
                    "username": "101",
                    "auth_username": "101.kqzwrt",
                    "secret": "abcdefghijkmnpqrstuvwxyz",
                    "realm": "night & bell",
                    "domain": "example.com"
                },
                "sip": {
                    "servers": [
                        {"host": "pbx.example.com", "port": 5061, "transport": "tls"},
                        {"host": "pbx.example.com", "port": 5060, "transport": "udp"}
                    ],
                    "expires_seconds": 3600
                },
                "push": {"pn_provider": "apns"}
            })
        );
    }
}
