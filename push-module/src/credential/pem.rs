//! Reads a PEM frame as people paste it: with a byte order mark, with CRLF, on one line, with `\n` spelled out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// One PEM frame.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    /// What stands after BEGIN, for example `PRIVATE KEY`.
    pub(super) label: &'a str,
    /// What stands between the two lines.
    pub(super) body: &'a str,
    /// Whether the END line is there.
    pub(super) complete: bool,
}

/// The first frame of `text`.
pub(super) fn first(text: &str) -> Option<Frame<'_>> {
    let (_, rest) = text.split_once(BEGIN)?;
    let (label, rest) = rest.split_once(DASHES)?;
    let label = label.trim();
    let end = format!("-----END {label}-----");
    Some(match rest.split_once(end.as_str()) {
        Some((body, _)) => Frame { label, body, complete: true },
        None => Frame { label, body: rest, complete: false },
    })
}

/// Every frame of `text`, in order.
pub(super) fn all(text: &str) -> impl Iterator<Item = Frame<'_>> {
    let mut starts = text.match_indices(BEGIN).map(|(at, _)| at);
    std::iter::from_fn(move || starts.next().and_then(|at| text.get(at..)).and_then(first))
}

/// The bytes of a frame; `None` when it is cut or is no Base64.
pub(super) fn decode(frame: &Frame<'_>) -> Option<Zeroizing<Vec<u8>>> {
    if !frame.complete {
        return None;
    }
    let spelled_out = frame.body.replace("\\r", "").replace("\\n", "");
    let text: Zeroizing<String> = Zeroizing::new(spelled_out.chars().filter(|c| !c.is_whitespace()).collect());
    STANDARD.decode(text.as_bytes()).ok().map(Zeroizing::new)
}
