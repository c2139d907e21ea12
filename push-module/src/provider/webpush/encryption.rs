//! Message encryption for Web Push (RFC 8291) in the content coding `aes128gcm` (RFC 8188). Pure: what must be random is
//! brought by the caller.
//!
//! It is our own on the primitives of aws-lc-rs, because the crates that do it bring OpenSSL (`web-push`, `ece`) or a second
//! set of primitives (`web-push-native`: p256, aes-gcm, hkdf).

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk, Salt};
use pbx_core::model::SubscriptionKeys;
use zeroize::Zeroizing;

/// A push service need not take more (RFC 8030 section 7.2).
pub const BODY_BYTES: usize = 4096;
/// Salt, record size, the key's length, our key (RFC 8188 section 2.1).
pub const HEADER_BYTES: usize = 16 + 4 + 1 + 65;
/// The authentication tag of AES-GCM.
const TAG_BYTES: usize = 16;
/// The longest text: a body without header, tag and the delimiter (RFC 8291 section 4).
pub const PLAIN_BYTES: usize = BODY_BYTES - HEADER_BYTES - TAG_BYTES - 1;
/// The one record is never longer than the whole body.
const RECORD_SIZE: u32 = 4096;
/// Texts are filled up to a multiple of this, so that their length tells a push service nothing about the caller's name.
const PADDED_TO: usize = 1024;
/// Marks the last record (RFC 8188 section 2).
const LAST: u8 = 2;

/// What must be new for every message: with the same two again the encryption would be open.
#[derive(Debug)]
pub struct Fresh {
    salt: [u8; 16],
    key: PrivateKey,
}

impl Fresh {
    /// Both, drawn by the caller.
    pub fn new(salt: [u8; 16], key: PrivateKey) -> Self {
        Self { salt, key }
    }

    /// Both from the operating system; `None` when it has none to give.
    pub fn draw() -> Option<Self> {
        let mut salt = [0u8; 16];
        getrandom::fill(&mut salt).ok()?;
        Some(Self { salt, key: PrivateKey::generate(&ECDH_P256).ok()? })
    }
}

/// Why a message could not be encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unencrypted {
    /// The phone's key is no point of the curve.
    BadKey,
    /// Longer than [`PLAIN_BYTES`].
    TooLong,
}

/// Encrypts a text for one phone and pads it; the result is the body of the push.
pub fn encrypt(text: &[u8], keys: &SubscriptionKeys, fresh: &Fresh) -> Result<Vec<u8>, Unencrypted> {
    seal(text, text.len().next_multiple_of(PADDED_TO).min(PLAIN_BYTES), keys, fresh)
}

fn seal(text: &[u8], padded: usize, keys: &SubscriptionKeys, fresh: &Fresh) -> Result<Vec<u8>, Unencrypted> {
    if text.len() > PLAIN_BYTES {
        return Err(Unencrypted::TooLong);
    }
    let ours = fresh.key.compute_public_key().map_err(|_| Unencrypted::BadKey)?;
    let (key, nonce) = derive(&fresh.key, (&keys.p256dh, ours.as_ref()), keys, &fresh.salt)?;
    let mut record = Vec::with_capacity(padded + 1 + TAG_BYTES);
    record.extend_from_slice(text);
    record.push(LAST);
    record.resize(padded.max(text.len()) + 1, 0);
    key.seal_in_place_append_tag(nonce, Aad::empty(), &mut record).map_err(|_| Unencrypted::TooLong)?;
    let mut body = Vec::with_capacity(HEADER_BYTES + record.len());
    body.extend_from_slice(&fresh.salt);
    body.extend_from_slice(&RECORD_SIZE.to_be_bytes());
    body.push(65);
    body.extend_from_slice(ours.as_ref());
    body.extend_from_slice(&record);
    Ok(body)
}

/// The content key and the nonce of the only record (RFC 8291 section 3.4); `points` are the phone's and ours.
fn derive(
    own: &PrivateKey,
    points: (&[u8], &[u8]),
    keys: &SubscriptionKeys,
    salt: &[u8; 16],
) -> Result<(LessSafeKey, Nonce), Unencrypted> {
    let peer = UnparsedPublicKey::new(&ECDH_P256, &keys.p256dh);
    let first = agree(own, peer, Unencrypted::BadKey, |secret| Ok(Salt::new(HKDF_SHA256, &keys.auth).extract(secret)))?;
    finish(&first, points, salt).ok_or(Unencrypted::BadKey)
}

