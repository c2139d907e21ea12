//! Every provider against every fault: what the wake ends with, whether and when it is tried again, what becomes of the
//! phone's record, and what the admin reads.

pub(super) mod provider;

use std::sync::Arc;
use std::time::{Duration, Instant};

use pbx_core::model::{TargetHealth, UnixMillis, Verdict, WakeEvent, WakeKind, WakeReport, WakeTarget};
use pbx_core::registrar::judge;

use super::office::{gave_up, verdicts};
use crate::AlarmCode;
use crate::standin::{PeerAnswer, PeerFault};
use provider::EVERYBODY;
pub(super) use provider::{Scene, Who};

/// Longest that a row may take beyond what the fault itself costs: the machine has other work.
const SLACK: Duration = Duration::from_secs(2);

/// What a call saw.
struct Seen {
    events: Vec<WakeEvent>,
    took: Duration,
    requests: u64,
    record: &'static str,
    alarms: Vec<(AlarmCode, String)>,
}

impl Seen {
    fn accepted(&self) -> bool {
        verdicts(&self.events).last() == Some(&Verdict::Accepted)
    }

    fn attempts(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, WakeEvent::Sent { .. })).count()
    }

    /// The words of the last answer or of the end.
    fn why(&self) -> String {
        match self.events.last() {
            Some(WakeEvent::GaveUp { why, .. }) => why.clone(),
            Some(WakeEvent::Sent { .. } | WakeEvent::Answered { .. }) | None => String::new(),
        }
    }

    fn alarm(&self, code: AlarmCode) -> &str {
        self.alarms.iter().find(|(it, _)| *it == code).map(|(_, text)| text.as_str()).unwrap_or_default()
    }

    #[track_caller]
    fn is_accepted_after(&self, requests: u64, row: &str) {
        assert!(self.accepted(), "{row}: {:?}", self.events);
        assert_eq!((self.requests, self.record), (requests, "good"), "{row}: {:?}", self.events);
    }

    #[track_caller]
    fn is_given_up(&self, code: &str, requests: u64, record: &str, row: &str) {
        assert_eq!(gave_up(&self.events), Some(code), "{row}: {:?}", self.events);
        assert_eq!((self.requests, self.record), (requests, record), "{row}: {:?}", self.events);
        let why = self.why();
        assert!(why.len() > 20 && !why.contains("aa11aa11") && !why.contains("ya29"), "{row}: {why}");
    }
}

impl Scene {
    async fn call(&mut self) -> Seen {
        let before = self.peer.requests();
        let request = self.office.request(WakeKind::Call, self.target.clone(), Duration::from_secs(30));
        let wake_id = request.wake_id;
        #[expect(clippy::disallowed_methods, reason = "the test measures the real thing")]
        let began = Instant::now();
        self.office.send(request.clone()).await;
        let events = self.office.events_of(wake_id).await;
        let took = began.elapsed();
        let mut record = Arc::new(self.target.clone());
        for verdict in verdicts(&events) {
            let report = WakeReport {
                wake_id,
                call: request.call,
                device: request.device,
                target: Arc::clone(&request.target),
                kind: request.kind,
                at: UnixMillis(1_800_000_000_000),
                event: WakeEvent::Sent { attempt: 1 },
            };
            judge(&mut record, &report, &verdict);
        }
        let health = self.office.gateway.health();
        let alarms = health[0].alarms.iter().map(|alarm| (alarm.code, alarm.text.clone())).collect();
        Seen { events, took, requests: self.peer.requests() - before, record: state_of(&record), alarms }
    }

    async fn call_after(&mut self, fault: &PeerFault, times: usize) -> Seen {
        self.peer.script(fault, times);
        self.call().await
    }
}

fn state_of(target: &WakeTarget) -> &'static str {
    match target.health {
        TargetHealth::Good => "good",
        TargetHealth::Suspect { .. } => "suspect",
        TargetHealth::Revoked { .. } => "revoked",
        TargetHealth::Moved { .. } => "moved",
    }
}

fn says(answer: PeerAnswer) -> PeerFault {
    PeerFault::Answer(answer)
}

/// Troubles of a phone's own push service are not shown as troubles of our key.
fn has_alarms(who: Who) -> bool {
    who != Who::WebPush
}

