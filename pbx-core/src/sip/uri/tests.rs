//! Addresses as phones write them.

use proptest::prelude::*;

use super::*;

fn uri(text: &str) -> Uri<'_> {
    Uri::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn every_part_of_a_sip_uri_is_found() {
    let uri = uri("SIPS:alice:secret@pbx.example.com:5061;transport=tcp;lr;X=a%20b?Subject=hi&Route=x");
    assert_eq!(
        (uri.scheme, uri.user, uri.host, uri.port),
        (Scheme::Sips, Some("alice"), "pbx.example.com", Some(5061))
    );
    assert_eq!(uri.params, ";transport=tcp;lr;X=a%20b");
    assert_eq!(uri.headers, "Subject=hi&Route=x");
    assert_eq!(
        (uri.param("Transport"), uri.param("lr"), uri.param("x"), uri.param("y")),
        (Some("tcp"), Some(""), Some("a%20b"), None)
    );
}

#[test]
fn the_user_ends_at_the_last_at_sign_before_the_host() {
    assert_eq!((uri("sip:a@b@c").user, uri("sip:a@b@c").host), (Some("a@b"), "c"));
    assert_eq!((uri("sip:c;x=a@b").user, uri("sip:c;x=a@b").host), (Some("c;x=a"), "b"));
    assert_eq!((uri("sip:a@b;m=x@y").user, uri("sip:a@b;m=x@y").param("m")), (Some("a"), Some("x@y")));
    assert_eq!(uri("sip:@pbx").user, None);
    assert_eq!(uri("sip:pbx").user, None);
}

#[test]
fn odd_users_and_hosts_are_let_through() {
    for text in [
        "sip:*21#@pbx",
        "sip:my_pbx",
        "sip:ä@pbx",
        "sip:pbx:",
        "sip:a@[fe80::1%25eth0]:5060",
        "sip:a@[::1]",
        "sip:a@[1:::2]",
    ] {
        uri(text);
    }
    assert_eq!(uri("sip:[2001:db8::10:5070]").port, None);
    assert_eq!(uri("sip:[2001:db8::10]:5070").port, Some(5070));
}

#[test]
fn telephone_numbers_are_users_without_host() {
    let uri = uri("tel:+49-30-123;phone-context=example.com");
    assert_eq!((uri.user, uri.host, uri.param("phone-context")), (Some("+49-30-123"), "", Some("example.com")));
}

#[test]
fn what_is_no_address_is_refused_for_its_reason() {
    let cases = [
        ("", UriError::NoScheme),
        ("pbx", UriError::NoScheme),
        (":pbx", UriError::NoScheme),
        ("1a:pbx", UriError::NoScheme),
        ("sip:", UriError::Host),
        ("sip:a@", UriError::Host),
        ("sip:a@[::1", UriError::Host),
        ("sip:a@[::1]x", UriError::Host),
        ("sip:a@[pbx]", UriError::Host),
        ("sip:ä", UriError::Host),
        ("sip:2001:db8::10", UriError::Port),
        ("sip:a@b:65536", UriError::Port),
        ("sip:a@b:+1", UriError::Port),
        ("sip:a b@c", UriError::Character),
        ("<sip:a@b>", UriError::Character),
        ("sip:a@b\r\nX: y", UriError::Character),
    ];
    for (text, error) in cases {
        assert_eq!(Uri::parse(text), Err(error), "{text:?}");
    }
}

#[test]
fn escapes_are_replaced_once_and_only_when_they_make_text() {
    assert_eq!(percent_decoded("%41%2541"), "A%41");
    assert_eq!(percent_decoded("100%"), "100%");
    assert_eq!(percent_decoded("%4"), "%4");
    assert_eq!(percent_decoded("%zz%41"), "%zzA");
    assert_eq!(percent_decoded("%ff"), "%ff");
    assert_eq!(percent_decoded("%c3%a4"), "ä");
    assert_eq!(uri("sip:%31%30%31@pbx").decoded_user().unwrap(), "101");
}

