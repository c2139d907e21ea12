//! The outside vantage point: what a machine elsewhere (`nightbell probe`) is told to ask, how it asks, and what it reports.
//!
//! The same questions asked from this machine at its own public address are the hairpin check. Whoever asks judges nothing:
//! it reports what it saw, and the installation that was asked compares that with what arrived there
//! (`network_check/judge.rs`).

mod ask;
pub mod served;

use std::net::{IpAddr, SocketAddr};

use pbx_core::model::UnixMillis;
use pbx_core::port_check::{Key, Nonce};
use serde::{Deserialize, Serialize};

pub use ask::{ask_all, resolve};
pub use served::{Roots, Served, Trust};

/// What a port is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PortKind {
    /// SIP over UDP.
    SipUdp,
    /// SIP over TCP.
    SipTcp,
    /// SIP over TLS.
    SipTls,
    /// One of the UDP ports for sound.
    Sound,
}

impl PortKind {
    /// As people write it before the number.
    pub const fn words(self) -> &'static str {
        match self {
            Self::SipUdp => "UDP",
            Self::SipTcp => "TCP",
            Self::SipTls => "TLS",
            Self::Sound => "sound port UDP",
        }
    }

    /// What a router forwards.
    pub const fn protocol(self) -> &'static str {
        match self {
            Self::SipUdp | Self::Sound => "UDP",
            Self::SipTcp | Self::SipTls => "TCP",
        }
    }
}

/// One port with its nonce.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PortQuestion)]
pub struct Question {
    /// What it is for.
    pub kind: PortKind,
    /// Its number.
    pub port: u16,
    /// 32 hexadecimal digits.
    #[schema(value_type = String)]
    pub nonce: Nonce,
}

/// Everything a machine outside needs to know.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PortCheckPlan)]
pub struct Plan {
    /// Names the check in the report.
    pub check: String,
    /// The key of its questions, 32 hexadecimal digits.
    #[schema(value_type = String)]
    pub key: Key,
    /// The name that phones use.
    pub host: String,
    /// Where the machine outside was seen to come from.
    #[schema(value_type = String)]
    pub seen_from: IpAddr,
    /// What to ask.
    pub questions: Vec<Question>,
    /// Until when answers are given.
    pub expires_at: UnixMillis,
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "what", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = PortOutcome)]
pub enum Outcome {
    /// The right answer.
    Answered {
        /// The port at which the question arrived.
        port: u16,
        /// Where it was seen to come from.
        #[schema(value_type = String)]
        seen: SocketAddr,
    },
    /// The connection was refused, or the datagram came back.
    Refused,
    /// Nothing came in time.
    Silent,
    /// The machine that asks has no way there, for example no IPv6.
    NoWay,
    /// Something answers, but not as it should.
    Odd {
        /// Its first words.
        said: String,
    },
}

/// A question, as it was asked at one address, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PortAnswer)]
pub struct Answer {
    /// Of which question.
    #[schema(value_type = String)]
    pub nonce: Nonce,
    /// Where it was asked.
    #[schema(value_type = String)]
    pub address: IpAddr,
    /// What came of it.
    pub outcome: Outcome,
    /// What was sent, when it is SIP.
    #[serde(default)]
    pub sent: String,
    /// What came back, when it is SIP.
    #[serde(default)]
    pub received: String,
    /// The certificates shown, over TLS.
    #[serde(default)]
    pub served: Option<Served>,
    /// Milliseconds.
    pub took_ms: u64,
}

/// What a machine outside saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PortCheckReport)]
pub struct Report {
    /// What the name leads to there.
    #[schema(value_type = Vec<String>)]
    pub addresses: Vec<IpAddr>,
    /// The certificates of the web server.
    pub https: Served,
    /// All answers.
    pub answers: Vec<Answer>,
}
