//! `nightbell mail`: the account at a mail server, welcome mails, and whether each was sent or not.

use std::io::{self, Read as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use pbx_core::model::UnixMillis;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Exit;
use super::client::{Client, encoded};
use super::failure::Failure;
use super::output::{Report, Table, clean, count, time};

/// Between two looks at an order.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// An order of a thousand mails; what still waits then is tried again by the server.
const WATCH_FOR: Duration = Duration::from_secs(600);

#[derive(Debug, Subcommand)]
pub(super) enum MailCommand {
    /// The account at a mail server, without its password
    Show,
    /// Name the mail server; the password is read from standard input
    Set(SetArgs),
    /// Forget the mail server and its password
    Remove,
    /// Send a test mail and show the mail server's answer
    Test {
        /// Where to
        to: String,
    },
    /// Mail a link with a QR code to the owners of these extensions
    Welcome(WelcomeArgs),
    /// Whether each mail was sent or not
    List {
        /// Only those of this extension
        #[arg(long)]
        extension: Option<String>,
    },
    /// Send a mail once more, with a new link
    Resend {
        /// The mail, as `list` shows it
        id: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct SetArgs {
    /// The mail server, for example smtp.example.com
    host: String,
    /// What mails come from
    #[arg(long)]
    from: String,
    /// The name beside it
    #[arg(long, default_value = "")]
    from_name: String,
    /// How the connection is protected
    #[arg(long, default_value = "starttls", value_parser = ["starttls", "tls", "none"])]
    security: String,
    /// The port, when it is not the usual one
    #[arg(long)]
    port: Option<u16>,
    /// The name to sign in with
    #[arg(long, default_value = "")]
    username: String,
    /// Read the password from standard input; without this the stored one is kept, as long as server, port, user name,
    /// encryption and authority stay
    #[arg(long)]
    password_stdin: bool,
    /// A file with the server's own certificate authority (PEM)
    #[arg(long, value_name = "FILE")]
    authority: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct WelcomeArgs {
    /// Their numbers
    #[arg(required_unless_present = "all")]
    extensions: Vec<String>,
    /// Everybody who has no phone yet
    #[arg(long, conflicts_with = "extensions")]
    all: bool,
    /// How long the links work, in hours
    #[arg(long)]
    hours: Option<u32>,
    /// Do not wait until the mails are sent
    #[arg(long)]
    no_wait: bool,
}

#[derive(Debug, Deserialize)]
struct AccountAnswer {
    account: Option<Account>,
}

#[derive(Debug, Deserialize)]
struct Account {
    host: String,
    port: u16,
    security: String,
    username: String,
    from_address: String,
    from_name: String,
    has_password: bool,
    changed_at: UnixMillis,
}

#[derive(Debug, Deserialize)]
struct Ordered {
    batch: String,
    queued: usize,
    skipped: Vec<Skipped>,
}

#[derive(Debug, Deserialize)]
struct Skipped {
    extension: String,
    why: String,
}

#[derive(Debug, Deserialize)]
struct List {
    mails: Vec<Mail>,
    progress: Option<Progress>,
}

#[derive(Debug, Deserialize)]
struct Progress {
    total: u32,
    sent: u32,
    failed: u32,
}

#[derive(Debug, Deserialize)]
struct Mail {
    id: String,
    extension: String,
    address: String,
    state: String,
    detail: String,
    created_at: UnixMillis,
    ended_at: Option<UnixMillis>,
}

#[derive(Debug, Deserialize)]
struct Tested {
    answer: String,
}

pub(super) async fn run(client: Client, command: MailCommand) -> Result<Report, Failure> {
    match command {
        MailCommand::Show => show(&client).await,
        MailCommand::Set(args) => set(&client, args).await,
        MailCommand::Remove => {
            client.delete("/mail/account").await?;
            Ok(Report::done("The mail server is forgotten.\n", json!({ "account": null })))
        }
        MailCommand::Test { to } => {
            let tested = client.post::<Tested>("/mail/test", &json!({ "to": to })).await?;
            Ok(Report::done(format!("Taken: {}\n", clean(&tested.known.answer)), tested.raw))
        }
        MailCommand::Welcome(args) => welcome(&client, args).await,
        MailCommand::List { extension } => list(&client, extension).await,
        MailCommand::Resend { id } => {
            let ordered = client.post::<Ordered>(&format!("/mails/{}/resend", encoded(&id)), &json!({})).await?;
            watch(&client, ordered.known, false).await
        }
    }
}

async fn show(client: &Client) -> Result<Report, Failure> {
    let answer = client.get::<AccountAnswer>("/mail/account").await?;
    let text = match &answer.known.account {
        None => {
            "No mail server is set up: nightbell mail set smtp.example.com --from telephone@example.com\n".to_owned()
        }
        Some(account) => described(account),
    };
    Ok(Report::done(text, answer.raw))
}

fn described(account: &Account) -> String {
    let Account { host, port, security, username, from_address, from_name, has_password, changed_at } = account;
    format!(
        "Mail server {}:{port}, {}\n  user      {}\n  password  {}\n  from      {} {}\n  saved     {}\n",
        clean(host),
        clean(security),
        if username.is_empty() { "-".to_owned() } else { clean(username) },
        if *has_password { "stored" } else { "-" },
        clean(from_address),
        clean(from_name),
        time(*changed_at)
    )
}

async fn set(client: &Client, args: SetArgs) -> Result<Report, Failure> {
    let mut body = Map::new();
    body.insert("host".into(), json!(args.host));
    body.insert("security".into(), json!(args.security));
    body.insert("port".into(), json!(args.port));
    body.insert("username".into(), json!(args.username));
    body.insert("from_address".into(), json!(args.from));
    body.insert("from_name".into(), json!(args.from_name));
    if args.password_stdin {
        let mut password = String::new();
        let unreadable =
            |source| Failure::Read { what: "the password on", path: PathBuf::from("standard input"), source };
        io::stdin().lock().take(4096).read_to_string(&mut password).map_err(unreadable)?;
        body.insert("password".into(), json!(password.lines().next().unwrap_or_default()));
    }
    if let Some(path) = args.authority {
        let unreadable = |source| Failure::Read { what: "the certificate authority", path: path.clone(), source };
        body.insert("authority".into(), json!(std::fs::read_to_string(&path).map_err(unreadable)?));
    }
    let answer = client.put::<AccountAnswer>("/mail/account", &Value::Object(body)).await?;
    let text = answer.known.account.as_ref().map(described).unwrap_or_default();
    Ok(Report::done(text, answer.raw))
}

async fn welcome(client: &Client, args: WelcomeArgs) -> Result<Report, Failure> {
    let mut body = Map::new();
    if !args.all {
        body.insert("extensions".into(), json!(args.extensions));
    }
    body.insert("hours".into(), json!(args.hours));
    let ordered = client.post::<Ordered>("/mails", &Value::Object(body)).await?;
    watch(client, ordered.known, args.no_wait).await
}

/// Watches an order until every mail was tried, unless nobody wants to wait.
async fn watch(client: &Client, ordered: Ordered, no_wait: bool) -> Result<Report, Failure> {
    let path = format!("/mails?limit=500&batch={}", encoded(&ordered.batch));
    let until = tokio::time::Instant::now() + WATCH_FOR;
    let mut seen = client.get::<List>(&path).await?;
    let is_open = |list: &List| list.progress.as_ref().is_some_and(|it| it.sent + it.failed < it.total);
    let untried = |list: &List| list.mails.iter().any(|mail| mail.state == "queued" && mail.detail.is_empty());
    while !no_wait && is_open(&seen.known) && untried(&seen.known) && tokio::time::Instant::now() < until {
        tokio::time::sleep(LOOK_EVERY).await;
        seen = client.get::<List>(&path).await?;
    }
    let mut text = String::new();
    for Skipped { extension, why } in &ordered.skipped {
        text += &format!("{}: {}\n", clean(extension), clean(why));
    }
    let (sent, failed) = seen.known.progress.as_ref().map_or((0, 0), |it| (it.sent, it.failed));
    text += &format!("{} ordered, {sent} sent, {failed} not sent.\n", count(ordered.queued, "mail", "mails"));
    for mail in seen.known.mails.iter().filter(|mail| mail.state != "sent" && !mail.detail.is_empty()) {
        text += &format!("{} to {}: {}\n", clean(&mail.extension), clean(&mail.address), clean(&mail.detail));
    }
    let all = ordered.skipped.is_empty() && failed == 0;
    let report = Report::done(text, seen.raw);
    Ok(if all { report } else { report.ending(Exit::Degraded) })
}

async fn list(client: &Client, extension: Option<String>) -> Result<Report, Failure> {
    let which = extension.map(|number| format!("&extension={}", encoded(&number))).unwrap_or_default();
    let answer = client.get::<List>(&format!("/mails?limit=500{which}")).await?;
    let mut table = Table::new(["MAIL", "EXTENSION", "TO", "STATE", "WHEN", "DETAIL"]);
    for mail in &answer.known.mails {
        table.row([
            mail.id.clone(),
            mail.extension.clone(),
            mail.address.clone(),
            mail.state.clone(),
            time(mail.ended_at.unwrap_or(mail.created_at)),
            mail.detail.clone(),
        ]);
    }
    Ok(Report::done(table.text("No mail was ever ordered."), answer.raw))
}
