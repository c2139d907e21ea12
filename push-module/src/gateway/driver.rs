//! The loop around the machine: reads the clock, brings inputs, carries out outputs in order.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use pbx_core::model::{Environment, Now, UnixMillis, WakeId, WakeReport};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};

use super::alarm::is_off;
use super::board::Tried;
use super::entry::Entry;
use super::kept::Record;
use super::line::{Sent, Upkeep, slots};
use super::{GatewayInput, Shared};
use crate::credential::{CredentialId, CredentialKind, KeptToken};
use crate::delivery::{ATTEMPT_TIMEOUT, Answer, Attempt, Delivery, Input, Outcome, Output};

/// How often provider tokens are looked at; they are renewed minutes before they end.
const UPKEEP_EVERY: Duration = Duration::from_secs(60);
/// After the core has gone, attempts on the wire may still end.
const GRACE: Duration = ATTEMPT_TIMEOUT;
/// Credential changes that wait for the driver; an admin makes one at a time.
pub(super) const CONTROLS: usize = 64;

/// What the handle and the lines tell the driver.
#[derive(Debug)]
pub(super) enum Control {
    /// A credential is new: see to its provider token.
    Added(CredentialId),
    /// A credential is gone.
    Removed(CredentialId),
    /// A check made a provider token: keep it.
    Keep(CredentialId, KeptToken),
    /// A check got an answer: the provider is there.
    Answers(CredentialId),
}

/// What a task of the driver brought.
#[derive(Debug)]
enum Done {
    Attempt { wake_id: WakeId, number: u32, credential: CredentialId, tried: Tried, sent: Sent },
    Upkeep { credential: CredentialId, upkeep: Upkeep },
    Kept,
}

/// An attempt on the wire.
#[derive(Debug)]
struct OnTheWire {
    number: u32,
    credential: CredentialId,
    tried: Tried,
    task: AbortHandle,
}

pub(super) struct Driver {
    pub(super) shared: Arc<Shared>,
    pub(super) requests: mpsc::Receiver<GatewayInput>,
    pub(super) reports: mpsc::Sender<WakeReport>,
    pub(super) controls: mpsc::Receiver<Control>,
    machine: Delivery,
    tasks: JoinSet<Done>,
    on_the_wire: BTreeMap<WakeId, OnTheWire>,
    /// How push did, as it stands in the database.
    kept: BTreeMap<String, Record>,
}

impl Driver {
    pub(super) fn new(
        shared: Arc<Shared>,
        (requests, reports, controls): (
            mpsc::Receiver<GatewayInput>,
            mpsc::Sender<WakeReport>,
            mpsc::Receiver<Control>,
        ),
        kept: BTreeMap<String, Record>,
    ) -> Self {
        let mut machine = Delivery::new();
        for entry in shared.entries() {
            machine.set_slots(entry.id, slots(entry.details.kind()), shared.clock.now());
        }
        let (tasks, on_the_wire) = (JoinSet::new(), BTreeMap::new());
        Self { shared, requests, reports, controls, machine, tasks, on_the_wire, kept }
    }

    /// Runs until the core is gone and what was on the wire has ended.
    pub(super) async fn run(mut self) {
        let mut upkeep = tokio::time::interval(UPKEEP_EVERY);
        upkeep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut end: Option<Instant> = None;
        let mut controls_open = true;
        loop {
            if !self.carry_out().await {
                break;
            }
            if end.is_some() && self.machine.pending() == 0 {
                break;
            }
            let due = self.machine.poll_timeout().map(|at| self.shared.clock.instant(at));
            tokio::select! {
                input = self.requests.recv(), if end.is_none() => match input {
                    Some(input) => self.take(input),
                    None => end = Some(self.shared.clock.instant((self.now().after(GRACE)).mono)),
                },
                Some(done) = self.tasks.join_next() => if let Ok(done) = done { self.done(done) },
                control = self.controls.recv(), if controls_open => match control {
                    Some(control) => self.control(control),
                    None => controls_open = false,
                },
                _ = upkeep.tick(), if end.is_none() => {
                    self.upkeep_all();
                    self.keep_records();
                }
                () = sleep_until(due) => {
                    let now = self.now();
                    self.machine.handle_timeout(now);
                }
                () = sleep_until(end) => break,
            }
        }
        self.finish().await;
    }

