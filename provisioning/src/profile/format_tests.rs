//! Golden files of every profile, and names that try to break out of them, read back by independent parsers.
//!
//! The model refuses most hostile names before a writer sees one. Here every writer is given the raw text, as if that check had
//! been forgotten.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::app::AppPush;
use super::*;

const BASE: &str = "https://pbx.example.com";
const INSTANCE: &str = "urn:uuid:6ba7b811-9dad-11d1-80b4-00c04fd430c8";

/// Names of people and of attackers.
fn hostile() -> Vec<String> {
    let mut names: Vec<String> = [
        "]]>",
        "a\nb",
        "a\r\nbria.push.enabled=stolen",
        "a & b",
        "\"quoted\" 'single'",
        "\\",
        "\\\" <sip:evil@example.com>",
        "</account><account>",
        "<!--",
        "--><x>",
        "&#0;",
        "%account[password]%",
        "{{ passwd }}",
        "\u{202e}txt.exe\u{202c}",
        "עברית",
        "=cmd|' /C calc'!A0",
        "a=b;c",
        "\u{0}nul",
        "\u{fffe}\u{ffff}",
        "\u{85}\u{2028}\u{2029}",
        "]]&gt;",
        "\",\"secret\":\"known",
        "",
        "   ",
        "\u{1}\u{2}",
    ]
    .into_iter()
    .map(str::to_owned)
    .collect();
    names.push("&\"<>'".repeat(820));
    names
}

type Fields = Vec<(String, String)>;

/// A document with an owner's name nobody has checked, as an app reads it: each field with its value.
type Writer = fn(&Profile, &str) -> Fields;

/// Every writer, and the field in which the owner's name arrives.
const WRITERS: [(&str, Writer, &str); 6] = [
    ("linphone", |profile, name| tree(&linphone::xml_with_name(profile, name).unwrap()), "entry@reg_identity"),
    ("acrobits", |profile, name| tree(&acrobits::xml_with_name(profile, name, BASE)), "userDisplayName"),
    ("zoiper", |profile, name| tree(&zoiper::xml_with_name(profile, name)), "SIP_callerId"),
    ("json", |profile, name| leaves(&json::json_with_name(profile, name).unwrap()), "/account/display_name"),
    ("app", |profile, name| leaves(&app_text(profile, name)), "/account/display_name"),
    ("bria", |profile, name| lines(&bria::text_with_name(profile, name, true)), "account1Sip.credentials.displayName"),
];

/// The device API's profile, without the hash that says that something changed.
fn app_text(profile: &Profile, name: &str) -> String {
    let (mut value, _) = app::body_with_name((profile, name), INSTANCE, &AppPush::default(), BASE);
    value.as_object_mut().unwrap().remove("revision").unwrap();
    value.to_string()
}

fn tree(xml: &str) -> Fields {
    let document = roxmltree::Document::parse(xml).unwrap_or_else(|error| panic!("{error}\n{xml}"));
    let elements = document.descendants().filter(roxmltree::Node::is_element);
    elements
        .map(|node| {
            let name = node.attribute("name").map(|name| format!("{}@{name}", node.tag_name().name()));
            let leaf = !node.children().any(|child| child.is_element());
            let text = node.children().filter(roxmltree::Node::is_text).filter_map(|child| child.text());
            (
                name.unwrap_or_else(|| node.tag_name().name().to_owned()),
                if leaf { text.collect() } else { String::new() },
            )
        })
        .collect()
}

fn leaves(json: &str) -> Fields {
    fn walk(path: &str, value: &serde_json::Value, found: &mut Fields) {
        match value {
            serde_json::Value::Object(fields) => {
                fields.iter().for_each(|(name, inner)| walk(&format!("{path}/{name}"), inner, found));
            }
            serde_json::Value::Array(items) => {
                items.iter().enumerate().for_each(|(at, inner)| walk(&format!("{path}/{at}"), inner, found));
            }
            serde_json::Value::String(text) => found.push((path.to_owned(), text.clone())),
            leaf @ (serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_)) => {
                found.push((path.to_owned(), leaf.to_string()));
            }
        }
    }
    let mut found = Vec::new();
    walk("", &serde_json::from_str(json).unwrap(), &mut found);
    found
}

