//! A secret goes into every field that takes one and is found nowhere: not in the database or its WAL, not in the log at
//! trace, in no answer of the API, on no page, and not in the process's environment or command line.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as URL_SAFE};
use nightbell::phone::{Phone, Transport};
use push_module::standin::ApnsStandin;
use reqwest::{Client, StatusCode, redirect};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::SOON;
use crate::support::installation::Installation;

const OWNER_PASSWORD: &str = "canary-owner-kestrel-lantern";
const USER_PASSWORD: &str = "canary-user-gravel-violin";
const WRONG_PASSWORD: &str = "canary-wrong-otter-marble";
const SIP_SECRET: &str = "canary-sip-secret-101";
const PUSH_TOKEN: &str = "canarypushtoken0123456789";
const MAIL_PASSWORD: &str = "canary-mail-password-77";
const BACKUP_PASSPHRASE: &str = "canary-backup-passphrase-31";
const PROXY_PASSWORD: &str = "canary-web-proxy-password-31";
/// As an authority shows it.
const EAB_KEY: &str = "Y2FuYXJ5LWV4dGVybmFsLWFjY291bnQtMDEyMzQ1Njc4";
/// 32 bytes in base64.
const RELAY_SECRET: &str = "Y2FuYXJ5LXJlbGF5LXNlY3JldC0wMTIzNDU2Nzg5YWI=";

/// A browser without a screen.
struct Web {
    client: Client,
    base: String,
    cookies: Vec<String>,
}

impl Web {
    fn new(base: &str) -> Self {
        nightbell::app::install_crypto();
        let client = Client::builder().danger_accept_invalid_certs(true).redirect(redirect::Policy::none());
        Self { client: client.build().unwrap(), base: base.to_owned(), cookies: Vec::new() }
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        let request = self.client.get(format!("{}{path}", self.base)).header("cookie", self.cookies.join("; "));
        let answer = request.send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> String {
        let request = self.client.post(format!("{}{path}", self.base)).header("cookie", self.cookies.join("; "));
        let answer = request.form(form).send().await.unwrap();
        for set in answer.headers().get_all("set-cookie") {
            let pair = set.to_str().unwrap().split(';').next().unwrap().to_owned();
            let name = pair.split('=').next().unwrap().to_owned();
            self.cookies.retain(|cookie| !cookie.starts_with(&format!("{name}=")));
            self.cookies.push(pair);
        }
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(!status.is_server_error(), "{path}: {status} {text}");
        text
    }
}

/// What is secret, by what it is.
#[derive(Default)]
struct Secrets(Vec<(String, Vec<u8>)>);

impl Secrets {
    fn put(&mut self, what: &str, secret: impl AsRef<[u8]>) {
        assert!(secret.as_ref().len() >= 10, "{what} is too short to be told from chance");
        self.0.push((what.to_owned(), secret.as_ref().to_vec()));
    }

