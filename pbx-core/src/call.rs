//! One call: branches and one verdict.
//!
//! The story: somebody dials an extension. Every device of it becomes a branch: a device with a live binding is invited at
//! once, a sleeping one is woken and waited for as long as the caller rings. Whoever registers while it rings is invited
//! late, once. The first answer wins; every other branch ends with the reason.
//!
//! The machine speaks telephone words only; SIP is the switchboard's business. Invariants:
//!
//! - the caller gets exactly one final answer ([`CallOutput::Connect`] or [`CallOutput::Refuse`]);
//! - a device is woken at most once for one call, and an ended call invites nobody;
//! - after [`CallOutput::Ended`] nothing more comes out.

mod branch;
mod ending;
mod event;
mod late;
#[cfg(test)]
mod tests;
pub mod wake_wait;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::model::{BranchId, CallEnding, DeviceId, EarlyRinging, Flow, Moment, TimelineStep, WakeEvent};

pub use branch::{Branch, BranchFailure, BranchState};
pub use event::{BranchEnd, CallInput, CallOutput, Candidate, Rejection};

/// Replacements of one device's branch within a call: a phone that changes network more often than this while ringing
/// would otherwise make work without end.
const MAX_REPLACEMENTS: u32 = 4;
/// Branches of one call, replaced ones included: 12 devices, each with its replacements, and some that come late.
const MAX_BRANCHES: usize = 64;

/// What a call needs to know from the live settings, fixed when it starts.
#[derive(Debug, Clone, Copy)]
pub struct CallPolicy {
    /// How long it rings.
    pub ring: Duration,
    /// How long a live device has for its first sign before it is pushed as well.
    pub grace: Duration,
    /// When the caller hears ringing.
    pub early_ringing: EarlyRinging,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ringing,
    Connected { branch: BranchId },
    Ended,
}

/// One call.
#[derive(Debug)]
pub struct Call {
    state: State,
    policy: CallPolicy,
    ring_until: Moment,
    branches: BTreeMap<BranchId, Branch>,
    next_branch: u32,
    caller_hears_ringing: bool,
    outputs: VecDeque<CallOutput>,
}

impl Call {
    /// Starts a call to these devices. With none, it is refused at once.
    pub fn start(policy: CallPolicy, candidates: impl IntoIterator<Item = Candidate>, now: Moment) -> Self {
        let mut call = Self {
            state: State::Ringing,
            policy,
            ring_until: now + policy.ring,
            branches: BTreeMap::new(),
            next_branch: 1,
            caller_hears_ringing: false,
            outputs: VecDeque::new(),
        };
        for candidate in candidates {
            match candidate {
                Candidate::Live { device, flow, can_be_woken } => call.invite(device, flow, can_be_woken, 0, now),
                Candidate::Suspect { device, flow } => {
                    call.invite(device, flow, true, 0, now);
                    if let Some(branch) = call.branches.last_key_value().map(|(id, _)| *id) {
                        call.push_as_well(
                            branch,
                            "The phone did not answer when it was last asked whether it is there.",
                        );
                    }
                }
                Candidate::Sleeping { device } => call.wake(device, now),
            }
        }
        call.conclude_when_nobody_is_left();
        call
    }

    /// A call that ends before it begins, for example because the number does not exist.
    pub fn refused(policy: CallPolicy, ending: CallEnding, reason: String, now: Moment) -> Self {
        let mut call = Self {
            state: State::Ringing,
            policy,
            ring_until: now + policy.ring,
            branches: BTreeMap::new(),
            next_branch: 1,
            caller_hears_ringing: false,
            outputs: VecDeque::new(),
        };
        call.refuse(ending, reason, BranchEnd::CallerGaveUp);
        call
    }

