//! Linphone as a phone app (Debian's linphone-cli 5.1.65), driven through `linphone-daemon`'s standard input.
//!
//! What it needs, and which key does what:
//! - `[proxy_0] contact_uri_parameters` puts its text into the Contact **URI** of REGISTER (`pn-provider=..;pn-param=..;pn-prid=..`,
//!   no leading semicolon); `contact_parameters` would put it behind the angle brackets, `push_parameters` does nothing in a
//!   build without mobile push.
//! - `[misc] uuid` is the instance id in `+sip.instance`; it must be set for an app that is killed and comes back.
//! - `$HOME/.local/share/linphone` must exist: without it the database cannot be opened, the core stops half way and every
//!   request fails with "No listening point matching".
//! - `[sip] sip_port`, `sip_tcp_port`, `sip_tls_port`: 0 is off, -1 any free port, -2 no listening socket, only connections
//!   made by the app itself. `[rtp] audio_rtp_port=-1` takes any free port.
//! - `[sip] root_ca` (PEM file), `verify_server_certs`, `verify_server_cn`. Its TLS library (mbed TLS 2) does not look at IP
//!   addresses in a certificate: the server must be named in `reg_proxy` by a DNS name that the certificate carries.
//! - without a sound card it sends the file given by `incall-player-start` and swallows what it hears.
//! - `register-status` is not announced by an event; the log on standard error says `moving from state [..] to [..]` for
//!   account and calls, and at the end of a call the RTP statistics.
//! - the command `call-stats` ends the daemon with a segmentation fault; it is not used.
//!
//! It offers its media at the address of the default route, sends RTP from there and a 20-byte STUN packet to the RTP port
//! first. `quit` unregisters; a kill leaves the registration to the server.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use uuid::Uuid;

use super::program::Program;

/// Speech that Debian's linphone-common ships: 8 kHz, one channel, eleven seconds.
const SPEECH: &str = "/usr/share/sounds/linphone/hello8000.wav";

/// How Linphone reaches its server.
#[derive(Debug, Clone)]
pub(crate) enum LinphoneTransport {
    /// UDP on a port of its own, so that it can be called without a server too.
    Udp(u16),
    /// One TCP connection.
    Tcp,
    /// One TLS connection; the authority's certificate as PEM text. The server is called `localhost`.
    Tls(String),
}

/// An installed app: its settings outlive the process, as on a phone.
pub(crate) struct LinphoneApp {
    extension: String,
    config: String,
    folder: TempDir,
}

/// A running app.
pub(crate) struct Linphone {
    extension: String,
    program: Program,
    mark: usize,
}

/// What an app is.
pub(crate) struct LinphoneAccount<'a> {
    /// Its number.
    pub(crate) extension: &'a str,
    /// Its SIP secret.
    pub(crate) secret: &'a str,
    /// The server; without one it registers nowhere.
    pub(crate) server: Option<SocketAddr>,
    /// How it connects.
    pub(crate) transport: LinphoneTransport,
    /// Its instance id.
    pub(crate) instance: Uuid,
    /// RFC 8599 parameters without a leading semicolon; empty for none.
    pub(crate) push: &'a str,
}

/// RTP statistics of a finished call, as its media library counted them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RtpStatistics {
    /// Packets sent.
    pub(crate) sent: u64,
    /// Packets received.
    pub(crate) received: u64,
}

impl LinphoneApp {
    /// Installs an app; nothing runs yet.
    pub(crate) fn install(account: &LinphoneAccount<'_>) -> Self {
        let folder = tempfile::tempdir().expect("the system gives a temporary folder");
        std::fs::create_dir_all(folder.path().join(".local/share/linphone"))
            .expect("a temporary folder can be written to");
        let config = settings(account, &folder.path().join("authority.pem"));
        if let LinphoneTransport::Tls(authority) = &account.transport {
            std::fs::write(folder.path().join("authority.pem"), authority)
                .expect("a temporary folder can be written to");
        }
        Self { extension: account.extension.to_owned(), config, folder }
    }

