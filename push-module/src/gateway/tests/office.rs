//! A small office: a database, a gateway and both stand-ins.

use std::sync::Arc;
use std::time::Duration;

use pbx_core::model::{
    CallId, CallUuid, DeviceId, Environment, ExtensionNumber, PushProvider, Redacted, TargetHealth, TokenHistory,
    UnixMillis, Verdict, WakeEvent, WakeId, WakeKind, WakeReport, WakeRequest, WakeTarget,
};
use pbx_core::store::Store;
use pbx_core::store::sql::query_scalar;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::gateway::clock::Clock;
use crate::standin::{ApnsStandin, FcmStandin};
use crate::{CredentialSummary, Gateway, GatewayInput, NewCredential};

pub(super) const APP: &str = "com.example.phone";
pub(super) const PROJECT: &str = "example-phone";
pub(super) const CALL_TOKEN: &str = "aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11";
pub(super) const NOTICE_TOKEN: &str = "bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22";
pub(super) const FCM_TOKEN: &str = "fcm-Token_1:APA91bExample";

pub(super) struct Office {
    pub(super) dir: TempDir,
    pub(super) store: Store,
    pub(super) gateway: Gateway,
    requests: mpsc::Sender<GatewayInput>,
    reports: mpsc::Receiver<WakeReport>,
    driver: JoinHandle<()>,
    next: u128,
}

impl Office {
    pub(super) async fn open() -> Self {
        Self::open_in(tempfile::tempdir().unwrap()).await
    }

    pub(super) async fn open_in(dir: TempDir) -> Self {
        let store = Store::open_for_test(dir.path()).await.unwrap();
        let (requests, received) = mpsc::channel(1024);
        let (sent, reports) = mpsc::channel(1024);
        let (gateway, driver) = Gateway::start(store.clone(), received, sent).await.unwrap();
        Self { dir, store, gateway, requests, reports, driver, next: 1 }
    }

    /// Stops the gateway and starts a new one on the same data.
    pub(super) async fn restart(self) -> Self {
        let Self { dir, store, requests, driver, next, gateway, .. } = self;
        drop(requests);
        driver.await.unwrap();
        store.close().await;
        // The data belongs to one process: the last copy of the store gives it free.
        drop((gateway, store));
        let mut office = Self::open_in(dir).await;
        office.next = next;
        office
    }

    pub(super) async fn add(&self, new: NewCredential) -> CredentialSummary {
        self.gateway.add_credential(new).await.unwrap()
    }

    /// A wake for a device that has not been woken before.
    pub(super) fn request(&mut self, kind: WakeKind, target: WakeTarget, ring: Duration) -> WakeRequest {
        let number = self.next;
        self.next += 1;
        let now = Clock::start().now().wall;
        WakeRequest {
            wake_id: WakeId(Uuid::from_u128(0x1000 + number)),
            call: (!matches!(kind, WakeKind::Test | WakeKind::Refresh))
                .then_some(CallId(i64::try_from(number).unwrap())),
            call_uuid: CallUuid(Uuid::from_u128(0x2000 + number)),
            kind,
            device: DeviceId(i64::try_from(number).unwrap()),
            extension: "101".parse::<ExtensionNumber>().unwrap(),
            target: Arc::new(target),
            caller_number: "0301234567".to_owned(),
            caller_name: "Alice Ärger".to_owned(),
            has_video: false,
            ringing_url: None,
            sent_at: now,
            expires_at: now + ring,
        }
    }

    pub(super) async fn send(&self, request: WakeRequest) {
        self.requests.send(GatewayInput::Wake(request)).await.unwrap();
    }

    pub(super) async fn stop(&self, call: CallId) {
        self.requests.send(GatewayInput::StopWakes(call)).await.unwrap();
    }

    pub(super) async fn report(&mut self) -> WakeReport {
        tokio::time::timeout(Duration::from_secs(20), self.reports.recv()).await.expect("a report in time").unwrap()
    }

