use super::*;

const HERE: &str = "192.168.1.2:5061";
const THERE: &str = "203.0.113.9:40000";

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn key() -> Key {
    Key::new([7; 16])
}

fn nonce(number: u8) -> Nonce {
    Nonce([number; 16])
}

fn begun(ports: &PortCheck) -> Answering {
    ports.begin(key(), [nonce(1), nonce(2)], UnixMillis(1_000)).unwrap()
}

fn sip(meant_for: u16) -> Bytes {
    sip_question(&key(), nonce(1), meant_for, ("pbx.example.com", at("10.0.0.9:4000")), Transport::Udp)
}

#[test]
fn a_question_is_answered_with_the_port_it_came_to_and_the_address_it_came_from() {
    let ports = PortCheck::default();
    let answering = begun(&ports);
    for question in [sip(6061), sound_question(&key(), nonce(2), 6061)] {
        let answer = ports.answer(Transport::Udp, (at(HERE), at(THERE)), &question, UnixMillis(0)).unwrap();
        assert!(answer.len() <= question.len(), "{} for {}", answer.len(), question.len());
        let read = read_answer(&key(), &answer).unwrap();
        assert_eq!((read.port, read.seen), (5061, at(THERE)));
    }
    let arrived = answering.arrived();
    assert_eq!(arrived.iter().map(|one| one.nonce).collect::<Vec<_>>(), [nonce(1), nonce(2)]);
    assert_eq!(arrived[0].question, sip(6061));
}

#[test]
fn the_longest_addresses_still_fit_into_the_answer() {
    let ports = PortCheck::default();
    let _answering = begun(&ports);
    let long = "[2001:db8:1111:2222:3333:4444:5555:6666]:65535";
    let question = sip_question(&key(), nonce(1), 65_535, ("a.example", at("10.0.0.9:1")), Transport::Udp);
    let answer = ports.answer(Transport::Udp, (at(long), at(long)), &question, UnixMillis(0)).unwrap();
    assert!(answer.len() <= question.len(), "{} for {}", answer.len(), question.len());
    assert_eq!(read_answer(&key(), &answer).unwrap().seen, at(long));
}

#[test]
fn nothing_is_answered_without_a_running_check_its_key_and_its_nonce() {
    let ports = PortCheck::default();
    let ask = |question: &[u8], now| ports.answer(Transport::Udp, (at(HERE), at(THERE)), question, UnixMillis(now));
    assert_eq!(ask(&sip(5061), 0), None, "no check");
    let answering = begun(&ports);
    assert!(ask(&sip(5061), 0).is_some());
    assert_eq!(ask(&sip(5061), 1_000), None, "its time is over");
    let other = Key::new([8; 16]);
    assert_eq!(ask(&sound_question(&other, nonce(1), 5061), 0), None, "another key");
    assert_eq!(ask(&sound_question(&key(), nonce(3), 5061), 0), None, "a nonce nobody was given");
    assert_eq!(ask(b"OPTIONS sip:a SIP/2.0\r\n\r\n", 0), None);
    drop(answering);
    assert_eq!(ask(&sip(5061), 0), None, "the check has ended");
    assert!(!ports.is_running());
}

#[test]
fn a_question_that_is_played_back_is_answered_a_few_times_only() {
    let ports = PortCheck::default();
    let answering = begun(&ports);
    let ask = || ports.answer(Transport::Udp, (at(HERE), at(THERE)), &sip(5061), UnixMillis(0));
    assert_eq!((0..20).filter(|_| ask().is_some()).count(), usize::from(ANSWERS_EACH));
    assert_eq!(answering.arrived().len(), 1);
}

#[test]
fn over_udp_no_answer_is_longer_than_its_question() {
    let ports = PortCheck::default();
    let answering = begun(&ports);
    let question = String::from_utf8(sip(5061).to_vec()).unwrap();
    let header = question.lines().find(|line| line.starts_with("Nightbell-Port-Check:")).unwrap();
    let cut = format!("OPTIONS sip:a SIP/2.0\r\n{header}\r\n\r\n");
    assert_eq!(ports.answer(Transport::Udp, (at(HERE), at(THERE)), cut.as_bytes(), UnixMillis(0)), None);
    assert!(ports.answer(Transport::Tcp, (at(HERE), at(THERE)), cut.as_bytes(), UnixMillis(0)).is_some());
    assert_eq!(answering.arrived().len(), 2, "that it came is known all the same");
}

#[test]
fn an_answer_that_was_changed_or_made_up_is_not_believed() {
    let ports = PortCheck::default();
    let _answering = begun(&ports);
    let answer = ports.answer(Transport::Udp, (at(HERE), at(THERE)), &sip(5061), UnixMillis(0)).unwrap();
    let text = String::from_utf8(answer.to_vec()).unwrap();
    assert!(read_answer(&key(), text.as_bytes()).is_some());
    assert_eq!(read_answer(&key(), text.replace("port=5061", "port=5060").as_bytes()), None);
    assert_eq!(read_answer(&Key::new([8; 16]), text.as_bytes()), None);
    assert_eq!(read_answer(&key(), b"SIP/2.0 200 OK\r\n\r\n"), None);
}

#[test]
fn checks_are_few_and_short() {
    let ports = PortCheck::default();
    let many = (0..=MAX_QUESTIONS).map(|number| Nonce([u8::try_from(number).unwrap(); 16]));
    assert!(ports.begin(key(), many, UnixMillis(1)).is_none());
    let held: Vec<Answering> = (0..MAX_CHECKS).map(|_| begun(&ports)).collect();
    assert!(ports.begin(key(), [nonce(1)], UnixMillis(1)).is_none());
    drop(held);
    assert!(ports.begin(key(), [nonce(1)], UnixMillis(1)).is_some());
}

#[test]
fn nonces_and_keys_survive_their_text_and_a_key_is_not_printed() {
    let text = nonce(0xab).to_string();
    assert_eq!(text.parse::<Nonce>().unwrap(), nonce(0xab));
    for bad in ["", "ab", &text[..31], &format!("{}g", &text[..31])] {
        assert!(bad.parse::<Nonce>().is_err(), "{bad}");
    }
    let told: Key = serde_json::from_str(&serde_json::to_string(&key()).unwrap()).unwrap();
    assert!(read_answer(&told, b"").is_none());
    assert_eq!(format!("{:?}", key()), "Key(hidden)");
}
