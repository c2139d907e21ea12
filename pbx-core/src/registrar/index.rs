//! The ways to find devices other than by extension, and the counts of the dashboard.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{ConnectionId, DeviceId, ExtensionNumber, Moment};

use super::device::{Device, Indexed};

/// Kept in step with the records by [`Self::settle`], [`Self::add`] and [`Self::remove`] alone.
#[derive(Debug, Default)]
pub(super) struct Index {
    owners: BTreeMap<DeviceId, ExtensionNumber>,
    deadlines: BTreeSet<(Moment, DeviceId)>,
    connections: BTreeSet<(ConnectionId, DeviceId)>,
    tokens: BTreeSet<(u64, DeviceId)>,
    live: usize,
    armed: usize,
}

impl Index {
    /// Takes in a new device.
    pub(super) fn add(&mut self, device: DeviceId, owner: ExtensionNumber) {
        self.owners.insert(device, owner);
    }

    /// Lets go of a device.
    pub(super) fn remove(&mut self, device: &Device) {
        self.owners.remove(&device.id);
        self.replace(device.id, device.indexed, Indexed::default());
    }

    /// Brings everything up to date with what the device has become.
    pub(super) fn settle(&mut self, device: &mut Device, push_enabled: bool) {
        let after = device.index_entry(push_enabled);
        self.replace(device.id, device.indexed, after);
        device.indexed = after;
    }

    fn replace(&mut self, id: DeviceId, before: Indexed, after: Indexed) {
        if before == after {
            return;
        }
        if before.deadline != after.deadline {
            if let Some(at) = before.deadline {
                self.deadlines.remove(&(at, id));
            }
            if let Some(at) = after.deadline {
                self.deadlines.insert((at, id));
            }
        }
        if before.connections != after.connections {
            for connection in before.connections.into_iter().flatten() {
                self.connections.remove(&(connection, id));
            }
            for connection in after.connections.into_iter().flatten() {
                self.connections.insert((connection, id));
            }
        }
        if before.token != after.token {
            if let Some(token) = before.token {
                self.tokens.remove(&(token, id));
            }
            if let Some(token) = after.token {
                self.tokens.insert((token, id));
            }
        }
        self.live = self.live + usize::from(after.live) - usize::from(before.live);
        self.armed = self.armed + usize::from(after.armed) - usize::from(before.armed);
    }

    pub(super) fn owner(&self, device: DeviceId) -> Option<ExtensionNumber> {
        self.owners.get(&device).copied()
    }

    pub(super) fn devices_after(&self, after: Option<DeviceId>) -> impl Iterator<Item = DeviceId> {
        use std::ops::Bound::{Excluded, Unbounded};
        self.owners.range((after.map_or(Unbounded, Excluded), Unbounded)).map(|(device, _)| *device)
    }

    pub(super) fn on_connection(&self, connection: ConnectionId) -> Vec<DeviceId> {
        self.connections
            .range((connection, DeviceId(i64::MIN))..=(connection, DeviceId(i64::MAX)))
            .map(|(_, device)| *device)
            .collect()
    }

    /// The devices whose wake target has this number.
    pub(super) fn with_token(&self, token: u64) -> impl Iterator<Item = DeviceId> {
        self.tokens.range((token, DeviceId(i64::MIN))..=(token, DeviceId(i64::MAX))).map(|(_, device)| *device)
    }

    pub(super) fn is_connection_used(&self, connection: ConnectionId) -> bool {
        self.connections.range((connection, DeviceId(i64::MIN))..=(connection, DeviceId(i64::MAX))).next().is_some()
    }

    pub(super) fn next_deadline(&self) -> Option<Moment> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// The first device whose time is over.
    pub(super) fn due(&self, now: Moment) -> Option<DeviceId> {
        self.deadlines.first().filter(|(at, _)| *at <= now).map(|(_, device)| *device)
    }

    pub(super) fn devices(&self) -> usize {
        self.owners.len()
    }

    pub(super) fn live(&self) -> usize {
        self.live
    }

    pub(super) fn armed(&self) -> usize {
        self.armed
    }
}
