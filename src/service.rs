//! The service manager is told when we serve, when we stop, and that we are alive (sd_notify(3), `Type=notify`).
//!
//! Alive means that the switchboard answers: a server whose switchboard hangs is restarted by systemd, whatever else runs.
//! Without a service manager nothing happens here.

use std::time::Duration;

use pbx_core::handle::SwitchboardHandle;
use pbx_core::switchboard::command::Command;
use sd_notify::NotifyState;

/// A switchboard that needs longer is not alive.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);
/// Looks within the time after which systemd gives up; one may be missed.
const LOOKS: u32 = 3;

/// Phones and browsers are served.
pub fn ready(addresses: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(addresses)]);
}

/// No new calls are taken.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("calls end, then everything is saved")]);
}

/// A restored backup takes the place of what was here; `ready` follows.
pub fn restarting() {
    tell(&[NotifyState::Status("a restored backup takes the place of what was here")]);
}

/// Says that we are alive as long as the switchboard answers; ends at once when nobody wants to know.
pub async fn watchdog(switchboard: SwitchboardHandle) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    let every = limit / LOOKS;
    loop {
        let answered = tokio::time::timeout(ANSWERS_WITHIN.min(every), switchboard.ask(Command::Status)).await;
        match answered {
            // Refused because it is stopping is an answer, too.
            Ok(_) => tell(&[NotifyState::Watchdog]),
            Err(_) => tracing::error!("the switchboard does not answer; the service manager will restart Nightbell"),
        }
        tokio::time::sleep(every).await;
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager cannot be told");
    }
}
