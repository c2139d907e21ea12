//! The rules of RFC 8030 and RFC 8292, each with the status a push service answers.

use aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;

use super::super::jwt::Unverified;

/// RFC 8292 section 2: a token may not end later than in a day.
const TOKEN_SECONDS: i64 = 24 * 3600;

type Checked<T> = Result<T, (u16, &'static str)>;

/// The one value of a header.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &str) -> Checked<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next().and_then(|value| value.to_str().ok()), values.next()) {
        (Some(value), None) => Ok(value),
        (None, _) if name == "authorization" => Err((401, "the push is not signed")),
        (None, _) | (Some(_), Some(_)) => Err((400, "a header is missing or comes twice")),
    }
}

/// RFC 8030 section 5.3.
pub(super) fn urgency(given: &str) -> Checked<&str> {
    let known = ["very-low", "low", "normal", "high"].contains(&given);
    if known { Ok(given) } else { Err((400, "the urgency is unknown")) }
}

/// RFC 8030 section 5.4.
pub(super) fn topic(given: &str) -> Checked<&str> {
    let alphabet = given.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if alphabet && (1..=32).contains(&given.len()) {
        Ok(given)
    } else {
        Err((400, "the topic is not 1 to 32 of base64url"))
    }
}

/// `vapid t=<JWT>, k=<public key>` (RFC 8292 section 3), for this origin, by the key the subscription is restricted to.
pub(super) fn signed(given: &str, origin: &str, restricted_to: Option<&str>, now: i64) -> Checked<()> {
    const BAD: (u16, &str) = (401, "the signature is not one");
    let params = given.strip_prefix("vapid ").ok_or(BAD)?;
    let (token, key) = params.split_once(", ").ok_or(BAD)?;
    let (token, key) = (token.strip_prefix("t=").ok_or(BAD)?, key.strip_prefix("k=").ok_or(BAD)?);
    let point = URL_SAFE_NO_PAD.decode(key).ok().filter(|point| point.len() == 65).ok_or(BAD)?;
    let jwt = Unverified::parse(token).ok_or((401, "the JWT cannot be read"))?;
    if jwt.header_text("alg") != Some("ES256") || !jwt.is_signed_by(&ECDSA_P256_SHA256_FIXED, &point) {
        return Err((401, "the JWT is not signed by the key beside it"));
    }
    if jwt.claim_text("aud") != Some(origin) {
        return Err((401, "the JWT is for another push service"));
    }
    let ends_at = jwt.claim_number("exp").ok_or((401, "the JWT does not end"))?;
    if ends_at <= now || ends_at > now + TOKEN_SECONDS {
        return Err((401, "the JWT has expired or lasts too long"));
    }
    let contact = jwt.claim_text("sub").unwrap_or_default();
    if !contact.starts_with("mailto:") && !contact.starts_with("https://") {
        return Err((401, "the JWT has no sub claim"));
    }
    match restricted_to {
        Some(other) if other != key => Err((403, "the key does not correspond to the subscription's")),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::VapidKey;

    const ORIGIN: &str = "https://push.example.net:8443";
    const NOW: i64 = 1_795_000_000;

    fn key() -> VapidKey {
        VapidKey::parse(VapidKey::generate().unwrap().reveal()).unwrap()
    }

    fn status(outcome: Checked<()>) -> u16 {
        outcome.map_or_else(|(status, _)| status, |()| 201)
    }

    #[test]
    fn a_push_is_taken_only_with_a_signature_for_this_service_that_ends_within_a_day() {
        let key = key();
        let with = |audience: &str, contact: &str, ends_in: i64| {
            let token = key.token(audience, contact, NOW + ends_in).unwrap();
            status(signed(&token.authorization(), ORIGIN, None, NOW))
        };
        assert_eq!(with(ORIGIN, "mailto:a@b.c", 43_200), 201);
        assert_eq!(with("https://push.example.net", "mailto:a@b.c", 43_200), 401, "the port is part of the origin");
        assert_eq!(with(ORIGIN, "a@b.c", 43_200), 401);
        assert_eq!((with(ORIGIN, "mailto:a@b.c", 0), with(ORIGIN, "mailto:a@b.c", 86_401)), (401, 401));
    }

    #[test]
    fn another_key_beside_the_token_and_another_key_for_the_subscription_are_refused() {
        let (key, other) = (key(), key());
        let good = key.token(ORIGIN, "mailto:a@b.c", NOW + 60).unwrap().authorization();
        assert_eq!(status(signed(&good, ORIGIN, Some(key.public_key()), NOW)), 201);
        assert_eq!(status(signed(&good, ORIGIN, Some(other.public_key()), NOW)), 403);
        let exchanged = good.replace(key.public_key(), other.public_key());
        assert_eq!(status(signed(&exchanged, ORIGIN, None, NOW)), 401);
        for broken in ["", "vapid t=a.b.c", "WebPush x", "vapid t=a.b.c, k=AAAA"] {
            assert_eq!(status(signed(broken, ORIGIN, None, NOW)), 401, "{broken}");
        }
    }

    #[test]
    fn headers_are_read_to_the_letter() {
        assert!(urgency("high").is_ok() && urgency("High").is_err());
        assert!(
            topic("abc-_9").is_ok() && topic("").is_err() && topic("a=b").is_err() && topic(&"a".repeat(33)).is_err()
        );
        let mut headers = HeaderMap::new();
        assert_eq!(only(&headers, "ttl").unwrap_err().0, 400);
        headers.append("ttl", 1.into());
        assert_eq!(only(&headers, "ttl"), Ok("1"));
        headers.append("ttl", 2.into());
        assert_eq!(only(&headers, "ttl").unwrap_err().0, 400);
    }
}
