//! What the store promises: round trips, survival of a kill, sealed secrets, refusals with a text.

mod put_aside;

use std::collections::BTreeSet;

use bytes::Bytes;
use tempfile::TempDir;
use uuid::Uuid;

use super::sql::query;
use super::{Store, call_log};
use crate::model::{
    CallEnding, CallId, CallRecord, CallUuid, ConnectionId, DeviceId, DeviceKey, Environment, Extension, Flow, Ha1Md5,
    Ha1Sha256, LastWake, PushPolicy, PushProvider, Redacted, ReplacedToken, SamePhone, Settings, SipCredential,
    SwitchedOffBy, TargetHealth, TimelineEntry, TimelineStep, TokenHistory, Transport, UnixMillis, WakeKind,
    WakeTarget,
};
use crate::switchboard::output::{Change, ParkedCall, Restored, RingingPhone, StoredBinding, StoredDevice};

pub(super) const TOKEN: &str = "b1946ac92492d2347c6235b4d2611184b1946ac92492d2347c6235b4d2611184";
const NOTICE_TOKEN: &str = "591785b794601e212b260e25925636fd591785b794601e212b260e25925636fd";

pub(super) async fn open(directory: &TempDir) -> Store {
    Store::open_for_test(directory.path()).await.unwrap()
}

pub(super) fn extension(number: &str) -> Extension {
    Extension {
        number: number.parse().unwrap(),
        name: "Anna <Ärger> & Söhne".parse().unwrap(),
        email: Some("anna@example.com".parse().unwrap()),
        push_enabled: true,
        created_at: UnixMillis(1_790_000_000_001),
        phones_off_at: Some(UnixMillis(1_790_000_000_002)),
    }
}

pub(super) fn credential(username: &str, extension: &str) -> SipCredential {
    SipCredential {
        username: username.parse().unwrap(),
        extension: extension.parse().unwrap(),
        md5: Ha1Md5(*b"MD5-DIGEST-BYTES"),
        sha256: Ha1Sha256(*b"SHA-256-DIGEST-BYTES-SHA-256-DIG"),
    }
}

fn wake_target() -> WakeTarget {
    WakeTarget {
        provider: PushProvider::Apns,
        app_id: "com.example.phone".into(),
        environment: Environment::Sandbox,
        call_token: Some(Redacted::new(TOKEN.into())),
        notice_token: Some(Redacted::new(NOTICE_TOKEN.into())),
        learned_at: UnixMillis(1_790_000_000_002),
        health: TargetHealth::Suspect { why: "BadDeviceToken".into(), other_environment_tried: true },
        switched_off: Some(SwitchedOffBy::Admin),
        history: TokenHistory {
            replaced: Some(ReplacedToken {
                fingerprint: "sha256:0123456789ab".into(),
                provider: PushProvider::Fcm,
                app_id: "acme".into(),
                learned_at: UnixMillis(1),
                at: UnixMillis(2),
            }),
            same_phone: Some(SamePhone { extension: "102".parse().unwrap(), device: DeviceId(9) }),
        },
    }
}

fn last_wake() -> LastWake {
    LastWake {
        at: UnixMillis(1_790_000_000_003),
        kind: WakeKind::Call,
        outcome: "woke".into(),
        woke_after_ms: Some(812),
        accepted: true,
    }
}

pub(super) fn device(id: i64, extension: &str, wake_target: Option<WakeTarget>) -> StoredDevice {
    StoredDevice {
        id: DeviceId(id),
        extension: extension.parse().unwrap(),
        key: DeviceKey::from_instance(&format!("urn:uuid:{id}")),
        username: extension.parse().unwrap(),
        user_agent: "LinphoneiOS/5.2".into(),
        first_seen_at: UnixMillis(1_790_000_000_004),
        last_seen_at: UnixMillis(1_790_000_000_005),
        wake_target,
        last_wake: None,
        push_policy: PushPolicy::Rfc8599,
        registered_until: Some(UnixMillis(1_790_000_009_005)),
    }
}

pub(super) fn binding(device: i64) -> StoredBinding {
    StoredBinding {
        device: DeviceId(device),
        contact: format!("sip:101@192.0.2.7:5060;pn-prid={TOKEN}"),
        remote: "192.0.2.7:5060".parse().unwrap(),
        local: "[2001:db8::1]:5060".parse().unwrap(),
        path: vec!["<sip:edge.example.com;lr>".into(), "<sip:inner.example.com;lr>".into()],
        call_id: "abc@192.0.2.7".into(),
        cseq: u32::MAX,
        since: UnixMillis(1_790_000_000_006),
        expires_at: UnixMillis(1_790_003_600_006),
    }
}

