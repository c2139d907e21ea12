//! Why a phone does not ring, by what the admin sees: all phones, only iPhones, only Android phones, or only this one.
//!
//! The findings are those of `doctor`, of the matrix and of the network check, with the same codes and words, narrowed to what
//! can cause that very symptom; what Nightbell cannot know is a list to check at the phone.

use std::fmt;

use pbx_core::model::{
    DeviceId, DeviceSummary, ExtensionNumber, LastWake, Presence, PushProvider, TargetHealth, WakeState,
};
use push_module::{CredentialKind, NetworkCheck, ProviderHealth, obstacle};
use serde::{Deserialize, Serialize};

use crate::advice::{self, Facts, Finding, Level};
use crate::language::retold;
use crate::reach::{Verdict, matrix};
use crate::words;
use crate::{say, t};

/// What the admin sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Symptom {
    /// No sleeping phone rings.
    AllPhones,
    /// Only iPhones do not.
    OnlyIos,
    /// Only Android phones do not.
    OnlyAndroid,
    /// Only one phone does not.
    OnlyThisDevice,
}

impl Symptom {
    pub(crate) const ALL: [Self; 4] = [Self::AllPhones, Self::OnlyIos, Self::OnlyAndroid, Self::OnlyThisDevice];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::AllPhones => "all_phones",
            Self::OnlyIos => "only_ios",
            Self::OnlyAndroid => "only_android",
            Self::OnlyThisDevice => "only_this_device",
        }
    }

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::AllPhones => t("diagnosis-no-sleeping-phone-rings"),
            Self::OnlyIos => t("diagnosis-only-iphones-do-not-ring"),
            Self::OnlyAndroid => t("diagnosis-only-android-phones-do-not-ring"),
            Self::OnlyThisDevice => t("diagnosis-only-one-phone-does-not-ring"),
        }
    }
}

impl fmt::Display for Symptom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What Nightbell knows about this symptom, problems first.
pub(crate) fn findings(
    symptom: Symptom,
    facts: &Facts,
    network: Option<&NetworkCheck>,
    device: Option<DeviceId>,
) -> Vec<Finding> {
    let mut found = match symptom {
        Symptom::AllPhones => all_phones(facts, network),
        Symptom::OnlyIos => of_platform(PushProvider::Apns, facts, network),
        Symptom::OnlyAndroid => of_platform(PushProvider::Fcm, facts, network),
        Symptom::OnlyThisDevice => {
            facts.devices.iter().find(|one| Some(one.id) == device).map(|one| of_device(one, facts)).unwrap_or_default()
        }
    };
    found.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    found
}

fn all_phones(facts: &Facts, network: Option<&NetworkCheck>) -> Vec<Finding> {
    let about_push = |finding: &Finding| {
        finding.code.contains("push") || finding.code.contains("credential") || finding.code == "draining"
    };
    let mut found: Vec<Finding> = advice::findings(facts).into_iter().filter(about_push).collect();
    found.extend(of_network(network, |_| true));
    found
}

/// The alarms of a credential as findings.
pub(crate) fn alarms(health: &ProviderHealth) -> impl Iterator<Item = Finding> {
    health.alarms.iter().map(|alarm| {
        let level = if alarm.code.is_failure() { Level::Fail } else { Level::Warn };
        Finding::new(level, alarm.code.as_str(), retold(&alarm.text), retold(alarm.fix), "/push")
    })
}

fn of_platform(provider: PushProvider, facts: &Facts, network: Option<&NetworkCheck>) -> Vec<Finding> {
    let serves = |kind: CredentialKind| kind.serves(provider);
    let mut found: Vec<Finding> = facts.health.iter().filter(|one| serves(one.provider)).flat_map(alarms).collect();
    let rows = matrix(&facts.devices, &facts.credentials, &facts.health).into_iter();
    for row in rows.filter(|row| row.provider == provider && row.devices > 0) {
        match row.can_be_pushed {
            Verdict::No => {
                let text = format!("{}: {}.", row.app_id, retold(&row.text));
                found.push(Finding::new(Level::Fail, row.code, text, words::sentence(&row.fix), "/push/apps"));
            }
            // Its alarm stands above already.
            Verdict::Troubled | Verdict::Untried | Verdict::Yes => {}
        }
        if row.token_gone > 0 {
            let text = say("diagnosis-of-phones-lost-their-push-token")
                .with("app-id", &row.app_id)
                .with("token-gone", &row.token_gone)
                .with("devices", &row.devices)
                .text();
            let fix = t("diagnosis-open-the-app-on-those-phones");
            found.push(Finding::new(Level::Warn, "tokens_gone", text, fix, "/extensions"));
        }
    }
    let labels: Vec<&String> =
        facts.credentials.iter().filter(|one| serves(one.provider)).map(|one| &one.label).collect();
    found.extend(of_network(network, |used_by| used_by.iter().any(|label| labels.contains(&label))));
    found
}

fn of_network(network: Option<&NetworkCheck>, concerns: impl Fn(&[String]) -> bool) -> Vec<Finding> {
    let Some(check) = network else {
        return vec![Finding::new(
            Level::Warn,
            "network_not_checked",
            t("diagnosis-whether-this-machine-reaches-its-push"),
            t("diagnosis-check-it-now-that-takes-half"),
            "/push/network",
        )];
    };
    let places = check.places.iter().filter(|place| concerns(&place.place.used_by));
    let failed = places.filter_map(|place| place.steps.iter().find(|step| !step.ok));
    failed
        .map(|step| {
            let (text, fix) = (words::sentence(&step.text), words::sentence(&step.fix));
            Finding::new(Level::Fail, step.code, text, fix, "/push/network")
        })
        .collect()
}