#[tokio::test]
async fn a_connection_that_takes_leave_costs_nothing_and_one_that_breaks_costs_one_repeat() {
    for who in EVERYBODY {
        let mut scene = Scene::of(who).await;
        scene.call_after(&PeerFault::AnswerAndGoAway, 1).await.is_accepted_after(1, &format!("{who:?} leave"));
        let seen = scene.call().await;
        seen.is_accepted_after(1, &format!("{who:?} after leave"));
        assert_eq!(seen.attempts(), 1, "{who:?}: a new connection without a lost attempt");
        for fault in [PeerFault::GoAway, PeerFault::ResetStream, PeerFault::ResetConnection] {
            let seen = scene.call_after(&fault, 1).await;
            let row = format!("{who:?} {fault:?}");
            seen.is_accepted_after(2, &row);
            assert!(seen.took < SLACK && seen.alarms.is_empty(), "{row}: {:?} {:?}", seen.took, seen.alarms);
        }
    }
}

#[tokio::test]
async fn a_black_hole_and_an_answer_that_dribbles_are_left_after_three_seconds() {
    let rows = EVERYBODY.into_iter().flat_map(|who| [(who, PeerFault::BlackHole), (who, PeerFault::Dribble)]);
    let rows = rows.map(|(who, fault)| async move {
        let mut scene = Scene::of(who).await;
        let seen = scene.call_after(&fault, 1).await;
        let row = format!("{who:?} {fault:?}");
        seen.is_accepted_after(2, &row);
        assert!(
            seen.took >= Duration::from_secs(3) && seen.took < Duration::from_secs(3) + SLACK,
            "{row}: {:?}",
            seen.took
        );
    });
    all(rows).await;
}

#[tokio::test]
async fn after_a_quiet_night_the_first_call_is_pushed_within_three_and_a_half_seconds() {
    let rows = EVERYBODY.into_iter().map(|who| async move {
        let mut scene = Scene::of(who).await;
        scene.call().await.is_accepted_after(1, &format!("{who:?} evening"));
        scene.peer.silence_connections();
        let seen = scene.call().await;
        seen.is_accepted_after(1, &format!("{who:?} morning"));
        assert!(seen.took < Duration::from_millis(3500), "{who:?}: {:?}", seen.took);
        let next = scene.call().await;
        assert!(next.accepted() && next.attempts() == 1, "{who:?}: nobody pays for it again: {:?}", next.events);
    });
    all(rows).await;
}

#[tokio::test]
async fn retry_after_is_kept_in_seconds_and_as_a_date_while_the_caller_rings_and_named_when_it_is_too_long() {
    let rows = EVERYBODY.into_iter().map(|who| async move {
        let mut scene = Scene::of(who).await;
        let seen = scene.call_after(&says(who.slows_down("1")), 1).await;
        seen.is_accepted_after(2, &format!("{who:?} seconds"));
        assert!(seen.took >= Duration::from_secs(1), "{who:?}: {:?}", seen.took);
        assert_eq!(seen.alarm(AlarmCode::Quota).is_empty(), !has_alarms(who), "{who:?}: {:?}", seen.alarms);
        // A date says whole seconds, so three of them are more than two.
        #[expect(clippy::disallowed_methods, reason = "a date needs the wall clock")]
        let soon = std::time::SystemTime::now() + Duration::from_secs(3);
        let seen = scene.call_after(&says(who.slows_down(&httpdate::fmt_http_date(soon))), 1).await;
        seen.is_accepted_after(2, &format!("{who:?} date"));
        assert!(seen.took >= Duration::from_secs(1), "{who:?}: {:?}", seen.took);
        let seen = scene.call_after(&says(who.slows_down("600")), 1).await;
        seen.is_given_up("provider_busy", 1, "good", &format!("{who:?} long"));
    });
    all(rows).await;
}

