//! How long pages take with a big installation behind them, and whether open pages keep up with changes.
//!
//! The whole server in this process, with 2,000 extensions and a million calls in the log; every page and API answer is
//! fetched over HTTPS by a signed-in browser. Then the phones register at 200 a second while 20 browsers have the list of
//! extensions open and fetch it again as the pages' script does. `NIGHTBELL_CALLS`, `NIGHTBELL_EXTENSIONS` and
//! `NIGHTBELL_BROWSERS` change the size.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing to measure")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nightbell::app::App;
use nightbell::config::{Config, HttpsConfig, SipConfig};
use nightbell::phone::load::{self, RegisterLoad};
use pbx_core::model::{NewExtension, SipCredential};
use pbx_core::sip::digest::ha1;
use pbx_core::store::sql::query;
use pbx_core::switchboard::command::{Command, NewAccount, Reply};
use pbx_core::switchboard::output::Notice;
use tokio::task::JoinSet;

/// Fetches of each page.
const FETCHES: usize = 300;
/// State changes a second.
const CHANGES: u64 = 200;
/// Several changes at once become one fetch (`web-admin/static/app.js`).
const PAUSE: Duration = Duration::from_millis(250);
const PASSWORD: &str = "a long pass phrase for the bench";

fn size(variable: &str, usual: usize) -> usize {
    std::env::var(variable).map_or(usual, |text| text.parse().unwrap())
}

#[tokio::main]
async fn main() {
    let (extensions, calls) = (size("NIGHTBELL_EXTENSIONS", 2_000), size("NIGHTBELL_CALLS", 1_000_000));
    let folder = tempfile::tempdir().unwrap();
    let free = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
    let config = Config {
        data_dir: folder.path().join("data"),
        public_host: "127.0.0.1".to_owned(),
        sip: SipConfig { udp: free.clone(), tcp: free.clone(), tls: free },
        https: HttpsConfig { listen: ([127, 0, 0, 1], 0).into() },
        ..Config::default()
    };
    let app = App::start(&config).await.unwrap();
    let began = Instant::now();
    let accounts = add_extensions(&app, extensions).await;
    add_calls(&app, calls, extensions).await;
    println!("{extensions} extensions and {calls} calls are there after {:.1} s", began.elapsed().as_secs_f64());
    make_owner(&app).await;
    let browser = Browser::sign_in(&app).await;
    pages(&browser, calls, extensions).await;
    changes(&app, accounts).await;
    app.stop().await;
}

fn number(index: usize) -> String {
    (10_000 + index).to_string()
}

/// Adds them as an import does; gives number and secret of each.
async fn add_extensions(app: &App, many: usize) -> Vec<(String, String)> {
    let Reply::Settings(settings) = app.switchboard.ask(Command::ShowSettings).await.unwrap() else {
        panic!("settings")
    };
    let all: Vec<_> = (0..many).map(|index| (number(index), format!("secret-of-{index}"))).collect();
    for some in all.chunks(500) {
        let accounts = some.iter().map(|(number, secret)| {
            let (md5, sha256) = ha1(number, &settings.realm, secret);
            let extension = number.parse().unwrap();
            let new = NewExtension {
                number: extension,
                name: format!("Person of {number}").parse().unwrap(),
                email: None,
                secret: None,
            };
            let credential = SipCredential { username: number.parse().unwrap(), extension, md5, sha256 };
            NewAccount { extension: new, credential }
        });
        app.switchboard.ask(Command::AddExtensions(accounts.collect())).await.unwrap();
    }
    all
}

