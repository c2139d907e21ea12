//! The phone's voice and ear: 20 ms PCMU packets with a pattern that says who spoke, and counts of what is heard.
//!
//! The pattern lets a test tell the other phone's sound from noise, from its own echo and from a third call's sound that
//! went astray. Real telephones do not send it; their packets are counted without it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// One packet holds 20 ms, the usual packet time of G.711.
const PACKET_TIME: Duration = Duration::from_millis(20);
/// Samples, and with G.711 bytes, in one packet.
const SAMPLES: usize = 160;
/// The fixed RTP header (RFC 3550 section 5.1).
const HEADER: usize = 12;
/// Bytes of the marker that names the speaker in each packet.
pub const MARKER_BYTES: usize = 16;
const MAGIC: &[u8; 8] = b"NB-VOICE";

/// What has been heard so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MediaReport {
    /// Packets sent.
    pub sent: u64,
    /// Valid RTP packets received.
    pub received: u64,
    /// Those among them that carry the pattern of another scripted phone.
    pub recognised: u64,
    /// Those that carry this phone's own pattern: an echo.
    pub echoed: u64,
    /// Packets whose pattern is damaged.
    pub damaged: u64,
    /// Numbers missing in the sequence so far.
    pub lost: u64,
    /// Packets that came twice or late.
    pub disordered: u64,
    /// Datagrams that are not RTP version 2.
    pub junk: u64,
    /// How often the synchronisation source changed.
    pub source_changes: u64,
    /// The speaker named by the last recognised packet.
    pub speaker: String,
    /// Where the last packet came from.
    pub from: Option<SocketAddr>,
    /// The payload type of the last packet.
    pub payload_type: Option<u8>,
    /// When the first packet came.
    pub first_at: Option<Instant>,
    ssrc: Option<u32>,
    next: Option<u16>,
}

/// Where to send, or `None` while the phone is quiet.
type Target = Option<SocketAddr>;

/// One call's audio socket.
#[derive(Debug)]
pub(super) struct Media {
    local: SocketAddr,
    target: watch::Sender<Target>,
    report: watch::Sender<MediaReport>,
    _tasks: JoinSet<()>,
}

impl Media {
    /// Opens a socket on a free port of `ip`; listens from now on and speaks once it has a target. `speaker` is at most 8
    /// bytes of the phone's number, more are cut.
    pub(super) fn open(ip: IpAddr, speaker: &str) -> io::Result<Self> {
        let socket = std::net::UdpSocket::bind((ip, 0))?;
        socket.set_nonblocking(true)?;
        let socket = Arc::new(UdpSocket::from_std(socket)?);
        let local = socket.local_addr()?;
        let target = watch::Sender::new(None);
        let report = watch::Sender::new(MediaReport::default());
        let marker = marker(speaker);
        let mut tasks = JoinSet::new();
        tasks.spawn(speak(Arc::clone(&socket), marker, target.subscribe(), report.clone()));
        tasks.spawn(listen(socket, marker, report.clone()));
        Ok(Self { local, target, report, _tasks: tasks })
    }

    /// The address for the SDP.
    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Speaks to `target` from now on, or falls quiet.
    pub(super) fn speak_to(&self, target: Option<SocketAddr>) {
        self.target.send_replace(target);
    }

    /// The counts so far.
    pub(super) fn report(&self) -> MediaReport {
        self.report.borrow().clone()
    }

    /// The counts as they change.
    pub(super) fn watch(&self) -> watch::Receiver<MediaReport> {
        self.report.subscribe()
    }
}

fn marker(speaker: &str) -> [u8; MARKER_BYTES] {
    let mut marker = [0; MARKER_BYTES];
    let text = MAGIC.iter().copied().chain(speaker.bytes());
    for (slot, byte) in marker.iter_mut().zip(text) {
        *slot = byte;
    }
    marker
}

/// The payload of packet `sequence`: the marker, then bytes that follow from the sequence number.
fn payload(marker: &[u8; MARKER_BYTES], sequence: u16) -> [u8; SAMPLES] {
    let mut bytes = [0; SAMPLES];
    let [high, low] = sequence.to_be_bytes();
    let tail = (0..=u8::MAX).map(|step| step.wrapping_mul(7) ^ low);
    for (slot, byte) in bytes.iter_mut().zip(marker.iter().copied().chain([high, low]).chain(tail)) {
        *slot = byte;
    }
    bytes
}

async fn speak(
    socket: Arc<UdpSocket>,
    marker: [u8; MARKER_BYTES],
    mut target: watch::Receiver<Target>,
    report: watch::Sender<MediaReport>,
) {
    let mut ssrc_bytes = [0; 4];
    // Without randomness every call has the same source number, which the counts still bear.
    let _ = getrandom::fill(&mut ssrc_bytes);
    let (mut sequence, mut timestamp) = (u16::from_be_bytes([ssrc_bytes[0], ssrc_bytes[1]]), 0_u32);
    let mut tick = interval(PACKET_TIME);
    // A late machine must not answer with a burst: real phones do not, and jitter is what is measured.
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let to = *target.borrow_and_update();
        let Some(to) = to else {
            if target.changed().await.is_err() {
                return;
            }
            continue;
        };
        let mut packet = Vec::with_capacity(HEADER + SAMPLES);
        packet.extend_from_slice(&[0x80, 0]);
        packet.extend_from_slice(&sequence.to_be_bytes());
        packet.extend_from_slice(&timestamp.to_be_bytes());
        packet.extend_from_slice(&ssrc_bytes);
        packet.extend_from_slice(&payload(&marker, sequence));
        // A refused datagram is a lost packet, and the listener counts those.
        if socket.send_to(&packet, to).await.is_ok() {
            report.send_modify(|report| report.sent += 1);
        }
        sequence = sequence.wrapping_add(1);
        timestamp = timestamp.wrapping_add(SAMPLES as u32);
    }
}

