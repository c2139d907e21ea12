//! Lets a connection begin with one stream, raises the limit later, as Apple does after the first good provider token, and
//! lowers it again, as Apple was seen to do after a refusal.
//!
//! The `h2` crate announces its limit once. This wrapper sits between it and the socket: it changes the limit in the
//! first SETTINGS frame to 1, later adds SETTINGS frames of its own, and keeps the answers to those from `h2`. It also counts
//! the streams that are open, to catch a client that opens more than it has confirmed.

use std::collections::{BTreeSet, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const HEADER: usize = 9;
/// `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n` (RFC 9113 section 3.4).
const PREFACE: usize = 24;
/// Types and flags of frames (RFC 9113 section 6).
const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const SETTINGS: u8 = 0x4;
const ACK: u8 = 0x1;
const END_STREAM: u8 = 0x1;
/// SETTINGS_MAX_CONCURRENT_STREAMS (RFC 9113 section 6.5.2).
const MAX_STREAMS: [u8; 2] = [0x0, 0x3];
/// What `h2` may hand over before the socket has taken it.
const WRITE_BUFFER: usize = 64 * 1024;

/// Says how many streams there may be, from the next frame to the client on.
#[derive(Debug, Clone)]
pub(super) struct Limit(Arc<Said>);

#[derive(Debug)]
struct Said {
    streams: AtomicU32,
    violated: AtomicBool,
}

impl Limit {
    /// One stream.
    pub(super) fn one() -> Self {
        Self(Arc::new(Said { streams: AtomicU32::new(1), violated: AtomicBool::new(false) }))
    }

    pub(super) fn set(&self, streams: u32) {
        self.0.streams.store(streams, Ordering::Release);
    }

    pub(super) fn streams(&self) -> u32 {
        self.0.streams.load(Ordering::Acquire)
    }

    /// Whether the client opened more streams than it had confirmed.
    pub(super) fn is_violated(&self) -> bool {
        self.0.violated.load(Ordering::Acquire)
    }
}

/// The wrapper.
#[derive(Debug)]
pub(super) struct OneStreamFirst<T> {
    io: T,
    limit: Limit,
    /// The limit that the client was told last.
    told: u32,
    /// Limits that the client has not confirmed yet, in order.
    unconfirmed: VecDeque<u32>,
    /// The limit that the client keeps to; none before it has confirmed the first.
    confirmed: Option<u32>,
    /// Streams that the client opened and nobody ended.
    open: BTreeSet<u32>,
    /// Bytes of `h2` that are no whole frame yet.
    unsorted: BytesMut,
    first_settings_done: bool,
    to_socket: BytesMut,
    /// Bytes of the client that are no whole frame header yet.
    header: BytesMut,
    preface_left: usize,
    payload_left: usize,
    to_h2: BytesMut,
}

impl<T> OneStreamFirst<T> {
    /// Wraps a fresh connection; the limit that `h2` was told is the most that `limit` may say.
    pub(super) fn new(io: T, limit: Limit) -> Self {
        Self {
            io,
            limit,
            told: 1,
            unconfirmed: VecDeque::from([1]),
            confirmed: None,
            open: BTreeSet::new(),
            unsorted: BytesMut::new(),
            first_settings_done: false,
            to_socket: BytesMut::new(),
            header: BytesMut::new(),
            preface_left: PREFACE,
            payload_left: 0,
            to_h2: BytesMut::new(),
        }
    }

    /// Moves whole frames towards the socket.
    fn sort_out(&mut self) {
        while let Some(length) = frame_length(&self.unsorted) {
            if self.unsorted.len() < HEADER + length {
                return;
            }
            let streams = self.limit.streams();
            if self.first_settings_done && self.told != streams {
                self.told = streams;
                self.unconfirmed.push_back(streams);
                self.to_socket.extend_from_slice(&[0, 0, 6, SETTINGS, 0, 0, 0, 0, 0]);
                self.to_socket.extend_from_slice(&MAX_STREAMS);
                self.to_socket.extend_from_slice(&streams.to_be_bytes());
            }
            let mut frame = self.unsorted.split_to(HEADER + length);
            let is_settings = frame.get(3) == Some(&SETTINGS) && frame.get(4).is_some_and(|flags| flags & ACK == 0);
            if is_settings && !self.first_settings_done {
                self.first_settings_done = true;
                limit_to_one(&mut frame);
            }
            if let Some(frame) = Head::of(&frame)
                && frame.ends_the_stream()
            {
                self.open.remove(&frame.stream);
            }
            self.to_socket.extend_from_slice(&frame);
        }
    }

    /// Sorts what the client sent; leaves out its answer to the added frame.
    fn sort_in(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.preface_left > 0 {
                let taken = self.pass(&mut bytes, self.preface_left);
                self.preface_left -= taken;
            } else if self.payload_left > 0 {
                let taken = self.pass(&mut bytes, self.payload_left);
                self.payload_left -= taken;
            } else {
                let (now, later) = bytes.split_at(bytes.len().min(HEADER - self.header.len()));
                self.header.extend_from_slice(now);
                bytes = later;
                self.end_of_header();
            }
        }
    }

    fn pass(&mut self, bytes: &mut &[u8], at_most: usize) -> usize {
        let (now, later) = bytes.split_at(bytes.len().min(at_most));
        self.to_h2.extend_from_slice(now);
        *bytes = later;
        now.len()
    }

    fn end_of_header(&mut self) {
        let Some(length) = frame_length(&self.header) else { return };
        let header = self.header.split();
        if let Some(frame) = Head::of(&header) {
            match frame.kind {
                SETTINGS if frame.flags & ACK != 0 => {
                    let is_the_first = self.confirmed.is_none();
                    self.confirmed = self.unconfirmed.pop_front().or(self.confirmed);
                    if !is_the_first {
                        return;
                    }
                }
                HEADERS if !self.open.contains(&frame.stream) => {
                    if self.confirmed.is_some_and(|limit| self.open.len() >= limit as usize) {
                        self.limit.0.violated.store(true, Ordering::Release);
                    }
                    self.open.insert(frame.stream);
                }
                RST_STREAM => {
                    self.open.remove(&frame.stream);
                }
                _ => {}
            }
        }
        self.payload_left = length;
        self.to_h2.extend_from_slice(&header);
    }
}

