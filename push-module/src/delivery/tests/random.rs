//! Random histories against what must always hold.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Event {
    Wake {
        kind: WakeKind,
        call: i64,
        device: i64,
        credential: CredentialId,
        ring_millis: u64,
    },
    Stop {
        call: i64,
    },
    /// Ends the attempt on the wire that was started `which` attempts ago.
    End {
        which: usize,
        how: How,
    },
    /// With another credential for the same app, or without one.
    Remove {
        credential: CredentialId,
        instead: Option<CredentialId>,
    },
    Pass {
        millis: u64,
    },
}

#[derive(Debug, Clone, Copy)]
enum How {
    Accepted,
    Hiccup,
    Busy(Option<u64>),
    Elsewhere,
    Renew,
    Key,
    Gone,
    Unreachable,
}

fn how() -> impl Strategy<Value = How> {
    prop_oneof![
        Just(How::Accepted),
        Just(How::Hiccup),
        proptest::option::of(0u64..40_000).prop_map(How::Busy),
        Just(How::Elsewhere),
        Just(How::Renew),
        Just(How::Key),
        Just(How::Gone),
        Just(How::Unreachable),
    ]
}

fn kind() -> impl Strategy<Value = WakeKind> {
    prop_oneof![
        5 => Just(WakeKind::Call),
        2 => Just(WakeKind::MissedCall),
        1 => Just(WakeKind::AnsweredElsewhere),
        1 => Just(WakeKind::Test),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (kind(), 0i64..4, 0i64..3, 1i64..4, 0u64..40_000).prop_map(|(kind, call, device, credential, ring_millis)| {
            Event::Wake { kind, call, device, credential: CredentialId(credential), ring_millis }
        }),
        1 => (0i64..4).prop_map(|call| Event::Stop { call }),
        6 => (0usize..6, how()).prop_map(|(which, how)| Event::End { which, how }),
        1 => (1i64..4, proptest::option::of(1i64..4)).prop_map(|(credential, instead)| {
            Event::Remove { credential: CredentialId(credential), instead: instead.map(CredentialId) }
        }),
        4 => (1u64..5_000).prop_map(|millis| Event::Pass { millis }),
    ]
}

fn outcome(how: How) -> Outcome {
    let renew = Verdict::Misconfigured { code: "apns_clock".into(), what: "old".into() };
    Outcome::Answered(match how {
        How::Accepted => accepted(),
        How::Hiccup => hiccup(),
        How::Busy(wait) => busy(wait.map(Duration::from_millis)),
        How::Elsewhere => elsewhere(),
        How::Renew => Answer::with_remedy(renew, Remedy::RenewToken),
        How::Key => Answer::is_final(Verdict::Misconfigured { code: "apns_key".into(), what: "revoked".into() }),
        How::Gone => Answer::is_final(Verdict::TokenGone { since: None, why: "gone".into() }),
        How::Unreachable => return Outcome::Unreachable { why: "no route".into() },
    })
}

/// What is known about a wake from the outside.
#[derive(Debug, Default)]
struct Known {
    expires_millis: u64,
    attempts: u32,
    ends: u32,
    stopped: bool,
    on_the_wire: Option<u32>,
}

#[derive(Default)]
struct World {
    machine: Delivery,
    millis: u64,
    known: BTreeMap<WakeId, Known>,
    calls: BTreeMap<WakeId, CallId>,
    started: Vec<(WakeId, u32)>,
    wires: BTreeMap<CredentialId, BTreeSet<WakeId>>,
    next: u64,
}

impl World {
    fn now(&self) -> Now {
        at(self.millis)
    }

