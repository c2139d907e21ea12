//! How a phone registers: with its token, from where it is, until it goes to bed.

use std::time::Duration;

use super::repeating::Use;
use super::{Phone, Power, Seen, Timer};
use crate::history::Push;
use crate::message::{Ask, Nonce};

/// Seconds a registration is asked for; refreshed after half of them.
const EXPIRES: u32 = 240;
/// How long a phone waits for the answer to its farewell.
const FAREWELL: Duration = Duration::from_secs(3);

/// What it knows about its registration.
#[derive(Debug, Default)]
pub(super) struct Registering {
    call_id: String,
    cseq: u32,
    under_way: bool,
    once_more: bool,
    refused: u32,
    /// The token in the last REGISTER.
    offered: Option<String>,
    turn: u32,
    nap: u32,
    bed: Option<u32>,
}

impl Registering {
    pub(super) fn after_crash(life: u32) -> Self {
        Self { nap: life * 1000, turn: life * 1000, ..Self::default() }
    }

    pub(super) fn restart(&mut self) {
        self.under_way = false;
        self.once_more = false;
        self.refused = 0;
    }

    pub(super) fn next_nap(&mut self) -> u32 {
        self.nap += 1;
        self.nap
    }

    pub(super) fn is_nap(&self, turn: u32) -> bool {
        self.nap == turn
    }

    pub(super) fn cancel_bedtime(&mut self) {
        self.bed = None;
    }
}

impl Phone {
    /// Registers now, or once more after the REGISTER that is under way.
    pub(super) fn register(&mut self) {
        if self.registering.under_way {
            self.registering.once_more = true;
        } else {
            self.registering.refused = 0;
            self.send_register(false);
        }
    }

    pub(super) fn register_later(&mut self, wait: Duration) {
        self.clients.retain(|_, client| !matches!(client.purpose, Use::Register { .. }));
        self.registering.under_way = false;
        self.registering.turn += 1;
        let turn = self.registering.turn;
        self.after(wait, Timer::Refresh(turn));
    }

    pub(super) fn refresh(&mut self, turn: u32) {
        if self.registering.turn == turn && self.power == Power::Up {
            self.register();
        }
    }

    /// Unregisters, then freezes.
    pub(super) fn say_farewell(&mut self) {
        self.away();
        self.clients.retain(|_, client| !matches!(client.purpose, Use::Register { .. }));
        self.registering.refused = 0;
        self.registering.turn += 1;
        let turn = self.registering.turn;
        self.registering.bed = Some(turn);
        self.after(FAREWELL, Timer::Bed(turn));
        self.send_register(true);
    }

    pub(super) fn bed(&mut self, turn: u32) {
        if self.registering.bed == Some(turn) {
            self.go_to_bed();
        }
    }

    fn go_to_bed(&mut self) {
        self.registering.bed = None;
        if self.is_busy() {
            self.register();
        } else {
            self.freeze(Some(20));
        }
    }

    fn send_register(&mut self, farewell: bool) {
        if self.registering.call_id.is_empty() {
            self.registering.call_id = self.new_id("reg");
        }
        self.registering.under_way = true;
        self.registering.once_more = false;
        self.registering.cseq += 1;
        self.registering.offered = self.token();
        let uri = "sip:127.0.0.1";
        let address = format!("<sip:{}@127.0.0.1>", self.number);
        let seconds = if farewell { 0 } else { EXPIRES };
        let proof = self
            .nonce
            .as_mut()
            .map_or(String::new(), |nonce| nonce.line("Authorization", &self.number, &self.ha1, ("REGISTER", uri)));
        let more = format!("Contact: {}\r\nExpires: {seconds}\r\n{proof}", self.offered_contact());
        let branch = format!("z9hG4bK{}", self.new_id("r"));
        let text = Ask {
            method: "REGISTER",
            uri,
            via: &self.via(),
            branch: &branch,
            from: &format!("{address};tag=f{}", self.registering.cseq),
            to: &address,
            call_id: &self.registering.call_id,
            cseq: self.registering.cseq,
            more: &more,
            body: "",
        }
        .text();
        self.ask(text, Use::Register { farewell });
    }

    fn offered_contact(&self) -> String {
        let token = self.token().unwrap_or_default();
        let push = match self.plan.push {
            None => String::new(),
            Some(Push::Apns) => format!(
                ";pn-provider=apns;pn-param=TEAM123456.com.example.app.voip&remote;pn-prid={token}:voip&r{token}:remote"
            ),
            Some(Push::Fcm) => format!(";pn-provider=fcm;pn-param=project;pn-prid={token}"),
        };
        let instance = format!("+sip.instance=\"<urn:uuid:00000000-0000-0000-0000-{:012}>\"", self.index);
        format!("<{}{push}>;{instance}", self.contact())
    }

    pub(super) fn register_answered(&mut self, farewell: bool, text: &str, status: u16) {
        self.registering.under_way = false;
        match status {
            401 => {
                self.nonce = Nonce::of(text);
                self.registering.refused += 1;
                // A wrong answer thrice is a wrong password.
                if self.registering.refused < 3 {
                    self.send_register(farewell);
                }
            }
            200 if farewell => {
                if self.registering.bed.is_some() {
                    self.go_to_bed();
                } else {
                    self.register();
                }
            }
            200 => {
                let token = self.registering.offered.clone();
                self.out.seen.push(Seen::Registered { token });
                if self.registering.once_more {
                    self.register();
                } else {
                    self.register_later(Duration::from_secs(u64::from(EXPIRES) / 2));
                }
            }
            403 | 404 => self.away(),
            503 => self.register_later(Duration::from_secs(10)),
            _ => self.register_later(Duration::from_secs(1)),
        }
    }

    pub(super) fn register_unanswered(&mut self, farewell: bool) {
        self.registering.under_way = false;
        if !farewell {
            self.register_later(Duration::from_secs(2));
        }
    }
}
