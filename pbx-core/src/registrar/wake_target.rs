//! Record 2: how a device can be woken. It changes only by what the device offers, by a verdict and by an admin.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::model::{
    PushProvider, Redacted, ReplacedToken, SwitchedOffBy, TargetHealth, TokenHistory, UnixMillis, Verdict, WakeKind,
    WakeReport, WakeState, WakeTarget,
};

use super::registration::OfferedTarget;
use super::reported::is_reported;

/// Bytes of SHA-256 that name a token: 64 bits of work for an accident among one extension's dozen devices.
const FINGERPRINT_BYTES: usize = 16;
/// Enough for a person to tell two tokens apart.
const SHOWN_FINGERPRINT_BYTES: usize = 6;

/// The token a call is pushed with; its verdicts decide about the whole target.
fn call_token(target: &WakeTarget) -> Option<&Redacted<String>> {
    target.call_token.as_ref().or(target.notice_token.as_ref())
}

/// The token a push of this kind uses.
fn token_used(target: &WakeTarget, kind: WakeKind) -> Option<&Redacted<String>> {
    match kind {
        WakeKind::Call => call_token(target),
        WakeKind::MissedCall | WakeKind::AnsweredElsewhere | WakeKind::Test | WakeKind::Refresh => {
            target.notice_token.as_ref().or(target.call_token.as_ref())
        }
    }
}

impl OfferedTarget {
    /// The token a call would be pushed with.
    pub(super) fn token(&self) -> Option<&Redacted<String>> {
        self.call_token.as_ref().or(self.notice_token.as_ref())
    }

    /// Whether it names at least one token, and none is empty.
    pub(super) fn is_sound(&self) -> bool {
        let mut tokens = [&self.call_token, &self.notice_token].into_iter().flatten();
        self.token().is_some() && tokens.all(|token| !token.reveal().is_empty())
    }

    /// A name for the token that gives nothing of it away; equal texts of two providers are two tokens.
    pub(super) fn fingerprint(&self) -> Option<String> {
        Some(fingerprint(self.provider, self.token()?, FINGERPRINT_BYTES))
    }

    /// Whether this is the very token that `target` calls with.
    pub(super) fn is_token_of(&self, target: &WakeTarget) -> bool {
        self.provider == target.provider && self.token().is_some() && self.token() == call_token(target)
    }
}

fn fingerprint(provider: PushProvider, token: &Redacted<String>, bytes: usize) -> String {
    use std::fmt::Write as _;
    let mut hash = Sha256::new();
    hash.update(provider.as_str());
    hash.update([0]);
    hash.update(token.reveal());
    let mut text = String::with_capacity(2 * bytes);
    for byte in hash.finalize().iter().take(bytes) {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A token as pages may show it.
fn shown_token(provider: PushProvider, token: &Redacted<String>) -> String {
    format!("sha256:{}", fingerprint(provider, token, SHOWN_FINGERPRINT_BYTES))
}

/// A number for the token a call is pushed with, by which devices with the same token are found (FNV-1a). Whoever finds
/// one compares the tokens.
pub(super) fn token_number(target: &WakeTarget) -> Option<u64> {
    let token = call_token(target)?;
    let bytes = target.provider.as_str().bytes().chain([0]).chain(token.reveal().bytes());
    Some(bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)))
}

/// Whether two targets are woken by the very same token.
pub(super) fn is_same_token(one: &WakeTarget, other: &WakeTarget) -> bool {
    one.provider == other.provider && call_token(one).is_some() && call_token(one) == call_token(other)
}

/// The target as pages may show it: each token is replaced by its fingerprint.
pub(super) fn shown(target: &WakeTarget) -> WakeTarget {
    let hide = |token: &Redacted<String>| Redacted::new(shown_token(target.provider, token));
    WakeTarget {
        call_token: target.call_token.as_ref().map(hide),
        notice_token: target.notice_token.as_ref().map(hide),
        ..target.clone()
    }
}

