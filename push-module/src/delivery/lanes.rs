//! All bulkheads: which there are, and what each credential's page shows of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pbx_core::model::{Environment, Moment, WakeId};

use super::circuit::Circuit;
use super::lane::{Lane, LaneKey, Next, SENDING, Seat};
use crate::credential::CredentialId;

/// Bulkheads that are remembered because their providers do not answer; phones may name push services without end. Beyond it
/// those that nobody waits for are forgotten.
pub const LANES: usize = 512;

/// What can be seen of a credential's bulkheads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LaneStatus {
    /// Wakes that wait for a slot or for the provider.
    pub waiting: usize,
    /// Attempts on the wire.
    pub sending: usize,
    /// The worst of its circuits, those of single push services aside.
    pub circuit: Circuit,
    /// Attempts in a row without an answer, of that circuit.
    pub unanswered: u32,
    /// Web Push: the services whose circuit is not closed.
    pub silent_services: Vec<SilentService>,
}

/// A push service that does not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SilentService {
    /// Host and port.
    pub service: Arc<str>,
    /// Its circuit.
    pub circuit: Circuit,
    /// Attempts in a row without an answer.
    pub unanswered: u32,
}

#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: BTreeMap<LaneKey, Lane>,
    /// Those whose circuit is not closed.
    open: BTreeSet<LaneKey>,
    slots: BTreeMap<CredentialId, usize>,
    changed: BTreeSet<CredentialId>,
}

impl Lanes {
    pub(super) fn set_slots(&mut self, credential: CredentialId, slots: usize) {
        let slots = slots.max(1);
        self.slots.insert(credential, slots);
        for key in self.of(credential) {
            if let Some(lane) = self.lanes.get_mut(&key) {
                lane.set_slots(slots);
            }
        }
    }

    fn lane(&mut self, key: &LaneKey) -> &mut Lane {
        self.changed.insert(key.credential);
        if !self.lanes.contains_key(key) {
            if self.lanes.len() >= LANES {
                self.lanes.retain(|_, lane| !lane.is_idle());
                self.open.retain(|key| self.lanes.contains_key(key));
            }
            let slots = self.slots.get(&key.credential).copied().unwrap_or(SENDING);
            self.lanes.insert(key.clone(), Lane::new(slots));
        }
        self.lanes.entry(key.clone()).or_insert_with(|| Lane::new(SENDING))
    }

    /// Adds a wake, or says that the lane is full.
    pub(super) fn join(&mut self, key: &LaneKey, wake: WakeId, seat: Seat) -> bool {
        self.lane(key).join(wake, seat)
    }

    pub(super) fn rejoin(&mut self, key: &LaneKey, wake: WakeId, seat: Seat) {
        self.lane(key).rejoin(wake, seat);
    }

    pub(super) fn hurry(&mut self, key: &LaneKey, wake: WakeId, seat: Seat) {
        self.lane(key).hurry(wake, seat);
    }

    pub(super) fn leave(&mut self, key: &LaneKey, wake: WakeId, seat: Seat) {
        if let Some(lane) = self.lanes.get_mut(key) {
            lane.leave(wake, seat);
            self.settle(key);
        }
    }

    pub(super) fn release(&mut self, key: &LaneKey, seat: Seat) {
        if let Some(lane) = self.lanes.get_mut(key) {
            lane.release(seat);
            self.settle(key);
        }
    }

    pub(super) fn next(&mut self, key: &LaneKey, now: Moment) -> Option<Next> {
        let next = self.lanes.get_mut(key)?.next(now)?;
        self.changed.insert(key.credential);
        Some(next)
    }

    fn settle(&mut self, key: &LaneKey) {
        self.changed.insert(key.credential);
        if self.lanes.get(key).is_some_and(Lane::is_forgettable) {
            self.lanes.remove(key);
        }
    }

