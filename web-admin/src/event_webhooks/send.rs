//! Delivering: one task for each receiver, which sends the oldest waiting event until it is taken or given up.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pbx_core::model::UnixMillis;
use push_module::{HttpClient, HttpError, Reply};
use tokio::sync::broadcast;
use tokio::task::AbortHandle;

use super::store::{self, Tried};
use super::{Delivery, DeliveryState, Receiver};
use crate::clock;
use crate::state::AdminState;
use crate::{say, t};

/// Between the attempts of a receiver that does not take its event; the last one repeats. After a day an event is given up.
const LADDER: [Duration; 6] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(3600),
];
/// How long an event waits for its receiver: a night and a working day. Older news is in the call log.
const EVENT_LIFE: Duration = Duration::from_secs(24 * 3600);
/// A receiver that took nothing for so long is switched off.
pub(crate) const DISABLE_AFTER: Duration = Duration::from_secs(5 * 86_400);
/// Attempts for an event that the receiver answers with a refusal: its own mistake may be mended meanwhile.
const REFUSALS: i64 = 3;
/// Longest wait that a receiver may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// A queue is looked at without a nudge so often.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// After the database could not be asked.
const AGAIN: Duration = Duration::from_secs(5);
/// The part of a receiver's answer that is shown.
const WORDS_CHARS: usize = 160;

/// What an answer means for the event and for the receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// 2xx.
    Taken,
    /// It does not want this event; others it may.
    Refused { detail: String },
    /// 410: it wants no event any more (Standard Webhooks specification).
    Gone { detail: String },
    /// No answer, or a trouble of its own.
    Unwell { detail: String, wait: Option<Duration> },
}

/// Keeps a sender for each receiver; returns never.
pub(super) async fn run(state: AdminState) {
    let mut changed = state.event_webhooks.changed.subscribe();
    let mut senders = Senders(BTreeMap::new());
    loop {
        changed.mark_unchanged();
        match store::list(&state.store).await {
            Ok(receivers) => senders.renew(&state, receivers, &state.event_webhooks.take_touched()),
            Err(error) => {
                tracing::warn!(%error, "the event webhooks cannot be read");
                tokio::time::sleep(AGAIN).await;
                continue;
            }
        }
        // The sender is part of the state, so it is there.
        let _ = changed.changed().await;
    }
}

/// The tasks by receiver; they end with it.
struct Senders(BTreeMap<i64, AbortHandle>);

impl Drop for Senders {
    fn drop(&mut self) {
        self.0.values().for_each(AbortHandle::abort);
    }
}

impl Senders {
    /// A task anew for each receiver that was changed: its next attempt knows it. Its attempt on the wire is made again.
    fn renew(&mut self, state: &AdminState, receivers: Vec<Receiver>, touched: &BTreeSet<i64>) {
        for id in touched {
            self.0.remove(id).iter().for_each(AbortHandle::abort);
        }
        for receiver in receivers.into_iter().filter(|receiver| receiver.enabled) {
            let id = receiver.id;
            self.0.entry(id).or_insert_with(|| tokio::spawn(serve(state.clone(), receiver)).abort_handle());
        }
    }
}

/// Sends what waits for one receiver, in order.
async fn serve(state: AdminState, mut receiver: Receiver) {
    let mut filled = state.event_webhooks.filled.subscribe();
    let mut line = Line::default();
    loop {
        let next = match next_of(&state, &receiver).await {
            Ok(next) => next,
            Err(error) => {
                tracing::warn!(%error, webhook = receiver.id, "the queue of an event webhook cannot be read");
                tokio::time::sleep(AGAIN).await;
                continue;
            }
        };
        let Some(delivery) = next else {
            nudge(&mut filled, receiver.id).await;
            continue;
        };
        let wait = receiver.next_at.since(clock::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait.min(LOOK_EVERY)).await;
            continue;
        }
        let tried = attempt(&state, &mut line, &receiver, &delivery).await;
        if let Err(error) = store::put_tried(&state.store, receiver.id, &tried, clock::now()).await {
            tracing::warn!(%error, webhook = receiver.id, "what became of an event cannot be noted; it is sent again");
            tokio::time::sleep(AGAIN).await;
            continue;
        }
        if let Some(why) = &tried.disabled {
            tracing::error!(code = "event_webhook_disabled", webhook = receiver.id, name = receiver.name, why);
            return;
        }
        (receiver.failures, receiver.failing_since, receiver.next_at) =
            (tried.failures, tried.failing_since, tried.next_at);
    }
}

/// The next event, without those that have waited too long.
async fn next_of(state: &AdminState, receiver: &Receiver) -> Result<Option<Delivery>, pbx_core::store::StoreError> {
    let now = clock::now();
    let oldest = UnixMillis(now.0 - i64::try_from(EVENT_LIFE.as_millis()).unwrap_or(i64::MAX));
    match store::head(&state.store, receiver.id).await? {
        Some(head) if head.created_at < oldest => {
            store::expire(&state.store, receiver.id, oldest, now).await?;
            store::head(&state.store, receiver.id).await
        }
        head => Ok(head),
    }
}