/// What a device offers, put in the place of what it had. True when anything that is stored changed.
///
/// The same token again keeps `learned_at`, the health and an environment that a verdict has corrected; a new one starts
/// well. A switch-off by an admin survives both, one by the device ends. A token that had moved to another extension is back.
pub(super) fn learn(slot: &mut Option<Arc<WakeTarget>>, offered: &OfferedTarget, at: UnixMillis) -> bool {
    let Some(known) = slot else {
        *slot = Some(Arc::new(from_offer(offered, at)));
        return true;
    };
    let switched_off = match known.switched_off {
        Some(SwitchedOffBy::Admin) => Some(SwitchedOffBy::Admin),
        Some(SwitchedOffBy::Extension | SwitchedOffBy::Device | SwitchedOffBy::RegistrationEnd) | None => None,
    };
    if !(offered.is_token_of(known) && known.app_id == *offered.app_id) {
        let history = TokenHistory { replaced: replaced(known, offered, at), same_phone: None };
        *slot = Some(Arc::new(WakeTarget { switched_off, history, ..from_offer(offered, at) }));
        return true;
    }
    let corrects_environment = match known.health {
        TargetHealth::Suspect { .. } => known.environment != offered.environment,
        TargetHealth::Good | TargetHealth::Revoked { .. } | TargetHealth::Moved { .. } => false,
    };
    let comes_back = match known.health {
        TargetHealth::Moved { .. } => true,
        TargetHealth::Good | TargetHealth::Revoked { .. } | TargetHealth::Suspect { .. } => false,
    };
    let same_tokens = known.call_token == offered.call_token && known.notice_token == offered.notice_token;
    if same_tokens && known.switched_off == switched_off && !corrects_environment && !comes_back {
        return false;
    }
    let target = Arc::make_mut(known);
    target.call_token.clone_from(&offered.call_token);
    target.notice_token.clone_from(&offered.notice_token);
    target.switched_off = switched_off;
    if corrects_environment {
        target.environment = offered.environment;
    }
    if corrects_environment || comes_back {
        target.health = TargetHealth::Good;
    }
    true
}

/// What is remembered of a token that makes room for another one. A record of the same token for another app leaves nothing.
fn replaced(known: &WakeTarget, offered: &OfferedTarget, at: UnixMillis) -> Option<ReplacedToken> {
    if offered.is_token_of(known) {
        return known.history.replaced.clone();
    }
    Some(ReplacedToken {
        fingerprint: shown_token(known.provider, call_token(known)?),
        provider: known.provider,
        app_id: known.app_id.clone(),
        learned_at: known.learned_at,
        at,
    })
}

fn from_offer(offered: &OfferedTarget, at: UnixMillis) -> WakeTarget {
    WakeTarget {
        provider: offered.provider,
        app_id: offered.app_id.to_string(),
        environment: offered.environment,
        call_token: offered.call_token.clone(),
        notice_token: offered.notice_token.clone(),
        learned_at: at,
        health: TargetHealth::Good,
        switched_off: None,
        history: TokenHistory::default(),
    }
}

/// The device registered without its token: it wants no pushes (RFC 8599 section 4.1.2). True when that is new.
pub(super) fn switch_off_by_device(slot: &mut Option<Arc<WakeTarget>>) -> bool {
    match slot {
        Some(target) if target.switched_off.is_none() && !is_reported(target.provider) => {
            Arc::make_mut(target).switched_off = Some(SwitchedOffBy::Device);
            true
        }
        Some(_) | None => false,
    }
}

/// The registration that the target was good for is over (push policy `rfc8599`). True when that is new.
pub(super) fn end_with_registration(slot: &mut Option<Arc<WakeTarget>>) -> bool {
    match slot {
        Some(target) if target.switched_off.is_none() => {
            Arc::make_mut(target).switched_off = Some(SwitchedOffBy::RegistrationEnd);
            true
        }
        Some(_) | None => false,
    }
}

/// The target no longer depends on the registration (push policy `app`). True when that switched it on again.
pub(super) fn outlive_registration(slot: &mut Option<Arc<WakeTarget>>) -> bool {
    match slot {
        Some(target) if target.switched_off == Some(SwitchedOffBy::RegistrationEnd) => {
            Arc::make_mut(target).switched_off = None;
            true
        }
        Some(_) | None => false,
    }
}

