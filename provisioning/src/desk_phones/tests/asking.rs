//! Phones that are asked to fetch again, by hand and because what they would be told has changed.

use pbx_core::switchboard::command::{CheckSyncAnswer, CheckSyncEvent};
use pbx_core::switchboard::output::{Change, Notice};

use super::*;

fn mac() -> Mac {
    MAC.parse().unwrap()
}

impl Desk {
    /// A phone that has its own address, and that.
    async fn settled() -> (Self, String) {
        let desk = Self::new().await;
        let first = desk.add().await;
        let own = next(&desk.get(&format!("{first}/{MAC}.cfg")).await.1);
        assert_eq!(desk.get(&format!("{own}/{MAC}.cfg")).await.0, StatusCode::OK);
        (desk, own)
    }

    fn view(&self) -> DeskPhoneView {
        self.phones.get(mac()).unwrap()
    }

    fn times_asked(&self) -> usize {
        self.fixture.accounts.asked.lock().unwrap().len()
    }

    fn says(&self, word: CheckSyncAnswer) {
        *self.fixture.accounts.word.lock().unwrap() = Some(word);
    }

    /// Waits until the worker has come so far.
    async fn until(&self, is_so: impl Fn(&Self) -> bool) {
        let looking = async {
            let mut tick = tokio::time::interval(Duration::from_millis(5));
            while !is_so(self) {
                tick.tick().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), looking).await.expect("the worker does it");
    }

    fn outcome(&self) -> Option<AskOutcome> {
        self.view().asked.map(|asked| asked.outcome)
    }
}

#[tokio::test]
async fn every_vendor_is_asked_in_its_own_words_and_the_answer_survives_a_restart() {
    let (desk, _) = Desk::settled().await;
    assert_eq!(desk.phones.fetch_again(mac()).await.unwrap().asked.unwrap().outcome, AskOutcome::Answered(200));
    desk.says(CheckSyncAnswer::Answered(489));
    assert_eq!(desk.phones.fetch_again(mac()).await.unwrap().asked.unwrap().outcome, AskOutcome::Answered(489));
    let asked = desk.fixture.accounts.asked.lock().unwrap().clone();
    assert!(asked.iter().all(|(_, event)| *event == CheckSyncEvent::WithoutRestart) && asked.len() == 2);
    let desk = desk.restarted().await;
    assert_eq!(desk.outcome(), Some(AskOutcome::Answered(489)));
    for vendor in [Vendor::Grandstream, Vendor::Fanvil, Vendor::Polycom] {
        assert_eq!(vendor.check_sync().as_str(), "check-sync");
    }
    for outcome in [
        AskOutcome::Asking,
        AskOutcome::NotRegistered,
        AskOutcome::Answered(481),
        AskOutcome::Challenged,
        AskOutcome::NoAnswer,
        AskOutcome::Busy,
    ] {
        assert_eq!(AskOutcome::from_stored(&outcome.stored()), Some(outcome));
    }
}

#[tokio::test]
async fn a_phone_is_asked_when_its_file_would_be_another_and_not_when_anything_else_happens() {
    let (desk, own) = Desk::settled().await;
    let revision = desk.view().revision;
    let _heard = desk.fixture.notices.send(Notice::Extension(extension()));
    desk.fixture.rename("Berta").await;
    desk.until(|desk| desk.outcome() == Some(AskOutcome::Answered(200))).await;
    assert_eq!((desk.times_asked(), desk.view().old, desk.view().revision), (1, true, revision + 1));
    // The phone keeps its old settings for a while; nobody nags it.
    for _ in 0..3 {
        let _heard = desk.fixture.notices.send(Notice::Extension(extension()));
    }
    let told = desk.get(&format!("{own}/{MAC}.cfg")).await.1;
    assert!(told.contains("= Berta") && !desk.view().old, "{told}");
    desk.phones.extension_changed(extension()).await.unwrap();
    desk.fixture.rename("Carla").await;
    desk.until(|desk| desk.times_asked() == 2).await;
}

#[tokio::test]
async fn a_phone_that_was_not_reached_is_asked_when_it_registers_but_not_all_the_time() {
    let (desk, own) = Desk::settled().await;
    desk.says(CheckSyncAnswer::NotRegistered);
    desk.fixture.rename("Berta").await;
    desk.until(|desk| desk.outcome() == Some(AskOutcome::NotRegistered)).await;
    desk.says(CheckSyncAnswer::Answered(200));
    let _registered_at_once = desk.fixture.notices.send(Notice::Extension(extension()));
    desk.pass(Duration::from_secs(61));
    desk.until(|desk| {
        let _registered = desk.fixture.notices.send(Notice::Extension(extension()));
        desk.outcome() == Some(AskOutcome::Answered(200))
    })
    .await;
    assert_eq!(desk.times_asked(), 2);
    let _told = desk.get(&format!("{own}/{MAC}.cfg")).await;
    assert!(!desk.view().old);
}

#[tokio::test]
async fn after_a_restart_under_another_name_a_phone_is_asked_when_it_registers() {
    let (desk, _) = Desk::settled().await;
    let desk = desk.restarted().await;
    let name = Change::PutExtension(crate::fixture::owner_named("Berta"));
    desk.fixture.store.apply(&[name]).await.unwrap();
    *desk.fixture.accounts.name.lock().unwrap() = Some("Berta".into());
    let _registered = desk.fixture.notices.send(Notice::Extension(extension()));
    desk.until(|desk| desk.times_asked() == 1).await;
}

#[tokio::test]
async fn all_phones_that_have_fetched_are_asked_and_the_phones_of_a_removed_extension_are_gone() {
    let (desk, own) = Desk::settled().await;
    let waiting = desk.phones.add(new(Vendor::Yealink, "T46S", "805ec0d57d73")).await.unwrap();
    assert_eq!(desk.phones.all_fetch_again(), 1);
    desk.until(|desk| desk.times_asked() == 1).await;
    let gone = Change::DeleteExtension(extension());
    desk.fixture.store.apply(&[gone]).await.unwrap();
    desk.fixture.accounts.gone.store(true, Ordering::SeqCst);
    let _heard = desk.fixture.notices.send(Notice::Extension(extension()));
    desk.until(|desk| desk.phones.list().is_empty()).await;
    assert_eq!(desk.get(&format!("{own}/{MAC}.cfg")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(desk.get(&format!("{}/805ec0d57d73.cfg", folder(waiting.url.reveal()))).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn another_certificate_is_a_reason_to_ask_every_phone() {
    let (desk, _own) = Desk::settled().await;
    let mut last = Some("-----BEGIN CERTIFICATE-----".to_owned());
    desk.phones.certificate_seen(&mut last);
    desk.until(|desk| desk.phones.inner.to_do.is_empty()).await;
    assert_eq!(desk.times_asked(), 0, "it is the same");
    last = Some("the one before".into());
    desk.phones.certificate_seen(&mut last);
    assert_eq!(last.as_deref(), Some("-----BEGIN CERTIFICATE-----"));
    desk.until(|desk| desk.times_asked() == 1).await;
}
