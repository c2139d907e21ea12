//! A desk phone that shows the certificate it was made with is believed, and nobody else is. The phone is curl with OpenSSL, so that
//! both ends of the handshake were not written by the same people.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;

use nightbell::phone::{Phone, TlsTrust, Transport};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256,
};
use serde_json::{Value, json};

use crate::desk_phones::{add, setting};
use crate::support::SOON;
use crate::support::server::TestServer;

const MAC: &str = "805ec0d57d72";
const AGENT: &str = "Yealink SIP-T46S 66.86.0.15 80:5e:c0:d5:7d:72";

/// TLS 1.3 and nothing else.
const OF_TODAY: &[&str] = &["--tlsv1.3"];
/// TLS 1.2 and nothing else.
const OF_YESTERDAY: &[&str] = &["--tls-max", "1.2"];

/// A maker of phones.
struct Maker {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Maker {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }
}

/// A phone with the certificate it was made with, if any.
struct Handset {
    folder: tempfile::TempDir,
    shows: bool,
}

impl Handset {
    fn made_by(maker: &Maker, name: &str, algorithm: &'static rcgen::SignatureAlgorithm) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate_for(algorithm).unwrap();
        let certificate = params.signed_by(&key, &maker.issuer).unwrap();
        std::fs::write(folder.path().join("own.pem"), certificate.pem() + &key.serialize_pem()).unwrap();
        Self { folder, shows: true }
    }

    fn without() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), shows: false }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Status and body.
    async fn get(&self, server: &TestServer, url: &str, tls: &[&str]) -> (u16, String) {
        std::fs::write(self.file("ca.pem"), server.authority()).unwrap();
        let mut curl = tokio::process::Command::new("curl");
        curl.args(["--silent", "--show-error", "--max-time", "20", "--user-agent", AGENT]);
        curl.args(tls).arg("--cacert");
        curl.arg(self.file("ca.pem")).args(["--write-out", "\n%{http_code}"]);
        if self.shows {
            curl.arg("--cert").arg(self.file("own.pem"));
        }
        let done =
            curl.arg(url).stdin(Stdio::null()).output().await.expect("curl is installed by .ci/install-test-tools");
        let (out, error) =
            (String::from_utf8(done.stdout).unwrap(), String::from_utf8_lossy(&done.stderr).into_owned());
        let (body, status) = out.rsplit_once('\n').unwrap_or_else(|| panic!("{url}: {error}"));
        assert_ne!(status, "000", "{url}: {error}");
        (status.parse().unwrap(), body.to_owned())
    }
}

/// A port that was free a moment ago; the server is asked to take it by number.
fn free_port() -> u16 {
    TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap().local_addr().unwrap().port()
}

/// Opens the door at a port and waits until it answers.
async fn open(server: &TestServer, ended_too: bool) -> String {
    let body = json!({ "port": free_port(), "accept_ended": ended_too });
    let (status, answer) = server.local().put("/desk-phones/factory", &body).await;
    assert_eq!(status, 200, "{answer}");
    let url = answer["url"].as_str().unwrap().to_owned();
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(20));
    let heard = async {
        while server.web().http.get(&url).send().await.is_err() {
            tick.tick().await;
        }
    };
    tokio::time::timeout(SOON, heard).await.expect("the port is opened");
    url
}

async fn trust(server: &TestServer, vendor: &str, pem: &str) -> (u16, Value) {
    let body = json!({ "vendor": vendor, "certificates": pem });
    server.local().post("/desk-phones/factory/authorities", &body).await
}

