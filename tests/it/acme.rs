//! Certificates by themselves: the whole server with Let's Encrypt's own test authority (Pebble), which checks every signature, nonce and
//! request, refuses some good nonces on purpose, and really asks at the ports.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nightbell::phone::{CallEnd, TlsTrust, Transport};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::calls::{talk, two_phones};
use crate::support::SOON;
use crate::support::free_port;
use crate::support::installation::Installation;
use crate::support::program::Program;
use crate::support::server::TestServer;

/// A running Pebble with a name service in which every name leads to this machine.
struct Pebble {
    _programs: [Program; 2],
    folder: TempDir,
    directory: String,
}

/// The key of the external account that Pebble wants, if it wants one.
const EAB_KEY: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";

impl Pebble {
    /// Starts one that asks at these ports of this machine.
    async fn start(http_port: u16, tls_port: u16, external_account: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        put("cert.pem", &made.cert.pem());
        put("key.pem", &made.signing_key.serialize_pem());
        let (port, names) = (free_port(), format!("127.0.0.1:{}", free_port()));
        let mut settings = json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{port}"), "managementListenAddress": "",
            "certificate": "cert.pem", "privateKey": "key.pem", "httpPort": http_port, "tlsPort": tls_port,
            "externalAccountBindingRequired": external_account,
        } });
        if external_account {
            settings["pebble"]["externalAccountMACKeys"] = json!({ "kid-1": EAB_KEY });
        }
        put("config.json", &settings.to_string());
        // Without an address its management would listen at port 80.
        let management = format!("127.0.0.1:{}", free_port());
        let listeners = ["-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", ""];
        let arguments = [&["-dns01", &names, "-management", &management], &listeners[..]].concat();
        let name_service = Program::start("names", "pebble-challtestsrv", &arguments, folder.path());
        name_service.line("the name service", SOON, |line| line.contains("Starting management server")).await;
        let arguments = ["-config", "config.json", "-dnsserver", &names, "-strict"];
        let pebble = Program::start("pebble", "pebble", &arguments, folder.path());
        pebble.line("the authority", SOON, |line| line.contains("ACME directory available")).await;
        Self { _programs: [name_service, pebble], folder, directory: format!("https://localhost:{port}/dir") }
    }

    /// What a client has to trust, in a file.
    fn root_file(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    fn choice(&self, validation: &str, port: u16) -> Value {
        json!({ "directory": self.directory, "agree_to_terms": true, "contact": "anna@example.com", "port": port,
            "validation": validation, "authority": std::fs::read_to_string(self.root_file()).unwrap() })
    }
}

/// Waits until a certificate of the authority is in force; what the API says of it. Pebble sleeps up to 15 s before it asks.
async fn certificate(what: &str, mut ask: impl AsyncFnMut() -> Value) -> Value {
    for _ in 0..600 {
        let view = ask().await;
        assert!(view["acme"]["problem"].is_null(), "{what}: {view}");
        if view["acme"]["in_force"] == true {
            return view;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{what}: no certificate came");
}

/// The fingerprint of what is shown at this address.
async fn shown_at(address: std::net::SocketAddr) -> String {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(TakesAny(provider)))
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
    let shown = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
    Sha256::digest(&shown).iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

/// Looks at what is shown.
#[derive(Debug)]
struct TakesAny(Arc<CryptoProvider>);

impl ServerCertVerifier for TakesAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[tokio::test]
async fn a_certificate_comes_by_itself_and_is_in_force_at_both_doors_while_a_call_goes_on() {
    let server = TestServer::start_as("localhost").await;
    let trust = TlsTrust::Authority { pem: server.authority(), name: "localhost".to_owned() };
    let (anna, ben) = two_phones(&server, Transport::Tls(trust)).await;
    let (call, bell) = talk(&anna, &ben).await;
    let before = shown_at(server.tls()).await;
    let port = free_port();
    let pebble = Pebble::start(port, free_port(), false).await;
    let local = server.local();
    let (status, chosen) = local.put("/certificate/acme", &pebble.choice("http-01", port)).await;
    assert_eq!(status, 200, "{chosen}");
    let view = certificate("http-01", async || local.get("/certificate").await.1).await;
    assert_eq!((&view["names"], &view["self_made"]), (&json!(["localhost"]), &json!(false)));
    let fingerprint = view["fingerprint"].as_str().unwrap();
    assert_ne!(fingerprint, before);
    assert_eq!(shown_at(server.tls()).await, fingerprint, "SIP over TLS shows it");
    assert_eq!(shown_at(server.app.https).await, fingerprint, "and so do the pages");
    // The call over the connection with the old certificate goes on, and its phone is still registered.
    assert_eq!(bell.heard(25, SOON).await.unwrap().speaker, "101");
    call.hang_up(SOON).await.unwrap();
    assert!(matches!(bell.ended(SOON).await.unwrap(), CallEnd::PeerHungUp(_)));
    let (call, _bell) = talk(&anna, &ben).await;
    call.hang_up(SOON).await.unwrap();
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err(), "the door at port 80 is closed again");
    server.stop().await;
}

#[tokio::test]
async fn the_pages_own_door_answers_an_authority_that_validates_by_tls() {
    let server = TestServer::start_as("localhost").await;
    let pebble = Pebble::start(free_port(), server.app.https.port(), true).await;
    let local = server.local();
    let mut choice = pebble.choice("tls-alpn-01", server.app.https.port());
    choice["external_account"] = json!("kid-1");
    choice["external_account_key"] = json!(EAB_KEY);
    let (status, chosen) = local.put("/certificate/acme", &choice).await;
    assert_eq!(status, 200, "{chosen}");
    assert_eq!(chosen["acme"]["setting"]["has_external_account_key"], true);
    let view = certificate("tls-alpn-01", async || local.get("/certificate").await.1).await;
    assert_eq!(shown_at(server.app.https).await, view["fingerprint"].as_str().unwrap());
    server.stop().await;
}

#[tokio::test]
async fn the_command_line_gets_a_certificate_that_outlives_a_crash_and_is_forgotten() {
    let mut here = Installation::start().await;
    let port = free_port();
    let pebble = Pebble::start(port, free_port(), false).await;
    let root = pebble.root_file();
    let arguments = ["certificate", "get", "--agree-to-terms", "--directory", &pebble.directory, "--port"];
    let more = [&port.to_string(), "--authority", root.to_str().unwrap(), "--validation", "http-01"];
    here.run(&[&arguments[..], &more[..]].concat()).await;
    let view = certificate("an address", async || here.run(&["certificate", "show"]).await).await;
    assert_eq!(view["names"], json!(["127.0.0.1"]), "an authority of one's own signs an address, too");
    here.kill().await;
    here.serve().await;
    let again = here.run(&["certificate", "show"]).await;
    assert_eq!((&again["fingerprint"], &again["acme"]["in_force"]), (&view["fingerprint"], &json!(true)));
    here.run(&["certificate", "stop"]).await;
    let own = here.run(&["certificate", "show"]).await;
    assert_eq!((&own["self_made"], &own["acme"]), (&json!(true), &Value::Null));
}
