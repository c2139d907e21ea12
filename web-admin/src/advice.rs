//! What an admin should do next: the list on the dashboard, in `doctor` and in the API, with the same words everywhere.
//!
//! Every finding names the cause, the fix and where to do it.

use std::collections::BTreeMap;
use std::time::Duration;

use pbx_core::model::{DeviceSummary, ExtensionNumber, PushProvider, TargetHealth, UnixMillis, WakeState};
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
use crate::language::retold;
use crate::settings_again::{self, Marks};
use crate::state::AdminState;
use crate::tls::CertificateInfo;
use crate::update_notice;
use crate::words;
use crate::{say, t};

mod apps;

use apps::AppProblems;

/// Devices looked at; beyond it the counts would be right but the page slow.
const MAX_DEVICES: usize = 5000;
/// Devices asked for at once.
const PAGE: usize = 500;
/// Fewer phones than that are on holiday, not forgotten.
const MANY_UNSEEN: usize = 3;
/// Extensions a finding names before it only counts them.
const NAMED: usize = 5;
/// The code of what comes of phones that are switched off.
pub(crate) const PHONES_OFF: &str = "phones_off";
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
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ok => t("advice-good"),
            Self::Warn => t("advice-to-do"),
            Self::Fail => t("common-problem"),
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
            "/extensions" => t("advice-open-extensions"),
            "/push" => t("advice-open-push"),
            "/push/apps" => t("advice-see-all-apps"),
            "/push/tokens?state=unseen"
            | "/push/tokens?state=revoked"
            | "/push/tokens?state=suspect"
            | "/push/tokens?shared=yes" => t("advice-see-the-tokens"),
            "/push/network" => t("web-proxy-check-the-network"),
            "/push/apns" => t("advice-add-the-key"),
            "/push/fcm" => t("advice-add-the-account"),
            "/system" => t("advice-open-system"),
            "/system/network" => t("advice-open-network-check"),
            "/system/backups" => t("advice-open-backups"),
            "/system/certificate" => t("advice-open-certificate"),
            "/event-webhooks" => t("advice-open-event-webhooks"),
            _ => t("welcome-open"),
        }
    }
}

/// Everything the advice is drawn from.
pub(crate) struct Facts {
    pub(crate) status: Status,
    pub(crate) credentials: Vec<CredentialSummary>,
    pub(crate) health: Vec<ProviderHealth>,
    pub(crate) devices: Vec<DeviceSummary>,
    /// Extensions whose phones are switched off.
    pub(crate) switched_off: Vec<ExtensionNumber>,
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
    let Reply::Numbers(switched_off) = state.switchboard.ask(Command::ListSwitchedOff).await? else {
        return Err(unexpected());
    };
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
        switched_off,
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
    findings.extend(phones_off(facts));
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
            say("advice-database-takes-nothing").with("why", &saving.why()).count("behind", behind).text(),
            t("advice-free-space"),
            "/system",
        ));
    }
    let lost = saving.lost();
    if lost > 0 {
        findings.push(Finding::new(
            Level::Warn,
            "changes_lost",
            say("advice-changes-lost").count("lost", lost).text(),
            t("advice-changes-lost-fix"),
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
                say("advice-the-event-webhook-was-switched-off")
                    .with("name", &name)
                    .with("disabled-why", &receiver.disabled_why)
                    .text(),
                t("advice-mend-the-receiver-then-switch-the"),
                "/event-webhooks",
            ));
        } else if receiver.enabled
            && let Some(since) = receiver.failing_since.filter(|since| facts.now.since(*since) >= FAILING_SHOWN)
        {
            findings.push(Finding::new(
                Level::Warn,
                "event_webhook_failing",
                say("advice-the-event-webhook-has-taken-nothing")
                    .with("name", &name)
                    .with("span", &clock::span(u64::try_from(facts.now.since(since).as_millis()).unwrap_or(u64::MAX)))
                    .text(),
                t("advice-look-at-its-last-events-and"),
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
            t("advice-nightbell-is-stopping-and-takes-no"),
            t("advice-wait-for-the-restart-if-nobody"),
            "/system",
        ));
    }
    if facts.status.extensions == 0 {
        findings.push(Finding::new(
            Level::Warn,
            "no_extensions",
            t("advice-there-is-no-extension-yet-so"),
            t("advice-add-one-for-each-person-or"),
            "/extensions",
        ));
    } else if facts.devices.is_empty() {
        findings.push(Finding::new(
            Level::Warn,
            "no_devices",
            t("advice-no-phone-has-registered-yet"),
            t("advice-open-an-extension-and-use-add"),
            "/extensions",
        ));
    }
}

/// Extensions whose phones are off: what was meant for a week is easily forgotten.
fn phones_off(facts: &Facts) -> Option<Finding> {
    let first = facts.switched_off.iter().take(NAMED).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let more = if facts.switched_off.len() > NAMED { ", …" } else { "" };
    let text =
        say("advice-phones-off").count("count", facts.switched_off.len()).with("which", &format!("{first}{more}"));
    let fix = t("advice-phones-off-fix");
    (!facts.switched_off.is_empty()).then(|| Finding::new(Level::Warn, PHONES_OFF, text.text(), fix, "/extensions"))
}

