//! A peer that plays any fault below a provider's rules, for every provider alike: it speaks HTTP/2 over TLS, checks nothing,
//! and breaks off, falls silent, dribbles or answers whatever it is told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{Request, Response};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};

use super::push::StandinError;
use super::tls::{Authority, listen};

/// Between two bytes of an answer that dribbles.
const DRIBBLE: Duration = Duration::from_millis(200);
/// Streams that may end their connection at once.
const FATES: usize = 64;

/// What the peer answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerAnswer {
    /// The status.
    pub status: u16,
    /// Headers beside `date`.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
}

impl PeerAnswer {
    /// An answer without further headers.
    pub fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    /// The same with one header more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// What the peer does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerFault {
    /// Answers.
    Answer(PeerAnswer),
    /// Answers as usual and takes leave with GOAWAY.
    AnswerAndGoAway,
    /// GOAWAY at once, with the request in flight.
    GoAway,
    /// RST_STREAM.
    ResetStream,
    /// A TCP reset.
    ResetConnection,
    /// The whole connection falls silent for ever.
    BlackHole,
    /// The usual answer's head, then a byte now and then, without end.
    Dribble,
}

#[derive(Debug)]
struct Shared {
    usual: Mutex<PeerAnswer>,
    sign_in: Mutex<Option<PeerAnswer>>,
    script: Mutex<VecDeque<PeerFault>>,
    requests: AtomicU64,
    data_frames: AtomicU64,
    connections: AtomicU64,
    clock_seconds: AtomicI64,
    silence: watch::Sender<u64>,
}

/// A running peer; it stops when it is dropped.
#[derive(Debug)]
pub struct FaultyPeer {
    shared: Arc<Shared>,
    address: SocketAddr,
    ca_pem: String,
    task: AbortHandle,
}

impl Drop for FaultyPeer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FaultyPeer {
    /// Listens on a free port of 127.0.0.1 with a certificate authority of its own and gives this answer to everything.
    pub async fn start(usual: PeerAnswer) -> Result<Self, StandinError> {
        let authority = Authority::new(&["h2"])?;
        let ca_pem = authority.ca_pem.clone();
        let (listener, address) = listen().await?;
        let shared = Arc::new(Shared {
            usual: Mutex::new(usual),
            sign_in: Mutex::new(None),
            script: Mutex::default(),
            requests: AtomicU64::new(0),
            data_frames: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            clock_seconds: AtomicI64::new(0),
            silence: watch::channel(0).0,
        });
        let serving = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        let Ok((stream, _)) = accepted else { continue };
                        connections.spawn(connect(stream, authority.clone(), Arc::clone(&serving)));
                    }
                    Some(_) = connections.join_next() => {}
                }
            }
        });
        Ok(Self { shared, address, ca_pem, task: task.abort_handle() })
    }

    /// `https://localhost:port`.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// The certificate authority in PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Does this with the next `times` requests, after what was scripted before.
    pub fn script(&self, fault: &PeerFault, times: usize) {
        lock(&self.shared.script).extend(std::iter::repeat_n(fault.clone(), times));
    }

    /// What `/token` answers; it is not counted and nothing else is done with it. An access token unless this is told.
    pub fn answer_sign_in(&self, answer: PeerAnswer) {
        *lock(&self.shared.sign_in) = Some(answer);
    }

    /// Its clock is so many seconds ahead of ours.
    pub fn set_clock_ahead(&self, seconds: i64) {
        self.shared.clock_seconds.store(seconds, Ordering::Release);
    }

    /// Every open connection falls silent, as after a night behind a NAT; new ones work.
    pub fn silence_connections(&self) {
        self.shared.silence.send_modify(|nights| *nights += 1);
    }

    /// How many requests came, sign-ins aside.
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Acquire)
    }

    /// In how many DATA frames with a content their bodies came.
    pub fn data_frames(&self) -> u64 {
        self.shared.data_frames.load(Ordering::Acquire)
    }

    /// How many connections were opened.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Acquire)
    }
}

/// What a request does to the whole connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Leave,
    GoAway,
    Reset,
    Silence,
}

