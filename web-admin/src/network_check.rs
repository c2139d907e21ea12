//! The network check: what a small business would otherwise find out call by call. From inside (`inside.rs`): the public
//! address by two methods, names, certificates, hairpin, clock, disk. From outside (`outside.rs`): every port with a nonce of
//! its own, asked by `nightbell probe` on a machine elsewhere.
//!
//! Nobody is contacted before an admin clicks or asks by the API, and nothing is sent but the questions themselves. The last runs
//! are kept (`store.rs`), so that after a change at the router before and after stand side by side.

pub(crate) mod inside;
pub(crate) mod judge;
pub(crate) mod outside;
mod public_address;
pub(crate) mod settings;
mod sound_ports;
pub(crate) mod store;

#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pbx_core::model::UnixMillis;
use pbx_core::net::Ladders;
use pbx_core::port_check::PortCheck;
use serde::{Deserialize, Serialize};

pub(crate) use self::inside::Progress;
pub(crate) use self::outside::Outside;
pub(crate) use self::public_address::plain_client;
pub(crate) use self::settings::NetworkCheckSettings;

/// What surrounds the pages: the sockets of this installation, and who looks at them.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// SIP over UDP, as bound.
    pub udp: Vec<SocketAddr>,
    /// SIP over TCP, as bound.
    pub tcp: Vec<SocketAddr>,
    /// SIP over TLS, as bound.
    pub tls: Vec<SocketAddr>,
    /// The web server, as bound.
    pub https: Option<SocketAddr>,
    /// Our address as the outside world sees it, if it is set.
    pub public_ip: Option<IpAddr>,
    /// Where the database is.
    pub data_dir: PathBuf,
    /// Who answers questions from outside.
    pub port_check: PortCheck,
    /// What was said in the last calls.
    pub ladders: Ladders,
}

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = NetworkTopic)]
pub(crate) enum Topic {
    PublicAddress,
    PublicName,
    Certificate,
    Ports,
    Sound,
    SipAlg,
    Hairpin,
    Dns,
    Push,
    Clock,
    Disk,
}

impl Topic {
    /// What a check from inside looks at, in this order.
    pub(crate) const INSIDE: [Self; 8] = [
        Self::Dns,
        Self::PublicName,
        Self::PublicAddress,
        Self::Certificate,
        Self::Clock,
        Self::Hairpin,
        Self::Push,
        Self::Disk,
    ];

    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::PublicAddress => "Public address",
            Self::PublicName => "Public name",
            Self::Certificate => "Certificate",
            Self::Ports => "Ports",
            Self::Sound => "Ports for sound",
            Self::SipAlg => "SIP ALG",
            Self::Hairpin => "Way back in (hairpin)",
            Self::Dns => "Name servers",
            Self::Push => "Push providers",
            Self::Clock => "Clock",
            Self::Disk => "Disk",
        }
    }
}

/// How good or bad it is; the words of `doctor`.
pub(crate) use crate::advice::Level;

/// One thing that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Observation {
    pub(crate) topic: Topic,
    pub(crate) level: Level,
    /// Stable.
    pub(crate) code: String,
    /// What was seen.
    pub(crate) text: String,
    /// What to do; empty when nothing is to be done.
    pub(crate) fix: String,
}

impl Observation {
    pub(crate) fn good(topic: Topic, code: &str, text: impl Into<String>) -> Self {
        Self { topic, level: Level::Ok, code: code.to_owned(), text: text.into(), fix: String::new() }
    }

    pub(crate) fn warn(topic: Topic, code: &str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { topic, level: Level::Warn, code: code.to_owned(), text: text.into(), fix: fix.into() }
    }

    pub(crate) fn fail(topic: Topic, code: &str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { topic, level: Level::Fail, code: code.to_owned(), text: text.into(), fix: fix.into() }
    }
}

/// The worst level of some.
pub(crate) fn worst(observations: &[Observation]) -> Level {
    observations.iter().map(|one| one.level).max().unwrap_or(Level::Ok)
}

/// Where a check was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Vantage {
    /// From this machine.
    Inside,
    /// From a machine elsewhere.
    Outside,
}

impl Vantage {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Inside => "inside",
            Self::Outside => "outside",
        }
    }

    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Inside => "From inside",
            Self::Outside => "From outside",
        }
    }

    pub(crate) fn from_code(code: &str) -> Option<Self> {
        [Self::Inside, Self::Outside].into_iter().find(|one| one.as_str() == code)
    }
}

/// A check that has ended, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = NetworkCheckRun)]
pub(crate) struct Run {
    pub(crate) id: i64,
    pub(crate) vantage: Vantage,
    /// The machine outside, as it was seen; empty for a check from inside.
    pub(crate) seen_from: String,
    pub(crate) started_at: UnixMillis,
    pub(crate) finished_at: UnixMillis,
    pub(crate) level: Level,
    pub(crate) observations: Vec<Observation>,
}

/// The checks of this process; clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct NetworkChecks {
    progress: Arc<Mutex<Option<Progress>>>,
    outside: Arc<Mutex<Outside>>,
}

impl NetworkChecks {
    fn progress(&self) -> MutexGuard<'_, Option<Progress>> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outside(&self) -> MutexGuard<'_, Outside> {
        self.outside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an address is of this machine, of an office or of a provider's own network: no phone outside can reach it.
pub(crate) fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(four) => {
            let [a, b, ..] = four.octets();
            four.is_private() || four.is_loopback() || four.is_link_local() || (a == 100 && b & 0xc0 == 64)
        }
        IpAddr::V6(six) => six.is_loopback() || six.is_unique_local() || six.is_unicast_link_local(),
    }
}
