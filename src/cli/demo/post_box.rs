//! What the stand-ins deliver to the phones: every accepted push, with the time it was accepted.

use std::collections::VecDeque;
use std::time::Duration;

use push_module::standin::{AcceptedPush, ApnsStandin, FcmStandin};
use tokio::sync::{broadcast, mpsc};
use tokio::time::{Instant, timeout_at};

use crate::phone::Events;

/// The demo's three calls lead to five pushes; with `--keep` somebody may press "Test push" many times.
const QUEUE: usize = 64;

/// A push that reached a phone.
#[derive(Debug, Clone)]
pub(super) struct Delivered {
    /// On the story's clock.
    pub(super) at: Duration,
    pub(super) push: AcceptedPush,
}

impl Delivered {
    /// A text of the payload, empty when it has none of this name.
    pub(super) fn field(&self, name: &str) -> &str {
        self.push.payload.get(name).and_then(serde_json::Value::as_str).unwrap_or_default()
    }
}

/// All pushes nobody has taken yet, in the order of their acceptance.
#[derive(Debug)]
pub(super) struct PostBox {
    arriving: mpsc::Receiver<Delivered>,
    waiting: VecDeque<Delivered>,
}

impl PostBox {
    pub(super) fn open(clock: &Events, apns: &ApnsStandin, fcm: &FcmStandin) -> Self {
        let (deliver, arriving) = mpsc::channel(QUEUE);
        tokio::spawn(carry(apns.subscribe(), deliver.clone(), clock.clone()));
        tokio::spawn(carry(fcm.subscribe(), deliver, clock.clone()));
        Self { arriving, waiting: VecDeque::new() }
    }

    /// The next push for a token; `None` when none came in time.
    pub(super) async fn take(&mut self, token: &str, within: Duration) -> Option<Delivered> {
        if let Some(place) = self.waiting.iter().position(|delivered| delivered.push.token == token) {
            return self.waiting.remove(place);
        }
        let deadline = Instant::now() + within;
        loop {
            let delivered = timeout_at(deadline, self.arriving.recv()).await.ok()??;
            if delivered.push.token == token {
                return Some(delivered);
            }
            self.waiting.push_back(delivered);
        }
    }

    /// The next push for anybody.
    pub(super) async fn next(&mut self) -> Option<Delivered> {
        match self.waiting.pop_front() {
            Some(delivered) => Some(delivered),
            None => self.arriving.recv().await,
        }
    }
}

async fn carry(mut accepted: broadcast::Receiver<AcceptedPush>, deliver: mpsc::Sender<Delivered>, clock: Events) {
    loop {
        match accepted.recv().await {
            Ok(push) => {
                let delivered = Delivered { at: clock.elapsed(), push };
                if deliver.send(delivered).await.is_err() {
                    return;
                }
            }
            // A push that was missed is missed by the phone too, and the step that waits for it says so.
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}
