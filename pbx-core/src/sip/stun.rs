//! The keep-alive of RFC 5626 section 4.4.2: phones on UDP send a STUN binding request to the SIP port.
//!
//! Only that one question is answered (RFC 5389 section 7.3.1). Whatever wants more (credentials, ICE) is not ours.

use std::net::{IpAddr, SocketAddr};

use bytes::{BufMut as _, Bytes, BytesMut};

/// Marks STUN since RFC 5389; it also whitens the address in the answer.
const MAGIC_COOKIE: u32 = 0x2112_A442;
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
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
