//! What an admin, the API or the CLI can ask of the switchboard, and what it answers.
//!
//! A command that changes something is answered only after the change is durable and in force: saved means live.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::defence::BlockedAddress;
use crate::model::{
    CallId, CallUuid, DeviceId, DeviceSummary, Extension, ExtensionError, ExtensionNumber, Network, NewExtension,
    NumberError, Presence, PushOffer, PushPolicy, Redacted, Settings, SettingsError, SipCredential, SipUsername,
    UnixMillis,
};

use crate::registrar::{AppActivity, OfferedTarget, PushReport};

/// A wish.
#[derive(Debug, Clone)]
pub enum Command {
    /// Add extensions, all or none. `secret: None` lets the caller mint one first; the switchboard never makes secrets.
    AddExtensions(Vec<NewAccount>),
    /// Change an extension's owner or push switch.
    ChangeExtension {
        /// Which.
        number: ExtensionNumber,
        /// What; `None` leaves a field as it is.
        change: ExtensionChange,
    },
    /// Remove an extension with its accounts and devices; its calls end.
    RemoveExtension(ExtensionNumber),
    /// Add or replace a SIP account (at redemption of an enrolment, or when a secret is renewed).
    PutCredential(SipCredential),
    /// Remove a SIP account and every device that registered with it (logout, enrolment revoked).
    RemoveCredential(SipUsername),
    /// Switch all phones of an extension off or on. Off, none registers, calls, is called or pushed, and none is forgotten.
    SwitchPhones {
        /// Which extension.
        number: ExtensionNumber,
        /// On or off.
        enabled: bool,
    },
    /// Switch push for one device.
    SetDevicePush {
        /// Which.
        device: DeviceId,
        /// On or off.
        enabled: bool,
    },
    /// Set until when the wake target of a device may be used.
    SetPushPolicy {
        /// Which.
        device: DeviceId,
        /// Until logout, or while it is registered.
        policy: PushPolicy,
    },
    /// Say which push providers have a credential; phones are told (RFC 8599 `Feature-Caps`).
    SetPushOffer(PushOffer),
    /// Learn how an app can be woken that says so outside of SIP; it proves itself with the secret of its account.
    ReportPush {
        /// The account.
        username: SipUsername,
        /// Its SIP secret.
        secret: Redacted<String>,
        /// What it says.
        report: PushReport,
    },
    /// An app that proved its account says that it is installed, and how it is woken.
    ReportInstallation {
        /// The account.
        username: SipUsername,
        /// The value of `+sip.instance` without quotes and angle brackets.
        instance: String,
        /// Its program; kept until a REGISTER names one.
        user_agent: String,
        /// How it is woken; `None` leaves that as it is.
        target: Option<OfferedTarget>,
    },
    /// An app that proved its account says whether it is in front of its user.
    ReportActivity {
        /// The account.
        username: SipUsername,
        /// As in [`Self::ReportInstallation`].
        instance: String,
        /// In front or not.
        activity: AppActivity,
    },
    /// An app that proved its account says that a push for a call reached it.
    AcknowledgePush {
        /// The account.
        username: SipUsername,
        /// As in [`Self::ReportInstallation`].
        instance: String,
        /// The call, as the push named it.
        call: CallUuid,
        /// Whether it showed the call to its user.
        shown: bool,
    },
    /// Forget a device and both its records.
    RemoveDevice(DeviceId),
    /// Forget how a device can be woken; one that is not registered is forgotten altogether.
    ForgetToken(DeviceId),
    /// Push a test notice (never a VoIP push) to every device of an extension that has a wake target.
    TestPush(ExtensionNumber),
    /// The same to one device.
    TestPushDevice(DeviceId),
    /// Ring every device of an extension from Nightbell itself; whoever answers hears themselves.
    PlaceTestCall(ExtensionNumber),
    /// Tell the phone of an account to fetch its settings again (NOTIFY); answered when the phone has answered.
    CheckSync {
        /// The account.
        username: SipUsername,
        /// What the phone understands.
        event: CheckSyncEvent,
    },
    /// Replace the live settings.
    ChangeSettings(Settings),
    /// The live settings.
    ShowSettings,
    /// A page of extensions in order of number.
    ListExtensions {
        /// Start behind this number.
        after: Option<ExtensionNumber>,
        /// At most this many.
        limit: usize,
        /// Only those whose number or name contains this text.
        search: String,
    },
    /// The extensions whose phones are switched off.
    ListSwitchedOff,
    /// One extension with all its devices.
    ShowExtension(ExtensionNumber),
    /// A page of devices with a live binding or a wake target.
    ListDevices {
        /// Start behind this device.
        after: Option<DeviceId>,
        /// At most this many.
        limit: usize,
    },
    /// Calls that live now.
    ListCalls,
    /// Counts for the dashboard and `healthcheck`.
    Status,
    /// End a call.
    HangUp(CallId),
    /// Every block that holds now.
    ListBlocked,
    /// Lift every block of an address.
    Unblock(Network),
}