    /// Takes one input.
    pub fn handle(&mut self, input: CallInput, now: Moment) {
        match self.state {
            State::Ringing => self.while_ringing(input, now),
            State::Connected { branch } => self.while_connected(branch, input),
            State::Ended => {}
        }
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<CallOutput> {
        self.outputs.pop_front()
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Moment> {
        match self.state {
            State::Ringing => {
                let grace = self.branches.values().filter_map(Branch::grace_until).min();
                Some(grace.map_or(self.ring_until, |grace| grace.min(self.ring_until)))
            }
            State::Connected { .. } | State::Ended => None,
        }
    }

    /// Looks at the clock.
    pub fn handle_timeout(&mut self, now: Moment) {
        if self.state != State::Ringing {
            return;
        }
        if now >= self.ring_until {
            let reached = self.branches.values().any(Branch::has_rung);
            let (ending, reason) = ending::when_time_is_up(&self.branches, reached);
            self.refuse(ending, reason, BranchEnd::NoAnswer);
            return;
        }
        let silent: Vec<BranchId> = self
            .branches
            .iter()
            .filter(|(_, b)| b.grace_until().is_some_and(|at| at <= now))
            .map(|(id, _)| *id)
            .collect();
        for id in silent {
            self.push_as_well(id, "No sign from the phone within the grace time.");
        }
    }

    /// When ringing ends.
    pub fn ring_until(&self) -> Moment {
        self.ring_until
    }

    /// Whether somebody has answered and nobody has hung up.
    pub fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected { .. })
    }

    /// Whether it is over.
    pub fn is_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// All branches, in the order they were made.
    pub fn branches(&self) -> impl Iterator<Item = (BranchId, &Branch)> {
        self.branches.iter().map(|(id, branch)| (*id, branch))
    }

    /// Branches that ring, and branches that are being woken.
    pub fn counts(&self) -> (usize, usize) {
        let ringing = self.branches.values().filter(|b| matches!(b.state(), BranchState::Ringing { .. })).count();
        let waking = self.branches.values().filter(|b| matches!(b.state(), BranchState::Waking)).count();
        (ringing, waking)
    }

    fn while_ringing(&mut self, input: CallInput, now: Moment) {
        match input {
            CallInput::Progress { branch } => {
                self.takes_over(branch);
                if let Some(branch) = self.branches.get_mut(&branch) {
                    branch.heard();
                }
            }
            CallInput::Rings { branch } => self.rings(branch),
            CallInput::Answered { branch } => self.answered(branch),
            CallInput::Rejected { branch, rejection } => self.rejected(branch, rejection),
            CallInput::HasAlready { branch } => self.has_already(branch),
            CallInput::FlowDead { branch } => self.flow_dead(branch),
            CallInput::SeemsGone { branch } => self.push_as_well(branch, "Messages to the phone come back."),
            CallInput::Registered { device, flow, can_be_woken, restarted } => {
                self.registered(device, (flow, restarted), can_be_woken, now);
            }
            CallInput::Wake { device, event } => self.wake_event(device, &event),
            CallInput::DeviceGone { device } => self.device_gone(device),
            CallInput::SwitchedOff { reason } => {
                self.refuse(CallEnding::Unreachable, reason, BranchEnd::SwitchedOff);
            }
            CallInput::CallerGone { reason } => self.refuse(CallEnding::CallerGaveUp, reason, BranchEnd::CallerGaveUp),
            CallInput::CalleeHungUp { .. } | CallInput::Silence => {}
            CallInput::EndNow { ending, reason } => self.refuse(ending, reason, BranchEnd::CallerGaveUp),
        }
    }

    fn while_connected(&mut self, winner: BranchId, input: CallInput) {
        match input {
            CallInput::Answered { branch } if branch != winner => {
                self.outputs.push_back(CallOutput::EndBranch { branch, end: BranchEnd::AnsweredElsewhere });
            }
            CallInput::CallerGone { reason } => self.hang_up(CallEnding::Completed, reason, false, true),
            CallInput::CalleeHungUp { branch, reason } if branch == winner => {
                self.hang_up(CallEnding::Completed, reason, true, false);
            }
            CallInput::FlowDead { branch } if branch == winner => self.hang_up(
                CallEnding::Failed,
                "The phone that answered went away without hanging up.".into(),
                true,
                true,
            ),
            CallInput::Silence => self.hang_up(
                CallEnding::Silence,
                "No sound came from either side for the silence limit, or from one side for half an hour.".into(),
                true,
                true,
            ),
            CallInput::EndNow { ending, reason } => self.hang_up(ending, reason, true, true),
            CallInput::Answered { .. }
            | CallInput::CalleeHungUp { .. }
            | CallInput::FlowDead { .. }
            | CallInput::Progress { .. }
            | CallInput::Rings { .. }
            | CallInput::Rejected { .. }
            | CallInput::HasAlready { .. }
            | CallInput::SeemsGone { .. }
            | CallInput::Registered { .. }
            | CallInput::Wake { .. }
            | CallInput::DeviceGone { .. }
            | CallInput::SwitchedOff { .. } => {}
        }
    }

