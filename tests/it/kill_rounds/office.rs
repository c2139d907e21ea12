//! The installation with everybody in it: apps on three transports, a desk phone, callers and the apps they wake.

use std::collections::BTreeMap;
use std::sync::Arc;

use nightbell::phone::{Events, Phone, TlsTrust, Transport};
use push_module::NewCredential;
use push_module::standin::ApnsStandin;
use serde_json::{Value, json};
use uuid::Uuid;

use super::book::Book;
use crate::support::SOON;
use crate::support::installation::{Installation, apns_with, token};
use crate::support::server::BUNDLE;

/// Phones whose registrations change during the load; each in its own way.
pub(super) const PHONES: [(&str, Way); 4] =
    [("101", Way::UdpDesk), ("102", Way::UdpApp), ("103", Way::TlsApp), ("104", Way::TcpApp)];
/// Callers and the sleeping apps they call.
pub(super) const PAIRS: [(&str, &str); 2] = [("106", "107"), ("108", "109")];
/// A caller and the desk phone that rings for it without end.
pub(super) const RINGING: (&str, &str) = ("111", "112");
/// Whose phones are paired by links.
pub(super) const PAIRED: &str = "105";
/// Whose secret is renewed.
pub(super) const RENEWED: &str = "110";

/// How a phone reaches the server, and whether it can be pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    UdpDesk,
    UdpApp,
    TlsApp,
    TcpApp,
}

/// Everything one test run keeps over its rounds.
pub(super) struct Office {
    pub(super) server: Installation,
    pub(super) apns: ApnsStandin,
    pub(super) book: Book,
    pub(super) people: Arc<People>,
    /// Push credentials that are added and removed: label and upload.
    pub(super) spare_keys: Arc<Vec<(String, Value)>>,
}

/// Who is there, for the hands.
pub(super) struct People {
    secrets: BTreeMap<String, String>,
    instances: BTreeMap<String, Uuid>,
    addresses: (std::net::SocketAddr, std::net::SocketAddr, std::net::SocketAddr),
    authority: String,
}

impl Office {
    pub(super) async fn open() -> Self {
        let apns = apns_with(&token()).await;
        let server = Installation::start().await;
        server.credential(&apns).await;
        let (mut secrets, mut instances) = (BTreeMap::new(), BTreeMap::new());
        let phones = PHONES.iter().map(|(number, _)| *number);
        for number in
            phones.chain(PAIRS.iter().flat_map(|(a, b)| [*a, *b])).chain([PAIRED, RENEWED, RINGING.0, RINGING.1])
        {
            secrets.insert(number.to_owned(), server.add(number).await);
            instances.insert(number.to_owned(), Uuid::new_v4());
        }
        let addresses = (server.udp, server.tcp, server.tls);
        let people = Arc::new(People { secrets, instances, addresses, authority: server.authority() });
        let spare_keys = (0..3).map(|number| spare_key(&apns, number)).collect();
        let book = Book::new();
        book.ask(&format!("secret {RENEWED}"), json!(people.secrets[RENEWED]));
        book.acknowledge(&format!("secret {RENEWED}"));
        // What is there before the first write: a write that is killed unanswered may leave just this.
        let settings = server.api().get("/settings").await;
        let first = book.compare("ring_seconds", settings["ring_seconds"].clone());
        assert!(first.is_none() && settings["ring_seconds"].is_u64(), "{first:?} {settings}");
        let office = Self { server, apns, book, people, spare_keys: Arc::new(spare_keys) };
        for (_, app) in PAIRS {
            office.send_to_sleep(app).await;
        }
        office.book.begin_round();
        office
    }

    /// The app of this extension registers with a new token and leaves.
    pub(super) async fn send_to_sleep(&self, number: &str) {
        let token = self.new_token();
        let app = self.people.phone(number, Way::TcpApp, &token);
        self.book.ask(&format!("token {number}"), json!(token));
        app.register(300, SOON).await.unwrap();
        self.book.acknowledge(&format!("token {number}"));
        app.unregister(SOON).await.unwrap();
        app.background().await;
    }

    pub(super) fn new_token(&self) -> String {
        new_token(&self.apns)
    }
}

/// A token the stand-in knows.
pub(super) fn new_token(apns: &ApnsStandin) -> String {
    let token = token();
    apns.register_token(&token, &format!("{BUNDLE}.voip"), pbx_core::model::Environment::Production);
    token
}

impl People {
    /// A phone of this extension with its usual instance; every call makes a new process of it.
    pub(super) fn phone(&self, number: &str, way: Way, token: &str) -> Phone {
        self.phone_of(number, number, &self.secrets[number], way, token)
    }

    pub(super) fn phone_of(&self, number: &str, username: &str, secret: &str, way: Way, token: &str) -> Phone {
        let (udp, tcp, tls) = self.addresses;
        let authority = TlsTrust::Authority { pem: self.authority.clone(), name: "127.0.0.1".to_owned() };
        let (server, transport) = match way {
            Way::UdpDesk | Way::UdpApp => (udp, Transport::Udp),
            Way::TlsApp => (tls, Transport::Tls(authority)),
            Way::TcpApp => (tcp, Transport::Tcp),
        };
        let mut builder = Phone::builder(server).extension(number).username(username).secret(secret);
        builder = builder.transport(transport).events(Events::new());
        if let Some(instance) = self.instances.get(number) {
            builder = builder.instance(*instance);
        }
        if way != Way::UdpDesk {
            let params = format!(";pn-provider=apns;pn-param=ABCD1234.{BUNDLE}.voip;pn-prid={token}");
            builder = builder.push_params(params);
        }
        builder.build().unwrap()
    }

    pub(super) fn instance(&self, number: &str) -> Uuid {
        self.instances[number]
    }
}

fn spare_key(apns: &ApnsStandin, number: usize) -> (String, Value) {
    let bundle = format!("com.example.spare{number}");
    let NewCredential::Apns(key) = apns.new_credential(&[&bundle]).unwrap() else {
        panic!("an APNs stand-in gives an APNs key");
    };
    let label = format!("Spare key {number}");
    let upload = json!({
        "provider": "apns", "label": label, "key_id": key.key_id, "team_id": key.team_id, "bundle_ids": [bundle],
        "p8": key.p8.reveal(), "environment": "production",
        "endpoint": { "production_url": key.endpoint.production_url, "extra_ca_pem": key.endpoint.extra_ca_pem },
    });
    (label, upload)
}
