//! `nightbell config check`: the boot settings as they are in force, and what they mean.

use std::net::SocketAddr;

use serde_json::json;

use super::Place;
use super::failure::Failure;
use super::output::{Report, clean};
use crate::config::{Config, ConfigError};

pub(super) fn run(place: &Place) -> Result<Report, Failure> {
    let config = place.load()?;
    config.check()?;
    let effective = toml::to_string(&config).map_err(|error| ConfigError::Value {
        key: "the configuration",
        problem: format!("cannot be printed: {error}"),
    })?;
    let text = format!("{}\n{}", clean_toml(&effective), meaning(&config));
    let json = json!({ "ok": true, "config": config, "socket": config.socket_path() });
    Ok(Report::done(text, json))
}

fn clean_toml(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", clean(line))).collect()
}

fn meaning(config: &Config) -> String {
    let phones = [("UDP", &config.sip.udp), ("TCP", &config.sip.tcp), ("TLS", &config.sip.tls)]
        .into_iter()
        .filter(|(_, addresses)| !addresses.is_empty())
        .map(|(transport, addresses)| format!("# Phones reach it by {transport} at {}.\n", list(addresses)))
        .collect::<String>();
    format!(
        "{phones}# Browsers reach it at {} (it listens at {}).\n# Commands reach it at {}.\n# These settings are good.\n",
        config.base_url(config.https.listen.port()),
        config.https.listen,
        config.socket_path().display(),
    )
}

/// Addresses in one line.
pub(super) fn list(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_can_be_used_as_a_configuration() {
        let config = Config::default();
        let text = format!("{}\n{}", clean_toml(&toml::to_string(&config).unwrap()), meaning(&config));
        assert_eq!(toml::from_str::<Config>(&text).unwrap(), config);
    }

    #[test]
    fn the_meaning_names_every_way_in() {
        let text = meaning(&Config::default());
        for part in ["UDP at 0.0.0.0:5060, [::]:5060", "TLS at", "https://localhost:8443", "admin.sock"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }
}
