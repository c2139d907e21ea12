//! Calls a phone makes: INVITE, the challenge, ringing, the answer, patience, CANCEL and BYE.

use std::time::Duration;

use super::repeating::Use;
use super::{Phone, Power, Seen, Timer};
use crate::history::Oddity;
use crate::message::{self, Ask, Nonce, SDP};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The INVITE is out.
    Open,
    Talking,
    Over,
}

/// One call of its own.
#[derive(Debug)]
pub(super) struct Outgoing {
    call: String,
    to: String,
    branch: String,
    from_tag: String,
    cseq: u32,
    state: State,
    proven: u32,
    provisional: bool,
    unwanted: bool,
    taken_back: bool,
    ringing: bool,
    talks: u32,
    /// To and Contact of the 200, and its ACK.
    remote: Option<(String, String)>,
    ack: Option<String>,
}

impl Outgoing {
    pub(super) fn is_open(&self) -> bool {
        self.state != State::Over
    }

    pub(super) fn forget(&mut self) {
        self.state = State::Over;
    }
}

impl Phone {
    /// Dials.
    pub(crate) fn call(&mut self, to: &str, gives_up: Option<u32>, talks: u32) {
        if self.power != Power::Up {
            return;
        }
        let number = self.outgoing.len();
        let call = self.new_id("call");
        self.outgoing.push(Outgoing {
            call: call.clone(),
            to: to.to_owned(),
            branch: String::new(),
            from_tag: format!("c{number}"),
            cseq: 0,
            state: State::Open,
            proven: 0,
            provisional: false,
            unwanted: false,
            taken_back: false,
            ringing: false,
            talks,
            remote: None,
            ack: None,
        });
        self.out.seen.push(Seen::Calls { call, to: to.to_owned() });
        if let Some(patience) = gives_up {
            self.after(Duration::from_millis(patience.into()), Timer::GiveUp(number));
        }
        self.send_invite(number);
    }

    fn send_invite(&mut self, number: usize) {
        let branch = format!("z9hG4bK{}", self.new_id("i"));
        let Some(call) = self.outgoing.get_mut(number) else { return };
        call.cseq += 1;
        call.branch.clone_from(&branch);
        call.provisional = false;
        let uri = format!("sip:{}@127.0.0.1", call.to);
        let (from_tag, call_id, cseq, to) = (call.from_tag.clone(), call.call.clone(), call.cseq, call.to.clone());
        let proof = self.nonce.as_mut().map_or(String::new(), |nonce| {
            nonce.line("Proxy-Authorization", &self.number, &self.ha1, ("INVITE", &uri))
        });
        let text = Ask {
            method: "INVITE",
            uri: &uri,
            via: &self.via(),
            branch: &branch,
            from: &format!("<sip:{}@127.0.0.1>;tag={from_tag}", self.number),
            to: &format!("<sip:{to}@127.0.0.1>"),
            call_id: &call_id,
            cseq,
            more: &format!("Contact: <{}>\r\n{proof}", self.contact()),
            body: if self.plan.oddity == Oddity::LateOffer { "" } else { SDP },
        }
        .text();
        self.ask(text, Use::Invite(number));
    }

    pub(super) fn invite_answered(&mut self, number: usize, branch: &str, text: &str, status: u16) {
        match status {
            0..200 => self.progress(number, status),
            200..300 => self.accepted(number, text),
            _ => self.refused(number, branch, text, status),
        }
    }

    fn progress(&mut self, number: usize, status: u16) {
        let Some(call) = self.outgoing.get_mut(number).filter(|call| call.state == State::Open) else { return };
        call.provisional = true;
        if status == 180 && !call.ringing {
            call.ringing = true;
            self.out.seen.push(Seen::HearsRinging { call: call.call.clone() });
        }
        let due = call.unwanted && !call.taken_back;
        if due {
            self.take_back(number);
        }
    }

