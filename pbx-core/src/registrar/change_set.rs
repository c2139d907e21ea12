//! What a REGISTER would change, found out before anything is changed: a refused one changes nothing.

use std::time::Duration;

use crate::model::{DeviceId, DeviceKey, Moment, PushPolicy, PushProvider, Settings, Transport};

use super::contact_uri;
use super::device::{Device, KeyKind};
use super::event::Refusal;
use super::live_binding::{GoneReason, LiveBinding};
use super::registration::{Contacts, OfferedContact, OfferedPush, OfferedTarget, Registration};
use super::reported::is_sleeping_app;
use super::{Entry, MAX_DEVICES};

/// Contact URI with parameters: Linphone's have about 600 bytes; room for the longest token.
const MAX_CONTACT_BYTES: usize = 2048;
/// A token: FCM's have about 170 characters and APNs' 64, without a promise that it stays so.
const MAX_TOKEN_BYTES: usize = 1024;
/// A bundle id or project id; they are host names in reverse.
const MAX_APP_ID_BYTES: usize = 255;
/// An instance id: a UUID URN has 45 bytes; GRUU texts of desk phones are longer.
const MAX_INSTANCE_BYTES: usize = 256;
/// Call-ID: what the SIP guard lets pass.
const MAX_CALL_ID_BYTES: usize = 256;
/// All Path values together: two edge proxies with flow tokens.
const MAX_PATH_BYTES: usize = 768;
/// How long a message that was overtaken can still be on its way: 64 times T1 (RFC 3261 section 17).
///
/// A binding that is gone for longer says nothing about the CSeq of the next: a phone that restarts counts from 1 again.
const OVERTAKEN: Duration = Duration::from_secs(32);

/// The settings a registrar needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) devices: usize,
    pub(super) min_expires: u32,
    pub(super) max_expires: u32,
    pub(super) default_expires: u32,
}

impl From<&Settings> for Rules {
    fn from(settings: &Settings) -> Self {
        Self {
            devices: usize::from(settings.devices_per_extension).clamp(1, MAX_DEVICES),
            min_expires: settings.min_expires,
            max_expires: settings.max_expires,
            default_expires: settings.default_expires,
        }
    }
}

/// The longest registration on a stream, in seconds: an idle stream is closed after an hour, and a binding must not
/// outlive its flow.
const LONGEST_ON_A_STREAM: u32 = 3600;

/// Registrations at least this long are spread; shorter ones keep a NAT open and come again soon in any case.
const SPREAD_FROM: u32 = 1200;

/// The longest registration of a device that is pushed only while it is registered (push policy `rfc8599`), in seconds:
/// a month without opening the app must not end its calls.
const LONGEST_WITH_PUSH: u32 = 30 * 86_400;

impl Rules {
    /// Seconds granted for a wish; 0 removes. A device that is pushed only while it is registered may stay so for long,
    /// whatever becomes of its flow.
    fn grant(self, wish: Option<u32>, transport: Transport, pushed_while_registered: bool) -> Result<u32, Refusal> {
        let longest = if pushed_while_registered {
            self.max_expires.max(LONGEST_WITH_PUSH)
        } else if transport.is_reliable() {
            self.max_expires.min(LONGEST_ON_A_STREAM.max(self.min_expires))
        } else {
            self.max_expires
        };
        match wish {
            None => Ok(self.default_expires.min(longest)),
            Some(0) => Ok(0),
            Some(wish) if wish < self.min_expires => Err(Refusal::TooBrief { min_expires: self.min_expires }),
            Some(wish) => Ok(wish.min(longest)),
        }
    }
}