#[tokio::test]
async fn a_provider_in_trouble_gets_one_repeat_and_is_named_when_it_stays_so() {
    let page = "<!DOCTYPE html><title>Error 502</title><p>The server encountered a temporary error.";
    let rows = EVERYBODY.into_iter().map(|who| async move {
        let mut scene = Scene::of(who).await;
        let huge = PeerAnswer::new(500, vec![b'x'; 1024 * 1024]);
        let answers = [who.is_ill(500), who.is_ill(503), PeerAnswer::new(502, page), huge];
        for answer in &answers {
            let row = format!("{who:?} {}", answer.status);
            scene.call_after(&says(answer.clone()), 1).await.is_accepted_after(2, &row);
        }
        for answer in &answers[..3] {
            let seen = scene.call_after(&says(answer.clone()), 2).await;
            seen.is_given_up("provider_busy", 2, "good", &format!("{who:?} stays {}", answer.status));
            let text = seen.alarm(AlarmCode::ProviderBusy);
            assert_eq!(text.is_empty(), !has_alarms(who), "{who:?}: {:?}", seen.alarms);
        }
    });
    all(rows).await;
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for who in EVERYBODY {
        let mut scene = Scene::of(who).await;
        let elsewhere = PeerAnswer::new(307, "").with("location", format!("{}/elsewhere", scene.peer.url()));
        let seen = scene.call_after(&says(elsewhere), 1).await;
        let code = match who {
            Who::Apple | Who::Google | Who::Huawei | Who::WebPush => "refused",
            Who::Acrobits => "acrobits_address",
            Who::Relay => "webhook_address",
        };
        seen.is_given_up(code, 1, "good", &format!("{who:?} redirect"));
    }
}

#[tokio::test]
async fn what_a_provider_says_of_a_token_decides_about_the_record_and_not_about_the_key() {
    for who in EVERYBODY {
        let mut scene = Scene::of(who).await;
        let seen = scene.call_after(&says(who.says_gone()), 1).await;
        seen.is_given_up("token_gone", 1, "revoked", &format!("{who:?} gone"));
        assert!(seen.alarms.is_empty(), "{who:?}: {:?}", seen.alarms);
        if let Some(wrong) = who.says_wrong() {
            let seen = scene.call_after(&says(wrong), 1).await;
            seen.is_given_up("token_wrong", 1, "suspect", &format!("{who:?} wrong"));
            assert!(seen.alarms.is_empty(), "{who:?}: {:?}", seen.alarms);
        }
    }
}

#[tokio::test]
async fn a_proof_of_identity_that_expired_is_renewed_where_that_helps_and_named_where_not() {
    for who in EVERYBODY {
        let mut scene = Scene::of(who).await;
        let seen = scene.call_after(&says(who.says_expired()), 1).await;
        let row = format!("{who:?} expired");
        match who {
            // Its token was made just now: another one would be as old in Apple's eyes.
            Who::Apple => {
                seen.is_given_up("apns_clock", 1, "good", &row);
                assert!(seen.alarm(AlarmCode::ClockSkew).contains("Apple"), "{:?}", seen.alarms);
            }
            Who::Google | Who::Huawei | Who::WebPush => seen.is_accepted_after(2, &row),
            Who::Acrobits => {
                seen.is_given_up("acrobits_refused", 1, "good", &row);
                assert!(seen.alarm(AlarmCode::CredentialRefused).contains("Acrobits"), "{:?}", seen.alarms);
            }
            Who::Relay => {
                seen.is_given_up("webhook_signature", 1, "good", &row);
                assert!(seen.alarm(AlarmCode::CredentialRefused).contains("signature"), "{:?}", seen.alarms);
            }
        }
    }
}

#[tokio::test]
async fn a_key_that_was_revoked_is_named_and_not_tried_again() {
    for who in EVERYBODY {
        let mut scene = Scene::of(who).await;
        if matches!(who, Who::Google | Who::Huawei) {
            let entry = scene.office.gateway.shared.entries()[0].clone();
            // The sign-in that began when the credential was added may still be under way.
            scene.call().await;
            scene.peer.answer_sign_in(who.says_revoked());
            entry.line.as_ref().unwrap().forget_access_token().await;
        }
        let seen = scene.call_after(&says(who.says_revoked()), 2).await;
        let (code, requests, alarm) = match who {
            Who::Apple => ("apns_key", 1, AlarmCode::KeyRefused),
            Who::Google => ("fcm_key", 0, AlarmCode::KeyRefused),
            Who::Huawei => ("hms_key", 0, AlarmCode::KeyRefused),
            Who::WebPush => ("webpush_signature", 2, AlarmCode::CredentialRefused),
            Who::Acrobits => ("acrobits_refused", 1, AlarmCode::CredentialRefused),
            Who::Relay => ("webhook_signature", 1, AlarmCode::CredentialRefused),
        };
        seen.is_given_up(code, requests, "good", &format!("{who:?} revoked"));
        assert!(!seen.alarm(alarm).is_empty(), "{who:?}: {:?}", seen.alarms);
    }
}

