//! The text that NethVoice's app scans: `USERNAME;TOKEN;FQDN`, here with the one-time token of a link.

/// The text; `None` when a part holds what separates them.
pub fn code(username: &str, token: &str, fqdn: &str) -> Option<String> {
    let odd = |part: &str| part.is_empty() || part.contains(|c: char| c == ';' || c.is_control() || c.is_whitespace());
    if [username, token, fqdn].into_iter().any(odd) {
        return None;
    }
    Some(format!("{username};{token};{fqdn}"))
}
