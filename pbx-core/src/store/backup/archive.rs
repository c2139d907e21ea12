//! The file of a backup: lines of JSON, compressed with zstd, encrypted to a passphrase as age (age-encryption.org/v1).
//!
//! Both formats have ordinary tools, so that an archive can be read without Nightbell: `age -d FILE | zstd -d`. A file that was
//! cut short does not decrypt to its end, and the last line says how much there was: half a backup is never taken for a whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use age::secrecy::SecretString;
use age::stream::{StreamReader, StreamWriter};

use super::BackupError;

/// The cost of the passphrase: 2^16 blocks are 64 MiB and some tenths of a second, what a small machine has to spare.
const WORK: u8 = 16;
/// A file that asks for more (4 GiB) would only keep us busy.
const WORK_AT_MOST: u8 = 22;
/// zstd's usual level; higher ones cost time and gain little on rows of text.
const LEVEL: i32 = 3;
/// The longest line: a row with a certificate chain or a long call takes some KiB.
const LINE_AT_MOST: u64 = 8 * 1024 * 1024;
/// What an archive may unpack to; a call log of ten years stays far below.
const BYTES_AT_MOST: u64 = 64 * 1024 * 1024 * 1024;

/// An archive that is being written, under another name until it is whole.
pub(super) struct Sealing {
    out: zstd::Encoder<'static, StreamWriter<BufWriter<File>>>,
    half: PathBuf,
    path: PathBuf,
}

impl Sealing {
    /// Begins the file; the same name must not be there yet.
    pub(super) fn begin(path: &Path, passphrase: &str) -> Result<Self, BackupError> {
        let refused = |source| BackupError::File { path: path.to_owned(), source };
        if fs::exists(path).map_err(refused)? {
            return Err(refused(io::ErrorKind::AlreadyExists.into()));
        }
        let mut half = path.as_os_str().to_owned();
        half.push(".part");
        let half = PathBuf::from(half);
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&half);
        let mut recipient = age::scrypt::Recipient::new(SecretString::from(passphrase.to_owned()));
        recipient.set_work_factor(WORK);
        let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as _))
            .map_err(|odd| refused(io::Error::other(odd)))?;
        let out = encryptor.wrap_output(BufWriter::new(file.map_err(refused)?)).map_err(refused)?;
        let out = zstd::Encoder::new(out, LEVEL).map_err(refused)?;
        Ok(Self { out, half, path: path.to_owned() })
    }

    /// Adds whole lines.
    pub(super) fn write(&mut self, lines: &[u8]) -> Result<(), BackupError> {
        self.out.write_all(lines).map_err(|source| BackupError::File { path: self.path.clone(), source })
    }

    /// Makes the file durable and gives it its name; its size.
    pub(super) fn finish(self) -> Result<u64, BackupError> {
        let Self { out, half, path } = self;
        let finish = || -> io::Result<u64> {
            let file = out.finish()?.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.sync_all()?;
            let bytes = file.metadata()?.len();
            fs::rename(&half, &path)?;
            if let Some(folder) = path.parent() {
                File::open(folder)?.sync_all()?;
            }
            Ok(bytes)
        };
        finish().map_err(|source| BackupError::File { path: path.clone(), source })
    }

    /// Where it is until it is whole.
    pub(super) fn half(&self) -> &Path {
        &self.half
    }
}

/// What is in the file, decrypted and unpacked as it is read.
type Unpacked = zstd::Decoder<'static, BufReader<StreamReader<BufReader<File>>>>;

/// An archive that is being read.
pub(super) struct Opening {
    lines: BufReader<io::Take<Unpacked>>,
    line: Vec<u8>,
    path: PathBuf,
}

impl Opening {
    /// Begins to read; refused when it is no archive, or with another passphrase.
    pub(super) fn begin(path: &Path, passphrase: &str) -> Result<Self, BackupError> {
        let refused = |source| BackupError::File { path: path.to_owned(), source };
        let file = BufReader::new(File::open(path).map_err(refused)?);
        let sealed = age::Decryptor::new_buffered(file).map_err(|odd| decrypting(path, odd))?;
        if !sealed.is_scrypt() {
            return Err(BackupError::NoBackup(path.to_owned()));
        }
        let mut identity = age::scrypt::Identity::new(SecretString::from(passphrase.to_owned()));
        identity.set_max_work_factor(WORK_AT_MOST);
        let plain = sealed.decrypt(std::iter::once(&identity as _)).map_err(|odd| decrypting(path, odd))?;
        let plain = zstd::Decoder::new(plain).map_err(refused)?.take(BYTES_AT_MOST);
        Ok(Self { lines: BufReader::new(plain), line: Vec::new(), path: path.to_owned() })
    }

    /// The next line without its end; none at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, BackupError> {
        self.line.clear();
        let damaged = |problem: String| BackupError::Damaged { path: self.path.clone(), problem };
        let read = (&mut self.lines).take(LINE_AT_MOST).read_until(b'\n', &mut self.line);
        // What does not decrypt or unpack is damage, whatever kind the library gives it.
        if read.map_err(|odd| damaged(odd.to_string()))? == 0 {
            return Ok(None);
        }
        if self.line.pop() != Some(b'\n') {
            return Err(damaged("a line is cut short or too long".to_owned()));
        }
        Ok(Some(&self.line))
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "age's errors are open for more kinds, and most mean the same to us"
)]
fn decrypting(path: &Path, odd: age::DecryptError) -> BackupError {
    let path = path.to_owned();
    match odd {
        age::DecryptError::DecryptionFailed | age::DecryptError::NoMatchingKeys => BackupError::Passphrase,
        age::DecryptError::Io(source) if source.kind() == io::ErrorKind::UnexpectedEof => BackupError::NoBackup(path),
        age::DecryptError::Io(source) => BackupError::File { path, source },
        age::DecryptError::ExcessiveWork { .. } => BackupError::Damaged {
            path,
            problem: "opening it would take far more memory than any backup does".to_owned(),
        },
        _ => BackupError::NoBackup(path),
    }
}