#[tokio::test]
async fn a_clock_that_is_ten_minutes_off_is_measured_and_named() {
    for who in EVERYBODY {
        let mut scene = Scene::of(who).await;
        if who == Who::Google {
            scene.call().await;
            scene.peer.answer_sign_in(who.says_not_from_now());
            scene.office.gateway.shared.entries()[0].line.as_ref().unwrap().forget_access_token().await;
        }
        // Its clock is right and ours ahead.
        scene.peer.set_clock_ahead(-600);
        if who == Who::Huawei {
            // Its sign-in takes a secret and looks at no clock, so calls get through and the clock is named all the same.
            let seen = scene.call().await;
            assert!(
                seen.accepted() && seen.alarm(AlarmCode::ClockSkew).contains("10 minutes fast"),
                "{:?}",
                seen.alarms
            );
            continue;
        }
        let seen = scene.call_after(&says(who.says_not_from_now()), 2).await;
        let row = format!("{who:?}: {:?} {:?}", seen.alarms, seen.events);
        let code = match who {
            Who::Apple => "apns_key",
            Who::Google => "fcm_clock",
            Who::Huawei => "",
            Who::WebPush => "webpush_signature",
            Who::Acrobits => "acrobits_refused",
            Who::Relay => "webhook_signature",
        };
        assert_eq!(gave_up(&seen.events), Some(code), "{row}");
        let measured = seen.alarm(AlarmCode::ClockSkew);
        match who {
            Who::Apple | Who::Google | Who::Huawei | Who::Acrobits => {
                assert!(measured.contains("10 minutes fast"), "{row}")
            }
            // Its clock may be as wrong as ours.
            Who::WebPush | Who::Relay => assert!(measured.is_empty(), "{row}"),
        }
        assert!(seen.alarm(AlarmCode::KeyRefused).is_empty(), "a good key is not accused: {row}");
    }
    // The other way round, while pushes are taken: told before they are refused.
    let mut scene = Scene::of(Who::Apple).await;
    scene.peer.set_clock_ahead(600);
    let seen = scene.call().await;
    assert!(seen.accepted() && seen.alarm(AlarmCode::ClockSkew).contains("10 minutes slow"), "{:?}", seen.alarms);
    assert_eq!(scene.office.gateway.health()[0].clock_skew_seconds.map(|it| (it + 600).abs() <= 2), Some(true));
    scene.peer.set_clock_ahead(0);
    assert!(scene.call().await.alarms.is_empty(), "over when the clock is right again");
}

#[tokio::test]
async fn a_wrong_certificate_and_a_name_that_is_not_there_are_told_apart() {
    let rows = EVERYBODY.into_iter().map(|who| async move {
        let seen = Scene::with_a_wrong_certificate(who).await.call().await;
        seen.is_given_up("unreachable", 0, "good", &format!("{who:?} certificate"));
        assert!(seen.why().contains("which this machine does not trust"), "{who:?}: {}", seen.why());
        let seen = Scene::with_a_name_that_is_not_there(who).await.call().await;
        seen.is_given_up("unreachable", 0, "good", &format!("{who:?} name"));
        assert!(seen.why().contains("cannot be looked up"), "{who:?}: {}", seen.why());
        let code = if has_alarms(who) { AlarmCode::Unreachable } else { AlarmCode::ServiceUnreachable };
        assert!(!seen.alarm(code).is_empty(), "{who:?}: {:?}", seen.alarms);
    });
    all(rows).await;
}

/// All rows at once.
pub(super) async fn all<F: Future<Output = ()>>(rows: impl Iterator<Item = F>) {
    let mut rows: Vec<_> = rows.map(Box::pin).collect();
    std::future::poll_fn(|cx| {
        rows.retain_mut(|row| row.as_mut().poll(cx).is_pending());
        if rows.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}