/// The phones of this extension are switched off: nothing else about them matters.
pub(crate) fn phones_off(number: ExtensionNumber, facts: &Facts) -> Option<Finding> {
    facts.switched_off.contains(&number).then(|| {
        let text = say("diagnosis-phones-off").with("number", &number).text();
        Finding::new(Level::Fail, advice::PHONES_OFF, text, t("diagnosis-phones-off-fix"), "/extensions")
    })
}

fn of_device(device: &DeviceSummary, facts: &Facts) -> Vec<Finding> {
    if let Some(off) = phones_off(device.extension, facts) {
        return vec![off];
    }
    let finding = |level, code, text: String, fix: &str| Finding::new(level, code, text, fix, "/extensions");
    let Some(target) = &device.wake_target else {
        return vec![finding(
            Level::Fail,
            "no_push_token",
            t("diagnosis-this-phone-has-sent-no-push").to_owned(),
            t("diagnosis-use-an-app-with-push-allow"),
        )];
    };
    let mut found = Vec::new();
    if device.wake_state == Some(WakeState::Displaced) {
        let text = t("diagnosis-displaced").to_owned();
        found.push(finding(Level::Fail, "displaced", text, t("diagnosis-displaced-fix")));
    }
    if let Some(by) = target.switched_off {
        let text = say("diagnosis-push-is-switched-off").with("switched-off", &words::switched_off(by)).text();
        found.push(finding(Level::Fail, "push_switched_off", text, t("diagnosis-switch-it-on-at-the-phones")));
    }
    if let Some(obstacle) = obstacle(&facts.credentials, target) {
        let (text, fix) = (words::sentence(&obstacle.text), words::sentence(&obstacle.fix));
        found.push(Finding::new(Level::Fail, obstacle.code, text, fix, "/push/apps"));
    }
    if let TargetHealth::Moved { to, .. } = target.health {
        let text = say("diagnosis-its-phone-signed-in-as-extension").with("to", &to).text();
        found.push(finding(Level::Warn, "token_moved", text, t("diagnosis-sign-in-again-in-the-app")));
    }
    let token = match &target.health {
        TargetHealth::Good | TargetHealth::Moved { .. } => None,
        TargetHealth::Suspect { why, .. } => Some((Level::Warn, "token_suspect", why)),
        TargetHealth::Revoked { why, .. } => Some((Level::Fail, "token_gone", why)),
    };
    if let Some((level, code, why)) = token {
        let fix = t("diagnosis-open-the-app-on-the-phone");
        found.push(finding(level, code, words::sentence(why), fix));
    }
    found.extend(device.last_wake.as_ref().and_then(|wake| of_last_wake(wake, device.presence)));
    found
}

fn of_last_wake(wake: &LastWake, presence: Presence) -> Option<Finding> {
    let finding = |level, code, text: String, fix: &str| Some(Finding::new(level, code, text, fix, "/extensions"));
    match (wake.accepted, wake.woke_after_ms, presence) {
        (true, None, Presence::ReachableByPush | Presence::Unreachable) => finding(
            Level::Warn,
            "accepted_but_not_woken",
            t("diagnosis-the-provider-accepted-the-last-push").to_owned(),
            t("diagnosis-it-is-off-without-a-network"),
        ),
        (false, ..) => {
            let text = say("diagnosis-the-last-push-was-not-accepted")
                .with("sentence", &words::sentence(&wake.outcome))
                .text();
            finding(Level::Fail, "push_not_accepted", text, t("diagnosis-correct-the-cause-then-send-a"))
        }
        (true, Some(_), _) | (true, None, Presence::Registered) => None,
    }
}

/// What only somebody with the phone or at the firewall can see.
pub(crate) fn to_check(symptom: Symptom) -> Vec<&'static str> {
    match symptom {
        Symptom::AllPhones => vec![
            t("diagnosis-did-it-work-before-then-look"),
            t("diagnosis-is-the-clock-right-run-timedatectl"),
            t("diagnosis-do-the-phones-ring-over-the"),
        ],
        Symptom::OnlyIos => vec![
            t("diagnosis-in-the-offices-wi-fi-only"),
            t("diagnosis-was-the-app-installed-from-xcode"),
            t("diagnosis-is-a-focus-do-not-disturb"),
            t("diagnosis-did-the-app-crash-after-earlier"),
        ],
        Symptom::OnlyAndroid => vec![
            t("diagnosis-is-battery-saving-on-for-the"),
            t("diagnosis-in-the-offices-wi-fi-only-2"),
            t("diagnosis-was-the-app-stopped-by-force"),
            t("diagnosis-does-the-phone-have-google-play"),
        ],
        Symptom::OnlyThisDevice => vec![
            t("diagnosis-is-the-phone-on-with-a"),
            t("diagnosis-are-notifications-allowed-for-the-app"),
            t("diagnosis-compare-with-another-phone-that-has"),
            t("diagnosis-sign-out-in-the-app-scan"),
        ],
    }
}

#[cfg(test)]
mod tests;
