//! Wakes that go on with another credential: its provider fell silent, or it was removed.

use std::collections::BTreeMap;
use std::sync::Arc;

use pbx_core::model::{Now, WakeId, WakeRequest};

use super::super::circuit::PROBE_PAUSE_STOOD_IN;
use super::super::lane::LaneKey;
use super::super::wake::{State, Wake};
use super::super::{Output, Route};
use super::{Delivery, REMOVED};
use crate::credential::CredentialId;

impl Delivery {
    /// The provider of this credential was seen to answer.
    pub(super) fn answers(&mut self, credential: CredentialId) {
        for lane in self.lanes.of(credential) {
            if lane.service.is_none() {
                self.lanes.answered(&lane);
                self.touched.insert(lane);
            }
        }
    }

    /// The circuit of a lane has opened: whoever waits and has another credential goes on with that.
    pub(super) fn stand_in(&mut self, lane: &LaneKey, now: Now) {
        for wake_id in self.lanes.waiting_in(lane) {
            let Some(wake) = self.wakes.get(&wake_id) else { continue };
            if wake.second_lane().is_none_or(|second| self.lanes.is_open(&second)) {
                continue;
            }
            self.free_slot(wake_id);
            self.queue_again(wake_id, now);
        }
    }

    /// Chooses between the credential and the one that can stand in for it: the one whose provider answers.
    pub(super) fn prefer_what_answers(&self, wake: &mut Wake, now: Now) {
        let (lane, Some(second)) = (wake.lane(), wake.second_lane()) else { return };
        if !self.lanes.is_open(&lane) || self.lanes.is_open(&second) {
            return;
        }
        // Somebody has to find out now and then whether the first answers again.
        let probe = self.lanes.probe_at(&lane).is_some_and(|at| at + PROBE_PAUSE_STOOD_IN <= now.mono);
        if !probe {
            wake.swap_credentials();
        }
    }

    pub(super) fn removed(&mut self, credential: CredentialId, routes: &BTreeMap<WakeId, Route>, now: Now) {
        let gone: Vec<WakeId> =
            self.wakes.iter().filter(|(_, wake)| wake.credential == credential).map(|(id, _)| *id).collect();
        for wake_id in gone {
            let Some(wake) = self.wakes.get_mut(&wake_id) else { continue };
            let route = routes.get(&wake_id).cloned().filter(|route| route.credential != credential);
            match (wake.state, route) {
                // A provider goes on to take what was signed with the old key, and only one push may ring.
                (State::Sending { .. }, Some(route)) => wake.moved = Some(route),
                (State::Queued | State::WaitingToRetry { .. }, Some(route)) => self.move_on(wake_id, route, now),
                (State::Sending { .. }, None) => {
                    let attempt = wake.attempts;
                    self.outputs.push_back(Output::Abandon { wake_id, attempt });
                    self.give_up(wake_id, "no_credential", REMOVED.into(), now);
                }
                (State::Queued | State::WaitingToRetry { .. }, None) => {
                    self.give_up(wake_id, "no_credential", REMOVED.into(), now);
                }
            }
        }
        self.lanes.remove(credential);
    }

    /// The wakes that depend on a credential, for new routes before it is removed.
    pub fn wakes_of(&self, credential: CredentialId) -> Vec<(WakeId, Arc<WakeRequest>)> {
        let its = self.wakes.iter().filter(|(_, wake)| wake.credential == credential);
        its.map(|(wake_id, wake)| (*wake_id, Arc::clone(&wake.request))).collect()
    }

    /// Goes on with another credential.
    pub(super) fn move_on(&mut self, wake_id: WakeId, route: Route, now: Now) {
        self.free_slot(wake_id);
        if let Some(wake) = self.wakes.get_mut(&wake_id) {
            wake.take_route(route);
        }
        self.queue_again(wake_id, now);
    }
}
