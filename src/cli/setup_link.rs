//! `nightbell setup-link`: the way to the first admin account, and back in when a password is lost.

use pbx_core::model::UnixMillis;
use serde::Deserialize;

use super::client::Client;
use super::failure::Failure;
use super::output::{Report, time};

#[derive(Debug, Deserialize)]
struct SetupLink {
    url: String,
    expires_at: UnixMillis,
}

pub(super) async fn run(client: Client) -> Result<Report, Failure> {
    let link = client.post_nothing::<SetupLink>("/setup-link").await?;
    let SetupLink { url, expires_at } = &link.known;
    let text = format!(
        "{url}\n\nOpen it in a browser. It works once, until {}; the link before it stops working.\n",
        time(*expires_at)
    );
    Ok(Report::done(text, link.raw))
}