fn lines(text: &str) -> Fields {
    text.lines().map(|line| line.split_once('=').map(|(key, value)| (key.into(), value.into())).unwrap()).collect()
}

/// What of a name a format can say.
fn sayable(which: &str, name: &str) -> String {
    match which {
        "json" | "app" => name.to_owned(),
        "bria" => name.chars().filter(|c| !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}')).collect(),
        _ => name.chars().filter(|c| xml::allowed(*c)).collect(),
    }
}

/// The name in front of an address (RFC 3261 section 25.1, `name-addr`), and the address.
fn name_addr(text: &str) -> (String, &str) {
    let Some(mut rest) = text.strip_prefix('"') else { return (String::new(), text) };
    let mut name = String::new();
    loop {
        let c = rest.chars().next().unwrap_or_else(|| panic!("the quotes do not end: {text}"));
        rest = &rest[c.len_utf8()..];
        match c {
            '"' => return (name, rest.strip_prefix(' ').unwrap()),
            '\\' => {
                let escaped = rest.chars().next().unwrap();
                rest = &rest[escaped.len_utf8()..];
                name.push(escaped);
            }
            c => name.push(c),
        }
    }
}

/// The document with a harmless name and the one with this name differ in the fields that say the name, and nowhere else.
fn structure_holds((which, write, field): (&str, Writer, &str), name: &str) {
    let profile = sample();
    let (plain, theirs) = (write(&profile, "Plain"), write(&profile, name));
    assert_eq!(plain.len(), theirs.len(), "{which} with {name:?}");
    for ((plain_key, plain_value), (key, value)) in plain.iter().zip(&theirs) {
        assert_eq!(plain_key, key, "{which} with {name:?}");
        assert!(plain_value == value || plain_value.contains("Plain"), "{which} with {name:?}: {key} is {value}");
    }
    let (_, said) = theirs.iter().find(|(key, _)| key == field).unwrap();
    let expected = sayable(which, name);
    if which == "linphone" {
        assert_eq!(name_addr(said), (expected, "<sip:101@example.com>"), "{name:?}");
    } else {
        assert_eq!(*said, expected, "{which} with {name:?}");
    }
    // The same for the realm, which is somebody's own text as well.
    let elsewhere = Profile { realm: name.to_owned(), ..sample() };
    let keys = |fields: Fields| fields.into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    assert_eq!(keys(write(&elsewhere, "Plain")), keys(plain), "{which} in the realm {name:?}");
}

#[test]
fn every_profile_is_as_its_golden_file_says() {
    let profile = sample();
    assert_eq!(acrobits::xml(&profile, BASE), include_str!("../../fixtures/acrobits.xml"));
    assert_eq!(zoiper::xml(&profile), include_str!("../../fixtures/zoiper.xml"));
    assert_eq!(bria::text(&profile, true), include_str!("../../fixtures/bria.txt"));
    assert_eq!(linphone::xml(&profile).unwrap().trim_end(), include_str!("../../fixtures/linphone.xml").trim_end());
}

