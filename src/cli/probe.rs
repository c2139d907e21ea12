//! `nightbell probe`: this machine is the outside vantage point of a Nightbell elsewhere.
//!
//! It needs no configuration and no server here. The code comes from standard input or from the environment, never from the
//! command line. Nothing but the questions of the plan is sent, and only to the installation that made the code: either its
//! certificate is trusted, or it is the very one whose fingerprint the code carries.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use reqwest::Url;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use serde_json::{Value, json};
use web_admin::probe::{Plan, Report as Seen, Roots, Served, Trust, ask_all, resolve, served};
use zeroize::Zeroizing;

use super::Exit;
use super::failure::Failure;
use super::network::{self, Line, exit_of};
use super::output::{Report, clean};
use crate::app::install_crypto;

/// Where the code may be instead of standard input.
const VARIABLE: &str = "NIGHTBELL_PROBE_CODE";
/// For each of the two requests.
const WITHIN: Duration = Duration::from_secs(20);
/// Digits of the fingerprint in a code.
const PINNED: usize = 32;

#[derive(Debug, Args)]
pub(super) struct ProbeArgs {
    /// The installation, as its page says, for example https://pbx.example.com
    url: String,
    /// A file with a company's own certificate authority (PEM), trusted beside the system's
    #[arg(long, value_name = "FILE")]
    authority: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct Meaning {
    level: String,
    observations: Vec<Line>,
}

pub(super) async fn run(args: ProbeArgs) -> Result<Report, Failure> {
    install_crypto();
    let wrong = "give the address of the installation as its page says, for example https://pbx.example.com";
    let url = Url::parse(&args.url).ok().filter(|url| url.scheme() == "https").ok_or(Failure::Missing(wrong))?;
    let host = url.host_str().ok_or(Failure::Missing(wrong))?.trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().unwrap_or(443);
    let roots = Arc::new(roots(&args)?);
    let code = code()?;
    let Some((address, shown)) = reached(&host, port, &roots).await? else {
        return Ok(unreached(&host, port).await);
    };
    let fingerprint = shown.chain.first().map(|first| first.fingerprint.clone()).unwrap_or_default();
    let pin = code.split_once('.').map_or("", |(_, pin)| pin);
    let is_the_one = pin.len() == PINNED && fingerprint.starts_with(pin);
    if !is_the_one && shown.trust != Trust::Good {
        return Ok(somebody_else(&host, port, &shown));
    }
    let client = client(&host, address, fingerprint)?;
    let at = |path: &str| format!("https://{}/api/v1/port-check/{path}", authority(&host, port));
    let plan = post(&client, &at("plan"), &json!({ "code": *code })).await?;
    let odd = || {
        Failure::Probe(
            "the installation answers in a way this version does not know; bring both to the same version".to_owned(),
        )
    };
    let plan: Plan = serde_json::from_value(plan).map_err(|_| odd())?;
    let report = ask(&plan, address.ip(), shown, &roots).await;
    let answer = post(&client, &at("report"), &json!({ "check": plan.check, "report": report })).await?;
    let meaning: Meaning = serde_json::from_value(answer.clone()).map_err(|_| odd())?;
    Ok(told(&meaning, answer))
}

fn roots(args: &ProbeArgs) -> Result<Roots, Failure> {
    let mut extra: Vec<CertificateDer<'static>> = Vec::new();
    if let Some(path) = &args.authority {
        let unreadable = |source| Failure::Read { what: "the certificate authority", path: path.clone(), source };
        let pem = std::fs::read(path).map_err(unreadable)?;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            extra.push(certificate.map_err(|why| unreadable(io::Error::other(why.to_string())))?);
        }
    }
    Roots::new(extra).map_err(Failure::Probe)
}

/// From the environment, or the first line of standard input.
fn code() -> Result<Zeroizing<String>, Failure> {
    if let Ok(code) = std::env::var(VARIABLE) {
        return Ok(Zeroizing::new(code.trim().to_owned()));
    }
    let input = io::stdin();
    if input.is_terminal() {
        let mut out = io::stderr();
        // A terminal that is gone gives no code either.
        let _ = out.write_all(b"The code of the page: ").and_then(|()| out.flush());
    }
    let mut line = Zeroizing::new(String::new());
    let path = PathBuf::from("standard input");
    input.lock().read_line(&mut line).map_err(|source| Failure::Read { what: "the code", path, source })?;
    let code = Zeroizing::new(line.trim().to_owned());
    if code.is_empty() {
        return Err(Failure::Missing(
            "a code is needed: make one under System, Network check, and give it on standard input or in NIGHTBELL_PROBE_CODE",
        ));
    }
    Ok(code)
}

