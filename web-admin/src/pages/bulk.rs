//! What was marked on a list, and what is to be done with it.

use std::str::FromStr;

use askama::Template;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::Response;
use pbx_core::model::{DeviceId, ExtensionNumber};
use pbx_core::switchboard::command::{Command, ExtensionChange};

use super::{Page, go};
use crate::api::devices::show;
use crate::error::{Refusal, render};
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;
use crate::words;
use crate::{say, t};

/// Things one order may name; a page shows fewer.
const MAX_MARKED: usize = 1000;

/// The marked things of a form, each once, and the act that was chosen.
#[derive(Debug)]
pub(super) struct Marked<T> {
    pub(super) all: Vec<T>,
    pub(super) act: String,
}

impl<T: FromStr + PartialEq> Marked<T> {
    /// Reads the fields of this name; what cannot be read was made by no page of ours and is left out.
    pub(super) fn read(fields: &[(String, String)], name: &str) -> Self {
        let mut all: Vec<T> = Vec::new();
        for (_, value) in fields.iter().filter(|(field, _)| field == name) {
            if let Ok(one) = value.parse()
                && !all.contains(&one)
                && all.len() < MAX_MARKED
            {
                all.push(one);
            }
        }
        let act = fields.iter().find(|(field, _)| field == "act").map(|(_, act)| act.clone()).unwrap_or_default();
        Self { all, act }
    }
}

#[derive(Template)]
#[template(path = "forget_phones.html")]
struct ForgetPage {
    layout: Layout,
    phones: Vec<(i64, String)>,
}

/// Asks before phones are forgotten.
pub(super) async fn confirm_forgetting(
    state: &AdminState,
    frame: &Frame,
    devices: &[DeviceId],
) -> Result<Response, Refusal> {
    let mut phones = Vec::with_capacity(devices.len());
    for id in devices {
        let device = show(state, *id).await?;
        phones.push((id.0, format!("{}: {}", device.extension, words::device_name(&device.user_agent, *id))));
    }
    let title = if phones.len() == 1 {
        t("bulk-forget-this-phone").into()
    } else {
        say("bulk-forget-phones").with("phones", &phones.len()).text()
    };
    Ok(render(&ForgetPage { layout: frame.layout(title, Menu::Phones), phones }))
}

/// A mail with a new code to the owner of each extension that has an address.
pub(super) async fn ordered_mails(state: &AdminState, numbers: &[ExtensionNumber]) -> Page {
    let ordered = state.mailer.welcome(numbers, None).await?;
    go(&format!("/mails?batch={}", ordered.batch))
}

/// Every marked extension at once: push on or off, phones on or off, or a code by mail.
pub(crate) async fn extensions(State(state): State<AdminState>, Form(fields): Form<Vec<(String, String)>>) -> Page {
    let Marked { all, act } = Marked::<ExtensionNumber>::read(&fields, "extension");
    if all.is_empty() {
        let detail = t("bulk-mark-the-extensions-first-that-are");
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "nobody", detail).field("extension").into());
    }
    match act.as_str() {
        "push_on" | "push_off" => {
            let change = ExtensionChange { push_enabled: Some(act == "push_on"), ..ExtensionChange::default() };
            for number in all {
                state.switchboard.ask(Command::ChangeExtension { number, change: change.clone() }).await?;
            }
            go(if act == "push_on" { "/extensions?done=push-on" } else { "/extensions?done=push-off" })
        }
        "phones_on" | "phones_off" => {
            for number in all {
                state.enrolments.switch_phones(number, act == "phones_on").await?;
            }
            go(if act == "phones_on" { "/extensions?done=phones-on" } else { "/extensions?done=phones-off" })
        }
        "mail" => ordered_mails(&state, &all).await,
        other => {
            let detail = say("bulk-is-nothing-that-can-be-done").with("other", &other).text();
            Err(Refusal::new(StatusCode::BAD_REQUEST, "malformed", detail).field("act").into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_counts_once_and_what_is_none_does_not() {
        let fields = [("device", "7"), ("act", "forget"), ("device", "7"), ("device", "x"), ("device", "9")];
        let fields: Vec<_> = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let marked = Marked::<i64>::read(&fields, "device");
        assert_eq!((marked.all, marked.act.as_str()), (vec![7, 9], "forget"));
    }
}
