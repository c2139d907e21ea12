//! Who asks: a signed-in browser, a script with an API token, or the owner at the Unix socket.
//!
//! The guard stands around whole groups of routes, so a new route is closed until somebody puts it into the public list.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use pbx_core::model::ExtensionNumber;
use pbx_core::store::StoreError;

use crate::accounts;
use crate::audit;
use crate::clock;
use crate::error::{ErrorPage, Problem, Refusal};
use crate::language::{self, Language};
use crate::role::{Asking, Door, Role};
use crate::second_factor;
use crate::state::AdminState;
use crate::t;
use crate::token;
use crate::tokens;

/// `__Host-` makes browsers insist on Secure, on the path `/` and on this very host.
const COOKIE: &str = "__Host-nightbell";
/// Says that somebody has signed in from this browser before.
const BROWSER_COOKIE: &str = "__Host-nightbell-browser";
/// How long a browser is remembered.
const BROWSER_KNOWN: Duration = Duration::from_secs(180 * 24 * 60 * 60);
/// Names half a sign-in that waits for its code.
const HALF_COOKIE: &str = "__Host-nightbell-half";
/// What an API token begins with, so that a leaked one is recognised.
pub(crate) const API_TOKEN_PREFIX: &str = "nbt_";
/// Header values longer than this are not looked at.
const MAX_USER_AGENT: usize = 200;

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct SignedIn {
    /// How pages address them.
    pub(crate) name: String,
    /// Names the session: the hash of its token.
    pub(crate) session: String,
    /// Their row; `None` for the Unix socket and for tokens that belong to nobody.
    pub(crate) user: Option<i64>,
    pub(crate) role: Role,
    /// The extension they belong to.
    pub(crate) extension: Option<ExtensionNumber>,
    pub(crate) door: Door,
    /// Nothing is open to them before they have set up a second factor.
    pub(crate) must_enrol: bool,
    /// The language they chose for themselves.
    pub(crate) language: Option<Language>,
}

impl SignedIn {
    /// What the rule of roles looks at.
    pub(crate) const fn asking(&self) -> Asking<'_> {
        Asking { role: self.role, extension: self.extension, door: &self.door }
    }
}

impl Refusal {
    pub(crate) fn signed_out() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "sign_in_needed", t("session-sign-in-first-or-send-an"))
    }
}

/// Lets a request to a page pass only with a session.
pub(crate) async fn require_session(State(state): State<AdminState>, mut request: Request, next: Next) -> Response {
    match by_cookie(&state, request.headers()).await {
        Ok(Some(signed_in)) => {
            request.extensions_mut().insert(signed_in.clone());
            let language = signed_in.language.unwrap_or_else(language::current);
            language::speaking(language, audit::watch(&state, &signed_in, request, next)).await
        }
        Ok(None) => to_sign_in(&request),
        Err(error) => ErrorPage::from(error).into_response(),
    }
}

/// Lets a request to the API pass only with a session or an API token.
pub(crate) async fn require_session_or_token(
    State(state): State<AdminState>,
    mut request: Request,
    next: Next,
) -> Response {
    let found = match request.headers().get(header::AUTHORIZATION).cloned() {
        Some(presented) => by_token(&state, &presented, caller_address(request.extensions())).await,
        None => by_cookie(&state, request.headers()).await,
    };
    match found {
        Ok(Some(signed_in)) => {
            request.extensions_mut().insert(signed_in.clone());
            audit::watch(&state, &signed_in, request, next).await
        }
        Ok(None) => {
            let mut response = Problem(Refusal::signed_out()).into_response();
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            response
        }
        Err(error) => Problem::from(error).into_response(),
    }
}

/// At the Unix socket everybody is the owner; [`crate::UnixDoor`] has checked who may connect.
pub(crate) async fn as_local_owner(State(state): State<AdminState>, mut request: Request, next: Next) -> Response {
    let owner = SignedIn {
        name: "owner".into(),
        session: "unix".into(),
        user: None,
        role: Role::Owner,
        extension: None,
        door: Door::Socket,
        must_enrol: false,
        language: None,
    };
    request.extensions_mut().insert(owner.clone());
    audit::watch(&state, &owner, request, next).await
}

fn to_sign_in(request: &Request) -> Response {
    let wants = request.uri().path_and_query().map_or("/", |path| path.as_str());
    if request.uri().path() == "/events" {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if *request.method() == Method::GET && wants != "/" {
        return Redirect::to(&format!("/sign-in?next={}", percent_encode(wants))).into_response();
    }
    Redirect::to("/sign-in").into_response()
}

async fn by_cookie(state: &AdminState, headers: &HeaderMap) -> Result<Option<SignedIn>, StoreError> {
    let Some(session) = cookie(headers, COOKIE).and_then(token::hash) else { return Ok(None) };
    let user = accounts::session_user(&state.store, &session, clock::now()).await?;
    Ok(user.map(|user| SignedIn {
        name: user.name,
        session,
        user: Some(user.id),
        role: user.role,
        extension: user.extension,
        door: Door::Session { confirmed_at: user.confirmed_at },
        must_enrol: user.must_enrol,
        language: user.language,
    }))
}

async fn by_token(state: &AdminState, presented: &HeaderValue, from: IpAddr) -> Result<Option<SignedIn>, StoreError> {
    let text = presented.to_str().unwrap_or("");
    let bearer = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let bearer = bearer.map(|(_, token)| token.trim()).filter(|token| token.starts_with(API_TOKEN_PREFIX));
    let Some(session) = bearer.and_then(token::hash) else { return Ok(None) };
    let found = tokens::store::use_one(&state.store, &session, from, clock::now()).await?;
    Ok(found.map(|token| SignedIn {
        name: format!("token {}", token.name),
        session,
        user: token.user,
        role: token.role,
        extension: None,
        door: Door::Token { scopes: token.scopes },
        must_enrol: false,
        language: None,
    }))
}

/// The hash of the session cookie, to end the session.
pub(crate) fn session_hash(headers: &HeaderMap) -> Option<String> {
    cookie(headers, COOKIE).and_then(token::hash)
}

/// The hash of the cookie of a known browser.
pub(crate) fn browser_hash(headers: &HeaderMap) -> Option<String> {
    cookie(headers, BROWSER_COOKIE).and_then(token::hash)
}

/// The hash that names half a sign-in.
pub(crate) fn half_hash(headers: &HeaderMap) -> Option<String> {
    cookie(headers, HALF_COOKIE).and_then(token::hash)
}

/// The cookie for half a sign-in.
pub(crate) fn half_cookie(text: &str) -> Result<HeaderValue, Refusal> {
    set(HALF_COOKIE, text, second_factor::CODE_WITHIN)
}

fn cookie<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().split_once('=').filter(|(name, _)| *name == wanted))
        .map(|(_, value)| value)
}

