//! Contacts of real phones, and what must never get through.

use proptest::prelude::*;

use super::*;
use crate::model::{Environment, PushProvider, Redacted};
use crate::registrar::{OfferedPush, OfferedTarget};
use crate::sip::message::Method;

fn register(lines: &[(HeaderName, &str)]) -> Request {
    let mut request = Request::new(Method::Register, "sip:pbx");
    for (name, value) in lines {
        request.headers.push(name.clone(), *value);
    }
    request
}

fn with_contact(value: &str) -> Result<Contacts, Refused> {
    contacts(&register(&[(HeaderName::Contact, value)]))
}

fn one(value: &str) -> OfferedContact {
    match with_contact(value) {
        Ok(Contacts::List(mut list)) if list.len() == 1 => list.remove(0),
        other => panic!("{value}: {other:?}"),
    }
}

fn target(value: &str) -> OfferedTarget {
    match one(value).push {
        Some(OfferedPush::Target(target)) => target,
        other => panic!("{value}: {other:?}"),
    }
}

/// App id, call token, notice token.
fn parts(target: &OfferedTarget) -> (&str, Option<&str>, Option<&str>) {
    fn token(token: &Option<Redacted<String>>) -> Option<&str> {
        token.as_ref().map(|token| token.reveal().as_str())
    }
    (&target.app_id, token(&target.call_token), token(&target.notice_token))
}

fn status(outcome: Result<Contacts, Refused>) -> u16 {
    outcome.unwrap_err().status
}

#[test]
fn a_contact_is_taken_apart_and_its_text_kept() {
    let contact = one(
        "\"A\" <sip:101@10.0.0.9:5062;transport=tcp;ob>;+sip.instance=\"<urn:uuid:0001>\";reg-id=1;expires=600;+sip.pnsreg;q=0.5",
    );
    assert_eq!(&*contact.uri, "sip:101@10.0.0.9:5062;transport=tcp;ob");
    assert_eq!(&*contact.params, ";+sip.instance=\"<urn:uuid:0001>\";reg-id=1;+sip.pnsreg;q=0.5");
    assert_eq!(&*contact.user_at_host_port, "101@10.0.0.9:5062");
    assert_eq!(contact.instance.as_deref(), Some("urn:uuid:0001"));
    assert_eq!((contact.reg_id, contact.expires, contact.push), (Some(1), Some(600), None));
    assert!(contact.needs_refresh_push);
}

#[test]
fn no_contact_is_a_question_and_a_star_removes_all() {
    let star = (HeaderName::Contact, "*");
    let zero = (HeaderName::Expires, "0");
    let contact = (HeaderName::Contact, "<sip:a@b>");
    assert_eq!(contacts(&register(&[])), Ok(Contacts::Query));
    assert_eq!(contacts(&register(&[star.clone(), zero.clone()])), Ok(Contacts::RemoveAll));
    for wrong in [
        vec![star.clone()],
        vec![star.clone(), (HeaderName::Expires, "60")],
        vec![star.clone(), star.clone(), zero.clone()],
        vec![star.clone(), contact.clone(), zero.clone()],
        vec![contact.clone(), star.clone(), zero.clone()],
        vec![(HeaderName::Contact, "<sip:a@b>, *"), zero.clone()],
    ] {
        assert_eq!(status(contacts(&register(&wrong))), 400, "{wrong:?}");
    }
}

#[test]
fn twelve_contacts_are_taken_and_the_thirteenth_refuses_all() {
    let line = |count| vec!["<sip:a@b>"; count].join(", ");
    assert!(matches!(with_contact(&line(12)), Ok(Contacts::List(list)) if list.len() == 12));
    assert_eq!(status(with_contact(&line(13))), 403);
}