async fn nudge(filled: &mut broadcast::Receiver<i64>, id: i64) {
    let mine = async {
        loop {
            match filled.recv().await {
                Ok(other) if other != id => {}
                // What was missed may have been ours.
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => return,
                Err(broadcast::error::RecvError::Closed) => return std::future::pending().await,
            }
        }
    };
    let _ = tokio::time::timeout(LOOK_EVERY, mine).await;
}

/// The client in use, as long as connections leave the same way.
#[derive(Debug, Default)]
struct Line {
    client: Option<(u64, HttpClient)>,
}

async fn attempt(state: &AdminState, line: &mut Line, receiver: &Receiver, delivery: &Delivery) -> Tried {
    let now = clock::now();
    let (status, outcome) = match line.client(state, receiver) {
        Ok(client) => ask(&client, receiver, (&delivery.event_id, &delivery.body), now).await,
        Err(detail) => (None, Outcome::Unwell { detail, wait: None }),
    };
    judged(receiver, delivery, (status, outcome), clock::now())
}

/// Sends one document past the queue, over a connection of its own.
pub(super) async fn once(
    state: &AdminState,
    receiver: &Receiver,
    document: (&str, &str),
    now: UnixMillis,
) -> (Option<u16>, Outcome) {
    match Line::default().client(state, receiver) {
        Ok(client) => ask(&client, receiver, document, now).await,
        Err(detail) => (None, Outcome::Unwell { detail, wait: None }),
    }
}

impl Line {
    fn client(&mut self, state: &AdminState, receiver: &Receiver) -> Result<HttpClient, String> {
        let way = state.push.way();
        if let Some((of, client)) = &self.client
            && *of == way
        {
            return Ok(client.clone());
        }
        let authority = Some(receiver.authority.as_str()).filter(|pem| !pem.is_empty());
        let client = state.push.guarded_client(&receiver.url, receiver.allow_private, authority)?;
        self.client = Some((way, client.clone()));
        Ok(client)
    }
}

async fn ask(
    client: &HttpClient,
    receiver: &Receiver,
    (id, body): (&str, &str),
    now: UnixMillis,
) -> (Option<u16>, Outcome) {
    let old = receiver.old_key.as_ref().filter(|_| receiver.old_until.is_some_and(|until| until > now));
    let keys: Vec<_> = receiver.key.iter().chain(old).collect();
    if keys.is_empty() {
        let detail = t("send-its-secret-cannot-be-opened-with").to_owned();
        return (None, Outcome::Unwell { detail, wait: None });
    }
    match push_module::post_signed(client, &receiver.url, &keys, (id, body.to_owned().into()), now).await {
        Ok(reply) => (Some(reply.status), of_reply(&reply)),
        Err(HttpError::Blocked(blocked)) => {
            let detail = say("send-its-address-leads-to-where-events").with("blocked", &blocked).text();
            (None, Outcome::Unwell { detail, wait: None })
        }
        Err(HttpError::Unreachable(error)) => (None, Outcome::Unwell { detail: error.0, wait: None }),
    }
}

fn of_reply(reply: &Reply) -> Outcome {
    let status = reply.status;
    let text = String::from_utf8_lossy(&reply.body);
    let words: String =
        text.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(WORDS_CHARS).collect();
    let says = if words.trim().is_empty() || words.trim_start().starts_with('<') {
        String::new()
    } else {
        format!(": {}", words.trim())
    };
    match status {
        200..=299 => Outcome::Taken,
        410 => Outcome::Gone { detail: say("send-the-receiver-wants-no-events-any").with("says", &says).text() },
        408 | 425 | 429 | 500..=599 => Outcome::Unwell {
            detail: say("send-the-receiver-has-a-problem-http").with("status", &status).with("says", &says).text(),
            wait: reply.retry_after,
        },
        300..=399 => Outcome::Unwell {
            detail: say("send-the-receiver-sends-us-elsewhere-http").with("status", &status).text(),
            wait: None,
        },
        401 | 403 | 404 => Outcome::Unwell {
            detail: say("send-the-receiver-does-not-take-it").with("status", &status).with("says", &says).text(),
            wait: None,
        },
        _ => Outcome::Refused {
            detail: say("send-the-receiver-refuses-this-event-http").with("status", &status).with("says", &says).text(),
        },
    }
}

