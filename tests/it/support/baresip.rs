//! baresip as a desk phone on UDP (Debian's baresip 1.0.0), driven through its `ctrl_tcp` module.
//!
//! What its configuration needs for a machine without sound hardware:
//! - `audio_source ausine,440` with `ausrc_srate 48000` and `ausrc_channels 2`: the module makes nothing else, and without
//!   these two lines answering fails ("supports only 48kHz samplerate") and no 200 is sent; baresip resamples to 8 kHz.
//! - `audio_player aubridge,sink` and `audio_alert aubridge,alert`: a player that swallows everything; `aufile` plays no files.
//! - `sip_listen ADDRESS:PORT` takes UDP and TCP on PORT and TLS on PORT+1, so both must be free.
//! - `rtp_ports FIRST-LAST` must be a range; one port pair is used for each call.
//! - modules: `g711.so` (codec), `account.so` as `module_tmp` (reads `accounts`), `ctrl_tcp.so` and `menu.so` as
//!   `module_app` (control; `menu` has the commands dial, accept, hangup). `stdio.so` wants a terminal and is left out.
//! - account line: `outbound="sip:HOST:PORT;transport=udp"` sends everything there; `regint=0` registers nowhere.
//!
//! Its Contact user is `NUMBER-0x...` and its REGISTER carries no `+sip.instance`. Ended by a signal during a call it may
//! linger, therefore it is killed.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;

use super::program::Program;
use super::{SOON, free_port, free_port_range};

/// A running baresip.
pub(crate) struct Baresip {
    program: Program,
    control: OwnedWriteHalf,
    events: watch::Receiver<Vec<Value>>,
    address: SocketAddr,
    /// Where the events of the present call begin.
    call: usize,
    _folder: TempDir,
}

/// What a baresip is.
pub(crate) struct BaresipAccount<'a> {
    /// Its number.
    pub(crate) extension: &'a str,
    /// Its SIP secret.
    pub(crate) secret: &'a str,
    /// The server; without one it registers nowhere and can be called at its address.
    pub(crate) server: Option<SocketAddr>,
    /// Whether it answers by itself.
    pub(crate) auto_answer: bool,
}

/// RTP seen by baresip, from its last RTCP report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RtpCounts {
    /// Packets it sent.
    pub(crate) sent: u64,
    /// Packets the other side says it sent to baresip.
    pub(crate) announced: u64,
    /// Packets it missed.
    pub(crate) lost: i64,
}

impl Baresip {
    /// Starts it and waits until it is ready (not until it is registered).
    pub(crate) async fn start(account: &BaresipAccount<'_>) -> Self {
        let folder = tempfile::tempdir().expect("the system gives a temporary folder");
        // The SIP port comes first of two, because the next one is taken for TLS.
        let (sip, _) = free_port_range(2);
        let control = free_port();
        let (first, last) = free_port_range(8);
        let address: SocketAddr = ([127, 0, 0, 1], sip).into();
        let config = format!(
            "poll_method epoll\nsip_listen {address}\ncall_local_timeout 120\ncall_max_calls 4\n\
             audio_path /usr/share/baresip\naudio_player aubridge,sink\naudio_source ausine,440\n\
             audio_alert aubridge,alert\nausrc_srate 48000\nausrc_channels 2\nrtp_ports {first}-{last}\nrtp_stats yes\n\
             module_path /usr/lib/baresip/modules\nmodule g711.so\nmodule ausine.so\nmodule aubridge.so\n\
             module_tmp account.so\nmodule_app ctrl_tcp.so\nmodule_app menu.so\nctrl_tcp_listen 127.0.0.1:{control}\n"
        );
        let extension = account.extension;
        let answer = if account.auto_answer { "auto" } else { "manual" };
        let codecs = "audio_codecs=pcmu/8000/1,pcma/8000/1";
        let account = match account.server {
            Some(server) => format!(
                "<sip:{extension}@{}>;auth_user={extension};auth_pass={};outbound=\"sip:{server};transport=udp\";\
                 regint=120;answermode={answer};{codecs}\n",
                server.ip(),
                account.secret
            ),
            None => format!("<sip:{extension}@127.0.0.1>;regint=0;answermode={answer};{codecs}\n"),
        };
        for (name, text) in [("config", config.as_str()), ("accounts", account.as_str()), ("contacts", "")] {
            std::fs::write(folder.path().join(name), text).expect("a temporary folder can be written to");
        }
        let path = folder.path().to_string_lossy().into_owned();
        let program = Program::start(&format!("baresip {extension}"), "baresip", &["-f", &path], folder.path());
        program.line("baresip to be ready", SOON, |line| line.contains("baresip is ready")).await;
        let stream = TcpStream::connect(("127.0.0.1", control)).await.expect("ctrl_tcp listens once baresip is ready");
        let (read, control) = stream.into_split();
        let (sender, events) = watch::channel(Vec::new());
        tokio::spawn(read_events(read, sender));
        Self { program, control, events, address, call: 0, _folder: folder }
    }

