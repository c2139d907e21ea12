//! The two forms of a question, and their answers.
//!
//! As SIP it is an OPTIONS request with a header of its own, so that what meddles with SIP meddles with it. For the ports of
//! sound it has the shape of an RTP packet of 20 ms PCMU (RFC 3550 section 5.1, RFC 3551), so that what looks into packets
//! sees sound. Either form is understood at every port: a forward may lead anywhere.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use bytes::{BufMut as _, Bytes, BytesMut};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::model::Transport;

/// The header of questions and answers.
const HEADER: &str = "Nightbell-Port-Check";
/// Room in a question for what the answer says besides: port, address and a longer proof line.
const PADDING: usize = 160;
/// An RTP header.
const RTP: usize = 12;
/// An RTP packet of 20 ms PCMU.
const SOUND: usize = RTP + 160;
/// Behind the RTP header.
const ASKS: &[u8; 4] = b"NBpq";
const ANSWERS: &[u8; 4] = b"NBpa";
/// What an HMAC is cut to (RFC 2104 section 5: at least half).
const PROOF: usize = 16;

/// Names one question; known to who was given it over HTTPS.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Nonce(pub [u8; 16]);

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Nonce {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        hex(text).map(Self).ok_or_else(|| "a nonce is 32 hexadecimal digits".to_owned())
    }
}

impl TryFrom<String> for Nonce {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Nonce> for String {
    fn from(nonce: Nonce) -> Self {
        nonce.to_string()
    }
}

/// The key of one check; known to who was given it over HTTPS.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key([u8; 16]);

impl Key {
    /// The key of these random bytes.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    fn proof(&self, parts: &[&[u8]]) -> [u8; PROOF] {
        // RFC 2104 section 2: a key shorter than a block is padded with zeros.
        let mut block = [0; 64];
        block[..self.0.len()].copy_from_slice(&self.0);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        for part in parts {
            mac.update(part);
        }
        let mut proof = [0; PROOF];
        proof.copy_from_slice(&mac.finalize().into_bytes()[..PROOF]);
        proof
    }

    fn of_question(&self, nonce: Nonce, meant_for: u16) -> [u8; PROOF] {
        self.proof(&[b"question", &nonce.0, &meant_for.to_be_bytes()])
    }

    fn of_answer(&self, nonce: Nonce, port: u16, seen: SocketAddr) -> [u8; PROOF] {
        let ip = octets(seen.ip());
        self.proof(&[b"answer", &nonce.0, &port.to_be_bytes(), &ip, &seen.port().to_be_bytes()])
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(hidden)")
    }
}

impl TryFrom<String> for Key {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        hex(&text).map(Self).ok_or_else(|| "a key is 32 hexadecimal digits".to_owned())
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        Nonce(key.0).to_string()
    }
}

/// The question of a SIP port: `host` is the name phones use, `from` our own address as this machine knows it.
pub fn sip_question(
    key: &Key,
    nonce: Nonce,
    meant_for: u16,
    (host, from): (&str, SocketAddr),
    transport: Transport,
) -> Bytes {
    let proof = Nonce(key.of_question(nonce, meant_for));
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let via = transport.via_name();
    let pad = "0".repeat(PADDING);
    let text = format!(
        "OPTIONS sip:port-check@{host}:{meant_for} SIP/2.0\r\n\
         Via: SIP/2.0/{via} {from};branch=z9hG4bK{nonce};rport\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:port-check@{from}>;tag=1\r\n\
         To: <sip:port-check@{host}>\r\n\
         Call-ID: {nonce}@{}\r\n\
         CSeq: 1 OPTIONS\r\n\
         Contact: <sip:port-check@{from};transport={}>\r\n\
         {HEADER}: {nonce};port={meant_for};proof={proof}\r\n\
         {HEADER}-Padding: {pad}\r\n\
         Content-Length: 0\r\n\r\n",
        from.ip(),
        transport.uri_name()
    );
    text.into()
}

/// The question of a port for sound.
pub fn sound_question(key: &Key, nonce: Nonce, meant_for: u16) -> Bytes {
    let mut out = BytesMut::zeroed(SOUND);
    out.truncate(0);
    // Version 2, payload type 0; sequence number, time and source are the nonce's.
    out.put_slice(&[0x80, 0]);
    out.put_slice(&nonce.0[..10]);
    out.put_slice(ASKS);
    out.put_slice(&nonce.0);
    out.put_u16(meant_for);
    out.put_slice(&key.of_question(nonce, meant_for));
    out.resize(SOUND, 0xff);
    out.freeze()
}

/// A question as it was read; not yet proved.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) nonce: Nonce,
    meant_for: u16,
    proof: [u8; PROOF],
    /// The head, when it is SIP.
    head: Option<&'a str>,
}

impl<'a> Asked<'a> {
    pub(super) fn read(raw: &'a [u8]) -> Option<Self> {
        if raw.len() == SOUND {
            let (nonce, rest) = sound_body(raw, ASKS)?;
            let (port, rest) = rest.split_first_chunk::<2>()?;
            let proof = *rest.first_chunk::<PROOF>()?;
            return Some(Self { nonce, meant_for: u16::from_be_bytes(*port), proof, head: None });
        }
        if !raw.starts_with(b"OPTIONS ") {
            return None;
        }
        let head = std::str::from_utf8(raw).ok()?;
        let fields = Fields::of(head)?;
        let proof = hex(fields.get("proof")?)?;
        Some(Self { nonce: fields.nonce, meant_for: fields.get("port")?.parse().ok()?, proof, head: Some(head) })
    }

