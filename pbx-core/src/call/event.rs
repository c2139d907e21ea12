//! Everything that goes into a call and comes out of it, in telephone words.

use crate::model::{BranchId, CallEnding, DeviceId, Flow, TimelineStep, WakeEvent};

/// A device of the called extension when the call starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Candidate {
    /// It has a live binding.
    Live {
        /// Which device.
        device: DeviceId,
        /// Its flow.
        flow: Flow,
        /// Whether it has a usable wake target as well.
        can_be_woken: bool,
    },
    /// It has both a live binding and a usable wake target, but kept silent when it was last asked whether it is there.
    Suspect {
        /// Which device.
        device: DeviceId,
        /// Its flow.
        flow: Flow,
    },
    /// It has none, but an armed wake target.
    Sleeping {
        /// Which device.
        device: DeviceId,
    },
}

/// How a device said no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// It is busy.
    Busy,
    /// Its user declined, for this device only.
    DeclinedHere,
    /// Its user declined for every device (6xx).
    DeclinedEverywhere,
    /// Any other final answer.
    Failed {
        /// The SIP status, for the admin.
        status: u16,
    },
}

impl Rejection {
    pub(super) fn ends_the_call(self) -> bool {
        match self {
            Self::DeclinedEverywhere => true,
            Self::Busy | Self::DeclinedHere | Self::Failed { .. } => false,
        }
    }

    pub(super) fn in_words(self) -> String {
        match self {
            Self::Busy => "The phone is busy.".into(),
            Self::DeclinedHere => "The call was declined on this phone.".into(),
            Self::DeclinedEverywhere => "The call was declined.".into(),
            Self::Failed { status } => format!("The phone refused the call (SIP {status})."),
        }
    }
}

/// One thing that happened to a call.
#[derive(Debug, Clone)]
pub enum CallInput {
    /// A device gave a first sign (100 or 183).
    Progress {
        /// Which branch.
        branch: BranchId,
    },
    /// A device rings.
    Rings {
        /// Which branch.
        branch: BranchId,
    },
    /// A device answered.
    Answered {
        /// Which branch.
        branch: BranchId,
    },
    /// A device said no.
    Rejected {
        /// Which branch.
        branch: BranchId,
        /// How.
        rejection: Rejection,
    },
    /// The device has this call already, by an INVITE that went to it over another flow.
    HasAlready {
        /// The branch it refused.
        branch: BranchId,
    },
    /// The INVITE could not be delivered: its flow is dead, or it got no answer at all.
    FlowDead {
        /// Which branch.
        branch: BranchId,
    },
    /// A message to the device came back: it may be gone, though its INVITE stays out.
    SeemsGone {
        /// The branch it is about.
        branch: BranchId,
    },
    /// A device of the called extension registered.
    Registered {
        /// Which device.
        device: DeviceId,
        /// Its flow.
        flow: Flow,
        /// Whether it has a usable wake target as well.
        can_be_woken: bool,
        /// Whether it seems to have been started anew, so that what rang on it is forgotten there.
        restarted: bool,
    },
    /// The push side reports.
    Wake {
        /// Which device.
        device: DeviceId,
        /// What happened.
        event: WakeEvent,
    },
    /// A device was removed or logged out.
    DeviceGone {
        /// Which device.
        device: DeviceId,
    },
    /// An admin switched the phones of the called extension off.
    SwitchedOff {
        /// In plain words.
        reason: String,
    },
    /// The caller cancelled, hung up or went away.
    CallerGone {
        /// In plain words.
        reason: String,
    },
    /// The side that answered hung up.
    CalleeHungUp {
        /// Which branch.
        branch: BranchId,
        /// In plain words.
        reason: String,
    },
    /// No sound from either side for the silence limit.
    Silence,
    /// End it now: the admin hung up, or the server stops.
    EndNow {
        /// Why, as a code.
        ending: CallEnding,
        /// Why, in plain words.
        reason: String,
    },
}

/// How a branch learns that the call went on without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BranchEnd {
    /// Somebody answered on another device.
    AnsweredElsewhere,
    /// The caller gave up, or the call was ended for everybody.
    CallerGaveUp,
    /// Its user declined on another device.
    DeclinedElsewhere,
    /// The device was removed or logged out.
    Removed,
    /// The phones of its extension were switched off.
    SwitchedOff,
    /// It rang out.
    NoAnswer,
    /// The same device is invited anew over a newer flow.
    Superseded,
}

impl BranchEnd {
    /// The line of the timeline for a device that did not answer itself.
    pub(super) const fn in_words(self) -> &'static str {
        match self {
            Self::AnsweredElsewhere => "Answered on another phone.",
            Self::CallerGaveUp => "The call ended before this phone answered.",
            Self::DeclinedElsewhere => "Declined on another phone.",
            Self::Removed => "The phone was removed.",
            Self::SwitchedOff => "The phones of the extension were switched off by the admin.",
            Self::NoAnswer => "Nobody answered on this phone.",
            Self::Superseded => "The phone moved to another connection.",
        }
    }
}

/// One thing a call wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallOutput {
    /// Invite this device over its live binding.
    Invite {
        /// The branch it is for.
        branch: BranchId,
        /// Which device.
        device: DeviceId,
    },
    /// Wake this device.
    Wake {
        /// The branch it is for.
        branch: BranchId,
        /// Which device.
        device: DeviceId,
    },
    /// The device gave no sign on its flow within the grace time.
    FlowSilent {
        /// The branch it is about.
        branch: BranchId,
        /// Which device.
        device: DeviceId,
    },
    /// End an invited branch: cancel it, or hang up when its answer crossed.
    EndBranch {
        /// Which.
        branch: BranchId,
        /// Why.
        end: BranchEnd,
    },
    /// The device is there but has not answered its INVITE: do not wait for the next repetition.
    RepeatInvite {
        /// The branch.
        branch: BranchId,
    },
    /// This branch goes on over another flow of its device.
    MoveBranch {
        /// The branch.
        branch: BranchId,
        /// Where its device is now.
        flow: Flow,
    },
    /// Tell a device by push how the call ended.
    Notify {
        /// Which device.
        device: DeviceId,
        /// How it ended.
        end: BranchEnd,
    },
    /// Pending pushes of this call are worthless now.
    StopWakes,
    /// Let the caller hear ringing.
    TellCallerItRings,
    /// Connect the caller with this branch.
    Connect {
        /// Which.
        branch: BranchId,
        /// Whose.
        device: DeviceId,
    },
    /// Give the caller a final answer that is not a connection.
    Refuse {
        /// Why.
        ending: CallEnding,
    },
    /// Hang up towards the caller.
    HangUpCaller,
    /// Hang up towards the side that answered.
    HangUpCallee {
        /// Which branch.
        branch: BranchId,
    },
    /// Write a line of the timeline.
    Note {
        /// What.
        step: TimelineStep,
        /// Which device it concerns.
        device: Option<DeviceId>,
        /// Detail for the admin.
        detail: String,
    },
    /// It is over.
    Ended {
        /// Why, as a code.
        ending: CallEnding,
        /// Why, in plain words.
        reason: String,
    },
}
