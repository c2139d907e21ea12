//! Backups: one job at a time, by hand or every night, in a folder of the data directory; and the way back.
//!
//! Whoever asks gets an answer at once and watches the job: a backup of a large call log takes longer than a browser waits. A
//! restore is filled and checked beside the database in use; then Nightbell restarts itself and opens the new one.
//!
//! Invariants: no backup without a passphrase, which is kept sealed and never shown; a name in the folder is one of ours, so no
//! path can be asked for; the oldest are removed only after a newer one is whole.

mod folder;
mod schedule;
mod store;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use pbx_core::model::{Redacted, UnixMillis};
use pbx_core::store::backup::{self, BackupError, Contents, PASSPHRASE_AT_LEAST, Progress};
use pbx_core::store::{Store, StoreError};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::sync::watch;

use crate::clock;
use crate::place::LivePlace;
use crate::{say, t};

pub(crate) use folder::{Kept, Upload};
pub(crate) use schedule::late;
pub use schedule::run;

/// How many may be kept; a year of nights.
const KEEP_AT_MOST: u32 = 400;
/// A longer one is no passphrase but a file.
const PASSPHRASE_AT_MOST: usize = 200;

/// When backups are made and how many are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Policy {
    /// Every day at this time, `HH:MM` in the company's time zone; `None`: only by hand.
    pub(crate) daily_at: Option<TimeOfDay>,
    /// How many stay in the folder.
    pub(crate) keep: u32,
}

impl Default for Policy {
    /// Every night, two weeks back; it begins to act once there is a passphrase.
    fn default() -> Self {
        Self { daily_at: Some(TimeOfDay { hour: 3, minute: 15 }), keep: 14 }
    }
}

/// A time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct TimeOfDay {
    pub(crate) hour: i8,
    pub(crate) minute: i8,
}

impl std::str::FromStr for TimeOfDay {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = t("backups-is-no-time-of-day-write");
        let (hour, minute) = text.split_once(':').ok_or(wrong)?;
        let part = |text: &str, below: i8| match text.parse::<i8>() {
            Ok(number) if text.len() == 2 && (0..below).contains(&number) => Ok(number),
            _ => Err(wrong),
        };
        Ok(Self { hour: part(hour, 24)?, minute: part(minute, 60)? })
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map_err(|wrong| say("backups-x").with("text", &text).with("wrong", &wrong).text())
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> Self {
        time.to_string()
    }
}

impl std::fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)
    }
}

/// How the last backup ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct Outcome {
    /// When it ended.
    pub(crate) at: UnixMillis,
    /// Why it failed; empty when it went well.
    pub(crate) problem: String,
}

/// What is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Work {
    /// Nothing.
    Idle,
    /// A backup is being made.
    BackingUp,
    /// A backup is being read and checked.
    Restoring,
    /// A backup was read; Nightbell is about to restart with it.
    Restarting,
}

/// What is going on, and how the last restore failed if it did.
#[derive(Debug, Clone)]
pub(crate) struct Now {
    pub(crate) work: Work,
    pub(crate) progress: Progress,
    /// Why the last restore since the start was given up.
    pub(crate) restore_problem: Option<String>,
}