    pub(super) fn is_proved(&self, key: &Key) -> bool {
        key.of_question(self.nonce, self.meant_for).ct_eq(&self.proof).into()
    }

    pub(super) fn answer(&self, key: &Key, (local, remote): (SocketAddr, SocketAddr), raw: &[u8]) -> Bytes {
        let seen = SocketAddr::new(remote.ip().to_canonical(), remote.port());
        let proof = key.of_answer(self.nonce, local.port(), seen);
        let Some(head) = self.head else {
            let mut out = BytesMut::with_capacity(SOUND);
            out.put_slice(raw.get(..RTP).unwrap_or(&[0; RTP]));
            out.put_slice(ANSWERS);
            out.put_slice(&self.nonce.0);
            out.put_u16(local.port());
            out.put_slice(&octets(seen.ip()));
            out.put_u16(seen.port());
            out.put_slice(&proof);
            out.resize(SOUND, 0xff);
            return out.freeze();
        };
        let mut out = String::with_capacity(head.len());
        out.push_str("SIP/2.0 200 OK\r\n");
        for line in lines(head).skip(1) {
            let name = line.split(':').next().unwrap_or("").trim();
            if ["Via", "v", "From", "f", "Call-ID", "i", "CSeq"].iter().any(|known| name.eq_ignore_ascii_case(known)) {
                out.extend([line, "\r\n"]);
            } else if name.eq_ignore_ascii_case("To") || name.eq_ignore_ascii_case("t") {
                out.extend([line, ";tag=2\r\n"]);
            }
        }
        let here = SocketAddr::new(local.ip().to_canonical(), local.port());
        out.push_str(&format!(
            "Contact: <sip:port-check@{here}>\r\n{HEADER}: {};port={};seen={seen};proof={}\r\nContent-Length: 0\r\n\r\n",
            self.nonce,
            local.port(),
            Nonce(proof)
        ));
        out.into()
    }
}

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    /// To which question.
    pub nonce: Nonce,
    /// The port at which the question arrived.
    pub port: u16,
    /// Whom it came from, as seen there.
    pub seen: SocketAddr,
}

/// Reads an answer; `None` for anything that does not prove that it knows the key.
pub fn read_answer(key: &Key, raw: &[u8]) -> Option<Read> {
    let (read, proof) = if raw.len() == SOUND { read_sound(raw)? } else { read_sip(raw)? };
    let proved: bool = key.of_answer(read.nonce, read.port, read.seen).ct_eq(&proof).into();
    proved.then_some(read)
}

fn read_sound(raw: &[u8]) -> Option<(Read, [u8; PROOF])> {
    let (nonce, rest) = sound_body(raw, ANSWERS)?;
    let (port, rest) = rest.split_first_chunk::<2>()?;
    let (ip, rest) = rest.split_first_chunk::<16>()?;
    let (from, rest) = rest.split_first_chunk::<2>()?;
    let seen = SocketAddr::new(IpAddr::from(*ip).to_canonical(), u16::from_be_bytes(*from));
    Some((Read { nonce, port: u16::from_be_bytes(*port), seen }, *rest.first_chunk::<PROOF>()?))
}

fn read_sip(raw: &[u8]) -> Option<(Read, [u8; PROOF])> {
    let head = std::str::from_utf8(raw).ok().filter(|head| head.starts_with("SIP/2.0 200 "))?;
    let fields = Fields::of(head)?;
    let (port, seen) = (fields.get("port")?.parse().ok()?, fields.get("seen")?.parse().ok()?);
    Some((Read { nonce: fields.nonce, port, seen }, hex(fields.get("proof")?)?))
}

fn sound_body<'a>(raw: &'a [u8], kind: &[u8; 4]) -> Option<(Nonce, &'a [u8])> {
    let body = raw.get(RTP..)?.strip_prefix(kind.as_slice())?;
    let (nonce, rest) = body.split_first_chunk::<16>()?;
    Some((Nonce(*nonce), rest))
}

/// The value of our header.
struct Fields<'a> {
    nonce: Nonce,
    rest: &'a str,
}

impl<'a> Fields<'a> {
    fn of(head: &'a str) -> Option<Self> {
        let value = lines(head).find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case(HEADER).then(|| value.trim())
        })?;
        let (nonce, rest) = value.split_once(';')?;
        Some(Self { nonce: nonce.parse().ok()?, rest })
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.rest.split(';').find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
    }
}

fn lines(head: &str) -> impl Iterator<Item = &str> {
    head.split("\r\n").take_while(|line| !line.is_empty())
}

fn octets(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(four) => four.to_ipv6_mapped().octets(),
        IpAddr::V6(six) => six.octets(),
    }
}

fn hex(text: &str) -> Option<[u8; 16]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes: Option<Vec<u8>> = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
    bytes?.try_into().ok()
}
