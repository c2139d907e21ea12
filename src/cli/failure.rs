//! Why a command failed: a sentence for people, problem JSON for scripts.

use std::io;
use std::path::PathBuf;

use pbx_core::store::StoreError;
use pbx_core::store::backup::BackupError;
use serde_json::{Value, json};
use thiserror::Error;

use super::Exit;
use super::client::ClientError;
use super::demo::DemoError;
use super::output;
use crate::app::AppError;
use crate::config::ConfigError;

/// Who says it, as is usual on standard error.
pub(super) const NAME: &str = "nightbell";

/// Why a command failed.
#[derive(Debug, Error)]
pub(super) enum Failure {
    /// The boot settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The server did not start.
    #[error("Nightbell did not start: {0}")]
    Start(#[from] AppError),
    /// The running server did not answer, or refused.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A file named on the command line.
    #[error("{what} {path} cannot be read: {source}; check the name and that this user may read it", path = .path.display())]
    Read {
        /// What it should hold.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file to be written.
    #[error("{path} cannot be written: {source}", path = .path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A value that only the command line can lack.
    #[error("{0}")]
    Missing(&'static str),
    /// The demo did not show what it should.
    #[error(transparent)]
    Demo(#[from] Box<DemoError>),
    /// Nightbell stopped by itself, which it never should.
    #[error(
        "the switchboard has ended by itself, which is a bug; the log above says more. Nightbell stops so that it can be started anew"
    )]
    Ended,
    /// A backup file, or putting it back.
    #[error("{0}")]
    Backup(#[from] BackupError),
    /// The redirect service, or asking one.
    #[error("{0}")]
    Redirect(String),
    /// Looking at an installation from outside.
    #[error("{0}")]
    Probe(String),
    /// A setup file, with every problem on a line of its own.
    #[error("{0}")]
    Document(String),
    /// No threads or no event queue.
    #[error("the runtime cannot start: {0}; the machine may be out of memory or of processes")]
    Runtime(io::Error),
}

impl Failure {
    /// What scripts and the service manager see.
    pub(super) const fn exit(&self) -> Exit {
        match self {
            Self::Start(AppError::Store(StoreError::Damaged { .. } | StoreError::Lost { .. })) => Exit::Damaged,
            Self::Config(_)
            | Self::Start(_)
            | Self::Client(_)
            | Self::Read { .. }
            | Self::Write { .. }
            | Self::Missing(_)
            | Self::Document(_)
            | Self::Demo(_)
            | Self::Backup(_)
            | Self::Redirect(_)
            | Self::Probe(_)
            | Self::Ended
            | Self::Runtime(_) => Exit::Failure,
        }
    }

    /// The sentence on standard error; with `json` the problem on standard output as well.
    pub(super) fn print(&self, json: bool) {
        if json {
            output::print_json(&self.problem());
        }
        output::print_error(&self.text());
    }

    /// The sentence, below one line for each row of a refused list.
    fn text(&self) -> String {
        let sentence = match self {
            Self::Client(ClientError::Refused(problem)) => {
                return format!("{}{NAME}: {}", problem.rows(), problem.sentence());
            }
            Self::Demo(failed) => failed.told(),
            Self::Config(_)
            | Self::Start(_)
            | Self::Client(_)
            | Self::Read { .. }
            | Self::Write { .. }
            | Self::Missing(_)
            | Self::Backup(_)
            | Self::Redirect(_)
            | Self::Probe(_)
            | Self::Document(_)
            | Self::Ended
            | Self::Runtime(_) => self.to_string(),
        };
        format!("{NAME}: {sentence}")
    }

    /// RFC 9457, as the server gave it or in its shape; `status` is there only when a server answered.
    fn problem(&self) -> Value {
        let code = match self {
            Self::Client(ClientError::Refused(problem)) => return problem.as_json().clone(),
            Self::Client(error) => error.code(),
            Self::Config(_) => "config",
            Self::Start(_) => "not_started",
            Self::Read { .. } => "file_unreadable",
            Self::Write { .. } => "file_unwritable",
            Self::Missing(_) => "argument_missing",
            Self::Backup(_) => "backup",
            Self::Redirect(_) => "redirect",
            Self::Probe(_) => "probe",
            Self::Document(_) => "file_wrong",
            Self::Demo(_) => "demo_failed",
            Self::Ended => "ended",
            Self::Runtime(_) => "no_runtime",
        };
        problem(code, &self.to_string())
    }
}

/// What `--json` prints when the command line is not understood.
pub(super) fn usage_problem(text: &str) -> Value {
    problem("usage", text.trim())
}

fn problem(code: &str, detail: &str) -> Value {
    json!({ "type": "about:blank", "title": "Failed", "code": code, "detail": detail })
}
