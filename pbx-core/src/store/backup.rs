//! Backups: everything of an installation in one encrypted file, and the way back.
//!
//! What is in it: every row of every table as the database of either kind has it, the master key, and the certificate. So one file
//! is enough to go on with on another machine, and to move from SQLite to PostgreSQL and back.
//!
//! Invariants: a backup is of one instant; a file that was cut, changed or filled up is refused as a whole; a restore touches nothing
//! that is in use before the new database is complete and checked; what was signed in, open for redemption, blocked or
//! registered at the time of the backup is void after it. Push tokens stay: they are how phones are found again.

mod archive;
mod line;
mod read;
mod restore;
mod schema;
pub(super) mod swap;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;

pub use line::Manifest;
pub use restore::{stage, stage_on_server, verify};
pub use swap::RestoreNote;

use super::StoreError;

/// What belongs to an installation beside its database, as paths in the data directory.
const FILES: [&str; 3] = ["master.key", "tls/cert.pem", "tls/key.pem"];

/// A shorter passphrase can be tried out by whoever got hold of a backup.
pub const PASSPHRASE_AT_LEAST: usize = 12;

/// The folder of the data directory in which backups are kept.
pub const FOLDER: &str = "backups";
/// What their names end in.
pub const ENDING: &str = ".nightbell";

/// The newest backup that is kept in a data directory, if it can be seen.
pub(super) fn newest(data_dir: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(data_dir.join(FOLDER)).ok()?.flatten();
    let files = entries.filter(|entry| entry.file_name().as_encoded_bytes().ends_with(ENDING.as_bytes()));
    files.max_by_key(|entry| entry.metadata().and_then(|file| file.modified()).ok()).map(|entry| entry.path())
}

/// How many rows a backup or a restore has come to; cheap to clone, every clone shows the same.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<AtomicU64>);

impl Progress {
    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self, rows: usize) {
        self.0.fetch_add(u64::try_from(rows).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// A backup that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// The size of the file.
    pub bytes: u64,
    /// How many tables are in it.
    pub tables: u64,
    /// How many rows in all.
    pub rows: u64,
}

/// What is in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// Of when and of what it is.
    pub manifest: Manifest,
    /// Each table with its rows.
    pub tables: Vec<(String, u64)>,
    /// How many files beside the database.
    pub files: usize,
    /// How many steps bring its tables to this version.
    pub schema_steps: usize,
}

impl Contents {
    fn of(manifest: Manifest) -> Self {
        Self { manifest, tables: Vec::new(), files: 0, schema_steps: 0 }
    }

    /// How many rows in all.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|(_, rows)| rows).sum()
    }

    fn count(&mut self, rows: usize) {
        if let Some((_, count)) = self.tables.last_mut() {
            *count += u64::try_from(rows).unwrap_or(u64::MAX);
        }
    }
}

/// What was being done with a backup.
#[derive(Debug, Error)]
pub enum BackupError {
    /// Reading or writing a file.
    #[error("the file {path} cannot be read or written: {source}{}", super::error::io_advice(.source))]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is something else.
    #[error("{0} is no backup of Nightbell; choose a file whose name ends in .nightbell")]
    NoBackup(PathBuf),
    /// The passphrase does not open it.
    #[error("the passphrase does not open this backup; give the one that was set when it was made")]
    Passphrase,
    /// The file was cut or changed.
    #[error("the backup {path} is damaged: {problem}; take another copy of it, or the backup before")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A newer version wrote it.
    #[error("the backup was made by a newer Nightbell ({0}); install that version, then restore it there")]
    Newer(String),
    /// The database on the server holds something.
    #[error("the database {0} is not empty; make a new one (createdb) and name it in database_url")]
    NotEmpty(String),
    /// An earlier restore has not taken its place yet.
    #[error("a restored backup already waits for the next start of Nightbell; start it first")]
    Waiting,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests;
