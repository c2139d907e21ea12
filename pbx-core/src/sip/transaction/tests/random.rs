//! Random histories: no panic, no deadline left behind, everything ends.

use proptest::prelude::*;

use super::*;

/// One thing that happens. Small numbers name what it happens to, so that things meet.
#[derive(Debug, Clone)]
enum Step {
    Arrive { stream: bool, method: u8, branch: u8, cseq: u8, tagged: bool },
    Respond { which: u8, status: u16 },
    Acknowledge { which: u8 },
    Send { stream: bool, invite: bool },
    Answer { which: u8, status: u16, to_cancel: bool },
    Cancel { which: u8 },
    FlowLost { stream: bool },
    SendFailed { stream: bool },
    Pass { millis: u64 },
    PassLate { millis: u64 },
}

fn status() -> impl Strategy<Value = u16> {
    prop::sample::select(vec![100, 180, 183, 200, 202, 302, 404, 486, 487, 491, 503, 603])
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (any::<bool>(), 0..4_u8, 0..3_u8, 1..3_u8, any::<bool>()).prop_map(
            |(stream, method, branch, cseq, tagged)| Step::Arrive { stream, method, branch, cseq, tagged }
        ),
        5 => (any::<u8>(), status()).prop_map(|(which, status)| Step::Respond { which, status }),
        1 => any::<u8>().prop_map(|which| Step::Acknowledge { which }),
        4 => (any::<bool>(), any::<bool>()).prop_map(|(stream, invite)| Step::Send { stream, invite }),
        6 => (any::<u8>(), status(), any::<bool>()).prop_map(|(which, status, to_cancel)| Step::Answer {
            which,
            status,
            to_cancel
        }),
        2 => any::<u8>().prop_map(|which| Step::Cancel { which }),
        1 => any::<bool>().prop_map(|stream| Step::FlowLost { stream }),
        1 => any::<bool>().prop_map(|stream| Step::SendFailed { stream }),
        4 => (0..40_000_u64).prop_map(|millis| Step::Pass { millis }),
        2 => (0..40_000_u64).prop_map(|millis| Step::PassLate { millis }),
    ]
}

/// The bench and what its user remembers.
struct History {
    bench: Bench,
    accepted: Vec<(ServerTx, Request)>,
    sent: Vec<(ClientTx, Request)>,
    /// Requests of ours that wait for their one ending.
    waiting: BTreeSet<ClientTx>,
}

