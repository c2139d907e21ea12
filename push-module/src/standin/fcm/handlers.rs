//! The two endpoints: sign-in and sending.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use pbx_core::model::{Environment, PushProvider};
use serde_json::{Value, json};

use super::super::push::{AcceptedPush, unix_seconds};
use super::super::serve::HangUp;
use super::rules::{Access, check_message, check_sign_in};
use super::{FcmFault, FcmRequest, Shared};

/// More than any message.
const BODY_BYTES: usize = 64 * 1024;
/// The life of an access token in seconds, a little less than an hour, as Google does it.
const ACCESS_LIFE: i64 = 3599;

type Answer = Response<Full<Bytes>>;

pub(super) async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Answer, HangUp> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_BYTES).collect().await else { return Err(HangUp) };
    let body = body.to_bytes();
    let path = parts.uri.path().to_owned();
    if path == "/token" {
        return Ok(sign_in(&shared, &parts, &body));
    }
    let project = path.strip_prefix("/v1/projects/").and_then(|rest| rest.strip_suffix("/messages:send"));
    match project {
        Some(project) if parts.method == Method::POST => send(&shared, project, &parts, &body).await,
        Some(_) | None => Ok(html(404, "The requested URL was not found on this server.")),
    }
}

fn sign_in(shared: &Shared, parts: &http::request::Parts, body: &[u8]) -> Answer {
    let kind = parts.headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    if parts.method != Method::POST || !kind.starts_with("application/x-www-form-urlencoded") {
        return json_answer(400, None, &json!({ "error": "invalid_request", "error_description": "Bad Request" }));
    }
    let form = read_form(body);
    let mut state = shared.state();
    let now = unix_seconds();
    match check_sign_in(&form, &state.accounts, &shared.token_uri, now) {
        Err((error, description)) => {
            json_answer(400, None, &json!({ "error": error, "error_description": description }))
        }
        Ok(project_id) => {
            state.issued += 1;
            let token = format!("ya29.standin-{}", state.issued);
            state.access.retain(|_, it| it.ends_at > now);
            state.access.insert(token.clone(), Access { project_id, ends_at: now + ACCESS_LIFE });
            json_answer(200, None, &json!({ "access_token": token, "expires_in": ACCESS_LIFE, "token_type": "Bearer" }))
        }
    }
}

/// `application/x-www-form-urlencoded`.
fn read_form(body: &[u8]) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(body).into_owned().collect()
}

/// What is to be done after the state was looked at.
enum Step {
    Answer(Answer),
    HangUp,
    Silence,
    After(std::time::Duration, Answer),
}

async fn send(shared: &Shared, project: &str, parts: &http::request::Parts, body: &[u8]) -> Result<Answer, HangUp> {
    let step = judge(shared, project, parts, body);
    match step {
        Step::Answer(answer) => Ok(answer),
        Step::HangUp => Err(HangUp),
        Step::Silence => std::future::pending().await,
        Step::After(wait, answer) => {
            tokio::time::sleep(wait).await;
            Ok(answer)
        }
    }
}

fn judge(shared: &Shared, project: &str, parts: &http::request::Parts, body: &[u8]) -> Step {
    let payload: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let message = payload.get("message").cloned().unwrap_or(Value::Null);
    let token = message.get("token").and_then(Value::as_str).map(str::to_owned);
    let validate_only = payload.get("validate_only").and_then(Value::as_bool).unwrap_or(false);
    let step = answer_to(shared, project, parts, &payload, token.as_deref());
    let status = match &step {
        Step::Answer(answer) | Step::After(_, answer) => Some(answer.status().as_u16()),
        Step::HangUp | Step::Silence => None,
    };
    let request = FcmRequest {
        project_id: project.to_owned(),
        token: token.clone(),
        validate_only,
        message: message.clone(),
        status,
    };
    shared.state().ledger.record(request);
    if status == Some(200)
        && !validate_only
        && let Some(token) = token
    {
        announce(shared, project, token, &message);
    }
    step
}

fn answer_to(
    shared: &Shared,
    project: &str,
    parts: &http::request::Parts,
    payload: &Value,
    token: Option<&str>,
) -> Step {
    let mut state = shared.state();
    let bearer = parts.headers.get(AUTHORIZATION).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let access = bearer.strip_prefix("Bearer ").and_then(|it| state.access.get(it));
    let Some(access) = access.filter(|it| it.ends_at > unix_seconds()) else {
        return Step::Answer(unauthenticated());
    };
    if access.project_id != project {
        return Step::Answer(permission_denied());
    }
    if let Err((field, why)) = check_message(payload) {
        return Step::Answer(invalid_argument(&field, &why));
    }
    let mut slow = None;
    match state.ledger.next_fault(token.unwrap_or_default()) {
        Some(FcmFault::Slow(wait)) => slow = Some(wait),
        Some(fault) => return end_of(fault),
        None => {}
    }
    let known = token.map(|token| state.tokens.get(token).cloned());
    let answer = match known {
        Some(None) => invalid_argument("message.token", "The registration token is not a valid FCM registration token"),
        Some(Some(other)) if other != project => sender_id_mismatch(),
        Some(Some(_)) | None => {
            state.messages += 1;
            json_answer(
                200,
                None,
                &json!({ "name": format!("projects/{project}/messages/standin-{}", state.messages) }),
            )
        }
    };
    match slow {
        Some(wait) => Step::After(wait, answer),
        None => Step::Answer(answer),
    }
}

