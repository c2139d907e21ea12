//! The call log: one record for each call and its timeline in milliseconds.

use serde::{Deserialize, Serialize};

use super::{CallId, CallUuid, DeviceId, UnixMillis};

/// Why a call ended, in telephone words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CallEnding {
    /// Both talked and one hung up.
    Completed,
    /// The caller hung up before anybody answered.
    CallerGaveUp,
    /// Nobody answered within the ring time.
    NoAnswer,
    /// Everybody reached was busy.
    Busy,
    /// Somebody declined.
    Declined,
    /// No device could be reached.
    Unreachable,
    /// The dialled number does not exist.
    NoSuchNumber,
    /// No sound from either side for the silence limit.
    Silence,
    /// Nightbell was stopped or restarted during the call.
    ServerStopped,
    /// Something failed on our side or between the phones.
    Failed,
}

impl CallEnding {
    /// Every ending.
    pub const ALL: [Self; 10] = [
        Self::Completed,
        Self::CallerGaveUp,
        Self::NoAnswer,
        Self::Busy,
        Self::Declined,
        Self::Unreachable,
        Self::NoSuchNumber,
        Self::Silence,
        Self::ServerStopped,
        Self::Failed,
    ];

    /// The stable code in columns and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::CallerGaveUp => "caller_gave_up",
            Self::NoAnswer => "no_answer",
            Self::Busy => "busy",
            Self::Declined => "declined",
            Self::Unreachable => "unreachable",
            Self::NoSuchNumber => "no_such_number",
            Self::Silence => "silence",
            Self::ServerStopped => "server_stopped",
            Self::Failed => "failed",
        }
    }

    /// The ending with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ending| ending.as_str() == code)
    }
}

/// One call as the call log keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CallRecord {
    /// The row.
    pub id: CallId,
    /// The public name; in payloads and in the Call-ID of the callee's legs.
    pub uuid: CallUuid,
    /// The caller's number.
    pub caller: String,
    /// The caller's name.
    pub caller_name: String,
    /// The number that was dialled.
    pub callee: String,
    /// When the INVITE was accepted for routing.
    pub started_at: UnixMillis,
    /// When somebody answered.
    pub answered_at: Option<UnixMillis>,
    /// When it was over; `None` while it lives.
    pub ended_at: Option<UnixMillis>,
    /// Why it ended.
    pub ending: Option<CallEnding>,
    /// Why it ended, as a sentence for the admin; telephone words first.
    pub reason: String,
    /// Which device answered.
    pub answered_by: Option<DeviceId>,
    /// RTP packets relayed from the caller to the callee.
    pub packets_from_caller: u64,
    /// RTP packets relayed from the callee to the caller.
    pub packets_from_callee: u64,
}

impl CallRecord {
    /// The caller of a test call, which Nightbell itself makes; no extension can have it as a number.
    pub const TEST_CALLER: &str = "nightbell";

    /// Whether Nightbell itself made it to test the phones of the callee.
    pub fn is_test(&self) -> bool {
        self.caller == Self::TEST_CALLER
    }
}

/// What happened at one point of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TimelineStep {
    /// The caller's INVITE was accepted for routing.
    Invited,
    /// A wake was handed to the push side.
    PushQueued,
    /// A push attempt is on the wire.
    PushSent,
    /// The provider accepted a push.
    PushAccepted,
    /// The provider refused a push, or delivery was given up.
    PushFailed,
    /// The app that was woken says that the push reached it.
    AppWoke,
    /// The waking device registered.
    Registered,
    /// An INVITE went to a device.
    InviteSent,
    /// A device rings.
    Ringing,
    /// The caller was told that it rings.
    CallerHearsRinging,
    /// A device answered.
    Answered,
    /// A branch ended without an answer.
    BranchEnded,
    /// The call ended.
    Ended,
}

impl TimelineStep {
    /// The stable code in columns and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::PushQueued => "push_queued",
            Self::PushSent => "push_sent",
            Self::PushAccepted => "push_accepted",
            Self::PushFailed => "push_failed",
            Self::AppWoke => "app_woke",
            Self::Registered => "registered",
            Self::InviteSent => "invite_sent",
            Self::Ringing => "ringing",
            Self::CallerHearsRinging => "caller_hears_ringing",
            Self::Answered => "answered",
            Self::BranchEnded => "branch_ended",
            Self::Ended => "ended",
        }
    }

    /// The step with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        [
            Self::Invited,
            Self::PushQueued,
            Self::PushSent,
            Self::PushAccepted,
            Self::PushFailed,
            Self::AppWoke,
            Self::Registered,
            Self::InviteSent,
            Self::Ringing,
            Self::CallerHearsRinging,
            Self::Answered,
            Self::BranchEnded,
            Self::Ended,
        ]
        .into_iter()
        .find(|step| step.as_str() == code)
    }
}

/// One line of a call's timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// Which call.
    pub call: CallId,
    /// When.
    pub at: UnixMillis,
    /// What.
    pub step: TimelineStep,
    /// Which device it concerns, if one.
    pub device: Option<DeviceId>,
    /// Detail for the admin, without tokens or secrets.
    pub detail: String,
}