async fn connect(stream: TcpStream, authority: Authority, shared: Arc<Shared>) {
    // A second handle on the socket, to end it with a reset instead of a goodbye.
    let Ok(std) = stream.into_std() else { return };
    let (Ok(twin), Ok(stream)) = (std.try_clone(), TcpStream::from_std(std)) else { return };
    let mut silence = shared.silence.subscribe();
    silence.mark_unchanged();
    let Some(stream) = authority.accept(stream).await else { return };
    shared.connections.fetch_add(1, Ordering::AcqRel);
    let Ok(mut h2) = h2::server::handshake(stream).await else { return };
    let (fate, mut fates) = mpsc::channel(FATES);
    let mut streams = JoinSet::new();
    loop {
        tokio::select! {
            accepted = h2.accept() => match accepted {
                Some(Ok((request, respond))) => {
                    streams.spawn(answer(request, respond, Arc::clone(&shared), fate.clone()));
                }
                Some(Err(_)) | None => return,
            },
            Some(_) = streams.join_next() => {}
            // The socket stays open, but nobody looks at it any more.
            _ = silence.changed() => std::future::pending::<()>().await,
            Some(fate) = fates.recv() => match fate {
                Fate::Leave => h2.graceful_shutdown(),
                Fate::Silence => std::future::pending::<()>().await,
                Fate::Reset => {
                    // Without it the goodbye is an ordinary one, which the tests would notice.
                    let _ = socket2::SockRef::from(&twin).set_linger(Some(Duration::ZERO));
                    return;
                }
                Fate::GoAway => {
                    h2.abrupt_shutdown(Reason::NO_ERROR);
                    let _ = std::future::poll_fn(|cx| h2.poll_closed(cx)).await;
                    return;
                }
            },
        }
    }
}

async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    shared: Arc<Shared>,
    fate: mpsc::Sender<Fate>,
) {
    let is_sign_in = request.uri().path() == "/token";
    let mut body = request.into_body();
    let mut frames = 0;
    while let Some(Ok(chunk)) = body.data().await {
        frames += 1;
        // Flow control has no other failure than a closed connection.
        let _ = body.flow_control().release_capacity(chunk.len());
    }
    if is_sign_in {
        let granted =
            || PeerAnswer::new(200, r#"{"access_token":"ya29.peer","expires_in":3599,"token_type":"Bearer"}"#);
        let answer = lock(&shared.sign_in).clone().unwrap_or_else(granted);
        return say(&shared, &mut respond, &answer);
    }
    shared.data_frames.fetch_add(frames, Ordering::AcqRel);
    shared.requests.fetch_add(1, Ordering::AcqRel);
    let fault = lock(&shared.script).pop_front();
    let usual = lock(&shared.usual).clone();
    let end = match fault {
        None => return say(&shared, &mut respond, &usual),
        Some(PeerFault::Answer(answer)) => return say(&shared, &mut respond, &answer),
        Some(PeerFault::ResetStream) => return respond.send_reset(Reason::INTERNAL_ERROR),
        Some(PeerFault::Dribble) => return dribble(&mut respond, &usual).await,
        Some(PeerFault::AnswerAndGoAway) => {
            say(&shared, &mut respond, &usual);
            Fate::Leave
        }
        Some(PeerFault::GoAway) => Fate::GoAway,
        Some(PeerFault::ResetConnection) => Fate::Reset,
        Some(PeerFault::BlackHole) => Fate::Silence,
    };
    // A connection that is ending already needs no second fate.
    let _ = fate.send(end).await;
    if end != Fate::Leave {
        std::future::pending::<()>().await;
    }
}

#[expect(clippy::disallowed_methods, reason = "a stand-in is a server: it reads the wall clock")]
fn date(shared: &Shared) -> String {
    let ahead = shared.clock_seconds.load(Ordering::Acquire);
    let by = Duration::from_secs(ahead.unsigned_abs());
    let now = SystemTime::now();
    httpdate::fmt_http_date(if ahead < 0 { now - by } else { now + by })
}

fn say(shared: &Shared, respond: &mut SendResponse<Bytes>, answer: &PeerAnswer) {
    let mut response = Response::builder().status(answer.status).header("date", date(shared));
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    let Ok(response) = response.body(()) else { return respond.send_reset(Reason::INTERNAL_ERROR) };
    // A client that has gone needs no answer.
    if let Ok(mut stream) = respond.send_response(response, answer.body.is_empty())
        && !answer.body.is_empty()
    {
        let _ = stream.send_data(answer.body.clone(), true);
    }
}

async fn dribble(respond: &mut SendResponse<Bytes>, usual: &PeerAnswer) {
    let Ok(response) = Response::builder().status(usual.status).body(()) else { return };
    let Ok(mut stream) = respond.send_response(response, false) else { return };
    while stream.send_data(Bytes::from_static(b" "), false).is_ok() {
        tokio::time::sleep(DRIBBLE).await;
    }
}
