//! One credential's connections to its provider and the provider token they carry.

mod attempt;
#[cfg(all(test, feature = "standin"))]
mod backdate;
mod bearer;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pbx_core::model::{Moment, Now, Redacted, UnixMillis, Verdict};
use tokio::sync::Mutex as AsyncMutex;

use attempt::{access_token, provider_token, push_apple, push_by_bearer, push_by_certificate, push_web};
pub(super) use bearer::BearerService;

use super::door::Door;
use crate::credential::{
    AcrobitsDetails, ApnsCertificateDetails, ApnsDetails, ApnsKey, BaseUrl, CredentialKind, Details, KeptToken, Key,
    Loaded, VapidKey, VapidToken, WebPushDetails, WebhookDetails, WebhookKey,
};
use crate::delivery::{Answer, Attempt, Connection, Outcome, Refusal, SENDING};
use crate::egress::LiveProxy;
use crate::provider::access::{AccessError, AccessToken};
use crate::provider::client::{HttpClient, Protocol};
use crate::provider::guard::Guard;
use crate::provider::token::{AccessStep, access_step};
use crate::provider::{Reply, SendError, acrobits, webhook};

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
        CredentialKind::Hms | CredentialKind::Webhook | CredentialKind::WebPush | CredentialKind::Acrobits => SENDING,
    }
}

/// The client in use; replacing it leaves every connection of the old one behind.
#[derive(Debug)]
struct Client {
    made_at: Moment,
    /// Which way its connections took, by the number of the proxy setting.
    way: u64,
    client: Result<HttpClient, String>,
    door: Door,
}

/// How a credential's provider is asked.
#[derive(Debug)]
pub(super) struct Line {
    protocol: Protocol,
    extra_ca_pem: Option<String>,
    /// What is shown in the handshake; a client certificate only.
    identity_pem: Option<Redacted<String>>,
    proxy: LiveProxy,
    client: Mutex<Client>,
    provider: Provider,
}

#[derive(Debug)]
enum Provider {
    Apns { key: ApnsKey, details: ApnsDetails, token: Mutex<Option<KeptToken>> },
    ApnsCertificate { details: ApnsCertificateDetails },
    Bearer { service: BearerService, access: AsyncMutex<Option<Access>> },
    Webhook { key: WebhookKey, details: WebhookDetails },
    WebPush { key: VapidKey, details: WebPushDetails, tokens: Mutex<BTreeMap<String, VapidToken>> },
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
    pub(super) fn new(loaded: &Loaded, proxy: &LiveProxy, now: Now) -> Option<Self> {
        let (protocol, provider) = match (loaded.key.clone()?, &loaded.details) {
            (Key::Apns(key), Details::Apns(details)) => {
                let token = Mutex::new(loaded.kept_token.clone());
                (Protocol::Http2Only, Provider::Apns { key, details: details.clone(), token })
            }
            (Key::ApnsCertificate(_), Details::ApnsCertificate(details)) => {
                (Protocol::Http2Only, Provider::ApnsCertificate { details: details.clone() })
            }
            (Key::Fcm(account), Details::Fcm(details)) => {
                let service = BearerService::Google(account, details.clone());
                (Protocol::Negotiated, Provider::Bearer { service, access: AsyncMutex::new(None) })
            }
            (Key::Hms(app), Details::Hms(details)) => {
                let service = BearerService::Huawei(app, details.clone());
                (Protocol::Negotiated, Provider::Bearer { service, access: AsyncMutex::new(None) })
            }
            (Key::Webhook(key), Details::Webhook(details)) => {
                (Protocol::Negotiated, Provider::Webhook { key, details: details.clone() })
            }
            (Key::WebPush(key), Details::WebPush(details)) => {
                let guard = Guard::new(&details.allowed_hosts);
                let (details, tokens) = (details.clone(), Mutex::new(BTreeMap::new()));
                (Protocol::Guarded(guard), Provider::WebPush { key, details, tokens })
            }
            (Key::Acrobits(_), Details::Acrobits(details)) => {
                (Protocol::Negotiated, Provider::Acrobits { details: details.clone() })
            }
            (
                Key::Apns(_)
                | Key::ApnsCertificate(_)
                | Key::Fcm(_)
                | Key::Hms(_)
                | Key::Webhook(_)
                | Key::WebPush(_)
                | Key::Acrobits(_),
                _,
            ) => return None,
        };
        let extra_ca_pem = loaded.details.extra_ca_pem().map(str::to_owned);
        let identity_pem = loaded.key.as_ref().and_then(Key::certificate).map(|it| it.identity_pem().clone());
        let client = HttpClient::new(&protocol, proxy, extra_ca_pem.as_deref(), identity_pem.as_ref());
        let client = Client { made_at: now.mono, way: proxy.version(), client, door: Door::new() };
        let (proxy, client) = (proxy.clone(), Mutex::new(client));
        Some(Self { protocol, extra_ca_pem, identity_pem, proxy, client, provider })
    }

    /// The provider token in use; only APNs has one that is worth keeping.
    pub(super) fn provider_token(&self) -> Option<KeptToken> {
        match &self.provider {
            Provider::Apns { token, .. } => token.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            Provider::ApnsCertificate { .. }
            | Provider::Bearer { .. }
            | Provider::Webhook { .. }
            | Provider::WebPush { .. }
            | Provider::Acrobits { .. } => None,
        }
    }

    /// A client of its own, with no connection; for the live check.
    pub(super) fn new_client(&self) -> Result<HttpClient, SendError> {
        self.build().map_err(SendError)
    }

    fn build(&self) -> Result<HttpClient, String> {
        HttpClient::new(&self.protocol, &self.proxy, self.extra_ca_pem.as_deref(), self.identity_pem.as_ref())
    }

