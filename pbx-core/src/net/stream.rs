//! One stream connection, TCP or TLS: bytes to guarded messages on the way in, a bounded queue on the way out.
//!
//! Invariants: the driver hears `Opened` first and `Closed` last; a peer can hold up nobody but itself, neither by
//! sending slowly, nor by not reading, nor by sending a lot; what was queued before a connection is closed is still
//! written.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::debug;

use crate::model::Flow;
use crate::sip::framer::{Frame, FrameError, Framer};
use crate::sip::guard;
use crate::sip::message::Message;

use super::overload;
use super::tcp::Shared;

/// Events of all connections that may wait for the driver.
pub(super) const EVENT_QUEUE: usize = 1024;
/// Places in it that new requests must leave free, for whatever ends or continues a call.
const RESERVE: usize = 256;
/// Messages of one connection that may wait for the driver; the rest waits in the peer's own send buffer.
const WAITING_MESSAGES: usize = 32;
/// Messages that may wait for one peer to read.
const WRITE_QUEUE: usize = 256;
/// Bytes that may wait for one peer to read: four of the largest messages.
const WRITE_BYTES: usize = 256 * 1024;
/// One read; several usual messages fit.
const READ: usize = 8 * 1024;
/// Refused messages after which the peer is taken for a fuzzer and let go.
const MAX_REFUSED: u32 = 32;

/// News of a connection for the driver.
#[derive(Debug)]
pub(super) enum StreamEvent {
    Opened {
        flow: Flow,
        writer: Writer,
    },
    Message {
        flow: Flow,
        message: Message,
        raw: Bytes,
        place: OwnedSemaphorePermit,
    },
    /// The guard refused a message; the peer has its answer.
    Refused(Flow),
    Closed(Flow),
}

/// The way to a peer; never waits. When it is dropped, the connection is closed behind what is queued.
#[derive(Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Bytes>,
    unread: Arc<Unread>,
}

/// What a peer has not read yet.
#[derive(Debug, Default)]
struct Unread {
    messages: AtomicUsize,
    bytes: AtomicUsize,
    fewer: Notify,
}

impl Unread {
    fn add(&self, bytes: usize) -> usize {
        self.messages.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes)
    }

    fn remove(&self, bytes: usize) {
        self.messages.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.fewer.notify_waiters();
    }

    /// Completes when less than half of what may be queued is queued: who asks a lot has to read the answers first.
    async fn calm(&self) {
        loop {
            let fewer = self.fewer.notified();
            let (messages, bytes) = (self.messages.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed));
            if messages < WRITE_QUEUE / 2 && bytes < WRITE_BYTES / 2 {
                return;
            }
            fewer.await;
        }
    }
}

impl Writer {
    fn new() -> (Self, WriteQueue) {
        let (queue, receiver) = mpsc::channel(WRITE_QUEUE);
        let unread = Arc::<Unread>::default();
        (Self { queue, unread: Arc::clone(&unread) }, WriteQueue { receiver, unread })
    }

    /// A way that does not keep the connection open.
    fn downgrade(&self) -> WeakWriter {
        WeakWriter { queue: self.queue.downgrade(), unread: Arc::clone(&self.unread) }
    }

    /// Queues bytes; `false` when the peer reads too slowly or is gone.
    pub(super) fn push(&self, bytes: Bytes) -> bool {
        let length = bytes.len();
        let queued = self.unread.add(length) <= WRITE_BYTES && self.queue.try_send(bytes).is_ok();
        if !queued {
            self.unread.remove(length);
        }
        queued
    }
}

/// The way of the connection's own answers: only the driver's [`Writer`] keeps a connection open.
#[derive(Debug)]
struct WeakWriter {
    queue: mpsc::WeakSender<Bytes>,
    unread: Arc<Unread>,
}

impl WeakWriter {
    fn push(&self, bytes: Bytes) -> bool {
        let writer = self.queue.upgrade().map(|queue| Writer { queue, unread: Arc::clone(&self.unread) });
        writer.is_some_and(|writer| writer.push(bytes))
    }
}

struct WriteQueue {
    receiver: mpsc::Receiver<Bytes>,
    unread: Arc<Unread>,
}

/// Runs one connection to its end.
///
/// Writing is a task of its own, so that a peer whose requests keep the reading side busy gets its answers all the same.
pub(super) async fn run<S>(io: S, flow: Flow, shared: &Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (reader, writer) = tokio::io::split(io);
    let (queue, queued) = Writer::new();
    let own = queue.downgrade();
    if shared.events.send(StreamEvent::Opened { flow, writer: queue }).await.is_err() {
        return;
    }
    let mut writing = tokio::spawn(write(writer, queued, Arc::clone(shared)));
    let why = tokio::select! {
        why = Reading::new(reader, flow, own, shared).run() => why,
        why = &mut writing => why.unwrap_or("writing failed"),
    };
    debug!(?flow, why, "connection ended");
    // The driver drops its writer at this (and has done so if it is gone), so that `writing` ends behind what is queued.
    let _ = shared.events.send(StreamEvent::Closed(flow)).await;
    if !writing.is_finished() && timeout(shared.limits.write, &mut writing).await.is_err() {
        writing.abort();
    }
}