/// A long registration, shortened by up to a tenth: phones that all came at one moment, after a power cut, do not all come
/// again at one moment. RFC 3261 section 10.3 allows to grant less than was asked for.
///
/// Drawn from Call-ID and CSeq (FNV-1a), so that a REGISTER that is repeated gets the same answer.
fn spread(seconds: u32, shortest: u32, registration: &Registration) -> u32 {
    if seconds < SPREAD_FROM {
        return seconds;
    }
    let bytes = registration.call_id.bytes().chain(registration.cseq.to_be_bytes());
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    // The low bits of FNV-1a follow the last bytes too closely.
    let share = u32::try_from((hash >> 32) % 1000).unwrap_or(0);
    let most = seconds / 10;
    let less = u32::try_from(u64::from(most) * u64::from(share) / 1000).unwrap_or(0);
    (seconds - less).max(shortest.min(seconds))
}

/// Which device a Contact is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Who {
    /// One we have; with a better key than it had, if there is one.
    Known { device: DeviceId, new_key: Option<DeviceKey> },
    /// One we have not seen.
    New(DeviceKey),
}

/// What one Contact does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Binds or refreshes the contact at this position of the REGISTER.
    Bind { who: Who, contact: usize, seconds: u32 },
    /// Unregisters a known device; the contact may bring a token.
    Remove { device: DeviceId, contact: Option<usize> },
    /// Comes a second time; only answered.
    Again { device: DeviceId },
}

/// Everything a REGISTER does, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ChangeSet {
    /// Live devices that give way to newer ones.
    pub(super) displaced: Vec<DeviceId>,
    /// Device records that make room for new ones.
    pub(super) evicted: Vec<DeviceId>,
    pub(super) steps: Vec<Step>,
    /// Providers the phone asks about by name.
    pub(super) asks_for: Vec<PushProvider>,
    /// It asks which providers there are.
    pub(super) asks_for_all: bool,
}

impl ChangeSet {
    /// Whether every Contact came before.
    pub(super) fn is_repetition(&self) -> bool {
        !self.steps.is_empty() && self.steps.iter().all(|step| matches!(step, Step::Again { .. }))
    }
}

impl Step {
    fn device(&self) -> Option<DeviceId> {
        match self {
            Self::Bind { who: Who::Known { device, .. }, .. }
            | Self::Remove { device, .. }
            | Self::Again { device } => Some(*device),
            Self::Bind { who: Who::New(_), .. } => None,
        }
    }

    /// `reg-id` of the Contact it is about.
    fn reg_id(&self, registration: &Registration) -> Option<u32> {
        let contact = match self {
            Self::Bind { contact, .. } => Some(*contact),
            Self::Remove { contact, .. } => *contact,
            Self::Again { .. } => None,
        };
        match (&registration.contacts, contact) {
            (Contacts::List(contacts), Some(at)) => contacts.get(at)?.reg_id,
            (Contacts::List(_) | Contacts::Query | Contacts::RemoveAll, _) => None,
        }
    }

    /// The key that a device gets by this step.
    fn new_key(&self) -> Option<&DeviceKey> {
        match self {
            Self::Bind { who: Who::New(key) | Who::Known { new_key: Some(key), .. }, .. } => Some(key),
            Self::Bind { who: Who::Known { new_key: None, .. }, .. } | Self::Remove { .. } | Self::Again { .. } => None,
        }
    }
}

/// How a REGISTER relates to the last one about the same binding (RFC 3261 section 10.3 step 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sequence {
    Newer,
    Same,
    Older,
}

fn sequence(binding: Option<&LiveBinding>, registration: &Registration, now: Moment) -> Sequence {
    let Some(binding) = binding.filter(|binding| binding.call_id == registration.call_id) else {
        return Sequence::Newer;
    };
    let stands = match binding.gone() {
        None | Some((GoneReason::Unregistered, _)) => true,
        // The device does not know that it lost its binding, and is there: its retransmission binds it again.
        Some(_) => false,
    };
    if binding.gone().is_some_and(|(_, at)| now.since(at) > OVERTAKEN) || registration.cseq > binding.cseq {
        Sequence::Newer
    } else if registration.cseq < binding.cseq {
        Sequence::Older
    } else if stands && registration.flow == binding.flow {
        Sequence::Same
    } else {
        // Sent once more over another transport (RFC 3261 section 18.1.1): that is where the phone is now.
        Sequence::Newer
    }
}

