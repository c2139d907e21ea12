use pbx_core::model::{Redacted, SwitchedOffBy};

use super::*;
use crate::reach::tests::device;

const NOW: UnixMillis = UnixMillis(1_795_000_000_000);

/// A sleeping app that was seen so many days ago.
fn seen(id: i64, app: &str, days: u32) -> DeviceSummary {
    let mut device = device(id, PushProvider::Fcm, app, Presence::ReachableByPush);
    device.last_seen_at = NOW - DAY * days;
    device
}

fn with_health(mut device: DeviceSummary, health: TargetHealth) -> DeviceSummary {
    if let Some(target) = &mut device.wake_target {
        target.health = health;
    }
    device
}

fn states(rows: &[TokenRow]) -> Vec<(i64, TokenState)> {
    rows.iter().map(|row| (row.device.0, row.state)).collect()
}

fn office() -> Vec<DeviceSummary> {
    let mut off = seen(5, "com.example.app", 100);
    let mut renewed = seen(6, "com.example.app", 1);
    if let (Some(off), Some(renewed)) = (&mut off.wake_target, &mut renewed.wake_target) {
        off.switched_off = Some(SwitchedOffBy::Admin);
        renewed.call_token = Some(Redacted::new("sha256:ffffffffffff".into()));
        renewed.history.replaced = Some(ReplacedToken {
            fingerprint: "sha256:0123456789ab".into(),
            provider: PushProvider::Fcm,
            app_id: "com.example.beta".into(),
            learned_at: NOW - DAY * 300,
            at: NOW - DAY,
        });
    }
    let moved = TargetHealth::Moved { to: "102".parse().unwrap(), device: DeviceId(9), at: NOW };
    vec![
        seen(1, "com.example.app", 3),
        with_health(
            seen(2, "acme", 3),
            TargetHealth::Suspect { why: "SENDER_ID_MISMATCH".into(), other_environment_tried: false },
        ),
        with_health(seen(3, "acme", 90), TargetHealth::Revoked { since: NOW, why: "UNREGISTERED".into() }),
        seen(4, "com.example.app", 31),
        off,
        renewed,
        with_health(seen(7, "com.example.app", 2), moved),
    ]
}

#[test]
fn every_token_has_the_state_that_matters_and_a_replaced_one_names_its_successor() {
    let rows = TokenFilter::default().apply(tokens(&office(), 30, NOW));
    assert_eq!(
        states(&rows),
        [
            (2, TokenState::Suspect),
            (3, TokenState::Revoked),
            (4, TokenState::Unseen),
            (7, TokenState::Moved),
            (5, TokenState::SwitchedOff),
            (6, TokenState::Replaced),
            (1, TokenState::Live),
            (6, TokenState::Live),
        ]
    );
    assert_eq!((rows[1].why.as_str(), rows[1].since), ("UNREGISTERED", Some(NOW)), "the provider's words and time");
    assert_eq!(rows[3].moved_to, Some("102".parse().unwrap()));
    let replaced = &rows[5];
    assert_eq!((replaced.token.as_str(), replaced.replaced_by.as_deref()), ("0123456789ab", Some("ffffffffffff")));
    assert_eq!(replaced.app_id, "com.example.beta");
    assert_eq!(counts(&rows)["live"], 2);
}

#[test]
fn a_token_is_unseen_from_the_day_the_setting_says_and_never_while_its_phone_is_registered() {
    let state = |device: &DeviceSummary, days| tokens(std::slice::from_ref(device), days, NOW)[0].state;
    let phone = seen(1, "acme", 30);
    assert_eq!((state(&phone, 30), state(&phone, 31)), (TokenState::Unseen, TokenState::Live));
    let awake = DeviceSummary { presence: Presence::Registered, ..phone };
    assert_eq!(state(&awake, 1), TokenState::Live);
}

#[test]
fn filters_search_and_order_work_together() {
    let rows = tokens(&office(), 30, NOW);
    let filtered = |filter: TokenFilter| states(&filter.apply(rows.clone()));
    let only = |state| TokenFilter { state: Some(state), ..TokenFilter::default() };
    assert_eq!(filtered(only(TokenState::Revoked)), [(3, TokenState::Revoked)]);
    let of_app = TokenFilter { app: Some("acme".into()), ..TokenFilter::default() };
    assert_eq!(filtered(of_app.clone()).len(), 2);
    assert_eq!(filtered(TokenFilter { unseen_days: Some(90), ..of_app }), [(3, TokenState::Revoked)]);
    let found = TokenFilter { search: Some(" 0123 ".into()), ..TokenFilter::default() };
    assert_eq!(filtered(found), [(6, TokenState::Replaced)]);
    let oldest = TokenFilter { sort: Some(TokenSort::LastSeen), ..TokenFilter::default() };
    assert_eq!(filtered(oldest.clone())[0].0, 5);
    assert_eq!(filtered(TokenFilter { descending: Some(true), ..oldest }).last().unwrap().0, 5);
    let of_apple = TokenFilter { provider: Some(PushProvider::Apns), ..TokenFilter::default() };
    assert!(filtered(of_apple).is_empty());
}

#[test]
fn a_token_of_two_extensions_is_found_as_shared() {
    let mut one = seen(1, "acme", 1);
    one.token_elsewhere =
        vec![TokenHolder { extension: "102".parse().unwrap(), device: DeviceId(9), same_phone: false }];
    let rows = tokens(&[one, seen(2, "acme", 1)], 30, NOW);
    let shared = |shared| TokenFilter { shared: Some(shared), ..TokenFilter::default() }.apply(rows.clone());
    assert_eq!((shared(true)[0].device, shared(false)[0].device), (DeviceId(1), DeviceId(2)));
}
