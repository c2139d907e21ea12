//! A history: an office, a network, and what is going to happen, all of it made from one seed or read from a text.

use serde::{Deserialize, Serialize};

use crate::random::Random;

/// Everything that is decided before the first message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct History {
    pub(crate) seed: u64,
    pub(crate) network: Network,
    pub(crate) house: House,
    pub(crate) phones: Vec<PhonePlan>,
    pub(crate) events: Vec<Planned>,
}

/// How messages travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Network {
    /// Datagrams of a hundred that get lost; never more than two copies of the same one.
    pub(crate) loss: u8,
    /// Datagrams of a hundred that come twice.
    pub(crate) doubled: u8,
    /// Milliseconds on the way.
    pub(crate) fastest: u16,
    pub(crate) slowest: u16,
}

/// Settings and the temper of the store at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct House {
    pub(crate) ring_seconds: u16,
    pub(crate) grace_ms: u32,
    pub(crate) store: Store,
}

/// How the store behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Store {
    /// Milliseconds until a save is durable.
    pub(crate) lag: u16,
    /// Saves of a hundred that fail.
    pub(crate) failing: u8,
}

/// What a phone is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PhonePlan {
    /// Which extension: 0 is 101, 1 is 102.
    pub(crate) extension: u8,
    pub(crate) line: Line,
    pub(crate) push: Option<Push>,
    pub(crate) manner: Manner,
    /// Milliseconds from a push to the first REGISTER.
    pub(crate) wakes_in: u16,
    /// Goes back to sleep when nothing happens for a while.
    pub(crate) naps: Option<Bedtime>,
    /// Calls that ring survive a change of network, as with phones that keep their transactions.
    pub(crate) keeps_calls: bool,
    /// Registers at the start.
    pub(crate) up: bool,
    /// What else is odd about it.
    #[serde(default)]
    pub(crate) oddity: Oddity,
}

/// What is odd about a phone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Oddity {
    #[default]
    None,
    /// It sends no 100 before it rings.
    NoTrying,
    /// It comes back from a crash at the same address.
    SameAddress,
    /// Its host answers with "port closed" while the app is not there.
    ClosedPort,
    /// Whoever answers hangs up first.
    HangsUp,
    /// It calls without an offer.
    LateOffer,
    /// It puts calls on hold for a moment.
    Holds,
}

/// The transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Line {
    Udp,
    Tcp,
    Tls,
}

/// Who wakes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Push {
    Apns,
    Fcm,
}

/// What its user does when it rings; milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Manner {
    Answers(u32),
    Declines(u32),
    Busy,
    /// Refuses with this status at once.
    Refuses(u16),
    /// Lets it ring.
    Rings,
    /// Takes the INVITE and says nothing at all.
    Mute,
    /// The first sign comes late, then it rings, then it is answered.
    Slow(u32),
    /// Crashes after it has answered.
    AnswersAndCrashes(u32),
}

/// How an app goes to the background.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Bedtime {
    /// It unregisters.
    Farewell,
    /// It is frozen; the stream looks alive until it is noticed after so many milliseconds.
    Frozen(Option<u32>),
    /// Its stream ends.
    Closed,
}

/// One thing and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Planned {
    /// Milliseconds since the start.
    pub(crate) at: u32,
    pub(crate) event: Event,
}

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Event {
    /// A phone calls an extension, gives up after some milliseconds, or talks for some.
    Call {
        phone: u8,
        to: u8,
        gives_up: Option<u32>,
        talks: u32,
    },
    Sleep {
        phone: u8,
        how: Bedtime,
    },
    /// The user opens the app, or takes the phone out of the drawer.
    Rise {
        phone: u8,
    },
    /// Another network: a new address; the old stream dies with or without a word.
    Move {
        phone: u8,
        silently: bool,
    },
    Refresh {
        phone: u8,
    },
    /// Power is gone, for so long.
    Crash {
        phone: u8,
        down: u32,
    },
    NewToken {
        phone: u8,
    },
    Mood {
        phone: u8,
        manner: Manner,
    },
    /// No packet passes for so long.
    Cut {
        phone: u8,
        down: u32,
    },
    Provider {
        who: Push,
        mood: ProviderMood,
    },
    Store(Store),
    /// The server is killed and starts again after so long.
    Restart {
        down: u32,
    },
    /// The same in the middle of its next save.
    RestartInSave {
        down: u32,
    },
    PushSwitch {
        extension: u8,
        on: bool,
    },
    /// All phones of an extension, by the admin.
    SwitchPhones {
        extension: u8,
        on: bool,
    },
    RemoveExtension {
        extension: u8,
    },
    RemovePhone {
        phone: u8,
    },
    RingSeconds(u16),
    /// Live devices an extension may have.
    Devices(u16),
    HangUpAll,
    TestPush {
        extension: u8,
    },
    /// No sound on any call.
    Silence,
    /// A graceful stop.
    Drain,
}

/// How a push provider behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ProviderMood {
    /// Answers and delivers after so many milliseconds.
    Fine(u32),
    /// Says yes and delivers nothing.
    Lying,
    /// Says yes and delivers twice.
    Twice,
    /// Says yes and delivers so much later.
    Late(u32),
    /// Nobody there.
    Down,
    /// Never answers.
    Hangs,
    Refuses(Refusal),
    /// Refuses once for each wake, then takes it.
    Hiccup(Refusal),
}

/// Why a provider says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Refusal {
    Gone,
    Wrong,
    Busy,
    Trouble,
    Credential,
    Payload,
    Expired,
}

impl History {
    /// Lines of text: one for the office, one for each phone and event.
    pub(crate) fn to_text(&self) -> String {
        let mut lines = vec![json(&(self.seed, self.network, self.house))];
        lines.extend(self.phones.iter().map(json));
        lines.extend(self.events.iter().map(json));
        lines.join("\n") + "\n"
    }

    /// Reads what [`Self::to_text`] wrote; lines that begin with `#` are remarks.
    pub(crate) fn parse(text: &str) -> Self {
        let mut lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let first = lines.next().expect("a history has a first line");
        let (seed, network, house) = serde_json::from_str(first).expect("seed, network and house");
        let (mut phones, mut events) = (Vec::new(), Vec::new());
        for line in lines {
            match serde_json::from_str::<PhonePlan>(line) {
                Ok(phone) => phones.push(phone),
                Err(_) => events.push(serde_json::from_str::<Planned>(line).expect("a phone or an event")),
            }
        }
        Self { seed, network, house, phones, events }
    }
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("plain data")
}

/// The random stream that plans a history.
pub(crate) fn planner(seed: u64) -> Random {
    Random::of(seed, 1)
}
