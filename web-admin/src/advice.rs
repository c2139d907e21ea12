//! What an admin should do next: the list on the dashboard, in `doctor` and in the API, with the same words everywhere.
//!
//! Every finding names the cause, the fix and where to do it.

use std::collections::BTreeMap;
use std::time::Duration;

use pbx_core::model::{DeviceSummary, PushProvider, TargetHealth, UnixMillis, WakeState};
use pbx_core::store::SavingState;
use pbx_core::switchboard::command::{Command, Reply, Status};
use push_module::{CredentialState, CredentialSummary, ProviderHealth, obstacle};
use serde::{Deserialize, Serialize};

use crate::acme;
use crate::adding::{settings, unexpected};
use crate::api::devices;
use crate::backups::{self, Outcome, Policy};
use crate::clock;
use crate::diagnosis;
use crate::error::Refusal;
use crate::event_webhooks::{self, Receiver};
use crate::hygiene;
use crate::settings_again::{self, Marks};
use crate::state::AdminState;
use crate::tls::CertificateInfo;
use crate::update_notice;
use crate::words;

mod apps;

use apps::AppProblems;

/// Devices looked at; beyond it the counts would be right but the page slow.
const MAX_DEVICES: usize = 5000;
/// Devices asked for at once.
const PAGE: usize = 500;
/// Fewer phones than that are on holiday, not forgotten.
const MANY_UNSEEN: usize = 3;
/// Time left on a certificate at which the admin should act.
const CERTIFICATE_SOON: Duration = Duration::from_secs(14 * 86_400);

/// A receiver of events that was down for less is being restarted.
const FAILING_SHOWN: Duration = Duration::from_secs(15 * 60);

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    Ok,
    Warn,
    Fail,
}

impl Level {
    /// The word beside the colour.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Ok => "Good",
            Self::Warn => "To do",
            Self::Fail => "Problem",
        }
    }

    /// The class in the style sheet.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "bad",
        }
    }
}

/// One thing to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct Finding {
    pub(crate) level: Level,
    /// Stable.
    pub(crate) code: &'static str,
    /// The cause.
    pub(crate) text: String,
    /// What to do; empty when nothing is to be done.
    pub(crate) fix: String,
    /// The page where it is done.
    pub(crate) link: &'static str,
}

impl Finding {
    pub(crate) fn new(
        level: Level,
        code: &'static str,
        text: impl Into<String>,
        fix: impl Into<String>,
        link: &'static str,
    ) -> Self {
        Self { level, code, text: text.into(), fix: fix.into(), link }
    }
}

impl Finding {
    /// The words on the way to the fix.
    pub(crate) fn link_words(&self) -> &'static str {
        match self.link {
            "/extensions" => "Open Extensions",
            "/push" => "Open Push",
            "/push/apps" => "See all apps",
            "/push/tokens?state=unseen"
            | "/push/tokens?state=revoked"
            | "/push/tokens?state=suspect"
            | "/push/tokens?shared=yes" => "See the tokens",
            "/push/network" => "Check the network",
            "/push/apns" => "Add the key",
            "/push/fcm" => "Add the account",
            "/system" => "Open System",
            "/system/network" => "Open Network check",
            "/system/backups" => "Open Backups",
            "/system/certificate" => "Open Certificate",
            "/event-webhooks" => "Open Event webhooks",
            _ => "Open",
        }
    }
}

