//! What the server has acknowledged, and what was under way: after a kill it must show one of the two.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::watch;

/// One thing that can be written, with its last acknowledged value.
#[derive(Debug, Clone, PartialEq)]
struct Slot {
    known: Value,
    /// A value the server was asked for without having answered yet. Each thing is written by one hand only.
    under_way: Option<Value>,
}

/// The book; clones are the same book.
#[derive(Debug, Clone)]
pub(super) struct Book {
    slots: Arc<Mutex<BTreeMap<String, Slot>>>,
    acknowledged: watch::Sender<u64>,
}

impl Book {
    pub(super) fn new() -> Self {
        Self { slots: Arc::default(), acknowledged: watch::Sender::new(0) }
    }

    fn slots(&self) -> MutexGuard<'_, BTreeMap<String, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A write is about to be asked for.
    pub(super) fn ask(&self, thing: &str, value: Value) {
        let mut slots = self.slots();
        let slot = slots.entry(thing.to_owned()).or_insert(Slot { known: Value::Null, under_way: None });
        slot.under_way = Some(value);
    }

    /// The server has acknowledged what was asked for last.
    pub(super) fn acknowledge(&self, thing: &str) {
        if let Some(slot) = self.slots().get_mut(thing)
            && let Some(value) = slot.under_way.take()
        {
            slot.known = value;
        }
        self.count();
    }

    /// Something was acknowledged that leaves no trace of its own.
    pub(super) fn count(&self) {
        self.acknowledged.send_modify(|count| *count += 1);
    }

    /// What the server has acknowledged last.
    pub(super) fn known(&self, thing: &str) -> Value {
        self.slots().get(thing).map_or(Value::Null, |slot| slot.known.clone())
    }

    /// Every value the thing may have now.
    pub(super) fn permitted(&self, thing: &str) -> Vec<Value> {
        let slot = self.slots().get(thing).cloned();
        slot.into_iter().flat_map(|slot| [Some(slot.known), slot.under_way]).flatten().collect()
    }

    /// The names of everything that begins like this.
    pub(super) fn things(&self, prefix: &str) -> Vec<String> {
        self.slots().keys().filter(|name| name.starts_with(prefix)).cloned().collect()
    }

    /// Compares with what the server shows after the restart and goes on from there.
    pub(super) fn compare(&self, thing: &str, seen: Value) -> Option<String> {
        let permitted = self.permitted(thing);
        let fault = (!permitted.is_empty() && !permitted.contains(&seen))
            .then(|| format!("{thing}: one of {permitted:?} was to be there, but {seen} is"));
        self.slots().insert(thing.to_owned(), Slot { known: seen, under_way: None });
        fault
    }

    /// A thing nobody writes any more.
    pub(super) fn forget(&self, thing: &str) {
        self.slots().remove(thing);
    }

    /// Completes once this round has so many acknowledgements.
    pub(super) async fn acknowledged_at_least(&self, target: u64) {
        // The sender lives in this very book.
        let _ = self.acknowledged.subscribe().wait_for(|count| *count >= target).await;
    }

    /// Acknowledgements of this round.
    pub(super) fn acknowledgements(&self) -> u64 {
        *self.acknowledged.borrow()
    }

    pub(super) fn begin_round(&self) {
        self.acknowledged.send_replace(0);
    }
}
