//! Every address on one screen, in three groups: open to everybody, behind a session, and at the Unix socket only.
//!
//! Closed by default: the guard stands around the whole second group and around whatever is not found. The first group is
//! the complete list of what works without signing in (provisioning's own addresses are added by the wiring). Each method
//! states what it asks of the caller (`role.rs`).

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};

use crate::api::{
    account as api_account, acrobits as api_acrobits, audit as api_audit, me as api_me, push as api_push,
    push_tokens as api_push_tokens, settings as api_settings, setup as api_setup, system as api_system,
    tokens as api_tokens, users as api_users,
};
use crate::api::{
    blocklist, calls as api_calls, devices, enrolments, extensions as api_extensions, import as api_import,
};
use crate::api::{events as api_events, idempotency, test_call, trouble as api_trouble};
use crate::error::{ErrorPage, Problem, Refusal};
use crate::headers::{self, OPEN_LIMIT, UPLOAD_LIMIT};
use crate::pages::push_form::Adding;
use crate::pages::{
    account, audit, calls, confirm_self, dashboard, device, extension, extensions, health, import, invitation, me,
    pairing, push, push_apps, push_form, push_health, push_help, push_network, push_tokens,
};
use crate::pages::{api as api_page, trouble};
use crate::pages::{second_factor, security, sessions, settings, setup, sign_in, system, tokens, users};
use crate::role::Need::{Change, Nothing, Own, OwnExtension, OwnFresh, Owner, Secret, See, Socket};
use crate::role::Scope::{Calls, Devices, Extensions, Metrics, Push, Security, Settings, System, Users};
use crate::route::Route;
use crate::state::AdminState;
use crate::t;
use crate::{assets, events, openapi, session};

mod desk_phones;
mod enrolling;
mod first_run;
mod operations;
mod outbound;
mod passkeys;

type Routes = Vec<Route>;

/// Works without signing in. Nothing else does.
pub(crate) fn open() -> Routes {
    vec![
        Route::at("/healthz").get(Nothing, health::healthz),
        Route::at("/readyz").get(Nothing, health::readyz),
        Route::at("/static/{name}").get(Nothing, assets::serve),
        Route::at("/setup/{token}").get(Nothing, setup::form).post(Nothing, setup::submit).limit(OPEN_LIMIT),
        Route::at("/sign-in").get(Nothing, sign_in::form).post(Nothing, sign_in::submit).limit(OPEN_LIMIT),
        Route::at("/sign-in/code").post(Nothing, sign_in::submit_code).limit(OPEN_LIMIT),
        Route::at("/invite/{token}").get(Nothing, invitation::form).post(Nothing, invitation::submit).limit(OPEN_LIMIT),
        // Asked by apps that got a push: the 128-bit id in it is the key.
        Route::at("/api/v1/calls/{id}/ringing").get(Nothing, api_calls::ringing),
        // Reported by apps at their start: the secret of their SIP account is the key.
        Route::at("/api/v1/acrobits/push-token").post(Nothing, api_acrobits::report).limit(OPEN_LIMIT),
        Route::at("/api/v1/acrobits/logged-out").post(Nothing, api_acrobits::logged_out).limit(OPEN_LIMIT),
    ]
    .into_iter()
    .chain(enrolling::open())
    .chain(operations::open())
    .chain(passkeys::open())
    .collect()
}

/// Pages for people who are signed in.
pub(crate) fn pages() -> Routes {
    let mut all = telephony();
    all.extend(push_pages());
    all.extend(people());
    all.extend(operations::pages());
    all
}

/// Pages about push.
fn push_pages() -> Routes {
    vec![
        Route::at("/push").get(See(Push), push::page),
        Route::at("/push/apps").get(See(Push), push_apps::page),
        Route::at("/push/tokens").get(See(Push), push_tokens::page).post(Change(Devices), push_tokens::act),
        Route::at("/push/health").get(See(Push), push_health::page),
        Route::at("/push/network").get(See(System), push_network::page).post(Change(System), push_network::start),
        Route::at("/push/help").get(See(Push), push_help::page),
        adding("/push/apns", Adding::ApnsKey),
        adding("/push/apns-certificate", Adding::ApnsCertificate),
        adding("/push/fcm", Adding::Fcm),
        adding("/push/hms", Adding::Hms),
        adding("/push/webhook", Adding::Webhook),
        adding("/push/webpush", Adding::WebPush),
        adding("/push/acrobits", Adding::Acrobits),
        Route::at("/push/{id}/check").post(Change(Push), push::check),
        Route::at("/push/{id}/remove").get(Secret(Push), push::confirm_remove).post(Secret(Push), push::remove),
    ]
}

