//! The SDP plan (RFC 8866): what a side announced, and the same body with the relay's address in it.
//!
//! Rewriting works line by line and keeps every line it has no reason to change byte for byte, so codecs, DTMF and SDES
//! keys that this program knows nothing about pass through. Invariants: neither function panics on any input; no address
//! of the announcing side is left in a rewritten body; what `read` accepts is still accepted after `rewrite`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::{BufMut, Bytes, BytesMut};
use ezk_sdp_types::{Connection, Rtcp, TaggedAddress};
use thiserror::Error;

#[cfg(test)]
mod tests;

/// Media lines a body may have; a phone offers one for sound and rarely one for video, more is an attack on our time.
pub const MAX_MEDIA_LINES: usize = 8;
/// Lines a body may have; browsers, the most talkative, stay below 300.
pub const MAX_LINES: usize = 1024;

/// Which way sound flows, as the announcing side sees it (RFC 8866 section 6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Both ways.
    SendRecv,
    /// It only sends: the other side is on hold.
    SendOnly,
    /// It only listens.
    RecvOnly,
    /// Neither: both are on hold.
    Inactive,
}

/// How the sound is encrypted between the phones; the relay passes all of it through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// Not at all.
    None,
    /// Keys in the SDP (RFC 4568); passes through the relay.
    Sdes,
    /// Keys by a DTLS handshake on the media path (RFC 5764); the relay drops handshakes, so such a call has no sound.
    Dtls,
}

/// What a side announced for sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// Where it listens for RTP; the unspecified address is the old way of saying "hold" (RFC 3264 section 8.4).
    pub address: SocketAddr,
    /// Where it listens for RTCP: `a=rtcp` (RFC 3605), the RTP port with `a=rtcp-mux`, else the next port.
    pub rtcp: SocketAddr,
    /// It can take RTCP on the RTP port (RFC 5761).
    pub rtcp_mux: bool,
    /// Which way sound flows.
    pub direction: Direction,
    /// How the sound is encrypted.
    pub encryption: Encryption,
    /// Media lines in the body, refused ones too; an answer must have as many.
    pub media_lines: usize,
    /// A video line is open: its port is not zero and it is not inactive.
    pub video: bool,
}

impl Announced {
    /// Whether this side puts the other on hold.
    pub fn holds(&self) -> bool {
        self.address.ip().is_unspecified()
            || match self.direction {
                Direction::SendOnly | Direction::Inactive => true,
                Direction::SendRecv | Direction::RecvOnly => false,
            }
    }

    /// What the relay is to be aimed at: the announced address, or the unspecified one while this side does not listen.
    pub fn aim(&self) -> SocketAddr {
        if self.holds() { SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)) } else { self.address }
    }
}

/// Why a body announces no usable sound.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SdpError {
    /// The body is not SDP at all.
    #[error("the call's media description is not readable: it does not begin with v=0")]
    NotSdp,
    /// No audio line, or only refused ones.
    #[error("the call offers no sound: its media description has no active audio line")]
    NoAudio,
    /// An audio line without a usable port or transport.
    #[error("the call's audio line is not readable: {0}")]
    BadMediaLine(&'static str),
    /// No `c=` line applies to the audio line, or it names no IP address.
    #[error("the call names no IP address for its sound: the c= line is missing or holds a host name")]
    NoAddress,
    /// More media lines than [`MAX_MEDIA_LINES`].
    #[error("the call offers more than {MAX_MEDIA_LINES} media lines")]
    TooManyMediaLines,
    /// More lines than [`MAX_LINES`].
    #[error("the call's media description has more than {MAX_LINES} lines")]
    TooManyLines,
}

/// Whether a body that offers sound offers video as well; false for what cannot be read.
pub fn offers_video(body: &[u8]) -> bool {
    read(body).is_ok_and(|announced| announced.video)
}

/// Reads where and how a side wants its sound: the first audio line whose port is not zero.
pub fn read(body: &[u8]) -> Result<Announced, SdpError> {
    let mut reader = Reader::default();
    for (number, (line, _)) in lines(body).enumerate() {
        if number == 0 && line.trim_ascii_end() != b"v=0" {
            return Err(SdpError::NotSdp);
        }
        if number >= MAX_LINES {
            return Err(SdpError::TooManyLines);
        }
        reader.line(String::from_utf8_lossy(line).trim_end())?;
    }
    if body.is_empty() {
        return Err(SdpError::NotSdp);
    }
    reader.finish()
}