#[test]
fn seconds_are_read_clamped_or_left_to_the_default() {
    let asked = |header: &str, param: &str| {
        let contact = format!("<sip:a@b>{param}");
        let request = register(&[(HeaderName::Expires, header), (HeaderName::Contact, &contact)]);
        match contacts(&request).unwrap() {
            Contacts::List(list) => list[0].expires,
            other @ (Contacts::Query | Contacts::RemoveAll) => panic!("{other:?}"),
        }
    };
    for (header, param, expected) in [
        ("600", "", Some(600)),
        ("600", ";expires=60", Some(60)),
        ("600", ";expires=\"60\"", Some(60)),
        ("600", ";expires=0", Some(0)),
        ("600", ";expires=abc", None),
        ("600", ";expires", None),
        ("0", "", Some(0)),
        ("1", "", Some(1)),
        ("86401", "", Some(86_401)),
        ("4294967296", "", Some(u32::MAX)),
        ("-1", "", None),
        ("abc", "", None),
        ("", "", None),
    ] {
        assert_eq!(asked(header, param), expected, "{header:?} {param:?}");
    }
}

#[test]
fn contacts_that_cannot_be_called_are_refused() {
    for value in ["<tel:+49301234>", "<mailto:a@b>", "sip:a@b?x=y", "<sip:a@b", "", "<sip:a b@c>", "<>"] {
        assert_eq!(status(with_contact(value)), 400, "{value:?}");
    }
    assert_eq!(status(with_contact(&format!("<sip:a@b;x={}>", "y".repeat(2048)))), 400);
    assert_eq!(status(with_contact(&format!("<sip:a@b>;+sip.instance=\"{}\"", "y".repeat(257)))), 400);
}

#[test]
fn apns_as_the_rfc_writes_it() {
    let target =
        target("<sip:a@b;pn-provider=apns;pn-param=DEF123GHIJ.com.example.phone.voip;pn-prid=00fc13adff78512>");
    assert_eq!((target.provider, target.environment), (PushProvider::Apns, Environment::Production));
    assert_eq!(parts(&target), ("com.example.phone", Some("00fc13adff78512"), None));
}

#[test]
fn apns_as_linphone_writes_it() {
    let base = "pn-provider=apns.dev;pn-silent=1;pn-timeout=0";
    for (param, prid, expected) in [
        ("T.com.example.app.voip&remote", "aa11:voip&bb22:remote", ("com.example.app", Some("aa11"), Some("bb22"))),
        ("T.com.example.app.remote&voip", "bb22:remote&aa11:voip", ("com.example.app", Some("aa11"), Some("bb22"))),
        ("T.com.example.app.voip", "aa11", ("com.example.app", Some("aa11"), None)),
        (
            "T.com.example.app.voip%26remote",
            "aa11%3Avoip%26bb22%3Aremote",
            ("com.example.app", Some("aa11"), Some("bb22")),
        ),
        ("T.com.example.app.remote", "bb22:remote", ("com.example.app", None, Some("bb22"))),
        ("T.com.example.app", "bb22", ("com.example.app", None, Some("bb22"))),
        ("T.com.example.app.voip&remote", "aa11", ("com.example.app", Some("aa11"), None)),
    ] {
        let target = target(&format!("<sip:a@b;{base};pn-param={param};pn-prid={prid}>"));
        assert_eq!((parts(&target), target.environment), (expected, Environment::Sandbox), "{param} {prid}");
    }
}

#[test]
fn fcm_takes_a_project_id_or_a_sender_number() {
    for app in ["my-project", "884163012942"] {
        let target = target(&format!("<sip:a@b;pn-provider=fcm;pn-param={app};pn-prid=cXy_1-z:APA91bF>"));
        assert_eq!(target.provider, PushProvider::Fcm);
        assert_eq!(parts(&target), (app, Some("cXy_1-z:APA91bF"), None));
    }
}

#[test]
fn parameters_behind_the_brackets_are_taken_too() {
    let contact = "<sip:a@b>;pn-provider=fcm;pn-param=\"p1\";pn-prid=\"tok:1\"";
    assert_eq!(parts(&target(contact)), ("p1", Some("tok:1"), None));
    assert_eq!(parts(&target("sip:a@b;pn-provider=fcm;pn-prid=tok")), ("", Some("tok"), None));
}

