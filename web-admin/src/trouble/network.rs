//! What the last network checks say to a complaint: the parts that can cause it, from inside and from outside.

use super::Complaint;
use crate::advice::{Finding, Level};
use crate::language::retold;
use crate::network_check::{Run, Topic};
use crate::t;

/// Where it is looked at.
const LINK: &str = "/system/network";

/// The parts that can be the cause.
const fn topics(complaint: Complaint) -> &'static [Topic] {
    match complaint {
        Complaint::LoginFails => &[
            Topic::PublicName,
            Topic::Certificate,
            Topic::Ports,
            Topic::Hairpin,
            Topic::SipAlg,
            Topic::Dns,
            Topic::Clock,
        ],
        Complaint::NoSound | Complaint::SoundOneWay => {
            &[Topic::Sound, Topic::PublicAddress, Topic::SipAlg, Topic::Hairpin]
        }
        Complaint::CallDrops => &[Topic::SipAlg, Topic::PublicAddress, Topic::Ports, Topic::Sound],
        // Whether pushes leave is looked at by itself; this is the way back of the phone that woke.
        Complaint::PhoneDoesNotWake => &[Topic::Ports, Topic::Certificate, Topic::PublicName, Topic::Clock],
    }
}

/// One code for each part; the sentences are those of the check.
const fn code(topic: Topic) -> &'static str {
    match topic {
        Topic::PublicAddress => "network_public_address",
        Topic::PublicName => "network_public_name",
        Topic::Certificate => "network_certificate",
        Topic::Ports => "network_ports",
        Topic::Sound => "network_sound",
        Topic::SipAlg => "network_sip_alg",
        Topic::Hairpin => "network_hairpin",
        Topic::Dns => "network_dns",
        Topic::Push => "network_push",
        Topic::Clock => "network_clock",
        Topic::Disk => "network_disk",
    }
}

/// What the newest check of each kind found, and whether one is missing.
pub(super) fn findings(complaint: Complaint, inside: Option<&Run>, outside: Option<&Run>) -> Vec<Finding> {
    let wanted = topics(complaint);
    let mut found: Vec<Finding> = Vec::new();
    let seen = outside.into_iter().chain(inside).flat_map(|run| &run.observations);
    for one in seen.filter(|one| one.level > Level::Ok && wanted.contains(&one.topic)) {
        // Both may say the same of a certificate.
        if !found.iter().any(|known| known.text == retold(&one.text)) {
            found.push(Finding::new(one.level, code(one.topic), retold(&one.text), retold(&one.fix), LINK));
        }
    }
    let missing = |code, text: &str, fix: &str| Finding::new(Level::Warn, code, text, fix, LINK);
    if outside.is_none() {
        found.push(missing(
            "network_not_checked_outside",
            t("trouble-nobody-has-looked-from-outside"),
            t("trouble-make-a-code-and-run-probe"),
        ));
    }
    if inside.is_none() {
        found.push(missing(
            "network_not_checked_inside",
            t("trouble-this-machine-has-not-looked"),
            t("trouble-check-it-now-nobody-is-asked"),
        ));
    }
    found
}
