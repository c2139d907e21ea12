//! Passkeys (WebAuthn): signing in with a key that a phone, a computer or a security key keeps, and that checks its owner itself.
//!
//! A passkey counts as both factors, because user verification (PIN, finger, face) is demanded at registration and at each
//! sign-in. Its owner is found by the key alone (discoverable credentials), so no name is typed. It is bound to the public name:
//! under another name browsers do not offer it.
//!
//! Invariants: a challenge is good for one answer, for five minutes, and for what it was made for; challenges of strangers are
//! bounded for each network, so that nobody pushes out another's; a counter that does not grow is refused, and of two answers with
//! one counter only one counts.

pub(crate) mod store;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pbx_core::model::{Network, UnixMillis};
use serde_json::Value;
use webauthn_rs::prelude::{
    DiscoverableAuthentication, PasskeyRegistration, PublicKeyCredential, RegisterPublicKeyCredential, Url, Webauthn,
    WebauthnBuilder, WebauthnError,
};

use crate::accounts::{self, AdminUser};
use crate::clock;
use crate::error::Refusal;
use crate::pages::sign_in::origin;
use crate::session::Caller;
use crate::state::AdminState;
use crate::token::{self, NoRandom};

/// What devices show.
const RP_NAME: &str = "Nightbell";
/// How long somebody may look for their key; the specification recommends five minutes (WebAuthn level 3, section 5.4).
const CHALLENGE_LIFE: Duration = Duration::from_secs(5 * 60);
/// Open challenges in all.
const MAX_CHALLENGES: usize = 4096;
/// Open challenges of one network; an office signs in one by one.
const MAX_OF_ONE: usize = 32;
/// Nobody has more devices.
const MAX_PASSKEYS: i64 = 20;
/// A name fits on one line.
const MAX_NAME: usize = 60;

/// What an open challenge is for.
#[derive(Debug, Clone)]
enum Purpose {
    Registration { user: i64, name: String, state: Box<PasskeyRegistration> },
    SignIn(Box<DiscoverableAuthentication>),
}

#[derive(Debug, Clone)]
struct Challenge {
    purpose: Purpose,
    from: Option<Network>,
    until: UnixMillis,
}

/// Makes and checks challenges; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Passkeys {
    webauthn: Option<Arc<Webauthn>>,
    public_name: String,
    public_url: String,
    open: Arc<Mutex<BTreeMap<String, Challenge>>>,
}

