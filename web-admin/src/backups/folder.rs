//! The folder `backups` in the data directory: what it holds, under which names, and what comes in from elsewhere.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use pbx_core::model::UnixMillis;
use pbx_core::store::backup::{BackupError, ENDING};
use serde::Serialize;

/// How every file of the age format begins; what does not is refused before it fills the disk.
const BEGINS: &[u8] = b"age-encryption.org/v1\n";
/// What names end in until the file is whole.
const HALF: &str = ".nightbell.part";
/// Longer names are none of ours.
const NAME_AT_MOST: usize = 100;
/// What may be brought through the pages and the API; larger ones are copied into the folder by whoever runs the machine.
pub(crate) const UPLOAD_AT_MOST: u64 = 1024 * 1024 * 1024;

/// A backup in the folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = Backup)]
pub(crate) struct Kept {
    /// Its name in the folder.
    pub(crate) name: String,
    /// Its size.
    pub(crate) bytes: u64,
    /// When it was written.
    pub(crate) at: UnixMillis,
}

/// A name that is one of ours: it stays in the folder.
pub(super) fn checked(name: &str) -> Result<&str, ()> {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    let good = plain && name.len() <= NAME_AT_MOST && name.len() > ENDING.len() && name.ends_with(ENDING);
    if good && !name.starts_with('.') { Ok(name) } else { Err(()) }
}

/// The name of a backup that is made now.
pub(super) fn name(now: UnixMillis) -> String {
    let instant = Timestamp::from_millisecond(now.0).unwrap_or_default();
    instant.strftime("nightbell-%Y%m%d-%H%M%S").to_string() + ENDING
}

/// Makes the folder, for its owner only.
pub(super) fn make(folder: &Path) -> Result<(), BackupError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|source| BackupError::File { path: folder.to_owned(), source })
}

/// Removes what a crash has left half written; nothing is being written yet.
pub(super) fn sweep(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for half in entries.filter(|entry| entry.file_name().to_str().is_some_and(|name| name.ends_with(HALF))) {
        if let Err(error) = fs::remove_file(half.path()) {
            tracing::warn!(file = %half.path().display(), %error, "half a backup could not be removed");
        }
    }
}

/// What is there, the newest first.
pub(super) fn list(folder: &Path) -> Result<Vec<Kept>, BackupError> {
    let refused = |source| BackupError::File { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(refused(source)),
    };
    let mut all = Vec::new();
    for entry in entries {
        let entry = entry.map_err(refused)?;
        let (Ok(name), Ok(file)) = (entry.file_name().into_string(), entry.metadata()) else { continue };
        if checked(&name).is_err() || !file.is_file() {
            continue;
        }
        let written = file.modified().ok().and_then(|at| Timestamp::try_from(at).ok()).unwrap_or_default();
        all.push(Kept { name, bytes: file.len(), at: UnixMillis(written.as_millisecond()) });
    }
    all.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| b.name.cmp(&a.name)));
    Ok(all)
}

/// Removes the oldest beyond `keep`; what was brought from elsewhere under a name of its own stays.
pub(super) fn prune(folder: &Path, keep: u32) -> Result<(), BackupError> {
    let ours = |kept: &Kept| {
        let digits = kept.name.strip_prefix("nightbell-").and_then(|rest| rest.strip_suffix(ENDING));
        digits.is_some_and(|rest| rest.len() == 15 && rest.bytes().all(|b| b.is_ascii_digit() || b == b'-'))
    };
    let old = list(folder)?.into_iter().filter(ours).skip(usize::try_from(keep).unwrap_or(usize::MAX));
    for kept in old {
        let path = folder.join(&kept.name);
        fs::remove_file(&path).map_err(|source| BackupError::File { path, source })?;
    }
    Ok(())
}

/// A file from elsewhere on its way into the folder; dropped before its end it leaves nothing.
#[derive(Debug)]
pub(crate) struct Upload {
    file: File,
    half: PathBuf,
    path: PathBuf,
    bytes: u64,
    head: Vec<u8>,
    whole: bool,
}

