//! The two doors: HTTPS for everybody, a Unix socket for the owner on the machine itself.

mod slots;

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use axum::middleware::AddExtension;
use axum::serve::Listener;
use axum_server::accept::Accept;
use axum_server::service::SendService;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tower_http::timeout::TimeoutLayer;

pub(crate) use self::slots::{Held, Slots};

/// A request's head must be there by then; slower clients only hold connections.
const HEAD_WITHIN: Duration = Duration::from_secs(15);
/// How long open requests may take when Nightbell stops; event streams never end by themselves.
const FINISH_WITHIN: Duration = Duration::from_secs(5);
/// Requests at once on one connection.
const STREAMS: u32 = 64;
/// Pause after an accept that failed, so that a shortage of file descriptors does not spin.
const PAUSE: Duration = Duration::from_millis(100);

/// Whoever has not signed in gets an answer by then, or has none: a body that never comes holds no connection.
const OPEN_WITHIN: Duration = Duration::from_secs(60);

/// Serves `router` over HTTPS on a bound listener until `shutdown` is done.
pub async fn serve_https(
    listener: TcpListener,
    config: Arc<ServerConfig>,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    serve_with(listener, acceptor(config), router, shutdown).await
}

/// The same without TLS, for what is no secret: a certificate authority asks for an answer.
pub(crate) async fn serve_plain(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    serve_with(listener, Slots::default(), router, shutdown).await
}

/// Serves connections as `acceptor` takes them.
pub(crate) async fn serve_with<A>(
    listener: TcpListener,
    acceptor: A,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()>
where
    A: Accept<TcpStream, Routed> + Clone + Send + Sync + 'static,
    A::Stream: AsyncRead + AsyncWrite + Unpin + Send,
    A::Service: SendService<Request<Incoming>> + Send,
    A::Future: Send,
{
    listener.set_nonblocking(true)?;
    let handle = axum_server::Handle::<SocketAddr>::new();
    let mut server = axum_server::from_tcp(listener)?.acceptor(acceptor).handle(handle.clone());
    limit(server.http_builder());
    let stop = stop_by(handle, shutdown);
    let served = server.serve(router.into_make_service_with_connect_info::<SocketAddr>()).await;
    stop.abort();
    served
}

/// What serves one connection.
type Routed = AddExtension<Router, ConnectInfo<SocketAddr>>;

/// TLS behind a count of connections.
pub(crate) fn acceptor(config: Arc<ServerConfig>) -> RustlsAcceptor<Slots> {
    RustlsAcceptor::new(RustlsConfig::from_config(config)).acceptor(Slots::default())
}

/// Puts an end to every request of a router that strangers reach.
pub fn bounded(router: Router) -> Router {
    router.layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, OPEN_WITHIN))
}

/// Listens at this address and port. For all addresses that is IPv6 with IPv4 in it, if there is IPv6.
pub(crate) fn bind(ip: IpAddr, port: u16) -> io::Result<TcpListener> {
    if ip.is_unspecified() {
        return TcpListener::bind((Ipv6Addr::UNSPECIFIED, port))
            .or_else(|_| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)));
    }
    TcpListener::bind((ip, port))
}

fn limit(builder: &mut Builder<TokioExecutor>) {
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
}

fn stop_by(
    handle: axum_server::Handle<SocketAddr>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        shutdown.await;
        handle.graceful_shutdown(Some(FINISH_WITHIN));
    })
}

/// A bound Unix socket (mode 0600) at which only our own user and root are let in.
#[derive(Debug)]
pub struct UnixDoor {
    listener: OwnersOnly,
    path: PathBuf,
}

impl UnixDoor {
    /// Binds the socket; commands may come from now on. One left behind by a crash is replaced.
    pub fn bind(path: &Path) -> io::Result<Self> {
        match std::fs::remove_file(path) {
            Ok(()) => {}
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        let owner = std::fs::metadata(path)?.uid();
        Ok(Self { listener: OwnersOnly { listener, owner }, path: path.to_owned() })
    }

    /// Serves `router` until `shutdown` is done, then removes the socket.
    pub async fn serve(self, router: Router, shutdown: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        let (stopping, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = axum::serve(self.listener, router).with_graceful_shutdown(async move {
            shutdown.await;
            drop(stopping);
        });
        let deadline = async move {
            let _ = stopped.await;
            tokio::time::sleep(FINISH_WITHIN).await;
        };
        let served = tokio::select! {
            served = serving => served,
            () = deadline => Ok(()),
        };
        let _ = std::fs::remove_file(&self.path);
        served
    }
}

/// Accepts connections of our own user and of root; the mode of the socket alone would leave a gap while it is made.
#[derive(Debug)]
struct OwnersOnly {
    listener: UnixListener,
    owner: u32,
}

impl Listener for OwnersOnly {
    type Io = UnixStream;
    type Addr = tokio::net::unix::SocketAddr;

    async fn accept(&mut self) -> (UnixStream, tokio::net::unix::SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => match stream.peer_cred() {
                    Ok(peer) if peer.uid() == self.owner || peer.uid() == 0 => return (stream, address),
                    Ok(peer) => {
                        tracing::warn!(uid = peer.uid(), "somebody else tried the admin socket and was refused")
                    }
                    Err(error) => tracing::warn!(%error, "a connection to the admin socket did not say who it is"),
                },
                Err(error) => {
                    tracing::warn!(%error, "the admin socket could not accept a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<tokio::net::unix::SocketAddr> {
        self.listener.local_addr()
    }
}

#[cfg(test)]
mod tests;