fn refused(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Refusal {
    Refusal::new(status, code, detail)
}

fn expired() -> Refusal {
    refused(StatusCode::UNAUTHORIZED, "passkey_expired", "that took too long, or was answered already; try again")
}

/// Whoever shows a key that is not known learns no more than that it did not work.
fn unknown() -> Refusal {
    refused(
        StatusCode::UNAUTHORIZED,
        "passkey_refused",
        "this passkey does not sign in here; it may have been removed. Sign in with your password instead",
    )
}

impl Passkeys {
    /// For pages that are served under this address.
    pub(crate) fn new(public_url: &str, public_name: &str) -> Self {
        let origin = Url::parse(public_url).ok();
        // An address in numbers is no domain, and keys are bound to domains.
        let webauthn = origin.and_then(|origin| {
            let builder = WebauthnBuilder::new(public_name, &origin).ok()?;
            builder.rp_name(RP_NAME).timeout(CHALLENGE_LIFE).build().ok()
        });
        Self {
            webauthn: webauthn.map(Arc::new),
            public_name: public_name.to_owned(),
            public_url: public_url.to_owned(),
            open: Arc::default(),
        }
    }

    /// Whether passkeys can work under the public name.
    pub(crate) const fn possible(&self) -> bool {
        self.webauthn.is_some()
    }

    /// The public name passkeys are bound to.
    pub(crate) fn public_name(&self) -> &str {
        &self.public_name
    }

    fn webauthn(&self) -> Result<&Webauthn, Refusal> {
        self.webauthn.as_deref().ok_or_else(|| {
            let text = format!(
                "passkeys are bound to a name, and the public name here is the address {}; set public_host in config.toml to a name",
                self.public_name
            );
            refused(StatusCode::CONFLICT, "passkey_needs_name", text)
        })
    }

    /// Keeps a challenge; the id by which its answer names it.
    fn keep(&self, purpose: Purpose, from: Option<Network>, now: UnixMillis) -> Result<String, NoRandom> {
        let minted = token::mint("")?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, challenge| challenge.until > now);
        let oldest_of = |open: &BTreeMap<String, Challenge>, of: &dyn Fn(&Challenge) -> bool| {
            let oldest = open.iter().filter(|(_, one)| of(one)).min_by_key(|(_, one)| one.until);
            oldest.map(|(id, _)| id.clone())
        };
        let of_one = open.values().filter(|one| one.from == from).count();
        if of_one >= MAX_OF_ONE
            && let Some(oldest) = oldest_of(&open, &|one| one.from == from)
        {
            open.remove(&oldest);
        }
        if open.len() >= MAX_CHALLENGES
            && let Some(oldest) = oldest_of(&open, &|_| true)
        {
            open.remove(&oldest);
        }
        open.insert(minted.hash, Challenge { purpose, from, until: now + CHALLENGE_LIFE });
        Ok(minted.text)
    }

    /// Takes a challenge out: it is good for one answer.
    fn take(&self, id: &str, now: UnixMillis) -> Option<Purpose> {
        let hash = token::hash(id)?;
        let challenge = self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&hash)?;
        (challenge.until > now).then_some(challenge.purpose)
    }

    /// What an error of the protocol means to whoever holds the key.
    fn said(&self, error: &WebauthnError, status: StatusCode) -> Refusal {
        tracing::info!(%error, "a passkey was refused");
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the library's own enum; what is not named here is one case"
        )]
        let detail = match error {
            WebauthnError::InvalidRPOrigin | WebauthnError::InvalidRPIDHash => {
                format!("this page was opened under another name; passkeys work at {} only", self.public_url)
            }
            WebauthnError::MismatchedChallenge => return expired(),
            WebauthnError::UserNotVerified => {
                "this key did not check that it is you; set a PIN, a finger or a face on it, or take another one"
                    .to_owned()
            }
            WebauthnError::CredentialPossibleCompromise => {
                "this key counts backwards, so there is a copy of it somewhere; remove it and make another one"
                    .to_owned()
            }
            _ if status == StatusCode::UNAUTHORIZED => return unknown(),
            _ => "the device's answer cannot be used; try again, or take another device".to_owned(),
        };
        refused(status, "passkey_refused", detail)
    }
}

/// A name as somebody gives it.
fn checked_name(name: &str) -> Result<String, Refusal> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        let text = format!("give the passkey a name of at most {MAX_NAME} characters, such as “Anna's phone”");
        return Err(refused(StatusCode::UNPROCESSABLE_ENTITY, "passkey_name", text).field("name"));
    }
    Ok(name.to_owned())
}

/// Begins a registration: its id, and what the browser asks the device for.
pub(crate) async fn begin(
    state: &AdminState,
    user: i64,
    shown_as: &str,
    name: &str,
) -> Result<(String, Value), Refusal> {
    let name = checked_name(name)?;
    let webauthn = state.passkeys.webauthn()?;
    if store::count(&state.store, user).await? >= MAX_PASSKEYS {
        let text = format!("there are {MAX_PASSKEYS} passkeys already; remove one first");
        return Err(refused(StatusCode::CONFLICT, "full", text));
    }
    let handle = store::handle(&state.store, user).await?;
    let there = store::credentials(&state.store, user).await?.iter().map(|it| it.cred_id().clone()).collect();
    let started = webauthn.start_passkey_registration(handle, shown_as, shown_as, Some(there));
    let (options, registration) = started.map_err(|error| Refusal::internal(&error))?;
    let mut options = serde_json::to_value(options).map_err(|error| Refusal::internal(&error))?;
    // The owner is found by the key, so the device has to keep it (WebAuthn level 2, section 5.4.6).
    let selection = &mut options["publicKey"]["authenticatorSelection"];
    (selection["residentKey"], selection["requireResidentKey"]) = ("required".into(), true.into());
    let purpose = Purpose::Registration { user, name, state: Box::new(registration) };
    Ok((state.passkeys.keep(purpose, None, clock::now())?, options))
}