/// Plans a REGISTER for this extension.
pub(super) fn plan(
    entry: &Entry,
    rules: Rules,
    registration: &Registration,
    now: Moment,
) -> Result<ChangeSet, Refusal> {
    check_lengths(registration)?;
    let mut set = ChangeSet::default();
    match &registration.contacts {
        Contacts::Query => return Ok(set),
        Contacts::RemoveAll => plan_remove_all(entry, registration, now, &mut set)?,
        Contacts::List(contacts) => {
            if contacts.len() > MAX_DEVICES {
                return Err(Refusal::TooManyContacts { offered: contacts.len(), most: MAX_DEVICES });
            }
            for (at, contact) in contacts.iter().enumerate() {
                plan_contact(entry, rules, registration, (at, contact), &mut set)?;
            }
            check_sequence(entry, registration, now, &mut set)?;
            make_room(entry, rules, &mut set)?;
        }
    }
    Ok(set)
}

fn plan_remove_all(
    entry: &Entry,
    registration: &Registration,
    now: Moment,
    set: &mut ChangeSet,
) -> Result<(), Refusal> {
    for device in &entry.devices {
        let Some(binding) = device.binding.as_deref().filter(|binding| binding.is_live() || binding.is_doubted())
        else {
            continue;
        };
        match sequence(Some(binding), registration, now) {
            Sequence::Newer => set.steps.push(Step::Remove { device: device.id, contact: None }),
            Sequence::Same => {}
            Sequence::Older => return Err(Refusal::OutOfOrder),
        }
    }
    Ok(())
}

fn plan_contact(
    entry: &Entry,
    rules: Rules,
    registration: &Registration,
    (at, contact): (usize, &OfferedContact),
    set: &mut ChangeSet,
) -> Result<(), Refusal> {
    let leaves = contact.expires == Some(0);
    let offered = match &contact.push {
        Some(OfferedPush::Target(target)) if target.is_sound() => Some(target),
        // An unregister is never refused for its push parameters.
        Some(OfferedPush::Target(_)) if !leaves => return Err(Refusal::NoToken),
        Some(OfferedPush::Unsupported(_)) if !leaves => return Err(Refusal::PushNotSupported),
        Some(OfferedPush::Target(_) | OfferedPush::Unsupported(_) | OfferedPush::Query(_)) | None => None,
    };
    match &contact.push {
        Some(OfferedPush::Target(target)) => set.asks_for.push(target.provider),
        Some(OfferedPush::Query(Some(provider))) => set.asks_for.push(*provider),
        Some(OfferedPush::Query(None)) => set.asks_for_all = true,
        Some(OfferedPush::Unsupported(_)) | None => {}
    }
    let grant = |device: Option<&Device>| {
        let policy = device.map_or(PushPolicy::default(), |device| device.policy);
        let with_push = policy == PushPolicy::Rfc8599 && offered.is_some();
        let granted = rules.grant(contact.expires, registration.flow.transport, with_push)?;
        Ok(if with_push { granted } else { spread(granted, rules.min_expires, registration) })
    };
    // Most Contacts come from a phone whose instance id we know; no key is made for it.
    if let Some(device) = entry.devices.iter().find(|device| device.is_instance(contact.instance.as_deref())) {
        let who = Who::Known { device: device.id, new_key: None };
        let step = match grant(Some(device))? {
            0 => Step::Remove { device: device.id, contact: Some(at) },
            seconds => Step::Bind { who, contact: at, seconds },
        };
        add_step(set, step);
        return Ok(());
    }
    let key = key_of(contact, offered);
    let found = find(entry, &key, registration, (contact, offered));
    let step = match (found, grant(found)?) {
        (Some(device), 0) => Step::Remove { device: device.id, contact: Some(at) },
        (None, 0) => return Ok(()),
        (Some(device), seconds) => {
            let better = device.key != key && KeyKind::of(&key) >= KeyKind::of(&device.key);
            let who = Who::Known { device: device.id, new_key: better.then_some(key) };
            Step::Bind { who, contact: at, seconds }
        }
        (None, seconds) => Step::Bind { who: Who::New(key), contact: at, seconds },
    };
    add_step(set, step);
    Ok(())
}

