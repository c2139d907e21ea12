//! Where the company is: its country, its time zone, in which every page writes instants, and its language.
//!
//! Kept in the area `place` of the live settings; read once and then held, because every request needs it.

pub(crate) mod countries;
mod german;

use std::sync::{Arc, PoisonError, RwLock};

use jiff::tz::TimeZone;
use pbx_core::store::{Store, StoreError};
use provisioning::language::CompanyLanguage;
use serde::{Deserialize, Serialize};

use crate::language::{self, Language};
use crate::welcome::store::{load, put};
use crate::{say, t};

/// The area of the settings.
const AREA: &str = "place";

/// What is known of the company.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Place {
    /// ISO 3166-1, two letters; empty while nobody has said.
    pub(crate) country: String,
    /// An IANA name such as `Europe/Berlin`; empty while nobody has chosen, and then the machine's own zone holds.
    pub(crate) time_zone: String,
    /// `en` or `de`; empty while nobody has chosen, and then each browser says its own.
    pub(crate) language: String,
}

/// What every request needs of it.
#[derive(Debug, Clone)]
pub(crate) struct InForce {
    pub(crate) zone: TimeZone,
    /// The language of the company, once somebody has chosen it.
    pub(crate) language: Option<Language>,
}

impl InForce {
    fn of(place: &Place) -> Self {
        Self {
            zone: parse(&place.time_zone).unwrap_or_else(TimeZone::system),
            language: Language::from_tag(&place.language),
        }
    }
}

/// The place in force; every clone sees a change.
#[derive(Debug, Clone, Default)]
pub(crate) struct LivePlace {
    known: Arc<RwLock<Option<InForce>>>,
    /// Public pages of links and mails follow it.
    language: CompanyLanguage,
}

impl LivePlace {
    /// A place whose language others follow.
    pub(crate) fn followed_by(language: CompanyLanguage) -> Self {
        Self { known: Arc::default(), language }
    }

    fn hold(&self, place: &Place) -> InForce {
        let read = InForce::of(place);
        self.language.set(read.language);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(read.clone());
        read
    }

    /// What is in force. A database that cannot be read now costs zone and language, not the page.
    pub(crate) async fn in_force(&self, store: &Store) -> InForce {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known {
            return known;
        }
        match place(store).await {
            Ok(place) => self.hold(&place),
            Err(error) => {
                tracing::warn!(%error, "the company's time zone cannot be read; times are shown in the machine's own");
                InForce::of(&Place::default())
            }
        }
    }

    /// The zone in force.
    pub(crate) async fn zone(&self, store: &Store) -> TimeZone {
        self.in_force(store).await.zone
    }

    /// Saves a place; it is in force when this returns.
    pub(crate) async fn save(&self, store: &Store, place: &Place) -> Result<(), StoreError> {
        put(store, AREA, place).await?;
        let _ = self.hold(place);
        Ok(())
    }
}

/// What was saved.
pub(crate) async fn place(store: &Store) -> Result<Place, StoreError> {
    Ok(load(store, AREA).await?.unwrap_or_default())
}

/// What is wrong with a place, beside its field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unfit {
    pub(crate) field: &'static str,
    pub(crate) problem: String,
}

impl Place {
    /// The same place with the language that was chosen; an empty or unknown one leaves it to each browser.
    pub(crate) fn speaking(mut self, language: &str) -> Self {
        self.language = Language::from_tag(language).map_or("", Language::code).to_owned();
        self
    }

    /// A place as somebody typed it. Without a time zone that of the country is taken, where there is only one.
    pub(crate) fn read(country: &str, time_zone: &str) -> Result<Self, Unfit> {
        let (code, zone) = (country.trim().to_ascii_uppercase(), time_zone.trim());
        let known = countries::by_code(&code);
        if known.is_none() && !code.is_empty() {
            let problem = say("place-is-no-country-give-its-two").with("country", &country).text();
            return Err(Unfit { field: "country", problem });
        }
        let wanted = if zone.is_empty() { known.map_or("", |country| country.zone) } else { zone };
        let problem = match (parse(wanted), wanted.is_empty(), known) {
            (Some(found), _, _) => {
                let time_zone = found.iana_name().unwrap_or(wanted).to_owned();
                return Ok(Self { country: code, time_zone, language: String::new() });
            }
            (None, true, Some(country)) => {
                say("place-there-is-more-than-one-time").with("name", &name_of(country)).text()
            }
            (None, true, None) => t("place-choose-a-country-or-a-time").to_owned(),
            (None, false, _) => say("place-is-no-time-zone-choose-one").with("wanted", &wanted).text(),
        };
        Err(Unfit { field: "time_zone", problem })
    }
}

/// What a country is called in the language of the request.
pub(crate) fn name_of(country: &countries::Country) -> &'static str {
    match language::current() {
        Language::English => country.name,
        Language::German => german::name(country.code).unwrap_or(country.name),
    }
}

/// How a name is put into an order: Ä beside A, as in a telephone book.
pub(crate) fn in_order(name: &str) -> String {
    name.to_lowercase().replace(['ä', 'å'], "a").replace('ö', "o").replace('ü', "u").replace('é', "e")
}

/// The zone of this IANA name.
pub(crate) fn parse(name: &str) -> Option<TimeZone> {
    if name.is_empty() { None } else { TimeZone::get(name).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_brings_its_time_zone_where_it_has_one() {
        let read = |country, zone| Place::read(country, zone).map(|place| (place.country, place.time_zone));
        assert_eq!(read("de", ""), Ok(("DE".into(), "Europe/Berlin".into())));
        assert_eq!(read("DE", "Asia/Tokyo"), Ok(("DE".into(), "Asia/Tokyo".into())), "what was typed goes first");
        assert_eq!(read("", "Europe/Paris"), Ok((String::new(), "Europe/Paris".into())));
        assert_eq!(read("US", "").unwrap_err().field, "time_zone");
        assert_eq!(read("Germany", "").unwrap_err().field, "country");
        assert_eq!(read("", "").unwrap_err().field, "time_zone");
        assert_eq!(read("FR", "Europe/Nowhere").unwrap_err().field, "time_zone");
    }
}