/// Ends a registration with the device's answer; the passkey's id and name.
pub(crate) async fn finish(
    state: &AdminState,
    user: i64,
    id: &str,
    answer: &RegisterPublicKeyCredential,
) -> Result<(i64, String), Refusal> {
    let webauthn = state.passkeys.webauthn()?;
    let now = clock::now();
    let (name, registration) = match state.passkeys.take(id, now) {
        Some(Purpose::Registration { user: of, name, state }) if of == user => (name, state),
        Some(Purpose::Registration { .. } | Purpose::SignIn(_)) | None => {
            let text = "that took too long, or was answered already; try again";
            return Err(refused(StatusCode::CONFLICT, "passkey_expired", text));
        }
    };
    let finished = webauthn.finish_passkey_registration(answer, &registration);
    let passkey = finished.map_err(|error| state.passkeys.said(&error, StatusCode::UNPROCESSABLE_ENTITY))?;
    let credential_id = URL_SAFE_NO_PAD.encode(passkey.cred_id());
    let about = (user, name.as_str(), state.passkeys.public_name());
    match store::put(&state.store, about, (&credential_id, &passkey), now).await? {
        Some(id) => Ok((id, name)),
        None => Err(refused(StatusCode::CONFLICT, "duplicate", "this key is registered already")),
    }
}

/// A challenge for whoever wants to sign in: its id, and what the browser asks its devices for.
pub(crate) fn challenge(state: &AdminState, from: Network) -> Result<(String, Value), Refusal> {
    let webauthn = state.passkeys.webauthn()?;
    let started = webauthn.start_discoverable_authentication();
    let (options, authentication) = started.map_err(|error| Refusal::internal(&error))?;
    let mut options = serde_json::to_value(options).map_err(|error| Refusal::internal(&error))?;
    // Somebody has pressed a button, so the browser may ask.
    if let Some(options) = options.as_object_mut() {
        options.remove("mediation");
    }
    let id = state.passkeys.keep(Purpose::SignIn(Box::new(authentication)), Some(from), clock::now())?;
    Ok((id, options))
}

/// Under which name failures are counted, apart from passwords and codes.
fn passkey_account(name: &str) -> String {
    format!("{name}\u{1}passkey")
}

/// How a sign-in ended: whose it was as far as that is known, and the passkey's name.
pub(crate) struct Attempt {
    pub(crate) user: Option<AdminUser>,
    pub(crate) outcome: Result<String, Refusal>,
}

impl Attempt {
    const fn failed(user: Option<AdminUser>, refusal: Refusal) -> Self {
        Self { user, outcome: Err(refusal) }
    }
}