/// Why it cannot be done.
#[derive(Debug, Error)]
pub(crate) enum BackupsError {
    #[error("another backup or restore is at work; wait until it has ended")]
    Busy,
    #[error("no passphrase is set; set one first, and keep it where you find it without this machine")]
    NoPassphrase,
    #[error(
        "the passphrase must have at least {PASSPHRASE_AT_LEAST} characters, because the backup holds every secret of this installation"
    )]
    ShortPassphrase,
    #[error("the passphrase is longer than {PASSPHRASE_AT_MOST} characters; choose a shorter one")]
    LongPassphrase,
    #[error("keep at least one backup and at most {KEEP_AT_MOST}")]
    Keep,
    #[error("no backup has this name; the list shows those there are")]
    NoSuchBackup,
    #[error("“{0}” is no name for a backup; use letters, digits, dots and dashes, and let it end in .nightbell")]
    Name(String),
    #[error("a backup of this name is there already; remove it, or give the file another name")]
    NameTaken,
    #[error(
        "this installation keeps its tables in PostgreSQL; restore into a new, empty database with `nightbell backup restore`, as docs/backup.md shows"
    )]
    OnServer,
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes, lists and restores backups; cheap to clone.
#[derive(Debug, Clone)]
pub struct Backups {
    store: Store,
    folder: PathBuf,
    host: String,
    version: &'static str,
    now: Arc<Mutex<Now>>,
    restart: watch::Sender<bool>,
    place: LivePlace,
}

