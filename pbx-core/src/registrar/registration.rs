//! One authenticated REGISTER, typed: what `sip::translate` makes and the registrar takes.

use std::fmt;

use crate::model::{Environment, ExtensionNumber, Flow, PushProvider, Redacted, SipUsername};

use super::contact_uri;

/// An authenticated REGISTER for one address of record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Whose address of record (the user part of To).
    pub extension: ExtensionNumber,
    /// The account that proved itself.
    pub username: SipUsername,
    /// How it came; later requests to the device go back the same way.
    pub flow: Flow,
    /// Call-ID of the REGISTER.
    pub call_id: Box<str>,
    /// CSeq number of the REGISTER.
    pub cseq: u32,
    /// User-Agent; may be empty.
    pub user_agent: Box<str>,
    /// Path values (RFC 3327) in the order received; they become the Route of requests to the device.
    pub path: Vec<Box<str>>,
    /// What is to be bound.
    pub contacts: Contacts,
}

/// The Contact headers of a REGISTER.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contacts {
    /// None: only tell what is bound.
    Query,
    /// `Contact: *` with `Expires: 0`: remove everything.
    RemoveAll,
    /// Bind, renew or remove these.
    List(Vec<OfferedContact>),
}

/// One Contact value of a REGISTER. `Debug` hides the push parameters.
#[derive(Clone, PartialEq, Eq)]
pub struct OfferedContact {
    /// The URI exactly as received, without angle brackets.
    pub uri: Box<str>,
    /// The header parameters behind the URI exactly as received, with leading `;`, without `expires`.
    pub params: Box<str>,
    /// The user part and `host:port` of the URI, for devices without instance id.
    pub user_at_host_port: Box<str>,
    /// `+sip.instance` without quotes and angle brackets.
    pub instance: Option<Box<str>>,
    /// `reg-id` (RFC 5626).
    pub reg_id: Option<u32>,
    /// Seconds wished: the `expires` parameter, else the Expires header, else none.
    pub expires: Option<u32>,
    /// RFC 8599 parameters.
    pub push: Option<OfferedPush>,
    /// The Contact carries the `+sip.pnsreg` media tag: the app cannot wake itself to refresh.
    pub needs_refresh_push: bool,
}

impl fmt::Debug for OfferedContact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OfferedContact")
            .field("uri", &contact_uri::without_push_params(&self.uri))
            .field("instance", &self.instance)
            .field("reg_id", &self.reg_id)
            .field("expires", &self.expires)
            .field("push", &self.push)
            .field("needs_refresh_push", &self.needs_refresh_push)
            .finish_non_exhaustive()
    }
}

/// The RFC 8599 parameters of a Contact, in our words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OfferedPush {
    /// `pn-provider` without `pn-prid`: only asks what we can do; empty provider asks for all.
    Query(Option<PushProvider>),
    /// A provider we cannot push to; REGISTER is answered 555.
    Unsupported(Box<str>),
    /// How the device can be woken.
    Target(OfferedTarget),
}

/// A wake target as the phone names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedTarget {
    /// Who wakes it.
    pub provider: PushProvider,
    /// APNs: the topic without team and service; FCM: project id or sender number.
    pub app_id: Box<str>,
    /// From `apns.dev`, else production.
    pub environment: Environment,
    /// PushKit token or FCM token.
    pub call_token: Option<Redacted<String>>,
    /// APNs remote-notification token.
    pub notice_token: Option<Redacted<String>>,
}
