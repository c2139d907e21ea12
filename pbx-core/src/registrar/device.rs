//! One device with its two records, and how it looks from outside.

use std::sync::Arc;

use crate::model::{
    ConnectionId, DeviceId, DeviceKey, DeviceSummary, ExtensionNumber, Flow, LastWake, Moment, Now, Presence,
    PushPolicy, SipUsername, SwitchedOffBy, TargetHealth, Transport, UnixMillis, WakeState, WakeTarget,
};
use crate::switchboard::output::{StoredBinding, StoredDevice};

use super::live_binding::{GoneReason, LiveBinding};
use super::{Entry, wake_target};

/// Flows a device keeps besides the newest: RFC 5626 section 4.2 speaks of two in all; a third covers a change of network.
pub(super) const MAX_SPARES: usize = 2;

/// A device as the registrar keeps it: 0.7 KiB for a registered desk phone, 1.6 KiB for a registered Linphone, whose Contact
/// alone has half a KiB; indexes included.
#[derive(Debug, Clone)]
pub(super) struct Device {
    pub(super) id: DeviceId,
    pub(super) key: DeviceKey,
    pub(super) username: SipUsername,
    pub(super) user_agent: Box<str>,
    pub(super) first_seen_at: UnixMillis,
    pub(super) last_seen_at: UnixMillis,
    /// The newest flow of the device, or how its last one ended.
    pub(super) binding: Option<Box<LiveBinding>>,
    /// Its other flows (RFC 5626), all live, the newest last; they take over when `binding` ends by itself.
    pub(super) spares: Vec<LiveBinding>,
    pub(super) target: Option<Arc<WakeTarget>>,
    pub(super) last_wake: Option<Box<LastWake>>,
    pub(super) policy: PushPolicy,
    /// When the registration ends that a wake target under `rfc8599` depends on, whatever becomes of its flow.
    pub(super) registered_until: Option<(Moment, UnixMillis)>,
    /// The `registered_until` on disk.
    pub(super) stored_registration: Option<UnixMillis>,
    /// When the device is to be pushed so that it renews its registration.
    pub(super) refresh_at: Option<Moment>,
    /// The UDP live binding is on disk with this end.
    pub(super) stored_until: Option<UnixMillis>,
    /// The version of this record that is not yet known to be durable; 0 when all is.
    pub(super) unsaved: u32,
    pub(super) indexed: Indexed,
}

/// What the registrar's indexes hold about a device, so that one function can bring them up to date.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Indexed {
    pub(super) deadline: Option<Moment>,
    pub(super) connections: [Option<ConnectionId>; 1 + MAX_SPARES],
    pub(super) live: bool,
    pub(super) armed: bool,
    /// See [`wake_target::token_number`].
    pub(super) token: Option<u64>,
}

/// How well a key tells devices apart: an instance id is better than a token, a token better than an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum KeyKind {
    Contact,
    Token,
    Instance,
}

impl KeyKind {
    pub(super) fn of(key: &DeviceKey) -> Self {
        match key.as_str().as_bytes() {
            [b'i', b':', ..] => Self::Instance,
            [b'p', b':', ..] => Self::Token,
            _ => Self::Contact,
        }
    }
}

impl Device {
    pub(super) fn from_stored(stored: StoredDevice, now: Now) -> Self {
        let registered_until = stored.registered_until.map(|until| (now.mono + until.since(now.wall), until));
        Self {
            id: stored.id,
            key: stored.key,
            username: stored.username,
            user_agent: stored.user_agent.into(),
            first_seen_at: stored.first_seen_at,
            last_seen_at: stored.last_seen_at,
            binding: None,
            spares: Vec::new(),
            target: stored.wake_target.map(Arc::new),
            last_wake: stored.last_wake.map(Box::new),
            policy: stored.push_policy,
            registered_until: registered_until.or(Some((now.mono, now.wall))),
            stored_registration: stored.registered_until,
            refresh_at: None,
            stored_until: None,
            unsaved: 0,
            indexed: Indexed::default(),
        }
    }

    pub(super) fn to_stored(&self, extension: ExtensionNumber) -> StoredDevice {
        StoredDevice {
            id: self.id,
            extension,
            key: self.key.clone(),
            username: self.username.clone(),
            user_agent: self.user_agent.to_string(),
            first_seen_at: self.first_seen_at,
            last_seen_at: self.last_seen_at,
            wake_target: self.target.as_deref().cloned(),
            last_wake: self.last_wake.as_deref().cloned(),
            push_policy: self.policy,
            registered_until: match self.policy {
                PushPolicy::App => None,
                PushPolicy::Rfc8599 => self.registered_until.map(|(_, until)| until),
            },
        }
    }

