//! The second factor: time codes (RFC 6238) from an app, and recovery codes for the day the phone is lost.
//!
//! Invariants: a step of the clock is taken once, so a code that was looked over somebody's shoulder is worth nothing; a
//! seed counts only after a code of it was shown to be right; seeds are sealed, recovery codes hashed and used up.

pub(crate) mod store;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pbx_core::model::{Redacted, UnixMillis};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use totp_rs::{Algorithm, Builder, Totp};

use crate::clock;
use crate::error::Refusal;
use crate::state::AdminState;
use crate::token::{NoRandom, hex};

/// RFC 4226 section 4 asks for at least 128 bits and recommends 160.
const SEED_BYTES: usize = 20;
/// Apps know no other step without being told.
const STEP_SECONDS: u64 = 30;
/// Codes of the step before and after are taken: clocks of phones differ.
const SKEW: u16 = 1;
/// As many as fit on a card in a wallet.
pub(crate) const RECOVERY_CODES: usize = 10;
/// 24 characters of 32 are 120 bits: no slow hash is needed to keep them.
const RECOVERY_CHARS: usize = 24;
/// Without 0, 1, I, O: nobody confuses them on paper.
const RECOVERY_ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
/// What an app shows beside the code.
const ISSUER: &str = "Nightbell";

/// A seed that makes no codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the stored seed of a second factor is damaged")]
struct BadSeed;

fn totp(secret: &[u8], name: &str) -> Result<Totp, Refusal> {
    // A colon parts issuer and account in the address (Key Uri Format), so none may be in the name.
    let account: String = name.chars().filter(|c| *c != ':').collect();
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_skew(SKEW)
        .with_step_duration(STEP_SECONDS)
        .with_secret(secret)
        .with_account_name(account)
        .with_issuer(Some(ISSUER))
        .build()
        .map_err(|_| Refusal::internal(&BadSeed))
}

/// What an app needs to make codes; shown while the seed waits for its first code.
#[derive(Debug)]
pub(crate) struct Enrolling {
    /// For apps that cannot scan.
    pub(crate) base32: Redacted<String>,
    /// The QR code.
    pub(crate) svg: Redacted<String>,
}

/// Begins: makes a seed that nothing asks for yet. One that is in use stays.
pub(crate) async fn begin(state: &AdminState, user: i64) -> Result<(), Refusal> {
    let mut secret = zeroize::Zeroizing::new([0u8; SEED_BYTES]);
    getrandom::fill(secret.as_mut()).map_err(|_| NoRandom)?;
    store::put_seed(&state.store, user, secret.as_ref()).await?;
    Ok(())
}

/// The seed that waits for its first code, as an app takes it.
pub(crate) async fn enrolling(state: &AdminState, user: i64, name: &str) -> Result<Option<Enrolling>, Refusal> {
    let Some(seed) = store::seed(&state.store, user).await?.filter(|seed| !seed.confirmed) else { return Ok(None) };
    let totp = totp(&seed.secret, name)?;
    let url = totp.to_url().map_err(|_| Refusal::internal(&BadSeed))?;
    let svg =
        provisioning::qr::svg(&url, "QR code for an authenticator app").map_err(|_| Refusal::internal(&BadSeed))?;
    Ok(Some(Enrolling { base32: Redacted::new(totp.secret().to_base32()), svg: Redacted::new(svg) }))
}

/// Ends: the first right code puts the factor in force; gives the recovery codes, shown this once.
pub(crate) async fn finish(state: &AdminState, user: i64, code: &str) -> Result<Option<Vec<String>>, Refusal> {
    let Some(seed) = store::seed(&state.store, user).await?.filter(|seed| !seed.confirmed) else { return Ok(None) };
    if !takes(state, user, &seed.secret, code).await? {
        return Ok(None);
    }
    let (codes, hashes) = recovery_codes()?;
    store::confirm(&state.store, user, &hashes, clock::now()).await?;
    Ok(Some(codes))
}

/// Makes new recovery codes; the old ones stop working.
pub(crate) async fn renew_codes(state: &AdminState, user: i64) -> Result<Vec<String>, Refusal> {
    let (codes, hashes) = recovery_codes()?;
    store::put_codes(&state.store, user, &hashes).await?;
    Ok(codes)
}

/// Whether a code of the app, or a recovery code, is right; either is used up.
pub(crate) async fn check(state: &AdminState, user: i64, code: &str) -> Result<bool, Refusal> {
    let Some(seed) = store::seed(&state.store, user).await?.filter(|seed| seed.confirmed) else { return Ok(false) };
    if takes(state, user, &seed.secret, code).await? {
        return Ok(true);
    }
    match recovery_hash(code) {
        Some(hash) => Ok(store::use_code(&state.store, user, &hash).await?),
        None => Ok(false),
    }
}

/// Whether this person is asked for a code.
pub(crate) async fn has_codes(state: &AdminState, user: i64) -> Result<bool, Refusal> {
    Ok(store::seed(&state.store, user).await?.is_some_and(|seed| seed.confirmed))
}

async fn takes(state: &AdminState, user: i64, secret: &[u8], code: &str) -> Result<bool, Refusal> {
    let digits: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let seconds = u64::try_from(clock::now().seconds()).unwrap_or(0);
    // The comparison is in constant time (RUSTSEC-2022-0018).
    match totp(secret, "")?.check(&digits, seconds) {
        Some(step) => Ok(store::take_step(&state.store, user, step).await?),
        None => Ok(false),
    }
}

