//! What receivers are told, in which words. Pure; docs/event-webhooks.md and the `webhooks` of the OpenAPI document describe it.

use std::fmt;
use std::str::FromStr;

use pbx_core::model::{
    CallEnding, CallRecord, DeviceId, DeviceSummary, Presence, TargetHealth, TimelineStep, UnixMillis,
};
use push_module::Alarm;
use serde::{Deserialize, Serialize};

use crate::t;

/// The longest text that is passed on: reasons are sentences, names of phones are short.
const TEXT_CHARS: usize = 300;

/// A kind of event, as an admin chooses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) enum EventKind {
    /// Somebody calls an extension.
    #[serde(rename = "call.incoming")]
    CallIncoming,
    /// A phone rings.
    #[serde(rename = "call.ringing")]
    CallRinging,
    /// A phone answered.
    #[serde(rename = "call.answered")]
    CallAnswered,
    /// The call is over and nobody has answered or declined it.
    #[serde(rename = "call.missed")]
    CallMissed,
    /// The call is over, however it ended.
    #[serde(rename = "call.ended")]
    CallEnded,
    /// A phone has a live binding that had none.
    #[serde(rename = "device.registered")]
    DeviceRegistered,
    /// A phone's live binding is gone.
    #[serde(rename = "device.unregistered")]
    DeviceUnregistered,
    /// A push for a call was refused or given up.
    #[serde(rename = "device.push_failed")]
    PushFailed,
    /// A provider says that a phone's push token has ended.
    #[serde(rename = "device.token_revoked")]
    TokenRevoked,
    /// A push credential is in trouble, or is out of it.
    #[serde(rename = "credential.alarm")]
    CredentialAlarm,
}

impl EventKind {
    pub(crate) const ALL: [Self; 10] = [
        Self::CallIncoming,
        Self::CallRinging,
        Self::CallAnswered,
        Self::CallMissed,
        Self::CallEnded,
        Self::DeviceRegistered,
        Self::DeviceUnregistered,
        Self::PushFailed,
        Self::TokenRevoked,
        Self::CredentialAlarm,
    ];

    /// The word in `type`, in the API and in the database.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::CallIncoming => "call.incoming",
            Self::CallRinging => "call.ringing",
            Self::CallAnswered => "call.answered",
            Self::CallMissed => "call.missed",
            Self::CallEnded => "call.ended",
            Self::DeviceRegistered => "device.registered",
            Self::DeviceUnregistered => "device.unregistered",
            Self::PushFailed => "device.push_failed",
            Self::TokenRevoked => "device.token_revoked",
            Self::CredentialAlarm => "credential.alarm",
        }
    }

    /// As the form says it.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::CallIncoming => t("event-call-incoming"),
            Self::CallRinging => t("event-call-ringing"),
            Self::CallAnswered => t("event-call-answered"),
            Self::CallMissed => t("event-call-missed"),
            Self::CallEnded => t("event-call-ended"),
            Self::DeviceRegistered => t("event-registered"),
            Self::DeviceUnregistered => t("event-unregistered"),
            Self::PushFailed => t("event-push-failed"),
            Self::TokenRevoked => t("event-token-ended"),
            Self::CredentialAlarm => t("event-credential"),
        }
    }

    /// Whether the switchboard has to be asked about phones for it.
    pub(crate) const fn is_about_devices(self) -> bool {
        match self {
            Self::DeviceRegistered | Self::DeviceUnregistered | Self::TokenRevoked => true,
            Self::CallIncoming
            | Self::CallRinging
            | Self::CallAnswered
            | Self::CallMissed
            | Self::CallEnded
            | Self::PushFailed
            | Self::CredentialAlarm => false,
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EventKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    /// The header `webhook-id`.
    pub(crate) id: String,
    pub(crate) kind: EventKind,
    pub(crate) body: String,
}

/// The document of an event, in the outline of the Standard Webhooks specification.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = EventDocument)]
pub(crate) struct Document<D> {
    #[serde(rename = "type")]
    kind: &'static str,
    /// When it happened, RFC 3339 in UTC.
    timestamp: String,
    data: D,
}

/// The caller.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = EventCaller)]
pub(crate) struct CallerData {
    number: String,
    /// May be empty.
    name: String,
}

/// A call, as far as it has got.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = EventCall)]
pub(crate) struct CallData {
    /// The public name of the call; the same in every event about it.
    call: String,
    /// Its row in the call log: `GET /api/v1/calls/{id}`.
    id: i64,
    caller: CallerData,
    /// The extension that was dialled.
    callee: String,
    /// The phone that rings, has answered, or could not be pushed.
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<i64>,
    /// Unix milliseconds.
    started_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    answered_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<i64>,
    /// Why it ended; see `ending` of the call log.
    #[serde(skip_serializing_if = "Option::is_none")]
    ending: Option<&'static str>,
    /// The same, or why the push failed, as a sentence.
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
}

/// A phone.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = EventDevice)]
pub(crate) struct DeviceData {
    /// Its row: `GET /api/v1/registrations`.
    device: i64,
    extension: String,
    /// What it calls itself.
    user_agent: String,
    /// Whether calls reach it now.
    presence: Presence,
    /// Why it is unreachable, or why the token has ended.
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
}

/// A push credential's trouble.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = EventAlarm)]
pub(crate) struct AlarmData {
    credential: i64,
    code: &'static str,
    text: String,
    fix: String,
    /// Whether it begins; it is over otherwise.
    raised: bool,
}

/// A test by the button.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = EventTest)]
pub(crate) struct TestData {
    message: &'static str,
}

fn document(kind: &'static str, at: UnixMillis, data: impl Serialize) -> String {
    let timestamp = crate::clock::stamp(at).exact;
    // Our own types hold nothing that JSON cannot say.
    serde_json::to_string(&Document { kind, timestamp, data }).unwrap_or_default()
}

/// A full stop parts the id from the time in what is signed, so none is in the id.
fn in_id(kind: EventKind) -> String {
    kind.as_str().replace('.', "_")
}

fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(TEXT_CHARS).collect()
}

