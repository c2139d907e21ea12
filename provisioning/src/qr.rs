//! A link as a QR code: an SVG that stands in a page as it is.

use std::fmt::Write as _;

use fast_qr::ECL;
use fast_qr::qr::{QRBuilder, QRCodeError};

/// ISO/IEC 18004 asks for four light modules around the code; scanners rely on them on dark pages.
const QUIET: usize = 4;

/// The QR code of `text` as SVG, dark on light in both colour schemes, with a title for screen readers.
///
/// Refused only for a text longer than a QR code holds, about 2300 characters.
pub fn svg(text: &str, title: &str) -> Result<String, QRCodeError> {
    let code = QRBuilder::new(text).ecl(ECL::M).build()?;
    let side = code.size + 2 * QUIET;
    let mut dark = String::new();
    for (y, row) in code.data.chunks(code.size).take(code.size).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|left, right| left.value() == right.value()) {
            if run.first().is_some_and(|module| module.value()) {
                let length = run.len();
                // Writing to a String cannot fail.
                let _ = write!(dark, "M{} {}h{length}v1h-{length}z", x + QUIET, y + QUIET);
            }
            x += run.len();
        }
    }
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-labelledby=\"qr-title\" class=\"qr\" \
         viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\"><title id=\"qr-title\">{}</title>\
         <path fill=\"#fff\" d=\"M0 0h{side}v{side}h-{side}z\"/><path fill=\"#000\" d=\"{dark}\"/></svg>",
        escaped(title)
    ))
}

fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, c| {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_has_a_quiet_zone_and_its_corner_marks() {
        let svg = svg("https://example.com/p/AA", "Code").unwrap();
        // 25 modules (version 2) and four light ones on each side; each corner mark is seven modules wide.
        assert!(svg.contains("viewBox=\"0 0 33 33\""), "{svg}");
        for corner in ["M4 4h7v1", "M22 4h7v1", "M4 22h7v1", "M4 28h7v1"] {
            assert!(svg.contains(corner), "{corner} in {svg}");
        }
        assert!(!svg.contains("M3 ") && !svg.contains("M29 "));
    }

    #[test]
    fn the_title_is_escaped() {
        let svg = svg("x", "<b> & \"101\"").unwrap();
        assert!(svg.contains("<title id=\"qr-title\">&lt;b&gt; &amp; &quot;101&quot;</title>"), "{svg}");
    }

    #[test]
    fn a_text_that_is_too_long_is_refused() {
        assert!(svg(&"x".repeat(4000), "Code").is_err());
    }
}
