//! Phones, apps and a disk for the registrar's tests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::model::{
    ConnectionId, DeviceId, DisplayName, Environment, Extension, ExtensionNumber, Flow, Moment, Now, PushProvider,
    Redacted, Settings, Transport, UnixMillis, Verdict, WakeEvent, WakeId, WakeKind, WakeReport, WakeState,
};
use crate::registrar::{
    Bound, Contacts, OfferedContact, OfferedPush, OfferedTarget, Refusal, RegisterOutcome, Registrar, RegistrarEvent,
    Registration,
};
use crate::switchboard::output::{Change, Restored, StoredBinding, StoredDevice};

pub(super) const MINUTE: Duration = Duration::from_secs(60);

pub(super) fn number(text: &str) -> ExtensionNumber {
    text.parse().unwrap()
}

/// A reading of both clocks, so many seconds after the start.
pub(super) fn at(seconds: u64) -> Now {
    Now { mono: Moment::from_micros(1), wall: UnixMillis(1_790_000_000_000) }.after(Duration::from_secs(seconds))
}

pub(super) fn extension(text: &str) -> Extension {
    Extension {
        number: number(text),
        name: DisplayName::default(),
        email: None,
        push_enabled: true,
        created_at: UnixMillis(0),
        phones_off_at: None,
    }
}

/// A registrar with the extensions 101 and 102.
pub(super) fn registrar() -> Registrar {
    with_settings(&Settings::default())
}

pub(super) fn with_settings(settings: &Settings) -> Registrar {
    let mut registrar = Registrar::new(settings);
    registrar.set_push_providers(vec![PushProvider::Apns, PushProvider::Fcm]);
    registrar.add_extension(extension("101")).unwrap();
    registrar.add_extension(extension("102")).unwrap();
    registrar
}

pub(super) fn udp(port: u16) -> Flow {
    flow(Transport::Udp, port, 0)
}

pub(super) fn tls(connection: u64) -> Flow {
    flow(Transport::Tls, 40_000, connection)
}

fn flow(transport: Transport, port: u16, connection: u64) -> Flow {
    Flow {
        transport,
        local: "192.0.2.1:5061".parse().unwrap(),
        remote: format!("198.51.100.7:{port}").parse().unwrap(),
        connection: ConnectionId(connection),
    }
}

pub(super) fn target(token: &str) -> OfferedTarget {
    OfferedTarget {
        provider: PushProvider::Apns,
        app_id: "org.example.phone".into(),
        environment: Environment::Production,
        call_token: Some(Redacted::new(token.into())),
        notice_token: None,
    }
}

/// One Contact at this address.
pub(super) fn contact(address: &str) -> OfferedContact {
    OfferedContact {
        uri: format!("sip:{address};transport=tls").into(),
        params: Box::default(),
        user_at_host_port: address.into(),
        instance: None,
        reg_id: None,
        expires: Some(600),
        push: None,
        needs_refresh_push: false,
    }
}

/// The Contact of an app with an instance id and a token.
pub(super) fn app(instance: &str, token: &str) -> OfferedContact {
    let mut contact = contact("101@10.0.0.5:40000");
    contact.uri = format!("sip:101@10.0.0.5:40000;transport=tls;pn-provider=apns;pn-prid={token}").into();
    contact.params = format!(";+sip.instance=\"<{instance}>\"").into();
    contact.instance = Some(instance.into());
    contact.push = Some(OfferedPush::Target(target(token)));
    contact
}

/// The Contact of a desk phone: an address and nothing else.
pub(super) fn desk(port: u16) -> OfferedContact {
    contact(&format!("101@10.0.0.9:{port}"))
}

pub(super) fn with_expires(mut contact: OfferedContact, seconds: u32) -> OfferedContact {
    contact.expires = Some(seconds);
    contact
}

pub(super) fn without_push(mut contact: OfferedContact) -> OfferedContact {
    contact.push = None;
    contact
}

