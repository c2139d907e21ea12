//! The command line: one file for each word, the same words as the pages and the REST API.
//!
//! `serve` and `demo` run the server in this process; `config check` needs none; everything else asks the running server
//! through its Unix socket, so that saved means live here too. A command gives back a [`Report`] or a [`Failure`]; only this
//! file and the two long-running commands print.
//!
//! Invariants: exit codes are stable (see [`Exit`]); with `--json` standard output holds one JSON document, also when the
//! command fails; no secret is ever an argument; text that came from the network cannot steer the terminal.

mod audit;
mod backup;
mod blocklist;
mod call_timeline;
mod calls;
mod certificate;
mod client;
mod completions;
mod config_check;
mod credential;
mod demo;
mod desk_phone;
mod device;
mod diagnose;
mod doctor;
mod event_webhook;
mod extension;
mod failure;
mod healthcheck;
mod import;
mod log;
mod mail;
mod network;
mod output;
mod phone;
mod probe;
mod push;
mod push_health;
mod push_network;
mod push_tokens;
mod redirect;
mod registrations;
mod serve;
mod setup;
mod setup_link;
mod user;
mod web_proxy;

use std::ffi::OsString;
use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};

use crate::config::{Config, ConfigError};
use client::Client;
use failure::Failure;
use output::Report;

/// What `--help` says below the list of commands.
const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 failed or refused; 2 the command line is not understood; 3 it works, but
something needs attention; 4 the database is damaged, restore a backup.

With --json, standard output holds one JSON document: the answer in the words of the REST API or,
when the command fails, problem JSON (RFC 9457) with a stable \"code\"; serve prints one line for
each event. The sentence for people goes to standard error in both cases.

Except for serve, demo, config check, probe, backup verify and restore, completions and man, commands reach the running server through admin.sock in
the data directory. They must run as the user that runs Nightbell, or as root.";

/// Where every command's help shows what all commands understand.
const EVERYWHERE: &str = "Options of every command";

/// A small-business PBX with push built in: it wakes sleeping phones and hands them the call.
#[derive(Debug, Parser)]
#[command(name = "nightbell", version, after_help = EXIT_CODES, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    place: Place,
    /// Answer in JSON, for scripts
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

/// Which installation is meant.
#[derive(Debug, Clone, Args)]
struct Place {
    /// Boot settings [default: /etc/nightbell/config.toml, if there is one]
    #[arg(long, global = true, value_name = "FILE", env = "NIGHTBELL_CONFIG", hide_env_values = true)]
    #[arg(help_heading = EVERYWHERE)]
    config: Option<PathBuf>,
    /// Where database, keys and admin socket live, instead of data_dir
    #[arg(long, global = true, value_name = "DIR", env = "NIGHTBELL_DATA_DIR", hide_env_values = true)]
    #[arg(help_heading = EVERYWHERE)]
    data_dir: Option<PathBuf>,
    /// The name under which phones and browsers reach this machine, instead of public_host
    #[arg(long, global = true, value_name = "NAME", env = "NIGHTBELL_PUBLIC_HOST", hide_env_values = true)]
    #[arg(help_heading = EVERYWHERE)]
    public_host: Option<String>,
    /// A PostgreSQL database instead of the built-in one; it holds a password, so there is no argument for it
    #[arg(skip = std::env::var("NIGHTBELL_DATABASE_URL").ok())]
    database_url: Option<String>,
}

impl Place {
    /// The boot settings, with what the command line overrides.
    fn load(&self) -> Result<Config, ConfigError> {
        let mut config = Config::load(self.config.as_deref())?;
        if let Some(data_dir) = &self.data_dir {
            config.data_dir.clone_from(data_dir);
        }
        if let Some(public_host) = &self.public_host {
            config.public_host.clone_from(public_host);
        }
        if let Some(url) = self.database_url.as_ref().filter(|url| !url.is_empty()) {
            let wrong = |problem| ConfigError::Value { key: "NIGHTBELL_DATABASE_URL", problem };
            config.database_url = Some(url.parse().map_err(wrong)?);
        }
        Ok(config)
    }

