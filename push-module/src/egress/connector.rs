//! Opens connections for the HTTP client: the [`way`](super::way) to a place, walked within the time of a push.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;
use tower_service::Service;

use super::Hindrance;
use super::proxy::LiveProxy;
use super::tls::Securing;
use super::way::{Limit, Opened, Way, WayError};
use crate::provider::guard::Guard;

/// Within one attempt (3 s) there must be time left to answer.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(2500);

impl fmt::Display for WayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blocked(blocked) => write!(f, "it leads to {blocked}"),
            Self::Hindered(Hindrance { text, fix, .. }) => write!(f, "{text}; {fix}"),
        }
    }
}

impl std::error::Error for WayError {}

/// Opens connections; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    pub(crate) proxy: LiveProxy,
    pub(crate) guard: Option<Guard>,
    pub(crate) securing: Securing,
}

impl Service<Uri> for Connector {
    type Response = Line;
    type Error = WayError;
    type Future = Pin<Box<dyn Future<Output = Result<Line, WayError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), WayError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move {
            let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
            let plain = uri.scheme_str() == Some("http");
            let proxies = connector.proxy.settings();
            let way = Way {
                host,
                port: uri.port_u16().unwrap_or(if plain { 80 } else { 443 }),
                plain,
                proxies: &proxies,
                guard: connector.guard.as_ref(),
                securing: &connector.securing,
                limit: Limit::Until(Instant::now() + CONNECT_TIMEOUT),
            };
            way.walk(&mut |_| {}).await.map(Line::new)
        })
    }
}

/// A connection as the HTTP client wants it.
#[derive(Debug)]
pub(crate) enum Line {
    Plain(TokioIo<TcpStream>),
    Secure(TokioIo<Box<TlsStream<TcpStream>>>),
}

impl Line {
    fn new(opened: Opened) -> Self {
        match opened {
            Opened::Plain(stream) => Self::Plain(TokioIo::new(stream)),
            Opened::Secure(stream) => Self::Secure(TokioIo::new(stream)),
        }
    }
}

impl Connection for Line {
    fn connected(&self) -> Connected {
        match self {
            Self::Plain(_) => Connected::new(),
            Self::Secure(stream) if stream.inner().get_ref().1.alpn_protocol() == Some(b"h2") => {
                Connected::new().negotiated_h2()
            }
            Self::Secure(_) => Connected::new(),
        }
    }
}

impl Read for Line {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Secure(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl Write for Line {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Secure(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Secure(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Secure(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Secure(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Secure(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }
}
