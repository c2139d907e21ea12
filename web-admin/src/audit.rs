//! The audit log: who did what, when, from where and with which result, for pages, the API, the Unix socket and sign-ins.
//!
//! Whatever changes anything passes [`watch`], which the guards of `session.rs` put around every closed route; handlers
//! only add what changed with [`note`]. Bodies are never looked at, so no secret can get in. Lines are chained by their
//! hashes and the ends of the chain are sealed under the master key (`audit/store.rs`).

pub(crate) mod store;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, OriginalUri, Request};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use pbx_core::model::UnixMillis;
use pbx_core::store::{Store, StoreError};
use tokio::sync::Mutex;

use self::store::{Entry, Verdict};
use crate::clock;
use crate::role::Door;
use crate::session::{SignedIn, caller_address};
use crate::state::AdminState;

/// Longer texts are cut; nothing of ours comes near.
const MAX_TEXT: usize = 400;
/// Lines that people who are not signed in can cause within [`WINDOW`]; the rest are counted and said in the next line.
const STRANGERS_LINES: u32 = 30;
/// See [`STRANGERS_LINES`].
const WINDOW: Duration = Duration::from_secs(60);

tokio::task_local! {
    static NOTES: RefCell<Vec<String>>;
}

/// Adds to the line of the request in hand what was changed, without secrets.
pub(crate) fn note(text: impl Into<String>) {
    // Outside of a request there is no line to add to.
    let _ = NOTES.try_with(|notes| notes.borrow_mut().push(text.into()));
}

/// Writes the log, one line after the other; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Audit {
    inner: Arc<Mutex<Strangers>>,
}

/// How much strangers have caused lately.
#[derive(Debug, Default)]
struct Strangers {
    since: UnixMillis,
    lines: u32,
    left_out: u64,
}

impl Audit {
    /// Adds a line about somebody who has proved who they are. A failure is logged and holds up nothing: what it is about
    /// has happened.
    pub(crate) async fn record(&self, store: &Store, entry: Entry) {
        let _one_at_a_time = self.inner.lock().await;
        append(store, entry).await;
    }

    /// Adds a line that a stranger has caused, if there were not too many of those lately.
    pub(crate) async fn record_stranger(&self, store: &Store, mut entry: Entry) {
        let mut strangers = self.inner.lock().await;
        let now = clock::now();
        if now.since(strangers.since) > WINDOW || strangers.since > now {
            strangers.since = now;
            strangers.lines = 0;
        }
        if strangers.lines >= STRANGERS_LINES {
            strangers.left_out += 1;
            return;
        }
        strangers.lines += 1;
        if strangers.left_out > 0 {
            entry.detail = format!("{} (and {} more before it)", entry.detail, strangers.left_out);
            strangers.left_out = 0;
        }
        append(store, entry).await;
    }

    /// Looks at the whole chain; nobody writes meanwhile.
    pub(crate) async fn check(&self, store: &Store) -> Result<Verdict, StoreError> {
        let _nobody_writes = self.inner.lock().await;
        store::check(store).await
    }
}

async fn append(store: &Store, mut entry: Entry) {
    for text in
        [&mut entry.who, &mut entry.address, &mut entry.action, &mut entry.target, &mut entry.result, &mut entry.detail]
    {
        *text = text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect();
    }
    if let Err(error) = store::append(store, entry, clock::now()).await {
        tracing::error!(%error, "the audit log could not be written");
    }
}

/// Runs a request of somebody who is signed in, and writes a line if it changed something or was refused for their role.
pub(crate) async fn watch(state: &AdminState, who: &SignedIn, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let reads = matches!(method, Method::GET | Method::HEAD | Method::OPTIONS);
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let target = request.extensions().get::<OriginalUri>().map(|uri| uri.path().to_owned());
    let target = target.unwrap_or_else(|| request.uri().path().to_owned());
    let address = match who.door {
        Door::Socket => "this machine".to_owned(),
        Door::Session { .. } | Door::Token { .. } => caller_address(request.extensions()).to_string(),
    };
    let (response, notes) = NOTES
        .scope(RefCell::default(), async {
            let response = next.run(request).await;
            (response, NOTES.with(RefCell::take))
        })
        .await;
    let status = response.status();
    if reads && status != StatusCode::FORBIDDEN {
        return response;
    }
    let entry = Entry {
        who: who.name.clone(),
        role: who.role.as_str().to_owned(),
        door: door_word(&who.door),
        address,
        action: format!("{method} {}", route.unwrap_or_else(|| "nothing here".to_owned())),
        target,
        result: result_word(status),
        detail: notes.join("; "),
    };
    state.audit.record(&state.store, entry).await;
    response
}

const fn door_word(door: &Door) -> &'static str {
    match door {
        Door::Session { .. } => "session",
        Door::Token { .. } => "token",
        Door::Socket => "socket",
    }
}

fn result_word(status: StatusCode) -> String {
    if status.is_server_error() {
        format!("failed ({})", status.as_u16())
    } else if status.is_client_error() {
        format!("refused ({})", status.as_u16())
    } else {
        "done".to_owned()
    }
}