    /// Starts the app, for the first time or after it was killed. Its settings are those of the installation.
    pub(crate) fn start(&self) -> Linphone {
        let file = self.folder.path().join("linphonerc");
        std::fs::write(&file, &self.config).expect("a temporary folder can be written to");
        let file = file.to_string_lossy().into_owned();
        let arguments = ["--config", file.as_str(), "--log", "/dev/stderr"];
        let name = format!("linphone {}", self.extension);
        let program = Program::start(&name, "linphone-daemon", &arguments, self.folder.path());
        Linphone { extension: self.extension.clone(), program, mark: 0 }
    }
}

impl LinphoneApp {
    /// Installs an app that knows nothing but a link and whom to trust; it is started with [`Self::resume`].
    pub(crate) fn install_from_link(link: &str, authority: &str) -> Self {
        let folder = tempfile::tempdir().expect("the system gives a temporary folder");
        std::fs::create_dir_all(folder.path().join(".local/share/linphone"))
            .expect("a temporary folder can be written to");
        let pem = folder.path().join("authority.pem");
        std::fs::write(&pem, authority).expect("a temporary folder can be written to");
        let config = format!(
            "[sip]\nsip_port=0\nsip_tcp_port=0\nsip_tls_port=-2\nguess_hostname=0\nuse_ipv6=0\nroot_ca={}\n\
             verify_server_certs=1\nverify_server_cn=1\ninc_timeout=120\n\n\
             [rtp]\naudio_rtp_port=-1\nvideo_rtp_port=-1\ntext_rtp_port=-1\n\n\
             [video]\ncapture=0\ndisplay=0\nautomatically_initiate=0\nautomatically_accept=0\n\n\
             [net]\nfirewall_policy=none\n\n[misc]\nconfig-uri={link}\nuuid={}\n",
            pem.display(),
            Uuid::new_v4()
        );
        std::fs::write(folder.path().join("linphonerc"), &config).expect("a temporary folder can be written to");
        Self { extension: "from a link".to_owned(), config, folder }
    }

    /// Starts the app with the settings it has by now.
    pub(crate) fn resume(&self) -> Linphone {
        let file = self.folder.path().join("linphonerc").to_string_lossy().into_owned();
        let arguments = ["--config", file.as_str(), "--log", "/dev/stderr"];
        let name = format!("linphone {}", self.extension);
        let program = Program::start(&name, "linphone-daemon", &arguments, self.folder.path());
        Linphone { extension: self.extension.clone(), program, mark: 0 }
    }

    /// Puts parameters into the Contact of its account, as the SDK of a phone does.
    pub(crate) fn set_contact_parameters(&self, params: &str) {
        let file = self.folder.path().join("linphonerc");
        let saved = std::fs::read_to_string(&file).expect("the app saves its settings");
        assert!(saved.contains("[proxy_0]"), "it has an account: {saved}");
        let with = saved.replace("[proxy_0]\n", &format!("[proxy_0]\ncontact_uri_parameters={params}\n"));
        std::fs::write(&file, with).expect("a temporary folder can be written to");
    }
}

fn settings(account: &LinphoneAccount<'_>, authority: &Path) -> String {
    let (extension, secret, instance) = (account.extension, account.secret, account.instance);
    let (ports, transport) = match &account.transport {
        LinphoneTransport::Udp(port) => (format!("sip_port={port}\nsip_tcp_port=0\nsip_tls_port=0"), "udp"),
        LinphoneTransport::Tcp => ("sip_port=0\nsip_tcp_port=-2\nsip_tls_port=0".to_owned(), "tcp"),
        LinphoneTransport::Tls(_) => ("sip_port=0\nsip_tcp_port=0\nsip_tls_port=-2".to_owned(), "tls"),
    };
    let mut text = format!(
        "[sip]\n{ports}\nguess_hostname=0\nuse_ipv6=0\ncontact=sip:{extension}@127.0.0.1\nmedia_encryption=none\n\
         root_ca={}\nverify_server_certs=1\nverify_server_cn=1\ndefault_proxy=0\ninc_timeout=120\n\n\
         [rtp]\naudio_rtp_port=-1\nvideo_rtp_port=-1\ntext_rtp_port=-1\n\n\
         [video]\ncapture=0\ndisplay=0\nautomatically_initiate=0\nautomatically_accept=0\n\n\
         [net]\nfirewall_policy=none\n\n[misc]\nuuid={instance}\n",
        authority.display()
    );
    if let Some(server) = account.server {
        let host = if transport == "tls" { "localhost".to_owned() } else { server.ip().to_string() };
        let (proxy, domain) = (format!("<sip:{host}:{};transport={transport}>", server.port()), server.ip());
        text.push_str(&format!(
            "\n[proxy_0]\nreg_proxy={proxy}\nreg_route={proxy}\nreg_identity=<sip:{extension}@{domain}>\n\
             reg_expires=300\nreg_sendregister=1\npublish=0\ndial_escape_plus=0\n"
        ));
        if !account.push.is_empty() {
            text.push_str(&format!("contact_uri_parameters={}\n", account.push));
        }
        text.push_str(&format!("\n[auth_info_0]\nusername={extension}\npasswd={secret}\n"));
    }
    text
}

