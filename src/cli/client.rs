//! Talks to the running server through its Unix socket: the REST API without a token.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;
use tokio::net::UnixStream;

/// Where the API begins.
const API: &str = "/api/v1";
/// A live check of a push credential asks two hosts, 10 s each at most; nothing takes longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// A page of the API has 500 rows below 2 kB; an export has 5,000 short lines.
const ANSWER_BYTES: usize = 32 * 1024 * 1024;

/// Why the server gave no answer that can be used.
#[derive(Debug, Error)]
pub(super) enum ClientError {
    /// Nobody listens.
    #[error(
        "Nightbell is not running here (nobody answers at {}); start it (`systemctl start nightbell` or `nightbell serve`), or name its folder with --data-dir",
        .socket.display()
    )]
    NotRunning {
        /// Where it was tried.
        socket: PathBuf,
    },
    /// The socket belongs to somebody else.
    #[error(
        "this user may not talk to Nightbell at {}; run the command as the user that runs Nightbell or as root, for example with `sudo`",
        .socket.display()
    )]
    NotAllowed {
        /// Where it was tried.
        socket: PathBuf,
    },
    /// The connection could not be made or broke.
    #[error("Nightbell at {} could not be asked: {why}; it may be stopping, try again", .socket.display())]
    Broken {
        /// Where it was tried.
        socket: PathBuf,
        /// Why.
        why: String,
    },
    /// No answer in time.
    #[error("Nightbell at {} has not answered for {} s; `nightbell doctor` may say why", .socket.display(), PATIENCE.as_secs())]
    Silent {
        /// Where it was tried.
        socket: PathBuf,
    },
    /// The server said no, and why.
    #[error("{}", .0.detail())]
    Refused(Box<Problem>),
    /// Not the shape this version knows.
    #[error(
        "Nightbell gave an answer this command does not understand ({0}); is the server of the same version as this program?"
    )]
    Strange(String),
}

impl ClientError {
    /// The stable code in problem JSON.
    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::NotRunning { .. } => "not_running",
            Self::NotAllowed { .. } => "not_allowed",
            Self::Broken { .. } => "connection_broken",
            Self::Silent { .. } => "timeout",
            Self::Refused(_) => "refused",
            Self::Strange(_) => "answer_not_understood",
        }
    }
}

/// Problem JSON (RFC 9457) as the server sent it.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    raw: Value,
    known: KnownProblem,
}

#[derive(Debug, Clone, Deserialize)]
struct KnownProblem {
    #[serde(default)]
    code: String,
    detail: String,
    #[serde(default)]
    errors: Vec<RowError>,
    #[serde(default)]
    fields: Vec<FieldError>,
}

/// One field of a refused document.
#[derive(Debug, Clone, Deserialize)]
struct FieldError {
    field: String,
    message: String,
}

/// One line of a refused list.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct RowError {
    line: u64,
    column: String,
    message: String,
}

impl RowError {
    /// `line 4, column number: …`
    pub(super) fn text(&self) -> String {
        let Self { line, column, message } = self;
        if column.is_empty() {
            format!("line {line}: {message}")
        } else {
            format!("line {line}, column {column}: {message}")
        }
    }
}

impl Problem {
    fn read(status: StatusCode, body: &[u8]) -> Result<Self, ClientError> {
        let strange = || ClientError::Strange(format!("HTTP {status} without a reason"));
        let raw: Value = serde_json::from_slice(body).map_err(|_| strange())?;
        let known = KnownProblem::deserialize(&raw).map_err(|_| strange())?;
        Ok(Self { raw, known })
    }

    fn detail(&self) -> &str {
        &self.known.detail
    }

    /// One line for each refused row or field.
    pub(super) fn rows(&self) -> String {
        let rows = self.known.errors.iter().map(RowError::text);
        let fields = self.known.fields.iter().map(|one| format!("{}: {}", one.field, one.message));
        rows.chain(fields).map(|line| format!("{line}\n")).collect()
    }

    /// The problem and the fix, with the stable code.
    pub(super) fn sentence(&self) -> String {
        let KnownProblem { code, detail, .. } = &self.known;
        if code.is_empty() { detail.clone() } else { format!("{detail} [{code}]") }
    }

    pub(super) const fn as_json(&self) -> &Value {
        &self.raw
    }
}

/// An answer: as it came, and as the command reads it.
#[derive(Debug)]
pub(super) struct Answer<T> {
    pub(super) raw: Value,
    pub(super) known: T,
}

/// The way to one server; each question opens a connection of its own.
#[derive(Debug, Clone)]
pub(super) struct Client {
    socket: PathBuf,
}

impl Client {
    pub(super) const fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Answer<T>, ClientError> {
        read(&self.ask(Method::GET, path, None).await?)
    }

    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<Answer<T>, ClientError> {
        read(&self.ask(Method::POST, path, Some(body)).await?)
    }

