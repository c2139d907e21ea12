//! What a document comes to: wishes in the order of the steps, what is there already, and everything that is wrong with it.

use std::collections::{BTreeMap, BTreeSet};

use pbx_core::model::{DisplayName, EmailAddress, ExtensionNumber, Redacted};
use pbx_core::switchboard::command::{CommandError, ExtensionChange, ExtensionLine};
use provisioning::mail::NewMailAccount;
use push_module::NewCredential;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Document;
use crate::acme::setting::{LETS_ENCRYPT, NewSetting};
use crate::adding::{Wanted, all_extensions};
use crate::api::mail::AccountBody;
use crate::error::{FieldError, Refusal};
use crate::language::Language;
use crate::password;
use crate::place::{self, Place};
use crate::role::Role;
use crate::secret;
use crate::state::AdminState;
use crate::users;
use crate::welcome::{self, Kept};

/// One change.
#[derive(Debug)]
pub(super) enum Wish {
    Owner { name: String, password: Redacted<String> },
    Place(Place),
    Certificate { chain: Redacted<String>, key: Redacted<String>, names: String },
    Acme(Box<NewSetting>),
    Add(Vec<Wanted>),
    Change { number: ExtensionNumber, change: ExtensionChange },
    Push { credential: Box<NewCredential>, kind: String },
    Mail(Box<NewMailAccount>),
    Keep(Kept),
    CheckNetwork,
}

impl Wish {
    /// What it changes, without a secret.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Owner { name, .. } => format!("owner {name}"),
            Self::Place(place) => format!("time zone {}", place.time_zone),
            Self::Certificate { names, .. } => format!("certificate for {names}"),
            Self::Acme(new) => {
                format!("certificates of {}", new.directory.as_deref().unwrap_or(LETS_ENCRYPT))
            }
            Self::Add(all) => {
                let numbers: Vec<String> = all.iter().map(|one| one.number.to_string()).collect();
                format!("extensions {}", numbers.join(", "))
            }
            Self::Change { number, .. } => format!("owner of extension {number}"),
            Self::Push { kind, .. } => format!("push credential ({kind})"),
            Self::Mail(account) => format!("mail server {}", account.host.trim()),
            Self::Keep(_) => "steps that are not wanted".to_owned(),
            Self::CheckNetwork => "network check begun".to_owned(),
        }
    }
}