/// A year of calls between extensions and from outside, with a timeline of three lines each.
async fn add_calls(app: &App, many: usize, extensions: usize) {
    let (many, extensions) = (i64::try_from(many).unwrap(), i64::try_from(extensions).unwrap());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let start = i64::try_from(now).unwrap() - 365 * 86_400_000;
    let mut transaction = app.store.begin().await.unwrap();
    query(
        "INSERT INTO call (id, uuid, caller, caller_name, callee, started_at, answered_at, ended_at, ending, reason, \
         packets_from_caller, packets_from_callee) \
         WITH RECURSIVE n (id) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT id + 1 FROM n WHERE id < $1) \
         SELECT id, '00000000-0000-4000-8000-000000000000', \
         CASE WHEN id % 3 = 0 THEN '+4930' || (id * 7919 % 9999991) ELSE CAST(10000 + id * 31 % $2 AS TEXT) END, \
         CASE WHEN id % 3 = 0 THEN 'Customer ' || (id % 50000) ELSE 'Person' END, CAST(10000 + id * 17 % $2 AS TEXT), \
         $3 + id * 365 * 86400 / $1 * 1000, NULL, $3 + id * 365 * 86400 / $1 * 1000 + 20000, \
         CASE id % 1000 WHEN 0 THEN 'busy' WHEN 1 THEN 'no_answer' ELSE 'completed' END, 'it ended', 100, 100 FROM n",
    )
    .bind(many)
    .bind(extensions)
    .bind(start)
    .execute(&mut transaction)
    .await
    .unwrap();
    query(
        "INSERT INTO call_event (call_id, seq, at, step, detail) SELECT call.id, line.seq, call.started_at + line.seq, \
         'ringing', 'a phone' FROM call CROSS JOIN (SELECT 1 AS seq UNION SELECT 2 UNION SELECT 3) AS line",
    )
    .execute(&mut transaction)
    .await
    .unwrap();
    transaction.commit().await.unwrap();
}

async fn make_owner(app: &App) {
    let link = web_admin::setup::setup_link(&app.store, &app.base_url).await.unwrap();
    let browser = Browser { http: client(app), base: app.base_url.clone(), cookie: String::new() };
    let account = [("name", "anna"), ("password", PASSWORD), ("again", PASSWORD)];
    let made = browser.post(link.url.strip_prefix(&app.base_url).unwrap(), &account).await;
    assert!(made.status().is_redirection() || made.status().is_success(), "{}", made.status());
}

