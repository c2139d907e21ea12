//! `nightbell certificate`: the certificate in force, and the authority that gives one by itself.

use std::io::{self, Read as _};
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use pbx_core::model::UnixMillis;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::client::Client;
use super::failure::Failure;
use super::output::{Report, clean, time};

#[derive(Debug, Subcommand)]
pub(super) enum CertificateCommand {
    /// The certificate in force, and how the next one is got
    Show,
    /// Let an authority (ACME, such as Let's Encrypt) give one by itself, from now on
    Get(GetArgs),
    /// Order one now, as far as the authority's limits allow
    Order,
    /// Forget the authority and its certificate; the one in the folder tls is in force again
    Stop,
}

#[derive(Debug, Args)]
pub(super) struct GetArgs {
    /// You have read the terms of the authority and agree to them
    #[arg(long)]
    agree_to_terms: bool,
    /// The address of the authority's ACME directory [default: Let's Encrypt]
    #[arg(long, value_name = "URL")]
    directory: Option<String>,
    /// A mail address that the authority may write to
    #[arg(long, default_value = "", hide_default_value = true, value_name = "MAIL")]
    contact: String,
    /// How the authority makes sure that the public name leads here
    #[arg(long)]
    validation: Option<Validation>,
    /// The port of this machine at which the authority's question arrives [default: 80 or 443]
    #[arg(long)]
    port: Option<u16>,
    /// A kind of certificate from the authority's list, such as shortlived
    #[arg(long, default_value = "", hide_default_value = true)]
    profile: String,
    /// The name (key id) of an external account, for authorities that want one
    #[arg(long, default_value = "", hide_default_value = true, value_name = "KEY_ID")]
    external_account: String,
    /// Read its key (base64) from standard input; without this the stored one is kept
    #[arg(long)]
    external_account_key_stdin: bool,
    /// One more trusted root certificate (PEM), for an authority of your own
    #[arg(long, value_name = "FILE")]
    authority: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Validation {
    /// It asks at port 80
    #[value(name = "http-01")]
    Http,
    /// It asks at port 443
    #[value(name = "tls-alpn-01")]
    Tls,
}

#[derive(Debug, Deserialize)]
struct Answer {
    fingerprint: String,
    self_made: bool,
    not_after: UnixMillis,
    names: Vec<String>,
    acme: Option<Acme>,
}

#[derive(Debug, Deserialize)]
struct Acme {
    setting: Setting,
    phase: String,
    problem: Option<Problem>,
    in_force: bool,
    next_at: UnixMillis,
}

#[derive(Debug, Deserialize)]
struct Setting {
    directory: String,
}

#[derive(Debug, Deserialize)]
struct Problem {
    text: String,
    fix: String,
    at: UnixMillis,
}

pub(super) async fn run(client: Client, command: CertificateCommand) -> Result<Report, Failure> {
    match command {
        CertificateCommand::Show => {
            let answer = client.get::<Answer>("/certificate").await?;
            Ok(Report::done(words(&answer.known), answer.raw))
        }
        CertificateCommand::Get(args) => {
            let answer = client.put::<Answer>("/certificate/acme", &body(args)?).await?;
            let text = "The certificate is being ordered; `nightbell certificate show` says how far it is.\n";
            Ok(Report::done(text, answer.raw))
        }
        CertificateCommand::Order => {
            let answer = client.post::<Answer>("/certificate/acme/order", &json!({})).await?;
            Ok(Report::done(words(&answer.known), answer.raw))
        }
        CertificateCommand::Stop => {
            client.delete("/certificate/acme").await?;
            Ok(Report::done("No certificate is got by itself any more.\n", json!({ "acme": null })))
        }
    }
}

fn words(answer: &Answer) -> String {
    let Answer { fingerprint, self_made, not_after, names, acme } = answer;
    let in_force = acme.as_ref().is_some_and(|acme| acme.in_force);
    let maker = match (self_made, in_force) {
        (true, _) => "Nightbell itself; most phone apps refuse it",
        (false, true) => "the authority below, by itself",
        (false, false) => "you, or an authority you asked",
    };
    let mut text = format!(
        "Certificate for {}\n  made by   {maker}\n  ends      {}\n  SHA-256   {}\n",
        clean(&names.join(", ")),
        time(*not_after),
        clean(fingerprint)
    );
    let Some(acme) = acme else { return text };
    text += &format!("  authority {}\n", clean(&acme.setting.directory));
    if acme.phase != "idle" {
        text += &format!("  order     under way ({})\n", clean(&acme.phase));
    } else {
        text += &format!("  next      {}\n", time(acme.next_at));
    }
    if let Some(problem) = &acme.problem {
        text += &format!(
            "No certificate was got on {}: {}\nFix: {}\n",
            time(problem.at),
            clean(&problem.text),
            clean(&problem.fix)
        );
    }
    text
}

fn body(args: GetArgs) -> Result<Value, Failure> {
    let mut body = Map::new();
    body.insert("agree_to_terms".into(), json!(args.agree_to_terms));
    let texts = [("contact", args.contact), ("profile", args.profile), ("external_account", args.external_account)];
    for (name, text) in texts {
        body.insert(name.into(), json!(text));
    }
    if let Some(directory) = args.directory {
        body.insert("directory".into(), json!(directory));
    }
    if let Some(validation) = args.validation {
        let code = match validation {
            Validation::Http => "http-01",
            Validation::Tls => "tls-alpn-01",
        };
        body.insert("validation".into(), json!(code));
    }
    if let Some(port) = args.port {
        body.insert("port".into(), json!(port));
    }
    if let Some(path) = args.authority {
        let text = std::fs::read_to_string(&path).map_err(|source| Failure::Read {
            what: "the root certificate in",
            path,
            source,
        })?;
        body.insert("authority".into(), json!(text));
    }
    if args.external_account_key_stdin {
        let mut key = String::new();
        let unreadable = |source| Failure::Read { what: "the key on", path: PathBuf::from("standard input"), source };
        io::stdin().lock().take(4096).read_to_string(&mut key).map_err(unreadable)?;
        body.insert("external_account_key".into(), json!(key.lines().next().unwrap_or_default()));
    }
    Ok(Value::Object(body))
}
