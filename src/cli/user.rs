//! `nightbell user`: who may sign in and what they may do; the way back in for an owner who is locked out.

use clap::{Subcommand, ValueEnum};
use pbx_core::model::UnixMillis;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{Answer, Client};
use super::failure::Failure;
use super::output::{Report, Table, clean, time};

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Everybody, with role and state
    List,
    /// Add somebody, and print the link by which they set their password
    Add {
        /// The name or mail address they sign in with
        name: String,
        /// What they may do
        #[arg(long, value_enum, default_value_t = RoleName::User)]
        role: RoleName,
        /// Their extension; a user needs one
        #[arg(long)]
        extension: Option<String>,
    },
    /// Change what somebody may do; they are signed out
    Role {
        /// Who
        name: String,
        /// What they may do from now on
        #[arg(value_enum)]
        role: RoleName,
        /// Their extension; a user needs one
        #[arg(long)]
        extension: Option<String>,
    },
    /// Sign somebody out and keep them from signing in
    Disable {
        /// Who
        name: String,
    },
    /// Let somebody sign in again
    Enable {
        /// Who
        name: String,
    },
    /// Remove somebody
    Remove {
        /// Who
        name: String,
    },
    /// Print a link by which somebody sets a new password; works for an owner who is locked out
    ResetPassword {
        /// Who
        name: String,
        /// Take the second factor away as well: phone and recovery codes are lost
        #[arg(long)]
        second_factor: bool,
    },
}

/// The roles as the command line writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RoleName {
    /// Everything
    Owner,
    /// Everything but people
    Admin,
    /// Sees everything, changes nothing
    ReadOnly,
    /// Their own extension
    User,
}

impl RoleName {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::ReadOnly => "read_only",
            Self::User => "user",
        }
    }
}

#[derive(Debug, Deserialize)]
struct List {
    users: Vec<User>,
}

#[derive(Debug, Deserialize)]
struct User {
    id: i64,
    name: String,
    role: String,
    extension: Option<String>,
    disabled_at: Option<UnixMillis>,
    has_password: bool,
    last_seen_at: Option<UnixMillis>,
}

#[derive(Debug, Deserialize)]
struct Invitation {
    url: String,
    expires_at: UnixMillis,
}

#[derive(Debug, Deserialize)]
struct Added {
    invitation: Invitation,
}

pub(super) async fn run(client: Client, command: UserCommand) -> Result<Report, Failure> {
    match command {
        UserCommand::List => list(&client).await,
        UserCommand::Add { name, role, extension } => {
            let body = json!({ "name": name, "role": role.as_str(), "extension": extension });
            let added = client.post::<Added>("/users", &body).await?;
            let link = link_text(&added.known.invitation, "sets the password");
            Ok(Report::done(format!("{} was added.\n\n{link}", clean(&name)), added.raw))
        }
        UserCommand::Role { name, role, extension } => {
            let mut body = json!({ "role": role.as_str() });
            if let Some(extension) = extension {
                body["extension"] = extension.into();
            }
            let done = format!("{} is {} from now on.\n", clean(&name), role.as_str().replace('_', " "));
            change(&client, &name, &body, done).await
        }
        UserCommand::Disable { name } => {
            let done = format!("{} is signed out and cannot sign in.\n", clean(&name));
            change(&client, &name, &json!({ "disabled": true }), done).await
        }
        UserCommand::Enable { name } => {
            let done = format!("{} can sign in again.\n", clean(&name));
            change(&client, &name, &json!({ "disabled": false }), done).await
        }
        UserCommand::Remove { name } => {
            let id = find(&client, &name).await?;
            client.delete(&format!("/users/{id}")).await?;
            Ok(Report::done(format!("{} was removed.\n", clean(&name)), json!({ "name": name })))
        }
        UserCommand::ResetPassword { name, second_factor } => {
            let id = find(&client, &name).await?;
            if second_factor {
                client.delete(&format!("/users/{id}/second-factor")).await?;
            }
            let Answer { raw, known } = client.post_nothing::<Invitation>(&format!("/users/{id}/invitation")).await?;
            Ok(Report::done(link_text(&known, "sets a new password"), raw))
        }
    }
}

fn link_text(link: &Invitation, does: &str) -> String {
    let Invitation { url, expires_at } = link;
    format!("{url}\n\nWhoever opens it {does}. It works once, until {}.\n", time(*expires_at))
}

async fn change(client: &Client, name: &str, body: &Value, done: String) -> Result<Report, Failure> {
    let id = find(client, name).await?;
    let answer = client.patch::<Value>(&format!("/users/{id}"), body).await?;
    Ok(Report::done(done, answer.raw))
}

/// The row of a name, compared without case as at sign-in.
async fn find(client: &Client, name: &str) -> Result<i64, Failure> {
    let wanted = name.trim().to_lowercase();
    let users = client.get::<List>("/users").await?.known.users;
    let found = users.into_iter().find(|user| user.name.to_lowercase() == wanted);
    found.map(|user| user.id).ok_or(Failure::Missing("there is no user of this name; see `nightbell user list`"))
}

async fn list(client: &Client) -> Result<Report, Failure> {
    let answer = client.get::<List>("/users").await?;
    let mut table = Table::new(["NAME", "ROLE", "EXTENSION", "STATE", "LAST SEEN"]);
    for user in answer.known.users {
        let state = match (user.disabled_at, user.has_password) {
            (Some(_), _) => "disabled",
            (None, true) => "can sign in",
            (None, false) => "invited",
        };
        table.row([
            user.name,
            user.role.replace('_', " "),
            user.extension.unwrap_or_default(),
            state.to_owned(),
            user.last_seen_at.map(time).unwrap_or_default(),
        ]);
    }
    Ok(Report::done(table.text("Nobody can sign in yet; `nightbell setup-link` makes the first account."), answer.raw))
}