    /// The live binding as it is stored; `None` unless it lives and is on UDP.
    pub(super) fn to_stored_binding(&self) -> Option<StoredBinding> {
        let binding = self.live().filter(|binding| binding.flow.transport == Transport::Udp)?;
        Some(StoredBinding {
            device: self.id,
            contact: binding.request_uri(),
            remote: binding.flow.remote,
            local: binding.flow.local,
            path: binding.path.iter().map(ToString::to_string).collect(),
            call_id: binding.call_id.to_string(),
            cseq: binding.cseq,
            since: binding.since,
            expires_at: binding.expires_at,
        })
    }

    /// Whether it is the device with this instance id.
    pub(super) fn is_instance(&self, instance: Option<&str>) -> bool {
        let known = self.key.as_str().strip_prefix("i:");
        known.zip(instance).is_some_and(|(known, instance)| known.eq_ignore_ascii_case(instance))
    }

    pub(super) fn live(&self) -> Option<&LiveBinding> {
        self.binding.as_deref().filter(|binding| binding.is_live())
    }

    pub(super) fn is_live(&self) -> bool {
        self.live().is_some()
    }

    /// The binding that a REGISTER with this `reg-id` is about: flows of one device are told apart by it (RFC 5626 section 6).
    pub(super) fn binding_of(&self, reg_id: Option<u32>) -> Option<&LiveBinding> {
        let newest = self.binding.as_deref()?;
        if reg_id.is_none() || newest.reg_id.is_none() || newest.reg_id == reg_id || !newest.is_live() {
            return Some(newest);
        }
        self.spares.iter().find(|spare| spare.reg_id == reg_id)
    }

    /// Every flow it can be reached on, the preferred one first.
    pub(super) fn live_flows(&self) -> impl Iterator<Item = Flow> {
        self.live().into_iter().chain(self.spares.iter().rev()).map(|binding| binding.flow)
    }

    /// Lets the newest spare flow take the place of the one that ended. False when there is none.
    pub(super) fn promote_spare(&mut self) -> bool {
        let Some(spare) = self.spares.pop() else { return false };
        self.binding = Some(Box::new(spare));
        true
    }

    /// The wake target depends on a registration that is over.
    pub(super) fn registration_is_over(&self) -> bool {
        let cut_off = self.binding.as_ref().is_none_or(|binding| binding.is_cut_off());
        self.policy == PushPolicy::Rfc8599 && !self.is_live() && !cut_off
    }

    /// Its phones were switched off while it had a live binding, which may be taken up again.
    pub(super) fn is_suspended(&self) -> bool {
        self.binding.as_deref().and_then(LiveBinding::gone).is_some_and(|(why, _)| why == GoneReason::PhonesOff)
    }

    /// A call can reach it: it has a live binding, or it can be woken.
    pub(super) fn is_callable(&self, may_be_woken: bool) -> bool {
        let usable = |target: &WakeTarget| wake_target::is_usable(target, may_be_woken);
        self.is_live() || self.target.as_deref().is_some_and(usable)
    }

    /// In which order calls go to the devices of an extension: those with a live binding first, then the one seen last.
    pub(super) fn turn(&self) -> impl Ord + use<> {
        (!self.is_live(), std::cmp::Reverse(self.last_seen_at), self.id)
    }

    /// Once it has no live binding, nothing is lost with it.
    pub(super) fn is_known_by_address_only(&self) -> bool {
        self.target.is_none() && KeyKind::of(&self.key) == KeyKind::Contact
    }

    /// It is known by its address only, and cannot be reached there, not even once its phones are on again.
    pub(super) fn is_forgettable(&self) -> bool {
        !self.is_live() && !self.is_suspended() && self.is_known_by_address_only()
    }

    /// It may make room for another device, provided that it has no live binding. What an admin switched off stays,
    /// because it would come back switched on.
    pub(super) fn is_expendable(&self) -> bool {
        let Some(target) = &self.target else { return true };
        match (&target.health, target.switched_off) {
            (_, Some(SwitchedOffBy::Admin)) => false,
            (_, Some(SwitchedOffBy::Device | SwitchedOffBy::Extension | SwitchedOffBy::RegistrationEnd))
            | (TargetHealth::Revoked { .. } | TargetHealth::Moved { .. }, None) => true,
            (TargetHealth::Good | TargetHealth::Suspect { .. }, None) => false,
        }
    }

