use super::*;
use crate::model::{CallRecord, CallUuid};
use crate::sip::guard;

const UUID: &str = "00000000-0000-0000-0000-000000000001";

fn flow(port: u16, connection: u64) -> Flow {
    Flow {
        transport: if connection == 0 { Transport::Udp } else { Transport::Tls },
        local: SocketAddr::from(([192, 0, 2, 1], 5060)),
        remote: SocketAddr::from(([192, 0, 2, 9], port)),
        connection: ConnectionId(connection),
    }
}

fn request(method: &str, call_id: &str) -> Bytes {
    format!(
        "{method} sip:102@pbx SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK{method}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:101@pbx>;tag=a\r\nTo: <sip:102@pbx>\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\n\
         User-Agent: Desk phone 7\r\nContent-Length: 0\r\n\r\n"
    )
    .into()
}

fn status(status: &str, call_id: &str) -> Bytes {
    format!("SIP/2.0 {status}\r\nVia: SIP/2.0/UDP 192.0.2.9\r\ni: {call_id}\r\nCSeq: 1 INVITE\r\n\r\n").into()
}

fn record(id: i64, uuid: &str) -> CallRecord {
    CallRecord {
        id: CallId(id),
        uuid: CallUuid::or_none(uuid),
        caller: "101".into(),
        caller_name: String::new(),
        callee: "102".into(),
        started_at: UnixMillis(0),
        answered_at: None,
        ended_at: None,
        ending: None,
        reason: String::new(),
        answered_by: None,
        packets_from_caller: 0,
        packets_from_callee: 0,
    }
}

struct Bench {
    recorder: Recorder,
    ladders: Ladders,
    now: i64,
}

impl Bench {
    fn new() -> Self {
        let ladders = Ladders::default();
        Self { recorder: Recorder::new(ladders.clone()), ladders, now: 0 }
    }

    fn comes(&mut self, flow: Flow, raw: &Bytes) {
        self.now += 1;
        let message = guard::check(raw.clone(), flow.transport).unwrap();
        self.recorder.received(&flow, &message, raw, UnixMillis(self.now));
    }

    fn goes(&mut self, flow: Flow, bytes: Bytes) {
        self.recorder.look(&Output::Send { flow, bytes }, UnixMillis(self.now));
    }

    fn saves(&mut self, record: CallRecord) {
        let output = Output::Save { changes: vec![Change::PutCall(record)], ticket: None };
        self.recorder.look(&output, UnixMillis(self.now));
    }

    /// A call of 101 (UDP, Call-ID `callers`) that rings a phone on TLS.
    fn call(&mut self, id: i64, callers: &str, uuid: &str) {
        self.comes(flow(5060, 0), &request("INVITE", callers));
        self.goes(flow(5060, 0), status("100 Trying", callers));
        self.goes(flow(4000, 7), request("INVITE", uuid));
        self.saves(record(id, uuid));
        self.recorder.end_of_input();
    }

    fn titles(&self, id: i64) -> Vec<(usize, bool, String)> {
        let ladder = self.ladders.get(CallId(id)).unwrap();
        ladder.messages.into_iter().map(|one| (one.leg, one.received, one.title)).collect()
    }
}

#[test]
fn a_call_is_kept_from_its_invite_on_with_a_column_for_each_way() {
    let mut bench = Bench::new();
    bench.call(1, "callers", UUID);
    bench.goes(flow(5060, 0), status("180 Ringing", "callers"));
    bench.comes(flow(4000, 7), &request("BYE", UUID));
    bench.comes(flow(9, 0), &request("OPTIONS", "another"));
    bench.goes(flow(9, 0), status("200 OK", "another"));
    bench.recorder.end_of_input();
    let told: Vec<(usize, bool, String)> = [
        (0, true, "INVITE"),
        (0, false, "100 Trying"),
        (1, false, "INVITE"),
        (0, false, "180 Ringing"),
        (1, true, "BYE"),
    ]
    .map(|(leg, received, title)| (leg, received, title.to_owned()))
    .to_vec();
    assert_eq!(bench.titles(1), told);
    let ladder = bench.ladders.get(CallId(1)).unwrap();
    assert_eq!(ladder.legs.iter().map(|leg| leg.is_caller).collect::<Vec<_>>(), [true, false]);
    assert_eq!(ladder.legs[0].agent, "Desk phone 7");
    assert_eq!(ladder.messages[0].cseq, "1 INVITE");
    assert!(bench.ladders.get(CallId(2)).is_none());
}

