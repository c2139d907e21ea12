//! Apple Push Notification service: requests, answers, sending.

use std::time::Duration;

use a2::request::payload::PayloadLike;
use a2::{CollapseId, ErrorReason, NotificationOptions, Priority, PushType};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use pbx_core::model::{Environment, Redacted, UnixMillis, Verdict, WakeKind, WakeRequest};
use serde_json::Value;

use super::client::{HttpClient, bearer};
use super::token::MINIMUM_AGE;
use super::{Reply, SendError};
use crate::credential::BaseUrl;
use crate::delivery::{Answer, KEY_ENVIRONMENT, Refusal, Remedy};
use crate::payload::apns::{alert, background, voip};
use crate::payload::{ApnsStyle, apns_token};

/// A push, ready to be sent; the device token is in the path and nowhere else.
#[derive(Debug, Clone)]
pub struct ApnsMessage {
    /// The device token.
    pub token: Redacted<String>,
    /// All headers but the authorization.
    pub headers: HeaderMap,
    /// JSON.
    pub body: Bytes,
}

/// Makes the request for a wake.
pub fn build(wake: &WakeRequest, now: UnixMillis) -> Result<ApnsMessage, Refusal> {
    let (style, token) = apns_token(wake.kind, &wake.target)?;
    let id = wake.wake_id.to_string();
    let collapse = format!("call-{}", wake.call_uuid);
    let topic = match style {
        ApnsStyle::Voip => format!("{}.voip", wake.target.app_id),
        ApnsStyle::Alert | ApnsStyle::Background => wake.target.app_id.clone(),
    };
    let collapse_id = match (style, wake.kind) {
        (ApnsStyle::Voip, _) | (_, WakeKind::Test | WakeKind::Refresh) => None,
        (
            ApnsStyle::Alert | ApnsStyle::Background,
            WakeKind::Call | WakeKind::MissedCall | WakeKind::AnsweredElsewhere,
        ) => Some(CollapseId::new(&collapse).map_err(|_| unbuildable())?),
    };
    let options = NotificationOptions {
        apns_id: Some(&id),
        apns_push_type: Some(match style {
            ApnsStyle::Voip => PushType::Voip,
            ApnsStyle::Alert => PushType::Alert,
            ApnsStyle::Background => PushType::Background,
        }),
        apns_expiration: u64::try_from(wake.expires_at.seconds()).ok(),
        apns_priority: Some(match wake.kind {
            WakeKind::Call | WakeKind::MissedCall | WakeKind::Test => Priority::High,
            WakeKind::AnsweredElsewhere | WakeKind::Refresh => Priority::Normal,
        }),
        apns_topic: Some(&topic),
        apns_collapse_id: collapse_id,
    };
    match style {
        ApnsStyle::Voip => message(token, &voip(wake, token.reveal(), options, now)),
        ApnsStyle::Background => message(token, &background(wake, token.reveal(), options)),
        ApnsStyle::Alert => message(token, &alert(wake, token.reveal(), options).map_err(|_| unbuildable())?),
    }
}

/// The request of the live check, to a token that no phone has; a topic for VoIP takes VoIP pushes only.
pub fn build_check(topic: &str, id: &str) -> Result<ApnsMessage, Refusal> {
    use a2::{DefaultNotificationBuilder, NotificationBuilder as _};
    let token = Redacted::new("0".repeat(64));
    let options = NotificationOptions {
        apns_id: Some(id),
        apns_push_type: Some(if topic.ends_with(".voip") { PushType::Voip } else { PushType::Alert }),
        apns_expiration: Some(0),
        apns_priority: Some(Priority::Normal),
        apns_topic: Some(topic),
        apns_collapse_id: None,
    };
    let payload = DefaultNotificationBuilder::new().title("Nightbell").build(token.reveal().clone(), options.clone());
    message(&token, &payload)
}

fn message(token: &Redacted<String>, payload: &impl PayloadLike) -> Result<ApnsMessage, Refusal> {
    let body = payload.to_json_string().map_err(|_| unbuildable())?;
    let options = payload.get_options();
    let mut headers = HeaderMap::new();
    let mut put = |name: &'static str, value: Option<String>| -> Result<(), Refusal> {
        if let Some(value) = value {
            let value = HeaderValue::from_str(&value).map_err(|_| bad_app_id())?;
            headers.insert(HeaderName::from_static(name), value);
        }
        Ok(())
    };
    put("apns-id", options.apns_id.map(str::to_owned))?;
    put("apns-push-type", options.apns_push_type.map(|it| it.to_string()))?;
    put("apns-expiration", options.apns_expiration.map(|it| it.to_string()))?;
    put("apns-priority", options.apns_priority.as_ref().map(ToString::to_string))?;
    put("apns-topic", options.apns_topic.map(str::to_owned))?;
    put("apns-collapse-id", options.apns_collapse_id.as_ref().map(|it| it.value.to_owned()))?;
    put("content-type", Some("application/json".to_owned()))?;
    Ok(ApnsMessage { token: token.clone(), headers, body: Bytes::from(body) })
}

