//! The redirect service: a tiny public role that maps a short code to the public address of a PBX, so that one app, printed once
//! on a card, finds the PBX of whoever scans it.
//!
//! | request | answer |
//! |---|---|
//! | `GET /{code}` | 302 to the PBX; for `Accept: application/json` `{"pbx": "https://…"}` |
//! | `GET` or `POST /{code}/{token}` | 307 to `/p/{token}` of the PBX |
//! | `PUT /api/codes/{code}` with a PBX's key, `{"pbx": "https://…"}` | 204 |
//! | `DELETE /api/codes/{code}` with that key | 204 |
//!
//! Never an open redirect: a code leads to `https://` and a host that the operator has written into `pbxes.toml`, and only the key
//! of that host registers it. Everything else gets one and the same 404; wrong codes and keys are counted for each address and
//! slowed down. No code, token or key is ever logged, and nothing but codes and hosts is kept (`codes.json`).
//!
//! A change is in force when it is on disk, and is carried to its end also when whoever asked for it has gone: file and memory
//! never differ. Nobody without a key is read more from than the head of a request.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use pbx_core::model::UnixMillis;
use provisioning::link::LinkToken;
use provisioning::throttle::Throttle;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use tokio::sync::Mutex;
use tower_http::timeout::TimeoutLayer;

/// Codes of all PBXes together; the file stays small enough to be written whole.
const MAX_CODES: usize = 10_000;
/// Codes of one PBX: one for each site or card.
const CODES_EACH: usize = 64;
/// A registration is one short JSON object.
const BODY_LIMIT: usize = 1024;
/// A registration is one packet and one write of a small file; who takes longer holds a connection and nothing else.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// What a key begins with, so that a leaked one is recognised.
const KEY_PREFIX: &str = "nbk_";

/// What stops the service from starting.
#[derive(Debug, Error)]
pub enum RedirectError {
    /// The list of PBXes or the codes cannot be read.
    #[error("{path} cannot be read: {why}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A line of the list of PBXes.
    #[error("{path}, PBX {number}: {problem}")]
    Pbx {
        /// Which file.
        path: PathBuf,
        /// Which entry, from 1.
        number: usize,
        /// The problem and the fix.
        problem: String,
    },
}

/// One PBX that may register codes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pbx {
    /// Host and, unless it is 443, port.
    host: String,
    /// The SHA-256 of its key, in hex.
    key_sha256: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PbxList {
    #[serde(default)]
    pbx: Vec<Pbx>,
}

struct Service {
    pbxes: Vec<Pbx>,
    /// In force; readers never wait for the disk.
    codes: RwLock<Arc<BTreeMap<String, String>>>,
    /// Held from the look at the codes until the changed ones are on disk.
    changing: Mutex<()>,
    file: PathBuf,
    throttle: Throttle,
}

type Shared = Arc<Service>;

/// A new key and the hash that goes into `pbxes.toml`; `None` without random bytes.
pub fn new_key() -> Option<(String, String)> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).ok()?;
    let key = format!("{KEY_PREFIX}{}", LinkToken::from_random(bytes).reveal());
    let hash = key_hash(&key);
    Some((key, hash))
}

fn key_hash(key: &str) -> String {
    Sha256::digest(key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The service; `pbxes.toml` and `codes.json` are in `folder`.
pub fn router(folder: &FilePath) -> Result<Router, RedirectError> {
    Ok(routes(open(folder)?, ANSWER_WITHIN))
}

fn open(folder: &FilePath) -> Result<Shared, RedirectError> {
    let pbxes = read_pbxes(&folder.join("pbxes.toml"))?;
    let file = folder.join("codes.json");
    let unreadable = |why: String| RedirectError::Read { path: file.clone(), why };
    let codes = match std::fs::read_to_string(&file) {
        Ok(text) => serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?,
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
        Err(error) => return Err(unreadable(error.to_string())),
    };
    let (codes, changing) = (RwLock::new(Arc::new(codes)), Mutex::new(()));
    Ok(Arc::new(Service { pbxes, codes, changing, file, throttle: Throttle::default() }))
}

fn routes(service: Shared, within: Duration) -> Router {
    Router::new()
        .route("/api/codes/{code}", put(register).delete(remove))
        .route("/{code}", get(find))
        .route("/{code}/{token}", get(follow).post(follow))
        .fallback(async |State(service): State<Shared>, request: Request| service.nothing(from(&request)))
        .method_not_allowed_fallback(async |State(service): State<Shared>, request: Request| {
            service.nothing(from(&request))
        })
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, within))
        .layer(middleware::from_fn(private))
        .with_state(service)
}

