//! `nightbell backup`: everything in one encrypted file, and the way back.
//!
//! Making, listing and scheduling are asked of the running server; checking and restoring work on files without it, so that they
//! are there when it does not start.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use pbx_core::model::UnixMillis;
use pbx_core::store::Store;
use pbx_core::store::backup::{self, BackupError, Contents, Progress};
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::Place;
use super::client::{Client, encoded};
use super::failure::Failure;
use super::output::{Report, Table, clean, count, time};

/// Between two looks at a backup that is being made.
const LOOK_EVERY: Duration = Duration::from_millis(300);

#[derive(Debug, Subcommand)]
pub(super) enum BackupCommand {
    /// Make a backup now
    Create {
        /// Copy the file there as well
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// The backups in the folder, the newest first
    List,
    /// Remove a backup from the folder
    Remove {
        /// Its name, as `list` shows it
        name: String,
    },
    /// When backups are made, and how many are kept
    Policy,
    /// Set when backups are made; what is not named stays as it is
    SetPolicy(PolicyArgs),
    /// Read a backup file to its end and say what is in it; works without the server
    Verify {
        /// The file
        file: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseArgs,
    },
    /// Put a backup back while Nightbell is stopped: into the data directory, or into the empty database of database_url
    Restore {
        /// The file
        file: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseArgs,
    },
}

#[derive(Debug, Args)]
pub(super) struct PolicyArgs {
    /// Every day at this time of the company's time zone, for example 03:15; "never" for by hand only
    #[arg(long, value_name = "HH:MM")]
    daily_at: Option<String>,
    /// How many to keep
    #[arg(long)]
    keep: Option<u32>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Where a passphrase comes from; never from the command line itself, which every user of the machine can read.
#[derive(Debug, Args)]
pub(super) struct PassphraseArgs {
    /// Read the passphrase from the first line of this file
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_stdin")]
    passphrase_file: Option<PathBuf>,
    /// Read the passphrase from standard input
    #[arg(long)]
    passphrase_stdin: bool,
}

impl PassphraseArgs {
    fn read(&self) -> Result<Option<Zeroizing<String>>, Failure> {
        /// Longer first lines are no passphrase.
        const AT_MOST: u64 = 4096;
        let mut text = Zeroizing::new(String::new());
        let (source, path) = match &self.passphrase_file {
            Some(path) => (std::fs::File::open(path).map(|file| Box::new(file) as Box<dyn io::Read>), path.clone()),
            None if self.passphrase_stdin => {
                (Ok(Box::new(io::stdin().lock()) as Box<dyn io::Read>), PathBuf::from("standard input"))
            }
            None => return Ok(None),
        };
        let unreadable = |source| Failure::Read { what: "the passphrase in", path: path.clone(), source };
        source.and_then(|source| source.take(AT_MOST).read_to_string(&mut text)).map_err(unreadable)?;
        Ok(Some(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned())))
    }

