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
use crate::t;

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
        layout: frame.layout(t("common-settings"), Menu::Settings),
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
        layout: frame.layout(t("common-settings"), Menu::Settings),
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
            errors.put(field, t("settings-give-a-whole-number"));
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
            errors.put(field, t("settings-give-a-number-up-to-65535"));
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
            errors.put("early_ringing", t("settings-choose-one-of-the-two"));
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
            title: t("settings-push-tokens"),
            inputs: vec![number(
                "token_unseen_days",
                t("settings-unseen-after-days"),
                t("settings-tokens-of-phones-that-gave-no"),
            )],
        },
        Group {
            title: t("settings-sound"),
            inputs: vec![
                number("rtp_first", t("settings-first-udp-port"), t("settings-open-this-range-in-the-firewall")),
                number("rtp_last", t("settings-last-udp-port"), t("settings-a-call-needs-four-ports-a")),
                number(
                    "rtp_silence_seconds",
                    t("settings-end-a-silent-call-after-seconds"),
                    t("settings-when-no-sound-packet-comes-from"),
                ),
            ],
        },
        Group {
            title: t("settings-registration"),
            inputs: vec![
                number("min_expires", t("settings-shortest-seconds"), t("settings-a-phone-that-asks-for-less")),
                number("default_expires", t("settings-usual-seconds"), t("settings-granted-when-the-phone-does-not")),
                number("max_expires", t("settings-longest-seconds"), t("settings-at-most-31-days")),
            ],
        },
        Group {
            title: t("settings-sign-in-of-phones"),
            inputs: vec![
                text("realm", t("settings-realm"), t("settings-part-of-every-stored-account-digest"))
                    .more("maxlength=64 autocapitalize=none spellcheck=false"),
                Input::new("allow_md5", t("settings-take-md5-from-phones-that-know"), value("allow_md5"), errors)
                    .kind("checkbox")
                    .hint(t("settings-many-desk-phones-know-only-md5")),
            ],
        },
        Group { title: t("settings-guessers-and-scanners"), inputs: defence(typed, errors) },
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
            t("settings-block-after-wrong-secrets"),
            t("settings-within-ten-minutes-from-one-address"),
        ),
        number("block_minutes", t("settings-first-block-minutes"), t("settings-each-further-one-within-a-day")),
        number(
            "strangers_per_second",
            t("settings-requests-of-a-strange-address-each"),
            t("settings-an-address-behind-which-a-phone"),
        ),
        text("never_block", t("settings-never-block"), t("settings-one-address-or-range-on-each"))
            .rows(3)
            .more("spellcheck=false"),
        text("scanner_names", t("settings-scanners"), t("settings-one-name-on-each-line-whoever"))
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
        title: t("settings-ringing"),
        inputs: vec![
            number("ring_seconds", t("settings-ring-for-seconds"), t("settings-a-waking-phone-is-waited-for")),
            text("early_ringing", t("settings-the-caller-hears-ringing"), t("settings-a-sleeping-phone-rings-one-to"))
                .choices(&[
                    ("when_push_accepted", t("settings-when-a-push-was-accepted")),
                    ("when_phone_rings", t("settings-when-a-phone-really-rings")),
                ]),
            number(
                "grace_ms",
                t("settings-patience-with-a-registered-phone-milliseconds"),
                t("settings-a-registered-phone-that-gives-no"),
            ),
            number(
                "probe_udp_seconds",
                t("settings-ask-phones-on-udp-whether-they"),
                t("settings-a-phone-that-does-not-answer"),
            ),
            number(
                "devices_per_extension",
                t("settings-phones-for-each-extension"),
                t("settings-1-means-that-the-last-phone"),
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
