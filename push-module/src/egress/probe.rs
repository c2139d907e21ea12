//! The steps to one place, one after the other; the first that fails ends them.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, timeout};

use super::proxy::ProxySettings;
use super::tls::Securing;
use super::way::{Limit, Opened, Told, Way};
use super::{EgressPlace, EgressStep, Hindrance, STEP_TIMEOUT, StepResult};

/// The client's greeting and empty SETTINGS (RFC 9113 section 3.4).
const GREETING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
/// The type of a SETTINGS frame (RFC 9113 section 6.5), the first a server sends.
const SETTINGS: u8 = 4;

/// Asks one place; `tell` gets each step as it is done.
pub(crate) async fn probe(place: &EgressPlace, proxies: &ProxySettings, mut tell: impl FnMut(StepResult) + Send) {
    let securing = match Securing::new(place.extra_ca_pem.as_deref(), None, place.needs_http2) {
        Ok(securing) => securing,
        Err(text) => {
            let fix = "correct the additional root certificate of the credential".to_owned();
            let hindrance = Hindrance { code: "tls_setup", text, fix };
            return tell(result((EgressStep::Tls, Err(&hindrance), Duration::ZERO)));
        }
    };
    let way = Way {
        host: &place.host,
        port: place.port,
        plain: place.plain,
        proxies,
        guard: None,
        securing: &securing,
        limit: Limit::Each(STEP_TIMEOUT),
    };
    // A step that failed has been told already.
    let Ok(opened) = way.walk(&mut |told: Told<'_>| tell(result(told))).await else { return };
    let Opened::Secure(mut stream) = opened else { return };
    let agreed = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    if agreed || place.needs_http2 {
        let began = Instant::now();
        let greeted = timeout(STEP_TIMEOUT, greet(&mut stream)).await.unwrap_or(false);
        let hindrance = no_http2(&place.host);
        let words = if greeted { Ok("the provider speaks HTTP/2") } else { Err(&hindrance) };
        tell(result((EgressStep::Http2, words, began.elapsed())));
    }
}

fn result((step, done, took): Told<'_>) -> StepResult {
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    match done {
        Ok(text) => StepResult { step, ok: true, code: "ok", text: text.to_owned(), fix: String::new(), took_ms },
        Err(Hindrance { code, text, fix }) => {
            StepResult { step, ok: false, code, text: text.clone(), fix: fix.clone(), took_ms }
        }
    }
}

async fn greet(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> bool {
    let mut head = [0u8; 9];
    let talk = async {
        stream.write_all(GREETING).await?;
        stream.flush().await?;
        stream.read_exact(&mut head).await
    };
    let talked = talk.await.is_ok();
    talked && matches!(head, [_, _, _, SETTINGS, ..])
}

fn no_http2(host: &str) -> Hindrance {
    Hindrance {
        code: "no_http2",
        text: format!("what answers at {host} does not speak HTTP/2: a proxy in between takes it apart"),
        fix: format!("let the proxy pass {host} without inspection"),
    }
}