    fn rings(&mut self, id: BranchId) {
        self.takes_over(id);
        let Some(branch) = self.branches.get_mut(&id) else { return };
        if branch.ring() {
            let device = branch.device();
            self.note(TimelineStep::Ringing, Some(device), String::new());
            self.caller_hears_ringing();
        }
    }

    fn caller_hears_ringing(&mut self) {
        if !self.caller_hears_ringing {
            self.caller_hears_ringing = true;
            self.outputs.push_back(CallOutput::TellCallerItRings);
        }
    }

    fn answered(&mut self, id: BranchId) {
        self.takes_over(id);
        let Some(branch) = self.branches.get_mut(&id) else { return };
        if !branch.answer() {
            self.outputs.push_back(CallOutput::EndBranch { branch: id, end: BranchEnd::AnsweredElsewhere });
            return;
        }
        let device = branch.device();
        self.state = State::Connected { branch: id };
        self.note(TimelineStep::Answered, Some(device), String::new());
        self.outputs.push_back(CallOutput::StopWakes);
        self.outputs.push_back(CallOutput::Connect { branch: id, device });
        self.end_branches(BranchEnd::AnsweredElsewhere);
    }

    fn rejected(&mut self, id: BranchId, rejection: Rejection) {
        self.takes_over(id);
        let Some(branch) = self.branches.get_mut(&id) else { return };
        let everywhere = rejection.ends_the_call();
        let (device, detail) = (branch.device(), rejection.in_words());
        if !branch.fail(BranchFailure::Rejected(rejection)) {
            return;
        }
        self.note(TimelineStep::BranchEnded, Some(device), detail);
        if everywhere {
            self.refuse(CallEnding::Declined, "The call was declined.".into(), BranchEnd::DeclinedElsewhere);
        } else {
            self.conclude_when_nobody_is_left();
        }
    }

    /// The flow is known dead: a device that can be woken is woken at once, any other branch has failed.
    fn flow_dead(&mut self, id: BranchId) {
        let Some(branch) = self.branches.get_mut(&id) else { return };
        let device = branch.device();
        if branch.wake_instead() {
            self.outputs.push_back(CallOutput::Wake { branch: id, device });
            self.note(TimelineStep::PushQueued, Some(device), "The phone's connection is dead.".into());
        } else if branch.fail_to_flow() {
            self.note(TimelineStep::BranchEnded, Some(device), "The phone's connection is dead.".into());
            self.conclude_when_nobody_is_left();
        }
    }

    /// No sign within the grace time: the INVITE stays out, and the device is pushed as well.
    fn push_as_well(&mut self, id: BranchId, why: &str) {
        let Some(branch) = self.branches.get_mut(&id) else { return };
        let device = branch.device();
        if branch.push_as_well() {
            self.outputs.push_back(CallOutput::FlowSilent { branch: id, device });
            self.outputs.push_back(CallOutput::Wake { branch: id, device });
            self.note(TimelineStep::PushQueued, Some(device), why.into());
        }
    }

    fn device_gone(&mut self, device: DeviceId) {
        let of_device: Vec<BranchId> =
            self.branches.iter().filter(|(_, b)| b.device() == device && b.is_open()).map(|(id, _)| *id).collect();
        for id in of_device {
            let Some(branch) = self.branches.get_mut(&id) else { continue };
            let invited = branch.is_invited();
            branch.fail(BranchFailure::Removed);
            if invited {
                self.outputs.push_back(CallOutput::EndBranch { branch: id, end: BranchEnd::Removed });
            }
        }
        self.conclude_when_nobody_is_left();
    }

