//! What is still done for a message when the switchboard cannot take more: new requests are declined from their raw
//! bytes, everything that ends or continues something waits for the reserve.

use bytes::{Bytes, BytesMut};

use crate::sip::guard;

/// Seconds after which a declined phone may try again; the queue that is full now is empty much earlier.
const RETRY_AFTER: &[u8] = b"Retry-After: 5\r\n";

/// Whether a message may be declined: a request that begins something new.
///
/// Responses, ACK, CANCEL and BYE never are, and neither is any request inside a dialog (its To carries a tag).
pub(super) fn may_be_declined(raw: &[u8]) -> bool {
    let mut lines = raw.split(|&b| b == b'\n').map(<[u8]>::trim_ascii).skip_while(|line| line.is_empty());
    let method = lines.next().and_then(|line| line.split(|&b| b == b' ').next()).unwrap_or(&[]);
    if method.starts_with(b"SIP/") || [&b"ACK"[..], b"CANCEL", b"BYE", b"PRACK"].contains(&method) {
        return false;
    }
    let to = lines.take_while(|line| !line.is_empty()).find_map(|line| {
        let colon = line.iter().position(|&b| b == b':')?;
        let (name, value) = line.split_at(colon);
        let name = name.trim_ascii_end();
        (name.eq_ignore_ascii_case(b"To") || name.eq_ignore_ascii_case(b"t")).then_some(value)
    });
    to.is_none_or(|to| !String::from_utf8_lossy(to).to_ascii_lowercase().contains(";tag="))
}

/// The 503 for a request that was declined, if it can be made.
pub(super) fn decline(raw: &[u8]) -> Option<Bytes> {
    let reply = guard::reply_to(raw, 503, "The switchboard is busy")?;
    let line_end = reply.iter().position(|&b| b == b'\n')? + 1;
    let mut with_retry = BytesMut::with_capacity(reply.len() + RETRY_AFTER.len());
    with_retry.extend_from_slice(reply.get(..line_end)?);
    with_retry.extend_from_slice(RETRY_AFTER);
    with_retry.extend_from_slice(reply.get(line_end..)?);
    Some(with_retry.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, to: &str) -> Vec<u8> {
        format!(
            "{method} sip:x@y SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@y>;tag=1\r\n{to}\r\n\
             Call-ID: c1\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
        )
        .into_bytes()
    }

    #[test]
    fn only_requests_that_begin_something_are_declined() {
        for method in ["REGISTER", "INVITE", "OPTIONS", "SUBSCRIBE"] {
            assert!(may_be_declined(&request(method, "To: <sip:x@y>")), "{method}");
        }
        for method in ["ACK", "CANCEL", "BYE", "PRACK"] {
            assert!(!may_be_declined(&request(method, "To: <sip:x@y>")), "{method}");
        }
        assert!(!may_be_declined(&request("INVITE", "t: <sip:x@y>;Tag=9")));
        assert!(!may_be_declined(b"SIP/2.0 200 OK\r\n\r\n"));
        assert!(may_be_declined(b""));
    }

    #[test]
    fn a_declined_request_is_told_when_to_come_back() {
        let reply = decline(&request("INVITE", "To: <sip:x@y>")).unwrap();
        let text = String::from_utf8(reply.to_vec()).unwrap();
        assert!(text.starts_with("SIP/2.0 503 The switchboard is busy\r\nRetry-After: 5\r\nVia: "), "{text}");
        assert!(text.contains("\r\nCall-ID: c1\r\n") && text.ends_with("\r\n\r\n"), "{text}");
        assert_eq!(decline(b"INVITE\r\n\r\n"), None);
    }
}
