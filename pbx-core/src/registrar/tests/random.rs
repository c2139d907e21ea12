//! Random histories: one kind against a tiny reference of who is live and who is armed, one kind of anything at all
//! against what must always hold.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use crate::model::{DeviceId, Flow, Moment, PushPolicy, Settings, SwitchedOffBy, Verdict, WakeKind, WakeState};
use crate::registrar::{
    BindingFailure, Contacts, MAX_DEVICES, OfferedContact, OfferedPush, RegisterOutcome, Registrar, RegistrarEvent,
};

use super::support::*;

/// One thing that happens to the app with this number.
#[derive(Debug, Clone)]
enum Step {
    Register { app: u8, token: Option<u8>, flow: u8, seconds: u32 },
    Unregister { app: u8, with_token: bool },
    RemoveAll,
    Pass(u32),
    FlowLost(u8),
    Failed { app: u8, silent: bool },
    Answered { app: u8 },
    Gone { app: u8 },
    Wrong { app: u8 },
    Accepted { app: u8 },
    DevicePush { app: u8, enabled: bool },
    ExtensionPush(bool),
    Remove { app: u8 },
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let app = || 0u8..4;
    prop_oneof![
        6 => (app(), prop::option::weighted(0.8, 0u8..2), 0u8..6, 60u32..400).prop_map(|(app, token, flow, seconds)| {
            Step::Register { app, token, flow, seconds }
        }),
        2 => (app(), any::<bool>()).prop_map(|(app, with_token)| Step::Unregister { app, with_token }),
        1 => Just(Step::RemoveAll),
        4 => (1u32..300).prop_map(Step::Pass),
        2 => (0u8..6).prop_map(Step::FlowLost),
        2 => (app(), any::<bool>()).prop_map(|(app, silent)| Step::Failed { app, silent }),
        1 => app().prop_map(|app| Step::Answered { app }),
        1 => app().prop_map(|app| Step::Gone { app }),
        1 => app().prop_map(|app| Step::Wrong { app }),
        1 => app().prop_map(|app| Step::Accepted { app }),
        1 => (app(), any::<bool>()).prop_map(|(app, enabled)| Step::DevicePush { app, enabled }),
        1 => any::<bool>().prop_map(Step::ExtensionPush),
        1 => app().prop_map(|app| Step::Remove { app }),
        1 => Just(Step::Restart),
    ]
}

