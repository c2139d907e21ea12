//! Event webhooks: what happens to calls and phones, told to programs of the admin's choice, signed as pushes to a relay are.
//!
//! ```text
//!  switchboard ── notices ──> watch ── events ──> queue in the database ──> one sender for each receiver ──> HTTPS
//!  call log ── timelines ──────^
//! ```
//!
//! - **Nobody waits for a receiver.** The switchboard knows of none: [`watch`] reads its notices and the call log, whose lines are
//!   durable anyway. Each receiver has a queue and a sender of its own.
//! - **At least once.** An event is in the queue before it is sent and stays there until it was taken, refused for good, too old
//!   or pushed out by a thousand newer ones. What happened to calls is made into events from the call log, also what happened
//!   shortly before a crash. Phones and alarms are compared with what was known, so what changed while Nightbell was
//!   stopped is not told.
//! - **In order** for each receiver: an event that is not taken holds up the later ones of this receiver, and nobody else's.

pub(crate) mod described;
pub(crate) mod event;
mod send;
pub(crate) mod store;
mod watch;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pbx_core::model::{Redacted, UnixMillis};
use push_module::credential::{BaseUrl, WebhookKey, check_ca};
use serde::{Deserialize, Serialize};
use tokio::sync::watch as changes;

use self::event::EventKind;
use self::store::Fields;
use crate::clock;
use crate::error::Refusal;
use crate::state::AdminState;
use crate::token::NoRandom;
use crate::{say, t};

pub(crate) use send::DISABLE_AFTER;

/// Receivers an installation may have: each costs a connection and a write for each event.
const RECEIVERS: i64 = 16;
/// Names longer than this are not names.
const NAME_CHARS: usize = 64;
/// How long a secret that was replaced goes on signing beside the new one.
const OLD_SECRET: Duration = Duration::from_secs(24 * 3600);
/// Deliveries shown.
pub(crate) const SHOWN: i64 = 50;

/// A receiver as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Receiver {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) events: Vec<EventKind>,
    pub(crate) allow_private: bool,
    pub(crate) authority: String,
    /// `None` when the secret does not open with this installation's master key.
    pub(crate) key: Option<WebhookKey>,
    pub(crate) old_key: Option<WebhookKey>,
    pub(crate) old_until: Option<UnixMillis>,
    pub(crate) secret_at: UnixMillis,
    pub(crate) enabled: bool,
    pub(crate) disabled_why: String,
    pub(crate) failures: i64,
    pub(crate) failing_since: Option<UnixMillis>,
    pub(crate) next_at: UnixMillis,
    pub(crate) last_success_at: Option<UnixMillis>,
    pub(crate) created_at: UnixMillis,
}

/// What became of an event for one receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DeliveryState {
    /// It waits, or is tried again.
    Queued,
    /// The receiver took it.
    Delivered,
    /// It was refused for good, or tried for a day.
    Failed,
    /// A thousand newer ones waited behind it.
    Dropped,
}

impl DeliveryState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }

    fn from_name(name: &str) -> Self {
        let known = [Self::Queued, Self::Delivered, Self::Dropped].into_iter().find(|state| state.as_str() == name);
        known.unwrap_or(Self::Failed)
    }
}

/// An event in a receiver's queue or behind it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(as = EventDelivery)]
pub(crate) struct Delivery {
    /// Counts up for each receiver.
    pub(crate) seq: i64,
    /// The header `webhook-id`.
    pub(crate) event_id: String,
    /// The event's `type`.
    pub(crate) kind: String,
    #[serde(skip)]
    pub(crate) body: String,
    pub(crate) state: DeliveryState,
    pub(crate) attempts: i64,
    /// The receiver's last HTTP status.
    pub(crate) status: Option<i64>,
    /// The last words about it.
    pub(crate) detail: String,
    pub(crate) created_at: UnixMillis,
    pub(crate) ended_at: Option<UnixMillis>,
}

/// What an admin gives.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewEventWebhook {
    /// A name for pages; left out, the host.
    #[serde(default)]
    pub(crate) name: String,
    /// Where events are sent: https, or http on this machine.
    pub(crate) url: String,
    pub(crate) events: Vec<EventKind>,
    /// Its host may be in a private network or on this machine.
    #[serde(default)]
    pub(crate) allow_private: bool,
    /// An additional trusted root in PEM, for a receiver with a certificate of the office's own.
    #[serde(default)]
    pub(crate) authority: String,
}

/// What may change; what is left out stays.
#[derive(Debug, Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EventWebhookChange {
    pub(crate) name: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) events: Option<Vec<EventKind>>,
    pub(crate) allow_private: Option<bool>,
    pub(crate) authority: Option<String>,
    /// Switched on again, it begins with what happens from then on.
    pub(crate) enabled: Option<bool>,
}

/// A receiver with a secret that is shown this once.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) receiver: Receiver,
    pub(crate) secret: Redacted<String>,
}

/// What a test brought.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(as = EventWebhookTest)]
pub(crate) struct Tested {
    /// Whether the receiver took it.
    pub(crate) ok: bool,
    pub(crate) status: Option<u16>,
    /// In plain words.
    pub(crate) detail: String,
}

/// Wakes the tasks when receivers change; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct EventWebhooks {
    changed: changes::Sender<u64>,
    /// Those that changed since the senders looked.
    touched: Arc<Mutex<BTreeSet<i64>>>,
    /// Which receivers have something new in their queue.
    filled: tokio::sync::broadcast::Sender<i64>,
}

impl Default for EventWebhooks {
    fn default() -> Self {
        // A sender that missed a nudge looks at its queue by itself within a minute.
        Self { changed: changes::channel(0).0, touched: Arc::default(), filled: tokio::sync::broadcast::channel(256).0 }
    }
}

