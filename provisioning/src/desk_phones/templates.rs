//! What a partner adds for all phones of a kind: settings put over ours, kept by format and by how a model begins.
//!
//! A template is tried before it is kept: read line by line, written into the file of a made-up phone, and that file is looked
//! through as a phone would. Of two that fit a phone, the one with the longer beginning counts. Whatever it says, a phone
//! is told its own secrets and nobody else's: templates know four placeholders, and what carries account, trust and the way
//! to us is locked.

use std::collections::BTreeMap;

use pbx_core::model::UnixMillis;
use pbx_core::store::sql::{query, query_as};
use pbx_core::store::{Store, StoreError};

use super::{DeskPhones, DeskPhonesError};
use crate::desk_phone::template::Template;
use crate::desk_phone::trial::try_on;
use crate::desk_phone::{ConfigFile, DeskPhone, Family, Mac};

/// Templates; one for every model there is would be fewer.
const MOST: usize = 200;
/// Characters of a model's beginning.
const MODEL_CHARS: usize = 24;

/// A template as pages, the API and the CLI show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateView {
    /// For phones of this format.
    pub family: Family,
    /// For models that begin so, in capitals; empty for all.
    pub model: String,
    /// `key = value`, one a line, as typed.
    pub settings: String,
    /// How many settings these are.
    pub count: usize,
    /// How many phones it is for now.
    pub phones: usize,
    /// When it was saved.
    pub changed_at: UnixMillis,
}

/// A template as it is kept.
#[derive(Debug, Clone)]
pub(super) struct KeptTemplate {
    text: String,
    parsed: Template,
    changed_at: UnixMillis,
}

/// By format and beginning of the model.
pub(super) type Templates = BTreeMap<(Family, String), KeptTemplate>;

impl DeskPhones {
    /// Every template, in order of format and model.
    pub fn templates(&self) -> Vec<TemplateView> {
        let templates = self.templates_now().clone();
        templates
            .into_iter()
            .map(|((family, model), kept)| TemplateView {
                phones: self.fitting(family, &model).len(),
                count: kept.parsed.len(),
                settings: kept.text,
                changed_at: kept.changed_at,
                family,
                model,
            })
            .collect()
    }

    /// Refuses what [`Self::set_template`] would refuse, naming every wrong line, and changes nothing.
    pub fn try_template(&self, family: Family, model: &str, text: &str) -> Result<(), DeskPhonesError> {
        tried(family, model, text).map(|_| ())
    }

    /// Saves a template; phones it is for are asked to fetch. How many these are.
    pub async fn set_template(&self, family: Family, model: &str, text: &str) -> Result<usize, DeskPhonesError> {
        let (model, parsed) = tried(family, model, text)?;
        let key = (family, model);
        let kept = KeptTemplate { text: text.to_owned(), parsed, changed_at: self.now() };
        let phones = self.clone();
        let setting = async move {
            let _changing = phones.inner.changing.lock().await;
            {
                let templates = phones.templates_now();
                if !templates.contains_key(&key) && templates.len() >= MOST {
                    return Err(DeskPhonesError::TooManyTemplates);
                }
            }
            save(&phones.inner.store, &key, &kept).await?;
            phones.templates_now().insert(key.clone(), kept);
            Ok(phones.told_otherwise(&key))
        };
        self.whole(setting).await
    }

    /// Takes a template away; phones it was for are asked to fetch. How many these are.
    pub async fn reset_template(&self, family: Family, model: &str) -> Result<usize, DeskPhonesError> {
        let key = (family, beginning(model)?);
        let phones = self.clone();
        let resetting = async move {
            let _changing = phones.inner.changing.lock().await;
            if !phones.templates_now().contains_key(&key) {
                return Err(DeskPhonesError::NoSuchTemplate);
            }
            delete(&phones.inner.store, &key).await?;
            phones.templates_now().remove(&key);
            Ok(phones.told_otherwise(&key))
        };
        self.whole(resetting).await
    }

    /// What a phone is told, without its secrets.
    pub async fn preview(&self, mac: Mac) -> Result<ConfigFile, DeskPhonesError> {
        let kept = self.book().get(mac).cloned().ok_or(DeskPhonesError::NoSuchPhone(mac))?;
        let template = self.template_for(&kept.phone);
        self.shown_file(&kept, template).await?.ok_or(DeskPhonesError::NoSuchPhone(mac))
    }

