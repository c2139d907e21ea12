//! One call as the phone sees it: the dialog, what has happened, and the sound.
//!
//! Requests of the other side are answered by the reading task at once, so a script need not poll; it waits on the
//! [`CallView`] instead.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::agent::Shared;
use super::error::PhoneError;
use super::event::EventKind;
use super::line::Line;
use super::media::{Media, MediaReport};
use super::message::{Message, uri_of};
use super::sdp::{self, Audio, Direction};

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallEnd {
    /// This phone hung up.
    HungUp,
    /// The other side hung up; its Reason header.
    PeerHungUp(Option<String>),
    /// It was cancelled before anybody answered here; the Reason header of the CANCEL, or none when we cancelled.
    Cancelled(Option<String>),
    /// The other side or the server refused: status and phrase.
    Refused(u16, String),
    /// This phone refused with this status.
    RefusedHere(u16),
    /// The connection failed or no answer came; what was waited for.
    Failed(String),
}

impl fmt::Display for CallEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HungUp => f.write_str("hung up here"),
            Self::PeerHungUp(None) => f.write_str("hung up by the other side"),
            Self::PeerHungUp(Some(reason)) => write!(f, "hung up by the other side ({reason})"),
            Self::Cancelled(None) => f.write_str("cancelled"),
            Self::Cancelled(Some(reason)) => write!(f, "cancelled ({reason})"),
            Self::Refused(status, reason) => write!(f, "refused: {status} {reason}"),
            Self::RefusedHere(status) => write!(f, "refused here with {status}"),
            Self::Failed(why) => write!(f, "failed: {why}"),
        }
    }
}

/// What has happened in a call so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallView {
    /// Provisional answers heard, in order (100, 180, 183 ...).
    pub provisional: Vec<u16>,
    /// Somebody answered.
    pub answered: bool,
    /// The ACK arrived here.
    pub confirmed: bool,
    /// The other side put us on hold.
    pub on_hold: bool,
    /// Re-INVITEs and UPDATEs answered here.
    pub renegotiated: u32,
    /// How it ended, once it has.
    pub end: Option<CallEnd>,
    /// We asked to cancel.
    pub(super) cancelling: bool,
}

/// The dialog (RFC 3261 section 12) and its session description.
#[derive(Debug)]
pub(super) struct Dialog {
    /// Our From (or, when called, To) value with our tag.
    pub(super) local: String,
    /// Theirs, with their tag once known.
    pub(super) remote: String,
    /// Where their Contact says they are.
    pub(super) target: String,
    /// Route set, ready to be sent.
    pub(super) routes: Vec<String>,
    pub(super) cseq: u32,
    /// The INVITE that was received or sent last, with its Via.
    pub(super) invite: Message,
    /// Where answers to requests go.
    pub(super) peer: SocketAddr,
    /// The ACK to the 2xx, for repetitions of it.
    pub(super) ack: Option<Vec<u8>>,
    /// Their last description.
    pub(super) audio: Option<Audio>,
    /// Our last direction.
    pub(super) direction: Direction,
    pub(super) sdp_version: u32,
}

