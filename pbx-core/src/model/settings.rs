//! Live settings: changed in the UI or the API, in force at once, no restart.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::AddressRange;

/// When the caller starts to hear ringing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum EarlyRinging {
    /// As soon as a provider has accepted a push, or a phone rings.
    WhenPushAccepted,
    /// Only when a phone really rings.
    WhenPhoneRings,
}

/// UDP ports for sound, both ends included; even ports carry RTP, the next odd one RTCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PortRange {
    /// First port.
    pub first: u16,
    /// Last port.
    pub last: u16,
}

/// Everything that can be changed while the switchboard runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Settings {
    /// The digest realm; fixed once accounts exist, because their digests contain it.
    pub realm: String,
    /// Live devices an extension may have; 1 means that the last phone to register wins.
    pub devices_per_extension: u16,
    /// When the caller starts to hear ringing.
    pub early_ringing: EarlyRinging,
    /// Seconds a call rings, and so the seconds a waking phone is waited for.
    pub ring_seconds: u16,
    /// Milliseconds a device with a live flow has for its first sign before it is pushed as well.
    pub grace_ms: u32,
    /// Seconds after which a phone on UDP is asked (OPTIONS) whether it is still there; 0 asks never.
    pub probe_udp_seconds: u32,
    /// Days without a sign after which the push token of a phone counts as unseen. It is shown so; nothing ends by it.
    pub token_unseen_days: u16,
    /// UDP ports for sound.
    pub rtp_ports: PortRange,
    /// Seconds without any sound packet from either side after which a call is ended.
    pub rtp_silence_seconds: u32,
    /// Shortest registration granted, in seconds; a shorter wish gets 423.
    pub min_expires: u32,
    /// Longest registration granted, in seconds.
    pub max_expires: u32,
    /// Registration granted when the phone names none, in seconds.
    pub default_expires: u32,
    /// Whether phones may prove themselves by MD5 too; without it only SHA-256 is offered and taken.
    pub allow_md5: bool,
    /// Wrong secrets from one address for one account, within ten minutes, after which both together are blocked. Three
    /// times as many over several accounts block the address, unless one of our phones is behind it.
    pub block_after_failures: u16,
    /// Minutes of the first block; each further one within a day lasts twice as long, up to a day.
    pub block_minutes: u16,
    /// Addresses that are never blocked.
    pub never_block: Vec<AddressRange>,
    /// Names in User-Agent by which scanners give themselves away; they get no answer.
    pub scanner_names: Vec<String>,
    /// Requests without a right secret that a strange address may send each second.
    pub strangers_per_second: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            realm: "nightbell".into(),
            devices_per_extension: 8,
            early_ringing: EarlyRinging::WhenPushAccepted,
            ring_seconds: 30,
            grace_ms: 2000,
            probe_udp_seconds: 0,
            token_unseen_days: 30,
            rtp_ports: PortRange { first: 10_000, last: 20_000 },
            rtp_silence_seconds: 60,
            min_expires: 60,
            max_expires: 86_400,
            default_expires: 3600,
            allow_md5: true,
            block_after_failures: 10,
            block_minutes: 30,
            never_block: Vec::new(),
            scanner_names: SCANNERS.map(str::to_owned).to_vec(),
            strangers_per_second: 40,
        }
    }
}

/// What the tools of those who search the internet for telephone systems call themselves. `friendly-scanner` is sipvicious;
/// the others are known from the logs of every public SIP server.
const SCANNERS: [&str; 7] =
    ["friendly-scanner", "sipvicious", "sipcli", "sundayddr", "VaxSIPUserAgent", "pplsip", "sip-scan"];
/// Ranges or names in one list: more than anybody keeps by hand, few enough to look at all of them for each stranger.
const LONGEST_LIST: usize = 64;

/// Which setting is out of range, and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field}: {problem}")]
pub struct SettingsError {
    /// The setting's name in the API and in the form.
    pub field: &'static str,
    /// What is wrong and what to give instead.
    pub problem: &'static str,
}

impl Settings {
    /// Refuses values the switchboard could not work with.
    pub fn check(&self) -> Result<(), SettingsError> {
        let refuse = |field, problem| Err(SettingsError { field, problem });
        if self.realm.is_empty()
            || self.realm.len() > 64
            || self.realm.bytes().any(|b| !(0x20..0x7f).contains(&b) || b == b'"' || b == b'\\')
        {
            return refuse("realm", "give 1 to 64 plain characters without quotes or backslashes");
        }
        if !(1..=12).contains(&self.devices_per_extension) {
            return refuse("devices_per_extension", "give a number from 1 to 12");
        }
        if !(5..=180).contains(&self.ring_seconds) {
            return refuse("ring_seconds", "give 5 to 180 seconds");
        }
        if !(200..=10_000).contains(&self.grace_ms) {
            return refuse("grace_ms", "give 200 to 10000 milliseconds");
        }
        if self.probe_udp_seconds != 0 && !(15..=3600).contains(&self.probe_udp_seconds) {
            return refuse("probe_udp_seconds", "give 15 to 3600 seconds, or 0 to ask never");
        }
        if !(1..=3650).contains(&self.token_unseen_days) {
            return refuse("token_unseen_days", "give 1 to 3650 days");
        }
        if self.rtp_ports.first < 1024
            || self.rtp_ports.first >= self.rtp_ports.last
            || self.rtp_ports.last - self.rtp_ports.first < 7
        {
            return refuse("rtp_ports", "give a range of at least 8 ports above 1023, for example 10000 to 20000");
        }
        if !(10..=3600).contains(&self.rtp_silence_seconds) {
            return refuse("rtp_silence_seconds", "give 10 to 3600 seconds");
        }
        if self.min_expires == 0
            || self.min_expires > self.default_expires
            || self.default_expires > self.max_expires
            || self.max_expires > 31 * 86_400
        {
            return refuse("max_expires", "the shortest, usual and longest registration must rise, up to 31 days");
        }
        self.check_defence()
    }

    fn check_defence(&self) -> Result<(), SettingsError> {
        let refuse = |field, problem| Err(SettingsError { field, problem });
        if !(3..=1000).contains(&self.block_after_failures) {
            return refuse("block_after_failures", "give a number from 3 to 1000; people mistype");
        }
        if !(1..=1440).contains(&self.block_minutes) {
            return refuse("block_minutes", "give 1 to 1440 minutes");
        }
        if self.never_block.len() > LONGEST_LIST {
            return refuse("never_block", "give at most 64 addresses; a range such as 10.0.0.0/8 counts as one");
        }
        let is_name = |name: &String| (3..=64).contains(&name.len()) && name.bytes().all(|b| (0x20..0x7f).contains(&b));
        if self.scanner_names.len() > LONGEST_LIST || !self.scanner_names.iter().all(is_name) {
            return refuse("scanner_names", "give at most 64 names of 3 to 64 plain characters");
        }
        if !(1..=10_000).contains(&self.strangers_per_second) {
            return refuse("strangers_per_second", "give 1 to 10000 requests");
        }
        Ok(())
    }
}
