//! The client's side: the answer to a phone that wants a request of ours proved with its own account.

use std::borrow::Cow;

use md5::Md5;
use sha2::{Digest, Sha256};

use super::{Algorithm, hex, joined};
use crate::model::SipCredential;
use crate::sip::scan::{split_once, split_outside_quotes};
use crate::sip::uri::unquoted;

/// The longest part of a challenge that is hashed; real ones have at most 100 characters.
const MAX_PART: usize = 512;

/// What is to be proved.
#[derive(Debug, Clone, Copy)]
pub struct Proof<'a> {
    /// The account.
    pub credential: &'a SipCredential,
    /// The realm its digests were made for.
    pub realm: &'a str,
    /// The request's method.
    pub method: &'a str,
    /// The Request-URI.
    pub uri: &'a str,
    /// A fresh random text without quotes.
    pub cnonce: &'a str,
}

/// The value of the Authorization header that answers this challenge (RFC 7616 section 3.4); `None` when it names another
/// realm, another scheme or an algorithm we do not have, or cannot be read.
///
/// It answers the nonce once, so the count is 1.
pub fn answer(challenge: &str, proof: &Proof<'_>) -> Option<String> {
    let challenge = Challenge::parse(challenge)?;
    if challenge.realm != proof.realm || !is_quotable(proof.uri) {
        return None;
    }
    let algorithm = Algorithm::from_name(challenge.algorithm.as_deref())?;
    let response = match algorithm {
        Algorithm::Md5 => response::<Md5>(&proof.credential.md5.0, &challenge, proof),
        Algorithm::Sha256 => response::<Sha256>(&proof.credential.sha256.0, &challenge, proof),
    };
    let name = match algorithm {
        Algorithm::Md5 => "MD5",
        Algorithm::Sha256 => "SHA-256",
    };
    let mut text = format!(
        "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{}\", response=\"{response}\", algorithm={name}",
        proof.credential.username.as_str(),
        challenge.realm,
        challenge.nonce,
        proof.uri,
    );
    if challenge.auth {
        text.push_str(&format!(", qop=auth, nc=00000001, cnonce=\"{}\"", proof.cnonce));
    }
    if let Some(opaque) = challenge.opaque {
        text.push_str(&format!(", opaque=\"{opaque}\""));
    }
    Some(text)
}

fn response<D: Digest>(ha1: &[u8], challenge: &Challenge<'_>, proof: &Proof<'_>) -> String {
    let (mut first, mut second, mut last) = ([0; 64], [0; 64], [0; 64]);
    let ha1 = hex(ha1, &mut first);
    let ha2 = joined::<D>(&[proof.method, proof.uri]);
    let ha2 = hex(&ha2, &mut second);
    let response = if challenge.auth {
        joined::<D>(&[ha1, &challenge.nonce, "00000001", proof.cnonce, "auth", ha2])
    } else {
        joined::<D>(&[ha1, &challenge.nonce, ha2])
    };
    hex(&response, &mut last).to_owned()
}

/// A challenge we can answer.
struct Challenge<'a> {
    realm: Cow<'a, str>,
    nonce: Cow<'a, str>,
    opaque: Option<Cow<'a, str>>,
    algorithm: Option<Cow<'a, str>>,
    /// `qop` offers `auth`; without `qop` the answer is made as RFC 2069 has it.
    auth: bool,
}

impl<'a> Challenge<'a> {
    fn parse(value: &'a str) -> Option<Self> {
        let (scheme, mut rest) = value.trim_ascii_start().split_once([' ', '\t'])?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let [mut realm, mut nonce, mut opaque, mut algorithm, mut qop] = [const { None::<Cow<'a, str>> }; 5];
        while !rest.is_empty() {
            let (piece, after) = split_outside_quotes(rest, b',');
            rest = after;
            let Some((name, value)) = split_once(piece, b'=') else { continue };
            let slot = match name.trim_ascii() {
                name if name.eq_ignore_ascii_case("realm") => &mut realm,
                name if name.eq_ignore_ascii_case("nonce") => &mut nonce,
                name if name.eq_ignore_ascii_case("opaque") => &mut opaque,
                name if name.eq_ignore_ascii_case("algorithm") => &mut algorithm,
                name if name.eq_ignore_ascii_case("qop") => &mut qop,
                _ => continue,
            };
            let value = unquoted(value.trim_ascii());
            // What is echoed between quotes must not end them.
            if value.len() > MAX_PART || !is_quotable(&value) || slot.replace(value).is_some() {
                return None;
            }
        }
        let auth = match qop.as_deref() {
            None => false,
            Some(offered) if offered.split(',').any(|one| one.trim_ascii().eq_ignore_ascii_case("auth")) => true,
            Some(_) => return None,
        };
        Some(Self { realm: realm?, nonce: nonce?, opaque, algorithm, auth })
    }
}

fn is_quotable(text: &str) -> bool {
    !text.contains(['"', '\\'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::digest::ha1;

    fn proof(credential: &SipCredential) -> Proof<'_> {
        Proof {
            credential,
            realm: "http-auth@example.org",
            method: "GET",
            uri: "/dir/index.html",
            cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        }
    }

    fn account() -> SipCredential {
        let (md5, sha256) = ha1("Mufasa", "http-auth@example.org", "Circle of Life");
        SipCredential { username: "Mufasa".parse().unwrap(), extension: "101".parse().unwrap(), md5, sha256 }
    }

    #[test]
    fn the_example_of_the_standard_is_answered_as_it_says() {
        // RFC 7616 section 3.9.1.
        let rest = "realm=\"http-auth@example.org\", qop=\"auth, auth-int\", \
                    nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                    opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
        let (account, md5, sha256) = (
            account(),
            "8ca523f5e9506fed4657c9700eebdbec",
            concat!("753927fa0e85d155564e2e272a28d180", "2ca10daf4496794697cf8db5856cb6c1"),
        );
        for (algorithm, response) in [("MD5", md5), ("SHA-256", sha256)] {
            let text = answer(&format!("Digest {rest}, algorithm={algorithm}"), &proof(&account)).unwrap();
            assert!(text.contains(&format!("response=\"{response}\", algorithm={algorithm}")), "{text}");
            assert!(text.contains("nc=00000001") && text.contains("opaque=\"FQhe/"), "{text}");
        }
    }

    #[test]
    fn no_challenge_ends_the_quotes_it_is_put_into() {
        let account = account();
        for odd in ["nonce=\"a\\\"b\"", "nonce=\"a\", opaque=\"\\\"\"", "nonce=a\"b"] {
            let challenge = format!("Digest realm=\"http-auth@example.org\", {odd}");
            assert_eq!(answer(&challenge, &proof(&account)), None, "{challenge}");
        }
    }
}
