//! A caller and a called side on a network that loses, repeats and reorders: both must agree on what became of the call.

use proptest::prelude::*;

use super::*;

/// What the network does to the messages it carries, by their number.
#[derive(Debug, Clone)]
struct Weather {
    /// These are lost.
    lost: BTreeSet<usize>,
    /// These come twice.
    doubled: BTreeSet<usize>,
    /// How long each travels, in milliseconds, in turn: unequal times reorder.
    delays: Vec<u64>,
}

/// What the two sides do, in milliseconds from the INVITE.
#[derive(Debug, Clone)]
struct Plan {
    flow: Flow,
    rings_at: u64,
    answers_at: u64,
    answer: u16,
    cancels_at: Option<u64>,
}

#[derive(Default)]
struct Outcome {
    /// Final answers the caller's user saw, repeated 2xx included.
    caller: Vec<u16>,
    /// Events of the caller and of the called side.
    told: Vec<TxEvent>,
    /// The final answer the called side gave.
    answered: Option<u16>,
    /// Whether the called side saw the ACK of its 2xx.
    acknowledged: bool,
    /// INVITEs the called side took for new.
    calls: usize,
}

struct Network {
    now: Moment,
    caller: Transactions,
    called: Transactions,
    /// On the way: (arrival, number, towards the called side?, bytes).
    carried: BTreeSet<(Moment, usize, bool, Bytes)>,
    count: usize,
    weather: Weather,
    plan: Plan,
    invite: Option<(ServerTx, Request)>,
    ack: Option<Bytes>,
    outcome: Outcome,
}

fn millis(millis: u64) -> Moment {
    Moment::from_micros(millis * 1000)
}

impl Network {
    fn run(plan: Plan, weather: Weather) -> Outcome {
        let mut network = Self {
            now: Moment::START,
            caller: Transactions::new([1; 32]),
            called: Transactions::new([2; 32]),
            carried: BTreeSet::new(),
            count: 0,
            weather,
            plan,
            invite: None,
            ack: None,
            outcome: Outcome::default(),
        };
        let flow = network.plan.flow;
        let tx = network.caller.request(flow, from_us(Method::Invite), network.now);
        for _ in 0..STEP_LIMIT {
            network.carry();
            let Some(next) = network.next() else { return network.finish() };
            network.now = next.max(network.now);
            if network.plan.cancels_at.is_some_and(|at| millis(at) <= network.now) {
                network.plan.cancels_at = None;
                network.caller.cancel(tx, None, network.now);
            }
            network.called_acts();
            network.deliver();
            network.caller.handle_timeout(network.now);
            network.called.handle_timeout(network.now);
        }
        panic!("more than {STEP_LIMIT} steps");
    }

    fn finish(self) -> Outcome {
        assert_eq!((self.caller.live(), self.called.live()), (0, 0));
        self.outcome
    }

    /// Takes what both sides want sent onto the network.
    fn carry(&mut self) {
        for to_called in [true, false] {
            loop {
                let side = if to_called { &mut self.caller } else { &mut self.called };
                let Some((_, bytes)) = side.poll_send() else { break };
                let reliable = self.plan.flow.transport.is_reliable();
                let copies = if reliable { 1 } else { self.copies() };
                for _ in 0..copies {
                    let delay = if reliable { 10 } else { self.weather.delays[self.count % self.weather.delays.len()] };
                    self.count += 1;
                    self.carried.insert((
                        self.now + Duration::from_millis(delay),
                        self.count,
                        to_called,
                        bytes.clone(),
                    ));
                }
            }
            let side = if to_called { &mut self.caller } else { &mut self.called };
            while let Some(event) = side.poll_event() {
                // The usual end of an answered INVITE is no complaint.
                if !matches!(event, TxEvent::Closed { .. }) {
                    self.outcome.told.push(event);
                }
            }
        }
    }

    fn copies(&mut self) -> usize {
        if self.weather.lost.contains(&self.count) {
            self.count += 1;
            return 0;
        }
        if self.weather.doubled.contains(&self.count) { 2 } else { 1 }
    }