pub(super) fn parked(call: i64) -> ParkedCall {
    ParkedCall {
        call: CallId(call),
        flow: Flow {
            transport: Transport::Tls,
            local: "192.0.2.1:5061".parse().unwrap(),
            remote: "192.0.2.7:40000".parse().unwrap(),
            connection: ConnectionId(u64::MAX),
        },
        invite: Bytes::from(format!("INVITE sip:102@pbx SIP/2.0\r\nContact: <sip:101@x;pn-prid={TOKEN}>\r\n\r\n")),
        to_tag: "tag1".into(),
        ring_until: UnixMillis(1_790_000_030_000),
        record: self::call(call, 1_790_000_000_000, None),
    }
}

fn ringing(call: i64) -> RingingPhone {
    RingingPhone {
        call: CallId(call),
        flow: Flow { transport: Transport::Udp, ..parked(call).flow },
        invite: Bytes::from_static(b"INVITE sip:101@192.0.2.7 SIP/2.0\r\n\r\n"),
    }
}

#[tokio::test]
async fn a_journal_line_that_a_crash_cut_short_counts_for_nothing_and_an_ended_call_is_gone() {
    use std::io::Write as _;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_for_test(folder.path()).await.unwrap();
    store
        .apply(&[Change::PutParked(parked(3)), Change::PutParked(parked(4)), Change::DeleteParked(CallId(3))])
        .await
        .unwrap();
    store.close().await;
    drop(store);
    let file = folder.path().join("parked.journal");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains(TOKEN), "the journal is sealed");
    let mut journal = std::fs::OpenOptions::new().append(true).open(&file).unwrap();
    journal.write_all(b"P 5 c2VhbGVk").unwrap();
    let store = Store::open_for_test(folder.path()).await.unwrap();
    assert_eq!(store.load().await.unwrap().parked, [parked(4)]);
    store.apply(&[Change::DeleteParked(CallId(4)), Change::PutParked(parked(6))]).await.unwrap();
    assert_eq!(store.load().await.unwrap().parked, [parked(6)], "what follows a line cut short is read");
}

#[tokio::test]
async fn phones_that_ring_stand_in_the_journal_until_their_call_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_for_test(folder.path()).await.unwrap();
    let noted = [parked(3)].map(Change::PutParked).into_iter().chain([ringing(3), ringing(4)].map(Change::PutRinging));
    store.apply(&noted.collect::<Vec<_>>()).await.unwrap();
    let restored = store.load().await.unwrap();
    assert_eq!((restored.parked, restored.ringing), (vec![parked(3)], vec![ringing(3), ringing(4)]));
    let text = std::fs::read_to_string(folder.path().join("parked.journal")).unwrap();
    assert_eq!(text.lines().map(|line| &line[..3]).collect::<Vec<_>>(), ["P 3", "R 3", "R 4"]);
    assert!(!text.contains("INVITE"), "the journal is sealed");
    store.apply(&[Change::DeleteParked(CallId(3))]).await.unwrap();
    let restored = store.load().await.unwrap();
    assert_eq!((restored.parked, restored.ringing), (vec![], vec![ringing(4)]));
}

#[tokio::test]
async fn the_journal_is_emptied_when_nobody_is_parked() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_for_test(folder.path()).await.unwrap();
    for id in 1..200 {
        store.apply(&[Change::PutParked(parked(id))]).await.unwrap();
        store.apply(&[Change::DeleteParked(CallId(id))]).await.unwrap();
    }
    assert!(std::fs::metadata(folder.path().join("parked.journal")).unwrap().len() < 70_000);
    assert!(store.load().await.unwrap().parked.is_empty());
}

pub(super) fn call(id: i64, started_at: i64, ending: Option<CallEnding>) -> CallRecord {
    CallRecord {
        id: CallId(id),
        uuid: CallUuid(Uuid::from_u128(u128::try_from(id).unwrap())),
        caller: "101".into(),
        caller_name: "Anna 50%".into(),
        callee: "102".into(),
        started_at: UnixMillis(started_at),
        answered_at: ending.map(|_| UnixMillis(started_at + 5)),
        ended_at: ending.map(|_| UnixMillis(started_at + 10)),
        ending,
        reason: "Anna hung up".into(),
        answered_by: ending.map(|_| DeviceId(7)),
        packets_from_caller: 1,
        packets_from_callee: u64::from(u32::MAX),
    }
}

