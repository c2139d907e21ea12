//! `nightbell diagnose`: what is wrong with calls, by what people say.

use clap::{Args, ValueEnum};
use serde::Deserialize;

use super::Exit;
use super::client::{Client, encoded};
use super::failure::Failure;
use super::output::{Report, clean};

/// What people say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Complaint {
    /// A phone cannot sign in
    LoginFails,
    /// Nobody hears anything
    NoSound,
    /// Only one of both is heard
    SoundOneWay,
    /// Calls end by themselves
    CallDrops,
    /// A sleeping phone does not ring
    PhoneDoesNotWake,
}

impl Complaint {
    const fn as_str(self) -> &'static str {
        match self {
            Self::LoginFails => "login_fails",
            Self::NoSound => "no_sound",
            Self::SoundOneWay => "sound_one_way",
            Self::CallDrops => "call_drops",
            Self::PhoneDoesNotWake => "phone_does_not_wake",
        }
    }
}

/// What is asked.
#[derive(Debug, Args)]
pub(super) struct Question {
    /// What people say
    complaint: Complaint,
    /// Only this extension
    #[arg(long, value_name = "NUMBER")]
    extension: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Answer {
    level: String,
    findings: Vec<Finding>,
    to_check: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Finding {
    level: String,
    code: String,
    text: String,
    fix: String,
}

/// Exit codes as `doctor`: 0 nothing found, 3 something to look at, 1 a problem.
pub(super) async fn run(client: &Client, question: &Question) -> Result<Report, Failure> {
    let mut path = format!("/diagnosis?complaint={}", question.complaint.as_str());
    if let Some(extension) = &question.extension {
        path.push_str(&format!("&extension={}", encoded(extension)));
    }
    let answer = client.get::<Answer>(&path).await?;
    let exit = match answer.known.level.as_str() {
        "ok" => Exit::Ok,
        "warn" => Exit::Degraded,
        _ => Exit::Failure,
    };
    let mut text: String = answer.known.findings.iter().map(told).collect();
    if answer.known.findings.is_empty() {
        text.push_str("Nothing that explains it was seen from here.\n");
    }
    text.push_str("\nTo look at yourself:\n");
    for line in &answer.known.to_check {
        text.push_str(&format!("- {}\n", clean(line)));
    }
    Ok(Report::done(text, answer.raw).ending(exit))
}

fn told(finding: &Finding) -> String {
    let word = match finding.level.as_str() {
        "ok" => "good",
        "warn" => "to do",
        _ => "problem",
    };
    format!("{word:<8} {} [{}]\n         {}\n", clean(&finding.text), clean(&finding.code), clean(&finding.fix))
}
