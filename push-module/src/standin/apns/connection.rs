//! One HTTP/2 connection of the APNs stand-in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{Request, Response};
use pbx_core::model::Environment;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_rustls::server::TlsStream;

use super::super::push::{AcceptedPush, unix_seconds};
use super::rules::{self, Asked, Refused};
use super::streams::{Limit, OneStreamFirst};
use super::{ApnsFault, ApnsRequest, Shared, State, certificate};

/// Streams of a connection that has shown a good provider token.
const STREAMS: u32 = 100;
/// More than any push; the rest of a larger body is not read.
const BODY_BYTES: usize = 16 * 1024;

/// What a request does to the whole connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    GoAway,
    Disconnect,
    Silence,
}

/// What the streams of a connection share.
struct Connection {
    shared: Arc<Shared>,
    number: u64,
    environment: Environment,
    limit: Limit,
    /// It has shown a good provider token, or a certificate.
    proved: AtomicBool,
    in_flight: AtomicUsize,
    fate: mpsc::Sender<Fate>,
    key_id: std::sync::Mutex<Option<String>>,
    /// What the client showed in the handshake.
    certificate: Option<Vec<u8>>,
}

/// Serves a connection until it ends; falls silent for ever when `silence` changes.
pub(super) async fn serve(
    stream: TlsStream<TcpStream>,
    shared: Arc<Shared>,
    environment: Environment,
    number: u64,
    mut silence: watch::Receiver<u64>,
) {
    silence.mark_unchanged();
    let limit = Limit::one();
    let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    let certificate = shown.map(|der| der.to_vec());
    if certificate.is_some() {
        limit.set(STREAMS);
    }
    let io = OneStreamFirst::new(stream, limit.clone());
    let Ok(mut h2) = h2::server::Builder::new().max_concurrent_streams(STREAMS).handshake::<_, Bytes>(io).await else {
        return;
    };
    let (fate, mut fates) = mpsc::channel(STREAMS as usize);
    let connection = Arc::new(Connection {
        shared,
        number,
        environment,
        limit,
        proved: AtomicBool::new(certificate.is_some()),
        in_flight: AtomicUsize::new(0),
        fate,
        key_id: std::sync::Mutex::new(None),
        certificate,
    });
    let mut streams = JoinSet::new();
    loop {
        tokio::select! {
            accepted = h2.accept() => match accepted {
                Some(Ok((request, respond))) => {
                    let connection = Arc::clone(&connection);
                    streams.spawn(async move { connection.stream(request, respond).await });
                }
                Some(Err(_)) | None => return,
            },
            Some(_) = streams.join_next() => {}
            // The socket stays open, but nobody looks at it any more.
            _ = silence.changed() => std::future::pending::<()>().await,
            Some(fate) = fates.recv() => match fate {
                Fate::Silence => std::future::pending::<()>().await,
                Fate::Disconnect => return,
                Fate::GoAway => {
                    h2.abrupt_shutdown(Reason::NO_ERROR);
                    // Its only outcome is that the connection is gone.
                    let _ = std::future::poll_fn(|cx| h2.poll_closed(cx)).await;
                    return;
                }
            },
        }
    }
}

/// How a request ends.
enum End {
    Accepted,
    Refused(Refused, Option<i64>, Option<u32>),
    Reason(u16, String),
    Reset,
    Fate(Fate),
}

