//! The whole way to a certificate against a strict authority on the loopback, and everything that can come in between.

mod authority;

use std::future::Future;
use std::time::Duration;

use pbx_core::store::Store;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use self::authority::{Authority, Whim};
use super::*;
use crate::tls::load_or_make;

/// One installation, without pages.
struct Here {
    acme: Acme,
    live: LiveCertificate,
    store: Store,
    dir: TempDir,
    task: Option<JoinHandle<()>>,
    _queues: Box<dyn std::any::Any + Send>,
}

/// Waits for a condition, for as long as a busy machine may need.
async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    for _ in 0..600 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("this never came: {what}");
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Here {
    async fn new(host: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open_for_test(dir.path()).await.unwrap();
        Self::with(store, dir, host).await
    }

    async fn with(store: Store, dir: TempDir, host: &str) -> Self {
        let (wakes, requests) = mpsc::channel(8);
        let (reports, received) = mpsc::channel(8);
        let (gateway, _) = Gateway::start(store.clone(), requests, reports).await.unwrap();
        let live = load_or_make(dir.path(), host).unwrap();
        adopt_certificate(&store, &live).await;
        let acme = Acme::new(store.clone(), gateway, live.clone(), "127.0.0.1:8443".parse().unwrap());
        Self { acme, live, store, dir, task: None, _queues: Box::new((wakes, received)) }
    }

    fn run(&mut self) {
        self.task = Some(tokio::spawn(self.acme.clone().run(std::future::pending())));
    }

    /// Ends in the middle of whatever it does, and begins anew with what was kept.
    async fn restart(mut self) -> Self {
        if let Some(task) = self.task.take() {
            task.abort();
            let _ = task.await;
        }
        let Self { store, dir, .. } = self;
        let mut again = Self::with(store, dir, "localhost").await;
        again.run();
        again
    }

    async fn choose(&self, authority: &Authority, port: u16) {
        self.acme.choose(self.choice(authority, port)).await.unwrap();
    }

    fn choice(&self, authority: &Authority, port: u16) -> NewSetting {
        NewSetting {
            directory: Some(authority.directory.clone()),
            contact: "anna@example.com".into(),
            agree_to_terms: true,
            port: Some(port),
            authority: authority.root.clone(),
            ..NewSetting::default()
        }
    }

    async fn view(&self) -> View {
        self.acme.view().await.unwrap().unwrap()
    }

    /// Waits for a failure; gives its code.
    async fn problem(&self) -> Problem {
        until("a failure", || async { self.view().await.problem.is_some() }).await;
        self.view().await.problem.unwrap()
    }

    async fn issued(&self) {
        until("a certificate", || async {
            let view = self.view().await;
            assert_eq!(view.problem, None);
            self.live.is_issued()
        })
        .await;
    }
}

#[tokio::test]
async fn a_certificate_is_got_put_in_force_and_kept() {
    let port = free_port();
    let authority = Authority::start(port);
    authority.set(Whim::BadNonces, true);
    let mut here = Here::new("localhost").await;
    let before = here.live.info();
    here.run();
    here.choose(&authority, port).await;
    here.issued().await;
    let info = here.live.info();
    assert_eq!(info.names, ["localhost"]);
    assert!(!info.self_made && info != before);
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err(), "the door is closed again");
    let here = here.restart().await;
    assert_eq!(here.live.info(), info, "it is in force after a restart");
    let view = here.view().await;
    assert!(view.in_force && view.problem.is_none() && view.next_at > clock::now(), "{view:?}");
    assert_eq!((authority.orders(), authority.accounts()), (1, 1));
    // With the authority's choice taken back, the files are in force again.
    here.acme.forget().await.unwrap();
    assert_eq!(here.live.info(), before);
    assert_eq!(here.acme.view().await.unwrap(), None);
}

