//! Digest authentication, the server's side (RFC 3261 section 22, RFC 7616, RFC 8760).
//!
//! A nonce is made, not stored: its age and serial number under a MAC. What is stored is which counts of a nonce were
//! used, and only after a right answer, so that strangers cannot fill the table. Invariants: no request is accepted
//! twice; an unknown user costs the same work and gets the same outcome as a wrong secret; who knows the secret but
//! uses an old, foreign or used-up nonce is told so (`stale`) and never asked for the password again.

use std::borrow::Borrow;

use bytesstr::BytesStr;
use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Md5;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use self::answer::{Answer, Qop};
use self::nonce::{NonceBook, Spent};
use super::message::{HeaderName, Request};
use super::uri::Uri;
use crate::model::{Ha1Md5, Ha1Sha256, Network, Now, SipCredential, Transport};

mod answer;
pub mod client;
mod nonce;
#[cfg(test)]
mod tests;

pub use nonce::NONCE_LIFETIME;

/// The digests of a SIP account: all that is stored of its secret.
pub fn ha1(username: &str, realm: &str, secret: &str) -> (Ha1Md5, Ha1Sha256) {
    (
        Ha1Md5(joined::<Md5>(&[username, realm, secret]).into()),
        Ha1Sha256(joined::<Sha256>(&[username, realm, secret]).into()),
    )
}

/// A hash algorithm of RFC 8760 that we offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Md5,
    Sha256,
}

/// Which algorithms a challenge names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// MD5 alone, for phones that give up when any challenge names another algorithm (libre before 3.12, which is in
    /// baresip, does; PJSIP before 2.11 and SIPp do when it comes first).
    Md5,
    /// SHA-256 and, after it, MD5 (RFC 8760 section 2.4).
    Both,
    /// SHA-256 alone.
    Sha256,
}

impl Offer {
    /// What is offered on a transport.
    ///
    /// Old desk phones live on plain transports. There, the call itself can be heard, and against guessing a recorded
    /// answer the length of the secret protects, not the hash; so nothing is lost by not naming SHA-256.
    pub const fn on(transport: Transport, allow_md5: bool) -> Self {
        match (allow_md5, transport) {
            (false, _) => Self::Sha256,
            (true, Transport::Tls) => Self::Both,
            (true, Transport::Udp | Transport::Tcp) => Self::Md5,
        }
    }
}

impl Algorithm {
    /// From the `algorithm` parameter in any case; absent means MD5 (RFC 7616 section 3.3).
    fn from_name(name: Option<&str>) -> Option<Self> {
        match name {
            None => Some(Self::Md5),
            Some(name) if name.eq_ignore_ascii_case("MD5") => Some(Self::Md5),
            Some(name) if name.eq_ignore_ascii_case("SHA-256") => Some(Self::Sha256),
            Some(_) => None,
        }
    }
}

/// What a request's digest answer is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification<C> {
    /// The sender knows the secret of this account, and this answer was not used before.
    Accepted(C),
    /// No answer for our realm: challenge.
    Missing,
    /// The sender knew the secret, but this very answer was used before: a repetition whose first answer was lost, or
    /// somebody who heard it. Worth no more than the request it belongs to; otherwise as [`Verification::Stale`].
    Repeated(C),
    /// The secret is right but the nonce is not usable: challenge with `stale=true`. Not a failed attempt.
    Stale,
    /// Wrong; counts as a failed attempt. The outside must not see which reason it was.
    Rejected(Rejection),
}

/// Why an answer is wrong; for counters and the log, never for the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// The header cannot be read or lacks a part.
    Malformed,
    /// The algorithm is unknown, or MD5 where MD5 is not allowed.
    Algorithm,
    /// The answer was made for another Request-URI.
    Uri,
    /// No account has this user name.
    UnknownUser,
    /// The account exists, the secret is another.
    WrongSecret,
}

impl Rejection {
    /// A stable name for counters and the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Algorithm => "algorithm",
            Self::Uri => "uri",
            Self::UnknownUser => "unknown_user",
            Self::WrongSecret => "wrong_secret",
        }
    }
}