    fn input(&mut self, input: Input) {
        self.machine.handle(input, self.now());
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Attempt(attempt) => self.on_attempt(&attempt),
                Output::Abandon { wake_id, attempt } => {
                    let known = self.known.get_mut(&wake_id).unwrap();
                    assert_eq!(known.on_the_wire, Some(attempt), "abandoned what was not on the wire");
                    known.on_the_wire = None;
                    self.off_the_wire(wake_id);
                }
                Output::Report(report) => {
                    let known = self.known.get_mut(&report.wake_id).unwrap();
                    if is_end(&report.event) {
                        known.ends += 1;
                    }
                    assert!(known.ends <= 1, "{:?} ended twice", report.wake_id);
                }
            }
        }
        for wire in self.wires.values() {
            assert!(wire.len() <= SENDING);
        }
    }

    fn on_attempt(&mut self, attempt: &Attempt) {
        assert_eq!(attempt.wake_id, attempt.request.wake_id, "every attempt carries the wake's id");
        let known = self.known.get_mut(&attempt.wake_id).unwrap();
        assert!(self.millis < known.expires_millis, "an attempt at or after the end of ringing");
        assert!(!known.stopped, "an attempt for a call that is over");
        assert_eq!(known.ends, 0, "an attempt after the end");
        assert_eq!(known.on_the_wire, None, "two attempts at once");
        assert!(!attempt.timeout.is_zero() && attempt.timeout <= ATTEMPT_TIMEOUT);
        known.attempts += 1;
        assert_eq!(attempt.number, known.attempts, "attempts are counted without gaps");
        assert!(known.attempts <= ATTEMPTS);
        known.on_the_wire = Some(attempt.number);
        self.started.push((attempt.wake_id, attempt.number));
        self.wires.entry(attempt.credential).or_default().insert(attempt.wake_id);
    }

    fn off_the_wire(&mut self, wake_id: WakeId) {
        for wire in self.wires.values_mut() {
            wire.remove(&wake_id);
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Wake { kind, call, device, credential, ring_millis } => {
                self.next += 1;
                let mut request = request(self.next, kind, call, device, self.now());
                request.expires_at = self.now().wall + Duration::from_millis(ring_millis);
                let known = Known { expires_millis: self.millis + ring_millis, ..Known::default() };
                self.known.insert(request.wake_id, known);
                if let (WakeKind::Call, Some(call)) = (kind, request.call) {
                    self.calls.insert(request.wake_id, call);
                }
                let second = Some(CredentialId(credential.0 % 3 + 1));
                let route = route(credential).map(|route| Route { second, ..route });
                self.input(Input::Wake { request, route });
            }
            Event::Stop { call } => {
                for (wake_id, of) in &self.calls {
                    if *of == CallId(call) {
                        self.known.get_mut(wake_id).unwrap().stopped = true;
                    }
                }
                self.input(Input::StopWakes(CallId(call)));
            }
            Event::End { which, how } => {
                let Some(index) = self.started.len().checked_sub(which + 1) else { return };
                let (wake_id, attempt) = self.started[index];
                let known = self.known.get_mut(&wake_id).unwrap();
                if known.on_the_wire == Some(attempt) {
                    known.on_the_wire = None;
                    self.off_the_wire(wake_id);
                }
                self.input(Input::Ended { wake_id, attempt, outcome: outcome(how) });
            }
            Event::Remove { credential, instead } => {
                let its = self.machine.wakes_of(credential).into_iter();
                let routes = its.filter_map(|(id, _)| Some((id, route(instead?).ok()?))).collect();
                self.input(Input::Removed { credential, routes });
            }
            Event::Pass { millis } => {
                self.millis += millis;
                self.machine.handle_timeout(self.now());
                self.drain();
                let next = self.machine.poll_timeout();
                assert!(next.is_none_or(|next| next > self.now().mono), "a deadline stayed behind");
            }
        }
    }
}

fn is_end(event: &WakeEvent) -> bool {
    matches!(
        event,
        WakeEvent::GaveUp { .. }
            | WakeEvent::Answered { verdict: Verdict::Accepted | Verdict::TokenWrong { accepted_in: Some(_), .. }, .. }
    )
}

proptest! {
    #[test]
    fn every_wake_ends_once_and_in_time(events in proptest::collection::vec(event(), 1..120)) {
        let mut world = World::default();
        for event in events {
            world.happen(event);
        }
        // Time goes on without any answer: everything must come to its end by itself.
        for _ in 0..60 {
            world.happen(Event::Pass { millis: 1_000 });
        }
        prop_assert_eq!(world.machine.pending(), 0);
        prop_assert_eq!(world.machine.poll_timeout(), None);
        for (wake_id, known) in &world.known {
            prop_assert_eq!(known.ends, 1, "{:?}", wake_id);
        }
        for credential in [1, 2, 3] {
            let status = world.machine.status(CredentialId(credential));
            prop_assert_eq!((status.waiting, status.sending), (0, 0));
        }
    }
}
