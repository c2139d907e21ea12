//! Web Push (RFC 8030): browsers, and UnifiedPush for phones without Google. Each phone names its own push service, which
//! gets the text encrypted for the phone alone (RFC 8291) and knows us by our key (VAPID, RFC 8292).
//!
//! A phone that named no keys gets pushes without a body, which only mean "come and register" (RFC 8599 section 12).

pub mod encryption;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use pbx_core::model::{UnixMillis, Verdict, WakeKind, WakeRequest, WakeTarget, WebPushSubscription};
use serde_json::Value;
use url::Url;

use super::apns::clip;
use super::client::{HttpClient, HttpError};
use super::guard::Blocked;
use super::{Reply, SendError};
use crate::credential::VapidToken;
use crate::delivery::{Answer, Refusal, Remedy};
use crate::payload::webpush::body;
use encryption::{Fresh, Unencrypted, encrypt};

/// The longest time a message is kept; push services shorten it as they like (RFC 8030 section 5.2).
const TTL_SECONDS: u64 = 2_419_200;

/// A message, ready to be sent.
#[derive(Clone)]
pub struct WebPushSend {
    /// Where; it is the phone's token, so there is no `Debug`.
    pub url: Url,
    /// Everything but the authorization.
    pub headers: HeaderMap,
    /// Encrypted, or empty for a phone without keys.
    pub body: Bytes,
}

/// The subscription of a target, or why it cannot be used.
pub fn subscription(kind: WakeKind, target: &WakeTarget) -> Result<WebPushSubscription, Refusal> {
    let token = target.call_token.as_ref().ok_or_else(|| Refusal {
        code: "no_token",
        why: "this phone gave no push subscription; open the app once so that it registers".to_owned(),
    })?;
    let subscription = WebPushSubscription::parse(token.reveal()).map_err(|_| damaged())?;
    match (kind, subscription.keys()) {
        (_, Some(_)) | (WakeKind::Call | WakeKind::Refresh | WakeKind::Test, None) => Ok(subscription),
        (WakeKind::MissedCall | WakeKind::AnsweredElsewhere, None) => Err(Refusal {
            code: "no_subscription_keys",
            why: "this phone gave its push address without the keys, so it can be woken but gets no notices; its app must add p256dh and auth to pn-prid (docs/web-push.md)".to_owned(),
        }),
    }
}

fn damaged() -> Refusal {
    Refusal {
        code: "bad_token",
        why: "the push subscription this phone gave is damaged; log out and in again in the app".to_owned(),
    }
}

/// Makes the message for a wake.
pub fn build(wake: &WakeRequest, fresh: &Fresh, now: UnixMillis) -> Result<WebPushSend, Refusal> {
    let subscription = subscription(wake.kind, &wake.target)?;
    let url = Url::parse(subscription.endpoint()).map_err(|_| damaged())?;
    let body = match subscription.keys() {
        None => Bytes::new(),
        Some(keys) => {
            let text = serde_json::to_vec(&body(wake)).map_err(|_| unbuildable())?;
            let sealed = encrypt(&text, keys, fresh).map_err(|why| match why {
                Unencrypted::BadKey => damaged(),
                Unencrypted::TooLong => unbuildable(),
            })?;
            Bytes::from(sealed)
        }
    };
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static("ttl"), wake.expires_at.since(now).as_secs().min(TTL_SECONDS).into());
    headers.insert(HeaderName::from_static("urgency"), HeaderValue::from_static(urgency(wake.kind)));
    headers.insert(HeaderName::from_static("topic"), topic(wake).map_err(|_| unbuildable())?);
    if !body.is_empty() {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("aes128gcm"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    }
    Ok(WebPushSend { url, headers, body })
}

fn unbuildable() -> Refusal {
    Refusal { code: "push_unbuildable", why: "the push could not be put together; please report this".to_owned() }
}

/// RFC 8030 section 5.3; its own example for `high` is an incoming call.
const fn urgency(kind: WakeKind) -> &'static str {
    match kind {
        WakeKind::Call => "high",
        WakeKind::MissedCall | WakeKind::AnsweredElsewhere | WakeKind::Test | WakeKind::Refresh => "normal",
    }
}

/// At most 32 characters of base64url (RFC 8030 section 5.4). All messages about one call have the same, so that the missed
/// call takes the place of a ringing one that the phone did not get yet.
fn topic(wake: &WakeRequest) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    match wake.kind {
        WakeKind::Call | WakeKind::MissedCall | WakeKind::AnsweredElsewhere => {
            HeaderValue::from_str(&URL_SAFE_NO_PAD.encode(wake.call_uuid.0.as_bytes()))
        }
        WakeKind::Refresh => Ok(HeaderValue::from_static("refresh")),
        WakeKind::Test => Ok(HeaderValue::from_static("test")),
    }
}