    pub(super) fn answered(&mut self, key: &LaneKey) {
        if let Some(lane) = self.lanes.get_mut(key) {
            lane.breaker.answered();
            self.open.remove(key);
            self.settle(key);
        }
    }

    pub(super) fn unanswered(&mut self, key: &LaneKey, wake: WakeId, now: Moment) {
        if let Some(lane) = self.lanes.get_mut(key) {
            lane.breaker.unanswered_by(wake, now);
            self.changed.insert(key.credential);
            if !lane.breaker.is_closed() {
                self.open.insert(key.clone());
            }
        }
    }

    pub(super) fn unasked(&mut self, key: &LaneKey, wake: WakeId, now: Moment) {
        if let Some(lane) = self.lanes.get_mut(key) {
            lane.breaker.unasked_by(wake, now);
        }
    }

    pub(super) fn is_open(&self, key: &LaneKey) -> bool {
        self.open.contains(key)
    }

    /// When a probe of this lane may start, if it is open and none is under way.
    pub(super) fn probe_at(&self, key: &LaneKey) -> Option<Moment> {
        self.lanes.get(key)?.breaker.probe_at()
    }

    pub(super) fn unanswered_of(&self, key: &LaneKey) -> u32 {
        self.lanes.get(key).map_or(0, |lane| lane.breaker.unanswered())
    }

    pub(super) fn waiting_in(&self, key: &LaneKey) -> Vec<WakeId> {
        self.lanes.get(key).map(Lane::all_waiting).unwrap_or_default()
    }

    /// When the next probe is due that somebody waits for.
    pub(super) fn next_probe(&self) -> Option<Moment> {
        let lanes = self.open.iter().filter_map(|key| self.lanes.get(key));
        lanes.filter(|lane| lane.waiting() > 0).filter_map(|lane| lane.breaker.probe_at()).min()
    }

    /// The open lanes whose next probe is due.
    pub(super) fn due(&self, now: Moment) -> Vec<LaneKey> {
        let is_due = |key: &&LaneKey| self.probe_at(key).is_some_and(|at| at <= now);
        self.open.iter().filter(is_due).cloned().collect()
    }

    /// A probe that was due and found no place on the wire is due again a little later.
    pub(super) fn postpone_probe(&mut self, key: &LaneKey, now: Moment) {
        if let Some(lane) = self.lanes.get_mut(key).filter(|lane| lane.waiting() > 0) {
            lane.breaker.postpone(now);
        }
    }

    pub(super) fn of(&self, credential: CredentialId) -> Vec<LaneKey> {
        self.range(credential).map(|(key, _)| key.clone()).collect()
    }

    fn range(&self, credential: CredentialId) -> impl Iterator<Item = (&LaneKey, &Lane)> {
        let first = LaneKey { credential, environment: Environment::Production, service: None };
        self.lanes.range(first..).take_while(move |(key, _)| key.credential == credential)
    }

    pub(super) fn remove(&mut self, credential: CredentialId) {
        for key in self.of(credential) {
            self.lanes.remove(&key);
            self.open.remove(&key);
        }
        self.slots.remove(&credential);
        self.changed.remove(&credential);
    }

    pub(super) fn status(&self, credential: CredentialId) -> LaneStatus {
        let mut status = LaneStatus::default();
        for (key, lane) in self.range(credential) {
            status.waiting += lane.waiting();
            status.sending += lane.sending();
            let (circuit, unanswered) = (lane.breaker.circuit(), lane.breaker.unanswered());
            match &key.service {
                Some(service) if circuit != Circuit::Closed => {
                    let service = Arc::clone(service);
                    status.silent_services.push(SilentService { service, circuit, unanswered });
                }
                Some(_) => {}
                None => {
                    status.circuit = status.circuit.max(circuit);
                    status.unanswered = status.unanswered.max(unanswered);
                }
            }
        }
        status
    }

    pub(super) fn take_changed(&mut self) -> BTreeSet<CredentialId> {
        std::mem::take(&mut self.changed)
    }
}
