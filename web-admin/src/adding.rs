//! Adding extensions and renewing secrets: shared by the pages and the API.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use pbx_core::model::{DisplayName, EmailAddress, ExtensionNumber, NewExtension, Redacted, Settings};
use pbx_core::switchboard::command::{Command, CommandError, ExtensionLine, NewAccount, Reply};

use crate::audit;
use crate::error::Refusal;
use crate::import::{self, Parsed, Row};
use crate::secret::{self, BadSecret};
use crate::state::AdminState;
use crate::t;

/// Lines asked for at once when all extensions are needed.
const PAGE: usize = 500;

/// An account whose secret may be shown now and never again.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) number: ExtensionNumber,
    pub(crate) username: String,
    pub(crate) realm: String,
    pub(crate) secret: Redacted<String>,
    pub(crate) minted: bool,
}

/// An extension to add, with its parts parsed.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) number: ExtensionNumber,
    pub(crate) name: DisplayName,
    pub(crate) email: Option<EmailAddress>,
    pub(crate) secret: Option<Redacted<String>>,
}

impl From<BadSecret> for Refusal {
    fn from(error: BadSecret) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "secret_malformed", error.to_string()).field("secret")
    }
}

/// An answer of another kind than the command's; a bug on the other side.
pub(crate) fn unexpected() -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", t("adding-the-switchboard-gave-an-answer-that"))
}

/// The live settings.
pub(crate) async fn settings(state: &AdminState) -> Result<Settings, Refusal> {
    let Reply::Settings(settings) = state.switchboard.ask(Command::ShowSettings).await? else {
        return Err(unexpected());
    };
    Ok(settings)
}

/// Every extension, in order of number.
pub(crate) async fn all_extensions(state: &AdminState) -> Result<Vec<ExtensionLine>, Refusal> {
    let mut all: Vec<ExtensionLine> = Vec::new();
    loop {
        let after = all.last().map(|line| line.extension.number);
        let command = Command::ListExtensions { after, limit: PAGE, search: String::new() };
        let Reply::Extensions(page) = state.switchboard.ask(command).await? else { return Err(unexpected()) };
        let more = page.more && !page.extensions.is_empty();
        all.extend(page.extensions);
        if !more {
            return Ok(all);
        }
    }
}

/// Adds one extension; its secret is minted unless one is wanted.
pub(crate) async fn add_one(state: &AdminState, wanted: Wanted) -> Result<Shown, Refusal> {
    let realm = settings(state).await?.realm;
    let (account, shown) = account(wanted, &realm)?;
    state.switchboard.ask(Command::AddExtensions(vec![account])).await?;
    audit::note(format!("extension {}", shown.number));
    Ok(shown)
}

/// Gives the extension's own account a new secret.
pub(crate) async fn renew_secret(
    state: &AdminState,
    number: ExtensionNumber,
    given: Option<Redacted<String>>,
) -> Result<Shown, Refusal> {
    let Reply::Extension(_) = state.switchboard.ask(Command::ShowExtension(number)).await? else {
        return Err(unexpected());
    };
    let realm = settings(state).await?.realm;
    let wanted = Wanted { number, name: DisplayName::default(), email: None, secret: given };
    let (account, shown) = account(wanted, &realm)?;
    state.switchboard.ask(Command::PutCredential(account.credential)).await?;
    Ok(shown)
}

fn account(wanted: Wanted, realm: &str) -> Result<(NewAccount, Shown), Refusal> {
    if let Some(given) = &wanted.secret {
        secret::check(given.reveal())?;
    }
    let minted = wanted.secret.is_none();
    let secret = match wanted.secret {
        Some(given) => given,
        None => secret::mint()?,
    };
    let credential = secret::own_credential(wanted.number, realm, &secret).ok_or_else(unexpected)?;
    let shown = Shown {
        number: wanted.number,
        username: credential.username.to_string(),
        realm: realm.to_owned(),
        secret,
        minted,
    };
    let extension = NewExtension { number: wanted.number, name: wanted.name, email: wanted.email, secret: None };
    Ok((NewAccount { extension, credential }, shown))
}

/// What an import found, and what it did unless it was a dry run.
#[derive(Debug)]
pub(crate) struct Imported {
    pub(crate) parsed: Parsed,
    /// In the order of `parsed.rows`; empty in a dry run and when there are errors.
    pub(crate) shown: Vec<Shown>,
}

/// Reads a CSV, checks it against what is there and, unless `dry_run`, adds all of it or nothing.
pub(crate) async fn import(state: &AdminState, text: &str, dry_run: bool) -> Result<Imported, Refusal> {
    let mut parsed = import::parse(text);
    let taken: BTreeSet<ExtensionNumber> =
        all_extensions(state).await?.iter().map(|line| line.extension.number).collect();
    let clashes: Vec<(u64, ExtensionNumber)> =
        parsed.rows.iter().filter(|row| taken.contains(&row.number)).map(|row| (row.line, row.number)).collect();
    for (line, number) in clashes {
        parsed.error(line, "number", "number_taken", CommandError::NumberTaken(number).to_string());
    }
    parsed.errors.sort_by_key(|error| error.line);
    if dry_run || !parsed.errors.is_empty() {
        return Ok(Imported { parsed, shown: Vec::new() });
    }
    let shown = add_many(state, parsed.rows.iter().map(wanted).collect()).await?;
    audit::note(format!("{} extensions", shown.len()));
    Ok(Imported { parsed, shown })
}

/// Adds all of them or none; in the same order.
pub(crate) async fn add_many(state: &AdminState, all: Vec<Wanted>) -> Result<Vec<Shown>, Refusal> {
    let realm = settings(state).await?.realm;
    let (mut accounts, mut shown) = (Vec::with_capacity(all.len()), Vec::with_capacity(all.len()));
    for one in all {
        let (account, show) = account(one, &realm)?;
        accounts.push(account);
        shown.push(show);
    }
    state.switchboard.ask(Command::AddExtensions(accounts)).await?;
    Ok(shown)
}

fn wanted(row: &Row) -> Wanted {
    Wanted { number: row.number, name: row.name.clone(), email: row.email.clone(), secret: row.secret.clone() }
}
