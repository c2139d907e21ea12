//! A device of the called extension registers while it rings: the rules of late forking.
//!
//! | its newest open branch, else its last that did not give way to another | what happens |
//! |---|---|
//! | none | it is invited |
//! | Waking, also again because the flow of a woken device died | it is invited over the new flow, without another push |
//! | Inviting or Ringing on the same flow | nothing: it was only a refresh; an INVITE without a sign is repeated at once |
//! | the same, but the phone was started anew | it is invited again; its first sign ends the old branch |
//! | Inviting or Ringing on another flow | it is invited over the new flow; its first sign there ends the old branch |
//! | Failed for want of a flow, or not woken | it is invited: it is there now after all |
//! | Failed otherwise (busy, declined, removed) | nothing: it has had its say |
//!
//! A phone that kept its ringing call when it changed network says so: all INVITEs of one call to one device have the same
//! Call-ID, From tag and CSeq, so it refuses the new one as merged (RFC 3261 section 8.2.2.2). Then the old branch goes on
//! over the new flow. A phone that lost the call rings anew. Either way it rings once.

use super::branch::{Branch, BranchFailure, BranchState};
use super::event::{BranchEnd, CallOutput, Rejection};
use super::{Call, MAX_BRANCHES, MAX_REPLACEMENTS};
use crate::model::{BranchId, DeviceId, Flow, Moment, TimelineStep};

enum Plan {
    Invite { woken: bool, replacements: u32, supersedes: Option<BranchId> },
    Repeat(BranchId),
    Nothing,
}

impl Call {
    pub(super) fn registered(
        &mut self,
        device: DeviceId,
        (flow, restarted): (Flow, bool),
        can_be_woken: bool,
        now: Moment,
    ) {
        let newest_first = || self.branches.iter().rev().filter(|(_, branch)| branch.device() == device);
        let replacements = newest_first().map(|(_, branch)| branch.replacements()).max().unwrap_or(0);
        // A branch that gave way to another says nothing about the device.
        let superseded = BranchState::Failed(BranchFailure::Superseded);
        let last = newest_first()
            .find(|(_, branch)| branch.is_open())
            .or_else(|| newest_first().find(|(_, branch)| *branch.state() != superseded));
        let plan = last.map_or(Plan::Invite { woken: false, replacements: 0, supersedes: None }, |(id, branch)| {
            plan_for(*id, branch, replacements, (flow, restarted))
        });
        let (woken, replacements, supersedes) = match plan {
            Plan::Invite { woken, replacements, supersedes } => (woken, replacements, supersedes),
            Plan::Repeat(branch) => return self.outputs.push_back(CallOutput::RepeatInvite { branch }),
            Plan::Nothing => return,
        };
        if replacements > MAX_REPLACEMENTS || self.branches.len() >= MAX_BRANCHES {
            return;
        }
        if woken {
            self.note(TimelineStep::Registered, Some(device), String::new());
        }
        if let Some(old) = supersedes {
            self.give_way(old, flow);
        }
        let id = self.new_branch_id();
        let grace = (can_be_woken && !woken).then(|| now + self.policy.grace);
        let branch = Branch::inviting(device, flow, grace, replacements);
        self.branches.insert(id, if woken { branch.after_wake() } else { branch });
        self.outputs.push_back(CallOutput::Invite { branch: id, device });
        self.note(TimelineStep::InviteSent, Some(device), format!("to {}", flow.remote));
    }

    /// An invited branch goes on until the first sign on the new one; a phone that may ring is followed to its new flow,
    /// because the old one may end before it has said which of the two it keeps.
    fn give_way(&mut self, old: BranchId, flow: Flow) {
        let Some(branch) = self.branches.get_mut(&old).filter(|old| old.is_invited()) else {
            return self.supersede(old);
        };
        branch.hand_over();
        if branch.may_have_it() {
            branch.move_to(flow);
            self.outputs.push_back(CallOutput::MoveBranch { branch: old, flow });
        }
    }

    /// A device gave a sign on this branch: older ones of the same device are done with.
    pub(super) fn takes_over(&mut self, id: BranchId) {
        let Some(branch) = self.branches.get(&id).filter(|branch| branch.is_open()) else { return };
        let device = branch.device();
        let older: Vec<BranchId> =
            self.branches.range(..id).filter(|(_, b)| b.device() == device && b.is_open()).map(|(id, _)| *id).collect();
        for old in older {
            self.supersede(old);
        }
    }

    /// A device refused this branch because an older one of it goes on.
    pub(super) fn has_already(&mut self, id: BranchId) {
        let Some(branch) = self.branches.get(&id) else { return };
        let (device, flow) = (branch.device(), branch.flow());
        let older = self.branches.range(..id).rev().find(|(_, b)| b.device() == device && b.is_invited());
        let Some((older, flow)) = older.map(|(older, _)| *older).zip(flow) else {
            return self.rejected(id, Rejection::Failed { status: 482 });
        };
        if let Some(branch) = self.branches.get_mut(&id) {
            branch.fail(BranchFailure::Superseded);
        }
        if let Some(branch) = self.branches.get_mut(&older) {
            branch.move_to(flow);
        }
        self.outputs.push_back(CallOutput::MoveBranch { branch: older, flow });
    }

    fn supersede(&mut self, old: BranchId) {
        let Some(branch) = self.branches.get_mut(&old) else { return };
        let invited = branch.is_invited();
        branch.fail(BranchFailure::Superseded);
        if invited {
            self.outputs.push_back(CallOutput::EndBranch { branch: old, end: BranchEnd::Superseded });
        }
    }
}

fn plan_for(id: BranchId, branch: &Branch, replacements: u32, (flow, restarted): (Flow, bool)) -> Plan {
    let again = |supersedes| Plan::Invite { woken: branch.was_woken(), replacements: replacements + 1, supersedes };
    match branch.state() {
        BranchState::Waking => again(Some(id)),
        BranchState::Inviting { .. } | BranchState::Ringing { .. } => {
            if branch.flow() == Some(flow) && !branch.may_have_it() {
                Plan::Repeat(id)
            } else if branch.flow() == Some(flow) && !restarted {
                Plan::Nothing
            } else {
                again(Some(id))
            }
        }
        BranchState::Failed(BranchFailure::FlowDead | BranchFailure::NotWoken(_)) => again(None),
        BranchState::Answered
        | BranchState::Failed(
            BranchFailure::Rejected(_) | BranchFailure::Superseded | BranchFailure::Removed | BranchFailure::CallOver,
        ) => Plan::Nothing,
    }
}
