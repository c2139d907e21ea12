//! Headers that every answer carries, and the limits around every request.

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tower_http::csrf::CsrfLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::timeout::TimeoutLayer;

use crate::error::{ErrorPage, Problem, Refusal};
use crate::language;
use crate::state::AdminState;
use crate::t;
use crate::welcome::{self, GoesOn};

/// Forms and JSON are small; uploads state their own limit.
pub(crate) const BODY_LIMIT: usize = 256 * 1024;
/// Whoever has not signed in sends a name and a password, and holds no more memory than that.
pub(crate) const OPEN_LIMIT: usize = 8 * 1024;
/// An import of 5000 lines and a key file fit easily.
pub(crate) const UPLOAD_LIMIT: usize = 2 * 1024 * 1024;
/// A live check of a push credential may take two attempts of ten seconds; nothing else comes near.
const ANSWER_WITHIN: Duration = Duration::from_secs(45);
/// Only our own files; no inline script or style, no frames, forms only to us.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; \
                      base-uri 'none'; frame-ancestors 'none'; form-action 'self'";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Puts the limits, the cross-site guard and the headers around a router.
pub(crate) fn around(router: Router, state: &AdminState) -> Router {
    router
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(CsrfLayer::new())
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, ANSWER_WITHIN))
        .layer(middleware::from_fn(explain_bare_answers))
        .layer(middleware::from_fn_with_state(state.clone(), add))
        .layer(middleware::from_fn_with_state(state.clone(), at_company))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
}

async fn at_company(State(state): State<AdminState>, mut request: Request, next: Next) -> Response {
    let goes_on = welcome::kept(&state).await.is_ok_and(|kept| !kept.closed);
    request.extensions_mut().insert(GoesOn(goes_on));
    let place = state.place.in_force(&state.store).await;
    let language = language::of_request(request.uri(), request.headers(), place.language);
    language::speaking(language, crate::clock::in_zone(place.zone, next.run(request))).await
}

/// Refusals of the layers and extractors (cross-site, time, method, body size) are bare; the API promises problem+json for every error.
async fn explain_bare_answers(request: Request, next: Next) -> Response {
    let api = request.uri().path().starts_with("/api/");
    // Monitors read the bare words.
    let is_probe = matches!(request.uri().path(), "/healthz" | "/readyz");
    let response = next.run(request).await;
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || is_probe {
        return response;
    }
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    if kind.starts_with("application/problem+json") || kind.starts_with("text/html") {
        return response;
    }
    let (code, detail) = bare(status);
    let refusal = Refusal::new(status, code, detail);
    let mut explained = if api { Problem(refusal).into_response() } else { ErrorPage(refusal).into_response() };
    if let Some(allow) = response.headers().get(header::ALLOW) {
        explained.headers_mut().insert(header::ALLOW, allow.clone());
    }
    explained
}

fn bare(status: StatusCode) -> (&'static str, &'static str) {
    match status {
        StatusCode::METHOD_NOT_ALLOWED => ("method_not_allowed", t("headers-this-address-exists-but-not-for")),
        StatusCode::PAYLOAD_TOO_LARGE => ("too_large", t("headers-what-was-sent-is-larger-than")),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ("not_json", t("headers-the-request-needs-the-header-content")),
        StatusCode::FORBIDDEN => ("cross_site", t("headers-this-request-came-from-another-web")),
        StatusCode::GATEWAY_TIMEOUT => ("timeout", t("headers-this-took-too-long-and-was")),
        StatusCode::UNAUTHORIZED => ("sign_in_needed", t("headers-sign-in-first")),
        StatusCode::NOT_FOUND => ("no_such_route", t("headers-there-is-nothing-at-this-address")),
        StatusCode::TOO_MANY_REQUESTS => ("busy", t("headers-too-many-at-once-close-another")),
        _ if status.is_client_error() => ("malformed", t("headers-the-request-cannot-be-understood-look")),
        _ => ("internal", t("headers-something-failed-inside-nightbell-the-log")),
    }
}

async fn add(State(state): State<AdminState>, request: Request, next: Next) -> Response {
    let is_static = request.uri().path().starts_with("/static/");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut put = |name: HeaderName, value: &'static str| headers.insert(name, HeaderValue::from_static(value));
    put(header::CONTENT_SECURITY_POLICY, POLICY);
    put(header::X_FRAME_OPTIONS, "DENY");
    put(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    put(header::REFERRER_POLICY, "no-referrer");
    put(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    put(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    put(HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()");
    if !state.site.certificate.info().self_made {
        put(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    if !is_static {
        put(header::CACHE_CONTROL, "no-store");
    }
    response
}
