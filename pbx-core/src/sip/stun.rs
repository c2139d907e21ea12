//! The keep-alive of RFC 5626 section 4.4.2: phones on UDP send a STUN binding request to the SIP port.
//!
//! Only that one question is answered (RFC 5389 section 7.3.1). Whatever wants more (credentials, ICE) is not ours. The same
//! question to a server outside tells which address this machine has there ([`request`], [`mapped_address`]).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::{BufMut as _, Bytes, BytesMut};

/// Marks STUN since RFC 5389; it also whitens the address in the answer.
const MAGIC_COOKIE: u32 = 0x2112_A442;
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
/// What servers older than RFC 5389 answer.
const MAPPED_ADDRESS: u16 = 0x0001;
/// Attributes from here on may be ignored by who does not know them (RFC 5389 section 15).
const FIRST_OPTIONAL: u16 = 0x8000;

/// The answer to a plain binding request; `None` for anything else. Safe to try on every datagram.
pub fn answer(datagram: &[u8], from: SocketAddr) -> Option<Bytes> {
    let (head, attributes) = datagram.split_first_chunk::<20>()?;
    let [type_high, type_low, len_high, len_low, cookie0, cookie1, cookie2, cookie3, transaction @ ..] = head;
    if u16::from_be_bytes([*type_high, *type_low]) != BINDING_REQUEST
        || usize::from(u16::from_be_bytes([*len_high, *len_low])) != attributes.len()
        || u32::from_be_bytes([*cookie0, *cookie1, *cookie2, *cookie3]) != MAGIC_COOKIE
        || !all_optional(attributes)
    {
        return None;
    }
    let ip = from.ip().to_canonical();
    let value_len: u16 = if ip.is_ipv4() { 8 } else { 20 };
    let mut out = BytesMut::with_capacity(44);
    out.put_u16(BINDING_SUCCESS);
    out.put_u16(4 + value_len);
    out.put_u32(MAGIC_COOKIE);
    out.put_slice(transaction);
    out.put_u16(XOR_MAPPED_ADDRESS);
    out.put_u16(value_len);
    let mask = MAGIC_COOKIE.to_be_bytes().into_iter().chain(transaction.iter().copied());
    let put_address = |out: &mut BytesMut, family: u16, octets: &[u8]| {
        out.put_u16(family);
        // The upper half of the cookie.
        out.put_u16(from.port() ^ 0x2112);
        out.extend(octets.iter().zip(mask).map(|(octet, mask)| octet ^ mask));
    };
    match ip {
        IpAddr::V4(ip) => put_address(&mut out, 1, &ip.octets()),
        IpAddr::V6(ip) => put_address(&mut out, 2, &ip.octets()),
    }
    Some(out.freeze())
}

/// A binding request (RFC 8489 section 5).
pub fn request(transaction: [u8; 12]) -> [u8; 20] {
    let mut out = [0; 20];
    out[..2].copy_from_slice(&BINDING_REQUEST.to_be_bytes());
    out[4..8].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
    out[8..].copy_from_slice(&transaction);
    out
}

/// The address in the answer to the request with this transaction id; `None` for anything else, also for answers to others.
pub fn mapped_address(datagram: &[u8], transaction: [u8; 12]) -> Option<SocketAddr> {
    let (head, mut attributes) = datagram.split_first_chunk::<20>()?;
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    if head[..2] != BINDING_SUCCESS.to_be_bytes()
        || length != attributes.len()
        || head[4..8] != MAGIC_COOKIE.to_be_bytes()
        || head[8..] != transaction
    {
        return None;
    }
    let mut plain = None;
    while let Some(([kind_high, kind_low, len_high, len_low], rest)) = attributes.split_first_chunk::<4>() {
        let len = usize::from(u16::from_be_bytes([*len_high, *len_low]));
        let value = rest.get(..len)?;
        match u16::from_be_bytes([*kind_high, *kind_low]) {
            XOR_MAPPED_ADDRESS => return address(value, &head[4..]),
            MAPPED_ADDRESS => plain = address(value, &[0; 16]),
            _ => {}
        }
        attributes = rest.get(len.next_multiple_of(4)..)?;
    }
    plain
}

