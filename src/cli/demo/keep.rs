//! `demo --keep`: the server stays, the apps go on sleeping and waking, until Ctrl-C.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;

use super::stage::{ANNA, RECEPTION, Stage, add_extension};
use super::{DemoError, SOON, Seen};
use crate::app::AppError;
use crate::cli::output;
use crate::cli::serve::Signals;
use crate::phone::Phone;

/// An extension for a telephone of the visitor's own.
const VISITOR: &str = "103";
/// Seconds a woken app stays registered.
const HOUR: u32 = 3600;
/// Nobody talks to a demo for longer.
const LONG: Duration = Duration::from_secs(3600);

/// Prints the way in, then plays the phones until a signal comes.
pub(super) async fn until_signal(stage: &mut Stage, signals: &mut Signals, json: bool) -> Seen<()> {
    announce(stage, json).await?;
    for app in [&stage.iphone, &stage.android] {
        app.phone.background().await;
    }
    loop {
        tokio::select! {
            _ = signals.next() => return Ok(()),
            delivered = stage.post_box.next() => {
                let ended = || DemoError::Setup("the stand-ins have ended".to_owned());
                let delivered = delivered.ok_or_else(ended)?;
                let pushed = [&stage.iphone, &stage.android].into_iter().find(|app| app.call_token == delivered.push.token);
                if let (Some(app), "call") = (pushed, delivered.field("t")) {
                    tokio::spawn(take_call(app.phone.clone()));
                }
            }
        }
    }
}

async fn announce(stage: &Stage, json: bool) -> Seen<()> {
    let link = web_admin::setup::setup_link(&stage.app.store, &stage.app.base_url).await.map_err(AppError::from)?;
    let visitor = add_extension(&stage.client, VISITOR, "You").await?;
    let (data_dir, secret) = (stage.data_dir(), visitor.secret.reveal());
    let udp = stage.app.sip_udp.first().map_or(0, SocketAddr::port);
    if json {
        output::print_json(&json!({
            "ok": true,
            "setup_link": link.url,
            "data_dir": data_dir,
            "sip_udp_port": udp,
            "extension": VISITOR,
            "secret": secret,
        }));
        return Ok(());
    }
    output::print(&format!(
        "\nIt keeps running. Its admin pages (the certificate is self-made, so the browser warns):\n\n  {}\n\n\
         A softphone on this machine can join: {VISITOR}@127.0.0.1:{udp} (UDP), secret {secret}.\n\
         {ANNA} is the iPhone app and {RECEPTION} the desk phone with the Android app; both apps sleep, wake and answer.\n\
         Commands reach it so: nightbell --data-dir {} registrations\n\
         Ctrl-C ends it and removes everything.\n",
        link.url,
        data_dir.display()
    ));
    Ok(())
}

/// Wakes, answers, talks until the other side hangs up, and sleeps again.
async fn take_call(phone: Phone) {
    let taken = async {
        phone.wake(HOUR, SOON).await?;
        let bell = phone.incoming(SOON).await?;
        bell.ring()?;
        bell.answer()?;
        bell.ended(LONG).await
    };
    if let Err(error) = taken.await {
        tracing::info!(%error, "a phone of the demo did not take its call");
    }
    phone.background().await;
}