    fn wake_event(&mut self, device: DeviceId, event: &WakeEvent) {
        let Some((id, step)) = self
            .branches
            .iter()
            .rev()
            .find(|(_, b)| b.device() == device && b.was_woken())
            .map(|(id, _)| (*id, wake_wait::step_of(event)))
        else {
            return;
        };
        match step {
            wake_wait::WakeStep::OnTheWay => {}
            wake_wait::WakeStep::Accepted => {
                if self.policy.early_ringing == EarlyRinging::WhenPushAccepted {
                    self.caller_hears_ringing();
                }
            }
            wake_wait::WakeStep::Lost(why) => {
                let waking = self.branches.get_mut(&id).is_some_and(|branch| branch.fail_to_wake(&why));
                if waking {
                    self.note(TimelineStep::BranchEnded, Some(device), why);
                    self.conclude_when_nobody_is_left();
                }
            }
        }
    }

    fn invite(&mut self, device: DeviceId, flow: Flow, can_be_woken: bool, replacements: u32, now: Moment) {
        if self.branches.len() >= MAX_BRANCHES {
            return;
        }
        let id = self.new_branch_id();
        let grace = can_be_woken.then(|| now + self.policy.grace);
        self.branches.insert(id, Branch::inviting(device, flow, grace, replacements));
        self.outputs.push_back(CallOutput::Invite { branch: id, device });
        self.note(TimelineStep::InviteSent, Some(device), format!("to {}", flow.remote));
    }

    fn wake(&mut self, device: DeviceId, _now: Moment) {
        if self.branches.len() >= MAX_BRANCHES {
            return;
        }
        let id = self.new_branch_id();
        self.branches.insert(id, Branch::waking(device));
        self.outputs.push_back(CallOutput::Wake { branch: id, device });
        self.note(TimelineStep::PushQueued, Some(device), String::new());
    }

    fn new_branch_id(&mut self) -> BranchId {
        let id = BranchId(self.next_branch);
        self.next_branch += 1;
        id
    }

    fn conclude_when_nobody_is_left(&mut self) {
        if self.state == State::Ringing && !self.branches.values().any(Branch::is_open) {
            let (ending, reason) = ending::when_nobody_is_left(&self.branches);
            self.refuse(ending, reason, BranchEnd::NoAnswer);
        }
    }

    fn refuse(&mut self, ending: CallEnding, reason: String, end: BranchEnd) {
        self.outputs.push_back(CallOutput::StopWakes);
        self.outputs.push_back(CallOutput::Refuse { ending });
        self.end_branches(end);
        self.finish(ending, reason);
    }

    fn hang_up(&mut self, ending: CallEnding, reason: String, caller: bool, callee: bool) {
        if caller {
            self.outputs.push_back(CallOutput::HangUpCaller);
        }
        if let (true, State::Connected { branch }) = (callee, self.state) {
            self.outputs.push_back(CallOutput::HangUpCallee { branch });
        }
        self.finish(ending, reason);
    }

    fn finish(&mut self, ending: CallEnding, reason: String) {
        self.state = State::Ended;
        self.note(TimelineStep::Ended, None, reason.clone());
        self.outputs.push_back(CallOutput::Ended { ending, reason });
    }

    /// Tells every open branch how the call went on without it.
    fn end_branches(&mut self, end: BranchEnd) {
        let mut told = BTreeSet::new();
        for (id, branch) in &mut self.branches {
            if !branch.is_open() {
                continue;
            }
            let (step, device) = (TimelineStep::BranchEnded, Some(branch.device()));
            self.outputs.push_back(CallOutput::Note { step, device, detail: end.in_words().into() });
            if branch.is_invited() {
                self.outputs.push_back(CallOutput::EndBranch { branch: *id, end });
            }
            if branch.needs_notice() && told.insert(branch.device()) {
                self.outputs.push_back(CallOutput::Notify { device: branch.device(), end });
            }
            branch.fail(BranchFailure::CallOver);
        }
    }

    fn note(&mut self, step: TimelineStep, device: Option<DeviceId>, detail: String) {
        self.outputs.push_back(CallOutput::Note { step, device, detail });
    }
}
