//! The world around the switchboard: one clock, one queue of what is going to happen, and everything that moves in it.
//!
//! `carrying` carries out what the switchboard and the deliveries want, `wires` moves messages, `living` makes planned
//! things happen. Each input is followed by all of its outputs before the next one.

mod carrying;
mod living;
mod wires;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use pbx_core::model::{
    DisplayName, Extension, Flow, Moment, Now, Settings, SipCredential, UnixMillis, WakeId, WakeKind, WakeReport,
};
use pbx_core::sip::digest;
use pbx_core::switchboard::input::Input;
use pbx_core::switchboard::output::{RelayId, Restored, SaveJob};
use pbx_core::switchboard::{Switchboard, SwitchboardConfig};
use push_module::delivery::{Delivery, Outcome};

use crate::history::{History, Store};
use crate::message::REALM;
use crate::phone::{Phone, SECRET, Timer, number_of};
use crate::provider::Providers;
use crate::random::Random;
use crate::reference::Reference;
use crate::store::Disk;
use wires::Wires;

/// When the story begins on the wall clock.
const WALL: i64 = 1_795_000_000_000;
/// Ringing never lasts longer here, whatever the settings say.
const LONGEST_RINGING: Duration = Duration::from_secs(41);
/// After the last call everybody has so long to say the last word.
const LAST_WORDS: Duration = Duration::from_secs(12);
/// Then the phones are gone, and the switchboard must come to rest by itself.
const REST: Duration = Duration::from_secs(240);

/// Something that is going to happen.
#[derive(Debug)]
enum Due {
    Planned(usize),
    ToServer { flow: Flow, text: String },
    ToPhone { phone: u8, flow: Flow, text: String },
    Timer { phone: u8, life: u32, timer: Timer },
    Kept { run: u32, job: SaveJob, ok: bool },
    Report { run: u32, report: WakeReport },
    Ended { run: u32, wake: WakeId, attempt: u32, outcome: Outcome },
    Push { phone: u8, token: String, kind: WakeKind },
    Rises { phone: u8, life: u32 },
    FlowLost(Flow),
    SendFailed(Flow),
    StreamEnded { phone: u8, flow: Flow },
    Ports(usize),
    RelayClosed { run: u32, relay: RelayId },
    Boot,
    Killed { down: u32 },
}

/// One process of the server.
struct Server {
    switchboard: Switchboard,
    delivery: Delivery,
    began: Moment,
}

/// Everything.
pub(crate) struct World {
    history: History,
    now: Moment,
    serial: u64,
    queue: BTreeMap<(Moment, u64), Due>,
    run: u32,
    server: Option<Server>,
    inputs: VecDeque<Input>,
    disk: Disk,
    store: Store,
    disk_free_at: Moment,
    /// The server is killed in the middle of its next save, and is down for so long.
    killed_in_save: Option<u32>,
    providers: Providers,
    phones: Vec<Phone>,
    wires: Wires,
    chance: Random,
    relays: BTreeMap<RelayId, (u16, u16)>,
    ports_out: BTreeSet<u16>,
    next_port: u16,
    commands: u64,
    unanswered: BTreeSet<u64>,
    reference: Reference,
    story: Option<String>,
}

impl World {
    pub(crate) fn new(history: History) -> Self {
        let phones: Vec<Phone> = (0u8..).zip(&history.phones).map(|(index, plan)| Phone::new(index, *plan)).collect();
        let disk = Disk::new(office(&history));
        let mut world = Self {
            now: Moment::START,
            serial: 0,
            queue: BTreeMap::new(),
            run: 0,
            server: None,
            inputs: VecDeque::new(),
            disk,
            store: history.house.store,
            disk_free_at: Moment::START,
            killed_in_save: None,
            providers: Providers::default(),
            wires: Wires::new(&history),
            chance: Random::of(history.seed, 2),
            relays: BTreeMap::new(),
            ports_out: BTreeSet::new(),
            next_port: 10_000,
            commands: 0,
            unanswered: BTreeSet::new(),
            reference: Reference::new(&history),
            story: None,
            phones,
            history,
        };
        world.boot();
        world
    }

    /// The same, and every message and event in one line each.
    pub(crate) fn tell(mut self) -> (Vec<String>, String) {
        self.story = Some(String::new());
        self.live_through();
        let story = self.story.take().unwrap_or_default();
        (self.reference.into_complaints(), story)
    }

    /// Lives through the whole history; what was wrong with it.
    pub(crate) fn live(mut self) -> Vec<String> {
        self.live_through();
        self.reference.into_complaints()
    }

    /// Lives through the history while this one datagram gets lost; what was wrong, and the datagrams it took.
    pub(crate) fn live_without(mut self, datagram: Option<u64>) -> (Vec<String>, u64) {
        self.wires.lose_only(datagram);
        self.live_through();
        (self.reference.into_complaints(), self.wires.datagrams)
    }

    /// Adds a line to the story, if one is told.
    fn note(&mut self, line: impl FnOnce() -> String) {
        let at = self.now.as_micros() / 1000;
        if let Some(story) = &mut self.story {
            story.push_str(&format!("{at:>7} {}\n", line()));
        }
    }

