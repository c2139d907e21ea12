//! The timeline as it is told: printed while it happens, kept for `--json`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::output;
use crate::phone::Events;

/// Who does something, as the timeline names them.
pub(super) const DESK: &str = "Desk phone";
pub(super) const IPHONE: &str = "iPhone app";
pub(super) const ANDROID: &str = "Android app";
pub(super) const APNS: &str = "APNs";
pub(super) const FCM: &str = "FCM";
pub(super) const SERVER: &str = "Nightbell";
pub(super) const PROOF: &str = "✓";

/// The longest name above.
const WHO: usize = 11;

/// What has been told so far.
#[derive(Debug)]
pub(super) struct Story {
    clock: Events,
    aloud: bool,
    lines: Vec<Value>,
    calls: Vec<Value>,
}

impl Story {
    /// Begins; `aloud` prints each line at once.
    pub(super) fn new(aloud: bool) -> Self {
        Self { clock: Events::new(), aloud, lines: Vec::new(), calls: Vec::new() }
    }

    /// The clock and the log of all phones.
    pub(super) const fn events(&self) -> &Events {
        &self.clock
    }

    pub(super) fn title(&self) {
        self.say(
            "Nightbell demo: the real server, three scripted phones, and stand-ins for Apple's and Google's push\n\
             services. Everything stays on this machine. Times are milliseconds since the start.\n\n",
        );
    }

    pub(super) fn act(&self, title: &str) {
        self.say(&format!("\n{title}\n"));
    }

    /// Somebody did something just now.
    pub(super) fn tell(&mut self, who: &str, what: &str) {
        self.tell_at(self.clock.elapsed(), who, what);
    }

    /// Somebody did something at this time.
    pub(super) fn tell_at(&mut self, at: Duration, who: &str, what: &str) {
        self.lines.push(json!({ "at_ms": at.as_millis(), "who": who, "what": what }));
        self.say(&format!("{:>7}  {who:<WHO$}  {what}\n", at.as_millis()));
    }

    /// A line of the call log, below its call.
    pub(super) fn quote(&self, text: &str) {
        self.say(&format!("         {text}\n"));
    }

    /// Keeps a call as the API showed it.
    pub(super) fn keep_call(&mut self, call: Value) {
        self.calls.push(call);
    }

    /// The last words of the play; `keeps` when the server goes on.
    pub(super) fn finale(&self, keeps: bool) {
        let seconds = self.clock.elapsed().as_millis();
        self.say(&format!(
            "\nEvery step was seen by the phones, by the push services' stand-ins and in the call log. It took {}.{} s.\n",
            seconds / 1000,
            seconds % 1000 / 100
        ));
        if !keeps {
            self.say("To look around in its pages: nightbell demo --keep. To run it for real: nightbell serve.\n");
        }
    }

    pub(super) fn took_ms(&self) -> u128 {
        self.clock.elapsed().as_millis()
    }

    pub(super) fn lines(&self) -> &[Value] {
        &self.lines
    }

    pub(super) fn calls(&self) -> &[Value] {
        &self.calls
    }

    fn say(&self, text: &str) {
        if self.aloud {
            output::print(text);
        }
    }
}
