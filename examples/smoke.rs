use nightbell::{app::App, config::Config};
use pbx_core::model::*;
use pbx_core::switchboard::command::*;
use std::net::SocketAddr;
#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let dir = &args[1];
    let users = &args[2];
    let max: usize = args[3].parse().unwrap();
    let mut config = Config { data_dir: dir.into(), public_host: "127.0.0.1".into(), ..Config::default() };
    let a = |p: u16| vec![SocketAddr::from(([127, 0, 0, 1], p))];
    config.sip.udp = a(5080);
    config.sip.tcp = a(5080);
    config.sip.tls = a(5081);
    config.https.listen = "127.0.0.1:8444".parse().unwrap();
    nightbell::logging::start(&config);
    let t = std::time::Instant::now();
    let app = App::start(&config).await.unwrap();
    eprintln!("started in {:?}", t.elapsed());
    let Reply::Status(status) = app.switchboard.ask(Command::Status).await.unwrap() else { panic!() };
    eprintln!("{status:?}");
    if status.extensions == 0 {
        let Reply::Settings(mut s) = app.switchboard.ask(Command::ShowSettings).await.unwrap() else { panic!() };
        s.realm = "pbx.example".into();
        app.switchboard.ask(Command::ChangeSettings(s)).await.unwrap();
        let text = std::fs::read_to_string(users).unwrap();
        let all: Vec<NewAccount> = text
            .lines()
            .filter_map(|l| {
                let (n, s) = l.split_once(',')?;
                let number: ExtensionNumber = n.parse().ok()?;
                let (md5, sha256) = pbx_core::sip::digest::ha1(n, "pbx.example", s);
                Some(NewAccount {
                    extension: NewExtension { number, name: DisplayName::default(), email: None, secret: None },
                    credential: SipCredential { username: n.parse().unwrap(), extension: number, md5, sha256 },
                })
            })
            .take(max)
            .collect();
        for chunk in all.chunks(5000) {
            app.switchboard.ask(Command::AddExtensions(chunk.to_vec())).await.unwrap();
        }
        eprintln!("added {} in {:?}", all.len(), t.elapsed());
    }
    if let Some(p8) = args.get(4) {
        use push_module::*;
        let new = NewCredential::Apns(NewApnsKey {
            label: "rig".into(),
            key_id: "ABC123DEFG".into(),
            team_id: "DEF123GHIJ".into(),
            bundle_ids: vec![],
            p8: Redacted::new(std::fs::read_to_string(p8).unwrap()),
            environment: ApnsEnvironment::Both,
            endpoint: Endpoint {
                production_url: Some(args[5].clone()),
                sandbox_url: Some(args[5].clone()),
                extra_ca_pem: std::fs::read_to_string(&args[6]).ok(),
            },
        });
        match app.push.add_credential(new).await {
            Ok(c) => eprintln!("credential {c:?}"),
            Err(e) => eprintln!("credential: {e}"),
        }
    }
    eprintln!("ready {}", std::process::id());
    tokio::signal::ctrl_c().await.unwrap();
    app.stop().await;
}
