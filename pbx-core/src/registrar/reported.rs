//! Push tokens that an app reports outside of SIP, with the secret of its account (Acrobits: over HTTPS at each start).
//!
//! Such a report names an account and no device. It goes to the device of the account that has this token already, else to
//! the one of the account that was seen last and is not woken by somebody else. An app that reports before its first
//! REGISTER is waited for: the report is kept until a device of the account registers.
//!
//! When its user logs out, the app reports the same once more as gone.

use crate::model::{DeviceId, ExtensionNumber, Now, PushProvider, SipUsername};
use crate::switchboard::output::Change;

use super::device::{Device, KeyKind};
use super::event::RegistrarEvent;
use super::registration::OfferedTarget;
use super::{Books, Entry, Registrar, wake_target};

/// Reports that wait for a REGISTER; an app sends both within a second, so more than a few are apps that cannot register.
pub(super) const WAITING_REPORTS: usize = 256;

/// What an app says about waking it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushReport {
    /// This is how.
    Has(OfferedTarget),
    /// Its user logged out: no longer.
    Gone(OfferedTarget),
}

impl Registrar {
    /// Takes a report of an account that has proved its secret. The changes are to be saved; none when nothing is new or
    /// when the report waits for the device.
    pub fn report_push(
        &mut self,
        (extension, username): (ExtensionNumber, &SipUsername),
        report: PushReport,
        now: Now,
    ) -> Vec<Change> {
        match report {
            PushReport::Has(offered) => self.learn_reported(extension, username, offered, now),
            PushReport::Gone(offered) => self.forget_reported(extension, username, &offered),
        }
    }

    fn forget_reported(
        &mut self,
        extension: ExtensionNumber,
        username: &SipUsername,
        offered: &OfferedTarget,
    ) -> Vec<Change> {
        self.books.reported.remove(username);
        let Some(entry) = self.entries.get_mut(&extension) else { return Vec::new() };
        let mut changes = Vec::new();
        for device in lose_token(entry, None, offered) {
            self.books.settle_and_save(entry, device, &mut changes);
        }
        changes
    }

    fn learn_reported(
        &mut self,
        extension: ExtensionNumber,
        username: &SipUsername,
        offered: OfferedTarget,
        now: Now,
    ) -> Vec<Change> {
        let Some(entry) = self.entries.get_mut(&extension) else { return Vec::new() };
        let Some(device) = owner(entry, username, &offered) else {
            if self.books.reported.len() >= WAITING_REPORTS {
                self.books.reported.pop_first();
            }
            self.books.reported.insert(username.clone(), offered);
            return Vec::new();
        };
        let mut changes = Vec::new();
        for other in lose_token(entry, Some(device), &offered) {
            self.books.settle_and_save(entry, other, &mut changes);
        }
        let learned =
            entry.device_mut(device).is_some_and(|found| wake_target::learn(&mut found.target, &offered, now.wall));
        if learned {
            self.books.settle_and_save(entry, device, &mut changes);
        }
        changes
    }
}

impl Books {
    pub(super) fn settle_and_save(&mut self, entry: &mut Entry, device: DeviceId, changes: &mut Vec<Change>) {
        let (extension, push_enabled) = (entry.extension.number, entry.extension.may_be_woken());
        let Some(found) = entry.device_mut(device) else { return };
        self.index.settle(found, push_enabled);
        changes.push(Change::PutDevice(found.to_stored(extension)));
        self.events.push_back(RegistrarEvent::DeviceChanged { extension, device });
    }
}

/// The device a report is about.
fn owner(entry: &Entry, username: &SipUsername, offered: &OfferedTarget) -> Option<DeviceId> {
    let of_account = || entry.devices.iter().filter(|device| device.username == *username);
    let has_it = |device: &&Device| device.target.as_deref().is_some_and(|target| offered.is_token_of(target));
    let is_free = |device: &&Device| device.target.as_deref().is_none_or(|target| target.provider == offered.provider);
    let found = of_account().find(has_it).or_else(|| of_account().filter(is_free).max_by_key(|one| one.last_seen_at));
    found.map(|device| device.id)
}

/// A token belongs to one device of the extension; those that lose it, which are all without an
/// owner.
pub(super) fn lose_token(entry: &mut Entry, owner: Option<DeviceId>, offered: &OfferedTarget) -> Vec<DeviceId> {
    let mut lost = Vec::new();
    for other in entry.devices.iter_mut().filter(|other| Some(other.id) != owner) {
        if other.target.as_deref().is_some_and(|target| offered.is_token_of(target)) {
            other.target = None;
            lost.push(other.id);
        }
    }
    lost
}

/// Whether a device without an instance id, which comes back from another address, is this one: a sleeping app whose token
/// was reported, with the same account and program. A desk phone on the same account has another program.
pub(super) fn is_sleeping_app(device: &Device, username: &SipUsername, user_agent: &str) -> bool {
    let reported = device.target.as_deref().is_some_and(|target| is_reported(target.provider));
    reported
        && !device.is_live()
        && KeyKind::of(&device.key) == KeyKind::Contact
        && device.username == *username
        && !user_agent.is_empty()
        && *device.user_agent == *user_agent
}

/// Whether tokens of this provider come outside of SIP, so that a REGISTER without one says nothing about them.
pub(super) const fn is_reported(provider: PushProvider) -> bool {
    match provider {
        PushProvider::Acrobits => true,
        PushProvider::Apns | PushProvider::Fcm | PushProvider::WebPush | PushProvider::Hms => false,
    }
}