/// Pages about telephones.
fn telephony() -> Routes {
    vec![
        Route::at("/").get(See(System), dashboard::page),
        Route::at("/extensions").get(See(Extensions), extensions::page).post(Change(Extensions), extensions::add),
        Route::at("/extensions/import")
            .get(Change(Extensions), import::form)
            .post(Change(Extensions), import::submit)
            .limit(UPLOAD_LIMIT),
        Route::at("/extensions/export").get(See(Extensions), extensions::export),
        Route::at("/extensions/{number}")
            .get(See(Extensions), extension::page)
            .post(Change(Extensions), extension::change),
        Route::at("/extensions/{number}/push").post(Change(Extensions), extension::switch_push),
        Route::at("/extensions/{number}/test-push").post(Change(Extensions), extension::test_push),
        Route::at("/extensions/{number}/test-call").post(Change(Extensions), extension::test_call),
        Route::at("/extensions/{number}/secret")
            .get(Secret(Extensions), extension::confirm_secret)
            .post(Secret(Extensions), extension::renew_secret),
        Route::at("/extensions/{number}/remove")
            .get(Change(Extensions), extension::confirm_remove)
            .post(Change(Extensions), extension::remove),
        Route::at("/extensions/{number}/pair").post(Change(Extensions), pairing::issue),
        Route::at("/extensions/{number}/links/{id}").get(See(Extensions), pairing::page),
        Route::at("/extensions/{number}/links/{id}/revoke")
            .get(Change(Extensions), pairing::confirm_revoke)
            .post(Change(Extensions), pairing::revoke),
        Route::at("/devices/{id}/push").post(Change(Devices), device::switch_push),
        Route::at("/devices/{id}/test-push").get(See(Devices), device::tested).post(Change(Devices), device::test_push),
        Route::at("/devices/{id}/test-push/shown").post(Change(Devices), device::confirm_shown),
        Route::at("/devices/{id}/push-policy").post(Change(Devices), device::choose_policy),
        Route::at("/devices/{id}/forget")
            .get(Change(Devices), device::confirm_forget)
            .post(Change(Devices), device::forget),
        Route::at("/calls").get(See(Calls), calls::page),
        Route::at("/calls/{id}").get(See(Calls), calls::detail),
        Route::at("/calls/{id}/hang-up").get(Change(Calls), calls::confirm_hang_up).post(Change(Calls), calls::hang_up),
        Route::at("/security").get(See(Security), security::page),
        Route::at("/security/unblock").post(Change(Security), security::lift),
        Route::at("/settings").get(See(Settings), settings::page).post(Change(Settings), settings::save),
        Route::at("/system").get(See(System), system::page),
        Route::at("/system/trouble").get(See(System), trouble::page),
        Route::at("/system/api").get(See(System), api_page::page),
    ]
}

/// Pages about people: one's own, and everybody's.
fn people() -> Routes {
    vec![
        Route::at("/events").get(Own, events::stream),
        Route::at("/sign-out").post(Own, sign_in::sign_out),
        Route::at("/me").get(OwnExtension, me::page),
        Route::at("/me/pair").post(OwnExtension, me::issue),
        Route::at("/me/links/{id}").get(OwnExtension, me::link),
        Route::at("/me/links/{id}/revoke").get(OwnExtension, me::confirm_revoke).post(OwnExtension, me::revoke),
        Route::at("/me/devices/{id}/test-push").post(OwnExtension, me::test_push),
        Route::at("/users").get(See(Users), users::page),
        Route::at("/users/add").get(Owner(Users), users::add_form).post(Owner(Users), users::add),
        Route::at("/users/{id}").get(See(Users), users::detail).post(Owner(Users), users::change),
        Route::at("/users/{id}/disable").post(Owner(Users), users::disable),
        Route::at("/users/{id}/invite").post(Owner(Users), users::invite),
        Route::at("/users/{id}/remove").get(Owner(Users), users::confirm_remove).post(Owner(Users), users::remove),
        Route::at("/tokens").get(See(Users), tokens::page),
        Route::at("/tokens/add").get(Secret(Users), tokens::add_form).post(Secret(Users), tokens::add),
        Route::at("/tokens/{id}/remove").get(Secret(Users), tokens::confirm_remove).post(Secret(Users), tokens::remove),
        Route::at("/audit").get(See(Users), audit::page),
        Route::at("/audit/export").get(See(Users), api_audit::export),
        Route::at("/users/second-factor").post(Owner(Users), users::save_policy),
        Route::at("/users/{id}/second-factor").post(Owner(Users), users::reset_factor),
        Route::at("/account/second-factor").get(Own, second_factor::page),
        Route::at("/account/second-factor/begin").post(OwnFresh, second_factor::begin),
        Route::at("/account/second-factor/confirm").post(Own, second_factor::finish),
        Route::at("/account/second-factor/codes").post(OwnFresh, second_factor::renew),
        Route::at("/account/second-factor/off")
            .get(OwnFresh, second_factor::confirm_remove)
            .post(OwnFresh, second_factor::remove),
        Route::at("/account/sessions").get(Own, sessions::page),
        Route::at("/account/sessions/end-others").post(Own, sessions::end_others),
        Route::at("/account/sessions/{id}/end").post(Own, sessions::end),
        Route::at("/account").get(Own, account::page),
        Route::at("/account/confirm").get(Own, confirm_self::form).post(Own, confirm_self::submit),
        Route::at("/account/password").post(Own, account::change_password),
        Route::at("/account/language").post(Own, account::set_language),
    ]
    .into_iter()
    .chain(enrolling::pages())
    .chain(passkeys::pages())
    .chain(outbound::pages())
    .chain(desk_phones::pages())
    .chain(first_run::pages())
    .collect()
}

