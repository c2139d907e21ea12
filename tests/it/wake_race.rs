//! The race between the push, the app's start and the caller's patience: the app gets its call, once, or nobody is fooled.

use std::time::Duration;

use nightbell::phone::{CallEnd, EventKind, Phone, PhoneError, Transport};
use pbx_core::model::Presence;
use uuid::Uuid;

use crate::support::SOON;
use crate::support::lossy::Lossy;
use crate::support::office::{Office, device, rings};

/// Well below a grace time of ten seconds: what comes this soon did not wait for it.
const AT_ONCE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_phone_whose_port_is_closed_is_pushed_at_once_and_the_caller_hears_no_error() {
    let mut office = Office::with(Transport::Udp).await;
    office.settings(|settings| settings.grace_ms = 10_000).await;
    office.app.background().await;
    let call = office.desk.call("102", SOON).await.unwrap();
    office.push_within("voip", AT_ONCE).await;
    assert_eq!(call.view().end, None, "no 503 while the caller waits");
    office.app.wake(300, SOON).await.unwrap();
    let bell = office.app.incoming(SOON).await.unwrap();
    bell.answer().unwrap();
    call.answered(SOON).await.unwrap();
    call.hang_up(SOON).await.unwrap();
    assert_eq!((office.apns.accepted("voip"), office.rings()), (1, 1));
    office.server.stop().await;
}

#[tokio::test]
async fn an_app_whose_first_register_is_lost_gets_its_call_after_the_one_that_proves_itself() {
    let mut office = Office::with_sleeping_app().await;
    let call = office.desk.call("102", SOON).await.unwrap();
    office.push("voip").await;
    let network = Lossy::before(office.server.udp(), 1).await;
    let app = Phone::builder(network.address())
        .extension("102")
        .secret("secret-of-102")
        .push_params(format!(";{}", office.tokens.params()))
        .build()
        .unwrap();
    app.register(300, SOON).await.unwrap();
    let bell = app.incoming(SOON).await.unwrap();
    bell.answer().unwrap();
    call.answered(SOON).await.unwrap();
    call.hang_up(SOON).await.unwrap();
    assert_eq!((network.lost(), rings(&app)), (1, 1));
    let order: Vec<_> = app.events().of("102").into_iter().map(|event| event.kind).collect();
    let place = |wanted: &dyn Fn(&EventKind) -> bool| order.iter().position(wanted).unwrap();
    let challenged = place(&|kind| matches!(kind, EventKind::Challenged(_)));
    let arrived = place(&|kind| matches!(kind, EventKind::CallArrived(_)));
    assert!(challenged < arrived, "no INVITE before the REGISTER that proves itself: {order:?}");
    office.server.stop().await;
}

#[tokio::test]
async fn a_short_registration_delivers_the_call_and_a_goodbye_does_not() {
    let mut office = Office::with_sleeping_app().await;
    office.settings(|settings| settings.min_expires = 30).await;
    let call = office.desk.call("102", SOON).await.unwrap();
    office.push("voip").await;
    // An app that finishes its goodbye when it is started again.
    office.app.unregister(SOON).await.unwrap();
    assert_eq!(office.rings(), 0);
    office.app.register(30, SOON).await.unwrap();
    let bell = office.app.incoming(SOON).await.unwrap();
    bell.answer().unwrap();
    call.answered(SOON).await.unwrap();
    call.hang_up(SOON).await.unwrap();
    assert_eq!(office.rings(), 1);
    office.server.stop().await;
}

#[tokio::test]
async fn an_app_that_is_woken_twice_and_registers_in_bursts_rings_once() {
    let mut office = Office::with_sleeping_app().await;
    let call = office.desk.call("102", SOON).await.unwrap();
    office.push("voip").await;
    office.app.wake(300, SOON).await.unwrap();
    let (one, two, three) =
        tokio::join!(office.app.register(300, SOON), office.app.register(300, SOON), office.app.register(300, SOON));
    // REGISTERs of one burst may overtake each other; the late one is refused as out of order, and nothing is lost.
    let overtaken = |result: &Result<_, PhoneError>| matches!(result, Err(PhoneError::Refused { status: 500, .. }));
    assert!([one, two, three].iter().all(|result| result.is_ok() || overtaken(result)));
    let bell = office.app.incoming(SOON).await.unwrap();
    bell.ring().unwrap();
    office.app.register(300, SOON).await.unwrap();
    bell.answer().unwrap();
    call.answered(SOON).await.unwrap();
    call.hang_up(SOON).await.unwrap();
    bell.ended(SOON).await.unwrap();
    assert_eq!((office.apns.accepted("voip"), office.rings()), (1, 1));
    office.server.stop().await;
}