impl Connection {
    async fn stream(&self, request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
        let others = self.in_flight.fetch_add(1, Ordering::AcqRel);
        if self.limit.is_violated() {
            // "Maximum active streams violated for this endpoint."
            self.shared.violations.fetch_add(1, Ordering::AcqRel);
            let _ = self.fate.send(Fate::GoAway).await;
            return std::future::pending().await;
        }
        if others > 0 && !self.proved.load(Ordering::Acquire) {
            self.in_flight.fetch_sub(1, Ordering::AcqRel);
            return respond.send_reset(Reason::REFUSED_STREAM);
        }
        let (parts, mut body) = request.into_parts();
        let mut bytes = BytesMut::new();
        while let Some(Ok(chunk)) = body.data().await {
            // Flow control has no other failure than a closed connection.
            let _ = body.flow_control().release_capacity(chunk.len());
            if bytes.len() < BODY_BYTES {
                bytes.extend_from_slice(&chunk);
            }
        }
        let asked = Asked { method: &parts.method, path: parts.uri.path(), headers: &parts.headers, body: &bytes };
        let (end, slow) = self.judge(&asked);
        if let Some(wait) = slow {
            tokio::time::sleep(wait).await;
        }
        self.record(&asked, &end);
        self.throttle(&end);
        self.finish(&asked, end, &mut respond).await;
        self.in_flight.fetch_sub(1, Ordering::AcqRel);
    }

    /// Rules first, then the script, then the device.
    fn judge(&self, asked: &Asked<'_>) -> (End, Option<Duration>) {
        let refused = |refused: Refused| (End::Refused(refused, None, None), None);
        let mut state = self.shared.state();
        if let Err(broken) = rules::check_form(asked) {
            return refused(broken);
        }
        if let Err(broken) = self.check_proof(asked, &mut state) {
            return refused(broken);
        }
        let token = rules::token_in(asked.path);
        let mut slow = None;
        match state.ledger.next_fault(token) {
            Some(ApnsFault::Slow(wait)) => slow = Some(wait),
            Some(fault) => return (end_of(fault), None),
            None => {}
        }
        match rules::check_device(asked.headers, state.tokens.get(token), self.environment) {
            Ok(()) => (End::Accepted, slow),
            Err(broken) => (End::Refused(broken, None, None), slow),
        }
    }

    /// The provider token, or the client certificate and no provider token, and whether it is for the topic.
    fn check_proof(&self, asked: &Asked<'_>, state: &mut State) -> Result<(), Refused> {
        if let Some(certificate) = &self.certificate {
            if asked.headers.contains_key(http::header::AUTHORIZATION) {
                return Err((403, "InvalidProviderToken"));
            }
            let topic = rules::recorded(asked.headers, "apns-topic").unwrap_or_default();
            return certificate::check(state.certificates.get(certificate), &topic, self.environment);
        }
        let mut key_id = self.key_id.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let key = rules::check_provider_token(asked.headers, &mut state.keys, &mut key_id, unix_seconds())?;
        if !self.proved.swap(true, Ordering::AcqRel) {
            self.limit.set(STREAMS);
        }
        state.keys.get(&key).map_or(Ok(()), |key| rules::check_topic(asked.headers, key))
    }

    /// One stream after a refusal, all again after an acceptance; only when the script says so.
    fn throttle(&self, end: &End) {
        if !self.shared.throttles.load(Ordering::Acquire) {
            return;
        }
        match end {
            End::Accepted => self.limit.set(STREAMS),
            End::Refused(..) | End::Reason(..) => self.limit.set(1),
            End::Reset | End::Fate(_) => {}
        }
    }

    fn record(&self, asked: &Asked<'_>, end: &End) {
        let (status, reason) = match end {
            End::Accepted => (Some(200), None),
            End::Refused((status, reason), _, _) => (Some(*status), Some((*reason).to_owned())),
            End::Reason(status, reason) => (Some(*status), Some(reason.clone())),
            End::Reset | End::Fate(_) => (None, None),
        };
        let header = |name| rules::recorded(asked.headers, name);
        self.shared.state().ledger.record(ApnsRequest {
            connection: self.number,
            environment: self.environment,
            token: rules::token_in(asked.path).to_owned(),
            topic: header("apns-topic"),
            push_type: header("apns-push-type"),
            priority: header("apns-priority"),
            expiration: header("apns-expiration"),
            collapse_id: header("apns-collapse-id"),
            apns_id: header("apns-id"),
            issued_at: rules::issued_at(asked.headers),
            payload: serde_json::from_slice(asked.body).unwrap_or(Value::Null),
            status,
            reason,
        });
    }

