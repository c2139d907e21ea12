//! A PostgreSQL server of the test's own, behind a gate that can be shut or can swallow everything.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::SOON;

/// What the way to the server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Everything passes.
    Open,
    /// Connections end, and no other is taken.
    Shut,
    /// Connections stay, and nothing passes: a cable that was pulled.
    Silent,
}

/// The server, which ends with this value, and the gate before it.
pub(crate) struct Postgres {
    _server: Child,
    gate: watch::Sender<Way>,
    address: SocketAddr,
}

impl Postgres {
    pub(crate) async fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/.ci/with-postgres");
        let mut server = Command::new(script)
            .args(["sh", "-c", "echo \"$NIGHTBELL_TEST_POSTGRES\"; exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{script}: {error}"));
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let url = tokio::time::timeout(SOON, lines.next_line()).await.expect("PostgreSQL starts").unwrap().unwrap();
        let (_, folder) = url.split_once("host=").unwrap_or_else(|| panic!("{url} names a folder"));
        let socket = PathBuf::from(folder).join(".s.PGSQL.5432");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (gate, way) = watch::channel(Way::Open);
        tokio::spawn(keep_gate(listener, socket, way));
        Self { _server: server, gate, address }
    }

    /// The address of its database, through the gate.
    pub(crate) fn url(&self) -> String {
        format!("postgres://nightbell@{}/postgres?sslmode=disable", self.address)
    }

    pub(crate) fn set(&self, way: Way) {
        self.gate.send_replace(way);
    }
}

async fn keep_gate(listener: TcpListener, socket: PathBuf, way: watch::Receiver<Way>) {
    let mut pairs = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while pairs.try_join_next().is_some() {}
        if *way.borrow() != Way::Shut {
            pairs.spawn(carry(client, socket.clone(), way.clone()));
        }
    }
}

/// Carries bytes both ways while the gate is open; ends the connection when it is shut.
async fn carry(mut client: TcpStream, socket: PathBuf, mut way: watch::Receiver<Way>) {
    let Ok(mut server) = UnixStream::connect(&socket).await else { return };
    let (mut from_client, mut from_server) = ([0u8; 16_384], [0u8; 16_384]);
    loop {
        let now = *way.borrow_and_update();
        if now == Way::Shut {
            return;
        }
        let open = now == Way::Open;
        let carried = tokio::select! {
            changed = way.changed() => if changed.is_ok() { continue } else { return },
            read = client.read(&mut from_client), if open => match read {
                Ok(0) | Err(_) => return,
                Ok(length) => server.write_all(&from_client[..length]).await,
            },
            read = server.read(&mut from_server), if open => match read {
                Ok(0) | Err(_) => return,
                Ok(length) => client.write_all(&from_server[..length]).await,
            },
        };
        if carried.is_err() {
            return;
        }
    }
}
