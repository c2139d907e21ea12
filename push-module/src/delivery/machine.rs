//! The machine over all wakes; see [`crate::delivery`] for its story and invariants.

mod standing_in;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use pbx_core::model::{CallId, Moment, Now, Verdict, WakeEvent, WakeId, WakeReport, WakeRequest, WakeTarget};

use super::lane::{Class, LaneKey, Next};
use super::lanes::{LaneStatus, Lanes};
use super::wake::{ATTEMPT_TIMEOUT, ATTEMPTS, Follower, Sameness, State, Step, Wake};
use super::{Answer, Attempt, Connection, Input, Outcome, Output, Refusal, Route, answer};
use crate::credential::CredentialId;

/// Pending wakes in all lanes: several full lanes, and still a few megabytes at most.
pub const PENDING: usize = 4096;
/// Of these, at most so many notices and tests; the rest is kept free for calls.
pub const PENDING_NOTICES: usize = 3072;
/// Wakes that may follow another one; the core sends one, so more is a loop somewhere.
pub const FOLLOWERS: usize = 4;
/// Accepted calls that are remembered until their ringing ends, against a second push for the same call.
pub const REMEMBERED: usize = 4096;

/// An accepted wake of a call that may still ring.
#[derive(Debug)]
struct Accepted {
    target: Arc<WakeTarget>,
    until: Moment,
    attempt: u32,
    provider_id: Option<String>,
}

/// Why an attempt brought no success, in case it was the last.
#[derive(Debug, Clone, Copy)]
struct Because<'a> {
    code: &'a str,
    why: &'a str,
}

/// All deliveries.
#[derive(Debug, Default)]
pub struct Delivery {
    wakes: BTreeMap<WakeId, Wake>,
    by_sameness: BTreeMap<Sameness, WakeId>,
    lanes: Lanes,
    /// Lanes in which somebody may go on the wire now.
    touched: BTreeSet<LaneKey>,
    deadlines: BTreeSet<(Moment, WakeId)>,
    accepted: BTreeMap<Sameness, Accepted>,
    accepted_until: BTreeSet<(Moment, Sameness)>,
    pending_notices: usize,
    outputs: VecDeque<Output>,
}

impl Delivery {
    /// No deliveries yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one input; the outputs are to be drained before the next.
    pub fn handle(&mut self, input: Input, now: Now) {
        match input {
            Input::Wake { request, route } => self.accept_order(request, route, now),
            Input::StopWakes(call) => self.stop(call, now),
            Input::Ended { wake_id, attempt, outcome } => self.ended(wake_id, attempt, outcome, now),
            Input::Removed { credential, routes } => self.removed(credential, &routes, now),
            Input::Answers(credential) => self.answers(credential),
        }
        self.pump(now);
    }

