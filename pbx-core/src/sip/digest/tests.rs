//! Answers, replays, old nonces and liars.

use std::time::Duration;

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;

fn office() -> Network {
    "203.0.113.7".parse().unwrap()
}
use crate::model::SipUsername;
use crate::sip::message::Method;

const REALM: &str = "pbx.example.com";
const SECRET: &str = "wrong horse battery";
const URI: &str = "sip:pbx.example.com";

fn account(username: &str) -> SipCredential {
    let (md5, sha256) = ha1(username, REALM, SECRET);
    let username: SipUsername = username.parse().unwrap();
    SipCredential { username, extension: "101".parse().unwrap(), md5, sha256 }
}

fn authenticator() -> Authenticator {
    Authenticator::new(REALM.to_owned(), [7; 32])
}

/// A phone: makes answers to challenges.
#[derive(Clone)]
struct Phone {
    username: &'static str,
    secret: &'static str,
    nonce: String,
    nc: String,
    qop: Option<&'static str>,
    uri: &'static str,
    algorithm: &'static str,
}

impl Phone {
    /// Takes the nonce of a challenge.
    fn answering(challenges: &[BytesStr]) -> Self {
        let (_, rest) = challenges[0].split_once("nonce=\"").unwrap();
        let nonce = rest.split_once('"').unwrap().0.to_owned();
        Self {
            username: "101",
            secret: SECRET,
            nonce,
            nc: "00000001".into(),
            qop: Some("auth"),
            uri: URI,
            algorithm: "SHA-256",
        }
    }

    fn counting(&self, nc: u32) -> Self {
        Self { nc: format!("{nc:08x}"), ..self.clone() }
    }

