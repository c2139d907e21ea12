//! What every page needs around its content: title, menu, who is signed in, and the sentence after a redirect.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::Deserialize;

use crate::assets;
use crate::error::{ErrorPage, Refusal};
use crate::role::Role;
use crate::session::SignedIn;
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
        ("forgotten", "Forgotten. A phone that still has its account comes back with its next registration."),
        ("phones-off", "All phones are off: they are signed out and are not woken."),
        ("phones-on", "The phones are on. Each comes back by itself with the account it has."),
        ("saved", "Saved. The change is in force now."),
        ("removed", "Removed."),
        ("acme", "The certificate is being ordered. How far it is stands below."),
        ("uploaded", "The backup is in the list. Put it back when you are ready."),
        ("push-on", "Push is on."),
        ("push-off", "Push is off. Sleeping phones will not be woken."),
        ("device-forgotten", "The device was forgotten. It may register again if it still has its account."),
        ("test-call", "It rings. Whoever answers hears themselves; the call ends by itself after a minute."),
        ("test-sent", "A test notice is on its way to every phone that can be pushed. The outcome appears below."),
        ("added", "Added. It works now: register a phone, or use “Add a phone”."),
        ("checked", "Checked. The result stands beside the credential."),
        ("link-revoked", "The link was revoked and no longer works."),
        ("signed-out", "You are signed out."),
        ("password", "The password was changed. Sign in with the new one."),
        ("ready", "Your account is ready. Sign in."),
        ("unblocked", "Unblocked. The next request from there is answered."),
        ("session-ended", "Signed out there. Whoever sits there has to sign in again."),
        ("again", "That took too long, or there were too many wrong codes. Sign in again."),
        ("confirmed", "Thank you. For the next five minutes you are not asked again."),
        ("rotating", "The phone is told its other address at its next fetch; the one it has works until then."),
        ("asked", "The phone was asked to fetch its settings again; what it said stands beside its last fetch."),
        ("all-asked", "The phones are being asked to fetch their settings again, one after the other."),
        ("phone-options", "Saved and in force."),
        ("template-saved", "The template is saved; the phones it is for are being asked to fetch their settings."),
        ("template-removed", "The template is gone; its phones are being asked to fetch Nightbell's own settings."),
        ("window-open", "For ten minutes this one phone may come without its secret address. Switch it on now."),
        ("window-closed", "The pairing window is closed."),
        ("certificate", "The certificate is in force. New connections get it from now on."),
        ("setup-closed", "The setup is done. Everything in it can be changed at any time."),
        ("hung-up", "The call was ended."),
        ("nothing-selected", "Nothing was selected. Tick the phones first."),
        (
            "tokens-forgotten",
            "The tokens were forgotten. An app that still has its account sends its token when it is opened.",
        ),
        ("settings-asked", "Marked. Each phone shows the mark until it has fetched its settings."),
        ("tokens-tested", "The test pushes are on their way. What became of them appears beside each phone."),
    ];
    known.into_iter().find(|(known, _)| *known == code).map(|(_, text)| text)
}