    fn needed(&self) -> Result<Zeroizing<String>, Failure> {
        self.read()?.ok_or(Failure::Missing(
            "say where the passphrase of the backup is: --passphrase-file FILE or --passphrase-stdin",
        ))
    }
}

#[derive(Debug, Deserialize)]
struct List {
    backups: Vec<Kept>,
    work: String,
    last: Option<Outcome>,
}

#[derive(Debug, Deserialize)]
struct Kept {
    name: String,
    bytes: u64,
    at: UnixMillis,
}

#[derive(Debug, Deserialize)]
struct Outcome {
    problem: String,
}

#[derive(Debug, Deserialize)]
struct Begun {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Policy {
    daily_at: Option<String>,
    keep: u32,
    has_passphrase: bool,
}

/// Those that work without the server.
pub(super) async fn run(place: &Place, command: BackupCommand) -> Result<Report, Failure> {
    match command {
        BackupCommand::Verify { file, passphrase } => {
            let contents = backup::verify(&file, &passphrase.needed()?).await?;
            let text = format!("The backup is whole.\n{}", described(&contents));
            Ok(Report::done(text, json_of(&contents)))
        }
        BackupCommand::Restore { file, passphrase } => restore(place, &file, &passphrase.needed()?).await,
        BackupCommand::Create { to } => create(&place.client()?, place, to).await,
        BackupCommand::List => list(&place.client()?).await,
        BackupCommand::Remove { name } => {
            place.client()?.delete(&format!("/backups/{}", encoded(&name))).await?;
            Ok(Report::done(format!("{} is removed.\n", clean(&name)), json!({ "removed": name })))
        }
        BackupCommand::Policy => policy(&place.client()?).await,
        BackupCommand::SetPolicy(args) => set_policy(&place.client()?, args).await,
    }
}

async fn restore(place: &Place, file: &Path, passphrase: &str) -> Result<Report, Failure> {
    let config = place.load()?;
    config.check()?;
    let (url, progress) = (config.database_url.as_ref(), Progress::default());
    // Holds the data directory, so that no server starts meanwhile; an unfinished restore is ended first.
    let held = Store::hold(&config.data_dir).map_err(BackupError::from)?;
    let now = crate::app::wall_clock();
    let contents = match url {
        Some(url) => backup::stage_on_server(&config.data_dir, url, file, passphrase, (now, &progress)).await?,
        None => backup::stage(&config.data_dir, file, passphrase, (now, &progress)).await?,
    };
    drop(held);
    // Opening puts it in place, and shows that it opens.
    let store = Store::open_at(&config.data_dir, url).await.map_err(BackupError::from)?;
    store.close().await;
    let whereto = url.map_or_else(|| config.data_dir.display().to_string(), ToString::to_string);
    let text = format!(
        "The backup is back in {whereto}. Everybody has to sign in again. What was there before is in {}.\n{}",
        config.data_dir.join("before-restore").display(),
        described(&contents)
    );
    Ok(Report::done(text, json_of(&contents)))
}

fn described(contents: &Contents) -> String {
    let manifest = &contents.manifest;
    format!(
        "  of        {} by Nightbell {}\n  made      {}\n  holds     {} in {}, {}\n",
        clean(&manifest.host),
        clean(&manifest.made_by),
        time(manifest.made_at),
        count(usize::try_from(contents.rows()).unwrap_or(usize::MAX), "row", "rows"),
        count(contents.tables.len(), "table", "tables"),
        count(contents.files, "file", "files"),
    )
}

fn json_of(contents: &Contents) -> Value {
    let manifest = &contents.manifest;
    json!({
        "made_at": manifest.made_at,
        "made_by": manifest.made_by,
        "host": manifest.host,
        "rows": contents.rows(),
        "tables": contents.tables.len(),
    })
}

async fn create(client: &Client, place: &Place, to: Option<PathBuf>) -> Result<Report, Failure> {
    let begun = client.post_nothing::<Begun>("/backups").await?;
    let name = begun.known.name;
    let seen = loop {
        let seen = client.get::<List>("/backups").await?;
        if seen.known.work != "backing_up" {
            break seen;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    let made = seen.known.backups.iter().find(|kept| kept.name == name);
    let Some(made) = made else {
        let why = seen.known.last.map(|last| last.problem).unwrap_or_default();
        return Err(Failure::Backup(BackupError::Damaged { path: PathBuf::from(&name), problem: why }));
    };
    let mut text = format!("{}: {} bytes.\n", clean(&name), made.bytes);
    if let Some(to) = to {
        // The folder is of this machine and this user, as the socket is.
        let data_dir =
            client.socket().parent().map_or_else(|| place.load().map(|it| it.data_dir), |it| Ok(it.to_owned()))?;
        let from = data_dir.join(backup::FOLDER).join(&name);
        std::fs::copy(&from, &to).map_err(|source| Failure::Write { path: to.clone(), source })?;
        text += &format!("Copied to {}.\n", to.display());
    }
    Ok(Report::done(text, json!({ "name": name, "bytes": made.bytes })))
}

async fn list(client: &Client) -> Result<Report, Failure> {
    let answer = client.get::<List>("/backups").await?;
    let mut table = Table::new(["BACKUP", "MADE", "BYTES"]);
    for kept in &answer.known.backups {
        table.row([kept.name.clone(), time(kept.at), kept.bytes.to_string()]);
    }
    Ok(Report::done(table.text("There is no backup yet."), answer.raw))
}

async fn policy(client: &Client) -> Result<Report, Failure> {
    let answer = client.get::<Policy>("/backup-policy").await?;
    Ok(Report::done(told(&answer.known), answer.raw))
}

fn told(policy: &Policy) -> String {
    let when = policy
        .daily_at
        .as_deref()
        .map_or_else(|| "by hand only".to_owned(), |at| format!("every day at {}", clean(at)));
    let passphrase =
        if policy.has_passphrase { "stored" } else { "none yet: nightbell backup set-policy --passphrase-stdin" };
    format!("Backups\n  made        {when}\n  kept        {}\n  passphrase  {passphrase}\n", policy.keep)
}

async fn set_policy(client: &Client, args: PolicyArgs) -> Result<Report, Failure> {
    let before = client.get::<Policy>("/backup-policy").await?.known;
    let daily_at = match args.daily_at {
        Some(never) if never == "never" => None,
        Some(at) => Some(at),
        None => before.daily_at,
    };
    let mut body = json!({ "daily_at": daily_at, "keep": args.keep.unwrap_or(before.keep) });
    if let Some(passphrase) = args.passphrase.read()? {
        body["passphrase"] = json!(passphrase.as_str());
    }
    let answer = client.put::<Policy>("/backup-policy", &body).await?;
    Ok(Report::done(told(&answer.known), answer.raw))
}