/// Checks a device's answer to a challenge. Failures are counted for the browser if it is known, or else for the address.
pub(crate) async fn sign_in(
    state: &AdminState,
    (id, answer): (&str, &PublicKeyCredential),
    (caller, headers): (&Caller, &HeaderMap),
) -> Result<Attempt, Refusal> {
    let webauthn = state.passkeys.webauthn()?;
    let now = clock::now();
    let authentication = match state.passkeys.take(id, now) {
        Some(Purpose::SignIn(authentication)) => *authentication,
        Some(Purpose::Registration { .. }) | None => return Ok(Attempt::failed(None, expired())),
    };
    let Ok((handle, credential)) = webauthn.identify_discoverable_authentication(answer) else {
        return Ok(Attempt::failed(None, unknown()));
    };
    let found = store::shown(&state.store, &URL_SAFE_NO_PAD.encode(credential)).await?;
    // A key answers for the person it was made for and for nobody else.
    let Some(mut shown) = found.filter(|shown| shown.handle == handle) else {
        return Ok(Attempt::failed(None, unknown()));
    };
    let Some(user) = accounts::user_by_id(&state.store, shown.user).await? else {
        return Ok(Attempt::failed(None, unknown()));
    };
    let (account, origin) = (passkey_account(&user.name), origin(state, &user.name, headers, caller).await?);
    if let Err(wait) = state.throttle.attempt(&account, origin.clone(), now) {
        let text = format!("too many failed attempts; wait {} s and try again", wait.as_secs().max(1));
        return Ok(Attempt::failed(Some(user), refused(StatusCode::TOO_MANY_REQUESTS, "busy", text)));
    }
    let result = match webauthn.finish_discoverable_authentication_v2(answer, authentication, &shown.passkey) {
        Ok(result) if result.user_verified() => result,
        Ok(_) => {
            let refusal = state.passkeys.said(&WebauthnError::UserNotVerified, StatusCode::UNAUTHORIZED);
            return Ok(Attempt::failed(Some(user), refusal));
        }
        Err(error) => {
            let refusal = state.passkeys.said(&error, StatusCode::UNAUTHORIZED);
            return Ok(Attempt::failed(Some(user), refusal));
        }
    };
    shown.passkey.update_credential(&result);
    if !store::used(&state.store, &shown, now).await? {
        return Ok(Attempt::failed(Some(user), expired()));
    }
    state.throttle.succeeded(&account, origin, now);
    Ok(Attempt { user: Some(user), outcome: Ok(shown.name) })
}

#[cfg(test)]
impl Passkeys {
    /// As if every open challenge had been made so much earlier.
    pub(crate) fn age(&self, by: Duration) {
        for challenge in self.open.lock().unwrap().values_mut() {
            challenge.until = challenge.until - by;
        }
    }

    pub(crate) fn open(&self) -> usize {
        self.open.lock().unwrap().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign_in_purpose(passkeys: &Passkeys) -> Purpose {
        let (_, authentication) = passkeys.webauthn().unwrap().start_discoverable_authentication().unwrap();
        Purpose::SignIn(Box::new(authentication))
    }

    #[test]
    fn one_network_pushes_out_only_its_own_challenges() {
        let passkeys = Passkeys::new("https://pbx.example.com", "pbx.example.com");
        let now = UnixMillis(1_795_000_000_000);
        let network = |last: u8| Some(Network::from(std::net::IpAddr::from([192, 0, 2, last])));
        let mine = passkeys.keep(sign_in_purpose(&passkeys), network(1), now).unwrap();
        let theirs: Vec<String> =
            (0..MAX_OF_ONE + 10).map(|_| passkeys.keep(sign_in_purpose(&passkeys), network(2), now).unwrap()).collect();
        assert_eq!(passkeys.open(), MAX_OF_ONE + 1);
        assert!(passkeys.take(&mine, now).is_some());
        assert!(passkeys.take(&mine, now).is_none(), "it is good for one answer");
        assert!(passkeys.take(&theirs[theirs.len() - 1], now + CHALLENGE_LIFE).is_none(), "it has ended");
    }

    #[test]
    fn an_address_is_no_name_for_passkeys() {
        for (url, name, possible) in [
            ("https://pbx.example.com:8443", "pbx.example.com", true),
            ("https://localhost:8443", "localhost", true),
            ("https://192.0.2.7:8443", "192.0.2.7", false),
            ("https://[2001:db8::1]", "2001:db8::1", false),
        ] {
            assert_eq!(Passkeys::new(url, name).possible(), possible, "{url}");
        }
        let refusal = Passkeys::new("https://192.0.2.7", "192.0.2.7").webauthn().unwrap_err();
        assert!(refusal.detail.contains("public_host"), "{refusal:?}");
    }

    #[test]
    fn names_are_one_short_line() {
        assert_eq!(checked_name("  Anna's phone ").unwrap(), "Anna's phone");
        for wrong in ["", "  ", "a\nb", &"x".repeat(61)] {
            assert_eq!(checked_name(wrong).unwrap_err().field.as_deref(), Some("name"), "{wrong:?}");
        }
    }
}
