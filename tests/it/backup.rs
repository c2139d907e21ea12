//! One file brings an installation back: by the command, through the running server, and onto a PostgreSQL server.

use std::process::Stdio;

use nightbell::phone::{Phone, Transport};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;
use uuid::Uuid;

use crate::support::SOON;
use crate::support::installation::{Installation, apns_with, token};
use crate::support::server::BUNDLE;

const PASSPHRASE: &str = "kestrel gravel lantern";

/// Runs a command that reads the passphrase from standard input; exit code and standard output.
async fn with_passphrase(office: &Installation, arguments: &[&str], passphrase: &str) -> (i32, Value) {
    let mut child =
        office.command(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{passphrase}\n").as_bytes()).await.unwrap();
    let ended = timeout(SOON, child.wait_with_output()).await.expect("the command ends").unwrap();
    let text = String::from_utf8_lossy(&ended.stdout).into_owned();
    let json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"));
    (ended.status.code().unwrap(), json)
}

fn app(office: &Installation, secret: &str, token: &str) -> Phone {
    Phone::builder(office.tcp)
        .extension("102")
        .secret(secret)
        .transport(Transport::Tcp)
        .instance(Uuid::new_v4())
        .push_params(format!(";pn-provider=apns;pn-param=ABCD1234.{BUNDLE}.voip;pn-prid={token}"))
        .build()
        .unwrap()
}

async fn desk(office: &Installation, secret: &str) -> Phone {
    let desk = Phone::builder(office.udp).extension("101").secret(secret).build().unwrap();
    desk.register(300, SOON).await.unwrap();
    desk
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_new_machine_the_backup_wakes_the_phone_that_was_asleep_on_the_old_one() {
    let token = token();
    let apns = apns_with(&token).await;
    let mut old = Installation::start().await;
    let (desk_secret, app_secret) = (old.add("101").await, old.add("102").await);
    old.credential(&apns).await;
    let sleeper = app(&old, &app_secret, &token);
    sleeper.register(300, SOON).await.unwrap();
    sleeper.background().await;
    let (code, _) =
        with_passphrase(&old, &["backup", "set-policy", "--daily-at", "never", "--passphrase-stdin"], PASSPHRASE).await;
    assert_eq!(code, 0);
    let kept = old.folder().join("kept.nightbell");
    let made = old.run(&["backup", "create", "--to", kept.to_str().unwrap()]).await;
    assert!(made["bytes"].as_u64().unwrap() > 1000, "{made}");
    old.kill().await;

    let mut new = Installation::start().await;
    new.kill().await;
    let file = kept.to_str().unwrap();
    let (code, refused) =
        with_passphrase(&new, &["backup", "restore", file, "--passphrase-stdin"], "not the passphrase").await;
    assert_eq!((code, &refused["code"]), (1, &json!("backup")), "{refused}");
    let (code, verified) = with_passphrase(&new, &["backup", "verify", file, "--passphrase-stdin"], PASSPHRASE).await;
    assert_eq!(code, 0, "{verified}");
    let (code, restored) = with_passphrase(&new, &["backup", "restore", file, "--passphrase-stdin"], PASSPHRASE).await;
    assert_eq!((code, &restored["rows"]), (0, &verified["rows"]), "{restored}");
    new.serve().await;
    let audit = new.run(&["audit", "list"]).await;
    assert!(audit.to_string().contains("a backup was put back"), "{audit}");

    let desk = desk(&new, &desk_secret).await;
    let mut pushes = apns.subscribe();
    let calling = desk.call("102", SOON).await.unwrap();
    timeout(SOON, pushes.recv()).await.expect("the push token came along").unwrap();
    let woken = app(&new, &app_secret, &token);
    woken.register(300, SOON).await.unwrap();
    let incoming = woken.incoming(SOON).await.unwrap();
    incoming.answer().unwrap();
    calling.answered(SOON).await.unwrap();
    calling.hang_up(SOON).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_running_server_puts_a_backup_back_and_is_there_again_by_itself() {
    let office = Installation::start().await;
    let secret = office.add("101").await;
    let (code, _) = with_passphrase(&office, &["backup", "set-policy", "--passphrase-stdin"], PASSPHRASE).await;
    assert_eq!(code, 0);
    let name = office.run(&["backup", "create"]).await["name"].as_str().unwrap().to_owned();
    office.add("102").await;
    let process = office.process();
    let restore = format!("/backups/{name}/restore");
    let (status, _) = office.api().ask(Method::POST, &restore, Some(&json!({}))).await.expect("the server answers");
    assert_eq!(status, 202);
    // The second extension is of after the backup: it is gone once the server is back.
    timeout(SOON, async {
        loop {
            let seen = office.api().ask(Method::GET, "/extensions", None).await;
            if seen.is_some_and(|(_, list)| list["extensions"].as_array().is_some_and(|all| all.len() == 1)) {
                break;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the server comes back with the backup");
    assert_eq!(office.process(), process, "it is the same process");
    desk(&office, &secret).await;
    assert!(office.folder().join("data/before-restore/nightbell.db").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_beside_a_running_server_is_refused() {
    let office = Installation::start().await;
    let (_, refused) =
        with_passphrase(&office, &["backup", "restore", "/nowhere.nightbell", "--passphrase-stdin"], PASSPHRASE).await;
    assert!(refused["detail"].as_str().unwrap().contains("in use by another Nightbell"), "{refused}");
}