/// The same body with the relay's address and port for the first active audio line.
///
/// Every `c=` and the address in `o=` become `our_ip`, except that an unspecified `c=` (hold) stays; `a=rtcp` follows
/// the new port; ICE and other lists of further addresses are dropped, because the relay is the peer; every other media
/// line is refused (port 0).
pub fn rewrite(body: &[u8], our_ip: IpAddr, our_port: u16) -> Bytes {
    let ours = Ours { ip: our_ip, port: our_port, muxed: muxed_rtcp(body) };
    // Our address may be longer than the one it replaces, on a handful of lines.
    let mut out = BytesMut::with_capacity(body.len() + 256);
    let mut section = Section::Session;
    for (line, ending) in lines(body) {
        let text = String::from_utf8_lossy(line);
        if let Some(media) = text.strip_prefix("m=") {
            section = section.next(media);
        }
        match ours.line(&text, section) {
            Rewritten::Keep => out.put_slice(line),
            Rewritten::Replace(new) => out.put_slice(new.as_bytes()),
            Rewritten::Drop => continue,
        }
        out.put_slice(ending);
    }
    out.freeze()
}

/// Lines with their endings: CRLF, LF, a lone CR (some phones take it for one), or nothing at the end of the body.
fn lines(body: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = body;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let length = rest.iter().position(|&b| matches!(b, b'\r' | b'\n')).unwrap_or(rest.len());
        let (line, behind) = rest.split_at(length);
        let ending = if behind.starts_with(b"\r\n") { 2 } else { behind.len().min(1) };
        let (ending, behind) = behind.split_at(ending);
        rest = behind;
        Some((line, ending))
    })
}

/// The parts of an `m=` value.
#[derive(Debug, Clone, Copy)]
struct MediaLine<'a> {
    kind: &'a str,
    port: &'a str,
    transport: &'a str,
}

impl<'a> MediaLine<'a> {
    fn parse(value: &'a str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        Some(Self { kind: words.next()?, port: words.next()?, transport: words.next()? })
    }

    /// The port without a count of ports.
    fn port(&self) -> Option<u16> {
        self.port.split('/').next()?.parse().ok()
    }

    fn is_active_audio(&self) -> bool {
        self.kind.eq_ignore_ascii_case("audio") && self.port() != Some(0)
    }

