//! From what an admin gives to what is stored, without asking anybody.

use pbx_core::model::{Redacted, UnixMillis};
use serde::{Deserialize, Serialize};

use super::apns_certificate::{Upload, app_of};
use super::apns_key::{fingerprint, shortened};
use super::endpoint::check_ca;
use super::{
    ACROBITS_MEDIATOR, APNS_PRODUCTION, APNS_SANDBOX, ApnsCertificate, ApnsEnvironment, ApnsKey, BaseUrl,
    CredentialError, CredentialKind, FCM_BASE, FcmAccount, NewAcrobits, NewApnsCertificate, NewApnsKey, NewCredential,
    NewFcmAccount, NewWebPush, NewWebhook, VapidKey, WebhookKey, webpush,
};

/// Longer names break every table on a phone.
const LABEL_CHARS: usize = 60;
/// Apple's bundle ids have at most 155 characters; topics add five.
const BUNDLE_ID_BYTES: usize = 155;

/// Everything about a credential that is no secret; stored as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "provider")]
pub(crate) enum Details {
    Apns(ApnsDetails),
    ApnsCertificate(ApnsCertificateDetails),
    Fcm(FcmDetails),
    Webhook(WebhookDetails),
    #[serde(rename = "webpush")]
    WebPush(WebPushDetails),
    Acrobits(AcrobitsDetails),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ApnsDetails {
    pub(crate) key_id: String,
    pub(crate) team_id: String,
    pub(crate) bundle_ids: Vec<String>,
    pub(crate) environment: ApnsEnvironment,
    pub(crate) production_url: BaseUrl,
    pub(crate) sandbox_url: BaseUrl,
    pub(crate) extra_ca_pem: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ApnsCertificateDetails {
    pub(crate) topics: Vec<String>,
    pub(crate) team_id: Option<String>,
    pub(crate) environment: ApnsEnvironment,
    /// Apple refuses it from then on.
    pub(crate) ends_at: UnixMillis,
    pub(crate) production_url: BaseUrl,
    pub(crate) sandbox_url: BaseUrl,
    pub(crate) extra_ca_pem: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FcmDetails {
    pub(crate) project_id: String,
    pub(crate) client_email: String,
    pub(crate) key_id: Option<String>,
    pub(crate) token_uri: String,
    pub(crate) sender_id: Option<String>,
    pub(crate) base_url: BaseUrl,
    pub(crate) extra_ca_pem: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WebhookDetails {
    pub(crate) url: BaseUrl,
    pub(crate) app_ids: Vec<String>,
    pub(crate) extra_ca_pem: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WebPushDetails {
    pub(crate) contact: String,
    pub(crate) public_key: String,
    pub(crate) allowed_hosts: Vec<String>,
    pub(crate) extra_ca_pem: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AcrobitsDetails {
    pub(crate) url: BaseUrl,
    pub(crate) app_ids: Vec<String>,
    pub(crate) extra_ca_pem: Option<String>,
}

impl Details {
    /// What a provider counts new provider tokens for, if it counts them: Apple's key, whatever row it is stored in.
    pub(crate) fn token_identity(&self, fingerprint: &str) -> Option<String> {
        match self {
            Self::Apns(apns) => Some(format!("{fingerprint}:{}:{}", apns.key_id, apns.team_id)),
            Self::ApnsCertificate(_) | Self::Fcm(_) | Self::Webhook(_) | Self::WebPush(_) | Self::Acrobits(_) => None,
        }
    }

    pub(crate) fn kind(&self) -> CredentialKind {
        match self {
            Self::Apns(_) | Self::ApnsCertificate(_) => CredentialKind::Apns,
            Self::Fcm(_) => CredentialKind::Fcm,
            Self::Webhook(_) => CredentialKind::Webhook,
            Self::WebPush(_) => CredentialKind::WebPush,
            Self::Acrobits(_) => CredentialKind::Acrobits,
        }
    }

    /// The apps it names; see [`super::fit`].
    pub(crate) fn app_ids(&self) -> Vec<&str> {
        match self {
            Self::Apns(apns) => apns.bundle_ids.iter().map(String::as_str).collect(),
            Self::ApnsCertificate(certificate) => {
                let mut apps: Vec<&str> = certificate.topics.iter().map(|topic| app_of(topic)).collect();
                apps.dedup();
                apps
            }
            Self::Fcm(fcm) => std::iter::once(fcm.project_id.as_str()).chain(fcm.sender_id.as_deref()).collect(),
            Self::Webhook(webhook) => webhook.app_ids.iter().map(String::as_str).collect(),
            // Every app of every push service.
            Self::WebPush(_) => Vec::new(),
            Self::Acrobits(acrobits) => acrobits.app_ids.iter().map(String::as_str).collect(),
        }
    }

    /// What it may push to and no more, if it says so itself; only certificates do.
    pub(crate) fn topics(&self) -> Option<Vec<&str>> {
        match self {
            Self::ApnsCertificate(certificate) => Some(certificate.topics.iter().map(String::as_str).collect()),
            Self::Apns(_) | Self::Fcm(_) | Self::Webhook(_) | Self::WebPush(_) | Self::Acrobits(_) => None,
        }
    }

    /// Where it is valid; APNs only.
    pub(crate) fn environment(&self) -> Option<ApnsEnvironment> {
        match self {
            Self::Apns(apns) => Some(apns.environment),
            Self::ApnsCertificate(certificate) => Some(certificate.environment),
            Self::Fcm(_) | Self::Webhook(_) | Self::WebPush(_) | Self::Acrobits(_) => None,
        }
    }

    /// When it ends by itself; only certificates do.
    pub(crate) fn ends_at(&self) -> Option<UnixMillis> {
        match self {
            Self::ApnsCertificate(certificate) => Some(certificate.ends_at),
            Self::Apns(_) | Self::Fcm(_) | Self::Webhook(_) | Self::WebPush(_) | Self::Acrobits(_) => None,
        }
    }

    pub(crate) fn extra_ca_pem(&self) -> Option<&str> {
        match self {
            Self::Apns(apns) => apns.extra_ca_pem.as_deref(),
            Self::ApnsCertificate(certificate) => certificate.extra_ca_pem.as_deref(),
            Self::Fcm(fcm) => fcm.extra_ca_pem.as_deref(),
            Self::Webhook(webhook) => webhook.extra_ca_pem.as_deref(),
            Self::WebPush(web_push) => web_push.extra_ca_pem.as_deref(),
            Self::Acrobits(acrobits) => acrobits.extra_ca_pem.as_deref(),
        }
    }
}

/// The usable part of a credential.
#[derive(Debug, Clone)]
pub(crate) enum Key {
    Apns(ApnsKey),
    ApnsCertificate(ApnsCertificate),
    Fcm(FcmAccount),
    Webhook(WebhookKey),
    WebPush(VapidKey),
    /// The mediator asks for none; this is the fingerprint of its address.
    Acrobits(String),
}

impl Key {
    pub(crate) fn fingerprint(&self) -> &str {
        match self {
            Self::Apns(key) => key.fingerprint(),
            Self::ApnsCertificate(certificate) => certificate.fingerprint(),
            Self::Fcm(account) => account.fingerprint(),
            Self::Webhook(key) => key.fingerprint(),
            Self::WebPush(key) => key.fingerprint(),
            Self::Acrobits(fingerprint) => fingerprint,
        }
    }

    /// The client certificate, if it is one.
    pub(crate) fn certificate(&self) -> Option<&ApnsCertificate> {
        match self {
            Self::ApnsCertificate(certificate) => Some(certificate),
            Self::Apns(_) | Self::Fcm(_) | Self::Webhook(_) | Self::WebPush(_) | Self::Acrobits(_) => None,
        }
    }

    /// Reads the stored secret again.
    pub(crate) fn parse(details: &Details, secret: &str) -> Result<Self, CredentialError> {
        match details {
            Details::Apns(apns) => ApnsKey::parse(&apns.key_id, &apns.team_id, secret).map(Self::Apns),
            Details::ApnsCertificate(_) => ApnsCertificate::stored(secret).map(Self::ApnsCertificate),
            Details::Fcm(_) => FcmAccount::parse(secret).map(Self::Fcm),
            Details::Webhook(_) => WebhookKey::parse(secret).map(Self::Webhook),
            Details::WebPush(_) => VapidKey::parse(secret).map(Self::WebPush),
            Details::Acrobits(acrobits) => Ok(Self::Acrobits(fingerprint(acrobits.url.as_str().as_bytes()))),
        }
    }
}

/// A credential that may be stored.
#[derive(Debug)]
pub(crate) struct Validated {
    pub(crate) label: String,
    pub(crate) details: Details,
    pub(crate) secret: Redacted<String>,
    pub(crate) key: Key,
}

/// Validates everything that can be validated without the provider; `vapid` is this installation's key for Web Push, which
/// only that needs.
pub(crate) fn validate(
    new: NewCredential,
    vapid: Option<Redacted<String>>,
    now: UnixMillis,
) -> Result<Validated, CredentialError> {
    match new {
        NewCredential::Apns(new) => validate_apns(new),
        NewCredential::ApnsCertificate(new) => validate_apns_certificate(new, now),
        NewCredential::Fcm(new) => validate_fcm(new),
        NewCredential::Webhook(new) => validate_webhook(new),
        NewCredential::Acrobits(new) => validate_acrobits(new),
        NewCredential::WebPush(new) => validate_web_push(new, vapid.ok_or(CredentialError::VapidKey)?),
    }
}

fn validate_apns(new: NewApnsKey) -> Result<Validated, CredentialError> {
    let key = ApnsKey::parse(&new.key_id, &new.team_id, new.p8.reveal())?;
    let bundle_ids = new.bundle_ids.iter().map(|it| bundle_id(it)).collect::<Result<Vec<_>, _>>()?;
    let details = ApnsDetails {
        key_id: key.key_id().to_owned(),
        team_id: key.team_id().to_owned(),
        bundle_ids: bundle_ids.into_iter().flatten().collect(),
        environment: new.environment,
        production_url: BaseUrl::parse("production_url", new.endpoint.production_url.as_deref(), APNS_PRODUCTION)?,
        sandbox_url: BaseUrl::parse("sandbox_url", new.endpoint.sandbox_url.as_deref(), APNS_SANDBOX)?,
        extra_ca_pem: check_ca(new.endpoint.extra_ca_pem.as_deref())?,
    };
    Ok(Validated {
        label: label(&new.label, || format!("APNs key {}", key.key_id()))?,
        details: Details::Apns(details),
        secret: new.p8,
        key: Key::Apns(key),
    })
}

fn validate_apns_certificate(new: NewApnsCertificate, now: UnixMillis) -> Result<Validated, CredentialError> {
    let text = |secret: &Option<Redacted<String>>| secret.as_ref().map_or("", |it| it.reveal().as_str()).to_owned();
    let (key, password) = (Redacted::new(text(&new.key)), Redacted::new(text(&new.password)));
    let upload = Upload { file: new.certificate.reveal(), key: key.reveal(), password: password.reveal() };
    let certificate = ApnsCertificate::read(upload, now)?;
    let details = ApnsCertificateDetails {
        topics: certificate.topics().to_vec(),
        team_id: certificate.team_id().map(str::to_owned),
        environment: certificate.environment(),
        ends_at: certificate.ends_at(),
        production_url: BaseUrl::parse("production_url", new.endpoint.production_url.as_deref(), APNS_PRODUCTION)?,
        sandbox_url: BaseUrl::parse("sandbox_url", new.endpoint.sandbox_url.as_deref(), APNS_SANDBOX)?,
        extra_ca_pem: check_ca(new.endpoint.extra_ca_pem.as_deref())?,
    };
    let app = details.topics.first().map_or("", |topic| app_of(topic));
    Ok(Validated {
        label: label(&new.label, || format!("APNs certificate {app}").chars().take(LABEL_CHARS).collect())?,
        details: Details::ApnsCertificate(details),
        secret: certificate.identity_pem().clone(),
        key: Key::ApnsCertificate(certificate),
    })
}

fn validate_fcm(new: NewFcmAccount) -> Result<Validated, CredentialError> {
    let account = FcmAccount::parse(new.service_account_json.reveal())?;
    let details = FcmDetails {
        project_id: account.project_id().to_owned(),
        client_email: account.client_email().to_owned(),
        key_id: account.key_id().map(str::to_owned),
        token_uri: account.token_uri().to_owned(),
        sender_id: sender_id(new.sender_id.as_deref())?,
        base_url: BaseUrl::parse("base_url", new.base_url.as_deref(), FCM_BASE)?,
        extra_ca_pem: check_ca(new.extra_ca_pem.as_deref())?,
    };
    Ok(Validated {
        label: label(&new.label, || format!("FCM {}", account.project_id()))?,
        details: Details::Fcm(details),
        secret: new.service_account_json,
        key: Key::Fcm(account),
    })
}

fn validate_webhook(new: NewWebhook) -> Result<Validated, CredentialError> {
    let key = WebhookKey::parse(new.secret.reveal())?;
    let app_ids = new.app_ids.iter().map(|it| app_id(it)).collect::<Result<Vec<_>, _>>()?;
    let details = WebhookDetails {
        url: BaseUrl::required("url", &new.url)?,
        app_ids: app_ids.into_iter().flatten().collect(),
        extra_ca_pem: check_ca(new.extra_ca_pem.as_deref())?,
    };
    Ok(Validated {
        label: label(&new.label, || format!("Relay {}", details.url.host()))?,
        details: Details::Webhook(details),
        secret: new.secret,
        key: Key::Webhook(key),
    })
}

fn validate_web_push(new: NewWebPush, secret: Redacted<String>) -> Result<Validated, CredentialError> {
    let key = VapidKey::parse(secret.reveal())?;
    let details = WebPushDetails {
        contact: webpush::contact(&new.contact)?,
        public_key: key.public_key().to_owned(),
        allowed_hosts: webpush::hosts(&new.allowed_hosts)?,
        extra_ca_pem: check_ca(new.extra_ca_pem.as_deref())?,
    };
    Ok(Validated {
        label: label(&new.label, || "Web Push".to_owned())?,
        details: Details::WebPush(details),
        secret,
        key: Key::WebPush(key),
    })
}

fn validate_acrobits(new: NewAcrobits) -> Result<Validated, CredentialError> {
    let app_ids = new.app_ids.iter().map(|it| app_id(it)).collect::<Result<Vec<_>, _>>()?;
    let details = AcrobitsDetails {
        url: BaseUrl::parse("url", new.url.as_deref(), ACROBITS_MEDIATOR)?,
        app_ids: app_ids.into_iter().flatten().collect(),
        extra_ca_pem: check_ca(new.extra_ca_pem.as_deref())?,
    };
    let secret = Redacted::new(String::new());
    let details = Details::Acrobits(details);
    let key = Key::parse(&details, secret.reveal())?;
    Ok(Validated { label: label(&new.label, || "Acrobits".to_owned())?, details, secret, key })
}

fn label(given: &str, otherwise: impl FnOnce() -> String) -> Result<String, CredentialError> {
    let given: String = given.trim().chars().filter(|c| !c.is_control()).collect();
    let chars = given.chars().count();
    if chars > LABEL_CHARS {
        return Err(CredentialError::Label { chars, limit: LABEL_CHARS });
    }
    Ok(if given.is_empty() { otherwise() } else { given })
}

/// A bundle id, a project or a sender id; `None` for an empty line of a form.
fn app_id(given: &str) -> Result<Option<String>, CredentialError> {
    let given = given.trim();
    if given.is_empty() {
        return Ok(None);
    }
    let legal = given.len() <= BUNDLE_ID_BYTES
        && given.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b':'))
        && !given.ends_with(".voip");
    if legal { Ok(Some(given.to_owned())) } else { Err(CredentialError::AppId { given: shortened(given) }) }
}

/// `None` for an empty line of a form.
fn bundle_id(given: &str) -> Result<Option<String>, CredentialError> {
    let given = given.trim();
    if given.is_empty() {
        return Ok(None);
    }
    let legal = given.len() <= BUNDLE_ID_BYTES
        && given.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
        && given.contains('.')
        && !given.starts_with('.')
        && !given.ends_with('.')
        && !given.ends_with(".voip");
    if legal { Ok(Some(given.to_owned())) } else { Err(CredentialError::BundleId { given: shortened(given) }) }
}

fn sender_id(given: Option<&str>) -> Result<Option<String>, CredentialError> {
    let Some(given) = given.map(str::trim).filter(|given| !given.is_empty()) else { return Ok(None) };
    let legal = given.len() <= 20 && given.bytes().all(|b| b.is_ascii_digit());
    if legal { Ok(Some(given.to_owned())) } else { Err(CredentialError::SenderId { given: shortened(given) }) }
}

#[cfg(test)]
mod tests;
