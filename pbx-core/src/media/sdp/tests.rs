use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::*;

const OURS: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 5));

/// A body with CRLF endings from lines that are easy to read here.
fn body(lines: &[&str]) -> Vec<u8> {
    lines.iter().flat_map(|line| [line.as_bytes(), b"\r\n"].concat()).collect()
}

fn rewritten(lines: &[&str], ip: IpAddr, port: u16) -> String {
    String::from_utf8(rewrite(&body(lines), ip, port).to_vec()).unwrap()
}

fn joined(lines: &[&str]) -> String {
    String::from_utf8(body(lines)).unwrap()
}

const LINPHONE: &[&str] = &[
    "v=0",
    "o=alice 3456 1241 IN IP4 192.168.1.20",
    "s=Talk",
    "c=IN IP4 192.168.1.20",
    "t=0 0",
    "a=ice-pwd:a1b2c3d4e5f6a7b8c9d0e1f2",
    "a=ice-ufrag:9f3c",
    "a=rtcp-xr:rcvr-rtt=all:10000 stat-summary=loss,dup,jitt,TTL voip-metrics",
    "m=audio 7078 RTP/AVP 96 97 98 0 8 101 99 100",
    "c=IN IP4 198.51.100.77",
    "a=rtpmap:96 opus/48000/2",
    "a=fmtp:96 useinbandfec=1",
    "a=rtpmap:101 telephone-event/48000",
    "a=rtcp:48812 IN IP4 198.51.100.77",
    "a=candidate:1 1 UDP 2130706303 192.168.1.20 7078 typ host",
    "a=candidate:2 1 UDP 1694498687 198.51.100.77 48811 typ srflx raddr 192.168.1.20 rport 7078",
    "a=rtcp-fb:* ccm tmmbr",
    "m=video 9078 RTP/AVP 96",
    "a=rtpmap:96 VP8/90000",
    "a=candidate:1 1 UDP 2130706303 192.168.1.20 9078 typ host",
];

#[test]
fn a_linphone_offer_is_read() {
    let announced = read(&body(LINPHONE)).unwrap();
    assert_eq!(announced.address, "198.51.100.77:7078".parse().unwrap());
    assert_eq!(announced.rtcp, "198.51.100.77:48812".parse().unwrap());
    assert_eq!(announced.direction, Direction::SendRecv);
    assert_eq!(announced.encryption, Encryption::None);
    assert_eq!(announced.media_lines, 2);
    assert!(!announced.rtcp_mux);
    assert!(!announced.holds());
}

#[test]
fn video_is_offered_by_an_open_video_line_and_by_nothing_else() {
    let head = ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0"];
    let sound = "m=audio 7078 RTP/AVP 0";
    let offers = |lines: &[&str]| offers_video(&body(&[&head, lines].concat()));
    assert!(offers(&[sound, "m=video 9078 RTP/AVP 96"]));
    assert!(offers(&["m=video 9078 RTP/AVP 96", "a=sendonly", sound, "a=inactive"]));
    assert!(offers(&[sound, "m=video 9078 RTP/AVP 96", "a=inactive", "m=VIDEO 9080/2 RTP/AVP 97"]));
    assert!(offers(&["a=inactive", sound, "a=sendrecv", "m=video 9078 RTP/AVP 96", "a=recvonly"]));
    for refused in [
        &[sound][..],
        &[sound, "m=video 0 RTP/AVP 96"],
        &[sound, "m=video x RTP/AVP 96"],
        &[sound, "m=video 9078 RTP/AVP 96", "a=inactive"],
        &["a=inactive", sound, "a=sendrecv", "m=video 9078 RTP/AVP 96"],
        &[sound, "m=application 9078 RTP/AVP 96", "a=label:video"],
        // Without sound there is no call.
        &["m=video 9078 RTP/AVP 96"],
    ] {
        assert!(!offers(refused), "{refused:?}");
    }
    assert!(!offers_video(b""));
}

#[test]
fn a_linphone_offer_is_rewritten_line_by_line() {
    let expected = joined(&[
        "v=0",
        "o=alice 3456 1241 IN IP4 203.0.113.5",
        "s=Talk",
        "c=IN IP4 203.0.113.5",
        "t=0 0",
        "a=rtcp-xr:rcvr-rtt=all:10000 stat-summary=loss,dup,jitt,TTL voip-metrics",
        "m=audio 12000 RTP/AVP 96 97 98 0 8 101 99 100",
        "c=IN IP4 203.0.113.5",
        "a=rtpmap:96 opus/48000/2",
        "a=fmtp:96 useinbandfec=1",
        "a=rtpmap:101 telephone-event/48000",
        "a=rtcp:12001 IN IP4 203.0.113.5",
        "a=rtcp-fb:* ccm tmmbr",
        "m=video 0 RTP/AVP 96",
        "a=rtpmap:96 VP8/90000",
    ]);
    assert_eq!(rewritten(LINPHONE, OURS, 12_000), expected);
}

