//! The one-time setup link: the only way to the first account, and the way back in when a password is lost.
//!
//! There are no default credentials. Looking at the link uses nothing up; only sending the form does.

use std::time::Duration;

use pbx_core::model::UnixMillis;
use pbx_core::store::{Store, StoreError};
use thiserror::Error;

use crate::accounts;
use crate::clock;
use crate::token::{self, NoRandom};

/// A day: long enough to find the log of a first start, short enough to be forgotten safely.
const WORKS_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// A link that works once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupLink {
    /// The whole address; holds the token, so print it and forget it.
    pub url: String,
    /// When it stops working.
    pub expires_at: UnixMillis,
}

/// Why no link could be made.
#[derive(Debug, Error)]
pub enum SetupError {
    /// No random bytes.
    #[error(transparent)]
    Random(#[from] NoRandom),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether an admin exists already; without one `serve` prints a setup link at every start.
pub async fn is_set_up(store: &Store) -> Result<bool, StoreError> {
    accounts::any_user(store).await
}

/// Makes a setup link; the one before stops working. `base_url` is what links begin with, without a slash at the end.
pub async fn setup_link(store: &Store, base_url: &str) -> Result<SetupLink, SetupError> {
    let minted = token::mint("")?;
    let expires_at = clock::now() + WORKS_FOR;
    accounts::put_setup(store, &minted.hash, expires_at).await?;
    Ok(SetupLink { url: format!("{}/setup/{}", base_url.trim_end_matches('/'), minted.text), expires_at })
}