#[test]
fn the_older_parameters_are_understood_and_unusable_ones_passed_over() {
    let apple = target("<sip:a@b;app-id=com.example.app.voip.dev;pn-type=apple;pn-tok=aa11>");
    assert_eq!((parts(&apple), apple.environment), (("com.example.app", Some("aa11"), None), Environment::Sandbox));
    let remote = target("<sip:a@b;app-id=com.example.app.prod;pn-type=apple;pn-tok=aa11>");
    assert_eq!(
        (parts(&remote), remote.environment),
        (("com.example.app", None, Some("aa11")), Environment::Production)
    );
    let firebase = target("<sip:a@b;app-id=884163012942;pn-type=firebase;pn-tok=x:y>");
    assert_eq!(parts(&firebase), ("884163012942", Some("x:y"), None));
    for other in
        ["app-id=1;pn-type=wp10;pn-tok=x", "app-id=1;pn-type=google;pn-tok=x", "pn-type=apple;pn-tok=x", "pn-tok=x"]
    {
        assert_eq!(one(&format!("<sip:a@b;{other}>")).push, None, "{other}");
    }
}

#[test]
fn a_provider_without_token_only_asks() {
    let push = |params: &str| one(&format!("<sip:a@b;{params}>")).push;
    assert_eq!(push("pn-provider"), Some(OfferedPush::Query(None)));
    assert_eq!(push("pn-provider="), Some(OfferedPush::Query(None)));
    assert_eq!(push("pn-provider=APNS"), Some(OfferedPush::Query(Some(PushProvider::Apns))));
    assert_eq!(push("pn-provider=fcm;pn-prid="), Some(OfferedPush::Query(Some(PushProvider::Fcm))));
    assert_eq!(push("pn-provider=adm;pn-prid=x"), Some(OfferedPush::Unsupported("adm".into())));
    assert_eq!(push("pn-prid=x"), None);
}

#[test]
fn nothing_that_could_change_a_push_request_gets_through() {
    let long = "a".repeat(10 * 1024);
    for params in [
        "pn-provider=apns;pn-param=T.c.voip;pn-prid=aa%0d%0aX-Evil:%201",
        "pn-provider=apns;pn-param=T.c%0d%0a.voip;pn-prid=aa",
        "pn-provider=apns;pn-param=T.c.voip;pn-prid=aa/../bb",
        "pn-provider=apns;pn-param=T.c.voip;pn-prid=aa%00",
        "pn-provider=apns;pn-param=T.c.voip;pn-prid=%ff",
        "pn-provider=apns;pn-param=T.c.voip;pn-prid=a:voip&:remote",
        "pn-provider=apns;pn-param=T.c.voip;pn-prid=a:other",
        "pn-provider=apns;pn-param=nodot;pn-prid=aa",
        "pn-provider=apns;pn-prid=aa",
        "pn-provider=apns;pn-param=T.;pn-prid=aa",
        "pn-provider=fcm;pn-param=a%2F..;pn-prid=aa",
        "pn-provider=fcm;pn-param=a;pn-prid=a%22b",
        "pn-provider=fcm;pn-param=a;pn-prid=%C3%A4",
        "pn-provider=ab%0ac",
        "pn-provider=abcdefghijklmnopqrstuvwxyz0123456789",
        "app-id=a%0ab.prod;pn-type=apple;pn-tok=aa",
        &format!("pn-provider=fcm;pn-param=a;pn-prid={}", &long[..1025]),
        &format!("pn-provider=fcm;pn-param={};pn-prid=a", &long[..257]),
        &format!("pn-provider=fcm;pn-param={long};pn-prid=a"),
    ] {
        assert_eq!(status(with_contact(&format!("<sip:a@b;{params}>"))), 400, "{params:.80}");
    }
}

