//! One credential's connections to its provider and the provider token they carry.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pbx_core::model::{Moment, Now, Redacted, UnixMillis, Verdict};
use tokio::sync::Mutex as AsyncMutex;

use crate::credential::{
    AcrobitsDetails, ApnsCertificateDetails, ApnsDetails, ApnsKey, BaseUrl, CredentialKind, Details, FcmAccount,
    FcmDetails, KeptToken, Key, Loaded, TOKEN_SECONDS, VapidKey, VapidToken, WebPushDetails, WebhookDetails,
    WebhookKey,
};
use crate::delivery::{Answer, Attempt, Connection, Outcome, Refusal, SENDING};
use crate::provider::client::{Protocol, build};
use crate::provider::fcm::{AccessError, AccessToken};
use crate::provider::guard::Guard;
use crate::provider::token::{AccessStep, TokenStep, access_step, apns_step};
use crate::provider::webpush::encryption::Fresh;
use crate::provider::webpush::{WebPushError, audience};
use crate::provider::{Reply, SendError, acrobits, apns, fcm, webhook, webpush};

/// A connection made less than this ago was made for another wake that failed in the same moment; it is used as well.
const RECENT: Duration = Duration::from_secs(1);
/// Signatures for push services that are kept; browsers have four, and phones may name others.
const AUDIENCES: usize = 64;
/// A signature is made anew so long before it ends, so that a clock that is off does no harm.
const RENEW_SECONDS: i64 = 3600;
/// A second refusal of an access token within this time is not the token's fault.
const ACCESS_MINIMUM: Duration = Duration::from_secs(10);

/// Attempts on the wire for one credential (for Web Push: one push service). A group of 500 phones goes out in one go at Apple
/// and Google, who take hundreds of streams; HTTP/2 itself keeps to the number that they announce. A relay and a push service
/// may be small machines.
pub(super) const fn slots(kind: CredentialKind) -> usize {
    match kind {
        CredentialKind::Apns | CredentialKind::Fcm => 1000,
        CredentialKind::Webhook | CredentialKind::WebPush | CredentialKind::Acrobits => SENDING,
    }
}

/// The client in use; replacing it leaves every connection of the old one behind.
#[derive(Debug)]
struct Client {
    made_at: Moment,
    client: Result<reqwest::Client, String>,
}

/// How a credential's provider is asked.
#[derive(Debug)]
pub(super) struct Line {
    protocol: Protocol,
    extra_ca_pem: Option<String>,
    /// What is shown in the handshake; a client certificate only.
    identity_pem: Option<Redacted<String>>,
    client: Mutex<Client>,
    provider: Provider,
}

#[derive(Debug)]
enum Provider {
    Apns { key: ApnsKey, details: ApnsDetails, token: Mutex<Option<KeptToken>> },
    ApnsCertificate { details: ApnsCertificateDetails },
    Fcm { account: FcmAccount, details: FcmDetails, access: AsyncMutex<Option<Access>> },
    Webhook { key: WebhookKey, details: WebhookDetails },
    WebPush { key: VapidKey, details: WebPushDetails, guard: Guard, tokens: Mutex<BTreeMap<String, VapidToken>> },
    Acrobits { details: AcrobitsDetails },
}

#[derive(Debug, Clone)]
struct Access {
    token: AccessToken,
    fetched_at: UnixMillis,
}

/// What an attempt brought.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) outcome: Outcome,
    /// A provider token made for it, to be kept.
    pub(super) minted: Option<KeptToken>,
}