/// The host and port of a subscription's push service.
pub fn service(subscription: &WebPushSubscription) -> Option<String> {
    let url = Url::parse(subscription.endpoint()).ok()?;
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

/// What a push service signs us in for: its origin, with a port that is not the usual one (RFC 8292 section 2).
pub fn audience(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Sends one message and reads the answer. `client` must be a guarded one: it judges where the address leads.
pub async fn send(client: &HttpClient, message: WebPushSend, token: &VapidToken) -> Result<Reply, HttpError> {
    let mut authorization = HeaderValue::from_str(&token.authorization()).map_err(|_| {
        HttpError::Unreachable(SendError("the key for Web Push cannot sign; please report this".to_owned()))
    })?;
    authorization.set_sensitive(true);
    client.post(message.url.as_str(), message.headers, Some(authorization), message.body).await
}

/// What an address in our own network means for the wake.
pub fn blocked(blocked: &Blocked) -> Answer {
    Answer::is_final(Verdict::Refused {
        why: format!(
            "the push address this phone gave leads to {blocked}, where Nightbell sends nothing on a phone's word; if that push service is yours, name its host under Push, Web Push, allowed hosts"
        ),
    })
}

/// What an answer means. RFC 8030 and RFC 8292 speak by status; the words of Apple's, Mozilla's and Google's services are
/// looked at where one status has several causes.
pub fn classify(reply: &Reply) -> Answer {
    let says = words(reply);
    let with = |text: &str| if says.is_empty() { text.to_owned() } else { format!("{text} ({})", clip(&says)) };
    let other_key = || {
        Answer::is_final(Verdict::TokenWrong {
            why: with("the app subscribed with another key than ours; open the app so that it subscribes again"),
            accepted_in: None,
        })
    };
    let signed_out = || {
        let what = with(
            "the push service does not accept our signature; set this machine's clock by NTP and check the contact under Push, Web Push",
        );
        Answer::with_remedy(Verdict::Misconfigured { code: "webpush_signature".to_owned(), what }, Remedy::RenewToken)
    };
    match reply.status {
        200..=299 => Answer::accepted(None),
        404 | 410 => Answer::is_final(Verdict::TokenGone {
            since: None,
            why: with("the push service says that this subscription has ended"),
        }),
        400 | 403 if is_other_key(&says) => other_key(),
        401 => signed_out(),
        403 if is_signature(&says) => signed_out(),
        // RFC 8292 section 4.2: the subscription is restricted to another key.
        403 => other_key(),
        413 => Answer::is_final(Verdict::Refused { why: with("the push service calls the push too large") }),
        429 => Answer::with_remedy(
            Verdict::RetryAfter { wait: reply.retry_after, why: with("the push service has too many pushes for this phone") },
            Remedy::Wait(reply.retry_after),
        ),
        300..=399 => Answer::is_final(Verdict::Refused {
            why: "the push service sent us elsewhere, which Nightbell does not follow; open the app so that it subscribes again".to_owned(),
        }),
        500.. => Answer::with_remedy(
            Verdict::RetryAfter {
                wait: reply.retry_after,
                why: format!("the push service has a problem of its own (HTTP {})", reply.status),
            },
            Remedy::TrySoon { wish: reply.retry_after },
        ),
        status => Answer::is_final(Verdict::Refused {
            why: with(&format!("the push service refuses the push (HTTP {status})")),
        }),
    }
}

/// Apple: `VapidPkHashMismatch`; Google: "do not correspond to the credentials used to create the subscriptions";
/// Mozilla: "VAPID public key mismatch".
fn is_other_key(says: &str) -> bool {
    let says = says.to_ascii_lowercase();
    ["pkhashmismatch", "do not correspond", "key mismatch", "unauthorizedregistration"]
        .iter()
        .any(|it| says.contains(it))
}

/// Apple: `BadJwtToken`, `ExpiredJwtToken`, …; Google and Mozilla: "… JWT …".
fn is_signature(says: &str) -> bool {
    let says = says.to_ascii_lowercase();
    ["jwt", "expired", "sub claim"].iter().any(|it| says.contains(it))
}

/// The reason in a body: `reason` (Apple), `message` (Mozilla), `error` (ntfy), or a line of text (Google).
fn words(reply: &Reply) -> String {
    match reply.json() {
        Some(Value::Object(object)) => ["reason", "message", "error"]
            .iter()
            .find_map(|key| object.get(*key)?.as_str())
            .unwrap_or_default()
            .to_owned(),
        Some(_) | None => {
            let text = std::str::from_utf8(&reply.body).unwrap_or_default().trim();
            if text.starts_with('<') { String::new() } else { text.lines().next().unwrap_or_default().to_owned() }
        }
    }
}
