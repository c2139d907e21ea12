//! What a phone says of itself in `User-Agent`. It may be made up, so it only ever makes an answer stricter.

use super::{Mac, Vendor};

/// A desk phone's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Who made it.
    pub vendor: Vendor,
    /// Its model as it spells it.
    pub model: String,
    /// Its address, where the firmware says it.
    pub mac: Option<Mac>,
}

/// Reads a `User-Agent`; `None` when no vendor of ours speaks.
///
/// Forms: `Yealink SIP-T31G 124.85.257.55 80:5e:…`, `… (compatible; snomD785-SIP 10.1.33.33 … 000413922D24 …)`,
/// `Grandstream Model HW GRP2614 SW 1.0.5.15 DevId c074…`, `Fanvil X6U Pro 0.0.10 0c38…`,
/// `FileTransport PolycomVVX-VVX_411-UA/5.9.…` (Wazo's plug-ins).
pub fn read(text: &str) -> Option<Told> {
    let mac = Mac::find(text);
    let (vendor, model) = if let Some(rest) = text.strip_prefix("Yealink ").or_else(|| text.strip_prefix("yealink ")) {
        let word = rest.split(' ').next()?;
        let word = if word == "SIP" { rest.split(' ').nth(1)? } else { word };
        (Vendor::Yealink, word.trim_start_matches("SIP-").trim_start_matches("VP-").to_owned())
    } else if let Some((_, rest)) = text.split_once("snom").filter(|(_, rest)| rest.contains("-SIP")) {
        (Vendor::Snom, rest.split("-SIP").next()?.to_owned())
    } else if let Some(rest) = text.strip_prefix("Grandstream Model HW ") {
        (Vendor::Grandstream, rest.split(' ').next()?.to_owned())
    } else if let Some(rest) = text.strip_prefix("Fanvil ") {
        let words: Vec<&str> = rest.split(' ').collect();
        let version = words.iter().position(|word| word.contains('.'))?;
        (Vendor::Fanvil, words.get(..version)?.join(" "))
    } else if let Some((_, rest)) = text.split_once("FileTransport Poly") {
        let (_, rest) = rest.split_once('-')?;
        (Vendor::Polycom, rest.split("-UA/").next()?.to_owned())
    } else {
        return None;
    };
    Some(Told { vendor, model, mac })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vendors_are_read_as_they_speak() {
        for (text, vendor, model, mac) in [
            ("Yealink SIP-T31G 124.85.257.55 80:5e:c0:d5:7d:72", Vendor::Yealink, "T31G", Some("805ec0d57d72")),
            ("Yealink W60B 77.83.0.10", Vendor::Yealink, "W60B", None),
            (
                "Mozilla/4.0 (compatible; snomD785-SIP 10.1.33.33 2010.12-00004 000413922D24 SXM:0 UXM:0)",
                Vendor::Snom,
                "D785",
                Some("000413922d24"),
            ),
            (
                "Grandstream Model HW GRP2614 V1.1A SW 1.0.5.15 DevId c074ad0b63ee",
                Vendor::Grandstream,
                "GRP2614",
                Some("c074ad0b63ee"),
            ),
            ("Fanvil X6U Pro 0.0.10 0c383e2cd782", Vendor::Fanvil, "X6U Pro", Some("0c383e2cd782")),
            ("FileTransport PolycomVVX-VVX_411-UA/5.9.0.9373 Type/Application", Vendor::Polycom, "VVX_411", None),
        ] {
            let told = read(text).unwrap();
            assert_eq!((told.vendor, told.model.as_str()), (vendor, model), "{text}");
            assert_eq!(told.mac.map(Mac::lower).as_deref(), mac, "{text}");
        }
    }

    #[test]
    fn browsers_and_scanners_are_no_phones() {
        for text in ["", "curl/8.5.0", "Mozilla/5.0 (X11; Linux x86_64)", "Yealink", "Fanvil ", "FileTransport Polycom"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