async fn listen(socket: Arc<UdpSocket>, own: [u8; MARKER_BYTES], report: watch::Sender<MediaReport>) {
    let mut buffer = [0; 2048];
    loop {
        // An ICMP refusal shows up as an error of the next receive; the socket stays good.
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
        let datagram = buffer.get(..length).unwrap_or_default();
        report.send_modify(|report| report.hear(datagram, from, &own));
    }
}

impl MediaReport {
    fn hear(&mut self, datagram: &[u8], from: SocketAddr, own: &[u8; MARKER_BYTES]) {
        let Some((head, body)) = datagram.split_at_checked(HEADER) else {
            self.junk += 1;
            return;
        };
        let &[first, second, s1, s2, _, _, _, _, r1, r2, r3, r4] = head else {
            self.junk += 1;
            return;
        };
        if first >> 6 != 2 {
            self.junk += 1;
            return;
        }
        self.received += 1;
        self.from = Some(from);
        self.payload_type = Some(second & 0x7f);
        self.first_at.get_or_insert_with(Instant::now);
        self.order(u16::from_be_bytes([s1, s2]), u32::from_be_bytes([r1, r2, r3, r4]));
        self.recognise(body, own);
    }

    fn order(&mut self, sequence: u16, ssrc: u32) {
        if self.ssrc != Some(ssrc) {
            self.source_changes += u64::from(self.ssrc.is_some());
            self.ssrc = Some(ssrc);
            self.next = None;
        }
        let ahead = sequence.wrapping_sub(self.next.unwrap_or(sequence));
        if ahead < 0x8000 {
            self.lost += u64::from(ahead);
            self.next = Some(sequence.wrapping_add(1));
        } else {
            self.disordered += 1;
            self.lost = self.lost.saturating_sub(1);
        }
    }

    fn recognise(&mut self, body: &[u8], own: &[u8; MARKER_BYTES]) {
        let Some((marker, rest)) = body.split_first_chunk::<MARKER_BYTES>() else { return };
        if !marker.starts_with(MAGIC) {
            return;
        }
        let sequence = rest.first_chunk::<2>().map_or(0, |two| u16::from_be_bytes(*two));
        if payload(marker, sequence) != *body {
            self.damaged += 1;
        } else if marker == own {
            self.echoed += 1;
        } else {
            self.recognised += 1;
            let name = marker.get(MAGIC.len()..).unwrap_or_default();
            self.speaker = String::from_utf8_lossy(name).trim_end_matches('\0').to_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn two_phones_recognise_each_others_voice() {
        let ip = IpAddr::from([127, 0, 0, 1]);
        let (one, two) = (Media::open(ip, "101").unwrap(), Media::open(ip, "102").unwrap());
        one.speak_to(Some(two.local()));
        two.speak_to(Some(one.local()));
        for (ear, speaker) in [(&one, "102"), (&two, "101")] {
            let mut reports = ear.watch();
            let heard = tokio::time::timeout(SOON, reports.wait_for(|report| report.recognised >= 5));
            let report = heard.await.unwrap().unwrap().clone();
            assert_eq!((report.speaker.as_str(), report.damaged, report.echoed, report.junk), (speaker, 0, 0, 0));
            assert_eq!(report.payload_type, Some(0));
        }
    }

    #[test]
    fn echo_damage_gaps_and_junk_are_told_apart() {
        let own = marker("101");
        let from: SocketAddr = ([127, 0, 0, 1], 9).into();
        let packet = |sequence: u16, body: &[u8]| {
            let mut bytes = vec![0x80, 0];
            bytes.extend_from_slice(&sequence.to_be_bytes());
            bytes.extend_from_slice(&[0; 8]);
            bytes.extend_from_slice(body);
            bytes
        };
        let mut report = MediaReport::default();
        report.hear(&packet(65_535, &payload(&own, 65_535)), from, &own);
        report.hear(&packet(0, &payload(&marker("102"), 0)), from, &own);
        let mut damaged = payload(&marker("102"), 3);
        damaged[100] ^= 1;
        report.hear(&packet(3, &damaged), from, &own);
        report.hear(&packet(2, &[0xff; SAMPLES]), from, &own);
        report.hear(b"short", from, &own);
        assert_eq!((report.received, report.echoed, report.recognised, report.damaged), (4, 1, 1, 1));
        assert_eq!((report.lost, report.disordered, report.junk), (1, 1, 1));
    }
}