    fn next(&self) -> Option<Moment> {
        let waiting = self.invite.is_some() && self.outcome.answered.is_none();
        let acts = [
            self.plan.cancels_at.map(millis),
            waiting.then(|| millis(self.plan.answers_at)),
            waiting.then(|| millis(self.plan.rings_at)).filter(|at| *at > self.now),
            self.carried.first().map(|(at, _, _, _)| *at),
            self.caller.poll_timeout(),
            self.called.poll_timeout(),
        ];
        acts.into_iter().flatten().min()
    }

    /// The called side's user rings once and answers once.
    fn called_acts(&mut self) {
        let Some((tx, request)) = self.invite.clone() else { return };
        if self.outcome.answered.is_some() {
            return;
        }
        if millis(self.plan.answers_at) <= self.now {
            self.answer(tx, &request, self.plan.answer);
        } else if millis(self.plan.rings_at) <= self.now {
            let ringing = Response::to(&request, 180, "Ringing", "called");
            self.plan.rings_at = u64::MAX / 1_000_000;
            self.called.respond(tx, &ringing, self.now);
        }
    }

    fn answer(&mut self, tx: ServerTx, request: &Request, status: u16) {
        self.outcome.answered = Some(status);
        self.called.respond(tx, &Response::to(request, status, "Answer", "called"), self.now);
    }

    fn deliver(&mut self) {
        while let Some((at, _, to_called, bytes)) = self.carried.first().cloned() {
            if at > self.now {
                return;
            }
            self.carried.pop_first();
            if to_called { self.at_called(&bytes) } else { self.at_caller(&bytes) }
        }
    }

    fn at_called(&mut self, bytes: &Bytes) {
        let flow = self.plan.flow;
        match self.called.receive(flow, parsed(bytes), self.now) {
            Incoming::Request { request } => {
                assert_eq!(request.method, Method::Invite);
                self.outcome.calls += 1;
                let tx = self.called.accept(flow, &request, self.now).unwrap();
                self.called.respond(tx, &Response::to(&request, 100, "Trying", ""), self.now);
                self.invite = Some((tx, request));
            }
            Incoming::Ack { .. } => {
                let (tx, _) = self.invite.clone().unwrap();
                self.outcome.acknowledged = true;
                self.called.acknowledged(tx);
            }
            Incoming::Cancel { invite: Some(tx), .. } => {
                let (known, request) = self.invite.clone().unwrap();
                assert_eq!((known, self.outcome.answered), (tx, None));
                self.answer(tx, &request, 487);
            }
            Incoming::Cancel { invite: None, .. } | Incoming::Absorbed => {}
            Incoming::Response { .. } | Incoming::Stray { .. } => panic!("an answer went the wrong way"),
        }
    }

    fn at_caller(&mut self, bytes: &Bytes) {
        match self.caller.receive(self.plan.flow, parsed(bytes), self.now) {
            Incoming::Response { response, .. } if response.status >= 200 => {
                self.outcome.caller.push(response.status);
                if response.status < 300 {
                    match self.ack.clone() {
                        Some(ack) => self.caller.send(self.plan.flow, ack),
                        None => self.ack = Some(self.caller.send_ack(self.plan.flow, from_us(Method::Ack))),
                    }
                }
            }
            Incoming::Response { .. } | Incoming::Absorbed => {}
            Incoming::Stray { response } => assert!((200..300).contains(&response.status)),
            Incoming::Request { .. } | Incoming::Ack { .. } | Incoming::Cancel { .. } => panic!("a request came back"),
        }
    }
}

fn weather(losses: usize) -> impl Strategy<Value = Weather> {
    (
        prop::collection::btree_set(0..20_usize, 0..=losses),
        prop::collection::btree_set(0..20_usize, 0..4),
        prop::collection::vec(0..700_u64, 1..8),
    )
        .prop_map(|(lost, doubled, delays)| Weather { lost, doubled, delays })
}