const BARESIP: &[&str] = &[
    "v=0",
    "o=- 3907845463 1877364352 IN IP4 10.0.0.7",
    "s=-",
    "c=IN IP4 10.0.0.7",
    "t=0 0",
    "a=tool:baresip 3.14.0",
    "m=audio 20004 RTP/AVP 96 0 8 101",
    "a=rtpmap:96 opus/48000/2",
    "a=fmtp:96 stereo=1;sprop-stereo=1",
    "a=rtpmap:0 PCMU/8000",
    "a=rtpmap:8 PCMA/8000",
    "a=rtpmap:101 telephone-event/8000",
    "a=fmtp:101 0-15",
    "a=sendrecv",
    "a=label:1",
    "a=rtcp-rsize",
    "a=ssrc:1208349573 cname:sip:7001@nightbell",
    "a=rtcp-mux",
    "a=ptime:20",
];

#[test]
fn a_baresip_offer_with_rtcp_mux_is_read_and_keeps_its_offer_of_it() {
    let announced = read(&body(BARESIP)).unwrap();
    assert_eq!(announced.address, "10.0.0.7:20004".parse().unwrap());
    assert_eq!(announced.rtcp, announced.address);
    assert!(announced.rtcp_mux);
    let expected = joined(BARESIP).replace("10.0.0.7", "203.0.113.5").replace("audio 20004", "audio 12000");
    assert_eq!(rewritten(BARESIP, OURS, 12_000), expected);
}

const YEALINK: &[&str] = &[
    "v=0",
    "o=- 20005 20005 IN IP4 192.168.0.105",
    "s=SDP data",
    "c=IN IP4 192.168.0.105",
    "t=0 0",
    "m=audio 11786 RTP/SAVP 0 8 18 9 101",
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj",
    "a=rtpmap:0 PCMU/8000",
    "a=rtpmap:8 PCMA/8000",
    "a=rtpmap:18 G729/8000",
    "a=fmtp:18 annexb=no",
    "a=rtpmap:9 G722/8000",
    "a=fmtp:101 0-15",
    "a=rtpmap:101 telephone-event/8000",
    "a=ptime:20",
    "a=sendrecv",
];

#[test]
fn a_yealink_offer_keeps_its_sdes_keys() {
    let announced = read(&body(YEALINK)).unwrap();
    assert_eq!(announced.encryption, Encryption::Sdes);
    assert_eq!(announced.rtcp, "192.168.0.105:11787".parse().unwrap());
    let expected = joined(YEALINK).replace("192.168.0.105", "203.0.113.5").replace("audio 11786", "audio 12000");
    assert_eq!(rewritten(YEALINK, OURS, 12_000), expected);
}

#[test]
fn an_ipv6_offer_can_be_turned_to_ipv4_and_back() {
    let offer = &[
        "v=0",
        "o=- 1 1 IN IP6 2001:db8::7",
        "s=-",
        "c=IN IP6 2001:db8::7",
        "t=0 0",
        "m=audio 5004/2 RTP/AVP 0",
        "a=rtcp:5005 IN IP6 2001:db8::7",
    ];
    assert_eq!(read(&body(offer)).unwrap().address, "[2001:db8::7]:5004".parse().unwrap());
    let four = rewrite(&body(offer), OURS, 12_000);
    assert_eq!(read(&four).unwrap().address, "203.0.113.5:12000".parse().unwrap());
    let six = rewrite(&four, "2001:db8::5".parse().unwrap(), 12_002);
    let expected = joined(&[
        "v=0",
        "o=- 1 1 IN IP6 2001:db8::5",
        "s=-",
        "c=IN IP6 2001:db8::5",
        "t=0 0",
        "m=audio 12002 RTP/AVP 0",
        "a=rtcp:12003 IN IP6 2001:db8::5",
    ]);
    assert_eq!(six, expected.as_bytes());
}

