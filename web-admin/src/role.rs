//! Who may do what: the roles, the areas, and the one rule that decides.
//!
//! Every method of every route states its [`Need`] in `routes.rs`; a route without one does not compile. A person has a
//! [`Role`], an API token has scopes, the Unix socket is the owner. [`Need::met_by`] is the whole rule, and it says no to
//! whatever it does not know.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use pbx_core::model::{ExtensionNumber, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::t;

/// How long a proof (password, code or passkey) is good for what needs a recent one.
pub(crate) const FRESH: Duration = Duration::from_secs(5 * 60);

/// What a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// Sees and changes one extension: their own.
    User,
    /// Sees everything but secrets, changes nothing.
    ReadOnly,
    /// Changes everything but people.
    Admin,
    /// Changes everything.
    Owner,
}

impl Role {
    pub(crate) const ALL: [Self; 4] = [Self::Owner, Self::Admin, Self::ReadOnly, Self::User];

    /// As the database and the API write it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::ReadOnly => "read_only",
            Self::User => "user",
        }
    }

    /// As pages say it.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Owner => t("role-owner"),
            Self::Admin => t("role-admin"),
            Self::ReadOnly => t("role-read-only"),
            Self::User => t("role-user"),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(())
    }
}

/// A part of the installation; an API token is limited to some of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scope {
    /// Looking at everything but secrets, changing nothing.
    Read,
    /// Numbers, their owners and enrolment links.
    Extensions,
    /// Phones and how they are woken.
    Devices,
    /// Push credentials.
    Push,
    /// The call log and calls in progress.
    Calls,
    /// Settings.
    Settings,
    /// The blocklist.
    Security,
    /// The numbers for Prometheus and nothing else.
    Metrics,
    /// State and advice, network checks, backups.
    System,
    /// People, API tokens and the audit log.
    Users,
}

impl Scope {
    pub(crate) const ALL: [Self; 10] = [
        Self::Read,
        Self::Extensions,
        Self::Devices,
        Self::Push,
        Self::Calls,
        Self::Settings,
        Self::Security,
        Self::Metrics,
        Self::System,
        Self::Users,
    ];

    /// As the database and the API write it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Extensions => "extensions",
            Self::Devices => "devices",
            Self::Push => "push",
            Self::Calls => "calls",
            Self::Settings => "settings",
            Self::Security => "security",
            Self::Metrics => "metrics",
            Self::System => "system",
            Self::Users => "users",
        }
    }

    /// The least role whose holder may give it to a token.
    pub(crate) const fn least(self) -> Role {
        match self {
            Self::Users => Role::Owner,
            Self::Read
            | Self::Extensions
            | Self::Devices
            | Self::Push
            | Self::Calls
            | Self::Settings
            | Self::Security
            | Self::Metrics
            | Self::System => Role::Admin,
        }
    }
}

impl FromStr for Scope {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or(())
    }
}

/// By which door somebody came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Door {
    /// A signed-in browser, and when the person last proved who they are.
    Session {
        /// The last proof.
        confirmed_at: UnixMillis,
    },
    /// A script with an API token.
    Token {
        /// What the token may do.
        scopes: Vec<Scope>,
    },
    /// The Unix socket: the owner of the machine.
    Socket,
}

/// What one method of one route asks of whoever calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing: the open list.
    Nothing,
    /// A signed-in person, for what is their own: password, sessions, second factor.
    Own,
    /// The same with a recent proof, for what keeps others out: the second factor.
    OwnFresh,
    /// A signed-in person with an extension, for that extension and nothing else.
    OwnExtension,
    /// To look at an area.
    See(Scope),
    /// To change an area.
    Change(Scope),
    /// To change what holds or makes secrets: a recent proof as well.
    Secret(Scope),
    /// The owner with a recent proof.
    Owner(Scope),
    /// The Unix socket.
    Socket,
}

/// Why somebody may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    /// Their role, or their token's scopes, do not reach.
    Role,
    /// They belong to no extension.
    NoExtension,
    /// They have to prove anew who they are.
    Stale,
}

/// What the rule looks at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) role: Role,
    pub(crate) extension: Option<ExtensionNumber>,
    pub(crate) door: &'a Door,
}