/// Makes challenges and verifies answers for one realm.
pub struct Authenticator {
    realm: String,
    /// Every challenge up to its nonce.
    prefix: String,
    nonces: NonceBook,
    /// Stands in for the account of an unknown user.
    dummy: (Ha1Md5, Ha1Sha256),
}

impl Authenticator {
    /// `key` must be fresh and random at every start, because the record of used nonces does not outlive the process.
    ///
    /// Quotes, backslashes and control characters are left out of `realm`.
    pub fn new(realm: String, key: [u8; 32]) -> Self {
        let mut realm = realm;
        realm.retain(|c| !c.is_control() && c != '"' && c != '\\');
        let prefix = format!("Digest realm=\"{realm}\", nonce=\"");
        let mut mac = keyed(&key);
        mac.update(b"the account of an unknown user");
        let sha256: [u8; 32] = mac.finalize().into_bytes().into();
        let md5 = *sha256.first_chunk::<16>().unwrap_or(&[0; 16]);
        Self { realm, prefix, nonces: NonceBook::new(keyed(&key)), dummy: (Ha1Md5(md5), Ha1Sha256(sha256)) }
    }

    /// The realm of every challenge.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The values of the WWW-Authenticate (or Proxy-Authenticate) headers of one answer, the preferred one first.
    ///
    /// The nonce remembers the network it is sent to, for [`Self::has_challenged`]; it can be answered from anywhere.
    pub fn challenges(&mut self, now: Now, stale: bool, offer: Offer, to: Network) -> Vec<BytesStr> {
        let nonce = self.nonces.issue(now, to);
        let one = |algorithm: &str| {
            let stale = if stale { ", stale=true" } else { "" };
            let parts = [&self.prefix, &nonce, "\", algorithm=", algorithm, ", qop=\"auth\"", stale];
            BytesStr::from(parts.concat())
        };
        match offer {
            Offer::Md5 => vec![one("MD5")],
            Offer::Both => vec![one("SHA-256"), one("MD5")],
            Offer::Sha256 => vec![one("SHA-256")],
        }
    }

    /// Whether an answer in this request has a nonce that we sent to this network: then its source is not forged.
    pub fn has_challenged(&self, request: &Request, network: Network) -> bool {
        [&HeaderName::Authorization, &HeaderName::ProxyAuthorization]
            .into_iter()
            .flat_map(|name| request.headers.all(name))
            .filter_map(|value| Answer::parse(value).ok().flatten())
            .any(|answer| self.nonces.was_sent_to(&answer.nonce, network))
    }

    /// Verifies the Authorization or Proxy-Authorization headers of `request`; those of other realms are skipped.
    ///
    /// `credential` finds the account of a user name; it is asked at most once.
    pub fn verify<C: Borrow<SipCredential>>(
        &mut self,
        request: &Request,
        allow_md5: bool,
        credential: impl FnOnce(&str) -> Option<C>,
        now: Now,
    ) -> Verification<C> {
        let (answer, algorithm) = match self.find(request, allow_md5) {
            Ok(Some(found)) => found,
            Ok(None) => return Verification::Missing,
            Err(why) => return Verification::Rejected(why),
        };
        if !same_target(&answer.uri, &request.uri) {
            return Verification::Rejected(Rejection::Uri);
        }
        let account = credential(&answer.username);
        let (md5, sha256) = match &account {
            Some(account) => (&account.borrow().md5, &account.borrow().sha256),
            None => (&self.dummy.0, &self.dummy.1),
        };
        let right = match algorithm {
            Algorithm::Md5 => is_right::<Md5>(&md5.0, &answer, request),
            Algorithm::Sha256 => is_right::<Sha256>(&sha256.0, &answer, request),
        };
        match account {
            None => Verification::Rejected(Rejection::UnknownUser),
            Some(_) if !right => Verification::Rejected(Rejection::WrongSecret),
            Some(account) => match self.nonces.spend(&answer.nonce, answer.count(), now) {
                Spent::Now => Verification::Accepted(account),
                Spent::Before => Verification::Repeated(account),
                Spent::Never => Verification::Stale,
            },
        }
    }

