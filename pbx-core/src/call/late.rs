//! A device of the called extension registers while it rings: the rules of late forking.
//!
//! | its last branch | what happens |
//! |---|---|
//! | none | it is invited |
//! | Waking | it is invited over the new flow |
//! | Inviting or Ringing on the same flow | nothing: it was only a refresh |
//! | Inviting or Ringing on another flow | the old branch is cancelled, it is invited over the new flow |
//! | Failed for want of a flow, or not woken | it is invited: it is there now after all |
//! | Failed otherwise (busy, declined, removed) | nothing: it has had its say |

use super::branch::{Branch, BranchFailure, BranchState};
use super::event::{BranchEnd, CallOutput};
use super::{Call, MAX_BRANCHES, MAX_REPLACEMENTS};
use crate::model::{BranchId, DeviceId, Flow, Moment, TimelineStep};

enum Plan {
    Invite { woken: bool, replacements: u32, supersedes: Option<BranchId> },
    Nothing,
}

impl Call {
    pub(super) fn registered(&mut self, device: DeviceId, flow: Flow, can_be_woken: bool, now: Moment) {
        let last = self.branches.iter().rev().find(|(_, branch)| branch.device() == device);
        let plan = last.map_or(Plan::Invite { woken: false, replacements: 0, supersedes: None }, |(id, branch)| {
            plan_for(*id, branch, flow)
        });
        let Plan::Invite { woken, replacements, supersedes } = plan else { return };
        if replacements > MAX_REPLACEMENTS || self.branches.len() >= MAX_BRANCHES {
            return;
        }
        if woken {
            self.note(TimelineStep::Registered, Some(device), String::new());
        }
        if let Some(old) = supersedes {
            self.supersede(old);
        }
        let id = self.new_branch_id();
        let grace = (can_be_woken && !woken).then(|| now + self.policy.grace);
        let branch = Branch::inviting(device, flow, grace, replacements);
        self.branches.insert(id, if woken { branch.after_wake() } else { branch });
        self.outputs.push_back(CallOutput::Invite { branch: id, device });
        self.note(TimelineStep::InviteSent, Some(device), format!("to {}", flow.remote));
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

fn plan_for(id: BranchId, branch: &Branch, flow: Flow) -> Plan {
    let again =
        |supersedes| Plan::Invite { woken: branch.was_woken(), replacements: branch.replacements() + 1, supersedes };
    match branch.state() {
        BranchState::Waking => again(Some(id)),
        BranchState::Inviting { .. } | BranchState::Ringing { .. } => {
            if branch.flow() == Some(flow) {
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
