//! Calls a phone gets: INVITE, its user's manner, CANCEL, ACK and BYE.

use std::time::Duration;

use super::{Phone, Seen, Step, Timer};
use crate::history::{Manner, Oddity};
use crate::message::{self, Ask, Nonce, SDP};

use super::repeating::Use;

const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
const GIVE_UP: Duration = Duration::from_secs(32);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No final answer yet.
    Open,
    /// 200 sent.
    Answered {
        confirmed: bool,
    },
    /// Another final answer sent.
    Refused {
        status: u16,
        confirmed: bool,
    },
    Over,
}

/// One call it got.
#[derive(Debug)]
pub(super) struct Incoming {
    invite: String,
    call: String,
    from_tag: String,
    state: State,
    /// The last answer, for repeated INVITEs and lost ACKs.
    last: String,
    gap: Duration,
    spent: Duration,
}

impl Incoming {
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open | State::Answered { .. })
    }
}

impl Phone {
    pub(super) fn invited(&mut self, text: &str) {
        let branch = message::branch(text).to_owned();
        if let Some(known) = self.incoming.get(&branch) {
            let answer = known.last.clone();
            if !answer.is_empty() && known.state != State::Over {
                self.out.sends.push(answer);
            }
            return;
        }
        let call = message::header(text, "Call-ID").to_owned();
        let from_tag = message::tag(message::header(text, "From")).unwrap_or("").to_owned();
        if let Some(status) = self.has_already(&call, &from_tag) {
            self.take(&branch, text, (call, from_tag));
            self.say(&branch, status);
            return;
        }
        self.out.seen.push(Seen::Invited { call: call.clone(), tag: from_tag.clone() });
        self.take(&branch, text, (call, from_tag));
        self.behave(&branch);
    }

    /// The answer to an INVITE that came by another way too (RFC 3261 section 8.2.2.2).
    fn has_already(&self, call: &str, from_tag: &str) -> Option<u16> {
        self.incoming.values().filter(|one| one.call == call && one.from_tag == from_tag).find_map(|one| {
            match one.state {
                State::Open | State::Answered { .. } => Some(482),
                State::Refused { status, .. } if status != 487 && status != 482 => Some(status),
                State::Refused { .. } | State::Over => None,
            }
        })
    }

    fn take(&mut self, branch: &str, text: &str, (call, from_tag): (String, String)) {
        let incoming = Incoming {
            invite: text.to_owned(),
            call,
            from_tag,
            state: State::Open,
            last: String::new(),
            gap: T1,
            spent: Duration::ZERO,
        };
        self.incoming.insert(branch.to_owned(), incoming);
    }

    /// What its user does.
    fn behave(&mut self, branch: &str) {
        let act = |step| Timer::Act(branch.to_owned(), step);
        let wait = |ms: u32| Duration::from_millis(ms.into());
        let ring = Duration::from_millis(60);
        match self.manner() {
            Manner::Mute => return,
            Manner::Slow(ms) => {
                self.after(wait(ms), act(Step::Ring));
                self.after(wait(ms + 1500), act(Step::Answer));
                return;
            }
            Manner::Answers(ms) => {
                self.after(ring, act(Step::Ring));
                self.after(wait(ms.max(80)), act(Step::Answer));
            }
            Manner::AnswersAndCrashes(ms) => {
                self.after(ring, act(Step::Ring));
                self.after(wait(ms.max(80)), act(Step::Answer));
                self.after(wait(ms.max(80) + 150), act(Step::Crash));
            }
            Manner::Declines(ms) => {
                self.after(ring, act(Step::Ring));
                self.after(wait(ms.max(80)), act(Step::Refuse(603)));
            }
            Manner::Busy => self.after(ring, act(Step::Refuse(486))),
            Manner::Refuses(status) => self.after(ring, act(Step::Refuse(status))),
            Manner::Rings => self.after(ring, act(Step::Ring)),
        }
        if self.plan.oddity == Oddity::NoTrying {
            return;
        }
        if let Some(one) = self.incoming.get_mut(branch) {
            one.last = message::answer(&one.invite, 100, "", "", "");
            self.out.sends.push(one.last.clone());
        }
    }