#[test]
fn hold_is_seen_in_both_ways_of_saying_it_and_kept_when_rewritten() {
    let new_way = &[
        "v=0",
        "o=- 1 2 IN IP4 10.0.0.7",
        "s=-",
        "c=IN IP4 10.0.0.7",
        "t=0 0",
        "m=audio 4000 RTP/AVP 0",
        "a=sendonly",
    ];
    let announced = read(&body(new_way)).unwrap();
    assert_eq!(announced.direction, Direction::SendOnly);
    assert!(announced.holds());
    assert!(announced.aim().ip().is_unspecified());

    let old_way = &["v=0", "o=- 1 2 IN IP4 10.0.0.7", "s=-", "c=IN IP4 0.0.0.0", "t=0 0", "m=audio 4000 RTP/AVP 0"];
    let again = rewrite(&body(old_way), OURS, 12_000);
    assert!(read(&again).unwrap().holds());

    let for_all = &["v=0", "s=-", "c=IN IP4 10.0.0.7", "t=0 0", "a=inactive", "m=audio 4000 RTP/AVP 0"];
    assert_eq!(read(&body(for_all)).unwrap().direction, Direction::Inactive);
}

#[test]
fn the_first_active_audio_line_is_the_one_that_counts() {
    let offer = &[
        "v=0",
        "o=- 1 1 IN IP4 10.0.0.7",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0 1 2",
        "m=audio 0 RTP/AVP 8",
        "c=IN IP4 10.0.0.1",
        "m=audio 4000 RTP/AVP 0",
        "c=IN IP4 10.0.0.2",
        "m=audio 5000 RTP/AVP 0",
        "c=IN IP4 10.0.0.3",
        "a=rtcp:5001",
    ];
    let announced = read(&body(offer)).unwrap();
    assert_eq!(announced.address, "10.0.0.2:4000".parse().unwrap());
    assert_eq!(announced.media_lines, 3);
    let out = rewritten(offer, OURS, 12_000);
    assert_eq!(out.matches("m=audio 0 ").count(), 2);
    assert_eq!(out.matches("m=audio 12000 ").count(), 1);
    assert!(!out.contains("10.0.0."), "{out}");
    assert!(!out.contains("BUNDLE"), "{out}");
    assert!(!out.contains("a=rtcp"), "{out}");
}

#[test]
fn muxed_rtcp_is_announced_on_our_rtp_port() {
    let offer = &[
        "v=0",
        "s=-",
        "c=IN IP4 10.0.0.7",
        "t=0 0",
        "m=audio 4000 RTP/AVP 0",
        "a=rtcp:4000 IN IP4 10.0.0.7",
        "a=rtcp-mux",
    ];
    assert!(rewritten(offer, OURS, 12_000).contains("a=rtcp:12000 IN IP4 203.0.113.5\r\n"));
}

#[test]
fn bodies_without_usable_sound_say_why() {
    let base = ["v=0", "s=-", "c=IN IP4 10.0.0.7", "t=0 0"];
    let with = |more: &[&str]| read(&body(&[&base[..], more].concat()));
    assert_eq!(read(b""), Err(SdpError::NotSdp));
    assert_eq!(read(b"hello\r\n"), Err(SdpError::NotSdp));
    assert_eq!(with(&[]), Err(SdpError::NoAudio));
    assert_eq!(with(&["m=audio 0 RTP/AVP 0"]), Err(SdpError::NoAudio));
    assert_eq!(with(&["m=image 4000 udptl t38"]), Err(SdpError::NoAudio));
    assert!(matches!(with(&["m=audio 70000 RTP/AVP 0"]), Err(SdpError::BadMediaLine(_))));
    assert!(matches!(with(&["m=audio 4000 TCP/RTP/AVP 0"]), Err(SdpError::BadMediaLine(_))));
    assert!(matches!(with(&["m=audio"]), Err(SdpError::BadMediaLine(_))));
    assert_eq!(read(&body(&["v=0", "c=IN IP4 phone.local", "m=audio 4000 RTP/AVP 0"])), Err(SdpError::NoAddress));
    assert!(with(&["m=audio 4000 RTP/AVP 0"; MAX_MEDIA_LINES]).is_ok());
    assert_eq!(with(&["m=audio 4000 RTP/AVP 0"; MAX_MEDIA_LINES + 1]), Err(SdpError::TooManyMediaLines));
    assert!(with(&[&["m=audio 4000 RTP/AVP 0"][..], &["a=x"; MAX_LINES - 5]].concat()).is_ok());
    assert_eq!(with(&[&["m=audio 4000 RTP/AVP 0"][..], &["a=x"; MAX_LINES - 4]].concat()), Err(SdpError::TooManyLines));
}

