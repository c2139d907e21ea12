//! Just enough DER (X.690) to say what kind of private key a file holds before a library refuses it without a reason, and to
//! take a `.p12` file apart.

/// `1.2.840.10045.2.1`, id-ecPublicKey (RFC 5480).
const OID_EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// `1.2.840.10045.3.1.7`, the curve P-256.
const OID_P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// `1.2.840.113549.1.1.1`, rsaEncryption.
const OID_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const OID: u8 = 0x06;
pub(super) const OCTET_STRING: u8 = 0x04;
const UTF8_STRING: u8 = 0x0c;

/// What a PKCS#8 private key (RFC 5958) is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyKind {
    P256,
    OtherCurve,
    Rsa,
    Other,
}

/// The kind of a PKCS#8 key; `None` when it is not PKCS#8.
pub(super) fn pkcs8_kind(der: &[u8]) -> Option<KeyKind> {
    let (inside, _) = element(der, SEQUENCE)?;
    let (_, rest) = element(inside, INTEGER)?;
    let (algorithm, _) = element(rest, SEQUENCE)?;
    let (oid, parameters) = element(algorithm, OID)?;
    Some(match oid {
        OID_RSA => KeyKind::Rsa,
        OID_EC => match element(parameters, OID) {
            Some((OID_P256, _)) => KeyKind::P256,
            Some(_) | None => KeyKind::OtherCurve,
        },
        _ => KeyKind::Other,
    })
}

/// Every UTF8String in `der`, however deep, in order; what is no DER ends the list.
pub(super) fn strings_within(der: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    collect(der, 0, &mut found);
    found
}

/// Apple nests two deep.
const DEPTH: usize = 4;

fn collect(mut der: &[u8], depth: usize, found: &mut Vec<String>) {
    while let Some(tag) = der.first().copied() {
        let Some((inside, rest)) = element(der, tag) else { return };
        match tag {
            UTF8_STRING => found.extend(std::str::from_utf8(inside).ok().map(str::to_owned)),
            SEQUENCE if depth < DEPTH => collect(inside, depth + 1, found),
            _ => {}
        }
        der = rest;
    }
}

/// The content of the element of type `tag` at the start of `der`, and what follows it.
pub(super) fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    if *first != tag {
        return None;
    }
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(*length), rest),
        0x81 => {
            let (length, rest) = rest.split_first()?;
            (usize::from(*length), rest)
        }
        0x82 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        0x83 => {
            let ([high, middle, low], rest) = rest.split_first_chunk::<3>()?;
            (usize::from(*high) << 16 | usize::from(*middle) << 8 | usize::from(*low), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}