    fn hash(&self, text: &str) -> String {
        let bytes = match self.algorithm {
            "MD5" => Md5::digest(text).to_vec(),
            _ => Sha256::digest(text).to_vec(),
        };
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn header(&self) -> String {
        let ha1 = self.hash(&format!("{}:{REALM}:{}", self.username, self.secret));
        let ha2 = match self.qop {
            Some("auth-int") => self.hash(&format!("REGISTER:{}:{}", self.uri, self.hash("body"))),
            _ => self.hash(&format!("REGISTER:{}", self.uri)),
        };
        let (middle, params) = match self.qop {
            Some(qop) => (format!("{}:c0:{qop}:", self.nc), format!(", qop={qop}, nc={}, cnonce=\"c0\"", self.nc)),
            None => (String::new(), String::new()),
        };
        let response = self.hash(&format!("{ha1}:{}:{middle}{ha2}", self.nonce));
        format!(
            "Digest username=\"{}\", realm=\"{REALM}\", nonce=\"{}\", uri=\"{}\", response=\"{response}\", algorithm={}{params}",
            self.username, self.nonce, self.uri, self.algorithm
        )
    }

    fn request(&self) -> Request {
        request(&[&self.header()])
    }
}

fn request(headers: &[&str]) -> Request {
    let mut request = Request::new(Method::Register, URI);
    for header in headers {
        request.headers.push(HeaderName::Authorization, *header);
    }
    request.body = "body".into();
    request
}

/// What the authenticator says when `101` is the only account and MD5 is allowed.
fn verified(authenticator: &mut Authenticator, request: &Request, now: Now) -> Verification<()> {
    let one = account("101");
    match authenticator.verify(request, true, |name| (name == "101").then_some(&one), now) {
        Verification::Accepted(account) => {
            assert_eq!(account, &one);
            Verification::Accepted(())
        }
        Verification::Missing => Verification::Missing,
        Verification::Repeated(_) => Verification::Repeated(()),
        Verification::Stale => Verification::Stale,
        Verification::Rejected(why) => Verification::Rejected(why),
    }
}

fn at(seconds: u64) -> Now {
    Now::default().after(Duration::from_secs(1000 + seconds))
}

const ACCEPTED: Verification<()> = Verification::Accepted(());

#[test]
fn the_digests_are_those_of_the_rfc() {
    // RFC 7616 section 3.9.1.
    let (md5, sha256) = ha1("Mufasa", "http-auth@example.org", "Circle of Life");
    let mut request = Request::new(Method::Other("GET".into()), "/dir/index.html");
    for (algorithm, response) in [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ] {
        let text = format!(
            "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", algorithm={algorithm}, \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, \
             cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, response=\"{response}\", \
             opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        );
        let answer = Answer::parse(&text).unwrap().unwrap();
        request.method = Method::Other("GET".into());
        let right = match algorithm {
            "MD5" => is_right::<Md5>(&md5.0, &answer, &request),
            _ => is_right::<Sha256>(&sha256.0, &answer, &request),
        };
        assert!(right, "{algorithm}");
    }
}

#[test]
fn old_phones_on_plain_transports_are_not_shown_sha_256() {
    let mut authenticator = authenticator();
    for transport in [Transport::Udp, Transport::Tcp] {
        let offered = authenticator.challenges(at(0), false, Offer::on(transport, true), office());
        assert_eq!(offered.len(), 1);
        assert!(offered[0].ends_with("\", algorithm=MD5, qop=\"auth\""), "{transport:?}");
        assert_eq!(Offer::on(transport, false), Offer::Sha256);
    }
    assert_eq!(Offer::on(Transport::Tls, true), Offer::Both);
    assert_eq!(Offer::on(Transport::Tls, false), Offer::Sha256);
}

#[test]
fn challenges_offer_sha_256_first_and_md5_only_when_allowed() {
    let mut authenticator = authenticator();
    let both = authenticator.challenges(at(0), false, Offer::Both, office());
    assert!(both[0].starts_with("Digest realm=\"pbx.example.com\", nonce=\""));
    assert!(both[0].ends_with("\", algorithm=SHA-256, qop=\"auth\""));
    assert!(both[1].ends_with("\", algorithm=MD5, qop=\"auth\""));
    let one = authenticator.challenges(at(0), true, Offer::Sha256, office());
    assert_eq!(one.len(), 1);
    assert!(one[0].ends_with(", algorithm=SHA-256, qop=\"auth\", stale=true"));
    assert_ne!(Phone::answering(&both).nonce, Phone::answering(&one).nonce);
}

#[test]
fn every_kind_of_right_answer_is_accepted_once_and_a_repetition_after_that() {
    for algorithm in ["SHA-256", "MD5", "sha-256", "\"MD5\""] {
        for qop in [Some("auth"), Some("auth-int"), None] {
            let mut authenticator = authenticator();
            let plain = algorithm.trim_matches('"').to_ascii_uppercase();
            let hashed_as = if plain == "MD5" { "MD5" } else { "SHA-256" };
            let phone = Phone {
                algorithm: hashed_as,
                qop,
                ..Phone::answering(&authenticator.challenges(at(0), false, Offer::Both, office()))
            };
            let header = phone.header().replace(&format!("algorithm={hashed_as}"), &format!("algorithm={algorithm}"));
            assert_eq!(verified(&mut authenticator, &request(&[&header]), at(1)), ACCEPTED, "{algorithm} {qop:?}");
            assert_eq!(
                verified(&mut authenticator, &request(&[&header]), at(1)),
                Verification::Repeated(()),
                "{algorithm} {qop:?}"
            );
        }
    }
}

#[test]
fn an_answer_without_algorithm_is_md5_and_hexadecimal_may_be_upper_case() {
    let mut authenticator = authenticator();
    let phone =
        Phone { algorithm: "MD5", ..Phone::answering(&authenticator.challenges(at(0), false, Offer::Both, office())) };
    let header = phone.header().replace(", algorithm=MD5", "").replace("Digest ", "DIGEST\t ");
    let (before, rest) = header.split_once("response=\"").unwrap();
    let (response, after) = rest.split_once('"').unwrap();
    let header = format!("{before}response=\"{}\"{after}", response.to_uppercase());
    assert_eq!(verified(&mut authenticator, &request(&[&header]), at(1)), ACCEPTED);
}

#[test]
fn counts_may_come_out_of_order_within_the_window_and_each_only_once() {
    let mut authenticator = authenticator();
    let phone = Phone::answering(&authenticator.challenges(at(0), false, Offer::Both, office()));
    let mut spend = |nc: u32| verified(&mut authenticator, &phone.counting(nc).request(), at(1));
    assert_eq!(spend(6), ACCEPTED);
    assert_eq!(spend(1), ACCEPTED);
    assert_eq!(spend(1), Verification::Repeated(()));
    assert_eq!(spend(6), Verification::Repeated(()));
    assert_eq!(spend(70), ACCEPTED);
    assert_eq!(spend(6), Verification::Stale);
    assert_eq!(spend(7), ACCEPTED);
    assert_eq!(spend(70 + 65), Verification::Stale);
    assert_eq!(spend(70 + 64), ACCEPTED);
    assert_eq!(spend(70), Verification::Stale);
    assert_eq!(spend(71), ACCEPTED);
}

#[test]
fn counts_and_parts_that_make_no_sense_are_malformed() {
    let mut authenticator = authenticator();
    let phone = Phone::answering(&authenticator.challenges(at(0), false, Offer::Both, office()));
    let malformed = Verification::Rejected(Rejection::Malformed);
    for nc in ["00000000", "100000000", "", "-1", "0x01", "zz"] {
        let odd = Phone { nc: nc.into(), ..phone.clone() };
        assert_eq!(verified(&mut authenticator, &odd.request(), at(1)), malformed, "{nc:?}");
    }
    let header = phone.header();
    for (from, to) in [
        (", nc=00000001", ""),
        (", cnonce=\"c0\"", ""),
        ("qop=auth", "qop=other"),
        ("username=", "x="),
        ("uri=", "x="),
        ("response=", "x="),
        ("nonce=", "username=\"102\", nonce="),
        ("cnonce=\"c0\"", "cnonce=\"c0"),
    ] {
        assert!(header.contains(from), "{from}");
        let request = request(&[&header.replacen(from, to, 1)]);
        assert_eq!(verified(&mut authenticator, &request, at(1)), malformed, "{from} -> {to}");
    }
    let long = header.replace("101", &"1".repeat(65_000));
    assert_eq!(verified(&mut authenticator, &request(&[&long]), at(1)), malformed);
    assert_eq!(verified(&mut authenticator, &request(&[&header]), at(1)), ACCEPTED);
}

#[test]
fn who_knows_the_secret_but_has_an_unusable_nonce_is_stale_and_who_does_not_is_rejected() {
    let mut authenticator = authenticator();
    let fresh = Phone::answering(&authenticator.challenges(at(0), false, Offer::Both, office()));
    let invented = Phone { nonce: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into(), ..fresh.clone() };
    let empty = Phone { nonce: String::new(), ..fresh.clone() };
    let mut after_restart = Authenticator::new(REALM.to_owned(), [8; 32]);
    let before_restart = Phone::answering(&after_restart.challenges(at(0), false, Offer::Both, office()));
    for (phone, now) in [(&fresh, at(301)), (&invented, at(1)), (&empty, at(1)), (&before_restart, at(1))] {
        assert_eq!(verified(&mut authenticator, &phone.request(), now), Verification::Stale);
        let liar = Phone { secret: "guess", ..phone.clone() };
        let wrong = Verification::Rejected(Rejection::WrongSecret);
        assert_eq!(verified(&mut authenticator, &liar.request(), now), wrong);
    }
    assert_eq!(verified(&mut authenticator, &fresh.request(), at(300)), ACCEPTED);
}

#[test]
fn a_nonce_from_the_future_is_stale() {
    let mut authenticator = authenticator();
    let phone = Phone::answering(&authenticator.challenges(at(10), false, Offer::Both, office()));
    assert_eq!(verified(&mut authenticator, &phone.request(), at(0)), Verification::Stale);
}

#[test]
fn an_unknown_user_is_rejected_after_the_same_work() {
    let mut authenticator = authenticator();
    let phone =
        Phone { username: "999", ..Phone::answering(&authenticator.challenges(at(0), false, Offer::Both, office())) };
    let unknown = Verification::Rejected(Rejection::UnknownUser);
    assert_eq!(verified(&mut authenticator, &phone.request(), at(1)), unknown);
    // Not even the stand-in's own digest opens the door.
    let hash = |text: &str| phone.hash(text);
    let ha1: String = authenticator.dummy.1.0.iter().map(|byte| format!("{byte:02x}")).collect();
    let response = hash(&format!("{ha1}:{}:00000001:c0:auth:{}", phone.nonce, hash(&format!("REGISTER:{URI}"))));
    let header = phone.header();
    let (before, rest) = header.split_once("response=\"").unwrap();
    let header = format!("{before}response=\"{response}{}", &rest[64..]);
    assert_eq!(verified(&mut authenticator, &request(&[&header]), at(1)), unknown);
}

#[test]
fn the_answer_must_be_for_this_request() {
    let mut authenticator = authenticator();
    let phone = Phone::answering(&authenticator.challenges(at(0), false, Offer::Both, office()));
    for uri in ["sip:other.example.com", "sip:101@pbx.example.com", "tel:1", "garbage", ""] {
        let other = Phone { uri, ..phone.clone() };
        assert_eq!(
            verified(&mut authenticator, &other.request(), at(1)),
            Verification::Rejected(Rejection::Uri),
            "{uri}"
        );
    }
    let mut wrong_method = phone.request();
    wrong_method.method = Method::Invite;
    let wrong = Verification::Rejected(Rejection::WrongSecret);
    assert_eq!(verified(&mut authenticator, &wrong_method, at(1)), wrong);
    let dropped_port = Phone { uri: "sip:PBX.example.com:5060;transport=udp", ..phone };
    assert_eq!(verified(&mut authenticator, &dropped_port.request(), at(1)), ACCEPTED);
}

#[test]
fn other_schemes_and_other_realms_are_skipped() {
    let mut authenticator = authenticator();
    let phone = Phone::answering(&authenticator.challenges(at(0), false, Offer::Both, office()));
    let foreign = phone.header().replace(REALM, "other.example.com");
    assert_eq!(verified(&mut authenticator, &request(&[]), at(1)), Verification::Missing);
    let unknown = "NoOneKnowsThisScheme opaque-data=here";
    assert_eq!(
        verified(&mut authenticator, &request(&[unknown, "Digest", "", &foreign]), at(1)),
        Verification::Missing
    );
    let all = request(&[unknown, &foreign, "Digest garbage", &phone.header()]);
    assert_eq!(verified(&mut authenticator, &all, at(1)), ACCEPTED);
    assert_eq!(claimed_username(&all).as_deref(), Some("101"));
}

#[test]
fn a_proxy_answer_counts_too() {
    let mut authenticator = authenticator();
    let phone = Phone::answering(&authenticator.challenges(at(0), false, Offer::Both, office()));
    let mut request = request(&[]);
    request.headers.push(HeaderName::ProxyAuthorization, phone.header());
    assert_eq!(verified(&mut authenticator, &request, at(1)), ACCEPTED);
}

#[test]
fn algorithms_not_offered_are_rejected() {
    let mut authenticator = authenticator();
    let phone = Phone::answering(&authenticator.challenges(at(0), false, Offer::Sha256, office()));
    let rejected = Verification::Rejected(Rejection::Algorithm);
    for algorithm in ["SHA-512-256", "MD5-sess", "SHA-256-sess", "none"] {
        let header = phone.header().replace("SHA-256", algorithm);
        assert_eq!(verified(&mut authenticator, &request(&[&header]), at(1)), rejected, "{algorithm}");
    }
    let md5 = Phone { algorithm: "MD5", ..phone.clone() };
    let one = account("101");
    let found = authenticator.verify(&md5.request(), false, |_| Some(&one), at(1));
    assert_eq!(found, Verification::Rejected(Rejection::Algorithm));
    let both = request(&[&md5.header(), &phone.header()]);
    assert!(matches!(authenticator.verify(&both, false, |_| Some(&one), at(1)), Verification::Accepted(_)));
}

#[test]
fn the_record_of_used_nonces_is_bounded_and_forgotten_nonces_are_stale() {
    let mut book = NonceBook::new(keyed(&[1; 32]));
    let first = book.issue(at(0), office());
    let unused = book.issue(at(0), office());
    assert_eq!(book.spend(&first, Some(1), at(0)), Spent::Now);
    for _ in 0..nonce::MAX_RECORDS {
        let nonce = book.issue(at(0), office());
        assert_eq!(book.spend(&nonce, Some(1), at(0)), Spent::Now);
    }
    assert_eq!(book.records(), nonce::MAX_RECORDS);
    assert_eq!(book.spend(&first, Some(2), at(0)), Spent::Never, "its record was evicted, so its counts are unknown");
    assert_eq!(book.spend(&unused, Some(1), at(0)), Spent::Now);
    let late = book.issue(at(400), office());
    assert_eq!(book.spend(&late, Some(1), at(400)), Spent::Now);
    assert_eq!(book.records(), 1);
}

#[test]
fn a_refused_count_leaves_no_record() {
    let mut book = NonceBook::new(keyed(&[1; 32]));
    let nonce = book.issue(at(0), office());
    assert_eq!(book.spend(&nonce, Some(65), at(0)), Spent::Never);
    assert_eq!(book.records(), 0);
    assert_eq!(book.spend(&nonce, None, at(0)), Spent::Now);
    assert_eq!(book.spend(&nonce, None, at(0)), Spent::Before);
    assert_eq!(book.spend(&nonce, Some(1), at(0)), Spent::Never);
}

#[test]
fn a_realm_cannot_break_out_of_its_quotes() {
    let mut odd = Authenticator::new("a\"\r\nX: b\\".to_owned(), [1; 32]);
    assert_eq!(odd.realm(), "aX: b");
    assert!(odd.challenges(at(0), false, Offer::Sha256, office())[0].starts_with("Digest realm=\"aX: b\", nonce="));
}

proptest! {
    #[test]
    fn reading_an_answer_never_panics(text in "(Digest )?([a-z]{1,8}=\"?[a-z0-9\\\\,;= ]{0,9}\"?,? ?){0,12}") {
        let _ = Answer::parse(&text);
        let request = request(&[&text]);
        prop_assert_ne!(verified(&mut authenticator(), &request, at(1)), ACCEPTED);
    }

    #[test]
    fn a_changed_answer_is_never_accepted(index in any::<prop::sample::Index>(), byte in 0x20_u8..0x7f) {
        let mut authenticator = authenticator();
        let phone = Phone::answering(&authenticator.challenges(at(0), false, Offer::Both, office()));
        let header = phone.header();
        let mut changed = header.clone().into_bytes();
        let at_byte = index.index(changed.len());
        changed[at_byte] = byte;
        let changed = String::from_utf8(changed).unwrap();
        let outcome = verified(&mut authenticator, &request(&[&changed]), at(1));
        // Blanks, the case of names and words, and the padding of quoted text may differ; what is hashed may not.
        let same = Answer::parse(&changed).ok().flatten().is_some_and(|answer| {
            let original = Answer::parse(&header).unwrap().unwrap();
            let response = answer.response.eq_ignore_ascii_case(&original.response);
            response && Answer { response: original.response.clone(), algorithm: None, ..answer }
                == Answer { algorithm: None, ..original }
        });
        prop_assert!(outcome != ACCEPTED || same);
    }
}