    /// What a phone would be told with this template in place of the kept one, without its secrets.
    pub async fn preview_with(
        &self,
        mac: Mac,
        (family, model, text): (Family, &str, &str),
    ) -> Result<ConfigFile, DeskPhonesError> {
        let kept = self.book().get(mac).cloned().ok_or(DeskPhonesError::NoSuchPhone(mac))?;
        let (model, parsed) = tried(family, model, text)?;
        if !is_for(&kept.phone, family, &model) {
            return Err(DeskPhonesError::TemplateOfOthers(mac));
        }
        let mut templates = self.templates_now().clone();
        templates.insert((family, model), KeptTemplate { text: String::new(), parsed, changed_at: UnixMillis(0) });
        let template = put_together(&templates, &kept.phone);
        self.shown_file(&kept, template).await?.ok_or(DeskPhonesError::NoSuchPhone(mac))
    }

    pub(super) fn template_for(&self, phone: &DeskPhone) -> Template {
        put_together(&self.templates_now(), phone)
    }

    fn fitting(&self, family: Family, model: &str) -> Vec<Mac> {
        let book = self.book();
        book.all().filter(|kept| is_for(&kept.phone, family, model)).map(|kept| kept.phone.mac).collect()
    }

    fn told_otherwise(&self, (family, model): &(Family, String)) -> usize {
        let macs = self.fitting(*family, model);
        let count = macs.len();
        tracing::info!(family = family.as_str(), model, phones = count, "a template of desk phones was changed");
        self.inner.to_do.compare(macs);
        count
    }
}

fn tried(family: Family, model: &str, text: &str) -> Result<(String, Template), DeskPhonesError> {
    let model = beginning(model)?;
    let parsed = try_on(family, text).map_err(DeskPhonesError::Template)?;
    if parsed.is_empty() {
        return Err(DeskPhonesError::EmptyTemplate);
    }
    Ok((model, parsed))
}

/// How a model begins, as it is compared.
fn beginning(text: &str) -> Result<String, DeskPhonesError> {
    let plain: String = text.trim().chars().filter(|c| !matches!(c, ' ' | '-' | '_')).collect();
    if plain.chars().count() > MODEL_CHARS || !plain.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(DeskPhonesError::Beginning(text.chars().take(40).collect()));
    }
    let plain = plain.to_ascii_uppercase();
    Ok(plain.strip_prefix("SIP").unwrap_or(&plain).to_owned())
}

fn is_for(phone: &DeskPhone, family: Family, model: &str) -> bool {
    let own = phone.model.plain();
    phone.family() == family && own.strip_prefix("SIP").unwrap_or(&own).starts_with(model)
}

/// The longer beginning is put over the shorter one: of beginnings of one model that is their order.
fn put_together(templates: &Templates, phone: &DeskPhone) -> Template {
    let fitting = templates.iter().filter(|((family, model), _)| is_for(phone, *family, model));
    fitting.fold(Template::default(), |all, (_, kept)| all.then(&kept.parsed))
}

async fn save(store: &Store, (family, model): &(Family, String), kept: &KeptTemplate) -> Result<(), StoreError> {
    const DOING: &str = "saving a template of desk phones";
    let mut change = store.begin().await?;
    query(
        "INSERT INTO desk_phone_template (family, model, settings, changed_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (family, model) DO UPDATE SET settings = excluded.settings, changed_at = excluded.changed_at",
    )
    .bind(family.as_str())
    .bind(model)
    .bind(&kept.text)
    .bind(kept.changed_at.0)
    .execute(&mut change)
    .await
    .map_err(StoreError::doing(DOING))?;
    change.commit().await.map_err(StoreError::doing(DOING))
}

async fn delete(store: &Store, (family, model): &(Family, String)) -> Result<(), StoreError> {
    const DOING: &str = "taking a template of desk phones away";
    let mut change = store.begin().await?;
    query("DELETE FROM desk_phone_template WHERE family = $1 AND model = $2")
        .bind(family.as_str())
        .bind(model)
        .execute(&mut change)
        .await
        .map_err(StoreError::doing(DOING))?;
    change.commit().await.map_err(StoreError::doing(DOING))
}

/// Every template.
pub(super) async fn all(store: &Store) -> Result<Templates, StoreError> {
    let rows: Vec<(String, String, String, i64)> =
        query_as("SELECT family, model, settings, changed_at FROM desk_phone_template")
            .fetch_all(store.reader())
            .await
            .map_err(StoreError::doing("reading the templates of desk phones"))?;
    let mut templates = Templates::new();
    for (family, model, text, changed_at) in rows {
        // A later version may know it; the phones of the others are not to suffer for it.
        let Some(known) = Family::from_name(&family) else {
            tracing::error!(%family, %model, "a template of desk phones is for a format that this version does not know; it is left out");
            continue;
        };
        // One that an older version took and this one would not is left out line by line rather than as a whole.
        let (parsed, refused) = Template::read(known, &text);
        for refusal in refused {
            tracing::warn!(%family, %model, %refusal, "a line of a template of desk phones is left out");
        }
        templates.insert((known, model), KeptTemplate { text, parsed, changed_at: UnixMillis(changed_at) });
    }
    Ok(templates)
}