/// Everything the advice is drawn from.
pub(crate) struct Facts {
    pub(crate) status: Status,
    pub(crate) credentials: Vec<CredentialSummary>,
    pub(crate) health: Vec<ProviderHealth>,
    pub(crate) devices: Vec<DeviceSummary>,
    pub(crate) certificate: CertificateInfo,
    /// The authority that gives the certificate by itself.
    pub(crate) acme: Option<acme::View>,
    pub(crate) receivers: Vec<Receiver>,
    pub(crate) public_url: String,
    /// When backups are made, and whether there is a passphrase for them.
    pub(crate) backups: (Policy, bool),
    /// How the last backup ended.
    pub(crate) last_backup: Option<Outcome>,
    /// After how many days without a sign a push token counts as unseen.
    pub(crate) unseen_days: u16,
    /// What phones were told about push.
    pub(crate) marks: Marks,
    /// What was found about newer versions, and this one.
    pub(crate) update: (update_notice::Found, &'static str),
    /// What apps report of their phones.
    pub(crate) app_problems: AppProblems,
    /// Whether the database takes changes.
    pub(crate) saving: SavingState,
    pub(crate) now: UnixMillis,
}

/// Collects the facts.
pub(crate) async fn facts(state: &AdminState) -> Result<Facts, Refusal> {
    let Reply::Status(status) = state.switchboard.ask(Command::Status).await? else { return Err(unexpected()) };
    let credentials = state.push.list_credentials().await?;
    let mut found: Vec<DeviceSummary> = Vec::new();
    loop {
        let page = devices::page(state, found.last().map(|device| device.id), PAGE).await?;
        let last = page.len() < PAGE;
        found.extend(page);
        if last || found.len() >= MAX_DEVICES {
            break;
        }
    }
    let site = &state.site;
    Ok(Facts {
        status,
        credentials,
        health: state.push.health(),
        devices: found,
        certificate: site.certificate.info(),
        acme: state.acme.view().await?,
        receivers: event_webhooks::store::list(&state.store).await?,
        public_url: site.public_url.clone(),
        backups: state.backups.policy().await?,
        last_backup: state.backups.outcome().await?,
        unseen_days: settings(state).await?.token_unseen_days,
        marks: Marks::load(state, None).await?,
        update: (update_notice::Found::load(&state.store).await?, site.version),
        app_problems: apps::load(state).await?,
        saving: state.store.saving().clone(),
        now: clock::now(),
    })
}

/// Draws the advice: problems first.
pub(crate) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    saving(&facts.saving, &mut findings);
    general(facts, &mut findings);
    push(facts, &mut findings);
    targets(facts, &mut findings);
    tokens(facts, &mut findings);
    settings_again(facts, &mut findings);
    apps::findings(&facts.app_problems, &mut findings);
    certificate(facts, &mut findings);
    findings.extend(backup(facts));
    findings.extend(facts.update.0.finding(facts.update.1));
    receivers(facts, &mut findings);
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    findings
}

fn saving(saving: &SavingState, findings: &mut Vec<Finding>) {
    let behind = saving.behind();
    if behind > 0 {
        findings.push(Finding::new(
            Level::Fail,
            "not_saved",
            format!(
                "The database takes no changes ({}). Calls go on, but a restart now would undo {}.",
                saving.why(),
                if behind == 1 { "one change".to_owned() } else { format!("{behind} changes") }
            ),
            "Free space on the disk, or end what holds the database; everything is saved by itself then. Do not restart before.",
            "/system",
        ));
    }
    let lost = saving.lost();
    if lost > 0 {
        findings.push(Finding::new(
            Level::Warn,
            "changes_lost",
            format!("{lost} changes could not be saved since the start and are missing after a restart."),
            "Look at the log for what they were (code not_saved), and make them again; phones come back by themselves.",
            "/system",
        ));
    }
}

fn receivers(facts: &Facts, findings: &mut Vec<Finding>) {
    for receiver in &facts.receivers {
        let name = &receiver.name;
        if !receiver.enabled && !receiver.disabled_why.is_empty() {
            findings.push(Finding::new(
                Level::Fail,
                "event_webhook_disabled",
                format!("The event webhook “{name}” was switched off: {}.", receiver.disabled_why),
                "Mend the receiver, then switch the event webhook on again.",
                "/event-webhooks",
            ));
        } else if receiver.enabled
            && let Some(since) = receiver.failing_since.filter(|since| facts.now.since(*since) >= FAILING_SHOWN)
        {
            findings.push(Finding::new(
                Level::Warn,
                "event_webhook_failing",
                format!(
                    "The event webhook “{name}” has taken nothing for {}.",
                    clock::span(u64::try_from(facts.now.since(since).as_millis()).unwrap_or(u64::MAX))
                ),
                "Look at its last events and send a test.",
                "/event-webhooks",
            ));
        }
    }
}

/// The worst level of a list.
pub(crate) fn worst(findings: &[Finding]) -> Level {
    findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok)
}

fn general(facts: &Facts, findings: &mut Vec<Finding>) {
    if facts.status.draining {
        findings.push(Finding::new(
            Level::Fail,
            "draining",
            "Nightbell is stopping and takes no new calls.",
            "Wait for the restart; if nobody restarts it, start the service again.",
            "/system",
        ));
    }
    if facts.status.extensions == 0 {
        findings.push(Finding::new(
            Level::Warn,
            "no_extensions",
            "There is no extension yet, so nobody can call anybody.",
            "Add one for each person, or paste a list.",
            "/extensions",
        ));
    } else if facts.devices.is_empty() {
        findings.push(Finding::new(
            Level::Warn,
            "no_devices",
            "No phone has registered yet.",
            "Open an extension and use “Add a phone” to show a QR code.",
            "/extensions",
        ));
    }
}

