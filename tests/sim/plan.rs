//! Makes a history from a seed: a small office, a few calls, and trouble.

use crate::history::{
    Bedtime, Event, History, House, Line, Manner, Network, Oddity, PhonePlan, Planned, ProviderMood, Push, Refusal,
    Store, planner,
};
use crate::random::Random;

/// The history of this seed.
pub(crate) fn history(seed: u64) -> History {
    let mut random = planner(seed);
    let extensions = u8::try_from(random.between(2, 3)).unwrap_or(2);
    let mut phones = Vec::new();
    for extension in 0..extensions {
        for _ in 0..random.pick(&[1, 1, 2, 2, 3]) {
            phones.push(phone(extension, &mut random));
        }
    }
    let network = network(&mut random);
    let house = House {
        ring_seconds: random.pick(&[12, 20, 30, 30]),
        grace_ms: random.pick(&[2000, 2000, 1000, 4000]),
        store: store(&mut random),
    };
    let mut events = Vec::new();
    let calls = random.pick(&[1, 1, 2, 2, 3, 4]);
    for _ in 0..calls {
        call(&phones, extensions, &mut events, &mut random);
    }
    let troubles = random.pick(&[0, 1, 2, 3, 4, 6, 8, 12]);
    for _ in 0..troubles {
        let at = random.between(500, 45_000);
        let event = trouble(&phones, extensions, &mut random);
        events.push(Planned { at, event });
    }
    events.sort_by_key(|planned| planned.at);
    History { seed, network, house, phones, events }
}

fn network(random: &mut Random) -> Network {
    match random.between(0, 9) {
        0..=4 => Network { loss: 0, doubled: 0, fastest: 5, slowest: 40 },
        5 => Network { loss: 0, doubled: 20, fastest: 5, slowest: 60 },
        6 | 7 => Network { loss: 15, doubled: 5, fastest: 10, slowest: 200 },
        8 => Network { loss: 35, doubled: 10, fastest: 10, slowest: 400 },
        _ => Network { loss: 5, doubled: 30, fastest: 5, slowest: 900 },
    }
}

fn store(random: &mut Random) -> Store {
    match random.between(0, 9) {
        0..=6 => Store { lag: 3, failing: 0 },
        7 => Store { lag: 400, failing: 0 },
        8 => Store { lag: 2500, failing: 0 },
        _ => Store { lag: 20, failing: 40 },
    }
}

fn phone(extension: u8, random: &mut Random) -> PhonePlan {
    let app = random.percent(65);
    let (line, push) = if app {
        (random.pick(&[Line::Tls, Line::Tls, Line::Tcp, Line::Udp]), Some(random.pick(&[Push::Apns, Push::Fcm])))
    } else {
        (random.pick(&[Line::Udp, Line::Udp, Line::Tcp]), None)
    };
    let wakes_in = random.pick(&[200, 600, 1500, 4000, 9000]);
    PhonePlan {
        extension,
        line,
        push,
        manner: manner(random),
        wakes_in,
        naps: (app && random.percent(60)).then(|| bedtime(random)),
        keeps_calls: random.percent(40),
        up: !app || random.percent(85),
        oddity: oddity(random),
    }
}

fn oddity(random: &mut Random) -> Oddity {
    match random.between(0, 14) {
        0 => Oddity::NoTrying,
        1 | 2 => Oddity::SameAddress,
        3 | 4 => Oddity::ClosedPort,
        5 | 6 => Oddity::HangsUp,
        7 => Oddity::LateOffer,
        8 => Oddity::Holds,
        _ => Oddity::None,
    }
}

fn bedtime(random: &mut Random) -> Bedtime {
    match random.between(0, 4) {
        0 | 1 => Bedtime::Farewell,
        2 => Bedtime::Closed,
        3 => Bedtime::Frozen(Some(random.between(500, 20_000))),
        _ => Bedtime::Frozen(None),
    }
}

fn manner(random: &mut Random) -> Manner {
    let patience = random.pick(&[300, 1000, 3000, 8000]);
    match random.between(0, 13) {
        0..=5 => Manner::Answers(patience),
        6 | 7 => Manner::Rings,
        8 => Manner::Declines(patience),
        9 => Manner::Busy,
        10 => Manner::Refuses(random.pick(&[480, 408, 404, 500, 503])),
        11 => Manner::Mute,
        12 => Manner::Slow(random.pick(&[1500, 2500, 5000])),
        _ => Manner::AnswersAndCrashes(patience),
    }
}

