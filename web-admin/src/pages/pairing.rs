//! "Add a phone": the QR code is shown once; the page then waits until a phone has taken it.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::Response;
use pbx_core::model::ExtensionNumber;
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
use crate::words::{Badge, When};

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
    id: String,
    label: String,
    state: Badge,
    paired: bool,
    open: bool,
    expires: When,
    /// The QR code; empty when the link can no longer be shown.
    svg: String,
    url: String,
}

fn shown(layout: Layout, link: &Enrolment, (svg, url): (String, String)) -> Response {
    let paired = matches!(link.state, EnrolmentState::Claimed { .. });
    render(&PairingPage {
        layout,
        number: link.extension,
        id: link.id.to_string(),
        label: link.label.as_str().to_owned(),
        state: link_badge(link.state),
        paired,
        open: link.state == EnrolmentState::Issued,
        expires: When::relative(link.expires_at, clock::now()),
        svg,
        url,
    })
}

async fn find(state: &AdminState, number: ExtensionNumber, id: &str) -> Result<Enrolment, Refusal> {
    let id = enrolment::id(id)?;
    let links = state.enrolments.list(number).await?;
    links.into_iter().find(|link| link.id == id).ok_or_else(|| EnrolmentError::NoSuchLink.into())
}

pub(crate) async fn issue(
    State(state): State<AdminState>,
    frame: Frame,
    Path(text): Path<String>,
    Form(form): Form<IssueForm>,
) -> Page {
    let number = in_path(&text)?;
    let issued = state.enrolments.issue(number, &form.label, lifetime(None)).await?;
    let link = find(&state, number, &issued.id.to_string()).await?;
    let layout = frame.layout(format!("Add a phone to {number}"), Menu::Extensions);
    Ok(shown(layout, &link, (issued.svg.into_inner(), issued.url.into_inner())))
}

/// "Lost phone": signs the phone out and shows another code in its place.
pub(crate) async fn replace(
    State(state): State<AdminState>,
    frame: Frame,
    Path((text, id)): Path<(String, String)>,
) -> Page {
    let number = in_path(&text)?;
    let lost = find(&state, number, &id).await?;
    let issued = state.enrolments.replace(lost.id).await?;
    let link = find(&state, number, &issued.id.to_string()).await?;
    let layout = frame.layout(format!("Another phone for {number}"), Menu::Extensions);
    Ok(shown(layout, &link, (issued.svg.into_inner(), issued.url.into_inner())))
}

pub(crate) async fn page(
    State(state): State<AdminState>,
    frame: Frame,
    Path((text, id)): Path<(String, String)>,
) -> Page {
    let number = in_path(&text)?;
    let link = find(&state, number, &id).await?;
    Ok(shown(frame.layout(format!("A phone for {number}"), Menu::Extensions), &link, Default::default()))
}

pub(crate) async fn confirm_revoke(
    State(state): State<AdminState>,
    frame: Frame,
    Path((text, id)): Path<(String, String)>,
) -> Page {
    let number = in_path(&text)?;
    let link = find(&state, number, &id).await?;
    let paired = matches!(link.state, EnrolmentState::Claimed { .. });
    let line = if paired {
        "The phone that was added with this link loses its account: it is signed out and cannot register or be woken."
    } else {
        "The link and its QR code stop working. Phones that are paired already are not touched."
    };
    let confirm = Confirm {
        layout: frame.layout(if paired { "Sign this phone out?" } else { "Revoke this link?" }, Menu::Extensions),
        lines: vec![line.into()],
        action: format!("/extensions/{number}/links/{}/revoke", link.id),
        button: if paired { "Sign the phone out" } else { "Revoke the link" },
        back: format!("/extensions/{number}"),
    };
    Ok(confirm.page())
}

pub(crate) async fn revoke(State(state): State<AdminState>, Path((text, id)): Path<(String, String)>) -> Page {
    let number = in_path(&text)?;
    let link = find(&state, number, &id).await?;
    state.enrolments.revoke(link.id).await?;
    go(&format!("/extensions/{number}?done=link-revoked"))
}
