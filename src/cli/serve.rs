//! `nightbell serve`: the server in this process, until a signal ends it.

use pbx_core::model::UnixMillis;
use serde_json::{Value, json};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::config_check::list;
use super::failure::Failure;
use super::output::{self, Report, time};
use super::{Exit, Place};
use crate::app::{App, AppError};
use crate::config::Config;
use crate::{logging, service};

pub(super) fn run(place: &Place, json: bool) -> Result<Report, Failure> {
    let config = place.load()?;
    config.check()?;
    logging::start(&config);
    let open_files = pbx_core::net::raise_open_files();
    match &open_files {
        Ok(limit) => tracing::debug!(limit, "open files"),
        Err(error) => tracing::warn!(%error, "the limit of open files could not be raised; many phones may not fit"),
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::Runtime)?;
    let served = runtime.block_on(serve(&config, json));
    // After a second signal tasks may still be at work; nothing waits for them.
    runtime.shutdown_background();
    served
}

/// Serves until a signal; a restored backup ends one run and begins the next in this same process.
async fn serve(config: &Config, json: bool) -> Result<Report, Failure> {
    let mut signals = Signals::new()?;
    loop {
        if let Some(report) = run_once(config, &mut signals, json).await? {
            return Ok(report);
        }
    }
}

/// One run; none when another is to follow.
async fn run_once(config: &Config, signals: &mut Signals, json: bool) -> Result<Option<Report>, Failure> {
    let mut app = App::start(config).await?;
    let link = setup_link(&app).await?;
    announce(config, &app, link.as_ref(), json);
    service::ready(&format!("serving {}", app.base_url));
    let watchdog = tokio::spawn(service::watchdog(app.switchboard.clone()));
    let restart = app.restart_wanted();
    let restarts = tokio::select! {
        name = signals.next() => {
            tracing::info!(signal = name, "stopping: calls end, then everything is saved");
            service::stopping();
            event("stopping", json);
            false
        }
        () = restart => {
            tracing::info!("a restored backup waits: calls end, then it takes the place of what is here");
            service::restarting();
            event("restarting", json);
            true
        }
        () = app.driver_ended() => {
            // Stopping what is left flushes the log and the database.
            app.stop().await;
            return Err(Failure::Ended);
        }
    };
    watchdog.abort();
    let (text, what, exit) = tokio::select! {
        () = app.stop() => if restarts { return Ok(None) } else { ("Nightbell has stopped.\n".to_owned(), "stopped", Exit::Ok) },
        name = signals.next() => {
            (format!("Nightbell was ended by a second {name}; calls were cut.\n"), "cut", Exit::Failure)
        }
    };
    event(what, json);
    Ok(Some(Report::done(text, Value::Null).ending(exit)))
}

/// One line for scripts.
fn event(name: &str, json: bool) {
    if json {
        output::print(&format!("{}\n", json!({ "event": name })));
    }
}

/// SIGTERM (systemd, containers) and SIGINT (Ctrl-C).
#[derive(Debug)]
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn new() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(Failure::Runtime);
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// Waits for the next one; its name.
    pub(super) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// A link for the first admin, while there is none.
async fn setup_link(app: &App) -> Result<Option<web_admin::setup::SetupLink>, AppError> {
    if web_admin::setup::is_set_up(&app.store).await? {
        return Ok(None);
    }
    Ok(Some(web_admin::setup::setup_link(&app.store, &app.base_url).await?))
}

fn announce(config: &Config, app: &App, link: Option<&web_admin::setup::SetupLink>, json: bool) {
    if json {
        output::print(&format!("{}\n", started(config, app, link)));
        return;
    }
    let phones: String = [("UDP", &app.sip_udp), ("TCP", &app.sip_tcp), ("TLS", &app.sip_tls)]
        .into_iter()
        .filter(|(_, addresses)| !addresses.is_empty())
        .map(|(transport, addresses)| format!("  phones    {transport} {}\n", list(addresses)))
        .collect();
    let mut text = format!(
        "Nightbell {} runs.\n{phones}  browsers  {} (listens at {})\n  data      {}\n",
        env!("CARGO_PKG_VERSION"),
        app.base_url,
        app.https,
        config.data_dir.display()
    );
    if let Some(link) = link {
        text += &first_admin(&link.url, link.expires_at);
    }
    output::print(&text);
}

fn first_admin(url: &str, expires_at: UnixMillis) -> String {
    format!(
        "\nThere is no admin account yet. Make the first one here (works once, until {}):\n\n  {url}\n\n\
         The browser will warn about the certificate, because Nightbell has made it itself.\n",
        time(expires_at)
    )
}

/// One line for scripts: the addresses as bound, so that port 0 can be used.
fn started(config: &Config, app: &App, link: Option<&web_admin::setup::SetupLink>) -> Value {
    json!({
        "event": "started",
        "version": env!("CARGO_PKG_VERSION"),
        "sip": { "udp": app.sip_udp, "tcp": app.sip_tcp, "tls": app.sip_tls },
        "https": app.https,
        "public_url": app.base_url,
        "data_dir": config.data_dir,
        "socket": config.socket_path(),
        "setup_link": link.map(|link| json!({ "url": link.url, "expires_at": link.expires_at })),
    })
}