    /// The way to the running server; a given data directory spares the configuration, which not everybody may read.
    fn client(&self) -> Result<Client, Failure> {
        let socket = match &self.data_dir {
            Some(data_dir) => Config { data_dir: data_dir.clone(), ..Config::default() }.socket_path(),
            None => self.load()?.socket_path(),
        };
        Ok(Client::new(socket))
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve,
    /// Show it all working here and now: real server, scripted phones, no account, no network
    Demo(demo::DemoArgs),
    /// Set up the installation from a file, as the pages of the first run do; can be given again
    Setup(setup::SetupArgs),
    /// Make a one-time link that sets up an admin account (also when a password is lost)
    SetupLink,
    /// Numbers and their owners
    #[command(subcommand)]
    Extension(extension::ExtensionCommand),
    /// Push credentials, and push for single extensions
    #[command(subcommand)]
    Push(push::PushCommand),
    /// Welcome mails with QR codes, and the mail server they go through
    #[command(subcommand)]
    Mail(mail::MailCommand),
    /// Desk phones that fetch their configuration by themselves
    #[command(subcommand)]
    DeskPhone(desk_phone::DeskPhoneCommand),
    /// Phones that were not seen for a while, and what two phones differ in
    #[command(subcommand)]
    Phone(phone::PhoneCommand),
    /// A public service that leads short codes to PBXes
    #[command(subcommand)]
    Redirect(redirect::RedirectCommand),
    /// Every phone with both its records: where it is now, and how it can be woken
    Registrations,
    /// The call log, and why a phone did or did not ring
    Calls(calls::CallsArgs),
    /// People who may sign in, and what they may do
    #[command(subcommand)]
    User(user::UserCommand),
    /// Everything in one encrypted file, and the way back
    #[command(subcommand)]
    Backup(backup::BackupCommand),
    /// The certificate for HTTPS and SIP over TLS, and the authority that gives one by itself
    #[command(subcommand)]
    Certificate(certificate::CertificateCommand),
    /// Programs that are told what happens to calls and phones
    #[command(subcommand)]
    EventWebhook(event_webhook::EventWebhookCommand),
    /// The proxy that pushes leave through, where a network lets nothing out otherwise
    #[command(subcommand)]
    WebProxy(web_proxy::WebProxyCommand),
    /// Who did what, and whether that log is as it was written
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Addresses that are blocked because somebody there guesses secrets
    #[command(subcommand)]
    Blocklist(blocklist::BlocklistCommand),
    /// Look for causes of trouble, each with its fix
    Doctor,
    /// Look for the cause of what people say about their calls
    Diagnose(diagnose::Question),
    /// Whether this machine can be reached as phones need it
    #[command(subcommand)]
    Network(network::NetworkCommand),
    /// Be the machine outside that looks at an installation elsewhere; the code comes from its page
    Probe(probe::ProbeArgs),
    /// Quick answer for containers and watchdogs: 0 healthy, 1 not
    Healthcheck,
    /// Boot settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// How much the running server writes into its log
    #[command(subcommand)]
    Log(log::LogCommand),
    /// What a shell needs to complete these commands: nightbell completions bash > /etc/bash_completion.d/nightbell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages into a folder
    Man {
        /// Where to
        folder: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Check the boot settings and print them as they are in force
    Check,
}

/// How a command ended; scripts rely on the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// Done.
    Ok,
    /// Failed or refused; nothing was changed unless the text says so.
    Failure,
    /// The command line is not understood.
    Usage,
    /// It works, but something needs attention.
    Degraded,
    /// The database is damaged; starting again would change nothing.
    Damaged,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Ok => 0,
            Exit::Failure => 1,
            Exit::Usage => 2,
            Exit::Degraded => 3,
            Exit::Damaged => 4,
        })
    }
}

/// The whole program: reads the command line, does it, prints the outcome.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(wrong) => return not_understood(&wrong, &arguments).into(),
    };
    let json = cli.json;
    match run(cli) {
        Ok(report) => {
            report.print(json);
            report.exit.into()
        }
        Err(failure) => {
            failure.print(json);
            failure.exit().into()
        }
    }
}

/// Prints what clap has to say: help on standard output, errors on standard error.
fn not_understood(wrong: &clap::Error, arguments: &[OsString]) -> Exit {
    // Nothing can be done when the terminal is gone.
    let _ = wrong.print();
    if matches!(wrong.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return Exit::Ok;
    }
    if arguments.iter().any(|argument| argument == "--json") {
        output::print_json(&failure::usage_problem(&wrong.to_string()));
    }
    Exit::Usage
}

fn run(cli: Cli) -> Result<Report, Failure> {
    let Cli { place, json, command } = cli;
    match command {
        Command::Serve => serve::run(&place, json),
        Command::Demo(args) => demo::run(&args, json),
        Command::Config(ConfigCommand::Check) => config_check::run(&place),
        Command::Log(command) => ask(log::run(place.client()?, command)),
        Command::Completions { shell } => Ok(completions::completions(shell)),
        Command::Man { folder } => completions::man(&folder),
        Command::Doctor => ask(doctor::run(&place)),
        Command::Diagnose(question) => ask(async { diagnose::run(&place.client()?, &question).await }),
        Command::Network(command) => ask(network::run(place.client()?, command)),
        Command::Probe(args) => ask(probe::run(args)),
        Command::Healthcheck => ask(healthcheck::run(place.client()?)),
        Command::Setup(args) => ask(async { setup::run(place.client()?, args).await }),
        Command::SetupLink => ask(setup_link::run(place.client()?)),
        Command::Extension(command) => ask(extension::run(place.client()?, command)),
        Command::Push(command) => ask(push::run(place.client()?, command)),
        Command::Mail(command) => ask(mail::run(place.client()?, command)),
        Command::DeskPhone(command) => ask(desk_phone::run(place.client()?, command)),
        Command::Phone(command) => ask(phone::run(place.client()?, command)),
        Command::Redirect(command) => redirect::run(command),
        Command::Registrations => ask(registrations::run(place.client()?)),
        Command::User(command) => ask(user::run(place.client()?, command)),
        Command::Backup(command) => ask(backup::run(&place, command)),
        Command::Certificate(command) => ask(certificate::run(place.client()?, command)),
        Command::EventWebhook(command) => ask(event_webhook::run(place.client()?, command)),
        Command::WebProxy(command) => ask(web_proxy::run(place.client()?, command)),
        Command::Audit(command) => ask(audit::run(place.client()?, command)),
        Command::Blocklist(command) => ask(blocklist::run(place.client()?, command)),
        Command::Calls(args) => ask(calls::run(place.client()?, args)),
    }
}

/// Runs a short conversation with the server on this thread.
fn ask(conversation: impl Future<Output = Result<Report, Failure>>) -> Result<Report, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
    runtime.block_on(conversation)
}

#[cfg(test)]
mod tests;
