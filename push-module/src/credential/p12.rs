//! A `.p12` file (PKCS #12, RFC 7292) is opened: certificates and private keys come out, or the reason why not.
//!
//! The file is whatever somebody uploads. Everything in it that costs time is bounded before it is done: how often a key is
//! derived from the password is counted over the whole file, and no chain of issuers is followed here, so one that leads back to
//! itself cannot catch anybody. Ciphers are those of OpenSSL, of Java and of Apple's keychain, old and new.

use std::num::NonZeroU32;

use aws_lc_rs::cipher::{AES_128, AES_192, AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::digest::{self, digest};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{hmac, pbkdf2};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockDecryptMut as _, KeyIvInit as _};
use zeroize::Zeroizing;

use super::der::{INTEGER, OCTET_STRING, OID, SEQUENCE, element};

/// Repetitions of a digest over the whole file: OpenSSL and Apple's keychain ask for some thousands, careful people for some
/// hundred thousand; this is about a second's work.
const REPETITIONS: u64 = 1_000_000;
/// Certificates and keys in one file; an identity with its chain has five.
const BAGS: usize = 64;
/// The explicit tag `[0]`.
const INNER: u8 = 0xa0;
/// The implicit tag `[0]` on an OCTET STRING.
const ENCRYPTED: u8 = 0x80;

// RFC 2315 section 14 and RFC 7292 appendix D.
const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
const ENCRYPTED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x06];
const KEY_BAG: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01, 0x01];
const SHROUDED_KEY_BAG: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01, 0x02];
const CERTIFICATE_BAG: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01, 0x03];
const X509: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x16, 0x01];
const SHA1_TRIPLE_DES: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x01, 0x03];
const SHA1_RC2_40: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x01, 0x06];
// RFC 8018 appendix C.
const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d];
const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c];
const HMAC_SHA1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x07];
const HMAC_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x09];
const HMAC_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x0a];
const HMAC_SHA512: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x0b];
// NIST's, of RFC 3565 and RFC 5754.
const AES_128_CBC: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x02];
const AES_192_CBC: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x16];
const AES_256_CBC: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a];
const SHA1: &[u8] = &[0x2b, 0x0e, 0x03, 0x02, 0x1a];
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
const SHA384: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02];
const SHA512: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03];

/// What was in the file, in its order.
#[derive(Default)]
pub(super) struct Opened {
    /// X.509 in DER.
    pub(super) certificates: Vec<Vec<u8>>,
    /// PKCS #8 in DER.
    pub(super) keys: Vec<Zeroizing<Vec<u8>>>,
}

/// Why a file stays shut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shut {
    /// It is no PKCS #12 file, or a damaged one.
    Damaged,
    /// The password is another.
    Password,
    /// A cipher that is not known here.
    Cipher,
    /// Opening it would take too long.
    Costly,
}

/// Opens a file.
pub(super) fn open(file: &[u8], password: &str) -> Result<Opened, Shut> {
    let opener = Opener { password, left: REPETITIONS, opened: Opened::default() };
    opener.open(file)
}

struct Opener<'a> {
    password: &'a str,
    /// Repetitions that may still be spent.
    left: u64,
    opened: Opened,
}

/// An element that must be there.
fn part(der: &[u8], tag: u8) -> Result<(&[u8], &[u8]), Shut> {
    element(der, tag).ok_or(Shut::Damaged)
}