#[test]
fn an_invite_that_makes_no_call_leaves_nothing() {
    let mut bench = Bench::new();
    bench.comes(flow(5060, 0), &request("INVITE", "callers"));
    bench.goes(flow(5060, 0), status("401 Unauthorized", "callers"));
    bench.recorder.end_of_input();
    assert!(bench.recorder.pending.is_empty() && bench.recorder.names.is_empty());
    assert!(bench.ladders.lock().calls.is_empty());
}

#[test]
fn of_a_long_call_the_begin_and_the_end_are_kept() {
    let mut bench = Bench::new();
    bench.call(1, "callers", UUID);
    for _ in 0..400 {
        bench.comes(flow(5060, 0), &request("INFO", "callers"));
    }
    bench.comes(flow(5060, 0), &request("BYE", "callers"));
    let ladder = bench.ladders.get(CallId(1)).unwrap();
    assert_eq!(ladder.messages.len(), FIRST + LAST);
    assert_eq!(ladder.left_out, 404 - u32::try_from(FIRST + LAST).unwrap());
    assert_eq!((ladder.messages[0].title.as_str(), ladder.messages.last().unwrap().title.as_str()), ("INVITE", "BYE"));
    let kept = bench.ladders.lock();
    let sizes = kept.calls.values().flat_map(|call| call.first.iter().chain(&call.last)).map(|one| one.size());
    assert_eq!(kept.bytes, sizes.sum::<usize>());
}

#[test]
fn the_oldest_call_gives_way() {
    let mut bench = Bench::new();
    for id in 1..=i64::try_from(CALLS + 5).unwrap() {
        bench.call(id, &format!("callers-{id}"), &format!("00000000-0000-0000-0000-{id:012}"));
    }
    assert!(bench.ladders.get(CallId(5)).is_none() && bench.ladders.get(CallId(6)).is_some());
    assert_eq!(bench.recorder.names.len(), 2 * CALLS, "nothing of the forgotten calls is left");
}

#[test]
fn nothing_that_opens_a_door_is_kept() {
    let canary = "5ec2e7";
    let raw = format!(
        "REGISTER sip:101:{canary}@pbx SIP/2.0\r\nAuthorization: Digest username=\"101\",\r\n response=\"{canary}\"\r\n\
         Contact: <sip:101@192.0.2.9;pn-provider=apns;pn-prid={canary};PN-PARAM={canary}>;+sip.instance=\"<a>\"\r\n\
         X-Push-Thing: {canary}\r\nx-app-token: {canary}\r\nContent-Type: application/sdp\r\n\r\n\
         v=0\r\nk=clear:{canary}\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{canary}|2^31\r\na=ice-pwd:{canary}\r\nm=audio 4000 RTP/AVP 0\r\n"
    );
    let shown = mask::shown(raw.as_bytes());
    assert!(!shown.text.contains(canary), "{}", shown.text);
    assert!(shown.text.contains("Authorization: Digest (hidden)"), "{}", shown.text);
    assert!(shown.text.contains("<sip:101@192.0.2.9;pn-provider=(hidden);pn-prid=(hidden)"), "{}", shown.text);
    assert!(shown.text.contains("m=audio 4000 RTP/AVP 0") && shown.text.contains("+sip.instance"), "{}", shown.text);
    let body = mask::shown(format!("MESSAGE sip:a SIP/2.0\r\nContent-Type: text/plain\r\n\r\n{canary}").as_bytes());
    assert!(!body.text.contains(canary) && body.text.contains("bytes that are not shown"), "{}", body.text);
}

#[test]
fn odd_bytes_are_cut_and_harm_nobody() {
    let long = format!("INVITE sip:a SIP/2.0\r\nSubject: {}\r\n\r\n", "ö".repeat(10_000));
    assert!(mask::shown(long.as_bytes()).text.len() < 5_000);
    assert_eq!(mask::shown(&[0xff, 0xfe, b'\n']).title, "\u{fffd}\u{fffd}");
    assert_eq!(mask::call_id(b"BYE sip:a SIP/2.0\r\nCall-ID : x y \r\n\r\n"), Some("x y"));
    assert_eq!(mask::call_id(b"BYE sip:a SIP/2.0\r\n\r\nCall-ID: x\r\n"), None);
    assert_eq!(mask::call_id(b""), None);
}
