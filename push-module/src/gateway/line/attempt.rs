//! One attempt at each provider, and the tokens that prove us there.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pbx_core::model::{Redacted, UnixMillis, Verdict};
use tokio::sync::Mutex as AsyncMutex;

use super::{
    ACCESS_MINIMUM, AUDIENCES, Access, BearerService, RENEW_SECONDS, Sent, age, apns_base, ended, outcome, refused,
};
use crate::credential::{
    ApnsCertificateDetails, ApnsDetails, ApnsKey, KeptToken, TOKEN_SECONDS, VapidKey, VapidToken, WebPushDetails,
};
use crate::delivery::{Answer, Attempt, Outcome};
use crate::provider::access::AccessError;
use crate::provider::client::{HttpClient, HttpError};
use crate::provider::token::{AccessStep, TokenStep, access_step, apns_step};
use crate::provider::webpush::audience;
use crate::provider::webpush::encryption::Fresh;
use crate::provider::{SendError, apns, webpush};

pub(super) fn without_access(error: AccessError) -> Sent {
    let outcome = match error {
        AccessError::Refused(answer) => Outcome::Answered(answer),
        AccessError::Unreachable(SendError(why)) => Outcome::Unreachable { why },
    };
    Sent { outcome, minted: None }
}

/// One attempt at FCM or HMS Push Kit.
pub(super) async fn push_by_bearer(
    client: &HttpClient,
    (service, access): (&BearerService, &AsyncMutex<Option<Access>>),
    attempt: &Attempt,
    now: UnixMillis,
) -> Sent {
    let message = match service.build(&attempt.request, now) {
        Ok(message) => message,
        Err(refusal) => return refused(refusal),
    };
    let bearer = match access_token(client, service, access, now, attempt.renew_token).await {
        Ok(bearer) => bearer,
        Err(error) => return without_access(error),
    };
    let reply = service.send(client, message, &bearer).await;
    Sent { outcome: outcome(reply, |reply| service.classify(reply)), minted: None }
}

/// One attempt at APNs with a token key.
pub(super) async fn push_apple(
    client: &HttpClient,
    (key, details, token): (&ApnsKey, &ApnsDetails, &Mutex<Option<KeptToken>>),
    attempt: &Attempt,
    now: UnixMillis,
) -> Sent {
    let message = match apns::build(&attempt.request, now) {
        Ok(message) => message,
        Err(refusal) => return refused(refusal),
    };
    let (bearer, minted) = match provider_token(key, token, now, attempt.renew_token) {
        Ok(both) => both,
        Err(answer) => return Sent { outcome: Outcome::Unasked(answer), minted: None },
    };
    let age = age(bearer.issued_at, now);
    let base = apns_base((&details.production_url, &details.sandbox_url), attempt.environment);
    let reply = apns::send(client, base, message, Some(&bearer.token)).await;
    Sent { outcome: outcome(reply, |reply| apns::classify(reply, attempt.environment, age)), minted }
}

/// One attempt at APNs over a connection that showed a client certificate.
pub(super) async fn push_by_certificate(
    client: &HttpClient,
    details: &ApnsCertificateDetails,
    attempt: &Attempt,
    now: UnixMillis,
) -> Sent {
    if let Some(ended) = ended(details, now) {
        return Sent { outcome: Outcome::Unasked(ended), minted: None };
    }
    let message = match apns::build(&attempt.request, now) {
        Ok(message) => message,
        Err(refusal) => return refused(refusal),
    };
    let base = apns_base((&details.production_url, &details.sandbox_url), attempt.environment);
    let reply = apns::send(client, base, message, None).await;
    let outcome = outcome(reply, |reply| apns::classify(reply, attempt.environment, Duration::ZERO));
    Sent { outcome, minted: None }
}

