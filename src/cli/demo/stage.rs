//! Everything the demo plays with: the real server, the stand-ins, two extensions and three phones.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use pbx_core::model::Environment;
use push_module::NewCredential;
use push_module::standin::{ApnsStandin, FcmStandin};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use super::post_box::PostBox;
use super::story::{ANDROID, APNS, DESK, FCM, IPHONE, SERVER, Story};
use super::{DemoError, SOON, Seen};
use crate::app::{self, App};
use crate::cli::client::Client;
use crate::cli::device::Device;
use crate::cli::extension::Added;
use crate::config::{Config, HttpsConfig, LogFormat, SipConfig};
use crate::logging;
use crate::phone::{Phone, PhoneBuilder, TlsTrust, Transport};

/// Apps that exist nowhere else.
const BUNDLE: &str = "com.example.nightbell";
const PROJECT: &str = "nightbell-demo";
/// Apple's team in the phone's registration; the stand-in's credential has its own, as Linphone's placeholder shows.
const TEAM: &str = "NIGHTBELL1";
/// The numbers.
pub(super) const RECEPTION: &str = "101";
pub(super) const ANNA: &str = "102";
/// Between two looks at a state that has no event.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A phone app: the phone and what its push tokens are.
#[derive(Debug)]
pub(super) struct PhoneApp {
    pub(super) phone: Phone,
    /// Wakes it for calls.
    pub(super) call_token: String,
    /// Shows notices; for Android the same token.
    pub(super) notice_token: String,
    /// Whose it is.
    pub(super) extension: &'static str,
}

/// The running demo.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) app: App,
    pub(super) client: Client,
    pub(super) apns: ApnsStandin,
    pub(super) fcm: FcmStandin,
    pub(super) post_box: PostBox,
    pub(super) desk: Phone,
    pub(super) iphone: PhoneApp,
    pub(super) android: PhoneApp,
    folder: TempDir,
}

impl Stage {
    /// Starts the server and everything around it; tells what is there.
    pub(super) async fn open(log: &str, story: &mut Story) -> Seen<Self> {
        app::install_crypto();
        let folder = tempfile::Builder::new().prefix("nightbell-demo-").tempdir();
        let folder = folder.map_err(|error| setup("a temporary folder", &error))?;
        let config = config(&folder, log);
        logging::start(&config);
        let apns = ApnsStandin::start().await.map_err(|error| setup("the stand-in for APNs", &error))?;
        let fcm = FcmStandin::start().await.map_err(|error| setup("the stand-in for FCM", &error))?;
        let app = App::start(&config).await?;
        let client = Client::new(config.socket_path());
        let (udp, tls) = (first(&app.sip_udp)?, first(&app.sip_tls)?);
        story.tell(SERVER, &format!("runs; phones reach it by UDP at {udp} and by TLS at {tls}"));
        let post_box = PostBox::open(story.events(), &apns, &fcm);

        let reception = add_extension(&client, RECEPTION, "Reception").await?;
        let anna = add_extension(&client, ANNA, "Anna").await?;
        story.tell(
            SERVER,
            &format!("knows {RECEPTION} Reception (desk phone, Android app) and {ANNA} Anna (iPhone app)"),
        );
        let apns_key = apns.new_credential(&[BUNDLE]).map_err(|error| setup("a key for APNs", &error))?;
        add_credential(&client, apns_key, APNS, story).await?;
        let account = fcm.new_credential(PROJECT, None).map_err(|error| setup("a service account", &error))?;
        add_credential(&client, account, FCM, story).await?;

        let desk = phone(udp, story, DESK).extension(RECEPTION).secret(reception.secret.reveal()).build()?;
        let by_tls = |builder: PhoneBuilder| -> Seen<PhoneBuilder> {
            let trust = TlsTrust::Pinned(certificate(&config)?);
            Ok(builder.transport(Transport::Tls(trust)).flow(1))
        };
        let (call_token, notice_token) = (hex_token(), hex_token());
        apns.register_token(&call_token, &format!("{BUNDLE}.voip"), Environment::Production);
        apns.register_token(&notice_token, BUNDLE, Environment::Production);
        let push = format!(
            ";pn-provider=apns;pn-param={TEAM}.{BUNDLE}.voip&remote;pn-prid={call_token}:voip&{notice_token}:remote"
        );
        let iphone = by_tls(phone(tls, story, IPHONE).extension(ANNA).secret(anna.secret.reveal()).push_params(push))?;
        let iphone = PhoneApp { phone: iphone.build()?, call_token, notice_token, extension: ANNA };
        let token = format!("demo-{}", Uuid::new_v4().simple());
        fcm.register_token(&token, PROJECT);
        let push = format!(";pn-provider=fcm;pn-param={PROJECT};pn-prid={token}");
        let android =
            phone(tls, story, ANDROID).extension(RECEPTION).secret(reception.secret.reveal()).push_params(push);
        let android = PhoneApp {
            phone: by_tls(android)?.build()?,
            call_token: token.clone(),
            notice_token: token,
            extension: RECEPTION,
        };
        Ok(Self { app, client, apns, fcm, post_box, desk, iphone, android, folder })
    }

