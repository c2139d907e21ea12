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

/// `text` as a PNG file with `module` pixels for each module, quiet zone included; `None` for a text that is too long.
#[cfg(feature = "web")]
pub fn png(text: &str, module: u32) -> Option<Vec<u8>> {
    let code = QRBuilder::new(text).ecl(ECL::M).build().ok()?;
    let side = code.size + 2 * QUIET;
    let scale = usize::try_from(module).ok()?;
    let mut pixels = Vec::with_capacity(side * side * scale * scale);
    for y in 0..side * scale {
        for x in 0..side * scale {
            let dark = |at: usize| (at / scale).checked_sub(QUIET).filter(|at| *at < code.size);
            let is_dark = dark(y).zip(dark(x)).and_then(|(row, column)| code.data.get(row * code.size + column));
            pixels.push(if is_dark.is_some_and(|module| module.value()) { 0 } else { 255 });
        }
    }
    let width = u32::try_from(side * scale).ok()?;
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, width);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(&pixels).ok()?;
    writer.finish().ok()?;
    Some(file)
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
