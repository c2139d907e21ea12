//! What an admin must know about a credential: one code and one text for each trouble, the same on pages, in the API, in
//! `doctor`, in the log and in the metrics. Pure.

use std::time::Duration;

use pbx_core::model::{Environment, UnixMillis};
use serde::Serialize;

use super::health::{Ending, ProviderHealth};
use crate::credential::{CredentialId, CredentialState, UNREADABLE};
use crate::delivery::Circuit;

/// How long "too many pushes" is shown: two of the provider's usual waits.
const QUOTA_SHOWN: Duration = Duration::from_secs(10 * 60);
/// From here on a difference of clocks is told: Apple takes a proof of identity from up to a minute ahead, and answers are on
/// the way for less than that.
const SKEW_SHOWN: Duration = Duration::from_secs(60);
/// How long before its end a certificate is announced: Apple's developer team or a company's administration is asked in time.
const ENDS_SOON: Duration = Duration::from_secs(30 * 86_400);
/// And when it is announced once more.
const ENDS_THIS_WEEK: Duration = Duration::from_secs(7 * 86_400);
/// How long a phone of the other environment is remembered.
const ENVIRONMENT_SHOWN: Duration = Duration::from_secs(24 * 3600);

/// What to do when a client certificate ends.
const RENEW: &str =
    "Make a new one at Apple, or an APNs key, which has no end, and add it under Push before you remove this one.";

/// The troubles of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlarmCode {
    /// The provider refuses the key: revoked, deleted, or key, id and team do not belong together.
    KeyRefused,
    /// This machine's clock is wrong.
    ClockSkew,
    /// Another program uses the same APNs key.
    TokenUpdates,
    /// The credential works, but not for this app or project, or a permission is missing.
    CredentialRefused,
    /// The secret does not open with this installation's master key.
    Unreadable,
    /// Attempts get no answer.
    Unreachable,
    /// Web Push: a push service that phones named gives no answer.
    ServiceUnreachable,
    /// The provider answers that it has a problem of its own.
    ProviderBusy,
    /// The provider got too many pushes.
    Quota,
    /// A phone's app is of the environment the key is not for.
    KeyEnvironment,
    /// The client certificate or the additional root certificate has ended.
    Ended,
    /// It ends within a week.
    EndsThisWeek,
    /// It ends within a month.
    EndsSoon,
}

impl AlarmCode {
    /// Every code, for metrics and documents.
    pub const ALL: [Self; 13] = [
        Self::KeyRefused,
        Self::ClockSkew,
        Self::TokenUpdates,
        Self::CredentialRefused,
        Self::Unreadable,
        Self::Unreachable,
        Self::ServiceUnreachable,
        Self::ProviderBusy,
        Self::Quota,
        Self::KeyEnvironment,
        Self::Ended,
        Self::EndsThisWeek,
        Self::EndsSoon,
    ];

    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KeyRefused => "push_key_refused",
            Self::ClockSkew => "push_clock_skew",
            Self::TokenUpdates => "push_token_updates",
            Self::CredentialRefused => "push_credential_refused",
            Self::Unreadable => "push_credential_unreadable",
            Self::Unreachable => "push_provider_unreachable",
            Self::ServiceUnreachable => "push_service_unreachable",
            Self::ProviderBusy => "push_provider_busy",
            Self::Quota => "push_quota",
            Self::KeyEnvironment => "push_key_environment",
            Self::Ended => "push_certificate_ended",
            Self::EndsThisWeek => "push_certificate_ends_this_week",
            Self::EndsSoon => "push_certificate_ends_soon",
        }
    }

    /// Whether phones cannot be woken because of it; else it is a warning.
    pub const fn is_failure(self) -> bool {
        match self {
            Self::KeyRefused
            | Self::ClockSkew
            | Self::TokenUpdates
            | Self::CredentialRefused
            | Self::Unreadable
            | Self::Unreachable
            | Self::Ended => true,
            Self::ServiceUnreachable
            | Self::ProviderBusy
            | Self::Quota
            | Self::KeyEnvironment
            | Self::EndsThisWeek
            | Self::EndsSoon => false,
        }
    }

    /// What to do.
    const fn fix(self) -> &'static str {
        match self {
            Self::KeyRefused => {
                "Compare it with the provider's page, make a new key there if it was revoked, and upload it under Push."
            }
            Self::ClockSkew => {
                "Set this machine's clock by NTP (timedatectl set-ntp true), then check the credential again."
            }
            Self::TokenUpdates => "Make a key of its own for Nightbell at Apple and upload it under Push.",
            Self::CredentialRefused => "Correct it at the provider, then check the credential again.",
            Self::Unreadable => {
                "Put the right master.key back, or remove the credential and upload it again under Push."
            }
            Self::Unreachable => "Run the network check under Push; it says which step fails.",
            Self::ServiceUnreachable => {
                "Look whether that service is in trouble; if it stays so, choose another one in the apps of these phones (UnifiedPush)."
            }
            Self::ProviderBusy => "Wait; the provider repairs this. Pushes are tried again meanwhile.",
            Self::Quota => "Look for a loop of calls, or for another program that pushes with the same credential.",
            Self::KeyEnvironment => {
                "Install the app from the store or TestFlight on that phone, or add a key for both environments under Push."
            }
            Self::Ended | Self::EndsThisWeek | Self::EndsSoon => {
                "Ask whoever runs the proxy for its new root certificate and add the credential anew with it."
            }
        }
    }
}