    fn in_none(&self, place: &str, bytes: &[u8]) {
        for (what, secret) in &self.0 {
            let found = bytes.windows(secret.len()).position(|window| window == secret);
            if let Some(at) = found {
                let around =
                    String::from_utf8_lossy(&bytes[at.saturating_sub(120)..(at + 40).min(bytes.len())]).into_owned();
                panic!("{what} is in {place}: …{around}…");
            }
        }
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    text.split(before).nth(1).unwrap_or_else(|| panic!("{before} in {text}")).split(after).next().unwrap()
}

async fn api(here: &Installation, method: &str, path: &str, body: Value) -> Value {
    let method = method.parse().unwrap();
    let (status, answer) = here.api().ask(method, path, Some(&body)).await.unwrap();
    assert!(status.is_success(), "{path}: {status} {answer}");
    answer
}

/// Makes the owner by the setup link and signs in; every link, cookie and password is noted.
async fn owner(here: &Installation, secrets: &mut Secrets) -> Web {
    let link = here.run(&["setup-link"]).await["url"].as_str().unwrap().to_owned();
    let (base, token) = link.split_once("/setup/").unwrap();
    secrets.put("the setup link", token);
    secrets.put("the owner's password", OWNER_PASSWORD);
    secrets.put("a wrong password", WRONG_PASSWORD);
    let mut web = Web::new(base);
    let account = [("name", "anna"), ("password", OWNER_PASSWORD), ("again", OWNER_PASSWORD)];
    web.post(&format!("/setup/{token}"), &account).await;
    web.post("/sign-in", &[("name", "anna"), ("password", WRONG_PASSWORD)]).await;
    web.post("/sign-in", &[("name", WRONG_PASSWORD), ("password", "x")]).await;
    web.post("/sign-in", &[("name", "anna"), ("password", OWNER_PASSWORD)]).await;
    assert_eq!(web.get("/account").await.0, StatusCode::OK);
    web
}

/// Sets the second factor up; notes seed and recovery codes.
#[expect(clippy::disallowed_methods, reason = "an authenticator app reads the clock")]
async fn second_factor(web: &mut Web, secrets: &mut Secrets) {
    web.post("/account/second-factor/begin", &[]).await;
    let (_, page) = web.get("/account/second-factor").await;
    let seed = between(&page, "<span class=\"secret\">", "<").replace(' ', "");
    let secret = totp_rs::Secret::try_from_base32(&seed).unwrap();
    secrets.put("the seed as bytes", secret.as_bytes());
    secrets.put("the seed", &seed);
    let totp = totp_rs::Builder::new().with_secret(secret).build().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let code = totp.generate(now).to_string();
    let codes = web.post("/account/second-factor/confirm", &[("code", &code)]).await;
    let codes: Vec<_> = codes.split("<li><code>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
    assert_eq!(codes.len(), 10);
    codes.iter().for_each(|code| secrets.put("a recovery code", code));
}

/// Everything that takes a secret gets one.
async fn fill(here: &Installation, web: &mut Web, secrets: &mut Secrets) {
    secrets.put("a SIP secret", SIP_SECRET);
    api(here, "POST", "/extensions", json!({ "number": "101", "name": "Anna", "secret": SIP_SECRET })).await;
    let minted = api(here, "POST", "/extensions", json!({ "number": "102" })).await;
    secrets.put("a minted SIP secret", minted["secret"].as_str().unwrap());
    let link = api(here, "POST", "/extensions/101/enrolments", json!({})).await;
    secrets.put("an enrolment link", link["url"].as_str().unwrap().rsplit('/').next().unwrap());
    let user = api(here, "POST", "/users", json!({ "name": "ben", "role": "user", "extension": "101" })).await;
    let token = user["invitation"]["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    secrets.put("an invitation", &token);
    secrets.put("a user's password", USER_PASSWORD);
    web.post(&format!("/invite/{token}"), &[("password", USER_PASSWORD), ("again", USER_PASSWORD)]).await;
    let token = api(here, "POST", "/tokens", json!({ "name": "script", "scopes": ["read"] })).await;
    secrets.put("an API token", token["token"].as_str().unwrap());
    let apns = ApnsStandin::start().await.unwrap();
    let key = apns.new_credential(&["com.example.app"]).unwrap();
    let push_module::NewCredential::Apns(apns_key) = &key else { panic!("an APNs key") };
    let longest = apns_key.p8.reveal().lines().max_by_key(|line| line.len()).unwrap().to_owned();
    secrets.put("a push key", longest);
    here.credential(&apns).await;
    secrets.put("a relay's secret", RELAY_SECRET);
    let relay =
        json!({ "provider": "webhook", "url": "https://127.0.0.1:9/relay", "secret": format!("whsec_{RELAY_SECRET}") });
    api(here, "POST", "/push/credentials", relay).await;
    secrets.put("the passphrase of backups", BACKUP_PASSPHRASE);
    let policy = json!({ "keep": 3, "passphrase": BACKUP_PASSPHRASE });
    api(here, "PUT", "/backup-policy", policy).await;
    here.run(&["backup", "create"]).await;
    secrets.put("a mail account's password", MAIL_PASSWORD);
    let mail = json!({ "host": "127.0.0.1", "port": 9, "username": "mailer", "password": MAIL_PASSWORD,
        "from_address": "pbx@example.com" });
    api(here, "PUT", "/mail/account", mail).await;
    secrets.put("the web proxy's password", PROXY_PASSWORD);
    secrets.put("the web proxy's password in Basic", BASE64.encode(format!("nightbell:{PROXY_PASSWORD}")));
    // Nobody listens there; the stand-ins of this test are on this machine, which is reached without it.
    let proxy = json!({ "host": "127.0.0.1", "port": 9, "username": "nightbell", "password": PROXY_PASSWORD });
    api(here, "PUT", "/web-proxy", proxy).await;
    secrets.put("the key of an external account", EAB_KEY);
    secrets.put("the same key as bytes", URL_SAFE.decode(EAB_KEY).unwrap());
    // Nobody listens there.
    let authority = json!({ "directory": "https://127.0.0.1:9/dir", "agree_to_terms": true, "port": 9,
        "external_account": "kid-1", "external_account_key": EAB_KEY });
    api(here, "PUT", "/certificate/acme", authority).await;
    let told = json!({ "url": "https://127.0.0.1:9/told", "events": ["call.ended"], "allow_private": true });
    let told = api(here, "POST", "/event-webhooks", told).await;
    secrets.put("an event webhook's secret", told["secret"].as_str().unwrap().trim_start_matches("whsec_"));
    let renewed = api(here, "POST", "/event-webhooks/1/secret", json!({})).await;
    secrets.put("its next secret", renewed["secret"].as_str().unwrap().trim_start_matches("whsec_"));
    secrets.put("a push token", PUSH_TOKEN);
    let phone = Phone::builder(here.tcp)
        .extension("101")
        .secret(SIP_SECRET)
        .transport(Transport::Tcp)
        .instance(Uuid::new_v4())
        .push_params(format!(";pn-provider=fcm;pn-param=acme-phone;pn-prid={PUSH_TOKEN}"))
        .build()
        .unwrap();
    phone.register(3600, SOON).await.unwrap();
    second_factor(web, secrets).await;
    for cookie in &web.cookies {
        secrets.put("a cookie", cookie.split_once('=').unwrap().1);
    }
}

fn files(folder: &Path, all: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, all);
        } else if path.metadata().is_ok_and(|meta| meta.is_file()) {
            all.push(path);
        }
    }
}

const PAGES: &[&str] = &[
    "/",
    "/extensions",
    "/extensions/101",
    "/extensions/export",
    "/push",
    "/push/apps",
    "/push/health",
    "/push/webhook",
    "/calls",
    "/settings",
    "/settings/mail",
    "/settings/web-proxy",
    "/event-webhooks",
    "/event-webhooks/1",
    "/push/network",
    "/mails",
    "/security",
    "/system",
    "/system/network",
    "/system/backups",
    "/system/certificate",
    "/system/log",
    "/users",
    "/users/1",
    "/users/2",
    "/tokens",
    "/audit",
    "/audit/export",
    "/account",
    "/account/passkeys",
    "/account/sessions",
    "/account/second-factor",
    "/account/confirm",
];
const API: &[&str] = &[
    "/certificate",
    "/extensions",
    "/extensions/101",
    "/extensions/export",
    "/enrolments?extension=101",
    "/registrations",
    "/push/matrix",
    "/push/credentials",
    "/calls",
    "/blocklist",
    "/settings",
    "/mail/account",
    "/web-proxy",
    "/event-webhooks",
    "/event-webhooks/1/deliveries",
    "/push/network-check",
    "/mails",
    "/status",
    "/doctor",
    "/metrics",
    "/tokens",
    "/users",
    "/users/2",
    "/audit",
    "/audit/export",
    "/account/sessions",
];

#[tokio::test]
async fn a_secret_put_into_every_field_is_found_nowhere() {
    let mut here = Installation::start_logging_everything().await;
    let mut secrets = Secrets::default();
    let mut web = owner(&here, &mut secrets).await;
    fill(&here, &mut web, &mut secrets).await;

    for (at, list) in [("", PAGES), ("/api/v1", API)] {
        for path in list {
            let (status, text) = web.get(&format!("{at}{path}")).await;
            assert_eq!(status, StatusCode::OK, "{at}{path}: {text}");
            secrets.in_none(&format!("{at}{path}"), text.as_bytes());
        }
    }
    let id = here.process().expect("the server runs");
    for name in ["environ", "cmdline"] {
        secrets.in_none(name, &std::fs::read(format!("/proc/{id}/{name}")).unwrap());
    }
    // Killed, so that the WAL is still there.
    here.kill().await;
    let mut all = Vec::new();
    files(&here.folder().join("data"), &mut all);
    for there in ["-wal", ".nightbell"] {
        assert!(all.iter().any(|path| path.to_string_lossy().ends_with(there)), "{all:?}");
    }
    for path in all {
        secrets.in_none(&path.display().to_string(), &std::fs::read(&path).unwrap());
    }
    let log = here.log();
    assert!(log.contains("TRACE"), "the log says everything");
    assert!(!log.contains("panicked"), "{log}");
    secrets.in_none("the log", log.as_bytes());
}