impl Line {
    /// A line for a stored credential; `None` when its secret could not be opened.
    pub(super) fn new(loaded: &Loaded, now: Now) -> Option<Self> {
        let (protocol, provider) = match (loaded.key.clone()?, &loaded.details) {
            (Key::Apns(key), Details::Apns(details)) => {
                let token = Mutex::new(loaded.kept_token.clone());
                (Protocol::Http2Only, Provider::Apns { key, details: details.clone(), token })
            }
            (Key::ApnsCertificate(_), Details::ApnsCertificate(details)) => {
                (Protocol::Http2Only, Provider::ApnsCertificate { details: details.clone() })
            }
            (Key::Fcm(account), Details::Fcm(details)) => {
                let access = AsyncMutex::new(None);
                (Protocol::Negotiated, Provider::Fcm { account, details: details.clone(), access })
            }
            (Key::Webhook(key), Details::Webhook(details)) => {
                (Protocol::Negotiated, Provider::Webhook { key, details: details.clone() })
            }
            (Key::WebPush(key), Details::WebPush(details)) => {
                let guard = Guard::new(&details.allowed_hosts);
                let (details, tokens) = (details.clone(), Mutex::new(BTreeMap::new()));
                (Protocol::Guarded(guard.clone()), Provider::WebPush { key, details, guard, tokens })
            }
            (Key::Acrobits(_), Details::Acrobits(details)) => {
                (Protocol::Negotiated, Provider::Acrobits { details: details.clone() })
            }
            (
                Key::Apns(_)
                | Key::ApnsCertificate(_)
                | Key::Fcm(_)
                | Key::Webhook(_)
                | Key::WebPush(_)
                | Key::Acrobits(_),
                _,
            ) => return None,
        };
        let extra_ca_pem = loaded.details.extra_ca_pem().map(str::to_owned);
        let identity_pem = loaded.key.as_ref().and_then(Key::certificate).map(|it| it.identity_pem().clone());
        let client = build(&protocol, extra_ca_pem.as_deref(), identity_pem.as_ref());
        let client = Mutex::new(Client { made_at: now.mono, client });
        Some(Self { protocol, extra_ca_pem, identity_pem, client, provider })
    }

    /// The provider token in use; only APNs has one that is worth keeping.
    pub(super) fn provider_token(&self) -> Option<KeptToken> {
        match &self.provider {
            Provider::Apns { token, .. } => token.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            Provider::ApnsCertificate { .. }
            | Provider::Fcm { .. }
            | Provider::Webhook { .. }
            | Provider::WebPush { .. }
            | Provider::Acrobits { .. } => None,
        }
    }

    /// A client of its own, with no connection; for the live check.
    pub(super) fn new_client(&self) -> Result<reqwest::Client, SendError> {
        self.build().map_err(SendError)
    }

    fn build(&self) -> Result<reqwest::Client, String> {
        build(&self.protocol, self.extra_ca_pem.as_deref(), self.identity_pem.as_ref())
    }

    fn client(&self, connection: Connection, now: Moment) -> Result<reqwest::Client, String> {
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        match connection {
            Connection::Fresh if now.since(client.made_at) >= RECENT => {
                *client = Client { made_at: now, client: self.build() };
            }
            Connection::Fresh | Connection::Usual => {}
        }
        client.client.clone()
    }

