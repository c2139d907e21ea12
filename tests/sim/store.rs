//! What is durable: changes applied in order, late, or not at all; and what a new start finds.
//!
//! The same promises as the product's writer: a job is kept whole or not at all, jobs are kept in order, a park journal
//! entry alone in its job waits for nobody.

use std::collections::BTreeMap;
use std::time::Duration;

use pbx_core::model::{CallId, DeviceId, Redacted, Settings};
use pbx_core::switchboard::output::{Change, ParkedCall, Restored, RingingPhone, SaveJob, StoredBinding, StoredDevice};

/// A journal entry is one append.
pub(crate) const JOURNAL: Duration = Duration::from_millis(1);

/// What survives the process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    restored: Restored,
    devices: BTreeMap<DeviceId, StoredDevice>,
    bindings: BTreeMap<DeviceId, StoredBinding>,
    parked: BTreeMap<CallId, ParkedCall>,
    ringing: Vec<RingingPhone>,
}

impl Disk {
    /// A disk with extensions and accounts.
    pub(crate) fn new(restored: Restored) -> Self {
        Self { restored, ..Self::default() }
    }

    /// Whether a job waits for no commit.
    pub(crate) fn is_journal(job: &SaveJob) -> bool {
        matches!(job.changes.as_slice(), [Change::PutParked(_) | Change::PutRinging(_) | Change::DeleteParked(_)])
    }

    pub(crate) fn keep(&mut self, job: SaveJob) {
        for change in job.changes {
            self.apply(change);
        }
    }

    fn apply(&mut self, change: Change) {
        let disk = &mut self.restored;
        match change {
            Change::PutExtension(extension) => {
                disk.extensions.retain(|one| one.number != extension.number);
                disk.extensions.push(extension);
            }
            Change::DeleteExtension(number) => {
                disk.extensions.retain(|one| one.number != number);
                disk.credentials.retain(|one| one.extension != number);
                self.devices.retain(|_, device| device.extension != number);
                let devices = &self.devices;
                self.bindings.retain(|device, _| devices.contains_key(device));
            }
            Change::PutCredential(credential) => {
                disk.credentials.retain(|one| one.username != credential.username);
                disk.credentials.push(credential);
            }
            Change::DeleteCredential(username) => disk.credentials.retain(|one| one.username != username),
            Change::PutDevice(device) => {
                disk.last_device = disk.last_device.max(device.id.0);
                self.devices.insert(device.id, device);
            }
            Change::PutLastWake { device, last_wake } => {
                if let Some(device) = self.devices.get_mut(&device) {
                    device.last_wake = Some(last_wake);
                }
            }
            Change::DeleteDevice(device) => {
                self.devices.remove(&device);
                self.bindings.remove(&device);
            }
            Change::PutUdpBinding(binding) => {
                if self.devices.contains_key(&binding.device) {
                    self.bindings.insert(binding.device, binding);
                }
            }
            Change::DeleteUdpBinding(device) => drop(self.bindings.remove(&device)),
            Change::PutCall(record) => disk.last_call = disk.last_call.max(record.id.0),
            Change::AppendTimeline(_) => {}
            Change::PutParked(parked) => drop(self.parked.insert(parked.call, parked)),
            Change::PutRinging(phone) => self.ringing.push(phone),
            Change::DeleteParked(call) => {
                self.parked.remove(&call);
                self.ringing.retain(|phone| phone.call != call);
            }
            Change::PutSettings(settings) => disk.settings = settings,
            Change::PutBlock(block) => {
                disk.blocks.retain(|one| (one.network, &one.account) != (block.network, &block.account));
                disk.blocks.push(block);
            }
            Change::DeleteBlock { network, account } => {
                disk.blocks.retain(|one| (one.network, &one.account) != (network, &account));
            }
            Change::PutKnownNetwork { network, at } => {
                disk.known_networks.retain(|(one, _)| *one != network);
                disk.known_networks.push((network, at));
            }
            Change::DeleteKnownNetwork(network) => disk.known_networks.retain(|(one, _)| *one != network),
        }
    }

    /// Calls that were parked when the process ended.
    pub(crate) fn parked(&self) -> impl Iterator<Item = &ParkedCall> {
        self.parked.values()
    }

    pub(crate) fn settings(&self) -> Settings {
        self.restored.settings.clone()
    }

    /// Whether a device with this call token is on disk.
    pub(crate) fn knows_token(&self, token: &str) -> bool {
        self.devices.values().any(|device| {
            let known = device.wake_target.as_ref().and_then(|target| target.call_token.as_ref());
            known.is_some_and(|known: &Redacted<String>| known.reveal() == token)
        })
    }

    /// What a new start finds.
    pub(crate) fn restored(&self) -> Restored {
        let mut restored = self.restored.clone();
        restored.devices = self.devices.values().cloned().collect();
        restored.udp_bindings = self.bindings.values().cloned().collect();
        restored.parked = self.parked.values().cloned().collect();
        restored.ringing.clone_from(&self.ringing);
        restored
    }
}
