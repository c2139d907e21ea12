//! Log lines on standard error: text for people, JSON for machines.

use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat};

/// Starts logging once for the process; a second call changes nothing (tests start several servers).
pub fn start(config: &Config) {
    let filter = EnvFilter::try_new(&config.log).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    // Failing means that a subscriber is set already, which serves as well.
    let _ = match config.log_format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}
