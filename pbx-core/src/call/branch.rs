//! One device's part in a call.
//!
//! Inviting → Ringing → Answered is the way of a reachable device; Waking → (registered) → Inviting that of a sleeping
//! one. Failed keeps why, because a device that failed for want of a flow may come back within the same call, and one
//! that was declined may not.

use super::event::Rejection;
use crate::model::{DeviceId, Flow, Moment};

/// Why a branch ended without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BranchFailure {
    /// The device said no.
    Rejected(Rejection),
    /// No answer on its flow, or the flow died.
    FlowDead,
    /// The push could not be delivered; the provider's words.
    NotWoken(String),
    /// A newer branch of the same device took over.
    Superseded,
    /// The device was removed by the admin or logged out.
    Removed,
    /// The call ended first.
    CallOver,
}

/// Where a branch stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BranchState {
    /// An INVITE is out.
    Inviting {
        /// Over which flow.
        flow: Flow,
        /// Until when a first sign is awaited before the device is pushed as well; `None`: it cannot be, or was.
        grace_until: Option<Moment>,
    },
    /// The device rings.
    Ringing {
        /// Over which flow.
        flow: Flow,
    },
    /// A push is out, the device is awaited.
    Waking,
    /// This device answered.
    Answered,
    /// It ended without an answer.
    Failed(BranchFailure),
}

/// One device's part in a call.
#[derive(Debug)]
pub struct Branch {
    device: DeviceId,
    state: BranchState,
    can_be_woken: bool,
    woken: bool,
    /// The device has given a sign of its own.
    signed: bool,
    replacements: u32,
}

impl Branch {
    pub(super) fn inviting(device: DeviceId, flow: Flow, grace_until: Option<Moment>, replacements: u32) -> Self {
        let can_be_woken = grace_until.is_some();
        let state = BranchState::Inviting { flow, grace_until };
        Self { device, state, can_be_woken, woken: false, signed: false, replacements }
    }

    pub(super) fn waking(device: DeviceId) -> Self {
        Self { device, state: BranchState::Waking, can_be_woken: true, woken: true, signed: false, replacements: 0 }
    }

    /// An INVITE to a device that was woken before: it is never pushed again for this call, but it is waited for again when
    /// its new flow dies as well.
    pub(super) fn after_wake(mut self) -> Self {
        self.woken = true;
        self.can_be_woken = true;
        if let BranchState::Inviting { grace_until, .. } = &mut self.state {
            *grace_until = None;
        }
        self
    }

    /// Whose part it is.
    pub fn device(&self) -> DeviceId {
        self.device
    }

    /// Where it stands.
    pub fn state(&self) -> &BranchState {
        &self.state
    }

    pub(super) fn replacements(&self) -> u32 {
        self.replacements
    }

    /// Whether the device was pushed for this call.
    pub fn was_woken(&self) -> bool {
        self.woken
    }

    pub(super) fn is_open(&self) -> bool {
        match self.state {
            BranchState::Inviting { .. } | BranchState::Ringing { .. } | BranchState::Waking => true,
            BranchState::Answered | BranchState::Failed(_) => false,
        }
    }

    pub(super) fn is_invited(&self) -> bool {
        match self.state {
            BranchState::Inviting { .. } | BranchState::Ringing { .. } => true,
            BranchState::Waking | BranchState::Answered | BranchState::Failed(_) => false,
        }
    }

    pub(super) fn has_rung(&self) -> bool {
        match &self.state {
            BranchState::Ringing { .. } | BranchState::Answered => true,
            BranchState::Inviting { .. } | BranchState::Waking | BranchState::Failed(_) => false,
        }
    }

    /// Whether only a push has reached the device, so that only a push can tell it how the call ended.
    pub(super) fn needs_notice(&self) -> bool {
        match self.state {
            BranchState::Waking => true,
            // The INVITE went to a flow that gave no sign; the push may have rung the device.
            BranchState::Inviting { .. } => self.woken && !self.signed,
            BranchState::Ringing { .. } | BranchState::Answered | BranchState::Failed(_) => false,
        }
    }

    pub(super) fn grace_until(&self) -> Option<Moment> {
        match self.state {
            BranchState::Inviting { grace_until, .. } => grace_until,
            BranchState::Ringing { .. } | BranchState::Waking | BranchState::Answered | BranchState::Failed(_) => None,
        }
    }

    pub(super) fn flow(&self) -> Option<Flow> {
        match self.state {
            BranchState::Inviting { flow, .. } | BranchState::Ringing { flow } => Some(flow),
            BranchState::Waking | BranchState::Answered | BranchState::Failed(_) => None,
        }
    }

    /// A newer branch of the device looks after its wake from now on.
    pub(super) fn hand_over(&mut self) {
        self.end_grace();
        self.can_be_woken = false;
    }

    /// Its device is reached over this flow now.
    pub(super) fn move_to(&mut self, to: Flow) {
        if let BranchState::Inviting { flow, .. } | BranchState::Ringing { flow } = &mut self.state {
            *flow = to;
        }
    }

    /// Whether the device has its INVITE for all we know: it gave a sign, or a stream took it.
    pub(super) fn may_have_it(&self) -> bool {
        self.flow().is_some_and(|flow| self.signed || flow.transport.is_reliable())
    }

    /// A first sign came: no push is due any more.
    pub(super) fn heard(&mut self) {
        self.signed = true;
        self.end_grace();
    }

    fn end_grace(&mut self) {
        if let BranchState::Inviting { grace_until, .. } = &mut self.state {
            *grace_until = None;
        }
    }

    pub(super) fn ring(&mut self) -> bool {
        match self.state {
            BranchState::Inviting { flow, .. } => {
                self.signed = true;
                self.enter(BranchState::Ringing { flow }, "the device rings");
                true
            }
            BranchState::Ringing { .. } | BranchState::Waking | BranchState::Answered | BranchState::Failed(_) => false,
        }
    }

    pub(super) fn answer(&mut self) -> bool {
        let open = self.is_invited();
        if open {
            self.enter(BranchState::Answered, "the device answered");
        }
        open
    }

    pub(super) fn fail(&mut self, why: BranchFailure) -> bool {
        let open = self.is_open();
        if open {
            self.enter(BranchState::Failed(why), "the branch ended");
        }
        open
    }

    pub(super) fn fail_to_flow(&mut self) -> bool {
        if self.woken && self.can_be_woken && self.is_invited() {
            // The push is out already: the INVITE's flow is dead, the wait for the device goes on. Apps that are woken often
            // reset their first connection and come back a second later.
            self.enter(BranchState::Waking, "the flow died after the push went out");
            return false;
        }
        self.is_invited() && self.fail(BranchFailure::FlowDead)
    }

    pub(super) fn fail_to_wake(&mut self, why: &str) -> bool {
        self.state == BranchState::Waking && self.fail(BranchFailure::NotWoken(why.to_owned()))
    }

    pub(super) fn wake_instead(&mut self) -> bool {
        let due = self.is_invited() && self.can_be_woken && !self.woken;
        if due {
            self.woken = true;
            self.enter(BranchState::Waking, "the flow is dead");
        }
        due
    }

    pub(super) fn push_as_well(&mut self) -> bool {
        let due = self.grace_until().is_some() && !self.woken;
        self.end_grace();
        self.woken |= due;
        due
    }

    fn enter(&mut self, state: BranchState, why: &'static str) {
        tracing::trace!(device.id = %self.device, from = ?self.state, to = ?state, why, "branch");
        self.state = state;
    }
}
