//! Why there is no certificate, in words: what an authority says is for programs, what stands here is for whoever runs an office.

use std::time::Duration;

use instant_acme::Error;
use pbx_core::model::UnixMillis;
use pbx_core::store::StoreError;
use serde::{Deserialize, Serialize};

use super::client::LastAnswer;
use super::schedule::Trouble;
use super::setting::{Setting, Validation};

/// The part of an authority's words that is shown.
const WORDS_CHARS: usize = 300;
/// What RFC 8555 section 6.7 puts before its kinds of errors.
const KINDS: &str = "urn:ietf:params:acme:error:";

/// Why the last order came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = AcmeProblem)]
pub(crate) struct Problem {
    /// Stable.
    pub(crate) code: String,
    /// The cause.
    pub(crate) text: String,
    /// What to do.
    pub(crate) fix: String,
    /// When it was.
    pub(crate) at: UnixMillis,
}

/// An order that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failed {
    pub(crate) trouble: Trouble,
    pub(crate) code: &'static str,
    pub(crate) text: String,
    pub(crate) fix: String,
}

impl Failed {
    pub(crate) fn new(trouble: Trouble, code: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { trouble, code, text: text.into(), fix: fix.into() }
    }

    pub(crate) fn at(&self, at: UnixMillis) -> Problem {
        Problem { code: self.code.to_owned(), text: self.text.clone(), fix: self.fix.clone(), at }
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        let fix = "Look at the disk of this machine; it is tried again by itself.";
        Self::new(Trouble::Here, "acme_not_saved", format!("the database did not take it: {error}"), fix)
    }
}

/// One line of somebody else's words, without control characters.
pub(crate) fn said(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WORDS_CHARS).collect();
    line.trim().trim_end_matches('.').to_owned()
}

/// Who is asked, as pages name it.
pub(crate) fn authority(setting: &Setting) -> String {
    let host = setting.directory.split("://").nth(1).unwrap_or_default().split('/').next().unwrap_or_default();
    if host.ends_with("api.letsencrypt.org") { "Let's Encrypt".to_owned() } else { host.to_owned() }
}

/// What an error of the protocol means; `last` is what the authority answered last.
pub(super) fn of(error: &Error, last: &LastAnswer, setting: &Setting, host: &str) -> Failed {
    let who = authority(setting);
    match error {
        Error::Api(problem) => {
            let detail = problem.detail.as_deref().unwrap_or_default();
            let part = problem.subproblems.iter().find_map(|part| part.detail.as_deref());
            let kind = problem.r#type.as_deref().unwrap_or_default();
            let kind = kind.strip_prefix(KINDS).unwrap_or(kind);
            let detail = part.filter(|_| kind == "compound" || detail.is_empty()).unwrap_or(detail);
            of_kind(kind, &said(detail), last.retry_after, (setting, host))
        }
        Error::Timeout(_) => Failed::new(
            Trouble::Unreachable,
            "acme_slow",
            format!("{who} has not finished in time"),
            "Nothing is to be done: it is asked again by itself, and the order goes on where it was.",
        ),
        Error::Unsupported(what) => Failed::new(
            Trouble::NeedsAdmin,
            "acme_unsupported",
            format!("{who} does not offer what is wanted ({what})"),
            "Choose other settings, or another authority.",
        ),
        Error::Crypto | Error::KeyRejected => Failed::new(
            Trouble::Here,
            "acme_key",
            "the key of our account cannot be used",
            "Switch the automatic certificate off and on again: another account is made.",
        ),
        Error::Http(_) | Error::InvalidUri(_) | Error::Json(_) | Error::Other(_) | Error::Str(_) | _ => {
            unanswered(error, last, &who)
        }
    }
}

/// No answer, or one that is not of the protocol.
fn unanswered(error: &Error, last: &LastAnswer, who: &str) -> Failed {
    if let Some(why) = &last.unreachable {
        return Failed::new(
            Trouble::Unreachable,
            "acme_unreachable",
            format!("{who} cannot be reached: {why}"),
            "Let this machine reach the authority (TCP port 443 outwards, or the web proxy); it is tried again by itself.",
        );
    }
    match last.status {
        Some(429) => rate_limited(who, "", last.retry_after),
        Some(status @ 500..) => Failed::new(
            last.retry_after.map_or(Trouble::Unreachable, |after| Trouble::RateLimited(Some(after))),
            "acme_authority_ill",
            format!("{who} has a problem of its own (HTTP {status})"),
            "Nothing is to be done: it is asked again by itself.",
        ),
        Some(status @ 400..) => Failed::new(
            Trouble::NeedsAdmin,
            "acme_no_directory",
            format!("{who} does not answer as a certificate authority (HTTP {status})"),
            "Compare the address of the directory with the authority's documentation.",
        ),
        Some(_) | None => Failed::new(
            Trouble::NeedsAdmin,
            "acme_no_directory",
            format!("{who} does not answer as a certificate authority ({})", said(&error.to_string())),
            "Compare the address of the directory with the authority's documentation.",
        ),
    }
}