/// Even numbers are UDP addresses, odd ones connections.
fn flow(nth: u8) -> Flow {
    if nth.is_multiple_of(2) { udp(5000 + u16::from(nth)) } else { tls(u64::from(nth)) }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Health {
    Good,
    Suspect,
    Revoked,
}

/// The reference: what a person with pencil and paper would note about one app.
#[derive(Debug, Clone)]
struct Noted {
    device: i64,
    flow: u8,
    ends: u64,
    live: bool,
    silent: bool,
    token: Option<u8>,
    health: Health,
    off: Option<SwitchedOffBy>,
}

impl Noted {
    fn wake_state(&self, push: bool) -> Option<WakeState> {
        self.token?;
        Some(match self.health {
            _ if !push || self.off.is_some() => WakeState::SwitchedOff,
            Health::Revoked => WakeState::Revoked,
            Health::Suspect => WakeState::Suspect,
            Health::Good if self.live => WakeState::Resting,
            Health::Good => WakeState::Armed,
        })
    }

    fn end(&mut self, silent: bool) {
        self.live = false;
        self.silent = silent;
    }
}

struct History {
    bench: Bench,
    noted: BTreeMap<u8, Noted>,
    push: bool,
    seconds: u64,
    next: i64,
}

impl History {
    fn new() -> Self {
        let settings = Settings { devices_per_extension: 12, ..Settings::default() };
        let bench = Bench::with(with_settings(&settings));
        Self { bench, noted: BTreeMap::new(), push: true, seconds: 0, next: 1 }
    }

    fn contact(app: u8, token: Option<u8>) -> OfferedContact {
        let mut contact = super::support::app(&format!("urn:uuid:{app}"), &format!("token-{app}-{token:?}"));
        if token.is_none() {
            contact.push = None;
        }
        contact
    }

    fn register(&mut self, app: u8, token: Option<u8>, nth: u8, seconds: u32) {
        self.bench.bind(flow(nth), with_expires(Self::contact(app, token), seconds));
        let next = &mut self.next;
        let noted = self.noted.entry(app).or_insert_with(|| {
            *next += 1;
            let device = *next - 1;
            let (live, silent, health, off) = (false, false, Health::Good, None);
            Noted { device, flow: nth, ends: 0, live, silent, token: None, health, off }
        });
        noted.flow = nth;
        noted.ends = self.seconds + u64::from(seconds);
        noted.live = true;
        match token {
            Some(token) => {
                if noted.token != Some(token) {
                    noted.health = Health::Good;
                }
                noted.token = Some(token);
                noted.off = noted.off.filter(|off| *off == SwitchedOffBy::Admin);
            }
            None if noted.token.is_some() => noted.off = noted.off.or(Some(SwitchedOffBy::Device)),
            None => {}
        }
    }

    fn unregister(&mut self, app: u8, with_token: bool) {
        let Some(noted) = self.noted.get_mut(&app) else {
            self.bench.bind(flow(0), with_expires(Self::contact(app, Some(0)), 0));
            return;
        };
        noted.end(false);
        let token = noted.token.filter(|_| with_token);
        if token.is_some() {
            noted.off = noted.off.filter(|off| *off == SwitchedOffBy::Admin);
        }
        let nth = noted.flow;
        self.bench.bind(flow(nth), with_expires(Self::contact(app, token), 0));
    }

    fn pass(&mut self, seconds: u32) {
        self.bench.pass(Duration::from_secs(seconds.into()));
        self.seconds += u64::from(seconds);
        for noted in self.noted.values_mut().filter(|noted| noted.live && noted.ends <= self.seconds) {
            noted.end(false);
        }
    }

    fn failed(&mut self, app: u8, silent: bool) {
        let push = self.push;
        let Some(noted) = self.noted.get_mut(&app) else { return };
        let why = if silent { BindingFailure::NoAnswer } else { BindingFailure::TransportError };
        self.bench.registrar.binding_failed(DeviceId(noted.device), flow(noted.flow), why, self.bench.now);
        let can_be_woken = push && noted.off.is_none() && noted.token.is_some() && noted.health != Health::Revoked;
        let may_be_our_own = silent || !flow(noted.flow).transport.is_reliable();
        if noted.live && (can_be_woken || !may_be_our_own) {
            noted.end(silent);
        }
    }

    fn answered(&mut self, app: u8) {
        let Some(noted) = self.noted.get_mut(&app) else { return };
        self.bench.registrar.binding_answered(DeviceId(noted.device), flow(noted.flow), self.bench.now);
        noted.live |= noted.silent && noted.ends > self.seconds;
    }

    fn verdict(&mut self, app: u8, verdict: &Verdict) {
        let Some(noted) = self.noted.get_mut(&app).filter(|noted| noted.token.is_some()) else { return };
        self.bench.verdict(noted.device, verdict);
        noted.health = match (verdict, noted.health) {
            (_, Health::Revoked) | (Verdict::TokenGone { .. }, _) => Health::Revoked,
            (Verdict::TokenWrong { .. }, _) => Health::Suspect,
            (_, _) => Health::Good,
        };
    }

    fn device_push(&mut self, app: u8, enabled: bool) {
        let Some(noted) = self.noted.get_mut(&app) else { return };
        let change = self.bench.registrar.set_device_push(DeviceId(noted.device), enabled);
        if noted.token.is_some() {
            noted.off = if enabled { None } else { Some(SwitchedOffBy::Admin) };
        }
        if let Ok(Some(change)) = change {
            self.bench.disk.apply(change);
        }
    }

    fn extension_push(&mut self, enabled: bool) {
        self.push = enabled;
        if let Some(change) = self.bench.registrar.set_push(number("101"), enabled).unwrap() {
            self.bench.disk.apply(change);
        }
    }

    fn remove(&mut self, app: u8) {
        let Some(noted) = self.noted.remove(&app) else { return };
        let change = self.bench.registrar.remove_device(DeviceId(noted.device)).unwrap();
        self.bench.disk.apply(change);
    }

    fn restart(&mut self) {
        self.bench.events();
        let settings = Settings { devices_per_extension: 12, ..Settings::default() };
        let mut restored = self.bench.disk.restored(&settings);
        self.bench.registrar = Registrar::restore(&mut restored, self.bench.now);
        for noted in self.noted.values_mut() {
            let on_disk = self.bench.disk.bindings.get(&DeviceId(noted.device));
            noted.live &= on_disk.is_some();
            noted.silent = false;
            // The saved end may be earlier, by no more than half of what was granted.
            let ends = on_disk.map_or(0, |binding| binding.expires_at.since(at(0).wall).as_secs());
            assert!(!noted.live || (ends <= noted.ends && noted.ends - ends <= 200), "{ends} {noted:?}");
            noted.ends = if noted.live { ends } else { noted.ends };
            noted.live &= ends > self.seconds;
        }
    }

    fn take(&mut self, step: &Step) {
        let why = String::from("reason");
        match *step {
            Step::Register { app, token, flow, seconds } => self.register(app, token, flow, seconds),
            Step::Unregister { app, with_token } => self.unregister(app, with_token),
            Step::RemoveAll => {
                let request = self.bench.request(flow(0), Contacts::RemoveAll);
                bound(self.bench.send(request));
                self.noted.values_mut().for_each(|noted| noted.end(false));
            }
            Step::Pass(seconds) => self.pass(seconds),
            Step::FlowLost(nth) => {
                self.bench.registrar.flow_lost(flow(nth), self.bench.now);
                let on_it = |noted: &&mut Noted| noted.flow == nth && !nth.is_multiple_of(2);
                self.noted.values_mut().filter(on_it).for_each(|noted| noted.end(false));
            }
            Step::Failed { app, silent } => self.failed(app, silent),
            Step::Answered { app } => self.answered(app),
            Step::Gone { app } => self.verdict(app, &Verdict::TokenGone { since: None, why }),
            Step::Wrong { app } => self.verdict(app, &Verdict::TokenWrong { why, accepted_in: None }),
            Step::Accepted { app } => self.verdict(app, &Verdict::Accepted),
            Step::DevicePush { app, enabled } => self.device_push(app, enabled),
            Step::ExtensionPush(enabled) => self.extension_push(enabled),
            Step::Remove { app } => self.remove(app),
            Step::Restart => self.restart(),
        }
    }

    fn compare(&mut self) {
        self.bench.events();
        let registrar = &self.bench.registrar;
        let seen: BTreeMap<i64, _> = registrar
            .devices_of(number("101"))
            .map(|view| (view.id().0, (view.live_binding().is_some(), view.wake_state())))
            .collect();
        let noted: BTreeMap<i64, _> =
            self.noted.values().map(|noted| (noted.device, (noted.live, noted.wake_state(self.push)))).collect();
        assert_eq!(seen, noted);
        let ends = self.noted.values().filter(|noted| noted.live).map(|noted| at(noted.ends).mono).min();
        assert_eq!(registrar.poll_timeout(), ends);
        check(&self.bench);
    }
}

/// What holds after every input, whatever came before.
fn check(bench: &Bench) {
    let registrar = &bench.registrar;
    let mut devices = Vec::new();
    for extension in registrar.extensions_after(None) {
        let before = devices.len();
        devices.extend(registrar.devices_of(extension.number));
        assert!(devices.len() - before <= MAX_DEVICES);
    }
    let counts = registrar.counts();
    assert_eq!(counts.devices, devices.len());
    assert_eq!(counts.registered, devices.iter().filter(|view| view.live_binding().is_some()).count());
    let count = |state| devices.iter().filter(|view| view.wake_state() == Some(state)).count();
    assert_eq!(counts.armed, count(WakeState::Armed) + count(WakeState::Displaced));
    assert_eq!(registrar.displaced(), count(WakeState::Displaced));
    let called: Vec<_> = ["101", "102"].iter().flat_map(|it| registrar.callable_devices(number(it))).collect();
    for view in devices.iter().filter(|view| view.presence() != crate::model::Presence::Unreachable) {
        assert!(called.iter().any(|one| one.id() == view.id()), "shown as reachable, and no call goes there");
    }
    assert!(registrar.poll_timeout().is_none_or(|next| next > bench.now.mono));
    let on_disk: Vec<_> = bench.disk.devices.keys().copied().collect();
    let mut ids: Vec<_> = devices.iter().map(|view| view.id()).collect();
    ids.sort_unstable();
    assert_eq!(ids, on_disk);
    for view in &devices {
        let stored = &bench.disk.devices[&view.id()];
        assert_eq!(stored.push_policy, view.push_policy());
        assert!(
            !(view.device.registration_is_over() && view.usable_target().is_some()),
            "pushed without a registration"
        );
        assert!(view.live_flows().count() <= FLOWS_EACH);
        assert_eq!(stored.wake_target.as_ref(), view.wake_target().map(|target| &**target));
        assert_eq!((&stored.key, &stored.username), (view.key(), view.username()));
        assert_eq!(stored.last_wake.as_ref(), view.last_wake());
        let udp = view.live_binding().filter(|binding| !binding.flow().transport.is_reliable());
        let saved = bench.disk.bindings.get(&view.id());
        // That of a phone that is switched off waits on disk for its being switched on.
        if !registrar.extension(view.extension()).is_some_and(|extension| extension.phones_are_off()) {
            assert_eq!(udp.map(|binding| binding.flow().remote), saved.map(|saved| saved.remote));
        }
        assert_eq!(view.reason().is_empty(), view.presence() != crate::model::Presence::Unreachable);
    }
}

/// Bindings of one device in a 200: its newest flow and two spares (RFC 5626).
const FLOWS_EACH: usize = 3;

/// Anything at all: shared tokens, missing names, several Contacts, old CSeqs, a low limit.
#[derive(Debug, Clone)]
enum Anything {
    Register { extension: bool, account: u8, cseq: u8, call_id: u8, flow: u8, contacts: Vec<OfferedContact> },
    RemoveAll { cseq: u8, call_id: u8 },
    Pass(u32),
    FlowLost(u8),
    Failed { device: i64, flow: u8, silent: bool },
    Answered { device: i64, flow: u8 },
    Verdict { device: i64, verdict: u8, notice: bool },
    Limit(u16),
    Policy { device: i64, strict: bool },
    RemoveAccount(u8),
    Phones(bool),
    Restart,
}

fn any_contact() -> impl Strategy<Value = OfferedContact> {
    let push = prop_oneof![
        3 => Just(None),
        1 => Just(Some(OfferedPush::Query(None))),
        1 => Just(Some(OfferedPush::Unsupported("x".into()))),
        6 => (0u8..4, prop::option::of(0u8..4)).prop_map(|(call, notice)| {
            let mut offered = target(&format!("t{call}"));
            offered.notice_token = notice.map(|nth| crate::model::Redacted::new(format!("t{nth}")));
            if call == 3 {
                offered.call_token = None;
            }
            Some(OfferedPush::Target(offered))
        }),
    ];
    let expires = prop_oneof![Just(None), Just(Some(0)), (60u32..900).prop_map(Some), Just(Some(3))];
    (prop::option::of(0u8..14), 0u16..4, expires, push, prop::option::of(0u32..3)).prop_map(
        |(instance, port, expires, push, reg_id)| {
            let mut contact = desk(port);
            contact.instance = instance.map(|nth| format!("urn:{nth}").into());
            contact.expires = expires;
            contact.push = push;
            contact.reg_id = reg_id;
            contact.needs_refresh_push = port == 0;
            contact
        },
    )
}

fn anything() -> impl Strategy<Value = Anything> {
    let contacts = prop::collection::vec(any_contact(), 1..4);
    prop_oneof![
        12 => (any::<bool>(), 0u8..2, 0u8..30, 0u8..3, 0u8..6, contacts).prop_map(
            |(extension, account, cseq, call_id, flow, contacts)| {
                Anything::Register { extension, account, cseq, call_id, flow, contacts }
            }
        ),
        1 => (0u8..30, 0u8..3).prop_map(|(cseq, call_id)| Anything::RemoveAll { cseq, call_id }),
        3 => (1u32..600).prop_map(Anything::Pass),
        2 => (0u8..6).prop_map(Anything::FlowLost),
        2 => (0i64..20, 0u8..6, any::<bool>()).prop_map(|(device, flow, silent)| Anything::Failed { device, flow, silent }),
        1 => (0i64..20, 0u8..6).prop_map(|(device, flow)| Anything::Answered { device, flow }),
        2 => (0i64..20, 0u8..4, any::<bool>()).prop_map(|(device, verdict, notice)| {
            Anything::Verdict { device, verdict, notice }
        }),
        1 => (1u16..13).prop_map(Anything::Limit),
        2 => (0i64..20, any::<bool>()).prop_map(|(device, strict)| Anything::Policy { device, strict }),
        1 => (0u8..2).prop_map(Anything::RemoveAccount),
        2 => prop::bool::weighted(0.7).prop_map(Anything::Phones),
        1 => Just(Anything::Restart),
    ]
}

fn choose_policy(bench: &mut Bench, device: DeviceId, strict: bool) {
    let policy = if strict { PushPolicy::Rfc8599 } else { PushPolicy::App };
    if let Ok(Some(change)) = bench.registrar.set_push_policy(device, policy) {
        bench.disk.apply(change);
    }
    bench.registrar.handle_timeout(bench.now);
}

fn switch_phones(bench: &mut Bench, enabled: bool) {
    let changes = bench.registrar.switch_phones(number("101"), enabled, bench.now).unwrap();
    changes.into_iter().for_each(|change| bench.disk.apply(change));
}

fn do_anything(bench: &mut Bench, settings: &mut Settings, step: Anything) {
    match step {
        Anything::Register { extension, account, cseq, call_id, flow: nth, contacts } => {
            let mut request = bench.request(flow(nth), Contacts::List(contacts));
            request.extension = number(if extension { "101" } else { "102" });
            request.username = format!("account-{account}").parse().unwrap();
            (request.cseq, request.call_id) = (cseq.into(), format!("call-{call_id}").into());
            let before = (bench.registrar.list_devices(None, 99), bench.disk.clone());
            match bench.send(request) {
                RegisterOutcome::Bound(bound) => {
                    bench.registrar.saved(&bound.saving);
                    assert!(bound.contacts.len() <= FLOWS_EACH * usize::from(settings.devices_per_extension));
                    assert!(bound.durable || bound.saving.is_empty());
                }
                RegisterOutcome::Refused(_) => {
                    assert_eq!((bench.registrar.list_devices(None, 99), bench.disk.clone()), before);
                    assert_eq!(bench.registrar.poll_event(), None);
                }
            }
        }
        Anything::RemoveAll { cseq, call_id } => {
            let mut request = bench.request(flow(0), Contacts::RemoveAll);
            (request.cseq, request.call_id) = (cseq.into(), format!("call-{call_id}").into());
            bench.send(request);
        }
        Anything::Pass(seconds) => bench.pass(Duration::from_secs(seconds.into())),
        Anything::FlowLost(nth) => bench.registrar.flow_lost(flow(nth), bench.now),
        Anything::Failed { device, flow: nth, silent } => {
            let why = if silent { BindingFailure::NoAnswer } else { BindingFailure::TransportError };
            bench.registrar.binding_failed(DeviceId(device), flow(nth), why, bench.now);
        }
        Anything::Answered { device, flow: nth } => {
            bench.registrar.binding_answered(DeviceId(device), flow(nth), bench.now);
        }
        Anything::Verdict { device, verdict, notice } => {
            let has_target = bench.registrar.device(DeviceId(device)).is_some_and(|view| view.wake_target().is_some());
            if has_target {
                let kind = if notice { WakeKind::Test } else { WakeKind::Call };
                let report = bench.report(device, kind);
                let why = String::from("why");
                let verdict = match verdict {
                    0 => Verdict::Accepted,
                    1 => Verdict::TokenGone { since: None, why },
                    2 => Verdict::TokenWrong { why, accepted_in: None },
                    _ => Verdict::TokenWrong { why, accepted_in: Some(crate::model::Environment::Sandbox) },
                };
                bench.registrar.wake_verdict(&report, &verdict);
            }
        }
        Anything::Limit(devices) => {
            // Bindings beyond a lower limit end with the next REGISTER; a fresh start keeps the check simple.
            if devices >= settings.devices_per_extension {
                settings.devices_per_extension = devices;
                bench.registrar.apply_settings(settings);
            }
        }
        Anything::Policy { device, strict } => choose_policy(bench, DeviceId(device), strict),
        Anything::RemoveAccount(account) => {
            let username = format!("account-{account}").parse().unwrap();
            for change in bench.registrar.remove_account(number("101"), &username) {
                bench.disk.apply(change);
            }
        }
        Anything::Phones(enabled) => switch_phones(bench, enabled),
        Anything::Restart => {
            let mut restored = bench.disk.restored(settings);
            bench.registrar = Registrar::restore(&mut restored, bench.now);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn who_is_live_and_who_is_armed_is_what_a_person_would_note(steps in prop::collection::vec(step(), 1..80)) {
        let mut history = History::new();
        for step in &steps {
            history.take(step);
            history.compare();
        }
    }

    #[test]
    fn whatever_comes_the_records_the_disk_and_the_indexes_agree(steps in prop::collection::vec(anything(), 1..80)) {
        let mut settings = Settings { devices_per_extension: 2, ..Settings::default() };
        let mut bench = Bench::with(with_settings(&settings));
        for step in steps {
            do_anything(&mut bench, &mut settings, step);
            if bench.registrar.poll_event().is_some_and(|event| {
                let again = bench.registrar.poll_timeout();
                if let RegistrarEvent::Save(changes) = event {
                    changes.into_iter().for_each(|change| bench.disk.apply(change));
                }
                again.is_some_and(|next| next > Moment::START)
                    && bench.registrar.counts().registered == 0
                    && bench.registrar.counts().armed == 0
                    // The end of a registration under `rfc8599` comes also while the phones are off.
                    && bench.registrar.switched_off().is_empty()
            }) {
                prop_assert!(false, "a deadline without a live binding");
            }
            bench.events();
            check(&bench);
        }
    }
}
