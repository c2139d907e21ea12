//! One credential's connections to its provider and the provider token they carry.

mod attempt;
#[cfg(all(test, feature = "standin"))]
mod backdate;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pbx_core::model::{Moment, Now, Redacted, UnixMillis, Verdict};
use tokio::sync::Mutex as AsyncMutex;

use attempt::{
    Source, access_token, provider_token, push_apple, push_by_certificate, push_google, push_huawei, push_web,
};

use super::door::Door;
use crate::credential::{
    AcrobitsDetails, ApnsCertificateDetails, ApnsDetails, ApnsKey, BaseUrl, CredentialKind, Details, FcmAccount,
    FcmDetails, HmsApp, HmsDetails, KeptToken, Key, Loaded, VapidKey, VapidToken, WebPushDetails, WebhookDetails,
    WebhookKey,
};
use crate::delivery::{Answer, Attempt, Connection, Outcome, Refusal, SENDING};
use crate::provider::client::{Protocol, build};
use crate::provider::fcm::{AccessError, AccessToken};
use crate::provider::gate::Gate;
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
    client: Result<reqwest::Client, String>,
    door: Door,
    gate: Gate,
}

impl Client {
    fn new(client: Result<reqwest::Client, String>, made_at: Moment) -> Self {
        Self { made_at, client, door: Door::new(), gate: Gate::default() }
    }
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
    Hms { app: HmsApp, details: HmsDetails, access: AsyncMutex<Option<Access>> },
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
            (Key::Hms(app), Details::Hms(details)) => {
                let access = AsyncMutex::new(None);
                (Protocol::Negotiated, Provider::Hms { app, details: details.clone(), access })
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
                | Key::Hms(_)
                | Key::Webhook(_)
                | Key::WebPush(_)
                | Key::Acrobits(_),
                _,
            ) => return None,
        };
        let extra_ca_pem = loaded.details.extra_ca_pem().map(str::to_owned);
        let identity_pem = loaded.key.as_ref().and_then(Key::certificate).map(|it| it.identity_pem().clone());
        let client = build(&protocol, extra_ca_pem.as_deref(), identity_pem.as_ref());
        let client = Mutex::new(Client::new(client, now.mono));
        Some(Self { protocol, extra_ca_pem, identity_pem, client, provider })
    }

    /// The provider token in use; only APNs has one that is worth keeping.
    pub(super) fn provider_token(&self) -> Option<KeptToken> {
        match &self.provider {
            Provider::Apns { token, .. } => token.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            Provider::ApnsCertificate { .. }
            | Provider::Fcm { .. }
            | Provider::Hms { .. }
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

    fn client(&self, connection: Connection, now: Moment) -> Result<(reqwest::Client, Gate), String> {
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        match connection {
            Connection::Fresh if now.since(client.made_at) >= RECENT => {
                *client = Client::new(self.build(), now);
            }
            Connection::Fresh | Connection::Usual => {}
        }
        Ok((client.client.clone()?, client.gate.clone()))
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
        let (client, gate) = match self.client(attempt.connection, now.mono) {
            Ok(both) => both,
            Err(why) => return Sent { outcome: Outcome::Unreachable { why }, minted: None },
        };
        let door = self.door();
        let opening = match &door {
            Some(door) => door.pass().await,
            None => None,
        };
        let sent = self.ask((&client, &gate), attempt, now).await;
        if let (Some(opening), Outcome::Answered(_)) = (opening, &sent.outcome) {
            opening.answered();
        }
        sent
    }

    async fn ask(&self, (client, gate): (&reqwest::Client, &Gate), attempt: Attempt, now: Now) -> Sent {
        match &self.provider {
            Provider::Apns { key, details, token } => {
                push_apple((client, gate), (key, details, token), &attempt, now.wall).await
            }
            Provider::ApnsCertificate { details } => {
                push_by_certificate((client, gate), details, &attempt, now.wall).await
            }
            Provider::Fcm { account, details, access } => {
                push_google((client, gate), (account, details, access), &attempt, now.wall).await
            }
            Provider::Hms { app, details, access } => {
                push_huawei(client, (app, details, access), &attempt, now.wall).await
            }
            Provider::Webhook { key, details } => {
                let message = match webhook::build(&attempt.request) {
                    Ok(message) => message,
                    Err(refusal) => return refused(refusal),
                };
                let reply = webhook::send(client, &details.url, key, message, now.wall).await;
                Sent { outcome: outcome(reply, webhook::classify), minted: None }
            }
            Provider::WebPush { key, details, guard, tokens } => {
                let outcome = push_web(client, (key, details, guard, tokens), &attempt, now.wall).await;
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
            Provider::Fcm { account, access, .. } => self.upkeep_access(Source::Google(account), access, now).await,
            Provider::Hms { app, details, access } => {
                self.upkeep_access(Source::Huawei(app, &details.token_url), access, now).await
            }
            // Their signatures are made when they are needed.
            Provider::ApnsCertificate { .. }
            | Provider::Webhook { .. }
            | Provider::WebPush { .. }
            | Provider::Acrobits { .. } => Upkeep { minted: None, failure: None, fetched: false },
        }
    }

    async fn upkeep_access(&self, source: Source<'_>, access: &AsyncMutex<Option<Access>>, now: Now) -> Upkeep {
        let ends_at = access.lock().await.as_ref().map(|it| it.token.ends_at);
        let step = access_step(ends_at, now.wall, false);
        let done = match step {
            AccessStep::Use => Ok(()),
            AccessStep::UseAndFetch => self.fetch(source, access, now).await,
            // A call that comes now has to wait anyway, so it waits for this fetch instead of its own.
            AccessStep::Fetch => match self.client(Connection::Usual, now.mono) {
                Ok((client, _)) => access_token(&client, source, access, now.wall, false).await.map(|_| ()),
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
        source: Source<'_>,
        access: &AsyncMutex<Option<Access>>,
        now: Now,
    ) -> Result<(), AccessError> {
        let (client, _) =
            self.client(Connection::Usual, now.mono).map_err(|why| AccessError::Unreachable(SendError(why)))?;
        let token = source.fetch(&client, now.wall).await?;
        *access.lock().await = Some(Access { token, fetched_at: now.wall });
        Ok(())
    }

    /// What the live check of a client certificate needs, or why it is not worth one; `None` for the others.
    pub(super) fn apns_certificate_parts(&self, now: UnixMillis) -> Option<Result<&ApnsCertificateDetails, Answer>> {
        match &self.provider {
            Provider::ApnsCertificate { details } => Some(ended(details, now).map_or(Ok(details), Err)),
            Provider::Apns { .. }
            | Provider::Fcm { .. }
            | Provider::Hms { .. }
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
            | Provider::Hms { .. }
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
            | Provider::Hms { .. }
            | Provider::Webhook { .. }
            | Provider::WebPush { .. }
            | Provider::Acrobits { .. } => None,
            Provider::Fcm { account, details, .. } => Some((account, details)),
        }
    }

    /// The pieces the live check of a Huawei app needs; `None` for the others.
    pub(super) fn hms_parts(&self) -> Option<(&HmsApp, &HmsDetails)> {
        match &self.provider {
            Provider::Hms { app, details, .. } => Some((app, details)),
            Provider::Apns { .. }
            | Provider::ApnsCertificate { .. }
            | Provider::Fcm { .. }
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
            | Provider::Fcm { .. }
            | Provider::Hms { .. }
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
            | Provider::Hms { .. }
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
            | Provider::Hms { .. }
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
