//! `/events`: tells open pages what changed, never how; the page then asks for itself again.
//!
//! A stream ends by itself after a while and the browser opens it anew, so an ended session is noticed. A reader that
//! lags is told to look at everything again instead of being sent what it missed.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use pbx_core::model::ExtensionNumber;
use pbx_core::switchboard::output::Notice;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use crate::layout::Frame;
use crate::role::Role;
use crate::state::{AdminState, OpenStream};

/// Proxies close quieter connections.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// After this long the browser has to show its session again.
const RENEW_AFTER: Duration = Duration::from_secs(10 * 60);

struct Stream {
    notices: Receiver<Notice>,
    /// A user is told of this extension only.
    only: Option<Option<ExtensionNumber>>,
    until: Instant,
    _open: OpenStream,
}

pub(crate) async fn stream(State(state): State<AdminState>, frame: Frame) -> Response {
    let Some(open) = state.streams.open(&frame.signed_in.session) else {
        return StatusCode::TOO_MANY_REQUESTS.into_response();
    };
    let (notices, until) = (state.switchboard.notices(), Instant::now() + RENEW_AFTER);
    let only = (frame.signed_in.role == Role::User).then_some(frame.signed_in.extension);
    let events = stream::unfold(Stream { notices, only, until, _open: open }, next);
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

async fn next(mut stream: Stream) -> Option<(Result<Event, Infallible>, Stream)> {
    loop {
        let received = tokio::time::timeout_at(stream.until, stream.notices.recv()).await.ok()?;
        let event = match received {
            Ok(notice) if !concerns(stream.only, notice) => continue,
            Ok(notice) => event(notice),
            Err(RecvError::Lagged(_)) => Event::default().event("reload").data(""),
            Err(RecvError::Closed) => return None,
        };
        return Some((Ok(event), stream));
    }
}

/// Whether a notice is for whoever listens.
fn concerns(only: Option<Option<ExtensionNumber>>, notice: Notice) -> bool {
    match (only, notice) {
        (None, _) => true,
        (Some(own), Notice::Extension(number)) => own == Some(number),
        (Some(_), Notice::Call(_) | Notice::Settings) => false,
    }
}

fn event(notice: Notice) -> Event {
    match notice {
        Notice::Extension(number) => Event::default().event("extension").data(number.to_string()),
        Notice::Call(call) => Event::default().event("call").data(call.to_string()),
        Notice::Settings => Event::default().event("settings").data(""),
    }
}