fn push(facts: &Facts, findings: &mut Vec<Finding>) {
    if facts.credentials.is_empty() {
        findings.push(Finding::new(
            Level::Warn,
            "no_push_credential",
            "There is no push credential, so sleeping phone apps cannot be woken. Desk phones work without one.",
            "Add the APNs key, the Firebase service account or the push relay of the phone app you use.",
            "/push",
        ));
    }
    for credential in &facts.credentials {
        match &credential.state {
            // What is wrong with it is an alarm.
            CredentialState::Working | CredentialState::Failing { .. } => {}
            CredentialState::Untried => findings.push(Finding::new(
                Level::Warn,
                "push_credential_untried",
                format!("The push credential “{}” has not been tried yet.", credential.label),
                "Check it now; that reaches no phone.",
                "/push",
            )),
        }
    }
    findings.extend(facts.health.iter().flat_map(diagnosis::alarms));
}

fn targets(facts: &Facts, findings: &mut Vec<Finding>) {
    let mut lacking: BTreeMap<(PushProvider, &'static str, String), (usize, String)> = BTreeMap::new();
    let (mut revoked, mut suspect) = (0usize, 0usize);
    for target in facts.devices.iter().filter_map(|device| Some((device.wake_target.as_ref()?, device.wake_state))) {
        let (target, state) = target;
        if state == Some(WakeState::SwitchedOff) {
            continue;
        }
        let gone = matches!(target.health, TargetHealth::Revoked { .. } | TargetHealth::Moved { .. });
        if !gone && let Some(obstacle) = obstacle(&facts.credentials, target) {
            lacking.entry((target.provider, obstacle.code, obstacle.text)).or_insert((0, obstacle.fix)).0 += 1;
        }
        match target.health {
            TargetHealth::Good | TargetHealth::Moved { .. } => {}
            TargetHealth::Suspect { .. } => suspect += 1,
            TargetHealth::Revoked { .. } => revoked += 1,
        }
    }
    for ((provider, code, text), (count, fix)) in lacking {
        let link = match provider {
            PushProvider::Apns => "/push/apns",
            PushProvider::Fcm => "/push/fcm",
            PushProvider::WebPush => "/push/webpush",
            PushProvider::Hms => "/push/hms",
            PushProvider::Acrobits => "/push/acrobits",
        };
        let text = format!("{} {text}.", phones(count));
        findings.push(Finding::new(Level::Fail, code, text, words::sentence(&fix), link));
    }
    if revoked > 0 {
        findings.push(Finding::new(
            Level::Warn,
            "tokens_gone",
            format!("{} lost its push token: the app was removed or reset there.", phones(revoked)),
            "Open the app on the phone once, or forget the device if the phone is gone.",
            "/push/tokens?state=revoked",
        ));
    }
    if suspect > 0 {
        findings.push(Finding::new(
            Level::Warn,
            "tokens_suspect",
            format!("{} sent a push token that its provider does not accept for that app.", phones(suspect)),
            "Look at the device for the provider's reason; most often a test build of the app uses the other environment.",
            "/push/tokens?state=suspect",
        ));
    }
}

/// Phones that were set up before push was, or before it changed.
fn settings_again(facts: &Facts, findings: &mut Vec<Finding>) {
    let marked = facts.marks.all(&facts.devices, &facts.credentials);
    if marked.is_empty() {
        return;
    }
    let need = if marked.len() == 1 { "needs its" } else { "need their" };
    findings.push(Finding::new(
        Level::Warn,
        settings_again::CODE,
        format!("{} {need} settings again: push was set up or changed after they were fetched.", phones(marked.len())),
        "Show each a new QR code, or mail one to its owner; apps that use the device API fetch them by themselves.",
        "/push/apps",
    ));
}

/// Tokens whose phones gave no sign for long, and tokens of two extensions.
fn tokens(facts: &Facts, findings: &mut Vec<Finding>) {
    let rows = hygiene::tokens(&facts.devices, facts.unseen_days, facts.now);
    let unseen = rows.iter().filter(|row| row.state == hygiene::TokenState::Unseen).count();
    if unseen >= MANY_UNSEEN {
        findings.push(Finding::new(
            Level::Warn,
            "tokens_unseen",
            format!(
                "{} gave no sign for {} days, though their push tokens may still work.",
                phones(unseen),
                facts.unseen_days
            ),
            "Send them a test push, and forget those whose phones are gone.",
            "/push/tokens?state=unseen",
        ));
    }
    let shared = rows.iter().filter(|row| row.elsewhere.iter().any(|holder| !holder.same_phone)).count();
    if shared > 0 {
        findings.push(Finding::new(
            Level::Warn,
            "tokens_shared",
            format!(
                "{} use a push token that another extension has as well, and it is not proved that it is one phone.",
                phones(shared)
            ),
            "If the phone was handed on, forget the token at the extension it left.",
            "/push/tokens?shared=yes",
        ));
    }
}

/// What is said of backups, once there is something to lose.
fn backup(facts: &Facts) -> Option<Finding> {
    const LINK: &str = "/system/backups";
    let (policy, has_passphrase) = &facts.backups;
    let last = facts.last_backup.as_ref();
    if let Some(failed) = last.filter(|last| !last.problem.is_empty()) {
        let text = format!("The last backup failed: {}", words::sentence(&failed.problem));
        let fix = "Remove the cause, then make a backup by hand; it is tried again every hour as well.";
        return Some(Finding::new(Level::Fail, "backup_failed", text, fix, LINK));
    }
    if backups::late(policy, last, facts.now) {
        let text = "The nightly backup was missed.";
        let fix = "Make one by hand now, and see whether this machine runs at that hour.";
        return Some(Finding::new(Level::Warn, "backup_missed", text, fix, LINK));
    }
    if facts.status.extensions == 0 || last.is_some() || *has_passphrase {
        return None;
    }
    let text = "There is no backup of this installation.";
    let fix = "Choose a passphrase; then one is made every night.";
    Some(Finding::new(Level::Warn, "no_backup", text, fix, LINK))
}

fn phones(count: usize) -> String {
    if count == 1 { "One phone".into() } else { format!("{count} phones") }
}

/// What an authority that gives the certificate by itself did not give.
fn not_renewed(facts: &Facts) -> Option<Finding> {
    let view = facts.acme.as_ref()?;
    let problem = view.problem.as_ref()?;
    let (level, what) = match (view.in_force, view.alarm(facts.now)) {
        (false, _) => (Level::Fail, "The TLS certificate could not be got".to_owned()),
        (true, alarm) => {
            let left = clock::relative(facts.certificate.not_after, facts.now);
            let level = if alarm == acme::Alarm::Urgent { Level::Fail } else { Level::Warn };
            (level, format!("The TLS certificate, which ends {left}, could not be renewed"))
        }
    };
    let text = format!("{what}: {}", words::sentence(&problem.text));
    Some(Finding::new(level, "certificate_not_renewed", text, words::sentence(&problem.fix), "/system/certificate"))
}

fn certificate(facts: &Facts, findings: &mut Vec<Finding>) {
    let certificate = &facts.certificate;
    findings.extend(not_renewed(facts));
    let by_itself = facts.acme.as_ref().is_some_and(|view| view.in_force);
    if certificate.not_after < facts.now {
        findings.push(Finding::new(
            Level::Fail,
            "certificate_expired",
            "The TLS certificate has ended: phones refuse to connect and browsers warn.",
            "Put a valid cert.pem and key.pem into the folder tls of the data directory; they are in force within seconds.",
            "/system",
        ));
    } else if certificate.not_after < facts.now + CERTIFICATE_SOON && !by_itself {
        let left = clock::relative(certificate.not_after, facts.now);
        findings.push(Finding::new(
            Level::Warn,
            "certificate_ends_soon",
            format!("The TLS certificate ends {left}."),
            "Put a new cert.pem and key.pem into the folder tls of the data directory; they are in force within seconds.",
            "/system",
        ));
    }
    if certificate.self_made {
        findings.push(Finding::new(
            Level::Warn,
            "certificate_self_made",
            "The TLS certificate was made by Nightbell itself: browsers warn, and most phone apps refuse it.",
            "Let Nightbell get one from Let's Encrypt by itself, or put one for your public name into the folder tls of the data directory.",
            "/system/certificate",
        ));
    }
    let host = facts.public_url.split("://").nth(1).unwrap_or("");
    if ["localhost", "127.", "[::1]"].iter().any(|local| host.starts_with(local)) {
        findings.push(Finding::new(
            Level::Warn,
            "public_name_is_local",
            format!("Links and QR codes point to {}, which no phone can reach.", facts.public_url),
            "Set the public name (`public_host` in the configuration, or --public-host) and restart.",
            "/system",
        ));
    }
}

#[cfg(test)]
mod tests;
