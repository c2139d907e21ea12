//! A switchboard that answers commands from plain maps.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use pbx_core::handle::{RingingCalls, SwitchboardEnd, SwitchboardHandle, connect};
use pbx_core::model::{
    CallId, DeviceId, DeviceSummary, Extension, ExtensionNumber, Presence, Settings, SipCredential, SipUsername,
    SwitchedOffBy, UnixMillis, WakeState,
};
use pbx_core::switchboard::command::{
    ActiveCall, Command, CommandError, CommandResult, ExtensionDetail, ExtensionLine, ExtensionPage, Reply, Status,
};
use pbx_core::switchboard::output::Notice;

/// What the switchboard knows; tests look at it and change it.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) settings: Settings,
    pub(super) extensions: BTreeMap<ExtensionNumber, Extension>,
    pub(super) accounts: BTreeMap<SipUsername, SipCredential>,
    pub(super) devices: Vec<DeviceSummary>,
    pub(super) calls: Vec<ActiveCall>,
    pub(super) tests: Vec<ExtensionNumber>,
    pub(super) reported: Vec<pbx_core::registrar::PushReport>,
    pub(super) blocked: Vec<pbx_core::defence::BlockedAddress>,
}

/// A fake switchboard.
#[derive(Debug, Clone)]
pub(super) struct Fake {
    pub(super) handle: SwitchboardHandle,
    pub(super) world: Arc<Mutex<World>>,
    pub(super) ringing: RingingCalls,
}

