//! REGISTERs as real phones send them, and what is made of each.

use std::fmt::Write as _;
use std::path::Path;

use bytes::Bytes;

use super::{Refused, contacts, lists_option, outbound, path};
use crate::model::{Redacted, Transport};
use crate::registrar::{Contacts, OfferedContact, OfferedPush};
use crate::sip::guard;
use crate::sip::message::{Message, Request};

fn read(name: &str) -> Request {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/register").join(format!("{name}.sip"));
    let bytes = std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let transport = if bytes.windows(4).any(|four| four == b"/UDP") { Transport::Udp } else { Transport::Tls };
    match guard::check(Bytes::from(bytes), transport) {
        Ok(Message::Request(request)) => request,
        other => panic!("{name}: {other:?}"),
    }
}

fn start(token: &Option<Redacted<String>>) -> String {
    token.as_ref().map_or_else(|| "-".into(), |token| token.reveal().chars().take(4).collect())
}

fn push(contact: &OfferedContact) -> String {
    match &contact.push {
        None => "no push".into(),
        Some(OfferedPush::Query(None)) => "which providers?".into(),
        Some(OfferedPush::Query(Some(provider))) => format!("{provider}?"),
        Some(OfferedPush::Unsupported(name)) => format!("not {name}"),
        Some(OfferedPush::Target(one)) => {
            let (call, notice) = (start(&one.call_token), start(&one.notice_token));
            format!("{} {} {:?} call {call} notice {notice}", one.provider, one.app_id, one.environment)
        }
    }
}

/// One line for a REGISTER: who, how long, flow, push, Path.
fn made_of(name: &str) -> Result<String, Refused> {
    let request = read(name);
    let mut offered = contacts(&request)?;
    let flows = outbound(&request, &mut offered)?;
    let Contacts::List(list) = offered else { panic!("{name}: {offered:?}") };
    let [contact] = &list[..] else { panic!("{name}: {list:?}") };
    let instance = contact.instance.as_deref().map_or("no instance", |id| &id[id.len() - 4..]);
    let mut line = format!("{instance} for {:?}", contact.expires.unwrap_or(0));
    if flows {
        let _ = write!(line, ", flow {:?}", contact.reg_id.unwrap_or(0));
    }
    if contact.needs_refresh_push {
        line += ", wants renewals";
    }
    let _ = write!(line, ", {}", push(contact));
    for hop in path(&request) {
        let _ = write!(line, ", by {hop}");
    }
    if !path(&request).is_empty() && !lists_option(&request, "path") {
        line += " unasked";
    }
    Ok(line)
}

#[test]
fn linphone_of_today_and_of_yesterday_is_understood() {
    for (name, expected) in [
        ("linphone_ios", "3b2a for 3600, apns org.example.phone Production call 7d1f notice 00fc"),
        ("linphone_ios_from_xcode", "3b2a for 3600, apns org.example.phone Sandbox call 7d1f notice 00fc"),
        ("linphone_android", "3b2a for 3600, fcm 884163012942 Production call cXy1 notice -"),
        ("linphone_ios_old", "3b2a for 3600, apns org.example.phone Production call 7D1F notice -"),
        ("linphone_android_old", "3b2a for 3600, fcm 884163012942 Production call cXy1 notice -"),
        ("linphone_signs_off", "3b2a for 0, apns org.example.phone Production call 7d1f notice -"),
    ] {
        assert_eq!(made_of(name).as_deref(), Ok(expected), "{name}");
    }
}

#[test]
fn other_apps_may_write_push_parameters_into_the_uri_or_behind_it() {
    for (name, expected) in [
        ("pjsip_uri_params", "c3d4 for 3600, flow 1, apns org.example.phone Production call 7d1f notice -"),
        ("pjsip_header_params", "no instance for 3600, fcm my-project Production call cXy1 notice -"),
        ("jssip_header_params", "7e11 for 600, flow 1, fcm my-project Production call cXy1 notice -"),
    ] {
        assert_eq!(made_of(name).as_deref(), Ok(expected), "{name}");
    }
}

#[test]
fn rfc_8599_to_the_letter() {
    for (name, expected) in [
        ("rfc8599_refresh", "3b2a for 7200, wants renewals, apns org.example.phone Production call - notice 00fc"),
        ("rfc8599_query_all", "3b2a for 7200, which providers?"),
        ("rfc8599_query_one", "3b2a for 7200, fcm?"),
        ("rfc8599_webpush", "3b2a for 7200, webpush push.example.net Production call http notice -"),
    ] {
        assert_eq!(made_of(name).as_deref(), Ok(expected), "{name}");
    }
}

#[test]
fn desk_phones_that_name_a_flow_without_support_for_flows_register_plainly() {
    for (name, expected) in [
        ("yealink_t54w", "no instance for 3600, no push"),
        ("grandstream_gxp2170", "B2C3 for 3600, no push"),
        ("snom_d785", "B2C3 for 3600, no push"),
        ("baresip_outbound", "2c3e for 3600, flow 1, no push"),
        ("unquoted_instance", "0001 for 600, no push"),
    ] {
        assert_eq!(made_of(name).as_deref(), Ok(expected), "{name}");
    }
}

#[test]
fn behind_an_edge_proxy_flows_need_one_that_keeps_them() {
    let kept = "3b2a for 3600, flow 1, no push, by <sip:Zm94@203.0.113.9:5061;transport=tls;lr;ob>";
    assert_eq!(made_of("edge_proxy_with_flows").as_deref(), Ok(kept));
    assert_eq!(made_of("edge_proxy_without_flows").unwrap_err().status, 439);
    let unasked = "no instance for 3600, no push, by <sip:203.0.113.9;lr> unasked";
    assert_eq!(made_of("edge_proxy_phone_without_path").as_deref(), Ok(unasked));
}

#[test]
fn every_file_has_its_line() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/register");
    let files = std::fs::read_dir(folder).unwrap().filter(|entry| {
        entry.as_ref().is_ok_and(|entry| entry.path().extension().is_some_and(|extension| extension == "sip"))
    });
    assert_eq!(files.count(), 21);
}
