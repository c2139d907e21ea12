//! The little SDP (RFC 8866) a telephone with one audio stream needs.

use std::net::{IpAddr, SocketAddr};

/// Which way sound flows, seen from the one who wrote the description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// Only from the writer.
    SendOnly,
    /// Only to the writer.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// The answer to an offer with this direction.
    pub(super) fn answered(self) -> Self {
        match self {
            Self::SendRecv => Self::SendRecv,
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            Self::Inactive => Self::Inactive,
        }
    }

    /// Whether the writer sends.
    pub(super) fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the writer receives.
    pub(super) fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

/// What the phone wants to know of the other side's description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Audio {
    /// Where to send sound to.
    pub(super) to: SocketAddr,
    /// Which way it flows, seen from the other side.
    pub(super) direction: Direction,
    /// Whether PCMU (payload type 0) is among the formats.
    pub(super) pcmu: bool,
}

/// A description of our own stream; `version` rises with each new one in a call.
pub(super) fn write(local: SocketAddr, version: u32, direction: Direction) -> Vec<u8> {
    let family = if local.is_ipv4() { "IP4" } else { "IP6" };
    let (ip, port, direction) = (local.ip(), local.port(), direction.as_str());
    format!(
        "v=0\r\no=- 1 {version} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
         a=fmtp:101 0-15\r\na=ptime:20\r\na={direction}\r\n"
    )
    .into_bytes()
}

/// The first audio stream of a description; the error says what is missing.
pub(super) fn read(body: &[u8]) -> Result<Audio, String> {
    let text = std::str::from_utf8(body).map_err(|_| "the SDP is not UTF-8")?;
    let (mut session_ip, mut media_ip, mut media): (Option<IpAddr>, Option<IpAddr>, Option<(u16, bool)>) =
        (None, None, None);
    let mut direction = Direction::SendRecv;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("m=") {
            if media.is_some() {
                break;
            }
            media = Some(audio_line(rest)?);
        } else if let Some(rest) = line.strip_prefix("c=IN ") {
            let ip = rest.split(' ').nth(1).and_then(|ip| ip.trim().parse().ok());
            if media.is_some() { media_ip = ip } else { session_ip = ip }
        } else {
            direction = match line.trim_end() {
                "a=sendrecv" => Direction::SendRecv,
                "a=sendonly" => Direction::SendOnly,
                "a=recvonly" => Direction::RecvOnly,
                "a=inactive" => Direction::Inactive,
                _ => direction,
            };
        }
    }
    let (port, pcmu) = media.ok_or("the SDP has no stream")?;
    let ip = media_ip.or(session_ip).ok_or("the SDP has no address (c=)")?;
    Ok(Audio { to: SocketAddr::new(ip, port), direction, pcmu })
}

fn audio_line(rest: &str) -> Result<(u16, bool), String> {
    let mut words = rest.split_whitespace();
    let (kind, port, profile) = (words.next(), words.next(), words.next());
    if kind != Some("audio") {
        return Err(format!("the first stream is not audio: m={rest}"));
    }
    if profile != Some("RTP/AVP") {
        return Err(format!("the stream is not plain RTP: m={rest}"));
    }
    let port = port.and_then(|port| port.parse().ok()).ok_or_else(|| format!("no port in m={rest}"))?;
    Ok((port, words.any(|format| format == "0")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let local: SocketAddr = ([127, 0, 0, 1], 4000).into();
        for direction in [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive] {
            let audio = read(&write(local, 1, direction)).unwrap();
            assert_eq!(audio, Audio { to: local, direction, pcmu: true });
        }
    }

    #[test]
    fn the_streams_own_address_wins_over_the_sessions() {
        let text =
            b"v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 9 RTP/AVP 8\r\nc=IN IP4 192.0.2.2\r\nm=video 7 RTP/AVP 99\r\n";
        let audio = read(text).unwrap();
        assert_eq!(audio.to, ([192, 0, 2, 2], 9).into());
        assert!(!audio.pcmu);
    }

    #[test]
    fn what_the_phone_cannot_play_is_refused() {
        assert!(read(b"v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 9 RTP/SAVP 0\r\n").unwrap_err().contains("plain RTP"));
        assert!(read(b"v=0\r\n").unwrap_err().contains("no stream"));
        assert!(read(b"m=audio 9 RTP/AVP 0\r\n").unwrap_err().contains("no address"));
    }
}
