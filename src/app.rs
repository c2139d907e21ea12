//! The only file where the crates meet: queues and tasks on one screen.
//!
//! ```text
//!  phones ── driver ──> Switchboard ──> wakes ──> Gateway ──> APNs, FCM
//!              ^             |            reports ──┘ (one more input)
//!              |             +──> saves ──> store::Writer ──> saved ──┘
//!  browsers ── web-admin ── commands ──┘
//! ```

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use pbx_core::handle::{self, SwitchboardHandle};
use pbx_core::media::echo::Echo;
use pbx_core::media::relay::RelayConfig;
use pbx_core::model::{CallId, PushOffer, PushProvider, UnixMillis, WakeReport, WakeRequest};
use pbx_core::net::{
    Bound, Channels, Counters, Driver, DriverConfig, SAVE_QUEUE, SAVED_QUEUE, STOP_WAKES_QUEUE, StartError, Stopper,
    StreamLimits, TlsIdentity, WAKE_QUEUE, WAKE_REPORT_QUEUE,
};
use pbx_core::store::{KeptWakes, Store, StoreError, Writer};
use pbx_core::switchboard::command::{Command, CommandError};
use pbx_core::switchboard::{Switchboard, SwitchboardConfig};
use provisioning::Enrolments;
use push_module::{Gateway, GatewayInput};
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use web_admin::{AdminState, UnixDoor};

use crate::config::Config;

/// How long calls may take to end when Nightbell stops.
const DRAIN: Duration = Duration::from_secs(5);
/// How often the wake times are kept; a crash costs what came since.
const KEEP_WAKE_TIMES: Duration = Duration::from_secs(60);
/// After a busy switchboard could not be told about a push credential.
const TELL_AGAIN: Duration = Duration::from_secs(1);