    /// What the indexes should hold about it.
    pub(super) fn index_entry(&self, push_enabled: bool) -> Indexed {
        let live = self.live();
        let target = self.target.as_deref();
        let newest = self.binding.as_deref().filter(|binding| binding.is_live() || binding.is_doubted());
        let mut connections = [None; 1 + MAX_SPARES];
        let on_streams = newest.into_iter().chain(&self.spares).filter(|one| one.flow.transport.is_reliable());
        for (slot, binding) in connections.iter_mut().zip(on_streams) {
            *slot = Some(binding.flow.connection);
        }
        // Under `rfc8599` the end of a registration is an event even when its flow is dead.
        let registration = self
            .registered_until
            .filter(|_| self.policy == PushPolicy::Rfc8599 && live.is_none())
            .filter(|_| target.is_some_and(|target| target.switched_off.is_none()))
            .map(|(until, _)| until);
        let expires = live.into_iter().chain(&self.spares).map(|binding| binding.expires);
        Indexed {
            deadline: expires.chain(registration).chain(self.refresh_at).min(),
            connections,
            live: live.is_some(),
            armed: target
                .is_some_and(|target| wake_target::state(target, live.is_some(), push_enabled) == WakeState::Armed),
            token: target.and_then(wake_target::token_number),
        }
    }
}

/// Why no phone of an extension can be reached that an admin has switched off, and what helps.
pub(crate) fn switched_off_in_words(number: ExtensionNumber) -> String {
    format!(
        "The phones of extension {number} were switched off by the admin; they keep their settings until they are switched on again."
    )
}

/// A device as the switchboard sees it.
#[derive(Debug, Clone, Copy)]
pub struct DeviceView<'a> {
    pub(super) device: &'a Device,
    pub(super) entry: &'a Entry,
    /// Devices of the extension that may be reached at once.
    pub(super) limit: usize,
}

impl<'a> DeviceView<'a> {
    /// The device.
    pub fn id(&self) -> DeviceId {
        self.device.id
    }

    /// Whose device it is.
    pub fn extension(&self) -> ExtensionNumber {
        self.entry.extension.number
    }