    fn now(&self) -> Now {
        self.shared.clock.now()
    }

    fn take(&mut self, input: GatewayInput) {
        let now = self.now();
        let input = match input {
            GatewayInput::Wake(request) => {
                let route = self.shared.route(&request);
                Input::Wake { request, route }
            }
            GatewayInput::StopWakes(call) => Input::StopWakes(call),
        };
        self.machine.handle(input, now);
    }

    /// Carries out the machine's outputs; `false` when nobody listens to reports any more.
    async fn carry_out(&mut self) -> bool {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Report(report) => {
                    if self.reports.send(report).await.is_err() {
                        return false;
                    }
                }
                Output::Attempt(attempt) => self.start(attempt),
                Output::Abandon { wake_id, .. } => {
                    if let Some(on_the_wire) = self.on_the_wire.remove(&wake_id) {
                        on_the_wire.task.abort();
                        let why = "the provider did not answer in time".to_owned();
                        let at = self.now().wall;
                        self.note(on_the_wire.credential, &Outcome::Unreachable { why }, on_the_wire.tried, at);
                    }
                }
            }
        }
        self.show_load();
        true
    }

    fn start(&mut self, attempt: Attempt) {
        let (wake_id, number, credential) = (attempt.wake_id, attempt.number, attempt.credential);
        let Some(entry) = self.shared.entry(credential) else {
            // Removed between the choice and the attempt.
            return self.removed(credential);
        };
        let now = self.now();
        let tried = Tried { environment: attempt.environment, elsewhere: attempt.elsewhere };
        let task = self.tasks.spawn(async move {
            let sent = match &entry.line {
                Some(line) => line.attempt(attempt, now).await,
                None => Sent {
                    outcome: Outcome::Unreachable { why: "the push credential cannot be opened".to_owned() },
                    minted: None,
                },
            };
            Done::Attempt { wake_id, number, credential, tried, sent }
        });
        self.on_the_wire.insert(wake_id, OnTheWire { number, credential, tried, task });
    }

    fn done(&mut self, done: Done) {
        let now = self.now();
        match done {
            Done::Attempt { wake_id, number, credential, tried, sent } => {
                if self.on_the_wire.get(&wake_id).is_some_and(|it| it.number == number) {
                    self.on_the_wire.remove(&wake_id);
                }
                self.note(credential, &sent.outcome, tried, now.wall);
                self.keep(credential, sent.minted);
                self.machine.handle(Input::Ended { wake_id, attempt: number, outcome: sent.outcome }, now);
            }
            Done::Upkeep { credential, upkeep } => {
                self.keep(credential, upkeep.minted);
                let Some(entry) = self.shared.entry(credential) else { return };
                // A token is fetched or made for all environments alike.
                let tried = Tried { environment: Environment::Production, elsewhere: false };
                match upkeep.failure {
                    Some(failure) => entry.board().note_outcome(&failure, tried, now.wall),
                    None if upkeep.fetched => entry.board().note_success(now.wall),
                    None => {}
                }
                entry.log_alarms(now.wall);
            }
            Done::Kept => {}
        }
    }

    fn control(&mut self, control: Control) {
        match control {
            Control::Added(credential) => {
                if let Some(entry) = self.shared.entry(credential) {
                    let now = self.now();
                    self.machine.set_slots(credential, slots(entry.details.kind()), now);
                    self.upkeep(entry);
                }
            }
            Control::Removed(credential) => self.removed(credential),
            Control::Keep(credential, token) => self.keep(credential, Some(token)),
            Control::Answers(credential) => {
                let now = self.now();
                self.machine.handle(Input::Answers(credential), now);
            }
        }
    }

    /// Its wakes go on with another credential of the same app, if there is one.
    fn removed(&mut self, credential: CredentialId) {
        let pending = self.machine.wakes_of(credential);
        let routes = pending.into_iter().filter_map(|(id, wake)| Some((id, self.shared.route(&wake).ok()?))).collect();
        let now = self.now();
        self.machine.handle(Input::Removed { credential, routes }, now);
    }

    fn upkeep_all(&mut self) {
        for entry in self.shared.entries() {
            self.upkeep(entry);
        }
    }

    fn upkeep(&mut self, entry: Arc<Entry>) {
        let now = self.now();
        self.tasks.spawn(async move {
            let upkeep = match &entry.line {
                Some(line) => line.upkeep(now).await,
                None => Upkeep { minted: None, failure: None, fetched: false },
            };
            Done::Upkeep { credential: entry.id, upkeep }
        });
    }

    fn note(&self, credential: CredentialId, outcome: &Outcome, tried: Tried, at: UnixMillis) {
        let Some(entry) = self.shared.entry(credential) else { return };
        self.shared
            .attempts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(entry.details.kind())
            .or_default()
            .count(outcome, tried.elsewhere);
        // With Web Push each phone brings its own push service, whose troubles are no fault of our key.
        if entry.details.kind() == CredentialKind::WebPush && !outcome.is_about_the_key() {
            return;
        }
        let mut doubtful = {
            let mut board = entry.board();
            let before = board.state.as_str();
            board.note_attempt(outcome, tried, at);
            before != "working" || board.state.as_str() != before || !matches!(outcome, Outcome::Answered(_))
        };
        if let Outcome::Answered(Answer { date: Some(date), .. }) = outcome
            && measures_time(entry.details.kind())
        {
            let mut board = entry.board();
            let was_off = board.clock_skew.is_some_and(is_off);
            board.note_date(*date, at);
            doubtful |= was_off != board.clock_skew.is_some_and(is_off);
        }
        // A credential that goes on working is the usual case, at thousands of pushes in a second.
        if doubtful {
            entry.log_alarms(at);
        }
    }

    fn show_load(&mut self) {
        for credential in self.machine.take_changed() {
            let Some(entry) = self.shared.entry(credential) else { continue };
            let turned = entry.board().note_lanes(self.machine.status(credential));
            if turned {
                entry.log_alarms(self.now().wall);
            }
        }
    }

    /// Saves what changed of how push did, beside the calls.
    fn keep_records(&mut self) {
        let records = self.shared.records();
        let is_new = |(subject, record): &(&String, &Record)| self.kept.get(*subject) != Some(record);
        let changed: BTreeMap<_, _> =
            records.iter().filter(is_new).map(|(subject, record)| (subject.clone(), record.clone())).collect();
        if changed.is_empty() {
            return;
        }
        self.kept = records;
        let (store, now) = (self.shared.kept_store.clone(), self.now().wall);
        self.tasks.spawn(async move {
            if let Err(error) = store.save(&changed, now).await {
                tracing::warn!(%error, "how push did could not be kept; its numbers go back a minute if Nightbell restarts now");
            }
            Done::Kept
        });
    }

    /// Stores a new provider token beside the calls, not in their way.
    fn keep(&mut self, credential: CredentialId, token: Option<KeptToken>) {
        let Some(token) = token else { return };
        let store = self.shared.store.clone();
        self.tasks.spawn(async move {
            if let Err(error) = store.put_token(credential, &token).await {
                tracing::warn!(
                    %credential,
                    %error,
                    "the provider token could not be kept; Apple may refuse a new one if Nightbell restarts within 20 minutes"
                );
            }
            Done::Kept
        });
    }

    /// Lets provider tokens and records reach the database before the task ends.
    async fn finish(&mut self) {
        self.keep_records();
        for on_the_wire in std::mem::take(&mut self.on_the_wire).into_values() {
            on_the_wire.task.abort();
        }
        let all = async {
            while let Some(done) = self.tasks.join_next().await {
                match done {
                    Ok(Done::Attempt { credential, sent, .. }) => self.keep(credential, sent.minted),
                    Ok(Done::Upkeep { credential, upkeep }) => self.keep(credential, upkeep.minted),
                    Ok(Done::Kept) | Err(_) => {}
                }
            }
        };
        // A database that hangs must not keep the process alive.
        let _ = tokio::time::timeout(GRACE, all).await;
    }
}

/// Whether its clock is better than ours.
const fn measures_time(kind: CredentialKind) -> bool {
    match kind {
        CredentialKind::Apns | CredentialKind::Fcm | CredentialKind::Hms | CredentialKind::Acrobits => true,
        CredentialKind::Webhook | CredentialKind::WebPush => false,
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