    /// Carries out one attempt.
    pub(super) async fn attempt(&self, attempt: Attempt, now: Now) -> Sent {
        let client = match self.client(attempt.connection, now.mono) {
            Ok(client) => client,
            Err(why) => return Sent { outcome: Outcome::Unreachable { why }, minted: None },
        };
        match &self.provider {
            Provider::Apns { key, details, token } => {
                push_apple(&client, (key, details, token), &attempt, now.wall).await
            }
            Provider::ApnsCertificate { details } => push_by_certificate(&client, details, &attempt, now.wall).await,
            Provider::Fcm { account, details, access } => {
                let message = match fcm::build(&attempt.request, now.wall) {
                    Ok(message) => message,
                    Err(refusal) => return refused(refusal),
                };
                let bearer = match access_token(&client, account, access, now.wall, attempt.renew_token).await {
                    Ok(bearer) => bearer,
                    Err(AccessError::Refused(answer)) => {
                        return Sent { outcome: Outcome::Answered(answer), minted: None };
                    }
                    Err(AccessError::Unreachable(SendError(why))) => {
                        return Sent { outcome: Outcome::Unreachable { why }, minted: None };
                    }
                };
                let reply = fcm::send(&client, &details.base_url, account.project_id(), message, &bearer).await;
                Sent { outcome: outcome(reply, fcm::classify), minted: None }
            }
            Provider::Webhook { key, details } => {
                let message = match webhook::build(&attempt.request) {
                    Ok(message) => message,
                    Err(refusal) => return refused(refusal),
                };
                let reply = webhook::send(&client, &details.url, key, message, now.wall).await;
                Sent { outcome: outcome(reply, webhook::classify), minted: None }
            }
            Provider::WebPush { key, details, guard, tokens } => {
                let outcome = push_web(&client, (key, details, guard, tokens), &attempt, now.wall).await;
                Sent { outcome, minted: None }
            }
            Provider::Acrobits { details } => {
                let message = match acrobits::build(&attempt.request) {
                    Ok(message) => message,
                    Err(refusal) => return refused(refusal),
                };
                let reply = acrobits::send(&client, &details.url, message).await;
                Sent { outcome: outcome(reply, acrobits::classify), minted: None }
            }
        }
    }

    /// Makes or fetches the next provider token ahead of time, so that no call waits for it.
    pub(super) async fn upkeep(&self, now: Now) -> Upkeep {
        match &self.provider {
            Provider::Apns { key, token, .. } => match provider_token(key, token, now.wall, false) {
                Ok((_, minted)) => Upkeep { minted, failure: None, fetched: false },
                Err(answer) => Upkeep { minted: None, failure: Some(Outcome::Answered(answer)), fetched: false },
            },
            Provider::Fcm { account, access, .. } => {
                let ends_at = access.lock().await.as_ref().map(|it| it.token.ends_at);
                let step = access_step(ends_at, now.wall, false);
                let done = match step {
                    AccessStep::Use => Ok(()),
                    AccessStep::UseAndFetch => self.fetch(account, access, now).await,
                    // A call that comes now has to wait anyway, so it waits for this fetch instead of its own.
                    AccessStep::Fetch => match self.client(Connection::Usual, now.mono) {
                        Ok(client) => access_token(&client, account, access, now.wall, false).await.map(|_| ()),
                        Err(why) => Err(AccessError::Unreachable(SendError(why))),
                    },
                };
                let fetched = done.is_ok() && step != AccessStep::Use;
                let failure = match done {
                    Ok(()) => None,
                    Err(AccessError::Refused(answer)) => Some(Outcome::Answered(answer)),
                    Err(AccessError::Unreachable(SendError(why))) => Some(Outcome::Unreachable { why }),
                };
                Upkeep { minted: None, failure, fetched }
            }
            // Their signatures are made when they are needed.
            Provider::ApnsCertificate { .. }
            | Provider::Webhook { .. }
            | Provider::WebPush { .. }
            | Provider::Acrobits { .. } => Upkeep { minted: None, failure: None, fetched: false },
        }
    }

    /// Fetches without holding the lock: calls go on with the old token meanwhile.
    async fn fetch(
        &self,
        account: &FcmAccount,
        access: &AsyncMutex<Option<Access>>,
        now: Now,
    ) -> Result<(), AccessError> {
        let client =
            self.client(Connection::Usual, now.mono).map_err(|why| AccessError::Unreachable(SendError(why)))?;
        let token = fcm::fetch_access(&client, account, now.wall).await?;
        *access.lock().await = Some(Access { token, fetched_at: now.wall });
        Ok(())
    }