/// A registrar with a clock, a CSeq and a disk.
pub(super) struct Bench {
    pub(super) registrar: Registrar,
    pub(super) now: Now,
    pub(super) disk: Disk,
    pub(super) cseq: u32,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(registrar())
    }

    pub(super) fn with(registrar: Registrar) -> Self {
        let mut disk = Disk::default();
        for extension in registrar.extensions_after(None) {
            disk.apply(Change::PutExtension(extension.clone()));
        }
        Self { registrar, now: at(0), disk, cseq: 0 }
    }

    pub(super) fn pass(&mut self, wait: Duration) {
        self.now = self.now.after(wait);
        self.registrar.handle_timeout(self.now);
    }

    /// A REGISTER with a new CSeq.
    pub(super) fn request(&mut self, flow: Flow, contacts: Contacts) -> Registration {
        self.cseq += 1;
        Registration {
            extension: number("101"),
            username: "101".parse().unwrap(),
            flow,
            call_id: "call-id".into(),
            cseq: self.cseq,
            user_agent: "Phone/1".into(),
            path: Vec::new(),
            contacts,
        }
    }

    pub(super) fn send(&mut self, registration: Registration) -> RegisterOutcome {
        let outcome = self.registrar.register(registration, self.now);
        if let RegisterOutcome::Bound(bound) = &outcome {
            for change in &bound.changes {
                self.disk.apply(change.clone());
            }
        }
        outcome
    }

    pub(super) fn bind(&mut self, flow: Flow, contact: OfferedContact) -> Bound {
        let registration = self.request(flow, Contacts::List(vec![contact]));
        let bound = bound(self.send(registration));
        self.registrar.saved(&bound.saving);
        bound
    }

    pub(super) fn refused(&mut self, flow: Flow, contact: OfferedContact) -> Refusal {
        let registration = self.request(flow, Contacts::List(vec![contact]));
        refusal(self.send(registration))
    }

    /// All news since the last time, saved.
    pub(super) fn events(&mut self) -> Vec<RegistrarEvent> {
        let mut events = Vec::new();
        while let Some(event) = self.registrar.poll_event() {
            if let RegistrarEvent::Save(changes) = &event {
                for change in changes {
                    self.disk.apply(change.clone());
                }
            }
            events.push(event);
        }
        events
    }

    pub(super) fn wake_state(&self, device: i64) -> Option<WakeState> {
        self.registrar.device(DeviceId(device)).and_then(|view| view.wake_state())
    }

    pub(super) fn is_live(&self, device: i64) -> bool {
        self.registrar.device(DeviceId(device)).is_some_and(|view| view.live_binding().is_some())
    }

    pub(super) fn devices(&self) -> Vec<i64> {
        self.registrar.devices_of(number("101")).map(|view| view.id().0).collect()
    }

    /// A report about the target that the device has now.
    pub(super) fn report(&self, device: i64, kind: WakeKind) -> WakeReport {
        let view = self.registrar.device(DeviceId(device)).unwrap();
        WakeReport {
            wake_id: WakeId(Uuid::nil()),
            call: None,
            device: DeviceId(device),
            target: Arc::clone(view.wake_target().unwrap()),
            kind,
            at: self.now.wall,
            event: WakeEvent::Sent { attempt: 1 },
        }
    }

    pub(super) fn verdict(&mut self, device: i64, verdict: &Verdict) {
        let report = self.report(device, WakeKind::Call);
        self.registrar.wake_verdict(&report, verdict);
    }
}

pub(super) fn bound(outcome: RegisterOutcome) -> Bound {
    match outcome {
        RegisterOutcome::Bound(bound) => bound,
        RegisterOutcome::Refused(refusal) => panic!("refused: {refusal}"),
    }
}

pub(super) fn refusal(outcome: RegisterOutcome) -> Refusal {
    match outcome {
        RegisterOutcome::Bound(bound) => panic!("bound: {bound:?}"),
        RegisterOutcome::Refused(refusal) => refusal,
    }
}

/// What the store would hold. It refuses what the database's foreign and unique keys would refuse.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Disk {
    pub(super) extensions: BTreeMap<ExtensionNumber, Extension>,
    pub(super) devices: BTreeMap<DeviceId, StoredDevice>,
    pub(super) bindings: BTreeMap<DeviceId, StoredBinding>,
    pub(super) last_device: i64,
}

impl Disk {
    pub(super) fn apply(&mut self, change: Change) {
        match change {
            Change::PutExtension(extension) => {
                self.extensions.insert(extension.number, extension);
            }
            Change::DeleteExtension(number) => {
                self.extensions.remove(&number);
                self.devices.retain(|_, device| device.extension != number);
                self.bindings.retain(|device, _| self.devices.contains_key(device));
            }
            Change::PutDevice(device) => {
                assert!(self.extensions.contains_key(&device.extension), "a device without its extension");
                let twin = self.devices.values().any(|other| {
                    other.id != device.id && other.extension == device.extension && other.key == device.key
                });
                assert!(!twin, "two devices with one key");
                self.last_device = self.last_device.max(device.id.0);
                self.devices.insert(device.id, device);
            }
            Change::DeleteDevice(device) => {
                self.devices.remove(&device);
                self.bindings.remove(&device);
            }
            Change::PutLastWake { device, last_wake } => {
                self.devices.get_mut(&device).expect("the device is stored before its wake").last_wake =
                    Some(last_wake);
            }
            Change::PutUdpBinding(binding) => {
                assert!(self.devices.contains_key(&binding.device), "a binding without its device");
                self.bindings.insert(binding.device, binding);
            }
            Change::DeleteUdpBinding(device) => {
                self.bindings.remove(&device);
            }
            other @ (Change::PutCredential(_)
            | Change::DeleteCredential(_)
            | Change::PutCall(_)
            | Change::AppendTimeline(_)
            | Change::PutParked(_)
            | Change::PutRinging(_)
            | Change::DeleteParked(_)
            | Change::PutBlock(_)
            | Change::DeleteBlock { .. }
            | Change::PutKnownNetwork { .. }
            | Change::DeleteKnownNetwork(_)
            | Change::PutSettings(_)) => panic!("not the registrar's business: {other:?}"),
        }
    }

    pub(super) fn restored(&self, settings: &Settings) -> Restored {
        Restored {
            settings: settings.clone(),
            extensions: self.extensions.values().cloned().collect(),
            devices: self.devices.values().cloned().collect(),
            udp_bindings: self.bindings.values().cloned().collect(),
            last_device: self.last_device,
            ..Restored::default()
        }
    }
}
