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
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
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
    Opened { flow: Flow, writer: Writer },
    Message { flow: Flow, message: Message, raw: Bytes, place: OwnedSemaphorePermit },
    Closed(Flow),
}

/// The way to a peer; never waits. When it is dropped, the connection is closed behind what is queued.
#[derive(Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Bytes>,
    waiting: Arc<AtomicUsize>,
}

impl Writer {
    fn new() -> (Self, WriteQueue) {
        let (queue, receiver) = mpsc::channel(WRITE_QUEUE);
        let waiting = Arc::<AtomicUsize>::default();
        (Self { queue, waiting: Arc::clone(&waiting) }, WriteQueue { receiver, waiting })
    }

    /// A way that does not keep the connection open.
    fn downgrade(&self) -> WeakWriter {
        WeakWriter { queue: self.queue.downgrade(), waiting: Arc::clone(&self.waiting) }
    }

    /// Queues bytes; `false` when the peer reads too slowly or is gone.
    pub(super) fn push(&self, bytes: Bytes) -> bool {
        let length = bytes.len();
        if self.waiting.fetch_add(length, Ordering::Relaxed).saturating_add(length) > WRITE_BYTES {
            self.waiting.fetch_sub(length, Ordering::Relaxed);
            return false;
        }
        let queued = self.queue.try_send(bytes).is_ok();
        if !queued {
            self.waiting.fetch_sub(length, Ordering::Relaxed);
        }
        queued
    }
}

/// The way of the connection's own answers: only the driver's [`Writer`] keeps a connection open.
#[derive(Debug)]
struct WeakWriter {
    queue: mpsc::WeakSender<Bytes>,
    waiting: Arc<AtomicUsize>,
}

impl WeakWriter {
    fn push(&self, bytes: Bytes) -> bool {
        let writer = self.queue.upgrade().map(|queue| Writer { queue, waiting: Arc::clone(&self.waiting) });
        writer.is_some_and(|writer| writer.push(bytes))
    }
}

struct WriteQueue {
    receiver: mpsc::Receiver<Bytes>,
    waiting: Arc<AtomicUsize>,
}

/// Runs one connection to its end.
pub(super) async fn run<S: AsyncRead + AsyncWrite + Send>(io: S, flow: Flow, shared: &Arc<Shared>) {
    let (reader, writer) = tokio::io::split(io);
    let (queue, queued) = Writer::new();
    let own = queue.downgrade();
    if shared.events.send(StreamEvent::Opened { flow, writer: queue }).await.is_err() {
        return;
    }
    let reading = Reading::new(reader, flow, own, shared).run();
    let mut writing = std::pin::pin!(write(writer, queued, shared));
    let (why, written) = tokio::select! {
        why = reading => (why, false),
        why = &mut writing => (why, true),
    };
    debug!(?flow, why, "connection ended");
    // The driver drops its writer at this, so that `writing` ends behind what is queued.
    if shared.events.send(StreamEvent::Closed(flow)).await.is_ok() && !written {
        let _ = timeout(shared.limits.write, writing).await;
    }
}

async fn write<S: AsyncWrite>(mut io: WriteHalf<S>, mut queue: WriteQueue, shared: &Shared) -> &'static str {
    while let Some(bytes) = queue.receiver.recv().await {
        let written = timeout(shared.limits.write, async {
            io.write_all(&bytes).await?;
            // TLS buffers; nothing else waiting means that the peer should see this now.
            if queue.receiver.is_empty() { io.flush().await } else { Ok(()) }
        });
        let written = written.await;
        queue.waiting.fetch_sub(bytes.len(), Ordering::Relaxed);
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
                    self.reply(reply)?;
                    return ControlFlow::Break(reason);
                }
            }
        }
    }

    async fn message(&mut self, raw: Bytes) -> ControlFlow<&'static str> {
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
                debug!(flow = ?self.flow, refusal.reason, "message refused");
                self.reply(refusal.reply)?;
                self.refused += 1;
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