    /// The first answer for our realm whose algorithm may be used.
    fn find<'a>(&self, request: &'a Request, allow_md5: bool) -> Result<Option<(Answer<'a>, Algorithm)>, Rejection> {
        let mut why = None;
        for name in [&HeaderName::Authorization, &HeaderName::ProxyAuthorization] {
            for header in request.headers.iter().filter(|header| header.name == *name) {
                match Answer::parse(&header.value) {
                    Ok(Some(answer)) if answer.realm == self.realm => {
                        match Algorithm::from_name(answer.algorithm.as_deref()) {
                            Some(Algorithm::Sha256) => return Ok(Some((answer, Algorithm::Sha256))),
                            Some(Algorithm::Md5) if allow_md5 => return Ok(Some((answer, Algorithm::Md5))),
                            Some(Algorithm::Md5) | None => why = Some(Rejection::Algorithm),
                        }
                    }
                    Ok(_) => {}
                    Err(answer::Malformed) => why = why.or(Some(Rejection::Malformed)),
                }
            }
        }
        why.map_or(Ok(None), Err)
    }
}

/// The user name a request claims, for counting failed attempts; it proves nothing.
pub fn claimed_username(request: &Request) -> Option<String> {
    let lines =
        request.headers.all(&HeaderName::Authorization).chain(request.headers.all(&HeaderName::ProxyAuthorization));
    let answer = lines.filter_map(|value| Answer::parse(value).ok().flatten()).next()?;
    Some(answer.username.into_owned())
}

/// HMAC fills a short key up to its block with zeros (RFC 2104), so this is the same as giving the short key.
fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    let mut block = [0; 64];
    for (slot, byte) in block.iter_mut().zip(key) {
        *slot = *byte;
    }
    Hmac::new(&block.into())
}

/// `uri=` names the Request-URI: equal text, or at least the same user at the same host, for phones that drop ports and
/// parameters there.
fn same_target(answered: &str, requested: &str) -> bool {
    answered == requested
        || match (Uri::parse(answered), Uri::parse(requested)) {
            (Ok(answered), Ok(requested)) => !answered.host.is_empty() && answered.same_user_and_host(&requested),
            (Err(_), _) | (_, Err(_)) => false,
        }
}

/// Whether the response is the one that `ha1` makes (RFC 7616 section 3.4.1), compared in constant time.
fn is_right<D: Digest>(ha1: &[u8], answer: &Answer<'_>, request: &Request) -> bool {
    let mut buffer = [0; 64];
    let method = request.method.as_str();
    let ha2 = match answer.qop {
        Qop::AuthInt => {
            let mut body_buffer = [0; 64];
            let body = D::digest(&request.body);
            joined::<D>(&[method, &answer.uri, hex(&body, &mut body_buffer)])
        }
        Qop::None | Qop::Auth => joined::<D>(&[method, &answer.uri]),
    };
    let mut ha2_buffer = [0; 64];
    let (ha1, ha2) = (hex(ha1, &mut buffer), hex(&ha2, &mut ha2_buffer));
    let expected = match answer.qop {
        Qop::None => joined::<D>(&[ha1, &answer.nonce, ha2]),
        Qop::Auth => joined::<D>(&[ha1, &answer.nonce, &answer.nc, &answer.cnonce, "auth", ha2]),
        Qop::AuthInt => joined::<D>(&[ha1, &answer.nonce, &answer.nc, &answer.cnonce, "auth-int", ha2]),
    };
    let mut expected_buffer = [0; 64];
    let mut given = [0; 64];
    let given = given.get_mut(..answer.response.len()).map(|given| {
        given.copy_from_slice(answer.response.as_bytes());
        given.make_ascii_lowercase();
        &*given
    });
    given.is_some_and(|given| hex(&expected, &mut expected_buffer).as_bytes().ct_eq(given).into())
}

/// The hash of `parts` with colons between them.
fn joined<D: Digest>(parts: &[&str]) -> sha2::digest::Output<D> {
    let mut hash = D::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            hash.update(b":");
        }
        hash.update(part.as_bytes());
    }
    hash.finalize()
}

/// Lower-case hexadecimal of at most 32 bytes.
fn hex<'b>(bytes: &[u8], buffer: &'b mut [u8; 64]) -> &'b str {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let (pairs, _) = buffer.as_chunks_mut::<2>();
    let mut written = 0;
    for (pair, byte) in pairs.iter_mut().zip(bytes) {
        *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
        written += 2;
    }
    buffer.get(..written).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or("")
}