/// Why Nightbell did not start; nothing is left running.
#[derive(Debug, Error)]
pub enum AppError {
    /// The data directory cannot be made.
    #[error(
        "the data directory {path} cannot be made: {source}; choose another one (data_dir in config.toml) or make it writable for this user"
    )]
    DataDir {
        /// Which.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// SIP listeners or the relay.
    #[error(transparent)]
    Sip(#[from] StartError),
    /// The certificate.
    #[error(transparent)]
    Certificate(#[from] web_admin::tls::TlsError),
    /// The web server's port.
    #[error(
        "the web server cannot listen on {address}: {source}; stop the program that uses the port, or choose another under [https] in config.toml"
    )]
    Https {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The admin socket.
    #[error(
        "the admin socket {path} cannot be made: {source}; choose a data directory with a shorter path on a local disk (data_dir in config.toml)"
    )]
    Socket {
        /// Where.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The push side.
    #[error(transparent)]
    Push(#[from] push_module::GatewayError),
    /// The setup link.
    #[error(transparent)]
    Setup(#[from] web_admin::setup::SetupError),
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    Random,
}

/// A running Nightbell.
#[derive(Debug)]
pub struct App {
    /// UDP addresses, as bound.
    pub sip_udp: Vec<SocketAddr>,
    /// TCP addresses, as bound.
    pub sip_tcp: Vec<SocketAddr>,
    /// TLS addresses, as bound.
    pub sip_tls: Vec<SocketAddr>,
    /// The web server's address, as bound.
    pub https: SocketAddr,
    /// What links begin with.
    pub base_url: String,
    /// The certificate in use, PEM.
    pub certificate: web_admin::tls::LiveCertificate,
    /// Commands to the switchboard.
    pub switchboard: SwitchboardHandle,
    /// The database.
    pub store: Store,
    /// The push side.
    pub push: Gateway,
    /// Enrolment links.
    pub enrolments: Enrolments,
    desk_phones: provisioning::desk_phones::DeskPhones,
    backups: web_admin::Backups,
    stopper: Stopper,
    /// Gone once its news has been heard.
    ended: Option<tokio::sync::oneshot::Receiver<()>>,
    web_stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    writer: Writer,
}

impl App {
    /// Starts everything; returns once phones, browsers and local commands are served.
    pub async fn start(config: &Config) -> Result<Self, AppError> {
        install_crypto();
        make_data_dir(config)?;
        let store = Store::open_at(&config.data_dir, config.database_url.as_ref()).await?;
        let restored = store.load().await?;
        let certificate = web_admin::tls::load_or_make(&config.data_dir, &config.public_host)?;
        web_admin::adopt_certificate(&store, &certificate).await;
        let https = TcpListener::bind(config.https.listen)
            .and_then(|listener| Ok((listener.local_addr()?, listener)))
            .map_err(|source| AppError::Https { address: config.https.listen, source })?;

        let (switchboard, switchboard_end) = handle::connect();
        let (wakes, wakes_out) = mpsc::channel(WAKE_QUEUE);
        let (stop_wakes, stop_wakes_out) = mpsc::channel(STOP_WAKES_QUEUE);
        let (reports, wake_reports) = mpsc::channel(WAKE_REPORT_QUEUE);
        let (saves, save_jobs) = mpsc::channel(SAVE_QUEUE);
        let (saved_in, saved) = mpsc::channel(SAVED_QUEUE);
        let channels = Channels { switchboard: switchboard_end, wakes, stop_wakes, wake_reports, saves, saved };

        let writer = Writer::start(store.clone(), save_jobs, saved_in);
        let (push, push_tasks) = start_push(&store, wakes_out, stop_wakes_out, reports).await?;
        let base_url = config.base_url(https.0.port());
        let offer = push.offer();
        let echo = Echo::bind().await.inspect_err(|error| tracing::warn!(%error, "test calls have no echo")).ok();
        let told = Told { base_url: &base_url, push: offer.borrow().clone(), echo: echo.as_ref().map(Echo::address) };
        let bound = start_driver(config, &certificate, restored, channels, told)?;
        let public = public_info(config, &bound, &base_url);
        let enrolments = Enrolments::new(store.clone(), switchboard.clone(), public, push.offer());
        let site = site(config, &bound, (&base_url, https.0), &certificate);
        let state = AdminState::new(switchboard.clone(), store.clone(), push.clone(), enrolments.clone(), site);
        let desk_phones = state.desk_phones();
        desk_phones.load().await?;
        let backups = state.backups();
        state.begin().await;
        let (web_stop, stopping) = watch::channel(false);
        let mut tasks = push_tasks;
        tasks.push(tokio::spawn(state.mailer().run(stopped(stopping.clone()))));
        tasks.push(tokio::spawn(web_admin::make_backups(backups.clone(), stopped(stopping.clone()))));
        tasks.push(tokio::spawn(until_stopped(state.run_update_notice(), stopped(stopping.clone()))));
        tasks.push(tokio::spawn(state.acme().run(stopped(stopping.clone()))));
        tasks.push(tokio::spawn(state.run_event_webhooks(stopped(stopping.clone()))));
        tasks.push(tokio::spawn(keep_wake_times(store.clone(), bound.counters.clone(), stopped(stopping.clone()))));
        tasks.push(tokio::spawn(tell_offer(offer, switchboard.clone(), stopping.clone())));
        tasks.extend(echo.map(|echo| tokio::spawn(until_stopped(echo.run(), stopped(stopping.clone())))));
        tasks.extend(start_web(config, state, &certificate, &enrolments, (https.1, stopping))?);
        Ok(Self {
            sip_udp: bound.udp,
            sip_tcp: bound.tcp,
            sip_tls: bound.tls,
            https: https.0,
            base_url,
            certificate,
            switchboard,
            store,
            push,
            enrolments,
            desk_phones,
            backups,
            stopper: bound.stopper,
            ended: Some(bound.ended),
            web_stop,
            tasks,
            writer,
        })
    }

    /// Desk phones.
    pub const fn desk_phones(&self) -> &provisioning::desk_phones::DeskPhones {
        &self.desk_phones
    }

    /// Completes when a restored backup waits for this Nightbell to stop and another to be started.
    pub fn restart_wanted(&self) -> impl Future<Output = ()> + use<> {
        let backups = self.backups.clone();
        async move { backups.restart_wanted().await }
    }

    /// Stops in order: no new calls, calls end, pages close, pushes flush, the database closes.
    pub async fn stop(self) {
        self.stopper.stop();
        if let Some(ended) = self.ended {
            let _ = ended.await;
        }
        self.web_stop.send_replace(true);
        for task in self.tasks {
            // A task that panicked has said so in the log already.
            let _ = task.await;
        }
        if let Err(error) = self.desk_phones.flush().await {
            tracing::warn!(%error, "what desk phones fetched last could not be written down");
        }
        self.writer.drained().await;
        self.store.close().await;
    }

    /// Completes when the driver has ended by itself, which only a bug can cause.
    pub async fn driver_ended(&mut self) {
        if let Some(ended) = &mut self.ended {
            let _ = ended.await;
            self.ended = None;
        }
    }
}

/// Installs the one crypto provider; a second call changes nothing.
pub fn install_crypto() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

fn make_data_dir(config: &Config) -> Result<(), AppError> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&config.data_dir)
        .map_err(|source| AppError::DataDir { path: config.data_dir.clone(), source })
}