impl Need {
    /// The rule. `now` judges how recent a proof is.
    pub(crate) fn met_by(self, asking: Asking<'_>, now: UnixMillis) -> Result<(), Denied> {
        let (least, scope, fresh) = match self {
            Self::Nothing => return Ok(()),
            Self::Own => {
                return if matches!(asking.door, Door::Session { .. }) { Ok(()) } else { Err(Denied::Role) };
            }
            Self::OwnFresh => {
                return match asking.door {
                    Door::Session { confirmed_at } if is_recent(*confirmed_at, now) => Ok(()),
                    Door::Session { .. } => Err(Denied::Stale),
                    Door::Token { .. } | Door::Socket => Err(Denied::Role),
                };
            }
            Self::OwnExtension => {
                return match (asking.door, asking.extension) {
                    (Door::Session { .. }, Some(_)) => Ok(()),
                    (Door::Session { .. }, None) => Err(Denied::NoExtension),
                    (Door::Token { .. } | Door::Socket, _) => Err(Denied::Role),
                };
            }
            Self::Socket => return if *asking.door == Door::Socket { Ok(()) } else { Err(Denied::Role) },
            Self::See(scope) => (Role::ReadOnly, scope, false),
            Self::Change(scope) => (Role::Admin, scope, false),
            Self::Secret(scope) => (Role::Admin, scope, true),
            Self::Owner(scope) => (Role::Owner, scope, true),
        };
        if asking.role < least {
            return Err(Denied::Role);
        }
        match asking.door {
            Door::Socket => Ok(()),
            Door::Token { scopes } => {
                let reads = matches!(self, Self::See(_)) && scopes.contains(&Scope::Read);
                if reads || scopes.contains(&scope) { Ok(()) } else { Err(Denied::Role) }
            }
            Door::Session { confirmed_at } => {
                if fresh && !is_recent(*confirmed_at, now) {
                    Err(Denied::Stale)
                } else {
                    Ok(())
                }
            }
        }
    }
}

/// A proof from the future is none: the clock was set back.
fn is_recent(confirmed_at: UnixMillis, now: UnixMillis) -> bool {
    confirmed_at <= now && now.since(confirmed_at) <= FRESH
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    fn may(role: Role, door: &Door, need: Need) -> bool {
        need.met_by(Asking { role, extension: None, door }, NOW).is_ok()
    }

    #[test]
    fn each_role_reaches_as_far_as_its_name_says() {
        let door = Door::Session { confirmed_at: NOW };
        let reach = |need| Role::ALL.map(|role| may(role, &door, need));
        let scope = Scope::Extensions;
        // Owner, admin, read only, user.
        assert_eq!(reach(Need::Own), [true, true, true, true]);
        assert_eq!(reach(Need::See(scope)), [true, true, true, false]);
        assert_eq!(reach(Need::Change(scope)), [true, true, false, false]);
        assert_eq!(reach(Need::Secret(scope)), [true, true, false, false]);
        assert_eq!(reach(Need::Owner(scope)), [true, false, false, false]);
        assert_eq!(reach(Need::Socket), [false; 4]);
    }

    #[test]
    fn secrets_and_people_need_a_proof_of_the_last_five_minutes() {
        let at = |ago: Duration| Door::Session { confirmed_at: NOW - ago };
        for need in [Need::Secret(Scope::Push), Need::Owner(Scope::Users)] {
            assert!(may(Role::Owner, &at(FRESH), need));
            assert!(!may(Role::Owner, &at(FRESH + Duration::from_millis(1)), need));
            assert!(!may(Role::Owner, &Door::Session { confirmed_at: NOW + Duration::from_secs(1) }, need));
        }
        assert!(may(Role::Owner, &at(FRESH * 20), Need::Change(Scope::Push)));
    }

    #[test]
    fn a_token_does_what_its_scopes_say_and_nothing_that_is_a_persons() {
        let token = |scopes: &[Scope]| Door::Token { scopes: scopes.to_vec() };
        let metrics = token(&[Scope::Metrics]);
        assert!(may(Role::Owner, &metrics, Need::See(Scope::Metrics)));
        for need in [Need::See(Scope::Extensions), Need::Change(Scope::Metrics.next()), Need::Own, Need::Socket] {
            assert!(!may(Role::Owner, &metrics, need), "{need:?}");
        }
        let read = token(&[Scope::Read]);
        assert!(may(Role::Admin, &read, Need::See(Scope::Calls)));
        assert!(!may(Role::Admin, &read, Need::Change(Scope::Calls)));
        assert!(!may(Role::Admin, &token(&[Scope::Users]), Need::Owner(Scope::Users)), "its maker is no owner");
        assert!(!may(Role::Owner, &token(&[]), Need::See(Scope::Calls)));
    }

    #[test]
    fn what_belongs_to_an_extension_needs_one() {
        let door = Door::Session { confirmed_at: NOW };
        let asking = |extension| Asking { role: Role::Owner, extension, door: &door };
        assert_eq!(Need::OwnExtension.met_by(asking(None), NOW), Err(Denied::NoExtension));
        assert_eq!(Need::OwnExtension.met_by(asking("101".parse().ok()), NOW), Ok(()));
    }

    impl Scope {
        fn next(self) -> Self {
            Self::ALL.into_iter().find(|other| *other != self && *other != Self::Read).unwrap_or(self)
        }
    }

    #[test]
    fn roles_and_scopes_are_read_as_they_are_written() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse(), Ok(scope));
        }
        assert!("Owner".parse::<Role>().is_err() && "everything".parse::<Scope>().is_err());
    }
}
