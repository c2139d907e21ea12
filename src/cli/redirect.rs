//! `nightbell redirect`: the redirect service, a key for a PBX, and registering a code with one.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::failure::Failure;
use super::output::{self, Report, clean};
use super::serve::Signals;
use crate::app::{AppError, install_crypto};
use crate::redirect;

#[derive(Debug, Subcommand)]
pub(super) enum RedirectCommand {
    /// Run the service until it is stopped
    Serve(ServeArgs),
    /// Make a key for a PBX, and the line for pbxes.toml
    Key {
        /// Host and, unless it is 443, port of the PBX
        host: String,
    },
    /// Register a code for this PBX; the key is read from a file
    Register(RegisterArgs),
}

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Where pbxes.toml, codes.json and the certificate (tls/cert.pem, tls/key.pem) are
    folder: PathBuf,
    /// The name of the service
    #[arg(long)]
    host: String,
    /// Where to listen
    #[arg(long, default_value = "0.0.0.0:443")]
    listen: SocketAddr,
}

#[derive(Debug, Args)]
pub(super) struct RegisterArgs {
    /// The service, for example https://r.example.com
    service: String,
    /// The code: 4 to 32 letters, digits and hyphens
    code: String,
    /// Where this PBX is reached, for example https://pbx.example.com
    pbx: String,
    /// A file with the key
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
    /// A file with the service's own certificate authority (PEM)
    #[arg(long, value_name = "FILE")]
    authority: Option<PathBuf>,
}

pub(super) fn run(command: RedirectCommand) -> Result<Report, Failure> {
    match command {
        RedirectCommand::Key { host } => key(&host),
        RedirectCommand::Serve(args) => {
            install_crypto();
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::Runtime)?;
            runtime.block_on(serve(args))
        }
        RedirectCommand::Register(args) => {
            install_crypto();
            super::ask(register(args))
        }
    }
}

fn key(host: &str) -> Result<Report, Failure> {
    let (key, hash) = redirect::new_key().ok_or(Failure::Start(AppError::Random))?;
    let text = format!(
        "The key, for the PBX only (shown only now):\n  {key}\n\nFor pbxes.toml of the service:\n  [[pbx]]\n  host = \"{}\"\n  key_sha256 = \"{hash}\"\n",
        clean(host)
    );
    Ok(Report::done(text, json!({ "key": key, "host": host, "key_sha256": hash })))
}

async fn serve(args: ServeArgs) -> Result<Report, Failure> {
    let router = redirect::router(&args.folder).map_err(|error| Failure::Redirect(error.to_string()))?;
    let failed = |error: &dyn std::fmt::Display| Failure::Redirect(error.to_string());
    let certificate = web_admin::tls::load_or_make(&args.folder, &args.host).map_err(|error| failed(&error))?;
    let config = certificate.https_config().map_err(|error| failed(&error))?;
    let listener = TcpListener::bind(args.listen).map_err(|error| {
        Failure::Redirect(format!(
            "the service cannot listen on {}: {error}; choose another address with --listen",
            args.listen
        ))
    })?;
    let bound = listener.local_addr().map_err(|error| failed(&error))?;
    output::print(&format!("The redirect service listens at https://{bound}.\n"));
    let mut signals = Signals::new()?;
    let stopped = async move {
        signals.next().await;
    };
    web_admin::serve_https(listener, config, router, stopped).await.map_err(|error| failed(&error))?;
    Ok(Report::done("The redirect service has stopped.\n", json!({ "event": "stopped" })))
}

async fn register(args: RegisterArgs) -> Result<Report, Failure> {
    let read = |what, path: &PathBuf| {
        std::fs::read_to_string(path).map_err(|source| Failure::Read { what, path: path.clone(), source })
    };
    let failed = |error: &dyn std::fmt::Display| Failure::Redirect(error.to_string());
    let key = read("the key", &args.key_file)?;
    let mut client = reqwest::Client::builder().https_only(true).redirect(reqwest::redirect::Policy::none());
    if let Some(path) = &args.authority {
        let pem = read("the certificate authority", path)?;
        let authority = reqwest::Certificate::from_pem(pem.as_bytes()).map_err(|error| failed(&error))?;
        client = client.tls_certs_only([authority]);
    }
    let url = format!("{}/api/codes/{}", args.service.trim_end_matches('/'), super::client::encoded(&args.code));
    let request = client.build().map_err(|error| failed(&error))?.put(url).bearer_auth(key.trim());
    let answer =
        request.body(json!({ "pbx": args.pbx }).to_string()).send().await.map_err(|error| {
            Failure::Redirect(format!("the redirect service cannot be asked: {}", error.without_url()))
        })?;
    let status = answer.status();
    if status.is_success() {
        let link = format!("{}/{}", args.service.trim_end_matches('/'), args.code);
        return Ok(Report::done(
            format!("{} leads to {}.\n", clean(&link), clean(&args.pbx)),
            json!({ "link": link, "pbx": args.pbx }),
        ));
    }
    let words = answer.text().await.unwrap_or_default();
    Err(Failure::Redirect(format!("the redirect service refused: {} (HTTP {})", words.trim(), status.as_u16())))
}
