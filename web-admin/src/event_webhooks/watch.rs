//! Where events come from: the switchboard's notices say what to look at, the call log and the switchboard say what happened.
//!
//! A notice comes before its line of the call log is durable (changes are gathered for 50 ms), so a look waits a little; what
//! is missed by that is found by the next look, because a call is looked at until its end was told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pbx_core::model::{CallId, DeviceId, DeviceSummary, ExtensionNumber, TimelineStep, UnixMillis};
use pbx_core::store::{StoreError, call_log};
use pbx_core::switchboard::command::{Command, CommandError, Reply};
use pbx_core::switchboard::output::Notice;
use push_module::Alarm;
use tokio::sync::broadcast;
use tokio::time::Instant;

use super::Receiver;
use super::event::{Event, EventKind, Known, of_alarm, of_device, of_step};
use super::store::{self, News};
use crate::api::devices;
use crate::clock;
use crate::state::AdminState;

/// Longer than changes are gathered for before they are saved, and than a busy database takes.
const SETTLE: Duration = Duration::from_millis(150);
/// Calls that live are looked at, and alarms compared, without a notice so often.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long a call is remembered after its end, because a line may follow late.
const FORGET: Duration = Duration::from_secs(3600);
/// How long after its end a call's last line is waited for.
const LINES_FOLLOW: Duration = Duration::from_secs(10);
/// Phones that are remembered; far more than an office has.
const DEVICES: usize = 100_000;
/// Devices asked for at once.
const PAGE: usize = 500;

/// What is to be looked at, and what was known.
#[derive(Debug, Default)]
struct Watch {
    calls: BTreeSet<i64>,
    extensions: BTreeSet<ExtensionNumber>,
    /// Notices were lost: look at everything.
    everything: bool,
    devices: BTreeMap<DeviceId, Known>,
    alarms: BTreeMap<(i64, &'static str), Alarm>,
}

/// Makes events of what happens; returns when the switchboard is gone.
pub(super) async fn run(state: AdminState) {
    let mut notices = state.switchboard.notices();
    let mut changed = state.event_webhooks.changed.subscribe();
    let mut watch = Watch { everything: true, ..Watch::default() };
    watch.alarms = alarms(&state);
    let mut receivers = load(&state, &mut watch, &[]).await;
    let mut due = Instant::now();
    loop {
        tokio::select! {
            notice = notices.recv() => match notice {
                Ok(notice) => {
                    if receivers.is_empty() || !watch.note(notice) {
                        continue;
                    }
                    due = due.min(Instant::now() + SETTLE);
                }
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    watch.everything = true;
                    due = due.min(Instant::now() + SETTLE);
                }
                Err(broadcast::error::RecvError::Closed) => return,
            },
            // The sender is part of the state, so it is there.
            _ = changed.changed() => receivers = load(&state, &mut watch, &receivers).await,
            () = tokio::time::sleep_until(due) => {
                due = Instant::now() + LOOK_EVERY;
                if receivers.iter().any(|receiver| receiver.enabled)
                    && let Err(error) = watch.look(&state, &receivers).await
                {
                    tracing::warn!(%error, "what happened cannot be told to event webhooks yet; it is tried again");
                }
            }
        }
    }
}

/// The receivers; whoever is first to ask for phones begins with how they are now.
async fn load(state: &AdminState, watch: &mut Watch, before: &[Receiver]) -> Vec<Receiver> {
    let about_devices = |receivers: &[Receiver]| {
        receivers.iter().any(|it| it.enabled && it.events.iter().any(|kind| kind.is_about_devices()))
    };
    match store::list(&state.store).await {
        Ok(receivers) => {
            if about_devices(&receivers) && !about_devices(before) {
                watch.devices = all_devices(state).await.iter().map(|it| (it.id, Known::of(it))).collect();
            }
            receivers
        }
        Err(error) => {
            tracing::warn!(%error, "the event webhooks cannot be read");
            before.to_vec()
        }
    }
}

async fn all_devices(state: &AdminState) -> Vec<DeviceSummary> {
    let mut found: Vec<DeviceSummary> = Vec::new();
    loop {
        let page = devices::page(state, found.last().map(|device| device.id), PAGE).await.unwrap_or_default();
        let last = page.len() < PAGE;
        found.extend(page);
        if last || found.len() >= DEVICES {
            return found;
        }
    }
}

fn alarms(state: &AdminState) -> BTreeMap<(i64, &'static str), Alarm> {
    let all = state.push.health().into_iter().flat_map(|health| health.alarms);
    all.map(|alarm| ((alarm.credential.0, alarm.code.as_str()), alarm)).collect()
}

impl Watch {
    /// Whether there is something to look at.
    fn note(&mut self, notice: Notice) -> bool {
        match notice {
            Notice::Call(call) => self.calls.insert(call.0),
            Notice::Extension(number) => self.extensions.insert(number),
            Notice::Settings => false,
        }
    }

