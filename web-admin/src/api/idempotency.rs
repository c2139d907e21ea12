//! `Idempotency-Key`: a creation that is sent again makes nothing twice and is answered as the first time.
//!
//! The key belongs to whoever asks (API token, or the Unix socket) in the role they have: another caller's key is another key.
//! What was made is kept sealed for 24 hours, because some answers hold a secret that is shown once. A refusal is not kept,
//! because it made nothing. While the first request is being answered the second gets 409. A crash between the creation and
//! its keeping loses the answer, not the creation: the repeated request is then refused as a duplicate.

mod store;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{OriginalUri, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use self::store::Kept;
use crate::clock;
use crate::error::{Problem, Refusal};
use crate::headers::UPLOAD_LIMIT;
use crate::role::Door;
use crate::session::SignedIn;
use crate::state::AdminState;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// On an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// A UUID has 36 characters; longer keys are a mistake.
const MAX_KEY: usize = 64;
/// What creations answer is small; only an import with many secrets comes near.
const MAX_ANSWER: usize = 2 * 1024 * 1024;

/// Requests that are being answered, by caller and key.
#[derive(Debug, Clone, Default)]
pub(crate) struct InProgress(Arc<Mutex<BTreeSet<(String, String)>>>);

struct Claim {
    all: InProgress,
    this: (String, String),
}

impl InProgress {
    fn claim(&self, this: (String, String)) -> Option<Claim> {
        let is_first = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(this.clone());
        is_first.then(|| Claim { all: self.clone(), this })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.this);
    }
}

/// Answers a repeated creation from what was kept, and keeps the answer of a first one.
pub(crate) async fn once(State(state): State<AdminState>, request: Request, next: Next) -> Response {
    let Some(presented) = request.headers().get(KEY).filter(|_| *request.method() == Method::POST).cloned() else {
        return next.run(request).await;
    };
    answer(&state, &presented, request, next).await.unwrap_or_else(|refusal| Problem(refusal).into_response())
}

async fn answer(
    state: &AdminState,
    presented: &HeaderValue,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let key = key(presented)?;
    let caller = caller(&request)?;
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, UPLOAD_LIMIT).await.map_err(|_| {
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the request is larger than anything needed here")
    })?;
    let path = parts.extensions.get::<OriginalUri>().map_or_else(|| parts.uri.to_string(), |uri| uri.to_string());
    let hash = fingerprint(&path, &body);
    let busy = || {
        let text = "the first request with this Idempotency-Key is still being answered; try again in a moment";
        Refusal::new(StatusCode::CONFLICT, "idempotency_key_in_use", text)
    };
    let _claim = state.in_progress.claim((caller.clone(), key.clone())).ok_or_else(busy)?;
    if let Some(kept) = store::find(&state.store, &caller, &key, clock::now()).await? {
        return replay(kept, &hash);
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    if !response.status().is_success() {
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, MAX_ANSWER).await.map_err(|failure| Refusal::internal(&failure))?;
    let kept = Kept { request_hash: hash, status: parts.status.as_u16(), body: body.to_vec() };
    if let Err(failure) = store::keep(&state.store, &caller, &key, &kept, clock::now()).await {
        // It is made; an error would say the opposite.
        tracing::warn!(%failure, "the answer to a creation could not be kept for its Idempotency-Key");
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

fn replay(kept: Kept, hash: &str) -> Result<Response, Refusal> {
    if kept.request_hash != hash {
        let text = "this Idempotency-Key was used with another request; choose a new key for each creation";
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", text));
    }
    let status = StatusCode::from_u16(kept.status).map_err(|failure| Refusal::internal(&failure))?;
    let mut response = (status, kept.body).into_response();
    let is_empty = axum::body::HttpBody::size_hint(response.body()).exact() == Some(0);
    let headers = response.headers_mut();
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    if is_empty {
        headers.remove(header::CONTENT_TYPE);
    } else {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    Ok(response)
}

fn key(presented: &HeaderValue) -> Result<String, Refusal> {
    let text = presented.to_str().unwrap_or("");
    let is_good = (1..=MAX_KEY).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if is_good {
        return Ok(text.to_owned());
    }
    let text = format!("give an Idempotency-Key of 1 to {MAX_KEY} letters, digits, - and _");
    Err(Refusal::new(StatusCode::BAD_REQUEST, "idempotency_key_malformed", text).field("Idempotency-Key"))
}

/// Who asks, in their role: whoever has lost it is not told what they made before.
fn caller(request: &Request) -> Result<String, Refusal> {
    let who = request.extensions().get::<SignedIn>().ok_or_else(Refusal::signed_out)?;
    match &who.door {
        Door::Token { .. } | Door::Socket => Ok(format!("{}:{}", who.role, who.session)),
        Door::Session { .. } => {
            let text = "Idempotency-Key is for programs: send an API token, or leave the header out";
            Err(Refusal::new(StatusCode::BAD_REQUEST, "idempotency_key_malformed", text).field("Idempotency-Key"))
        }
    }
}

fn fingerprint(path: &str, body: &Bytes) -> String {
    let mut sum = Sha256::new();
    sum.update(path.as_bytes());
    sum.update([0]);
    sum.update(body);
    sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
