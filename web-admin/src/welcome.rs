//! The first run: eight steps from an empty installation to a phone that rang.
//!
//! Nothing of a step is kept here but whether it was skipped: a step is done when what it is for is there, however it came
//! there, so the list is right after a restart, after an import by the API and when somebody comes back to it later.

pub(crate) mod store;

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use pbx_core::store::StoreError;
use pbx_core::switchboard::command::{Command, Reply};
use serde::{Deserialize, Serialize};

use crate::adding::unexpected;
use crate::error::Refusal;
use crate::passkeys;
use crate::place::place;
use crate::second_factor;
use crate::state::AdminState;
use crate::t;

/// The area of the settings.
const AREA: &str = "welcome";

/// One step, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    SecondFactor,
    Place,
    Certificate,
    Network,
    Extensions,
    Push,
    Mail,
    Phone,
}

impl Step {
    pub(crate) const ALL: [Self; 8] = [
        Self::SecondFactor,
        Self::Place,
        Self::Certificate,
        Self::Network,
        Self::Extensions,
        Self::Push,
        Self::Mail,
        Self::Phone,
    ];

    /// Its word in addresses and in the store.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::SecondFactor => "second_factor",
            Self::Place => "place",
            Self::Certificate => "certificate",
            Self::Network => "network",
            Self::Extensions => "extensions",
            Self::Push => "push",
            Self::Mail => "mail",
            Self::Phone => "phone",
        }
    }

    pub(crate) fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.code() == code)
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::SecondFactor => t("welcome-a-second-factor-for-you"),
            Self::Place => t("welcome-where-you-are"),
            Self::Certificate => t("welcome-public-name-and-certificate"),
            Self::Network => t("welcome-the-way-to-the-push-services"),
            Self::Extensions => t("welcome-people-and-numbers"),
            Self::Push => t("welcome-waking-phone-apps"),
            Self::Mail => t("common-mail"),
            Self::Phone => t("welcome-the-first-phone"),
        }
    }

    /// Why it is there.
    pub(crate) fn why(self) -> &'static str {
        match self {
            Self::SecondFactor => t("welcome-whoever-learns-the-owners-password-can"),
            Self::Place => t("welcome-times-on-every-page-are-written"),
            Self::Certificate => t("welcome-phones-and-browsers-trust-this-machine"),
            Self::Network => t("welcome-a-sleeping-phone-is-woken-through"),
            Self::Extensions => t("welcome-everybody-who-is-to-be-called"),
            Self::Push => t("welcome-a-phone-app-that-sleeps-cannot"),
            Self::Mail => t("welcome-people-get-the-qr-code-for"),
            Self::Phone => t("welcome-a-qr-code-a-phone-a"),
        }
    }

    /// Where it is done.
    pub(crate) const fn link(self) -> &'static str {
        match self {
            Self::SecondFactor => "/account/second-factor",
            Self::Place => "/welcome/place",
            Self::Certificate => "/welcome/certificate",
            Self::Network => "/push/network",
            Self::Extensions => "/welcome/extensions",
            Self::Push => "/welcome/push",
            Self::Mail => "/settings/mail",
            Self::Phone => "/welcome/phone",
        }
    }
}

/// What is kept of the first run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Kept {
    pub(crate) skipped: BTreeSet<Step>,
    /// The admin has said that it is over; the dashboard does not ask for it any more.
    pub(crate) closed: bool,
}

/// What is kept, in memory as well: every page asks whether to show the way back to the setup.
#[derive(Debug, Clone, Default)]
pub(crate) struct LiveKept(Arc<RwLock<Option<Kept>>>);

impl LiveKept {
    fn known(&self) -> Option<Kept> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn put(&self, kept: &Kept) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(kept.clone());
    }
}

/// For the menu: the setup goes on. Set for every request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GoesOn(pub(crate) bool);

pub(crate) async fn kept(state: &AdminState) -> Result<Kept, StoreError> {
    if let Some(kept) = state.welcome.known() {
        return Ok(kept);
    }
    let kept: Kept = store::load(&state.store, AREA).await?.unwrap_or_default();
    state.welcome.put(&kept);
    Ok(kept)
}

pub(crate) async fn keep(state: &AdminState, kept: &Kept) -> Result<(), StoreError> {
    store::put(&state.store, AREA, kept).await?;
    state.welcome.put(kept);
    Ok(())
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Done,
    Skipped,
    Open,
}

/// Every step in order, with how far it is.
pub(crate) async fn progress(state: &AdminState) -> Result<Vec<(Step, Progress)>, Refusal> {
    let skipped = kept(state).await?.skipped;
    let Reply::Status(status) = state.switchboard.ask(Command::Status).await? else { return Err(unexpected()) };
    let checked = state.push.network_check().is_some_and(|check| check.finished_at.is_some());
    let mut steps = Vec::with_capacity(Step::ALL.len());
    for step in Step::ALL {
        let done = match step {
            Step::SecondFactor => {
                second_factor::store::anybody(&state.store).await? || passkeys::store::anybody(&state.store).await?
            }
            Step::Place => !place(&state.store).await?.time_zone.is_empty(),
            Step::Certificate => !state.site.certificate.info().self_made,
            Step::Network => checked,
            Step::Extensions => status.extensions > 0,
            Step::Push => !state.push.list_credentials().await?.is_empty(),
            Step::Mail => state.mailer.account().await?.is_some(),
            Step::Phone => status.registered + status.armed > 0,
        };
        let progress = match (done, skipped.contains(&step)) {
            (true, _) => Progress::Done,
            (false, true) => Progress::Skipped,
            (false, false) => Progress::Open,
        };
        steps.push((step, progress));
    }
    Ok(steps)
}