fn read_pbxes(path: &FilePath) -> Result<Vec<Pbx>, RedirectError> {
    let unreadable = |why: String| RedirectError::Read { path: path.to_owned(), why };
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    let list: PbxList = toml::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
    for (at, pbx) in list.pbx.iter().enumerate() {
        let wrong =
            |problem: &str| RedirectError::Pbx { path: path.to_owned(), number: at + 1, problem: problem.to_owned() };
        if host_of(&format!("https://{}", pbx.host)).as_deref() != Some(pbx.host.as_str()) {
            return Err(wrong(
                "host is a name in small letters with an optional port, for example pbx.example.com:8443",
            ));
        }
        if pbx.key_sha256.len() != 64 || !pbx.key_sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(wrong("key_sha256 is 64 hex digits; make a key with `nightbell redirect key`"));
        }
    }
    Ok(list.pbx)
}

/// Host and port of a plain `https://host[:port]` address, and of nothing else: no user, path, query or fragment.
fn host_of(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://")?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (name, port) = rest.split_once(':').map_or((rest, None), |(name, port)| (name, Some(port)));
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let port_is_fine =
        port.is_none_or(|port| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|p| p > 0));
    (name.len() <= 253 && name.split('.').all(label) && port_is_fine).then(|| rest.to_owned())
}

/// A code as it is kept: 4 to 32 letters, digits and hyphens, in small letters.
fn code_of(text: &str) -> Option<String> {
    let fine = (4..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    fine.then(|| text.to_ascii_lowercase())
}

async fn private(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex, nofollow"));
    response
}

fn from(request: &Request) -> IpAddr {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip())
}

