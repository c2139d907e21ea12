//! The text of an Authorization header, read in place.

use std::borrow::Cow;

use crate::sip::scan::{split_once, split_outside_quotes};
use crate::sip::uri::unquoted;

/// The longest part of an answer that is hashed or looked up; real ones have at most 100 characters.
const MAX_PART: usize = 512;

/// The header names Digest but cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// What is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Qop {
    /// RFC 2069 style, without client nonce: good for one use of the nonce.
    None,
    Auth,
    /// Never offered, but some clients choose it; it proves more, so it is taken.
    AuthInt,
}

/// A digest answer with all the parts that its kind needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer<'a> {
    pub(super) username: Cow<'a, str>,
    pub(super) realm: Cow<'a, str>,
    pub(super) nonce: Cow<'a, str>,
    pub(super) uri: Cow<'a, str>,
    pub(super) response: Cow<'a, str>,
    pub(super) algorithm: Option<Cow<'a, str>>,
    pub(super) qop: Qop,
    /// As written: it is hashed as written. Empty without `qop`.
    pub(super) nc: Cow<'a, str>,
    pub(super) cnonce: Cow<'a, str>,
}

impl<'a> Answer<'a> {
    /// Reads a header value; `None` when its scheme is not Digest.
    pub(super) fn parse(value: &'a str) -> Result<Option<Self>, Malformed> {
        let Some((scheme, mut rest)) = value.trim_ascii_start().split_once([' ', '\t']) else {
            return Ok(None);
        };
        if !scheme.eq_ignore_ascii_case("Digest") {
            return Ok(None);
        }
        let [mut username, mut realm, mut nonce, mut uri, mut response, mut algorithm, mut qop, mut nc, mut cnonce] =
            [const { None::<Cow<'a, str>> }; 9];
        while !rest.is_empty() {
            let (piece, after) = split_outside_quotes(rest, b',');
            rest = after;
            let Some((name, value)) = split_once(piece, b'=') else {
                continue;
            };
            let slot = match name.trim_ascii() {
                name if name.eq_ignore_ascii_case("username") => &mut username,
                name if name.eq_ignore_ascii_case("realm") => &mut realm,
                name if name.eq_ignore_ascii_case("nonce") => &mut nonce,
                name if name.eq_ignore_ascii_case("uri") => &mut uri,
                name if name.eq_ignore_ascii_case("response") => &mut response,
                name if name.eq_ignore_ascii_case("algorithm") => &mut algorithm,
                name if name.eq_ignore_ascii_case("qop") => &mut qop,
                name if name.eq_ignore_ascii_case("nc") => &mut nc,
                name if name.eq_ignore_ascii_case("cnonce") => &mut cnonce,
                _ => continue,
            };
            let value = unquoted(value.trim_ascii());
            if value.len() > MAX_PART || value.starts_with('"') || slot.replace(value).is_some() {
                return Err(Malformed);
            }
        }
        let qop = match qop.as_deref() {
            None => Qop::None,
            Some(qop) if qop.eq_ignore_ascii_case("auth") => Qop::Auth,
            Some(qop) if qop.eq_ignore_ascii_case("auth-int") => Qop::AuthInt,
            Some(_) => return Err(Malformed),
        };
        let (nc, cnonce) = match (qop, nc, cnonce) {
            (Qop::None, _, _) => (Cow::Borrowed(""), Cow::Borrowed("")),
            (Qop::Auth | Qop::AuthInt, Some(nc), Some(cnonce)) if parse_count(&nc).is_some() => (nc, cnonce),
            (Qop::Auth | Qop::AuthInt, _, _) => return Err(Malformed),
        };
        match (username, realm, nonce, uri, response) {
            (Some(username), Some(realm), Some(nonce), Some(uri), Some(response)) => {
                Ok(Some(Self { username, realm, nonce, uri, response, algorithm, qop, nc, cnonce }))
            }
            _ => Err(Malformed),
        }
    }

    /// Which use of its nonce this is, from 1; `None` for the only one.
    pub(super) fn count(&self) -> Option<u32> {
        parse_count(&self.nc)
    }
}

/// Up to eight hexadecimal digits that are not all zero.
fn parse_count(nc: &str) -> Option<u32> {
    let digits = (1..=8).contains(&nc.len()) && nc.bytes().all(|byte| byte.is_ascii_hexdigit());
    if digits { u32::from_str_radix(nc, 16).ok().filter(|count| *count > 0) } else { None }
}