    fn accepted(&mut self, number: usize, text: &str) {
        let Some(call) = self.outgoing.get(number) else { return };
        if let Some(ack) = call.ack.clone() {
            // The 200 came again: its ACK was lost.
            self.out.sends.push(ack);
            return;
        }
        if call.state != State::Open {
            return;
        }
        let tag = message::tag(message::header(text, "To")).unwrap_or("").to_owned();
        let heard = Seen::Hears { call: call.call.clone(), status: 200, tag };
        let remote =
            (message::header(text, "To").to_owned(), message::uri(message::header(text, "Contact")).to_owned());
        let (unwanted, talks) = (call.unwanted, call.talks);
        self.out.seen.push(heard);
        let branch = format!("z9hG4bK{}", self.new_id("k"));
        let answer = if self.plan.oddity == Oddity::LateOffer { SDP } else { "" };
        let ack = self.within(number, "ACK", &branch, &remote, ("", answer));
        self.out.sends.push(ack.clone());
        let Some(call) = self.outgoing.get_mut(number) else { return };
        call.state = State::Talking;
        call.remote = Some(remote);
        call.ack = Some(ack);
        if unwanted {
            self.hang_up(number);
        } else {
            if self.plan.oddity == Oddity::Holds {
                self.after(Duration::from_millis(200), Timer::Hold(number));
            }
            self.after(Duration::from_millis(talks.into()), Timer::HangUp(number));
        }
    }

    fn refused(&mut self, number: usize, branch: &str, text: &str, status: u16) {
        let Some(call) = self.outgoing.get(number) else { return };
        let to = message::header(text, "To").to_owned();
        let ack = Ask {
            method: "ACK",
            uri: &format!("sip:{}@127.0.0.1", call.to),
            via: &self.via(),
            branch,
            from: &format!("<sip:{}@127.0.0.1>;tag={}", self.number, call.from_tag),
            to: &to,
            call_id: &call.call,
            cseq: call.cseq,
            more: "",
            body: "",
        }
        .text();
        self.out.sends.push(ack.clone());
        if let Some(client) = self.clients.get_mut(branch) {
            client.ack = Some(ack);
        }
        let Some(call) = self.outgoing.get_mut(number).filter(|call| call.state == State::Open) else { return };
        if status == 407 && call.proven < 2 {
            call.proven += 1;
            let unwanted = call.unwanted;
            self.nonce = Nonce::of(text);
            if unwanted {
                self.out.seen.push(Seen::Abandons { call: self.outgoing[number].call.clone() });
                self.end(number);
            } else {
                self.send_invite(number);
            }
            return;
        }
        let tag = message::tag(&to).unwrap_or("").to_owned();
        self.out.seen.push(Seen::Hears { call: call.call.clone(), status, tag });
        self.end(number);
    }

    /// The caller's patience is over.
    pub(super) fn give_up(&mut self, number: usize) {
        let Some(call) = self.outgoing.get_mut(number).filter(|call| call.state == State::Open) else { return };
        call.unwanted = true;
        if call.provisional {
            self.take_back(number);
        }
    }

    fn take_back(&mut self, number: usize) {
        let Some(call) = self.outgoing.get_mut(number) else { return };
        call.taken_back = true;
        let (id, to, branch, cseq) = (call.call.clone(), call.to.clone(), call.branch.clone(), call.cseq);
        let from = format!("<sip:{}@127.0.0.1>;tag={}", self.number, call.from_tag);
        let text = Ask {
            method: "CANCEL",
            uri: &format!("sip:{to}@127.0.0.1"),
            via: &self.via(),
            branch: &branch,
            from: &from,
            to: &format!("<sip:{to}@127.0.0.1>"),
            call_id: &id,
            cseq,
            more: "",
            body: "",
        }
        .text();
        self.out.seen.push(Seen::TakesBack { call: id });
        self.ask(text, Use::Cancel(number));
    }

    pub(super) fn cancel_answered(&mut self, number: usize, status: u16) {
        // The server knows nothing of the call (any more), so no final answer will come.
        if status == 481 {
            self.nothing_came(number);
        }
    }

    pub(super) fn nothing_came(&mut self, number: usize) {
        let Some(call) = self.outgoing.get(number).filter(|call| call.state == State::Open) else { return };
        self.out.seen.push(Seen::HearsNothing { call: call.call.clone() });
        self.end(number);
    }