/// The head of a frame (RFC 9113 section 4.1).
struct Head {
    kind: u8,
    flags: u8,
    stream: u32,
}

impl Head {
    fn of(frame: &[u8]) -> Option<Self> {
        let (header, _) = frame.split_first_chunk::<HEADER>()?;
        let [_, _, _, kind, flags, stream @ ..] = *header;
        Some(Self { kind, flags, stream: u32::from_be_bytes(stream) })
    }

    /// Whether the server has nothing more to say on the stream; the client ended its side with the request.
    fn ends_the_stream(&self) -> bool {
        match self.kind {
            DATA | HEADERS => self.flags & END_STREAM != 0,
            RST_STREAM => true,
            _ => false,
        }
    }
}

/// The payload length in a whole frame header.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    let (header, _) = bytes.split_first_chunk::<HEADER>()?;
    let [high, middle, low, ..] = *header;
    Some(usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low))
}

fn limit_to_one(settings: &mut [u8]) {
    let Some(payload) = settings.get_mut(HEADER..) else { return };
    for setting in payload.chunks_exact_mut(6) {
        if setting.starts_with(&MAX_STREAMS)
            && let Some(value) = setting.get_mut(2..)
        {
            value.copy_from_slice(&1u32.to_be_bytes());
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for OneStreamFirst<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        while self.to_h2.is_empty() {
            let mut space = [0u8; 16 * 1024];
            let mut buffer = ReadBuf::new(&mut space);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer))?;
            if buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.sort_in(buffer.filled());
        }
        let taken = self.to_h2.len().min(out.remaining());
        out.put_slice(&self.to_h2.split_to(taken));
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> OneStreamFirst<T> {
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        while !self.to_socket.is_empty() {
            let written = ready!(Pin::new(&mut self.io).poll_write(cx, &self.to_socket))?;
            if written == 0 {
                return Poll::Ready(Err(std::io::ErrorKind::WriteZero.into()));
            }
            self.to_socket.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for OneStreamFirst<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        if self.to_socket.len() >= WRITE_BUFFER {
            ready!(self.poll_drain(cx))?;
        }
        self.unsorted.extend_from_slice(bytes);
        self.sort_out();
        match self.poll_drain(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
