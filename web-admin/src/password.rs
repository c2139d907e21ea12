//! Passwords of admins: the rules, and argon2id with a bound on how many are computed at once.
//!
//! One computation takes about 19 MiB and 30 ms. Two at a time and a short queue keep a flood of sign-ins from taking the
//! machine's memory, while an admin waits half a second at most. Unknown names cost the same time as known ones.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use thiserror::Error;
use tokio::sync::Semaphore;

/// Short passwords fall to a list in hours; twelve characters do not.
pub(crate) const MIN_CHARS: usize = 12;
/// Nobody types more, and hashing time must not depend on an attacker's patience.
pub(crate) const MAX_CHARS: usize = 256;
/// Computations at once: the machine we are made for has two cores.
const AT_ONCE: usize = 2;
/// Sign-ins that may wait for a place; more are told to try again.
const WAITING: usize = 16;
/// OWASP's minimum for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;

/// Why a new password is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum Weak {
    #[error("the password has {0} characters; give at least {MIN_CHARS}, for example four unrelated words")]
    Short(usize),
    #[error("the password is longer than {MAX_CHARS} characters; give a shorter one")]
    Long,
    #[error("the password contains the user name; choose one that does not")]
    ContainsName,
    #[error("the password repeats too few different characters; choose a less regular one")]
    Monotone,
    #[error("this password is on every attacker's list; choose another, for example four unrelated words")]
    Common,
}

/// Why a password could not be checked or stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum HashError {
    #[error("too many people sign in at this moment; try again in a few seconds")]
    Busy,
    #[error("the password could not be processed; try again")]
    Failed,
}

/// Long enough but known to everybody; compared without case and separators.
const COMMON: &[&str] = &[
    "password1234",
    "passwordpassword",
    "123456789012",
    "1234567890123",
    "qwertyuiop12",
    "qwertyuiopasdf",
    "iloveyou1234",
    "administrator",
    "administrator1",
    "letmeinletmein",
    "welcome12345",
    "changeme1234",
    "changemechangeme",
    "nightbell1234",
    "correcthorsebatterystaple",
    "abcdefghijkl",
    "abcdefghijklm",
    "trustno1trustno1",
];

/// Checks a new password against the rules that the form states.
pub(crate) fn check_new(password: &str, name: &str) -> Result<(), Weak> {
    let chars = password.chars().count();
    if chars < MIN_CHARS {
        return Err(Weak::Short(chars));
    }
    if chars > MAX_CHARS {
        return Err(Weak::Long);
    }
    let plain: String = password.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
    let name = name.trim().to_lowercase();
    if name.chars().count() >= 4 && password.to_lowercase().contains(&name) {
        return Err(Weak::ContainsName);
    }
    let distinct: std::collections::BTreeSet<char> = password.chars().collect();
    if distinct.len() < 5 {
        return Err(Weak::Monotone);
    }
    if COMMON.contains(&plain.as_str()) {
        return Err(Weak::Common);
    }
    Ok(())
}

/// Computes password hashes, a few at a time; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Passwords {
    places: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        Self { places: Arc::new(Semaphore::new(AT_ONCE)), queue: Arc::new(Semaphore::new(AT_ONCE + WAITING)) }
    }

    /// The PHC text to store.
    pub(crate) async fn hash(&self, password: String) -> Result<String, HashError> {
        self.run(move || {
            argon2()?.hash_password(password.as_bytes()).map(|hash| hash.to_string()).map_err(|_| HashError::Failed)
        })
        .await
    }

    /// Whether the password is right; without a stored hash (unknown name, no password yet) the same work is done for nothing.
    pub(crate) async fn verify(&self, password: String, stored: Option<String>) -> Result<bool, HashError> {
        let stored = stored.filter(|stored| !stored.is_empty());
        self.run(move || match stored {
            Some(stored) => {
                let hash = PasswordHash::new(&stored).map_err(|_| HashError::Failed)?;
                Ok(argon2()?.verify_password(password.as_bytes(), &hash).is_ok())
            }
            None => argon2()?.hash_password(password.as_bytes()).map(|_| false).map_err(|_| HashError::Failed),
        })
        .await
    }

    /// Whether a stored hash was made with other parameters than today's.
    pub(crate) fn is_old(stored: &str) -> bool {
        !stored.starts_with(&format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p=1$"))
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let queued = self.queue.clone().try_acquire_owned().map_err(|_| HashError::Busy)?;
        let place = self.places.clone().acquire_owned().await.map_err(|_| HashError::Busy)?;
        tokio::task::spawn_blocking(move || {
            let done = work();
            drop((place, queued));
            done
        })
        .await
        .map_err(|_| HashError::Failed)?
    }
}

fn argon2() -> Result<Argon2<'static>, HashError> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|_| HashError::Failed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A hash as an older version with weaker parameters would have kept it.
    pub(crate) fn weaker_hash(password: &str) -> String {
        let params = Params::new(8_192, 1, 1, None).unwrap();
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2.hash_password(password.as_bytes()).unwrap().to_string()
    }

    #[test]
    fn the_rules_name_what_is_wrong() {
        assert_eq!(check_new("short", "anna"), Err(Weak::Short(5)));
        assert_eq!(check_new(&"ab1!X".repeat(60), "anna"), Err(Weak::Long));
        assert_eq!(check_new("my-name-is-Anna-B", "anna"), Err(Weak::ContainsName));
        assert_eq!(check_new("abababababab", "x"), Err(Weak::Monotone));
        assert_eq!(check_new("Password-1234", "x"), Err(Weak::Common));
        assert_eq!(check_new("plum tractor window nine", "anna"), Ok(()));
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert_eq!(check_new("äöüßéèêàçñõø", "x"), Ok(()));
    }

    #[tokio::test]
    async fn only_the_right_password_verifies() {
        let passwords = Passwords::new();
        let stored = passwords.hash("plum tractor window".into()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(passwords.verify("plum tractor window".into(), Some(stored.clone())).await.unwrap());
        assert!(!passwords.verify("plum tractor windows".into(), Some(stored)).await.unwrap());
        assert!(!passwords.verify("plum tractor window".into(), None).await.unwrap());
    }

    #[tokio::test]
    async fn a_flood_is_turned_away_instead_of_queued_for_ever() {
        let passwords = Passwords::new();
        let held = passwords.queue.clone().try_acquire_many_owned(18).unwrap();
        assert_eq!(passwords.verify("x".into(), None).await, Err(HashError::Busy));
        drop(held);
        assert_eq!(passwords.verify("x".into(), None).await, Ok(false));
    }
}
