use super::*;
use crate::model::Moment;

const OFFICE: &str = "203.0.113.7";
const ATTACKER: &str = "198.51.100.9";

struct Bench {
    defence: Defence,
    now: Now,
    disk: BTreeMap<(Network, Option<String>), StoredBlock>,
    known: BTreeMap<Network, UnixMillis>,
    reports: Vec<Report>,
}

fn start() -> Now {
    Now { mono: Moment::START, wall: UnixMillis(1_795_000_000_000) }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

impl Bench {
    fn new() -> Self {
        Self::with(&Settings::default())
    }

    fn with(settings: &Settings) -> Self {
        let defence = Defence::restore(settings, Vec::new(), Vec::new(), std::iter::empty(), start());
        Self { defence, now: start(), disk: BTreeMap::new(), known: BTreeMap::new(), reports: Vec::new() }
    }

    fn drain(&mut self) {
        while let Some(output) = self.defence.poll_output() {
            match output {
                DefenceOutput::Report(report) => self.reports.push(report),
                DefenceOutput::Save(change) => self.save(*change),
            }
        }
    }

    fn save(&mut self, change: Change) {
        if let Change::PutBlock(block) = change {
            self.disk.insert((block.network, block.account.clone()), block);
        } else if let Change::DeleteBlock { network, account } = change {
            self.disk.remove(&(network, account));
        } else if let Change::PutKnownNetwork { network, at } = change {
            self.known.insert(network, at);
        } else if let Change::DeleteKnownNetwork(network) = change {
            self.known.remove(&network);
        } else {
            panic!("{change:?}");
        }
    }

    fn pass(&mut self, wait: Duration) {
        self.now = self.now.after(wait);
        if self.defence.poll_timeout().is_some_and(|at| at <= self.now.mono) {
            self.defence.handle_timeout(self.now);
        }
        self.drain();
    }

    fn restart(&mut self, wall_jump: Duration) {
        let now = Now { mono: Moment::from_micros(5), wall: self.now.wall + wall_jump };
        let (blocks, known) = (self.disk.values().cloned().collect(), self.known.clone().into_iter().collect());
        self.defence = Defence::restore(&Settings::default(), blocks, known, std::iter::empty(), now);
        self.now = now;
    }

    fn ask(&mut self, from: &str, account: Option<&str>) -> Judgement {
        self.ask_over(Transport::Udp, from, account, "Linphone/5")
    }

    fn ask_over(&mut self, transport: Transport, from: &str, account: Option<&str>, user_agent: &str) -> Judgement {
        let judged = self.defence.judge(Asking { from: ip(from), transport, account, user_agent }, self.now);
        self.drain();
        judged
    }

    fn fail_over(&mut self, transport: Transport, from: &str, account: &str, answers_our_challenge: bool) {
        let (from, account) = (ip(from), Some(account));
        let event = Event::Failed { from, transport, account, why: "wrong_secret", answers_our_challenge };
        self.defence.handle(event, self.now);
        self.drain();
    }

    fn fail(&mut self, from: &str, account: &str) {
        self.fail_over(Transport::Udp, from, account, true);
    }

    fn prove(&mut self, from: &str) {
        self.defence.handle(Event::Proved { from: ip(from) }, self.now);
        self.drain();
    }
}

#[test]
fn ten_wrong_secrets_block_the_address_for_that_account_only() {
    let mut bench = Bench::new();
    for _ in 0..9 {
        bench.fail(ATTACKER, "1001");
    }
    assert_eq!(bench.ask(ATTACKER, Some("1001")), Judgement::Answer);
    bench.fail(ATTACKER, "1001");
    assert_eq!(bench.ask(ATTACKER, Some("1001")), Judgement::Refuse, "also with the right secret");
    assert_eq!(bench.ask(ATTACKER, Some("1002")), Judgement::Answer);
    assert_eq!(bench.ask(ATTACKER, None), Judgement::Answer);
    assert_eq!(bench.ask(OFFICE, Some("1001")), Judgement::Answer, "nobody can lock an account from elsewhere");
}

#[test]
fn guessing_over_many_accounts_blocks_the_address_unless_a_phone_of_ours_is_behind_it() {
    let mut bench = Bench::new();
    bench.prove(OFFICE);
    for account in 0..30 {
        bench.fail(ATTACKER, &account.to_string());
        bench.fail(OFFICE, &account.to_string());
    }
    assert_eq!(bench.ask(ATTACKER, None), Judgement::Blocked);
    assert_eq!(bench.ask(OFFICE, None), Judgement::Answer);
    let listed = bench.defence.blocked(bench.now);
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].address.to_string().as_str(), listed[0].reason), (ATTACKER, BlockReason::ManyFailures));
    // From now on a guesser inside the office has three tries for each account.
    for _ in 0..3 {
        bench.fail(OFFICE, "fresh");
    }
    assert_eq!(bench.ask(OFFICE, Some("fresh")), Judgement::Refuse);
    assert_eq!(bench.ask(OFFICE, Some("1001")), Judgement::Answer);
}