impl Service {
    /// The one answer for whatever leads nowhere.
    fn nothing(&self, from: IpAddr) -> Response {
        let now = wall_clock();
        if let Some(wait) = self.throttle.wait(from, now) {
            let after = [(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1))];
            return (StatusCode::TOO_MANY_REQUESTS, after, "Too many wrong codes came from here. Wait ten minutes.\n")
                .into_response();
        }
        self.throttle.missed(from, now);
        (StatusCode::NOT_FOUND, "There is nothing here. Check the code, or ask whoever gave it to you.\n")
            .into_response()
    }

    fn in_force(&self) -> Arc<BTreeMap<String, String>> {
        Arc::clone(&self.codes.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn pbx_of(&self, code: &str) -> Option<String> {
        let code = code_of(code)?;
        let host = self.in_force().get(&code).cloned()?;
        // A PBX that the operator took off the list is led to no more.
        self.pbxes.iter().any(|pbx| pbx.host == host).then_some(host)
    }

    /// The PBX whose key this is.
    fn owner(&self, headers: &HeaderMap) -> Option<&Pbx> {
        let presented = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let hash = key_hash(presented.strip_prefix("Bearer ")?.trim());
        // The hash of a 256-bit key tells a guesser nothing by how far a comparison got.
        self.pbxes.iter().find(|pbx| pbx.key_sha256 == hash)
    }

    /// In force once it is on disk.
    async fn keep(&self, changed: BTreeMap<String, String>) -> Response {
        match self.save(&changed).await {
            Ok(()) => {
                *self.codes.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(changed);
                StatusCode::NO_CONTENT.into_response()
            }
            Err(error) => {
                tracing::error!(%error, file = %self.file.display(), "the codes could not be saved; nothing was changed");
                refuse(StatusCode::SERVICE_UNAVAILABLE, "the codes could not be saved; nothing was changed, try again")
            }
        }
    }

    /// Leads a code to this host.
    async fn put(&self, code: String, host: String) -> Response {
        let _changing = self.changing.lock().await;
        let codes = self.in_force();
        let owner = codes.get(&code);
        if owner.is_some_and(|owner| *owner != host) {
            return refuse(StatusCode::CONFLICT, "this code is taken; choose another one");
        }
        let mine = codes.values().filter(|of| **of == host).count();
        if owner.is_none() && (mine >= CODES_EACH || codes.len() >= MAX_CODES) {
            return refuse(StatusCode::CONFLICT, "there is no room for another code; remove one that is not needed");
        }
        let mut changed = BTreeMap::clone(&codes);
        changed.insert(code, host);
        self.keep(changed).await
    }

    /// Takes a code of this host away; `None` when it has none such.
    async fn take(&self, code: &str, host: &str) -> Option<Response> {
        let _changing = self.changing.lock().await;
        let codes = self.in_force();
        if codes.get(code).is_none_or(|owner| owner != host) {
            return None;
        }
        let mut changed = BTreeMap::clone(&codes);
        changed.remove(code);
        Some(self.keep(changed).await)
    }

    async fn save(&self, codes: &BTreeMap<String, String>) -> std::io::Result<()> {
        let half = self.file.with_extension("json.new");
        tokio::fs::write(&half, serde_json::to_vec_pretty(codes)?).await?;
        tokio::fs::File::open(&half).await?.sync_all().await?;
        tokio::fs::rename(&half, &self.file).await
    }
}

async fn find(State(service): State<Shared>, code: Result<Path<String>, PathRejection>, request: Request) -> Response {
    // What is no text is no code either, and gets the answer of every wrong code.
    let code = code.map_or_else(|_| String::new(), |Path(code)| code);
    let Some(host) = service.pbx_of(&code) else { return service.nothing(from(&request)) };
    let wishes = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
    if wishes.contains("application/json") && !wishes.contains("text/html") {
        return Json(serde_json::json!({ "pbx": format!("https://{host}") })).into_response();
    }
    lead_to(StatusCode::FOUND, &format!("https://{host}/"))
}

async fn follow(
    State(service): State<Shared>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Response {
    let (code, token) = path.map_or_else(|_| Default::default(), |Path(parts)| parts);
    let host = service.pbx_of(&code);
    let (Some(host), Ok(token)) = (host, token.parse::<LinkToken>()) else { return service.nothing(from(&request)) };
    lead_to(StatusCode::TEMPORARY_REDIRECT, &format!("https://{host}/p/{}", token.reveal()))
}

fn lead_to(status: StatusCode, url: &str) -> Response {
    match HeaderValue::from_str(url) {
        Ok(location) => (status, [(header::LOCATION, location)]).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Registration {
    pbx: String,
}

async fn register(
    State(service): State<Shared>,
    code: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    // The key first: a stranger's body is not read.
    let Some(pbx) = service.owner(request.headers()).cloned() else { return service.nothing(from(&request)) };
    let Ok(body) = to_bytes(request.into_body(), BODY_LIMIT).await else {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "a registration is one short JSON object");
    };
    let asked: Option<Registration> = serde_json::from_slice(&body).ok();
    let host = asked.and_then(|asked| host_of(&asked.pbx));
    if host.as_deref() != Some(pbx.host.as_str()) {
        return refuse(
            StatusCode::UNPROCESSABLE_ENTITY,
            &format!("this key registers https://{} and nothing else", pbx.host),
        );
    }
    let Some(code) = code.ok().and_then(|Path(code)| code_of(&code)) else {
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, "a code is 4 to 32 letters, digits and hyphens");
    };
    to_its_end(async move { service.put(code, pbx.host).await }).await.unwrap_or_else(broken)
}

async fn remove(
    State(service): State<Shared>,
    code: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let from = from(&request);
    let code = code.ok().and_then(|Path(code)| code_of(&code));
    let (Some(pbx), Some(code)) = (service.owner(request.headers()).cloned(), code) else {
        return service.nothing(from);
    };
    let changing = Arc::clone(&service);
    match to_its_end(async move { changing.take(&code, &pbx.host).await }).await {
        Some(Some(answer)) => answer,
        Some(None) => service.nothing(from),
        None => broken(),
    }
}

/// Carries a change to its end, also when the client goes away or its time is over: between the file and the memory there is
/// no place to stop. `None` when it broke.
async fn to_its_end<T: Send + 'static>(change: impl Future<Output = T> + Send + 'static) -> Option<T> {
    tokio::spawn(change).await.ok()
}

fn broken() -> Response {
    refuse(StatusCode::INTERNAL_SERVER_ERROR, "something failed inside the service; look at the code and try again")
}

fn refuse(status: StatusCode, text: &str) -> Response {
    (status, format!("{text}\n")).into_response()
}

#[expect(clippy::disallowed_methods, reason = "the service is an edge: nobody hands it the time")]
fn wall_clock() -> UnixMillis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
