//! A MAC address: printed on the box, guessable, the same for everybody. It names a phone and proves nothing.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{DeskPhoneError, Vendor};

/// The address of one phone's network card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mac([u8; 6]);

/// The first three octets that the vendors use (Tancredi's and Wazo's tables; some newer ones of Grandstream and Poly).
const OUIS: [(Vendor, &[&str]); 5] = [
    (
        Vendor::Yealink,
        &["001565", "249ad8", "44dbd2", "805e0c", "805ec0", "c4fc22", "644f56", "b061a9", "ec1da9", "f01653"],
    ),
    (Vendor::Snom, &["000413"]),
    (Vendor::Grandstream, &["000b82", "c074ad", "ec74d7"]),
    (Vendor::Fanvil, &["0c383e", "00a859", "00a85a"]),
    (Vendor::Polycom, &["0004f2", "64167f", "482567"]),
];

impl Mac {
    /// Twelve digits in lower case, as Yealink, Grandstream, Fanvil and Poly ask for their files.
    pub fn lower(self) -> String {
        self.0.iter().map(|octet| format!("{octet:02x}")).collect()
    }

    /// Twelve digits in upper case, as Snom does.
    pub fn upper(self) -> String {
        self.lower().to_ascii_uppercase()
    }

    /// The vendor to whom the first three octets belong, if it is one of ours.
    pub fn vendor(self) -> Option<Vendor> {
        let digits = self.lower();
        let known = |ouis: &[&str]| ouis.iter().any(|oui| digits.starts_with(oui));
        OUIS.iter().find(|(_, ouis)| known(ouis)).map(|(vendor, _)| *vendor)
    }

    /// The first address that stands in a file name or User-Agent, with or without separators. Numbers of models are none:
    /// `y000000000066.cfg` is for all T46S.
    pub fn find(text: &str) -> Option<Self> {
        let words = text.split(|c: char| !c.is_ascii_hexdigit() && c != ':' && c != '-');
        words.into_iter().find_map(|word| {
            // `snomD785-000413922D24` has more before it, `0004f2abcdef-directory` has more behind it.
            let parts: Vec<&str> = word.split([':', '-']).collect();
            let whole = parts.iter().filter(|part| part.len() == 12).find_map(|part| part.parse().ok());
            let pairs = parts.len().checked_sub(6).and_then(|from| parts.get(from..));
            let pairs = pairs.filter(|pairs| pairs.iter().all(|pair| pair.len() == 2));
            let found: Option<Self> = whole.or_else(|| pairs.and_then(|pairs| pairs.concat().parse().ok()));
            found.filter(|mac| !matches!(mac.0, [0, 0, 0, ..]))
        })
    }
}

impl FromStr for Mac {
    type Err = DeskPhoneError;

    fn from_str(text: &str) -> Result<Self, DeskPhoneError> {
        let refused = || DeskPhoneError::Mac(text.chars().take(40).collect());
        let digits: String = text.trim().chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
        if digits.len() != 12 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(refused());
        }
        let mut octets = [0u8; 6];
        for (octet, pair) in octets.iter_mut().zip(digits.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| refused())?;
            *octet = u8::from_str_radix(pair, 16).map_err(|_| refused())?;
        }
        // Group addresses and the empty one belong to no phone.
        if octets[0] & 1 == 1 || octets == [0; 6] {
            return Err(refused());
        }
        Ok(Self(octets))
    }
}

impl TryFrom<String> for Mac {
    type Error = DeskPhoneError;

    fn try_from(text: String) -> Result<Self, DeskPhoneError> {
        text.parse()
    }
}

impl From<Mac> for String {
    fn from(mac: Mac) -> Self {
        mac.to_string()
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<String> = self.0.iter().map(|octet| format!("{octet:02x}")).collect();
        f.write_str(&pairs.join(":"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_the_same_phone() {
        let mac: Mac = "805ec0d57d72".parse().unwrap();
        for text in ["80:5e:c0:d5:7d:72", "80-5E-C0-D5-7D-72", "805E.C0D5.7D72", " 805EC0D57D72 "] {
            assert_eq!(text.parse::<Mac>().unwrap(), mac, "{text}");
        }
        assert_eq!(
            (mac.lower().as_str(), mac.upper().as_str(), mac.to_string().as_str()),
            ("805ec0d57d72", "805EC0D57D72", "80:5e:c0:d5:7d:72")
        );
    }

    #[test]
    fn what_is_no_phone_is_refused() {
        for text in ["", "805ec0d57d7", "805ec0d57d722", "805ec0d57dxx", "000000000000", "ffffffffffff", "../../etc/pw"]
        {
            assert!(text.parse::<Mac>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_known_oui_names_its_vendor() {
        for (vendor, ouis) in OUIS {
            for oui in ouis {
                assert_eq!(format!("{oui}123456").parse::<Mac>().unwrap().vendor(), Some(vendor), "{oui}");
            }
        }
        assert_eq!("02a85a123456".parse::<Mac>().unwrap().vendor(), None);
    }

    #[test]
    fn an_address_is_found_in_file_names_and_user_agents() {
        for (text, digits) in [
            ("805ec0d57d72.cfg", "805ec0d57d72"),
            ("snomD785-000413922D24.htm", "000413922d24"),
            ("cfgc074ad0b63ee.xml", "c074ad0b63ee"),
            ("Yealink SIP-T31G 124.85.257.55 80:5e:c0:d5:7d:72", "805ec0d57d72"),
            ("Mitel6940 MAC:14-00-E9-29-4C-6B V:6.4.0.4006-SIP", "1400e9294c6b"),
            ("0004f2abcdef-directory.xml", "0004f2abcdef"),
            ("644f56123456-contact.xml", "644f56123456"),
            ("b061a9123456-calllog.xml", "b061a9123456"),
        ] {
            assert_eq!(Mac::find(text).map(Mac::lower).as_deref(), Some(digits), "{text}");
        }
        assert_eq!(Mac::find("y000000000000.boot"), None);
        assert_eq!(Mac::find("000000000000-directory.xml"), None);
        assert_eq!(Mac::find("y000000000066.cfg"), None);
        assert_eq!(Mac::find("snom-firmware.xml"), None);
    }
}
