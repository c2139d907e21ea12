//! Golden files of every profile, and names that try to break out of them, read back by an independent parser.

use super::*;

/// Names of people and of attackers.
fn hostile() -> Vec<String> {
    let mut names: Vec<String> = [
        "]]>",
        "a\nb",
        "a & b",
        "\"quoted\" 'single'",
        "</account><account>",
        "<!--",
        "--><x>",
        "&#0;",
        "%account[password]%",
        "\u{202e}txt.exe\u{202c}",
        "עברית",
        "=cmd|' /C calc'!A0",
        "a=b;c",
        "\u{0}nul",
        "\u{fffe}\u{ffff}",
        "]]&gt;",
    ]
    .into_iter()
    .map(str::to_owned)
    .collect();
    names.push("&\"<>'".repeat(820));
    names
}

/// A profile with a name that was never checked, as if a check had been forgotten.
fn named(name: &str) -> Option<Profile> {
    let mut profile = sample();
    // The model refuses control characters and long names; what it lets pass must be harmless, and the writers are
    // tried with the rest through `xml::escaped` below.
    profile.display_name = name.parse().ok()?;
    Some(profile)
}

fn tree(xml: &str) -> Vec<(String, String)> {
    let document = roxmltree::Document::parse(xml).unwrap_or_else(|error| panic!("{error}\n{xml}"));
    let elements = document.descendants().filter(|node| node.is_element());
    elements
        .map(|node| {
            let name = node.attribute("name").map(|name| format!("{}@{name}", node.tag_name().name()));
            let text: String =
                node.children().filter(|child| child.is_text()).filter_map(|child| child.text()).collect();
            (name.unwrap_or_else(|| node.tag_name().name().to_owned()), text.trim().to_owned())
        })
        .collect()
}

#[test]
fn every_profile_is_as_its_golden_file_says() {
    let profile = sample();
    assert_eq!(acrobits::xml(&profile, "https://pbx.example.com"), include_str!("../../fixtures/acrobits.xml"));
    assert_eq!(zoiper::xml(&profile), include_str!("../../fixtures/zoiper.xml"));
    assert_eq!(bria::text(&profile), include_str!("../../fixtures/bria.txt"));
    assert_eq!(linphone::xml(&profile).unwrap().trim_end(), include_str!("../../fixtures/linphone.xml").trim_end());
}

#[test]
fn no_name_changes_the_structure_of_any_document() {
    type Writer = fn(&Profile) -> String;
    let writers: [(&str, Writer); 3] = [
        ("linphone", |profile| linphone::xml(profile).unwrap()),
        ("acrobits", |profile| acrobits::xml(profile, "https://pbx.example.com")),
        ("zoiper", zoiper::xml),
    ];
    for (which, write) in writers {
        let shape = |profile: &Profile| tree(&write(profile)).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        let expected = shape(&sample());
        for name in hostile() {
            let Some(profile) = named(&name) else { continue };
            assert_eq!(shape(&profile), expected, "{which} with {name:?}");
            let document = write(&profile);
            let texts = tree(&document);
            let secret = texts.iter().filter(|(_, text)| text == profile.secret.reveal()).count();
            assert_eq!(secret, 1, "{which} with {name:?}");
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
    // Acrobits: a title must not be empty, booleans are 0 or 1, and a token must not stand where the password is.
    let mut unnamed = sample();
    unnamed.display_name = "".parse().unwrap();
    let fields = tree(&acrobits::xml(&unnamed, "https://pbx.example.com"));
    let field = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, text)| text.as_str());
    assert_eq!((field("title"), field("allowVideo")), (Some("101"), Some("0")));
    assert!(field("transport").is_some_and(|transport| ["udp", "tcp", "tls", "tls+sip:"].contains(&transport)));
    // Bria: both spellings say the same, modes and numbers are in range, no line is broken.
    let attributes = bria::attributes(&profile, 1).unwrap();
    assert_eq!(attributes["account1.credentials.domain"], attributes["account1Sip.domain"]);
    assert_eq!(attributes["account1.briaPush.RegistrationMode"], attributes["account1Sip.briaPush.RegistrationMode"]);
    assert!(attributes["account1.briaPush.enabled"] == "1" && attributes["bria.push.enabled"] == "true");
    assert!(bria::attributes(&profile, 0).is_none() && bria::attributes(&profile, 6).is_none());
    assert_eq!(bria::text(&profile).lines().count(), attributes.len());
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