impl Opener<'_> {
    fn open(mut self, file: &[u8]) -> Result<Opened, Shut> {
        let (pfx, _) = part(file, SEQUENCE)?;
        let (_version, rest) = part(pfx, INTEGER)?;
        let (safe, mac) = part(rest, SEQUENCE)?;
        let (kind, content) = part(safe, OID)?;
        if kind != DATA {
            // Signed with a public key, which nobody does.
            return Err(Shut::Cipher);
        }
        let (safe, _) = part(part(content, INNER)?.0, OCTET_STRING)?;
        if let Some((mac, _)) = element(mac, SEQUENCE) {
            self.verify(mac, safe)?;
        }
        let (mut contents, _) = part(safe, SEQUENCE)?;
        while !contents.is_empty() {
            let (one, rest) = part(contents, SEQUENCE)?;
            contents = rest;
            self.content(one)?;
        }
        Ok(self.opened)
    }

    /// Says before the work whether it may be done.
    fn spend(&mut self, repetitions: u64) -> Result<(), Shut> {
        self.left = self.left.checked_sub(repetitions).ok_or(Shut::Costly)?;
        Ok(())
    }

    /// RFC 7292 section 5.1, item 5, with the password.
    fn verify(&mut self, mac: &[u8], safe: &[u8]) -> Result<(), Shut> {
        let (info, rest) = part(mac, SEQUENCE)?;
        let (salt, rest) = part(rest, OCTET_STRING)?;
        let repetitions = element(rest, INTEGER).map_or(Ok(1), |(number, _)| count(number))?;
        let (algorithm, expected) = part(info, SEQUENCE)?;
        let (expected, _) = part(expected, OCTET_STRING)?;
        let (hash, keyed) = match part(algorithm, OID)?.0 {
            SHA1 => (&OLD_HASH, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
            SHA256 => (&Hash { algorithm: &digest::SHA256, block: 64 }, hmac::HMAC_SHA256),
            SHA384 => (&Hash { algorithm: &digest::SHA384, block: 128 }, hmac::HMAC_SHA384),
            SHA512 => (&Hash { algorithm: &digest::SHA512, block: 128 }, hmac::HMAC_SHA512),
            _ => return Err(Shut::Cipher),
        };
        let key = self.derived(hash, (Use::Mac, hash.algorithm.output_len()), salt, repetitions)?;
        hmac::verify(&hmac::Key::new(keyed, &key), safe, expected).map_err(|_| Shut::Password)
    }

    fn content(&mut self, content: &[u8]) -> Result<(), Shut> {
        let (kind, content) = part(content, OID)?;
        match kind {
            DATA => self.bags(part(part(content, INNER)?.0, OCTET_STRING)?.0),
            ENCRYPTED_DATA => {
                let (data, _) = part(part(content, INNER)?.0, SEQUENCE)?;
                let (_version, rest) = part(data, INTEGER)?;
                let (info, _) = part(rest, SEQUENCE)?;
                let (_kind, rest) = part(info, OID)?;
                let (algorithm, rest) = part(rest, SEQUENCE)?;
                let plain = self.decrypted(algorithm, part(rest, ENCRYPTED)?.0)?;
                self.bags(&plain)
            }
            _ => Err(Shut::Cipher),
        }
    }

    fn bags(&mut self, bags: &[u8]) -> Result<(), Shut> {
        // Bytes that a wrong password made are no bags.
        let (mut bags, _) = element(bags, SEQUENCE).ok_or(Shut::Damaged)?;
        while !bags.is_empty() {
            let (bag, rest) = part(bags, SEQUENCE)?;
            bags = rest;
            if self.opened.certificates.len() + self.opened.keys.len() >= BAGS {
                return Err(Shut::Costly);
            }
            let (kind, rest) = part(bag, OID)?;
            let (value, _) = part(rest, INNER)?;
            match kind {
                CERTIFICATE_BAG => {
                    let (certificate, _) = part(value, SEQUENCE)?;
                    let (kind, rest) = part(certificate, OID)?;
                    if kind == X509 {
                        self.opened.certificates.push(part(part(rest, INNER)?.0, OCTET_STRING)?.0.to_vec());
                    }
                }
                KEY_BAG => self.opened.keys.push(Zeroizing::new(value.to_vec())),
                SHROUDED_KEY_BAG => {
                    let (key, _) = part(value, SEQUENCE)?;
                    let (algorithm, rest) = part(key, SEQUENCE)?;
                    let plain = self.decrypted(algorithm, part(rest, OCTET_STRING)?.0)?;
                    self.opened.keys.push(plain);
                }
                // Secrets and lists of revoked certificates.
                _ => {}
            }
        }
        Ok(())
    }

    fn decrypted(&mut self, algorithm: &[u8], data: &[u8]) -> Result<Zeroizing<Vec<u8>>, Shut> {
        let (scheme, rest) = part(algorithm, OID)?;
        let (params, _) = part(rest, SEQUENCE)?;
        match scheme {
            PBES2 => self.by_pbes2(params, data),
            SHA1_TRIPLE_DES | SHA1_RC2_40 => {
                let (salt, rest) = part(params, OCTET_STRING)?;
                let repetitions = count(part(rest, INTEGER)?.0)?;
                let bytes = if scheme == SHA1_TRIPLE_DES { 24 } else { 5 };
                let key = self.derived(&OLD_HASH, (Use::Key, bytes), salt, repetitions)?;
                let iv = self.derived(&OLD_HASH, (Use::Iv, 8), salt, repetitions)?;
                let plain = if scheme == SHA1_TRIPLE_DES {
                    let cipher = cbc::Decryptor::<des::TdesEde3>::new_from_slices(&key, &iv);
                    cipher.map_err(|_| Shut::Damaged)?.decrypt_padded_vec_mut::<Pkcs7>(data)
                } else {
                    let cipher = cbc::Decryptor::<rc2::Rc2>::new_from_slices(&key, &iv);
                    cipher.map_err(|_| Shut::Damaged)?.decrypt_padded_vec_mut::<Pkcs7>(data)
                };
                plain.map(Zeroizing::new).map_err(|_| Shut::Password)
            }
            _ => Err(Shut::Cipher),
        }
    }

    /// RFC 8018 section 6.2, with PBKDF2 and AES; scrypt is refused, because a file could ask for any amount of memory.
    fn by_pbes2(&mut self, params: &[u8], data: &[u8]) -> Result<Zeroizing<Vec<u8>>, Shut> {
        let (derivation, rest) = part(params, SEQUENCE)?;
        let (kind, derivation) = part(derivation, OID)?;
        if kind != PBKDF2 {
            return Err(Shut::Cipher);
        }
        let (derivation, _) = part(derivation, SEQUENCE)?;
        let (salt, rest_of_it) = part(derivation, OCTET_STRING)?;
        let (number, rest_of_it) = part(rest_of_it, INTEGER)?;
        let repetitions = count(number)?;
        // The length of the key may stand between; the cipher says it as well.
        let function = element(rest_of_it, INTEGER).map_or(rest_of_it, |(_, rest)| rest);
        let function = match element(function, SEQUENCE) {
            None => HMAC_SHA1,
            Some((function, _)) => part(function, OID)?.0,
        };
        let function = match function {
            HMAC_SHA1 => pbkdf2::PBKDF2_HMAC_SHA1,
            HMAC_SHA256 => pbkdf2::PBKDF2_HMAC_SHA256,
            HMAC_SHA384 => pbkdf2::PBKDF2_HMAC_SHA384,
            HMAC_SHA512 => pbkdf2::PBKDF2_HMAC_SHA512,
            _ => return Err(Shut::Cipher),
        };
        let (cipher, _) = part(rest, SEQUENCE)?;
        let (kind, iv) = part(cipher, OID)?;
        let (cipher, bytes) = match kind {
            AES_128_CBC => (&AES_128, 16),
            AES_192_CBC => (&AES_192, 24),
            AES_256_CBC => (&AES_256, 32),
            _ => return Err(Shut::Cipher),
        };
        let iv = <[u8; 16]>::try_from(part(iv, OCTET_STRING)?.0).map_err(|_| Shut::Damaged)?;
        let blocks = if bytes > 20 { 2 } else { 1 };
        self.spend(repetitions.saturating_mul(blocks))?;
        let repetitions = u32::try_from(repetitions).ok().and_then(NonZeroU32::new).ok_or(Shut::Damaged)?;
        let mut key = Zeroizing::new(vec![0; bytes]);
        pbkdf2::derive(function, repetitions, salt, self.password.as_bytes(), &mut key);
        let cipher = UnboundCipherKey::new(cipher, &key).and_then(PaddedBlockDecryptingKey::cbc_pkcs7);
        let mut plain = Zeroizing::new(data.to_vec());
        let context = DecryptionContext::Iv128(FixedLength::from(iv));
        let length = cipher.and_then(|cipher| Ok(cipher.decrypt(&mut plain, context)?.len()));
        plain.truncate(length.map_err(|_| Shut::Password)?);
        Ok(plain)
    }

    /// RFC 7292 appendix B.2.
    fn derived(
        &mut self,
        hash: &Hash,
        (purpose, bytes): (Use, usize),
        salt: &[u8],
        repetitions: u64,
    ) -> Result<Zeroizing<Vec<u8>>, Shut> {
        let rounds = u64::try_from(bytes.div_ceil(hash.algorithm.output_len())).map_err(|_| Shut::Costly)?;
        self.spend(repetitions.max(1).saturating_mul(rounds))?;
        let password: Zeroizing<Vec<u8>> =
            Zeroizing::new(self.password.encode_utf16().chain([0]).flat_map(u16::to_be_bytes).collect());
        let block = hash.block;
        let mut mixed = Zeroizing::new(repeated(salt, block));
        mixed.extend(repeated(&password, block));
        let mut key = Zeroizing::new(Vec::with_capacity(bytes));
        loop {
            let mut first = Zeroizing::new(vec![purpose as u8; block]);
            first.extend(mixed.iter());
            let mut sum = digest(hash.algorithm, &first);
            for _ in 1..repetitions {
                sum = digest(hash.algorithm, sum.as_ref());
            }
            let missing = bytes - key.len();
            key.extend(sum.as_ref().iter().take(missing));
            if key.len() >= bytes {
                return Ok(key);
            }
            let added: Vec<u8> = sum.as_ref().iter().copied().cycle().take(block).collect();
            for part in mixed.chunks_exact_mut(block) {
                let mut carry = 1u16;
                for (byte, more) in part.iter_mut().zip(&added).rev() {
                    carry += u16::from(*byte) + u16::from(*more);
                    *byte = carry.to_be_bytes()[1];
                    carry >>= 8;
                }
            }
        }
    }
}

/// A digest and the length of its blocks.
struct Hash {
    algorithm: &'static digest::Algorithm,
    block: usize,
}

const OLD_HASH: Hash = Hash { algorithm: &digest::SHA1_FOR_LEGACY_USE_ONLY, block: 64 };

/// What a derived key is for (RFC 7292 appendix B.3).
#[derive(Clone, Copy)]
enum Use {
    Key = 1,
    Iv = 2,
    Mac = 3,
}

/// A text over and over until it fills whole blocks; an empty one fills none.
fn repeated(text: &[u8], block: usize) -> Vec<u8> {
    text.iter().copied().cycle().take(text.len().div_ceil(block) * block).collect()
}

/// A number of repetitions; more than fits is more than is done.
fn count(number: &[u8]) -> Result<u64, Shut> {
    match number.first() {
        // Nothing, or negative.
        None | Some(0x80..) => Err(Shut::Damaged),
        Some(_) if number.len() > 8 => Err(Shut::Costly),
        Some(_) => Ok(number.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))),
    }
}