impl EventWebhooks {
    fn announce(&self, id: i64) {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        self.changed.send_modify(|version| *version += 1);
    }

    fn take_touched(&self) -> BTreeSet<i64> {
        std::mem::take(&mut self.touched.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Tells receivers what happens until `stopped`.
pub(crate) async fn run(state: AdminState, stopped: impl Future<Output = ()> + Send) {
    let both = async { tokio::join!(watch::run(state.clone()), send::run(state.clone())) };
    tokio::select! {
        _ = both => {}
        // An attempt on the wire is made again at the next start: at least once.
        () = stopped => {}
    }
}

fn bad(field: &str, detail: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "event_webhook_malformed", detail).field(field)
}

fn checked(new: NewEventWebhook, enabled: bool) -> Result<Fields, Refusal> {
    let url = BaseUrl::required("url", &new.url).map_err(|wrong| bad("url", wrong.to_string()))?;
    let name = Some(new.name.trim()).filter(|name| !name.is_empty()).unwrap_or_else(|| url.host()).to_owned();
    if name.chars().count() > NAME_CHARS || name.chars().any(char::is_control) {
        return Err(bad(
            "name",
            say("event-webhooks-a-name-has-at-most-characters").with("name-chars", &NAME_CHARS).text(),
        ));
    }
    let mut events = new.events;
    events.sort();
    events.dedup();
    if events.is_empty() {
        return Err(bad("events", t("event-webhooks-choose-at-least-one-kind-of")));
    }
    let authority = check_ca(Some(&new.authority)).map_err(|wrong| bad("authority", wrong.to_string()))?;
    let url = url.as_str().to_owned();
    let (allow_private, authority) = (new.allow_private, authority.unwrap_or_default());
    Ok(Fields { name, url, events, allow_private, authority, enabled })
}

fn mint() -> Result<Redacted<String>, NoRandom> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(|_| NoRandom)?;
    Ok(Redacted::new(format!("whsec_{}", STANDARD.encode(bytes))))
}

/// One receiver, or the refusal.
pub(crate) async fn one(state: &AdminState, id: i64) -> Result<Receiver, Refusal> {
    let found = store::one(&state.store, id).await?;
    found.ok_or_else(|| {
        Refusal::not_found(
            "no_such_event_webhook",
            say("event-webhooks-there-is-no-event-webhook").with("id", &id).text(),
        )
    })
}

/// Adds a receiver; its secret is made here and shown this once.
pub(crate) async fn add(state: &AdminState, new: NewEventWebhook) -> Result<Made, Refusal> {
    let fields = checked(new, true)?;
    let secret = mint()?;
    let id = store::insert(&state.store, &fields, &secret, (RECEIVERS, clock::now())).await?.ok_or_else(|| {
        let text = say("event-webhooks-there-are-event-webhooks-already-remove").with("receivers", &RECEIVERS).text();
        Refusal::new(StatusCode::CONFLICT, "full", text)
    })?;
    crate::audit::note(format!("event webhook {id} “{}” to {}", fields.name, fields.url));
    state.event_webhooks.announce(id);
    Ok(Made { receiver: one(state, id).await?, secret })
}

/// Changes a receiver; it is tried at once, whatever happened before.
pub(crate) async fn change(state: &AdminState, id: i64, change: EventWebhookChange) -> Result<Receiver, Refusal> {
    let before = one(state, id).await?;
    let new = NewEventWebhook {
        name: change.name.unwrap_or(before.name),
        url: change.url.unwrap_or(before.url),
        events: change.events.unwrap_or(before.events),
        allow_private: change.allow_private.unwrap_or(before.allow_private),
        authority: change.authority.unwrap_or(before.authority),
    };
    let fields = checked(new, change.enabled.unwrap_or(before.enabled))?;
    store::update(&state.store, id, &fields).await?;
    crate::audit::note(format!("event webhook {id} “{}” to {}", fields.name, fields.url));
    state.event_webhooks.announce(id);
    one(state, id).await
}

/// Makes a new secret; the one before signs beside it for a day, so that the receiver can be told in peace.
pub(crate) async fn rotate(state: &AdminState, id: i64) -> Result<Made, Refusal> {
    one(state, id).await?;
    let (secret, now) = (mint()?, clock::now());
    store::rotate(&state.store, id, &secret, (now + OLD_SECRET, now)).await?;
    crate::audit::note(format!("event webhook {id}"));
    state.event_webhooks.announce(id);
    Ok(Made { receiver: one(state, id).await?, secret })
}

/// Forgets a receiver with its queue.
pub(crate) async fn remove(state: &AdminState, id: i64) -> Result<(), Refusal> {
    let receiver = one(state, id).await?;
    store::remove(&state.store, id).await?;
    crate::audit::note(format!("event webhook {id} “{}”", receiver.name));
    state.event_webhooks.announce(id);
    Ok(())
}

/// Sends a test past the queue and waits for the answer.
pub(crate) async fn test(state: &AdminState, id: i64) -> Result<Tested, Refusal> {
    let receiver = one(state, id).await?;
    let now = clock::now();
    let name = crate::token::mint("test-")?.text;
    let (status, outcome) = send::once(state, &receiver, (&name, &event::test(now)), now).await;
    Ok(match outcome {
        send::Outcome::Taken => {
            Tested { ok: true, status, detail: t("event-webhooks-the-receiver-took-it").to_owned() }
        }
        send::Outcome::Refused { detail } | send::Outcome::Gone { detail } | send::Outcome::Unwell { detail, .. } => {
            Tested { ok: false, status, detail }
        }
    })
}
