//! "Add a phone": the QR code is shown once; the page then waits until a phone has taken it.

use askama::Template;
use axum::extract::{Form, Path, State};
use pbx_core::model::{DeviceSummary, ExtensionNumber, PushProvider};
use provisioning::profile::nethvoice;
use provisioning::qr;
use provisioning::{Enrolment, EnrolmentError, EnrolmentState};
use serde::Deserialize;

use super::confirm::Confirm;
use super::extension::{in_path, link_badge};
use super::{Page, go};
use crate::api::enrolments::lifetime;
use crate::api::extensions::show;
use crate::clock;
use crate::enrolment;
use crate::error::{Refusal, render};
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;
use crate::words::{self, Badge, When};
use crate::{say, t};

#[derive(Debug, Default, Deserialize)]
pub(crate) struct IssueForm {
    #[serde(default)]
    label: String,
    #[serde(default)]
    hours: Option<u32>,
}

/// How long a code may work: hours and words.
pub(super) fn lifetimes() -> [(u32, &'static str); 3] {
    [(1, t("pairing-an-hour")), (24, t("pairing-a-day")), (24 * 7, t("pairing-a-week"))]
}

#[derive(Template)]
#[template(path = "pairing.html")]
struct PairingPage {
    layout: Layout,
    number: ExtensionNumber,
    /// Where this page belongs: an extension's page, or one's own.
    base: String,
    own: bool,
    id: String,
    label: String,
    state: Badge,
    paired: bool,
    open: bool,
    expires: When,
    /// The QR code; empty when the link can no longer be shown.
    svg: String,
    url: String,
    /// It is for a phone that is set up already.
    again: bool,
    /// The phone that has taken it, once it has registered.
    phone: String,
    /// Phones that cannot be woken as things are: they ring only while their app is open.
    asleep: Vec<&'static str>,
    /// The same link as some apps scan it: text and QR code.
    plain: Option<(String, String)>,
}

/// The phones that nothing here wakes.
fn asleep(state: &AdminState) -> Vec<&'static str> {
    let providers = state.push.offer().borrow().providers.clone();
    // The mediator wakes phones of both kinds.
    let any = providers.contains(&PushProvider::Acrobits);
    let without = |provider, words: &'static str| (!any && !providers.contains(&provider)).then_some(words);
    [
        without(PushProvider::Fcm, t("pairing-android-phones-sleep")),
        without(PushProvider::Apns, t("pairing-iphones-sleep")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The link as text of three parts (NethVoice and others), with its code; only while it can be shown.
fn plain(state: &AdminState, link: &Enrolment, url: &str) -> Option<(String, String)> {
    let token = url.rsplit('/').next().filter(|token| !token.is_empty())?;
    let text = nethvoice::code(link.username.as_str(), token, state.site.certificate.public_host())?;
    let svg = qr::svg(&text, t("pairing-the-same-for-apps-that-scan")).ok()?;
    Some((text, svg))
}

async fn shown(
    state: &AdminState,
    layout: Layout,
    place: Place,
    (link, svg, url): (&Enrolment, String, String),
) -> Page {
    let detail = show(state, place.number).await?;
    let phone = detail.device_list.iter().find(|device| device.username == link.username);
    let paired = matches!(link.state, EnrolmentState::Claimed { .. });
    Ok(render(&PairingPage {
        phone: phone.map(|device| words::device_name(&device.user_agent, device.id)).unwrap_or_default(),
        asleep: if svg.is_empty() { Vec::new() } else { asleep(state) },
        plain: plain(state, link, &url),
        layout,
        number: link.extension,
        base: place.base(),
        own: place.own,
        id: link.id.to_string(),
        label: link.label.as_str().to_owned(),
        state: link_badge(link.state),
        paired,
        open: link.state == EnrolmentState::Issued,
        expires: When::relative(link.expires_at, clock::now()),
        svg,
        url,
        again: link.renews.is_some(),
    }))
}

async fn find(state: &AdminState, number: ExtensionNumber, id: &str) -> Result<Enrolment, Refusal> {
    let id = enrolment::id(id)?;
    let links = state.enrolments.list(number).await?;
    links.into_iter().find(|link| link.id == id).ok_or_else(|| EnrolmentError::NoSuchLink.into())
}

/// Whose links these are, and on whose page they stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) number: ExtensionNumber,
    /// On the page of one's own phones.
    pub(super) own: bool,
}

impl Place {
    fn of(text: &str) -> Result<Self, Refusal> {
        Ok(Self { number: in_path(text)?, own: false })
    }

    fn base(self) -> String {
        if self.own { "/me".to_owned() } else { format!("/extensions/{}", self.number) }
    }

    const fn menu(self) -> Menu {
        if self.own { Menu::Me } else { Menu::Extensions }
    }
}

pub(super) async fn issue_at(state: &AdminState, frame: &Frame, place: Place, form: &IssueForm) -> Page {
    let issued = state.enrolments.issue(place.number, &form.label, lifetime(form.hours)).await?;
    let link = find(state, place.number, &issued.id.to_string()).await?;
    let layout = frame.layout(say("pairing-add-a-phone-to").with("number", &place.number).text(), place.menu());
    shown(state, layout, place, (&link, issued.svg.into_inner(), issued.url.into_inner())).await
}

/// A code for a phone that is set up already: it fetches its settings again and keeps its account.
pub(super) async fn issue_again(state: &AdminState, frame: &Frame, device: &DeviceSummary) -> Page {
    let place = Place { number: device.extension, own: false };
    let issued = state.enrolments.issue_again(place.number, &device.username, lifetime(None)).await?;
    let link = find(state, place.number, &issued.id.to_string()).await?;
    let name = words::device_name(&device.user_agent, device.id);
    let layout = frame
        .layout(say("pairing-settings-for-of").with("name", &name).with("number", &place.number).text(), place.menu());
    shown(state, layout, place, (&link, issued.svg.into_inner(), issued.url.into_inner())).await
}

/// "Lost phone": signs the phone out and shows another code in its place.
pub(crate) async fn replace(
    State(state): State<AdminState>,
    frame: Frame,
    Path((text, id)): Path<(String, String)>,
) -> Page {
    let place = Place::of(&text)?;
    let lost = find(&state, place.number, &id).await?;
    let issued = state.enrolments.replace(lost.id).await?;
    let link = find(&state, place.number, &issued.id.to_string()).await?;
    let layout = frame.layout(say("pairing-another-phone-for").with("number", &place.number).text(), place.menu());
    shown(&state, layout, place, (&link, issued.svg.into_inner(), issued.url.into_inner())).await
}

pub(super) async fn page_at(state: &AdminState, frame: &Frame, place: Place, id: &str) -> Page {
    let link = find(state, place.number, id).await?;
    let layout = frame.layout(say("pairing-a-phone-for").with("number", &place.number).text(), place.menu());
    shown(state, layout, place, (&link, String::new(), String::new())).await
}

pub(super) async fn confirm_revoke_at(state: &AdminState, frame: &Frame, place: Place, id: &str) -> Page {
    let link = find(state, place.number, id).await?;
    let paired = matches!(link.state, EnrolmentState::Claimed { .. });
    let line = if paired { t("pairing-the-phone-that-was-added-with") } else { t("pairing-the-link-and-its-qr-code") };
    let confirm = Confirm {
        layout: frame.layout(
            if paired { t("pairing-sign-this-phone-out") } else { t("pairing-revoke-this-link") },
            place.menu(),
        ),
        lines: vec![line.into()],
        action: format!("{}/links/{}/revoke", place.base(), link.id),
        fields: Vec::new(),
        button: if paired { t("pairing-sign-the-phone-out") } else { t("pairing-revoke-the-link") },
        back: place.base(),
    };
    Ok(confirm.page())
}

pub(super) async fn revoke_at(state: &AdminState, place: Place, id: &str) -> Page {
    let link = find(state, place.number, id).await?;
    state.enrolments.revoke(link.id).await?;
    go(&format!("{}?done=link-revoked", place.base()))
}

pub(crate) async fn issue(
    State(state): State<AdminState>,
    frame: Frame,
    Path(text): Path<String>,
    Form(form): Form<IssueForm>,
) -> Page {
    issue_at(&state, &frame, Place::of(&text)?, &form).await
}

pub(crate) async fn page(
    State(state): State<AdminState>,
    frame: Frame,
    Path((text, id)): Path<(String, String)>,
) -> Page {
    page_at(&state, &frame, Place::of(&text)?, &id).await
}

pub(crate) async fn confirm_revoke(
    State(state): State<AdminState>,
    frame: Frame,
    Path((text, id)): Path<(String, String)>,
) -> Page {
    confirm_revoke_at(&state, &frame, Place::of(&text)?, &id).await
}

pub(crate) async fn revoke(State(state): State<AdminState>, Path((text, id)): Path<(String, String)>) -> Page {
    revoke_at(&state, Place::of(&text)?, &id).await
}
