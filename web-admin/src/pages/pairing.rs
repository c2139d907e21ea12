//! "Add a phone": the QR code is shown once; the page then waits until a phone has taken it.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::Response;
use pbx_core::model::{DeviceSummary, ExtensionNumber};
use provisioning::{Enrolment, EnrolmentError, EnrolmentState};
use serde::Deserialize;

use super::confirm::Confirm;
use super::extension::{in_path, link_badge};
use super::{Page, go};
use crate::api::enrolments::lifetime;
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
}

fn shown(layout: Layout, place: Place, link: &Enrolment, (svg, url): (String, String)) -> Response {
    let paired = matches!(link.state, EnrolmentState::Claimed { .. });
    render(&PairingPage {
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
    })
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
    let issued = state.enrolments.issue(place.number, &form.label, lifetime(None)).await?;
    let link = find(state, place.number, &issued.id.to_string()).await?;
    let layout = frame.layout(say("pairing-add-a-phone-to").with("number", &place.number).text(), place.menu());
    Ok(shown(layout, place, &link, (issued.svg.into_inner(), issued.url.into_inner())))
}

/// A code for a phone that is set up already: it fetches its settings again and keeps its account.
pub(super) async fn issue_again(state: &AdminState, frame: &Frame, device: &DeviceSummary) -> Page {
    let place = Place { number: device.extension, own: false };
    let issued = state.enrolments.issue_again(place.number, &device.username, lifetime(None)).await?;
    let link = find(state, place.number, &issued.id.to_string()).await?;
    let name = words::device_name(&device.user_agent, device.id);
    let layout = frame
        .layout(say("pairing-settings-for-of").with("name", &name).with("number", &place.number).text(), place.menu());
    Ok(shown(layout, place, &link, (issued.svg.into_inner(), issued.url.into_inner())))
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
    Ok(shown(layout, place, &link, (issued.svg.into_inner(), issued.url.into_inner())))
}

pub(super) async fn page_at(state: &AdminState, frame: &Frame, place: Place, id: &str) -> Page {
    let link = find(state, place.number, id).await?;
    let layout = frame.layout(say("pairing-a-phone-for").with("number", &place.number).text(), place.menu());
    Ok(shown(layout, place, &link, Default::default()))
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
