//! `demo --keep`: the server stays, the apps go on sleeping and waking, until Ctrl-C.

use serde_json::json;

use super::stage::{ANNA, PhoneApp, RECEPTION, Stage, add_extension};
use super::{DemoError, SOON, Seen};
use crate::app::AppError;
use crate::cli::output;
use crate::cli::serve::Signals;

/// An extension for a telephone of the visitor's own.
const VISITOR: &str = "103";
/// Seconds a woken app stays registered.
const HOUR: u32 = 3600;

/// Prints the way in, then plays the phones until a signal comes.
pub(super) async fn until_signal(stage: &mut Stage, signals: &mut Signals, json: bool) -> Seen<()> {
    let link = web_admin::setup::setup_link(&stage.app.store, &stage.app.base_url).await.map_err(AppError::from)?;
    let visitor = add_extension(&stage.client, VISITOR, "You").await?;
    let udp = stage.app.sip_udp.first().map_or(0, std::net::SocketAddr::port);
    if json {
        let document = json!({ "ok": true, "setup_link": link.url, "sip_udp_port": udp, "extension": VISITOR, "secret": visitor.secret });
        output::print_json(&document);
    } else {
        output::print(&format!(
            "\nIt keeps running. Its admin pages (the certificate is self-made, so the browser warns):\n\n  {}\n\n\
             To call in with a softphone on this machine: {VISITOR}@127.0.0.1:{udp}, secret {}.\n\
             {ANNA} is the iPhone app: it sleeps, wakes and answers. {RECEPTION} rings the desk phone and wakes the Android app.\n\
             Ctrl-C ends it and removes everything.\n",
            link.url,
            visitor.secret.reveal()
        ));
    }
    for app in [&stage.iphone, &stage.android] {
        app.phone.background().await;
    }
    loop {
        tokio::select! {
            _ = signals.next() => return Ok(()),
            delivered = stage.post_box.next() => {
                let Some(delivered) = delivered else { return Err(DemoError::Setup("the stand-ins have ended".to_owned())) };
                if delivered.field("t") != "call" {
                    continue;
                }
                let pushed = [&stage.iphone, &stage.android].into_iter().find(|app| app.call_token == delivered.push.token);
                if let Some(app) = pushed {
                    tokio::spawn(take_call(PhoneApp { phone: app.phone.clone(), call_token: String::new(), notice_token: String::new(), extension: app.extension }));
                }
            }
        }
    }
}

/// Wakes, answers, talks until the other side hangs up, and sleeps again.
async fn take_call(app: PhoneApp) {
    let answered = async {
        app.phone.wake(HOUR, SOON).await?;
        let bell = app.phone.incoming(SOON).await?;
        bell.ring()?;
        bell.answer()?;
        bell.ended(std::time::Duration::from_secs(3600)).await
    };
    if let Err(error) = answered.await {
        tracing::info!(%error, "a phone of the demo did not take its call");
    }
    app.phone.background().await;
}