    /// Every event of this wake until it has ended.
    pub(super) async fn events_of(&mut self, wake_id: WakeId) -> Vec<WakeEvent> {
        let mut events = Vec::new();
        loop {
            let report = self.report().await;
            assert_eq!(report.wake_id, wake_id, "a report of another wake");
            let over = is_end(&report.event);
            events.push(report.event);
            if over {
                return events;
            }
        }
    }

    /// Sends a wake and waits for its end.
    pub(super) async fn wake(&mut self, kind: WakeKind, target: WakeTarget) -> Vec<WakeEvent> {
        let request = self.request(kind, target, Duration::from_secs(30));
        let wake_id = request.wake_id;
        self.send(request).await;
        self.events_of(wake_id).await
    }

    /// Waits until the database holds what `question` asks for.
    pub(super) async fn stored(&self, question: &'static str) -> i64 {
        loop {
            let found: Option<i64> = query_scalar(question).fetch_optional(self.store.reader()).await.unwrap();
            match found {
                Some(found) => return found,
                None => tokio::task::yield_now().await,
            }
        }
    }
}

/// Accepted or given up.
fn is_end(event: &WakeEvent) -> bool {
    match event {
        WakeEvent::Sent { .. } => false,
        WakeEvent::GaveUp { .. } => true,
        WakeEvent::Answered { verdict, .. } => match verdict {
            Verdict::Accepted | Verdict::TokenWrong { accepted_in: Some(_), .. } => true,
            Verdict::TokenWrong { accepted_in: None, .. }
            | Verdict::RetryAfter { .. }
            | Verdict::TokenGone { .. }
            | Verdict::Misconfigured { .. }
            | Verdict::Refused { .. } => false,
        },
    }
}

pub(super) fn apns_target() -> WakeTarget {
    WakeTarget {
        provider: PushProvider::Apns,
        app_id: APP.to_owned(),
        environment: Environment::Production,
        call_token: Some(Redacted::new(CALL_TOKEN.to_owned())),
        notice_token: Some(Redacted::new(NOTICE_TOKEN.to_owned())),
        learned_at: UnixMillis(1_700_000_000_000),
        health: TargetHealth::Good,
        switched_off: None,
        history: TokenHistory::default(),
    }
}

pub(super) fn fcm_target() -> WakeTarget {
    WakeTarget {
        provider: PushProvider::Fcm,
        app_id: PROJECT.to_owned(),
        call_token: Some(Redacted::new(FCM_TOKEN.to_owned())),
        notice_token: None,
        ..apns_target()
    }
}

/// A stand-in that knows the office's key and phone.
pub(super) async fn apple(office: &Office) -> ApnsStandin {
    let apple = ApnsStandin::start().await.unwrap();
    apple.register_token(CALL_TOKEN, &format!("{APP}.voip"), Environment::Production);
    apple.register_token(NOTICE_TOKEN, APP, Environment::Production);
    office.add(apple.new_credential(&[APP]).unwrap()).await;
    apple
}

/// A stand-in that knows the office's account and phone.
pub(super) async fn google(office: &Office) -> FcmStandin {
    let google = FcmStandin::start().await.unwrap();
    google.register_token(FCM_TOKEN, PROJECT);
    office.add(google.new_credential(PROJECT, Some("123456789012")).unwrap()).await;
    google
}

/// The verdict of every answer, in order.
pub(super) fn verdicts(events: &[WakeEvent]) -> Vec<Verdict> {
    events
        .iter()
        .filter_map(|event| match event {
            WakeEvent::Answered { verdict, .. } => Some(verdict.clone()),
            WakeEvent::Sent { .. } | WakeEvent::GaveUp { .. } => None,
        })
        .collect()
}

/// The code with which the wake was given up, if it was.
pub(super) fn gave_up(events: &[WakeEvent]) -> Option<&str> {
    events.iter().find_map(|event| match event {
        WakeEvent::GaveUp { code, .. } => Some(code.as_str()),
        WakeEvent::Sent { .. } | WakeEvent::Answered { .. } => None,
    })
}