/// Starts a session and gives the cookies to set, the session's first.
pub(crate) async fn start(
    state: &AdminState,
    user: i64,
    caller: &Caller,
    headers: &HeaderMap,
) -> Result<Vec<HeaderValue>, Refusal> {
    started(state, user, (caller, headers), token::mint("")?).await
}

/// The same for whoever came with a passkey.
pub(crate) async fn start_by_passkey(
    state: &AdminState,
    user: i64,
    caller: &Caller,
    headers: &HeaderMap,
) -> Result<Vec<HeaderValue>, Refusal> {
    let minted = token::mint("")?;
    let hash = minted.hash.clone();
    let cookies = started(state, user, (caller, headers), minted).await?;
    accounts::began_with_passkey(&state.store, &hash).await?;
    Ok(cookies)
}

async fn started(
    state: &AdminState,
    user: i64,
    (caller, headers): (&Caller, &HeaderMap),
    minted: token::Minted,
) -> Result<Vec<HeaderValue>, Refusal> {
    let (from, now) = ((caller.address.to_string(), caller.user_agent.clone()), clock::now());
    accounts::put_session(&state.store, &minted.hash, user, (&from.0, &from.1), now).await?;
    let mut cookies = vec![set(COOKIE, &minted.text, accounts::ABSOLUTE)?];
    if cookie(headers, HALF_COOKIE).is_some() {
        cookies.push(set(HALF_COOKIE, "", Duration::ZERO)?);
    }
    let known = match (browser_hash(headers), accounts::user_by_id(&state.store, user).await?) {
        (Some(browser), Some(user)) => {
            second_factor::store::browser_known(&state.store, &accounts::key(&user.name), &browser).await?
        }
        _ => false,
    };
    if !known {
        let browser = token::mint("")?;
        second_factor::store::know_browser(&state.store, user, &browser.hash, now).await?;
        cookies.push(set(BROWSER_COOKIE, &browser.text, BROWSER_KNOWN)?);
    }
    Ok(cookies)
}

/// After a proof: the session gets another token, so that whoever copied the old one is out; the cookie to set.
pub(crate) async fn renew(state: &AdminState, session: &str) -> Result<HeaderValue, Refusal> {
    let minted = token::mint("")?;
    if accounts::renew_session(&state.store, (session, &minted.hash), clock::now()).await? {
        set(COOKIE, &minted.text, accounts::ABSOLUTE)
    } else {
        Err(Refusal::signed_out())
    }
}

fn set(name: &str, value: &str, age: Duration) -> Result<HeaderValue, Refusal> {
    let seconds = age.as_secs();
    HeaderValue::from_str(&format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}"))
        .map_err(|failure| Refusal::internal(&failure))
}

/// The cookie that removes the session's cookie.
pub(crate) fn removal() -> HeaderValue {
    HeaderValue::from_static("__Host-nightbell=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0")
}

/// The address a request comes from, without the form of IPv4 within IPv6.
pub(crate) fn caller_address(extensions: &Extensions) -> IpAddr {
    let address = extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical());
    address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

/// Where a request comes from.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) address: IpAddr,
    pub(crate) user_agent: String,
}

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for Caller {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        _: &S,
    ) -> Result<Self, std::convert::Infallible> {
        let address = caller_address(&parts.extensions);
        let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("");
        Ok(Self { address, user_agent: user_agent.chars().take(MAX_USER_AGENT).collect() })
    }
}

/// A path of ours to return to after signing in; anything else becomes the dashboard.
pub(crate) fn safe_next(next: &str) -> &str {
    let local = next.starts_with('/')
        && !next.starts_with("//")
        && next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
        && next.len() <= 512;
    if local { next } else { "/" }
}

/// Encodes a text for use as one value in a query.
pub(crate) fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'/') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_paths_are_returned_to() {
        assert_eq!(safe_next("/extensions/101?x=1"), "/extensions/101?x=1");
        for foreign in ["//evil.example", "https://evil.example", "/\\evil.example", "", "evil", "/a b", "/a\nb"] {
            assert_eq!(safe_next(foreign), "/", "{foreign:?}");
        }
    }

    #[test]
    fn the_session_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=b; __Host-nightbell=abc; c=d"));
        assert_eq!(cookie(&headers, COOKIE), Some("abc"));
        headers.clear();
        headers.append(header::COOKIE, HeaderValue::from_static("x__Host-nightbell=abc"));
        assert_eq!(cookie(&headers, COOKIE), None);
    }
}
