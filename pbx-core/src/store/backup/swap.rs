//! A restored database takes the place of the old one, in steps that a crash may cut anywhere.
//!
//! `restore.ready` holds the new files and a note. First every old file moves to `before-restore` (marks there say that this has
//! begun, and that it is done), then every new file moves to its place, then the note. Each step that was done is seen by what is where, so the next
//! opening goes on where a crash has cut. Nothing is deleted but the `before-restore` of an earlier restore.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::FILES;
use super::line::Manifest;
use crate::model::UnixMillis;
use crate::store::open::DATABASE;

/// Where a database is filled; thrown away after a crash.
pub(super) const PART: &str = "restore.part";
/// Where a checked database waits for the next opening.
pub(super) const READY: &str = "restore.ready";
/// Where the files are that a restore replaced.
pub(super) const BEFORE: &str = "before-restore";
/// The note about a restore; the last thing that moves.
const NOTE: &str = "restored.json";
/// In `before-restore`: old files are moving here; what an earlier restore left is gone.
const CLEARING: &str = ".clearing";
/// In `before-restore`: every old file is here.
const CLEARED: &str = ".cleared";
/// What belongs to the database beside [`FILES`].
const OF_DATABASE: [&str; 5] =
    [DATABASE, "nightbell.db-wal", "nightbell.db-shm", "nightbell.db-journal", "parked.journal"];

/// What was restored, for the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreNote {
    /// When the backup was made.
    pub made_at: UnixMillis,
    /// By which version.
    pub made_by: String,
    /// When it was put back.
    pub restored_at: UnixMillis,
}

impl RestoreNote {
    pub(super) fn of(manifest: &Manifest, now: UnixMillis) -> Self {
        Self { made_at: manifest.made_at, made_by: manifest.made_by.clone(), restored_at: now }
    }

    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        fs::write(folder.join(NOTE), serde_json::to_vec(self)?)
    }
}

/// Ends a restore that is ready, or that a crash has cut; whether there was one.
pub(crate) fn finish(data_dir: &Path) -> io::Result<bool> {
    let (ready, before) = (data_dir.join(READY), data_dir.join(BEFORE));
    if !fs::exists(&ready)? {
        return Ok(false);
    }
    let cleared = before.join(CLEARED);
    if !fs::exists(&cleared)? {
        clear(data_dir, &before)?;
    }
    for name in OF_DATABASE.into_iter().chain(FILES) {
        move_one(&ready, data_dir, name)?;
    }
    sync(data_dir)?;
    move_one(&ready, data_dir, NOTE)?;
    fs::remove_dir_all(&ready)?;
    fs::remove_file(&cleared)?;
    sync(data_dir)?;
    Ok(true)
}

/// Moves what is in use out of the way.
fn clear(data_dir: &Path, before: &Path) -> io::Result<()> {
    let clearing = before.join(CLEARING);
    if !fs::exists(&clearing)? {
        if fs::exists(before)? {
            fs::remove_dir_all(before)?;
        }
        fs::DirBuilder::new().mode(0o700).create(before)?;
        File::create(&clearing)?.sync_all()?;
        sync(before)?;
        sync(data_dir)?;
    }
    for name in OF_DATABASE.into_iter().chain(FILES) {
        move_one(data_dir, before, name)?;
    }
    sync(data_dir)?;
    fs::rename(&clearing, before.join(CLEARED))?;
    sync(before)
}

fn move_one(from: &Path, to: &Path, name: &str) -> io::Result<()> {
    let (from, to) = (from.join(name), to.join(name));
    if !fs::exists(&from)? {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::rename(from, to)
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The note of the last restore, until [`forget_note`].
pub(crate) fn note(data_dir: &Path) -> Option<RestoreNote> {
    serde_json::from_slice(&fs::read(data_dir.join(NOTE)).ok()?).ok()
}

/// The restore is in the audit log.
pub(crate) fn forget_note(data_dir: &Path) {
    // Told twice is better than never.
    let _ = fs::remove_file(data_dir.join(NOTE));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(folder: &Path, name: &str, text: &str) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn begun(folder: &Path) {
        for (name, text) in [(DATABASE, "old"), ("nightbell.db-wal", "old"), ("master.key", "old"), ("other", "kept")] {
            put(folder, name, text);
        }
        for (name, text) in [(DATABASE, "new"), ("master.key", "new"), ("tls/cert.pem", "new"), (NOTE, "{}")] {
            put(&folder.join(READY), name, text);
        }
    }

    fn read(folder: &Path, name: &str) -> Option<String> {
        fs::read_to_string(folder.join(name)).ok()
    }

    fn is_done(folder: &Path) {
        for name in [DATABASE, "master.key", "tls/cert.pem"] {
            assert_eq!(read(folder, name).as_deref(), Some("new"), "{name}");
        }
        assert_eq!(read(folder, "nightbell.db-wal"), None);
        assert_eq!(read(folder, "other").as_deref(), Some("kept"));
        for name in [DATABASE, "nightbell.db-wal", "master.key"] {
            assert_eq!(read(&folder.join(BEFORE), name).as_deref(), Some("old"), "{name}");
        }
        assert!(!folder.join(READY).exists());
        assert!(!finish(folder).unwrap(), "there is nothing left to do");
    }

    #[test]
    fn the_new_files_are_in_place_and_the_old_ones_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!finish(folder.path()).unwrap());
        begun(folder.path());
        assert!(finish(folder.path()).unwrap());
        is_done(folder.path());
    }

    /// The moves in their order; a crash is the end after any number of them.
    #[test]
    fn a_crash_between_any_two_moves_is_made_good() {
        let moves = |folder: &Path| {
            let (ready, before) = (folder.join(READY), folder.join(BEFORE));
            let mut all: Vec<Box<dyn Fn()>> = Vec::new();
            for name in OF_DATABASE.into_iter().chain(FILES) {
                let (from, to) = (folder.to_owned(), before.clone());
                all.push(Box::new(move || move_one(&from, &to, name).unwrap()));
            }
            let mark = before.clone();
            all.push(Box::new(move || fs::rename(mark.join(CLEARING), mark.join(CLEARED)).unwrap()));
            for name in OF_DATABASE.into_iter().chain(FILES).chain([NOTE]) {
                let (from, to) = (ready.clone(), folder.to_owned());
                all.push(Box::new(move || move_one(&from, &to, name).unwrap()));
            }
            all
        };
        let count = moves(Path::new("/")).len();
        for crash in 0..=count {
            let folder = tempfile::tempdir().unwrap();
            begun(folder.path());
            put(&folder.path().join(BEFORE), CLEARING, "");
            moves(folder.path()).iter().take(crash).for_each(|step| step());
            assert!(finish(folder.path()).unwrap());
            is_done(folder.path());
        }
    }

    #[test]
    fn a_second_restore_keeps_what_the_first_one_brought() {
        let folder = tempfile::tempdir().unwrap();
        begun(folder.path());
        finish(folder.path()).unwrap();
        begun(folder.path());
        finish(folder.path()).unwrap();
        is_done(folder.path());
    }
}