impl Fake {
    pub(super) fn start() -> Self {
        let (handle, SwitchboardEnd { mut commands, notices, ringing }) = connect();
        let world = Arc::new(Mutex::new(World::default()));
        let inner = world.clone();
        tokio::spawn(async move {
            while let Some(waiting) = commands.recv().await {
                let (result, notice) = inner.lock().unwrap().answer(waiting.command);
                let _ = waiting.answer.send(result);
                if let Some(notice) = notice {
                    let _ = notices.send(notice);
                }
            }
        });
        Self { handle, world, ringing }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the commands are split over three functions by kind")]
impl World {
    fn answer(&mut self, command: Command) -> (CommandResult, Option<Notice>) {
        match command {
            Command::AddExtensions(accounts) => {
                if let Some(taken) = accounts.iter().find(|it| self.extensions.contains_key(&it.extension.number)) {
                    return (Err(CommandError::NumberTaken(taken.extension.number)), None);
                }
                let first = accounts.first().map(|it| Notice::Extension(it.extension.number));
                for account in accounts {
                    let new = account.extension;
                    let extension = Extension {
                        number: new.number,
                        name: new.name,
                        email: new.email,
                        push_enabled: true,
                        created_at: UnixMillis(1_790_000_000_000),
                        phones_off_at: None,
                    };
                    self.extensions.insert(new.number, extension);
                    self.accounts.insert(account.credential.username.clone(), account.credential);
                }
                (Ok(Reply::Done), first)
            }
            Command::ChangeExtension { number, change } => {
                let Some(extension) = self.extensions.get_mut(&number) else {
                    return (Err(CommandError::NoSuchExtension(number)), None);
                };
                if let Some(name) = change.name {
                    extension.name = name;
                }
                if let Some(email) = change.email {
                    extension.email = email;
                }
                if let Some(push) = change.push_enabled {
                    extension.push_enabled = push;
                }
                (Ok(Reply::Done), Some(Notice::Extension(number)))
            }
            Command::RemoveExtension(number) => {
                self.accounts.retain(|_, account| account.extension != number);
                self.devices.retain(|device| device.extension != number);
                match self.extensions.remove(&number) {
                    Some(_) => (Ok(Reply::Done), Some(Notice::Extension(number))),
                    None => (Err(CommandError::NoSuchExtension(number)), None),
                }
            }
            Command::SwitchPhones { number, enabled } => {
                let Some(extension) = self.extensions.get_mut(&number) else {
                    return (Err(CommandError::NoSuchExtension(number)), None);
                };
                extension.phones_off_at = (!enabled).then_some(UnixMillis(1_790_000_000_000));
                (Ok(Reply::Done), Some(Notice::Extension(number)))
            }
            Command::ListSwitchedOff => {
                let off = self.extensions.values().filter(|extension| extension.phones_are_off());
                (Ok(Reply::Numbers(off.map(|extension| extension.number).collect())), None)
            }
            Command::PutCredential(credential) => {
                let number = credential.extension;
                self.accounts.insert(credential.username.clone(), credential);
                (Ok(Reply::Done), Some(Notice::Extension(number)))
            }
            Command::RemoveCredential(username) => match self.accounts.remove(&username) {
                Some(gone) => (Ok(Reply::Done), Some(Notice::Extension(gone.extension))),
                None => (Err(CommandError::NoSuchCredential(username)), None),
            },
            other => self.answer_more(other),
        }
    }

    fn test_one(&self, id: DeviceId) -> (CommandResult, Option<Notice>) {
        match self.devices.iter().find(|it| it.id == id) {
            None => (Err(CommandError::NoSuchDevice(id)), None),
            Some(it) if it.wake_target.is_none() => (Err(CommandError::NothingToPush(it.extension)), None),
            Some(it) => (Ok(Reply::TestPushes(vec![id])), Some(Notice::Extension(it.extension))),
        }
    }

    fn answer_more(&mut self, command: Command) -> (CommandResult, Option<Notice>) {
        match command {
            Command::SetDevicePush { device, enabled } => {
                let Some(found) = self.devices.iter_mut().find(|it| it.id == device) else {
                    return (Err(CommandError::NoSuchDevice(device)), None);
                };
                if let Some(target) = &mut found.wake_target {
                    target.switched_off = (!enabled).then_some(SwitchedOffBy::Admin);
                    found.wake_state = Some(if enabled { WakeState::Armed } else { WakeState::SwitchedOff });
                }
                (Ok(Reply::Done), Some(Notice::Extension(found.extension)))
            }
            Command::ReportPush { username, secret, report } => {
                let (_, given) = pbx_core::sip::digest::ha1(username.as_str(), "nightbell", secret.reveal());
                if self.accounts.get(&username).is_none_or(|account| account.sha256 != given) {
                    return (Err(CommandError::WrongSecret), None);
                }
                self.reported.push(report);
                (Ok(Reply::Done), None)
            }
            Command::SetPushPolicy { device, policy } => {
                let Some(found) = self.devices.iter_mut().find(|it| it.id == device) else {
                    return (Err(CommandError::NoSuchDevice(device)), None);
                };
                found.push_policy = policy;
                (Ok(Reply::Done), Some(Notice::Extension(found.extension)))
            }
            Command::RemoveDevice(device) | Command::ForgetToken(device) => {
                let Some(place) = self.devices.iter().position(|it| it.id == device) else {
                    return (Err(CommandError::NoSuchDevice(device)), None);
                };
                let gone = self.devices.remove(place);
                (Ok(Reply::Done), Some(Notice::Extension(gone.extension)))
            }
            Command::PlaceTestCall(number) if self.devices.iter().any(|it| it.extension == number) => {
                (Ok(Reply::TestCall(CallId(77))), Some(Notice::Call(CallId(77))))
            }
            Command::PlaceTestCall(number) => (Err(CommandError::NobodyToRing(number)), None),
            Command::TestPushDevice(id) => self.test_one(id),
            Command::TestPush(number) => {
                let of = |it: &&DeviceSummary| it.extension == number && it.wake_target.is_some();
                let devices: Vec<_> = self.devices.iter().filter(of).map(|it| it.id).collect();
                if devices.is_empty() {
                    return (Err(CommandError::NothingToPush(number)), None);
                }
                self.tests.push(number);
                (Ok(Reply::TestPushes(devices)), Some(Notice::Extension(number)))
            }
            Command::ChangeSettings(settings) => {
                if settings.realm != self.settings.realm && !self.accounts.is_empty() {
                    return (Err(CommandError::RealmInUse), None);
                }
                self.settings = settings;
                (Ok(Reply::Done), Some(Notice::Settings))
            }
            Command::Unblock(network) => {
                let before = self.blocked.len();
                self.blocked.retain(|block| block.address != network);
                let lifted = self.blocked.len() < before;
                (if lifted { Ok(Reply::Done) } else { Err(CommandError::NotBlocked(network)) }, None)
            }
            Command::HangUp(call) => match self.calls.iter().position(|it| it.id == call) {
                Some(place) => {
                    self.calls.remove(place);
                    (Ok(Reply::Done), Some(Notice::Call(call)))
                }
                None => (Err(CommandError::NoSuchCall(call)), None),
            },
            asked => (self.show(asked), None),
        }
    }

    fn show(&self, command: Command) -> CommandResult {
        match command {
            Command::ListBlocked => Ok(Reply::Blocked(self.blocked.clone())),
            Command::ShowSettings => Ok(Reply::Settings(self.settings.clone())),
            Command::ListExtensions { after, limit, search } => Ok(Reply::Extensions(self.list(after, limit, &search))),
            Command::ShowExtension(number) => {
                let extension = self.extensions.get(&number).ok_or(CommandError::NoSuchExtension(number))?;
                let accounts = self.accounts.values().filter(|account| account.extension == number);
                Ok(Reply::Extension(Box::new(ExtensionDetail {
                    line: self.line(extension),
                    device_list: self.devices.iter().filter(|it| it.extension == number).cloned().collect(),
                    accounts: accounts.map(|account| account.username.clone()).collect(),
                })))
            }
            Command::ListDevices { after, limit } => {
                let behind = |it: &&DeviceSummary| after.is_none_or(|after| it.id > after);
                Ok(Reply::Devices(self.devices.iter().filter(behind).take(limit).cloned().collect()))
            }
            Command::ListCalls => Ok(Reply::Calls(self.calls.clone())),
            Command::Status => {
                let count = |presence| self.devices.iter().filter(|it| it.presence == presence).count();
                Ok(Reply::Status(Status {
                    extensions: self.extensions.len(),
                    registered: count(Presence::Registered),
                    armed: count(Presence::ReachableByPush),
                    calls: self.calls.len(),
                    parked: self.calls.iter().filter(|call| call.waking > 0).count(),
                    draining: false,
                }))
            }
            _ => Ok(Reply::Done),
        }
    }

    fn list(&self, after: Option<ExtensionNumber>, limit: usize, search: &str) -> ExtensionPage {
        let search = search.to_lowercase();
        let mut found: Vec<_> = self
            .extensions
            .values()
            .filter(|it| after.is_none_or(|after| it.number > after))
            .filter(|it| it.number.to_string().contains(&search) || it.name.as_str().to_lowercase().contains(&search))
            .map(|it| self.line(it))
            .collect();
        let more = found.len() > limit;
        found.truncate(limit);
        ExtensionPage { extensions: found, total: self.extensions.len(), more }
    }

    fn line(&self, extension: &Extension) -> ExtensionLine {
        let devices: Vec<_> = self.devices.iter().filter(|it| it.extension == extension.number).collect();
        let presence = devices.iter().map(|it| it.presence).min().unwrap_or(Presence::Unreachable);
        let count = |presence| devices.iter().filter(|it| it.presence == presence).count();
        let reason = match (presence, devices.first()) {
            (Presence::Unreachable, None) => "no phone has registered yet".to_owned(),
            (Presence::Unreachable, Some(device)) => device.reason.clone(),
            _ => String::new(),
        };
        ExtensionLine {
            extension: extension.clone(),
            presence,
            reason,
            devices: devices.len(),
            registered: count(Presence::Registered),
            armed: count(Presence::ReachableByPush),
        }
    }
}