    async fn finish(&self, asked: &Asked<'_>, end: End, respond: &mut SendResponse<Bytes>) {
        let id = rules::recorded(asked.headers, "apns-id").unwrap_or_default();
        match end {
            End::Accepted => {
                self.announce(asked, &id);
                answer(respond, 200, &id, None, Bytes::new());
            }
            End::Refused((status, reason), timestamp, retry_after) => {
                let mut body = json!({ "reason": reason });
                if let (Some(timestamp), Some(body)) = (timestamp, body.as_object_mut()) {
                    body.insert("timestamp".to_owned(), Value::from(timestamp));
                }
                answer(respond, status, &id, retry_after, Bytes::from(body.to_string()));
            }
            End::Reason(status, reason) => {
                answer(respond, status, &id, None, Bytes::from(json!({ "reason": reason }).to_string()));
            }
            End::Reset => respond.send_reset(Reason::INTERNAL_ERROR),
            End::Fate(fate) => {
                // A connection that is ending already needs no second fate.
                let _ = self.fate.send(fate).await;
                std::future::pending::<()>().await;
            }
        }
    }

    fn announce(&self, asked: &Asked<'_>, id: &str) {
        let header = |name| rules::recorded(asked.headers, name);
        let push = AcceptedPush {
            provider: pbx_core::model::PushProvider::Apns,
            token: rules::token_in(asked.path).to_owned(),
            app: header("apns-topic").unwrap_or_default(),
            environment: self.environment,
            kind: header("apns-push-type").unwrap_or_default(),
            id: id.to_owned(),
            collapse_id: header("apns-collapse-id"),
            payload: serde_json::from_slice(asked.body).unwrap_or(Value::Null),
        };
        // Nobody has to listen.
        let _ = self.shared.pushes.send(push);
    }
}

fn answer(respond: &mut SendResponse<Bytes>, status: u16, id: &str, retry_after: Option<u32>, body: Bytes) {
    let mut response = Response::builder().status(status).header("apns-id", id);
    if let Some(seconds) = retry_after {
        response = response.header("retry-after", seconds);
    }
    let Ok(response) = response.body(()) else { return respond.send_reset(Reason::INTERNAL_ERROR) };
    // A client that has gone needs no answer.
    if let Ok(mut stream) = respond.send_response(response, body.is_empty())
        && !body.is_empty()
    {
        let _ = stream.send_data(body, true);
    }
}

fn end_of(fault: ApnsFault) -> End {
    let refused = |status, reason| End::Refused((status, reason), None, None);
    match fault {
        ApnsFault::Gone { timestamp } => End::Refused((410, "Unregistered"), Some(timestamp.0), None),
        ApnsFault::ExpiredToken => refused(410, "ExpiredToken"),
        ApnsFault::BadDeviceToken => refused(400, "BadDeviceToken"),
        ApnsFault::DeviceTokenNotForTopic => refused(400, "DeviceTokenNotForTopic"),
        ApnsFault::ExpiredProviderToken => refused(403, "ExpiredProviderToken"),
        ApnsFault::InvalidProviderToken => refused(403, "InvalidProviderToken"),
        ApnsFault::TooManyRequests { retry_after } => End::Refused((429, "TooManyRequests"), None, retry_after),
        ApnsFault::TooManyProviderTokenUpdates => refused(429, "TooManyProviderTokenUpdates"),
        ApnsFault::InternalError => refused(500, "InternalServerError"),
        ApnsFault::ServiceUnavailable => refused(503, "ServiceUnavailable"),
        ApnsFault::Shutdown => refused(503, "Shutdown"),
        ApnsFault::GoAway => End::Fate(Fate::GoAway),
        ApnsFault::Reset => End::Reset,
        ApnsFault::Disconnect => End::Fate(Fate::Disconnect),
        ApnsFault::BlackHole => End::Fate(Fate::Silence),
        ApnsFault::Slow(_) => End::Accepted,
        ApnsFault::Answer { status, reason } => End::Reason(status, reason),
    }
}