async fn write<S: AsyncWrite>(mut io: WriteHalf<S>, mut queue: WriteQueue, shared: Arc<Shared>) -> &'static str {
    while let Some(bytes) = queue.receiver.recv().await {
        let written = timeout(shared.limits.write, async {
            io.write_all(&bytes).await?;
            // TLS buffers; nothing else waiting means that the peer should see this now.
            if queue.receiver.is_empty() { io.flush().await } else { Ok(()) }
        });
        let written = written.await;
        queue.unread.remove(bytes.len());
        match written {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return "writing failed",
            Err(_) => return "the peer does not read",
        }
    }
    let _ = timeout(shared.limits.write, io.shutdown()).await;
    "closed by us"
}

/// The reading side with what its deadlines need to know.
struct Reading<'a, S> {
    io: ReadHalf<S>,
    flow: Flow,
    writer: WeakWriter,
    shared: &'a Shared,
    framer: Framer,
    places: Arc<Semaphore>,
    /// Since when a message is incomplete.
    begun: Option<Instant>,
    /// The last message or keep-alive, or the start.
    last: Instant,
    spoken: bool,
    refused: u32,
}

impl<'a, S: AsyncRead> Reading<'a, S> {
    fn new(io: ReadHalf<S>, flow: Flow, writer: WeakWriter, shared: &'a Shared) -> Self {
        Self {
            io,
            flow,
            writer,
            shared,
            framer: Framer::new(),
            places: Arc::new(Semaphore::new(WAITING_MESSAGES)),
            begun: None,
            last: Instant::now(),
            spoken: false,
            refused: 0,
        }
    }

    /// Reads until the connection is of no more use, and says why.
    async fn run(mut self) -> &'static str {
        let mut buffer = BytesMut::new();
        loop {
            buffer.clear();
            buffer.reserve(READ);
            match timeout_at(self.deadline(), self.io.read_buf(&mut buffer)).await {
                Err(_) if self.begun.is_some() => return "a message took too long to arrive",
                Err(_) => return "nothing came for too long",
                Ok(Err(_)) => return "reading failed",
                Ok(Ok(0)) => return "closed by the peer",
                Ok(Ok(_)) => {}
            }
            self.framer.push(&buffer);
            if let ControlFlow::Break(why) = self.frames().await {
                return why;
            }
        }
    }

    fn deadline(&self) -> Instant {
        let limits = &self.shared.limits;
        match self.begun {
            Some(begun) => begun + limits.message,
            None if self.spoken => self.last + limits.idle,
            None => self.last + limits.first_message,
        }
    }

    async fn frames(&mut self) -> ControlFlow<&'static str> {
        loop {
            match self.framer.next() {
                Ok(Some(Frame::KeepAlive)) => {
                    if self.spoken {
                        self.last = Instant::now();
                    }
                    self.begun = None;
                    self.reply(Some(Bytes::from_static(b"\r\n")))?;
                }
                Ok(Some(Frame::Message(raw))) => {
                    self.last = Instant::now();
                    self.begun = None;
                    self.message(raw).await?;
                }
                Ok(None) if self.framer.is_mid_message() => {
                    self.begun.get_or_insert_with(Instant::now);
                    return ControlFlow::Continue(());
                }
                Ok(None) => {
                    self.begun = None;
                    return ControlFlow::Continue(());
                }
                Err(FrameError { reply, reason }) => {
                    self.shared.counters.messages_refused.add(1);
                    self.shared.counters.refusals.add(reason);
                    self.reply(reply)?;
                    return ControlFlow::Break(reason);
                }
            }
        }
    }

    async fn message(&mut self, raw: Bytes) -> ControlFlow<&'static str> {
        self.writer.unread.calm().await;
        let full = self.shared.events.capacity() <= RESERVE;
        if full && overload::may_be_declined(&raw) {
            self.shared.counters.requests_declined.add(1);
            return self.reply(overload::decline(&raw));
        }
        match guard::check(raw.clone(), self.flow.transport) {
            Ok(message) => {
                self.spoken = true;
                self.shared.counters.messages_in.add(1);
                // The semaphore is never closed.
                let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
                    return ControlFlow::Break("stopping");
                };
                let event = StreamEvent::Message { flow: self.flow, message, raw, place };
                match self.shared.events.send(event).await {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break("stopping"),
                }
            }
            Err(refusal) => {
                self.shared.counters.messages_refused.add(1);
                self.shared.counters.refusals.add(refusal.reason);
                debug!(flow = ?self.flow, refusal.reason, "message refused");
                self.reply(refusal.reply)?;
                self.refused += 1;
                // A full queue is no reason to wait: the peer is let go soon in any case.
                let _ = self.shared.events.try_send(StreamEvent::Refused(self.flow));
                if self.refused < MAX_REFUSED {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break("too many refusals")
                }
            }
        }
    }

    fn reply(&self, bytes: Option<Bytes>) -> ControlFlow<&'static str> {
        let written = bytes.is_none_or(|bytes| self.writer.push(bytes));
        if written { ControlFlow::Continue(()) } else { ControlFlow::Break("the peer does not read") }
    }
}