    /// A POST without a body.
    pub(super) async fn post_nothing<T: DeserializeOwned>(&self, path: &str) -> Result<Answer<T>, ClientError> {
        read(&self.ask(Method::POST, path, None).await?)
    }

    pub(super) async fn patch<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<Answer<T>, ClientError> {
        read(&self.ask(Method::PATCH, path, Some(body)).await?)
    }

    pub(super) async fn put<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<Answer<T>, ClientError> {
        read(&self.ask(Method::PUT, path, Some(body)).await?)
    }

    pub(super) async fn delete(&self, path: &str) -> Result<(), ClientError> {
        self.ask(Method::DELETE, path, None).await.map(drop)
    }

    /// A question whose answer is no JSON.
    pub(super) async fn post_for_text(&self, path: &str, body: &Value) -> Result<String, ClientError> {
        let body = self.ask(Method::POST, path, Some(body)).await?;
        String::from_utf8(body.to_vec()).map_err(|_| ClientError::Strange("it is not text".to_owned()))
    }

    /// An answer that is no JSON.
    pub(super) async fn get_text(&self, path: &str) -> Result<String, ClientError> {
        let body = self.ask(Method::GET, path, None).await?;
        String::from_utf8(body.to_vec()).map_err(|_| ClientError::Strange("it is not text".to_owned()))
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Bytes, ClientError> {
        let silent = || ClientError::Silent { socket: self.socket.clone() };
        tokio::time::timeout(PATIENCE, self.exchange(method, path, body)).await.map_err(|_| silent())?
    }

    async fn exchange(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Bytes, ClientError> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| self.unreachable(&error))?;
        let broken = |error: hyper::Error| self.broken(&error);
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let driving = tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(format!("{API}{path}")).header(HOST, "localhost");
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let bytes = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let request = request.body(Full::new(bytes)).map_err(|error| self.broken(&error))?;
        let answer = sender.send_request(request).await.map_err(broken)?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| self.broken(error.as_ref()))?.to_bytes();
        driving.abort();
        if status.is_success() { Ok(body) } else { Err(ClientError::Refused(Box::new(Problem::read(status, &body)?))) }
    }

    fn unreachable(&self, error: &io::Error) -> ClientError {
        let socket = self.socket.clone();
        #[expect(clippy::wildcard_enum_match_arm, reason = "io::ErrorKind is not ours and open for more kinds")]
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::NotADirectory => {
                ClientError::NotRunning { socket }
            }
            ErrorKind::PermissionDenied => ClientError::NotAllowed { socket },
            _ => ClientError::Broken { socket, why: error.to_string() },
        }
    }

    fn broken(&self, error: &(dyn std::error::Error + 'static)) -> ClientError {
        ClientError::Broken { socket: self.socket.clone(), why: error.to_string() }
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<Answer<T>, ClientError> {
    let raw: Value = serde_json::from_slice(body).map_err(|error| ClientError::Strange(error.to_string()))?;
    let known = T::deserialize(&raw).map_err(|error| ClientError::Strange(error.to_string()))?;
    Ok(Answer { raw, known })
}

/// A path segment or query value with everything but letters, digits and `-._` percent-encoded (RFC 3986 section 2.1).
pub(super) fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut coded, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
            coded.push(char::from(byte));
        } else {
            coded.push_str(&format!("%{byte:02X}"));
        }
        coded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_with_a_hash_stays_one_path_segment() {
        assert_eq!(encoded("10#/..?a"), "10%23%2F..%3Fa");
    }

    #[tokio::test]
    async fn a_socket_that_is_not_there_means_that_nightbell_does_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let client = Client::new(folder.path().join("admin.sock"));
        let error = client.get::<Value>("/status").await.unwrap_err();
        assert!(matches!(error, ClientError::NotRunning { .. }), "{error:?}");
        assert!(error.to_string().contains("nightbell serve"), "{error}");
    }

    #[tokio::test]
    async fn a_socket_left_behind_by_a_crash_means_that_nightbell_does_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let error = Client::new(path).get::<Value>("/status").await.unwrap_err();
        assert!(matches!(error, ClientError::NotRunning { .. }), "{error:?}");
    }

    #[test]
    fn a_refused_list_names_every_line_beside_the_sentence() {
        let body = br#"{"status":422,"code":"import_has_errors","detail":"nothing was imported",
            "errors":[{"line":4,"column":"number","code":"x","message":"bad"},{"line":5,"column":"","code":"y","message":"odd"}]}"#;
        let problem = Problem::read(StatusCode::UNPROCESSABLE_ENTITY, body).unwrap();
        assert_eq!(problem.rows(), "line 4, column number: bad\nline 5: odd\n");
        assert_eq!(problem.sentence(), "nothing was imported [import_has_errors]");
    }
}