impl Upload {
    pub(super) fn begin(folder: &Path, name: &str) -> Result<Self, BackupError> {
        make(folder)?;
        let (path, half) = (folder.join(name), folder.join(format!("{name}.part")));
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&half);
        let file = file.map_err(|source| BackupError::File { path: path.clone(), source })?;
        Ok(Self { file, half, path, bytes: 0, head: Vec::new(), whole: false })
    }

    /// Adds a piece.
    pub(crate) fn write(&mut self, piece: &[u8]) -> Result<(), BackupError> {
        self.bytes += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        let missing = BEGINS.len().saturating_sub(self.head.len());
        self.head.extend_from_slice(&piece[..missing.min(piece.len())]);
        if !BEGINS.starts_with(&self.head) {
            return Err(BackupError::NoBackup(self.path.clone()));
        }
        let refused = |source| BackupError::File { path: self.path.clone(), source };
        if self.bytes > UPLOAD_AT_MOST {
            return Err(refused(io::ErrorKind::FileTooLarge.into()));
        }
        self.file.write_all(piece).map_err(refused)
    }

    /// Gives the file its name.
    pub(crate) fn finish(mut self) -> Result<(), BackupError> {
        if self.head != BEGINS {
            return Err(BackupError::NoBackup(self.path.clone()));
        }
        let refused = |source| BackupError::File { path: self.path.clone(), source };
        self.file.sync_all().map_err(refused)?;
        // A hard link, unlike a renaming, never takes the place of a file that came meanwhile.
        fs::hard_link(&self.half, &self.path).map_err(refused)?;
        fs::remove_file(&self.half).map_err(refused)?;
        self.whole = true;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.whole {
            // The list does not show it, and the next upload of this name begins anew.
            let _ = fs::remove_file(&self.half);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_in_the_folder() {
        assert!(checked(&name(UnixMillis(1_800_000_000_000))).is_ok());
        for name in [
            "../x.nightbell",
            "a/b.nightbell",
            ".hidden.nightbell",
            ".nightbell",
            "x.db",
            "",
            "a b.nightbell",
            "\0.nightbell",
        ] {
            assert!(checked(name).is_err(), "{name}");
        }
    }

    #[test]
    fn the_oldest_go_and_what_came_from_elsewhere_stays() {
        let folder = tempfile::tempdir().unwrap();
        let names: Vec<_> = (0..5).map(|day| name(UnixMillis(day * 86_400_000))).collect();
        for name in names.iter().map(String::as_str).chain(["from-the-old-server.nightbell", "notes.txt"]) {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        prune(folder.path(), 2).unwrap();
        let mut left: Vec<_> = list(folder.path()).unwrap().into_iter().map(|kept| kept.name).collect();
        left.sort();
        assert_eq!(left, ["from-the-old-server.nightbell", names[3].as_str(), names[4].as_str()]);
        assert!(folder.path().join("notes.txt").exists());
    }

    #[test]
    fn what_a_crash_left_is_swept_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        sweep(&folder.path().join("not made yet"));
        for name in ["a.nightbell", "b.nightbell.part", "notes.part"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        sweep(folder.path());
        let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["a.nightbell", "notes.part"]);
    }

    #[test]
    fn an_upload_that_is_no_backup_or_ends_early_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut upload = Upload::begin(folder.path(), "a.nightbell").unwrap();
        upload.write(b"age-encr").unwrap();
        assert!(upload.finish().is_err());
        let mut upload = Upload::begin(folder.path(), "a.nightbell").unwrap();
        assert!(upload.write(b"PK\x03\x04").is_err());
        drop(upload);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let mut upload = Upload::begin(folder.path(), "a.nightbell").unwrap();
        for piece in [&BEGINS[..5], &BEGINS[5..], b"rest"] {
            upload.write(piece).unwrap();
        }
        upload.finish().unwrap();
        assert_eq!(list(folder.path()).unwrap().len(), 1);
    }
}