/// An extension with its first account; the digests are made by the caller from the secret and the realm.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Number, owner, address.
    pub extension: NewExtension,
    /// Its own account.
    pub credential: SipCredential,
}

/// A change of an extension; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct ExtensionChange {
    /// The owner's new name.
    pub name: Option<crate::model::DisplayName>,
    /// The owner's new address; `Some(None)` clears it.
    pub email: Option<Option<crate::model::EmailAddress>>,
    /// Push on or off.
    pub push_enabled: Option<bool>,
}

/// The answer to a command.
pub type CommandResult = Result<Reply, CommandError>;

/// What a command gives back.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Done and durable.
    Done,
    /// The live settings.
    Settings(Settings),
    /// A page of extensions.
    Extensions(ExtensionPage),
    /// One extension.
    Extension(Box<ExtensionDetail>),
    /// Extensions by number, in order.
    Numbers(Vec<ExtensionNumber>),
    /// A page of devices.
    Devices(Vec<DeviceSummary>),
    /// Calls that live now.
    Calls(Vec<ActiveCall>),
    /// Counts.
    Status(Status),
    /// The device an app has here.
    Device(DeviceId),
    /// How many test pushes went out, by device; the outcome follows as `Notice::Extension`.
    TestPushes(Vec<DeviceId>),
    /// The test call that rings now.
    TestCall(CallId),
    /// Every block that holds now, the newest first.
    Blocked(Vec<BlockedAddress>),
    /// What the phone said to [`Command::CheckSync`].
    CheckSync(CheckSyncAnswer),
}

/// The `Event` of the NOTIFY after which a phone fetches its settings again. No standard has it; each vendor documents its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckSyncEvent {
    /// `check-sync`.
    Plain,
    /// `check-sync;reboot=false`.
    WithoutRestart,
}

impl CheckSyncEvent {
    /// The value of the Event header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "check-sync",
            Self::WithoutRestart => "check-sync;reboot=false",
        }
    }
}

/// What came of asking a phone to fetch its settings again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome", content = "status")]
pub enum CheckSyncAnswer {
    /// No phone of the account is registered, so nobody was asked.
    NotRegistered,
    /// It gave this final answer; 200 to 299 mean that it will fetch.
    Answered(u16),
    /// It wants a password that is not that of its account.
    Challenged,
    /// It said nothing for 32 s, or its connection ended.
    NoAnswer,
}

/// A page of extensions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExtensionPage {
    /// The lines.
    pub extensions: Vec<ExtensionLine>,
    /// All extensions there are, also those the search leaves out.
    pub total: usize,
    /// Whether more follow.
    pub more: bool,
}

/// One line of the extension list.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExtensionLine {
    /// Number, owner, push switch.
    #[serde(flatten)]
    pub extension: Extension,
    /// The best presence among its devices.
    pub presence: Presence,
    /// Why it is unreachable; empty otherwise.
    pub reason: String,
    /// Devices known.
    pub devices: usize,
    /// Devices with a live binding.
    pub registered: usize,
    /// Devices that the next call wakes.
    pub armed: usize,
}

/// One extension with everything about it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExtensionDetail {
    /// The line of the list.
    #[serde(flatten)]
    pub line: ExtensionLine,
    /// Its devices, both records each.
    pub device_list: Vec<DeviceSummary>,
    /// Its account names.
    pub accounts: Vec<SipUsername>,
}

/// A call that lives now.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ActiveCall {
    /// The call log row.
    pub id: CallId,
    /// Its public name.
    pub uuid: CallUuid,
    /// The caller's number.
    pub caller: String,
    /// The number that was dialled.
    pub callee: String,
    /// When it began.
    pub started_at: UnixMillis,
    /// When somebody answered.
    pub answered_at: Option<UnixMillis>,
    /// Devices that ring, and devices that are being woken.
    pub ringing: usize,
    /// Devices that are being woken.
    pub waking: usize,
}

/// Counts for the dashboard.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Status {
    /// Extensions.
    pub extensions: usize,
    /// Devices with a live binding.
    pub registered: usize,
    /// Devices that the next call wakes.
    pub armed: usize,
    /// Calls that live now.
    pub calls: usize,
    /// Calls that wait for a device to wake.
    pub parked: usize,
    /// Draining: no new calls are taken.
    pub draining: bool,
}