#[test]
fn forged_datagrams_block_nobody() {
    let mut bench = Bench::new();
    for _ in 0..1000 {
        bench.fail_over(Transport::Udp, OFFICE, "1001", false);
    }
    assert_eq!(bench.ask(OFFICE, Some("1001")), Judgement::Answer);
    // A stream cannot be forged, whatever the nonce.
    for _ in 0..10 {
        bench.fail_over(Transport::Tls, ATTACKER, "1001", false);
    }
    assert_eq!(bench.ask(ATTACKER, Some("1001")), Judgement::Refuse);
}

#[test]
fn a_block_lasts_half_an_hour_and_twice_as_long_each_time_up_to_a_day() {
    let mut bench = Bench::new();
    let mut lengths = Vec::new();
    for _ in 0..8 {
        (0..10).for_each(|_| bench.fail(ATTACKER, "1001"));
        let block = &bench.defence.blocked(bench.now)[0];
        lengths.push(block.until.since(block.since).as_secs() / 60);
        let left = block.until.since(bench.now.wall);
        bench.pass(left - Duration::from_millis(1));
        assert_eq!(bench.ask(ATTACKER, Some("1001")), Judgement::Refuse);
        bench.pass(Duration::from_millis(1));
        assert_eq!(bench.ask(ATTACKER, Some("1001")), Judgement::Answer);
    }
    assert_eq!(lengths, [30, 60, 120, 240, 480, 960, 1440, 1440]);
    bench.pass(Duration::from_secs(86_400));
    assert!(bench.disk.is_empty() && bench.defence.poll_timeout().is_none(), "a quiet day is forgotten");
}

#[test]
fn a_block_survives_a_restart_and_a_wall_clock_that_jumps_back_does_not_make_it_eternal() {
    let mut bench = Bench::new();
    (0..10).for_each(|_| bench.fail(ATTACKER, "1001"));
    bench.prove(OFFICE);
    bench.restart(Duration::from_secs(60));
    assert_eq!(bench.ask(ATTACKER, Some("1001")), Judgement::Refuse);
    bench.pass(Duration::from_secs(29 * 60));
    assert_eq!(bench.ask(ATTACKER, Some("1001")), Judgement::Answer);
    (0..10).for_each(|_| bench.fail(ATTACKER, "1001"));
    bench.now.wall = bench.now.wall - Duration::from_secs(10 * 365 * 86_400);
    assert_eq!(bench.ask(ATTACKER, Some("1001")), Judgement::Refuse);
    bench.restart(Duration::ZERO);
    assert_eq!(bench.ask(ATTACKER, Some("1001")), Judgement::Refuse);
    bench.pass(Duration::from_secs(86_400));
    assert_eq!(bench.ask(ATTACKER, Some("1001")), Judgement::Answer);
    (0..100).for_each(|account| bench.fail(OFFICE, &format!("{account}")));
    assert_eq!(bench.ask(OFFICE, None), Judgement::Answer, "the office is known after the restart as well");
}

