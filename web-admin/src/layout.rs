//! What every page needs around its content: title, menu, who is signed in, and the sentence after a redirect.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::Deserialize;

use crate::assets;
use crate::error::{ErrorPage, Refusal};
use crate::role::Role;
use crate::session::SignedIn;
use crate::t;
use crate::welcome::GoesOn;

/// The entry of the menu a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Menu {
    /// The first run.
    Setup,
    Dashboard,
    Extensions,
    Phones,
    DeskPhones,
    Push,
    Calls,
    Security,
    Settings,
    System,
    Account,
    Users,
    /// One's own extension.
    Me,
    /// Pages outside the menu.
    None,
}

impl Menu {
    const fn name(self) -> &'static str {
        match self {
            Self::Setup => "Set up",
            Self::Dashboard => "Dashboard",
            Self::Extensions => "Extensions",
            Self::Phones => "Phones",
            Self::DeskPhones => "Desk phones",
            Self::Push => "Push",
            Self::Calls => "Calls",
            Self::Security => "Security",
            Self::Settings => "Settings",
            Self::System => "System",
            Self::Account => "Account",
            Self::Users => "Users",
            Self::Me => "My phones",
            Self::None => "",
        }
    }
}

/// The frame of one page.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) title: String,
    pub(crate) menu: Menu,
    /// Who is signed in; `None` hides the sign-out button.
    pub(crate) user: Option<String>,
    /// What they may do; decides what the menu shows.
    pub(crate) role: Option<Role>,
    /// They have an extension of their own.
    pub(crate) own_extension: bool,
    /// The menu shows the way back to the setup.
    pub(crate) setup: bool,
    /// Hides the menu, for pages before signing in.
    pub(crate) bare: bool,
    /// What the act before the redirect has done.
    pub(crate) done: Option<&'static str>,
}

impl Layout {
    /// A page for people who are not signed in.
    pub(crate) fn bare(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            menu: Menu::None,
            user: None,
            role: None,
            own_extension: false,
            setup: false,
            bare: true,
            done: None,
        }
    }

    /// A page that does not know who asks, such as an error page.
    pub(crate) fn unnamed(title: impl Into<String>) -> Self {
        Self { bare: false, ..Self::bare(title) }
    }

    pub(crate) fn css(&self) -> &'static str {
        assets::css().url.as_str()
    }

    pub(crate) fn script(&self) -> &'static str {
        assets::script().url.as_str()
    }

    pub(crate) fn icon(&self) -> &'static str {
        assets::icon().url.as_str()
    }

    /// Whether the menu shows the whole installation; a page that does not know who asks shows it.
    pub(crate) fn whole(&self) -> bool {
        self.role != Some(Role::User)
    }

    /// Whether forms that change anything but one's own account are hidden.
    pub(crate) fn read_only(&self) -> bool {
        self.role == Some(Role::ReadOnly)
    }

    /// `aria-current` for a menu entry, by its name.
    pub(crate) fn current(&self, entry: &str) -> &'static str {
        if self.menu.name() == entry { "page" } else { "false" }
    }
}

/// Who asks, and what the act before has done.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) signed_in: SignedIn,
    setup: bool,
    done: Option<&'static str>,
}

#[derive(Debug, Default, Deserialize)]
struct DoneQuery {
    #[serde(default)]
    done: String,
}

impl Frame {
    pub(crate) fn layout(&self, title: impl Into<String>, menu: Menu) -> Layout {
        Layout {
            title: title.into(),
            menu,
            user: Some(self.signed_in.name.clone()),
            role: Some(self.signed_in.role),
            own_extension: self.signed_in.extension.is_some(),
            setup: self.setup && matches!(self.signed_in.role, Role::Owner | Role::Admin),
            bare: false,
            done: self.done,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Frame {
    type Rejection = ErrorPage;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ErrorPage> {
        let signed_in = parts.extensions.get::<SignedIn>().cloned().ok_or_else(|| ErrorPage(Refusal::signed_out()))?;
        let done = Query::<DoneQuery>::from_request_parts(parts, state).await.map(|q| q.0.done).unwrap_or_default();
        let setup = parts.extensions.get::<GoesOn>().is_some_and(|goes_on| goes_on.0);
        Ok(Self { signed_in, setup, done: sentence(&done) })
    }
}

/// The sentence for `?done=code`; only these are shown, so a link cannot put words into our page.
pub(crate) fn sentence(code: &str) -> Option<&'static str> {
    let known = [
        ("forgotten", t("layout-forgotten-a-phone-that-still-has")),
        ("phones-off", t("layout-all-phones-are-off-they-are")),
        ("phones-on", t("layout-the-phones-are-on-each-comes")),
        ("saved", t("layout-saved-the-change-is-in-force")),
        ("removed", t("layout-removed")),
        ("passkey", t("layout-passkey")),
        ("acme", t("layout-acme")),
        ("uploaded", t("layout-the-backup-is-in-the-list")),
        ("push-on", t("layout-push-is-on")),
        ("push-off", t("layout-push-is-off-sleeping-phones-will")),
        ("device-forgotten", t("layout-the-device-was-forgotten-it-may")),
        ("test-call", t("layout-it-rings-whoever-answers-hears-themselves")),
        ("test-sent", t("layout-a-test-notice-is-on-its")),
        ("added", t("layout-added-it-works-now-register-a")),
        ("checked", t("layout-checked-the-result-stands-beside-the")),
        ("link-revoked", t("layout-the-link-was-revoked-and-no")),
        ("signed-out", t("layout-you-are-signed-out")),
        ("password", t("layout-the-password-was-changed-sign-in")),
        ("ready", t("layout-your-account-is-ready-sign-in")),
        ("unblocked", t("layout-unblocked-the-next-request-from-there")),
        ("session-ended", t("layout-signed-out-there-whoever-sits-there")),
        ("again", t("layout-that-took-too-long-or-there")),
        ("confirmed", t("layout-thank-you-for-the-next-five")),
        ("rotating", t("layout-the-phone-is-told-its-other")),
        ("asked", t("layout-asked")),
        ("all-asked", t("layout-all-asked")),
        ("phone-options", t("layout-phone-options")),
        ("template-saved", t("layout-template-saved")),
        ("template-removed", t("layout-template-removed")),
        ("window-open", t("layout-for-ten-minutes-this-one-phone")),
        ("window-closed", t("layout-the-pairing-window-is-closed")),
        ("certificate", t("layout-the-certificate-is-in-force-new")),
        ("setup-closed", t("layout-the-setup-is-done-everything-in")),
        ("hung-up", t("layout-the-call-was-ended")),
        ("nothing-selected", t("layout-nothing-was-selected-tick-the-phones")),
        ("tokens-forgotten", t("layout-the-tokens-were-forgotten-an-app")),
        ("settings-asked", t("layout-marked-each-phone-shows-the-mark")),
        ("tokens-tested", t("layout-the-test-pushes-are-on-their")),
    ];
    known.into_iter().find(|(known, _)| *known == code).map(|(_, text)| text)
}
