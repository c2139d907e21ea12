//! `nightbell web-proxy`: the proxy that pushes leave through.

use std::io::{self, Read as _};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use pbx_core::model::UnixMillis;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::client::Client;
use super::failure::Failure;
use super::output::{Report, clean, time};

#[derive(Debug, Subcommand)]
pub(super) enum WebProxyCommand {
    /// The proxy in use, without its password
    Show,
    /// Let pushes leave through a proxy; in force at once
    Set(SetArgs),
    /// Forget the proxy and its password
    Remove,
}

#[derive(Debug, Args)]
pub(super) struct SetArgs {
    /// Its name or address, for example proxy.example.com
    host: String,
    /// Its port
    #[arg(long, default_value_t = 3128)]
    port: u16,
    /// Whom it knows us as
    #[arg(long, default_value = "")]
    username: String,
    /// Read the password from standard input; without this the stored one is kept
    #[arg(long)]
    password_stdin: bool,
    /// A name, an address or a range that is reached without it; may be given several times. Left out: this machine and private networks
    #[arg(long, value_name = "HOST")]
    without: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Answer {
    web_proxy: Option<Setting>,
    in_use: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Setting {
    host: String,
    port: u16,
    username: String,
    without: Vec<String>,
    has_password: bool,
    changed_at: UnixMillis,
}

pub(super) async fn run(client: Client, command: WebProxyCommand) -> Result<Report, Failure> {
    match command {
        WebProxyCommand::Show => {
            let answer = client.get::<Answer>("/web-proxy").await?;
            Ok(Report::done(words(&answer.known), answer.raw))
        }
        WebProxyCommand::Set(args) => set(&client, args).await,
        WebProxyCommand::Remove => {
            client.delete("/web-proxy").await?;
            Ok(Report::done("The web proxy is forgotten.\n", json!({ "web_proxy": null })))
        }
    }
}

fn words(answer: &Answer) -> String {
    match (&answer.web_proxy, &answer.in_use) {
        (Some(Setting { host, port, username, without, has_password, changed_at }), _) => format!(
            "Web proxy {}:{port}\n  user      {}\n  password  {}\n  without   {}\n  saved     {}\n",
            clean(host),
            if username.is_empty() { "-".to_owned() } else { clean(username) },
            if *has_password { "stored" } else { "-" },
            if without.is_empty() { "-".to_owned() } else { clean(&without.join(" ")) },
            time(*changed_at)
        ),
        (None, Some(place)) => {
            format!("None is saved; {} of the environment (HTTPS_PROXY) is in use.\n", clean(place))
        }
        (None, None) => "None is set: pushes go straight to their providers.\n".to_owned(),
    }
}

async fn set(client: &Client, args: SetArgs) -> Result<Report, Failure> {
    let mut body = Map::new();
    body.insert("host".into(), json!(args.host));
    body.insert("port".into(), json!(args.port));
    body.insert("username".into(), json!(args.username));
    if !args.without.is_empty() {
        body.insert("without".into(), json!(args.without));
    }
    if args.password_stdin {
        let mut password = String::new();
        let unreadable =
            |source| Failure::Read { what: "the password on", path: PathBuf::from("standard input"), source };
        io::stdin().lock().take(4096).read_to_string(&mut password).map_err(unreadable)?;
        body.insert("password".into(), json!(password.lines().next().unwrap_or_default()));
    }
    let answer = client.put::<Answer>("/web-proxy", &Value::Object(body)).await?;
    Ok(Report::done(words(&answer.known), answer.raw))
}