#[test]
fn a_scanner_gets_no_answer_and_on_a_stream_a_day_off() {
    let mut bench = Bench::new();
    for name in ["friendly-scanner", "Friendly-Scanner", "sipcli/v1.8", "VaxSIPUserAgent/3.5", "pplsip", "SIPVicious"] {
        let mut bench = Bench::new();
        assert_eq!(bench.ask_over(Transport::Udp, ATTACKER, None, name), Judgement::Ignore, "{name}");
        assert_eq!(bench.ask(ATTACKER, None), Judgement::Answer, "a forged datagram blocks nobody: {name}");
        assert_eq!(bench.ask_over(Transport::Tcp, ATTACKER, None, name), Judgement::Ignore, "{name}");
        assert_eq!(bench.ask(ATTACKER, None), Judgement::Blocked, "{name}");
        bench.pass(Duration::from_secs(86_399));
        assert_eq!(bench.ask(ATTACKER, None), Judgement::Blocked, "{name}");
        bench.pass(Duration::from_secs(1));
        assert_eq!(bench.ask(ATTACKER, None), Judgement::Answer, "{name}");
        assert_eq!(bench.reports.len(), 1, "{name}");
    }
    bench.prove(OFFICE);
    assert_eq!(bench.ask_over(Transport::Udp, OFFICE, None, "sipcli"), Judgement::Ignore);
    assert_eq!(bench.ask(OFFICE, None), Judgement::Answer, "its name forged in the office's name blocks nobody");
}

#[test]
fn strangers_are_slowed_down_and_right_secrets_are_not() {
    let mut bench = Bench::new();
    let answered = (0..1000).filter(|_| bench.ask(ATTACKER, None) == Judgement::Answer).count();
    assert_eq!(answered, 200, "five seconds' worth at once");
    assert_eq!(bench.ask(ATTACKER, None), Judgement::Ignore);
    assert_eq!(bench.ask_over(Transport::Tcp, ATTACKER, None, ""), Judgement::Later);
    bench.pass(Duration::from_secs(1));
    assert_eq!((0..100).filter(|_| bench.ask(ATTACKER, None) == Judgement::Answer).count(), 40);
    // 10,000 phones behind one address, each with a challenge and a right answer.
    let mut refused = 0;
    for _ in 0..10_000 {
        refused += usize::from(bench.ask(OFFICE, None) != Judgement::Answer);
        refused += usize::from(bench.ask(OFFICE, Some("1001")) != Judgement::Answer);
        bench.prove(OFFICE);
    }
    assert_eq!(refused, 0);
}

#[test]
fn a_flood_in_the_name_of_an_office_does_not_keep_its_phones_out() {
    let mut bench = Bench::new();
    bench.prove(OFFICE);
    while bench.ask(OFFICE, None) == Judgement::Answer {}
    assert_eq!(bench.ask(OFFICE, Some("1001")), Judgement::Answer);
}

#[test]
fn addresses_on_the_list_are_never_blocked_nor_slowed() {
    let mut bench =
        Bench::with(&Settings { never_block: vec!["198.51.100.0/24".parse().unwrap()], ..Settings::default() });
    for account in 0..1000 {
        bench.fail(ATTACKER, &(account % 7).to_string());
        assert_eq!(bench.ask(ATTACKER, Some("1")), Judgement::Answer);
        assert_eq!(bench.ask(ATTACKER, None), Judgement::Answer);
    }
    assert!(bench.defence.blocked(bench.now).is_empty());
}

#[test]
fn neighbours_in_an_ipv6_64_count_as_one() {
    let mut bench = Bench::new();
    for i in 0..10 {
        bench.fail(&format!("2001:db8::{i}"), "1001");
    }
    assert_eq!(bench.ask("2001:db8::ffff", Some("1001")), Judgement::Refuse);
    assert_eq!(bench.ask("2001:db8:0:1::1", Some("1001")), Judgement::Answer);
}