    /// Where it can be called without a server.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the server has accepted its REGISTER.
    pub(crate) async fn registered(&self, within: Duration) {
        let accepted = |line: &str| line.contains("200 OK") && line.contains("binding");
        self.program.line("its registration", within, accepted).await;
    }

    /// Calls a number or a SIP URI.
    pub(crate) async fn dial(&mut self, target: &str) {
        self.call = self.events.borrow().len();
        self.command("dial", target).await;
    }

    /// Answers the call that rings.
    pub(crate) async fn answer(&mut self) {
        self.command("accept", "").await;
    }

    /// Hangs up, refuses or gives up, whatever fits the call.
    pub(crate) async fn hang_up(&mut self) {
        self.command("hangup", "").await;
    }

    /// Waits for a call that comes in.
    pub(crate) async fn rings(&mut self, within: Duration) {
        self.call = self.position("CALL_INCOMING", within).await + 1;
    }

    /// Waits for an event of the present call (the last one that was dialled or awaited), such as CALL_RINGING,
    /// CALL_ESTABLISHED, CALL_CLOSED.
    pub(crate) async fn event(&mut self, kind: &str, within: Duration) {
        self.position(kind, within).await;
    }

    async fn position(&self, kind: &str, within: Duration) -> usize {
        let wanted = |event: &Value| event.get("type").and_then(Value::as_str) == Some(kind);
        let find = |events: &Vec<Value>| {
            events.iter().enumerate().skip(self.call).find(|(_, event)| wanted(event)).map(|(position, _)| position)
        };
        let mut events = self.events.clone();
        let found = match tokio::time::timeout(within, events.wait_for(|events| find(events).is_some())).await {
            Ok(Ok(events)) => find(&events),
            Ok(Err(_)) | Err(_) => None,
        };
        found.unwrap_or_else(|| panic!("baresip: waited {within:?} for {kind}, but saw only {:?}", self.kinds()))
    }

    /// The types of all events so far.
    pub(crate) fn kinds(&self) -> Vec<String> {
        let kind = |event: &Value| event.get("type").and_then(Value::as_str).unwrap_or("response").to_owned();
        self.events.borrow().iter().map(kind).collect()
    }

    /// Waits for the first RTP packet of the present call.
    pub(crate) async fn hears(&mut self, within: Duration) {
        self.event("CALL_RTPESTAB", within).await;
    }

    /// Waits until an RTCP report counts at least `packets` in both directions.
    pub(crate) async fn rtp_both_ways(&mut self, packets: u64, within: Duration) -> RtpCounts {
        let mut events = self.events.clone();
        let enough = |event: &Value| counts(event).filter(|rtp| rtp.sent >= packets && rtp.announced >= packets);
        let call = self.call;
        let seen = events.wait_for(|events| events.iter().skip(call).any(|event| enough(event).is_some()));
        let found = match tokio::time::timeout(within, seen).await {
            Ok(Ok(events)) => events.iter().skip(call).find_map(enough),
            Ok(Err(_)) | Err(_) => None,
        };
        found.unwrap_or_else(|| {
            let last = self.events.borrow().iter().rev().find_map(counts);
            panic!("baresip: no {packets} RTP packets both ways within {within:?}; the last report was {last:?}")
        })
    }

    async fn command(&mut self, command: &str, parameters: &str) {
        let text = json!({ "command": command, "params": parameters, "token": command }).to_string();
        let netstring = format!("{}:{text},", text.len());
        self.control.write_all(netstring.as_bytes()).await.expect("baresip takes commands while it runs");
    }
}

fn counts(event: &Value) -> Option<RtpCounts> {
    let stats = event.get("rtcp_stats")?;
    let number = |way: &str, what: &str| stats.get(way).and_then(|way| way.get(what)).and_then(Value::as_i64);
    Some(RtpCounts {
        sent: u64::try_from(number("tx", "sent")?).ok()?,
        announced: u64::try_from(number("rx", "sent")?).ok()?,
        lost: number("rx", "lost")?,
    })
}

/// Takes netstrings (`LENGTH:JSON,`) apart.
async fn read_events(mut read: OwnedReadHalf, events: watch::Sender<Vec<Value>>) {
    let mut buffer: Vec<u8> = Vec::new();
    loop {
        match read.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        while let Some(colon) = buffer.iter().position(|byte| *byte == b':') {
            let length = std::str::from_utf8(&buffer[..colon]).ok().and_then(|text| text.parse::<usize>().ok());
            let Some(length) = length else { return };
            let end = colon + 1 + length;
            let Some(text) = buffer.get(colon + 1..end) else { break };
            if let Ok(event) = serde_json::from_slice(text) {
                events.send_modify(|events| events.push(event));
            }
            if buffer.len() <= end {
                break;
            }
            buffer.drain(..=end);
        }
    }
}