#[test]
fn names_brackets_and_parameters_are_told_apart() {
    let address = NameAddr::parse("\"Alice \\\"A, <x>\\\" B\" <sip:a@b;lr>;tag=1;X=\"y;z\"").unwrap();
    assert_eq!(address.display_name(), "Alice \"A, <x>\" B");
    assert_eq!((address.uri, address.tag(), address.param("x")), ("sip:a@b;lr", Some("1"), Some("\"y;z\"")));
    let bare = NameAddr::parse("sip:a@b;tag=1").unwrap();
    assert_eq!((bare.display, bare.uri, bare.tag()), ("", "sip:a@b", Some("1")));
    assert_eq!(NameAddr::parse("Alice<sip:a@b>").unwrap().display, "Alice");
    assert_eq!(NameAddr::parse("Jörg M. <sip:a@b> ; tag = 1").unwrap().tag(), Some("1"));
}

#[test]
fn values_that_could_be_read_two_ways_are_refused() {
    let cases = [
        ("\"A <sip:a@b>", UriError::Unbalanced),
        ("<sip:a@b", UriError::Unbalanced),
        ("<sip:a@b>;x=\"y", UriError::Unbalanced),
        ("Bell, A <sip:a@b>", UriError::DisplayName),
        ("<sip:a@b> tag=1", UriError::Trailing),
        ("<sip:a@b>;tag=1, <sip:c@d>", UriError::Trailing),
        ("sip:a@b?x=y", UriError::NeedsBrackets),
        ("sip:a@b, sip:c@d", UriError::NeedsBrackets),
    ];
    for (text, error) in cases {
        assert_eq!(NameAddr::parse(text), Err(error), "{text:?}");
    }
    assert_eq!(NameAddr::parse("< sip:a@b >").unwrap().parsed_uri(), Err(UriError::Character));
}

#[test]
fn lists_split_only_at_commas_that_separate() {
    let list: Vec<_> = split_list("\"A, B\" <sip:a,b@c> ;x=\"1,2\", <sip:d>,, *").collect();
    assert_eq!(list, ["\"A, B\" <sip:a,b@c> ;x=\"1,2\"", "<sip:d>", "", "*"]);
    assert_eq!(split_list("").collect::<Vec<_>>(), [""]);
}

#[test]
fn the_text_around_the_parameters_is_found() {
    assert_eq!(around_params("sip:a;x@b:1;p=1;q?h=2"), ("sip:a;x@b:1", ";p=1;q", "?h=2"));
    assert_eq!(around_params("sip:b"), ("sip:b", "", ""));
    assert_eq!(around_params("sip:b?h"), ("sip:b", "", "?h"));
}

#[test]
fn the_same_user_and_host_are_the_same_whatever_stands_around_them() {
    assert!(uri("sip:a%31@PBX:5060;transport=tcp").same_user_and_host(&uri("sips:a1@pbx")));
    assert!(!uri("sip:a@pbx").same_user_and_host(&uri("sip:A@pbx")));
    assert!(!uri("sip:a@pbx").same_user_and_host(&uri("sip:pbx")));
}

proptest! {
    #[test]
    fn readers_never_panic_and_only_give_parts_of_the_text(text in "[sipte:@;,?=<>\"\\\\%\\[\\]a-f0-9. \t\u{e4}]{0,60}") {
        for value in split_list(&text) {
            if let Ok(address) = NameAddr::parse(value) {
                prop_assert!(value.contains(address.uri) && value.contains(address.params));
                let _ = (address.display_name(), address.tag());
            }
        }
        if let Ok(uri) = Uri::parse(&text) {
            prop_assert!(text.contains(uri.host));
            let _ = uri.decoded_user();
        }
        let (before, params, after) = around_params(&text);
        prop_assert_eq!(format!("{before}{params}{after}"), text.clone());
        prop_assert!(Params::new(&text).count() <= text.len());
    }

    #[test]
    fn a_list_of_values_comes_back_value_by_value(values in prop::collection::vec("(\"[a-z,<> ]{0,9}\" )?<sip:[a-z,]{1,9}>(;[a-z]{1,5}=\"[,<>a-z]{0,5}\")?", 1..5)) {
        let line = values.join(", ");
        prop_assert_eq!(split_list(&line).collect::<Vec<_>>(), values);
    }
}