    pub(super) fn act(&mut self, branch: &str, step: Step) {
        let Some(one) = self.incoming.get(branch) else { return };
        if step == Step::Crash {
            if matches!(one.state, State::Answered { .. }) {
                self.crash();
                self.out.crashed = true;
            }
            return;
        }
        if one.state != State::Open {
            return;
        }
        match step {
            Step::Ring => {
                self.out.seen.push(Seen::Rang { call: one.call.clone() });
                self.say(branch, 180);
            }
            Step::Answer => {
                self.out.seen.push(Seen::SaidOk { call: one.call.clone() });
                self.say(branch, 200);
            }
            Step::Refuse(status) => {
                self.out.seen.push(Seen::SaidNo { call: one.call.clone(), status });
                self.say(branch, status);
            }
            Step::Crash => {}
        }
    }

    fn say(&mut self, branch: &str, status: u16) {
        let (contact, datagram) = (self.contact(), self.is_datagram());
        let fresh = self.new_id("t");
        let Some(one) = self.incoming.get_mut(branch) else { return };
        let body = if status == 200 { SDP } else { "" };
        // All answers of one call have one tag.
        let tag = message::tag(message::header(&one.last, "To")).map_or(fresh, str::to_owned);
        one.last = message::answer(&one.invite, status, &tag, &contact, body);
        one.state = match status {
            0..200 => State::Open,
            200..300 => State::Answered { confirmed: false },
            _ => State::Refused { status, confirmed: false },
        };
        let text = one.last.clone();
        self.out.sends.push(text);
        if status >= 300 {
            self.nap_later();
        }
        // A 200 is repeated on every transport, a refusal on datagrams only.
        if (200..300).contains(&status) || (status >= 300 && datagram) {
            self.after(T1, Timer::AnswerAgain(branch.to_owned()));
        }
    }

    pub(super) fn answer_again(&mut self, branch: &str) {
        let Some(one) = self.incoming.get_mut(branch) else { return };
        match one.state {
            State::Answered { confirmed: false } | State::Refused { confirmed: false, .. } => {}
            State::Open | State::Answered { .. } | State::Refused { .. } | State::Over => return,
        }
        one.spent += one.gap;
        if one.spent >= GIVE_UP {
            if one.state == (State::Answered { confirmed: false }) {
                self.out.seen.push(Seen::Unconfirmed { call: one.call.clone() });
            }
            one.state = State::Over;
            return;
        }
        one.gap = (one.gap * 2).min(T2);
        let (gap, text) = (one.gap, one.last.clone());
        self.out.sends.push(text);
        self.after(gap, Timer::AnswerAgain(branch.to_owned()));
    }

    pub(super) fn cancelled(&mut self, text: &str) {
        let branch = message::branch(text).to_owned();
        let known = self.incoming.contains_key(&branch);
        let answer = message::answer(text, if known { 200 } else { 481 }, "x", "", "");
        self.out.sends.push(answer);
        let Some(one) = self.incoming.get(&branch).filter(|one| one.state == State::Open) else { return };
        let reason = message::header(text, "Reason").to_owned();
        self.out.seen.push(Seen::Cancelled { call: one.call.clone(), reason });
        self.say(&branch, 487);
    }

