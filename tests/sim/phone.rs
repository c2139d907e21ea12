//! A phone: SIP text in, SIP text out, its own timers, and a user who behaves as the history says.
//!
//! It knows nothing of the product. `registering` keeps its registration, `calling` makes calls, `called` takes them,
//! `repeating` repeats what datagrams lose. What it lived through goes to the reference as [`Seen`].

mod called;
mod calling;
mod registering;
mod repeating;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use pbx_core::model::{ConnectionId, Flow, Transport};

use crate::history::{Bedtime, Line, Manner, Oddity, PhonePlan, Push};
use crate::message::{self, Nonce, REALM};
use called::Incoming;
use calling::Outgoing;
use registering::Registering;
use repeating::Client;

/// The secret of every account.
pub(crate) const SECRET: &str = "a-secret";
/// How long an app stays up without anything to do.
const IDLE: Duration = Duration::from_secs(8);

/// Whether anything in it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Power {
    Up,
    /// Frozen in the background: nothing gets in or out.
    Asleep,
    /// Switched off or crashed.
    Off,
}

/// What a timer is for; a timer of an earlier life of the phone is void.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Timer {
    /// Repeat a request.
    Again(String),
    /// A request got no answer.
    Unanswered(String),
    /// Repeat an answer to an INVITE.
    AnswerAgain(String),
    /// The user does something about a ringing call.
    Act(String, Step),
    Refresh(u32),
    Nap(u32),
    Bed(u32),
    GiveUp(usize),
    HangUp(usize),
    Hold(usize),
    HangUpIncoming(String),
}

/// What a user does about a ringing call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Ring,
    Answer,
    Refuse(u16),
    Crash,
}

/// What a phone lived through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A 200 says that it can be reached now, and by which token it can be woken.
    Registered {
        token: Option<String>,
    },
    /// From now on it cannot, or not for certain.
    Away,
    /// A new INVITE: Call-ID and From tag.
    Invited {
        call: String,
        tag: String,
    },
    Rang {
        call: String,
    },
    SaidOk {
        call: String,
    },
    SaidNo {
        call: String,
        status: u16,
    },
    Cancelled {
        call: String,
        reason: String,
    },
    /// Its 200 was confirmed.
    Confirmed {
        call: String,
    },
    /// The other side hung up.
    HungUp {
        call: String,
    },
    /// It lost a call by itself: crash, or another network.
    Forgot {
        call: String,
    },
    /// It gave up waiting for the confirmation of its 200.
    Unconfirmed {
        call: String,
    },
    /// A call of its own: the INVITE, the final answer, the end of its patience.
    Calls {
        call: String,
        to: String,
    },
    HearsRinging {
        call: String,
    },
    Hears {
        call: String,
        status: u16,
        tag: String,
    },
    /// It sent its CANCEL.
    TakesBack {
        call: String,
    },
    /// Nothing came at all.
    HearsNothing {
        call: String,
    },
    /// It went away while its call was not answered.
    Abandons {
        call: String,
    },
    /// It was told that its call is over, or said so and was heard.
    Parted {
        call: String,
    },
    Crashed,
}

/// What came out of a phone.
#[derive(Debug, Default)]
pub(crate) struct Out {
    pub(crate) sends: Vec<String>,
    pub(crate) timers: Vec<(Duration, Timer)>,
    pub(crate) seen: Vec<Seen>,
    /// A stream that it has left, and after how many milliseconds the server notices.
    pub(crate) left: Vec<(Flow, Option<u32>)>,
    /// It crashed by itself and will be down for a while.
    pub(crate) crashed: bool,
}

/// One phone.
pub(crate) struct Phone {
    pub(crate) index: u8,
    pub(crate) plan: PhonePlan,
    pub(crate) number: String,
    pub(crate) power: Power,
    /// Counts its lives: each sleep, crash and rise begins a new one.
    pub(crate) life: u32,
    pub(crate) out: Out,
    ha1: String,
    place: u16,
    token: u32,
    ids: u32,
    nonce: Option<Nonce>,
    registering: Registering,
    clients: BTreeMap<String, Client>,
    incoming: BTreeMap<String, Incoming>,
    outgoing: Vec<Outgoing>,
}

