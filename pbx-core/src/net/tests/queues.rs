use std::sync::Arc;

use super::*;
use crate::model::{
    CallUuid, DeviceId, Environment, PushProvider, TargetHealth, TokenHistory, UnixMillis, WakeEvent, WakeId, WakeKind,
    WakeTarget,
};
use crate::switchboard::command::{Command, CommandError, Reply};
use crate::switchboard::output::{Notice, SaveTicket};

/// Answers every command, and says so to the pages.
fn obedient(input: &Input) -> Vec<Output> {
    let Input::Command { token, .. } = input else { return Vec::new() };
    vec![Output::Notice(Notice::Settings), Output::Answer { token: *token, result: Ok(Reply::Done) }]
}

#[tokio::test]
async fn commands_are_answered_and_notices_told() {
    let bench = start(config(), obedient);
    let mut notices = bench.handle.notices();
    let reply = timeout(PATIENCE, bench.handle.ask(Command::Status)).await.unwrap();
    assert!(matches!(reply, Ok(Reply::Done)));
    assert_eq!(timeout(PATIENCE, notices.recv()).await.unwrap(), Ok(Notice::Settings));
}

#[tokio::test]
async fn commands_get_through_a_flood_of_datagrams() {
    let bench = start(DriverConfig { udp: vec![loopback()], ..config() }, obedient);
    let server = bench.bound.udp[0];
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let flood = std::thread::spawn(move || {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let message = request("OPTIONS", "flood", "");
        while matches!(stopped.try_recv(), Err(std::sync::mpsc::TryRecvError::Empty)) {
            let _ = socket.send_to(message.as_bytes(), server);
        }
    });
    let mut answered = 0;
    while answered < 100 || bench.bound.counters.messages_in.get() < 1000 {
        let reply = timeout(PATIENCE, bench.handle.ask(Command::Status)).await.expect("commands starve");
        assert!(matches!(reply, Ok(Reply::Done)));
        answered += 1;
    }
    drop(stop);
    flood.join().unwrap();
}

#[tokio::test]
async fn the_machines_deadline_is_kept() {
    let mut bench = start(config(), |_| Vec::new());
    for _ in 0..2 {
        bench.sees(|input| matches!(input, Input::Tick).then_some(())).await;
    }
}

#[tokio::test]
async fn a_full_save_queue_comes_back_as_not_saved_and_answers_of_the_store_go_in() {
    let mut saves = 0;
    let mut bench = start(config(), move |input| {
        let Input::Command { token, .. } = input else { return Vec::new() };
        saves += 1;
        let save = Output::Save { changes: Vec::new(), ticket: Some(SaveTicket(saves)) };
        vec![save, Output::Answer { token: *token, result: Ok(Reply::Done) }]
    });
    for _ in 0..3 {
        bench.handle.ask(Command::Status).await.unwrap();
    }
    // The bench's queue has room for two.
    let refused = bench.sees(|input| if let Input::NotSaved(ticket) = input { Some(ticket) } else { None }).await;
    assert_eq!(refused, SaveTicket(3));
    let job = timeout(PATIENCE, bench.saves.recv()).await.unwrap().unwrap();
    bench.saved.send(Saved { ticket: job.ticket.unwrap(), ok: true }).await.unwrap();
    let saved = bench.sees(|input| if let Input::Saved(ticket) = input { Some(ticket) } else { None }).await;
    assert_eq!(saved, SaveTicket(1));
    bench.saved.send(Saved { ticket: SaveTicket(2), ok: false }).await.unwrap();
    let failed = bench.sees(|input| if let Input::NotSaved(ticket) = input { Some(ticket) } else { None }).await;
    assert_eq!(failed, SaveTicket(2));
}

fn wake(id: u128) -> WakeRequest {
    WakeRequest {
        wake_id: WakeId(uuid::Uuid::from_u128(id)),
        call: None,
        call_uuid: CallUuid(uuid::Uuid::nil()),
        kind: WakeKind::Test,
        device: DeviceId(1),
        extension: "7001".parse().unwrap(),
        target: Arc::new(WakeTarget {
            provider: PushProvider::Fcm,
            app_id: "app".into(),
            environment: Environment::Production,
            call_token: None,
            notice_token: None,
            learned_at: UnixMillis(0),
            health: TargetHealth::Good,
            switched_off: None,
            history: TokenHistory::default(),
        }),
        caller_number: String::new(),
        caller_name: String::new(),
        has_video: false,
        ringing_url: None,
        sent_at: UnixMillis(0),
        expires_at: UnixMillis(0),
    }
}

