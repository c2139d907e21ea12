//! Every address on one screen, in three groups: open to everybody, behind a session, and at the Unix socket only.
//!
//! Closed by default: the guard stands around the whole second group and around whatever is not found. The first group is
//! the complete list of what works without signing in (provisioning's own addresses are added by the wiring).

use axum::extract::{DefaultBodyLimit, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, patch, post};
use axum::{Router, middleware};
use push_module::CredentialKind;

use crate::api::{acrobits as api_acrobits, push as api_push, settings as api_settings, system as api_system};
use crate::api::{
    blocklist, calls as api_calls, devices, enrolments, extensions as api_extensions, import as api_import,
};
use crate::error::{ErrorPage, Problem, Refusal};
use crate::headers::{self, OPEN_LIMIT, UPLOAD_LIMIT};
use crate::pages::{
    account, calls, dashboard, device, extension, extensions, health, import, pairing, push, push_apps, push_form,
    push_health, push_help, push_network,
};
use crate::pages::{security, settings, setup, sign_in, system};
use crate::state::AdminState;
use crate::{assets, events, openapi, session};

type Routes = Vec<(&'static str, MethodRouter<AdminState>)>;

/// Works without signing in. Nothing else does.
pub(crate) fn open() -> Routes {
    vec![
        ("/healthz", get(health::healthz)),
        ("/static/{name}", get(assets::serve)),
        ("/setup/{token}", get(setup::form).post(setup::submit).layer(DefaultBodyLimit::max(OPEN_LIMIT))),
        ("/sign-in", get(sign_in::form).post(sign_in::submit).layer(DefaultBodyLimit::max(OPEN_LIMIT))),
        // Asked by apps that got a push: the 128-bit id in it is the key.
        ("/api/v1/calls/{id}/ringing", get(api_calls::ringing)),
        // Reported by apps at their start: the secret of their SIP account is the key.
        ("/api/v1/acrobits/push-token", post(api_acrobits::report).layer(DefaultBodyLimit::max(OPEN_LIMIT))),
        ("/api/v1/acrobits/logged-out", post(api_acrobits::logged_out).layer(DefaultBodyLimit::max(OPEN_LIMIT))),
    ]
}

/// Pages for a signed-in admin.
pub(crate) fn pages() -> Routes {
    vec![
        ("/", get(dashboard::page)),
        ("/events", get(events::stream)),
        ("/sign-out", post(sign_in::sign_out)),
        ("/extensions", get(extensions::page).post(extensions::add)),
        ("/extensions/import", get(import::form).post(import::submit).layer(DefaultBodyLimit::max(UPLOAD_LIMIT))),
        ("/extensions/export", get(extensions::export)),
        ("/extensions/{number}", get(extension::page).post(extension::change)),
        ("/extensions/{number}/push", post(extension::switch_push)),
        ("/extensions/{number}/test-push", post(extension::test_push)),
        ("/extensions/{number}/secret", get(extension::confirm_secret).post(extension::renew_secret)),
        ("/extensions/{number}/remove", get(extension::confirm_remove).post(extension::remove)),
        ("/extensions/{number}/pair", post(pairing::issue)),
        ("/extensions/{number}/links/{id}", get(pairing::page)),
        ("/extensions/{number}/links/{id}/revoke", get(pairing::confirm_revoke).post(pairing::revoke)),
        ("/devices/{id}/push", post(device::switch_push)),
        ("/devices/{id}/test-push", get(device::tested).post(device::test_push)),
        ("/devices/{id}/test-push/shown", post(device::confirm_shown)),
        ("/devices/{id}/push-policy", post(device::choose_policy)),
        ("/devices/{id}/forget", get(device::confirm_forget).post(device::forget)),
        ("/push", get(push::page)),
        ("/push/apps", get(push_apps::page)),
        ("/push/health", get(push_health::page)),
        ("/push/network", get(push_network::page).post(push_network::start)),
        ("/push/help", get(push_help::page)),
        ("/push/apns", adding(CredentialKind::Apns)),
        ("/push/fcm", adding(CredentialKind::Fcm)),
        ("/push/webhook", adding(CredentialKind::Webhook)),
        ("/push/webpush", adding(CredentialKind::WebPush)),
        ("/push/acrobits", adding(CredentialKind::Acrobits)),
        ("/push/{id}/check", post(push::check)),
        ("/push/{id}/remove", get(push::confirm_remove).post(push::remove)),
        ("/calls", get(calls::page)),
        ("/calls/{id}", get(calls::detail)),
        ("/calls/{id}/hang-up", get(calls::confirm_hang_up).post(calls::hang_up)),
        ("/security", get(security::page)),
        ("/security/unblock", post(security::lift)),
        ("/settings", get(settings::page).post(settings::save)),
        ("/system", get(system::page)),
        ("/account", get(account::page)),
        ("/account/password", post(account::change_password)),
        ("/account/tokens", post(account::add_token)),
        ("/account/tokens/{id}/remove", get(account::confirm_remove_token).post(account::remove_token)),
    ]
}

/// The API, below `/api/v1`.
pub(crate) fn api() -> Routes {
    vec![
        ("/extensions", get(api_extensions::list).post(api_extensions::add)),
        ("/extensions/import", post(api_import::import).layer(DefaultBodyLimit::max(UPLOAD_LIMIT))),
        ("/extensions/export", get(api_extensions::export)),
        ("/extensions/{number}", get(api_extensions::get).patch(api_extensions::change).delete(api_extensions::remove)),
        ("/extensions/{number}/push", post(api_extensions::switch_push)),
        ("/extensions/{number}/test-push", post(api_extensions::test_push)),
        ("/extensions/{number}/secret", post(api_extensions::renew_secret)),
        ("/extensions/{number}/enrolments", post(enrolments::issue)),
        ("/enrolments", get(enrolments::list)),
        ("/enrolments/{id}", delete(enrolments::revoke)),
        ("/registrations", get(devices::registrations)),
        ("/devices/{id}/test-push", post(devices::test_push)),
        ("/devices/{id}", patch(devices::change).delete(devices::remove)),
        ("/push/matrix", get(api_push::matrix)),
        ("/push/network-check", get(api_push::network_check).post(api_push::start_network_check)),
        ("/push/diagnosis", get(api_push::diagnosis)),
        ("/push/credentials", get(api_push::list).post(api_push::add)),
        ("/push/credentials/{id}/check", post(api_push::check)),
        ("/push/credentials/{id}", delete(api_push::remove)),
        ("/calls", get(api_calls::list)),
        ("/calls/active", get(api_calls::active)),
        ("/calls/active/{id}", delete(api_calls::hang_up)),
        ("/calls/{id}", get(api_calls::get)),
        ("/blocklist", get(blocklist::list)),
        ("/blocklist/{address}", delete(blocklist::remove)),
        ("/settings", get(api_settings::get).put(api_settings::put)),
        ("/openapi.json", get(openapi::openapi)),
        ("/status", get(api_system::status)),
        ("/doctor", get(api_system::doctor)),
        ("/metrics", get(api_system::metrics)),
        ("/tokens", get(api_system::tokens).post(api_system::add_token)),
        ("/tokens/{id}", delete(api_system::remove_token)),
    ]
}

/// The part of the API that only the owner on the machine itself may use.
pub(crate) fn local_api() -> Routes {
    vec![("/setup-link", post(api_system::setup_link))]
}

/// Where the API begins.
pub(crate) const API: &str = "/api/v1";

fn collect(routes: Routes) -> Router<AdminState> {
    routes.into_iter().fold(Router::new(), |router, (path, methods)| router.route(path, methods))
}

/// Pages and the API for HTTPS: everything but the short open list needs a session or, for the API, an API token.
pub fn router(state: AdminState) -> Router {
    let closed = collect(pages()).layer(middleware::from_fn_with_state(state.clone(), session::require_session));
    let api = collect(api())
        .fallback(nothing_here)
        .layer(middleware::from_fn_with_state(state.clone(), session::require_session_or_token));
    let nothing = Router::new()
        .fallback(nothing_here)
        .layer(middleware::from_fn_with_state(state.clone(), session::require_session));
    let all = collect(open()).merge(closed).nest(API, api).merge(nothing);
    headers::around(all.with_state(state.clone()), &state)
}

fn adding(kind: CredentialKind) -> MethodRouter<AdminState> {
    get(async move |frame| push_form::form(kind, frame))
        .post(move |state, frame, multipart| push_form::add(kind, state, frame, multipart))
        .layer(DefaultBodyLimit::max(UPLOAD_LIMIT))
}

/// The API for the Unix socket, where whoever could connect is the owner.
pub fn local_router(state: AdminState) -> Router {
    let api = collect(api()).merge(collect(local_api())).fallback(nothing_here);
    let all = Router::new().nest(API, api).fallback(nothing_here).layer(middleware::from_fn(session::as_local_owner));
    headers::around(all.with_state(state.clone()), &state)
}

async fn nothing_here(request: Request) -> Response {
    let refusal = Refusal::not_found("no_such_route", "there is nothing at this address; it may have been removed");
    let api = request
        .extensions()
        .get::<axum::extract::OriginalUri>()
        .map_or_else(|| request.uri().path().starts_with(API), |uri| uri.path().starts_with(API));
    if api { Problem(refusal).into_response() } else { ErrorPage(refusal).into_response() }
}
