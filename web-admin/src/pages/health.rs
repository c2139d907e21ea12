//! `/healthz` and `/readyz`: for `healthcheck`, containers and monitors. The first says whether the switchboard answers (if not, start anew);
//! the second whether calls can be taken (if not, send them elsewhere): it also asks the database, and minds a stop.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use pbx_core::store::sql::query_scalar;
use pbx_core::switchboard::command::{Command, Reply};

use crate::state::AdminState;

/// A switchboard that needs longer is not healthy.
const WITHIN: Duration = Duration::from_secs(2);

pub(crate) async fn healthz(State(state): State<AdminState>) -> (StatusCode, &'static str) {
    match tokio::time::timeout(WITHIN, state.switchboard.ask(Command::Status)).await {
        Ok(Ok(_)) => (StatusCode::OK, "ok\n"),
        Ok(Err(_)) | Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the switchboard does not answer\n"),
    }
}

pub(crate) async fn readyz(State(state): State<AdminState>) -> (StatusCode, &'static str) {
    let asked = async {
        match state.switchboard.ask(Command::Status).await {
            Ok(Reply::Status(status)) if status.draining => return Err("stopping, no new calls are taken\n"),
            Ok(_) => {}
            Err(_) => return Err("the switchboard does not answer\n"),
        }
        let one: Result<i64, _> = query_scalar("SELECT count(*) FROM seal_check").fetch_one(state.store.reader()).await;
        one.map(drop).map_err(|_| "the database does not answer\n")
    };
    match tokio::time::timeout(WITHIN, asked).await {
        Ok(Ok(())) => (StatusCode::OK, "ready\n"),
        Ok(Err(why)) => (StatusCode::SERVICE_UNAVAILABLE, why),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "switchboard or database do not answer in time\n"),
    }
}
