//! Cuts the byte stream of a TCP or TLS connection into messages and keep-alives (RFC 3261 section 18.3, RFC 5626).
//!
//! Every byte is searched once, however small the pieces it comes in. Where a message ends is decided by
//! Content-Length alone, so a stream whose Content-Length is missing, contradictory, negative or too large cannot be
//! read any further and must be closed.

use bytes::{Buf as _, Bytes, BytesMut};

use super::guard::{MAX_STREAM_MESSAGE, reply_to};
use super::lines::{HeadEnd, Lines, content_length, head_end, unfold};

#[cfg(test)]
mod tests;

/// The longest head; the guard's 128 lines of usual length fit four times.
const MAX_HEAD: usize = 32 * 1024;

/// A piece of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// One whole message for [`super::guard::check`].
    Message(Bytes),
    /// A double CRLF between messages; it is answered by a single CRLF (RFC 5626 section 3.5.1).
    KeepAlive,
}

/// Why a stream cannot be read any further; it is to be closed, after `reply` if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameError {
    /// The answer to the request that broke the stream, if one can be made.
    pub reply: Option<Bytes>,
    /// Why, in few words; one of a fixed set, fit for counters.
    pub reason: &'static str,
}

/// What the next bytes of the stream are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Line ends or the start of a head.
    Between,
    /// A head whose end has not come; searched up to this offset.
    Head(usize),
    /// A message of this many bytes.
    Message(usize),
    /// The stream is broken.
    Broken,
}

/// The frames of one connection. Takes at most what was pushed and not yet taken out, plus one message.
#[derive(Debug)]
pub struct Framer {
    buffer: BytesMut,
    stage: Stage,
}

impl Default for Framer {
    fn default() -> Self {
        Self::new()
    }
}

impl Framer {
    /// A new connection. Memory is taken with the first bytes.
    pub fn new() -> Self {
        Self { buffer: BytesMut::new(), stage: Stage::Between }
    }

    /// Adds received bytes. Call [`Framer::next`] until it gives `None` before pushing more.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.stage != Stage::Broken {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Whether a message has begun that is not complete: the connection must not wait for it for ever.
    pub fn is_mid_message(&self) -> bool {
        match self.stage {
            Stage::Head(_) | Stage::Message(_) => true,
            // At most half a keep-alive waits between messages; some phones send no other half.
            Stage::Between | Stage::Broken => false,
        }
    }

    /// The next frame, `None` when more bytes are needed. After an error nothing more comes.
    #[expect(clippy::should_implement_trait, reason = "the end of this is not the end of an iteration")]
    pub fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        loop {
            match self.stage {
                Stage::Between => match self.between() {
                    Between::KeepAlive => return Ok(Some(Frame::KeepAlive)),
                    Between::Wait => return Ok(None),
                    Between::Skipped => {}
                    Between::Head => self.stage = Stage::Head(0),
                },
                Stage::Head(searched) => match head_end(&self.buffer, searched) {
                    HeadEnd::At(end) if end <= MAX_HEAD => {
                        let length = end.saturating_add(self.body_length(end)?);
                        if length > MAX_STREAM_MESSAGE {
                            return Err(self.broken(413, "The message is too large", end));
                        }
                        self.stage = Stage::Message(length);
                    }
                    HeadEnd::SearchFrom(at) if self.buffer.len() <= MAX_HEAD => {
                        self.stage = Stage::Head(at);
                        return Ok(None);
                    }
                    HeadEnd::At(_) | HeadEnd::SearchFrom(_) => {
                        return Err(self.broken(413, "The headers are too large", MAX_HEAD));
                    }
                },
                Stage::Message(length) if self.buffer.len() >= length => {
                    self.stage = Stage::Between;
                    return Ok(Some(Frame::Message(self.buffer.split_to(length).freeze())));
                }
                Stage::Message(_) | Stage::Broken => return Ok(None),
            }
        }
    }

    /// Two line ends are a keep-alive; other line ends before a message are skipped (RFC 3261 section 7.5).
    fn between(&mut self) -> Between {
        match *self.buffer {
            [b'\r', b'\n', b'\r', b'\n', ..] => {
                self.buffer.advance(4);
                Between::KeepAlive
            }
            [] | [b'\r'] | [b'\r', b'\n'] | [b'\r', b'\n', b'\r'] => Between::Wait,
            [b'\r', b'\n', ..] => {
                self.buffer.advance(2);
                Between::Skipped
            }
            [b'\n', ..] => {
                self.buffer.advance(1);
                Between::Skipped
            }
            [..] => Between::Head,
        }
    }

    /// What Content-Length says in the head that ends at `end`.
    fn body_length(&mut self, end: usize) -> Result<usize, FrameError> {
        let head = self.buffer.get(..end).unwrap_or(&[]);
        let mut found = None;
        for line in Lines::new(head) {
            let line = head.get(line.start..line.end).unwrap_or(&[]);
            let Some(length) = content_length_line(line) else {
                continue;
            };
            match length {
                Some(length) if found.is_none_or(|before| before == length) => found = Some(length),
                Some(_) => return Err(self.broken(400, "Content-Length is given twice with different numbers", end)),
                None => return Err(self.broken(400, "Content-Length is not a number", end)),
            }
        }
        found.ok_or(()).map_err(|()| self.broken(400, "Content-Length is missing", end))
    }

    /// Ends the stream; the answer is made from the head, which is the first `head` bytes at most.
    fn broken(&mut self, status: u16, reason: &'static str, head: usize) -> FrameError {
        let reply = reply_to(self.buffer.get(..head).unwrap_or(&self.buffer), status, reason);
        self.stage = Stage::Broken;
        self.buffer = BytesMut::new();
        FrameError { reply, reason }
    }
}

/// What stands at a message boundary.
enum Between {
    KeepAlive,
    Wait,
    Skipped,
    Head,
}

/// `None` when this is another header, `Some(None)` when its value is no number that fits.
fn content_length_line(line: &[u8]) -> Option<Option<usize>> {
    if !matches!(line.first(), Some(b'C' | b'c' | b'L' | b'l')) {
        return None;
    }
    let colon = line.iter().position(|&byte| byte == b':')?;
    let name = line.get(..colon)?.trim_ascii_end();
    if !name.eq_ignore_ascii_case(b"Content-Length") && !name.eq_ignore_ascii_case(b"l") {
        return None;
    }
    let value = line.get(colon + 1..).and_then(|value| std::str::from_utf8(value).ok());
    Some(value.and_then(|value| content_length(&unfold(value))))
}
