//! Static files inside the binary, each under a name that contains its hash, so that browsers may keep it for ever.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};

use crate::token::hex;

/// One static file.
#[derive(Debug)]
pub(crate) struct Asset {
    pub(crate) url: String,
    name: String,
    kind: &'static str,
    bytes: &'static [u8],
}

impl Asset {
    fn new(stem: &str, extension: &str, kind: &'static str, bytes: &'static [u8]) -> Self {
        let hash: String = hex(&Sha256::digest(bytes)).chars().take(16).collect();
        let name = format!("{stem}.{hash}.{extension}");
        Self { url: format!("/static/{name}"), name, kind, bytes }
    }
}

static CSS: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("app", "css", "text/css; charset=utf-8", include_bytes!("../static/app.css")));
static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("app", "js", "text/javascript; charset=utf-8", include_bytes!("../static/app.js")));
static PASSKEY_SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("passkey", "js", "text/javascript; charset=utf-8", include_bytes!("../static/passkey.js"))
});
static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_bytes!("../static/icon.svg")));

/// The style sheet.
pub(crate) fn css() -> &'static Asset {
    &CSS
}

/// The script; every page works without it.
pub(crate) fn script() -> &'static Asset {
    &SCRIPT
}

/// Asks browsers for passkeys; only the pages about them have it.
pub(crate) fn passkey_script() -> &'static Asset {
    &PASSKEY_SCRIPT
}

/// The icon.
pub(crate) fn icon() -> &'static Asset {
    &ICON
}

/// Serves a static file by its hashed name.
pub(crate) async fn serve(Path(name): Path<String>) -> Response {
    let Some(asset) = [css(), script(), passkey_script(), icon()].into_iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [(header::CONTENT_TYPE, asset.kind), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
    (headers, asset.bytes).into_response()
}