/// One binding per device: of several Contacts about one device the first that binds counts. A phone that changed its
/// address sends the new Contact and takes back the old one in the same REGISTER.
fn add_step(set: &mut ChangeSet, step: Step) {
    let is_bind = |step: &Step| matches!(step, Step::Bind { .. });
    let is_twin = |known: &Step| {
        (known.device().is_some() && known.device() == step.device())
            || (known.new_key().is_some() && known.new_key() == step.new_key())
    };
    if !set.steps.iter().any(|known| is_twin(known) && (is_bind(known) || !is_bind(&step))) {
        set.steps.retain(|known| !is_twin(known));
        set.steps.push(step);
    }
}

fn key_of(contact: &OfferedContact, offered: Option<&OfferedTarget>) -> DeviceKey {
    if let Some(instance) = contact.instance.as_deref().filter(|instance| !instance.is_empty()) {
        return DeviceKey::from_instance(instance);
    }
    match offered.and_then(OfferedTarget::fingerprint) {
        Some(fingerprint) => DeviceKey::from_push_fingerprint(&fingerprint),
        None => DeviceKey::from_contact(&contact.user_at_host_port),
    }
}

/// The device a Contact is about: by its key, else by its token (an app that was installed anew has another instance id
/// and the same token), else by its place.
fn find<'a>(
    entry: &'a Entry,
    key: &DeviceKey,
    registration: &Registration,
    (contact, offered): (&OfferedContact, Option<&OfferedTarget>),
) -> Option<&'a Device> {
    let devices = &entry.devices;
    let holds_token = |device: &&Device| {
        let Some((offered, target)) = offered.zip(device.target.as_deref()) else { return false };
        offered.is_token_of(target)
    };
    devices
        .iter()
        .find(|device| device.key == *key)
        .or_else(|| devices.iter().find(holds_token))
        .or_else(|| devices.iter().find(|device| is_same_place(device, registration, contact, KeyKind::of(key))))
        .or_else(|| {
            let is_it = |device: &&Device| is_sleeping_app(device, &registration.username, &registration.user_agent);
            devices.iter().find(is_it).filter(|_| KeyKind::of(key) == KeyKind::Contact)
        })
}

/// Whether a Contact comes over the very flow of a live binding and has the same address, so that it is the same phone:
/// one that sends a token for the first time, has renewed it, or leaves out its instance id this time.
///
/// Behind an edge proxy (Path) many phones share a flow, so nothing is concluded there.
fn is_same_place(device: &Device, registration: &Registration, contact: &OfferedContact, kind: KeyKind) -> bool {
    let Some(binding) = device.live() else { return false };
    let two_instances = kind == KeyKind::Instance && KeyKind::of(&device.key) == KeyKind::Instance;
    !two_instances
        && binding.flow == registration.flow
        && binding.path.is_empty()
        && registration.path.is_empty()
        && device.username == registration.username
        && contact_uri::address(&binding.uri).eq_ignore_ascii_case(contact_uri::address(&contact.uri))
}

/// Refuses what was overtaken; what comes a second time changes nothing.
fn check_sequence(entry: &Entry, registration: &Registration, now: Moment, set: &mut ChangeSet) -> Result<(), Refusal> {
    for step in &mut set.steps {
        let Some(device) = step.device().and_then(|device| entry.device(device)) else { continue };
        match sequence(device.binding_of(step.reg_id(registration)), registration, now) {
            Sequence::Newer => {}
            Sequence::Same => *step = Step::Again { device: device.id },
            Sequence::Older => return Err(Refusal::OutOfOrder),
        }
    }
    Ok(())
}

