//! Where the company is: its time zone, in which every page writes instants.
//!
//! Kept in the area `place` of the live settings; read once and then held, because every request needs it.

use std::sync::{Arc, PoisonError, RwLock};

use jiff::tz::TimeZone;
use pbx_core::store::{Store, StoreError};
use serde::{Deserialize, Serialize};

use crate::welcome::store::{load, put};

/// The area of the settings.
const AREA: &str = "place";

/// What is known of the company.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Place {
    /// An IANA name such as `Europe/Berlin`; empty while nobody has chosen, and then the machine's own zone holds.
    pub(crate) time_zone: String,
}

/// The place in force; every clone sees a change.
#[derive(Debug, Clone, Default)]
pub(crate) struct LivePlace(Arc<RwLock<Option<TimeZone>>>);

impl LivePlace {
    /// The zone in force. A database that cannot be read now costs the zone, not the page.
    pub(crate) async fn zone(&self, store: &Store) -> TimeZone {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(zone) = known {
            return zone;
        }
        match place(store).await {
            Ok(place) => {
                let zone = parse(&place.time_zone).unwrap_or_else(TimeZone::system);
                *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(zone.clone());
                zone
            }
            Err(error) => {
                tracing::warn!(%error, "the company's time zone cannot be read; times are shown in the machine's own");
                TimeZone::system()
            }
        }
    }

    /// Saves a place; it is in force when this returns.
    pub(crate) async fn save(&self, store: &Store, place: &Place) -> Result<(), StoreError> {
        put(store, AREA, place).await?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) =
            Some(parse(&place.time_zone).unwrap_or_else(TimeZone::system));
        Ok(())
    }
}

/// What was saved.
pub(crate) async fn place(store: &Store) -> Result<Place, StoreError> {
    Ok(load(store, AREA).await?.unwrap_or_default())
}

/// The zone of this IANA name.
pub(crate) fn parse(name: &str) -> Option<TimeZone> {
    if name.is_empty() { None } else { TimeZone::get(name).ok() }
}
