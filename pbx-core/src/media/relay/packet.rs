//! Telling RTP, RTCP and everything else apart (RFC 3550, RFC 5761, RFC 7983) without looking at the payload.

/// The longest packet that is relayed: no sound packet is longer than an Ethernet frame.
pub(super) const MAX_PACKET: usize = 2048;

/// What a datagram is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packet {
    /// RTP or SRTP from this synchronisation source.
    Rtp { source: u32 },
    /// RTCP or SRTCP from this synchronisation source.
    Rtcp { source: u32 },
    /// STUN, DTLS, keep-alives or malformed.
    Other,
}

/// RTCP packet types 192 to 223, as seen in the second byte (RFC 5761 section 4).
const RTCP_TYPES: std::ops::RangeInclusive<u8> = 192..=223;

impl Packet {
    /// Looks at the headers only.
    pub(super) fn of(datagram: &[u8]) -> Self {
        let [first, second, ..] = datagram else { return Self::Other };
        if first >> 6 != 2 || datagram.len() > MAX_PACKET {
            return Self::Other;
        }
        if RTCP_TYPES.contains(second) { rtcp(datagram) } else { rtp(datagram, *first) }.unwrap_or(Self::Other)
    }
}

/// The common header, the sender, and a first packet that fits. What follows it may be encrypted.
fn rtcp(datagram: &[u8]) -> Option<Packet> {
    let words = usize::from(u16_at(datagram, 2)?);
    let source = u32_at(datagram, 4)?;
    ((words + 1) * 4 <= datagram.len()).then_some(Packet::Rtcp { source })
}

/// The fixed header, contributing sources, header extension and padding must fit into the packet.
fn rtp(datagram: &[u8], first: u8) -> Option<Packet> {
    let source = u32_at(datagram, 8)?;
    let mut header = 12 + 4 * usize::from(first & 0x0f);
    if first & 0x10 != 0 {
        header += 4 + 4 * usize::from(u16_at(datagram, header + 2)?);
    }
    let payload = datagram.len().checked_sub(header)?;
    if first & 0x20 != 0 {
        let padding = usize::from(*datagram.last()?);
        if padding == 0 || padding > payload {
            return None;
        }
    }
    Some(Packet::Rtp { source })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|chunk| u16::from_be_bytes(*chunk))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|chunk| u32::from_be_bytes(*chunk))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rtp_with(first: u8, rest: &[u8]) -> Vec<u8> {
        let mut packet = vec![first, 0, 0, 1, 0, 0, 0, 160, 0xca, 0xfe, 0xba, 0xbe];
        packet.extend_from_slice(rest);
        packet
    }

    #[test]
    fn sound_is_recognised_with_every_kind_of_header() {
        let sound = Packet::Rtp { source: 0xcafe_babe };
        assert_eq!(Packet::of(&rtp_with(0x80, &[0; 160])), sound);
        assert_eq!(Packet::of(&rtp_with(0x80, &[])), sound);
        assert_eq!(Packet::of(&rtp_with(0x82, &[0; 8])), sound);
        assert_eq!(Packet::of(&rtp_with(0x90, &[0xbe, 0xde, 0, 1, 0, 0, 0, 0])), sound);
        assert_eq!(Packet::of(&rtp_with(0xa0, &[9, 9, 9, 3])), sound);
        assert_eq!(Packet::of(&rtp_with(0x80, &[0; MAX_PACKET - 12])), sound);
    }

    #[test]
    fn malformed_or_foreign_packets_are_not_sound() {
        for packet in [
            &b""[..],
            &[0x80],
            &rtp_with(0x00, &[0; 160]),
            &rtp_with(0x40, &[0; 160]),
            &rtp_with(0xc0, &[0; 160]),
            &rtp_with(0x80, &[])[..11],
            &rtp_with(0x82, &[0; 7]),
            &rtp_with(0x90, &[0xbe, 0xde, 0]),
            &rtp_with(0x90, &[0xbe, 0xde, 0, 2, 0, 0, 0, 0]),
            &rtp_with(0xa0, &[9, 9, 9, 5]),
            &rtp_with(0xa0, &[9, 9, 9, 0]),
            &rtp_with(0x80, &[0; MAX_PACKET - 11]),
            // A STUN binding request and the start of a DTLS ClientHello.
            &[0x00, 0x01, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0x16, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80],
        ] {
            assert_eq!(Packet::of(packet), Packet::Other, "{packet:02x?}");
        }
    }

    #[test]
    fn rtcp_needs_a_sender_and_a_length_that_fits() {
        let report = [0x80, 201, 0, 1, 1, 2, 3, 4];
        assert_eq!(Packet::of(&report), Packet::Rtcp { source: 0x0102_0304 });
        assert_eq!(Packet::of(&[0x80, 201, 0, 0]), Packet::Other);
        assert_eq!(Packet::of(&[0x80, 201, 0, 2, 1, 2, 3, 4]), Packet::Other);
        assert_eq!(Packet::of(&[0x40, 201, 0, 1, 1, 2, 3, 4]), Packet::Other);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Packet::of(&bytes);
        }
    }
}