/// The test of a receiver.
pub(crate) fn test(at: UnixMillis) -> String {
    document("webhook.test", at, TestData { message: "Nightbell sends events here." })
}

/// What a line of a call's timeline means to receivers; the end of a call may be two events.
pub(crate) fn of_step(
    call: &CallRecord,
    (seq, step): (i64, TimelineStep),
    device: Option<DeviceId>,
    (detail, at): (&str, UnixMillis),
) -> Vec<Event> {
    let kinds: &[EventKind] = match step {
        TimelineStep::Invited => &[EventKind::CallIncoming],
        TimelineStep::Ringing => &[EventKind::CallRinging],
        TimelineStep::Answered => &[EventKind::CallAnswered],
        TimelineStep::PushFailed => &[EventKind::PushFailed],
        TimelineStep::Ended if is_missed(call) => &[EventKind::CallEnded, EventKind::CallMissed],
        TimelineStep::Ended => &[EventKind::CallEnded],
        TimelineStep::PushQueued
        | TimelineStep::PushSent
        | TimelineStep::PushAccepted
        | TimelineStep::AppWoke
        | TimelineStep::Registered
        | TimelineStep::InviteSent
        | TimelineStep::CallerHearsRinging
        | TimelineStep::BranchEnded => &[],
    };
    let event = |kind: &EventKind| {
        let over = step == TimelineStep::Ended;
        let data = CallData {
            call: call.uuid.to_string(),
            id: call.id.0,
            caller: CallerData { number: plain(&call.caller), name: plain(&call.caller_name) },
            callee: plain(&call.callee),
            device: device.or(call.answered_by.filter(|_| over)).map(|device| device.0),
            started_at: call.started_at.0,
            answered_at: call.answered_at.map(|at| at.0),
            ended_at: call.ended_at.filter(|_| over).map(|at| at.0),
            ending: call.ending.filter(|_| over).map(CallEnding::as_str),
            reason: plain(match (over, step) {
                (true, _) => &call.reason,
                (false, TimelineStep::PushFailed) => detail,
                (false, _) => "",
            }),
        };
        let id = format!("{}-{seq}-{}", call.uuid, in_id(*kind));
        Event { id, kind: *kind, body: document(kind.as_str(), at, data) }
    };
    kinds.iter().map(event).collect()
}

/// Nobody answered, and nobody said no.
fn is_missed(call: &CallRecord) -> bool {
    call.answered_at.is_none()
        && match call.ending {
            Some(
                CallEnding::CallerGaveUp
                | CallEnding::NoAnswer
                | CallEnding::Busy
                | CallEnding::Unreachable
                | CallEnding::ServerStopped
                | CallEnding::Failed,
            ) => true,
            Some(CallEnding::Completed | CallEnding::Declined | CallEnding::NoSuchNumber | CallEnding::Silence)
            | None => false,
        }
}

/// What is remembered of a phone, to notice what changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    registered: bool,
    revoked: bool,
}

impl Known {
    pub(crate) fn of(device: &DeviceSummary) -> Self {
        let health = device.wake_target.as_ref().map(|target| &target.health);
        Self {
            registered: device.presence == Presence::Registered,
            revoked: matches!(health, Some(TargetHealth::Revoked { .. })),
        }
    }
}

