//! When a provider token is used, made anew, or left alone. Pure.
//!
//! Apple refuses tokens older than an hour and more than one new token in 20 minutes for each key, also across restarts.

use std::time::Duration;

use pbx_core::model::UnixMillis;

/// Made anew at this age, ten minutes before Apple refuses it.
pub const REFRESH_AGE: Duration = Duration::from_secs(50 * 60);
/// Never made anew before this age.
pub const MINIMUM_AGE: Duration = Duration::from_secs(20 * 60);
/// A token from the future comes from a clock that was set back; small differences are not worth a new one.
const SKEW: Duration = Duration::from_secs(60);
/// An FCM access token is fetched anew so long before it ends.
pub const ACCESS_EARLY: Duration = Duration::from_secs(5 * 60);

/// What to do with the token at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenStep {
    /// Use it.
    Use,
    /// Make a new one.
    Mint,
}

/// What to do with an APNs provider token issued at `issued_at` (Unix seconds), if there is one. `refused` means that
/// Apple just called it expired.
pub fn apns_step(issued_at: Option<i64>, now: UnixMillis, refused: bool) -> TokenStep {
    let Some(issued_at) = issued_at else { return TokenStep::Mint };
    let issued = UnixMillis(issued_at.saturating_mul(1000));
    let age = now.since(issued);
    let from_the_future = issued.since(now) > SKEW;
    if from_the_future || age >= REFRESH_AGE || (refused && age >= MINIMUM_AGE) {
        TokenStep::Mint
    } else {
        TokenStep::Use
    }
}

/// An FCM access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessStep {
    /// Use it.
    Use,
    /// Use it and fetch the next one in the background.
    UseAndFetch,
    /// Fetch one first.
    Fetch,
}

/// What to do with an access token that ends at `ends_at`, if there is one.
pub fn access_step(ends_at: Option<UnixMillis>, now: UnixMillis, refused: bool) -> AccessStep {
    match ends_at {
        Some(_) if refused => AccessStep::Fetch,
        Some(ends_at) if ends_at.since(now) > ACCESS_EARLY => AccessStep::Use,
        // Half a minute covers the way to Google and a clock that is a little off.
        Some(ends_at) if ends_at.since(now) > Duration::from_secs(30) => AccessStep::UseAndFetch,
        Some(_) | None => AccessStep::Fetch,
    }
}