fn entry(call: i64, at: i64, step: TimelineStep) -> TimelineEntry {
    TimelineEntry { call: CallId(call), at: UnixMillis(at), step, device: Some(DeviceId(7)), detail: "202 ms".into() }
}

/// One of everything, with every optional part present.
pub(super) fn everything() -> Vec<Change> {
    let mut with_wake = device(7, "101", Some(wake_target()));
    with_wake.last_wake = Some(last_wake());
    vec![
        Change::PutSettings(Settings { realm: "pbx.example.com".into(), ring_seconds: 45, ..Settings::default() }),
        Change::PutExtension(extension("101")),
        Change::PutCredential(credential("101", "101")),
        Change::PutDevice(with_wake),
        Change::PutUdpBinding(binding(7)),
        Change::PutParked(parked(3)),
    ]
}

fn assert_everything(restored: &Restored) {
    let mut with_wake = device(7, "101", Some(wake_target()));
    with_wake.last_wake = Some(last_wake());
    assert_eq!(restored.settings.realm, "pbx.example.com");
    assert_eq!(restored.settings.ring_seconds, 45);
    assert_eq!(restored.extensions, [extension("101")]);
    assert_eq!(restored.credentials, [credential("101", "101")]);
    assert_eq!(restored.devices, [with_wake]);
    assert_eq!(restored.udp_bindings, [binding(7)]);
    assert_eq!(restored.parked, [parked(3)]);
    assert_eq!((restored.last_call, restored.last_device), (3, 7));
}

#[tokio::test]
async fn an_empty_database_restores_to_the_defaults() {
    let directory = TempDir::new().unwrap();
    let restored = open(&directory).await.load().await.unwrap();
    assert_eq!(restored.settings, Settings::default());
    assert!(restored.extensions.is_empty() && restored.devices.is_empty());
    assert_eq!((restored.last_call, restored.last_device), (0, 0));
}

#[tokio::test]
async fn what_was_saved_is_loaded_again() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await;
    store.apply(&everything()).await.unwrap();
    assert_everything(&store.load().await.unwrap());
    store.close().await;
    drop(store);
    assert_everything(&open(&directory).await.load().await.unwrap());
}

#[tokio::test]
async fn saving_twice_replaces() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await;
    store.apply(&everything()).await.unwrap();
    let mut renamed = extension("101");
    renamed.name = "Berta".parse().unwrap();
    renamed.email = None;
    renamed.push_enabled = false;
    let mut moved = binding(7);
    moved.remote = "198.51.100.1:6000".parse().unwrap();
    let mut secret = credential("101", "101");
    secret.md5 = Ha1Md5([9; 16]);
    let bare = device(7, "101", None);
    store
        .apply(&[
            Change::PutExtension(renamed.clone()),
            Change::PutCredential(secret.clone()),
            Change::PutDevice(bare.clone()),
            Change::PutUdpBinding(moved.clone()),
        ])
        .await
        .unwrap();
    let restored = store.load().await.unwrap();
    assert_eq!(restored.extensions, [renamed]);
    assert_eq!(restored.credentials, [secret]);
    assert_eq!(restored.devices, [bare]);
    assert_eq!(restored.udp_bindings, [moved]);
}

#[tokio::test]
async fn every_kind_of_health_and_switch_survives() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await;
    store.apply(&[Change::PutExtension(extension("101"))]).await.unwrap();
    let revoked = TargetHealth::Revoked { since: UnixMillis(5), why: "Unregistered".into() };
    let suspect = TargetHealth::Suspect { why: "x".into(), other_environment_tried: false };
    let mut devices = Vec::new();
    let moved = TargetHealth::Moved { to: "102".parse().unwrap(), device: DeviceId(9), at: UnixMillis(6) };
    for health in [TargetHealth::Good, suspect, revoked, moved] {
        for off in [
            None,
            Some(SwitchedOffBy::Admin),
            Some(SwitchedOffBy::Extension),
            Some(SwitchedOffBy::Device),
            Some(SwitchedOffBy::RegistrationEnd),
        ] {
            for provider in [PushProvider::Apns, PushProvider::Fcm] {
                let target = WakeTarget {
                    provider,
                    health: health.clone(),
                    switched_off: off,
                    environment: Environment::Production,
                    notice_token: None,
                    ..wake_target()
                };
                devices.push(device(i64::try_from(devices.len()).unwrap() + 1, "101", Some(target)));
            }
        }
    }
    store.apply(&devices.iter().cloned().map(Change::PutDevice).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(store.load().await.unwrap().devices, devices);
}

