//! The rules of RFC 8030, RFC 8291 and RFC 8292, each broken once.

use http::Method;
use pbx_core::model::WebPushSubscription;

use super::super::WebPushStandin;
use super::super::push::unix_seconds;
use super::{Asked, Change, ask, change};
use crate::credential::VapidKey;
use crate::provider::webpush::encryption::{Fresh, encrypt};

const CONTACT: &str = "mailto:admin@example.com";

#[tokio::test]
async fn a_push_service_answers_each_wrong_push_with_its_status() {
    let service = WebPushStandin::start().await.unwrap();
    let new_key = || VapidKey::parse(VapidKey::generate().unwrap().reveal()).unwrap();
    let (key, other) = (new_key(), new_key());
    let subscription = WebPushSubscription::parse(&service.subscribe(Some(key.public_key())).unwrap()).unwrap();
    let origin = subscription.endpoint().split("/push/").next().unwrap().to_owned();
    let now = unix_seconds();
    let signed = |by: &VapidKey, audience: &str, contact: &str, ends_in: i64| {
        by.token(audience, contact, now + ends_in).unwrap().authorization()
    };
    let good = signed(&key, &origin, CONTACT, 43_200);
    let seal = |text: &[u8]| encrypt(text, subscription.keys().unwrap(), &Fresh::draw().unwrap()).unwrap();
    let usual = Asked {
        method: Method::POST,
        url: subscription.endpoint().to_owned(),
        headers: vec![
            ("authorization", good.clone()),
            ("ttl", "30".to_owned()),
            ("urgency", "high".to_owned()),
            ("topic", "call".to_owned()),
            ("content-encoding", "aes128gcm".to_owned()),
        ],
        body: seal(br#"{"t":"call"}"#),
    };
    let sealed = usual.body.clone();
    let authorization = |text: String| move |it: &mut Asked| it.set("authorization", text.clone());
    let exchanged = good.replace(key.public_key(), other.public_key());
    let by_another = signed(&other, &origin, CONTACT, 43_200);
    let without_port = origin.rsplit_once(':').unwrap().0.to_owned();
    let rows: Vec<(Change<'_>, u16)> = vec![
        (change("a subscription that ended", |it| it.url.push('0')), 410),
        (change("GET", |it| it.method = Method::GET), 405),
        (change("unsigned", |it| it.remove("authorization")), 401),
        (change("another scheme", authorization(format!("WebPush {good}"))), 401),
        (change("no public key", authorization(good.split(", k=").next().unwrap().to_owned())), 401),
        (change("another key beside the token", authorization(exchanged)), 401),
        (change("for another port", authorization(signed(&key, &without_port, CONTACT, 43_200))), 401),
        (change("for another service", authorization(signed(&key, "https://push.example.net", CONTACT, 43_200))), 401),
        (change("ended", authorization(signed(&key, &origin, CONTACT, -1))), 401),
        (change("longer than a day", authorization(signed(&key, &origin, CONTACT, 86_500))), 401),
        (change("without a contact", authorization(signed(&key, &origin, "admin", 43_200))), 401),
        (change("by another key than the subscription's", authorization(by_another)), 403),
        (change("no TTL", |it| it.remove("ttl")), 400),
        (change("a TTL in words", |it| it.set("ttl", "soon")), 400),
        (change("a negative TTL", |it| it.set("ttl", "-1")), 400),
        (change("the TTL twice", |it| it.headers.push(("ttl", "30".to_owned()))), 400),
        (change("an unknown urgency", |it| it.set("urgency", "now")), 400),
        (change("a long topic", |it| it.set("topic", "x".repeat(33))), 400),
        (change("a topic that is no base64url", |it| it.set("topic", "a=b")), 400),
        (change("no encoding", |it| it.remove("content-encoding")), 400),
        (change("the encoding of old", |it| it.set("content-encoding", "aesgcm")), 400),
        (change("in the clear", |it| it.body = br#"{"t":"call"}"#.to_vec()), 400),
        (change("one bit changed", |it| *it.body.last_mut().unwrap() ^= 1), 400),
        (change("cut off", |it| it.body.truncate(sealed.len() - 1)), 400),
        (change("not JSON inside", |it| it.body = seal(b"ring")), 400),
        (change("4,097 bytes", |it| it.body = vec![0; 4097]), 413),
    ];
    let status = |asked: Asked| async { ask(service.ca_pem(), true, asked).await.unwrap().0 };
    assert_eq!(status(usual.clone()).await, 201, "before anything is wrong");
    for ((what, how), expected) in rows {
        let mut asked = usual.clone();
        how(&mut asked);
        assert_eq!(status(asked).await, expected, "{what}");
    }
    let mut now_or_never = usual.clone();
    now_or_never.set("ttl", "0");
    assert_eq!(status(now_or_never).await, 201, "0 is a TTL (RFC 8030 section 5.2)");
    assert_eq!(service.requests().len(), 2, "what is refused reaches no phone");
}