/// Why a command was refused; nothing was changed, except as [`CommandError::NotSaved`] says.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CommandError {
    /// The number is taken.
    #[error("extension {0} exists already; choose another number or change that one")]
    NumberTaken(ExtensionNumber),
    /// The number occurs twice in one request.
    #[error("extension {0} is given twice; keep one of the two")]
    NumberTwice(ExtensionNumber),
    /// The account name is taken by another extension.
    #[error("the account name {0} is in use already")]
    UsernameTaken(SipUsername),
    /// There is no such extension.
    #[error("there is no extension {0}")]
    NoSuchExtension(ExtensionNumber),
    /// There is no such account.
    #[error("there is no account {0}")]
    NoSuchCredential(SipUsername),
    /// The secret is not that of the account, or there is no such account: both look the same.
    #[error("the user name or the secret of the SIP account is wrong")]
    WrongSecret,
    /// There is no such device.
    #[error("there is no device {0}")]
    NoSuchDevice(DeviceId),
    /// There is no such call.
    #[error("call {0} is not going on")]
    NoSuchCall(CallId),
    /// Nothing is blocked at this address.
    #[error("nothing is blocked at {0}")]
    NotBlocked(Network),
    /// The device was not pushed for that call, or the call is long over.
    #[error("this phone was not pushed for that call, or the call is long over")]
    NotPushed,
    /// No device of the extension has a wake target.
    #[error(
        "no device of extension {0} can be pushed: none has sent a push token yet; open the app on the phone once while it is registered here"
    )]
    NothingToPush(ExtensionNumber),
    /// No device of the extension can be called.
    #[error(
        "no phone of extension {0} can be reached now: none is registered and none can be woken; connect a phone with its QR code first, or open the app once"
    )]
    NobodyToRing(ExtensionNumber),
    /// An admin switched the phones of the extension off.
    #[error(
        "the phones of extension {0} were switched off by the admin; they keep their settings until they are switched on again"
    )]
    PhonesOff(ExtensionNumber),
    /// The extension is being tested.
    #[error("a test call to extension {0} is going on already; answer it, or wait until it has ended")]
    TestCallUnderWay(ExtensionNumber),
    /// The echo could not be started.
    #[error(
        "test calls are not possible: no UDP port on 127.0.0.1 was free for their sound when Nightbell started; start it again"
    )]
    NoEcho,
    /// More than the installation may hold.
    #[error("there is room for {0} and no more")]
    Full(&'static str),
    /// A setting is out of range.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A number is malformed.
    #[error(transparent)]
    Number(#[from] NumberError),
    /// A name or address is malformed.
    #[error(transparent)]
    Extension(#[from] ExtensionError),
    /// The realm cannot change while accounts exist.
    #[error("the realm is part of every stored account digest; it can only be changed while there are no accounts")]
    RealmInUse,
    /// The change could not be written to disk yet; it is in force, and written as soon as the disk takes it.
    #[error(
        "the change is in force but could not be written to disk yet, so a restart before it is would undo it; Nightbell writes it as soon as the disk takes it: see `nightbell doctor` for what is wrong"
    )]
    NotSaved,
    /// Too many commands at once.
    #[error("the switchboard is busy; nothing was changed, try again")]
    Busy,
    /// The switchboard is stopping.
    #[error("Nightbell is stopping; nothing was changed")]
    Stopping,
}

impl CommandError {
    /// The stable code in the API, in `doctor` and in the log.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NumberTaken(_) => "number_taken",
            Self::NumberTwice(_) => "number_twice",
            Self::UsernameTaken(_) => "username_taken",
            Self::NoSuchExtension(_) => "no_such_extension",
            Self::NoSuchCredential(_) => "no_such_account",
            Self::WrongSecret => "wrong_secret",
            Self::NoSuchDevice(_) => "no_such_device",
            Self::NoSuchCall(_) => "no_such_call",
            Self::NotBlocked(_) => "not_blocked",
            Self::NotPushed => "no_such_call",
            Self::NothingToPush(_) => "nothing_to_push",
            Self::NobodyToRing(_) => "nobody_to_ring",
            Self::PhonesOff(_) => "phones_off",
            Self::TestCallUnderWay(_) => "test_call_under_way",
            Self::NoEcho => "no_echo",
            Self::Full(_) => "full",
            Self::Settings(_) => "setting_out_of_range",
            Self::Number(_) => "number_malformed",
            Self::Extension(_) => "owner_malformed",
            Self::RealmInUse => "realm_in_use",
            Self::NotSaved => "not_saved",
            Self::Busy => "busy",
            Self::Stopping => "stopping",
        }
    }
}

/// The secret of an account as it is shown once.
pub type ShownSecret = Redacted<String>;