fn plan() -> impl Strategy<Value = Plan> {
    (any::<bool>(), 0..3000_u64, 1..8000_u64, prop::sample::select(vec![200, 486, 603])).prop_map(
        |(stream, rings_at, answers_after, answer)| Plan {
            flow: if stream { tcp() } else { udp() },
            rings_at,
            answers_at: rings_at + answers_after,
            answer,
            cancels_at: None,
        },
    )
}

fn calm() -> Weather {
    Weather { lost: BTreeSet::new(), doubled: BTreeSet::new(), delays: vec![20] }
}

fn answered_after_4_seconds(flow: Flow, cancels_at: Option<u64>) -> Plan {
    Plan { flow, rings_at: 1000, answers_at: 4000, answer: 200, cancels_at }
}

#[test]
fn whichever_single_message_is_lost_the_call_comes_about() {
    for lost in 0..12 {
        let weather = Weather { lost: [lost].into(), ..calm() };
        let outcome = Network::run(answered_after_4_seconds(udp(), None), weather);
        assert!(outcome.caller.contains(&200) && outcome.acknowledged, "message {lost}");
        assert_eq!((outcome.calls, outcome.told.len()), (1, 0), "message {lost}");
    }
}

#[test]
fn whichever_single_message_is_lost_the_cancelled_call_ends_on_both_sides() {
    for lost in 0..12 {
        let weather = Weather { lost: [lost].into(), ..calm() };
        let outcome = Network::run(answered_after_4_seconds(udp(), Some(2000)), weather);
        assert_eq!((outcome.caller, outcome.answered), (vec![487], Some(487)), "message {lost}");
        assert_eq!((outcome.calls, outcome.told.len()), (1, 0), "message {lost}");
    }
}

#[test]
fn at_every_moment_of_a_cancel_around_the_answer_both_sides_agree() {
    for flow in [udp(), tcp()] {
        let mut seen = BTreeSet::new();
        for cancels_at in 3900..4100 {
            let outcome = Network::run(answered_after_4_seconds(flow, Some(cancels_at)), calm());
            assert_eq!(outcome.caller.first().copied(), outcome.answered);
            assert_eq!(outcome.acknowledged, outcome.answered == Some(200));
            assert_eq!(outcome.told, []);
            seen.extend(outcome.answered);
        }
        assert_eq!(seen, BTreeSet::from([200, 487]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_call_survives_up_to_five_losses(plan in plan(), weather in weather(5)) {
        let outcome = Network::run(plan.clone(), weather);
        prop_assert_eq!(outcome.caller.first().copied(), Some(plan.answer));
        prop_assert!(plan.answer >= 300 || outcome.acknowledged);
        prop_assert!(plan.answer < 300 || outcome.caller.len() == 1, "a repeated failure reached the user");
        prop_assert_eq!(outcome.calls, 1);
        prop_assert_eq!(outcome.told, []);
    }

    #[test]
    fn however_a_cancel_falls_both_sides_agree(plan in plan(), weather in weather(3), cancels_at in 0..12_000_u64) {
        let plan = Plan { cancels_at: Some(cancels_at), ..plan };
        let outcome = Network::run(plan, weather);
        prop_assert_eq!(outcome.caller.first().copied(), outcome.answered);
        prop_assert!(outcome.answered != Some(200) || outcome.acknowledged);
        prop_assert!(outcome.calls <= 1);
        // An INVITE that was lost before it was taken back is not sent again: nobody heard of it, and its time runs out.
        prop_assert_eq!(outcome.told.len(), 1 - outcome.calls);
    }

    #[test]
    fn in_any_storm_both_sides_come_to_an_end(
        plan in plan(),
        weather in weather(20),
        cancels_at in prop::option::of(0..12_000_u64),
    ) {
        let outcome = Network::run(Plan { cancels_at, ..plan }, weather);
        prop_assert!(outcome.calls <= 1);
        if let Some(first) = outcome.caller.first() {
            prop_assert_eq!(Some(*first), outcome.answered);
        }
    }
}