#[tokio::test]
async fn a_phone_that_registers_late_rings_too_and_the_one_that_rings_is_left_alone() {
    let office = Office::open().await;
    let first = office.server.phone("102").name("first").instance(Uuid::new_v4()).build().unwrap();
    first.register(300, SOON).await.unwrap();
    office.app.unregister(SOON).await.unwrap();
    let call = office.desk.call("102", SOON).await.unwrap();
    let ringing = first.incoming(SOON).await.unwrap();
    ringing.ring().unwrap();
    call.ringing(SOON).await.unwrap();
    let second = office.server.phone("102").name("second").instance(Uuid::new_v4()).build().unwrap();
    second.register(300, SOON).await.unwrap();
    let late = second.incoming(SOON).await.unwrap();
    late.answer().unwrap();
    call.answered(SOON).await.unwrap();
    assert!(matches!(ringing.ended(SOON).await.unwrap(), CallEnd::Cancelled(Some(_))));
    assert_eq!((rings(&first), rings(&second)), (1, 1));
    call.hang_up(SOON).await.unwrap();
    office.server.stop().await;
}

#[tokio::test]
async fn a_goodbye_on_an_open_connection_puts_the_app_to_sleep_and_only_the_push_reaches_it() {
    let mut office = Office::open().await;
    office.app.unregister(SOON).await.unwrap();
    let call = office.desk.call("102", SOON).await.unwrap();
    office.push("voip").await;
    assert_eq!(office.rings(), 0, "the connection is still open, but the app said goodbye");
    office.app.register(300, SOON).await.unwrap();
    office.app.incoming(SOON).await.unwrap().busy().unwrap();
    call.ended(SOON).await.unwrap();
    office.server.stop().await;
}

#[tokio::test]
async fn a_registration_that_ran_out_is_pushed_for_ever_after() {
    let mut office = Office::open().await;
    office.settings(|settings| settings.min_expires = 1).await;
    office.app.register(1, SOON).await.unwrap();
    let lapsed = office.device(|device| device.presence == Presence::ReachableByPush).await;
    assert_eq!(lapsed.live_binding.map(|binding| binding.state), Some(pbx_core::model::BindingState::Lapsed));
    let call = office.desk.call("102", SOON).await.unwrap();
    office.push("voip").await;
    office.app.wake(300, SOON).await.unwrap();
    office.app.incoming(SOON).await.unwrap().busy().unwrap();
    call.ended(SOON).await.unwrap();
    office.server.stop().await;
}

#[tokio::test]
async fn the_push_goes_to_the_newest_token_only() {
    let mut office = Office::open().await;
    let instance = Uuid::new_v4();
    let start = |params: String| {
        let builder = Phone::builder(office.server.tcp()).extension("102").secret("secret-of-102").name("new");
        builder.transport(Transport::Tcp).instance(instance).push_params(params).build().unwrap()
    };
    let (old, rotated) = (office.apns.tokens(), office.apns.tokens());
    for params in [String::new(), format!(";{}", old.params()), format!(";{}", rotated.params())] {
        let app = start(params);
        app.register(300, SOON).await.unwrap();
        app.unregister(SOON).await.unwrap();
        app.background().await;
    }
    office.app.background().await;
    office.asleep().await;
    let call = office.desk.call("102", SOON).await.unwrap();
    let mut pushed = vec![office.push("voip").await.token, office.push("voip").await.token];
    pushed.sort();
    let mut expected = vec![office.tokens.voip.clone(), rotated.voip.clone()];
    expected.sort();
    assert_eq!(pushed, expected, "one for each installation, and none for {}", old.voip);
    call.cancel(SOON).await.unwrap();
    assert_eq!(office.apns.accepted("voip"), 2);
    device(&office.server, |device| device.wake_target.is_some()).await;
    office.server.stop().await;
}