/// Whether a push may ask the device to register again: it needs a token that starts the app without showing a call.
///
/// An APNs token for calls cannot: iOS stops an app that takes a VoIP push without showing a call.
pub(super) fn can_be_refreshed(target: &WakeTarget) -> bool {
    match target.provider {
        PushProvider::Apns => target.notice_token.is_some(),
        PushProvider::Fcm | PushProvider::WebPush | PushProvider::Hms => true,
        // The mediator knows no push that only makes an app register.
        PushProvider::Acrobits => false,
    }
}

/// What a provider's answer does to the target it was given for. True when anything changed.
///
/// It counts only when the token that was used is still the current one. Only the token for calls decides about the health:
/// a notice token may die alone, and a device that can be called must not become unreachable by that.
pub fn judge(target: &mut Arc<WakeTarget>, report: &WakeReport, verdict: &Verdict) -> bool {
    let used = &report.target;
    let same_app = used.provider == target.provider && used.app_id == target.app_id;
    let token = token_used(used, report.kind);
    if !same_app || token.is_none() || token != token_used(target, report.kind) {
        return false;
    }
    let decides = token == call_token(target);
    match verdict {
        Verdict::Accepted => match target.health {
            TargetHealth::Suspect { .. } if decides => set_health(target, TargetHealth::Good),
            TargetHealth::Suspect { .. }
            | TargetHealth::Good
            | TargetHealth::Revoked { .. }
            | TargetHealth::Moved { .. } => false,
        },
        Verdict::TokenGone { since, why } => {
            let since = since.unwrap_or(report.at);
            decides && since >= target.learned_at && !is_over(target) && {
                set_health(target, TargetHealth::Revoked { since, why: why.clone() })
            }
        }
        Verdict::TokenWrong { accepted_in: Some(environment), .. } => {
            let changed = target.environment != *environment;
            if changed {
                Arc::make_mut(target).environment = *environment;
            }
            let healed = decides && !is_over(target) && set_health(target, TargetHealth::Good);
            changed || healed
        }
        Verdict::TokenWrong { why, accepted_in: None } => {
            // The delivery has tried Apple's other host before it gives this verdict; other providers have none.
            let other_environment_tried = target.provider == PushProvider::Apns;
            decides && !is_over(target) && {
                set_health(target, TargetHealth::Suspect { why: why.clone(), other_environment_tried })
            }
        }
        Verdict::RetryAfter { .. } | Verdict::Misconfigured { .. } | Verdict::Refused { .. } => false,
    }
}

/// Whether no push is tried with it any more, whatever a provider says of earlier ones.
fn is_over(target: &WakeTarget) -> bool {
    match target.health {
        TargetHealth::Revoked { .. } | TargetHealth::Moved { .. } => true,
        TargetHealth::Good | TargetHealth::Suspect { .. } => false,
    }
}

fn set_health(target: &mut Arc<WakeTarget>, health: TargetHealth) -> bool {
    let changed = target.health != health;
    if changed {
        Arc::make_mut(target).health = health;
    }
    changed
}

/// The state in one word. What hinders a wake is said first, also while a live binding exists.
pub(super) fn state(target: &WakeTarget, live: bool, push_enabled: bool) -> WakeState {
    if !push_enabled || target.switched_off.is_some() {
        return WakeState::SwitchedOff;
    }
    match target.health {
        TargetHealth::Revoked { .. } => WakeState::Revoked,
        TargetHealth::Moved { .. } => WakeState::Moved,
        TargetHealth::Suspect { .. } => WakeState::Suspect,
        TargetHealth::Good if live => WakeState::Resting,
        TargetHealth::Good => WakeState::Armed,
    }
}

/// Whether a wake may be tried with it.
pub(super) fn is_usable(target: &WakeTarget, push_enabled: bool) -> bool {
    match state(target, false, push_enabled) {
        WakeState::Armed | WakeState::Resting | WakeState::Suspect => true,
        WakeState::Revoked | WakeState::Moved | WakeState::Displaced | WakeState::SwitchedOff => false,
    }
}