    /// The client in use. Another web proxy, or none any more, is another client: what is on the wire ends on the old way, and
    /// whatever comes next takes the new one.
    fn client(&self, connection: Connection, now: Moment) -> Result<HttpClient, String> {
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        let way = self.proxy.version();
        let stale = match connection {
            Connection::Fresh => now.since(client.made_at) >= RECENT,
            Connection::Usual => false,
        };
        if stale || client.way != way {
            *client = Client { made_at: now, way, client: self.build(), door: Door::new() };
        }
        client.client.clone()
    }

    /// The way into the client's connection, where many attempts would open many, or more streams than a new one allows.
    fn door(&self) -> Option<Door> {
        match self.protocol {
            Protocol::Http2Only | Protocol::Negotiated => {
                Some(self.client.lock().unwrap_or_else(PoisonError::into_inner).door.clone())
            }
            // Web Push has one client for many services.
            Protocol::Guarded(_) => None,
        }
    }

    /// Carries out one attempt.
    pub(super) async fn attempt(&self, attempt: Attempt, now: Now) -> Sent {
        let client = match self.client(attempt.connection, now.mono) {
            Ok(client) => client,
            Err(why) => return Sent { outcome: Outcome::Unreachable { why }, minted: None },
        };
        let door = self.door();
        let opening = match &door {
            Some(door) => door.pass().await,
            None => None,
        };
        let sent = self.ask(&client, attempt, now).await;
        if let (Some(opening), Outcome::Answered(_)) = (opening, &sent.outcome) {
            opening.answered();
        }
        sent
    }

    async fn ask(&self, client: &HttpClient, attempt: Attempt, now: Now) -> Sent {
        match &self.provider {
            Provider::Apns { key, details, token } => {
                push_apple(client, (key, details, token), &attempt, now.wall).await
            }
            Provider::ApnsCertificate { details } => push_by_certificate(client, details, &attempt, now.wall).await,
            Provider::Bearer { service, access } => push_by_bearer(client, (service, access), &attempt, now.wall).await,
            Provider::Webhook { key, details } => {
                let message = match webhook::build(&attempt.request) {
                    Ok(message) => message,
                    Err(refusal) => return refused(refusal),
                };
                let reply = webhook::send(client, &details.url, key, message, now.wall).await;
                Sent { outcome: outcome(reply, webhook::classify), minted: None }
            }
            Provider::WebPush { key, details, tokens } => {
                let outcome = push_web(client, (key, details, tokens), &attempt, now.wall).await;
                Sent { outcome, minted: None }
            }
            Provider::Acrobits { details } => {
                let message = match acrobits::build(&attempt.request) {
                    Ok(message) => message,
                    Err(refusal) => return refused(refusal),
                };
                let reply = acrobits::send(client, &details.url, message).await;
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
            Provider::Bearer { service, access } => self.upkeep_access(service, access, now).await,
            // Their signatures are made when they are needed.
            Provider::ApnsCertificate { .. }
            | Provider::Webhook { .. }
            | Provider::WebPush { .. }
            | Provider::Acrobits { .. } => Upkeep { minted: None, failure: None, fetched: false },
        }
    }

    async fn upkeep_access(&self, service: &BearerService, access: &AsyncMutex<Option<Access>>, now: Now) -> Upkeep {
        let ends_at = access.lock().await.as_ref().map(|it| it.token.ends_at);
        let step = access_step(ends_at, now.wall, false);
        let done = match step {
            AccessStep::Use => Ok(()),
            AccessStep::UseAndFetch => self.fetch(service, access, now).await,
            // A call that comes now has to wait anyway, so it waits for this fetch instead of its own.
            AccessStep::Fetch => match self.client(Connection::Usual, now.mono) {
                Ok(client) => access_token(&client, service, access, now.wall, false).await.map(|_| ()),
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

    /// Fetches without holding the lock: calls go on with the old token meanwhile.
    async fn fetch(
        &self,
        service: &BearerService,
        access: &AsyncMutex<Option<Access>>,
        now: Now,
    ) -> Result<(), AccessError> {
        let client =
            self.client(Connection::Usual, now.mono).map_err(|why| AccessError::Unreachable(SendError(why)))?;
        let token = service.fetch(&client, now.wall).await?;
        *access.lock().await = Some(Access { token, fetched_at: now.wall });
        Ok(())
    }

    /// What the live check of a client certificate needs, or why it is not worth one; `None` for the others.
    pub(super) fn apns_certificate_parts(&self, now: UnixMillis) -> Option<Result<&ApnsCertificateDetails, Answer>> {
        match &self.provider {
            Provider::ApnsCertificate { details } => Some(ended(details, now).map_or(Ok(details), Err)),
            Provider::Apns { .. }
            | Provider::Bearer { .. }
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
            | Provider::Bearer { .. }
            | Provider::Webhook { .. }
            | Provider::WebPush { .. }
            | Provider::Acrobits { .. } => None,
        }
    }

    /// The service the live check of a service account or a Huawei app asks; `None` for the others.
    pub(super) fn bearer_service(&self) -> Option<&BearerService> {
        match &self.provider {
            Provider::Bearer { service, .. } => Some(service),
            Provider::Apns { .. }
            | Provider::ApnsCertificate { .. }
            | Provider::Webhook { .. }
            | Provider::WebPush { .. }
            | Provider::Acrobits { .. } => None,
        }
    }

    /// The pieces the live check of a webhook needs; `None` for the others.
    pub(super) fn webhook_parts(&self) -> Option<(&WebhookKey, &WebhookDetails)> {
        match &self.provider {
            Provider::Apns { .. }
            | Provider::ApnsCertificate { .. }
            | Provider::Bearer { .. }
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
            | Provider::Bearer { .. }
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
            | Provider::Bearer { .. }
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