fn call(phones: &[PhonePlan], extensions: u8, events: &mut Vec<Planned>, random: &mut Random) {
    // Apps had time to go to bed after about ten seconds.
    let at = random.pick(&[2000, 6000, 12_000, 15_000, 20_000, 30_000]) + random.between(0, 1500);
    let phone = some_phone(phones, random);
    let to = if random.percent(3) {
        extensions
    } else {
        u8::try_from(random.between(0, u32::from(extensions) - 1)).unwrap_or(0)
    };
    let gives_up = random.percent(45).then(|| random.pick(&[50, 150, 400, 1000, 2100, 5000, 11_900, 12_000, 19_990]));
    let talks = random.pick(&[500, 2000, 6000]);
    events.push(Planned { at, event: Event::Call { phone, to, gives_up, talks } });
    // The same phone once more, or another for the same extension.
    if random.percent(25) {
        let phone = if random.percent(40) { phone } else { some_phone(phones, random) };
        let at = at + random.pick(&[10, 300, 1500, 5000]);
        events.push(Planned { at, event: Event::Call { phone, to, gives_up: None, talks } });
    }
}

fn some_phone(phones: &[PhonePlan], random: &mut Random) -> u8 {
    u8::try_from(random.between(0, u32::try_from(phones.len()).unwrap_or(1) - 1)).unwrap_or(0)
}

fn trouble(phones: &[PhonePlan], extensions: u8, random: &mut Random) -> Event {
    let phone = some_phone(phones, random);
    let extension = u8::try_from(random.between(0, u32::from(extensions) - 1)).unwrap_or(0);
    let down = random.pick(&[100, 800, 3000, 8000]);
    match random.between(0, 39) {
        0..=6 => Event::Sleep { phone, how: bedtime(random) },
        7..=9 => Event::Rise { phone },
        10..=13 => Event::Move { phone, silently: random.percent(50) },
        14..=16 => Event::Refresh { phone },
        17 | 18 => Event::Crash { phone, down },
        19 => Event::NewToken { phone },
        20..=22 => Event::Mood { phone, manner: manner(random) },
        23 | 24 => Event::Cut { phone, down },
        25..=28 => Event::Provider { who: random.pick(&[Push::Apns, Push::Fcm]), mood: provider_mood(random) },
        29 => Event::Store(store(random)),
        30 => Event::Restart { down: random.pick(&[200, 1000, 4000]) },
        31 => Event::RestartInSave { down: random.pick(&[200, 1000, 4000]) },
        32 => Event::PushSwitch { extension, on: random.percent(40) },
        33 => Event::RemovePhone { phone },
        34 if random.percent(50) => Event::RemoveExtension { extension },
        34 => Event::Drain,
        35 if random.percent(40) => Event::Devices(random.pick(&[1, 2])),
        35 => Event::RingSeconds(random.pick(&[5, 10, 40])),
        36 => Event::HangUpAll,
        37 if random.percent(60) => Event::SwitchPhones { extension, on: random.percent(60) },
        37 => Event::TestPush { extension },
        38 => Event::Silence,
        _ => Event::Rise { phone },
    }
}

fn provider_mood(random: &mut Random) -> ProviderMood {
    let refusals = [
        Refusal::Gone,
        Refusal::Wrong,
        Refusal::Busy,
        Refusal::Trouble,
        Refusal::Credential,
        Refusal::Payload,
        Refusal::Expired,
    ];
    match random.between(0, 8) {
        0 => ProviderMood::Fine(random.pick(&[30, 500, 1500, 2900])),
        1 => ProviderMood::Lying,
        2 => ProviderMood::Twice,
        3 => ProviderMood::Late(random.pick(&[2000, 8000, 25_000, 45_000])),
        4 => ProviderMood::Down,
        5 => ProviderMood::Hangs,
        6 => ProviderMood::Refuses(random.pick(&refusals)),
        7 => ProviderMood::Hiccup(random.pick(&refusals)),
        _ => ProviderMood::Fine(100),
    }
}
