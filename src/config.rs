//! Boot settings: what must be known before the database is open. Everything else is live in the UI.
//!
//! Three layers, the later wins: built-in defaults, `config.toml`, environment variables `NIGHTBELL_*` (through the command
//! line's own arguments). Unknown keys are refused, so that a typing error is never silently ignored.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The file that is read when none is named and it exists.
pub const DEFAULT_FILE: &str = "/etc/nightbell/config.toml";

/// Boot settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the database, the master key, certificates and the admin socket live.
    pub data_dir: PathBuf,
    /// A PostgreSQL database instead of the file in the data directory.
    pub database_url: Option<pbx_core::store::DatabaseUrl>,
    /// The name or address under which phones and browsers reach this machine.
    pub public_host: String,
    /// Our address as the outside world sees it, when a router translates it.
    pub public_ip: Option<IpAddr>,
    /// Log filter, for example `info` or `nightbell=debug,info`.
    pub log: String,
    /// `text` for people, `json` for machines.
    pub log_format: LogFormat,
    /// SIP listeners.
    pub sip: SipConfig,
    /// The web server.
    pub https: HttpsConfig,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines, one object a line.
    Json,
}

/// Where SIP is listened for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SipConfig {
    /// UDP addresses.
    pub udp: Vec<SocketAddr>,
    /// TCP addresses.
    pub tcp: Vec<SocketAddr>,
    /// TLS addresses.
    pub tls: Vec<SocketAddr>,
}

/// The web server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpsConfig {
    /// Where the admin pages, the API and the enrolment links are served.
    pub listen: SocketAddr,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("/var/lib/nightbell"),
            database_url: None,
            public_host: "localhost".into(),
            public_ip: None,
            log: "info".into(),
            log_format: LogFormat::Text,
            sip: SipConfig::default(),
            https: HttpsConfig::default(),
        }
    }
}

impl Default for SipConfig {
    fn default() -> Self {
        let everywhere = |port| vec![SocketAddr::from(([0, 0, 0, 0], port)), SocketAddr::from(([0u16; 8], port))];
        Self { udp: everywhere(5060), tcp: everywhere(5060), tls: everywhere(5061) }
    }
}

impl Default for HttpsConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([0, 0, 0, 0], 8443)) }
    }
}

/// Why the boot settings cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration {path} cannot be read: {source}; check its name and that this user may read it")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what is expected; the text names line and key.
    #[error("the configuration {path} has an error: {source}")]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A value cannot work.
    #[error("{key}: {problem}")]
    Value {
        /// Which key.
        key: &'static str,
        /// What is wrong, with the fix.
        problem: String,
    },
}

impl Config {
    /// Reads `file`; without one, the default file when it exists, else the defaults.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let path = file.map_or_else(|| PathBuf::from(DEFAULT_FILE), Path::to_path_buf);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(missing) if file.is_none() && missing.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(ConfigError::Read { path, source }),
        };
        let config: Self =
            toml::from_str(&text).map_err(|source| ConfigError::Parse { path, source: Box::new(source) })?;
        Ok(config)
    }

    /// Refuses values that cannot work.
    pub fn check(&self) -> Result<(), ConfigError> {
        let refuse = |key, problem: &str| Err(ConfigError::Value { key, problem: problem.to_owned() });
        let host = self.public_host.as_str();
        let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '@' | '"' | '<' | '>' | '?' | '#');
        let has_port = host.contains(':') && host.parse::<std::net::Ipv6Addr>().is_err();
        if host.is_empty() || host.len() > 253 || host.chars().any(odd) || has_port {
            return refuse(
                "public_host",
                "give the name or IP address under which phones reach this machine, without https:// and without a port",
            );
        }
        if self.sip.udp.is_empty() && self.sip.tcp.is_empty() && self.sip.tls.is_empty() {
            return refuse(
                "sip",
                "give at least one address under udp, tcp or tls, or no phone can reach this machine",
            );
        }
        if self.public_ip.is_some_and(|ip| ip.is_unspecified() || ip.is_multicast()) {
            return refuse("public_ip", "give the router's address as the outside world sees it, or leave the key out");
        }
        tracing_subscriber::EnvFilter::try_new(&self.log)
            .map_err(|error| ConfigError::Value { key: "log", problem: format!("{error}; give for example info") })?;
        Ok(())
    }

    /// What links to the web server begin with, given the port it is bound to.
    pub fn base_url(&self, port: u16) -> String {
        let host = match self.public_host.parse::<IpAddr>() {
            Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
            Ok(IpAddr::V4(_)) | Err(_) => self.public_host.clone(),
        };
        if port == 443 { format!("https://{host}") } else { format!("https://{host}:{port}") }
    }

    /// Where the local commands reach the running server.
    pub fn socket_path(&self) -> PathBuf {
        self.data_dir.join("admin.sock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_file_names_every_key_with_its_default() {
        let example = include_str!("../config.example.toml");
        let uncommented: String = example
            .lines()
            .filter(|line| !line.starts_with("# ") && *line != "#")
            .map(|line| line.strip_prefix('#').unwrap_or(line))
            .fold(String::new(), |text, line| text + line + "\n");
        let parsed: Config = toml::from_str(&uncommented).unwrap();
        assert_eq!(
            parsed,
            Config { public_ip: parsed.public_ip, database_url: parsed.database_url.clone(), ..Config::default() }
        );
    }

    #[test]
    fn a_misspelt_key_is_refused_by_name() {
        let error = toml::from_str::<Config>("datadir = \"/tmp\"").unwrap_err();
        assert!(error.to_string().contains("datadir"), "{error}");
    }

    #[test]
    fn a_host_with_a_scheme_is_refused() {
        let config = Config { public_host: "https://pbx.example.com".into(), ..Config::default() };
        assert!(config.check().unwrap_err().to_string().starts_with("public_host"));
    }

    #[test]
    fn an_ipv6_host_gets_brackets_in_links() {
        let config = Config { public_host: "2001:db8::1".into(), ..Config::default() };
        assert_eq!(config.base_url(8443), "https://[2001:db8::1]:8443");
    }
}