/// The API, below `/api/v1`.
pub(crate) fn api() -> Routes {
    vec![
        Route::at("/extensions")
            .get(See(Extensions), api_extensions::list)
            .post(Change(Extensions), api_extensions::add),
        Route::at("/extensions/import").post(Change(Extensions), api_import::import).limit(UPLOAD_LIMIT),
        Route::at("/extensions/export").get(See(Extensions), api_extensions::export),
        Route::at("/extensions/{number}")
            .get(See(Extensions), api_extensions::get)
            .patch(Change(Extensions), api_extensions::change)
            .delete(Change(Extensions), api_extensions::remove),
        Route::at("/extensions/{number}/push").post(Change(Extensions), api_extensions::switch_push),
        Route::at("/extensions/{number}/test-push").post(Change(Extensions), api_extensions::test_push),
        Route::at("/extensions/{number}/test-call").post(Change(Extensions), test_call::place),
        Route::at("/extensions/{number}/secret").post(Secret(Extensions), api_extensions::renew_secret),
        Route::at("/extensions/{number}/enrolments").post(Change(Extensions), enrolments::issue),
        Route::at("/enrolments").get(See(Extensions), enrolments::list),
        Route::at("/enrolments/{id}").delete(Change(Extensions), enrolments::revoke),
        Route::at("/registrations").get(See(Devices), devices::registrations),
        Route::at("/devices/{id}/test-push").post(Change(Devices), devices::test_push),
        Route::at("/devices/{id}").patch(Change(Devices), devices::change).delete(Change(Devices), devices::remove),
        Route::at("/push/matrix").get(See(Push), api_push::matrix),
        Route::at("/push/tokens").get(See(Push), api_push_tokens::list).post(Change(Devices), api_push_tokens::act),
        Route::at("/push/network-check")
            .get(See(System), api_push::network_check)
            .post(Change(System), api_push::start_network_check),
        Route::at("/push/diagnosis").get(See(Push), api_push::diagnosis),
        Route::at("/push/credentials").get(See(Push), api_push::list).post(Secret(Push), api_push::add),
        Route::at("/push/credentials/{id}/check").post(Change(Push), api_push::check),
        Route::at("/push/credentials/{id}").delete(Secret(Push), api_push::remove),
        Route::at("/calls").get(See(Calls), api_calls::list),
        Route::at("/calls/active").get(See(Calls), api_calls::active),
        Route::at("/calls/active/{id}").delete(Change(Calls), api_calls::hang_up),
        Route::at("/calls/{id}").get(See(Calls), api_calls::get),
        Route::at("/blocklist").get(See(Security), blocklist::list),
        Route::at("/blocklist/{address}").delete(Change(Security), blocklist::remove),
        Route::at("/settings").get(See(Settings), api_settings::get).put(Change(Settings), api_settings::put),
        Route::at("/diagnosis").get(See(System), api_trouble::diagnosis),
        Route::at("/openapi.json").get(See(System), openapi::openapi),
        Route::at("/events").get(See(System), api_events::stream),
        Route::at("/status").get(See(System), api_system::status),
        Route::at("/doctor").get(See(System), api_system::doctor),
        Route::at("/metrics").get(See(Metrics), api_system::metrics),
        Route::at("/me").get(OwnExtension, api_me::get),
        Route::at("/me/calls").get(OwnExtension, api_me::calls),
        Route::at("/me/calls/{id}").get(OwnExtension, api_me::call),
        Route::at("/me/enrolments").get(OwnExtension, api_me::enrolments).post(OwnExtension, api_me::issue),
        Route::at("/me/enrolments/{id}").delete(OwnExtension, api_me::revoke),
        Route::at("/me/devices/{id}/test-push").post(OwnExtension, api_me::test_push),
    ]
    .into_iter()
    .chain(people_api())
    .chain(enrolling::api())
    .chain(passkeys::api())
    .chain(outbound::api())
    .chain(desk_phones::api())
    .chain(operations::api())
    .collect()
}

