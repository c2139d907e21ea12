use pbx_core::model::{Redacted, UnixMillis};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use super::*;
use crate::standin::{ApnsStandin, FcmStandin, ProxyFault, ProxyStandin};

fn place(port: u16, needs_http2: bool, extra_ca_pem: Option<&str>) -> EgressPlace {
    EgressPlace {
        host: "localhost".into(),
        port,
        plain: false,
        needs_http2,
        used_by: Vec::new(),
        extra_ca_pem: extra_ca_pem.map(str::to_owned),
    }
}

async fn asked(place: &EgressPlace) -> Vec<StepResult> {
    let mut steps = Vec::new();
    probe(place, &ProxySettings::default(), |step| steps.push(step)).await;
    steps
}

fn port(url: &str) -> u16 {
    url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a URL with a port")
}

/// The last step's code, and what worked before it.
fn failed(steps: &[StepResult]) -> (&'static str, Vec<EgressStep>) {
    let good = steps.iter().filter(|step| step.ok).map(|step| step.step).collect();
    (steps.last().map_or("", |step| step.code), good)
}

#[tokio::test]
async fn every_step_to_a_good_provider_works() {
    let apple = ApnsStandin::start().await.unwrap();
    let url = apple.url(pbx_core::model::Environment::Production);
    let steps = asked(&place(port(&url), true, Some(apple.ca_pem()))).await;
    let all = [EgressStep::Name, EgressStep::Connect, EgressStep::Tls, EgressStep::Http2];
    assert_eq!(failed(&steps), ("ok", all.to_vec()), "{steps:?}");
    assert!(apple.requests().is_empty(), "nothing but a greeting was sent");
    let google = FcmStandin::start().await.unwrap();
    let steps = asked(&place(port(&google.url()), false, Some(google.ca_pem()))).await;
    assert!(steps.iter().all(|step| step.ok) && steps.len() >= 3, "{steps:?}");
}

#[tokio::test]
async fn a_certificate_of_a_box_in_the_middle_is_named_with_its_issuer() {
    let apple = ApnsStandin::start().await.unwrap();
    let steps = asked(&place(port(&apple.url(pbx_core::model::Environment::Production)), true, None)).await;
    let (code, good) = failed(&steps);
    assert_eq!((code, good), ("tls_resigned", vec![EgressStep::Name, EgressStep::Connect]));
    let last = steps.last().unwrap();
    assert!(last.text.contains("a proxy in the middle re-signs TLS") && last.text.contains("issued by “"), "{last:?}");
    assert!(!last.fix.is_empty());
}

#[tokio::test]
async fn a_closed_port_a_missing_name_and_a_talker_of_something_else_are_told_apart() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    assert_eq!(failed(&asked(&place(port, true, None)).await).0, "connect_refused");

    // Longer than a label may be (RFC 1035 section 2.3.4), so no server is asked.
    let nameless = EgressPlace { host: format!("{}.invalid", "x".repeat(64)), ..place(443, true, None) };
    assert_eq!(failed(&asked(&nameless).await), ("name_not_resolved", vec![]));

    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = other.local_addr().unwrap().port();
    let talker = tokio::spawn(async move {
        let (mut stream, _) = other.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 302 Found\r\nLocation: http://portal/\r\n\r\n").await.unwrap();
        stream.readable().await.unwrap();
    });
    assert_eq!(failed(&asked(&place(port, true, None)).await).0, "tls_not_spoken");
    talker.abort();

    let cut = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = cut.local_addr().unwrap().port();
    let cutter = tokio::spawn(async move { drop(cut.accept().await.unwrap()) });
    assert_eq!(failed(&asked(&place(port, true, None)).await).0, "tls_cut");
    cutter.await.unwrap();
}

#[tokio::test]
async fn a_proxy_that_takes_http2_apart_is_found_out() {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let pem = cert.pem();
    let key = rustls::pki_types::PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
        let (stream, _) = listener.accept().await.unwrap();
        acceptor.accept(stream).await.is_err()
    });
    let steps = asked(&place(port, true, Some(&pem))).await;
    assert_eq!(failed(&steps).0, "no_http2", "{steps:?}");
    assert!(server.await.unwrap());
}

#[tokio::test]
async fn a_name_that_a_phone_gave_goes_to_the_proxy_as_the_address_that_was_judged() {
    use super::way::{Limit, Way};
    use crate::provider::guard::{Blocked, Guard};
    let proxy = ProxyStandin::start(None).await.unwrap();
    proxy.script(ProxyFault::Answer(403), 10);
    let new = NewWebProxy {
        host: "127.0.0.1".to_owned(),
        port: Some(proxy.address().port()),
        username: String::new(),
        password: None,
        without: Some(Vec::new()),
    };
    let (setting, _) = new.checked(None, UnixMillis(1)).unwrap();
    let proxies = ProxySettings::of_setting(&setting, &Redacted::default());
    let (guard, securing) = (Guard::new(&[]), Securing::new(None, None, false).unwrap());
    // The resolver reads numbers in every form; it is the one name server that is there without a network.
    for (host, blocked) in
        [("0x08080808", None), ("0x7f000001", Some(Blocked::Loopback)), ("0x0a000001", Some(Blocked::NotPublic))]
    {
        let limit = Limit::Each(STEP_TIMEOUT);
        let way =
            Way { host, port: 443, plain: false, proxies: &proxies, guard: Some(&guard), securing: &securing, limit };
        let error = way.walk(&mut |_| {}).await.unwrap_err();
        match blocked {
            Some(blocked) => assert_eq!(error, WayError::Blocked(blocked), "{host}"),
            None => assert!(matches!(error, WayError::Hindered(it) if it.code == "proxy_forbidden"), "{host}"),
        }
    }
    let asked: Vec<String> = proxy.requests().into_iter().map(|it| it.target).collect();
    assert_eq!(asked, ["8.8.8.8:443"]);
}