/// The address in an attribute, with the mask that lies on it.
fn address(value: &[u8], mask: &[u8]) -> Option<SocketAddr> {
    let ([_, family, port_high, port_low], octets) = value.split_first_chunk::<4>()?;
    let (mask_high, mask_low) = (mask.first()?, mask.get(1)?);
    let port = u16::from_be_bytes([port_high ^ mask_high, port_low ^ mask_low]);
    let bare: Vec<u8> = octets.iter().zip(mask).map(|(octet, mask)| octet ^ mask).collect();
    let ip = match (family, octets.len()) {
        (1, 4) => IpAddr::from(Ipv4Addr::from(<[u8; 4]>::try_from(bare).ok()?)),
        (2, 16) => IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(bare).ok()?)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// Whether the attributes are well-formed and none must be understood.
fn all_optional(mut attributes: &[u8]) -> bool {
    while let Some(([kind_high, kind_low, len_high, len_low], rest)) = attributes.split_first_chunk::<4>() {
        let padded = usize::from(u16::from_be_bytes([*len_high, *len_low])).next_multiple_of(4);
        match rest.get(padded..) {
            Some(after) if u16::from_be_bytes([*kind_high, *kind_low]) >= FIRST_OPTIONAL => attributes = after,
            Some(_) | None => return false,
        }
    }
    attributes.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A binding request with transaction id 1 to 12 and the given attribute bytes.
    fn request(attributes: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 1, 0, u8::try_from(attributes.len()).unwrap(), 0x21, 0x12, 0xA4, 0x42];
        bytes.extend(1..=12);
        bytes.extend(attributes);
        bytes
    }

    #[test]
    fn a_request_of_ours_is_understood_and_its_answer_read() {
        let transaction = [9; 12];
        for from in ["192.0.2.1:32853", "[2001:db8::1]:1"] {
            let from: SocketAddr = from.parse().unwrap();
            let answer = answer(&super::request(transaction), from).unwrap();
            assert_eq!(mapped_address(&answer, transaction), Some(from));
            assert_eq!(mapped_address(&answer, [8; 12]), None, "an answer to somebody else");
            assert_eq!(mapped_address(&answer[..answer.len() - 1], transaction), None);
        }
        assert_eq!(mapped_address(&super::request(transaction), transaction), None, "a question");
    }

    #[test]
    fn the_answer_of_rfc_5769_is_read_past_what_is_not_asked_for() {
        // Section 2.2: SOFTWARE, XOR-MAPPED-ADDRESS, MESSAGE-INTEGRITY, FINGERPRINT.
        let mut bytes = vec![1, 1, 0, 0x3c, 0x21, 0x12, 0xa4, 0x42];
        let transaction = [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];
        bytes.extend(transaction);
        bytes.extend([0x80, 0x22, 0, 0x0b]);
        bytes.extend(b"test vector ");
        bytes.extend([0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
        bytes.extend([0, 8, 0, 0x14]);
        bytes.extend([0; 20]);
        bytes.extend([0x80, 0x28, 0, 4, 0xc0, 0x7d, 0x4c, 0x96]);
        assert_eq!(mapped_address(&bytes, transaction), Some("192.0.2.1:32853".parse().unwrap()));
        let mut old = vec![1, 1, 0, 12, 0x21, 0x12, 0xA4, 0x42];
        old.extend(transaction);
        old.extend([0, 1, 0, 8, 0, 1, 0, 9, 192, 0, 2, 1]);
        assert_eq!(mapped_address(&old, transaction), Some("192.0.2.1:9".parse().unwrap()), "an old server");
    }

    #[test]
    fn a_binding_request_is_told_its_own_address() {
        let answer = answer(&request(&[]), "192.0.2.1:32853".parse().unwrap()).unwrap();
        let mut expected = vec![1, 1, 0, 12, 0x21, 0x12, 0xA4, 0x42];
        expected.extend(1..=12);
        // The address of RFC 5769 section 2.2.
        expected.extend([0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
        assert_eq!(answer, expected);
    }

    #[test]
    fn an_ipv6_address_is_whitened_with_the_transaction_too() {
        let answer = answer(&request(&[]), "[2001:db8::1]:1".parse().unwrap()).unwrap();
        assert_eq!(answer.len(), 44);
        assert_eq!(answer[24..28], [0, 2, 0x21, 0x13]);
        assert_eq!(answer[28..32], [0x20 ^ 0x21, 0x01 ^ 0x12, 0x0d ^ 0xa4, 0xb8 ^ 0x42]);
        assert_eq!(answer[43], 1 ^ 12);
    }

    #[test]
    fn a_mapped_ipv4_address_is_told_as_ipv4() {
        let mapped = answer(&request(&[]), "[::ffff:192.0.2.1]:9".parse().unwrap());
        assert_eq!(mapped, answer(&request(&[]), "192.0.2.1:9".parse().unwrap()));
    }

    #[test]
    fn optional_attributes_do_not_matter_and_required_ones_silence_us() {
        let from = "192.0.2.1:9".parse().unwrap();
        let software = [0x80, 0x22, 0, 3, b'a', b'b', b'c', 0];
        let username = [0, 6, 0, 4, b'u', b's', b'e', b'r'];
        assert!(answer(&request(&software), from).is_some());
        assert_eq!(answer(&request(&username), from), None);
        assert_eq!(answer(&request(&software[..7]), from), None);
    }

    #[test]
    fn nothing_else_is_answered() {
        let from = "192.0.2.1:9".parse().unwrap();
        for change in [0, 1, 2, 3, 4, 5, 6, 7] {
            let mut bytes = request(&[]);
            bytes[change] ^= 0x10;
            assert_eq!(answer(&bytes, from), None, "byte {change} changed");
        }
        assert_eq!(answer(b"OPTIONS sip:pbx SIP/2.0\r\n\r\n", from), None);
        assert_eq!(answer(&request(&[])[..19], from), None);
        assert_eq!(answer(b"", from), None);
    }
}
