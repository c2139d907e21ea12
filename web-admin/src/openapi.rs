//! `/api/v1/openapi.json`: the API as the handlers' own types say it, with what every operation has in common added here.
//!
//! A handler carries `#[utoipa::path]` with what it alone does: parameters, body, answers, and the refusals it has beyond the
//! usual ones. [`Usual`] adds the refusals of the layers around it, so that no operation can forget one, and gives every
//! refusal the shape of RFC 9457 with the codes of `error/code.rs`. A test walks the router and compares.

mod tagged;

use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, ObjectBuilder, Ref, RefOr, Required, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use crate::api;
use crate::error::ProblemBody;
use crate::error::code;
use crate::event_webhooks::{described, event};

#[derive(OpenApi)]
#[openapi(
    info(title = "Nightbell", description = "A small-business PBX with push built in. The same routes are served over HTTPS (with a \
        session or an API token) and at the Unix socket `admin.sock`, where whoever can open it is the owner. Instants are Unix \
        milliseconds; fields that do not exist are refused; saved means live."),
    servers((url = "/api/v1")),
    components(schemas(
        ProblemBody<'_>, crate::event_log::LoggedEvent, event::CallData, event::CallerData, event::DeviceData, event::AlarmData,
        event::TestData,
    )),
    modifiers(&Usual),
    paths(
        openapi,
        api::extensions::list, api::extensions::add, api::extensions::get, api::extensions::change,
        api::extensions::remove, api::extensions::switch_push, api::extensions::test_push,
        api::test_call::place,
        api::extensions::renew_secret, api::extensions::export, api::import::import,
        api::enrolments::list, api::enrolments::issue, api::enrolments::revoke,
        api::devices::registrations, api::devices::change, api::devices::test_push, api::devices::remove,
        api::push::list, api::push::matrix, api::push::network_check, api::push::start_network_check,
        api::push::diagnosis, api::push_tokens::list, api::push_tokens::act, api::push::add, api::push::check, api::push::remove,
        api::calls::list, api::calls::get, api::calls::ringing, api::calls::active, api::calls::hang_up,
        api::blocklist::list, api::blocklist::remove,
        api::desk_phones::list, api::desk_phones::add, api::desk_phones::get, api::desk_phones::edit,
        api::desk_phones::menu_password, api::desk_phones::remove,
        api::desk_phones::renew_address, api::desk_phones::rotate, api::desk_phones::window,
        api::desk_phones::check_sync, api::desk_phones::check_sync_all, api::desk_phone_templates::list,
        api::desk_phone_templates::put, api::desk_phone_templates::remove, api::desk_phone_templates::check,
        api::desk_phone_templates::preview, api::desk_phone_import::import, api::desk_phone_import::redirection,
        api::desk_phone_factory::get, api::desk_phone_factory::put, api::desk_phone_factory::add_authorities,
        api::desk_phone_factory::remove_authority, api::desk_phone_factory::turned_away,
        api::desk_phone_options::get, api::desk_phone_options::put,
        api::settings::get, api::settings::put,
        api::system::status, api::system::doctor, api::system::metrics,
        api::system::setup_link, api::setup::carry_out, api::events::stream, api::trouble::diagnosis,
        api::users::list, api::users::add, api::users::get, api::users::change, api::users::remove, api::users::invite,
        api::users::reset_factor, api::users::policy, api::users::put_policy,
        api::passkeys::list, api::passkeys::begin, api::passkeys::add, api::passkeys::remove, api::passkeys::of_user,
        api::passkeys::remove_of_user, api::passkeys::challenge, api::passkeys::sign_in,
        api::account::sessions, api::account::end_session,
        api::tokens::list, api::tokens::add, api::tokens::remove,
        api::mail::account, api::mail::put_account, api::mail::remove_account, api::mail::test, api::mail::order,
        api::mail::list, api::mail::resend,
        api::network_check::get, api::network_check::start, api::network_check::runs, api::network_check::run,
        api::network_check::make_code, api::network_check::settings, api::network_check::put_settings,
        api::network_check::take_plan, api::network_check::leave_report,
        api::update_notice::get, api::update_notice::put, api::update_notice::check,
        api::certificate::get, api::certificate::put, api::certificate::remove, api::certificate::order,
        api::log::lines, api::log::level, api::log::put_level,
        api::backups::list, api::backups::make, api::backups::download, api::backups::upload, api::backups::remove,
        api::backups::verify, api::backups::restore, api::backups::policy, api::backups::put_policy,
        api::event_webhooks::list, api::event_webhooks::add, api::event_webhooks::get, api::event_webhooks::change,
        api::event_webhooks::remove, api::event_webhooks::rotate, api::event_webhooks::test,
        api::event_webhooks::deliveries,
        api::web_proxy::get, api::web_proxy::put, api::web_proxy::remove,
        api::me::get, api::me::calls, api::me::call, api::me::enrolments, api::me::issue, api::me::revoke,
        api::me::test_push,
        api::audit::list, api::audit::verify, api::audit::export,
        api::acrobits::report, api::acrobits::logged_out,
        api::device_app::pair, api::device_app::profile, api::device_app::install, api::device_app::report_state,
        api::device_app::acknowledge, api::device_app::ringing, api::device_app::log_out,
        api::installations::list, api::phones::unseen, api::phones::compare, api::phones::switch,
        api::enrolments::replace, api::enrolments::issue_again, api::mail::settings_again,
    ),
)]
struct Document;