#[test]
fn tokens_do_not_print() {
    let contact = one("<sip:a@b>;pn-provider=fcm;pn-param=p;pn-prid=secrettoken");
    assert!(!format!("{:?}", contact.push).contains("secrettoken"));
}

#[test]
fn push_parameters_are_stripped_and_nothing_else() {
    for (uri, expected) in [
        ("sip:a@b", "sip:a@b"),
        ("sip:a@b;transport=tls", "sip:a@b;transport=tls"),
        (
            "sip:a@b;pn-prid=x;transport=tls;PN-Provider=apns;pn-param=y;app-id=z;pn-tok=1;pn-silent=1?h=1",
            "sip:a@b;transport=tls?h=1",
        ),
        ("sip:pn-a;pn-b=1@b;pn-c", "sip:pn-a;pn-b=1@b"),
        ("sip:a@b;%70n-prid=x;x", "sip:a@b;x"),
        ("tel:+49;pn-tok=1", "tel:+49"),
    ] {
        assert_eq!(strip_push_params(uri), expected);
    }
    assert!(matches!(strip_push_params("sip:a@b;ob"), Cow::Borrowed(_)));
}

#[test]
fn paths_come_in_order() {
    let request = register(&[(HeaderName::Path, "<sip:a;lr>, <sip:b;lr>"), (HeaderName::Path, "<sip:c;lr>")]);
    assert_eq!(path(&request), ["<sip:a;lr>".into(), "<sip:b;lr>".into(), "<sip:c;lr>".into()] as [Box<str>; 3]);
}

proptest! {
    #[test]
    fn contacts_never_panic_and_no_token_survives_stripping(
        params in "(;(pn-(prid|param|provider|tok|type)|app-id|ob|x)(=(apns|fcm|apns\\.dev|apple|[a-zA-Z0-9.:&%*\"<>,]{0,12}))?){0,8}",
        behind in "(;(pn-(prid|param|provider)|expires|reg-id|\\+sip.instance)(=\"?[a-z0-9.:&%<>]{0,12}\"?)?){0,4}",
    ) {
        let _ = with_contact(&format!("<sip:a@b{params}>{behind}"));
        let _ = with_contact(&format!("sip:a@b{params}"));
        let uri = format!("sip:a@b{params}");
        let stripped = strip_push_params(&uri).into_owned();
        prop_assert!(!stripped.contains(";pn-") && !stripped.contains(";app-id"), "{}", stripped);
    }
}

const SUBSCRIBED: &str = "https://push.example.net/p/abc?x=1#p256dh=BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4&auth=BTBZMqHH6r4Tts7J_aSIgg";

#[test]
fn web_push_as_the_rfc_writes_it_and_with_the_keys_of_the_subscription() {
    let escaped = SUBSCRIBED.replace('?', "%3F").replace('=', "%3D").replace('#', "%23");
    for (prid, token) in [("https://push.example.net/p/abc", "https://push.example.net/p/abc"), (&escaped, SUBSCRIBED)]
    {
        let target = target(&format!("<sip:a@b;pn-provider=webpush;pn-prid={prid}>"));
        assert_eq!((target.provider, target.environment), (PushProvider::WebPush, Environment::Production));
        assert_eq!(parts(&target), ("push.example.net", Some(token), None));
    }
    let asked = one("<sip:a@b;pn-provider=webpush>").push;
    assert_eq!(asked, Some(OfferedPush::Query(Some(PushProvider::WebPush))));
}

#[test]
fn what_is_no_web_push_subscription_is_refused() {
    for prid in [
        "http://push.example.net/a",
        "abc",
        "https://a@b/c",
        "https://b/%23auth%3Dx",
        "https://b/%22",
        "https://b/%0d%0aX",
    ] {
        assert_eq!(status(with_contact(&format!("<sip:a@b;pn-provider=webpush;pn-prid={prid}>"))), 400, "{prid}");
    }
}