#[tokio::test]
async fn a_restart_in_the_middle_goes_on_with_the_same_order() {
    let port = free_port();
    let authority = Authority::start(port);
    authority.set(Whim::Slow, true);
    let mut here = Here::new("localhost").await;
    here.run();
    here.choose(&authority, port).await;
    until("a validation", || async { authority.is_validating() }).await;
    until("the phase", || async { here.view().await.phase == Phase::Validation }).await;
    let here = here.restart().await;
    authority.finish_validation();
    here.issued().await;
    assert_eq!((authority.orders(), authority.accounts()), (1, 1), "neither order nor account is made twice");
}

#[tokio::test]
async fn an_authority_that_is_asked_too_often_is_left_alone_until_it_says() {
    let port = free_port();
    let authority = Authority::start(port);
    authority.set(Whim::RateLimit, true);
    let mut here = Here::new("localhost").await;
    here.run();
    here.choose(&authority, port).await;
    let problem = here.problem().await;
    assert_eq!(problem.code, "acme_rate_limited");
    assert!(problem.text.contains("too many certificates already issued"), "{problem:?}");
    let wait = here.view().await.next_at.since(clock::now());
    assert!(wait > Duration::from_secs(3500) && wait < Duration::from_secs(4200), "{wait:?}");
    here.acme.order_now().await.unwrap();
    assert!(here.view().await.next_at > clock::now(), "asking by hand changes nothing");
    assert_eq!(authority.asked().len(), 1);
    assert!(here.live.info().self_made, "the certificate before it is served");
}

#[tokio::test]
async fn a_question_that_somebody_else_answers_is_said_with_the_fix() {
    let (port, elsewhere) = (free_port(), free_port());
    let authority = Authority::start(elsewhere);
    let mut here = Here::new("localhost").await;
    here.run();
    here.choose(&authority, port).await;
    let problem = here.problem().await;
    assert_eq!(problem.code, "acme_not_reached", "{problem:?}");
    assert!(problem.fix.contains(&format!("to port {port} of this machine")), "{problem:?}");
    assert_eq!(here.view().await.failures, 1);
    assert!(here.view().await.next_at.since(clock::now()) > Duration::from_secs(600));
    // The admin mends it and asks again: another order, and the account stays.
    here.acme.choose(here.choice(&authority, elsewhere)).await.unwrap();
    until("a certificate", || async { here.live.is_issued() }).await;
    assert_eq!((authority.orders(), authority.accounts(), here.view().await.failures), (2, 1, 0));
}

