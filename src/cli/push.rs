//! `nightbell push`: credentials, the switch of an extension, and a test.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Subcommand;
use pbx_core::model::{UnixMillis, WakeKind};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Exit;
use super::client::{Client, encoded};
use super::credential;
use super::device::Device;
use super::failure::Failure;
use super::output::{Report, clean};
use super::push_health;
use super::push_network;
use super::push_tokens;

/// How long an outcome is waited for; a provider that does not answer is tried again for longer than anybody watches.
const OUTCOME_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(200);

#[derive(Debug, Subcommand)]
pub(super) enum PushCommand {
    /// What Nightbell may push with
    #[command(subcommand)]
    Credential(credential::CredentialCommand),
    /// Sleeping phones of this extension are woken for calls
    Enable {
        /// Its number
        extension: String,
    },
    /// Sleeping phones of this extension are left asleep
    Disable {
        /// Its number
        extension: String,
    },
    /// Until when one phone is pushed: `app` until it is logged out, `rfc8599` only while it is registered
    Policy {
        /// The phone, as `registrations` shows it
        phone: i64,
        /// app or rfc8599
        #[arg(value_parser = ["app", "rfc8599"])]
        policy: String,
    },
    /// Every push token by its state: live, suspect, revoked, unseen, moved, replaced
    #[command(subcommand)]
    Tokens(push_tokens::TokensCommand),
    /// Which apps can be pushed, and if not, why and what to do
    Matrix,
    /// How each credential is doing, with every alarm
    Health,
    /// Whether this machine reaches its push providers, step by step, and the list for the firewall admin
    CheckNetwork,
    /// Push a test notice to every phone of an extension, and wait for the provider's answers
    Test {
        /// Its number
        extension: String,
    },
}

pub(super) async fn run(client: Client, command: PushCommand) -> Result<Report, Failure> {
    match command {
        PushCommand::Credential(command) => credential::run(&client, command).await,
        PushCommand::Enable { extension } => switch(&client, &extension, true).await,
        PushCommand::Disable { extension } => switch(&client, &extension, false).await,
        PushCommand::Policy { phone, policy } => choose_policy(&client, phone, &policy).await,
        PushCommand::Tokens(command) => push_tokens::run(&client, command).await,
        PushCommand::Matrix => push_health::matrix(&client).await,
        PushCommand::Health => push_health::health(&client).await,
        PushCommand::CheckNetwork => push_network::check(&client).await,
        PushCommand::Test { extension } => test(&client, &extension).await,
    }
}

async fn switch(client: &Client, extension: &str, enabled: bool) -> Result<Report, Failure> {
    let path = format!("/extensions/{}/push", encoded(extension));
    let answer = client.post::<Value>(&path, &json!({ "enabled": enabled })).await?;
    let word = if enabled { "on" } else { "off" };
    Ok(Report::done(format!("Push is {word} for extension {}.\n", clean(extension)), answer.raw))
}

async fn choose_policy(client: &Client, phone: i64, policy: &str) -> Result<Report, Failure> {
    let answer = client.patch::<Value>(&format!("/devices/{phone}"), &json!({ "push_policy": policy })).await?;
    let until = if policy == "app" { "until it is logged out" } else { "only while it is registered" };
    Ok(Report::done(format!("Phone {phone} is pushed {until}.\n"), answer.raw))
}

#[derive(Debug, Deserialize)]
struct Detail {
    device_list: Vec<Device>,
}

#[derive(Debug, Deserialize)]
struct Sent {
    devices: Vec<i64>,
}

/// What became of the test at one phone.
struct Outcome {
    device: Device,
    /// The provider took it; `None` while nobody has answered.
    accepted: Option<bool>,
}

async fn test(client: &Client, extension: &str) -> Result<Report, Failure> {
    let path = format!("/extensions/{}", encoded(extension));
    let before: BTreeMap<i64, UnixMillis> = client
        .get::<Detail>(&path)
        .await?
        .known
        .device_list
        .iter()
        .filter_map(|device| Some((device.id, device.last_wake.as_ref()?.at)))
        .collect();
    let sent = client.post_nothing::<Sent>(&format!("{path}/test-push")).await?.known.devices;
    let outcomes = wait(client, &path, &sent, &before).await?;
    let text: String = outcomes.iter().map(Outcome::line).collect();
    let all_well = outcomes.iter().all(|outcome| outcome.accepted == Some(true));
    let json = json!({ "extension": extension, "devices": outcomes.iter().map(Outcome::json).collect::<Vec<_>>() });
    Ok(Report::done(text, json).ending(if all_well { Exit::Ok } else { Exit::Failure }))
}

/// Looks until every phone's provider has taken the push, or the time is up; a refusal may still be followed by a retry.
async fn wait(
    client: &Client,
    path: &str,
    sent: &[i64],
    before: &BTreeMap<i64, UnixMillis>,
) -> Result<Vec<Outcome>, Failure> {
    let looking = async {
        loop {
            let outcomes = look(client, path, sent, before).await?;
            if outcomes.iter().all(|outcome| outcome.accepted == Some(true)) {
                return Ok(outcomes);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    match tokio::time::timeout(OUTCOME_WITHIN, looking).await {
        Ok(outcomes) => outcomes,
        Err(_) => look(client, path, sent, before).await,
    }
}

async fn look(
    client: &Client,
    path: &str,
    sent: &[i64],
    before: &BTreeMap<i64, UnixMillis>,
) -> Result<Vec<Outcome>, Failure> {
    let detail = client.get::<Detail>(path).await?.known;
    let outcome = |device: Device| {
        let fresh = device.last_wake.as_ref().filter(|wake| {
            wake.kind == WakeKind::Test && before.get(&device.id).is_none_or(|before| wake.at > *before)
        });
        let accepted = fresh.map(|wake| wake.accepted);
        Outcome { device, accepted }
    };
    Ok(detail.device_list.into_iter().filter(|device| sent.contains(&device.id)).map(outcome).collect())
}

impl Outcome {
    fn words(&self) -> String {
        match (self.accepted, &self.device.last_wake) {
            (Some(_), Some(wake)) => wake.outcome.clone(),
            (Some(_) | None, _) => "no answer from the provider yet; see `nightbell registrations` later".to_owned(),
        }
    }

    fn line(&self) -> String {
        format!("{}\n", clean(&format!("phone {} ({}): {}", self.device.id, self.device.name(), self.words())))
    }

    fn json(&self) -> Value {
        json!({ "id": self.device.id, "accepted": self.accepted, "outcome": self.words() })
    }
}
