//! Every order of everything that can happen to one call, through SIP text: one answer, no late ring, nothing left.
//!
//! The call's own machine is tried in every order beside its code. Here the whole switchboard is: transactions, legs, the
//! registrar and what is held for the store.

mod bench;

use bench::{Bench, Start};

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    PushAccepted,
    PushRefused,
    Register,
    Rings,
    Answers,
    Cancel,
    TimeOut,
    FlowLost,
}

const STEPS: [Step; 8] = [
    Step::PushAccepted,
    Step::PushRefused,
    Step::Register,
    Step::Rings,
    Step::Answers,
    Step::Cancel,
    Step::TimeOut,
    Step::FlowLost,
];

fn every_order(start: Start) {
    let mut orders = 0u32;
    let mut steps = STEPS;
    permute(&mut steps, 0, &mut |order| {
        orders += 1;
        let mut bench = Bench::new(start);
        for step in order {
            bench.take(*step);
        }
        let wrong = bench.finish();
        assert!(wrong.is_empty(), "{start:?} {order:?}: {}", wrong.join("\n"));
    });
    assert_eq!(orders, 40_320);
}

fn permute(steps: &mut [Step; 8], from: usize, visit: &mut impl FnMut(&[Step])) {
    if from == steps.len() {
        return visit(steps);
    }
    for other in from..steps.len() {
        steps.swap(from, other);
        permute(steps, from + 1, visit);
        steps.swap(from, other);
    }
}

#[test]
fn every_order_with_one_sleeping_app() {
    every_order(Start::Asleep);
}

#[test]
fn every_order_with_one_app_that_is_there() {
    every_order(Start::There);
}

#[test]
fn every_order_with_a_desk_phone_and_a_sleeping_app() {
    every_order(Start::DeskAndAsleep);
}

#[test]
fn every_order_with_a_desk_phone_and_an_app_that_is_there() {
    every_order(Start::DeskAndThere);
}