/// The part of the API about people.
fn people_api() -> Routes {
    vec![
        Route::at("/users").get(See(Users), api_users::list).post(Owner(Users), api_users::add),
        Route::at("/users/{id}")
            .get(See(Users), api_users::get)
            .patch(Owner(Users), api_users::change)
            .delete(Owner(Users), api_users::remove),
        Route::at("/users/{id}/invitation").post(Owner(Users), api_users::invite),
        Route::at("/users/{id}/second-factor").delete(Owner(Users), api_users::reset_factor),
        Route::at("/second-factor").get(See(Users), api_users::policy).put(Owner(Users), api_users::put_policy),
        Route::at("/account/sessions").get(Own, api_account::sessions),
        Route::at("/account/sessions/{id}").delete(Own, api_account::end_session),
        Route::at("/tokens").get(See(Users), api_tokens::list).post(Secret(Users), api_tokens::add),
        Route::at("/tokens/{id}").delete(Secret(Users), api_tokens::remove),
        Route::at("/audit").get(See(Users), api_audit::list),
        Route::at("/audit/verify").get(See(Users), api_audit::verify),
        Route::at("/audit/export").get(See(Users), api_audit::export),
    ]
}

/// The part of the API that only the owner on the machine itself may use.
pub(crate) fn local_api() -> Routes {
    vec![
        Route::at("/setup-link").post(Socket, api_system::setup_link),
        Route::at("/setup").post(Socket, api_setup::carry_out).limit(UPLOAD_LIMIT),
    ]
}

/// Where the API begins.
pub(crate) const API: &str = "/api/v1";

fn collect(routes: Routes) -> Router<AdminState> {
    routes.into_iter().fold(Router::new(), |router, route| router.route(route.path, route.into_methods()))
}

/// Pages and the API for HTTPS: everything but the short open list needs a session or, for the API, an API token.
pub fn router(state: AdminState) -> Router {
    let closed = collect(pages()).layer(middleware::from_fn_with_state(state.clone(), session::require_session));
    let api = collect(api())
        .layer(middleware::from_fn_with_state(state.clone(), idempotency::once))
        .fallback(nothing_here)
        .layer(middleware::from_fn_with_state(state.clone(), session::require_session_or_token));
    let nothing = Router::new()
        .fallback(nothing_here)
        .layer(middleware::from_fn_with_state(state.clone(), session::require_session));
    let all = collect(open()).merge(closed).nest(API, api).merge(nothing);
    headers::around(all.with_state(state.clone()), &state)
}

fn adding(path: &'static str, kind: Adding) -> Route {
    Route::at(path)
        .get(Secret(Push), async move |frame| push_form::form(kind, frame))
        .post(Secret(Push), move |state, frame, multipart| push_form::add(kind, state, frame, multipart))
        .limit(UPLOAD_LIMIT)
}

/// The API for the Unix socket, where whoever could connect is the owner.
pub fn local_router(state: AdminState) -> Router {
    let api = collect(api())
        .merge(collect(local_api()))
        .layer(middleware::from_fn_with_state(state.clone(), idempotency::once))
        .fallback(nothing_here);
    let all = Router::new()
        .nest(API, api)
        .fallback(nothing_here)
        .layer(middleware::from_fn_with_state(state.clone(), session::as_local_owner));
    headers::around(all.with_state(state.clone()), &state)
}

async fn nothing_here(request: Request) -> Response {
    let refusal = Refusal::not_found("no_such_route", t("routes-there-is-nothing-at-this-address"));
    let api = request
        .extensions()
        .get::<axum::extract::OriginalUri>()
        .map_or_else(|| request.uri().path().starts_with(API), |uri| uri.path().starts_with(API));
    if api { Problem(refusal).into_response() } else { ErrorPage(refusal).into_response() }
}