#[test]
fn failures_that_lie_more_than_ten_minutes_apart_do_not_add_up() {
    let mut bench = Bench::new();
    for _ in 0..40 {
        bench.fail(ATTACKER, "1001");
        bench.pass(Duration::from_secs(67));
    }
    assert_eq!(bench.ask(ATTACKER, Some("1001")), Judgement::Answer);
}

#[test]
fn garbage_on_streams_blocks_a_stranger_and_forged_garbage_nobody() {
    let mut bench = Bench::new();
    for _ in 0..1000 {
        bench.defence.handle(Event::Garbage { from: ip(OFFICE), transport: Transport::Udp }, bench.now);
    }
    assert_eq!(bench.ask(OFFICE, None), Judgement::Answer);
    for _ in 0..30 {
        bench.defence.handle(Event::Garbage { from: ip(ATTACKER), transport: Transport::Tcp }, bench.now);
    }
    assert_eq!(bench.ask(ATTACKER, None), Judgement::Blocked);
}

#[test]
fn a_million_forged_addresses_fill_no_memory() {
    let mut bench = Bench::new();
    for address in 0..1_000_000_u32 {
        let from = IpAddr::V4((0x0100_0000 + address).into());
        let asking = Asking { from, transport: Transport::Udp, account: None, user_agent: "" };
        bench.defence.judge(asking, bench.now);
    }
    assert!(bench.defence.sources.len() <= MAX_SOURCES && bench.defence.quiet.len() == bench.defence.sources.len());
    for address in 0..10_000_u32 {
        let from = IpAddr::V4((0x0100_0000 + address).into()).to_string();
        (0..10).for_each(|_| bench.fail(&from, "1001"));
    }
    assert_eq!(bench.disk.len(), block::MAX_BLOCKS, "the disk holds what memory holds");
    assert_eq!(bench.defence.blocked(bench.now).len(), block::MAX_BLOCKS);
    for address in 0..(u32::try_from(MAX_KNOWN).unwrap() + 100) {
        bench.prove(&IpAddr::V4((0x0200_0000 + address).into()).to_string());
    }
    assert!(bench.known.len() <= MAX_KNOWN && bench.defence.known.len() == bench.known.len());
}

#[test]
fn an_admin_lifts_a_block_and_a_renewed_secret_lifts_it_too() {
    let mut bench = Bench::new();
    (0..10).for_each(|_| bench.fail(ATTACKER, "1001"));
    for change in bench.defence.unblock(ip(ATTACKER).into()) {
        bench.save(change);
    }
    assert!(bench.disk.is_empty());
    assert!(bench.defence.unblock(ip(ATTACKER).into()).is_empty());
    assert_eq!(bench.ask(ATTACKER, Some("1001")), Judgement::Answer);
    (0..10).for_each(|_| bench.fail(ATTACKER, "1001"));
    assert_eq!(bench.defence.account_renewed("1001").len(), 1);
    assert_eq!(bench.ask(ATTACKER, Some("1001")), Judgement::Answer);
}

#[test]
fn log_lines_are_few_under_a_flood_and_show_nothing_hostile() {
    let mut bench = Bench::new();
    for _ in 0..1000 {
        bench.fail_over(Transport::Udp, ATTACKER, "x\" \u{1b}[31m\r\ncode=ok", false);
    }
    assert_eq!(bench.reports.len(), 50);
    bench.pass(Duration::from_secs(1));
    bench.fail_over(Transport::Udp, ATTACKER, "1001", false);
    let Some(Report::Failed { left_out: 950, .. }) = bench.reports.last() else { panic!("{:?}", bench.reports.last()) };
    let Some(Report::Failed { account, .. }) = bench.reports.first() else { panic!("no report") };
    assert!(account.chars().all(|c| c.is_ascii_graphic() && c != '"' && c != '='), "{account}");
}

#[test]
fn one_extension_cannot_begin_calls_without_end() {
    let mut bench = Bench::new();
    let (loud, quiet) = ("101".parse().unwrap(), "102".parse().unwrap());
    assert_eq!((0..10_000).filter(|_| bench.defence.may_call(loud, bench.now)).count(), 300);
    assert!(bench.defence.may_call(quiet, bench.now));
}
