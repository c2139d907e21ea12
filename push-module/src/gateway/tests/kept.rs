use pbx_core::model::{Verdict, WakeKind};

use super::office::{Office, apns_target, apple, gave_up, verdicts};
use crate::CredentialKind;
use crate::standin::{AnyToken, ApnsFault};

#[tokio::test]
async fn how_push_did_outlives_a_restart_and_a_removed_credential_leaves_only_its_total() {
    let mut office = Office::open().await;
    let apple = apple(&office).await;
    assert_eq!(verdicts(&office.wake(WakeKind::Call, apns_target()).await), [Verdict::Accepted]);
    apple.script(AnyToken, ApnsFault::InvalidProviderToken, 1);
    assert_eq!(gave_up(&office.wake(WakeKind::Call, apns_target()).await), Some("apns_key"));
    let before = office.gateway.health().remove(0);
    let mut office = office.restart().await;
    let after = office.gateway.health().remove(0);
    assert!(before.last_success.is_some() && before.last_failure.is_some());
    assert_eq!((after.last_success, &after.last_failure), (before.last_success, &before.last_failure));
    assert_eq!((after.attempts.accepted, after.attempts.misconfigured), (1, 1));
    assert_eq!(after.state.as_str(), "untried", "what was wrong yesterday is no alarm today");
    assert_eq!(verdicts(&office.wake(WakeKind::Call, apns_target()).await), [Verdict::Accepted]);
    assert_eq!(office.gateway.attempts()[&CredentialKind::Apns].accepted, 2);
    office.gateway.remove_credential(after.id).await.unwrap();
    let office = office.restart().await;
    assert!(office.gateway.health().is_empty());
    assert_eq!(office.gateway.attempts()[&CredentialKind::Apns].accepted, 2);
}