/// What a change of a phone means to receivers; `before` is nothing for a phone that was not known.
pub(crate) fn of_device(before: Option<Known>, device: &DeviceSummary, id: &str, at: UnixMillis) -> Vec<Event> {
    let before = before.unwrap_or(Known { registered: false, revoked: false });
    let after = Known::of(device);
    let mut kinds = Vec::new();
    match (before.registered, after.registered) {
        (false, true) => kinds.push(EventKind::DeviceRegistered),
        (true, false) => kinds.push(EventKind::DeviceUnregistered),
        (true, true) | (false, false) => {}
    }
    if after.revoked && !before.revoked {
        kinds.push(EventKind::TokenRevoked);
    }
    let event = |kind: EventKind| {
        let health = device.wake_target.as_ref().map(|target| &target.health);
        let reason = match (kind, health) {
            (EventKind::TokenRevoked, Some(TargetHealth::Revoked { why, .. })) => why.as_str(),
            (_, _) => device.reason.as_str(),
        };
        let data = DeviceData {
            device: device.id.0,
            extension: device.extension.to_string(),
            user_agent: plain(&device.user_agent),
            presence: device.presence,
            reason: plain(reason),
        };
        Event { id: format!("{id}-{}", in_id(kind)), kind, body: document(kind.as_str(), at, data) }
    };
    kinds.into_iter().map(event).collect()
}

/// An alarm that begins or is over.
pub(crate) fn of_alarm(alarm: &Alarm, raised: bool, id: &str, at: UnixMillis) -> Event {
    let kind = EventKind::CredentialAlarm;
    let data = AlarmData {
        credential: alarm.credential.0,
        code: alarm.code.as_str(),
        text: plain(&alarm.text),
        fix: plain(alarm.fix),
        raised,
    };
    Event { id: format!("{id}-{}", alarm.code.as_str()), kind, body: document(kind.as_str(), at, data) }
}

#[cfg(test)]
mod tests {
    use pbx_core::model::{CallId, CallUuid};
    use serde_json::Value;

    use super::*;

    fn call(ending: Option<CallEnding>, answered: bool) -> CallRecord {
        CallRecord {
            id: CallId(7),
            uuid: CallUuid(uuid::Uuid::from_u128(1)),
            caller: "0301234567".into(),
            caller_name: "Ärger\r\n".into(),
            callee: "101".into(),
            started_at: UnixMillis(1_795_000_000_000),
            answered_at: answered.then_some(UnixMillis(1_795_000_003_000)),
            ended_at: ending.map(|_| UnixMillis(1_795_000_009_000)),
            ending,
            reason: "the caller hung up".into(),
            answered_by: answered.then_some(DeviceId(4)),
            packets_from_caller: 0,
            packets_from_callee: 0,
        }
    }

    fn kinds(events: &[Event]) -> Vec<EventKind> {
        events.iter().map(|event| event.kind).collect()
    }

    #[test]
    fn a_call_that_nobody_took_is_missed_and_one_that_was_declined_is_not() {
        let at = UnixMillis(1_795_000_009_000);
        let ended = |ending, answered| of_step(&call(Some(ending), answered), (9, TimelineStep::Ended), None, ("", at));
        let missed = ended(CallEnding::CallerGaveUp, false);
        assert_eq!(kinds(&missed), [EventKind::CallEnded, EventKind::CallMissed]);
        assert_eq!(kinds(&ended(CallEnding::Declined, false)), [EventKind::CallEnded]);
        assert_eq!(kinds(&ended(CallEnding::Completed, true)), [EventKind::CallEnded]);
        let body: Value = serde_json::from_str(&missed[1].body).unwrap();
        assert_eq!(body["type"], "call.missed");
        assert_eq!(body["timestamp"], "2026-11-18T11:06:49Z");
        assert_eq!(body["data"]["caller"]["name"], "Ärger");
        assert_eq!((body["data"]["ending"].as_str(), body["data"]["id"].as_i64()), (Some("caller_gave_up"), Some(7)));
        assert_ne!(missed[0].id, missed[1].id);
        assert!(missed.iter().all(|event| !event.id.contains('.')), "{missed:?}");
    }

    #[test]
    fn a_call_that_goes_on_says_nothing_of_its_end() {
        let at = UnixMillis(1_795_000_001_000);
        let ringing = of_step(&call(None, false), (3, TimelineStep::Ringing), Some(DeviceId(4)), ("x", at));
        let body: Value = serde_json::from_str(&ringing[0].body).unwrap();
        assert_eq!((body["type"].as_str(), body["data"]["device"].as_i64()), (Some("call.ringing"), Some(4)));
        for absent in ["ended_at", "ending", "reason", "answered_at"] {
            assert!(body["data"].get(absent).is_none(), "{absent}");
        }
        assert!(of_step(&call(None, false), (2, TimelineStep::PushSent), None, ("", at)).is_empty());
    }

    #[test]
    fn every_kind_has_its_word() {
        for kind in EventKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert!("call".parse::<EventKind>().is_err());
    }
}