/// What the steps of a REGISTER need.
#[derive(Default)]
struct Need {
    /// Devices it leaves live.
    live: usize,
    /// Device records it adds.
    created: usize,
    /// Device records it makes superfluous.
    freed: usize,
}

impl Need {
    fn of(entry: &Entry, steps: &[Step]) -> Self {
        let mut need = Self::default();
        for step in steps {
            match step {
                Step::Bind { who: Who::Known { .. }, .. } | Step::Again { .. } => need.live += 1,
                Step::Bind { who: Who::New(_), .. } => {
                    need.live += 1;
                    need.created += 1;
                }
                Step::Remove { device, .. } => {
                    need.freed += usize::from(entry.device(*device).is_some_and(Device::is_known_by_address_only));
                }
            }
        }
        need
    }
}

/// Finds the devices that give way: the live ones not heard of for longest when too many would be live, and records that
/// are of no use any more when there would be too many records.
fn make_room(entry: &Entry, rules: Rules, set: &mut ChangeSet) -> Result<(), Refusal> {
    if !set.steps.iter().any(|step| matches!(step, Step::Bind { .. })) {
        return Ok(());
    }
    let need = Need::of(entry, &set.steps);
    if need.live > rules.devices {
        return Err(Refusal::TooManyContacts { offered: need.live, most: rules.devices });
    }
    let is_concerned = |device: &Device| set.steps.iter().any(|step| step.device() == Some(device.id));
    let others = || entry.devices.iter().filter(|device| !is_concerned(device));
    let live = others().filter(|device| device.is_live()).count();
    let surplus_live = (live + need.live).saturating_sub(rules.devices);
    let surplus = (entry.devices.len() + need.created).saturating_sub(need.freed + MAX_DEVICES).min(need.created);
    if surplus_live == 0 && surplus == 0 {
        return Ok(());
    }
    let mut oldest_first: Vec<&Device> = others().collect();
    oldest_first
        .sort_by_key(|device| (device.live().map(|binding| binding.renewed_at), device.last_seen_at, device.id));
    let displaced: Vec<DeviceId> =
        oldest_first.iter().filter(|device| device.is_live()).take(surplus_live).map(|device| device.id).collect();
    let evicted: Vec<DeviceId> = oldest_first
        .iter()
        .filter(|device| device.is_expendable() && (!device.is_live() || displaced.contains(&device.id)))
        .take(surplus)
        .map(|device| device.id)
        .collect();
    if evicted.len() < surplus {
        return Err(Refusal::TooManyDevices { most: MAX_DEVICES });
    }
    set.displaced = displaced;
    set.evicted = evicted;
    Ok(())
}

fn check_lengths(registration: &Registration) -> Result<(), Refusal> {
    let check = |field, length: usize, most| {
        if length > most { Err(Refusal::TooLong { field, most }) } else { Ok(()) }
    };
    check("Call-ID", registration.call_id.len(), MAX_CALL_ID_BYTES)?;
    check("Path", registration.path.iter().map(|value| value.len()).sum(), MAX_PATH_BYTES)?;
    let contacts: &[OfferedContact] = match &registration.contacts {
        Contacts::List(contacts) => contacts,
        Contacts::Query | Contacts::RemoveAll => &[],
    };
    for contact in contacts {
        check("Contact", contact.uri.len() + contact.params.len(), MAX_CONTACT_BYTES)?;
        check("Contact", contact.user_at_host_port.len(), MAX_CONTACT_BYTES)?;
        check("+sip.instance", contact.instance.as_ref().map_or(0, |instance| instance.len()), MAX_INSTANCE_BYTES)?;
        match &contact.push {
            Some(OfferedPush::Target(target)) => {
                check("pn-param", target.app_id.len(), MAX_APP_ID_BYTES)?;
                for token in [&target.call_token, &target.notice_token].into_iter().flatten() {
                    check("pn-prid", token.reveal().len(), MAX_TOKEN_BYTES)?;
                }
            }
            Some(OfferedPush::Query(_) | OfferedPush::Unsupported(_)) | None => {}
        }
    }
    Ok(())
}