async fn why(server: &TestServer) -> String {
    let (_, list) = server.local().get("/desk-phones/turned-away").await;
    list["turned_away"][0]["why"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_phone_of_the_list_shows_its_certificate_is_told_its_account_and_registers() {
    let server = TestServer::start().await;
    server.add_extension("101", "Anna").await;
    add(&server, MAC, "101").await;
    let (yealink, other) = (Maker::new("Yealink Test CA"), Maker::new("Somebody"));
    let url = open(&server, false).await;
    let settings = format!("{url}{MAC}.cfg");
    let phone = Handset::made_by(&yealink, "805EC0D57D72", &PKCS_RSA_SHA256);
    assert_eq!(phone.get(&server, &settings, OF_YESTERDAY).await, (404, String::new()), "nobody vouches for it");
    assert_eq!(why(&server).await, "its certificate is from CN=Yealink Test CA, which is none of the authorities here");
    assert_eq!(trust(&server, "yealink", &yealink.pem).await.0, 201);
    for (handset, reason) in [
        (Handset::without(), "it showed no factory certificate"),
        (
            Handset::made_by(&other, MAC, &PKCS_ECDSA_P256_SHA256),
            "its certificate is from CN=Somebody, which is none of the authorities here",
        ),
        (
            Handset::made_by(&yealink, "yealink equipment", &PKCS_ECDSA_P256_SHA256),
            "its certificate names no MAC address: many phones share it, so it proves nothing",
        ),
        (
            Handset::made_by(&yealink, "805ec0d57d73", &PKCS_ECDSA_P256_SHA256),
            "its factory certificate is good, but this phone has not been added",
        ),
    ] {
        for tls in [OF_TODAY, OF_YESTERDAY] {
            assert_eq!(handset.get(&server, &settings, tls).await, (404, String::new()), "{reason}");
            assert_eq!(why(&server).await, reason);
        }
    }
    // At the port of the pages nobody is asked, so the same phone is a stranger there.
    let pages = format!("{}/d/{MAC}.cfg", server.app.base_url);
    assert_eq!(phone.get(&server, &pages, OF_YESTERDAY).await.0, 404);
    let (status, told) = phone.get(&server, &settings, OF_YESTERDAY).await;
    assert_eq!(status, 200);
    assert_eq!(phone.get(&server, &settings, OF_TODAY).await, (200, told.clone()));
    let own = setting(&told, "static.auto_provision.server.url");
    assert!(own.starts_with(&server.app.base_url), "its own address is at the port of the pages: {own}");
    let (status, again) = server.web().get(&format!("{own}{MAC}.cfg")).await;
    assert_eq!(status, 200);
    let account = |key: &str| setting(&again, &format!("account.1.{key}")).to_owned();
    let trust = TlsTrust::Authority { pem: server.authority(), name: "localhost".to_owned() };
    let sip = Phone::builder(server.tls())
        .extension(account("user_name"))
        .username(account("auth_name"))
        .secret(account("password"))
        .transport(Transport::Tls(trust))
        .build()
        .unwrap();
    assert_eq!(sip.register(120, SOON).await.unwrap().expires, 120);
    server.stop().await;
}

#[tokio::test]
async fn the_port_opens_closes_and_moves_at_once_and_a_taken_one_is_refused_by_name() {
    let server = TestServer::start().await;
    let taken = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let port = taken.local_addr().unwrap().port();
    let api = server.local();
    let (status, refused) = api.put("/desk-phones/factory", &json!({ "port": port })).await;
    assert_eq!((status, &refused["code"], &refused["field"]), (422, &json!("port_unfit"), &json!("port")));
    assert!(refused["detail"].as_str().unwrap().contains(&format!("listens at port {port}")), "{refused}");
    assert_eq!(api.get("/desk-phones/factory").await.1["port"], Value::Null, "nothing was changed");
    assert_eq!(api.put("/desk-phones/factory", &json!({ "port": 0 })).await.0, 422);
    assert_eq!(api.put("/desk-phones/factory", &json!({ "port": 70_000 })).await.0, 400);
    let first = open(&server, false).await;
    assert_eq!(
        server.web().get(&first).await.0,
        404,
        "a browser without a certificate is not turned away in the handshake"
    );
    let second = open(&server, true).await;
    let closed = async |url: &str| {
        let mut tick = tokio::time::interval(std::time::Duration::from_millis(20));
        let look = async {
            while server.web().http.get(url).send().await.is_ok() {
                tick.tick().await;
            }
        };
        tokio::time::timeout(SOON, look).await.expect("the port is closed");
    };
    closed(&first).await;
    assert_eq!(server.web().get(&second).await.0, 404);
    for path in ["", "login", "api/v1/openapi.json", "healthz"] {
        let there = second.replace("/d/", &format!("/{path}"));
        assert_eq!(server.web().get(&there).await, (404, String::new()), "nothing else is served there");
    }
    assert_eq!(api.put("/desk-phones/factory", &json!({ "port": null })).await.1["url"], Value::Null);
    closed(&second).await;
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_authority_is_refused_by_name_and_a_good_one_can_be_taken_out() {
    let server = TestServer::start().await;
    let maker = Maker::new("Snom Test CA");
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap().serialize_pem();
    for (vendor, text, status, code, field) in [
        ("snom", "hello".to_owned(), 422, "not_a_certificate", "certificates"),
        ("snom", format!("{}{key}", maker.pem), 422, "private_key_given", "certificates"),
        (
            "snom",
            server.authority().replace("-----BEGIN CERTIFICATE-----\n", "-----BEGIN CERTIFICATE-----\nAAAA"),
            422,
            "damaged_certificate",
            "certificates",
        ),
        ("acme", maker.pem.clone(), 400, "vendor_unknown", "vendor"),
    ] {
        let (given, refused) = trust(&server, vendor, &text).await;
        assert_eq!((given, &refused["code"], &refused["field"]), (status, &json!(code), &json!(field)), "{refused}");
    }
    let (status, there) = trust(&server, "snom", &maker.pem).await;
    assert_eq!((status, &there["authorities"][0]["subject"]), (201, &json!("CN=Snom Test CA")));
    let (status, refused) = trust(&server, "yealink", &maker.pem).await;
    assert_eq!((status, &refused["code"]), (409, &json!("authority_taken")));
    let fingerprint = there["authorities"][0]["fingerprint"].as_str().unwrap();
    let path = format!("/desk-phones/factory/authorities/{fingerprint}");
    assert_eq!(server.local().delete(&path).await.0, 204);
    assert_eq!(server.local().delete(&path).await.0, 404);
    assert_eq!(server.local().get("/desk-phones/factory").await.1["authorities"], json!([]));
    server.stop().await;
}