fn unbuildable() -> Refusal {
    Refusal { code: "push_unbuildable", why: "the push could not be put together; please report this".to_owned() }
}

fn bad_app_id() -> Refusal {
    Refusal {
        code: "bad_app_id",
        why: "the app id this phone gave cannot be a bundle id; check the app's push settings".to_owned(),
    }
}

/// Sends one push and reads the answer.
pub async fn send(
    client: &HttpClient,
    base: &BaseUrl,
    message: ApnsMessage,
    provider_token: Option<&Redacted<String>>,
) -> Result<Reply, SendError> {
    // A client certificate has proved itself in the handshake.
    let authorization = provider_token.and_then(bearer);
    let url = format!("{base}/3/device/{}", message.token.reveal());
    Ok(client.post(&url, message.headers, authorization, message.body).await?)
}

/// What an answer means. `token_age` is the age of the provider token it was asked with.
pub fn classify(reply: &Reply, environment: Environment, token_age: Duration) -> Answer {
    if reply.status == 200 {
        return Answer::accepted(reply.apns_id.clone());
    }
    let body = reply.json();
    let Some(reason) = body.as_ref().and_then(|body| body.get("reason")).and_then(Value::as_str) else {
        return without_reason(reply);
    };
    let since = body.as_ref().and_then(|body| body.get("timestamp")).and_then(Value::as_i64).map(UnixMillis);
    let mut answer = match serde_json::from_value::<ErrorReason>(Value::String(reason.to_owned())) {
        Ok(known) => of_reason(&known, since, environment, token_age, reply.retry_after),
        Err(_) => Answer::is_final(Verdict::Refused { why: format!("Apple refused the push ({})", clip(reason)) }),
    };
    answer.provider_id.clone_from(&reply.apns_id);
    answer
}

/// Something between us and Apple answered, or Apple without a reason.
fn without_reason(reply: &Reply) -> Answer {
    let status = reply.status;
    let why =
        format!("the answer did not come from Apple, or it was damaged (HTTP {status}); check proxies and firewalls");
    match status {
        407 => Answer::is_final(misconfigured(
            "push_proxy",
            "a proxy on the way to Apple asks for a password (HTTP 407); let this machine reach Apple directly",
        )),
        429 => {
            Answer::with_remedy(Verdict::RetryAfter { wait: reply.retry_after, why }, Remedy::Wait(reply.retry_after))
        }
        500..=599 => {
            let verdict = Verdict::RetryAfter { wait: reply.retry_after, why };
            Answer::with_remedy(verdict, Remedy::TrySoon { wish: reply.retry_after })
        }
        _ => Answer::is_final(Verdict::Refused { why }),
    }
}

fn misconfigured(code: &str, what: &str) -> Verdict {
    Verdict::Misconfigured { code: code.to_owned(), what: what.to_owned() }
}

fn of_reason(
    reason: &ErrorReason,
    since: Option<UnixMillis>,
    environment: Environment,
    token_age: Duration,
    retry_after: Option<Duration>,
) -> Answer {
    use ErrorReason as R;
    let host = match environment {
        Environment::Production => "production",
        Environment::Sandbox => "sandbox",
    };
    match reason {
        R::BadDeviceToken => {
            let why = format!("Apple does not know this phone's token in its {host} environment (BadDeviceToken)");
            Answer::with_remedy(Verdict::TokenWrong { why, accepted_in: None }, Remedy::OtherEnvironment)
        }
        R::DeviceTokenNotForTopic => Answer::is_final(Verdict::TokenWrong {
            why: "this phone's token belongs to another app (DeviceTokenNotForTopic); check the bundle id in the app's push settings".to_owned(),
            accepted_in: None,
        }),
        R::Unregistered => Answer::is_final(Verdict::TokenGone {
            since,
            why: "the app was removed from this phone, or notifications were switched off (Unregistered)".to_owned(),
        }),
        R::ExpiredToken => Answer::is_final(Verdict::TokenGone {
            since,
            why: "this phone's push token has expired (ExpiredToken); open the app once".to_owned(),
        }),
        R::TooManyRequests => Answer::with_remedy(
            Verdict::RetryAfter {
                wait: retry_after,
                why: "Apple got too many pushes for this phone (TooManyRequests)".to_owned(),
            },
            Remedy::Wait(retry_after),
        ),
        R::InternalServerError | R::ServiceUnavailable => Answer::with_remedy(
            Verdict::RetryAfter { wait: retry_after, why: format!("Apple has a problem of its own ({reason:?})") },
            Remedy::TrySoon { wish: retry_after },
        ),
        R::Shutdown | R::IdleTimeout => Answer::with_remedy(
            Verdict::RetryAfter { wait: None, why: format!("Apple closed the connection ({reason:?})") },
            Remedy::NewConnection,
        ),
        R::ExpiredProviderToken
        | R::InvalidProviderToken
        | R::UnrelatedKeyIdInToken
        | R::BadEnvironmentKeyIdInToken
        | R::TooManyProviderTokenUpdates
        | R::Forbidden
        | R::TopicDisallowed
        | R::BadTopic
        | R::BadCertificate
        | R::BadCertificateEnvironment
        | R::MissingProviderToken => of_credential(reason, host, token_age),
        R::BadCollapseId
        | R::BadExpirationDate
        | R::BadMessageId
        | R::BadPriority
        | R::DuplicateHeaders
        | R::InvalidPushType
        | R::MissingDeviceToken
        | R::MissingTopic
        | R::PayloadEmpty
        | R::BadPath
        | R::MethodNotAllowed
        | R::PayloadTooLarge => Answer::is_final(Verdict::Refused {
            why: format!("Apple refused the form of the push ({reason:?}); please report this"),
        }),
    }
}

