//! `/settings`: everything that can be changed live, each with what it does.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use pbx_core::model::{AddressError, EarlyRinging, PortRange, Settings};

use super::{Page, go};
use crate::adding::settings;
use crate::api::settings::save as save_settings;
use crate::error::{Refusal, render};
use crate::form::{Errors, Input};
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;

/// What was typed, by field name.
type Typed = BTreeMap<String, String>;

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    layout: Layout,
    problem: String,
    groups: Vec<Group>,
}

struct Group {
    title: &'static str,
    inputs: Vec<Input>,
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame) -> Page {
    let typed = typed(&settings(&state).await?);
    Ok(render(&SettingsPage {
        layout: frame.layout("Settings", Menu::Settings),
        problem: String::new(),
        groups: groups(&typed, &Errors::default()),
    }))
}

pub(crate) async fn save(State(state): State<AdminState>, frame: Frame, Form(typed): Form<Typed>) -> Page {
    let mut errors = Errors::default();
    if let Some(changed) = parsed(&typed, &mut errors) {
        match save_settings(&state, changed).await {
            Ok(()) => return go("/settings?done=saved"),
            Err(refusal) => {
                // The two ports and the three registration times are checked together; the error stands at the first.
                let field = match refusal.field.as_deref() {
                    Some("rtp_ports") => Some("rtp_first".to_owned()),
                    other => other.map(str::to_owned),
                };
                // The field's name is beside the text already.
                let named = refusal.field.as_ref().and_then(|name| refusal.detail.strip_prefix(&format!("{name}: ")));
                let detail = named.unwrap_or(&refusal.detail).to_owned();
                errors.take(Refusal { field, detail, ..refusal })?;
            }
        }
    }
    let page = SettingsPage {
        layout: frame.layout("Settings", Menu::Settings),
        problem: errors.of(""),
        groups: groups(&typed, &errors),
    };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)).into_response())
}

