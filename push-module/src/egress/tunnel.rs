//! Asking a web proxy to connect (RFC 9110 section 9.3.6), and what its refusals mean to somebody who runs an office.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::Hindrance;
use super::proxy::WebProxy;

/// What a proxy may answer to CONNECT before it is no proxy; Squid's longest refusal page begins behind 1 kB of headers.
const ANSWER_BYTES: usize = 8192;

/// Why there is no tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// Another status than a success.
    Status(u16),
    /// The connection ended instead.
    Cut,
    /// Something that is no answer to CONNECT, or an answer without end.
    NotSpoken,
}

/// Asks `proxy` on `stream` to connect to `target` (`host:port`).
pub(super) async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    proxy: &WebProxy,
    target: &str,
) -> Result<(), Hindrance> {
    talk(stream, proxy, target).await.map_err(|refusal| explain(refusal, proxy, target))
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    proxy: &WebProxy,
    target: &str,
) -> Result<(), Refusal> {
    let mut asked = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    if let Some(authorization) = &proxy.authorization {
        asked.push_str("Proxy-Authorization: ");
        asked.push_str(authorization.reveal());
        asked.push_str("\r\n");
    }
    asked.push_str("\r\n");
    stream.write_all(asked.as_bytes()).await.map_err(|_| Refusal::Cut)?;
    let mut answer = Vec::new();
    let mut chunk = [0u8; 1024];
    loop {
        let read = stream.read(&mut chunk).await.map_err(|_| Refusal::Cut)?;
        let Some(chunk) = chunk.get(..read).filter(|chunk| !chunk.is_empty()) else { return Err(Refusal::Cut) };
        answer.extend_from_slice(chunk);
        if let Some(status) = status(&answer)? {
            let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
            match (status, end) {
                // The provider says nothing before it is greeted, so nothing may follow.
                (200..=299, Some(end)) if end + 4 == answer.len() => return Ok(()),
                (200..=299, Some(_)) => return Err(Refusal::NotSpoken),
                (200..=299, None) => {}
                // Whatever page follows a refusal is not needed.
                (status, _) => return Err(Refusal::Status(status)),
            }
        }
        if answer.len() >= ANSWER_BYTES {
            return Err(Refusal::NotSpoken);
        }
    }
}

/// The status in the first line, once the line is there.
fn status(answer: &[u8]) -> Result<Option<u16>, Refusal> {
    let Some(end) = answer.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
    let line = answer.get(..end).and_then(|line| std::str::from_utf8(line).ok()).ok_or(Refusal::NotSpoken)?;
    let code = line.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)).map(str::trim);
    match code.and_then(|code| code.parse::<u16>().ok()) {
        Some(code) if (200..=599).contains(&code) => Ok(Some(code)),
        Some(_) | None => Err(Refusal::NotSpoken),
    }
}

fn explain(refusal: Refusal, proxy: &WebProxy, target: &str) -> Hindrance {
    let WebProxy { host, port, authorization } = proxy;
    match refusal {
        Refusal::Status(407) => Hindrance {
            code: "proxy_password",
            text: if authorization.is_some() {
                format!("the web proxy {host}:{port} does not accept the user name and password it was given (407)")
            } else {
                format!("the web proxy {host}:{port} asks for a user name and a password (407)")
            },
            fix: "ask whoever runs the proxy for them, and set them under Settings, Web proxy".to_owned(),
        },
        Refusal::Status(status @ (403 | 405)) => Hindrance {
            code: "proxy_forbidden",
            text: format!("the web proxy {host}:{port} forbids connections to {target} ({status})"),
            fix: format!(
                "let the proxy pass CONNECT to {target}, or put the host into the list of those without proxy"
            ),
        },
        Refusal::Status(status @ (404 | 500..=599)) => Hindrance {
            code: "proxy_cannot_connect",
            text: format!("the web proxy {host}:{port} itself does not reach {target} ({status})"),
            fix: "look at the proxy's own internet connection, firewall and DNS".to_owned(),
        },
        Refusal::Status(status) => Hindrance {
            code: "proxy_refused",
            text: format!("the web proxy {host}:{port} refuses to connect to {target} ({status})"),
            fix: format!("allow CONNECT to {target} at the proxy"),
        },
        Refusal::Cut => Hindrance {
            code: "proxy_cut",
            text: format!("the web proxy {host}:{port} hangs up when it is asked to connect to {target}"),
            fix: format!("allow CONNECT to {target} at the proxy, and look into its log"),
        },
        Refusal::NotSpoken => Hindrance {
            code: "proxy_not_spoken",
            text: format!("what listens at {host}:{port} does not answer as a web proxy does"),
            fix: "compare host and port with the proxy's own settings, under Settings, Web proxy".to_owned(),
        },
    }
}

/// It took the request and said nothing.
pub(super) fn silent(proxy: &WebProxy, target: &str) -> Hindrance {
    let WebProxy { host, port, .. } = proxy;
    Hindrance {
        code: "proxy_silent",
        text: format!("the web proxy {host}:{port} does not answer when it is asked to connect to {target}"),
        fix: format!("look whether the proxy is overloaded, and whether it reaches {target} itself"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn asked(answer: &[u8]) -> Result<(), Hindrance> {
        let (mut ours, mut theirs) = tokio::io::duplex(64 * 1024);
        theirs.write_all(answer).await.unwrap();
        theirs.shutdown().await.unwrap();
        let proxy = WebProxy { host: "proxy.lan".to_owned(), port: 3128, authorization: None };
        open(&mut ours, &proxy, "api.push.apple.com:443").await
    }

    #[tokio::test]
    async fn every_answer_of_a_proxy_has_its_word() {
        assert!(asked(b"HTTP/1.1 200 Connection established\r\n\r\n").await.is_ok());
        assert!(asked(b"HTTP/1.0 200\r\nVia: 1.1 squid\r\n\r\n").await.is_ok());
        let flood = [b"HTTP/1.1 200 OK\r\n".to_vec(), b"X: y\r\n".repeat(5000)].concat();
        let rows: [(&[u8], &str); 12] = [
            (b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\npage", "proxy_password"),
            (b"HTTP/1.1 403 Forbidden\r\n\r\n", "proxy_forbidden"),
            (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "proxy_cannot_connect"),
            (b"HTTP/1.1 503 Service Unavailable\r\n", "proxy_cannot_connect"),
            (b"HTTP/1.1 302 Found\r\nLocation: http://portal/\r\n\r\n", "proxy_refused"),
            (b"", "proxy_cut"),
            (b"HTTP/1.1 200 OK\r\n", "proxy_cut"),
            (b"HTTP/1.1 200 OK\r\n\r\nmore", "proxy_not_spoken"),
            (b"SSH-2.0-OpenSSH_9.9\r\n", "proxy_not_spoken"),
            (b"HTTP/1.1 9999999 x\r\n\r\n", "proxy_not_spoken"),
            (b"\xff\xfe\n", "proxy_not_spoken"),
            (&flood, "proxy_not_spoken"),
        ];
        for (answer, code) in rows {
            let hindrance = asked(answer).await.unwrap_err();
            assert_eq!(hindrance.code, code, "{}", String::from_utf8_lossy(answer.get(..40).unwrap_or(answer)));
            assert!(hindrance.text.contains("proxy.lan:3128") && !hindrance.fix.is_empty(), "{hindrance:?}");
        }
    }
}