impl History {
    fn new() -> Self {
        let bench = Bench::new();
        Self { bench, accepted: Vec::new(), sent: Vec::new(), waiting: BTreeSet::new() }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Arrive { stream, method, branch, cseq, tagged } => {
                let method = [Method::Invite, Method::Ack, Method::Cancel, Method::Info][usize::from(method)].clone();
                let branch = ["z9hG4bKa", "z9hG4bKb", "old"][usize::from(branch)];
                let mut request = from_phone(method, branch, u32::from(cseq));
                if tagged {
                    request.headers.set(HeaderName::To, "<sip:20@pbx.example>;tag=ours");
                }
                self.arrive(flow(stream), &request);
            }
            Step::Respond { which, status } => {
                if let Some((tx, request)) = pick(&self.accepted, which) {
                    self.bench.respond(tx, &request, status);
                }
            }
            Step::Acknowledge { which } => {
                if let Some((tx, _)) = pick(&self.accepted, which) {
                    self.bench.all.acknowledged(tx);
                }
            }
            Step::Send { stream, invite } => {
                let method = if invite { Method::Invite } else { Method::Info };
                let (tx, request) = self.bench.request(flow(stream), method);
                self.waiting.insert(tx);
                self.sent.push((tx, request));
            }
            Step::Answer { which, status, to_cancel } => self.answer(which, status, to_cancel),
            Step::Cancel { which } => {
                if let Some((tx, _)) = pick(&self.sent, which) {
                    self.bench.all.cancel(tx, Some("SIP;cause=200"), self.bench.now);
                }
            }
            Step::FlowLost { stream } => self.bench.all.flow_lost(flow(stream), self.bench.now),
            Step::SendFailed { stream } => self.bench.all.send_failed(flow(stream), self.bench.now),
            Step::Pass { millis } => self.bench.pass_millis(millis),
            Step::PassLate { millis } => {
                // A busy machine looks at the clock once, long after several deadlines.
                self.bench.drain();
                self.bench.now = self.bench.now + Duration::from_millis(millis);
                let now = self.bench.now;
                self.bench.all.handle_timeout(now);
                self.bench.drain();
                assert!(self.bench.all.poll_timeout().is_none_or(|next| next > now));
            }
        }
        self.look();
    }

    fn arrive(&mut self, flow: Flow, request: &Request) {
        match self.bench.receive(flow, request) {
            Incoming::Request { request } => {
                let tx = self.bench.all.accept(flow, &request, self.bench.now).unwrap();
                assert!(self.accepted.iter().all(|(known, _)| *known != tx), "an id was used twice");
                self.accepted.push((tx, request));
            }
            Incoming::Cancel { invite: Some(tx), .. } => {
                assert!(self.accepted.iter().any(|(known, _)| *known == tx));
            }
            Incoming::Ack { .. } | Incoming::Cancel { invite: None, .. } | Incoming::Absorbed => {}
            Incoming::Response { .. } | Incoming::Stray { .. } => panic!("a request became an answer"),
        }
    }

    fn answer(&mut self, which: u8, status: u16, to_cancel: bool) {
        let Some((tx, mut request)) = pick(&self.sent, which) else { return };
        if to_cancel {
            request.headers.set(HeaderName::CSeq, "4 CANCEL");
        }
        match self.bench.answer(&request, status, "theirs") {
            Incoming::Response { tx: got, response } => {
                assert_eq!((got, to_cancel), (tx, false));
                assert_eq!(response.status, status);
                let repeated_2xx = request.method == Method::Invite && (200..300).contains(&status);
                if status >= 200 {
                    assert!(self.waiting.remove(&tx) || repeated_2xx, "a second final answer");
                }
            }
            Incoming::Stray { response } => assert!((200..300).contains(&response.status)),
            Incoming::Absorbed => {}
            Incoming::Request { .. } | Incoming::Ack { .. } | Incoming::Cancel { .. } => panic!("an answer asked"),
        }
    }

    /// Every ending comes once, and the indexes agree.
    fn look(&mut self) {
        self.bench.drain();
        for (_, event) in std::mem::take(&mut self.bench.told) {
            match event {
                TxEvent::TimedOut { tx } | TxEvent::TransportFailed { tx } | TxEvent::NoRoom { tx } => {
                    assert!(self.waiting.remove(&tx), "ended twice");
                }
                TxEvent::Closed { tx } => assert!(!self.waiting.contains(&tx), "closed before its final answer"),
                TxEvent::AckMissing { .. } | TxEvent::Unanswered { .. } => {}
            }
        }
        let all = &self.bench.all;
        assert_eq!(all.deadlines.len(), all.live());
        assert_eq!(all.by_flow.len(), all.live());
        assert_eq!(all.by_key.len(), all.servers.len());
        assert_eq!(all.by_branch.len(), all.clients.len());
        assert!(all.by_origin.len() <= all.servers.len());
    }
}

fn flow(stream: bool) -> Flow {
    if stream { tcp() } else { udp() }
}

fn pick<T: Clone>(from: &[T], which: u8) -> Option<T> {
    from.get(usize::from(which) % from.len().max(1)).cloned()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_history_keeps_its_promises_and_comes_to_an_end(steps in prop::collection::vec(step(), 1..80)) {
        let mut history = History::new();
        for step in steps {
            history.run(step);
        }
        // The longest way: an INVITE that only rings is cancelled after PROGRESS_LIMIT, one left alone by its user is
        // forgotten after UNANSWERED_LIMIT; each then takes 64*T1 more.
        history.bench.pass(UNANSWERED_LIMIT.max(PROGRESS_LIMIT) + GIVE_UP);
        history.look();
        prop_assert_eq!(history.bench.all.live(), 0);
        prop_assert_eq!(history.bench.all.poll_timeout(), None);
        prop_assert!(history.waiting.is_empty());
    }

    #[test]
    fn a_user_that_answers_everything_sees_the_end_in_64_t1(steps in prop::collection::vec(step(), 1..60)) {
        let mut history = History::new();
        for step in steps {
            history.run(step);
        }
        for (tx, request) in history.accepted.clone() {
            history.bench.respond(tx, &request, 487);
        }
        for (tx, _) in history.sent.clone() {
            history.bench.all.cancel(tx, None, history.bench.now);
        }
        history.bench.pass(GIVE_UP);
        prop_assert_eq!(history.bench.all.live(), 0);
    }
}
