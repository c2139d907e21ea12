//! A real browser: Chromium, driven over WebDriver (W3C) by plain HTTP on the loopback.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::SOON;
use super::program::Program;

/// What names an element in answers (WebDriver section 12.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// How the browser is set up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// Width of the page in pixels.
    pub(crate) width: u32,
    /// Whether scripts run.
    pub(crate) scripts: bool,
    /// Whether the system prefers dark pages.
    pub(crate) dark: bool,
}

/// The usual window of a desktop.
pub(crate) const DESKTOP: Look = Look { width: 1100, scripts: true, dark: false };

/// A browser window with cookies of its own.
pub(crate) struct Browser {
    driver: Program,
    home: TempDir,
    http: reqwest::Client,
    session: String,
    origin: String,
}

impl Browser {
    /// Opens a window; addresses that begin with a slash belong to `origin`.
    pub(crate) async fn open(origin: &str, look: Look) -> Self {
        Self::open_with(origin, look, &[]).await
    }

    /// The same, with this key of a certificate trusted (its SHA-256 in base64), which passkeys need.
    pub(crate) async fn open_trusting(origin: &str, look: Look, key: &str) -> Self {
        Self::open_with(origin, look, &[format!("--ignore-certificate-errors-spki-list={key}")]).await
    }

    async fn open_with(origin: &str, look: Look, more: &[String]) -> Self {
        let home = tempfile::tempdir().expect("the system gives a temporary folder");
        let driver = Program::start("chromedriver", "chromedriver", &["--port=0"], home.path());
        let started = driver.line("its port", SOON, |line| line.contains("started successfully on port")).await;
        let port: u16 = started
            .trim_end_matches('.')
            .rsplit(' ')
            .next()
            .and_then(|port| port.parse().ok())
            .unwrap_or_else(|| panic!("no port in “{started}”"));
        let http = reqwest::Client::builder().no_proxy().build().expect("plain HTTP needs nothing");
        let base = format!("http://127.0.0.1:{port}/session");
        let mut arguments = vec![
            "--headless=new".to_owned(),
            // Everything it opens comes from this test, and the sandbox refuses to run for root.
            "--no-sandbox".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            format!("--user-data-dir={}", home.path().join("profile").display()),
        ];
        arguments.extend_from_slice(more);
        if look.dark {
            arguments.push("--blink-settings=preferredColorScheme=0".to_owned());
        }
        let scripts = if look.scripts { 1 } else { 2 };
        let options = json!({
            "args": arguments,
            "prefs": { "profile.managed_default_content_settings.javascript": scripts },
            "mobileEmulation": { "deviceMetrics": { "width": look.width, "height": 800, "pixelRatio": 1.0, "touch": false } },
        });
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "acceptInsecureCerts": true,
            "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let mut browser = Self { driver, home, http, session: base, origin: origin.to_owned() };
        let made = browser.ask("", wanted).await;
        let id = made["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {made}"));
        browser.session = format!("{}/{id}", browser.session);
        browser
    }

    async fn try_ask(&self, command: &str, body: Value) -> Result<Value, Value> {
        let sent = self.http.post(format!("{}{command}", self.session)).timeout(SOON).json(&body).send().await;
        let answer = sent.unwrap_or_else(|error| panic!("chromedriver does not answer: {error}"));
        let good = answer.status().is_success();
        let body: Value = answer.json().await.unwrap_or_else(|error| panic!("chromedriver answers no JSON: {error}"));
        if good { Ok(body["value"].clone()) } else { Err(body["value"].clone()) }
    }

    async fn ask(&self, command: &str, body: Value) -> Value {
        self.try_ask(command, body).await.unwrap_or_else(|refused| panic!("{command}: {refused}"))
    }

    /// Opens an address and waits until it is loaded.
    pub(crate) async fn go(&self, address: &str) {
        let url = if address.starts_with('/') { format!("{}{address}", self.origin) } else { address.to_owned() };
        self.ask("/url", json!({ "url": url })).await;
    }

    async fn find(&self, css: &str) -> Option<String> {
        let found = self.try_ask("/element", json!({ "using": "css selector", "value": css })).await.ok()?;
        found[ELEMENT].as_str().map(str::to_owned)
    }

    async fn element(&self, css: &str) -> String {
        match self.find(css).await {
            Some(element) => element,
            None => panic!("{css} is not on the page:\n{}", self.text().await),
        }
    }

    /// Types into a field, as the keyboard does.
    pub(crate) async fn fill(&self, css: &str, text: &str) {
        let element = self.element(css).await;
        self.ask(&format!("/element/{element}/clear"), json!({})).await;
        self.ask(&format!("/element/{element}/value"), json!({ "text": text })).await;
    }

    /// Chooses an option of a selection by its value.
    pub(crate) async fn choose(&self, css: &str, value: &str) {
        let element = self.element(&format!("{css} option[value='{value}']")).await;
        self.ask(&format!("/element/{element}/click"), json!({})).await;
    }

    /// Clicks a button or link and waits for the page it leads to.
    pub(crate) async fn click(&self, css: &str) {
        let element = self.element(css).await;
        self.ask(&format!("/element/{element}/click"), json!({})).await;
    }

    /// The visible text of the page.
    pub(crate) async fn text(&self) -> String {
        let Some(body) = self.find("body").await else { return String::new() };
        let answer = self.http.get(format!("{}/element/{body}/text", self.session)).timeout(SOON).send().await;
        let answer = answer.unwrap_or_else(|error| panic!("chromedriver does not answer: {error}"));
        let body: Value = answer.json().await.unwrap_or_default();
        body["value"].as_str().unwrap_or_default().to_owned()
    }

    /// Waits, without loading anything, until the page shows `text`.
    pub(crate) async fn shows(&self, text: &str) {
        let looking = async {
            let mut tick = tokio::time::interval(Duration::from_millis(50));
            loop {
                tick.tick().await;
                if self.text().await.contains(text) {
                    return;
                }
            }
        };
        if tokio::time::timeout(SOON, looking).await.is_err() {
            panic!("the page does not show “{text}” within {SOON:?}:\n{}", self.text().await);
        }
    }

    /// What a function body without arguments returns in the page; works also where the page's own scripts are off.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.ask("/execute/sync", json!({ "script": script, "args": [] })).await
    }

    /// Everything the console has complained about since the last question.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.ask("/se/log", json!({ "type": "browser" })).await;
        let lines = log.as_array().cloned().unwrap_or_default();
        lines
            .iter()
            .filter(|line| line["level"] != "INFO" && line["level"] != "DEBUG")
            .filter_map(|line| line["message"].as_str().map(str::to_owned))
            .collect()
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.ask("/goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await
    }

    /// Changes the width of the window and what the system prefers, without loading anything.
    pub(crate) async fn wear(&self, look: Look) {
        let size = json!({ "width": look.width, "height": 800, "deviceScaleFactor": 1, "mobile": look.width < 500 });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
        let scheme = if look.dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    /// The whole page as a PNG file.
    pub(crate) async fn picture(&self, file: &Path) {
        let wanted = json!({ "format": "png", "captureBeyondViewport": true });
        let taken = self.devtools("Page.captureScreenshot", wanted).await;
        let png = base64::engine::general_purpose::STANDARD.decode(taken["data"].as_str().unwrap_or_default());
        std::fs::write(file, png.expect("a picture is base64")).expect("the build folder can be written");
    }

    /// What axe-core (tests/axe) holds against the page, one line each; only what it calls serious or critical.
    pub(crate) async fn barriers(&self) -> Vec<String> {
        const AXE: &str = include_str!("../../axe/axe.min.js");
        // Sent once for each page: it is half a megabyte.
        if self.run("return typeof axe").await != "object" {
            self.run(AXE).await;
        }
        let script = "const done = arguments[arguments.length - 1];\
             axe.run(document, { resultTypes: ['violations'] }).then(\
             (found) => done(found.violations.filter((it) => ['serious', 'critical'].includes(it.impact)).flatMap(\
             (it) => it.nodes.map((node) => `${it.id}: ${node.html} ${node.failureSummary}`))),\
             (error) => done([String(error)]));";
        let found = self.ask("/execute/async", json!({ "script": script, "args": [] })).await;
        let lines = found.as_array().cloned().unwrap_or_else(|| vec![found]);
        lines.iter().map(|line| line.as_str().map_or_else(|| line.to_string(), str::to_owned)).collect()
    }

    /// Gives the machine a device with passkeys that checks its owner; its id (WebAuthn level 2, section 11.3).
    pub(crate) async fn authenticator(&self) -> String {
        let wanted = json!({ "protocol": "ctap2", "transport": "internal", "hasResidentKey": true,
            "hasUserVerification": true, "isUserConsenting": true, "isUserVerified": true });
        let made = self.ask("/webauthn/authenticator", wanted).await;
        made.as_str().unwrap_or_else(|| panic!("no authenticator: {made}")).to_owned()
    }

    /// Whether the device finds that it is its owner.
    pub(crate) async fn verifies(&self, authenticator: &str, verified: bool) {
        let path = format!("/webauthn/authenticator/{authenticator}/uv");
        self.ask(&path, json!({ "isUserVerified": verified })).await;
    }

    /// Closes the window and ends the driver.
    pub(crate) async fn close(mut self) {
        // A browser that is gone already is closed.
        let _ = self.http.delete(&self.session).timeout(SOON).send().await;
        self.driver.kill().await;
        drop(self.home);
    }
}
