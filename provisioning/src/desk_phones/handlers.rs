//! What phones fetch.
//!
//! | request | answer |
//! |---|---|
//! | `GET /{secret}/{file}` with a good secret | the file, if this phone's family keeps one under that name; else 404 |
//! | `GET /{file}` | to a phone that showed its factory certificate, or while the admin holds the pairing window of exactly this phone open |
//! | `HEAD` of both | 200 or 404; nothing is minted, and nothing closes |
//! | anything else | the same 404; 405 for uploads |
//!
//! The secret is looked up before the throttle is asked: wrong secrets slow down whoever sends them and never a phone with a
//! right one, whatever else comes from behind the same address.

use std::net::{IpAddr, SocketAddr};

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{ConnectInfo, OriginalUri, Path, Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH, REFERRER_POLICY,
    RETRY_AFTER, USER_AGENT, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use pbx_core::model::Redacted;
use sha2::{Digest as _, Sha256};

use super::factory::Shown;
use super::password::Knock;
use super::turned_away::Why;
use super::visit::{Visit, Way};
use super::{DeskPhones, DeskPhonesError, Mac};
use crate::desk_phone::{Asked, ConfigFile, TRUST_FILE, asked, manifest};
use crate::throttle::UNKNOWN;

pub(super) fn routes(phones: DeskPhones) -> Router {
    Router::new()
        .route("/{file}", get(plain))
        .route("/{secret}/", get(folder))
        .route("/{secret}/{file}", get(file))
        .fallback(async || nothing())
        .method_not_allowed_fallback(async || StatusCode::METHOD_NOT_ALLOWED)
        .layer(middleware::from_fn(private))
        .with_state(phones)
}

async fn private(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // A phone that is done makes room for the next one of its building at once.
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The one answer for everything that opens nothing.
fn nothing() -> Response {
    StatusCode::NOT_FOUND.into_response()
}

async fn plain(
    State(phones): State<DeskPhones>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let name = path.map_or_else(|_| String::new(), |Path(name)| name);
    let who = Who::of(&request);
    drop(request);
    let visit = who.visit(&name);
    let found = match &who.shown {
        // The window is for every phone; what it says of this one is told only if no certificate was shown.
        Some(shown) => phones.by_factory(shown).or_else(|why| phones.by_window(&visit).map_err(|_| why)),
        None => phones.by_window(&visit),
    };
    answer(&phones, found, &visit, &who).await
}

async fn folder(
    State(phones): State<DeskPhones>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let secret = path.map_or_else(|_| String::new(), |Path(secret)| secret);
    let who = Who::of(&request);
    drop(request);
    let visit = who.visit("");
    let found = phones.by_token(&secret);
    answer(&phones, found, &visit, &who).await
}

async fn file(
    State(phones): State<DeskPhones>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Response {
    let (secret, name) = path.map_or_else(|_| Default::default(), |Path(both)| both);
    let who = Who::of(&request);
    drop(request);
    let visit = who.visit(&name);
    let found = phones.by_token(&secret);
    answer(&phones, found, &visit, &who).await
}

/// What a request says of its sender; a request itself cannot be held while something is waited for.
struct Who {
    from: IpAddr,
    agent: String,
    looks_only: bool,
    method: String,
    target: String,
    authorization: Vec<String>,
    known: Option<HeaderValue>,
    /// What its connection showed, where factory certificates are asked for.
    shown: Option<Shown>,
}

impl Who {
    fn of(request: &Request) -> Self {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let headers = request.headers();
        Self {
            from: peer.map_or(UNKNOWN, |ConnectInfo(peer)| peer.ip()),
            agent: headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or("").to_owned(),
            looks_only: *request.method() == Method::HEAD,
            method: request.method().to_string(),
            target: whole_target(request),
            authorization: headers
                .get_all(AUTHORIZATION)
                .iter()
                .filter_map(|value| value.to_str().ok().map(str::to_owned))
                .collect(),
            known: headers.get(IF_NONE_MATCH).cloned(),
            shown: request.extensions().get::<Shown>().cloned(),
        }
    }

    fn visit<'a>(&'a self, file: &'a str) -> Visit<'a> {
        Visit { from: self.from, agent: &self.agent, file }
    }
}

/// The path as the phone asked for it, which is what it hashes; nesting has taken its beginning away.
fn whole_target(request: &Request) -> String {
    let whole = request.extensions().get::<OriginalUri>().map_or_else(|| request.uri(), |OriginalUri(uri)| uri);
    whole.path_and_query().map_or_else(String::new, ToString::to_string)
}

/// The phone has to prove itself besides the secret in the path.
fn challenged(challenges: &[String]) -> Response {
    let mut response = StatusCode::UNAUTHORIZED.into_response();
    for challenge in challenges {
        if let Ok(value) = HeaderValue::from_str(challenge) {
            response.headers_mut().append(WWW_AUTHENTICATE, value);
        }
    }
    response
}

/// A phone of ours with its way to us, or what kept it away.
type Found = Result<(Mac, Way), (Option<Mac>, Why)>;

async fn answer(phones: &DeskPhones, found: Found, visit: &Visit<'_>, who: &Who) -> Response {
    let (mac, way) = match found {
        Ok(found) => found,
        Err((mac, why)) => return missed(phones, visit, mac, why),
    };
    if !phones.agrees(mac, visit) {
        phones.note(mac, visit, "nothing: what asked was another phone than this address is for");
        return nothing();
    }
    let knock = Knock { method: &who.method, target: &who.target, authorization: &who.authorization, from: visit.from };
    if let Err(challenges) = phones.admit(mac, way, &knock) {
        return challenged(&challenges);
    }
    let Some(phone) = phones.phone(mac) else { return nothing() };
    let meant = asked(&phone, visit.file);
    if who.looks_only {
        return if meant == Asked::Nothing { nothing() } else { StatusCode::OK.into_response() };
    }
    let (file, told) = match meant {
        // Phones probe five to ten names; the last real fetch is more telling than these.
        Asked::Nothing => return nothing(),
        Asked::Manifest => (Ok(manifest(&phone)), "which file to fetch"),
        Asked::Trust => (Ok(trust(phones)), "our certificate"),
        Asked::Settings => {
            let told = match way {
                Way::Factory => "its configuration, by its factory certificate, with its own address",
                Way::Window => "its configuration, in the pairing window, with its own address",
                Way::By(super::Kind::First, _) => "its configuration with its own address",
                Way::By(super::Kind::Next, _) => "its configuration; it has moved to its own address",
                Way::By(super::Kind::Current, _) => "its configuration",
            };
            (phones.deliver(mac, way).await, told)
        }
    };
    match file {
        Ok(Some(file)) => {
            if meant == Asked::Settings {
                phones.note_settings(mac, file.text.reveal());
            }
            phones.note(mac, visit, told);
            phones.served(mac);
            written(&file, who)
        }
        Ok(None) => nothing(),
        Err(why) => unavailable(mac, &why),
    }
}

fn missed(phones: &DeskPhones, visit: &Visit<'_>, mac: Option<Mac>, why: Why) -> Response {
    let now = phones.now();
    if let Some(wait) = phones.inner.throttle.wait(visit.from, now) {
        let seconds = (wait.as_secs() + 1).to_string();
        return (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, seconds)]).into_response();
    }
    phones.inner.throttle.missed(visit.from, now);
    phones.turn_away(visit, mac, why);
    nothing()
}

fn trust(phones: &DeskPhones) -> Option<ConfigFile> {
    let pem = (phones.inner.own_certificate)()?;
    Some(ConfigFile { name: TRUST_FILE.into(), content_type: "application/x-pem-file", text: Redacted::new(pem) })
}

fn written(file: &ConfigFile, who: &Who) -> Response {
    let digest = Sha256::digest(file.text.reveal().as_bytes());
    let tag: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{tag}\"");
    if who.known.as_ref().is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response();
    }
    let headers = [(CONTENT_TYPE, file.content_type.to_owned()), (ETAG, tag)];
    (headers, file.text.reveal().clone()).into_response()
}

/// The phone is known, but could not be told its configuration now; it tries again by itself.
fn unavailable(mac: Mac, why: &DeskPhonesError) -> Response {
    tracing::warn!(%mac, code = why.code(), error = %why, "a desk phone could not be told its configuration");
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "30")]).into_response()
}
