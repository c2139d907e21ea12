//! Why a phone does not ring, by what the admin sees: all phones, only iPhones, only Android phones, or only this one.
//!
//! The findings are those of `doctor`, of the matrix and of the network check, with the same codes and words, narrowed to what
//! can cause that very symptom; what Nightbell cannot know is a list to check at the phone.

use std::fmt;

use pbx_core::model::{DeviceId, DeviceSummary, LastWake, Presence, PushProvider, TargetHealth};
use push_module::{CredentialKind, NetworkCheck, ProviderHealth, obstacle};
use serde::{Deserialize, Serialize};

use crate::advice::{self, Facts, Finding, Level};
use crate::reach::{Verdict, matrix};
use crate::words;

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

    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::AllPhones => "No sleeping phone rings",
            Self::OnlyIos => "Only iPhones do not ring",
            Self::OnlyAndroid => "Only Android phones do not ring",
            Self::OnlyThisDevice => "Only one phone does not ring",
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
        Finding::new(level, alarm.code.as_str(), alarm.text.clone(), alarm.fix, "/push")
    })
}

fn of_platform(provider: PushProvider, facts: &Facts, network: Option<&NetworkCheck>) -> Vec<Finding> {
    let serves = |kind: CredentialKind| kind.serves(provider);
    let mut found: Vec<Finding> = facts.health.iter().filter(|one| serves(one.provider)).flat_map(alarms).collect();
    let rows = matrix(&facts.devices, &facts.credentials, &facts.health).into_iter();
    for row in rows.filter(|row| row.provider == provider && row.devices > 0) {
        match row.can_be_pushed {
            Verdict::No => {
                let text = format!("{}: {}.", row.app_id, row.text);
                found.push(Finding::new(Level::Fail, row.code, text, words::sentence(&row.fix), "/push/apps"));
            }
            // Its alarm stands above already.
            Verdict::Troubled | Verdict::Untried | Verdict::Yes => {}
        }
        if row.token_gone > 0 {
            let text = format!("{}: {} of {} phones lost their push token.", row.app_id, row.token_gone, row.devices);
            let fix = "Open the app on those phones once; if it was removed, forget the device.";
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
            "Whether this machine reaches its push providers has not been checked.",
            "Check it now; that takes half a minute at most.",
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

fn of_device(device: &DeviceSummary, facts: &Facts) -> Vec<Finding> {
    let finding = |level, code, text: String, fix: &str| Finding::new(level, code, text, fix, "/extensions");
    let Some(target) = &device.wake_target else {
        return vec![finding(
            Level::Fail,
            "no_push_token",
            "This phone has sent no push token, so it rings only while it is registered.".to_owned(),
            "Use an app with push, allow notifications in it, and open it once; for a desk phone this is normal.",
        )];
    };
    let mut found = Vec::new();
    if let Some(by) = target.switched_off {
        let text = format!("Push is switched off {}.", words::switched_off(by));
        found.push(finding(Level::Fail, "push_switched_off", text, "Switch it on at the phone's extension."));
    }
    if let Some(obstacle) = obstacle(&facts.credentials, target) {
        let (text, fix) = (words::sentence(&obstacle.text), words::sentence(&obstacle.fix));
        found.push(Finding::new(Level::Fail, obstacle.code, text, fix, "/push/apps"));
    }
    if let TargetHealth::Moved { to, .. } = target.health {
        let text = format!("Its phone signed in as extension {to}, and is pushed for that one only.");
        found.push(finding(Level::Warn, "token_moved", text, "Sign in again in the app if it is to ring for both."));
    }
    let token = match &target.health {
        TargetHealth::Good | TargetHealth::Moved { .. } => None,
        TargetHealth::Suspect { why, .. } => Some((Level::Warn, "token_suspect", why)),
        TargetHealth::Revoked { why, .. } => Some((Level::Fail, "token_gone", why)),
    };
    if let Some((level, code, why)) = token {
        let fix = "Open the app on the phone once; it sends a new token. A test build needs a key for the sandbox.";
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
            "The provider accepted the last push, but the phone did not register after it.".to_owned(),
            "It is off, without a network, or something on the phone or in its Wi-Fi holds the push back: go through the list below.",
        ),
        (false, ..) => {
            let text = format!("The last push was not accepted: {}", words::sentence(&wake.outcome));
            finding(Level::Fail, "push_not_accepted", text, "Correct the cause, then send a test push.")
        }
        (true, Some(_), _) | (true, None, Presence::Registered) => None,
    }
}

/// What only somebody with the phone or at the firewall can see.
pub(crate) const fn to_check(symptom: Symptom) -> &'static [&'static str] {
    match symptom {
        Symptom::AllPhones => &[
            "Did it work before? Then look at what changed: firewall, proxy, clock, a revoked key.",
            "Is the clock right? Run timedatectl; Apple and Google refuse pushes when it is minutes off.",
            "Do the phones ring over the mobile network but not in the office? Then the Wi-Fi blocks the push services: give the list under Network to whoever runs it.",
        ],
        Symptom::OnlyIos => &[
            "In the office's Wi-Fi only? TCP 5223 to 17.0.0.0/8 must be open for the phones; try one with the Wi-Fi switched off.",
            "Was the app installed from Xcode? It uses Apple's sandbox, and the key must be for it.",
            "Is a Focus (Do not disturb) on? Allow calls from the app in it.",
            "Did the app crash after earlier pushes? iOS stops waking an app that does not show the call; install it anew.",
        ],
        Symptom::OnlyAndroid => &[
            "Is battery saving on for the app? Set it to “unrestricted” in the phone's settings; several makers switch it on by themselves.",
            "In the office's Wi-Fi only? TCP 5228 to 5230 to Google must be open, and the firewall must keep idle connections for 30 minutes.",
            "Was the app stopped by “Force stop”? Android wakes it again only after it was opened once.",
            "Does the phone have Google Play services? Without them FCM cannot reach it.",
        ],
        Symptom::OnlyThisDevice => &[
            "Is the phone on, with a network, and not in flight mode?",
            "Are notifications allowed for the app, and is no Focus or battery saving in the way?",
            "Compare with another phone that has the same app: if that one rings, look at this phone; if not, choose “Only iPhones” or “Only Android phones”.",
            "Sign out in the app, scan a new QR code, and send a test push from the extension's page.",
        ],
    }
}

#[cfg(test)]
mod tests;