impl Linphone {
    /// Waits until the server has accepted its REGISTER.
    pub(crate) async fn registered(&mut self, within: Duration) {
        self.log("its registration", within, |line| line.contains("to [LinphoneRegistrationOk]")).await;
    }

    /// The Contact line of its last REGISTER, as it stood in the message.
    pub(crate) fn contact(&self) -> String {
        let lines = self.program.lines();
        let register = lines.iter().rposition(|line| line.starts_with("REGISTER ")).unwrap_or(lines.len());
        lines.into_iter().skip(register).find(|line| line.starts_with("Contact:")).unwrap_or_default()
    }

    /// Calls a SIP URI or, with a server, a number.
    pub(crate) async fn call(&mut self, target: &str) {
        self.program.type_line(&format!("call {target}")).await;
    }

    /// Waits for a call that comes in.
    pub(crate) async fn rings(&mut self, within: Duration) {
        self.state("IncomingReceived", within).await;
    }

    /// Answers the call that rings.
    pub(crate) async fn answer(&mut self) {
        self.program.type_line("answer").await;
    }

    /// Waits until sound may flow, then speaks.
    pub(crate) async fn talks(&mut self, within: Duration) {
        self.state("StreamsRunning", within).await;
        self.program.type_line(&format!("incall-player-start {SPEECH}")).await;
    }

    /// Hangs up, refuses or gives up, whatever fits the call.
    pub(crate) async fn hang_up(&mut self) {
        self.program.type_line("terminate").await;
    }

    /// Waits for a state of the call, without the prefix `LinphoneCall`: OutgoingRinging, IncomingReceived, Connected,
    /// StreamsRunning, Error, End, Released. Each state is seen once, in order.
    pub(crate) async fn state(&mut self, state: &str, within: Duration) {
        let wanted = format!("to LinphoneCall{state}");
        let bracketed = format!("to [LinphoneCall{state}]");
        let matches = move |line: &str| {
            line.contains("moving from state") && (line.ends_with(&wanted) || line.contains(&bracketed))
        };
        self.log(&format!("the call to be {state}"), within, matches).await;
    }

    /// The RTP statistics it prints when a call is over.
    pub(crate) async fn rtp_statistics(&mut self, within: Duration) -> RtpStatistics {
        self.log("RTP statistics", within, |line| line.contains("AUDIO SESSION'S RTP STATISTICS")).await;
        let sent = self.log("packets sent", within, |line| line.contains("ortp-message-sent ")).await;
        let received = self.log("packets received", within, |line| line.contains("ortp-message-received ")).await;
        let number =
            |line: &str| line.split_whitespace().rev().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0);
        RtpStatistics { sent: number(&sent), received: number(&received) }
    }

    /// Leaves as a polite app does: unregisters and ends.
    pub(crate) async fn quit(mut self, within: Duration) {
        self.program.type_line("quit").await;
        assert!(self.program.ended(within).await, "linphone {} did not end well", self.extension);
    }

    /// Is killed as a phone's system kills apps: without a word.
    pub(crate) async fn kill(mut self) {
        self.program.kill().await;
    }

    async fn log(&mut self, what: &str, within: Duration, wanted: impl Fn(&str) -> bool) -> String {
        let (line, mark) = self.program.line_after(self.mark, what, within, wanted).await;
        self.mark = mark;
        line
    }
}