fn client(app: &App) -> reqwest::Client {
    let authority = reqwest::Certificate::from_pem(app.certificate.own_pem().unwrap().as_bytes()).unwrap();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([authority]);
    client.redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// A signed-in browser with connections of its own.
struct Browser {
    http: reqwest::Client,
    base: String,
    cookie: String,
}

impl Browser {
    async fn sign_in(app: &App) -> Self {
        let mut browser = Self { http: client(app), base: app.base_url.clone(), cookie: String::new() };
        let answer = browser.post("/sign-in", &[("name", "anna"), ("password", PASSWORD)]).await;
        let set = answer.headers().get("set-cookie").expect("signed in").to_str().unwrap();
        browser.cookie = set.split(';').next().unwrap().to_owned();
        browser
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> reqwest::Response {
        let request = self.http.post(format!("{}{path}", self.base)).form(form);
        request.header("origin", &self.base).header("sec-fetch-site", "same-origin").send().await.unwrap()
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        let answer = self.http.get(format!("{}{path}", self.base)).header("cookie", &self.cookie).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer
    }

    /// Fetches the whole page; how long that took.
    async fn time(&self, path: &str) -> Duration {
        let began = Instant::now();
        self.get(path).await.bytes().await.unwrap();
        began.elapsed()
    }
}

fn print(what: &str, times: &mut [Duration]) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    println!("{what:<60} {:>8.1} {:>8.1} {:>8.1}", at(0.5), at(0.99), at(1.0));
}

async fn pages(browser: &Browser, calls: usize, extensions: usize) {
    let middle = calls / 2;
    let day = |ago: i64| {
        let day = jiff::Zoned::now().date().checked_sub(jiff::Span::new().days(ago)).unwrap();
        day.to_string()
    };
    let paths = [
        "/".to_owned(),
        "/extensions".to_owned(),
        "/extensions?search=person+of+119".to_owned(),
        format!("/extensions?after={}", number(extensions / 2)),
        format!("/extensions/{}", number(extensions / 2)),
        "/phones".to_owned(),
        "/push".to_owned(),
        "/push/tokens".to_owned(),
        "/calls".to_owned(),
        format!("/calls?before={middle}"),
        "/calls?ending=busy".to_owned(),
        "/calls?ending=declined".to_owned(),
        format!("/calls?from={}&until={}", day(300), day(299)),
        "/calls?number=Customer+77".to_owned(),
        "/calls?number=nobody+is+called+that".to_owned(),
        format!("/calls/{middle}"),
        "/security".to_owned(),
        "/system".to_owned(),
        "/api/v1/calls?limit=500".to_owned(),
        "/api/v1/extensions?limit=500".to_owned(),
        "/api/v1/status".to_owned(),
        "/api/v1/doctor".to_owned(),
    ];
    println!("{:<60} {:>8} {:>8} {:>8}", "milliseconds over HTTPS, one browser", "p50", "p99", "max");
    let mut all = Vec::new();
    for path in paths {
        browser.time(&path).await;
        let mut times = Vec::with_capacity(FETCHES);
        for _ in 0..FETCHES {
            times.push(browser.time(&path).await);
        }
        print(&path, &mut times);
        all.extend(times);
    }
    print("all of them", &mut all);
}

/// When each extension changed, as the switchboard said it.
type Changed = Arc<Mutex<BTreeMap<String, Instant>>>;

async fn changes(app: &App, accounts: Vec<(String, String)>) {
    let many = size("NIGHTBELL_BROWSERS", 20);
    let changed = Changed::default();
    let mut notices = app.switchboard.notices();
    let noting = tokio::spawn({
        let changed = Arc::clone(&changed);
        async move {
            while let Ok(notice) = notices.recv().await {
                if let Notice::Extension(number) = notice {
                    changed.lock().unwrap().entry(number.to_string()).or_insert_with(Instant::now);
                }
            }
        }
    });
    let mut browsers = JoinSet::new();
    for _ in 0..many {
        browsers.spawn(watch(Browser::sign_in(app).await, accounts.len(), Arc::clone(&changed)));
    }
    let spread = Duration::from_millis(accounts.len() as u64 * 1000 / CHANGES);
    let phones = RegisterLoad {
        server: app.sip_udp[0],
        accounts,
        in_flight: 1,
        expires: 3600,
        within: Duration::from_secs(30),
        spread,
        local: None,
    };
    let report = load::register(phones).await.unwrap();
    println!(
        "{} phones registered in {:.1} s, {} refused",
        report.accepted,
        report.took.as_secs_f64(),
        report.refused.len()
    );
    let (mut lags, mut fetches, mut reloads) = (Vec::new(), Vec::new(), 0);
    while let Some(watched) = browsers.join_next().await {
        let watched = watched.unwrap();
        lags.extend(watched.lags);
        fetches.extend(watched.fetches);
        reloads += watched.reloads;
    }
    noting.abort();
    println!("{many} browsers: {} changes seen, {reloads} were told to look at everything again", lags.len());
    print("from the change to the browser, milliseconds", &mut lags);
    print(&format!("{} fetches of the open list meanwhile", fetches.len()), &mut fetches);
}

#[derive(Default)]
struct Watched {
    lags: Vec<Duration>,
    fetches: Vec<Duration>,
    reloads: usize,
}

/// An open list: hears of changes, and fetches the page again a moment after the first of them.
async fn watch(browser: Browser, extensions: usize, changed: Changed) -> Watched {
    let browser = Arc::new(browser);
    let mut stream = browser.get("/events").await;
    let mut watched = Watched::default();
    let (mut text, mut fetching) = (String::new(), JoinSet::new());
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < extensions && watched.reloads == 0 {
        let Some(bytes) = stream.chunk().await.unwrap() else { break };
        text.push_str(&String::from_utf8_lossy(&bytes));
        while let Some((event, rest)) = text.split_once("\n\n") {
            let data = event.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or_default();
            if event.contains("event: reload") {
                watched.reloads += 1;
            } else if event.contains("event: extension") && seen.insert(data.to_owned()) {
                // The browser may be faster than who notes the changes.
                let lag = changed.lock().unwrap().get(data).map_or(Duration::ZERO, Instant::elapsed);
                watched.lags.push(lag);
            }
            text = rest.to_owned();
        }
        if fetching.is_empty() {
            let browser = Arc::clone(&browser);
            fetching.spawn(async move {
                tokio::time::sleep(PAUSE).await;
                browser.time("/extensions").await
            });
        }
        while let Some(fetched) = fetching.try_join_next() {
            watched.fetches.push(fetched.unwrap());
        }
    }
    watched.fetches.extend(fetching.join_all().await);
    watched
}