fn typed(settings: &Settings) -> Typed {
    let early = match settings.early_ringing {
        EarlyRinging::WhenPushAccepted => "when_push_accepted",
        EarlyRinging::WhenPhoneRings => "when_phone_rings",
    };
    let mut typed: Typed = [
        ("realm", settings.realm.clone()),
        ("devices_per_extension", settings.devices_per_extension.to_string()),
        ("early_ringing", early.to_owned()),
        ("ring_seconds", settings.ring_seconds.to_string()),
        ("grace_ms", settings.grace_ms.to_string()),
        ("probe_udp_seconds", settings.probe_udp_seconds.to_string()),
        ("token_unseen_days", settings.token_unseen_days.to_string()),
        ("rtp_first", settings.rtp_ports.first.to_string()),
        ("rtp_last", settings.rtp_ports.last.to_string()),
        ("rtp_silence_seconds", settings.rtp_silence_seconds.to_string()),
        ("min_expires", settings.min_expires.to_string()),
        ("max_expires", settings.max_expires.to_string()),
        ("default_expires", settings.default_expires.to_string()),
        ("block_after_failures", settings.block_after_failures.to_string()),
        ("block_minutes", settings.block_minutes.to_string()),
        ("strangers_per_second", settings.strangers_per_second.to_string()),
        ("never_block", settings.never_block.iter().map(|range| format!("{range}\n")).collect()),
        ("scanner_names", settings.scanner_names.iter().map(|name| format!("{name}\n")).collect()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    if settings.allow_md5 {
        typed.insert("allow_md5".into(), "on".into());
    }
    typed
}

/// The settings that were typed; `None` when a field is no number, with the error beside it.
fn parsed(typed: &Typed, errors: &mut Errors) -> Option<Settings> {
    let text = |field: &str| typed.get(field).map_or("", |text| text.trim());
    let mut number = |field: &str| {
        let parsed = text(field).parse::<u32>().ok();
        if parsed.is_none() {
            errors.put(field, "give a whole number");
        }
        parsed.unwrap_or(0)
    };
    let (ring, grace, silence) = (number("ring_seconds"), number("grace_ms"), number("rtp_silence_seconds"));
    let (probe_udp_seconds, unseen) = (number("probe_udp_seconds"), number("token_unseen_days"));
    let (first, last) = (number("rtp_first"), number("rtp_last"));
    let (min, default, max) = (number("min_expires"), number("default_expires"), number("max_expires"));
    let devices = number("devices_per_extension");
    let (failures, minutes, strangers) =
        (number("block_after_failures"), number("block_minutes"), number("strangers_per_second"));
    let mut small = |field: &str, value: u32| {
        u16::try_from(value).unwrap_or_else(|_| {
            errors.put(field, "give a number up to 65535");
            0
        })
    };
    let rtp_ports = PortRange { first: small("rtp_first", first), last: small("rtp_last", last) };
    let (ring_seconds, devices_per_extension) = (small("ring_seconds", ring), small("devices_per_extension", devices));
    let (block_after_failures, block_minutes) =
        (small("block_after_failures", failures), small("block_minutes", minutes));
    let strangers_per_second = small("strangers_per_second", strangers);
    let token_unseen_days = small("token_unseen_days", unseen);
    let lines = |field: &str| -> Vec<String> {
        text(field).lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
    };
    let ranges: Result<Vec<_>, AddressError> = lines("never_block").iter().map(|line| line.parse()).collect();
    let never_block = ranges.unwrap_or_else(|wrong| {
        errors.put("never_block", wrong.to_string());
        Vec::new()
    });
    let early_ringing = match text("early_ringing") {
        "when_push_accepted" => EarlyRinging::WhenPushAccepted,
        "when_phone_rings" => EarlyRinging::WhenPhoneRings,
        _ => {
            errors.put("early_ringing", "choose one of the two");
            EarlyRinging::WhenPushAccepted
        }
    };
    errors.is_empty().then(|| Settings {
        realm: text("realm").to_owned(),
        devices_per_extension,
        early_ringing,
        ring_seconds,
        grace_ms: grace,
        probe_udp_seconds,
        token_unseen_days,
        rtp_ports,
        rtp_silence_seconds: silence,
        min_expires: min,
        max_expires: max,
        default_expires: default,
        allow_md5: text("allow_md5") == "on",
        block_after_failures,
        block_minutes,
        never_block,
        scanner_names: lines("scanner_names"),
        strangers_per_second,
    })
}

fn groups(typed: &Typed, errors: &Errors) -> Vec<Group> {
    let value = |name: &str| typed.get(name).cloned().unwrap_or_default();
    let text = |name, label, hint: &str| Input::new(name, label, value(name), errors).hint(hint);
    let number =
        |name, label, hint: &str| text(name, label, hint).kind("number").more("inputmode=numeric min=0 step=1");
    vec![
        ringing(typed, errors),
        Group {
            title: "Push tokens",
            inputs: vec![number(
                "token_unseen_days",
                "Unseen after (days)",
                "Tokens of phones that gave no sign for so long are listed under Push, Tokens. None is forgotten by itself. 1 to 3650.",
            )],
        },
        Group {
            title: "Sound",
            inputs: vec![
                number(
                    "rtp_first",
                    "First UDP port",
                    "Open this range in the firewall: UDP, from outside to this machine.",
                ),
                number("rtp_last", "Last UDP port", "A call needs four ports. A change holds for new calls."),
                number(
                    "rtp_silence_seconds",
                    "End a silent call after (seconds)",
                    "When no sound packet comes from either side. 10 to 3600.",
                ),
            ],
        },
        Group {
            title: "Registration",
            inputs: vec![
                number("min_expires", "Shortest (seconds)", "A phone that asks for less is told to ask for this."),
                number("default_expires", "Usual (seconds)", "Granted when the phone does not say."),
                number("max_expires", "Longest (seconds)", "At most 31 days."),
            ],
        },
        Group {
            title: "Sign-in of phones",
            inputs: vec![
                text(
                    "realm",
                    "Realm",
                    "Part of every stored account digest, so it can only be changed while there are no extensions.",
                )
                .more("maxlength=64 autocapitalize=none spellcheck=false"),
                Input::new("allow_md5", "Take MD5 from phones that know no SHA-256", value("allow_md5"), errors)
                    .kind("checkbox")
                    .hint("Many desk phones know only MD5. Switch it off when all of yours know SHA-256."),
            ],
        },
        Group { title: "Guessers and scanners", inputs: defence(typed, errors) },
    ]
}

fn defence(typed: &Typed, errors: &Errors) -> Vec<Input> {
    let text = |name, label, hint: &str| {
        Input::new(name, label, typed.get(name).cloned().unwrap_or_default(), errors).hint(hint)
    };
    let number =
        |name, label, hint: &str| text(name, label, hint).kind("number").more("inputmode=numeric min=0 step=1");
    vec![
        number(
            "block_after_failures",
            "Block after wrong secrets",
            "Within ten minutes, from one address for one account. 3 to 1000.",
        ),
        number(
            "block_minutes",
            "First block (minutes)",
            "Each further one within a day lasts twice as long, up to a day. 1 to 1440.",
        ),
        number(
            "strangers_per_second",
            "Requests of a strange address each second",
            "An address behind which a phone has registered may send far more. 1 to 10000.",
        ),
        text("never_block", "Never block", "One address or range on each line, for example 203.0.113.7 or 10.0.0.0/8.")
            .rows(3)
            .more("spellcheck=false"),
        text("scanner_names", "Scanners", "One name on each line; whoever has it in User-Agent gets no answer.")
            .rows(3)
            .more("spellcheck=false"),
    ]
}

/// How long it rings, and what a phone that gives no sign is worth.
fn ringing(typed: &Typed, errors: &Errors) -> Group {
    let value = |name: &str| typed.get(name).cloned().unwrap_or_default();
    let text = |name, label, hint: &str| Input::new(name, label, value(name), errors).hint(hint);
    let number =
        |name, label, hint: &str| text(name, label, hint).kind("number").more("inputmode=numeric min=0 step=1");
    Group {
        title: "Ringing",
        inputs: vec![
            number("ring_seconds", "Ring for (seconds)", "A waking phone is waited for just as long. 5 to 180."),
            text(
                "early_ringing",
                "The caller hears ringing",
                "A sleeping phone rings one to six seconds after its push.",
            )
            .choices(&[
                ("when_push_accepted", "when a push was accepted"),
                ("when_phone_rings", "when a phone really rings"),
            ]),
            number(
                "grace_ms",
                "Patience with a registered phone (milliseconds)",
                "A registered phone that gives no sign for this long is pushed as well. 200 to 10000.",
            ),
            number(
                "probe_udp_seconds",
                "Ask phones on UDP whether they are there (seconds)",
                "A phone that does not answer is pushed at once by the next call. 15 to 3600; 0 asks never.",
            ),
            number(
                "devices_per_extension",
                "Phones for each extension",
                "1 means that the last phone to register wins. 1 to 12.",
            ),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_reads_back_as_the_same_settings() {
        let settings = Settings { ring_seconds: 45, allow_md5: false, ..Settings::default() };
        let mut errors = Errors::default();
        assert_eq!(parsed(&typed(&settings), &mut errors), Some(settings));
    }

    #[test]
    fn a_field_that_is_no_number_is_named_and_all_are_reported() {
        let mut fields = typed(&Settings::default());
        fields.insert("ring_seconds".into(), "long".into());
        fields.insert("rtp_first".into(), "70000".into());
        let mut errors = Errors::default();
        assert_eq!(parsed(&fields, &mut errors), None);
        assert_eq!(errors.of("ring_seconds"), "Give a whole number.");
        assert_eq!(errors.of("rtp_first"), "Give a number up to 65535.");
    }
}