/// The first address of the name at which a certificate is shown; `None` when there is none.
async fn reached(host: &str, port: u16, roots: &Arc<Roots>) -> Result<Option<(SocketAddr, Served)>, Failure> {
    for ip in resolve(host).await.unwrap_or_default() {
        let address = SocketAddr::new(ip, port);
        let shown = served::look_at(address, host, roots).await;
        if !shown.chain.is_empty() {
            return Ok(Some((address, shown)));
        }
    }
    Ok(None)
}

fn client(host: &str, address: SocketAddr, fingerprint: String) -> Result<reqwest::Client, Failure> {
    let failed = |why: &dyn std::fmt::Display| Failure::Probe(format!("a connection cannot be made: {why}"));
    let tls = served::only_this(fingerprint).map_err(|why| failed(&why))?;
    let client = reqwest::Client::builder().no_proxy().https_only(true).timeout(WITHIN).resolve(host, address);
    let client = client.redirect(reqwest::redirect::Policy::none()).tls_backend_preconfigured(tls);
    client.build().map_err(|why| failed(&why))
}

async fn post(client: &reqwest::Client, url: &str, body: &Value) -> Result<Value, Failure> {
    let failed =
        |why: reqwest::Error| Failure::Probe(format!("the installation cannot be asked: {}", why.without_url()));
    let answer = client.post(url).json(body).send().await.map_err(failed)?;
    let status = answer.status();
    let value: Value = answer.json().await.unwrap_or_default();
    if status.is_success() {
        return Ok(value);
    }
    let words = value.get("detail").and_then(Value::as_str).unwrap_or("it said no more");
    Err(Failure::Probe(format!("the installation refused: {} (HTTP {})", clean(words), status.as_u16())))
}

/// Asks every port, where the name that phones use leads to.
async fn ask(plan: &Plan, reached: IpAddr, https: Served, roots: &Arc<Roots>) -> Seen {
    let addresses = resolve(&plan.host).await.unwrap_or_default();
    let places = if addresses.is_empty() { vec![reached] } else { addresses.clone() };
    let answers = ask_all(plan, &places, roots, &mut || {}).await;
    Seen { addresses, https, answers }
}

fn told(meaning: &Meaning, raw: Value) -> Report {
    let mut text: String = meaning.observations.iter().map(network::told).collect();
    text.push_str("\nThe same stands on the page of the network check.\n");
    Report::done(text, raw).ending(exit_of(&meaning.level))
}

/// What can be said without the installation.
async fn unreached(host: &str, port: u16) -> Report {
    let addresses = resolve(host).await.unwrap_or_default();
    let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let (code, text, fix) = if list.is_empty() {
        ("name_not_resolved", format!("The name {host} leads nowhere."), format!("Make a DNS record (A) for {host}."))
    } else {
        (
            "https_unreachable",
            format!("{host} leads to {}, but nobody speaks TLS there at port {port}.", list.join(", ")),
            format!("Forward TCP {port} of the router to this port of the installation, and let the firewall pass it."),
        )
    };
    alone(code, text, fix)
}

fn somebody_else(host: &str, port: u16, shown: &Served) -> Report {
    let names = shown.chain.first().map(|first| first.names.join(", ")).unwrap_or_default();
    let text = format!(
        "At {host} port {port} somebody else answers, or the certificate is bad and the code does not know it: shown is one for {names}."
    );
    let fix =
        format!("Make a new code if the certificate was changed since; else see where the router forwards TCP {port}.");
    alone("certificate_of_another", text, fix)
}

fn alone(code: &str, text: String, fix: String) -> Report {
    let shown = Line { level: "fail".to_owned(), text, fix };
    let json = json!({ "level": "fail", "observations": [
        { "level": "fail", "code": code, "text": shown.text, "fix": shown.fix }
    ] });
    Report::done(network::told(&shown), json).ending(Exit::Failure)
}

/// `host:port`, an IPv6 address in brackets.
fn authority(host: &str, port: u16) -> String {
    match host.parse::<IpAddr>() {
        Ok(address) => SocketAddr::new(address, port).to_string(),
        Err(_) => format!("{host}:{port}"),
    }
}