fn recovery_codes() -> Result<(Vec<String>, Vec<String>), NoRandom> {
    let mut codes = Vec::with_capacity(RECOVERY_CODES);
    for _ in 0..RECOVERY_CODES {
        let mut bytes = [0u8; RECOVERY_CHARS];
        getrandom::fill(&mut bytes).map_err(|_| NoRandom)?;
        let letters: Vec<char> = bytes
            .iter()
            .filter_map(|byte| RECOVERY_ALPHABET.get(usize::from(byte % 32)))
            .map(|b| char::from(*b))
            .collect();
        codes.push(letters.chunks(4).map(|part| part.iter().collect::<String>()).collect::<Vec<_>>().join("-"));
    }
    let hashes = codes.iter().filter_map(|code| recovery_hash(code)).collect();
    Ok((codes, hashes))
}

/// The stored form of a recovery code, however it is typed; `None` when it cannot be one.
fn recovery_hash(code: &str) -> Option<String> {
    let plain: String = code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
    (plain.len() == RECOVERY_CHARS && code.len() <= 64).then(|| hex(&Sha256::digest(plain.as_bytes())))
}

/// How long somebody may look for their phone.
pub(crate) const CODE_WITHIN: Duration = Duration::from_secs(5 * 60);
/// Wrong codes before the password is asked for again.
const TRIES: u8 = 5;
/// Sign-ins that wait for a code at once; each has cost a right password.
const MAX_WAITING: usize = 1024;

/// Sign-ins whose password was right and whose code is still missing; gone with a restart.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waiting {
    by_token: Arc<Mutex<BTreeMap<String, Half>>>,
}

/// Half a sign-in.
#[derive(Debug, Clone)]
struct Half {
    user: i64,
    until: UnixMillis,
    tries: u8,
}

impl Waiting {
    /// Keeps half a sign-in under the hash of its token.
    pub(crate) fn put(&self, token_hash: String, user: i64, now: UnixMillis) {
        let mut all = self.by_token.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, half| half.until > now);
        while all.len() >= MAX_WAITING
            && let Some(oldest) = all.iter().min_by_key(|(_, half)| half.until).map(|(token, _)| token.clone())
        {
            all.remove(&oldest);
        }
        all.insert(token_hash, Half { user, until: now + CODE_WITHIN, tries: TRIES });
    }

    /// Whose half this is; uses up one try.
    pub(crate) fn attempt(&self, token_hash: &str, now: UnixMillis) -> Option<i64> {
        let mut all = self.by_token.lock().unwrap_or_else(PoisonError::into_inner);
        let half = all.get_mut(token_hash).filter(|half| half.until > now && half.tries > 0)?;
        half.tries -= 1;
        Some(half.user)
    }

    pub(crate) fn done(&self, token_hash: &str) {
        self.by_token.lock().unwrap_or_else(PoisonError::into_inner).remove(token_hash);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The code an app would show for this seed.
    pub(crate) fn code(base32: &str, at: UnixMillis) -> String {
        let secret = totp_rs::Secret::try_from_base32(base32).unwrap();
        let seconds = u64::try_from(at.seconds()).unwrap();
        totp(secret.as_bytes(), "").unwrap().generate(seconds).to_string()
    }

    #[test]
    fn codes_are_those_of_rfc_6238() {
        let totp = totp(b"12345678901234567890", "anna").unwrap();
        // RFC 6238 appendix B, SHA1, the last six of eight digits.
        for (time, code) in [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924")] {
            assert_eq!(totp.generate(time).to_string(), code);
            assert_eq!(totp.check(code, time + 30), Some(time / 30), "the step before is taken");
            assert_eq!(totp.check(code, time + 90), None);
        }
    }

    #[test]
    fn recovery_codes_are_long_distinct_and_read_however_they_are_typed() {
        let (codes, hashes) = recovery_codes().unwrap();
        assert_eq!((codes.len(), hashes.len()), (RECOVERY_CODES, RECOVERY_CODES));
        let distinct: std::collections::BTreeSet<_> = hashes.iter().collect();
        assert_eq!(distinct.len(), RECOVERY_CODES);
        assert_eq!(codes[0].len(), RECOVERY_CHARS + 5);
        let typed = codes[0].to_lowercase().replace('-', " ");
        assert_eq!(recovery_hash(&typed), Some(hashes[0].clone()));
        assert_eq!(recovery_hash("short"), None);
    }

    #[test]
    fn half_a_sign_in_has_five_tries_and_five_minutes() {
        let (waiting, now) = (Waiting::default(), UnixMillis(1_000_000));
        waiting.put("t".into(), 7, now);
        let tries: Vec<_> = (0..6).map(|_| waiting.attempt("t", now)).collect();
        assert_eq!(tries, [Some(7), Some(7), Some(7), Some(7), Some(7), None]);
        waiting.put("t".into(), 7, now);
        assert_eq!(waiting.attempt("t", now + CODE_WITHIN), None);
        for i in 0..(MAX_WAITING + 10) {
            waiting.put(i.to_string(), 1, now);
        }
        assert_eq!(waiting.by_token.lock().unwrap().len(), MAX_WAITING);
    }
}