impl Phone {
    pub(crate) fn new(index: u8, plan: PhonePlan) -> Self {
        let number = number_of(plan.extension);
        let ha1 = message::hex(&format!("{number}:{REALM}:{SECRET}"));
        Self {
            index,
            plan,
            number,
            power: Power::Off,
            life: 0,
            out: Out::default(),
            ha1,
            place: 0,
            token: 1,
            ids: 0,
            nonce: None,
            registering: Registering::default(),
            clients: BTreeMap::new(),
            incoming: BTreeMap::new(),
            outgoing: Vec::new(),
        }
    }

    /// How its messages travel now.
    pub(crate) fn flow(&self) -> Flow {
        let (transport, port) = match self.plan.line {
            Line::Udp => (Transport::Udp, 5060),
            Line::Tcp => (Transport::Tcp, 5060),
            Line::Tls => (Transport::Tls, 5061),
        };
        let number = u64::from(self.index) * 1000 + u64::from(self.place);
        Flow {
            transport,
            local: SocketAddr::from(([127, 0, 0, 1], port)),
            remote: SocketAddr::from(([127, 0, 1 + self.index, 1], 20_000 + self.place)),
            connection: ConnectionId(if transport.is_reliable() { number } else { 0 }),
        }
    }

    /// The token that its app offers now.
    pub(crate) fn token(&self) -> Option<String> {
        self.plan.push.map(|push| match push {
            Push::Apns => format!("a{}n{}", self.index, self.token),
            Push::Fcm => format!("f{}n{}", self.index, self.token),
        })
    }

    /// Comes up: from a push, from its user, or from a power cut.
    pub(crate) fn rise(&mut self) {
        if self.power != Power::Up {
            let stays = self.power == Power::Off && self.plan.oddity == Oddity::SameAddress && self.is_datagram();
            self.power = Power::Up;
            self.begin_life();
            self.place += u16::from(!stays || self.place == 0);
            self.registering.restart();
        }
        self.registering.cancel_bedtime();
        self.register();
        self.nap_later();
    }

    /// A push for a call came.
    pub(crate) fn pushed(&mut self) {
        if self.power == Power::Up {
            self.registering.cancel_bedtime();
            self.register();
            self.nap_later();
        }
    }

    /// Goes to the background, unless its user is in a call.
    pub(crate) fn sleep(&mut self, how: Bedtime) {
        if self.power != Power::Up || self.is_busy() {
            return;
        }
        match how {
            Bedtime::Farewell => self.say_farewell(),
            Bedtime::Frozen(noticed) => self.freeze(noticed),
            Bedtime::Closed => self.freeze(Some(20)),
        }
    }

    pub(crate) fn freeze(&mut self, noticed: Option<u32>) {
        self.away();
        self.out.left.push((self.flow(), noticed));
        self.power = Power::Asleep;
        self.begin_life();
    }

    /// Power is gone: whatever it knew is forgotten.
    pub(crate) fn crash(&mut self) {
        if self.power == Power::Off {
            return;
        }
        self.away();
        self.forget_calls();
        self.abandon_calls();
        self.out.left.push((self.flow(), None));
        self.out.seen.push(Seen::Crashed);
        self.power = Power::Off;
        self.begin_life();
        self.nonce = None;
        self.registering = Registering::after_crash(self.life);
    }

    /// Another network.
    pub(crate) fn move_on(&mut self, silently: bool) {
        if self.power != Power::Up {
            return;
        }
        self.away();
        self.out.left.push((self.flow(), (!silently).then_some(20)));
        self.place += 1;
        // What rings on a stream is lost with the stream, unless nobody has noticed yet.
        let noticed = !silently && !self.is_datagram() || self.plan.oddity == Oddity::ClosedPort;
        if noticed || !self.plan.keeps_calls {
            self.forget_calls();
        }
        self.abandon_calls();
        self.register();
    }

