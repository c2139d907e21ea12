//! Requests of a phone until they are answered (RFC 3261 timers A, B, E, F), and which answer is whose.

use std::time::Duration;

use super::{Phone, Timer};
use crate::message;

const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
const GIVE_UP: Duration = Duration::from_secs(32);

/// What a request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Use {
    Register {
        farewell: bool,
    },
    Invite(usize),
    Cancel(usize),
    Bye(String),
    /// The BYE of a call it got.
    IncomingBye(String),
    /// A re-INVITE.
    Hold(usize),
}

/// One request on its way.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) text: String,
    pub(super) purpose: Use,
    gap: Duration,
    heard: bool,
    done: bool,
    /// The ACK of a refusal, for when it is repeated.
    pub(super) ack: Option<String>,
}

impl Phone {
    /// Sends a request and repeats it over datagrams.
    pub(super) fn ask(&mut self, text: String, purpose: Use) {
        // A CANCEL has the branch of its INVITE.
        let branch = match purpose {
            Use::Cancel(_) => format!("cancel {}", message::branch(&text)),
            Use::Register { .. } | Use::Invite(_) | Use::Bye(_) | Use::IncomingBye(_) | Use::Hold(_) => {
                message::branch(&text).to_owned()
            }
        };
        self.out.sends.push(text.clone());
        if self.is_datagram() {
            self.after(T1, Timer::Again(branch.clone()));
        }
        self.after(GIVE_UP, Timer::Unanswered(branch.clone()));
        self.clients.insert(branch, Client { text, purpose, gap: T1, heard: false, done: false, ack: None });
    }

    pub(super) fn again(&mut self, branch: &str) {
        let Some(client) = self.clients.get_mut(branch) else { return };
        let is_invite = matches!(client.purpose, Use::Invite(_) | Use::Hold(_));
        if client.done || (is_invite && client.heard) {
            return;
        }
        client.gap *= 2;
        if !is_invite || client.heard {
            client.gap = client.gap.min(T2);
        }
        let (gap, text) = (client.gap, client.text.clone());
        self.out.sends.push(text);
        self.after(gap, Timer::Again(branch.to_owned()));
    }

    pub(super) fn unanswered(&mut self, branch: &str) {
        let Some(client) = self.clients.get(branch) else { return };
        if client.done {
            return;
        }
        match client.purpose.clone() {
            Use::Register { farewell } => {
                self.clients.remove(branch);
                self.register_unanswered(farewell);
            }
            // With a provisional answer it rings on until its user gives up.
            Use::Invite(_) if client.heard => {}
            Use::Invite(call) => {
                self.clients.remove(branch);
                self.nothing_came(call);
            }
            Use::Cancel(call) => {
                self.clients.remove(branch);
                self.nothing_came(call);
            }
            Use::Bye(_) | Use::IncomingBye(_) | Use::Hold(_) => {
                self.clients.remove(branch);
            }
        }
    }

    pub(super) fn response(&mut self, text: &str, status: u16) {
        let (_, method) = message::cseq(text);
        let plain = message::branch(text);
        let branch = if method == "CANCEL" { format!("cancel {plain}") } else { plain.to_owned() };
        let Some(client) = self.clients.get_mut(&branch) else { return };
        client.heard = true;
        let purpose = client.purpose.clone();
        let repeated = client.done;
        client.done |= status >= 200;
        match purpose {
            Use::Invite(call) => {
                if let Some(ack) = client.ack.clone().filter(|_| repeated && status >= 300) {
                    self.out.sends.push(ack);
                } else {
                    self.invite_answered(call, &branch, text, status);
                }
            }
            Use::Register { farewell } if !repeated && status >= 200 => {
                self.clients.remove(&branch);
                self.register_answered(farewell, text, status);
            }
            Use::Cancel(call) if !repeated && status >= 200 => self.cancel_answered(call, status),
            Use::Hold(call) if status >= 200 => self.hold_answered(call, &branch, text, status),
            Use::IncomingBye(call) if !repeated && status >= 200 => self.incoming_bye_answered(&call, text, status),
            Use::Bye(call) if !repeated && status >= 200 => self.bye_answered(&call, text, status),
            Use::Register { .. } | Use::Cancel(_) | Use::Bye(_) | Use::IncomingBye(_) | Use::Hold(_) => {}
        }
    }
}
