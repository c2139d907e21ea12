//! Log lines on standard error: text for people, JSON for machines; the last ones are kept for the pages.

use std::io::{self, Write};
use std::sync::OnceLock;

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, Registry, reload};
use web_admin::{LogDoor, Tail};

use crate::config::{Config, LogFormat};

/// What changes the filter of this process, once it logs.
static FILTER: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();
/// The last lines of this process.
static TAIL: OnceLock<Tail> = OnceLock::new();

/// Starts logging once for the process; a second call changes nothing (tests start several servers).
pub fn start(config: &Config) {
    let filter = EnvFilter::try_new(&config.log).unwrap_or_else(|_| EnvFilter::new("info"));
    let (filter, handle) = reload::Layer::new(filter);
    let writer = Both { tail: TAIL.get_or_init(Tail::default).clone() };
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    let registry = tracing_subscriber::registry().with(filter);
    // Failing means that a subscriber is set already, which serves as well.
    let started = match config.log_format {
        LogFormat::Text => registry.with(lines).try_init(),
        LogFormat::Json => registry.with(lines.json()).try_init(),
    };
    if started.is_ok() {
        let _ = FILTER.set(handle);
    }
}

/// The log for the pages; without a started log its filter cannot be changed.
pub fn door(config: &Config) -> LogDoor {
    LogDoor::new(TAIL.get_or_init(Tail::default).clone(), &config.log, |text| {
        let filter = EnvFilter::try_new(text).map_err(|wrong| wrong.to_string())?;
        let handle = FILTER.get().ok_or("the log of this process is not Nightbell's own")?;
        handle.reload(filter).map_err(|wrong| wrong.to_string())
    })
}

/// Writes every line to standard error and into the tail.
struct Both {
    tail: Tail,
}

/// One line on its way; the formatter writes it in one piece.
struct Line<'a>(&'a Tail);

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.push(bytes);
        io::stderr().write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for Both {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(&self.tail)
    }
}
