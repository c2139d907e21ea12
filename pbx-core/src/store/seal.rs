//! Secrets at rest: XChaCha20-Poly1305 under a master key kept in a file of its own beside the database.
//!
//! A sealed value is `version (1) | nonce (24) | ciphertext and tag`. The context (table, column, row) is authenticated
//! with it, so a sealed value copied into another row does not open.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use thiserror::Error;
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;
const KEY_BYTES: usize = 32;

/// What was being done with the master key or a sealed value.
#[derive(Debug, Error)]
pub enum SealError {
    /// Reading or writing the key file.
    #[error("the master key {path} cannot be read or made: {source}{}", super::error::io_advice(.source))]
    KeyFile {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file does not hold a key.
    #[error(
        "the master key {0} is damaged: it must be exactly 32 bytes; restore it from your backup, because stored secrets cannot be read without it"
    )]
    KeyDamaged(PathBuf),
    /// There is a database but no key.
    #[error(
        "the master key {0} is missing; restore it from your backup, because secrets stored in the database cannot be read without it"
    )]
    KeyMissing(PathBuf),
    /// The key is another installation's.
    #[error("the database was sealed with another master key; restore database and master.key from the same backup")]
    OtherKey,
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    Random,
    /// The value does not open with this key in this place.
    #[error(
        "a stored secret ({0}) does not open with this master key; the database and the key file belong to different installations"
    )]
    DoesNotOpen(String),
}

/// Seals and unseals; cheap to clone.
#[derive(Clone)]
pub struct Sealer {
    cipher: Arc<XChaCha20Poly1305>,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(hidden)")
    }
}

impl Sealer {
    /// Reads `master.key` from the data directory.
    pub fn load(data_dir: &Path) -> Result<Self, SealError> {
        let path = key_path(data_dir);
        match std::fs::read(&path) {
            Ok(bytes) => {
                let bytes = Zeroizing::new(bytes);
                Self::from_key(&bytes).ok_or(SealError::KeyDamaged(path))
            }
            Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => Err(SealError::KeyMissing(path)),
            Err(source) => Err(SealError::KeyFile { path, source }),
        }
    }

    /// Reads `master.key` from the data directory, or makes it (mode 0600) when there is none.
    pub fn load_or_create(data_dir: &Path) -> Result<Self, SealError> {
        let loaded = Self::load(data_dir);
        if !matches!(loaded, Err(SealError::KeyMissing(_))) {
            return loaded;
        }
        let path = key_path(data_dir);
        let mut key = Zeroizing::new([0u8; KEY_BYTES]);
        getrandom::fill(key.as_mut()).map_err(|_| SealError::Random)?;
        write_private(&path, key.as_ref()).map_err(|source| SealError::KeyFile { path: path.clone(), source })?;
        Self::from_key(key.as_ref()).ok_or(SealError::KeyDamaged(path))
    }

    fn from_key(key: &[u8]) -> Option<Self> {
        let cipher = XChaCha20Poly1305::new_from_slice(key).ok()?;
        Some(Self { cipher: Arc::new(cipher) })
    }

    /// Seals `plain` for one place, for example `push_credential.secret:7`.
    pub fn seal(&self, context: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut sealed = vec![0u8; 1 + NONCE_BYTES];
        sealed[0] = VERSION;
        getrandom::fill(&mut sealed[1..]).map_err(|_| SealError::Random)?;
        let mut nonce = [0u8; NONCE_BYTES];
        nonce.copy_from_slice(&sealed[1..]);
        let payload = Payload { msg: plain, aad: context.as_bytes() };
        let ciphertext = self
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| SealError::DoesNotOpen(context.to_owned()))?;
        sealed.extend_from_slice(&ciphertext);
        Ok(sealed)
    }

    /// Opens a value sealed for the same place.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let refused = || SealError::DoesNotOpen(context.to_owned());
        let (version, rest) = sealed.split_first().ok_or_else(refused)?;
        let (nonce, ciphertext) = rest.split_at_checked(NONCE_BYTES).ok_or_else(refused)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| refused())?;
        if *version != VERSION {
            return Err(refused());
        }
        let payload = Payload { msg: ciphertext, aad: context.as_bytes() };
        self.cipher.decrypt(&XNonce::from(nonce), payload).map(Zeroizing::new).map_err(|_| refused())
    }
}

fn key_path(data_dir: &Path) -> PathBuf {
    data_dir.join("master.key")
}

/// Writes the whole file under another name first, so that a crash never leaves half a key.
/// Writes a file of the data directory whole or not at all, readable by its owner only and durable on return.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let half = path.with_extension("key.new");
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&half)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&half, path)?;
    // The name must be as durable as the bytes: the database that needs this key is synced to disk soon after.
    match path.parent() {
        Some(directory) => std::fs::File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}