#[tokio::test]
async fn an_authority_that_is_ill_costs_nothing_but_time() {
    let port = free_port();
    let authority = Authority::start(port);
    authority.set(Whim::Ill, true);
    let mut here = Here::new("localhost").await;
    here.run();
    here.choose(&authority, port).await;
    let problem = here.problem().await;
    assert_eq!(problem.code, "acme_authority_ill", "{problem:?}");
    authority.set(Whim::Ill, false);
    here.acme.order_now().await.unwrap();
    until("a certificate", || async { here.live.is_issued() }).await;
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_put_in_force() {
    let port = free_port();
    let authority = Authority::start(port);
    authority.set(Whim::OtherName, true);
    let mut here = Here::new("localhost").await;
    here.run();
    here.choose(&authority, port).await;
    let problem = here.problem().await;
    assert_eq!(problem.code, "acme_certificate_unfit", "{problem:?}");
    assert!(problem.text.contains("other.example.com"), "{problem:?}");
    assert!(here.live.info().self_made);
}

#[tokio::test]
async fn the_authoritys_suggestion_renews_at_once_and_names_the_old_certificate() {
    let port = free_port();
    let authority = Authority::start(port);
    let mut here = Here::new("localhost").await;
    here.run();
    here.choose(&authority, port).await;
    here.issued().await;
    until("the suggestion", || async { here.view().await.suggested }).await;
    let first = here.live.info();
    let mut state = store::state(&here.store).await.unwrap();
    authority.set(Whim::RenewNow, true);
    // Six hours later.
    state.schedule.window_asked_at(UnixMillis(0));
    store::put_state(&here.store, &state).await.unwrap();
    here.acme.inner.changed.send_modify(|count| *count += 1);
    until("another certificate", || async {
        authority.set(Whim::RenewNow, authority.orders() == 1);
        here.live.info() != first
    })
    .await;
    let asked = authority.asked();
    assert_eq!(asked[0].get("replaces"), None);
    assert!(asked[1]["replaces"].as_str().is_some_and(|id| id.contains('.')), "{asked:?}");
}

#[tokio::test]
async fn an_external_account_that_is_missing_is_asked_for_and_taken() {
    let port = free_port();
    let authority = Authority::start(port);
    authority.set(Whim::ExternalAccount, true);
    let mut here = Here::new("localhost").await;
    here.run();
    here.choose(&authority, port).await;
    assert_eq!(here.problem().await.code, "acme_external_account");
    let mut choice = here.choice(&authority, port);
    choice.external_account = "kid-1".into();
    choice.external_account_key = Some(pbx_core::model::Redacted::new("c2VjcmV0IGtleSBvZiBhbiBhY2NvdW50".into()));
    here.acme.choose(choice).await.unwrap();
    until("a certificate", || async { here.live.is_issued() }).await;
    assert!(here.view().await.setting.has_external_account_key);
}

#[tokio::test]
async fn a_name_that_leads_nowhere_is_told_before_an_authority_is_asked() {
    let port = free_port();
    let authority = Authority::start(port);
    let mut here = Here::new("no-such-host.invalid").await;
    here.run();
    here.choose(&authority, port).await;
    let problem = here.problem().await;
    assert_eq!(problem.code, "acme_name_unknown");
    assert!(problem.text.contains("no-such-host.invalid") && problem.fix.contains("A record"), "{problem:?}");
    assert_eq!((authority.orders(), authority.accounts()), (0, 0));
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_before_an_authority_is_asked() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let authority = Authority::start(port);
    let mut here = Here::new("localhost").await;
    here.run();
    here.choose(&authority, port).await;
    let problem = here.problem().await;
    assert_eq!(problem.code, "acme_port_taken", "{problem:?}");
    assert!(problem.text.contains(&port.to_string()), "{problem:?}");
    assert_eq!(authority.accounts(), 0);
}

#[tokio::test]
async fn an_authority_that_nobody_reaches_is_told_so() {
    let port = free_port();
    let mut authority = Authority::start(port);
    authority.directory = format!("https://localhost:{}/dir", free_port());
    let mut here = Here::new("localhost").await;
    here.run();
    here.choose(&authority, port).await;
    let problem = here.problem().await;
    assert_eq!(problem.code, "acme_unreachable", "{problem:?}");
}

#[test]
fn an_alarm_is_raised_two_weeks_before_the_end_or_late_in_a_short_life() {
    let day = Duration::from_secs(86_400);
    let now = UnixMillis(1_795_000_000_000);
    let view = |life: u32, left: Duration| View {
        setting: NewSetting { agree_to_terms: true, ..NewSetting::default() }
            .checked(("pbx.example.com", 443), None, now)
            .unwrap()
            .0,
        phase: Phase::Idle,
        problem: None,
        failures: 0,
        in_force: true,
        from: Some(now + left - day * life),
        until: Some(now + left),
        next_at: now,
        suggested: false,
    };
    let alarm = |life, left| view(life, left).alarm(now);
    assert_eq!((alarm(90, day * 15), alarm(90, day * 14)), (Alarm::None, Alarm::Soon));
    assert_eq!((alarm(90, day * 8), alarm(90, day * 7)), (Alarm::Soon, Alarm::Urgent));
    assert_eq!((alarm(365, day * 15), alarm(365, day * 7)), (Alarm::None, Alarm::Urgent));
    assert_eq!((alarm(6, day * 2), alarm(6, day), alarm(6, day / 2)), (Alarm::None, Alarm::Soon, Alarm::Urgent));
}
