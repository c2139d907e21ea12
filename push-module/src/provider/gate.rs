//! The way of a push's body onto a shared connection, a few at a time.
//!
//! HTTP/2 gives all streams of a connection one window (RFC 9113 section 5.2), 64 KiB at Apple, and a group of 500 pushes is
//! larger. The HTTP library lets every stream that waits for the window claim one byte of it, so with hundreds of them waiting
//! each new piece of the window would be spent on frames of one byte, which a server may take for an attack: the `h2` crate's
//! answers with GOAWAY, and all pushes of the connection are lost. With few of them waiting, each push is one HEADERS and one
//! DATA frame.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bodies of one connection that are on their way to the socket: of the usual half kilobyte each they fit into the smallest
/// piece in which a window is given back, and they are more than two cores can write in the time of one wake-up.
const UNDER_WAY: usize = 16;

/// Lets the bodies of one client through.
#[derive(Debug, Clone)]
pub(super) struct Gate(Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(UNDER_WAY)))
    }
}

impl Gate {
    /// Waits for a place and gives the body that holds it.
    pub(super) async fn pass(&self, body: Bytes) -> Whole {
        // The semaphore is never closed.
        let place = Arc::clone(&self.0).acquire_owned().await.ok();
        Whole(Some(Bytes::from_owner(Carried { body, _place: place })))
    }
}

/// A body that holds its place until its last byte is in the socket or nobody wants it any more.
struct Carried {
    body: Bytes,
    _place: Option<OwnedSemaphorePermit>,
}

impl AsRef<[u8]> for Carried {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

/// A body of one frame. Nothing keeps a copy of it, as a body that can be sent twice would.
#[derive(Debug)]
pub(super) struct Whole(Option<Bytes>);

impl Whole {
    /// One that needs no place.
    pub(super) const fn new(body: Bytes) -> Self {
        Self(Some(body))
    }
}

impl Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|body| Ok(Frame::data(body))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.0.as_ref().and_then(|body| u64::try_from(body.len()).ok());
        SizeHint::with_exact(left.unwrap_or_default())
    }
}

/// The server refused the stream, or took leave before it came to it (RFC 9113 section 8.7): it may be asked once more at once.
pub(super) fn was_not_looked_at(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(one) = cause {
        if let Some(http2) = one.downcast_ref::<h2::Error>() {
            let reason = http2.reason();
            return http2.is_remote()
                && (http2.is_go_away() && reason == Some(h2::Reason::NO_ERROR)
                    || http2.is_reset() && reason == Some(h2::Reason::REFUSED_STREAM));
        }
        cause = one.source();
    }
    false
}