    /// The other end closed the stream.
    pub(crate) fn stream_ended(&mut self, flow: Flow) {
        if self.power != Power::Up || flow != self.flow() {
            return;
        }
        self.away();
        self.place += 1;
        self.forget_calls();
        self.abandon_calls();
        self.register_later(Duration::from_secs(1));
    }

    pub(crate) fn change_token(&mut self) {
        self.token += 1;
        if self.power == Power::Up {
            self.register();
        }
    }

    /// Something reached it.
    pub(crate) fn receive(&mut self, text: &str) {
        if self.power != Power::Up {
            return;
        }
        match (message::status(text), message::method(text)) {
            (Some(status), _) => self.response(text, status),
            (None, "CANCEL") => self.cancelled(text),
            (None, "ACK") => self.confirmed(text),
            (None, "BYE") => self.hung_up(text),
            (None, "INVITE") if message::tag(message::header(text, "To")).is_some() => self.changed(text),
            (None, "INVITE") => self.invited(text),
            (None, _) => {
                let answer = message::answer(text, 200, "o", "", "");
                self.out.sends.push(answer);
            }
        }
    }

    pub(crate) fn timer(&mut self, timer: Timer) {
        match timer {
            Timer::Again(branch) => self.again(&branch),
            Timer::Unanswered(branch) => self.unanswered(&branch),
            Timer::AnswerAgain(branch) => self.answer_again(&branch),
            Timer::Act(branch, step) => self.act(&branch, step),
            Timer::Refresh(turn) => self.refresh(turn),
            Timer::Nap(turn) => self.nap(turn),
            Timer::Bed(turn) => self.bed(turn),
            Timer::GiveUp(call) => self.give_up(call),
            Timer::HangUp(call) => self.hang_up(call),
            Timer::Hold(call) => self.hold(call),
            Timer::HangUpIncoming(branch) => self.hang_up_incoming(&branch),
        }
    }

    /// Calls that ring here.
    pub(crate) fn is_busy(&self) -> bool {
        self.outgoing.iter().any(Outgoing::is_open) || self.incoming.values().any(Incoming::is_open)
    }

    fn begin_life(&mut self) {
        self.life += 1;
        self.clients.clear();
        self.incoming.clear();
        self.outgoing.iter_mut().for_each(Outgoing::forget);
    }

    fn away(&mut self) {
        self.out.seen.push(Seen::Away);
    }

    fn after(&mut self, wait: Duration, timer: Timer) {
        self.out.timers.push((wait, timer));
    }

    fn nap_later(&mut self) {
        if self.plan.naps.is_some() {
            let turn = self.registering.next_nap();
            self.after(IDLE, Timer::Nap(turn));
        }
    }

    fn nap(&mut self, turn: u32) {
        let Some(how) = self.plan.naps.filter(|_| self.registering.is_nap(turn)) else { return };
        if self.is_busy() {
            self.nap_later();
        } else {
            self.sleep(how);
        }
    }

    fn is_datagram(&self) -> bool {
        self.plan.line == Line::Udp
    }

    fn new_id(&mut self, what: &str) -> String {
        self.ids += 1;
        format!("{what}{}x{}", self.index, self.ids)
    }

    fn via(&self) -> String {
        let flow = self.flow();
        format!("{} {}", flow.transport.via_name(), flow.remote)
    }

    fn contact(&self) -> String {
        let flow = self.flow();
        format!("sip:{}@{};transport={}", self.number, flow.remote, flow.transport.uri_name())
    }

    /// The mood that the next INVITE meets.
    fn manner(&self) -> Manner {
        self.plan.manner
    }
}

/// The number of an extension.
pub(crate) fn number_of(extension: u8) -> String {
    format!("{}", 101 + u16::from(extension))
}
