//! The data directory remembers that it has a database, so that an empty one is never taken for a first start.
//!
//! A journal of SQLite that is deleted, a file that is moved away or a database that is dropped on a server leave behind
//! what a first start finds: nothing. The key beside it says otherwise, and so does this file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::super::seal::write_private;
use super::super::{StoreError, backup};

const MARKER: &str = "nightbell.installed";
/// The line of the file that a program reads.
const KEY: &str = "database = ";

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(MARKER)
}

fn refused(data_dir: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path(data_dir);
    move |source| StoreError::DataDir { path, source }
}

/// Which database this data directory had when it was last opened.
fn remembered(data_dir: &Path) -> Result<Option<String>, StoreError> {
    match fs::read_to_string(path(data_dir)) {
        Ok(text) => Ok(text.lines().find_map(|line| line.strip_prefix(KEY)).map(|name| name.trim().to_owned())),
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(failure) => Err(refused(data_dir)(failure)),
    }
}

/// Refuses an empty `database` where there was a full one.
pub(super) fn check_empty(data_dir: &Path, database: &str) -> Result<(), StoreError> {
    if remembered(data_dir)?.as_deref() != Some(database) {
        return Ok(());
    }
    let backup = backup::newest(data_dir);
    Err(StoreError::Lost { database: database.to_owned(), marker: path(data_dir), backup })
}

/// Remembers `database`, which has its tables and its key check.
pub(super) fn put(data_dir: &Path, database: &str) -> Result<(), StoreError> {
    if remembered(data_dir)?.as_deref() == Some(database) {
        return Ok(());
    }
    let text = format!(
        "# Nightbell has a database here and does not begin an empty one in its place.\n\
         # Remove this file only to begin an empty installation in this directory.\n{KEY}{database}\n"
    );
    write_private(&path(data_dir), text.as_bytes()).map_err(refused(data_dir))
}