impl Backups {
    /// Of this installation, which is `host`, runs `version` and is at `place`.
    pub(crate) fn new(store: Store, (host, version): (String, &'static str), place: LivePlace) -> Self {
        let folder = store.folder().join(backup::FOLDER);
        let now = Now { work: Work::Idle, progress: Progress::default(), restore_problem: None };
        let (now, restart) = (Arc::new(Mutex::new(now)), watch::Sender::new(false));
        Self { store, folder, host, version, now, restart, place }
    }

    /// Completes when a restored database waits and Nightbell is to be started anew.
    pub async fn restart_wanted(&self) {
        // The sender is kept by `self`.
        let _ = self.restart.subscribe().wait_for(|wanted| *wanted).await;
    }

    /// What is going on.
    pub(crate) fn now(&self) -> Now {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// When backups are made, and whether there is a passphrase.
    pub(crate) async fn policy(&self) -> Result<(Policy, bool), BackupsError> {
        let kept = store::policy(&self.store).await?;
        Ok(kept.map_or_else(|| (Policy::default(), false), |(policy, passphrase)| (policy, passphrase.is_some())))
    }

    /// Replaces the policy; without a passphrase the one that is stored is kept.
    pub(crate) async fn set_policy(
        &self,
        policy: &Policy,
        passphrase: Option<&Redacted<String>>,
    ) -> Result<(), BackupsError> {
        if policy.keep == 0 || policy.keep > KEEP_AT_MOST {
            return Err(BackupsError::Keep);
        }
        if let Some(new) = passphrase {
            match new.reveal().chars().count() {
                0..PASSPHRASE_AT_LEAST => return Err(BackupsError::ShortPassphrase),
                PASSPHRASE_AT_LEAST..=PASSPHRASE_AT_MOST => {}
                _ => return Err(BackupsError::LongPassphrase),
            }
        }
        Ok(store::put_policy(&self.store, policy, passphrase, clock::now()).await?)
    }

    /// Those in the folder, the newest first.
    pub(crate) fn list(&self) -> Result<Vec<Kept>, BackupsError> {
        Ok(folder::list(&self.folder)?)
    }

    /// How the last backup ended.
    pub(crate) async fn outcome(&self) -> Result<Option<Outcome>, BackupsError> {
        Ok(store::outcome(&self.store).await?)
    }

    /// Where a backup of this name is.
    pub(crate) fn path(&self, name: &str) -> Result<PathBuf, BackupsError> {
        let path = self.folder.join(folder::checked(name).map_err(|()| BackupsError::NoSuchBackup)?);
        if path.is_file() { Ok(path) } else { Err(BackupsError::NoSuchBackup) }
    }

    /// Removes a backup.
    pub(crate) fn remove(&self, name: &str) -> Result<(), BackupsError> {
        let path = self.path(name)?;
        std::fs::remove_file(&path).map_err(|source| BackupError::File { path, source }.into())
    }

    /// Begins to take over a file from elsewhere.
    pub(crate) fn upload(&self, name: &str) -> Result<Upload, BackupsError> {
        let name = folder::checked(name).map_err(|()| BackupsError::Name(name.to_owned()))?;
        if self.folder.join(name).exists() {
            return Err(BackupsError::NameTaken);
        }
        Ok(Upload::begin(&self.folder, name)?)
    }

    /// Begins a backup; its name in the folder.
    pub(crate) async fn begin(&self) -> Result<String, BackupsError> {
        let Some((policy, Some(passphrase))) = store::policy(&self.store).await? else {
            return Err(BackupsError::NoPassphrase);
        };
        folder::make(&self.folder)?;
        let name = folder::name(clock::now());
        let (path, progress) = (self.folder.join(&name), self.take(Work::BackingUp)?);
        let this = self.clone();
        tokio::spawn(async move {
            let about = (this.host.as_str(), this.version);
            let made = this.store.back_up(&path, passphrase.reveal(), about, (clock::now(), &progress)).await;
            let problem = match made {
                Ok(made) => {
                    tracing::info!(file = %path.display(), made.bytes, made.rows, "a backup was made");
                    folder::prune(&this.folder, policy.keep).err().map(|odd| odd.to_string())
                }
                Err(failed) => Some(failed.to_string()),
            };
            if let Some(problem) = &problem {
                tracing::error!(%problem, "a backup failed");
            }
            let outcome = Outcome { at: clock::now(), problem: problem.unwrap_or_default() };
            if let Err(error) = store::put_outcome(&this.store, &outcome).await {
                tracing::error!(%error, "how the backup ended could not be kept");
            }
            this.end(Work::Idle, None);
        });
        Ok(name)
    }

    /// Begins a restore, with the stored passphrase unless another is given; in the end Nightbell restarts.
    pub(crate) async fn restore(&self, name: &str, passphrase: Option<Redacted<String>>) -> Result<(), BackupsError> {
        let path = self.path(name)?;
        if matches!(self.store.reader(), pbx_core::store::sql::Pool::Postgres(_)) {
            return Err(BackupsError::OnServer);
        }
        let passphrase = match passphrase {
            Some(given) => given,
            None => {
                let stored = store::policy(&self.store).await?.and_then(|(_, passphrase)| passphrase);
                stored.ok_or(BackupsError::NoPassphrase)?
            }
        };
        let progress = self.take(Work::Restoring)?;
        let this = self.clone();
        tokio::spawn(async move {
            let place = this.store.folder().to_owned();
            let now = clock::now();
            match backup::stage(&place, &path, passphrase.reveal(), (now, &progress)).await {
                Ok(contents) => {
                    let rows = contents.rows();
                    tracing::info!(file = %path.display(), rows, "a backup is ready; Nightbell restarts with it");
                    this.end(Work::Restarting, None);
                    this.restart.send_replace(true);
                }
                Err(failed) => {
                    tracing::warn!(file = %path.display(), %failed, "a backup was not restored; nothing was changed");
                    this.end(Work::Idle, Some(failed.to_string()));
                }
            }
        });
        Ok(())
    }

    /// Reads a backup to its end.
    pub(crate) async fn verify(
        &self,
        name: &str,
        passphrase: Option<Redacted<String>>,
    ) -> Result<Contents, BackupsError> {
        let path = self.path(name)?;
        let stored = store::policy(&self.store).await?.and_then(|(_, passphrase)| passphrase);
        let passphrase = passphrase.or(stored).ok_or(BackupsError::NoPassphrase)?;
        Ok(backup::verify(&path, passphrase.reveal()).await?)
    }

    fn take(&self, work: Work) -> Result<Progress, BackupsError> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if now.work != Work::Idle {
            return Err(BackupsError::Busy);
        }
        let progress = Progress::default();
        *now = Now { work, progress: progress.clone(), restore_problem: None };
        Ok(progress)
    }

    fn end(&self, work: Work, restore_problem: Option<String>) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        *now = Now { work, restore_problem, ..now.clone() };
    }
}
