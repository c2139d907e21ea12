use std::sync::LazyLock;

use super::*;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    Catalogue::new(
        &[
            "plain = Call\ncalled = Extension { $name } rings\nmany = { $n ->\n    [one] One call\n   *[other] { $n } calls\n }\n",
        ],
        &[
            "plain = Anruf\ncalled = <b>{ $name }</b> klingelt\nmany = { $n ->\n    [one] Ein Anruf\n   *[other] { $n } Anrufe\n }\n",
        ],
    )
});

#[test]
fn the_best_language_of_a_browser_is_found() {
    let cases = [
        ("de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7", Some(Language::German)),
        ("en-GB,en;q=0.9,de;q=0.8", Some(Language::English)),
        ("fr-FR,fr;q=0.9,de;q=0.5", Some(Language::German)),
        ("de;q=0, en;q=0.1", Some(Language::English)),
        ("en;q=0.2, DE-at;q=0.9", Some(Language::German)),
        ("fr", None),
        ("*", None),
        ("", None),
        (";;;q=,,de;q=x", Some(Language::German)),
    ];
    for (header, wanted) in cases {
        assert_eq!(Language::accepted(header), wanted, "{header:?}");
    }
}

#[test]
fn messages_follow_the_language_of_the_request() {
    assert_eq!(CATALOGUE.plain("plain"), "Call");
    in_language(Language::German, || {
        assert_eq!(CATALOGUE.plain("plain"), "Anruf");
        assert_eq!(CATALOGUE.say("many").count("n", 1u64).text(), "Ein Anruf");
        assert_eq!(CATALOGUE.say("many").count("n", 12_345u64).text(), "12.345 Anrufe");
    });
    assert_eq!(CATALOGUE.say("many").count("n", 12_345u64).text(), "12,345 calls");
    assert_eq!(CATALOGUE.say("called").with("name", &"101").text(), "Extension 101 rings", "no bidi marks");
}

#[test]
fn an_argument_is_never_markup() {
    let hostile = "<script>alert('\"&')</script>";
    in_language(Language::German, || {
        let shown = CATALOGUE.rich("called").with("name", &hostile).to_string();
        assert!(shown.starts_with("<b>&#60;script&#62;") && shown.ends_with("</b> klingelt"), "{shown}");
    });
    assert_eq!(CATALOGUE.say("called").with("name", &"{ $n } { plain }").text(), "Extension { $n } { plain } rings");
}