/// From the shared secret, mixed with `auth`, to key and nonce.
fn finish(first: &Prk, (theirs, ours): (&[u8], &[u8]), salt: &[u8; 16]) -> Option<(LessSafeKey, Nonce)> {
    let input: Zeroizing<[u8; 32]> = expanded(first, &[b"WebPush: info\0", theirs, ours])?;
    let second = Salt::new(HKDF_SHA256, salt).extract(&*input);
    let key = expanded(&second, &[b"Content-Encoding: aes128gcm\0"])?;
    let nonce = expanded(&second, &[b"Content-Encoding: nonce\0"])?;
    let key = UnboundKey::new(&AES_128_GCM, key.get(..16)?).ok()?;
    Some((LessSafeKey::new(key), Nonce::try_assume_unique_for_key(nonce.get(..12)?).ok()?))
}

/// 32 bytes of HKDF-Expand; a shorter output is the beginning of it (RFC 5869 section 2.3).
fn expanded(key: &Prk, info: &[&[u8]]) -> Option<Zeroizing<[u8; 32]>> {
    let mut out = Zeroizing::new([0u8; 32]);
    key.expand(info, HKDF_SHA256).ok()?.fill(out.as_mut_slice()).ok()?;
    Some(out)
}

/// Decrypts a body as a phone does; `None` for anything but one last record with the usual lengths. For the stand-in.
#[cfg(feature = "standin")]
pub(crate) fn decrypt(body: &[u8], own: &PrivateKey, auth: [u8; 16]) -> Option<Vec<u8>> {
    let (salt, rest) = body.split_first_chunk::<16>()?;
    let (record_size, rest) = rest.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first()?;
    let (sender, record) = rest.split_first_chunk::<65>()?;
    let record_size = usize::try_from(u32::from_be_bytes(*record_size)).ok()?;
    if *length != 65 || record.len() <= TAG_BYTES || record.len() > record_size {
        return None;
    }
    let public = own.compute_public_key().ok()?;
    let peer = SubscriptionKeys { p256dh: *sender, auth };
    let (key, nonce) = derive(own, (public.as_ref(), sender), &peer, salt).ok()?;
    let mut record = record.to_vec();
    let text = key.open_in_place(nonce, Aad::empty(), &mut record).ok()?;
    let end = text.iter().rposition(|byte| *byte != 0)?;
    (text.get(end) == Some(&LAST)).then(|| text.get(..end).unwrap_or_default().to_vec())
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        URL_SAFE_NO_PAD.decode(text).unwrap().try_into().unwrap()
    }

    fn phone() -> SubscriptionKeys {
        SubscriptionKeys {
            p256dh: bytes("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
            auth: bytes("BTBZMqHH6r4Tts7J_aSIgg"),
        }
    }

    fn fresh() -> Fresh {
        let key: [u8; 32] = bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw");
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw");
        Fresh::new(salt, PrivateKey::from_private_key(&ECDH_P256, &key).unwrap())
    }

    #[test]
    fn the_message_of_rfc_8291_appendix_a_comes_out_byte_for_byte() {
        let text = b"When I grow up, I want to be a watermelon";
        let body = seal(text, 0, &phone(), &fresh()).unwrap();
        let expected = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(URL_SAFE_NO_PAD.encode(body), expected);
    }

    #[test]
    fn messages_of_different_lengths_look_alike_and_none_is_too_large() {
        let length = |text: usize| encrypt(&vec![b'x'; text], &phone(), &fresh()).map(|body| body.len());
        assert_eq!(length(1), length(1024));
        assert_eq!(length(PLAIN_BYTES), Ok(BODY_BYTES));
        assert_eq!(length(PLAIN_BYTES + 1), Err(Unencrypted::TooLong));
    }

    #[test]
    fn a_point_off_the_curve_is_refused() {
        let mut keys = phone();
        keys.p256dh[64] ^= 1;
        assert_eq!(encrypt(b"x", &keys, &fresh()), Err(Unencrypted::BadKey));
    }

    #[cfg(feature = "standin")]
    #[test]
    fn the_phone_reads_what_was_written_and_nothing_that_was_changed() {
        let own: [u8; 32] = bytes("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94");
        let own = PrivateKey::from_private_key(&ECDH_P256, &own).unwrap();
        let body = encrypt("Ärger".as_bytes(), &phone(), &Fresh::draw().unwrap()).unwrap();
        assert_eq!(decrypt(&body, &own, phone().auth).as_deref(), Some("Ärger".as_bytes()));
        for at in 0..body.len() {
            let mut changed = body.clone();
            changed[at] ^= 0x40;
            // The record size alone is not authenticated.
            assert!((16..20).contains(&at) || decrypt(&changed, &own, phone().auth).is_none(), "byte {at}");
        }
        assert_eq!(decrypt(&body[..50], &own, phone().auth), None);
    }
}