/// What an attempt means for the event, and when the receiver is asked again. Pure.
fn judged(
    receiver: &Receiver,
    delivery: &Delivery,
    (status, outcome): (Option<u16>, Outcome),
    now: UnixMillis,
) -> Tried {
    let tried = |state, detail: String| Tried {
        seq: delivery.seq,
        state,
        status,
        detail,
        failures: 0,
        failing_since: None,
        next_at: now,
        disabled: None,
    };
    let failures = receiver.failures + 1;
    let since = receiver.failing_since.unwrap_or(now);
    let pause = usize::try_from(receiver.failures).ok().and_then(|step| LADDER.get(step)).copied();
    let pause = pause.unwrap_or(LONGEST_WAIT);
    match outcome {
        Outcome::Taken => tried(DeliveryState::Delivered, String::new()),
        Outcome::Gone { detail } => Tried { disabled: Some(detail.clone()), ..tried(DeliveryState::Failed, detail) },
        Outcome::Unwell { detail, .. } | Outcome::Refused { detail } if now.since(since) >= DISABLE_AFTER => {
            let days = DISABLE_AFTER.as_secs() / 86_400;
            let why = format!("it took nothing for {days} days, last: {detail}");
            Tried { failures, failing_since: Some(since), disabled: Some(why), ..tried(DeliveryState::Failed, detail) }
        }
        // The receiver is there, so the next event has a chance of its own.
        Outcome::Refused { detail } if delivery.attempts + 1 >= REFUSALS => {
            Tried { failing_since: Some(since), ..tried(DeliveryState::Failed, detail) }
        }
        Outcome::Refused { detail } => {
            let again = tried(DeliveryState::Queued, detail);
            Tried { failures, failing_since: Some(since), next_at: now + pause, ..again }
        }
        Outcome::Unwell { detail, wait } => {
            let pause = pause.max(wait.unwrap_or_default().min(LONGEST_WAIT));
            let again = tried(DeliveryState::Queued, detail);
            Tried { failures, failing_since: Some(since), next_at: now + pause, ..again }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_webhooks::event::EventKind;

    const NOW: UnixMillis = UnixMillis(1_795_000_000_000);

    fn receiver(failures: i64, failing_since: Option<UnixMillis>) -> Receiver {
        Receiver {
            id: 1,
            name: "CRM".into(),
            url: "https://crm.example.com".into(),
            events: vec![EventKind::CallEnded],
            allow_private: false,
            authority: String::new(),
            key: None,
            old_key: None,
            old_until: None,
            secret_at: NOW,
            enabled: true,
            disabled_why: String::new(),
            failures,
            failing_since,
            next_at: NOW,
            last_success_at: None,
            created_at: NOW,
        }
    }

    fn delivery(attempts: i64) -> Delivery {
        Delivery {
            seq: 9,
            event_id: "x".into(),
            kind: "call.ended".into(),
            body: "{}".into(),
            state: DeliveryState::Queued,
            attempts,
            status: None,
            detail: String::new(),
            created_at: NOW,
            ended_at: None,
        }
    }

    fn unwell(wait: Option<u64>) -> (Option<u16>, Outcome) {
        (Some(503), Outcome::Unwell { detail: "ill".into(), wait: wait.map(Duration::from_secs) })
    }

    #[test]
    fn the_waits_grow_to_an_hour_and_a_receivers_own_wish_is_kept() {
        let waits: Vec<u64> = (0..8)
            .map(|failures| {
                judged(&receiver(failures, Some(NOW)), &delivery(0), unwell(None), NOW).next_at.since(NOW).as_secs()
            })
            .collect();
        assert_eq!(waits, [5, 30, 120, 600, 1800, 3600, 3600, 3600]);
        let wish =
            |wait| judged(&receiver(0, None), &delivery(0), unwell(Some(wait)), NOW).next_at.since(NOW).as_secs();
        assert_eq!((wish(90), wish(1), wish(999_999)), (90, 5, 3600));
    }

    #[test]
    fn five_days_without_success_and_a_410_switch_it_off() {
        let almost = UnixMillis(NOW.0 - 5 * 86_400_000 + 1);
        assert!(judged(&receiver(99, Some(almost)), &delivery(0), unwell(None), NOW).disabled.is_none());
        let long = UnixMillis(NOW.0 - 5 * 86_400_000);
        assert!(
            judged(&receiver(99, Some(long)), &delivery(0), unwell(None), NOW).disabled.unwrap().contains("5 days")
        );
        let gone = (Some(410), Outcome::Gone { detail: "no more".into() });
        assert_eq!(judged(&receiver(0, None), &delivery(0), gone, NOW).disabled.as_deref(), Some("no more"));
    }

    #[test]
    fn an_event_that_is_refused_gives_way_to_the_next_after_three_attempts() {
        let refused = || (Some(400), Outcome::Refused { detail: "what is this".into() });
        let states: Vec<DeliveryState> = (0..3)
            .map(|attempts| judged(&receiver(attempts, None), &delivery(attempts), refused(), NOW).state)
            .collect();
        assert_eq!(states, [DeliveryState::Queued, DeliveryState::Queued, DeliveryState::Failed]);
        let after = judged(&receiver(2, None), &delivery(2), refused(), NOW);
        assert_eq!((after.failures, after.failing_since, after.next_at), (0, Some(NOW), NOW));
    }

    #[test]
    fn a_taken_event_ends_all_trouble() {
        let taken = judged(&receiver(7, Some(UnixMillis(1))), &delivery(3), (Some(204), Outcome::Taken), NOW);
        assert_eq!((taken.state, taken.failures, taken.failing_since), (DeliveryState::Delivered, 0, None));
    }
}
