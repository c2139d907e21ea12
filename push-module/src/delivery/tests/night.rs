//! A night in made-up time: the office closes, a NAT forgets the connection without a word, and at eight the phones ring.

use super::*;

const NIGHT: u64 = 8 * 3600 * 1000;
/// What the promise leaves to the first call.
const PROMISE: u64 = 3500;
/// A provider's answer over a slow line.
const ANSWER: u64 = 150;

/// The network as the driver sees it: what goes over the old connection is lost, a new one works.
struct Night {
    bench: Bench,
    now: u64,
    renewed: bool,
    seen: usize,
    /// When the answers to these attempts arrive.
    answers: Vec<(u64, WakeId, u32)>,
}

impl Night {
    /// The last push of the evening, then eight hours of nothing.
    fn over(service: Option<&str>) -> Self {
        let mut night = Self { bench: Bench::default(), now: 0, renewed: true, seen: 0, answers: Vec::new() };
        night.call(1, service);
        night.run_until(1000);
        assert!(night.accepted_at(1), "the evening's push");
        assert_eq!(night.bench.machine.pending(), 0);
        night.run_until(NIGHT);
        night.renewed = false;
        night
    }

    fn call(&mut self, number: u64, service: Option<&str>) {
        let device = i64::try_from(number).unwrap();
        let request = request(number, WakeKind::Call, device, device, at(self.now));
        let route = route(FIRST).map(|route| Route { service: service.map(Arc::from), ..route });
        self.bench.handle(Input::Wake { request, route }, at(self.now));
        self.carry_out();
    }

    fn carry_out(&mut self) {
        while let Some(attempt) = self.bench.attempts.get(self.seen) {
            self.seen += 1;
            self.renewed |= attempt.connection == Connection::Fresh;
            if self.renewed {
                self.answers.push((self.now + ANSWER, attempt.wake_id, attempt.number));
            }
        }
    }

    /// Lets whatever is due happen, in order.
    fn run_until(&mut self, end: u64) {
        loop {
            let deadline = self.bench.machine.poll_timeout().map(|it| it.as_micros().div_ceil(1000));
            let answer = self.answers.iter().map(|(at, _, _)| *at).min();
            let Some(next) = deadline.into_iter().chain(answer).min().filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            let (due, later): (Vec<_>, Vec<_>) = self.answers.drain(..).partition(|(at, _, _)| *at <= self.now);
            self.answers = later;
            for (_, wake_id, attempt) in due {
                let outcome = Outcome::Answered(accepted());
                self.bench.handle(Input::Ended { wake_id, attempt, outcome }, at(self.now));
            }
            self.bench.pass(at(self.now));
            self.carry_out();
        }
        self.now = end;
    }

    fn accepted_at(&self, number: u64) -> bool {
        let last = self.bench.events(number).last();
        matches!(last, Some(WakeEvent::Answered { verdict: Verdict::Accepted, .. }))
    }
}

#[test]
fn after_eight_hours_on_a_dead_connection_the_first_call_is_pushed_within_three_and_a_half_seconds() {
    // APNs and FCM have one connection; at Web Push each service has its own.
    for service in [None, Some("push.example.net:443")] {
        let mut morning = Night::over(service);
        morning.call(2, service);
        morning.run_until(NIGHT + 2999);
        assert!(!morning.accepted_at(2));
        morning.run_until(NIGHT + PROMISE);
        assert!(morning.accepted_at(2), "{service:?}: {:?}", morning.bench.events(2));
        assert_eq!(morning.bench.attempts.len(), 3, "one in the evening, two in the morning");
    }
}

#[test]
fn of_a_whole_office_that_is_called_at_eight_nobody_waits_longer() {
    let mut morning = Night::over(None);
    // Twelve calls within five seconds, some of them while the first has not found out yet.
    let mut calls = Vec::new();
    for number in 2..14 {
        let began = NIGHT + (number - 2) * 450;
        morning.run_until(began);
        morning.call(number, None);
        calls.push((number, began));
    }
    for (number, began) in calls {
        morning.run_until(morning.now.max(began + PROMISE));
        let events = morning.bench.events(number);
        assert!(morning.accepted_at(number), "call {number}: {events:?}");
        assert_eq!(morning.bench.gave_up(number), None);
    }
    morning.run_until(NIGHT + 60_000);
    assert_eq!(morning.bench.machine.pending(), 0);
}
