//! People: adding, inviting by a one-time link, changing, removing. Pages, the API and the command line do it all here.
//!
//! Invariants: nobody gets a password from somebody else, only a link by which they set their own; one owner who can sign
//! in always remains; a user of role `user` has an extension that exists.

pub(crate) mod store;

use std::time::Duration;

use axum::http::StatusCode;
use pbx_core::model::{ExtensionNumber, Redacted, UnixMillis};
use pbx_core::switchboard::command::Command;
use serde::Serialize;

use self::store::{Changed, User, UserChange};
use crate::audit;
use crate::clock;
use crate::error::Refusal;
use crate::role::Role;
use crate::second_factor;
use crate::state::AdminState;
use crate::token;
use crate::{say, t};

/// Long enough to reach somebody who is not at work today.
const INVITATION_WORKS_FOR: Duration = Duration::from_secs(3 * 24 * 60 * 60);
/// Longest user name: a mail address.
pub(crate) const MAX_NAME: usize = 254;

/// A link by which somebody sets their password; shown this once.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Invitation {
    #[schema(value_type = String)]
    pub(crate) url: Redacted<String>,
    pub(crate) expires_at: UnixMillis,
}

/// Whether a text can be a user name.
pub(crate) fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
        Err(t("users-give-a-name-or-a-mail"))
    } else {
        Ok(())
    }
}

fn no_such_user() -> Refusal {
    Refusal::not_found("no_such_user", t("users-there-is-no-such-user-the"))
}

fn done(changed: Changed) -> Result<(), Refusal> {
    match changed {
        Changed::Done => Ok(()),
        Changed::NoSuchUser => Err(no_such_user()),
        Changed::LastOwner => {
            Err(Refusal::new(StatusCode::CONFLICT, "last_owner", t("users-this-is-the-only-owner-who")))
        }
    }
}

/// A user of role `user` needs an extension; any extension must exist.
async fn check_extension(state: &AdminState, role: Role, extension: Option<ExtensionNumber>) -> Result<(), Refusal> {
    match extension {
        Some(number) => state
            .switchboard
            .ask(Command::ShowExtension(number))
            .await
            .map(drop)
            .map_err(|error| Refusal::from(error).field("extension")),
        None if role == Role::User => {
            Err(Refusal::new(StatusCode::BAD_REQUEST, "extension_needed", t("users-a-user-sees-one-extension-and"))
                .field("extension"))
        }
        None => Ok(()),
    }
}

/// One user.
pub(crate) async fn show(state: &AdminState, id: i64) -> Result<User, Refusal> {
    store::one(&state.store, id).await?.ok_or_else(no_such_user)
}

/// Adds somebody and gives the link to hand to them.
pub(crate) async fn add(
    state: &AdminState,
    name: &str,
    role: Role,
    extension: Option<ExtensionNumber>,
) -> Result<(User, Invitation), Refusal> {
    let name = name.trim();
    check_name(name).map_err(|why| Refusal::new(StatusCode::BAD_REQUEST, "malformed", why).field("name"))?;
    check_extension(state, role, extension).await?;
    let id = store::add(&state.store, name, (role, extension), clock::now()).await?.ok_or_else(|| {
        let detail = say("users-can-sign-in-already-or-there").with("name", &name).text();
        Refusal::new(StatusCode::CONFLICT, "name_taken", detail).field("name")
    })?;
    let invitation = invite(state, id).await?;
    let user = show(state, id).await?;
    audit::note(format!("user {}, {}", user.name, access(&user)));
    Ok((user, invitation))
}

/// Makes the link by which somebody sets a password, the first or a forgotten one; the link before stops working.
pub(crate) async fn invite(state: &AdminState, id: i64) -> Result<Invitation, Refusal> {
    let user = show(state, id).await?;
    if user.disabled_at.is_some() {
        let detail = say("users-is-disabled-and-could-not-use").with("name", &user.name).text();
        return Err(Refusal::new(StatusCode::CONFLICT, "user_disabled", detail));
    }
    let minted = token::mint("")?;
    let expires_at = clock::now() + INVITATION_WORKS_FOR;
    store::put_invitation(&state.store, id, &minted.hash, expires_at).await?;
    let url = format!("{}/invite/{}", state.site.public_url.trim_end_matches('/'), minted.text);
    Ok(Invitation { url: Redacted::new(url), expires_at })
}

/// Changes somebody's role, extension, or whether they may sign in.
pub(crate) async fn change(state: &AdminState, id: i64, change: UserChange) -> Result<User, Refusal> {
    let user = show(state, id).await?;
    if change.role.is_some() || change.extension.is_some() {
        let (role, extension) = (change.role.unwrap_or(user.role), change.extension.unwrap_or(user.extension));
        check_extension(state, role, extension).await?;
    }
    done(store::change(&state.store, id, change, clock::now()).await?)?;
    let changed = show(state, id).await?;
    audit::note(format!("user {}: {} -> {}", user.name, access(&user), access(&changed)));
    Ok(changed)
}

/// Removes somebody.
pub(crate) async fn remove(state: &AdminState, id: i64) -> Result<(), Refusal> {
    let user = show(state, id).await?;
    done(store::remove(&state.store, id).await?)?;
    audit::note(format!("user {}, {}", user.name, access(&user)));
    Ok(())
}

/// Takes somebody's second factor away, when they have lost it; they are signed out.
pub(crate) async fn reset_factor(state: &AdminState, id: i64) -> Result<(), Refusal> {
    let user = show(state, id).await?;
    second_factor::store::remove(&state.store, id).await?;
    done(store::change(&state.store, id, UserChange::default(), clock::now()).await?)?;
    audit::note(format!("user {}: second factor taken away", user.name));
    Ok(())
}

/// Says which roles need a second factor.
pub(crate) async fn put_policy(state: &AdminState, roles: &[Role]) -> Result<(), Refusal> {
    let before = second_factor::store::roles(&state.store).await?;
    second_factor::store::put_roles(&state.store, roles).await?;
    let words = |roles: &[Role]| roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ");
    audit::note(format!("second factor needed for: {} -> {}", words(&before), words(roles)));
    Ok(())
}

/// What somebody may do, for the audit log.
fn access(user: &User) -> String {
    let extension = user.extension.map(|number| format!(" of {number}")).unwrap_or_default();
    let disabled = if user.disabled_at.is_some() { ", disabled" } else { "" };
    format!("{}{extension}{disabled}", user.role)
}
