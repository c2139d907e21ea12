//! All desk phones in memory, found by their MAC, by the hash of a token, or by their extension.

use std::collections::{BTreeMap, BTreeSet};

use pbx_core::model::ExtensionNumber;

use super::Kept;
use crate::desk_phone::Mac;

/// The phones; whoever fetches touches no disk to be found or turned away.
#[derive(Debug, Default)]
pub(super) struct Book {
    phones: BTreeMap<Mac, Kept>,
    by_hash: BTreeMap<[u8; 32], Mac>,
    by_extension: BTreeMap<ExtensionNumber, BTreeSet<Mac>>,
    /// Whose last fetch or last answer is not written down yet.
    pub(super) unwritten: BTreeSet<Mac>,
}

impl Book {
    pub(super) fn get(&self, mac: Mac) -> Option<&Kept> {
        self.phones.get(&mac)
    }

    /// For what is not looked up by: tokens and extension change by [`Self::put`] only.
    pub(super) fn get_mut(&mut self, mac: Mac) -> Option<&mut Kept> {
        self.phones.get_mut(&mac)
    }

    pub(super) fn by_hash(&self, hash: &[u8; 32]) -> Option<&Kept> {
        self.phones.get(self.by_hash.get(hash)?)
    }

    pub(super) fn of(&self, extension: ExtensionNumber) -> Vec<Mac> {
        self.by_extension.get(&extension).into_iter().flatten().copied().collect()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Kept> {
        self.phones.values()
    }

    pub(super) fn extensions(&self) -> Vec<ExtensionNumber> {
        self.by_extension.keys().copied().collect()
    }

    pub(super) fn len(&self) -> usize {
        self.phones.len()
    }

    /// Inserts or replaces.
    pub(super) fn put(&mut self, kept: Kept) {
        let mac = kept.phone.mac;
        self.take(mac);
        self.by_hash.extend(kept.tokens.iter().map(|token| (token.hash, mac)));
        self.by_extension.entry(kept.extension).or_default().insert(mac);
        self.phones.insert(mac, kept);
    }

    pub(super) fn take(&mut self, mac: Mac) {
        let Some(gone) = self.phones.remove(&mac) else { return };
        for token in &gone.tokens {
            self.by_hash.remove(&token.hash);
        }
        if let Some(theirs) = self.by_extension.get_mut(&gone.extension) {
            theirs.remove(&mac);
            if theirs.is_empty() {
                self.by_extension.remove(&gone.extension);
            }
        }
    }
}