/// Reasons that are about our key, so about every phone of the app.
fn of_credential(reason: &ErrorReason, host: &str, token_age: Duration) -> Answer {
    use ErrorReason as R;
    let fault = |code: &str, what: String| Answer::is_final(Verdict::Misconfigured { code: code.to_owned(), what });
    match reason {
        R::ExpiredProviderToken => {
            let what = "Apple says that our proof of identity is too old (ExpiredProviderToken); this machine's clock is probably wrong, so set it by NTP";
            let verdict = misconfigured("apns_clock", what);
            if token_age >= MINIMUM_AGE {
                Answer::with_remedy(verdict, Remedy::RenewToken)
            } else {
                Answer::is_final(verdict)
            }
        }
        R::InvalidProviderToken => fault(
            "apns_key",
            "Apple does not accept the push key (InvalidProviderToken): key id, team id and file do not belong together, the key was revoked, or this machine's clock is ahead; compare them with Apple's page Keys and upload the key again under Push".to_owned(),
        ),
        R::BadEnvironmentKeyIdInToken => fault(
            KEY_ENVIRONMENT,
            format!("Apple does not accept this push key in its {host} environment (BadEnvironmentKeyIdInToken); set the key's environment under Push, or make a key for both at Apple"),
        ),
        R::UnrelatedKeyIdInToken => Answer::with_remedy(
            misconfigured("apns_key", "Apple saw another push key on this connection (UnrelatedKeyIdInToken); a proxy on the way shares connections"),
            Remedy::NewConnection,
        ),
        R::TooManyProviderTokenUpdates => fault(
            "apns_token_updates",
            "Apple refuses new proofs of identity for a while (TooManyProviderTokenUpdates); another program uses the same push key, so make a key of its own for Nightbell".to_owned(),
        ),
        R::TopicDisallowed | R::BadTopic => fault(
            "apns_topic",
            format!("the push key may not be used for this app ({reason:?}); the key and the app must belong to the same team at Apple, and the bundle id must be right"),
        ),
        R::BadCertificate => fault(
            "apns_certificate",
            "Apple does not accept the certificate (BadCertificate): it was revoked, or it is not for push; make a new one at Apple and add it under Push".to_owned(),
        ),
        R::BadCertificateEnvironment => fault(
            KEY_ENVIRONMENT,
            format!("Apple does not accept this certificate in its {host} environment (BadCertificateEnvironment); add one for it under Push"),
        ),
        R::MissingProviderToken
        | R::Forbidden
        | R::InternalServerError
        | R::ServiceUnavailable
        | R::Shutdown
        | R::IdleTimeout
        | R::BadDeviceToken
        | R::DeviceTokenNotForTopic
        | R::Unregistered
        | R::ExpiredToken
        | R::TooManyRequests
        | R::BadCollapseId
        | R::BadExpirationDate
        | R::BadMessageId
        | R::BadPriority
        | R::DuplicateHeaders
        | R::InvalidPushType
        | R::MissingDeviceToken
        | R::MissingTopic
        | R::PayloadEmpty
        | R::BadPath
        | R::MethodNotAllowed
        | R::PayloadTooLarge => fault(
            "apns_forbidden",
            format!("Apple refuses the push key ({reason:?}); check at Apple that it is enabled for Apple Push Notifications service"),
        ),
    }
}

/// A provider's word, short enough for a page.
pub(super) fn clip(word: &str) -> String {
    word.chars().filter(|c| !c.is_control()).take(80).collect()
}