    pub(super) fn hang_up(&mut self, number: usize) {
        let Some(call) = self.outgoing.get_mut(number).filter(|call| call.state == State::Talking) else { return };
        call.cseq += 1;
        // For its user the call is over, whether or not the BYE is answered.
        self.out.seen.push(Seen::Parted { call: call.call.clone() });
        let (id, remote) = (call.call.clone(), call.remote.clone().unwrap_or_default());
        let branch = format!("z9hG4bK{}", self.new_id("b"));
        let bye = self.within(number, "BYE", &branch, &remote, ("", ""));
        self.ask(bye, Use::Bye(id));
    }

    pub(super) fn bye_answered(&mut self, call: &str, text: &str, status: u16) {
        let Some(number) = self.outgoing.iter().position(|one| one.call == call) else { return };
        if status == 407 && self.outgoing[number].proven < 4 {
            self.outgoing[number].proven += 1;
            self.outgoing[number].cseq += 1;
            let mut nonce = Nonce::of(text);
            let remote = self.outgoing[number].remote.clone().unwrap_or_default();
            let proof = nonce.as_mut().map_or(String::new(), |nonce| {
                nonce.line("Proxy-Authorization", &self.number, &self.ha1, ("BYE", &remote.1))
            });
            self.nonce = nonce;
            let branch = format!("z9hG4bK{}", self.new_id("b"));
            let bye = self.within(number, "BYE", &branch, &remote, (&proof, ""));
            self.ask(bye, Use::Bye(call.to_owned()));
            return;
        }
        self.part(number);
    }

    /// The other side hung up on a call of ours. Whether it was one.
    pub(super) fn own_call_hung_up(&mut self, call_id: &str) -> bool {
        let Some(number) = self.outgoing.iter().position(|call| call.call == call_id && call.state == State::Talking)
        else {
            return false;
        };
        self.part(number);
        true
    }

    fn part(&mut self, number: usize) {
        let Some(call) = self.outgoing.get(number).filter(|call| call.is_open()) else { return };
        self.out.seen.push(Seen::Parted { call: call.call.clone() });
        self.end(number);
    }

    fn end(&mut self, number: usize) {
        if let Some(call) = self.outgoing.get_mut(number) {
            call.state = State::Over;
        }
        self.nap_later();
    }

    /// It leaves its network, or is gone: calls that are not answered cannot be finished from elsewhere.
    pub(super) fn abandon_calls(&mut self) {
        for call in self.outgoing.iter_mut().filter(|call| call.state == State::Open) {
            call.state = State::Over;
            self.out.seen.push(Seen::Abandons { call: call.call.clone() });
        }
    }

    /// Puts the call on hold: a re-INVITE.
    pub(super) fn hold(&mut self, number: usize) {
        let Some(call) = self.outgoing.get_mut(number).filter(|call| call.state == State::Talking) else { return };
        call.cseq += 1;
        let remote = call.remote.clone().unwrap_or_default();
        let branch = format!("z9hG4bK{}", self.new_id("h"));
        let more = format!("Contact: <{}>\r\n", self.contact());
        let invite = self.within(number, "INVITE", &branch, &remote, (&more, SDP));
        self.ask(invite, Use::Hold(number));
    }

    pub(super) fn hold_answered(&mut self, number: usize, branch: &str, text: &str, status: u16) {
        let Some(call) = self.outgoing.get(number) else { return };
        let remote = call.remote.clone().unwrap_or_default();
        let fresh = format!("z9hG4bK{}", self.new_id("k"));
        let branch = if status < 300 { &fresh } else { branch };
        let cseq = message::cseq(text).0;
        let Some(call) = self.outgoing.get_mut(number) else { return };
        let now = std::mem::replace(&mut call.cseq, cseq);
        let ack = self.within(number, "ACK", branch, &remote, ("", ""));
        if let Some(call) = self.outgoing.get_mut(number) {
            call.cseq = now;
        }
        self.out.sends.push(ack);
    }

    fn within(
        &self,
        number: usize,
        method: &str,
        branch: &str,
        remote: &(String, String),
        (more, body): (&str, &str),
    ) -> String {
        let call = &self.outgoing[number];
        Ask {
            method,
            uri: &remote.1,
            via: &self.via(),
            branch,
            from: &format!("<sip:{}@127.0.0.1>;tag={}", self.number, call.from_tag),
            to: &remote.0,
            call_id: &call.call,
            cseq: call.cseq,
            more,
            body,
        }
        .text()
    }
}