    fn is_active_video(&self) -> bool {
        self.kind.eq_ignore_ascii_case("video") && self.port().is_some_and(|port| port != 0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    /// Before the first media line.
    Session,
    /// The audio line the relay carries.
    Audio,
    /// Any other media line; `after` when the carried one came before.
    Other { after: bool },
}

impl Section {
    /// The section that a media line with this value begins.
    fn next(self, value: &str) -> Self {
        let seen = match self {
            Self::Session => false,
            Self::Audio => true,
            Self::Other { after } => after,
        };
        if !seen && MediaLine::parse(value).is_some_and(|media| media.is_active_audio()) {
            Self::Audio
        } else {
            Self::Other { after: seen }
        }
    }
}

/// Whether the carried audio line says `a=rtcp-mux` and its `a=rtcp` names the RTP port itself.
fn muxed_rtcp(body: &[u8]) -> bool {
    read(body).is_ok_and(|announced| announced.rtcp_mux && announced.rtcp.port() == announced.address.port())
}

enum Rewritten {
    Keep,
    Replace(String),
    Drop,
}

/// What is put in place of the announcing side's addresses.
struct Ours {
    ip: IpAddr,
    port: u16,
    muxed: bool,
}

impl Ours {
    fn tagged(&self) -> TaggedAddress {
        TaggedAddress::from(self.ip)
    }

    fn line(&self, text: &str, section: Section) -> Rewritten {
        match text.as_bytes() {
            [b'o', b'=', ..] => self.origin(text),
            [b'c', b'=', ..] if is_unspecified(text) => Rewritten::Keep,
            [b'c', b'=', ..] => Rewritten::Replace(format!("c={}", self.tagged())),
            [b'm', b'=', ..] => self.media(text, section),
            [b'a', b'=', ..] => self.attribute(text, section),
            _ => Rewritten::Keep,
        }
    }

    /// User name, session id and version stay; the address becomes ours.
    fn origin(&self, text: &str) -> Rewritten {
        let mut words = text.split_ascii_whitespace();
        let (Some(user), Some(id), Some(version)) = (words.next(), words.next(), words.next()) else {
            return Rewritten::Replace(format!("o=- 0 0 {}", self.tagged()));
        };
        Rewritten::Replace(format!("{user} {id} {version} {}", self.tagged()))
    }

    fn media(&self, text: &str, section: Section) -> Rewritten {
        // Words end where the reader ends them, or what we send could not be read.
        let blank = |c: char| c.is_ascii_whitespace();
        let value = text.strip_prefix("m=").unwrap_or(text).trim_start_matches(blank);
        let Some((kind, rest)) = value.split_once(blank) else { return Rewritten::Keep };
        let rest = rest.trim_start_matches(blank);
        let (_, formats) = rest.split_once(blank).unwrap_or((rest, ""));
        let formats = formats.trim_start_matches(blank);
        let port = match section {
            Section::Audio => self.port,
            Section::Session | Section::Other { .. } => 0,
        };
        Rewritten::Replace(format!("m={kind} {port} {formats}"))
    }

    fn attribute(&self, text: &str, section: Section) -> Rewritten {
        let name = text.get(2..).unwrap_or("");
        let (name, value) = name.split_once(':').unwrap_or((name, ""));
        if names_other_addresses(name) || (name == "group" && value.starts_with("BUNDLE")) {
            return Rewritten::Drop;
        }
        if name != "rtcp" {
            return Rewritten::Keep;
        }
        match section {
            Section::Audio if self.muxed => Rewritten::Replace(format!("a=rtcp:{} {}", self.port, self.tagged())),
            Section::Audio => Rewritten::Replace(format!("a=rtcp:{} {}", self.port.saturating_add(1), self.tagged())),
            Section::Session | Section::Other { .. } => Rewritten::Drop,
        }
    }
}

/// Attributes that list further addresses of the announcing side or steer the choice between them: ICE (RFC 8839),
/// `altc` (RFC 6947) and its forerunner `alt`.
fn names_other_addresses(name: &str) -> bool {
    matches!(name, "candidate" | "remote-candidates" | "end-of-candidates" | "altc" | "alt") || name.starts_with("ice-")
}

fn is_unspecified(c_line: &str) -> bool {
    connection_ip(c_line.get(2..).unwrap_or("")).is_some_and(|ip| ip.is_unspecified())
}

/// The IP address of a `c=` value; `None` for host names and nonsense.
fn connection_ip(value: &str) -> Option<IpAddr> {
    let source = Bytes::copy_from_slice(value.as_bytes());
    // The source is only sliced for host names, and by pointer: parse the copy, not the original.
    let text = std::str::from_utf8(&source).ok()?;
    let (_, connection) = Connection::parse(&source, text).ok()?;
    tagged_ip(&connection.address)
}

fn tagged_ip(address: &TaggedAddress) -> Option<IpAddr> {
    match address {
        TaggedAddress::IP4(ip) => Some(IpAddr::V4(*ip)),
        TaggedAddress::IP6(ip) => Some(IpAddr::V6(*ip)),
        TaggedAddress::IP4FQDN(_) | TaggedAddress::IP6FQDN(_) => None,
    }
}

/// Collects what concerns the first active audio line.
#[derive(Debug, Default)]
struct Reader {
    section: Option<Section>,
    media_lines: usize,
    session_ip: Option<IpAddr>,
    session_direction: Option<Direction>,
    /// The address of the audio section's own `c=`; `Some(None)` when that names no IP address.
    audio_ip: Option<Option<IpAddr>>,
    audio_direction: Option<Direction>,
    audio: Option<(u16, Encryption)>,
    rtcp: Option<(u16, Option<IpAddr>)>,
    rtcp_mux: bool,
    /// The direction that a video line whose port is not zero names so far, while such a line is read.
    video_line: Option<Option<Direction>>,
    video: bool,
}

impl Reader {
    fn line(&mut self, text: &str) -> Result<(), SdpError> {
        let section = self.section.unwrap_or(Section::Session);
        match text.split_at_checked(2) {
            Some(("m=", value)) => self.media(section.next(value), value),
            Some(("c=", value)) => {
                match section {
                    Section::Session => self.session_ip = connection_ip(value),
                    Section::Audio => self.audio_ip = Some(connection_ip(value)),
                    Section::Other { .. } => {}
                }
                Ok(())
            }
            Some(("a=", value)) => {
                self.attribute(section, value);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn media(&mut self, section: Section, value: &str) -> Result<(), SdpError> {
        self.end_video_line();
        self.section = Some(section);
        self.media_lines += 1;
        if self.media_lines > MAX_MEDIA_LINES {
            return Err(SdpError::TooManyMediaLines);
        }
        let media = MediaLine::parse(value).ok_or(SdpError::BadMediaLine("a media line has too few words"))?;
        if section == Section::Audio {
            let port = media.port().ok_or(SdpError::BadMediaLine("the port is not a number from 0 to 65535"))?;
            let encryption = encryption(media.transport)
                .ok_or(SdpError::BadMediaLine("the transport is not RTP (RTP/AVP, RTP/SAVP or one of their kin)"))?;
            self.audio = Some((port, encryption));
        }
        self.video_line = media.is_active_video().then_some(None);
        Ok(())
    }

    /// Counts a video line once all that belongs to it is read.
    fn end_video_line(&mut self) {
        if let Some(own) = self.video_line.take() {
            self.video |= own.or(self.session_direction) != Some(Direction::Inactive);
        }
    }

    fn attribute(&mut self, section: Section, value: &str) {
        let direction = direction(value);
        match section {
            Section::Session => self.session_direction = direction.or(self.session_direction),
            Section::Audio => {
                self.audio_direction = direction.or(self.audio_direction);
                self.rtcp_mux |= value == "rtcp-mux";
                if let Some(value) = value.strip_prefix("rtcp:") {
                    self.rtcp = rtcp(value);
                }
            }
            Section::Other { .. } => {
                if let Some(own) = &mut self.video_line {
                    *own = direction.or(*own);
                }
            }
        }
    }

    fn finish(mut self) -> Result<Announced, SdpError> {
        self.end_video_line();
        let (port, encryption) = self.audio.ok_or(SdpError::NoAudio)?;
        let ip = self.audio_ip.unwrap_or(self.session_ip).ok_or(SdpError::NoAddress)?;
        let (rtcp_port, rtcp_ip) = match self.rtcp {
            Some((port, other_ip)) => (port, other_ip.unwrap_or(ip)),
            None if self.rtcp_mux => (port, ip),
            None => (port.saturating_add(1), ip),
        };
        Ok(Announced {
            address: SocketAddr::new(ip, port),
            rtcp: SocketAddr::new(rtcp_ip, rtcp_port),
            rtcp_mux: self.rtcp_mux,
            direction: self.audio_direction.or(self.session_direction).unwrap_or(Direction::SendRecv),
            encryption,
            media_lines: self.media_lines,
            video: self.video,
        })
    }
}

fn encryption(transport: &str) -> Option<Encryption> {
    match transport {
        "RTP/AVP" | "RTP/AVPF" => Some(Encryption::None),
        "RTP/SAVP" | "RTP/SAVPF" => Some(Encryption::Sdes),
        "UDP/TLS/RTP/SAVP" | "UDP/TLS/RTP/SAVPF" => Some(Encryption::Dtls),
        _ => None,
    }
}

fn direction(attribute: &str) -> Option<Direction> {
    match attribute {
        "sendrecv" => Some(Direction::SendRecv),
        "sendonly" => Some(Direction::SendOnly),
        "recvonly" => Some(Direction::RecvOnly),
        "inactive" => Some(Direction::Inactive),
        _ => None,
    }
}

fn rtcp(value: &str) -> Option<(u16, Option<IpAddr>)> {
    let source = Bytes::copy_from_slice(value.as_bytes());
    let text = std::str::from_utf8(&source).ok()?;
    let (_, rtcp) = Rtcp::parse(&source, text).ok()?;
    Some((rtcp.port, rtcp.address.as_ref().and_then(tagged_ip)))
}
