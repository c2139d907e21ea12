//! A strict mail server: STARTTLS before anything else, a sign-in before any mail, and recipients with habits.
//!
//! `nobody@…` is refused for good, `grey@…` for the first time; `lost@…` is taken, but the first time the connection breaks
//! before the word of it; everybody else is taken.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::ServerConfig;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// The only account.
pub(crate) const USER: &str = "telephone@example.com";
pub(crate) const PASSWORD: &str = "post box & <key>";

/// A mail that was taken.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) from: String,
    pub(crate) to: String,
    /// Headers and body as they came, dots unstuffed.
    pub(crate) text: String,
}

#[derive(Default)]
struct Books {
    taken: Vec<Taken>,
    seen_grey: BTreeSet<String>,
    seen_lost: BTreeSet<String>,
    /// Commands that came before STARTTLS other than EHLO, NOOP and QUIT.
    in_the_clear: Vec<String>,
}

/// A running mail server, called `localhost`.
pub(crate) struct MailServer {
    pub(crate) address: SocketAddr,
    /// Its certificate, which is its own authority.
    pub(crate) authority: String,
    books: Arc<Mutex<Books>>,
}

impl MailServer {
    pub(crate) async fn start() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let authority = made.cert.pem();
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider knows TLS")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("the key fits");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let books = Arc::<Mutex<Books>>::default();
        let shared = Arc::clone(&books);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, books) = (acceptor.clone(), Arc::clone(&shared));
                // A client that goes away in the middle ends only its own conversation.
                tokio::spawn(async move { greet(stream, acceptor, books).await });
            }
        });
        Self { address, authority, books }
    }

    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.books.lock().expect("no test panics with it").taken.clone()
    }

    pub(crate) fn in_the_clear(&self) -> Vec<String> {
        self.books.lock().expect("no test panics with it").in_the_clear.clone()
    }
}

async fn greet(stream: TcpStream, acceptor: TlsAcceptor, books: Arc<Mutex<Books>>) -> std::io::Result<()> {
    let mut plain = BufReader::new(stream);
    plain.write_all(b"220 localhost at your service\r\n").await?;
    loop {
        let mut line = String::new();
        if plain.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        match line.split_whitespace().next().unwrap_or("").to_ascii_uppercase().as_str() {
            "EHLO" => plain.write_all(b"250-localhost\r\n250 STARTTLS\r\n").await?,
            "NOOP" => plain.write_all(b"250 ok\r\n").await?,
            "QUIT" => return Ok(()),
            "STARTTLS" => break,
            _ => {
                books.lock().expect("no test panics with it").in_the_clear.push(line.clone());
                plain.write_all(b"530 5.7.0 Must issue a STARTTLS command first\r\n").await?;
            }
        }
    }
    plain.write_all(b"220 go on\r\n").await?;
    let protected = acceptor.accept(plain.into_inner()).await?;
    talk(BufReader::new(protected), &books).await
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: BufReader<S>,
    books: &Mutex<Books>,
) -> std::io::Result<()> {
    let (mut signed_in, mut from, mut to) = (false, String::new(), String::new());
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let upper = line.to_ascii_uppercase();
        let answer = if upper.starts_with("EHLO") {
            "250-localhost\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN\r\n".to_owned()
        } else if let Some(given) = line.strip_prefix("AUTH PLAIN ") {
            let expected = STANDARD.encode(format!("\0{USER}\0{PASSWORD}"));
            signed_in = given.trim() == expected;
            if signed_in { "235 2.7.0 welcome\r\n" } else { "535 5.7.8 Authentication credentials invalid\r\n" }
                .to_owned()
        } else if upper.starts_with("NOOP") || upper.starts_with("RSET") {
            "250 ok\r\n".to_owned()
        } else if upper.starts_with("QUIT") {
            stream.write_all(b"221 bye\r\n").await?;
            return Ok(());
        } else if !signed_in {
            "530 5.7.0 Authentication required\r\n".to_owned()
        } else if upper.starts_with("MAIL FROM:") {
            from = address(&line);
            "250 ok\r\n".to_owned()
        } else if upper.starts_with("RCPT TO:") {
            to = address(&line);
            recipient(&to, books)
        } else if upper.starts_with("DATA") {
            stream.write_all(b"354 go on\r\n").await?;
            let text = data(&mut stream).await?;
            let mut books = books.lock().expect("no test panics with it");
            books.taken.push(Taken { from: from.clone(), to: to.clone(), text });
            if to.starts_with("lost@") && books.seen_lost.insert(to.clone()) {
                return Ok(());
            }
            format!("250 2.0.0 Ok: queued as {}\r\n", books.taken.len())
        } else {
            "502 what?\r\n".to_owned()
        };
        stream.write_all(answer.as_bytes()).await?;
    }
}

fn recipient(to: &str, books: &Mutex<Books>) -> String {
    if to.starts_with("nobody@") {
        return "550 5.1.1 no such mailbox\r\n".to_owned();
    }
    if to.starts_with("grey@") && books.lock().expect("no test panics with it").seen_grey.insert(to.to_owned()) {
        return "451 4.7.1 greylisted, try again later\r\n".to_owned();
    }
    "250 ok\r\n".to_owned()
}

async fn data<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>) -> std::io::Result<String> {
    let mut text = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 || line == ".\r\n" {
            return Ok(text);
        }
        text.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}

fn address(line: &str) -> String {
    line.split(['<', '>']).nth(1).unwrap_or("").to_owned()
}