async fn start_push(
    store: &Store,
    mut wakes: mpsc::Receiver<WakeRequest>,
    mut stop_wakes: mpsc::Receiver<CallId>,
    reports: mpsc::Sender<WakeReport>,
) -> Result<(Gateway, Vec<JoinHandle<()>>), AppError> {
    let (orders, orders_out) = mpsc::channel(WAKE_QUEUE);
    let (push, gateway) = Gateway::start(store.clone(), orders_out, reports).await?;
    // Wakes first: a stop never overtakes the wake it is for.
    let pump = tokio::spawn(async move {
        loop {
            let order = tokio::select! {
                biased;
                Some(wake) = wakes.recv() => GatewayInput::Wake(wake),
                Some(call) = stop_wakes.recv() => GatewayInput::StopWakes(call),
                else => return,
            };
            if orders.send(order).await.is_err() {
                return;
            }
        }
    });
    Ok((push, vec![pump, gateway]))
}

/// Goes on from the wake times of before, and keeps them for the next start.
async fn keep_wake_times(store: Store, counters: Arc<Counters>, stopped: impl Future<Output = ()>) {
    match store.wake_times().await {
        Ok(kept) => {
            for one in &kept {
                counters.wakes.restore(one.provider, (one.ordered, one.sum_ms), &one.counts);
            }
        }
        Err(error) => tracing::warn!(%error, "the wake times of before cannot be read and begin anew"),
    }
    let mut stopped = std::pin::pin!(stopped);
    let mut saved = (counters.wakes.took(), counters.wakes.ordered());
    loop {
        let last = tokio::select! {
            () = &mut stopped => true,
            () = tokio::time::sleep(KEEP_WAKE_TIMES) => false,
        };
        let (took, ordered) = (counters.wakes.took(), counters.wakes.ordered());
        if (&took, &ordered) != (&saved.0, &saved.1) {
            let one = |(provider, ordered): (&PushProvider, &u64)| {
                let took = took.get(provider).copied().unwrap_or_default();
                let (provider, ordered) = (*provider, *ordered);
                KeptWakes { provider, ordered, sum_ms: took.sum_ms, counts: took.counts.to_vec() }
            };
            if let Err(error) = store.put_wake_times(&ordered.iter().map(one).collect::<Vec<_>>()).await {
                tracing::warn!(%error, "the wake times cannot be kept");
            }
            saved = (took, ordered);
        }
        if last {
            return;
        }
    }
}

/// Tells the switchboard what phones can be woken with, whenever that changes.
async fn tell_offer(
    mut offer: watch::Receiver<PushOffer>,
    switchboard: SwitchboardHandle,
    mut stopping: watch::Receiver<bool>,
) {
    loop {
        let known = offer.borrow_and_update().clone();
        let told = switchboard.ask(Command::SetPushOffer(known)).await;
        let again = matches!(told, Err(CommandError::Busy));
        tokio::select! {
            changed = offer.changed() => if changed.is_err() { return },
            // A full queue of commands empties by itself.
            () = tokio::time::sleep(TELL_AGAIN), if again => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
    }
}

/// What the switchboard is told of the rest.
struct Told<'a> {
    base_url: &'a str,
    push: PushOffer,
    echo: Option<SocketAddr>,
}