    fn live_through(&mut self) {
        for (at, planned) in self.history.events.clone().iter().enumerate() {
            self.queue_at(Moment::from_micros(u64::from(planned.at) * 1000), Due::Planned(at));
        }
        for index in 0..self.phones.len() {
            if self.history.phones[index].up {
                self.phones[index].rise();
                self.drain_phone(index);
            }
        }
        let last = self.history.events.last().map_or(0, |planned| planned.at);
        self.pass_until(Moment::from_micros(u64::from(last) * 1000) + LONGEST_RINGING);
        self.wind_up();
        self.reference.judge();
    }

    fn wind_up(&mut self) {
        if self.server.is_none() {
            self.boot();
        }
        self.silence();
        self.pass_until(self.now + LAST_WORDS);
        self.reference.last_words(self.now);
        for phone in &mut self.phones {
            phone.power = crate::phone::Power::Off;
            phone.life += 1;
        }
        for flow in self.wires.open_streams() {
            self.queue_in(Duration::from_millis(1), Due::FlowLost(flow));
        }
        self.pass_until(self.now + REST);
        self.inspect();
    }

    /// Nothing may be left.
    fn inspect(&mut self) {
        let Some(server) = &self.server else { return };
        let left = server.switchboard.in_hand();
        if !left.is_nothing() {
            self.reference.complain("nothing is left behind", format!("{left:?}"));
        }
        if server.delivery.pending() > 0 {
            self.reference.complain("nothing is left behind", format!("{} deliveries", server.delivery.pending()));
        }
        if self.reference.is_draining() && !server.switchboard.is_drained() {
            self.reference.complain("a stop comes to its end", "calls or answers are left".to_owned());
        }
        if !self.relays.is_empty() {
            self.reference.complain("every relay is closed", format!("{:?}", self.relays));
        }
        if !self.unanswered.is_empty() {
            self.reference.complain("every command is answered", format!("{:?}", self.unanswered));
        }
    }

    fn boot(&mut self) {
        self.run += 1;
        self.relays.clear();
        self.ports_out.clear();
        self.unanswered.clear();
        let mut seed = [0u8; 32];
        for chunk in seed.chunks_mut(8) {
            chunk.copy_from_slice(&self.chance.next().to_le_bytes());
        }
        let config = SwitchboardConfig { seed, ..SwitchboardConfig::default() };
        let now = Now { mono: Moment::START, wall: self.wall() };
        let switchboard = Switchboard::restore(config, self.disk.restored(), now);
        self.server = Some(Server { switchboard, delivery: Delivery::new(), began: self.now });
        self.drain();
    }

    fn wall(&self) -> UnixMillis {
        UnixMillis(WALL + i64::try_from(self.now.as_micros() / 1000).unwrap_or(0))
    }

    fn queue_at(&mut self, at: Moment, due: Due) {
        self.serial += 1;
        self.queue.insert((at, self.serial), due);
    }

    fn queue_in(&mut self, wait: Duration, due: Due) {
        self.queue_at(self.now + wait, due);
    }

    /// Lets everything happen that is due until then.
    fn pass_until(&mut self, end: Moment) {
        let mut stuck = 0u32;
        loop {
            let queued = self.queue.first_key_value().map(|((at, _), _)| *at);
            let timer = self.server.as_ref().and_then(|server| {
                let due = [server.switchboard.poll_timeout(), server.delivery.poll_timeout()];
                due.into_iter().flatten().min().map(|at| server.began + at.since(Moment::START))
            });
            let Some(next) = [queued, timer].into_iter().flatten().min().filter(|next| *next <= end) else { break };
            stuck = if next <= self.now { stuck + 1 } else { 0 };
            if stuck > 20_000 {
                self.reference.complain("time goes on", format!("{timer:?} is asked for again and again"));
                break;
            }
            self.now = self.now.max(next);
            if timer.is_some_and(|at| at <= self.now) {
                self.tick();
            } else if let Some((_, due)) = self.queue.pop_first() {
                self.happen(due);
            }
        }
        self.now = self.now.max(end);
    }

    fn tick(&mut self) {
        let Some(now) = self.server_now() else { return };
        if let Some(server) = &mut self.server {
            server.delivery.handle_timeout(now);
            server.switchboard.handle(Input::Tick, now);
        }
        self.drain();
    }

    /// Both clocks of the running process.
    fn server_now(&self) -> Option<Now> {
        let began = self.server.as_ref()?.began;
        Some(Now { mono: Moment::START + self.now.since(began), wall: self.wall() })
    }
}

/// The office as the store holds it on the first day.
fn office(history: &History) -> Restored {
    let mut numbers: Vec<u8> = history.phones.iter().map(|phone| phone.extension).collect();
    numbers.dedup();
    let house = history.house;
    let settings = Settings {
        realm: REALM.into(),
        ring_seconds: house.ring_seconds,
        grace_ms: house.grace_ms,
        ..Settings::default()
    };
    let mut restored = Restored { settings, ..Restored::default() };
    for extension in numbers {
        let text = number_of(extension);
        let number = text.parse().expect("a number");
        restored.extensions.push(Extension {
            number,
            name: text.parse::<DisplayName>().expect("a name"),
            email: None,
            push_enabled: true,
            created_at: UnixMillis(WALL),
            phones_off_at: None,
        });
        let (md5, sha256) = digest::ha1(&text, REALM, SECRET);
        let username = text.parse().expect("an account name");
        restored.credentials.push(SipCredential { username, extension: number, md5, sha256 });
    }
    restored
}