/// One attempt by Web Push.
pub(super) async fn push_web(
    client: &HttpClient,
    (key, details, tokens): (&VapidKey, &WebPushDetails, &Mutex<BTreeMap<String, VapidToken>>),
    attempt: &Attempt,
    now: UnixMillis,
) -> Outcome {
    let unsigned = |what: &str| {
        let (code, what) = ("webpush_key".to_owned(), what.to_owned());
        Outcome::Unasked(Answer::is_final(Verdict::Misconfigured { code, what }))
    };
    let Some(fresh) = Fresh::draw() else { return unsigned("the operating system gave no random bytes") };
    let message = match webpush::build(&attempt.request, &fresh, now) {
        Ok(message) => message,
        Err(refusal) => return refused(refusal).outcome,
    };
    let Some(token) = vapid_token((key, details), tokens, &audience(&message.url), (now, attempt.renew_token)) else {
        return unsigned("the key for Web Push cannot sign; please report this");
    };
    match webpush::send(client, message, &token).await {
        Ok(reply) => Outcome::Answered(webpush::classify(&reply)),
        Err(HttpError::Blocked(why)) => Outcome::Unasked(webpush::blocked(&why)),
        Err(HttpError::Unreachable(SendError(why))) => Outcome::Unreachable { why },
    }
}

/// The signature for one push service: kept for hours (RFC 8292 section 2 advises it), made anew when it was refused.
pub(super) fn vapid_token(
    (key, details): (&VapidKey, &WebPushDetails),
    tokens: &Mutex<BTreeMap<String, VapidToken>>,
    audience: &str,
    (now, refused): (UnixMillis, bool),
) -> Option<VapidToken> {
    let mut tokens = tokens.lock().unwrap_or_else(PoisonError::into_inner);
    let lasting = now.seconds() + RENEW_SECONDS..=now.seconds() + TOKEN_SECONDS;
    if let Some(token) = tokens.get(audience).filter(|token| !refused && lasting.contains(&token.ends_at)) {
        return Some(token.clone());
    }
    let token = key.token(audience, &details.contact, now.seconds() + TOKEN_SECONDS)?;
    if tokens.len() >= AUDIENCES {
        tokens.clear();
    }
    tokens.insert(audience.to_owned(), token.clone());
    Some(token)
}

/// The provider token to use now, and the same once more when it was made just now.
pub(super) fn provider_token(
    key: &ApnsKey,
    cell: &Mutex<Option<KeptToken>>,
    now: UnixMillis,
    refused: bool,
) -> Result<(KeptToken, Option<KeptToken>), Answer> {
    let mut cell = cell.lock().unwrap_or_else(PoisonError::into_inner);
    if let (TokenStep::Use, Some(token)) = (apns_step(cell.as_ref().map(|it| it.issued_at), now, refused), &*cell) {
        return Ok((token.clone(), None));
    }
    let issued_at = now.seconds();
    let Some(token) = key.provider_token(issued_at) else {
        return Err(Answer::is_final(Verdict::Misconfigured {
            code: "apns_key".to_owned(),
            what: "the push key cannot sign; upload the .p8 file again under Push".to_owned(),
        }));
    };
    let minted = KeptToken { token, issued_at };
    *cell = Some(minted.clone());
    Ok((minted.clone(), Some(minted)))
}

/// The access token to use now; one attempt fetches, the others wait for it.
pub(super) async fn access_token(
    client: &HttpClient,
    service: &BearerService,
    cell: &AsyncMutex<Option<Access>>,
    now: UnixMillis,
    refused: bool,
) -> Result<Redacted<String>, AccessError> {
    let mut cell = cell.lock().await;
    let refused = refused && cell.as_ref().is_some_and(|it| now.since(it.fetched_at) >= ACCESS_MINIMUM);
    match (access_step(cell.as_ref().map(|it| it.token.ends_at), now, refused), &*cell) {
        (AccessStep::Use | AccessStep::UseAndFetch, Some(access)) => return Ok(access.token.token.clone()),
        (AccessStep::Use | AccessStep::UseAndFetch, None) | (AccessStep::Fetch, _) => {}
    }
    let token = service.fetch(client, now).await?;
    let bearer = token.token.clone();
    *cell = Some(Access { token, fetched_at: now });
    Ok(bearer)
}