/// What is to be done, and why it cannot be.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) wishes: Vec<Wish>,
    pub(super) unchanged: Vec<String>,
    pub(super) problems: Vec<FieldError>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnerPart {
    name: String,
    password: Redacted<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct PlacePart {
    country: String,
    time_zone: String,
    language: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CertificatePart {
    certificate: Redacted<String>,
    key: Redacted<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExtensionPart {
    number: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
    secret: Option<Redacted<String>>,
}

/// The words of a reader without the value it read, which may be a secret in the wrong place.
fn without_values(text: &str) -> String {
    match text.split_once(": ").filter(|(what, _)| what.starts_with("invalid ")) {
        Some((what, rest)) => match rest.rsplit_once("expected ") {
            Some((_, expected)) => format!("{what}: give {expected}"),
            None => what.to_owned(),
        },
        None => text.to_owned(),
    }
}

/// Reads a document against what is there.
pub(super) async fn of(state: &AdminState, document: Document) -> Result<Plan, Refusal> {
    let mut plan = Plan::default();
    let Document { owner, place, certificate, acme, extensions, push, mail, skip, check_network, close, dry_run: _ } =
        document;
    plan.owner(state, owner).await?;
    plan.place(state, place).await?;
    let own = certificate.is_some();
    plan.certificate(state, certificate);
    plan.acme(state, acme, own).await?;
    plan.extensions(state, extensions).await?;
    plan.push(state, push).await?;
    plan.mail(state, mail).await?;
    let kept = welcome::kept(state).await?;
    let mut wanted = kept.clone();
    wanted.skipped.extend(skip);
    wanted.closed |= close;
    if wanted != kept {
        plan.wishes.push(Wish::Keep(wanted));
    }
    if check_network {
        plan.wishes.push(Wish::CheckNetwork);
    }
    Ok(plan)
}

impl Plan {
    fn wrong(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.problems.push(FieldError { field: field.into(), message: message.into() });
    }

    /// A refusal as a problem of a field; failures of ours are passed on.
    fn refused(&mut self, section: &str, refusal: Refusal) -> Result<(), Refusal> {
        if refusal.status.is_server_error() {
            return Err(refusal);
        }
        let field = refusal.field.map_or_else(|| section.to_owned(), |field| format!("{section}.{field}"));
        self.wrong(field, refusal.detail);
        Ok(())
    }

    fn read<T: DeserializeOwned>(&mut self, section: &str, value: Value) -> Option<T> {
        match serde_path_to_error::deserialize(value) {
            Ok(read) => Some(read),
            Err(wrong) => {
                let path = wrong.path().to_string();
                let field = if path == "." { section.to_owned() } else { format!("{section}.{path}") };
                self.wrong(field, without_values(&wrong.into_inner().to_string()));
                None
            }
        }
    }

    async fn owner(&mut self, state: &AdminState, part: Option<Value>) -> Result<(), Refusal> {
        let Some(OwnerPart { name, password }) = part.and_then(|part| self.read("owner", part)) else { return Ok(()) };
        let name = name.trim().to_owned();
        let there = users::store::list(&state.store).await?;
        if let Some(user) = there.iter().find(|user| user.name.eq_ignore_ascii_case(&name)) {
            if user.role == Role::Owner && user.has_password {
                self.unchanged.push(format!("owner {name}"));
            } else {
                let problem = "somebody has this name already and is no owner with a password; choose another name, or remove them";
                self.wrong("owner.name", problem);
            }
            return Ok(());
        }
        let before = self.problems.len();
        if let Err(why) = users::check_name(&name) {
            self.wrong("owner.name", why);
        }
        if let Err(weak) = password::check_new(password.reveal(), &name) {
            self.wrong("owner.password", weak.to_string());
        }
        if self.problems.len() == before {
            self.wishes.push(Wish::Owner { name, password });
        }
        Ok(())
    }

    async fn place(&mut self, state: &AdminState, part: Option<Value>) -> Result<(), Refusal> {
        let Some(PlacePart { country, time_zone, language }) = part.and_then(|part| self.read("place", part)) else {
            return Ok(());
        };
        if !language.is_empty() && Language::from_tag(&language).is_none() {
            self.wrong("place.language", format!("“{language}” is no language of these pages; give en or de"));
            return Ok(());
        }
        let saved = place::place(&state.store).await?;
        let language = if language.is_empty() { &saved.language } else { &language };
        match Place::read(&country, &time_zone).map(|place| place.speaking(language)) {
            Ok(place) if place == saved => {
                self.unchanged.push(format!("time zone {}", place.time_zone));
            }
            Ok(place) => self.wishes.push(Wish::Place(place)),
            Err(unfit) => self.wrong(format!("place.{}", unfit.field), unfit.problem),
        }
        Ok(())
    }

    fn certificate(&mut self, state: &AdminState, part: Option<Value>) {
        let read = part.and_then(|part| self.read("certificate", part));
        let Some(CertificatePart { certificate: chain, key }) = read else { return };
        let live = &state.site.certificate;
        match live.check(chain.reveal(), key.reveal()) {
            Ok(info) if info.fingerprint == live.info().fingerprint => {
                self.unchanged.push(format!("certificate for {}", info.names.join(", ")));
            }
            Ok(info) => self.wishes.push(Wish::Certificate { chain, key, names: info.names.join(", ") }),
            Err(unfit) => self.wrong(format!("certificate.{}", unfit.field()), unfit.to_string()),
        }
    }

    async fn acme(&mut self, state: &AdminState, part: Option<Value>, own: bool) -> Result<(), Refusal> {
        let Some(new) = part.and_then(|part| self.read::<NewSetting>("acme", part)) else { return Ok(()) };
        if own {
            self.wrong("acme", "the file brings a certificate of its own as well; leave one of the two out");
            return Ok(());
        }
        let has_key = new.external_account_key.is_some();
        match state.acme.check(new.clone()).await.map_err(Refusal::from) {
            Ok(setting) if !has_key && state.acme.view().await?.is_some_and(|view| view.setting == setting) => {
                self.unchanged.push(format!("certificates of {}", setting.directory));
            }
            Ok(_) => self.wishes.push(Wish::Acme(Box::new(new))),
            Err(refusal) => self.refused("acme", refusal)?,
        }
        Ok(())
    }

    async fn extensions(&mut self, state: &AdminState, parts: Vec<Value>) -> Result<(), Refusal> {
        if parts.is_empty() {
            return Ok(());
        }
        let there: BTreeMap<ExtensionNumber, ExtensionLine> =
            all_extensions(state).await?.into_iter().map(|line| (line.extension.number, line)).collect();
        let (mut added, mut changed, mut same) = (Vec::new(), Vec::new(), 0_usize);
        let mut seen = BTreeSet::new();
        for (index, part) in parts.into_iter().enumerate() {
            let section = format!("extensions[{index}]");
            let Some(wanted) = self.extension(&section, part) else { continue };
            if !seen.insert(wanted.number) {
                self.wrong(format!("{section}.number"), CommandError::NumberTwice(wanted.number).to_string());
                continue;
            }
            match there.get(&wanted.number) {
                None => added.push(wanted),
                // A secret that is in use stays: phones have it.
                Some(line) if line.extension.name == wanted.name && line.extension.email == wanted.email => same += 1,
                Some(_) => changed.push(Wish::Change {
                    number: wanted.number,
                    change: ExtensionChange {
                        name: Some(wanted.name),
                        email: Some(wanted.email),
                        ..ExtensionChange::default()
                    },
                }),
            }
        }
        if same > 0 {
            self.unchanged.push(if same == 1 { "one extension".to_owned() } else { format!("{same} extensions") });
        }
        if !added.is_empty() {
            self.wishes.push(Wish::Add(added));
        }
        self.wishes.extend(changed);
        Ok(())
    }

    fn extension(&mut self, section: &str, part: Value) -> Option<Wanted> {
        let ExtensionPart { number, name, email, secret } = self.read(section, part)?;
        let before = self.problems.len();
        let mut wrong = |field: &str, message: String| self.wrong(format!("{section}.{field}"), message);
        let number =
            number.trim().parse().map_err(|why: pbx_core::model::NumberError| wrong("number", why.to_string()));
        let name: Result<DisplayName, ()> =
            name.parse().map_err(|why: pbx_core::model::ExtensionError| wrong("name", why.to_string()));
        let email: Option<EmailAddress> = match email.trim() {
            "" => None,
            text => text.parse().map_err(|why: pbx_core::model::ExtensionError| wrong("email", why.to_string())).ok(),
        };
        if let Some(Err(refused)) = secret.as_ref().map(|secret| secret::check(secret.reveal())) {
            wrong("secret", Refusal::from(refused).detail);
        }
        let (Ok(number), Ok(name)) = (number, name) else { return None };
        (self.problems.len() == before).then_some(Wanted { number, name, email, secret })
    }

    async fn push(&mut self, state: &AdminState, parts: Vec<Value>) -> Result<(), Refusal> {
        for (index, part) in parts.into_iter().enumerate() {
            let section = format!("push[{index}]");
            let kind = part.get("provider").and_then(Value::as_str).unwrap_or_default().to_owned();
            let Some(credential) = self.read::<NewCredential>(&section, part) else { continue };
            match state.push.check_new_credential(credential.clone()).await {
                Ok(true) => self.unchanged.push(format!("push credential ({kind})")),
                Ok(false) => self.wishes.push(Wish::Push { credential: Box::new(credential), kind }),
                Err(refused) => self.refused(&section, refused.into())?,
            }
        }
        Ok(())
    }

    async fn mail(&mut self, state: &AdminState, part: Option<Value>) -> Result<(), Refusal> {
        let Some(body) = part.and_then(|part| self.read::<AccountBody>("mail", part)) else { return Ok(()) };
        let account = NewMailAccount::from(body);
        match state.mailer.check_account(&account).await {
            Ok(true) => self.unchanged.push(format!("mail server {}", account.host.trim())),
            Ok(false) => self.wishes.push(Wish::Mail(Box::new(account))),
            Err(refused) => self.refused("mail", refused.into())?,
        }
        Ok(())
    }
}
