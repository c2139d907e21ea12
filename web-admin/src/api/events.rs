//! `/events`: device and call events as they happen, with ids to go on from.
//!
//! An event says what changed, never how; the reader asks for the thing itself. A reader that falls behind gets `resync` and is
//! dropped; so does one that comes back with an id that is no longer known.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use super::Answer;
use crate::error::Refusal;
use crate::event_log::{EventLog, LoggedEvent, Resumed};
use crate::session::SignedIn;
use crate::state::{AdminState, OpenStream};

/// Proxies close quieter connections.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// After this long the reader has to show its token again; it goes on where it was.
const RENEW_AFTER: Duration = Duration::from_secs(10 * 60);

struct Reader {
    log: EventLog,
    resumed: Resumed,
    waiting: VecDeque<Arc<LoggedEvent>>,
    until: Instant,
    over: bool,
    _open: OpenStream,
}

/// Streams events.
#[utoipa::path(
    get,
    path = "/events",
    operation_id = "events",
    tag = "System",
    summary = "Device and call events as they happen (Server-Sent Events).",
    description = "Events are `extension`, `call` and `settings`, with `LoggedEvent` as data. `resync` means that some were \
        missed: read everything anew. The stream ends after ten minutes; go on with `Last-Event-ID`.",
    params(("Last-Event-ID" = Option<String>, Header, description = "The id of the event that was seen last")),
    responses((status = 200, description = "The stream.", body = String, content_type = "text/event-stream"))
)]
pub(crate) async fn stream(
    State(state): State<AdminState>,
    Extension(who): Extension<SignedIn>,
    headers: HeaderMap,
) -> Answer<Response> {
    let open = state.streams.open(&format!("api:{}", who.session)).ok_or_else(|| {
        let text = "too many event streams are open with this token; close one of them";
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, "busy", text)
    })?;
    let last = headers.get("last-event-id").map(|id| id.to_str().unwrap_or(""));
    let resumed = state.event_log.resume(last);
    let waiting = resumed.missed.iter().cloned().collect();
    let until = Instant::now() + RENEW_AFTER;
    let reader = Reader { log: state.event_log.clone(), resumed, waiting, until, over: false, _open: open };
    let events = stream::unfold(reader, next);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

async fn next(mut reader: Reader) -> Option<(Result<Event, Infallible>, Reader)> {
    if reader.over {
        return None;
    }
    if std::mem::take(&mut reader.resumed.lost) {
        let event = resync(&reader.log.name(reader.resumed.newest));
        return Some((Ok(event), reader));
    }
    if let Some(event) = reader.waiting.pop_front() {
        return Some((Ok(written(&reader.log, &event)), reader));
    }
    let received = tokio::time::timeout_at(reader.until, reader.resumed.following.recv()).await.ok()?;
    let event = match received {
        Ok(event) => written(&reader.log, &event),
        Err(RecvError::Lagged(_)) => {
            reader.over = true;
            resync(&reader.log.name(reader.log.resume(None).newest))
        }
        Err(RecvError::Closed) => return None,
    };
    Some((Ok(event), reader))
}

fn resync(id: &str) -> Event {
    Event::default().event("resync").id(id).data("{}")
}

fn written(log: &EventLog, event: &LoggedEvent) -> Event {
    let data = serde_json::to_string(event).unwrap_or_default();
    Event::default().event(event.kind).id(log.name(event.number)).data(data)
}