/// Under which name and where this installation serves.
fn site(
    config: &Config,
    bound: &Bound,
    (base_url, https): (&str, SocketAddr),
    certificate: &web_admin::tls::LiveCertificate,
) -> web_admin::Site {
    let surroundings = web_admin::Surroundings {
        udp: bound.udp.clone(),
        tcp: bound.tcp.clone(),
        tls: bound.tls.clone(),
        https: Some(https),
        public_ip: config.public_ip,
        data_dir: config.data_dir.clone(),
        port_check: bound.port_check.clone(),
        ladders: bound.ladders.clone(),
    };
    web_admin::Site {
        public_url: base_url.to_owned(),
        certificate: certificate.clone(),
        listen: https,
        version: env!("CARGO_PKG_VERSION"),
        started_at: wall_clock(),
        log: crate::logging::door(config),
        counters: bound.counters.clone(),
        surroundings,
    }
}

async fn until_stopped(running: impl Future<Output = ()>, stopped: impl Future<Output = ()>) {
    tokio::select! {
        () = running => {}
        () = stopped => {}
    }
}

fn start_driver(
    config: &Config,
    certificate: &web_admin::tls::LiveCertificate,
    restored: pbx_core::switchboard::output::Restored,
    channels: Channels,
    told: Told<'_>,
) -> Result<Bound, AppError> {
    let mut seed = [0u8; 32];
    getrandom::fill(&mut seed).map_err(|_| AppError::Random)?;
    let relay = RelayConfig::new(
        restored.settings.rtp_ports,
        Duration::from_secs(u64::from(restored.settings.rtp_silence_seconds)),
    );
    let switchboard = SwitchboardConfig {
        domains: vec![config.public_host.clone()],
        public_ip: config.public_ip,
        public_url: Some(told.base_url.trim_end_matches('/').to_owned()),
        echo: told.echo,
        push: told.push,
        seed,
    };
    let driver = DriverConfig {
        udp: config.sip.udp.clone(),
        tcp: config.sip.tcp.clone(),
        tls: config.sip.tls.clone(),
        tls_identity: Some(TlsIdentity::new(certificate.sip_config()?)),
        limits: StreamLimits::default(),
        relay,
        drain: DRAIN,
    };
    Ok(Driver::start(driver, move |now| Switchboard::restore(switchboard, restored, now), channels)?)
}

fn public_info(config: &Config, bound: &Bound, base_url: &str) -> provisioning::PublicInfo {
    let port = |addresses: &[SocketAddr]| addresses.first().map(SocketAddr::port);
    provisioning::PublicInfo {
        https_base_url: base_url.to_owned(),
        sip_domain: config.public_host.clone(),
        sip_host: config.public_host.clone(),
        sip_ports: provisioning::SipPorts { udp: port(&bound.udp), tcp: port(&bound.tcp), tls: port(&bound.tls) },
    }
}

fn start_web(
    config: &Config,
    state: AdminState,
    certificate: &web_admin::tls::LiveCertificate,
    enrolments: &Enrolments,
    (listener, stopping): (TcpListener, watch::Receiver<bool>),
) -> Result<Vec<JoinHandle<()>>, AppError> {
    let phones = state.desk_phones();
    let open = Router::new().nest("/p", enrolments.routes()).nest("/d", phones.routes());
    let router = web_admin::router(state.clone()).merge(web_admin::bounded(open));
    let factory = web_admin::keep_factory_door(phones, certificate.clone(), config.https.listen.ip(), stopping.clone());
    let https = web_admin::serve_https(listener, certificate.https_config()?, router, stopped(stopping.clone()));
    let path = config.socket_path();
    let door = UnixDoor::bind(&path).map_err(|source| AppError::Socket { path, source })?;
    let local = web_admin::local_router(state);
    let unix_stop = stopped(stopping.clone());
    let follow = certificate.clone().follow();
    Ok(vec![
        tokio::spawn(factory),
        tokio::spawn(async move {
            if let Err(error) = https.await {
                tracing::error!(%error, "the web server has stopped");
            }
        }),
        tokio::spawn(async move {
            if let Err(error) = door.serve(local, unix_stop).await {
                tracing::error!(%error, "the admin socket has stopped");
            }
        }),
        tokio::spawn(async move {
            tokio::select! {
                () = follow => {}
                () = stopped(stopping) => {}
            }
        }),
    ])
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    // The sender is kept by the App, so an error means that it is gone: stop as well.
    let _ = stopping.wait_for(|stop| *stop).await;
}

#[expect(
    clippy::disallowed_methods,
    reason = "the wiring reads the wall clock once, for the time of a start or a restore"
)]
pub(crate) fn wall_clock() -> UnixMillis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
