//! Frames do not depend on how the stream was chopped, and a broken stream stays broken.

use proptest::prelude::*;

use super::{Frame, FrameError, Framer, MAX_HEAD};

fn message(body: &str) -> String {
    format!(
        "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bK1\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>\r\n\
             Call-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Every frame of `stream` pushed in pieces of `size`, and how it ended.
fn frames(stream: &[u8], size: usize) -> (Vec<Frame>, Option<FrameError>) {
    let mut framer = Framer::new();
    let mut frames = Vec::new();
    for piece in stream.chunks(size) {
        framer.push(piece);
        loop {
            match framer.next() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

fn error(stream: &str) -> FrameError {
    frames(stream.as_bytes(), stream.len()).1.unwrap()
}

#[test]
fn messages_and_keep_alives_come_out_in_order() {
    let (first, second) = (message(""), message("v=0\r\n\r\n"));
    let stream = format!("\r\n\r\n{first}\r\n{second}\r\n\r\n\r\n\r\n");
    let expected = [
        Frame::KeepAlive,
        Frame::Message(first.into()),
        Frame::Message(second.into()),
        Frame::KeepAlive,
        Frame::KeepAlive,
    ];
    for size in [1, 2, 3, 7, stream.len()] {
        assert_eq!(frames(stream.as_bytes(), size), (expected.to_vec(), None), "pieces of {size}");
    }
}

#[test]
fn folded_short_and_bare_lf_spellings_of_content_length_are_read() {
    let head = "OPTIONS sip:a SIP/2.0\r\n";
    for length in ["l:\r\n 3", "L : 3", "CONTENT-LENGTH:3", "Content-Length: 3\r\nl: 3", "Content-Length: 0003"] {
        let stream = format!("{head}{length}\r\n\r\nabc");
        assert_eq!(frames(stream.as_bytes(), 5).0, [Frame::Message(stream.clone().into())], "{length:?}");
    }
    let stream = "OPTIONS sip:a SIP/2.0\nl: 3\n\nabc";
    assert_eq!(frames(stream.as_bytes(), 4).0, [Frame::Message(stream.into())]);
}

#[test]
fn lengths_that_cannot_be_true_break_the_stream_with_an_answer() {
    for length in ["-1", "99999999999999999999", "18446744073709551615", "70000", "5\r\nl: 6", "", "1, 1"] {
        let stream = message("").replace("Content-Length: 0", &format!("Content-Length: {length}"));
        let status = if length == "70000" || length == "18446744073709551615" { "413" } else { "400" };
        let reply = error(&stream).reply.unwrap();
        assert!(reply.starts_with(format!("SIP/2.0 {status} ").as_bytes()), "{length:?}: {reply:?}");
    }
    assert_eq!(error(&message("").replace("Content-Length", "X")).reason, "Content-Length is missing");
}

#[test]
fn a_head_without_end_breaks_the_stream() {
    let endless = format!("OPTIONS sip:a SIP/2.0\r\nX: {}", "a".repeat(MAX_HEAD));
    assert_eq!(error(&endless), FrameError { reply: None, reason: "The headers are too large" });
}

#[test]
fn after_an_error_nothing_more_comes_and_nothing_is_kept() {
    let mut framer = Framer::new();
    framer.push(message("").replace("Length: 0", "Length: x").as_bytes());
    assert!(framer.next().is_err());
    framer.push(message("").as_bytes());
    assert_eq!(framer.next(), Ok(None));
    assert!(!framer.is_mid_message());
}

#[test]
fn a_started_message_can_be_told_from_an_idle_connection() {
    let mut framer = Framer::new();
    assert!(!framer.is_mid_message());
    framer.push(b"OPT");
    assert_eq!(framer.next(), Ok(None));
    assert!(framer.is_mid_message());
    let rest = message("");
    framer.push(&rest.as_bytes()[3..]);
    assert_eq!(framer.next(), Ok(Some(Frame::Message(rest.into()))));
    assert_eq!(framer.next(), Ok(None));
    assert!(!framer.is_mid_message());
}

#[test]
fn a_full_size_message_byte_by_byte_searches_each_byte_once() {
    // 64 KiB in single bytes: a search that started over each time would look at two billion bytes.
    let stream = message(&"x".repeat(65_000));
    assert_eq!(frames(stream.as_bytes(), 1).0, [Frame::Message(stream.into())]);
    let head = message("").replace("CSeq", &format!("X: {}\r\nCSeq", "a".repeat(30_000)));
    assert_eq!(frames(head.as_bytes(), 1).0, [Frame::Message(head.into())]);
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => "[a-z\r\n ]{0,40}".prop_map(|body| message(&body).into_bytes()),
        2 => Just(b"\r\n\r\n".to_vec()),
        2 => prop::sample::select(vec!["\r\n", "\n", "\r"]).prop_map(|text| text.as_bytes().to_vec()),
        1 => Just(b"l: 5\r\n".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_chopping_gives_the_same_frames(stream in stream(), cuts in prop::collection::vec(1_usize..40, 1..20)) {
        let whole = frames(&stream, stream.len().max(1));
        prop_assert_eq!(&frames(&stream, 1), &whole);
        let mut framer = Framer::new();
        let (mut found, mut broken) = (Vec::new(), None);
        let (mut rest, mut cuts) = (&stream[..], cuts.iter().cycle());
        while !rest.is_empty() && broken.is_none() {
            let (piece, after) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
            framer.push(piece);
            rest = after;
            loop {
                match framer.next() {
                    Ok(Some(frame)) => found.push(frame),
                    Ok(None) => break,
                    Err(error) => { broken = Some(error); break }
                }
            }
        }
        prop_assert_eq!((found, broken.map(|error| error.reason)), (whole.0, whole.1.map(|error| error.reason)));
    }
}