#[test]
fn a_browser_offer_is_recognised_as_one_the_relay_cannot_carry() {
    let offer = &["v=0", "s=-", "c=IN IP4 0.0.0.0", "m=audio 9 UDP/TLS/RTP/SAVPF 111"];
    assert_eq!(read(&body(offer)).unwrap().encryption, Encryption::Dtls);
}

#[test]
fn other_character_sets_line_feeds_and_lone_returns_are_survived() {
    let offer = b"v=0\no=J\xf6rg 1 1 IN IP4 10.0.0.7\ns=B\xfcro\rc=IN IP4 10.0.0.7\nt=0 0\nm=audio 4000 RTP/AVP 0";
    assert_eq!(read(offer).unwrap().address, "10.0.0.7:4000".parse().unwrap());
    let out = rewrite(offer, OURS, 12_000);
    assert!(out.windows(7).any(|line| line == b"s=B\xfcro\r"), "{out:?}");
    assert!(out.ends_with(b"\nm=audio 12000 RTP/AVP 0"));
    assert_eq!(read(&out).unwrap().address, "203.0.113.5:12000".parse().unwrap());
}

/// Lines of the kinds that matter, half-broken ones among them.
fn odd_line() -> impl Strategy<Value = String> {
    prop_oneof![
        "[voscmatbk]=[ -~]{0,40}",
        "m=(audio|video|AUDIO|image) [0-9]{0,6}(/[0-9])? (RTP/AVP|RTP/SAVP|udptl|UDP/TLS/RTP/SAVPF)( [0-9]{1,3}){0,4}",
        "c=IN IP(4|6) (10\\.0\\.0\\.7|::1|0\\.0\\.0\\.0|host\\.example|224\\.1\\.1\\.1/127/3)",
        "a=(rtcp:[0-9]{1,6}( IN IP4 10\\.0\\.0\\.7)?|rtcp-mux|sendonly|candidate:1 1 UDP 1 10\\.0\\.0\\.7 1 typ host|ice-lite)",
        "\\PC{0,30}",
    ]
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), port in any::<u16>()) {
        let _ = read(&bytes);
        let _ = read(&rewrite(&bytes, OURS, port));
    }

    #[test]
    fn what_is_readable_stays_readable_and_points_to_us(
        lines in proptest::collection::vec(odd_line(), 0..24),
        six in any::<bool>(),
    ) {
        let body = format!("v=0\r\n{}\r\n", lines.join("\r\n")).into_bytes();
        let ours: IpAddr = if six { "2001:db8::5".parse().unwrap() } else { OURS };
        let out = rewrite(&body, ours, 12_000);
        if let Ok(before) = read(&body) {
            let after = read(&out).unwrap();
            prop_assert_eq!(after.address.port(), 12_000);
            if before.address.ip().is_unspecified() {
                prop_assert!(after.address.ip().is_unspecified());
            } else {
                prop_assert_eq!(after.address.ip(), ours);
            }
            prop_assert_eq!(after.media_lines, before.media_lines);
            prop_assert_eq!(after.direction, before.direction);
            prop_assert_eq!(after.encryption, before.encryption);
            prop_assert_eq!(after.rtcp_mux, before.rtcp_mux);
        }
        prop_assert_eq!(rewrite(&out, ours, 12_000), out);
    }
}

#[test]
fn odd_blanks_in_a_media_line_are_blanks_for_the_reader_and_the_writer_alike() {
    let ours = "192.0.2.1".parse().unwrap();
    for line in ["m=audio\x0c49170\x0cRTP/AVP 0", "m= audio 49170 RTP/AVP 0", "m=audio \t 49170  RTP/AVP 0"] {
        let body = format!("v=0\r\nc=IN IP4 192.0.2.7\r\n{line}\r\nm=video\x0c4\x0cRTP/AVP 9\r\n");
        assert_eq!(read(body.as_bytes()).unwrap().aim().port(), 49_170, "{line:?}");
        let written = rewrite(body.as_bytes(), ours, 10_000);
        let text = String::from_utf8(written.to_vec()).unwrap();
        assert!(text.contains("m=audio 10000 RTP/AVP 0\r\nm=video 0 RTP/AVP 9\r\n"), "{text:?}");
        assert_eq!(read(&written).unwrap().aim(), "192.0.2.1:10000".parse().unwrap());
    }
}