/// One call; the part that is the same for both sides.
#[derive(Debug)]
pub struct Leg {
    pub(super) shared: Weak<Shared>,
    phone: String,
    call_id: String,
    dialog: Mutex<Dialog>,
    view: watch::Sender<CallView>,
    pub(super) media: Media,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Leg {
    /// A call that came in.
    pub(super) fn arriving(shared: &Arc<Shared>, invite: Message, from: SocketAddr) -> Result<Arc<Self>, String> {
        let line = shared.line().map_err(|error| error.to_string())?;
        let need = |name: &str| invite.header(name).map(str::to_owned).ok_or(format!("the INVITE has no {name}"));
        let (call_id, remote, to) = (need("Call-ID")?, need("From")?, need("To")?);
        let target = uri_of(&need("Contact")?).to_owned();
        let audio = if invite.body.is_empty() { None } else { Some(sdp::read(&invite.body)?) };
        let dialog = Dialog {
            local: format!("{to};tag={}", uuid::Uuid::new_v4().simple()),
            remote,
            target,
            routes: invite.headers("Record-Route").map(str::to_owned).collect(),
            cseq: 0,
            invite,
            peer: from,
            ack: None,
            audio,
            direction: Direction::SendRecv,
            sdp_version: 0,
        };
        Self::new(shared, &line, call_id, dialog)
    }

    pub(super) fn new(shared: &Arc<Shared>, line: &Line, call_id: String, dialog: Dialog) -> Result<Arc<Self>, String> {
        let media = Media::open(line.local().ip(), &shared.config.extension).map_err(|error| error.to_string())?;
        Ok(Arc::new(Self {
            shared: Arc::downgrade(shared),
            phone: shared.name.clone(),
            call_id,
            dialog: Mutex::new(dialog),
            view: watch::Sender::new(CallView::default()),
            media,
        }))
    }

    /// The SIP Call-ID of this leg.
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// What has happened so far.
    pub fn view(&self) -> CallView {
        self.view.borrow().clone()
    }

    /// What has been heard so far.
    pub fn media(&self) -> MediaReport {
        self.media.report()
    }

    /// The address this phone receives sound at.
    pub fn media_addr(&self) -> SocketAddr {
        self.media.local()
    }

    /// Waits until `packets` more packets of another scripted phone have been recognised; the report then.
    pub async fn heard(&self, packets: u64, within: Duration) -> Result<MediaReport, PhoneError> {
        let before = self.media.report().recognised;
        let wanted = move |report: &MediaReport| report.recognised >= before + packets;
        self.wait_for_sound(wanted, "the other phone's voice", within).await
    }

    /// Waits until `packets` more packets of its own have come back: an echo; the report then.
    pub async fn hears_itself(&self, packets: u64, within: Duration) -> Result<MediaReport, PhoneError> {
        let before = self.media.report().echoed;
        let wanted = move |report: &MediaReport| report.echoed >= before + packets;
        self.wait_for_sound(wanted, "the phone's own voice", within).await
    }

    /// Waits until `packets` more RTP packets of any kind arrived; for calls with real telephones.
    pub async fn heard_anything(&self, packets: u64, within: Duration) -> Result<MediaReport, PhoneError> {
        let before = self.media.report().received;
        let wanted = move |report: &MediaReport| report.received >= before + packets;
        self.wait_for_sound(wanted, "sound", within).await
    }

    async fn wait_for_sound(
        &self,
        wanted: impl FnMut(&MediaReport) -> bool,
        what: &str,
        within: Duration,
    ) -> Result<MediaReport, PhoneError> {
        let mut reports = self.media.watch();
        let report = match timeout(within, reports.wait_for(wanted)).await {
            Ok(Ok(report)) => Some(report.clone()),
            Ok(Err(_)) | Err(_) => None,
        };
        report.ok_or_else(|| PhoneError::Timeout {
            phone: self.phone.clone(),
            what: format!("{what}; so far {:?}", self.media.report()),
            within,
        })
    }

    /// Waits for the end of the call.
    pub async fn ended(&self, within: Duration) -> Result<CallEnd, PhoneError> {
        let mut views = self.view.subscribe();
        let end = match timeout(within, views.wait_for(|view| view.end.is_some())).await {
            Ok(Ok(view)) => view.end.clone(),
            Ok(Err(_)) | Err(_) => None,
        };
        let what = "the end of the call".to_owned();
        end.ok_or_else(|| PhoneError::Timeout { phone: self.phone.clone(), what, within })
    }

    /// Waits for a state of the call; an error when the call ends first.
    pub async fn wait(
        &self,
        what: &str,
        within: Duration,
        wanted: impl Fn(&CallView) -> bool,
    ) -> Result<CallView, PhoneError> {
        let mut views = self.view.subscribe();
        let view = match timeout(within, views.wait_for(|view| wanted(view) || view.end.is_some())).await {
            Ok(Ok(view)) => Some(view.clone()),
            Ok(Err(_)) | Err(_) => None,
        };
        match view {
            Some(view) if wanted(&view) => Ok(view),
            Some(view) => Err(PhoneError::CallOver {
                phone: self.phone.clone(),
                what: what.to_owned(),
                end: view.end.map(|end| end.to_string()).unwrap_or_default(),
            }),
            None => Err(PhoneError::Timeout { phone: self.phone.clone(), what: what.to_owned(), within }),
        }
    }

    pub(super) fn dialog(&self) -> MutexGuard<'_, Dialog> {
        self.dialog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut CallView)) {
        self.view.send_modify(change);
    }

    pub(super) fn phone(&self) -> Result<Arc<Shared>, PhoneError> {
        self.shared.upgrade().ok_or_else(|| PhoneError::NoConnection(self.phone.clone()))
    }

    pub(super) fn not_possible(&self, what: &'static str) -> PhoneError {
        PhoneError::NotPossible { phone: self.phone.clone(), what }
    }

    /// Writes down the end, once, and falls quiet.
    pub(super) fn end(&self, shared: &Shared, how: CallEnd) {
        let mut first = false;
        self.view.send_modify(|view| {
            first = view.end.is_none();
            view.end.get_or_insert_with(|| how.clone());
        });
        self.media.speak_to(None);
        shared.state().legs.remove(&self.call_id);
        if first {
            shared.note(EventKind::Ended(how.to_string()));
        }
    }

    /// Takes in their description: speaks to them if both sides want that.
    pub(super) fn listen_to(&self, audio: Audio) {
        let direction = {
            let mut dialog = self.dialog();
            dialog.audio = Some(audio);
            dialog.direction
        };
        let speak = audio.direction.receives() && direction.sends() && audio.to.port() != 0 && audio.pcmu;
        self.media.speak_to(speak.then_some(audio.to));
        self.change(|view| view.on_hold = !audio.direction.receives());
    }

    /// Our description, each time with a higher version.
    pub(super) fn describe(&self, direction: Direction) -> Vec<u8> {
        let mut dialog = self.dialog();
        dialog.sdp_version += 1;
        dialog.direction = direction;
        sdp::write(self.media.local(), dialog.sdp_version, direction)
    }

    /// A request inside the dialog; ACK keeps the number of its INVITE.
    pub(super) fn in_dialog(&self, method: &str) -> Message {
        let mut dialog = self.dialog();
        if method != "ACK" {
            dialog.cseq += 1;
        }
        let mut request = Message::request(method, &dialog.target).with("Max-Forwards", "70");
        for route in &dialog.routes {
            request.push("Route", route.clone());
        }
        if let Some(shared) = self.shared.upgrade() {
            request.push("User-Agent", &shared.config.user_agent);
        }
        request
            .with("From", &dialog.local)
            .with("To", &dialog.remote)
            .with("Call-ID", &self.call_id)
            .with("CSeq", format!("{} {method}", dialog.cseq))
    }
}
