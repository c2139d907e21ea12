//! The way into a new connection: one attempt opens it, the others of the same moment wait for that instead of opening one each.
//!
//! An HTTP library that lets TLS agree on the protocol knows only after the handshake that one connection is enough, so 500
//! pushes of a group call would begin 500 handshakes. Apple's is known to be HTTP/2 and is one, but allows one stream until the
//! first good provider token, which the library learns only after it has sent a hundred.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// How long others wait for the first: a handshake and an answer over a slow line. They go anyway afterwards, so that one slow
/// push holds up nobody for longer.
const WAIT: Duration = Duration::from_millis(800);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Shut,
    Opening,
    Open,
}

#[derive(Debug, Clone)]
pub(super) struct Door {
    state: Arc<watch::Sender<State>>,
}

/// Held by the attempt that opens the connection; dropped without success, the next one tries.
#[derive(Debug)]
pub(super) struct Opening<'a> {
    door: &'a Door,
    answered: bool,
}

impl Opening<'_> {
    /// There was an answer: everybody may come.
    pub(super) fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        self.door.state.send_replace(if self.answered { State::Open } else { State::Shut });
    }
}

impl Door {
    pub(super) fn new() -> Self {
        Self { state: Arc::new(watch::Sender::new(State::Shut)) }
    }

    /// Passes at once through an open door; else opens it, or waits for whoever does.
    pub(super) async fn pass(&self) -> Option<Opening<'_>> {
        if *self.state.borrow() == State::Open {
            return None;
        }
        let wait = async {
            let mut changes = self.state.subscribe();
            loop {
                let mut first = false;
                self.state.send_if_modified(|state| {
                    first = *state == State::Shut;
                    if first {
                        *state = State::Opening;
                    }
                    false
                });
                if first {
                    return Some(Opening { door: self, answered: false });
                }
                // The sender is ours, so it cannot be gone.
                let _ = changes.wait_for(|state| *state != State::Opening).await;
                if *self.state.borrow() == State::Open {
                    return None;
                }
            }
        };
        tokio::time::timeout(WAIT, wait).await.unwrap_or(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_opens_and_the_others_follow() {
        let door = Door::new();
        let first = door.pass().await.unwrap();
        let (waiting, ()) = tokio::join!(door.pass(), async {
            tokio::task::yield_now().await;
            first.answered();
        });
        assert!(waiting.is_none());
        assert!(door.pass().await.is_none());
    }

    #[tokio::test]
    async fn who_waits_tries_next_when_the_first_got_no_answer() {
        let door = Door::new();
        let first = door.pass().await.unwrap();
        let (next, ()) = tokio::join!(door.pass(), async {
            tokio::task::yield_now().await;
            drop(first);
        });
        assert!(next.is_some());
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let door = Door::new();
        let _first = door.pass().await.unwrap();
        assert!(door.pass().await.is_none());
    }
}