fn rate_limited(who: &str, detail: &str, after: Option<Duration>) -> Failed {
    let says = if detail.is_empty() { String::new() } else { format!(": {detail}") };
    Failed::new(
        Trouble::RateLimited(after),
        "acme_rate_limited",
        format!("{who} was asked too often{says}"),
        "Nothing is to be done: it is asked again when it allows. Asking by hand would not help.",
    )
}

/// A failure with what the authority says of it.
fn with_words(detail: &str, (trouble, code): (Trouble, &'static str), text: String, fix: String) -> Failed {
    let says = if detail.is_empty() { String::new() } else { format!(" It says: {detail}") };
    Failed::new(trouble, code, format!("{text}.{says}"), fix)
}

/// What came of the authority's question whether the name leads here.
fn of_validation(kind: &str, detail: &str, (setting, host): (&Setting, &str)) -> Option<Failed> {
    let (who, port) = (authority(setting), setting.validation.public_port());
    let failed = |trouble, code, text, fix| with_words(detail, (trouble, code), text, fix);
    Some(match kind {
        "connection" => failed(
            Trouble::Validation,
            "acme_not_reached",
            format!("{who} could not reach {host} at port {port}"),
            format!(
                "Forward port {port} of the router to port {} of this machine and let it in at the firewall, also for IPv6 if {host} has an AAAA record.",
                setting.port
            ),
        ),
        "dns" => failed(
            Trouble::Validation,
            "acme_name_unknown",
            format!("{who} does not find {host} in the name service"),
            "Add an A record (and AAAA, if you have IPv6) for it where your domain is kept, with your public address."
                .to_owned(),
        ),
        "unauthorized" | "incorrectResponse" => failed(
            Trouble::Validation,
            "acme_somebody_else",
            format!("another server than this one answered {who} at {host}, port {port}"),
            format!(
                "Correct the record of {host} or the forwarding of port {port}, so that the question arrives here at port {}.",
                setting.port
            ),
        ),
        "tls" => failed(
            Trouble::Validation,
            "acme_somebody_else",
            format!("{who} met another TLS server than this one at {host}, port {port}"),
            match setting.validation {
                Validation::Tls => format!(
                    "Forward port 443 to port {} of this machine without anything in between that ends TLS.",
                    setting.port
                ),
                Validation::Http => "Remove the redirection to HTTPS in front of this machine.".to_owned(),
            },
        ),
        _ => return None,
    })
}

/// What the authority does not do as it was asked.
fn of_wish(kind: &str, detail: &str, (setting, host): (&Setting, &str)) -> Option<Failed> {
    let who = authority(setting);
    let failed = |trouble, code, text, fix| with_words(detail, (trouble, code), text, fix);
    Some(match kind {
        "caa" => failed(
            Trouble::NeedsAdmin,
            "acme_caa",
            format!("the domain of {host} allows other authorities only (CAA record)"),
            format!("Add a CAA record for {who} where your domain is kept, or choose the authority that it names."),
        ),
        "rejectedIdentifier" | "unsupportedIdentifier" => failed(
            Trouble::NeedsAdmin,
            "acme_name_refused",
            format!("{who} does not sign the name {host}"),
            "Set public_host in config.toml to a name in a domain of yours, or choose another authority.".to_owned(),
        ),
        "externalAccountRequired" => failed(
            Trouble::NeedsAdmin,
            "acme_external_account",
            format!("{who} wants an external account"),
            "Make one on the authority's page and enter its name (key id) and key here.".to_owned(),
        ),
        "userActionRequired" => failed(
            Trouble::NeedsAdmin,
            "acme_terms",
            format!("{who} has new terms"),
            "Read them where the authority says, then save these settings again.".to_owned(),
        ),
        "invalidContact" | "unsupportedContact" => failed(
            Trouble::NeedsAdmin,
            "acme_contact",
            format!("{who} does not take the mail address {}", setting.contact),
            "Enter another one, or none.".to_owned(),
        ),
        "invalidProfile" => failed(
            Trouble::NeedsAdmin,
            "acme_profile",
            format!("{who} has no profile {}", setting.profile),
            "Enter one of the authority's list, or none.".to_owned(),
        ),
        _ => return None,
    })
}

/// One kind of RFC 8555 section 6.7.
fn of_kind(kind: &str, detail: &str, after: Option<Duration>, (setting, host): (&Setting, &str)) -> Failed {
    let who = authority(setting);
    let failed = |trouble, code, text, fix| with_words(detail, (trouble, code), text, fix);
    if let Some(failed) =
        of_validation(kind, detail, (setting, host)).or_else(|| of_wish(kind, detail, (setting, host)))
    {
        return failed;
    }
    match kind {
        "rateLimited" => rate_limited(&who, detail, after),
        "accountDoesNotExist" => failed(
            Trouble::Refused,
            "acme_account",
            format!("{who} does not know our account any more"),
            "Nothing is to be done: another one is made by itself.".to_owned(),
        ),
        "serverInternal" => failed(
            Trouble::Unreachable,
            "acme_authority_ill",
            format!("{who} has a problem of its own"),
            "Nothing is to be done: it is asked again by itself.".to_owned(),
        ),
        other => failed(
            Trouble::Refused,
            "acme_refused",
            format!("{who} refuses ({})", if other.is_empty() { "without a reason" } else { other }),
            "If it stays so, compare the settings with the authority's documentation.".to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acme::setting::NewSetting;

    fn setting() -> Setting {
        let new = NewSetting { agree_to_terms: true, port: Some(8080), ..NewSetting::default() };
        new.checked(("pbx.example.com", 8443), None, UnixMillis(0)).unwrap().0
    }

    fn failed(kind: &str, detail: &str) -> Failed {
        let problem: instant_acme::Problem =
            serde_json::from_value(serde_json::json!({ "type": format!("{KINDS}{kind}"), "detail": detail })).unwrap();
        of(&Error::Api(problem), &LastAnswer::default(), &setting(), "pbx.example.com")
    }

    #[test]
    fn what_an_authority_refuses_is_said_with_the_fix() {
        let reached = failed("connection", "Timeout during connect (likely firewall problem)");
        assert_eq!((reached.code, reached.trouble), ("acme_not_reached", Trouble::Validation));
        assert!(reached.text.contains("Let's Encrypt could not reach pbx.example.com at port 80"), "{}", reached.text);
        assert!(reached.text.contains("likely firewall") && reached.fix.contains("to port 8080 of this machine"));
        for (kind, code, trouble) in [
            ("dns", "acme_name_unknown", Trouble::Validation),
            ("unauthorized", "acme_somebody_else", Trouble::Validation),
            ("caa", "acme_caa", Trouble::NeedsAdmin),
            ("externalAccountRequired", "acme_external_account", Trouble::NeedsAdmin),
            ("rateLimited", "acme_rate_limited", Trouble::RateLimited(None)),
            ("somethingOfTomorrow", "acme_refused", Trouble::Refused),
        ] {
            let failed = failed(kind, "words");
            assert_eq!((failed.code, failed.trouble), (code, trouble));
            assert!(!failed.fix.is_empty());
        }
    }

    #[test]
    fn silence_and_strange_answers_are_told_apart() {
        let told = |last: LastAnswer| of(&Error::Str("x"), &last, &setting(), "pbx.example.com");
        let silent = told(LastAnswer { unreachable: Some("no answer".into()), ..LastAnswer::default() });
        assert_eq!((silent.code, silent.trouble), ("acme_unreachable", Trouble::Unreachable));
        let ill = told(LastAnswer { status: Some(503), retry_after: Some(Duration::from_secs(9)), unreachable: None });
        assert_eq!(ill.trouble, Trouble::RateLimited(Some(Duration::from_secs(9))));
        let busy = told(LastAnswer { status: Some(429), ..LastAnswer::default() });
        assert_eq!(busy.code, "acme_rate_limited");
        let other = told(LastAnswer { status: Some(404), ..LastAnswer::default() });
        assert_eq!((other.code, other.trouble), ("acme_no_directory", Trouble::NeedsAdmin));
    }

    #[test]
    fn somebody_elses_words_are_one_short_line() {
        assert_eq!(said("a\nb\u{7f}c."), "a b c");
        assert_eq!(said(&"x".repeat(9000)).len(), WORDS_CHARS);
    }
}
