//! What is done with bytes that a fuzzer makes up: everything that reads them, and what must hold afterwards.
//!
//! The fuzz targets and the smoke test of the usual test run share this file.

use bytes::Bytes;
use pbx_core::media::sdp;
use pbx_core::model::Transport;
use pbx_core::sip::framer::{Frame, Framer};
use pbx_core::sip::guard;
use pbx_core::sip::message::{HeaderName, Message, Request, Response};
use pbx_core::sip::uri::{NameAddr, Uri};
use pbx_core::sip::{cseq, digest, translate, via};

/// The guard lets in what is sound, refuses the rest, and its answers are sound themselves.
pub(crate) fn guard(data: &[u8]) {
    for transport in [Transport::Udp, Transport::Tcp] {
        let raw = Bytes::copy_from_slice(data);
        match guard::check(raw, transport) {
            Ok(message) => is_sound(&message),
            Err(refusal) => {
                assert!((400..700).contains(&refusal.status), "{refusal:?}");
                if let Some(reply) = refusal.reply {
                    assert!(reply.len() <= 2 * data.len() + 512, "an answer far longer than the question");
                    let Ok(Message::Response(answer)) = guard::check(reply.clone(), Transport::Udp) else {
                        // A response with several Vias goes back along them; it is for nobody here.
                        assert!(reply.starts_with(b"SIP/2.0 "), "{reply:?}");
                        return;
                    };
                    assert_eq!(answer.status, refusal.status);
                }
            }
        }
    }
}

fn is_sound(message: &Message) {
    let headers = match message {
        Message::Request(request) => &request.headers,
        Message::Response(response) => &response.headers,
    };
    for name in [HeaderName::From, HeaderName::To, HeaderName::CallId, HeaderName::CSeq] {
        assert_eq!(headers.all(&name).count(), 1, "{name:?}");
    }
    for header in headers.iter() {
        assert!(!header.value.as_str().contains(['\r', '\n', '\0']), "a line end inside {header:?}");
    }
    assert!(cseq::of(headers).is_some());
}

/// Whatever passes the guard can be written and read again, and every reader of its headers comes to an end.
pub(crate) fn message(data: &[u8]) {
    let Ok(message) = guard::check(Bytes::copy_from_slice(data), Transport::Udp) else { return };
    let written = match &message {
        Message::Request(request) => {
            readers(request);
            let answer = Response::to(request, 200, "OK", "a-tag").to_bytes();
            let vias =
                request.headers.all(&HeaderName::Via).flat_map(|line| pbx_core::sip::uri::split_list(line)).count();
            let read = guard::check(answer.clone(), Transport::Udp);
            assert!(read.is_ok() || vias > 1, "{:?} {}", read, String::from_utf8_lossy(&answer));
            request.to_bytes()
        }
        Message::Response(response) => response.to_bytes(),
    };
    if written.len() > guard::MAX_DATAGRAM {
        return;
    }
    let again = guard::check(written.clone(), Transport::Udp);
    let again = again.unwrap_or_else(|refusal| panic!("{refusal:?}: {}", String::from_utf8_lossy(&written)));
    let rewritten = match &again {
        Message::Request(request) => request.to_bytes(),
        Message::Response(response) => response.to_bytes(),
    };
    assert_eq!(written, rewritten, "writing is not stable");
}

fn readers(request: &Request) {
    let _ = Uri::parse(&request.uri);
    let _ = digest::claimed_username(request);
    let _ = translate::path(request);
    let _ = translate::contacts(request);
    for header in request.headers.iter() {
        let _ = via::Via::parse(&header.value);
        if let Ok(address) = NameAddr::parse(&header.value) {
            let _ = (address.parsed_uri(), address.tag(), address.display_name());
        }
    }
}

/// A description is read, and what we write of it announces our address and no other.
pub(crate) fn sdp(data: &[u8]) {
    let ours = std::net::IpAddr::from([192, 0, 2, 1]);
    let read = sdp::read(data);
    let written = sdp::rewrite(data, ours, 10_000);
    assert!(written.len() <= 2 * data.len() + 4096, "{} bytes became {}", data.len(), written.len());
    if let Ok(announced) = &read {
        let _ = (announced.holds(), announced.aim());
        let again = sdp::read(&written);
        let again = again.unwrap_or_else(|error| panic!("{error:?}: {}", String::from_utf8_lossy(&written)));
        let aim = again.aim();
        assert!(aim.ip().is_unspecified() || aim.ip() == ours, "{aim} in {}", String::from_utf8_lossy(&written));
    }
}

/// Push parameters in a Contact: read, or refused; what peers see never holds a token.
pub(crate) fn push_params(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let line: String = text.chars().filter(|c| !c.is_control()).collect();
    let head = "REGISTER sip:pbx SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1\r\nFrom: <sip:101@pbx>;tag=f\r\n\
                To: <sip:101@pbx>\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n";
    for contact in [format!("<sip:101@192.0.2.7;{line}>"), format!("<sip:101@192.0.2.7>;{line}"), line.clone()] {
        let text = format!("{head}Contact: {contact}\r\nContent-Length: 0\r\n\r\n");
        let Ok(Message::Request(request)) = guard::check(Bytes::from(text), Transport::Udp) else { continue };
        let _ = translate::contacts(&request);
        let _ = translate::path(&request);
    }
    let uri = format!("sip:101@192.0.2.7;{line}");
    if Uri::parse(&uri).is_ok() {
        let stripped = translate::strip_push_params(&uri);
        assert!(Uri::parse(&stripped).is_ok(), "{uri} became {stripped}");
        let params = stripped.split('?').next().unwrap_or("");
        let names = params.split(';').skip(1).map(|param| param.split('=').next().unwrap_or("").to_ascii_lowercase());
        let kept: Vec<String> =
            names.filter(|name| ["pn-prid", "pn-param", "pn-provider"].contains(&name.as_str())).collect();
        assert!(kept.is_empty(), "{uri} became {stripped}");
        assert_eq!(translate::strip_push_params(&stripped), stripped, "stripping twice changes more");
    }
}

/// However a stream is cut, the same messages come out of it, and nothing is kept without end.
pub(crate) fn framer(data: &[u8]) {
    let Some((&step, bytes)) = data.split_first() else { return };
    let whole = frames(bytes, bytes.len().max(1));
    let cut = frames(bytes, usize::from(step % 64) + 1);
    assert_eq!(whole, cut, "the frames depend on how the stream was cut");
}

fn frames(bytes: &[u8], step: usize) -> (Vec<Option<Bytes>>, bool) {
    let mut framer = Framer::new();
    let mut found = Vec::new();
    for chunk in bytes.chunks(step) {
        framer.push(chunk);
        loop {
            match framer.next() {
                Ok(Some(Frame::Message(message))) => {
                    assert!(message.len() <= guard::MAX_STREAM_MESSAGE);
                    let _ = guard::check(message.clone(), Transport::Tcp);
                    found.push(Some(message));
                }
                Ok(Some(Frame::KeepAlive)) => found.push(None),
                Ok(None) => break,
                Err(_) => return (found, true),
            }
        }
    }
    (found, false)
}