    /// The phones of an extension as the API shows them.
    pub(super) async fn devices(&self, extension: &str) -> Seen<Vec<Device>> {
        #[derive(serde::Deserialize)]
        struct Detail {
            device_list: Vec<Device>,
        }
        Ok(self.client.get::<Detail>(&format!("/extensions/{extension}")).await?.known.device_list)
    }

    /// Waits until the app's wake target is in this state; its device id.
    pub(super) async fn target_is(&self, app: &PhoneApp, state: &str) -> Seen<i64> {
        let name = app.phone.name().to_owned();
        let looking = async {
            loop {
                let devices = self.devices(app.extension).await?;
                let found = devices.iter().find(|device| {
                    device.wake_target.as_ref().is_some_and(|target| target.state.as_deref() == Some(state))
                });
                if let Some(device) = found {
                    return Ok(device.id);
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let late = || DemoError::not_seen(format!("the wake target of the {name} should be {state}"), "it never was");
        tokio::time::timeout(SOON, looking).await.map_err(|_| late())?
    }

    /// Where the server keeps its data, for as long as the demo runs.
    pub(super) fn data_dir(&self) -> PathBuf {
        data_dir(&self.folder)
    }

    /// Ends the server and removes everything.
    pub(super) async fn close(self) {
        let Self { app, desk, iphone, android, folder, .. } = self;
        for phone in [desk, iphone.phone, android.phone] {
            phone.background().await;
        }
        app.stop().await;
        drop(folder);
    }
}

fn data_dir(folder: &TempDir) -> PathBuf {
    folder.path().join("data")
}

fn config(folder: &TempDir, log: &str) -> Config {
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Config {
        database_url: None,
        data_dir: data_dir(folder),
        public_host: "localhost".into(),
        public_ip: None,
        log: log.to_owned(),
        log_format: LogFormat::Text,
        sip: SipConfig { udp: vec![free], tcp: vec![free], tls: vec![free] },
        https: HttpsConfig { listen: free },
    }
}

fn setup(what: &str, error: &dyn std::fmt::Display) -> DemoError {
    DemoError::Setup(format!("{what}: {error}"))
}

fn first(addresses: &[SocketAddr]) -> Seen<SocketAddr> {
    addresses.first().copied().ok_or_else(|| DemoError::Setup("the server listens nowhere".to_owned()))
}

fn phone(server: SocketAddr, story: &Story, name: &str) -> PhoneBuilder {
    Phone::builder(server)
        .domain("localhost")
        .name(name)
        .user_agent(name)
        .instance(Uuid::new_v4())
        .events(story.events().clone())
}

/// The certificate the server has just made for itself.
fn certificate(config: &Config) -> Seen<CertificateDer<'static>> {
    let file = config.data_dir.join("tls/cert.pem");
    CertificateDer::from_pem_file(&file).map_err(|error| setup("the server's certificate", &error))
}

/// Apple's tokens are 32 random bytes in hex.
fn hex_token() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

/// Adds an extension through the API; its minted secret.
pub(super) async fn add_extension(client: &Client, number: &str, name: &str) -> Seen<Added> {
    Ok(client.post::<Added>("/extensions", &json!({ "number": number, "name": name })).await?.known)
}

/// Uploads a credential through the API and lets the server check it at the provider.
async fn add_credential(client: &Client, new: NewCredential, provider: &str, story: &mut Story) -> Seen<()> {
    #[derive(serde::Deserialize)]
    struct Id {
        id: i64,
    }
    #[derive(serde::Deserialize)]
    struct Check {
        ok: bool,
        text: String,
    }
    let body: Value = serde_json::to_value(new).map_err(|error| setup("a credential", &error))?;
    let added = client.post::<Id>("/push/credentials", &body).await?.known;
    let checked = client.post_nothing::<Check>(&format!("/push/credentials/{}/check", added.id)).await?.known;
    if !checked.ok {
        return Err(DemoError::not_seen(format!("{provider} should accept the push credential"), checked.text));
    }
    story.tell(provider, "(a stand-in) accepts the push credential in a live check");
    Ok(())
}
