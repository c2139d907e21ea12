//! A small office: a server, an APNs stand-in, a desk phone at 101 and an app at 102, all scripted, with short waits.

use std::time::Duration;

use nightbell::phone::{EventKind, Events, Phone, PhoneBuilder, Transport};
use pbx_core::model::{DeviceSummary, Presence, Settings};
use pbx_core::switchboard::command::{Command, Reply};
use push_module::standin::AcceptedPush;
use uuid::Uuid;

use super::SOON;
use super::server::{AppTokens, TestApns, TestServer};

/// Server, provider and two phones.
pub(crate) struct Office {
    pub(crate) server: TestServer,
    pub(crate) apns: TestApns,
    /// 101, on UDP, registered.
    pub(crate) desk: Phone,
    /// 102, on TCP unless told otherwise, registered once.
    pub(crate) app: Phone,
    pub(crate) tokens: AppTokens,
    instance: Uuid,
}

impl Office {
    /// With the app awake.
    pub(crate) async fn open() -> Self {
        Self::with(Transport::Tcp).await
    }

    /// With the app awake on this transport.
    pub(crate) async fn with(transport: Transport) -> Self {
        let server = TestServer::start().await;
        let apns = server.apns().await;
        server.add_extension("101", "Front desk").await;
        server.add_extension("102", "Anna").await;
        let desk = server.phone("101").build().unwrap();
        desk.register(300, SOON).await.unwrap();
        let (tokens, instance) = (apns.tokens(), Uuid::new_v4());
        let app = app_builder(&server, &transport, &tokens, instance).build().unwrap();
        app.register(300, SOON).await.unwrap();
        Self { server, apns, desk, app, tokens, instance }
    }

    /// With the app asleep after a proper goodbye.
    pub(crate) async fn with_sleeping_app() -> Self {
        let office = Self::open().await;
        office.app.unregister(SOON).await.unwrap();
        office.app.background().await;
        office
    }

    /// Another socket of the same app installation, with a log of its own.
    pub(crate) fn same_app(&self, transport: &Transport) -> PhoneBuilder {
        app_builder(&self.server, transport, &self.tokens, self.instance).events(Events::new())
    }

    /// A second app of 102, awake.
    pub(crate) async fn second_app(&self, name: &str) -> (Phone, AppTokens) {
        let tokens = self.apns.tokens();
        let app = app_builder(&self.server, &Transport::Tcp, &tokens, Uuid::new_v4()).name(name).build().unwrap();
        app.register(300, SOON).await.unwrap();
        (app, tokens)
    }

    /// How often the app was called.
    pub(crate) fn rings(&self) -> usize {
        rings(&self.app)
    }

    /// Changes the live settings.
    pub(crate) async fn settings(&self, change: impl FnOnce(&mut Settings)) {
        change_settings(&self.server, change).await;
    }

    /// The app's device, once it is as wanted.
    pub(crate) async fn device(&self, wanted: impl Fn(&DeviceSummary) -> bool) -> DeviceSummary {
        device(&self.server, |device| device.wake_target.is_some() && wanted(device)).await
    }

    /// The app is known to be asleep.
    pub(crate) async fn asleep(&self) {
        self.device(|device| device.presence == Presence::ReachableByPush).await;
    }

    /// The next push, which is of this type.
    pub(crate) async fn push(&mut self, kind: &str) -> AcceptedPush {
        let push = self.apns.push(SOON).await;
        assert_eq!(push.kind, kind, "{push:?}");
        push
    }

    /// The next push comes within this time.
    pub(crate) async fn push_within(&mut self, kind: &str, within: Duration) -> AcceptedPush {
        let push = self.apns.push(within).await;
        assert_eq!(push.kind, kind, "{push:?}");
        push
    }

    /// What the web server says at this address; no session, no token.
    pub(crate) async fn ask(&self, url: &str) -> (u16, String) {
        let authority = reqwest::Certificate::from_pem(self.server.authority().as_bytes()).expect("a certificate");
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([authority]).build().expect("a client");
        let answer = http.get(url).send().await.expect("the web server answers");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    }
}

fn app_builder(server: &TestServer, transport: &Transport, tokens: &AppTokens, instance: Uuid) -> PhoneBuilder {
    let address = match transport {
        Transport::Udp => server.udp(),
        Transport::Tcp => server.tcp(),
        Transport::Tls(_) => server.tls(),
    };
    Phone::builder(address)
        .extension("102")
        .secret("secret-of-102")
        .transport(transport.clone())
        .instance(instance)
        .push_params(format!(";{}", tokens.params()))
}

/// How often a phone was called.
pub(crate) fn rings(phone: &Phone) -> usize {
    let rang = |kind: &EventKind| matches!(kind, EventKind::CallArrived(_) | EventKind::CallArrivedTwice(_));
    phone.events().count(phone.name(), rang)
}

/// Changes the live settings of a server.
pub(crate) async fn change_settings(server: &TestServer, change: impl FnOnce(&mut Settings)) {
    let Ok(Reply::Settings(mut settings)) = server.app.switchboard.ask(Command::ShowSettings).await else {
        panic!("the server does not show its settings");
    };
    change(&mut settings);
    let done = server.app.switchboard.ask(Command::ChangeSettings(settings)).await;
    assert!(matches!(done, Ok(Reply::Done)), "{done:?}");
}

/// Every device the server knows.
pub(crate) async fn devices(server: &TestServer) -> Vec<DeviceSummary> {
    match server.app.switchboard.ask(Command::ListDevices { after: None, limit: 100 }).await {
        Ok(Reply::Devices(devices)) => devices,
        other => panic!("the server does not list its devices: {other:?}"),
    }
}

/// A device, once one is as wanted; looked for again at each change.
pub(crate) async fn device(server: &TestServer, wanted: impl Fn(&DeviceSummary) -> bool) -> DeviceSummary {
    let search = async {
        let mut notices = server.app.switchboard.notices();
        loop {
            if let Some(device) = devices(server).await.into_iter().find(&wanted) {
                return device;
            }
            // A reader that lags is told so, and looks again.
            let _ = notices.recv().await;
        }
    };
    let found = tokio::time::timeout(SOON, search).await;
    match found {
        Ok(device) => device,
        Err(_) => panic!("no device is as wanted within {SOON:?}: {:?}", devices(server).await),
    }
}
