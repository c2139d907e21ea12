//! A client transaction (RFC 3261 section 17.1): one request, its repetitions over UDP, and its responses.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::agent::Shared;
use super::error::PhoneError;
use super::line::Line;
use super::message::Message;

/// RFC 3261 T1: the first wait before a repetition.
pub(super) const T1: Duration = Duration::from_millis(500);
/// RFC 3261 T2: the longest wait between repetitions.
pub(super) const T2: Duration = Duration::from_secs(4);
/// Responses waiting to be read by the script; a server sends a handful.
const RESPONSE_QUEUE: usize = 32;

/// A request under way.
pub(super) struct Transaction {
    shared: Arc<Shared>,
    line: Arc<Line>,
    key: String,
    /// The request as sent, with its Via.
    pub(super) request: Message,
    bytes: Vec<u8>,
    responses: mpsc::Receiver<Message>,
    interval: Duration,
    repeat_at: Option<Instant>,
}

impl Transaction {
    /// Sends `request`; a Via with a new branch is added unless it has one (CANCEL shares the one of its INVITE).
    pub(super) fn begin(shared: &Arc<Shared>, mut request: Message) -> Result<Self, PhoneError> {
        let line = shared.line()?;
        if request.branch().is_none() {
            let branch = format!("z9hG4bK{}", uuid::Uuid::new_v4().simple());
            let via = format!("SIP/2.0/{} {};branch={branch};rport", line.protocol(), line.local());
            request.push_front("Via", via);
        }
        let key = key(&request);
        let (sender, responses) = mpsc::channel(RESPONSE_QUEUE);
        shared.state().transactions.insert(key.clone(), sender);
        let bytes = request.to_bytes();
        shared.note_sent(&request);
        line.send(&bytes, None);
        let repeat_at = (!line.is_reliable()).then(|| Instant::now() + T1);
        Ok(Self { shared: Arc::clone(shared), line, key, request, bytes, responses, interval: T1, repeat_at })
    }

    /// The next response, repeating the request as RFC 3261 wants until there is one.
    pub(super) async fn next(&mut self, deadline: Instant) -> Result<Message, PhoneError> {
        loop {
            let wake = self.repeat_at.map_or(deadline, |at| at.min(deadline));
            match timeout_at(wake, self.responses.recv()).await {
                Ok(Some(response)) => {
                    self.heard(&response);
                    return Ok(response);
                }
                Ok(None) => return Err(PhoneError::NoConnection(self.shared.name.clone())),
                Err(_) if wake == deadline => return Err(self.timeout()),
                Err(_) => self.repeat(),
            }
        }
    }

    /// The final response.
    pub(super) async fn last(&mut self, deadline: Instant) -> Result<Message, PhoneError> {
        loop {
            let response = self.next(deadline).await?;
            if response.status().is_some_and(|status| status >= 200) {
                return Ok(response);
            }
        }
    }

    fn heard(&mut self, response: &Message) {
        let is_final = response.status().is_some_and(|status| status >= 200);
        if is_final || self.request.method() == Some("INVITE") {
            self.repeat_at = None;
        } else if self.repeat_at.is_some() {
            self.interval = T2;
            self.repeat_at = Some(Instant::now() + T2);
        }
    }

    fn repeat(&mut self) {
        self.line.send(&self.bytes, None);
        let longest = if self.request.method() == Some("INVITE") { T1 * 64 } else { T2 };
        self.interval = (self.interval * 2).min(longest);
        self.repeat_at = Some(Instant::now() + self.interval);
    }

    fn timeout(&self) -> PhoneError {
        let what = format!("an answer to {}", self.request.method().unwrap_or_default());
        PhoneError::Timeout { phone: self.shared.name.clone(), what, within: Duration::ZERO }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        self.shared.state().transactions.remove(&self.key);
    }
}

/// Branch and method name a transaction (RFC 3261 section 17.1.3).
pub(super) fn key(message: &Message) -> String {
    let method = message.cseq().map_or("", |(_, method)| method);
    format!("{}/{method}", message.branch().unwrap_or_default())
}

impl Shared {
    /// One request outside an INVITE, with one answer to a challenge, and its final response.
    pub(super) async fn ask(
        self: &Arc<Self>,
        mut request: Message,
        within: Duration,
        mut next_cseq: impl FnMut() -> u32,
    ) -> Result<Message, PhoneError> {
        let deadline = Instant::now() + within;
        loop {
            self.digest().authorize(&mut request);
            let mut transaction = Transaction::begin(self, request.clone())?;
            let response = transaction.last(deadline).await.map_err(|error| with_wait(error, within))?;
            let status = response.status().unwrap_or_default();
            if !matches!(status, 401 | 407) {
                return Ok(response);
            }
            self.challenged(&request, &response)?;
            let method = request.method().unwrap_or_default().to_owned();
            request.remove("CSeq");
            request.push("CSeq", format!("{} {method}", next_cseq()));
        }
    }

    /// Learns a challenge; an error when it cannot be answered.
    pub(super) fn challenged(&self, request: &Message, response: &Message) -> Result<(), PhoneError> {
        let method = request.method().unwrap_or_default().to_owned();
        self.note(super::event::EventKind::Challenged(method.clone()));
        let learnt = self.digest().learn(request, response);
        learnt.map_err(|why| {
            self.note(super::event::EventKind::Refused(method, response.status().unwrap_or_default()));
            PhoneError::Challenge { phone: self.name.clone(), why }
        })
    }
}

/// Puts the time that was allowed into a timeout.
pub(super) fn with_wait(error: PhoneError, allowed: Duration) -> PhoneError {
    match error {
        PhoneError::Timeout { phone, what, .. } => PhoneError::Timeout { phone, what, within: allowed },
        other @ (PhoneError::Setup(_)
        | PhoneError::Connect { .. }
        | PhoneError::NoConnection(_)
        | PhoneError::Refused { .. }
        | PhoneError::Challenge { .. }
        | PhoneError::CallOver { .. }
        | PhoneError::NotPossible { .. }
        | PhoneError::BadMessage { .. }) => other,
    }
}
