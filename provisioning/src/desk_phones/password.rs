//! HTTP authentication on top of the secret in the path (RFC 7617, RFC 7616): phones answer Basic and Digest.
//!
//! A phone is told its password together with an address of its own, in one file, so a phone that comes by that address has
//! it; the first address wants none. The password is made from the phone's SIP secret and cannot be turned back into it, so it
//! needs no place of its own; who knows only the address does not know it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use pbx_core::model::{ExtensionNumber, Moment, Network, Now, Redacted, SipCredential, UnixMillis};
use pbx_core::sip::digest::{Authenticator, Offer, Verification, ha1};
use pbx_core::sip::message::{HeaderName, Method, Request};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::desk_phone::Mac;

/// What phones show beside the question for user and password.
const REALM: &str = "Nightbell desk phones";
/// Characters of a password: 144 bits.
const CHARS: usize = 24;

/// User name and password of a phone for its fetches.
pub(super) fn of(mac: Mac, sip_secret: &str) -> (String, Redacted<String>) {
    let mut hash = Sha256::new();
    for part in ["nightbell desk phone http password", &mac.lower(), sip_secret] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let text: String = URL_SAFE_NO_PAD.encode(hash.finalize()).chars().take(CHARS).collect();
    (mac.lower(), Redacted::new(text))
}

/// A fetch that has to prove itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Knock<'a> {
    pub(super) method: &'a str,
    /// The path and query as asked for.
    pub(super) target: &'a str,
    /// Every Authorization header.
    pub(super) authorization: &'a [String],
    pub(super) from: std::net::IpAddr,
}

/// Makes challenges and looks at answers.
pub(super) struct Doorkeeper {
    authenticator: Authenticator,
    began: Option<UnixMillis>,
}

impl Doorkeeper {
    pub(super) fn new(key: [u8; 32]) -> Self {
        Self { authenticator: Authenticator::new(REALM.into(), key), began: None }
    }

    /// Whether it comes with this password; otherwise the challenges it gets, Digest first.
    pub(super) fn judge(
        &mut self,
        knock: &Knock<'_>,
        (user, password): (&str, &str),
        wall: UnixMillis,
    ) -> Result<(), Vec<String>> {
        let began = *self.began.get_or_insert(wall);
        let now = Now { mono: Moment::START + wall.since(began), wall };
        if knock.authorization.iter().any(|value| is_basic(value, user, password)) {
            return Ok(());
        }
        let mut request = Request::new(Method::Other(knock.method.into()), knock.target.to_owned());
        for value in knock.authorization {
            request.headers.push(HeaderName::Authorization, value.clone());
        }
        let stale = match self.authenticator.verify(&request, true, |name| credential(name, user, password), now) {
            Verification::Accepted(_) => return Ok(()),
            Verification::Stale | Verification::Repeated(_) => true,
            Verification::Missing | Verification::Rejected(_) => false,
        };
        let challenges = self.authenticator.challenges(now, stale, Offer::Md5, Network::from(knock.from));
        let basic = format!("Basic realm=\"{REALM}\", charset=\"UTF-8\"");
        Err(challenges.iter().map(ToString::to_string).chain([basic]).collect())
    }
}

fn credential(name: &str, user: &str, password: &str) -> Option<SipCredential> {
    let (md5, sha256) = ha1(user, REALM, password);
    // No extension is meant: the account is for fetching.
    let extension: ExtensionNumber = "00".parse().ok()?;
    let credential = SipCredential { username: user.parse().ok()?, extension, md5, sha256 };
    (name == user).then_some(credential)
}

fn is_basic(value: &str, user: &str, password: &str) -> bool {
    let Some((scheme, rest)) = value.trim().split_once(' ') else { return false };
    if !scheme.eq_ignore_ascii_case("Basic") {
        return false;
    }
    let given = STANDARD.decode(rest.trim()).unwrap_or_default();
    let wanted = format!("{user}:{password}");
    given.ct_eq(wanted.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

    fn knock<'a>(authorization: &'a [String], target: &'a str) -> Knock<'a> {
        Knock { method: "GET", target, authorization, from: [192, 0, 2, 1].into() }
    }

    fn digest(challenge: &str, (user, password): (&str, &str), target: &str) -> String {
        let nonce = challenge.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap();
        let (md5, sha256) = ha1(user, REALM, password);
        let account = SipCredential { username: user.parse().unwrap(), extension: "00".parse().unwrap(), md5, sha256 };
        let proof = pbx_core::sip::digest::client::Proof {
            credential: &account,
            realm: REALM,
            method: "GET",
            uri: target,
            cnonce: "c",
        };
        let challenge = format!("Digest realm=\"{REALM}\", nonce=\"{nonce}\", qop=\"auth\", algorithm=MD5");
        pbx_core::sip::digest::client::answer(&challenge, &proof).unwrap()
    }

    #[test]
    fn a_phone_proves_itself_by_basic_or_digest_and_by_nothing_else() {
        let mut keeper = Doorkeeper::new([7; 32]);
        let (user, password) = of("805ec0d57d72".parse().unwrap(), "secret");
        let pass = (user.as_str(), password.reveal().as_str());
        let asked = keeper.judge(&knock(&[], "/d/x/y.cfg"), pass, NOW).unwrap_err();
        assert!(asked[0].starts_with("Digest ") && asked[1].starts_with("Basic "), "{asked:?}");
        let basic = format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.reveal())));
        assert!(keeper.judge(&knock(&[basic], "/d/x/y.cfg"), pass, NOW).is_ok());
        let right = digest(&asked[0], pass, "/d/x/y.cfg");
        assert!(keeper.judge(&knock(std::slice::from_ref(&right), "/d/x/y.cfg"), pass, NOW).is_ok());
        let again = keeper.judge(&knock(&[right], "/d/x/y.cfg"), pass, NOW).unwrap_err();
        assert!(again[0].contains("stale=true"), "an answer counts once: {again:?}");
        let fresh = keeper.judge(&knock(&[], "/d/x/y.cfg"), pass, NOW).unwrap_err();
        for wrong in [
            format!("Basic {}", STANDARD.encode(format!("{user}:other"))),
            "Basic !".into(),
            "Bearer x".into(),
            digest(&fresh[0], (pass.0, "other"), "/d/x/y.cfg"),
            digest(&fresh[0], pass, "/d/x/other.cfg"),
        ] {
            assert!(keeper.judge(&knock(std::slice::from_ref(&wrong), "/d/x/y.cfg"), pass, NOW).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_password_hangs_on_phone_and_secret_and_shows_neither() {
        let (one, other) = ("805ec0d57d72".parse().unwrap(), "805ec0d57d73".parse().unwrap());
        let passwords = [of(one, "a"), of(one, "b"), of(other, "a")].map(|(_, password)| password.into_inner());
        assert!(passwords.iter().all(|password| password.len() == CHARS));
        assert!(passwords[0] != passwords[1] && passwords[0] != passwords[2]);
    }
}
