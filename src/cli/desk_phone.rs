//! `nightbell desk-phone`: adding desk phones, and what became of them.

mod factory;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use pbx_core::model::{Redacted, UnixMillis};
use serde::Deserialize;
use serde_json::json;

use self::factory::FactoryCommand;
use super::Exit;
use super::client::{Client, RowError, encoded};
use super::failure::{Failure, NAME};
use super::output::{Report, Table, clean, count, print_error, time};

#[derive(Debug, Subcommand)]
pub(super) enum DeskPhoneCommand {
    /// Every desk phone, how far it has come and what it fetched last
    List,
    /// Add a phone; its address is shown this once
    Add {
        /// The MAC address on the back of the phone
        mac: String,
        /// yealink, snom, grandstream, fanvil or polycom
        #[arg(long)]
        vendor: String,
        /// The model as on the phone, for example T46S
        #[arg(long)]
        model: String,
        /// Whose phone it is
        #[arg(long)]
        extension: String,
        /// Where it stands
        #[arg(long, default_value = "")]
        label: String,
    },
    /// Add the phones of a CSV list: all of it or nothing; their addresses are shown this once
    Import {
        /// The CSV file with mac,vendor,model,extension,label; - is standard input
        file: PathBuf,
        /// Only check it: nothing is changed
        #[arg(long)]
        dry_run: bool,
    },
    /// New first addresses of a vendor's phones that have not moved to their own, as CSV for its redirect service
    Redirection {
        /// yealink, snom, grandstream, fanvil or polycom
        vendor: String,
    },
    /// A new first address, for a phone that was reset; the running phone goes on
    Address {
        /// The phone's MAC address
        mac: String,
    },
    /// Tell the phone another address at its next fetch
    Rotate {
        /// The phone's MAC address
        mac: String,
    },
    /// Let this one phone come by its MAC for ten minutes
    Window {
        /// The phone's MAC address
        mac: String,
        /// Close the window
        #[arg(long)]
        close: bool,
    },
    /// Ask a phone, or all of them, to fetch its settings again; says what the phone said
    Fetch {
        /// The phone's MAC address
        #[arg(required_unless_present = "all")]
        mac: Option<String>,
        /// Every phone that has fetched its settings once
        #[arg(long, conflicts_with = "mac")]
        all: bool,
    },
    /// Show the file the phone is told, without its secrets
    Preview {
        /// The phone's MAC address
        mac: String,
    },
    /// Settings that are put over ours, by format and model
    #[command(subcommand)]
    Template(TemplateCommand),
    /// What is chosen for all desk phones; without an option it is shown
    Options {
        /// Answer phones that look for their configuration on the local network: on or off
        #[arg(long, value_parser = ["on", "off"])]
        pnp: Option<String>,
        /// Phones give a password of their own when they fetch: on or off
        #[arg(long, value_parser = ["on", "off"])]
        http_password: Option<String>,
    },
    /// Phones that asked for a configuration and were told nothing, and why
    TurnedAway,
    /// Phones that prove themselves by the certificate they were made with; without a command it is shown
    Factory {
        #[command(subcommand)]
        command: Option<FactoryCommand>,
    },
    /// Change a phone: whose it is, its model, where it stands; it keeps its address
    Edit {
        /// The phone's MAC address
        mac: String,
        /// Whose it becomes
        #[arg(long)]
        extension: Option<String>,
        /// The model as on the phone
        #[arg(long)]
        model: Option<String>,
        /// Where it stands
        #[arg(long)]
        label: Option<String>,
    },
    /// Show the password of the phone's own menu; the audit log says who asked
    MenuPassword {
        /// The phone's MAC address
        mac: String,
    },
    /// Remove a phone; its account is gone at once
    Remove {
        /// The phone's MAC address
        mac: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum TemplateCommand {
    /// Every template, and how many phones it is for
    List,
    /// Save a template from a file; its phones are asked to fetch their settings again
    Set {
        /// yealink, snom, grandstream, fanvil_text, fanvil_xml or polycom
        family: String,
        /// The file with key = value, one a line; - is standard input
        file: PathBuf,
        /// Only for models that begin so, for example T4
        #[arg(long, default_value = "")]
        model: String,
        /// Only check it: nothing is saved
        #[arg(long)]
        dry_run: bool,
    },
    /// Take a template away; its phones have Nightbell's own settings again
    Remove {
        /// yealink, snom, grandstream, fanvil_text, fanvil_xml or polycom
        family: String,
        /// The same as when it was saved
        #[arg(long, default_value = "")]
        model: String,
    },
}

#[derive(Debug, Deserialize)]
struct Options {
    pnp: bool,
    pnp_problem: Option<String>,
    http_password: bool,
    without_password: usize,
}

#[derive(Debug, Deserialize)]
struct Menu {
    user: String,
    password: Redacted<String>,
}

#[derive(Debug, Deserialize)]
struct Imported {
    rows: usize,
    errors: Vec<RowError>,
    desk_phones: Vec<ImportedLine>,
}

#[derive(Debug, Deserialize)]
struct ImportedLine {
    mac: String,
    extension: String,
    url: Option<Redacted<String>>,
}

#[derive(Debug, Deserialize)]
struct Templates {
    templates: Vec<Template>,
}

#[derive(Debug, Deserialize)]
struct Template {
    family: String,
    model: String,
    count: usize,
    phones: usize,
    changed_at: UnixMillis,
}

#[derive(Debug, Deserialize)]
struct Preview {
    text: String,
}

#[derive(Debug, Deserialize)]
struct List {
    desk_phones: Vec<DeskPhone>,
}

#[derive(Debug, Deserialize)]
struct DeskPhone {
    mac: String,
    vendor: String,
    model: String,
    extension: String,
    label: String,
    progress: String,
    last_fetch: Option<Fetch>,
    asked: Option<Asked>,
    registered_at: Option<UnixMillis>,
}

#[derive(Debug, Deserialize)]
struct Asked {
    at: UnixMillis,
    text: String,
}

#[derive(Debug, Deserialize)]
struct AllPhones {
    phones: usize,
}

#[derive(Debug, Deserialize)]
struct AllAsked {
    asked: usize,
}

#[derive(Debug, Deserialize)]
struct Fetch {
    at: UnixMillis,
    told: String,
}

#[derive(Debug, Deserialize)]
struct Address {
    url: String,
    expires_at: UnixMillis,
}

pub(super) async fn run(client: Client, command: DeskPhoneCommand) -> Result<Report, Failure> {
    match command {
        DeskPhoneCommand::List => list(&client).await,
        DeskPhoneCommand::Add { mac, vendor, model, extension, label } => {
            let body = json!({ "mac": mac, "vendor": vendor, "model": model, "extension": extension, "label": label });
            address(&client, "/desk-phones", &body).await
        }
        DeskPhoneCommand::Address { mac } => address(&client, &path(&mac, "/address"), &json!({})).await,
        DeskPhoneCommand::Rotate { mac } => {
            let answer = client.post_nothing::<serde_json::Value>(&path(&mac, "/rotate")).await?;
            let text = "is told its other address at its next fetch; the one it has works until then";
            Ok(Report::done(format!("{} {text}.\n", clean(&mac)), answer.raw))
        }
        DeskPhoneCommand::Window { mac, close } => {
            let answer = client.post::<serde_json::Value>(&path(&mac, "/window"), &json!({ "open": !close })).await?;
            let state = if close { "closed" } else { "open for ten minutes; switch the phone on now" };
            Ok(Report::done(format!("The pairing window of {} is {state}.\n", clean(&mac)), answer.raw))
        }
        DeskPhoneCommand::Fetch { mac: Some(mac), .. } => {
            let answer = client.post_nothing::<DeskPhone>(&path(&mac, "/check-sync")).await?;
            let said = answer.known.asked.map_or_else(|| "was not asked".into(), |asked| asked.text);
            Ok(Report::done(format!("{}: {}.\n", clean(&mac), clean(&said)), answer.raw))
        }
        DeskPhoneCommand::Fetch { mac: None, .. } => {
            let answer = client.post_nothing::<AllAsked>("/desk-phones/check-sync").await?;
            let text = "phones are being asked; `nightbell desk-phone list` says what they said";
            Ok(Report::done(format!("{} {text}.\n", answer.known.asked), answer.raw))
        }
        DeskPhoneCommand::Import { file, dry_run } => import(&client, &file, dry_run).await,
        DeskPhoneCommand::Redirection { vendor } => {
            let csv = client.post_for_text("/desk-phones/redirection", &json!({ "vendor": vendor })).await?;
            let raw = json!({ "csv": csv });
            Ok(Report::done(csv, raw))
        }
        DeskPhoneCommand::Preview { mac } => {
            let answer = client.get::<Preview>(&path(&mac, "/preview")).await?;
            let lines: Vec<String> = answer.known.text.lines().map(clean).collect();
            Ok(Report::done(format!("{}\n", lines.join("\n")), answer.raw))
        }
        DeskPhoneCommand::Options { pnp, http_password } => options(&client, pnp, http_password).await,
        DeskPhoneCommand::Edit { mac, extension, model, label } => {
            let given = [("extension", extension), ("model", model), ("label", label)];
            let given = given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
            let body = serde_json::Value::Object(given.collect());
            let answer = client.patch::<DeskPhone>(&path(&mac, ""), &body).await?;
            let DeskPhone { mac, extension, .. } = answer.known;
            Ok(Report::done(format!("{} is a phone of {}.\n", clean(&mac), clean(&extension)), answer.raw))
        }
        DeskPhoneCommand::MenuPassword { mac } => {
            let answer = client.post_nothing::<Menu>(&path(&mac, "/menu-password")).await?;
            let Menu { user, password } = answer.known;
            Ok(Report::done(format!("{}\n{}\n", clean(&user), clean(password.reveal())), answer.raw))
        }
        DeskPhoneCommand::TurnedAway => factory::turned_away(&client).await,
        DeskPhoneCommand::Factory { command } => factory::run(&client, command).await,
        DeskPhoneCommand::Template(command) => template(&client, command).await,
        DeskPhoneCommand::Remove { mac } => {
            client.delete(&path(&mac, "")).await?;
            Ok(Report::done(format!("{} is removed; its account is gone.\n", clean(&mac)), json!({ "mac": mac })))
        }
    }
}

async fn import(client: &Client, file: &Path, dry_run: bool) -> Result<Report, Failure> {
    let csv = super::import::read(file)?;
    let asked = json!({ "csv": csv, "dry_run": dry_run });
    let answer = client.post::<Imported>("/desk-phones/import", &asked).await?;
    let Imported { rows, errors, desk_phones } = answer.known;
    if !errors.is_empty() {
        let lines: String = errors.iter().map(|error| format!("{}\n", error.text())).collect();
        print_error(&format!("{lines}{NAME}: {} to correct", count(errors.len(), "problem", "problems")));
        return Ok(Report::done(String::new(), answer.raw).ending(Exit::Failure));
    }
    if dry_run {
        let text = format!("{} can be imported; nothing was changed.\n", count(rows, "desk phone", "desk phones"));
        return Ok(Report::done(text, answer.raw));
    }
    let mut table = Table::new(["MAC", "EXTENSION", "ADDRESS"]);
    for phone in desk_phones {
        table.row([phone.mac, phone.extension, phone.url.map(Redacted::into_inner).unwrap_or_default()]);
    }
    let text = table.text("");
    let added = count(rows, "desk phone", "desk phones");
    Ok(Report::done(format!("{added} imported. The addresses are shown this once:\n\n{text}"), answer.raw))
}

async fn options(client: &Client, pnp: Option<String>, http_password: Option<String>) -> Result<Report, Failure> {
    const AT: &str = "/desk-phones/options";
    let mut answer = client.get::<Options>(AT).await?;
    if pnp.is_some() || http_password.is_some() {
        let on = |given: Option<String>, now: bool| given.map_or(now, |word| word == "on");
        let now = &answer.known;
        let wanted = json!({ "pnp": on(pnp, now.pnp), "http_password": on(http_password, now.http_password) });
        answer = client.put::<Options>(AT, &wanted).await?;
    }
    let Options { pnp, pnp_problem, http_password, without_password } = &answer.known;
    let word = |on: bool| if on { "on" } else { "off" };
    let mut text = format!("PnP on the local network: {}\nHTTP password: {}\n", word(*pnp), word(*http_password));
    if let Some(problem) = pnp_problem {
        text += &format!("Nobody on the local network is heard: {}\n", clean(problem));
    }
    if *without_password > 0 {
        text += &format!("{} not fetched theirs yet.\n", count(*without_password, "phone has", "phones have"));
    }
    Ok(Report::done(text, answer.raw))
}

async fn template(client: &Client, command: TemplateCommand) -> Result<Report, Failure> {
    const AT: &str = "/desk-phones/templates";
    match command {
        TemplateCommand::List => {
            let answer = client.get::<Templates>(AT).await?;
            let mut table = Table::new(["FORMAT", "MODELS", "SETTINGS", "PHONES", "CHANGED"]);
            for one in answer.known.templates {
                let models = if one.model.is_empty() { "all".to_owned() } else { format!("{}…", one.model) };
                table.row([one.family, models, one.count.to_string(), one.phones.to_string(), time(one.changed_at)]);
            }
            Ok(Report::done(table.text("There are no templates; phones have Nightbell's own settings."), answer.raw))
        }
        TemplateCommand::Set { family, file, model, dry_run } => {
            let settings = super::import::read(&file)?;
            let body = json!({ "family": family, "model": model, "settings": settings });
            if dry_run {
                let answer = client.post::<serde_json::Value>(&format!("{AT}/check"), &body).await?;
                return Ok(Report::done("The template can be saved; nothing was saved.\n", answer.raw));
            }
            let answer = client.put::<AllPhones>(AT, &body).await?;
            let phones = count(answer.known.phones, "phone is", "phones are");
            Ok(Report::done(format!("Saved; {phones} asked to fetch again.\n"), answer.raw))
        }
        TemplateCommand::Remove { family, model } => {
            let path = format!("{AT}?family={}&model={}", encoded(&family), encoded(&model));
            client.delete(&path).await?;
            let raw = json!({ "family": family, "model": model });
            Ok(Report::done("The template is gone; its phones are asked to fetch again.\n", raw))
        }
    }
}

fn path(mac: &str, act: &str) -> String {
    format!("/desk-phones/{}{act}", encoded(mac))
}

async fn address(client: &Client, path: &str, body: &serde_json::Value) -> Result<Report, Failure> {
    let answer = client.post::<Address>(path, body).await?;
    let Address { url, expires_at } = answer.known;
    let text = format!(
        "{}\n\nShown this once. Put it into the phone by {}; docs/desk-phones.md says where.\n",
        clean(&url),
        time(expires_at)
    );
    Ok(Report::done(text, answer.raw))
}

async fn list(client: &Client) -> Result<Report, Failure> {
    let answer = client.get::<List>("/desk-phones").await?;
    let mut table =
        Table::new(["MAC", "MODEL", "EXTENSION", "LABEL", "STATE", "LAST FETCH", "ASKED TO FETCH", "REGISTERED"]);
    for phone in answer.known.desk_phones {
        table.row([
            phone.mac,
            format!("{} {}", phone.vendor, phone.model),
            phone.extension,
            phone.label,
            phone.progress.replace('_', " "),
            phone.last_fetch.map_or_else(|| "never".to_owned(), |fetch| format!("{}: {}", time(fetch.at), fetch.told)),
            phone.asked.map_or_else(|| "never".to_owned(), |asked| format!("{}: {}", time(asked.at), asked.text)),
            phone.registered_at.map_or_else(|| "never".to_owned(), time),
        ]);
    }
    Ok(Report::done(table.text("There are no desk phones."), answer.raw))
}
