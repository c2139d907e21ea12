//! What a lost datagram costs: each one is lost in turn, and the wire is counted.

use std::collections::BTreeMap;

use crate::history::{Event, History, House, Line, Manner, Network, Oddity, PhonePlan, Planned, Store};
use crate::world::World;

/// Messages more than in a perfect run that one loss may cost: what is repeated, and the answer to the repetition.
const EXTRA: u64 = 2;

fn desk(extension: u8, manner: Manner) -> PhonePlan {
    PhonePlan {
        extension,
        line: Line::Udp,
        push: None,
        manner,
        wakes_in: 1000,
        naps: None,
        keeps_calls: false,
        oddity: Oddity::None,
        up: true,
    }
}

/// Extension 101 calls 102, whose phones do this.
fn call(manners: &[Manner], gives_up: Option<u32>) -> History {
    let mut phones = vec![desk(0, Manner::Rings)];
    phones.extend(manners.iter().map(|manner| desk(1, *manner)));
    History {
        seed: 1,
        // The reference must grant the time that a repetition takes.
        network: Network { loss: 1, doubled: 0, fastest: 20, slowest: 20 },
        house: House { ring_seconds: 30, grace_ms: 4000, store: Store { lag: 3, failing: 0 } },
        phones,
        events: vec![Planned { at: 10_000, event: Event::Call { phone: 0, to: 1, gives_up, talks: 3000 } }],
    }
}

fn assert_cheap(what: &str, history: &History) {
    let (wrong, perfect) = World::new(history.clone()).live_without(None);
    assert!(wrong.is_empty(), "{what}: {wrong:?}");
    let mut costs = BTreeMap::new();
    for lost in 1..=perfect {
        let (wrong, took) = World::new(history.clone()).live_without(Some(lost));
        assert!(wrong.is_empty(), "{what}, datagram {lost} lost: {wrong:?}");
        if took > perfect + EXTRA {
            costs.insert(lost, took - perfect);
        }
    }
    assert!(costs.is_empty(), "{what}: {perfect} datagrams without loss; too many more when one is lost: {costs:?}");
}

#[test]
fn a_lost_datagram_costs_at_most_two_more() {
    assert_cheap("an answered call", &call(&[Manner::Answers(2000)], None));
    assert_cheap("a call answered on one of two phones", &call(&[Manner::Answers(2000), Manner::Rings], None));
    assert_cheap("a declined call", &call(&[Manner::Declines(1000)], None));
    assert_cheap("a busy phone", &call(&[Manner::Busy], None));
    assert_cheap("a caller who gives up", &call(&[Manner::Rings], Some(5000)));
    assert_cheap("a call that rings out", &call(&[Manner::Rings], None));
}