    /// Lets time pass; afterwards every deadline is later than `now`.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some((at, sameness)) = self.accepted_until.first().copied()
            && at <= now.mono
        {
            self.accepted_until.remove(&(at, sameness));
            self.accepted.remove(&sameness);
        }
        while let Some((at, wake_id)) = self.deadlines.first().copied()
            && at <= now.mono
        {
            self.deadlines.remove(&(at, wake_id));
            self.due(wake_id, now);
        }
        let due = self.lanes.due(now.mono);
        self.touched.extend(due.iter().cloned());
        self.pump(now);
        for lane in due {
            self.lanes.postpone_probe(&lane, now.mono);
        }
    }

    /// The next effect.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When time must pass next: at once while outputs wait.
    pub fn poll_timeout(&self) -> Option<Moment> {
        if !self.outputs.is_empty() {
            return Some(Moment::START);
        }
        let wake = self.deadlines.first().map(|(at, _)| *at);
        let memory = self.accepted_until.first().map(|(at, _)| *at);
        [wake, memory, self.lanes.next_probe()].into_iter().flatten().min()
    }

    /// Wakes that have not ended.
    pub fn pending(&self) -> usize {
        self.wakes.len()
    }

    /// A credential's provider takes so many attempts at once; [`super::SENDING`] unless this is told. Wakes may have come before
    /// it: what waits for a slot goes at once if there is one.
    pub fn set_slots(&mut self, credential: CredentialId, slots: usize, now: Now) {
        self.lanes.set_slots(credential, slots);
        self.touched.extend(self.lanes.of(credential));
        self.pump(now);
    }

    /// How a credential's lanes are doing.
    pub fn status(&self, credential: CredentialId) -> LaneStatus {
        self.lanes.status(credential)
    }

    /// The credentials whose lanes may have changed since this was asked last.
    pub fn take_changed(&mut self) -> BTreeSet<CredentialId> {
        self.lanes.take_changed()
    }

    fn accept_order(&mut self, request: WakeRequest, route: Result<Route, Refusal>, now: Now) {
        let sameness = Sameness::of(&request);
        if self.wakes.contains_key(&request.wake_id) || self.follow(&request, sameness, now) {
            return;
        }
        let route = match route {
            Ok(route) => route,
            Err(refusal) => return self.refuse(&request, refusal.code, refusal.why, now),
        };
        let left = request.expires_at.since(now.wall);
        if left.is_zero() {
            return self.refuse(&request, "expired", "the call was over before the push could be sent".into(), now);
        }
        let mut wake = Wake::new(request, route, now.mono, left);
        self.prefer_what_answers(&mut wake, now);
        let class = wake.class();
        let full = match class {
            Class::Call => self.wakes.len() >= PENDING,
            Class::Notice => self.wakes.len() >= PENDING || self.pending_notices >= PENDING_NOTICES,
        };
        let wake_id = wake.request.wake_id;
        let lane = wake.lane();
        if self.lanes.is_open(&lane) {
            wake.meets_open_circuit(now.mono);
        }
        if full || !self.lanes.join(&lane, wake_id, wake.seat()) {
            let why = "too many pushes are waiting for the provider; see its state under Push";
            return self.refuse(&wake.request, "push_queue_full", why.into(), now);
        }
        if class == Class::Notice {
            self.pending_notices += 1;
        }
        self.by_sameness.insert(sameness, wake_id);
        self.deadlines.insert((wake.deadline(), wake_id));
        self.wakes.insert(wake_id, wake);
        self.touched.insert(lane);
    }

    /// Lets the wake follow one that is under way or was accepted; says whether it did.
    fn follow(&mut self, request: &WakeRequest, sameness: Sameness, now: Now) -> bool {
        if let Some(accepted) = self.accepted.get(&sameness)
            && accepted.until > now.mono
            && same_tokens(&accepted.target, &request.target)
        {
            let event = WakeEvent::Answered {
                attempt: accepted.attempt,
                verdict: Verdict::Accepted,
                provider_id: accepted.provider_id.clone(),
            };
            self.outputs.push_back(Output::Report(report_of(request, request.wake_id, &request.target, event, now)));
            return true;
        }
        let Some(wake) = self.by_sameness.get(&sameness).and_then(|leader| self.wakes.get_mut(leader)) else {
            return false;
        };
        if !same_tokens(&wake.request.target, &request.target) {
            return false;
        }
        if wake.followers.iter().any(|it| it.wake_id == request.wake_id) {
            return true;
        }
        if wake.followers.len() >= FOLLOWERS {
            let why = "the same push is already under way several times".into();
            self.refuse(request, "push_duplicate", why, now);
            return true;
        }
        wake.followers.push(Follower { wake_id: request.wake_id, target: Arc::clone(&request.target) });
        true
    }

    fn refuse(&mut self, request: &WakeRequest, code: &str, why: String, now: Now) {
        let event = WakeEvent::GaveUp { code: code.to_owned(), why };
        self.outputs.push_back(Output::Report(report_of(request, request.wake_id, &request.target, event, now)));
    }

    fn stop(&mut self, call: CallId, now: Now) {
        let of_the_call = self.accepted.range(Sameness::first_of(call)..).take_while(|(it, _)| it.is_about(call));
        let over: Vec<Sameness> = of_the_call.filter(|(it, _)| it.is_wake_of(call)).map(|(it, _)| *it).collect();
        for sameness in over {
            if let Some(accepted) = self.accepted.remove(&sameness) {
                self.accepted_until.remove(&(accepted.until, sameness));
            }
        }
        let stopped: Vec<WakeId> =
            self.wakes.iter().filter(|(_, wake)| wake.is_of(call)).map(|(wake_id, _)| *wake_id).collect();
        for wake_id in stopped {
            let Some(wake) = self.wakes.get_mut(&wake_id) else { continue };
            wake.stopped = true;
            match wake.state {
                State::Queued | State::WaitingToRetry { .. } => self.give_up(wake_id, "stopped", STOPPED.into(), now),
                // It is on the wire: its answer still tells whether the token is good.
                State::Sending { .. } => {}
            }
        }
    }

    fn ended(&mut self, wake_id: WakeId, attempt: u32, outcome: Outcome, now: Now) {
        let Some(wake) = self.wakes.get_mut(&wake_id) else { return };
        match (wake.state, outcome) {
            (State::Sending { .. }, Outcome::Answered(answer)) if wake.attempts == attempt => {
                let lane = wake.lane();
                self.lanes.answered(&lane);
                self.answered(wake_id, attempt, answer, now);
                self.touched.insert(lane);
            }
            (State::Sending { .. }, Outcome::Unasked(answer)) if wake.attempts == attempt => {
                let lane = wake.lane();
                self.lanes.unasked(&lane, wake_id, now.mono);
                self.answered(wake_id, attempt, answer, now);
                self.touched.insert(lane);
            }
            (State::Sending { .. }, Outcome::Unreachable { why }) if wake.attempts == attempt => {
                self.unanswered(wake_id, why, now);
            }
            // The outcome of an attempt that was abandoned meanwhile.
            (
                State::Sending { .. } | State::Queued | State::WaitingToRetry { .. },
                Outcome::Answered(_) | Outcome::Unasked(_) | Outcome::Unreachable { .. },
            ) => {}
        }
    }

    fn answered(&mut self, wake_id: WakeId, attempt: u32, answer: Answer, now: Now) {
        let Some(wake) = self.wakes.get_mut(&wake_id) else { return };
        if answer.verdict == Verdict::Accepted {
            let verdict = match wake.is_elsewhere() {
                false => Verdict::Accepted,
                true => Verdict::TokenWrong {
                    why: "the phone's token belongs to the other environment; corrected".into(),
                    accepted_in: Some(wake.environment),
                },
            };
            self.report(
                wake_id,
                &WakeEvent::Answered { attempt, verdict, provider_id: answer.provider_id.clone() },
                now,
            );
            return self.accept(wake_id, attempt, answer.provider_id, now);
        }
        let answer = if wake.is_elsewhere() { answer.about_the_phone(wake.environment) } else { answer };
        let step = match wake.after_answer(answer.remedy, now.mono) {
            Step::GiveUp => wake.with_the_second(&answer.verdict),
            step @ (Step::AgainFresh
            | Step::AgainRenewed
            | Step::AgainElsewhere(..)
            | Step::AgainStoodIn
            | Step::After(_)) => step,
        };
        let verdict = match step {
            Step::GiveUp => answer.verdict.clone(),
            Step::AgainFresh | Step::AgainRenewed | Step::AgainElsewhere(..) | Step::AgainStoodIn => {
                Verdict::RetryAfter { wait: Some(Duration::ZERO), why: answer.why().to_owned() }
            }
            Step::After(wait) => Verdict::RetryAfter { wait: Some(wait), why: answer.why().to_owned() },
        };
        self.report(wake_id, &WakeEvent::Answered { attempt, verdict, provider_id: answer.provider_id.clone() }, now);
        let because = Because { code: answer::code(&answer.verdict), why: answer.why() };
        self.take(wake_id, step, because, now);
    }

    fn unanswered(&mut self, wake_id: WakeId, why: String, now: Now) {
        let Some(wake) = self.wakes.get_mut(&wake_id) else { return };
        let mut step = wake.after_silence(now.mono);
        let (lane, second) = (wake.lane(), wake.second_lane());
        let can_go_on = wake.may_go_on();
        let was_open = self.lanes.is_open(&lane);
        self.lanes.unanswered(&lane, wake_id, now.mono);
        if self.lanes.is_open(&lane) {
            if !was_open {
                self.stand_in(&lane, now);
            }
            if can_go_on && second.is_some_and(|second| !self.lanes.is_open(&second)) {
                step = Step::AgainStoodIn;
            }
        }
        self.take(wake_id, step, Because { code: "unreachable", why: &why }, now);
    }

    /// Does what was decided after an attempt without success.
    fn take(&mut self, wake_id: WakeId, step: Step, because: Because<'_>, now: Now) {
        let Some(wake) = self.wakes.get_mut(&wake_id) else { return };
        if wake.stopped {
            return self.give_up(wake_id, "stopped", STOPPED.into(), now);
        }
        if wake.expires <= now.mono {
            return self.give_up(
                wake_id,
                "expired",
                format!("the caller stopped ringing before it worked; {}", because.why),
                now,
            );
        }
        if let Some(route) = wake.moved.take()
            && wake.attempts < ATTEMPTS
            && !ENDS_WITH_THE_TOKEN.contains(&because.code)
        {
            return self.move_on(wake_id, route, now);
        }
        match step {
            Step::GiveUp => self.give_up(wake_id, because.code, because.why.to_owned(), now),
            Step::AgainFresh => {
                wake.fresh = true;
                // While nobody answers, one asks at a time, and everybody in turn.
                if self.lanes.is_open(&wake.lane()) {
                    self.free_slot(wake_id);
                    self.queue_again(wake_id, now);
                } else {
                    self.send(wake_id, now);
                }
            }
            Step::AgainStoodIn => {
                self.free_slot(wake_id);
                self.queue_again(wake_id, now);
            }
            Step::AgainRenewed => {
                wake.renew = true;
                self.send(wake_id, now);
            }
            Step::AgainElsewhere(credential, environment) => {
                self.free_slot(wake_id);
                if let Some(wake) = self.wakes.get_mut(&wake_id) {
                    wake.environment = environment;
                    wake.credential = credential;
                }
                self.queue_again(wake_id, now);
            }
            Step::After(wait) => {
                self.free_slot(wake_id);
                self.set_state(wake_id, State::WaitingToRetry { until: now.mono + wait });
            }
        }
    }

    /// A deadline has passed.
    fn due(&mut self, wake_id: WakeId, now: Now) {
        let Some(wake) = self.wakes.get(&wake_id) else { return };
        match wake.state {
            State::Queued if wake.expires > now.mono => self.hurry(wake_id),
            State::Queued => {
                let lane = wake.lane();
                let (code, why) = if self.lanes.is_open(&lane) {
                    let times = self.lanes.unanswered_of(&lane);
                    let why = format!(
                        "the provider left {times} attempts in a row without an answer, and the caller stopped ringing before it gave one; run the network check under Push"
                    );
                    ("unreachable", why)
                } else {
                    ("expired", LATE.to_owned())
                };
                self.give_up(wake_id, code, why, now);
            }
            State::Sending { .. } => {
                self.outputs.push_back(Output::Abandon { wake_id, attempt: wake.attempts });
                let why = "the provider did not answer in time".to_owned();
                self.unanswered(wake_id, why, now);
            }
            State::WaitingToRetry { .. } => self.queue_again(wake_id, now),
        }
    }

    /// Has waited long enough without an attempt: it goes now, whatever the circuit says.
    fn hurry(&mut self, wake_id: WakeId) {
        self.reschedule(wake_id, |wake| wake.hurried = true);
        let Some(wake) = self.wakes.get(&wake_id) else { return };
        let lane = wake.lane();
        self.lanes.hurry(&lane, wake_id, wake.seat());
        self.touched.insert(lane);
    }

    fn queue_again(&mut self, wake_id: WakeId, now: Now) {
        self.set_state(wake_id, State::Queued);
        let Some(mut wake) = self.wakes.remove(&wake_id) else { return };
        self.prefer_what_answers(&mut wake, now);
        let (lane, seat) = (wake.lane(), wake.seat());
        self.wakes.insert(wake_id, wake);
        self.lanes.rejoin(&lane, wake_id, seat);
        self.touched.insert(lane);
    }

    /// Puts waiting wakes on the wire while there are slots.
    fn pump(&mut self, now: Now) {
        while let Some(lane) = self.touched.pop_first() {
            while let Some(next) = self.lanes.next(&lane, now.mono) {
                let (wake_id, is_probe) = match next {
                    Next::Send(wake_id) => (wake_id, false),
                    Next::Probe(wake_id) => (wake_id, true),
                };
                if let Some(wake) = self.wakes.get_mut(&wake_id) {
                    wake.fresh |= is_probe;
                }
                self.send(wake_id, now);
            }
        }
    }

    /// Starts an attempt; the wake holds a slot.
    fn send(&mut self, wake_id: WakeId, now: Now) {
        let Some(wake) = self.wakes.get_mut(&wake_id) else { return };
        if wake.expires <= now.mono {
            // A driver that comes late must not push for a caller who is gone.
            let lane = wake.lane();
            self.lanes.unasked(&lane, wake_id, now.mono);
            self.set_state(wake_id, State::Sending { deadline: now.mono });
            return self.give_up(wake_id, "expired", LATE.to_owned(), now);
        }
        let timeout = ATTEMPT_TIMEOUT.min(wake.expires.since(now.mono));
        let number = wake.attempts + 1;
        let attempt = Attempt {
            wake_id,
            number,
            request: Arc::clone(&wake.request),
            credential: wake.credential,
            environment: wake.environment,
            connection: if std::mem::take(&mut wake.fresh) { Connection::Fresh } else { Connection::Usual },
            renew_token: std::mem::take(&mut wake.renew),
            elsewhere: wake.is_elsewhere(),
            timeout,
        };
        self.reschedule(wake_id, |wake| {
            wake.attempts = number;
            wake.state = State::Sending { deadline: now.mono + timeout };
        });
        self.outputs.push_back(Output::Attempt(attempt));
        self.report(wake_id, &WakeEvent::Sent { attempt: number }, now);
    }

    fn accept(&mut self, wake_id: WakeId, attempt: u32, provider_id: Option<String>, now: Now) {
        let Some(wake) = self.remove(wake_id) else { return };
        let sameness = Sameness::of(&wake.request);
        if sameness.is_remembered() && !wake.stopped && wake.expires > now.mono {
            if self.accepted.len() >= REMEMBERED
                && let Some((_, soonest)) = self.accepted_until.pop_first()
            {
                self.accepted.remove(&soonest);
            }
            let target = Arc::clone(&wake.request.target);
            let accepted = Accepted { target, until: wake.expires, attempt, provider_id };
            if let Some(before) = self.accepted.insert(sameness, accepted) {
                self.accepted_until.remove(&(before.until, sameness));
            }
            self.accepted_until.insert((wake.expires, sameness));
        }
    }

    fn give_up(&mut self, wake_id: WakeId, code: &str, why: String, now: Now) {
        self.report(wake_id, &WakeEvent::GaveUp { code: code.to_owned(), why }, now);
        self.remove(wake_id);
    }

    /// Takes a wake that has ended out of every list.
    fn remove(&mut self, wake_id: WakeId) -> Option<Wake> {
        self.free_slot(wake_id);
        let wake = self.wakes.remove(&wake_id)?;
        self.deadlines.remove(&(wake.deadline(), wake_id));
        let sameness = Sameness::of(&wake.request);
        if self.by_sameness.get(&sameness) == Some(&wake_id) {
            self.by_sameness.remove(&sameness);
        }
        if wake.class() == Class::Notice {
            self.pending_notices = self.pending_notices.saturating_sub(1);
        }
        Some(wake)
    }

    /// Gives back the wake's slot, to the next that waits, or its place in the queue.
    fn free_slot(&mut self, wake_id: WakeId) {
        let Some(wake) = self.wakes.get(&wake_id) else { return };
        let (lane, seat) = (wake.lane(), wake.seat());
        match wake.state {
            State::Sending { .. } => {
                self.lanes.release(&lane, seat);
                self.touched.insert(lane);
            }
            State::Queued => self.lanes.leave(&lane, wake_id, seat),
            State::WaitingToRetry { .. } => {}
        }
    }

    /// The only writer of a wake's state; keeps its deadline with it.
    fn set_state(&mut self, wake_id: WakeId, state: State) {
        self.reschedule(wake_id, |wake| wake.state = state);
    }

    fn reschedule(&mut self, wake_id: WakeId, change: impl FnOnce(&mut Wake)) {
        let Some(wake) = self.wakes.get_mut(&wake_id) else { return };
        self.deadlines.remove(&(wake.deadline(), wake_id));
        change(wake);
        self.deadlines.insert((wake.deadline(), wake_id));
    }

    fn report(&mut self, wake_id: WakeId, event: &WakeEvent, now: Now) {
        let Some(wake) = self.wakes.get(&wake_id) else { return };
        let first = report_of(&wake.request, wake_id, &wake.request.target, event.clone(), now);
        self.outputs.push_back(Output::Report(first));
        for follower in &wake.followers {
            let copy = report_of(&wake.request, follower.wake_id, &follower.target, event.clone(), now);
            self.outputs.push_back(Output::Report(copy));
        }
    }
}

/// A wake for a newer token is another wake, even for the same device and call.
fn same_tokens(one: &WakeTarget, other: &WakeTarget) -> bool {
    one.call_token == other.call_token && one.notice_token == other.notice_token
}

const LATE: &str = "the caller stopped ringing before the push could be sent";
const STOPPED: &str = "the call was over";
const REMOVED: &str = "the push credential was removed meanwhile";
/// Codes after which no other credential helps.
const ENDS_WITH_THE_TOKEN: [&str; 2] = ["token_gone", "refused"];

fn report_of(
    request: &WakeRequest,
    wake_id: WakeId,
    target: &Arc<WakeTarget>,
    event: WakeEvent,
    now: Now,
) -> WakeReport {
    WakeReport {
        wake_id,
        call: request.call,
        device: request.device,
        target: Arc::clone(target),
        kind: request.kind,
        at: now.wall,
        event,
    }
}