#[tokio::test]
async fn the_last_wake_is_noted_and_a_vanished_device_is_no_error() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await;
    let noted = |id| Change::PutLastWake { device: DeviceId(id), last_wake: last_wake() };
    store
        .apply(&[
            Change::PutExtension(extension("101")),
            Change::PutDevice(device(1, "101", None)),
            noted(1),
            noted(99),
        ])
        .await
        .unwrap();
    assert_eq!(store.load().await.unwrap().devices[0].last_wake, Some(last_wake()));
}

#[tokio::test]
async fn deleting_an_extension_takes_its_accounts_and_devices_along() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await;
    store.apply(&everything()).await.unwrap();
    store.apply(&[Change::DeleteExtension("101".parse().unwrap())]).await.unwrap();
    let restored = store.load().await.unwrap();
    assert!(restored.extensions.is_empty() && restored.credentials.is_empty());
    assert!(restored.devices.is_empty() && restored.udp_bindings.is_empty());
}

#[tokio::test]
async fn single_deletions_delete_one_thing() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await;
    store.apply(&everything()).await.unwrap();
    store.apply(&[Change::PutCredential(credential("101.abcdef", "101"))]).await.unwrap();
    store
        .apply(&[
            Change::DeleteUdpBinding(DeviceId(7)),
            Change::DeleteParked(CallId(3)),
            Change::DeleteCredential("101".parse().unwrap()),
        ])
        .await
        .unwrap();
    let restored = store.load().await.unwrap();
    assert!(restored.udp_bindings.is_empty() && restored.parked.is_empty());
    assert_eq!(restored.credentials, [credential("101.abcdef", "101")]);
    assert_eq!(restored.devices.len(), 1);
    store.apply(&[Change::PutUdpBinding(binding(7)), Change::DeleteDevice(DeviceId(7))]).await.unwrap();
    let restored = store.load().await.unwrap();
    assert!(restored.devices.is_empty() && restored.udp_bindings.is_empty());
}

#[tokio::test]
async fn ids_of_deleted_devices_and_calls_never_come_back() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await;
    store.apply(&everything()).await.unwrap();
    store.apply(&[Change::PutCall(call(12, 1, Some(CallEnding::Busy)))]).await.unwrap();
    store.apply(&[Change::PutDevice(device(9, "101", None)), Change::DeleteDevice(DeviceId(9))]).await.unwrap();
    store.apply(&[Change::PutDevice(device(2, "101", None)), Change::PutCall(call(5, 1, None))]).await.unwrap();
    let restored = store.load().await.unwrap();
    assert_eq!((restored.last_call, restored.last_device), (12, 9));
}

#[tokio::test]
async fn a_binding_that_comes_after_its_device_was_deleted_is_dropped() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await;
    store.apply(&[Change::PutUdpBinding(binding(7))]).await.unwrap();
    assert!(store.load().await.unwrap().udp_bindings.is_empty());
}

#[tokio::test]
async fn a_group_of_changes_is_kept_whole_or_not_at_all() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await;
    let orphan = Change::PutCredential(credential("999", "999"));
    store.apply(&[Change::PutExtension(extension("101")), orphan]).await.unwrap_err();
    assert!(store.load().await.unwrap().extensions.is_empty());
}