    pub(super) fn confirmed(&mut self, text: &str) {
        let (call, number) = (message::header(text, "Call-ID"), message::cseq(text).0);
        let tag = message::tag(message::header(text, "From")).unwrap_or("");
        let (branch, ours) = (message::branch(text), own_tag(text));
        let refusal = self.incoming.get_mut(branch);
        if let Some(Incoming { state: State::Refused { confirmed, .. }, .. }) = refusal {
            *confirmed = true;
            return;
        }
        let mut hangs_up = Vec::new();
        for (branch, one) in &mut self.incoming {
            let same = one.call == call
                && one.from_tag == tag
                && own_tag(&one.last) == ours
                && message::cseq(&one.invite).0 == number;
            if let (true, State::Answered { confirmed: confirmed @ false }) = (same, &mut one.state) {
                *confirmed = true;
                self.out.seen.push(Seen::Confirmed { call: call.to_owned() });
                hangs_up.push(branch.clone());
            }
        }
        for branch in hangs_up {
            if self.plan.oddity == Oddity::HangsUp {
                self.after(Duration::from_millis(1200), Timer::HangUpIncoming(branch));
            }
        }
    }

    pub(super) fn hung_up(&mut self, text: &str) {
        let call = message::header(text, "Call-ID");
        let tag = message::tag(message::header(text, "From")).unwrap_or("");
        let mut known = self.own_call_hung_up(call);
        let ours = own_tag(text);
        let of_dialog = |one: &&mut Incoming| one.call == call && one.from_tag == tag && own_tag(&one.last) == ours;
        for one in self.incoming.values_mut().filter(of_dialog) {
            if matches!(one.state, State::Answered { .. }) {
                one.state = State::Over;
                self.out.seen.push(Seen::HungUp { call: call.to_owned() });
            }
            known = true;
        }
        let answer = message::answer(text, if known { 200 } else { 481 }, "x", "", "");
        self.out.sends.push(answer);
        self.nap_later();
    }

    /// It hangs up on a call it got.
    pub(super) fn hang_up_incoming(&mut self, branch: &str) {
        let answered = self.incoming.get(branch).is_some_and(|one| matches!(one.state, State::Answered { .. }));
        if answered {
            let bye = self.incoming_bye(branch, 101, "");
            self.ask(bye, Use::IncomingBye(branch.to_owned()));
        }
    }

    fn incoming_bye(&mut self, branch: &str, cseq: u32, proof: &str) -> String {
        let fresh = format!("z9hG4bK{}", self.new_id("e"));
        let Some(one) = self.incoming.get(branch) else { return String::new() };
        Ask {
            method: "BYE",
            uri: message::uri(message::header(&one.invite, "Contact")),
            via: &self.via(),
            branch: &fresh,
            from: message::header(&one.last, "To"),
            to: message::header(&one.invite, "From"),
            call_id: &one.call,
            cseq,
            more: proof,
            body: "",
        }
        .text()
    }

    pub(super) fn incoming_bye_answered(&mut self, branch: &str, text: &str, status: u16) {
        let Some(one) = self.incoming.get(branch) else { return };
        if status == 407 && message::cseq(text).0 == 101 {
            let uri = message::uri(message::header(&one.invite, "Contact")).to_owned();
            let mut nonce = Nonce::of(text);
            let proof = nonce.as_mut().map_or(String::new(), |nonce| {
                nonce.line("Proxy-Authorization", &self.number, &self.ha1, ("BYE", &uri))
            });
            let bye = self.incoming_bye(branch, 102, &proof);
            return self.ask(bye, Use::IncomingBye(branch.to_owned()));
        }
        if let Some(one) = self.incoming.get_mut(branch) {
            one.state = State::Over;
            let call = one.call.clone();
            self.out.seen.push(Seen::HungUp { call });
        }
        self.nap_later();
    }

    /// A re-INVITE: it agrees.
    pub(super) fn changed(&mut self, text: &str) {
        let answer = message::answer(text, 200, "", &self.contact(), SDP);
        self.out.sends.push(answer);
    }

    /// Calls it got are lost with its network or its memory.
    pub(super) fn forget_calls(&mut self) {
        for one in std::mem::take(&mut self.incoming).into_values() {
            if one.is_open() {
                self.out.seen.push(Seen::Forgot { call: one.call });
            }
        }
    }
}

/// The tag by which a phone that is called knows its side.
fn own_tag(text: &str) -> Option<&str> {
    message::tag(message::header(text, "To"))
}
