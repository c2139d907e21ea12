//! API tokens: made for one purpose, shown once, and never able to do more than their maker.

pub(crate) mod store;

use axum::http::StatusCode;
use pbx_core::model::{AddressRange, Redacted, UnixMillis};
use serde::Serialize;

use self::store::{MAX_API_TOKENS, NewToken};
use crate::audit;
use crate::clock;
use crate::error::Refusal;
use crate::role::{Door, Scope};
use crate::session::{API_TOKEN_PREFIX, SignedIn};
use crate::state::AdminState;
use crate::token;
use crate::{say, t};

/// Names longer than this are not names.
const MAX_NAME: usize = 64;
/// Ranges one token may have.
const MAX_ADDRESSES: usize = 16;

/// What somebody wishes for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wish {
    pub(crate) name: String,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) addresses: Vec<AddressRange>,
    pub(crate) expires_at: Option<UnixMillis>,
}

/// A token that is shown this once.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = MadeToken)]
pub(crate) struct Made {
    pub(crate) id: i64,
    pub(crate) name: String,
    #[schema(value_type = String)]
    pub(crate) token: Redacted<String>,
}

fn bad(field: &str, detail: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "malformed", detail).field(field)
}

/// Makes an API token for whoever asks.
pub(crate) async fn make(state: &AdminState, who: &SignedIn, wish: &Wish) -> Result<Made, Refusal> {
    let (name, now) = (wish.name.trim(), clock::now());
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(bad("name", say("tokens-name-the-token-after-what-uses").with("max-name", &MAX_NAME).text()));
    }
    if wish.scopes.is_empty() {
        return Err(bad("scopes", t("tokens-choose-at-least-one-thing-the")));
    }
    if let Some(beyond) = wish.scopes.iter().find(|scope| !reaches(who, **scope)) {
        let detail = say("tokens-you-may-not-do-yourself-so").with("beyond", &beyond.as_str()).text();
        return Err(Refusal::new(StatusCode::FORBIDDEN, "role_needed", detail).field("scopes"));
    }
    if wish.addresses.len() > MAX_ADDRESSES {
        return Err(bad(
            "addresses",
            say("tokens-give-addresses-or-ranges-at-most").with("max-addresses", &MAX_ADDRESSES).text(),
        ));
    }
    if wish.expires_at.is_some_and(|end| end <= now) {
        return Err(bad("expires_at", t("tokens-the-token-would-have-run-out")));
    }
    let minted = token::mint(API_TOKEN_PREFIX)?;
    let new = NewToken {
        name,
        scopes: &wish.scopes,
        addresses: &wish.addresses,
        expires_at: wish.expires_at,
        user: who.user,
    };
    let id = store::put(&state.store, new, &minted.hash, now).await?.ok_or_else(|| {
        let detail = say("tokens-there-are-api-tokens-already-delete").with("max-api-tokens", &MAX_API_TOKENS).text();
        Refusal::new(StatusCode::CONFLICT, "full", detail)
    })?;
    let scopes: Vec<&str> = wish.scopes.iter().map(|scope| scope.as_str()).collect();
    audit::note(format!("token {id} “{name}” with {}", scopes.join(", ")));
    Ok(Made { id, name: name.to_owned(), token: Redacted::new(minted.text) })
}

/// Whether whoever asks may hand this scope on: their role must reach, and a token gives no more than it has.
fn reaches(who: &SignedIn, scope: Scope) -> bool {
    let held = match &who.door {
        Door::Session { .. } | Door::Socket => true,
        Door::Token { scopes } => scopes.contains(&scope),
    };
    held && who.role >= scope.least()
}

/// Deletes an API token.
pub(crate) async fn remove(state: &AdminState, id: i64) -> Result<(), Refusal> {
    let name = store::remove(&state.store, id).await?;
    let name = name.ok_or_else(|| {
        Refusal::not_found("no_such_token", say("tokens-there-is-no-api-token").with("id", &id).text())
    })?;
    audit::note(format!("token {id} “{name}”"));
    Ok(())
}

/// Addresses and ranges as people type them: separated by blanks, commas or line breaks.
pub(crate) fn addresses(text: &str) -> Result<Vec<AddressRange>, Refusal> {
    text.split(|c: char| c.is_whitespace() || c == ',' || c == ';')
        .filter(|word| !word.is_empty())
        .map(|word| word.parse::<AddressRange>().map_err(|wrong| bad("addresses", wrong.to_string())))
        .collect()
}