#[tokio::test]
async fn calls_are_paged_newest_first_and_filtered() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await;
    let mut calls: Vec<CallRecord> = (1..=5).map(|id| call(id, id * 100, Some(CallEnding::Completed))).collect();
    calls[3].callee = "103".into();
    calls[4].ending = Some(CallEnding::Busy);
    calls[1].caller_name = "50 pounds".into();
    store.apply(&calls.iter().cloned().map(Change::PutCall).collect::<Vec<_>>()).await.unwrap();
    let ids = async |filter: call_log::CallFilter, before: Option<i64>, limit| {
        let page = call_log::page(&store, &filter, before.map(CallId), limit).await.unwrap();
        page.calls.iter().map(|call| call.id.0).collect::<Vec<_>>()
    };
    let all = call_log::CallFilter::default();
    assert_eq!(ids(all.clone(), None, 2).await, [5, 4]);
    assert_eq!(ids(all.clone(), Some(4), 2).await, [3, 2]);
    assert_eq!(ids(all.clone(), Some(2), 2).await, [1]);
    let to_103 = call_log::CallFilter { extension: Some("103".parse().unwrap()), ..all.clone() };
    assert_eq!(ids(to_103, None, 10).await, [4]);
    let percent = call_log::CallFilter { search: "aNNa 50%".into(), ..all.clone() };
    assert_eq!(ids(percent, None, 10).await, [5, 4, 3, 1]);
    let busy = call_log::CallFilter { ending: Some(CallEnding::Busy), ..all.clone() };
    assert_eq!(ids(busy, None, 10).await, [5]);
    let between = call_log::CallFilter { from: Some(UnixMillis(200)), until: Some(UnixMillis(400)), ..all };
    assert_eq!(ids(between, None, 10).await, [3, 2]);
    assert_eq!(call_log::one(&store, CallId(4)).await.unwrap(), Some(calls[3].clone()));
    assert_eq!(call_log::one(&store, CallId(77)).await.unwrap(), None);
}

#[tokio::test]
async fn a_timeline_keeps_its_order_even_within_one_millisecond() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await;
    let steps = [TimelineStep::Invited, TimelineStep::PushQueued, TimelineStep::PushSent, TimelineStep::Registered];
    let entries: Vec<TimelineEntry> = steps.into_iter().map(|step| entry(1, 1_790_000_000_123, step)).collect();
    store.apply(&entries.iter().cloned().map(Change::AppendTimeline).collect::<Vec<_>>()).await.unwrap();
    store.apply(&[Change::AppendTimeline(entry(2, 5, TimelineStep::Invited))]).await.unwrap();
    assert_eq!(call_log::timeline(&store, CallId(1)).await.unwrap(), entries);
}

#[tokio::test]
async fn calls_of_the_last_run_are_ended_at_the_last_thing_known() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await;
    store
        .apply(&[
            Change::PutCall(call(1, 1000, None)),
            Change::AppendTimeline(entry(1, 1700, TimelineStep::Ringing)),
            Change::PutCall(call(2, 2000, None)),
            Change::PutCall(call(3, 3000, Some(CallEnding::Declined))),
        ])
        .await
        .unwrap();
    store.load().await.unwrap();
    let ended = async |id| {
        let call = call_log::one(&store, CallId(id)).await.unwrap().unwrap();
        (call.ending, call.ended_at)
    };
    assert_eq!(ended(1).await, (Some(CallEnding::ServerStopped), Some(UnixMillis(1700))));
    assert_eq!(ended(2).await, (Some(CallEnding::ServerStopped), Some(UnixMillis(2000))));
    assert_eq!(ended(3).await, (Some(CallEnding::Declined), Some(UnixMillis(3010))));
}

#[tokio::test]
async fn old_calls_are_pruned_with_their_timelines_and_young_ones_stay() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await;
    let now = 1_790_000_000_000;
    let age_limit = i64::try_from(call_log::KEEP_FOR.as_millis()).unwrap();
    let high = call_log::KEEP_CALLS + 1;
    store
        .apply(&[
            Change::PutCall(call(1, now - 1, Some(CallEnding::Busy))),
            Change::AppendTimeline(entry(1, 5, TimelineStep::Invited)),
            Change::PutCall(call(2, now - age_limit - 1, Some(CallEnding::Busy))),
            Change::PutCall(call(3, now - age_limit, Some(CallEnding::Busy))),
            Change::PutCall(call(high, now, Some(CallEnding::Busy))),
        ])
        .await
        .unwrap();
    let mut transaction = store.begin().await.unwrap();
    assert_eq!(call_log::prune(&mut transaction, CallId(high), UnixMillis(now)).await.unwrap(), 2);
    transaction.commit().await.unwrap();
    let left = call_log::page(&store, &call_log::CallFilter::default(), None, 10).await.unwrap();
    assert_eq!(left.calls.iter().map(|call| call.id.0).collect::<Vec<_>>(), [high, 3]);
    assert!(call_log::timeline(&store, CallId(1)).await.unwrap().is_empty());
}