impl Serialize for AlarmCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for AlarmCode {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("What troubles a credential."))
            .enum_values(Some(Self::ALL.map(Self::as_str)))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for AlarmCode {}

/// Whether a clock is so far off that it must be told.
pub(super) const fn is_off(skew_seconds: i64) -> bool {
    skew_seconds.unsigned_abs() >= SKEW_SHOWN.as_secs()
}

/// One trouble of one credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Alarm {
    /// A stable code.
    pub code: AlarmCode,
    /// Which credential.
    pub credential: CredentialId,
    /// What, in telephone words.
    pub text: String,
    /// What to do.
    pub fix: &'static str,
}

/// Every trouble of a credential now, the worst first.
pub(super) fn alarms(health: &ProviderHealth, now: UnixMillis) -> Vec<Alarm> {
    let label = &health.label;
    let mut found: Vec<(AlarmCode, String)> = Vec::new();
    let skew = health.clock_skew_seconds.filter(|skew| is_off(*skew));
    if let Some(skew) = skew {
        found.push((AlarmCode::ClockSkew, of_clock(label, skew)));
    }
    if let CredentialState::Failing { code, text, .. } = &health.state
        // With a wrong clock every signature looks wrong, so it says nothing against the key.
        && !(skew.is_some() && matches!(of_failure(code).0, AlarmCode::ClockSkew | AlarmCode::KeyRefused))
    {
        let (alarm, said) = of_failure(code);
        found.push((alarm, format!("The push credential “{label}” {said}: {}.", text.trim_end_matches('.'))));
    }
    if health.circuit != Circuit::Closed && !found.iter().any(|(code, _)| *code == AlarmCode::Unreachable) {
        let times = health.unanswered_in_a_row;
        found.push((
            AlarmCode::Unreachable,
            format!("The push credential “{label}” gets no answer from its provider: {times} attempts in a row."),
        ));
    }
    if let [(service, times), others @ ..] = health.silent_services.as_slice() {
        let more = if others.is_empty() { String::new() } else { format!(" (and {} more services)", others.len()) };
        let text = format!(
            "The push service {service}{more} gives no answer: {times} attempts in a row; phones that use it cannot be woken."
        );
        found.push((AlarmCode::ServiceUnreachable, text));
    }
    if let Some(quota) = &health.last_quota
        && now.since(quota.at) < QUOTA_SHOWN
    {
        found.push((AlarmCode::Quota, format!("The push credential “{label}” is slowed down: {}.", quota.text)));
    }
    if let Some((environment, at)) = health.refused_environment
        && now.since(at) < ENVIRONMENT_SHOWN
    {
        found.push((AlarmCode::KeyEnvironment, of_environment(label, environment)));
    }
    if let Some(ends) = health.expires_at {
        let what = match health.ending {
            Some(Ending::Own) => "certificate",
            Some(Ending::Root) | None => "root certificate",
        };
        let left = ends.since(now);
        if ends <= now {
            found.push((AlarmCode::Ended, format!("The {what} of the push credential “{label}” has ended.")));
        } else if left < ENDS_SOON {
            let code = if left < ENDS_THIS_WEEK { AlarmCode::EndsThisWeek } else { AlarmCode::EndsSoon };
            let days = left.as_secs() / 86_400;
            found.push((code, format!("The {what} of the push credential “{label}” ends in {days} days.")));
        }
    }
    found.sort_by_key(|(code, _)| *code);
    let fix = |code: AlarmCode| match (code, health.ending) {
        (AlarmCode::Ended | AlarmCode::EndsThisWeek | AlarmCode::EndsSoon, Some(Ending::Own)) => RENEW,
        (code, _) => code.fix(),
    };
    let alarm = |(code, text): (AlarmCode, String)| Alarm { code, credential: health.id, text, fix: fix(code) };
    found.into_iter().map(alarm).collect()
}

/// The alarm of a failing state, by the code of the failure.
fn of_failure(code: &str) -> (AlarmCode, &'static str) {
    match code {
        "apns_key" | "apns_certificate" | "apns_forbidden" | "fcm_key" | "fcm_unauthenticated" => {
            (AlarmCode::KeyRefused, "is refused")
        }
        "apns_clock" | "fcm_clock" => (AlarmCode::ClockSkew, "is refused because of the time"),
        "apns_token_updates" => (AlarmCode::TokenUpdates, "is used by another program"),
        "unreachable" => (AlarmCode::Unreachable, "gets no answer from its provider"),
        "provider_busy" => (AlarmCode::ProviderBusy, "waits for its provider"),
        UNREADABLE => (AlarmCode::Unreadable, "cannot be used"),
        _ => (AlarmCode::CredentialRefused, "does not work"),
    }
}

fn of_clock(label: &str, skew: i64) -> String {
    let off = skew.unsigned_abs();
    let amount = if off < 120 { format!("{off} seconds") } else { format!("{} minutes", (off + 30) / 60) };
    let way = if skew > 0 { "fast" } else { "slow" };
    format!(
        "This machine's clock is {amount} {way}, by the clock of the provider of the push credential “{label}”; providers refuse signatures that are not from now."
    )
}

fn of_environment(label: &str, environment: Environment) -> String {
    match environment {
        Environment::Sandbox => format!(
            "The push credential “{label}” is for production only, but a phone with a test build of the app was to be pushed; that phone cannot be woken with it."
        ),
        Environment::Production => format!(
            "The push credential “{label}” is for the sandbox only, but a phone with the app from the store was to be pushed; that phone cannot be woken with it."
        ),
    }
}