    async fn look(&mut self, state: &AdminState, receivers: &[Receiver]) -> Result<(), StoreError> {
        let now = clock::now();
        let mut news = News::default();
        self.look_at_calls(state, (&mut news, now)).await?;
        let wants = |wanted: fn(EventKind) -> bool| {
            receivers.iter().any(|it| it.enabled && it.events.iter().any(|kind| wanted(*kind)))
        };
        let mut devices = self.devices.clone();
        let looked = if wants(EventKind::is_about_devices) {
            self.look_at_devices(state, &mut devices, (&mut news, now)).await
        } else {
            true
        };
        let alarms = alarms(state);
        self.compare_alarms(&alarms, (&mut news, now));
        if !news.events.is_empty() || !news.calls.is_empty() {
            for receiver in store::enqueue(&state.store, receivers, &news, now).await? {
                // A sender that is not there yet looks by itself.
                let _ = state.event_webhooks.filled.send(receiver);
            }
        }
        (self.devices, self.alarms) = (devices, alarms);
        self.calls.clear();
        if looked {
            self.extensions.clear();
            self.everything = false;
        }
        Ok(())
    }

    /// Calls with lines that were not told, those that were named, and those that are behind the newest.
    async fn look_at_calls(&self, state: &AdminState, (news, now): (&mut News, UnixMillis)) -> Result<(), StoreError> {
        let seen = store::seen_calls(&state.store).await?;
        let newest = seen.keys().next_back().copied().unwrap_or_default();
        let mut looks: BTreeMap<i64, (i64, bool)> = BTreeMap::new();
        for (call, it) in &seen {
            if it.lines > it.seq || (!it.ended && it.over_at.is_some()) {
                looks.insert(*call, (it.seq, it.ended));
            } else if it.ended && *call != newest && it.over_at.is_none_or(|at| now.since(at) >= FORGET) {
                news.calls.insert(*call, None);
            }
        }
        let unseen = store::calls_behind(&state.store, newest).await?;
        let named = self.calls.iter().copied().filter(|call| !seen.contains_key(call));
        looks.extend(unseen.into_iter().chain(named).map(|call| (call, (0, false))));
        for (call, (told, ended)) in looks {
            let Some(record) = call_log::one(&state.store, CallId(call)).await? else { continue };
            let over_for = record.ended_at.map(|at| now.since(at));
            if !seen.contains_key(&call) && call < newest && over_for.is_some_and(|span| span >= FORGET) {
                // It was told to its end and forgotten.
                continue;
            }
            let (mut reached, mut over) = (told, ended);
            for (seq, at, step, device, detail) in store::steps_behind(&state.store, call, told).await? {
                reached = seq;
                let Some(step) = TimelineStep::from_code(&step) else { continue };
                over |= step == TimelineStep::Ended;
                let device = device.map(DeviceId);
                news.events.extend(of_step(&record, (seq, step), device, (&detail, UnixMillis(at))));
            }
            if let Some(at) = record.ended_at.filter(|at| !over && now.since(*at) >= LINES_FOLLOW) {
                // A call that a crash has cut has an end, but no line that says so.
                over = true;
                news.events.extend(of_step(&record, (reached + 1, TimelineStep::Ended), None, ("", at)));
            }
            if (reached, over) != (told, ended) || !seen.contains_key(&call) {
                news.calls.insert(call, Some((reached, over)));
            }
        }
        Ok(())
    }

    /// Whether the switchboard could be asked.
    async fn look_at_devices(
        &self,
        state: &AdminState,
        known: &mut BTreeMap<DeviceId, Known>,
        (news, now): (&mut News, UnixMillis),
    ) -> bool {
        let mut found = if self.everything { all_devices(state).await } else { Vec::new() };
        for number in self.extensions.iter().filter(|_| !self.everything) {
            match state.switchboard.ask(Command::ShowExtension(*number)).await {
                Ok(Reply::Extension(detail)) => found.extend(detail.device_list),
                Err(CommandError::Busy | CommandError::Stopping) => return false,
                Ok(_) | Err(_) => {}
            }
        }
        for device in found {
            let before = known.get(&device.id).copied();
            let id = event_id(&format!("device-{}", device.id.0), now);
            news.events.extend(of_device(before, &device, &id, now));
            if known.len() < DEVICES || before.is_some() {
                known.insert(device.id, Known::of(&device));
            }
        }
        true
    }

    fn compare_alarms(&self, current: &BTreeMap<(i64, &'static str), Alarm>, (news, now): (&mut News, UnixMillis)) {
        let of = |alarm: &Alarm, raised: bool| -> Event {
            let word = if raised { "raised" } else { "over" };
            of_alarm(alarm, raised, &event_id(&format!("alarm-{}-{word}", alarm.credential.0), now), now)
        };
        let raised = current.iter().filter(|(key, _)| !self.alarms.contains_key(*key));
        news.events.extend(raised.map(|(_, alarm)| of(alarm, true)));
        let over = self.alarms.iter().filter(|(key, _)| !current.contains_key(*key));
        news.events.extend(over.map(|(_, alarm)| of(alarm, false)));
    }
}

fn event_id(subject: &str, at: UnixMillis) -> String {
    format!("{subject}-{}", at.0)
}