    /// What it is known by.
    pub fn key(&self) -> &'a DeviceKey {
        &self.device.key
    }

    /// The account it registered with last.
    pub fn username(&self) -> &'a SipUsername {
        &self.device.username
    }

    /// The last User-Agent seen; may be empty.
    pub fn user_agent(&self) -> &'a str {
        &self.device.user_agent
    }

    /// Record 1 while it lives.
    pub fn live_binding(&self) -> Option<&'a LiveBinding> {
        self.device.live()
    }

    /// Record 1, also when it is gone.
    pub fn last_binding(&self) -> Option<&'a LiveBinding> {
        self.device.binding.as_deref()
    }

    /// Every flow it can be reached on, the preferred one first (RFC 5626).
    pub fn live_flows(&self) -> impl Iterator<Item = Flow> {
        self.device.live_flows()
    }

    /// Until when its wake target may be used.
    pub fn push_policy(&self) -> PushPolicy {
        self.device.policy
    }

    /// Record 2.
    pub fn wake_target(&self) -> Option<&'a Arc<WakeTarget>> {
        self.device.target.as_ref()
    }

    /// Record 2 when a wake may be tried with it: not revoked and switched on, whether or not a live binding exists.
    pub fn usable_target(&self) -> Option<&'a Arc<WakeTarget>> {
        self.wake_target().filter(|target| wake_target::is_usable(target, self.entry.extension.may_be_woken()))
    }

    /// Armed, resting, suspect, revoked, displaced or switched off; `None` without a wake target.
    pub fn wake_state(&self) -> Option<WakeState> {
        let live = self.device.is_live();
        let state =
            self.wake_target().map(|target| wake_target::state(target, live, self.entry.extension.may_be_woken()));
        if state == Some(WakeState::Armed) && self.is_displaced() { Some(WakeState::Displaced) } else { state }
    }

    /// The last wake and its outcome.
    pub fn last_wake(&self) -> Option<&'a LastWake> {
        self.device.last_wake.as_deref()
    }

    /// Whether it could be woken but is not, because as many other phones of the extension as may be reached at once come
    /// before it: they are registered, or were seen later.
    pub fn is_displaced(&self) -> bool {
        if self.device.is_live() || self.usable_target().is_none() {
            return false;
        }
        let may_be_woken = self.entry.extension.may_be_woken();
        let before = |other: &&Device| other.is_callable(may_be_woken) && other.turn() < self.device.turn();
        self.entry.devices.iter().filter(before).count() >= self.limit
    }

    /// Whether and how the device can be reached. A suspect target promises nothing, though it is still tried.
    pub fn presence(&self) -> Presence {
        if self.device.is_live() {
            Presence::Registered
        } else if self.wake_state() == Some(WakeState::Armed) {
            Presence::ReachableByPush
        } else {
            Presence::Unreachable
        }
    }

    /// Why it is unreachable and what helps, in plain words; empty when it can be reached.
    pub fn reason(&self) -> String {
        if self.presence() != Presence::Unreachable {
            return String::new();
        }
        let number = self.entry.extension.number;
        if self.entry.extension.phones_are_off() {
            return switched_off_in_words(number);
        }
        if self.wake_state() == Some(WakeState::Displaced) {
            return format!(
                "Another phone of extension {number} took its place, because no more than {} may be reached at once; it is not \
                 woken meanwhile. To use this one, open its app; to use both, allow more phones for each extension.",
                self.limit
            );
        }
        let binding = match self.device.binding.as_ref().and_then(|binding| binding.gone()) {
            Some((why, _)) => why.in_words(),
            None => "has not registered since Nightbell was started",
        };
        let Some(target) = self.wake_target() else {
            return format!(
                "The phone {binding}, and it has sent no push token, so it cannot be woken. For a desk phone check power \
                 and network; for an app open it once."
            );
        };
        let hindrance = self.hindrance(target);
        format!("The phone {binding}, and it cannot be woken: {hindrance}")
    }

    fn hindrance(&self, target: &WakeTarget) -> String {
        if !self.entry.extension.push_enabled {
            return format!("push is switched off for extension {}; switch it on there.", self.entry.extension.number);
        }
        match target.switched_off {
            Some(SwitchedOffBy::Admin) => return "push is switched off for this device; switch it on there.".into(),
            Some(SwitchedOffBy::Extension) => return "push is switched off for the extension; switch it on.".into(),
            Some(SwitchedOffBy::Device) => {
                return "its app registered without a push token; allow push in the app and open it once.".into();
            }
            Some(SwitchedOffBy::RegistrationEnd) => {
                return "its push policy is rfc8599, so pushes ended with its registration; open the app, or choose the \
                        policy app for this device."
                    .into();
            }
            None => {}
        }
        let provider = target.provider;
        match &target.health {
            TargetHealth::Good => String::new(),
            TargetHealth::Suspect { why, .. } => format!(
                "{provider} refused its token for this app ({why}); check the push credential. The next call tries again."
            ),
            TargetHealth::Revoked { why, .. } => format!(
                "{provider} says that its token is gone ({why}); open the app once so that it sends a new one, or remove \
                 the device when the app was deleted."
            ),
            TargetHealth::Moved { to, .. } => format!(
                "its phone signed in as extension {to}; to ring for {} as well, sign in again in the app.",
                self.entry.extension.number
            ),
        }
    }

    /// Both records, as pages, the API and the CLI show them, without what other extensions hold; tokens are replaced by
    /// fingerprints.
    pub(super) fn summary(&self) -> DeviceSummary {
        let device = self.device;
        DeviceSummary {
            id: device.id,
            extension: self.entry.extension.number,
            key: device.key.clone(),
            username: device.username.clone(),
            user_agent: device.user_agent.to_string(),
            first_seen_at: device.first_seen_at,
            last_seen_at: device.last_seen_at,
            live_binding: device
                .binding
                .as_ref()
                .map(|binding| binding.summary(&device.user_agent, device.spares.len())),
            wake_target: device.target.as_deref().map(wake_target::shown),
            wake_state: self.wake_state(),
            token_elsewhere: Vec::new(),
            push_policy: device.policy,
            last_wake: device.last_wake.as_deref().cloned(),
            presence: self.presence(),
            reason: self.reason(),
        }
    }
}