#[tokio::test]
async fn secrets_and_tokens_are_not_in_the_files() {
    let directory = TempDir::new().unwrap();
    let store = Store::open(directory.path()).await.unwrap();
    store.apply(&everything()).await.unwrap();
    let hidden = [TOKEN, NOTICE_TOKEN, "MD5-DIGEST-BYTES", "SHA-256-DIGEST"];
    let mut looked_at = 0;
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        looked_at += bytes.len();
        for secret in hidden {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret} is in the files");
        }
    }
    assert!(looked_at > 4096);
    // The search itself works: what need not be secret is found.
    let journal = std::fs::read(directory.path().join("nightbell.db-wal")).unwrap();
    assert!(journal.windows(17).any(|window| window == b"com.example.phone"));
}

#[tokio::test]
async fn a_sealed_value_moved_to_another_row_does_not_open() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await;
    store.apply(&everything()).await.unwrap();
    store.apply(&[Change::PutCredential(credential("102", "101"))]).await.unwrap();
    let mut transaction = store.begin().await.unwrap();
    let swap = "UPDATE sip_credential SET digests = (SELECT digests FROM sip_credential WHERE username = '101')";
    query(swap).execute(&mut transaction).await.unwrap();
    transaction.commit().await.unwrap();
    let refused = store.load().await.unwrap_err();
    assert!(refused.to_string().contains("sip_credential.digests:102"), "{refused}");
}

#[tokio::test]
async fn an_impossible_value_is_named_by_table_column_and_row() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await;
    store.apply(&everything()).await.unwrap();
    let mut transaction = store.begin().await.unwrap();
    query("UPDATE wake_target SET environment = 'moon'").execute(&mut transaction).await.unwrap();
    transaction.commit().await.unwrap();
    let refused = store.load().await.unwrap_err().to_string();
    assert_eq!(refused, "the database holds an impossible value in wake_target.environment, row 7");
}

#[tokio::test]
async fn everything_survives_a_kill() {
    let directory = TempDir::new().unwrap();
    let killed_as = TempDir::new().unwrap();
    let store = Store::open(directory.path()).await.unwrap();
    store.apply(&everything()).await.unwrap();
    // What a killed process leaves behind: the files as they are, journal not written back, nothing closed.
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let file = file.unwrap();
        if !file.file_name().to_string_lossy().ends_with("-shm") {
            std::fs::copy(file.path(), killed_as.path().join(file.file_name())).unwrap();
        }
    }
    assert_everything(&Store::open(killed_as.path()).await.unwrap().load().await.unwrap());
}

#[tokio::test]
async fn a_change_that_was_not_committed_leaves_no_trace() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await;
    let mut transaction = store.begin().await.unwrap();
    super::extension::put(&mut transaction, &extension("101")).await.unwrap();
    drop(transaction);
    drop(store);
    assert!(open(&directory).await.load().await.unwrap().extensions.is_empty());
}

#[tokio::test]
async fn a_full_database_names_the_fix() {
    let directory = TempDir::new().unwrap();
    let store = Store::open(directory.path()).await.unwrap();
    let mut transaction = store.begin().await.unwrap();
    query("PRAGMA max_page_count = 1").execute(&mut transaction).await.unwrap();
    transaction.commit().await.unwrap();
    let many: Vec<Change> = (1000..3000).map(|n| Change::PutExtension(extension(&n.to_string()))).collect();
    let refused = store.apply(&many).await.unwrap_err().to_string();
    assert!(refused.contains("free some space"), "{refused}");
}

#[test]
fn the_tables_keep_to_what_both_databases_understand() {
    let migrations: Vec<_> = super::MIGRATOR.iter().collect();
    assert!(migrations.iter().any(|migration| migration.version == 1));
    let banned: BTreeSet<&str> = ["INTEGER", "DATETIME", "REAL", "NOW()", "CURRENT_TIMESTAMP", "WITHOUT"].into();
    for migration in migrations {
        for line in migration.sql.as_str().lines().filter(|line| !line.starts_with("--")) {
            // Rows that the database numbers itself are the one thing each of the two has its own words for.
            let line = line.to_ascii_uppercase().replace("INTEGER PRIMARY KEY", "BIGINT PRIMARY KEY");
            for word in line.split_whitespace() {
                let word = word.trim_matches(|c: char| matches!(c, ',' | ';'));
                assert!(!banned.contains(word), "migration {} uses {word}", migration.version);
            }
        }
    }
}