    /// What the live check of a client certificate needs, or why it is not worth one; `None` for the others.
    pub(super) fn apns_certificate_parts(&self, now: UnixMillis) -> Option<Result<&ApnsCertificateDetails, Answer>> {
        match &self.provider {
            Provider::ApnsCertificate { details } => Some(ended(details, now).map_or(Ok(details), Err)),
            Provider::Apns { .. }
            | Provider::Fcm { .. }
            | Provider::Webhook { .. }
            | Provider::WebPush { .. }
            | Provider::Acrobits { .. } => None,
        }
    }

    /// The pieces the live check of an APNs key needs; `None` for FCM.
    pub(super) fn apns_parts(&self, now: UnixMillis) -> Option<Result<ApnsParts<'_>, Answer>> {
        match &self.provider {
            Provider::Apns { key, details, token } => {
                Some(provider_token(key, token, now, false).map(|(bearer, minted)| ApnsParts {
                    details,
                    bearer,
                    minted,
                }))
            }
            Provider::ApnsCertificate { .. }
            | Provider::Fcm { .. }
            | Provider::Webhook { .. }
            | Provider::WebPush { .. }
            | Provider::Acrobits { .. } => None,
        }
    }

    /// The pieces the live check of a service account needs; `None` for APNs.
    pub(super) fn fcm_parts(&self) -> Option<(&FcmAccount, &FcmDetails)> {
        match &self.provider {
            Provider::Apns { .. }
            | Provider::ApnsCertificate { .. }
            | Provider::Webhook { .. }
            | Provider::WebPush { .. }
            | Provider::Acrobits { .. } => None,
            Provider::Fcm { account, details, .. } => Some((account, details)),
        }
    }

    /// The pieces the live check of a webhook needs; `None` for the others.
    pub(super) fn webhook_parts(&self) -> Option<(&WebhookKey, &WebhookDetails)> {
        match &self.provider {
            Provider::Apns { .. }
            | Provider::ApnsCertificate { .. }
            | Provider::Fcm { .. }
            | Provider::WebPush { .. }
            | Provider::Acrobits { .. } => None,
            Provider::Webhook { key, details } => Some((key, details)),
        }
    }

    /// The key and the contact of Web Push; `None` for the others.
    pub(super) fn vapid_parts(&self) -> Option<(&VapidKey, &WebPushDetails)> {
        match &self.provider {
            Provider::Apns { .. }
            | Provider::ApnsCertificate { .. }
            | Provider::Fcm { .. }
            | Provider::Webhook { .. }
            | Provider::Acrobits { .. } => None,
            Provider::WebPush { key, details, .. } => Some((key, details)),
        }
    }

    /// Where Acrobits' mediator is; `None` for the others.
    pub(super) fn acrobits_parts(&self) -> Option<&AcrobitsDetails> {
        match &self.provider {
            Provider::Apns { .. }
            | Provider::ApnsCertificate { .. }
            | Provider::Fcm { .. }
            | Provider::Webhook { .. }
            | Provider::WebPush { .. } => None,
            Provider::Acrobits { details } => Some(details),
        }
    }
}

/// What upkeep brought.
#[derive(Debug)]
pub(super) struct Upkeep {
    pub(super) minted: Option<KeptToken>,
    pub(super) failure: Option<Outcome>,
    /// The provider gave a token just now, so it accepts the credential.
    pub(super) fetched: bool,
}

/// See [`Line::apns_parts`].
#[derive(Debug)]
pub(super) struct ApnsParts<'a> {
    pub(super) details: &'a ApnsDetails,
    pub(super) bearer: KeptToken,
    pub(super) minted: Option<KeptToken>,
}

/// The base URL of one environment.
pub(super) fn apns_base<'a>(
    (production, sandbox): (&'a BaseUrl, &'a BaseUrl),
    environment: pbx_core::model::Environment,
) -> &'a BaseUrl {
    match environment {
        pbx_core::model::Environment::Production => production,
        pbx_core::model::Environment::Sandbox => sandbox,
    }
}

