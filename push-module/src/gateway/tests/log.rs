//! What ends up in the log while phones are woken.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, LazyLock, Mutex};

use pbx_core::model::{Verdict, WakeKind};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};

use super::office::{CALL_TOKEN, FCM_TOKEN, Office, apns_target, apple, fcm_target, google, verdicts};
use crate::standin::{AnyToken, ApnsFault, FcmFault};

/// Writes down everything that any crate logs.
#[derive(Clone, Default)]
pub(super) struct Everything {
    lines: Arc<Mutex<Vec<(Level, String)>>>,
}

/// Hears nothing; it is there so that no listener is the only one.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(Everything::default()));

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Everything {
    /// Hears what this thread logs until the guard is dropped.
    pub(super) fn listen(self) -> DefaultGuard {
        // With one listener in the process, a line that another thread logs first is switched off by that thread's having none.
        LazyLock::force(&SECOND);
        tracing::subscriber::set_default(self)
    }

    /// What was heard so far.
    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().iter().map(|(_, line)| line.clone()).collect()
    }

    fn write(&self, metadata: &Metadata<'_>, line: Line) {
        self.lines.lock().unwrap().push((*metadata.level(), format!("{}:{}", metadata.target(), line.0)));
    }
}

impl Subscriber for Everything {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut line = Line(String::new());
        span.record(&mut line);
        self.write(span.metadata(), line);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = Line(String::new());
        values.record(&mut line);
        self.lines.lock().unwrap().push((Level::TRACE, line.0));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.write(event.metadata(), line);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn no_log_line_of_any_crate_shows_a_token_or_a_key() {
    let everything = Everything::default();
    let _guard = everything.clone().listen();
    let mut office = Office::open().await;
    let apple = apple(&office).await;
    let google = google(&office).await;
    apple.script(AnyToken, ApnsFault::Disconnect, 1);
    google.script(AnyToken, FcmFault::Disconnect, 1);
    for target in [apns_target(), fcm_target()] {
        let events = office.wake(WakeKind::Call, target).await;
        assert_eq!(verdicts(&events).last(), Some(&Verdict::Accepted));
    }
    let lines = everything.lines.lock().unwrap();
    assert!(lines.iter().any(|(_, line)| line.contains("push credential added")), "the log is heard");
    assert!(lines.iter().any(|(_, line)| line.starts_with("h2::")), "the HTTP/2 library's log is heard too");
    for (level, line) in lines.iter() {
        for secret in [CALL_TOKEN, FCM_TOKEN, "ya29.", "eyJ", "PRIVATE KEY", "MIG"] {
            assert!(!line.contains(secret), "{level} {line}");
        }
    }
}