/// Operations that need no session and no token.
const OPEN: [&str; 12] = [
    "passkey_challenge",
    "passkey_sign_in",
    "calls_ringing",
    "acrobits_report",
    "acrobits_logged_out",
    "device_pair",
    "device_profile",
    "device_install",
    "device_state",
    "device_push_ack",
    "device_ringing",
    "device_log_out",
];

/// What all operations have in common.
struct Usual;

impl Modify for Usual {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        document.info.version = env!("CARGO_PKG_VERSION").into();
        document.webhooks = Some(described::webhooks());
        let said = document.info.description.take().unwrap_or_default();
        document.info.description = Some(format!("{said}\n\n## Codes of refusals\n\n{}", code::table()));
        if let Some(components) = &mut document.components {
            tagged::merge(&mut components.schemas);
            let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("nbt_…").build();
            components.add_security_scheme("token", SecurityScheme::Http(bearer));
            let cookie = ApiKey::Cookie(ApiKeyValue::new("__Host-nightbell"));
            components.add_security_scheme("session", SecurityScheme::ApiKey(cookie));
        }
        for item in document.paths.paths.values_mut() {
            let methods = [
                (false, &mut item.get),
                (true, &mut item.post),
                (true, &mut item.put),
                (true, &mut item.patch),
                (true, &mut item.delete),
            ];
            for (changes, operation) in methods {
                if let Some(operation) = operation {
                    complete(operation, changes);
                }
            }
        }
    }
}

fn complete(operation: &mut Operation, changes: bool) {
    let open = operation.operation_id.as_deref().is_some_and(|id| OPEN.contains(&id));
    let creates = operation.responses.responses.contains_key("201");
    if creates {
        operation.parameters.get_or_insert_default().push(idempotency_key().into());
    }
    let has_body = operation.request_body.is_some();
    let has_parameters = operation.parameters.as_ref().is_some_and(|all| !all.is_empty());
    let mut refusals = vec![500, 503, 504];
    if has_body || has_parameters {
        refusals.push(400);
    }
    if has_body {
        refusals.extend([413, 415]);
    }
    if changes {
        refusals.push(403);
    }
    if creates {
        refusals.extend([409, 422]);
    }
    if open {
        operation.security = Some(vec![SecurityRequirement::default()]);
        if changes {
            refusals.extend([401, 429]);
        }
    } else {
        let either = ["token", "session"].map(|name| SecurityRequirement::new(name, Vec::<String>::new()));
        operation.security = Some(either.to_vec());
        refusals.extend([401, 403, 429]);
    }
    let declared = operation.responses.responses.keys().filter_map(|status| status.parse().ok());
    refusals.extend(declared.filter(|status: &u16| *status >= 400).collect::<Vec<_>>());
    for status in refusals {
        operation.responses.responses.insert(status.to_string(), refusal(status));
    }
}

fn idempotency_key() -> Parameter {
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "1 to 64 letters, digits, `-` and `_`, chosen by the caller. Within 24 hours the same key with the same request gets the same answer again, and nothing is made twice.",
        ))
        .schema(Some(
            ObjectBuilder::new()
                .schema_type(utoipa::openapi::Type::String)
                .pattern(Some("^[A-Za-z0-9_-]{1,64}$"))
                .examples(["order-2026-0001"]),
        ))
        .build()
}

fn refusal(status: u16) -> RefOr<utoipa::openapi::Response> {
    let codes: Vec<String> = code::of(status).map(|one| format!("`{}`", one.code)).collect();
    ResponseBuilder::new()
        .description(codes.join(", "))
        .content(
            "application/problem+json",
            ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build(),
        )
        .build()
        .into()
}

/// The document itself.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// The document as it is served; it does not change while the program runs.
static SERVED: LazyLock<String> = LazyLock::new(|| document().to_json().unwrap_or_default());

/// Serves the document.
#[utoipa::path(get, path = "/openapi.json", operation_id = "openapi", tag = "System", summary = "This document.",
    responses((status = 200, description = "OpenAPI 3.1.", body = serde_json::Value)))]
pub(crate) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], SERVED.as_str()).into_response()
}