fn push(facts: &Facts, findings: &mut Vec<Finding>) {
    if facts.credentials.is_empty() {
        findings.push(Finding::new(
            Level::Warn,
            "no_push_credential",
            t("advice-there-is-no-push-credential-so"),
            t("advice-add-the-apns-key-the-firebase"),
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
                say("advice-the-push-credential-has-not-been").with("label", &credential.label).text(),
                t("advice-check-it-now-that-reaches-no"),
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
        let text = say("advice-phones-and-obstacle").with("phones", &phones(count)).with("text", &retold(&text)).text();
        findings.push(Finding::new(Level::Fail, code, text, words::sentence(&fix), link));
    }
    if revoked > 0 {
        findings.push(Finding::new(
            Level::Warn,
            "tokens_gone",
            say("advice-lost-its-push-token-the-app").with("phones", &phones(revoked)).text(),
            t("advice-open-the-app-on-the-phone"),
            "/push/tokens?state=revoked",
        ));
    }
    if suspect > 0 {
        findings.push(Finding::new(
            Level::Warn,
            "tokens_suspect",
            say("advice-sent-a-push-token-that-its").with("phones", &phones(suspect)).text(),
            t("advice-look-at-the-device-for-the"),
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
    findings.push(Finding::new(
        Level::Warn,
        settings_again::CODE,
        say("advice-settings-again").count("count", marked.len()).text(),
        t("advice-show-each-a-new-qr-code"),
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
            say("advice-gave-no-sign-for-days-though")
                .with("phones", &phones(unseen))
                .with("unseen-days", &facts.unseen_days)
                .text(),
            t("advice-send-them-a-test-push-and"),
            "/push/tokens?state=unseen",
        ));
    }
    let shared = rows.iter().filter(|row| row.elsewhere.iter().any(|holder| !holder.same_phone)).count();
    if shared > 0 {
        findings.push(Finding::new(
            Level::Warn,
            "tokens_shared",
            say("advice-use-a-push-token-that-another").with("phones", &phones(shared)).text(),
            t("advice-if-the-phone-was-handed-on"),
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
        let text = say("advice-the-last-backup-failed").with("sentence", &words::sentence(&failed.problem)).text();
        let fix = t("advice-remove-the-cause-then-make-a");
        return Some(Finding::new(Level::Fail, "backup_failed", text, fix, LINK));
    }
    if backups::late(policy, last, facts.now) {
        let text = t("advice-the-nightly-backup-was-missed");
        let fix = t("advice-make-one-by-hand-now-and");
        return Some(Finding::new(Level::Warn, "backup_missed", text, fix, LINK));
    }
    if facts.status.extensions == 0 || last.is_some() || *has_passphrase {
        return None;
    }
    let text = t("advice-there-is-no-backup-of-this");
    let fix = t("advice-choose-a-passphrase-then-one-is");
    Some(Finding::new(Level::Warn, "no_backup", text, fix, LINK))
}

fn phones(count: usize) -> String {
    say("advice-phones").count("count", count).text()
}

/// What an authority that gives the certificate by itself did not give.
fn not_renewed(facts: &Facts) -> Option<Finding> {
    let view = facts.acme.as_ref()?;
    let problem = view.problem.as_ref()?;
    let (level, what) = match (view.in_force, view.alarm(facts.now)) {
        (false, _) => (Level::Fail, t("advice-certificate-not-got").to_owned()),
        (true, alarm) => {
            let left = clock::relative(facts.certificate.not_after, facts.now);
            let level = if alarm == acme::Alarm::Urgent { Level::Fail } else { Level::Warn };
            (level, say("advice-certificate-not-renewed").with("left", &left).text())
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
            t("advice-the-tls-certificate-has-ended-phones"),
            t("advice-put-a-valid-cert-pem-and"),
            "/system",
        ));
    } else if certificate.not_after < facts.now + CERTIFICATE_SOON && !by_itself {
        let left = clock::relative(certificate.not_after, facts.now);
        findings.push(Finding::new(
            Level::Warn,
            "certificate_ends_soon",
            say("advice-the-tls-certificate-ends").with("left", &left).text(),
            t("advice-put-a-new-cert-pem-and"),
            "/system",
        ));
    }
    if certificate.self_made {
        findings.push(Finding::new(
            Level::Warn,
            "certificate_self_made",
            t("advice-the-tls-certificate-was-made-by"),
            t("advice-let-nightbell-get-one"),
            "/system/certificate",
        ));
    }
    let host = facts.public_url.split("://").nth(1).unwrap_or("");
    if ["localhost", "127.", "[::1]"].iter().any(|local| host.starts_with(local)) {
        findings.push(Finding::new(
            Level::Warn,
            "public_name_is_local",
            say("advice-links-and-qr-codes-point-to").with("public-url", &facts.public_url).text(),
            t("advice-set-the-public-name-public-host"),
            "/system",
        ));
    }
}

#[cfg(test)]
mod tests;