#[tokio::test]
async fn a_full_push_queue_gives_the_wake_up_at_once_and_reports_come_in() {
    let mut bench = start(config(), |input| {
        let asked = matches!(input, Input::Command { .. });
        if asked { (1..=3).map(|id| Output::Wake(wake(id))).collect() } else { Vec::new() }
    });
    let asking = tokio::spawn({
        let handle = bench.handle.clone();
        async move { handle.ask(Command::Status).await }
    });
    let report = bench.sees(|input| if let Input::Wake(report) = input { Some(report) } else { None }).await;
    assert_eq!(report.wake_id, wake(3).wake_id);
    assert!(matches!(&report.event, WakeEvent::GaveUp { code, .. } if code == "push_queue_full"), "{report:?}");
    assert_eq!(bench.wakes.recv().await.unwrap().wake_id, wake(1).wake_id);
    let sent = WakeReport { event: WakeEvent::Sent { attempt: 1 }, ..report };
    bench.wake_reports.send(sent.clone()).await.unwrap();
    let seen = bench.sees(|input| if let Input::Wake(report) = input { Some(report) } else { None }).await;
    assert_eq!(seen, sent);
    bench.bound.stopper.stop();
    assert!(matches!(timeout(PATIENCE, asking).await.unwrap().unwrap(), Err(CommandError::Stopping)));
}

#[tokio::test]
async fn a_drained_machine_ends_the_driver() {
    let Bench { bound, mut seen, handle, .. } =
        start(DriverConfig { udp: vec![loopback()], tcp: vec![loopback()], ..config() }, echo);
    let (udp, tcp) = (bound.udp[0], bound.tcp[0]);
    bound.stopper.stop();
    assert!(timeout(PATIENCE, bound.ended).await.is_ok());
    bound.thread.join().unwrap();
    let mut drains = 0;
    while let Some(input) = seen.recv().await {
        drains += usize::from(matches!(input, Input::Drain));
    }
    assert_eq!(drains, 1);
    assert!(matches!(handle.ask(Command::Status).await, Err(CommandError::Stopping)));
    assert!(std::net::UdpSocket::bind(udp).is_ok(), "the port is free again");
    // The accept loop ends by itself as soon as it notices.
    let refused = async {
        while TcpStream::connect(tcp).await.is_ok() {
            tokio::task::yield_now().await
        }
    };
    timeout(PATIENCE, refused).await.unwrap();
}

#[tokio::test]
async fn a_machine_that_never_drains_is_ended_at_the_deadline() {
    struct Stubborn;
    impl Machine for Stubborn {
        fn handle(&mut self, _: Input, _: Now) {}
        fn poll_output(&mut self) -> Option<Output> {
            None
        }
        fn poll_timeout(&self) -> Option<Moment> {
            None
        }
        fn is_drained(&self) -> bool {
            false
        }
    }
    let (_handle, switchboard) = connect();
    let (wakes, _wakes) = mpsc::channel(1);
    let (stop_wakes, _stop_wakes) = mpsc::channel(1);
    let (_reports, wake_reports) = mpsc::channel(1);
    let (saves, _saves) = mpsc::channel(1);
    let (_saved, saved) = mpsc::channel(1);
    let channels = Channels { switchboard, wakes, stop_wakes, wake_reports, saves, saved };
    let config = DriverConfig { drain: Duration::from_millis(20), ..config() };
    let bound = Driver::start(config, |_| Stubborn, channels).unwrap();
    bound.stopper.stop();
    assert!(timeout(PATIENCE, bound.ended).await.is_ok());
}

#[tokio::test]
async fn relay_ports_are_held_when_the_machine_wants_them() {
    let mut bench =
        start(
            config(),
            |input| {
                if matches!(input, Input::Tick) { vec![Output::WantRelayPorts(3)] } else { Vec::new() }
            },
        );
    let ports = bench.sees(|input| if let Input::RelayPorts(ports) = input { Some(ports) } else { None }).await;
    assert_eq!(ports.len(), 3);
    assert!(ports.iter().all(|port| port.0 % 2 == 0 && (30_000..=30_100).contains(&port.0)));
}