fn announce(shared: &Shared, project: &str, token: String, message: &Value) {
    let android = message.get("android");
    let data = android.and_then(|it| it.get("data")).or_else(|| message.get("data")).cloned();
    let push = AcceptedPush {
        provider: PushProvider::Fcm,
        token,
        app: project.to_owned(),
        environment: Environment::Production,
        kind: "data".to_owned(),
        id: format!("projects/{project}/messages/standin-{}", shared.state().messages),
        collapse_id: android.and_then(|it| it.get("collapse_key")).and_then(Value::as_str).map(str::to_owned),
        payload: data.unwrap_or(Value::Null),
    };
    // Nobody has to listen.
    let _ = shared.pushes.send(push);
}

fn end_of(fault: FcmFault) -> Step {
    Step::Answer(match fault {
        FcmFault::Unregistered => {
            fcm_error(404, "NOT_FOUND", "Requested entity was not found.", Some("UNREGISTERED"), None)
        }
        FcmFault::SenderIdMismatch => sender_id_mismatch(),
        FcmFault::QuotaExceeded { retry_after } => {
            fcm_error(429, "RESOURCE_EXHAUSTED", "Quota exceeded.", Some("QUOTA_EXCEEDED"), retry_after)
        }
        FcmFault::Unauthenticated => unauthenticated(),
        FcmFault::PermissionDenied => permission_denied(),
        FcmFault::InvalidToken => {
            invalid_argument("message.token", "The registration token is not a valid FCM registration token")
        }
        FcmFault::InternalError => fcm_error(500, "INTERNAL", "Internal error encountered.", Some("INTERNAL"), None),
        FcmFault::BadGatewayHtml => html(502, "The server encountered a temporary error."),
        FcmFault::ServiceUnavailable { retry_after } => {
            fcm_error(503, "UNAVAILABLE", "The service is currently unavailable.", Some("UNAVAILABLE"), retry_after)
        }
        FcmFault::Disconnect => return Step::HangUp,
        FcmFault::BlackHole | FcmFault::Slow(_) => return Step::Silence,
    })
}

fn unauthenticated() -> Answer {
    let text = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.";
    fcm_error(401, "UNAUTHENTICATED", text, None, None)
}

fn permission_denied() -> Answer {
    let text = "Permission 'cloudmessaging.messages.create' denied on resource (or it may not exist).";
    fcm_error(403, "PERMISSION_DENIED", text, None, None)
}

fn sender_id_mismatch() -> Answer {
    fcm_error(403, "PERMISSION_DENIED", "SenderId mismatch", Some("SENDER_ID_MISMATCH"), None)
}

fn invalid_argument(field: &str, why: &str) -> Answer {
    let body = json!({ "error": {
        "code": 400,
        "message": why,
        "status": "INVALID_ARGUMENT",
        "details": [
            { "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": "INVALID_ARGUMENT" },
            { "@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{ "field": field, "description": why }] },
        ],
    }});
    json_answer(400, None, &body)
}

fn fcm_error(code: u16, status: &str, message: &str, error_code: Option<&str>, retry_after: Option<u32>) -> Answer {
    let mut error = json!({ "code": code, "message": message, "status": status });
    if let (Some(error_code), Some(error)) = (error_code, error.as_object_mut()) {
        let detail = json!({ "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": error_code });
        error.insert("details".to_owned(), json!([detail]));
    }
    json_answer(code, retry_after, &json!({ "error": error }))
}

fn json_answer(status: u16, retry_after: Option<u32>, body: &Value) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body.to_string())));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json; charset=UTF-8"));
    if let Some(seconds) = retry_after {
        answer.headers_mut().insert(RETRY_AFTER, http::HeaderValue::from(seconds));
    }
    answer
}

fn html(status: u16, text: &str) -> Answer {
    let page = format!("<!DOCTYPE html><html lang=en><title>Error {status}</title><p>{text}</html>");
    let mut answer = Response::new(Full::new(Bytes::from(page)));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("text/html; charset=UTF-8"));
    answer
}