#[test]
fn no_name_changes_the_structure_of_any_document() {
    for writer in WRITERS {
        for name in hostile() {
            structure_holds(writer, &name);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn no_name_at_all_changes_the_structure_of_any_document(name in any::<String>(), which in 0..WRITERS.len()) {
        structure_holds(WRITERS[which], &name);
    }

    #[test]
    fn a_code_is_taken_apart_into_what_was_put_in_or_is_not_made(parts in any::<[String; 3]>()) {
        let [username, token, host] = &parts;
        if let Some(code) = nethvoice::code(username, token, host) {
            prop_assert_eq!(code.split(';').collect::<Vec<_>>(), vec![username, token, host]);
            prop_assert_eq!(code.lines().count(), 1);
        }
        // Cloud Softphone splits at the last `@` and then decodes.
        let code = acrobits::csc(username, token, "NIGHT*");
        let (before, cloud) = code.strip_prefix("csc:").unwrap().rsplit_once('@').unwrap();
        let (user, password) = before.split_once(':').unwrap();
        prop_assert_eq!((decoded(user), decoded(password), cloud), (username.clone(), token.clone(), "NIGHT*"));
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        if let (b'%', [high, low, after @ ..]) = (first, after) {
            let digits = [*high, *low];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
            rest = after;
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn an_ipv6_address_stands_in_brackets_wherever_a_port_or_an_at_sign_is_near() {
    let server = SipServer { host: "2001:db8::1".into(), port: 5061, transport: "tls" };
    let profile = Profile { domain: "2001:db8::1".into(), server, other_servers: Vec::new(), ..sample() };
    let wanted: BTreeMap<&str, &[(&str, &str)]> = BTreeMap::from([
        (
            "linphone",
            &[("entry@reg_proxy", "<sip:[2001:db8::1]:5061;transport=tls>"), ("entry@domain", "[2001:db8::1]")][..],
        ),
        ("acrobits", &[("host", "[2001:db8::1]"), ("proxy", "[2001:db8::1]:5061")]),
        ("zoiper", &[("SIP_domain", "[2001:db8::1]"), ("SIP_outbound_proxy", "[2001:db8::1]:5061")]),
        ("json", &[("/account/address", "sip:101@[2001:db8::1]"), ("/sip/servers/0/host", "2001:db8::1")]),
        ("app", &[("/account/address", "sip:101@[2001:db8::1]"), ("/sip/servers/0/host", "2001:db8::1")]),
        ("bria", &[("account1Sip.domain", "[2001:db8::1]"), ("account1.credentials.domain", "[2001:db8::1]")]),
    ]);
    for (which, write, _) in WRITERS {
        let fields = write(&profile, "Anna");
        for (field, value) in wanted[which] {
            let found = fields.iter().find(|(key, _)| key == field).map(|(_, value)| value.as_str());
            assert_eq!(found, Some(*value), "{which}: {field}");
        }
    }
}

#[test]
fn a_text_reads_back_as_it_was_without_what_xml_forbids() {
    for name in hostile() {
        let xml = format!("<r>{}</r>", xml::escaped(&name));
        let document = roxmltree::Document::parse(&xml).unwrap();
        let expected: String = name.chars().filter(|c| xml::allowed(*c)).collect();
        assert_eq!(document.root_element().text().unwrap_or(""), expected, "{name:?}");
        assert_eq!(document.descendants().filter(|node| node.is_element()).count(), 1);
    }
}

#[test]
fn the_traps_of_each_format_are_kept_out() {
    let profile = sample();
    // Linphone: an entry without overwrite loses against an older local value, one without a name is ignored.
    let document = linphone::xml(&profile).unwrap();
    let parsed = roxmltree::Document::parse(&document).unwrap();
    for entry in
        parsed.descendants().filter(|node| node.has_tag_name(("http://www.linphone.org/xsds/lpconfig.xsd", "entry")))
    {
        assert!(entry.attribute("name").is_some() && entry.attribute("overwrite") == Some("true"), "{entry:?}");
    }
    // Acrobits: a title must not be empty, whatever the name is made of, and booleans are 0 or 1.
    for unnamed in ["", "  ", "\u{0}\u{1}", "\u{fffe}"] {
        let fields = tree(&acrobits::xml_with_name(&profile, unnamed, BASE));
        let field = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, text)| text.as_str());
        assert_eq!((field("title"), field("allowVideo")), (Some("101"), Some("0")));
        assert!(field("transport").is_some_and(|transport| ["udp", "tcp", "tls", "tls+sip:"].contains(&transport)));
    }
    // Bria: both spellings say the same, modes and numbers are in range, no line is broken.
    for (push_enabled, word, digit) in [(true, "true", "1"), (false, "false", "0")] {
        let attributes = bria::attributes(&profile, 1, push_enabled).unwrap();
        assert_eq!(attributes["account1.credentials.domain"], attributes["account1Sip.domain"]);
        assert_eq!(
            attributes["account1.briaPush.RegistrationMode"],
            attributes["account1Sip.briaPush.RegistrationMode"]
        );
        assert_eq!((&*attributes["bria.push.enabled"], &*attributes["account1.briaPush.enabled"]), (word, digit));
        assert_eq!(bria::text(&profile, push_enabled).lines().count(), attributes.len());
    }
    assert!(bria::attributes(&profile, 0, true).is_none() && bria::attributes(&profile, 6, true).is_none());
}

#[test]
fn an_app_of_acrobits_waits_as_long_as_a_caller_rings_and_proves_itself_by_the_name_a_register_does() {
    let fields: BTreeMap<String, String> = tree(&acrobits::xml(&sample(), BASE)).into_iter().collect();
    assert_eq!(fields["secondsToBeRegistered"], "30");
    let report: BTreeMap<String, String> = serde_json::from_str(&fields["pushTokenReporterPostData"]).unwrap();
    assert_eq!(report["username"], "%account[authUsername]%");
    assert_eq!(fields["authUsername"], "101.kqzwrt");
    // Preferences of the app, which no account can set.
    assert!(!fields.contains_key("sipisDisabled") && !fields.contains_key("pushNotificationsEnabled"));
    // The document shows what the code writes.
    let document = include_str!("../../../docs/acrobits.md");
    assert!(document.contains(&fields["pushTokenReporterPostData"]), "docs/acrobits.md shows another template");
    assert!(document.contains("<secondsToBeRegistered>30</secondsToBeRegistered>"));
}

#[test]
fn bria_is_told_an_outbound_proxy_only_where_the_domain_does_not_lead_there() {
    let on = |domain: &str, host: &str, port: u16, transport: &'static str| {
        let server = SipServer { host: host.into(), port, transport };
        let profile = Profile { domain: domain.into(), server, ..sample() };
        let attributes = bria::attributes(&profile, 1, true).unwrap();
        let both =
            ["account1Sip.outboundProxy", "account1.briaPush.OutboundProxy"].map(|name| attributes.get(name).cloned());
        assert_eq!(both[0], both[1]);
        both[0].clone()
    };
    assert_eq!(on("pbx.example.com", "pbx.example.com", 5061, "tls"), None);
    assert_eq!(on("pbx.example.com", "pbx.example.com", 5060, "udp"), None);
    assert_eq!(on("pbx.example.com", "pbx.example.com", 5060, "tls").as_deref(), Some("pbx.example.com:5060"));
    assert_eq!(on("example.com", "pbx.example.com", 5061, "tls").as_deref(), Some("pbx.example.com:5061"));
    assert_eq!(on("example.com", "2001:db8::1", 5060, "udp").as_deref(), Some("[2001:db8::1]:5060"));
}

#[test]
fn codes_hold_a_token_and_split_as_their_apps_split_them() {
    assert_eq!(acrobits::csc("101", "a-B_1", "NIGHT*"), "csc:101:a-B_1@NIGHT*");
    assert_eq!(acrobits::csc("1@0:1", "t", "N"), "csc:1%400%3A1:t@N");
    assert_eq!(nethvoice::code("101", "tok", "pbx.example.com").unwrap().split(';').count(), 3);
    for bad in [("1;2", "t", "h"), ("1", "", "h"), ("1", "t\n", "h"), ("1", "t", "a b")] {
        assert_eq!(nethvoice::code(bad.0, bad.1, bad.2), None, "{bad:?}");
    }
    assert_eq!(crate::link::in_code(&nethvoice::code("101", "tok", "pbx.example.com").unwrap()), "tok");
}