/// Apple would end the handshake without a word.
pub(super) fn ended(details: &ApnsCertificateDetails, now: UnixMillis) -> Option<Answer> {
    let what =
        "the certificate has ended; make a new one at Apple, or an APNs key, which has no end, and add it under Push";
    (details.ends_at <= now).then(|| {
        Answer::is_final(Verdict::Misconfigured { code: "apns_certificate_ended".to_owned(), what: what.to_owned() })
    })
}

/// How old a provider token is.
pub(super) fn age(issued_at: i64, now: UnixMillis) -> Duration {
    now.since(UnixMillis(issued_at.saturating_mul(1000)))
}

fn refused(refusal: Refusal) -> Sent {
    Sent { outcome: Outcome::Unasked(Answer::is_final(Verdict::Refused { why: refusal.why })), minted: None }
}

fn outcome(reply: Result<Reply, SendError>, classify: impl FnOnce(&Reply) -> Answer) -> Outcome {
    match reply {
        Ok(reply) => Outcome::Answered(Answer { date: reply.date, ..classify(&reply) }),
        Err(SendError(why)) => Outcome::Unreachable { why },
    }
}

/// One attempt at APNs with a token key.
async fn push_apple(
    client: &reqwest::Client,
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
async fn push_by_certificate(
    client: &reqwest::Client,
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
async fn push_web(
    client: &reqwest::Client,
    (key, details, guard, tokens): (&VapidKey, &WebPushDetails, &Guard, &Mutex<BTreeMap<String, VapidToken>>),
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
    match webpush::send(client, guard, message, &token).await {
        Ok(reply) => Outcome::Answered(webpush::classify(&reply)),
        Err(WebPushError::Blocked(why)) => Outcome::Unasked(webpush::blocked(&why)),
        Err(WebPushError::Unreachable(SendError(why))) => Outcome::Unreachable { why },
    }
}

/// The signature for one push service: kept for hours (RFC 8292 section 2 advises it), made anew when it was refused.
fn vapid_token(
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
fn provider_token(
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
async fn access_token(
    client: &reqwest::Client,
    account: &FcmAccount,
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
    let token = fcm::fetch_access(client, account, now).await?;
    let bearer = token.token.clone();
    *cell = Some(Access { token, fetched_at: now });
    Ok(bearer)
}

#[cfg(all(test, feature = "standin"))]
impl Line {
    /// As if the provider token had been issued then; says whether there was one.
    pub(super) fn backdate_provider_token(&self, issued_at: i64) -> bool {
        match &self.provider {
            Provider::Apns { key, token, .. } => {
                let mut token = token.lock().unwrap_or_else(PoisonError::into_inner);
                let older = key.provider_token(issued_at).map(|token| KeptToken { token, issued_at });
                token.is_some() && std::mem::replace(&mut *token, older).is_some()
            }
            Provider::ApnsCertificate { .. }
            | Provider::Fcm { .. }
            | Provider::Webhook { .. }
            | Provider::WebPush { .. }
            | Provider::Acrobits { .. } => false,
        }
    }

    /// As if the access token had been fetched a minute ago.
    pub(super) async fn backdate_access_token(&self) {
        match &self.provider {
            Provider::Apns { .. }
            | Provider::ApnsCertificate { .. }
            | Provider::Webhook { .. }
            | Provider::WebPush { .. }
            | Provider::Acrobits { .. } => {}
            Provider::Fcm { access, .. } => {
                if let Some(access) = access.lock().await.as_mut() {
                    access.fetched_at = access.fetched_at - Duration::from_secs(60);
                }
            }
        }
    }

    /// As after a restart.
    pub(super) async fn forget_access_token(&self) {
        match &self.provider {
            Provider::Apns { .. }
            | Provider::ApnsCertificate { .. }
            | Provider::Webhook { .. }
            | Provider::WebPush { .. }
            | Provider::Acrobits { .. } => {}
            Provider::Fcm { access, .. } => *access.lock().await = None,
        }
    }
}
